/* SPDX-License-Identifier: MIT */
/*
 * One connection of a client: its events as calls of the program's handlers, the program's calls,
 * and what is remembered of it. How octets move between its stream and its connection is link.h's;
 * the protocol is the connection's.
 */
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "client/client_internal.h"
#include "net/loop_users.h"

static wsk__client_link *own(wsk__link *l)
{
    return WSK__CONTAINER(l, wsk__client_link, link);
}

/* What the loop calls begins with it; wsk__client_leave() ends it. */
static wsk__client_link *enter(wsk__stream *s)
{
    wsk__client_link *l = own(wsk__link_of(s));

    wsk__client_enter(l->client);
    return l;
}

static uint64_t clock_us(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

/* ---------------------------------------------------------------------------------- events -- */

void wsk__client_link_leave(wsk__client_link *l)
{
    l->link.conn.ended = true;
    if (l->client->current == l)
        l->client->current = NULL;
    wsk__stream_close(&l->link.stream);
}

static void ended(wsk__client_link *l, unsigned code, const char *text)
{
    wsk_client *c = l->client;

    if (l->link.conn.ended)
        return;
    l->link.conn.ended = true;
    if (c->stage == WSK_STAGE_OPEN)
        wsk__client_closed(c, code, l->reason, text);
    else
        wsk__client_refused(l, text);
    wsk__client_link_leave(l);
}

static void ping_sent(wsk__client_link *l, const void *data, size_t len)
{
    l->ping_len = (uint8_t)len;
    if (len > 0)
        memcpy(l->ping, data, len);
    l->ping_at = clock_us();
}

static void pong_came(wsk__client_link *l, const uint8_t *data, size_t len)
{
    if (l->ping_at == 0 || len != l->ping_len || (len > 0 && memcmp(data, l->ping, len) != 0))
        return;
    uint64_t us = clock_us() - l->ping_at;
    l->client->rtt_us = us > 0 ? us : 1;
    l->ping_at = 0;
}

static void opened(wsk__client_link *l)
{
    wsk_client *c = l->client;

    c->stage = WSK_STAGE_OPEN;
    c->opened_at = wsk_loop_now(c->loop);
    c->status = l->link.conn.status;
    if (wsk__log_on(c->hooks, WSK_LOG_INFO))
        wsk__log(c->hooks, WSK_LOG_INFO, "%s open", wsk_client_url(c));
    WSK__CLIENT_CALL(c, on_open, c);
}

/* Given up by the program before it was open: the timer is about to end it, and what came in the
 * same read as the answer is nobody's. */
static bool is_given_up(const wsk_client *c)
{
    return c->timer_for == WSK__TIMER_CANCEL;
}

static void event(wsk__link *link, wsk_event *ev)
{
    wsk__client_link *l = own(link);
    wsk_client *c = l->client;

    if (is_given_up(c) && ev->type != WSK_EV_END)
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
        memcpy(l->reason, ev->data, ev->len);
        l->reason[ev->len] = 0;
        break;
    case WSK_EV_FAIL:
        if (wsk__log_on(c->hooks, WSK_LOG_DEBUG))
            wsk__log(c->hooks, WSK_LOG_DEBUG, "%s failed: %s (%s)", wsk_client_url(c), ev->text,
                     wsk__rule_rfc((wsk__rule)l->link.conn.w->fail_rule));
        break;
    case WSK_EV_END:
        ended(l, ev->code, ev->text);
        break;
    case WSK_EV_REQUEST:
    case WSK_EV_NONE:
        break;
    }
}

static bool takes_messages(const wsk__link *link)
{
    const wsk_client *c = WSK__CONTAINER(link->conn.env, wsk_client, env);

    return c->h.on_message != NULL && !is_given_up(c);
}

/* The program may have freed the client. */
static bool message(wsk__link *link, wsk_opcode op, uint8_t *data, size_t len)
{
    wsk_client *c = own(link)->client;

    c->h.on_message(c, op, data, len);
    return !link->conn.ended;
}

static void settle(wsk__link *link)
{
    (void)link;
}

static void came(wsk__link *link, const uint8_t *data, size_t n)
{
    wsk_client *c = own(link)->client;

    if (n > 0)
        WSK__CLIENT_CALL(c, on_wire, c, false, data, n);
}

static void reads(wsk__link *link, bool on)
{
    (void)link;
    (void)on;
}

