/* SPDX-License-Identifier: MIT */
/* What the tests of permessage-deflate share: whole messages through the transforms in pieces of
 * any size, sample data, and a small inflater of its own that measures distances. */
#ifndef TESTS_DEFLATE_PMD_SUPPORT_H
#define TESTS_DEFLATE_PMD_SUPPORT_H

#include "deflate/coder.h"
#include "support.h"

typedef struct octets {
    uint8_t *ptr;
    size_t len, cap;
} octets;

void octets_add(octets *b, const void *p, size_t n);
void octets_free(octets *b);

/* Both sides of one connection after a negotiation with these options. */
typedef struct pmd_pair {
    wsk__pmd_config server_cfg, client_cfg;
    const wsk_extension *ext; /* the transforms; the same for both */
    void *server, *client;
} pmd_pair;

typedef struct pmd_want {
    bool server_no_takeover, client_no_takeover;
    unsigned server_bits, client_bits; /* 0: 15 */
    int level;
    unsigned mem_level;
} pmd_want;

/* Which codecs the pairs use: from the program's first argument, or the best ones. */
extern wsk__codec_choice pmd_codecs;
void pmd_codecs_from(int argc, char **argv);

/* 0, or what a constructor said. pools may be NULL. */
int pmd_pair_open(pmd_pair *p, const pmd_want *want, const wsk_hooks *hooks,
                  wsk__coder_pool *server_pool, wsk__coder_pool *client_pool);
void pmd_pair_close(pmd_pair *p);

/* A whole message through encode or decode: input in pieces of `cut`, output in rooms of `room`
 * (SIZE_MAX: all at once). Returns the transform's result; it fails the test when a transform
 * makes no progress, or leaves its buffers. limit: octets of output after which it gives up with
 * WSK_ERR_LIMIT. */
int pmd_encode_all(const wsk_extension *ext, void *state, const void *data, size_t len, size_t cut,
                   size_t room, octets *ret);
int pmd_decode_all(const wsk_extension *ext, void *state, const void *data, size_t len, size_t cut,
                   size_t room, size_t limit, octets *ret);

/* What one direction of a connection holds: a coder, or a history, or (NULL for both) nothing. */
wsk__coder *pmd_coder(const wsk__half *half);
wsk__history *pmd_history(const wsk__half *half);

/* Deterministic samples of n octets. */
void sample_json(uint8_t *buf, size_t n, unsigned seed);
void sample_random(uint8_t *buf, size_t n, unsigned seed);

/*
 * The reference: inflates one message (without its tail) onto `out`, whose earlier content is
 * the history. False if it is not valid. *max_distance grows to the largest distance seen.
 */
bool reference_inflate(const uint8_t *in, size_t n, octets *out, size_t *max_distance);

#endif
