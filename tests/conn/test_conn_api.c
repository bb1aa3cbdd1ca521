/* SPDX-License-Identifier: MIT */
/*
 * The calls of conn.h, each with what it must do, refuse and survive: options, answering requests,
 * sending in parts, prepared messages, backpressure, loans, deadlines that the program sees.
 */
#include "pair.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

static void start(pair *p, const wsk_config_options *so, const wsk_config_options *co)
{
    wsk_config_options none = WSK_CONFIG_OPTIONS_INIT;

    assert_int_equal(pair_init(p, so != NULL ? so : &none, co != NULL ? co : &none, SIZE_MAX),
                     WSK_OK);
}

static void request(pair *p, const wsk_header *headers, size_t n)
{
    wsk_request_options ro = WSK_REQUEST_OPTIONS_INIT;

    ro.host = "example.org:81";
    ro.target = "/a/b?x=1&y=2";
    ro.headers = headers;
    ro.n_headers = n;
    assert_int_equal(wsk_conn_request(p->client.c, &ro), WSK_OK);
    pair_pump(p);
}

static void test_config(void **state)
{
    (void)state;
    static const char *const bad_sub[] = {"ok", "not ok", NULL};
    static const char *const twice[] = {"a", "b", "a", NULL};
    wsk_config *cfg = NULL;
    wsk_config_options o = WSK_CONFIG_OPTIONS_INIT;

    assert_int_equal(wsk_config_new(&cfg, &o), WSK_ERR_INVAL); /* no role */
    assert_null(cfg);
    o.role = WSK_ROLE_SERVER;
    o.subprotocols = bad_sub;
    assert_int_equal(wsk_config_new(&cfg, &o), WSK_ERR_INVAL);
    /* RFC 6455 4.1: a client offers each once. Of a server's own list it is no matter. */
    o.subprotocols = twice;
    assert_int_equal(wsk_config_new(&cfg, &o), WSK_OK);
    wsk_config_unref(cfg);
    cfg = NULL;
    o.role = WSK_ROLE_CLIENT;
    assert_int_equal(wsk_config_new(&cfg, &o), WSK_ERR_INVAL);
    o.role = WSK_ROLE_SERVER;
    o.subprotocols = NULL;
    o.low_water = 10;
    o.high_water = 5;
    assert_int_equal(wsk_config_new(&cfg, &o), WSK_ERR_INVAL);
    o.high_water = 20;
    o.server_header = "bad\r\nInjected: 1";
    assert_int_equal(wsk_config_new(&cfg, &o), WSK_ERR_INVAL);
    o.server_header = NULL;
    o.deflate.enabled = true;
    o.deflate.server_max_window_bits = 16;
    assert_int_equal(wsk_config_new(&cfg, &o), WSK_ERR_INVAL);
    o.deflate.server_max_window_bits = 7;
    assert_int_equal(wsk_config_new(&cfg, &o), WSK_ERR_INVAL);
    /* A struct from before most fields were added: they are all defaults. */
    o.deflate.server_max_window_bits = 99;
    o.size = offsetof(wsk_config_options, max_message);
    assert_int_equal(wsk_config_new(&cfg, &o), WSK_OK);
    wsk_config_unref(cfg);
}

static void test_request_is_readable(void **state)
{
    (void)state;
    static const wsk_header h[] = {{"Cookie", "a=1"}, {"X-Thing", "one"}, {"x-thing", " two "}};
    pair p;

    start(&p, NULL, NULL);
    p.server.hold = true;
    request(&p, h, 3);
    const wsk_conn *c = p.server.c;
    assert_non_null(pair_last(&p.server, WSK_EV_REQUEST));
    assert_memory_equal(wsk_conn_method(c).ptr, "GET", 3);
    assert_int_equal(wsk_conn_path(c).len, strlen("/a/b"));
    assert_memory_equal(wsk_conn_path(c).ptr, "/a/b", 4);
    assert_memory_equal(wsk_conn_query(c).ptr, "x=1&y=2", 7);
    assert_memory_equal(wsk_conn_target(c).ptr, "/a/b?x=1&y=2", 12);
    wsk_str v = wsk_conn_header(c, "X-THING", 1);
    assert_int_equal(v.len, 3);
    assert_memory_equal(v.ptr, "two", 3);
    assert_null(wsk_conn_header(c, "X-Thing", 2).ptr);
    assert_int_equal(wsk_conn_wants(c) & WSK_WANT_READ, 0);
    /* Answered later; from the next event on the request is gone. */
    assert_int_equal(wsk_conn_accept(p.server.c, NULL), WSK_OK);
    assert_int_equal(wsk_conn_accept(p.server.c, NULL), WSK_ERR_STATE);
    pair_pump(&p);
    assert_int_equal(wsk_conn_state(p.client.c), WSK_STATE_OPEN);
    assert_int_equal(wsk_conn_target(c).len, 0);
    pair_deinit(&p);
}

