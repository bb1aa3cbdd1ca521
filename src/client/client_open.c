/* SPDX-License-Identifier: MIT */
/*
 * One attempt, from the URL to the request and, if the server has it elsewhere, on to the next
 * place. What follows is client_link.c's.
 */
#include <string.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "client/client_internal.h"
#include "client/proxy_choice.h"
#include "client/redirect.h"
#include "client/retry_after.h"
#include "util/strs.h"

void wsk__client_abandon(wsk_client *c)
{
    wsk__client_timer_set(c, WSK__TIMER_NONE, 0);
    wsk__connector_free(c->connector);
    c->connector = NULL;
    if (c->current != NULL)
        wsk__client_link_leave(c->current);
    c->stage = WSK_STAGE_IDLE;
}

/* ------------------------------------------------------------------------------ connecting -- */

static wsk_fail kind_of(wsk__connect_outcome outcome)
{
    switch (outcome) {
    case WSK__CONNECT_RESOLVE:
        return WSK_FAIL_RESOLVE;
    case WSK__CONNECT_REFUSED:
        return WSK_FAIL_CONNECT;
    case WSK__CONNECT_PROXY:
        return WSK_FAIL_PROXY;
    case WSK__CONNECT_LOST:
        return WSK_FAIL_LOST;
    default:
        return WSK_FAIL_INTERNAL;
    }
}

/* *tls as the program gave it, or with the defaults. */
static int have_tls(wsk_client *c, wsk_tls **tls)
{
    wsk_tls_options o = WSK_TLS_OPTIONS_INIT;
    const char *why = NULL;
    int r = WSK_OK;

    o.role = WSK_ROLE_CLIENT;
    o.hooks = c->hooks;
    if (*tls == NULL)
        r = wsk_tls_new(tls, &o, &why);
    if (r < 0)
        wsk__client_say(c, "TLS: %s", why != NULL ? why : wsk_strerror(r));
    return r;
}

/* A name as certificates have it, without a zone. outer: NULL, or what it is to be within, which is
 * taken in any case. */
static int make_session(wsk_client *c, wsk__tls_session *outer, wsk__tls_session **ret)
{
    char host[sizeof(c->url.host)];
    int r = have_tls(c, &c->tls);

    if (r == WSK_OK) {
        (void)wsk__host_without_zone(c->url.host, host, sizeof(host));
        r = wsk__tls_session_new(ret, c->tls, host, c->url.port);
        if (r < 0)
            wsk__client_say(c, "TLS: %s", wsk_strerror(r));
        else if (c->stripped)
            wsk__tls_session_forget_identity(*ret);
    }
    if (r < 0)
        wsk__tls_session_free(outer);
    else if (outer != NULL)
        wsk__tls_session_nest(*ret, outer);
    return r;
}

static void connected(void *ud, const wsk__connect_result *result)
{
    wsk_client *c = ud;
    wsk__tls_session *session = result->session;
    int r = WSK_OK;

    wsk__client_enter(c);
    if (result->outcome != WSK__CONNECT_OK) {
        c->err = result->err;
        c->status = result->outcome == WSK__CONNECT_PROXY ? result->status : 0;
        wsk__client_say(c, "%s", result->text);
        wsk__client_abandon(c);
        wsk__client_failed(c, kind_of(result->outcome));
        wsk__client_leave(c);
        return;
    }
    wsk__connector_free(c->connector);
    c->connector = NULL;
    c->stage = WSK_STAGE_HANDSHAKE;
    if (c->url.tls)
        r = make_session(c, result->session, &session);
    if (r < 0) {
        close(result->fd);
    } else {
        r = wsk__client_link_new(c, result->fd, session);
        if (r < 0)
            wsk__client_say(c, "%s", wsk_strerror(r));
    }
    if (r < 0) {
        wsk__client_abandon(c);
        wsk__client_failed(c, r == WSK_ERR_TLS || r == WSK_ERR_INVAL ? WSK_FAIL_TLS
                                                                     : WSK_FAIL_INTERNAL);
    } else if (session == NULL) {
        wsk__client_link *l = c->current;
        wsk__client_request(l);
        wsk__client_link_update(l);
    }
    wsk__client_leave(c);
}

