/* SPDX-License-Identifier: MIT */
/* Sending over io_uring: queueing, and finding out what became of it. loop_uring.c says how it
 * all works. */
#include "net/loop_uring.h"

#include <errno.h>
#include <string.h>

/* Input that had to wait for a send, as had the end that stands behind it, or a receive that could
 * not be armed meanwhile. */
static void look_at_input(wsk__stream *s)
{
    const uint32_t no_receive = WSK__S_ARMED | WSK__S_POLL_ARMED | WSK__S_PAUSED | WSK__S_EOF;
    const uint32_t unread = WSK__S_BULK | WSK__S_READABLE;
    wsk__uring *u = s->loop->io_data;

    if (!(s->state & WSK__S_DEAD) &&
        (wsk__uring_held_of(&u->files[s->fd]) != NULL || (s->state & WSK__S_BROKEN) ||
         !(s->state & no_receive) || (s->state & unread) == unread))
        wsk__loop_dirty(s);
}

static void settle_one(wsk_loop *loop, wsk__uring_send *r)
{
    wsk__stream *s = r->stream;
    size_t n = r->len, total = r->total;
    int err = 0;

    r->stream = NULL;
    if (r->failed) {
        int res = r->res;

        if (loop->sys->result != NULL)
            res = loop->sys->result(WSK__REQUEST_SEND, res);
        n = res > 0 ? (size_t)res : 0;
        /* Whatever interrupted it, the socket will tell when it can go on. */
        if (res < 0)
            err = res == -EINTR || res == -ECANCELED ? EAGAIN : -res;
    }
    s->state &= ~(uint32_t)WSK__S_SENDING;
    s->wanted = false;
    if (r->token != NULL) {
        void *token = r->token;

        r->token = NULL;
        wsk__ops(s)->shared(s, token, r->base + n, total - n);
        if (!(s->state & WSK__S_CLOSED) && n < total)
            wsk__stream_cut_short(s, err);
    } else {
        wsk__stream_settled(s, r->base, n, total, err);
    }
    look_at_input(s);
}

void wsk__uring_settle_all(wsk_loop *loop)
{
    wsk__uring *u = loop->io_data;

    if (u->settling)
        return;
    u->settling = true;
    /* Asked again for each: what its owner does may submit others, for whose failures there is no
     * room any more, and whoever is not known to have failed is taken to have sent all. */
    while (u->head != u->tail && !wsk__uring_overflowed(u)) {
        wsk__uring_send *r = &u->sends[u->head % WSK__URING_SENDS];
        wsk__stream *s = r->stream;

        if (!wsk__uring_is_submitted(u, r))
            break;
        u->head++;
        if (s == NULL)
            continue;
        const bool has_more = r->n_iovecs == WSK__IOV_MAX;
        settle_one(loop, r);
        /* The owner may have more. */
        if (s->state & WSK__S_DEAD)
            continue;
        if (has_more)
            wsk__stream_pump_more(s);
        else
            wsk__stream_pump(s);
    }
    u->settling = false;
    /* From the front again, which is still in the cache. */
    if (u->head == u->tail) {
        u->head = u->tail = 0;
        loop->prompt = false;
        u->arena_used = 0;
        u->n_iovecs = 0;
    }
}

static bool has_room(const wsk__uring *u)
{
    return u->tail - u->head < WSK__URING_SENDS &&
           u->n_iovecs + WSK__IOV_MAX <= WSK__URING_IOVECS &&
           WSK__URING_ARENA - u->arena_used >= WSK__SCRATCH &&
           io_uring_cq_ready(&u->ring) <= WSK__URING_CQ_ENTRIES - WSK__URING_SENDS;
}

bool wsk__uring_room(wsk_loop *loop)
{
    wsk__uring *u = loop->io_data;

    if (!u->enabled)
        return false;
    if (has_room(u))
        return true;
    wsk__uring_submit(u);
    wsk__uring_settle_all(loop);
    return has_room(u);
}

void *wsk__uring_scratch(wsk_loop *loop, size_t *ret_n)
{
    wsk__uring *u = loop->io_data;

    *ret_n = WSK__URING_ARENA - u->arena_used;
    return u->arena + u->arena_used;
}

/* Octets in the arena stay there until the send is settled. */
static void keep_arena(wsk__uring *u, const struct iovec *iov, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const uint8_t *p = iov[i].iov_base;

        if (p >= u->arena && p < u->arena + WSK__URING_ARENA) {
            size_t end = ((size_t)(p - u->arena) + iov[i].iov_len + 63) & ~(size_t)63;

            if (end > u->arena_used)
                u->arena_used = end;
        }
    }
}

static size_t clip_iovecs(struct iovec *iov, size_t *n, size_t len)
{
    size_t have = 0;

    for (size_t i = 0; i < *n; i++) {
        if (iov[i].iov_len > len - have) {
            iov[i].iov_len = len - have;
            *n = i + 1;
        }
        have += iov[i].iov_len;
    }
    return have;
}

