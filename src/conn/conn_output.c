/* SPDX-License-Identifier: MIT */
/*
 * The output queue of a connection: octets in the order in which they must go out. Knows no
 * frames. First what stands in room that the shell has lent (a turn's short answers, without any
 * allocation), then chunks: octets of our own, octets that many connections share, octets of the
 * caller for as long as he promised.
 */
#include <assert.h>
#include <string.h>
#include <sys/uio.h>

#include "conn/conn_internal.h"

/* Small frames behind each other share chunks, of this size at last when output backs up. */
#define CHUNK_ROOM (4096 - sizeof(wsk__chunk))
/* What others share is copied up to here where that saves memory. */
#define COPY_MAX 1024

void wsk_conn_lend_output(wsk_conn *c, void *buf, size_t n)
{
    if (wsk__work_take(c) < 0)
        return; /* chunks will not be had either, and say so */
    if (c->w->lent_out != NULL || c->w->out_head != NULL)
        return; /* what is queued goes first; a loan behind it would be out of order */
    c->w->lent_out = buf;
    c->w->lent_off = c->w->lent_len = 0;
    c->w->lent_cap = n > UINT32_MAX ? UINT32_MAX : (uint32_t)n;
}

static wsk__chunk *add_chunk(wsk_conn *c, size_t room)
{
    wsk__chunk *k;

    if (wsk__work_take(c) < 0)
        return NULL;
    k = wsk__alloc(c->env->cfg->hooks, sizeof(*k) + room);
    if (k == NULL)
        return NULL;
    c->w->lent_cap = c->w->lent_len; /* nothing may be added in front of it */
    k->next = NULL;
    k->ptr = k->data;
    k->len = 0;
    k->room = room;
    k->shared = NULL;
    k->kind = WSK__CHUNK_OWN;
    if (c->w->out_tail != NULL)
        c->w->out_tail->next = k;
    else
        c->w->out_head = k;
    c->w->out_tail = k;
    c->w->spent += sizeof(*k) + room;
    return k;
}

/*
 * The room of a new chunk behind k (NULL: none), for n octets and what may follow them. It grows
 * with what our own octets have filled: many small frames shall not be an allocation each, nor one
 * between two that others share hold a page. Behind a short one that others share there is room for
 * another one, too: a copy takes less than a chunk for each of the two. Frames of which hardly more
 * than two would fit have one to themselves, or half of it would be empty as often as not.
 */
static size_t room_behind(const wsk__chunk *k, size_t n)
{
    size_t least = 256;

    if (n > CHUNK_ROOM / 3)
        return n;
    if (k != NULL && k->kind == WSK__CHUNK_OWN) {
        size_t room = (size_t)(k->ptr - k->data) + k->len + k->room;

        if (room <= CHUNK_ROOM)
            least = room < 64 ? 64 : room < CHUNK_ROOM / 4 ? room * 4 : CHUNK_ROOM;
    } else if (k != NULL) {
        least = k->len <= COPY_MAX ? n + k->len : 64;
    }
    return n > least ? n : least;
}

bool wsk__output_has_room(const wsk_conn *c, size_t n)
{
    const wsk__chunk *k = c->w->out_tail;

    return k != NULL && k->kind == WSK__CHUNK_OWN && k->room >= n;
}

uint8_t *wsk__output_reserve(wsk_conn *c, size_t n)
{
    wsk__chunk *k = c->w->out_tail;

    if (k == NULL && c->w->lent_out != NULL && c->w->lent_cap - c->w->lent_len >= n)
        return c->w->lent_out + c->w->lent_len;
    if (k == NULL || k->kind != WSK__CHUNK_OWN || k->room < n) {
        k = add_chunk(c, room_behind(k, n));
        if (k == NULL)
            return NULL;
    }
    return (uint8_t *)(uintptr_t)k->ptr + k->len;
}

