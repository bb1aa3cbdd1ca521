/* SPDX-License-Identifier: MIT */
/*
 * Frame headers (RFC 6455 section 5.2): octets to fields and back. Holds no state and no payload.
 *
 *    0                   1                   2                   3
 *    0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *   +-+-+-+-+-------+-+-------------+-------------------------------+
 *   |F|R|R|R| opcode|M| length      | 16 or 64 bits of length,      |
 *   |I|S|S|S|  (4)  |A|     (7)     | when the 7 bits say 126, 127  |
 *   |N|V|V|V|       |S|             |                               |
 *   | |1|2|3|       |K|             | masking key, when MASK is set |
 *   +-+-+-+-+-------+-+-------------+-------------------------------+
 */
#ifndef WSK_WIRE_FRAME_H
#define WSK_WIRE_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/rules.h"

#define WSK__FRAME_HEAD_MAX 14
#define WSK__CONTROL_MAX    125
#define WSK__FIN            0x80u
#define WSK__RSV_MASK       0x70u

/* What the receiver knows when a frame begins. */
typedef struct wsk__frame_context {
    bool expect_mask; /* we are the server */
    bool in_message;  /* a fragmented message is unfinished */
    uint8_t rsv;      /* bits that extensions claimed for first frames of messages */
    uint64_t max_len; /* of a data frame */
    uint64_t budget;  /* what the message may still grow by, as on the wire */
} wsk__frame_context;

typedef struct wsk__frame {
    uint64_t len; /* of the payload */
    uint32_t key; /* in memory order, 0 when not masked */
    uint8_t head_len;
    uint8_t opcode;
    uint8_t rsv; /* as in the first octet: 0x40, 0x20, 0x10 */
    bool fin;
    bool masked;
} wsk__frame;

/*
 * Looks at the first n octets of a frame. Returns 1 when the header is complete (*ret is set), 0
 * when more octets are needed (*ret_need is how many there must be at least), -1 when the octets
 * that are there break a rule, however little that is (*ret_rule).
 */
int wsk__frame_parse(const uint8_t *p, size_t n, const wsk__frame_context *ctx, wsk__frame *ret,
                     size_t *ret_need, wsk__rule *ret_rule);

/* Length of a header for such a payload. */
static inline size_t wsk__frame_head_len(uint64_t len, bool masked)
{
    return (len < 126 ? 2u : len < 65536 ? 4u : 10u) + (masked ? 4u : 0u);
}

/* Writes a header of wsk__frame_head_len() octets to p: first is FIN, RSV and opcode. key is only
 * read if masked. */
void wsk__frame_write(uint8_t *p, uint8_t first, uint64_t len, bool masked, uint32_t key);

#endif
