/* SPDX-License-Identifier: MIT */
/*
 * The blocking form of the client: a loop of its own, turned while a function waits. At most one
 * message is kept: then reading is paused, and the peer has to wait.
 */
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "client/client_internal.h"
#include "util/option_struct.h"

struct wsk_sync {
    wsk_loop *loop;
    wsk_client *client; /* NULL: not even that could be made */
    const wsk_hooks *hooks;
    const char *text; /* if there is no client */
    uint8_t *data;    /* the message that was given last, or waits to be given */
    size_t len, cap;
    wsk_opcode opcode;
    atomic_bool interrupted; /* by wsk_sync_interrupt(), and not told yet */
    bool waiting;            /* data is a message that was not given yet */
    bool opened;             /* on_open came */
    bool over;               /* on_close or on_fail came */
    bool closing;            /* by wsk_sync_close(): messages are of no use any more */
    bool no_memory;
    bool clean;
    unsigned code;
    char reason[WSK__PING_MAX];
    char refused[200]; /* which option, and why */
};

static int keep(wsk_sync *s, const void *data, size_t len)
{
    if (s->cap < len + 1) {
        uint8_t *fresh = wsk__alloc(s->hooks, len + 1);

        if (fresh == NULL)
            return WSK_ERR_NOMEM;
        wsk__free(s->hooks, s->data);
        s->data = fresh;
        s->cap = len + 1;
    }
    if (len > 0)
        memcpy(s->data, data, len);
    s->data[len] = 0;
    s->len = len;
    return WSK_OK;
}

/* -------------------------------------------------------------------------------- handlers -- */

static void on_open(wsk_client *c)
{
    wsk_sync *s = wsk_client_data(c);

    s->opened = true;
    wsk_client_pause(c, true);
}

static void on_message(wsk_client *c, wsk_opcode op, uint8_t *data, size_t len)
{
    wsk_sync *s = wsk_client_data(c);

    if (s->closing)
        return;
    if (keep(s, data, len) < 0) {
        s->no_memory = true;
        wsk_client_drop(c);
        return;
    }
    s->opcode = op;
    s->waiting = true;
    wsk_client_pause(c, true);
}

static void on_close(wsk_client *c, unsigned code, const char *reason, const char *text)
{
    wsk_sync *s = wsk_client_data(c);
    size_t n = strlen(reason);

    (void)text;
    s->over = true;
    s->code = code;
    s->clean = wsk_conn_was_clean(wsk_client_conn(c));
    memcpy(s->reason, reason, n + 1);
}

static void on_fail(wsk_client *c, wsk_fail kind, unsigned status, const char *text)
{
    wsk_sync *s = wsk_client_data(c);

    (void)kind;
    (void)status;
    (void)text;
    s->over = true;
}

/* ----------------------------------------------------------------------------------- making -- */

static void note_line(void *ud, wsk_log_level level, const char *line)
{
    wsk_sync *s = ud;

    (void)level;
    snprintf(s->refused, sizeof(s->refused), "%s", line);
}

/* An option is not as it has to be. Which one was said to the log of the program, if there is one:
 * for wsk_sync_text() it is said again, to ours. */
static void ask_which(wsk_sync *s, const wsk_client_options *options,
                      const wsk_client_handlers *handlers)
{
    const wsk_hooks hooks = {
        .size = sizeof(hooks), .ud = s, .log = note_line, .log_level = WSK_LOG_ERROR};
    wsk_client_options o = *options;
    wsk_client *none;

    o.conn.hooks = &hooks;
    (void)!wsk_client_new(&none, s->loop, &o, handlers, s); /* fails as it did */
}

