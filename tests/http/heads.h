/* SPDX-License-Identifier: MIT */
/* Heads for tests: text in, parsed head out, in a buffer that ends at a guard page. */
#ifndef TESTS_HTTP_HEADS_H
#define TESTS_HTTP_HEADS_H

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "support.h"

#include "http/head.h"

#define MAX_TEST_FIELDS 64

typedef struct test_head {
    wsk__head head;
    wsk__field fields[MAX_TEST_FIELDS];
    uint8_t *octets;
    size_t len;
} test_head;

/* The text must be a whole head in order. */
static inline void test_head_parse(test_head *t, wsk__head_kind kind, const char *text, size_t len)
{
    wsk__refusal refusal = {0, NULL};

    memset(t, 0, sizeof(*t));
    t->head.kind = kind;
    t->head.fields = t->fields;
    t->head.max_fields = MAX_TEST_FIELDS;
    t->octets = guard_copy(text, len);
    t->len = len;
    if (wsk__head_parse(&t->head, (char *)t->octets, len, 0, SIZE_MAX, &refusal) != (long)len)
        fail_msg("not a whole head (%s): %.*s", refusal.text ? refusal.text : "no refusal",
                 (int)len, text);
}

static inline void test_head_free(test_head *t)
{
    guard_free(t->octets, t->len);
}

static inline bool str_is(wsk_str s, const char *text)
{
    return s.len == strlen(text) && (s.len == 0 || memcmp(s.ptr, text, s.len) == 0);
}

#define assert_str(s, text)                                                                        \
    do {                                                                                           \
        wsk_str str_ = (s);                                                                        \
        if (!str_is(str_, (text)))                                                                 \
            fail_msg("\"%.*s\" is not \"%s\"", (int)str_.len, str_.len ? str_.ptr : "", (text));   \
    } while (0)

/* Adds to a text of n octets; returns its new length. It must fit. */
static inline size_t append(char *text, size_t room, size_t n, const char *fmt, ...)
    WSK_PRINTF(4, 5);
static inline size_t append(char *text, size_t room, size_t n, const char *fmt, ...)
{
    va_list args;
    int k;

    va_start(args, fmt);
    k = vsnprintf(text + n, room - n, fmt, args);
    va_end(args);
    if (k < 0 || (size_t)k >= room - n)
        fail_msg("no room for %d octets", k);
    return n + (size_t)k;
}

/* Seconds of processor time. */
static inline double cpu_seconds(void)
{
    return (double)clock() / CLOCKS_PER_SEC;
}

/*
 * What linear code may take for one MiB, even under sanitizers and valgrind; quadratic code
 * takes minutes.
 */
#define LINEAR_SECONDS 5.0

#endif
