/* SPDX-License-Identifier: MIT */
/*
 * What one connection gets of a turn of the loop, by what there is to do for it, not by how many
 * octets it sends: on a clock that moves on by as much as the test says whenever it is looked at,
 * so that turns are counted and nothing is timed. Over pairs of sockets, on which what was sent is
 * there at once.
 */
#include "support.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <websock/websock.h>

#include "net/sys.h"
#include "util/attr.h"

#ifdef BACKEND_io_uring
#define BACKEND WSK_IO_URING
#else
#define BACKEND WSK_IO_EPOLL
#endif

/* Two looks at the clock are more than a share. */
#define STRIDE      24000
#define FLOOD_LEN   ((size_t)96 * 1024)
#define CROWD       12
#define DESCRIPTORS 1024

static uint64_t clock_now, clock_step;

static uint64_t stepping_clock(void)
{
    return clock_now += clock_step;
}

/* Descriptors on which a read finds pings, however often it is tried. */
static bool endless[DESCRIPTORS];
static unsigned reads[DESCRIPTORS], reads_of_all;
static size_t cut[DESCRIPTORS]; /* octets of a ping that were read already */

/* Whoever goes on and on in one turn is stopped: a test is to fail, not to hang. */
static ssize_t recv_endless(int fd, void *buf, size_t n, int flags)
{
    static const uint8_t ping[6] = {0x89, 0x80};
    uint8_t *p = buf;

    if (fd >= DESCRIPTORS || !endless[fd])
        return wsk__sys_default.recv(fd, buf, n, flags);
    reads_of_all++;
    if (++reads[fd] > 64) {
        errno = EAGAIN;
        return -1;
    }
    for (size_t i = 0; i < n; i++)
        p[i] = ping[(cut[fd] + i) % sizeof(ping)];
    cut[fd] = (cut[fd] + n) % sizeof(ping);
    return (ssize_t)n;
}

struct world {
    test_alloc alloc;
    wsk__sys sys;
    wsk_loop *loop;
    wsk_server *server;
    unsigned empty, small, last, closes;
};

static void on_message(wsk_peer *p, wsk_opcode op, uint8_t *data, size_t len)
{
    struct world *w = wsk_server_data(wsk_peer_server(p));

    (void)data;
    if (op == WSK_OP_TEXT && len == 0)
        w->empty++;
    else if (op == WSK_OP_TEXT)
        w->small++;
    else
        w->last++;
}

static void on_close(wsk_peer *p, unsigned code, const char *text)
{
    struct world *w = wsk_server_data(wsk_peer_server(p));

    (void)code;
    (void)text;
    w->closes++;
}

static void world_begin(struct world *w, uint64_t step, size_t recv_buffer)
{
    wsk_server_options o = WSK_SERVER_OPTIONS_INIT;
    wsk_loop_options lo = WSK_LOOP_OPTIONS_INIT;
    wsk_handlers handlers = WSK_HANDLERS_INIT;

    memset(w, 0, sizeof(*w));
    memset(endless, 0, sizeof(endless));
    memset(cut, 0, sizeof(cut));
    clock_step = step;
    test_alloc_init(&w->alloc);
    w->sys = wsk__sys_default;
    w->sys.clock_us = stepping_clock;
    w->sys.recv = recv_endless;
    lo.io = BACKEND;
    lo.recv_buffer = recv_buffer;
    assert_int_equal(wsk__loop_new_on(&w->loop, &lo, &w->sys), WSK_OK);
    o.conn.hooks = &w->alloc.hooks;
    o.conn.deflate.enabled = true;
    handlers.on_message = on_message;
    handlers.on_close = on_close;
    assert_int_equal(wsk_server_new(&w->server, w->loop, &o, &handlers, w), WSK_OK);
}

static void world_end(struct world *w)
{
    memset(endless, 0, sizeof(endless));
    wsk_server_free(w->server);
    wsk_loop_free(w->loop);
    assert_int_equal(w->alloc.live, 0);
}

static void turn(struct world *w)
{
    reads_of_all = 0;
    memset(reads, 0, sizeof(reads));
    assert_true(wsk_loop_turn(w->loop, 5) >= 0);
}

static void say(int fd, const void *data, size_t n)
{
    assert_int_equal(send(fd, data, n, MSG_NOSIGNAL), n);
}

