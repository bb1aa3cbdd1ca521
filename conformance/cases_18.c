/* SPDX-License-Identifier: MIT */
/*
 * Category 18, limits of size and number. The rows around a limit need to know it (--limit);
 * without it they take 1 MiB and are for information. The others stay below it. RFC 6455 10.4 asks
 * for limits, but leaves their values to each endpoint.
 */
#include "conformance/case_rows.h"

#define UNKNOWN_LIMIT 1048576

#define END                                                                                        \
    {                                                                                              \
        .op = JUDGE_STEP_END                                                                       \
    }

#define ADD(...) steps[n++] = (judge_step)__VA_ARGS__

typedef struct around {
    int delta;
    const char *name;
} around;

static const around arounds[] = {{-1, "one octet less than the limit"},
                                 {0, "exactly the limit"},
                                 {1, "one octet more than the limit"}};

/* What the rows around the limit share: below it an echo, above it 1009. */
static void size_row(judge_builder *b, judge_case *row, const around *a, bool binary, uint8_t fill)
{
    const uint64_t known = judge_limit(b), limit = known > 0 ? known : UNKNOWN_LIMIT;
    const uint64_t size = limit + (uint64_t)(int64_t)a->delta;
    static const char octets[] = "*a";

    row->reference = fill == 'a' ? "RFC 6455 7.4.1, 10.4; CVE-2018-1000518, CVE-2026-1526"
                                 : "RFC 6455 7.4.1, 10.4; CVE-2016-10542, CVE-2025-32049";
    row->weight = limit > 65536;
    if (a->delta <= 0 || known == 0) {
        row->ending[0].behavior = JUDGE_OK;
        row->ending[0].n = 1;
        row->ending[0].event[0] = (judge_event_row){
            JUDGE_EVENT_MESSAGE, binary, {octets + (fill == 'a'), 1, size}};
        row->close.codes[0] = 1000;
        row->close.closed_by_me = row->close.require_clean = true;
        row->expectation = "The message comes back. The close is clean, with code 1000.";
    } else {
        row->ending[0].behavior = JUDGE_OK;
        row->close.codes[0] = 1009;
        row->close.lax[0] = 1008;
        row->close.lax[1] = 1002;
        row->expectation = "The peer closes with 1009, or drops TCP, and echoes nothing. 1008 and "
                           "1002 are non-strict.";
        row->survival.after = true;
    }
    row->close.n_codes = 1;
    if (known == 0) {
        row->rule = JUDGE_RULE_INFORM;
        row->expectation = "None, as the limit of the peer is not known (--limit): the outcome is "
                           "for information.";
    }
    judge_add(b, row);
}

/* In one frame, or in frames of `fragment` octets; or only the header of the frame. */
static void plain_sizes(judge_builder *b, unsigned group, const char *how, uint64_t parts)
{
    static const struct {
        uint8_t opcode;
        const char *name;
    } kinds[] = {{TEXT, "text"}, {BINARY, "binary"}};
    unsigned number = 0;

    for (size_t k = 0; k < WSK__COUNT(kinds); k++) {
        for (size_t i = 0; i < WSK__COUNT(arounds); i++) {
            const uint64_t limit = judge_limit(b) > 0 ? judge_limit(b) : UNKNOWN_LIMIT;
            const uint64_t size = limit + (uint64_t)(int64_t)arounds[i].delta;
            const uint64_t part = parts > 1 ? size / parts + 1 : 0;
            const judge_step steps[] = {MESSAGE(kinds[k].opcode, part, REP("*", size)), PROOF,
                                        KILL_AFTER(20), END};
            judge_case row = {
                .id = judge_text(b, "18.%u.%u", group, ++number),
                .title = judge_text(b, "%s, %s%s", kinds[k].name, arounds[i].name, how),
                .description = judge_text(b, "A %s message of %llu octets, %s%s.", kinds[k].name,
                                          (unsigned long long)size, arounds[i].name, how),
                .steps = steps,
            };

            size_row(b, &row, &arounds[i], kinds[k].opcode == BINARY, '*');
        }
    }
}