int wsk__client_begin(wsk_client *c)
{
    wsk__connect_options o = {
        .port = c->url.port, .family = c->o.family, .attempt_delay = c->o.attempt_delay};
    const char *why = NULL;
    wsk__proxy proxy;
    int r;

    char *text = wsk__url_text(c->hooks, &c->url, 0);
    if (text == NULL) {
        wsk__client_say(c, "%s", wsk_strerror(WSK_ERR_NOMEM));
        return WSK_ERR_NOMEM;
    }
    wsk__free(c->hooks, c->url_text);
    c->url_text = text;
    r = wsk__proxy_choose(c->hooks, c->o.proxy, c->o.no_proxy, &c->url, &proxy, &why);
    if (r < 0) {
        /* Without it the connection would go where the user did not want it to. */
        wsk__client_say(c, "the proxy of the environment: %s", why);
        return r;
    }
    if (c->url.is_unix)
        o.unix_path = c->url.unix_path;
    else
        o.host = c->url.host;
    o.proxy = &proxy;
    o.resolve = &c->o.resolve;
    c->stage = WSK_STAGE_CONNECTING;
    if (proxy.kind == WSK__PROXY_HTTPS)
        r = have_tls(c, &c->proxy_tls);
    o.proxy_tls = c->proxy_tls;
    if (r == WSK_OK) {
        r = wsk__connector_new(&c->connector, c->loop, c->hooks, &o, connected, c);
        if (r < 0)
            wsk__client_say(c, "%s", wsk_strerror(r));
    }
    wsk__proxy_deinit(c->hooks, &proxy);
    if (r == WSK_OK)
        wsk__client_timer_set(c, WSK__TIMER_CONNECT, c->o.connect_timeout);
    return r;
}

/* --------------------------------------------------------------------------------- request -- */

static bool is_credential(const char *name)
{
    static const char *const names[] = {"Authorization", "Cookie", "Proxy-Authorization"};

    for (size_t i = 0; i < WSK__COUNT(names); i++) {
        if (wsk__str_ieq(wsk__str(name), wsk__str(names[i])))
            return true;
    }
    return false;
}

/* RFC 7617 2. NULL: no memory. */
static char *basic(const wsk_hooks *hooks, const char *userinfo)
{
    static const char prefix[] = "Basic ";
    size_t n = strlen(userinfo);
    char *value = wsk__alloc(hooks, sizeof(prefix) + (n + 2) / 3 * 4 + 1);

    if (value == NULL)
        return NULL;
    memcpy(value, prefix, sizeof(prefix) - 1);
    EVP_EncodeBlock((unsigned char *)value + sizeof(prefix) - 1, (const unsigned char *)userinfo,
                    (int)n);
    return value;
}

/* The program's fields, less the credentials where they must not go, and the one for userinfo. */
static int make_headers(const wsk_client *c, wsk_header *ret, size_t *ret_n, char **ret_basic)
{
    const char *userinfo = c->o.userinfo != NULL ? c->o.userinfo : c->url.userinfo;
    size_t n = 0;

    if (c->stripped)
        userinfo = NULL;
    for (size_t i = 0; i < c->o.n_headers; i++) {
        if (c->stripped && is_credential(c->o.headers[i].name))
            continue;
        if (wsk__str_ieq(wsk__str(c->o.headers[i].name), wsk__str("Authorization")))
            userinfo = NULL;
        ret[n++] = c->o.headers[i];
    }
    if (userinfo != NULL) {
        *ret_basic = basic(c->hooks, userinfo);
        if (*ret_basic == NULL)
            return WSK_ERR_NOMEM;
        ret[n].name = "Authorization";
        ret[n++].value = *ret_basic;
    }
    *ret_n = n;
    return WSK_OK;
}

static int request(wsk_client *c, wsk_conn *conn)
{
    wsk_request_options o = WSK_REQUEST_OPTIONS_INIT;
    wsk_header *headers = wsk__alloc(c->hooks, (c->o.n_headers + 1) * sizeof(*headers));
    char *credentials = NULL;
    int r;

    if (headers == NULL)
        return WSK_ERR_NOMEM;
    r = make_headers(c, headers, &o.n_headers, &credentials);
    o.host = c->o.host != NULL && !c->stripped ? c->o.host : c->url.authority;
    o.target = c->url.target;
    o.origin = c->o.origin;
    o.headers = headers;
    if (r == WSK_OK)
        r = wsk_conn_request(conn, &o);
    wsk__free(c->hooks, credentials);
    wsk__free(c->hooks, headers);
    return r;
}

