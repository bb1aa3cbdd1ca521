/* SPDX-License-Identifier: MIT */
/*
 * The compressed streams of 12.* and 13.*: what is put together from kept pieces inflates to the
 * windows with exactly the agreed parameters, and the checking side is right about connections
 * that follow a recorded one, leave it, or mix in what is not compressed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "conformance/deflate_writer.h"
#include "conformance/peer_deflate.h"

static judge_streams *streams;

static int setup(void **state)
{
    (void)state;
    streams = judge_streams_new();
    return streams == NULL;
}

static int teardown(void **state)
{
    (void)state;
    judge_streams_free(streams);
    return 0;
}

/* Inflates one message; returns its octets. */
static size_t inflate_message(z_stream *z, judge_piece packed, uint8_t *out, size_t room)
{
    static const uint8_t tail[4] = {0, 0, 0xff, 0xff};

    z->next_out = out;
    z->avail_out = (uInt)room;
    z->next_in = packed.data;
    z->avail_in = (uInt)packed.len;
    assert_int_equal(inflate(z, Z_SYNC_FLUSH), Z_OK);
    assert_int_equal(z->avail_in, 0);
    z->next_in = tail;
    z->avail_in = 4;
    assert_int_equal(inflate(z, Z_SYNC_FLUSH), Z_OK);
    return room - z->avail_out;
}

static void check_sent(int corpus, uint32_t len, judge_deflate_params params, uint32_t n)
{
    judge_stream *st = judge_stream_hold(streams, corpus, len, params,
                                         (judge_deflate_params){15, false});
    uint8_t *out = malloc(len * 4 + 1024);
    uint64_t total = 0, packed_total = 0;
    z_stream z = {0};

    assert_non_null(st);
    assert_int_equal(inflateInit2(&z, -(int)params.window_bits), Z_OK);
    for (uint32_t k = 0; k < n; k++) {
        judge_piece window[2];
        const judge_piece packed = judge_stream_sent(st, k);
        const size_t want = judge_window(judge_stream_windows(st), k, window);
        size_t got;

        assert_non_null(packed.data);
        if (params.no_context_takeover)
            inflateReset(&z);
        got = inflate_message(&z, packed, out, len * 4 + 1024);
        assert_int_equal(got, want);
        assert_memory_equal(out, window[0].data, window[0].len);
        assert_memory_equal(out + window[0].len, window[1].data, window[1].len);
        total += want;
        packed_total += packed.len;
    }
    /* Of what compresses well, no more than half is left. */
    if (len >= 4096 && params.window_bits == 15 && (corpus == 1 || corpus == 4))
        assert_true(packed_total * 2 < total);
    assert_true(packed_total < total + (uint64_t)n * (16 + len / 512));
    inflateEnd(&z);
    free(out);
    judge_stream_release(st);
}

static void what_is_sent_inflates_to_the_windows(void **state)
{
    static const uint32_t lens[] = {16, 1024, 8192, 16384, 32768, 65536, 131072};
    static const uint8_t bits[] = {8, 9, 12, 15};

    (void)state;
    for (int corpus = 1; corpus <= 5; corpus++) {
        for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
            for (size_t b = 0; b < sizeof(bits); b++) {
                check_sent(corpus, lens[i], (judge_deflate_params){bits[b], false}, 12);
                check_sent(corpus, lens[i], (judge_deflate_params){bits[b], true}, 5);
            }
        }
    }
}

/* Any order: a second connection asks for early messages again. */
static void messages_can_be_asked_for_again(void **state)
{
    const judge_deflate_params p = {15, false};
    judge_stream *a = judge_stream_hold(streams, 1, 131072, p, p);
    judge_stream *b = judge_stream_hold(streams, 1, 131072, p, p);
    judge_piece first;
    uint8_t *copy;

    (void)state;
    first = judge_stream_sent(a, 3);
    copy = malloc(first.len);
    memcpy(copy, first.data, first.len);
    for (uint32_t k = 0; k < 6; k++)
        assert_non_null(judge_stream_sent(b, k).data);
    assert_int_equal(judge_stream_sent(b, 3).len, first.len);
    assert_memory_equal(judge_stream_sent(b, 3).data, copy, first.len);
    free(copy);
    judge_stream_release(a);
    judge_stream_release(b);
}

