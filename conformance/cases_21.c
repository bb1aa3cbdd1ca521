/* SPDX-License-Identifier: MIT */
/* Category 21, compression, what categories 12 and 13 leave out (RFC 7692). */
#include "conformance/case_rows.h"

void judge_cases_21(judge_builder *b)
{
    (void)b;
}