static void test_accept_options(void **state)
{
    (void)state;
    static const char *const subs[] = {"two", "one", NULL};
    static const wsk_header good[] = {{"X-Answer", "42"}};
    static const wsk_header bad[][1] = {{{"X-A", "1\r\nX-B: 2"}}, {{"Sec-WebSocket-Accept", "x"}},
                                        {{"Upgrade", "x"}},       {{"Content-Length", "5"}},
                                        {{"bad name", "x"}},      {{"", "x"}}};
    wsk_config_options so = WSK_CONFIG_OPTIONS_INIT, co = WSK_CONFIG_OPTIONS_INIT;
    wsk_accept_options ao = WSK_ACCEPT_OPTIONS_INIT;
    pair p;

    co.subprotocols = subs;
    co.flags = WSK_CONN_KEEP_REQUEST;
    start(&p, &so, &co);
    p.server.hold = true;
    request(&p, NULL, 0);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        ao.headers = bad[i];
        ao.n_headers = 1;
        assert_int_equal(wsk_conn_accept(p.server.c, &ao), WSK_ERR_INVAL);
    }
    ao.headers = good;
    ao.subprotocol = "three";
    assert_int_equal(wsk_conn_accept(p.server.c, &ao), WSK_ERR_INVAL);
    ao.subprotocol = "one";
    assert_int_equal(wsk_conn_accept(p.server.c, &ao), WSK_OK);
    pair_pump(&p);
    assert_string_equal(wsk_conn_subprotocol(p.client.c), "one");
    assert_string_equal(wsk_conn_subprotocol(p.server.c), "one");
    assert_memory_equal(wsk_conn_header(p.client.c, "x-answer", 0).ptr, "42", 2);
    assert_int_equal(wsk_conn_status(p.client.c), 101);
    pair_deinit(&p);
}

static void test_respond(void **state)
{
    (void)state;
    static const wsk_header to[] = {{"Location", "wss://elsewhere.example/"}};
    wsk_response r = WSK_RESPONSE_INIT;
    pair p;

    start(&p, NULL, NULL);
    p.server.hold = true;
    assert_int_equal(wsk_conn_respond(p.server.c, &r), WSK_ERR_STATE);
    request(&p, NULL, 0);
    r.status = 101;
    assert_int_equal(wsk_conn_respond(p.server.c, &r), WSK_ERR_INVAL);
    r.status = 307;
    r.headers = to;
    r.n_headers = 1;
    assert_int_equal(wsk_conn_respond(p.server.c, &r), WSK_OK);
    pair_pump(&p);
    assert_int_equal(pair_last(&p.client, WSK_EV_FAIL)->status, 307);
    assert_int_equal(wsk_conn_state(p.server.c), WSK_STATE_CLOSED);
    assert_int_equal(wsk_conn_send(p.server.c, WSK_OP_TEXT, "x", 1, 0), WSK_ERR_STATE);
    pair_deinit(&p);
}

