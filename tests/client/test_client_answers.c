/* SPDX-License-Identifier: MIT */
/* What servers may answer to the opening handshake, how it is judged, and what the program learns.
 */
#include "client_world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SWITCHED_WITHOUT "HTTP/1.1 101 Switching Protocols\r\n"
#define UPGRADE          "Upgrade: websocket\r\n"
#define CONNECTION       "Connection: Upgrade\r\n"
#define INTERIM          "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
#define ACCEPT           "Sec-WebSocket-Accept: {accept}\r\n"

/* One answer, whole and in pieces. */
static void expect_failure(world *w, const char *answer, wsk_fail kind, const char *text)
{
    static const char *const subprotocols[] = {"chat", NULL};
    wsk_client_options o = WSK_CLIENT_OPTIONS_INIT;

    o.conn.subprotocols = subprotocols;
    o.conn.deflate.enabled = true;
    for (size_t cut = 0; cut < 2; cut++) {
        script s;

        script_begin(&s, w, script_answer);
        s.cut = cut * 40;
        s.answer = answer;
        heard_fails(w, &o, script_url(&s, "/"), kind, text);
        script_end(&s);
    }
}

static void test_wrong_answers(void **state)
{
    static const struct {
        const char *answer;
        wsk_fail kind;
        const char *text;
    } rows[] = {
        {SWITCHED_WITHOUT CONNECTION ACCEPT "\r\n", WSK_FAIL_HANDSHAKE,
         "the response has no Upgrade field"},
        {SWITCHED_WITHOUT UPGRADE UPGRADE CONNECTION ACCEPT "\r\n", WSK_FAIL_HANDSHAKE,
         "the response has more than one Upgrade field"},
        {SWITCHED_WITHOUT "Upgrade: h2c\r\n" CONNECTION ACCEPT "\r\n", WSK_FAIL_HANDSHAKE,
         "the Upgrade field of the response is not \"websocket\""},
        {SWITCHED_WITHOUT UPGRADE ACCEPT "\r\n", WSK_FAIL_HANDSHAKE,
         "the Connection field of the response does not say Upgrade"},
        {SWITCHED_WITHOUT UPGRADE "Connection: close\r\n" ACCEPT "\r\n", WSK_FAIL_HANDSHAKE,
         "the Connection field of the response does not say Upgrade"},
        {SWITCHED_WITHOUT UPGRADE CONNECTION "\r\n", WSK_FAIL_HANDSHAKE,
         "the response has no Sec-WebSocket-Accept field"},
        {SWITCHED ACCEPT "\r\n", WSK_FAIL_HANDSHAKE,
         "the response has more than one Sec-WebSocket-Accept field"},
        {SWITCHED_WITHOUT UPGRADE CONNECTION
         "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
         WSK_FAIL_HANDSHAKE, "the Sec-WebSocket-Accept field does not fit the key"},
        {SWITCHED "Sec-WebSocket-Protocol: superchat\r\n\r\n", WSK_FAIL_HANDSHAKE,
         "the server chose a subprotocol that was not offered"},
        {SWITCHED "Sec-WebSocket-Protocol: chat\r\nSec-WebSocket-Protocol: chat\r\n\r\n",
         WSK_FAIL_HANDSHAKE, "the response has more than one Sec-WebSocket-Protocol field"},
        {SWITCHED "Sec-WebSocket-Extensions: x-unknown\r\n\r\n", WSK_FAIL_HANDSHAKE, "extension"},
        {SWITCHED "Sec-WebSocket-Extensions: permessage-deflate, permessage-deflate\r\n\r\n",
         WSK_FAIL_HANDSHAKE, "extension"},
        {SWITCHED "Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=7\r\n\r\n",
         WSK_FAIL_HANDSHAKE, ""},
        {"HTTP/1.0 101 Switching Protocols\r\n" UPGRADE CONNECTION ACCEPT "\r\n",
         WSK_FAIL_HANDSHAKE, "status 101 came with HTTP/1.0"},
        {INTERIM INTERIM INTERIM INTERIM INTERIM INTERIM INTERIM INTERIM INTERIM,
         WSK_FAIL_HANDSHAKE, "the server answers with an interim status other than 101"},
        {"HTTP/1.0 100 Continue\r\n\r\n", WSK_FAIL_HANDSHAKE,
         "the server answers with an interim status other than 101"},
        {INTERIM "{end}", WSK_FAIL_LOST,
         "the peer ended the connection during the opening handshake"},
        {INTERIM "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", WSK_FAIL_STATUS,
         "the server does not know the path (status 404)"},
        {INTERIM "HTTP/1.1 1OO Continue\r\n\r\n", WSK_FAIL_HANDSHAKE, ""},
        {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", WSK_FAIL_STATUS,
         "the server takes this for a plain request (status 200)"},
        {"HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n", WSK_FAIL_STATUS,
         "the server redirects to another place (status 302)"},
        {"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n", WSK_FAIL_STATUS,
         "the server asks for credentials (status 401)"},
        {"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", WSK_FAIL_STATUS,
         "the server refuses the request (status 403)"},
        {"HTTP/1.1 426 Upgrade Required\r\nContent-Length: 0\r\n\r\n", WSK_FAIL_STATUS,
         "the server wants another version of the protocol (status 426)"},
        {"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n", WSK_FAIL_STATUS,
         "the server is not available (status 503)"},
        {"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n", WSK_FAIL_STATUS,
         "the server failed (status 500)"},
        {"SSH-2.0-OpenSSH_9.2\r\n\r\n", WSK_FAIL_HANDSHAKE, ""},
        {"!SSH-2.0-OpenSSH_9.2\r\n\r\n", WSK_FAIL_HANDSHAKE, ""},
        {"HTTP/1.1 101 Switching Protocols\nUpgrade: websocket\n\n", WSK_FAIL_HANDSHAKE, ""},
        {"\x15\x03\x01\x00\x02\x02\x46", WSK_FAIL_HANDSHAKE, ""},
        {"{end}", WSK_FAIL_LOST, "the peer ended the connection during the opening handshake"},
        {"!{end}", WSK_FAIL_LOST, ""},
        {"HTTP/1.1 101 Swi{end}", WSK_FAIL_LOST,
         "the peer ended the connection during the opening handshake"},
    };
    world w;

    world_begin(&w, state);
    for (size_t i = 0; i < WSK__COUNT(rows); i++)
        expect_failure(&w, rows[i].answer, rows[i].kind, rows[i].text);
    world_end(&w);
}

