/* SPDX-License-Identifier: MIT */
/*
 * Descriptors and sockets that do what the input says, and the system calls of src/net on them:
 * those beside the table of sys.h are taken over by the linker (--wrap). No descriptor is real;
 * their numbers are used again as soon as Linux would, and what holds a file keeps it, whatever its
 * number stands for by then. mocked_ring.h has the io_uring over it.
 */
#ifndef FUZZ_MOCKED_FILES_H
#define FUZZ_MOCKED_FILES_H

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "net/sys.h"
#include "wire_oracle.h"

#define RING_FILES 64
#define RING_BASE  512 /* the lowest descriptor, and how many there may be */
#define RING_FDS   2048

#define RING_CHECK(cond)                                                                           \
    do {                                                                                           \
        if (!(cond))                                                                               \
            abort();                                                                               \
    } while (0)

enum { RING_SENDS_ALL, RING_SENDS_HALF, RING_SENDS_ONE, RING_FULL, RING_FAILS, RING_BROKEN };

typedef enum { FILE_FREE, FILE_SOCKET, FILE_LISTENER, FILE_EVENT, FILE_OTHER } ring_kind;

/* What descriptors and requests hold. */
typedef struct ring_file {
    ring_kind kind;
    unsigned held; /* by a descriptor, by requests, by the far end that is the input's */
    uint64_t serial;
    uint64_t edges; /* changes that wake who waits */
    bool has_fd;
    /* a socket */
    uint8_t *in;
    size_t in_n, in_cap, in_off;
    bool fin, reset, shut_in, shut_out, connected;
    bool lost; /* the end, or ours, comes in the moment in which octets before it are received */
    int err;   /* told once, behind the input */
    unsigned send;
    wire *wire; /* what passes */
    /* a listener */
    uint8_t waiting[8];
    unsigned n_waiting;
    uint64_t count; /* of an eventfd */
} ring_file;

/* What the kernel is going to do. */
typedef struct ring_mood {
    unsigned enter_fails; /* so many calls that submit or wait fail */
    int enter_err;
    unsigned take;        /* so many requests are taken by the next one; 0: all */
    unsigned late;        /* so many requests are not tried when they are submitted */
    unsigned sleepy;      /* so many waits see nothing of what is ready */
    unsigned turn;        /* which of those that wait is the first */
    unsigned ends_in;     /* the so manieth completion of a multishot request is its last */
    unsigned piece;       /* a receive gets no more; 0: what fits */
    int accept_err;       /* of the next accept */
    int poll_err;         /* of the next poll(2) */
    unsigned interrupted; /* calls of recv(2) */
} ring_mood;

static struct {
    ring_mood mood;
    ring_file files[RING_FILES];
    uint8_t fds[RING_FDS]; /* number of the file and 1 */
    unsigned floor, n_fds;
    uint64_t serial;
    uint64_t moved; /* octets, in and out */
    uint64_t clock_us;
    unsigned tick; /* each look at the clock takes so long */
    void (*sent)(ring_file *f, const uint8_t *data, size_t n);
    void (*looked)(void);             /* at the clock */
    void (*connecting)(ring_file *f); /* the library does, with this socket */
} kernel;

static wsk__sys ring_sys;

/* ------------------------------------------------------------------------------- files -- */

static ring_file *ring_file_new(ring_kind kind)
{
    for (unsigned i = 0; i < RING_FILES; i++) {
        ring_file *f = &kernel.files[i];

        if (f->kind != FILE_FREE)
            continue;
        memset(f, 0, sizeof(*f));
        f->kind = kind;
        f->serial = ++kernel.serial;
        f->edges = 1;
        if (kind == FILE_SOCKET) {
            f->wire = malloc(sizeof(*f->wire));
            RING_CHECK(f->wire != NULL);
            wire_init(f->wire, &f->in, &f->in_n, false);
        }
        return f;
    }
    return NULL;
}

static void ring_let_go(ring_file *f)
{
    RING_CHECK(f->held > 0);
    if (--f->held > 0)
        return;
    if (f->wire != NULL)
        wire_deinit(f->wire);
    free(f->wire);
    free(f->in);
    f->wire = NULL;
    f->in = NULL;
    f->in_cap = 0;
    f->kind = FILE_FREE;
}

/* The lowest number that is free, as ever, from one on that the input may choose: others take and
 * leave descriptors as well. */
static int ring_fd_new(ring_file *f)
{
    for (unsigned i = kernel.floor; i < RING_FDS; i++) {
        if (kernel.fds[i] != 0)
            continue;
        kernel.fds[i] = (uint8_t)(f - kernel.files + 1);
        f->held++;
        f->has_fd = true;
        kernel.n_fds++;
        return RING_BASE + (int)i;
    }
    abort();
}

