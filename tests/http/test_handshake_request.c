/* SPDX-License-Identifier: MIT */
/* What a server makes of a request: handshake, plain request or refusal; Origin; subprotocols. */
#include "heads.h"

#include <stdio.h>
#include <stdlib.h>

#include "http/handshake.h"
#include "util/strs.h"

#define LINE    "GET /chat HTTP/1.1\r\n"
#define HOST    "Host: server.example.com\r\n"
#define UPGRADE "Upgrade: websocket\r\n"
#define CONN    "Connection: Upgrade\r\n"
#define KEY     "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
#define VERSION "Sec-WebSocket-Version: 13\r\n"
#define REST    UPGRADE CONN KEY VERSION
#define PROTO   "Sec-WebSocket-Protocol: "

/* status: 1 a handshake, 0 a plain request, else the refusal. The empty line is added. */
typedef struct row {
    const char *why;
    unsigned status;
    const char *text;
} row;

static const row rows[] = {
    {"the example of RFC 6455 1.3", 1,
     LINE HOST UPGRADE CONN KEY "Origin: http://example.com\r\n" PROTO
                                "chat, superchat\r\n" VERSION},
    {"names and tokens in any case", 1,
     LINE "hOST: a\r\nuPGRADE: WebSocket\r\ncoNNection: uPGRADE\r\nsec-websocket-KEY: "
          "dGhlIHNhbXBsZSBub25jZQ==\r\nSEC-WEBSOCKET-VERSION: 13\r\n"},
    {"Connection as a list, as Firefox sends it", 1,
     LINE HOST UPGRADE "Connection: keep-alive, Upgrade\r\n" KEY VERSION},
    {"Connection over two lines", 1,
     LINE HOST UPGRADE "Connection: keep-alive\r\nConnection: ,Upgrade\r\n" KEY VERSION},
    {"Upgrade as a list", 1, LINE HOST "Upgrade: h2c, websocket\r\n" CONN KEY VERSION},
    {"Upgrade over two lines", 1,
     LINE HOST "Upgrade: websocket\r\nUpgrade: foo/2\r\n" CONN KEY VERSION},
    {"a body of no octets", 1, LINE HOST REST "Content-Length: 0\r\n"},
    {"a URI, its host that of the field", 1,
     "GET http://server.example.com/chat HTTP/1.1\r\n" HOST REST},
    {"a URI with the default port", 1, "GET wss://SERVER.example.com:443/ HTTP/1.1\r\n" HOST REST},
    {"a key that ends in g==", 1,
     LINE HOST UPGRADE CONN VERSION "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAg==\r\n"},
    {"a minor version that is yet to come", 1, "GET / HTTP/1.2\r\n" HOST REST},

    {"a page", 0, LINE HOST},
    {"HEAD of a page", 0, "HEAD / HTTP/1.1\r\n" HOST},
    {"a page with HTTP/1.0", 0, "GET / HTTP/1.0\r\n"},
    {"a client that could do HTTP/2", 0,
     LINE HOST "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"},
    {"keep-alive", 0, LINE HOST "Connection: keep-alive\r\n"},

    {"no Host, RFC 9112 3.2", 400, LINE REST},
    {"no Host for a page", 400, LINE},
    {"Host twice", 400, LINE HOST HOST REST},
    {"Host empty", 400, LINE "Host:\r\n" REST},
    {"Host with a user", 400, LINE "Host: a@b\r\n" REST},
    {"Host with a path", 400, LINE "Host: a/b\r\n" REST},
    {"Host a list", 400, LINE "Host: a, b\r\n" REST},
    {"a URI with another host", 400, "GET http://evil.example/ HTTP/1.1\r\n" HOST REST},
    {"a URI with another port", 400, "GET http://server.example.com:81/ HTTP/1.1\r\n" HOST REST},
    {"a URI with another default port", 400,
     "GET https://server.example.com:80/ HTTP/1.1\r\n" HOST REST},
    {"a URI whose host begins with that of the field", 400,
     "GET http://server.example.com.evil/ HTTP/1.1\r\n" HOST REST},

    {"POST", 405, "POST / HTTP/1.1\r\n" HOST REST},
    {"POST with a body", 405, "POST / HTTP/1.1\r\n" HOST "Content-Length: 4\r\n"},
    {"HEAD as a handshake, RFC 6455 4.1 item 2", 405, "HEAD / HTTP/1.1\r\n" HOST REST},
    {"OPTIONS", 405, "OPTIONS * HTTP/1.1\r\n" HOST},
    {"CONNECT", 405, "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n"},
    {"methods know case, RFC 9110 9.1", 405, "get / HTTP/1.1\r\n" HOST REST},
    {"a method that nobody knows", 405, "BREW / HTTP/1.1\r\n" HOST},

    {"HTTP/1.0, RFC 6455 4.2.1 item 1", 400, "GET / HTTP/1.0\r\n" HOST REST},

    {"no Upgrade", 426, LINE HOST CONN KEY VERSION},
    {"no Upgrade and no Connection: a proxy took them off", 426, LINE HOST KEY VERSION},
    {"the same with HTTP/1.0", 426, "GET / HTTP/1.0\r\n" HOST KEY VERSION},
    {"Upgrade to something else", 426, LINE HOST "Upgrade: h2c\r\n" CONN KEY VERSION},
    {"Upgrade that begins like it", 426, LINE HOST "Upgrade: websockets\r\n" CONN KEY VERSION},
    {"Upgrade with a version", 426, LINE HOST "Upgrade: websocket/13\r\n" CONN KEY VERSION},
    {"Upgrade in quotes", 426, LINE HOST "Upgrade: \"websocket\"\r\n" CONN KEY VERSION},
    {"Upgrade without comma", 426, LINE HOST "Upgrade: web socket\r\n" CONN KEY VERSION},
    {"Upgrade empty", 426, LINE HOST "Upgrade:\r\n" CONN KEY VERSION},

    {"no Connection", 400, LINE HOST UPGRADE KEY VERSION},
    {"Connection without Upgrade", 400, LINE HOST UPGRADE "Connection: keep-alive\r\n" KEY VERSION},
    {"Connection in quotes", 400, LINE HOST UPGRADE "Connection: \"Upgrade\"\r\n" KEY VERSION},
    {"Connection without comma", 400,
     LINE HOST UPGRADE "Connection: keep-alive Upgrade\r\n" KEY VERSION},

    {"no version", 400, LINE HOST UPGRADE CONN KEY},
    {"version 8, RFC 6455 4.4", 426, LINE HOST UPGRADE CONN KEY "Sec-WebSocket-Version: 8\r\n"},
    {"version 0", 426, LINE HOST UPGRADE CONN KEY "Sec-WebSocket-Version: 0\r\n"},
    {"version 25", 426, LINE HOST UPGRADE CONN KEY "Sec-WebSocket-Version: 25\r\n"},
    {"version 255", 426, LINE HOST UPGRADE CONN KEY "Sec-WebSocket-Version: 255\r\n"},
    {"another version without a key is still another version", 426,
     LINE HOST UPGRADE CONN "Sec-WebSocket-Version: 7\r\n"},
    {"version 256, RFC 6455 4.3", 400, LINE HOST UPGRADE CONN KEY "Sec-WebSocket-Version: 256\r\n"},
    {"version 013", 400, LINE HOST UPGRADE CONN KEY "Sec-WebSocket-Version: 013\r\n"},
    {"version 13.0", 400, LINE HOST UPGRADE CONN KEY "Sec-WebSocket-Version: 13.0\r\n"},
    {"version +13", 400, LINE HOST UPGRADE CONN KEY "Sec-WebSocket-Version: +13\r\n"},
    {"version x13", 400, LINE HOST UPGRADE CONN KEY "Sec-WebSocket-Version: x13\r\n"},
    {"version 1x", 400, LINE HOST UPGRADE CONN KEY "Sec-WebSocket-Version: 1x\r\n"},
    {"version x1", 400, LINE HOST UPGRADE CONN KEY "Sec-WebSocket-Version: x1\r\n"},
    {"version 4294967309, which is 13 in 32 bits", 400,
     LINE HOST UPGRADE CONN KEY "Sec-WebSocket-Version: 4294967309\r\n"},
    {"version empty", 400, LINE HOST UPGRADE CONN KEY "Sec-WebSocket-Version:\r\n"},
    {"version a list", 400, LINE HOST UPGRADE CONN KEY "Sec-WebSocket-Version: 13, 8\r\n"},
    {"version twice, different", 400, LINE HOST REST "Sec-WebSocket-Version: 8\r\n"},
    {"version twice, the same", 400, LINE HOST REST VERSION},

    {"no key", 400, LINE HOST UPGRADE CONN VERSION},
    {"key twice", 400, LINE HOST REST KEY},
    {"key empty", 400, LINE HOST UPGRADE CONN VERSION "Sec-WebSocket-Key:\r\n"},
    {"key of 15 octets", 400,
     LINE HOST UPGRADE CONN VERSION "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25j\r\n"},
    {"key of 17 octets", 400,
     LINE HOST UPGRADE CONN VERSION "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZTE=\r\n"},
    {"key of 24 octets in text", 400,
     LINE HOST UPGRADE CONN VERSION "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQAA\r\n"},
    {"key with a digit behind its end", 400,
     LINE HOST UPGRADE CONN VERSION "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=A\r\n"},
    {"key without its end", 400,
     LINE HOST UPGRADE CONN VERSION "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ\r\n"},
    {"key whose last digit has bits too many", 400,
     LINE HOST UPGRADE CONN VERSION "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZR==\r\n"},
    {"key in the URL alphabet", 400,
     LINE HOST UPGRADE CONN VERSION "Sec-WebSocket-Key: -_hlIHNhbXBsZSBub25jZQ==\r\n"},
    {"key with white space", 400,
     LINE HOST UPGRADE CONN VERSION "Sec-WebSocket-Key: dGhlIHNhbXBs SBub25jZQ==\r\n"},
    {"key with = too early", 400,
     LINE HOST UPGRADE CONN VERSION "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25j=A==\r\n"},

    {"a body in a handshake", 400, LINE HOST REST "Content-Length: 1\r\n"},
    {"chunks in a handshake", 400, LINE HOST REST "Transfer-Encoding: chunked\r\n"},
    {"an unknown coding in a handshake", 400, LINE HOST REST "Transfer-Encoding: x\r\n"},
    {"a body with a page", 400, LINE HOST "Content-Length: 10\r\n"},
    {"chunks with a page", 400, LINE HOST "Transfer-Encoding: gzip, chunked\r\n"},
    {"an unknown coding, RFC 9112 6.1", 501, LINE HOST "Transfer-Encoding: x, chunked\r\n"},
    {"a length twice", 400, LINE HOST REST "Content-Length: 0\r\nContent-Length: 0\r\n"},
    {"a length twice with POST", 400,
     "POST / HTTP/1.1\r\n" HOST "Content-Length: 1\r\nContent-Length: 2\r\n"},
    {"a list of lengths", 400, LINE HOST REST "Content-Length: 0, 0\r\n"},
    {"a length with a sign", 400, LINE HOST REST "Content-Length: +0\r\n"},
    {"a negative length", 400, LINE HOST REST "Content-Length: -0\r\n"},
    {"a length in hexadecimal", 400, LINE HOST REST "Content-Length: 0x0\r\n"},
    {"a length of nothing", 400, LINE HOST REST "Content-Length:\r\n"},
    {"length and chunks", 400,
     "POST / HTTP/1.1\r\n" HOST "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n"},
    {"chunks with HTTP/1.0", 400, "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n"},

    {"Origin twice", 400, LINE HOST REST "Origin: http://a\r\nOrigin: http://b\r\n"},

    {"a subprotocol that is no token", 400, LINE HOST REST PROTO "a b\r\n"},
    {"a quoted subprotocol", 400, LINE HOST REST PROTO "\"a\"\r\n"},
    {"a subprotocol twice", 400, LINE HOST REST PROTO "a, b, a\r\n"},
    {"a subprotocol twice in two fields", 400, LINE HOST REST PROTO "a\r\n" PROTO "b, a\r\n"},
    {"no subprotocol in the field", 400, LINE HOST REST PROTO "\r\n"},
    {"nothing but a comma in the field", 400, LINE HOST REST PROTO ",\r\n"},
    {"a parameter of a subprotocol", 400, LINE HOST REST PROTO "a;\r\n"},
    {"subprotocols know case", 1, LINE HOST REST PROTO "a, A\r\n"},
    {"extensions by the grammar", 1,
     LINE HOST REST "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n"},
    {"extensions that do not parse", 400,
     LINE HOST REST "Sec-WebSocket-Extensions: a\r\nSec-WebSocket-Extensions: b; c=\"d\r\n"},
    {"extensions of a page are nobody's business", 0, LINE HOST "Sec-WebSocket-Extensions: ;\r\n"},
    {"empty elements do not count", 1, LINE HOST REST PROTO ",a,, b,\r\n"},
};

