/* SPDX-License-Identifier: MIT */
/* What messages and pools make of a codec that fails, one that does not end a flush as RFC 7692
 * 7.2.1 has it, one that keeps no history, and of memory that runs out just then. The codec is
 * one of the test's own, which does what it is told. */
#include <stdlib.h>
#include <string.h>

#include "deflate/pmd_state.h"
#include "pmd_support.h"
#include "util/attr.h"
#include "util/mem.h"

/* ------------------------------------------------------------------------- the codec -- */

/* One call of run(): takes all input, gives `text`, and returns `result`. */
typedef struct told {
    int result;
    const char *text; /* NULL: nothing is taken nor given */
    size_t len;
} told;

typedef struct puppet {
    wsk__coder head;
    const told *next; /* of run() */
    int start_result;
    size_t history; /* octets, all of them 'h' */
    size_t started; /* octets of the history that it was begun with */
} puppet;

extern const wsk__codec puppet_codec, other_codec;

static puppet *puppet_of(wsk__coder *c)
{
    return (puppet *)(void *)c;
}

/* What the next one that is created is like. */
static puppet mould;

static int create_any(wsk__coder **ret, const wsk_hooks *hooks, const wsk__coder_setup *setup,
                      const wsk__codec *codec)
{
    puppet *p = wsk__alloc(hooks, sizeof(*p));

    if (p == NULL)
        return WSK_ERR_NOMEM;
    *p = mould;
    p->head.codec = codec;
    p->head.hooks = hooks;
    p->head.setup = *setup;
    *ret = &p->head;
    return WSK_OK;
}

static int puppet_create(wsk__coder **ret, const wsk_hooks *hooks, const wsk__coder_setup *setup)
{
    return create_any(ret, hooks, setup, &puppet_codec);
}

static int other_create(wsk__coder **ret, const wsk_hooks *hooks, const wsk__coder_setup *setup)
{
    return create_any(ret, hooks, setup, &other_codec);
}

static void puppet_destroy(wsk__coder *c)
{
    wsk__free(c->hooks, c);
}

static int puppet_start(wsk__coder *c, const wsk__coder_setup *setup, const uint8_t *hist, size_t n)
{
    for (size_t i = 0; i < n; i++)
        assert_int_equal(hist[i], 'h');
    c->setup = *setup;
    puppet_of(c)->started = n;
    return puppet_of(c)->start_result;
}

static int puppet_run(wsk__coder *c, wsk_ext_io *io, bool flush)
{
    const told *t = puppet_of(c)->next++;

    (void)flush;
    if (t->text != NULL) {
        assert_true(t->len <= io->out_len);
        io->in += io->in_len;
        io->in_len = 0;
        memcpy(io->out, t->text, t->len);
        io->out += t->len;
        io->out_len -= t->len;
    }
    return t->result;
}

static size_t puppet_history(wsk__coder *c, uint8_t *buf)
{
    if (buf != NULL)
        memset(buf, 'h', puppet_of(c)->history);
    return puppet_of(c)->history;
}

const wsk__codec puppet_codec = {
    .name = "puppet",
    .create = puppet_create,
    .destroy = puppet_destroy,
    .start = puppet_start,
    .run = puppet_run,
    .history = puppet_history,
};

const wsk__codec other_codec = {
    .name = "another",
    .create = other_create,
    .destroy = puppet_destroy,
    .start = puppet_start,
    .run = puppet_run,
    .history = puppet_history,
};

static const wsk__coder_setup deflater = {.level = 1, .mem_level = 8, .window_bits = 15};
static const wsk__coder_setup inflater = {.window_bits = 15};

static void mould_is(const told *next, int start_result, size_t history)
{
    mould = (puppet){.next = next, .start_result = start_result, .history = history};
}

static void take(wsk__half *half, wsk__coder_pool *pool, const wsk_hooks *hooks,
                 const wsk__coder_setup *setup)
{
    assert_int_equal(wsk__coder_take(half, pool, hooks, &puppet_codec, setup, false), 0);
}

/* ---------------------------------------------------------------------------- messages -- */

/* One call of encode with `in` and a room of `room`; the result, and what was given. */
static int encode_once(const told *run, const char *in, size_t room, char *out, size_t *ret_given,
                       size_t *ret_left)
{
    wsk__half half = {0};
    wsk_ext_io io = {(const uint8_t *)in, strlen(in), (uint8_t *)out, room};

    mould_is(run, WSK_OK, 0);
    take(&half, NULL, NULL, &deflater);
    wsk__coder_message(half.coder);
    int r = wsk__coder_encode(half.coder, &io, true);
    *ret_given = room - io.out_len;
    *ret_left = io.in_len;
    wsk__coder_drop(&half, NULL, NULL);
    return r;
}

