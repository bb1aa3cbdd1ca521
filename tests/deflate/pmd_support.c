/* SPDX-License-Identifier: MIT */
/* See pmd_support.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "deflate/pmd_state.h"
#include "pmd_support.h"

void octets_add(octets *b, const void *p, size_t n)
{
    if (b->len + n > b->cap) {
        b->cap = (b->len + n) * 2;
        b->ptr = realloc(b->ptr, b->cap);
        if (b->ptr == NULL)
            abort();
    }
    if (n > 0)
        memcpy(b->ptr + b->len, p, n);
    b->len += n;
}

void octets_free(octets *b)
{
    free(b->ptr);
    memset(b, 0, sizeof(*b));
}

wsk__codec_choice pmd_codecs = WSK__CODEC_BEST;

void pmd_codecs_from(int argc, char **argv)
{
    static const char *const names[] = {"best", "zlib", "isal", "isal-fixed"};

    for (unsigned i = 0; argc > 1 && i < 4; i++)
        if (strcmp(argv[1], names[i]) == 0)
            pmd_codecs = (wsk__codec_choice)i;
}

int pmd_pair_open(pmd_pair *p, const pmd_want *want, const wsk_hooks *hooks,
                  wsk__coder_pool *server_pool, wsk__coder_pool *client_pool)
{
    wsk_deflate_options o = {
        .size = sizeof(o),
        .enabled = true,
        .level = want->level,
        .mem_level = want->mem_level,
        .threshold = 1,
    };
    unsigned server_bits = want->server_bits ? want->server_bits : 15;
    unsigned client_bits = want->client_bits ? want->client_bits : 15;
    wsk__pmd_state *server = NULL, *client = NULL;

    assert_int_equal(wsk__pmd_config_init(&p->server_cfg, &o, hooks), 0);
    assert_int_equal(wsk__pmd_config_init(&p->client_cfg, &o, hooks), 0);
    p->server_cfg.codecs = p->client_cfg.codecs = pmd_codecs;
    p->ext = &p->server_cfg.extension;
    p->server = p->client = NULL;
    int r = wsk__pmd_state_new(&server, &p->server_cfg,
                               &(wsk__pmd_agreed){server_bits, client_bits,
                                                  !want->server_no_takeover,
                                                  !want->client_no_takeover});
    if (r < 0)
        return r;
    r = wsk__pmd_state_new(&client, &p->client_cfg,
                           &(wsk__pmd_agreed){client_bits, server_bits, !want->client_no_takeover,
                                              !want->server_no_takeover});
    if (r < 0) {
        p->ext->release(server);
        return r;
    }
    p->server = server;
    p->client = client;
    if (server_pool != NULL)
        wsk__pmd_use_pool(p->server, server_pool);
    if (client_pool != NULL)
        wsk__pmd_use_pool(p->client, client_pool);
    return 0;
}

void pmd_pair_close(pmd_pair *p)
{
    p->ext->release(p->server);
    p->ext->release(p->client);
    p->server = p->client = NULL;
}

wsk__coder *pmd_coder(const wsk__half *half)
{
    return wsk__half_coder(half);
}

wsk__history *pmd_history(const wsk__half *half)
{
    return wsk__half_history(half);
}

#define GUARD 16

typedef int transform(void *state, wsk_ext_io *io, bool fin);

static int run_all(transform *f, void *state, const uint8_t *data, size_t len, size_t cut,
                   size_t room, size_t limit, octets *ret)
{
    size_t big = room == SIZE_MAX ? 65536 : room, pos = 0, idle = 0;
    uint8_t *out = malloc(big + GUARD);
    int r = WSK_EXT_DONE;
    bool fin;

    do {
        size_t n = len - pos < cut ? len - pos : cut;
        wsk_ext_io io = {.in = data + pos, .in_len = n};

        fin = pos + n == len;
        do {
            size_t before = io.in_len;

            memset(out, 0xEE, big + GUARD);
            io.out = out;
            io.out_len = big;
            r = f(state, &io, fin);
            assert_true(io.in_len <= before && io.in == data + pos + n - io.in_len);
            assert_true(io.out_len <= big && io.out == out + big - io.out_len);
            for (size_t i = 0; i < GUARD; i++)
                assert_int_equal(out[big + i], 0xEE);
            if (r < 0)
                goto end;
            octets_add(ret, out, big - io.out_len);
            if (ret->len > limit) {
                r = WSK_ERR_LIMIT;
                goto end;
            }
            idle = io.in_len == before && io.out_len == big ? idle + 1 : 0;
            assert_true(r == WSK_EXT_DONE || idle == 0);
        } while (r == WSK_EXT_MORE);
        assert_int_equal(io.in_len, 0);
        pos += n;
    } while (!fin);
end:
    free(out);
    return r;
}

int pmd_encode_all(const wsk_extension *ext, void *state, const void *data, size_t len, size_t cut,
                   size_t room, octets *ret)
{
    int r = ext->encode_begin(state, WSK_OP_BINARY, cut == SIZE_MAX ? len : UINT64_MAX,
                              WSK_SEND_COMPRESS);

    if (r == 0)
        return WSK_ERR_NOMEM;
    assert_int_equal(r, WSK_RSV1);
    return run_all(ext->encode, state, data, len, cut, room, SIZE_MAX, ret);
}

int pmd_decode_all(const wsk_extension *ext, void *state, const void *data, size_t len, size_t cut,
                   size_t room, size_t limit, octets *ret)
{
    int r = ext->decode_begin(state, WSK_OP_BINARY, WSK_RSV1);

    if (r < 0)
        return r;
    assert_int_equal(r, 1);
    return run_all(ext->decode, state, data, len, cut, room, limit, ret);
}

static uint32_t step(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

void sample_json(uint8_t *buf, size_t n, unsigned seed)
{
    static const char *const names[] = {"alice", "bob", "carol", "dave", "erin", "frank"};
    static const char *const words[] = {"open",  "high", "low",   "close",  "volume",
                                        "price", "bid",  "trade", "symbol", "depth"};
    uint32_t s = seed * 2654435761u + 1;
    size_t pos = 0;

    while (pos < n) {
        char line[256];
        uint32_t a = step(&s), b = step(&s), c = step(&s), d = step(&s);
        int k = snprintf(line, sizeof(line),
                         "{\"id\":%u,\"user\":\"%s\",\"%s\":%u.%02u,\"%s\":%u,\"ok\":%s,"
                         "\"ts\":17%08u},",
                         a % 100000, names[b % 6], words[c % 10], d % 1000, a % 100,
                         words[(c + 1 + d % 9) % 10], b % 10000, a & 1 ? "true" : "false",
                         c % 100000000);
        size_t take = n - pos < (size_t)k ? n - pos : (size_t)k;
        memcpy(buf + pos, line, take);
        pos += take;
    }
}

void sample_random(uint8_t *buf, size_t n, unsigned seed)
{
    uint32_t s = seed * 2654435761u + 12345;

    for (size_t i = 0; i < n; i++)
        buf[i] = (uint8_t)(step(&s) >> 7);
}

/* ---- the reference inflater: bit by bit, RFC 1951 to the letter, no speed ---- */

