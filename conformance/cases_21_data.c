/* SPDX-License-Identifier: MIT */
/*
 * Category 21, compressed data: what must be understood, what must be refused, windows and contexts
 * to the octet, and messages that are small on the wire alone.
 */
#include <string.h>

#include "conformance/case_rows.h"
#include "conformance/deflate_writer.h"

#define END                                                                                        \
    {                                                                                              \
        .op = JUDGE_STEP_END                                                                       \
    }

/* "Hello" in a block with fixed codes (RFC 7692 7.2.3.1), the same with the context of itself
 * (7.2.3.2). */
#define HELLO "\xf2\x48\xcd\xc9\xc9\x07\x00"
#define AGAIN "\xf2\x00\x11\x00\x00"

#define ROW(number, name, text, ref, ...)                                                          \
    .id = "21." number, .title = name, .description = text, .reference = ref,                      \
    .steps = STEPS(NEED(0), __VA_ARGS__), .echo = {.n_offers = 1}

/* It comes back. */
#define GOOD(...)                                                                                  \
    .expectation = "It comes back, inflated to the same. The close is clean, with code 1000. A "   \
                   "peer without the extension is UNIMPLEMENTED.",                                 \
    OK_WITH(__VA_ARGS__), ENDS_CLEAN

/* It comes back, but a peer that cannot take it is not wrong by the letter. */
#define GOOD_OR_NOT(event)                                                                         \
    .expectation = "It comes back, inflated to the same. A peer that fails the connection (1002, " \
                   "1007) is non-strict, one without the extension UNIMPLEMENTED.",                \
    .ending = {{JUDGE_OK, 1, {event}, .lives = true}, {JUDGE_NON_STRICT, 0}},                      \
    .close = {.codes = {1007, 1002}, .n_codes = 2}

/* The connection fails. */
#define BAD                                                                                        \
    .expectation = "The peer fails the connection: close with 1002 or 1007, or TCP dropped; "      \
                   "nothing comes back. A peer without the extension is UNIMPLEMENTED.",           \
    OK_NOTHING,                                                                                    \
    .close = {.codes = {1002, 1007}, .n_codes = 2, .wrong_endpoint_fatal = true, .lax = {1011}}
#define BAD_TEXT                                                                                   \
    .expectation = "The peer fails the connection: close with 1007, or TCP dropped; nothing "      \
                   "comes back. Other codes are non-strict. A peer without the extension is "      \
                   "UNIMPLEMENTED.",                                                               \
    OK_NOTHING,                                                                                    \
    .close = {.codes = {1007}, .n_codes = 1, .wrong_endpoint_fatal = true, .lax = {1002, 1003}}
/* What cannot be decoded is failed; whoever takes what there is of it breaks no rule. */
#define BAD_OR_NOT                                                                                 \
    .expectation = "The peer fails the connection: close with 1002 or 1007, or TCP dropped. "      \
                   "Going on is non-strict. A peer without the extension is UNIMPLEMENTED.",       \
    .rule = JUDGE_RULE_CLOSE_ONLY,                                                                 \
    .close = {.codes = {1007, 1002}, .n_codes = 2, .kept = JUDGE_NON_STRICT}

/* --------------------------------------------------------------------- what is understood -- */

