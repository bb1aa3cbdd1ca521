/* SPDX-License-Identifier: MIT */
/* Streams over both backends: data both ways, ends, resets, pauses, deadlines, closing in every
 * callback, and faults of the kernel. */
#include "endpoint.h"

#include <errno.h>
#include <linux/sockios.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* ---------------------------------------------------------------------------------- data -- */

static void echo_once(net_test *t, socket_kind kind, bool flush, bool scratch, uint64_t n)
{
    endpoint client = {.seed = 7, .verify = true}, server = {.echo = true, .seed = 9};
    int fd[2];

    if (!socket_pair(fd, kind))
        return;
    server.flush = flush;
    server.scratch = scratch;
    net_test_loop(t);
    endpoint_open(&client, t->loop, fd[0], NULL);
    endpoint_open(&server, t->loop, fd[1], NULL);
    endpoint_make(&client, n);
    turn_until_octets(t->loop, &client.checked, n);
    assert_int_equal(server.received, n);
    assert_int_equal(client.losts + server.losts, 0);
    client.is_open = false;
    wsk__stream_close(&client.stream);
    turn_until(t->loop, &server.closeds, 1);
    assert_int_equal(client.closeds, 1);
    assert_int_equal(server.eofs, 1);
    net_test_end(t);
    endpoint_free(&server);
}

static void test_echo(void **state)
{
    net_test t;

    for (int kind = 0; kind < KINDS; kind++) {
        for (int how = 0; how < 3; how++) {
            net_test_init(&t, state);
            echo_once(&t, (socket_kind)kind, how == 1, how == 2, 2000000);
        }
    }
}

static void test_echo_in_small_receive_buffer(void **state)
{
    net_test t;

    net_test_init(&t, state);
    t.options.recv_buffer = 4096;
    echo_once(&t, TCP4, true, false, 1000000);
}

/* Many streams at once: more than the provided buffers, several batches of events. */
static void test_many_streams(void **state)
{
    enum { N = 300, OCTETS = 40000 };
    net_test t;
    endpoint *client = calloc(N, sizeof(*client)), *server = calloc(N, sizeof(*server));

    net_test_init(&t, state);
    net_test_loop(&t);
    for (int i = 0; i < N; i++) {
        int fd[2];

        assert_true(socket_pair(fd, i % 2 ? TCP4 : UNIX));
        client[i].seed = server[i].seed = (uint64_t)i;
        client[i].verify = server[i].echo = true;
        server[i].scratch = i % 3 == 0;
        server[i].flush = i % 3 == 1;
        endpoint_open(&client[i], t.loop, fd[0], NULL);
        endpoint_open(&server[i], t.loop, fd[1], NULL);
        endpoint_make(&client[i], OCTETS);
    }
    for (int i = 0; i < N; i++)
        turn_until_octets(t.loop, &client[i].checked, OCTETS);
    for (int i = 0; i < N; i++) {
        client[i].is_open = false;
        wsk__stream_close(&client[i].stream);
    }
    for (int i = 0; i < N; i++)
        turn_until(t.loop, &server[i].closeds, 1);
    net_test_end(&t);
    for (int i = 0; i < N; i++)
        endpoint_free(&server[i]);
    free(client);
    free(server);
}

/* Both sides send and receive at the same time. */
static void test_both_ways(void **state)
{
    net_test t;
    endpoint e[2] = {{.seed = 1, .verify = true}, {.seed = 2, .verify = true}};
    int fd[2];

    net_test_init(&t, state);
    net_test_loop(&t);
    assert_true(socket_pair(fd, TCP4));
    for (int i = 0; i < 2; i++) {
        endpoint_open(&e[i], t.loop, fd[i], NULL);
        endpoint_make(&e[i], 3000000);
    }
    turn_until_octets(t.loop, &e[0].checked, 3000000);
    turn_until_octets(t.loop, &e[1].checked, 3000000);
    e[0].is_open = false;
    wsk__stream_close(&e[0].stream);
    turn_until(t.loop, &e[1].closeds, 1);
    net_test_end(&t);
}

