/* SPDX-License-Identifier: MIT */
/*
 * What must hold of the head parser for any input: pieces make no difference, nothing beyond the
 * octets that are there is read, and the parts of an accepted head, put together again, are that
 * head. Input: one octet for the size of the pieces (0: whole), one for the limit of the length
 * (0: none), then the head.
 */
#ifndef FUZZ_HEAD_ORACLE_H
#define FUZZ_HEAD_ORACLE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http/head.h"
#include "util/strs.h"

#define ORACLE_FIELDS 16

#define expect(condition)                                                                          \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                        \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

typedef struct oracle_text {
    char *ptr;
    size_t len;
} oracle_text;

static inline void oracle_add(oracle_text *t, const char *s, size_t n)
{
    if (n > 0)
        memcpy(t->ptr + t->len, s, n);
    t->len += n;
}

/* The parts, put together again, but for the white space around values. */
static inline void oracle_check_whole(const wsk__head *h)
{
    const char *p = h->whole.ptr, *end = p + h->whole.len;
    oracle_text t = {malloc(h->whole.len + 64), 0};
    char line[32];

    expect(t.ptr != NULL && h->whole.len >= 4);
    expect(memcmp(end - 4, "\r\n\r\n", 4) == 0);
    for (const char *q = p; q < end; q++) {
        expect(*q != 0);
        expect((*q == '\n') == (q > p && q[-1] == '\r'));
        expect(end - q <= 4 || memcmp(q, "\r\n\r\n", 4) != 0);
        expect((q[0] != ' ' && q[0] != '\t') || q == p || q[-1] != '\n'); /* no folded line */
    }
    /* The start line. */
    if (h->kind == WSK__HEAD_REQUEST) {
        oracle_add(&t, h->method.ptr, h->method.len);
        oracle_add(&t, " ", 1);
        oracle_add(&t, h->target.ptr, h->target.len);
        oracle_add(&t, " HTTP/1.", 8);
        expect(wsk__is_token(h->method));
        expect(h->path.len + h->query.len <= h->target.len + 1);
    } else {
        oracle_add(&t, "HTTP/1.", 7);
        expect(h->status >= 100 && h->status <= 999);
    }
    expect(t.len < h->whole.len && memcmp(t.ptr, p, t.len) == 0);
    expect(h->minor == (p[t.len] == '0' ? 0u : 1u));
    p += t.len + 1;
    if (h->kind == WSK__HEAD_RESPONSE) {
        int n = snprintf(line, sizeof(line), " %u", h->status);

        expect(memcmp(p, line, (size_t)n) == 0);
        p += n;
        while (*p == ' ' || *p == '\t')
            p++;
        expect(h->reason.len == 0 || h->reason.ptr == p);
        p += h->reason.len;
        while (*p == ' ' || *p == '\t')
            p++;
    }
    expect(memcmp(p, "\r\n", 2) == 0);
    p += 2;
    for (size_t i = 0; i < h->n_fields; i++) {
        const wsk__field *f = &h->fields[i];

        expect(wsk__is_token(f->name) && wsk__is_field_value(f->value));
        expect(f->name.ptr == p && p[f->name.len] == ':');
        p += f->name.len + 1;
        while (*p == ' ' || *p == '\t')
            p++;
        expect(f->value.len == 0 || f->value.ptr == p);
        p += f->value.len;
        while (*p == ' ' || *p == '\t')
            p++;
        expect(memcmp(p, "\r\n", 2) == 0);
        p += 2;
    }
    expect(p == end - 2);
    free(t.ptr);
}

static inline void oracle_run(wsk__head_kind kind, const uint8_t *data, size_t size)
{
    wsk__field fields[ORACLE_FIELDS], cut_fields[ORACLE_FIELDS];
    wsk__head head = {.kind = kind, .fields = fields, .max_fields = ORACLE_FIELDS};
    wsk__head cut = {.kind = kind, .fields = cut_fields, .max_fields = ORACLE_FIELDS};
    wsk__refusal refusal = {0, NULL}, cut_refusal = {0, NULL};
    size_t piece, max_len, seen = 0;
    long n, k = 0;

    if (size < 2 || size > 2048)
        return;
    piece = data[0] == 0 ? SIZE_MAX : data[0];
    max_len = data[1] == 0 ? SIZE_MAX : data[1];
    data += 2;
    size -= 2;
    n = wsk__head_parse(&head, (const char *)data, size, 0, max_len, &refusal);
    expect(n >= -1 && n <= (long)size && (n < 0) == (refusal.text != NULL));
    expect(n <= 0 || (size_t)n <= max_len);
    if (n < 0 && kind == WSK__HEAD_REQUEST)
        expect(refusal.status >= 400 && wsk__status_text(refusal.status)[0] != 0);
    if (n > 0)
        oracle_check_whole(&head);
    while (k == 0 && seen < size) {
        size_t fed = size - seen < piece ? size : seen + piece;
        char *copy = malloc(fed); /* so that the sanitizer sees its end */

        expect(copy != NULL);
        memcpy(copy, data, fed);
        k = wsk__head_parse(&cut, copy, fed, seen, max_len, &cut_refusal);
        seen = fed;
        if (k > 0)
            expect(cut.n_fields == head.n_fields && cut.whole.len == head.whole.len &&
                   wsk__str_eq(cut.path, head.path) && wsk__str_eq(cut.query, head.query));
        free(copy);
    }
    expect(k == n && cut_refusal.status == refusal.status && cut_refusal.text == refusal.text);
}

#endif
