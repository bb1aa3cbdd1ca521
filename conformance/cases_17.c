/* SPDX-License-Identifier: MIT */
/*
 * Category 17, the grammar of frames: lengths that lie, headers that end too soon, and every first
 * octet in every state against one table of rules (RFC 6455 5.2 to 5.5, RFC 7692 6 and 6.1).
 */
#include "conformance/case_rows.h"

/* A peer may wait for octets that were announced, but that they never come should not surprise
 * it: no sentence asks for more, so holding on is non-strict. */
#define TOO_BIG .close = {.codes = {1009, 1002, 1008}, .n_codes = 3, .kept = JUDGE_NON_STRICT}

#define EXPECT_TOO_BIG                                                                             \
    "The peer refuses the frame by its header (close with 1009, 1008 or 1002, or TCP dropped), "   \
    "and takes no such memory. Waiting for the payload is non-strict."

#define END                                                                                        \
    {                                                                                              \
        .op = JUDGE_STEP_END                                                                       \
    }

/* ---------------------------------------------------------------- lengths in a long form -- */

typedef struct kind {
    const char *name;
    uint8_t first;
} kind;

static const kind kinds[] = {
    {"text", FIN | TEXT}, {"binary", FIN | BINARY}, {"continuation", FIN | CONT},
    {"ping", FIN | PING}, {"pong", FIN | PONG},     {"close", FIN | CLOSE},
};

#define N_DATA 3 /* the first of them are data frames */

static void long_form(judge_builder *b, unsigned number, const kind *k, unsigned form, uint64_t len)
{
    const unsigned opcode = k->first & 15;
    judge_step steps[6];
    size_t n = 0;
    judge_case row = {
        .id = judge_text(b, "17.1.%u", number),
        .title = judge_text(b, "%s, %llu octet%s in %u bits", k->name, (unsigned long long)len,
                            len == 1 ? "" : "s", form),
        .description = judge_text(b,
                                  "A %s frame with %llu octet%s of payload, whose length is given "
                                  "in %u bits where fewer would do.",
                                  k->name, (unsigned long long)len, len == 1 ? "" : "s", form),
        .expectation = "The peer fails the connection (close with 1002, or TCP dropped). Whoever "
                       "sends MUST take the shortest form, but no sentence asks the receiver to "
                       "fail, so taking the frame is non-strict.",
        .reference = opcode < 8 ? "RFC 6455 5.2" : "RFC 6455 5.2, 5.5",
        .steps = steps,
        .ending = {{JUDGE_OK, 0}, {JUDGE_NON_STRICT, 1, {{0}}, .lives = true}},
        PEER_FAILS(1002),
    };
    judge_event_row *came = &row.ending[1].event[0];

    if (opcode == CONT)
        steps[n++] = (judge_step)FRAME(TEXT, NOTHING);
    steps[n++] = (judge_step){.op = JUDGE_STEP_FRAME,
                              .first = k->first,
                              .form = (uint8_t)form,
                              .blob = opcode == CLOSE ? (judge_blob)REP("\x03\xe8", len)
                                                      : (judge_blob)REP("*", len)};
    if (opcode == PONG)
        steps[n++] = (judge_step)FRAME(FIN | PING, S("still there?"));
    steps[n++] = (judge_step)KILL_AFTER(1);
    steps[n] = (judge_step)END;
    if (opcode == CLOSE) {
        row.ending[1] = (judge_ending){0};
        row.close.lax[0] = 1000;
        row.close.coded = true;
    } else if (opcode == PONG) {
        *came = (judge_event_row)GOT_PONG(S("still there?"));
    } else {
        came->kind = opcode == PING ? JUDGE_EVENT_PONG : JUDGE_EVENT_MESSAGE;
        came->binary = opcode == BINARY;
        came->blob = (judge_blob)REP("*", len);
    }
    judge_add(b, &row);
}

