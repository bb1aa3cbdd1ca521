/* SPDX-License-Identifier: MIT */
/*
 * See peer_deflate.h. Each direction of a loop is a `half`: the compressed messages by number, in
 * blocks that never move. A half that is sent is made by zlib as far as it is asked for. A half
 * that came back is written by the first connection that gets so far, and only what was inflated
 * and found equal goes in; another connection whose octets are the same as all of it so far needs
 * no inflating, for the same octets in the same state mean the same text.
 */
#include "conformance/peer_deflate.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "conformance/corpus.h"

#define BLOCK  (1u << 20)
#define WINDOW 32768u
/* zlib's fastest level: what the judge sends need only be compressed, not small. */
#define LEVEL Z_BEST_SPEED

typedef struct block {
    struct block *next;
    size_t used, room;
    /* octets follow */
} block;

typedef struct half {
    struct half *next;
    unsigned holders;
    int corpus;
    uint32_t len;
    judge_deflate_params params;
    bool sent;
    judge_piece *at; /* message k, compressed */
    uint32_t n, room;
    block *blocks;
    z_stream z; /* of a half that is sent */
    bool z_ready;
} half;

typedef struct corpus_view {
    const uint8_t *octets;
    size_t n_octets, units;
    bool text;
    uint32_t *at;
} corpus_view;

struct judge_streams {
    half *halves;
    corpus_view views[6];
};

struct judge_stream {
    judge_streams *owner;
    judge_windows windows;
    half *sent, *received;
};

struct judge_inflater {
    judge_stream *stream;
    z_stream z;
    bool z_ready, z_valid; /* valid: it has seen all of the messages before this one */
    bool in_step;          /* all messages so far were those of the half */
    bool compressed, matching, recording, differs;
    uint32_t k;
    size_t off;      /* octets of the message that matched the half */
    uint64_t octets; /* of the message, inflated */
    uint64_t want;
    uint8_t *raw; /* the message as it came, to be recorded */
    size_t n_raw, raw_room;
    const char *error;
    uint8_t scratch[65536];
};

/* ---------------------------------------------------------------------------- windows -- */

static bool load_view(corpus_view *v, int corpus)
{
    const uint8_t *octets;
    size_t units = 0;

    if (v->octets != NULL)
        return true;
    octets = judge_corpus(corpus, &v->n_octets, &v->text);
    if (octets == NULL)
        return false;
    v->units = v->n_octets;
    if (v->text) {
        for (size_t i = 0; i < v->n_octets; i++)
            units += (octets[i] & 0xc0) != 0x80;
    }
    if (v->text && units != v->n_octets) {
        v->at = malloc((units + 1) * sizeof(*v->at));
        if (v->at == NULL)
            return false;
        v->units = 0;
        for (size_t i = 0; i < v->n_octets; i++) {
            if ((octets[i] & 0xc0) != 0x80)
                v->at[v->units++] = (uint32_t)i;
        }
        v->at[v->units] = (uint32_t)v->n_octets;
    }
    v->octets = octets;
    return true;
}

static size_t octet_at(const judge_windows *w, size_t unit)
{
    return w->at ? w->at[unit] : unit;
}

size_t judge_window(const judge_windows *w, uint32_t k, judge_piece ret[2])
{
    const size_t from = (size_t)((uint64_t)k * w->len % w->units);
    const size_t to = (from + w->len) % w->units;
    const size_t a = octet_at(w, from), b = octet_at(w, to);

    ret[1] = (judge_piece){w->octets, 0};
    if (to > from) {
        ret[0] = (judge_piece){w->octets + a, b - a};
    } else {
        ret[0] = (judge_piece){w->octets + a, w->n_octets - a};
        ret[1].len = b;
    }
    return ret[0].len + ret[1].len;
}

/* What was sent before octet `at` of window k, at most a window of DEFLATE. */
static size_t history(const judge_windows *w, uint32_t k, uint64_t at, uint8_t out[WINDOW])
{
    const size_t start = octet_at(w, (size_t)((uint64_t)k * w->len % w->units));
    const size_t pos = (size_t)((start + at) % w->n_octets);
    /* Before the first wrap the past ends where the corpus begins. */
    const bool wrapped = (uint64_t)k * w->len >= w->units || start + at >= w->n_octets;
    size_t n = 0;

    if (pos < WINDOW && wrapped) {
        n = WINDOW - pos;
        memcpy(out, w->octets + w->n_octets - n, n);
        memcpy(out + n, w->octets, pos);
        return WINDOW;
    }
    n = pos < WINDOW ? pos : WINDOW;
    memcpy(out, w->octets + pos - n, n);
    return n;
}