/* Right answers in unusual form; frames glued to the head. */
static void test_right_answers(void **state)
{
    static const char *const answers[] = {
        SWITCHED "\r\n\x81\x02hi",
        SWITCHED "Sec-WebSocket-Protocol: chat\r\n\r\n\x81\x02hi",
        /* RFC 9110 15.2: eight interim answers are passed over, with what they say. */
        INTERIM "HTTP/1.1 100 Continue\r\nSec-WebSocket-Accept: x\r\n\r\n" INTERIM INTERIM INTERIM
            INTERIM INTERIM INTERIM SWITCHED "\r\n\x81\x02hi",
        SWITCHED_WITHOUT "uPGRADE:WebSocket  \r\nconnection: keep-alive, upgrade\r\n" ACCEPT
                         "\r\n\x81\x02hi",
        "HTTP/1.1 101 \r\n" UPGRADE CONNECTION ACCEPT "Server: x\r\nSet-Cookie: a=b\r\n\r\n\x81\x02"
        "hi",
    };
    static const char *const subprotocols[] = {"chat", NULL};
    wsk_client_options o = WSK_CLIENT_OPTIONS_INIT;
    world w;

    world_begin(&w, state);
    o.conn.subprotocols = subprotocols;
    for (size_t i = 0; i < WSK__COUNT(answers); i++) {
        for (size_t k = 0; k < WSK__COUNT(cut_sizes); k++) {
            script s;
            heard h;

            script_begin(&s, &w, script_answer);
            s.cut = k == 0 ? 0 : cut_sizes[k] * 5;
            s.answer = answers[i];
            heard_connect(&h, &w, &o, script_url(&s, "/"));
            world_until(&w, h.n[ON_MESSAGE] == 1 || h.n[ON_FAIL] == 1);
            assert_int_equal(h.n[ON_FAIL], 0);
            assert_string_equal((char *)h.data, "hi");
            assert_string_equal(wsk_conn_subprotocol(wsk_client_conn(h.c)), i == 1 ? "chat" : "");
            heard_free(&h);
            script_end(&s);
        }
    }
    world_end(&w);
}

