/* SPDX-License-Identifier: MIT */
/*
 * What the files of the io_uring backend share: loop_uring.c (the ring, waiting, accepting),
 * uring_stream.c (receiving), uring_send.c (sending) and uring_ends.c (ends that got lost).
 * loop_uring.c says how it all works.
 */
#ifndef WSK_NET_LOOP_URING_H
#define WSK_NET_LOOP_URING_H

#include "net/loop_priv.h"

#include <liburing.h>

/* A test that wants to see them full says WSK__URING_SMALL. */
#ifndef WSK__URING_SMALL
#define WSK__URING_SQ_ENTRIES 1024
#define WSK__URING_CQ_ENTRIES 4096
#define WSK__URING_SENDS      1024 /* queued at a time, a power of two */
#define WSK__URING_IOVECS     4096
/* Few and small, so that they stay in the cache. */
#define WSK__URING_BUFFERS 64
#define WSK__URING_ARENA   ((size_t)256 * 1024)
#else
#define WSK__URING_SQ_ENTRIES 8
#define WSK__URING_CQ_ENTRIES 32
#define WSK__URING_SENDS      4
#define WSK__URING_IOVECS     128
#define WSK__URING_BUFFERS    8
#define WSK__URING_ARENA      ((size_t)72 * 1024)
#endif
#define WSK__URING_BUFFER_SIZE  ((size_t)4 * 1024)
#define WSK__URING_BUFFER_GROUP 0
/* A stream that gets so much at a time is read in bulk; with less than the second, again and
 * again, it goes back. */
#define WSK__URING_BULK_FROM ((size_t)16 * 1024)
#define WSK__URING_BULK_TO   ((size_t)8 * 1024)
#define WSK__URING_RING_SIZE ((size_t)4096) /* of the ring of buffers, in front of them */

/* A piece of input that came while the owner did not want any. */
typedef struct wsk__uring_held {
    struct wsk__uring_held *next; /* a ring: the last one points to the first one */
    void *obj;                    /* what the descriptor stands for */
    size_t n;
    uint8_t data[];
} wsk__uring_held;

/* What a descriptor number stands for now. Every connection costs one of these. */
typedef struct wsk__uring_file {
    /* wsk__stream, wsk__lsock, or wsk__watch; where input is held, the last piece of that and
     * the lowest bit. */
    uintptr_t ref;
    uint32_t generation; /* 24 bits */
    uint32_t send;       /* SENDING: number of its record; owed: the next one that is, see owed */
} wsk__uring_file;

typedef struct wsk__uring_send {
    wsk__stream *stream; /* NULL: closed meanwhile */
    struct io_uring_sqe *sqe;
    uint32_t position; /* of the request in the submission queue */
    int res;           /* if failed */
    bool failed;       /* there is a completion */
    void *token;       /* of wsk__stream_send_shared(); NULL: the owner's output */
    const uint8_t *base;
    unsigned n_iovecs;
    size_t len, total; /* len < total only in tests */
    struct msghdr msg;
} wsk__uring_send;

/* A stream that got something lately. */
typedef struct wsk__uring_recent {
    uint64_t tag; /* of its receive */
} wsk__uring_recent;

typedef struct wsk__uring {
    struct io_uring ring;
    bool enabled;
    pthread_t thread; /* of the first turn, once enabled */
    bool settling;
    bool hears; /* of wake_fd: a poll for it is queued or pending */
    /* Descriptors (the first one and 1; 0: none) that are closed but for the kernel, which did not
     * take the requests. Their numbers stay theirs, so that nothing queued meets another's. */
    uint32_t owed;
    int nest_fd;  /* what another loop polls; -1: nobody asked for it yet */
    int event_fd; /* the kernel's part of it */
    wsk__uring_file *files;
    size_t n_files;

    struct io_uring_buf_ring *buf_ring; /* and behind it the buffers, in one mapping */
    uint8_t *buffers;
    unsigned returned; /* buffers that the kernel has not been told of yet */

    uint32_t head, tail; /* numbers of the send records that are not settled */
    uint32_t scanned;    /* completions up to here were searched for failed sends */
    size_t n_iovecs;
    size_t arena_used;
    uint8_t *arena;
    uint8_t *bulk; /* of recv_cap octets */
    wsk__uring_recent *recent;
    struct pollfd *polls; /* as many */
    size_t n_recent, recent_cap;
    wsk_timer *look; /* made when it is needed */
    wsk__uring_send sends[WSK__URING_SENDS];
    struct iovec iovecs[WSK__URING_IOVECS];
} wsk__uring;

/* ---------------------------------------------------------------------------- user_data -- */

static inline uint64_t wsk__uring_tag(wsk__sys_request kind, uint32_t generation, uint32_t number)
{
    return (uint64_t)number << 32 | (uint64_t)(generation & 0xFFFFFF) << 8 | (uint64_t)kind;
}

