/* SPDX-License-Identifier: MIT */
/* Receiving over io_uring, in small pieces and in bulk; opening and closing streams. loop_uring.c
 * says how it all works. */
#include "net/loop_uring.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

/* ------------------------------------------------------------------------------- streams -- */

static uint64_t stream_tag(wsk__stream *s, wsk__sys_request kind)
{
    wsk__uring *u = s->loop->io_data;

    return wsk__uring_tag(kind, u->files[s->fd].generation, (uint32_t)s->fd);
}

static void arm(wsk__stream *s)
{
    wsk__uring *u = s->loop->io_data;

    if (s->state & (WSK__S_ARMED | WSK__S_POLL_ARMED))
        return;
    struct io_uring_sqe *sqe = wsk__uring_request(u);
    if (sqe == NULL) {
        wsk__loop_later(s);
        return;
    }
    if (s->state & WSK__S_BULK) {
        io_uring_prep_poll_multishot(sqe, s->fd, POLLIN | POLLRDHUP);
        sqe->user_data = stream_tag(s, WSK__REQUEST_READABLE);
        s->state |= WSK__S_POLL_ARMED;
        return;
    }
    io_uring_prep_recv_multishot(sqe, s->fd, NULL, 0, 0);
    sqe->flags |= IOSQE_BUFFER_SELECT;
    sqe->buf_group = WSK__URING_BUFFER_GROUP;
    sqe->user_data = stream_tag(s, WSK__REQUEST_RECV);
    s->state |= WSK__S_ARMED;
}

int wsk__uring_stream_open(wsk__stream *s)
{
    WSK_TRY(wsk__uring_open_file(s->loop, s->fd, s));
    arm(s);
    return WSK_OK;
}

void wsk__uring_stream_close(wsk__stream *s)
{
    wsk__uring *u = s->loop->io_data;

    if (s->state & WSK__S_SENDING) {
        wsk__uring_send *r = &u->sends[u->files[s->fd].send % WSK__URING_SENDS];

        r->stream = NULL;
        /* The owner may free what it points to. */
        if (!wsk__uring_is_submitted(u, r)) {
            io_uring_prep_nop(r->sqe);
            r->sqe->flags = IOSQE_CQE_SKIP_SUCCESS;
            r->sqe->user_data = wsk__uring_tag(WSK__REQUEST_CANCEL, 0, 0);
        }
        if (r->token != NULL) {
            void *token = r->token;

            r->token = NULL;
            wsk__ops(s)->shared(s, token, NULL, 0);
        }
    }
    bool ok = true;
    if (s->state & WSK__S_ARMED)
        ok = wsk__uring_cancel(u, stream_tag(s, WSK__REQUEST_RECV));
    if (s->state & WSK__S_POLL_ARMED)
        ok = wsk__uring_cancel(u, stream_tag(s, WSK__REQUEST_READABLE)) && ok;
    if (s->state & WSK__S_OUT_ARMED)
        ok = wsk__uring_cancel(u, stream_tag(s, WSK__REQUEST_WRITABLE)) && ok;
    if (s->listens)
        ok = wsk__uring_cancel(u, stream_tag(s, WSK__REQUEST_RESET)) && ok;
    wsk__uring_close_file(s->loop, s->fd, ok);
}

void wsk__uring_stream_pause(wsk__stream *s)
{
    /* If this cannot be queued, what comes is held, and it is tried again. A poll may stay: it
     * takes nothing. */
    if (s->state & WSK__S_ARMED)
        wsk__uring_cancel(s->loop->io_data, stream_tag(s, WSK__REQUEST_RECV));
    if (s->listens)
        return;
    /* A poll for nothing hears of errors and ends alone, and again of what comes behind an end. It
     * stays when reading goes on: pausing once more costs nothing then. */
    struct io_uring_sqe *sqe = wsk__uring_request(s->loop->io_data);
    if (sqe == NULL) {
        wsk__loop_later(s);
        return;
    }
    io_uring_prep_poll_multishot(sqe, s->fd, 0);
    sqe->user_data = stream_tag(s, WSK__REQUEST_RESET);
    s->listens = true;
}

void wsk__uring_stream_block(wsk__stream *s)
{
    wsk__uring *u = s->loop->io_data;

    if (s->state & WSK__S_OUT_ARMED)
        return;
    struct io_uring_sqe *sqe = wsk__uring_request(u);
    if (sqe == NULL) {
        wsk__loop_later(s); /* wsk__stream_run() asks again */
        return;
    }
    io_uring_prep_poll_add(sqe, s->fd, POLLOUT);
    sqe->user_data = stream_tag(s, WSK__REQUEST_WRITABLE);
    s->state |= WSK__S_OUT_ARMED;
}

