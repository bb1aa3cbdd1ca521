/* SPDX-License-Identifier: MIT */
/*
 * A server and a client of the library on one loop, where the deadlines of both count: who is
 * healthy is not dropped, and handlers are called one after the other. Over each backend.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <websock/client.h>
#include <websock/server.h>

#include "client_world.h"

enum {
    WRITE_MS = 150, /* write_timeout of both, unless somebody is made to wait for long */
    STEP_MS = 70,
    STEPS = 4, /* together longer than that */
    BIG = 200000,
    HIGH = BIG / 2, /* high_water of both */
    STREAM = 20 * BIG,
};

typedef struct ends {
    wsk_loop *loop;
    wsk_server *server;
    wsk_client *client;
    wsk_peer *peer;
    wsk_timer *timer;
    wsk_tls *tls[2];
    unsigned steps, messages, writables, rooms;
    size_t streamed; /* octets */
    bool over, within, by_peer;
    char why[200];
} ends;

static ends *here; /* handlers of a server's peer have no other way to it */

static size_t waiting(const ends *e)
{
    return e->by_peer ? wsk_peer_queued(e->peer) : wsk_client_queued(e->client);
}

/* One message in parts, for as long as no more than high_water waits. */
static void stream(ends *e)
{
    static char part[BIG / 20];

    while (e->streamed < STREAM && waiting(e) <= HIGH) {
        bool last = (e->streamed += sizeof(part)) == STREAM;
        int r = e->by_peer
                    ? wsk_peer_send_part(e->peer, WSK_OP_BINARY, part, sizeof(part), last, 0)
                    : wsk_client_send_part(e->client, WSK_OP_BINARY, part, sizeof(part), last, 0);

        assert_int_equal(r, WSK_OK);
    }
}

static void peer_open(wsk_peer *p)
{
    here->peer = p;
}

static void peer_message(wsk_peer *p, wsk_opcode op, uint8_t *data, size_t len)
{
    (void)p;
    (void)op;
    (void)data;
    (void)len;
    here->messages++;
}

static void peer_writable(wsk_peer *p)
{
    (void)p;
    assert_false(here->within);
    here->writables++;
    here->rooms++;
    if (here->streamed > 0)
        stream(here);
}

static void peer_close(wsk_peer *p, unsigned code, const char *text)
{
    (void)p;
    snprintf(here->why, sizeof(here->why), "the server says %u: %s", code, text);
    here->over = true;
}

static void client_open(wsk_client *c)
{
    (void)c;
    wsk_timer_set(here->timer, STEP_MS);
}

static void client_message(wsk_client *c, wsk_opcode op, uint8_t *data, size_t len)
{
    (void)c;
    (void)op;
    (void)data;
    (void)len;
    here->messages++;
}

static void client_writable(wsk_client *c)
{
    (void)c;
    here->rooms++;
    if (here->streamed > 0)
        stream(here);
}

static void client_close(wsk_client *c, unsigned code, const char *reason, const char *text)
{
    (void)c;
    (void)reason;
    snprintf(here->why, sizeof(here->why), "the client says %u: %s", code, text);
    here->over = true;
}

static void client_fail(wsk_client *c, wsk_fail kind, unsigned status, const char *text)
{
    (void)kind;
    client_close(c, status, "", text);
}

static void make_tls(ends *e)
{
    wsk_tls_options so = WSK_TLS_OPTIONS_INIT, co = WSK_TLS_OPTIONS_INIT;
    const char *why = NULL;

    so.role = WSK_ROLE_SERVER;
    so.self_signed = true;
    co.role = WSK_ROLE_CLIENT;
    co.insecure = true;
    assert_int_equal(wsk_tls_new(&e->tls[0], &so, &why), WSK_OK);
    assert_int_equal(wsk_tls_new(&e->tls[1], &co, &why), WSK_OK);
}

