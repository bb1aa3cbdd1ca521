/* SPDX-License-Identifier: MIT */
/* What each library's compressor owes whatever its history and however long its stream. */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "deflate/coder.h"
#include "pmd_support.h"
#include "util/attr.h"

static const wsk__codec *const deflaters[] = {
    &wsk__zlib_deflate,
#ifdef WSK_HAVE_ISAL
    &wsk__isal_deflate,
    &wsk__isal_deflate_fixed,
#endif
};

/* One message through a coder that is started, onto wire. */
static void one_message(wsk__coder *c, const uint8_t *data, size_t n, octets *wire)
{
    size_t room = 1 << 20;
    uint8_t *out = malloc(room);
    wsk_ext_io io = {.in = data, .in_len = n};
    int r;

    wsk__coder_message(c);
    do {
        io.out = out;
        io.out_len = room;
        r = wsk__coder_encode(c, &io, true);
        assert_true(r == WSK_EXT_DONE || r == WSK_EXT_MORE);
        octets_add(wire, out, room - io.out_len);
    } while (r == WSK_EXT_MORE);
    assert_int_equal(io.in_len, 0);
    free(out);
}

/* A history may be longer than the window, of which the peer knows no more than the end. */
static void history_beyond_window(void **state)
{
    enum { HISTORY = 32768, REPEAT = 150 };
    uint8_t *hist = malloc(HISTORY), data[2 * REPEAT];

    (void)state;
    sample_random(hist, HISTORY, 1);
    for (unsigned i = 0; i < WSK__COUNT(deflaters); i++) {
        for (unsigned bits = 8; bits <= 14; bits++) {
            wsk__coder_setup setup = {.level = 1, .mem_level = 8, .window_bits = (uint8_t)bits};
            size_t window = (size_t)1 << bits, max_distance = 0;
            octets wire = {0}, seen = {0};
            wsk__coder *c;

            /* What stands before the window, and what stands at its end. */
            memcpy(data, hist + HISTORY - window - REPEAT, REPEAT);
            memcpy(data + REPEAT, hist + HISTORY - REPEAT, REPEAT);
            assert_int_equal(deflaters[i]->create(&c, NULL, &setup), 0);
            assert_int_equal(deflaters[i]->start(c, &setup, hist, HISTORY), 0);
            one_message(c, data, sizeof(data), &wire);
            c->codec->destroy(c);
            octets_add(&seen, hist, HISTORY);
            assert_true(reference_inflate(wire.ptr, wire.len, &seen, &max_distance));
            assert_int_equal(seen.len, HISTORY + sizeof(data));
            assert_memory_equal(seen.ptr + HISTORY, data, sizeof(data));
            assert_true(max_distance <= window);
            /* The window is put to use, where the codec can reach so far back. */
            if (bits > 9)
                assert_true(wire.len < REPEAT * 3 / 2);
            octets_free(&wire);
            octets_free(&seen);
        }
    }
    free(hist);
}

#ifdef WSK_HAVE_ISAL
/* n zeros, which take no memory, from c to d as one message. */
static void send_zeros(wsk__coder *c, wsk__coder *d, size_t n)
{
    const uint8_t *zeros = mmap(NULL, n, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1,
                                0);
    octets wire = {0};
    uint8_t out[32768], none[sizeof(out)] = {0};
    size_t got = 0;
    int r;

    assert_true(zeros != MAP_FAILED);
    one_message(c, zeros, n, &wire);
    munmap((void *)(uintptr_t)zeros, n);
    wsk__coder_message(d);
    wsk_ext_io io = {.in = wire.ptr, .in_len = wire.len};
    do {
        io.out = out;
        io.out_len = sizeof(out);
        r = wsk__coder_decode(d, &io, true);
        assert_true(r == WSK_EXT_DONE || r == WSK_EXT_MORE);
        assert_memory_equal(out, none, sizeof(out) - io.out_len);
        got += sizeof(out) - io.out_len;
    } while (r == WSK_EXT_MORE);
    assert_int_equal(got, n);
    octets_free(&wire);
}

