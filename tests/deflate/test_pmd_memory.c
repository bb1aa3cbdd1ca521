/* SPDX-License-Identifier: MIT */
/* Memory of permessage-deflate: every allocation fails once, pools are shared by many
 * connections whose messages interleave, what idle connections hold. */
#include <stdlib.h>
#include <string.h>

#include "deflate/pmd_state.h"
#include "pmd_support.h"

#define MESSAGE 3000

/* ---------------------------------------------------------------- failing allocations -- */

typedef struct failing_case {
    pmd_want want;
    bool pooled;
} failing_case;

static void conversation(void *ud, const wsk_hooks *hooks)
{
    const failing_case *fc = ud;
    wsk__coder_pool *pool = NULL;
    pmd_pair p, q;
    uint8_t data[MESSAGE];
    bool q_open = false;

    if (fc->pooled && wsk__coder_pool_new(&pool, hooks) < 0)
        return;
    if (pmd_pair_open(&p, &fc->want, hooks, pool, pool) == 0) {
        q_open = pmd_pair_open(&q, &fc->want, hooks, pool, pool) == 0;
        for (unsigned i = 0; i < 6; i++) {
            pmd_pair *pair = q_open && i % 2 ? &q : &p;
            octets wire = {0}, back = {0};

            sample_json(data, sizeof(data), i);
            int r = pmd_encode_all(pair->ext, pair->server, data, sizeof(data), SIZE_MAX, 500,
                                   &wire);
            if (r == 0)
                r = pmd_decode_all(pair->ext, pair->client, wire.ptr, wire.len, SIZE_MAX, 700,
                                   SIZE_MAX, &back);
            /* Either it works, or it says that memory is out, and it stays dead. */
            if (r == 0)
                assert_memory_equal(back.ptr, data, sizeof(data));
            else
                assert_true(r == WSK_ERR_NOMEM || r == WSK_ERR_STATE);
            octets_free(&wire);
            octets_free(&back);
            if (i == 3) {
                pair->ext->trim(pair->server);
                pair->ext->trim(pair->client);
            }
            if (i == 4)
                wsk__pmd_foreign_message(p.server);
            if (r < 0)
                break;
        }
        uint8_t *once;
        size_t once_len;
        int r = wsk__pmd_compress_once(&p.server_cfg, data, sizeof(data), 15, &once, &once_len);
        if (r == 0)
            hooks->realloc(hooks->ud, once, 0);
        else
            assert_int_equal(r, WSK_ERR_NOMEM);
        pmd_pair_close(&p);
        if (q_open)
            pmd_pair_close(&q);
    }
    wsk__coder_pool_free(pool);
}

static void allocations_fail(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 8; i++) {
        failing_case fc = {
            .want = {.server_no_takeover = (i & 1) != 0, .level = i & 2 ? 6 : 1},
            .pooled = (i & 4) != 0,
        };

        with_failing_alloc(conversation, &fc);
    }
}

/* More connections than idle coders: histories are saved and loaded, or there is no memory for
 * that. Each connection fails for itself, the other ones live on. */
static void crowd(void *ud, const wsk_hooks *hooks)
{
    enum { CROWD = 52 };
    wsk__coder_pool *pool;
    pmd_pair pairs[CROWD];
    bool alive[CROWD] = {false};
    uint8_t data[200];

    (void)ud;
    if (wsk__coder_pool_new(&pool, hooks) < 0)
        return;
    for (unsigned i = 0; i < CROWD; i++)
        alive[i] = pmd_pair_open(&pairs[i], &(pmd_want){.mem_level = 1, .server_bits = 9}, hooks,
                                 pool, pool) == 0;
    for (unsigned k = 0; k < 2 * CROWD; k++) {
        unsigned i = k % CROWD;
        octets wire = {0}, back = {0};

        if (!alive[i])
            continue;
        sample_json(data, sizeof(data), i + k / CROWD);
        int r = pmd_encode_all(pairs[i].ext, pairs[i].server, data, sizeof(data), SIZE_MAX,
                               SIZE_MAX, &wire);
        if (r == 0)
            r = pmd_decode_all(pairs[i].ext, pairs[i].client, wire.ptr, wire.len, SIZE_MAX,
                               SIZE_MAX, SIZE_MAX, &back);
        if (r == 0) {
            assert_int_equal(back.len, sizeof(data));
            assert_memory_equal(back.ptr, data, sizeof(data));
        } else {
            assert_int_equal(r, WSK_ERR_NOMEM);
            pmd_pair_close(&pairs[i]);
            alive[i] = false;
        }
        octets_free(&wire);
        octets_free(&back);
    }
    for (unsigned i = 0; i < CROWD; i++)
        if (alive[i])
            pmd_pair_close(&pairs[i]);
    wsk__coder_pool_free(pool);
}

