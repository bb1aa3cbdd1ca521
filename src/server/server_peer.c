/* SPDX-License-Identifier: MIT */
/*
 * One client: who may be one, what is counted and logged of it, and the connection's events as
 * calls of the program's handlers. How octets move between its stream and its connection is
 * link.h's; the protocol is the connection's.
 *
 * A peer's memory is freed by the stream's last callback, when nobody holds it any more.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "server/server_internal.h"
#include "util/strs.h"

/* Beyond a limit so many more are accepted to be told 503 or 429; the rest are just closed. */
#define MAX_REFUSING 64
/* A line in the log about those, at most once in so many ms. */
#define UNTOLD_LOG_MS 1000

static const wsk__site *site_of(const wsk_peer *p)
{
    const wsk__site *site = wsk__peer_server(p)->sites;

    if (p->link.stream.mark < WSK__COUNT(wsk__peer_server(p)->adopted))
        return &wsk__peer_server(p)->adopted[p->link.stream.mark];
    while (site->number != p->link.stream.mark)
        site = site->next;
    return site;
}

static const char *name_of(const wsk_peer *p)
{
    return p->about != NULL && p->about->name[0] != 0 ? p->about->name : "peer";
}

/* ------------------------------------------------------------------------------------- log -- */

static bool logs_access(const wsk_server *s)
{
    return s->o.log_access && wsk__log_on(s->hooks, WSK_LOG_INFO);
}

static void log_open(wsk_peer *p)
{
    wsk_server *s = wsk__peer_server(p);
    wsk_str target = wsk_conn_target(&p->link.conn);
    char ext[160];

    if (!logs_access(s))
        return;
    size_t n = wsk_conn_extensions(&p->link.conn, ext, sizeof(ext));
    const char *sub = wsk_conn_subprotocol(&p->link.conn);
    wsk__log(s->hooks, WSK_LOG_INFO, "%s open %.*s%s%s%s%s%s", name_of(p), (int)target.len,
             target.ptr, p->link.stream.tls != NULL ? " TLS" : "", *sub ? " subprotocol " : "", sub,
             n > 0 ? " with " : "", n > 0 ? ext : "");
}

static void log_close(wsk_peer *p, unsigned code, const char *text)
{
    wsk_server *s = wsk__peer_server(p);
    const wsk_conn *c = &p->link.conn;
    const wsk_str said = wsk_conn_close_reason(c);
    double seconds = (uint32_t)((uint32_t)wsk_loop_now(s->loop) - p->link.conn.t_begin) / 1000.0;

    if (!logs_access(s))
        return;
    if (c->was_open)
        wsk__log(
            s->hooks, WSK_LOG_INFO,
            "%s closed %u after %.3f s, messages %llu in %llu out, octets %llu in %llu out: %s%s%s",
            name_of(p), code, seconds, (unsigned long long)c->messages_in,
            (unsigned long long)c->messages_out, (unsigned long long)c->octets_in,
            (unsigned long long)c->octets_out, text, said.len > 0 ? ", who said: " : "", said.ptr);
    else if (c->status != 0)
        wsk__log(s->hooks, WSK_LOG_INFO, "%s answered %u after %.3f s: %s", name_of(p), c->status,
                 seconds, text);
    else
        wsk__log(s->hooks, WSK_LOG_INFO, "%s gone before the handshake after %.3f s: %s",
                 name_of(p), seconds, text);
}

/* -------------------------------------------------------------------------------- requests -- */

static bool path_fits(const wsk_peer *p)
{
    const wsk__site *site = site_of(p);

    if (site->any_path || site->url.target == NULL)
        return true;
    return wsk__str_eq(wsk_conn_path(&p->link.conn), wsk__str(site->url.target));
}

static const struct refusal {
    unsigned status;
    const char *text;
} refusals[] = {
    [WSK__REFUSE_FULL] = {503, "this server is at its limit of connections"},
    [WSK__REFUSE_ADDRESS] = {429, "too many connections from this address"},
    [WSK__REFUSE_HANDSHAKE] = {429, "connections from this address come too fast"},
    [WSK__REFUSE_MEMORY] = {503, "out of memory"},
};

