/* SPDX-License-Identifier: MIT */
/*
 * Prepared messages to many peers in one turn: everything arrives once and in order, whatever else
 * is sent between, and over epoll what comes together costs one system call for a peer. Over socket
 * pairs, on both backends.
 */
#include "support.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <websock/websock.h>

#include "net/loop_priv.h"
#include "net/sys.h"

#ifdef BACKEND_io_uring
static const wsk_io backend = WSK_IO_URING;
#else
static const wsk_io backend = WSK_IO_EPOLL;
#endif

enum { MOST = 12 };

typedef struct end {
    int fd;
    wsk_peer *peer; /* NULL: it has ended */
    uint8_t *in, *want;
    size_t n, n_want;
    bool deflate;
    unsigned writables;
} end;

typedef struct room {
    test_alloc alloc;
    wsk__sys sys;
    wsk_loop *loop;
    wsk_server *server;
    end ends[MOST];
    size_t n;
    wsk_peer *opened;
} room;

static size_t sends;
static size_t send_limit; /* octets that a send takes at most */

static ssize_t counted_send(int fd, const void *buf, size_t n, int flags)
{
    sends++;
    return send(fd, buf, n < send_limit ? n : send_limit, flags);
}

static room *room_of(wsk_peer *p)
{
    return wsk_server_data(wsk_peer_server(p));
}

static void on_open(wsk_peer *p)
{
    room_of(p)->opened = p;
}

static void on_close(wsk_peer *p, unsigned code, const char *text)
{
    room *r = room_of(p);

    (void)code;
    (void)text;
    for (size_t i = 0; i < r->n; i++) {
        if (r->ends[i].peer == p)
            r->ends[i].peer = NULL;
    }
}

static void on_writable(wsk_peer *p)
{
    room *r = room_of(p);

    for (size_t i = 0; i < r->n; i++)
        r->ends[i].writables += r->ends[i].peer == p;
}

static char large[400000];

/* Says it to everyone. */
static void on_message(wsk_peer *p, wsk_opcode op, uint8_t *data, size_t len)
{
    if (data[0] == '!') {
        (void)wsk_server_broadcast(wsk_peer_server(p), op, large, sizeof(large), NULL);
        (void)wsk_server_broadcast(wsk_peer_server(p), op, "small", 5, NULL);
        return;
    }
    (void)wsk_server_broadcast(wsk_peer_server(p), op, data, len, NULL);
}

static const wsk_handlers handlers = {
    .size = sizeof(wsk_handlers),
    .on_open = on_open,
    .on_message = on_message,
    .on_writable = on_writable,
    .on_close = on_close,
};

/* ------------------------------------------------------------------------------- the room -- */

static void read_some(end *e)
{
    for (;;) {
        e->in = realloc(e->in, e->n + 65536);
        ssize_t k = recv(e->fd, e->in + e->n, 65536, MSG_DONTWAIT);

        if (k <= 0)
            return;
        e->n += (size_t)k;
    }
}

/* Octets in a socket pair are there at once: nothing is waited for. */
static void turn(room *r)
{
    assert_true(wsk_loop_turn(r->loop, 0) >= 0);
}

static void enter(room *r, bool deflate)
{
    static const char request[] =
        "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n";
    char all[400];
    end *e = &r->ends[r->n++];
    int pair[2], n;

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
    memset(e, 0, sizeof(*e));
    e->fd = pair[0];
    e->deflate = deflate;
    r->opened = NULL;
    assert_int_equal(wsk_server_adopt(r->server, pair[1], NULL), WSK_OK);
    n = snprintf(all, sizeof(all), "%s%s\r\n", request,
                 deflate ? "Sec-WebSocket-Extensions: permessage-deflate; "
                           "server_no_context_takeover\r\n"
                         : "");
    assert_int_equal(send(e->fd, all, (size_t)n, 0), n);
    for (int i = 0; i < 1000 && (r->opened == NULL || e->n == 0); i++) {
        turn(r);
        read_some(e);
    }
    assert_non_null(r->opened);
    e->peer = r->opened;
    e->n = 0;
}

