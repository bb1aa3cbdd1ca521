/* SPDX-License-Identifier: MIT */
/* Category 22, peers that do not read, or take their time (RFC 6455 section 10). */
#include "conformance/case_rows.h"

void judge_cases_22(judge_builder *b)
{
    (void)b;
}
