/* SPDX-License-Identifier: MIT */
/* See torture_kernel.h. */
#include "torture_kernel.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sys/eventfd.h>
#include <sys/mman.h>

#include "torture_openssl.h"

/* Above all that are real. */
#define FIRST_FD 512
/* Of each direction of a socket. */
#define ROOM ((size_t)256 * 1024)
/* In front of each block, its size. */
#define HEAD 16

tk_state tk;
uint8_t tk_trace[TK_TRACE];

const char *tk_call_name(tk_call call)
{
    static const char *const names[TK_CALLS] = {"allocation",    "OpenSSL allocation",
                                                "recv",          "send",
                                                "accept",        "epoll_ctl",
                                                "epoll_wait",    "socket",
                                                "connect",       "look-up",
                                                "malloc",        "random",
                                                "epoll_create",  "eventfd",
                                                "bind",          "listen",
                                                "setsockopt",    "getsockopt",
                                                "getsockname",   "getpeername",
                                                "shutdown",      "close",
                                                "eventfd_read",  "mmap",
                                                "ring set-up",   "ring buffers",
                                                "ring enable",   "ring fd",
                                                "ring submit",   "ring wait",
                                                "OpenSSL random"};

    return names[call];
}

void tk_wrong(const char *format, ...)
{
    va_list list;

    if (tk.wrong[0] != 0)
        return;
    va_start(list, format);
    vsnprintf(tk.wrong, sizeof(tk.wrong), format, list);
    va_end(list);
}

/* --------------------------------------------------------------------------------- faults -- */

/* Whether this call is to fail. */
bool tk_fails(tk_call call)
{
    const tk_fault *f = &tk.fault;
    uint32_t count;

    if (!tk.armed)
        return false;
    if (call == TK_ALLOC) {
        count = ++tk.allocs;
    } else if (call == TK_CRYPTO) {
        count = ++tk.crypto;
    } else {
        if (tk.calls < TK_TRACE)
            tk_trace[tk.calls] = (uint8_t)call;
        count = ++tk.calls;
    }
    if (f->at == 0 || f->call != call)
        return false;
    if (f->often) {
        tk.spared = !tk.spared;
        if (!tk.spared && f->err != TK_SHORT)
            return false;
    } else if (count != f->at && !(f->for_ever && count > f->at)) {
        return false;
    }
    if (tk.fired == 0 && tk.on_fault != NULL)
        tk.on_fault();
    tk.fired++;
    tk.fired_on = call;
    return true;
}

void tk_arm(const tk_fault *fault)
{
    tk.fault = fault != NULL ? *fault : (tk_fault){.at = 0};
    tk.armed = true;
    tk.allocs = tk.crypto = tk.calls = tk.fired = 0;
    tk.spared = false;
}

void tk_disarm(void)
{
    tk.armed = false;
}

bool tk_enter(bool inside)
{
    const bool was = tk.inside;

    tk.inside = inside;
    return was;
}

/* ---------------------------------------------------------------------------------- files -- */

static bool is_ours(int fd)
{
    return fd >= FIRST_FD;
}

static tk_file *file_of(int fd)
{
    const int i = fd - FIRST_FD;

    if (i < 0 || i >= tk.n_files) {
        tk_wrong("descriptor %d was never given out", fd);
        return NULL;
    }
    if (!tk.file[i].open) {
        tk_wrong("descriptor %d is used behind its close", i);
        return NULL;
    }
    return &tk.file[i];
}

static int new_file(tk_kind kind)
{
    if (tk.n_files == TK_FILES) {
        tk_wrong("more than %d descriptors", TK_FILES);
        errno = EMFILE;
        return -1;
    }
    tk_file *f = &tk.file[tk.n_files];
    *f = (tk_file){.kind = kind, .open = true};
    return tk.n_files++;
}

int tk_make(tk_call call, tk_kind kind)
{
    if (tk_fails(call)) {
        errno = tk.fault.err;
        return -1;
    }
    int i = new_file(kind);
    return i < 0 ? -1 : FIRST_FD + i;
}

int tk_fd(int file)
{
    return FIRST_FD + file;
}

const tk_file *tk_file_at(int fd)
{
    const int i = fd - FIRST_FD;

    return i >= 0 && i < tk.n_files && tk.file[i].open ? &tk.file[i] : NULL;
}