/* Shows the n octets at the head of the queue, which went out. */
static void went(wsk__link *link, size_t n)
{
    wsk_client *c = own(link)->client;
    struct iovec iov[64];

    if (c->h.on_wire == NULL)
        return;
    /* As on_output() gave them: they have not moved since. */
    size_t k = wsk_conn_output(&link->conn, iov, WSK__COUNT(iov));
    for (size_t i = 0; i < k && n > 0; i++) {
        size_t len = iov[i].iov_len < n ? iov[i].iov_len : n;

        WSK__CLIENT_CALL(c, on_wire, c, true, iov[i].iov_base, len);
        n -= len;
    }
}

/* Lets time pass, and sees what it did. */
static void tick(wsk__link *link, uint64_t *ret_next)
{
    wsk__client_link *l = own(link);
    wsk_conn *conn = &link->conn;
    bool failed = conn->failed, waiting = conn->ping_waiting, closing = conn->close_sent;

    *ret_next = wsk__link_now(link);
    if (wsk__loop_is_late(link->stream.loop))
        return;
    wsk_conn_tick(conn, *ret_next, ret_next);
    if (!failed && conn->failed)
        l->timed_out = true;
    if (!closing && conn->close_sent)
        l->by_us = true;
    if (!waiting && conn->ping_waiting)
        ping_sent(l, NULL, 0);
}

/* Programs wait until nothing is queued (wsk_client_queued) before they end. */
static const wsk__link_role client_role = {
    .takes_messages = takes_messages,
    .message = message,
    .event = event,
    .settle = settle,
    .came = came,
    .reads = reads,
    .went = went,
    .tick = tick,
    .sent_may_wait = false,
};

void wsk__client_link_update(wsk__client_link *l)
{
    wsk__link_update(&l->link, &client_role);
}

/* ---------------------------------------------------------------------------------- stream -- */

static uint8_t *on_place(wsk__stream *stream, size_t *ret_n)
{
    return wsk__link_place(wsk__link_of(stream), ret_n);
}

static void on_received(wsk__stream *stream, uint8_t *data, size_t n)
{
    wsk__client_link *l = enter(stream);

    wsk__link_received(&l->link, &client_role, data, n);
    wsk__client_leave(l->client);
}

static size_t on_output(wsk__stream *stream, struct iovec *iov, size_t max)
{
    wsk__client_link *l = enter(stream);
    size_t k = wsk__link_output(&l->link, &client_role, iov, max);

    wsk__client_leave(l->client);
    return k;
}

static void on_sent(wsk__stream *stream, size_t n)
{
    wsk__client_link *l = enter(stream);

    wsk__link_sent(&l->link, &client_role, n);
    wsk__client_leave(l->client);
}

static void on_moved(wsk__stream *stream, size_t n, size_t left)
{
    wsk__link_moved(wsk__link_of(stream), n, left);
}

static void on_expired(wsk__stream *stream)
{
    wsk__client_link *l = enter(stream);
    wsk_client *c = l->client;

    wsk__link_expired(&l->link, &client_role);
    /* A ping is asked for when nothing has come for a while: it is idle, and what it has kept for
     * the next message can be had again. */
    if (!c->freed && c->current == l && l->link.conn.ping_waiting) {
        wsk_conn_trim(&l->link.conn);
        wsk__conn_env_trim(&c->env);
    }
    wsk__client_leave(c);
}

static void on_secured(wsk__stream *stream)
{
    wsk__client_link *l = enter(stream);

    if (!l->link.conn.ended) {
        wsk__client_request(l);
        wsk__client_link_update(l);
    }
    wsk__client_leave(l->client);
}

/* Before the request there is no connection that could tell of it. */
static void lost_early(wsk__client_link *l, const char *text)
{
    wsk_client *c = l->client;
    wsk_fail kind = l->tls_lacked_memory ? WSK_FAIL_INTERNAL
                    : l->tls_failed      ? WSK_FAIL_TLS
                                         : WSK_FAIL_LOST;

    wsk__client_say(c, "%s", text);
    wsk__client_abandon(c);
    wsk__client_failed(c, kind);
}

static void on_lost(wsk__stream *stream, const char *text)
{
    wsk__client_link *l = enter(stream);
    wsk__tls_session *session = wsk__stream_session(stream);

    if (!l->link.conn.ended) {
        l->tls_failed = session != NULL && *wsk__tls_session_why(session) != 0;
        l->tls_lacked_memory = l->tls_failed && wsk__tls_session_lacked_memory(session);
        if (l->begun)
            wsk__link_lost(&l->link, &client_role, text);
        else
            lost_early(l, text);
    }
    wsk__client_leave(l->client);
}

