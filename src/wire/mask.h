/* SPDX-License-Identifier: MIT */
/*
 * Masking (RFC 6455 section 5.3): octet i of a payload is XORed with octet i mod 4 of the key.
 *
 * `key` holds the four octets in memory order (memcpy of the wire's). `phase` (0 to 3) is the
 * position modulo 4 of data[0] within the frame's payload. Functions read and write exactly the
 * len octets given, at any alignment.
 */
#ifndef WSK_WIRE_MASK_H
#define WSK_WIRE_MASK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/attr.h"

/* In place. */
void wsk__mask(uint8_t *data, size_t len, uint32_t key, unsigned phase);
/* From src to dst, which must not overlap unless equal. */
void wsk__mask_copy(uint8_t *dst, const uint8_t *src, size_t len, uint32_t key, unsigned phase);

/* For tests and benchmarks: the kernels of this build by name ("scalar", "word", "sse2", "avx2",
 * "avx512", "neon"), from the slowest to the fastest; scalar is the reference. NULL behind the
 * last. `usable` says whether this processor can run it. */
typedef struct wsk__mask_kernel {
    const char *name;
    void (*copy)(uint8_t *dst, const uint8_t *src, size_t len, uint32_t key, unsigned phase);
    bool (*usable)(void);
} wsk__mask_kernel;
const wsk__mask_kernel *wsk__mask_kernel_at(size_t i);

#endif
