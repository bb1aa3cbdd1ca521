/* SPDX-License-Identifier: MIT */
/*
 * A connected stream socket in a loop, with or without TLS: the interface between the loop and
 * whoever speaks a protocol over it. Knows no WebSocket.
 *
 * Octets come by ops->received. What is to be sent is never handed over: the loop asks for it
 * (ops->output) when the socket can take some, and reports how much went out (ops->sent). So
 * there is one queue, the owner's, and the loop may gather, batch and write as its backend does
 * best:
 *   epoll     asks right behind `received`, and writes at once with writev(2)
 *   io_uring  asks right behind `received`, and submits all sends of a turn with the next wait
 *   TLS       asks, encrypts into its own buffer, and says `sent` for what it took
 * Between `output` and `sent` the owner leaves the octets where they are. `received` never comes
 * for a stream between these two: the loop settles the send first.
 */
#ifndef WSK_NET_STREAM_H
#define WSK_NET_STREAM_H

#include <stdbool.h>
#include <sys/uio.h>

#include <websock/loop.h>

typedef struct wsk__stream wsk__stream;
typedef struct wsk__stream_tls wsk__stream_tls;
typedef struct wsk__tls_session wsk__tls_session;

typedef struct wsk__stream_ops {
    /* Where what comes next may be put, and how much; NULL: where the loop likes. Spares those who
     * gather much a copy. May be missing. */
    uint8_t *(*place)(wsk__stream *s, size_t *ret_n);
    /* n octets came, 0 = the peer sends no more. data is writable and valid during the call. */
    void (*received)(wsk__stream *s, uint8_t *data, size_t n);
    /* Fills iov with what is to be sent now; 0 = nothing. */
    size_t (*output)(wsk__stream *s, struct iovec *iov, size_t max);
    /* n of those octets are taken; may be 0 or less than all when the socket is full. Always
     * follows an `output` that was not 0, unless a handler ended the stream within it, or had
     * others send for it. Room from wsk__loop_scratch() ends with it. */
    void (*sent)(wsk__stream *s, size_t n);
    /* TLS only: the socket took n octets of the cipher text of what `sent` has reported, and what
     * TLS itself says in front of it; `left` are still on the way. Calls nothing of the stream. May
     * be missing. */
    void (*moved)(wsk__stream *s, size_t n, size_t left);
    /* What became of wsk__stream_send_shared(): the last n of its octets, at rest, did not go out
     * (0: all did) and belong in front of whatever waits. token is done with, but for those. Comes
     * within wsk__stream_close(), too. */
    void (*shared)(wsk__stream *s, void *token, const uint8_t *rest, size_t n);
    /* The deadline of wsk__stream_set_deadline() is reached. */
    void (*expired)(wsk__stream *s);
    /* The TLS handshake is done (TLS only). */
    void (*secured)(wsk__stream *s);
    /* The transport broke: reset, TLS failure (text: words that stay until `closed` returns).
     * Close it now. */
    void (*lost)(wsk__stream *s, const char *text);
    /* The last call, after wsk__stream_close(): the stream's memory may be freed. Never comes
     * within another call of these or within wsk__stream_close(). */
    void (*closed)(wsk__stream *s);
} wsk__stream_ops;

/* Embedded in its owner's struct. The fields are the loop's. Keep it small: there may be a
 * million of them. */
struct wsk__stream {
    wsk_loop *loop;
    wsk__stream_tls *tls;    /* NULL: plain */
    wsk__stream *next_dirty; /* list of those with something to do at the end of a turn */
    wsk__stream *timer_next; /* slot of the timer wheel */
    wsk__stream **timer_prev;
    uint32_t deadline; /* tick of the wheel; UINT32_MAX: none */
    int fd;
    uint32_t state;    /* bits, private to src/net */
    uint8_t kind;      /* number of its ops in the loop */
    bool can_wait : 1; /* what the last `output` gave is all: its `sent` may come late */
    bool is_last : 1;  /* ... is the last: the end of the output follows its `sent` */
    bool wanted : 1;   /* output was wanted while a send was under way */
    bool to_end : 1;   /* io_uring: read to the end, no further event will come */
    bool resume : 1;   /* `expired` is to come in the next turn */
    bool spent : 1;    /* had its share of this turn: nothing is read, and no `resume` */
    bool due : 1;      /* `expired` is to come before this one ends */
    bool listens : 1;  /* io_uring: a poll for a reset is pending, since it was paused once */
    uint16_t mark;     /* the owner's own */
};

