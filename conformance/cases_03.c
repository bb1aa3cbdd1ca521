/* SPDX-License-Identifier: MIT */
/* Category 3, reserved bits without an extension that defines them (RFC 6455 section 5.2). */
#include "conformance/case_rows.h"

#define EXPECT_ECHO_FAIL                                                                           \
    "The first message comes back, then the peer fails the connection (close with 1002, or TCP "   \
    "dropped) and answers no ping. Failing before the echo is non-strict."

#define ROW(number, name, text, expect, ...)                                                       \
    .id = "3." #number, .title = name, .description = text, .expectation = expect,                 \
    .reference = "RFC 6455 5.2", .steps = STEPS(__VA_ARGS__), PEER_FAILS(1002)

static const judge_case rows[] = {
    {ROW(1, "RSV3 on text", "A text message with RSV3 set.", EXPECT_FAIL,
         FRAME(FIN | RSV3 | TEXT, S("Hello, world!")), KILL_AFTER(1)),
     OK_NOTHING},
    {ROW(2, "RSV2 on the second text",
         "A good text message, one with RSV2 set, and a ping, without pause.", EXPECT_ECHO_FAIL,
         FRAME(FIN | TEXT, S("Hello, world!")), FRAME(FIN | RSV2 | TEXT, S("Hello, world!")),
         FRAME(FIN | PING, NOTHING), KILL_AFTER(1)),
     OK_OR_NOTHING(1, GOT_TEXT(S("Hello, world!")))},
    {ROW(3, "RSV2 and RSV3 on the second text",
         "A good text message, one with RSV2 and RSV3 set, and a ping, each frame in a write of "
         "its own.",
         EXPECT_ECHO_FAIL, FRAME_SYNC(FIN | TEXT, S("Hello, world!")),
         FRAME_SYNC(FIN | RSV2 | RSV3 | TEXT, S("Hello, world!")), FRAME_SYNC(FIN | PING, NOTHING),
         KILL_AFTER(1)),
     OK_OR_NOTHING(1, GOT_TEXT(S("Hello, world!")))},
    {ROW(4, "RSV1 on the second text, octet by octet",
         "A good text message, one with RSV1 set, and a ping, each octet in a write of its own.",
         EXPECT_ECHO_FAIL, FRAME_CHOP(FIN | TEXT, 1, S("Hello, world!")),
         FRAME_CHOP(FIN | RSV1 | TEXT, 1, S("Hello, world!")), FRAME_CHOP(FIN | PING, 1, NOTHING),
         KILL_AFTER(1)),
     OK_OR_NOTHING(1, GOT_TEXT(S("Hello, world!")))},
    {ROW(5, "RSV1 and RSV3 on binary", "A binary message with RSV1 and RSV3 set.", EXPECT_FAIL,
         FRAME(FIN | RSV1 | RSV3 | BINARY, S("\x00\xff\xfe\xfd\xfc\xfb\x00\xff")), KILL_AFTER(1)),
     OK_NOTHING},
    {ROW(6, "RSV1 and RSV2 on binary", "A binary message with RSV1 and RSV2 set.", EXPECT_FAIL,
         FRAME(FIN | RSV1 | RSV2 | BINARY, S("Hello, world!")), KILL_AFTER(1)),
     OK_NOTHING},
    {ROW(7, "all three on close",
         "A close frame with RSV1, RSV2 and RSV3 set. The judge itself stays open.", EXPECT_FAIL,
         FRAME(FIN | RSV1 | RSV2 | RSV3 | CLOSE, NOTHING), KILL_AFTER(1)),
     OK_NOTHING},
};

void judge_cases_03(judge_builder *b)
{
    judge_add_rows(b, rows, WSK__COUNT(rows));
}
