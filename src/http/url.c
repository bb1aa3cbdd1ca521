/* SPDX-License-Identifier: MIT */
/*
 * URL to what a client connects to and asks for, or a server listens on. Nothing that comes out
 * can end a line of a request: RFC 3986 characters only. Resolves no names.
 */
#include "http/url.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "http/chars.h"
#include "http/handshake.h"
#include "util/mem.h"
#include "util/strs.h"

static bool fail(const char **why, const char *text)
{
    *why = text;
    return false;
}

static bool find(wsk_str s, char c, size_t *ret)
{
    const char *p = s.len > 0 ? memchr(s.ptr, c, s.len) : NULL;

    if (p == NULL)
        return false;
    *ret = (size_t)(p - s.ptr);
    return true;
}

static wsk_str skip(wsk_str s, size_t n)
{
    return wsk__strn(s.ptr + n, s.len - n);
}

/* Decodes s, whose percent-encoding is known to be valid, to at most `room` octets with NUL. False
 * if it does not fit, or for controls, which have no business in a name. */
static bool decode(wsk_str s, char *ret, size_t room)
{
    size_t n = 0;

    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];

        if (c == '%') {
            c = (char)(wsk__hex_value(s.ptr[i + 1]) << 4 | wsk__hex_value(s.ptr[i + 2]));
            i += 2;
        }
        if ((uint8_t)c < 0x20 || c == 0x7F || n + 1 >= room)
            return false;
        ret[n++] = c;
    }
    ret[n] = 0;
    return true;
}

static bool parse_scheme(wsk_str *rest, wsk__url *url, const char **why)
{
    static const struct {
        const char *name;
        bool tls, is_unix;
    } schemes[] = {
        {"ws", false, false},
        {"wss", true, false},
        {"ws+unix", false, true},
        {"wss+unix", true, true},
    };
    size_t n;

    if (!find(*rest, ':', &n))
        return fail(why, "the URL has no scheme; it begins with ws:// or wss://");
    for (size_t i = 0; i < WSK__COUNT(schemes); i++) {
        if (!wsk__str_ieq(wsk__strn(rest->ptr, n), wsk__str(schemes[i].name)))
            continue;
        url->tls = schemes[i].tls;
        url->is_unix = schemes[i].is_unix;
        url->port = url->tls ? 443 : 80;
        *rest = skip(*rest, n + 1);
        return true;
    }
    return fail(why, "the scheme of the URL is none of ws, wss, ws+unix, wss+unix");
}

static bool parse_port(wsk_str s, wsk__url *url, const char **why)
{
    unsigned n = 0;

    if (s.len == 0 || wsk__char_span(s.ptr, s.len, WSK__CHAR_DIGIT) != s.len)
        return fail(why, "the port of the URL is not a number");
    for (size_t i = 0; i < s.len; i++) {
        n = n * 10 + (unsigned)(s.ptr[i] - '0');
        if (n > UINT16_MAX)
            return fail(why, "the port of the URL is above 65535");
    }
    url->port = (uint16_t)n;
    url->has_port = true;
    return true;
}

/* "[" IPv6 address [ "%25" zone ] "]" (RFC 3986 3.2.2, RFC 6874); s is what stands between the
 * brackets. The zone is of this machine only and does not go into the Host field. */
static bool parse_ipv6(wsk_str s, wsk__url *url, const char **why)
{
    wsk_str zone = {NULL, 0};
    unsigned char address[16];
    char text[64];
    size_t n;

    if (find(s, '%', &n)) {
        zone = skip(s, n);
        s.len = n;
        if (zone.len < 4 || zone.ptr[1] != '2' || zone.ptr[2] != '5' ||
            wsk__char_span(zone.ptr + 3, zone.len - 3, WSK__CHAR_HOST) != zone.len - 3)
            return fail(why, "the zone of the IPv6 address is not \"%25\" and a name");
        zone = skip(zone, 3);
    }
    if (s.len == 0 || s.len >= sizeof(text) || zone.len > 64)
        return fail(why, "the IPv6 address of the URL is malformed");
    memcpy(text, s.ptr, s.len);
    text[s.len] = 0;
    if (inet_pton(AF_INET6, text, address) != 1)
        return fail(why, "the IPv6 address of the URL is malformed");
    snprintf(url->host, sizeof(url->host), "%s%s%.*s", text, zone.len > 0 ? "%" : "", (int)zone.len,
             zone.len > 0 ? zone.ptr : "");
    snprintf(url->authority, sizeof(url->authority), "[%s]", text);
    return true;
}

