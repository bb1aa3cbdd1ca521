/* SPDX-License-Identifier: MIT */
/* See retry_after.h. */
#include "client/retry_after.h"

#include <string.h>

/* The number that n digits say; -1 if they are none. */
static int digits(const char *s, size_t n)
{
    int value = 0;

    for (size_t i = 0; i < n; i++) {
        if (s[i] < '0' || s[i] > '9')
            return -1;
        value = value * 10 + (s[i] - '0');
    }
    return value;
}

/* RFC 9110 5.6.7: "Sun, 06 Nov 1994 08:49:37 GMT". Servers must not write the obsolete forms. The
 * name of the day adds nothing. -1: none. */
static time_t parse_date(wsk_str v)
{
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    static const char form[] = "aaa, dd aaa dddd dd:dd:dd GMT";
    struct tm tm;

    if (v.len != sizeof(form) - 1)
        return -1;
    for (size_t i = 0; i < v.len; i++) {
        if (form[i] != 'a' && form[i] != 'd' && form[i] != v.ptr[i])
            return -1;
    }
    memset(&tm, 0, sizeof(tm));
    tm.tm_mon = -1;
    for (int i = 0; i < 12; i++) {
        if (memcmp(v.ptr + 8, months + (size_t)i * 3, 3) == 0)
            tm.tm_mon = i;
    }
    int year = digits(v.ptr + 12, 4);
    tm.tm_mday = digits(v.ptr + 5, 2);
    tm.tm_hour = digits(v.ptr + 17, 2);
    tm.tm_min = digits(v.ptr + 20, 2);
    tm.tm_sec = digits(v.ptr + 23, 2);
    if (tm.tm_mon < 0 || year < 1970 || tm.tm_mday < 1 || tm.tm_mday > 31 || tm.tm_hour < 0 ||
        tm.tm_hour > 23 || tm.tm_min < 0 || tm.tm_min > 59 || tm.tm_sec < 0 || tm.tm_sec > 60)
        return -1;
    tm.tm_year = year - 1900;
    return timegm(&tm);
}

uint32_t wsk__retry_after(wsk_str value, time_t now, uint32_t most)
{
    uint64_t seconds = 0;
    time_t at;

    if (value.len == 0)
        return 0;
    if (value.ptr[0] >= '0' && value.ptr[0] <= '9') {
        for (size_t i = 0; i < value.len; i++) {
            if (value.ptr[i] < '0' || value.ptr[i] > '9')
                return 0;
            if (seconds <= most)
                seconds = seconds * 10 + (uint64_t)(value.ptr[i] - '0');
        }
    } else {
        at = parse_date(value);
        seconds = at > now ? (uint64_t)(at - now) : 0;
    }
    return seconds > most / 1000 ? most : (uint32_t)seconds * 1000;
}
