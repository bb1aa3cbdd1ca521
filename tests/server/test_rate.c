/* SPDX-License-Identifier: MIT */
/* Buckets against a slow reference, and the table of buckets by address. */
#include "support.h"

#include <string.h>

#include "server/rate.h"

static void test_bucket(void **state)
{
    (void)state;
    const wsk__rate r = {10, 3};
    wsk__bucket b;

    wsk__bucket_init(&b, &r, 1000);
    assert_true(wsk__bucket_take(&b, &r, 3, 1000, 1000));
    assert_false(wsk__bucket_take(&b, &r, 1, 1000, 1000));
    assert_false(wsk__bucket_take(&b, &r, 1, 1099, 1099));
    /* What was left is there after what was too much. */
    assert_true(wsk__bucket_take(&b, &r, 1, 1100, 1100));
    assert_false(wsk__bucket_take(&b, &r, 1, 1100, 1100));
    assert_true(wsk__bucket_take(&b, &r, 3, 9999, 9999));
    assert_false(wsk__bucket_take(&b, &r, 1, 9999, 9999));
    assert_false(wsk__bucket_take(&b, &r, 4, 20000, 20000)); /* never more than the burst */
    assert_true(wsk__bucket_take(&b, &r, 0, 20000, 20000));
    assert_true(wsk__bucket_take(&b, &r, 3, 20000, 20000));
    /* A clock that stands, or goes back, gives nothing. */
    assert_false(wsk__bucket_take(&b, &r, 1, 20000, 20000));
    assert_false(wsk__bucket_take(&b, &r, 1, 19000, 19000));
}

static void test_bucket_extremes(void **state)
{
    (void)state;
    const wsk__rate most = {WSK__RATE_MAX, WSK__RATE_MAX}, least = {1, 1},
                    slow = {1, WSK__RATE_MAX}, fast = {WSK__RATE_MAX, 1};
    wsk__bucket b;

    wsk__bucket_init(&b, &most, 0);
    assert_true(wsk__bucket_take(&b, &most, WSK__RATE_MAX, 0, 0));
    assert_false(wsk__bucket_take(&b, &most, 1, 0, 0));
    assert_true(wsk__bucket_take(&b, &most, WSK__RATE_MAX / 1000, 1, 1));
    assert_true(wsk__bucket_take(&b, &most, WSK__RATE_MAX, UINT64_MAX, UINT64_MAX));
    assert_false(wsk__bucket_take(&b, &most, UINT64_MAX, UINT64_MAX, UINT64_MAX));

    wsk__bucket_init(&b, &least, 0);
    assert_true(wsk__bucket_take(&b, &least, 1, 0, 0));
    assert_false(wsk__bucket_take(&b, &least, 1, 999, 999));
    assert_true(wsk__bucket_take(&b, &least, 1, 1000, 1000));

    wsk__bucket_init(&b, &slow, 0);
    assert_true(wsk__bucket_take(&b, &slow, WSK__RATE_MAX, 0, 0));
    assert_true(wsk__bucket_take(&b, &slow, 5, 5000, 5000));
    assert_false(wsk__bucket_take(&b, &slow, 1, 5000, 5000));

    wsk__bucket_init(&b, &fast, 0);
    assert_true(wsk__bucket_take(&b, &fast, 1, 0, 0));
    assert_true(wsk__bucket_take(&b, &fast, 1, 1, 1));
    assert_false(wsk__bucket_take(&b, &fast, 1, 1, 1));
}

/* Whoever tries a little more often than he may is let in as often as he may. */
static void test_steadily_too_often(void **state)
{
    (void)state;
    const wsk__rate r = {10, 1};
    wsk__bucket b;
    unsigned taken = 0;

    wsk__bucket_init(&b, &r, 0);
    for (uint64_t now = 0; now < 100000; now += 99)
        taken += wsk__bucket_take(&b, &r, 1, now, now);
    assert_in_range(taken, 490, 1001);
    taken = 0;
    wsk__bucket_init(&b, &r, 0);
    for (uint64_t now = 0; now < 100000; now += 3)
        taken += wsk__bucket_take(&b, &r, 1, now, now);
    assert_in_range(taken, 970, 1001);
}

/* The same, a millisecond after the other. */
static void test_bucket_against_reference(void **state)
{
    (void)state;
    uint64_t seed = 1;

    for (int round = 0; round < 200; round++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        const wsk__rate r = {1 + (seed >> 40) % 50, 1 + (seed >> 50) % 20};
        uint64_t left = r.burst * 1000, now = 0;
        wsk__bucket b;

        wsk__bucket_init(&b, &r, 0);
        for (int i = 0; i < 200; i++) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            uint64_t n = (seed >> 33) % 4;
            for (uint64_t wait = (seed >> 40) % 300; wait > 0; wait--, now++)
                left = left + r.rate > r.burst * 1000 ? r.burst * 1000 : left + r.rate;
            bool fits = n * 1000 <= left;
            left -= fits ? n * 1000 : 0;
            assert_int_equal(wsk__bucket_take(&b, &r, n, now, now), fits);
        }
    }
}

