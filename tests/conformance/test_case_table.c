/* SPDX-License-Identifier: MIT */
/*
 * The table of cases against the facts in cases_reference.json: number, accepted endings, close
 * rule, and what is sent in which manner, taken from runs against a correct server in memory.
 * And the selection by patterns, and the explanations.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "conformance/report_json.h"
#include "judge_memory.h"

static judge_table *table;
static json_t *reference;

static int setup(void **state)
{
    (void)state;
    table = judge_table_new();
    reference = json_load_file(TEST_DIR "/cases_reference.json", JSON_ALLOW_NUL, NULL);
    return table == NULL || reference == NULL;
}

static int teardown(void **state)
{
    (void)state;
    json_decref(reference);
    judge_table_free(table);
    return 0;
}

/* "1.10.2" < "1.9.1" is false. */
static int compare_ids(const char *a, const char *b)
{
    for (;;) {
        char *end_a, *end_b;
        const long x = strtol(a, &end_a, 10), y = strtol(b, &end_b, 10);

        if (x != y)
            return x < y ? -1 : 1;
        if (*end_a == '\0' || *end_b == '\0')
            return *end_a == *end_b ? 0 : *end_a == '\0' ? -1 : 1;
        a = end_a + 1;
        b = end_b + 1;
    }
}

static void table_is_complete(void **state)
{
    (void)state;
    assert_int_equal(judge_table_count_autobahn(table), 517);
    assert_int_equal(json_object_size(reference), 517);
    for (size_t i = 0; i < 517; i++) {
        const judge_case *c = judge_table_at(table, i);
        const json_t *row = json_object_get(reference, c->id);

        assert_non_null(row);
        assert_int_equal(c->index, i + 1);
        assert_int_equal(c->index, json_integer_value(json_object_get(row, "case")));
        assert_int_equal(c->report_time, json_is_true(json_object_get(row, "time")));
        assert_int_equal(c->report_ratio, json_is_true(json_object_get(row, "ratio")));
        assert_ptr_equal(judge_table_find(table, c->id), c);
        if (i > 0)
            assert_true(compare_ids(judge_table_at(table, i - 1)->id, c->id) < 0);
        assert_true(strlen(c->title) > 0 && strlen(c->description) > 0);
        assert_true(strlen(c->expectation) > 0 && strncmp(c->reference, "RFC ", 4) == 0);
    }
    assert_null(judge_table_find(table, "9.9.1"));
}

static void categories_have_titles(void **state)
{
    (void)state;
    for (size_t i = 0; i < 517; i++) {
        char id[16];
        char *dot;

        snprintf(id, sizeof(id), "%s", judge_table_at(table, i)->id);
        while ((dot = strrchr(id, '.')) != NULL) {
            *dot = '\0';
            assert_non_null(judge_category_title(id));
        }
    }
    assert_null(judge_category_title("8"));
}

/* An entry of a wire log of ours in the form of the reference; NULL: not a part of the script. */
static json_t *script_entry(const json_t *log)
{
    const char *kind = json_string_value(json_array_get(log, 0));
    json_t *e;

    if (strcmp(kind, "TF") == 0) {
        const json_t *octets = json_array_get(log, 1);

        e = json_array();
        json_array_append(e, json_array_get(log, 2));
        json_array_append_new(e, json_integer(json_is_true(json_array_get(log, 3))));
        json_array_append(e, json_array_get(log, 4));
        json_array_append(e, json_array_get(octets, 0));
        json_array_append(e, json_array_get(octets, 1));
        json_array_append(e, json_array_get(log, 6));
        json_array_append(e, json_array_get(log, 7));
        json_array_append_new(e, json_integer(json_is_true(json_array_get(log, 8))));
        return e;
    }
    if (kind[0] == 'R' || kind[0] == 'T')
        return strcmp(kind, "TI") == 0 || strcmp(kind, "TIE") == 0 ? json_deep_copy(log) : NULL;
    return json_deep_copy(log);
}

/* The recorded runs may end earlier, where their peer dropped TCP. */
static void compare_scripts(const char *id, const json_t *log, const json_t *script)
{
    size_t n = 0, i;
    json_t *entry;

    json_array_foreach(log, i, entry)
    {
        json_t *ours = script_entry(entry);

        if (ours == NULL)
            continue;
        if (n < json_array_size(script) && !json_equal(ours, json_array_get(script, n))) {
            char *a = json_dumps(ours, 0), *b = json_dumps(json_array_get(script, n), 0);

            fail_msg("%s, entry %zu: %s, should be %s", id, n, a, b);
        }
        n++;
        json_decref(ours);
    }
    if (n < json_array_size(script))
        fail_msg("%s: %zu entries of %zu", id, n, json_array_size(script));
}

