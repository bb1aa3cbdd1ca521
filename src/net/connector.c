/* SPDX-License-Identifier: MIT */
/*
 * One way to one host. Every step is a callback of the loop: the timer begins it (so that nothing
 * is called back from wsk__connector_new()) and later starts further attempts, watches tell of
 * sockets that got through or did not.
 */
#include "net/connector.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "net/loop_priv.h"
#include "net/proxy_pipe.h"

/* A Unix socket whose queue is full says so at once, and nothing tells when it has room. */
#define UNIX_RETRY_MS 10

typedef enum connect_step {
    BEGIN,
    RESOLVING_TARGET, /* for a proxy that is told addresses */
    RESOLVING,        /* the target or the proxy */
    RACING,
    TALKING,
    OVER,
} connect_step;

typedef struct racer {
    wsk__watch watch;
    wsk__connector *connector;
    size_t i; /* of the address */
} racer;

struct wsk__connector {
    wsk_loop *loop;
    const wsk_hooks *hooks;
    void (*done)(void *ud, const wsk__connect_result *result);
    void *ud;
    char *host, *unix_path;
    wsk__proxy proxy;
    const wsk__resolve_list *resolve;
    uint16_t port;
    int family;
    uint32_t attempt_delay;
    connect_step step;
    wsk_timer *timer;
    wsk__lookup *lookup;
    wsk__addresses target; /* for a proxy that is told addresses */
    size_t target_next;
    wsk__addresses list; /* to be raced */
    size_t next, active;
    int err; /* of the last address that failed */
    size_t failed_at;
    int fd; /* connected, TALKING */
    wsk__watch watch;
    wsk__proxy_talk talk;
    wsk_tls *proxy_tls; /* may be NULL */
    wsk__proxy_pipe pipe;
    racer racers[WSK__ADDRESSES_MAX];
};

static void start_race(wsk__connector *c);
static void next_attempt(wsk__connector *c);

/* --------------------------------------------------------------------------------- ending -- */

/* Where there was no room to take a watch back, its request holds the socket, and the other end
 * would wait: this ends both. */
static void end_socket(int fd)
{
    shutdown(fd, SHUT_RDWR);
    close(fd);
}

static void stop_racers(wsk__connector *c, const racer *winner)
{
    for (size_t i = 0; i < c->next; i++) {
        racer *r = &c->racers[i];

        if (r->connector == NULL || r == winner)
            continue;
        wsk__watch_end(&r->watch);
        end_socket(r->watch.fd);
        r->connector = NULL;
    }
    c->active = 0;
}

static void stop_talking(wsk__connector *c)
{
    wsk__watch_end(&c->watch);
    wsk__proxy_talk_deinit(&c->talk);
    wsk__proxy_pipe_deinit(&c->pipe);
    if (c->fd >= 0)
        end_socket(c->fd);
    c->fd = -1;
}

/* Calls back; c may be gone then. */
static void finish(wsk__connector *c, const wsk__connect_result *result)
{
    c->step = OVER;
    wsk_timer_cancel(c->timer);
    c->done(c->ud, result);
}

static void fail(wsk__connector *c, wsk__connect_outcome outcome, const char *text)
{
    wsk__connect_result result = {.outcome = outcome, .fd = -1, .err = 0, .text = text};

    finish(c, &result);
}

static void fail_proxy(wsk__connector *c)
{
    wsk__connect_result result = {.fd = -1};
    char text[512];

    result.outcome = c->talk.lost ? WSK__CONNECT_LOST : WSK__CONNECT_PROXY;
    snprintf(text, sizeof(text), "%s", c->talk.text);
    result.text = text;
    result.status = c->talk.status;
    stop_talking(c);
    finish(c, &result);
}

