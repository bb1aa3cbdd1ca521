/* SPDX-License-Identifier: MIT */
/* One page between two that may not be touched: a kernel that reads or writes before the first or
 * behind the last octet of its input dies here. */
#ifndef TESTS_WIRE_FENCE_H
#define TESTS_WIRE_FENCE_H

#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

typedef struct fence {
    uint8_t *first; /* of the page */
    uint8_t *end;   /* behind its last octet */
} fence;

static inline fence fence_new(void)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    uint8_t *base = mmap(NULL, 3 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (base == MAP_FAILED || mprotect(base + page, page, PROT_READ | PROT_WRITE) != 0)
        abort();
    return (fence){base + page, base + 2 * page};
}

static inline void fence_free(fence f)
{
    size_t page = (size_t)(f.end - f.first);

    munmap(f.first - page, 3 * page);
}

/* Deterministic octets. */
static inline uint32_t lcg(uint64_t *seed)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*seed >> 32);
}

#endif
