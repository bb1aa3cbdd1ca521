/* SPDX-License-Identifier: MIT */
/* See distances.h. Each step takes all of its bits or none, so that it can be tried again. */
#include "conformance/distances.h"

#include <string.h>

enum { HEADER, STORED_LEN, STORED, SIZES, CODE_LENS, LENS, CODES, DEAD };

/* Of a symbol. */
enum { MORE = -1, NONE = -2 };

void judge_distances_begin(judge_distances *d, unsigned window_bits)
{
    d->window = 1u << window_bits;
    d->state = HEADER;
    d->final = false;
    d->hold = 0;
    d->n = 0;
    d->octets = 0;
}

static unsigned take(judge_distances *d, unsigned bits)
{
    const unsigned value = (unsigned)(d->hold & ((UINT64_C(1) << bits) - 1));

    d->hold >>= bits;
    d->n -= bits;
    return value;
}

static void make_code(judge_huffman *h, const uint8_t *lens, unsigned n)
{
    uint16_t at[16] = {0};

    memset(h->count, 0, sizeof(h->count));
    for (unsigned i = 0; i < n; i++)
        h->count[lens[i]]++;
    h->count[0] = 0;
    for (unsigned i = 1; i < 15; i++)
        at[i + 1] = (uint16_t)(at[i] + h->count[i]);
    for (unsigned i = 0; i < n; i++) {
        if (lens[i] != 0)
            h->symbol[at[lens[i]]++] = (uint16_t)i;
    }
}

/* The symbol of the code `skip` bits on, and in *ret_end the bits up to its end. */
static int symbol(const judge_distances *d, const judge_huffman *h, unsigned skip,
                  unsigned *ret_end)
{
    uint64_t bits = d->hold >> skip;
    unsigned code = 0, first = 0, at = 0;

    for (unsigned len = 1; len <= 15; len++) {
        if (skip + len > d->n)
            return MORE;
        code = code << 1 | (unsigned)(bits & 1);
        bits >>= 1;
        first <<= 1;
        if (code < first)
            return NONE;
        if (code - first < h->count[len]) {
            *ret_end = skip + len;
            return h->symbol[at + code - first];
        }
        first += h->count[len];
        at += h->count[len];
    }
    return NONE;
}

/* RFC 1951 3.2.6 */
static void fixed_codes(judge_distances *d)
{
    memset(d->lens, 8, 144);
    memset(d->lens + 144, 9, 112);
    memset(d->lens + 256, 7, 24);
    memset(d->lens + 280, 8, 8);
    make_code(&d->lit, d->lens, 288);
    memset(d->lens, 5, 30);
    make_code(&d->dist, d->lens, 30);
}

static bool end_block(judge_distances *d)
{
    /* RFC 7692 7.2.3.4: behind a block with BFINAL there may be others, from the next octet on. */
    if (d->final)
        take(d, d->n & 7);
    d->state = HEADER;
    return true;
}

/* All of the following return true if there may be more to be done. */
static bool header(judge_distances *d)
{
    static const uint8_t next[] = {STORED_LEN, CODES, SIZES, DEAD};
    unsigned type;

    if (d->n < 3)
        return false;
    d->final = take(d, 1) != 0;
    type = take(d, 2);
    d->state = next[type];
    if (type == 0)
        take(d, d->n & 7);
    else if (type == 1)
        fixed_codes(d);
    return true;
}

static bool stored_len(judge_distances *d)
{
    if (d->n < 32)
        return false;
    d->left = take(d, 16);
    take(d, 16);
    d->state = STORED;
    return true;
}

static bool stored(judge_distances *d)
{
    while (d->left > 0 && d->n >= 8) {
        take(d, 8);
        d->left--;
        d->octets++;
    }
    return d->left == 0 && end_block(d);
}

static bool sizes(judge_distances *d)
{
    if (d->n < 14)
        return false;
    d->n_lit = take(d, 5) + 257;
    d->n_all = d->n_lit + take(d, 5) + 1;
    d->n_code = take(d, 4) + 4;
    d->have = 0;
    memset(d->lens, 0, sizeof(d->lens));
    d->state = d->n_lit > 286 || d->n_all - d->n_lit > 30 ? DEAD : CODE_LENS;
    return true;
}

