/* SPDX-License-Identifier: MIT */
/*
 * A kernel that does what the input says, under a whole loop with all that stands on it: sockets
 * that deliver, end, break and stall, a clock that jumps, memory that runs out. Shared by
 * fuzz_server_mocked.c and fuzz_client_mocked.c, which add the operations of their own side.
 *
 * Descriptors are real (they are closed for real), and tell nothing: what is received and sent goes
 * by this table.
 */
#ifndef FUZZ_MOCKED_SYSTEM_H
#define FUZZ_MOCKED_SYSTEM_H

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <websock/conn.h>

#include "mocked_memory.h"
#include "net/loop_priv.h"
#include "net/sys.h"
#include "util/attr.h"
#include "wire_oracle.h"

#define MOCK_FDS 256

/* TAG_WAKE, TAG_LSOCK and TAG_MASK of loop_epoll.c */
#define MOCK_WAKE  2u
#define MOCK_LSOCK 1u
#define MOCK_TAGS  3u

#define MOCK_CHECK(cond)                                                                           \
    do {                                                                                           \
        if (!(cond))                                                                               \
            abort();                                                                               \
    } while (0)

enum { MOCK_SENDS_ALL, MOCK_SENDS_HALF, MOCK_SENDS_ONE, MOCK_FULL, MOCK_INTERRUPTED, MOCK_BROKEN };

typedef struct mock_socket {
    bool is_open; /* registered with the loop */
    uint64_t data;
    uint32_t interest, pending;
    uint8_t *in;
    size_t in_n, in_cap, in_off;
    bool eof;
    int err;         /* of recv behind the input */
    unsigned send;   /* one of the above */
    unsigned source; /* of a client: which address it has, by the target's own numbers */
    wire *wire;      /* what passes; NULL: it is no connection */
    size_t began;    /* so much was received before our handshake */
} mock_socket;

/* What accept() of a listening socket, and connect(), come to. */
enum { MOCK_ACCEPTS_MAX = 32 };
enum {
    MOCK_CONNECT_LATER,   /* in progress: connected when told so */
    MOCK_CONNECT_AT_ONCE, /* connected */
    MOCK_CONNECT_REFUSED,
    MOCK_CONNECT_AGAIN,  /* EAGAIN, as Unix sockets have it */
    MOCK_CONNECT_SILENT, /* in progress, and not connected when told so */
    MOCK_CONNECT_FAILS,  /* in progress, and then it has failed */
};

static struct {
    mock_socket at[MOCK_FDS];
    uint64_t clock_us;
    int null_fd;
    int end;        /* above all descriptors that are in use */
    int connecting; /* the latest that connect() was called for */
    unsigned connect;
    bool no_watch; /* the next descriptor cannot be watched */
    /* those that accept() is going to give: 0 stands for a connection, else an errno */
    uint8_t accepts[MOCK_ACCEPTS_MAX], sources[MOCK_ACCEPTS_MAX];
    unsigned n_accepts;
    unsigned interrupted;
    size_t moved; /* octets, in and out */
} mock;

/* -------------------------------------------------------------------------- system calls -- */

static mock_socket *mock_of(int fd)
{
    MOCK_CHECK(fd >= 0 && fd < MOCK_FDS);
    if (fd >= mock.end)
        mock.end = fd + 1;
    return &mock.at[fd];
}

static ssize_t mock_recv(int fd, void *buf, size_t n, int flags)
{
    mock_socket *s = mock_of(fd);
    size_t have = s->in_n - s->in_off;

    MOCK_CHECK(n > 0);
    if (have == 0 && s->err != 0) {
        errno = s->err;
        return -1;
    }
    if (have == 0 && s->eof)
        return 0;
    if (have == 0) {
        errno = mock.interrupted > 0 ? EINTR : EAGAIN;
        mock.interrupted -= mock.interrupted > 0;
        return -1;
    }
    if (n > have)
        n = have;
    memcpy(buf, s->in + s->in_off, n);
    if (!(flags & MSG_PEEK)) {
        s->in_off += n;
        mock.moved += n;
    }
    return (ssize_t)n;
}

