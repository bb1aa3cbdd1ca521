/* SPDX-License-Identifier: MIT */
/*
 * Octets of all connections over epoll, through TLS or not. Sockets are watched for everything
 * from the beginning, edge-triggered, so that nothing has to be changed while messages flow.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"
#include "bench_ring.h"
#include "command.h"

enum {
    BUFFER = 256 * 1024, /* fits the caches that lie beneath */
    EVENTS = 256,
    TLS_SEND = 64 * 1024, /* plain octets that are encrypted at a time */
    TLS_ROOM = TLS_SEND + 4096,
    LONGEST_READ = 10000000, /* ns of one connection in a turn */
};

bool bench_stream_init(bench *b)
{
    b->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    b->buffer_len = BUFFER;
    b->buffer = malloc(BUFFER);
    b->skips = b->target.tls == NULL && !b->target.raw && !b->target.url.is_unix &&
               b->plan.size >= BENCH_LARGE;
    if (b->target.url.tls) {
        b->cipher = malloc(BUFFER);
        b->tls_room = malloc(TLS_ROOM);
    }
    return b->epoll_fd >= 0 && b->buffer != NULL &&
           (!b->target.url.tls || (b->cipher != NULL && b->tls_room != NULL));
}

void bench_stream_deinit(bench *b)
{
    if (b->epoll_fd >= 0)
        close(b->epoll_fd);
    free(b->buffer);
    free(b->cipher);
    free(b->tls_room);
}

/* ------------------------------------------------------------------------------ sending -- */

/* Cipher text that waits. False while some is left. */
static bool tls_drain(bench *b, bench_conn *c)
{
    wsk__tls_out *out = &c->tls->out;

    while (out->off < out->len) {
        ssize_t k = send(c->fd, out->ptr + out->off, out->len - out->off, MSG_NOSIGNAL);
        if (k < 0) {
            if (errno != EAGAIN && errno != EINTR)
                return false; /* reading finds out about it */
            if (errno == EINTR)
                continue;
            c->blocked = true;
            break;
        }
        out->off += (size_t)k;
    }
    if (out->off == out->len) {
        wsk__tls_session_clear(c->tls->session, out);
        return true;
    }
    if (!out->owned) { /* the room that was lent is for the next one */
        wsk__tls_out own = {.owned = true, .len = out->len - out->off, .cap = out->len - out->off};
        own.ptr = malloc(own.cap);
        if (own.ptr != NULL)
            memcpy(own.ptr, out->ptr + out->off, own.len);
        else
            own.len = own.cap = 0; /* the peer will miss it, and that counts */
        *out = own;
    }
    (void)b;
    return false;
}

static ssize_t tls_send(bench *b, bench_conn *c, const void *p, size_t n)
{
    bench_tls *t = c->tls;

    if (!tls_drain(b, c)) {
        errno = EAGAIN;
        return -1;
    }
    if (n > TLS_SEND)
        n = TLS_SEND;
    t->out = (wsk__tls_out){.ptr = b->tls_room, .cap = TLS_ROOM};
    if (wsk__tls_session_write(t->session, p, n, &t->out) != WSK__TLS_OK) {
        errno = EPIPE;
        return -1;
    }
    (void)tls_drain(b, c);
    return (ssize_t)n;
}

ssize_t bench_stream_send(bench *b, bench_conn *c, const void *p, size_t n)
{
    ssize_t k;

    if (c->tls != NULL)
        return tls_send(b, c, p, n);
    do
        k = send(c->fd, p, n, MSG_NOSIGNAL);
    while (k < 0 && errno == EINTR);
    return k;
}

bool bench_stream_flush_control(bench *b, bench_conn *c)
{
    while (c->control_off < c->control_n) {
        ssize_t k = bench_stream_send(b, c, c->control + c->control_off,
                                      (size_t)(c->control_n - c->control_off));
        if (k < 0) {
            if (errno == EAGAIN)
                c->blocked = true;
            return false;
        }
        c->control_off = (uint8_t)(c->control_off + k);
    }
    c->control_n = c->control_off = 0;
    return true;
}

