/* SPDX-License-Identifier: MIT */
/* What "websock bench" sends, and how it judges what comes back, wherever that is cut. */
#include "support.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "bench_payload.h"
#include "bench_plan.h"
#include "bench_reader.h"
#include "command.h"
#include "wire/mask.h"
#include "wire/utf8.h"

/* Of main.c; the parts complain through it. */
void cli_error(const char *name, const char *fmt, ...)
{
    va_list ap;

    (void)name;
    va_start(ap, fmt);
    fputs("# ", stderr);
    vfprintf(stderr, fmt, ap);
    fputc('\n', stderr);
    va_end(ap);
}

static const size_t cuts[] = {0, 1, 2, 3, 7, 61}; /* 0: all at once */

enum { N_CUTS = sizeof(cuts) / sizeof(cuts[0]) };

/* What a server sends: frames of our own making. */
typedef struct stream {
    uint8_t at[1 << 18];
    size_t n;
} stream;

static void put(stream *s, uint8_t first, const void *payload, size_t n)
{
    size_t head = wsk__frame_head_len(n, false);

    assert_true(s->n + head + n <= sizeof(s->at));
    wsk__frame_write(s->at + s->n, first, n, false, 0);
    if (n > 0)
        memcpy(s->at + s->n + head, payload, n);
    s->n += head + n;
}

static void feed(bench_reader *r, const bench_plan *plan, const stream *s, size_t cut,
                 bench_input *sum)
{
    memset(sum, 0, sizeof(*sum));
    for (size_t at = 0; at < s->n && sum->broken == NULL && !sum->closed;) {
        size_t n = cut == 0 || cut > s->n - at ? s->n - at : cut;
        uint32_t done;
        /* As the program does it: compared, or else parsed. */
        if (bench_reader_compare(r, plan, s->at + at, n, &done))
            sum->done += done;
        else
            bench_reader_parse(r, plan, s->at + at, n, sum);
        at += n;
    }
}

static void make(bench_plan *plan, size_t size, bool deflate)
{
    const bench_plan_options o = {
        .size = size, .pipeline = 4, .read_max = 4096, .json = deflate, .deflate = deflate};

    assert_true(bench_plan_init(plan, &o));
    assert_int_equal(plan->size, size);
}

/* ----------------------------------------------------------------------------- what goes -- */

static void frames_are_masked_messages(void **state)
{
    static const size_t sizes[] = {0, 1, 125, 126, 65535, 65536};
    const wsk__frame_context ctx = {.expect_mask = true, .max_len = 1 << 20, .budget = 1 << 20};

    (void)state;
    for (size_t k = 0; k < sizeof(sizes) / sizeof(sizes[0]); k++) {
        bench_plan plan;
        make(&plan, sizes[k], false);
        const bench_chain *chain = &plan.chains[0];
        assert_true(chain->n >= 1 && chain->n <= 4);
        for (uint32_t i = 0; i < chain->n; i++) {
            uint8_t *p = chain->frames + bench_chain_begin(chain, i);
            size_t len = chain->ends[i] - bench_chain_begin(chain, i), need;
            wsk__frame f;
            wsk__rule rule;
            assert_int_equal(wsk__frame_parse(p, len, &ctx, &f, &need, &rule), 1);
            assert_true(f.fin && f.masked && f.opcode == 2 && f.key != 0);
            assert_int_equal(f.head_len + f.len, len);
            wsk__mask(p + f.head_len, (size_t)f.len, f.key, 0);
            assert_memory_equal(p + f.head_len, plan.content, plan.size);
        }
        bench_plan_deinit(&plan);
    }
}

