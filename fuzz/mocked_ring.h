/* SPDX-License-Identifier: MIT */
/*
 * An io_uring that does what the input says, on the sockets of mocked_files.h: requests that are
 * tried late, completions that come late and in another order, queues that are full or overflow,
 * multishot requests that end, calls that fail. What it does, Linux may do, but for the sizes of
 * the queues, which are an input's choice, so that a few octets fill them. The calls of liburing
 * are taken over by the linker (--wrap).
 *
 * As Linux does it with the flags of loop_uring.c (IORING_SETUP_DEFER_TASKRUN): a request is tried
 * when it is submitted. What has to wait is tried again when events are asked for, and a
 * cancellation is told then, too.
 */
#ifndef FUZZ_MOCKED_RING_H
#define FUZZ_MOCKED_RING_H

#include <liburing.h>

#include "mocked_files.h"
#include "net/loop_uring.h"

#if defined(__SANITIZE_ADDRESS__)
#define RING_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define RING_ASAN 1
#endif
#endif
#ifdef RING_ASAN
#include <sanitizer/asan_interface.h>
#endif

#define RING_SQ       WSK__URING_SQ_ENTRIES
#define RING_CQ       WSK__URING_CQ_ENTRIES
#define RING_OVERFLOW 8192
#define RING_REQUESTS 1024

typedef struct ring_request {
    uint64_t user_data;
    ring_file *file;
    uint8_t op;
    bool goes_on, cancelled;
    bool tried; /* and waits until the edges are others */
    uint32_t events;
    uint64_t seen;
} ring_request;

static struct {
    unsigned sq_head, sq_tail, sq_mask, sq_entries, sq_flags, sq_dropped;
    unsigned cq_head, cq_tail, cq_mask, cq_entries, cq_flags, cq_overflow;
    unsigned array[RING_SQ];
    struct io_uring_sqe sqes[RING_SQ];
    struct io_uring_cqe *cqes, *over; /* made once */
    unsigned n_over;
    bool made, tells; /* IORING_SETUP_TASKRUN_FLAG */
    ring_request requests[RING_REQUESTS];
    unsigned n;
    struct io_uring_buf_ring *buffers;
    unsigned buffer_mask;
    uint16_t buffer_head, buffer_seen;
    /* The generation with which requests named the descriptor, and the file that it was then. */
    uint32_t generation[RING_FDS];
    uint64_t generation_of[RING_FDS];
} uring;

/* --------------------------------------------------------------------------- completions -- */

static bool ring_cq_is_full(void)
{
    return uring.n_over > 0 || uring.cq_tail - uring.cq_head == uring.cq_entries;
}

static void ring_complete(uint64_t user_data, int res, unsigned flags)
{
    const struct io_uring_cqe c = {.user_data = user_data, .res = res, .flags = flags};

    if (ring_cq_is_full()) {
        RING_CHECK(uring.n_over < RING_OVERFLOW);
        uring.over[uring.n_over++] = c;
        uring.sq_flags |= IORING_SQ_CQ_OVERFLOW;
        return;
    }
    uring.cqes[uring.cq_tail & uring.cq_mask] = c;
    uring.cq_tail++;
}

/* One more of a multishot request. False: it was the last, there is no room for others. */
static bool ring_post(const ring_request *q, int res, unsigned flags)
{
    bool over = ring_cq_is_full() || (kernel.mood.ends_in > 0 && --kernel.mood.ends_in == 0);

    ring_complete(q->user_data, res, flags | (over ? 0 : IORING_CQE_F_MORE));
    return !over;
}

static void ring_flush_overflow(void)
{
    unsigned n = 0;

    while (n < uring.n_over && uring.cq_tail - uring.cq_head < uring.cq_entries) {
        uring.cqes[uring.cq_tail & uring.cq_mask] = uring.over[n++];
        uring.cq_tail++;
    }
    memmove(uring.over, uring.over + n, (uring.n_over - n) * sizeof(*uring.over));
    uring.n_over -= n;
    if (uring.n_over == 0)
        uring.sq_flags &= ~IORING_SQ_CQ_OVERFLOW;
}

/* ------------------------------------------------------------------------------- requests -- */