/* *ret_inside: the server's end. */
static int client_open(struct world *w, int *ret_inside)
{
    static const char request[] = "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
                                  "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                                  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                                  "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n";
    char in[1024] = "";
    int ends[2];
    ssize_t n = -1;

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
    assert_int_equal(wsk_server_adopt(w->server, ends[1], NULL), WSK_OK);
    say(ends[0], request, strlen(request));
    for (int i = 0; i < 100 && n <= 0; i++) {
        turn(w);
        n = recv(ends[0], in, sizeof(in) - 1, 0);
    }
    assert_non_null(strstr(in, " 101 "));
    assert_non_null(strstr(in, "permessage-deflate"));
    if (ret_inside != NULL)
        *ret_inside = ends[1];
    return ends[0];
}

static void send_small(int fd)
{
    static const uint8_t frame[] = {0x81, 0x82, 0, 0, 0, 0, 'h', 'i'};

    say(fd, frame, sizeof(frame));
}

/* ------------------------------------------------------------------------------ floods -- */

struct flood {
    const char *what;
    const char *begin, *again, *end;
    size_t begin_len, again_len, end_len;
    bool is_message; /* it is one, of FLOOD_LEN octets */
    unsigned turns;  /* that it takes, at least */
};

#define OCTETS(name, text) .name = (text), .name##_len = sizeof(text) - 1
#define BINARY             "\x82\x81\0\0\0\0x"

static const struct flood floods[] = {
    {.what = "a message of blocks that decode to nothing",
     OCTETS(begin, ""),
     OCTETS(again, "\x02\x08\x20\x80\0"), /* four of them, with the codes of RFC 1951 3.2.6 */
     OCTETS(end, "\0"),
     .is_message = true,
     .turns = 3},
    {.what = "a message of empty stored blocks",
     OCTETS(begin, ""),
     OCTETS(again, "\0\0\0\xff\xff"),
     OCTETS(end, "\0"),
     .is_message = true,
     .turns = 3},
    {.what = "empty frames of one message",
     OCTETS(begin, "\x02\x80\0\0\0\0"),
     OCTETS(again, "\0\x80\0\0\0\0"),
     OCTETS(end, "\x80\x80\0\0\0\0"),
     .turns = 8},
    {.what = "empty frames of one compressed message",
     OCTETS(begin, "\x42\x80\0\0\0\0"),
     OCTETS(again, "\0\x80\0\0\0\0"),
     OCTETS(end, "\x80\x81\0\0\0\0\0"),
     .turns = 30},
    {.what = "empty messages",
     OCTETS(begin, ""),
     OCTETS(again, "\x81\x80\0\0\0\0"),
     OCTETS(end, BINARY),
     .turns = 30},
    {.what = "empty compressed messages",
     OCTETS(begin, ""),
     OCTETS(again, "\xC1\x81\0\0\0\0\0"),
     OCTETS(end, BINARY),
     .turns = 30},
    {.what = "empty pings",
     OCTETS(begin, ""),
     OCTETS(again, "\x89\x80\0\0\0\0"),
     OCTETS(end, BINARY),
     .turns = 30},
    {.what = "empty pongs",
     OCTETS(begin, ""),
     OCTETS(again, "\x8A\x80\0\0\0\0"),
     OCTETS(end, BINARY),
     .turns = 30},
};

/* Returns how many times `again` is in it. */
static size_t make_flood(const struct flood *f, uint8_t *out, size_t *ret_len)
{
    size_t times = FLOOD_LEN / f->again_len, n = 0;
    uint64_t len = f->begin_len + f->again_len * times + f->end_len;

    if (f->is_message) {
        out[n++] = 0xC2;
        out[n++] = 0xFF;
        for (int i = 0; i < 8; i++)
            out[n++] = (uint8_t)(len >> 8 * (7 - i));
        memset(out + n, 0, 4);
        n += 4;
    }
    memcpy(out + n, f->begin, f->begin_len);
    n += f->begin_len;
    for (size_t i = 0; i < times; i++, n += f->again_len)
        memcpy(out + n, f->again, f->again_len);
    memcpy(out + n, f->end, f->end_len);
    *ret_len = n + f->end_len;
    return times;
}