static bool ring_is_fd(int fd)
{
    return fd >= RING_BASE && fd < RING_BASE + RING_FDS;
}

static ring_file *ring_file_at(int fd)
{
    RING_CHECK(ring_is_fd(fd));
    unsigned i = kernel.fds[fd - RING_BASE];
    return i > 0 ? &kernel.files[i - 1] : NULL;
}

/* Nobody but a program that is wrong names a descriptor that is not open. */
static ring_file *ring_open_file(int fd)
{
    ring_file *f = ring_file_at(fd);

    RING_CHECK(f != NULL);
    return f;
}

static void ring_close(int fd)
{
    ring_file *f = ring_open_file(fd);

    kernel.fds[fd - RING_BASE] = 0;
    kernel.n_fds--;
    f->has_fd = false;
    if (f->kind == FILE_LISTENER) {
        while (f->n_waiting > 0) {
            ring_file *g = &kernel.files[f->waiting[--f->n_waiting]];
            ring_let_go(g);
        }
    }
    ring_let_go(f);
}

static int ring_make_fd(ring_kind kind)
{
    ring_file *f = ring_file_new(kind);

    if (f == NULL) {
        errno = EMFILE;
        return -1;
    }
    return ring_fd_new(f);
}

static uint32_t ring_readiness(const ring_file *f)
{
    uint32_t events = 0;

    if (f->kind == FILE_EVENT)
        return f->count > 0 ? POLLIN | POLLOUT : POLLOUT;
    if (f->kind == FILE_LISTENER)
        return (f->n_waiting > 0 ? POLLIN : 0) | (f->shut_in ? POLLIN | POLLHUP | POLLRDHUP : 0);
    if (!f->connected)
        return f->err != 0 ? POLLIN | POLLOUT | POLLERR | POLLHUP : f->shut_in ? POLLHUP : 0;
    if (f->in_n > f->in_off)
        events |= POLLIN;
    if (f->fin || f->shut_in)
        events |= POLLIN | POLLRDHUP;
    if (f->err != 0)
        events |= POLLIN | POLLERR;
    if ((f->fin || f->shut_in) && f->shut_out)
        events |= POLLHUP;
    if (f->send != RING_FULL || f->shut_out)
        events |= POLLOUT;
    return events;
}

/* Who cannot be written to any more is gone: nothing comes from there, either. */
static void ring_input(ring_file *f, const void *data, size_t n)
{
    if (f->fin || f->send == RING_BROKEN || n == 0)
        return;
    slow_keep(&f->in, &f->in_n, &f->in_cap, data, n);
    f->edges++;
}

static void ring_end(ring_file *f, bool reset, bool lost)
{
    if (f->reset || (f->fin && !reset))
        return;
    f->fin = true;
    f->edges++;
    f->lost |= lost;
    f->reset = reset;
    if (reset) {
        f->err = f->connected ? ECONNRESET : ECONNREFUSED;
        f->send = RING_BROKEN;
    }
}

static ssize_t ring_take(ring_file *f, void *buf, size_t n, int flags)
{
    size_t have = f->in_n - f->in_off;

    RING_CHECK(n > 0 && f->kind == FILE_SOCKET);
    if (have == 0 && f->err != 0) {
        int err = f->err;

        f->err = 0;
        return -err;
    }
    if (have == 0)
        return f->fin || f->shut_in ? 0 : -EAGAIN;
    if (n > have)
        n = have;
    if (kernel.mood.piece > 0 && n > kernel.mood.piece)
        n = kernel.mood.piece;
    memcpy(buf, f->in + f->in_off, n);
    if (!(flags & MSG_PEEK)) {
        f->in_off += n;
        kernel.moved += n;
    }
    return (ssize_t)n;
}

static ssize_t ring_give(ring_file *f, const struct iovec *iov, size_t n_iov)
{
    size_t total = 0, n, at = 0;

    RING_CHECK(f->kind == FILE_SOCKET);
    for (size_t i = 0; i < n_iov; i++)
        total += iov[i].iov_len;
    RING_CHECK(total > 0);
    n = total;
    if (f->shut_out)
        return -EPIPE;
    switch (f->send) {
    case RING_SENDS_HALF:
        n = total - total / 2;
        if (n < total)
            f->send = RING_FULL;
        break;
    case RING_SENDS_ONE:
        f->send = RING_FULL;
        n = 1;
        break;
    case RING_FULL:
        return -EAGAIN;
    case RING_FAILS: /* once */
        f->send = RING_SENDS_ALL;
        return kernel.mood.interrupted % 2 ? -ENOMEM : -EINTR;
    case RING_BROKEN: {
        int err = f->err != 0 ? f->err : EPIPE;

        f->err = 0;
        return -err;
    }
    default:
        break;
    }
    kernel.moved += n;
    for (size_t i = 0; i < n_iov && at < n; i++) {
        size_t k = iov[i].iov_len < n - at ? iov[i].iov_len : n - at;

        if (k > 0)
            kernel.sent(f, iov[i].iov_base, k);
        at += k;
    }
    return (ssize_t)n;
}