static void refuse_limited(wsk_peer *p)
{
    const struct refusal *r = &refusals[p->link.conn.refuse];

    wsk__refuse(&p->link.conn, r->status, r->text);
}

/* Which hosts are ours; see wsk_server_options.hosts. An address as host, or localhost, cannot be
 * the name of somebody else's page. */
static bool host_fits(const wsk_peer *p)
{
    const wsk_server *s = wsk__peer_server(p);
    const wsk_conn *c = &p->link.conn;
    wsk_str field = wsk_conn_header(c, "Host", 0), host, port;
    bool by_origin = s->cfg->o.origin_policy == WSK_ORIGIN_SAME_HOST &&
                     wsk_conn_header(c, "Origin", 0).ptr != NULL;

    if (s->hosts == NULL && !(site_of(p)->loopback && by_origin))
        return true;
    if (field.ptr == NULL || !wsk__is_host(field, &host, &port))
        return false;
    if (wsk__host_is_address(host) || wsk__str_ieq(host, wsk__str("localhost")))
        return true;
    for (char **name = s->hosts; name != NULL && *name != NULL; name++) {
        if (wsk__str_ieq(host, wsk__str(*name)))
            return true;
    }
    /* A name that an attacker has resolve to 127.0.0.1 can only lead here with our own port in it;
     * a proxy on this machine that passes its own Host has another one. That which we were told to
     * listen at is ours. */
    return s->hosts == NULL &&
           (wsk__port_number(port, p->link.stream.tls != NULL) != site_of(p)->port ||
            wsk__str_ieq(host, wsk__str(site_of(p)->url.host)));
}

/* What the fields alone do not tell WSK_ORIGIN_SAME_HOST. */
static bool origin_fits(const wsk_peer *p)
{
    const wsk_server *s = wsk__peer_server(p);
    wsk_str origin = wsk_conn_header(&p->link.conn, "Origin", 0);

    if (s->cfg->o.origin_policy != WSK_ORIGIN_SAME_HOST || origin.ptr == NULL)
        return true;
    return wsk__origin_fits_listener(origin, wsk_conn_header(&p->link.conn, "Host", 0),
                                     p->link.stream.tls != NULL, site_of(p)->port);
}

static void requested(wsk_peer *p, bool is_upgrade)
{
    wsk_server *s = wsk__peer_server(p);

    if (p->link.conn.refuse != WSK__REFUSE_NO) {
        refuse_limited(p);
    } else if (s->draining) {
        wsk__refuse(&p->link.conn, 503, "this server is shutting down");
    } else if (!host_fits(p)) {
        wsk__refuse(&p->link.conn, 421, "this host is not served here");
    } else if (is_upgrade && !origin_fits(p)) {
        wsk__refuse(&p->link.conn, 403, "this origin may not connect");
    } else if (is_upgrade && !path_fits(p)) {
        wsk__refuse(&p->link.conn, 404, "no WebSocket is served at this path");
    } else if (s->h.on_request != NULL) {
        p->link.conn.seen = true;
        s->h.on_request(p, is_upgrade);
        /* What it did not even try may come later; but whoever failed is not coming back to it. */
        if (p->link.conn.phase == WSK__PHASE_WAIT && p->link.conn.botched)
            wsk__refuse(&p->link.conn, 500, "the server could not answer this request");
    } else if (is_upgrade) {
        (void)!wsk_conn_accept(&p->link.conn, NULL); /* which refuses by itself what it cannot */
    } else if (!path_fits(p)) {
        wsk__refuse(&p->link.conn, 404, "not found");
    } else {
        wsk__refuse(&p->link.conn, 426,
                    "this is a WebSocket: connect to it with a WebSocket client");
    }
}

/* ---------------------------------------------------------------------------------- events -- */

static void ended(wsk_peer *p, unsigned code, const char *text)
{
    wsk_server *s = wsk__peer_server(p);

    if (p->link.conn.ended)
        return;
    p->link.conn.ended = true;
    log_close(p, code, text);
    if (p->link.conn.opened)
        s->stats.open--;
    s->stats.messages_in += p->link.conn.messages_in;
    s->stats.messages_out += p->link.conn.messages_out;
    s->stats.octets_in += p->link.conn.octets_in;
    s->stats.octets_out += p->link.conn.octets_out;
    if (p->link.conn.opened)
        s->stats.closed++;
    p->link.conn.opened = false;
    if (p->link.conn.seen && s->h.on_close != NULL)
        s->h.on_close(p, code, text);
    if (!p->link.conn.seen && s->h.on_refused != NULL)
        s->h.on_refused(p, p->link.conn.status, text);
    wsk__stream_close(&p->link.stream);
}

