/* SPDX-License-Identifier: MIT */
/* What a process has used, by its CPU clock and /proc. */
#ifndef CLI_BENCH_PROCESS_H
#define CLI_BENCH_PROCESS_H

#include <stdbool.h>
#include <stdint.h>

typedef struct bench_process {
    bool known;
    double cpu;          /* seconds, to the nanosecond where its clock may be read */
    double user, system; /* seconds, in ticks of the kernel */
    uint64_t rss_kib;
    uint64_t pss_kib; /* 0: not known, as of a process of somebody else */
} bench_process;

/* False (and known is false) if there is no such process, or it may not be looked at. */
bool bench_process_read(uint32_t pid, bench_process *ret);

/* The CPU time between two readings, its share of the user and of the system. */
void bench_process_used(const bench_process *from, const bench_process *to, double *ret_user,
                        double *ret_system);

#endif
