/* SPDX-License-Identifier: MIT */
/*
 * The client with our own server on the same loop: ws, wss, Unix sockets, messages, what handlers
 * may do, a thousand at once, and allocations that fail.
 */
#include "client_world.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tls_certs.h"

/* ------------------------------------------------------------------------------ the server -- */

typedef struct echo {
    wsk_server *server;
    unsigned opens, closes, pings;
    unsigned last_code;
    bool big; /* answers each message with a large one */
} echo;

static void echo_open(wsk_peer *p)
{
    ((echo *)wsk_server_data(wsk_peer_server(p)))->opens++;
}

static void echo_message(wsk_peer *p, wsk_opcode op, uint8_t *data, size_t len)
{
    static uint8_t large[300000];
    const echo *e = wsk_server_data(wsk_peer_server(p));

    if (e->big)
        (void)wsk_peer_send(p, WSK_OP_BINARY, large, sizeof(large), 0);
    else
        (void)wsk_peer_send(p, op, data, len, WSK_SEND_SKIP_UTF8);
}

static void echo_ping(wsk_peer *p, const uint8_t *data, size_t len)
{
    (void)data;
    (void)len;
    ((echo *)wsk_server_data(wsk_peer_server(p)))->pings++;
}

static void echo_close(wsk_peer *p, unsigned code, const char *text)
{
    echo *e = wsk_server_data(wsk_peer_server(p));

    (void)text;
    e->closes++;
    e->last_code = code;
}

static const wsk_handlers echo_handlers = {
    .size = sizeof(wsk_handlers),
    .on_open = echo_open,
    .on_message = echo_message,
    .on_ping = echo_ping,
    .on_close = echo_close,
};

/* Listens on url; returns the URL with its port, in one of four buffers. */
static const char *echo_begin(echo *e, wsk_loop *loop, const char *url, wsk_tls *tls)
{
    static char urls[4][200];
    static unsigned next;
    char *text = urls[next++ % 4];
    wsk_server_options o = WSK_SERVER_OPTIONS_INIT;

    memset(e, 0, sizeof(*e));
    o.conn.size = sizeof(o.conn);
    o.conn.deflate.enabled = true;
    assert_int_equal(wsk_server_new(&e->server, loop, &o, &echo_handlers, e), WSK_OK);
    assert_int_equal(wsk_server_listen(e->server, url, tls), WSK_OK);
    assert_true(wsk_server_url(e->server, 0, text, sizeof(urls[0])) > 0);
    return text;
}

static void echo_end(echo *e)
{
    wsk_server_free(e->server);
}

/* ------------------------------------------------------------------------------- messages -- */

static void test_echo(void **state)
{
    wsk_client_options o = WSK_CLIENT_OPTIONS_INIT;
    char peer[80];
    world w;
    echo e;
    heard h;

    for (int deflate = 0; deflate < 2; deflate++) {
        world_begin(&w, state);
        const char *url = echo_begin(&e, w.loop, "ws://127.0.0.1:0/ws", NULL);
        o.conn.deflate.enabled = deflate != 0;
        heard_connect(&h, &w, &o, url);
        assert_int_equal(wsk_client_stage(h.c), WSK_STAGE_CONNECTING);
        assert_int_equal(wsk_client_send(h.c, WSK_OP_TEXT, "x", 1, 0), WSK_ERR_STATE);
        assert_int_equal(wsk_client_connect(h.c, url), WSK_ERR_STATE);
        assert_null(wsk_client_conn(h.c));
        assert_int_equal(wsk_client_address(h.c, peer, sizeof(peer)), 0);
        heard_until_open(&h, &w);
        assert_string_equal(wsk_client_url(h.c), url);
        assert_true(wsk_client_address(h.c, peer, sizeof(peer)) > 0);
        assert_memory_equal(peer, "127.0.0.1:", 10);
        assert_string_equal(wsk_client_tls_version(h.c), "");
        assert_int_equal(wsk_conn_extensions(wsk_client_conn(h.c), NULL, 0) > 0, deflate);
        assert_int_equal(wsk_client_send(h.c, WSK_OP_TEXT, "hello", 5, WSK_SEND_COMPRESS), WSK_OK);
        world_until(&w, h.n[ON_MESSAGE] == 1);
        assert_string_equal((char *)h.data, "hello");
        assert_int_equal(h.op, WSK_OP_TEXT);
        assert_int_equal(wsk_client_send(h.c, WSK_OP_TEXT, "\xff", 1, 0), WSK_ERR_UTF8);
        assert_int_equal(wsk_client_send_part(h.c, WSK_OP_BINARY, "ab", 2, false, 0), WSK_OK);
        assert_int_equal(wsk_client_ping(h.c, "p", 1), WSK_OK);
        assert_int_equal(wsk_client_send_part(h.c, WSK_OP_BINARY, "cd", 2, true, 0), WSK_OK);
        assert_int_equal(wsk_client_pong(h.c, "unasked", 7), WSK_OK);
        world_until(&w, h.n[ON_MESSAGE] == 2 && h.n[ON_PONG] == 1);
        assert_int_equal(e.pings, 1);
        assert_in_range(wsk_client_rtt_us(h.c), 1, 1000000);
        assert_int_equal(wsk_client_close(h.c, 99, NULL), WSK_ERR_INVAL);
        assert_int_equal(wsk_client_stage(h.c), WSK_STAGE_OPEN);
        assert_int_equal(wsk_client_close(h.c, 4000, "enough"), WSK_OK);
        assert_int_equal(wsk_client_stage(h.c), WSK_STAGE_CLOSING);
        assert_int_equal(wsk_client_close(h.c, 4001, "again"), WSK_OK);
        assert_int_equal(wsk_client_send(h.c, WSK_OP_TEXT, "x", 1, 0), WSK_ERR_STATE);
        heard_until_idle(&h, &w);
        assert_int_equal(h.n[ON_CLOSE], 1);
        assert_int_equal(h.code, 4000);
        assert_string_equal(h.close_text, "closed by us, answered by the peer");
        assert_null(wsk_client_conn(h.c));
        world_until(&w, e.closes == 1);
        assert_int_equal(e.last_code, 4000);
        /* The same client again. */
        assert_int_equal(wsk_client_connect(h.c, NULL), WSK_OK);
        world_until(&w, h.n[ON_OPEN] == 2);
        wsk_server_drain(e.server, 1001, "going");
        heard_until_idle(&h, &w);
        assert_int_equal(h.code, 1001);
        assert_string_equal(h.reason, "going");
        heard_free(&h);
        echo_end(&e);
        world_end(&w);
    }
}

