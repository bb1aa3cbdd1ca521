/* SPDX-License-Identifier: MIT */
/*
 * What must be true of every report that the judge writes, whatever a peer has sent: no octet of a
 * peer's ends a line, opens an element, or is anything but UTF-8. Shared by the targets that come
 * to results; knows nothing of how they came about.
 */
#ifndef FUZZ_JUDGE_ORACLE_H
#define FUZZ_JUDGE_ORACLE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conformance/report_formats.h"
#include "conformance/report_html.h"
#include "conformance/report_json.h"
#include "wire/utf8.h"

/* Says which of many it was. */
static inline void oracle_broken(const char *what, const char *file, int line)
{
    fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, what);
    abort();
}

#define expect(ok) ((ok) ? (void)0 : oracle_broken(#ok, __FILE__, __LINE__))

static inline size_t oracle_count(const char *text, const char *word)
{
    size_t n = 0;

    for (const char *p = text; (p = strstr(p, word)) != NULL; p += strlen(word))
        n++;
    return n;
}

/* UTF-8 without control characters but the ends of lines, and perhaps tabs. */
static inline void oracle_lines(const judge_buf *b, bool tabs)
{
    expect(!b->failed && b->len > 0 && strlen(b->at) == b->len && b->at[b->len - 1] == '\n');
    expect(wsk__utf8_is_valid(b->at, b->len));
    for (size_t i = 0; i < b->len; i++)
        expect(((unsigned char)b->at[i] >= 0x20 && b->at[i] != 0x7f) || b->at[i] == '\n' ||
               (tabs && b->at[i] == '\t'));
}

/* Of an element's start: names, each with a quoted value that holds no '<'. Returns where it ends,
 * `ret_empty`: in "/>". */
static inline const char *oracle_attributes(const char *p, bool *ret_empty)
{
    for (;;) {
        const char *gap = p;

        while (*p == ' ')
            p++;
        *ret_empty = *p == '/';
        p += *ret_empty;
        if (*p == '>')
            return p + 1;
        expect(!*ret_empty && p > gap);
        while (*p >= 'a' && *p <= 'z')
            p++;
        expect(p[0] == '=' && p[1] == '"');
        for (p += 2; *p != '"'; p++)
            expect(*p != 0 && *p != '<');
        p++;
    }
}

/* As much of XML 1.0 as our own writer uses: elements nest, and '&' begins a reference. */
static inline void oracle_xml(const judge_buf *b)
{
    const char *open[8], *p;
    size_t depth = 0;

    oracle_lines(b, true);
    for (p = b->at; (p = strchr(p, '&')) != NULL; p++)
        expect(strncmp(p, "&lt;", 4) == 0 || strncmp(p, "&gt;", 4) == 0 ||
               strncmp(p, "&amp;", 5) == 0 || strncmp(p, "&quot;", 6) == 0 ||
               strncmp(p, "&#", 2) == 0);
    /* What XML 1.0 has no place for even in UTF-8. */
    expect(oracle_count(b->at, "\xef\xbf\xbe") == 0 && oracle_count(b->at, "\xef\xbf\xbf") == 0);
    expect(strncmp(b->at, "<?xml ", 6) == 0);
    for (p = strchr(b->at, '\n'); (p = strchr(p, '<')) != NULL;) {
        const size_t n = strspn(p + 1, "abcdefghijklmnopqrstuvwxyz");
        bool empty;

        if (p[1] == '/') {
            const size_t n_end = strcspn(p + 2, ">");

            expect(depth > 0);
            depth--;
            expect(strncmp(open[depth], p + 2, n_end) == 0 &&
                   strchr(" >", open[depth][n_end]) != NULL);
            p += 2 + n_end;
            continue;
        }
        expect(n > 0 && depth < 8);
        open[depth++] = p + 1;
        p = oracle_attributes(p + 1 + n, &empty);
        depth -= empty;
    }
    expect(depth == 0);
}