typedef struct bits {
    const uint8_t *in;
    size_t n, pos; /* pos counts bits */
    bool bad;
} bits;

typedef struct huffman {
    uint16_t count[16], symbol[320];
} huffman;

static unsigned get(bits *b, unsigned n)
{
    unsigned v = 0;

    for (unsigned i = 0; i < n; i++, b->pos++) {
        if (b->pos >= b->n * 8) {
            b->bad = true;
            return 0;
        }
        v |= (unsigned)(b->in[b->pos / 8] >> (b->pos % 8) & 1) << i;
    }
    return v;
}

/* RFC 1951 3.2.2. False for more codes than there is room for, or fewer than two of several. */
static bool huffman_build(huffman *h, const uint8_t *lengths, unsigned n)
{
    uint16_t offset[16] = {0};
    int left = 1;

    memset(h, 0, sizeof(*h));
    for (unsigned i = 0; i < n; i++)
        h->count[lengths[i]]++;
    for (unsigned len = 1; len < 16; len++) {
        left = left * 2 - h->count[len];
        if (left < 0)
            return false;
        if (len < 15)
            offset[len + 1] = (uint16_t)(offset[len] + h->count[len]);
    }
    for (unsigned i = 0; i < n; i++)
        if (lengths[i] != 0)
            h->symbol[offset[lengths[i]]++] = (uint16_t)i;
    return left == 0 || n - h->count[0] <= 1;
}

static unsigned huffman_get(bits *b, const huffman *h)
{
    int code = 0, first = 0, index = 0;

    for (unsigned len = 1; len < 16 && !b->bad; len++) {
        code |= (int)get(b, 1);
        int count = h->count[len];
        if (code - count < first)
            return h->symbol[index + code - first];
        index += count;
        first = (first + count) * 2;
        code *= 2;
    }
    b->bad = true;
    return 0;
}