static void name_address(const wsk__address *a, char *buf, size_t n)
{
    char host[INET6_ADDRSTRLEN] = "";

    if (a->any.sa_family == AF_INET) {
        inet_ntop(AF_INET, &a->v4.sin_addr, host, sizeof(host));
        snprintf(buf, n, "%s:%u", host, (unsigned)ntohs(a->v4.sin_port));
    } else {
        inet_ntop(AF_INET6, &a->v6.sin6_addr, host, sizeof(host));
        snprintf(buf, n, "[%s]:%u", host, (unsigned)ntohs(a->v6.sin6_port));
    }
}

/* What is missing here, and not there. */
static bool is_our_want(int err)
{
    return err == EMFILE || err == ENFILE || err == ENOMEM || err == ENOBUFS;
}

static void fail_connect(wsk__connector *c)
{
    wsk__connect_result result = {.outcome = WSK__CONNECT_REFUSED, .fd = -1, .err = c->err};
    char text[256], where[128], buf[64];
    const char *words = strerror_r(c->err, buf, sizeof(buf));

    if (c->unix_path != NULL)
        snprintf(where, sizeof(where), "%s", c->unix_path);
    else
        name_address(&c->list.at[c->failed_at], where, sizeof(where));
    if (is_our_want(c->err))
        result.outcome = WSK__CONNECT_INTERNAL;
    snprintf(text, sizeof(text), "could not connect to %s%s: %s",
             c->proxy.kind != WSK__PROXY_NONE ? "the proxy " : "", where, words);
    result.text = text;
    finish(c, &result);
}

/* session: NULL, or what passes is within it. */
static void connected(wsk__connector *c, int fd, wsk__tls_session *session)
{
    wsk__connect_result result = {
        .outcome = WSK__CONNECT_OK, .fd = fd, .session = session, .text = ""};

    finish(c, &result);
}

/* ---------------------------------------------------------------------------------- proxy -- */

/* Octets to the proxy, as far as the socket takes them. False: it broke. */
static bool send_some(wsk__connector *c)
{
    size_t n;
    const uint8_t *p;

    while ((p = wsk__proxy_talk_output(&c->talk, &n)) != NULL) {
        ssize_t k = c->loop->sys->send(c->fd, p, n, MSG_DONTWAIT | MSG_NOSIGNAL);

        if (k >= 0)
            wsk__proxy_talk_sent(&c->talk, (size_t)k);
        else if (errno == EAGAIN || errno == EWOULDBLOCK)
            return true;
        else if (errno != EINTR)
            return false;
    }
    return true;
}

static wsk__talk_result broken(wsk__connector *c)
{
    c->talk.text = "the proxy closed the connection before it was done";
    c->talk.lost = true;
    return WSK__TALK_FAILED;
}

/* Takes what came, and no octet more than the proxy's own: what follows belongs to others. */
static wsk__talk_result receive_some(wsk__connector *c)
{
    uint8_t buf[1024];
    size_t used;

    for (;;) {
        ssize_t n = c->loop->sys->recv(c->fd, buf, sizeof(buf), MSG_DONTWAIT | MSG_PEEK);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            return WSK__TALK_MORE;
        if (n <= 0)
            return broken(c);
        wsk__talk_result r = wsk__proxy_talk_feed(&c->talk, buf, (size_t)n, &used);
        while (used > 0) {
            n = c->loop->sys->recv(c->fd, buf, used, MSG_DONTWAIT);
            if (n < 0 && errno == EINTR)
                continue;
            if (n <= 0)
                return broken(c);
            used -= (size_t)n;
        }
        if (r != WSK__TALK_MORE || c->talk.out_off < c->talk.out_len)
            return r;
    }
}

static wsk__talk_result talk_plainly(wsk__connector *c)
{
    bool ok = send_some(c);
    /* An answer may come before all was sent, and say why the proxy takes no more. */
    wsk__talk_result r = receive_some(c);

    if (r == WSK__TALK_MORE && !ok)
        r = broken(c);
    if (r == WSK__TALK_MORE && !send_some(c))
        r = broken(c);
    return r;
}