/* Larger than what sockets hold, both ways, with handlers for pieces. */
static void test_large(void **state)
{
    size_t n = 3000000;
    uint8_t *large = malloc(n);
    wsk_client_options o = WSK_CLIENT_OPTIONS_INIT;
    world w;
    echo e;
    heard h;

    for (size_t i = 0; i < n; i++)
        large[i] = (uint8_t)(i * 2654435761u >> 13);
    for (int stream = 0; stream < 2; stream++) {
        world_begin(&w, state);
        o.conn.flags = stream ? WSK_CONN_STREAM : 0;
        heard_connect(&h, &w, &o, echo_begin(&e, w.loop, "ws://localhost:0/", NULL));
        heard_until_open(&h, &w);
        assert_int_equal(wsk_client_send(h.c, WSK_OP_BINARY, large, n, 0), WSK_OK);
        assert_true(wsk_client_queued(h.c) > 0);
        world_until(&w, h.n[ON_MESSAGE] == 1);
        assert_int_equal(h.len, n);
        if (!stream)
            assert_memory_equal(h.data, large, n);
        assert_true(h.n[ON_WRITABLE] >= 1);
        assert_int_equal(wsk_client_queued(h.c), 0);
        heard_free(&h);
        echo_end(&e);
        world_end(&w);
    }
    free(large);
}

/* What it keeps for the next message it gives back when none comes for a while, and when the
 * connection is over. */
static void test_idle_gives_back(void **state)
{
    size_t n = 300000;
    uint8_t *large = calloc(1, n);
    wsk_client_options o = WSK_CLIENT_OPTIONS_INIT;
    world w;
    echo e;

    for (int ends = 0; ends < 2; ends++) {
        heard h;

        world_begin(&w, state);
        o.conn.ping_interval = ends ? WSK_NEVER : 200;
        o.conn.deflate.enabled = true;
        const char *url = echo_begin(&e, w.loop, "ws://localhost:0/", NULL);
        heard_connect(&h, &w, &o, url);
        heard_until_open(&h, &w);
        const size_t before = w.alloc.octets;
        for (int i = 0; i < 2; i++) {
            assert_int_equal(wsk_client_send(h.c, WSK_OP_BINARY, large, n, 0), WSK_OK);
            world_until(&w, h.n[ON_MESSAGE] == (unsigned)i + 1);
        }
        assert_true(w.alloc.octets > before + n);
        if (ends)
            wsk_client_drop(h.c);
        /* The history of 32 KiB in each direction, at most. */
        world_until(&w, w.alloc.octets < before + 100000);
        heard_free(&h);
        echo_end(&e);
        world_end(&w);
    }
    free(large);
}

static void test_pause(void **state)
{
    world w;
    echo e;
    heard h;

    world_begin(&w, state);
    heard_connect(&h, &w, NULL, echo_begin(&e, w.loop, "ws://127.0.0.1:0/", NULL));
    heard_until_open(&h, &w);
    wsk_client_pause(h.c, true);
    for (int i = 0; i < 3; i++)
        assert_int_equal(wsk_client_send(h.c, WSK_OP_TEXT, "x", 1, 0), WSK_OK);
    world_turn_for(&w, 20);
    assert_int_equal(h.n[ON_MESSAGE], 0);
    wsk_client_pause(h.c, false);
    world_until(&w, h.n[ON_MESSAGE] == 3);
    heard_free(&h);
    echo_end(&e);
    world_end(&w);
}

