/* SPDX-License-Identifier: MIT */
/*
 * Category 1, framing: text and binary messages at the borders of the three length encodings
 * (RFC 6455 section 5.2), in one write and in small ones.
 */
#include "conformance/case_rows.h"

static void family(judge_builder *b, bool binary)
{
    static const struct {
        uint32_t len, chop;
        double seconds;
    } rows[] = {
        {0, 0, 1},   {125, 0, 1},    {126, 0, 1},    {127, 0, 1},
        {128, 0, 1}, {65535, 0, 10}, {65536, 0, 10}, {65536, 997, 10},
    };
    const char *kind = binary ? "binary" : "text";

    for (size_t i = 0; i < WSK__COUNT(rows); i++) {
        const judge_blob blob = {binary ? "\xfe" : "*", 1, rows[i].len};
        const judge_step steps[] = {
            {.op = JUDGE_STEP_FRAME,
             .first = (uint8_t)(FIN | (binary ? BINARY : TEXT)),
             .chop = rows[i].chop,
             .blob = blob},
            KILL_AFTER(rows[i].seconds),
            {.op = JUDGE_STEP_END},
        };
        const char *writes = rows[i].chop
                                 ? judge_text(b, ", written in pieces of %u octets", rows[i].chop)
                                 : "";

        judge_add(
            b, &(judge_case){
                   .id = judge_text(b, "1.%d.%zu", binary ? 2 : 1, i + 1),
                   .title = judge_text(b, "%s, %u octets%s", kind, rows[i].len,
                                       rows[i].chop ? ", in pieces" : ""),
                   .description = judge_text(b, "One %s message of %u octets in a single frame%s.",
                                             kind, rows[i].len, writes),
                   .expectation = EXPECT_ECHO,
                   .reference = "RFC 6455 5.2",
                   .steps = steps,
                   OK_WITH(1, {JUDGE_EVENT_MESSAGE, binary, blob}),
                   ENDS_CLEAN,
               });
    }
}

void judge_cases_01(judge_builder *b)
{
    family(b, false);
    family(b, true);
}
