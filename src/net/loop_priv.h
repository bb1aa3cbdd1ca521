/* SPDX-License-Identifier: MIT */
/*
 * What the files of src/net share: the loop, what a backend must do for it, and the states of a
 * stream. Nothing outside src/net includes this.
 *
 * A turn of the loop:
 *   1. streams on the dirty list are run (output asked for, closed ones finished)
 *   2. the backend waits, and with io_uring submits what was queued
 *   3. the backend dispatches what came: `received`, and right behind it output
 *   4. posted calls, so many or for so long; timers, deadlines: not as long as more may have come
 *      while the loop stood still
 *   5. the dirty list again, so that what 3 and 4 left behind is done before the turn ends
 */
#ifndef WSK_NET_LOOP_PRIV_H
#define WSK_NET_LOOP_PRIV_H

#include <pthread.h>
#include <stdatomic.h>

#include "net/listener.h"
#include "net/loop_users.h"
#include "net/stream.h"
#include "net/sys.h"
#include "net/timer_wheel.h"
#include "net/tls_session.h"
#include "net/watch.h"
#include "util/mem.h"

/* Bits of wsk__stream.state. The uppermost 8 hold the errno that broke the transport. */
enum {
    WSK__S_DIRTY = 1 << 0,   /* on the dirty or the later list */
    WSK__S_LATER = 1 << 1,   /* ... on the later list: goes on in the next turn */
    WSK__S_CLOSED = 1 << 2,  /* wsk__stream_close() was called; `closed` is to follow */
    WSK__S_LOST = 1 << 3,    /* `lost` was called */
    WSK__S_BROKEN = 1 << 4,  /* writing failed; `lost` follows when what came is read */
    WSK__S_PAUSED = 1 << 5,  /* wsk__stream_set_reading(s, false) */
    WSK__S_EOF = 1 << 6,     /* received(0) was called */
    WSK__S_BLOCKED = 1 << 7, /* the socket is full; waiting for room */
    WSK__S_SENDING = 1 << 8, /* io_uring: between `output` and `sent` */
    WSK__S_SHUT = 1 << 9,    /* wsk__stream_shutdown() was called */
    WSK__S_SHUT_DONE = 1 << 10,
    WSK__S_READABLE = 1 << 11,   /* epoll, io_uring in bulk: there may be more to read */
    WSK__S_HUP = 1 << 12,        /* epoll: read to the end, no further edge will come */
    WSK__S_RECENT = 1 << 12,     /* io_uring: got something lately, see uring_ends.c */
    WSK__S_ARMED = 1 << 13,      /* io_uring: a receive is pending */
    WSK__S_OUT_ARMED = 1 << 14,  /* epoll: registered for output; io_uring: a poll is pending */
    WSK__S_SECURED = 1 << 15,    /* TLS: `secured` was called */
    WSK__S_STARTED = 1 << 16,    /* TLS: the handshake was begun */
    WSK__S_NOTIFIED = 1 << 17,   /* TLS: close_notify is written */
    WSK__S_BULK = 1 << 19,       /* io_uring: much comes at a time */
    WSK__S_POLL_ARMED = 1 << 20, /* io_uring: a poll for input is pending */
    WSK__S_SPARSE = 1 << 21,     /* io_uring: unit of a count of 3 bits, for the way back */
    WSK__S_SPARSE_MAX = 7 << 21,
};

#define WSK__S_ERRNO_SHIFT 24
/* Nothing of the owner's is called any more but `closed`. */
#define WSK__S_DEAD (WSK__S_CLOSED | WSK__S_LOST)
/* No output is asked for. */
#define WSK__S_NO_OUTPUT (WSK__S_DEAD | WSK__S_BROKEN | WSK__S_BLOCKED | WSK__S_SENDING)

/* Different owners of streams in a loop: servers, clients. */
#define WSK__KINDS 8
/* Pieces of output gathered at once. */
#define WSK__IOV_MAX 64
/*
 * The share that a stream has of a turn, before others get theirs: so often it may read or write,
 * and its owner may be at work for so long. What was read costs little or much: an octet of a
 * message that is inflated, of the smallest frames, up to a thousand times that of a large one.
 * With half of it, large compressed messages would cost a twentieth more; but where nothing comes
 * out there is nothing to lose.
 */
