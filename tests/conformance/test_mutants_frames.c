/* SPDX-License-Identifier: MIT */
/*
 * Categories 16 to 20 are tested themselves: a correct endpoint and odd but allowed ones pass every
 * case in both roles, and each deliberate fault fails exactly the cases listed in
 * mutant_frames_rows.h. Argument: "print" shows the rows as they are now.
 */
#include "conformance/report_store.h"
#include "mutant_frames.h"
#include "mutant_suite.h"

#include "mutant_frames_rows.h"

static const mutant_suite suite = {
    .kind = &frames_kind,
    .from = 16,
    .to = 20,
    .limit = FM_LIMIT,
    .most_flooded = 100000,
    .masks = 300,
    .rows = rows,
    .n_rows = sizeof(rows) / sizeof(rows[0]),
    .broad = broad,
    .n_broad = sizeof(broad) / sizeof(broad[0]),
    /* What only the next connection shows: test_mutants_life; tables: below. */
    .elsewhere = "19.9.* 17.8.* 17.9.* 17.10.* 17.11.* 17.12.* 17.14.*",
};

/* Without compression nothing is said of it. */
static void compression_is_optional(void **state)
{
    (void)state;
    for (mutant_side s = SERVER; s <= CLIENT; s++) {
        for (size_t i = 0; i < mutants_n_cases(); i++) {
            const judge_case *c = mutants_case(i);
            judge_result r;

            if (c->echo.n_offers == 0 || strncmp(c->id, "17.1", 4) == 0)
                continue;
            mutants_run(c, FM_no_deflate, s, &r);
            assert_int_equal(r.behavior, JUDGE_UNIMPLEMENTED);
            assert_int_equal(r.behavior_close, JUDGE_UNIMPLEMENTED);
            judge_result_deinit(&r);
        }
    }
}

/* Where the limit is not known there is nothing to fail. */
static void unknown_limits_inform(void **state)
{
    judge_table *t = judge_table_new();
    size_t n = 0;

    (void)state;
    assert_non_null(t);
    for (size_t i = 0; i < judge_table_count(t); i++) {
        const judge_case *c = judge_table_at(t, i);

        if (strncmp(c->id, "18.", 3) != 0 || c->id[3] > '4')
            continue;
        assert_int_equal(c->rule, JUDGE_RULE_INFORM);
        n++;
    }
    assert_int_equal(n, 21);
    judge_table_free(t);
}

/* How bad it is on a mutant. */
enum { IS_GOOD, IS_LAX, IS_FAILED };

static int verdict_on(const judge_case *c, unsigned fault, mutant_side s)
{
    judge_result r;
    int bad;

    mutants_run(c, fault, s, &r);
    bad = judge_result_failed(&r, false) ? IS_FAILED : r.why != NULL ? IS_LAX : IS_GOOD;
    judge_result_deinit(&r);
    return bad;
}

/* 17.8 to 17.12 have a row for each first octet: where the verdict on that octet is the wrong one,
 * its row fails and no other of them, but for those that have such a frame themselves. */
static void octets_have_rows(mutant_side s)
{
    size_t n = 0;

    for (size_t i = 0; i < mutants_n_cases(); i++) {
        const judge_case *c = mutants_case(i);
        unsigned octet;
        int group;

        if (sscanf(c->id, "17.%d.%u", &group, &octet) != 2 || group < 8 || group > 12)
            continue;
        octet--;
        n++;
        /* Frames that begin the message themselves; see take_nested. */
        if (strstr(c->title, "inside") != NULL && (octet == 0x01 || octet == 0x41))
            continue;
        if (verdict_on(c, FM_OCTET(octet), s) != IS_FAILED)
            fail_msg("%s does not fail where 0x%02x is taken for the opposite", c->id, octet);
        if (octet > 1 && octet != 0x41 && octet != 0x88 && octet != 0x89 && octet != 0x80 &&
            octet < 0xff && verdict_on(mutants_case(i + 1), FM_OCTET(octet), s) != IS_GOOD)
            fail_msg("%s fails for what is wrong with 0x%02x", mutants_case(i + 1)->id, octet);
    }
    assert_int_equal(n, 5 * 256);
}

static void each_first_octet_has_its_row(void **state)
{
    (void)state;
    octets_have_rows(SERVER);
    octets_have_rows(CLIENT);
}

/* 17.14 has a row for each place where a write may end. Without masks the conversation is shorter,
 * and the rows behind its end send it whole: they fail on who echoes nothing. */
static void cuts_have_rows(mutant_side s, unsigned last)
{
    size_t n = 0;

    for (size_t i = 0; i < mutants_n_cases(); i++) {
        const judge_case *c = mutants_case(i);
        unsigned cut;

        if (sscanf(c->id, "17.14.%u", &cut) != 1)
            continue;
        n++;
        if (verdict_on(c, cut <= last ? FM_CUT(cut) : (unsigned)FM_echo_none, s) != IS_FAILED)
            fail_msg("%s does not fail where TCP is dropped at octet %u", c->id, cut);
        /* All end where the last one does. */
        if (cut < last && verdict_on(c, FM_CUT(cut + 1), s) != IS_GOOD)
            fail_msg("%s fails where TCP is dropped at octet %u", c->id, cut + 1);
    }
    assert_int_equal(n, 180);
}

static void each_cut_has_its_row(void **state)
{
    (void)state;
    cuts_have_rows(SERVER, 180);
    cuts_have_rows(CLIENT, 152);
}

/* An echo that a failure overtakes is lax, as it is in Autobahn's 3.* and 4.*. */
static void overtaken_echoes_are_lax(void **state)
{
    (void)state;
    mutants_are_lax(FM_fail_overtakes);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        MUTANT_TESTS,
        cmocka_unit_test(overtaken_echoes_are_lax),
        cmocka_unit_test(compression_is_optional),
        cmocka_unit_test(unknown_limits_inform),
        cmocka_unit_test(each_first_octet_has_its_row),
        cmocka_unit_test(each_cut_has_its_row),
    };

    mutants_use(&suite);
    if (mutants_print(argc, argv))
        return 0;
    return cmocka_run_group_tests(tests, mutants_setup, mutants_teardown);
}
