/* SPDX-License-Identifier: MIT */
/*
 * The JSON of cases and of the index, octet for octet as recorded reports have it, and the rules
 * for names, numbers and cuts in it.
 */
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conformance/report_store.h"
#include "util/attr.h"

static char *slurp(const char *dir, const char *name, size_t *ret_len)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *in = fopen(path, "rb");
    assert_non_null(in);
    char *all = calloc(1, 1 << 20);
    *ret_len = fread(all, 1, (1 << 20) - 1, in);
    fclose(in);
    return all;
}

/* Results own their strings; those of these tests are never freed. */
#define TEXT(s) ((char *)(uintptr_t)(s))

static const char *const recorded[] = {
    "case_10_1_1.json", "case_12_1_1.json", "case_13_7_1.json", "case_1_1_1.json",
    "case_2_10.json",   "case_3_2.json",    "case_5_19.json",   "case_6_2_4.json",
    "case_6_4_1.json",  "case_7_1_6.json",  "case_7_9_1.json",  "case_9_1_1.json",
    "case_9_7_1.json",
};

/* Read into a result and written again, every octet must come back. */
static void test_recorded_cases(void **state)
{
    (void)state;
    for (size_t i = 0; i < WSK__COUNT(recorded); i++) {
        size_t len;
        char *text = slurp(REPORTS_DIR, recorded[i], &len);
        json_t *object = json_loadb(text, len, JSON_ALLOW_NUL, NULL);
        assert_non_null(object);
        judge_result r;
        assert_true(judge_result_read(&r, object, NULL));
        json_t *again = judge_json_case(&r);
        assert_int_equal(json_object_size(again), 39);
        judge_buf b = {0};
        judge_json_dump(&b, again);
        assert_false(b.failed);
        if (b.len != len || memcmp(b.at, text, len) != 0)
            print_message("%s differs\n", recorded[i]);
        assert_int_equal(b.len, len);
        assert_memory_equal(b.at, text, len);

        /* And through a journal line. */
        json_t *extra = judge_json_extra(&r);
        judge_buf_clear(&b);
        judge_json_dump_line(&b, again);
        assert_null(memchr(b.at, '\n', b.len));
        json_t *line = json_loadb(b.at, b.len, JSON_ALLOW_NUL, NULL);
        judge_result second;
        assert_true(judge_result_read(&second, line, extra));
        json_t *third = judge_json_case(&second);
        judge_buf_clear(&b);
        judge_json_dump(&b, third);
        assert_int_equal(b.len, len);
        assert_memory_equal(b.at, text, len);

        judge_buf_deinit(&b);
        judge_result_deinit(&r);
        judge_result_deinit(&second);
        json_decref(object);
        json_decref(again);
        json_decref(extra);
        json_decref(line);
        json_decref(third);
        free(text);
    }
}

static int behavior_named(const char *name)
{
    for (int b = JUDGE_FAILED; b <= JUDGE_FAILED_BY_CLIENT; b++)
        if (strcmp(judge_behavior_name((judge_behavior)b), name) == 0)
            return b;
    fail();
    return 0;
}

static void test_recorded_index(void **state)
{
    (void)state;
    size_t len;
    char *text = slurp(REPORTS_DIR, "index.json", &len);
    json_t *index = json_loadb(text, len, JSON_ALLOW_NUL, NULL);
    judge_store store = {0};
    const char *agent, *id;
    json_t *cases, *entry;
    json_object_foreach(index, agent, cases)
    {
        json_object_foreach(cases, id, entry)
        {
            json_t *code = json_object_get(entry, "remoteCloseCode");
            judge_result r = {
                .id = id,
                .agent = TEXT(agent),
                .behavior = behavior_named(json_string_value(json_object_get(entry, "behavior"))),
                .behavior_close = behavior_named(
                    json_string_value(json_object_get(entry, "behaviorClose"))),
                .duration_ms = (uint64_t)json_integer_value(json_object_get(entry, "duration")),
                .remote_code = json_is_null(code) ? -1 : (int)json_integer_value(code),
                .why_log = -1,
            };
            judge_entry *noted;
            assert_non_null(judge_store_add(&store, &r, &noted));
        }
    }
    assert_int_equal(store.n, 1);
    assert_int_equal(store.at[0].n, 517);
    assert_string_equal(store.at[0].at[0].id, "1.1.1");
    assert_string_equal(store.at[0].at[516].id, "13.7.18");
    json_t *again = judge_json_index(&store);
    judge_buf b = {0};
    judge_json_dump(&b, again);
    assert_int_equal(b.len, len);
    assert_memory_equal(b.at, text, len);
    judge_buf_deinit(&b);
    json_decref(again);
    json_decref(index);
    judge_store_deinit(&store);
    free(text);
}

