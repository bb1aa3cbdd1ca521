/* SPDX-License-Identifier: MIT */
/*
 * Listening sockets: resolution, binding, and what happens when descriptors run out. The
 * backends do the accepting.
 */
#include "net/loop_priv.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* A name may stand for several addresses (localhost: ::1 and 127.0.0.1). */
#define SOCKETS_MAX 8
#define REST_MS     1000

struct wsk__listener {
    wsk_loop *loop;
    void (*accepted)(void *ud, int fd);
    void *ud;
    wsk_timer *rest; /* running while accepting rests */
    bool rest_logged;
    char *unix_path;
    dev_t unix_dev; /* of the file that we made: another's is not removed */
    ino_t unix_ino;
    uint16_t port;
    bool outside; /* bound to an address that other machines can connect to */
    size_t n;
    wsk__lsock socks[SOCKETS_MAX];
};

/* ----------------------------------------------------------------------------- accepting -- */

bool wsk__accept_error_is_passing(int err)
{
    switch (err) {
    case EINTR:
    case EAGAIN:
    case ECONNABORTED:
    case EPROTO:
    case EPERM: /* a firewall's */
    case ENOPROTOOPT:
    case ENETDOWN:
    case ENETUNREACH:
    case EHOSTDOWN:
    case EHOSTUNREACH:
    case ENONET:
    case EOPNOTSUPP:
    case ETIMEDOUT:
    case ECONNRESET:
        return true;
    default:
        return false;
    }
}

void wsk__listener_accepted(wsk__lsock *l, int fd)
{
    l->listener->rest_logged = false;
    l->listener->accepted(l->listener->ud, fd);
}

static void listen_again(void *ud)
{
    wsk__listener *l = ud;

    for (size_t i = 0; i < l->n; i++) {
        if (!l->socks[i].armed && l->loop->io->listen(&l->socks[i]) < 0)
            wsk_timer_set(l->rest, REST_MS);
    }
}

void wsk__listener_rest(wsk__lsock *sock, int err)
{
    wsk__listener *l = sock->listener;
    struct rlimit files;

    /* Once until a connection is accepted again: an attacker must not fill the log. */
    if (l->rest_logged) {
        /* nothing new */
    } else if (err == EMFILE && getrlimit(RLIMIT_NOFILE, &files) == 0) {
        wsk__log(l->loop->hooks, WSK_LOG_WARN,
                 "cannot accept connections (%s, the limit is %llu), trying again each second",
                 strerror(err), (unsigned long long)files.rlim_cur);
    } else {
        wsk__log(l->loop->hooks, WSK_LOG_WARN,
                 "cannot accept connections (%s), trying again each second", strerror(err));
    }
    l->rest_logged = true;
    wsk_timer_set(l->rest, REST_MS);
}

/* -------------------------------------------------------------------------------- making -- */

static int add_socket(wsk__listener *l, int fd, int backlog)
{
    if (listen(fd, backlog > 0 ? backlog : SOMAXCONN) < 0)
        return WSK_ERR_SYS;
    l->socks[l->n] = (wsk__lsock){.listener = l, .loop = l->loop, .fd = fd};
    l->n++;
    return WSK_OK;
}

static uint16_t port_of(const struct sockaddr_storage *a)
{
    if (a->ss_family == AF_INET)
        return ntohs(((const struct sockaddr_in *)(const void *)a)->sin_port);
    if (a->ss_family == AF_INET6)
        return ntohs(((const struct sockaddr_in6 *)(const void *)a)->sin6_port);
    return 0;
}

static bool is_loopback(const struct sockaddr_storage *a)
{
    static const uint8_t mapped[] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 127};

    if (a->ss_family == AF_INET)
        return ntohl(((const struct sockaddr_in *)(const void *)a)->sin_addr.s_addr) >> 24 == 127;
    const struct in6_addr *a6 = &((const struct sockaddr_in6 *)(const void *)a)->sin6_addr;
    return IN6_IS_ADDR_LOOPBACK(a6) || memcmp(a6, mapped, sizeof(mapped)) == 0;
}

static void set_port(struct sockaddr *a, uint16_t port)
{
    if (a->sa_family == AF_INET)
        ((struct sockaddr_in *)(void *)a)->sin_port = htons(port);
    else
        ((struct sockaddr_in6 *)(void *)a)->sin6_port = htons(port);
}

