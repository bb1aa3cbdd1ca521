/* SPDX-License-Identifier: MIT */
/*
 * The epoll backend. Streams are registered edge-triggered and only once: reading goes on until
 * a receive is not filled, and needs no further call to find that out. Output is registered when
 * a socket was full for the first time, and stays. All streams share one receive buffer, which
 * so stays in the cache.
 */
#include "net/loop_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define EVENTS  512
#define ACCEPTS 64 /* in a row, before others get their turn */

/* What an event's pointer points to is told by its lowest bits. */
#define TAG_STREAM 0u
#define TAG_LSOCK  1u
#define TAG_WAKE   2u
#define TAG_WATCH  3u
#define TAG_MASK   3u

typedef struct epoll_io {
    int fd;
    int n; /* events of this turn */
    uint8_t *buffer;
    struct epoll_event events[EVENTS];
} epoll_io;

static int io_open(wsk_loop *loop)
{
    epoll_io *e = wsk__alloc0(loop->hooks, sizeof(*e));
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = TAG_WAKE};

    if (e == NULL)
        return WSK_ERR_NOMEM;
    e->buffer = wsk__alloc(loop->hooks, loop->recv_cap);
    if (e->buffer == NULL) {
        wsk__free(loop->hooks, e);
        return WSK_ERR_NOMEM;
    }
    e->fd = loop->sys->epoll_create1(EPOLL_CLOEXEC);
    if (e->fd < 0 || loop->sys->epoll_ctl(e->fd, EPOLL_CTL_ADD, loop->wake_fd, &event) < 0) {
        int err = errno;
        if (e->fd >= 0)
            close(e->fd);
        wsk__free(loop->hooks, e->buffer);
        wsk__free(loop->hooks, e);
        errno = err;
        return WSK_ERR_SYS;
    }
    loop->io_data = e;
    return WSK_OK;
}

static void io_close(wsk_loop *loop)
{
    epoll_io *e = loop->io_data;

    close(e->fd);
    wsk__free(loop->hooks, e->buffer);
    wsk__free(loop->hooks, e);
}

static int io_fd(const wsk_loop *loop)
{
    const epoll_io *e = loop->io_data;

    return e->fd;
}

static bool io_queued(const wsk_loop *loop)
{
    (void)loop;
    return false;
}

static int io_wait(wsk_loop *loop, int timeout_ms)
{
    epoll_io *e = loop->io_data;

    e->n = loop->sys->epoll_wait(e->fd, e->events, EVENTS, timeout_ms);
    /* By a signal, or since the process was stopped: then nothing was looked for. */
    if (e->n < 0 && errno == EINTR)
        e->n = loop->sys->epoll_wait(e->fd, e->events, EVENTS, 0);
    if (e->n < 0) {
        int err = errno;
        e->n = 0;
        errno = err;
        return err == EINTR ? 0 : -1;
    }
    return e->n;
}

/* ------------------------------------------------------------------------------ streams -- */

static int stream_open(wsk__stream *s)
{
    epoll_io *e = s->loop->io_data;
    struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP | EPOLLET, .data.ptr = s};

    return s->loop->sys->epoll_ctl(e->fd, EPOLL_CTL_ADD, s->fd, &event) < 0 ? WSK_ERR_SYS : WSK_OK;
}

static void stream_close(wsk__stream *s)
{
    epoll_io *e = s->loop->io_data;

    /* Closing takes it out by itself, unless another process has it, too, as after fork(2): then
     * events would go on to come, and point to memory that is gone. */
    s->loop->sys->epoll_ctl(e->fd, EPOLL_CTL_DEL, s->fd, NULL);
    close(s->fd);
}

static void stream_pause(wsk__stream *s)
{
    (void)s; /* edges are noted, and read when reading goes on */
}

static void stream_block(wsk__stream *s)
{
    epoll_io *e = s->loop->io_data;
    struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP | EPOLLOUT | EPOLLET, .data.ptr = s};

    /* Each time anew, although the interest is there already: this tells of room that has come
     * about by now, too, whoever cut the write short. */
    if (s->loop->sys->epoll_ctl(e->fd, EPOLL_CTL_MOD, s->fd, &event) < 0)
        wsk__stream_broken(s, errno);
    else
        s->state |= WSK__S_OUT_ARMED;
}

static void stream_read(wsk__stream *s)
{
    wsk_loop *loop = s->loop;
    const epoll_io *e = loop->io_data;

    /* Behind a failed write this is the last chance to read, whatever was told of by now. */
    if (s->state & WSK__S_BROKEN)
        s->state |= WSK__S_READABLE;
    if (!(s->state & WSK__S_READABLE))
        return;
    if (s->spent) {
        wsk__loop_later(s);
        return;
    }
    for (unsigned round = 0; round < WSK__ROUNDS;) {
        size_t cap = loop->recv_cap;
        uint8_t *buf = wsk__stream_place(s, e->buffer, &cap);
        ssize_t n = loop->sys->recv(s->fd, buf, cap, MSG_DONTWAIT);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
            s->state &= ~(uint32_t)WSK__S_READABLE;
            return;
        }
        if (n < 0) {
            wsk__stream_lost(s, errno);
            return;
        }
        /* The end of the input makes no edge of its own when its event is out already. */
        if ((size_t)n < cap && !(s->state & (WSK__S_HUP | WSK__S_BROKEN)))
            s->state &= ~(uint32_t)WSK__S_READABLE;
        wsk__stream_take(s, buf, (size_t)n);
        if (s->state & WSK__S_DEAD)
            return;
        wsk__stream_pump(s);
        if (!(s->state & WSK__S_READABLE) ||
            (s->state & (WSK__S_DEAD | WSK__S_PAUSED | WSK__S_EOF)))
            return;
        if (s->spent || wsk__stream_share_is_over(s, false))
            return;
        round++;
    }
    wsk__loop_spend(s);
}