static void test_unix(void **state)
{
    char url[120];
    world w;
    echo e;
    heard h;

    world_begin(&w, state);
    snprintf(url, sizeof(url), "ws+unix:/tmp/websock%%20client-%d.sock:/ws", (int)getpid());
    heard_connect(&h, &w, NULL, echo_begin(&e, w.loop, url, NULL));
    heard_until_open(&h, &w);
    assert_string_equal(wsk_client_url(h.c), url);
    assert_int_equal(wsk_client_send(h.c, WSK_OP_TEXT, "hi", 2, 0), WSK_OK);
    world_until(&w, h.n[ON_MESSAGE] == 1);
    heard_free(&h);
    echo_end(&e);
    world_end(&w);
}

/* ------------------------------------------------------------------------------------ TLS -- */

static int make_certs(void **state)
{
    static const cert_spec specs[] = {
        {.file = "ca", .ca = true},
        {.file = "other-ca", .ca = true},
        {.file = "good", .san = "DNS:localhost,IP:127.0.0.1,IP:::1", .issuer = "ca"},
        {.file = "expired", .san = "DNS:localhost,IP:127.0.0.1", .issuer = "ca", .expired = true},
        {.file = "stranger", .san = "DNS:stranger.test,IP:192.0.2.1", .issuer = "ca"},
        {.file = "visitor", .san = "DNS:visitor", .issuer = "ca"},
    };

    (void)state;
    certs_begin();
    for (size_t i = 0; i < WSK__COUNT(specs); i++)
        certs_make(&specs[i]);
    return 0;
}

static int remove_certs(void **state)
{
    (void)state;
    certs_end();
    return 0;
}

static wsk_tls *server_tls(const char *name, const char *ca)
{
    wsk_tls_options o = WSK_TLS_OPTIONS_INIT;
    wsk_tls *tls;

    o.role = WSK_ROLE_SERVER;
    o.certificate_file = certs_path(format("%s.pem", name));
    o.key_file = certs_path(format("%s.key", name));
    o.ca_file = ca != NULL ? certs_path(ca) : NULL;
    o.verify = ca != NULL;
    assert_int_equal(wsk_tls_new(&tls, &o, NULL), WSK_OK);
    return tls;
}

static wsk_tls *client_tls(world *w, const char *ca, const char *own, bool insecure)
{
    wsk_tls_options o = WSK_TLS_OPTIONS_INIT;
    wsk_tls *tls;

    o.role = WSK_ROLE_CLIENT;
    o.hooks = &w->alloc.hooks;
    o.ca_file = ca != NULL ? certs_path(ca) : NULL;
    o.insecure = insecure;
    if (own != NULL) {
        o.certificate_file = certs_path(format("%s.pem", own));
        o.key_file = certs_path(format("%s.key", own));
    }
    assert_int_equal(wsk_tls_new(&tls, &o, NULL), WSK_OK);
    return tls;
}

/* Opens and echoes over TLS, or fails with this text. */
static void try_tls(world *w, const char *cert, const char *server_ca, const char *host,
                    const char *ca, const char *own, bool insecure, const char *text)
{
    wsk_client_options o = WSK_CLIENT_OPTIONS_INIT;
    wsk_tls *tls = server_tls(cert, server_ca);
    heard h;
    echo e;

    echo_begin(&e, w->loop, "wss://127.0.0.1:0/ws", tls);
    char url[200];
    wsk_server_url(e.server, 0, url, sizeof(url));
    const char *port = strrchr(url, ':') + 1;
    o.tls = client_tls(w, ca, own, insecure);
    if (text != NULL) {
        heard_fails(w, &o, format("wss://%s:%s", host, port), WSK_FAIL_TLS, text);
        assert_int_equal(e.opens, 0);
    } else {
        heard_connect(&h, w, &o, format("wss://%s:%s", host, port));
        heard_until_open(&h, w);
        assert_memory_equal(wsk_client_tls_version(h.c), "TLSv1.", 6);
        assert_true(strlen(wsk_client_tls_cipher(h.c)) > 5);
        assert_int_equal(wsk_client_send(h.c, WSK_OP_TEXT, "hi", 2, 0), WSK_OK);
        world_until(w, h.n[ON_MESSAGE] == 1);
        assert_int_equal(wsk_client_close(h.c, 1000, NULL), WSK_OK);
        heard_until_idle(&h, w);
        assert_int_equal(h.code, 1000);
        heard_free(&h);
    }
    wsk_tls_unref(o.tls);
    echo_end(&e);
    wsk_tls_unref(tls);
}