/* ----------------------------------------------------------------------------- halves -- */

static void half_free(half *h)
{
    if (h->z_ready)
        deflateEnd(&h->z);
    while (h->blocks != NULL) {
        block *next = h->blocks->next;

        free(h->blocks);
        h->blocks = next;
    }
    free(h->at);
    free(h);
}

/* Drops what nobody holds and no loop over this corpus and length can use. */
static void sweep(judge_streams *s, int corpus, uint32_t len)
{
    half **at = &s->halves;

    while (*at != NULL) {
        half *h = *at;

        if (h->holders == 0 && (h->corpus != corpus || h->len != len)) {
            *at = h->next;
            half_free(h);
        } else {
            at = &h->next;
        }
    }
}

static half *half_hold(judge_streams *s, int corpus, uint32_t len, judge_deflate_params params,
                       bool sent)
{
    half *h;

    for (h = s->halves; h != NULL; h = h->next) {
        if (h->corpus == corpus && h->len == len && h->sent == sent &&
            h->params.window_bits == params.window_bits &&
            h->params.no_context_takeover == params.no_context_takeover) {
            h->holders++;
            return h;
        }
    }
    h = calloc(1, sizeof(*h));
    if (h == NULL)
        return NULL;
    h->holders = 1;
    h->corpus = corpus;
    h->len = len;
    h->params = params;
    h->sent = sent;
    if (sent) {
        /* zlib makes no raw stream with a window of 256 octets. Without matches there are no
         * distances, so no window is needed. */
        const bool tiny = params.window_bits < 9;

        if (deflateInit2(&h->z, LEVEL, Z_DEFLATED, tiny ? -9 : -params.window_bits, 8,
                         tiny ? Z_HUFFMAN_ONLY : Z_DEFAULT_STRATEGY) != Z_OK) {
            free(h);
            return NULL;
        }
        h->z_ready = true;
    }
    h->next = s->halves;
    s->halves = h;
    return h;
}

/* Room for n octets in one piece. */
static uint8_t *half_room(half *h, size_t n)
{
    block *b = h->blocks;

    if (b == NULL || b->room - b->used < n) {
        const size_t room = n > BLOCK ? n : BLOCK;

        b = malloc(sizeof(*b) + room);
        if (b == NULL)
            return NULL;
        b->next = h->blocks;
        b->used = 0;
        b->room = room;
        h->blocks = b;
    }
    return (uint8_t *)(b + 1) + b->used;
}

/* The next message is the n octets that half_room gave room for. */
static bool half_add(half *h, const uint8_t *data, size_t n)
{
    if (h->n == h->room) {
        const uint32_t room = h->room ? h->room * 2 : 1024;
        judge_piece *grown = realloc(h->at, room * sizeof(*grown));

        if (grown == NULL)
            return false;
        h->at = grown;
        h->room = room;
    }
    h->blocks->used += n;
    h->at[h->n++] = (judge_piece){data, n};
    return true;
}

judge_piece judge_stream_sent(judge_stream *st, uint32_t k)
{
    half *h = st->sent;

    while (h->n <= k) {
        judge_piece pieces[2];
        const size_t len = judge_window(&st->windows, h->n, pieces);
        const size_t room = deflateBound(&h->z, len) + 64;
        uint8_t *out = half_room(h, room);

        if (out == NULL)
            return (judge_piece){NULL, 0};
        if (h->params.no_context_takeover)
            deflateReset(&h->z);
        h->z.next_out = out;
        h->z.avail_out = (uInt)room;
        for (int i = 0; i < (pieces[1].len > 0 ? 2 : 1); i++) {
            const bool last = i == 1 || pieces[1].len == 0;

            h->z.next_in = pieces[i].data;
            h->z.avail_in = (uInt)pieces[i].len;
            deflate(&h->z, last ? Z_SYNC_FLUSH : Z_NO_FLUSH);
        }
        /* RFC 7692 7.2.1: the empty block's 00 00 ff ff is not sent. */
        if (h->z.avail_in > 0 || h->z.avail_out == 0 ||
            !half_add(h, out, room - h->z.avail_out - 4))
            return (judge_piece){NULL, 0};
    }
    return h->at[k];
}

judge_streams *judge_streams_new(void)
{
    return calloc(1, sizeof(judge_streams));
}

void judge_streams_free(judge_streams *s)
{
    if (s == NULL)
        return;
    while (s->halves != NULL) {
        half *next = s->halves->next;

        half_free(s->halves);
        s->halves = next;
    }
    for (size_t i = 0; i < sizeof(s->views) / sizeof(s->views[0]); i++)
        free(s->views[i].at);
    free(s);
}