/*
 * The queue is over high_water, by n octets more: the peer is not read from until it takes some of
 * it. Of a client that holds for what it answers alone. What it says by itself is its program's own
 * doing; and a server that answers in order takes no more of it before its answers are read, so
 * that both would wait for each other.
 */
static WSK__COLD void choke(wsk_conn *c, size_t n)
{
    c->over_high = true;
    if (!wsk__is_server(c)) {
        if (c->w->pass > 0 || c->w->rx_done)
            c->w->answered += n;
        if (c->w->answered <= c->env->cfg->o.high_water)
            return;
    }
    if (!c->choked && !c->paused)
        wsk__stop_listening(c);
    c->choked = true;
}

/* n octets more are queued. */
static void count_queued(wsk_conn *c, size_t n)
{
    c->w->queued += n;
    if (wsk__output_level(c->w) > c->env->cfg->o.high_water)
        choke(c, n);
}

void wsk__output_commit(wsk_conn *c, size_t n)
{
    wsk__chunk *k = c->w->out_tail;

    if (c->w->queued == 0)
        wsk__begin_output(c);
    if (k != NULL) {
        k->len += n;
        k->room -= n;
        c->w->spent -= n;
    } else {
        c->w->lent_len += (uint32_t)n;
    }
    count_queued(c, n);
}

int wsk__output_add(wsk_conn *c, const void *p, size_t n)
{
    uint8_t *to = wsk__output_reserve(c, n);

    if (to == NULL)
        return WSK_ERR_NOMEM;
    memcpy(to, p, n);
    wsk__output_commit(c, n);
    return WSK_OK;
}

/* What a chunk takes beyond the octets that are queued in it or were sent from it. */
static size_t spent_on(const wsk__chunk *k)
{
    return sizeof(*k) + k->room + (k->shared != NULL ? sizeof(*k->shared) : 0);
}

int wsk__output_add_ref(wsk_conn *c, const uint8_t *p, size_t n, wsk__shared *shared)
{
    wsk__chunk *k = add_chunk(c, 0);

    if (k == NULL)
        return WSK_ERR_NOMEM;
    k->ptr = p;
    k->len = n;
    k->kind = shared != NULL ? WSK__CHUNK_SHARED : WSK__CHUNK_BORROWED;
    if (shared != NULL) {
        k->shared = wsk__shared_ref(shared);
        c->w->spent += sizeof(*shared);
    } else {
        c->w->borrowed = true;
    }
    if (c->w->queued == 0)
        wsk__begin_output(c);
    count_queued(c, n);
    return WSK_OK;
}

static void push_front(wsk_conn *c, wsk__chunk *k)
{
    c->w->spent += spent_on(k);
    k->next = c->w->out_head;
    c->w->out_head = k;
    if (c->w->out_tail == NULL)
        c->w->out_tail = k;
}

int wsk__output_put_front(wsk_conn *c, const uint8_t *p, size_t n, wsk__shared *shared)
{
    wsk__chunk *k;

    WSK_TRY(wsk__work_take(c));
    WSK_TRY(wsk__conn_unlend_output(c));
    k = wsk__alloc(c->env->cfg->hooks, sizeof(*k));
    if (k == NULL)
        return WSK_ERR_NOMEM;
    *k = (wsk__chunk){.ptr = p, .len = n, .kind = WSK__CHUNK_SHARED};
    k->shared = wsk__shared_ref(shared);
    push_front(c, k);
    wsk__begin_output(c);
    if (c->w->pongs > 0)
        c->w->pongs_end += n;
    if (c->w->ping_end > 0)
        c->w->ping_end += n;
    count_queued(c, n);
    return WSK_OK;
}

static void free_head(wsk_conn *c)
{
    wsk__chunk *k = c->w->out_head;

    c->w->out_head = k->next;
    if (c->w->out_head == NULL)
        c->w->out_tail = NULL;
    c->w->spent -= spent_on(k);
    wsk__shared_unref(k->shared);
    wsk__free(c->env->cfg->hooks, k);
}