static void test_request_injection(void **state)
{
    (void)state;
    wsk_config_options o = WSK_CONFIG_OPTIONS_INIT;
    static const char *const hosts[] = {"a\r\nX: 1", "a b", "", "a/b", NULL};
    static const char *const targets[] = {"/a b", "/\r\n", "/\x01", "a", "/#f", NULL};
    wsk_config *cfg;
    wsk_conn *c;

    o.role = WSK_ROLE_CLIENT;
    assert_int_equal(wsk_config_new(&cfg, &o), WSK_OK);
    assert_int_equal(wsk_conn_new(&c, cfg, 0), WSK_OK);
    wsk_request_options ro = WSK_REQUEST_OPTIONS_INIT;
    assert_int_equal(wsk_conn_request(c, &ro), WSK_ERR_INVAL); /* no host */
    for (size_t i = 0; hosts[i] != NULL; i++) {
        ro.host = hosts[i];
        assert_int_equal(wsk_conn_request(c, &ro), WSK_ERR_INVAL);
    }
    ro.host = "a";
    for (size_t i = 0; targets[i] != NULL; i++) {
        ro.target = targets[i];
        assert_int_equal(wsk_conn_request(c, &ro), WSK_ERR_INVAL);
    }
    ro.target = "/";
    ro.origin = "http://a\r\nX: 1";
    assert_int_equal(wsk_conn_request(c, &ro), WSK_ERR_INVAL);
    assert_int_equal(wsk_conn_queued(c), 0);
    wsk_conn_free(c);
    wsk_config_unref(cfg);
}

static void test_send_states(void **state)
{
    (void)state;
    char long_ping[126] = {0};
    pair p;

    start(&p, NULL, NULL);
    assert_int_equal(wsk_conn_send(p.client.c, WSK_OP_TEXT, "x", 1, 0), WSK_ERR_STATE);
    pair_open(&p);
    assert_int_equal(wsk_conn_send(p.client.c, WSK_OP_PING, "x", 1, 0), WSK_ERR_INVAL);
    assert_int_equal(wsk_conn_send(p.client.c, WSK_OP_TEXT, "\xC0\x80", 2, 0), WSK_ERR_UTF8);
    assert_int_equal(wsk_conn_ping(p.client.c, long_ping, 126), WSK_ERR_INVAL);
    assert_int_equal(wsk_conn_ping(p.client.c, long_ping, 125), WSK_OK);
    assert_int_equal(wsk_conn_close(p.client.c, 1005, "x"), WSK_ERR_INVAL);
    assert_int_equal(wsk_conn_close(p.client.c, 1006, NULL), WSK_ERR_INVAL);
    assert_int_equal(wsk_conn_close(p.client.c, 999, NULL), WSK_ERR_INVAL);
    assert_int_equal(wsk_conn_close(p.client.c, 1000, "\xff"), WSK_ERR_INVAL);
    assert_int_equal(wsk_conn_close(p.client.c, 1000, NULL), WSK_OK);
    assert_int_equal(wsk_conn_close(p.client.c, 1000, NULL), WSK_OK); /* once is enough */
    assert_int_equal(wsk_conn_send(p.client.c, WSK_OP_TEXT, "x", 1, 0), WSK_ERR_STATE);
    pair_pump(&p);
    assert_int_equal(pair_count(&p.server, WSK_EV_CLOSE), 1);
    assert_int_equal(pair_count(&p.server, WSK_EV_END), 1);
    pair_deinit(&p);
}

static void test_send_from_nowhere(void **state)
{
    (void)state;
    wsk_prepared *m = NULL;
    pair p;

    start(&p, NULL, NULL);
    pair_open(&p);
    for (int i = 0; i < 2; i++) {
        wsk_conn *c = i == 0 ? p.client.c : p.server.c;

        for (size_t len = 1; len < 100000; len *= 99) {
            assert_int_equal(wsk_conn_send(c, WSK_OP_TEXT, NULL, len, 0), WSK_ERR_INVAL);
            assert_int_equal(wsk_conn_send(c, WSK_OP_BINARY, NULL, len, 0), WSK_ERR_INVAL);
            assert_int_equal(wsk_conn_send_part(c, WSK_OP_TEXT, NULL, len, true, 0), WSK_ERR_INVAL);
            assert_int_equal(wsk_prepared_new(&m, p.server_cfg, WSK_OP_TEXT, NULL, len),
                             WSK_ERR_INVAL);
        }
        assert_int_equal(wsk_conn_ping(c, NULL, 1), WSK_ERR_INVAL);
        assert_int_equal(wsk_conn_pong(c, NULL, 125), WSK_ERR_INVAL);
        assert_int_equal(wsk_conn_queued(c), 0);
        assert_int_equal(wsk_conn_send(c, WSK_OP_TEXT, NULL, 0, 0), WSK_OK);
        assert_int_equal(wsk_conn_send_part(c, WSK_OP_TEXT, NULL, 0, true, 0), WSK_OK);
        assert_int_equal(wsk_conn_ping(c, NULL, 0), WSK_OK);
        assert_int_equal(wsk_conn_pong(c, NULL, 0), WSK_OK);
    }
    pair_pump(&p);
    assert_int_equal(pair_count(&p.server, WSK_EV_MESSAGE), 2);
    assert_int_equal(pair_count(&p.client, WSK_EV_MESSAGE), 2);
    pair_deinit(&p);
}