/* Keeps input for an owner that does not want any now. */
static void hold(wsk__stream *s, const uint8_t *data, size_t n)
{
    wsk__uring *u = s->loop->io_data;
    wsk__uring_file *f = &u->files[s->fd];
    wsk__uring_held *last = wsk__uring_held_of(f), *h = wsk__alloc(s->loop->hooks, sizeof(*h) + n);

    if (h == NULL) {
        wsk__stream_lost(s, ENOMEM);
        return;
    }
    h->n = n;
    if (n > 0)
        memcpy(h->data, data, n);
    h->next = h;
    h->obj = s;
    if (last != NULL) {
        h->next = last->next;
        last->next = h;
    }
    f->ref = (uintptr_t)h | 1;
}

/* Little comes at a time again. A poll that is pending goes first, see readable_done(). */
static void leave_bulk(wsk__stream *s)
{
    s->state &= ~(uint32_t)(WSK__S_SPARSE_MAX | WSK__S_BULK);
    if ((s->state & WSK__S_POLL_ARMED) &&
        !wsk__uring_cancel(s->loop->io_data, stream_tag(s, WSK__REQUEST_READABLE)))
        s->state |= WSK__S_BULK;
}

/* What the epoll backend does: reads until there is no more, or others are to have their turn. The
 * poll tells of changes only, so that what is not read now (READABLE) is not forgotten. */
static void read_bulk(wsk__stream *s)
{
    wsk_loop *loop = s->loop;
    wsk__uring *u = loop->io_data;
    size_t all = 0;
    bool spent = s->spent;

    for (unsigned round = 0; round < WSK__ROUNDS && !spent; round++) {
        ssize_t n;

        if (!wsk__uring_room(loop)) {
            wsk__loop_later(s);
            return;
        }
        if (s->state & (WSK__S_DEAD | WSK__S_PAUSED | WSK__S_EOF | WSK__S_SENDING))
            return; /* a settled send may have changed it; who ends that state runs it again */
        size_t cap = loop->recv_cap;
        uint8_t *buf = wsk__stream_place(s, u->bulk, &cap);
        do {
            n = loop->sys->recv(s->fd, buf, cap, MSG_DONTWAIT);
        } while (n < 0 && errno == EINTR);
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
            s->state &= ~(uint32_t)WSK__S_READABLE;
            break;
        }
        if (n < 0) {
            wsk__stream_lost(s, errno);
            return;
        }
        all += (size_t)n;
        if ((size_t)n < cap && !s->to_end && !(s->state & WSK__S_BROKEN))
            s->state &= ~(uint32_t)WSK__S_READABLE;
        wsk__stream_take(s, buf, (size_t)n);
        if (s->state & WSK__S_DEAD)
            return;
        wsk__stream_pump(s);
        if (s->state & (WSK__S_DEAD | WSK__S_PAUSED | WSK__S_EOF))
            return;
        if (!(s->state & WSK__S_READABLE))
            break;
        spent = s->spent || wsk__stream_share_is_over(s, false);
    }
    if (s->state & WSK__S_READABLE) {
        wsk__loop_spend(s);
        return;
    }
    if (all >= WSK__URING_BULK_TO)
        s->state &= ~(uint32_t)WSK__S_SPARSE_MAX;
    else if ((s->state & WSK__S_SPARSE_MAX) == WSK__S_SPARSE_MAX)
        leave_bulk(s);
    else
        s->state += WSK__S_SPARSE;
    arm(s);
}

void wsk__uring_stream_read(wsk__stream *s)
{
    wsk_loop *loop = s->loop;
    wsk__uring *u = loop->io_data;

    while (!(s->state & (WSK__S_DEAD | WSK__S_PAUSED | WSK__S_EOF | WSK__S_SENDING))) {
        wsk__uring_file *f = &u->files[s->fd];

        if (wsk__uring_held_of(f) == NULL) {
            /* Behind a failed write this is the last chance to read. A receive that is pending may
             * have missed the end, see uring_ends.c. */
            if ((s->state & (WSK__S_BULK | WSK__S_READABLE | WSK__S_ARMED | WSK__S_BROKEN)) ==
                (WSK__S_BULK | WSK__S_READABLE)) {
                read_bulk(s);
            } else if (!(s->state & WSK__S_BROKEN)) {
                arm(s);
            } else if (s->state & WSK__S_ARMED) {
                if (!wsk__uring_cancel(u, stream_tag(s, WSK__REQUEST_RECV)))
                    wsk__loop_later(s);
            } else {
                s->state |= WSK__S_BULK | WSK__S_READABLE;
                read_bulk(s);
            }
            return;
        }
        const bool room = !s->spent && wsk__uring_room(loop);
        /* Handlers that this called may have closed the stream (it has no place among the files
         * any more), paused it, or sent on it. */
        if (s->state & (WSK__S_DEAD | WSK__S_PAUSED | WSK__S_EOF | WSK__S_SENDING))
            return;
        if (!room) {
            wsk__loop_later(s);
            return;
        }
        if (wsk__uring_held_of(&u->files[s->fd]) == NULL)
            continue;
        wsk__uring_held *first = wsk__uring_take_held(&u->files[s->fd]);
        wsk__stream_take(s, first->data, first->n);
        wsk__free(loop->hooks, first);
        if (!(s->state & WSK__S_DEAD))
            wsk__stream_pump(s);
    }
}