bool wsk__uring_send_queue(wsk__stream *s, const struct iovec *iov, size_t n, size_t total)
{
    wsk_loop *loop = s->loop;
    wsk__uring *u = loop->io_data;

    if ((s->state & WSK__S_BULK) || u->tail - u->head >= WSK__URING_SENDS ||
        u->n_iovecs + n > WSK__URING_IOVECS || total > INT32_MAX)
        return false;
    struct io_uring_sqe *sqe = wsk__uring_request(u);
    if (sqe == NULL)
        return false;
    wsk__uring_send *r = &u->sends[u->tail % WSK__URING_SENDS];
    const int flags = MSG_DONTWAIT | MSG_WAITALL | MSG_NOSIGNAL;

    keep_arena(u, iov, n);
    r->stream = s;
    r->sqe = sqe;
    r->position = u->ring.sq.sqe_tail - 1;
    r->failed = false;
    r->token = NULL;
    r->base = iov->iov_base;
    r->n_iovecs = (unsigned)n;
    r->len = r->total = total;
    if (loop->sys->clip != NULL)
        r->len = loop->sys->clip(total);
    if (n == 1) {
        io_uring_prep_send(sqe, s->fd, iov->iov_base, r->len, flags);
    } else {
        struct iovec *copy = u->iovecs + u->n_iovecs;

        memcpy(copy, iov, n * sizeof(*iov));
        u->n_iovecs += n;
        if (r->len < total)
            r->len = clip_iovecs(copy, &n, r->len);
        memset(&r->msg, 0, sizeof(r->msg));
        r->msg.msg_iov = copy;
        r->msg.msg_iovlen = n;
        io_uring_prep_sendmsg(sqe, s->fd, &r->msg, (unsigned)flags);
    }
    sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
    sqe->user_data = wsk__uring_tag(WSK__REQUEST_SEND, 0, u->tail);
    u->files[s->fd].send = u->tail;
    u->tail++;
    loop->prompt |= !s->can_wait;
    s->state |= WSK__S_SENDING;
    return true;
}

/* Settles the shared sends at the front that went well: that calls nobody but to let the octets go,
 * so it may be done within any call. */
static void pop_shared(wsk__uring *u)
{
    if (u->settling || wsk__uring_overflowed(u))
        return;
    while (u->head != u->tail) {
        wsk__uring_send *r = &u->sends[u->head % WSK__URING_SENDS];
        wsk__stream *s = r->stream;

        if (!wsk__uring_is_submitted(u, r) ||
            (s != NULL && (r->token == NULL || r->failed || r->len < r->total)))
            return;
        u->head++;
        if (s == NULL)
            continue;
        void *token = r->token;
        r->stream = NULL;
        r->token = NULL;
        s->state &= ~(uint32_t)WSK__S_SENDING;
        wsk__ops(s)->shared(s, token, NULL, 0);
        if (s->wanted)
            wsk__loop_dirty(s);
        s->wanted = false;
        look_at_input(s);
    }
}

/* Shared sends make room for each other, but not behind an owner's output. */
void wsk__uring_clear(wsk_loop *loop, size_t n)
{
    wsk__uring *u = loop->io_data;

    if (u->head == u->tail || WSK__URING_SENDS - (u->tail - u->head) >= n)
        return;
    wsk__uring_submit(u);
    wsk__uring_settle_all(loop);
}

bool wsk__uring_send_shared(wsk__stream *s, const uint8_t *p, size_t n, void *token)
{
    wsk_loop *loop = s->loop;
    wsk__uring *u = loop->io_data;

    if (!u->enabled || (s->state & WSK__S_BULK) || n > INT32_MAX)
        return false;
    if (u->tail - u->head >= WSK__URING_SENDS) {
        wsk__uring_submit(u);
        pop_shared(u);
    }
    if (u->tail - u->head >= WSK__URING_SENDS ||
        io_uring_cq_ready(&u->ring) > WSK__URING_CQ_ENTRIES - WSK__URING_SENDS)
        return false;
    struct io_uring_sqe *sqe = wsk__uring_request(u);
    if (sqe == NULL)
        return false;
    wsk__uring_send *r = &u->sends[u->tail % WSK__URING_SENDS];
    r->stream = s;
    r->sqe = sqe;
    r->position = u->ring.sq.sqe_tail - 1;
    r->failed = false;
    r->token = token;
    r->base = p;
    r->n_iovecs = 1;
    r->len = r->total = n;
    if (loop->sys->clip != NULL)
        r->len = loop->sys->clip(n);
    io_uring_prep_send(sqe, s->fd, p, r->len, MSG_DONTWAIT | MSG_WAITALL | MSG_NOSIGNAL);
    sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
    sqe->user_data = wsk__uring_tag(WSK__REQUEST_SEND, 0, u->tail);
    u->files[s->fd].send = u->tail;
    u->tail++;
    s->state |= WSK__S_SENDING;
    s->wanted = false;
    return true;
}

void wsk__uring_settle(wsk__stream *s)
{
    wsk__uring *u = s->loop->io_data;
    wsk__uring_send *r = &u->sends[u->files[s->fd].send % WSK__URING_SENDS];

    wsk__uring_submit(u);
    /* Asked again: submitting may not have been possible. */
    if (wsk__uring_is_submitted(u, r) && !wsk__uring_overflowed(u))
        settle_one(s->loop, r);
}