/* Small system buffers: every write is cut short, over and over. */
static void test_full_sockets(void **state)
{
    net_test t;
    endpoint client = {.seed = 7, .verify = true}, server = {.echo = true, .seed = 9};
    const int small = 16384;
    int fd[2];

    net_test_init(&t, state);
    net_test_loop(&t);
    assert_true(socket_pair(fd, TCP4));
    for (int i = 0; i < 2; i++) {
        setsockopt(fd[i], SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
        setsockopt(fd[i], SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
    }
    endpoint_open(&client, t.loop, fd[0], NULL);
    endpoint_open(&server, t.loop, fd[1], NULL);
    endpoint_make(&client, 500000);
    turn_until_octets(t.loop, &client.checked, 500000);
    client.is_open = false;
    wsk__stream_close(&client.stream);
    turn_until(t.loop, &server.closeds, 1);
    net_test_end(&t);
    endpoint_free(&server);
}

/* -------------------------------------------------------------------------- backpressure -- */

static void test_peer_that_does_not_read(void **state)
{
    net_test t;
    endpoint from = {.seed = 7}, to = {.verify = true};
    const uint64_t n = 30000000;
    int fd[2];

    net_test_init(&t, state);
    net_test_loop(&t);
    assert_true(socket_pair(fd, TCP4));
    endpoint_open(&from, t.loop, fd[0], NULL);
    endpoint_open(&to, t.loop, fd[1], NULL);
    endpoint_pause(&to, true);
    endpoint_make(&from, n);
    /* Until it is stuck: the kernel holds some megaoctets. */
    uint64_t stuck;
    do {
        stuck = from.sent;
        turn_for(t.loop, 100);
    } while (from.sent > stuck);
    assert_true(from.sent > 0 && from.sent < n);
    assert_true(to.received_while_paused <= 1);
    endpoint_pause(&to, false);
    turn_until_octets(t.loop, &to.checked, n);
    assert_int_equal(from.sent, n);
    from.is_open = false;
    wsk__stream_close(&from.stream);
    turn_until(t.loop, &to.closeds, 1);
    net_test_end(&t);
}

static unsigned toggles;

static void toggle(endpoint *e, unsigned callback)
{
    if (callback == IN_RECEIVED && toggles++ % 3 == 0)
        endpoint_pause(e, true);
}

static void test_pausing_while_data_comes(void **state)
{
    net_test t;
    endpoint from = {.seed = 7}, to = {.verify = true, .then = toggle};
    int fd[2];

    net_test_init(&t, state);
    t.options.recv_buffer = 4096;
    net_test_loop(&t);
    assert_true(socket_pair(fd, TCP4));
    endpoint_open(&from, t.loop, fd[0], NULL);
    endpoint_open(&to, t.loop, fd[1], NULL);
    endpoint_make(&from, 1000000);
    toggles = 0;
    for (unsigned i = 0; to.checked < 1000000; i++) {
        assert_true(i < 100000);
        wsk_loop_turn(t.loop, to.paused ? 0 : 1000);
        if (to.paused) {
            /* On, off, on: what is queued for the kernel by then must not matter. */
            endpoint_pause(&to, false);
            if (i % 2 == 0) {
                endpoint_pause(&to, true);
                endpoint_pause(&to, false);
            }
        }
    }
    assert_true(to.received_while_paused == 0);
    assert_true(toggles > 10);
    /* The end comes to a paused stream when it goes on, not before. */
    to.then = NULL;
    endpoint_pause(&to, true);
    from.is_open = false;
    wsk__stream_close(&from.stream);
    turn_for(t.loop, 30);
    assert_int_equal(to.eofs, 0);
    endpoint_pause(&to, false);
    turn_until(t.loop, &to.closeds, 1);
    assert_int_equal(to.eofs, 1);
    net_test_end(&t);
}

/* ---------------------------------------------------------------------------------- ends -- */

static void test_half_close(void **state)
{
    net_test t;

    for (int kind = 0; kind < KINDS; kind++) {
        endpoint client = {.seed = 3, .verify = true, .quiet_eof = true};
        endpoint server = {.echo = true, .quiet_eof = true};
        int fd[2];

        net_test_init(&t, state);
        net_test_loop(&t);
        if (socket_pair(fd, (socket_kind)kind)) {
            endpoint_open(&client, t.loop, fd[0], NULL);
            endpoint_open(&server, t.loop, fd[1], NULL);
            endpoint_make(&client, 300000);
            /* Behind everything that is still to be sent. */
            wsk__stream_shutdown(&client.stream);
            turn_until(t.loop, &server.eofs, 1);
            assert_int_equal(server.received, 300000);
            turn_until_octets(t.loop, &client.checked, 300000);
            assert_int_equal(client.eofs, 0);
            wsk__stream_shutdown(&server.stream);
            turn_until(t.loop, &client.eofs, 1);
            assert_int_equal(client.losts + server.losts, 0);
            client.is_open = server.is_open = false;
            wsk__stream_close(&client.stream);
            wsk__stream_close(&server.stream);
            turn_until(t.loop, &client.closeds, 1);
            turn_until(t.loop, &server.closeds, 1);
        }
        net_test_end(&t);
        endpoint_free(&server);
    }
}

/* Data and the end of it arrive together, before the loop looks. */
static void test_data_and_end_at_once(void **state)
{
    net_test t;

    for (int kind = 0; kind < KINDS; kind++) {
        for (size_t n = 1; n <= 65536; n *= 16) {
            endpoint e = {.verify = true, .echo = true};
            uint8_t data[65536], back[65536];
            size_t got = 0;
            int fd[2];

            net_test_init(&t, state);
            net_test_loop(&t);
            if (socket_pair(fd, (socket_kind)kind)) {
                for (size_t i = 0; i < n; i++)
                    data[i] = octet_at(i);
                assert_int_equal(send(fd[0], data, n, 0), n);
                shutdown(fd[0], SHUT_WR);
                usleep(1000);
                endpoint_open(&e, t.loop, fd[1], NULL);
                turn_until(t.loop, &e.closeds, 1);
                assert_int_equal(e.checked, n);
                while (got < n) {
                    ssize_t r = recv(fd[0], back + got, n - got, 0);

                    if (r < 0 && errno == EAGAIN)
                        continue;
                    assert_true(r > 0);
                    got += (size_t)r;
                }
                assert_memory_equal(data, back, n);
                close(fd[0]);
            }
            net_test_end(&t);
            endpoint_free(&e);
        }
    }
}

static int held_back; /* octets that were sent with MSG_MORE */

static ssize_t noting_send(int fd, const void *buf, size_t n, int flags)
{
    ssize_t r = send(fd, buf, n, flags);

    if (r > 0 && (flags & MSG_MORE))
        held_back += (int)r;
    return r;
}

static ssize_t noting_sendmsg(int fd, const struct msghdr *msg, int flags)
{
    ssize_t r = sendmsg(fd, msg, flags);

    if (r > 0 && (flags & MSG_MORE))
        held_back += (int)r;
    return r;
}

static void say_last(endpoint *e, unsigned callback)
{
    if (callback == IN_OUTPUT && e->asked > 0 && e->ud != NULL)
        wsk__stream_is_last(&e->stream);
    if (callback == IN_SENT)
        wsk__stream_shutdown(&e->stream);
}

/* What its owner says is the last waits for the end of the output, and for nothing else. */
static void test_last_output(void **state)
{
    for (int last = 0; last < 2; last++) {
        for (int kind = 0; kind < KINDS; kind++) {
            endpoint e = {.then = say_last, .ud = last ? &e : NULL};
            uint8_t back[200];
            size_t got = 0;
            net_test t;
            int fd[2];

            net_test_init(&t, state);
            t.sys.send = noting_send;
            t.sys.sendmsg = noting_sendmsg;
            held_back = 0;
            net_test_loop(&t);
            if (socket_pair(fd, (socket_kind)kind)) {
                endpoint_open(&e, t.loop, fd[1], NULL);
                endpoint_make(&e, 100);
                while (got < sizeof(back)) {
                    wsk_loop_turn(t.loop, 0);
                    ssize_t r = recv(fd[0], back + got, sizeof(back) - got, MSG_DONTWAIT);

                    if (r == 0)
                        break;
                    got += r > 0 ? (size_t)r : 0;
                }
                assert_int_equal(got, 100);
                for (size_t i = 0; i < got; i++)
                    assert_int_equal(back[i], octet_at(i));
                assert_int_equal(held_back, last ? 100 : 0);
                close(fd[0]);
                turn_until(t.loop, &e.closeds, 1);
            }
            net_test_end(&t);
            endpoint_free(&e);
        }
    }
}

static void reset(int fd)
{
    const struct linger now = {.l_onoff = 1, .l_linger = 0};

    setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    close(fd);
}

/* Until the other socket has all of it: a reset leaves behind what it has not. */
static void await_acknowledged(int fd)
{
    const uint64_t end = clock_ms() + 20000 * test_patience();

    for (int left = 1; left > 0; usleep(100)) {
        assert_int_equal(ioctl(fd, SIOCOUTQ, &left), 0);
        assert_true(clock_ms() < end);
    }
}

static void pause_itself(endpoint *e, unsigned callback)
{
    if (callback == IN_RECEIVED)
        endpoint_pause(e, true);
}

/* Has its share with each piece, and goes on in the next turn. */
static void use_up_share(endpoint *e, unsigned callback)
{
    if (callback != IN_RECEIVED)
        return;
    while (!wsk__stream_share_is_over(&e->stream, true))
        ;
    wsk__stream_resume(&e->stream);
}

static void test_reset(void **state)
{
    net_test t;

    /* While idle; while paused; while output waits; behind data that is to be had still, with which
     * reading stops, and of which there is more than is read in a turn, or than a share allows;
     * behind the end, while paused. */
    for (int how = 0; how < 8; how++) {
        static uint8_t data[60000];
        const bool much = how == 5 || how == 6;
        const size_t n = much ? sizeof(data) : 3;
        endpoint e = {.seed = 4, .verify = true};
        int fd[2];

        net_test_init(&t, state);
        t.options.recv_buffer = much ? 4096 : 0;
        net_test_loop(&t);
        assert_true(socket_pair(fd, TCP4));
        endpoint_open(&e, t.loop, fd[1], NULL);
        wsk_loop_turn(t.loop, 0);
        if (how == 1 || how == 7)
            endpoint_pause(&e, true);
        if (how == 2)
            endpoint_make(&e, 50000000);
        if (how == 6)
            e.then = use_up_share;
        if (how == 7)
            shutdown(fd[0], SHUT_WR);
        if (how >= 3 && how < 7) {
            for (size_t i = 0; i < n; i++)
                data[i] = octet_at(i);
            assert_int_equal(send(fd[0], data, n, 0), n);
            await_acknowledged(fd[0]);
        }
        if (how < 3 || how == 7)
            turn_for(t.loop, 20);
        reset(fd[0]);
        if (how == 3 || much) {
            /* Our write is the first to see it. */
            usleep(1000);
            endpoint_make(&e, 10);
            turn_until(t.loop, &e.losts, 1);
            assert_int_equal(e.checked, n);
        } else if (how == 4) {
            usleep(1000);
            e.then = pause_itself;
            turn_until(t.loop, &e.received_calls, 1);
            assert_int_equal(e.checked, 3);
        }
        turn_until(t.loop, &e.closeds, 1);
        assert_int_equal(e.losts, 1);
        assert_true(strstr(e.lost_text, "peer") != NULL);
        net_test_end(&t);
    }
}

/* Closed by its owner in each callback, with input and output under way. */
static void test_close_in_callbacks(void **state)
{
    const unsigned where[] = {IN_RECEIVED, IN_OUTPUT, IN_SENT, IN_EXPIRED, IN_EOF, IN_LOST};
    net_test t;

    for (size_t i = 0; i < WSK__COUNT(where); i++) {
        for (int way = 0; way < 3; way++) {
            endpoint e = {.seed = 4, .echo = where[i] != IN_LOST, .close_in = where[i]};
            endpoint other = {.seed = 5};
            int fd[2];

            e.flush = way == 1;
            e.scratch = way == 2;
            net_test_init(&t, state);
            net_test_loop(&t);
            assert_true((way == 0 && socket_pair(fd, TCP6)) || socket_pair(fd, TCP4));
            endpoint_open(&e, t.loop, fd[0], NULL);
            if (where[i] == IN_LOST) {
                endpoint_make(&e, 1000000);
                turn_for(t.loop, 5);
                reset(fd[1]);
            } else {
                endpoint_open(&other, t.loop, fd[1], NULL);
                wsk__stream_set_deadline(&e.stream, wsk_loop_now(t.loop) + 1);
                if (where[i] != IN_EXPIRED)
                    endpoint_make(&other, 200000);
                if (where[i] == IN_EOF)
                    wsk__stream_shutdown(&other.stream);
            }
            turn_until(t.loop, &e.closeds, 1);
            assert_true((e.calls & where[i]) != 0);
            if (where[i] != IN_LOST) {
                turn_until(t.loop, &other.closeds, 1);
                assert_int_equal(other.closeds, 1);
            }
            turn_for(t.loop, 5);
            assert_int_equal(e.closeds, 1);
            net_test_end(&t);
            endpoint_free(&e);
        }
    }
}

static void close_other(endpoint *e, unsigned callback)
{
    endpoint *other = e->ud;

    if (callback == IN_RECEIVED && other->is_open) {
        other->is_open = false;
        wsk__stream_close(&other->stream);
    }
}

/* A stream closed by another one whose event comes first, while its own is in the same batch. */
static void test_close_others(void **state)
{
    net_test t;
    endpoint e[2] = {{.then = close_other}, {.then = close_other}};
    int fd[4];

    net_test_init(&t, state);
    net_test_loop(&t);
    e[0].ud = &e[1];
    e[1].ud = &e[0];
    for (int i = 0; i < 2; i++) {
        assert_true(socket_pair(fd + 2 * i, TCP4));
        endpoint_open(&e[i], t.loop, fd[2 * i], NULL);
    }
    wsk_loop_turn(t.loop, 0);
    for (int i = 0; i < 2; i++)
        assert_int_equal(send(fd[2 * i + 1], "x", 1, 0), 1);
    turn_for(t.loop, 10);
    assert_int_equal(e[0].closeds + e[1].closeds, 1);
    assert_int_equal(e[0].received + e[1].received, 1);
    close(fd[1]);
    close(fd[3]);
    turn_until(t.loop, &e[e[0].closeds ? 1 : 0].closeds, 1);
    net_test_end(&t);
}

static void free_memory(endpoint *e, unsigned callback)
{
    if (callback == 0) {
        ++*(unsigned *)e->ud;
        memset(e, 0xEE, sizeof(*e));
        free(e);
    }
}

/* 2,000 connections, each freed in `closed`; descriptors' numbers are used over and over. */
static void test_open_and_close_many(void **state)
{
    net_test t;
    unsigned closed = 0;

    net_test_init(&t, state);
    net_test_loop(&t);
    for (unsigned i = 0; i < 2000; i++) {
        endpoint *e = calloc(1, sizeof(*e));
        int fd[2];

        assert_true(socket_pair(fd, i % 5 ? UNIX : TCP4));
        e->then = free_memory;
        e->ud = &closed;
        endpoint_open(e, t.loop, fd[0], NULL);
        wsk__stream_set_deadline(&e->stream, wsk_loop_now(t.loop) + 60000);
        switch (i % 4) {
        case 0: /* before its first turn */
            e->is_open = false;
            wsk__stream_close(&e->stream);
            break;
        case 1: /* with a send queued */
            endpoint_make(e, 1000);
            wsk_loop_turn(t.loop, 0);
            e->is_open = false;
            wsk__stream_close(&e->stream);
            break;
        case 2: /* by the peer, with data */
            assert_int_equal(send(fd[1], "data", 4, 0), 4);
            wsk_loop_turn(t.loop, 0);
            break;
        default:
            e->close_in = IN_RECEIVED;
            assert_int_equal(send(fd[1], "data", 4, 0), 4);
            break;
        }
        close(fd[1]);
        if (i % 7 == 0)
            wsk_loop_turn(t.loop, 0);
    }
    turn_until(t.loop, &closed, 2000);
    net_test_end(&t);
}

/* A stream that is closed when the loop is freed gets its last call then. */
static void test_close_then_free_loop(void **state)
{
    net_test t;
    endpoint e = {.seed = 1};
    int fd[2];

    net_test_init(&t, state);
    net_test_loop(&t);
    assert_true(socket_pair(fd, TCP4));
    endpoint_open(&e, t.loop, fd[0], NULL);
    endpoint_make(&e, 100);
    e.is_open = false;
    wsk__stream_close(&e.stream);
    assert_int_equal(e.closeds, 0);
    close(fd[1]);
    net_test_end(&t);
    assert_int_equal(e.closeds, 1);
}

/* ----------------------------------------------------------------------------- deadlines -- */

static void test_deadlines(void **state)
{
    enum { N = 50 };
    net_test t;
    endpoint *e = calloc(N, sizeof(*e));
    int fd[N][2];
    uint64_t start;

    net_test_init(&t, state);
    net_test_loop(&t);
    start = wsk_loop_now(t.loop);
    for (unsigned i = 0; i < N; i++) {
        assert_true(socket_pair(fd[i], UNIX));
        endpoint_open(&e[i], t.loop, fd[i][0], NULL);
        wsk__stream_set_deadline(&e[i].stream, start + i * 5);
    }
    /* Later, sooner, never, and again. */
    wsk__stream_set_deadline(&e[0].stream, start + 300);
    wsk__stream_set_deadline(&e[49].stream, start + 20);
    wsk__stream_set_deadline(&e[10].stream, UINT64_MAX);
    wsk__stream_set_deadline(&e[11].stream, UINT64_MAX);
    wsk__stream_set_deadline(&e[11].stream, start + 10);
    turn_until(t.loop, &e[0].expireds, 1);
    for (unsigned i = 0; i < N; i++) {
        uint64_t due = start + (i == 0 ? 300 : i == 49 ? 20 : i == 11 ? 10 : i * 5);

        if (i == 10) {
            assert_int_equal(e[i].expireds, 0);
        } else {
            assert_int_equal(e[i].expireds, 1);
            assert_true(e[i].expired_at >= due);
            /* 64 ms, and something for a busy machine. */
            assert_true(e[i].expired_at <= due + 64 + 1000);
        }
        e[i].is_open = false;
        wsk__stream_close(&e[i].stream);
        close(fd[i][1]);
    }
    net_test_end(&t);
    free(e);
}

/* -------------------------------------------------------------------------------- faults -- */

static struct {
    unsigned calls;
    unsigned fail_at;
    int err;
    size_t cut;
} fault;

static bool strike(void)
{
    fault.calls++;
    if (fault.calls == fault.fail_at)
        errno = fault.err;
    return fault.calls == fault.fail_at;
}

static ssize_t faulty_recv(int fd, void *buf, size_t n, int flags)
{
    return strike() ? -1 : recv(fd, buf, n, flags);
}

static ssize_t faulty_send(int fd, const void *buf, size_t n, int flags)
{
    if (strike()) {
        if (fault.err != 0)
            return -1;
        n = n < fault.cut ? n : fault.cut;
    }
    return send(fd, buf, n, flags);
}

static ssize_t faulty_sendmsg(int fd, const struct msghdr *msg, int flags)
{
    if (strike()) {
        struct msghdr part = *msg;

        if (fault.err != 0)
            return -1;
        part.msg_iovlen = 1;
        return sendmsg(fd, &part, flags);
    }
    return sendmsg(fd, msg, flags);
}

static size_t faulty_clip(size_t n)
{
    fault.calls++;
    return n > 1 && fault.calls % 3 == 0 ? n / 2 : n;
}

static int faulty_result(wsk__sys_request request, int res)
{
    if (request != WSK__REQUEST_RECV || res <= 0)
        return res;
    return strike() ? -fault.err : res;
}

static int faulty_wait(int ep, struct epoll_event *events, int max, int timeout_ms)
{
    if (fault.calls++ % 2 == 0) {
        errno = EINTR;
        return -1;
    }
    return epoll_wait(ep, events, max, timeout_ms);
}

/* Writes that are cut short, interrupted, or find the socket full: not an octet is lost. */
static void test_short_and_interrupted_writes(void **state)
{
    const int errs[] = {EINTR, EAGAIN, 0};
    net_test t;

    for (unsigned at = 1; at <= 12; at++) {
        for (size_t i = 0; i < WSK__COUNT(errs); i++) {
            net_test_init(&t, state);
            t.sys.send = faulty_send;
            t.sys.sendmsg = faulty_sendmsg;
            t.sys.clip = faulty_clip;
            memset(&fault, 0, sizeof(fault));
            fault.fail_at = at;
            fault.err = errs[i];
            fault.cut = 1;
            echo_once(&t, TCP4, i == 1, i == 2, 20000);
            assert_true(fault.calls >= at);
        }
    }
}

static void test_interrupted_reads_and_waits(void **state)
{
    net_test t;

    net_test_init(&t, state);
    t.sys.recv = faulty_recv;
    t.sys.epoll_wait = faulty_wait;
    memset(&fault, 0, sizeof(fault));
    fault.fail_at = 3;
    fault.err = EINTR;
    echo_once(&t, TCP4, false, false, 100000);
}

static void test_failing_reads(void **state)
{
    const int errs[] = {ECONNRESET, ETIMEDOUT, EHOSTUNREACH, EIO};
    net_test t;

    for (size_t i = 0; i < WSK__COUNT(errs); i++) {
        endpoint e = {.seed = 1};
        int fd[2];

        net_test_init(&t, state);
        t.sys.recv = faulty_recv;
        t.sys.result = faulty_result;
        memset(&fault, 0, sizeof(fault));
        fault.fail_at = 1;
        fault.err = errs[i];
        net_test_loop(&t);
        assert_true(socket_pair(fd, TCP4));
        endpoint_open(&e, t.loop, fd[0], NULL);
        assert_int_equal(send(fd[1], "x", 1, 0), 1);
        turn_until(t.loop, &e.closeds, 1);
        assert_int_equal(e.losts, 1);
        assert_int_equal(e.received, 0);
        assert_true(strlen(e.lost_text) > 0);
        close(fd[1]);
        net_test_end(&t);
    }
}

static unsigned hung_up_polls, failing_polls;

static int hung_up_poll(struct pollfd *fds, nfds_t n, int timeout_ms)
{
    assert_int_equal(timeout_ms, 0);
    if (failing_polls > 0) {
        failing_polls--;
        errno = failing_polls > 0 ? ENOMEM : EINTR;
        return -1;
    }
    hung_up_polls++;
    for (nfds_t i = 0; i < n; i++)
        fds[i].revents = POLLHUP;
    return (int)n;
}

/* A loop that is told of every stream that it is over. Only io_uring asks. */
static bool begin_hung_up(net_test *t, void **state)
{
    net_test_init(t, state);
    t->sys.poll = hung_up_poll;
    hung_up_polls = 0;
    net_test_loop(t);
    return t->io == WSK_IO_URING;
}

/* A stream that got something is looked at a moment later, because the kernel may have kept its end
 * to itself. Taking its receive back, rightly or not, loses nothing: neither input nor its end. */
static void test_ends_looked_for(void **state)
{
    endpoint e = {.seed = 1};
    net_test t;
    int fd[2];

    if (begin_hung_up(&t, state)) {
        assert_true(socket_pair(fd, TCP4));
        endpoint_open(&e, t.loop, fd[0], NULL);
        for (unsigned round = 1; round <= 2; round++) {
            assert_int_equal(send(fd[1], "x", 1, 0), 1);
            turn_until(t.loop, &e.received_calls, round);
            turn_until(t.loop, &hung_up_polls, round);
        }
        assert_int_equal(e.losts + e.eofs, 0);
        close(fd[1]);
        turn_until(t.loop, &e.closeds, 1);
        assert_int_equal(e.eofs, 1);
        assert_int_equal(e.received, 2);
        endpoint_free(&e);
    }
    net_test_end(&t);
}

/* What poll(2) could not say is asked again, though nothing comes any more. */
static void test_ends_looked_for_again(void **state)
{
    endpoint e = {.seed = 1};
    net_test t;
    int fd[2];

    if (begin_hung_up(&t, state)) {
        failing_polls = 2;
        assert_true(socket_pair(fd, TCP4));
        endpoint_open(&e, t.loop, fd[0], NULL);
        assert_int_equal(send(fd[1], "x", 1, 0), 1);
        turn_until(t.loop, &hung_up_polls, 1);
        assert_int_equal(failing_polls, 0);
        assert_int_equal(e.losts + e.eofs, 0);
        /* One that is gone in between is not asked for. */
        failing_polls = 1;
        assert_int_equal(send(fd[1], "x", 1, 0), 1);
        while (failing_polls > 0)
            assert_int_equal(wsk_loop_turn(t.loop, 5000), WSK_OK);
        close(fd[1]);
        turn_until(t.loop, &e.closeds, 1);
        assert_int_equal(e.received, 2);
        const unsigned polls = hung_up_polls;
        const uint64_t end = clock_ms() + 700; /* beyond the time to ask again */
        while (clock_ms() < end)
            assert_int_equal(wsk_loop_turn(t.loop, 100), WSK_OK);
        assert_int_equal(hung_up_polls, polls);
        endpoint_free(&e);
    }
    net_test_end(&t);
}

static int full_epoll_ctl(int ep, int op, int fd, struct epoll_event *event)
{
    if (op == EPOLL_CTL_ADD && (event->events & EPOLLET)) {
        errno = ENOSPC;
        return -1;
    }
    return epoll_ctl(ep, op, fd, event);
}

/* The descriptor is closed when a stream cannot be opened. */
static void test_open_fails(void **state)
{
    net_test t;
    endpoint e = {.seed = 1};
    int fd[2];

    net_test_init(&t, state);
    t.sys.epoll_ctl = full_epoll_ctl;
    net_test_loop(&t);
    assert_true(socket_pair(fd, TCP4));
    if (t.io == WSK_IO_EPOLL) {
        assert_int_equal(wsk__stream_open(&e.stream, t.loop, &endpoint_ops, fd[0], NULL),
                         WSK_ERR_SYS);
    } else {
        t.alloc.fail_at = t.alloc.calls + 1;
        assert_int_equal(wsk__stream_open(&e.stream, t.loop, &endpoint_ops, fd[0], NULL),
                         WSK_ERR_NOMEM);
    }
    assert_int_equal(write(fd[0], "x", 1), -1);
    assert_int_equal(errno, EBADF);
    close(fd[1]);
    net_test_end(&t);
}

static void echo_body(net_test *t)
{
    endpoint client = {.seed = 7, .quiet_eof = true}, server = {.echo = true, .seed = 9};
    int fd[2];

    if (wsk__loop_new_on(&t->loop, &t->options, &t->sys) < 0) {
        t->loop = NULL;
        return;
    }
    assert_true(socket_pair(fd, TCP4));
    client.is_open = wsk__stream_open(&client.stream, t->loop, &endpoint_ops, fd[0], NULL) >= 0;
    server.is_open = wsk__stream_open(&server.stream, t->loop, &endpoint_ops, fd[1], NULL) >= 0;
    if (client.is_open)
        endpoint_make(&client, 5000);
    turn_for(t->loop, 2);
    if (server.is_open)
        endpoint_pause(&server, true);
    turn_for(t->loop, 2);
    if (server.is_open)
        endpoint_pause(&server, false);
    turn_for(t->loop, 2);
    for (int i = 0; i < 2; i++) {
        endpoint *e = i ? &client : &server;

        if (e->is_open) {
            e->is_open = false;
            wsk__stream_close(&e->stream);
        }
    }
    wsk_loop_turn(t->loop, 0);
    endpoint_free(&server);
}

static void test_failing_allocations(void **state)
{
    net_test t;

    net_test_init(&t, state);
    echo_body(&t);
    long calls = t.alloc.calls;
    net_test_end(&t);
    assert_true(calls > 3);
    for (long i = 1; i <= calls; i++) {
        net_test_init(&t, state);
        t.alloc.fail_at = i;
        t.alloc.for_ever = i % 2 == 0;
        echo_body(&t);
        net_test_end(&t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(test_echo),
        BOTH(test_echo_in_small_receive_buffer),
        BOTH(test_many_streams),
        BOTH(test_both_ways),
        BOTH(test_full_sockets),
        BOTH(test_peer_that_does_not_read),
        BOTH(test_pausing_while_data_comes),
        BOTH(test_half_close),
        BOTH(test_data_and_end_at_once),
        BOTH(test_last_output),
        BOTH(test_reset),
        BOTH(test_close_in_callbacks),
        BOTH(test_close_others),
        BOTH(test_open_and_close_many),
        BOTH(test_close_then_free_loop),
        BOTH(test_deadlines),
        BOTH(test_short_and_interrupted_writes),
        BOTH(test_interrupted_reads_and_waits),
        BOTH(test_failing_reads),
        BOTH(test_ends_looked_for),
        BOTH(test_ends_looked_for_again),
        BOTH(test_open_fails),
        BOTH(test_failing_allocations),
    };

    return cmocka_run_group_tests_name("stream", tests, NULL, NULL);
}
