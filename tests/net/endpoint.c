/* SPDX-License-Identifier: MIT */
/* See endpoint.h. */
#include "endpoint.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

wsk_io net_test_epoll = WSK_IO_EPOLL, net_test_uring = WSK_IO_URING;

uint8_t octet_at(uint64_t position)
{
    uint64_t x = (position >> 3) * 0x9E3779B97F4A7C15u;

    x ^= x >> 29;
    x *= 0xBF58476D1CE4E5B9u;
    x ^= x >> 32;
    return (uint8_t)(x >> (position & 7) * 8);
}

static uint32_t some(endpoint *e, uint32_t below)
{
    e->seed = e->seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(e->seed >> 33) % below;
}

static endpoint *of(wsk__stream *s)
{
    return (endpoint *)(void *)s;
}

static void enter(endpoint *e, unsigned callback)
{
    assert_true(e->is_open);
    assert_int_equal(e->closeds, 0);
    e->calls |= callback;
    e->depth++;
}

static void leave(endpoint *e, unsigned callback)
{
    if (e->close_in & callback) {
        e->is_open = false;
        wsk__stream_close(&e->stream);
        wsk__stream_close(&e->stream); /* twice is once */
    }
    if (e->then != NULL)
        e->then(e, callback);
    e->depth--;
}

static void enqueue(endpoint *e, const uint8_t *data, size_t n)
{
    if (n == 0)
        return;
    /* What was asked for must stay where it is. */
    assert_int_equal(e->asked, 0);
    if (e->queue_off + e->queue_n + n > e->queue_cap) {
        e->queue_cap = (e->queue_off + e->queue_n + n) * 2;
        e->queue = realloc(e->queue, e->queue_cap);
    }
    memcpy(e->queue + e->queue_off + e->queue_n, data, n);
    e->queue_n += n;
}

static void on_received(wsk__stream *s, uint8_t *data, size_t n)
{
    endpoint *e = of(s);

    enter(e, n > 0 ? IN_RECEIVED : IN_EOF);
    assert_int_equal(e->asked, 0);
    assert_int_equal(e->depth, 1);
    assert_int_equal(e->eofs, 0);
    if (n == 0) {
        e->eofs++;
        leave(e, IN_EOF);
        if (!e->quiet_eof && e->is_open && e->queue_n == 0) {
            e->is_open = false;
            wsk__stream_close(s);
        }
        return;
    }
    e->received_calls++;
    e->received_while_paused += e->paused;
    e->received += n;
    if (e->verify) {
        for (size_t i = 0; i < n; i++, e->checked++) {
            if (data[i] != octet_at(e->checked))
                fail_msg("octet %llu is wrong", (unsigned long long)e->checked);
        }
    }
    if (e->echo && e->scratch && e->queue_n == 0 && e->lent_n == 0) {
        size_t room;
        uint8_t *p = wsk__loop_scratch(s->loop, &room);

        /* None with TLS: its cipher text may be stuck while others are lent the same room. */
        assert_true(s->tls != NULL ? p == NULL : p != NULL && room >= 4096);
        e->lent_n = n < room ? n : room;
        if (p != NULL)
            memcpy(p, data, e->lent_n);
        e->lent = p;
        enqueue(e, data + e->lent_n, n - e->lent_n);
    } else if (e->echo && e->flush && e->queue_n == 0) {
        e->lent = data;
        e->lent_n = n;
        wsk__stream_flush(s);
        const uint8_t *rest = e->lent;
        n = e->lent_n;
        e->lent_n = 0;
        if (e->is_open)
            enqueue(e, rest, n);
    } else if (e->echo) {
        enqueue(e, data, n);
    }
    /* The data may be changed. */
    memset(data, 0x55, e->scratch || e->flush || e->echo ? 1 : n);
    leave(e, IN_RECEIVED);
}

static size_t on_output(wsk__stream *s, struct iovec *iov, size_t max)
{
    endpoint *e = of(s);
    size_t k = 0, n = 0;

    enter(e, IN_OUTPUT);
    assert_int_equal(e->asked, 0);
    assert_true(max >= 2);
    if (e->lent_n > 0) {
        /* iovec has no const. */
        iov[k].iov_base = (void *)(uintptr_t)e->lent;
        iov[k++].iov_len = e->lent_n;
        n += e->lent_n;
    }
    if (e->echo && e->queue_n > 0) {
        size_t off = 0;

        while (k < max && off < e->queue_n) {
            size_t m = 1 + some(e, 100000);

            if (m > e->queue_n - off)
                m = e->queue_n - off;
            iov[k].iov_base = e->queue + e->queue_off + off;
            iov[k++].iov_len = m;
            off += m;
        }
        n += off;
    }
    if (e->to_make > 0) {
        size_t m = 1 + some(e, some(e, 4) == 0 ? sizeof(e->made_piece) : 100);

        if (m > e->to_make)
            m = (size_t)e->to_make;
        for (size_t i = 0; i < m; i++)
            e->made_piece[i] = octet_at(e->made + i);
        size_t cut = some(e, (uint32_t)m);
        if (cut > 0 && k + 1 < max) {
            iov[k].iov_base = e->made_piece;
            iov[k++].iov_len = cut;
        } else {
            cut = 0;
        }
        iov[k].iov_base = e->made_piece + cut;
        iov[k++].iov_len = m - cut;
        n += m;
    }
    e->asked = n;
    /* A stream closed within output gives none. */
    leave(e, IN_OUTPUT);
    if (!e->is_open)
        e->asked = 0;
    return e->is_open ? k : 0;
}

