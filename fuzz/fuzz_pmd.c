/* SPDX-License-Identifier: MIT */
/*
 * permessage-deflate, both ways. Input: four octets that choose how (see `plan`), then messages,
 * each behind two octets of length.
 *
 * Even first octet: the messages are compressed ones from a peer. Each codec reads them whole and
 * in pieces; a codec must come to the same result both times, and two codecs that both accept a
 * message must agree on what it says.
 * Odd: the messages are plain, are compressed and must come back the same from every codec.
 */
#include <stdlib.h>
#include <string.h>

#include "deflate/pmd_state.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Enough to pass the window several times; a bomb need not be followed farther. */
#define LIMIT ((size_t)200000)

typedef struct plan {
    bool compress, takeover, trim, pooled;
    unsigned bits;
    int level;
    size_t cut, room;
} plan;

typedef struct side {
    wsk__pmd_config cfg;
    wsk__pmd_state *state;
    wsk__coder_pool *pool;
} side;

static void check(bool ok)
{
    if (!ok)
        abort();
}

static void side_open(side *s, const plan *p, wsk__codec_choice codecs)
{
    wsk_deflate_options o = {.size = sizeof(o), .enabled = true, .level = p->level};

    check(wsk__pmd_config_init(&s->cfg, &o, NULL) == 0);
    s->cfg.codecs = codecs;
    s->pool = NULL;
    check(wsk__pmd_state_new(&s->state, &s->cfg,
                             &(wsk__pmd_agreed){p->bits, p->bits, p->takeover, p->takeover}) == 0);
    if (p->pooled) {
        check(wsk__coder_pool_new(&s->pool, NULL) == 0);
        wsk__pmd_use_pool(s->state, s->pool);
    }
}

static void side_close(side *s)
{
    s->cfg.extension.release(s->state);
    wsk__coder_pool_free(s->pool);
}

typedef int transform(void *state, wsk_ext_io *io, bool fin);

/* A message through a transform. The input ends where its allocation ends. */
static int run(transform *f, void *state, const uint8_t *data, size_t n, size_t cut, size_t room,
               uint8_t *out, size_t *ret_len)
{
    size_t pos = 0, len = 0;
    int r;

    for (;;) {
        size_t take = n - pos < cut ? n - pos : cut;
        uint8_t *piece = malloc(take + (take == 0));
        bool fin = pos + take == n;

        check(piece != NULL);
        if (take > 0)
            memcpy(piece, data + pos, take);
        wsk_ext_io io = {piece, take, NULL, 0};
        do {
            size_t give = LIMIT - len < room ? LIMIT - len : room;

            io.out = out + len;
            io.out_len = give;
            r = f(state, &io, fin);
            check(io.in_len <= take && io.out_len <= give);
            len += give - io.out_len;
        } while (r == WSK_EXT_MORE && len < LIMIT);
        check(r < 0 || r == WSK_EXT_MORE || io.in_len == 0);
        free(piece);
        pos += take;
        if (r != WSK_EXT_DONE || fin)
            break;
    }
    *ret_len = len;
    return r;
}

static int decode(side *s, const plan *p, const uint8_t *data, size_t n, bool pieces, uint8_t *out,
                  size_t *ret_len)
{
    const wsk_extension *ext = &s->cfg.extension;

    check(ext->decode_begin(s->state, WSK_OP_TEXT, WSK_RSV1) == 1);
    int r = run(ext->decode, s->state, data, n, pieces ? p->cut : SIZE_MAX,
                pieces ? p->room : SIZE_MAX, out, ret_len);
    if (p->trim && r == WSK_EXT_DONE)
        ext->trim(s->state);
    return r;
}

/* The next message. False at the end. */
static bool next_message(const uint8_t **data, size_t *size, const uint8_t **ret, size_t *ret_n)
{
    if (*size < 2)
        return false;
    size_t n = (size_t)(*data)[0] << 8 | (*data)[1];
    *data += 2;
    *size -= 2;
    *ret = *data;
    *ret_n = n < *size ? n : *size;
    *data += *ret_n;
    *size -= *ret_n;
    return true;
}

