/* SPDX-License-Identifier: MIT */
/*
 * Handlers that run in the midst of something: io_uring makes room for one connection's output or
 * input by settling what others have sent, which calls their handlers; and these end that very
 * connection, or its server, or send on it. The ring has 1,024 places: with as many connections as
 * that, all of which say something in one turn, room is made just where a scene wants it.
 */
#include "support.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <websock/websock.h>

#ifdef BACKEND_io_uring
#define BACKEND WSK_IO_URING
#else
#define BACKEND WSK_IO_EPOLL
#endif

enum { MOST = 1110, LARGE = 20000, SMALL = 26, MANY_A = 13, PIECE = 4000, BROADCASTS = 65 };

/* What is freed becomes Z and stays until the end. Who reads in front of a block finds a pointer
 * that leads nowhere, with the bit that marks one in the table of files. */
typedef struct block {
    struct block *next;
    size_t n;
    uintptr_t trap, spare;
} block;

typedef struct scene {
    wsk_hooks hooks;
    block *freed;
    wsk_loop *loop;
    wsk_server *main, *other;
    int fds[MOST + MANY_A]; /* the clients' */
    size_t n_fds;
    wsk_peer *peers[MOST]; /* of main */
    size_t n_peers;
    wsk_peer *talker; /* whose on_writable does it */
    wsk_peer *target; /* to whom it is done */
    void (*do_it)(struct scene *s);
    void (*then)(struct scene *s); /* in the target's own on_writable */
    unsigned done, messages, answers, closes;
    wsk_peer *dropped; /* who takes the target with it */
} scene;

static uint8_t large[LARGE];
static scene *on_stage;

static void *scene_realloc(void *ud, void *p, size_t n)
{
    scene *s = ud;
    block *was = p == NULL ? NULL : (block *)p - 1, *b = NULL;

    if (n > 0) {
        b = malloc(sizeof(*b) + n);
        *b = (block){.n = n, .trap = ((uintptr_t)'Z' << 40) + 1};
        if (was != NULL)
            memcpy(b + 1, p, was->n < n ? was->n : n);
    }
    if (was != NULL) {
        memset(p, 'Z', was->n);
        was->next = s->freed;
        s->freed = was;
    }
    return b != NULL ? b + 1 : NULL;
}

static void main_open(wsk_peer *p)
{
    on_stage->peers[on_stage->n_peers++] = p;
}

static void main_message(wsk_peer *p, wsk_opcode op, uint8_t *data, size_t len)
{
    (void)op, (void)data, (void)len;
    if (on_stage->messages++ == 0)
        wsk_peer_pause(p, true);
}

static void main_close(wsk_peer *p, unsigned code, const char *text)
{
    scene *s = on_stage;

    (void)code, (void)text;
    s->closes++;
    if (p == s->target)
        s->target = NULL;
    else if (p == s->dropped && s->target != NULL)
        wsk_peer_drop(s->target);
}

static void on_writable(wsk_peer *p)
{
    scene *s = on_stage;
    void (*then)(scene *) = s->then;

    if (p == s->target && then != NULL) {
        s->then = NULL;
        then(s);
    } else if ((s->talker == NULL || s->talker == p) && s->done++ == 0)
        s->do_it(s);
}

static void other_open(wsk_peer *p)
{
    on_stage->talker = p;
}

/* The last of them lets the target go on. */
static void other_message(wsk_peer *p, wsk_opcode op, uint8_t *data, size_t len)
{
    (void)op, (void)data, (void)len;
    assert_int_equal(wsk_peer_send(p, WSK_OP_BINARY, large, 16000, 0), WSK_OK);
    if (++on_stage->answers == MANY_A)
        wsk_peer_pause(on_stage->peers[0], false);
}

static void turns(scene *s, unsigned n)
{
    while (n-- > 0)
        assert_int_equal(wsk_loop_turn(s->loop, 1), WSK_OK);
}

/* Reads what there is, at most n octets. */
static size_t take(int fd, uint8_t *at, size_t n)
{
    size_t all = 0;
    ssize_t r;

    while (all < n && (r = recv(fd, at + all, n - all, MSG_DONTWAIT)) > 0)
        all += (size_t)r;
    return all;
}