static void windows_wrap_and_keep_characters(void **state)
{
    const judge_deflate_params p = {15, false};

    (void)state;
    for (int corpus = 1; corpus <= 5; corpus++) {
        judge_stream *st = judge_stream_hold(streams, corpus, 65536, p, p);
        const judge_windows *w = judge_stream_windows(st);
        size_t at = 0, wraps = 0;

        for (uint32_t k = 0; k < 100; k++) {
            judge_piece piece[2];
            size_t units = 0;

            judge_window(w, k, piece);
            /* Each window begins where the one before it ended. */
            assert_ptr_equal(piece[0].data, w->octets + at % w->n_octets);
            for (int i = 0; i < 2; i++) {
                for (size_t j = 0; j < piece[i].len; j++)
                    units += !w->text || (piece[i].data[j] & 0xc0) != 0x80;
            }
            assert_int_equal(units, 65536);
            at = piece[1].len > 0 ? piece[1].len
                                  : (size_t)(piece[0].data - w->octets) + piece[0].len;
            wraps += piece[1].len > 0;
        }
        assert_true(wraps > 5);
        judge_stream_release(st);
    }
}

/* A peer that compresses at some level; `cut`: octets fed at once. */
typedef struct sender {
    z_stream z;
    judge_inflater *in;
    size_t cut;
    uint8_t *buf;
} sender;

static void sender_begin(sender *s, judge_stream *st, int level, size_t cut)
{
    memset(s, 0, sizeof(*s));
    assert_int_equal(deflateInit2(&s->z, level, Z_DEFLATED, -15, 8, 0), Z_OK);
    s->in = judge_inflater_new(st, true);
    s->cut = cut;
    s->buf = malloc(1 << 20);
}

static void sender_end(sender *s)
{
    deflateEnd(&s->z);
    judge_inflater_free(s->in);
    free(s->buf);
}

static judge_inflate_status send_window(sender *s, judge_stream *st, uint32_t k, bool compressed,
                                        size_t wrong)
{
    judge_piece piece[2];
    const size_t len = judge_window(judge_stream_windows(st), k, piece);
    uint8_t *plain = malloc(len);
    judge_inflate_status status = JUDGE_INFLATE_OK;
    const uint8_t *data = plain;
    size_t n = len;

    memcpy(plain, piece[0].data, piece[0].len);
    memcpy(plain + piece[0].len, piece[1].data, piece[1].len);
    if (wrong < len)
        plain[wrong] ^= 1;
    if (compressed) {
        s->z.next_in = plain;
        s->z.avail_in = (uInt)len;
        s->z.next_out = s->buf;
        s->z.avail_out = 1 << 20;
        deflate(&s->z, Z_SYNC_FLUSH);
        data = s->buf;
        n = (1 << 20) - s->z.avail_out - 4;
    }
    judge_inflater_begin(s->in, k, compressed, false);
    for (size_t at = 0; at < n && status == JUDGE_INFLATE_OK; at += s->cut)
        status = judge_inflater_feed(s->in, data + at, n - at < s->cut ? n - at : s->cut);
    if (status == JUDGE_INFLATE_OK)
        status = judge_inflater_end(s->in);
    free(plain);
    return status;
}

