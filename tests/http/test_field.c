/* SPDX-License-Identifier: MIT */
/* Character classes, hosts, targets, field look-up and comma-separated lists. */
#include "heads.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

/* RFC 9110 5.6.2, written another way than the table. */
static bool is_tchar(int c)
{
    return c != 0 && c < 128 && (isalnum(c) || strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

static void test_classes(void **state)
{
    (void)state;
    for (int c = 0; c < 256; c++) {
        char octet = (char)c;
        wsk_str one = {&octet, 1};
        char target[] = {'/', (char)c};
        bool pchar = c != 0 && c < 128 && (isalnum(c) || strchr("-._~!$&'()*+,;=:@/?", c) != NULL);

        assert_int_equal(wsk__is_token(one), is_tchar(c));
        assert_int_equal(wsk__is_field_value(one), c == '\t' || (c >= 32 && c != 127));
        assert_int_equal(wsk__is_target((wsk_str){target, 2}), pchar);
        assert_int_equal(wsk__is_host(one, NULL, NULL),
                         c != 0 && c < 128 && (isalnum(c) || strchr("-._~", c) != NULL));
    }
    assert_false(wsk__is_token((wsk_str){NULL, 0}));
    assert_true(wsk__is_field_value((wsk_str){NULL, 0}));
}

static void test_targets(void **state)
{
    static const struct {
        const char *text;
        bool ok;
    } rows[] = {
        {"/", true},
        {"/a/b;c=d?e=f&g=/?", true},
        {"/%41%fF", true},
        {"//", true},
        {"", false},
        {"a", false},
        {"?a", false},
        {"*", false},
        {"http://a/", false},
        {"/%", false},
        {"/%4", false},
        {"/%4g", false},
        {"/%g4", false},
        {"/a b", false},
        {"/a\r\nHost: b", false},
        {"/a#b", false},
        {"/\xC3\xA4", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        size_t n = strlen(rows[i].text);
        uint8_t *p = guard_copy(rows[i].text, n);

        if (wsk__is_target((wsk_str){(char *)p, n}) != rows[i].ok)
            fail_msg("target %s", rows[i].text);
        guard_free(p, n);
    }
}

static void test_hosts(void **state)
{
    static const struct {
        const char *text, *host, *port; /* host NULL: refused */
    } rows[] = {
        {"example.org", "example.org", ""},
        {"example.org:8080", "example.org", "8080"},
        {"example.org:", "example.org", ""}, /* RFC 3986 3.2.3 */
        {"127.0.0.1:1", "127.0.0.1", "1"},
        {"[::1]", "[::1]", ""},
        {"[::]:80", "[::]", "80"},
        {"[::ffff:1.2.3.4]:65535", "[::ffff:1.2.3.4]", "65535"},
        {"under_score", "under_score", ""},
        {"", NULL, NULL},
        {":80", NULL, NULL},
        {"a:b", NULL, NULL},
        {"a:123456", NULL, NULL},
        {"a:1:2", NULL, NULL},
        {"::1", NULL, NULL},
        {"[::1", NULL, NULL},
        {"[]", NULL, NULL},
        {"[:]", NULL, NULL},
        {"[::1]x", NULL, NULL},
        {"[fe80::1%25eth0]", NULL, NULL}, /* RFC 6874 1: a zone never leaves its machine */
        {"[a@b]", NULL, NULL},
        {"a b", NULL, NULL},
        {"a,b", NULL, NULL},
        {"a/b", NULL, NULL},
        {"a@b", NULL, NULL},
        {"a%2Eb", NULL, NULL},
        {"a\r\nX: y", NULL, NULL},
        {"\xC3\xA4.org", NULL, NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        size_t n = strlen(rows[i].text);
        uint8_t *p = guard_copy(rows[i].text, n);
        wsk_str host = {NULL, 99}, port = {NULL, 99};
        bool ok = wsk__is_host((wsk_str){(char *)p, n}, &host, &port);

        if (ok != (rows[i].host != NULL))
            fail_msg("host %s", rows[i].text);
        if (ok) {
            assert_str(host, rows[i].host);
            assert_str(port, rows[i].port);
        } else {
            assert_int_equal(host.len, 99);
        }
        guard_free(p, n);
    }
}

static void test_find(void **state)
{
    static const char text[] = "GET / HTTP/1.1\r\nA: 1\r\nBB: 2\r\na: 3\r\nAA: 4\r\n\r\n";
    test_head t;

    (void)state;
    test_head_parse(&t, WSK__HEAD_REQUEST, text, sizeof(text) - 1);
    assert_str(wsk__head_find(&t.head, "A", 0)->value, "1");
    assert_str(wsk__head_find(&t.head, "a", 1)->value, "3");
    assert_null(wsk__head_find(&t.head, "A", 2));
    assert_str(wsk__head_find(&t.head, "bb", 0)->value, "2");
    assert_null(wsk__head_find(&t.head, "B", 0));
    assert_null(wsk__head_find(&t.head, "", 0));
    test_head_free(&t);
}

/* The fields of a list and its elements, each in brackets. */
static void test_lists(void **state)
{
    static const struct {
        const char *fields, *elements;
    } rows[] = {
        {"", ""},
        {"L: a\r\n", "[a]"},
        {"L: a, b ,c\t,\td\r\n", "[a][b][c][d]"},
        {"L: a\r\nX: z\r\nl: b, c\r\n", "[a][b][c]"},
        {"L: ,, a,\t,b,\r\nL:\r\nL: ,\r\nL: c\r\n", "[a][b][c]"}, /* RFC 9110 5.6.1.2 */
        {"L: a b, c=\"d, e\";f, g\r\n", "[a b][c=\"d, e\";f][g]"},
        {"L: \"a\\\", b\", c\r\n", "[\"a\\\", b\"][c]"},
        {"L: \"a\\\\\", b\r\n", "[\"a\\\\\"][b]"},
        {"L: \"a, b\r\nL: c\r\n", "[\"a, b][c]"}, /* quotes do not reach over fields */
        {"L: \"a\\\r\nL: c\r\n", "[\"a\\][c]"},
        {"L: a\\, b\r\n", "[a\\][b]"}, /* no escape outside of quotes */
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char text[512], out[512] = "";
        wsk__list_pos pos = {0};
        wsk_str element;
        size_t n, count = 0, used = 0;
        test_head t;

        n = (size_t)snprintf(text, sizeof(text), "GET / HTTP/1.1\r\nA: b\r\n%s\r\n",
                             rows[i].fields);
        test_head_parse(&t, WSK__HEAD_REQUEST, text, n);
        while (wsk__head_next_element(&t.head, "L", &pos, &element)) {
            used += (size_t)snprintf(out + used, sizeof(out) - used, "[%.*s]", (int)element.len,
                                     element.ptr);
            count++;
            assert_int_equal(pos.count, count);
        }
        assert_string_equal(out, rows[i].elements);
        assert_false(wsk__head_next_element(&t.head, "L", &pos, &element));
        test_head_free(&t);
    }
}

static void test_tokens(void **state)
{
    static const char text[] = "GET / HTTP/1.1\r\nConnection: keep-alive\r\n"
                               "CONNECTION: close, uPgRaDe\r\nUpgrade: websockets\r\n\r\n";
    test_head t;

    (void)state;
    test_head_parse(&t, WSK__HEAD_REQUEST, text, sizeof(text) - 1);
    assert_true(wsk__head_has_token(&t.head, "connection", "upgrade"));
    assert_true(wsk__head_has_token(&t.head, "Connection", "Keep-Alive"));
    assert_false(wsk__head_has_token(&t.head, "Connection", "up"));
    assert_false(wsk__head_has_token(&t.head, "Upgrade", "websocket"));
    assert_false(wsk__head_has_token(&t.head, "Host", "a"));
    test_head_free(&t);
}

/* One MiB of whatever confuses lists. */
static void test_linear_time(void **state)
{
    static const char *const fillers[] = {"b ", "b,", ",", "\"", "\\\"", "\"\\", " ", "\",\""};
    size_t len = 1 << 20;
    char *text = malloc(len + 32);
    double begin = cpu_seconds();

    (void)state;
    for (size_t i = 0; i < sizeof(fillers) / sizeof(fillers[0]); i++) {
        size_t n = append(text, len, 0, "GET / HTTP/1.1\r\nL: "), k = strlen(fillers[i]);
        wsk__list_pos pos = {0};
        wsk_str element;
        test_head t;

        while (n + k <= len) {
            memcpy(text + n, fillers[i], k);
            n += k;
        }
        n = append(text, len + 32, n, "\r\n\r\n");
        test_head_parse(&t, WSK__HEAD_REQUEST, text, n);
        while (wsk__head_next_element(&t.head, "L", &pos, &element))
            assert_true(element.len > 0);
        assert_false(wsk__head_has_token(&t.head, "L", "upgrade"));
        test_head_free(&t);
    }
    assert_true(cpu_seconds() - begin < LINEAR_SECONDS);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_classes),     cmocka_unit_test(test_targets),
        cmocka_unit_test(test_hosts),       cmocka_unit_test(test_find),
        cmocka_unit_test(test_lists),       cmocka_unit_test(test_tokens),
        cmocka_unit_test(test_linear_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