static void talk(wsk__watch *w)
{
    wsk__connector *c = WSK__CONTAINER(w, wsk__connector, watch);
    bool secret = c->pipe.session != NULL;
    wsk__talk_result r = secret ? wsk__proxy_pipe_run(&c->pipe, c->loop->sys, c->fd, &c->talk)
                                : talk_plainly(c);
    size_t left;

    if (r == WSK__TALK_DONE) {
        wsk__tls_session *session = c->pipe.session;
        int fd = c->fd;

        c->fd = -1;
        c->pipe.session = NULL;
        stop_talking(c);
        connected(c, fd, session);
        return;
    }
    if (r == WSK__TALK_FAILED && c->talk.elsewhere && c->target_next < c->target.n) {
        stop_talking(c);
        start_race(c);
        return;
    }
    if (r == WSK__TALK_FAILED) {
        fail_proxy(c);
        return;
    }
    (void)wsk__proxy_talk_output(&c->talk, &left);
    if (wsk__watch_set(&c->watch, secret ? wsk__proxy_pipe_is_full(&c->pipe) : left > 0) < 0) {
        stop_talking(c);
        fail(c, WSK__CONNECT_INTERNAL, "the loop cannot watch the socket");
    }
}

static void start_talking(wsk__connector *c, int fd)
{
    const wsk__address *a = NULL;

    if (c->target_next < c->target.n)
        a = &c->target.at[c->target_next++];
    c->step = TALKING;
    int r = wsk__proxy_talk_init(&c->talk, c->hooks, &c->proxy, c->host, c->port, a);
    if (r < 0) {
        close(fd);
        if (r == WSK_ERR_NOMEM)
            fail(c, WSK__CONNECT_INTERNAL, "out of memory");
        else
            fail(c, WSK__CONNECT_PROXY, "the host, user or password is too long for the proxy");
        return;
    }
    c->fd = fd;
    wsk__watch_init(&c->watch, c->loop, fd, talk);
    if (c->proxy.kind == WSK__PROXY_HTTPS) {
        r = wsk__proxy_pipe_init(&c->pipe, c->proxy_tls, &c->proxy);
        if (r < 0) {
            stop_talking(c);
            fail(c, WSK__CONNECT_INTERNAL, wsk_strerror(r));
            return;
        }
    }
    talk(&c->watch);
}

/* ----------------------------------------------------------------------------------- race -- */

static void won(wsk__connector *c, int fd)
{
    const int on = 1;

    wsk_timer_cancel(c->timer);
    if (c->unix_path == NULL)
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (c->proxy.kind != WSK__PROXY_NONE)
        start_talking(c, fd);
    else
        connected(c, fd, NULL);
}

static socklen_t address_len(const wsk__address *a)
{
    return a->any.sa_family == AF_INET ? sizeof(a->v4) : sizeof(a->v6);
}

/* TCP lets a socket meet itself when it tries a free port of the range from which its own is
 * taken; nobody is there (RFC 9293 3.5, simultaneous open). */
static bool is_self(int fd)
{
    wsk__address a, b;
    socklen_t a_len = sizeof(a), b_len = sizeof(b);

    memset(&a, 0, sizeof(a));
    memset(&b, 0, sizeof(b));
    return getsockname(fd, &a.any, &a_len) == 0 && getpeername(fd, &b.any, &b_len) == 0 &&
           a_len == b_len && memcmp(&a, &b, a_len) == 0;
}

/* 0: connected; EINPROGRESS: not yet; else why it failed. */
static int outcome_of(int fd)
{
    wsk__address a;
    socklen_t len = sizeof(int), a_len = sizeof(a);
    int err = 0;

    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len) < 0)
        err = errno;
    if (err == 0 && getpeername(fd, &a.any, &a_len) < 0)
        err = errno == ENOTCONN ? EINPROGRESS : errno;
    if (err == 0 && is_self(fd))
        err = ECONNREFUSED;
    return err;
}

static void lost_one(wsk__connector *c, size_t i, int err)
{
    c->err = err;
    c->failed_at = i;
}

