/* SPDX-License-Identifier: MIT */
/*
 * What the kernel allows: an echo of octets without any protocol, over epoll. It knows nothing of
 * WebSocket and shares nothing with the library.
 *
 *     raw_epoll PORT
 *
 * Edge-triggered, one buffer for all connections that stays in cache, sent right away; a
 * connection whose client does not read is not read from.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { READ_MAX = 128 * 1024, EVENTS = 1024 };

typedef struct connection {
    uint8_t *rest; /* what the kernel did not take yet: octets from at to n_rest */
    size_t at, n_rest;
    int fd;
} connection;

static uint8_t buffer[READ_MAX];
static struct epoll_event events[EVENTS];

static _Noreturn void die(const char *what)
{
    perror(what);
    exit(1);
}

static void drop(connection *c)
{
    close(c->fd);
    free(c->rest);
    free(c);
}

/* False: the connection is gone. *ret_all says whether nothing is left. */
static bool send_some(connection *c, const uint8_t *p, size_t n, bool *ret_all)
{
    ssize_t sent = send(c->fd, p, n, MSG_NOSIGNAL | MSG_DONTWAIT);

    if (sent < 0 && errno != EAGAIN)
        return false;
    sent = sent < 0 ? 0 : sent;
    *ret_all = (size_t)sent == n;
    if (*ret_all)
        return true;
    uint8_t *rest = malloc(n - (size_t)sent);
    if (rest == NULL)
        die("malloc");
    memcpy(rest, p + sent, n - (size_t)sent);
    free(c->rest);
    c->rest = rest;
    c->at = 0;
    c->n_rest = n - (size_t)sent;
    return true;
}

/* False: the connection is gone. */
static bool serve(connection *c)
{
    bool all = true;

    if (c->rest != NULL) {
        ssize_t sent = send(c->fd, c->rest + c->at, c->n_rest - c->at, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0)
            return errno == EAGAIN;
        c->at += (size_t)sent;
        if (c->at < c->n_rest)
            return true;
        free(c->rest);
        c->rest = NULL;
    }
    while (all) {
        ssize_t n = recv(c->fd, buffer, sizeof(buffer), MSG_DONTWAIT);
        if (n == 0 || (n < 0 && errno != EAGAIN))
            return false;
        if (n < 0)
            return true;
        if (!send_some(c, buffer, (size_t)n, &all))
            return false;
        /* A short read emptied the socket, so that the next octets make an event. */
        if (n < (ssize_t)sizeof(buffer))
            break;
    }
    return true;
}

static void accept_all(int epoll, int listener)
{
    int fd, on = 1;

    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        connection *c = calloc(1, sizeof(*c));
        if (c == NULL)
            die("malloc");
        c->fd = fd;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        struct epoll_event e = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = c};
        if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &e) < 0)
            die("epoll_ctl");
    }
}

int main(int argc, char **argv)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), on = 1;
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    struct rlimit files;
    struct epoll_event e = {.events = EPOLLIN};

    if (argc != 2) {
        fprintf(stderr, "usage: raw_epoll PORT\n");
        return 2;
    }
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &files);
    }
    a.sin_port = htons((uint16_t)strtoul(argv[1], NULL, 10));
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(listener, (struct sockaddr *)&a, sizeof(a)) < 0 || listen(listener, 4096) < 0)
        die("listen");
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &e) < 0)
        die("epoll_ctl");
    for (;;) {
        int n = epoll_wait(epoll, events, EVENTS, -1);
        if (n < 0 && errno != EINTR)
            die("epoll_wait");
        for (int i = 0; i < n; i++) {
            connection *c = events[i].data.ptr;
            if (c == NULL)
                accept_all(epoll, listener);
            else if (!serve(c))
                drop(c);
        }
    }
}
