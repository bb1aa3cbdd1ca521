/* SPDX-License-Identifier: MIT */
/*
 * The io_uring backend (Linux 6.1 and later): multishot accept and receive into a ring of
 * provided buffers, sends queued and submitted together with the wait, so that a turn is one
 * system call.
 *
 * That is best for small messages. Large ones are better read in large pieces into one buffer
 * that is still in the cache when they are sent on, so a stream that has filled several provided
 * buffers at once is handled as the epoll backend does it, until little comes at a time again.
 *
 * Sends. A send is queued as MSG_DONTWAIT | MSG_WAITALL with success completions skipped. Such a
 * request is over when the call that submits it returns: either all octets went out and there is
 * no completion, or there is one that says how many did. So after each submission the results of
 * all sends are known; settle() tells the streams. A socket that is full is polled for room.
 *
 * Lifetimes. No request points to a stream: its user_data names the descriptor and a generation
 * that changes when the stream is closed, and completions of an older generation are dropped. A
 * stream's memory may so be freed at once. A descriptor is closed by a request too, behind the
 * cancellations, so that its number is not used anew while requests with it are still queued.
 *
 * Threads. The ring is made disabled, and enabled by the first turn, because the kernel binds it
 * to the thread that enables it.
 */
#include "net/loop_nest.h"
#include "net/loop_priv.h"

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include <liburing.h>
#include <poll.h>

#define SQ_ENTRIES 1024
#define CQ_ENTRIES 4096
#define SENDS      1024 /* queued at a time, a power of two */
#define IOVECS     4096
/* Few and small, so that they stay in the cache. */
#ifndef BUFFERS
#define BUFFERS     64
#define BUFFER_SIZE ((size_t)4 * 1024)
#endif
#define BUFFER_GROUP 0
/* A stream that gets so much at a time is read in bulk; with less than the second, again and
 * again, it goes back. */
#define BULK_FROM ((size_t)16 * 1024)
#define BULK_TO   ((size_t)8 * 1024)
#define RING_SIZE ((size_t)4096) /* of the ring of buffers, in front of them */
#define ARENA     ((size_t)512 * 1024)

/* A piece of input that came while the owner did not want any. */
typedef struct held {
    struct held *next; /* a ring: the last one points to the first one */
    size_t n;
    uint8_t data[];
} held;

/* What a descriptor number stands for now. */
typedef struct file {
    void *obj;           /* wsk__stream, wsk__lsock, or wsk__watch */
    held *held;          /* the last one */
    uint32_t generation; /* 24 bits */
    uint32_t send;       /* SENDING: number of its record */
} file;

typedef struct send_record {
    wsk__stream *stream; /* NULL: closed meanwhile */
    struct io_uring_sqe *sqe;
    uint32_t position; /* of the request in the submission queue */
    int res;           /* if failed */
    bool failed;       /* there is a completion */
    const uint8_t *base;
    size_t len, total; /* len < total only in tests */
    struct msghdr msg;
} send_record;

typedef struct uring_io {
    struct io_uring ring;
    bool enabled;
    bool task_flag; /* the kernel sets a flag when a wait would not block */
    bool settling;
    int nest_fd;  /* what another loop polls; -1: nobody asked for it yet */
    int event_fd; /* the kernel's part of it */
    file *files;
    size_t n_files;

    struct io_uring_buf_ring *buf_ring; /* and behind it the buffers, in one mapping */
    uint8_t *buffers;
    unsigned returned; /* buffers that the kernel has not been told of yet */

    uint32_t head, tail; /* of the send records that are not settled, counted for ever */
    uint32_t scanned;    /* completions up to here were searched for failed sends */
    size_t n_iovecs;
    size_t arena_used;
    uint8_t *arena;
    uint8_t *bulk; /* of recv_cap octets */
    send_record sends[SENDS];
    struct iovec iovecs[IOVECS];
} uring_io;

/* ---------------------------------------------------------------------------- user_data -- */

static uint64_t tag(wsk__sys_request kind, uint32_t generation, uint32_t number)
{
    return (uint64_t)number << 32 | (uint64_t)(generation & 0xFFFFFF) << 8 | (uint64_t)kind;
}

static wsk__sys_request tag_kind(uint64_t user_data)
{
    return (wsk__sys_request)(user_data & 0xFF);
}

static uint32_t tag_number(uint64_t user_data)
{
    return (uint32_t)(user_data >> 32);
}

/* NULL: what the request was for is gone. */
static file *tag_file(uring_io *u, uint64_t user_data)
{
    file *f = &u->files[tag_number(user_data)];

    return f->obj != NULL && f->generation == (user_data >> 8 & 0xFFFFFF) ? f : NULL;
}