/* ops stay as long as the loop; few different ones are used in one (WSK_ERR_LIMIT).
 * Takes over a connected, non-blocking socket, and tls with it: the stream frees the session
 * behind `closed`. With tls: starts its handshake (server side, or client side if the session was
 * made for a client). WSK_ERR_NOMEM, WSK_ERR_SYS: fd is closed and tls freed. */
int wsk__stream_open(wsk__stream *s, wsk_loop *loop, const wsk__stream_ops *ops, int fd,
                     wsk__tls_session *tls);
/* What was given to wsk__stream_open(), to ask for version, cipher and so on; NULL: plain. */
wsk__tls_session *wsk__stream_session(const wsk__stream *s);
/* Within `output`: this is all, and nothing waits for its `sent`. Then that may come as late as
 * with the next event of any stream, which spares io_uring a system call. */
static inline void wsk__stream_can_wait(wsk__stream *s)
{
    s->can_wait = true;
}
/* Within `output`: this is the last, and within its `sent` comes wsk__stream_shutdown(), or the
 * stream is closed. Both go out in one segment then. */
static inline void wsk__stream_is_last(wsk__stream *s)
{
    s->is_last = s->tls == NULL; /* with TLS a close_notify is to follow first */
}
/* Within `received`: `output` is asked for right behind it. */
bool wsk__stream_asks(const wsk__stream *s);
/* Something is to be sent: the loop asks for it before the turn ends. */
void wsk__stream_want_output(wsk__stream *s);
/*
 * Sends octets that many streams send, past the owner's queue, which has to be empty. Returns how
 * many went out, 0 if that is to be tried by `output`; or *ret_later: they stay where they are
 * until `shared` comes with token. Never calls back.
 */
size_t wsk__stream_send_shared(wsk__stream *s, const uint8_t *p, size_t n, void *token,
                               bool *ret_later);
/* So many of these are to follow. May call back anybody. */
void wsk__loop_clear(wsk_loop *loop, size_t n);
/* Sends now, not at the end of the turn: for octets that are only borrowed. Calls output and
 * sent before it returns. */
void wsk__stream_flush(wsk__stream *s);
/* Go on or stop receiving. One `received` may still come after a stop (io_uring). */
void wsk__stream_set_reading(wsk__stream *s, bool on);
/* True if nothing that `sent` has reported is still on its way to the socket, nor what TLS says. */
bool wsk__stream_is_drained(const wsk__stream *s);
/* As the last `left` of `moved`. */
size_t wsk__stream_left(const wsk__stream *s);
/* When the owner's output is empty: end the sending direction. `received` goes on. */
void wsk__stream_shutdown(wsk__stream *s);
/* Closes at once; what is not sent is lost. `closed` follows before the turn ends. */
void wsk__stream_close(wsk__stream *s);
/* Calls `expired` once at that time of wsk_loop_now() or up to 64 ms later; UINT64_MAX: never.
 * Cheap when the new deadline is later than the old one. */
void wsk__stream_set_deadline(wsk__stream *s, uint64_t when);

/* Something of the owner was changed from outside: calls `expired` before the turn ends, also where
 * no output is asked for because the socket is full. */
void wsk__stream_defer(wsk__stream *s);
/* To be asked now and then by an owner that is called: true when it has had its share of this turn,
 * which is less if nothing comes of what it does (idly). Then nothing more is read in this turn,
 * and the next one does not wait. Looks at the clock. */
bool wsk__stream_share_is_over(wsk__stream *s, bool idly);
/* The owner has had its share of this turn, and holds what is left: calls `expired` in the next
 * one, which does not wait, whatever becomes of the deadline. */
void wsk__stream_resume(wsk__stream *s);

/* Something that waits for the end of a turn, so that what comes together goes out together. */
typedef struct wsk__turn_end {
    void (*run)(struct wsk__turn_end *t);
    struct wsk__turn_end *next;
    bool waits;
} wsk__turn_end;

/* Calls t->run once, before the turn ends and after what else there is to do in it; if it waits
 * already, nothing. */
void wsk__loop_at_end(wsk_loop *loop, wsk__turn_end *t);
/* Not any more: its memory is about to go. */
void wsk__loop_forget_end(wsk_loop *loop, wsk__turn_end *t);

/* Room for output of the stream whose `received` is running. Sets *ret_n (at least 4 KiB), or is
 * NULL when there is none that would be safe (TLS, a socket that is full). What
 * the next `output` of the stream names of it is valid until its `sent`; the rest is no longer
 * the stream's from then on, nor is any of it when `output` names nothing. */
void *wsk__loop_scratch(wsk_loop *loop, size_t *ret_n);

#endif
