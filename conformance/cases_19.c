/* SPDX-License-Identifier: MIT */
/*
 * Category 19, closing, what category 7 leaves out: closes that the peer begins (7.2 to 7.12 of
 * Autobahn, which were planned and never written), halves of TCP that end, resets, what comes
 * behind a close, payloads and codes once more, and a close that finds the way back blocked (RFC
 * 6455 5.5.1, 7).
 */
#include "conformance/case_rows.h"

#define END                                                                                        \
    {                                                                                              \
        .op = JUDGE_STEP_END                                                                       \
    }

#define ROW(number, name, text, expect, ref, ...)                                                  \
    .id = "19." number, .title = name, .description = text, .expectation = expect,                 \
    .reference = "RFC 6455 " ref, .steps = STEPS(__VA_ARGS__)

/* -------------------------------------------------------------- closes of the peer's own -- */

/* What makes a peer close of its own accord: a fault, as nothing else is sure to. */
typedef struct fault_row {
    const char *name;
    judge_step step;
    int codes[2];
    const char *reference;
} fault_row;

static const fault_row faults[] = {
    {"text that is no UTF-8", FRAME(FIN | TEXT, S("\xff\xfe")), {1007, 1002}, "RFC 6455 8.1"},
    {"a reserved bit", FRAME(FIN | RSV3 | TEXT, S("Hello")), {1002}, "RFC 6455 5.2"},
    {"a reserved opcode", FRAME(FIN | 5, S("Hello")), {1002}, "RFC 6455 5.2"},
    {"a continuation of nothing", FRAME(FIN | CONT, S("Hello")), {1002}, "RFC 6455 5.4"},
    {"a ping that is too long", FRAME(FIN | PING, REP("*", 126)), {1002, 1009}, "RFC 6455 5.5"},
    {"a length of 2^63", HEADER(FIN | BINARY, (uint64_t)1 << 63), {1002, 1009}, "RFC 6455 5.2"},
};

/* What the judge does when the close of the peer has come. */
typedef struct reaction {
    const char *name, *says;
    bool mute;
    judge_step steps[3];
} reaction;

static const reaction reactions[] = {
    {"answered", "is answered as it should be", false, {END}},
    {"not answered", "is not answered", true, {END}},
    {"followed by data",
     "is answered with two messages and a ping, and no close frame",
     true,
     {FRAME(FIN | TEXT, S("too late")), FRAME(FIN | BINARY, S("too late")),
      FRAME(FIN | PING, S("too late"))}},
    {"answered twice",
     "is answered, and then answered again",
     false,
     {FRAME(FIN | CLOSE, S("\x03\xe8")), FRAME(FIN | CLOSE, NOTHING), END}},
    {"answered with an octet",
     "is answered with a close frame of one octet",
     true,
     {FRAME(FIN | CLOSE, S("\x03")), END}},
    {"answered with a bad code",
     "is answered with a close frame with code 1005",
     true,
     {FRAME(FIN | CLOSE, S("\x03\xed")), END}},
    {"answered with half of TCP closed",
     "is answered by closing the judge's half of TCP",
     true,
     {HALF_CLOSE, END}},
};

static void closes_of_the_peer(judge_builder *b)
{
    for (size_t r = 0; r < WSK__COUNT(reactions); r++) {
        for (size_t f = 0; f < WSK__COUNT(faults); f++) {
            judge_step steps[8] = {faults[f].step, AWAIT_CLOSE(2)};
            size_t n = 2;

            for (size_t i = 0; i < 3 && reactions[r].steps[i].op != JUDGE_STEP_END; i++)
                steps[n++] = reactions[r].steps[i];
            steps[n++] = (judge_step)KILL_AFTER(9);
            steps[n] = (judge_step)END;
            judge_add(
                b, &(judge_case){
                       .id = judge_text(b, "19.%zu.%zu", r + 1, f + 1),
                       .title = judge_text(b, "close because of %s, %s", faults[f].name,
                                           reactions[r].name),
                       .description = judge_text(
                           b, "The peer is made to close by %s; its close frame %s.",
                           faults[f].name, reactions[r].says),
                       .expectation =
                           "The close frame of the peer is well formed, has an allowed code "
                           "and is its last frame, and the peer closes TCP. Without a close "
                           "frame there is nothing to see, which is informational.",
                       .reference = judge_text(b, "%s, RFC 6455 5.5.1, 7.1.7", faults[f].reference),
                       .steps = steps,
                       .rule = JUDGE_RULE_PEER_CLOSES,
                       OK_NOTHING,
                       .close = {.codes = {faults[f].codes[0], faults[f].codes[1]},
                                 .n_codes = faults[f].codes[1] != 0 ? 2 : 1,
                                 .mute = reactions[r].mute},
                   });
        }
    }
}

