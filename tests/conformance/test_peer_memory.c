/* SPDX-License-Identifier: MIT */
/*
 * The judge's connection with the i-th allocation failing, for every i: it ends, nothing leaks or
 * crashes, and what was cut short is never called good.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "conformance/corpus.h"
#include "judge_memory.h"

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);

static bool counting;
static long until_failure; /* < 0: never */
static bool failed;

static bool fails(void)
{
    if (!counting || until_failure < 0)
        return false;
    if (until_failure-- > 0)
        return false;
    failed = true;
    return true;
}

void *__wrap_malloc(size_t n)
{
    return fails() ? NULL : __real_malloc(n);
}

void *__wrap_calloc(size_t n, size_t size)
{
    return fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t n)
{
    return fails() ? NULL : __real_realloc(p, n);
}

static void guard(bool in_judge)
{
    counting = in_judge;
}

static void every_allocation_may_fail(void **state)
{
    static const char *const ids[] = {"1.1.2", "1.1.8", "2.2",   "2.11",  "3.2",   "5.19",  "6.3.2",
                                      "6.4.3", "7.1.6", "7.5.1", "9.1.1", "9.7.2", "10.1.1"};
    static const mutant_fault faults[] = {MUTANT_none, MUTANT_masked, MUTANT_close_reason,
                                          MUTANT_hello_accept};
    judge_table *table = judge_table_new();

    (void)state;
    for (size_t k = 0; k < sizeof(ids) / sizeof(ids[0]); k++) {
        const judge_case *c = judge_table_find(table, ids[k]);

        for (size_t f = 0; f < sizeof(faults) / sizeof(faults[0]); f++) {
            const memory_params params = {.fault = faults[f], .messages = 3, .guard = guard};

            for (long i = 0;; i++) {
                judge_result r;

                until_failure = i;
                failed = false;
                if (!judge_in_memory(c, &params, &r))
                    continue;
                if (!failed) {
                    judge_result_deinit(&r);
                    break;
                }
                assert_int_equal(r.behavior, JUDGE_FAILED);
                assert_int_equal(r.behavior_close, JUDGE_FAILED);
                judge_result_deinit(&r);
                assert_true(i < 10000);
            }
        }
    }
    until_failure = -1;
    judge_table_free(table);
}

/* Handshakes that cases spell out, as both sides. */
static void greetings_survive(void **state)
{
    static const struct {
        judge_role role;
        const char *id;
    } rows[] = {
        {JUDGE_ROLE_CLIENT, "14.1.1"},  {JUDGE_ROLE_CLIENT, "14.5.4"},
        {JUDGE_ROLE_CLIENT, "14.8.1"},  {JUDGE_ROLE_CLIENT, "14.9.9"},
        {JUDGE_ROLE_CLIENT, "14.10.2"}, {JUDGE_ROLE_CLIENT, "14.12.1"},
        {JUDGE_ROLE_SERVER, "15.1.1"},  {JUDGE_ROLE_SERVER, "15.2.1"},
        {JUDGE_ROLE_SERVER, "15.7.1"},  {JUDGE_ROLE_SERVER, "15.11.2"},
    };
    judge_table *table = judge_table_new();

    (void)state;
    for (size_t k = 0; k < sizeof(rows) / sizeof(rows[0]); k++) {
        const judge_case *c = judge_table_find(table, rows[k].id);
        const memory_params params = {.role = rows[k].role, .guard = guard};

        for (long i = 0;; i++) {
            judge_result r;

            until_failure = i;
            failed = false;
            if (!judge_in_memory(c, &params, &r))
                continue;
            if (!failed) {
                judge_result_deinit(&r);
                break;
            }
            assert_int_equal(r.behavior, JUDGE_FAILED);
            assert_int_equal(r.behavior_close, JUDGE_FAILED);
            judge_result_deinit(&r);
            assert_true(i < 10000);
        }
    }
    until_failure = -1;
    judge_table_free(table);
}

/* The streams are made anew each time, so that their allocations come too. */
static void compressed_loops_survive_too(void **state)
{
    static const char *const ids[] = {"12.1.4", "12.4.10", "13.7.15"};
    judge_table *table = judge_table_new();
    size_t len;
    bool text;

    (void)state;
    /* The corpora are made once for the process. */
    assert_non_null(judge_corpus(1, &len, &text));
    assert_non_null(judge_corpus(4, &len, &text));
    for (size_t k = 0; k < sizeof(ids) / sizeof(ids[0]); k++) {
        const judge_case *c = judge_table_find(table, ids[k]);

        for (long i = 0;; i++) {
            judge_streams *streams = judge_streams_new();
            const memory_params params = {.messages = 2, .guard = guard, .streams = streams};
            judge_result r;
            bool began;

            until_failure = i;
            failed = false;
            began = judge_in_memory(c, &params, &r);
            until_failure = -1;
            judge_streams_free(streams);
            if (!began)
                continue;
            /* What is only kept for others may be lost without harm. */
            if (r.behavior == JUDGE_OK && !failed) {
                judge_result_deinit(&r);
                break;
            }
            judge_result_deinit(&r);
            assert_true(i < 10000);
        }
    }
    judge_table_free(table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_allocation_may_fail),
        cmocka_unit_test(greetings_survive),
        cmocka_unit_test(compressed_loops_survive_too),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
