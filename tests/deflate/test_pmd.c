/* SPDX-License-Identifier: MIT */
/* Messages through permessage-deflate: round trips, the examples of RFC 7692, streams made by
 * hand, ends of messages, windows, limits. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "deflate/pmd_state.h"
#include "pmd_support.h"
#include "util/attr.h"

static const pmd_want plain;

static void assert_octets(const octets *b, const void *want, size_t n)
{
    assert_int_equal(b->len, n);
    if (n > 0)
        assert_memory_equal(b->ptr, want, n);
}

/* ------------------------------------------------------------------------ round trips -- */

static void fill(uint8_t *buf, size_t n, unsigned kind, unsigned seed)
{
    switch (kind) {
    case 0:
        sample_json(buf, n, seed);
        break;
    case 1:
        sample_random(buf, n, seed);
        break;
    case 2:
        memset(buf, 'a', n);
        break;
    default: /* what repeats at just about the size of each window */
        sample_random(buf, n, seed);
        for (size_t i = 300; i < n; i++)
            if (i % 700 < 350)
                buf[i] = buf[i - (i % 3 == 0 ? 256 : i % 1400 < 700 ? 251 : 290)];
        break;
    }
}

/* Several messages over one pair, each checked by the peer and by the reference. */
static void round_trip(const pmd_want *want, size_t cut, size_t room)
{
    static const size_t sizes[] = {0, 1, 2, 63, 300, 0, 4000, 1027};
    pmd_pair p;
    octets seen = {0};
    uint8_t *data = malloc(4000);
    size_t max_distance = 0;

    assert_int_equal(pmd_pair_open(&p, want, NULL, NULL, NULL), 0);
    for (unsigned i = 0; i < 4 * 8; i++) {
        size_t n = sizes[i % 8];
        octets wire = {0}, back = {0};
        uint8_t *guarded;

        fill(data, n, i / 8, i);
        guarded = guard_copy(data, n);
        assert_int_equal(pmd_encode_all(p.ext, p.server, guarded, n, cut, room, &wire), 0);
        guard_free(guarded, n);
        assert_true(wire.len > 0);
        if (n == 0)
            assert_octets(&wire, "", 1);

        guarded = guard_copy(wire.ptr, wire.len);
        assert_int_equal(
            pmd_decode_all(p.ext, p.client, guarded, wire.len, cut, room, SIZE_MAX, &back), 0);
        guard_free(guarded, wire.len);
        assert_octets(&back, data, n);

        if (want->server_no_takeover)
            seen.len = 0;
        size_t before = seen.len;
        assert_true(reference_inflate(wire.ptr, wire.len, &seen, &max_distance));
        assert_int_equal(seen.len - before, n);
        if (n > 0)
            assert_memory_equal(seen.ptr + before, data, n);
        octets_free(&wire);
        octets_free(&back);
    }
    assert_true(max_distance <= (size_t)1 << (want->server_bits ? want->server_bits : 15));
    pmd_pair_close(&p);
    octets_free(&seen);
    free(data);
}

static void round_trips(void **state)
{
    static const size_t rooms[] = {SIZE_MAX, 1, 2, 3, 7, 64, 67, 68, 69, 200};

    (void)state;
    for (unsigned no_takeover = 0; no_takeover < 2; no_takeover++) {
        for (unsigned bits = 8; bits <= 15; bits++) {
            pmd_want want = {.server_no_takeover = no_takeover != 0, .server_bits = bits};

            /* A third of the pairs of cuts and rooms for each window; all of them in the end. */
            for (unsigned c = 0; c < 5; c += (unsigned)test_stride(2))
                for (unsigned r = 0; r < 10; r += (unsigned)test_stride(3))
                    if ((c + r + bits) % 3 == 0)
                        round_trip(&want, cut_sizes[c], rooms[r]);
        }
    }
}

static void round_trip_levels(void **state)
{
    (void)state;
    for (int level = 1; level <= 9; level++)
        for (unsigned mem = 1; mem <= 9; mem += (unsigned)test_stride(4)) {
            pmd_want want = {.level = level, .mem_level = mem, .server_bits = 8 + mem % 8};

            round_trip(&want, SIZE_MAX, SIZE_MAX);
            want.server_no_takeover = true;
            round_trip(&want, 7, 100);
        }
}

