/* SPDX-License-Identifier: MIT */
/*
 * What negotiation hands to the transforms: the state of one connection. An idle connection pays
 * for this struct alone, so it is kept small.
 */
#ifndef WSK_DEFLATE_PMD_STATE_H
#define WSK_DEFLATE_PMD_STATE_H

#include "deflate/coder.h"

typedef struct wsk__pmd_state {
    const wsk__pmd_config *cfg;
    wsk__coder_pool *pool;
    wsk__half out, in;
    uint8_t out_bits, in_bits; /* windows, 8 to 15 */
    bool out_takeover, in_takeover;
    bool encoding, decoding; /* a message is under way */
    bool dead;               /* a transform failed; only release is left */
} wsk__pmd_state;

/* What was agreed, in the terms of our own side. */
typedef struct wsk__pmd_agreed {
    unsigned out_bits, in_bits;
    bool out_takeover, in_takeover;
} wsk__pmd_agreed;

int wsk__pmd_state_new(wsk__pmd_state **ret, const wsk__pmd_config *cfg,
                       const wsk__pmd_agreed *agreed);

/* Negotiation, for the extension's table (pmd_negotiate.c). */
int wsk__pmd_offer(void *ud, wsk_ext_writer *w);
int wsk__pmd_accept(void *ud, const wsk_ext_param *params, size_t n, wsk_ext_writer *w,
                    void **ret_state);
int wsk__pmd_confirm(void *ud, const wsk_ext_param *params, size_t n, void **ret_state);

#endif