/* -------------------------------------------------------------------- halves and resets -- */

#define EXPECT_HALF                                                                                \
    "The peer ends the connection too, with a close frame or without. Keeping its half open is "   \
    "non-strict."
#define HALF .close = {.kept = JUDGE_NON_STRICT}, .survival = {.after = true, .idle = true}

static const judge_case half_rows[] = {
    {ROW("8.1", "half-close of an idle connection", "The judge's half of TCP is closed at once.",
         EXPECT_HALF, "7.1.4, 7.1.5", HALF_CLOSE, PROOF, KILL_AFTER(2)),
     OK_NOTHING, HALF},
    {ROW("8.2", "half-close after an echo",
         "A text message; when it has come back, the judge's half of TCP is closed.",
         "The message comes back, then the peer ends the connection too. Keeping its half open is "
         "non-strict.",
         "7.1.4, 7.1.5", FRAME(FIN | TEXT, S("Hello")), AWAIT(1, 2), HALF_CLOSE, PROOF,
         KILL_AFTER(2)),
     OK_WITH(1, GOT_TEXT(S("Hello"))), HALF},
    {ROW("8.3", "half-close behind a message",
         "A text message, and the judge's half of TCP is closed right behind it.",
         "The peer ends the connection too; whether the message comes back is up to it. Keeping "
         "its half open is non-strict.",
         "7.1.4, 7.1.5", FRAME(FIN | TEXT, S("Hello")), HALF_CLOSE, PROOF, KILL_AFTER(2)),
     .ending = {{JUDGE_OK, 1, {GOT_TEXT(S("Hello"))}}, {JUDGE_OK, 0}}, HALF},
    {ROW("8.4", "half-close inside a message",
         "The first frame of a text message, then the judge's half of TCP is closed.", EXPECT_HALF,
         "7.1.4, 7.1.5", FRAME(TEXT, S("fragment1")), HALF_CLOSE, PROOF, KILL_AFTER(2)),
     OK_NOTHING, HALF},
    {ROW("8.5", "half-close inside a compressed message",
         "The first frame of a compressed message, then the judge's half of TCP is closed.",
         EXPECT_HALF, "7.1.4, 7.1.5", FRAME(RSV1 | TEXT, S("\x4a\x4c")), HALF_CLOSE, PROOF,
         KILL_AFTER(2)),
     OK_NOTHING, HALF, .echo = {.n_offers = 1}},
    {ROW("8.6", "half-close behind a big message",
         "A binary message of 1 MiB, and the judge's half of TCP is closed right behind it.",
         "The peer ends the connection too; whether the message comes back is up to it. Keeping "
         "its half open is non-strict.",
         "7.1.4, 7.1.5", FRAME(FIN | BINARY, REP("*", 1048576)), HALF_CLOSE, PROOF, KILL_AFTER(5)),
     .ending = {{JUDGE_OK, 1, {GOT_BINARY(REP("*", 1048576))}}, {JUDGE_OK, 0}}, HALF, .weight = 1},
    {ROW("8.7", "half-close behind a close",
         "A close frame with code 1000, and the judge's half of TCP is closed right behind it.",
         "A clean close with code 1000.", "7.1.1", SEND_CLOSE(1000, NOTHING), HALF_CLOSE,
         KILL_AFTER(2)),
     .rule = JUDGE_RULE_CLOSE_CODE, OK_NOTHING, ENDS_BY_STEP,
     .survival = {.after = true, .idle = true}},
};

