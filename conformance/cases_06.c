/* SPDX-License-Identifier: MIT */
/*
 * Category 6, UTF-8 (RFC 6455 section 8.1, RFC 3629): good and bad texts, cut everywhere, and how
 * early a bad one is refused. Groups 6.5 to 6.23 are one table of payloads.
 */
#include <stdio.h>
#include <string.h>

#include "conformance/case_rows.h"

#define KOSME "\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5"
#define HELLO "Hello-\xc2\xb5@\xc3\x9f\xc3\xb6\xc3\xa4\xc3\xbc\xc3\xa0\xc3\xa1-UTF-8!!"

#define EXPECT_REFUSED                                                                             \
    "The peer fails the connection: close with 1007, or TCP dropped. If the judge has to end it, " \
    "the case fails."

#define ROW(number, name, text, expect, ...)                                                       \
    .id = "6." number, .title = name, .description = text, .expectation = expect,                  \
    .reference = "RFC 6455 8.1", .steps = STEPS(__VA_ARGS__)

static const judge_case rows[] = {
    {ROW("1.1", "empty text", "A text message without payload.", EXPECT_ECHO,
         FRAME(FIN | TEXT, NOTHING), CLOSE_AFTER(1)),
     OK_WITH(1, GOT_TEXT(NOTHING)), ENDS_CLEAN},
    {ROW("1.2", "empty text in three frames", "A text message in three frames without payload.",
         EXPECT_ECHO, FRAME(TEXT, NOTHING), FRAME(CONT, NOTHING), FRAME(FIN | CONT, NOTHING),
         CLOSE_AFTER(1)),
     OK_WITH(1, GOT_TEXT(NOTHING)), ENDS_CLEAN},
    {ROW("1.3", "empty frames around the text",
         "A text message in three frames, of which only the middle one has payload.", EXPECT_ECHO,
         FRAME(TEXT, NOTHING), FRAME(CONT, S("middle frame payload")), FRAME(FIN | CONT, NOTHING),
         CLOSE_AFTER(1)),
     OK_WITH(1, GOT_TEXT(S("middle frame payload"))), ENDS_CLEAN},
    {ROW("2.1", "valid text in one frame", "A text with two-octet characters in one frame.",
         EXPECT_ECHO, MESSAGE(TEXT, 0, S(HELLO)), CLOSE_AFTER(1)),
     OK_WITH(1, GOT_TEXT(S(HELLO))), ENDS_CLEAN},
    {ROW("2.2", "valid text in two frames",
         "A text with two-octet characters in two frames, cut between characters.", EXPECT_ECHO,
         FRAME(TEXT, S("Hello-\xc2\xb5@\xc3\x9f\xc3\xb6\xc3\xa4")),
         FRAME(FIN | CONT, S("\xc3\xbc\xc3\xa0\xc3\xa1-UTF-8!!")), CLOSE_AFTER(1)),
     OK_WITH(1, GOT_TEXT(S(HELLO))), ENDS_CLEAN},
    {ROW("2.3", "valid text, a frame per octet",
         "A text with two-octet characters in frames of one octet, so that frames end inside "
         "characters, and an empty last frame.",
         EXPECT_ECHO, MESSAGE(TEXT, 1, S(HELLO)), CLOSE_AFTER(1)),
     OK_WITH(1, GOT_TEXT(S(HELLO))), ENDS_CLEAN},
    {ROW("2.4", "valid Greek text, a frame per octet",
         "A text with two- and three-octet characters in frames of one octet, and an empty last "
         "frame.",
         EXPECT_ECHO, MESSAGE(TEXT, 1, S(KOSME)), CLOSE_AFTER(1)),
     OK_WITH(1, GOT_TEXT(S(KOSME))), ENDS_CLEAN},
    {ROW("3.1", "invalid text in one frame",
         "A text with an encoded surrogate in the middle, in one frame.", EXPECT_REFUSED,
         MESSAGE(TEXT, 0,
                 S(KOSME "\xed\xa0\x80"
                         "edited")),
         KILL_AFTER(1)),
     OK_NOTHING, PEER_FAILS_ELSE_FATAL(1007)},
    {ROW("3.2", "invalid text, a frame per octet",
         "A text with an encoded surrogate in the middle, in frames of one octet.", EXPECT_REFUSED,
         MESSAGE(TEXT, 1,
                 S(KOSME "\xed\xa0\x80"
                         "edited")),
         KILL_AFTER(1)),
     OK_NOTHING, PEER_FAILS_ELSE_FATAL(1007)},
};

