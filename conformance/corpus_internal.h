/* SPDX-License-Identifier: MIT */
/*
 * What the generators of the corpora share: a writer into a block of fixed size and a small
 * generator of random numbers. Integer arithmetic only, so that every machine makes the same
 * octets.
 */
#ifndef CONFORMANCE_CORPUS_INTERNAL_H
#define CONFORMANCE_CORPUS_INTERNAL_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <websock/base.h>

#include "util/attr.h"

typedef struct corpus_out {
    uint8_t *at;
    size_t len;
    size_t size; /* what does not fit is dropped: the fillers at the end make the length exact */
    uint64_t seed;
} corpus_out;

/* One at a time: the order in which a compiler works out the arguments of a call is its own
 * affair, and the octets would be, too. */

/* The next random number (splitmix64, public domain constants). */
static inline uint64_t corpus_random(corpus_out *o)
{
    uint64_t z = (o->seed += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* 0 .. n-1. */
static inline unsigned corpus_pick(corpus_out *o, unsigned n)
{
    return (unsigned)((corpus_random(o) >> 32) % n);
}

/* 0 .. n-1, small numbers far more often, as words in a language. */
static inline unsigned corpus_pick_skewed(corpus_out *o, unsigned n)
{
    unsigned a = corpus_pick(o, n), b = corpus_pick(o, n), c = corpus_pick(o, n);
    unsigned m = a < b ? a : b;
    return m < c ? m : c;
}

void judge_corpus_put(corpus_out *o, const void *data, size_t n);
void judge_corpus_printf(corpus_out *o, const char *fmt, ...) WSK_PRINTF(2, 3);
/* The same octet until the length is `until`. */
void judge_corpus_fill(corpus_out *o, char c, size_t until);

/* Each fills o->at up to o->size. */
void judge_corpus_make_json(corpus_out *o);
void judge_corpus_make_bitmap(corpus_out *o);
void judge_corpus_make_prose(corpus_out *o);
void judge_corpus_make_html(corpus_out *o);
void judge_corpus_make_pdf(corpus_out *o);

#endif
