/* SPDX-License-Identifier: MIT */
/* Category 10, the rest: a message that the judge's own message call cuts into frames. */
#include "conformance/case_rows.h"

static const judge_case rows[] = {
    {.id = "10.1.1",
     .title = "automatic fragments of 1300 octets",
     .description = "One text message of 65536 octets, sent in frames of 1300 octets: 1 text "
                    "frame and 50 continuations.",
     .expectation = "The same message comes back, and the judge has sent exactly the frames that "
                    "it should. The close is clean, with code 1000.",
     .reference = "RFC 6455 5.4",
     .steps = STEPS(MESSAGE(TEXT, 0, REP("*", 65536)), KILL_AFTER(10)),
     .rule = JUDGE_RULE_FRAMES_SENT,
     .auto_fragment = 1300,
     OK_WITH(1, GOT_TEXT(REP("*", 65536))),
     ENDS_CLEAN},
};

void judge_cases_10(judge_builder *b)
{
    judge_add_rows(b, rows, WSK__COUNT(rows));
}