static int open_file(wsk_loop *loop, int fd, void *obj)
{
    uring_io *u = loop->io_data;

    if ((size_t)fd >= u->n_files) {
        size_t n = u->n_files * 2 > (size_t)fd ? u->n_files * 2 : (size_t)fd + 64;
        file *files = wsk__realloc(loop->hooks, u->files, n * sizeof(*files));

        if (files == NULL)
            return WSK_ERR_NOMEM;
        memset(files + u->n_files, 0, (n - u->n_files) * sizeof(*files));
        u->files = files;
        u->n_files = n;
    }
    u->files[fd].obj = obj;
    return WSK_OK;
}

static void forget_file(wsk_loop *loop, file *f)
{
    f->obj = NULL;
    f->generation = (f->generation + 1) & 0xFFFFFF;
    while (f->held != NULL) {
        held *first = f->held->next;

        if (first == f->held)
            f->held = NULL;
        else
            f->held->next = first->next;
        wsk__free(loop->hooks, first);
    }
}

/* --------------------------------------------------------------------------- submission -- */

static bool overflowed(const uring_io *u)
{
    return (IO_URING_READ_ONCE(*u->ring.sq.kflags) & IORING_SQ_CQ_OVERFLOW) != 0;
}

/* Looks for the failed sends among the new completions. Nothing else is done with those. */
static void scan(uring_io *u)
{
    struct io_uring_cq *cq = &u->ring.cq;
    uint32_t end = io_uring_smp_load_acquire(cq->ktail);
    uint32_t head = *cq->khead;

    if ((int32_t)(u->scanned - head) < 0)
        u->scanned = head;
    if (u->head != u->tail) {
        for (uint32_t i = u->scanned; i != end; i++) {
            const struct io_uring_cqe *cqe = &cq->cqes[i & *cq->kring_mask];
            uint32_t number = tag_number(cqe->user_data);

            if (tag_kind(cqe->user_data) != WSK__REQUEST_SEND ||
                number - u->head >= u->tail - u->head)
                continue;
            u->sends[number % SENDS].failed = true;
            u->sends[number % SENDS].res = cqe->res;
        }
    }
    u->scanned = end;
}

static void return_buffers(uring_io *u)
{
    if (u->returned > 0)
        io_uring_buf_ring_advance(u->buf_ring, (int)u->returned);
    u->returned = 0;
}

/* Submits what is queued, without waiting. */
static void submit_now(uring_io *u)
{
    if (!u->enabled || io_uring_sq_ready(&u->ring) == 0)
        return;
    return_buffers(u);
    while (io_uring_sq_ready(&u->ring) > 0) {
        int r = io_uring_submit(&u->ring);

        if (r <= 0 && r != -EINTR)
            break;
    }
    scan(u);
}

/* NULL only when the kernel does not take any: the caller tries again in the next turn. */
static struct io_uring_sqe *new_request(uring_io *u, uint64_t user_data)
{
    struct io_uring_sqe *sqe = io_uring_get_sqe(&u->ring);

    if (sqe == NULL) {
        submit_now(u);
        sqe = io_uring_get_sqe(&u->ring);
    }
    if (sqe != NULL)
        sqe->user_data = user_data;
    return sqe;
}

static bool cancel(uring_io *u, uint64_t user_data)
{
    struct io_uring_sqe *sqe = new_request(u, 0);

    if (sqe == NULL)
        return false;
    io_uring_prep_cancel64(sqe, user_data, 0);
    sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
    sqe->user_data = tag(WSK__REQUEST_CANCEL, 0, 0);
    return true;
}

static void close_fd(uring_io *u, int fd)
{
    struct io_uring_sqe *sqe = new_request(u, 0);

    if (sqe == NULL) {
        close(fd);
        return;
    }
    io_uring_prep_close(sqe, fd);
    sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
    sqe->user_data = tag(WSK__REQUEST_CANCEL, 0, 0);
}

/* --------------------------------------------------------------------------------- sends -- */

static bool is_submitted(const uring_io *u, const send_record *r)
{
    uint32_t taken = io_uring_smp_load_acquire(u->ring.sq.khead);

    return (int32_t)(taken - r->position) > 0;
}

static void settle_one(wsk_loop *loop, send_record *r)
{
    uring_io *u = loop->io_data;
    wsk__stream *s = r->stream;
    size_t n = r->len;
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
    wsk__stream_settled(s, r->base, n, r->total, err);
    /* Input that had to wait for this, or a receive that could not be armed meanwhile. */
    if (!(s->state & WSK__S_DEAD) &&
        (u->files[s->fd].held != NULL || !(s->state & (WSK__S_ARMED | WSK__S_PAUSED | WSK__S_EOF))))
        wsk__loop_dirty(s);
}