static wsk__peer_rates *rates_of(wsk_peer *p)
{
    return (wsk__peer_rates *)(p + 1);
}

static void limited(wsk_peer *p, wsk__rule rule)
{
    if (!p->link.conn.was_open || p->link.conn.failed)
        return;
    wsk__peer_server(p)->stats.limited++;
    wsk__fail(&p->link.conn, rule);
}

/* In a turn that takes long its time is behind the clock, which is asked before anyone is refused.
 */
static bool is_within(const wsk_server *s, wsk__bucket *b, const wsk__rate *r, uint64_t n)
{
    const uint64_t heard = wsk__loop_heard(s->loop);

    return wsk__bucket_take(b, r, n, heard, wsk_loop_now(s->loop)) ||
           wsk__bucket_take(b, r, n, heard, wsk__loop_clock(s->loop));
}

/* What it sends from now on waits; or did wait until now. */
static void note_reading(wsk_peer *p, bool on)
{
    const wsk_server *s = wsk__peer_server(p);
    const uint64_t now = wsk_loop_now(s->loop);
    void (*note)(wsk__bucket *, const wsk__rate *, uint64_t) = on ? wsk__bucket_excuse
                                                                  : wsk__bucket_pass;

    if (s->messages.rate != 0)
        note(&rates_of(p)->messages, &s->messages, now);
    if (s->octets.rate != 0)
        note(&rates_of(p)->octets, &s->octets, now);
}

static void reads(wsk__link *l, bool on)
{
    note_reading(wsk__peer_of(l), on);
}

/* Whether another message or control frame is within the rate; else the connection has failed. */
static bool within_rate(wsk_peer *p, const wsk_event *ev)
{
    const wsk_server *s = wsk__peer_server(p);

    if (s->messages.rate == 0 ||
        !(ev->type == WSK_EV_MESSAGE || (ev->type == WSK_EV_DATA && ev->first) ||
          ev->type == WSK_EV_PING || ev->type == WSK_EV_PONG) ||
        is_within(s, &rates_of(p)->messages, &s->messages, 1))
        return true;
    limited(p, WSK__RULE_MESSAGE_RATE);
    return false;
}

static void event(wsk__link *l, wsk_event *ev)
{
    wsk_peer *p = wsk__peer_of(l);
    wsk_server *s = wsk__peer_server(p);
    const wsk_handlers *h = &s->h;

    if (WSK__UNLIKELY(s->rated) && !within_rate(p, ev))
        return;
    switch (ev->type) {
    case WSK_EV_MESSAGE:
        if (h->on_message != NULL)
            h->on_message(p, ev->opcode, ev->data, ev->len);
        break;
    case WSK_EV_DATA:
        if (h->on_data != NULL)
            h->on_data(p, ev->opcode, ev->data, ev->len, ev->first, ev->last);
        break;
    case WSK_EV_REQUEST:
        requested(p, ev->is_upgrade);
        break;
    case WSK_EV_OPEN:
        p->link.conn.opened = p->link.conn.seen = true;
        s->stats.open++;
        s->stats.opened++;
        log_open(p);
        if (h->on_open != NULL)
            h->on_open(p);
        break;
    case WSK_EV_PING:
        if (h->on_ping != NULL)
            h->on_ping(p, ev->data, ev->len);
        break;
    case WSK_EV_PONG:
        if (h->on_pong != NULL)
            h->on_pong(p, ev->data, ev->len);
        break;
    case WSK_EV_WRITABLE:
        if (h->on_writable != NULL)
            h->on_writable(p);
        break;
    case WSK_EV_FAIL:
        /* The program's own answer, which was not taken in time, is no refusal of ours. */
        if (!p->link.conn.was_open && (ev->status == 0 || ev->code == 0))
            s->stats.refused++;
        if (wsk__log_on(s->hooks, WSK_LOG_DEBUG))
            wsk__log(s->hooks, WSK_LOG_DEBUG, "%s failed: %s (%s)", name_of(p), ev->text,
                     wsk__rule_rfc((wsk__rule)p->link.conn.w->fail_rule));
        break;
    case WSK_EV_END:
        ended(p, ev->code, ev->text);
        break;
    case WSK_EV_CLOSE:
    case WSK_EV_NONE:
        break;
    }
}

