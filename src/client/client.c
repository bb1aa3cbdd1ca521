/* SPDX-License-Identifier: MIT */
/*
 * The life of a client, its attempts in a row, and what can be asked of it.
 *
 * The program may do anything in a handler, even free the client. So whatever runs on behalf of
 * the loop is between enter and leave: until the last leave, and until the loop has closed the last
 * stream, the memory stays.
 */
#include <stdio.h>
#include <string.h>

#include "client/client_internal.h"
#include "client/redirect.h"
#include "net/listener.h"
#include "net/loop_users.h"
#include "net/tls_set.h"
#include "util/option_struct.h"

static void on_timer(void *ud);

/* ----------------------------------------------------------------------------------- life -- */

static void destroy(wsk_client *c)
{
    const wsk_hooks *hooks = c->hooks;

    wsk__connector_free(c->connector);
    wsk_timer_free(c->timer);
    wsk__client_options_deinit(&c->o, hooks);
    wsk__url_deinit(hooks, &c->first);
    wsk__url_deinit(hooks, &c->url);
    wsk__free(hooks, c->url_text);
    wsk__free(hooks, c->body);
    wsk__conn_env_deinit(&c->env);
    wsk_config_unref(c->cfg);
    wsk_tls_unref(c->tls);
    wsk_tls_unref(c->proxy_tls);
    wsk__loop_part(c->loop, WSK__LOOP_CLIENT);
    wsk__free(hooks, c);
}

void wsk__client_enter(wsk_client *c)
{
    c->busy++;
}

void wsk__client_leave(wsk_client *c)
{
    c->busy--;
    if (c->freed && c->busy == 0 && c->links == 0)
        destroy(c);
}

static int make(wsk_client **ret, wsk_loop *loop, const wsk_client_options *o,
                const wsk_client_handlers *handlers, void *ud)
{
    wsk_client *c = wsk__alloc0(o->conn.hooks, sizeof(*c));
    int r;

    if (c == NULL)
        return WSK_ERR_NOMEM;
    c->loop = loop;
    wsk__loop_join(loop, WSK__LOOP_CLIENT);
    c->hooks = o->conn.hooks;
    c->ud = ud;
    if (handlers != NULL)
        memcpy(&c->h, handlers, handlers->size < sizeof(c->h) ? handlers->size : sizeof(c->h));
    r = wsk__client_options_init(&c->o, c->hooks, o);
    if (r == WSK_OK && o->tls != NULL && o->tls->role != WSK_ROLE_CLIENT)
        r = wsk__client_refuse(c->hooks, "tls was made for a server");
    if (r == WSK_OK && o->proxy_tls != NULL && o->proxy_tls->role != WSK_ROLE_CLIENT)
        r = wsk__client_refuse(c->hooks, "proxy_tls was made for a server");
    if (r == WSK_OK)
        r = wsk_config_new(&c->cfg, &o->conn);
    if (r == WSK_OK)
        r = wsk__conn_env_init(&c->env, c->cfg);
    c->env.toll_max = WSK__TOLL_MAX;
    if (r == WSK_OK)
        r = wsk_timer_new(&c->timer, loop, on_timer, c);
    if (r < 0) {
        destroy(c);
        return r;
    }
    c->tls = o->tls != NULL ? wsk_tls_ref(o->tls) : NULL;
    c->proxy_tls = o->proxy_tls != NULL ? wsk_tls_ref(o->proxy_tls) : NULL;
    wsk__config_check_handlers(c->cfg, "client", c->h.on_message != NULL, c->h.on_data != NULL);
    *ret = c;
    return WSK_OK;
}

int wsk_client_new(wsk_client **ret, wsk_loop *loop, const wsk_client_options *options,
                   const wsk_client_handlers *handlers, void *ud)
{
    wsk_client_options o = WSK_CLIENT_OPTIONS_INIT;

    if (loop == NULL)
        return WSK_ERR_INVAL;
    /* Before there are hooks of its own, the loop's hear of it. */
    const wsk_hooks *told = wsk__loop_hooks(loop);
    if (options != NULL && !wsk__options_take(&o, sizeof(o), options, options->size))
        return wsk__client_refuse(told, "options: " WSK__NO_SIZE);
    if (handlers != NULL && handlers->size < sizeof(handlers->size))
        return wsk__client_refuse(told, "handlers: " WSK__NO_SIZE);
    WSK_TRY(wsk__config_options_begin(&o.conn, told, "client"));
    o.conn.role = WSK_ROLE_CLIENT;
    int r = make(ret, loop, &o, handlers, ud);
    if (r == WSK_ERR_INVAL && o.conn.hooks == NULL && wsk__log_on(told, WSK_LOG_ERROR)) {
        const wsk_hooks hooks = wsk__hooks_to_tell(told);

        o.conn.hooks = &hooks;
        (void)make(ret, loop, &o, handlers, ud); /* fails as it did, and is heard */
    }
    return r;
}

