/* SPDX-License-Identifier: MIT */
/*
 * io_uring on the kernel of torture_kernel.h: the calls of liburing that loop_uring.c makes are
 * taken over by the linker, and the rings are memory of this file. Sends and closes are done when
 * they are submitted; receives, polls and accepts wait, and complete when the loop asks for
 * events. A receive, a send or an accept is one call of the kernel, and fails as that does.
 */
#include <errno.h>
#include <liburing.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "torture_kernel.h"

#define SQ      1024
#define CQ      4096
#define PENDING 256

typedef struct pending {
    uint64_t user_data;
    int fd;
    uint8_t op;
    bool used, goes_on, polled;
    uint32_t events;
    uint64_t seen; /* edges of its file, when it was polled */
} pending;

static struct {
    unsigned sq_head, sq_tail, sq_mask, sq_entries, sq_flags, sq_dropped;
    unsigned cq_head, cq_tail, cq_mask, cq_entries, cq_flags, cq_overflow;
    unsigned array[SQ];
    struct io_uring_sqe *sqes;
    struct io_uring_cqe *cqes;
    pending list[PENDING];
    unsigned n;
    struct io_uring_buf_ring *buffers;
    unsigned buffer_mask;
    uint16_t buffer_head;
} u;

int __wrap_io_uring_queue_init_params(unsigned entries, struct io_uring *ring,
                                      struct io_uring_params *p);
void __wrap_io_uring_queue_exit(struct io_uring *ring);
int __wrap_io_uring_register(unsigned fd, unsigned opcode, const void *arg, unsigned n);
int __wrap_io_uring_register_ring_fd(struct io_uring *ring);
int __wrap_io_uring_register_buf_ring(struct io_uring *ring, struct io_uring_buf_reg *reg,
                                      unsigned flags);
int __wrap_io_uring_submit(struct io_uring *ring);
int __wrap_io_uring_submit_and_wait(struct io_uring *ring, unsigned n);
int __wrap_io_uring_submit_and_get_events(struct io_uring *ring);
int __wrap_io_uring_submit_and_wait_timeout(struct io_uring *ring, struct io_uring_cqe **cqe,
                                            unsigned n, struct __kernel_timespec *ts,
                                            sigset_t *set);

/* ------------------------------------------------------------------------------ completions -- */

static void complete(uint64_t user_data, int res, unsigned flags)
{
    if (u.cq_tail - u.cq_head == CQ) {
        tk_wrong("the completion queue overflows");
        return;
    }
    struct io_uring_cqe *c = &u.cqes[u.cq_tail & (CQ - 1)];
    c->user_data = user_data;
    c->res = res;
    c->flags = flags;
    u.cq_tail++;
}

/* What a poll would see, and whether that is new. */
static uint32_t polled(const pending *p, bool *ret_new)
{
    const tk_file *f = tk_file_at(p->fd);

    *ret_new = f != NULL && (!p->polled || p->seen != f->edges);
    return f == NULL ? 0 : tk_readiness(f) & (p->events | POLLERR | POLLHUP);
}

static bool would_fire(const pending *p)
{
    const tk_file *f = tk_file_at(p->fd);
    bool is_new;

    if (!p->used || f == NULL)
        return false;
    if (p->op == IORING_OP_POLL_ADD)
        return polled(p, &is_new) != 0 && is_new;
    return (tk_readiness(f) & EPOLLIN) != 0;
}

static bool is_ready(void)
{
    bool ready = u.cq_head != u.cq_tail;

    for (unsigned i = 0; i < u.n && !ready; i++)
        ready = would_fire(&u.list[i]);
    return ready;
}

static void fire_poll(pending *p)
{
    bool is_new;
    const uint32_t events = polled(p, &is_new);

    p->polled = true;
    p->seen = tk_file_at(p->fd)->edges;
    p->used = p->goes_on;
    complete(p->user_data, (int)events, p->goes_on ? IORING_CQE_F_MORE : 0);
}

static void fire_recv(pending *p)
{
    while (would_fire(p)) {
        if (u.buffer_head == u.buffers->tail) {
            p->used = false;
            complete(p->user_data, -ENOBUFS, 0);
            return;
        }
        const struct io_uring_buf *b = &u.buffers->bufs[u.buffer_head & u.buffer_mask];
        ssize_t n = tk.sys.recv(p->fd, (void *)(uintptr_t)b->addr, b->len, 0);

        if (n <= 0) {
            p->used = false;
            complete(p->user_data, n < 0 ? -errno : 0, 0);
            return;
        }
        u.buffer_head++;
        complete(p->user_data, (int)n,
                 IORING_CQE_F_MORE | IORING_CQE_F_BUFFER |
                     (unsigned)b->bid << IORING_CQE_BUFFER_SHIFT);
    }
}

