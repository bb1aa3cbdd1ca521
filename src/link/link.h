/* SPDX-License-Identifier: MIT */
/*
 * What joins a stream and a connection, for both ends: octets that come are fed, events are given,
 * what is queued goes out, deadlines are set, and the stream is ended when the connection is over.
 * Decides nothing about the protocol, and does not know whose the two are: what a server's peer and
 * a client's connection do in ways of their own stands in their wsk__link_role.
 *
 * A handler may do anything, to any link. So events are only ever given from wsk__link_run(), which
 * is never entered twice for one; whatever a call changes from outside of it is put off to the end
 * of the turn (`deferred`, which has the loop ask for output).
 *
 * The flags are those that a connection has room for. A role is a constant of the one file that
 * uses it, where the compiler writes it into these functions: nothing is looked up while octets
 * pass. The two that all others call, to run and to update, are there once for each role, not in
 * each of them.
 */
#ifndef WSK_LINK_LINK_H
#define WSK_LINK_LINK_H

#include "conn/conn_quick.h"
#include "net/stream.h"

/*
 * Octets of messages that a compressed connection is given in one go. Whoever sends 256 KiB, which
 * is one read, may have sent 256 MiB of messages: to inflate them, and to answer, takes seconds in
 * which nobody else would be served. With less than this, messages of 1 MiB would cost a twentieth
 * more. A test that wants to see who has had his share says less.
 */
#ifndef WSK__LINK_SHARE
#define WSK__LINK_SHARE ((size_t)4 * 1024 * 1024)
#endif

/* Embedded in its owner's struct. */
typedef struct wsk__link {
    wsk__stream stream;
    wsk_conn conn;
} wsk__link;

/* All of them are there. */
typedef struct wsk__link_role {
    /* Whether whole messages go to `message`; else they are events like all others. */
    bool (*takes_messages)(const wsk__link *l);
    /* A whole message. False: the link is over (as `event` may have it, by `ended`). */
    bool (*message)(wsk__link *l, wsk_opcode op, uint8_t *data, size_t len);
    void (*event)(wsk__link *l, wsk_event *ev);
    /* What waits elsewhere goes to the queue: something is to come behind it. */
    void (*settle)(wsk__link *l);
    /* n octets came, and are about to be fed. */
    void (*came)(wsk__link *l, const uint8_t *data, size_t n);
    /* Input is no longer read, or is again: paused, choked, a share of a turn used up. */
    void (*reads)(wsk__link *l, bool on);
    /* n octets of the queue went out, and still stand there. */
    void (*went)(wsk__link *l, size_t n);
    /* wsk_conn_tick(), and whatever is to be seen of what it did. */
    void (*tick)(wsk__link *l, uint64_t *ret_next);
    /* Nobody asks how much is queued: `sent` may come late. */
    bool sent_may_wait;
} wsk__link_role;

static inline wsk__link *wsk__link_of(wsk__stream *s)
{
    return WSK__CONTAINER(s, wsk__link, stream);
}

static inline uint64_t wsk__link_now(const wsk__link *l)
{
    return wsk_loop_now(l->stream.loop);
}

/* -------------------------------------------------------------------------------- deadlines -- */

/* Which of its deadlines a connection may have begun; when it changes the timer is set anew. Those
 * that only move to later are looked at when the timer fires. */
static inline uint8_t wsk__link_deadlines(const wsk__link *l)
{
    const wsk_conn *c = &l->conn;

    return (uint8_t)(1 | c->state << 1 | (c->phase == WSK__PHASE_BODY) << 3 |
                     (c->w->queued > 0 || c->undrained) << 4 | c->shutdown << 5 |
                     (c->w->rx_opcode != 0 && c->env->cfg->o.message_timeout != WSK_NEVER) << 6 |
                     (c->paused || c->choked) << 7);
}

/* With TLS what the connection sent may still stand in the stream, as cipher text. */
static inline void wsk__link_look_at_stream(wsk__link *l)
{
    if (l->stream.tls == NULL)
        return;
    bool undrained = !wsk__stream_is_drained(&l->stream);
    if (undrained != l->conn.undrained)
        wsk__conn_set_undrained(&l->conn, undrained, wsk__link_now(l));
}

static inline void wsk__link_tick(wsk__link *l, const wsk__link_role *role, uint64_t *ret_next)
{
    role->settle(l); /* in front of a ping, or of the close frame for idleness */
    role->tick(l, ret_next);
}