static const judge_case good_rows[] = {
    {ROW("4.1", "fixed codes", "A compressed text message, one block with fixed codes.",
         "RFC 7692 7.2.3.1", FRAME(FIN | RSV1 | TEXT, S(HELLO)), CLOSE_AFTER(2)),
     GOOD(1, GOT_TEXT(S("Hello")))},
    {ROW("4.2", "stored", "A compressed text message, one block without compression.",
         "RFC 7692 7.2.3.3", FRAME(FIN | RSV1 | TEXT, S("\x00\x05\x00\xfa\xffHello\x00")),
         CLOSE_AFTER(2)),
     GOOD(1, GOT_TEXT(S("Hello")))},
    {ROW("4.3", "two blocks", "A compressed text message, two blocks with an empty one between.",
         "RFC 7692 7.2.3.5",
         FRAME(FIN | RSV1 | TEXT, S("\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00")),
         CLOSE_AFTER(2)),
     GOOD(1, GOT_TEXT(S("Hello")))},
    {ROW("4.4", "a final block", "A compressed text message whose block has BFINAL = 1.",
         "RFC 7692 7.2.3.4", FRAME(FIN | RSV1 | TEXT, S("\xf3\x48\xcd\xc9\xc9\x07\x00\x00")),
         CLOSE_AFTER(2)),
     GOOD_OR_NOT(GOT_TEXT(S("Hello")))},
    {ROW("4.5", "a block behind the final one",
         "A compressed text message whose first block has BFINAL = 1; a second one follows.",
         "RFC 7692 7.2.3.4",
         FRAME(FIN | RSV1 | TEXT, S("\xf3\x48\xcd\xc9\xc9\x07\x00\xf2\x48\xcd\xc9\xc9\x07\x00")),
         CLOSE_AFTER(2)),
     GOOD_OR_NOT(GOT_TEXT(S("HelloHello")))},
    {ROW("4.6", "a message behind one with a final block",
         "A compressed text message with BFINAL = 1, then one without.", "RFC 7692 7.2.3.4",
         FRAME(FIN | RSV1 | TEXT, S("\xf3\x48\xcd\xc9\xc9\x07\x00\x00")),
         FRAME(FIN | RSV1 | TEXT, S(HELLO)), CLOSE_AFTER(2)),
     .expectation = "Both come back. A peer that fails the connection (1002, 1007) is non-strict.",
     .ending = {{JUDGE_OK, 2, {GOT_TEXT(S("Hello")), GOT_TEXT(S("Hello"))}, .lives = true},
                {JUDGE_NON_STRICT, 0},
                {JUDGE_NON_STRICT, 1, {GOT_TEXT(S("Hello"))}}},
     .close = {.codes = {1007, 1002}, .n_codes = 2}},
    {ROW("4.7", "empty blocks",
         "A compressed text message with three empty blocks before, between and behind its data.",
         "RFC 7692 7.2.1",
         FRAME(FIN | RSV1 | TEXT,
               S("\x00\x00\x00\xff\xff\x00\x00\x00\xff\xff\x00\x00\x00\xff\xff"
                 "\xf2\x48\x05\x00\x00\x00\xff\xff\x00\x00\x00\xff\xff\x00\x00\x00\xff\xff"
                 "\xca\xc9\xc9\x07\x00\x00\x00\xff\xff\x00\x00\x00\xff\xff\x00\x00\x00\xff\xff"
                 "\x00")),
         CLOSE_AFTER(2)),
     GOOD(1, GOT_TEXT(S("Hello")))},
    {ROW("4.8", "an empty message",
         "A compressed text message without octets: one octet 0 on the wire.", "RFC 7692 7.2.3.6",
         FRAME(FIN | RSV1 | TEXT, S("\x00")), CLOSE_AFTER(2)),
     GOOD(1, GOT_TEXT(NOTHING))},
    {ROW("4.9", "an empty message, and nothing on the wire",
         "A frame with RSV1 and without payload.", "RFC 7692 7.2.2, 7.2.3.6",
         FRAME(FIN | RSV1 | TEXT, NOTHING), CLOSE_AFTER(2)),
     .expectation = "The empty message comes back, or the peer fails the connection (1002, 1007, "
                    "or TCP dropped): with the tail that is put behind it nothing is no block, "
                    "and an empty message has one octet. A peer without the extension is "
                    "UNIMPLEMENTED.",
     .ending = {{JUDGE_OK, 1, {GOT_TEXT(NOTHING)}, .lives = true}, {JUDGE_OK, 0}},
     .close = {.codes = {1007, 1002}, .n_codes = 2}},
    {ROW("4.10", "two frames and a ping between",
         "A compressed text message in two frames, with a ping between.", "RFC 7692 6.1",
         FRAME(RSV1 | TEXT, S("\xf2\x48\xcd")), FRAME(FIN | PING, S("ping")),
         FRAME(FIN | CONT, S("\xc9\xc9\x07\x00")), CLOSE_AFTER(2)),
     .expectation = "A pong, then the message; a pong behind it is non-strict. The close is clean, "
                    "with code 1000. A peer without the extension is UNIMPLEMENTED.",
     ENDS_CLEAN, OK_OR_LATE(2, GOT_PONG(S("ping")), GOT_TEXT(S("Hello")))},
    {ROW("4.11", "frames of one octet", "A compressed text message in frames of one octet.",
         "RFC 7692 6.1", FRAME(RSV1 | TEXT, S("\xf2")), FRAME(CONT, S("\x48")),
         FRAME(CONT, S("\xcd")), FRAME(CONT, S("\xc9")), FRAME(CONT, S("\xc9")),
         FRAME(CONT, S("\x07")), FRAME(FIN | CONT, S("\x00")), CLOSE_AFTER(2)),
     GOOD(1, GOT_TEXT(S("Hello")))},
    {ROW("4.12", "empty frames",
         "A compressed text message whose first, second and last frame are empty.", "RFC 7692 6.1",
         FRAME(RSV1 | TEXT, NOTHING), FRAME(CONT, NOTHING), FRAME(CONT, S(HELLO)),
         FRAME(FIN | CONT, NOTHING), CLOSE_AFTER(2)),
     GOOD(1, GOT_TEXT(S("Hello")))},
    {ROW("4.13", "a character in two frames",
         "A compressed text message of one character, cut inside of it by the blocks and by the "
         "frames.",
         "RFC 7692 6.1, RFC 6455 5.6", FRAME(RSV1 | TEXT, S("\x00\x01\x00\xfe\xff\xc3")),
         FRAME(FIN | CONT, S("\x00\x01\x00\xfe\xff\xa9\x00")), CLOSE_AFTER(2)),
     GOOD(1, GOT_TEXT(S("\xc3\xa9")))},
    {ROW("4.14", "plain messages between",
         "A compressed, a plain and a compressed text message, and an empty plain one.",
         "RFC 7692 6", FRAME(FIN | RSV1 | TEXT, S(HELLO)), FRAME(FIN | TEXT, S("plain")),
         FRAME(FIN | RSV1 | TEXT, S(HELLO)), FRAME(FIN | TEXT, NOTHING), CLOSE_AFTER(2)),
     GOOD(4, GOT_TEXT(S("Hello")), GOT_TEXT(S("plain")), GOT_TEXT(S("Hello")), GOT_TEXT(NOTHING))},
    {ROW("4.15", "a plain fragmented message between",
         "A compressed text message, a plain one in three frames, a compressed one.", "RFC 7692 6",
         FRAME(FIN | RSV1 | TEXT, S(HELLO)), FRAME(TEXT, S("pl")), FRAME(CONT, S("ai")),
         FRAME(FIN | CONT, S("n")), FRAME(FIN | RSV1 | TEXT, S(HELLO)), CLOSE_AFTER(2)),
     GOOD(3, GOT_TEXT(S("Hello")), GOT_TEXT(S("plain")), GOT_TEXT(S("Hello")))},
    {ROW("4.16", "a binary message", "A compressed binary message of five octets.", "RFC 7692 6",
         FRAME(FIN | RSV1 | BINARY, S("\x00\x05\x00\xfa\xff\x00\xff\xc3\x28\x80\x00")),
         CLOSE_AFTER(2)),
     GOOD(1, GOT_BINARY(S("\x00\xff\xc3\x28\x80")))},
};