static inline wsk__sys_request wsk__uring_kind(uint64_t user_data)
{
    return (wsk__sys_request)(user_data & 0xFF);
}

static inline uint32_t wsk__uring_number(uint64_t user_data)
{
    return (uint32_t)(user_data >> 32);
}

/* The last piece that is held, or NULL. */
static inline wsk__uring_held *wsk__uring_held_of(const wsk__uring_file *f)
{
    return (f->ref & 1) != 0 ? (wsk__uring_held *)(f->ref - 1) : NULL;
}

/* What the descriptor stands for; NULL: nothing. */
static inline void *wsk__uring_obj(const wsk__uring_file *f)
{
    return (f->ref & 1) != 0 ? wsk__uring_held_of(f)->obj : (void *)f->ref;
}

/* NULL: what the request was for is gone. */
static inline wsk__uring_file *wsk__uring_find(wsk__uring *u, uint64_t user_data)
{
    wsk__uring_file *f = &u->files[wsk__uring_number(user_data)];

    return f->ref != 0 && f->generation == (user_data >> 8 & 0xFFFFFF) ? f : NULL;
}

static inline bool wsk__uring_is_submitted(const wsk__uring *u, const wsk__uring_send *r)
{
    uint32_t taken = io_uring_smp_load_acquire(u->ring.sq.khead);

    return (int32_t)(taken - r->position) > 0;
}

static inline bool wsk__uring_overflowed(const wsk__uring *u)
{
    return (IO_URING_READ_ONCE(*u->ring.sq.kflags) & IORING_SQ_CQ_OVERFLOW) != 0;
}

static inline bool wsk__uring_peek(wsk__uring *u, struct io_uring_cqe *ret)
{
    struct io_uring_cq *cq = &u->ring.cq;
    uint32_t head = *cq->khead;

    if (head == io_uring_smp_load_acquire(cq->ktail))
        return false;
    *ret = cq->cqes[head & *cq->kring_mask];
    return true;
}

static inline void wsk__uring_return_buffer(wsk__uring *u, unsigned id)
{
    io_uring_buf_ring_add(u->buf_ring, u->buffers + id * WSK__URING_BUFFER_SIZE,
                          WSK__URING_BUFFER_SIZE, (unsigned short)id, WSK__URING_BUFFERS - 1,
                          (int)u->returned++);
}

/* ---- loop_uring.c ---- */
/* Takes the first piece that is held out of the ring, for the caller to free. */
wsk__uring_held *wsk__uring_take_held(wsk__uring_file *f);
int wsk__uring_open_file(wsk_loop *loop, int fd, void *obj);
void wsk__uring_forget_file(wsk_loop *loop, wsk__uring_file *f);
/* Submits what is queued, without waiting. */
void wsk__uring_submit(wsk__uring *u);
/* NULL only when the kernel does not take any: the caller tries again in the next turn. */
struct io_uring_sqe *wsk__uring_request(wsk__uring *u);
bool wsk__uring_cancel(wsk__uring *u, uint64_t user_data);
/* Forgets the descriptor and closes it. now: its requests are taken back, or queued to be; else
 * that is owed. */
void wsk__uring_close_file(wsk_loop *loop, int fd, bool now);

/* ---- uring_send.c: see wsk__io_ops ---- */
bool wsk__uring_room(wsk_loop *loop);
bool wsk__uring_send_queue(wsk__stream *s, const struct iovec *iov, size_t n, size_t total);
void wsk__uring_clear(wsk_loop *loop, size_t n);
bool wsk__uring_send_shared(wsk__stream *s, const uint8_t *p, size_t n, void *token);
void wsk__uring_settle(wsk__stream *s);
void *wsk__uring_scratch(wsk_loop *loop, size_t *ret_n);
/* Settles all sends that were submitted. */
void wsk__uring_settle_all(wsk_loop *loop);

/* ---- uring_ends.c ---- */
/* The stream has got something by the receive with this tag, and is not RECENT. */
void wsk__uring_look_later(wsk__stream *s, uint64_t tag);
void wsk__uring_ends_free(wsk_loop *loop, wsk__uring *u);

/* ---- uring_stream.c: see wsk__io_ops, and completions ---- */
int wsk__uring_stream_open(wsk__stream *s);
void wsk__uring_stream_close(wsk__stream *s);
void wsk__uring_stream_read(wsk__stream *s);
void wsk__uring_stream_pause(wsk__stream *s);
void wsk__uring_stream_block(wsk__stream *s);
/* *left: completions that may be joined to this one. */
void wsk__uring_recv_done(wsk_loop *loop, const struct io_uring_cqe *cqe, unsigned *left);
void wsk__uring_readable_done(wsk__uring *u, const struct io_uring_cqe *cqe);
void wsk__uring_reset_done(wsk__uring *u, const struct io_uring_cqe *cqe);
void wsk__uring_writable_done(wsk__uring *u, const struct io_uring_cqe *cqe);

#endif
