/* SPDX-License-Identifier: MIT */
/* The histogram of "websock bench" against the sorted list of everything that was recorded. */
#include "support.h"

#include <stdlib.h>
#include <string.h>

#include "bench_histogram.h"

enum { MANY = 20000 };

static uint64_t next(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

static int by_size(const void *a, const void *b)
{
    uint64_t x, y;

    memcpy(&x, a, sizeof(x));
    memcpy(&y, b, sizeof(y));
    return x < y ? -1 : x > y;
}

static void assert_near(uint64_t got, uint64_t wanted)
{
    uint64_t distance = got > wanted ? got - wanted : wanted - got;

    if (distance > wanted / 512 + 1)
        fail_msg("%llu instead of %llu", (unsigned long long)got, (unsigned long long)wanted);
}

static void buckets_are_in_order_and_narrow(void **state)
{
    uint32_t last = 0;

    (void)state;
    for (uint64_t v = 0; v < 1 << 20; v++) {
        uint32_t i = bench_histogram_bucket(v);
        assert_true(i == last || i == last + 1);
        last = i;
    }
    for (unsigned bit = 10; bit < BENCH_HISTOGRAM_TOP; bit++) {
        uint64_t v = (uint64_t)1 << bit;
        assert_int_equal(bench_histogram_bucket(v), bench_histogram_bucket(v - 1) + 1);
        assert_int_equal(bench_histogram_bucket(v), bench_histogram_bucket(v + v / 257));
        assert_int_equal(bench_histogram_bucket(v) + 1, bench_histogram_bucket(v + v / 256));
    }
    assert_int_equal(bench_histogram_bucket(UINT64_MAX), BENCH_HISTOGRAM_BUCKETS - 1);
    assert_int_equal(bench_histogram_bucket(((uint64_t)1 << BENCH_HISTOGRAM_TOP) - 1),
                     BENCH_HISTOGRAM_BUCKETS - 1);
}

static void percentiles_are_those_of_the_sorted_list(void **state)
{
    static const double shares[] = {0.001, 0.1, 0.5, 0.9, 0.99, 0.999, 0.9999, 1};
    bench_histogram *h = malloc(sizeof(*h));
    uint64_t *all = malloc(MANY * sizeof(*all)), seed = 88172645463325252u;

    (void)state;
    assert_non_null(h);
    assert_non_null(all);
    for (unsigned bits = 6; bits <= 42; bits += 6) {
        double sum = 0;
        bench_histogram_clear(h);
        for (size_t i = 0; i < MANY; i++) {
            /* Of all sizes below 2^bits, small ones as often as large ones. */
            all[i] = next(&seed) >> (64 - bits) >> (next(&seed) % 6);
            sum += (double)all[i];
            bench_histogram_record(h, all[i], 1);
        }
        qsort(all, MANY, sizeof(*all), by_size);
        for (size_t i = 0; i < sizeof(shares) / sizeof(shares[0]); i++) {
            size_t rank = (size_t)(shares[i] * MANY + 0.9999999);
            assert_near(bench_histogram_at(h, shares[i]), all[rank - 1]);
        }
        assert_int_equal(h->max, all[MANY - 1]);
        assert_int_equal(h->min, all[0]);
        assert_true(bench_histogram_at(h, 1) <= h->max);
        double mean = bench_histogram_mean(h) / (sum / MANY);
        assert_true(mean > 0.999999 && mean < 1.000001);
    }
    free(all);
    free(h);
}

static void sums_are_as_if_recorded_together(void **state)
{
    bench_histogram *a = malloc(sizeof(*a)), *b = malloc(sizeof(*b)), *both = malloc(sizeof(*both));
    uint64_t seed = 1234567;

    (void)state;
    assert_true(a != NULL && b != NULL && both != NULL);
    bench_histogram_clear(a);
    bench_histogram_clear(b);
    bench_histogram_clear(both);
    for (int i = 0; i < 3000; i++) {
        uint64_t v = next(&seed) >> (20 + i % 40), times = 1 + next(&seed) % 5;
        bench_histogram_record(i % 3 == 0 ? a : b, v, times);
        bench_histogram_record(both, v, times);
    }
    bench_histogram_add(a, b);
    assert_memory_equal(a->counts, both->counts, sizeof(a->counts));
    assert_int_equal(a->n, both->n);
    assert_int_equal(a->max, both->max);
    assert_int_equal(a->min, both->min);
    bench_histogram_clear(b);
    bench_histogram_add(a, b);
    assert_int_equal(a->n, both->n);
    assert_int_equal(a->min, both->min);
    assert_int_equal(bench_histogram_at(b, 0.5), 0);
    assert_true(bench_histogram_mean(b) == 0);
    free(a);
    free(b);
    free(both);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(buckets_are_in_order_and_narrow),
        cmocka_unit_test(percentiles_are_those_of_the_sorted_list),
        cmocka_unit_test(sums_are_as_if_recorded_together),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