static void test_judgement(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char text[1024];
        size_t n = (size_t)snprintf(text, sizeof(text), "%s\r\n", rows[i].text);
        wsk__refusal refusal = {0, NULL};
        wsk_str key = {NULL, 0};
        test_head t;
        int r;

        test_head_parse(&t, WSK__HEAD_REQUEST, text, n);
        r = wsk__handshake_judge_request(&t.head, &key, &refusal);
        if ((r < 0 ? refusal.status : (unsigned)r) != rows[i].status)
            fail_msg("%s: %u instead of %u (%s)", rows[i].why, r < 0 ? refusal.status : (unsigned)r,
                     rows[i].status, refusal.text ? refusal.text : "");
        if (r < 0)
            assert_non_null(refusal.text);
        assert_int_equal(key.len, r == 1 ? WSK__KEY_LEN : 0);
        test_head_free(&t);
    }
}

/* Whatever is left out of the handshake, it is none. */
static void test_each_field_is_needed(void **state)
{
    static const char *const fields[] = {HOST, UPGRADE, CONN, KEY, VERSION};

    (void)state;
    for (unsigned mask = 0; mask < 32; mask++) {
        char text[512];
        size_t n = append(text, sizeof(text), 0, "%s", LINE);
        wsk__refusal refusal;
        test_head t;
        wsk_str key;
        int r;

        for (size_t i = 0; i < 5; i++)
            if (mask & 1u << i)
                n = append(text, sizeof(text), n, "%s", fields[i]);
        n = append(text, sizeof(text), n, "\r\n");
        test_head_parse(&t, WSK__HEAD_REQUEST, text, n);
        r = wsk__handshake_judge_request(&t.head, &key, &refusal);
        if (mask == 31)
            assert_int_equal(r, 1);
        else if ((mask & 1) != 0 && (mask & (2 | 8 | 16)) == 0)
            assert_int_equal(r, 0); /* Host and perhaps Connection: a plain request */
        else
            assert_int_equal(r, -1);
        test_head_free(&t);
    }
}

