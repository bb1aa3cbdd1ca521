/* SPDX-License-Identifier: MIT */
/* Category 16, masking: who masks, with which keys, and how well they are chosen (RFC 6455 5.1, 5.3
 * and 10.3). */
#include "conformance/case_rows.h"

#define UNMASKED .mask = JUDGE_MASK_NONE
#define MASKED   .mask = JUDGE_MASK_RANDOM

#define EXPECT_ONE "The message comes back as it was. The close is clean, with code 1000."
#define EXPECT_LATER                                                                               \
    "The first message comes back, then the peer fails the connection (close with 1002, or TCP "   \
    "dropped). Failing before the echo is non-strict."

/* What a frame carries in the families below. */
typedef struct frame_row {
    const char *name;
    uint8_t first;
    judge_blob payload;
} frame_row;

static const frame_row frames[] = {
    {"a text frame", FIN | TEXT, S("Hello")},
    {"an empty text frame", FIN | TEXT, NOTHING},
    {"a text frame of 200 octets", FIN | TEXT, REP("*", 200)},
    {"a text frame of 70,000 octets", FIN | TEXT, REP("*", 70000)},
    {"a binary frame", FIN | BINARY, S("\x00\xff\x80\x7f")},
    {"an empty binary frame", FIN | BINARY, NOTHING},
    {"the first frame of a text message", TEXT, S("Hel")},
    {"the first frame of a binary message", BINARY, S("\x00\xff")},
    {"a ping", FIN | PING, S("Hello")},
    {"an empty ping", FIN | PING, NOTHING},
    {"a pong that nobody asked for", FIN | PONG, S("Hello")},
    {"a close frame", FIN | CLOSE, S("\x03\xe8")},
    {"an empty close frame", FIN | CLOSE, NOTHING},
};

static const char *capital(judge_builder *b, const char *text)
{
    return judge_text(b, "%c%s", text[0] - 'a' + 'A', text + 1);
}

/* 16.1: the judge is a client and does not mask; 16.2: it is a server and does. */
static void wrong_side(judge_builder *b, int group)
{
    const bool unmasked = group == 1;
    const char *what = unmasked ? "unmasked" : "masked";

    for (size_t i = 0; i < WSK__COUNT(frames); i++) {
        const judge_step steps[] = {{.op = JUDGE_STEP_FRAME,
                                     .first = frames[i].first,
                                     .mask = unmasked ? JUDGE_MASK_NONE : JUDGE_MASK_RANDOM,
                                     .blob = frames[i].payload},
                                    KILL_AFTER(1),
                                    {.op = JUDGE_STEP_END}};
        const bool closes = (frames[i].first & 15) == CLOSE;

        judge_add(
            b, &(judge_case){
                   .id = judge_text(b, "16.%d.%zu", group, i + 1),
                   .title = judge_text(b, "%s, %s", frames[i].name, what),
                   .description = judge_text(b, "%s that is %s.", capital(b, frames[i].name), what),
                   .expectation = closes ? EXPECT_FAIL_CODED : EXPECT_FAIL,
                   .reference = "RFC 6455 5.1",
                   .steps = steps,
                   /* A close frame that is answered in kind was taken for a good one. */
                   .rule = JUDGE_RULE_CLOSE_CODE,
                   .audience = unmasked ? JUDGE_FOR_SERVERS : JUDGE_FOR_CLIENTS,
                   OK_NOTHING,
                   .close = {.codes = {1002}, .n_codes = 1, .coded = closes},
               });
    }
}

#define ROW(number, name, text, expect, ref, ...)                                                  \
    .id = "16." number, .title = name, .description = text, .expectation = expect,                 \
    .reference = "RFC 6455 " ref, .steps = STEPS(__VA_ARGS__)