static void test_tls(void **state)
{
    world w;

    world_begin(&w, state);
    try_tls(&w, "good", NULL, "127.0.0.1", "ca.pem", NULL, false, NULL);
    try_tls(&w, "good", NULL, "localhost", "ca.pem", NULL, false, NULL);
    try_tls(&w, "good", NULL, "127.0.0.1", "other-ca.pem", NULL, false,
            "certificate verify failed: ");
    try_tls(&w, "good", NULL, "127.0.0.1", NULL, NULL, false, "certificate verify failed: ");
    try_tls(&w, "good", NULL, "127.0.0.1", NULL, NULL, true, NULL);
    try_tls(&w, "stranger", NULL, "127.0.0.1", "ca.pem", NULL, false, "it is not for '127.0.0.1'");
    try_tls(&w, "stranger", NULL, "localhost", "ca.pem", NULL, false, "it is not for 'localhost'");
    try_tls(&w, "expired", NULL, "127.0.0.1", "ca.pem", NULL, false,
            "certificate verify failed: certificate has expired");
    /* Client certificates: asked for and there, asked for and not. */
    try_tls(&w, "good", "ca.pem", "127.0.0.1", "ca.pem", "visitor", false, NULL);
    try_tls(&w, "good", "ca.pem", "127.0.0.1", "ca.pem", NULL, false, "peer sent alert: ");
    world_end(&w);
}

/* Nothing was set up for TLS: the system's CAs count. The server speaks none at all. */
/* A server that does not read: what its socket does not take stands in ours as cipher text first.
 */
static void test_tls_queued(void **state)
{
    static const uint8_t message[32768];
    wsk_tls *tls = server_tls("good", NULL);
    wsk_client_options o = WSK_CLIENT_OPTIONS_INIT;
    world w;
    heard h;
    echo e;

    world_begin(&w, state);
    o.tls = client_tls(&w, NULL, NULL, true);
    heard_connect(&h, &w, &o, echo_begin(&e, w.loop, "wss://127.0.0.1:0/ws", tls));
    heard_until_open(&h, &w);
    world_until(&w, e.opens == 1);
    wsk_peer_pause(wsk_server_next_peer(e.server, NULL), true);
    for (unsigned i = 0; wsk_client_queued(h.c) == 0; i++) {
        assert_true(i < 2000);
        assert_int_equal(wsk_client_send(h.c, WSK_OP_BINARY, message, sizeof(message), 0), WSK_OK);
        for (int k = 0; k < 4; k++)
            world_turn(&w, 0);
    }
    assert_int_equal(wsk_conn_queued(wsk_client_conn(h.c)), 0);
    wsk_peer_pause(wsk_server_next_peer(e.server, NULL), false);
    world_until(&w, wsk_client_queued(h.c) == 0);
    heard_free(&h);
    echo_end(&e);
    wsk_tls_unref(o.tls);
    wsk_tls_unref(tls);
    world_end(&w);
}

static void test_tls_default(void **state)
{
    wsk_tls *tls = server_tls("good", NULL);
    world w;
    echo e;
    script s;

    world_begin(&w, state);
    heard_fails(&w, NULL, echo_begin(&e, w.loop, "wss://127.0.0.1:0/", tls), WSK_FAIL_TLS,
                "certificate verify failed: ");
    echo_end(&e);
    const char *plain = echo_begin(&e, w.loop, "ws://127.0.0.1:0/", NULL);
    heard_fails(&w, NULL, format("wss%s", plain + 2), WSK_FAIL_TLS,
                "the server does not speak TLS on this port");
    echo_end(&e);
    script_begin(&s, &w, script_answer);
    s.answer = "!{end}";
    heard_fails(&w, NULL, format("wss://127.0.0.1:%u/", s.port), WSK_FAIL_LOST, "");
    wsk_tls_unref(tls);
    world_end(&w);
}

/* An answer that leads to a wss URL. */
static void lead_to(char *answer, size_t n, const char *url)
{
    snprintf(answer, n, "HTTP/1.1 301 x\r\nLocation: https%s\r\nContent-Length: 0\r\n\r\n",
             url + 3);
}

/* A redirect from ws to wss is followed, the other way round it is not. */
static void test_tls_redirect(void **state)
{
    wsk_client_options o = WSK_CLIENT_OPTIONS_INIT;
    wsk_tls *tls = server_tls("good", NULL);
    char location[300];
    world w;
    echo e;
    heard h;
    script s;

    world_begin(&w, state);
    const char *url = echo_begin(&e, w.loop, "wss://127.0.0.1:0/ws", tls);
    lead_to(location, sizeof(location), url);
    script_begin(&s, &w, script_answer);
    s.answer = location;
    o.tls = client_tls(&w, "ca.pem", NULL, false);
    o.max_redirects = 1;
    heard_connect(&h, &w, &o, script_url(&s, "/"));
    heard_until_open(&h, &w);
    assert_string_equal(wsk_client_url(h.c), url);
    heard_free(&h);
    wsk_tls_unref(o.tls);
    echo_end(&e);
    wsk_tls_unref(tls);
    world_end(&w);
}

/* A certificate says who we are, as a password does: another server, to which we were led, does not
 * get it. That the first one gets it, the connection shows that is made without a redirect. */
