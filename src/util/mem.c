/* SPDX-License-Identifier: MIT */
/*
 * The defaults behind the hooks: the C library's allocator, OpenSSL's random numbers, no log.
 * Nothing here keeps state, so that two objects in two threads never meet.
 */
#include "util/mem.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/rand.h>

#define LOG_LINE_MAX 512

void *wsk__realloc(const wsk_hooks *hooks, void *p, size_t n)
{
    if (hooks != NULL && hooks->realloc != NULL)
        return hooks->realloc(hooks->ud, p, n);
    return realloc(p, n);
}

void *wsk__alloc(const wsk_hooks *hooks, size_t n)
{
    return wsk__realloc(hooks, NULL, n);
}

void *wsk__alloc0(const wsk_hooks *hooks, size_t n)
{
    /* calloc(3) gets large blocks from the kernel already zeroed and does not touch them. */
    if (hooks == NULL || hooks->realloc == NULL)
        return calloc(1, n);
    void *p = hooks->realloc(hooks->ud, NULL, n);
    if (p != NULL)
        memset(p, 0, n);
    return p;
}

void wsk__free(const wsk_hooks *hooks, void *p)
{
    if (p == NULL)
        return;
    if (hooks != NULL && hooks->realloc != NULL)
        hooks->realloc(hooks->ud, p, 0);
    else
        free(p);
}

char *wsk__strndup(const wsk_hooks *hooks, const char *s, size_t n)
{
    if (n == SIZE_MAX)
        return NULL;
    char *copy = wsk__alloc(hooks, n + 1);
    if (copy == NULL)
        return NULL;
    if (n > 0)
        memcpy(copy, s, n);
    copy[n] = 0;
    return copy;
}

int wsk__random(const wsk_hooks *hooks, void *buf, size_t n)
{
    if (hooks != NULL && hooks->random != NULL)
        return hooks->random(hooks->ud, buf, n) < 0 ? WSK_ERR_SYS : 0;
    unsigned char *p = buf;
    while (n > 0) {
        int part = n > INT_MAX ? INT_MAX : (int)n;
        if (RAND_bytes(p, part) != 1)
            return WSK_ERR_SYS;
        p += part;
        n -= (size_t)part;
    }
    return 0;
}

wsk_hooks wsk__hooks_to_tell(const wsk_hooks *of_loop)
{
    const wsk_hooks hooks = {
        .size = sizeof(hooks), .ud = of_loop->ud, .log = of_loop->log, .log_level = WSK_LOG_ERROR};

    return hooks;
}

bool wsk__log_on(const wsk_hooks *hooks, wsk_log_level level)
{
    return hooks != NULL && hooks->log != NULL && level != WSK_LOG_OFF && level <= hooks->log_level;
}

/*
 * Octets that a peer chose (paths, header values, close reasons) end up in log lines. A newline
 * would let it forge a line, an escape sequence would drive the terminal of whoever reads the
 * log; that goes for the control characters U+0080 to U+009F too.
 */
static void disarm(char *line, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)line[i];
        unsigned char next = (unsigned char)line[i + 1];

        if (c < 0x20 || c == 0x7F)
            line[i] = '?';
        else if (c == 0xC2 && next >= 0x80 && next <= 0x9F)
            line[i] = line[i + 1] = '?';
    }
}

/* The length without a UTF-8 character that the end of the buffer has cut. */
static size_t whole_characters(const char *line, size_t len)
{
    size_t start = len;

    for (size_t back = 1; back <= 4 && back <= len; back++) {
        unsigned char c = (unsigned char)line[len - back];
        if (c < 0x80)
            return len;
        if (c >= 0xC0) {
            size_t wanted = c >= 0xF0 ? 4 : c >= 0xE0 ? 3 : 2;
            start = wanted > back ? len - back : len;
            break;
        }
    }
    return start;
}

void wsk__log(const wsk_hooks *hooks, wsk_log_level level, const char *fmt, ...)
{
    if (!wsk__log_on(hooks, level))
        return;
    char line[LOG_LINE_MAX + 1];
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(line, sizeof(line), fmt, args);
    va_end(args);
    if (n < 0)
        return;
    size_t len = (size_t)n;
    if (len > LOG_LINE_MAX) {
        len = whole_characters(line, LOG_LINE_MAX);
        line[len] = 0;
    }
    disarm(line, len);
    hooks->log(hooks->ud, level, line);
}