static void test_body(void **state)
{
    char large[3000], chunked[3000];
    const struct {
        const char *answer;
        size_t len;
        const char *body;
    } rows[] = {
        {"HTTP/1.1 403 No\r\nContent-Length: 5\r\nX-Test: yes\r\n\r\nsorry", 5, "sorry"},
        {"HTTP/1.1 403 No\r\nContent-Length: 5\r\nX-Test: yes\r\n\r\nsorry and more", 5, "sorry"},
        {"HTTP/1.1 403 No\r\nContent-Length: 9\r\nX-Test: yes\r\n\r\nsorry{end}", 5, "sorry"},
        {"HTTP/1.1 403 No\r\nX-Test: yes\r\n\r\nto the end{end}", 10, "to the end"},
        {"HTTP/1.1 403 No\r\nX-Test: yes\r\n\r\n{end}", 0, ""},
        {"HTTP/1.1 204 No\r\nX-Test: yes\r\n\r\nnothing", 0, ""},
        {"HTTP/1.1 403 No\r\nTransfer-Encoding: chunked\r\nX-Test: yes\r\n\r\n"
         "4;ext=\"x\"\r\npart\r\n1\r\ns\r\n0\r\n\r\n",
         5, "parts"},
        {"HTTP/1.1 403 No\r\nTransfer-Encoding: chunked\r\nX-Test: yes\r\n\r\n"
         "A\r\n0123456789\r\nxyz\r\n",
         10, "0123456789"},
        {"HTTP/1.1 403 No\r\nTransfer-Encoding: chunked\r\nX-Test: yes\r\n\r\nzz", 0, ""},
        {"HTTP/1.1 403 No\r\nTransfer-Encoding: chunked\r\nX-Test: yes\r\n\r\n"
         "FFFFFFFFFFFFFFFF1\r\nabc",
         0, ""},
        {"HTTP/1.1 403 No\r\nTransfer-Encoding: chunked\r\nX-Test: yes\r\n\r\n3\r\nabcd", 3, "abc"},
        {large, 1024, NULL},
        {chunked, 0, ""},
    };
    world w;

    int n = snprintf(large, sizeof(large),
                     "HTTP/1.1 403 No\r\nContent-Length: 2000\r\nX-Test: yes\r\n\r\n");
    memset(large + n, 'b', 2000);
    large[n + 2000] = 0;
    /* A chunk's extension that does not end is not waited for without end. */
    n = snprintf(chunked, sizeof(chunked),
                 "HTTP/1.1 403 No\r\nTransfer-Encoding: chunked\r\nX-Test: yes\r\n\r\n1;");
    memset(chunked + n, 'e', sizeof(chunked) - (size_t)n - 1);
    memcpy(chunked + sizeof(chunked) - 6, "{end}", 6);
    world_begin(&w, state);
    for (size_t i = 0; i < WSK__COUNT(rows); i++) {
        for (size_t k = 0; k < WSK__COUNT(cut_sizes); k++) {
            script s;
            heard h;

            if (strlen(rows[i].answer) > 1000 && k > 0)
                break;
            script_begin(&s, &w, script_answer);
            s.cut = k == 0 ? 0 : cut_sizes[k];
            s.answer = rows[i].answer;
            heard_connect(&h, &w, NULL, script_url(&s, "/"));
            heard_until_idle(&h, &w);
            assert_int_equal(h.n[ON_FAIL], 1);
            assert_int_equal(h.kind, WSK_FAIL_STATUS);
            assert_int_equal(h.status, rows[i].answer[9] == '2' ? 204 : 403);
            assert_string_equal(h.header, "yes");
            assert_int_equal(strlen(h.body), rows[i].len);
            if (rows[i].body != NULL)
                assert_string_equal(h.body, rows[i].body);
            /* It is still there behind the handler. */
            assert_int_equal(wsk_client_body(h.c).len, rows[i].len);
            assert_int_equal(wsk_client_status(h.c), h.status);
            heard_free(&h);
            script_end(&s);
        }
    }
    world_end(&w);
}

