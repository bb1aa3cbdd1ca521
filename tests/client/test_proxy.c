/* SPDX-License-Identifier: MIT */
/*
 * Proxies: the two protocols octet by octet, then through scripted proxies that do right, refuse,
 * talk nonsense, or hang up.
 */
#include "client_world.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "net/proxy.h"

/* ----------------------------------------------------------------------------- the protocols -- */

static wsk__proxy proxy_of(wsk__proxy_kind kind, const char *user, const char *password)
{
    wsk__proxy p = {.kind = kind, .host = NULL, .port = 1};

    p.user = (char *)(uintptr_t)user;
    p.password = (char *)(uintptr_t)password;
    return p;
}

static void expect_output(wsk__proxy_talk *t, const char *want, size_t want_n)
{
    size_t n;
    const uint8_t *p = wsk__proxy_talk_output(t, &n);

    assert_int_equal(n, want_n);
    if (n > 0)
        assert_memory_equal(p, want, n);
    wsk__proxy_talk_sent(t, n);
    assert_null(wsk__proxy_talk_output(t, &n));
}

static void test_connect_request(void **state)
{
    (void)state;
    wsk__proxy p = proxy_of(WSK__PROXY_HTTP, NULL, NULL);
    wsk__proxy with_user = proxy_of(WSK__PROXY_HTTP, "us er", "pa:ss");
    wsk__proxy user_only = proxy_of(WSK__PROXY_HTTP, "u", NULL);
    const struct {
        const wsk__proxy *p;
        const char *host;
        unsigned port;
        const char *want;
    } rows[] = {
        {&p, "host.test", 443, "CONNECT host.test:443 HTTP/1.1\r\nHost: host.test:443\r\n\r\n"},
        {&p, "::1", 80, "CONNECT [::1]:80 HTTP/1.1\r\nHost: [::1]:80\r\n\r\n"},
        {&p, "fe80::1%eth0", 80, "CONNECT [fe80::1]:80 HTTP/1.1\r\nHost: [fe80::1]:80\r\n\r\n"},
        {&with_user, "h", 1,
         "CONNECT h:1 HTTP/1.1\r\nHost: h:1\r\n"
         "Proxy-Authorization: Basic dXMgZXI6cGE6c3M=\r\n\r\n"},
        {&user_only, "h", 1,
         "CONNECT h:1 HTTP/1.1\r\nHost: h:1\r\nProxy-Authorization: Basic dTo=\r\n\r\n"},
    };

    for (size_t i = 0; i < WSK__COUNT(rows); i++) {
        wsk__proxy_talk t;

        assert_int_equal(
            wsk__proxy_talk_init(&t, NULL, rows[i].p, rows[i].host, (uint16_t)rows[i].port, NULL),
            WSK_OK);
        expect_output(&t, rows[i].want, strlen(rows[i].want));
        wsk__proxy_talk_deinit(&t);
    }
}

/* Feeds the answer in pieces, from a buffer that ends at a page that must not be touched; returns
 * the result and how much was used. */
static wsk__talk_result feed(wsk__proxy_talk *t, const void *answer, size_t n, size_t cut,
                             size_t *ret_used)
{
    const uint8_t *octets = answer;
    wsk__talk_result r = WSK__TALK_MORE;

    *ret_used = 0;
    while (*ret_used < n && r == WSK__TALK_MORE) {
        size_t k = n - *ret_used < cut ? n - *ret_used : cut, used = 99;
        uint8_t *piece = guard_copy(octets + *ret_used, k);
        size_t ask;

        r = wsk__proxy_talk_feed(t, piece, k, &used);
        guard_free(piece, k);
        assert_true(used <= k && used > 0);
        *ret_used += used;
        if (r == WSK__TALK_MORE && wsk__proxy_talk_output(t, &ask) != NULL)
            wsk__proxy_talk_sent(t, ask);
    }
    return r;
}