/* ------------------------------------------------------------------------ what is refused -- */

static const judge_case bad_rows[] = {
    {ROW("5.1", "RSV1 on the continuation of a compressed message",
         "A compressed text message in two frames, both with RSV1.", "RFC 7692 6.1",
         FRAME(RSV1 | TEXT, S("\xf2\x48\xcd")), FRAME(FIN | RSV1 | CONT, S("\xc9\xc9\x07\x00")),
         KILL_AFTER(1)),
     BAD},
    {ROW("5.2", "RSV1 on the continuation of a plain message",
         "A plain text message in two frames, the second one with RSV1.", "RFC 7692 6.1",
         FRAME(TEXT, S("Hel")), FRAME(FIN | RSV1 | CONT, S("lo")), KILL_AFTER(1)),
     BAD},
    {ROW("5.3", "a compressed ping", "A ping with RSV1.", "RFC 7692 6.1",
         FRAME(FIN | RSV1 | PING, S(HELLO)), KILL_AFTER(1)),
     BAD},
    {ROW("5.4", "a compressed pong", "A pong with RSV1.", "RFC 7692 6.1",
         FRAME(FIN | RSV1 | PONG, S(HELLO)), KILL_AFTER(1)),
     BAD},
    {ROW("5.5", "a compressed close", "A close frame with RSV1 and without payload.",
         "RFC 7692 6.1", FRAME(FIN | RSV1 | CLOSE, NOTHING), KILL_AFTER(1)),
     BAD},
    {ROW("5.6", "RSV1 and RSV2", "A compressed text message with RSV2.", "RFC 6455 5.2",
         FRAME(FIN | RSV1 | RSV2 | TEXT, S(HELLO)), KILL_AFTER(1)),
     BAD},
    {ROW("5.7", "RSV1 and RSV3", "A compressed text message with RSV3.", "RFC 6455 5.2",
         FRAME(FIN | RSV1 | RSV3 | TEXT, S(HELLO)), KILL_AFTER(1)),
     BAD},
    {ROW("5.8", "a block of type 3", "A compressed text message whose block has the type 3.",
         "RFC 1951 3.2.3", FRAME(FIN | RSV1 | TEXT, S("\x06\x00")), KILL_AFTER(1)),
     BAD},
    {ROW("5.9", "a stored block with two lengths",
         "A compressed text message whose stored block contradicts its own length.",
         "RFC 1951 3.2.4", FRAME(FIN | RSV1 | TEXT, S("\x00\x05\x00\xfb\xffHello\x00")),
         KILL_AFTER(1)),
     BAD},
    {ROW("5.10", "data with a header of zlib",
         "A compressed text message as zlib's format has it, not as DEFLATE.", "RFC 7692 7.2.1",
         FRAME(FIN | RSV1 | TEXT, S("\x78\x9c\xf2\x48\xcd\xc9\xc9\x07\x00")), KILL_AFTER(1)),
     BAD},
    {ROW("5.11", "plain text with RSV1", "The text Hello as it is, with RSV1.", "RFC 7692 7.2.2",
         FRAME(FIN | RSV1 | TEXT, S("Hello")), KILL_AFTER(1)),
     BAD},
    {ROW("5.12", "garbage behind the data",
         "A compressed text message, behind whose block stands one of type 3.", "RFC 1951 3.2.3",
         FRAME(FIN | RSV1 | TEXT, S("\xf2\x48\xcd\xc9\xc9\x07\xfc\xff\xff")), KILL_AFTER(1)),
     BAD},
    {ROW("5.13", "garbage in the second frame",
         "A compressed text message whose second frame is garbage.", "RFC 1951 3.2.3",
         FRAME(RSV1 | TEXT, S("\xf2\x48\x05\x00\x00\x00\xff\xff")),
         FRAME(FIN | CONT, S("\xff\xff\xff\xff")), KILL_AFTER(1)),
     BAD},
    {ROW("5.14", "text that is no UTF-8", "A compressed text message of the octets c3 28.",
         "RFC 6455 8.1, RFC 7692 6.2",
         FRAME(FIN | RSV1 | TEXT, S("\x00\x02\x00\xfd\xff\xc3\x28\x00")), KILL_AFTER(1)),
     BAD_TEXT},
    {ROW("5.15", "text that ends in a character",
         "A compressed text message that ends in the middle of a character.",
         "RFC 6455 8.1, RFC 7692 6.2",
         FRAME(FIN | RSV1 | TEXT, S("\x00\x02\x00\xfd\xff\x61\xc3\x00")), KILL_AFTER(1)),
     BAD_TEXT},
    {ROW("5.16", "text that is no UTF-8, in frames",
         "A compressed text message in two frames, whose second one begins with a first octet "
         "where the first frame has left a character open.",
         "RFC 6455 8.1, RFC 7692 6.2", FRAME(RSV1 | TEXT, S("\x00\x01\x00\xfe\xff\xc3")),
         FRAME(FIN | CONT, S("\x00\x01\x00\xfe\xff\xc3\x00")), KILL_AFTER(1)),
     BAD_TEXT},
    {ROW("5.17", "a block that the message cuts",
         "A compressed binary message whose stored block says 10 octets and has 5; then a second "
         "one, which a decoder that waits for the rest would take for it.",
         "RFC 7692 7.2.2; CVE-2026-87022",
         FRAME(FIN | RSV1 | BINARY, S("\x00\x0a\x00\xf5\xffHello")),
         FRAME(FIN | RSV1 | BINARY, S(HELLO)), KILL_AFTER(1)),
     BAD},
    {ROW("5.18", "codes that the message cuts",
         "A compressed binary message that ends in the middle of a block with fixed codes.",
         "RFC 7692 7.2.2", FRAME(FIN | RSV1 | BINARY, S("\xf2\x48\xcd\xc9")), CLOSE_AFTER(1)),
     BAD_OR_NOT},
    {ROW("5.19", "a header of codes that the message cuts",
         "A compressed binary message that ends in the middle of the header of a block with "
         "codes of its own.",
         "RFC 7692 7.2.2", FRAME(FIN | RSV1 | BINARY, S("\x04\xc0\x81")), CLOSE_AFTER(1)),
     BAD_OR_NOT},
    {ROW("5.20", "the tail is left", "A compressed text message that still ends with 00 00 ff ff.",
         "RFC 7692 7.2.1", FRAME(FIN | RSV1 | TEXT, S(HELLO "\x00\x00\xff\xff")), CLOSE_AFTER(1)),
     .expectation = "The message comes back, or the peer fails the connection (1002, 1007, or TCP "
                    "dropped): the sender is at fault, and both know what it meant.",
     .ending = {{JUDGE_OK, 1, {GOT_TEXT(S("Hello"))}, .lives = true}, {JUDGE_OK, 0}},
     .close = {.codes = {1007, 1002}, .n_codes = 2}},
};

