/* SPDX-License-Identifier: MIT */
/*
 * Category 4, opcodes that RFC 6455 section 5.2 reserves: 3 to 7 for data, 11 to 15 for control
 * frames. The two families differ in the opcode alone.
 */
#include <string.h>

#include "conformance/case_rows.h"

static void family(judge_builder *b, int group, uint8_t first_opcode, const char *kind)
{
    static const struct {
        bool after_text;
        uint8_t chop;
        const char *payload;
    } rows[] = {
        {false, 0, ""},
        {false, 0, "reserved opcode payload"},
        {true, 0, ""},
        {true, 0, "Hello, world!"},
        {true, 1, "Hello, world!"},
    };
    const judge_blob hello = S("Hello, world!");

    for (unsigned i = 0; i < WSK__COUNT(rows); i++) {
        const unsigned opcode = first_opcode + i, chop = rows[i].chop;
        const size_t len = strlen(rows[i].payload);
        const judge_blob blob = {rows[i].payload, len, len};
        const judge_step alone[] = {
            FRAME((uint8_t)(FIN | opcode), blob), KILL_AFTER(1), {.op = JUDGE_STEP_END}};
        const judge_step after[] = {
            FRAME_CHOP(FIN | TEXT, chop, hello),
            FRAME_CHOP((uint8_t)(FIN | opcode), chop, blob),
            FRAME_CHOP(FIN | PING, chop, NOTHING),
            KILL_AFTER(1),
            {.op = JUDGE_STEP_END},
        };
        judge_case row = {
            .id = judge_text(b, "4.%d.%u", group, i + 1),
            .title = judge_text(b, "%s opcode %u%s", kind, opcode,
                                rows[i].after_text ? " behind a text" : ""),
            .reference = "RFC 6455 5.2",
            .steps = rows[i].after_text ? after : alone,
            OK_NOTHING,
            PEER_FAILS(1002),
        };

        if (rows[i].after_text) {
            row.description = judge_text(
                b,
                "A good text message, a frame with the reserved %s opcode %u %s, "
                "and a ping%s.",
                kind, opcode, len ? "and payload" : "without payload",
                chop ? ", each octet in a write of its own" : ", without pause");
            row.expectation = "The first message comes back, then the peer fails the connection "
                              "(close with 1002, or TCP dropped) and answers no ping. Failing "
                              "before the echo is non-strict.";
            row.ending[0] = (judge_ending){JUDGE_OK, 1, {GOT_TEXT(hello)}};
            row.ending[1] = (judge_ending){JUDGE_NON_STRICT, 0};
        } else {
            row.description = judge_text(b, "A frame with the reserved %s opcode %u %s.", kind,
                                         opcode, len ? "and payload" : "without payload");
            row.expectation = EXPECT_FAIL;
        }
        judge_add(b, &row);
    }
}

void judge_cases_04(judge_builder *b)
{
    family(b, 1, 3, "data");
    family(b, 2, 11, "control");
}
