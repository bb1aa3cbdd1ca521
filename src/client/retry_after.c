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

/* 'd' stands for a digit, which whoever reads the number looks at, 's' for one or a space, 'a' for
 * anything. */
static bool has_form(wsk_str v, const char *form)
{
    if (v.len != strlen(form))
        return false;
    for (size_t i = 0; i < v.len; i++) {
        if (form[i] == 's' ? v.ptr[i] != ' ' && digits(v.ptr + i, 1) < 0
                           : form[i] != 'a' && form[i] != 'd' && form[i] != v.ptr[i])
            return false;
    }
    return true;
}

/* Of two digits: no more than 50 years after now. */
static int whole_year(int year, time_t now)
{
    struct tm tm;

    if (year < 0 || gmtime_r(&now, &tm) == NULL)
        return -1;
    int last = tm.tm_year + 1900 + 50;
    return last - (last - year) % 100;
}

/* RFC 9110 5.6.7: servers write the first form, the other two are to be understood all the same.
 * The name of the day adds nothing. -1: none. */
static time_t parse_date(wsk_str v, time_t now)
{
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    static const struct {
        const char *form;
        uint8_t day, month, year, year_len, time; /* where these stand */
    } forms[] = {
        {"aaa, dd aaa dddd dd:dd:dd GMT", 5, 8, 12, 4, 17},
        {"aaa aaa sd dd:dd:dd dddd", 8, 4, 20, 4, 11},
        {", dd-aaa-dd dd:dd:dd GMT", 2, 5, 9, 2, 12}, /* behind the name */
    };
    const char *comma = memchr(v.ptr, ',', v.len);
    size_t k = 0, name = comma != NULL ? (size_t)(comma - v.ptr) : 0;
    struct tm tm;

    if (name > 3)
        v = (wsk_str){comma, v.len - name};
    while (k < 3 && !has_form(v, forms[k].form))
        k++;
    if (k == 3)
        return -1;
    memset(&tm, 0, sizeof(tm));
    tm.tm_mon = -1;
    for (int i = 0; i < 12; i++) {
        if (memcmp(v.ptr + forms[k].month, months + (size_t)i * 3, 3) == 0)
            tm.tm_mon = i;
    }
    const char *day = v.ptr + forms[k].day, *time = v.ptr + forms[k].time;
    int year = digits(v.ptr + forms[k].year, forms[k].year_len);
    if (forms[k].year_len == 2)
        year = whole_year(year, now);
    tm.tm_mday = *day == ' ' ? digits(day + 1, 1) : digits(day, 2);
    tm.tm_hour = digits(time, 2);
    tm.tm_min = digits(time + 3, 2);
    tm.tm_sec = digits(time + 6, 2);
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
        at = parse_date(value, now);
        seconds = at > now ? (uint64_t)(at - now) : 0;
    }
    return seconds > most / 1000 ? most : (uint32_t)seconds * 1000;
}