#define EXPECT_FAST                                                                                \
    "Nothing happens to the first part. The second one makes the text invalid: the peer fails "    \
    "the "                                                                                         \
    "connection before the third (close with 1007, or TCP dropped). Failing only when the "        \
    "message "                                                                                     \
    "is complete is non-strict."
#define FAST_ENDINGS                                                                               \
    .ending = {{JUDGE_OK, 1, {GOT_TIMEOUT(S("A"))}},                                               \
               {JUDGE_NON_STRICT, 2, {GOT_TIMEOUT(S("A")), GOT_TIMEOUT(S("B"))}}},                 \
    PEER_FAILS_ELSE_FATAL(1007)

/* Fail-fast: the second part can no longer be mended, so it is wrong to wait for the third. */
static const judge_case fast_rows[] = {
    {ROW("4.1", "fail fast, by frames",
         "An invalid text in three frames with a second between them. The second frame holds a "
         "code point beyond U+10FFFF.",
         EXPECT_FAST, FRAME(TEXT, S(KOSME)), WAIT_TAG(1, 'A'), FRAME(CONT, S("\xf4\x90\x80\x80")),
         WAIT_TAG(1, 'B'), FRAME(FIN | CONT, S("edited")), KILL_AFTER(1)),
     FAST_ENDINGS},
    {ROW("4.2", "fail fast, by frames, inside a character",
         "The same text in three frames with a second between them. The second frame is the one "
         "octet that makes the character invalid.",
         EXPECT_FAST, FRAME(TEXT, S(KOSME "\xf4")), WAIT_TAG(1, 'A'), FRAME(CONT, S("\x90")),
         WAIT_TAG(1, 'B'),
         FRAME(FIN | CONT, S("\x80\x80"
                             "edited")),
         KILL_AFTER(1)),
     FAST_ENDINGS},
    {ROW("4.3", "fail fast, by octets",
         "The same text in one frame, whose payload comes in three parts with a second between "
         "them. The second part holds a code point beyond U+10FFFF.",
         EXPECT_FAST, HEADER(TEXT, 21), OCTETS(S(KOSME)), WAIT_TAG(1, 'A'),
         OCTETS(S("\xf4\x90\x80\x80")), WAIT_TAG(1, 'B'), OCTETS(S("edited")),
         FRAME(FIN | CONT, NOTHING), KILL_AFTER(1)),
     FAST_ENDINGS},
    {ROW("4.4", "fail fast, by octets, inside a character",
         "The same text in one frame, whose payload comes in three parts with a second between "
         "them. The second part is the one octet that makes the character invalid.",
         EXPECT_FAST, HEADER(TEXT, 21), OCTETS(S(KOSME "\xf4")), WAIT_TAG(1, 'A'),
         OCTETS(S("\x90")), WAIT_TAG(1, 'B'),
         OCTETS(S("\x80\x80"
                  "edited")),
         FRAME(FIN | CONT, NOTHING), KILL_AFTER(1)),
     FAST_ENDINGS},
};

/* One payload of the table below. `group` as in 6.<group>. */
typedef struct payload_row {
    uint8_t group;
    bool valid;
    uint8_t len;
    const char *octets;
} payload_row;

#define GOOD(group, s)                                                                             \
    {                                                                                              \
        group, true, sizeof(s) - 1, s                                                              \
    }
#define BAD(group, s)                                                                              \
    {                                                                                              \
        group, false, sizeof(s) - 1, s                                                             \
    }

