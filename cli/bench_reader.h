/* SPDX-License-Identifier: MIT */
/*
 * Checks what comes back on one connection, cut wherever it may be: octets that are just the
 * expected frames are compared as a whole; everything else (fragments, other lengths of headers,
 * control frames, compressed messages) goes through a parser. Knows no sockets.
 */
#ifndef CLI_BENCH_READER_H
#define CLI_BENCH_READER_H

#include <string.h>

#include "bench_plan.h"
#include "util/attr.h"
#include "wire/frame.h"

typedef struct bench_inflater bench_inflater;

typedef struct bench_reader {
    /* While `plain`: pos octets of an echo are there. */
    size_t pos;
    bool plain;
    bool verify; /* else contents are not compared, frames alone are counted */
    /* The parser. */
    bool in_message, in_payload, compressed, wrong, whole;
    uint8_t head_n, control_n;
    uint8_t head[WSK__FRAME_HEAD_MAX];
    wsk__frame frame;
    uint64_t left;     /* octets of the payload that are still to come */
    uint64_t at;       /* octets of the message's content so far */
    uint32_t expected; /* index of the message that comes next */
    uint8_t control[WSK__CONTROL_MAX];
    bench_inflater *inflater;
} bench_reader;

/* What some octets were. The caller clears it. */
typedef struct bench_input {
    uint32_t done;       /* messages that are complete, wrong ones too */
    uint32_t wrong;      /* of these */
    uint64_t wrong_at;   /* which octet of the last wrong one */
    const char *problem; /* what was wrong with it */
    const char *broken;  /* not NULL: the server broke this rule of the protocol; nothing behind it
                            was looked at */
    bool pinged;         /* the last ping's payload is in pong */
    uint8_t pong_n;
    bool closed; /* a close frame; nothing behind it counts */
    uint16_t code;
    uint8_t reason_n;
    uint8_t pong[WSK__CONTROL_MAX];
    char reason[WSK__CONTROL_MAX];
} bench_input;

void bench_reader_init(bench_reader *r, const bench_plan *plan, bool verify);
/* With a decompressor, which verified compressed messages need. False: out of memory. */
bool bench_reader_inflates(bench_reader *r, bool takeover);
void bench_reader_deinit(bench_reader *r);

/* Any octets. */
void bench_reader_parse(bench_reader *r, const bench_plan *plan, const uint8_t *p, size_t n,
                        bench_input *in);

/* How many of the octets to come need not be looked at: those of a content that is not compared.
 * 0: all that come are to be parsed. */
static inline size_t bench_reader_skippable(const bench_reader *r)
{
    return r->in_payload && !r->verify && !r->plain && r->frame.opcode < 0x8 ? (size_t)r->left : 0;
}
/* n of them came, which nobody has seen. */
void bench_reader_skip(bench_reader *r, const bench_plan *plan, size_t n, bench_input *in);

/* True if all n octets are what is expected, and then *ret_done messages are complete. */
static inline bool bench_reader_compare(bench_reader *r, const bench_plan *plan, const uint8_t *p,
                                        size_t n, uint32_t *ret_done)
{
    if (!r->plain || n > plan->echo_room || memcmp(p, plan->echo + r->pos, n) != 0)
        return false;
    size_t pos = r->pos + n, done = 0;
    if (pos >= plan->echo_len) {
        done = pos < 2 * plan->echo_len ? 1 : pos / plan->echo_len;
        pos -= done * plan->echo_len;
    }
    r->pos = pos;
    *ret_done = (uint32_t)done;
    return true;
}

#endif
