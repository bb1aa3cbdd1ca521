/* SPDX-License-Identifier: MIT */
/*
 * Distances of DEFLATE data against zlib that puts out one octet a call, which leaves it no output
 * to look back into: the same match of the same data reaches too far, however they are cut.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <zlib.h>

#include "conformance/distances.h"

#define LEN 60000

static uint64_t seed = 1;

static unsigned dice(unsigned n)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(seed >> 33) % n;
}

/* Octets before the match that reaches too far; UINT64_MAX: none does. */
static uint64_t by_zlib(const uint8_t *data, size_t n, unsigned bits)
{
    uint64_t octets = 0;
    uint8_t octet;
    z_stream z = {.next_in = (uint8_t *)(uintptr_t)data, .avail_in = (uInt)n};
    int status;

    assert_int_equal(inflateInit2(&z, -(int)bits), Z_OK);
    do {
        z.next_out = &octet;
        z.avail_out = 1;
        status = inflate(&z, Z_SYNC_FLUSH);
        octets += z.avail_out == 0;
        if (status == Z_STREAM_END)
            assert_int_equal(inflateResetKeep(&z), Z_OK);
    } while (status == Z_OK || (status == Z_STREAM_END && z.avail_in > 0));
    if (status == Z_DATA_ERROR)
        assert_string_equal(z.msg, "invalid distance too far back");
    inflateEnd(&z);
    return status == Z_DATA_ERROR ? octets : UINT64_MAX;
}

static uint64_t by_us(const uint8_t *data, size_t n, unsigned bits, size_t cut)
{
    judge_distances d;
    bool good = true;

    judge_distances_begin(&d, bits);
    for (size_t at = 0; at < n && good; at += cut)
        good = judge_distances_feed(&d, data + at, n - at < cut ? n - at : cut);
    if (good)
        assert_int_equal(d.octets, LEN);
    return good ? UINT64_MAX : d.octets;
}

/* What repeats itself now and then from anywhere before. */
static void make_text(uint8_t *text)
{
    size_t at = 0;

    while (at < LEN) {
        const size_t n = 1 + dice(200), len = n < LEN - at ? n : LEN - at;

        if (at > 300 && dice(3) != 0) {
            const size_t from = dice((unsigned)(at - len));

            memcpy(text + at, text + from, len);
        } else {
            for (size_t i = 0; i < len; i++)
                text[at + i] = (uint8_t)(dice(4) ? 'a' + dice(6) : dice(256));
        }
        at += len;
    }
}

/* In several blocks, of which one is perhaps final. */
static size_t pack(const uint8_t *text, uint8_t *out, size_t room, int level, int strategy,
                   int window, bool final)
{
    z_stream z = {.next_in = (uint8_t *)(uintptr_t)text, .next_out = out, .avail_out = (uInt)room};

    assert_int_equal(deflateInit2(&z, level, Z_DEFLATED, -window, 1 + (int)dice(9), strategy),
                     Z_OK);
    for (size_t at = 0; at < LEN;) {
        const size_t n = 1 + dice(30000), len = n < LEN - at ? n : LEN - at;
        const bool ends = final && at + len < LEN && dice(2) == 0;

        z.avail_in = (uInt)len;
        deflate(&z, ends ? Z_FINISH : dice(2) ? Z_SYNC_FLUSH : Z_PARTIAL_FLUSH);
        assert_int_equal(z.avail_in, 0);
        at += len;
        if (ends)
            assert_int_equal(deflateReset(&z), Z_OK);
    }
    deflate(&z, Z_SYNC_FLUSH);
    deflateEnd(&z);
    return room - z.avail_out;
}

static void the_same_matches_reach_too_far(void **state)
{
    static const int strategies[] = {Z_DEFAULT_STRATEGY, Z_FIXED, Z_HUFFMAN_ONLY, Z_RLE,
                                     Z_FILTERED};
    uint8_t *text = malloc(LEN), *packed = malloc(2 * LEN);
    unsigned far = 0, near_enough = 0;

    (void)state;
    for (unsigned i = 0; i < 40; i++) {
        const int window = 9 + (int)dice(7);
        size_t n;

        make_text(text);
        n = pack(text, packed, (size_t)2 * LEN, (int)dice(10), strategies[dice(5)], window, i & 1);
        for (unsigned bits = 9; bits <= 15; bits++) {
            const uint64_t at = by_zlib(packed, n, bits);

            assert_int_equal(by_us(packed, n, bits, n), at);
            assert_int_equal(by_us(packed, n, bits, 1), at);
            assert_int_equal(by_us(packed, n, bits, 1 + dice(1000)), at);
            far += at != UINT64_MAX;
            near_enough += at == UINT64_MAX;
            if ((int)bits >= window)
                assert_true(at == UINT64_MAX);
        }
    }
    assert_true(far > 20 && near_enough > 20);
    free(text);
    free(packed);
}

/* Whatever it is, it is read no further than it goes. */
static void anything_can_be_fed(void **state)
{
    uint8_t *text = malloc(LEN), *packed = malloc(2 * LEN);
    size_t n;

    (void)state;
    make_text(text);
    n = pack(text, packed, (size_t)2 * LEN, 6, Z_DEFAULT_STRATEGY, 15, false);
    for (unsigned i = 0; i < 3000; i++) {
        const size_t len = 1 + dice(500);
        uint8_t *octets = malloc(len);
        judge_distances d;

        if (i % 3 == 0) {
            for (size_t k = 0; k < len; k++)
                octets[k] = (uint8_t)dice(256);
        } else {
            memcpy(octets, packed + (i % 3 == 1 ? 0 : dice((unsigned)(n - len))), len);
            octets[dice((unsigned)len)] ^= (uint8_t)(1u << dice(8));
        }
        judge_distances_begin(&d, 8);
        judge_distances_feed(&d, octets, len);
        assert_true(d.n <= 64 && d.octets <= len * 2000);
        free(octets);
    }
    free(text);
    free(packed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_matches_reach_too_far),
        cmocka_unit_test(anything_can_be_fed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