static const payload_row payloads[] = {
    GOOD(5, "hello$world"), GOOD(5, "hello\xc2\xa2world"), GOOD(5, "hello\xe2\x82\xacworld"),
    GOOD(5, "hello\xf0\xa4\xad\xa2world"), GOOD(5, KOSME),
    /* 6.6 is generated: every prefix of KOSME */
    GOOD(7, "\x00"), GOOD(7, "\xc2\x80"), GOOD(7, "\xe0\xa0\x80"), GOOD(7, "\xf0\x90\x80\x80"),
    BAD(8, "\xf8\x88\x80\x80\x80"), BAD(8, "\xfc\x84\x80\x80\x80\x80"), GOOD(9, "\x7f"),
    GOOD(9, "\xdf\xbf"), GOOD(9, "\xef\xbf\xbf"), GOOD(9, "\xf4\x8f\xbf\xbf"),
    BAD(10, "\xf7\xbf\xbf\xbf"), BAD(10, "\xfb\xbf\xbf\xbf\xbf"),
    BAD(10, "\xfd\xbf\xbf\xbf\xbf\xbf"), GOOD(11, "\xed\x9f\xbf"), GOOD(11, "\xee\x80\x80"),
    GOOD(11, "\xef\xbf\xbd"), GOOD(11, "\xf4\x8f\xbf\xbf"), BAD(11, "\xf4\x90\x80\x80"),
    BAD(12, "\x80"), BAD(12, "\xbf"), BAD(12, "\x80\xbf"), BAD(12, "\x80\xbf\x80"),
    BAD(12, "\x80\xbf\x80\xbf"), BAD(12, "\x80\xbf\x80\xbf\x80"),
    BAD(12, "\x80\xbf\x80\xbf\x80\xbf"),
    BAD(12, "\x80\x81\x82\x83\x84\x85\x86\x87\x88\x89\x8a\x8b\x8c\x8d\x8e\x8f"
            "\x90\x91\x92\x93\x94\x95\x96\x97\x98\x99\x9a\x9b\x9c\x9d\x9e\x9f"
            "\xa0\xa1\xa2\xa3\xa4\xa5\xa6\xa7\xa8\xa9\xaa\xab\xac\xad\xae\xaf"
            "\xb0\xb1\xb2\xb3\xb4\xb5\xb6\xb7\xb8\xb9\xba\xbb\xbc\xbd\xbe"),
    BAD(13, "\xc0 \xc1 \xc2 \xc3 \xc4 \xc5 \xc6 \xc7 \xc8 \xc9 \xca \xcb \xcc \xcd \xce \xcf "
            "\xd0 \xd1 \xd2 \xd3 \xd4 \xd5 \xd6 \xd7 \xd8 \xd9 \xda \xdb \xdc \xdd \xde "),
    BAD(13, "\xe0 \xe1 \xe2 \xe3 \xe4 \xe5 \xe6 \xe7 \xe8 \xe9 \xea \xeb \xec \xed \xee "),
    BAD(13, "\xf0 \xf1 \xf2 \xf3 \xf4 \xf5 \xf6 "), BAD(13, "\xf8 \xf9 \xfa "), BAD(13, "\xfc "),
    BAD(14, "\xc0"), BAD(14, "\xe0\x80"), BAD(14, "\xf0\x80\x80"), BAD(14, "\xf8\x80\x80\x80"),
    BAD(14, "\xfc\x80\x80\x80\x80"), BAD(14, "\xdf"), BAD(14, "\xef\xbf"), BAD(14, "\xf7\xbf\xbf"),
    BAD(14, "\xfb\xbf\xbf\xbf"), BAD(14, "\xfd\xbf\xbf\xbf\xbf"),
    BAD(15, "\xc0\xe0\x80\xf0\x80\x80\xf8\x80\x80\x80\xfc\x80\x80\x80\x80\xdf\xef\xbf\xf7\xbf\xbf"
            "\xfb\xbf\xbf\xbf\xfd\xbf\xbf\xbf\xbf"),
    BAD(16, "\xfe"), BAD(16, "\xff"), BAD(16, "\xfe\xfe\xff\xff"), BAD(17, "\xc0\xaf"),
    BAD(17, "\xe0\x80\xaf"), BAD(17, "\xf0\x80\x80\xaf"), BAD(17, "\xf8\x80\x80\x80\xaf"),
    BAD(17, "\xfc\x80\x80\x80\x80\xaf"), BAD(18, "\xc1\xbf"), BAD(18, "\xe0\x9f\xbf"),
    BAD(18, "\xf0\x8f\xbf\xbf"), BAD(18, "\xf8\x87\xbf\xbf\xbf"),
    BAD(18, "\xfc\x83\xbf\xbf\xbf\xbf"), BAD(19, "\xc0\x80"), BAD(19, "\xe0\x80\x80"),
    BAD(19, "\xf0\x80\x80\x80"), BAD(19, "\xf8\x80\x80\x80\x80"),
    BAD(19, "\xfc\x80\x80\x80\x80\x80"), BAD(20, "\xed\xa0\x80"), BAD(20, "\xed\xad\xbf"),
    BAD(20, "\xed\xae\x80"), BAD(20, "\xed\xaf\xbf"), BAD(20, "\xed\xb0\x80"),
    BAD(20, "\xed\xbe\x80"), BAD(20, "\xed\xbf\xbf"), BAD(21, "\xed\xa0\x80\xed\xb0\x80"),
    BAD(21, "\xed\xa0\x80\xed\xbf\xbf"), BAD(21, "\xed\xad\xbf\xed\xb0\x80"),
    BAD(21, "\xed\xad\xbf\xed\xbf\xbf"), BAD(21, "\xed\xae\x80\xed\xb0\x80"),
    BAD(21, "\xed\xae\x80\xed\xbf\xbf"), BAD(21, "\xed\xaf\xbf\xed\xb0\x80"),
    BAD(21, "\xed\xaf\xbf\xed\xbf\xbf"),
    /* 6.22 and 6.23 are generated from code points */
};