/* Each chain twice round, as one stream of a compressor that goes on or of many. */
static void compressed_chains_can_be_read(void **state)
{
    const wsk__frame_context ctx = {
        .expect_mask = true, .rsv = 0x40, .max_len = 1 << 20, .budget = 1 << 20};
    static const uint8_t tail[4] = {0, 0, 0xff, 0xff};
    bench_plan plan;
    uint8_t wire[8192], out[2048];

    (void)state;
    make(&plan, 1000, true);
    assert_true(plan.n_messages * plan.size > 65536);
    for (int which = 0; which < 2; which++) {
        const bench_chain *chain = &plan.chains[which];
        z_stream z = {0};
        assert_int_equal(inflateInit2(&z, -15), Z_OK);
        assert_int_equal(chain->n, plan.n_messages);
        for (uint32_t i = 0; i < 2 * chain->n; i++) {
            uint32_t at = i % chain->n;
            const uint8_t *p = chain->frames + bench_chain_begin(chain, at);
            size_t len = chain->ends[at] - bench_chain_begin(chain, at), need;
            wsk__frame f;
            wsk__rule rule;
            assert_int_equal(wsk__frame_parse(p, len, &ctx, &f, &need, &rule), 1);
            assert_int_equal(f.rsv, 0x40);
            wsk__mask_copy(wire, p + f.head_len, (size_t)f.len, f.key, 0);
            memcpy(wire + f.len, tail, 4);
            z.next_in = wire;
            z.avail_in = (uInt)f.len + 4;
            z.next_out = out;
            z.avail_out = sizeof(out);
            assert_int_equal(inflate(&z, Z_SYNC_FLUSH), Z_OK);
            assert_int_equal(sizeof(out) - z.avail_out, plan.size);
            assert_memory_equal(out, plan.content + plan.size * at, plan.size);
            if (which == BENCH_CHAIN_ALONE)
                assert_int_equal(inflateReset(&z), Z_OK);
        }
        inflateEnd(&z);
    }
    bench_plan_deinit(&plan);
}

static void contents_are_what_they_are_called(void **state)
{
    uint8_t a[3000], b[3000];

    (void)state;
    bench_payload_json(a, sizeof(a), 1);
    bench_payload_json(b, sizeof(b), 2);
    assert_true(wsk__utf8_is_valid(a, sizeof(a)));
    assert_memory_not_equal(a, b, sizeof(a));
    bench_payload_json(b, sizeof(b), 1);
    assert_memory_equal(a, b, sizeof(a));
}

static void files_are_cut_between_characters(void **state)
{
    static const char text[] = "na\xc3\xafve \xe2\x82\xac \xf0\x9f\x98\x80.";
    char name[] = "/tmp/websock-bench-XXXXXX";
    int fd = mkstemp(name);
    FILE *f = fdopen(fd, "w");

    (void)state;
    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, sizeof(text) - 1, f), sizeof(text) - 1);
    assert_int_equal(fclose(f), 0);
    for (size_t n = 0; n < 60; n++) {
        uint8_t *p;
        size_t len;
        assert_true(bench_payload_file(name, n, true, &p, &len));
        assert_int_equal(len, n);
        assert_true(wsk__utf8_is_valid(p, len));
        for (size_t i = 0; i < n; i++)
            assert_true(p[i] == (uint8_t)text[i % (sizeof(text) - 1)] ||
                        (p[i] == ' ' && n - i < 4));
        free(p);
    }
    assert_int_equal(remove(name), 0);
}

/* ---------------------------------------------------------------------------- what comes -- */

static void echoes_count_wherever_they_are_cut(void **state)
{
    static const size_t sizes[] = {0, 1, 20, 125, 126, 5000, 65536};
    stream *s = calloc(1, sizeof(*s));

    (void)state;
    for (size_t k = 0; k < sizeof(sizes) / sizeof(sizes[0]); k++) {
        bench_plan plan;
        make(&plan, sizes[k], false);
        s->n = 0;
        for (int i = 0; i < 3; i++)
            put(s, 0x82, plan.content, plan.size);
        for (int verify = 0; verify < 2; verify++) {
            for (size_t c = 0; c < N_CUTS; c++) {
                bench_reader r;
                bench_input in;
                bench_reader_init(&r, &plan, verify != 0);
                feed(&r, &plan, s, cuts[c], &in);
                assert_int_equal(in.done, 3);
                assert_int_equal(in.wrong, 0);
                assert_null(in.broken);
            }
        }
        bench_plan_deinit(&plan);
    }
    free(s);
}

/* Contents that nobody sees: their lengths count. */
static void contents_can_be_skipped(void **state)
{
    bench_plan plan;
    stream *s = calloc(1, sizeof(*s));

    (void)state;
    make(&plan, 5000, false);
    put(s, 0x02, plan.content, 3000);
    put(s, 0x89, "who", 3);
    put(s, 0x80, plan.content, 2000);
    put(s, 0x82, plan.content, 4999);
    put(s, 0x82, plan.content, 5000);
    for (size_t cut = 1; cut < 3000; cut += 333) {
        bench_reader r;
        bench_input in = {0};
        size_t skipped = 0;
        bench_reader_init(&r, &plan, false);
        for (size_t at = 0; at < s->n;) {
            size_t skip = bench_reader_skippable(&r), n = skip > 0 ? skip : 14;
            n = n > cut ? cut : n;
            n = n > s->n - at ? s->n - at : n;
            if (skip > 0)
                bench_reader_skip(&r, &plan, n, &in);
            else
                bench_reader_parse(&r, &plan, s->at + at, n, &in);
            skipped += skip > 0 ? n : 0;
            at += n;
        }
        assert_int_equal(in.done, 3);
        assert_int_equal(in.wrong, 1);
        assert_int_equal(in.wrong_at, 4999);
        assert_true(in.pinged);
        assert_null(in.broken);
        assert_true(skipped > 14900);
    }
    bench_plan_deinit(&plan);
    free(s);
}