/* A compressed binary message, and what is wrong with it. */
static void add_bad(judge_builder *b, unsigned number, const char *title, const char *what,
                    const deflate_writer *w)
{
    const judge_step steps[] = {NEED(0),
                                {.op = JUDGE_STEP_FRAME,
                                 .first = FIN | RSV1 | BINARY,
                                 .blob = judge_octet_blob(b, w->at, deflate_octets(w))},
                                KILL_AFTER(1),
                                END};

    judge_add(b,
              &(judge_case){.id = judge_text(b, "21.5.%u", number),
                            .title = title,
                            .description = judge_text(b, "A compressed binary message %s.", what),
                            .reference = "RFC 1951 3.2, RFC 7692 7.2.2",
                            .steps = steps,
                            .echo = {.n_offers = 1},
                            BAD});
}

/* Codes of their own: all 19 of the codes for lengths have this length. */
static void bad_codes(deflate_writer *w, unsigned length)
{
    deflate_begin_empty(w);
    deflate_bits(w, 0, 1);
    deflate_bits(w, 2, 2);
    deflate_bits(w, 0, 5);
    deflate_bits(w, 0, 5);
    deflate_bits(w, 15, 4);
    for (unsigned i = 0; i < 19; i++)
        deflate_bits(w, length, 3);
    /* A bit for each of 258 codes at least, for decoders that look when they have them all. */
    for (unsigned i = 0; i < 20; i++)
        deflate_bits(w, 0, 16);
    deflate_align(w);
}