/* There is something to read, in bulk. */
static void read_now(wsk__stream *s)
{
    wsk__uring *u = s->loop->io_data;

    s->state |= WSK__S_READABLE;
    if (s->state & WSK__S_SENDING) {
        wsk__uring_submit(u);
        wsk__uring_settle_all(s->loop);
    }
    if (s->state & (WSK__S_DEAD | WSK__S_EOF | WSK__S_PAUSED))
        return;
    /* Anew: what was settled may have opened descriptors, for which the table moved. */
    if (wsk__uring_held_of(&u->files[s->fd]) != NULL || (s->state & WSK__S_SENDING))
        wsk__loop_later(s);
    else
        read_bulk(s);
}

/* Gives input to the owner, or holds it. */
static void deliver(wsk__stream *s, uint8_t *data, size_t n)
{
    wsk_loop *loop = s->loop;
    wsk__uring *u = loop->io_data;
    bool room = wsk__uring_room(loop);

    if (s->state & WSK__S_SENDING) {
        wsk__uring_submit(u);
        wsk__uring_settle_all(loop);
    }
    if (s->state & (WSK__S_DEAD | WSK__S_EOF))
        return;
    bool waits = s->spent || wsk__uring_held_of(&u->files[s->fd]) != NULL;
    if ((s->state & (WSK__S_PAUSED | WSK__S_SENDING)) || !room || waits) {
        hold(s, data, n);
        /* Nothing more is taken from the kernel until it goes on, or TCP would not tell the peer
         * that we do not keep up, and what is held would grow with all that he sends. */
        if (waits && (s->state & (WSK__S_ARMED | WSK__S_PAUSED | WSK__S_DEAD)) == WSK__S_ARMED)
            wsk__uring_cancel(u, stream_tag(s, WSK__REQUEST_RECV));
        if (!(s->state & (WSK__S_PAUSED | WSK__S_SENDING)))
            wsk__loop_later(s);
        else if ((s->state & (WSK__S_PAUSED | WSK__S_DEAD)) == WSK__S_PAUSED)
            wsk__uring_stream_pause(s); /* as what comes shows, that did not get through yet */
        return;
    }
    wsk__stream_take(s, data, n);
    if (s->state & WSK__S_BROKEN)
        wsk__loop_dirty(s);
    else if (!(s->state & WSK__S_DEAD))
        wsk__stream_pump(s);
}

/* --------------------------------------------------------------------------- completions -- */

/* Buffers that were filled one after the other, and lie so, are one piece for the owner: a large
 * message comes in few. Adds them to *len; returns the flags of the last completion. */
static uint32_t join(wsk_loop *loop, uint64_t user_data, uint32_t flags, unsigned id, size_t *len,
                     unsigned *left)
{
    wsk__uring *u = loop->io_data;
    struct io_uring_cqe next;

    while (*left > 0 && *len > 0 && *len % WSK__URING_BUFFER_SIZE == 0 &&
           *len + WSK__URING_BUFFER_SIZE <= loop->recv_cap && wsk__uring_peek(u, &next) &&
           next.user_data == user_data && next.res > 0 && (next.flags & IORING_CQE_F_BUFFER) &&
           next.flags >> IORING_CQE_BUFFER_SHIFT == id + *len / WSK__URING_BUFFER_SIZE) {
        io_uring_cq_advance(&u->ring, 1);
        --*left;
        *len += (size_t)next.res;
        flags = next.flags;
    }
    return flags;
}

/* What is held, and what an owner holds that rests, comes first; so does what was not read. */
static void fails(wsk__stream *s, int err)
{
    const wsk__uring *u = s->loop->io_data;

    if (s->resume || (s->state & WSK__S_PAUSED) || wsk__uring_held_of(&u->files[s->fd]) != NULL)
        wsk__stream_broken(s, err);
    else
        wsk__stream_lost(s, err);
}

/* All buffers are taken. Were it armed again, a crowd would ask for 64 of them again and again,
 * each time as a whole, and so would those to whom nothing came. */
static void read_without(wsk__stream *s)
{
    s->state |= WSK__S_BULK;
    read_now(s);
}

