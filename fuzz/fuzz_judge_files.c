/* SPDX-License-Identifier: MIT */
/*
 * Files that the judge reads: spec files and lines of a journal. Whatever is taken for a result
 * can be written as every kind of report, comes back from its JSON as it was, and puts no markup
 * of its own into a page. Input: a spec, or {"case":...,"extra":...}.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conformance/report_formats.h"
#include "conformance/report_html.h"
#include "conformance/spec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(bool ok)
{
    if (!ok)
        abort();
}

static size_t count(const char *text, const char *word)
{
    size_t n = 0;
    for (const char *p = text; (p = strstr(p, word)) != NULL; p += strlen(word))
        n++;
    return n;
}

static void check_specs(const char *text, size_t size)
{
    for (int kind = JUDGE_SPEC_FUZZINGCLIENT; kind <= JUDGE_SPEC_MASSCONNECT; kind++) {
        judge_spec s;
        judge_spec_says says = {0};
        if (judge_spec_parse(&s, (judge_spec_kind)kind, text, size, &says)) {
            judge_spec_excludes(&s, "agent", "1.1.1");
            judge_spec_deinit(&s);
        } else {
            expect(says.error[0] != 0);
        }
    }
}

/* What is in a description is the suite's own HTML and not to be escaped. */
static void check_page(const judge_result *r)
{
    judge_result plain = *r;
    judge_buf b = {0};
    plain.description = plain.expectation = "";
    judge_html_case(&b, &plain, "slug", NULL, NULL, NULL);
    expect(!b.failed);
    expect(count(b.at, "<script") == 1 && count(b.at, "<style") == 1 && count(b.at, "<img") == 0);
    expect(judge_utf8_is_valid(b.at, b.len));
    judge_buf_deinit(&b);
}

static void check_streams(const judge_result *r)
{
    judge_store s = {0};
    judge_entry *e;
    judge_buf b = {0};
    expect(judge_store_add(&s, r, &e) != NULL);
    for (const char *p = s.at[0].slug; *p; p++)
        expect((*p >= 'a' && *p <= 'z') || (*p >= '0' && *p <= '9') || *p == '_');
    judge_put_annotation(&b, r->agent, e, NULL, true);
    expect(b.len == 0 || strchr(b.at, '\n') == b.at + b.len - 1);
    judge_buf_clear(&b);
    judge_put_line(&b, r->agent, e);
    expect(strchr(b.at, '\n') == b.at + b.len - 1);
    judge_buf_deinit(&b);
    judge_store_deinit(&s);
}

static void check_result(const json_t *line)
{
    judge_result r, again;
    if (!judge_result_read(&r, json_object_get(line, "case"), json_object_get(line, "extra")))
        return;
    check_page(&r);
    check_streams(&r);
    json_t *v = judge_json_case(&r);
    expect(v != NULL && json_object_size(v) == 39);
    judge_buf first = {0}, second = {0};
    judge_json_dump(&first, v);
    /* Written, read and written again it stays the same. */
    json_t *parsed = json_loadb(first.at, first.len, JSON_ALLOW_NUL, NULL);
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
    judge_result_deinit(&r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    check_specs(text, size);
    json_t *line = json_loadb(text, size, JSON_ALLOW_NUL, NULL);
    check_result(line);
    json_decref(line);
    return 0;
}