static bool takes_messages(const wsk__link *l)
{
    const wsk_server *s = wsk__link_server(l);

    return s->h.on_message != NULL && !s->rated;
}

/* A peer is never over within a handler. */
static bool message(wsk__link *l, wsk_opcode op, uint8_t *data, size_t len)
{
    wsk__link_server(l)->h.on_message(wsk__peer_of(l), op, data, len);
    return true;
}

/* Broadcasts that wait for it come first. */
static void settle(wsk__link *l)
{
    if (WSK__UNLIKELY(l->conn.follows))
        wsk__run_settle(wsk__peer_of(l));
}

static void came(wsk__link *l, const uint8_t *data, size_t n)
{
    wsk_server *s = wsk__link_server(l);

    (void)data;
    if (WSK__UNLIKELY(s->octets.rate != 0) &&
        !is_within(s, &rates_of(wsk__peer_of(l))->octets, &s->octets, n))
        limited(wsk__peer_of(l), WSK__RULE_OCTET_RATE);
}

static void went(wsk__link *l, size_t n)
{
    (void)l;
    (void)n;
}

static void tick(wsk__link *l, uint64_t *ret_next)
{
    *ret_next = wsk__link_now(l);
    if (!wsk__loop_is_late(l->stream.loop))
        wsk_conn_tick(&l->conn, *ret_next, ret_next);
}

static const wsk__link_role peer_role = {
    .takes_messages = takes_messages,
    .message = message,
    .event = event,
    .settle = settle,
    .came = came,
    .reads = reads,
    .went = went,
    .tick = tick,
    .sent_may_wait = true,
};

void wsk__peer_update(wsk_peer *p)
{
    wsk__link_update(&p->link, &peer_role);
}

/* ---------------------------------------------------------------------------------- stream -- */

static void on_received(wsk__stream *stream, uint8_t *data, size_t n)
{
    wsk__link_received(wsk__link_of(stream), &peer_role, data, n);
}

static size_t on_output(wsk__stream *stream, struct iovec *iov, size_t max)
{
    return wsk__link_output(wsk__link_of(stream), &peer_role, iov, max);
}

static void on_sent(wsk__stream *stream, size_t n)
{
    wsk__link_sent(wsk__link_of(stream), &peer_role, n);
}

static void on_moved(wsk__stream *stream, size_t n, size_t left)
{
    wsk__link_moved(wsk__link_of(stream), n, left);
}

bool wsk__peer_shakes(const wsk_peer *p)
{
    const wsk__tls_session *session = wsk__stream_session(&p->link.stream);

    return session != NULL && !wsk__tls_session_is_ready(session);
}

static void on_expired(wsk__stream *stream)
{
    wsk_peer *p = wsk__peer_of(wsk__link_of(stream));
    wsk_server *s = wsk__peer_server(p);
    uint32_t limit = p->link.conn.env->cfg->o.open_timeout;

    if (p->link.conn.ended)
        return;
    /* There is no way to answer yet: without this, whoever stops in the middle of a TLS handshake
     * would stay as long as the answer waits. */
    if (wsk__peer_shakes(p) && limit != WSK_NEVER &&
        (uint32_t)wsk_loop_now(s->loop) - p->link.conn.t_begin >= limit) {
        s->stats.refused++;
        wsk__peer_end(p, "the TLS handshake took too long");
        return;
    }
    wsk__link_expired(&p->link, &peer_role);
}

static void on_secured(wsk__stream *stream)
{
    wsk_peer *p = wsk__peer_of(wsk__link_of(stream));
    wsk_server *s = wsk__peer_server(p);

    if (wsk__log_on(s->hooks, WSK_LOG_DEBUG))
        wsk__log(s->hooks, WSK_LOG_DEBUG, "%s %s %s", name_of(p),
                 wsk__tls_session_version(wsk__stream_session(stream)),
                 wsk__tls_session_cipher(wsk__stream_session(stream)));
}