static const size_t rooms[] = {300, 68, 67, 10, 0}; /* the caller's own room, and one of ours */

/* The error of a codec is that of the message, and nothing was given or taken. */
static void run_fails(void **state)
{
    static const told fails[] = {{WSK_ERR_INVAL, NULL, 0}};
    static const told no_memory[] = {{WSK_ERR_NOMEM, NULL, 0}};
    char out[300];
    size_t given, left;

    (void)state;
    for (unsigned i = 0; i < WSK__COUNT(rooms); i++) {
        assert_int_equal(encode_once(fails, "abc", rooms[i], out, &given, &left), WSK_ERR_INVAL);
        assert_int_equal(given, 0);
        assert_int_equal(left, 3);
        assert_int_equal(encode_once(no_memory, "abc", rooms[i], out, &given, &left),
                         WSK_ERR_NOMEM);
        assert_int_equal(given, 0);
    }
}

/* RFC 7692 7.2.1: four octets are taken off, and only these four: to take off other ones would
 * be a message that arrives as another one. */
static void flush_without_tail(void **state)
{
    static const told ends[] = {
        {WSK_EXT_DONE, "abcdefgh", 8},
        {WSK_EXT_DONE, "abc", 3},
        {WSK_EXT_DONE, "", 0},
        {WSK_EXT_DONE, "\x00\x00\xff", 3},
        {WSK_EXT_DONE, "ab\x00\x00\xff\xfe", 6},
    };
    static const told good = {WSK_EXT_DONE, "ab\x00\x00\xff\xff", 6};
    char out[300];
    size_t given, left;

    (void)state;
    for (unsigned i = 0; i < WSK__COUNT(rooms); i++) {
        for (unsigned k = 0; k < WSK__COUNT(ends); k++) {
            assert_int_equal(encode_once(&ends[k], "abc", rooms[i], out, &given, &left),
                             WSK_ERR_STATE);
            assert_int_equal(given, 0);
        }
        if (rooms[i] >= 2) {
            assert_int_equal(encode_once(&good, "abc", rooms[i], out, &given, &left), WSK_EXT_DONE);
            assert_int_equal(given, 2);
            assert_memory_equal(out, "ab", 2);
            assert_int_equal(left, 0);
        }
    }
}

/* RFC 7692 7.2.3.6: one octet, which has to wait where there is no room at all. */
static void empty_without_room(void **state)
{
    wsk__half half = {0};
    uint8_t out[2] = {0xEE, 0xEE};
    wsk_ext_io io = {NULL, 0, out, 0};

    (void)state;
    mould_is(NULL, WSK_OK, 0);
    take(&half, NULL, NULL, &deflater);
    wsk__coder_message(half.coder);
    assert_int_equal(wsk__coder_encode(half.coder, &io, true), WSK_EXT_MORE);
    assert_int_equal(wsk__coder_encode(half.coder, &io, true), WSK_EXT_MORE);
    io.out_len = sizeof(out);
    assert_int_equal(wsk__coder_encode(half.coder, &io, true), WSK_EXT_DONE);
    assert_int_equal(io.out_len, 1);
    assert_memory_equal(out, "\x00\xEE", 2);
    /* It has been said; nothing follows. */
    assert_int_equal(wsk__coder_encode(half.coder, &io, true), WSK_EXT_DONE);
    assert_int_equal(io.out_len, 1);
    wsk__coder_drop(&half, NULL, NULL);
}

/* The compressor that fails in the middle of a message takes the connection's state with it. */
static void compressor_fails(void **state)
{
    static const told fails[] = {{WSK_ERR_INVAL, NULL, 0}};
    test_alloc a;
    pmd_pair p;
    uint8_t out[300];

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        wsk_ext_io io = {(const uint8_t *)"abc", 3, out, i ? sizeof(out) : 5};

        test_alloc_init(&a);
        assert_int_equal(pmd_pair_open(&p, &(pmd_want){0}, &a.hooks, NULL, NULL), 0);
        wsk__pmd_state *s = p.server;
        assert_int_equal(p.ext->encode_begin(s, WSK_OP_TEXT, 3, 0), WSK_RSV1);
        wsk__coder *real = s->out.coder, *fake = NULL;
        mould_is(fails, WSK_OK, 0);
        assert_int_equal(puppet_create(&fake, &a.hooks, &real->setup), 0);
        real->codec->destroy(real);
        s->out.coder = fake;
        assert_int_equal(p.ext->encode(s, &io, true), WSK_ERR_INVAL);
        assert_null(s->out.kept);
        assert_int_equal(p.ext->encode(s, &io, true), WSK_ERR_STATE);
        assert_int_equal(p.ext->encode_begin(s, WSK_OP_TEXT, 3, WSK_SEND_COMPRESS), 0);
        assert_int_equal(p.ext->decode_begin(s, WSK_OP_TEXT, WSK_RSV1), WSK_ERR_STATE);
        assert_int_equal(p.ext->decode(s, &io, true), WSK_ERR_STATE);
        assert_false(wsk__pmd_is_empty(s));
        pmd_pair_close(&p);
        assert_int_equal(a.live, 0);
    }
}

