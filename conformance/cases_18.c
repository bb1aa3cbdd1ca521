/* SPDX-License-Identifier: MIT */
/* Category 18, limits (RFC 6455 section 10.4). */
#include "conformance/case_rows.h"

void judge_cases_18(judge_builder *b)
{
    (void)b;
}
