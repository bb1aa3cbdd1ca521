/* SPDX-License-Identifier: MIT */
/* The head parser: what it accepts, and at which octet it refuses the rest. */
#include "heads.h"

#include <stdio.h>
#include <stdlib.h>

#define S(text) (text), sizeof(text) - 1

#define MANY_10(x) x x x x x x x x x x

/* A head that is refused. `proof` ends in the octet that proves it; `rest` must not matter. */
typedef struct bad_head {
    const char *why;
    const char *proof;
    size_t proof_len;
    const char *rest;
    size_t rest_len;
    unsigned status;
} bad_head;

static const bad_head bad_requests[] = {
    {"a TLS record on a plain port", S("\x16"), S("\x03\x01\x02"), 400},
    {"NUL at once", S("\0"), S(""), 400},
    {"a second empty line", S("\r\n\r"), S("\nGET / HTTP/1.1\r\n\r\n"), 400},
    {"an empty line of LF alone", S("\n"), S("GET / HTTP/1.1\r\n\r\n"), 400},
    {"CR without LF in front", S("\rG"), S("ET / HTTP/1.1\r\n\r\n"), 400},
    {"white space in front of the method", S(" "), S("GET / HTTP/1.1\r\n\r\n"), 400},
    {"the method is no token", S("G("), S("T / HTTP/1.1\r\n\r\n"), 400},
    {"a tab for a space", S("GET\t"), S("/ HTTP/1.1\r\n\r\n"), 400},
    {"a method and nothing else", S("GET\r"), S("\n\r\n"), 400},
    {"NUL within the method", S("GE\0"), S("T / HTTP/1.1\r\n\r\n"), 400},
    {"a method longer than any, RFC 9112 3", S(MANY_10("ABC") "DEF"), S(" / HTTP/1.1\r\n"), 501},
    {"two spaces behind the method", S("GET  "), S("/ HTTP/1.1\r\n\r\n"), 400},
    {"a fragment in the target", S("GET /a#"), S("b HTTP/1.1\r\n\r\n"), 400},
    {"a fragment and nothing else", S("GET #"), S(" HTTP/1.1\r\n\r\n"), 400},
    {"NUL in the target", S("GET /\0"), S(" HTTP/1.1\r\n\r\n"), 400},
    {"obs-text in the target", S("GET /\xC3"), S("\xA4 HTTP/1.1\r\n\r\n"), 400},
    {"a control in the target", S("GET /\x1B"), S("[2J HTTP/1.1\r\n\r\n"), 400},
    {"DEL in the target", S("GET /\x7F"), S(" HTTP/1.1\r\n\r\n"), 400},
    {"a backslash in the target", S("GET /\\"), S("x HTTP/1.1\r\n\r\n"), 400},
    {"a quote in the target", S("GET /\""), S(" HTTP/1.1\r\n\r\n"), 400},
    {"HTTP/0.9", S("GET /\r"), S("\n"), 400},
    {"HTTP/0.9 with LF", S("GET /\n"), S(""), 400},
    {"a target without slash", S("GET chat "), S("HTTP/1.1\r\n\r\n"), 400},
    {"a target of nothing but a query", S("GET ?a "), S("HTTP/1.1\r\n\r\n"), 400},
    {"* with GET", S("GET * "), S("HTTP/1.1\r\n\r\n"), 400},
    {"host and port with GET", S("GET example.org:80 "), S("HTTP/1.1\r\n\r\n"), 400},
    {"a path with CONNECT", S("CONNECT /x "), S("HTTP/1.1\r\n\r\n"), 400},
    {"a URI of another scheme", S("GET file:///etc/passwd "), S("HTTP/1.1\r\n\r\n"), 400},
    {"a URI without host", S("GET http:///x "), S("HTTP/1.1\r\n\r\n"), 400},
    {"a URI with a user", S("GET http://a@b/x "), S("HTTP/1.1\r\n\r\n"), 400},
    {"a URI with a port of letters", S("GET ws://a:b/x "), S("HTTP/1.1\r\n\r\n"), 400},
    {"a cut percent-encoding", S("GET /%4 "), S("HTTP/1.1\r\n\r\n"), 400},
    {"a percent-encoding of no digits", S("GET /?%zz "), S("HTTP/1.1\r\n\r\n"), 400},
    {"another protocol", S("GET / HTTQ"), S("/1.1\r\n\r\n"), 400},
    {"HTTP in small letters, RFC 9112 2.3", S("GET / h"), S("ttp/1.1\r\n\r\n"), 400},
    {"two spaces before the version", S("GET /  "), S("HTTP/1.1\r\n\r\n"), 400},
    {"no version behind the space", S("GET / \r"), S("\n\r\n"), 400},
    {"HTTP/2.0", S("GET / HTTP/2"), S(".0\r\n\r\n"), 505},
    {"the preface of HTTP/2", S("PRI * HTTP/2"), S(".0\r\n\r\nSM\r\n\r\n"), 505},
    {"HTTP/3", S("GET / HTTP/3"), S("\r\n\r\n"), 505},
    {"HTTP/0.9 in full", S("GET / HTTP/0"), S(".9\r\n\r\n"), 505},
    {"a version of letters", S("GET / HTTP/x"), S("\r\n\r\n"), 400},
    {"HTTP/11", S("GET / HTTP/11"), S(".1\r\n\r\n"), 400},
    {"HTTP/1.x", S("GET / HTTP/1.x"), S("\r\n\r\n"), 400},
    {"HTTP/1.10", S("GET / HTTP/1.10"), S("\r\n\r\n"), 400},
    {"HTTP/1", S("GET / HTTP/1\r"), S("\n\r\n"), 400},
    {"a space behind the version", S("GET / HTTP/1.1 "), S("\r\n\r\n"), 400},
    {"LF alone behind the version", S("GET / HTTP/1.1\n"), S("\r\n\r\n"), 400},
    {"CR alone behind the version", S("GET / HTTP/1.1\rH"), S("ost: a\r\n\r\n"), 400},
    {"CR twice behind the version", S("GET / HTTP/1.1\r\r"), S("\n\r\n"), 400},
    {"a field line begins with a space", S("GET / HTTP/1.1\r\n "), S("Host: a\r\n\r\n"), 400},
    {"a folded line, RFC 9112 5.2", S("GET / HTTP/1.1\r\nA: b\r\n "), S("c\r\n\r\n"), 400},
    {"a line folded with a tab", S("GET / HTTP/1.1\r\nA: b\r\n\t"), S("c\r\n\r\n"), 400},
    {"a space before the colon", S("GET / HTTP/1.1\r\nHost "), S(": a\r\n\r\n"), 400},
    {"a tab before the colon", S("GET / HTTP/1.1\r\nHost\t"), S(": a\r\n\r\n"), 400},
    {"a field without a name", S("GET / HTTP/1.1\r\n:"), S(" a\r\n\r\n"), 400},
    {"a field without a colon", S("GET / HTTP/1.1\r\nHost\r"), S("\n\r\n"), 400},
    {"a field that ends in LF", S("GET / HTTP/1.1\r\nHost\n"), S("\r\n"), 400},
    {"NUL in a name", S("GET / HTTP/1.1\r\nHo\0"), S("st: a\r\n\r\n"), 400},
    {"a name that is no token", S("GET / HTTP/1.1\r\nHo("), S("st: a\r\n\r\n"), 400},
    {"obs-text in a name", S("GET / HTTP/1.1\r\nH\xF6"), S("st: a\r\n\r\n"), 400},
    {"NUL in a value", S("GET / HTTP/1.1\r\nA: b\0"), S("\r\n\r\n"), 400},
    {"a control in a value", S("GET / HTTP/1.1\r\nA: b\x1B"), S("[2J\r\n\r\n"), 400},
    {"DEL in a value", S("GET / HTTP/1.1\r\nA: b\x7F"), S("\r\n\r\n"), 400},
    {"a value ends in LF", S("GET / HTTP/1.1\r\nA: b\n"), S("\r\n\r\n"), 400},
    {"a bare CR in a value", S("GET / HTTP/1.1\r\nA: b\rc"), S("\r\n\r\n"), 400},
    {"CR twice behind a value", S("GET / HTTP/1.1\r\nA: b\r\r"), S("\n\r\n"), 400},
    {"a bare CR for the empty line", S("GET / HTTP/1.1\r\nA: b\r\n\rX"), S("\n"), 400},
    {"too many fields, RFC 6585 5",
     S("GET / HTTP/1.1\r\n" MANY_10("A: b\r\n") MANY_10("A: b\r\n") "A"), S(": b\r\n\r\n"), 431},
};

