/* SPDX-License-Identifier: MIT */
/* Category 16, masking (RFC 6455 section 5.3). */
#include "conformance/case_rows.h"

void judge_cases_16(judge_builder *b)
{
    (void)b;
}