static void on_sent(wsk__stream *s, size_t n)
{
    endpoint *e = of(s);

    enter(e, IN_SENT);
    assert_int_not_equal(e->asked, 0);
    assert_true(n <= e->asked);
    e->asked = 0;
    e->sent += n;
    if (e->lent_n > 0) {
        size_t m = n < e->lent_n ? n : e->lent_n;

        e->lent += m;
        e->lent_n -= m;
        n -= m;
        /* Scratch room ends here: what is left of it moves in front of the queue. */
        if (e->lent_n > 0 && e->scratch) {
            uint8_t *fresh = malloc(e->lent_n + e->queue_n + 1);

            memcpy(fresh, e->lent, e->lent_n);
            if (e->queue_n > 0)
                memcpy(fresh + e->lent_n, e->queue + e->queue_off, e->queue_n);
            free(e->queue);
            e->queue = fresh;
            e->queue_off = 0;
            e->queue_n += e->lent_n;
            e->queue_cap = e->queue_n;
            e->lent_n = 0;
        }
    }
    if (e->echo) {
        assert_true(n <= e->queue_n);
        e->queue_n -= n;
        e->queue_off = e->queue_n > 0 ? e->queue_off + n : 0;
    } else {
        e->made += n;
        e->to_make -= n;
    }
    leave(e, IN_SENT);
    if (e->is_open && e->eofs > 0 && e->queue_n == 0 && !e->quiet_eof) {
        e->is_open = false;
        wsk__stream_close(s);
    }
}

static void on_moved(wsk__stream *s, size_t n, size_t left)
{
    endpoint *e = of(s);

    assert_true(e->is_open);
    assert_true(n > 0 && e->secureds > 0);
    assert_int_equal(e->asked, 0);
    e->moved += n;
    e->left = left;
}

static void on_expired(wsk__stream *s)
{
    endpoint *e = of(s);

    enter(e, IN_EXPIRED);
    assert_int_equal(e->depth, 1);
    e->expireds++;
    e->expired_at = wsk_loop_now(s->loop);
    leave(e, IN_EXPIRED);
}

static void on_secured(wsk__stream *s)
{
    endpoint *e = of(s);

    enter(e, IN_SECURED);
    assert_int_equal(e->depth, 1);
    assert_int_equal(e->received, 0);
    e->secureds++;
    leave(e, IN_SECURED);
}

static void on_lost(wsk__stream *s, const char *text)
{
    endpoint *e = of(s);

    enter(e, IN_LOST);
    assert_int_equal(e->depth, 1);
    assert_int_equal(e->losts, 0);
    e->losts++;
    snprintf(e->lost_text, sizeof(e->lost_text), "%s", text);
    leave(e, IN_LOST);
    if (e->is_open) {
        e->is_open = false;
        wsk__stream_close(s);
    }
}

static void on_closed(wsk__stream *s)
{
    endpoint *e = of(s);

    assert_false(e->is_open);
    assert_int_equal(e->depth, 0);
    e->closeds++;
    if (e->then != NULL)
        e->then(e, 0);
}

const wsk__stream_ops endpoint_ops = {
    .received = on_received,
    .output = on_output,
    .sent = on_sent,
    .moved = on_moved,
    .expired = on_expired,
    .secured = on_secured,
    .lost = on_lost,
    .closed = on_closed,
};

void endpoint_open(endpoint *e, wsk_loop *loop, int fd, wsk__tls_session *tls)
{
    e->is_open = true;
    assert_int_equal(wsk__stream_open(&e->stream, loop, &endpoint_ops, fd, tls), WSK_OK);
}

void endpoint_make(endpoint *e, uint64_t n)
{
    e->to_make += n;
    wsk__stream_want_output(&e->stream);
}

void endpoint_pause(endpoint *e, bool paused)
{
    e->paused = paused;
    wsk__stream_set_reading(&e->stream, !paused);
}

void endpoint_free(endpoint *e)
{
    free(e->queue);
    e->queue = NULL;
}

/* ------------------------------------------------------------------------------- sockets -- */

static void make_non_blocking(int fd)
{
    assert_int_equal(fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK), 0);
}