static void test_parts(void **state)
{
    (void)state;
    wsk_config_options o = WSK_CONFIG_OPTIONS_INIT;

    for (int deflate = 0; deflate < 2; deflate++) {
        pair p;
        o.deflate.enabled = deflate != 0;
        o.deflate.threshold = 1;
        start(&p, &o, &o);
        pair_open(&p);
        wsk_conn *c = p.client.c;
        assert_int_equal(wsk_conn_send_part(c, WSK_OP_TEXT, "Gr\xC3", 3, false, 0), WSK_OK);
        assert_int_equal(wsk_conn_send(c, WSK_OP_TEXT, "no", 2, 0), WSK_ERR_STATE);
        assert_int_equal(wsk_conn_send_part(c, WSK_OP_BINARY, "no", 2, true, 0), WSK_ERR_STATE);
        assert_int_equal(wsk_conn_ping(c, "p", 1), WSK_OK); /* may stand in between */
        /* A piece that breaks the text is not sent; a better one may follow. */
        assert_int_equal(wsk_conn_send_part(c, WSK_OP_TEXT, "x", 1, false, 0), WSK_ERR_UTF8);
        assert_int_equal(wsk_conn_send_part(c, WSK_OP_TEXT, "", 0, true, 0), WSK_ERR_UTF8);
        assert_int_equal(wsk_conn_send_part(c, WSK_OP_TEXT, "\xBC\xC3\x9F", 3, false, 0), WSK_OK);
        assert_int_equal(wsk_conn_send_part(c, WSK_OP_TEXT, "", 0, true, 0), WSK_OK);
        assert_int_equal(wsk_conn_send(c, WSK_OP_BINARY, "next", 4, 0), WSK_OK);
        pair_pump(&p);
        assert_int_equal(pair_count(&p.server, WSK_EV_MESSAGE), 2);
        assert_int_equal(pair_count(&p.server, WSK_EV_PING), 1);
        assert_int_equal(p.server.at[1].len, 6);
        assert_memory_equal(p.server.at[1].data, "Gr\xC3\xBC\xC3\x9F", 6);
        pair_deinit(&p);
    }
}

static void test_prepared(void **state)
{
    (void)state;
    static const size_t sizes[] = {5, 100, 190, 1000, 70000};
    char *text = malloc(70001);

    for (size_t i = 0; i < 70000; i++)
        text[i] = "the quick brown fox "[i % 20];
    for (int deflate = 0; deflate < 3; deflate++) {
        wsk_config_options so = WSK_CONFIG_OPTIONS_INIT, co = WSK_CONFIG_OPTIONS_INIT;
        pair p;
        so.deflate.enabled = deflate > 0;
        co.deflate.enabled = deflate == 1; /* 2: the server could, this client cannot */
        start(&p, &so, &co);
        pair_open(&p);
        for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
            wsk_prepared *m;
            assert_int_equal(wsk_prepared_new(&m, p.server_cfg, WSK_OP_TEXT, text, sizes[i]),
                             WSK_OK);
            /* Between messages of its own, so that contexts must stay in step. */
            assert_int_equal(wsk_conn_send(p.server.c, WSK_OP_TEXT, text, 500, 0), WSK_OK);
            assert_int_equal(wsk_conn_send_prepared(p.server.c, m), WSK_OK);
            assert_int_equal(wsk_conn_send(p.server.c, WSK_OP_TEXT, text, 600, 0), WSK_OK);
            assert_int_equal(wsk_conn_send_prepared(p.client.c, m), WSK_ERR_INVAL);
            wsk_prepared_unref(m); /* the queue holds its own reference */
            pair_pump(&p);
            assert_int_equal(pair_count(&p.client, WSK_EV_MESSAGE), 3);
            assert_int_equal(p.client.at[1].len, sizes[i]);
            assert_memory_equal(p.client.at[1].data, text, sizes[i]);
            assert_int_equal(p.client.at[2].len, 600);
            pair_forget(&p.client);
        }
        if (deflate == 1)
            assert_true(p.server.wire < 20000);
        wsk_prepared *m = NULL;
        assert_int_equal(wsk_prepared_new(&m, p.server_cfg, WSK_OP_TEXT, "\xff", 1), WSK_ERR_UTF8);
        assert_int_equal(wsk_prepared_new(&m, p.client_cfg, WSK_OP_TEXT, "x", 1), WSK_ERR_INVAL);
        assert_null(m);
        pair_deinit(&p);
    }
    free(text);
}

