/* SPDX-License-Identifier: MIT */
/*
 * Category 9, limits and performance: messages of up to 16 MiB whole, in frames and in small
 * writes, and a thousand small round trips. The judge compares what comes back octet by octet.
 */
#include "conformance/case_rows.h"

#define KIB 1024u
#define MIB (1024u * KIB)

#define TEXT_PATTERN   "BAsd7&jh23"
#define BINARY_PATTERN "\x00\xfe\x23\xfa\xf0"

/* 65536 -> "64 KiB" */
static const char *size_text(judge_builder *b, uint64_t n)
{
    if (n >= MIB && n % MIB == 0)
        return judge_text(b, "%u MiB", (unsigned)(n / MIB));
    if (n >= KIB && n % KIB == 0)
        return judge_text(b, "%u KiB", (unsigned)(n / KIB));
    return judge_text(b, "%u octets", (unsigned)n);
}

static void add_one(judge_builder *b, int group, size_t i, judge_step send, double seconds,
                    bool binary, const char *title, const char *how)
{
    const judge_step steps[] = {
        WIRE_LOG(0, false), send, CLOSE_AFTER(seconds), ECHO, {.op = JUDGE_STEP_END}};

    judge_add(
        b, &(judge_case){
               .id = judge_text(b, "9.%d.%zu", group, i + 1),
               .title = title,
               .description = judge_text(b, "One %s message of %s%s.", binary ? "binary" : "text",
                                         size_text(b, send.blob.total), how),
               .expectation = judge_text(b,
                                         "The same message comes back within %g seconds, "
                                         "octet for octet. The close is clean.",
                                         seconds),
               .reference = "RFC 6455 5.2",
               .steps = steps,
               .rule = JUDGE_RULE_ONE_ECHO,
               ENDS_CLEAN,
               .report_time = true,
               .echo = {.binary = binary, .seconds = seconds},
               .weight = 1,
           });
}

/* 9.1, 9.2: one frame of growing size. */
static void sizes(judge_builder *b, bool binary)
{
    static const uint32_t rows[] = {64 * KIB, 256 * KIB, MIB, 4 * MIB, 8 * MIB, 16 * MIB};
    static const double seconds[2][6] = {{10, 10, 100, 100, 100, 100}, {10, 10, 10, 10, 100, 100}};

    for (size_t i = 0; i < WSK__COUNT(rows); i++) {
        judge_step send = FRAME((uint8_t)(FIN | (binary ? BINARY : TEXT)), S(TEXT_PATTERN));

        if (binary)
            send.blob = (judge_blob)S(BINARY_PATTERN);
        send.blob.total = rows[i];
        send.repeat = true;
        add_one(b, binary ? 2 : 1, i, send, seconds[binary][i], binary,
                judge_text(b, "%s, %s", binary ? "binary" : "text", size_text(b, rows[i])),
                " in one frame");
    }
}

/* 9.3, 9.4: 4 MiB in frames of growing size. */
static void fragments(judge_builder *b, bool binary)
{
    static const uint32_t rows[] = {64,       256,       KIB, 4 * KIB, 16 * KIB,
                                    64 * KIB, 256 * KIB, MIB, 4 * MIB};

    for (size_t i = 0; i < WSK__COUNT(rows); i++) {
        /* The first binary row alone has octets that are no text. */
        const judge_blob blob = {binary && i == 0 ? "\xfe" : "*", 1, 4 * MIB};

        add_one(
            b, binary ? 4 : 3, i, (judge_step)MESSAGE(binary ? BINARY : TEXT, rows[i], blob), 100,
            binary,
            judge_text(b, "%s, frames of %s", binary ? "binary" : "text", size_text(b, rows[i])),
            judge_text(b, " in frames of %s", size_text(b, rows[i])));
    }
}

/* 9.5, 9.6: 1 MiB in one frame, in writes of growing size. */
static void chops(judge_builder *b, bool binary)
{
    for (size_t i = 0; i < 6; i++) {
        const uint32_t chop = 64u << i;
        judge_step send = FRAME_CHOP((uint8_t)(FIN | (binary ? BINARY : TEXT)), chop,
                                     S(TEXT_PATTERN));

        if (binary)
            send.blob = (judge_blob)S(BINARY_PATTERN);
        send.blob.total = MIB;
        send.repeat = true;
        add_one(b, binary ? 6 : 5, i, send, 1000, binary,
                judge_text(b, "%s, writes of %s", binary ? "binary" : "text", size_text(b, chop)),
                judge_text(b, " in one frame, written in pieces of %s", size_text(b, chop)));
    }
}

/* 9.7, 9.8: small messages, one at a time. */
static void round_trips(judge_builder *b, bool binary)
{
    static const struct {
        uint32_t len;
        double seconds;
    } rows[] = {{0, 60}, {16, 60}, {64, 60}, {256, 120}, {1024, 240}, {4096, 480}};

    for (size_t i = 0; i < WSK__COUNT(rows); i++) {
        const judge_step steps[] = {
            WIRE_LOG(0, true), CLOSE_AFTER(rows[i].seconds), ECHO, {.op = JUDGE_STEP_END}};

        judge_add(b, &(judge_case){
                         .id = judge_text(b, "9.%d.%zu", binary ? 8 : 7, i + 1),
                         .title = judge_text(b, "%s, round trips of %s", binary ? "binary" : "text",
                                             size_text(b, rows[i].len)),
                         .description = judge_text(
                             b,
                             "1000 %s messages of %s, each sent when the one before it has "
                             "come back. Measures the time of a round trip.",
                             binary ? "binary" : "text", size_text(b, rows[i].len)),
                         .expectation = judge_text(
                             b,
                             "Every message comes back as it was, all within %g seconds. The "
                             "close is clean.",
                             rows[i].seconds),
                         .reference = "RFC 6455 5.6",
                         .steps = steps,
                         .rule = JUDGE_RULE_ROUND_TRIPS,
                         ENDS_CLEAN,
                         .report_time = true,
                         .echo = {.binary = binary,
                                  .fill = binary ? '\xfe' : '*',
                                  .len = rows[i].len,
                                  .count = 1000,
                                  .seconds = rows[i].seconds},
                         .weight = 1,
                     });
    }
}

void judge_cases_09(judge_builder *b)
{
    sizes(b, false);
    sizes(b, true);
    fragments(b, false);
    fragments(b, true);
    chops(b, false);
    chops(b, true);
    round_trips(b, false);
    round_trips(b, true);
}
