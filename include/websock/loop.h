/* SPDX-License-Identifier: MIT */
/*
 * An event loop for sockets and timers, over io_uring or epoll. One loop belongs to one thread, the
 * one that takes its first turn; run several for several cores. Only wsk_loop_post() and
 * wsk_loop_stop() may be called from other threads (wsk_loop_stop() from signal handlers too). When
 * that thread has ended another one may free what is on the loop, and the loop, but over io_uring
 * not turn it (WSK_ERR_SYS, with a line in the log): draining comes before the thread ends.
 *
 * A loop does not survive fork(2): daemonize before its first turn. A child must leave it, its
 * servers and its clients alone, and not even free them, since what it frees the parent loses.
 */
#ifndef WEBSOCK_LOOP_H
#define WEBSOCK_LOOP_H

#include <websock/base.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct wsk_loop wsk_loop;

typedef enum wsk_io {
    WSK_IO_AUTO = 0, /* io_uring where it is to be had, else epoll, with a line in the log */
    WSK_IO_URING = 1,
    WSK_IO_EPOLL = 2,
} wsk_io;

typedef struct wsk_loop_options {
    size_t size;
    const wsk_hooks *hooks; /* borrowed */
    wsk_io io;
    uint32_t busy_poll_us; /* spin so long before blocking, when there was traffic just now; in
                              microseconds; 0: never */
    size_t recv_buffer;    /* octets of the receive buffer, 4 KiB to 16 MiB [256 KiB]; io_uring has
                              one for those to whom much comes at a time */
} wsk_loop_options;

#define WSK_LOOP_OPTIONS_INIT WSK_INIT_(wsk_loop_options)

/* options may be NULL. WSK_ERR_NOTSUP if WSK_IO_URING was asked for and is not to be had,
 * WSK_ERR_INVAL for a size, io or recv_buffer that may not be (the log hook gets a line),
 * WSK_ERR_NOMEM, WSK_ERR_SYS. */
WSK_API int wsk_loop_new(wsk_loop **ret, const wsk_loop_options *options) WSK_WARN_UNUSED;
/* All servers, clients and timers of the loop must be gone, and not within a handler, a posted call
 * or a timer's function: else there is a line in the log (WSK_LOG_ERROR), and with a server or a
 * client, or within one of these, nothing is freed. What was posted is run first, and what that
 * posts, until there is no more. NULL is fine. */
WSK_API void wsk_loop_free(wsk_loop *loop);

/* Turns until wsk_loop_stop(). WSK_ERR_SYS if the kernel refuses to wait. Neither this nor
 * wsk_loop_turn() does anything within a handler of a server or a client of the loop, a posted call
 * or a timer's function: WSK_ERR_STATE, with a line in the log. */
WSK_API int wsk_loop_run(wsk_loop *loop);
/* One turn: waits at most timeout_ms (0: not at all, -1: until something happens). */
WSK_API int wsk_loop_turn(wsk_loop *loop, int timeout_ms);
/* Makes wsk_loop_run() return after the turn that it is in, or, if it does not run, the next one
 * without a turn. From any thread or signal handler. */
WSK_API void wsk_loop_stop(wsk_loop *loop);

/*
 * For nesting in another loop: readable when wsk_loop_turn(loop, 0) has something to do. Poll it
 * for input, for at most wsk_loop_timeout() milliseconds (-1: for ever), then take a turn. What is
 * called between two turns (to send, close, connect, set a timer) makes the timeout shorter, often
 * 0, and not the descriptor readable: take a turn then, or ask for the timeout again before
 * waiting.
 */
WSK_API int wsk_loop_fd(const wsk_loop *loop);
WSK_API int wsk_loop_timeout(const wsk_loop *loop);

/* The loop's clock, CLOCK_MONOTONIC in milliseconds: within a turn the time at which that looked
 * last, which does not move while a handler runs, else that of the call. */
WSK_API uint64_t wsk_loop_now(const wsk_loop *loop);
/* "io_uring" or "epoll". */
WSK_API const char *wsk_loop_io_name(const wsk_loop *loop);

/* Has fn(ud) called on the loop's thread, soon, in the order of posting. From any thread.
 * WSK_ERR_NOMEM. A turn runs 256 of them, or those that it gets to in 2 ms; the others follow in
 * the next turns, between which sockets and timers get theirs. What is posted and not yet run when
 * the loop is freed is run then. */
WSK_API int wsk_loop_post(wsk_loop *loop, void (*fn)(void *ud), void *ud);

/* Timers. fn is called once, at the due time or a few milliseconds later. */
typedef struct wsk_timer wsk_timer;
WSK_API int wsk_timer_new(wsk_timer **ret, wsk_loop *loop, void (*fn)(void *ud), void *ud);
/* (Re)starts it. The delay counts from this call, also where wsk_loop_now() is of before it. */
WSK_API void wsk_timer_set(wsk_timer *t, uint64_t delay_ms);
WSK_API void wsk_timer_cancel(wsk_timer *t);
WSK_API void wsk_timer_free(wsk_timer *t); /* NULL is fine; also within fn */

#ifdef __cplusplus
}
#endif

#endif
