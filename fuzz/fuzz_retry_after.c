/* SPDX-License-Identifier: MIT */
/*
 * Retry-After against a slow reader of it: each form of a date is tried with each month, years and
 * months are counted one by one. Input: five octets of the time that it is, four of the most that
 * is waited, then the value.
 */
#include <stdio.h>

#include "head_oracle.h"

#include "client/retry_after.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_leap(int year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

/* Days from 1970 to the first of January of that year. */
static int64_t days_before(int year)
{
    int64_t days = 0;

    for (int y = 1970; y < year; y++)
        days += 365 + is_leap(y);
    return days;
}

static int year_of(int64_t now)
{
    int64_t days = now / 86400;
    int year = 1970;

    for (; days >= 365 + is_leap(year); year++)
        days -= 365 + is_leap(year);
    return year;
}

/* 'd': a digit, 's': one or a space, '?': anything. */
static bool is_like(const char *s, size_t n, const char *form)
{
    if (n != strlen(form))
        return false;
    for (size_t i = 0; i < n; i++) {
        bool digit = s[i] >= '0' && s[i] <= '9';
        bool ok = form[i] == 'd'   ? digit
                  : form[i] == 's' ? digit || s[i] == ' '
                                   : form[i] == '?' || form[i] == s[i];

        if (!ok)
            return false;
    }
    return true;
}

static int number(const char *s, size_t n)
{
    char text[8] = "";

    memcpy(text, s, n);
    return (int)strtol(text, NULL, 10); /* behind a space, too */
}

/* RFC 9110 5.6.7, which encourages to be robust: a space is understood where a day has one digit,
 * and a month's 31st where there is none, as the first of the next. */
static bool read_date(const char *s, size_t n, int64_t now, int64_t *ret)
{
    static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    static const struct {
        const char *form; /* with %s for the month */
        size_t day, year, digits, time;
    } forms[] = {
        {"???, sd %s dddd dd:dd:dd GMT", 5, 12, 4, 17},
        {"??? %s sd dd:dd:dd dddd", 8, 20, 4, 11},
        {", sd-%s-dd dd:dd:dd GMT", 2, 9, 2, 12},
    };
    char form[40];
    size_t name = 0;

    /* The name of the day may be as long as it likes where it is not shortened. */
    while (name < n && s[name] != ',')
        name++;
    if (name > 3 && name < n) {
        s += name;
        n -= name;
    }
    for (size_t f = 0; f < 3; f++) {
        for (int month = 0; month < 12; month++) {
            snprintf(form, sizeof(form), forms[f].form, months[month]);
            if (!is_like(s, n, form))
                continue;
            int day = number(s + forms[f].day, 2),
                year = number(s + forms[f].year, forms[f].digits);
            int hour = number(s + forms[f].time, 2), minute = number(s + forms[f].time + 3, 2);
            int second = number(s + forms[f].time + 6, 2);

            if (forms[f].digits == 2) { /* the latest that is not more than 50 years away */
                int last = year_of(now) + 50;
                while (last % 100 != year)
                    last--;
                year = last;
            }
            if (year < 1970 || day < 1 || day > 31 || hour > 23 || minute > 59 || second > 60)
                return false;
            int64_t days = days_before(year) + day - 1;
            for (int m = 0; m < month; m++)
                days += lengths[m] + (m == 1 && is_leap(year));
            *ret = ((days * 24 + hour) * 60 + minute) * 60 + second;
            return true;
        }
    }
    return false;
}

/* In ms. */
static uint32_t reference(const char *s, size_t n, int64_t now, uint32_t most)
{
    int64_t at = 0;
    uint64_t ms = 0;
    size_t i = 0;

    for (; i < n && s[i] >= '0' && s[i] <= '9'; i++) {
        ms = ms * 10 + (uint64_t)(s[i] - '0') * 1000;
        if (ms > UINT64_C(1) << 50)
            ms = UINT64_C(1) << 50;
    }
    if (i > 0 && i == n)
        return ms < most ? (uint32_t)ms : most;
    /* The names of days begin with letters. */
    if (i > 0 || !read_date(s, n, now, &at) || at <= now)
        return 0;
    ms = (uint64_t)(at - now) * 1000;
    return ms < most ? (uint32_t)ms : most;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint64_t now = 0;
    uint32_t most = 0;

    if (size < 9 || size > 200)
        return 0;
    for (int i = 0; i < 5; i++)
        now = now << 8 | data[i];
    now %= UINT64_C(253402300800); /* to the year 9999 */
    for (int i = 5; i < 9; i++)
        most = most << 8 | data[i];
    wsk_str value = wsk__strn((const char *)data + 9, size - 9);
    expect(wsk__retry_after(value, (time_t)now, most) ==
           reference(value.ptr, value.len, (int64_t)now, most));
    return 0;
}
