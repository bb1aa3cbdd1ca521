/* SPDX-License-Identifier: MIT */
/*
 * Messages that are framed once and sent to many. What comes to a peer that rests in one turn of
 * the loop goes out together when the turn ends: one system call for a peer instead of one for each
 * message, from memory that all share, and nothing is kept for a peer but where its part begins.
 *
 * A run is what was sent in this turn, one message behind the other; a follower is a peer for which
 * messages of a run wait, always some that stand next to each other. Whatever else is to be sent to
 * a peer has its messages go to its queue first (`follows`), so that all arrives in order. Peers
 * are usually gone through in the same order again and again, so that a follower is found where the
 * one before it stood.
 */
#include <string.h>

#include "server/server_internal.h"

/* Followers that are looked through for one; if it is not there, all go out. */
#define MOST_LOOKED_AT 4096

/* ----------------------------------------------------------------------------- followers -- */

static bool is_packed(const wsk_server *s, const wsk__broadcast_run *run)
{
    return run == &s->runs[1];
}

/* That which p follows. */
static wsk__broadcast_run *run_of(const wsk_peer *p)
{
    return &wsk__peer_server(p)->runs[p->link.conn.follows - 1];
}

static bool stands_at(const wsk__broadcast_run *run, size_t i, const wsk_peer *p)
{
    return i < run->n_followers && run->followers[i].peer == p;
}

static wsk__follower *look_for(wsk__broadcast_run *run, const wsk_peer *p)
{
    size_t n = run->n_followers;

    if (stands_at(run, run->at, p))
        return &run->followers[run->at++];
    if (run->at > 0 && stands_at(run, run->at - 1, p))
        return &run->followers[run->at - 1];
    /* From where the one before it stood: who has settled has left a gap. */
    for (size_t k = 0; k < n && k < MOST_LOOKED_AT; k++) {
        size_t i = run->at + k < n ? run->at + k : run->at + k - n;

        if (run->followers[i].peer == p) {
            run->at = i + 1;
            return &run->followers[i];
        }
    }
    return NULL;
}

static bool add_follower(wsk_server *s, wsk__broadcast_run *run, wsk_peer *p, size_t first)
{
    if (run->n_followers == run->cap) {
        size_t cap = run->cap > 0 ? run->cap * 2 : 64;
        wsk__follower *more = wsk__realloc(s->hooks, run->followers, cap * sizeof(*more));

        if (more == NULL)
            return false;
        run->followers = more;
        run->cap = cap;
    }
    run->followers[run->n_followers++] = (wsk__follower){
        .peer = p, .first = (uint16_t)first, .n = 1};
    run->at = run->n_followers;
    p->link.conn.follows = is_packed(s, run) ? 2 : 1;
    return true;
}

/* ------------------------------------------------------------------------------- messages -- */

/* Where m stands in the run, which had room made for it; n: nowhere yet. */
static size_t position_of(const wsk__broadcast_run *run, const wsk__shared *m)
{
    for (size_t i = run->n; i > 0; i--) {
        if (run->messages[i - 1] == m)
            return i - 1;
    }
    return run->n;
}

static void add_message(wsk_server *s, wsk__broadcast_run *run, wsk__shared *m)
{
    wsk__loop_at_end(s->loop, &s->turn_end);
    run->messages[run->n++] = wsk__shared_ref(m);
    run->offset[run->n] = run->offset[run->n - 1] + m->len;
    run->at = 0;
}

static void queue(const wsk__broadcast_run *run, wsk_peer *p, size_t first, size_t n)
{
    bool packed = is_packed(wsk__peer_server(p), run);

    for (size_t i = first; i < first + n; i++) {
        int r = wsk__shared_queue(&p->link.conn, run->messages[i], packed);

        /* It was promised to the program; nothing may come behind the hole. */
        if (r == WSK_ERR_NOMEM)
            wsk__fail_silently(&p->link.conn, wsk__rule_text(WSK__RULE_NOMEM));
        if (r < 0)
            break;
    }
    if (p->link.conn.drop || p->link.conn.fail_pending)
        wsk__link_defer(&p->link);
    else if (!p->link.conn.running)
        wsk__peer_update(p);
}

void wsk__run_put_back(wsk_peer *p, const uint8_t *rest, size_t n, wsk__shared *frames)
{
    if (wsk__shared_put_back(&p->link.conn, rest, n, frames) < 0)
        wsk__link_defer(&p->link);
    else
        wsk__peer_update(p);
}

/* To a peer that rests, past its queue: nothing is kept for it but that the octets are on their
 * way. False: that cannot be. */
static bool send_shared(wsk_peer *p, wsk__shared *frames, const uint8_t *at, size_t len,
                        size_t messages)
{
    bool later;
    size_t n = wsk__stream_send_shared(&p->link.stream, at, len, frames, &later);

    if (n == 0 && !later)
        return false;
    wsk__prepared_taken(&p->link.conn, messages, len);
    if (later)
        wsk__shared_ref(frames);
    else if (n < len)
        wsk__run_put_back(p, at + n, len - n, frames);
    return true;
}

static bool rests(const wsk_peer *p)
{
    return !p->link.conn.ended && !p->link.conn.deferred && wsk__shared_direct(&p->link.conn);
}

/* ----------------------------------------------------------------------------------- runs -- */

