/* SPDX-License-Identifier: MIT */
/* bench_ring.h in a build without liburing. */
#include <errno.h>

#include "bench_ring.h"

int bench_ring_begin(bench *b)
{
    (void)b;
    return -ENOSYS;
}

void bench_ring_end(bench *b)
{
    (void)b;
}

void bench_ring_turn(bench *b, uint64_t wait)
{
    (void)b;
    (void)wait;
}

void bench_ring_drop(bench *b, bench_conn *c)
{
    (void)b;
    (void)c;
}

void bench_ring_flush(bench *b, bench_conn *c)
{
    (void)b;
    (void)c;
}