/* Large enough to leave the codecs' own buffers, next to pages that must not be touched. */
static void large_messages(void **state)
{
    static const size_t cuts[] = {SIZE_MAX, 10000, 32768};
    size_t n = 400000;
    uint8_t *data = malloc(n);

    (void)state;
    for (unsigned i = 0; i < 4 * 3 * 3; i++) {
        unsigned kind = i % 4, bits = i / 12 == 0 ? 15 : i / 12 == 1 ? 8 : 12;
        size_t cut = cuts[i / 4 % 3];
        pmd_want want = {.server_bits = bits};
        pmd_pair p;
        octets seen = {0};
        size_t max_distance = 0;

        fill(data, n, kind, bits);
        uint8_t *guarded = guard_copy(data, n);
        assert_int_equal(pmd_pair_open(&p, &want, NULL, NULL, NULL), 0);
        for (unsigned message = 0; message < 3; message++) {
            size_t len = message == 1 ? 100 : n;
            octets wire = {0}, back = {0};

            assert_int_equal(
                pmd_encode_all(p.ext, p.server, guarded + n - len, len, cut, SIZE_MAX, &wire), 0);
            uint8_t *wire_guarded = guard_copy(wire.ptr, wire.len);
            assert_int_equal(pmd_decode_all(p.ext, p.client, wire_guarded, wire.len, cut, SIZE_MAX,
                                            SIZE_MAX, &back),
                             0);
            assert_octets(&back, data + n - len, len);
            guard_free(wire_guarded, wire.len);
            assert_true(reference_inflate(wire.ptr, wire.len, &seen, &max_distance));
            octets_free(&wire);
            octets_free(&back);
        }
        assert_true(max_distance <= (size_t)1 << bits);
        /* The window is put to use. */
        if (kind == 0)
            assert_true(max_distance > (size_t)1 << (bits - 1));
        pmd_pair_close(&p);
        octets_free(&seen);
        guard_free(guarded, n);
    }
    free(data);
}

/* The end may come alone, behind any length; and rooms of any size may be full just then. */
static void end_alone(void **state)
{
    size_t max = 70000, room = 64;
    uint8_t *data = malloc(max), *out = malloc(2 * max);

    (void)state;
    sample_json(data, max, 5);
    for (unsigned no_takeover = 0; no_takeover < 2; no_takeover++) {
        pmd_want want = {.server_no_takeover = no_takeover != 0};
        pmd_pair p;

        assert_int_equal(pmd_pair_open(&p, &want, NULL, NULL, NULL), 0);
        for (size_t n = 0; n <= max; n += 1 + n / 2) {
            for (unsigned empties = 0; empties < 3; empties++) {
                octets back = {0};
                wsk_ext_io io = {data, n, out, 2 * max};
                int r;

                assert_int_equal(
                    p.ext->encode_begin(p.server, WSK_OP_TEXT, UINT64_MAX, WSK_SEND_COMPRESS),
                    WSK_RSV1);
                for (unsigned k = 0; k < empties; k++) {
                    assert_int_equal(p.ext->encode(p.server, &io, false), WSK_EXT_DONE);
                    assert_int_equal(io.in_len, 0);
                }
                do {
                    /* every room from 64 to 96 has its turn */
                    room = room == 96 ? 64 : room + 1;
                    io.out_len = room;
                    r = p.ext->encode(p.server, &io, true);
                } while (r == WSK_EXT_MORE);
                assert_int_equal(r, WSK_EXT_DONE);
                assert_int_equal(pmd_decode_all(p.ext, p.client, out, (size_t)(io.out - out),
                                                SIZE_MAX, SIZE_MAX, SIZE_MAX, &back),
                                 0);
                assert_octets(&back, data, n);
                octets_free(&back);
            }
        }
        pmd_pair_close(&p);
    }
    free(data);
    free(out);
}

static size_t total_length(const pmd_want *want, size_t size)
{
    uint8_t *data = malloc(size);
    pmd_pair p;
    octets wire = {0};

    assert_int_equal(pmd_pair_open(&p, want, NULL, NULL, NULL), 0);
    for (unsigned i = 0; i < 20; i++) {
        sample_json(data, size, i);
        assert_int_equal(pmd_encode_all(p.ext, p.server, data, size, SIZE_MAX, SIZE_MAX, &wire), 0);
    }
    size_t n = wire.len;
    pmd_pair_close(&p);
    octets_free(&wire);
    free(data);
    return n;
}

/* The default level owes JSON a length of at most 1.15 of what zlib's level 6 makes of each
 * message alone. */