static void test_connect_answers(void **state)
{
    (void)state;
    static char long_line[9000], many_lines[9000];
    const struct {
        const char *answer;
        wsk__talk_result want;
        const char *text;
        unsigned status;
    } rows[] = {
        {"HTTP/1.1 200 OK\r\n\r\n", WSK__TALK_DONE, NULL, 200},
        {"HTTP/1.0 200\r\n\r\n", WSK__TALK_DONE, NULL, 200},
        {"HTTP/1.1 204 \r\nVia: x\r\nContent-Length: 7\r\n\r\n", WSK__TALK_DONE, NULL, 204},
        {"HTTP/1.1 200 Verbunden \xfc\r\nX:\r\nY: \t\xff\r\n\r\n", WSK__TALK_DONE, NULL, 200},
        {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nA: b\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
         WSK__TALK_DONE, NULL, 200},
        {"HTTP/1.1 407 Auth\r\nProxy-Authenticate: Basic\r\n\r\n", WSK__TALK_FAILED,
         "the proxy asks for user and password (status 407)", 407},
        {"HTTP/1.1 502 Bad Gateway\r\n\r\n", WSK__TALK_FAILED,
         "the proxy refuses to connect (status 502)", 502},
        {"HTTP/1.1 101 Switching\r\n\r\n", WSK__TALK_FAILED,
         "the proxy refuses to connect (status 101)", 101},
        {"HTTP/1.1 302 Found\r\nLocation: http://x/\r\n\r\n", WSK__TALK_FAILED,
         "the proxy refuses to connect (status 302)", 302},
        {"SSH-2.0-x\r\n", WSK__TALK_FAILED, "the proxy's answer is not HTTP", 0},
        {"H", WSK__TALK_MORE, "", 0},
        {"h", WSK__TALK_FAILED, "the proxy's answer is not HTTP", 0},
        {"\r\nHTTP/1.1 200 OK\r\n\r\n", WSK__TALK_FAILED, "the proxy's answer is not HTTP", 0},
        {"HTTP/2.0 200 OK\r\n\r\n", WSK__TALK_FAILED, "the proxy's answer is not HTTP", 0},
        {"HTTP/1.2 200 OK\r\n\r\n", WSK__TALK_DONE, NULL, 200},
        {"HTTP/1.1 20 OK\r\n\r\n", WSK__TALK_FAILED, "the proxy's answer is not HTTP", 0},
        {"HTTP/1.1  200 OK\r\n\r\n", WSK__TALK_FAILED, "the proxy's answer is not HTTP", 0},
        {"HTTP/1.1 000 OK\r\n\r\n", WSK__TALK_FAILED, "the proxy's answer is not HTTP", 0},
        {"HTTP/1.1 600 OK\r\n\r\n", WSK__TALK_FAILED, "the proxy's answer is not HTTP", 0},
        {"HTTP/1.1 2000 OK\r\n\r\n", WSK__TALK_FAILED,
         "the status line of the proxy's answer is malformed", 200},
        {"HTTP/1.1 200 OK\n\n", WSK__TALK_FAILED,
         "the status line of the proxy's answer is malformed", 200},
        {"HTTP/1.1 200 O\x01K\r\n\r\n", WSK__TALK_FAILED,
         "the status line of the proxy's answer is malformed", 200},
        {"HTTP/1.1 200 OK\r\r\n", WSK__TALK_FAILED, "the proxy's answer has a CR without LF", 200},
        {"HTTP/1.1 200 OK\r\n\r\r", WSK__TALK_FAILED, "the proxy's answer has a CR without LF",
         200},
        {"HTTP/1.1 200 OK\r\nA: b\n", WSK__TALK_FAILED,
         "a header field of the proxy's answer has a control character", 200},
        {"HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n", WSK__TALK_FAILED,
         "a header field of the proxy's answer is malformed", 200},
        {"HTTP/1.1 200 OK\r\nA : b\r\n\r\n", WSK__TALK_FAILED,
         "a header field of the proxy's answer is malformed", 200},
        {"HTTP/1.1 200 OK\r\n: b\r\n\r\n", WSK__TALK_FAILED,
         "a header field of the proxy's answer is malformed", 200},
        {"HTTP/1.1 200 OK\r\nA\r\n\r\n", WSK__TALK_FAILED,
         "a header field of the proxy's answer is malformed", 200},
        {long_line, WSK__TALK_FAILED, "the head of the proxy's answer is too long", 200},
        {many_lines, WSK__TALK_FAILED, "the head of the proxy's answer is too long", 0},
    };
    wsk__proxy p = proxy_of(WSK__PROXY_HTTP, NULL, NULL);

    memset(long_line, 'a', sizeof(long_line) - 1);
    memcpy(long_line, "HTTP/1.1 200 ", 13);
    for (size_t i = 0; i + 26 < sizeof(many_lines); i += 25)
        memcpy(many_lines + i, "HTTP/1.1 100 Continue\r\n\r\n", 26);
    for (size_t i = 0; i < WSK__COUNT(rows); i++) {
        size_t n = strlen(rows[i].answer);
        for (size_t k = 0; k < WSK__COUNT(cut_sizes); k++) {
            char with_rest[9100];
            wsk__proxy_talk t;
            size_t used;

            memcpy(with_rest, rows[i].answer, n);
            memcpy(with_rest + n, "REST", 4);
            assert_int_equal(wsk__proxy_talk_init(&t, NULL, &p, "h", 1, NULL), WSK_OK);
            t.out_off = t.out_len;
            bool done = rows[i].want == WSK__TALK_DONE;
            wsk__talk_result r = feed(&t, with_rest, done ? n + 4 : n, cut_sizes[k], &used);
            if (r != rows[i].want)
                fail_msg("%s: %d %s", rows[i].answer, (int)r, t.text);
            if (rows[i].text != NULL && *rows[i].text != 0)
                assert_string_equal(t.text, rows[i].text);
            if (done)
                assert_int_equal(used, n); /* not an octet of what follows */
            if (strlen(rows[i].answer) < 1000)
                assert_int_equal(t.status, rows[i].status);
            wsk__proxy_talk_deinit(&t);
        }
    }
}