static void evictions_fail(void **state)
{
    (void)state;
    with_failing_alloc(crowd, NULL);
}

/* A pool outlives its connections and may have hooks of its own: each block goes back to where
 * it came from. */
static void hooks_of_two(void **state)
{
    enum { PAIRS = 60 };
    test_alloc a, b;
    wsk__coder_pool *pool;
    pmd_pair pairs[PAIRS];

    (void)state;
    test_alloc_init(&a);
    test_alloc_init(&b);
    assert_int_equal(wsk__coder_pool_new(&pool, &a.hooks), 0);
    for (unsigned i = 0; i < PAIRS; i++)
        assert_int_equal(pmd_pair_open(&pairs[i], &(pmd_want){0}, &b.hooks, pool, pool), 0);
    for (unsigned i = 0; i < 3 * PAIRS; i++) {
        octets wire = {0}, back = {0};
        pmd_pair *p = &pairs[i % PAIRS];
        uint8_t data[500];

        sample_json(data, sizeof(data), i);
        assert_int_equal(
            pmd_encode_all(p->ext, p->server, data, sizeof(data), SIZE_MAX, SIZE_MAX, &wire), 0);
        assert_int_equal(pmd_decode_all(p->ext, p->client, wire.ptr, wire.len, SIZE_MAX, SIZE_MAX,
                                        SIZE_MAX, &back),
                         0);
        assert_memory_equal(back.ptr, data, sizeof(data));
        if (i % 7 == 0)
            p->ext->trim(p->client);
        octets_free(&wire);
        octets_free(&back);
    }
    for (unsigned i = 0; i < PAIRS; i++)
        pmd_pair_close(&pairs[i]);
    assert_int_equal(b.live, 0);
    wsk__coder_pool_free(pool);
    assert_int_equal(a.live, 0);
}

/* An encoder without memory lets the message pass as it is; the connection lives on. */
static void no_compressor(void **state)
{
    test_alloc a;
    pmd_pair p;
    pmd_want want = {0};
    octets wire = {0}, back = {0};
    uint8_t data[MESSAGE];

    (void)state;
    test_alloc_init(&a);
    assert_int_equal(pmd_pair_open(&p, &want, &a.hooks, NULL, NULL), 0);
    a.fail_at = a.calls + 1;
    a.for_ever = true;
    assert_int_equal(p.ext->encode_begin(p.server, WSK_OP_TEXT, 1000, 0), 0);
    a.fail_at = 0;
    sample_json(data, sizeof(data), 1);
    assert_int_equal(pmd_encode_all(p.ext, p.server, data, sizeof(data), SIZE_MAX, SIZE_MAX, &wire),
                     0);
    assert_int_equal(
        pmd_decode_all(p.ext, p.client, wire.ptr, wire.len, SIZE_MAX, SIZE_MAX, SIZE_MAX, &back),
        0);
    assert_memory_equal(back.ptr, data, sizeof(data));
    pmd_pair_close(&p);
    assert_int_equal(a.live, 0);
    octets_free(&wire);
    octets_free(&back);
}

/* A decompressor is made, and the history that was saved is loaded into it, or there is no memory
 * for either: the message fails, since the peer may refer to that history. */