/* Each flood comes in one go, takes many turns, and in each of them who says little is heard. */
static void test_floods(void **state)
{
    static uint8_t data[FLOOD_LEN + 64];

    (void)state;
    for (const struct flood *f = floods; f < floods + WSK__COUNT(floods); f++) {
        struct world w;
        unsigned turns = 0, most_behind = 0;
        size_t n, times;

        world_begin(&w, STRIDE, FLOOD_LEN * 2);
        int flooder = client_open(&w, NULL), ordinary = client_open(&w, NULL);
        times = make_flood(f, data, &n);
        say(flooder, data, n);
        while (w.last == 0 && turns < 5000) {
            send_small(ordinary);
            turn(&w);
            turns++;
            if (turns - w.small > most_behind)
                most_behind = turns - w.small;
        }
        if (w.last != 1 || turns < f->turns || most_behind > 2)
            fail_msg("%s: %u in %u turns, the ordinary one was %u behind", f->what, w.last, turns,
                     most_behind);
        assert_int_equal(w.empty, f->again[0] == '\x81' || f->again[0] == '\xC1' ? times : 0);
        assert_int_equal(w.closes, 0);
        close(flooder);
        close(ordinary);
        while (w.closes < 2)
            turn(&w);
        world_end(&w);
    }
}

/* Nothing of a flood is lost that is followed by the end, or by a reset. */
static void test_ends_behind_floods(void **state)
{
    static uint8_t data[FLOOD_LEN + 64];

    (void)state;
    for (const struct flood *f = floods; f < floods + WSK__COUNT(floods); f++) {
        for (int reset = 0; reset < 2; reset++) {
            struct world w;
            size_t n;

            world_begin(&w, STRIDE, FLOOD_LEN * 2);
            int flooder = client_open(&w, NULL);
            wsk_peer *p = wsk_server_next_peer(w.server, NULL);
            if (reset) {
                /* A socket that is closed before it was read to the end resets. */
                assert_true(wsk_peer_send(p, WSK_OP_TEXT, "unread", 6, 0) >= 0);
                turn(&w);
            }
            (void)make_flood(f, data, &n);
            say(flooder, data, n);
            close(flooder);
            for (int i = 0; i < 5000 && w.closes == 0; i++)
                turn(&w);
            assert_int_equal(w.closes, 1);
            if (w.last != 1)
                fail_msg("%s: lost", f->what);
            world_end(&w);
        }
    }
}

/* --------------------------------------------------------------------------- endlessness -- */

/* A connection's sends are no reason to read from it again in the same turn. */
static void test_rounds(void **state)
{
    static uint8_t data[64 * 1024];
    struct world w;
    int fd[CROWD];

    (void)state;
    for (size_t crowd = 1; crowd <= CROWD; crowd += CROWD - 1) {
        world_begin(&w, 0, 32 * 1024);
        int ordinary = client_open(&w, NULL);
        for (size_t i = 0; i < sizeof(data); i++)
            data[i] = (uint8_t)(i % 6 == 0 ? 0x89 : i % 6 == 1 ? 0x80 : 0);
        for (size_t i = 0; i < crowd; i++) {
            int inside;

            fd[i] = client_open(&w, &inside);
            assert_in_range(inside, 0, DESCRIPTORS - 1);
            /* As many as make io_uring read in bulk, none of them cut. */
            say(fd[i], data, sizeof(data) - sizeof(data) % 6);
            for (int k = 0; k < 30; k++)
                assert_int_equal(wsk_loop_turn(w.loop, 0), WSK_OK);
            endless[inside] = true;
            say(fd[i], data, 6);
        }
        for (unsigned i = 1; i <= 10; i++) {
            send_small(ordinary);
            turn(&w);
            for (size_t k = 0; k < DESCRIPTORS; k++)
                assert_true(reads[k] <= 8);
            /* Two of those that had their share before, and who was not yet heard of. */
            assert_true(reads_of_all > 0 && reads_of_all <= 3 * 8);
            assert_true(w.small + 2 >= i);
        }
        memset(endless, 0, sizeof(endless));
        for (size_t i = 0; i < crowd; i++)
            close(fd[i]);
        close(ordinary);
        for (int i = 0; i < 1000 && w.closes < crowd + 1; i++)
            turn(&w);
        assert_int_equal(w.closes, crowd + 1);
        world_end(&w);
    }
}

/* --------------------------------------------------------------------------- backlogs -- */

