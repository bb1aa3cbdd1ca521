/* SPDX-License-Identifier: MIT */
/*
 * The rest of category 17: each of the 256 first octets in each state of a connection, judged by
 * one table of what the RFCs forbid, and a conversation that is cut at each of its octets.
 */
#include "conformance/case_rows.h"

/* ------------------------------------------------------------------- the verdict table -- */

/* States in which a frame may come. */
enum {
    IDLE = 1,       /* no message is open */
    IN_MESSAGE = 2, /* one is */
    PLAIN = 4,      /* no extension */
    DEFLATE = 8,    /* permessage-deflate */
    ALWAYS = IDLE | IN_MESSAGE | PLAIN | DEFLATE,
};

/* What no frame may have. The first row that fits decides; a first octet that none fits is good. */
static const struct {
    uint8_t set;       /* any of these bits, or */
    uint8_t clear;     /* the lack of this one, or (both 0) whatever they are */
    uint8_t low, high; /* opcodes */
    uint8_t states;    /* the message and the extension must be among these */
    const char *reference, *sentence;
} forbidden[] = {
    {RSV2 | RSV3, 0, 0, 15, ALWAYS, "RFC 6455 5.2",
     "RSV2 and RSV3 MUST be 0, no extension gives them a meaning."},
    {RSV1, 0, 0, 15, IDLE | IN_MESSAGE | PLAIN, "RFC 6455 5.2",
     "RSV1 MUST be 0 unless an extension gives it a meaning."},
    {0, 0, 3, 7, ALWAYS, "RFC 6455 5.2", "Opcodes 3 to 7 are reserved."},
    {0, 0, 11, 15, ALWAYS, "RFC 6455 5.2", "Opcodes 11 to 15 are reserved."},
    {RSV1, 0, 8, 10, ALWAYS, "RFC 7692 6.1", "Control frames MUST NOT have RSV1."},
    {0, FIN, 8, 10, ALWAYS, "RFC 6455 5.5", "Control frames MUST NOT be fragmented."},
    {RSV1, 0, CONT, CONT, ALWAYS, "RFC 7692 6.1",
     "Only the first frame of a message may have RSV1."},
    {0, 0, CONT, CONT, IDLE | PLAIN | DEFLATE, "RFC 6455 5.4",
     "A continuation needs a message to continue."},
    {0, 0, TEXT, BINARY, IN_MESSAGE | PLAIN | DEFLATE, "RFC 6455 5.4",
     "Inside a message only continuations and control frames may come."},
};

/* The row that forbids an octet, or -1. */
static int forbids(uint8_t first, unsigned state)
{
    for (size_t i = 0; i < WSK__COUNT(forbidden); i++) {
        const uint8_t opcode = first & 15, set = forbidden[i].set, clear = forbidden[i].clear;

        if (opcode < forbidden[i].low || opcode > forbidden[i].high ||
            (forbidden[i].states & state) != state)
            continue;
        if ((set == 0 && clear == 0) || (first & set) != 0 || (~first & clear) != 0)
            return (int)i;
    }
    return -1;
}

/* ---------------------------------------------------------------- each octet, each state -- */

/* "ab", deflated and without the tail of RFC 7692 7.2.1, in two parts. */
#define PACKED_BEGIN S("\x4a\x4c")
#define PACKED_END   S("\x02\x00")
/* "b" alone. */
#define PACKED_B S("\x4a\x02\x00")

typedef struct place {
    unsigned group;
    unsigned state;
    bool packed; /* the open message is compressed */
    const char *name;
} place;

static const place places[] = {
    {8, IDLE | PLAIN, false, "no message open"},
    {9, IN_MESSAGE | PLAIN, false, "inside a message"},
    {10, IDLE | DEFLATE, false, "no message open, permessage-deflate"},
    {11, IN_MESSAGE | DEFLATE, false,
     "inside a message that is not compressed, "
     "permessage-deflate"},
    {12, IN_MESSAGE | DEFLATE, true, "inside a compressed message"},
};

#define ADD(...) steps[n++] = (judge_step)__VA_ARGS__