static void history_without_memory(void **state)
{
    test_alloc a;
    uint8_t data[MESSAGE];
    bool done = false;

    (void)state;
    sample_json(data, sizeof(data), 1);
    for (long i = 1; !done; i++) {
        pmd_pair p;
        octets wire = {0}, back = {0};

        test_alloc_init(&a);
        assert_int_equal(pmd_pair_open(&p, &(pmd_want){0}, &a.hooks, NULL, NULL), 0);
        for (unsigned k = 0; k < 2; k++) {
            wire.len = back.len = 0;
            assert_int_equal(
                pmd_encode_all(p.ext, p.server, data, sizeof(data), SIZE_MAX, SIZE_MAX, &wire), 0);
            if (k == 1) {
                p.ext->trim(p.client);
                a.fail_at = a.calls + i;
            }
            int r = pmd_decode_all(p.ext, p.client, wire.ptr, wire.len, SIZE_MAX, SIZE_MAX,
                                   SIZE_MAX, &back);
            assert_int_equal(r, a.failed ? WSK_ERR_NOMEM : 0);
            if (r == 0)
                assert_memory_equal(back.ptr, data, sizeof(data));
            else
                assert_int_equal(p.ext->decode_begin(p.client, WSK_OP_TEXT, WSK_RSV1),
                                 WSK_ERR_STATE);
        }
        /* The decompressor itself at least is one. */
        done = !a.failed;
        assert_true(!done || i > 1);
        pmd_pair_close(&p);
        assert_int_equal(a.live, 0);
        octets_free(&wire);
        octets_free(&back);
    }
}

/* A prepared message that grows by being compressed needs its room twice. */
static void prepared_without_memory(void **state)
{
    test_alloc a;
    pmd_pair p;
    uint8_t data[MESSAGE];
    bool done = false;

    (void)state;
    sample_random(data, sizeof(data), 1);
    for (long i = 1; !done; i++) {
        uint8_t *once = data;
        size_t len = 7;

        test_alloc_init(&a);
        assert_int_equal(pmd_pair_open(&p, &(pmd_want){0}, &a.hooks, NULL, NULL), 0);
        long before = a.live;
        a.fail_at = a.calls + i;
        int r = wsk__pmd_compress_once(&p.server_cfg, data, sizeof(data), 15, &once, &len);
        if (a.failed) {
            assert_int_equal(r, WSK_ERR_NOMEM);
            assert_ptr_equal(once, data);
            assert_int_equal(len, 7);
        } else {
            assert_int_equal(r, 0);
            assert_true(len > sizeof(data));
            assert_int_equal(a.live, before + 1);
            a.hooks.realloc(a.hooks.ud, once, 0);
            done = true;
        }
        assert_true(!done || i > 3); /* coder, room, more room */
        assert_int_equal(a.live, before);
        pmd_pair_close(&p);
    }
}

/* -------------------------------------------------------------------------------- pool -- */

typedef struct talk {
    pmd_pair pair;
    octets wire, back;
    uint8_t data[MESSAGE];
    size_t n, taken, fed;
    bool encoded;
    unsigned messages;
} talk;

static void talk_begin(talk *t, unsigned seed)
{
    t->n = seed % 5 == 0 ? seed % MESSAGE : 200 + seed % 300;
    sample_json(t->data, t->n, seed);
    t->wire.len = t->back.len = 0;
    t->taken = t->fed = 0;
    t->encoded = false;
    assert_int_equal(
        t->pair.ext->encode_begin(t->pair.server, WSK_OP_TEXT, UINT64_MAX, WSK_SEND_COMPRESS),
        WSK_RSV1);
    assert_int_equal(t->pair.ext->decode_begin(t->pair.client, WSK_OP_TEXT, WSK_RSV1), 1);
}