#define EXPECT_ALIVE "The peer lives, and serves the next connection."

/* The judge has gone; the peer is to be there for others. */
#define GONE .rule = JUDGE_RULE_RESET, OK_NOTHING, .survival = {.after = true, .idle = true}

static const judge_case reset_rows[] = {
    {ROW("9.1", "reset of an idle connection", "TCP is reset at once.", EXPECT_ALIVE,
         "7.1.5; CVE-2017-2670", RESET),
     GONE},
    {ROW("9.2", "reset inside a header", "The first three octets of a frame, then a reset.",
         EXPECT_ALIVE, "7.1.5; CVE-2017-2670",
         {.op = JUDGE_STEP_HEADER, .first = FIN | TEXT, .form = 64, .cut = 3, .blob = S("***")},
         WAIT(0.05), RESET),
     GONE},
    {ROW("9.3", "reset inside a payload", "Half of a text frame, then a reset.", EXPECT_ALIVE,
         "7.1.5; CVE-2017-2670", HEADER(FIN | TEXT, 70000), OCTETS(REP("*", 35000)), WAIT(0.05),
         RESET),
     GONE},
    {ROW("9.4", "reset inside a message", "The first frame of a text message, then a reset.",
         EXPECT_ALIVE, "7.1.5; CVE-2017-2670", FRAME(TEXT, S("fragment1")), WAIT(0.05), RESET),
     GONE},
    {ROW("9.5", "reset behind a message", "A binary message of 1 MiB, and a reset behind it.",
         EXPECT_ALIVE, "7.1.5; CVE-2017-2670", FRAME(FIN | BINARY, REP("*", 1048576)), WAIT(0.05),
         RESET),
     GONE, .weight = 1},
    {ROW("9.6", "reset while the peer writes",
         "Sixteen binary messages of 64 KiB whose echoes are not read, then a reset.", EXPECT_ALIVE,
         "7.1.5; CVE-2025-5399", READ_NOTHING, FLOOD(FIN | BINARY, 16, REP("*", 65536)), WAIT(0.05),
         RESET),
     GONE, .weight = 1},
    {ROW("9.7", "reset behind a close", "A close frame, and a reset behind it.", EXPECT_ALIVE,
         "7.1.1; CVE-2025-5399", FRAME(FIN | CLOSE, S("\x03\xe8")), WAIT(0.05), RESET),
     GONE},
    {ROW("9.8", "reset behind a fault", "Text that is no UTF-8, and a reset behind it.",
         EXPECT_ALIVE, "7.1.7; CVE-2025-5399", FRAME(FIN | TEXT, S("\xff")), WAIT(0.05), RESET),
     GONE},
};

/* ----------------------------------------------------------------------- behind a close -- */

#define EXPECT_REST "A clean close with code 1000, and nothing else: the rest is discarded."

#define BEHIND(number, name, text, ...)                                                            \
    ROW(number, name, "A close frame with code 1000, and behind it " text ".", EXPECT_REST,        \
        "1.4, 5.5.1", SEND_CLOSE(1000, NOTHING), __VA_ARGS__, KILL_AFTER(2)),                      \
        .rule = JUDGE_RULE_CLOSE_CODE, OK_NOTHING, ENDS_BY_STEP

