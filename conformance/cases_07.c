/* SPDX-License-Identifier: MIT */
/* Category 7, closing by the judge (RFC 6455 sections 5.5.1, 7.1 and 7.4). */
#include "conformance/case_rows.h"

#define ROW(number, name, text, expect, ref, ...)                                                  \
    .id = "7." number, .title = name, .description = text, .expectation = expect,                  \
    .reference = "RFC 6455 " ref, .steps = STEPS(__VA_ARGS__)

#define EXPECT_CLOSE "A clean close with code 1000, and nothing else."
#define EXPECT_BAD   "Close with 1002, an empty close frame, or TCP dropped."

#define INVALID_REASON                                                                             \
    "\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80"                                     \
    "edited"

static const judge_case rows[] = {
    {ROW("1.1", "message, then close", "A text message; the close comes when it has come back.",
         EXPECT_ECHO, "7.1.2", FRAME(FIN | TEXT, S("Hello World!")), KILL_AFTER(1)),
     .rule = JUDGE_RULE_CLOSE_CODE, OK_WITH(1, GOT_TEXT(S("Hello World!"))), ENDS_CLEAN},
    {ROW("1.2", "two closes", "A close frame and a second one behind it.", EXPECT_CLOSE, "5.5.1",
         SEND_CLOSE(1000, NOTHING), FRAME(FIN | CLOSE, NOTHING), KILL_AFTER(1)),
     .rule = JUDGE_RULE_CLOSE_CODE, OK_NOTHING, ENDS_BY_STEP},
    {ROW("1.3", "ping behind close", "A close frame and a ping behind it.",
         "A clean close with code 1000, and no pong.", "5.5.1", SEND_CLOSE(1000, NOTHING),
         FRAME(FIN | PING, NOTHING), KILL_AFTER(1)),
     .rule = JUDGE_RULE_CLOSE_CODE, OK_NOTHING, ENDS_BY_STEP},
    {ROW("1.4", "message behind close", "A close frame and a text message behind it.",
         "A clean close with code 1000, and no echo.", "5.5.1", SEND_CLOSE(1000, NOTHING),
         FRAME(FIN | TEXT, S("Hello World!")), KILL_AFTER(1)),
     .rule = JUDGE_RULE_CLOSE_CODE, OK_NOTHING, ENDS_BY_STEP},
    {ROW("1.5", "close inside a message",
         "The first frame of a text message, a close frame, and the last frame of the message.",
         "A clean close with code 1000, and no echo.", "5.5.1", FRAME(TEXT, S("fragment1")),
         SEND_CLOSE(1000, NOTHING), FRAME(FIN | CONT, S("fragment2")), KILL_AFTER(1)),
     .rule = JUDGE_RULE_CLOSE_CODE, OK_NOTHING, ENDS_BY_STEP},
    {ROW("1.6", "big message, small message, close, ping",
         "A text message of 256 KiB, a small one, a close frame and a ping, without pause.",
         "None: whether messages that are on their way come back before the close is up to the "
         "peer. The outcome is for information.",
         "7.1.2",
         {.op = JUDGE_STEP_FRAME,
          .first = FIN | TEXT,
          .repeat = true,
          .blob = REP("BAsd7&jh23", 262144)},
         FRAME(FIN | TEXT, S("Hello World!")), SEND_CLOSE(1000, NOTHING),
         FRAME(FIN | PING, NOTHING), KILL_AFTER(1)),
     .rule = JUDGE_RULE_INFORM_LAST, OK_OR_NOTHING(1, GOT_TEXT(S("Hello World!"))), ENDS_BY_STEP},
    {ROW("3.1", "close without payload", "A close frame without payload.", EXPECT_CLOSE, "5.5.1",
         SEND_CLOSE_RAW(-1, NOTHING), KILL_AFTER(1)),
     .rule = JUDGE_RULE_CLOSE_CODE, OK_NOTHING, ENDS_BY_STEP},
    {ROW("3.2", "close with one octet",
         "A close frame whose payload is a single octet, too short for a code.", EXPECT_BAD,
         "5.5.1", SEND_CLOSE_RAW(-1, S("a")), KILL_AFTER(1)),
     .rule = JUDGE_RULE_CLOSE_CODE, OK_NOTHING, .close = {{1002}, 1, true, false, false, true}},
    {ROW("3.3", "close with a code", "A close frame with code 1000.", EXPECT_CLOSE, "5.5.1",
         SEND_CLOSE(1000, NOTHING), KILL_AFTER(1)),
     .rule = JUDGE_RULE_CLOSE_CODE, OK_NOTHING, ENDS_BY_STEP},
    {ROW("3.4", "close with a reason", "A close frame with code 1000 and a reason.", EXPECT_CLOSE,
         "5.5.1", SEND_CLOSE(1000, S("Hello World!")), KILL_AFTER(1)),
     .rule = JUDGE_RULE_CLOSE_CODE, OK_NOTHING, ENDS_BY_STEP},
    {ROW("3.5", "close with the longest reason",
         "A close frame with code 1000 and a reason of 123 octets, 125 in all.", EXPECT_CLOSE,
         "5.5.1", SEND_CLOSE(1000, REP("*", 123)), KILL_AFTER(1)),
     .rule = JUDGE_RULE_CLOSE_CODE, OK_NOTHING, ENDS_BY_STEP},
    {ROW("3.6", "close that is too long",
         "A close frame with code 1000 and a reason of 124 octets, 126 in all.", EXPECT_BAD, "5.5",
         SEND_CLOSE_RAW(1000, REP("*", 124)), KILL_AFTER(1)),
     .rule = JUDGE_RULE_CLOSE_CODE, OK_NOTHING, .close = {{1002}, 1, true, false, false, true}},
    {ROW("5.1", "reason that is no UTF-8", "A close frame whose reason is not valid UTF-8.",
         "Close with 1007 or 1002, an empty close frame, or TCP dropped.", "5.5.1",
         SEND_CLOSE_RAW(1000, S(INVALID_REASON)), KILL_AFTER(1)),
     .rule = JUDGE_RULE_CLOSE_CODE, OK_NOTHING,
     .close = {{1002, 1007}, 2, true, false, false, true}},
};

