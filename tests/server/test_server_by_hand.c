/* SPDX-License-Identifier: MIT */
/*
 * A server and one client, each moved by hand: over a socket pair, with a clock that stands until
 * the test moves it on. So it is the same each time what was read, written and late when. On both
 * backends, with TLS and without.
 */
#include "support.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <websock/websock.h>

#include "net/sys.h"
#include "net/tls_session.h"

#ifdef BACKEND_io_uring
static const wsk_io backend = WSK_IO_URING;
#else
static const wsk_io backend = WSK_IO_EPOLL;
#endif

enum { LARGE = 300 * 1024, STEP_MS = 500, WRITE_MS = 5000, LOST = -1 };

static uint64_t fake_us;

static uint64_t fake_clock(void)
{
    return fake_us;
}

typedef struct scene {
    wsk__sys sys;
    wsk_loop *loop;
    wsk_server *server;
    wsk_tls *server_tls, *client_tls;
    wsk_peer *peer;
    wsk__tls_session *session; /* the client's */
    int fd;
    bool over; /* on_close came */
    bool clean;
    bool drops, pauses; /* what on_message does */
    unsigned messages;
    char text[120];
    unsigned code;
    size_t read; /* octets of cipher text, since the handshake */
} scene;

static scene *scene_of(wsk_peer *p)
{
    return wsk_server_data(wsk_peer_server(p));
}

static void on_open(wsk_peer *p)
{
    scene_of(p)->peer = p;
}

static void on_message(wsk_peer *p, wsk_opcode op, uint8_t *data, size_t len)
{
    scene *s = scene_of(p);

    (void)op;
    (void)data;
    (void)len;
    s->messages++;
    if (s->drops)
        wsk_peer_drop(p);
    if (s->pauses)
        wsk_peer_pause(p, true);
}

static void on_close(wsk_peer *p, unsigned code, const char *text)
{
    scene *s = scene_of(p);

    s->peer = NULL;
    s->over = true;
    s->clean = wsk_conn_was_clean(wsk_peer_conn(p));
    s->code = code;
    (void)snprintf(s->text, sizeof(s->text), "%s", text);
}

static wsk_tls *make_tls(wsk_role role)
{
    wsk_tls_options o = WSK_TLS_OPTIONS_INIT;
    wsk_tls *tls;

    o.role = role;
    o.self_signed = role == WSK_ROLE_SERVER;
    o.insecure = role == WSK_ROLE_CLIENT;
    assert_int_equal(wsk_tls_new(&tls, &o, NULL), WSK_OK);
    return tls;
}

/* Neither end of a socket pair waits for anything: what can be done is done in a few turns. */
static void turn(scene *s)
{
    for (int i = 0; i < 4; i++)
        assert_true(wsk_loop_turn(s->loop, 0) >= 0);
}

/* The client's session has its say, and takes n octets that came. */
static void client_moves(scene *s, const uint8_t *in, size_t n)
{
    static uint8_t plain[32768];
    wsk__tls_out out = {0};
    size_t got, used;

    if (s->session == NULL)
        return;
    do {
        assert_true(wsk__tls_session_read(s->session, in, n, &used, plain, sizeof(plain), &got,
                                          &out) != WSK__TLS_FAILED);
        if (n > 0)
            in += used;
        n -= used;
    } while (n > 0 || got > 0);
    if (out.len > 0)
        assert_int_equal(send(s->fd, out.ptr, out.len, MSG_NOSIGNAL), (ssize_t)out.len);
    wsk__tls_session_clear(s->session, &out);
}

static void say(scene *s, const void *data, size_t n)
{
    wsk__tls_out out = {0};

    if (s->session == NULL) {
        assert_int_equal(send(s->fd, data, n, MSG_NOSIGNAL), (ssize_t)n);
        return;
    }
    assert_int_equal(wsk__tls_session_write(s->session, data, n, &out), WSK__TLS_OK);
    assert_int_equal(send(s->fd, out.ptr, out.len, MSG_NOSIGNAL), (ssize_t)out.len);
    wsk__tls_session_clear(s->session, &out);
}

/* close_notify. */
static void notify(scene *s)
{
    wsk__tls_out out = {0};

    wsk__tls_session_shutdown(s->session, &out);
    assert_int_equal(send(s->fd, out.ptr, out.len, MSG_NOSIGNAL), (ssize_t)out.len);
    wsk__tls_session_clear(s->session, &out);
}