static const judge_case behind_rows[] = {
    {BEHIND("10.1", "message behind a close", "a text message", FRAME(FIN | TEXT, S("late")))},
    {BEHIND("10.2", "ping behind a close", "a ping", FRAME(FIN | PING, S("late")))},
    {BEHIND("10.3", "second close", "another one with code 1001",
            FRAME(FIN | CLOSE, S("\x03\xe9")))},
    {BEHIND("10.4", "bad close behind a close", "another one with one octet of payload",
            FRAME(FIN | CLOSE, S("\x03")))},
    {BEHIND("10.5", "fault behind a close", "a frame with all reserved bits and opcode 7",
            FRAME(FIN | RSV1 | RSV2 | RSV3 | 7, S("late")))},
    {BEHIND("10.6", "bad text behind a close", "text that is no UTF-8",
            FRAME(FIN | TEXT, S("\xff")))},
    {BEHIND("10.7", "half a frame behind a close", "the header of a frame",
            HEADER(FIN | TEXT, 70000))},
    {BEHIND("10.8", "noise behind a close", "a thousand octets that are no frames",
            RAW(REP("\xff\xfe\x7f noise \x00", 1000)))},
    {BEHIND("10.9", "256 KiB behind a close", "a binary message of 256 KiB",
            FRAME(FIN | BINARY, REP("*", 262144)))},
};

/* -------------------------------------------------------------------- inside a message -- */

#define INSIDE(number, name, text, ...)                                                            \
    ROW(number, name, text,                                                                        \
        "A clean close with code 1000, and nothing else. A code of the peer's own is non-strict: " \
        "that of the other side is what an answer typically has.",                                 \
        "5.4, 5.5.1", __VA_ARGS__, SEND_CLOSE(1000, NOTHING), KILL_AFTER(1)),                      \
        .rule = JUDGE_RULE_CLOSE_CODE, OK_NOTHING,                                                 \
        .close = {{1000}, 1, true, true, false, true, .lax = {1001, 1002, 1007, 1008}}

static const judge_case inside_rows[] = {
    {INSIDE("11.1", "close inside a text message",
            "The first frame of a text message, and a close frame.", FRAME(TEXT, S("fragment1")))},
    {INSIDE("11.2", "close inside a character",
            "A frame of text that ends inside a character, and a close frame.",
            FRAME(TEXT, S("caf\xc3")))},
    {INSIDE("11.3", "close inside a binary message",
            "Two frames of a binary message, and a close frame.", FRAME(BINARY, S("\x00\xff")),
            FRAME(CONT, S("\xff\x00")))},
    {INSIDE("11.4", "close inside an empty message",
            "An empty first frame of a text message, and a close frame.", FRAME(TEXT, NOTHING))},
    {INSIDE("11.5", "close inside a compressed message",
            "The first frame of a compressed message, and a close frame.",
            FRAME(RSV1 | TEXT, S("\x4a\x4c"))),
     .echo = {.n_offers = 1}},
};

/* -------------------------------------------------------------------- payload and codes -- */

#define REASON_GOOD "A clean close with code 1000."
#define NO_CODE                                                                                    \
    " An empty close frame cannot be told from an answer to this one: non-strict (RFC 6455 "       \
    "7.1.7)."
#define REASON_BAD "Close with 1002 or 1007, or TCP dropped." NO_CODE

#define GOOD .rule = JUDGE_RULE_CLOSE_CODE, OK_NOTHING, ENDS_BY_STEP
#define BAD_REASON                                                                                 \
    .rule = JUDGE_RULE_CLOSE_CODE, OK_NOTHING,                                                     \
    .close = {.codes = {1007, 1002},                                                               \
              .n_codes = 2,                                                                        \
              .coded = true,                                                                       \
              .closed_by_me = true,                                                                \
              .suppress = true}
#define BAD_LENGTH                                                                                 \
    .rule = JUDGE_RULE_CLOSE_CODE, OK_NOTHING,                                                     \
    .close = {.codes = {1002, 1009},                                                               \
              .n_codes = 2,                                                                        \
              .coded = true,                                                                       \
              .closed_by_me = true,                                                                \
              .suppress = true}

#define GREETING "\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5 \xe2\x82\xac \xf0\x9f\x98\x80"