static ssize_t mock_sent(mock_socket *s, size_t n)
{
    switch (s->send) {
    case MOCK_SENDS_HALF:
        return (ssize_t)(n - n / 2);
    case MOCK_SENDS_ONE:
        s->send = MOCK_FULL;
        return 1;
    case MOCK_INTERRUPTED:
        s->send = MOCK_SENDS_ALL;
        errno = EINTR;
        return -1;
    case MOCK_FULL:
        errno = EAGAIN;
        return -1;
    case MOCK_BROKEN:
        errno = EPIPE;
        return -1;
    default:
        return (ssize_t)n;
    }
}

/* n octets of these go out. Those of a client begin with its handshake, behind what is said to a
 * proxy. */
static void mock_out(mock_socket *s, const struct iovec *iov, size_t n_iov, ssize_t n)
{
    const int err = errno;
    size_t left = n > 0 ? (size_t)n : 0;

    mock.moved += left;
    if (s->wire == NULL)
        return;
    if (s->wire->step == WIRE_EARLY && iov->iov_len >= 4 && memcmp(iov->iov_base, "GET ", 4) == 0) {
        s->wire->step = WIRE_HEAD;
        s->began = s->in_off;
    }
    for (size_t i = 0; i < n_iov && left > 0; i++) {
        size_t k = iov[i].iov_len < left ? iov[i].iov_len : left;

        wire_out(s->wire, iov[i].iov_base, k);
        left -= k;
    }
    errno = err;
}

static ssize_t mock_send(int fd, const void *buf, size_t n, int flags)
{
    const struct iovec iov = {(void *)(uintptr_t)buf, n};

    (void)flags;
    MOCK_CHECK(n > 0);
    mock_look(buf, n);
    ssize_t sent = mock_sent(mock_of(fd), n);
    mock_out(mock_of(fd), &iov, 1, sent);
    return sent;
}

static ssize_t mock_sendmsg(int fd, const struct msghdr *msg, int flags)
{
    size_t n = 0;

    (void)flags;
    for (size_t i = 0; i < msg->msg_iovlen; i++) {
        mock_look(msg->msg_iov[i].iov_base, msg->msg_iov[i].iov_len);
        n += msg->msg_iov[i].iov_len;
    }
    MOCK_CHECK(n > 0);
    ssize_t sent = mock_sent(mock_of(fd), n);
    mock_out(mock_of(fd), msg->msg_iov, msg->msg_iovlen, sent);
    return sent;
}

static int mock_epoll_ctl(int ep, int op, int fd, struct epoll_event *event)
{
    mock_socket *s = mock_of(fd);

    (void)ep;
    if (op == EPOLL_CTL_ADD && mock.no_watch) {
        mock.no_watch = false;
        errno = ENOSPC;
        return -1;
    }
    s->is_open = op != EPOLL_CTL_DEL;
    s->interest = 0;
    if (op == EPOLL_CTL_DEL)
        return 0;
    s->data = event->data.u64;
    s->interest = event->events;
    /* What epoll tells at once: there is room. */
    if ((event->events & EPOLLOUT) && s->send < MOCK_FULL)
        s->pending |= EPOLLOUT;
    return 0;
}

static int mock_epoll_wait(int ep, struct epoll_event *events, int max, int timeout_ms)
{
    int n = 0;

    (void)ep;
    (void)timeout_ms;
    for (int fd = 0; fd < mock.end && n < max; fd++) {
        mock_socket *s = &mock.at[fd];
        uint32_t now = s->pending & (s->interest | EPOLLERR | EPOLLHUP);
        struct pollfd woken = {.fd = fd, .events = POLLIN};

        /* What other threads, and posted calls, wake the loop with. */
        if (s->is_open && s->data == MOCK_WAKE && poll(&woken, 1, 0) > 0)
            now = EPOLLIN;
        if (s->is_open && (s->data & MOCK_TAGS) == MOCK_LSOCK && mock.n_accepts > 0)
            now = EPOLLIN;

        /* A descriptor that was closed is gone from the set. */
        if (now == 0 || !s->is_open || fcntl(fd, F_GETFD) < 0)
            continue;
        s->pending &= ~now;
        if (s->interest & EPOLLONESHOT)
            s->interest = 0;
        events[n].events = now;
        events[n++].data.u64 = s->data;
    }
    return n;
}