static int dial(scene *s, wsk_server *server)
{
    static const char request[] = "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n"
                                  "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                                  "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n";
    uint8_t answer[1000];
    size_t n = 0;
    int pair[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
    assert_int_equal(wsk_server_adopt(server, pair[0], NULL), WSK_OK);
    assert_int_equal(write(pair[1], request, sizeof(request) - 1), sizeof(request) - 1);
    for (int i = 0; n == 0 && i < 1000; i++) {
        turns(s, 1);
        n = take(pair[1], answer, sizeof(answer));
    }
    assert_memory_equal(answer, "HTTP/1.1 101 ", 13);
    s->fds[s->n_fds++] = pair[1];
    return pair[1];
}

static void begin(scene *s)
{
    wsk_loop_options lo = WSK_LOOP_OPTIONS_INIT;
    wsk_server_options o = WSK_SERVER_OPTIONS_INIT;
    wsk_handlers h = WSK_HANDLERS_INIT;
    wsk_hooks hooks = WSK_HOOKS_INIT;

    test_need_files(2 * (MOST + MANY_A) + 64);
    memset(s, 0, sizeof(*s));
    on_stage = s;
    s->hooks = hooks;
    s->hooks.ud = s;
    s->hooks.realloc = scene_realloc;
    lo.hooks = o.conn.hooks = &s->hooks;
    lo.io = BACKEND;
    lo.recv_buffer = 4096;
    assert_int_equal(wsk_loop_new(&s->loop, &lo), WSK_OK);
    h.on_open = main_open;
    h.on_message = main_message;
    h.on_writable = on_writable;
    h.on_close = main_close;
    o.conn.high_water = 8000;
    assert_int_equal(wsk_server_new(&s->main, s->loop, &o, &h, NULL), WSK_OK);
    h.on_open = other_open;
    h.on_message = other_message;
    h.on_close = NULL;
    assert_int_equal(wsk_server_new(&s->other, s->loop, &o, &h, NULL), WSK_OK);
}

static void end(scene *s)
{
    wsk_server_free(s->main);
    wsk_server_free(s->other);
    wsk_loop_free(s->loop);
    for (size_t i = 0; i < s->n_fds; i++)
        close(s->fds[i]);
    for (block *b; (b = s->freed) != NULL; free(b))
        s->freed = b->next;
}

/* --------------------------------------------------------------------------------- scenes -- */

static void send_to_target(scene *s)
{
    wsk_prepared *m;

    if (s->target == NULL)
        return;
    assert_int_equal(
        wsk_prepared_new(&m, wsk_server_config(s->main), WSK_OP_TEXT, large, sizeof(large)),
        WSK_OK);
    assert_int_equal(wsk_peer_send_prepared(s->target, m), WSK_OK);
    wsk_prepared_unref(m);
    assert_int_equal(wsk_peer_send(s->target, WSK_OP_TEXT, "abcdefghijklmnopqrstuvwxyz", SMALL, 0),
                     WSK_OK);
}

/* One has more than the mark to send, so that its on_writable comes; all the others little. */
static void all_say_something(void *ud)
{
    scene *s = ud;

    assert_int_equal(wsk_peer_send(s->talker, WSK_OP_TEXT, large, 9000, 0), WSK_OK);
    for (size_t i = 0; i < s->n_peers; i++) {
        if (s->peers[i] != s->talker && s->peers[i] != s->target && s->peers[i] != s->dropped)
            assert_int_equal(wsk_peer_send(s->peers[i], WSK_OP_TEXT, "hi", 2, 0), WSK_OK);
    }
    wsk_peer_pause(s->target, false);
    if (s->dropped != NULL)
        wsk_peer_drop(s->dropped);
}

/* Of n that fill the ring; the target is looked at next, and then has something to say. */
static void say_while_room_is_made(size_t n, bool drops)
{
    uint8_t in[LARGE + 1000];
    scene s;
    int fd;

    memset(large, 'b', sizeof(large));
    begin(&s);
    s.do_it = send_to_target;
    fd = dial(&s, s.main);
    while (s.n_peers < n + 1)
        dial(&s, s.main);
    s.target = s.peers[0];
    s.talker = s.peers[1];
    wsk_peer_pause(s.target, true);
    turns(&s, 5);
    if (drops) /* one that ends in the same turn takes the target with it */
        s.dropped = s.peers[2];
    assert_int_equal(wsk_loop_post(s.loop, all_say_something, &s), WSK_OK);
    turns(&s, 20);
    assert_int_equal(s.done, 1);
    size_t got = take(fd, in, sizeof(in));
    if (!drops) {
        assert_int_equal(got, 4 + LARGE + 2 + SMALL);
        assert_memory_equal(in + 4 + LARGE + 2, "abcdefghijklmnopqrstuvwxyz", SMALL);
    }
    for (size_t i = 0; i < got; i++)
        assert_int_not_equal(in[i], 'Z');
    end(&s);
}

static void test_sent_once(void **state)
{
    (void)state;
    for (size_t n = 1022; n <= 1026; n++)
        say_while_room_is_made(n, false);
}

static void test_dropped_while_sent(void **state)
{
    (void)state;
    for (size_t n = 1023; n <= 1027; n++)
        say_while_room_is_made(n, true);
}

static void large_to_target(scene *s)
{
    assert_int_equal(wsk_peer_send(s->target, WSK_OP_BINARY, large, sizeof(large), 0), WSK_OK);
}

static void broadcasts_to_target(scene *s)
{
    for (int i = 0; i < BROADCASTS; i++)
        assert_int_equal(wsk_server_broadcast(s->main, WSK_OP_TEXT, large, 100, NULL), 1);
    assert_int_equal(wsk_peer_send(s->target, WSK_OP_TEXT, "abcdefghijklmnopqrstuvwxyz", SMALL, 0),
                     WSK_OK);
}

/* What it is sent while room is made is so much that its own handler is told, when it is asked for
 * output; and that sends, past the queue, and a little behind. */
static void test_sends_while_it_is_asked(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        static uint8_t in[3 * LARGE];
        const size_t first = i == 0 ? 4 + LARGE : BROADCASTS * 102, all = 4 + LARGE + first;
        scene s;

        memset(large, 'b', sizeof(large));
        begin(&s);
        s.do_it = large_to_target;
        s.then = i == 0 ? send_to_target : broadcasts_to_target;
        int fd = dial(&s, s.main);
        for (int k = 0; k < MANY_A; k++)
            dial(&s, s.other);
        s.talker = NULL;
        s.target = s.peers[0];
        wsk_peer_pause(s.target, true);
        turns(&s, 5);
        for (size_t k = 1; k < s.n_fds; k++)
            assert_int_equal(write(s.fds[k], "\x82\x81\0\0\0\0x", 7), 7);
        turns(&s, 20);
        assert_null(s.then);
        assert_int_equal(take(fd, in, sizeof(in)), all + 2 + SMALL);
        assert_memory_equal(in + all + 2, "abcdefghijklmnopqrstuvwxyz", SMALL);
        end(&s);
    }
}

