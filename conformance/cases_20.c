/* SPDX-License-Identifier: MIT */
/* Category 20, pings and pongs, what category 2 leaves out (RFC 6455 5.5.2 and 5.5.3). */
#include "conformance/case_rows.h"

#define END                                                                                        \
    {                                                                                              \
        .op = JUDGE_STEP_END                                                                       \
    }

#define ROW(number, name, text, expect, ref, ...)                                                  \
    .id = "20." number, .title = name, .description = text, .expectation = expect,                 \
    .reference = ref, .steps = STEPS(__VA_ARGS__)

/* Every value of an octet, no period that a small buffer has. */
static void lengths(judge_builder *b)
{
    uint8_t octets[125];

    for (unsigned i = 0; i < sizeof(octets); i++)
        octets[i] = (uint8_t)(i * 149 + 7);
    for (unsigned len = 0; len <= 125; len++) {
        const judge_blob payload = judge_octet_blob(b, octets, len);
        const judge_step steps[] = {
            {.op = JUDGE_STEP_FRAME, .first = FIN | PING, .blob = payload}, CLOSE_AFTER(1), END};

        judge_add(b, &(judge_case){
                         .id = judge_text(b, "20.1.%u", len + 1),
                         .title = judge_text(b, "ping of %u octet%s", len, len == 1 ? "" : "s"),
                         .description = judge_text(b, "A ping with %u octet%s of payload.", len,
                                                   len == 1 ? "" : "s"),
                         .expectation = "A pong with the same payload. The close is clean, with "
                                        "code 1000.",
                         .reference = "RFC 6455 5.5.2, 5.5.3",
                         .steps = steps,
                         OK_WITH(1, {JUDGE_EVENT_PONG, false, payload}),
                         ENDS_CLEAN,
                     });
    }
}

#define EXPECT_ALL                                                                                 \
    "Every ping gets its pong, in order. To answer only the last of several is allowed (5.5.3), "  \
    "and non-strict here. The close is clean, with code 1000."
#define TEN_PONGS                                                                                  \
    GOT_PONG(S("ping 0")), GOT_PONG(S("ping 1")), GOT_PONG(S("ping 2")), GOT_PONG(S("ping 3")),    \
        GOT_PONG(S("ping 4")), GOT_PONG(S("ping 5")), GOT_PONG(S("ping 6")),                       \
        GOT_PONG(S("ping 7")), GOT_PONG(S("ping 8")), GOT_PONG(S("ping 9"))
#define TEN_PINGS                                                                                  \
    FRAME(FIN | PING, S("ping 0")), FRAME(FIN | PING, S("ping 1")),                                \
        FRAME(FIN | PING, S("ping 2")), FRAME(FIN | PING, S("ping 3")),                            \
        FRAME(FIN | PING, S("ping 4")), FRAME(FIN | PING, S("ping 5")),                            \
        FRAME(FIN | PING, S("ping 6")), FRAME(FIN | PING, S("ping 7")),                            \
        FRAME(FIN | PING, S("ping 8")), FRAME(FIN | PING, S("ping 9"))

/* The judge closes behind the flood, and waits for the answer longer than usual. */
#define CALM                                                                                       \
    .close = {.codes = {1000},                                                                     \
              .n_codes = 1,                                                                        \
              .closed_by_me = true,                                                                \
              .require_clean = true,                                                               \
              .suppress = true,                                                                    \
              .patience = 15}

#define EXPECT_SILENCE                                                                             \
    "Nobody answers a pong; the connection goes on as if it had not come. The close is clean, "    \
    "with code 1000."

