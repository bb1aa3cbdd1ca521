/* SPDX-License-Identifier: MIT */
/*
 * The beginning and the end of connections: at most so many open at a time, each within a
 * deadline; what goes wrong is counted by its reason.
 */
#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench.h"
#include "bench_ring.h"
#include "command.h"

/* ------------------------------------------------------------------------------- errors -- */

static void count_error(bench_errors *e, uint64_t times, const char *text)
{
    e->n += times;
    for (uint32_t i = 0; i < e->n_reasons; i++) {
        if (strcmp(e->reasons[i].text, text) == 0) {
            e->reasons[i].n += times;
            return;
        }
    }
    if (e->n_reasons == BENCH_REASONS) { /* the last row is for all the others */
        snprintf(e->reasons[BENCH_REASONS - 1].text, BENCH_REASON_LEN, "other reasons");
        e->reasons[BENCH_REASONS - 1].n += times;
        return;
    }
    snprintf(e->reasons[e->n_reasons].text, BENCH_REASON_LEN, "%s", text);
    e->reasons[e->n_reasons++].n = times;
}

static void vformat(char *text, const char *fmt, va_list ap)
{
    vsnprintf(text, BENCH_REASON_LEN, fmt, ap);
    cli_make_safe(text); /* a server's words may be among them */
}

void bench_error(bench *b, uint64_t times, const char *fmt, ...)
{
    char text[BENCH_REASON_LEN];
    va_list ap;

    va_start(ap, fmt);
    vformat(text, fmt, ap);
    va_end(ap);
    count_error(&b->errors, times, text);
}

void bench_fail(bench *b, bench_conn *c, const char *fmt, ...)
{
    char text[BENCH_REASON_LEN];
    va_list ap;

    va_start(ap, fmt);
    vformat(text, fmt, ap);
    va_end(ap);
    count_error(&b->errors, 1, text);
    bench_drop(b, c, true);
}

/* --------------------------------------------------------------------------------- ends -- */

static void opening_free(bench_conn *c)
{
    if (c->opening == NULL)
        return;
    free(c->opening->parsed.fields);
    free(c->opening->head);
    free(c->opening);
    c->opening = NULL;
}

void bench_drop(bench *b, bench_conn *c, bool abort)
{
    const struct linger at_once = {.l_onoff = 1, .l_linger = 0};

    if (c->fd < 0)
        return;
    if (abort)
        (void)setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    if (b->ring != NULL)
        bench_ring_drop(b, c);
    close(c->fd);
    c->fd = -1;
    if (c->state == BENCH_OPEN)
        b->n_open--;
    else if (c->state == BENCH_CLOSING)
        b->n_closing--;
    else
        b->n_opening--;
    c->state = BENCH_GONE;
    c->deadline = 0;
    opening_free(c);
    if (c->tls != NULL) {
        wsk__tls_out_clear(&c->tls->out, b->target.tls);
        wsk__tls_session_free(c->tls->session);
        free(c->tls);
        c->tls = NULL;
    }
    free(c->control);
    c->control = NULL;
    bench_reader_deinit(&b->readers[bench_index(b, c)]);
    bench_load_gone(b, c);
}

void bench_close(bench *b, bench_conn *c)
{
    /* 1000, with a key of zeros. */
    static const uint8_t frame[BENCH_CLOSE_LEN] = {0x88, 0x82, 0, 0, 0, 0, 0x03, 0xe8};

    if (c->state != BENCH_OPEN)
        return;
    /* A frame is half sent, so that there is no more to be said; or nobody understands a close. */
    if (c->frame_off > 0 || c->blocked || b->target.raw) {
        bench_drop(b, c, true);
        return;
    }
    b->n_open--;
    b->n_closing++;
    c->state = BENCH_CLOSING;
    c->owed = 0;
    c->deadline = b->now + (uint64_t)b->set->timeout * 1000000u;
    if (c->control == NULL)
        c->control = malloc(BENCH_CONTROL_ROOM);
    if (c->control == NULL) {
        bench_drop(b, c, true);
        return;
    }
    assert(c->control_n + sizeof(frame) <= BENCH_CONTROL_ROOM);
    memcpy(c->control + c->control_n, frame, sizeof(frame));
    c->control_n = (uint8_t)(c->control_n + sizeof(frame));
    bench_stream_flush(b, c);
}

