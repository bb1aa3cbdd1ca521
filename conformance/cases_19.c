/* SPDX-License-Identifier: MIT */
/* Category 19, closing, what category 7 leaves out (RFC 6455 section 7). */
#include "conformance/case_rows.h"

void judge_cases_19(judge_builder *b)
{
    (void)b;
}