void wsk__output_clear(wsk_conn *c)
{
    if (c->w == &wsk__no_work)
        return;
    while (c->w->out_head != NULL)
        free_head(c);
    c->w->lent_len = c->w->lent_off = c->w->lent_cap = 0;
    c->w->lent_out = NULL;
    c->w->queued = c->w->pongs_end = c->w->ping_end = 0;
    c->w->borrowed = false;
}

size_t wsk_conn_output(wsk_conn *c, struct iovec *iov, size_t max)
{
    size_t n = 0;

    if (c->lost || c->drop)
        return 0;
    if (c->w->lent_len > c->w->lent_off && n < max) {
        iov[n].iov_base = c->w->lent_out + c->w->lent_off;
        iov[n++].iov_len = c->w->lent_len - c->w->lent_off;
    }
    for (const wsk__chunk *k = c->w->out_head; k != NULL && n < max; k = k->next) {
        iov[n].iov_base = (void *)(uintptr_t)k->ptr;
        iov[n++].iov_len = k->len;
    }
    return n;
}

int wsk__output_pong(wsk_conn *c, const uint8_t *p, size_t n)
{
    WSK_TRY(wsk__send_control(c, WSK_OP_PONG, p, n));
    c->w->pongs++;
    c->w->pongs_end = c->w->queued;
    return WSK_OK;
}

/* No pong waits any more: they may be queued again, the answer to the latest ping that had to wait
 * first. What stands behind them does not matter: a queue may never get empty. */
static void pongs_are_out(wsk_conn *c)
{
    c->w->pongs = 0;
    if (c->w->late_ping != NULL) {
        uint8_t *late = c->w->late_ping;
        c->w->late_ping = NULL;
        /* Nothing may follow a close frame (RFC 6455 5.5.1). */
        if (!c->close_sent && wsk__output_pong(c, late + 1, late[0]) < 0)
            wsk__fail(c, WSK__RULE_NOMEM);
        wsk__free(c->env->cfg->hooks, late);
    }
}

/*
 * n of the octets that waited were taken, of which there were `all`. t_out moves on by the time
 * that they are worth at the pace of queue_timeout, and no further than to now: whoever takes an
 * octet now and then falls behind, and write_timeout after it ends him. Without this 16 MiB could
 * be held for the price of an octet in half a minute.
 */
static void note_progress(wsk_conn *c, size_t n, size_t all)
{
    uint32_t pace = c->env->cfg->o.queue_timeout, behind = wsk__since(c, c->w->t_out);

    if (n < all && pace != WSK_NEVER) {
        uint64_t worth = (uint64_t)n * pace / all;
        if (worth < behind) {
            c->w->t_out += (uint32_t)worth;
            return;
        }
    }
    c->w->t_out = c->env->t_now;
}

/* n octets of the queue went out, in which our ping stands: time to answer it begins behind it. */
static void ping_moved(wsk_conn *c, size_t n)
{
    c->w->ping_end -= n < c->w->ping_end ? n : c->w->ping_end;
    if (c->w->ping_end == 0 && c->ping_waiting)
        c->t_in = c->env->t_now;
}