static void begin_socks(wsk__proxy_talk *t, const wsk__proxy *p, const char *host)
{
    assert_int_equal(wsk__proxy_talk_init(t, NULL, p, host, 443, NULL), WSK_OK);
}

static void say_hex(wsk__proxy_talk *t, const char *hex, wsk__talk_result want)
{
    size_t n, used;
    uint8_t *octets = unhex(hex, &n);

    assert_int_equal(wsk__proxy_talk_feed(t, octets, n, &used), want);
    assert_int_equal(used, n);
    free(octets);
}

static void expect_hex(wsk__proxy_talk *t, const char *hex)
{
    size_t n;
    uint8_t *octets = unhex(hex, &n);

    expect_output(t, (char *)octets, n);
    free(octets);
}

static void test_socks_requests(void **state)
{
    (void)state;
    wsk__proxy p = proxy_of(WSK__PROXY_SOCKS5H, NULL, NULL);
    wsk__proxy u = proxy_of(WSK__PROXY_SOCKS5H, "user", "pw");
    wsk__address a;
    wsk__proxy_talk t;

    begin_socks(&t, &p, "host.test");
    expect_hex(&t, "05 01 00");
    say_hex(&t, "05 00", WSK__TALK_MORE);
    expect_hex(&t, "05 01 00 03 09 686f73742e74657374 01bb");
    say_hex(&t, "05 00 00 01 00000000 0000", WSK__TALK_DONE);
    wsk__proxy_talk_deinit(&t);

    begin_socks(&t, &p, "127.0.0.1");
    expect_hex(&t, "05 01 00");
    say_hex(&t, "05 00", WSK__TALK_MORE);
    expect_hex(&t, "05 01 00 01 7f000001 01bb");
    say_hex(&t, "05 00 00 04 00000000000000000000000000000000 0000", WSK__TALK_DONE);
    wsk__proxy_talk_deinit(&t);

    begin_socks(&t, &p, "::1");
    expect_hex(&t, "05 01 00");
    say_hex(&t, "05 00", WSK__TALK_MORE);
    expect_hex(&t, "05 01 00 04 00000000000000000000000000000001 01bb");
    say_hex(&t, "05 00 00 03 03 616263 0000", WSK__TALK_DONE);
    wsk__proxy_talk_deinit(&t);

    begin_socks(&t, &p, "fe80::1%eth0"); /* whose zone says nothing to the proxy */
    expect_hex(&t, "05 01 00");
    say_hex(&t, "05 00", WSK__TALK_MORE);
    expect_hex(&t, "05 01 00 04 fe800000000000000000000000000001 01bb");
    wsk__proxy_talk_deinit(&t);

    begin_socks(&t, &u, "h");
    expect_hex(&t, "05 02 00 02");
    say_hex(&t, "05 02", WSK__TALK_MORE);
    expect_hex(&t, "01 04 75736572 02 7077");
    say_hex(&t, "01 00", WSK__TALK_MORE);
    expect_hex(&t, "05 01 00 03 01 68 01bb");
    say_hex(&t, "05 00 00 03 00 0000", WSK__TALK_DONE);
    wsk__proxy_talk_deinit(&t);

    /* The proxy need not ask for what was offered. */
    begin_socks(&t, &u, "h");
    expect_hex(&t, "05 02 00 02");
    say_hex(&t, "05 00", WSK__TALK_MORE);
    expect_hex(&t, "05 01 00 03 01 68 01bb");
    wsk__proxy_talk_deinit(&t);

    memset(&a, 0, sizeof(a));
    a.v4.sin_family = AF_INET;
    a.v4.sin_addr.s_addr = htonl(0x0A010203);
    assert_int_equal(wsk__proxy_talk_init(&t, NULL, &p, "host.test", 443, &a), WSK_OK);
    expect_hex(&t, "05 01 00");
    say_hex(&t, "05 00", WSK__TALK_MORE);
    expect_hex(&t, "05 01 00 01 0a010203 01bb");
    wsk__proxy_talk_deinit(&t);
}