static const bad_head bad_responses[] = {
    {"something else", S("S"), S("SH-2.0-x\r\n"), 0},
    {"an empty line in front", S("\r"), S("\nHTTP/1.1 101 x\r\n\r\n"), 0},
    {"HTTP/2", S("HTTP/2"), S(" 101\r\n\r\n"), 0},
    {"no status", S("HTTP/1.1\r"), S("\n\r\n"), 0},
    {"two spaces", S("HTTP/1.1  "), S("101 x\r\n\r\n"), 0},
    {"a status of two digits", S("HTTP/1.1 10 "), S("x\r\n\r\n"), 0},
    {"a status of four digits", S("HTTP/1.1 1010"), S(" x\r\n\r\n"), 0},
    {"a status of letters", S("HTTP/1.1 O"), S("K\r\n\r\n"), 0},
    {"a status below 100", S("HTTP/1.1 0"), S("99 x\r\n\r\n"), 0},
    {"LF alone behind the status", S("HTTP/1.1 101\n"), S("\r\n"), 0},
    {"NUL in the reason", S("HTTP/1.1 101 a\0"), S("\r\n\r\n"), 0},
    {"LF alone behind the reason", S("HTTP/1.1 101 x\n"), S("\r\n"), 0},
    {"a folded line", S("HTTP/1.1 101 x\r\nA: b\r\n "), S("c\r\n\r\n"), 0},
    {"a space before the colon", S("HTTP/1.1 101 x\r\nA "), S(": b\r\n\r\n"), 0},
    {"too many fields", S("HTTP/1.1 101 x\r\n" MANY_10("A: b\r\n") MANY_10("A: b\r\n") "A"),
     S(": b\r\n\r\n"), 0},
};