static void ring_room(ring_file *f)
{
    if (f->send == RING_BROKEN)
        return;
    f->send = RING_SENDS_ALL;
    f->edges++;
}

/* -------------------------------------------------------------------------- system calls -- */

static ssize_t ring_result(ssize_t n)
{
    if (n >= 0)
        return n;
    errno = (int)-n;
    return -1;
}

static ssize_t ring_recv(int fd, void *buf, size_t n, int flags)
{
    if (kernel.mood.interrupted > 0) {
        kernel.mood.interrupted--;
        return ring_result(-EINTR);
    }
    return ring_result(ring_take(ring_open_file(fd), buf, n, flags));
}

static ssize_t ring_send(int fd, const void *buf, size_t n, int flags)
{
    const struct iovec iov = {(void *)(uintptr_t)buf, n};

    (void)flags;
    return ring_result(ring_give(ring_open_file(fd), &iov, 1));
}

static ssize_t ring_sendmsg(int fd, const struct msghdr *msg, int flags)
{
    (void)flags;
    return ring_result(ring_give(ring_open_file(fd), msg->msg_iov, msg->msg_iovlen));
}

static int ring_poll(struct pollfd *fds, nfds_t n, int timeout_ms)
{
    int found = 0;

    (void)timeout_ms;
    if (kernel.mood.poll_err != 0) {
        errno = kernel.mood.poll_err;
        kernel.mood.poll_err = 0;
        return -1;
    }
    for (nfds_t i = 0; i < n; i++) {
        uint32_t asked = (uint32_t)(uint16_t)fds[i].events | POLLERR | POLLHUP;

        fds[i].revents = (short)(ring_readiness(ring_open_file(fds[i].fd)) & asked);
        found += fds[i].revents != 0;
    }
    return found;
}

static int ring_eventfd(unsigned value, int flags)
{
    int fd = ring_make_fd(FILE_EVENT);

    (void)flags;
    if (fd >= 0)
        ring_open_file(fd)->count = value;
    return fd;
}

static int ring_epoll_create1(int flags)
{
    (void)flags;
    return ring_make_fd(FILE_OTHER);
}

static int ring_epoll_ctl(int ep, int op, int fd, struct epoll_event *event)
{
    (void)op;
    (void)event;
    RING_CHECK(ring_open_file(ep) != ring_open_file(fd));
    return 0;
}

static uint64_t ring_clock_us(void)
{
    kernel.clock_us += kernel.tick;
    if (kernel.looked != NULL)
        kernel.looked();
    return kernel.clock_us;
}

static int ring_connect(int fd, const struct sockaddr *addr, socklen_t len)
{
    (void)addr;
    (void)len;
    kernel.connecting(ring_open_file(fd));
    errno = EINPROGRESS;
    return -1;
}

static int ring_getaddrinfo(const char *host, const char *port, const struct addrinfo *hints,
                            struct addrinfo **ret)
{
    static struct sockaddr_in a;
    static struct addrinfo list;