static void density(void **state)
{
    static const size_t sizes[] = {1024, 16384};

    (void)state;
    /* Fixed codes alone are not what the default level uses for every message. */
    size_t percent = pmd_codecs == WSK__CODEC_ISAL_FIXED ? 150 : 115;

    for (unsigned i = 0; i < 2; i++) {
        size_t dense = total_length(&(pmd_want){.level = 6, .server_no_takeover = true}, sizes[i]);
        size_t with = total_length(&plain, sizes[i]);
        size_t alone = total_length(&(pmd_want){.server_no_takeover = true}, sizes[i]);

        print_message("# %zu: %zu, with history %zu, level 6 %zu\n", sizes[i], alone, with, dense);
        assert_true(with <= dense * percent / 100);
        /* The best choice spends some of it on time. */
        if (pmd_codecs != WSK__CODEC_BEST)
            assert_true(with < alone);
    }
}

/* ------------------------------------------------------------------ streams made by hand -- */

typedef struct stream {
    const char *hex;  /* messages of one connection, separated by '/' */
    const char *want; /* what they stand for, separated by '/'; NULL: the last is not valid */
} stream;

static const stream streams[] = {
    /* RFC 7692 7.2.3.1: "Hello" in one block; 7.2.3.2: again with the history shared */
    {"f248cdc9c90700", "Hello"},
    {"f248cdc9c90700/f200110000", "Hello/Hello"},
    {"f248cdc9c90700/f248cdc9c90700", "Hello/Hello"},
    /* 7.2.3.3: a block without compression */
    {"000500faff48656c6c6f00", "Hello"},
    /* 7.2.3.4: a final block */
    {"f348cdc9c9070000", "Hello"},
    /* 7.2.3.5: two blocks in one message */
    {"f248050000 00ffffcac9c90700", "Hello"},
    /* 7.2.3.6: the empty message */
    {"00", ""},
    {"00/00/f248cdc9c90700/00/f200110000", "//Hello//Hello"},
    /* what follows a final block is a new stream with the old history */
    {"f348cdc9c90700 f348cdc9c90700 00", "HelloHello"},
    {"f348cdc9c90700 f3001100 00", "HelloHello"},
    {"f348cdc9c9070000/f200110000", "Hello/Hello"},
    {"0300 0300 0300 0300 00", ""},
    {"010500faff48656c6c6f 010500faff48656c6c6f 00", "HelloHello"},
    {"010500faff48656c6c6f f248cdc9c90700", "HelloHello"},
    /* empty blocks of each kind: stored, fixed, and many of them */
    {"000000ffff 000000ffff 00", ""},
    {"000000ffff 020000000000ffff f248cdc9c90700", NULL},
    {"02", NULL}, /* a fixed block open at the end */
    {"0200", ""}, /* closed: its end, and the stored block's header with seven bits spare */
    /* the tail left in place, and nothing where a tail could be missing */
    {"f248cdc9c907000000ffff", "Hello"},
    {"f248cdc9c907000000ffff/f200110000", "Hello/Hello"},
    {"f348cdc9c90700", "Hello"},
    {"f348cdc9c90700/f200110000", "Hello/Hello"},
    {"010500faff48656c6c6f", "Hello"},
    {"000500faff48656c6c6f", "Hello"},
    {"/", "/"},
    /* half of the tail */
    {"f248cdc9c9070000", NULL},
    {"f248cdc9c907000000", NULL},
    {"f248cdc9c907000000ff", NULL},
    {"0000", NULL},
    /* cut anywhere else */
    {"f248cdc9c907", NULL},
    {"f248cdc9c9", NULL},
    {"f248", NULL},
    {"f2", NULL},
    {"000500faff48656c6c", NULL},
    {"000500faff48", NULL},
    {"000500faff", NULL},
    {"000500fa", NULL},
    /* cut so that the tail would be the data of a stored block: exactly, and with less */
    {"000400fbff", NULL},
    {"000500faff48", NULL},
    {"000600f9ff4865", NULL},
    /* the same, and a message that would complete it */
    {"000900f6ff48656c6c6f/f248cdc9c90700", NULL},
    /* not DEFLATE: block type 3, lengths that do not match, symbols and distances not in use */
    {"06", NULL},
    {"07", NULL},
    {"000500faf048656c6c6f00", NULL},
    {"000500050048656c6c6f00", NULL},
    {"f200110000", NULL},             /* a distance to before the beginning */
    {"f248cdc9c90700ffffffff", NULL}, /* garbage behind a message */
    {"f348cdc9c90700ff", NULL},
    {"f348cdc9c9070006", NULL},
    {"ffff", NULL},
    {"04c08101000000", NULL}, /* lengths of codes that do not fit */
    {"edfd01000000", NULL},
    {"050000", NULL},
    /* a history that was lost with the message before is not there */
    {"00/f200110000", NULL},
};