/* Time in which nothing was read is excused beyond the burst: the longest, once. */
static void test_excused(void **state)
{
    (void)state;
    const wsk__rate r = {10, 3}, most = {WSK__RATE_MAX, WSK__RATE_MAX}, odd = {7, 1};
    wsk__bucket b;

    wsk__bucket_init(&b, &r, 0);
    assert_false(wsk__bucket_take(&b, &r, 14, 9000, 10000));
    assert_true(wsk__bucket_take(&b, &r, 13, 9000, 10000));
    assert_false(wsk__bucket_take(&b, &r, 1, 9000, 10000));
    /* What it lacks is filled up first. */
    wsk__bucket_excuse(&b, &r, 10400);
    assert_true(wsk__bucket_take(&b, &r, 3, 10400, 10400));
    assert_true(wsk__bucket_take(&b, &r, 1, 10400, 10400));
    assert_false(wsk__bucket_take(&b, &r, 1, 10400, 10400));
    /* The longer one of two, however much time passes then. */
    wsk__bucket_pass(&b, &r, 20000);
    wsk__bucket_excuse(&b, &r, 20500);
    wsk__bucket_excuse(&b, &r, 20800);
    wsk__bucket_pass(&b, &r, 90000);
    assert_false(wsk__bucket_take(&b, &r, 9, 90000, 90000));
    assert_true(wsk__bucket_take(&b, &r, 8, 90000, 90000));
    assert_false(wsk__bucket_take(&b, &r, 1, 90000, 90000));
    /* Whole milliseconds are taken, and the rest of the last one is kept. */
    wsk__bucket_init(&b, &odd, 0);
    wsk__bucket_excuse(&b, &odd, 1000);
    for (int i = 0; i < 8; i++)
        assert_true(wsk__bucket_take(&b, &odd, 1, 1000, 1000));
    assert_false(wsk__bucket_take(&b, &odd, 1, 1000, 1000));
    /* A bucket holds some hours, and no number is too large. */
    wsk__bucket_init(&b, &most, 0);
    wsk__bucket_excuse(&b, &most, UINT64_MAX);
    assert_false(wsk__bucket_take(&b, &most, UINT64_MAX, 0, UINT64_MAX));
    assert_true(wsk__bucket_take(&b, &most, WSK__RATE_MAX * 4, UINT64_MAX, UINT64_MAX));
}

static void address(uint8_t ret[16], uint32_t i)
{
    memset(ret, 0, 16);
    ret[10] = ret[11] = 0xFF;
    memcpy(ret + 12, &i, 4);
}

static void test_table(void **state)
{
    (void)state;
    test_alloc alloc;
    wsk__rate_table *t;
    uint8_t a[16];
    unsigned again = 0;

    test_alloc_init(&alloc);
    assert_int_equal(wsk__rate_table_new(&t, &alloc.hooks, (wsk__rate){1, 2}), WSK_OK);
    for (uint32_t i = 0; i < 100; i++) {
        address(a, i);
        assert_true(wsk__rate_table_take(t, a, 10, 10));
        assert_true(wsk__rate_table_take(t, a, 10, 10));
    }
    for (uint32_t i = 0; i < 100; i++) {
        address(a, i);
        again += wsk__rate_table_take(t, a, 11, 11);
    }
    /* Few of a hundred share their four places with four others. */
    assert_in_range(again, 0, 5);
    for (uint32_t i = 0; i < 100; i++) {
        address(a, i);
        assert_true(wsk__rate_table_take(t, a, 2100, 2100));
    }
    /* A flood of addresses takes no more memory. */
    size_t live = alloc.live;
    for (uint32_t i = 0; i < 100000; i++) {
        address(a, i);
        (void)wsk__rate_table_take(t, a, 3000 + i, 3000 + i);
    }
    assert_int_equal(alloc.live, live);
    /* One that is in use stays, whoever else comes. */
    address(a, 7);
    assert_true(wsk__rate_table_take(t, a, 200000, 200000));
    assert_true(wsk__rate_table_take(t, a, 200000, 200000));
    assert_false(wsk__rate_table_take(t, a, 200001, 200001));
    wsk__rate_table_free(t);
    wsk__rate_table_free(NULL);
    assert_int_equal(alloc.live, 0);
}

static int make_table(test_alloc *a, void *ud)
{
    wsk__rate_table *t;
    int r = wsk__rate_table_new(&t, &a->hooks, (wsk__rate){1, 1});

    (void)ud;
    if (r >= 0)
        wsk__rate_table_free(t);
    return r;
}

static void test_failing_alloc(void **state)
{
    (void)state;
    test_alloc a;

    test_alloc_init(&a);
    a.fail_at = 1;
    assert_int_equal(make_table(&a, NULL), WSK_ERR_NOMEM);
    a.fail_at = 0;
    assert_int_equal(make_table(&a, NULL), WSK_OK);
    assert_int_equal(a.live, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bucket),
        cmocka_unit_test(test_bucket_extremes),
        cmocka_unit_test(test_steadily_too_often),
        cmocka_unit_test(test_bucket_against_reference),
        cmocka_unit_test(test_excused),
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_failing_alloc),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
