/* SPDX-License-Identifier: MIT */
/* The table of all cases, for the time of a group of tests. */
#ifndef TESTS_CONFORMANCE_TABLE_FIXTURE_H
#define TESTS_CONFORMANCE_TABLE_FIXTURE_H

#include "conformance/case.h"

extern judge_table *table;

int table_setup(void **state);
int table_teardown(void **state);

#endif