static void on_closed(wsk__stream *stream)
{
    wsk__client_link *l = enter(stream);
    wsk_client *c = l->client;

    c->links--;
    wsk__conn_deinit(&l->link.conn);
    wsk__free(c->hooks, l);
    if (c->links == 0)
        wsk__conn_env_trim(&c->env);
    wsk__client_leave(c);
}

static const wsk__stream_ops link_ops = {
    .place = on_place,
    .received = on_received,
    .output = on_output,
    .sent = on_sent,
    .moved = on_moved,
    .expired = on_expired,
    .secured = on_secured,
    .lost = on_lost,
    .closed = on_closed,
};

int wsk__client_link_new(wsk_client *c, int fd, wsk__tls_session *tls)
{
    wsk__client_link *l = wsk__alloc0(c->hooks, sizeof(*l));
    int r;

    if (l == NULL) {
        wsk__tls_session_free(tls);
        close(fd);
        return WSK_ERR_NOMEM;
    }
    l->client = c;
    wsk__conn_init(&l->link.conn, &c->env, wsk_loop_now(c->loop));
    l->link.conn.reading = true;
    r = wsk__stream_open(&l->link.stream, c->loop, &link_ops, fd, tls);
    if (r < 0) {
        wsk__conn_deinit(&l->link.conn);
        wsk__free(c->hooks, l);
        return r;
    }
    c->current = l;
    c->links++;
    return WSK_OK;
}

/* ------------------------------------------------------------------------------------- API -- */

/* The connection that the program may use, or NULL. */
static wsk__client_link *open_link(const wsk_client *c)
{
    return c->stage == WSK_STAGE_OPEN && c->current != NULL && !c->current->link.conn.ended
               ? c->current
               : NULL;
}

int wsk_client_send(wsk_client *c, wsk_opcode op, const void *data, size_t len, unsigned flags)
{
    wsk__client_link *l = open_link(c);

    if (WSK__UNLIKELY(l == NULL))
        return WSK_ERR_STATE;
    return wsk__link_send(&l->link, &client_role, op, data, len, flags);
}

int wsk_client_send_part(wsk_client *c, wsk_opcode op, const void *data, size_t len, bool last,
                         unsigned flags)
{
    wsk__client_link *l = open_link(c);

    if (l == NULL)
        return WSK_ERR_STATE;
    return wsk__link_changed(&l->link,
                             wsk_conn_send_part(&l->link.conn, op, data, len, last, flags));
}

int wsk_client_ping(wsk_client *c, const void *data, size_t len)
{
    wsk__client_link *l = open_link(c);
    int r;

    if (l == NULL)
        return WSK_ERR_STATE;
    r = wsk_conn_ping(&l->link.conn, data, len);
    if (r == WSK_OK)
        ping_sent(l, data, len);
    return wsk__link_changed(&l->link, r);
}

int wsk_client_pong(wsk_client *c, const void *data, size_t len)
{
    wsk__client_link *l = open_link(c);

    if (l == NULL)
        return WSK_ERR_STATE;
    return wsk__link_changed(&l->link, wsk_conn_pong(&l->link.conn, data, len));
}

int wsk__client_link_close(wsk__client_link *l, unsigned code, const char *reason)
{
    int r;

    if (l->link.conn.ended)
        return WSK_OK;
    r = wsk_conn_close(&l->link.conn, code, reason);
    if (r != WSK_ERR_INVAL)
        l->client->stopped = true;
    return wsk__link_changed(&l->link, r);
}

void wsk__client_link_drop(wsk__client_link *l)
{
    l->client->stopped = true;
    if (!l->link.conn.ended)
        wsk__link_drop(&l->link);
}

void wsk_client_pause(wsk_client *c, bool paused)
{
    wsk__client_link *l = open_link(c);

    if (l == NULL)
        return;
    wsk_conn_pause(&l->link.conn, paused);
    (void)wsk__link_changed(&l->link, 0);
}

size_t wsk_client_queued(const wsk_client *c)
{
    const wsk__client_link *l = open_link(c);

    return l != NULL ? wsk__link_queued(&l->link) : 0;
}
