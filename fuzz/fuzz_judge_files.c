/* SPDX-License-Identifier: MIT */
/*
 * Files that the judge reads: spec files and lines of a journal. Whatever is taken for a result
 * can be written as every kind of report, comes back from its JSON as it was, and puts no markup
 * of its own into a page. Input: a spec, or {"case":...,"extra":...}.
 */
#include "judge_oracle.h"

#include "conformance/spec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

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

static void check_result(const json_t *line)
{
    static judge_table *table;
    judge_result r;
    if (!table)
        table = judge_table_new();
    expect(table != NULL);
    if (!judge_result_read(&r, json_object_get(line, "case"), json_object_get(line, "extra")))
        return;
    oracle_page(&r);
    oracle_streams(&r, table, true);
    oracle_streams(&r, table, false);
    oracle_json(&r);
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
