/* SPDX-License-Identifier: MIT */
/*
 * Categories 21 to 23 are tested themselves: a correct endpoint and odd but allowed ones pass every
 * case in both roles, and each deliberate fault fails exactly the cases listed in
 * mutant_deflate_rows.h. Argument: "print" shows the rows as they are now.
 */
#include "mutant_deflate.h"
#include "mutant_suite.h"

#include "mutant_deflate_rows.h"

static const mutant_suite suite = {
    .kind = &deflate_kind,
    .from = 21,
    .to = 23,
    .rows = rows,
    .n_rows = sizeof(rows) / sizeof(rows[0]),
    .broad = broad,
    .n_broad = sizeof(broad) / sizeof(broad[0]),
    /* Where nothing is said, only what speaks unasked fails, and it does so everywhere. */
    .only_broad = "22.1.1 22.6.1",
    /* Crowds take many connections: test_mutants_life. */
    .elsewhere = "23.2.* 23.4.*",
};

/* An echo that a failure overtakes is lax, as it is in Autobahn's 3.* and 4.*. */
static void overtaken_echoes_are_lax(void **state)
{
    (void)state;
    mutants_are_lax(DM_fail_overtakes);
}

/* Where nothing is compressed there is nothing to judge, which the result says. */
static void plain_echoes_are_for_information(void **state)
{
    size_t seen = 0;

    (void)state;
    for (size_t i = 0; i < mutants_n_cases(); i++) {
        const judge_case *c = mutants_case(i);
        judge_result r;

        if (!c->packs)
            continue;
        mutants_run(c, DM_legal_plain, SERVER, &r);
        assert_int_equal(r.behavior, JUDGE_INFORMATIONAL);
        judge_result_deinit(&r);
        mutants_run(c, DM_none, SERVER, &r);
        assert_int_equal(r.behavior, JUDGE_OK);
        judge_result_deinit(&r);
        seen++;
    }
    assert_int_equal(seen, 7);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        MUTANT_TESTS,
        cmocka_unit_test(overtaken_echoes_are_lax),
        cmocka_unit_test(plain_echoes_are_for_information),
    };

    mutants_use(&suite);
    if (mutants_print(argc, argv))
        return 0;
    return cmocka_run_group_tests(tests, mutants_setup, mutants_teardown);
}