/* -------------------------------------------------------------------------------- pool -- */

/* Takes a coder whose stream begins with `history` octets to be remembered, and parks it. */
static void speak(wsk__half *half, wsk__coder_pool *pool, const wsk_hooks *hooks,
                  const wsk__coder_setup *setup, size_t history)
{
    mould_is(NULL, WSK_OK, history);
    take(half, pool, hooks, setup);
    puppet_of(half->coder)->history = history;
    wsk__coder_park(half, pool);
}

/* A coder that does not begin is none: the history waits for another one. */
static void start_fails(void **state)
{
    test_alloc a;
    wsk__half half = {0};

    (void)state;
    test_alloc_init(&a);
    mould_is(NULL, WSK_ERR_INVAL, 0);
    assert_int_equal(wsk__coder_take(&half, NULL, &a.hooks, &puppet_codec, &inflater, false),
                     WSK_ERR_INVAL);
    assert_null(half.kept);
    assert_int_equal(a.live, 0);

    speak(&half, NULL, &a.hooks, &inflater, 77);
    assert_int_equal(wsk__coder_compact(&half, NULL), 0);
    assert_int_equal(a.live, 1);
    mould_is(NULL, WSK_ERR_NOMEM, 0);
    assert_int_equal(wsk__coder_take(&half, NULL, &a.hooks, &puppet_codec, &inflater, false),
                     WSK_ERR_NOMEM);
    assert_int_equal(a.live, 1);
    assert_int_equal(pmd_history(&half)->len, 77);
    a.fail_at = a.calls + 1;
    assert_int_equal(wsk__coder_take(&half, NULL, &a.hooks, &puppet_codec, &inflater, false),
                     WSK_ERR_NOMEM);
    assert_int_equal(pmd_history(&half)->len, 77);
    mould_is(NULL, WSK_OK, 0);
    take(&half, NULL, &a.hooks, &inflater);
    assert_int_equal(puppet_of(half.coder)->started, 77);
    wsk__coder_drop(&half, NULL, &a.hooks);
    assert_int_equal(a.live, 0);
}

/* Where only empty messages passed there is nothing to keep. */
static void empty_history(void **state)
{
    test_alloc a;
    wsk__half half = {0};

    (void)state;
    test_alloc_init(&a);
    speak(&half, NULL, &a.hooks, &inflater, 0);
    a.fail_at = a.calls + 1; /* no memory is asked for */
    assert_int_equal(wsk__coder_compact(&half, NULL), 0);
    assert_null(half.kept);
    assert_int_equal(a.live, 0);
    /* Another time there is nothing to do. */
    assert_int_equal(wsk__coder_compact(&half, NULL), 0);
    wsk__coder_drop(&half, NULL, &a.hooks);
    assert_null(half.kept);
    assert_false(a.failed);
}

/* A decompressor's history is owed to the peer: without memory to save it the coder stays. */
static void compact_without_memory(void **state)
{
    test_alloc a;
    wsk__half half = {0};

    (void)state;
    test_alloc_init(&a);
    speak(&half, NULL, &a.hooks, &inflater, 5000);
    wsk__coder *before = half.coder;
    a.fail_at = a.calls + 1;
    assert_int_equal(wsk__coder_compact(&half, NULL), WSK_ERR_NOMEM);
    assert_ptr_equal(half.coder, before);
    assert_int_equal(wsk__coder_compact(&half, NULL), 0);
    assert_int_equal(pmd_history(&half)->len, 5000);
    wsk__coder_drop(&half, NULL, &a.hooks);
    assert_int_equal(a.live, 0);
}