#define WSK__ROUNDS        8
#define WSK__SHARE_US      20000
#define WSK__SHARE_IDLY_US 5000
/* Streams that had their share go on in the next turn, but no more of them than this. */
#define WSK__LATER_MAX 2
/* Room that is free for wsk__loop_scratch() whenever `received` is called. */
#define WSK__SCRATCH ((size_t)64 * 1024)
/* Cipher text gathered for one write: a message of 64 KiB with its records, and change. */
#define WSK__TLS_GATHER ((size_t)128 * 1024)
/* Plain text of a record, RFC 8446 5.1. */
#define WSK__TLS_RECORD ((size_t)16 * 1024)

struct wsk__stream_tls {
    wsk__tls_session *session;
    wsk__tls_out out;   /* cipher text that the socket did not take; no memory when empty */
    uint8_t *kept;      /* what out.ptr points to unless the session owns it */
    wsk__tls_out *open; /* where cipher text goes while `received` runs */
    size_t own;         /* of what is not sent, up to the end of the last of the owner's output */
    uint32_t last;      /* time at which something was received, in ms */
    uint16_t warm; /* its place among those that keep their record buffers, + 1; 0: it does not */
    uint8_t busy;  /* times, a ms apart or more, at which something came while it did not */
    bool dry;      /* the owner had no output when last asked, and has not spoken since */
};

/* One listening socket of a listener. */
typedef struct wsk__lsock {
    wsk__listener *listener;
    wsk_loop *loop;
    int fd;
    bool armed; /* the backend is accepting */
} wsk__lsock;

typedef struct wsk__io_ops {
    const char *name;
    /* The backend hangs its own data on loop->io_data. NOTSUP: this kernel has it not. */
    int (*open)(wsk_loop *loop);
    void (*close)(wsk_loop *loop);
    int (*fd)(const wsk_loop *loop);
    /* True if there is something that the kernel has not been told yet. */
    bool (*queued)(const wsk_loop *loop);
    /* Waits. > 0: something is to be dispatched; 0: nothing came; negative: errno says why. */
    int (*wait)(wsk_loop *loop, int timeout_ms);
    /* A wait() that returned less than this has found all that there was. */
    int batch;
    /* True if wait() would not block, without asking the kernel. NULL: has to ask. */
    bool (*ready)(const wsk_loop *loop);
    void (*dispatch)(wsk_loop *loop);
    /* Tells the kernel what is queued, without waiting, and settles it. */
    void (*submit)(wsk_loop *loop);

    int (*stream_open)(wsk__stream *s);
    void (*stream_close)(wsk__stream *s);
    /* The stream is run from the dirty list and may read. */
    void (*stream_read)(wsk__stream *s);
    /* Reading is to stop; a reset is told of all the same. Again, whenever the stream is run. */
    void (*stream_pause)(wsk__stream *s);
    /* The socket is full: run the stream when there is room. */
    void (*stream_block)(wsk__stream *s);
    /* Sends are queued: room for one more is made. NULL: sends go out at once. */
    bool (*room)(wsk_loop *loop);
    bool (*send)(wsk__stream *s, const struct iovec *iov, size_t n, size_t total);
    /* Queues octets for which `shared` will be called. NULL: sends go out at once. */
    bool (*send_shared)(wsk__stream *s, const uint8_t *p, size_t n, void *token);
    /* n shared sends are to follow: what would be in their way is settled. NULL: nothing is. */
    void (*clear)(wsk_loop *loop, size_t n);
    /* Settles the send of this stream, which is SENDING. */
    void (*settle)(wsk__stream *s);
    /* Room for output until its send is settled. NULL: loop->scratch, loop->cipher will do. */
    void *(*scratch)(wsk_loop *loop, size_t *ret_n);

    int (*listen)(wsk__lsock *l);    /* (re)starts accepting */
    void (*unlisten)(wsk__lsock *l); /* stops, and closes the socket */

    int (*watch)(wsk__watch *w);    /* (re)starts waiting, once */
    void (*unwatch)(wsk__watch *w); /* forgets the descriptor, and leaves it open */
} wsk__io_ops;