static void test_certificate_stays_at_home(void **state)
{
    wsk_client_options o = WSK_CLIENT_OPTIONS_INIT;
    wsk_tls *tls = server_tls("good", "ca.pem");
    char location[300];
    world w;
    echo e;
    heard h;
    script s;

    world_begin(&w, state);
    const char *url = echo_begin(&e, w.loop, "wss://127.0.0.1:0/ws", tls);
    lead_to(location, sizeof(location), url);
    o.tls = client_tls(&w, "ca.pem", "visitor", false);
    o.max_redirects = 1;
    /* Also where a session with it is known that could be resumed. */
    heard_connect(&h, &w, &o, url);
    heard_until_open(&h, &w);
    (void)wsk_client_send(h.c, WSK_OP_TEXT, "hi", 2, 0);
    world_until(&w, h.n[ON_MESSAGE] == 1);
    heard_free(&h);
    script_begin(&s, &w, script_answer);
    s.answer = location;
    heard_connect(&h, &w, &o, script_url(&s, "/"));
    heard_until_idle(&h, &w);
    assert_int_equal(h.n[ON_OPEN], 0);
    assert_int_equal(h.kind, WSK_FAIL_TLS);
    heard_free(&h);
    wsk_tls_unref(o.tls);
    echo_end(&e);
    wsk_tls_unref(tls);
    world_end(&w);
}

/* ------------------------------------------------------------------------ what handlers may do --
 */

static heard_event free_in;

static void free_then(heard *h, heard_event event)
{
    if (event == ON_OPEN && free_in != ON_OPEN) {
        (void)wsk_client_send(h->c, WSK_OP_TEXT, "hi", 2, 0);
        (void)wsk_client_ping(h->c, "p", 1);
        if (free_in == ON_CLOSE)
            (void)wsk_client_close(h->c, 1000, NULL);
    }
    if (event != free_in)
        return;
    wsk_client *c = h->c;
    h->gone = true;
    h->c = NULL;
    wsk_client_free(c);
}

static void test_free_in_handlers(void **state)
{
    static const heard_event events[] = {ON_OPEN, ON_MESSAGE, ON_PONG, ON_CLOSE, ON_FAIL};

    for (size_t i = 0; i < WSK__COUNT(events); i++) {
        world w;
        echo e;
        heard h;

        world_begin(&w, state);
        const char *url = echo_begin(&e, w.loop, "ws://127.0.0.1:0/ws", NULL);
        heard_begin(&h, &w, NULL);
        h.then = free_then;
        free_in = events[i];
        assert_int_equal(wsk_client_connect(h.c, events[i] == ON_FAIL ? format("%sx", url) : url),
                         WSK_OK);
        world_until(&w, h.gone);
        world_turn_for(&w, 5);
        heard_free(&h);
        echo_end(&e);
        world_end(&w);
    }
}

/* What the handler of the first of some messages does, all of which have come. */
static enum { DO_NOTHING, DO_FREE, DO_DROP, DO_CLOSE, DO_PAUSE, DO_ALL } first_does;

static void act_at_first(heard *h, heard_event event)
{
    wsk_client *c = h->c;

    if (event != ON_MESSAGE || h->n[ON_MESSAGE] != 1)
        return;
    switch (first_does) {
    case DO_FREE:
        h->gone = true;
        h->c = NULL;
        wsk_client_free(c);
        break;
    case DO_DROP:
        wsk_client_drop(c);
        break;
    case DO_CLOSE:
        assert_int_equal(wsk_client_close(c, 1000, NULL), WSK_OK);
        break;
    case DO_PAUSE:
        wsk_client_pause(c, true);
        break;
    default:
        break;
    }
}

static void test_first_of_many(void **state)
{
    for (first_does = DO_NOTHING; first_does < DO_ALL; first_does++) {
        world w;
        echo e;
        heard h;

        world_begin(&w, state);
        heard_connect(&h, &w, NULL, echo_begin(&e, w.loop, "ws://127.0.0.1:0/", NULL));
        heard_until_open(&h, &w);
        h.then = act_at_first;
        wsk_client_pause(h.c, true);
        for (int i = 0; i < 5; i++)
            assert_int_equal(wsk_client_send(h.c, WSK_OP_TEXT, "hi", 2, 0), WSK_OK);
        assert_int_equal(wsk_client_ping(h.c, "p", 1), WSK_OK);
        world_until(&w, e.pings == 1); /* the server has answered what was before it */
        world_turn(&w, 0);
        assert_int_equal(h.n[ON_MESSAGE], 0);
        wsk_client_pause(h.c, false);
        world_until(&w, h.n[ON_MESSAGE] > 0);
        world_turn_for(&w, 5);
        if (first_does == DO_NOTHING || first_does == DO_CLOSE)
            world_until(&w, h.n[ON_MESSAGE] == 5);
        else
            assert_int_equal(h.n[ON_MESSAGE], 1);
        if (first_does == DO_DROP || first_does == DO_CLOSE) {
            world_until(&w, h.n[ON_CLOSE] == 1);
            assert_int_equal(h.code, first_does == DO_DROP ? 1006 : 1000);
        }
        if (first_does == DO_PAUSE) {
            wsk_client_pause(h.c, false);
            world_until(&w, h.n[ON_MESSAGE] == 5 && h.n[ON_PONG] == 1);
        }
        heard_free(&h);
        echo_end(&e);
        world_end(&w);
    }
}