/* Of a compressor's history the last 4,096 octets are kept, though the block cannot shrink. */
static void shrink_without_memory(void **state)
{
    test_alloc a;
    wsk__half half = {0};

    (void)state;
    test_alloc_init(&a);
    for (unsigned fail = 0; fail < 2; fail++) {
        speak(&half, NULL, &a.hooks, &deflater, 20000);
        a.fail_at = fail ? a.calls + 2 : 0;
        assert_int_equal(wsk__coder_compact(&half, NULL), 0);
        assert_int_equal(a.failed, fail);
        assert_int_equal(pmd_history(&half)->len, 4096);
        assert_true(fail ? a.octets > 20000 : a.octets < 5000);
        mould_is(NULL, WSK_OK, 0);
        take(&half, NULL, &a.hooks, &deflater);
        assert_int_equal(puppet_of(half.coder)->started, 4096);
        wsk__coder_drop(&half, NULL, &a.hooks);
        assert_int_equal(a.live, 0);
    }
}

/* Who insists on another codec gets it with the history of the first; without memory for that
 * the first one does as well. */
static void insist_without_memory(void **state)
{
    test_alloc a;
    wsk__half half = {0};

    (void)state;
    test_alloc_init(&a);
    speak(&half, NULL, &a.hooks, &inflater, 300);
    wsk__coder *before = half.coder;
    a.fail_at = a.calls + 1;
    assert_int_equal(wsk__coder_take(&half, NULL, &a.hooks, &other_codec, &inflater, true), 0);
    assert_true(a.failed);
    assert_ptr_equal(half.coder, before);
    /* Who does not insist takes what there is. */
    assert_int_equal(wsk__coder_take(&half, NULL, &a.hooks, &other_codec, &inflater, false), 0);
    assert_ptr_equal(half.coder, before);
    /* Who has it already loses nothing. */
    assert_int_equal(wsk__coder_take(&half, NULL, &a.hooks, &puppet_codec, &inflater, true), 0);
    assert_ptr_equal(half.coder, before);
    assert_int_equal(wsk__coder_take(&half, NULL, &a.hooks, &other_codec, &inflater, true), 0);
    assert_ptr_equal(half.coder->codec, &other_codec);
    assert_int_equal(puppet_of(half.coder)->started, 300);
    wsk__coder_drop(&half, NULL, &a.hooks);
    /* Or with none, if only empty messages have passed. */
    speak(&half, NULL, &a.hooks, &inflater, 0);
    assert_int_equal(wsk__coder_take(&half, NULL, &a.hooks, &other_codec, &inflater, true), 0);
    assert_ptr_equal(half.coder->codec, &other_codec);
    assert_int_equal(puppet_of(half.coder)->started, 0);
    wsk__coder_drop(&half, NULL, &a.hooks);
    assert_int_equal(a.live, 0);
}

/* As many as a pool keeps idle (coder_pool.c); one more is at work. */
#define IDLE_DEFLATERS 24
#define IDLE_INFLATERS 48

/*
 * Coders that were at work at the same time, one more than may be idle: the oldest is turned into
 * its history. Without memory a compressor forgets, which costs length alone; a decompressor must
 * not, so that there is one coder too many.
 */
static void one_too_many(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        const wsk__coder_setup *setup = i & 1 ? &deflater : &inflater;
        unsigned max = i & 1 ? IDLE_DEFLATERS : IDLE_INFLATERS;
        bool memory = i < 2;
        test_alloc a;
        wsk__coder_pool *pool;
        wsk__half halves[IDLE_INFLATERS + 1] = {{0}};

        test_alloc_init(&a);
        assert_int_equal(wsk__coder_pool_new(&pool, &a.hooks), 0);
        mould_is(NULL, WSK_OK, 100);
        for (unsigned k = 0; k <= max; k++)
            take(&halves[k], pool, &a.hooks, setup);
        for (unsigned k = 0; k < max; k++)
            wsk__coder_park(&halves[k], pool);
        assert_non_null(pmd_coder(&halves[0]));
        if (!memory)
            a.fail_at = a.calls + 1;
        wsk__coder_park(&halves[max], pool);
        assert_int_equal(a.failed, !memory);
        assert_non_null(pmd_coder(&halves[max]));
        assert_non_null(pmd_coder(&halves[1]));
        if (memory) {
            assert_null(pmd_coder(&halves[0]));
            assert_int_equal(pmd_history(&halves[0])->len, 100);
        } else if (i & 1) {
            assert_null(halves[0].kept);
        } else {
            assert_non_null(pmd_coder(&halves[0]));
            assert_null(pmd_history(&halves[0]));
        }
        for (unsigned k = 0; k <= max; k++)
            wsk__coder_drop(&halves[k], pool, &a.hooks);
        wsk__coder_pool_free(pool);
        assert_int_equal(a.live, 0);
    }
}

