/* SPDX-License-Identifier: MIT */
/* See proxy_choice.h. */
#include "client/proxy_choice.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "util/attr.h"
#include "util/mem.h"
#include "util/strs.h"

/* As curl has it. */
#define DEFAULT_PORT       1080
#define DEFAULT_PORT_HTTPS 443

/* --------------------------------------------------------------------------------- parsing -- */

static int copy_user(const wsk_hooks *hooks, const char *userinfo, wsk__proxy *p)
{
    const char *colon = strchr(userinfo, ':');

    p->user = wsk__strndup(hooks, userinfo, (size_t)(colon - userinfo));
    p->password = wsk__strndup(hooks, colon + 1, strlen(colon + 1));
    return p->user != NULL && p->password != NULL ? WSK_OK : WSK_ERR_NOMEM;
}

/* What stands behind the scheme is like a WebSocket URL. */
static int parse_rest(const wsk_hooks *hooks, const char *rest, wsk__proxy *p, const char **why)
{
    static const char scheme[] = "ws://";
    size_t n = strlen(rest);
    char *text = wsk__alloc(hooks, sizeof(scheme) + n);
    wsk__url url;
    int r;

    if (text == NULL)
        return WSK_ERR_NOMEM;
    memcpy(text, scheme, sizeof(scheme) - 1);
    memcpy(text + sizeof(scheme) - 1, rest, n + 1);
    r = wsk__url_parse(hooks, text, &url, why);
    wsk__free(hooks, text);
    if (r < 0)
        return r == WSK_ERR_URL ? WSK_ERR_INVAL : r;
    if (strcmp(url.target, "/") != 0) {
        *why = "a proxy has no path";
        r = WSK_ERR_INVAL;
    } else if (url.port == 0) {
        *why = "the port of a proxy is not 0";
        r = WSK_ERR_INVAL;
    }
    if (r == WSK_OK) {
        p->port = url.has_port                  ? url.port
                  : p->kind == WSK__PROXY_HTTPS ? DEFAULT_PORT_HTTPS
                                                : DEFAULT_PORT;
        p->host = wsk__strndup(hooks, url.host, strlen(url.host));
        if (p->host == NULL)
            r = WSK_ERR_NOMEM;
    }
    if (r == WSK_OK && url.userinfo != NULL)
        r = copy_user(hooks, url.userinfo, p);
    wsk__url_deinit(hooks, &url);
    return r;
}

int wsk__proxy_parse(const wsk_hooks *hooks, const char *text, wsk__proxy *ret, const char **why)
{
    static const struct {
        const char *scheme;
        wsk__proxy_kind kind;
    } schemes[] = {
        {"http", WSK__PROXY_HTTP},
        {"https", WSK__PROXY_HTTPS},
        {"socks5", WSK__PROXY_SOCKS5},
        {"socks5h", WSK__PROXY_SOCKS5H},
    };
    const char *colon = strstr(text, "://");
    wsk__proxy p = {.kind = WSK__PROXY_HTTP};
    int r;

    if (colon != NULL) {
        p.kind = WSK__PROXY_NONE;
        for (size_t i = 0; i < WSK__COUNT(schemes); i++) {
            if (wsk__str_ieq(wsk__strn(text, (size_t)(colon - text)), wsk__str(schemes[i].scheme)))
                p.kind = schemes[i].kind;
        }
        if (p.kind == WSK__PROXY_NONE) {
            *why = "the scheme of the proxy is none of http, https, socks5, socks5h";
            return WSK_ERR_INVAL;
        }
        text = colon + 3;
    }
    *why = wsk_strerror(WSK_ERR_NOMEM);
    r = parse_rest(hooks, text, &p, why);
    if (r < 0) {
        wsk__proxy_deinit(hooks, &p);
        return r;
    }
    *ret = p;
    return WSK_OK;
}

/* ------------------------------------------------------------------------------- exceptions -- */

static bool prefix_equal(const uint8_t *a, const uint8_t *b, unsigned bits)
{
    unsigned rest = bits % 8;

    if (memcmp(a, b, bits / 8) != 0)
        return false;
    return rest == 0 || ((a[bits / 8] ^ b[bits / 8]) >> (8 - rest)) == 0;
}