/* Final blocks of an octet each, three octets of input for it (RFC 7692 7.2.3.4), over several
 * windows: what is behind one may be taken from what was before it. */
static void final_blocks_of_an_octet(void **state)
{
    static const wsk__coder_setup setup = {.level = 1, .mem_level = 8, .window_bits = 15};
    /* "a", and a final block that has one; then 258 octets from 32,768 octets before. */
    static const uint8_t block[] = {0x4b, 0x04, 0x00}, far[] = {0x1b, 0xbd, 0xff, 0x1f, 0x00};
    octets wire = {0};
    size_t n = 100000, got = 0;
    uint8_t out[1000];
    wsk__coder *d;
    int r;

    (void)state;
    for (size_t i = 0; i < n; i++)
        octets_add(&wire, block, sizeof(block));
    octets_add(&wire, far, sizeof(far));
    assert_int_equal(wsk__isal_inflate.create(&d, NULL, &setup), 0);
    assert_int_equal(wsk__isal_inflate.start(d, &setup, NULL, 0), 0);
    wsk__coder_message(d);
    wsk_ext_io io = {.in = wire.ptr, .in_len = wire.len};
    do {
        io.out = out;
        io.out_len = sizeof(out);
        r = wsk__coder_decode(d, &io, true);
        assert_true(r == WSK_EXT_DONE || r == WSK_EXT_MORE);
        for (size_t i = 0; i < sizeof(out) - io.out_len; i++)
            assert_int_equal(out[i], 'a');
        got += sizeof(out) - io.out_len;
    } while (r == WSK_EXT_MORE);
    assert_int_equal(got, n + 258);
    d->codec->destroy(d);
    octets_free(&wire);
}

/* A message that the library cannot take in one call, and then a stream of which it could not
 * count the octets for much longer: it begins anew, and no message refers to what was before. */
static void longer_than_counted(void **state)
{
    static const wsk__coder_setup setup = {.level = 1, .mem_level = 8, .window_bits = 15};
    size_t step = (size_t)1 << 28, renew = (size_t)1 << 30, max_distance = 0;
    octets wire = {0}, seen = {0};
    uint8_t data[2000];
    wsk__coder *c, *d;

    (void)state;
    if (getenv("WSK_TEST_VALGRIND") != NULL)
        return; /* minutes */
    sample_json(data, sizeof(data), 1);
    assert_int_equal(wsk__isal_deflate.create(&c, NULL, &setup), 0);
    assert_int_equal(wsk__isal_deflate.start(c, &setup, NULL, 0), 0);
    assert_int_equal(wsk__isal_inflate.create(&d, NULL, &setup), 0);
    assert_int_equal(wsk__isal_inflate.start(d, &setup, NULL, 0), 0);
    send_zeros(c, d, step + 12345);
    send_zeros(c, d, renew - step - 12345);
    d->codec->destroy(d);
    /* So much may still be counted; the same once more would be a few references. */
    one_message(c, data, sizeof(data), &wire);
    wire.len = 0;
    one_message(c, data, sizeof(data), &wire);
    assert_true(reference_inflate(wire.ptr, wire.len, &seen, &max_distance));
    assert_int_equal(seen.len, sizeof(data));
    assert_memory_equal(seen.ptr, data, sizeof(data));
    /* Then the stream goes on as ever. */
    size_t first = wire.len;
    wire.len = 0;
    one_message(c, data, sizeof(data), &wire);
    assert_true(wire.len < first / 4);
    assert_true(reference_inflate(wire.ptr, wire.len, &seen, &max_distance));
    assert_memory_equal(seen.ptr + sizeof(data), data, sizeof(data));
    c->codec->destroy(c);
    octets_free(&wire);
    octets_free(&seen);
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(history_beyond_window),
#ifdef WSK_HAVE_ISAL
        cmocka_unit_test(final_blocks_of_an_octet),
        cmocka_unit_test(longer_than_counted),
#endif
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