static int bind_inet(wsk__listener *l, const struct addrinfo *ai, const wsk__listen_options *o,
                     bool both)
{
    const int on = 1, v6only = !both;
    struct sockaddr_storage a;
    socklen_t len = sizeof(a);
    int fd = socket(ai->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);

    if (fd < 0)
        return WSK_ERR_SYS;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    /* Without this a server for all addresses might be one for IPv6 only, and not know it. */
    if (ai->ai_family == AF_INET6 &&
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &v6only, sizeof(v6only)) < 0)
        goto fail;
    /* Accepted sockets inherit it: one call for all of them. */
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (o->reuse_port && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) < 0)
        goto fail;
    /* A port that nobody can be told is of no use. */
    if (bind(fd, ai->ai_addr, ai->ai_addrlen) < 0 ||
        getsockname(fd, (struct sockaddr *)&a, &len) < 0 || add_socket(l, fd, o->backlog) < 0)
        goto fail;
    l->port = port_of(&a);
    l->outside = l->outside || !is_loopback(&a);
    return WSK_OK;

fail:;
    int err = errno;
    close(fd);
    errno = err;
    return WSK_ERR_SYS;
}

static int listen_inet(wsk__listener *l, const wsk__listen_options *o)
{
    struct addrinfo hints = {.ai_family = AF_UNSPEC,
                             .ai_socktype = SOCK_STREAM,
                             .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    struct addrinfo *list, *ai;
    bool any = o->host == NULL || o->host[0] == 0;
    char port[8];
    int r = WSK_ERR_RESOLVE;

    snprintf(port, sizeof(port), "%u", (unsigned)o->port);
    int e = getaddrinfo(any ? NULL : o->host, port, &hints, &list);
    if (e != 0)
        return e == EAI_MEMORY ? WSK_ERR_NOMEM : e == EAI_SYSTEM ? WSK_ERR_SYS : WSK_ERR_RESOLVE;
    /* Every address: one socket for both families does where it can be had. */
    if (any) {
        for (ai = list; ai != NULL; ai = ai->ai_next) {
            if (ai->ai_family == AF_INET6 && bind_inet(l, ai, o, true) == WSK_OK) {
                freeaddrinfo(list);
                return WSK_OK;
            }
        }
    }
    for (ai = list; ai != NULL && l->n < SOCKETS_MAX; ai = ai->ai_next) {
        if (ai->ai_family != AF_INET && ai->ai_family != AF_INET6)
            continue;
        /* A free port is chosen once. */
        if (l->port != 0)
            set_port(ai->ai_addr, l->port);
        if (bind_inet(l, ai, o, false) == WSK_OK)
            continue;
        r = WSK_ERR_SYS;
        /* A family that this machine does not have is no failure if another one works. */
        if (errno != EAFNOSUPPORT && errno != EADDRNOTAVAIL && errno != EPROTONOSUPPORT)
            break;
        if (ai->ai_next == NULL && l->n > 0)
            r = WSK_OK;
    }
    if (ai == NULL && l->n > 0)
        r = WSK_OK;
    int err = errno;
    freeaddrinfo(list);
    errno = err;
    return r;
}

static int unix_address(struct sockaddr_un *a, const char *path)
{
    size_t n = strlen(path);

    memset(a, 0, sizeof(*a));
    a->sun_family = AF_UNIX;
    if (n == 0 || n >= sizeof(a->sun_path))
        return WSK_ERR_INVAL;
    memcpy(a->sun_path, path, n);
    return WSK_OK;
}

/* A socket's file outlives a server that was killed. It goes if no one listens on it. */
static bool remove_stale(const struct sockaddr_un *a)
{
    struct stat st;

    if (lstat(a->sun_path, &st) < 0 || !S_ISSOCK(st.st_mode))
        return false;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return false;
    bool stale = connect(fd, (const struct sockaddr *)a, sizeof(*a)) < 0 && errno == ECONNREFUSED;
    close(fd);
    return stale && unlink(a->sun_path) == 0;
}

static int listen_unix(wsk__listener *l, const wsk__listen_options *o)
{
    struct sockaddr_un a;
    struct stat st;

    WSK_TRY(unix_address(&a, o->unix_path));
    l->unix_path = wsk__strndup(l->loop->hooks, o->unix_path, strlen(o->unix_path));
    if (l->unix_path == NULL)
        return WSK_ERR_NOMEM;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return WSK_ERR_SYS;
    int r = bind(fd, (const struct sockaddr *)&a, sizeof(a));
    if (r < 0 && errno == EADDRINUSE) {
        if (remove_stale(&a))
            r = bind(fd, (const struct sockaddr *)&a, sizeof(a));
        else
            errno = EADDRINUSE;
    }
    if (r < 0 || add_socket(l, fd, o->backlog) < 0) {
        int err = errno;
        if (r == 0)
            unlink(a.sun_path);
        close(fd);
        errno = err;
        return WSK_ERR_SYS;
    }
    if (stat(a.sun_path, &st) == 0) {
        l->unix_dev = st.st_dev;
        l->unix_ino = st.st_ino;
    }
    return WSK_OK;
}

int wsk__listener_new(wsk__listener **ret, wsk_loop *loop, const wsk__listen_options *options,
                      void (*accepted)(void *ud, int fd), void *ud)
{
    wsk__listener *l = wsk__alloc0(loop->hooks, sizeof(*l));

    if (l == NULL)
        return WSK_ERR_NOMEM;
    l->loop = loop;
    l->accepted = accepted;
    l->ud = ud;
    int r = wsk_timer_new(&l->rest, loop, listen_again, l);
    if (r == WSK_OK)
        r = options->unix_path != NULL ? listen_unix(l, options) : listen_inet(l, options);
    for (size_t i = 0; r == WSK_OK && i < l->n; i++)
        r = loop->io->listen(&l->socks[i]);
    if (r < 0) {
        int err = errno;
        wsk__listener_free(l);
        errno = err;
        return r;
    }
    *ret = l;
    return WSK_OK;
}

void wsk__listener_free(wsk__listener *l)
{
    struct stat st;

    if (l == NULL)
        return;
    if (l->unix_path != NULL && l->n > 0 && stat(l->unix_path, &st) == 0 &&
        st.st_dev == l->unix_dev && st.st_ino == l->unix_ino)
        unlink(l->unix_path);
    for (size_t i = 0; i < l->n; i++)
        l->loop->io->unlisten(&l->socks[i]);
    wsk_timer_free(l->rest);
    wsk__free(l->loop->hooks, l->unix_path);
    wsk__free(l->loop->hooks, l);
}

uint16_t wsk__listener_port(const wsk__listener *l)
{
    return l->port;
}

bool wsk__listener_is_loopback(const wsk__listener *l)
{
    return l->unix_path == NULL && !l->outside;
}

/* ----------------------------------------------------------------------------- addresses -- */

/* Behind a reset getpeername(2) knows nothing any more; the socket does. It asks for the length to
 * be known. */
static bool former_name(int fd, struct sockaddr_storage *a, socklen_t *len)
{
    static const socklen_t lengths[] = {sizeof(struct sockaddr_in6), sizeof(struct sockaddr_in)};

    for (size_t i = 0; i < WSK__COUNT(lengths); i++) {
        *len = lengths[i];
        if (getsockopt(fd, SOL_SOCKET, SO_PEERNAME, a, len) == 0)
            return true;
    }
    return false;
}

size_t wsk__peer_name(int fd, char *buf, size_t n)
{
    struct sockaddr_storage a;
    socklen_t len = sizeof(a);
    char host[64], text[80];

    if (getpeername(fd, (struct sockaddr *)&a, &len) < 0 && !former_name(fd, &a, &len))
        a.ss_family = AF_UNSPEC;
    if (a.ss_family == AF_UNIX) {
        snprintf(text, sizeof(text), "unix");
    } else if ((a.ss_family == AF_INET || a.ss_family == AF_INET6) &&
               getnameinfo((struct sockaddr *)&a, len, host, sizeof(host), NULL, 0,
                           NI_NUMERICHOST) == 0) {
        bool v4 = a.ss_family == AF_INET;
        const char *name = host;

        /* From a socket for both families. */
        if (!v4 && strncmp(host, "::ffff:", 7) == 0 && strchr(host, '.') != NULL) {
            name += 7;
            v4 = true;
        }
        snprintf(text, sizeof(text), v4 ? "%s:%u" : "[%s]:%u", name, (unsigned)port_of(&a));
    } else {
        snprintf(text, sizeof(text), "unknown");
    }
    len = (socklen_t)strlen(text);
    if (n > 0) {
        size_t have = len < n ? len : n - 1;
        memcpy(buf, text, have);
        buf[have] = 0;
    }
    return len;
}