static void followers_are_checked(void **state)
{
    static const uint32_t lens[] = {64, 4096, 40000};
    const judge_deflate_params p = {15, false};

    (void)state;
    for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
        judge_stream *st = judge_stream_hold(streams, 1, lens[i], p, p);
        sender a, same, other, mixed, wrong, ahead;

        sender_begin(&a, st, 6, 100);
        sender_begin(&same, st, 6, 7);
        sender_begin(&other, st, 1, 1000);
        sender_begin(&mixed, st, 6, 33);
        sender_begin(&wrong, st, 6, 50);
        sender_begin(&ahead, st, 6, 4096);
        for (uint32_t k = 0; k < 20; k++) {
            assert_int_equal(send_window(&a, st, k, true, SIZE_MAX), JUDGE_INFLATE_OK);
            assert_int_equal(judge_inflater_octets(a.in), lens[i]);
        }
        for (uint32_t k = 0; k < 30; k++) {
            assert_int_equal(send_window(&same, st, k, true, SIZE_MAX), JUDGE_INFLATE_OK);
            assert_int_equal(judge_inflater_octets(same.in), lens[i]);
            assert_int_equal(send_window(&other, st, k, true, SIZE_MAX), JUDGE_INFLATE_OK);
            assert_int_equal(send_window(&mixed, st, k, k % 5 != 3, SIZE_MAX), JUDGE_INFLATE_OK);
            assert_int_equal(send_window(&ahead, st, k, true, SIZE_MAX), JUDGE_INFLATE_OK);
        }
        for (uint32_t k = 0; k < 10; k++)
            assert_int_equal(send_window(&wrong, st, k, true, SIZE_MAX), JUDGE_INFLATE_OK);
        assert_int_equal(send_window(&wrong, st, 10, true, lens[i] - 5), JUDGE_INFLATE_DIFFERS);
        assert_int_equal(judge_inflater_octets(wrong.in), lens[i] - 5);
        assert_int_equal(send_window(&same, st, 30, false, 3), JUDGE_INFLATE_DIFFERS);
        sender_end(&a);
        sender_end(&same);
        sender_end(&other);
        sender_end(&mixed);
        sender_end(&wrong);
        sender_end(&ahead);
        judge_stream_release(st);
    }
}

static void broken_data_is_told(void **state)
{
    static const uint8_t junk[] = {0xff, 0xff, 0xff, 0xff};
    const judge_deflate_params p = {15, false};
    judge_stream *st = judge_stream_hold(streams, 3, 1000, p, p);
    judge_inflater *in = judge_inflater_new(st, true);

    (void)state;
    judge_inflater_begin(in, 0, true, false);
    assert_int_equal(judge_inflater_feed(in, junk, sizeof(junk)), JUDGE_INFLATE_BROKEN);
    assert_non_null(judge_inflater_error(in));
    judge_inflater_free(in);
    judge_stream_release(st);
}

/* A megabyte of zeros in a kilobyte: it is enough that more comes than can be right. */
static void bombs_are_left_alone(void **state)
{
    const judge_deflate_params p = {15, false};
    judge_stream *st = judge_stream_hold(streams, 3, 1000, p, p);
    judge_inflater *in = judge_inflater_new(st, true);
    uint8_t *zeros = calloc(1, 1 << 20), *packed = malloc(65536);
    z_stream z = {0};

    (void)state;
    assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, -15, 8, 0), Z_OK);
    z.next_in = zeros;
    z.avail_in = 1 << 20;
    z.next_out = packed;
    z.avail_out = 65536;
    deflate(&z, Z_SYNC_FLUSH);
    judge_inflater_begin(in, 0, true, false);
    assert_int_equal(judge_inflater_feed(in, packed, 65536 - z.avail_out), JUDGE_INFLATE_DIFFERS);
    assert_true(judge_inflater_octets(in) <= 1000);
    judge_inflater_free(in);
    in = judge_inflater_new(st, true);
    judge_inflater_begin(in, 0, true, true);
    assert_int_equal(judge_inflater_feed(in, packed, 65536 - z.avail_out), JUDGE_INFLATE_DIFFERS);
    assert_true(judge_inflater_text(in) < 200000);
    deflateEnd(&z);
    free(zeros);
    free(packed);
    judge_inflater_free(in);
    judge_stream_release(st);
}

/* Compresses as it is told; returns the octets. */
static size_t pack(z_stream *z, const void *data, size_t len, int flush, uint8_t *out, size_t room)
{
    z->next_in = data;
    z->avail_in = (uInt)len;
    z->next_out = out;
    z->avail_out = (uInt)room;
    deflate(z, flush);
    assert_int_equal(z->avail_in, 0);
    return room - z->avail_out;
}