static void fire_accept(pending *p)
{
    while (would_fire(p)) {
        int fd = tk.sys.accept4(p->fd, NULL, NULL, 0);

        p->used = fd >= 0;
        complete(p->user_data, fd >= 0 ? fd : -errno, fd >= 0 ? IORING_CQE_F_MORE : 0);
    }
}

static void fire(void)
{
    unsigned kept = 0;

    for (unsigned i = 0; i < u.n; i++) {
        pending *p = &u.list[i];

        if (!would_fire(p))
            continue;
        if (p->op == IORING_OP_POLL_ADD)
            fire_poll(p);
        else if (p->op == IORING_OP_RECV)
            fire_recv(p);
        else
            fire_accept(p);
    }
    for (unsigned i = 0; i < u.n; i++) {
        if (u.list[i].used)
            u.list[kept++] = u.list[i];
    }
    u.n = kept;
}

/* ------------------------------------------------------------------------------- submission -- */

static void settle(const struct io_uring_sqe *q, int res, int whole)
{
    if (res != whole || !(q->flags & IOSQE_CQE_SKIP_SUCCESS))
        complete(q->user_data, res, 0);
}

static void cancel(const struct io_uring_sqe *q)
{
    for (unsigned i = 0; i < u.n; i++) {
        if (!u.list[i].used || u.list[i].user_data != q->addr)
            continue;
        u.list[i].used = false;
        complete(q->addr, -ECANCELED, 0);
        settle(q, 0, 0);
        return;
    }
    settle(q, -ENOENT, 0);
}

/* A request holds its file: closed before that is taken back, the connection would stay. */
static void close_file(const struct io_uring_sqe *q)
{
    for (unsigned i = 0; i < u.n; i++) {
        if (u.list[i].used && u.list[i].fd == q->fd)
            tk_wrong("closed with a request pending");
    }
    settle(q, close(q->fd) < 0 ? -errno : 0, 0);
}

static void submit_one(const struct io_uring_sqe *q)
{
    const struct msghdr *msg = (const void *)(uintptr_t)q->addr;
    size_t whole = q->len;
    ssize_t n;

    switch (q->opcode) {
    case IORING_OP_NOP:
        settle(q, 0, 0);
        break;
    case IORING_OP_SEND:
        n = tk.sys.send(q->fd, (const void *)(uintptr_t)q->addr, q->len, (int)q->msg_flags);
        settle(q, n < 0 ? -errno : (int)n, (int)whole);
        break;
    case IORING_OP_SENDMSG:
        n = tk.sys.sendmsg(q->fd, msg, (int)q->msg_flags);
        whole = 0;
        for (size_t i = 0; i < msg->msg_iovlen; i++)
            whole += msg->msg_iov[i].iov_len;
        settle(q, n < 0 ? -errno : (int)n, (int)whole);
        break;
    case IORING_OP_ASYNC_CANCEL:
        cancel(q);
        break;
    case IORING_OP_CLOSE:
        close_file(q);
        break;
    case IORING_OP_RECV:
    case IORING_OP_POLL_ADD:
    case IORING_OP_ACCEPT:
        if (u.n == PENDING)
            tk_wrong("too many requests are pending");
        else
            u.list[u.n++] = (pending){.user_data = q->user_data,
                                      .fd = q->fd,
                                      .op = q->opcode,
                                      .used = true,
                                      .goes_on = (q->len & IORING_POLL_ADD_MULTI) != 0,
                                      .events = q->poll32_events};
        break;
    default:
        tk_wrong("request %d is not known", q->opcode);
        break;
    }
}

/* The kernel may take less than there is: one, where it falls short. */
static int submit(struct io_uring *ring, bool one)
{
    int n = 0;

    while (u.sq_head != ring->sq.sqe_tail && !(one && n > 0)) {
        submit_one(&u.sqes[u.sq_head & (SQ - 1)]);
        u.sq_head++;
        n++;
    }
    u.sq_tail = ring->sq.sqe_head = ring->sq.sqe_tail;
    return n;
}