static void test_slugs(void **state)
{
    (void)state;
    static const struct {
        const char *agent, *slug;
    } rows[] = {
        {"websock server", "websock_server"},
        {"gws-client/async", "gws_client_async"},
        {"Foo  1.0 (x)", "foo__1_0__x"},
        {"  UnknownServer\t", "unknownserver"},
        {"../../etc/passwd", "etc_passwd"},
        {"..", ""},
        {"/", ""},
        {"", ""},
        {"a/../b", "a____b"},
        {"\xe6\x97\xa5\xe6\x9c\xac", ""},
        {"x\xc3\xa9y", "x_y"},
        {"x\xffy", "x_y"},
        {"a\nb", "a_b"},
        {"<script>alert(1)</script>", "script_alert_1___script"},
    };
    char slug[JUDGE_SLUG_SIZE];
    for (size_t i = 0; i < WSK__COUNT(rows); i++) {
        judge_slug(slug, rows[i].agent);
        assert_string_equal(slug, rows[i].slug);
    }
    /* Ten thousand octets are no file name. */
    char *long_name = malloc(10001);
    memset(long_name, 'Q', 10000);
    long_name[10000] = 0;
    judge_slug(slug, long_name);
    assert_int_equal(strlen(slug), JUDGE_SLUG_SIZE - 1);
    free(long_name);
}

static void test_slug_collision(void **state)
{
    (void)state;
    judge_store s = {0};
    judge_entry *e;
    static const char *const names[] = {"a b", "A/B", "a.b", "a b 2"};
    static const char *const slugs[] = {"a_b", "a_b_2", "a_b_3", "a_b_2_2"};
    for (int i = 0; i < 4; i++) {
        judge_result r = {.id = "1.1.1", .agent = TEXT(names[i]), .why_log = -1};
        const judge_agent *a = judge_store_add(&s, &r, &e);
        assert_non_null(a);
        assert_string_equal(a->slug, slugs[i]);
        assert_int_equal(a->collided, i > 0);
    }
    judge_store_deinit(&s);
}

static void test_replaced(void **state)
{
    (void)state;
    judge_store s = {0};
    judge_entry *e;
    judge_result r = {.id = "9.1.1", .agent = TEXT("x"), .behavior = JUDGE_FAILED, .why_log = -1};
    r.why = TEXT("first");
    judge_store_add(&s, &r, &e);
    r.id = "10.1.1";
    judge_store_add(&s, &r, &e);
    r.id = "2.10";
    judge_store_add(&s, &r, &e);
    r.id = "9.1.1";
    r.behavior = JUDGE_OK;
    r.why = NULL;
    judge_store_add(&s, &r, &e);
    assert_int_equal(s.at[0].n, 3);
    assert_string_equal(s.at[0].at[0].id, "2.10");
    assert_string_equal(s.at[0].at[1].id, "9.1.1");
    assert_int_equal(s.at[0].at[1].behavior, JUDGE_OK);
    assert_null(s.at[0].at[1].why);
    assert_string_equal(s.at[0].at[2].id, "10.1.1");
    judge_store_deinit(&s);
}