void bench_stream_advance(bench_conn *c, const bench_chain *chain, size_t k)
{
    size_t at = bench_chain_begin(chain, c->frame) + c->frame_off + k;

    while (c->owed > 0 && at >= chain->ends[c->frame]) {
        c->owed--;
        if (++c->frame == chain->n) {
            at -= chain->ends[chain->n - 1];
            c->frame = 0;
        }
    }
    c->frame_off = at - bench_chain_begin(chain, c->frame);
}

/* What is there to be read is told once more, in the next turn. */
static void read_on(bench *b, bench_conn *c)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
                                .data.u32 = bench_index(b, c)};

    if (epoll_ctl(b->epoll_fd, EPOLL_CTL_MOD, c->fd, &event) < 0)
        bench_fail(b, c, "cannot wait for a socket: %s", strerror(errno));
}

void bench_stream_flush(bench *b, bench_conn *c)
{
    const bench_chain *chain = &b->plan.chains[c->chain];

    if (b->ring != NULL) {
        bench_ring_flush(b, c);
        return;
    }
    while (!c->blocked && c->fd >= 0) {
        /* Between frames alone (RFC 6455 5.4: control frames may stand between fragments, but we
         * have none). */
        if (c->control_n > 0 && c->frame_off == 0 && !bench_stream_flush_control(b, c))
            return;
        if (c->owed == 0)
            return;
        size_t begin = bench_chain_begin(chain, c->frame) + c->frame_off;
        uint32_t last = c->owed < chain->n - c->frame ? c->frame + c->owed : chain->n;
        size_t n = chain->ends[last - 1] - begin;
        ssize_t k = bench_stream_send(b, c, chain->frames + begin, n);
        if (k < 0) {
            c->blocked = true;
            if (errno == EPIPE || errno == ECONNRESET)
                read_on(b, c); /* a close frame may be there, which says why */
            else if (errno != EAGAIN)
                bench_fail(b, c, "sending failed: %s", strerror(errno));
            return;
        }
        b->counts.sent += (size_t)k;
        bench_stream_advance(c, chain, (size_t)k);
    }
}

/* ---------------------------------------------------------------------------- receiving -- */

static void answer_ping(bench *b, bench_conn *c, const bench_input *in)
{
    uint8_t head[WSK__FRAME_HEAD_MAX];

    /* One that still waits is half sent, or as good as this one (RFC 6455 5.5.3). */
    if (c->control_n > 0)
        return;
    if (c->control == NULL)
        c->control = malloc(BENCH_CONTROL_ROOM);
    if (c->control == NULL)
        return;
    /* A key of zeros is a key: nobody is to be protected from what the server itself sent. */
    wsk__frame_write(head, WSK__FIN | 0xA, in->pong_n, true, 0);
    assert(6u + in->pong_n + BENCH_CLOSE_LEN <= BENCH_CONTROL_ROOM);
    memcpy(c->control, head, 6);
    memcpy(c->control + 6, in->pong, in->pong_n);
    c->control_n = (uint8_t)(6 + in->pong_n);
    c->control_off = 0;
    bench_stream_flush(b, c);
}

static void closed_by_server(bench *b, bench_conn *c, const bench_input *in)
{
    if (c->state == BENCH_CLOSING) {
        /* The server ends the connection next (RFC 6455 7.1.1), unless it takes too long. */
        c->control_n = 0;
        c->answered = true;
        c->deadline = b->now + 1000000000u;
        return;
    }
    if (in->code == 1005)
        bench_fail(b, c, "closed by the server, without a code");
    else
        bench_fail(b, c, "closed by the server with %u (%s)%s%.*s", in->code,
                   wsk_close_code_text(in->code), in->reason_n > 0 ? ": " : "", in->reason_n,
                   in->reason);
}