static size_t filled(const tk_stream_octets *o)
{
    return o->n - o->off;
}

static void put(tk_stream_octets *o, const void *data, size_t n)
{
    if (n == 0)
        return;
    if (o->off > 0 && o->off == o->n)
        o->off = o->n = 0;
    if (o->off > 0 && o->room - o->n < n) {
        memmove(o->at, o->at + o->off, filled(o));
        o->n -= o->off;
        o->off = 0;
    }
    if (o->room - o->n < n) {
        o->room = o->n + n < ROOM && o->n + n > 4096 ? ROOM : o->n + n + 4096;
        o->at = realloc(o->at, o->room);
        if (o->at == NULL)
            abort();
    }
    memcpy(o->at + o->n, data, n);
    o->n += n;
    tk.moved += n;
}

static size_t get(tk_stream_octets *o, void *buf, size_t n)
{
    if (n > filled(o))
        n = filled(o);
    if (n > 0)
        memcpy(buf, o->at + o->off, n);
    o->off += n;
    tk.moved += n;
    return n;
}

/* ------------------------------------------------------------------------- the other ends -- */

int tk_knock(void)
{
    for (int i = 0; i < tk.n_files; i++) {
        if (tk.file[i].kind != TK_IS_LISTENER || !tk.file[i].open)
            continue;
        int s = new_file(TK_IS_SOCKET);
        tk.file[s].open = false; /* until it is accepted */
        tk.file[s].connected = tk.file[s].waiting = true;
        return s;
    }
    return -1;
}

static void edge(tk_file *f)
{
    f->edge = true;
    f->edges++;
}

int tk_answer(void)
{
    for (int i = 0; i < tk.n_files; i++) {
        tk_file *f = &tk.file[i];

        if (f->kind == TK_IS_SOCKET && f->open && f->connecting) {
            f->connecting = false;
            f->connected = true;
            edge(f);
            return i;
        }
    }
    return -1;
}

static bool is_over(const tk_file *f)
{
    return f->dead || (!f->open && !f->waiting);
}

long tk_write(int file, const uint8_t *data, size_t n)
{
    tk_file *f = &tk.file[file];

    if (is_over(f))
        return -1;
    if (n > ROOM - filled(&f->in))
        n = ROOM - filled(&f->in);
    put(&f->in, data, n);
    if (n > 0)
        edge(f);
    return (long)n;
}

long tk_read(int file, uint8_t *buf, size_t n)
{
    tk_file *f = &tk.file[file];
    size_t got = get(&f->out, buf, n);

    if (got > 0 && f->cramped) {
        f->cramped = false;
        edge(f);
    }
    if (got == 0 && (f->shut || is_over(f)))
        return -1;
    return (long)got;
}

void tk_fin(int file)
{
    tk.file[file].fin = true;
    edge(&tk.file[file]);
}

/* What has come is still to be had, then the error, and nothing else. */
static void kill_socket(tk_file *f, int err)
{
    f->dead = true;
    f->err = err;
    edge(f);
}

void tk_reset(int file)
{
    if (!is_over(&tk.file[file]) || tk.file[file].waiting)
        kill_socket(&tk.file[file], ECONNRESET);
}

uint32_t tk_readiness(const tk_file *f)
{
    uint32_t r = 0;

    switch (f->kind) {
    case TK_IS_SOCKET:
        if (filled(&f->in) > 0 || f->fin || f->dead)
            r |= EPOLLIN;
        if (f->fin || f->dead)
            r |= EPOLLRDHUP;
        if (f->dead || (f->fin && f->shut))
            r |= EPOLLHUP;
        if (f->err != 0)
            r |= EPOLLERR;
        if ((f->connected && filled(&f->out) < ROOM) || f->dead)
            r |= EPOLLOUT;
        break;
    case TK_IS_LISTENER:
        for (int i = 0; i < tk.n_files; i++)
            r |= tk.file[i].waiting ? EPOLLIN : 0;
        break;
    case TK_IS_EVENT:
        r = f->count > 0 ? EPOLLIN : 0;
        break;
    default:
        break;
    }
    return r;
}