static void play(const stream *s, size_t cut, size_t room)
{
    char *hex = strdup(s->hex), *want = s->want ? strdup(s->want) : NULL;
    char *hex_rest = hex, *want_rest = want, *part;
    pmd_pair p;
    int r = 0;

    assert_int_equal(pmd_pair_open(&p, &plain, NULL, NULL, NULL), 0);
    while ((part = strsep(&hex_rest, "/")) != NULL) {
        size_t n;
        uint8_t *octs = unhex(part, &n), *guarded = guard_copy(octs, n);
        octets out = {0};

        r = pmd_decode_all(p.ext, p.server, guarded, n, cut, room, SIZE_MAX, &out);
        if (want != NULL) {
            const char *w = strsep(&want_rest, "/");

            assert_int_equal(r, 0);
            assert_non_null(w);
            assert_octets(&out, w, strlen(w));
        }
        octets_free(&out);
        guard_free(guarded, n);
        free(octs);
        if (r < 0)
            break;
    }
    if (want == NULL)
        assert_int_equal(r, WSK_ERR_INVAL);
    else
        assert_null(want_rest);
    if (r < 0) {
        /* What has failed stays so, and can be released. */
        wsk_ext_io io = {0};
        assert_true(p.ext->decode(p.server, &io, true) < 0);
        p.ext->trim(p.server);
        assert_true(p.ext->decode_begin(p.server, WSK_OP_TEXT, WSK_RSV1) < 0);
        assert_int_equal(p.ext->encode_begin(p.server, WSK_OP_TEXT, 100, WSK_SEND_COMPRESS), 0);
        assert_int_equal(p.ext->encode(p.server, &io, true), WSK_ERR_STATE);
    }
    pmd_pair_close(&p);
    free(hex);
    free(want);
}

static void handmade(void **state)
{
    (void)state;
    for (size_t i = 0; i < WSK__COUNT(streams); i++) {
        print_message("# %s\n", streams[i].hex);
        for (unsigned c = 0; c < 5; c++)
            for (unsigned r = 0; r < 5; r++)
                play(&streams[i], cut_sizes[c], cut_sizes[r]);
    }
}

/* Without context takeover each message begins with nothing before it. */
static void no_history(void **state)
{
    pmd_want want = {.client_no_takeover = true};
    pmd_pair p;
    octets out = {0};

    (void)state;
    assert_int_equal(pmd_pair_open(&p, &want, NULL, NULL, NULL), 0);
    assert_int_equal(pmd_decode_all(p.ext, p.server, "\xf2\x48\xcd\xc9\xc9\x07\x00", 7, SIZE_MAX,
                                    SIZE_MAX, SIZE_MAX, &out),
                     0);
    assert_octets(&out, "Hello", 5);
    assert_int_equal(pmd_decode_all(p.ext, p.server, "\xf2\x00\x11\x00\x00", 5, SIZE_MAX, SIZE_MAX,
                                    SIZE_MAX, &out),
                     WSK_ERR_INVAL);
    pmd_pair_close(&p);
    octets_free(&out);
}

/* RFC 7692 7.2.3.1 and 7.2.3.2 in the other direction, where the result is fixed: short text
 * takes a fixed block, and its repetition one reference. */
static void examples_out(void **state)
{
    pmd_pair p;
    octets out = {0};
    pmd_want want = {.level = 6};

    (void)state;
    assert_int_equal(pmd_pair_open(&p, &want, NULL, NULL, NULL), 0);
    assert_int_equal(pmd_encode_all(p.ext, p.server, "Hello", 5, SIZE_MAX, SIZE_MAX, &out), 0);
    assert_octets(&out, "\xf2\x48\xcd\xc9\xc9\x07\x00", 7);
    out.len = 0;
    assert_int_equal(pmd_encode_all(p.ext, p.server, "Hello", 5, SIZE_MAX, SIZE_MAX, &out), 0);
    assert_octets(&out, "\xf2\x00\x11\x00\x00", 5);
    out.len = 0;
    assert_int_equal(pmd_encode_all(p.ext, p.server, "", 0, SIZE_MAX, SIZE_MAX, &out), 0);
    assert_octets(&out, "\x00", 1);
    pmd_pair_close(&p);
    octets_free(&out);
}

