/* SPDX-License-Identifier: MIT */
/* Category 23, attacks (RFC 6455 section 10). */
#include "conformance/case_rows.h"

void judge_cases_23(judge_builder *b)
{
    (void)b;
}
