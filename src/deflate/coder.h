/* SPDX-License-Identifier: MIT */
/*
 * Compressors and decompressors ("coders") as permessage-deflate needs them, whatever library
 * does the work, and the pool that lends them. Knows DEFLATE (RFC 1951) and what RFC 7692 makes
 * of it at the ends of messages; knows neither negotiation nor frames.
 *
 * Ownership: a half is one direction of one connection. While a message passes it holds a coder.
 * Between messages with context takeover the coder stays with the half ("parked") until another
 * half needs it; then the history is saved into the half and loaded into some coder when its
 * next message begins. So the coders in existence are those that work, and a bounded number.
 */
#ifndef WSK_DEFLATE_CODER_H
#define WSK_DEFLATE_CODER_H

#include "deflate/pmd.h"

typedef struct wsk__coder wsk__coder;

/* What a stream is to be like. level 0: a decompressor. */
typedef struct wsk__coder_setup {
    uint8_t level;
    uint8_t mem_level;
    uint8_t window_bits;
} wsk__coder_setup;

/*
 * One library's way of coding in one direction. `start` begins a stream with a history (hist may
 * be NULL if n is 0); a coder is fit for any setup for which `fits` says so, NULL: for any.
 */
typedef struct wsk__codec {
    const char *name;
    int (*create)(wsk__coder **ret, const wsk_hooks *hooks, const wsk__coder_setup *setup);
    void (*destroy)(wsk__coder *c);
    bool (*fits)(const wsk__coder *c, const wsk__coder_setup *setup);
    int (*start)(wsk__coder *c, const wsk__coder_setup *setup, const uint8_t *hist, size_t n);
    /* A further message begins in the stream. May be NULL. */
    void (*renew)(wsk__coder *c);
    /*
     * Compressor: takes input; with `flush` ends at an octet with an empty stored block, tail
     * included (room is then at least WSK__CODER_ROOM). WSK_EXT_DONE: all is taken, and with
     * `flush` all is given; WSK_EXT_MORE: the room is full.
     * Decompressor (`flush` is always false): WSK_EXT_DONE: all input is taken and all that it
     * stands for is given; WSK_EXT_MORE: the room is full and there may be more. Streams that
     * follow a final block are read on with the history kept (RFC 7692 7.2.3.5).
     */
    int (*run)(wsk__coder *c, wsk_ext_io *io, bool flush);
    /* Decompressor: between two blocks, and no bits of an octet are left over. */
    bool (*at_boundary)(const wsk__coder *c);
    /* The history that a next message may refer to: its length, and its octets if buf != NULL. */
    size_t (*history)(wsk__coder *c, uint8_t *buf);
} wsk__codec;

#define WSK__CODER_ROOM  64  /* a compressor is never asked to finish in less room */
#define WSK__CODER_STAGE 160 /* room of our own, for callers that have little */

/* What every coder begins with. */
struct wsk__coder {
    const wsk__codec *codec; /* never NULL */
    const wsk_hooks *hooks;
    wsk__coder *prev, *next; /* among the idle ones of a pool, latest first */
    union wsk__half *owner;  /* whose history it holds, while idle */
    wsk__coder_setup setup;  /* of the stream */
    bool started;            /* the message has given or taken an octet */
    bool flushed;            /* compressor: the message is complete, in `stage` at the latest */
    bool carried;            /* decompressor: `stage` holds one octet that is due */
    uint8_t stage_pos, stage_len;
    uint8_t stage[WSK__CODER_STAGE];
};

typedef struct wsk__history {
    const wsk__codec *none; /* NULL, by which it is told from a coder */
    size_t len;
    uint8_t data[];
} wsk__history;

/* One direction of a connection: one pointer, since most connections have nothing to keep. */
typedef union wsk__half {
    const wsk__codec *const *kept; /* NULL: nothing; else what both begin with */
    wsk__coder *coder;             /* at work or parked */
    wsk__history *history;         /* what was saved */
} wsk__half;

static inline wsk__coder *wsk__half_coder(const wsk__half *half)
{
    return half->kept != NULL && *half->kept != NULL ? half->coder : NULL;
}

static inline wsk__history *wsk__half_history(const wsk__half *half)
{
    return half->kept != NULL && *half->kept == NULL ? half->history : NULL;
}

extern const wsk__codec wsk__zlib_deflate;
extern const wsk__codec wsk__zlib_inflate;
#ifdef WSK_HAVE_ISAL
extern const wsk__codec wsk__isal_deflate;
extern const wsk__codec wsk__isal_deflate_fixed; /* quick to begin with, for small messages */
extern const wsk__codec wsk__isal_inflate;       /* for windows of 15 bits only */
#endif

/*
 * The codec for a message of `len` octets (UINT64_MAX: not known), and whether it is worth to
 * change a parked coder of another codec for it.
 */
const wsk__codec *wsk__codec_for_deflate(wsk__codec_choice choice, unsigned level, bool takeover,
                                         uint64_t len, bool *ret_insist);
/* The same by the compressed octets that are there when a message begins. */
const wsk__codec *wsk__codec_for_inflate(wsk__codec_choice choice, unsigned window_bits, size_t len,
                                         bool *ret_insist);

/*
 * Lends a coder to half for one message, with its history loaded: the parked one if there is one
 * (of whatever codec, unless `insist`), else one of `codec`. pool may be NULL. WSK_ERR_NOMEM
 * leaves half as it was.
 */
int wsk__coder_take(wsk__half *half, wsk__coder_pool *pool, const wsk_hooks *hooks,
                    const wsk__codec *codec, const wsk__coder_setup *setup, bool insist);
/* The message is over and its history counts: the coder is parked. */
void wsk__coder_park(wsk__half *half, wsk__coder_pool *pool);
/* Gives the coder back, if there is one, and forgets all history. */
void wsk__coder_drop(wsk__half *half, wsk__coder_pool *pool, const wsk_hooks *hooks);
/* Gives a parked coder back but keeps its history. WSK_ERR_NOMEM: all stays as it was. */
int wsk__coder_compact(wsk__half *half, wsk__coder_pool *pool);

/* A message begins, with a coder that is started or goes on with its stream. */
void wsk__coder_message(wsk__coder *c);
/* As wsk_extension's encode and decode. */
int wsk__coder_encode(wsk__coder *c, wsk_ext_io *io, bool fin);
int wsk__coder_decode(wsk__coder *c, wsk_ext_io *io, bool fin);

#endif
