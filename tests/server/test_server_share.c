/* SPDX-License-Identifier: MIT */
/*
 * What one connection may keep a loop busy with while others wait: a single read of compressed
 * messages may stand for hundreds of mebibytes. Over pairs of sockets, on which what was sent is
 * there at once, however busy the machine is.
 */
#include "support.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zlib.h>

#include <websock/websock.h>

#include "net/sys.h"

#ifdef BACKEND_io_uring
#define BACKEND WSK_IO_URING
#else
#define BACKEND WSK_IO_EPOLL
#endif

/* Each is more than a share by itself. */
#define MESSAGES    12
#define MESSAGE_LEN (5u << 20)

/* By how many microseconds each look at the clock finds it moved on. */
static uint64_t clock_now, clock_step;
static uint64_t clock_stands = 0, clock_strides = 12000;

static uint64_t stepping_clock(void)
{
    return clock_now += clock_step;
}

struct world {
    test_alloc alloc;
    wsk__sys sys;
    wsk_loop *loop;
    wsk_server *server;
    wsk_peer *drop_at; /* dropped with its second message */
    bool answers;      /* to each large message */
    unsigned large, large_before_small, small, closes, code;
};

static void on_message(wsk_peer *p, wsk_opcode op, uint8_t *data, size_t len)
{
    struct world *w = wsk_server_data(wsk_peer_server(p));

    if (op == WSK_OP_TEXT) {
        w->large_before_small = w->large;
        w->small++;
        return;
    }
    assert_int_equal(len, MESSAGE_LEN);
    assert_int_equal(data[0], w->large);
    assert_int_equal(data[len - 1], w->large);
    if (w->answers)
        assert_true(wsk_peer_send(p, WSK_OP_TEXT, "seen", 4, 0) >= 0);
    if (++w->large == 2 && w->drop_at != NULL)
        wsk_peer_drop(p);
}

static void on_close(wsk_peer *p, unsigned code, const char *text)
{
    struct world *w = wsk_server_data(wsk_peer_server(p));

    (void)text;
    w->code = code;
    w->closes++;
}

/* *state: the clock's step. */
static void world_begin(struct world *w, void **state)
{
    wsk_server_options o = WSK_SERVER_OPTIONS_INIT;
    wsk_loop_options lo = WSK_LOOP_OPTIONS_INIT;
    wsk_handlers handlers = WSK_HANDLERS_INIT;

    memset(w, 0, sizeof(*w));
    test_alloc_init(&w->alloc);
    lo.io = BACKEND;
    clock_step = *(const uint64_t *)*state;
    w->sys = wsk__sys_default;
    w->sys.clock_us = stepping_clock;
    assert_int_equal(wsk__loop_new_on(&w->loop, &lo, &w->sys), WSK_OK);
    o.conn.hooks = &w->alloc.hooks;
    o.conn.deflate.enabled = true;
    handlers.on_message = on_message;
    handlers.on_close = on_close;
    assert_int_equal(wsk_server_new(&w->server, w->loop, &o, &handlers, w), WSK_OK);
}

static void world_end(struct world *w)
{
    wsk_server_free(w->server);
    wsk_loop_free(w->loop);
    assert_int_equal(w->alloc.live, 0);
}

#define turn_until(w, cond)                                                                        \
    do {                                                                                           \
        for (int i_ = 0; i_ < 5000 && !(cond); i_++)                                               \
            assert_true(wsk_loop_turn((w)->loop, 5) >= 0);                                         \
        if (!(cond))                                                                               \
            fail_msg("never came: %s", #cond);                                                     \
    } while (0)

static int client_open(struct world *w)
{
    static const char request[] = "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
                                  "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                                  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                                  "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n";
    char in[1024] = "";
    int ends[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
    assert_int_equal(wsk_server_adopt(w->server, ends[1], NULL), WSK_OK);
    int fd = ends[0];
    assert_int_equal(send(fd, request, strlen(request), MSG_NOSIGNAL), strlen(request));
    ssize_t n = -1;
    turn_until(w, n > 0 || (n = recv(fd, in, sizeof(in) - 1, 0)) > 0);
    assert_non_null(strstr(in, " 101 "));
    assert_non_null(strstr(in, "permessage-deflate"));
    return fd;
}

/* All of them, one after the other. Returns how many octets that are. */
static size_t make_large(uint8_t *out, size_t cap)
{
    static uint8_t plain[MESSAGE_LEN];
    size_t n = 0;

    for (unsigned i = 0; i < MESSAGES; i++) {
        const uint8_t head[] = {0xC2, 0xFE, 0, 0, 0, 0, 0, 0};
        z_stream z = {.next_in = plain, .avail_in = MESSAGE_LEN};

        memset(plain, (int)i, sizeof(plain));
        assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY), Z_OK);
        memcpy(out + n, head, sizeof(head));
        z.next_out = out + n + sizeof(head);
        z.avail_out = 65535;
        assert_int_equal(deflate(&z, Z_SYNC_FLUSH), Z_OK);
        assert_int_equal(z.avail_in, 0);
        size_t len = (size_t)z.total_out - 4; /* without 00 00 ff ff, RFC 7692 7.2.1 */
        out[n + 2] = (uint8_t)(len >> 8);
        out[n + 3] = (uint8_t)len;
        n += sizeof(head) + len;
        assert_true(n < cap - 65535 - sizeof(head));
        deflateEnd(&z);
    }
    return n;
}