/* Buffers that the kernel was given are the kernel's. */
static void ring_see_buffers(void)
{
    for (; uring.buffer_seen != uring.buffers->tail; uring.buffer_seen++) {
        const struct io_uring_buf *b = &uring.buffers->bufs[uring.buffer_seen & uring.buffer_mask];
#ifdef RING_ASAN
        __asan_poison_memory_region((void *)(uintptr_t)b->addr, b->len);
#else
        memset((void *)(uintptr_t)b->addr, 0xDB, b->len);
#endif
    }
    RING_CHECK((uint16_t)(uring.buffer_seen - uring.buffer_head) <= uring.buffer_mask + 1);
}

/* The functions that try a request return true when it is over. */
static bool ring_try_recv(ring_request *q)
{
    for (;;) {
        if (uring.buffer_head == uring.buffer_seen) {
            ring_complete(q->user_data, -ENOBUFS, 0);
            return true;
        }
        const struct io_uring_buf *b = &uring.buffers->bufs[uring.buffer_head & uring.buffer_mask];
        void *p = (void *)(uintptr_t)b->addr;
#ifdef RING_ASAN
        __asan_unpoison_memory_region(p, b->len);
#endif
        ssize_t n = ring_take(q->file, p, b->len, 0);
#ifdef RING_ASAN
        size_t used = n > 0 ? (size_t)n : 0;
        __asan_poison_memory_region((uint8_t *)p + used, b->len - used);
#endif
        if (n == -EAGAIN)
            return false;
        if (n <= 0) {
            ring_complete(q->user_data, (int)n, 0);
            return true;
        }
        uring.buffer_head++;
        if (!ring_post(q, (int)n,
                       IORING_CQE_F_BUFFER | (unsigned)b->bid << IORING_CQE_BUFFER_SHIFT))
            return true;
        if (q->file->lost && q->file->in_off == q->file->in_n) {
            q->file->lost = false;
            return false;
        }
    }
}

static bool ring_try_accept(ring_request *q)
{
    ring_file *f = q->file;

    for (;;) {
        int err = kernel.mood.accept_err;

        if (f->shut_in)
            err = EINVAL;
        else if (f->n_waiting == 0)
            return false;
        kernel.mood.accept_err = 0;
        if (err != 0) {
            ring_complete(q->user_data, -err, 0);
            return true;
        }
        ring_file *g = &kernel.files[f->waiting[0]];
        memmove(f->waiting, f->waiting + 1, --f->n_waiting);
        int fd = ring_fd_new(g);
        ring_let_go(g); /* the queue's */
        if (!ring_post(q, fd, 0))
            return true;
    }
}

static bool ring_try_poll(ring_request *q)
{
    uint32_t events = ring_readiness(q->file) & (q->events | POLLERR | POLLHUP);

    if (events == 0)
        return false;
    if (q->goes_on)
        return !ring_post(q, (int)events, 0);
    ring_complete(q->user_data, (int)events, 0);
    return true;
}

static bool ring_try(ring_request *q)
{
    bool over;

    q->tried = true;
    q->seen = q->file->edges;
    switch (q->op) {
    case IORING_OP_RECV:
        over = ring_try_recv(q);
        break;
    case IORING_OP_ACCEPT:
        over = ring_try_accept(q);
        break;
    default:
        over = ring_try_poll(q);
        break;
    }
    return over;
}

static void ring_over(unsigned i)
{
    ring_let_go(uring.requests[i].file);
    memmove(uring.requests + i, uring.requests + i + 1, (--uring.n - i) * sizeof(*uring.requests));
}

/* Completes what can be completed. */
static void ring_work(void)
{
    unsigned n = uring.n;
    unsigned at = n > 0 ? kernel.mood.turn % n : 0;

    ring_see_buffers();
    ring_flush_overflow();
    uring.sq_flags &= ~IORING_SQ_TASKRUN;
    if (kernel.mood.sleepy > 0) {
        kernel.mood.sleepy--;
        return;
    }
    while (n-- > 0) {
        if (at >= uring.n)
            at = 0;
        ring_request *q = &uring.requests[at];

        if (q->cancelled) {
            ring_complete(q->user_data, -ECANCELED, 0);
            ring_over(at);
        } else if ((!q->tried || q->seen != q->file->edges) && ring_try(q)) {
            ring_over(at);
        } else {
            at++;
        }
    }
}