/* ---------------------------------------------------------------------------- windows -- */

/* Writes bits as RFC 1951 3.1.1 packs them. */
typedef struct bit_writer {
    octets out;
    unsigned hold, n;
} bit_writer;

static void put(bit_writer *w, unsigned value, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        w->hold |= (value >> i & 1) << w->n;
        if (++w->n == 8) {
            uint8_t v = (uint8_t)w->hold;
            octets_add(&w->out, &v, 1);
            w->hold = w->n = 0;
        }
    }
}

static void put_code(bit_writer *w, unsigned code, unsigned n)
{
    while (n-- > 0)
        put(w, code >> n & 1, 1);
}

/* Up to 65,535 octets as they are. */
static void put_stored(bit_writer *w, bool final, const uint8_t *data, unsigned len)
{
    put(w, final, 3);
    put(w, 0, (8 - w->n) % 8);
    put(w, len, 16);
    put(w, len ^ 0xFFFF, 16);
    octets_add(&w->out, data, len);
}

/* A fixed block with a match of length 3. */
static void put_match(bit_writer *w, size_t distance)
{
    put(w, 2, 3);
    put_code(w, 1, 7); /* length 3 */
    for (unsigned symbol = 29;; symbol--) {
        unsigned extra = symbol < 4 ? 0 : symbol / 2 - 1;
        size_t base = symbol < 4 ? symbol + 1 : ((2 + symbol % 2) << extra) + 1;
        if (base <= distance) {
            put_code(w, symbol, 5);
            put(w, (unsigned)(distance - base), extra);
            break;
        }
    }
    put_code(w, 0, 7);
}

/* The end of a message: an empty stored block without its last four octets. */
static void put_end(bit_writer *w)
{
    put(w, 0, 3);
    put(w, 0, (8 - w->n) % 8);
}

/* Stored octets, then a match of length 3 at a distance, as one message. */
static void match_message(bit_writer *w, const uint8_t *data, size_t n, size_t distance)
{
    for (size_t pos = 0; pos < n;) {
        unsigned len = n - pos < 65535 ? (unsigned)(n - pos) : 65535;

        put_stored(w, false, data + pos, len);
        pos += len;
    }
    if (distance > 0)
        put_match(w, distance);
    put_end(w);
}

/* How far beyond the window a decompressor may let a distance pass, see codec_zlib.c. */
#define WINDOW_SLACK 64

/* A13: what refers to before the window fails, in one message and over several. */
static void window_enforced(void **state)
{
    size_t n = 70000;
    uint8_t *data = malloc(n);

    (void)state;
    sample_random(data, n, 7);
    for (unsigned bits = 8; bits <= 15; bits++) {
        size_t window = (size_t)1 << bits;

        for (unsigned split = 0; split < 4; split++) {
            for (unsigned beyond = 0; beyond < 2; beyond++) {
                size_t distance = beyond ? window + WINDOW_SLACK + 1 : window;
                pmd_want want = {.client_bits = bits};
                pmd_pair p;
                bit_writer first = {0}, second = {0};
                octets out = {0};
                int r = 0;

                if (distance > 32768)
                    continue;
                assert_int_equal(pmd_pair_open(&p, &want, NULL, NULL, NULL), 0);
                if (split > 0) {
                    match_message(&first, data, n, 0);
                    r = pmd_decode_all(p.ext, p.server, first.out.ptr, first.out.len, SIZE_MAX,
                                       SIZE_MAX, SIZE_MAX, &out);
                    assert_int_equal(r, 0);
                    if (split > 1)
                        p.ext->trim(p.server);
                }
                /* split 3: half of it in the history, half in the message */
                size_t here = split == 0 ? n : split == 3 ? window / 2 : 0;
                match_message(&second, data + n - here, here, distance);
                r = pmd_decode_all(p.ext, p.server, second.out.ptr, second.out.len, SIZE_MAX,
                                   SIZE_MAX, SIZE_MAX, &out);
                assert_int_equal(r, beyond ? WSK_ERR_INVAL : 0);
                if (r == 0) {
                    size_t at = split == 3 ? n + here - distance : n - distance;
                    const uint8_t *three = split == 3 && at >= n ? data + at - here : data + at;
                    assert_memory_equal(out.ptr + out.len - 3, three, 3);
                }
                pmd_pair_close(&p);
                octets_free(&first.out);
                octets_free(&second.out);
                octets_free(&out);
            }
        }
    }
    free(data);
}