/* RFC 1951 3.2.7 */
static bool code_lens(judge_distances *d)
{
    static const uint8_t order[] = {16, 17, 18, 0, 8,  7, 9,  6, 10, 5,
                                    11, 4,  12, 3, 13, 2, 14, 1, 15};

    if (d->n < 3)
        return false;
    d->lens[order[d->have++]] = (uint8_t)take(d, 3);
    if (d->have == d->n_code) {
        make_code(&d->code, d->lens, 19);
        d->have = 0;
        d->state = LENS;
    }
    return true;
}

static bool lens(judge_distances *d)
{
    static const uint8_t extra[] = {2, 3, 7}, least[] = {3, 3, 11};
    unsigned end = 0, times = 1;
    const int s = symbol(d, &d->code, 0, &end);
    uint8_t len = (uint8_t)s;

    if (s == MORE || (s >= 16 && d->n < end + extra[s - 16]))
        return false;
    if (s == NONE || (s == 16 && d->have == 0)) {
        d->state = DEAD;
        return true;
    }
    take(d, end);
    if (s >= 16) {
        times = least[s - 16] + take(d, extra[s - 16]);
        len = s == 16 ? d->lens[d->have - 1] : 0;
    }
    if (times > d->n_all - d->have) {
        d->state = DEAD;
        return true;
    }
    memset(d->lens + d->have, len, times);
    d->have += times;
    if (d->have == d->n_all) {
        make_code(&d->lit, d->lens, d->n_lit);
        make_code(&d->dist, d->lens + d->n_lit, d->n_all - d->n_lit);
        d->state = CODES;
    }
    return true;
}

/* What stands in a block, up to its end or the end of the bits. False: a match reaches too far. */
static bool codes(judge_distances *d, bool *ret_more)
{
    unsigned end = 0, from, extra, len, distance;
    int s = symbol(d, &d->lit, 0, &end);

    *ret_more = s != MORE;
    if (s == MORE)
        return true;
    if (s == NONE || s > 285) {
        d->state = DEAD;
        return true;
    }
    if (s <= 256) {
        take(d, end);
        if (s == 256)
            end_block(d);
        else
            d->octets++;
        return true;
    }
    /* RFC 1951 3.2.5 */
    s -= 257;
    extra = s < 8 || s == 28 ? 0 : ((unsigned)s >> 2) - 1;
    len = s < 8 ? (unsigned)s + 3 : s == 28 ? 258 : 3 + ((4 + ((unsigned)s & 3)) << extra);
    from = end;
    s = symbol(d, &d->dist, end + extra, &end);
    if (s == NONE) {
        d->state = DEAD;
        return true;
    }
    if (s != MORE) {
        const unsigned more = s < 4 ? 0 : ((unsigned)s >> 1) - 1;

        if (d->n >= end + more) {
            take(d, from);
            len += take(d, extra);
            take(d, end - from - extra);
            distance = (s < 4 ? 1 + (unsigned)s : 1 + ((2 + ((unsigned)s & 1)) << more)) +
                       take(d, more);
            if (distance > d->window)
                return false;
            d->octets += len;
            return true;
        }
    }
    *ret_more = false;
    return true;
}

/* Until more bits are needed. */
static bool run(judge_distances *d)
{
    bool more = true;

    while (more) {
        switch (d->state) {
        case HEADER:
            more = header(d);
            break;
        case STORED_LEN:
            more = stored_len(d);
            break;
        case STORED:
            more = stored(d);
            break;
        case SIZES:
            more = sizes(d);
            break;
        case CODE_LENS:
            more = code_lens(d);
            break;
        case LENS:
            more = lens(d);
            break;
        case CODES:
            if (!codes(d, &more))
                return false;
            break;
        default:
            return true;
        }
    }
    return true;
}

bool judge_distances_feed(judge_distances *d, const uint8_t *data, size_t len)
{
    while (len > 0 && d->state != DEAD) {
        /* No step takes more than 48 bits. */
        while (len > 0 && d->n <= 56) {
            d->hold |= (uint64_t)*data++ << d->n;
            d->n += 8;
            len--;
        }
        if (!run(d)) {
            d->state = DEAD;
            return false;
        }
    }
    return true;
}