/* Settles all sends that were submitted. */
static void settle_all(wsk_loop *loop)
{
    uring_io *u = loop->io_data;

    if (u->settling || overflowed(u))
        return;
    u->settling = true;
    while (u->head != u->tail) {
        send_record *r = &u->sends[u->head % SENDS];
        wsk__stream *s = r->stream;

        if (!is_submitted(u, r))
            break;
        u->head++;
        if (s == NULL)
            continue;
        settle_one(loop, r);
        /* The owner may have more. */
        if (!(s->state & WSK__S_DEAD))
            wsk__stream_pump(s);
    }
    u->settling = false;
    if (u->head == u->tail) {
        u->arena_used = 0;
        u->n_iovecs = 0;
    }
}

static bool has_room(const uring_io *u)
{
    return u->tail - u->head < SENDS && u->n_iovecs + WSK__IOV_MAX <= IOVECS &&
           ARENA - u->arena_used >= WSK__SCRATCH &&
           io_uring_cq_ready(&u->ring) <= CQ_ENTRIES - SENDS;
}

static bool io_room(wsk_loop *loop)
{
    uring_io *u = loop->io_data;

    if (!u->enabled)
        return false;
    if (has_room(u))
        return true;
    submit_now(u);
    settle_all(loop);
    return has_room(u);
}

static void *io_scratch(wsk_loop *loop, size_t *ret_n)
{
    uring_io *u = loop->io_data;

    *ret_n = ARENA - u->arena_used;
    return u->arena + u->arena_used;
}