/* A body that does not come is waited for as long as lingering lasts. */
static void test_slow_body(void **state)
{
    wsk_client_options o = WSK_CLIENT_OPTIONS_INIT;
    world w;
    script s;

    world_begin(&w, state);
    o.conn.linger_timeout = 50;
    script_begin(&s, &w, script_answer);
    s.answer = "HTTP/1.1 503 Busy\r\nContent-Length: 100\r\n\r\nwait";
    uint64_t before = clock_ms();
    heard h;
    heard_connect(&h, &w, &o, script_url(&s, "/"));
    heard_until_idle(&h, &w);
    assert_int_equal(h.kind, WSK_FAIL_STATUS);
    assert_string_equal(h.body, "wait");
    assert_true(clock_ms() - before >= 45);
    assert_true(clock_ms() - before < 8000);
    heard_free(&h);
    world_end(&w);
}

/* ------------------------------------------------------------------------------- requests -- */

static void test_request(void **state)
{
    static const char *const subprotocols[] = {"chat", "v2.chat", NULL};
    static const wsk_header headers[] = {{"Cookie", "a=b"}, {"X-Mine", "1"}};
    wsk_client_options o = WSK_CLIENT_OPTIONS_INIT;
    world w;
    script s;
    heard h;

    world_begin(&w, state);
    script_begin(&s, &w, script_answer);
    s.answer = SWITCHED "\r\n";
    o.conn.subprotocols = subprotocols;
    o.conn.server_header = "test/1";
    o.conn.deflate.enabled = true;
    o.conn.deflate.client_max_window_bits = 10;
    o.headers = headers;
    o.n_headers = 2;
    o.origin = "https://example.org";
    heard_connect(&h, &w, &o, format("ws://us%%20er:pa%%3Ass@127.0.0.1:%u/a%%20b{}?c=d|e", s.port));
    heard_until_open(&h, &w);
    const script_conn *c = s.conns[0];
    assert_memory_equal(c->in, "GET /a%20b%7B%7D?c=d%7Ce HTTP/1.1\r\nHost: 127.0.0.1:", 49);
    assert_string_equal(script_field(c, "Host"), format("127.0.0.1:%u", s.port));
    assert_string_equal(script_field(c, "Upgrade"), "websocket");
    assert_string_equal(script_field(c, "Connection"), "Upgrade");
    assert_string_equal(script_field(c, "Sec-WebSocket-Version"), "13");
    assert_string_equal(script_field(c, "Sec-WebSocket-Protocol"), "chat, v2.chat");
    assert_non_null(strstr(script_field(c, "Sec-WebSocket-Extensions"), "permessage-deflate"));
    assert_string_equal(script_field(c, "Origin"), "https://example.org");
    assert_string_equal(script_field(c, "User-Agent"), "test/1");
    assert_string_equal(script_field(c, "Cookie"), "a=b");
    assert_string_equal(script_field(c, "X-Mine"), "1");
    /* "us er:pa:ss" */
    assert_string_equal(script_field(c, "Authorization"), "Basic dXMgZXI6cGE6c3M=");
    assert_int_equal(strlen(script_field(c, "Sec-WebSocket-Key")), 24);
    assert_string_equal(wsk_client_url(h.c),
                        format("ws://127.0.0.1:%u/a%%20b%%7B%%7D?c=d%%7Ce", s.port));
    /* What the program watches is what went over the wire. */
    assert_int_equal(h.out_len, c->in_len);
    assert_memory_equal(h.out, c->in, c->in_len);
    assert_memory_equal(h.in, "HTTP/1.1 101 ", 13);
    heard_free(&h);
    world_end(&w);
}