static bool read_codes(bits *b, huffman *lit, huffman *dist)
{
    static const uint8_t order[19] = {16, 17, 18, 0, 8,  7, 9,  6, 10, 5,
                                      11, 4,  12, 3, 13, 2, 14, 1, 15};
    uint8_t lengths[320] = {0};
    huffman meta;
    unsigned nlit = get(b, 5) + 257, ndist = get(b, 5) + 1, nmeta = get(b, 4) + 4, i;

    if (b->bad || nlit > 286 || ndist > 30)
        return false;
    for (i = 0; i < nmeta; i++)
        lengths[order[i]] = (uint8_t)get(b, 3);
    if (!huffman_build(&meta, lengths, 19))
        return false;
    for (i = 0; i < nlit + ndist && !b->bad;) {
        unsigned s = huffman_get(b, &meta), times = 1, value = s;

        if (s >= 16) {
            if (s == 16 && i == 0)
                return false;
            value = s == 16 ? lengths[i - 1] : 0;
            times = s == 16 ? 3 + get(b, 2) : s == 17 ? 3 + get(b, 3) : 11 + get(b, 7);
        }
        if (i + times > nlit + ndist)
            return false;
        while (times-- > 0)
            lengths[i++] = (uint8_t)value;
    }
    return !b->bad && lengths[256] != 0 && huffman_build(lit, lengths, nlit) &&
           huffman_build(dist, lengths + nlit, ndist);
}

static void fixed_codes(huffman *lit, huffman *dist)
{
    uint8_t lengths[288];

    memset(lengths, 8, 144);
    memset(lengths + 144, 9, 112);
    memset(lengths + 256, 7, 24);
    memset(lengths + 280, 8, 8);
    huffman_build(lit, lengths, 288);
    memset(lengths, 5, 30);
    huffman_build(dist, lengths, 30);
}

static bool read_block(bits *b, const huffman *lit, const huffman *dist, octets *out,
                       size_t *max_distance)
{
    for (;;) {
        unsigned s = huffman_get(b, lit);

        if (b->bad || s == 256)
            return !b->bad;
        if (s < 256) {
            uint8_t v = (uint8_t)s;
            octets_add(out, &v, 1);
            continue;
        }
        if (s > 285)
            return false;
        s -= 257;
        unsigned extra = s < 8 || s == 28 ? 0 : s / 4 - 1;
        unsigned len = s == 28 ? 258 : s < 8 ? s + 3 : ((4 + s % 4) << extra) + 3;
        len += get(b, extra);
        unsigned d = huffman_get(b, dist);
        if (b->bad || d > 29)
            return false;
        extra = d < 4 ? 0 : d / 2 - 1;
        size_t distance = d < 4 ? d + 1 : ((2 + d % 2) << extra) + 1;
        distance += get(b, extra);
        if (b->bad || distance > out->len)
            return false;
        if (distance > *max_distance)
            *max_distance = distance;
        while (len-- > 0) {
            uint8_t v = out->ptr[out->len - distance];
            octets_add(out, &v, 1);
        }
    }
}

static bool read_stored(bits *b, octets *out)
{
    b->pos = (b->pos + 7) / 8 * 8;
    unsigned len = get(b, 16), inverse = get(b, 16);

    if (b->bad || (len ^ 0xFFFF) != inverse || b->n - b->pos / 8 < len)
        return false;
    octets_add(out, b->in + b->pos / 8, len);
    b->pos += (size_t)len * 8;
    return true;
}

bool reference_inflate(const uint8_t *in, size_t n, octets *out, size_t *max_distance)
{
    octets whole = {0};
    bool ok = true;

    octets_add(&whole, in, n);
    octets_add(&whole, "\x00\x00\xff\xff", 4);
    bits b = {whole.ptr, whole.len, 0, false};
    while (ok && b.pos < b.n * 8) {
        bool final = get(&b, 1) != 0;
        unsigned type = get(&b, 2);
        huffman lit, dist;

        if (b.bad) {
            ok = false;
        } else if (type == 0) {
            ok = read_stored(&b, out);
        } else if (type == 1) {
            fixed_codes(&lit, &dist);
            ok = read_block(&b, &lit, &dist, out, max_distance);
        } else {
            ok = type == 2 && read_codes(&b, &lit, &dist) &&
                 read_block(&b, &lit, &dist, out, max_distance);
        }
        if (final)
            b.pos = (b.pos + 7) / 8 * 8;
    }
    octets_free(&whole);
    return ok;
}