static void from_peer(const plan *p, const uint8_t *data, size_t size, uint8_t *const bufs[6])
{
    /* zlib and ISA-L, each whole and in pieces; and the choice that connections make */
    static const wsk__codec_choice codecs[5] = {WSK__CODEC_ZLIB, WSK__CODEC_ZLIB, WSK__CODEC_ISAL,
                                                WSK__CODEC_ISAL, WSK__CODEC_BEST};
    side sides[5];
    bool alive[5] = {true, true, true, true, true};
    const uint8_t *message;
    size_t n, len[5] = {0};
    int r[5] = {0};

    for (unsigned i = 0; i < 5; i++)
        side_open(&sides[i], p, codecs[i]);
    while (next_message(&data, &size, &message, &n)) {
        for (unsigned i = 0; i < 5; i++)
            if (alive[i])
                r[i] = decode(&sides[i], p, message, n, i % 2 != 0, bufs[i], &len[i]);
        for (unsigned i = 0; i < 5; i++) {
            alive[i] = alive[i] && r[i] == WSK_EXT_DONE;
            for (unsigned k = 0; k < i; k++)
                if (alive[i] && alive[k])
                    check(len[i] == len[k] && memcmp(bufs[i], bufs[k], len[i]) == 0);
        }
        /* Below the largest window zlib is not exact to the octet, see codec_zlib.c. */
        if (p->bits == 15)
            check(alive[0] == alive[1] && alive[2] == alive[3]);
        if (!alive[0] && !alive[2])
            break;
    }
    for (unsigned i = 0; i < 5; i++)
        side_close(&sides[i]);
}

static void to_peer(const plan *p, wsk__codec_choice codecs, const uint8_t *data, size_t size,
                    uint8_t *const bufs[6])
{
    side sender, readers[3];
    const uint8_t *message;
    size_t n, wire_len, len;
    bool pieces = false;

    side_open(&sender, p, codecs);
    for (unsigned i = 0; i < 3; i++)
        side_open(&readers[i], p, (wsk__codec_choice)i);
    const wsk_extension *ext = &sender.cfg.extension;
    while (next_message(&data, &size, &message, &n)) {
        check(ext->encode_begin(sender.state, WSK_OP_TEXT, pieces ? UINT64_MAX : n,
                                WSK_SEND_COMPRESS) == WSK_RSV1);
        check(run(ext->encode, sender.state, message, n, pieces ? p->cut : SIZE_MAX,
                  pieces ? p->room : SIZE_MAX, bufs[5], &wire_len) == WSK_EXT_DONE);
        for (unsigned i = 0; i < 3; i++) {
            check(decode(&readers[i], p, bufs[5], wire_len, pieces, bufs[i], &len) == WSK_EXT_DONE);
            check(len == n && memcmp(bufs[i], message, n) == 0);
        }
        pieces = !pieces;
        if (p->trim && n % 3 == 0)
            ext->trim(sender.state);
    }
    side_close(&sender);
    for (unsigned i = 0; i < 3; i++)
        side_close(&readers[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *bufs[6];

    if (size < 4)
        return 0;
    plan p = {
        .compress = (data[0] & 1) != 0,
        .takeover = (data[0] & 2) == 0,
        .trim = (data[0] & 4) != 0,
        .pooled = (data[0] & 8) != 0,
        .bits = (data[0] & 16) == 0 ? 15 : 8 + (data[1] & 7),
        .level = (data[1] & 8) == 0 ? 1 : 2 + (data[1] >> 4) % 8,
        .cut = 1 + data[2],
        .room = 1 + data[3],
    };
    for (unsigned i = 0; i < 6; i++) {
        bufs[i] = malloc(LIMIT);
        check(bufs[i] != NULL);
    }
    if (p.compress)
        to_peer(&p, (wsk__codec_choice)(data[0] >> 6), data + 4, size - 4, bufs);
    else
        from_peer(&p, data + 4, size - 4, bufs);
    for (unsigned i = 0; i < 6; i++)
        free(bufs[i]);
    return 0;
}