/* RFC 7692 7.2.3.4, 7.2.3.5: streams that end, each after more than a window, and then refer as
 * far back as they may: what was before the end is still there, in the same message or another. */
static void final_blocks_far(void **state)
{
    static const size_t pieces[][2] = {/* cut, room */
                                       {SIZE_MAX, SIZE_MAX},
                                       {SIZE_MAX, 1},
                                       {1, 7},
                                       {1000, 32768},
                                       {32768, 1000}};
    enum { STREAMS = 4, EACH = 40000, WINDOW = 32768 };
    size_t n = STREAMS * EACH;
    uint8_t *data = malloc(n);

    (void)state;
    sample_random(data, n, 3);
    for (unsigned i = 0; i < 2 * 5; i++) {
        bool apart = i % 2 != 0;
        size_t cut = pieces[i / 2][0], room = pieces[i / 2][1];
        bit_writer w = {0};
        octets want = {0}, out = {0};
        pmd_pair p;

        assert_int_equal(pmd_pair_open(&p, &plain, NULL, NULL, NULL), 0);
        for (unsigned k = 0; k < STREAMS; k++) {
            put_stored(&w, true, data + k * EACH, EACH);
            octets_add(&want, data + k * EACH, EACH);
            if (apart) {
                assert_int_equal(pmd_decode_all(p.ext, p.server, w.out.ptr, w.out.len, cut, room,
                                                SIZE_MAX, &out),
                                 0);
                w.out.len = 0;
            }
            put_match(&w, WINDOW);
            uint8_t three[3];
            memcpy(three, want.ptr + want.len - WINDOW, 3);
            octets_add(&want, three, 3);
            /* The block behind a final one may begin at the next octet only. */
            put_end(&w);
            octets_add(&w.out, "\x00\x00\xff\xff", 4);
        }
        w.out.len -= 4;
        assert_int_equal(
            pmd_decode_all(p.ext, p.server, w.out.ptr, w.out.len, cut, room, SIZE_MAX, &out), 0);
        assert_octets(&out, want.ptr, want.len);
        pmd_pair_close(&p);
        octets_free(&w.out);
        octets_free(&want);
        octets_free(&out);
    }
    free(data);
}

/* Octet by octet out of what stands for far more than any codec keeps ready. */
static void long_and_narrow(void **state)
{
    size_t n = 200000;
    uint8_t *data = malloc(n);

    (void)state;
    for (unsigned kind = 0; kind < 4; kind++) {
        for (size_t room = 1; room < 100; room += 60) {
            pmd_pair p;
            octets wire = {0}, back = {0};

            fill(data, n, kind, 1);
            assert_int_equal(pmd_pair_open(&p, &plain, NULL, NULL, NULL), 0);
            assert_int_equal(pmd_encode_all(p.ext, p.server, data, n, SIZE_MAX, SIZE_MAX, &wire),
                             0);
            assert_int_equal(pmd_decode_all(p.ext, p.client, wire.ptr, wire.len, SIZE_MAX, room,
                                            SIZE_MAX, &back),
                             0);
            assert_octets(&back, data, n);
            pmd_pair_close(&p);
            octets_free(&wire);
            octets_free(&back);
        }
    }
    free(data);
}

/* ------------------------------------------------------------------------------ limits -- */

/* A10: a bomb stops where the limit stands; what it would become is never made. */
static void bomb(void **state)
{
    size_t n = (size_t)64 << 20;
    uint8_t *zeros = calloc(1, n);
    test_alloc a;
    pmd_pair p;
    octets wire = {0}, out = {0};

    (void)state;
    test_alloc_init(&a);
    assert_int_equal(pmd_pair_open(&p, &plain, NULL, NULL, NULL), 0);
    assert_int_equal(pmd_encode_all(p.ext, p.client, zeros, n, SIZE_MAX, SIZE_MAX, &wire), 0);
    pmd_pair_close(&p);
    free(zeros);
    assert_true(wire.len < n / 100);

    assert_int_equal(pmd_pair_open(&p, &plain, &a.hooks, NULL, NULL), 0);
    assert_int_equal(
        pmd_decode_all(p.ext, p.server, wire.ptr, wire.len, SIZE_MAX, 4096, 1 << 20, &out),
        WSK_ERR_LIMIT);
    assert_true(out.len <= (1 << 20) + 4096);
    assert_true(a.peak < 200000);
    /* A11: and garbage after that fails in an orderly way. */
    wsk_ext_io io = {(const uint8_t *)"\xff\xff\xff", 3, out.ptr, out.len};
    int r = p.ext->decode(p.server, &io, true);
    assert_true(r == WSK_EXT_MORE || r == WSK_ERR_INVAL);
    pmd_pair_close(&p);
    assert_int_equal(a.live, 0);
    octets_free(&wire);
    octets_free(&out);
}