static void flush(wsk_server *s, wsk__broadcast_run *run)
{
    wsk__shared *frames = NULL;

    if (run->n == 1)
        frames = wsk__shared_ref(run->messages[0]);
    else if (run->n > 1)
        frames = wsk__shared_join(run->messages, run->n);
    for (size_t i = 0; i < run->n_followers; i++) {
        const wsk__follower *f = &run->followers[i];
        wsk_peer *p = f->peer;
        size_t first = f->first, n = f->n, from = run->offset[first];

        if (n == 0)
            continue;
        p->link.conn.follows = 0;
        if (p->link.conn.ended)
            continue;
        if (frames == NULL || !rests(p) ||
            !send_shared(p, frames, frames->data + from, run->offset[first + n] - from, n))
            queue(run, p, first, n);
    }
    wsk__shared_unref(frames);
    for (size_t i = 0; i < run->n; i++)
        wsk__shared_unref(run->messages[i]);
    /* What one large broadcast needed is not kept for small ones. */
    if (run->cap > 1024 && run->n_followers < run->cap / 8) {
        wsk__free(s->hooks, run->followers);
        run->followers = NULL;
        run->cap = 0;
    }
    run->n = run->n_followers = run->at = 0;
}

void wsk__run_flush(wsk_server *s)
{
    for (size_t i = 0; i < WSK__COUNT(s->runs); i++) {
        if (s->runs[i].n > 0)
            flush(s, &s->runs[i]);
    }
}

/* To whom something is still to go. */
static size_t count_live(const wsk__broadcast_run *run)
{
    size_t n = 0;

    for (size_t i = 0; i < run->n_followers; i++)
        n += run->followers[i].n > 0;
    return n;
}

static void at_turn_end(wsk__turn_end *t)
{
    wsk_server *s = WSK__CONTAINER(t, wsk_server, turn_end);

    /* This calls handlers of others. Should one free the server, it stays as long as it has peers:
     * so room is made only if there is one for whom it is. */
    wsk__loop_clear(s->loop, count_live(&s->runs[0]) + count_live(&s->runs[1]));
    wsk__run_flush(s);
}

void wsk__run_init(wsk_server *s)
{
    s->turn_end.run = at_turn_end;
}

void wsk__run_deinit(wsk_server *s)
{
    wsk__run_flush(s);
    wsk__loop_forget_end(s->loop, &s->turn_end);
    for (size_t i = 0; i < WSK__COUNT(s->runs); i++)
        wsk__free(s->hooks, s->runs[i].followers);
}

void wsk__run_settle(wsk_peer *p)
{
    wsk__broadcast_run *run = run_of(p);
    wsk__follower *f = look_for(run, p);

    if (f == NULL) {
        wsk__run_flush(wsk__peer_server(p));
        return;
    }
    size_t n = f->n;
    f->n = 0;
    f->peer = NULL;
    p->link.conn.follows = 0;
    if (!p->link.conn.ended)
        queue(run, p, f->first, n);
}

size_t wsk__run_waiting(const wsk_peer *p)
{
    size_t most = wsk__peer_server(p)->cfg->o.high_water;

    if (p->link.conn.follows == 0)
        return 0;
    wsk__broadcast_run *run = run_of(p);
    const wsk__follower *f = look_for(run, p);
    if (f != NULL)
        return run->offset[f->first + f->n] - run->offset[f->first];
    /* Among too many to be looked for: no more than this waits. */
    return run->offset[run->n] < most ? run->offset[run->n] : most;
}

/* Has m wait for the end of the turn; false: it has to be sent now, behind what waits. */
static bool follow(wsk_peer *p, wsk_prepared *m)
{
    wsk_server *s = wsk__peer_server(p);
    wsk__shared *frame;
    bool packed;

    if (p->link.stream.tls != NULL || p->link.conn.ended || p->link.conn.deferred)
        return false;
    frame = wsk__prepared_direct(&p->link.conn, m, &packed);
    if (frame == NULL || frame->len > WSK__RUN_MESSAGE || frame->len > s->cfg->o.high_water)
        return false;
    wsk__broadcast_run *run = &s->runs[packed];
    if (p->link.conn.follows != 0 && run != run_of(p))
        return false;
    size_t at = position_of(run, frame);
    if (at == run->n) {
        if (run->n == WSK__RUN_MESSAGES || run->offset[run->n] + frame->len > WSK__RUN_OCTETS) {
            wsk__run_flush(s);
            at = 0;
            if (!rests(p))
                return false;
        }
        add_message(s, run, frame);
    }
    if (p->link.conn.follows == 0)
        return add_follower(s, run, p, at);
    wsk__follower *f = look_for(run, p);
    /* Beyond high_water it goes to the queue, which refuses what is too much, and has the program
     * told when it is below the mark again. */
    if (f == NULL || (size_t)f->first + f->n != at ||
        run->offset[at + 1] - run->offset[f->first] > s->cfg->o.high_water)
        return false;
    f->n++;
    return true;
}

int wsk__run_send(wsk_peer *p, wsk_prepared *m)
{
    bool packed;

    if (WSK__LIKELY(follow(p, m)))
        return WSK_OK;
    if (p->link.conn.follows)
        wsk__run_settle(p);
    if (!p->link.conn.ended && !p->link.conn.deferred) {
        wsk__shared *frame = wsk__prepared_direct(&p->link.conn, m, &packed);

        if (frame != NULL && send_shared(p, frame, frame->data, frame->len, 1))
            return WSK_OK;
    }
    int r = wsk_conn_send_prepared(&p->link.conn, m);

    if (!p->link.conn.running && !p->link.conn.ended)
        wsk__peer_update(p);
    return r;
}