static void add_bad_streams(judge_builder *b)
{
    deflate_writer w;

    deflate_begin_empty(&w);
    deflate_fixed(&w, false);
    deflate_literals(&w, "Hello", 5);
    deflate_match(&w, 5, 6);
    deflate_end_block(&w);
    deflate_end_message(&w);
    add_bad(b, 21, "a distance before the beginning",
            "that refers to one octet before its beginning", &w);

    deflate_begin_empty(&w);
    deflate_fixed(&w, false);
    deflate_literals(&w, "Hello", 5);
    deflate_match(&w, 258, 32768);
    deflate_end_block(&w);
    deflate_end_message(&w);
    add_bad(b, 22, "the greatest distance, and nothing there",
            "that refers to 32,768 octets before it has any", &w);

    deflate_begin_empty(&w);
    deflate_fixed(&w, false);
    deflate_literals(&w, "Hello", 5);
    deflate_code(&w, 0xc6, 8);
    deflate_end_block(&w);
    deflate_end_message(&w);
    add_bad(b, 23, "the length code 286", "with the length code 286, which stands for nothing", &w);

    deflate_begin_empty(&w);
    deflate_fixed(&w, false);
    deflate_literals(&w, "Hello", 5);
    deflate_code(&w, 1, 7);
    deflate_code(&w, 30, 5);
    deflate_end_block(&w);
    deflate_end_message(&w);
    add_bad(b, 24, "the distance code 30", "with the distance code 30, which stands for nothing",
            &w);

    bad_codes(&w, 1);
    add_bad(b, 25, "too many codes", "whose codes for lengths are more than their lengths allow",
            &w);
    bad_codes(&w, 7);
    add_bad(b, 26, "too few codes", "whose codes for lengths leave some without a meaning", &w);
    bad_codes(&w, 0);
    add_bad(b, 27, "no codes", "without any codes for lengths", &w);
}

/* --------------------------------------------------------------------- larger, still good -- */

static void add_good(judge_builder *b, unsigned number, const char *title, const char *what,
                     const deflate_writer *w, judge_blob echo)
{
    const judge_step steps[] = {NEED(0),
                                {.op = JUDGE_STEP_FRAME,
                                 .first = FIN | RSV1 | BINARY,
                                 .blob = judge_octet_blob(b, w->at, deflate_octets(w))},
                                CLOSE_AFTER(3),
                                END};

    judge_add(b,
              &(judge_case){.id = judge_text(b, "21.4.%u", number),
                            .title = title,
                            .description = judge_text(b, "A compressed binary message: %s.", what),
                            .reference = "RFC 1951 3.2, RFC 7692 7.2",
                            .steps = steps,
                            .echo = {.n_offers = 1},
                            GOOD(1, {JUDGE_EVENT_MESSAGE, true, echo})});
}

static void add_good_streams(judge_builder *b)
{
    static char octets[65535];
    deflate_writer w;

    deflate_begin_empty(&w);
    deflate_densest(&w);
    deflate_bits(&w, 0, 8); /* four matches */
    deflate_code(&w, 3, 2); /* the end of the block */
    deflate_end_message(&w);
    add_good(b, 17, "codes of its own", "one block with codes of its own, the densest there can be",
             &w, (judge_blob){"\0", 1, 1033});

    deflate_begin_empty(&w);
    for (int i = 0; i < 50; i++) {
        deflate_fixed(&w, false);
        deflate_end_block(&w);
    }
    deflate_fixed(&w, false);
    deflate_literals(&w, "ab", 2);
    deflate_match(&w, 258, 2);
    deflate_end_block(&w);
    deflate_end_message(&w);
    add_good(b, 18, "empty blocks with codes",
             "fifty empty blocks with fixed codes, then one with a match that overlaps itself", &w,
             (judge_blob){"ab", 2, 260});

    memset(octets, 'x', sizeof(octets));
    deflate_begin_empty(&w);
    deflate_stored(&w, false, octets, sizeof(octets));
    deflate_end_message(&w);
    add_good(b, 19, "the largest stored block", "one stored block of 65,535 octets", &w,
             (judge_blob){"x", 1, sizeof(octets)});
}

/* ------------------------------------------------------------------- windows and contexts -- */

/* Octets that do not repeat, though text; splitmix64 in hexadecimal. */
static void unlike(char *ret, size_t n)
{
    uint64_t state = 1;

    for (size_t i = 0; i < n; i++) {
        uint64_t z = state += 0x9e3779b97f4a7c15u;

        z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
        z = (z ^ z >> 27) * 0x94d049bb133111ebu;
        ret[i] = "0123456789abcdef"[(z ^ z >> 31) & 15];
    }
}

/* What the peer sends must stay within the window that it has promised. Many leave short messages
 * as they are, often those below 1,024 octets. */
static void peer_windows(judge_builder *b)
{
    static const uint8_t bits[] = {8, 9, 10, 12, 14};
    char text[24577];

    for (size_t i = 0; i < WSK__COUNT(bits); i++) {
        const size_t len = ((size_t)1 << bits[i]) * 3 / 2 + 1;
        const size_t times = len * 2 < 4096 ? 4095 / len + 1 : 2;
        judge_blob blob;

        unlike(text, len);
        blob = judge_octet_blob(b, text, len);
        blob.total = len * times;
        const judge_step steps[] = {NEED(0),
                                    {.op = JUDGE_STEP_FRAME, .first = FIN | TEXT, .blob = blob},
                                    CLOSE_AFTER(3),
                                    END};
        judge_add(
            b,
            &(judge_case){
                .id = judge_text(b, "21.6.%zu", i + 1),
                .title = judge_text(b, "the peer's window of %u bits", bits[i]),
                .description = judge_text(b,
                                          "A text of %zu octets %zu times in one message, to be "
                                          "sent back through a window of %u: no part of it must "
                                          "refer to the one before.",
                                          len, times, 1u << bits[i]),
                .expectation = "The message comes back, and no distance in it is above the window. "
                               "A peer that does not agree to it is UNIMPLEMENTED; if it comes "
                               "back as it is, that is for information.",
                .reference = "RFC 7692 7.1.2",
                .steps = steps,
                OK_WITH(1, {JUDGE_EVENT_MESSAGE, false, blob}),
                ENDS_CLEAN,
                .echo = {.n_offers = 1, .offers = {{.window_bits = bits[i]}}},
                .packs = true,
            });
    }
}