/* What is sent behind a good first octet until something must come back, and what that is. */
static size_t good_frame(judge_case *row, judge_step *steps, uint8_t first, const place *p)
{
    const uint8_t opcode = first & 15;
    const bool inside = (p->state & IN_MESSAGE) != 0, fin = (first & FIN) != 0;
    judge_event_row *event = row->ending[0].event;
    size_t n = 0, came = 0;

    if (opcode == CLOSE) {
        ADD(SEND_CLOSE(1000, NOTHING));
    } else if (opcode == PING) {
        ADD(FRAME(first, S("b")));
        event[came++] = (judge_event_row)GOT_PONG(S("b"));
    } else if (opcode == PONG) {
        ADD(FRAME(first, S("b")));
    } else if (opcode == CONT) {
        if (p->packed)
            ADD(FRAME(first, PACKED_END));
        else
            ADD(FRAME(first, S("b")));
    } else if ((first & RSV1) != 0) {
        ADD(FRAME(first, PACKED_B));
    } else {
        ADD(FRAME(first, S("b")));
    }
    /* The end of what is open. */
    if (opcode == CLOSE)
        return n;
    if (inside && opcode >= 8 && p->packed)
        ADD(FRAME(FIN | CONT, PACKED_END));
    else if (inside && opcode >= 8)
        ADD(FRAME(FIN | CONT, S("b")));
    else if (opcode < 8 && !fin)
        ADD(FRAME(FIN | CONT, NOTHING));
    if (inside) {
        event[came++] = (judge_event_row)GOT_TEXT(S("ab"));
    } else if (opcode < 8) {
        event[came++] = (judge_event_row){JUDGE_EVENT_MESSAGE, opcode == BINARY, S("b")};
    } else if (opcode == PONG) {
        ADD(FRAME(FIN | PING, S("still there?")));
        event[came++] = (judge_event_row)GOT_PONG(S("still there?"));
    }
    row->ending[0].n = came;
    /* RFC 6455 5.5.2: as soon as is practical, which may be behind the message. */
    if (inside && opcode == PING) {
        row->ending[1] = row->ending[0];
        row->ending[1].behavior = JUDGE_NON_STRICT;
        row->ending[1].apart = true;
    }
    return n;
}

static const char *flags(judge_builder *b, uint8_t first)
{
    return judge_text(b, "%s%s%s%sopcode %u", first & FIN ? "FIN, " : "",
                      first & RSV1 ? "RSV1, " : "", first & RSV2 ? "RSV2, " : "",
                      first & RSV3 ? "RSV3, " : "", first & 15);
}

static void first_octet(judge_builder *b, const place *p, uint8_t first)
{
    const int rule = forbids(first, p->state);
    judge_step steps[8];
    size_t n = 0;
    judge_case row = {
        .id = judge_text(b, "17.%u.%u", p->group, first + 1),
        .title = judge_text(b, "0x%02x %s", first, p->name),
        .description = judge_text(b, "A frame with the first octet 0x%02x (%s), %s.", first,
                                  flags(b, first), p->name),
        .reference = "RFC 6455 5.2, 5.4, 5.5",
        .steps = steps,
        .rule = JUDGE_RULE_CLOSE_CODE,
        OK_NOTHING,
    };

    if (p->packed)
        ADD(FRAME(RSV1 | TEXT, PACKED_BEGIN));
    else if (p->state & IN_MESSAGE)
        ADD(FRAME(TEXT, S("a")));
    if ((p->state & DEFLATE) != 0)
        row.echo.n_offers = 1;
    if (rule >= 0) {
        row.reference = forbidden[rule].reference;
        row.close.coded = (first & 15) == CLOSE;
        row.expectation = judge_text(b, "%s %s", forbidden[rule].sentence,
                                     row.close.coded ? EXPECT_FAIL_CODED : EXPECT_FAIL);
        row.close.codes[0] = 1002;
        row.close.n_codes = 1;
        if (row.close.coded)
            ADD(FRAME(first, S("\x03\xe8")));
        else
            ADD(FRAME(first, S("b")));
        ADD(KILL_AFTER(1));
    } else {
        row.expectation = "The frame is good: it is answered as it should be, and the close is "
                          "clean, with code 1000.";
        row.close.codes[0] = 1000;
        row.close.n_codes = 1;
        row.close.closed_by_me = row.close.require_clean = true;
        row.close.suppress = (first & 15) == CLOSE;
        n += good_frame(&row, steps + n, first, p);
        if ((first & 15) == CLOSE)
            ADD(KILL_AFTER(1));
        else
            ADD(CLOSE_AFTER(1));
    }
    ADD({.op = JUDGE_STEP_END});
    judge_add(b, &row);
}