/* A coder that nobody has claimed is lent again; another codec's is not. */
static void lent_again(void **state)
{
    test_alloc a;
    wsk__coder_pool *pool;
    wsk__half half = {0};

    (void)state;
    test_alloc_init(&a);
    assert_int_equal(wsk__coder_pool_new(&pool, &a.hooks), 0);
    mould_is(NULL, WSK_OK, 0);
    take(&half, pool, &a.hooks, &inflater);
    wsk__coder *first = half.coder;
    wsk__coder_drop(&half, pool, &a.hooks);
    assert_int_equal(wsk__coder_take(&half, pool, &a.hooks, &other_codec, &inflater, false), 0);
    assert_ptr_not_equal(half.coder, first);
    assert_ptr_equal(half.coder->codec, &other_codec);
    wsk__coder_drop(&half, pool, &a.hooks);
    take(&half, pool, &a.hooks, &inflater);
    assert_ptr_equal(half.coder, first);
    wsk__coder_drop(&half, pool, &a.hooks);
    wsk__coder_pool_free(pool);
    assert_int_equal(a.live, 0);
}

/* zlib's compressors differ in more than their window: what was made for one level, memory level
 * or window is not lent for another one. */
static void lent_for_the_same(void **state)
{
    static const wsk__coder_setup setups[] = {{6, 8, 15}, {6, 1, 15}, {6, 8, 12}, {7, 8, 15}};
    test_alloc a;
    wsk__coder_pool *pool;
    wsk__coder *first[4];
    wsk__half half = {0};

    (void)state;
    test_alloc_init(&a);
    assert_int_equal(wsk__coder_pool_new(&pool, &a.hooks), 0);
    for (unsigned round = 0; round < 2; round++) {
        for (unsigned i = 0; i < 4; i++) {
            assert_int_equal(
                wsk__coder_take(&half, pool, &a.hooks, &wsk__zlib_deflate, &setups[i], false), 0);
            if (round == 0)
                first[i] = half.coder;
            for (unsigned k = 0; k <= i; k++)
                assert_int_equal(half.coder == first[k], k == i);
            wsk__coder_drop(&half, pool, &a.hooks);
        }
    }
    wsk__coder_pool_free(pool);
    assert_int_equal(a.live, 0);
}

/* ------------------------------------------------------------------------------- state -- */

/* Nothing of a message or its history goes over to another state; and what is empty. */
static void copies(void **state)
{
    test_alloc a;
    pmd_pair p;
    octets wire = {0}, back = {0};
    pmd_want want = {.server_bits = 11, .client_bits = 9, .client_no_takeover = true};

    (void)state;
    test_alloc_init(&a);
    assert_int_equal(pmd_pair_open(&p, &want, &a.hooks, NULL, NULL), 0);
    assert_true(wsk__pmd_is_empty(p.server));
    wsk__pmd_state *copy = wsk__pmd_copy(p.server);
    assert_int_equal(copy->out_bits, 11);
    assert_int_equal(copy->in_bits, 9);
    assert_true(copy->out_takeover);
    assert_false(copy->in_takeover);
    assert_ptr_equal(copy->cfg, &p.server_cfg);
    p.ext->release(copy);
    a.fail_at = a.calls + 1;
    assert_null(wsk__pmd_copy(p.server));

    assert_int_equal(pmd_encode_all(p.ext, p.server, "abc", 3, SIZE_MAX, SIZE_MAX, &wire), 0);
    assert_false(wsk__pmd_is_empty(p.server)); /* its own history */
    assert_int_equal(
        pmd_decode_all(p.ext, p.client, wire.ptr, wire.len, SIZE_MAX, SIZE_MAX, SIZE_MAX, &back),
        0);
    assert_false(wsk__pmd_is_empty(p.client)); /* the peer's */
    wsk__pmd_foreign_message(p.server);
    assert_true(wsk__pmd_is_empty(p.server));
    assert_int_equal(p.ext->encode_begin(p.server, WSK_OP_TEXT, 3, 0), WSK_RSV1);
    assert_false(wsk__pmd_is_empty(p.server)); /* a message is under way */
    pmd_pair_close(&p);
    assert_int_equal(a.live, 0);
    octets_free(&wire);
    octets_free(&back);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(run_fails),
        cmocka_unit_test(flush_without_tail),
        cmocka_unit_test(empty_without_room),
        cmocka_unit_test(compressor_fails),
        cmocka_unit_test(start_fails),
        cmocka_unit_test(empty_history),
        cmocka_unit_test(compact_without_memory),
        cmocka_unit_test(shrink_without_memory),
        cmocka_unit_test(insist_without_memory),
        cmocka_unit_test(one_too_many),
        cmocka_unit_test(lent_again),
        cmocka_unit_test(lent_for_the_same),
        cmocka_unit_test(copies),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