bool tk_is_ready(void)
{
    if (tk.ring_is_ready != NULL)
        return tk.ring_is_ready();
    for (int i = 0; i < tk.n_files; i++) {
        const tk_file *f = &tk.file[i];

        if (f->open && f->watched && (f->edge || !(f->interest & EPOLLET)) &&
            (tk_readiness(f) & (f->interest | EPOLLERR | EPOLLHUP)) != 0)
            return true;
    }
    return false;
}

/* -------------------------------------------------------------------------------- sockets -- */

static ssize_t failed(int err)
{
    errno = err;
    return -1;
}

/* The connection has broken by a call that said so. Behind a reset nothing is to be read. */
static ssize_t break_down(tk_file *f, int err, bool input_too)
{
    f->dead = true;
    f->err = 0;
    if (input_too)
        f->in.off = f->in.n;
    edge(f);
    return failed(err);
}

static bool passes(int err)
{
    return err == EINTR || err == EAGAIN;
}

static ssize_t tk_recv(int fd, void *buf, size_t n, int flags)
{
    tk_file *f = file_of(fd);
    bool fault = tk_fails(TK_RECV);

    if (f == NULL || f->kind != TK_IS_SOCKET || n == 0 || flags & MSG_PEEK) {
        tk_wrong("recv() of %zu octets, flags %d", n, flags);
        return failed(EBADF);
    }
    if (fault && tk.fault.err != TK_SHORT) {
        if (!passes(tk.fault.err))
            return break_down(f, tk.fault.err, true);
        edge(f); /* what is there "comes" when the call has failed */
        return failed(tk.fault.err);
    }
    if (fault) {
        n = 1;
        edge(f);
    }
    if (filled(&f->in) > 0)
        return (ssize_t)get(&f->in, buf, n);
    if (f->err != 0) {
        int err = f->err;
        f->err = 0;
        return failed(err);
    }
    return f->dead || f->fin ? 0 : failed(EAGAIN);
}

static ssize_t begin_send(tk_file *f, size_t *n)
{
    bool fault = tk_fails(TK_SEND);

    if (f == NULL || f->kind != TK_IS_SOCKET || *n == 0) {
        tk_wrong("send() of %zu octets", *n);
        return failed(EBADF);
    }
    if (f->shut)
        tk_wrong("send() behind shutdown()");
    if (fault && tk.fault.err != TK_SHORT) {
        if (!passes(tk.fault.err))
            return break_down(f, tk.fault.err, false);
        f->cramped = tk.fault.err == EAGAIN;
        if (f->cramped)
            edge(f);
        return failed(tk.fault.err);
    }
    if (f->dead) {
        int err = f->err != 0 ? f->err : EPIPE;
        f->err = 0;
        return failed(err);
    }
    size_t room = ROOM - filled(&f->out);
    if (fault && room > 1)
        room = 1;
    f->cramped = room < *n;
    if (fault)
        edge(f);
    if (room == 0)
        return failed(EAGAIN);
    if (*n > room)
        *n = room;
    return 0;
}

static void take(tk_file *f, const void *data, size_t n)
{
    if (tk.on_sent != NULL)
        tk.on_sent(f, data, n);
    put(&f->out, data, n);
}

static ssize_t tk_send(int fd, const void *buf, size_t n, int flags)
{
    tk_file *f = file_of(fd);

    (void)flags;
    if (begin_send(f, &n) < 0)
        return -1;
    take(f, buf, n);
    return (ssize_t)n;
}

static ssize_t tk_sendmsg(int fd, const struct msghdr *msg, int flags)
{
    tk_file *f = file_of(fd);
    size_t n = 0;

    (void)flags;
    for (size_t i = 0; i < msg->msg_iovlen; i++)
        n += msg->msg_iov[i].iov_len;
    if (begin_send(f, &n) < 0)
        return -1;
    size_t left = n;
    for (size_t i = 0; left > 0; i++) {
        size_t k = msg->msg_iov[i].iov_len < left ? msg->msg_iov[i].iov_len : left;
        take(f, msg->msg_iov[i].iov_base, k);
        left -= k;
    }
    return (ssize_t)n;
}

static int tk_accept4(int fd, struct sockaddr *addr, socklen_t *len, int flags)
{
    (void)file_of(fd);
    (void)addr;
    (void)len;
    (void)flags;
    if (tk_fails(TK_ACCEPT)) {
        errno = tk.fault.err;
        return -1;
    }
    for (int i = 0; i < tk.n_files; i++) {
        if (!tk.file[i].waiting)
            continue;
        tk.file[i].waiting = false;
        tk.file[i].open = true;
        return FIRST_FD + i;
    }
    errno = EAGAIN;
    return -1;
}

