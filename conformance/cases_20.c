/* SPDX-License-Identifier: MIT */
/* Category 20, pings and pongs, what category 2 leaves out (RFC 6455 section 5.5). */
#include "conformance/case_rows.h"

void judge_cases_20(judge_builder *b)
{
    (void)b;
}
