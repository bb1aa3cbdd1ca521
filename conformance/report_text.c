/* SPDX-License-Identifier: MIT */
/* Escapes, cuts and number formats of the reports. Knows no files and no layout. */
#include "conformance/report_text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* -------------------------------------------------------------------------------- buffer -- */

void judge_buf_deinit(judge_buf *b)
{
    free(b->at);
    *b = (judge_buf){0};
}

void judge_buf_clear(judge_buf *b)
{
    b->len = 0;
    if (b->at)
        b->at[0] = 0;
}

static bool reserve(judge_buf *b, size_t n)
{
    if (b->failed)
        return false;
    if (b->size - b->len > n)
        return true;
    size_t size = b->size ? b->size : 256;
    while (size - b->len <= n) {
        if (size > SIZE_MAX / 2) {
            b->failed = true;
            return false;
        }
        size *= 2;
    }
    char *at = realloc(b->at, size);
    if (!at) {
        b->failed = true;
        return false;
    }
    b->at = at;
    b->size = size;
    return true;
}

void judge_buf_put(judge_buf *b, const void *data, size_t n)
{
    if (!reserve(b, n))
        return;
    if (n)
        memcpy(b->at + b->len, data, n);
    b->len += n;
    b->at[b->len] = 0;
}

void judge_buf_str(judge_buf *b, const char *s)
{
    judge_buf_put(b, s, strlen(s));
}

void judge_buf_printf(judge_buf *b, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    if (n < 0 || !reserve(b, (size_t)n)) {
        b->failed = true;
        return;
    }
    va_start(ap, fmt);
    vsnprintf(b->at + b->len, (size_t)n + 1, fmt, ap);
    va_end(ap);
    b->len += (size_t)n;
}

/* --------------------------------------------------------------------------------- UTF-8 -- */

size_t judge_utf8_next(const void *p, size_t n, uint32_t *ret_code)
{
    const uint8_t *s = p;
    if (n == 0)
        return 0;
    if (s[0] < 0x80) {
        *ret_code = s[0];
        return 1;
    }
    size_t len = s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;
    if (s[0] < 0xc2 || s[0] > 0xf4 || n < len)
        return 0;
    uint32_t code = s[0] & (0x7fu >> len);
    for (size_t i = 1; i < len; i++) {
        if ((s[i] & 0xc0) != 0x80)
            return 0;
        code = code << 6 | (s[i] & 0x3fu);
    }
    /* RFC 3629 3: neither longer than needed nor surrogates nor beyond U+10FFFF. */
    if ((len == 3 && code < 0x800) || (len == 4 && code < 0x10000) || code > 0x10ffff ||
        (code >= 0xd800 && code < 0xe000))
        return 0;
    *ret_code = code;
    return len;
}

bool judge_utf8_is_valid(const void *p, size_t n)
{
    const uint8_t *s = p;
    for (size_t i = 0; i < n;) {
        uint32_t code;
        size_t len = judge_utf8_next(s + i, n - i, &code);
        if (len == 0)
            return false;
        i += len;
    }
    return true;
}

void judge_utf8_put(judge_buf *b, uint32_t code)
{
    char s[4];
    if (code < 0x80) {
        s[0] = (char)code;
        judge_buf_put(b, s, 1);
    } else if (code < 0x800) {
        s[0] = (char)(0xc0 | code >> 6);
        s[1] = (char)(0x80 | (code & 0x3f));
        judge_buf_put(b, s, 2);
    } else if (code < 0x10000) {
        s[0] = (char)(0xe0 | code >> 12);
        s[1] = (char)(0x80 | (code >> 6 & 0x3f));
        s[2] = (char)(0x80 | (code & 0x3f));
        judge_buf_put(b, s, 3);
    } else {
        s[0] = (char)(0xf0 | code >> 18);
        s[1] = (char)(0x80 | (code >> 12 & 0x3f));
        s[2] = (char)(0x80 | (code >> 6 & 0x3f));
        s[3] = (char)(0x80 | (code & 0x3f));
        judge_buf_put(b, s, 4);
    }
}

/* The next character of anything: UTF-8, or else the octet as Latin-1. */
static size_t next_char(const char *s, size_t n, uint32_t *ret_code, bool *ret_valid)
{
    size_t len = judge_utf8_next(s, n, ret_code);
    *ret_valid = len > 0;
    if (len > 0)
        return len;
    *ret_code = (uint8_t)s[0];
    return 1;
}

