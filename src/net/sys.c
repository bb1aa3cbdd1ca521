/* SPDX-License-Identifier: MIT */
/* See sys.h. */
#include "net/sys.h"

#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>

static int sys_eventfd(unsigned value, int flags)
{
    return eventfd(value, flags);
}

static uint64_t sys_clock_us(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

static int sys_connect(int fd, const struct sockaddr *addr, socklen_t len)
{
    return connect(fd, addr, len);
}

const wsk__sys wsk__sys_default = {
    .recv = recv,
    .send = send,
    .sendmsg = sendmsg,
    .accept4 = accept4,
    .epoll_create1 = epoll_create1,
    .epoll_ctl = epoll_ctl,
    .epoll_wait = epoll_wait,
    .poll = poll,
    .eventfd = sys_eventfd,
    .clock_us = sys_clock_us,
    .connect = sys_connect,
    .getaddrinfo = getaddrinfo,
    .freeaddrinfo = freeaddrinfo,
    .malloc = malloc,
};