extern const wsk__io_ops wsk__io_epoll;
#ifdef WSK_HAVE_URING
extern const wsk__io_ops wsk__io_uring;
#endif

/* TLS streams that keep their record buffers: 34 KiB each, so at most 4.3 MiB for a loop. */
#define WSK__TLS_WARM 128

typedef struct wsk__tls_warm {
    wsk_loop *loop;
    wsk_timer *timer;
    size_t n, next; /* how many; the place that is taken next */
    wsk__stream_tls *streams[WSK__TLS_WARM];
} wsk__tls_warm;

/* Memory that all TLS streams of a loop share. */
typedef struct wsk__tls_room {
    wsk__tls_warm warm;
    uint8_t record[WSK__TLS_RECORD]; /* small pieces of output become one record */
    uint8_t cipher[WSK__TLS_GATHER + WSK__TLS_RECORD * 2]; /* cipher text on its way out */
    uint8_t plain[]; /* as large as what is received at once, so that one `received` empties it */
} wsk__tls_room;

typedef struct wsk__post wsk__post;
typedef struct wsk__resolver wsk__resolver;

struct wsk_loop {
    const wsk_hooks *hooks;
    const wsk__sys *sys;
    const wsk__io_ops *io;
    void *io_data;
    uint64_t now;
    bool in_turn;
    bool dead;      /* freed, but for what the program's timers look at */
    unsigned calls; /* of handlers, outside of a turn */
    size_t users[WSK__LOOP_USERS];
    int wake_fd;
    atomic_int stop;
    atomic_uint callers; /* calls of other threads that are not done with the loop yet */

    wsk__stream *dirty, **dirty_end;
    wsk__stream *later, **later_end;
    size_t later_closed; /* closed streams on the later list */
    size_t later_due;    /* of those on it, whose `expired` is not put off */
    wsk__turn_end *ends; /* what waits for the end of this turn */

    wsk__wheel wheel;
    wsk_timer **heap; /* running timers, the next one first */
    size_t heap_n, heap_cap, timers;
    uint64_t timer_seq;
    uint64_t behind_until; /* ms: what came while the loop stood still is given first; 0: it is */
    uint64_t unheard;      /* ms up to `now` in which sockets were not looked at */
    uint64_t left_at;      /* the end of the last turn; UINT64_MAX: the next one follows at once */

    pthread_mutex_t post_lock; /* of the two below */
    wsk__post *post, **post_end;
    wsk__post *taken, **taken_end; /* from there: they run next */
    bool woken;

    const wsk__stream_ops *kinds[WSK__KINDS]; /* of streams, by number */

    uint32_t busy_us;
    unsigned busy_credit; /* spins that may fail before spinning stops */

    bool prompt; /* a send that is under way is to be settled before blocking */
    size_t recv_cap;
    uint8_t *scratch;        /* of WSK__SCRATCH octets */
    wsk__stream *loan;       /* whose owner holds room of the loop, until its `output` */
    wsk__tls_room *tls_room; /* made for the first TLS stream */
    bool cipher_lent;
    wsk__stream *receiving;     /* its `received` is running */
    const wsk__stream *at_work; /* whose share began at `work_since` */
    uint64_t work_since;        /* us */
    wsk__resolver *resolver;    /* made for the first look-up */
};

static inline const wsk__stream_ops *wsk__ops(const wsk__stream *s)
{
    return s->loop->kinds[s->kind];
}

/* ---- loop.c ---- */
/* Runs the stream before the turn ends, or in the next turn. */
void wsk__loop_dirty(wsk__stream *s);
void wsk__loop_later(wsk__stream *s);
/* It has had its share of this turn: is not read from before the next one. */
void wsk__loop_spend(wsk__stream *s);
/* The last timer of a dead loop is freed, and what is left of the loop with it. */
void wsk__loop_finish(wsk_loop *loop);
/* The eventfd of posts and stops is readable. */
void wsk__loop_woken(wsk_loop *loop);