static inline void wsk__link_arm(wsk__link *l, const wsk__link_role *role)
{
    uint64_t next;

    wsk__link_tick(l, role, &next);
    l->conn.armed = wsk__link_deadlines(l);
    wsk__stream_set_deadline(&l->stream, next);
}

/* Has the stream do what the connection wants. */
static WSK__UNUSED WSK__NOINLINE void wsk__link_update(wsk__link *l, const wsk__link_role *role)
{
    unsigned wants;

    if (l->conn.ended)
        return;
    wsk__link_look_at_stream(l);
    if (wsk__link_deadlines(l) != l->conn.armed)
        wsk__link_arm(l, role);
    wants = wsk_conn_wants(&l->conn);
    bool reading = (wants & WSK_WANT_READ) != 0 && !l->stream.resume;
    if (reading != l->conn.reading && !(wants & WSK_WANT_DROP)) {
        l->conn.reading = reading;
        role->reads(l, reading);
        wsk__stream_set_reading(&l->stream, reading);
    }
    if (wants & (WSK_WANT_WRITE | WSK_WANT_DROP))
        wsk__stream_want_output(&l->stream);
    if ((wants & WSK_WANT_SHUTDOWN) && !(wants & WSK_WANT_WRITE) && !l->conn.shut) {
        l->conn.shut = true;
        wsk__stream_shutdown(&l->stream);
    }
    wsk__conn_rest(&l->conn);
}

/* ----------------------------------------------------------------------------------- events -- */

/* Whether it has had its share while there is more for it, see WSK__SHARE_US and WSK__LINK_SHARE.
 */
static WSK__UNUSED WSK__NOINLINE bool wsk__link_is_to_rest(wsk__link *l, size_t given)
{
    if (l->conn.ended)
        return false;
    l->conn.env->toll = 0;
    bool over = wsk__stream_share_is_over(&l->stream, given == 0) ||
                (given >= WSK__LINK_SHARE && l->conn.ext != NULL);
    return over && l->conn.state != WSK_STATE_CLOSED && wsk__conn_has_input(&l->conn);
}

/* Gives the events that there are, but no more than a share of them. */
static WSK__UNUSED WSK__NOINLINE void wsk__link_run(wsk__link *l, const wsk__link_role *role)
{
    const bool quick = role->takes_messages(l);
    uint64_t *toll = &l->conn.env->toll;
    bool goes_on = true;
    uint8_t *data;
    wsk_opcode op;
    wsk_event ev;
    size_t len, n, given = 0;

    if (l->conn.running || l->conn.ended || (l->stream.resume && !l->conn.lost))
        return;
    l->conn.running = true;
    l->conn.deferred = false;
    do {
        for (n = 0; quick && goes_on && n < WSK__TOLL_MAX / WSK__TOLL_EVENT &&
                    wsk__quick_next(&l->conn, &op, &data, &len);
             n++)
            goes_on = role->message(l, op, data, len);
        if (!goes_on || wsk_conn_next(&l->conn, &ev) < 0)
            break;
        *toll += (n + 1) * WSK__TOLL_EVENT + ev.len / WSK__TOLL_DECODED;
        if (ev.type == WSK_EV_NONE && *toll < WSK__TOLL_MAX)
            break;
        given += ev.len;
        if (ev.type != WSK_EV_NONE)
            role->event(l, &ev);
        if (WSK__UNLIKELY(*toll >= WSK__TOLL_MAX || given >= WSK__LINK_SHARE) &&
            wsk__link_is_to_rest(l, given)) {
            /* Others first: what is left is taken up in the next turn, and nothing is read before.
             */
            wsk__stream_resume(&l->stream);
            break;
        }
        /* Who paused before it was open hears that it is. */
    } while (!l->conn.ended &&
             (!l->conn.paused || l->conn.state != WSK_STATE_OPEN || l->conn.open_pending));
    l->conn.running = false;
    /* The last message was seen. Many that rest, or are paused at one, must not hold one each. */
    if (WSK__UNLIKELY(l->conn.w->rx_done))
        wsk__receive_reset(&l->conn);
}

/* Something was changed from outside: its consequences come before the turn ends. */
static inline void wsk__link_defer(wsk__link *l)
{
    if (l->conn.ended)
        return;
    l->conn.deferred = true;
    wsk__stream_defer(&l->stream);
}

/* Within wsk__link_run() the loop asks for output anyway; from outside it has to be told. */
static inline int wsk__link_changed(wsk__link *l, int r)
{
    if (!l->conn.ended && (!l->conn.running || l->conn.drop))
        wsk__link_defer(l);
    return r;
}