static void stream_event(wsk__stream *s, uint32_t events)
{
    if (s->state & WSK__S_DEAD)
        return;
    if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) {
        s->state |= WSK__S_READABLE;
        if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))
            s->state |= WSK__S_HUP;
        if (!wsk__stream_is_unread(s))
            stream_read(s);
        /* What was read may have paused it; there is no second event for a reset. An owner that
         * rests has what it holds first. */
        if (events & EPOLLERR && wsk__stream_is_unread(s)) {
            int err = wsk__stream_error(s);

            if (s->resume || (s->state & WSK__S_PAUSED))
                wsk__stream_broken(s, err);
            else
                wsk__stream_lost(s, err);
        }
        if (s->state & WSK__S_DEAD)
            return;
    }
    if ((events & EPOLLOUT) && (s->state & WSK__S_BLOCKED)) {
        s->state &= ~(uint32_t)WSK__S_BLOCKED;
        wsk__stream_pump(s);
    }
}

/* ----------------------------------------------------------------------------- accepting -- */

static int io_listen(wsk__lsock *l)
{
    epoll_io *e = l->loop->io_data;
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = (uintptr_t)l | TAG_LSOCK};

    if (l->loop->sys->epoll_ctl(e->fd, EPOLL_CTL_ADD, l->fd, &event) < 0)
        return WSK_ERR_SYS;
    l->armed = true;
    return WSK_OK;
}

static void stop_accepting(wsk__lsock *l)
{
    epoll_io *e = l->loop->io_data;

    if (!l->armed)
        return;
    l->armed = false;
    l->loop->sys->epoll_ctl(e->fd, EPOLL_CTL_DEL, l->fd, NULL);
    /* Its event may stand in the part of this turn that is yet to come. */
    for (int i = 0; i < e->n; i++) {
        if (e->events[i].data.u64 == ((uintptr_t)l | TAG_LSOCK))
            e->events[i].events = 0;
    }
}

static void io_unlisten(wsk__lsock *l)
{
    stop_accepting(l);
    close(l->fd);
}

static void accept_some(wsk__lsock *l, const struct epoll_event *event)
{
    const wsk__sys *sys = l->loop->sys;

    /* The callback may free the listener: then the event is void. */
    for (int i = 0; i < ACCEPTS && event->events != 0; i++) {
        int fd = sys->accept4(l->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

        if (fd >= 0) {
            wsk__listener_accepted(l, fd);
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            return;
        } else if (!wsk__accept_error_is_passing(errno)) {
            int err = errno;
            stop_accepting(l);
            wsk__listener_rest(l, err);
            return;
        }
    }
}

/* ------------------------------------------------------------------------------ watching -- */

static int io_watch(wsk__watch *w)
{
    epoll_io *e = w->loop->io_data;
    struct epoll_event event = {.events = (w->output ? EPOLLOUT : EPOLLIN) | EPOLLONESHOT,
                                .data.u64 = (uintptr_t)w | TAG_WATCH};

    if (w->loop->sys->epoll_ctl(e->fd, w->known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, w->fd, &event) < 0)
        return WSK_ERR_SYS;
    w->known = w->armed = true;
    return WSK_OK;
}

static void io_unwatch(wsk__watch *w)
{
    epoll_io *e = w->loop->io_data;

    if (w->known)
        w->loop->sys->epoll_ctl(e->fd, EPOLL_CTL_DEL, w->fd, NULL);
    w->known = w->armed = false;
    for (int i = 0; i < e->n; i++) {
        if (e->events[i].data.u64 == ((uintptr_t)w | TAG_WATCH))
            e->events[i].events = 0;
    }
}

static void watch_event(wsk__watch *w)
{
    w->armed = false;
    w->ready(w);
}

static void io_dispatch(wsk_loop *loop)
{
    epoll_io *e = loop->io_data;

    for (int i = 0; i < e->n; i++) {
        struct epoll_event *event = &e->events[i];
        uint64_t tag = event->data.u64 & TAG_MASK;

        if (tag == TAG_STREAM)
            stream_event(event->data.ptr, event->events);
        else if (tag == TAG_WAKE)
            wsk__loop_woken(loop);
        else if (event->events != 0 && tag == TAG_WATCH)
            watch_event((wsk__watch *)(uintptr_t)(event->data.u64 & ~(uint64_t)TAG_MASK));
        else if (event->events != 0)
            accept_some((wsk__lsock *)(uintptr_t)(event->data.u64 & ~(uint64_t)TAG_MASK), event);
    }
    e->n = 0;
}

const wsk__io_ops wsk__io_epoll = {
    .name = "epoll",
    .open = io_open,
    .close = io_close,
    .fd = io_fd,
    .queued = io_queued,
    .wait = io_wait,
    .batch = EVENTS,
    .dispatch = io_dispatch,
    .stream_open = stream_open,
    .stream_close = stream_close,
    .stream_read = stream_read,
    .stream_pause = stream_pause,
    .stream_block = stream_block,
    .listen = io_listen,
    .unlisten = io_unlisten,
    .watch = io_watch,
    .unwatch = io_unwatch,
};
