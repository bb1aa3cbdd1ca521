/* SPDX-License-Identifier: MIT */
/*
 * Rates of a connection where it was not read for a while: what could have come meanwhile may, and
 * no more. Over socket pairs, on a clock that stands until the test, or a slow handler of it, moves
 * it on. On both backends, for messages and for octets.
 */
#include "support.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <websock/websock.h>

#include "net/sys.h"

#ifdef BACKEND_io_uring
static const wsk_io backend = WSK_IO_URING;
#else
static const wsk_io backend = WSK_IO_EPOLL;
#endif

/* Messages of FRAME octets, so that both rates are of so many of them. */
enum { RATE = 10, BURST = 10, FRAME = 1000, AWAY = 5, LARGE = 400 * 1024 };

static uint64_t fake_us;

static uint64_t fake_clock(void)
{
    return fake_us;
}

typedef struct scene {
    wsk__sys sys;
    wsk_loop *loop;
    wsk_server *server;
    int fd, other; /* clients: who is judged, and who takes our time */
    wsk_peer *peer;
    unsigned messages;
    unsigned stalls;    /* on_message of the other takes AWAY seconds, so many times */
    unsigned meanwhile; /* so many messages come in the first of them */
    bool pauses;
    bool runs; /* the loop, which takes no single turns then */
    unsigned code;
} scene;

static void say(int fd, unsigned n)
{
    static const uint8_t head[] = {0x82, 0xFE, (FRAME - 8) >> 8, (FRAME - 8) & 0xFF};
    static uint8_t frames[200 * FRAME];

    assert_true(n <= sizeof(frames) / FRAME);
    for (unsigned i = 0; i < n; i++)
        memcpy(frames + (size_t)i * FRAME, head, sizeof(head));
    if (n > 0)
        assert_int_equal(send(fd, frames, (size_t)n * FRAME, MSG_NOSIGNAL), n * FRAME);
}

static scene *scene_of(wsk_peer *p)
{
    return wsk_server_data(wsk_peer_server(p));
}

static void on_open(wsk_peer *p)
{
    if (scene_of(p)->peer == NULL)
        scene_of(p)->peer = p;
}

static void on_message(wsk_peer *p, wsk_opcode op, uint8_t *data, size_t len)
{
    scene *s = scene_of(p);

    (void)op;
    (void)data;
    (void)len;
    if (p != s->peer) {
        fake_us += s->stalls > 0 ? AWAY * 1000000 : 0;
        s->stalls -= s->stalls > 0;
        say(s->fd, s->meanwhile);
        s->meanwhile = 0;
        return;
    }
    s->messages++;
    if (s->pauses)
        wsk_peer_pause(p, true);
    s->pauses = false;
}

static void on_close(wsk_peer *p, unsigned code, const char *text)
{
    (void)text;
    if (p == scene_of(p)->peer)
        scene_of(p)->code = code;
}

static void stop(void *ud)
{
    wsk_loop_stop(ud);
}

static void turn(scene *s)
{
    for (int i = 0; i < 20; i++) {
        if (s->runs) {
            assert_int_equal(wsk_loop_post(s->loop, stop, s->loop), WSK_OK);
            assert_int_equal(wsk_loop_run(s->loop), WSK_OK);
        } else {
            assert_int_equal(wsk_loop_turn(s->loop, 0), WSK_OK);
        }
    }
}

static void pass(scene *s, unsigned seconds)
{
    for (unsigned i = 0; i < seconds * 10; i++) {
        fake_us += 100000;
        turn(s);
    }
}

