/* SPDX-License-Identifier: MIT */
/*
 * permessage-deflate (RFC 7692) as a wsk_extension. Negotiates, compresses, decompresses; knows
 * no frames. Compressors and decompressors are borrowed from a pool, so that connections share
 * them; a connection keeps its own state only where context takeover was negotiated and used.
 */
#ifndef WSK_DEFLATE_PMD_H
#define WSK_DEFLATE_PMD_H

#include <websock/conn.h>

/* Coders that are not in use by a message just now. One per loop; not thread-safe. */
typedef struct wsk__coder_pool wsk__coder_pool;
int wsk__coder_pool_new(wsk__coder_pool **ret, const wsk_hooks *hooks);
void wsk__coder_pool_free(wsk__coder_pool *pool); /* NULL is fine; after its connections */
/* Gives back what no connection's history is in. */
void wsk__coder_pool_trim(wsk__coder_pool *pool);

/* Which libraries do the work, as far as this build has them; for tests and benchmarks. */
typedef enum wsk__codec_choice {
    WSK__CODEC_BEST = 0, /* by what is fastest for the message at hand */
    WSK__CODEC_ZLIB,
    WSK__CODEC_ISAL,       /* wherever it can */
    WSK__CODEC_ISAL_FIXED, /* and with fixed codes */
} wsk__codec_choice;

/* What a config keeps: checked options and the extension's table. */
typedef struct wsk__pmd_config {
    wsk_deflate_options options; /* with defaults filled in */
    wsk__codec_choice codecs;    /* init sets BEST */
    const wsk_hooks *hooks;
    wsk_extension extension; /* extension.ud points to this struct */
} wsk__pmd_config;

/* WSK_ERR_INVAL if an option is out of range. ret must not move afterwards. */
int wsk__pmd_config_init(wsk__pmd_config *ret, const wsk_deflate_options *options,
                         const wsk_hooks *hooks);

/* Tells the state of a connection (from accept or confirm) to borrow from a pool, which must
 * outlive it. Without a pool a state has coders of its own. */
void wsk__pmd_use_pool(void *state, wsk__coder_pool *pool);

/* Another state with the same parameters and pool, which holds nothing; NULL: no memory. */
void *wsk__pmd_copy(const void *state);
/* No history is kept, and no message is under way. */
bool wsk__pmd_is_empty(const void *state);

/* Compresses a message for a peer that we know nothing about but these parameters: for
 * prepared messages, which no context may enter. window_bits 8 to 15. Output without the tail
 * 00 00 ff ff, allocated from hooks. */
int wsk__pmd_compress_once(const wsk__pmd_config *cfg, const void *data, size_t len,
                           unsigned window_bits, uint8_t **ret, size_t *ret_len);
/* The window that this state may use for what it sends; and whether a message compressed by
 * wsk__pmd_compress_once() may be sent now (it may always if no history is kept; with context
 * takeover the state forgets its own history, since the peer's window moves on). */
unsigned wsk__pmd_send_window(const void *state);
void wsk__pmd_foreign_message(void *state);

#endif