void wsk_client_free(wsk_client *c)
{
    if (c == NULL || c->freed)
        return;
    wsk__client_enter(c);
    c->freed = true;
    wsk__client_abandon(c);
    c->stage = WSK_STAGE_IDLE;
    wsk__client_leave(c);
}

/* ------------------------------------------------------------------------------- attempts -- */

void wsk__client_timer_set(wsk_client *c, wsk__client_timer what, uint64_t delay_ms)
{
    c->timer_for = what;
    if (what == WSK__TIMER_NONE || (what == WSK__TIMER_CONNECT && delay_ms == WSK_NEVER))
        wsk_timer_cancel(c->timer);
    else
        wsk_timer_set(c->timer, delay_ms);
}

void wsk__client_say(wsk_client *c, const char *fmt, ...)
{
    char text[sizeof(c->text)];
    va_list args;

    /* By way of a copy: the old text may be among the arguments. */
    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    memcpy(c->text, text, sizeof(text));
}

void wsk__client_forget(wsk_client *c)
{
    c->failure = WSK_FAIL_NONE;
    c->err = 0;
    c->status = 0;
    c->retry_after = 0;
    c->text[0] = 0;
    wsk__free(c->hooks, c->body);
    c->body = NULL;
    c->body_len = 0;
}

static int copy_url(const wsk_hooks *hooks, const wsk__url *from, wsk__url *ret)
{
    wsk__url url = *from;

    url.target = wsk__strndup(hooks, from->target, strlen(from->target));
    url.userinfo = NULL;
    if (from->userinfo != NULL)
        url.userinfo = wsk__strndup(hooks, from->userinfo, strlen(from->userinfo));
    if (url.target == NULL || (from->userinfo != NULL && url.userinfo == NULL)) {
        wsk__url_deinit(hooks, &url);
        return WSK_ERR_NOMEM;
    }
    *ret = url;
    return WSK_OK;
}

/* An attempt from the start: what an earlier one was redirected to does not count. */
static int start(wsk_client *c)
{
    wsk__url url;

    wsk__client_forget(c);
    wsk__client_say(c, "%s", wsk_strerror(WSK_ERR_NOMEM));
    WSK_TRY(copy_url(c->hooks, &c->first, &url));
    c->text[0] = 0;
    wsk__url_deinit(c->hooks, &c->url);
    c->url = url;
    c->redirects = 0;
    c->stripped = false;
    return wsk__client_begin(c);
}

int wsk_client_connect(wsk_client *c, const char *text)
{
    const char *why = NULL;
    wsk__url url;
    int r;

    if (c->freed || (c->stage != WSK_STAGE_IDLE && c->stage != WSK_STAGE_WAITING))
        return WSK_ERR_STATE;
    if (text == NULL && c->first.target == NULL)
        return WSK_ERR_URL;
    if (text != NULL) {
        r = wsk__url_parse(c->hooks, text, &url, &why);
        if (r < 0) {
            wsk__client_forget(c);
            wsk__client_say(c, "%s", why != NULL ? why : wsk_strerror(r));
            return r;
        }
        wsk__url_deinit(c->hooks, &c->first);
        c->first = url;
    }
    wsk__client_timer_set(c, WSK__TIMER_NONE, 0);
    c->stage = WSK_STAGE_IDLE;
    c->stopped = false;
    c->attempts = 0;
    r = start(c);
    if (r < 0)
        wsk__client_abandon(c);
    return r;
}

/* A step failed with this error before anything was asked of anyone. */
wsk_fail wsk__client_kind(int error)
{
    return error == WSK_ERR_INVAL ? WSK_FAIL_PROXY : WSK_FAIL_INTERNAL;
}

/* What the backoff allows for the last attempt of the row, or its first. */
static uint64_t longest_delay(const wsk_client *c)
{
    uint64_t most = c->o.retry_initial;

    for (uint32_t i = 1; i < c->attempts && most < c->o.retry_max; i++)
        most *= 2;
    return most < c->o.retry_max ? most : c->o.retry_max;
}