static int room_open(room *r, size_t plain, size_t deflated, size_t max_queued)
{
    wsk_loop_options lo = WSK_LOOP_OPTIONS_INIT;
    wsk_server_options so = WSK_SERVER_OPTIONS_INIT;

    memset(r, 0, sizeof(*r));
    test_alloc_init(&r->alloc);
    send_limit = SIZE_MAX;
    r->sys = wsk__sys_default;
    r->sys.send = counted_send;
    so.conn.size = sizeof(so.conn);
    so.conn.hooks = lo.hooks = &r->alloc.hooks;
    so.conn.max_queued = max_queued;
    so.conn.high_water = max_queued;
    so.conn.deflate.enabled = deflated > 0;
    lo.io = backend;
    WSK_TRY(wsk__loop_new_on(&r->loop, &lo, &r->sys));
    WSK_TRY(wsk_server_new(&r->server, r->loop, &so, &handlers, r));
    for (size_t i = 0; i < plain + deflated; i++)
        enter(r, i >= plain);
    return WSK_OK;
}

static void room_close(room *r)
{
    wsk_server_free(r->server);
    wsk_loop_free(r->loop);
    assert_int_equal(r->alloc.live, 0);
    for (size_t i = 0; i < r->n; i++) {
        close(r->ends[i].fd);
        free(r->ends[i].in);
        free(r->ends[i].want);
    }
}

/* ------------------------------------------------------------------------- what is wanted -- */

static void want(end *e, unsigned first, const void *data, size_t len)
{
    e->want = realloc(e->want, e->n_want + len + 10);
    uint8_t *p = e->want + e->n_want;
    size_t head = len < 126 ? 2 : len < 65536 ? 4 : 10;

    p[0] = (uint8_t)first;
    p[1] = head == 2 ? (uint8_t)len : head == 4 ? 126 : 127;
    for (size_t i = 2; i < head; i++)
        p[i] = (uint8_t)((uint64_t)len >> 8 * (head - 1 - i));
    if (len > 0)
        memcpy(p + head, data, len);
    e->n_want += head + len;
}

/* All of it has come, and nothing else. */
static void expect_all(room *r)
{
    for (size_t i = 0; i < r->n; i++) {
        end *e = &r->ends[i];

        for (int k = 0; k < 2000 && e->n < e->n_want; k++) {
            turn(r);
            for (size_t j = 0; j < r->n; j++)
                read_some(&r->ends[j]);
        }
        turn(r);
        read_some(e);
        assert_int_equal(e->n, e->n_want);
        if (e->n > 0)
            assert_memory_equal(e->in, e->want, e->n);
    }
}

static void broadcast(room *r, const char *text, size_t len, size_t except)
{
    long n = wsk_server_broadcast(r->server, WSK_OP_TEXT, text, len,
                                  except < r->n ? r->ends[except].peer : NULL);
    long alive = 0;

    for (size_t i = 0; i < r->n; i++) {
        if (r->ends[i].peer == NULL || i == except)
            continue;
        want(&r->ends[i], 0x81, text, len);
        alive++;
    }
    assert_int_equal(n, alive);
}

/* ------------------------------------------------------------------------------ the tests -- */

static void test_one_send_for_all(void **state)
{
    (void)state;
    room r;

    assert_int_equal(room_open(&r, 5, 0, 0), WSK_OK);
    sends = 0;
    for (int i = 0; i < 8; i++)
        broadcast(&r, &"abcdefgh"[i], 1, SIZE_MAX);
    assert_int_equal(sends, 0); /* not before the turn ends */
    assert_true(wsk_peer_queued(r.ends[2].peer) >= 8 * 3);
    expect_all(&r);
    if (backend == WSK_IO_EPOLL)
        assert_int_equal(sends, 5);
    assert_int_equal(wsk_peer_queued(r.ends[2].peer), 0);
    wsk_conn_stats stats;
    wsk_conn_get_stats(wsk_peer_conn(r.ends[2].peer), &stats);
    assert_int_equal(stats.messages_out, 8);
    room_close(&r);
}