static int tk_connect(int fd, const struct sockaddr *addr, socklen_t len)
{
    tk_file *f = file_of(fd);

    (void)addr;
    (void)len;
    if (f == NULL)
        return -1;
    bool fault = tk_fails(TK_CONNECT);
    if (fault && tk.fault.late) {
        kill_socket(f, tk.fault.err);
        return (int)failed(EINPROGRESS);
    }
    /* Interrupted, it goes on by itself (POSIX.1-2017 connect()). */
    f->connecting = !fault || tk.fault.err == EINTR;
    return (int)failed(fault ? tk.fault.err : EINPROGRESS);
}

static int tk_getaddrinfo(const char *host, const char *port, const struct addrinfo *hints,
                          struct addrinfo **ret)
{
    if (tk_fails(TK_LOOKUP)) {
        errno = ENOMEM;
        return tk.fault.err;
    }
    return getaddrinfo(host, port, hints, ret);
}

/* ---------------------------------------------------------------------------------- epoll -- */

static int tk_epoll_create1(int flags)
{
    (void)flags;
    return tk_make(TK_EPOLL, TK_IS_EPOLL);
}

static int tk_epoll_ctl(int ep, int op, int fd, struct epoll_event *event)
{
    tk_file *f = file_of(fd);

    (void)file_of(ep);
    if (f == NULL || (op == EPOLL_CTL_ADD) == f->watched) {
        tk_wrong("epoll_ctl(%d) on a descriptor that is%s there", op, f == NULL ? " not" : "");
        errno = EBADF;
        return -1;
    }
    if (op == EPOLL_CTL_DEL) {
        f->watched = false;
        return 0;
    }
    if (tk_fails(TK_CTL)) {
        errno = tk.fault.err;
        return -1;
    }
    f->watched = f->edge = true;
    f->interest = event->events;
    f->data = event->data.u64;
    return 0;
}

static int tk_epoll_wait(int ep, struct epoll_event *events, int max, int timeout_ms)
{
    int n = 0;

    (void)file_of(ep);
    (void)timeout_ms;
    if (tk_fails(TK_WAIT)) {
        errno = tk.fault.err;
        return -1;
    }
    for (int i = 0; i < tk.n_files && n < max; i++) {
        tk_file *f = &tk.file[i];

        if (!f->open || !f->watched || ((f->interest & EPOLLET) && !f->edge))
            continue;
        uint32_t now = tk_readiness(f) & (f->interest | EPOLLERR | EPOLLHUP);
        f->edge = false;
        if (now == 0)
            continue;
        if (f->interest & EPOLLONESHOT)
            f->interest = EPOLLONESHOT;
        events[n].events = now;
        events[n++].data.u64 = f->data;
    }
    return n;
}

static int tk_poll(struct pollfd *fds, nfds_t n, int timeout_ms)
{
    int found = 0;

    if (timeout_ms != 0)
        tk_wrong("poll() would block");
    for (nfds_t i = 0; i < n; i++) {
        const tk_file *f = file_of(fds[i].fd);

        fds[i].revents = 0;
        if (f != NULL)
            fds[i].revents = (short)(tk_readiness(f) &
                                     ((uint32_t)fds[i].events | POLLERR | POLLHUP));
        found += fds[i].revents != 0;
    }
    return found;
}

static int tk_eventfd(unsigned value, int flags)
{
    (void)value;
    (void)flags;
    return tk_make(TK_EVENTFD, TK_IS_EVENT);
}

static uint64_t tk_clock_us(void)
{
    return tk.now_us;
}

static void *tk_malloc(size_t n)
{
    return tk_fails(TK_MALLOC) ? NULL : malloc(n);
}

/* --------------------------------------------------------- calls that the linker takes over -- */