    (void)host;
    (void)port;
    (void)hints;
    a = (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons(9), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    list = (struct addrinfo){.ai_family = AF_INET,
                             .ai_socktype = SOCK_STREAM,
                             .ai_addrlen = sizeof(a),
                             .ai_addr = (struct sockaddr *)&a};
    *ret = &list;
    return 0;
}

static void ring_freeaddrinfo(struct addrinfo *list)
{
    (void)list;
}

/* Calls that src/net makes beside the table. */
int __real_close(int fd);
int __wrap_close(int fd);
int __wrap_shutdown(int fd, int how);
int __wrap_socket(int domain, int type, int protocol);
int __wrap_bind(int fd, const struct sockaddr *addr, socklen_t len);
int __wrap_listen(int fd, int backlog);
int __wrap_setsockopt(int fd, int level, int name, const void *value, socklen_t len);
int __wrap_getsockopt(int fd, int level, int name, void *value, socklen_t *len);
int __wrap_getsockname(int fd, struct sockaddr *addr, socklen_t *len);
int __wrap_getpeername(int fd, struct sockaddr *addr, socklen_t *len);
int __wrap_eventfd_write(int fd, eventfd_t value);
int __wrap_eventfd_read(int fd, eventfd_t *value);
int __wrap_getaddrinfo(const char *host, const char *port, const struct addrinfo *hints,
                       struct addrinfo **ret);
void __wrap_freeaddrinfo(struct addrinfo *list);

int __wrap_close(int fd)
{
    if (!ring_is_fd(fd))
        return __real_close(fd);
    ring_close(fd);
    return 0;
}

int __wrap_shutdown(int fd, int how)
{
    ring_file *f = ring_open_file(fd);

    f->shut_in |= how != SHUT_WR;
    f->shut_out |= how != SHUT_RD;
    f->lost |= how != SHUT_WR && f->in_n > f->in_off;
    f->edges++;
    return 0;
}

int __wrap_socket(int domain, int type, int protocol)
{
    (void)domain;
    (void)type;
    (void)protocol;
    return ring_make_fd(FILE_SOCKET);
}

int __wrap_bind(int fd, const struct sockaddr *addr, socklen_t len)
{
    (void)addr;
    (void)len;
    (void)ring_open_file(fd);
    return 0;
}

int __wrap_listen(int fd, int backlog)
{
    (void)backlog;
    ring_open_file(fd)->kind = FILE_LISTENER;
    return 0;
}

int __wrap_setsockopt(int fd, int level, int name, const void *value, socklen_t len)
{
    (void)level;
    (void)name;
    (void)value;
    (void)len;
    (void)ring_open_file(fd);
    return 0;
}

int __wrap_getsockopt(int fd, int level, int name, void *value, socklen_t *len)
{
    ring_file *f = ring_open_file(fd);

    if (level == SOL_SOCKET && name == SO_PEERNAME && !f->connected) {
        errno = ENOTCONN;
        return -1;
    }
    RING_CHECK(level == SOL_SOCKET && name == SO_ERROR && *len == sizeof(int));
    memcpy(value, &f->err, sizeof(int));
    f->err = 0;
    return 0;
}

static int ring_address(struct sockaddr *addr, socklen_t *len, uint16_t port)
{
    struct sockaddr_in a = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

    RING_CHECK(*len >= sizeof(a));
    memcpy(addr, &a, sizeof(a));
    *len = sizeof(a);
    return 0;
}

int __wrap_getsockname(int fd, struct sockaddr *addr, socklen_t *len)
{
    (void)ring_open_file(fd);
    return ring_address(addr, len, 9);
}

int __wrap_getpeername(int fd, struct sockaddr *addr, socklen_t *len)
{
    ring_file *f = ring_open_file(fd);

    if (f->connected)
        return ring_address(addr, len, (uint16_t)(10000 + f->serial % 10000));
    errno = ENOTCONN;
    return -1;
}

int __wrap_eventfd_write(int fd, eventfd_t value)
{
    ring_file *f = ring_open_file(fd);

    RING_CHECK(f->kind == FILE_EVENT);
    f->count += value;
    f->edges++;
    return 0;
}

int __wrap_eventfd_read(int fd, eventfd_t *value)
{
    ring_file *f = ring_open_file(fd);

    RING_CHECK(f->kind == FILE_EVENT);
    *value = f->count;
    f->count = 0;
    return *value > 0 ? 0 : -1;
}

int __wrap_getaddrinfo(const char *host, const char *port, const struct addrinfo *hints,
                       struct addrinfo **ret)
{
    return ring_getaddrinfo(host, port, hints, ret);
}

void __wrap_freeaddrinfo(struct addrinfo *list)
{
    ring_freeaddrinfo(list);
}

/* --------------------------------------------------------------------------------- set-up -- */

static void ring_files_begin(void (*sent)(ring_file *f, const uint8_t *data, size_t n))
{
    memset(&kernel, 0, sizeof(kernel));
    kernel.clock_us = 1000000;
    kernel.sent = sent;
    ring_sys = wsk__sys_default;
    ring_sys.recv = ring_recv;
    ring_sys.send = ring_send;
    ring_sys.sendmsg = ring_sendmsg;
    ring_sys.epoll_create1 = ring_epoll_create1;
    ring_sys.epoll_ctl = ring_epoll_ctl;
    ring_sys.poll = ring_poll;
    ring_sys.eventfd = ring_eventfd;
    ring_sys.clock_us = ring_clock_us;
    ring_sys.connect = ring_connect;
    ring_sys.getaddrinfo = ring_getaddrinfo;
    ring_sys.freeaddrinfo = ring_freeaddrinfo;
}

#endif