static int connect_any(const struct sockaddr *a, socklen_t len)
{
    int fd = socket(a->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int on = 1;

    if (fd < 0)
        return -1;
    if (connect(fd, a, len) < 0) {
        int err = errno;
        close(fd);
        errno = err;
        return -1;
    }
    if (a->sa_family != AF_UNIX)
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    make_non_blocking(fd);
    return fd;
}

static socklen_t loopback(struct sockaddr_storage *ret, bool v6, uint16_t port)
{
    struct sockaddr_in *a4 = (struct sockaddr_in *)(void *)ret;
    struct sockaddr_in6 *a6 = (struct sockaddr_in6 *)(void *)ret;

    memset(ret, 0, sizeof(*ret));
    if (v6) {
        a6->sin6_family = AF_INET6;
        a6->sin6_port = htons(port);
        a6->sin6_addr = in6addr_loopback;
        return sizeof(*a6);
    }
    a4->sin_family = AF_INET;
    a4->sin_port = htons(port);
    a4->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return sizeof(*a4);
}

int connect_to(const char *host, uint16_t port)
{
    struct sockaddr_storage a;
    socklen_t len = loopback(&a, strchr(host, ':') != NULL, port);

    return connect_any((struct sockaddr *)&a, len);
}

int connect_unix(const char *path)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};

    snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
    return connect_any((struct sockaddr *)&a, sizeof(a));
}

bool socket_pair(int ret_fd[2], socket_kind kind)
{
    struct sockaddr_storage a;
    socklen_t len = sizeof(a);
    const int on = 1;

    if (kind == UNIX)
        return socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ret_fd) == 0;
    int l = socket(kind == TCP6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (l < 0)
        return false;
    socklen_t n = loopback(&a, kind == TCP6, 0);
    if (bind(l, (struct sockaddr *)&a, n) < 0 || listen(l, 1) < 0 ||
        getsockname(l, (struct sockaddr *)&a, &len) < 0) {
        close(l);
        return false;
    }
    ret_fd[0] = connect_any((struct sockaddr *)&a, len);
    ret_fd[1] = ret_fd[0] < 0 ? -1 : accept4(l, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    close(l);
    if (ret_fd[1] >= 0)
        setsockopt(ret_fd[1], IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    return ret_fd[1] >= 0;
}

int count_fds(void)
{
    DIR *d = opendir("/proc/self/fd");
    int n = 0;

    assert_non_null(d);
    while (readdir(d) != NULL)
        n++;
    closedir(d);
    return n;
}

/* --------------------------------------------------------------------------------- loops -- */

static void log_line(void *ud, wsk_log_level level, const char *line)
{
    net_test *t = ud; /* the allocator is its first member */
    size_t n = strlen(t->log);

    (void)level;
    snprintf(t->log + n, sizeof(t->log) - n, "%s\n", line);
}

void net_test_init(net_test *t, void **state)
{
    wsk_loop_options o = WSK_LOOP_OPTIONS_INIT;

    memset(t, 0, sizeof(*t));
    t->io = *(const wsk_io *)*state;
    o.io = t->io;
    test_alloc_init(&t->alloc);
    t->alloc.hooks.log = log_line;
    t->alloc.hooks.log_level = WSK_LOG_TRACE;
    t->options = o;
    t->options.hooks = &t->alloc.hooks;
    t->sys = wsk__sys_default;
    t->fds = count_fds();
}

void net_test_loop(net_test *t)
{
    assert_int_equal(wsk__loop_new_on(&t->loop, &t->options, &t->sys), WSK_OK);
    assert_string_equal(wsk_loop_io_name(t->loop), t->io == WSK_IO_EPOLL ? "epoll" : "io_uring");
}

void net_test_end(net_test *t)
{
    wsk_loop_free(t->loop);
    assert_int_equal(t->alloc.live, 0);
    assert_int_equal(count_fds(), t->fds);
}

uint64_t clock_ms(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

void turn_until(wsk_loop *loop, const unsigned *what, unsigned least)
{
    uint64_t end = clock_ms() + 20000 * test_patience();

    while (*what < least) {
        if (clock_ms() > end)
            fail_msg("%u instead of %u in time", *what, least);
        assert_int_equal(wsk_loop_turn(loop, 100), WSK_OK);
    }
}

void turn_until_octets(wsk_loop *loop, const uint64_t *what, uint64_t least)
{
    uint64_t end = clock_ms() + 20000 * test_patience();

    while (*what < least) {
        if (clock_ms() > end)
            fail_msg("%llu octets instead of %llu in time", (unsigned long long)*what,
                     (unsigned long long)least);
        assert_int_equal(wsk_loop_turn(loop, 100), WSK_OK);
    }
}

void turn_for(wsk_loop *loop, unsigned ms)
{
    uint64_t now = clock_ms(), end = now + ms;

    /* However much of the time somebody else had the processor. */
    do
        assert_int_equal(wsk_loop_turn(loop, (int)(end - now)), WSK_OK);
    while ((now = clock_ms()) < end);
    assert_int_equal(wsk_loop_turn(loop, 0), WSK_OK);
}
