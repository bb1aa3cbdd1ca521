/* SPDX-License-Identifier: MIT */
/* Category 5, fragmentation (RFC 6455 section 5.4). */
#include "conformance/case_rows.h"

#define ROW(number, name, text, expect, ...)                                                       \
    .id = "5." #number, .title = name, .description = text, .expectation = expect,                 \
    .reference = "RFC 6455 5.4", .steps = STEPS(__VA_ARGS__)

#define WHOLE      S("fragment1fragment2")
#define FIVE       S("fragment1fragment2fragment3fragment4fragment5")
#define STRAY      S("non-continuation payload")
#define EXPECT_ONE "The message comes back, put together. The close is clean, with code 1000."
#define EXPECT_PONG_ONE                                                                            \
    "The pong comes first, then the message, put together. The close is clean, with code 1000."
#define EXPECT_PONGS_ONE                                                                           \
    "A pong at once, a pong for the second ping, then the message, put together. The close is "    \
    "clean, with code 1000."

static const judge_case rows[] = {
    {ROW(1, "ping in two fragments", "A ping without FIN, and a continuation.", EXPECT_FAIL,
         FRAME(PING, S("fragment1")), FRAME(FIN | CONT, S("fragment2")), KILL_AFTER(1)),
     OK_NOTHING, PEER_FAILS(1002)},
    {ROW(2, "pong in two fragments", "A pong without FIN, and a continuation.", EXPECT_FAIL,
         FRAME(PONG, S("fragment1")), FRAME(FIN | CONT, S("fragment2")), KILL_AFTER(1)),
     OK_NOTHING, PEER_FAILS(1002)},
    {ROW(3, "text in two fragments", "A text message in two frames.", EXPECT_ONE,
         FRAME(TEXT, S("fragment1")), FRAME(FIN | CONT, S("fragment2")), CLOSE_AFTER(1)),
     OK_WITH(1, GOT_TEXT(WHOLE)), ENDS_CLEAN},
    {ROW(4, "text in two fragments, two writes",
         "A text message in two frames, each in a write of its own.", EXPECT_ONE,
         FRAME_SYNC(TEXT, S("fragment1")), FRAME_SYNC(FIN | CONT, S("fragment2")), CLOSE_AFTER(1)),
     OK_WITH(1, GOT_TEXT(WHOLE)), ENDS_CLEAN},
    {ROW(5, "text in two fragments, octet by octet",
         "A text message in two frames, each octet in a write of its own.", EXPECT_ONE,
         FRAME_CHOP(TEXT, 1, S("fragment1")), FRAME_CHOP(FIN | CONT, 1, S("fragment2")),
         CLOSE_AFTER(1)),
     OK_WITH(1, GOT_TEXT(WHOLE)), ENDS_CLEAN},
    {ROW(6, "ping between two fragments", "A text message in two frames with a ping between them.",
         EXPECT_PONG_ONE, FRAME(TEXT, S("fragment1")), FRAME(FIN | PING, S("ping payload")),
         FRAME(FIN | CONT, S("fragment2")), CLOSE_AFTER(1)),
     OK_WITH(2, GOT_PONG(S("ping payload")), GOT_TEXT(WHOLE)), ENDS_CLEAN},
    {ROW(7, "ping between two fragments, three writes",
         "A text message in two frames with a ping between them, each in a write of its own.",
         EXPECT_PONG_ONE, FRAME_SYNC(TEXT, S("fragment1")),
         FRAME_SYNC(FIN | PING, S("ping payload")), FRAME_SYNC(FIN | CONT, S("fragment2")),
         CLOSE_AFTER(1)),
     OK_WITH(2, GOT_PONG(S("ping payload")), GOT_TEXT(WHOLE)), ENDS_CLEAN},
    {ROW(8, "ping between two fragments, octet by octet",
         "A text message in two frames with a ping between them, each octet in a write of its own.",
         EXPECT_PONG_ONE, FRAME_CHOP(TEXT, 1, S("fragment1")),
         FRAME_CHOP(FIN | PING, 1, S("ping payload")), FRAME_CHOP(FIN | CONT, 1, S("fragment2")),
         CLOSE_AFTER(1)),
     OK_WITH(2, GOT_PONG(S("ping payload")), GOT_TEXT(WHOLE)), ENDS_CLEAN},
    {ROW(9, "continuation of nothing, FIN",
         "A continuation with FIN where no message is open, then a good text message.", EXPECT_FAIL,
         FRAME(FIN | CONT, STRAY), FRAME(FIN | TEXT, S("Hello, world!")), KILL_AFTER(1)),
     OK_NOTHING, PEER_FAILS(1002)},
    {ROW(10, "continuation of nothing, FIN, two writes",
         "A continuation with FIN where no message is open, then a good text message, each in a "
         "write of its own.",
         EXPECT_FAIL, FRAME_SYNC(FIN | CONT, STRAY), FRAME_SYNC(FIN | TEXT, S("Hello, world!")),
         KILL_AFTER(1)),
     OK_NOTHING, PEER_FAILS(1002)},
    {ROW(11, "continuation of nothing, FIN, octet by octet",
         "A continuation with FIN where no message is open, then a good text message, each octet "
         "in a write of its own.",
         EXPECT_FAIL, FRAME_CHOP(FIN | CONT, 1, STRAY),
         FRAME_CHOP(FIN | TEXT, 1, S("Hello, world!")), KILL_AFTER(1)),
     OK_NOTHING, PEER_FAILS(1002)},
    {ROW(12, "continuation of nothing",
         "A continuation without FIN where no message is open, then a good text message.",
         EXPECT_FAIL, FRAME(CONT, STRAY), FRAME(FIN | TEXT, S("Hello, world!")), KILL_AFTER(1)),
     OK_NOTHING, PEER_FAILS(1002)},
    {ROW(13, "continuation of nothing, two writes",
         "A continuation without FIN where no message is open, then a good text message, each in "
         "a write of its own.",
         EXPECT_FAIL, FRAME_SYNC(CONT, STRAY), FRAME_SYNC(FIN | TEXT, S("Hello, world!")),
         KILL_AFTER(1)),
     OK_NOTHING, PEER_FAILS(1002)},
    {ROW(14, "continuation of nothing, octet by octet",
         "A continuation without FIN where no message is open, then a good text message, each "
         "octet in a write of its own.",
         EXPECT_FAIL, FRAME_CHOP(CONT, 1, STRAY), FRAME_CHOP(FIN | TEXT, 1, S("Hello, world!")),
         KILL_AFTER(1)),
     OK_NOTHING, PEER_FAILS(1002)},
    {ROW(15, "continuation of nothing behind a good message",
         "A text message in two frames, then a continuation without FIN where no message is open, "
         "then an unfragmented text message.",
         "The first message comes back, then the peer fails the connection (close with 1002, or "
         "TCP dropped). Failing before the echo is non-strict.",
         FRAME(TEXT, S("fragment1")), FRAME(FIN | CONT, S("fragment2")),
         FRAME(CONT, S("fragment3")), FRAME(FIN | TEXT, S("fragment4")), KILL_AFTER(1)),
     OK_OR_NOTHING(1, GOT_TEXT(WHOLE)), PEER_FAILS(1002)},
    {ROW(16, "continuation of nothing, twice",
         "Twice: a continuation without FIN where no message is open, then a text message in two "
         "frames.",
         EXPECT_FAIL, FRAME(CONT, S("fragment1")), FRAME(TEXT, S("fragment2")),
         FRAME(FIN | CONT, S("fragment3")), FRAME(CONT, S("fragment1")),
         FRAME(TEXT, S("fragment2")), FRAME(FIN | CONT, S("fragment3")), KILL_AFTER(1)),
     OK_NOTHING, PEER_FAILS(1002)},
    {ROW(17, "continuation of nothing with FIN, twice",
         "Twice: a continuation with FIN where no message is open, then a text message in two "
         "frames.",
         EXPECT_FAIL, FRAME(FIN | CONT, S("fragment1")), FRAME(TEXT, S("fragment2")),
         FRAME(FIN | CONT, S("fragment3")), FRAME(FIN | CONT, S("fragment1")),
         FRAME(TEXT, S("fragment2")), FRAME(FIN | CONT, S("fragment3")), KILL_AFTER(1)),
     OK_NOTHING, PEER_FAILS(1002)},
    {ROW(18, "new message inside a message",
         "A text frame without FIN, then a text frame with FIN instead of a continuation.",
         EXPECT_FAIL, FRAME(TEXT, S("fragment1")), FRAME(FIN | TEXT, S("fragment2")),
         KILL_AFTER(1)),
     OK_NOTHING, PEER_FAILS(1002)},
    {ROW(19, "two pings in a slow message",
         "Two frames of a text message and a ping; a second later two more, another ping and the "
         "last frame.",
         EXPECT_PONGS_ONE, FRAME(TEXT, S("fragment1")), FRAME(CONT, S("fragment2")),
         FRAME(FIN | PING, S("pongme 1!")), WAIT(1), FRAME(CONT, S("fragment3")),
         FRAME(CONT, S("fragment4")), FRAME(FIN | PING, S("pongme 2!")),
         FRAME(FIN | CONT, S("fragment5")), CLOSE_AFTER(1)),
     OK_WITH(3, GOT_PONG(S("pongme 1!")), GOT_PONG(S("pongme 2!")), GOT_TEXT(FIVE)), ENDS_CLEAN},
    {ROW(20, "two pings in a slow message, a write each",
         "Two frames of a text message and a ping; a second later two more, another ping and the "
         "last frame. Each frame is a write of its own.",
         EXPECT_PONGS_ONE, FRAME_SYNC(TEXT, S("fragment1")), FRAME_SYNC(CONT, S("fragment2")),
         FRAME_SYNC(FIN | PING, S("pongme 1!")), WAIT(1), FRAME_SYNC(CONT, S("fragment3")),
         FRAME_SYNC(CONT, S("fragment4")), FRAME_SYNC(FIN | PING, S("pongme 2!")),
         FRAME_SYNC(FIN | CONT, S("fragment5")), CLOSE_AFTER(1)),
     OK_WITH(3, GOT_PONG(S("pongme 1!")), GOT_PONG(S("pongme 2!")), GOT_TEXT(FIVE)), ENDS_CLEAN},
};

void judge_cases_05(judge_builder *b)
{
    judge_add_rows(b, rows, WSK__COUNT(rows));
}
