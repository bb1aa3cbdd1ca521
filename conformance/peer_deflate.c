/* SPDX-License-Identifier: MIT */
/*
 * See peer_deflate.h. Each direction of a loop is a `half`: the compressed messages by number, in
 * blocks that never move. A half that is sent is made by zlib as far as it is asked for. A half
 * that came back is written by the first connection that gets so far, and only what was inflated
 * and found equal goes in; another connection whose octets are the same as all of it so far needs
 * no inflating, for the same octets in the same state mean the same text.
 *
 * The text of a loop is the corpus again and again, only cut differently. So a corpus is also
 * compressed in bricks, each ending on an octet (Z_SYNC_FLUSH), and a long message is put
 * together of those that lie in it and of what is left before the first and behind the last.
 */
#include "conformance/peer_deflate.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "conformance/corpus.h"
#include "conformance/distances.h"
#include "wire/utf8.h"

#define BLOCK (1u << 20)
#define BRICK 8192u
/* Messages from here on are made of bricks. */
#define LONG   16384u
#define WINDOW 32768u
/* Octets behind its length that a text which is wrong is looked at for. */
#define MOST_WRONG 65536
/* zlib's fastest level: what the judge sends need only be compressed, not small. */
#define LEVEL Z_BEST_SPEED

typedef struct block {
    struct block *next;
    size_t used, room;
    /* octets follow */
} block;

/* A compressed piece of the corpus: standing alone, and with the octets before it as context. */
typedef struct brick {
    judge_piece alone, joined;
} brick;

typedef struct brick_set {
    struct brick_set *next;
    int corpus;
    uint8_t window_bits;
    brick *at;
    size_t n;
    block *blocks;
    z_stream z;
} brick_set;

typedef struct half {
    struct half *next;
    unsigned holders;
    int corpus;
    uint32_t len;
    judge_deflate_params params;
    bool sent;
    judge_piece *at; /* message k, compressed; made of bricks: 2k before, 2k + 1 behind them */
    uint32_t n, room;
    block *blocks;
    z_stream z; /* of a half that is sent */
    bool z_ready;
    brick_set *bricks; /* of a half with long messages that is sent */
} half;

typedef struct corpus_view {
    const uint8_t *octets;
    size_t n_octets, units;
    bool text;
    uint32_t *at;
} corpus_view;

struct judge_streams {
    half *halves;
    brick_set *bricks;
    corpus_view views[6];
};

struct judge_stream {
    judge_streams *owner;
    judge_windows windows;
    half *sent, *received;
    uint8_t *out; /* where a message is put together */
    size_t out_room;
};