/* p NULL: octets that nobody has seen. */
static void odd_octets(bench *b, bench_conn *c, const uint8_t *p, size_t n)
{
    bench_reader *r = &b->readers[bench_index(b, c)];
    bench_input in;

    in.done = in.wrong = 0;
    in.broken = NULL;
    in.pinged = in.closed = false;
    if (p == NULL)
        bench_reader_skip(r, &b->plan, n, &in);
    else
        bench_reader_parse(r, &b->plan, p, n, &in);
    if (c->state == BENCH_CLOSING && b->set->mode == BENCH_BROADCAST) {
        /* What comes late has come, but nothing may come twice. */
        uint64_t due = b->broadcast_sent - c->done, late = in.done < due ? in.done : due;
        c->done += late;
        b->unsolicited += in.done - late;
    }
    if (c->state == BENCH_OPEN && in.done > 0) {
        uint64_t due = b->set->mode == BENCH_BROADCAST ? b->broadcast_sent - c->done : c->in_flight;
        uint32_t greetings = in.done > due ? in.done - (uint32_t)due : 0;
        b->unsolicited += greetings;
        if (in.wrong > greetings) {
            b->counts.wrong += in.wrong - greetings;
            bench_error(b, in.wrong - greetings, "wrong echo: it %s at octet %llu", in.problem,
                        (unsigned long long)in.wrong_at);
        }
        bench_load_answered(b, c, in.done - greetings);
    }
    if (c->fd < 0)
        return;
    if (in.broken != NULL && b->plan.raw)
        bench_fail(b, c, "%s", in.broken);
    else if (in.broken != NULL)
        bench_fail(b, c, "the server broke the protocol: %s", in.broken);
    else if (in.closed)
        closed_by_server(b, c, &in);
    else if (in.pinged && c->state == BENCH_OPEN)
        answer_ping(b, c, &in);
}

void bench_stream_octets(bench *b, bench_conn *c, const uint8_t *p, size_t n)
{
    bench_reader *r = &b->readers[bench_index(b, c)];
    uint32_t done;

    b->counts.received += n;
    if (WSK__UNLIKELY(c->state != BENCH_OPEN || c->in_flight == 0) ||
        !bench_reader_compare(r, &b->plan, p, n, &done)) {
        odd_octets(b, c, p, n);
        return;
    }
    if (done > 0)
        bench_load_answered(b, c, done);
}

void bench_stream_ended(bench *b, bench_conn *c, int error)
{
    if (c->state == BENCH_CLOSING)
        bench_drop(b, c, false);
    else if (c->state == BENCH_OPEN && error == 0)
        bench_fail(b, c, "the server ended the connection without a close frame");
    else if (c->state == BENCH_OPEN)
        bench_fail(b, c, "the connection broke: %s", strerror(error));
    else if (error != 0)
        bench_fail(b, c, "cannot connect: %s", strerror(error));
    else
        bench_fail(b, c, "the server ended the connection in the %s handshake",
                   c->state == BENCH_TLS ? "TLS" : "opening");
}

static void skipped(bench *b, bench_conn *c, size_t n)
{
    b->counts.received += n;
    odd_octets(b, c, NULL, n);
}

static void deliver(bench *b, bench_conn *c, const uint8_t *p, size_t n)
{
    if (c->state == BENCH_OPEN || c->state == BENCH_CLOSING)
        bench_stream_octets(b, c, p, n);
    else if (c->state == BENCH_HEAD)
        bench_open_octets(b, c, p, n);
}

static void tls_octets(bench *b, bench_conn *c, const uint8_t *p, size_t n)
{
    bench_tls *t = c->tls;
    size_t used, got;

    do {
        wsk__tls_result r = wsk__tls_session_read(t->session, p, n, &used, b->buffer, b->buffer_len,
                                                  &got, &t->out);
        p += used;
        n -= used;
        if (t->out.off < t->out.len)
            (void)tls_drain(b, c);
        if (c->state == BENCH_TLS && wsk__tls_session_is_ready(t->session))
            bench_open_writable(b, c);
        if (got > 0 && c->fd >= 0)
            deliver(b, c, b->buffer, got);
        if (c->fd < 0)
            return;
        if (r == WSK__TLS_FAILED) {
            const char *why = wsk__tls_session_why(t->session);
            bench_fail(b, c, "TLS: %s", why != NULL ? why : "failed");
            return;
        }
        if (r == WSK__TLS_EOF) {
            bench_stream_ended(b, c, 0);
            return;
        }
    } while (n > 0 || got == b->buffer_len);
}