/* All that came is read. */
static void client_reads(scene *s)
{
    uint8_t buf[16384];
    ssize_t n;

    while ((n = recv(s->fd, buf, sizeof(buf), 0)) > 0)
        client_moves(s, buf, (size_t)n);
}

/* An open connection; false: this kernel has not this backend. */
static void begin(scene *s, const wsk_config_options *conn, bool tls)
{
    static const wsk_handlers handlers = {
        .size = sizeof(wsk_handlers),
        .on_open = on_open,
        .on_message = on_message,
        .on_close = on_close,
    };
    static const char request[] =
        "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
    wsk_loop_options lo = WSK_LOOP_OPTIONS_INIT;
    wsk_server_options so = WSK_SERVER_OPTIONS_INIT;
    const int small = 4096;
    int pair[2];

    memset(s, 0, sizeof(*s));
    s->sys = wsk__sys_default;
    s->sys.clock_us = fake_clock;
    fake_us = 1000000;
    lo.io = backend;
    assert_int_equal(wsk__loop_new_on(&s->loop, &lo, &s->sys), WSK_OK);
    so.conn = *conn;
    assert_int_equal(wsk_server_new(&s->server, s->loop, &so, &handlers, s), WSK_OK);
    if (tls) {
        s->server_tls = make_tls(WSK_ROLE_SERVER);
        s->client_tls = make_tls(WSK_ROLE_CLIENT);
        assert_int_equal(wsk__tls_session_new(&s->session, s->client_tls, "localhost", 443),
                         WSK_OK);
    }
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
    assert_int_equal(setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof(small)), 0);
    s->fd = pair[1];
    assert_int_equal(wsk_server_adopt(s->server, pair[0], s->server_tls), WSK_OK);
    client_moves(s, NULL, 0);
    for (bool asked = false; s->peer == NULL;) {
        turn(s);
        client_reads(s);
        if (!asked && (!tls || wsk__tls_session_is_ready(s->session))) {
            say(s, request, sizeof(request) - 1);
            asked = true;
        }
    }
    turn(s);
    client_reads(s);
}

static void finish(scene *s)
{
    if (s->fd >= 0)
        close(s->fd);
    turn(s);
    wsk_server_free(s->server);
    wsk_loop_free(s->loop);
    wsk__tls_session_free(s->session);
    wsk_tls_unref(s->server_tls);
    wsk_tls_unref(s->client_tls);
}

static void send_large(scene *s)
{
    static const uint8_t large[LARGE];

    assert_int_equal(wsk_peer_send(s->peer, WSK_OP_BINARY, large, sizeof(large), 0), WSK_OK);
    turn(s);
}

/* Takes n octets every STEP_MS until nothing more comes for a while: for how many ms, or LOST. */
static long take(scene *s, size_t n)
{
    uint8_t buf[16384];
    uint64_t begin = fake_us;

    for (unsigned idle = 0; idle < 20;) {
        fake_us += STEP_MS * 1000;
        ssize_t k = recv(s->fd, buf, n, 0);
        idle = k > 0 ? 0 : idle + 1;
        if (k > 0)
            s->read += (size_t)k;
        turn(s);
        if (s->over)
            return LOST;
    }
    return (long)((fake_us - begin) / 1000) - 20 * STEP_MS;
}

static wsk_config_options options(void)
{
    wsk_config_options o = WSK_CONFIG_OPTIONS_INIT;

    o.ping_interval = WSK_NEVER;
    o.write_timeout = WRITE_MS;
    return o;
}

/* ------------------------------------------------------------------------- slow over TLS -- */

/* As without TLS a client may be slow, but what is held for it has to shrink: time is counted from
 * what the socket takes, octet by octet, not from pieces of cipher text. */

/* 2 KiB a step: less than a piece of 128 KiB within write_timeout, and none too slow. */
static void test_slow_but_steady(void **state)
{
    (void)state;
    wsk_config_options o = options();
    scene s;

    begin(&s, &o, true);
    for (int again = 0; again < 2; again++) {
        s.read = 0;
        send_large(&s);
        assert_in_range(take(&s, 2048), LARGE / 2048 * STEP_MS, LARGE / 2048 * STEP_MS * 2);
        assert_true(s.read > LARGE);
        assert_false(s.over);
        /* Nothing waits any more, and nothing is late. */
        fake_us += UINT64_C(100000000);
        turn(&s);
        assert_false(s.over);
    }
    finish(&s);
}