/* n of the queued octets are not ours any more; `moved`: nor on their way. */
static void take_out(wsk_conn *c, size_t n, uint64_t now, bool moved)
{
    wsk__tell_time(c, now);
    if (c->lost || c->drop)
        return; /* the queue is forgotten, and only freed with the connection */
    if (n > c->w->queued)
        n = c->w->queued;
    if (n == 0)
        return;
    if (moved)
        note_progress(c, n, c->w->queued);
    c->octets_out += n;
    c->w->queued -= n;
    c->w->pongs_end -= n < c->w->pongs_end ? n : c->w->pongs_end;
    if (WSK__UNLIKELY(c->w->ping_end > 0))
        ping_moved(c, n);
    if (c->w->lent_len > c->w->lent_off) {
        uint32_t part = c->w->lent_len - c->w->lent_off;
        if (part > n)
            part = (uint32_t)n;
        c->w->lent_off += part;
        n -= part;
        if (c->w->lent_off == c->w->lent_len)
            c->w->lent_off = c->w->lent_len = 0;
    }
    while (n > 0) {
        wsk__chunk *k = c->w->out_head;
        if (n < k->len) {
            k->ptr += n;
            k->len -= n;
            break;
        }
        n -= k->len;
        free_head(c);
    }
    if (WSK__UNLIKELY(c->over_high) && wsk__output_level(c->w) < c->env->cfg->o.low_water) {
        c->w->answered = 0;
        /* It is listened to from now on: what it has said since is yet to be read. */
        if (c->choked && !c->paused)
            wsk__listen_again(c);
        c->choked = false;
        wsk__tell_time(c, now);
    }
    assert(c->w->queued > 0 || (c->w->out_head == NULL && c->w->spent == 0));
    if (c->w->pongs > 0 && c->w->pongs_end == 0)
        pongs_are_out(c);
}

void wsk_conn_sent(wsk_conn *c, size_t n, uint64_t now)
{
    take_out(c, n, now, true);
}

void wsk__conn_taken(wsk_conn *c, size_t n, uint64_t now)
{
    take_out(c, n, now, false);
}

void wsk__conn_moved(wsk_conn *c, size_t n, size_t left, uint64_t now)
{
    wsk__tell_time(c, now);
    if (c->w != &wsk__no_work && !c->lost && !c->drop)
        note_progress(c, n, n + left + c->w->queued);
}

size_t wsk_conn_queued(const wsk_conn *c)
{
    return c->w->queued;
}

/* Puts a copy of n octets at the very front of the queue. */
static int copy_to_front(wsk_conn *c, const uint8_t *p, size_t n)
{
    wsk__chunk *k = wsk__alloc(c->env->cfg->hooks, sizeof(*k) + n);

    if (k == NULL)
        return WSK_ERR_NOMEM;
    memcpy(k->data, p, n);
    k->ptr = k->data;
    k->len = n;
    k->room = 0;
    k->shared = NULL;
    k->kind = WSK__CHUNK_OWN;
    push_front(c, k);
    return WSK_OK;
}

int wsk__conn_unlend_output(wsk_conn *c)
{
    uint32_t n = c->w->lent_len - c->w->lent_off;
    int r = WSK_OK;

    if (c->w->lent_out == NULL)
        return WSK_OK;
    if (n > 0)
        r = copy_to_front(c, c->w->lent_out + c->w->lent_off, n);
    c->w->lent_out = NULL;
    c->w->lent_off = c->w->lent_len = c->w->lent_cap = 0;
    if (r < 0) {
        /* The octets are gone, so nothing behind them may be sent either. */
        c->w->queued = 0;
        wsk__fail_silently(c, wsk__rule_text(WSK__RULE_NOMEM));
    }
    return r;
}

int wsk__conn_settle(wsk_conn *c)
{
    wsk__chunk **at = &c->w->out_head;

    if (!c->w->borrowed)
        return WSK_OK;
    c->w->borrowed = false;
    for (wsk__chunk *k = c->w->out_head; k != NULL; at = &(*at)->next, k = *at) {
        if (k->kind != WSK__CHUNK_BORROWED)
            continue;
        wsk__chunk *own = wsk__alloc(c->env->cfg->hooks, sizeof(*own) + k->len);
        if (own == NULL) {
            c->w->queued = 0;
            wsk__fail_silently(c, wsk__rule_text(WSK__RULE_NOMEM));
            return WSK_ERR_NOMEM;
        }
        memcpy(own->data, k->ptr, k->len);
        own->ptr = own->data;
        own->len = k->len;
        own->room = 0;
        own->shared = NULL;
        own->kind = WSK__CHUNK_OWN;
        own->next = k->next;
        *at = own;
        if (c->w->out_tail == k)
            c->w->out_tail = own;
        wsk__free(c->env->cfg->hooks, k);
    }
    return WSK_OK;
}