static void test_socks_answers(void **state)
{
    (void)state;
    static const struct {
        const char *hex; /* all answers, one after the other */
        bool user;
        wsk__talk_result want;
        const char *text;
        bool elsewhere;
    } rows[] = {
        {"0500 05000001 7f000001 1234", false, WSK__TALK_DONE, "", false},
        {"0502 0100 05000003 01 61 1234", true, WSK__TALK_DONE, "", false},
        {"0500 05000003 ff", false, WSK__TALK_MORE, "", false},
        {"04", false, WSK__TALK_MORE, "", false},
        {"0400", false, WSK__TALK_FAILED, "the proxy does not speak SOCKS 5", false},
        {"4854", false, WSK__TALK_FAILED, "the proxy does not speak SOCKS 5", false},
        {"05ff", false, WSK__TALK_FAILED, "the SOCKS proxy asks for authentication", false},
        {"05ff", true, WSK__TALK_FAILED,
         "the SOCKS proxy wants another authentication than user and password", false},
        {"0502", false, WSK__TALK_FAILED,
         "the SOCKS proxy chose an authentication that was not offered", false},
        {"0501", true, WSK__TALK_FAILED,
         "the SOCKS proxy chose an authentication that was not offered", false},
        {"0502 0101", true, WSK__TALK_FAILED, "the SOCKS proxy does not accept user and password",
         false},
        {"0502 0500", true, WSK__TALK_FAILED,
         "the SOCKS proxy's answer to the password is malformed", false},
        {"0500 05010001 00", false, WSK__TALK_FAILED, "the SOCKS proxy failed (code 1)", false},
        {"0500 05020001 00", false, WSK__TALK_FAILED,
         "the SOCKS proxy does not allow this connection (code 2)", false},
        {"0500 05030001 00", false, WSK__TALK_FAILED,
         "the SOCKS proxy cannot reach the network (code 3)", true},
        {"0500 05040001 00", false, WSK__TALK_FAILED,
         "the SOCKS proxy cannot reach the host, or does not know it (code 4)", true},
        {"0500 05050001 00", false, WSK__TALK_FAILED,
         "the SOCKS proxy was refused by the host (code 5)", true},
        {"0500 05060001 00", false, WSK__TALK_FAILED,
         "the SOCKS proxy gave up: TTL expired (code 6)", true},
        {"0500 05070001 00", false, WSK__TALK_FAILED,
         "the SOCKS proxy does not connect at all (code 7)", false},
        {"0500 05080001 00", false, WSK__TALK_FAILED,
         "the SOCKS proxy does not know this kind of address (code 8)", true},
        {"0500 05090001 00", false, WSK__TALK_FAILED,
         "the SOCKS proxy refuses with the unknown code 9", true},
        {"0500 05ff0001 00", false, WSK__TALK_FAILED,
         "the SOCKS proxy refuses with the unknown code 255", true},
        {"0500 05000002 00", false, WSK__TALK_FAILED,
         "the SOCKS proxy's reply has an unknown kind of address", false},
        {"0500 05000101 00", false, WSK__TALK_FAILED, "the SOCKS proxy's reply is malformed",
         false},
        {"0500 04000001 00", false, WSK__TALK_FAILED, "the SOCKS proxy's reply is malformed",
         false},
    };
    wsk__proxy p = proxy_of(WSK__PROXY_SOCKS5H, NULL, NULL);
    wsk__proxy u = proxy_of(WSK__PROXY_SOCKS5H, "user", "pw");

    for (size_t i = 0; i < WSK__COUNT(rows); i++) {
        size_t n;
        uint8_t *octets = unhex(rows[i].hex, &n);

        /* One octet at a time: between two answers it is our turn. */
        wsk__proxy_talk t;
        size_t used;
        begin_socks(&t, rows[i].user ? &u : &p, "host.test");
        t.out_off = t.out_len;
        wsk__talk_result r = feed(&t, octets, n, 1, &used);
        if (r != rows[i].want)
            fail_msg("%s: %d %s", rows[i].hex, (int)r, t.text);
        if (*rows[i].text != 0)
            assert_string_equal(t.text, rows[i].text);
        assert_int_equal(t.elsewhere, rows[i].elsewhere);
        wsk__proxy_talk_deinit(&t);
        free(octets);
    }
    /* Octets of what follows are left alone; answers before they are asked for are not. */
    static const uint8_t rest[] = {5, 0, 0, 1, 1, 2, 3, 4, 5, 6, 'R', 'E', 'S', 'T'};
    wsk__proxy_talk t;
    size_t used;
    begin_socks(&t, &p, "host.test");
    t.out_off = t.out_len;
    say_hex(&t, "0500", WSK__TALK_MORE);
    assert_int_equal(wsk__proxy_talk_feed(&t, rest, sizeof(rest), &used), WSK__TALK_FAILED);
    assert_string_equal(t.text, "the SOCKS proxy speaks out of turn");
    t.out_off = t.out_len;
    assert_int_equal(wsk__proxy_talk_feed(&t, rest, sizeof(rest), &used), WSK__TALK_DONE);
    assert_int_equal(used, 10);
    wsk__proxy_talk_deinit(&t);
}