static void fragments_and_pings_are_no_error(void **state)
{
    bench_plan plan;
    stream *s = calloc(1, sizeof(*s));

    (void)state;
    make(&plan, 300, false);
    put(s, 0x82, plan.content, 300);
    put(s, 0x02, plan.content, 100);
    put(s, 0x89, "who", 3);
    put(s, 0x00, plan.content + 100, 0);
    put(s, 0x00, plan.content + 100, 150);
    put(s, 0x8a, "", 0);
    put(s, 0x80, plan.content + 250, 50);
    put(s, 0x82, plan.content, 300);
    for (size_t c = 0; c < N_CUTS; c++) {
        bench_reader r;
        bench_input in;
        bench_reader_init(&r, &plan, true);
        feed(&r, &plan, s, cuts[c], &in);
        assert_int_equal(in.done, 3);
        assert_int_equal(in.wrong, 0);
        assert_null(in.broken);
        assert_true(in.pinged);
        assert_int_equal(in.pong_n, 3);
        assert_memory_equal(in.pong, "who", 3);
        assert_true(r.plain); /* and from here on it is compared again */
    }
    bench_plan_deinit(&plan);
    free(s);
}

static void each_wrong_octet_is_found(void **state)
{
    bench_plan plan;
    stream *s = calloc(1, sizeof(*s));

    (void)state;
    make(&plan, 130, false);
    for (int i = 0; i < 3; i++)
        put(s, 0x82, plan.content, 130);
    for (size_t at = 0; at < 130; at++) {
        for (size_t c = 0; c < N_CUTS; c++) {
            bench_reader r;
            bench_input in;
            s->at[134 + 4 + at] ^= 0x10;
            bench_reader_init(&r, &plan, true);
            feed(&r, &plan, s, cuts[c], &in);
            s->at[134 + 4 + at] ^= 0x10;
            assert_int_equal(in.done, 3);
            assert_int_equal(in.wrong, 1);
            assert_int_equal(in.wrong_at, at);
        }
    }
    bench_plan_deinit(&plan);
    free(s);
}

static void wrong_lengths_and_kinds_are_found(void **state)
{
    static const struct {
        uint8_t first;
        size_t n, at;
        const char *problem;
    } rows[] = {
        {0x82, 199, 199, "is shorter than what was sent"},
        {0x82, 0, 0, "is shorter than what was sent"},
        {0x82, 201, 200, "is longer than what was sent"},
        {0x81, 200, 0, "came as text"},
    };
    bench_plan plan;
    stream *s = calloc(1, sizeof(*s));
    uint8_t longer[256];

    (void)state;
    make(&plan, 200, false);
    memcpy(longer, plan.content, 200);
    memset(longer + 200, 1, 56);
    for (size_t k = 0; k < sizeof(rows) / sizeof(rows[0]); k++) {
        s->n = 0;
        put(s, 0x82, plan.content, 200);
        put(s, rows[k].first, longer, rows[k].n);
        put(s, 0x82, plan.content, 200);
        for (size_t c = 0; c < N_CUTS; c++) {
            bench_reader r;
            bench_input in;
            bench_reader_init(&r, &plan, true);
            feed(&r, &plan, s, cuts[c], &in);
            assert_int_equal(in.done, 3);
            assert_int_equal(in.wrong, 1);
            assert_int_equal(in.wrong_at, rows[k].at);
            assert_string_equal(in.problem, rows[k].problem);
        }
    }
    bench_plan_deinit(&plan);
    free(s);
}