static void long_forms(judge_builder *b)
{
    static const struct {
        unsigned form;
        uint64_t len;
    } lengths[] = {{16, 0}, {16, 1},   {16, 125}, {64, 0},
                   {64, 1}, {64, 125}, {64, 126}, {64, 65535}};
    unsigned number = 0;

    for (size_t k = 0; k < WSK__COUNT(kinds); k++) {
        for (size_t i = 0; i < WSK__COUNT(lengths); i++) {
            uint64_t len = lengths[i].len;

            /* A close frame of one octet is wrong by itself, and a reason is text. */
            if (kinds[k].first == (FIN | CLOSE) && len == 1)
                len = 2;
            if (len <= (kinds[k].first == (FIN | CLOSE) ? 2 : k >= N_DATA ? 125 : 65535))
                long_form(b, ++number, &kinds[k], lengths[i].form, len);
        }
    }
}

/* ----------------------------------------------------- headers whose payload never comes -- */

typedef struct place {
    const char *name;
    uint8_t first;
    bool inside; /* a text message is open */
} place;

static const place places[] = {
    {"text", FIN | TEXT, false},
    {"binary", FIN | BINARY, false},
    {"first fragment", TEXT, false},
    {"continuation", CONT, true},
    {"last continuation", FIN | CONT, true},
};

/* A header in a form that fits the length, 1 KiB of what it announces, and silence. */
static void announce(judge_builder *b, judge_case *row, uint8_t first, bool inside, uint64_t len,
                     bool some)
{
    const judge_step all[] = {
        FRAME(TEXT, S("fragment")),
        HEADER(first, len),
        OCTETS(REP("*", 1024)),
        PROOF,
        KILL_AFTER(1),
        END,
    };
    judge_step steps[WSK__COUNT(all)];
    size_t n = 0;

    for (size_t i = inside ? 0 : 1; i < WSK__COUNT(all); i++) {
        if (all[i].op != JUDGE_STEP_OCTETS || some)
            steps[n++] = all[i];
    }
    row->steps = steps;
    /* Whoever believed the header has asked for gigabytes, or looks for their end for ever. */
    row->survival = (judge_survival){.after = true, .during = 0.05, .kib = 65536, .idle = true};
    row->ending[0] = (judge_ending){JUDGE_OK, 0, {{0}}, false};
    judge_add(b, row);
}

static const char *power(judge_builder *b, uint64_t len)
{
    for (unsigned i = 20; i < 64; i++) {
        if (len == (uint64_t)1 << i)
            return judge_text(b, "2^%u", i);
        if (len + 1 == (uint64_t)1 << i)
            return judge_text(b, "2^%u-1", i);
    }
    return len == UINT64_MAX ? "2^64-1"
                             : judge_text(b, "2^63+%llu", (unsigned long long)(len << 1 >> 1));
}

static void top_bits(judge_builder *b)
{
    static const uint64_t lengths[] = {(uint64_t)1 << 63, ((uint64_t)1 << 63) + 1024, UINT64_MAX};
    unsigned number = 0;

    for (size_t k = 0; k < WSK__COUNT(places); k++) {
        for (size_t i = 0; i < WSK__COUNT(lengths); i++) {
            judge_case row = {
                .id = judge_text(b, "17.2.%u", ++number),
                .title = judge_text(b, "%s, %s octets announced", places[k].name,
                                    power(b, lengths[i])),
                .description = judge_text(
                    b,
                    "The header of a %s frame whose 64-bit length has its top bit set (%s octets), "
                    "and 1 KiB behind it.",
                    places[k].name, power(b, lengths[i])),
                .expectation = "The peer fails the connection at once: close with 1002 or 1009, or "
                               "TCP dropped. No frame of the grammar has such a length.",
                .reference = "RFC 6455 5.2; CVE-2020-13935",
                .close = {.codes = {1002, 1009}, .n_codes = 2, .soon = 1},
            };

            announce(b, &row, places[k].first, places[k].inside, lengths[i], true);
        }
    }
}