static void test_accept(void **state)
{
    char accept[WSK__ACCEPT_LEN + 1];

    (void)state;
    /* RFC 6455 1.3 */
    assert_int_equal(wsk__handshake_accept("dGhlIHNhbXBsZSBub25jZQ==", accept), WSK_OK);
    assert_string_equal(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    assert_int_equal(wsk__handshake_accept("AAAAAAAAAAAAAAAAAAAAAA==", accept), WSK_OK);
    assert_string_equal(accept, "ICX+Yqv66kxgM0FcWaLWlFLwTAI=");
}

static int no_random(void *ud, void *buf, size_t n)
{
    (void)ud;
    (void)buf;
    (void)n;
    return -1;
}

static void test_key(void **state)
{
    char key[WSK__KEY_LEN + 1] = "x", again[WSK__KEY_LEN + 1];
    wsk_hooks hooks = WSK_HOOKS_INIT;
    test_alloc a;

    (void)state;
    hooks.random = no_random;
    assert_true(wsk__handshake_key(&hooks, key) < 0);
    assert_string_equal(key, "x");
    /* Sixteen octets of the hook, in base64. */
    test_alloc_init(&a);
    assert_int_equal(wsk__handshake_key(&a.hooks, key), WSK_OK);
    test_alloc_init(&a);
    assert_int_equal(wsk__handshake_key(&a.hooks, again), WSK_OK);
    assert_string_equal(key, again);
    assert_int_equal(wsk__handshake_key(&a.hooks, again), WSK_OK);
    assert_string_not_equal(key, again);
    /* And it is one that a server takes. */
    for (int i = 0; i < 100; i++) {
        char text[512];
        wsk__refusal refusal;
        test_head t;
        wsk_str got;

        assert_int_equal(wsk__handshake_key(NULL, key), WSK_OK);
        assert_int_equal(strlen(key), WSK__KEY_LEN);
        size_t n = (size_t)snprintf(text, sizeof(text),
                                    LINE HOST UPGRADE CONN VERSION "Sec-WebSocket-Key: %s\r\n\r\n",
                                    key);
        test_head_parse(&t, WSK__HEAD_REQUEST, text, n);
        assert_int_equal(wsk__handshake_judge_request(&t.head, &got, &refusal), 1);
        assert_str(got, key);
        test_head_free(&t);
    }
}

static void test_origin(void **state)
{
    static const char *const list[] = {"https://example.org", "null", "http://a:8080", NULL};
    static const struct {
        const char *why, *host, *origin; /* origin NULL: no field */
        bool same_host, in_list;
    } origins[] = {
        {"no browser", "a", NULL, true, true},
        {"the same", "example.org", "https://example.org", true, true},
        {"another scheme", "example.org", "http://example.org", true, false},
        {"another port", "example.org:8888", "http://example.org", false, false},
        {"the same port", "a:8080", "http://a:8080", true, true},
        {"the default port", "a:80", "http://a", true, false},
        {"the default port of https", "a:443", "https://a", true, false},
        {"an empty port", "a:", "http://a:", true, false},
        {"a port that cannot be", "a:84443", "http://a:84443", false, false},
        {"a port that Host does not have", "a", "http://a:8080", true, true},
        {"case does not matter", "Example.org", "HTTPS://EXAMPLE.ORG", true, true},
        {"another port of an address", "127.0.0.1:8888", "http://127.0.0.1:3000", false, false},
        {"an IPv6 address", "[::1]:8888", "http://[::1]:8888", true, false},
        {"another host", "example.org", "https://evil.example", false, false},
        {"another IPv6 address", "[::1]", "http://[::2]", false, false},
        {"a page without origin", "example.org", "null", false, true},
        {"empty", "example.org", "", false, false},
        {"a subdomain", "example.org", "https://evil.example.org", false, false},
        {"a longer host", "example.org", "https://example.org.evil", false, false},
        {"a shorter host", "example.org", "https://example.or", false, false},
        {"a host that ends the same", "example.org", "https://notexample.org", false, false},
        {"a user that looks like the host", "a", "http://a@evil", false, false},
        {"a user that looks like host and port", "a", "http://a:80@evil", false, false},
        {"a user before the host", "a", "http://evil@a", false, false},
        {"a path", "a", "http://a/", false, false},
        {"a path that looks like the host", "a", "http://evil/a", false, false},
        {"a list", "a", "http://evil http://a", false, false},
        {"a list the other way round", "a", "http://a http://evil", false, false},
        {"a list with a comma", "a", "http://a, http://evil", false, false},
        {"no scheme", "a", "a", false, false},
        {"no scheme, but slashes", "a", "://a", false, false},
        {"a scheme and no slashes", "a", "http:a", false, false},
        {"a local file", "a", "file://", false, false},
        {"a backslash", "a", "http://a\\evil", false, false},
        {"a fragment", "a", "http://a#", false, false},
        {"brackets that do not end", "[::1]", "http://[::1", false, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(origins) / sizeof(origins[0]); i++) {
        char text[512];
        size_t n = (size_t)snprintf(text, sizeof(text), LINE "Host: %s\r\n%s%s%s\r\n",
                                    origins[i].host, origins[i].origin ? "Origin: " : "",
                                    origins[i].origin ? origins[i].origin : "",
                                    origins[i].origin ? "\r\n" : "");
        test_head t;

        test_head_parse(&t, WSK__HEAD_REQUEST, text, n);
        if (wsk__origin_allowed(&t.head, WSK_ORIGIN_SAME_HOST, NULL) != origins[i].same_host)
            fail_msg("same host: %s", origins[i].why);
        if (wsk__origin_allowed(&t.head, WSK_ORIGIN_LIST, list) != origins[i].in_list)
            fail_msg("list: %s", origins[i].why);
        assert_int_equal(wsk__origin_allowed(&t.head, WSK_ORIGIN_LIST, NULL),
                         origins[i].origin == NULL);
        assert_true(wsk__origin_allowed(&t.head, WSK_ORIGIN_ANY, NULL));
        test_head_free(&t);
    }

    test_head t;
    static const char twice[] = LINE "Host: a\r\nOrigin: http://a\r\nOrigin: http://b\r\n\r\n";
    test_head_parse(&t, WSK__HEAD_REQUEST, twice, sizeof(twice) - 1);
    assert_false(wsk__origin_allowed(&t.head, WSK_ORIGIN_SAME_HOST, NULL));
    test_head_free(&t);
    static const char no_host[] = "GET / HTTP/1.0\r\nOrigin: http://a\r\n\r\n";
    test_head_parse(&t, WSK__HEAD_REQUEST, no_host, sizeof(no_host) - 1);
    assert_false(wsk__origin_allowed(&t.head, WSK_ORIGIN_SAME_HOST, NULL));
    test_head_free(&t);
}

static void test_origin_and_listener(void **state)
{
    static const struct {
        const char *origin, *host;
        bool tls;
        unsigned port;
        bool fits;
    } pages[] = {
        {"http://a", "a", false, 80, true},
        {"http://a:80", "a", false, 80, true},
        {"http://a:8080", "a", false, 80, false},
        {"https://a", "a", false, 80, false},
        {"https://a", "a", false, 8888, true},
        {"http://a:8080", "a", false, 8888, true},
        {"https://a", "a:8888", false, 8888, true},
        {"https://a", "a", true, 443, true},
        {"HTTPS://a:443", "a", true, 443, true},
        {"https://a:8443", "a", true, 443, false},
        {"http://a", "a", true, 443, false},
        {"http://a:8443", "a:8443", true, 8443, false},
        {"https://a:8443", "a:8443", true, 8443, true},
        {"https://a:8443", "a", true, 8443, true},
        {"null", "a", false, 80, false},
        {"http://a", "", false, 80, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++) {
        if (wsk__origin_fits_listener(wsk__str(pages[i].origin), wsk__str(pages[i].host),
                                      pages[i].tls, pages[i].port) != pages[i].fits)
            fail_msg("%s to %s", pages[i].origin, pages[i].host);
    }
}

static void test_hosts_and_origins(void **state)
{
    static const char *const addresses[] = {"127.0.0.1", "0.0.0.0", "[::1]", "255.255.255.255"},
                             *const no_addresses[] = {"a", "127.1",     "127.0.0.1.", "127.0.0.1a",
                                                      "",  "256.0.0.1", "1.2.3.4.5"},
                             *const origins[] = {"https://a", "http://a:1", "null",
                                                 "x-y://[::1]:1"},
                             *const no_origins[] = {
                                 "example.org", "https://a/",  "*",   "",     "a:80",
                                 "https://",    "https://a b", "//a", "NULL", "https://a:65536"};

    (void)state;
#define EACH(list, expr)                                                                           \
    for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++)                                    \
        if (!(expr))                                                                               \
            fail_msg(#list ": %s", list[i]);
    EACH(addresses, wsk__host_is_address(wsk__str(addresses[i])))
    EACH(no_addresses, !wsk__host_is_address(wsk__str(no_addresses[i])))
    EACH(origins, wsk__is_origin(wsk__str(origins[i])))
    EACH(no_origins, !wsk__is_origin(wsk__str(no_origins[i])))
#undef EACH
}

static void test_subprotocols(void **state)
{
    static const char *const supported[] = {"superchat", "chat", "x", NULL};
    static const struct {
        const char *fields, *selected;
    } lists[] = {
        {"", NULL},
        {PROTO "chat\r\n", "chat"},
        {PROTO "chat, superchat\r\n", "superchat"}, /* our preference */
        {PROTO "a, b\r\n" PROTO "c, x\r\n", "x"},
        {PROTO "CHAT\r\n", NULL},
        {PROTO "chatt, cha\r\n", NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        char text[512];
        size_t n = (size_t)snprintf(text, sizeof(text), LINE HOST "%s\r\n", lists[i].fields);
        const char *selected;
        test_head t;

        test_head_parse(&t, WSK__HEAD_REQUEST, text, n);
        selected = wsk__subprotocol_select(&t.head, supported);
        if (lists[i].selected == NULL)
            assert_null(selected);
        else
            assert_string_equal(selected, lists[i].selected);
        assert_null(wsk__subprotocol_select(&t.head, NULL));
        test_head_free(&t);
    }

    test_head t;
    static const char text[] = LINE PROTO "a, B\r\n\r\n";
    test_head_parse(&t, WSK__HEAD_REQUEST, text, sizeof(text) - 1);
    assert_true(wsk__subprotocol_offered(&t.head, "a"));
    assert_true(wsk__subprotocol_offered(&t.head, "B"));
    assert_false(wsk__subprotocol_offered(&t.head, "b"));
    assert_false(wsk__subprotocol_offered(&t.head, ""));
    test_head_free(&t);
}

static void test_subprotocol_limit(void **state)
{
    (void)state;
    for (int n = WSK__MAX_SUBPROTOCOLS; n <= WSK__MAX_SUBPROTOCOLS + 1; n++) {
        char text[2048];
        size_t len = append(text, sizeof(text), 0, "%s", LINE HOST REST PROTO);
        wsk__refusal refusal;
        wsk_str key;
        test_head t;

        for (int i = 0; i < n; i++)
            len = append(text, sizeof(text), len, "p%d,", i);
        len = append(text, sizeof(text), len, "\r\n\r\n");
        test_head_parse(&t, WSK__HEAD_REQUEST, text, len);
        assert_int_equal(wsk__handshake_judge_request(&t.head, &key, &refusal),
                         n == WSK__MAX_SUBPROTOCOLS ? 1 : -1);
        test_head_free(&t);
    }
}

/* One MiB in a field that is looked into. */
static void test_linear_time(void **state)
{
    static const char *const fields[] = {"Upgrade: websocket, ", "Connection: ",    PROTO,
                                         "Transfer-Encoding: ",  "Origin: http://", "Host: ",
                                         "Sec-WebSocket-Key: ",  "Content-Length: "};
    static const char *const fillers[] = {"b ", "b", ",", "b,", "\"", "\"\\", " ", "0"};
    size_t len = 1 << 20;
    char *text = malloc(len + 512);
    double begin = cpu_seconds();

    (void)state;
    for (size_t i = 0; i < 8; i++) {
        for (size_t j = 0; j < 8; j++) {
            size_t n = append(text, len, 0, LINE HOST UPGRADE CONN VERSION "%s", fields[i]);
            size_t k = strlen(fillers[j]);
            wsk__refusal refusal;
            wsk_str key;
            test_head t;

            while (n + k <= len) {
                memcpy(text + n, fillers[j], k);
                n += k;
            }
            n = append(text, len + 512, n, "\r\n\r\n");
            test_head_parse(&t, WSK__HEAD_REQUEST, text, n);
            assert_int_equal(wsk__handshake_judge_request(&t.head, &key, &refusal), -1);
            if (i == 4)
                assert_false(wsk__origin_allowed(&t.head, WSK_ORIGIN_SAME_HOST, NULL));
            test_head_free(&t);
        }
    }
    assert_true(cpu_seconds() - begin < 2 * LINEAR_SECONDS);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_judgement),
        cmocka_unit_test(test_each_field_is_needed),
        cmocka_unit_test(test_accept),
        cmocka_unit_test(test_key),
        cmocka_unit_test(test_origin),
        cmocka_unit_test(test_origin_and_listener),
        cmocka_unit_test(test_hosts_and_origins),
        cmocka_unit_test(test_subprotocols),
        cmocka_unit_test(test_subprotocol_limit),
        cmocka_unit_test(test_linear_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