int __real_close(int fd);
int __real_shutdown(int fd, int how);
int __real_socket(int domain, int type, int protocol);
int __real_bind(int fd, const struct sockaddr *addr, socklen_t len);
int __real_listen(int fd, int backlog);
int __real_setsockopt(int fd, int level, int name, const void *value, socklen_t len);
int __real_getsockopt(int fd, int level, int name, void *value, socklen_t *len);
int __real_getsockname(int fd, struct sockaddr *addr, socklen_t *len);
int __real_getpeername(int fd, struct sockaddr *addr, socklen_t *len);
int __real_eventfd_write(int fd, eventfd_t value);
int __real_eventfd_read(int fd, eventfd_t *value);
void *__real_mmap64(void *at, size_t n, int protection, int flags, int fd, off_t offset);
int __real_munmap(void *at, size_t n);
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
void *__wrap_mmap64(void *at, size_t n, int protection, int flags, int fd, off_t offset);
int __wrap_munmap(void *at, size_t n);

/* What has nothing to do but to succeed. */
static int call(tk_call which)
{
    return tk_fails(which) ? (int)failed(tk.fault.err) : 0;
}

int __wrap_close(int fd)
{
    if (!is_ours(fd))
        return __real_close(fd);
    tk_file *f = file_of(fd);
    if (f == NULL) {
        errno = EBADF;
        return -1;
    }
    f->open = f->watched = false;
    return call(TK_CLOSE);
}

int __wrap_shutdown(int fd, int how)
{
    if (!is_ours(fd))
        return __real_shutdown(fd, how);
    tk_file *f = file_of(fd);
    if (f == NULL)
        return -1;
    if (f->shut)
        tk_wrong("shutdown() for the second time");
    f->shut = true;
    /* That is how a reset is told which came before it. */
    if (tk_fails(TK_SHUTDOWN))
        return (int)break_down(f, tk.fault.err, false);
    edge(f);
    return 0;
}

int __wrap_socket(int domain, int type, int protocol)
{
    (void)domain;
    (void)type;
    (void)protocol;
    return tk_make(TK_SOCKET, TK_IS_SOCKET);
}

int __wrap_bind(int fd, const struct sockaddr *addr, socklen_t len)
{
    tk_file *f = file_of(fd);

    (void)addr;
    (void)len;
    if (f == NULL || call(TK_BIND) < 0)
        return -1;
    f->bound = true;
    return 0;
}

int __wrap_listen(int fd, int backlog)
{
    tk_file *f = file_of(fd);

    (void)backlog;
    if (f == NULL || call(TK_LISTEN) < 0)
        return -1;
    f->kind = TK_IS_LISTENER;
    return 0;
}

int __wrap_setsockopt(int fd, int level, int name, const void *value, socklen_t len)
{
    if (!is_ours(fd))
        return __real_setsockopt(fd, level, name, value, len);
    return file_of(fd) != NULL ? call(TK_SETSOCKOPT) : -1;
}

int __wrap_getsockopt(int fd, int level, int name, void *value, socklen_t *len)
{
    if (!is_ours(fd))
        return __real_getsockopt(fd, level, name, value, len);
    tk_file *f = file_of(fd);
    if (f == NULL || level != SOL_SOCKET || name != SO_ERROR || *len != sizeof(int))
        return (int)failed(EINVAL);
    if (call(TK_GETSOCKOPT) < 0)
        return -1;
    memcpy(value, &f->err, sizeof(int));
    f->err = 0;
    return 0;
}

static int give_name(struct sockaddr *addr, socklen_t *len, unsigned port)
{
    const struct sockaddr_in a = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

    memcpy(addr, &a, *len < sizeof(a) ? *len : sizeof(a));
    *len = sizeof(a);
    return 0;
}

int __wrap_getsockname(int fd, struct sockaddr *addr, socklen_t *len)
{
    if (!is_ours(fd))
        return __real_getsockname(fd, addr, len);
    tk_file *f = file_of(fd);
    return f == NULL || call(TK_GETSOCKNAME) < 0
               ? -1
               : give_name(addr, len, f->bound ? 9001u : 20000u + (unsigned)(fd - FIRST_FD));
}

int __wrap_getpeername(int fd, struct sockaddr *addr, socklen_t *len)
{
    if (!is_ours(fd))
        return __real_getpeername(fd, addr, len);
    tk_file *f = file_of(fd);
    if (f == NULL || !f->connected)
        return (int)failed(ENOTCONN);
    return call(TK_GETPEERNAME) < 0 ? -1 : give_name(addr, len, 30000);
}