/* all: until the socket has nothing more, since its end may stand behind what it has. */
static void receive(bench *b, bench_conn *c, bool all)
{
    const bench_reader *r = &b->readers[bench_index(b, c)];
    const uint64_t until = b->now + LONGEST_READ;
    uint8_t *to = c->tls != NULL ? b->cipher : b->buffer;

    for (;;) {
        size_t room = b->buffer_len, skip = 0;
        /* Large contents that are not compared are dropped in the kernel (tcp(7), MSG_TRUNC); of
         * what stands between them only little is taken at a time, so that they are not copied. */
        if (b->skips && c->state == BENCH_OPEN && !r->verify) {
            skip = bench_reader_skippable(r);
            room = skip > b->buffer_len ? b->buffer_len : skip > 0 ? skip : WSK__FRAME_HEAD_MAX;
        }
        ssize_t n = recv(c->fd, to, room, skip > 0 ? MSG_TRUNC : 0);
        if (n <= 0) {
            if (n == 0)
                bench_stream_ended(b, c, 0);
            else if (errno == EINTR)
                continue;
            else if (errno != EAGAIN)
                bench_stream_ended(b, c, errno);
            return;
        }
        if (c->tls != NULL)
            tls_octets(b, c, to, (size_t)n);
        else if (skip > 0)
            skipped(b, c, (size_t)n);
        else
            deliver(b, c, to, (size_t)n);
        if (c->fd < 0 || ((size_t)n < room && !all))
            return;
        b->now = bench_clock(); /* what comes now may answer what was sent just before */
        /* Frames of no content come faster than they can be counted: a server that sends nothing
         * else would be read for ever, past every deadline and SIGINT. */
        if (b->now >= until) {
            read_on(b, c);
            return;
        }
    }
}

/* -------------------------------------------------------------------------------- events -- */

static void on_event(bench *b, bench_conn *c, uint32_t events)
{
    const uint32_t ends = EPOLLRDHUP | EPOLLHUP | EPOLLERR;

    if (c->state == BENCH_CONNECTING) {
        if (events & (EPOLLOUT | EPOLLERR | EPOLLHUP))
            bench_open_writable(b, c);
        if (c->fd < 0 || c->state == BENCH_CONNECTING)
            return;
    }
    if (events & (EPOLLIN | ends))
        receive(b, c, (events & ends) != 0);
    if ((events & EPOLLOUT) && c->fd >= 0 && c->blocked) {
        c->blocked = false;
        if (c->tls != NULL && !tls_drain(b, c))
            return;
        if (c->state == BENCH_HEAD)
            bench_open_writable(b, c);
        else if (c->state >= BENCH_OPEN)
            bench_stream_flush(b, c);
    }
}

void bench_stream_turn(bench *b, uint64_t wait)
{
    struct epoll_event events[EVENTS];
    struct timespec t = {.tv_sec = (time_t)(wait / 1000000000u),
                         .tv_nsec = (long)(wait % 1000000000u)};
    if (b->ring != NULL) {
        bench_ring_turn(b, wait);
        return;
    }
    int n = epoll_pwait2(b->epoll_fd, events, EVENTS, &t, NULL);

    if (n < 0 && errno == ENOSYS) /* before Linux 5.11 */
        n = epoll_wait(b->epoll_fd, events, EVENTS, (int)((wait + 999999) / 1000000));
    b->now = bench_clock();
    for (int i = 0; i < n; i++) {
        bench_conn *c = &b->conns[events[i].data.u32];
        /* The same index may be another connection by now: of a socket that is gone nothing
         * comes any more, and a new one is not in this list yet. */
        if (c->fd < 0)
            continue;
        if (i > 0)
            b->now = bench_clock();
        on_event(b, c, events[i].events);
    }
}