void bench_open_scan(bench *b)
{
    if (b->n_opening + b->n_closing == 0)
        return;
    for (uint32_t i = 0; i < b->next_conn; i++) {
        bench_conn *c = &b->conns[i];
        if (c->fd < 0 || c->deadline == 0 || b->now < c->deadline)
            continue;
        if (c->state == BENCH_CLOSING) {
            if (!c->answered)
                bench_error(b, 1, "no answer to a close frame within %g s", b->set->timeout / 1e3);
            bench_drop(b, c, true);
        } else {
            bench_fail(b, c, "not open after %g s: %s", b->set->open_timeout / 1000.0,
                       c->state == BENCH_CONNECTING ? "the server does not take the connection"
                       : c->state == BENCH_TLS      ? "the TLS handshake is not done"
                                                    : "the server does not answer the handshake");
        }
    }
}

/* ----------------------------------------------------------------------------- beginning -- */

bool bench_open_one(bench *b, bench_conn *c)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
                                .data.u32 = bench_index(b, c)};

    memset(c, 0, sizeof(*c));
    c->began = bench_clock();
    c->fd = bench_target_socket(&b->target);
    b->queue_full = c->fd < 0 && errno == EAGAIN;
    if (c->fd < 0) {
        if (b->queue_full)
            return false;
        bench_error(b, 1, "cannot connect: %s%s", strerror(errno),
                    errno == EADDRNOTAVAIL ? " (all ports are in use; --source has more)" : "");
        c->state = BENCH_GONE;
        b->next_conn += bench_index(b, c) == b->next_conn;
        bench_load_gone(b, c);
        return true;
    }
    b->next_conn += bench_index(b, c) == b->next_conn;
    b->n_opening++;
    if (b->n_opening + b->n_open + b->n_closing > b->n_most)
        b->n_most = b->n_opening + b->n_open + b->n_closing;
    c->state = BENCH_CONNECTING;
    c->deadline = c->began + (uint64_t)b->set->open_timeout * 1000000u;
    c->opening = calloc(1, sizeof(*c->opening));
    if (c->opening == NULL || wsk__handshake_key(NULL, c->opening->key) < 0 ||
        epoll_ctl(b->epoll_fd, EPOLL_CTL_ADD, c->fd, &event) < 0)
        bench_fail(b, c, "cannot connect: %s",
                   c->opening == NULL ? "out of memory" : strerror(errno));
    return true;
}

void bench_open_more(bench *b)
{
    while (b->next_conn < b->n_conns && b->n_opening < b->set->opening) {
        if (!bench_open_one(b, &b->conns[b->next_conn]))
            return;
    }
}

static void send_request(bench *b, bench_conn *c)
{
    bench_opening *o = c->opening;
    char request[8192];
    size_t n = b->target.request_len;

    /* A request is short; one that is not all taken at once is sent on later. */
    if (n > sizeof(request)) {
        bench_fail(b, c, "the URL is too long");
        return;
    }
    memcpy(request, b->target.request, n);
    memcpy(request + b->target.key_at, o->key, WSK__KEY_LEN);
    while (o->request_sent < n) {
        ssize_t k = bench_stream_send(b, c, request + o->request_sent, n - o->request_sent);
        if (k < 0) {
            if (errno == EAGAIN)
                c->blocked = true;
            else
                bench_fail(b, c, "cannot connect: %s", strerror(errno));
            return;
        }
        o->request_sent += (size_t)k;
        b->counts.sent += (size_t)k;
    }
}