/* With TLS or without, then over IPv6 where there is any. */
static const char *begin_either(echo *e, wsk_loop *loop, wsk_tls *tls)
{
    const char *url = "wss://127.0.0.1:0/";

    if (tls == NULL)
        url = test_has_ipv6() ? "ws://[::1]:0/" : "ws://127.0.0.1:0/";
    return echo_begin(e, loop, url, tls);
}

/* At any time, outside of handlers. */
static void test_free_any_time(void **state)
{
    wsk_tls *tls = server_tls("good", NULL);

    for (int secure = 0; secure < 2; secure++) {
        for (int turns = 0; turns < 12; turns++) {
            wsk_client_options o = WSK_CLIENT_OPTIONS_INIT;
            world w;
            echo e;
            heard h;

            world_begin(&w, state);
            const char *url = begin_either(&e, w.loop, secure ? tls : NULL);
            o.tls = secure ? client_tls(&w, "ca.pem", NULL, false) : NULL;
            heard_connect(&h, &w, &o, url);
            for (int i = 0; i < turns; i++)
                assert_true(wsk_loop_turn(w.loop, 2) >= 0);
            if (h.n[ON_OPEN] > 0 && turns % 2)
                (void)wsk_client_send(h.c, WSK_OP_TEXT, "hi", 2, 0);
            heard_free(&h);
            if (turns % 3 == 0) /* the loop's end is the client's end, too */
                world_turn(&w, 2);
            echo_end(&e);
            wsk_tls_unref(o.tls);
            world_end(&w);
        }
    }
    wsk_tls_unref(tls);
}

/* Given up in each stage: on_fail comes, once, and later. */
static void test_cancel(void **state)
{
    wsk_tls *tls = server_tls("good", NULL);

    for (int secure = 0; secure < 2; secure++) {
        for (int turns = 0; turns < 12; turns++) {
            wsk_client_options o = WSK_CLIENT_OPTIONS_INIT;
            world w;
            echo e;
            heard h;

            world_begin(&w, state);
            const char *url = begin_either(&e, w.loop, secure ? tls : NULL);
            o.retry_initial = 1;
            o.tls = secure ? client_tls(&w, "ca.pem", NULL, false) : NULL;
            heard_connect(&h, &w, &o, url);
            for (int i = 0; i < turns; i++)
                assert_true(wsk_loop_turn(w.loop, 2) >= 0);
            bool opened = h.n[ON_OPEN] > 0;
            if (turns % 2)
                wsk_client_drop(h.c);
            else
                assert_int_equal(wsk_client_close(h.c, 1000, NULL), WSK_OK);
            assert_int_equal(h.n[ON_FAIL] + h.n[ON_CLOSE], 0);
            heard_until_idle(&h, &w);
            world_turn_for(&w, 5);
            assert_int_equal(h.n[ON_OPEN], opened);
            assert_int_equal(h.n[ON_CLOSE], opened);
            assert_int_equal(h.n[ON_FAIL], !opened);
            assert_int_equal(h.n[ON_RETRY], 0);
            if (!opened) {
                assert_int_equal(h.kind, WSK_FAIL_CANCELLED);
                assert_string_equal(h.text, turns % 2 ? "dropped by the program before it was open"
                                                      : "closed by the program before it was open");
            }
            heard_free(&h);
            echo_end(&e);
            wsk_tls_unref(o.tls);
            world_end(&w);
        }
    }
    wsk_tls_unref(tls);
}

/* Another loop waits for ours: nested in poll(2). */
static void test_nested(void **state)
{
    world w;
    echo e;
    heard h;

    world_begin(&w, state);
    heard_connect(&h, &w, NULL, echo_begin(&e, w.loop, "ws://localhost:0/", NULL));
    uint64_t end = clock_ms() + 5000 * test_patience();
    while (h.n[ON_MESSAGE] == 0 && clock_ms() < end) {
        struct pollfd p = {.fd = wsk_loop_fd(w.loop), .events = POLLIN};
        int timeout = wsk_loop_timeout(w.loop);
        (void)poll(&p, 1, timeout < 0 || timeout > 1000 ? 1000 : timeout);
        assert_true(wsk_loop_turn(w.loop, 0) >= 0);
        if (h.n[ON_OPEN] == 1 && h.len == 0 && wsk_client_queued(h.c) == 0 && e.opens == 1)
            (void)wsk_client_send(h.c, WSK_OP_TEXT, "hi", 2, 0);
    }
    assert_true(h.n[ON_MESSAGE] > 0);
    heard_free(&h);
    echo_end(&e);
    world_end(&w);
}

/* ----------------------------------------------------------------------------------- many -- */

enum { MANY = 1000 };

static unsigned many_opens, many_messages, many_closes, many_fails;

static void many_open(wsk_client *c)
{
    many_opens++;
    (void)wsk_client_send(c, WSK_OP_TEXT, "hi", 2, 0);
}

static void many_message(wsk_client *c, wsk_opcode op, uint8_t *data, size_t len)
{
    (void)op;
    (void)data;
    (void)len;
    many_messages++;
    (void)wsk_client_close(c, 1000, NULL);
}