static const judge_case rows[] = {
    {ROW("2.1", "ten pings at once", "Ten different pings in one write.", EXPECT_ALL,
         "RFC 6455 5.5.2, 5.5.3", HOLD, TEN_PINGS, RELEASE(0), CLOSE_AFTER(1)),
     ALL_OR_LAST(10, TEN_PONGS), ENDS_CLEAN},
    {ROW("2.2", "ten pings at once, cut in the fifth", "Ten different pings in two writes.",
         EXPECT_ALL, "RFC 6455 5.5.2, 5.5.3", HOLD, TEN_PINGS, RELEASE(52), CLOSE_AFTER(1)),
     ALL_OR_LAST(10, TEN_PONGS), ENDS_CLEAN},
    {ROW("2.3", "pings around a message", "Two pings, a text message and two pings, in one write.",
         "Each ping gets its pong, and the message comes back. To answer only the "
         "last of several pings is non-strict.",
         "RFC 6455 5.5.2, 5.5.3", HOLD, FRAME(FIN | PING, S("1")), FRAME(FIN | PING, S("2")),
         FRAME(FIN | TEXT, S("Hello")), FRAME(FIN | PING, S("3")), FRAME(FIN | PING, S("4")),
         RELEASE(0), CLOSE_AFTER(1)),
     ALL_OR_LAST_APART(5, GOT_PONG(S("1")), GOT_PONG(S("2")), GOT_TEXT(S("Hello")),
                       GOT_PONG(S("3")), GOT_PONG(S("4"))),
     ENDS_CLEAN},
    {ROW("2.4", "ping that looks like a close", "A ping whose payload is that of a close frame.",
         "A pong with the same payload. The close is clean, with code 1000.", "RFC 6455 5.5.2",
         FRAME(FIN | PING, S("\x03\xe8 bye")), CLOSE_AFTER(1)),
     OK_WITH(1, GOT_PONG(S("\x03\xe8 bye"))), ENDS_CLEAN},
    {ROW("2.5", "ping that is no UTF-8", "A ping whose payload is no text at all.",
         "A pong with the same payload: it need be no text. The close is clean, with code 1000.",
         "RFC 6455 5.5.2", FRAME(FIN | PING, S("\xff\xfe\x00\xc0\x80\xed\xa0\x80")),
         CLOSE_AFTER(1)),
     OK_WITH(1, GOT_PONG(S("\xff\xfe\x00\xc0\x80\xed\xa0\x80"))), ENDS_CLEAN},

    {ROW("3.1", "pong that nobody asked for", "A pong, and a text message.", EXPECT_SILENCE,
         "RFC 6455 5.5.3", FRAME(FIN | PONG, S("unasked")), FRAME(FIN | TEXT, S("Hello")),
         CLOSE_AFTER(1)),
     OK_WITH(1, GOT_TEXT(S("Hello"))), ENDS_CLEAN},
    {ROW("3.2", "empty pong", "A pong without payload, and a text message.", EXPECT_SILENCE,
         "RFC 6455 5.5.3", FRAME(FIN | PONG, NOTHING), FRAME(FIN | TEXT, S("Hello")),
         CLOSE_AFTER(1)),
     OK_WITH(1, GOT_TEXT(S("Hello"))), ENDS_CLEAN},
    {ROW("3.3", "longest pong", "A pong of 125 octets, and a text message.", EXPECT_SILENCE,
         "RFC 6455 5.5.3", FRAME(FIN | PONG, REP("\xff\x00", 125)), FRAME(FIN | TEXT, S("Hello")),
         CLOSE_AFTER(1)),
     OK_WITH(1, GOT_TEXT(S("Hello"))), ENDS_CLEAN},
    {ROW("3.4", "pong between fragments", "A text message in two frames with a pong between them.",
         EXPECT_SILENCE, "RFC 6455 5.4, 5.5.3", FRAME(TEXT, S("Hel")), FRAME(FIN | PONG, S("pong")),
         FRAME(FIN | CONT, S("lo")), CLOSE_AFTER(1)),
     OK_WITH(1, GOT_TEXT(S("Hello"))), ENDS_CLEAN},
    {ROW("3.5", "10,000 pongs", "10,000 pongs of 125 octets, and a text message.", EXPECT_SILENCE,
         "RFC 6455 5.5.3", WIRE_LOG(0, true), FLOOD(FIN | PONG, 10000, REP("*", 125)),
         FRAME(FIN | TEXT, S("Hello")), CLOSE_AFTER(5)),
     OK_WITH(1, GOT_TEXT(S("Hello"))), ENDS_CLEAN, .survival = {.after = true}},
    {ROW("3.6", "pong and ping", "A pong and a ping with the same payload.",
         "One pong, for the ping. The close is clean, with code 1000.", "RFC 6455 5.5.3",
         FRAME(FIN | PONG, S("same")), FRAME(FIN | PING, S("same")), FRAME(FIN | TEXT, S("Hello")),
         CLOSE_AFTER(1)),
     APART(2, GOT_PONG(S("same")), GOT_TEXT(S("Hello"))), ENDS_CLEAN},

    {ROW("4.1", "pings between all fragments",
         "A text message in four frames with a ping between each two.",
         "A pong for each ping, then the message. To answer only the last ping, or behind the "
         "message, is non-strict. The close is clean, with code 1000.",
         "RFC 6455 5.4, 5.5.2", FRAME(TEXT, S("one ")), FRAME(FIN | PING, S("1")),
         FRAME(CONT, S("two ")), FRAME(FIN | PING, S("2")), FRAME(CONT, S("three ")),
         FRAME(FIN | PING, S("3")), FRAME(FIN | CONT, S("four")), CLOSE_AFTER(1)),
     ALL_OR_LAST_LATE(4, GOT_PONG(S("1")), GOT_PONG(S("2")), GOT_PONG(S("3")),
                      GOT_TEXT(S("one two three four"))),
     ENDS_CLEAN},
    {ROW("4.2", "ping inside a character",
         "A text message in two frames that cut a character, with a ping between them.",
         "A pong, then the message; a pong behind it is non-strict. The close is clean, with code "
         "1000.",
         "RFC 6455 5.4, 8.1", FRAME(TEXT, S("caf\xc3")), FRAME(FIN | PING, S("\xa9")),
         FRAME(FIN | CONT, S("\xa9")), CLOSE_AFTER(1)),
     OK_OR_LATE(2, GOT_PONG(S("\xa9")), GOT_TEXT(S("caf\xc3\xa9"))), ENDS_CLEAN},
    {ROW("4.3", "ping between compressed fragments",
         "A compressed text message in two frames with a ping between them.",
         "A pong, then the message: the ping is not compressed, nor does it end the stream.",
         "RFC 7692 6.1", FRAME(RSV1 | TEXT, S("\x4a\x4c")), FRAME(FIN | PING, S("ping")),
         FRAME(FIN | CONT, S("\x02\x00")), CLOSE_AFTER(1)),
     OK_OR_LATE(2, GOT_PONG(S("ping")), GOT_TEXT(S("ab"))), ENDS_CLEAN, .echo = {.n_offers = 1}},
    {ROW("4.4", "pings between compressed fragments of an octet",
         "A compressed text message in frames of one octet with a ping between each two.",
         "A pong for each ping, then the message. To answer only the last ping is non-strict.",
         "RFC 7692 6.1", FRAME(RSV1 | TEXT, S("\x4a")), FRAME(FIN | PING, S("1")),
         FRAME(CONT, S("\x4c")), FRAME(FIN | PING, S("2")), FRAME(CONT, S("\x02")),
         FRAME(FIN | PING, S("3")), FRAME(FIN | CONT, S("\x00")), CLOSE_AFTER(1)),
     ALL_OR_LAST_LATE(4, GOT_PONG(S("1")), GOT_PONG(S("2")), GOT_PONG(S("3")), GOT_TEXT(S("ab"))),
     ENDS_CLEAN, .echo = {.n_offers = 1}},
    {ROW("4.5", "ping of deflated data between compressed fragments",
         "A compressed text message in two frames; the ping between them has the rest of the "
         "stream as its payload.",
         "A pong with these octets, then the message.", "RFC 7692 6.1",
         FRAME(RSV1 | TEXT, S("\x4a\x4c")), FRAME(FIN | PING, S("\x02\x00")),
         FRAME(FIN | CONT, S("\x02\x00")), CLOSE_AFTER(1)),
     OK_OR_LATE(2, GOT_PONG(S("\x02\x00")), GOT_TEXT(S("ab"))), ENDS_CLEAN,
     .echo = {.n_offers = 1}},
    {ROW("4.6", "ping in an empty message",
         "An empty text message in two frames with a ping between them.",
         "A pong, then the empty message.", "RFC 6455 5.4", FRAME(TEXT, NOTHING),
         FRAME(FIN | PING, S("ping")), FRAME(FIN | CONT, NOTHING), CLOSE_AFTER(1)),
     OK_OR_LATE(2, GOT_PONG(S("ping")), GOT_TEXT(NOTHING)), ENDS_CLEAN},

    {ROW("5.1", "ping behind a close", "A close frame with code 1000, and a ping behind it.",
         "A clean close with code 1000, and no pong.", "RFC 6455 5.5.1, 5.5.2",
         SEND_CLOSE(1000, NOTHING), FRAME(FIN | PING, S("late")), KILL_AFTER(1)),
     .rule = JUDGE_RULE_CLOSE_CODE, OK_NOTHING, ENDS_BY_STEP},
    {ROW("5.2", "many pings behind a close",
         "A close frame with code 1000, and a thousand octets of pings behind it.",
         "A clean close with code 1000, and no pong.", "RFC 6455 5.5.1, 5.5.2",
         SEND_CLOSE(1000, NOTHING), FRAME(FIN | PING, REP("*", 125)),
         FRAME(FIN | PING, REP("*", 125)), FRAME(FIN | PING, REP("*", 125)),
         FRAME(FIN | PING, REP("*", 125)), FRAME(FIN | PING, REP("*", 125)),
         FRAME(FIN | PING, REP("*", 125)), FRAME(FIN | PING, REP("*", 125)), KILL_AFTER(1)),
     .rule = JUDGE_RULE_CLOSE_CODE, OK_NOTHING, ENDS_BY_STEP},
    {ROW("5.3", "close behind a ping", "A ping and a close frame with code 1000, in one write.",
         "A clean close with code 1000, with a pong before it or none: a close that has come "
         "already excuses from answering.",
         "RFC 6455 5.5.2", HOLD, FRAME(FIN | PING, S("ping")), SEND_CLOSE(1000, NOTHING),
         RELEASE(0), KILL_AFTER(1)),
     .rule = JUDGE_RULE_CLOSE_CODE, .ending = {{JUDGE_OK, 1, {GOT_PONG(S("ping"))}}, {JUDGE_OK, 0}},
     ENDS_BY_STEP},

    {ROW("6.1", "100,000 pings that are answered and read",
         "100,000 pings of 125 octets, whose pongs are read, and a close frame.",
         "The closing handshake is completed, or the peer has had enough and ends the connection. "
         "It "
         "lives, and its memory does not grow with the number of pings.",
         "RFC 6455 5.5.2, 10.4; CVE-2026-11586", WIRE_LOG(0, true), KILL_AFTER(20),
         FLOOD(FIN | PING, 100000, REP("*", 125)), SEND_CLOSE(1000, NOTHING)),
     .rule = JUDGE_RULE_EITHER, CALM, .weight = 1,
     .survival = {.after = true, .during = 0.02, .kib = 32768, .idle = true}},
    {ROW("6.2", "pings whose pongs are not read",
         "400,000 pings of 125 octets as far as the peer takes them, for two seconds, in which "
         "nothing is read; then everything is read.",
         "The peer either ends the connection, or holds on and answers the close frame with 1000 "
         "when it is read again. It serves others meanwhile and lives, and its memory does not "
         "grow with the number of pings.",
         "RFC 6455 5.5.3, 10.4; CVE-2026-11586", WIRE_LOG(0, true), READ_NOTHING, KILL_AFTER(20),
         {.op = JUDGE_STEP_FLOOD,
          .first = FIN | PING,
          .count = 400000,
          .seconds = 2,
          .blob = REP("*", 125)},
         READ_AGAIN, SEND_CLOSE(1000, NOTHING)),
     .rule = JUDGE_RULE_EITHER, CALM, .weight = 1, .receive_buffer = 65536,
     .survival = {.after = true, .during = 1, .kib = 32768, .idle = true}},
    {ROW("6.3", "empty pings whose pongs are not read",
         "600,000 empty pings as far as the peer takes them, for three seconds, in which nothing "
         "is read; then everything is read.",
         "As for longer pings: bounded memory, and the close frame is answered, or the connection "
         "has ended.",
         "RFC 6455 5.5.3, 10.4; CVE-2026-11586", WIRE_LOG(0, true), READ_NOTHING, KILL_AFTER(20),
         {.op = JUDGE_STEP_FLOOD,
          .first = FIN | PING,
          .count = 600000,
          .seconds = 3,
          .blob = NOTHING},
         READ_AGAIN, SEND_CLOSE(1000, NOTHING)),
     .rule = JUDGE_RULE_EITHER, CALM, .weight = 1, .receive_buffer = 65536,
     .survival = {.after = true, .during = 1, .kib = 16384, .idle = true}},
};

void judge_cases_20(judge_builder *b)
{
    lengths(b);
    judge_add_rows(b, rows, WSK__COUNT(rows));
}
