/* SPDX-License-Identifier: MIT */
/*
 * See bench_ring.h.
 *
 * A send is queued as MSG_DONTWAIT | MSG_WAITALL, and only one of each connection at a time, with
 * successes not reported: after the call that submits it either all of it went, or there is a
 * completion that says how much did. So frames count as sent when they are queued, and a
 * completion takes that back. All completions are looked at before the next sends are queued.
 */
#include "bench_ring.h"

#include <errno.h>
#include <liburing.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
    SQ_ENTRIES = 4096,
    CQ_ENTRIES = 16384,
    BUFFERS = 256, /* a power of two; few, so that they stay in the cache */
    BUFFERS_LARGE = 32,
    BUFFER_SMALL = 4096, /* octets; larger ones for larger messages */
    BUFFER_LARGE = 32768,
    GROUP = 0,
    CLOCK_EVERY = 16, /* completions between two looks at the clock */
};

enum { OP_RECEIVE = 0, OP_SEND = 1, OP_WRITABLE = 2, OP_CANCEL = 3 };

/* What was queued last, to take it back. */
typedef struct ring_send {
    size_t off, len;
    uint32_t frame, n;
    bool armed; /* a receive is under way */
} ring_send;

struct bench_ring {
    struct io_uring ring;
    struct io_uring_buf_ring *buffers;
    uint8_t *room;
    uint32_t n_buffers, buffer_len, returned, n_armed;
    size_t mapping;
    ring_send *sends; /* by the index of the connection */
    uint32_t *dirty;  /* indexes of connections that owe something */
    uint32_t n_dirty;
    bool ending;
};

/* -------------------------------------------------------------------------------- queue -- */

static struct io_uring_sqe *request(bench_ring *r)
{
    struct io_uring_sqe *sqe = io_uring_get_sqe(&r->ring);

    while (sqe == NULL) {
        (void)io_uring_submit(&r->ring);
        sqe = io_uring_get_sqe(&r->ring);
    }
    return sqe;
}

static void tag(struct io_uring_sqe *sqe, uint32_t index, unsigned op)
{
    sqe->user_data = (uint64_t)index << 2 | op;
}

static void arm(bench *b, uint32_t index)
{
    bench_ring *r = b->ring;
    struct io_uring_sqe *sqe = request(r);

    io_uring_prep_recv_multishot(sqe, (int)b->conns[index].slot, NULL, 0, 0);
    sqe->flags |= IOSQE_BUFFER_SELECT | IOSQE_FIXED_FILE;
    sqe->buf_group = GROUP;
    tag(sqe, index, OP_RECEIVE);
    r->sends[index].armed = true;
    r->n_armed++;
}

static void give_buffer(bench_ring *r, uint32_t i)
{
    io_uring_buf_ring_add(r->buffers, r->room + (size_t)i * r->buffer_len, r->buffer_len,
                          (unsigned short)i, (int)r->n_buffers - 1, (int)r->returned);
    r->returned++;
}

static void give_back(bench_ring *r)
{
    if (r->returned > 0)
        io_uring_buf_ring_advance(r->buffers, (int)r->returned);
    r->returned = 0;
}

/* ------------------------------------------------------------------------------ sending -- */

void bench_ring_flush(bench *b, bench_conn *c)
{
    if (c->dirty || c->blocked)
        return;
    c->dirty = true;
    b->ring->dirty[b->ring->n_dirty++] = bench_index(b, c);
}

/* True if something is left for the next turn. */
static bool queue_send(bench *b, bench_conn *c)
{
    const bench_chain *chain = &b->plan.chains[c->chain];
    ring_send *s = &b->ring->sends[bench_index(b, c)];

    if (c->control_n > 0 && c->frame_off == 0 && !bench_stream_flush_control(b, c)) {
        struct io_uring_sqe *poll = request(b->ring);
        io_uring_prep_poll_add(poll, (int)c->slot, POLLOUT);
        poll->flags |= IOSQE_FIXED_FILE;
        tag(poll, bench_index(b, c), OP_WRITABLE);
        return false;
    }
    if (c->owed == 0)
        return false;
    /* Without deflate all frames are alike: from the first on, most lie behind each other. */
    if (c->frame_off == 0 && !b->plan.deflate)
        c->frame = 0;
    size_t begin = bench_chain_begin(chain, c->frame) + c->frame_off;
    uint32_t last = c->owed < chain->n - c->frame ? c->frame + c->owed : chain->n;

    s->frame = c->frame;
    s->off = c->frame_off;
    s->len = chain->ends[last - 1] - begin;
    s->n = last - c->frame;
    struct io_uring_sqe *sqe = request(b->ring);
    io_uring_prep_send(sqe, (int)c->slot, chain->frames + begin, s->len,
                       MSG_DONTWAIT | MSG_WAITALL | MSG_NOSIGNAL);
    sqe->flags |= IOSQE_CQE_SKIP_SUCCESS | IOSQE_FIXED_FILE;
    tag(sqe, bench_index(b, c), OP_SEND);
    c->owed -= s->n;
    c->frame = last < chain->n ? last : 0;
    c->frame_off = 0;
    b->counts.sent += s->len;
    return c->owed > 0;
}

