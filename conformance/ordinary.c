/* SPDX-License-Identifier: MIT */
/* See ordinary.h. */
#include "conformance/ordinary.h"

judge_case judge_ordinary(judge_step steps[JUDGE_ORDINARY_STEPS], double seconds, bool clean)
{
    static const judge_blob text = {"alive?", 6, 6};

    steps[0] = (judge_step){.op = JUDGE_STEP_FRAME, .first = 0x81, .blob = text};
    steps[1] = (judge_step){.op = JUDGE_STEP_CLOSE_AFTER, .seconds = seconds};
    steps[2] = (judge_step){.op = JUDGE_STEP_END};
    return (judge_case){
        .id = "0",
        .title = "",
        .description = "",
        .expectation = "",
        .reference = "",
        .steps = steps,
        .ending = {{JUDGE_OK, 1, {{JUDGE_EVENT_MESSAGE, false, text}}}},
        .close = {.codes = {1000}, .n_codes = 1, .closed_by_me = true, .require_clean = clean},
    };
}