judge_stream *judge_stream_hold(judge_streams *s, int corpus, uint32_t len,
                                judge_deflate_params sent, judge_deflate_params received)
{
    judge_stream *st;

    if (corpus < 1 || corpus > 5 || !load_view(&s->views[corpus], corpus))
        return NULL;
    st = calloc(1, sizeof(*st));
    if (st == NULL)
        return NULL;
    sweep(s, corpus, len);
    st->owner = s;
    st->windows = (judge_windows){s->views[corpus].octets, s->views[corpus].n_octets,
                                  s->views[corpus].text,   s->views[corpus].units,
                                  s->views[corpus].at,     len};
    st->sent = half_hold(s, corpus, len, sent, true);
    st->received = half_hold(s, corpus, len, received, false);
    if (st->sent == NULL || st->received == NULL) {
        judge_stream_release(st);
        return NULL;
    }
    return st;
}

void judge_stream_release(judge_stream *st)
{
    if (st == NULL)
        return;
    if (st->sent != NULL)
        st->sent->holders--;
    if (st->received != NULL)
        st->received->holders--;
    free(st);
}

const judge_windows *judge_stream_windows(const judge_stream *st)
{
    return &st->windows;
}

/* ---------------------------------------------------------------------------- inflater -- */

judge_inflater *judge_inflater_new(judge_stream *st)
{
    judge_inflater *in = malloc(sizeof(*in));

    if (in == NULL)
        return NULL;
    memset(in, 0, offsetof(judge_inflater, scratch));
    in->stream = st;
    in->in_step = true;
    /* With exactly the window that was agreed on, zlib refuses what reaches farther back. */
    if (inflateInit2(&in->z, -(int)st->received->params.window_bits) != Z_OK) {
        free(in);
        return NULL;
    }
    in->z_ready = in->z_valid = true;
    return in;
}

void judge_inflater_free(judge_inflater *in)
{
    if (in == NULL)
        return;
    if (in->z_ready)
        inflateEnd(&in->z);
    free(in->raw);
    free(in);
}

/* Puts zlib where it would be after `at` octets of message k, all of them right. */
static void catch_up(judge_inflater *in, uint64_t at)
{
    const judge_windows *w = &in->stream->windows;
    const bool fresh = in->stream->received->params.no_context_takeover;
    size_t n = history(w, in->k, at, in->scratch);

    if (fresh && n > at) {
        memmove(in->scratch, in->scratch + n - at, (size_t)at);
        n = (size_t)at;
    }
    inflateReset(&in->z);
    if (n > 0)
        inflateSetDictionary(&in->z, in->scratch, (uInt)n);
    in->z_valid = true;
}

static judge_inflate_status compare(judge_inflater *in, const uint8_t *data, size_t len)
{
    judge_piece pieces[2];
    uint64_t base = 0;

    judge_window(&in->stream->windows, in->k, pieces);
    if (len > in->want - in->octets) {
        in->differs = true;
        return JUDGE_INFLATE_DIFFERS;
    }
    for (int i = 0; i < 2 && len > 0; i++) {
        if (in->octets < base + pieces[i].len) {
            const size_t from = (size_t)(in->octets - base);
            const size_t n = len < pieces[i].len - from ? len : pieces[i].len - from;

            if (memcmp(pieces[i].data + from, data, n) != 0) {
                size_t same = 0;

                while (pieces[i].data[from + same] == data[same])
                    same++;
                in->octets += same;
                in->differs = true;
                return JUDGE_INFLATE_DIFFERS;
            }
            in->octets += n;
            data += n;
            len -= n;
        }
        base += pieces[i].len;
    }
    return JUDGE_INFLATE_OK;
}

static judge_inflate_status run_inflate(judge_inflater *in, const uint8_t *data, size_t len)
{
    z_stream *z = &in->z;

    z->next_in = data;
    z->avail_in = (uInt)len;
    for (;;) {
        int status;

        z->next_out = in->scratch;
        z->avail_out = sizeof(in->scratch);
        status = inflate(z, Z_SYNC_FLUSH);
        if (status != Z_OK && status != Z_BUF_ERROR && status != Z_STREAM_END) {
            in->error = z->msg ? z->msg : "invalid DEFLATE data";
            return JUDGE_INFLATE_BROKEN;
        }
        if (z->avail_out < sizeof(in->scratch) &&
            compare(in, in->scratch, sizeof(in->scratch) - z->avail_out) != JUDGE_INFLATE_OK)
            return JUDGE_INFLATE_DIFFERS;
        if (status == Z_STREAM_END) {
            /* RFC 7692 7.2.3.4: a block with BFINAL ends zlib's stream, not the context. */
            const uint8_t *rest = z->next_in;
            const uInt n = z->avail_in;

            catch_up(in, in->octets);
            z->next_in = rest;
            z->avail_in = n;
            if (n == 0)
                return JUDGE_INFLATE_OK;
            continue;
        }
        if (z->avail_out > 0)
            return JUDGE_INFLATE_OK;
    }
}

