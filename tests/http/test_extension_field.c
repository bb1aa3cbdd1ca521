/* SPDX-License-Identifier: MIT */
/* Sec-WebSocket-Extensions: the grammar of RFC 6455 9.1, read and written. */
#include "heads.h"

#include <stdio.h>
#include <stdlib.h>

#include "http/extension_field.h"
#include "util/strs.h"

#define FIELD "Sec-WebSocket-Extensions: "

typedef struct row {
    const char *why;
    const char *fields; /* the head's */
    const char *items;  /* "[name;param;param=value]..."; "!" at the end: refused there */
} row;

static const row rows[] = {
    {"no field", "A: b\r\n", ""},
    {"an empty field agrees on nothing", FIELD "\r\n", ""},
    {"nothing but commas", FIELD ", ,\r\n", ""},
    {"a name", FIELD "foo\r\n", "[foo]"},
    {"what browsers send", FIELD "permessage-deflate; client_max_window_bits\r\n",
     "[permessage-deflate;client_max_window_bits]"},
    {"several offers", FIELD "a; b=1; c, a; b=\"2\",d\r\n", "[a;b=1;c][a;b=2][d]"},
    {"several fields are one list", FIELD "a, b\r\nX: y\r\n" FIELD "c;d\r\n", "[a][b][c;d]"},
    {"empty elements", FIELD ",a,,\t,b ,\r\n" FIELD ",\r\n" FIELD ",c\r\n", "[a][b][c]"},
    {"white space wherever RFC 2616 2.1 allows it", FIELD " a\t;\tb = 1 ; c = \"2\" , d\r\n",
     "[a;b=1;c=2][d]"},
    {"escapes in quotes", FIELD "a; b=\"\\x\\y\\z\"; c=\"p\\q\"; d=\"r\"\r\n",
     "[a;b=xyz;c=pq;d=r]"},
    {"names that mean something elsewhere", FIELD "__proto__; constructor=toString\r\n",
     "[__proto__;constructor=toString]"},
    {"a parameter twice is for the extension to judge", FIELD "a; b; b=1\r\n", "[a;b;b=1]"},
    {"a quoted comma is no token", FIELD "a; b=\"x,y\"\r\n", "!"},
    {"a quoted space is no token", FIELD "a; b=\"x y\"\r\n", "!"},
    {"an escaped quote is no token", FIELD "a; b=\"x\\\"y\"\r\n", "!"},
    {"an escaped quote ends nothing", FIELD "a; b=\"10\\\"\r\n", "!"},
    {"nor does one with more behind it", FIELD "a; b=\"10\\\"; c=\"9\"\r\n", "!"},
    {"nor does one at the beginning", FIELD "a; b=\"\\\"\r\n", "!"},
    {"an escaped backslash is no token", FIELD "a; b=\"\\\\\"\r\n", "!"},
    {"empty quotes are no token", FIELD "a; b=\"\"\r\n", "!"},
    {"quotes that do not end", FIELD "a; b=\"1\r\n", "!"},
    {"quotes that end in an escape", FIELD "a; b=\"1\\\r\n", "!"},
    {"quotes do not reach into the next field", FIELD "a; b=\"1\r\n" FIELD "2\"\r\n", "!"},
    {"something behind the quotes", FIELD "a; b=\"1\"2\r\n", "!"},
    {"no value behind =", FIELD "a; b=\r\n", "!"},
    {"no value behind =, but a comma", FIELD "a; b=, c\r\n", "!"},
    {"no name before =", FIELD "a; =1\r\n", "!"},
    {"two values", FIELD "a; b=1=2\r\n", "!"},
    {"a semicolon and nothing else", FIELD ";\r\n", "!"},
    {"a semicolon at the end", FIELD "a;\r\n", "!"},
    {"two semicolons", FIELD "a;;b\r\n", "!"},
    {"a semicolon before a comma", FIELD "a;, b\r\n", "!"},
    {"two names", FIELD "a b\r\n", "!"},
    {"two parameters without semicolon", FIELD "a; b c\r\n", "!"},
    {"a quoted name", FIELD "\"a\"\r\n", "!"},
    {"a name with a slash", FIELD "a/b\r\n", "!"},
    {"obs-text", FIELD "\xC3\xA4\r\n", "!"},
    {"a good one before a bad one", FIELD "a, b; c=\"d\", ;\r\n", "[a][b;c=d]!"},
    {"one parameter more than may be",
     FIELD
     "a;1;2;3;4;5;6;7;8;9;10;11;12;13;14;15;16,b;1;2;3;4;5;6;7;8;9;10;11;12;13;14;15;16;17\r\n",
     "[a;1;2;3;4;5;6;7;8;9;10;11;12;13;14;15;16]!"},
};