/* In one go; one read takes it all. */
static void send_large(int fd)
{
    static uint8_t all[256 * 1024];
    static size_t n;

    if (n == 0)
        n = make_large(all, sizeof(all));
    assert_int_equal(send(fd, all, n, MSG_NOSIGNAL), n);
}

static void send_small(int fd)
{
    static const uint8_t frame[] = {0x81, 0x82, 0, 0, 0, 0, 'h', 'i'};

    assert_int_equal(send(fd, frame, sizeof(frame), MSG_NOSIGNAL), sizeof(frame));
}

/* Whoever sends much at once is served in turn with whoever sends little. */
static void test_small_is_not_kept_waiting(void **state)
{
    struct world w;

    world_begin(&w, state);
    int large = client_open(&w), small = client_open(&w);
    send_large(large);
    send_small(small);
    turn_until(&w, w.small == 1);
    assert_true(w.large_before_small <= 3);
    send_small(small);
    turn_until(&w, w.small == 2);
    assert_true(w.large_before_small <= 7);
    turn_until(&w, w.large == MESSAGES);
    close(large);
    close(small);
    turn_until(&w, w.closes == 2);
    world_end(&w);
}

/* Nothing of what is left over is lost when the peer ends, nor if it ends at once. */
static void test_end_comes_behind_what_is_left(void **state)
{
    struct world w;

    world_begin(&w, state);
    int large = client_open(&w);
    send_large(large);
    assert_int_equal(shutdown(large, SHUT_WR), 0);
    turn_until(&w, w.closes == 1);
    assert_int_equal(w.large, MESSAGES);
    close(large);
    world_end(&w);
}

/* Nor when the connection breaks, which is seen by writing, or told with what came: who sends all
 * he has and a close frame, and is gone, has not said it in vain. */
static void test_break_comes_behind_what_is_left(void **state)
{
    static const uint8_t close_frame[] = {0x88, 0x82, 0, 0, 0, 0, 4321 >> 8, 4321 & 0xFF};

    for (int told = 0; told < 2; told++) {
        struct world w;

        world_begin(&w, state);
        int large = client_open(&w);
        wsk_peer *p = wsk_server_next_peer(w.server, NULL);
        w.answers = !told;
        if (told) {
            /* A socket that is closed before it was read to the end resets. */
            assert_true(wsk_peer_send(p, WSK_OP_TEXT, "unread", 6, 0) >= 0);
            assert_int_equal(wsk_loop_turn(w.loop, 0), WSK_OK);
        }
        send_large(large);
        assert_int_equal(send(large, close_frame, sizeof(close_frame), MSG_NOSIGNAL),
                         sizeof(close_frame));
        close(large);
        turn_until(&w, w.closes == 1);
        assert_int_equal(w.large, MESSAGES);
        assert_int_equal(w.code, 4321);
        world_end(&w);
    }
}

/* Single turns that may not wait go on with it, too: a loop that is nested in another. */
static void test_nested(void **state)
{
    struct world w;

    world_begin(&w, state);
    int large = client_open(&w);
    send_large(large);
    turn_until(&w, w.large > 0);
    while (w.large < MESSAGES) {
        assert_int_equal(wsk_loop_timeout(w.loop), 0);
        assert_int_equal(wsk_loop_turn(w.loop, 0), WSK_OK);
    }
    close(large);
    turn_until(&w, w.closes == 1);
    world_end(&w);
}

/* A connection that goes while something is left over for it. */
static void test_gone(void **state)
{
    struct world w;

    world_begin(&w, state);
    int large = client_open(&w);
    w.drop_at = wsk_server_next_peer(w.server, NULL);
    send_large(large);
    turn_until(&w, w.closes == 1);
    assert_int_equal(w.large, 2);
    close(large);
    w.drop_at = NULL;
    w.large = 0;
    large = client_open(&w);
    send_large(large);
    turn_until(&w, w.large > 0);
    assert_true(w.large < MESSAGES);
    world_end(&w); /* with it */
    close(large);
}

#define BOTH_CLOCKS(f)                                                                             \
    {#f, f, NULL, NULL, &clock_stands},                                                            \
    {                                                                                              \
#f " (by the clock)", f, NULL, NULL, &clock_strides                                        \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH_CLOCKS(test_small_is_not_kept_waiting),
        BOTH_CLOCKS(test_end_comes_behind_what_is_left),
        BOTH_CLOCKS(test_break_comes_behind_what_is_left),
        BOTH_CLOCKS(test_nested),
        BOTH_CLOCKS(test_gone),
    };
    if (BACKEND == WSK_IO_URING && !test_has_uring()) {
        puts("1..0 # SKIP no io_uring here");
        return 0;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
