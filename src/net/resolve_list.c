/* SPDX-License-Identifier: MIT */
/* See resolve_list.h. */
#include "net/resolve_list.h"

#include <arpa/inet.h>
#include <string.h>

#include "util/mem.h"
#include "util/strs.h"

/* A name of RFC 1035 2.3.4 has less. */
#define HOST_MAX 255

static bool parse_port(const char *s, size_t n, uint16_t *ret)
{
    unsigned value = 0;

    if (n == 0 || n > 5)
        return false;
    for (size_t i = 0; i < n; i++) {
        if (s[i] < '0' || s[i] > '9')
            return false;
        value = value * 10 + (unsigned)(s[i] - '0');
    }
    if (value == 0 || value > 65535)
        return false;
    *ret = (uint16_t)value;
    return true;
}

static bool parse_address(const char *s, size_t n, uint16_t port, wsk__address *ret)
{
    char text[INET6_ADDRSTRLEN];

    if (n >= 2 && s[0] == '[' && s[n - 1] == ']') {
        s++;
        n -= 2;
    }
    if (n >= sizeof(text))
        return false;
    memcpy(text, s, n);
    text[n] = 0;
    memset(ret, 0, sizeof(*ret));
    if (inet_pton(AF_INET, text, &ret->v4.sin_addr) == 1) {
        ret->v4.sin_family = AF_INET;
        ret->v4.sin_port = htons(port);
        return true;
    }
    if (inet_pton(AF_INET6, text, &ret->v6.sin6_addr) == 1) {
        ret->v6.sin6_family = AF_INET6;
        ret->v6.sin6_port = htons(port);
        return true;
    }
    return false;
}

/* The host ends at its colon, or, with brackets, behind them. */
static size_t host_length(const char *text)
{
    const char *end = text[0] == '[' ? strchr(text, ']') : NULL;

    return end != NULL ? (size_t)(end + 1 - text) : strcspn(text, ":");
}

static int parse(wsk__resolve_entry *ret, const wsk_hooks *hooks, const char *text,
                 const char **why)
{
    size_t n = host_length(text), bare = n;
    const char *host = text, *port = text + n + 1;

    *why = "it is to be HOST:PORT:ADDRESS[,ADDRESS]...";
    if (n == 0 || n > HOST_MAX || text[n] != ':')
        return WSK_ERR_INVAL;
    if (host[0] == '[') {
        if (n < 3 || text[n - 1] != ']')
            return WSK_ERR_INVAL;
        host++;
        bare -= 2;
    }
    size_t port_len = strcspn(port, ":");
    if (port[port_len] != ':')
        return WSK_ERR_INVAL;
    if (!parse_port(port, port_len, &ret->port)) {
        *why = "the port is no number from 1 to 65535";
        return WSK_ERR_INVAL;
    }
    for (const char *s = port + port_len + 1;; s++) {
        size_t len = strcspn(s, ",");

        if (ret->list.n == WSK__ADDRESSES_MAX) {
            *why = "there are more than 32 addresses";
            return WSK_ERR_INVAL;
        }
        if (!parse_address(s, len, ret->port, &ret->list.at[ret->list.n])) {
            *why = "an address is neither one of IPv4 nor of IPv6";
            return WSK_ERR_INVAL;
        }
        ret->list.n++;
        s += len;
        if (*s == 0)
            break;
    }
    wsk__addresses_interleave(&ret->list);
    ret->host = wsk__strndup(hooks, host, bare);
    return ret->host != NULL ? WSK_OK : WSK_ERR_NOMEM;
}

int wsk__resolve_list_init(wsk__resolve_list *ret, const wsk_hooks *hooks, const char *const *texts,
                           const char **why)
{
    size_t n = 0;
    int r = WSK_OK;

    memset(ret, 0, sizeof(*ret));
    while (texts != NULL && texts[n] != NULL)
        n++;
    if (n == 0)
        return WSK_OK;
    ret->at = n > SIZE_MAX / sizeof(*ret->at) ? NULL : wsk__alloc0(hooks, n * sizeof(*ret->at));
    if (ret->at == NULL)
        return WSK_ERR_NOMEM;
    ret->n = n;
    for (size_t i = 0; r == WSK_OK && i < n; i++)
        r = parse(&ret->at[i], hooks, texts[i], why);
    if (r < 0)
        wsk__resolve_list_deinit(ret, hooks);
    return r;
}

void wsk__resolve_list_deinit(wsk__resolve_list *l, const wsk_hooks *hooks)
{
    for (size_t i = 0; i < l->n; i++)
        wsk__free(hooks, l->at[i].host);
    wsk__free(hooks, l->at);
    memset(l, 0, sizeof(*l));
}

bool wsk__resolve_list_find(const wsk__resolve_list *l, const char *host, uint16_t port, int family,
                            wsk__addresses *ret)
{
    for (size_t i = l->n; i-- > 0;) {
        const wsk__resolve_entry *e = &l->at[i];

        if (e->port != port ||
            (strcmp(e->host, "*") != 0 && !wsk__str_ieq(wsk__str(e->host), wsk__str(host))))
            continue;
        memset(ret, 0, sizeof(*ret));
        for (size_t k = 0; k < e->list.n; k++) {
            if (family == 0 || e->list.at[k].any.sa_family == family)
                ret->at[ret->n++] = e->list.at[k];
        }
        return true;
    }
    return false;
}