/* entry: an address, perhaps with "/bits". */
static bool address_fits(wsk_str entry, const char *host)
{
    char text[64];
    uint8_t a[16], b[16];
    const char *slash = memchr(entry.ptr, '/', entry.len);
    size_t n = slash != NULL ? (size_t)(slash - entry.ptr) : entry.len;
    int family = strchr(host, ':') != NULL ? AF_INET6 : AF_INET;
    unsigned most = family == AF_INET6 ? 128 : 32, bits = slash != NULL ? 0 : most;

    if (n >= 2 && entry.ptr[0] == '[' && entry.ptr[n - 1] == ']') {
        entry.ptr++;
        n -= 2;
    }
    if (n == 0 || n >= sizeof(text))
        return false;
    memcpy(text, entry.ptr, n);
    text[n] = 0;
    if (slash != NULL && slash + 1 == entry.ptr + entry.len)
        return false;
    for (const char *p = slash; p != NULL && ++p < entry.ptr + entry.len;) {
        if (*p < '0' || *p > '9' || bits > 128)
            return false;
        bits = bits * 10 + (unsigned)(*p - '0');
    }
    return bits <= most && inet_pton(family, text, a) == 1 && inet_pton(family, host, b) == 1 &&
           prefix_equal(a, b, bits);
}

static bool name_fits(wsk_str entry, wsk_str host)
{
    if (entry.len > 0 && entry.ptr[0] == '.') {
        entry.ptr++;
        entry.len--;
    }
    if (entry.len > 0 && entry.ptr[entry.len - 1] == '.')
        entry.len--;
    if (host.len > 0 && host.ptr[host.len - 1] == '.')
        host.len--;
    if (entry.len == 0 || entry.len > host.len)
        return false;
    size_t before = host.len - entry.len;
    return wsk__str_ieq(entry, wsk__strn(host.ptr + before, entry.len)) &&
           (before == 0 || host.ptr[before - 1] == '.');
}

bool wsk__proxy_is_excepted(const char *list, const char *with_zone)
{
    uint8_t octets[16];
    char host[256];

    if (list == NULL || !wsk__host_without_zone(with_zone, host, sizeof(host)))
        return false;
    const bool is_address = inet_pton(AF_INET, host, octets) == 1 ||
                            inet_pton(AF_INET6, host, octets) == 1;
    if (strcmp(list, "*") == 0)
        return true;
    while (*list != 0) {
        size_t n = strcspn(list, ", \t");
        wsk_str entry = wsk__strn(list, n);

        if (n > 0 && (is_address ? address_fits(entry, host) : name_fits(entry, wsk__str(host))))
            return true;
        list += n;
        if (*list != 0)
            list++;
    }
    return false;
}

/* ----------------------------------------------------------------------------- environment -- */

/* An empty one is none, and does not hide the next, as with curl. */
static const char *first_set(const char *const *names)
{
    for (; *names != NULL; names++) {
        const char *value = getenv(*names);

        if (value != NULL && *value != 0)
            return value;
    }
    return NULL;
}

static const char *from_environment(const wsk__url *url)
{
    /* HTTP_PROXY is what a web server calls the field "Proxy" of a request. */
    static const char *const plain[] = {"ws_proxy",  "WS_PROXY",  "http_proxy",
                                        "all_proxy", "ALL_PROXY", NULL};
    static const char *const tls[] = {"wss_proxy", "WSS_PROXY", "https_proxy", "HTTPS_PROXY",
                                      "all_proxy", "ALL_PROXY", NULL};

    return first_set(url->tls ? tls : plain);
}

int wsk__proxy_choose(const wsk_hooks *hooks, const char *proxy, const char *no_proxy,
                      const wsk__url *url, wsk__proxy *ret, const char **why)
{
    static const char *const exceptions[] = {"no_proxy", "NO_PROXY", NULL};

    memset(ret, 0, sizeof(*ret));
    if (url->is_unix)
        return WSK_OK;
    if (proxy == NULL) {
        proxy = from_environment(url);
        if (no_proxy == NULL)
            no_proxy = first_set(exceptions);
    }
    if (proxy == NULL || *proxy == 0 || wsk__proxy_is_excepted(no_proxy, url->host))
        return WSK_OK;
    return wsk__proxy_parse(hooks, proxy, ret, why);
}
