/* SPDX-License-Identifier: MIT */
/* See loop_nest.h. */
#include "net/loop_nest.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "net/loop_priv.h"

int wsk__nest_open(wsk_loop *loop, int *ret_event_fd)
{
    const wsk__sys *sys = loop->sys;
    struct epoll_event in = {.events = EPOLLIN};
    /* For what may have come already. */
    int event_fd = sys->eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);
    int fd = sys->epoll_create1(EPOLL_CLOEXEC);

    if (event_fd >= 0 && fd >= 0 && sys->epoll_ctl(fd, EPOLL_CTL_ADD, event_fd, &in) == 0 &&
        sys->epoll_ctl(fd, EPOLL_CTL_ADD, loop->wake_fd, &in) == 0) {
        *ret_event_fd = event_fd;
        return fd;
    }
    if (event_fd >= 0)
        close(event_fd);
    if (fd >= 0)
        close(fd);
    return -1;
}
