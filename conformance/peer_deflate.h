/* SPDX-License-Identifier: MIT */
/*
 * permessage-deflate (RFC 7692) for the echo loops of 12.* and 13.*. A loop sends windows that
 * slide over a corpus; many cases send the very same ones. What was compressed once is kept and
 * sent again, and what an earlier case inflated and found right need only be the same octets in
 * a later one: so the judge costs less than the peer under test. Knows no frames.
 */
#ifndef CONFORMANCE_PEER_DEFLATE_H
#define CONFORMANCE_PEER_DEFLATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ZLIB_CONST
#include <zlib.h>

/* What is agreed on for one direction. */
typedef struct judge_deflate_params {
    uint8_t window_bits; /* 8 to 15 */
    bool no_context_takeover;
} judge_deflate_params;

/* The windows of one length over one corpus. */
typedef struct judge_windows {
    const uint8_t *octets;
    size_t n_octets;
    bool text;
    size_t units;       /* octets, or characters of a text */
    const uint32_t *at; /* octet where character i begins (units + 1 of them); NULL: i */
    uint32_t len;       /* units of a window */
} judge_windows;

typedef struct judge_piece {
    const uint8_t *data;
    size_t len;
} judge_piece;

typedef struct judge_streams judge_streams;
typedef struct judge_stream judge_stream;
typedef struct judge_inflater judge_inflater;

judge_streams *judge_streams_new(void);
void judge_streams_free(judge_streams *s);

/*
 * The stream of a loop: corpus, window length, and what was agreed for each direction. NULL
 * without memory. Release it in the end; streams that nobody holds are dropped when a loop over
 * another corpus or length begins.
 */
judge_stream *judge_stream_hold(judge_streams *s, int corpus, uint32_t len,
                                judge_deflate_params sent, judge_deflate_params received);
void judge_stream_release(judge_stream *st);
const judge_windows *judge_stream_windows(const judge_stream *st);

/* Window k, one piece or two (it wraps). Returns its octets. */
size_t judge_window(const judge_windows *w, uint32_t k, judge_piece ret[2]);
/* Window k compressed, tail cut off (RFC 7692 7.2.1). Empty data: no memory. */
judge_piece judge_stream_sent(judge_stream *st, uint32_t k);

/* The other direction of one connection. `exact`: no match reaches farther back than the window
 * that was agreed on, else as far as the judge's zlib happens to see it. */
judge_inflater *judge_inflater_new(judge_stream *st, bool exact);
void judge_inflater_free(judge_inflater *in);

typedef enum judge_inflate_status {
    JUDGE_INFLATE_OK,
    JUDGE_INFLATE_DIFFERS, /* from window k, at *ret_at */
    JUDGE_INFLATE_BROKEN,  /* no valid DEFLATE data */
    JUDGE_INFLATE_NO_TEXT, /* it differs, and is no UTF-8 besides */
} judge_inflate_status;

/* Message k begins, compressed or not; `text`: an octet that is no UTF-8 comes before the end of
 * the message, which is where one that differs is told. */
void judge_inflater_begin(judge_inflater *in, uint32_t k, bool compressed, bool text);
judge_inflate_status judge_inflater_feed(judge_inflater *in, const uint8_t *data, size_t len);
/* The message has ended. */
judge_inflate_status judge_inflater_end(judge_inflater *in);
/* Octets of the message after inflation; where the first wrong one is; zlib's word or NULL. */
uint64_t judge_inflater_octets(const judge_inflater *in);
/* Where it is no UTF-8. */
uint64_t judge_inflater_text(const judge_inflater *in);
const char *judge_inflater_error(const judge_inflater *in);

#endif