void wsk__uring_recv_done(wsk_loop *loop, const struct io_uring_cqe *cqe, unsigned *left)
{
    wsk__uring *u = loop->io_data;
    uint32_t flags = cqe->flags;
    int res = cqe->res;
    wsk__uring_file *f = wsk__uring_find(u, cqe->user_data);
    wsk__stream *s = f != NULL ? wsk__uring_obj(f) : NULL;

    if (loop->sys->result != NULL)
        res = loop->sys->result(WSK__REQUEST_RECV, res);
    if (flags & IORING_CQE_F_BUFFER) {
        unsigned id = flags >> IORING_CQE_BUFFER_SHIFT;
        size_t len = res > 0 ? (size_t)res : 0;

        flags = join(loop, cqe->user_data, flags, id, &len, left);
        if (s != NULL && !(flags & IORING_CQE_F_MORE))
            s->state &= ~(uint32_t)WSK__S_ARMED;
        if (s != NULL && len >= WSK__URING_BULK_FROM && !(s->state & WSK__S_BULK)) {
            s->state |= WSK__S_BULK;
            if (s->state & WSK__S_ARMED)
                wsk__uring_cancel(u, cqe->user_data);
        }
        if (s != NULL && len > 0)
            deliver(s, u->buffers + id * WSK__URING_BUFFER_SIZE, len);
        for (size_t done = 0; done == 0 || done < len; done += WSK__URING_BUFFER_SIZE)
            wsk__uring_return_buffer(u, id++);
        /* The stream may be closed by now, and its memory be another's at the end of the turn. */
        f = wsk__uring_find(u, cqe->user_data);
        s = f != NULL ? wsk__uring_obj(f) : NULL;
    } else if (s != NULL && !(flags & IORING_CQE_F_MORE)) {
        s->state &= ~(uint32_t)WSK__S_ARMED;
    }
    if (s == NULL || (s->state & (WSK__S_DEAD | WSK__S_EOF)))
        return;
    if ((s->state & WSK__S_ARMED) && res >= 0) {
        if (!(s->state & WSK__S_RECENT))
            wsk__uring_look_later(s, cqe->user_data);
        return;
    }
    if (res == 0)
        deliver(s, NULL, 0);
    else if (res < 0 && res != -ENOBUFS && res != -ECANCELED && res != -EINTR && res != -EAGAIN)
        fails(s, -res);
    else if (s->state & WSK__S_BROKEN)
        wsk__loop_dirty(s); /* a write broke, and what came before it is read by now */
    else if ((s->state & WSK__S_PAUSED) || wsk__uring_held_of(f) != NULL)
        return;
    else if (res == -ENOBUFS)
        read_without(s);
    else
        arm(s); /* reading goes on after a pause */
}

void wsk__uring_readable_done(wsk__uring *u, const struct io_uring_cqe *cqe)
{
    wsk__uring_file *f = wsk__uring_find(u, cqe->user_data);

    /* Where there was no room to take it back, the end of the socket is an event of it as any other
     * one: it goes on, and with it the socket. */
    if (f == NULL && (cqe->flags & IORING_CQE_F_MORE))
        wsk__uring_cancel(u, cqe->user_data);
    if (f == NULL)
        return;
    wsk__stream *s = wsk__uring_obj(f);
    if (!(cqe->flags & IORING_CQE_F_MORE))
        s->state &= ~(uint32_t)WSK__S_POLL_ARMED;
    if (!(s->state & WSK__S_BULK)) {
        /* The poll was taken back: small pieces come from here on. */
        if (!(s->state & (WSK__S_DEAD | WSK__S_EOF | WSK__S_PAUSED)))
            arm(s);
        return;
    }
    /* What comes behind the end is no event of its own when this one tells of both. */
    if (cqe->res < 0 || (cqe->res & (POLLRDHUP | POLLHUP | POLLERR)))
        s->to_end = true;
    read_now(s);
}

void wsk__uring_reset_done(wsk__uring *u, const struct io_uring_cqe *cqe)
{
    wsk__uring_file *f = wsk__uring_find(u, cqe->user_data);

    if (f == NULL)
        return;
    wsk__stream *s = wsk__uring_obj(f);
    if (!(cqe->flags & IORING_CQE_F_MORE))
        s->listens = false;
    /* Whoever reads hears of it there, behind what came before it. */
    if (cqe->res > 0 && (cqe->res & POLLERR) && wsk__stream_is_unread(s))
        fails(s, wsk__stream_error(s));
}

void wsk__uring_writable_done(wsk__uring *u, const struct io_uring_cqe *cqe)
{
    wsk__uring_file *f = wsk__uring_find(u, cqe->user_data);

    if (f == NULL)
        return;
    wsk__stream *s = wsk__uring_obj(f);
    s->state &= ~(uint32_t)(WSK__S_OUT_ARMED | WSK__S_BLOCKED);
    if (!(s->state & WSK__S_DEAD))
        wsk__stream_pump(s);
}
