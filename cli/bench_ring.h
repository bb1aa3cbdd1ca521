/* SPDX-License-Identifier: MIT */
/*
 * The same connections over io_uring, while messages flow: opening and closing are epoll's. One
 * system call submits the sends of a turn and waits for what comes next.
 */
#ifndef CLI_BENCH_RING_H
#define CLI_BENCH_RING_H

#include "bench.h"

/* Takes the connections that take part over from epoll. 0, or a negative errno, and then nothing
 * has changed. */
int bench_ring_begin(bench *b);
/* Gives those that are left back. Octets that come meanwhile are dealt with. */
void bench_ring_end(bench *b);
void bench_ring_turn(bench *b, uint64_t wait);
/* Before the socket of a connection is closed. */
void bench_ring_drop(bench *b, bench_conn *c);
/* Sends what is owed at the end of the turn. */
void bench_ring_flush(bench *b, bench_conn *c);

#endif