void judge_put_clean(judge_buf *b, const char *s, size_t n)
{
    for (size_t i = 0; i < n;) {
        uint32_t code;
        bool valid;
        i += next_char(s + i, n - i, &code, &valid);
        judge_utf8_put(b, code);
    }
}

/* ------------------------------------------------------------------------------- escapes -- */

/* Characters that show nothing themselves but change how others are shown. */
static bool is_treacherous(uint32_t c)
{
    return (c >= 0x7f && c < 0xa0) || (c >= 0x200b && c <= 0x200f) ||
           (c >= 0x2028 && c <= 0x202e) || (c >= 0x2060 && c <= 0x206f) || c == 0xfeff ||
           (c >= 0xfff9 && c <= 0xfffb) || c == 0x061c;
}

static void put_markup(judge_buf *b, const char *s, size_t n)
{
    for (size_t i = 0; i < n;) {
        uint32_t code;
        bool valid;
        i += next_char(s + i, n - i, &code, &valid);
        switch (code) {
        case '&':
            judge_buf_str(b, "&amp;");
            break;
        case '<':
            judge_buf_str(b, "&lt;");
            break;
        case '>':
            judge_buf_str(b, "&gt;");
            break;
        case '"':
            judge_buf_str(b, "&quot;");
            break;
        case '\'':
            judge_buf_str(b, "&#39;");
            break;
        case '\n':
        case '\t':
            judge_utf8_put(b, code);
            break;
        case '\r':
            break;
        default:
            if (!valid)
                judge_buf_printf(b, "\\x%02x", (unsigned)code);
            else if (code < 0x20)
                judge_utf8_put(b, 0x2400 + code); /* the pictures of control characters */
            else if (is_treacherous(code) || (code & 0xfffe) == 0xfffe)
                judge_buf_printf(b, "\\u{%x}", (unsigned)code);
            else
                judge_utf8_put(b, code);
            break;
        }
    }
}

void judge_put_html_n(judge_buf *b, const char *s, size_t n)
{
    put_markup(b, s, n);
}

void judge_put_html(judge_buf *b, const char *s)
{
    put_markup(b, s, strlen(s));
}

void judge_put_xml(judge_buf *b, const char *s)
{
    put_markup(b, s, strlen(s));
}

void judge_put_json(judge_buf *b, const char *s, size_t n)
{
    judge_buf_put(b, "\"", 1);
    for (size_t i = 0; i < n;) {
        uint32_t code;
        bool valid;
        i += next_char(s + i, n - i, &code, &valid);
        switch (code) {
        case '"':
            judge_buf_str(b, "\\\"");
            break;
        case '\\':
            judge_buf_str(b, "\\\\");
            break;
        case '\n':
            judge_buf_str(b, "\\n");
            break;
        case '\r':
            judge_buf_str(b, "\\r");
            break;
        case '\t':
            judge_buf_str(b, "\\t");
            break;
        case '\b':
            judge_buf_str(b, "\\b");
            break;
        case '\f':
            judge_buf_str(b, "\\f");
            break;
        default:
            if (code >= 0x20 && code < 0x7f) {
                char c = (char)code;
                judge_buf_put(b, &c, 1);
            } else if (code < 0x10000) {
                judge_buf_printf(b, "\\u%04x", (unsigned)code);
            } else {
                code -= 0x10000;
                judge_buf_printf(b, "\\u%04x\\u%04x", 0xd800 + (unsigned)(code >> 10),
                                 0xdc00 + (unsigned)(code & 0x3ff));
            }
            break;
        }
    }
    judge_buf_put(b, "\"", 1);
}

/* ------------------------------------------------------------------------------- numbers -- */

