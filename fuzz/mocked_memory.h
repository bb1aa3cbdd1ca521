/* SPDX-License-Identifier: MIT */
/*
 * The hooks of a whole server or client that is fuzzed: memory that is counted and runs out when
 * the input says so, random numbers that are always the same, a log that is read. Knows no sockets.
 */
#ifndef FUZZ_MOCKED_MEMORY_H
#define FUZZ_MOCKED_MEMORY_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <websock/conn.h>

#include "util/attr.h"

static struct {
    size_t allocated; /* pieces */
    uint32_t fail_in; /* the so manieth allocation from now fails; 0: none */
} mock_memory;

/* A sanitizer is to see every octet that goes out. */
static volatile unsigned mock_seen;

static WSK__UNCOUNTED void mock_look(const void *buf, size_t n)
{
    for (size_t i = 0; i < n; i++)
        mock_seen += ((const uint8_t *)buf)[i];
}

static void *mock_realloc(void *ud, void *p, size_t n)
{
    (void)ud;
    if (n == 0) {
        mock_memory.allocated -= p != NULL;
        free(p);
        return NULL;
    }
    if (mock_memory.fail_in > 0 && --mock_memory.fail_in == 0)
        return NULL;
    void *q = realloc(p, n);
    mock_memory.allocated += p == NULL && q != NULL;
    return q;
}

static int mock_random(void *ud, void *buf, size_t n)
{
    uint8_t *p = buf;

    (void)ud;
    /* One answer is right to a key that is always the same; masks are different in each place. */
    for (size_t i = 0; i < n; i++)
        p[i] = (uint8_t)(n > 16 ? 0x5A + 31 * i : 0x5A);
    return 0;
}

static void mock_log(void *ud, wsk_log_level level, const char *line)
{
    (void)ud;
    (void)level;
    mock_look(line, strlen(line));
}

static const wsk_hooks mock_hooks = {
    .size = sizeof(wsk_hooks),
    .realloc = mock_realloc,
    .random = mock_random,
    .log = mock_log,
    .log_level = WSK_LOG_DEBUG,
};

#endif