/* A random time between 0 and what the backoff allows: "full jitter". */
static uint32_t backoff(const wsk_client *c)
{
    uint64_t most = longest_delay(c);
    uint64_t random = 0;

    if (wsk__random(c->hooks, &random, sizeof(random)) < 0)
        return (uint32_t)most;
    return (uint32_t)(random % (most + 1));
}

/* Sets the stage in which the program finds the client now. *ret_delay is for on_retry. */
static bool plan_retry(wsk_client *c, bool may_pass, uint32_t *ret_delay)
{
    c->stage = WSK_STAGE_IDLE;
    wsk__client_timer_set(c, WSK__TIMER_NONE, 0);
    if (c->stopped || !may_pass || c->o.retry_initial == 0 ||
        (c->o.retry_attempts != 0 && c->attempts >= c->o.retry_attempts))
        return false;
    c->attempts++;
    /* The random time comes on top: whom the server sent away together would else return so. */
    uint64_t delay = (uint64_t)c->retry_after + backoff(c);
    *ret_delay = delay < UINT32_MAX ? (uint32_t)delay : UINT32_MAX - 1;
    c->stage = WSK_STAGE_WAITING;
    wsk__client_timer_set(c, WSK__TIMER_RETRY, *ret_delay);
    return true;
}

static bool may_pass(const wsk_client *c)
{
    switch (c->failure) {
    case WSK_FAIL_RESOLVE:
    case WSK_FAIL_CONNECT:
    case WSK_FAIL_TIMEOUT:
    case WSK_FAIL_LOST:
    case WSK_FAIL_INTERNAL:
        return true;
    case WSK_FAIL_STATUS:
        return c->status == 408 || c->status == 425 || c->status == 429 ||
               (c->status >= 500 && c->status != 501 && c->status != 505);
    case WSK_FAIL_PROXY:
        /* RFC 1928 6: 3 to 6 tell of the network behind the proxy. */
        return (c->status >= 500 && c->status != 501 && c->status != 505) ||
               (c->status >= 1 && c->status <= 6 && c->status != 2);
    default:
        return false;
    }
}

static void announce_retry(wsk_client *c, bool planned, uint32_t delay)
{
    /* The handler before may have decided otherwise. */
    if (planned && c->stage == WSK_STAGE_WAITING)
        WSK__CLIENT_CALL(c, on_retry, c, c->attempts, delay);
}

void wsk__client_failed(wsk_client *c, wsk_fail kind)
{
    char text[sizeof(c->text)];
    uint32_t delay = 0;

    if (c->freed)
        return;
    if (c->stopped && kind != WSK_FAIL_CANCELLED) {
        kind = WSK_FAIL_CANCELLED;
        wsk__client_say(c, "given up by the program before it was open");
    }
    c->failure = kind;
    if (wsk__log_on(c->hooks, WSK_LOG_INFO))
        wsk__log(c->hooks, WSK_LOG_INFO, "%s failed: %s", wsk_client_url(c), c->text);
    bool planned = plan_retry(c, may_pass(c), &delay);
    /* The handler may begin the next attempt, and read on. */
    memcpy(text, c->text, sizeof(text));
    WSK__CLIENT_CALL(c, on_fail, c, kind, c->status, text);
    announce_retry(c, planned, delay);
}

void wsk__client_closed(wsk_client *c, unsigned code, const char *reason, const char *text)
{
    bool invited = code == WSK_CLOSE_GOING_AWAY || code == WSK_CLOSE_ABNORMAL ||
                   (code >= WSK_CLOSE_INTERNAL_ERROR && code <= WSK_CLOSE_BAD_GATEWAY);
    const wsk__client_link *l = c->current;
    uint32_t delay = 0;

    if (c->freed)
        return;
    /* What we failed for a rule that the server broke, it would break again. */
    if (l->by_us || (l->link.conn.failed && code != WSK_CLOSE_ABNORMAL))
        invited = false;
    /* A server that takes connections only to end them does not begin the row anew with each: it
     * would be asked again and again, without end, after the shortest delay. */
    if (wsk_loop_now(c->loop) - c->opened_at >= longest_delay(c))
        c->attempts = 0;
    wsk__client_say(c, "%s", text);
    if (wsk__log_on(c->hooks, WSK_LOG_INFO))
        wsk__log(c->hooks, WSK_LOG_INFO, "%s closed %u: %s", wsk_client_url(c), code, text);
    bool planned = plan_retry(c, invited, &delay);
    WSK__CLIENT_CALL(c, on_close, c, code, reason, text);
    announce_retry(c, planned, delay);
}