static void test_floats(void **state)
{
    (void)state;
    static const struct {
        double v;
        const char *text;
    } rows[] = {
        {0, "0.0"},
        {1, "1.0"},
        {0.5, "0.5"},
        {0.125, "0.125"},
        {0.1, "0.1"},
        {0.38063820338768, "0.38063820338768"},
        {0.9851875, "0.9851875"},
        {1.0 / 3, "0.3333333333333333"},
        {2.0 / 3, "0.6666666666666666"},
        {123456789.125, "123456789.125"},
        {-2.5, "-2.5"},
        {100, "100.0"},
        {0.0001, "0.0001"},
        {0.00001, "1e-05"},
        {0.000015, "1.5e-05"},
        {1e15, "1000000000000000.0"},
        {1e16, "1e+16"},
        {1.5e300, "1.5e+300"},
        {0.1 + 0.2, "0.30000000000000004"},
    };
    judge_buf b = {0};
    for (size_t i = 0; i < WSK__COUNT(rows); i++) {
        judge_buf_clear(&b);
        judge_put_float(&b, rows[i].v);
        assert_string_equal(b.at, rows[i].text);
    }
    judge_buf_deinit(&b);
}

static void check_octets(const void *data, size_t len, const char *text, const char *hex)
{
    judge_octets o = {.len = len, .kept = (uint8_t)(len < 64 ? len : 64)};
    memcpy(o.head, data, o.kept);
    judge_buf b = {0};
    judge_put_as_text(&b, &o);
    if (text)
        assert_string_equal(b.at ? b.at : "", text);
    judge_buf_clear(&b);
    judge_put_as_hex(&b, &o);
    if (hex)
        assert_string_equal(b.at ? b.at : "", hex);
    judge_buf_deinit(&b);
}

static void test_octet_rules(void **state)
{
    (void)state;
    char a[80];
    memset(a, 'a', sizeof a);
    check_octets("", 0, "", "");
    check_octets("\x03\xe8", 2, "0x03e8", "03e8");
    check_octets("abc", 3, "abc", "616263");
    /* Surrogates are no text (RFC 3629 3). */
    check_octets("\xed\xa0\x80", 3, "0xeda080", "eda080");
    char want[160];
    snprintf(want, sizeof want, "%.60s", a);
    check_octets(a, 60, want, NULL);
    snprintf(want, sizeof want, "%.61s ...", a);
    check_octets(a, 61, want, NULL);
    snprintf(want, sizeof want, "%.64s ...", a);
    check_octets(a, 64, want, NULL);
    check_octets(a, 80, want, NULL);
    /* Cut inside a character, what is left is no text any more. */
    memcpy(a + 63, "\xc3\xa9", 2);
    size_t n = (size_t)snprintf(want, sizeof want, "0x");
    for (int i = 0; i < 63; i++)
        n += (size_t)snprintf(want + n, sizeof want - n, "61");
    snprintf(want + n, sizeof want - n, "c3 ...");
    check_octets(a, 80, want, want + 2);
}

static void test_strings(void **state)
{
    (void)state;
    static const struct {
        const char *in;
        size_t len;
        const char *out;
    } rows[] = {
        {"", 0, "\"\""},
        {"a\"b\\c/d", 7, "\"a\\\"b\\\\c/d\""},
        {"\b\f\n\r\t", 5, "\"\\b\\f\\n\\r\\t\""},
        {"\0\x01\x1f\x7f", 4, "\"\\u0000\\u0001\\u001f\\u007f\""},
        {"\xc3\xa9", 2, "\"\\u00e9\""},
        {"\xe1\xbd\xb9", 3, "\"\\u1f79\""},
        {"\xf0\x9f\x98\x80", 4, "\"\\ud83d\\ude00\""},
        {"\xff<", 2, "\"\\u00ff<\""},
    };
    judge_buf b = {0};
    for (size_t i = 0; i < WSK__COUNT(rows); i++) {
        judge_buf_clear(&b);
        judge_put_json(&b, rows[i].in, rows[i].len);
        assert_string_equal(b.at, rows[i].out);
    }
    judge_buf_deinit(&b);
}