static int client_open(scene *s)
{
    static const char request[] =
        "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
    char in[1024];
    int pair[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
    assert_int_equal(wsk_server_adopt(s->server, pair[0], NULL), WSK_OK);
    assert_int_equal(send(pair[1], request, strlen(request), MSG_NOSIGNAL), strlen(request));
    turn(s);
    assert_true(recv(pair[1], in, sizeof(in), 0) > 0);
    assert_memory_equal(in, "HTTP/1.1 101 ", 13);
    return pair[1];
}

/* Two open connections with full buckets. */
static void begin(scene *s, bool octets, bool runs)
{
    static const wsk_handlers handlers = {
        .size = sizeof(wsk_handlers),
        .on_open = on_open,
        .on_message = on_message,
        .on_close = on_close,
    };
    wsk_loop_options lo = WSK_LOOP_OPTIONS_INIT;
    wsk_server_options so = WSK_SERVER_OPTIONS_INIT;

    memset(s, 0, sizeof(*s));
    s->runs = runs;
    s->sys = wsk__sys_default;
    s->sys.clock_us = fake_clock;
    fake_us = 1000000;
    lo.io = backend;
    assert_int_equal(wsk__loop_new_on(&s->loop, &lo, &s->sys), WSK_OK);
    so.conn.ping_interval = WSK_NEVER;
    so.conn.high_water = 4096;
    so.max_octet_rate = octets ? RATE * FRAME : 0;
    so.octet_burst = octets ? BURST * FRAME : 0;
    so.max_message_rate = octets ? 0 : RATE;
    assert_int_equal(wsk_server_new(&s->server, s->loop, &so, &handlers, s), WSK_OK);
    s->fd = client_open(s);
    s->other = client_open(s);
    pass(s, 60);
}

/* n messages were within the rate; as many as the burst are not. */
static void finish(scene *s, const char *what, unsigned n)
{
    turn(s);
    if (s->messages != n || s->code != 0)
        fail_msg("%s: %u of %u messages, closed with %u", what, s->messages, n, s->code);
    say(s->fd, BURST);
    close(s->other);
    turn(s);
    assert_true(s->messages < n + BURST);
    close(s->fd);
    turn(s);
    assert_int_equal(s->code, 1008);
    wsk_server_free(s->server);
    wsk_loop_free(s->loop);
}

static void handler_is_slow(scene *s)
{
    s->stalls = 1;
    s->meanwhile = BURST + RATE * AWAY;
    say(s->other, 1);
    turn(s);
}

/* Both have events in one turn, in which the loop's time stands. */
static void handler_before_it_is_slow(scene *s)
{
    s->stalls = 1;
    s->meanwhile = BURST + RATE * AWAY - 1;
    say(s->other, 1);
    say(s->fd, 1);
    turn(s);
}

/* The last standstill counts; nothing came in those before. */
static void handlers_were_slow(scene *s)
{
    s->stalls = 2;
    say(s->other, 2);
    turn(s);
    pass(s, 60);
    s->stalls = 1;
    s->meanwhile = BURST + RATE * AWAY;
    say(s->other, 1);
    turn(s);
}

static void program_pauses(scene *s)
{
    wsk_peer_pause(s->peer, true);
    turn(s);
    say(s->fd, BURST + RATE * AWAY);
    pass(s, AWAY);
    assert_int_equal(s->messages, 0);
    wsk_peer_pause(s->peer, false);
    turn(s);
}

/* In the midst of what came at once. */
static void handler_pauses(scene *s)
{
    s->pauses = true;
    say(s->fd, BURST);
    turn(s);
    assert_int_equal(s->messages, 1);
    say(s->fd, RATE * AWAY);
    pass(s, AWAY);
    assert_int_equal(s->messages, 1);
    wsk_peer_pause(s->peer, false);
    turn(s);
}

/* It did not take what was sent to it, and was not read for that. */
static void peer_is_choked(scene *s)
{
    static uint8_t large[LARGE];

    assert_int_equal(wsk_peer_send(s->peer, WSK_OP_BINARY, large, sizeof(large), 0), WSK_OK);
    turn(s);
    say(s->fd, BURST + RATE * AWAY);
    pass(s, AWAY);
    assert_int_equal(s->messages, 0);
    for (int i = 0; i < 100; i++) {
        (void)!recv(s->fd, large, sizeof(large), 0);
        turn(s);
    }
}

static void nothing_is_excused(scene *s)
{
    say(s->fd, BURST);
}

static void test_excused(void **state)
{
    (void)state;
    static const struct {
        const char *what;
        void (*play)(scene *s);
        unsigned n;
    } rows[] = {
        {"handler is slow", handler_is_slow, BURST + RATE * AWAY},
        {"handler before it is slow", handler_before_it_is_slow, BURST + RATE * AWAY},
        {"handlers were slow", handlers_were_slow, BURST + RATE * AWAY},
        {"program pauses", program_pauses, BURST + RATE * AWAY},
        {"handler pauses", handler_pauses, BURST + RATE * AWAY},
        {"peer is choked", peer_is_choked, BURST + RATE * AWAY},
        {"nothing is excused", nothing_is_excused, BURST},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        for (int way = 0; way < 4; way++) {
            scene s;

            begin(&s, way & 1, way & 2);
            rows[i].play(&s);
            finish(&s, rows[i].what, rows[i].n);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_excused),
    };
    if (backend == WSK_IO_URING && !test_has_uring()) {
        puts("1..0 # SKIP no io_uring here");
        return 0;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