static void many_close(wsk_client *c, unsigned code, const char *reason, const char *text)
{
    (void)c;
    (void)reason;
    (void)text;
    assert_int_equal(code, 1000);
    many_closes++;
}

static void many_fail(wsk_client *c, wsk_fail kind, unsigned status, const char *text)
{
    (void)c;
    (void)kind;
    (void)status;
    print_error("%s\n", text);
    many_fails++;
}

static void test_many(void **state)
{
    static wsk_client *clients[MANY];
    wsk_client_handlers handlers = WSK_CLIENT_HANDLERS_INIT;
    wsk_client_options o = WSK_CLIENT_OPTIONS_INIT;
    world w;
    echo e;

    test_need_files(3 * MANY + 100); /* with second addresses that are tried */
    world_begin(&w, state);
    const char *url = echo_begin(&e, w.loop, "ws://localhost:0/", NULL);
    many_opens = many_messages = many_closes = many_fails = 0;
    handlers.on_open = many_open;
    handlers.on_message = many_message;
    handlers.on_close = many_close;
    handlers.on_fail = many_fail;
    o.conn.size = sizeof(o.conn);
    o.conn.hooks = &w.alloc.hooks;
    for (int i = 0; i < MANY; i++) {
        assert_int_equal(wsk_client_new(&clients[i], w.loop, &o, &handlers, NULL), WSK_OK);
        assert_int_equal(wsk_client_connect(clients[i], url), WSK_OK);
    }
    world_until(&w, many_closes + many_fails == MANY);
    assert_int_equal(many_fails, 0);
    assert_int_equal(many_opens, MANY);
    assert_int_equal(many_messages, MANY);
    for (int i = 0; i < MANY; i++)
        wsk_client_free(clients[i]);
    echo_end(&e);
    world_end(&w);
}

/* ------------------------------------------------------------------------ failing allocations --
 */

static const wsk_io *failing_io;
static const wsk_tls *failing_server_tls;

static void free_or_end(wsk_client *c, unsigned code, const char *reason, const char *text)
{
    (void)code;
    (void)reason;
    (void)text;
    ++*(unsigned *)wsk_client_data(c);
}

static void count_fail(wsk_client *c, wsk_fail kind, unsigned status, const char *text)
{
    (void)kind;
    (void)status;
    assert_true(*text != 0);
    ++*(unsigned *)wsk_client_data(c);
}

static void close_on_message(wsk_client *c, wsk_opcode op, uint8_t *data, size_t len)
{
    (void)op;
    (void)data;
    (void)len;
    if (wsk_client_close(c, 1000, "bye") < 0)
        wsk_client_drop(c);
}

static void say_or_drop(wsk_client *c)
{
    if (wsk_client_send(c, WSK_OP_TEXT, "hello hello hello", 17, WSK_SEND_COMPRESS) < 0)
        wsk_client_drop(c);
}

/* The client's allocations fail, the server's do not; both loops are turned. */
static void client_body(void *ud, const wsk_hooks *hooks)
{
    static const wsk_header headers[] = {{"X-A", "b"}, {"Cookie", "c"}};
    static const char *const subprotocols[] = {"chat", NULL};
    wsk_client_handlers h = WSK_CLIENT_HANDLERS_INIT;
    wsk_client_options o = WSK_CLIENT_OPTIONS_INIT;
    wsk_loop_options lo = WSK_LOOP_OPTIONS_INIT;
    wsk_tls_options to = WSK_TLS_OPTIONS_INIT;
    const char *url = ud;
    wsk_client *c = NULL;
    unsigned ends = 0;
    wsk_loop *server_loop, *loop;
    echo e;

    assert_int_equal(wsk_loop_new(&server_loop, NULL), WSK_OK);
    url = echo_begin(&e, server_loop, url,
                     failing_server_tls != NULL ? (wsk_tls *)(uintptr_t)failing_server_tls : NULL);
    lo.hooks = hooks;
    lo.io = *failing_io;
    h.on_open = say_or_drop;
    h.on_message = close_on_message;
    h.on_close = free_or_end;
    h.on_fail = count_fail;
    o.conn.size = sizeof(o.conn);
    o.conn.hooks = hooks;
    o.conn.subprotocols = subprotocols;
    o.conn.deflate.enabled = true;
    o.conn.open_timeout = 1000;
    o.conn.close_timeout = 1000;
    o.connect_timeout = 2000;
    o.headers = headers;
    o.n_headers = 2;
    o.origin = "http://127.0.0.1";
    o.userinfo = "user:password";
    o.no_proxy = "x.test";
    o.host = "127.0.0.1"; /* Origin has to fit it */
    o.max_redirects = 1;
    to.role = WSK_ROLE_CLIENT;
    to.hooks = hooks;
    to.insecure = true;
    if (wsk_loop_new(&loop, &lo) == WSK_OK) {
        if (failing_server_tls == NULL || wsk_tls_new(&o.tls, &to, NULL) == WSK_OK) {
            if (wsk_client_new(&c, loop, &o, &h, &ends) == WSK_OK &&
                wsk_client_connect(c, url) == WSK_OK) {
                uint64_t end = clock_ms() + 5000 * test_patience();
                while (ends == 0 && clock_ms() < end) {
                    (void)wsk_loop_turn(loop, 0);
                    (void)wsk_loop_turn(server_loop, 0);
                }
                assert_int_equal(ends, 1);
                assert_int_equal(wsk_client_stage(c), WSK_STAGE_IDLE);
            }
            wsk_client_free(c);
        }
        wsk_loop_free(loop);
        wsk_tls_unref(o.tls);
    }
    echo_end(&e);
    wsk_loop_free(server_loop);
}