/* A generation belongs to one file: else a request that was queued for one meets another. */
static void ring_check_generation(const struct io_uring_sqe *q, const ring_file *f)
{
    uint32_t generation = (uint32_t)(q->user_data >> 8 & 0xFFFFFF);
    unsigned i = (unsigned)(q->user_data >> 32) - RING_BASE;
    unsigned kind = (unsigned)(q->user_data & 0xFF);

    if (kind == WSK__REQUEST_WAKE)
        return;
    RING_CHECK(i < RING_FDS && q->fd == (int)i + RING_BASE);
    if (uring.generation_of[i] != 0 && uring.generation[i] == generation)
        RING_CHECK(uring.generation_of[i] == f->serial);
    uring.generation[i] = generation;
    uring.generation_of[i] = f->serial;
}

static void ring_start(const struct io_uring_sqe *q)
{
    ring_file *f = ring_open_file(q->fd);
    ring_request *n = &uring.requests[uring.n];

    RING_CHECK(uring.n < RING_REQUESTS);
    ring_check_generation(q, f);
    *n = (ring_request){.user_data = q->user_data, .file = f, .op = q->opcode};
    if (q->opcode == IORING_OP_POLL_ADD) {
        n->events = q->poll32_events;
        n->goes_on = (q->len & IORING_POLL_ADD_MULTI) != 0;
    } else {
        n->goes_on = true;
    }
    f->held++;
    uring.n++;
    if (kernel.mood.late > 0)
        kernel.mood.late--;
    else if (ring_try(n))
        ring_over(uring.n - 1);
}

static void ring_cancel(const struct io_uring_sqe *q)
{
    for (unsigned i = uring.n; i-- > 0;) {
        if (uring.requests[i].cancelled || uring.requests[i].user_data != q->addr)
            continue;
        uring.requests[i].cancelled = true;
        return;
    }
    ring_complete(q->user_data, -ENOENT, 0);
}

/* Over at once: it is told not to wait. */
static void ring_try_send(const struct io_uring_sqe *q)
{
    const struct iovec one = {(void *)(uintptr_t)q->addr, q->len};
    const struct msghdr *msg = (const void *)(uintptr_t)q->addr;
    bool is_one = q->opcode == IORING_OP_SEND;
    const struct iovec *iov = is_one ? &one : msg->msg_iov;
    size_t n = is_one ? 1 : msg->msg_iovlen, total = 0;

    RING_CHECK((q->msg_flags & (MSG_DONTWAIT | MSG_WAITALL)) == (MSG_DONTWAIT | MSG_WAITALL));
    for (size_t i = 0; i < n; i++)
        total += iov[i].iov_len;
    ssize_t sent = ring_give(ring_open_file(q->fd), iov, n);
    if (sent != (ssize_t)total)
        ring_complete(q->user_data, (int)sent, 0);
}

static void ring_submit_one(const struct io_uring_sqe *q)
{
    switch (q->opcode) {
    case IORING_OP_NOP:
        break;
    case IORING_OP_SENDMSG:
    case IORING_OP_SEND:
        ring_try_send(q);
        return;
    case IORING_OP_ASYNC_CANCEL:
        ring_cancel(q);
        break;
    case IORING_OP_CLOSE:
        ring_close(q->fd);
        break;
    case IORING_OP_RECV:
    case IORING_OP_POLL_ADD:
    case IORING_OP_ACCEPT:
        ring_start(q);
        return;
    default:
        abort();
    }
    RING_CHECK(q->flags & IOSQE_CQE_SKIP_SUCCESS);
}

/* Whoever does not wait looks at a flag that says whether it would be worth it. */
static void ring_tell(void)
{
    for (unsigned i = 0; i < uring.n && uring.tells; i++) {
        const ring_request *q = &uring.requests[i];

        if (q->cancelled || !q->tried || q->seen != q->file->edges)
            uring.sq_flags |= IORING_SQ_TASKRUN;
    }
}