/* ----------------------------------------------------------------------------------- stream -- */

/* Open, and nothing changes when what is queued is sent, but that it is. */
static inline bool wsk__link_is_calm(const wsk__link *l)
{
    const wsk_conn *c = &l->conn;

    return c->state == WSK_STATE_OPEN && !c->ended && !c->eof && !c->over_high && !c->choked &&
           !c->paused && !c->drop && !c->fail_pending && !c->close_sent && !c->deferred &&
           !l->stream.resume && c->w->late_ping == NULL;
}

/* Octets that the socket has yet to take: with TLS the connection has passed on what may wait as
 * cipher text. */
static inline size_t wsk__link_waiting(const wsk__link *l)
{
    return wsk_conn_queued(&l->conn) +
           (l->conn.lost || l->conn.ended ? 0 : wsk__stream_left(&l->stream));
}

/* Over TLS, of who was above high_water: whether there is room again. */
static inline bool wsk__link_has_room(wsk__link *l)
{
    if (WSK__LIKELY(!l->conn.over_high) || l->stream.tls == NULL)
        return false;
    l->conn.backed_up = wsk__link_waiting(l) >= l->conn.env->cfg->o.low_water;
    return !l->conn.backed_up;
}

/* The stream's `place`. */
static inline uint8_t *wsk__link_place(wsk__link *l, size_t *ret_n)
{
    return l->conn.ended || l->conn.deferred ? NULL : wsk__conn_place(&l->conn, ret_n);
}

/* The stream's `received`, and so on. */
static inline void wsk__link_received(wsk__link *l, const wsk__link_role *role, uint8_t *data,
                                      size_t n)
{
    size_t room;

    if (l->conn.ended)
        return;
    wsk__link_look_at_stream(l);
    role->settle(l); /* in front of the answers */
    if (l->conn.deferred)
        wsk__link_run(l, role); /* what was waiting comes first */
    if (l->conn.ended)
        return;
    role->came(l, data, n);
    int r = wsk_conn_feed(&l->conn, data, n, wsk__link_now(l));
    if (WSK__UNLIKELY(r == WSK_ERR_NOMEM)) {
        /* What came is lost: nothing behind it could be understood. */
        wsk__fail(&l->conn, WSK__RULE_NOMEM);
        wsk__link_run(l, role);
        wsk__link_update(l, role);
    }
    if (r < 0)
        return;
    if (l->conn.w->queued == 0 && n > 0) {
        void *scratch = wsk__loop_scratch(l->stream.loop, &room);
        if (scratch != NULL)
            wsk_conn_lend_output(&l->conn, scratch, room);
    }
    wsk__link_run(l, role);
    if (l->conn.ended)
        return;
    (void)wsk__conn_unlend_input(&l->conn);
    if (l->conn.w->queued == 0)
        (void)wsk__conn_unlend_output(&l->conn); /* nothing in it: `sent` will not come */
    if (l->conn.fail_pending || l->conn.drop)
        wsk__link_run(l, role);
    /* Right behind the `sent` that is to follow there is less to do, mostly nothing. */
    if (l->conn.w->queued > 0 && wsk__link_is_calm(l) && wsk__stream_asks(&l->stream))
        return;
    wsk__link_update(l, role);
}

static inline size_t wsk__link_output(wsk__link *l, const wsk__link_role *role, struct iovec *iov,
                                      size_t max)
{
    wsk__link_look_at_stream(l);
    if (l->conn.deferred ||
        ((l->conn.drop || l->conn.eof || wsk__link_has_room(l)) && !l->conn.ended)) {
        wsk__link_run(l, role);
        wsk__link_update(l, role);
    }
    if (l->conn.ended)
        return 0;
    size_t k = wsk_conn_output(&l->conn, iov, max);
    if (k > 0) {
        /* What of the loop's room is not used by now serves others. */
        l->conn.w->lent_cap = l->conn.w->lent_len;
        if (k < max && role->sent_may_wait && wsk__link_is_calm(l))
            wsk__stream_can_wait(&l->stream);
        else if (k < max && l->conn.shutdown && !l->conn.shut)
            wsk__stream_is_last(&l->stream);
    }
    return k;
}