/* The sum is known to be too much when the last header is there. */
static void early_sums(judge_builder *b)
{
    static const struct {
        const char *name;
        unsigned before; /* frames of half the limit, before the header */
    } rows[] = {{"the only frame", 0}, {"the last of two frames", 1}, {"the last of three", 2}};

    for (size_t i = 0; i < WSK__COUNT(rows); i++) {
        const uint64_t known = judge_limit(b), limit = known > 0 ? known : UNKNOWN_LIMIT;
        judge_step steps[8];
        size_t n = 0;
        uint64_t left = limit + 1;
        judge_case row = {
            .id = judge_text(b, "18.4.%zu", i + 1),
            .title = judge_text(b, "too large by the header of %s", rows[i].name),
            .description = judge_text(b,
                                      "A binary message that is one octet over the limit, without "
                                      "the payload of %s: its header tells already.",
                                      rows[i].name),
            .expectation = "The peer closes with 1009, or drops TCP. Waiting for the payload is "
                           "non-strict.",
            .reference = "RFC 6455 7.4.1, 10.4; CVE-2026-0716",
            .steps = steps,
            .rule = known > 0 ? JUDGE_RULE_EVENTS : JUDGE_RULE_INFORM,
            OK_NOTHING,
            .close = {.codes = {1009}, .n_codes = 1, .lax = {1008, 1002}, .kept = JUDGE_NON_STRICT},
            .survival = {.after = true},
            .weight = limit > 65536,
        };

        if (known == 0)
            row.expectation = "None, as the limit of the peer is not known (--limit): the outcome "
                              "is for information.";
        for (unsigned k = 0; k < rows[i].before; k++) {
            ADD(FRAME(k == 0 ? BINARY : CONT, REP("*", limit / 2)));
            left -= limit / 2;
        }
        ADD(HEADER(rows[i].before > 0 ? FIN | CONT : FIN | BINARY, left));
        ADD(PROOF);
        ADD(KILL_AFTER(2));
        ADD(END);
        judge_add(b, &row);
    }
}

/* ------------------------------------------------------------------------ after inflate -- */

typedef struct bit_writer {
    uint8_t at[320];
    unsigned bits;
} bit_writer;

/* RFC 1951 3.1.1: Huffman codes from their highest bit, all else from the lowest. */
static void put_bits(bit_writer *w, unsigned value, unsigned n, bool code)
{
    for (unsigned i = 0; i < n; i++) {
        const unsigned bit = value >> (code ? n - 1 - i : i) & 1;

        w->at[w->bits >> 3] |= (uint8_t)(bit << (w->bits & 7));
        w->bits++;
    }
}

#define MATCH 258

/* The longest match, one octet back. */
static void put_match(bit_writer *w)
{
    put_bits(w, 0xc5, 8, true); /* length code 285 */
    put_bits(w, 0, 5, true);    /* distance code 0 */
}

/*
 * `size` times the letter a, in a block of fixed codes as RFC 1951 3.2.6 has them, without the tail
 * that RFC 7692 7.2.1 takes away: a literal, the longest matches, and literals for the rest. Eight
 * matches are 13 octets that recur, so that no more than that is kept however large the message.
 */
typedef struct packed {
    judge_blob begin, recurring, end;
    uint64_t len;
} packed;

static packed pack(judge_builder *b, uint64_t size)
{
    const uint64_t matches = (size - 1) / MATCH, rounds = matches / 8;
    bit_writer w = {{0}, 0}, tail = {{0}, 0};
    packed ret;

    put_bits(&w, 0, 1, false);
    put_bits(&w, 1, 2, false);
    put_bits(&w, 0x30 + 'a', 8, true);
    for (unsigned i = 0; i < 16; i++)
        put_match(&w);
    /* The first round begins behind 11 bits, the last one leaves three to the octet behind it. */
    ret.begin = judge_octet_blob(b, w.at, rounds > 0 ? 14 : 1);
    ret.recurring = judge_octet_blob(b, w.at + 14, 13);
    ret.recurring.total = rounds > 0 ? (rounds - 1) * 13 : 0;
    put_bits(&tail, w.at[rounds > 0 ? 14 : 1] & 7, 3, false);
    for (uint64_t i = 0; i < matches % 8; i++)
        put_match(&tail);
    for (uint64_t i = 0; i < (size - 1) % MATCH; i++)
        put_bits(&tail, 0x30 + 'a', 8, true);
    put_bits(&tail, 0, 7, true);  /* the end of the block */
    put_bits(&tail, 0, 3, false); /* the header of the empty one whose rest is left out */
    ret.end = judge_octet_blob(b, tail.at, (tail.bits + 7) / 8);
    ret.len = ret.begin.total + ret.recurring.total + ret.end.total;
    return ret;
}