static const judge_case payload_rows[] = {
    {ROW("12.1", "reason of one octet", "A close frame with code 1000 and a reason of one octet.",
         REASON_GOOD, "5.5.1", SEND_CLOSE(1000, S("x")), KILL_AFTER(1)),
     GOOD},
    {ROW("12.2", "reason of 122 octets", "A close frame with code 1000 and a reason of 122 octets.",
         REASON_GOOD, "5.5.1", SEND_CLOSE(1000, REP("*", 122)), KILL_AFTER(1)),
     GOOD},
    {ROW("12.3", "reason of 123 octets", "A close frame with code 1000 and a reason of 123 octets.",
         REASON_GOOD, "5.5.1", SEND_CLOSE(1000, REP("*", 123)), KILL_AFTER(1)),
     GOOD},
    {ROW("12.4", "reason of 123 octets in long characters",
         "A close frame with code 1000 and a reason of 41 characters of three octets.", REASON_GOOD,
         "5.5.1", SEND_CLOSE(1000, REP("\xe2\x82\xac", 123)), KILL_AFTER(1)),
     GOOD},
    {ROW("12.5", "reason of 124 octets",
         "A close frame with code 1000 and a reason of 124 octets, one too many.",
         "Close with 1002 or 1009, or TCP dropped." NO_CODE, "5.5",
         SEND_CLOSE_RAW(1000, REP("*", 124)), KILL_AFTER(1)),
     BAD_LENGTH},
    {ROW("12.6", "reason of 200 octets", "A close frame with code 1000 and a reason of 200 octets.",
         "Close with 1002 or 1009, or TCP dropped." NO_CODE, "5.5",
         SEND_CLOSE_RAW(1000, REP("*", 200)), KILL_AFTER(1)),
     BAD_LENGTH},
    {ROW("12.7", "one octet of zero", "A close frame whose payload is one octet of value 0.",
         "Close with 1002, or TCP dropped." NO_CODE, "5.5.1", SEND_CLOSE_RAW(-1, S("\x00")),
         KILL_AFTER(1)),
     BAD_LENGTH},
    {ROW("12.8", "reason in several scripts",
         "A close frame with code 1000 and a reason of "
         "characters of one to four octets.",
         REASON_GOOD, "5.5.1, 8.1", SEND_CLOSE(1000, S(GREETING)), KILL_AFTER(1)),
     GOOD},
    {ROW("12.9", "reason with NUL", "A close frame with code 1000 and a reason with a NUL in it.",
         REASON_GOOD, "5.5.1, 8.1", SEND_CLOSE(1000, S("a\x00z")), KILL_AFTER(1)),
     GOOD},
    {ROW("12.10", "reason cut inside a character",
         "A close frame with code 1000 and a reason that ends inside a character.", REASON_BAD,
         "5.5.1, 8.1", SEND_CLOSE_RAW(1000, S("caf\xc3")), KILL_AFTER(1)),
     BAD_REASON},
    {ROW("12.11", "reason with an overlong form",
         "A close frame with code 1000 and a reason with an overlong slash.", REASON_BAD,
         "5.5.1, 8.1", SEND_CLOSE_RAW(1000, S("a\xc0\xaf")), KILL_AFTER(1)),
     BAD_REASON},
    {ROW("12.12", "reason with a surrogate",
         "A close frame with code 1000 and a reason with half of a surrogate pair.", REASON_BAD,
         "5.5.1, 8.1", SEND_CLOSE_RAW(1000, S("a\xed\xa0\x80z")), KILL_AFTER(1)),
     BAD_REASON},
    {ROW("12.13", "reason beyond U+10FFFF",
         "A close frame with code 1000 and a reason with a code point beyond U+10FFFF.", REASON_BAD,
         "5.5.1, 8.1", SEND_CLOSE_RAW(1000, S("\xf4\x90\x80\x80")), KILL_AFTER(1)),
     BAD_REASON},
    {ROW("12.14", "bad last octet of a long reason",
         "A close frame with code 1000 and a reason of 123 octets that are half of a character "
         "too few.",
         REASON_BAD, "5.5.1, 8.1", SEND_CLOSE_RAW(1000, REP("\xc3\xa9", 123)), KILL_AFTER(1)),
     BAD_REASON},
};

