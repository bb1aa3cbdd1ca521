/* SPDX-License-Identifier: MIT */
/* See connect_text.h. */
#include "connect_text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "escape.h"

static char *reserve(text_buf *b, size_t n)
{
    if (b->failed)
        return NULL;
    if (b->at == NULL || n > b->room - b->len) {
        size_t room = b->room < 128 ? 256 : 2 * b->room;
        if (n > SIZE_MAX / 4 || b->len > SIZE_MAX / 4) {
            b->failed = true;
            return NULL;
        }
        if (room < b->len + n)
            room = b->len + n;
        char *at = realloc(b->at, room);
        if (at == NULL) {
            b->failed = true;
            return NULL;
        }
        b->at = at;
        b->room = room;
    }
    return b->at + b->len;
}

void text_put_n(text_buf *b, const void *s, size_t n)
{
    char *at = n > 0 ? reserve(b, n) : NULL;

    if (at != NULL) {
        memcpy(at, s, n);
        b->len += n;
    }
}

void text_put(text_buf *b, const char *s)
{
    text_put_n(b, s, strlen(s));
}

void text_putf(text_buf *b, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    char *at = n >= 0 ? reserve(b, (size_t)n + 1) : NULL;
    if (at == NULL)
        return;
    va_start(ap, fmt);
    vsnprintf(at, (size_t)n + 1, fmt, ap);
    va_end(ap);
    b->len += (size_t)n;
}

void text_drop(text_buf *b, size_t n)
{
    b->len -= n;
    if (n > 0 && b->len > 0)
        memmove(b->at, b->at + n, b->len);
}

void text_clear(text_buf *b)
{
    b->len = 0;
    b->failed = false;
}

void text_deinit(text_buf *b)
{
    free(b->at);
    memset(b, 0, sizeof(*b));
}

/* ------------------------------------------------------------------------- characters -- */

void text_put_safe(text_buf *b, const void *s, size_t n, const char *indent)
{
    const uint8_t *p = n > 0 ? s : (const void *)"";
    size_t plain = 0; /* begin of what can go as it is */

    for (size_t i = 0; i < n;) {
        uint32_t c = p[i];
        size_t len = escape_decode(p + i, n - i, &c);
        bool stays = len > 0 && (escape_is_printable(c) || (indent != NULL && c == '\t'));
        if (!stays) {
            text_put_n(b, p + plain, i - plain);
            if (indent != NULL && c == '\n' && len > 0) {
                text_put(b, "\n");
                text_put(b, indent);
            } else if (len > 1) {
                text_putf(b, "\\u%04x", (unsigned)c);
            } else {
                text_putf(b, "\\x%02x", p[i]);
            }
        }
        i += len > 0 ? len : 1;
        if (!stays)
            plain = i;
    }
    text_put_n(b, p + plain, n - plain);
}

void text_put_json(text_buf *b, const void *s, size_t n)
{
    const uint8_t *p = n > 0 ? s : (const void *)"";
    size_t plain = 0;

    text_put(b, "\"");
    for (size_t i = 0; i < n;) {
        uint32_t c = p[i];
        size_t len = escape_decode(p + i, n - i, &c);
        bool stays = len > 0 && escape_is_printable(c) && c != '"' && c != '\\';
        if (!stays) {
            text_put_n(b, p + plain, i - plain);
            if (c == '"' || c == '\\')
                text_putf(b, "\\%c", (int)c);
            else if (c == '\n')
                text_put(b, "\\n");
            else if (c == '\t')
                text_put(b, "\\t");
            else
                text_putf(b, "\\u%04x", (unsigned)c); /* none of these is above U+FFFF */
        }
        i += len > 0 ? len : 1;
        if (!stays)
            plain = i;
    }
    text_put_n(b, p + plain, n - plain);
    text_put(b, "\"");
}

/* ------------------------------------------------------------------------- notations -- */

static const char digits[] = "0123456789abcdef";