/* user and password: options go before the URL, a field before both; a name alone has a colon. */
static void test_authorization(void **state)
{
    static const wsk_header mine = {"authorization", "Bearer x"};
    static const struct {
        const char *user_of_url, *userinfo;
        bool field;
        const char *want;
    } rows[] = {
        {"", NULL, false, NULL},
        {"a:b@", NULL, false, "Basic YTpi"},
        {"a:b@", "c:d", false, "Basic Yzpk"},
        {"", "c", false, "Basic Yzo="},
        {"a:b@", "c:d", true, "Bearer x"},
    };
    wsk_client_options o = WSK_CLIENT_OPTIONS_INIT;
    world w;

    world_begin(&w, state);
    for (size_t i = 0; i < WSK__COUNT(rows); i++) {
        script s;
        heard h;

        script_begin(&s, &w, script_answer);
        s.answer = SWITCHED "\r\n";
        o.headers = &mine;
        o.n_headers = rows[i].field ? 1 : 0;
        o.userinfo = rows[i].userinfo;
        heard_connect(&h, &w, &o, format("ws://%s127.0.0.1:%u/", rows[i].user_of_url, s.port));
        heard_until_open(&h, &w);
        const char *got = script_field(s.conns[0], "Authorization");
        if (rows[i].want == NULL)
            assert_null(got);
        else
            assert_string_equal(got, rows[i].want);
        heard_free(&h);
        script_end(&s);
    }
    world_end(&w);
}

/* Nothing that the API takes can end a line of the request, or begin another one. */
static void test_injection(void **state)
{
    static const char *const bad[] = {"a\r\nX: y", "a\nX: y", "a\rb", "a\x01z", "a\x7f"};
    static const wsk_header forbidden[] = {
        {"Host", "x"},
        {"upgrade", "x"},
        {"Connection", "x"},
        {"Sec-WebSocket-Key", "x"},
        {"Content-Length", "1"},
        {"Transfer-Encoding", "chunked"},
        {"X y", "x"},
        {"", "x"},
        {"X:", "x"},
        {"X\r\nY", "x"},
        {NULL, "x"},
        {"X", NULL},
    };
    wsk_client *c = NULL;
    world w;

    world_begin(&w, state);
    for (size_t i = 0; i < WSK__COUNT(bad); i++) {
        const char *const subprotocols[] = {bad[i], NULL};
        const wsk_header header = {"X", bad[i]};
        for (int field = 0; field < 6; field++) {
            wsk_client_options o = WSK_CLIENT_OPTIONS_INIT;
            o.conn.size = sizeof(o.conn);
            o.conn.hooks = &w.alloc.hooks;
            o.origin = field == 0 ? bad[i] : NULL;
            o.userinfo = field == 1 ? bad[i] : NULL;
            o.headers = &header;
            o.n_headers = field == 2 ? 1 : 0;
            o.conn.subprotocols = field == 3 ? subprotocols : NULL;
            o.conn.server_header = field == 4 ? bad[i] : NULL;
            o.proxy = field == 5 ? bad[i] : NULL;
            assert_int_equal(wsk_client_new(&c, w.loop, &o, NULL, NULL), WSK_ERR_INVAL);
            assert_null(c);
        }
        heard h;
        heard_begin(&h, &w, NULL);
        assert_int_equal(wsk_client_connect(h.c, format("ws://127.0.0.1/%s", bad[i])), WSK_ERR_URL);
        assert_true(strlen(wsk_client_text(h.c)) > 0);
        assert_int_equal(wsk_client_connect(h.c, format("ws://%s/", bad[i])), WSK_ERR_URL);
        assert_int_equal(wsk_client_connect(h.c, format("ws://%s@h/", bad[i])), WSK_ERR_URL);
        assert_int_equal(wsk_client_stage(h.c), WSK_STAGE_IDLE);
        heard_free(&h);
    }
    for (size_t i = 0; i < WSK__COUNT(forbidden); i++) {
        wsk_client_options o = WSK_CLIENT_OPTIONS_INIT;
        o.headers = &forbidden[i];
        o.n_headers = 1;
        assert_int_equal(wsk_client_new(&c, w.loop, &o, NULL, NULL), WSK_ERR_INVAL);
    }
    heard h;
    heard_begin(&h, &w, NULL);
    assert_int_equal(wsk_client_connect(h.c, NULL), WSK_ERR_URL);
    assert_int_equal(wsk_client_connect(h.c, "http://127.0.0.1/"), WSK_ERR_URL);
    assert_int_equal(wsk_client_connect(h.c, "ws://127.0.0.1/#x"), WSK_ERR_URL);
    heard_free(&h);
    world_end(&w);
}

/* ------------------------------------------------------------------------------- redirects -- */