int __wrap_io_uring_submit(struct io_uring *ring)
{
    const bool fault = tk_fails(TK_SUBMIT);

    if (fault && tk.fault.err != TK_SHORT)
        return -tk.fault.err;
    return submit(ring, fault);
}

/* Time stands while the endpoint runs: nothing is waited for. */
int __wrap_io_uring_submit_and_get_events(struct io_uring *ring)
{
    const bool fault = tk_fails(TK_ENTER);

    if (fault && tk.fault.err != TK_SHORT)
        return -tk.fault.err;
    int n = submit(ring, fault);
    fire();
    return n;
}

int __wrap_io_uring_submit_and_wait(struct io_uring *ring, unsigned n)
{
    (void)n;
    return __wrap_io_uring_submit_and_get_events(ring);
}

int __wrap_io_uring_submit_and_wait_timeout(struct io_uring *ring, struct io_uring_cqe **cqe,
                                            unsigned n, struct __kernel_timespec *ts, sigset_t *set)
{
    (void)cqe;
    (void)n;
    (void)ts;
    (void)set;
    return __wrap_io_uring_submit_and_get_events(ring);
}

/* ---------------------------------------------------------------------------------- set-up -- */

int __wrap_io_uring_queue_init_params(unsigned entries, struct io_uring *ring,
                                      struct io_uring_params *p)
{
    if (entries != SQ || p->cq_entries != CQ)
        return -EINVAL;
    int fd = tk_make(TK_RING, TK_IS_EPOLL);
    if (fd < 0)
        return -errno;
    memset(&u, 0, sizeof(u));
    u.sqes = calloc(SQ, sizeof(*u.sqes));
    u.cqes = calloc(CQ, sizeof(*u.cqes));
    if (u.sqes == NULL || u.cqes == NULL)
        abort();
    u.sq_mask = SQ - 1;
    u.cq_mask = CQ - 1;
    u.sq_entries = SQ;
    u.cq_entries = CQ;
    memset(ring, 0, sizeof(*ring));
    ring->sq.khead = &u.sq_head;
    ring->sq.ktail = &u.sq_tail;
    ring->sq.kring_mask = &u.sq_mask;
    ring->sq.kring_entries = &u.sq_entries;
    ring->sq.kflags = &u.sq_flags;
    ring->sq.kdropped = &u.sq_dropped;
    ring->sq.array = u.array;
    ring->sq.sqes = u.sqes;
    ring->sq.ring_mask = u.sq_mask;
    ring->sq.ring_entries = SQ;
    ring->cq.khead = &u.cq_head;
    ring->cq.ktail = &u.cq_tail;
    ring->cq.kring_mask = &u.cq_mask;
    ring->cq.kring_entries = &u.cq_entries;
    ring->cq.kflags = &u.cq_flags;
    ring->cq.koverflow = &u.cq_overflow;
    ring->cq.cqes = u.cqes;
    ring->cq.ring_mask = u.cq_mask;
    ring->cq.ring_entries = CQ;
    ring->ring_fd = ring->enter_ring_fd = fd;
    tk.ring_is_ready = is_ready;
    return 0;
}

void __wrap_io_uring_queue_exit(struct io_uring *ring)
{
    close(ring->ring_fd);
    free(u.sqes);
    free(u.cqes);
    u.sqes = NULL;
    u.cqes = NULL;
    tk.ring_is_ready = NULL;
}

int __wrap_io_uring_register(unsigned fd, unsigned opcode, const void *arg, unsigned n)
{
    (void)fd;
    (void)arg;
    (void)n;
    if (opcode != IORING_REGISTER_ENABLE_RINGS)
        return -EINVAL;
    return tk_fails(TK_ENABLE) ? -tk.fault.err : 0;
}

int __wrap_io_uring_register_ring_fd(struct io_uring *ring)
{
    (void)ring;
    return tk_fails(TK_RING_FD) ? -tk.fault.err : 1;
}

int __wrap_io_uring_register_buf_ring(struct io_uring *ring, struct io_uring_buf_reg *reg,
                                      unsigned flags)
{
    (void)ring;
    (void)flags;
    if (tk_fails(TK_BUFFERS))
        return -tk.fault.err;
    u.buffers = (struct io_uring_buf_ring *)(uintptr_t)reg->ring_addr;
    u.buffer_mask = reg->ring_entries - 1;
    return 0;
}
