/* SPDX-License-Identifier: MIT */
/* The growing text: the same as one big buffer, or failed. */
#include "heads.h"

#include <stdio.h>
#include <stdlib.h>

#include "http/handshake.h"

static void test_growth(void **state)
{
    static char expected[200000];
    wsk__text t = {0};
    size_t n = 0;

    (void)state;
    for (unsigned i = 0; n < 100000; i++) {
        char piece[1200];
        size_t k = i * 7 % 1100;

        memset(piece, 'a' + (int)(i % 26), k);
        piece[k] = 0;
        switch (i % 3) {
        case 0:
            wsk__text_add(&t, piece);
            break;
        case 1:
            wsk__text_addn(&t, piece, k);
            break;
        default:
            wsk__text_addf(&t, "%s", piece);
            break;
        }
        memcpy(expected + n, piece, k);
        n += k;
        assert_int_equal(t.len, n);
    }
    assert_false(t.failed);
    assert_memory_equal(t.ptr, expected, n);
    assert_int_equal(t.ptr[t.len], 0);
    wsk__text_deinit(&t);
    assert_null(t.ptr);
    assert_int_equal(t.len, 0);
}

/* A format may fill the room to its last octet, or just not fit. */
static void test_format_at_the_edge(void **state)
{
    (void)state;
    for (size_t first = 500; first < 520; first++) {
        for (size_t second = 0; second < 20; second++) {
            char a[600], b[600];
            wsk__text t = {0};

            memset(a, 'a', first);
            a[first] = 0;
            memset(b, 'b', second);
            b[second] = 0;
            wsk__text_addf(&t, "%s", a);
            wsk__text_addf(&t, "%s", b);
            assert_false(t.failed);
            assert_int_equal(t.len, first + second);
            assert_int_equal(strlen(t.ptr), first + second);
            assert_string_equal(t.ptr + first, b);
            wsk__text_deinit(&t);
        }
    }
}

static void test_octets(void **state)
{
    wsk__text t = {0};

    (void)state;
    wsk__text_addn(&t, NULL, 0);
    wsk__text_addn(&t, "a\0b", 3);
    assert_int_equal(t.len, 3);
    assert_memory_equal(t.ptr, "a\0b", 4);
    wsk__text_deinit(&t);
    wsk__text_deinit(&t); /* again, and of a text that never held anything */
}

static void test_too_long(void **state)
{
    wsk__text t = {0};

    (void)state;
    wsk__text_add(&t, "a");
    wsk__text_addn(&t, "b", SIZE_MAX / 2);
    assert_true(t.failed);
    assert_int_equal(t.len, 1);
    wsk__text_add(&t, "c"); /* a failure sticks */
    assert_int_equal(t.len, 1);
    wsk__text_deinit(&t);
}

static void add_much(void *ud, const wsk_hooks *hooks)
{
    const test_alloc *a = hooks->ud;
    wsk__text t = {.hooks = hooks};

    (void)ud;
    for (int i = 0; i < 100; i++) {
        wsk__text_add(&t, "0123456789012345678901234567890123456789");
        wsk__text_addf(&t, "%d %s", i, "0123456789");
    }
    assert_int_equal(t.failed, a->failed);
    wsk__text_deinit(&t);
}

static void test_failing_allocations(void **state)
{
    (void)state;
    with_failing_alloc(add_much, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_growth),
        cmocka_unit_test(test_format_at_the_edge),
        cmocka_unit_test(test_octets),
        cmocka_unit_test(test_too_long),
        cmocka_unit_test(test_failing_allocations),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
