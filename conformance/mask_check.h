/* SPDX-License-Identifier: MIT */
/*
 * Whether the masking keys of a client can have been drawn at random (RFC 6455 5.3). Tests only
 * what a faulty generator shows; each test lets a good one pass but for once in a thousand million
 * times. Knows no frames.
 */
#ifndef CONFORMANCE_MASK_CHECK_H
#define CONFORMANCE_MASK_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* `n` keys of 4 octets, in the order of the wire. False: they are predictable, or there was no
 * memory, and `why` says how. Fewer than 16 say nothing. */
bool judge_masks_look_random(const uint8_t (*keys)[4], size_t n, char why[160]);

#endif