static void on_lost(wsk__stream *stream, const char *text)
{
    wsk_peer *p = wsk__peer_of(wsk__link_of(stream));
    const wsk__tls_session *session = wsk__stream_session(stream);

    /* TLS has said no; who goes in the midst of it was not refused, nor who has his answer. */
    if (!p->link.conn.ended && !p->link.conn.was_open && !p->link.conn.failed &&
        p->link.conn.status == 0 && session != NULL && *wsk__tls_session_why(session) != 0)
        wsk__peer_server(p)->stats.refused++;
    wsk__link_lost(&p->link, &peer_role, text);
}

static void on_closed(wsk__stream *stream)
{
    wsk_peer *p = wsk__peer_of(wsk__link_of(stream));
    wsk_server *s = wsk__peer_server(p);

    if (p->link.conn.follows)
        wsk__run_flush(s); /* which passes over it */
    *p->prev = p->next;
    if (p->next != NULL)
        p->next->prev = p->prev;
    s->stats.connections--;
    if (p->link.conn.refuse != WSK__REFUSE_NO)
        s->refusing--;
    if (p->link.conn.counted)
        wsk__address_table_remove(s->addresses, p->about->address);
    wsk__conn_deinit(&p->link.conn);
    wsk__free(s->hooks, p->about);
    wsk__free(s->hooks, p);
    if (s->going && s->peers == NULL)
        wsk__server_destroy(s);
}

static void on_shared(wsk__stream *stream, void *token, const uint8_t *rest, size_t n)
{
    wsk_peer *p = wsk__peer_of(wsk__link_of(stream));

    if (n > 0 && !p->link.conn.ended)
        wsk__run_put_back(p, rest, n, token);
    wsk__shared_unref(token);
}

static uint8_t *on_place(wsk__stream *stream, size_t *ret_n)
{
    return wsk__link_place(wsk__link_of(stream), ret_n);
}

static const wsk__stream_ops peer_ops = {
    .place = on_place,
    .received = on_received,
    .output = on_output,
    .sent = on_sent,
    .moved = on_moved,
    .shared = on_shared,
    .expired = on_expired,
    .secured = on_secured,
    .lost = on_lost,
    .closed = on_closed,
};

/* What the server has to know of the address. */
static int learn_about(wsk_peer *p, int fd)
{
    wsk_server *s = wsk__peer_server(p);
    char name[80] = "";
    size_t len = 0;

    p->about = NULL;
    /* Some sockets whose other end is gone no longer know its address: who logs asks for it now. */
    if (logs_access(s) || s->h.on_refused != NULL || wsk__log_on(s->hooks, WSK_LOG_DEBUG))
        len = wsk__peer_name(fd, name, sizeof(name));
    if (len == 0 && s->addresses == NULL)
        return WSK_OK;
    p->about = wsk__alloc0(s->hooks, sizeof(*p->about) + len + 1);
    if (p->about == NULL)
        return WSK_ERR_NOMEM;
    memcpy(p->about->name, name, len);
    return WSK_OK;
}

/* Whether someone beyond a limit may stay to be told so. With TLS that takes a whole handshake,
 * which costs us far more than a client: crowds that want nothing else get it a few times a second.
 */
static bool may_be_told(wsk_server *s, const wsk__site *site)
{
    const uint64_t now = wsk_loop_now(s->loop);

    return s->refusing < MAX_REFUSING &&
           (site->tls == NULL ||
            wsk__bucket_take(&s->tls_refusals, &wsk__tls_refusal_rate, 1, now, now));
}

static void log_untold(const wsk_peer *p, wsk_server *s)
{
    uint64_t now = wsk_loop_now(s->loop);

    if (s->untold++ > 0 && now - s->untold_logged < UNTOLD_LOG_MS)
        return;
    s->untold_logged = now;
    wsk__log(s->hooks, WSK_LOG_INFO,
             "connections closed without an answer, %llu so far, at last that of %s: %s",
             (unsigned long long)s->untold, name_of(p), refusals[p->link.conn.refuse].text);
}