static void queue_sends(bench *b)
{
    bench_ring *r = b->ring;
    uint32_t left = 0;

    for (uint32_t i = 0; i < r->n_dirty; i++) {
        bench_conn *c = &b->conns[r->dirty[i]];
        c->dirty = false;
        if (c->fd < 0 || c->blocked || !queue_send(b, c))
            continue;
        c->dirty = true;
        r->dirty[left++] = r->dirty[i];
    }
    r->n_dirty = left;
}

static void send_failed(bench *b, bench_conn *c, int res)
{
    uint32_t index = bench_index(b, c);
    ring_send *s = &b->ring->sends[index];

    c->frame = s->frame;
    c->frame_off = s->off;
    c->owed += s->n;
    b->counts.sent -= s->len;
    if (res > 0) {
        b->counts.sent += (size_t)res;
        bench_stream_advance(c, &b->plan.chains[c->chain], (size_t)res);
    } else if (res < 0 && res != -EAGAIN && res != -EINTR && res != -ECANCELED) {
        bench_fail(b, c, "sending failed: %s", strerror(-res));
        return;
    }
    c->blocked = true;
    struct io_uring_sqe *sqe = request(b->ring);
    io_uring_prep_poll_add(sqe, (int)c->slot, POLLOUT);
    sqe->flags |= IOSQE_FIXED_FILE;
    tag(sqe, index, OP_WRITABLE);
}

/* -------------------------------------------------------------------------- completions -- */

static void received(bench *b, bench_conn *c, int res, uint32_t flags)
{
    bench_ring *r = b->ring;
    uint32_t index = bench_index(b, c);

    if (flags & IORING_CQE_F_BUFFER) {
        uint32_t i = flags >> IORING_CQE_BUFFER_SHIFT;
        if (res > 0 && c->fd >= 0)
            bench_stream_octets(b, c, r->room + (size_t)i * r->buffer_len, (size_t)res);
        give_buffer(r, i);
    }
    if (flags & IORING_CQE_F_MORE)
        return;
    r->sends[index].armed = false;
    r->n_armed--;
    if (c->fd < 0 || r->ending)
        return;
    if (res == 0)
        bench_stream_ended(b, c, 0);
    else if (res < 0 && res != -ENOBUFS && res != -EINTR && res != -ECANCELED)
        bench_stream_ended(b, c, -res);
    else
        arm(b, index);
}

static void completions(bench *b)
{
    bench_ring *r = b->ring;
    struct io_uring_cqe *cqe;
    unsigned head, n = 0;

    b->now = bench_clock();
    io_uring_for_each_cqe(&r->ring, head, cqe)
    {
        uint64_t data = cqe->user_data;
        bench_conn *c = &b->conns[data >> 2];

        if (++n % CLOCK_EVERY == 0)
            b->now = bench_clock();
        switch (data & 3) {
        case OP_RECEIVE:
            received(b, c, cqe->res, cqe->flags);
            break;
        case OP_SEND:
            if (c->fd >= 0)
                send_failed(b, c, cqe->res);
            break;
        case OP_WRITABLE:
            if (c->fd >= 0) {
                c->blocked = false;
                bench_ring_flush(b, c);
            }
            break;
        default:
            break;
        }
    }
    io_uring_cq_advance(&r->ring, n);
}

void bench_ring_turn(bench *b, uint64_t wait)
{
    bench_ring *r = b->ring;
    struct __kernel_timespec t = {.tv_sec = (int64_t)(wait / 1000000000u),
                                  .tv_nsec = (long long)(wait % 1000000000u)};
    struct io_uring_cqe *cqe;

    if (!r->ending)
        queue_sends(b);
    give_back(r);
    if (wait == 0 || r->n_dirty > 0) {
        if (io_uring_sq_ready(&r->ring) > 0)
            (void)io_uring_submit(&r->ring);
        /* The kernel says whether there is anything to be had. */
        if (*r->ring.sq.kflags & (IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW))
            (void)io_uring_get_events(&r->ring);
    } else {
        (void)io_uring_submit_and_wait_timeout(&r->ring, &cqe, 1, &t, NULL);
    }
    completions(b);
}

