/* SPDX-License-Identifier: MIT */
/*
 * Which pages may connect (RFC 6455 10.2): a browser sends the cookies of our host with every
 * handshake, whichever page has asked for it; the Origin field is what tells them apart.
 */
#include <string.h>

#include "http/chars.h"
#include "http/handshake.h"
#include "util/strs.h"

typedef struct origin_parts {
    wsk_str scheme, host, port;
} origin_parts;

/* scheme "://" host [ ":" port ] and nothing else (RFC 6454 6.2); a list, a path or user
 * information is what no browser sends and what a naive comparison could be deceived with. */
static bool origin_split(wsk_str origin, origin_parts *ret)
{
    size_t n = 0;

    while (n < origin.len && (wsk__char_is(origin.ptr[n], WSK__CHAR_HOST)))
        n++;
    if (n == 0 || origin.len - n < 3 || memcmp(origin.ptr + n, "://", 3) != 0)
        return false;
    ret->scheme = wsk__strn(origin.ptr, n);
    return wsk__is_host(wsk__strn(origin.ptr + n + 3, origin.len - n - 3), &ret->host,
                        &ret->port) &&
           wsk__port_number(ret->port, false) <= UINT16_MAX;
}

bool wsk__is_origin(wsk_str s)
{
    origin_parts parts;

    return wsk__str_eq(s, wsk__str("null")) || origin_split(s, &parts);
}

static bool is_https(const origin_parts *o)
{
    return wsk__str_ieq(o->scheme, wsk__str("https"));
}

static bool same_host(wsk_str origin, wsk_str field)
{
    origin_parts o;
    wsk_str host, port;

    /* "null", the origin of sandboxed pages and local files, has no host. */
    if (!origin_split(origin, &o) || !wsk__is_host(field, &host, &port) ||
        !wsk__str_ieq(o.host, host))
        return false;
    return port.len == 0 || wsk__port_number(port, false) == wsk__port_number(o.port, is_https(&o));
}

bool wsk__origin_allowed(const wsk__head *head, wsk_origin_policy policy,
                         const char *const *origins)
{
    const wsk__field *origin = wsk__head_find(head, "Origin", 0), *field;

    if (policy == WSK_ORIGIN_ANY || origin == NULL)
        return true;
    if (wsk__head_find(head, "Origin", 1) != NULL)
        return false;
    if (policy == WSK_ORIGIN_LIST) {
        for (; origins != NULL && *origins != NULL; origins++)
            if (wsk__str_ieq(origin->value, wsk__str(*origins)))
                return true;
        return false;
    }
    field = wsk__head_find(head, "Host", 0);
    return field != NULL && same_host(origin->value, field->value);
}

bool wsk__origin_fits_listener(wsk_str origin, wsk_str field, bool tls, unsigned port)
{
    origin_parts o;
    wsk_str host, host_port;

    if (!origin_split(origin, &o) || !wsk__is_host(field, &host, &host_port))
        return false;
    if (tls && !is_https(&o))
        return false;
    return host_port.len > 0 || port != (tls ? 443u : 80u) ||
           wsk__port_number(o.port, is_https(&o)) == port;
}