/* More than a run holds, and messages that are too large for one. */
static void test_more_than_a_run(void **state)
{
    (void)state;
    static char text[30000];
    room r;

    memset(text, 'x', sizeof(text));
    assert_int_equal(room_open(&r, 3, 0, 0), WSK_OK);
    for (size_t i = 0; i < 150; i++)
        broadcast(&r, text, i, SIZE_MAX);
    for (size_t i = 0; i < 12; i++)
        broadcast(&r, text, i % 3 == 2 ? 20000 : 9000, i % 3);
    expect_all(&r);
    room_close(&r);
}

/* Anything between anything, against what a queue of one's own for each peer would give. */
static void play(uint64_t seed, size_t limit)
{
    static char text[200];
    uint64_t x = seed * 2 + 1;
    room r;

    memset(text, 'y', sizeof(text));
    assert_int_equal(room_open(&r, 8, 0, 0), WSK_OK);
    send_limit = limit;
    for (int step = 0; step < 60; step++) {
        x = x * 6364136223846793005u + 1442695040888963407u;
        unsigned what = (unsigned)(x >> 33) % 16;
        size_t who = (size_t)(x >> 40) % r.n, len = (size_t)(x >> 50) % sizeof(text);
        end *e = &r.ends[who];

        if (what < 6) {
            broadcast(&r, text, len, SIZE_MAX);
        } else if (what < 8) {
            broadcast(&r, text, len, who);
        } else if (what < 9) {
            /* To each, both: not one message after the other. */
            wsk_prepared *m[2];

            for (size_t k = 0; k < 2; k++)
                assert_int_equal(wsk_prepared_new(&m[k], wsk_server_config(r.server), WSK_OP_BINARY,
                                                  text, len + k),
                                 WSK_OK);
            for (size_t i = 0; i < r.n; i++) {
                for (size_t k = 0; r.ends[i].peer != NULL && k < 2; k++) {
                    assert_int_equal(wsk_peer_send_prepared(r.ends[i].peer, m[k]), WSK_OK);
                    want(&r.ends[i], 0x82, text, len + k);
                }
            }
            wsk_prepared_unref(m[0]);
            wsk_prepared_unref(m[1]);
        } else if (e->peer == NULL) {
            continue;
        } else if (what < 11) {
            assert_int_equal(wsk_peer_send(e->peer, WSK_OP_TEXT, text, len, 0), WSK_OK);
            want(e, 0x81, text, len);
        } else if (what < 12) {
            assert_int_equal(wsk_peer_ping(e->peer, text, len % 126), WSK_OK);
            want(e, 0x89, text, len % 126);
        } else if (what < 13 && step > 40) {
            assert_int_equal(wsk_peer_close(e->peer, 1000, NULL), WSK_OK);
            want(e, 0x88, "\x03\xe8", 2);
            e->peer = NULL;
        } else if (what < 14) {
            /* A ping of its own: the answer is last in line. */
            assert_int_equal(send(e->fd, "\x89\x81\0\0\0\0p", 7, 0), 7);
            for (int i = 0; i < 3; i++)
                turn(&r);
            want(e, 0x8a, "p", 1);
            expect_all(&r);
        } else {
            turn(&r);
        }
    }
    expect_all(&r);
    room_close(&r);
}

static void test_order(void **state)
{
    (void)state;

    for (uint64_t seed = 1; seed <= 40; seed++)
        play(seed, seed % 4 == 0 ? 7 : SIZE_MAX);
}

/* A peer that speaks to all while messages wait for it. */
static void test_speakers(void **state)
{
    (void)state;
    room r;

    assert_int_equal(room_open(&r, 6, 0, 0), WSK_OK);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(send(r.ends[i].fd, "\x81\x81\0\0\0\0A\x81\x81\0\0\0\0A", 14, 0), 14);
    for (size_t i = 0; i < r.n; i++) {
        for (size_t k = 0; k < 6; k++)
            want(&r.ends[i], 0x81, "A", 1);
    }
    expect_all(&r);
    room_close(&r);
}