static void inflated_sizes(judge_builder *b)
{
    unsigned number = 0;

    for (unsigned cut = 0; cut < 2; cut++) {
        for (size_t i = 0; i < WSK__COUNT(arounds); i++) {
            const uint64_t limit = judge_limit(b) > 0 ? judge_limit(b) : UNKNOWN_LIMIT;
            const uint64_t size = limit + (uint64_t)(int64_t)arounds[i].delta;
            const packed p = pack(b, size);
            const judge_step whole[] = {
                HEADER(FIN | RSV1 | BINARY, p.len),
                {.op = JUDGE_STEP_OCTETS, .blob = p.begin},
                {.op = JUDGE_STEP_OCTETS, .blob = p.recurring},
                {.op = JUDGE_STEP_OCTETS, .blob = p.end},
                PROOF,
                KILL_AFTER(20),
                END,
            };
            const judge_step frames[] = {
                {.op = JUDGE_STEP_FRAME, .first = RSV1 | BINARY, .blob = p.begin},
                {.op = JUDGE_STEP_FRAME, .first = CONT, .blob = p.recurring},
                {.op = JUDGE_STEP_FRAME, .first = FIN | CONT, .blob = p.end},
                PROOF,
                KILL_AFTER(20),
                END,
            };
            judge_case row = {
                .id = judge_text(b, "18.3.%u", ++number),
                .title = judge_text(b, "inflated, %s%s", arounds[i].name,
                                    cut ? ", in three frames" : ""),
                .description = judge_text(b,
                                          "A compressed binary message of %llu octets on the wire "
                                          "that inflates to %llu, %s%s.",
                                          (unsigned long long)p.len, (unsigned long long)size,
                                          arounds[i].name, cut ? ", in three frames" : ""),
                .steps = cut ? frames : whole,
                .echo = {.n_offers = 1},
            };

            size_row(b, &row, &arounds[i], true, 'a');
        }
    }
}

/* ------------------------------------------------------------------------ without --limit -- */

static void growing(judge_builder *b)
{
    for (unsigned i = 0; i <= 6; i++) {
        const uint64_t size = (uint64_t)1048576 << i;
        const judge_step steps[] = {WIRE_LOG(0, true), MESSAGE(BINARY, 0, REP("*", size)),
                                    KILL_AFTER(30), END};

        judge_add(b, &(judge_case){
                         .id = judge_text(b, "18.5.%u", i + 1),
                         .title = judge_text(b, "%u MiB", 1u << i),
                         .description = judge_text(b, "A binary message of %u MiB in one frame.",
                                                   1u << i),
                         .expectation = "None: where a peer has its limit is its choice, but RFC "
                                        "6455 wants it to have one. The outcome is for "
                                        "information.",
                         .reference = "RFC 6455 10.4; CVE-2018-21035, CVE-2026-44545",
                         .steps = steps,
                         .rule = JUDGE_RULE_INFORM,
                         .weight = 1,
                         OK_WITH(1, GOT_BINARY(REP("*", size))),
                         ENDS_CLEAN,
                     });
    }
}

/* ---------------------------------------------------------------------------- fragments -- */

#define ROW(number, name, text, expect, ref, ...)                                                  \
    .id = "18." number, .title = name, .description = text, .expectation = expect,                 \
    .reference = ref, .steps = STEPS(__VA_ARGS__)

