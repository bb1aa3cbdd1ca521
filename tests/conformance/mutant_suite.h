/* SPDX-License-Identifier: MIT */
/*
 * Categories of the suite tested on one kind of mutants, in memory: each row names a fault and
 * exactly the cases that it fails, and no case is left that no narrow fault fails on each side that
 * it is for.
 */
#ifndef TESTS_CONFORMANCE_MUTANT_SUITE_H
#define TESTS_CONFORMANCE_MUTANT_SUITE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "conformance/peer.h"
#include "mutant_kind.h"

/* What the mutant is. */
typedef enum mutant_side { SERVER = 0, CLIENT = 1 } mutant_side;

typedef struct mutant_row {
    unsigned fault;
    mutant_side side;
    const char *run;   /* "16.* 17.1.*": these are tried */
    const char *cases; /* these of them fail, and no other */
} mutant_row;

typedef struct mutant_suite {
    const mutant_kind *kind;
    int from, to;          /* categories */
    uint64_t limit;        /* of messages, that the judge is told; 0: none */
    uint32_t masks;        /* messages whose masks are looked at */
    uint64_t most_spilled; /* what has no end in the suite is cut to so much; 0: whole */
    uint64_t most_flooded; /* and floods to so many frames */
    const mutant_row *rows;
    size_t n_rows;
    /* Faults of an endpoint that is wrong in nearly everything: that a case fails on them says
     * little about what the case is for. */
    const unsigned *broad;
    size_t n_broad;
    const char *elsewhere;  /* cases that other tests show to fail, as in `run` */
    const char *only_broad; /* cases that can fail on broad faults alone */
} mutant_suite;

/* Before everything else. */
void mutants_use(const mutant_suite *s);
/* Argument "print", for whoever adds a fault or a case: the rows as they would be. */
bool mutants_print(int argc, char **argv);
int mutants_setup(void **state);
int mutants_teardown(void **state);

/* The tests that all of them have. */
void every_fault_has_a_row(void **state);
void faults_fail_their_cases(void **state);
void no_case_is_dead(void **state);
void every_case_has_a_narrow_fault(void **state);
/* Behind faults_fail_their_cases, which has seen the verdicts: some fault makes a case FAILED. */
void lax_is_not_all(void **state);
#define MUTANT_TESTS                                                                               \
    cmocka_unit_test(every_fault_has_a_row), cmocka_unit_test(faults_fail_their_cases),            \
        cmocka_unit_test(no_case_is_dead), cmocka_unit_test(every_case_has_a_narrow_fault),        \
        cmocka_unit_test(lax_is_not_all)

size_t mutants_n_cases(void);
const judge_case *mutants_case(size_t i);
/* Whether a row of the fault tries the case. */
bool mutants_tries(unsigned fault, const char *id);
void mutants_run(const judge_case *c, unsigned fault, mutant_side s, judge_result *ret);
/* A server with the fault fails none of the cases that its rows try: at most it is lax. */
void mutants_are_lax(unsigned fault);

#endif