#define OUT 2048

static size_t put(char *out, size_t n, const char *before, wsk_str s)
{
    return append(out, OUT, n, "%s%.*s", before, (int)s.len, s.ptr);
}

static void test_reading(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char text[1024], out[OUT] = "";
        const char *why = NULL, *expected = rows[i].items;
        wsk__list_pos pos = {0};
        wsk__ext_item item;
        size_t n, used = 0;
        test_head t;
        int r;

        n = (size_t)snprintf(text, sizeof(text), "GET / HTTP/1.1\r\n%s\r\n", rows[i].fields);
        test_head_parse(&t, WSK__HEAD_REQUEST, text, n);
        while ((r = wsk__ext_next(&t.head, &pos, &item, &why)) == 1) {
            used = put(out, used, "[", item.name);
            for (size_t k = 0; k < item.n_params; k++) {
                used = put(out, used, ";", item.params[k].name);
                if (item.params[k].value.ptr != NULL)
                    used = put(out, used, "=", item.params[k].value);
            }
            out[used++] = ']';
            out[used] = 0;
        }
        if (r < 0) {
            assert_non_null(why);
            append(out, sizeof(out), used, "!");
        } else {
            assert_int_equal(wsk__ext_next(&t.head, &pos, &item, &why), 0);
            assert_null(why);
        }
        if (strcmp(out, expected) != 0)
            fail_msg("%s: %s instead of %s (%s)", rows[i].why, out, expected, why ? why : "");
        test_head_free(&t);
    }
}

static void test_limits(void **state)
{
    char text[2048];
    const char *why = NULL;
    wsk__list_pos pos = {0};
    wsk__ext_item item;
    test_head t;
    size_t n;

    (void)state;
    n = append(text, sizeof(text), 0, "GET / HTTP/1.1\r\n");
    for (int i = 0; i <= WSK__EXT_MAX_OFFERS; i++)
        n = append(text, sizeof(text), n, FIELD "x%d\r\n", i);
    n = append(text, sizeof(text), n, "\r\n");
    test_head_parse(&t, WSK__HEAD_REQUEST, text, n);
    for (int i = 0; i < WSK__EXT_MAX_OFFERS; i++)
        assert_int_equal(wsk__ext_next(&t.head, &pos, &item, &why), 1);
    assert_null(why);
    assert_int_equal(wsk__ext_next(&t.head, &pos, &item, &why), -1);
    assert_non_null(why);
    assert_int_equal(wsk__ext_next(&t.head, &pos, &item, &why), -1);
    test_head_free(&t);

    /* Without escapes a value of any length stays where it is; with one, it must fit. */
    for (size_t len = 250; len <= 260; len++) {
        for (int escaped = 0; escaped < 2; escaped++) {
            char *value = malloc(len + 1);
            int r;

            memset(value, 'v', len);
            value[len] = 0;
            n = append(text, sizeof(text), 0, "GET / HTTP/1.1\r\n" FIELD "a; b=\"%s%s\"\r\n\r\n",
                       escaped ? "\\" : "", value);
            test_head_parse(&t, WSK__HEAD_REQUEST, text, n);
            pos = (wsk__list_pos){0};
            r = wsk__ext_next(&t.head, &pos, &item, &why);
            assert_int_equal(r, escaped && len > sizeof(item.scratch) ? -1 : 1);
            if (r == 1)
                assert_str(item.params[0].value, value);
            test_head_free(&t);
            free(value);
        }
    }
}

/* One MiB that begins well and is not to be read more than once. */
static void test_linear_time(void **state)
{
    static const char *const fillers[] = {"b ", "b", ",", ";", "\"", "\\", " ", "=", "\\b"};
    static const char *const begins[] = {"a, ", "a; b=\"", "a; ", ""};
    size_t len = 1 << 20;
    char *text = malloc(len + 128);
    double begin = cpu_seconds();

    (void)state;
    for (size_t i = 0; i < sizeof(fillers) / sizeof(fillers[0]); i++) {
        for (size_t j = 0; j < 4; j++) {
            size_t k = strlen(fillers[i]);
            size_t n = append(text, len, 0, "GET / HTTP/1.1\r\n" FIELD "%s", begins[j]);
            const char *why;
            wsk__list_pos pos = {0};
            wsk__ext_item item;
            test_head t;

            while (n + k <= len) {
                memcpy(text + n, fillers[i], k);
                n += k;
            }
            n = append(text, len + 128, n, "\r\n\r\n");
            test_head_parse(&t, WSK__HEAD_REQUEST, text, n);
            while (wsk__ext_next(&t.head, &pos, &item, &why) == 1)
                assert_true(pos.count <= WSK__EXT_MAX_OFFERS);
            test_head_free(&t);
        }
    }
    assert_true(cpu_seconds() - begin < LINEAR_SECONDS);
    free(text);
}