/* What io_uring_enter(2) returns. */
static int ring_enter(struct io_uring *ring, bool events)
{
    int n = 0;

    RING_CHECK(uring.made);
    if (kernel.mood.enter_fails > 0) {
        kernel.mood.enter_fails--;
        return -kernel.mood.enter_err;
    }
    ring_see_buffers();
    unsigned take = kernel.mood.take;
    kernel.mood.take = 0;
    while (uring.sq_head != ring->sq.sqe_tail && (take == 0 || n < (int)take)) {
        ring_submit_one(&uring.sqes[uring.sq_head & uring.sq_mask]);
        uring.sq_head++;
        n++;
    }
    uring.sq_tail = ring->sq.sqe_head = ring->sq.sqe_tail;
    if (events && uring.sq_head == uring.sq_tail)
        ring_work();
    return n;
}

/* ------------------------------------------------------------------------------- liburing -- */

int __wrap_io_uring_queue_init_params(unsigned entries, struct io_uring *ring,
                                      struct io_uring_params *p);
void __wrap_io_uring_queue_exit(struct io_uring *ring);
int __wrap_io_uring_register(unsigned fd, unsigned opcode, const void *arg, unsigned n);
int __wrap_io_uring_register_ring_fd(struct io_uring *ring);
int __wrap_io_uring_register_buf_ring(struct io_uring *ring, struct io_uring_buf_reg *reg,
                                      unsigned flags);
int __wrap_io_uring_register_eventfd(struct io_uring *ring, int fd);
int __wrap_io_uring_submit(struct io_uring *ring);
int __wrap_io_uring_get_events(struct io_uring *ring);
int __wrap_io_uring_submit_and_wait(struct io_uring *ring, unsigned n);
int __wrap_io_uring_submit_and_get_events(struct io_uring *ring);
int __wrap_io_uring_submit_and_wait_timeout(struct io_uring *ring, struct io_uring_cqe **cqe,
                                            unsigned n, struct __kernel_timespec *ts,
                                            sigset_t *set);

/* liburing asks for events, too, where the kernel says that some wait. */
int __wrap_io_uring_submit(struct io_uring *ring)
{
    return ring_enter(ring, (uring.sq_flags & (IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW)) != 0);
}

int __wrap_io_uring_submit_and_get_events(struct io_uring *ring)
{
    return ring_enter(ring, true);
}

int __wrap_io_uring_get_events(struct io_uring *ring)
{
    RING_CHECK(ring->ring_fd > 0);
    ring_work();
    return 0;
}

/* Who waits hears of other threads. */
static void ring_check_wake(int taken)
{
    unsigned i = 0;

    if (taken < 0 || uring.cq_tail != uring.cq_head || uring.sq_head != uring.sq_tail)
        return;
    while (i < uring.n && ((uring.requests[i].user_data & 0xFF) != WSK__REQUEST_WAKE ||
                           uring.requests[i].cancelled))
        i++;
    RING_CHECK(i < uring.n);
}

/* Nobody else runs while it waits: a signal ends it. */
int __wrap_io_uring_submit_and_wait(struct io_uring *ring, unsigned n)
{
    int taken = ring_enter(ring, true);

    (void)n;
    ring_check_wake(taken);
    return taken == 0 && uring.cq_tail == uring.cq_head ? -EINTR : taken;
}

int __wrap_io_uring_submit_and_wait_timeout(struct io_uring *ring, struct io_uring_cqe **cqe,
                                            unsigned n, struct __kernel_timespec *ts, sigset_t *set)
{
    /* With something in the queue liburing does not ask for events. */
    int taken = ring_enter(ring, uring.cq_tail == uring.cq_head);

    (void)cqe;
    (void)n;
    (void)set;
    ring_check_wake(taken);
    if (taken < 0 || uring.cq_tail != uring.cq_head)
        return taken;
    kernel.clock_us += (uint64_t)ts->tv_sec * 1000000 + (uint64_t)ts->tv_nsec / 1000;
    return -ETIME;
}

