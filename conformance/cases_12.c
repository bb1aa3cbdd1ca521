/* SPDX-License-Identifier: MIT */
/*
 * Category 12, permessage-deflate (RFC 7692) over five kinds of data, with the default offer; and
 * the rows that it shares with category 13.
 */
#include "conformance/cases_deflate.h"

void judge_add_deflate_rows(judge_builder *b, int category, int group, int corpus,
                            const judge_deflate_row *offers, size_t n_offers, const char *what)
{
    static const struct {
        uint32_t len;
        double seconds;
        uint32_t fragment;
    } rows[] = {
        {16, 60, 0},         {64, 60, 0},          {256, 120, 0},      {1024, 240, 0},
        {4096, 480, 0},      {8192, 480, 0},       {16384, 480, 0},    {32768, 480, 0},
        {65536, 480, 0},     {131072, 480, 0},     {8192, 480, 256},   {16384, 480, 256},
        {32768, 480, 256},   {65536, 480, 256},    {131072, 480, 256}, {131072, 480, 1024},
        {131072, 480, 4096}, {131072, 480, 32768},
    };
    /* The JSON and the HTML corpus are sent as text and cut in characters. */
    const bool text = corpus == 1 || corpus == 4;

    for (size_t i = 0; i < WSK__COUNT(rows); i++) {
        const judge_step steps[] = {
            WIRE_LOG(0, true), CLOSE_AFTER(rows[i].seconds), ECHO, {.op = JUDGE_STEP_END}};
        const char *frames = rows[i].fragment ? judge_text(b, ", in frames of %u compressed octets",
                                                           rows[i].fragment)
                                              : "";
        judge_case row = {
            .id = judge_text(b, "%d.%d.%zu", category, group, i + 1),
            .title = judge_text(b, "%u %s%s", rows[i].len, text ? "characters" : "octets", frames),
            .description = judge_text(b, "1000 compressed messages of %u %s each%s; %s.",
                                      rows[i].len, text ? "characters" : "octets", frames, what),
            .expectation = judge_text(b,
                                      "Every message comes back as it was, all within %g "
                                      "seconds. The close is clean. A peer without the "
                                      "extension is reported as unimplemented.",
                                      rows[i].seconds),
            .reference = "RFC 7692 7.2",
            .steps = steps,
            .rule = JUDGE_RULE_DEFLATE,
            ENDS_CLEAN,
            .report_time = true,
            .report_ratio = true,
            .echo = {.binary = !text,
                     .corpus = (uint8_t)corpus,
                     .len = rows[i].len,
                     .count = 1000,
                     .seconds = rows[i].seconds,
                     .fragment = rows[i].fragment,
                     .n_offers = (uint8_t)n_offers},
            .weight = 2,
        };

        for (size_t k = 0; k < n_offers; k++)
            row.echo.offers[k] = offers[k];
        judge_add(b, &row);
    }
}

void judge_cases_12(judge_builder *b)
{
    static const char *const what[] = {"JSON", "a bitmap", "prose", "HTML",
                                       "a document like a PDF"};
    static const judge_deflate_row offer = {false, 0};

    for (int i = 0; i < 5; i++)
        judge_add_deflate_rows(b, 12, i + 1, i + 1, &offer, 1, what[i]);
}