/* A little of one direction at a time. True when the message is through. */
static bool talk_step(talk *t, unsigned how)
{
    uint8_t out[200];
    bool encode = !t->encoded && (how % 3 > 0 || t->fed == t->wire.len);
    size_t total = encode ? t->n : t->wire.len, *pos = encode ? &t->taken : &t->fed;
    size_t n = 1 + how % 150;

    if (n > total - *pos)
        n = total - *pos;
    wsk_ext_io io = {(encode ? t->data : t->wire.ptr) + *pos, n, out, 1 + how % sizeof(out)};
    size_t room = io.out_len;
    bool fin = *pos + n == total && (encode || t->encoded);
    int r = encode ? t->pair.ext->encode(t->pair.server, &io, fin)
                   : t->pair.ext->decode(t->pair.client, &io, fin);

    assert_true(r == WSK_EXT_DONE || r == WSK_EXT_MORE);
    *pos += n - io.in_len;
    octets_add(encode ? &t->wire : &t->back, out, room - io.out_len);
    if (encode && fin && r == WSK_EXT_DONE)
        t->encoded = true;
    if (encode || !fin || r != WSK_EXT_DONE)
        return false;
    assert_int_equal(t->back.len, t->n);
    if (t->n > 0)
        assert_memory_equal(t->back.ptr, t->data, t->n);
    t->messages++;
    return true;
}

/* More connections than the pool keeps coders for, their messages cut into each other, some
 * trimmed in between, some with history and some without, windows of every size. */
static void interleaved(void **state)
{
    enum { TALKS = 80, ROUNDS = 12 };
    talk *talks = calloc(TALKS, sizeof(talk));
    wsk__coder_pool *server_pool, *client_pool;
    test_alloc a;
    uint32_t seed = 1;
    unsigned open = TALKS;

    (void)state;
    test_alloc_init(&a);
    assert_int_equal(wsk__coder_pool_new(&server_pool, &a.hooks), 0);
    assert_int_equal(wsk__coder_pool_new(&client_pool, &a.hooks), 0);
    for (unsigned i = 0; i < TALKS; i++) {
        pmd_want want = {
            .server_no_takeover = i % 4 == 3,
            .server_bits = i % 2 ? 15 : 8 + i / 2 % 8,
            .level = i % 10 == 9 ? 6 : 1,
        };

        assert_int_equal(pmd_pair_open(&talks[i].pair, &want, &a.hooks, server_pool, client_pool),
                         0);
        talk_begin(&talks[i], i);
    }
    while (open > 0) {
        seed = seed * 1664525u + 1013904223u;
        talk *t = &talks[(seed >> 8) % TALKS];

        if (t->messages == ROUNDS)
            continue;
        if ((seed >> 20) % 50 == 0) {
            /* in the middle of a message: it must not be harmed */
            t->pair.ext->trim(t->pair.server);
            t->pair.ext->trim(t->pair.client);
        }
        if (talk_step(t, seed >> 12)) {
            if (t->messages == ROUNDS)
                open--;
            else
                talk_begin(t, seed >> 4);
        }
    }
    for (unsigned i = 0; i < TALKS; i++) {
        pmd_pair_close(&talks[i].pair);
        octets_free(&talks[i].wire);
        octets_free(&talks[i].back);
    }
    free(talks);
    wsk__coder_pool_free(server_pool);
    wsk__coder_pool_free(client_pool);
    assert_int_equal(a.live, 0);
}

/* Abandoned in the middle of messages. */
static void released_early(void **state)
{
    test_alloc a;
    wsk__coder_pool *pool;

    (void)state;
    test_alloc_init(&a);
    assert_int_equal(wsk__coder_pool_new(&pool, &a.hooks), 0);
    for (unsigned i = 0; i < 100; i++) {
        talk t = {0};
        pmd_want want = {.server_no_takeover = i % 3 == 0};

        assert_int_equal(
            pmd_pair_open(&t.pair, &want, &a.hooks, i % 2 ? pool : NULL, i % 2 ? pool : NULL), 0);
        talk_begin(&t, i * 5);
        for (unsigned k = 0; k < i; k++)
            if (talk_step(&t, k * 7))
                break;
        pmd_pair_close(&t.pair);
        octets_free(&t.wire);
        octets_free(&t.back);
    }
    wsk__coder_pool_free(pool);
    assert_int_equal(a.live, 0);
}