/* A message that fills the room to the last octet is known to be complete. */
static void exact_room(void **state)
{
    uint8_t data[1000], out[1000];

    (void)state;
    for (size_t n = 0; n <= sizeof(data); n += 1 + n / 7) {
        pmd_pair p;
        octets wire = {0};

        sample_json(data, n, (unsigned)n);
        assert_int_equal(pmd_pair_open(&p, &plain, NULL, NULL, NULL), 0);
        assert_int_equal(pmd_encode_all(p.ext, p.server, data, n, SIZE_MAX, SIZE_MAX, &wire), 0);
        wsk_ext_io io = {wire.ptr, wire.len, out, n};
        assert_int_equal(p.ext->decode_begin(p.client, WSK_OP_TEXT, WSK_RSV1), 1);
        assert_int_equal(p.ext->decode(p.client, &io, true), WSK_EXT_DONE);
        assert_int_equal(io.out_len, 0);
        assert_memory_equal(out, data, n);
        /* One octet less of room: there is more. */
        if (n > 0) {
            wire.len = 0;
            assert_int_equal(pmd_encode_all(p.ext, p.server, data, n, SIZE_MAX, SIZE_MAX, &wire),
                             0);
            io = (wsk_ext_io){wire.ptr, wire.len, out, n - 1};
            assert_int_equal(p.ext->decode_begin(p.client, WSK_OP_TEXT, WSK_RSV1), 1);
            assert_int_equal(p.ext->decode(p.client, &io, true), WSK_EXT_MORE);
            assert_int_equal(io.out_len, 0);
            assert_int_equal(p.ext->decode(p.client, &io, true), WSK_EXT_MORE);
            uint8_t last;
            io.out = &last;
            io.out_len = 1;
            assert_int_equal(p.ext->decode(p.client, &io, true), WSK_EXT_DONE);
            assert_int_equal(last, data[n - 1]);
        }
        pmd_pair_close(&p);
        octets_free(&wire);
    }
}

/* ------------------------------------------------------------------------------ choice -- */

static int begin(size_t threshold, uint64_t len, unsigned flags)
{
    wsk_deflate_options o = {.size = sizeof(o), .enabled = true, .threshold = threshold};
    wsk__pmd_config cfg;
    wsk__pmd_state *s;

    assert_int_equal(wsk__pmd_config_init(&cfg, &o, NULL), 0);
    assert_int_equal(wsk__pmd_state_new(&s, &cfg, &(wsk__pmd_agreed){15, 15, true, true}), 0);
    int r = cfg.extension.encode_begin(s, WSK_OP_TEXT, len, flags);
    cfg.extension.release(s);
    return r;
}

static void which_messages(void **state)
{
    (void)state;
    assert_int_equal(begin(0, 63, 0), 0);
    assert_int_equal(begin(0, 64, 0), WSK_RSV1);
    assert_int_equal(begin(0, UINT64_MAX, 0), WSK_RSV1);
    assert_int_equal(begin(1, 0, 0), 0);
    assert_int_equal(begin(1, 1, 0), WSK_RSV1);
    assert_int_equal(begin(1000, 999, 0), 0);
    assert_int_equal(begin(1000, 999, WSK_SEND_COMPRESS), WSK_RSV1);
    assert_int_equal(begin(1000, 1000, WSK_SEND_NO_COMPRESS), 0);
    assert_int_equal(begin(1000, 1000, WSK_SEND_COMPRESS | WSK_SEND_NO_COMPRESS), 0);
    assert_int_equal(begin(SIZE_MAX, UINT64_MAX, 0), 0);
    assert_int_equal(begin(SIZE_MAX, 100000, 0), 0);
    assert_int_equal(begin(SIZE_MAX, 0, WSK_SEND_COMPRESS), WSK_RSV1);
}

static void uncompressed_pass(void **state)
{
    pmd_pair p;
    wsk_ext_io io = {0};

    (void)state;
    assert_int_equal(pmd_pair_open(&p, &plain, NULL, NULL, NULL), 0);
    assert_int_equal(p.ext->decode_begin(p.server, WSK_OP_TEXT, 0), 0);
    /* No message was begun: nothing to encode. */
    assert_true(p.ext->encode(p.server, &io, true) < 0);
    pmd_pair_close(&p);
}