static void timed_out(wsk_client *c)
{
    const char *phase = c->connector != NULL ? wsk__connector_phase(c->connector)
                                             : "waiting for the TLS handshake";

    wsk__client_say(c, "timed out after %u ms while %s", c->o.connect_timeout, phase);
    wsk__client_abandon(c);
    wsk__client_failed(c, WSK_FAIL_TIMEOUT);
}

static void on_timer(void *ud)
{
    wsk_client *c = ud;
    wsk__client_timer what = c->timer_for;

    wsk__client_enter(c);
    c->timer_for = WSK__TIMER_NONE;
    switch (what) {
    case WSK__TIMER_CONNECT:
        timed_out(c);
        break;
    case WSK__TIMER_CANCEL:
        wsk__client_abandon(c);
        wsk__client_failed(c, WSK_FAIL_CANCELLED);
        break;
    case WSK__TIMER_RETRY: {
        int r = start(c);
        if (r < 0) {
            wsk__client_abandon(c);
            wsk__client_failed(c, wsk__client_kind(r));
        }
        break;
    }
    case WSK__TIMER_NONE:
        break;
    }
    wsk__client_leave(c);
}

/* Gives up what is not open yet. */
static void cancel(wsk_client *c, const char *text)
{
    c->stopped = true;
    if (c->stage == WSK_STAGE_WAITING) {
        wsk__client_timer_set(c, WSK__TIMER_NONE, 0);
        c->stage = WSK_STAGE_IDLE;
    } else if (c->stage != WSK_STAGE_IDLE && c->timer_for != WSK__TIMER_CANCEL) {
        wsk__client_say(c, "%s", text);
        wsk__client_timer_set(c, WSK__TIMER_CANCEL, 0);
    }
}

int wsk_client_close(wsk_client *c, unsigned code, const char *reason)
{
    if (c->stage == WSK_STAGE_OPEN)
        return wsk__client_link_close(c->current, code, reason);
    cancel(c, "closed by the program before it was open");
    return WSK_OK;
}

void wsk_client_drop(wsk_client *c)
{
    if (c->stage == WSK_STAGE_OPEN)
        wsk__client_link_drop(c->current);
    else
        cancel(c, "dropped by the program before it was open");
}

/* --------------------------------------------------------------------------------- getters -- */

wsk_stage wsk_client_stage(const wsk_client *c)
{
    if (c->stage == WSK_STAGE_OPEN && c->current->link.conn.state != WSK_STATE_OPEN)
        return WSK_STAGE_CLOSING;
    return c->stage;
}

void *wsk_client_data(const wsk_client *c)
{
    return c->ud;
}

wsk_loop *wsk_client_loop(const wsk_client *c)
{
    return c->loop;
}

wsk_conn *wsk_client_conn(const wsk_client *c)
{
    return c->current != NULL ? &c->current->link.conn : NULL;
}

const char *wsk_client_text(const wsk_client *c)
{
    return c->text;
}

wsk_fail wsk_client_failure(const wsk_client *c)
{
    return c->failure;
}

int wsk_client_errno(const wsk_client *c)
{
    return c->err;
}

unsigned wsk_client_status(const wsk_client *c)
{
    return c->current != NULL ? c->current->link.conn.status : c->status;
}

wsk_str wsk_client_body(const wsk_client *c)
{
    wsk_str body = {c->body, c->body_len};

    return body;
}

const char *wsk_client_url(const wsk_client *c)
{
    return c->url_text != NULL ? c->url_text : "";
}

size_t wsk_client_address(const wsk_client *c, char *buf, size_t n)
{
    if (c->current != NULL && c->current->link.stream.fd >= 0)
        return wsk__peer_name(c->current->link.stream.fd, buf, n);
    if (n > 0)
        buf[0] = 0;
    return 0;
}

/* That with the server: with a ws URL there may still be one with a proxy. */
static const wsk__tls_session *session_of(const wsk_client *c)
{
    return c->current != NULL && c->url.tls ? wsk__stream_session(&c->current->link.stream) : NULL;
}

const char *wsk_client_tls_version(const wsk_client *c)
{
    const wsk__tls_session *t = session_of(c);

    return t != NULL ? wsk__tls_session_version(t) : "";
}

const char *wsk_client_tls_cipher(const wsk_client *c)
{
    const wsk__tls_session *t = session_of(c);

    return t != NULL ? wsk__tls_session_cipher(t) : "";
}

uint64_t wsk_client_rtt_us(const wsk_client *c)
{
    return c->rtt_us;
}
