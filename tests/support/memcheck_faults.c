/* SPDX-License-Identifier: MIT */
/* What memcheck must see, one fault for each word: for test_memcheck.py. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(int argc, char **argv)
{
    const char *fault = argc > 1 ? argv[argc - 1] : "";
    char *volatile block = malloc(8);

    if (block == NULL)
        return 1;
    if (strcmp(fault, "beyond") == 0)
        putchar(block[8] == 'a' ? 'a' : 'b');
    if (strcmp(fault, "unset") == 0)
        putchar(block[0] == 'a' ? 'a' : 'b');
    if (strcmp(fault, "leak") != 0)
        free(block);
    block = NULL;
    return 0;
}