/* What the payloads of each group have in common. */
static const char *group_text(unsigned group)
{
    static const char *const texts[] = {
        [5] = "characters of one to four octets",
        [6] = "a prefix of a Greek word",
        [7] = "the first code point of each length",
        [8] = "the first sequence of five and six octets",
        [9] = "the last code point of each length",
        [10] = "the last sequence of four, five and six octets",
        [11] = "code points at borders",
        [12] = "continuation octets without a first octet",
        [13] = "first octets, each followed by a blank",
        [14] = "a sequence without its last octet",
        [15] = "incomplete sequences in a row",
        [16] = "octets that never occur in UTF-8",
        [17] = "an overlong slash",
        [18] = "the greatest overlong sequences",
        [19] = "an overlong NUL",
        [20] = "a lone surrogate",
        [21] = "a pair of surrogates",
        [22] = "a noncharacter, which is valid UTF-8",
        [23] = "a special code point",
    };

    return texts[group];
}

static void add_payload(judge_builder *b, unsigned group, unsigned number, bool valid,
                        const void *octets, size_t len)
{
    const judge_blob blob = judge_octet_blob(b, octets, len);
    const judge_step steps[] = {MESSAGE(TEXT, 0, blob), KILL_AFTER(0.5), {.op = JUDGE_STEP_END}};
    judge_case row = {
        .id = judge_text(b, "6.%u.%u", group, number),
        .title = judge_text(b, "%s (%s)", group_text(group), valid ? "valid" : "invalid"),
        .description = judge_text(b,
                                  "A text message of %zu octet%s, %s UTF-8: %s.<br><br><code>%s"
                                  "</code>",
                                  len, len == 1 ? "" : "s", valid ? "valid" : "invalid",
                                  group_text(group), judge_hex_text(b, octets, len)),
        .expectation = valid ? EXPECT_ECHO : EXPECT_REFUSED,
        .reference = group == 22 ? "RFC 3629 4" : "RFC 6455 8.1",
        .steps = steps,
        OK_NOTHING,
        PEER_FAILS_ELSE_FATAL(1007),
    };

    if (valid) {
        row.ending[0] = (judge_ending){JUDGE_OK, 1, {GOT_TEXT(blob)}};
        row.close.codes[0] = 1000;
        row.close.closed_by_me = row.close.require_clean = true;
        row.close.wrong_endpoint_fatal = false;
    }
    judge_add(b, &row);
}

static size_t encode(uint32_t c, char out[4])
{
    if (c < 0x10000) {
        out[0] = (char)(0xe0 | c >> 12);
        out[1] = (char)(0x80 | (c >> 6 & 0x3f));
        out[2] = (char)(0x80 | (c & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | c >> 18);
    out[1] = (char)(0x80 | (c >> 12 & 0x3f));
    out[2] = (char)(0x80 | (c >> 6 & 0x3f));
    out[3] = (char)(0x80 | (c & 0x3f));
    return 4;
}

void judge_cases_06(judge_builder *b)
{
    unsigned group = 0, number = 0;
    char octets[4];

    judge_add_rows(b, rows, WSK__COUNT(rows));
    judge_add_rows(b, fast_rows, WSK__COUNT(fast_rows));
    for (size_t i = 0; i < WSK__COUNT(payloads); i++) {
        const payload_row *p = &payloads[i];

        if (p->group != group) {
            if (group == 5) {
                /* A prefix is valid where the next octet begins a character. */
                for (size_t len = 1; len <= strlen(KOSME); len++)
                    add_payload(b, 6, (unsigned)len, (KOSME[len] & 0xc0) != 0x80, KOSME, len);
            }
            group = p->group;
            number = 0;
        }
        add_payload(b, group, ++number, p->valid, p->octets, p->len);
    }
    for (uint32_t plane = 0; plane <= 16; plane++) {
        for (uint32_t low = 0xfffe; low <= 0xffff; low++) {
            const size_t len = encode(plane << 16 | low, octets);

            add_payload(b, 22, plane * 2 + (low & 1) + 1, true, octets, len);
        }
    }
    for (uint32_t c = 0xfff9; c <= 0xffff; c++) {
        const size_t len = encode(c, octets);

        add_payload(b, 23, c - 0xfff9 + 1, true, octets, len);
    }
}