static void test_too_long(void **state)
{
    (void)state;
    static char name[1100];
    wsk__proxy p = proxy_of(WSK__PROXY_SOCKS5H, NULL, NULL);
    wsk__proxy_talk t;

    memset(name, 'n', sizeof(name) - 1);
    wsk__proxy u = proxy_of(WSK__PROXY_SOCKS5H, name, "x");
    wsk__proxy pw = proxy_of(WSK__PROXY_SOCKS5H, "x", name);
    wsk__proxy empty = proxy_of(WSK__PROXY_SOCKS5H, "", "x");
    wsk__proxy http = proxy_of(WSK__PROXY_HTTP, name, "x");
    wsk__proxy plain = proxy_of(WSK__PROXY_HTTP, NULL, NULL);
    assert_int_equal(wsk__proxy_talk_init(&t, NULL, &p, name, 1, NULL), WSK_ERR_INVAL);
    assert_int_equal(wsk__proxy_talk_init(&t, NULL, &plain, name, 1, NULL), WSK_ERR_INVAL);
    assert_int_equal(wsk__proxy_talk_init(&t, NULL, &p, "", 1, NULL), WSK_ERR_INVAL);
    assert_int_equal(wsk__proxy_talk_init(&t, NULL, &u, "h", 1, NULL), WSK_ERR_INVAL);
    assert_int_equal(wsk__proxy_talk_init(&t, NULL, &pw, "h", 1, NULL), WSK_ERR_INVAL);
    assert_int_equal(wsk__proxy_talk_init(&t, NULL, &empty, "h", 1, NULL), WSK_ERR_INVAL);
    assert_int_equal(wsk__proxy_talk_init(&t, NULL, &http, "h", 1, NULL), WSK_ERR_INVAL);
}

static void talk_body(void *ud, const wsk_hooks *hooks)
{
    static const char *const answers[] = {"HTTP/1.1 200 OK\r\n\r\n",
                                          "\x05\x02\x01\x00\x05\x00\x00\x01\x01\x02\x03\x04\x05"
                                          "\x06"};
    static const size_t lengths[] = {19, 14};

    (void)ud;
    for (int i = 0; i < 2; i++) {
        wsk__proxy p = proxy_of(i ? WSK__PROXY_SOCKS5H : WSK__PROXY_HTTP, "user", "pw");
        wsk__proxy_talk t;
        size_t used;

        if (wsk__proxy_talk_init(&t, hooks, &p, "host.test", 1, NULL) < 0)
            continue;
        t.out_off = t.out_len;
        (void)feed(&t, answers[i], lengths[i], 1, &used);
        wsk__proxy_talk_deinit(&t);
    }
}