/* A close with one code each. */
static void family(judge_builder *b, int group, const int *codes, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const judge_step steps[] = {
            SEND_CLOSE_RAW(codes[i], NOTHING), KILL_AFTER(1), {.op = JUDGE_STEP_END}};
        judge_case row = {
            .id = judge_text(b, "7.%d.%zu", group, i + 1),
            .title = judge_text(b, "close with code %d", codes[i]),
            .description = judge_text(b, "A close frame with the %s code %d.",
                                      group == 7   ? "valid"
                                      : group == 9 ? "invalid"
                                                   : "undefined",
                                      codes[i]),
            .reference = "RFC 6455 7.4",
            .steps = steps,
            .rule = group == 13 ? JUDGE_RULE_INFORM : JUDGE_RULE_CLOSE_CODE,
            OK_NOTHING,
        };

        row.close.closed_by_me = true;
        if (group == 7) {
            row.expectation = "A clean close with the same code, with 1000, or without a code.";
            row.close.codes[0] = 1000;
            row.close.codes[1] = codes[i];
            row.close.n_codes = 2;
            row.close.require_clean = true;
        } else if (group == 9) {
            row.expectation = EXPECT_BAD;
            row.close.codes[0] = 1002;
            row.close.n_codes = 1;
        } else {
            row.expectation = "None: the standard says nothing about such codes. The outcome is "
                              "for information.";
            row.close.codes[0] = 1000;
            row.close.codes[1] = codes[i];
            row.close.codes[2] = 1002;
            row.close.n_codes = 3;
            row.close.suppress = true;
        }
        judge_add(b, &row);
    }
}

void judge_cases_07(judge_builder *b)
{
    static const int valid[] = {1000, 1001, 1002, 1003, 1007, 1008, 1009,
                                1010, 1011, 3000, 3999, 4000, 4999};
    static const int invalid[] = {0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999};
    static const int undefined[] = {5000, 65535};

    judge_add_rows(b, rows, WSK__COUNT(rows));
    family(b, 7, valid, WSK__COUNT(valid));
    family(b, 9, invalid, WSK__COUNT(invalid));
    family(b, 13, undefined, WSK__COUNT(undefined));
}