/* This connection's octets are not those of the half: from here on zlib has to look. */
static judge_inflate_status diverge(judge_inflater *in)
{
    const judge_piece known = in->stream->received->at[in->k];

    in->matching = false;
    in->in_step = false;
    catch_up(in, 0);
    return in->off > 0 ? run_inflate(in, known.data, in->off) : JUDGE_INFLATE_OK;
}

void judge_inflater_begin(judge_inflater *in, uint32_t k, bool compressed)
{
    half *h = in->stream->received;
    judge_piece pieces[2];

    in->k = k;
    in->compressed = compressed;
    in->off = 0;
    in->octets = 0;
    in->n_raw = 0;
    in->differs = in->matching = in->recording = false;
    in->want = judge_window(&in->stream->windows, k, pieces);
    if (!compressed) {
        /* It leaves no trace in the context, which from now on is not that of the half. */
        if (!in->z_valid)
            catch_up(in, 0);
        in->in_step = false;
        return;
    }
    if (in->in_step && k < h->n) {
        in->matching = true;
        in->z_valid = false;
        return;
    }
    in->recording = in->in_step && k == h->n;
    if (!in->recording)
        in->in_step = false;
    if (!in->z_valid)
        catch_up(in, 0);
    else if (h->params.no_context_takeover)
        inflateReset(&in->z);
}

static void record(judge_inflater *in, const uint8_t *data, size_t len)
{
    if (len > in->raw_room - in->n_raw) {
        const size_t room = (in->n_raw + len) * 2;
        uint8_t *grown = realloc(in->raw, room);

        if (grown == NULL) {
            in->recording = in->in_step = false;
            return;
        }
        in->raw = grown;
        in->raw_room = room;
    }
    memcpy(in->raw + in->n_raw, data, len);
    in->n_raw += len;
}

judge_inflate_status judge_inflater_feed(judge_inflater *in, const uint8_t *data, size_t len)
{
    if (in->differs)
        return JUDGE_INFLATE_DIFFERS;
    if (!in->compressed)
        return compare(in, data, len);
    if (in->matching) {
        const judge_piece known = in->stream->received->at[in->k];
        judge_inflate_status status;

        if (len <= known.len - in->off && memcmp(known.data + in->off, data, len) == 0) {
            in->off += len;
            return JUDGE_INFLATE_OK;
        }
        status = diverge(in);
        if (status != JUDGE_INFLATE_OK)
            return status;
    }
    if (in->recording)
        record(in, data, len);
    return run_inflate(in, data, len);
}

judge_inflate_status judge_inflater_end(judge_inflater *in)
{
    static const uint8_t tail[4] = {0x00, 0x00, 0xff, 0xff};
    half *h = in->stream->received;
    judge_inflate_status status = JUDGE_INFLATE_OK;

    if (in->differs)
        return JUDGE_INFLATE_DIFFERS;
    if (in->matching) {
        if (in->off == h->at[in->k].len) {
            in->octets = in->want;
            return JUDGE_INFLATE_OK;
        }
        status = diverge(in);
    }
    /* RFC 7692 7.2.2: the tail that the sender has cut off. */
    if (status == JUDGE_INFLATE_OK && in->compressed)
        status = run_inflate(in, tail, sizeof(tail));
    if (status != JUDGE_INFLATE_OK)
        return status;
    if (in->octets != in->want) {
        in->differs = true;
        return JUDGE_INFLATE_DIFFERS;
    }
    if (in->recording) {
        uint8_t *room = half_room(h, in->n_raw);

        /* Another connection may have been faster. */
        if (h->n != in->k) {
            in->in_step = h->n > in->k && h->at[in->k].len == in->n_raw &&
                          memcmp(h->at[in->k].data, in->raw, in->n_raw) == 0;
        } else if (room == NULL) {
            in->in_step = false;
        } else {
            memcpy(room, in->raw, in->n_raw);
            in->in_step = half_add(h, room, in->n_raw);
        }
    }
    return JUDGE_INFLATE_OK;
}

uint64_t judge_inflater_octets(const judge_inflater *in)
{
    return in->octets;
}

const char *judge_inflater_error(const judge_inflater *in)
{
    return in->error;
}