/* Octets that come one by one make the same frame. */
static void slow_closes(judge_builder *b)
{
    static const uint32_t chop[] = {1, 2, 3, 5};

    for (size_t i = 0; i < WSK__COUNT(chop); i++) {
        for (unsigned bad = 0; bad < 2; bad++) {
            const judge_step steps[] = {{.op = JUDGE_STEP_FRAME,
                                         .first = FIN | CLOSE,
                                         .chop = chop[i],
                                         .blob = bad ? (judge_blob)S("\x03\xe8 caf\xc3")
                                                     : (judge_blob)S("\x03\xe8" GREETING)},
                                        KILL_AFTER(2),
                                        END};

            judge_add(
                b, &(judge_case){
                       .id = judge_text(b, "19.13.%zu", i * 2 + bad + 1),
                       .title = judge_text(b, "%s reason in writes of %u octet%s",
                                           bad ? "bad" : "good", chop[i], chop[i] == 1 ? "" : "s"),
                       .description = judge_text(
                           b,
                           "A close frame with code 1000 and a reason that %s, in writes of "
                           "%u octet%s that cut its characters.",
                           bad ? "ends inside a character" : "is good", chop[i],
                           chop[i] == 1 ? "" : "s"),
                       .expectation = bad ? REASON_BAD
                                          : "The peer answers with code 1000, or an empty "
                                            "close frame.",
                       .reference = "RFC 6455 5.5.1, 8.1",
                       .steps = steps,
                       .rule = JUDGE_RULE_CLOSE_CODE,
                       OK_NOTHING,
                       .close = {.codes = {bad ? 1007 : 1000, bad ? 1002 : 1000},
                                 .n_codes = 2,
                                 .coded = bad,
                                 .require_clean = !bad},
                   });
        }
    }
}

/* -1: refused, 0: for information, 1: taken, 2: taken, but refusing is only non-strict. */
static const struct {
    int code, kind;
} codes[] = {
    {0, -1},    {1, -1},    {255, -1},  {999, -1},  {1000, 1},  {1001, 1},  {1002, 1},  {1003, 1},
    {1004, -1}, {1005, -1}, {1006, -1}, {1007, 1},  {1008, 1},  {1009, 1},  {1010, 1},  {1011, 1},
    {1012, 2},  {1013, 2},  {1014, 2},  {1015, -1}, {1016, -1}, {1099, -1}, {1999, -1}, {2000, -1},
    {2999, -1}, {3000, 1},  {3333, 1},  {3999, 1},  {4000, 1},  {4444, 1},  {4999, 1},  {5000, 0},
    {9999, 0},  {32767, 0}, {32768, 0}, {65534, 0}, {65535, 0},
};

static void code_rows(judge_builder *b)
{
    for (size_t i = 0; i < WSK__COUNT(codes); i++) {
        const int code = codes[i].code, kind = codes[i].kind;
        const judge_step steps[] = {SEND_CLOSE_RAW(code, S("reason")), KILL_AFTER(1), END};
        judge_case row = {
            .id = judge_text(b, "19.14.%zu", i + 1),
            .title = judge_text(b, "close with code %d", code),
            .description = judge_text(b, "A close frame with code %d and a reason.", code),
            .reference = kind == 2 ? "RFC 6455 7.4.2, IANA close code registry" : "RFC 6455 7.4",
            .steps = steps,
            .rule = kind == 0 ? JUDGE_RULE_INFORM : JUDGE_RULE_CLOSE_CODE,
            OK_NOTHING,
            .close = {.codes = {1002}, .n_codes = 1, .closed_by_me = true, .suppress = true},
        };

        if (kind > 0) {
            row.expectation = kind == 1 ? "A clean close with the same code, with 1000, or without "
                                          "a code."
                                        : "A clean close with the same code, with 1000, or without "
                                          "a code. Refusing a code that is younger than RFC 6455 "
                                          "with 1002 is non-strict.";
            row.close.codes[0] = 1000;
            row.close.codes[1] = code;
            row.close.n_codes = 2;
            row.close.require_clean = true;
            row.close.lax[0] = kind == 2 ? 1002 : 0;
        } else if (kind == 0) {
            row.expectation = "None: the standard says nothing about such codes. The outcome is "
                              "for information.";
        } else {
            row.expectation =
                "Close with 1002, or TCP dropped: the code must not be on the wire." NO_CODE;
            row.close.coded = true;
        }
        judge_add(b, &row);
    }
}