static void scripts_are_as_recorded(void **state)
{
    judge_streams *streams = judge_streams_new();

    (void)state;
    for (size_t i = 0; i < 517; i++) {
        const judge_case *c = judge_table_at(table, i);
        const json_t *row = json_object_get(reference, c->id);
        /* The peer of the recorded runs looked at text a frame at a time. */
        const memory_params params = {
            .fault = MUTANT_utf8_frame, .messages = c->echo.count > 0 ? 2 : 0, .streams = streams};
        judge_result r;
        json_t *json;

        judge_in_memory(c, &params, &r);
        json = judge_json_case(&r);
        if (!json_equal(json_object_get(json, "expected"), json_object_get(row, "expected")))
            fail_msg("%s: other endings", c->id);
        if (!json_equal(json_object_get(json, "expectedClose"), json_object_get(row, "close")))
            fail_msg("%s: another close rule", c->id);
        compare_scripts(c->id, json_object_get(json, "wirelog"), json_object_get(row, "script"));
        json_decref(json);
        judge_result_deinit(&r);
    }
    judge_streams_free(streams);
}

static long at(const json_t *list, size_t i)
{
    return (long)json_integer_value(json_array_get(list, i));
}

static const judge_step *find_step(const judge_case *c, judge_op a, judge_op b)
{
    for (const judge_step *s = c->steps; s->op != JUDGE_STEP_END; s++) {
        if (s->op == a || s->op == b)
            return s;
    }
    return NULL;
}

/* What the wire log of 9.*, 12.* and 13.* does not show. */
static void loops_are_as_recorded(void **state)
{
    (void)state;
    for (size_t i = 0; i < 517; i++) {
        const judge_case *c = judge_table_at(table, i);
        const json_t *row = json_object_get(reference, c->id);
        const json_t *send = json_object_get(row, "send"), *loop = json_object_get(row, "loop");
        const judge_step *limit = find_step(c, JUDGE_STEP_CLOSE_AFTER, JUDGE_STEP_CLOSE_AFTER);

        if (send != NULL) {
            const judge_step *s = find_step(c, JUDGE_STEP_FRAME, JUDGE_STEP_MESSAGE);
            const bool binary = strcmp(json_string_value(json_array_get(send, 0)), "bin") == 0;
            const char *payload = json_string_value(json_array_get(send, 1));
            char lit[64];

            assert_int_equal(s->first & 15, binary ? 2 : 1);
            assert_int_equal(c->echo.binary, binary);
            if (strncmp(payload, "0x", 2) == 0) {
                lit[0] = '0';
                lit[1] = 'x';
                for (size_t k = 0; k < s->blob.len; k++)
                    snprintf(lit + 2 + 2 * k, 3, "%02x", (unsigned char)s->blob.lit[k]);
            } else {
                snprintf(lit, sizeof(lit), "%.*s", (int)s->blob.len, s->blob.lit);
            }
            assert_string_equal(lit, payload);
            assert_int_equal(s->blob.total, at(send, 2));
            assert_int_equal(s->fragment, at(send, 3));
            assert_int_equal(s->chop, at(send, 4));
            assert_true(limit->seconds == json_real_value(json_object_get(row, "seconds")));
        }
        if (loop != NULL) {
            assert_int_equal(c->echo.len, at(loop, 0));
            assert_int_equal(c->echo.count, at(loop, 1));
            assert_int_equal((int)c->echo.seconds, at(loop, 2));
            assert_int_equal((int)limit->seconds, at(loop, 2));
            assert_int_equal(c->echo.fragment, at(loop, 3));
        }
        assert_int_equal(send != NULL, c->rule == JUDGE_RULE_ONE_ECHO);
        assert_int_equal(loop != NULL, c->echo.count > 0);
    }
}