/* ------------------------------------------------------------------- beginning and end -- */

static void free_ring(bench *b)
{
    bench_ring *r = b->ring;

    io_uring_queue_exit(&r->ring);
    if (r->buffers != NULL)
        munmap(r->buffers, r->mapping);
    free(r->sends);
    free(r->dirty);
    free(r);
    b->ring = NULL;
}

static int make_buffers(bench *b, bench_ring *r)
{
    struct io_uring_buf_reg reg = {.bgid = GROUP};
    bool large = b->plan.size > BUFFER_SMALL - WSK__FRAME_HEAD_MAX;

    r->n_buffers = large ? BUFFERS_LARGE : BUFFERS;
    r->buffer_len = large ? BUFFER_LARGE : BUFFER_SMALL;
    size_t head = (r->n_buffers * sizeof(struct io_uring_buf) + 4095) & ~(size_t)4095;
    r->mapping = head + (size_t)r->n_buffers * r->buffer_len;
    void *p = mmap(NULL, r->mapping, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED)
        return -errno;
    r->buffers = p;
    r->room = (uint8_t *)p + head;
    reg.ring_addr = (uintptr_t)p;
    reg.ring_entries = r->n_buffers;
    int e = io_uring_register_buf_ring(&r->ring, &reg, 0);
    if (e < 0)
        return e;
    io_uring_buf_ring_init(r->buffers);
    for (uint32_t i = 0; i < r->n_buffers; i++)
        give_buffer(r, i);
    give_back(r);
    return 0;
}

static int register_sockets(bench *b)
{
    int *fds = malloc(b->n_slots * sizeof(*fds));

    if (fds == NULL)
        return -ENOMEM;
    for (uint32_t i = 0; i < b->n_slots; i++)
        fds[i] = b->conns[b->slots[i]].fd;
    int e = io_uring_register_files(&b->ring->ring, fds, b->n_slots);
    free(fds);
    return e;
}

int bench_ring_begin(bench *b)
{
    struct io_uring_params params = {.cq_entries = CQ_ENTRIES};
    bench_ring *r = calloc(1, sizeof(*r));
    int e = -ENOMEM;

    if (r == NULL)
        return e;
    params.flags = IORING_SETUP_CQSIZE | IORING_SETUP_SUBMIT_ALL | IORING_SETUP_SINGLE_ISSUER |
                   IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_TASKRUN_FLAG;
    e = io_uring_queue_init_params(SQ_ENTRIES, &r->ring, &params);
    if (e < 0) {
        free(r);
        return e;
    }
    b->ring = r;
    r->sends = calloc(b->n_conns, sizeof(*r->sends));
    r->dirty = calloc(b->n_conns, sizeof(*r->dirty));
    e = r->sends == NULL || r->dirty == NULL ? -ENOMEM : make_buffers(b, r);
    if (e == 0)
        e = register_sockets(b);
    if (e < 0) {
        free_ring(b);
        return e;
    }
    (void)io_uring_register_ring_fd(&r->ring);
    for (uint32_t i = 0; i < b->n_slots; i++) {
        (void)epoll_ctl(b->epoll_fd, EPOLL_CTL_DEL, b->conns[b->slots[i]].fd, NULL);
        arm(b, b->slots[i]);
    }
    return 0;
}

void bench_ring_drop(bench *b, bench_conn *c)
{
    /* The ring holds the socket, too: closing it alone would end nothing. */
    (void)shutdown(c->fd, SHUT_RDWR);
    (void)b;
}

void bench_ring_end(bench *b)
{
    bench_ring *r = b->ring;
    uint64_t until = bench_clock() + 1000000000u;

    if (r == NULL)
        return;
    r->ending = true;
    /* A receive that is forgotten rather than ended might still take octets. */
    struct io_uring_sqe *sqe = request(r);
    io_uring_prep_cancel64(sqe, 0, IORING_ASYNC_CANCEL_ANY | IORING_ASYNC_CANCEL_ALL);
    tag(sqe, 0, OP_CANCEL);
    while (r->n_armed > 0 && bench_clock() < until)
        bench_ring_turn(b, 20000000);
    free_ring(b);
    for (uint32_t i = 0; i < b->n_slots; i++) {
        bench_conn *c = &b->conns[b->slots[i]];
        struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
                                    .data.u32 = b->slots[i]};
        c->dirty = false;
        if (c->fd >= 0 && epoll_ctl(b->epoll_fd, EPOLL_CTL_ADD, c->fd, &event) < 0)
            bench_drop(b, c, true);
    }
}
