/* SPDX-License-Identifier: MIT */
/* Text that grows, for heads that go out. Writers need not look at each step: a failure sticks. */
#include "http/handshake.h"

#include <stdio.h>
#include <string.h>

#include "util/mem.h"

/* Room for n octets more and a NUL. */
static bool reserve(wsk__text *t, size_t n)
{
    size_t cap = t->cap ? t->cap : 512;
    char *p;

    if (t->failed)
        return false;
    if (n < t->cap - t->len)
        return true;
    if (n > SIZE_MAX / 4 - t->len) {
        t->failed = true;
        return false;
    }
    while (cap - t->len <= n)
        cap *= 2;
    p = wsk__realloc(t->hooks, t->ptr, cap);
    if (p == NULL) {
        t->failed = true;
        return false;
    }
    t->ptr = p;
    t->cap = cap;
    return true;
}

void wsk__text_addn(wsk__text *t, const void *s, size_t n)
{
    if (!reserve(t, n))
        return;
    if (n > 0)
        memcpy(t->ptr + t->len, s, n);
    t->len += n;
    t->ptr[t->len] = 0;
}

void wsk__text_add(wsk__text *t, const char *s)
{
    wsk__text_addn(t, s, strlen(s));
}

void wsk__text_addf(wsk__text *t, const char *fmt, ...)
{
    va_list args, again;
    int n;

    if (!reserve(t, 0))
        return;
    va_start(args, fmt);
    va_copy(again, args);
    n = vsnprintf(t->ptr + t->len, t->cap - t->len, fmt, args);
    if (n < 0) {
        t->failed = true;
    } else if ((size_t)n < t->cap - t->len) {
        t->len += (size_t)n;
    } else if (reserve(t, (size_t)n)) {
        vsnprintf(t->ptr + t->len, t->cap - t->len, fmt, again);
        t->len += (size_t)n;
    }
    va_end(again);
    va_end(args);
}

void wsk__text_deinit(wsk__text *t)
{
    wsk__free(t->hooks, t->ptr);
    t->ptr = NULL;
    t->len = t->cap = 0;
}