/* ------------------------------------------------------------------------------- octets -- */

static void one_message(pmd_pair *p, size_t n, unsigned seed)
{
    octets wire = {0}, back = {0};
    uint8_t *data = malloc(n);

    sample_json(data, n, seed);
    assert_int_equal(pmd_encode_all(p->ext, p->server, data, n, SIZE_MAX, SIZE_MAX, &wire), 0);
    assert_int_equal(
        pmd_decode_all(p->ext, p->client, wire.ptr, wire.len, SIZE_MAX, SIZE_MAX, SIZE_MAX, &back),
        0);
    assert_int_equal(back.len, n);
    assert_memory_equal(back.ptr, data, n);
    octets_free(&wire);
    octets_free(&back);
    free(data);
}

static void idle_octets(void **state)
{
    test_alloc a, peer;
    wsk__coder_pool *pool;
    pmd_pair *pairs = calloc(200, sizeof(*pairs));

    (void)state;
    /* What has been negotiated and not been used costs its state alone. */
    assert_true(sizeof(wsk__pmd_state) <= 40);
    test_alloc_init(&a);
    test_alloc_init(&peer);
    assert_int_equal(wsk__coder_pool_new(&pool, &a.hooks), 0);
    size_t empty = a.octets;
    for (unsigned i = 0; i < 200; i++)
        assert_int_equal(pmd_pair_open(&pairs[i], &(pmd_want){0}, &a.hooks, pool, pool), 0);
    assert_int_equal(a.octets - empty, 400 * sizeof(wsk__pmd_state));
    /* Those that spoke keep their histories, not coders. */
    for (unsigned i = 0; i < 200; i++)
        one_message(&pairs[i], 1000, i);
    assert_true(a.octets < (size_t)20000000 + 400 * 2000);
    /* Trimmed ones keep what the peer may refer to, and nothing of their own. */
    for (unsigned i = 0; i < 200; i++) {
        pairs[i].ext->trim(pairs[i].server);
        pairs[i].ext->trim(pairs[i].client);
    }
    for (unsigned i = 0; i < 200; i++) {
        const wsk__pmd_state *client = pairs[i].client, *server = pairs[i].server;

        assert_null(server->out.kept);
        assert_non_null(pmd_history(&client->in));
        assert_int_equal(pmd_history(&client->in)->len, 1000);
    }
    /* And go on from there. */
    for (unsigned i = 0; i < 200; i++)
        one_message(&pairs[i], 40000, i + 1);
    for (unsigned i = 0; i < 200; i++)
        one_message(&pairs[i], 40000, i + 1);
    for (unsigned i = 0; i < 200; i++)
        pmd_pair_close(&pairs[i]);
    wsk__coder_pool_free(pool);
    assert_int_equal(a.live, 0);
    free(pairs);
}

/* Without context takeover nothing stays with a connection. */
static void nothing_stays(void **state)
{
    pmd_pair p;
    test_alloc a;

    (void)state;
    test_alloc_init(&a);
    assert_int_equal(
        pmd_pair_open(&p, &(pmd_want){.server_no_takeover = true}, &a.hooks, NULL, NULL), 0);
    size_t before = a.octets;
    for (unsigned i = 0; i < 3; i++) {
        one_message(&p, 5000, i);
        assert_int_equal(a.octets, before);
    }
    pmd_pair_close(&p);
    assert_int_equal(a.live, 0);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(allocations_fail),
        cmocka_unit_test(evictions_fail),
        cmocka_unit_test(hooks_of_two),
        cmocka_unit_test(no_compressor),
        cmocka_unit_test(history_without_memory),
        cmocka_unit_test(prepared_without_memory),
        cmocka_unit_test(interleaved),
        cmocka_unit_test(released_early),
        cmocka_unit_test(idle_octets),
        cmocka_unit_test(nothing_stays),
    };

    pmd_codecs_from(argc, argv);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
