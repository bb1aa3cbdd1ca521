/* SPDX-License-Identifier: MIT */
/*
 * What a peer or a user wrote, where something else reads it: which characters a terminal would
 * obey, and what HTML and XML would. Knows no buffers: who puts text together asks it.
 */
#ifndef CLI_ESCAPE_H
#define CLI_ESCAPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The length of the valid UTF-8 sequence at s and its code point, or 0 (RFC 3629). n is at least
 * 1. Slow and simple. */
size_t escape_decode(const uint8_t *s, size_t n, uint32_t *ret_code);

/* False for control characters (C0, C1, DEL) and the marks that turn the direction of text, which
 * a terminal obeys. */
bool escape_is_printable(uint32_t code);

/* The entity for c in text and quoted attributes of HTML and XML, or NULL if c stays. */
const char *escape_entity(char c);

#endif