int __wrap_eventfd_write(int fd, eventfd_t value)
{
    if (!is_ours(fd))
        return __real_eventfd_write(fd, value);
    tk_file *f = file_of(fd);
    if (f == NULL)
        return -1;
    f->count += value;
    edge(f);
    return 0;
}

int __wrap_eventfd_read(int fd, eventfd_t *value)
{
    if (!is_ours(fd))
        return __real_eventfd_read(fd, value);
    tk_file *f = file_of(fd);
    if (f == NULL || f->count == 0)
        return (int)failed(EAGAIN);
    if (call(TK_WOKEN) < 0)
        return -1;
    *value = f->count;
    f->count = 0;
    return 0;
}

void *__wrap_mmap64(void *at, size_t n, int protection, int flags, int fd, off_t offset)
{
    if (call(TK_MMAP) < 0)
        return MAP_FAILED;
    void *p = __real_mmap64(at, n, protection, flags, fd, offset);
    tk.mappings += p != MAP_FAILED;
    return p;
}

int __wrap_munmap(void *at, size_t n)
{
    tk.mappings--;
    return __real_munmap(at, n);
}

/* ---------------------------------------------------------------------------------- hooks -- */

static void *hook_realloc(void *ud, void *p, size_t n)
{
    uint8_t *block = p != NULL ? (uint8_t *)p - HEAD : NULL;
    size_t old = 0;

    (void)ud;
    if (block != NULL)
        memcpy(&old, block, sizeof(old));
    if (n == 0) {
        if (block != NULL) {
            tk.blocks--;
            tk.octets -= old;
        }
        free(block);
        return NULL;
    }
    if (tk_fails(TK_ALLOC))
        return NULL;
    /* Always moved, so that an old address is seen by the sanitizer. */
    uint8_t *fresh = malloc(n + HEAD);
    if (fresh == NULL)
        abort();
    memcpy(fresh, &n, sizeof(n));
    if (block != NULL) {
        memcpy(fresh + HEAD, block + HEAD, old < n ? old : n);
        free(block);
    } else {
        tk.blocks++;
    }
    tk.octets += n - old;
    return fresh + HEAD;
}

static int hook_random(void *ud, void *buf, size_t n)
{
    uint8_t *p = buf;

    (void)ud;
    if (tk_fails(TK_RANDOM))
        return -1;
    for (size_t i = 0; i < n; i++) {
        tk.seed = tk.seed * 6364136223846793005u + 1442695040888963407u;
        p[i] = (uint8_t)(tk.seed >> 56);
    }
    return 0;
}

static void hook_log(void *ud, wsk_log_level level, const char *line)
{
    size_t n = strlen(tk.log);

    (void)ud;
    (void)level;
    snprintf(tk.log + n, sizeof(tk.log) - n, "%s; ", line);
}

void tk_begin(void)
{
    memset(&tk, 0, sizeof(tk));
    tk_openssl_begin();
    tk.now_us = 1000000;
    tk.seed = 1;
    tk.hooks = (wsk_hooks){.size = sizeof(wsk_hooks),
                           .realloc = hook_realloc,
                           .random = hook_random,
                           .log = hook_log,
                           .log_level = WSK_LOG_WARN};
    tk.sys = (wsk__sys){
        .recv = tk_recv,
        .send = tk_send,
        .sendmsg = tk_sendmsg,
        .accept4 = tk_accept4,
        .epoll_create1 = tk_epoll_create1,
        .epoll_ctl = tk_epoll_ctl,
        .epoll_wait = tk_epoll_wait,
        .poll = tk_poll,
        .eventfd = tk_eventfd,
        .clock_us = tk_clock_us,
        .connect = tk_connect,
        .getaddrinfo = tk_getaddrinfo,
        .freeaddrinfo = freeaddrinfo,
        .malloc = tk_malloc,
    };
}

void tk_end(void)
{
    tk_disarm();
    if (tk.blocks != 0 || tk.octets != 0)
        tk_wrong("%ld blocks, %zu octets were not given back", tk.blocks, tk.octets);
    if (tk.mappings != 0)
        tk_wrong("%ld mappings were not taken back", tk.mappings);
    for (int i = 0; i < tk.n_files; i++) {
        if (tk.file[i].open)
            tk_wrong("descriptor %d was not closed", i);
        free(tk.file[i].in.at);
        free(tk.file[i].out.at);
    }
    tk_openssl_end();
}