static void test_no_memory(void **state)
{
    (void)state;
    with_failing_alloc(talk_body, NULL);
}

/* --------------------------------------------------------------------------- over sockets -- */

/* Answers as a CONNECT proxy that leads to a WebSocket server at once: itself. */
static void play_connect(script_conn *c)
{
    if (c->phase == 0 && script_has_head(c)) {
        c->phase = 1;
        c->taken = (size_t)(strstr(c->in, "\r\n\r\n") + 4 - c->in);
        script_text(c, c->owner->answer);
    }
    if (c->phase == 1 && script_has_head(c)) {
        c->phase = 2;
        script_play_answer(c, SWITCHED "\r\n\x81\x02hi");
    }
}

static const char *proxy_url(const script *s, const char *scheme)
{
    return format("%s127.0.0.1:%u", scheme, s->port);
}

static void expect_hi(world *w, const wsk_client_options *o, const char *url)
{
    heard h;

    heard_connect(&h, w, o, url);
    world_until(w, h.n[ON_MESSAGE] > 0 || h.n[ON_FAIL] > 0);
    if (h.n[ON_FAIL] > 0)
        fail_msg("%s", h.text);
    assert_string_equal((char *)h.data, "hi");
    heard_free(&h);
    world_turn(w, 0);
}

static void test_http_proxy(void **state)
{
    wsk_client_options o = WSK_CLIENT_OPTIONS_INIT;
    world w;

    world_begin(&w, state);
    for (size_t k = 0; k < WSK__COUNT(cut_sizes); k++) {
        script s;
        script_begin(&s, &w, play_connect);
        s.answer = "HTTP/1.1 200 OK\r\nVia: test\r\n\r\n";
        s.cut = k == 0 ? 0 : cut_sizes[k];
        o.proxy = proxy_url(&s, "http://us:pw@");
        expect_hi(&w, &o, "ws://host.invalid:81/x");
        assert_memory_equal(s.conns[0]->in, "CONNECT host.invalid:81 HTTP/1.1\r\n", 34);
        assert_non_null(strstr(s.conns[0]->in, "Proxy-Authorization: Basic dXM6cHc=\r\n\r\n"));
        assert_memory_equal(s.conns[0]->in + s.conns[0]->taken, "GET /x HTTP/1.1\r\nHost: host.inv",
                            31);
        /* What is for the proxy is not for the server. */
        assert_null(strstr(s.conns[0]->in + s.conns[0]->taken, "Authorization"));
        script_end(&s);
    }
    world_end(&w);
}

static void test_http_proxy_refuses(void **state)
{
    static const struct {
        const char *answer, *text;
        unsigned status;
    } rows[] = {
        {"HTTP/1.1 407 Who?\r\nContent-Length: 5\r\n\r\nhello",
         "the proxy asks for user and password (status 407)", 407},
        {"HTTP/1.1 403 No\r\n\r\n", "the proxy refuses to connect (status 403)", 403},
        {"garbage", "the proxy's answer is not HTTP", 0},
        {"{end}", "the proxy closed the connection before it was done", 0},
        {"HTTP/1.1 200 OK\r\nA: b{end}", "the proxy closed the connection before it was done", 0},
        {"!{end}", "the proxy closed the connection before it was done", 0},
        {"!HTTP/1.1 503 Full\r\n\r\n{end}", "the proxy refuses to connect (status 503)", 503},
    };
    wsk_client_options o = WSK_CLIENT_OPTIONS_INIT;
    world w;

    world_begin(&w, state);
    for (size_t i = 0; i < WSK__COUNT(rows); i++) {
        script s;
        heard h;
        script_begin(&s, &w, script_answer);
        s.answer = rows[i].answer;
        o.proxy = proxy_url(&s, "");
        heard_connect(&h, &w, &o, "ws://host.invalid/");
        heard_until_idle(&h, &w);
        assert_int_equal(h.kind, strstr(rows[i].text, "closed the connection") != NULL
                                     ? WSK_FAIL_LOST
                                     : WSK_FAIL_PROXY);
        assert_string_equal(h.text, rows[i].text);
        if (strstr(rows[i].answer, "200") == NULL)
            assert_int_equal(h.status, rows[i].status);
        heard_free(&h);
        script_end(&s);
    }
    o.proxy = format("127.0.0.1:%u", closed_port());
    heard_fails(&w, &o, "ws://host.invalid/", WSK_FAIL_CONNECT,
                "could not connect to the proxy 127.0.0.1:");
    o.proxy = "http://proxy.invalid";
    heard_fails(&w, &o, "ws://host.invalid/", WSK_FAIL_RESOLVE, "proxy proxy.invalid: ");
    world_end(&w);
}