static void redirect_to(char *ret, size_t n, unsigned status, const char *location)
{
    snprintf(ret, n, "HTTP/1.1 %u Moved\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n", status,
             location);
}

static const wsk_header secrets[] = {{"Cookie", "secret"},
                                     {"Authorization", "Bearer secret"},
                                     {"Proxy-Authorization", "secret"},
                                     {"X-Other", "fine"}};

static void test_redirect_same_place(void **state)
{
    static const unsigned statuses[] = {301, 302, 303, 307, 308};
    wsk_client_options o = WSK_CLIENT_OPTIONS_INIT;
    char to_b[300], to_c[300];
    world w;
    script s;
    heard h;

    world_begin(&w, state);
    o.max_redirects = 2;
    o.headers = secrets;
    o.n_headers = WSK__COUNT(secrets);
    for (size_t i = 0; i < WSK__COUNT(statuses); i++) {
        script_begin(&s, &w, script_answer);
        redirect_to(to_b, sizeof(to_b), statuses[i], "b?x=y");
        redirect_to(to_c, sizeof(to_c), statuses[i], format("http://127.0.0.1:%u/c", s.port));
        s.answers[0] = to_b;
        s.answers[1] = to_c;
        s.answer = SWITCHED "\r\n";
        heard_connect(&h, &w, &o, format("ws://127.0.0.1:%u/a/", s.port));
        heard_until_open(&h, &w);
        assert_int_equal(h.n[ON_REDIRECT], 2);
        assert_int_equal(h.status, statuses[i]);
        assert_int_equal(s.n, 3);
        assert_memory_equal(s.conns[1]->in, "GET /a/b?x=y HTTP/1.1\r\n", 23);
        assert_memory_equal(s.conns[2]->in, "GET /c HTTP/1.1\r\n", 17);
        /* Each request has a key of its own. */
        assert_string_not_equal(script_field(s.conns[0], "Sec-WebSocket-Key"),
                                script_field(s.conns[1], "Sec-WebSocket-Key"));
        for (size_t k = 0; k < 3; k++) {
            assert_string_equal(script_field(s.conns[k], "Cookie"), "secret");
            assert_string_equal(script_field(s.conns[k], "Authorization"), "Bearer secret");
        }
        assert_string_equal(wsk_client_url(h.c), script_url(&s, "/c"));
        heard_free(&h);
        script_end(&s);
    }
    world_end(&w);
}

/* No credentials to another place, and none when it leads back from there. */
static void test_redirect_elsewhere(void **state)
{
    wsk_client_options o = WSK_CLIENT_OPTIONS_INIT;
    char there[300], back[300];
    world w;
    script a, b;
    heard h;

    world_begin(&w, state);
    for (int kind = 0; kind < 3; kind++) {
        script_begin(&a, &w, script_answer);
        script_begin(&b, &w, script_answer);
        redirect_to(there, sizeof(there), 307, script_url(&b, "/there"));
        redirect_to(back, sizeof(back), 307, script_url(&a, "/back"));
        a.answers[0] = there;
        a.answer = SWITCHED "\r\n";
        b.answer = back;
        o.max_redirects = 5;
        o.headers = secrets;
        o.n_headers = kind == 0 ? WSK__COUNT(secrets) : 0;
        o.userinfo = kind == 1 ? "user:secret" : NULL;
        heard_connect(&h, &w, &o,
                      format("ws://%s127.0.0.1:%u/", kind == 2 ? "user:secret@" : "", a.port));
        heard_until_open(&h, &w);
        assert_int_equal(a.n, 2);
        assert_int_equal(b.n, 1);
        assert_non_null(script_field(a.conns[0], "Authorization"));
        assert_null(strstr(b.conns[0]->in, "ecret"));
        assert_null(script_field(b.conns[0], "Authorization"));
        assert_null(script_field(b.conns[0], "Cookie"));
        assert_null(script_field(a.conns[1], "Authorization"));
        assert_null(script_field(a.conns[1], "Cookie"));
        if (kind == 0)
            assert_string_equal(script_field(b.conns[0], "X-Other"), "fine");
        heard_free(&h);
        script_end(&a);
        script_end(&b);
    }
    world_end(&w);
}