static bool parse_name(wsk_str s, wsk__url *url, const char **why)
{
    size_t label = 0;

    if (s.len == 0)
        return fail(why, "the URL has no host");
    if (s.len > 253)
        return fail(why, "the host of the URL is too long");
    for (size_t i = 0; i < s.len; i++) {
        if ((uint8_t)s.ptr[i] >= 0x80)
            return fail(why, "the host of the URL is not ASCII; write it in its xn-- form");
        if (!wsk__char_is(s.ptr[i], WSK__CHAR_HOST))
            return fail(why, "the host of the URL has a character that may not be there");
        label = s.ptr[i] == '.' ? 0 : label + 1;
        if (label == 0 && (i == 0 || s.ptr[i - 1] == '.'))
            return fail(why, "the host of the URL has an empty part");
    }
    memcpy(url->host, s.ptr, s.len);
    url->host[s.len] = 0;
    snprintf(url->authority, sizeof(url->authority), "%s", url->host);
    return true;
}

/* host [ ":" port ] */
static bool parse_host(wsk_str s, wsk__url *url, const char **why)
{
    wsk_str port = {NULL, 0};
    size_t n;
    bool ok;

    if (s.len > 0 && s.ptr[0] == '[') {
        if (!find(s, ']', &n))
            return fail(why, "the bracket of the IPv6 address is not closed");
        ok = parse_ipv6(wsk__strn(s.ptr + 1, n - 1), url, why);
        n++;
    } else {
        if (!find(s, ':', &n))
            n = s.len;
        ok = parse_name(wsk__strn(s.ptr, n), url, why);
    }
    if (!ok)
        return false;
    if (n < s.len) {
        port = skip(s, n + 1);
        if (s.ptr[n] != ':')
            return fail(why, "something stands between the host and the path of the URL");
        if (!parse_port(port, url, why))
            return false;
    }
    if (url->port != (url->tls ? 443 : 80)) {
        n = strlen(url->authority);
        snprintf(url->authority + n, sizeof(url->authority) - n, ":%u", (unsigned)url->port);
    }
    return true;
}

/* Behind "ws:" or "wss:". *ret_user and *ret_target are pieces of the text. */
static bool parse_tcp(wsk_str s, wsk__url *url, wsk_str *ret_user, wsk_str *ret_target,
                      const char **why)
{
    wsk_str authority;
    size_t n = 0;

    if (s.len < 2 || s.ptr[0] != '/' || s.ptr[1] != '/')
        return fail(why, "the URL has no // behind its scheme");
    s = skip(s, 2);
    while (n < s.len && s.ptr[n] != '/' && s.ptr[n] != '?')
        n++;
    authority = wsk__strn(s.ptr, n);
    *ret_target = skip(s, n);
    if (find(authority, '@', &n)) {
        *ret_user = wsk__strn(authority.ptr, n);
        authority = skip(authority, n + 1);
    }
    return parse_host(authority, url, why);
}

/* Behind "ws+unix:" or "wss+unix:". */
static bool parse_unix(wsk_str s, wsk__url *url, wsk_str *ret_target, const char **why)
{
    size_t n;

    if (s.len >= 2 && s.ptr[0] == '/' && s.ptr[1] == '/') {
        s = skip(s, 2); /* an empty authority, as in file:///path */
        if (s.len == 0 || s.ptr[0] != '/')
            return fail(why, "the URL of a Unix socket has no host");
    }
    if (!find(s, ':', &n))
        n = s.len;
    if (n == 0)
        return fail(why, "the URL names no Unix socket");
    if (memchr(s.ptr, '?', n) != NULL)
        return fail(why, "the path behind a Unix socket begins with a colon");
    if (!decode(wsk__strn(s.ptr, n), url->unix_path, sizeof(url->unix_path)))
        return fail(why, "the name of the Unix socket is too long or has control characters");
    memcpy(url->host, "localhost", sizeof("localhost"));
    memcpy(url->authority, "localhost", sizeof("localhost"));
    *ret_target = skip(s, n < s.len ? n + 1 : n);
    if (ret_target->len > 0 && ret_target->ptr[0] != '/' && ret_target->ptr[0] != '?')
        return fail(why, "the path behind a Unix socket begins with a slash");
    return true;
}

/* What RFC 3986 does not let stand there is encoded, as browsers do (WHATWG URL). */
static char *make_target(const wsk_hooks *hooks, wsk_str s)
{
    static const char hex[] = "0123456789ABCDEF";
    char *text = wsk__alloc(hooks, s.len * 3 + 2);
    size_t n = 0;

    if (text == NULL)
        return NULL;
    if (s.len == 0 || s.ptr[0] != '/')
        text[n++] = '/';
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] == '%' || wsk__char_is(s.ptr[i], WSK__CHAR_PATH)) {
            text[n++] = s.ptr[i];
        } else {
            text[n++] = '%';
            text[n++] = hex[(uint8_t)s.ptr[i] >> 4];
            text[n++] = hex[(uint8_t)s.ptr[i] & 15];
        }
    }
    text[n] = 0;
    return text;
}