static judge_inflate_status take_cut(judge_inflater *in, uint32_t k, const uint8_t *data, size_t n,
                                     size_t cut)
{
    judge_inflate_status status = JUDGE_INFLATE_OK;

    judge_inflater_begin(in, k, true, false);
    for (size_t at = 0; at < n && status == JUDGE_INFLATE_OK; at += cut)
        status = judge_inflater_feed(in, data + at, n - at < cut ? n - at : cut);
    return status == JUDGE_INFLATE_OK ? judge_inflater_end(in) : status;
}

/* Of two faults the first one is told, at its octet, however the message was cut. */
static void the_first_fault_is_told(void **state)
{
    static const struct {
        size_t wrong, extra; /* the octet that differs; octets too many */
        bool broken;         /* a block behind all that is none */
        judge_inflate_status status;
        uint64_t at;
    } rows[] = {
        {100, 0, true, JUDGE_INFLATE_DIFFERS, 100},
        {SIZE_MAX, 0, true, JUDGE_INFLATE_BROKEN, 300},
        {100, 0, false, JUDGE_INFLATE_DIFFERS, 100},
        {SIZE_MAX, 5, false, JUDGE_INFLATE_DIFFERS, 300},
        {299, 5, true, JUDGE_INFLATE_DIFFERS, 299},
        {SIZE_MAX, 1, true, JUDGE_INFLATE_DIFFERS, 300},
    };
    const judge_deflate_params p = {15, false};
    judge_stream *st = judge_stream_hold(streams, 3, 300, p, p);
    uint8_t plain[305] = {0}, packed[1024];

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        judge_piece piece[2];
        z_stream z = {0};
        size_t n;

        assert_int_equal(judge_window(judge_stream_windows(st), 0, piece), 300);
        memcpy(plain, piece[0].data, 300);
        if (rows[i].wrong < 300)
            plain[rows[i].wrong] ^= 1;
        assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, -15, 8, 0), Z_OK);
        n = pack(&z, plain, 300 + rows[i].extra, Z_SYNC_FLUSH, packed, sizeof(packed));
        deflateEnd(&z);
        if (rows[i].broken)
            packed[n++] = 0x07;
        else
            n -= 4;
        for (size_t cut = 1; cut <= n; cut++) {
            judge_inflater *in = judge_inflater_new(st, true);

            assert_int_equal(take_cut(in, 0, packed, n, cut), rows[i].status);
            assert_int_equal(judge_inflater_octets(in), rows[i].at);
            judge_inflater_free(in);
        }
    }
    judge_stream_release(st);
}