/* What a server that led elsewhere said is not the answer of the place that it led to. */
static void test_redirect_to_nobody(void **state)
{
    wsk_client_options o = WSK_CLIENT_OPTIONS_INIT;
    world w;
    script s, silent;
    heard h;

    world_begin(&w, state);
    o.max_redirects = 1;
    o.retry_initial = o.retry_attempts = 1;
    for (int kind = 0; kind < 2; kind++) {
        script_begin(&s, &w, script_answer);
        script_begin(&silent, &w, script_answer);
        silent.answer = "!{end}";
        s.answer = format("HTTP/1.1 302 Found\r\nLocation: %s://127.0.0.1:%u/\r\n"
                          "Retry-After: 50\r\nContent-Length: 5\r\n\r\nthere",
                          kind ? "wss" : "ws", kind ? silent.port : closed_port());
        heard_connect(&h, &w, &o, script_url(&s, "/"));
        world_until(&w, h.n[ON_FAIL] == 1);
        assert_int_equal(h.kind, kind ? WSK_FAIL_LOST : WSK_FAIL_CONNECT);
        assert_int_equal(h.status, 0);
        assert_int_equal(wsk_client_status(h.c), 0);
        assert_int_equal(wsk_client_body(h.c).len, 0);
        assert_int_equal(h.n[ON_RETRY], 1);
        assert_in_range(h.delays[0], 0, 1);
        heard_free(&h);
        script_end(&s);
        script_end(&silent);
    }
    world_end(&w);
}

static void connect_in_fail(heard *h, heard_event event)
{
    if (event != ON_FAIL || h->n[ON_FAIL] > 1)
        return;
    assert_int_equal(wsk_client_connect(h->c, NULL), WSK_OK);
    assert_string_equal(wsk_client_text(h->c), "");
}

/* The words of on_fail are those of this failure, whatever the handler begins. */
static void test_text_of_a_failure(void **state)
{
    world w;
    heard h;

    world_begin(&w, state);
    heard_begin(&h, &w, NULL);
    h.then = connect_in_fail;
    assert_int_equal(wsk_client_connect(h.c, format("ws://127.0.0.1:%u/", closed_port())), WSK_OK);
    world_until(&w, h.n[ON_FAIL] == 1);
    heard_free(&h);
    world_end(&w);
}

static void refuse_redirect(heard *h, heard_event event)
{
    if (event == ON_REDIRECT)
        h->refuse_redirect = 1;
}

static void free_in_redirect(heard *h, heard_event event)
{
    if (event != ON_REDIRECT)
        return;
    h->gone = true;
    wsk_client_free(h->c);
}

static void test_redirect_ends(void **state)
{
    wsk_client_options o = WSK_CLIENT_OPTIONS_INIT;
    char loop[300];
    world w;
    script s;
    heard h;

    world_begin(&w, state);
    script_begin(&s, &w, script_answer);
    redirect_to(loop, sizeof(loop), 302, "/again");
    s.answer = loop;
    o.max_redirects = 3;
    heard_fails(&w, &o, script_url(&s, "/"), WSK_FAIL_REDIRECT, "more than 3 redirects");
    assert_int_equal(s.n, 4);
    redirect_to(loop, sizeof(loop), 302, "gopher://x/");
    heard_fails(&w, &o, script_url(&s, "/"), WSK_FAIL_REDIRECT, "another scheme");
    redirect_to(loop, sizeof(loop), 302, "ws+unix:/tmp/x");
    heard_fails(&w, &o, script_url(&s, "/"), WSK_FAIL_REDIRECT, "another scheme");
    s.answer = "HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n"; /* whereto? */
    heard_fails(&w, &o, script_url(&s, "/"), WSK_FAIL_STATUS, "redirects to another place");
    s.answer = "HTTP/1.1 304 Not Modified\r\nLocation: /x\r\n\r\n";
    heard_fails(&w, &o, script_url(&s, "/"), WSK_FAIL_STATUS,
                "redirects to another place (status 304)");
    redirect_to(loop, sizeof(loop), 302, "/b");
    s.answer = loop;
    heard_connect(&h, &w, &o, script_url(&s, "/"));
    h.then = refuse_redirect;
    heard_until_idle(&h, &w);
    assert_int_equal(h.kind, WSK_FAIL_REDIRECT);
    assert_int_equal(h.n[ON_REDIRECT], 1);
    heard_free(&h);
    heard_connect(&h, &w, &o, script_url(&s, "/"));
    h.then = free_in_redirect;
    world_until(&w, h.gone);
    world_turn_for(&w, 20);
    assert_int_equal(h.n[ON_FAIL], 0);
    heard_free(&h);
    world_end(&w);
}