#define MAX_FIELDS 20

/* Feeds text in pieces of `cut` octets, each time from another buffer that ends at a guard page.
 * Returns what the parser said at last, and how many octets it had then. */
static long feed(wsk__head *head, const char *text, size_t len, size_t cut, size_t max_len,
                 size_t *ret_fed, wsk__refusal *ret, uint8_t **ret_buf)
{
    long n = 0;

    for (size_t fed = 0, seen = 0; n == 0 && fed < len; seen = fed) {
        fed += cut < len - fed ? cut : len - fed;
        uint8_t *buf = guard_copy(text, fed);

        n = wsk__head_parse(head, (char *)buf, fed, seen, max_len, ret);
        *ret_fed = fed;
        if (n > 0 && ret_buf != NULL)
            *ret_buf = buf;
        else
            guard_free(buf, fed);
    }
    return n;
}

static void check_bad(const bad_head *row, wsk__head_kind kind)
{
    size_t len = row->proof_len + row->rest_len, fed = 0;
    char *text = malloc(len);

    memcpy(text, row->proof, row->proof_len);
    memcpy(text + row->proof_len, row->rest, row->rest_len);
    for (size_t i = 0; i < 5; i++) {
        size_t cut = cut_sizes[i] < len ? cut_sizes[i] : len;
        size_t expected = (row->proof_len + cut - 1) / cut * cut;
        wsk__field fields[MAX_FIELDS];
        wsk__head head = {.kind = kind, .fields = fields, .max_fields = MAX_FIELDS};
        wsk__refusal refusal = {999, NULL};
        long n = feed(&head, text, len, cut, 8192, &fed, &refusal, NULL);

        if (n != -1)
            fail_msg("%s: not refused (%ld)", row->why, n);
        if (refusal.status != row->status)
            fail_msg("%s: %u instead of %u", row->why, refusal.status, row->status);
        assert_non_null(refusal.text);
        if (fed != (expected < len ? expected : len))
            fail_msg("%s: refused after %zu octets instead of %zu", row->why, fed, expected);
    }
    free(text);
}

static void test_refusals(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(bad_requests) / sizeof(bad_requests[0]); i++)
        check_bad(&bad_requests[i], WSK__HEAD_REQUEST);
    for (size_t i = 0; i < sizeof(bad_responses) / sizeof(bad_responses[0]); i++)
        check_bad(&bad_responses[i], WSK__HEAD_RESPONSE);
}

/* A head in order, and its parts. fields: "name=value;" as they should come out. */
typedef struct good_head {
    const char *text;
    const char *method, *target, *path, *query, *authority;
    unsigned minor;
    const char *fields;
} good_head;