/* -------------------------------------------------------------------------- prepared -- */

static void prepared(void **state)
{
    static const size_t sizes[] = {0, 1, 100, 1000, 100000};
    uint8_t *data = malloc(100000);

    (void)state;
    for (unsigned kind = 0; kind < 2; kind++) {
        for (unsigned bits = 8; bits <= 15; bits++) {
            pmd_want want = {.server_bits = bits};
            pmd_pair p;
            octets seen = {0};
            size_t max_distance = 0;

            assert_int_equal(pmd_pair_open(&p, &want, NULL, NULL, NULL), 0);
            assert_int_equal(wsk__pmd_send_window(p.server), bits);
            for (unsigned i = 0; i < 20; i++) {
                size_t n = sizes[i % 5];
                octets back = {0};

                fill(data, n, kind, i);
                if (i % 3 == 2) {
                    uint8_t *once = NULL;
                    size_t once_len = 0;

                    assert_int_equal(
                        wsk__pmd_compress_once(&p.server_cfg, data, n, bits, &once, &once_len), 0);
                    wsk__pmd_foreign_message(p.server);
                    assert_int_equal(pmd_decode_all(p.ext, p.client, once, once_len, SIZE_MAX,
                                                    SIZE_MAX, SIZE_MAX, &back),
                                     0);
                    octets alone = {0};
                    assert_true(reference_inflate(once, once_len, &alone, &max_distance));
                    assert_octets(&alone, data, n);
                    assert_true(reference_inflate(once, once_len, &seen, &max_distance));
                    octets_free(&alone);
                    free(once);
                } else {
                    octets wire = {0};

                    assert_int_equal(
                        pmd_encode_all(p.ext, p.server, data, n, SIZE_MAX, SIZE_MAX, &wire), 0);
                    assert_int_equal(pmd_decode_all(p.ext, p.client, wire.ptr, wire.len, SIZE_MAX,
                                                    SIZE_MAX, SIZE_MAX, &back),
                                     0);
                    assert_true(reference_inflate(wire.ptr, wire.len, &seen, &max_distance));
                    octets_free(&wire);
                }
                assert_octets(&back, data, n);
                octets_free(&back);
            }
            assert_true(max_distance <= (size_t)1 << bits);
            pmd_pair_close(&p);
            octets_free(&seen);
        }
    }
    free(data);
}

static void options(void **state)
{
    wsk_deflate_options o = {.size = sizeof(o), .enabled = true};
    wsk__pmd_config cfg;

    (void)state;
    assert_int_equal(wsk__pmd_config_init(&cfg, &o, NULL), 0);
    assert_int_equal(cfg.options.server_max_window_bits, 15);
    assert_int_equal(cfg.options.client_max_window_bits, 15);
    assert_int_equal(cfg.options.level, 1);
    assert_int_equal(cfg.options.mem_level, 8);
    assert_int_equal(cfg.options.threshold, 64);
    assert_string_equal(cfg.extension.name, "permessage-deflate");
    assert_ptr_equal(cfg.extension.ud, &cfg);
    assert_int_equal(cfg.extension.rsv, WSK_RSV1);
    for (unsigned i = 0; i < 7; i++) {
        wsk_deflate_options bad = o;

        bad.server_max_window_bits = i == 0 ? 7 : i == 1 ? 16 : 0;
        bad.client_max_window_bits = i == 2 ? 7 : i == 3 ? 16 : 0;
        bad.level = i == 4 ? 10 : i == 5 ? -1 : 0;
        bad.mem_level = i == 6 ? 10 : 0;
        assert_int_equal(wsk__pmd_config_init(&cfg, &bad, NULL), WSK_ERR_INVAL);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options),
        cmocka_unit_test(handmade),
        cmocka_unit_test(no_history),
        cmocka_unit_test(examples_out),
        cmocka_unit_test(which_messages),
        cmocka_unit_test(uncompressed_pass),
        cmocka_unit_test(window_enforced),
        cmocka_unit_test(final_blocks_far),
        cmocka_unit_test(long_and_narrow),
        cmocka_unit_test(exact_room),
        cmocka_unit_test(bomb),
        cmocka_unit_test(end_alone),
        cmocka_unit_test(density),
        cmocka_unit_test(prepared),
        cmocka_unit_test(large_messages),
        cmocka_unit_test(round_trip_levels),
        cmocka_unit_test(round_trips),
    };

    pmd_codecs_from(argc, argv);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