static mock_socket *mock_new_socket(int fd, bool is_ours);

/* A socket that has an address and is connected to another one: made once, and never used. */
static int mock_connected_fd(void)
{
    static int fd = -1;
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

    if (fd < 0) {
        a.sin_port = htons(9);
        fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        MOCK_CHECK(fd >= 0 && connect(fd, (const struct sockaddr *)&a, sizeof(a)) == 0);
    }
    return fd;
}

/* The connector asks the socket itself whether it is connected, and to whom. */
static void mock_connected(int fd)
{
    MOCK_CHECK(dup2(mock_connected_fd(), fd) == fd);
}

static int mock_connect(int fd, const struct sockaddr *addr, socklen_t len)
{
    unsigned what = mock.connect;

    (void)len;
    /* Unix sockets never have a connection in progress. */
    if (addr->sa_family == AF_UNIX && what == MOCK_CONNECT_LATER)
        what = MOCK_CONNECT_AT_ONCE;
    mock_new_socket(fd, true);
    mock.connecting = fd;
    mock.connect = MOCK_CONNECT_LATER;
    if (what == MOCK_CONNECT_LATER || what == MOCK_CONNECT_AT_ONCE)
        mock_connected(fd);
    else if (what == MOCK_CONNECT_FAILS) /* which is no socket */
        MOCK_CHECK(dup2(mock.null_fd, fd) == fd);
    if (what == MOCK_CONNECT_AT_ONCE)
        return 0;
    errno = what == MOCK_CONNECT_REFUSED ? ECONNREFUSED
            : what == MOCK_CONNECT_AGAIN ? EAGAIN
                                         : EINPROGRESS;
    return -1;
}

static int mock_accept4(int fd, struct sockaddr *addr, socklen_t *len, int flags)
{
    unsigned err, source;

    (void)fd;
    (void)addr;
    (void)len;
    (void)flags;
    if (mock.n_accepts == 0) {
        errno = EAGAIN;
        return -1;
    }
    err = mock.accepts[0];
    source = mock.sources[0];
    mock.n_accepts--;
    memmove(mock.accepts, mock.accepts + 1, mock.n_accepts);
    memmove(mock.sources, mock.sources + 1, mock.n_accepts);
    if (err != 0) {
        errno = (int)err;
        return -1;
    }
    int client = fcntl(mock.null_fd, F_DUPFD_CLOEXEC, 0);
    MOCK_CHECK(client >= 0);
    mock_new_socket(client, false)->source = source;
    return client;
}

/* Runs on a thread of its own. To ask a name server would open descriptors whose numbers a socket
 * had before, and the mock takes them for that socket. */
static int mock_getaddrinfo(const char *host, const char *port, const struct addrinfo *hints,
                            struct addrinfo **ret)
{
    struct addrinfo numeric = {.ai_family = hints->ai_family,
                               .ai_socktype = hints->ai_socktype,
                               .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV};

    return getaddrinfo(host, port, &numeric, ret);
}

static uint64_t mock_clock_us(void)
{
    return mock.clock_us;
}

/* ------------------------------------------------------------------------------- set-up -- */

static wsk__sys mock_sys;