/* Many small pieces in a queue go out in few turns: turns may be long, for the sake of others. */
static void test_backlog_of_small_messages(void **state)
{
    enum { MESSAGES = 2000, LEN = 400 };
    static char text[LEN], in[1 << 20];
    size_t n = 0, want = (size_t)MESSAGES * (LEN + 4);
    wsk_prepared *p = NULL;
    struct world w;
    unsigned turns;

    (void)state;
    memset(text, 'a', sizeof(text));
    world_begin(&w, 0, 0);
    const int fd = client_open(&w, NULL);
    /* Not compressed, and each with a place in the queue. */
    for (size_t i = 0; i < sizeof(text); i++)
        text[i] = (char)(i * i * 31 / 7 % 251);
    assert_int_equal(wsk_prepared_new(&p, wsk_server_config(w.server), WSK_OP_BINARY, text, LEN),
                     WSK_OK);
    wsk_peer *peer = wsk_server_next_peer(w.server, NULL);
    for (int i = 0; i < MESSAGES; i++)
        assert_int_equal(wsk_peer_send_prepared(peer, p), WSK_OK);
    wsk_prepared_unref(p);
    for (turns = 0; n < want; turns++) {
        ssize_t got;

        assert_int_equal(wsk_loop_turn(w.loop, 0), WSK_OK);
        while ((got = recv(fd, in, sizeof(in), 0)) > 0)
            n += (size_t)got;
        assert_true(turns < 1000);
    }
    assert_int_equal(n, want);
    assert_in_range(turns, 1, 10);
    close(fd);
    for (int i = 0; i < 100 && w.closes == 0; i++)
        turn(&w);
    world_end(&w);
}

/* ------------------------------------------------------------------------ standing still -- */

static void nothing(wsk_peer *p)
{
    (void)p;
}

static void pauses(wsk_peer *p)
{
    wsk_peer_pause(p, true);
}

static void sends(wsk_peer *p)
{
    assert_int_equal(wsk_peer_send(p, WSK_OP_TEXT, "x", 1, 0), WSK_OK);
}

static void pings(wsk_peer *p)
{
    assert_int_equal(wsk_peer_ping(p, "x", 1), WSK_OK);
}

/* Behind a standstill of the program a peer that took everything meanwhile is written to before its
 * time to take it is up, whatever the program does first. */
static void test_output_behind_standstill(void **state)
{
    enum { LEN = 8 << 20, AWAY_US = 35 * 1000000 };
    static const struct {
        const char *what;
        void (*call)(wsk_peer *p);
        bool speaks; /* the peer, of a message that is not over */
    } rows[] = {
        {"nothing", nothing, false}, {"pauses", pauses, false},       {"sends", sends, false},
        {"pings", pings, false},     {"is spoken to", nothing, true},
    };
    static const uint8_t part[] = {0x01, 0x81, 0, 0, 0, 0, 'x'};
    static uint8_t data[LEN];

    (void)state;
    for (size_t i = 0; i < sizeof(data); i++)
        data[i] = (uint8_t)(i * i >> 5);
    for (size_t i = 0; i < WSK__COUNT(rows); i++) {
        static uint8_t in[1 << 20];
        size_t n = 0;
        ssize_t got;
        struct world w;

        world_begin(&w, 0, 0);
        const int fd = client_open(&w, NULL);
        wsk_peer *peer = wsk_server_next_peer(w.server, NULL);
        assert_int_equal(
            wsk_peer_send(peer, WSK_OP_BINARY, data, sizeof(data), WSK_SEND_NO_COMPRESS), 0);
        for (int k = 0; k < 3; k++)
            turn(&w);
        while ((got = recv(fd, in, sizeof(in), 0)) > 0)
            n += (size_t)got;
        if (rows[i].speaks)
            say(fd, part, sizeof(part));
        clock_now += AWAY_US;
        rows[i].call(peer);
        for (int k = 0; k < 1000 && n < LEN && w.closes == 0; k++) {
            turn(&w);
            while ((got = recv(fd, in, sizeof(in), 0)) > 0)
                n += (size_t)got;
        }
        if (w.closes != 0 || n < LEN)
            fail_msg("%s: %zu octets came", rows[i].what, n);
        close(fd);
        for (int k = 0; k < 100 && w.closes == 0; k++)
            turn(&w);
        world_end(&w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_floods),
        cmocka_unit_test(test_ends_behind_floods),
        cmocka_unit_test(test_rounds),
        cmocka_unit_test(test_backlog_of_small_messages),
        cmocka_unit_test(test_output_behind_standstill),
    };
    if (BACKEND == WSK_IO_URING && !test_has_uring()) {
        puts("1..0 # SKIP no io_uring here");
        return 0;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