static void offers_are_as_recorded(void **state)
{
    static const struct {
        const char *group, *offers;
    } rows[] = {
        {"12.1.1", ""},
        {"12.5.18", ""},
        {"13.1.1", ""},
        {"13.2.1", "; server_no_context_takeover"},
        {"13.3.1", "; server_max_window_bits=9"},
        {"13.4.1", "; server_max_window_bits=15"},
        {"13.5.18", "; server_no_context_takeover; server_max_window_bits=9"},
        {"13.6.1", "; server_no_context_takeover; server_max_window_bits=15"},
    };
    judge_streams *streams = judge_streams_new();
    const memory_params params = {.messages = 1, .streams = streams};
    char line[512];
    judge_result r;

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        judge_in_memory(judge_table_find(table, rows[i].group), &params, &r);
        snprintf(line, sizeof(line),
                 "\r\nSec-WebSocket-Extensions: permessage-deflate; client_no_context_takeover; "
                 "client_max_window_bits%s\r\n",
                 rows[i].offers);
        assert_non_null(strstr(r.http_request, line));
        judge_result_deinit(&r);
    }
    judge_in_memory(judge_table_find(table, "13.7.1"), &params, &r);
    assert_non_null(
        strstr(r.http_request,
               "permessage-deflate; client_no_context_takeover; client_max_window_bits; "
               "server_no_context_takeover; server_max_window_bits=9, permessage-deflate; "
               "client_no_context_takeover; client_max_window_bits; server_no_context_takeover, "
               "permessage-deflate; client_no_context_takeover; client_max_window_bits\r\n"));
    judge_result_deinit(&r);
    judge_in_memory(judge_table_find(table, "1.1.1"), &params, &r);
    assert_null(strstr(r.http_request, "Extensions"));
    judge_result_deinit(&r);
    judge_streams_free(streams);
}

static int count(const char *pattern, const char *exclude)
{
    bool *selected = calloc(judge_table_count(table), sizeof(*selected));
    const char *bad = NULL;
    const int n = judge_select(table, &pattern, 1, &exclude, exclude != NULL, selected, &bad);

    free(selected);
    return n;
}

static void patterns_select(void **state)
{
    (void)state;
    assert_int_equal(count("*", NULL), 517);
    assert_int_equal(count("14.1.1", NULL), 1);
    assert_int_equal(count("14.1.*", NULL), 25);
    assert_int_equal(count("1[45].1.*", NULL), 25 + 20);
    assert_int_equal(count("?*", NULL), 0);
    assert_int_equal(count("*.1.1", NULL), count("[1-9]*.1.1", NULL));
    assert_int_equal(count("14.1.*", "14.*"), 0);
    assert_int_equal(count("14.1.*", "*"), 0);
    assert_int_equal(count("14.0.*", NULL), 0);
    assert_int_equal(count("1.*", NULL), 16);
    assert_int_equal(count("1*", NULL), 16 + 1 + 90 + 126);
    assert_int_equal(count("9.*.1", NULL), 8);
    assert_int_equal(count("1[23].*", NULL), 216);
    assert_int_equal(count("1[2-3].*", NULL), 216);
    assert_int_equal(count("11.*", NULL), 0);
    assert_int_equal(count("6.2.4", NULL), 1);
    assert_int_equal(count("6.2.5", NULL), -1);
    assert_int_equal(count("6.2", NULL), -1);
    assert_int_equal(count("*", "9.*"), 463);
    assert_int_equal(count("9.*", "9.1.1"), 53);
    assert_int_equal(count("*", "9.9.9"), -1);
    assert_int_equal(count("", NULL), -1);
    assert_int_equal(count("[*", NULL), 0);
    assert_true(judge_pattern_matches_whole("9.*", "9.1.1"));
    assert_true(judge_pattern_matches_whole("my*agent", "my test agent"));
    assert_false(judge_pattern_matches_whole("my*agent", "my agents"));
    assert_false(judge_pattern_matches_whole("9.1", "9.1.1"));
    assert_true(judge_pattern_matches_whole("*", ""));
    assert_true(judge_pattern_matches_whole("**b*", "aabab"));
}