static int make(wsk_sync *s, const wsk_client_options *options)
{
    wsk_client_options o = WSK_CLIENT_OPTIONS_INIT;
    wsk_client_handlers h = WSK_CLIENT_HANDLERS_INIT;
    wsk_loop_options lo = WSK_LOOP_OPTIONS_INIT;

    if (options != NULL && !wsk__options_take(&o, sizeof(o), options, options->size))
        return WSK_ERR_INVAL;
    o.retry_initial = 0;
    if (o.conn.flags & WSK_CONN_STREAM) {
        note_line(s, WSK_LOG_ERROR, "sync: conn.flags has WSK_CONN_STREAM");
        wsk__log(s->hooks, WSK_LOG_ERROR, "%s", s->refused);
        return WSK_ERR_INVAL;
    }
    h.on_open = on_open;
    h.on_message = on_message;
    h.on_close = on_close;
    h.on_fail = on_fail;
    lo.hooks = s->hooks;
    /* One connection gains nothing by io_uring, and its rings are costly to make. */
    lo.io = WSK_IO_EPOLL;
    WSK_TRY(wsk_loop_new(&s->loop, &lo));
    int r = wsk_client_new(&s->client, s->loop, &o, &h, s);
    if (r == WSK_ERR_INVAL)
        ask_which(s, &o, &h);
    return r;
}

static int error_of(const wsk_client *c)
{
    switch (c->failure) {
    case WSK_FAIL_RESOLVE:
        return WSK_ERR_RESOLVE;
    case WSK_FAIL_CONNECT:
        errno = c->err;
        return WSK_ERR_SYS;
    case WSK_FAIL_INTERNAL:
        if (c->err == 0)
            return WSK_ERR_FAILED;
        errno = c->err;
        return WSK_ERR_SYS;
    case WSK_FAIL_TLS:
        return WSK_ERR_TLS;
    case WSK_FAIL_TIMEOUT:
        return WSK_ERR_TIMEOUT;
    default:
        return WSK_ERR_FAILED;
    }
}

/* A turn of the loop, unless there was an interruption. One that comes while it waits ends it, and
 * is found by the next. */
static int turn(wsk_sync *s, int timeout_ms)
{
    if (atomic_exchange(&s->interrupted, false))
        return WSK_ERR_INTERRUPTED;
    return wsk_loop_turn(s->loop, timeout_ms);
}

void wsk_sync_interrupt(wsk_sync *s)
{
    if (s == NULL)
        return;
    atomic_store(&s->interrupted, true);
    /* Its other effect, on wsk_loop_run(), is none here. */
    if (s->loop != NULL)
        wsk_loop_stop(s->loop);
}

int wsk_sync_connect(wsk_sync **ret, const char *url, const wsk_client_options *options)
{
    const size_t least = offsetof(wsk_client_options, conn.hooks) + sizeof(const wsk_hooks *);
    const wsk_hooks *hooks = options != NULL && options->size >= least ? options->conn.hooks : NULL;
    const bool fit = wsk__hooks_fit(hooks);
    if (!fit)
        hooks = NULL;
    wsk_sync *s = wsk__alloc0(hooks, sizeof(*s));
    int r;

    *ret = NULL;
    if (s == NULL)
        return WSK_ERR_NOMEM;
    s->hooks = hooks;
    r = fit ? make(s, options) : WSK_ERR_INVAL;
    /* From here on others may interrupt: whoever sees the pointer sees what stands behind it. */
    atomic_thread_fence(memory_order_release);
    *ret = s;
    if (r == WSK_OK)
        r = url != NULL ? wsk_client_connect(s->client, url) : WSK_ERR_INVAL;
    if (r < 0) {
        s->over = true;
        s->text = *s->refused != 0 ? s->refused : wsk_strerror(r);
        return r;
    }
    while (!s->opened && !s->over && r == WSK_OK)
        r = turn(s, -1);
    if (r < 0)
        s->text = wsk_strerror(r);
    if (r < 0 || !s->over)
        return r;
    return s->opened ? WSK_OK : error_of(s->client);
}

void wsk_sync_free(wsk_sync *s)
{
    if (s == NULL)
        return;
    wsk_client_free(s->client);
    wsk_loop_free(s->loop);
    wsk__free(s->hooks, s->data);
    wsk__free(s->hooks, s);
}

/* ------------------------------------------------------------------------------------ using -- */

