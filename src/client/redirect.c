/* SPDX-License-Identifier: MIT */
/* See redirect.h. A Location comes from the peer: all of it goes through the parser of URLs. */
#include "client/redirect.h"

#include <string.h>

#include "http/handshake.h"
#include "util/mem.h"
#include "util/strs.h"

/* As long as a head may be. */
#define LOCATION_MAX 8192

bool wsk__is_redirect(unsigned status)
{
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

/* RFC 3986 5.2.4 for the path in t, which begins at `from` and may have a query behind it. */
static void remove_dots(wsk__text *t, size_t from)
{
    char *p = t->ptr + from, *query;
    size_t n = t->len - from, in = 0, out = 0;

    query = memchr(p, '?', n);
    size_t path_len = query != NULL ? (size_t)(query - p) : n;
    while (in < path_len) {
        /* p[in] is a slash: one segment with it. */
        size_t end = in + 1;
        while (end < path_len && p[end] != '/')
            end++;
        size_t len = end - in;
        bool dot = len == 2 && p[in + 1] == '.';
        bool dots = len == 3 && p[in + 1] == '.' && p[in + 2] == '.';

        if (dots) {
            while (out > 0 && p[--out] != '/')
                ;
        }
        if (!dot && !dots) {
            memmove(p + out, p + in, len);
            out += len;
        } else if (end == path_len) {
            p[out++] = '/';
        }
        in = end;
    }
    memmove(p + out, p + path_len, n - path_len);
    t->len = from + out + (n - path_len);
    t->ptr[t->len] = 0;
}

static bool begins(wsk_str s, const char *what)
{
    size_t n = strlen(what);

    return s.len >= n && wsk__str_ieq(wsk__strn(s.ptr, n), wsk__str(what));
}

/* The length of "scheme:" at the begin of s, or 0. */
static size_t scheme_len(wsk_str s)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = wsk__lower(s.ptr[i]);

        if (c == ':')
            return i > 0 ? i + 1 : 0;
        if (!(c >= 'a' && c <= 'z') &&
            (i == 0 || !((c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.')))
            return 0;
    }
    return 0;
}

/* Writes scheme and authority of an absolute reference, or of one that begins with "//", and what
 * follows. False: a scheme that this must not go to. */
static bool write_absolute(wsk__text *t, const wsk__url *base, wsk_str s)
{
    size_t n = scheme_len(s), from;

    if (n == 0)
        wsk__text_add(t, base->tls ? "wss:" : "ws:");
    else if (begins(s, "ws:") || begins(s, "http:"))
        wsk__text_add(t, "ws:");
    else if (begins(s, "wss:") || begins(s, "https:"))
        wsk__text_add(t, "wss:");
    else
        return false;
    from = t->len + 2; /* behind the slashes, or it is no URL */
    wsk__text_addn(t, s.ptr + n, s.len - n);
    if (!t->failed && from < t->len) {
        from += strcspn(t->ptr + from, "/?");
        if (t->ptr[from] == '/')
            remove_dots(t, from);
    }
    return true;
}

/* A path or a query, relative to that of base. */
static void write_relative(wsk__text *t, const wsk__url *base, wsk_str s)
{
    const char *target = base->target;
    size_t path_len = strcspn(target, "?"), from;

    wsk__text_add(t, "ws://host");
    from = t->len;
    if (s.len == 0) {
        wsk__text_add(t, target);
    } else if (s.ptr[0] == '/') {
        wsk__text_addn(t, s.ptr, s.len);
    } else {
        if (s.ptr[0] != '?') {
            while (path_len > 0 && target[path_len - 1] != '/')
                path_len--;
        }
        wsk__text_addn(t, target, path_len);
        wsk__text_addn(t, s.ptr, s.len);
    }
    if (!t->failed)
        remove_dots(t, from);
}

static int parse(const wsk_hooks *hooks, const wsk__text *t, wsk__url *ret, const char **why)
{
    if (t->failed || t->ptr == NULL) {
        *why = wsk_strerror(WSK_ERR_NOMEM);
        return WSK_ERR_NOMEM;
    }
    WSK_TRY(wsk__url_parse(hooks, t->ptr, ret, why));
    wsk__free(hooks, ret->userinfo);
    ret->userinfo = NULL;
    return WSK_OK;
}

/* The place of base with the target of url. */
static void stay(const wsk__url *base, wsk__url *url)
{
    char *target = url->target;

    *url = *base;
    url->target = target;
    url->userinfo = NULL;
}

static bool is_same_origin(const wsk__url *a, const wsk__url *b)
{
    return a->tls == b->tls && a->port == b->port &&
           wsk__str_ieq(wsk__str(a->host), wsk__str(b->host));
}

int wsk__redirect_resolve(const wsk_hooks *hooks, const wsk__url *base, wsk_str location,
                          wsk__url *ret, bool *ret_foreign, const char **why)
{
    wsk__text t = {.hooks = hooks};
    const char *hash = location.len > 0 ? memchr(location.ptr, '#', location.len) : NULL;
    bool absolute, ok = true;
    wsk__url url;
    int r;

    if (hash != NULL)
        location.len = (size_t)(hash - location.ptr);
    if (location.len > LOCATION_MAX ||
        (location.len > 0 && memchr(location.ptr, 0, location.len))) {
        *why = "the place that the server redirects to is no URL";
        return WSK_ERR_URL;
    }
    absolute = scheme_len(location) > 0 || begins(location, "//");
    if (absolute && base->is_unix) {
        *why = "the server at a Unix socket redirects to the network";
        return WSK_ERR_URL;
    }
    if (absolute)
        ok = write_absolute(&t, base, location);
    else
        write_relative(&t, base, location);
    *why = "the server redirects to a URL with another scheme than ws, wss, http, https";
    r = ok ? parse(hooks, &t, &url, why) : WSK_ERR_URL;
    wsk__text_deinit(&t);
    if (r < 0)
        return r;
    if (!absolute)
        stay(base, &url);
    bool foreign = absolute && !is_same_origin(base, &url);
    if (base->tls && !url.tls) {
        *why = "the server redirects from TLS to a connection without";
        r = WSK_ERR_URL;
    } else if (!foreign && base->userinfo != NULL) {
        url.userinfo = wsk__strndup(hooks, base->userinfo, strlen(base->userinfo));
        r = url.userinfo != NULL ? WSK_OK : WSK_ERR_NOMEM;
        *why = wsk_strerror(r);
    }
    if (r < 0) {
        wsk__url_deinit(hooks, &url);
        return r;
    }
    *ret = url;
    *ret_foreign = foreign;
    return WSK_OK;
}
