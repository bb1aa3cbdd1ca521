/* SPDX-License-Identifier: MIT */
/*
 * Counts of times by their size, for percentiles: log-linear, so that each value is kept to within
 * 1 in 512 of itself from nanoseconds to more than an hour, in a fixed array that recording never
 * leaves nor grows. Knows nothing of connections.
 */
#ifndef CLI_BENCH_HISTOGRAM_H
#define CLI_BENCH_HISTOGRAM_H

#include <stdint.h>

enum {
    /* Values below 2^9 have a bucket each; from there on each power of two has 2^8. */
    BENCH_HISTOGRAM_BITS = 8,
    BENCH_HISTOGRAM_TOP = 43, /* larger values (two hours in ns) count as the largest */
    BENCH_HISTOGRAM_BUCKETS = (BENCH_HISTOGRAM_TOP - BENCH_HISTOGRAM_BITS + 1)
                              << BENCH_HISTOGRAM_BITS,
};

typedef struct bench_histogram {
    uint64_t n, max, min; /* min is of no meaning while n is 0 */
    double sum;
    uint64_t counts[BENCH_HISTOGRAM_BUCKETS];
} bench_histogram;

void bench_histogram_clear(bench_histogram *h);
void bench_histogram_add(bench_histogram *to, const bench_histogram *from);
/* The smallest value that at least this share (0 to 1) of all values does not exceed, as the
 * middle of its bucket; never more than max. 0 if there are none. */
uint64_t bench_histogram_at(const bench_histogram *h, double share);
double bench_histogram_mean(const bench_histogram *h);

static inline uint32_t bench_histogram_bucket(uint64_t value)
{
    const uint32_t bits = BENCH_HISTOGRAM_BITS;

    if (value >> BENCH_HISTOGRAM_TOP != 0)
        return BENCH_HISTOGRAM_BUCKETS - 1;
    if (value >> (bits + 1) == 0)
        return (uint32_t)value;
    uint32_t shift = 63 - (uint32_t)__builtin_clzll(value) - bits;
    return (shift << bits) + (uint32_t)(value >> shift);
}

static inline void bench_histogram_record(bench_histogram *h, uint64_t value, uint64_t times)
{
    h->counts[bench_histogram_bucket(value)] += times;
    h->sum += (double)value * (double)times;
    h->n += times;
    if (value > h->max)
        h->max = value;
    if (value < h->min)
        h->min = value;
}

#endif