static const good_head good_requests[] = {
    {"GET / HTTP/1.1\r\n\r\n", "GET", "/", "/", "", "", 1, ""},
    {"GET /chat?a=1?b=/ HTTP/1.1\r\nHost: example.org\r\n\r\n", "GET", "/chat?a=1?b=/", "/chat",
     "a=1?b=/", "", 1, "Host=example.org;"},
    /* RFC 9112 2.2: one empty line is passed over */
    {"\r\nGET / HTTP/1.1\r\n\r\n", "GET", "/", "/", "", "", 1, ""},
    {"GET / HTTP/1.0\r\nA:b\r\n\r\n", "GET", "/", "/", "", "", 0, "A=b;"},
    /* RFC 9110 2.5 */
    {"GET / HTTP/1.7\r\n\r\n", "GET", "/", "/", "", "", 1, ""},
    /* white space around a value is not part of it; there may be none left */
    {"GET / HTTP/1.1\r\nA: \t b c \t \r\nB:\r\nC:  \r\n\r\n", "GET", "/", "/", "", "", 1,
     "A=b c;B=;C=;"},
    /* obs-text, colons, quotes and tabs within a value */
    {"GET / HTTP/1.1\r\nA: \xC3\xA4:\"\tx\"\r\n\r\n", "GET", "/", "/", "", "", 1,
     "A=\xC3\xA4:\"\tx\";"},
    /* odd names: they are only names */
    {"GET / HTTP/1.1\r\n__proto__: a\r\n!#$%&'*+-.^_`|~: b\r\n\r\n", "GET", "/", "/", "", "", 1,
     "__proto__=a;!#$%&'*+-.^_`|~=b;"},
    {"GET //x/../y;z=1 HTTP/1.1\r\n\r\n", "GET", "//x/../y;z=1", "//x/../y;z=1", "", "", 1, ""},
    {"GET /? HTTP/1.1\r\n\r\n", "GET", "/?", "/", "", "", 1, ""},
    /* what browsers leave in a query */
    {"GET /?q={a|b}[c]^`' HTTP/1.1\r\n\r\n", "GET", "/?q={a|b}[c]^`'", "/", "q={a|b}[c]^`'", "", 1,
     ""},
    {"GET http://example.org HTTP/1.1\r\n\r\n", "GET", "http://example.org", "/", "", "example.org",
     1, ""},
    {"GET WS://[::1]:80/a?b HTTP/1.1\r\n\r\n", "GET", "WS://[::1]:80/a?b", "/a", "b", "[::1]:80", 1,
     ""},
    {"GET wss://a?b HTTP/1.1\r\n\r\n", "GET", "wss://a?b", "/", "b", "a", 1, ""},
    {"OPTIONS * HTTP/1.1\r\n\r\n", "OPTIONS", "*", "*", "", "", 1, ""},
    {"CONNECT a:443 HTTP/1.1\r\n\r\n", "CONNECT", "a:443", "", "", "a:443", 1, ""},
    {"POST /x HTTP/1.1\r\nContent-Length: 3\r\n\r\n", "POST", "/x", "/x", "", "", 1,
     "Content-Length=3;"},
};

static void check_fields(const wsk__head *head, const char *expected)
{
    char text[512];
    size_t n = 0;

    text[0] = 0;
    for (size_t i = 0; i < head->n_fields; i++)
        n += (size_t)snprintf(text + n, sizeof(text) - n, "%.*s=%.*s;",
                              (int)head->fields[i].name.len, head->fields[i].name.ptr,
                              (int)head->fields[i].value.len, head->fields[i].value.ptr);
    assert_string_equal(text, expected);
}

static void test_requests(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(good_requests) / sizeof(good_requests[0]); i++) {
        const good_head *row = &good_requests[i];
        size_t len = strlen(row->text);

        for (size_t k = 0; k < 5; k++) {
            wsk__field fields[MAX_FIELDS];
            wsk__head head = {
                .kind = WSK__HEAD_REQUEST, .fields = fields, .max_fields = MAX_FIELDS};
            wsk__refusal refusal = {0, NULL};
            uint8_t *buf = NULL;
            size_t fed = 0;
            long n = feed(&head, row->text, len, cut_sizes[k], 8192, &fed, &refusal, &buf);

            if (n != (long)len)
                fail_msg("%s: %ld, %s", row->text, n, refusal.text ? refusal.text : "");
            assert_str(head.method, row->method);
            assert_str(head.target, row->target);
            assert_str(head.path, row->path);
            assert_str(head.query, row->query);
            assert_str(head.authority, row->authority);
            assert_int_equal(head.minor, row->minor);
            check_fields(&head, row->fields);
            assert_str(head.whole, row->text + (row->text[0] == '\r' ? 2 : 0));
            guard_free(buf, fed);
        }
    }
}

