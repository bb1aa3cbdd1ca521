/* SPDX-License-Identifier: MIT */
/* Comparisons of pieces of text. ASCII only, and no locale ever changes what they say. */
#include "util/strs.h"

bool wsk__str_eq(wsk_str a, wsk_str b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

bool wsk__str_ieq(wsk_str a, wsk_str b)
{
    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++) {
        if (wsk__lower(a.ptr[i]) != wsk__lower(b.ptr[i]))
            return false;
    }
    return true;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

wsk_str wsk__str_trim(wsk_str s)
{
    while (s.len > 0 && is_blank(s.ptr[0])) {
        s.ptr++;
        s.len--;
    }
    while (s.len > 0 && is_blank(s.ptr[s.len - 1]))
        s.len--;
    return s;
}

bool wsk__host_without_zone(const char *host, char *ret, size_t cap)
{
    const size_t n = strchr(host, ':') != NULL ? strcspn(host, "%") : strlen(host);

    if (n >= cap)
        return false;
    memcpy(ret, host, n);
    ret[n] = 0;
    return true;
}