static void huge(judge_builder *b)
{
    static const uint64_t lengths[] = {INT32_MAX,         (uint64_t)1 << 31, UINT32_MAX,
                                       (uint64_t)1 << 32, (uint64_t)1 << 62, INT64_MAX};
    unsigned number = 0;

    for (size_t k = 0; k < WSK__COUNT(places); k++) {
        for (size_t i = 0; i < WSK__COUNT(lengths); i++) {
            judge_case row = {
                .id = judge_text(b, "17.3.%u", ++number),
                .title = judge_text(b, "%s, %s octets announced", places[k].name,
                                    power(b, lengths[i])),
                .description = judge_text(b,
                                          "The header of a %s frame that announces %s octets, 1 "
                                          "KiB of them, and no more.",
                                          places[k].name, power(b, lengths[i])),
                .expectation = EXPECT_TOO_BIG,
                .reference = "RFC 6455 10.4; CVE-2020-27813, CVE-2026-1528, CVE-2026-50161",
                TOO_BIG,
            };

            announce(b, &row, places[k].first, places[k].inside, lengths[i], true);
        }
    }
}

/* The sum of a message's frames does not fit where one of them does. */
static void sums(judge_builder *b)
{
    static const struct {
        uint64_t first, then;
    } rows[] = {{1, INT64_MAX}, {65536, INT64_MAX}, {1, UINT32_MAX},     {65536, UINT32_MAX},
                {1, INT32_MAX}, {65536, INT32_MAX}, {1, UINT64_MAX >> 2}};

    for (size_t i = 0; i < WSK__COUNT(rows); i++) {
        const judge_step steps[] = {FRAME(BINARY, REP("*", rows[i].first)),
                                    FRAME(CONT, REP("*", rows[i].first)),
                                    HEADER(CONT, rows[i].then),
                                    PROOF,
                                    KILL_AFTER(1),
                                    END};

        judge_add(b, &(judge_case){
                         .id = judge_text(b, "17.4.%zu", i + 1),
                         .title = judge_text(b, "%llu octets and %s more",
                                             (unsigned long long)rows[i].first * 2,
                                             power(b, rows[i].then)),
                         .description = judge_text(
                             b,
                             "Two frames of a binary message, %llu octets each, "
                             "and the header of a third that announces %s octets: "
                             "the sum overflows.",
                             (unsigned long long)rows[i].first, power(b, rows[i].then)),
                         .expectation = EXPECT_TOO_BIG,
                         .reference = "RFC 6455 5.4, 10.4; CVE-2020-27813",
                         .steps = steps,
                         .survival = {.after = true, .during = 0.05, .kib = 65536, .idle = true},
                         OK_NOTHING,
                         TOO_BIG,
                     });
    }
}

/* ----------------------------------------------------------------------- control frames -- */