static const judge_case unmasked_rows[] = {
    {ROW("1.14", "second message unmasked", "A good text message, and one that is not masked.",
         EXPECT_LATER, "5.1", FRAME(FIN | TEXT, S("Hello, world!")),
         ODD_FRAME(FIN | TEXT, UNMASKED, S("Hello, world!")), KILL_AFTER(1)),
     OK_OR_NOTHING(1, GOT_TEXT(S("Hello, world!"))), PEER_FAILS(1002),
     .audience = JUDGE_FOR_SERVERS},
    {ROW("1.15", "last frame of a message unmasked",
         "A text message in two frames, of which the second one is not masked.", EXPECT_FAIL, "5.1",
         FRAME(TEXT, S("fragment1")), ODD_FRAME(FIN | CONT, UNMASKED, S("fragment2")),
         KILL_AFTER(1)),
     OK_NOTHING, PEER_FAILS(1002), .audience = JUDGE_FOR_SERVERS},
    {ROW("1.16", "ping inside a message unmasked",
         "A text message in two frames with a ping between them that is not masked.", EXPECT_FAIL,
         "5.1", FRAME(TEXT, S("fragment1")), ODD_FRAME(FIN | PING, UNMASKED, S("ping")),
         FRAME(FIN | CONT, S("fragment2")), KILL_AFTER(1)),
     OK_NOTHING, PEER_FAILS(1002), .audience = JUDGE_FOR_SERVERS},
};

static const judge_case masked_rows[] = {
    {ROW("2.14", "second message masked", "A good text message, and one that is masked.",
         EXPECT_LATER, "5.1", FRAME(FIN | TEXT, S("Hello, world!")),
         ODD_FRAME(FIN | TEXT, MASKED, S("Hello, world!")), KILL_AFTER(1)),
     OK_OR_NOTHING(1, GOT_TEXT(S("Hello, world!"))), PEER_FAILS(1002),
     .audience = JUDGE_FOR_CLIENTS},
    {ROW("2.15", "last frame of a message masked",
         "A text message in two frames, of which the second one is masked.", EXPECT_FAIL, "5.1",
         FRAME(TEXT, S("fragment1")), ODD_FRAME(FIN | CONT, MASKED, S("fragment2")), KILL_AFTER(1)),
     OK_NOTHING, PEER_FAILS(1002), .audience = JUDGE_FOR_CLIENTS},
    {ROW("2.16", "masked with a key of zeros",
         "A text message with the mask bit set and a key of zeros: the payload is readable, the "
         "frame is masked all the same.",
         EXPECT_FAIL, "5.1", ODD_FRAME(FIN | TEXT, .mask = JUDGE_MASK_ZERO, S("Hello, world!")),
         KILL_AFTER(1)),
     OK_NOTHING, PEER_FAILS(1002), .audience = JUDGE_FOR_CLIENTS},
    {ROW("2.17", "empty ping masked with a key of zeros",
         "A ping without payload, with the mask bit set and a key of zeros.", EXPECT_FAIL, "5.1",
         ODD_FRAME(FIN | PING, .mask = JUDGE_MASK_ZERO, NOTHING), KILL_AFTER(1)),
     OK_NOTHING, PEER_FAILS(1002), .audience = JUDGE_FOR_CLIENTS},
};

/* ------------------------------------------------------------------------- good masks -- */

#define KEY(a, b, c, d) .mask = JUDGE_MASK_KEY, .key = {a, b, c, d}

/* No phase of the mask is like another in it, and a character crosses each border of four. */
#define TURNS                                                                                      \
    "0123\xc3\xa9\xe2\x82\xac"                                                                     \
    "456\xf0\x9f\x98\x80"                                                                          \
    "789ab\xc3\xa9"

static void keys(judge_builder *b)
{
    static const uint8_t key[][4] = {
        {0, 0, 0, 0},        {0xff, 0xff, 0xff, 0xff}, {0, 0xff, 0, 0xff},       {0xff, 0, 0xff, 0},
        {0, 0, 0, 1},        {0x80, 0, 0, 0},          {0x01, 0x02, 0x03, 0x04}, {0, 0, 0xff, 0xff},
        {'0', '1', '2', '3'}};

    for (size_t i = 0; i < WSK__COUNT(key); i++) {
        const uint8_t *k = key[i];
        const judge_step steps[] = {
            ODD_FRAME(FIN | TEXT, KEY(k[0], k[1], k[2], k[3]), REP(TURNS, sizeof(TURNS) - 1)),
            CLOSE_AFTER(1),
            {.op = JUDGE_STEP_END}};

        judge_add(b, &(judge_case){
                         .id = judge_text(b, "16.3.%zu", i + 1),
                         .title = judge_text(b, "key %s", judge_hex_text(b, k, 4)),
                         .description = judge_text(
                             b, "A text message, masked with the key %s. Any key is legal.",
                             judge_hex_text(b, k, 4)),
                         .expectation = EXPECT_ONE,
                         .reference = "RFC 6455 5.3",
                         .steps = steps,
                         .audience = JUDGE_FOR_SERVERS,
                         OK_WITH(1, GOT_TEXT(REP(TURNS, sizeof(TURNS) - 1))),
                         ENDS_CLEAN,
                     });
    }
}