/* What waits as cipher text waits: the connection itself has passed on all of it. */
static void test_queued(void **state)
{
    (void)state;
    static const uint8_t message[65536];
    wsk_config_options o = options();

    for (int tls = 0; tls < 2; tls++) {
        scene s;

        begin(&s, &o, tls);
        assert_int_equal(wsk_peer_queued(s.peer), 0);
        assert_int_equal(wsk_peer_send(s.peer, WSK_OP_BINARY, message, sizeof(message), 0), WSK_OK);
        turn(&s);
        assert_int_equal(wsk_conn_queued(wsk_peer_conn(s.peer)) > 0, !tls);
        for (unsigned i = 0; wsk_peer_queued(s.peer) > 0; i++) {
            assert_true(i < 1000);
            client_reads(&s);
            turn(&s);
        }
        s.read = 0;
        (void)take(&s, 16384);
        /* The last of it is in the client's socket, at the most. */
        assert_true(s.read < sizeof(message) / 2);
        finish(&s);
    }
}

/* The pace holds, and for who takes nothing more so does write_timeout. */
static void test_too_slow(void **state)
{
    (void)state;
    wsk_config_options o = options();
    scene s;

    o.queue_timeout = 30000;
    begin(&s, &o, true);
    send_large(&s);
    assert_int_equal(take(&s, 2048), LOST);
    assert_in_range(s.read, 2048, LARGE / 2);
    assert_int_equal(s.code, WSK_CLOSE_ABNORMAL);
    assert_string_equal(s.text, "the peer did not take our output in time");
    finish(&s);

    /* Twice as fast is fast enough; until he stops, with less than a piece of it left, too. */
    for (size_t rest = 0; rest < 2; rest++) {
        begin(&s, &o, true);
        send_large(&s);
        uint8_t buf[16384];
        while (s.read < (rest ? LARGE - 40000 : 100000)) {
            fake_us += STEP_MS * 1000;
            ssize_t n = recv(s.fd, buf, 8192, 0);
            assert_true(n > 0);
            s.read += (size_t)n;
            turn(&s);
            assert_false(s.over);
        }
        fake_us += (WRITE_MS - 4 * STEP_MS) * 1000;
        turn(&s);
        assert_false(s.over);
        fake_us += 8 * STEP_MS * 1000;
        turn(&s);
        assert_true(s.over);
        assert_string_equal(s.text, "the peer did not take our output in time");
        finish(&s);
    }
}

/* What stands before the close frame may take longer than its answer. */
static void test_slow_to_the_close_frame(void **state)
{
    (void)state;
    wsk_config_options o = options();
    scene s;

    o.close_timeout = WRITE_MS;
    begin(&s, &o, true);
    send_large(&s);
    assert_int_equal(wsk_peer_close(s.peer, 1000, NULL), WSK_OK);
    turn(&s);
    /* All of it came; then the answer did not. */
    assert_int_equal(take(&s, 2048), LOST);
    assert_true(s.read > LARGE);
    assert_int_equal(s.code, WSK_CLOSE_ABNORMAL);
    assert_string_equal(s.text, "the peer did not answer the close frame in time");
    finish(&s);
}

/* ------------------------------------------------------------------------------- closing -- */

/* RFC 6455 7.1.4: closed, but not cleanly, when nobody can hear our answer any more. */
static void test_close_without_an_answer(void **state)
{
    (void)state;
    static const uint8_t frame[] = {0x88, 0x82, 0, 0, 0, 0, 0x03, 0xE8};
    wsk_config_options o = options();
    scene s;

    for (int tls = 0; tls < 2; tls++) {
        /* Who hears; who does not; who ends TLS first, so that nothing more is read from him. */
        for (int way = 0; way < 2 + tls; way++) {
            begin(&s, &o, tls);
            say(&s, frame, sizeof(frame));
            if (way == 0) {
                turn(&s);
                client_reads(&s);
            } else if (way == 2) {
                notify(&s);
            }
            close(s.fd);
            s.fd = -1;
            turn(&s);
            assert_true(s.over);
            assert_int_equal(s.code, 1000);
            assert_string_equal(s.text, "closed by the peer");
            assert_int_equal(s.clean, way == 0);
            finish(&s);
        }
    }
}

