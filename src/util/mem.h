/* SPDX-License-Identifier: MIT */
/*
 * Memory, randomness and log lines through the hooks of an object. `hooks` may be NULL
 * everywhere: then the defaults of base.h hold.
 */
#ifndef WSK_UTIL_MEM_H
#define WSK_UTIL_MEM_H

#include <stdarg.h>

#include <websock/base.h>

#include "util/attr.h"

/* n octets, uninitialised; NULL when there are none to be had. n must not be 0. */
void *wsk__alloc(const wsk_hooks *hooks, size_t n);
/* The same, zeroed. */
void *wsk__alloc0(const wsk_hooks *hooks, size_t n);
/* As realloc(3), n not 0. On failure p stays as it is. */
void *wsk__realloc(const wsk_hooks *hooks, void *p, size_t n);
void wsk__free(const wsk_hooks *hooks, void *p);
/* A copy of n octets with a NUL behind them. */
char *wsk__strndup(const wsk_hooks *hooks, const char *s, size_t n);

/* Fills buf from the random hook, or RAND_bytes(3). 0, or negative. */
int wsk__random(const wsk_hooks *hooks, void *buf, size_t n);

/* Hooks for refusals alone of an object that is given none, whose loop has these: by its memory and
 * all else it has nothing to do with them. */
wsk_hooks wsk__hooks_to_tell(const wsk_hooks *of_loop);
/* True if a line of this level would be heard. */
bool wsk__log_on(const wsk_hooks *hooks, wsk_log_level level);
/* Formats a line (cut at 512 octets; control characters from peers are replaced by '?'). */
void wsk__log(const wsk_hooks *hooks, wsk_log_level level, const char *fmt, ...) WSK_PRINTF(3, 4);

#endif
