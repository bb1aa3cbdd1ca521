/* SPDX-License-Identifier: MIT */
/* A descriptor by which another loop can wait for a loop over io_uring. */
#ifndef WSK_NET_LOOP_NEST_H
#define WSK_NET_LOOP_NEST_H

#include <websock/loop.h>

/*
 * A ring whose work waits for its thread (IORING_SETUP_DEFER_TASKRUN) does not wake up those who
 * poll its descriptor, on Linux 6.18 for one: a poll finds the work only when it times out. An
 * eventfd that is registered with the ring is told of it, except of what another eventfd caused,
 * which is how posting wakes us up. So there are two, under one epoll descriptor, which is
 * returned. *ret_event_fd is the one to register, readable at first. Both are the caller's to
 * close. -1: it cannot be had.
 */
int wsk__nest_open(wsk_loop *loop, int *ret_event_fd);

#endif