void text_put_hex(text_buf *b, const void *s, size_t n)
{
    const uint8_t *p = s;
    char *at = n < SIZE_MAX / 2 ? reserve(b, 2 * n) : NULL;

    if (at == NULL)
        return;
    for (size_t i = 0; i < n; i++) {
        *at++ = digits[p[i] >> 4];
        *at++ = digits[p[i] & 15];
    }
    b->len += 2 * n;
}

void text_put_dump(text_buf *b, const void *s, size_t n, const char *indent)
{
    const uint8_t *p = s;

    for (size_t row = 0; row < n; row += 16) {
        char hex[3 * 16 + 2], chars[17];
        size_t h = 0, len = n - row < 16 ? n - row : 16;

        for (size_t i = 0; i < 16; i++) {
            uint8_t c = i < len ? p[row + i] : ' ';
            hex[h++] = ' ';
            if (i == 8)
                hex[h++] = ' ';
            hex[h++] = i < len ? digits[c >> 4] : ' ';
            hex[h++] = i < len ? digits[c & 15] : ' ';
            chars[i] = c >= 0x20 && c < 0x7f ? (char)c : '.';
        }
        hex[h] = 0;
        chars[len] = 0;
        text_putf(b, "%s%08zx %s  |%s|\n", indent, row, hex, chars);
    }
}

void text_put_base64(text_buf *b, const void *s, size_t n)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const uint8_t *p = s;
    char *at = n < SIZE_MAX / 2 ? reserve(b, (n + 2) / 3 * 4) : NULL;

    if (at == NULL)
        return;
    for (size_t i = 0; i < n; i += 3) {
        size_t left = n - i;
        uint32_t v = (uint32_t)p[i] << 16 | (left > 1 ? (uint32_t)p[i + 1] << 8 : 0u) |
                     (left > 2 ? (uint32_t)p[i + 2] : 0u);
        *at++ = letters[v >> 18];
        *at++ = letters[v >> 12 & 63];
        *at++ = left > 1 ? letters[v >> 6 & 63] : '=';
        *at++ = left > 2 ? letters[v & 63] : '=';
    }
    b->len += (n + 2) / 3 * 4;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* What *carry is beside the digit that waits. */
enum {
    WORD_BEGINS = -1,
    WITHIN_WORD = -2,
    ZERO_BEGINS = 16, /* a 0 that waits, and may have an x behind it */
};

bool text_unhex(text_buf *b, const char *s, size_t n, int *carry)
{
    for (size_t i = 0; i < n; i++) {
        if (s[i] == ' ' || (s[i] >= '\t' && s[i] <= '\r')) {
            *carry = *carry < 0 ? WORD_BEGINS : *carry & 15;
            continue;
        }
        if (s[i] == 'x' && *carry == ZERO_BEGINS) {
            *carry = WITHIN_WORD;
            continue;
        }
        int v = hex_digit(s[i]);
        if (v < 0)
            return false;
        if (*carry < 0) {
            *carry = v == 0 && *carry == WORD_BEGINS ? ZERO_BEGINS : v;
            continue;
        }
        uint8_t octet = (uint8_t)((*carry & 15) << 4 | v);
        text_put_n(b, &octet, 1);
        *carry = WITHIN_WORD;
    }
    return true;
}

/* ------------------------------------------------------------------------------ times -- */

static void put_time(text_buf *b, bool utc)
{
    struct timespec now;
    struct tm tm;
    char text[32];

    clock_gettime(CLOCK_REALTIME, &now);
    if (utc)
        gmtime_r(&now.tv_sec, &tm);
    else
        localtime_r(&now.tv_sec, &tm);
    strftime(text, sizeof(text), utc ? "%Y-%m-%dT%H:%M:%S" : "%H:%M:%S", &tm);
    text_putf(b, "%s.%03u%s", text, (unsigned)(now.tv_nsec / 1000000), utc ? "Z" : "");
}

void text_put_clock(text_buf *b)
{
    put_time(b, false);
}

void text_put_utc(text_buf *b)
{
    put_time(b, true);
}