/* Where a text differs it goes on, to its end or to what is no UTF-8. */
static void texts_that_differ_are_looked_at(void **state)
{
    static const struct {
        int corpus;
        size_t at[2];
        const char *octets[2]; /* instead of those that are there; NULL: nothing */
        size_t extra;          /* octets too many */
        judge_inflate_status status;
        uint64_t differs, text;
    } rows[] = {
        {1, {100, 0}, {"x", NULL}, 0, JUDGE_INFLATE_DIFFERS, 100, 0},
        {1, {100, 0}, {"\xff", NULL}, 0, JUDGE_INFLATE_NO_TEXT, 100, 100},
        {1, {100, 200}, {"x", "\xff"}, 0, JUDGE_INFLATE_NO_TEXT, 100, 200},
        {1, {0, 299}, {"x", "\xc3"}, 0, JUDGE_INFLATE_NO_TEXT, 0, 300},
        {1, {100, 0}, {"\xc3", NULL}, 0, JUDGE_INFLATE_NO_TEXT, 100, 101},
        {1, {300, 0}, {"\x80", NULL}, 5, JUDGE_INFLATE_NO_TEXT, 300, 300},
        {1, {300, 0}, {"x", NULL}, 5, JUDGE_INFLATE_DIFFERS, 300, 0},
        /* A bitmap that comes back as text. */
        {2, {0, 299}, {"\x80", "\xff"}, 0, JUDGE_INFLATE_NO_TEXT, 0, 0},
    };
    const judge_deflate_params p = {15, false};
    uint8_t plain[305], packed[1024];

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        judge_stream *st = judge_stream_hold(streams, rows[i].corpus, 300, p, p);
        judge_piece piece[2];
        z_stream z = {0};
        size_t n;

        memset(plain, '*', sizeof(plain));
        assert_int_equal(judge_window(judge_stream_windows(st), 0, piece), 300);
        memcpy(plain, piece[0].data, 300);
        for (int k = 0; k < 2; k++) {
            if (rows[i].octets[k] != NULL)
                plain[rows[i].at[k]] = (uint8_t)rows[i].octets[k][0];
        }
        assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, -15, 8, 0), Z_OK);
        n = pack(&z, plain, 300 + rows[i].extra, Z_SYNC_FLUSH, packed, sizeof(packed)) - 4;
        deflateEnd(&z);
        for (int compressed = 0; compressed < 2; compressed++) {
            const uint8_t *data = compressed ? packed : plain;
            const size_t len = compressed ? n : 300 + rows[i].extra;

            for (size_t cut = 1; cut <= len; cut++) {
                judge_inflater *in = judge_inflater_new(st, true);
                judge_inflate_status status = JUDGE_INFLATE_OK;

                judge_inflater_begin(in, 0, compressed != 0, true);
                for (size_t at = 0; at < len && status == JUDGE_INFLATE_OK; at += cut)
                    status = judge_inflater_feed(in, data + at, len - at < cut ? len - at : cut);
                if (status == JUDGE_INFLATE_OK)
                    status = judge_inflater_end(in);
                assert_int_equal(status, rows[i].status);
                assert_int_equal(judge_inflater_octets(in), rows[i].differs);
                if (rows[i].status == JUDGE_INFLATE_NO_TEXT) {
                    assert_int_equal(judge_inflater_text(in), rows[i].text);
                    /* What refers to it cannot be right; what does not, can. */
                    judge_inflater_begin(in, 0, true, false);
                    assert_int_equal(judge_inflater_feed(in, packed, n), JUDGE_INFLATE_DIFFERS);
                    assert_int_equal(judge_inflater_octets(in), compressed ? 0 : rows[i].differs);
                    judge_inflater_begin(in, 0, false, false);
                    assert_int_equal(judge_inflater_feed(in, piece[0].data, 300), JUDGE_INFLATE_OK);
                }
                judge_inflater_free(in);
            }
        }
        judge_stream_release(st);
    }
}

/* A distance that is farther than the agreed window is one also within a read. */
static void windows_hold_within_a_read(void **state)
{
    uint8_t *packed = malloc(65536);

    (void)state;
    for (uint8_t window = 9; window < 15; window++) {
        const judge_deflate_params p = {window, false};
        judge_stream *st = judge_stream_hold(streams, 1, 40000, p, p);
        judge_piece piece[2];

        assert_int_equal(judge_window(judge_stream_windows(st), 0, piece), 40000);
        assert_int_equal(piece[1].len, 0);
        for (int right = 0; right < 2; right++) {
            z_stream z = {0};
            size_t n;

            assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, right ? -window : -15, 8, 0), Z_OK);
            n = pack(&z, piece[0].data, 40000, Z_SYNC_FLUSH, packed, 65536) - 4;
            deflateEnd(&z);
            for (size_t cut = 7; cut <= n; cut = cut < n && cut * 100 > n ? n : cut * 100) {
                judge_inflater *in = judge_inflater_new(st, true);

                assert_int_equal(take_cut(in, 0, packed, n, cut),
                                 right ? JUDGE_INFLATE_OK : JUDGE_INFLATE_BROKEN);
                judge_inflater_free(in);
            }
        }
        judge_stream_release(st);
    }
    free(packed);
}

/* The first octet of a window alone, all others one or more windows back: one octet too far is too
 * far, wherever in the message it is. */
