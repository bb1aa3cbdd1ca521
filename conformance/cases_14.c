/* SPDX-License-Identifier: MIT */
/* Category 14, the opening handshake of servers (RFC 6455 section 4.2). */
#include "conformance/case_rows.h"

void judge_cases_14(judge_builder *b)
{
    (void)b;
}