static void test_responses(void **state)
{
    static const struct {
        const char *text;
        unsigned minor, status;
        const char *reason, *fields;
    } rows[] = {
        {"HTTP/1.1 101 Switching Protocols\r\nA: b\r\n\r\n", 1, 101, "Switching Protocols", "A=b;"},
        {"HTTP/1.0 404 \r\n\r\n", 0, 404, "", ""},
        {"HTTP/1.1 200\r\n\r\n", 1, 200, "", ""},
        {"HTTP/1.9 999 \xC3\xA4\tb \r\n\r\n", 1, 999, "\xC3\xA4\tb", ""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        for (size_t k = 0; k < 5; k++) {
            wsk__field fields[MAX_FIELDS];
            wsk__head head = {
                .kind = WSK__HEAD_RESPONSE, .fields = fields, .max_fields = MAX_FIELDS};
            wsk__refusal refusal = {0, NULL};
            uint8_t *buf = NULL;
            size_t fed = 0, len = strlen(rows[i].text);

            assert_int_equal(
                feed(&head, rows[i].text, len, cut_sizes[k], 8192, &fed, &refusal, &buf), len);
            assert_int_equal(head.minor, rows[i].minor);
            assert_int_equal(head.status, rows[i].status);
            assert_str(head.reason, rows[i].reason);
            check_fields(&head, rows[i].fields);
            guard_free(buf, fed);
        }
    }
}

/* What comes behind the head is not its business and not looked at. */
static void test_octets_behind(void **state)
{
    static const char text[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\n\x81\x80\0\0\0\0GET / HTTP";
    test_head t;
    wsk__refusal refusal;
    size_t len = strlen(text); /* up to the first NUL */

    (void)state;
    test_head_parse(&t, WSK__HEAD_REQUEST, text, len - 2);
    uint8_t *buf = guard_copy(text, sizeof(text) - 1);
    assert_int_equal(wsk__head_parse(&t.head, (char *)buf, sizeof(text) - 1, 0, SIZE_MAX, &refusal),
                     len - 2);
    assert_int_equal(t.head.whole.len, len - 2);
    guard_free(buf, sizeof(text) - 1);
    test_head_free(&t);
}

/* A head may have max_len octets and no more; a request line that alone is too long is 414. */
static void test_length_limit(void **state)
{
    static const char text[] = "GET /0123456789 HTTP/1.1\r\nA: 0123456789\r\n\r\n";
    size_t len = sizeof(text) - 1, fed = 0;
    wsk__field fields[MAX_FIELDS];

    (void)state;
    for (size_t max_len = 1; max_len <= len; max_len++) {
        for (size_t k = 0; k < 5; k++) {
            wsk__head head = {
                .kind = WSK__HEAD_REQUEST, .fields = fields, .max_fields = MAX_FIELDS};
            wsk__refusal refusal = {0, NULL};
            size_t cut = cut_sizes[k] < len ? cut_sizes[k] : len;
            size_t expected = (max_len + cut - 1) / cut * cut;
            uint8_t *buf = NULL;
            long n = feed(&head, text, len, cut, max_len, &fed, &refusal, &buf);

            if (max_len == len) {
                assert_int_equal(n, len);
                guard_free(buf, fed);
                continue;
            }
            assert_int_equal(n, -1);
            /* Behind the target the version is what is missing. */
            assert_int_equal(refusal.status, max_len <= strlen("GET /0123456789") ? 414 : 431);
            assert_int_equal(fed, expected < len ? expected : len);
        }
    }
}

static void test_field_limit(void **state)
{
    static const char text[] = "GET / HTTP/1.1\r\nA: 1\r\nB: 2\r\nC: 3\r\n\r\n";
    wsk__field fields[3];

    (void)state;
    for (size_t max = 0; max <= 3; max++) {
        wsk__head head = {.kind = WSK__HEAD_REQUEST, .fields = fields, .max_fields = max};
        wsk__refusal refusal = {0, NULL};
        long n = wsk__head_parse(&head, text, sizeof(text) - 1, 0, 8192, &refusal);

        assert_int_equal(n, max == 3 ? (long)sizeof(text) - 1 : -1);
        if (max < 3)
            assert_int_equal(refusal.status, 431);
    }
}

/* Each single octet in each place of a small head: accepted or refused, but nothing beyond the
 * page is touched, and whole and cut input come to the same end. */
static void test_every_octet_everywhere(void **state)
{
    static const char text[] = "GET /%41 HTTP/1.1\r\nHost: a\r\nB: c\r\n\r\n";
    size_t len = sizeof(text) - 1;

    (void)state;
    for (size_t place = 0; place < len; place++) {
        for (int octet = 0; octet < 256; octet++) {
            char *copy = malloc(len);
            long first = 0;
            unsigned status = 0;

            memcpy(copy, text, len);
            copy[place] = (char)octet;
            uint8_t *buf = guard_copy(copy, len);
            for (int cut = 0; cut < 2; cut++) {
                wsk__field fields[MAX_FIELDS];
                wsk__head head = {
                    .kind = WSK__HEAD_REQUEST, .fields = fields, .max_fields = MAX_FIELDS};
                wsk__refusal refusal = {0, NULL};
                long n = 0;

                for (size_t fed = cut ? 1 : len; n == 0 && fed <= len; fed++)
                    n = wsk__head_parse(&head, (char *)buf, fed, cut ? fed - 1 : 0, 8192, &refusal);
                if (cut == 0) {
                    first = n;
                    status = refusal.status;
                } else {
                    assert_int_equal(n, first);
                    assert_int_equal(refusal.status, status);
                }
            }
            guard_free(buf, len);
            free(copy);
        }
    }
}

/* A caller that did not keep the head, or that hands in one which stands elsewhere, gets the same
 * answer, only slower. */
static void test_another_head_each_time(void **state)
{
    static const char text[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    static const char other[] = "\r\nGET /a/longer/one/than/that HTTP/1.1\r\nA: b";
    wsk__field fields[MAX_FIELDS];
    wsk__refusal refusal;

    (void)state;
    for (int used = 0; used < 2; used++) {
        long n = 0;

        for (size_t fed = 1; fed < sizeof(text) && n == 0; fed++) {
            wsk__head head = {
                .kind = WSK__HEAD_REQUEST, .fields = fields, .max_fields = MAX_FIELDS};

            if (used)
                assert_int_equal(
                    wsk__head_parse(&head, other, sizeof(other) - 1, 0, 8192, &refusal), 0);
            n = wsk__head_parse(&head, text, fed, fed - 1, 8192, &refusal);
        }
        assert_int_equal(n, sizeof(text) - 1);
        assert_str(fields[0].value, "a");
    }
}

/* One MiB in single octets: the slow client must not cost more than the fast one. */
static void test_linear_time(void **state)
{
    static const char *const fillers[] = {"b ", "a", ",", "\"", "\\\"", "x: y\r\n", ";=", "\t"};
    size_t len = 1 << 20;
    char *text = malloc(len);
    double begin = cpu_seconds();

    (void)state;
    for (size_t i = 0; i < sizeof(fillers) / sizeof(fillers[0]); i++) {
        size_t n = 0, k = strlen(fillers[i]);
        wsk__head head = {.kind = WSK__HEAD_REQUEST, .max_fields = SIZE_MAX};
        wsk__refusal refusal;

        n = append(text, len, 0, "GET / HTTP/1.1\r\n%s", k > 3 ? "" : "A: ");
        while (n + k <= len) {
            memcpy(text + n, fillers[i], k);
            n += k;
        }
        for (size_t fed = 1; fed <= n; fed++)
            assert_int_equal(wsk__head_parse(&head, text, fed, fed - 1, SIZE_MAX, &refusal), 0);
    }
    assert_true(cpu_seconds() - begin < LINEAR_SECONDS);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_requests),
        cmocka_unit_test(test_responses),
        cmocka_unit_test(test_octets_behind),
        cmocka_unit_test(test_length_limit),
        cmocka_unit_test(test_field_limit),
        cmocka_unit_test(test_every_octet_everywhere),
        cmocka_unit_test(test_another_head_each_time),
        cmocka_unit_test(test_linear_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
