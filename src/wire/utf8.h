/* SPDX-License-Identifier: MIT */
/*
 * Validation of UTF-8 (RFC 3629, as RFC 6455 section 8.1 asks) that goes on from piece to piece
 * and says no at the first octet that no continuation could mend.
 */
#ifndef WSK_WIRE_UTF8_H
#define WSK_WIRE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Where a text stands between two pieces. 0: between characters. WSK__UTF8_BAD: invalid, for
 * ever. Other values are inside a character. */
typedef uint32_t wsk__utf8_state;
#define WSK__UTF8_START 0u
#define WSK__UTF8_BAD   UINT32_MAX

/*
 * Continues with len octets. Returns len if they are all acceptable, else the index of the
 * first octet that is not (and *state is WSK__UTF8_BAD).
 */
size_t wsk__utf8_check(wsk__utf8_state *state, const uint8_t *data, size_t len);
/* Unmasks (see mask.h) in place and validates in the same pass. Octets behind a bad one may or
 * may not be unmasked. */
size_t wsk__utf8_unmask_check(wsk__utf8_state *state, uint8_t *data, size_t len, uint32_t key,
                              unsigned phase);
/* A whole text. */
bool wsk__utf8_is_valid(const void *data, size_t len);

typedef struct wsk__utf8_kernel {
    const char *name; /* "scalar" (the reference), "word", "sse41", "avx2", "avx512", "neon" */
    size_t (*check)(wsk__utf8_state *state, const uint8_t *data, size_t len);
    size_t (*unmask_check)(wsk__utf8_state *state, uint8_t *data, size_t len, uint32_t key,
                           unsigned phase);
    bool (*usable)(void);
} wsk__utf8_kernel;
/* For tests and benchmarks; NULL behind the last. */
const wsk__utf8_kernel *wsk__utf8_kernel_at(size_t i);

#endif