void judge_put_float(judge_buf *b, double v)
{
    if (v == 0) {
        judge_buf_str(b, "0.0");
        return;
    }
    char s[40];
    for (int digits = 0; digits <= 16; digits++) {
        snprintf(s, sizeof s, "%.*e", digits, v);
        if (strtod(s, NULL) == v)
            break;
    }
    /* s is "d.ddde-05": take it apart. */
    char digits[24];
    size_t n = 0;
    const char *p = s;
    if (*p == '-') {
        judge_buf_str(b, "-");
        p++;
    }
    for (; *p && *p != 'e'; p++)
        if (*p >= '0' && *p <= '9' && n < sizeof digits)
            digits[n++] = *p;
    if (*p != 'e') { /* infinite, or no number: JSON has no word for it */
        judge_buf_str(b, "null");
        return;
    }
    int exponent = (int)strtol(p + 1, NULL, 10);
    if (exponent < -4 || exponent >= 16) {
        judge_buf_put(b, digits, 1);
        if (n > 1) {
            judge_buf_str(b, ".");
            judge_buf_put(b, digits + 1, n - 1);
        }
        judge_buf_printf(b, "e%c%02d", exponent < 0 ? '-' : '+', abs(exponent));
    } else if (exponent < 0) {
        judge_buf_printf(b, "0.%.*s", -exponent - 1, "000");
        judge_buf_put(b, digits, n);
    } else {
        size_t whole = (size_t)exponent + 1;
        for (size_t i = 0; i < whole; i++)
            judge_buf_put(b, i < n ? &digits[i] : "0", 1);
        judge_buf_str(b, ".");
        if (n > whole)
            judge_buf_put(b, digits + whole, n - whole);
        else
            judge_buf_str(b, "0");
    }
}

/* -------------------------------------------------------------------------------- octets -- */

/* A log entry longer than this is marked as cut, even if all of it is there. */
enum { MARKED_FROM = 61 };

static void put_hex(judge_buf *b, const judge_octets *o)
{
    char hex[2 * sizeof o->head + 1];
    for (size_t i = 0; i < o->kept; i++)
        snprintf(hex + 2 * i, 3, "%02x", o->head[i]);
    judge_buf_put(b, hex, 2 * (size_t)o->kept);
}

void judge_put_as_text(judge_buf *b, const judge_octets *o)
{
    if (judge_utf8_is_valid(o->head, o->kept)) {
        judge_buf_put(b, o->head, o->kept);
    } else {
        judge_buf_str(b, "0x");
        put_hex(b, o);
    }
    if (o->len >= MARKED_FROM)
        judge_buf_str(b, " ...");
}

void judge_put_as_hex(judge_buf *b, const judge_octets *o)
{
    put_hex(b, o);
    if (o->len >= MARKED_FROM)
        judge_buf_str(b, " ...");
}

/* --------------------------------------------------------------------------------- names -- */

void judge_slug(char ret[JUDGE_SLUG_SIZE], const char *agent)
{
    /* A character, not an octet, becomes one '_': what is no letter at both ends is dropped. */
    size_t n = 0, end = 0, len = strlen(agent);
    bool begun = false;
    for (size_t i = 0; i < len && n < JUDGE_SLUG_SIZE - 1;) {
        uint32_t code;
        bool valid;
        i += next_char(agent + i, len - i, &code, &valid);
        if (code >= 'A' && code <= 'Z')
            code += 'a' - 'A';
        bool keep = (code >= 'a' && code <= 'z') || (code >= '0' && code <= '9');
        begun = begun || keep;
        if (!begun)
            continue;
        ret[n++] = keep ? (char)code : '_';
        if (keep)
            end = n;
    }
    ret[end] = 0;
}

void judge_id_slug(char ret[16], const char *id)
{
    size_t n = 0;
    for (; id[n] && n < 15; n++)
        ret[n] = id[n] >= '0' && id[n] <= '9' ? id[n] : '_';
    ret[n] = 0;
}

void judge_time(char ret[JUDGE_TIME_SIZE], int64_t ms)
{
    time_t seconds = (time_t)(ms / 1000);
    struct tm tm;
    if (ms < 0 || !gmtime_r(&seconds, &tm) || tm.tm_year > 8099)
        memset(&tm, 0, sizeof tm);
    size_t n = strftime(ret, JUDGE_TIME_SIZE, "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(ret + n, JUDGE_TIME_SIZE - n, ".%03dZ", (int)(ms < 0 ? 0 : ms % 1000));
}

int judge_id_compare(const char *a, const char *b)
{
    for (;;) {
        char *end_a, *end_b;
        unsigned long x = strtoul(a, &end_a, 10), y = strtoul(b, &end_b, 10);
        if (x != y)
            return x < y ? -1 : 1;
        if (*end_a != '.' || *end_b != '.')
            return (*end_a == '.') - (*end_b == '.');
        a = end_a + 1;
        b = end_b + 1;
    }
}