static void begin_tls(bench *b, bench_conn *c)
{
    size_t used, got;

    c->tls = calloc(1, sizeof(*c->tls));
    if (c->tls == NULL || wsk__tls_session_new(&c->tls->session, b->target.tls, b->target.url.host,
                                               b->target.url.port) < 0) {
        bench_fail(b, c, "out of memory");
        return;
    }
    c->state = BENCH_TLS;
    (void)wsk__tls_session_read(c->tls->session, NULL, 0, &used, b->buffer, b->buffer_len, &got,
                                &c->tls->out);
    /* Goes with the first flight, which a fresh socket takes. */
    ssize_t k = send(c->fd, c->tls->out.ptr + c->tls->out.off, c->tls->out.len - c->tls->out.off,
                     MSG_NOSIGNAL);
    if (k > 0)
        c->tls->out.off += (size_t)k;
    if (c->tls->out.off < c->tls->out.len)
        c->blocked = true;
}

static void opened(bench *b, bench_conn *c, bool alone, bool takeover)
{
    bench_reader *r = &b->readers[bench_index(b, c)];
    uint32_t verify = b->set->verify;

    opening_free(c);
    c->chain = b->plan.deflate && alone ? BENCH_CHAIN_ALONE : BENCH_CHAIN_TAKEOVER;
    bench_reader_init(r, &b->plan, verify > 0 && bench_index(b, c) % verify == 0);
    if (b->plan.deflate && r->verify && !bench_reader_inflates(r, takeover)) {
        bench_fail(b, c, "out of memory");
        return;
    }
    c->state = BENCH_OPEN;
    c->deadline = 0;
    b->n_opening--;
    b->n_open++;
    b->opened++;
    bench_load_opened(b, c);
}

void bench_open_writable(bench *b, bench_conn *c)
{
    int error = 0;
    socklen_t len = sizeof(error);

    if (c->state == BENCH_CONNECTING) {
        if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
            error = errno;
        if (error != 0) {
            bench_stream_ended(b, c, error);
            return;
        }
        if (b->target.tls != NULL) {
            begin_tls(b, c);
            return;
        }
    }
    if (b->target.raw) {
        opened(b, c, false, false);
        return;
    }
    c->state = BENCH_HEAD;
    send_request(b, c);
}

/* ------------------------------------------------------------------------------- answer -- */

void bench_open_octets(bench *b, bench_conn *c, const uint8_t *p, size_t n)
{
    bench_opening *o = c->opening;
    bool alone, takeover;
    wsk__refusal refusal = {0};

    if (o->head == NULL) {
        o->head = malloc(BENCH_HEAD_ROOM);
        o->parsed.kind = WSK__HEAD_RESPONSE;
        o->parsed.max_fields = BENCH_MAX_FIELDS;
        o->parsed.fields = malloc(BENCH_MAX_FIELDS * sizeof(*o->parsed.fields));
        if (o->head == NULL || o->parsed.fields == NULL) {
            bench_fail(b, c, "out of memory");
            return;
        }
    }
    b->counts.received += n;
    size_t seen = o->head_len, take = n < BENCH_HEAD_ROOM - seen ? n : BENCH_HEAD_ROOM - seen;
    memcpy(o->head + seen, p, take);
    o->head_len += take;
    long len = wsk__head_parse(&o->parsed, o->head, o->head_len, seen, BENCH_HEAD_ROOM, &refusal);
    if (len < 0) {
        bench_fail(b, c, "the server does not speak HTTP, or not well: %s", refusal.text);
        return;
    }
    if (len == 0) {
        if (o->head_len == BENCH_HEAD_ROOM)
            bench_fail(b, c, "the head of the response is too long");
        return;
    }
    const char *why = bench_target_judge(&b->target, &o->parsed, o->key, &alone, &takeover);
    if (why != NULL) {
        if (o->parsed.status != 101)
            bench_fail(b, c, "no WebSocket: %u %.*s; %s", o->parsed.status,
                       (int)(o->parsed.reason.len > 40 ? 40 : o->parsed.reason.len),
                       o->parsed.reason.ptr, why);
        else
            bench_fail(b, c, "the handshake failed: %s", why);
        return;
    }
    /* Frames may come right behind the head. */
    size_t used = (size_t)len - seen;
    opened(b, c, alone, takeover);
    b->counts.received -= n - used;
    if (used < n && (c->state == BENCH_OPEN || c->state == BENCH_CLOSING))
        bench_stream_octets(b, c, p + used, n - used);
}
