/* SPDX-License-Identifier: MIT */
/*
 * Categories 14 and 15 are tested themselves: a strict server and a strict client pass every case,
 * and each deliberate fault fails exactly the cases listed in mutant_greet_rows.h. Argument:
 * "print" shows the rows as they are now.
 */
#include "mutant_greet.h"
#include "mutant_suite.h"

#include "mutant_greet_rows.h"

static const mutant_suite suite = {
    .kind = &greet_kind,
    .from = 14,
    .to = 15,
    .most_spilled = (uint64_t)1 << 20,
    .rows = rows,
    .n_rows = sizeof(rows) / sizeof(rows[0]),
    .broad = broad,
    .n_broad = sizeof(broad) / sizeof(broad[0]),
    /* What only the next connection shows: test_mutants_life, and test_judge_serve.py. */
    .elsewhere = "14.14.7 15.10.9",
    /* No answer at all: what goes on all the same does so whatever the answer is. */
    .only_broad = "15.10.5",
};

/* No sentence of the RFCs asks for limits of a head: who has none is lax, in both roles. */
static void heads_without_a_limit_are_lax(void **state)
{
    static const struct {
        const char *id;
        greet_fault fault;
        mutant_side side;
        judge_behavior behavior;
    } rows_of[] = {
        {"14.8.4", GREET_s_reads_all, SERVER, JUDGE_NON_STRICT},
        {"14.8.7", GREET_s_reads_all, SERVER, JUDGE_NON_STRICT},
        {"15.9.5", GREET_c_reads_all, CLIENT, JUDGE_NON_STRICT},
        {"15.9.6", GREET_c_reads_all, CLIENT, JUDGE_NON_STRICT},
        {"15.9.7", GREET_c_reads_all, CLIENT, JUDGE_NON_STRICT},
        {"15.9.8", GREET_c_reads_all, CLIENT, JUDGE_NON_STRICT},
        {"15.9.8", GREET_c_trusts_100, CLIENT, JUDGE_FAILED},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows_of) / sizeof(rows_of[0]); i++) {
        for (size_t k = 0; k < mutants_n_cases(); k++) {
            judge_result r;

            if (strcmp(mutants_case(k)->id, rows_of[i].id) != 0)
                continue;
            mutants_run(mutants_case(k), rows_of[i].fault, rows_of[i].side, &r);
            if (r.behavior != rows_of[i].behavior)
                fail_msg("%s: %d, %s", rows_of[i].id, r.behavior, r.why);
            assert_int_equal(r.behavior_close == JUDGE_OK, r.behavior != JUDGE_FAILED);
            judge_result_deinit(&r);
        }
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        MUTANT_TESTS,
        cmocka_unit_test(heads_without_a_limit_are_lax),
    };

    mutants_use(&suite);
    if (mutants_print(argc, argv))
        return 0;
    return cmocka_run_group_tests(tests, mutants_setup, mutants_teardown);
}