static void test_layout(void **state)
{
    (void)state;
    json_t *v = json_loads("{\"b\":[],\"a\":{},\"c\":[[1,null],{\"y\":true,\"x\":0.5}],"
                           "\"aStats\":{\"8\":1,\"16\":2}}",
                           0, NULL);
    judge_buf b = {0};
    judge_json_dump(&b, v);
    assert_string_equal(b.at,
                        "{\n   \"a\": {},\n   \"aStats\": {\n      \"8\": 1,\n      \"16\": 2\n"
                        "   },\n   \"b\": [],\n   \"c\": [\n      [\n         1,\n"
                        "         null\n      ],\n      {\n         \"x\": 0.5,\n"
                        "         \"y\": true\n      }\n   ]\n}");
    judge_buf_clear(&b);
    judge_json_dump_line(&b, v);
    assert_string_equal(b.at, "{\"a\":{},\"aStats\":{\"8\":1,\"16\":2},\"b\":[],\"c\":[[1,null],"
                              "{\"x\":0.5,\"y\":true}]}");
    judge_buf_deinit(&b);
    json_decref(v);
}

/* What a peer sent need not be UTF-8, and the report must still be JSON. */
static void test_dirty_result(void **state)
{
    (void)state;
    judge_result r = {
        .id = "1.1.1",
        .agent = TEXT("\xff\xfe agent"),
        .result = TEXT("r"),
        .result_close = TEXT("c"),
        .http_request = TEXT("?"),
        .http_response = TEXT("HTTP/1.1 101 \xe9t\xe9\r\n\r\n"),
        .remote_reason = TEXT("na\xc3\xafve"),
        .remote_code = 4000,
        .local_code = -1,
    };
    json_t *v = judge_json_case(&r);
    assert_non_null(v);
    assert_string_equal(json_string_value(json_object_get(v, "httpResponse")),
                        "HTTP/1.1 101 \xc3\xa9t\xc3\xa9\r\n\r\n");
    judge_buf b = {0};
    judge_json_dump(&b, v);
    for (size_t i = 0; i < b.len; i++)
        assert_true((unsigned char)b.at[i] < 0x80);
    json_t *parsed = json_loadb(b.at, b.len, JSON_ALLOW_NUL, NULL);
    assert_non_null(parsed);
    assert_int_equal(json_object_size(parsed), 39);
    json_decref(parsed);
    json_decref(v);
    judge_buf_deinit(&b);
    judge_store s = {0};
    judge_entry *e;
    r.why_log = -1;
    assert_non_null(judge_store_add(&s, &r, &e));
    v = judge_json_index(&s);
    assert_non_null(v);
    json_decref(v);
    v = judge_json_summary(&s);
    assert_non_null(v);
    json_decref(v);
    judge_store_deinit(&s);
}

/* A journal is a file that anyone may have edited: each key missing, each of a wrong type. */
static void test_reader_refuses(void **state)
{
    (void)state;
    size_t len;
    char *text = slurp(REPORTS_DIR, "case_5_19.json", &len);
    json_t *object = json_loadb(text, len, JSON_ALLOW_NUL, NULL);
    json_t *keys = json_deep_copy(object), *value;
    const char *key;
    int refused = 0;
    json_object_foreach(keys, key, value)
    {
        judge_result r;
        json_object_del(object, key);
        assert_false(judge_result_read(&r, object, NULL));
        json_object_set_new(object, key, json_real(0.5));
        refused += !judge_result_read(&r, object, NULL);
        json_object_set(object, key, value);
    }
    json_decref(keys);
    assert_int_equal(refused, 39);
    json_decref(object);
    free(text);
}

static void test_times(void **state)
{
    (void)state;
    char s[JUDGE_TIME_SIZE];
    judge_time(s, 0);
    assert_string_equal(s, "1970-01-01T00:00:00.000Z");
    judge_time(s, INT64_C(1676298149686));
    assert_string_equal(s, "2023-02-13T14:22:29.686Z");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_recorded_cases), cmocka_unit_test(test_recorded_index),
        cmocka_unit_test(test_slugs),          cmocka_unit_test(test_slug_collision),
        cmocka_unit_test(test_replaced),       cmocka_unit_test(test_floats),
        cmocka_unit_test(test_octet_rules),    cmocka_unit_test(test_strings),
        cmocka_unit_test(test_layout),         cmocka_unit_test(test_dirty_result),
        cmocka_unit_test(test_reader_refuses), cmocka_unit_test(test_times),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