static void controls(judge_builder *b)
{
    static const struct {
        uint64_t len;
        bool payload; /* comes, too */
    } lengths[] = {{126, true},  {127, true},    {65535, true},  {65536, true},
                   {126, false}, {65535, false}, {65536, false}, {(uint64_t)1 << 62, false}};
    unsigned number = 0;

    for (size_t k = N_DATA; k < WSK__COUNT(kinds); k++) {
        for (size_t i = 0; i < WSK__COUNT(lengths); i++) {
            const uint64_t len = lengths[i].len;
            const bool payload = lengths[i].payload;
            const bool coded = payload && kinds[k].first == (FIN | CLOSE);
            judge_case row = {
                .id = judge_text(b, "17.5.%u", ++number),
                .title = judge_text(b, "%s, %llu octets%s", kinds[k].name, (unsigned long long)len,
                                    payload ? "" : " announced"),
                .description = judge_text(b, "A %s frame of %llu octets%s.", kinds[k].name,
                                          (unsigned long long)len,
                                          payload ? "" : ", of which only the header is sent"),
                .expectation = coded ? EXPECT_FAIL_CODED
                               : payload
                                   ? EXPECT_FAIL
                                   : "The peer fails the connection by the header (close with "
                                     "1002 or 1009, or TCP dropped). Waiting for the payload "
                                     "is non-strict.",
                .reference = "RFC 6455 5.5; CVE-2026-15711",
                .rule = JUDGE_RULE_CLOSE_CODE,
                OK_NOTHING,
                .close = {.codes = {1002, 1009},
                          .n_codes = 2,
                          .kept = payload ? JUDGE_FAILED : JUDGE_NON_STRICT,
                          .coded = coded},
            };
            const judge_step whole[] = {FRAME(kinds[k].first, REP("\x03\xe8", len)), PROOF,
                                        KILL_AFTER(1), END};
            const judge_step header[] = {HEADER(kinds[k].first, len), PROOF, KILL_AFTER(1), END};

            row.steps = payload ? whole : header;
            judge_add(b, &row);
        }
    }
    for (size_t k = N_DATA; k < WSK__COUNT(kinds); k++) {
        for (unsigned inside = 0; inside < 2; inside++) {
            const bool coded = kinds[k].first == (FIN | CLOSE);
            const judge_step steps[] = {FRAME(TEXT, S("fragment1")),
                                        FRAME(kinds[k].first & ~FIN, S("\x03\xe8")),
                                        FRAME(FIN | CONT, NOTHING), KILL_AFTER(1), END};
            judge_case row = {
                .id = judge_text(b, "17.5.%u", ++number),
                .title = judge_text(b, "%s in two frames%s", kinds[k].name,
                                    inside ? " inside a message" : ""),
                .description = judge_text(b, "A %s frame without FIN, and a continuation%s.",
                                          kinds[k].name,
                                          inside ? ", while a text message is open" : ""),
                .expectation = coded ? EXPECT_FAIL_CODED : EXPECT_FAIL,
                .reference = "RFC 6455 5.4, 5.5",
                .steps = inside ? steps : steps + 1,
                .rule = JUDGE_RULE_CLOSE_CODE,
                OK_NOTHING,
                .close = {.codes = {1002}, .n_codes = 1, .coded = coded},
            };

            judge_add(b, &row);
        }
    }
}

/* A frame that no rule allows must not be waited for. It is too big as well: which of the two a
 * peer finds first is its own business. */
static void reserved(judge_builder *b)
{
    static const uint8_t opcodes[] = {3, 4, 5, 6, 7, 11, 12, 13, 14, 15};
    unsigned number = 0;

    for (unsigned inside = 0; inside < 2; inside++) {
        for (size_t i = 0; i < WSK__COUNT(opcodes); i++) {
            judge_case row = {
                .id = judge_text(b, "17.6.%u", ++number),
                .title = judge_text(b, "opcode %u, 2^62 octets announced%s", opcodes[i],
                                    inside ? " inside a message" : ""),
                .description = judge_text(b,
                                          "The header of a frame with the reserved opcode %u that "
                                          "announces 2^62 octets%s. None of them is sent.",
                                          opcodes[i],
                                          inside ? ", while a text message is open" : ""),
                .expectation = "The peer fails the connection at once: close with 1002, or with "
                               "1009 if it looks at the length first, or TCP dropped.",
                .reference = "RFC 6455 5.2; CVE-2026-19204",
                .close = {.codes = {1002, 1009}, .n_codes = 2, .soon = 1},
            };

            announce(b, &row, FIN | opcodes[i], inside, (uint64_t)1 << 62, false);
        }
    }
}

/* ------------------------------------------------------------------ ends in mid-frame -- */

#define EXPECT_END                                                                                 \
    "The peer ends the connection too, with a close frame or without; what was cut off is no "     \
    "frame. Keeping its half open is non-strict."

#define CUT_CLOSE .close = {.kept = JUDGE_NON_STRICT}