int __wrap_io_uring_queue_init_params(unsigned entries, struct io_uring *ring,
                                      struct io_uring_params *p)
{
    RING_CHECK(entries == RING_SQ && p->cq_entries == RING_CQ && !uring.made);
    memset(ring, 0, sizeof(*ring));
    ring->sq.khead = &uring.sq_head;
    ring->sq.ktail = &uring.sq_tail;
    ring->sq.kring_mask = &uring.sq_mask;
    ring->sq.kring_entries = &uring.sq_entries;
    ring->sq.kflags = &uring.sq_flags;
    ring->sq.kdropped = &uring.sq_dropped;
    ring->sq.array = uring.array;
    ring->sq.sqes = uring.sqes;
    ring->sq.ring_mask = uring.sq_mask;
    ring->sq.ring_entries = uring.sq_entries;
    ring->cq.khead = &uring.cq_head;
    ring->cq.ktail = &uring.cq_tail;
    ring->cq.kring_mask = &uring.cq_mask;
    ring->cq.kring_entries = &uring.cq_entries;
    ring->cq.kflags = &uring.cq_flags;
    ring->cq.koverflow = &uring.cq_overflow;
    ring->cq.cqes = uring.cqes;
    ring->cq.ring_mask = uring.cq_mask;
    ring->cq.ring_entries = uring.cq_entries;
    ring->ring_fd = ring->enter_ring_fd = ring_make_fd(FILE_OTHER);
    uring.made = true;
    uring.tells = (p->flags & IORING_SETUP_TASKRUN_FLAG) != 0;
    return 0;
}

void __wrap_io_uring_queue_exit(struct io_uring *ring)
{
    while (uring.n > 0)
        ring_over(uring.n - 1);
#ifdef RING_ASAN
    for (; uring.buffer_head != uring.buffer_seen; uring.buffer_head++) {
        const struct io_uring_buf *b = &uring.buffers->bufs[uring.buffer_head & uring.buffer_mask];
        __asan_unpoison_memory_region((void *)(uintptr_t)b->addr, b->len);
    }
#endif
    ring_close(ring->ring_fd);
    uring.made = false;
}

int __wrap_io_uring_register(unsigned fd, unsigned opcode, const void *arg, unsigned n)
{
    (void)arg;
    (void)n;
    RING_CHECK(ring_open_file((int)fd) != NULL && opcode == IORING_REGISTER_ENABLE_RINGS);
    return 0;
}

int __wrap_io_uring_register_ring_fd(struct io_uring *ring)
{
    (void)ring;
    return 1;
}

int __wrap_io_uring_register_buf_ring(struct io_uring *ring, struct io_uring_buf_reg *reg,
                                      unsigned flags)
{
    (void)ring;
    (void)flags;
    uring.buffers = (struct io_uring_buf_ring *)(uintptr_t)reg->ring_addr;
    uring.buffer_mask = reg->ring_entries - 1;
    return 0;
}

int __wrap_io_uring_register_eventfd(struct io_uring *ring, int fd)
{
    (void)ring;
    return ring_open_file(fd)->kind == FILE_EVENT ? 0 : -EBADF;
}

/* --------------------------------------------------------------------------------- set-up -- */

/* sq and cq: sizes of the queues, powers of two. */
static void ring_begin(unsigned sq, unsigned cq,
                       void (*sent)(ring_file *f, const uint8_t *data, size_t n))
{
    ring_files_begin(sent);
    /* Not the large arrays. */
    uring.sq_head = uring.sq_tail = uring.sq_flags = uring.cq_head = uring.cq_tail = 0;
    uring.tells = false;
    kernel.looked = ring_tell;
    uring.n = uring.n_over = 0;
    uring.buffer_head = uring.buffer_seen = 0;
    uring.made = false;
    memset(uring.generation_of, 0, sizeof(uring.generation_of));
    if (uring.cqes == NULL) {
        uring.cqes = malloc(RING_CQ * sizeof(*uring.cqes));
        uring.over = malloc(RING_OVERFLOW * sizeof(*uring.over));
        RING_CHECK(uring.cqes != NULL && uring.over != NULL);
    }
    uring.sq_entries = sq;
    uring.sq_mask = sq - 1;
    uring.cq_entries = cq;
    uring.cq_mask = cq - 1;
}

/* True if no request but those of descriptors that are open is pending. */
static bool ring_is_clean(void)
{
    for (unsigned i = 0; i < uring.n; i++) {
        const ring_file *f = uring.requests[i].file;

        if (!f->has_fd)
            return false;
    }
    return true;
}

/* True if a descriptor is open whose other end has reset. */
static bool ring_has_reset(void)
{
    for (unsigned i = 0; i < RING_FILES; i++) {
        if (kernel.files[i].kind == FILE_SOCKET && kernel.files[i].has_fd && kernel.files[i].reset)
            return true;
    }
    return false;
}

#endif
