/* SPDX-License-Identifier: MIT */
/*
 * Sets of cases as text, for tables that say something of each case: "16.* 17.8.12 17.9.3-17".
 */
#ifndef TESTS_CONFORMANCE_CASE_SETS_H
#define TESTS_CONFORMANCE_CASE_SETS_H

#include <stdbool.h>
#include <stddef.h>

#include "conformance/case.h"

bool case_set_has(const char *set, const char *id);
/* Those of the n cases from `first` on that are hit, as text: a whole category or group of those
 * that were run is a pattern. */
void case_set_describe(const judge_table *t, size_t first, size_t n, const bool *hit,
                       const bool *ran, char *out, size_t room);

#endif
