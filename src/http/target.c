/* SPDX-License-Identifier: MIT */
/* The forms of a request target (RFC 9112 3.2). */
#include "http/head.h"

#include "http/chars.h"
#include "util/attr.h"
#include "util/strs.h"

/* The length of "scheme://" if it is one that may stand in an absolute form, or 0. */
static size_t scheme_len(wsk_str target)
{
    static const char *const schemes[] = {"http://", "https://", "ws://", "wss://"};

    for (size_t i = 0; i < WSK__COUNT(schemes); i++) {
        wsk_str s = wsk__str(schemes[i]);

        if (target.len >= s.len && wsk__str_ieq(wsk__strn(target.ptr, s.len), s))
            return s.len;
    }
    return 0;
}

const char *wsk__target_split(wsk_str method, wsk_str target, wsk_str *ret_path, wsk_str *ret_query,
                              wsk_str *ret_authority)
{
    wsk_str path = target, query = {NULL, 0}, authority = {NULL, 0};
    bool is_absolute = false;
    size_t n;

    if (wsk__str_eq(method, wsk__str("CONNECT"))) {
        if (!wsk__is_host(target, NULL, NULL))
            return "the request target is not HOST:PORT";
        authority = target;
        path.len = 0;
    } else if (wsk__str_eq(target, wsk__str("*"))) {
        /* "PRI *" begins the preface of HTTP/2 (RFC 9113 3.4): its version is what is wrong. */
        if (!wsk__str_eq(method, wsk__str("OPTIONS")) && !wsk__str_eq(method, wsk__str("PRI")))
            return "the request target * is for OPTIONS only";
    } else if (target.len == 0 || target.ptr[0] != '/') {
        n = scheme_len(target);
        if (n == 0)
            return "the request target is neither a path nor an http URI";
        authority.ptr = target.ptr + n;
        while (n < target.len && target.ptr[n] != '/' && target.ptr[n] != '?')
            n++;
        authority.len = n - (size_t)(authority.ptr - target.ptr);
        /* No user information either: RFC 9110 4.2.4 takes it for an attempt to deceive. */
        if (!wsk__is_host(authority, NULL, NULL))
            return "the host in the request target is malformed";
        path = wsk__strn(target.ptr + n, target.len - n);
        is_absolute = true;
    }
    /* Decoders disagree about a stray "%". */
    if (!wsk__percent_is_valid(path))
        return "the request target has a malformed percent-encoding";
    for (n = 0; n < path.len && path.ptr[n] != '?';)
        n++;
    if (n < path.len) {
        query = wsk__strn(path.ptr + n + 1, path.len - n - 1);
        path.len = n;
    }
    if (path.len == 0 && is_absolute)
        path = wsk__str("/"); /* RFC 3986 6.2.3: the same as an empty one */
    *ret_path = path;
    *ret_query = query;
    *ret_authority = authority;
    return NULL;
}