static wsk_loop *mock_begin(void)
{
    wsk_loop_options o = WSK_LOOP_OPTIONS_INIT;
    wsk_loop *loop;

    memset(&mock, 0, sizeof(mock));
    memset(&mock_memory, 0, sizeof(mock_memory));
    mock.clock_us = 1000000;
    mock.null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    MOCK_CHECK(mock.null_fd >= 0);
    mock_sys = wsk__sys_default;
    mock_sys.recv = mock_recv;
    mock_sys.send = mock_send;
    mock_sys.sendmsg = mock_sendmsg;
    mock_sys.epoll_ctl = mock_epoll_ctl;
    mock_sys.epoll_wait = mock_epoll_wait;
    mock_sys.accept4 = mock_accept4;
    mock_sys.connect = mock_connect;
    mock_sys.getaddrinfo = mock_getaddrinfo;
    mock_sys.clock_us = mock_clock_us;
    o.hooks = &mock_hooks;
    o.io = WSK_IO_EPOLL;
    o.recv_buffer = 4096;
    MOCK_CHECK(wsk__loop_new_on(&loop, &o, &mock_sys) == WSK_OK);
    return loop;
}

/* So little is received at once that more than a turn reads is no large input. */
static void mock_read_little(wsk_loop *loop)
{
    loop->recv_cap = 256;
}

static void mock_forget(mock_socket *s)
{
    if (s->wire != NULL)
        wire_deinit(s->wire);
    free(s->wire);
    free(s->in);
}

/* Everything is given back. */
static void mock_end(wsk_loop *loop)
{
    wsk_loop_free(loop);
    MOCK_CHECK(mock_memory.allocated == 0);
    for (int i = 0; i < mock.end; i++) {
        MOCK_CHECK(mock.at[i].wire == NULL || i == mock.null_fd || fcntl(i, F_GETFD) < 0);
        mock_forget(&mock.at[i]);
    }
    close(mock.null_fd);
}

/* Who cannot be written to any more is gone: nothing comes from there, either. */
static void mock_input(mock_socket *s, const void *data, size_t n)
{
    if (s->eof || s->err != 0 || s->send == MOCK_BROKEN || n == 0)
        return;
    slow_keep(&s->in, &s->in_n, &s->in_cap, data, n);
    s->pending |= EPOLLIN;
}

static void mock_frame(mock_socket *s, uint8_t first, bool masked, const uint8_t *payload, size_t n)
{
    uint8_t head[6] = {first, (uint8_t)((masked ? 0x80 : 0) | n)};

    mock_input(s, head, masked ? 6 : 2); /* the mask is zero */
    mock_input(s, payload, n);
}

/* ------------------------------------------------------------------------------ script -- */

typedef struct mock_script {
    const uint8_t *p;
    size_t n;
} mock_script;

/* 0 when there are none left. */
static uint8_t mock_octet(mock_script *t)
{
    if (t->n == 0)
        return 0;
    t->n--;
    return *t->p++;
}

/* As many octets as the next one says, or as there are. */
static const uint8_t *mock_octets(mock_script *t, size_t *ret_n)
{
    size_t n = mock_octet(t);
    const uint8_t *p = t->p;

    *ret_n = n < t->n ? n : t->n;
    t->p += *ret_n;
    t->n -= *ret_n;
    return p;
}

/* Text that is put together of what the input chooses. */
typedef struct mock_text {
    char p[2048];
    size_t n;
} mock_text;

static void mock_add_octets(mock_text *t, const void *p, size_t n)
{
    if (n > sizeof(t->p) - 1 - t->n)
        n = sizeof(t->p) - 1 - t->n;
    if (n > 0)
        memcpy(t->p + t->n, p, n);
    t->n += n;
    t->p[t->n] = 0;
}

static void mock_add(mock_text *t, const char *s)
{
    mock_add_octets(t, s, strlen(s));
}

/* What stands in the input itself. */
static void mock_add_script(mock_text *t, mock_script *from)
{
    size_t n;
    const uint8_t *p = mock_octets(from, &n);

    mock_add_octets(t, p, n);
}

/* "name: value" with its end, unless value is empty. */
static void mock_add_field(mock_text *t, const char *name, const char *value)
{
    if (*value == 0)
        return;
    mock_add(t, name);
    mock_add(t, ": ");
    mock_add(t, value);
    mock_add(t, "\r\n");
}