/* A peer that does not read: the queue stops growing, reading stops, and both come back. */
static void test_backpressure(void **state)
{
    (void)state;
    wsk_config_options so = WSK_CONFIG_OPTIONS_INIT;
    uint8_t block[1000] = {0};
    pair p;
    int sent = 0;

    so.high_water = 4000;
    so.low_water = 1000;
    so.max_queued = 10000;
    start(&p, &so, NULL);
    pair_open(&p);
    p.client.deaf = true;
    while (wsk_conn_send(p.server.c, WSK_OP_BINARY, block, sizeof(block), 0) == WSK_OK)
        sent++;
    assert_int_equal(sent, 10);
    assert_int_equal(wsk_conn_send(p.server.c, WSK_OP_BINARY, block, 1, 0), WSK_ERR_FULL);
    assert_int_equal(wsk_conn_wants(p.server.c) & WSK_WANT_READ, 0);
    pair_pump(&p);
    assert_null(pair_last(&p.server, WSK_EV_WRITABLE));
    p.client.deaf = false;
    pair_pump(&p);
    assert_int_equal(pair_count(&p.server, WSK_EV_WRITABLE), 1);
    assert_int_equal(pair_count(&p.client, WSK_EV_MESSAGE), 10);
    assert_true(wsk_conn_wants(p.server.c) & WSK_WANT_READ);
    /* And one that never reads again is dropped. */
    p.client.deaf = true;
    assert_int_equal(wsk_conn_send(p.server.c, WSK_OP_BINARY, block, 1, 0), WSK_OK);
    uint64_t next;
    wsk_conn_tick(p.server.c, p.now, &next);
    assert_true(next <= p.now + 30000);
    wsk_conn_tick(p.server.c, p.now + 30001, &next);
    pair_forget(&p.server);
    pair_pump(&p);
    assert_int_equal(pair_last(&p.server, WSK_EV_END)->code, 1006);
    assert_true(wsk_conn_wants(p.server.c) & WSK_WANT_DROP);
    pair_deinit(&p);
}

/* A ping flood from a peer that does not read: so many pongs and no more, then only the latest. */
static void test_ping_flood(void **state)
{
    (void)state;
    wsk_config_options so = WSK_CONFIG_OPTIONS_INIT;
    pair p;

    so.max_pongs = 5;
    start(&p, &so, NULL);
    pair_open(&p);
    p.client.deaf = true;
    for (int i = 0; i < 1000; i++) {
        char text[20];
        int n = snprintf(text, sizeof(text), "ping %d", i);
        assert_int_equal(wsk_conn_ping(p.client.c, text, (size_t)n), WSK_OK);
        pair_pump(&p);
    }
    assert_true(wsk_conn_queued(p.server.c) < 5 * 20);
    p.client.deaf = false;
    pair_pump(&p);
    assert_int_equal(pair_count(&p.client, WSK_EV_PONG), 6);
    const pair_event *last = pair_last(&p.client, WSK_EV_PONG);
    assert_memory_equal(last->data, "ping 999", 8);
    /* But no pong behind a close frame. */
    p.client.deaf = true;
    for (int i = 0; i < 10; i++)
        assert_int_equal(wsk_conn_ping(p.client.c, "x", 1), WSK_OK);
    pair_pump(&p);
    assert_int_equal(wsk_conn_close(p.server.c, 1000, NULL), WSK_OK);
    pair_forget(&p.client);
    p.client.deaf = false;
    pair_pump(&p);
    assert_int_equal(pair_count(&p.client, WSK_EV_PONG), 5);
    assert_int_equal(pair_count(&p.client, WSK_EV_CLOSE), 1);
    assert_true(wsk_conn_was_clean(p.server.c));
    pair_deinit(&p);
}

