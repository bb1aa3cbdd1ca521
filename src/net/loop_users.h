/* SPDX-License-Identifier: MIT */
/*
 * Who lives on a loop, which must not go before them; and whether code of theirs runs right now,
 * so that the loop may not be turned. Implemented in loop.c.
 */
#ifndef WSK_NET_LOOP_USERS_H
#define WSK_NET_LOOP_USERS_H

#include <stdbool.h>

#include <websock/loop.h>

typedef enum wsk__loop_user {
    WSK__LOOP_SERVER,
    WSK__LOOP_CLIENT,
    WSK__LOOP_USERS,
} wsk__loop_user;

void wsk__loop_join(wsk_loop *loop, wsk__loop_user kind);
void wsk__loop_part(wsk_loop *loop, wsk__loop_user kind);

/* For what is wrong with the hooks of an object that is to live on it. */
const wsk_hooks *wsk__loop_hooks(const wsk_loop *loop);

/* Around what calls handlers outside of a turn, and is not to see its objects go meanwhile. */
void wsk__loop_enter(wsk_loop *loop);
void wsk__loop_leave(wsk_loop *loop);
/* Within a turn, or between these two. */
bool wsk__loop_is_busy(const wsk_loop *loop);

/*
 * ms: what a socket has brought since then may have waited, for all that was at work. The loop's
 * time, unless nothing was; the clock, outside of a turn.
 */
uint64_t wsk__loop_heard(const wsk_loop *loop);
/* Deadlines of streams are over that the loop has yet to tell of, which it does when all that came
 * before was looked at: nobody takes them for over by himself until then. */
bool wsk__loop_is_late(const wsk_loop *loop);
/* The clock itself: ahead of wsk_loop_now() in a turn that takes long. */
uint64_t wsk__loop_clock(const wsk_loop *loop);

#endif
