/* SPDX-License-Identifier: MIT */
/* What "websock test" tells people: a line that shows how far it is, then counts by category and
 * everything that failed, each with its reason and the frame that showed it. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "conformance/report_parts.h"
#include "test.h"

static uint64_t now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

/* Names and reasons come from peers; a terminal must not obey them. */
static void put_safe(FILE *out, const char *s)
{
    size_t n = strlen(s);
    for (size_t i = 0; i < n;) {
        uint32_t code;
        size_t len = judge_utf8_next(s + i, n - i, &code);
        if (len == 0)
            fprintf(out, "\\x%02x", (unsigned char)s[i]);
        else if (code < 0x20 || (code >= 0x7f && code < 0xa0) ||
                 (code >= 0x2028 && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069))
            fputc('?', out);
        else
            fwrite(s + i, 1, len, out);
        i += len ? len : 1;
    }
}

static const char *colour(const test_view *v, const char *code)
{
    return v->colours ? code : "";
}

void test_view_begin(test_view *v)
{
    v->begun_us = now_us();
}

void test_view_clear(test_view *v)
{
    if (v->progress && v->shown_us) {
        fputs("\r\033[K", v->progress);
        fflush(v->progress);
    }
}

void test_view_done(test_view *v, const judge_result *r)
{
    v->done++;
    if (!v->progress)
        return;
    uint64_t now = now_us();
    if (now - v->shown_us < 50000)
        return;
    v->shown_us = now;
    fprintf(v->progress, "\r\033[K%zu", v->done);
    if (v->total)
        fprintf(v->progress, " of %zu", v->total);
    fprintf(v->progress, "  %s  %llu s", r->id,
            (unsigned long long)((now - v->begun_us) / 1000000));
    if (v->failed)
        fprintf(v->progress, "  %zu failed", v->failed);
    fflush(v->progress);
}

static void put_categories(const test_view *v, const judge_agent *a)
{
    for (int category = 1; category < 100; category++) {
        char name[16];
        judge_counts c = {0};
        snprintf(name, sizeof name, "%d", category);
        for (size_t i = 0; i < a->n; i++)
            if (strtol(a->at[i].id, NULL, 10) == category)
                judge_counts_add(&c, &a->at[i]);
        if (c.total == 0)
            continue;
        const char *title = judge_category_title(name);
        fprintf(v->out, "  %-3s %-38s %3zu of %-3zu", name, title ? title : "",
                c.ok + c.informational + c.non_strict, c.total);
        if (c.failed)
            fprintf(v->out, "  %s%zu failed%s", colour(v, "\033[31m"), c.failed,
                    colour(v, "\033[0m"));
        if (c.non_strict)
            fprintf(v->out, "  %zu non-strict", c.non_strict);
        if (c.unimplemented)
            fprintf(v->out, "  %zu unimplemented", c.unimplemented);
        if (c.not_clean)
            fprintf(v->out, "  %zu not clean", c.not_clean);
        fputc('\n', v->out);
    }
}

static void put_failures(const test_view *v, const judge_agent *a)
{
    for (size_t i = 0; i < a->n; i++) {
        const judge_entry *e = &a->at[i];
        if (!judge_entry_failed(e, v->strict))
            continue;
        bool close_only = e->behavior == JUDGE_OK || e->behavior == JUDGE_INFORMATIONAL;
        const char *what = judge_behavior_name(close_only ? e->behavior_close : e->behavior);
        fprintf(v->out, "  %s%-8s%s %s%s%s", colour(v, "\033[1m"), e->id, colour(v, "\033[0m"),
                close_only ? "close " : "", what, e->why ? ": " : "");
        if (e->why)
            put_safe(v->out, e->why);
        fputc('\n', v->out);
        if (e->frame) {
            fputs("           ", v->out);
            put_safe(v->out, e->frame);
            fputc('\n', v->out);
        }
    }
}

static void put_agent(const test_view *v, const judge_agent *a)
{
    judge_counts c = {0};
    size_t failed = 0;
    bool scaled = false;
    for (size_t i = 0; i < a->n; i++) {
        judge_counts_add(&c, &a->at[i]);
        failed += judge_entry_failed(&a->at[i], v->strict);
        scaled = scaled || a->at[i].scaled;
    }
    /* Behind a word: the peer has chosen its name, and where a line begins with "::" some CI takes
     * it for a command. */
    fprintf(v->out, "Agent %s", colour(v, "\033[1m"));
    put_safe(v->out, a->name);
    fprintf(v->out, "%s\n", colour(v, "\033[0m"));
    put_categories(v, a);
    fprintf(v->out, "  %zu case%s: %zu passed", c.total, c.total == 1 ? "" : "s", c.ok);
    if (c.non_strict)
        fprintf(v->out, ", %zu non-strict", c.non_strict);
    if (c.informational)
        fprintf(v->out, ", %zu informational", c.informational);
    if (c.unimplemented)
        fprintf(v->out, ", %zu unimplemented", c.unimplemented);
    if (c.failed)
        fprintf(v->out, ", %s%zu failed%s", colour(v, "\033[31m"), c.failed, colour(v, "\033[0m"));
    if (c.not_clean)
        fprintf(v->out, " (%zu of them not clean)", c.not_clean);
    fprintf(v->out, "%s\n", scaled ? "; with fewer messages than the suite asks for" : "");
    if (failed) {
        fprintf(v->out, "\n%s:\n", v->strict ? "Failed, or not strict or not clean" : "Failed");
        put_failures(v, a);
    }
    fputc('\n', v->out);
}

void test_view_summary(test_view *v, const judge_store *s, const char *outdir)
{
    test_view_clear(v);
    if (!v->quiet) {
        for (size_t i = 0; i < s->n; i++)
            put_agent(v, &s->at[i]);
        fprintf(v->out, "%.1f s", (double)(now_us() - v->begun_us) / 1e6);
        if (outdir)
            fprintf(v->out, "; the report is %s%sindex.html", outdir,
                    outdir[0] && outdir[strlen(outdir) - 1] == '/' ? "" : "/");
        fputc('\n', v->out);
    }
    fflush(v->out);
}