/* `first` in one message, then `second`, which refers to it. */
static void add_pair(judge_builder *b, const judge_case *row, const deflate_writer *first,
                     const deflate_writer *second, int need)
{
    const judge_step steps[] = {NEED(need),
                                {.op = JUDGE_STEP_FRAME,
                                 .first = FIN | RSV1 | BINARY,
                                 .blob = judge_octet_blob(b, first->at, deflate_octets(first))},
                                {.op = JUDGE_STEP_FRAME,
                                 .first = FIN | RSV1 | BINARY,
                                 .blob = judge_octet_blob(b, second->at, deflate_octets(second))},
                                KILL_AFTER(2),
                                END};
    judge_case copy = *row;

    copy.steps = steps;
    judge_add(b, &copy);
}

#define UNNOTICED                                                                                  \
    .expectation = "The first message comes back, then the peer fails the connection (1002, "      \
                   "1007): it has agreed to keep no more. One that has kept it all the same, and " \
                   "echoes both, is non-strict, and so is failing before the echo."

/* What the judge sends: as far back as the window reaches, and one octet further. */
static void own_windows(judge_builder *b)
{
    static const uint8_t bits[] = {8, 9, 12, 15};
    static char octets[32768];
    unsigned number = WSK__COUNT(bits) + 1;

    for (size_t i = 0; i < WSK__COUNT(bits); i++) {
        const unsigned size = 1u << bits[i];

        for (unsigned over = 0; over < (bits[i] < 15 ? 2u : 1u); over++) {
            deflate_writer first, second;
            judge_case row = {
                .id = judge_text(b, "21.6.%u", ++number),
                .title = judge_text(b, "%s a window of %u bits",
                                    over ? "one octet beyond" : "the whole of", bits[i]),
                .description = judge_text(
                    b,
                    "A compressed binary message of %u octets; then one that is a copy "
                    "of its first octets, from a distance of %u, the window being %u.",
                    size + over, size + over, size),
                .reference = "RFC 7692 7.1.2",
                .echo = {.n_offers = 1, .offers = {{.own_bits = bits[i], .own_keeps = true}}},
            };
            const judge_event_row one = {JUDGE_EVENT_MESSAGE, true, {"#", 1, size + over}};
            const judge_event_row two = {JUDGE_EVENT_MESSAGE, true, {"#", 1, 1}};

            memset(octets, '#', sizeof(octets));
            deflate_begin_empty(&first);
            deflate_stored(&first, false, octets, size + over);
            deflate_end_message(&first);
            deflate_begin_empty(&second);
            deflate_fixed(&second, false);
            deflate_match(&second, 100, size + over);
            deflate_end_block(&second);
            deflate_end_message(&second);
            row.ending[0] = (judge_ending){JUDGE_OK, over ? 1 : 2, {one, two}, .lives = !over};
            row.ending[0].event[1].blob.total = 100;
            if (over) {
                row.ending[1] = (judge_ending){JUDGE_NON_STRICT, 2, {one, two}, .lives = true};
                row.ending[1].event[1].blob.total = 100;
                row.ending[2] = (judge_ending){JUDGE_NON_STRICT, 0};
                row.expectation = "The first message comes back, then the peer fails the "
                                  "connection (1002, 1007): it has agreed to keep no more. One "
                                  "that has kept more, and echoes both, is non-strict, and so is "
                                  "failing before the echo.";
            } else {
                row.expectation = "Both messages come back. A peer that does not agree to this "
                                  "window is UNIMPLEMENTED.";
            }
            row.close.codes[0] = 1007;
            row.close.codes[1] = 1002;
            row.close.n_codes = 2;
            /* RFC 7692 7.1.2.2: a server may answer with less than it was offered. */
            add_pair(b, &row, &first, &second,
                     JUDGE_NEED_KEEPS | (over ? JUDGE_NEED_WINDOW : JUDGE_NEED_ROOM));
        }
    }
}

#define CONTEXT(number, name, text, ...)                                                           \
    .id = "21.6." number, .title = name, .description = text, .reference = "RFC 7692 7.1.1",       \
    .steps = STEPS(__VA_ARGS__)
#define ASKED(...) .echo = {.n_offers = 1, .offers = {__VA_ARGS__}}

#define TWICE "What was said before, is said again; what was said before, is said again. "