static void test_no_memory(void **state)
{
    world w;

    world_begin(&w, state); /* skips where there is no such backend */
    failing_io = *state;
    failing_server_tls = NULL;
    with_failing_alloc(client_body, (void *)(uintptr_t) "ws://127.0.0.1:0/*");
    wsk_tls *tls = server_tls("good", NULL);
    failing_server_tls = tls;
    with_failing_alloc(client_body, (void *)(uintptr_t) "wss://127.0.0.1:0/*");
    wsk_tls_unref(tls);
    world_end(&w);
}

static void test_options(void **state)
{
    static const char *const hosts[] = {"", "a b", "a\r\nX: y", "a:b", "a/b", "u@a", "[::1"};
    wsk_client_options o = WSK_CLIENT_OPTIONS_INIT;
    wsk_client *c = NULL;
    world w;

    world_begin(&w, state);
    assert_int_equal(wsk_client_new(&c, NULL, NULL, NULL, NULL), WSK_ERR_INVAL);
    o.conn.hooks = &w.alloc.hooks;
    o.conn.size = sizeof(o.conn);
    o.family = 99;
    assert_int_equal(wsk_client_new(&c, w.loop, &o, NULL, NULL), WSK_ERR_INVAL);
    o.family = 0;
    o.attempt_delay = 9; /* RFC 8305 5: never below 10 ms */
    assert_int_equal(wsk_client_new(&c, w.loop, &o, NULL, NULL), WSK_ERR_INVAL);
    o.attempt_delay = 0;
    o.proxy = "ftp://x";
    assert_int_equal(wsk_client_new(&c, w.loop, &o, NULL, NULL), WSK_ERR_INVAL);
    o.proxy = NULL;
    for (size_t i = 0; i < WSK__COUNT(hosts); i++) {
        o.host = hosts[i];
        assert_int_equal(wsk_client_new(&c, w.loop, &o, NULL, NULL), WSK_ERR_INVAL);
    }
    o.host = NULL;
    o.tls = server_tls("good", NULL);
    assert_int_equal(wsk_client_new(&c, w.loop, &o, NULL, NULL), WSK_ERR_INVAL);
    wsk_tls_unref(o.tls);
    o.tls = NULL;
    o.conn.deflate.enabled = true;
    o.conn.deflate.level = 99;
    assert_int_equal(wsk_client_new(&c, w.loop, &o, NULL, NULL), WSK_ERR_INVAL);
    assert_null(c);
    /* The log says which. */
    assert_non_null(strstr(w.log, "family is to be AF_INET, AF_INET6 or 0, not 99"));
    assert_non_null(strstr(w.log, "attempt_delay must be 10 ms at least, not 9"));
    assert_non_null(strstr(w.log, "the scheme of the proxy"));
    assert_non_null(strstr(w.log, "host is to be a host, perhaps with a port and nothing else"));
    /* No handlers and no options at all are fine. */
    echo e;
    const char *url = echo_begin(&e, w.loop, "ws://127.0.0.1:0/", NULL);
    assert_int_equal(wsk_client_new(&c, w.loop, NULL, NULL, NULL), WSK_OK);
    assert_ptr_equal(wsk_client_loop(c), w.loop);
    assert_string_equal(wsk_client_url(c), "");
    assert_int_equal(wsk_client_connect(c, url), WSK_OK);
    world_until(&w, wsk_client_stage(c) == WSK_STAGE_OPEN);
    assert_int_equal(wsk_client_send(c, WSK_OP_TEXT, "hi", 2, 0), WSK_OK);
    assert_int_equal(wsk_client_close(c, 0, NULL), WSK_OK);
    world_until(&w, wsk_client_stage(c) == WSK_STAGE_IDLE);
    wsk_client_free(c);
    wsk_client_free(NULL);
    echo_end(&e);
    world_end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(test_echo),
        BOTH(test_large),
        BOTH(test_pause),
        BOTH(test_unix),
        BOTH(test_tls),
        BOTH(test_tls_queued),
        BOTH(test_tls_default),
        BOTH(test_tls_redirect),
        BOTH(test_free_in_handlers),
        BOTH(test_first_of_many),
        BOTH(test_free_any_time),
        BOTH(test_cancel),
        BOTH(test_nested),
        BOTH(test_many),
        BOTH(test_no_memory),
        BOTH(test_options),
        BOTH(test_idle_gives_back),
        BOTH(test_certificate_stays_at_home),
    };

    return cmocka_run_group_tests_name("client", tests, make_certs, remove_certs);
}
