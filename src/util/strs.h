/* SPDX-License-Identifier: MIT */
/* Small helpers for wsk_str, ASCII only: handshakes know no other alphabet. */
#ifndef WSK_UTIL_STRS_H
#define WSK_UTIL_STRS_H

#include <string.h>

#include <websock/base.h>

static inline wsk_str wsk__str(const char *s)
{
    wsk_str r = {s, s ? strlen(s) : 0};
    return r;
}

static inline wsk_str wsk__strn(const char *s, size_t n)
{
    wsk_str r = {s, n};
    return r;
}

static inline char wsk__lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

/* Equal, octet by octet. */
bool wsk__str_eq(wsk_str a, wsk_str b);
/* Equal without regard to the case of ASCII letters. */
bool wsk__str_ieq(wsk_str a, wsk_str b);
/* A zone (RFC 4007, "fe80::1%eth0") is of this machine only: copies the host without it. False: it
 * does not fit into ret. */
bool wsk__host_without_zone(const char *host, char *ret, size_t cap);
/* s without white space (space, tab) at both ends. */
wsk_str wsk__str_trim(wsk_str s);

#endif