/* Each length leaves the mask at another phase, and takes another road in a fast kernel. */
static void lengths(judge_builder *b)
{
    static const uint32_t length[] = {
        1,  2,   3,   4,   5,   6,    7,    8,     9,     15,    16,    17,    31,    33,   63,
        65, 127, 129, 255, 257, 4095, 4097, 65533, 65534, 65535, 65536, 65537, 65538, 65539};

    for (size_t i = 0; i < WSK__COUNT(length); i++) {
        const judge_step steps[] = {
            ODD_FRAME(FIN | BINARY, KEY(0x9c, 0x35, 0xe2, 0x47), REP("phases of masks", length[i])),
            CLOSE_AFTER(3),
            {.op = JUDGE_STEP_END}};

        judge_add(b, &(judge_case){
                         .id = judge_text(b, "16.4.%zu", i + 1),
                         .title = judge_text(b, "%u octet%s", length[i], length[i] == 1 ? "" : "s"),
                         .description = judge_text(
                             b, "A binary message of %u octet%s, masked with the key 9c35e247.",
                             length[i], length[i] == 1 ? "" : "s"),
                         .expectation = EXPECT_ONE,
                         .reference = "RFC 6455 5.3",
                         .steps = steps,
                         .audience = JUDGE_FOR_SERVERS,
                         OK_WITH(1, GOT_BINARY(REP("phases of masks", length[i]))),
                         ENDS_CLEAN,
                     });
    }
}

/* A read may end in the middle of the key, and of each phase. */
static void writes(judge_builder *b)
{
    static const uint32_t chop[] = {1, 2, 3, 5, 6, 7, 9, 13};

    for (size_t i = 0; i < WSK__COUNT(chop); i++) {
        const judge_step steps[] = {{.op = JUDGE_STEP_FRAME,
                                     .first = FIN | TEXT,
                                     .chop = chop[i],
                                     KEY(0x9c, 0x35, 0xe2, 0x47),
                                     .blob = REP(TURNS, 4 * (sizeof(TURNS) - 1))},
                                    CLOSE_AFTER(3),
                                    {.op = JUDGE_STEP_END}};

        judge_add(b, &(judge_case){
                         .id = judge_text(b, "16.5.%zu", i + 1),
                         .title = judge_text(b, "in writes of %u octet%s", chop[i],
                                             chop[i] == 1 ? "" : "s"),
                         .description = judge_text(
                             b,
                             "A text message of 92 octets, masked with the key 9c35e247, in "
                             "writes of %u octet%s: each read begins at another phase of the mask.",
                             chop[i], chop[i] == 1 ? "" : "s"),
                         .expectation = EXPECT_ONE,
                         .reference = "RFC 6455 5.3",
                         .steps = steps,
                         .audience = JUDGE_FOR_SERVERS,
                         OK_WITH(1, GOT_TEXT(REP(TURNS, 4 * (sizeof(TURNS) - 1)))),
                         ENDS_CLEAN,
                     });
    }
}