/* A line, and behind one that is not ok a block that only it can have. */
static inline void oracle_tap(const judge_buf *b)
{
    const char *line = b->at;
    const bool failed = strncmp(line, "not ok 7 - ", 11) == 0;

    oracle_lines(b, false);
    expect(failed || strncmp(line, "ok 7 - ", 7) == 0);
    /* A directive may only be ours. */
    for (const char *p = line; *p != '\n'; p++)
        expect(*p != '#' || (p > line && p[-1] == '\\') ||
               (!failed && strncmp(p, "# SKIP unimplemented\n", 21) == 0));
    while ((line = strchr(line, '\n') + 1) < b->at + b->len)
        expect(failed && strncmp(line, "  ", 2) == 0);
}

/* What is in a description is the suite's own HTML and not to be escaped. */
static inline void oracle_page(const judge_result *r)
{
    judge_result plain = *r;
    judge_buf b = {0};

    plain.description = plain.expectation = "";
    judge_html_case(&b, &plain, "slug", NULL, NULL, NULL);
    expect(!b.failed);
    expect(oracle_count(b.at, "<script") == 1 && oracle_count(b.at, "<style") == 1 &&
           oracle_count(b.at, "<img") == 0);
    expect(wsk__utf8_is_valid(b.at, b.len));
    judge_buf_deinit(&b);
}

/* All that is written of a result in few lines, alone in a store. */
static inline void oracle_streams(const judge_result *r, const judge_table *t, bool strict)
{
    const judge_case *c = t != NULL ? judge_table_find(t, r->id) : NULL;
    const char *title = c != NULL ? c->title : NULL;
    judge_store s = {0};
    judge_buf b = {0};
    judge_entry *e;
    json_t *v;

    expect(judge_store_add(&s, r, &e) != NULL);
    expect(s.n == 1 && s.at[0].n == 1 && judge_agent_find(&s.at[0], e->id) == e);
    for (const char *p = s.at[0].slug; *p; p++)
        expect((*p >= 'a' && *p <= 'z') || (*p >= '0' && *p <= '9') || *p == '_');
    judge_put_annotation(&b, r->agent, e, title, strict);
    expect((b.len == 0) == !judge_entry_failed(e, true));
    expect(b.len == 0 || strchr(b.at, '\n') == b.at + b.len - 1);
    expect(b.len == 0 || strncmp(b.at, "::error title=", 14) == 0 ||
           strncmp(b.at, "::warning title=", 16) == 0);
    judge_buf_clear(&b);
    judge_put_line(&b, r->agent, e);
    expect(strchr(b.at, '\n') == b.at + b.len - 1);
    v = json_loadb(b.at, b.len, JSON_ALLOW_NUL, NULL);
    expect(json_is_object(v) && json_object_size(v) == 10);
    json_decref(v);
    judge_buf_clear(&b);
    judge_put_tap(&b, 7, r->agent, e, title, strict);
    oracle_tap(&b);
    judge_buf_clear(&b);
    if (t != NULL) {
        judge_put_junit(&b, &s, t, strict);
        oracle_xml(&b);
    }
    v = judge_json_index(&s);
    expect(v != NULL);
    json_decref(v);
    v = judge_json_summary(&s);
    expect(v != NULL);
    json_decref(v);
    judge_buf_deinit(&b);
    judge_store_deinit(&s);
}

/* Written, read and written again it stays the same. */
static inline void oracle_json(const judge_result *r)
{
    judge_buf first = {0}, second = {0};
    json_t *v = judge_json_case(r), *parsed;
    judge_result again;

    expect(v != NULL && json_object_size(v) == 39);
    judge_json_dump(&first, v);
    parsed = json_loadb(first.at, first.len, JSON_ALLOW_NUL, NULL);
    expect(parsed != NULL);
    if (judge_result_read(&again, parsed, NULL)) {
        json_t *w = judge_json_case(&again);

        expect(w != NULL);
        judge_json_dump(&second, w);
        expect(first.len == second.len && memcmp(first.at, second.at, first.len) == 0);
        json_decref(w);
        judge_result_deinit(&again);
    }
    judge_buf_deinit(&first);
    judge_buf_deinit(&second);
    json_decref(parsed);
    json_decref(v);
}

#endif