static void cases_are_explained(void **state)
{
    static const struct {
        const char *id, *part;
        judge_role role;
    } parts[] = {
        {"1.1.1", "Sent to the server:"},
        {"1.1.1", "Accepted of the server:"},
        {"1.1.1", "; then the server drops TCP"},
        {"3.2", "Close: begun by the server"},
        {"1.1.1", "agrees to no extension", JUDGE_ROLE_SERVER},
        {"1.1.1", "Sent to the client:", JUDGE_ROLE_SERVER},
        {"1.1.1", "Accepted of the client, each frame of which is masked:", JUDGE_ROLE_SERVER},
        {"1.1.1", "; then the judge drops TCP", JUDGE_ROLE_SERVER},
        {"3.2", "Close: begun by the client", JUDGE_ROLE_SERVER},
        {"12.1.1", "permessage-deflate:\n  - as offered\n", JUDGE_ROLE_SERVER},
        {"13.3.1", "with client_max_window_bits=9 (if offered, and not below)\n",
         JUDGE_ROLE_SERVER},
        {"13.7.1", "  - as offered, with client_no_context_takeover (offered or not)\n",
         JUDGE_ROLE_SERVER},
        {"6.2.4", "11 frames of 1 octet each and an empty last one"},
        {"3.2", "text frame, FIN, RSV2"},
        {"6.4.3", "announces 21 octets"},
        {"9.5.1", "in writes of 64 octets"},
        {"13.7.1", "no context takeover of the peer and a 9-bit window for the peer"},
        {"1.1.1", "(close 1001), if it is still open"},
        {"1.1.1", "   3. as soon as the outcome is certain: close frame with code 1000"},
        {"9.7.1", "as soon as the outcome is certain: close frame with code 1000"},
        {"7.9.1", "close frame with code 0"},
        {"2.5", "0xfe repeated to 126 octets"},
        {"7.1.6", "for information"},
    };
    char *text = NULL;
    size_t len = 0;

    (void)state;
    for (size_t i = 0; i < 2 * 517; i++) {
        const judge_case *c = judge_table_at(table, i / 2);
        const judge_role role = i % 2 ? JUDGE_ROLE_SERVER : JUDGE_ROLE_CLIENT;
        FILE *out = open_memstream(&text, &len);

        judge_explain(out, c, role);
        fclose(out);
        assert_non_null(strstr(text, c->id));
        assert_non_null(strstr(text, c->reference));
        assert_non_null(strstr(text, "   1. "));
        for (size_t k = 0; k < sizeof(parts) / sizeof(parts[0]); k++) {
            if (strcmp(parts[k].id, c->id) == 0 && parts[k].role == role &&
                strstr(text, parts[k].part) == NULL)
                fail_msg("%s is explained without \"%s\": %s", c->id, parts[k].part, text);
        }
        free(text);
        text = NULL;
    }
}

static bool opens(const judge_hello *h)
{
    bool found = false;

    for (size_t i = 0; i < 8; i++)
        found = found || h->ok[i] == JUDGE_HELLO_OPEN || h->lax[i] == JUDGE_HELLO_OPEN ||
                (i < 6 && h->inform[i] == JUDGE_HELLO_OPEN);
    return found;
}

/* Rows beyond Autobahn's have no reference data: what every one of them must have. */
static void extra_rows_are_whole(void **state)
{
    const size_t n = judge_table_count(table);
    char *text = NULL;
    size_t len = 0;

    (void)state;
    for (size_t i = judge_table_count_autobahn(table); i < n; i++) {
        const judge_case *c = judge_table_at(table, i);
        const judge_step *last = c->steps;
        const judge_role role = judge_case_has_role(c, JUDGE_ROLE_CLIENT) ? JUDGE_ROLE_CLIENT
                                                                          : JUDGE_ROLE_SERVER;
        FILE *out;

        if (compare_ids(judge_table_at(table, i - 1)->id, c->id) >= 0)
            fail_msg("%s stands behind %s", c->id, judge_table_at(table, i - 1)->id);
        assert_true(judge_case_is_extra(c));
        assert_int_equal(c->index, i + 1);
        assert_true(strlen(c->title) > 0 && strlen(c->description) > 0);
        assert_true(strlen(c->expectation) > 0);
        if (strncmp(c->reference, "RFC ", 4) != 0 && strncmp(c->reference, "CVE-", 4) != 0)
            fail_msg("%s has the reference %s", c->id, c->reference);
        while (last->op != JUDGE_STEP_END)
            last++;
        /* A connection that may open needs something that ends it. */
        if (c->rule == JUDGE_RULE_HELLO && opens(&c->hello))
            assert_true(last > c->steps);
        if (c->rule == JUDGE_RULE_HELLO) {
            assert_true(c->hello.ok[0] != 0 || c->hello.inform[0] != 0);
            assert_non_null(c->hello.steps);
        }
        out = open_memstream(&text, &len);
        judge_explain(out, c, role);
        fclose(out);
        assert_non_null(strstr(text, c->title));
        assert_non_null(strstr(text, c->reference));
        free(text);
        text = NULL;
    }
    for (const char *const *p = judge_suite("all"); *p != NULL; p++) {
        char category[8];

        snprintf(category, sizeof(category), "%.*s", (int)strcspn(*p, ".*"), *p);
        assert_true(category[0] == '\0' || judge_category_title(category) != NULL);
        assert_non_null(strstr(judge_suite_names(), "handshake"));
    }
    assert_null(judge_suite("hand"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(extra_rows_are_whole),   cmocka_unit_test(table_is_complete),
        cmocka_unit_test(categories_have_titles), cmocka_unit_test(scripts_are_as_recorded),
        cmocka_unit_test(loops_are_as_recorded),  cmocka_unit_test(offers_are_as_recorded),
        cmocka_unit_test(patterns_select),        cmocka_unit_test(cases_are_explained),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
