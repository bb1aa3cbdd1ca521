/* SPDX-License-Identifier: MIT */
/*
 * Runs a fuzz target over files: every argument is an input or a directory of inputs. Takes the
 * engine's place where there is none, so that corpora and old findings are ordinary tests. Each
 * input ends at a page that may not be touched.
 */
#include <dirent.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int count, failures;

static void fail(const char *path, const char *why)
{
    printf("not ok %d - %s: %s\n", ++count, path, why);
    failures++;
}

static void run_input(const uint8_t *data, size_t size)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), span = (size + page - 1) / page * page;
    uint8_t *base = mmap(NULL, span + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
                         0);

    if (base == MAP_FAILED || mprotect(base + span, page, PROT_NONE) != 0)
        abort();
    if (size > 0)
        memcpy(base + span - size, data, size);
    LLVMFuzzerTestOneInput(base + span - size, size);
    munmap(base, span + page);
}

static void run_file(const char *path, size_t size)
{
    FILE *f = fopen(path, "rb");
    uint8_t *data = malloc(size + 1);

    if (f == NULL || data == NULL || fread(data, 1, size, f) != size) {
        fail(path, "cannot be read");
    } else {
        /* If the target aborts, this is the last line. */
        printf("# %s\n", path);
        fflush(stdout);
        run_input(data, size);
        printf("ok %d - %s\n", ++count, strrchr(path, '/') ? strrchr(path, '/') + 1 : path);
    }
    free(data);
    if (f != NULL)
        fclose(f);
}

static int is_visible(const struct dirent *e)
{
    return e->d_name[0] != '.';
}

static void run_path(const char *path)
{
    struct stat st;
    struct dirent **entries;
    int n;

    if (stat(path, &st) != 0) {
        fail(path, "does not exist");
        return;
    }
    if (!S_ISDIR(st.st_mode)) {
        run_file(path, (size_t)st.st_size);
        return;
    }
    n = scandir(path, &entries, is_visible, alphasort);
    if (n <= 0) {
        fail(path, "holds no inputs");
        return;
    }
    for (int i = 0; i < n; i++) {
        char name[4096];
        if ((size_t)snprintf(name, sizeof(name), "%s/%s", path, entries[i]->d_name) < sizeof(name))
            run_path(name);
        else
            fail(entries[i]->d_name, "has too long a name");
        free(entries[i]);
    }
    free(entries);
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        run_path(argv[i]);
    printf("1..%d\n", count);
    return argc < 2 || failures > 0;
}