static void play_silence(script_conn *c)
{
    (void)c;
}

static void test_silent_proxy(void **state)
{
    wsk_client_options o = WSK_CLIENT_OPTIONS_INIT;
    world w;
    script s;

    world_begin(&w, state);
    script_begin(&s, &w, play_silence);
    o.connect_timeout = 300; /* for the connection, too */
    o.proxy = proxy_url(&s, "");
    heard_fails(&w, &o, "ws://h/", WSK_FAIL_TIMEOUT,
                "timed out after 300 ms while waiting for the "
                "proxy");
    o.proxy = proxy_url(&s, "socks5h://");
    heard_fails(&w, &o, "ws://h/", WSK_FAIL_TIMEOUT, "while waiting for the proxy");
    world_end(&w);
}

/* A SOCKS proxy: ud points to the wanted method and the reply for each connection. */
typedef struct socks {
    uint8_t method;
    uint8_t replies[4];
} socks;

static void play_socks(script_conn *c)
{
    const socks *k = c->owner->ud;
    const uint8_t *in = (uint8_t *)c->in;

    if (c->phase == 0 && c->in_len >= 2 && c->in_len >= 2u + in[1]) {
        script_say(c, (uint8_t[]){5, k->method}, 2);
        c->taken = 2u + in[1];
        c->phase = k->method == 2 ? 1 : 2;
    }
    if (c->phase == 1 && c->in_len >= c->taken + 9) {
        assert_memory_equal(in + c->taken, "\x01\x04user\x02pw", 9);
        c->taken += 9;
        script_say(c, "\x01\x00", 2);
        c->phase = 2;
    }
    if (c->phase == 2 && c->in_len >= c->taken + 5) {
        size_t n = in[c->taken + 3] == 1 ? 10 : in[c->taken + 3] == 4 ? 22 : 7u + in[c->taken + 4];
        if (c->in_len < c->taken + n)
            return;
        c->taken += n;
        uint8_t reply = k->replies[c->number % 4];
        script_say(c, (uint8_t[]){5, reply, 0, 1, 0, 0, 0, 0, 0, 0}, 10);
        c->phase = reply == 0 ? 3 : 4;
    }
    if (c->phase == 3 && script_has_head(c)) {
        c->phase = 4;
        script_play_answer(c, SWITCHED "\r\n\x81\x02hi");
    }
}

static void test_socks_proxy(void **state)
{
    wsk_client_options o = WSK_CLIENT_OPTIONS_INIT;
    world w;

    world_begin(&w, state);
    for (int method = 0; method <= 2; method += 2) {
        for (size_t k = 0; k < WSK__COUNT(cut_sizes); k++) {
            socks how = {.method = (uint8_t)method};
            script s;
            script_begin(&s, &w, play_socks);
            s.ud = &how;
            s.cut = k == 0 ? 0 : cut_sizes[k];
            o.proxy = proxy_url(&s, "socks5h://user:pw@");
            expect_hi(&w, &o, "ws://host.invalid:81/x");
            /* The name goes to the proxy. */
            assert_non_null(memmem(s.conns[0]->in, s.conns[0]->in_len,
                                   "\x05\x01\x00\x03\x0chost.invalid\x00\x51", 19));
            script_end(&s);
        }
    }
    world_end(&w);
}

static int two_addresses(const char *host, const char *port, const struct addrinfo *hints,
                         struct addrinfo **ret)
{
    struct addrinfo own = *hints;