/* ------------------------------------------------------------------------ failing allocations --
 */

static world *the_world;

static void count_end(wsk_client *c, wsk_fail kind, unsigned status, const char *text)
{
    (void)kind;
    (void)status;
    assert_true(*text != 0);
    ++*(unsigned *)wsk_client_data(c);
}

static void stop_in_open(wsk_client *c)
{
    wsk_client_drop(c);
}

static void count_close(wsk_client *c, unsigned code, const char *reason, const char *text)
{
    (void)code;
    (void)reason;
    (void)text;
    ++*(unsigned *)wsk_client_data(c);
}

/* A refusal with a body, then by way of a proxy a redirect, then open. */
static void redirect_body(void *ud, const wsk_hooks *hooks)
{
    wsk_client_options o = WSK_CLIENT_OPTIONS_INIT;
    wsk_client_handlers h = WSK_CLIENT_HANDLERS_INIT;
    wsk_loop_options lo = WSK_LOOP_OPTIONS_INIT;
    const script *s = ud;
    world w = *the_world;
    wsk_client *c = NULL;
    unsigned ends = 0;

    lo.hooks = hooks;
    lo.io = WSK_IO_EPOLL;
    if (wsk_loop_new(&w.loop, &lo) < 0)
        return;
    o.conn.size = sizeof(o.conn);
    o.conn.hooks = hooks;
    o.conn.linger_timeout = o.conn.open_timeout = o.connect_timeout = 2000;
    o.max_redirects = 2;
    o.headers = secrets;
    o.n_headers = WSK__COUNT(secrets);
    h.on_open = stop_in_open;
    h.on_close = count_close;
    h.on_fail = count_end;
    if (wsk_client_new(&c, w.loop, &o, &h, &ends) == WSK_OK) {
        for (unsigned i = 1; i <= 2; i++) {
            if (wsk_client_connect(c, script_url(s, i == 1 ? "/no" : "/a")) < 0)
                break;
            for (int k = 0; k < 5000 && ends < i; k++)
                world_turn(&w, 1);
            assert_int_equal(ends, i);
            assert_int_equal(wsk_client_stage(c), WSK_STAGE_IDLE);
        }
    }
    wsk_client_free(c);
    wsk_loop_free(w.loop);
}

static void play_paths(script_conn *c)
{
    if (c->phase != 0 || !script_has_head(c))
        return;
    c->phase = 1;
    if (strncmp(c->in, "GET /no ", 8) == 0)
        script_play_answer(c, "HTTP/1.1 403 x\r\nContent-Length: 5\r\n\r\nsorry{end}");
    else if (strncmp(c->in, "GET /a ", 7) == 0)
        script_play_answer(c, "HTTP/1.1 302 x\r\nLocation: b\r\nContent-Length: 0\r\n\r\n{end}");
    else
        script_play_answer(c, SWITCHED "\r\n");
}

static void test_no_memory(void **state)
{
    world w;
    script s;

    world_begin(&w, state);
    script_begin(&s, &w, play_paths);
    the_world = &w;
    with_failing_alloc(redirect_body, &s);
    world_end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(test_wrong_answers),
        BOTH(test_right_answers),
        BOTH(test_body),
        BOTH(test_slow_body),
        BOTH(test_request),
        BOTH(test_authorization),
        BOTH(test_injection),
        BOTH(test_redirect_same_place),
        BOTH(test_redirect_elsewhere),
        BOTH(test_redirect_to_nobody),
        BOTH(test_text_of_a_failure),
        BOTH(test_redirect_ends),
        {"test_no_memory", test_no_memory, NULL, NULL, &world_epoll},
    };

    return cmocka_run_group_tests_name("client_answers", tests, NULL, NULL);
}