static const judge_case context_rows[] = {
    {CONTEXT("13", "the context of the judge is kept",
             "A compressed text message, and the same again, which refers to the first one.",
             NEED(JUDGE_NEED_KEEPS), FRAME(FIN | RSV1 | TEXT, S(HELLO)),
             FRAME(FIN | RSV1 | TEXT, S(AGAIN)), CLOSE_AFTER(2)),
     ASKED({.own_keeps = true}), GOOD(2, GOT_TEXT(S("Hello")), GOT_TEXT(S("Hello")))},
    {CONTEXT("14", "... over a plain message",
             "The same with a plain message between, which is no part of the context.",
             NEED(JUDGE_NEED_KEEPS), FRAME(FIN | RSV1 | TEXT, S(HELLO)),
             FRAME(FIN | TEXT, S("plain")), FRAME(FIN | RSV1 | TEXT, S(AGAIN)), CLOSE_AFTER(2)),
     ASKED({.own_keeps = true}),
     GOOD(3, GOT_TEXT(S("Hello")), GOT_TEXT(S("plain")), GOT_TEXT(S("Hello")))},
    {CONTEXT("15", "the context of the judge is given up",
             "A compressed text message, and the same again, which refers to the first one, though "
             "it was agreed that it does not.",
             NEED(JUDGE_NEED_FORGETS), FRAME(FIN | RSV1 | TEXT, S(HELLO)),
             FRAME(FIN | RSV1 | TEXT, S(AGAIN)), KILL_AFTER(2)),
     ASKED({.own_forgets = true}), UNNOTICED,
     .ending = {{JUDGE_OK, 1, {GOT_TEXT(S("Hello"))}},
                {JUDGE_NON_STRICT, 2, {GOT_TEXT(S("Hello")), GOT_TEXT(S("Hello"))}, .lives = true},
                {JUDGE_NON_STRICT, 0}},
     .close = {.codes = {1007, 1002}, .n_codes = 2}},
    {CONTEXT("16", "the context of the peer is given up",
             "Three times the same plain text message; what comes back must not refer to what "
             "came before.",
             NEED(0), FRAME(FIN | TEXT, REP(TWICE, 4096)), FRAME(FIN | TEXT, REP(TWICE, 4096)),
             FRAME(FIN | TEXT, REP(TWICE, 4096)), CLOSE_AFTER(2)),
     ASKED({.no_context_takeover = true}), .packs = true,
     GOOD(3, GOT_TEXT(REP(TWICE, 4096)), GOT_TEXT(REP(TWICE, 4096)), GOT_TEXT(REP(TWICE, 4096)))},
    {CONTEXT("17", "context and window of the peer",
             "Three times the same plain text message; what comes back must neither refer to what "
             "came before nor beyond a window of 256 octets.",
             NEED(0), FRAME(FIN | TEXT, REP(TWICE, 4096)), FRAME(FIN | TEXT, REP(TWICE, 4096)),
             FRAME(FIN | TEXT, REP(TWICE, 4096)), CLOSE_AFTER(2)),
     ASKED({.no_context_takeover = true, .window_bits = 8}), .packs = true,
     GOOD(3, GOT_TEXT(REP(TWICE, 4096)), GOT_TEXT(REP(TWICE, 4096)), GOT_TEXT(REP(TWICE, 4096)))},
};

/* ---------------------------------------------------------------------------------- bombs -- */

#define EXPECT_BOMB                                                                                \
    "The peer stops inflating at its limit and closes with 1009, or drops TCP; other codes are "   \
    "non-strict, and so is taking it all. It lives, answers others, and its memory stays bounded."
#define EXPECT_TAKEN                                                                               \
    "It comes back, as it is within the limit of the peer (--limit), or the peer closes with "     \
    "1009, or drops TCP; other codes are non-strict. It lives, answers others, and its memory "    \
    "stays bounded."
#define EXPECT_BIG_BOMB                                                                            \
    "The peer stops inflating at its limit and closes with 1009, or drops TCP; other codes are "   \
    "non-strict, and so is sending it back piece by piece. It lives, answers others, and its "     \
    "memory stays bounded: who keeps it must have a limit that nobody has asked for."
#define EXPECT_GARBAGE                                                                             \
    "The peer stops inflating at its limit and closes with 1009, or drops TCP; other codes are "   \
    "non-strict. It lives, answers others, and its memory stays bounded."

/* What the peer may grow by: a message of its limit, in a buffer that doubles. */
static uint32_t bomb_kib(const judge_builder *b)
{
    const uint64_t limit = judge_limit(b);

    return limit > 0 && limit < (uint64_t)1 << 32 ? (uint32_t)(limit / 1024 * 3 + 16384) : 262144;
}

#define SMALL_BOMB ((uint64_t)1032 * 65027 + 1)