struct judge_inflater {
    judge_stream *stream;
    z_stream z;
    judge_distances distances;
    bool exact;            /* they are looked at */
    bool z_ready, z_valid; /* valid: it has seen all of the messages before this one */
    bool in_step;          /* all messages so far were those of the half */
    bool lost;             /* one was left where it was no text: where that was depends on TCP's
                              cuts, and so would all that refers to it */
    bool compressed, matching, recording, differs;
    bool text, wrong; /* wrong: it differs, and goes on for its UTF-8 to be seen */
    wsk__utf8_state utf8;
    uint64_t text_at;
    uint32_t k;
    size_t off;      /* octets of the message that matched the half */
    uint64_t octets; /* of the message, inflated, that are right */
    uint64_t made;   /* ... all of them, as distances.octets counts */
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

static void blocks_free(block *b)
{
    while (b != NULL) {
        block *next = b->next;

        free(b);
        b = next;
    }
}

/* Room for n octets in one piece. */
static uint8_t *blocks_room(block **list, size_t n)
{
    block *b = *list;

    if (b == NULL || b->room - b->used < n) {
        const size_t room = n > BLOCK ? n : BLOCK;

        b = malloc(sizeof(*b) + room);
        if (b == NULL)
            return NULL;
        b->next = *list;
        b->used = 0;
        b->room = room;
        *list = b;
    }
    return (uint8_t *)(b + 1) + b->used;
}

static bool deflate_begin(z_stream *z, unsigned window_bits)
{
    /* zlib makes no raw stream with a window of 256 octets. Without matches there are no
     * distances, so no window is needed. */
    const bool tiny = window_bits < 9;

    return deflateInit2(z, LEVEL, Z_DEFLATED, tiny ? -9 : -(int)window_bits, 8,
                        tiny ? Z_HUFFMAN_ONLY : Z_DEFAULT_STRATEGY) == Z_OK;
}

/* Octets compressed for themselves, with a tail, into blocks; empty data: no memory. */
static judge_piece deflate_piece(z_stream *z, block **list, const uint8_t *data, size_t len,
                                 const uint8_t *before, size_t n_before)
{
    const size_t room = deflateBound(z, len) + 64;
    uint8_t *out = blocks_room(list, room);
    size_t n;

    deflateReset(z);
    if (out == NULL || (n_before > 0 && deflateSetDictionary(z, before, (uInt)n_before) != Z_OK))
        return (judge_piece){NULL, 0};
    z->next_in = data;
    z->avail_in = (uInt)len;
    z->next_out = out;
    z->avail_out = (uInt)room;
    deflate(z, Z_SYNC_FLUSH);
    n = room - z->avail_out;
    (*list)->used += n;
    return (judge_piece){out, n};
}

static void brick_set_free(brick_set *set)
{
    deflateEnd(&set->z);
    blocks_free(set->blocks);
    free(set->at);
    free(set);
}

static brick_set *brick_set_find(judge_streams *s, int corpus, unsigned window_bits)
{
    brick_set *set = s->bricks;

    while (set != NULL && (set->corpus != corpus || set->window_bits != window_bits))
        set = set->next;
    if (set != NULL)
        return set;
    set = calloc(1, sizeof(*set));
    if (set == NULL)
        return NULL;
    set->corpus = corpus;
    set->window_bits = (uint8_t)window_bits;
    set->n = (s->views[corpus].n_octets + BRICK - 1) / BRICK;
    set->at = calloc(set->n, sizeof(*set->at));
    if (set->at == NULL || !deflate_begin(&set->z, window_bits)) {
        free(set->at);
        free(set);
        return NULL;
    }
    set->next = s->bricks;
    s->bricks = set;
    return set;
}

static judge_piece brick_get(brick_set *set, const judge_windows *w, size_t i, bool joined)
{
    judge_piece *p = joined ? &set->at[i].joined : &set->at[i].alone;
    const size_t from = i * BRICK;
    const size_t len = w->n_octets - from < BRICK ? w->n_octets - from : BRICK;
    uint8_t before[WINDOW];
    size_t n = 0;

    if (p->data != NULL)
        return *p;
    if (joined && from < WINDOW) {
        n = WINDOW - from;
        memcpy(before, w->octets + w->n_octets - n, n);
    }
    if (joined) {
        memcpy(before + n, w->octets + from - (WINDOW - n), WINDOW - n);
        n = WINDOW;
    }
    *p = deflate_piece(&set->z, &set->blocks, w->octets + from, len, before, n);
    return *p;
}

static void half_free(half *h)
{
    if (h->z_ready)
        deflateEnd(&h->z);
    blocks_free(h->blocks);
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
        h->z_ready = deflate_begin(&h->z, params.window_bits);
        if (h->z_ready && len >= LONG)
            h->bricks = brick_set_find(s, corpus, params.window_bits);
        if (!h->z_ready || (len >= LONG && h->bricks == NULL)) {
            half_free(h);
            return NULL;
        }
    }
    h->next = s->halves;
    s->halves = h;
    return h;
}

/* The next message; its octets are in the blocks already. */
static bool half_add(half *h, const uint8_t *data, size_t n)
{
    if (h->n == h->room) {
        const uint32_t room = h->room ? h->room * 2 : 2048;
        judge_piece *grown = realloc(h->at, room * sizeof(*grown));

        if (grown == NULL)
            return false;
        h->at = grown;
        h->room = room;
    }
    h->at[h->n++] = (judge_piece){data, n};
    return true;
}

