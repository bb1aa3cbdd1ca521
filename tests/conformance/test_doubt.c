/* SPDX-License-Identifier: MIT */
/* What is run again alone, and what that shows (conformance/doubt.h). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "conformance/doubt.h"

static judge_doubt doubt_of(judge_behavior behavior, judge_behavior close, bool beside)
{
    const judge_result r = {.behavior = behavior, .behavior_close = close};

    return judge_doubt_of(&r, false, true, beside);
}

static void what_others_may_have_decided_is_in_doubt(void **state)
{
    (void)state;
    assert_int_equal(doubt_of(JUDGE_OK, JUDGE_OK, true).about, JUDGE_DOUBT_DROP);
    assert_int_equal(doubt_of(JUDGE_INFORMATIONAL, JUDGE_INFORMATIONAL, true).about,
                     JUDGE_DOUBT_DROP);
    assert_int_equal(doubt_of(JUDGE_NON_STRICT, JUDGE_OK, true).about, JUDGE_DOUBT_BAD);
    assert_int_equal(doubt_of(JUDGE_OK, JUDGE_OK, false).about, JUDGE_DOUBT_NONE);
}

/* 14.14.8: whether a server sees the end of TCP before it answers is a race. */
static void what_passes_either_way_is_the_same(void **state)
{
    static const struct {
        judge_behavior before, now;
        bool same;
    } rows[] = {
        {JUDGE_OK, JUDGE_OK, true},
        {JUDGE_OK, JUDGE_INFORMATIONAL, true},
        {JUDGE_INFORMATIONAL, JUDGE_OK, true},
        {JUDGE_FAILED, JUDGE_FAILED, true},
        {JUDGE_OK, JUDGE_FAILED, false},
        {JUDGE_FAILED, JUDGE_INFORMATIONAL, false},
        {JUDGE_NON_STRICT, JUDGE_OK, false},
        {JUDGE_INFORMATIONAL, JUDGE_NON_STRICT, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const judge_doubt before = doubt_of(rows[i].before, rows[i].before, true);
        const judge_doubt now = doubt_of(rows[i].now, rows[i].now, false);
        judge_seconds s = {0};

        assert_true(judge_seconds_needs(&s, &before));
        assert_int_equal(judge_seconds_saw(&s, &before, &now, 1), !rows[i].same);
        assert_int_equal(s.differ, !rows[i].same);
        assert_int_equal(s.same[before.about], rows[i].same);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_others_may_have_decided_is_in_doubt),
        cmocka_unit_test(what_passes_either_way_is_the_same),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
