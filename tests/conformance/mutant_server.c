/* SPDX-License-Identifier: MIT */
/*
 * A mutant (see mutant.h) over TCP on 127.0.0.1, for the judge's command line and for people:
 * mutant_server [FAULT [PORT]]. Prints "port N" when it listens. "mutant_server --list" names the
 * faults. Port 0 takes a free one.
 */
#include "mutant_tcp.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "none";
    const mutant_fault fault = mutant_find(name);
    uint16_t port = (uint16_t)(argc > 2 ? strtoul(argv[2], NULL, 10) : 0);
    int fd;

    if (strcmp(name, "--list") == 0) {
        for (unsigned i = 0; i < MUTANT_COUNT; i++) {
            if (mutant_roles((mutant_fault)i) & MUTANT_SERVER)
                printf("%-20s %s\n", mutant_name((mutant_fault)i), mutant_text((mutant_fault)i));
        }
        return 0;
    }
    if (fault == MUTANT_COUNT || !(mutant_roles(fault) & MUTANT_SERVER)) {
        fprintf(stderr, "there is no fault %s of servers\n", name);
        return 2;
    }
    fd = mutant_listen(&port);
    if (fd < 0) {
        perror("listen");
        return 1;
    }
    printf("port %u\n", port);
    fflush(stdout);
    mutant_serve(fd, &(mutant_habits){.fault = fault}, NULL);
    return 0;
}