static void broken_rules_and_closes_end_it(void **state)
{
    static const uint8_t breaks[][2] = {{0xc2, 1}, {0x83, 1}, {0x82, 0x81}, {0x80, 1}, {0x09, 1}};
    bench_plan plan;
    stream *s = calloc(1, sizeof(*s));
    bench_reader r;
    bench_input in;

    (void)state;
    make(&plan, 10, false);
    for (size_t c = 0; c < N_CUTS; c++) {
        for (size_t k = 0; k < sizeof(breaks) / sizeof(breaks[0]); k++) {
            s->n = 0;
            put(s, 0x82, plan.content, 10);
            memcpy(s->at + s->n, breaks[k], 2);
            s->n += 2;
            put(s, 0x82, plan.content, 10);
            bench_reader_init(&r, &plan, true);
            feed(&r, &plan, s, cuts[c], &in);
            assert_non_null(in.broken);
            assert_int_equal(in.done, 1);
        }
        s->n = 0;
        put(s, 0x82, plan.content, 10);
        put(s, 0x88, "\x03\xe9going", 7);
        put(s, 0x82, plan.content, 10);
        bench_reader_init(&r, &plan, true);
        feed(&r, &plan, s, cuts[c], &in);
        assert_true(in.closed);
        assert_int_equal(in.code, 1001);
        assert_int_equal(in.reason_n, 5);
        assert_memory_equal(in.reason, "going", 5);
        assert_int_equal(in.done, 1);
    }
    bench_plan_deinit(&plan);
    free(s);
}

/* --------------------------------------------------------------------------- compressed -- */

/* Echoes as a server might compress them: not as we do. */
static void compress_echoes(const bench_plan *plan, stream *s, bool takeover, uint32_t bad)
{
    z_stream z = {0};
    uint8_t *one = malloc(plan->size * 2 + 100), *message = malloc(plan->size);

    s->n = 0;
    assert_int_equal(deflateInit2(&z, 2, Z_DEFLATED, -15, 6, Z_DEFAULT_STRATEGY), Z_OK);
    for (uint32_t i = 0; i < 5; i++) {
        memcpy(message, plan->content + plan->size * i, plan->size);
        if (i == bad)
            message[plan->size / 2] ^= 1;
        if (!takeover)
            (void)deflateReset(&z);
        z.next_in = message;
        z.avail_in = (uInt)plan->size;
        z.next_out = one;
        z.avail_out = (uInt)(plan->size * 2 + 100);
        assert_int_equal(deflate(&z, Z_SYNC_FLUSH), Z_OK);
        size_t n = plan->size * 2 + 100 - z.avail_out - 4;
        /* One of them in fragments, one not compressed at all. */
        if (i == 1) {
            put(s, 0x42, one, n / 3);
            put(s, 0x80, one + n / 3, n - n / 3);
        } else {
            put(s, 0xc2, one, n);
        }
    }
    put(s, 0x82, plan->content + plan->size * 5, plan->size);
    (void)deflateEnd(&z);
    free(one);
    free(message);
}

static void compressed_echoes_are_looked_into(void **state)
{
    bench_plan plan;
    stream *s = calloc(1, sizeof(*s));

    (void)state;
    make(&plan, 900, true);
    for (int takeover = 0; takeover < 2; takeover++) {
        for (uint32_t bad = 0; bad <= 5; bad++) {
            compress_echoes(&plan, s, takeover != 0, bad);
            for (size_t c = 0; c < N_CUTS; c++) {
                bench_reader r;
                bench_input in;
                bench_reader_init(&r, &plan, true);
                assert_true(bench_reader_inflates(&r, takeover != 0));
                feed(&r, &plan, s, cuts[c], &in);
                bench_reader_deinit(&r);
                assert_null(in.broken);
                assert_int_equal(in.done, 6);
                assert_int_equal(in.wrong, bad < 5);
                if (bad < 5)
                    assert_int_equal(in.wrong_at, 450);
                /* And without a look into them, they are counted. */
                bench_reader_init(&r, &plan, false);
                feed(&r, &plan, s, cuts[c], &in);
                assert_int_equal(in.done, 6);
                assert_int_equal(in.wrong, 0);
            }
        }
    }
    bench_plan_deinit(&plan);
    free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_are_masked_messages),
        cmocka_unit_test(compressed_chains_can_be_read),
        cmocka_unit_test(contents_are_what_they_are_called),
        cmocka_unit_test(files_are_cut_between_characters),
        cmocka_unit_test(echoes_count_wherever_they_are_cut),
        cmocka_unit_test(contents_can_be_skipped),
        cmocka_unit_test(fragments_and_pings_are_no_error),
        cmocka_unit_test(each_wrong_octet_is_found),
        cmocka_unit_test(wrong_lengths_and_kinds_are_found),
        cmocka_unit_test(broken_rules_and_closes_end_it),
        cmocka_unit_test(compressed_echoes_are_looked_into),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
