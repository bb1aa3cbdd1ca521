/* SPDX-License-Identifier: MIT */
/*
 * The begin of the body of a response that refuses the handshake: it often says why, and the
 * program may want to show it. Nothing depends on it, so that a body which breaks a rule just
 * ends, as does one that takes too long.
 */
#include <string.h>

#include "conn/conn_internal.h"
#include "util/strs.h"

/* With the lines around chunks (RFC 9112 7.1), which a server may make as long as it likes. */
#define OCTETS_MAX (4 * WSK__BODY_MAX)

enum { SIZE_BEGIN, SIZE, EXTENSION, SIZE_LF, DATA, DATA_CR, DATA_LF };

static bool parse_length(wsk_str s, uint64_t *ret)
{
    uint64_t n = 0;

    if (s.len == 0 || s.len > 18)
        return false;
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] < '0' || s.ptr[i] > '9')
            return false;
        n = n * 10 + (uint64_t)(s.ptr[i] - '0');
    }
    *ret = n;
    return true;
}

void wsk__body_begin(wsk_conn *c, const char *why)
{
    wsk__opening *op = c->w->opening;
    const wsk__field *length = wsk__head_find(&op->head, "Content-Length", 0);
    wsk__body *b;

    /* RFC 9112 6.3 */
    b = c->status < 200 || c->status == 204 || c->status == 304
            ? NULL
            : wsk__alloc0(c->env->cfg->hooks, sizeof(*b));
    if (b == NULL) {
        wsk__fail_silently(c, why);
        return;
    }
    b->why = why;
    b->chunked = wsk__head_has_token(&op->head, "Transfer-Encoding", "chunked");
    b->to_the_end = !b->chunked && (length == NULL || !parse_length(length->value, &b->left));
    op->body = b;
    c->phase = WSK__PHASE_BODY;
    c->w->t_msg = c->t_data; /* when the handshake began; there are no messages yet */
    wsk__begin_data(c);
    if (!b->chunked && !b->to_the_end && b->left == 0)
        wsk__body_end(c);
}

void wsk__body_end(wsk_conn *c)
{
    wsk__fail_silently(c, c->w->opening->body->why);
}

static size_t keep(wsk__body *b, const uint8_t *p, size_t n)
{
    if (n > WSK__BODY_MAX - b->len)
        n = WSK__BODY_MAX - b->len;
    memcpy(b->data + b->len, p, n);
    b->len += n;
    return n;
}

static int hex_value(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* An octet of the lines around chunks. False: this was the last one, or makes no sense. */
static bool take_line(wsk__body *b, uint8_t c)
{
    int digit = hex_value(c);

    switch (b->state) {
    case SIZE_BEGIN:
        b->left = 0;
        b->state = SIZE;
        if (digit < 0)
            return false;
        WSK__FALLTHROUGH;
    case SIZE:
        if (digit >= 0) {
            b->left = b->left << 4 | (uint64_t)digit;
            return b->left < UINT32_MAX;
        }
        b->state = c == '\r' ? SIZE_LF : EXTENSION;
        return c == '\r' || c == ';' || c == ' ' || c == '\t';
    case EXTENSION:
        if (c == '\r')
            b->state = SIZE_LF;
        return true;
    case SIZE_LF:
        b->state = DATA;
        return c == '\n' && b->left > 0;
    case DATA_CR:
        b->state = DATA_LF;
        return c == '\r';
    default:
        b->state = SIZE_BEGIN;
        return c == '\n';
    }
}

/* False: the end. */
static bool take_chunked(wsk__body *b, const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n;) {
        if (b->state != DATA) {
            if (!take_line(b, p[i++]))
                return false;
            continue;
        }
        size_t k = n - i < b->left ? n - i : (size_t)b->left;
        if (keep(b, p + i, k) < k)
            return false;
        b->left -= k;
        i += k;
        if (b->left == 0)
            b->state = DATA_CR;
    }
    return true;
}

/* False: the end. */
static bool take(wsk__body *b, const uint8_t *p, size_t n)
{
    b->octets += n;
    if (b->chunked) {
        if (!take_chunked(b, p, n))
            return false;
    } else if (b->to_the_end || n < b->left) {
        (void)keep(b, p, n);
        b->left -= b->to_the_end ? 0 : n;
    } else {
        (void)keep(b, p, (size_t)b->left);
        return false;
    }
    return b->len < WSK__BODY_MAX && b->octets < OCTETS_MAX;
}

void wsk__body_next(wsk_conn *c)
{
    wsk__body *b = c->w->opening->body;
    size_t n;

    for (;;) {
        const uint8_t *p = wsk__input(c, &n);
        if (n == 0)
            break;
        bool more = take(b, p, n);
        wsk__input_used(c, n);
        if (!more) {
            wsk__body_end(c);
            return;
        }
    }
    if (c->eof)
        wsk__body_end(c);
}

wsk_str wsk_conn_body(const wsk_conn *c)
{
    const wsk__body *b = c->w->opening != NULL ? c->w->opening->body : NULL;

    return b != NULL && b->len > 0 ? wsk__strn((const char *)b->data, b->len) : wsk__strn(NULL, 0);
}