/* ---- timer.c ---- */
void wsk__timers_fire(wsk_loop *loop);
uint64_t wsk__timers_next(const wsk_loop *loop);

/* ---- stream.c ---- */
/* Where a large piece of input goes: *n octets at p, unless the owner has a better place. */
static inline uint8_t *wsk__stream_place(wsk__stream *s, uint8_t *p, size_t *n)
{
    const wsk__stream_ops *ops = wsk__ops(s);
    size_t room;
    uint8_t *own = ops->place != NULL && s->tls == NULL ? ops->place(s, &room) : NULL;

    if (own == NULL)
        return p;
    *n = room;
    return own;
}

/* Input for the owner (n = 0: end), decrypted on the way. */
void wsk__stream_take(wsk__stream *s, uint8_t *data, size_t n);
/* Asks for output and sends it. */
void wsk__stream_pump(wsk__stream *s);
/* The same of a stream that had more to say than one send takes: the next ones do not wait for a
 * turn each, which may be long for the sake of others. */
void wsk__stream_pump_more(wsk__stream *s);
/* What became of a send: n of total octets at base went out, or err (n is then 0). */
void wsk__stream_settled(wsk__stream *s, const uint8_t *base, size_t n, size_t total, int err);
/* A send was cut short, by err or (EAGAIN, 0) because the socket is full. */
void wsk__stream_cut_short(wsk__stream *s, int err);
/* Nobody reads from it who would be told of an error. */
static inline bool wsk__stream_is_unread(const wsk__stream *s)
{
    return !(s->state & WSK__S_DEAD) && (s->state & (WSK__S_PAUSED | WSK__S_EOF));
}
/* The error of the socket, which is forgotten by that. */
int wsk__stream_error(const wsk__stream *s);
/* Reading ended with an error: `lost`. */
void wsk__stream_lost(wsk__stream *s, int err);
void wsk__stream_lost_text(wsk__stream *s, const char *text);
/* Writing failed: `lost` follows from the dirty list. */
void wsk__stream_broken(wsk__stream *s, int err);
/* From the dirty list. */
void wsk__stream_run(wsk__stream *s);
/* Writes without blocking; -1 and errno. */
ssize_t wsk__stream_write(wsk__stream *s, const struct iovec *iov, size_t n);
/* Calls `received`. */
void wsk__stream_received(wsk__stream *s, uint8_t *data, size_t n);
/* Ends the sending direction of the socket. */
void wsk__stream_end_output(wsk__stream *s);

/* ---- stream_tls.c ---- */
int wsk__stream_tls_open(wsk__stream *s, wsk__tls_session *session);
void wsk__stream_tls_free(wsk_loop *loop, wsk__stream_tls *t); /* NULL is fine */
void wsk__tls_room_free(wsk_loop *loop);
void wsk__stream_tls_take(wsk__stream *s, uint8_t *data, size_t n);
/* now: not by way of a queue. */
void wsk__stream_tls_pump(wsk__stream *s, bool now);
void wsk__stream_tls_settled(wsk__stream *s, const uint8_t *base, size_t n, size_t total, int err);

/* ---- stream_warm.c ---- */
int wsk__tls_warm_init(wsk__tls_warm *w, wsk_loop *loop);
void wsk__tls_warm_deinit(wsk__tls_warm *w);
/* Data came. */
void wsk__tls_warm_received(wsk__tls_warm *w, wsk__stream_tls *t);
/* The stream ends. */
void wsk__tls_warm_leave(wsk__tls_warm *w, wsk__stream_tls *t);

/* ---- resolver.c ---- */
/* The loop ends: look-ups that are still under way report to no one. NULL is fine. */
void wsk__resolver_leave(wsk__resolver *r);

/* ---- listener.c ---- */
void wsk__listener_accepted(wsk__lsock *l, int fd);
/* True for errors that belong to one connection, which is gone: accept the next one. */
bool wsk__accept_error_is_passing(int err);
/* Every other error: descriptors or memory ran out. Accepting, which has stopped, goes on by
 * itself in a second. */
void wsk__listener_rest(wsk__lsock *l, int err);

#endif