/* Behind a close nothing counts any more: all octets of an opcode on one connection. */
static void behind_close(judge_builder *b)
{
    for (unsigned opcode = 0; opcode < 16; opcode++) {
        judge_step steps[20];
        size_t n = 0;

        ADD(SEND_CLOSE(1000, NOTHING));
        for (unsigned bits = 0; bits < 16; bits++)
            ADD(FRAME((uint8_t)(bits << 4 | opcode), S("\x03\xe8")));
        ADD(KILL_AFTER(1));
        ADD({.op = JUDGE_STEP_END});
        judge_add(b, &(judge_case){
                         .id = judge_text(b, "17.13.%u", opcode + 1),
                         .title = judge_text(b, "opcode %u behind a close", opcode),
                         .description = judge_text(b,
                                                   "A close frame with code 1000, and behind it "
                                                   "frames of opcode %u with each combination of "
                                                   "FIN, RSV1, RSV2 and RSV3.",
                                                   opcode),
                         .expectation = "A clean close with code 1000, and nothing else: what "
                                        "comes behind a close frame is discarded, good or bad.",
                         .reference = "RFC 6455 1.4, 5.5.1",
                         .steps = steps,
                         .rule = JUDGE_RULE_CLOSE_CODE,
                         OK_NOTHING,
                         ENDS_BY_STEP,
                     });
    }
}

/* ------------------------------------------------------------------------------- splits -- */

/* A conversation with each kind of good frame, and each length form but the longest. */
#define CONVERSATION                                                                               \
    FRAME(TEXT, S("\xc3")), FRAME(FIN | PING, S("one")), FRAME(FIN | CONT, S("\xa9t\xc3\xa9")),    \
        FRAME(FIN | BINARY, REP("0123456789", 126)), FRAME(FIN | PONG, NOTHING),                   \
        FRAME(FIN | PING, NOTHING), FRAME(FIN | TEXT, S("end"))
#define CONVERSATION_EVENTS                                                                        \
    GOT_PONG(S("one")), GOT_TEXT(S("\xc3\xa9t\xc3\xa9")), GOT_BINARY(REP("0123456789", 126)),      \
        GOT_PONG(NOTHING), GOT_TEXT(S("end"))
#define CONVERSATION_ENDING ALL_OR_LAST_APART(5, CONVERSATION_EVENTS)
/* Octets of it, masked: seven headers of 6, one of them of 8, and the payloads. */
#define CONVERSATION_LEN (7 * 6 + 2 + 1 + 3 + 4 + 126 + 3)

#define EXPECT_ALL                                                                                 \
    "Two pongs in their order and three messages in theirs come back, whatever the octets came "   \
    "in. To answer only the last ping is non-strict. The close is clean, with code 1000."

static void splits(judge_builder *b)
{
    for (unsigned at = 1; at < CONVERSATION_LEN; at++) {
        const judge_step steps[] = {
            HOLD, CONVERSATION, RELEASE(at), CLOSE_AFTER(2), {.op = JUDGE_STEP_END}};

        judge_add(b, &(judge_case){
                         .id = judge_text(b, "17.14.%u", at),
                         .title = judge_text(b, "cut at octet %u", at),
                         .description = judge_text(
                             b, "Seven good frames in two writes, the first one of %u octet%s.", at,
                             at == 1 ? "" : "s"),
                         .expectation = EXPECT_ALL,
                         .reference = "RFC 6455 5.2",
                         .steps = steps,
                         CONVERSATION_ENDING,
                         ENDS_CLEAN,
                     });
    }
}

/* The longest header, cut at each octet, with other frames around it. */
static void long_splits(judge_builder *b)
{
    for (unsigned at = 1; at <= 22; at++) {
        const judge_step steps[] = {HOLD,
                                    FRAME(FIN | PING, S("1")),
                                    FRAME(FIN | BINARY, REP("0123456789", 65536)),
                                    FRAME(FIN | PING, S("2")),
                                    RELEASE(at),
                                    CLOSE_AFTER(2),
                                    {.op = JUDGE_STEP_END}};

        judge_add(b, &(judge_case){
                         .id = judge_text(b, "17.15.%u", at),
                         .title = judge_text(b, "long frame, cut at octet %u", at),
                         .description = judge_text(b,
                                                   "A ping, a binary message of 65,536 octets "
                                                   "and a ping in two writes, the first one of "
                                                   "%u octet%s.",
                                                   at, at == 1 ? "" : "s"),
                         .expectation = "Two pongs and the message. To answer only the last ping "
                                        "is non-strict. The close is clean, with code 1000.",
                         .reference = "RFC 6455 5.2",
                         .steps = steps,
                         ALL_OR_LAST_APART(3, GOT_PONG(S("1")),
                                           GOT_BINARY(REP("0123456789", 65536)), GOT_PONG(S("2"))),
                         ENDS_CLEAN,
                     });
    }
}

void judge_cases_17_octets(judge_builder *b)
{
    for (size_t i = 0; i < WSK__COUNT(places); i++) {
        for (unsigned first = 0; first < 256; first++)
            first_octet(b, &places[i], (uint8_t)first);
    }
    behind_close(b);
    splits(b);
    long_splits(b);
}