static void look_at_limits(wsk_peer *p, int fd)
{
    wsk_server *s = wsk__peer_server(p);
    uint64_t now = wsk_loop_now(s->loop);
    uint8_t address[16];

    if (s->rated) {
        wsk__bucket_init(&rates_of(p)->messages, &s->messages, now);
        wsk__bucket_init(&rates_of(p)->octets, &s->octets, now);
    }
    if ((s->addresses != NULL || s->handshakes != NULL) && wsk__address_of(fd, address)) {
        if (s->handshakes != NULL &&
            !wsk__rate_table_take(s->handshakes, address, wsk__loop_heard(s->loop), now))
            p->link.conn.refuse = WSK__REFUSE_HANDSHAKE;
        int n = s->addresses != NULL ? wsk__address_table_add(s->addresses, address) : 0;
        p->link.conn.counted = n > 0;
        if (n > 0)
            memcpy(p->about->address, address, sizeof(address));
        /* Who cannot be counted is not let in, or the limit would end where memory does. */
        if (n < 0)
            p->link.conn.refuse = WSK__REFUSE_MEMORY;
        if (n > 0 && (uint32_t)n > s->o.max_connections_per_address)
            p->link.conn.refuse = WSK__REFUSE_ADDRESS;
    }
    if (s->stats.connections - s->refusing >= s->o.max_connections)
        p->link.conn.refuse = WSK__REFUSE_FULL;
    /* Who is only there to be told so takes no place of an address, either. */
    if (p->link.conn.refuse != WSK__REFUSE_NO && p->link.conn.counted) {
        wsk__address_table_remove(s->addresses, p->about->address);
        p->link.conn.counted = false;
    }
}

int wsk__peer_begin(wsk__site *site, int fd)
{
    wsk_server *s = site->server;
    wsk__tls_session *tls = NULL;
    wsk_peer *p = wsk__alloc(s->hooks, sizeof(*p) + (s->rated ? sizeof(wsk__peer_rates) : 0));
    int r = WSK_ERR_NOMEM, err = 0;

    s->stats.accepted++;
    if (p == NULL)
        goto fail;
    wsk__conn_init(&p->link.conn, &s->env, wsk_loop_now(s->loop));
    p->link.conn.t_begin = p->link.conn.t_data;
    p->link.conn.reading = true;
    r = learn_about(p, fd);
    if (r < 0)
        goto fail;
    look_at_limits(p, fd);
    /* Those beyond a limit, whichever it is, are told so; but not any number of them. */
    if (p->link.conn.refuse != WSK__REFUSE_NO) {
        s->stats.limited++;
        if (!may_be_told(s, site)) {
            s->stats.refused++;
            log_untold(p, s);
            r = WSK_ERR_LIMIT;
            goto drop;
        }
    }
    if (site->tls != NULL)
        r = wsk__tls_session_new(&tls, site->tls, NULL, 0);
    if (r < 0)
        goto fail;
    r = wsk__stream_open(&p->link.stream, s->loop, &peer_ops, fd, tls);
    if (r < 0) {
        fd = -1;
        tls = NULL;
        goto fail;
    }
    p->link.stream.mark = site->number;
    p->prev = &s->peers;
    p->next = s->peers;
    if (p->next != NULL)
        p->next->prev = &p->next;
    s->peers = p;
    s->stats.connections++;
    if (p->link.conn.refuse != WSK__REFUSE_NO)
        s->refusing++;
    wsk__peer_update(p);
    return WSK_OK;

fail:
    err = errno;
    s->stats.refused++;
    if (r == WSK_ERR_SYS)
        wsk__log(s->hooks, WSK_LOG_WARN, "a connection was dropped: it cannot be watched (%s)",
                 strerror(err));
    else
        wsk__log(s->hooks, WSK_LOG_WARN, "a connection was dropped: no memory for it");
drop:
    wsk__tls_session_free(tls);
    if (p != NULL) {
        if (p->link.conn.counted)
            wsk__address_table_remove(s->addresses, p->about->address);
        wsk__conn_deinit(&p->link.conn);
        wsk__free(s->hooks, p->about);
        wsk__free(s->hooks, p);
    }
    if (fd >= 0)
        close(fd);
    errno = err;
    return r;
}