static uint64_t clock_ms(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

/* The system has all that was queued. */
static bool is_sent(const wsk_sync *s)
{
    const wsk__client_link *l = s->client->current;

    return l != NULL && l->link.conn.w->queued == 0 && wsk__stream_is_drained(&l->link.stream);
}

static bool has_room(const wsk_sync *s)
{
    const wsk__client_link *l = s->client->current;

    return l != NULL && !wsk__is_full(&l->link.conn);
}

static int wait_until(wsk_sync *s, bool (*is_so)(const wsk_sync *s))
{
    int r = WSK_OK;

    /* Both sides sending at once must not wait for each other: one message may come. */
    if (!s->waiting)
        wsk_client_pause(s->client, false);
    while (r == WSK_OK && !s->over && !is_so(s))
        r = turn(s, -1);
    wsk_client_pause(s->client, true);
    if (r < 0)
        return r;
    return s->over ? WSK_ERR_FAILED : WSK_OK;
}

int wsk_sync_send(wsk_sync *s, wsk_opcode op, const void *data, size_t len, unsigned flags)
{
    if (s->client == NULL || s->over)
        return WSK_ERR_STATE;
    int r = wsk_client_send(s->client, op, data, len, flags);
    if (r == WSK_ERR_FULL) {
        /* By what interrupted sends left behind. */
        r = wait_until(s, has_room);
        if (r == WSK_ERR_INTERRUPTED)
            return WSK_ERR_FULL; /* this one is not queued */
        WSK_TRY(r);
        r = wsk_client_send(s->client, op, data, len, flags);
    }
    WSK_TRY(r);
    wsk__stream_flush(&s->client->current->link.stream);
    return is_sent(s) ? WSK_OK : wait_until(s, is_sent);
}

static int give(wsk_sync *s, wsk_message *ret)
{
    s->waiting = false;
    ret->opcode = s->opcode;
    ret->data = s->data;
    ret->len = s->len;
    ret->code = 0;
    return WSK_OK;
}

static int give_close(wsk_sync *s, wsk_message *ret)
{
    if (s->no_memory)
        return WSK_ERR_NOMEM;
    ret->opcode = WSK_OP_CLOSE;
    ret->data = (uint8_t *)s->reason;
    ret->len = strlen(s->reason);
    ret->code = s->code;
    return WSK_OK;
}

int wsk_sync_recv(wsk_sync *s, wsk_message *ret, int timeout_ms)
{
    uint64_t end = timeout_ms > 0 ? clock_ms() + (uint64_t)timeout_ms : 0;
    int left = timeout_ms;

    if (s->client == NULL || !s->opened)
        return WSK_ERR_STATE;
    if (s->waiting)
        return give(s, ret);
    if (s->over)
        return give_close(s, ret);
    wsk_client_pause(s->client, false);
    for (;;) {
        int r = turn(s, left);

        if (s->waiting)
            return give(s, ret);
        if (s->over)
            return give_close(s, ret);
        if (r == WSK_ERR_INTERRUPTED)
            wsk_client_pause(s->client, true);
        if (r < 0)
            return r;
        if (timeout_ms < 0)
            continue;
        uint64_t now = clock_ms();
        if (timeout_ms == 0 || now >= end)
            break;
        left = (int)(end - now);
    }
    wsk_client_pause(s->client, true);
    return WSK_ERR_TIMEOUT;
}

int wsk_sync_close(wsk_sync *s, unsigned code, const char *reason)
{
    int r;

    if (s->client == NULL || !s->opened)
        return WSK_ERR_STATE;
    if (!s->over) {
        WSK_TRY(wsk_client_close(s->client, code, reason));
        s->closing = true;
        s->waiting = false;
        wsk_client_pause(s->client, false);
        r = WSK_OK;
        while (r == WSK_OK && !s->over)
            r = turn(s, -1);
        WSK_TRY(r);
    }
    return s->clean ? WSK_OK : WSK_ERR_FAILED;
}

const wsk_client *wsk_sync_client(const wsk_sync *s)
{
    return s->client;
}

const char *wsk_sync_text(const wsk_sync *s)
{
    if (s == NULL)
        return wsk_strerror(WSK_ERR_NOMEM);
    if (s->client != NULL && *wsk_client_text(s->client) != 0)
        return wsk_client_text(s->client);
    return s->text != NULL ? s->text : "";
}