/* Decoded apart, so that no "%3A" moves the border between user and password. */
static int make_userinfo(const wsk_hooks *hooks, wsk_str s, char **ret, const char **why)
{
    char *text = wsk__alloc(hooks, s.len + 2);
    size_t n;
    bool ok;

    if (text == NULL)
        return WSK_ERR_NOMEM;
    if (!find(s, ':', &n))
        n = s.len;
    ok = decode(wsk__strn(s.ptr, n), text, s.len + 1);
    if (ok && strchr(text, ':') != NULL) /* RFC 7617 2 */
        ok = false;
    if (ok) {
        size_t user_len = strlen(text);

        text[user_len] = ':';
        text[user_len + 1] = 0;
        if (n < s.len)
            ok = decode(skip(s, n + 1), text + user_len + 1, s.len + 1 - user_len);
    }
    if (!ok) {
        wsk__free(hooks, text);
        *why = "the user name has a colon, or it or the password has control characters";
        return WSK_ERR_URL;
    }
    *ret = text;
    return WSK_OK;
}

/* Characters that no part of a URL may have. */
static bool check_characters(wsk_str s, const char **why)
{
    for (size_t i = 0; i < s.len; i++) {
        uint8_t c = (uint8_t)s.ptr[i];

        if (c == '#') /* RFC 6455 3 */
            return fail(why, "the URL has a fragment");
        if (c == '\\')
            return fail(why, "the URL has a backslash");
        if (c <= 0x20 || c == 0x7F)
            return fail(why, "the URL has white space or a control character");
    }
    if (!wsk__percent_is_valid(s))
        return fail(why, "the URL has a malformed percent-encoding");
    return true;
}

int wsk__url_parse(const wsk_hooks *hooks, const char *text, wsk__url *ret, const char **why)
{
    wsk_str rest = wsk__str(text), user = {NULL, 0}, target = {NULL, 0};
    const char *unused;
    wsk__url url;
    int err;

    if (why == NULL)
        why = &unused;
    memset(&url, 0, sizeof(url));
    if (!check_characters(rest, why) || !parse_scheme(&rest, &url, why))
        return WSK_ERR_URL;
    if (url.is_unix ? !parse_unix(rest, &url, &target, why)
                    : !parse_tcp(rest, &url, &user, &target, why))
        return WSK_ERR_URL;
    if (user.ptr != NULL && (err = make_userinfo(hooks, user, &url.userinfo, why)) < 0) {
        if (err == WSK_ERR_NOMEM)
            *why = wsk_strerror(err);
        return err;
    }
    url.target = make_target(hooks, target);
    if (url.target == NULL) {
        wsk__free(hooks, url.userinfo);
        *why = wsk_strerror(WSK_ERR_NOMEM);
        return WSK_ERR_NOMEM;
    }
    *ret = url;
    return WSK_OK;
}

/* The name of a Unix socket: what would be no part of it there is encoded. */
static void add_unix_path(wsk__text *t, const char *path)
{
    for (const char *p = path; *p != 0; p++) {
        bool slashes = p == path + 1 && path[0] == '/' && *p == '/';

        if (slashes || strchr(" %:?#\\", *p) != NULL)
            wsk__text_addf(t, "%%%02X", (unsigned)(uint8_t)*p);
        else
            wsk__text_addn(t, p, 1);
    }
}

char *wsk__url_text(const wsk_hooks *hooks, const wsk__url *url, unsigned port)
{
    wsk__text t = {.hooks = hooks};

    wsk__text_add(&t, url->tls ? "wss" : "ws");
    if (url->is_unix) {
        wsk__text_add(&t, "+unix:");
        add_unix_path(&t, url->unix_path);
        if (strcmp(url->target, "/") != 0)
            wsk__text_addf(&t, ":%s", url->target);
    } else {
        bool v6 = strchr(url->host, ':') != NULL;
        const char *zone = strchr(url->host, '%');
        size_t n = zone != NULL ? (size_t)(zone - url->host) : strlen(url->host);

        wsk__text_addf(&t, "://%s%.*s%s%s%s", v6 ? "[" : "", (int)n, url->host,
                       zone != NULL ? "%25" : "", zone != NULL ? zone + 1 : "", v6 ? "]" : "");
        if (port != 0 || url->port != (url->tls ? 443 : 80))
            wsk__text_addf(&t, ":%u", port != 0 ? port : url->port);
        wsk__text_add(&t, url->target);
    }
    if (t.failed)
        wsk__text_deinit(&t);
    return t.ptr;
}

void wsk__url_deinit(const wsk_hooks *hooks, wsk__url *url)
{
    wsk__free(hooks, url->target);
    wsk__free(hooks, url->userinfo);
    url->target = url->userinfo = NULL;
}