/* Octets in the arena stay there until the send is settled. */
static void keep_arena(uring_io *u, const struct iovec *iov, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const uint8_t *p = iov[i].iov_base;

        if (p >= u->arena && p < u->arena + ARENA) {
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

static bool io_send(wsk__stream *s, const struct iovec *iov, size_t n, size_t total)
{
    wsk_loop *loop = s->loop;
    uring_io *u = loop->io_data;

    if ((s->state & WSK__S_BULK) || u->tail - u->head >= SENDS || u->n_iovecs + n > IOVECS ||
        total > INT32_MAX)
        return false;
    struct io_uring_sqe *sqe = new_request(u, 0);
    if (sqe == NULL)
        return false;
    send_record *r = &u->sends[u->tail % SENDS];
    const int flags = MSG_DONTWAIT | MSG_WAITALL | MSG_NOSIGNAL;

    keep_arena(u, iov, n);
    r->stream = s;
    r->sqe = sqe;
    r->position = u->ring.sq.sqe_tail - 1;
    r->failed = false;
    r->base = iov->iov_base;
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
    sqe->user_data = tag(WSK__REQUEST_SEND, 0, u->tail);
    u->files[s->fd].send = u->tail;
    u->tail++;
    s->state |= WSK__S_SENDING;
    return true;
}

static void stream_settle(wsk__stream *s)
{
    uring_io *u = s->loop->io_data;
    send_record *r = &u->sends[u->files[s->fd].send % SENDS];

    submit_now(u);
    /* Asked again: submitting may not have been possible. */
    if (is_submitted(u, r) && !overflowed(u))
        settle_one(s->loop, r);
}

/* ------------------------------------------------------------------------------- streams -- */

static uint64_t stream_tag(wsk__stream *s, wsk__sys_request kind)
{
    uring_io *u = s->loop->io_data;

    return tag(kind, u->files[s->fd].generation, (uint32_t)s->fd);
}

static void arm(wsk__stream *s)
{
    uring_io *u = s->loop->io_data;

    if (s->state & (WSK__S_ARMED | WSK__S_POLL_ARMED))
        return;
    struct io_uring_sqe *sqe = new_request(u, 0);
    if (sqe == NULL) {
        wsk__loop_later(s);
        return;
    }
    if (s->state & WSK__S_BULK) {
        io_uring_prep_poll_add(sqe, s->fd, POLLIN | POLLRDHUP);
        sqe->user_data = stream_tag(s, WSK__REQUEST_READABLE);
        s->state |= WSK__S_POLL_ARMED;
        return;
    }
    io_uring_prep_recv_multishot(sqe, s->fd, NULL, 0, 0);
    sqe->flags |= IOSQE_BUFFER_SELECT;
    sqe->buf_group = BUFFER_GROUP;
    sqe->user_data = stream_tag(s, WSK__REQUEST_RECV);
    s->state |= WSK__S_ARMED;
}

static int stream_open(wsk__stream *s)
{
    WSK_TRY(open_file(s->loop, s->fd, s));
    arm(s);
    return WSK_OK;
}

static void stream_close(wsk__stream *s)
{
    uring_io *u = s->loop->io_data;

    if (s->state & WSK__S_SENDING) {
        send_record *r = &u->sends[u->files[s->fd].send % SENDS];

        r->stream = NULL;
        /* The owner may free what it points to. */
        if (!is_submitted(u, r)) {
            io_uring_prep_nop(r->sqe);
            r->sqe->flags = IOSQE_CQE_SKIP_SUCCESS;
            r->sqe->user_data = tag(WSK__REQUEST_CANCEL, 0, 0);
        }
    }
    if (s->state & WSK__S_ARMED)
        cancel(u, stream_tag(s, WSK__REQUEST_RECV));
    if (s->state & WSK__S_POLL_ARMED)
        cancel(u, stream_tag(s, WSK__REQUEST_READABLE));
    if (s->state & WSK__S_OUT_ARMED)
        cancel(u, stream_tag(s, WSK__REQUEST_WRITABLE));
    forget_file(s->loop, &u->files[s->fd]);
    close_fd(u, s->fd);
}

static void stream_pause(wsk__stream *s)
{
    /* If this cannot be queued, what comes is held. A poll may stay: it takes nothing. */
    if (s->state & WSK__S_ARMED)
        cancel(s->loop->io_data, stream_tag(s, WSK__REQUEST_RECV));
}

static void stream_block(wsk__stream *s)
{
    uring_io *u = s->loop->io_data;

    if (s->state & WSK__S_OUT_ARMED)
        return;
    struct io_uring_sqe *sqe = new_request(u, 0);
    if (sqe == NULL) {
        wsk__stream_broken(s, ENOBUFS);
        return;
    }
    io_uring_prep_poll_add(sqe, s->fd, POLLOUT);
    sqe->user_data = stream_tag(s, WSK__REQUEST_WRITABLE);
    s->state |= WSK__S_OUT_ARMED;
}

/* Keeps input for an owner that does not want any now. */
static void hold(wsk__stream *s, const uint8_t *data, size_t n)
{
    uring_io *u = s->loop->io_data;
    file *f = &u->files[s->fd];
    held *h = wsk__alloc(s->loop->hooks, sizeof(*h) + n);

    if (h == NULL) {
        wsk__stream_lost(s, ENOMEM);
        return;
    }
    h->n = n;
    if (n > 0)
        memcpy(h->data, data, n);
    h->next = h;
    if (f->held != NULL) {
        h->next = f->held->next;
        f->held->next = h;
    }
    f->held = h;
}

/* What the epoll backend does: reads until there is no more, or others are to have their turn. */
static void read_bulk(wsk__stream *s)
{
    wsk_loop *loop = s->loop;
    uring_io *u = loop->io_data;
    size_t all = 0;

    for (unsigned round = 0; round < WSK__ROUNDS; round++) {
        ssize_t n;

        if (!io_room(loop)) {
            wsk__loop_later(s);
            return;
        }
        if (s->state & (WSK__S_DEAD | WSK__S_PAUSED | WSK__S_EOF | WSK__S_SENDING))
            return; /* a settled send may have changed it; who ends that state runs it again */
        do {
            n = loop->sys->recv(s->fd, u->bulk, loop->recv_cap, MSG_DONTWAIT);
        } while (n < 0 && errno == EINTR);
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            break;
        if (n < 0) {
            wsk__stream_lost(s, errno);
            return;
        }
        all += (size_t)n;
        wsk__stream_take(s, u->bulk, (size_t)n);
        if (s->state & WSK__S_DEAD)
            return;
        wsk__stream_pump(s);
        if (s->state & (WSK__S_DEAD | WSK__S_PAUSED | WSK__S_EOF))
            return;
        if ((size_t)n < loop->recv_cap && !(s->state & WSK__S_BROKEN))
            break;
    }
    if (all >= BULK_TO)
        s->state &= ~(uint32_t)WSK__S_SPARSE_MAX;
    else if ((s->state & WSK__S_SPARSE_MAX) == WSK__S_SPARSE_MAX)
        s->state &= ~(uint32_t)(WSK__S_SPARSE_MAX | WSK__S_BULK);
    else
        s->state += WSK__S_SPARSE;
    arm(s);
}

static void stream_read(wsk__stream *s)
{
    wsk_loop *loop = s->loop;
    uring_io *u = loop->io_data;

    while (!(s->state & (WSK__S_DEAD | WSK__S_PAUSED | WSK__S_EOF | WSK__S_SENDING))) {
        file *f = &u->files[s->fd];

        if (f->held == NULL) {
            /* Behind a failed write this is the last chance to read. */
            if ((s->state & (WSK__S_BULK | WSK__S_ARMED | WSK__S_BROKEN)) ==
                (WSK__S_BULK | WSK__S_BROKEN))
                read_bulk(s);
            else
                arm(s);
            return;
        }
        if (!io_room(loop)) {
            wsk__loop_later(s);
            return;
        }
        if (s->state & WSK__S_SENDING || u->files[s->fd].held == NULL)
            continue;
        held *first = f->held->next;
        if (first == f->held)
            f->held = NULL;
        else
            f->held->next = first->next;
        wsk__stream_take(s, first->data, first->n);
        wsk__free(loop->hooks, first);
        if (!(s->state & WSK__S_DEAD))
            wsk__stream_pump(s);
    }
}

/* Gives input to the owner, or holds it. */
static void deliver(wsk__stream *s, uint8_t *data, size_t n)
{
    wsk_loop *loop = s->loop;
    uring_io *u = loop->io_data;
    bool room = io_room(loop);

    if (s->state & WSK__S_SENDING) {
        submit_now(u);
        settle_all(loop);
    }
    if (s->state & (WSK__S_DEAD | WSK__S_EOF))
        return;
    if ((s->state & (WSK__S_PAUSED | WSK__S_SENDING)) || !room || u->files[s->fd].held != NULL) {
        hold(s, data, n);
        if (!(s->state & (WSK__S_PAUSED | WSK__S_SENDING)))
            wsk__loop_later(s);
        return;
    }
    wsk__stream_take(s, data, n);
    if (s->state & WSK__S_BROKEN)
        wsk__loop_dirty(s);
    else if (!(s->state & WSK__S_DEAD))
        wsk__stream_pump(s);
}

/* --------------------------------------------------------------------------- completions -- */

static void return_buffer(uring_io *u, unsigned id)
{
    io_uring_buf_ring_add(u->buf_ring, u->buffers + id * BUFFER_SIZE, BUFFER_SIZE,
                          (unsigned short)id, BUFFERS - 1, (int)u->returned++);
}

static bool peek(uring_io *u, struct io_uring_cqe *ret)
{
    struct io_uring_cq *cq = &u->ring.cq;
    uint32_t head = *cq->khead;

    if (head == io_uring_smp_load_acquire(cq->ktail))
        return false;
    *ret = cq->cqes[head & *cq->kring_mask];
    return true;
}

/* Buffers that were filled one after the other, and lie so, are one piece for the owner: a large
 * message comes in few. Adds them to *len; returns the flags of the last completion. */
static uint32_t join(wsk_loop *loop, uint64_t user_data, uint32_t flags, unsigned id, size_t *len,
                     unsigned *left)
{
    uring_io *u = loop->io_data;
    struct io_uring_cqe next;

    while (*left > 0 && *len > 0 && *len % BUFFER_SIZE == 0 &&
           *len + BUFFER_SIZE <= loop->recv_cap && peek(u, &next) && next.user_data == user_data &&
           next.res > 0 && (next.flags & IORING_CQE_F_BUFFER) &&
           next.flags >> IORING_CQE_BUFFER_SHIFT == id + *len / BUFFER_SIZE) {
        io_uring_cq_advance(&u->ring, 1);
        --*left;
        *len += (size_t)next.res;
        flags = next.flags;
    }
    return flags;
}

static void recv_done(wsk_loop *loop, const struct io_uring_cqe *cqe, unsigned *left)
{
    uring_io *u = loop->io_data;
    uint32_t flags = cqe->flags;
    int res = cqe->res;
    file *f = tag_file(u, cqe->user_data);
    wsk__stream *s = f != NULL ? f->obj : NULL;

    if (loop->sys->result != NULL)
        res = loop->sys->result(WSK__REQUEST_RECV, res);
    if (flags & IORING_CQE_F_BUFFER) {
        unsigned id = flags >> IORING_CQE_BUFFER_SHIFT;
        size_t len = res > 0 ? (size_t)res : 0;

        flags = join(loop, cqe->user_data, flags, id, &len, left);
        if (s != NULL && !(flags & IORING_CQE_F_MORE))
            s->state &= ~(uint32_t)WSK__S_ARMED;
        if (s != NULL && len >= BULK_FROM && !(s->state & WSK__S_BULK)) {
            s->state |= WSK__S_BULK;
            if (s->state & WSK__S_ARMED)
                cancel(u, cqe->user_data);
        }
        if (s != NULL && len > 0)
            deliver(s, u->buffers + id * BUFFER_SIZE, len);
        for (size_t done = 0; done == 0 || done < len; done += BUFFER_SIZE)
            return_buffer(u, id++);
        /* The stream may be closed by now, and its memory be another's at the end of the turn. */
        f = tag_file(u, cqe->user_data);
        s = f != NULL ? f->obj : NULL;
    } else if (s != NULL && !(flags & IORING_CQE_F_MORE)) {
        s->state &= ~(uint32_t)WSK__S_ARMED;
    }
    if (s == NULL || (s->state & (WSK__S_DEAD | WSK__S_EOF)) ||
        ((s->state & WSK__S_ARMED) && res >= 0))
        return;
    if (res == 0)
        deliver(s, NULL, 0);
    else if (res < 0 && res != -ENOBUFS && res != -ECANCELED && res != -EINTR && res != -EAGAIN)
        wsk__stream_lost(s, -res);
    else if (!(s->state & WSK__S_PAUSED) && f->held == NULL)
        arm(s); /* there were no buffers left, or reading goes on after a pause */
}

static void readable_done(uring_io *u, const struct io_uring_cqe *cqe)
{
    file *f = tag_file(u, cqe->user_data);

    if (f == NULL)
        return;
    wsk__stream *s = f->obj;
    s->state &= ~(uint32_t)WSK__S_POLL_ARMED;
    if (s->state & WSK__S_SENDING) {
        submit_now(u);
        settle_all(s->loop);
    }
    if (s->state & (WSK__S_DEAD | WSK__S_EOF | WSK__S_PAUSED))
        return;
    if (f->held != NULL || (s->state & WSK__S_SENDING))
        wsk__loop_later(s);
    else
        read_bulk(s);
}

static void writable_done(uring_io *u, const struct io_uring_cqe *cqe)
{
    file *f = tag_file(u, cqe->user_data);

    if (f == NULL)
        return;
    wsk__stream *s = f->obj;
    s->state &= ~(uint32_t)(WSK__S_OUT_ARMED | WSK__S_BLOCKED);
    if (!(s->state & WSK__S_DEAD))
        wsk__stream_pump(s);
}

static int io_listen(wsk__lsock *l);

static void accept_done(wsk_loop *loop, const struct io_uring_cqe *cqe)
{
    uring_io *u = loop->io_data;
    file *f = tag_file(u, cqe->user_data);
    int res = cqe->res;

    if (loop->sys->result != NULL) {
        res = loop->sys->result(WSK__REQUEST_ACCEPT, res);
        if (cqe->res >= 0 && res < 0)
            close(cqe->res);
    }
    if (res >= 0 && f == NULL)
        close(res);
    if (f == NULL)
        return;
    wsk__lsock *l = f->obj;
    if (!(cqe->flags & IORING_CQE_F_MORE))
        l->armed = false;
    if (res >= 0) {
        wsk__listener_accepted(l, res);
        f = tag_file(u, cqe->user_data);
        if (f == NULL)
            return;
    }
    if (l->armed)
        return;
    if (res < 0 && !wsk__accept_error_is_passing(-res))
        wsk__listener_rest(l, -res);
    else if (io_listen(l) < 0)
        wsk__listener_rest(l, EAGAIN);
}

static void watch_done(uring_io *u, const struct io_uring_cqe *cqe)
{
    file *f = tag_file(u, cqe->user_data);

    if (f == NULL)
        return;
    wsk__watch *w = f->obj;
    w->armed = false;
    w->ready(w);
}

static void watch_wake(wsk_loop *loop)
{
    struct io_uring_sqe *sqe = new_request(loop->io_data, 0);

    /* The queue is empty whenever this is called. */
    if (sqe == NULL)
        return;
    io_uring_prep_poll_multishot(sqe, loop->wake_fd, POLLIN);
    sqe->user_data = tag(WSK__REQUEST_WAKE, 0, 0);
}

static void io_dispatch(wsk_loop *loop)
{
    uring_io *u = loop->io_data;
    unsigned left = io_uring_cq_ready(&u->ring);
    struct io_uring_cqe cqe;

    settle_all(loop);
    while (left > 0 && peek(u, &cqe)) {
        io_uring_cq_advance(&u->ring, 1);
        left--;
        switch (tag_kind(cqe.user_data)) {
        case WSK__REQUEST_RECV:
            recv_done(loop, &cqe, &left);
            break;
        case WSK__REQUEST_READABLE:
            readable_done(u, &cqe);
            break;
        case WSK__REQUEST_WRITABLE:
            writable_done(u, &cqe);
            break;
        case WSK__REQUEST_ACCEPT:
            accept_done(loop, &cqe);
            break;
        case WSK__REQUEST_WAKE:
            if (!(cqe.flags & IORING_CQE_F_MORE))
                watch_wake(loop);
            wsk__loop_woken(loop);
            break;
        case WSK__REQUEST_WATCH:
            watch_done(u, &cqe);
            break;
        case WSK__REQUEST_SEND: /* seen by scan() */
        case WSK__REQUEST_CANCEL:
            break;
        }
    }
}

/* ------------------------------------------------------------------------------- waiting -- */

static int enable(uring_io *u)
{
    /* liburing 2.3 forgets to export io_uring_enable_rings(). */
    int r = io_uring_register((unsigned)u->ring.ring_fd, IORING_REGISTER_ENABLE_RINGS, NULL, 0);

    if (r < 0) {
        errno = -r;
        return -1;
    }
    u->enabled = true;
    /* Spares the kernel a look-up per call; it works without, too. */
    (void)io_uring_register_ring_fd(&u->ring);
    return 0;
}

static bool io_ready(const wsk_loop *loop)
{
    const uring_io *u = loop->io_data;

    return io_uring_cq_ready(&u->ring) > 0 || (IO_URING_READ_ONCE(*u->ring.sq.kflags) &
                                               (IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW)) != 0;
}

static bool io_queued(const wsk_loop *loop)
{
    const uring_io *u = loop->io_data;

    return !u->enabled || u->head != u->tail || io_uring_sq_ready(&u->ring) > 0 ||
           io_uring_cq_ready(&u->ring) > 0;
}

static int io_wait(wsk_loop *loop, int timeout_ms)
{
    uring_io *u = loop->io_data;
    struct __kernel_timespec ts = {.tv_sec = timeout_ms / 1000,
                                   .tv_nsec = (long long)(timeout_ms % 1000) * 1000000};
    struct io_uring_cqe *cqe;
    eventfd_t count;
    int r;

    if (!u->enabled && enable(u) < 0)
        return -1;
    /* Before anything is looked at: what comes after that makes it readable again. */
    if (u->nest_fd >= 0)
        (void)eventfd_read(u->event_fd, &count);
    return_buffers(u);
    /* Sends that go well make no completion to wake up for, but their owners may have more to
     * send, or be waiting to close: settling them comes before blocking. */
    if (timeout_ms == 0 || u->head != u->tail)
        r = io_uring_submit_and_get_events(&u->ring);
    else if (timeout_ms < 0)
        r = io_uring_submit_and_wait(&u->ring, 1);
    else
        r = io_uring_submit_and_wait_timeout(&u->ring, &cqe, 1, &ts, NULL);
    if (r < 0 && r != -ETIME && r != -EINTR && r != -EAGAIN && r != -EBUSY) {
        errno = -r;
        return -1;
    }
    scan(u);
    return (int)io_uring_cq_ready(&u->ring) + (u->head != u->tail);
}

static void io_submit(wsk_loop *loop)
{
    submit_now(loop->io_data);
    settle_all(loop);
}

/* ----------------------------------------------------------------------------- accepting -- */

static int io_listen(wsk__lsock *l)
{
    uring_io *u = l->loop->io_data;

    WSK_TRY(open_file(l->loop, l->fd, l));
    struct io_uring_sqe *sqe = new_request(u, 0);
    if (sqe == NULL) {
        errno = EAGAIN;
        return WSK_ERR_SYS;
    }
    io_uring_prep_multishot_accept(sqe, l->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    sqe->user_data = tag(WSK__REQUEST_ACCEPT, u->files[l->fd].generation, (uint32_t)l->fd);
    l->armed = true;
    return WSK_OK;
}

static void io_unlisten(wsk__lsock *l)
{
    uring_io *u = l->loop->io_data;

    /* Frees the address at once, whenever the requests go. */
    shutdown(l->fd, SHUT_RDWR);
    if ((size_t)l->fd < u->n_files && u->files[l->fd].obj == l) {
        if (l->armed)
            cancel(u, tag(WSK__REQUEST_ACCEPT, u->files[l->fd].generation, (uint32_t)l->fd));
        forget_file(l->loop, &u->files[l->fd]);
    }
    l->armed = false;
    close_fd(u, l->fd);
    submit_now(u);
}

/* ------------------------------------------------------------------------------ watching -- */

static uint64_t watch_tag(const wsk__watch *w)
{
    const uring_io *u = w->loop->io_data;

    return tag(WSK__REQUEST_WATCH, u->files[w->fd].generation, (uint32_t)w->fd);
}

static int io_watch(wsk__watch *w)
{
    uring_io *u = w->loop->io_data;

    if (!w->known)
        WSK_TRY(open_file(w->loop, w->fd, w));
    w->known = true;
    struct io_uring_sqe *sqe = new_request(u, 0);
    if (sqe == NULL) {
        errno = EAGAIN;
        return WSK_ERR_SYS;
    }
    io_uring_prep_poll_add(sqe, w->fd, w->output ? POLLOUT : POLLIN);
    sqe->user_data = watch_tag(w);
    w->armed = true;
    return WSK_OK;
}

static void io_unwatch(wsk__watch *w)
{
    uring_io *u = w->loop->io_data;

    if (w->armed)
        cancel(u, watch_tag(w));
    if (w->known)
        forget_file(w->loop, &u->files[w->fd]);
    w->known = w->armed = false;
    /* The request names the descriptor's number, which may be another's before the next wait. */
    submit_now(u);
}

/* --------------------------------------------------------------------- making and freeing -- */

static size_t mapping_size(void)
{
    return RING_SIZE + BUFFERS * BUFFER_SIZE;
}

static void free_parts(wsk_loop *loop, uring_io *u)
{
    if (u->buf_ring != NULL)
        munmap(u->buf_ring, mapping_size());
    wsk__free(loop->hooks, u->arena);
    wsk__free(loop->hooks, u->bulk);
    for (size_t i = 0; i < u->n_files; i++)
        forget_file(loop, &u->files[i]);
    wsk__free(loop->hooks, u->files);
    wsk__free(loop->hooks, u);
}

static int make_ring(wsk_loop *loop, uring_io *u)
{
    struct io_uring_params params = {.cq_entries = CQ_ENTRIES};
    int r = loop->sys->uring_setup != NULL ? loop->sys->uring_setup() : 0;

    params.flags = IORING_SETUP_CQSIZE | IORING_SETUP_SUBMIT_ALL | IORING_SETUP_SINGLE_ISSUER |
                   IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_R_DISABLED;
    u->task_flag = loop->busy_us != 0;
    if (u->task_flag)
        params.flags |= IORING_SETUP_TASKRUN_FLAG;
    if (r == 0)
        r = io_uring_queue_init_params(SQ_ENTRIES, &u->ring, &params);
    return r;
}

/* Buffers come from mmap(2), because the kernel wants the ring on a page of its own. */
static int make_buffers(uring_io *u)
{
    struct io_uring_buf_reg reg = {.ring_entries = BUFFERS, .bgid = BUFFER_GROUP};
    void *p = mmap(NULL, mapping_size(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
                   0);

    if (p == MAP_FAILED)
        return -errno;
    u->buf_ring = p;
    u->buffers = (uint8_t *)p + RING_SIZE;
    reg.ring_addr = (uintptr_t)p;
    int r = io_uring_register_buf_ring(&u->ring, &reg, 0);
    if (r < 0)
        return r;
    io_uring_buf_ring_init(u->buf_ring);
    for (unsigned i = 0; i < BUFFERS; i++)
        return_buffer(u, i);
    return_buffers(u);
    return 0;
}

static int io_open(wsk_loop *loop)
{
    uring_io *u = wsk__alloc0(loop->hooks, sizeof(*u));

    if (u == NULL)
        return WSK_ERR_NOMEM;
    u->arena = wsk__alloc(loop->hooks, ARENA);
    u->bulk = wsk__alloc(loop->hooks, loop->recv_cap);
    if (u->arena == NULL || u->bulk == NULL) {
        free_parts(loop, u);
        errno = ENOMEM;
        return WSK_ERR_NOMEM;
    }
    int r = make_ring(loop, u);
    if (r == 0) {
        r = make_buffers(u);
        if (r < 0)
            io_uring_queue_exit(&u->ring);
    }
    if (r < 0) {
        free_parts(loop, u);
        errno = -r;
        return WSK_ERR_NOTSUP;
    }
    u->nest_fd = -1;
    loop->io_data = u;
    watch_wake(loop);
    return WSK_OK;
}

static void io_close(wsk_loop *loop)
{
    uring_io *u = loop->io_data;

    /* Descriptors are closed by requests. */
    if (!u->enabled)
        (void)enable(u);
    submit_now(u);
    /* Refused to a thread other than the one that ran the loop. */
    for (unsigned i = *u->ring.sq.khead; i != u->ring.sq.sqe_tail; i++) {
        const struct io_uring_sqe *sqe = &u->ring.sq.sqes[i & *u->ring.sq.kring_mask];

        if (sqe->opcode == IORING_OP_CLOSE)
            close(sqe->fd);
    }
    io_uring_queue_exit(&u->ring);
    if (u->nest_fd >= 0) {
        close(u->nest_fd);
        close(u->event_fd);
    }
    free_parts(loop, u);
}

static int nest(wsk_loop *loop)
{
    uring_io *u = loop->io_data;
    int event_fd, fd = wsk__nest_open(loop, &event_fd);

    if (fd >= 0 && io_uring_register_eventfd(&u->ring, event_fd) == 0) {
        u->event_fd = event_fd;
        u->nest_fd = fd;
        return fd;
    }
    if (fd >= 0) {
        close(event_fd);
        close(fd);
    }
    return u->ring.ring_fd;
}

static int io_fd(const wsk_loop *loop)
{
    const uring_io *u = loop->io_data;

    return u->nest_fd >= 0 ? u->nest_fd : nest((wsk_loop *)(uintptr_t)loop);
}

const wsk__io_ops wsk__io_uring = {
    .name = "io_uring",
    .open = io_open,
    .close = io_close,
    .fd = io_fd,
    .queued = io_queued,
    .wait = io_wait,
    .ready = io_ready,
    .dispatch = io_dispatch,
    .submit = io_submit,
    .stream_open = stream_open,
    .stream_close = stream_close,
    .stream_read = stream_read,
    .stream_pause = stream_pause,
    .stream_block = stream_block,
    .room = io_room,
    .send = io_send,
    .settle = stream_settle,
    .scratch = io_scratch,
    .listen = io_listen,
    .unlisten = io_unlisten,
    .watch = io_watch,
    .unwatch = io_unwatch,
};
