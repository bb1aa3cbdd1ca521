/* SPDX-License-Identifier: MIT */
/* Category 15, the opening handshake of clients (RFC 6455 section 4.1). */
#include "conformance/case_rows.h"

void judge_cases_15(judge_builder *b)
{
    (void)b;
}
