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

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        MUTANT_TESTS,
    };

    mutants_use(&suite);
    if (mutants_print(argc, argv))
        return 0;
    return cmocka_run_group_tests(tests, mutants_setup, mutants_teardown);
}
