/* SPDX-License-Identifier: MIT */
/*
 * What the program asks for, checked and copied. All that goes into a request is looked at here,
 * because a line end in it would let whoever chose that text write fields, or requests, of their
 * own.
 */
#include <inttypes.h>
#include <string.h>

#include "client/client_internal.h"
#include "client/proxy_choice.h"
#include "http/header_writer.h"
#include "util/strs.h"

#define CONNECT_TIMEOUT   10000
#define ATTEMPT_DELAY     250 /* RFC 8305 8 */
#define ATTEMPT_DELAY_MIN 10
#define RETRY_MAX         60000
#define HEADERS_MAX       256

static bool is_text(const char *s)
{
    for (; *s != 0; s++) {
        if ((uint8_t)*s < 0x20 || *s == 0x7F)
            return false;
    }
    return true;
}

static int check(const wsk_hooks *hooks, const wsk_client_options *o)
{
    if (o->n_headers > HEADERS_MAX)
        return wsk__client_refuse(hooks, "n_headers must be at most %d, not %zu", HEADERS_MAX,
                                  o->n_headers);
    if (!wsk__headers_are_allowed(o->headers, o->n_headers, WSK_ROLE_CLIENT)) {
        wsk__headers_complain(hooks, "client", o->headers, o->n_headers, WSK_ROLE_CLIENT);
        return WSK_ERR_INVAL;
    }
    if (o->origin != NULL && !wsk__header_value_is_text(o->origin))
        return wsk__client_refuse(
            hooks, "origin is empty, or has a character that may not be there: '%s'", o->origin);
    if (o->host != NULL && !wsk__is_host(wsk__str(o->host), NULL, NULL))
        return wsk__client_refuse(hooks,
                                  "host is to be a host, perhaps with a port and nothing else");
    if (o->userinfo != NULL && (!is_text(o->userinfo) || strlen(o->userinfo) > 1024))
        return wsk__client_refuse(hooks, "userinfo has control characters or is too long");
    if (o->family != 0 && o->family != AF_INET && o->family != AF_INET6)
        return wsk__client_refuse(hooks, "family is to be AF_INET, AF_INET6 or 0, not %d",
                                  o->family);
    if (o->attempt_delay != 0 && o->attempt_delay < ATTEMPT_DELAY_MIN)
        return wsk__client_refuse(hooks, "attempt_delay must be %d ms at least, not %" PRIu32,
                                  ATTEMPT_DELAY_MIN, o->attempt_delay);
    if (o->no_proxy != NULL && !is_text(o->no_proxy))
        return wsk__client_refuse(hooks, "no_proxy has control characters");
    return WSK_OK;
}

static int check_proxy(const wsk_hooks *hooks, const char *proxy)
{
    const char *why = "";
    wsk__proxy p;
    int r;

    if (proxy == NULL || *proxy == 0)
        return WSK_OK;
    r = wsk__proxy_parse(hooks, proxy, &p, &why);
    if (r == WSK_ERR_INVAL)
        return wsk__client_refuse(hooks, "proxy: %s", why);
    WSK_TRY(r);
    wsk__proxy_deinit(hooks, &p);
    return WSK_OK;
}

static int copy(const wsk_hooks *hooks, const char *s, char **ret)
{
    if (s == NULL)
        return WSK_OK;
    *ret = wsk__strndup(hooks, s, strlen(s));
    return *ret != NULL ? WSK_OK : WSK_ERR_NOMEM;
}

/* RFC 7617 2: there is a colon in any case. */
static int copy_userinfo(const wsk_hooks *hooks, const char *s, char **ret)
{
    size_t n;

    if (s == NULL)
        return WSK_OK;
    n = strlen(s);
    *ret = wsk__alloc(hooks, n + 2);
    if (*ret == NULL)
        return WSK_ERR_NOMEM;
    memcpy(*ret, s, n + 1);
    if (strchr(s, ':') == NULL)
        memcpy(*ret + n, ":", 2);
    return WSK_OK;
}

static int copy_headers(wsk__client_options *ret, const wsk_hooks *hooks,
                        const wsk_client_options *o)
{
    if (o->n_headers == 0)
        return WSK_OK;
    ret->headers = wsk__alloc0(hooks, o->n_headers * sizeof(*ret->headers));
    if (ret->headers == NULL)
        return WSK_ERR_NOMEM;
    ret->n_headers = o->n_headers;
    for (size_t i = 0; i < o->n_headers; i++) {
        char *name = NULL, *value = NULL;
        int r = copy(hooks, o->headers[i].name, &name);

        if (r == WSK_OK)
            r = copy(hooks, o->headers[i].value, &value);
        ret->headers[i].name = name;
        ret->headers[i].value = value;
        WSK_TRY(r);
    }
    return WSK_OK;
}

static int copy_resolve(const wsk_hooks *hooks, const char *const *texts, wsk__resolve_list *ret)
{
    const char *why = "";
    int r = wsk__resolve_list_init(ret, hooks, texts, &why);

    return r == WSK_ERR_INVAL ? wsk__client_refuse(hooks, "resolve: %s", why) : r;
}

static uint32_t or_default(uint32_t value, uint32_t otherwise)
{
    return value != 0 ? value : otherwise;
}

int wsk__client_options_init(wsk__client_options *ret, const wsk_hooks *hooks,
                             const wsk_client_options *o)
{
    int r;

    memset(ret, 0, sizeof(*ret));
    WSK_TRY(check(hooks, o));
    WSK_TRY(check_proxy(hooks, o->proxy));
    ret->connect_timeout = or_default(o->connect_timeout, CONNECT_TIMEOUT);
    ret->attempt_delay = or_default(o->attempt_delay, ATTEMPT_DELAY);
    ret->family = o->family;
    ret->max_redirects = o->max_redirects;
    ret->retry_initial = o->retry_initial;
    ret->retry_max = or_default(o->retry_max, RETRY_MAX);
    ret->retry_attempts = o->retry_attempts;
    r = copy_headers(ret, hooks, o);
    if (r == WSK_OK)
        r = copy(hooks, o->origin, &ret->origin);
    if (r == WSK_OK)
        r = copy_userinfo(hooks, o->userinfo, &ret->userinfo);
    if (r == WSK_OK)
        r = copy(hooks, o->proxy, &ret->proxy);
    if (r == WSK_OK)
        r = copy(hooks, o->no_proxy, &ret->no_proxy);
    if (r == WSK_OK)
        r = copy(hooks, o->host, &ret->host);
    if (r == WSK_OK)
        r = copy_resolve(hooks, o->resolve, &ret->resolve);
    if (r < 0)
        wsk__client_options_deinit(ret, hooks);
    return r;
}

void wsk__client_options_deinit(wsk__client_options *o, const wsk_hooks *hooks)
{
    for (size_t i = 0; i < o->n_headers; i++) {
        wsk__free(hooks, (char *)(uintptr_t)o->headers[i].name);
        wsk__free(hooks, (char *)(uintptr_t)o->headers[i].value);
    }
    wsk__free(hooks, o->headers);
    wsk__free(hooks, o->origin);
    wsk__free(hooks, o->userinfo);
    wsk__free(hooks, o->proxy);
    wsk__free(hooks, o->no_proxy);
    wsk__free(hooks, o->host);
    wsk__resolve_list_deinit(&o->resolve, hooks);
    memset(o, 0, sizeof(*o));
}
