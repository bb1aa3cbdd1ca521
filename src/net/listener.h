/* SPDX-License-Identifier: MIT */
/* Listening sockets in a loop. */
#ifndef WSK_NET_LISTENER_H
#define WSK_NET_LISTENER_H

#include <sys/socket.h>

#include <websock/loop.h>

typedef struct wsk__listener wsk__listener;

typedef struct wsk__listen_options {
    const char *host; /* name or address without brackets; NULL with unix_path */
    uint16_t port;    /* 0: a free one */
    const char *unix_path;
    int backlog;
    bool reuse_port;
} wsk__listen_options;

/*
 * Calls accepted(ud, fd) for each connection: non-blocking, close-on-exec, TCP_NODELAY set; the
 * callee owns the fd. When descriptors or memory run out (EMFILE, ENFILE, ENOBUFS, ENOMEM)
 * accepting rests for a second and the log says so once; other connections go on. A Unix socket's
 * file that no one listens on any more is replaced, and removed at the end.
 */
int wsk__listener_new(wsk__listener **ret, wsk_loop *loop, const wsk__listen_options *options,
                      void (*accepted)(void *ud, int fd), void *ud);
void wsk__listener_free(wsk__listener *l);
/* The bound port, 0 for Unix sockets. */
uint16_t wsk__listener_port(const wsk__listener *l);
/* True if only this machine can connect, over TCP. */
bool wsk__listener_is_loopback(const wsk__listener *l);
/* "127.0.0.1:41234", "[::1]:41234" or "unix" of the other end of fd, also of one that is
 * gone; writes at most n octets with NUL, returns the length of the whole. */
size_t wsk__peer_name(int fd, char *buf, size_t n);

#endif