static inline void wsk__link_sent(wsk__link *l, const wsk__link_role *role, size_t n)
{
    if (l->conn.ended)
        return;
    role->went(l, n);
    /* With TLS it has yet to get to the socket: wsk__link_moved(). */
    if (l->stream.tls != NULL)
        wsk__conn_taken(&l->conn, n, wsk__link_now(l));
    else
        wsk_conn_sent(&l->conn, n, wsk__link_now(l));
    (void)wsk__conn_unlend_output(&l->conn);
    (void)wsk__link_has_room(l);
    /* Below the mark again, or the last octet before the end is out. Not from within a handler
     * that flushes: then wsk__link_run() is under way and sees it itself. */
    if (!l->conn.running && (l->conn.over_high || l->conn.eof || l->conn.fail_pending))
        wsk__link_run(l, role);
    wsk__link_update(l, role);
}

/* The stream's `moved`: a deadline is put off, no more. */
static inline void wsk__link_moved(wsk__link *l, size_t n, size_t left)
{
    if (!l->conn.ended)
        wsk__conn_moved(&l->conn, n, left, wsk__link_now(l));
}

static inline void wsk__link_expired(wsk__link *l, const wsk__link_role *role)
{
    uint64_t next;

    if (l->conn.ended)
        return;
    wsk__link_look_at_stream(l);
    wsk__link_tick(l, role, &next);
    l->conn.deferred = false;
    wsk__link_run(l, role);
    if (l->conn.ended)
        return;
    wsk__link_arm(l, role);
    wsk__link_update(l, role);
}

/* The transport is over. What TLS itself had to say is no matter. */
static inline void wsk__link_over(wsk__link *l, const char *text)
{
    wsk__conn_set_undrained(&l->conn, wsk__stream_left(&l->stream) > 0, wsk__link_now(l));
    wsk_conn_lost(&l->conn, text);
}

/* The same, of our own will: what came is not wanted any more. */
static inline void wsk__link_cut(wsk__link *l, const char *text)
{
    wsk__link_over(l, text);
    if (!l->conn.end_given)
        wsk__ignore_input(&l->conn);
}

static inline void wsk__link_lost(wsk__link *l, const wsk__link_role *role, const char *text)
{
    if (l->conn.ended)
        return;
    wsk__link_over(l, text);
    if (!l->conn.running)
        wsk__link_run(l, role);
    else
        wsk__link_defer(l);
}

/* ------------------------------------------------------------------------------------ calls -- */

static inline int wsk__link_send(wsk__link *l, const wsk__link_role *role, wsk_opcode op,
                                 const void *data, size_t len, unsigned flags)
{
    int r;

    role->settle(l);
    if (wsk__quick_send(&l->conn, op, data, len, flags))
        return WSK_OK; /* within `received`, so that it is asked for */
    if (WSK__UNLIKELY(l->conn.ended))
        return WSK_ERR_STATE;
    r = wsk__conn_send_borrowed(&l->conn, op, data, len, flags);
    if (l->conn.w->borrowed) {
        /* As much as the socket takes goes out from where it stands; the rest is copied. */
        const bool running = l->conn.running;

        l->conn.running = true; /* no handler is called from within this one */
        wsk__stream_flush(&l->stream);
        l->conn.running = running;
        if (!l->conn.ended && wsk__conn_settle(&l->conn) < 0)
            r = WSK_ERR_NOMEM;
    }
    if (WSK__LIKELY(l->conn.running && !l->conn.drop))
        return r;
    if (!l->conn.ended) {
        if (l->conn.drop || l->conn.fail_pending || (l->conn.over_high && !l->conn.choked))
            wsk__link_defer(l);
        else
            wsk__link_update(l, role);
    }
    return r;
}

/*
 * As the program asks for it. When that is more than high_water it may stop sending, and has to
 * hear of it when it is less than low_water; but the connection, of whose queue a part went on as
 * cipher text, may never have been above the mark itself.
 * Const for who asks, as all questions are: what is noted is no more than that they asked.
 */
static inline size_t wsk__link_queued(const wsk__link *const_l)
{
    wsk__link *l = (wsk__link *)(uintptr_t)const_l;
    const size_t n = wsk__link_waiting(l);

    if (l->stream.tls != NULL && n > l->conn.env->cfg->o.high_water && !l->conn.over_high &&
        !l->conn.lost && !l->conn.ended) {
        l->conn.over_high = l->conn.backed_up = true;
        wsk__stream_want_output(&l->stream); /* where it is seen that it is less */
    }
    return n;
}

/* The two are over, with a word to the program at the end of the turn. */
static inline void wsk__link_drop(wsk__link *l)
{
    wsk__link_cut(l, "dropped by the program");
    wsk__link_defer(l);
}

#endif