static void test_writing(void **state)
{
    wsk_ext_writer w;

    (void)state;
    memset(&w, 0, sizeof(w));
    wsk__ext_writer_begin(&w, "a");
    assert_int_equal(wsk_ext_writer_param(&w, "p", NULL), WSK_OK);
    assert_int_equal(wsk_ext_writer_param(&w, "q", "1"), WSK_OK);
    assert_int_equal(wsk_ext_writer_next_offer(&w), WSK_OK);
    assert_int_equal(wsk_ext_writer_param(&w, "r", "2"), WSK_OK);
    assert_string_equal(w.text, "a; p; q=1, a; r=2");
    wsk__ext_writer_begin(&w, "b");
    assert_int_equal(wsk_ext_writer_param(&w, "x", NULL), WSK_OK);
    assert_string_equal(w.text, "a; p; q=1, a; r=2, b; x");
    wsk__ext_writer_cancel(&w);
    assert_string_equal(w.text, "a; p; q=1, a; r=2");
    wsk__ext_writer_begin(&w, "c");
    assert_string_equal(w.text, "a; p; q=1, a; r=2, c");
    assert_int_equal(w.len, strlen(w.text));

    memset(&w, 0, sizeof(w));
    wsk__ext_writer_begin(&w, "a");
    wsk__ext_writer_cancel(&w);
    assert_string_equal(w.text, "");
    wsk__ext_writer_begin(&w, "b"); /* no comma in front */
    assert_string_equal(w.text, "b");
}

static void test_writing_refuses(void **state)
{
    static const char *const bad[] = {"", " ", "a b", "a\r\nX: y", "a,", "a;", "\"a\"", "\xC3\xA4"};
    wsk_ext_writer w;

    (void)state;
    memset(&w, 0, sizeof(w));
    wsk__ext_writer_begin(&w, "a");
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(wsk_ext_writer_param(&w, bad[i], NULL), WSK_ERR_INVAL);
        assert_int_equal(wsk_ext_writer_param(&w, "p", bad[i]), WSK_ERR_INVAL);
    }
    assert_int_equal(wsk_ext_writer_param(&w, NULL, NULL), WSK_ERR_INVAL);
    assert_string_equal(w.text, "a");
    assert_false(w.overflow);
}

static void test_writing_overflow(void **state)
{
    wsk_ext_writer w;
    char value[512];

    (void)state;
    memset(value, 'v', sizeof(value));
    value[sizeof(value) - 1] = 0;
    memset(&w, 0, sizeof(w));
    wsk__ext_writer_begin(&w, "first");
    wsk__ext_writer_begin(&w, "second");
    assert_int_equal(wsk_ext_writer_param(&w, "p", value), WSK_OK);
    assert_int_equal(wsk_ext_writer_param(&w, "p", value), WSK_ERR_LIMIT);
    assert_true(w.overflow);
    assert_int_equal(wsk_ext_writer_param(&w, "q", NULL), WSK_ERR_LIMIT);
    assert_int_equal(wsk_ext_writer_next_offer(&w), WSK_ERR_LIMIT);
    wsk__ext_writer_cancel(&w);
    assert_false(w.overflow);
    assert_string_equal(w.text, "first");

    /* An overflow of an earlier extension is not forgotten. */
    wsk__ext_writer_begin(&w, "second");
    while (wsk_ext_writer_param(&w, "p", value) == WSK_OK)
        ;
    wsk__ext_writer_begin(&w, "third");
    wsk__ext_writer_cancel(&w);
    assert_true(w.overflow);

    /* To the last octet. */
    memset(&w, 0, sizeof(w));
    wsk__ext_writer_begin(&w, "a");
    while (wsk_ext_writer_param(&w, "b", NULL) == WSK_OK)
        ;
    assert_true(w.len < sizeof(w.text) && w.len + 3 >= sizeof(w.text));
    assert_int_equal(strlen(w.text), w.len);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reading),         cmocka_unit_test(test_limits),
        cmocka_unit_test(test_linear_time),     cmocka_unit_test(test_writing),
        cmocka_unit_test(test_writing_refuses), cmocka_unit_test(test_writing_overflow),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