/* Compressed and plain ones, side by side; short messages are compressed for nobody. */
static void test_compressed(void **state)
{
    (void)state;
    static char text[3000];
    room r;

    memset(text, 'z', sizeof(text));
    assert_int_equal(room_open(&r, 3, 3, 0), WSK_OK);
    for (int i = 0; i < 20; i++)
        assert_int_equal(
            wsk_server_broadcast(r.server, WSK_OP_TEXT, text, i % 3 == 1 ? 5 : 2500, NULL), 6);
    for (int k = 0; k < 50; k++) {
        turn(&r);
        for (size_t i = 0; i < r.n; i++)
            read_some(&r.ends[i]);
    }
    for (size_t i = 0; i < r.n; i++) {
        const end *e = &r.ends[i];
        size_t at = 0;

        for (int k = 0; k < 20; k++) {
            assert_true(at + 4 <= e->n);
            bool is_short = k % 3 == 1;
            unsigned first = e->in[at], len = e->in[at + 1];

            assert_int_equal(first, e->deflate && !is_short ? 0xc1 : 0x81);
            if (len == 126) {
                len = (unsigned)(e->in[at + 2] << 8 | e->in[at + 3]);
                at += 2;
            }
            if (is_short || !e->deflate)
                assert_int_equal(len, is_short ? 5 : 2500);
            else
                assert_true(len < 100);
            at += 2 + len;
        }
        assert_int_equal(at, e->n);
    }
    room_close(&r);
}

/* Who has as much in line as it may is passed by, as if each had a queue. */
static void test_full(void **state)
{
    (void)state;
    room r;

    assert_int_equal(room_open(&r, 2, 0, 100), WSK_OK);
    for (int i = 0; i < 3; i++)
        broadcast(&r, "0123456789012345678901234567890123456789", 40, SIZE_MAX);
    assert_int_equal(wsk_server_broadcast(r.server, WSK_OP_TEXT, "more", 4, NULL), 0);
    expect_all(&r);
    broadcast(&r, "again", 5, SIZE_MAX);
    expect_all(&r);
    room_close(&r);
}

/* Whoever sees more in line than high_water is told when it is less. */
static void test_program_that_watches_the_queue(void **state)
{
    (void)state;
    static char text[1000];
    room r;

    memset(text, 'q', sizeof(text));
    assert_int_equal(room_open(&r, 3, 0, 32768), WSK_OK);
    for (int round = 1; round < 4; round++) {
        wsk_prepared *more[40];
        size_t n = 0;

        while (wsk_peer_queued(r.ends[1].peer) <= 32768) {
            assert_int_equal(
                wsk_prepared_new(&more[n], wsk_server_config(r.server), WSK_OP_TEXT, text, 1000),
                WSK_OK);
            if (wsk_peer_send_prepared(r.ends[1].peer, more[n]) == WSK_OK)
                want(&r.ends[1], 0x81, text, 1000);
            n++;
        }
        /* What waits for one is not what waits for another. */
        assert_int_equal(wsk_peer_send_prepared(r.ends[2].peer, more[n - 1]), WSK_OK);
        want(&r.ends[2], 0x81, text, 1000);
        assert_int_equal(wsk_peer_queued(r.ends[2].peer), 1004);
        expect_all(&r);
        assert_int_equal(r.ends[1].writables, round);
        assert_int_equal(wsk_peer_queued(r.ends[1].peer), 0);
        while (n > 0)
            wsk_prepared_unref(more[--n]);
    }
    room_close(&r);
}

/* A large message that comes back in part leaves the queue full: what was promised behind it is
 * kept all the same. Somebody says "!", so that both are broadcast, and the other one speaks in the
 * same turn, before it ends. */
