/* SPDX-License-Identifier: MIT */
/* See table_fixture.h. */
#include "table_fixture.h"

judge_table *table;

int table_setup(void **state)
{
    (void)state;
    table = judge_table_new();
    return table == NULL;
}

int table_teardown(void **state)
{
    (void)state;
    judge_table_free(table);
    return 0;
}