static void racer_ready(wsk__watch *w)
{
    racer *r = WSK__CONTAINER(w, racer, watch);
    wsk__connector *c = r->connector;
    int err = outcome_of(w->fd);

    if (err == EINPROGRESS && wsk__watch_set(w, true) == WSK_OK)
        return;
    int fd = w->fd;
    wsk__watch_end(w);
    r->connector = NULL;
    if (err == EINPROGRESS)
        err = ENOMEM; /* it cannot be waited for, which is no word on the host */
    if (err == 0) {
        stop_racers(c, r);
        won(c, fd);
        return;
    }
    close(fd);
    c->active--;
    lost_one(c, r->i, err);
    /* RFC 8305 5: a failure starts the next one at once. */
    next_attempt(c);
}

/* True if it is under way or won. */
static bool attempt(wsk__connector *c, size_t i)
{
    const wsk__address *a = &c->list.at[i];
    racer *r = &c->racers[i];
    int fd = socket(a->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
    int err;

    r->connector = NULL;
    if (fd < 0) {
        lost_one(c, i, errno);
        return false;
    }
    err = c->loop->sys->connect(fd, &a->any, address_len(a)) == 0 ? 0 : errno;
    if (err == 0 && is_self(fd))
        err = ECONNREFUSED;
    if (err == 0) {
        stop_racers(c, NULL);
        won(c, fd);
        return true;
    }
    if (err == EINPROGRESS || err == EINTR) {
        wsk__watch_init(&r->watch, c->loop, fd, racer_ready);
        r->connector = c;
        r->i = i;
        if (wsk__watch_set(&r->watch, true) == WSK_OK) {
            c->active++;
            return true;
        }
        wsk__watch_end(&r->watch);
        r->connector = NULL;
        err = ENOMEM;
    }
    close(fd);
    lost_one(c, i, err);
    return false;
}

static void next_attempt(wsk__connector *c)
{
    while (c->next < c->list.n) {
        size_t i = c->next++;
        bool more = c->next < c->list.n;

        /* Set before: c may be gone afterwards. */
        if (more)
            wsk_timer_set(c->timer, c->attempt_delay);
        else
            wsk_timer_cancel(c->timer);
        if (attempt(c, i))
            return;
    }
    if (c->active == 0)
        fail_connect(c);
}

static void start_race(wsk__connector *c)
{
    c->step = RACING;
    c->next = c->active = 0;
    next_attempt(c);
}

/* ----------------------------------------------------------------------------------- unix -- */

static void connect_unix(wsk__connector *c)
{
    struct sockaddr_un a;
    size_t n = strlen(c->unix_path);

    c->step = RACING;
    memset(&a, 0, sizeof(a));
    a.sun_family = AF_UNIX;
    if (n >= sizeof(a.sun_path)) {
        c->err = ENAMETOOLONG;
        fail_connect(c);
        return;
    }
    memcpy(a.sun_path, c->unix_path, n);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd >= 0 && c->loop->sys->connect(fd, (const struct sockaddr *)&a, sizeof(a)) == 0) {
        won(c, fd);
        return;
    }
    c->err = errno;
    if (fd >= 0)
        close(fd);
    if (c->err == EAGAIN)
        wsk_timer_set(c->timer, UNIX_RETRY_MS);
    else
        fail_connect(c);
}

/* ------------------------------------------------------------------------------- resolving -- */

static void start_lookup(wsk__connector *c);

static void looked_up(void *ud, const wsk__addresses *list, const char *text)
{
    wsk__connector *c = ud;
    bool is_target = c->step == RESOLVING_TARGET || c->proxy.kind == WSK__PROXY_NONE;
    const char *name = is_target ? c->host : c->proxy.host;
    char words[400];

    c->lookup = NULL;
    if (list == NULL) {
        snprintf(words, sizeof(words), "%s%s: %s", is_target ? "" : "proxy ", name, text);
        fail(c, WSK__CONNECT_RESOLVE, words);
    } else if (c->step == RESOLVING_TARGET) {
        c->target = *list;
        c->step = RESOLVING;
        start_lookup(c);
    } else {
        c->list = *list;
        start_race(c);
    }
}

