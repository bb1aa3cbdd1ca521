/* SPDX-License-Identifier: MIT */
/* Runs the judge's peer against a mutant in memory, on a clock that jumps to the next timer. */
#ifndef TESTS_CONFORMANCE_JUDGE_MEMORY_H
#define TESTS_CONFORMANCE_JUDGE_MEMORY_H

#include "conformance/peer.h"
#include "mutant.h"

typedef struct memory_params {
    judge_role role; /* of the judge; the mutant has the other */
    mutant_fault fault;
    size_t cut;        /* octets that the judge reads at once; 0: 65536 */
    uint32_t messages; /* of echo loops; 0: all */
    bool compat;
    judge_streams *streams;
    void (*guard)(bool in_judge); /* called around each call of the judge; NULL: not */
} memory_params;

/* False: the judge had no memory to begin with. */
bool judge_in_memory(const judge_case *c, const memory_params *params, judge_result *ret);
/* The result is good in both columns. */
bool judge_is_good(const judge_result *r);

#endif