#define EXPECT_MANY                                                                                \
    "The message comes back, or the peer refuses so many frames (close with 1008 or 1009, or TCP " \
    "dropped). It lives. How much it keeps of each frame is the matter of 18.6.3 and 18.6.4."
#define EXPECT_BOUND                                                                               \
    "The peer refuses so many frames in the end (close with 1008 or 1009, or TCP dropped); going " \
    "on taking them is non-strict. It lives, and its memory does not grow with their number."

/* Either is good; see EXPECT_MANY. */
#define MANY(event)                                                                                \
    .ending = {{JUDGE_OK, 1, {event}, .lives = true}, {JUDGE_OK, 0}},                              \
    .close = {.codes = {1008, 1009}, .n_codes = 2}, .weight = 1,                                   \
    .survival = {.after = true, .during = 0.05, .kib = 65536, .idle = true}
#define BOUND                                                                                      \
    OK_NOTHING, .close = {.codes = {1008, 1009}, .n_codes = 2, .kept = JUDGE_NON_STRICT},          \
                .weight = 1,                                                                       \
                .survival = {.after = true, .during = 0.05, .kib = 24576, .idle = true}

static const judge_case fragment_rows[] = {
    {ROW("6.1", "100,000 fragments of an octet",
         "A text message of 100,000 octets in frames of one octet.", EXPECT_MANY,
         "RFC 6455 5.4, 10.4; CVE-2026-48779, CVE-2014-0193", WIRE_LOG(0, true),
         FRAME(TEXT, S("*")), FLOOD(CONT, 99998, S("*")), FRAME(FIN | CONT, S("*")),
         KILL_AFTER(20)),
     MANY(GOT_TEXT(REP("*", 100000)))},
    {ROW("6.2", "100,000 empty fragments",
         "A text message of one octet, followed by 100,000 empty frames.", EXPECT_MANY,
         "RFC 6455 5.4, 10.4; CVE-2026-62389", WIRE_LOG(0, true), FRAME(TEXT, S("*")),
         FLOOD(CONT, 99999, NOTHING), FRAME(FIN | CONT, NOTHING), KILL_AFTER(20)),
     MANY(GOT_TEXT(S("*")))},
    {ROW("6.3", "a million fragments of an octet that never end",
         "A million frames of one octet of a binary message, without FIN.", EXPECT_BOUND,
         "RFC 6455 5.4, 10.4; CVE-2026-48779, CVE-2026-9675", WIRE_LOG(0, true),
         FRAME(BINARY, S("*")), FLOOD(CONT, 999999, S("*")), PROOF, KILL_AFTER(3)),
     BOUND},
    {ROW("6.4", "a million empty fragments that never end",
         "A million empty frames of a binary message, without FIN.", EXPECT_BOUND,
         "RFC 6455 5.4, 10.4; CVE-2026-62389", WIRE_LOG(0, true), FRAME(BINARY, NOTHING),
         FLOOD(CONT, 999999, NOTHING), PROOF, KILL_AFTER(3)),
     BOUND},
    {ROW("6.5", "100,000 empty fragments of a compressed message",
         "A compressed text message in its first frame, followed by 100,000 empty frames.",
         EXPECT_MANY, "RFC 7692 6.1, RFC 6455 10.4; CVE-2026-62389", WIRE_LOG(0, true),
         FRAME(RSV1 | TEXT, S("\x4a\x02\x00")), FLOOD(CONT, 99999, NOTHING),
         FRAME(FIN | CONT, NOTHING), KILL_AFTER(20)),
     MANY(GOT_TEXT(S("b"))), .echo = {.n_offers = 1}},
    {ROW("6.6", "pings among 10,000 fragments",
         "A text message of 10,002 octets in frames of one octet, with a ping before the last.",
         "A pong, then the message, or the peer refuses so many frames (close with 1008 or 1009, "
         "or TCP dropped).",
         "RFC 6455 5.4, 10.4", WIRE_LOG(0, true), FRAME(TEXT, S("*")), FLOOD(CONT, 10000, S("*")),
         FRAME(FIN | PING, S("ping")), FRAME(FIN | CONT, S("*")), KILL_AFTER(10)),
     .ending = {{JUDGE_OK, 2, {GOT_PONG(S("ping")), GOT_TEXT(REP("*", 10002))}, .lives = true},
                {JUDGE_OK, 0},
                {JUDGE_NON_STRICT,
                 2,
                 {GOT_PONG(S("ping")), GOT_TEXT(REP("*", 10002))},
                 .lives = true,
                 .apart = true}},
     .close = {.codes = {1008, 1009}, .n_codes = 2},
     .survival = {.after = true, .during = 0.05, .idle = true}},
};