static void start_lookup(wsk__connector *c)
{
    bool to_proxy = c->step == RESOLVING && c->proxy.kind != WSK__PROXY_NONE;
    const char *host = to_proxy ? c->proxy.host : c->host;
    uint16_t port = to_proxy ? c->proxy.port : c->port;
    int family = to_proxy ? 0 : c->family;
    wsk__addresses given;

    if (c->resolve != NULL && wsk__resolve_list_find(c->resolve, host, port, family, &given)) {
        looked_up(c, given.n > 0 ? &given : NULL, "none of its given addresses is of this family");
        return;
    }
    int r = wsk__lookup_start(&c->lookup, c->loop, host, port, family, looked_up, c);
    if (r < 0)
        fail(c, WSK__CONNECT_INTERNAL, "out of memory");
}

static void on_timer(void *ud)
{
    wsk__connector *c = ud;

    if (c->step == BEGIN && c->unix_path == NULL) {
        c->step = c->proxy.kind == WSK__PROXY_SOCKS5 ? RESOLVING_TARGET : RESOLVING;
        start_lookup(c);
    } else if (c->unix_path != NULL) {
        connect_unix(c);
    } else {
        next_attempt(c);
    }
}

/* ----------------------------------------------------------------------------------- life -- */

static int copy_options(wsk__connector *c, const wsk__connect_options *o)
{
    if (o->host != NULL && (c->host = wsk__strndup(c->hooks, o->host, strlen(o->host))) == NULL)
        return WSK_ERR_NOMEM;
    if (o->unix_path != NULL) {
        c->unix_path = wsk__strndup(c->hooks, o->unix_path, strlen(o->unix_path));
        return c->unix_path != NULL ? WSK_OK : WSK_ERR_NOMEM;
    }
    c->port = o->port;
    c->resolve = o->resolve;
    c->proxy_tls = o->proxy_tls != NULL ? wsk_tls_ref(o->proxy_tls) : NULL;
    c->family = o->family;
    c->attempt_delay = o->attempt_delay;
    return o->proxy != NULL ? wsk__proxy_copy(c->hooks, o->proxy, &c->proxy) : WSK_OK;
}

int wsk__connector_new(wsk__connector **ret, wsk_loop *loop, const wsk_hooks *hooks,
                       const wsk__connect_options *options,
                       void (*done)(void *ud, const wsk__connect_result *result), void *ud)
{
    wsk__connector *c = wsk__alloc0(hooks, sizeof(*c));
    int r;

    if (c == NULL)
        return WSK_ERR_NOMEM;
    c->loop = loop;
    c->hooks = hooks;
    c->done = done;
    c->ud = ud;
    c->fd = -1;
    r = copy_options(c, options);
    if (r == WSK_OK)
        r = wsk_timer_new(&c->timer, loop, on_timer, c);
    if (r < 0) {
        wsk__connector_free(c);
        return r;
    }
    wsk_timer_set(c->timer, 0);
    *ret = c;
    return WSK_OK;
}

void wsk__connector_free(wsk__connector *c)
{
    if (c == NULL)
        return;
    wsk__lookup_cancel(c->lookup);
    stop_racers(c, NULL);
    stop_talking(c);
    wsk_timer_free(c->timer);
    wsk__proxy_deinit(c->hooks, &c->proxy);
    wsk_tls_unref(c->proxy_tls);
    wsk__free(c->hooks, c->host);
    wsk__free(c->hooks, c->unix_path);
    wsk__free(c->hooks, c);
}

const char *wsk__connector_phase(const wsk__connector *c)
{
    switch (c->step) {
    case BEGIN:
    case RESOLVING_TARGET:
    case RESOLVING:
        return "looking up the name";
    case TALKING:
        return "waiting for the proxy";
    case RACING:
    case OVER:
        break;
    }
    return "connecting";
}