void wsk__client_request(wsk__client_link *l)
{
    wsk_client *c = l->client;
    int r;

    if (c->timer_for == WSK__TIMER_CONNECT)
        wsk__client_timer_set(c, WSK__TIMER_NONE, 0);
    l->begun = true;
    /* From here on it is the connection's open_timeout that counts. */
    r = request(c, &l->link.conn);
    if (r < 0) {
        wsk__client_say(c, "the request could not be made: %s", wsk_strerror(r));
        wsk__client_abandon(c);
        wsk__client_failed(c, WSK_FAIL_INTERNAL);
    }
}

/* -------------------------------------------------------------------------------- redirects -- */

static void keep_body(wsk_client *c, const wsk_conn *conn)
{
    wsk_str body = wsk_conn_body(conn);

    wsk__free(c->hooks, c->body);
    c->body_len = 0;
    c->body = body.len > 0 ? wsk__strndup(c->hooks, body.ptr, body.len) : NULL;
    if (c->body != NULL)
        c->body_len = body.len;
}

/* 1: it is followed; 0: this is no redirect to follow; negative: it failed, c->text says why. */
static int follow(wsk__client_link *l)
{
    wsk_client *c = l->client;
    wsk_str location = wsk_conn_header(&l->link.conn, "Location", 0);
    const char *why = NULL;
    bool foreign = false;
    wsk__url url;
    int r;

    if (c->o.max_redirects == 0 || !wsk__is_redirect(l->link.conn.status) || location.ptr == NULL)
        return 0;
    if (c->redirects >= c->o.max_redirects) {
        wsk__client_say(c, "more than %u redirects", c->o.max_redirects);
        return -1;
    }
    r = wsk__redirect_resolve(c->hooks, &c->url, location, &url, &foreign, &why);
    if (r < 0) {
        wsk__client_say(c, "redirect (status %u) not followed: %s", l->link.conn.status, why);
        return -1;
    }
    c->redirects++;
    c->stripped = c->stripped || foreign;
    wsk__url_deinit(c->hooks, &c->url);
    c->url = url;
    char *text = wsk__url_text(c->hooks, &url, 0);
    if (text == NULL) {
        wsk__client_say(c, "%s", wsk_strerror(WSK_ERR_NOMEM));
        return -1;
    }
    wsk__free(c->hooks, c->url_text);
    c->url_text = text;
    if (c->h.on_redirect != NULL && c->h.on_redirect(c, l->link.conn.status, text) != 0) {
        wsk__client_say(c, "the program does not follow the redirect to %s", text);
        return -1;
    }
    return 1;
}

static wsk_fail kind_of_refusal(const wsk__client_link *l)
{
    const wsk_conn *conn = &l->link.conn;

    if (conn->status >= 200)
        return WSK_FAIL_STATUS;
    if (l->tls_failed)
        return l->tls_lacked_memory ? WSK_FAIL_INTERNAL : WSK_FAIL_TLS;
    if (!conn->failed)
        return WSK_FAIL_LOST;
    if (wsk_conn_end_text(conn) == wsk__rule_text(WSK__RULE_NOMEM))
        return WSK_FAIL_INTERNAL;
    return l->timed_out ? WSK_FAIL_TIMEOUT : WSK_FAIL_HANDSHAKE;
}

void wsk__client_refused(wsk__client_link *l, const char *text)
{
    wsk_client *c = l->client;
    wsk_fail kind = kind_of_refusal(l);
    int r;

    c->status = l->link.conn.status;
    keep_body(c, &l->link.conn);
    if (kind == WSK_FAIL_STATUS)
        c->retry_after = wsk__retry_after(wsk_conn_header(&l->link.conn, "Retry-After", 0),
                                          time(NULL), c->o.retry_max);
    if (kind == WSK_FAIL_STATUS)
        wsk__client_say(c, "%s (status %u)", text, c->status);
    else
        wsk__client_say(c, "%s", text);
    r = kind == WSK_FAIL_STATUS && !c->stopped ? follow(l) : 0;
    if (c->freed)
        return;
    if (r < 0)
        kind = WSK_FAIL_REDIRECT;
    if (r > 0 && !c->stopped) {
        wsk__client_forget(c); /* it was no answer of where this goes on */
        wsk__client_abandon(c);
        r = wsk__client_begin(c);
        if (r == WSK_OK)
            return;
        wsk__client_abandon(c);
        kind = wsk__client_kind(r);
    }
    wsk__client_failed(c, kind);
}