    if (strcmp(host, "two.test") != 0)
        return getaddrinfo(host, port, hints, ret);
    if (hints->ai_flags & AI_NUMERICHOST)
        return EAI_NONAME;
    own.ai_flags |= AI_NUMERICHOST;
    int e = getaddrinfo("2001:db8::7", port, &own, ret);
    if (e == 0)
        e = getaddrinfo("192.0.2.7", port, &own, &(*ret)->ai_next);
    return e;
}

/* socks5: names are looked up here, and a second address is tried when the proxy cannot reach
 * the first one; other refusals are final. */
static void test_socks_addresses(void **state)
{
    wsk_client_options o = WSK_CLIENT_OPTIONS_INIT;
    socks how = {.replies = {4, 0}};
    world w;
    script s;

    world_begin(&w, state);
    w.sys.getaddrinfo = two_addresses;
    script_begin(&s, &w, play_socks);
    s.ud = &how;
    o.proxy = proxy_url(&s, "socks5://");
    expect_hi(&w, &o, "ws://two.test:81/x");
    assert_int_equal(s.n, 2);
    assert_memory_equal(s.conns[0]->in + 3, "\x05\x01\x00\x04\x20\x01\x0d\xb8", 8);
    assert_memory_equal(s.conns[1]->in + 3, "\x05\x01\x00\x01\xc0\x00\x02\x07\x00\x51", 10);
    script_end(&s);
    how = (socks){.replies = {2, 0}};
    script_begin(&s, &w, play_socks);
    s.ud = &how;
    o.proxy = proxy_url(&s, "socks5://");
    heard_fails(&w, &o, "ws://two.test:81/x", WSK_FAIL_PROXY, "does not allow this connection");
    assert_int_equal(s.n, 1);
    script_end(&s);
    how = (socks){.replies = {3, 5}};
    script_begin(&s, &w, play_socks);
    s.ud = &how;
    o.proxy = proxy_url(&s, "socks5://");
    heard_fails(&w, &o, "ws://two.test:81/x", WSK_FAIL_PROXY, "refused by the host");
    assert_int_equal(s.n, 2);
    script_end(&s);
    heard_fails(&w, &o, "ws://none.invalid/", WSK_FAIL_RESOLVE, "none.invalid: ");
    world_end(&w);
}

static void test_environment(void **state)
{
    wsk_client_options o = WSK_CLIENT_OPTIONS_INIT;
    world w;
    script s;
    heard h;

    world_begin(&w, state);
    script_begin(&s, &w, play_connect);
    s.answer = "HTTP/1.1 200 OK\r\n\r\n";
    setenv("http_proxy", proxy_url(&s, ""), 1);
    expect_hi(&w, NULL, "ws://host.invalid/");
    setenv("no_proxy", "host.invalid", 1);
    heard_fails(&w, NULL, "ws://host.invalid/", WSK_FAIL_RESOLVE, "host.invalid: ");
    expect_hi(&w, NULL, "ws://other.invalid/");
    o.proxy = "";
    heard_fails(&w, &o, "ws://other.invalid/", WSK_FAIL_RESOLVE, "other.invalid: ");
    setenv("ws_proxy", "gopher://x", 1);
    heard_begin(&h, &w, NULL);
    assert_int_equal(wsk_client_connect(h.c, "ws://other.invalid/"), WSK_ERR_INVAL);
    assert_string_equal(wsk_client_text(h.c), "the proxy of the environment: the scheme of the "
                                              "proxy is none of http, https, socks5, socks5h");
    assert_int_equal(wsk_client_stage(h.c), WSK_STAGE_IDLE);
    heard_free(&h);
    unsetenv("ws_proxy");
    unsetenv("http_proxy");
    unsetenv("no_proxy");
    world_end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_connect_request),
        cmocka_unit_test(test_connect_answers),
        cmocka_unit_test(test_socks_requests),
        cmocka_unit_test(test_socks_answers),
        cmocka_unit_test(test_too_long),
        cmocka_unit_test(test_no_memory),
        BOTH(test_http_proxy),
        BOTH(test_http_proxy_refuses),
        BOTH(test_silent_proxy),
        BOTH(test_socks_proxy),
        BOTH(test_socks_addresses),
        BOTH(test_environment),
    };

    return cmocka_run_group_tests_name("proxy", tests, NULL, NULL);
}