/* Message k as one stream of zlib's. */
static judge_piece stream_message(judge_stream *st, uint32_t k)
{
    half *h = st->sent;

    while (h->n <= k) {
        judge_piece pieces[2];
        const size_t len = judge_window(&st->windows, h->n, pieces);
        const size_t room = deflateBound(&h->z, len) + 64;
        uint8_t *out = blocks_room(&h->blocks, room);

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
        h->blocks->used += room - h->z.avail_out;
        if (h->z.avail_in > 0 || h->z.avail_out == 0 ||
            !half_add(h, out, room - h->z.avail_out - 4))
            return (judge_piece){NULL, 0};
    }
    return h->at[k];
}

static bool put_piece(judge_stream *st, size_t *n, judge_piece p)
{
    if (p.data == NULL)
        return false;
    if (p.len == 0)
        return true;
    if (*n + p.len > st->out_room) {
        const size_t room = (*n + p.len) * 2;
        uint8_t *grown = realloc(st->out, room);

        if (grown == NULL)
            return false;
        st->out = grown;
        st->out_room = room;
    }
    memcpy(st->out + *n, p.data, p.len);
    *n += p.len;
    return true;
}

/* The octets of a window that are no whole brick: before the first and behind the last. */
static bool make_ends(judge_stream *st, uint32_t k)
{
    half *h = st->sent;

    while (h->n <= 2 * k + 1) {
        judge_piece pieces[2], ends[2], packed;

        judge_window(&st->windows, h->n / 2, pieces);
        ends[0] = (judge_piece){pieces[0].data, (size_t)(pieces[0].data - st->windows.octets)};
        ends[0].len = (BRICK - ends[0].len % BRICK) % BRICK;
        if (ends[0].len > pieces[0].len)
            ends[0].len = pieces[0].len;
        ends[1] = pieces[pieces[1].len > 0];
        if (pieces[1].len == 0) {
            ends[1].data += ends[0].len;
            ends[1].len -= ends[0].len;
            /* A piece that reaches the end of the corpus ends with its short last brick. */
            if (ends[1].data + ends[1].len == st->windows.octets + st->windows.n_octets)
                ends[1].len = 0;
        }
        ends[1].data += ends[1].len - ends[1].len % BRICK;
        ends[1].len %= BRICK;
        for (int i = 0; i < 2; i++) {
            packed = deflate_piece(&h->z, &h->blocks, ends[i].data, ends[i].len, NULL, 0);
            if (packed.data == NULL || !half_add(h, packed.data, ends[i].len ? packed.len : 0))
                return false;
        }
    }
    return true;
}

static judge_piece brick_message(judge_stream *st, uint32_t k)
{
    const judge_windows *w = &st->windows;
    half *h = st->sent;
    const uint64_t sent = (uint64_t)k * w->len; /* units, so octets at least */
    /* Octets that the peer's window holds already. */
    const size_t context = h->params.no_context_takeover ? 0
                           : sent < WINDOW               ? (size_t)sent
                                                         : WINDOW;
    judge_piece pieces[2];
    size_t n = 0, done = 0;

    if (!make_ends(st, k) || !put_piece(st, &n, h->at[2 * k]))
        return (judge_piece){NULL, 0};
    judge_window(w, k, pieces);
    for (int i = 0; i < 2; i++) {
        size_t from = (size_t)(pieces[i].data - w->octets), end = from + pieces[i].len;
        const size_t first = (from + BRICK - 1) / BRICK;

        for (size_t b = first; b * BRICK < end; b++) {
            const size_t len = w->n_octets - b * BRICK < BRICK ? w->n_octets - b * BRICK : BRICK;
            const bool joined = context + done + b * BRICK - from >= WINDOW;

            if (b * BRICK + len > end)
                break;
            if (!put_piece(st, &n, brick_get(h->bricks, w, b, joined)))
                return (judge_piece){NULL, 0};
        }
        done += pieces[i].len;
    }
    if (!put_piece(st, &n, h->at[2 * k + 1]))
        return (judge_piece){NULL, 0};
    /* Every part ends with the tail, the message's own is not sent. */
    return (judge_piece){st->out, n - 4};
}