/* Lent room for output: used, then copied when the loan ends before it was sent. */
static void test_loans(void **state)
{
    (void)state;
    uint8_t room[64], message[] = "\x81\x83\0\0\0\0abc\x81\x83\0\0\0\0def";
    struct iovec iov[4];
    wsk_event ev;
    pair p;

    start(&p, NULL, NULL);
    pair_open(&p);
    wsk_conn *c = p.server.c;
    assert_int_equal(wsk_conn_feed(c, message, sizeof(message) - 1, p.now), WSK_OK);
    assert_int_equal(wsk_conn_feed(c, message, 1, p.now), WSK_ERR_STATE); /* still lent */
    wsk_conn_lend_output(c, room, sizeof(room));
    assert_int_equal(wsk_conn_next(c, &ev), WSK_OK);
    assert_int_equal(ev.type, WSK_EV_MESSAGE);
    assert_ptr_equal(ev.data, message + 6); /* where it was fed: no copy */
    assert_int_equal(wsk_conn_send(c, ev.opcode, ev.data, ev.len, 0), WSK_OK);
    assert_int_equal(wsk_conn_output(c, iov, 4), 1);
    assert_ptr_equal(iov[0].iov_base, room);
    assert_int_equal(iov[0].iov_len, 5);
    wsk_conn_sent(c, 2, p.now);
    /* A message that does not fit goes behind it. */
    uint8_t big[100] = {7};
    assert_int_equal(wsk_conn_send(c, WSK_OP_BINARY, big, sizeof(big), 0), WSK_OK);
    assert_int_equal(wsk_conn_unlend(c), WSK_OK);
    memset(room, 0xEE, sizeof(room));
    memset(message, 0xEE, sizeof(message));
    /* The second message was kept. */
    assert_int_equal(wsk_conn_next(c, &ev), WSK_OK);
    assert_int_equal(ev.type, WSK_EV_MESSAGE);
    assert_memory_equal(ev.data, "def", 3);
    size_t k = wsk_conn_output(c, iov, 4);
    assert_true(k >= 2);
    assert_memory_equal(iov[0].iov_base, "abc", 3);
    assert_int_equal(wsk_conn_queued(c), 3 + 102);
    pair_deinit(&p);
}

static void test_pause(void **state)
{
    (void)state;
    pair p;

    start(&p, NULL, NULL);
    pair_open(&p);
    wsk_conn_pause(p.server.c, true);
    assert_int_equal(wsk_conn_wants(p.server.c) & WSK_WANT_READ, 0);
    uint64_t next;
    wsk_conn_tick(p.server.c, p.now + 100000, &next); /* it is us who do not listen */
    assert_int_equal(wsk_conn_state(p.server.c), WSK_STATE_OPEN);
    assert_int_equal(wsk_conn_queued(p.server.c), 0);
    wsk_conn_pause(p.server.c, false);
    assert_true(wsk_conn_wants(p.server.c) & WSK_WANT_READ);
    wsk_conn_pause(p.server.c, true);
    assert_int_equal(wsk_conn_close(p.server.c, 1000, NULL), WSK_OK);
    assert_true(wsk_conn_wants(p.server.c) & WSK_WANT_READ); /* for the answer */
    pair_deinit(&p);
}

