/* SPDX-License-Identifier: MIT */
/*
 * One connection of a client: moves octets between its stream and its connection, and turns the
 * connection's events into calls of the program's handlers. The counterpart of a server's peer,
 * and built like it: events are given from run() only, what a call changes from outside of it is
 * put off to the end of the turn.
 */
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "client/client_internal.h"

static wsk__link *link_of(wsk__stream *s)
{
    return WSK__CONTAINER(s, wsk__link, stream);
}

static uint64_t clock_us(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

/* ---------------------------------------------------------------------------------- events -- */

void wsk__link_leave(wsk__link *l)
{
    l->ended = true;
    if (l->client->link == l)
        l->client->link = NULL;
    wsk__stream_close(&l->stream);
}

static void ended(wsk__link *l, unsigned code, const char *text)
{
    wsk_client *c = l->client;

    if (l->ended)
        return;
    l->ended = true;
    if (c->stage == WSK_STAGE_OPEN)
        wsk__client_closed(c, code, l->reason, text);
    else
        wsk__client_refused(l, text);
    wsk__link_leave(l);
}

static void ping_sent(wsk__link *l, const void *data, size_t len)
{
    l->ping_len = (uint8_t)len;
    if (len > 0)
        memcpy(l->ping, data, len);
    l->ping_at = clock_us();
}

static void pong_came(wsk__link *l, const uint8_t *data, size_t len)
{
    if (l->ping_at == 0 || len != l->ping_len || (len > 0 && memcmp(data, l->ping, len) != 0))
        return;
    uint64_t us = clock_us() - l->ping_at;
    l->client->rtt_us = us > 0 ? us : 1;
    l->ping_at = 0;
}

static void opened(wsk__link *l)
{
    wsk_client *c = l->client;

    c->stage = WSK_STAGE_OPEN;
    c->status = l->conn.status;
    if (wsk__log_on(c->hooks, WSK_LOG_INFO))
        wsk__log(c->hooks, WSK_LOG_INFO, "%s open", wsk_client_url(c));
    WSK__CLIENT_CALL(c, on_open, c);
}

static void dispatch(wsk__link *l, wsk_event *ev)
{
    wsk_client *c = l->client;

    /* Given up by the program before it was open: the timer is about to end it, and what came in
     * the same read as the answer is nobody's. */
    if (c->timer_for == WSK__TIMER_CANCEL && ev->type != WSK_EV_END)
        return;
    switch (ev->type) {
    case WSK_EV_MESSAGE:
        WSK__CLIENT_CALL(c, on_message, c, ev->opcode, ev->data, ev->len);
        break;
    case WSK_EV_DATA:
        WSK__CLIENT_CALL(c, on_data, c, ev->opcode, ev->data, ev->len, ev->first, ev->last);
        break;
    case WSK_EV_OPEN:
        opened(l);
        break;
    case WSK_EV_PING:
        WSK__CLIENT_CALL(c, on_ping, c, ev->data, ev->len);
        break;
    case WSK_EV_PONG:
        pong_came(l, ev->data, ev->len);
        WSK__CLIENT_CALL(c, on_pong, c, ev->data, ev->len);
        break;
    case WSK_EV_WRITABLE:
        WSK__CLIENT_CALL(c, on_writable, c);
        break;
    case WSK_EV_CLOSE:
        l->reason_len = (uint8_t)ev->len;
        memcpy(l->reason, ev->data, ev->len);
        l->reason[ev->len] = 0;
        break;
    case WSK_EV_FAIL:
        if (wsk__log_on(c->hooks, WSK_LOG_DEBUG))
            wsk__log(c->hooks, WSK_LOG_DEBUG, "%s failed: %s (%s)", wsk_client_url(c), ev->text,
                     wsk__rule_rfc((wsk__rule)l->conn.w->fail_rule));
        break;
    case WSK_EV_END:
        ended(l, ev->code, ev->text);
        break;
    case WSK_EV_REQUEST:
    case WSK_EV_NONE:
        break;
    }
}

/* Which of its deadlines a connection may have begun; when it changes the timer is set anew. Those
 * that only move to later are looked at when the timer fires. */
static uint8_t deadlines(const wsk__link *l)
{
    const wsk_conn *c = &l->conn;

    return (uint8_t)(1 | c->state << 1 | (c->w->queued > 0 || c->undrained) << 4 |
                     c->shutdown << 5 |
                     (c->w->rx_opcode != 0 && c->env->cfg->o.message_timeout != WSK_NEVER) << 6 |
                     (c->phase == WSK__PHASE_BODY) << 3 | (c->paused || c->choked) << 7);
}

/* With TLS what the connection sent may still stand in the stream, as cipher text. */
static void look_at_stream(wsk__link *l)
{
    if (l->stream.tls != NULL)
        wsk__conn_set_undrained(&l->conn, !wsk__stream_is_drained(&l->stream));
}

/* Lets time pass, and sees what it did. */
static void tick(wsk__link *l, uint64_t *ret_next)
{
    bool failed = l->conn.failed, waiting = l->conn.ping_waiting, closing = l->conn.close_sent;

    look_at_stream(l);
    wsk_conn_tick(&l->conn, wsk_loop_now(l->client->loop), ret_next);
    if (!failed && l->conn.failed)
        l->timed_out = true;
    if (!closing && l->conn.close_sent)
        l->by_us = true;
    if (!waiting && l->conn.ping_waiting)
        ping_sent(l, NULL, 0);
}

void wsk__link_update(wsk__link *l)
{
    unsigned wants;
    uint64_t next;

    if (l->ended || !l->begun)
        return;
    look_at_stream(l);
    if (deadlines(l) != l->armed) {
        tick(l, &next);
        l->armed = deadlines(l);
        wsk__stream_set_deadline(&l->stream, next);
    }
    wants = wsk_conn_wants(&l->conn);
    bool reading = (wants & WSK_WANT_READ) != 0;
    if (reading != l->reading && !(wants & WSK_WANT_DROP)) {
        l->reading = reading;
        wsk__stream_set_reading(&l->stream, reading);
    }
    if (wants & (WSK_WANT_WRITE | WSK_WANT_DROP))
        wsk__stream_want_output(&l->stream);
    if ((wants & WSK_WANT_SHUTDOWN) && !(wants & WSK_WANT_WRITE) && !l->shut) {
        l->shut = true;
        wsk__stream_shutdown(&l->stream);
    }
}

static void run(wsk__link *l)
{
    wsk_event ev;

    if (l->running || l->ended)
        return;
    l->running = true;
    l->deferred = false;
    do {
        if (wsk_conn_next(&l->conn, &ev) < 0 || ev.type == WSK_EV_NONE)
            break;
        dispatch(l, &ev);
    } while (!l->ended && !(l->conn.paused && l->conn.state == WSK_STATE_OPEN));
    l->running = false;
}

/* Something was changed from outside: its consequences come before the turn ends. */
static void defer(wsk__link *l)
{
    if (l->ended)
        return;
    l->deferred = true;
    wsk__stream_want_output(&l->stream);
    /* A socket that is full is not asked for output: then the timer sees to it. */
    wsk__stream_set_deadline(&l->stream, wsk_loop_now(l->client->loop));
}

/* ---------------------------------------------------------------------------------- stream -- */

/* Shows the n octets at the head of the queue, which went out. */
static void show_sent(wsk__link *l, size_t n)
{
    wsk_client *c = l->client;
    struct iovec iov[64];

    if (c->h.on_wire == NULL)
        return;
    /* As on_output() gave them: they have not moved since. */
    size_t k = wsk_conn_output(&l->conn, iov, WSK__COUNT(iov));
    for (size_t i = 0; i < k && n > 0; i++) {
        size_t len = iov[i].iov_len < n ? iov[i].iov_len : n;

        WSK__CLIENT_CALL(c, on_wire, c, true, iov[i].iov_base, len);
        n -= len;
    }
}

static void take(wsk__link *l, uint8_t *data, size_t n)
{
    wsk_client *c = l->client;
    size_t room;

    look_at_stream(l);
    if (l->deferred)
        run(l); /* what was waiting comes first */
    if (l->ended)
        return;
    if (n > 0)
        WSK__CLIENT_CALL(c, on_wire, c, false, data, n);
    if (wsk_conn_feed(&l->conn, data, n, wsk_loop_now(c->loop)) < 0)
        return;
    if (l->conn.w->queued == 0 && n > 0) {
        void *scratch = wsk__loop_scratch(c->loop, &room);
        if (scratch != NULL)
            wsk_conn_lend_output(&l->conn, scratch, room);
    }
    run(l);
    if (l->ended)
        return;
    (void)wsk__conn_unlend_input(&l->conn);
    if (l->conn.w->queued == 0)
        (void)wsk__conn_unlend_output(&l->conn); /* nothing in it: `sent` will not come */
    if (l->conn.fail_pending || l->conn.drop)
        run(l);
    wsk__link_update(l);
}

static void on_received(wsk__stream *stream, uint8_t *data, size_t n)
{
    wsk__link *l = link_of(stream);

    if (l->ended)
        return;
    wsk__client_enter(l->client);
    take(l, data, n);
    wsk__client_leave(l->client);
}

static size_t on_output(wsk__stream *stream, struct iovec *iov, size_t max)
{
    wsk__link *l = link_of(stream);
    size_t k = 0;

    if (!l->begun)
        return 0;
    wsk__client_enter(l->client);
    look_at_stream(l);
    if (l->deferred || ((l->conn.drop || l->conn.eof) && !l->ended)) {
        run(l);
        wsk__link_update(l);
    }
    if (!l->ended) {
        k = wsk_conn_output(&l->conn, iov, max);
        /* What of the loop's room is not used by now serves others. */
        l->conn.w->lent_cap = l->conn.w->lent_len;
    }
    wsk__client_leave(l->client);
    return k;
}

static void on_sent(wsk__stream *stream, size_t n)
{
    wsk__link *l = link_of(stream);

    if (l->ended)
        return;
    wsk__client_enter(l->client);
    show_sent(l, n);
    wsk_conn_sent(&l->conn, n, wsk_loop_now(l->client->loop));
    (void)wsk__conn_unlend_output(&l->conn);
    /* Not from within a handler that flushes: then run() is under way and sees it itself. */
    if (!l->running && (l->conn.over_high || l->conn.eof || l->conn.fail_pending))
        run(l);
    wsk__link_update(l);
    wsk__client_leave(l->client);
}

static void on_expired(wsk__stream *stream)
{
    wsk__link *l = link_of(stream);
    uint64_t next;

    if (l->ended)
        return;
    wsk__client_enter(l->client);
    tick(l, &next);
    l->deferred = false;
    run(l);
    if (!l->ended) {
        tick(l, &next);
        l->armed = deadlines(l);
        wsk__stream_set_deadline(&l->stream, next);
        wsk__link_update(l);
    }
    wsk__client_leave(l->client);
}

static void on_secured(wsk__stream *stream)
{
    wsk__link *l = link_of(stream);

    if (l->ended)
        return;
    wsk__client_enter(l->client);
    wsk__client_request(l);
    wsk__link_update(l);
    wsk__client_leave(l->client);
}

/* Before the request there is no connection that could tell of it. */
static void lost_early(wsk__link *l, const char *text)
{
    wsk_client *c = l->client;
    wsk_fail kind = l->tls_failed ? WSK_FAIL_TLS : WSK_FAIL_LOST;

    wsk__client_say(c, "%s", text);
    wsk__client_abandon(c);
    wsk__client_failed(c, kind);
}

static void on_lost(wsk__stream *stream, const char *text)
{
    wsk__link *l = link_of(stream);
    wsk__tls_session *session = wsk__stream_session(stream);

    if (l->ended)
        return;
    wsk__client_enter(l->client);
    l->tls_failed = session != NULL && *wsk__tls_session_why(session) != 0;
    if (!l->begun) {
        lost_early(l, text);
    } else {
        wsk_conn_lost(&l->conn, text);
        if (!l->running)
            run(l);
        else
            defer(l);
    }
    wsk__client_leave(l->client);
}

static void on_closed(wsk__stream *stream)
{
    wsk__link *l = link_of(stream);
    wsk_client *c = l->client;

    wsk__client_enter(c);
    c->links--;
    wsk__conn_deinit(&l->conn);
    wsk__free(c->hooks, l);
    wsk__client_leave(c);
}

static const wsk__stream_ops link_ops = {
    .received = on_received,
    .output = on_output,
    .sent = on_sent,
    .expired = on_expired,
    .secured = on_secured,
    .lost = on_lost,
    .closed = on_closed,
};

int wsk__link_new(wsk_client *c, int fd, wsk__tls_session *tls)
{
    wsk__link *l = wsk__alloc0(c->hooks, sizeof(*l));
    int r;

    if (l == NULL) {
        wsk__tls_session_free(tls);
        close(fd);
        return WSK_ERR_NOMEM;
    }
    l->client = c;
    l->reading = true;
    wsk__conn_init(&l->conn, &c->env, wsk_loop_now(c->loop));
    r = wsk__stream_open(&l->stream, c->loop, &link_ops, fd, tls);
    if (r < 0) {
        wsk__conn_deinit(&l->conn);
        wsk__free(c->hooks, l);
        return r;
    }
    c->link = l;
    c->links++;
    return WSK_OK;
}

/* ------------------------------------------------------------------------------------- API -- */

/* The connection that the program may use, or NULL. */
static wsk__link *open_link(const wsk_client *c)
{
    return c->stage == WSK_STAGE_OPEN && c->link != NULL && !c->link->ended ? c->link : NULL;
}

/* Within run() the loop asks for output anyway; from outside it has to be told. */
static int changed(wsk__link *l, int r)
{
    if (!l->ended && (!l->running || l->conn.drop))
        defer(l);
    return r;
}

int wsk_client_send(wsk_client *c, wsk_opcode op, const void *data, size_t len, unsigned flags)
{
    wsk__link *l = open_link(c);
    int r;

    if (WSK__UNLIKELY(l == NULL))
        return WSK_ERR_STATE;
    r = wsk__conn_send_borrowed(&l->conn, op, data, len, flags);
    if (l->conn.w->borrowed) {
        /* As much as the socket takes goes out from where it stands; the rest is copied. */
        wsk__stream_flush(&l->stream);
        if (!l->ended && wsk__conn_settle(&l->conn) < 0)
            r = WSK_ERR_NOMEM;
    }
    if (WSK__LIKELY(l->running && !l->conn.drop))
        return r;
    if (!l->ended) {
        if (l->conn.drop || l->conn.fail_pending)
            defer(l);
        else
            wsk__link_update(l);
    }
    return r;
}

int wsk_client_send_part(wsk_client *c, wsk_opcode op, const void *data, size_t len, bool last,
                         unsigned flags)
{
    wsk__link *l = open_link(c);

    if (l == NULL)
        return WSK_ERR_STATE;
    return changed(l, wsk_conn_send_part(&l->conn, op, data, len, last, flags));
}

int wsk_client_ping(wsk_client *c, const void *data, size_t len)
{
    wsk__link *l = open_link(c);
    int r;

    if (l == NULL)
        return WSK_ERR_STATE;
    r = wsk_conn_ping(&l->conn, data, len);
    if (r == WSK_OK)
        ping_sent(l, data, len);
    return changed(l, r);
}

int wsk_client_pong(wsk_client *c, const void *data, size_t len)
{
    wsk__link *l = open_link(c);

    if (l == NULL)
        return WSK_ERR_STATE;
    return changed(l, wsk_conn_pong(&l->conn, data, len));
}

int wsk__link_close(wsk__link *l, unsigned code, const char *reason)
{
    int r;

    if (l->ended)
        return WSK_OK;
    r = wsk_conn_close(&l->conn, code, reason);
    if (r != WSK_ERR_INVAL)
        l->client->stopped = true;
    return changed(l, r);
}

void wsk__link_drop(wsk__link *l)
{
    l->client->stopped = true;
    if (l->ended)
        return;
    wsk_conn_lost(&l->conn, "dropped by the program");
    defer(l);
}

void wsk_client_pause(wsk_client *c, bool paused)
{
    wsk__link *l = open_link(c);

    if (l == NULL)
        return;
    wsk_conn_pause(&l->conn, paused);
    (void)changed(l, 0);
}

size_t wsk_client_queued(const wsk_client *c)
{
    const wsk__link *l = open_link(c);

    return l != NULL ? wsk_conn_queued(&l->conn) : 0;
}