static const judge_case good_rows[] = {
    {ROW("6.1", "another key in each frame",
         "A text message in four frames of odd lengths, each with a key of its own; a character is "
         "cut by each border.",
         EXPECT_ONE, "5.3", ODD_FRAME(TEXT, KEY(1, 2, 3, 4), S("caf\xc3")),
         ODD_FRAME(CONT, KEY(0xff, 0, 0xff, 0), S("\xa9 \xe2\x82")),
         ODD_FRAME(CONT, KEY(0, 0, 0, 0), S("\xac \xf0\x9f\x98")),
         ODD_FRAME(FIN | CONT, KEY(0x80, 0x40, 0x20, 0x10), S("\x80!")), CLOSE_AFTER(1)),
     OK_WITH(1, GOT_TEXT(S("caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80!"))), ENDS_CLEAN,
     .audience = JUDGE_FOR_SERVERS},
    {ROW("6.2", "the same key in each frame",
         "A text message in three frames that all have the same key: each frame begins at its "
         "first octet.",
         EXPECT_ONE, "5.3", ODD_FRAME(TEXT, KEY(1, 2, 3, 4), S("a")),
         ODD_FRAME(CONT, KEY(1, 2, 3, 4), S("bc")),
         ODD_FRAME(FIN | CONT, KEY(1, 2, 3, 4), S("def")), CLOSE_AFTER(1)),
     OK_WITH(1, GOT_TEXT(S("abcdef"))), ENDS_CLEAN, .audience = JUDGE_FOR_SERVERS},
    {ROW("6.3", "ping with another key between fragments",
         "A text message in two frames with a ping between them, each with a key of its own, octet "
         "by octet.",
         "The pong comes first, then the message; a pong behind it is non-strict. The close is "
         "clean, with code 1000.",
         "5.3",
         {.op = JUDGE_STEP_FRAME, .first = TEXT, .chop = 1, KEY(9, 8, 7, 6), .blob = S("frag")},
         {.op = JUDGE_STEP_FRAME,
          .first = FIN | PING,
          .chop = 1,
          KEY(0xaa, 0x55, 0xf0, 0x0f),
          .blob = S("ping!")},
         {.op = JUDGE_STEP_FRAME,
          .first = FIN | CONT,
          .chop = 1,
          KEY(1, 3, 5, 7),
          .blob = S("ment")},
         CLOSE_AFTER(1)),
     OK_OR_LATE(2, GOT_PONG(S("ping!")), GOT_TEXT(S("fragment"))), ENDS_CLEAN,
     .audience = JUDGE_FOR_SERVERS},
    {ROW("6.4", "empty frames with keys",
         "A text message in three frames, of which the first and the last are empty, each with a "
         "key of its own.",
         EXPECT_ONE, "5.3", ODD_FRAME(TEXT, KEY(1, 2, 3, 4), NOTHING),
         ODD_FRAME(CONT, KEY(0xff, 0xfe, 0xfd, 0xfc), S("middle")),
         ODD_FRAME(FIN | CONT, KEY(9, 9, 9, 9), NOTHING), CLOSE_AFTER(1)),
     OK_WITH(1, GOT_TEXT(S("middle"))), ENDS_CLEAN, .audience = JUDGE_FOR_SERVERS},
};

/* ---------------------------------------------------------------------- keys of clients -- */

#define RANDOM_ROW(number, name, text)                                                             \
    ROW(number, name, text,                                                                        \
        "No key occurs again more often than chance has it, every bit is set in half of them and " \
        "depends on no other, the keys are no counter and no linear congruence, and none depends " \
        "on the one before. What came within 60 seconds is judged: fewer than 1,024 keys that "    \
        "are good are informational.",                                                             \
        "5.3, 10.3; CVE-2025-10148, GO-2026-6278", ECHO, CLOSE_AFTER(60)),                         \
        .rule = JUDGE_RULE_MASKS, .audience = JUDGE_FOR_CLIENTS, ENDS_CLEAN

static const judge_case random_rows[] = {
    {RANDOM_ROW("7.1", "keys of messages",
                "4,096 text messages, one at a time; the masking keys of the echoes are "
                "collected."),
     .echo = {.len = 16, .count = 4096, .seconds = 60}},
    {RANDOM_ROW("7.2", "keys of pongs",
                "4,096 pings, one at a time; the masking keys of the pongs are collected."),
     .echo = {.ping = true, .len = 8, .count = 4096, .seconds = 60}},
    {RANDOM_ROW("7.3", "keys of empty frames",
                "4,096 empty text messages, one at a time: what has no payload needs a good key "
                "all the same."),
     .echo = {.len = 0, .count = 4096, .seconds = 60}},
};

void judge_cases_16(judge_builder *b)
{
    wrong_side(b, 1);
    judge_add_rows(b, unmasked_rows, WSK__COUNT(unmasked_rows));
    wrong_side(b, 2);
    judge_add_rows(b, masked_rows, WSK__COUNT(masked_rows));
    keys(b);
    lengths(b);
    writes(b);
    judge_add_rows(b, good_rows, WSK__COUNT(good_rows));
    judge_add_rows(b, random_rows, WSK__COUNT(random_rows));
}