void wsk__peer_end(wsk_peer *p, const char *text)
{
    wsk__link_cut(&p->link, text);
    if (p->link.conn.running)
        wsk__link_defer(&p->link);
    else
        ended(p, p->link.conn.code, wsk_conn_end_text(&p->link.conn));
}

/* ------------------------------------------------------------------------------------- API -- */

wsk_server *wsk_peer_server(const wsk_peer *p)
{
    return wsk__peer_server(p);
}

wsk_conn *wsk_peer_conn(const wsk_peer *p)
{
    return (wsk_conn *)(uintptr_t)&p->link.conn;
}

void wsk_peer_set_data(wsk_peer *p, void *data)
{
    p->link.conn.data = data;
}

void *wsk_peer_data(const wsk_peer *p)
{
    return p->link.conn.data;
}

size_t wsk_peer_address(const wsk_peer *p, char *buf, size_t n)
{
    if (p->about == NULL || p->about->name[0] == 0)
        return wsk__peer_name(p->link.stream.fd, buf, n);
    size_t len = strlen(p->about->name);
    if (n > 0) {
        size_t k = len < n - 1 ? len : n - 1;
        memcpy(buf, p->about->name, k);
        buf[k] = 0;
    }
    return len;
}

bool wsk_peer_is_tls(const wsk_peer *p)
{
    return site_of(p)->tls != NULL;
}

size_t wsk_peer_listener(const wsk_peer *p)
{
    size_t i = 0;

    for (const wsk__site *site = wsk__peer_server(p)->sites; site != NULL; site = site->next, i++) {
        if (site->number == p->link.stream.mark)
            return i;
    }
    return SIZE_MAX;
}

static int answered(wsk_peer *p, int r)
{
    if (r < 0)
        p->link.conn.botched = true;
    return wsk__link_changed(&p->link, r);
}

int wsk_peer_accept(wsk_peer *p, const wsk_accept_options *options)
{
    return answered(p, wsk_conn_accept(&p->link.conn, options));
}

int wsk_peer_respond(wsk_peer *p, const wsk_response *response)
{
    return answered(p, wsk_conn_respond(&p->link.conn, response));
}

/* Broadcasts that wait for it come first. */
static wsk_conn *behind_run(wsk_peer *p)
{
    settle(&p->link);
    return &p->link.conn;
}

int wsk_peer_send(wsk_peer *p, wsk_opcode op, const void *data, size_t len, unsigned flags)
{
    return wsk__link_send(&p->link, &peer_role, op, data, len, flags);
}

int wsk_peer_send_part(wsk_peer *p, wsk_opcode op, const void *data, size_t len, bool last,
                       unsigned flags)
{
    return wsk__link_changed(&p->link,
                             wsk_conn_send_part(behind_run(p), op, data, len, last, flags));
}

int wsk_peer_send_prepared(wsk_peer *p, wsk_prepared *m)
{
    return wsk__run_send(p, m);
}

int wsk_peer_ping(wsk_peer *p, const void *data, size_t len)
{
    return wsk__link_changed(&p->link, wsk_conn_ping(behind_run(p), data, len));
}

int wsk_peer_pong(wsk_peer *p, const void *data, size_t len)
{
    return wsk__link_changed(&p->link, wsk_conn_pong(behind_run(p), data, len));
}

int wsk_peer_close(wsk_peer *p, unsigned code, const char *reason)
{
    return wsk__link_changed(&p->link, wsk_conn_close(behind_run(p), code, reason));
}

void wsk_peer_pause(wsk_peer *p, bool paused)
{
    const wsk_conn *c = &p->link.conn;

    /* What came before the pause, and is kept, follows it at once. */
    if (paused != c->paused && !c->choked && wsk__peer_server(p)->rated)
        note_reading(p, !paused);
    wsk_conn_pause(&p->link.conn, paused);
    (void)wsk__link_changed(&p->link, 0);
}

size_t wsk_peer_queued(const wsk_peer *p)
{
    return wsk__link_queued(&p->link) + wsk__run_waiting(p);
}

void wsk_peer_drop(wsk_peer *p)
{
    wsk__link_drop(&p->link);
}