/* ------------------------------------------------------------------------------- refusing -- */

/* Another one comes, says this and goes: how many have been refused by then. */
static uint64_t refused_by(scene *s, const void *data, size_t n)
{
    wsk_server_stats stats;
    int pair[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
    assert_int_equal(wsk_server_adopt(s->server, pair[0], s->server_tls), WSK_OK);
    assert_int_equal(send(pair[1], data, n, 0), (ssize_t)n);
    turn(s);
    close(pair[1]);
    turn(s);
    wsk_server_get_stats(s->server, &stats);
    assert_int_equal(stats.connections, 1);
    return stats.refused;
}

static void test_refused_by_tls(void **state)
{
    (void)state;
    static const uint8_t begun[] = {0x16, 3, 1, 0x40, 0, 1, 0, 0x3f, 0xfc, 3, 3};
    wsk_config_options o = options();
    scene s;

    begin(&s, &o, true);
    assert_int_equal(refused_by(&s, "", 0), 0);
    assert_int_equal(refused_by(&s, begun, sizeof(begun)), 0);
    assert_int_equal(refused_by(&s, "GET / HTTP/1.1\r\n\r\n", 18), 1);
    finish(&s);
    begin(&s, &o, false);
    assert_int_equal(refused_by(&s, "", 0), 0);
    assert_int_equal(refused_by(&s, "GET", 3), 0);
    assert_int_equal(refused_by(&s, "GET / HTTP/1.1\r\n\r\n", 18), 1);
    finish(&s);
    /* Once it is open it is lost, however that comes about. */
    begin(&s, &o, true);
    assert_int_equal(send(s.fd, "no record at all", 16, 0), 16);
    turn(&s);
    assert_true(s.over);
    wsk_server_stats stats;
    wsk_server_get_stats(s.server, &stats);
    assert_int_equal(stats.refused, 0);
    finish(&s);
}

/* -------------------------------------------------------------------- calls, full sockets -- */

static void one_turn(scene *s)
{
    assert_int_equal(wsk_loop_timeout(s->loop), 0);
    assert_true(wsk_loop_turn(s->loop, 0) >= 0);
}

/* What the program asks for while nothing can be sent comes no later for that; the clock stands. */
static void test_calls_while_blocked(void **state)
{
    (void)state;
    static const uint8_t frame[] = {0x81, 0x81, 0, 0, 0, 0, 'x'};
    wsk_config_options o = options();
    scene s;

    for (int tls = 0; tls < 2; tls++) {
        begin(&s, &o, tls);
        send_large(&s);
        wsk_peer_drop(s.peer);
        assert_false(s.over);
        one_turn(&s);
        assert_true(s.over);
        assert_string_equal(s.text, "dropped by the program");
        finish(&s);

        /* Within a handler: before that turn ends. */
        begin(&s, &o, tls);
        send_large(&s);
        s.drops = true;
        say(&s, frame, sizeof(frame));
        assert_true(wsk_loop_turn(s.loop, 0) >= 0);
        assert_true(s.over);
        assert_int_equal(s.messages, 1);
        finish(&s);

        /* What came before a pause, and waits for its end. */
        begin(&s, &o, tls);
        send_large(&s);
        s.pauses = true;
        say(&s, frame, sizeof(frame));
        say(&s, frame, sizeof(frame));
        turn(&s);
        assert_int_equal(s.messages, 1);
        wsk_peer_pause(s.peer, false);
        assert_int_equal(s.messages, 1);
        one_turn(&s);
        assert_int_equal(s.messages, 2);
        finish(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_queued),
        cmocka_unit_test(test_slow_but_steady),
        cmocka_unit_test(test_too_slow),
        cmocka_unit_test(test_slow_to_the_close_frame),
        cmocka_unit_test(test_close_without_an_answer),
        cmocka_unit_test(test_calls_while_blocked),
        cmocka_unit_test(test_refused_by_tls),
    };

    if (backend == WSK_IO_URING && !test_has_uring()) {
        puts("1..0 # SKIP no io_uring here");
        return 0;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