static void cuts(judge_builder *b)
{
    unsigned number = 0;

    /* The masking key makes it 14 octets; a server's longest header has 10. */
    for (unsigned cut = 1; cut <= 13; cut++) {
        const judge_step steps[] = {{.op = JUDGE_STEP_HEADER,
                                     .first = FIN | BINARY,
                                     .form = 64,
                                     .cut = (uint8_t)cut,
                                     .blob = {"", 0, 70000}},
                                    HALF_CLOSE,
                                    PROOF,
                                    KILL_AFTER(2),
                                    END};

        judge_add(
            b,
            &(judge_case){
                .id = judge_text(b, "17.7.%u", ++number),
                .title = judge_text(b, "header ends after %u octet%s", cut, cut == 1 ? "" : "s"),
                .description = judge_text(b,
                                          "The first %u octet%s of a header of %s, then "
                                          "the judge's half of TCP is closed.",
                                          cut, cut == 1 ? "" : "s", cut < 10 ? "10 or 14" : "14"),
                .expectation = EXPECT_END,
                .reference = "RFC 6455 5.2, 7.1.4, 7.2.1",
                .steps = steps,
                .audience = cut < 10 ? JUDGE_FOR_BOTH : JUDGE_FOR_SERVERS,
                .survival = {.after = true, .idle = true},
                OK_NOTHING,
                CUT_CLOSE,
            });
    }
}

#define ROW(number, name, text, expect, ref, ...)                                                  \
    .id = "17." number, .title = name, .description = text, .expectation = expect,                 \
    .reference = "RFC 6455 " ref, .steps = STEPS(__VA_ARGS__)

static const judge_case cut_rows[] = {
    {ROW("7.14", "payload does not begin",
         "The whole header of a text frame of 70,000 octets, then the judge's half of TCP is "
         "closed.",
         EXPECT_END, "5.2, 7.1.4, 7.2.1", HEADER(FIN | TEXT, 70000), HALF_CLOSE, PROOF,
         KILL_AFTER(2)),
     OK_NOTHING, CUT_CLOSE, .survival = {.after = true, .idle = true}},
    {ROW("7.15", "payload ends in the middle",
         "Half of a text frame of 70,000 octets, then the judge's half of TCP is closed.",
         EXPECT_END, "5.2, 7.1.4, 7.2.1", HEADER(FIN | TEXT, 70000), OCTETS(REP("*", 35000)),
         HALF_CLOSE, PROOF, KILL_AFTER(2)),
     OK_NOTHING, CUT_CLOSE, .survival = {.after = true, .idle = true}},
    {ROW("7.16", "last octet is missing",
         "All but one octet of a text frame of 70,000 octets, then the judge's half of TCP is "
         "closed.",
         EXPECT_END, "5.2, 7.1.4, 7.2.1", HEADER(FIN | TEXT, 70000), OCTETS(REP("*", 69999)),
         HALF_CLOSE, PROOF, KILL_AFTER(2)),
     OK_NOTHING, CUT_CLOSE, .survival = {.after = true, .idle = true}},
    {ROW("7.17", "ping ends in the middle",
         "Half of the payload of a ping, then the judge's half of TCP is closed.", EXPECT_END,
         "5.5, 7.1.4, 7.2.1", HEADER(FIN | PING, 10), OCTETS(S("01234")), HALF_CLOSE, PROOF,
         KILL_AFTER(2)),
     OK_NOTHING, CUT_CLOSE, .survival = {.after = true, .idle = true}},
    {ROW("7.18", "close ends after one octet of its code",
         "A close frame of two octets without the second one, then the judge's half of TCP is "
         "closed.",
         EXPECT_END, "5.5.1, 7.1.4, 7.2.1", HEADER(FIN | CLOSE, 2), OCTETS(S("\x03")), HALF_CLOSE,
         PROOF, KILL_AFTER(2)),
     OK_NOTHING, CUT_CLOSE, .survival = {.after = true, .idle = true}},
};

void judge_cases_17(judge_builder *b)
{
    long_forms(b);
    top_bits(b);
    huge(b);
    sums(b);
    controls(b);
    reserved(b);
    cuts(b);
    judge_add_rows(b, cut_rows, WSK__COUNT(cut_rows));
    judge_cases_17_octets(b);
}
