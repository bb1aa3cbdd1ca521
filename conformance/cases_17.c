/* SPDX-License-Identifier: MIT */
/* Category 17, the grammar of frames (RFC 6455 section 5.2). */
#include "conformance/case_rows.h"

void judge_cases_17(judge_builder *b)
{
    (void)b;
}