/* --------------------------------------------------------------------------- tiny reads -- */

#define EXPECT_TIME                                                                                \
    "The message comes back within 20 seconds; the close is clean, with code 1000. Whoever looks " \
    "at all that has come again with each read takes far longer."

static const judge_case tiny_rows[] = {
    {ROW("7.1", "64 KiB octet by octet",
         "A binary message of 65,536 octets in one frame, each octet in a write of its own.",
         EXPECT_TIME, "RFC 6455 5.2; CVE-2026-123817, CVE-2026-54274", WIRE_LOG(0, true),
         FRAME_CHOP(FIN | BINARY, 1, REP("0123456789", 65536)), CLOSE_AFTER(20)),
     OK_WITH(1, GOT_BINARY(REP("0123456789", 65536))), ENDS_CLEAN, .weight = 1},
    {ROW("7.2", "64 KiB of text octet by octet",
         "A text message of 65,536 octets, characters of two octets each, in one frame, each "
         "octet in a write of its own.",
         EXPECT_TIME, "RFC 6455 5.2; CVE-2026-123817", WIRE_LOG(0, true),
         FRAME_CHOP(FIN | TEXT, 1, REP("\xc3\xa9", 65536)), CLOSE_AFTER(20)),
     OK_WITH(1, GOT_TEXT(REP("\xc3\xa9", 65536))), ENDS_CLEAN, .weight = 1},
    {ROW("7.3", "a large message in writes of 500 octets",
         "A binary message of 1 MiB in one frame, in writes of 500 octets.", EXPECT_TIME,
         "RFC 6455 5.2; CVE-2026-54274", WIRE_LOG(0, true),
         FRAME_CHOP(FIN | BINARY, 500, REP("0123456789", 1048576)), CLOSE_AFTER(20)),
     OK_WITH(1, GOT_BINARY(REP("0123456789", 1048576))), ENDS_CLEAN, .weight = 1},
    {ROW("7.4", "small messages octet by octet",
         "Four text messages and four pings, each octet in a write of its own.",
         "Everything comes back in order. To answer only the last ping is non-strict.",
         "RFC 6455 5.2", WIRE_LOG(0, true), FRAME_CHOP(FIN | TEXT, 1, S("1")),
         FRAME_CHOP(FIN | PING, 1, S("2")), FRAME_CHOP(FIN | TEXT, 1, S("3")),
         FRAME_CHOP(FIN | PING, 1, S("4")), FRAME_CHOP(FIN | TEXT, 1, NOTHING),
         FRAME_CHOP(FIN | PING, 1, NOTHING), FRAME_CHOP(FIN | TEXT, 1, S("5")),
         FRAME_CHOP(FIN | PING, 1, S("6")), CLOSE_AFTER(10)),
     ALL_OR_LAST_APART(8, GOT_TEXT(S("1")), GOT_PONG(S("2")), GOT_TEXT(S("3")), GOT_PONG(S("4")),
                       GOT_TEXT(NOTHING), GOT_PONG(NOTHING), GOT_TEXT(S("5")), GOT_PONG(S("6"))),
     ENDS_CLEAN},
};

void judge_cases_18(judge_builder *b)
{
    plain_sizes(b, 1, "", 1);
    plain_sizes(b, 2, ", in 16 frames", 16);
    inflated_sizes(b);
    early_sums(b);
    growing(b);
    judge_add_rows(b, fragment_rows, WSK__COUNT(fragment_rows));
    judge_add_within(b, tiny_rows, WSK__COUNT(tiny_rows));
}
