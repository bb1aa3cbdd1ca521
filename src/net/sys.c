/* SPDX-License-Identifier: MIT */
/* See sys.h. */
#include "net/sys.h"

#include <stdlib.h>
#include <sys/eventfd.h>

static int sys_eventfd(unsigned value, int flags)
{
    return eventfd(value, flags);
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
    .connect = sys_connect,
    .getaddrinfo = getaddrinfo,
    .freeaddrinfo = freeaddrinfo,
    .malloc = malloc,
};
