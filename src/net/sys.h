/* SPDX-License-Identifier: MIT */
/*
 * The system calls that src/net makes, as a table: the seam where tests put faults. Every loop
 * points to one; wsk__sys_default is the kernel. A test copies it, replaces what it wants to see
 * fail (short reads and writes, EAGAIN, EINTR, ECONNRESET, EMFILE, no memory), and makes its
 * loop with wsk__loop_new_on().
 *
 * io_uring takes its requests from memory, so there the kernel cannot be replaced; instead
 * `clip` shortens sends before they are queued, and `result` sees (and may change) what comes
 * back.
 */
#ifndef WSK_NET_SYS_H
#define WSK_NET_SYS_H

#include <netdb.h>
#include <poll.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/types.h>

#include <websock/loop.h>

/* What a request to io_uring was for; part of its user_data. */
typedef enum wsk__sys_request {
    WSK__REQUEST_RECV = 1,
    WSK__REQUEST_SEND = 2,
    WSK__REQUEST_WRITABLE = 3,
    WSK__REQUEST_ACCEPT = 4,
    WSK__REQUEST_WAKE = 5,
    WSK__REQUEST_CANCEL = 6,
    WSK__REQUEST_READABLE = 7,
    WSK__REQUEST_WATCH = 8,
    WSK__REQUEST_RESET = 9,
} wsk__sys_request;

typedef struct wsk__sys {
    ssize_t (*recv)(int fd, void *buf, size_t n, int flags);
    ssize_t (*send)(int fd, const void *buf, size_t n, int flags);
    ssize_t (*sendmsg)(int fd, const struct msghdr *msg, int flags);
    int (*accept4)(int fd, struct sockaddr *addr, socklen_t *len, int flags);
    int (*epoll_create1)(int flags);
    int (*epoll_ctl)(int ep, int op, int fd, struct epoll_event *event);
    int (*epoll_wait)(int ep, struct epoll_event *events, int max, int timeout_ms);
    int (*poll)(struct pollfd *fds, nfds_t n, int timeout_ms);
    int (*eventfd)(unsigned value, int flags);
    uint64_t (*clock_us)(void); /* monotonic, in microseconds */
    int (*connect)(int fd, const struct sockaddr *addr, socklen_t len);
    /* On any thread. */
    int (*getaddrinfo)(const char *host, const char *port, const struct addrinfo *hints,
                       struct addrinfo **ret);
    void (*freeaddrinfo)(struct addrinfo *list);
    void *(*malloc)(size_t n); /* of posted calls and look-ups only: they belong to any thread */
    /* io_uring; NULL: as it is. */
    int (*uring_setup)(void); /* a negative errno refuses the ring */
    size_t (*clip)(size_t n);
    int (*result)(wsk__sys_request request, int res);
} wsk__sys;

extern const wsk__sys wsk__sys_default;

/* wsk_loop_new() on another table, which must outlive the loop. */
int wsk__loop_new_on(wsk_loop **ret, const wsk_loop_options *options, const wsk__sys *sys);

#endif