/* ----------------------------------------------------------------- when writing is blocked -- */

#define EXPECT_BLOCKED                                                                             \
    "When the judge reads again, the closing handshake is completed with code 1000. How many of "  \
    "the messages come back before is up to the peer."

#define BLOCKED                                                                                    \
    .close = {.codes = {1000},                                                                     \
              .n_codes = 1,                                                                        \
              .closed_by_me = true,                                                                \
              .require_clean = true,                                                               \
              .suppress = true,                                                                    \
              .patience = 10}

static const judge_case blocked_rows[] = {
    {ROW("15.1", "close while the echoes are not read",
         "Sixteen binary messages of 256 KiB and a close frame, while nothing is read for half a "
         "second.",
         EXPECT_BLOCKED, "5.5.1", WIRE_LOG(0, true), READ_NOTHING,
         FRAME(FIN | BINARY, REP("*", 262144)), FRAME(FIN | BINARY, REP("*", 262144)),
         FRAME(FIN | BINARY, REP("*", 262144)), FRAME(FIN | BINARY, REP("*", 262144)),
         FRAME(FIN | BINARY, REP("*", 262144)), FRAME(FIN | BINARY, REP("*", 262144)),
         FRAME(FIN | BINARY, REP("*", 262144)), FRAME(FIN | BINARY, REP("*", 262144)),
         FRAME(FIN | BINARY, REP("*", 262144)), FRAME(FIN | BINARY, REP("*", 262144)),
         FRAME(FIN | BINARY, REP("*", 262144)), FRAME(FIN | BINARY, REP("*", 262144)),
         FRAME(FIN | BINARY, REP("*", 262144)), FRAME(FIN | BINARY, REP("*", 262144)),
         FRAME(FIN | BINARY, REP("*", 262144)), FRAME(FIN | BINARY, REP("*", 262144)),
         KILL_AFTER(10), SEND_CLOSE(1000, NOTHING), WAIT(0.5), READ_AGAIN),
     .rule = JUDGE_RULE_CLOSE_ONLY, BLOCKED, .weight = 1, .receive_buffer = 65536,
     .survival = {.after = true}},
    {ROW("15.2", "close while the echoes are read slowly",
         "Four binary messages of 64 KiB and a close frame; the echoes are read in steps of 32 "
         "KiB.",
         EXPECT_BLOCKED, "5.5.1", WIRE_LOG(0, true), READ_SLOWLY(32768, 0.01),
         FRAME(FIN | BINARY, REP("*", 65536)), FRAME(FIN | BINARY, REP("*", 65536)),
         FRAME(FIN | BINARY, REP("*", 65536)), FRAME(FIN | BINARY, REP("*", 65536)), KILL_AFTER(10),
         SEND_CLOSE(1000, NOTHING)),
     .rule = JUDGE_RULE_CLOSE_ONLY, BLOCKED, .weight = 1, .receive_buffer = 65536,
     .survival = {.after = true}},
};

void judge_cases_19(judge_builder *b)
{
    closes_of_the_peer(b);
    judge_add_rows(b, half_rows, WSK__COUNT(half_rows));
    judge_add_rows(b, reset_rows, WSK__COUNT(reset_rows));
    judge_add_rows(b, behind_rows, WSK__COUNT(behind_rows));
    judge_add_rows(b, inside_rows, WSK__COUNT(inside_rows));
    judge_add_rows(b, payload_rows, WSK__COUNT(payload_rows));
    slow_closes(b);
    code_rows(b);
    judge_add_within(b, blocked_rows, WSK__COUNT(blocked_rows));
}