/* What permessage-deflate is asked to be, of which an octet has the bits. */
static void mock_deflate(wsk_deflate_options *d, uint8_t bits)
{
    d->server_max_window_bits = bits & 1 ? 9 : 0;
    d->client_max_window_bits = bits & 2 ? 10 : 0;
    d->server_no_context_takeover = (bits & 4) != 0;
    d->client_no_context_takeover = (bits & 8) != 0;
    d->level = bits & 16 ? 9 : 1;
    d->mem_level = bits & 32 ? 1 : 0;
    d->threshold = bits & 64 ? 1 : 0;
    if (bits & 128)
        d->server_max_window_bits = d->client_max_window_bits = 8;
}

/* What may happen to a socket; op from 0 to 5. masked: the frames that come in are. */
static void mock_operate(mock_socket *s, unsigned op, mock_script *t, bool masked)
{
    const uint8_t *p;
    size_t n;

    switch (op) {
    case 0: /* octets come in */
        p = mock_octets(t, &n);
        mock_input(s, p, n);
        break;
    case 1: /* a frame */
        p = mock_octets(t, &n);
        if (n > 0)
            mock_frame(s, p[0], masked, p + 1, n < 126 ? n - 1 : 125);
        break;
    case 2: /* the end of input */
        s->eof = true;
        s->pending |= EPOLLIN | EPOLLRDHUP;
        break;
    case 3: /* a reset */
        s->err = ECONNRESET;
        s->send = MOCK_BROKEN;
        s->pending |= EPOLLIN | EPOLLERR | EPOLLHUP;
        break;
    case 4: /* from now on writes do this */
        n = mock_octet(t) % 6;
        if (s->send != MOCK_BROKEN)
            s->send = (unsigned)n;
        break;
    default: /* there is room */
        if (s->send == MOCK_FULL)
            s->send = MOCK_SENDS_ALL;
        if (s->send < MOCK_FULL)
            s->pending |= EPOLLOUT;
        break;
    }
}

/* The system does what it should, until nothing moves. */
static void mock_calm(wsk_loop *loop)
{
    size_t moved = SIZE_MAX;

    mock_memory.fail_in = 0;
    mock.no_watch = false;
    mock.interrupted = 0;
    while (moved != mock.moved) {
        moved = mock.moved;
        for (int i = 0; i < mock.end; i++) {
            mock_socket *s = &mock.at[i];

            if (s->wire == NULL)
                continue;
            s->wire->is_cut = s->send == MOCK_BROKEN;
            if (s->wire->is_cut)
                continue;
            s->send = MOCK_SENDS_ALL;
            s->pending |= EPOLLOUT;
        }
        MOCK_CHECK(wsk_loop_turn(loop, 0) == WSK_OK);
        MOCK_CHECK(wsk_loop_turn(loop, 0) == WSK_OK);
    }
}

/* What may happen to all of it; op from 0 to 3. */
static void mock_operate_all(wsk_loop *loop, unsigned op, mock_script *t)
{
    switch (op) {
    case 0: /* time passes */
        mock.clock_us += 1000ull << mock_octet(t) % 20;
        break;
    case 1: /* an allocation is going to fail */
        mock_memory.fail_in = mock_octet(t);
        break;
    case 2: /* reads are interrupted */
        mock.interrupted = mock_octet(t) % 4;
        break;
    default:
        break;
    }
    MOCK_CHECK(wsk_loop_turn(loop, 0) == WSK_OK);
}

/* is_ours: we connect, somebody else did not. */
static mock_socket *mock_new_socket(int fd, bool is_ours)
{
    mock_socket *s = mock_of(fd);

    mock_forget(s);
    memset(s, 0, sizeof(*s));
    s->wire = malloc(sizeof(*s->wire));
    MOCK_CHECK(s->wire != NULL);
    wire_init(s->wire, &s->in, &s->in_n, is_ours);
    return s;
}

#endif