/* False: there is no such backend here. */
static bool begin(ends *e, wsk_io io, bool tls, uint32_t write_timeout, void (*step)(void *ud))
{
    wsk_loop_options lo = WSK_LOOP_OPTIONS_INIT;
    wsk_server_options so = WSK_SERVER_OPTIONS_INIT;
    wsk_client_options co = WSK_CLIENT_OPTIONS_INIT;
    wsk_handlers h = WSK_HANDLERS_INIT;
    wsk_client_handlers ch = WSK_CLIENT_HANDLERS_INIT;
    char url[100];

    memset(e, 0, sizeof(*e));
    here = e;
    lo.io = io;
    if (wsk_loop_new(&e->loop, &lo) < 0)
        return false;
    if (tls)
        make_tls(e);
    so.conn.write_timeout = co.conn.write_timeout = write_timeout;
    so.conn.ping_interval = co.conn.ping_interval = WSK_NEVER;
    so.conn.high_water = co.conn.high_water = HIGH;
    h.on_open = peer_open;
    h.on_message = peer_message;
    h.on_writable = peer_writable;
    h.on_close = peer_close;
    assert_int_equal(wsk_server_new(&e->server, e->loop, &so, &h, NULL), WSK_OK);
    assert_int_equal(
        wsk_server_listen(e->server, tls ? "wss://127.0.0.1:0/" : "ws://127.0.0.1:0/", e->tls[0]),
        WSK_OK);
    assert_true(wsk_server_url(e->server, 0, url, sizeof(url)) > 0);
    assert_int_equal(wsk_timer_new(&e->timer, e->loop, step, e), WSK_OK);
    co.tls = e->tls[1];
    ch.on_open = client_open;
    ch.on_message = client_message;
    ch.on_writable = client_writable;
    ch.on_close = client_close;
    ch.on_fail = client_fail;
    assert_int_equal(wsk_client_new(&e->client, e->loop, &co, &ch, NULL), WSK_OK);
    assert_int_equal(wsk_client_connect(e->client, url), WSK_OK);
    return true;
}

static void run(ends *e, unsigned steps, unsigned messages)
{
    while (!e->over && (e->steps < steps || e->messages < messages))
        assert_int_equal(wsk_loop_turn(e->loop, 10000), WSK_OK);
    assert_string_equal(e->why, "");
    wsk_timer_free(e->timer);
    wsk_client_free(e->client);
    wsk_server_free(e->server);
    assert_int_equal(wsk_loop_turn(e->loop, 0), WSK_OK);
    wsk_loop_free(e->loop);
    wsk_tls_unref(e->tls[0]);
    wsk_tls_unref(e->tls[1]);
}

/* With and without TLS, over each backend. */
static void over_all(void (*step)(void *ud), unsigned messages)
{
    ends e;

    for (int i = 0; i < 4; i++) {
        if (begin(&e, i & 1 ? WSK_IO_URING : WSK_IO_EPOLL, i & 2, WRITE_MS, step))
            run(&e, STEPS, messages);
    }
}

/* The next step, if there is one. */
static void goes_on(ends *e)
{
    if (e->steps < STEPS)
        wsk_timer_set(e->timer, STEP_MS);
}

static void send_part(void *ud)
{
    ends *e = ud;

    e->steps++;
    assert_int_equal(wsk_client_send_part(e->client, WSK_OP_TEXT, "part", 4, e->steps == STEPS, 0),
                     WSK_OK);
    goes_on(e);
}

/* The server has nothing to send for longer than write_timeout, and owes nobody anything. */
static void a_message_may_take_its_time(void **state)
{
    (void)state;
    over_all(send_part, 1);
}

static void push(void *ud)
{
    ends *e = ud;

    e->steps++;
    if (e->steps == 1)
        assert_int_equal(wsk_client_send(e->client, WSK_OP_TEXT, "begin", 5, 0), WSK_OK);
    else
        assert_int_equal(wsk_peer_send(e->peer, WSK_OP_TEXT, "push", 4, 0), WSK_OK);
    goes_on(e);
}

/* A client that sent something once, and listens. */
static void who_listens_is_not_dropped(void **state)
{
    (void)state;
    over_all(push, STEPS);
}

