/* SPDX-License-Identifier: MIT */
/* Category 2, pings and pongs (RFC 6455 sections 5.5.2 and 5.5.3). */
#include "conformance/case_rows.h"

#define EXPECT_PONG "A pong with the same payload comes back. The close is clean, with code 1000."

static const judge_case rows[] = {
    {.id = "2.1",
     .title = "ping without payload",
     .description = "A ping without payload.",
     .expectation = EXPECT_PONG,
     .reference = "RFC 6455 5.5.2",
     .steps = STEPS(FRAME(FIN | PING, NOTHING), CLOSE_AFTER(1)),
     OK_WITH(1, GOT_PONG(NOTHING)),
     ENDS_CLEAN},
    {.id = "2.2",
     .title = "ping with text",
     .description = "A ping whose payload is text.",
     .expectation = EXPECT_PONG,
     .reference = "RFC 6455 5.5.3",
     .steps = STEPS(FRAME(FIN | PING, S("Hello, world!")), CLOSE_AFTER(1)),
     OK_WITH(1, GOT_PONG(S("Hello, world!"))),
     ENDS_CLEAN},
    {.id = "2.3",
     .title = "ping with octets that are no text",
     .description = "A ping whose payload is not UTF-8.",
     .expectation = EXPECT_PONG,
     .reference = "RFC 6455 5.5.3",
     .steps = STEPS(FRAME(FIN | PING, S("\x00\xff\xfe\xfd\xfc\xfb\x00\xff")), CLOSE_AFTER(1)),
     OK_WITH(1, GOT_PONG(S("\x00\xff\xfe\xfd\xfc\xfb\x00\xff"))),
     ENDS_CLEAN},
    {.id = "2.4",
     .title = "ping of the greatest size",
     .description = "A ping with 125 octets, the most that a control frame may hold.",
     .expectation = EXPECT_PONG,
     .reference = "RFC 6455 5.5",
     .steps = STEPS(FRAME(FIN | PING, REP("\xfe", 125)), CLOSE_AFTER(1)),
     OK_WITH(1, GOT_PONG(REP("\xfe", 125))),
     ENDS_CLEAN},
    {.id = "2.5",
     .title = "ping that is too long",
     .description = "A ping with 126 octets, one more than a control frame may hold.",
     .expectation = EXPECT_FAIL,
     .reference = "RFC 6455 5.5",
     .steps = STEPS(FRAME(FIN | PING, REP("\xfe", 126)), KILL_AFTER(1)),
     OK_NOTHING,
     PEER_FAILS(1002)},
    {.id = "2.6",
     .title = "ping octet by octet",
     .description = "A ping with 125 octets, each octet in a write of its own.",
     .expectation = EXPECT_PONG,
     .reference = "RFC 6455 5.5.2",
     .steps = STEPS(FRAME_CHOP(FIN | PING, 1, REP("\xfe", 125)), CLOSE_AFTER(2)),
     OK_WITH(1, GOT_PONG(REP("\xfe", 125))),
     ENDS_CLEAN},
    {.id = "2.7",
     .title = "unasked pong, empty",
     .description = "A pong without payload that answers no ping, and a close behind it.",
     .expectation = "The pong is ignored. The close is clean, with code 1000.",
     .reference = "RFC 6455 5.5.3",
     .steps = STEPS(FRAME(FIN | PONG, NOTHING), SEND_CLOSE(1000, NOTHING), CLOSE_AFTER(1)),
     OK_NOTHING,
     ENDS_CLEAN},
    {.id = "2.8",
     .title = "unasked pong",
     .description = "A pong with payload that answers no ping, and a close behind it.",
     .expectation = "The pong is ignored. The close is clean, with code 1000.",
     .reference = "RFC 6455 5.5.3",
     .steps = STEPS(FRAME(FIN | PONG, S("unsolicited pong payload")), SEND_CLOSE(1000, NOTHING),
                    CLOSE_AFTER(1)),
     OK_NOTHING,
     ENDS_CLEAN},
    {.id = "2.9",
     .title = "unasked pong, then a ping",
     .description = "A pong that answers no ping, then a ping with another payload.",
     .expectation = "One pong comes back, with the ping's payload. The close is clean.",
     .reference = "RFC 6455 5.5.3",
     .steps = STEPS(FRAME(FIN | PONG, S("unsolicited pong payload")),
                    FRAME(FIN | PING, S("ping payload")), CLOSE_AFTER(1)),
     OK_WITH(1, GOT_PONG(S("ping payload"))),
     ENDS_CLEAN},
};

/* Ten pings, whole or octet by octet. */
static void ten(judge_builder *b, int number, uint32_t chop)
{
    judge_step steps[12] = {{.op = JUDGE_STEP_END}};
    judge_case row = {
        .id = judge_text(b, "2.%d", number),
        .title = chop ? "ten pings octet by octet" : "ten pings",
        .description = chop ? "Ten pings one behind the other, each octet in a write of its own."
                            : "Ten pings one behind the other.",
        .expectation = "Ten pongs in the same order, each with its ping's payload. The standard "
                       "lets a peer answer only the last ping; here each is wanted.",
        .reference = "RFC 6455 5.5.3",
        .steps = steps,
        .ending = {{JUDGE_OK, 10}},
        ENDS_CLEAN,
    };

    for (int i = 0; i < 10; i++) {
        const char *text = judge_text(b, "payload-%d", i);
        const judge_blob blob = {text, 9, 9};

        steps[i] = (judge_step)FRAME_CHOP(FIN | PING, chop, blob);
        row.ending[0].event[i] = (judge_event_row)GOT_PONG(blob);
    }
    steps[10] = (judge_step)CLOSE_AFTER(3);
    judge_add(b, &row);
}

void judge_cases_02(judge_builder *b)
{
    judge_add_rows(b, rows, WSK__COUNT(rows));
    ten(b, 10, 0);
    ten(b, 11, 1);
}