static void free_main(scene *s)
{
    wsk_server_free(s->main);
    s->main = NULL;
}

/* What was held while it had paused is about to be given, when its server is freed. */
static void test_freed_while_it_is_read(void **state)
{
    (void)state;
    uint8_t frames[3][8 + PIECE] = {{0}};
    scene s;

    begin(&s);
    s.do_it = free_main;
    int fd = dial(&s, s.main);
    for (int i = 0; i < MANY_A; i++)
        dial(&s, s.other);
    s.talker = NULL;
    for (int i = 0; i < 3; i++)
        memcpy(frames[i], "\x82\xFE\x0F\xA0", 4);
    assert_int_equal(write(fd, frames, sizeof(frames)), sizeof(frames));
    turns(&s, 5);
    assert_int_equal(s.messages, 1);
    for (size_t i = 1; i < s.n_fds; i++)
        assert_int_equal(write(s.fds[i], "\x82\x81\0\0\0\0x", 7), 7);
    turns(&s, 20);
    assert_int_equal(s.answers, MANY_A);
    assert_true(s.done > 0);
    assert_int_equal(s.closes, 1);
    end(&s);
}

static void broadcast_and_drop(void *ud)
{
    scene *s = ud;

    assert_int_equal(wsk_peer_send(s->talker, WSK_OP_TEXT, large, 9000, 0), WSK_OK);
    wsk_server_broadcast(s->main, WSK_OP_TEXT, "bye", 3, NULL);
    for (size_t i = 0; i < s->n_peers; i++) {
        (void)wsk_peer_close(s->peers[i], 1001, NULL);
        wsk_peer_drop(s->peers[i]);
    }
}

/* A broadcast whose receivers have all gone, and then the server. */
static void test_freed_behind_a_broadcast(void **state)
{
    (void)state;
    scene s;

    begin(&s);
    s.do_it = free_main;
    dial(&s, s.other);
    while (s.n_peers < 1100)
        dial(&s, s.main);
    assert_int_equal(wsk_loop_post(s.loop, broadcast_and_drop, &s), WSK_OK);
    turns(&s, 20);
    assert_int_equal(s.done, 1);
    assert_int_equal(s.closes, 1100);
    end(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sent_once),
        cmocka_unit_test(test_dropped_while_sent),
        cmocka_unit_test(test_sends_while_it_is_asked),
        cmocka_unit_test(test_freed_while_it_is_read),
        cmocka_unit_test(test_freed_behind_a_broadcast),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