/* `steps` send octets that inflate to `size`, and to no fault if they are good. */
static void add_bomb(judge_builder *b, unsigned number, const char *title, const char *what,
                     uint64_t size, const judge_step *steps, bool good)
{
    const bool within = size <= judge_limit(b);
    judge_case row = {
        .id = judge_text(b, "21.7.%u", number),
        .title = title,
        .description = judge_text(b, "A compressed binary message, %s.", what),
        .expectation = !good               ? EXPECT_GARBAGE
                       : within            ? EXPECT_TAKEN
                       : size > SMALL_BOMB ? EXPECT_BIG_BOMB
                                           : EXPECT_BOMB,
        .reference =
            "RFC 6455 10.4; CVE-2016-10544, CVE-2018-1000518, CVE-2026-1526, CVE-2026-15709",
        .steps = steps,
        OK_NOTHING,
        .close = {.codes = {1009},
                  .n_codes = 1,
                  .lax = {1008, 1007, 1002, 1011},
                  .wrong_endpoint_fatal = true},
        .survival = {.after = true, .during = 0.05, .kib = bomb_kib(b), .idle = true},
        .weight = 3,
        .echo = {.n_offers = 1},
    };

    /* RFC 6455 10.4 asks for a limit of those that put messages together. */
    if (good) {
        row.close.wrong_endpoint_fatal = false;
        row.ending[1] = (judge_ending){.behavior = within ? JUDGE_OK : JUDGE_NON_STRICT,
                                       .n = 1,
                                       .event = {{JUDGE_EVENT_MESSAGE, true, {"\0", 1, size}}},
                                       .lives = true};
    }
    judge_add(b, &row);
}

static void add_bombs(judge_builder *b)
{
    /* Each octet 0 behind the header is 1,032 octets: 64 MiB, 1 GiB. */
    const uint64_t small = SMALL_BOMB / 1032, large = 1040448;
    deflate_writer w;

    deflate_begin_empty(&w);
    deflate_densest(&w);
    deflate_align(&w);
    const judge_blob head = judge_octet_blob(b, w.at, deflate_octets(&w));
    const judge_step whole[] = {NEED(0),
                                HEADER(FIN | RSV1 | BINARY, head.total + small),
                                {.op = JUDGE_STEP_OCTETS, .blob = head},
                                SPILL(REP("\0", small - 1)),
                                OCTETS(S("\x06")),
                                PROOF,
                                KILL_AFTER(10),
                                END};
    const judge_step frames[] = {NEED(0),
                                 {.op = JUDGE_STEP_FRAME, .first = RSV1 | BINARY, .blob = head},
                                 FLOOD(CONT, (small - 1) / 1022, REP("\0", 1022)),
                                 FRAME(CONT, REP("\0", (small - 1) % 1022)),
                                 FRAME(FIN | CONT, S("\x06")),
                                 PROOF,
                                 KILL_AFTER(10),
                                 END};
    const judge_step big[] = {NEED(0),
                              HEADER(FIN | RSV1 | BINARY, head.total + large),
                              {.op = JUDGE_STEP_OCTETS, .blob = head},
                              SPILL(REP("\0", large - 1)),
                              OCTETS(S("\x06")),
                              PROOF,
                              KILL_AFTER(20),
                              END};
    const judge_step garbage[] = {NEED(0),
                                  HEADER(FIN | RSV1 | BINARY, head.total + small),
                                  {.op = JUDGE_STEP_OCTETS, .blob = head},
                                  SPILL(REP("\0", small - 5)),
                                  OCTETS(S("\xff\xff\xff\xff\xff")),
                                  PROOF,
                                  KILL_AFTER(10),
                                  END};

    add_bomb(b, 1, "64 MiB in 64 KiB", "64 KiB on the wire that inflate to 64 MiB of zeros",
             SMALL_BOMB, whole, true);
    add_bomb(b, 2, "64 MiB in 64 KiB, in frames",
             "64 KiB on the wire in frames of 1,022 octets that inflate to 64 MiB of zeros",
             SMALL_BOMB, frames, true);
    add_bomb(b, 3, "1 GiB in 1 MiB", "1 MiB on the wire that inflates to 1 GiB of zeros",
             1032 * large + 1, big, true);
    add_bomb(b, 4, "64 MiB, then garbage",
             "64 KiB on the wire that inflate to 64 MiB of zeros and end in garbage", SMALL_BOMB,
             garbage, false);
}

static const judge_case empty_rows[] = {
    {ROW("7.5", "a million empty blocks",
         "A compressed text message of a million empty blocks, 5 MB on the wire, which inflate to "
         "nothing.",
         "RFC 6455 10.4", HEADER(FIN | RSV1 | TEXT, 5000001),
         SPILL(REP("\x00\x00\x00\xff\xff", 5000000)), OCTETS(S("\x00")), KILL_AFTER(10)),
     .expectation = "The empty message comes back, or the peer refuses so much for nothing (1008, "
                    "1009, 1002, 1007, or TCP dropped). It lives and answers others.",
     .ending = {{JUDGE_OK, 1, {GOT_TEXT(NOTHING)}, .lives = true}, {JUDGE_OK, 0}},
     .close = {.codes = {1008, 1009, 1002, 1007}, .n_codes = 4},
     .survival = {.after = true, .during = 0.05, .kib = 65536, .idle = true}, .weight = 3},
};

void judge_cases_21_data(judge_builder *b)
{
    judge_add_rows(b, good_rows, WSK__COUNT(good_rows));
    add_good_streams(b);
    judge_add_rows(b, bad_rows, WSK__COUNT(bad_rows));
    add_bad_streams(b);
    peer_windows(b);
    own_windows(b);
    judge_add_rows(b, context_rows, WSK__COUNT(context_rows));
    add_bombs(b);
    judge_add_rows(b, empty_rows, WSK__COUNT(empty_rows));
}
