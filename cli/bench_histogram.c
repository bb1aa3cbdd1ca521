/* SPDX-License-Identifier: MIT */
/* See bench_histogram.h. */
#include "bench_histogram.h"

#include <string.h>

void bench_histogram_clear(bench_histogram *h)
{
    memset(h, 0, sizeof(*h));
    h->min = UINT64_MAX;
}

void bench_histogram_add(bench_histogram *to, const bench_histogram *from)
{
    if (from->n == 0)
        return;
    /* Only the buckets between the extremes can hold anything. */
    uint32_t last = bench_histogram_bucket(from->max);
    for (uint32_t i = bench_histogram_bucket(from->min); i <= last; i++)
        to->counts[i] += from->counts[i];
    to->n += from->n;
    to->sum += from->sum;
    if (from->max > to->max)
        to->max = from->max;
    if (from->min < to->min)
        to->min = from->min;
}

/* The middle of a bucket. */
static uint64_t middle(uint32_t bucket)
{
    uint32_t shift = bucket >> BENCH_HISTOGRAM_BITS;

    if (shift <= 1)
        return bucket;
    shift--;
    uint64_t low = (uint64_t)(bucket - (shift << BENCH_HISTOGRAM_BITS)) << shift;
    return low + (((uint64_t)1 << shift) - 1) / 2;
}

uint64_t bench_histogram_at(const bench_histogram *h, double share)
{
    uint64_t seen = 0;
    double wanted = share * (double)h->n;

    if (h->n == 0)
        return 0;
    for (uint32_t i = 0; i < BENCH_HISTOGRAM_BUCKETS; i++) {
        seen += h->counts[i];
        if (h->counts[i] > 0 && (double)seen >= wanted) {
            uint64_t value = middle(i);
            return value > h->max ? h->max : value < h->min ? h->min : value;
        }
    }
    return h->max;
}

double bench_histogram_mean(const bench_histogram *h)
{
    return h->n > 0 ? h->sum / (double)h->n : 0;
}
