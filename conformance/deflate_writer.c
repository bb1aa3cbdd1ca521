/* SPDX-License-Identifier: MIT */
/* See deflate_writer.h. */
#include "conformance/deflate_writer.h"

#include <assert.h>
#include <string.h>

void deflate_begin_empty(deflate_writer *w)
{
    memset(w, 0, sizeof(*w));
}

size_t deflate_octets(const deflate_writer *w)
{
    return (w->bits + 7) / 8;
}

static void put(deflate_writer *w, unsigned bit)
{
    assert(w->bits / 8 < sizeof(w->at));
    w->at[w->bits / 8] |= (uint8_t)(bit << (w->bits & 7));
    w->bits++;
}

/* RFC 1951 3.1.1 */
void deflate_bits(deflate_writer *w, unsigned value, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        put(w, value >> i & 1);
}

void deflate_code(deflate_writer *w, unsigned code, unsigned n)
{
    for (unsigned i = n; i-- > 0;)
        put(w, code >> i & 1);
}

void deflate_align(deflate_writer *w)
{
    w->bits = (w->bits + 7) & ~(size_t)7;
}

static void octets(deflate_writer *w, const void *data, size_t len)
{
    assert(w->bits % 8 == 0 && w->bits / 8 + len <= sizeof(w->at));
    memcpy(w->at + w->bits / 8, data, len);
    w->bits += len * 8;
}

/* RFC 1951 3.2.4 */
void deflate_stored(deflate_writer *w, bool final, const void *data, size_t len)
{
    assert(len <= 65535);
    deflate_bits(w, final, 1);
    deflate_bits(w, 0, 2);
    deflate_align(w);
    deflate_bits(w, (unsigned)len, 16);
    deflate_bits(w, ~(unsigned)len & 0xffff, 16);
    octets(w, data, len);
}

void deflate_fixed(deflate_writer *w, bool final)
{
    deflate_bits(w, final, 1);
    deflate_bits(w, 1, 2);
}

/* RFC 1951 3.2.6 */
static void symbol(deflate_writer *w, unsigned s)
{
    if (s < 144)
        deflate_code(w, 0x30 + s, 8);
    else if (s < 256)
        deflate_code(w, 0x190 + s - 144, 9);
    else if (s < 280)
        deflate_code(w, s - 256, 7);
    else
        deflate_code(w, 0xc0 + s - 280, 8);
}

void deflate_literals(deflate_writer *w, const void *data, size_t len)
{
    const uint8_t *p = data;

    for (size_t i = 0; i < len; i++)
        symbol(w, p[i]);
}

/* RFC 1951 3.2.5: the code with the greatest base that is not above the value. */
static unsigned code_of(const uint16_t *base, unsigned n, unsigned value)
{
    unsigned i = n - 1;

    while (base[i] > value)
        i--;
    return i;
}

void deflate_match(deflate_writer *w, unsigned len, unsigned distance)
{
    static const uint16_t lengths[] = {3,  4,  5,  6,   7,   8,   9,   10,  11, 13,
                                       15, 17, 19, 23,  27,  31,  35,  43,  51, 59,
                                       67, 83, 99, 115, 131, 163, 195, 227, 258};
    static const uint16_t distances[] = {
        1,   2,   3,   4,   5,   7,    9,    13,   17,   25,   33,   49,   65,    97,    129,
        193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577};
    const unsigned l = code_of(lengths, 29, len), d = code_of(distances, 30, distance);

    symbol(w, 257 + l);
    if (l >= 8 && l < 28)
        deflate_bits(w, len - lengths[l], (l - 4) / 4);
    deflate_code(w, d, 5);
    if (d >= 4)
        deflate_bits(w, distance - distances[d], (d - 2) / 2);
}

void deflate_end_block(deflate_writer *w)
{
    symbol(w, 256);
}

void deflate_end_message(deflate_writer *w)
{
    deflate_bits(w, 0, 3);
    deflate_align(w);
}

void deflate_empty_stored(deflate_writer *w)
{
    deflate_end_message(w);
    octets(w, "\0\0\xff\xff", 4);
}

void deflate_densest(deflate_writer *w)
{
    /* RFC 1951 3.2.7. Lengths of codes: 1 for 285 (258 octets), 2 for a literal 0 and for the end
     * of the block, 1 for the distance 1. They are told with codes of their own: 18 (a run of
     * zeros), 1, 2, each of 2 bits; 0 is not needed. */
    static const uint8_t order[] = {16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1};

    deflate_bits(w, 0, 1);
    deflate_bits(w, 2, 2);
    deflate_bits(w, 286 - 257, 5);
    deflate_bits(w, 1 - 1, 5);
    deflate_bits(w, sizeof(order) - 4, 4);
    for (size_t i = 0; i < sizeof(order); i++)
        deflate_bits(w, order[i] == 18 ? 1 : order[i] == 1 || order[i] == 2 ? 2 : 0, 3);
    /* Canonical: 18 is 0, 1 is 10, 2 is 11. */
    deflate_code(w, 3, 2); /* literal 0: 2 */
    deflate_code(w, 0, 1); /* 138 zeros */
    deflate_bits(w, 138 - 11, 7);
    deflate_code(w, 0, 1); /* 117 zeros: to 255 */
    deflate_bits(w, 117 - 11, 7);
    deflate_code(w, 3, 2); /* 256: 2 */
    deflate_code(w, 0, 1); /* 28 zeros: to 284 */
    deflate_bits(w, 28 - 11, 7);
    deflate_code(w, 2, 2); /* 285: 1 */
    deflate_code(w, 2, 2); /* distance 1: 1 */
    /* Now 285 is 0, literal 0 is 10, the end is 11; the distance is 0. */
    deflate_code(w, 2, 2); /* something to repeat */
}