static void test_stats_and_extensions(void **state)
{
    (void)state;
    wsk_config_options o = WSK_CONFIG_OPTIONS_INIT;
    wsk_conn_stats st;
    char text[100];
    pair p;

    o.deflate.enabled = true;
    o.deflate.threshold = SIZE_MAX;
    start(&p, &o, &o);
    pair_open(&p);
    assert_true(wsk_conn_extensions(p.server.c, text, sizeof(text)) >= 18);
    assert_memory_equal(text, "permessage-deflate", 18);
    assert_int_equal(wsk_conn_extensions(p.client.c, text, 5),
                     wsk_conn_extensions(p.client.c, NULL, 0));
    assert_string_equal(text, "perm");
    char block[2000];
    memset(block, 'a', sizeof(block));
    size_t before = p.client.wire;
    assert_int_equal(wsk_conn_send(p.client.c, WSK_OP_TEXT, block, sizeof(block), 0), WSK_OK);
    pair_pump(&p);
    assert_true(p.client.wire - before > 2000); /* the threshold: nothing is compressed unasked */
    before = p.client.wire;
    assert_int_equal(
        wsk_conn_send(p.client.c, WSK_OP_TEXT, block, sizeof(block), WSK_SEND_COMPRESS), WSK_OK);
    pair_pump(&p);
    assert_true(p.client.wire - before < 100);
    wsk_conn_get_stats(p.server.c, &st);
    assert_int_equal(st.messages_in, 2);
    assert_int_equal(st.octets_in, p.client.wire);
    assert_int_equal(st.octets_out, p.server.wire);
    pair_deinit(&p);
}

/* The transport breaks in every state: one END, whatever was going on. */
static void test_lost(void **state)
{
    (void)state;
    for (int when = 0; when < 4; when++) {
        pair p;
        start(&p, NULL, NULL);
        p.server.hold = when == 1;
        if (when == 1)
            request(&p, NULL, 0);
        if (when >= 2)
            pair_open(&p);
        if (when == 3)
            assert_int_equal(wsk_conn_close(p.server.c, 1000, NULL), WSK_OK);
        wsk_conn_lost(p.server.c, "reset by the peer");
        wsk_conn_lost(p.server.c, "again");
        wsk_event ev;
        assert_int_equal(wsk_conn_next(p.server.c, &ev), WSK_OK);
        assert_int_equal(ev.type, WSK_EV_END);
        assert_int_equal(ev.code, 1006);
        assert_string_equal(ev.text, "reset by the peer");
        assert_int_equal(wsk_conn_next(p.server.c, &ev), WSK_OK);
        assert_int_equal(ev.type, WSK_EV_NONE);
        pair_deinit(&p);
    }
}

/* A shell that looks at the clock only when the deadline it was told is due is never late. */
static void test_ping_interval_below_timeout(void **state)
{
    (void)state;
    wsk_config_options so = WSK_CONFIG_OPTIONS_INIT;
    pair p;

    so.ping_interval = 300;
    so.ping_timeout = 20000;
    start(&p, &so, NULL);
    pair_open(&p);
    uint64_t next, begin = p.now;
    wsk_conn_tick(p.server.c, p.now, &next);
    while (next < begin + 3100) {
        assert_true(next > p.now);
        p.now = next;
        wsk_conn_tick(p.server.c, p.now, &next);
        pair_pump(&p);
    }
    assert_int_equal(pair_count(&p.client, WSK_EV_PING), 10);
    pair_deinit(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_config),
        cmocka_unit_test(test_request_is_readable),
        cmocka_unit_test(test_accept_options),
        cmocka_unit_test(test_respond),
        cmocka_unit_test(test_request_injection),
        cmocka_unit_test(test_send_states),
        cmocka_unit_test(test_send_from_nowhere),
        cmocka_unit_test(test_parts),
        cmocka_unit_test(test_prepared),
        cmocka_unit_test(test_backpressure),
        cmocka_unit_test(test_ping_flood),
        cmocka_unit_test(test_loans),
        cmocka_unit_test(test_pause),
        cmocka_unit_test(test_stats_and_extensions),
        cmocka_unit_test(test_lost),
        cmocka_unit_test(test_ping_interval_below_timeout),
    };

    return cmocka_run_group_tests_name("conn_api", tests, NULL, NULL);
}