judge_piece judge_stream_sent(judge_stream *st, uint32_t k)
{
    return st->sent->bricks != NULL ? brick_message(st, k) : stream_message(st, k);
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
    while (s->bricks != NULL) {
        brick_set *next = s->bricks->next;

        brick_set_free(s->bricks);
        s->bricks = next;
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
    free(st->out);
    free(st);
}

const judge_windows *judge_stream_windows(const judge_stream *st)
{
    return &st->windows;
}

/* ---------------------------------------------------------------------------- inflater -- */

judge_inflater *judge_inflater_new(judge_stream *st, bool exact)
{
    judge_inflater *in = malloc(sizeof(*in));

    if (in == NULL)
        return NULL;
    memset(in, 0, offsetof(judge_inflater, scratch));
    in->stream = st;
    in->in_step = true;
    /* With the window that was agreed on, zlib refuses what reaches farther back than that and the
     * output of the call. */
    if (inflateInit2(&in->z, -(int)st->received->params.window_bits) != Z_OK) {
        free(in);
        return NULL;
    }
    in->z_ready = in->z_valid = true;
    /* Nothing lies beyond the largest window. */
    in->exact = exact && st->received->params.window_bits < MAX_WBITS;
    judge_distances_begin(&in->distances, st->received->params.window_bits);
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

static void restart(judge_inflater *in)
{
    inflateReset(&in->z);
    judge_distances_begin(&in->distances, in->stream->received->params.window_bits);
    in->made = 0;
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
    restart(in);
    if (n > 0)
        inflateSetDictionary(&in->z, in->scratch, (uInt)n);
    in->z_valid = true;
}

/* More of a text that is wrong. */
static judge_inflate_status look(judge_inflater *in, const uint8_t *data, size_t len)
{
    const size_t good = wsk__utf8_check(&in->utf8, data, len);

    in->text_at += good;
    /* A few octets on the wire are gigabytes behind it. */
    in->differs = good < len || in->text_at > in->want + MOST_WRONG;
    in->lost = in->compressed && good < len;
    if (good < len)
        return JUDGE_INFLATE_NO_TEXT;
    return in->differs ? JUDGE_INFLATE_DIFFERS : JUDGE_INFLATE_OK;
}

/* The octets in front of `data` are right, what begins there is not. */
static judge_inflate_status differ(judge_inflater *in, const uint8_t *data, size_t len)
{
    judge_piece pieces[2];
    uint64_t left = in->octets;

    if (!in->text) {
        in->differs = true;
        return JUDGE_INFLATE_DIFFERS;
    }
    in->wrong = true;
    in->utf8 = WSK__UTF8_START;
    in->text_at = in->octets;
    judge_window(&in->stream->windows, in->k, pieces);
    for (int i = 0; i < 2; i++) {
        const size_t n = left < pieces[i].len ? (size_t)left : pieces[i].len;

        wsk__utf8_check(&in->utf8, pieces[i].data, n);
        left -= n;
    }
    return look(in, data, len);
}

static judge_inflate_status compare(judge_inflater *in, const uint8_t *data, size_t len)
{
    const uint8_t *const end = data + len;
    judge_piece pieces[2];
    uint64_t base = 0;

    if (in->wrong)
        return look(in, data, len);
    /* The first octet that is wrong is named, not where the read began that it came in. */
    if (len > in->want - in->octets)
        len = (size_t)(in->want - in->octets);
    judge_window(&in->stream->windows, in->k, pieces);
    for (int i = 0; i < 2 && len > 0; i++) {
        if (in->octets < base + pieces[i].len) {
            const size_t from = (size_t)(in->octets - base);
            const size_t n = len < pieces[i].len - from ? len : pieces[i].len - from;

            if (memcmp(pieces[i].data + from, data, n) != 0) {
                size_t same = 0;

                while (pieces[i].data[from + same] == data[same])
                    same++;
                in->octets += same;
                return differ(in, data + same, (size_t)(end - data) - same);
            }
            in->octets += n;
            data += n;
            len -= n;
        }
        base += pieces[i].len;
    }
    return data < end ? differ(in, data, (size_t)(end - data)) : JUDGE_INFLATE_OK;
}

/* zlib's word, or one for it. */
static judge_inflate_status broken(judge_inflater *in, const char *why)
{
    in->differs = in->wrong;
    in->error = why;
    return in->wrong ? JUDGE_INFLATE_DIFFERS : JUDGE_INFLATE_BROKEN;
}

/* Up to the octet behind which a match reaches too far, where there is one: what zlib makes of that
 * depends on how TCP cuts. */
static judge_inflate_status run_inflate(judge_inflater *in, const uint8_t *data, size_t len)
{
    const bool near_enough = !in->exact || judge_distances_feed(&in->distances, data, len);
    const uint64_t most = near_enough ? UINT64_MAX : in->distances.octets;
    z_stream *z = &in->z;

    z->next_in = data;
    z->avail_in = (uInt)len;
    for (;;) {
        const uInt room = sizeof(in->scratch);
        int status;

        z->next_out = in->scratch;
        z->avail_out = room;
        status = inflate(z, Z_SYNC_FLUSH);
        /* Also what lies before a fault in the data: the first thing wrong is what is said,
         * however TCP cuts. */
        if (z->avail_out < room) {
            const uint64_t n = room - z->avail_out, left = most - in->made;
            const judge_inflate_status same = compare(in, in->scratch,
                                                      (size_t)(n < left ? n : left));

            if (same != JUDGE_INFLATE_OK)
                return same;
            in->made += n;
        }
        if (in->made >= most)
            return broken(in, "invalid distance too far back");
        if (status != Z_OK && status != Z_BUF_ERROR && status != Z_STREAM_END)
            return broken(in, z->msg ? z->msg : "invalid DEFLATE data");
        if (status == Z_STREAM_END) {
            /* RFC 7692 7.2.3.4: a block with BFINAL ends zlib's stream, not the context. */
            inflateResetKeep(z);
            if (z->avail_in == 0)
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

void judge_inflater_begin(judge_inflater *in, uint32_t k, bool compressed, bool text)
{
    half *h = in->stream->received;
    judge_piece pieces[2];

    in->k = k;
    in->compressed = compressed;
    in->off = 0;
    in->octets = 0;
    in->n_raw = 0;
    in->matching = in->recording = false;
    in->want = judge_window(&in->stream->windows, k, pieces);
    in->text = text;
    /* What was sent as text is UTF-8, so that it is looked at where it differs; other octets have
     * to be from the first one on. */
    in->wrong = text && !in->stream->windows.text;
    in->utf8 = WSK__UTF8_START;
    in->text_at = 0;
    in->differs = compressed && in->lost;
    if (in->differs)
        return;
    if (!compressed) {
        /* It leaves no trace in the context, which from now on is not that of the half. */
        if (!in->z_valid)
            catch_up(in, 0);
        in->in_step = false;
        return;
    }
    if (in->in_step && k < h->n && !in->wrong) {
        in->matching = true;
        in->z_valid = false;
        return;
    }
    in->recording = in->in_step && k == h->n && !in->wrong;
    if (!in->recording)
        in->in_step = false;
    if (!in->z_valid)
        catch_up(in, 0);
    else if (h->params.no_context_takeover)
        restart(in);
    in->distances.octets = in->made = 0;
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
    if (in->wrong && in->utf8 != WSK__UTF8_START) {
        in->differs = true;
        return JUDGE_INFLATE_NO_TEXT;
    }
    if (in->wrong || in->octets != in->want) {
        in->differs = true;
        return JUDGE_INFLATE_DIFFERS;
    }
    if (in->recording) {
        uint8_t *room = blocks_room(&h->blocks, in->n_raw);

        /* Another connection may have been faster. */
        if (h->n != in->k) {
            in->in_step = h->n > in->k && h->at[in->k].len == in->n_raw &&
                          memcmp(h->at[in->k].data, in->raw, in->n_raw) == 0;
        } else if (room == NULL) {
            in->in_step = false;
        } else {
            memcpy(room, in->raw, in->n_raw);
            h->blocks->used += in->n_raw;
            in->in_step = half_add(h, room, in->n_raw);
        }
    }
    return JUDGE_INFLATE_OK;
}

uint64_t judge_inflater_octets(const judge_inflater *in)
{
    return in->octets;
}

uint64_t judge_inflater_text(const judge_inflater *in)
{
    return in->text_at;
}

const char *judge_inflater_error(const judge_inflater *in)
{
    return in->error;
}