static void windows_hold_to_the_octet(void **state)
{
    enum { LEN = 60000 };
    deflate_writer *w = malloc(sizeof(*w));

    (void)state;
    for (uint8_t window = 8; window < 15; window++) {
        const judge_deflate_params p = {window, false};
        judge_stream *st = judge_stream_hold(streams, 1, LEN, p, p);
        judge_piece piece[2];

        assert_int_equal(judge_window(judge_stream_windows(st), 0, piece), LEN);
        /* In ever longer steps: a match of what is really there, exactly a window back or one more.
         */
        for (unsigned more = 0; more < 3; more++) {
            const size_t distance = (1u << window) + more;
            size_t tried = 0;

            for (size_t at = distance; at + 3 < 6 * distance + 40000 && at + 3 < LEN; at++) {
                judge_inflater *in;

                if (memcmp(piece[0].data + at, piece[0].data + at - distance, 3) != 0)
                    continue;
                deflate_begin_empty(w);
                deflate_fixed(w, false);
                deflate_literals(w, piece[0].data, at);
                deflate_match(w, 3, (unsigned)distance);
                deflate_end_block(w);
                deflate_end_message(w);
                for (size_t cut = 1; cut < 100000; cut *= 300) {
                    judge_inflate_status status = JUDGE_INFLATE_OK;
                    const size_t n = deflate_octets(w);

                    in = judge_inflater_new(st, true);
                    judge_inflater_begin(in, 0, true, false);
                    for (size_t i = 0; i < n && status == JUDGE_INFLATE_OK; i += cut)
                        status = judge_inflater_feed(in, w->at + i, n - i < cut ? n - i : cut);
                    assert_int_equal(status, more ? JUDGE_INFLATE_BROKEN : JUDGE_INFLATE_OK);
                    assert_int_equal(judge_inflater_octets(in), more ? at : at + 3);
                    if (more)
                        assert_string_equal(judge_inflater_error(in),
                                            "invalid distance too far back");
                    judge_inflater_free(in);
                }
                tried++;
                at += at / 2;
            }
            assert_true(tried > 1);
        }
        judge_stream_release(st);
    }
    free(w);
}

/* RFC 7692 7.2.3.4: the context goes on behind it, and holds what was compressed, but nothing
 * else. */
static void final_blocks_end_no_context(void **state)
{
    const judge_deflate_params p = {15, false};
    judge_stream *st = judge_stream_hold(streams, 1, 1000, p, p);
    judge_inflater *in = judge_inflater_new(st, true);
    uint8_t context[1500], packed[4096];
    judge_piece piece[2];
    z_stream z = {0};
    size_t n;

    (void)state;
    assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, -15, 8, 0), Z_OK);
    assert_int_equal(judge_window(judge_stream_windows(st), 0, piece), 1000);
    memcpy(context, piece[0].data, 1000);
    n = pack(&z, context, 1000, Z_SYNC_FLUSH, packed, sizeof(packed)) - 4;
    assert_int_equal(take_cut(in, 0, packed, n, 100), JUDGE_INFLATE_OK);
    judge_window(judge_stream_windows(st), 1, piece);
    judge_inflater_begin(in, 1, false, false);
    assert_int_equal(judge_inflater_feed(in, piece[0].data, 1000), JUDGE_INFLATE_OK);
    assert_int_equal(judge_inflater_end(in), JUDGE_INFLATE_OK);
    judge_window(judge_stream_windows(st), 2, piece);
    memcpy(context + 1000, piece[0].data, 500);
    n = pack(&z, context + 1000, 500, Z_FINISH, packed, sizeof(packed));
    deflateReset(&z);
    assert_int_equal(deflateSetDictionary(&z, context, 1500), Z_OK);
    n += pack(&z, piece[0].data + 500, 500, Z_SYNC_FLUSH, packed + n, sizeof(packed) - n) - 4;
    assert_int_equal(take_cut(in, 2, packed, n, n), JUDGE_INFLATE_OK);
    deflateEnd(&z);
    judge_inflater_free(in);
    judge_stream_release(st);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_sent_inflates_to_the_windows),
        cmocka_unit_test(messages_can_be_asked_for_again),
        cmocka_unit_test(windows_wrap_and_keep_characters),
        cmocka_unit_test(followers_are_checked),
        cmocka_unit_test(broken_data_is_told),
        cmocka_unit_test(bombs_are_left_alone),
        cmocka_unit_test(the_first_fault_is_told),
        cmocka_unit_test(texts_that_differ_are_looked_at),
        cmocka_unit_test(windows_hold_within_a_read),
        cmocka_unit_test(windows_hold_to_the_octet),
        cmocka_unit_test(final_blocks_end_no_context),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