static void test_promise_is_kept(void **state)
{
    (void)state;
    room r;

    memset(large, 'p', sizeof(large));
    assert_int_equal(room_open(&r, 3, 0, 30000), WSK_OK);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(send(r.ends[0].fd, "\x81\x81\0\0\0\0!", 7, 0), 7);
        for (size_t k = 1; k < r.n; k++)
            assert_int_equal(send(r.ends[k].fd, "\x8a\x80\0\0\0\0", 6, 0), 6);
        for (size_t k = 0; k < r.n; k++) {
            want(&r.ends[k], 0x81, large, sizeof(large));
            /* Who asked has a queue, which is full. Over epoll that is seen at once with all. */
            if (k > 0 && backend == WSK_IO_URING)
                want(&r.ends[k], 0x81, "small", 5);
        }
        turn(&r);
        expect_all(&r);
        for (size_t k = 0; k < r.n; k++)
            assert_non_null(r.ends[k].peer);
    }
    room_close(&r);
}

/* Peers go while messages wait for them, the server too. */
static void test_ends_meanwhile(void **state)
{
    (void)state;
    room r;

    assert_int_equal(room_open(&r, 6, 0, 0), WSK_OK);
    broadcast(&r, "one", 3, SIZE_MAX);
    wsk_peer_drop(r.ends[1].peer);
    close(r.ends[2].fd);
    r.ends[2].fd = dup(r.ends[0].fd);
    r.ends[1].n_want = r.ends[2].n_want = 0;
    for (int i = 0; i < 5; i++)
        turn(&r);
    assert_null(r.ends[1].peer);
    assert_null(r.ends[2].peer);
    broadcast(&r, "two", 3, 0);
    for (int i = 0; i < 5; i++)
        turn(&r);
    read_some(&r.ends[5]);
    assert_int_equal(r.ends[5].n, r.ends[5].n_want);
    broadcast(&r, "three", 5, SIZE_MAX);
    room_close(&r); /* what waits goes out, or not, and nothing is left */
}

/* Every allocation fails once: whoever was promised a message gets it, or sees its end. */
static void test_no_memory(void **state)
{
    (void)state;
    static char text[300];
    bool failed = true;

    memset(text, 'w', sizeof(text));
    for (long at = 1; failed; at++) {
        room r;

        assert_int_equal(room_open(&r, 4, 0, 0), WSK_OK);
        send_limit = at % 2 ? SIZE_MAX : 50;
        r.alloc.failed = false;
        r.alloc.fail_at = at;
        for (int i = 0; i < 6; i++) {
            size_t len = i % 2 ? 300 : 20;
            wsk_prepared *m;

            if (wsk_prepared_new(&m, wsk_server_config(r.server), WSK_OP_TEXT, text, len) < 0)
                continue;
            for (size_t k = 0; k < r.n; k++) {
                if (r.ends[k].peer != NULL && wsk_peer_send_prepared(r.ends[k].peer, m) >= 0)
                    want(&r.ends[k], 0x81, text, len);
            }
            wsk_prepared_unref(m);
            if (i == 3)
                turn(&r);
        }
        for (int i = 0; i < 60; i++) {
            turn(&r);
            for (size_t k = 0; k < r.n; k++)
                read_some(&r.ends[k]);
        }
        failed = r.alloc.failed;
        r.alloc.fail_at = 0;
        for (size_t k = 0; k < r.n; k++) {
            if (r.ends[k].peer != NULL)
                assert_int_equal(r.ends[k].n, r.ends[k].n_want);
            assert_true(r.ends[k].n <= r.ends[k].n_want);
            if (r.ends[k].n > 0)
                assert_memory_equal(r.ends[k].in, r.ends[k].want, r.ends[k].n);
        }
        room_close(&r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_send_for_all),
        cmocka_unit_test(test_more_than_a_run),
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_speakers),
        cmocka_unit_test(test_compressed),
        cmocka_unit_test(test_full),
        cmocka_unit_test(test_program_that_watches_the_queue),
        cmocka_unit_test(test_promise_is_kept),
        cmocka_unit_test(test_ends_meanwhile),
        cmocka_unit_test(test_no_memory),
    };

    if (backend == WSK_IO_URING && !test_has_uring()) {
        puts("1..0 # SKIP no io_uring here");
        return 0;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