static void send_big(void *ud)
{
    static char big[BIG];
    ends *e = ud;

    e->within = true;
    assert_int_equal(wsk_peer_send(e->peer, WSK_OP_BINARY, big, sizeof(big), 0), WSK_OK);
    e->within = false;
    e->steps++;
    if (e->steps < 3)
        wsk_timer_set(e->timer, 10);
}

/* What is sent from where it stands goes beyond high_water and below it again in one call. */
static void no_handler_within_a_call(void **state)
{
    ends e;

    (void)state;
    for (int i = 0; i < 2; i++) {
        if (begin(&e, i & 1 ? WSK_IO_URING : WSK_IO_EPOLL, false, WRITE_MS, send_big)) {
            while (!e.over && e.writables < 3)
                assert_int_equal(wsk_loop_turn(e.loop, 10000), WSK_OK);
            run(&e, 3, 3);
        }
    }
}

/* Called a second time: nobody has said that there is room. */
static void stream_from_client(void *ud)
{
    ends *e = ud;

    if (e->streamed > 0) {
        snprintf(e->why, sizeof(e->why), "stuck with %zu sent", e->streamed);
        e->over = true;
        return;
    }
    wsk_timer_set(e->timer, 20000);
    stream(e);
}

static void stream_from_server(void *ud)
{
    ends *e = ud;

    e->by_peer = true;
    stream_from_client(e);
}

/* Whoever stops because too much waits, as cipher text too, is told when to go on. */
static void who_waits_for_room_hears_of_it(void **state)
{
    ends e;

    (void)state;
    for (int i = 0; i < 8; i++) {
        if (begin(&e, i & 1 ? WSK_IO_URING : WSK_IO_EPOLL, i & 2, WSK_NEVER,
                  i & 4 ? stream_from_client : stream_from_server)) {
            run(&e, 0, 1);
            assert_int_equal(e.streamed, STREAM);
        }
    }
}

static void stuck(void *ud)
{
    ends *e = ud;

    snprintf(e->why, sizeof(e->why), "stuck");
    e->over = true;
}

static size_t own_queue(const ends *e)
{
    return wsk_conn_queued(e->by_peer ? wsk_peer_conn(e->peer) : wsk_client_conn(e->client));
}

/* What waits is in part cipher text: the connection's own queue is below high_water all the time.
 */
static void cipher_text_counts(void **state)
{
    static char message[HIGH * 3 / 5];
    ends e;

    (void)state;
    for (int i = 0; i < 4; i++) {
        if (!begin(&e, i & 1 ? WSK_IO_URING : WSK_IO_EPOLL, true, WSK_NEVER, stuck))
            continue;
        e.by_peer = i & 2;
        while (!e.over && (e.peer == NULL || wsk_client_stage(e.client) != WSK_STAGE_OPEN))
            assert_int_equal(wsk_loop_turn(e.loop, 10000), WSK_OK);
        wsk_timer_set(e.timer, 20000);
        if (e.by_peer)
            wsk_client_pause(e.client, true);
        else
            wsk_peer_pause(e.peer, true);
        while (!e.over && waiting(&e) <= HIGH) {
            /* Large ones until the socket is full, so that there is much of such text. */
            const size_t len = own_queue(&e) == 0 ? sizeof(message) : 1000;
            int r = e.by_peer ? wsk_peer_send(e.peer, WSK_OP_BINARY, message, len, 0)
                              : wsk_client_send(e.client, WSK_OP_BINARY, message, len, 0);

            assert_int_equal(r, WSK_OK);
            assert_int_equal(wsk_loop_turn(e.loop, 0), WSK_OK);
        }
        assert_int_equal(e.rooms, 0);
        wsk_client_pause(e.client, false);
        wsk_peer_pause(e.peer, false);
        while (!e.over && e.rooms == 0)
            assert_int_equal(wsk_loop_turn(e.loop, 10000), WSK_OK);
        assert_true(waiting(&e) < HIGH / 4 + 1); /* low_water */
        run(&e, 0, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_may_take_its_time),
        cmocka_unit_test(who_listens_is_not_dropped),
        cmocka_unit_test(no_handler_within_a_call),
        cmocka_unit_test(who_waits_for_room_hears_of_it),
        cmocka_unit_test(cipher_text_counts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
