/* SPDX-License-Identifier: MIT */
/*
 * What a queue takes of memory, against what it counts: a peer that does not read must not make us
 * hold more than max_queued says, whatever is sent to it in whichever order.
 */
#include "solo.h"

#include <stdlib.h>
#include <string.h>

#define MAX_QUEUED ((size_t)256 * 1024)
#define LARGEST    ((size_t)40 * 1024)
/* Of a queue that holds nothing, and of the chunk that is being sent: what was sent of it stays. */
#define CONSTANT (WSK__SPENT_FREE + LARGEST + 1024)

typedef enum manner {
    OWN,      /* copied */
    SHARED,   /* a prepared message that nobody else has */
    BORROWED, /* then settled, as at the end of a turn */
    PING,
} manner;

typedef struct step {
    manner how;
    size_t len, times; /* times 0: once */
} step;

static uint8_t data[LARGEST];

static wsk_conn *reader(solo *s, bool deflate)
{
    wsk_config_options o = WSK_CONFIG_OPTIONS_INIT;

    o.max_queued = MAX_QUEUED;
    o.high_water = MAX_QUEUED / 4;
    o.deflate.enabled = deflate;
    o.deflate.threshold = 64;
    solo_begin(s, WSK_ROLE_SERVER, &o);
    wsk_conn *c = solo_shell(s);
    solo_open(s, c, deflate ? "Sec-WebSocket-Extensions: permessage-deflate\r\n" : "");
    return c;
}

static int send_one(solo *s, wsk_conn *c, manner how, size_t len)
{
    wsk_prepared *p;
    int r;

    switch (how) {
    case OWN:
        return wsk_conn_send(c, WSK_OP_BINARY, data, len, WSK_SEND_NO_COMPRESS);
    case SHARED:
        assert_int_equal(wsk_prepared_new(&p, s->cfg, WSK_OP_BINARY, data, len), WSK_OK);
        r = wsk_conn_send_prepared(c, p);
        wsk_prepared_unref(p);
        return r;
    case BORROWED:
        r = wsk__conn_send_borrowed(c, WSK_OP_BINARY, data, len, WSK_SEND_NO_COMPRESS);
        assert_int_equal(wsk__conn_settle(c), WSK_OK);
        return r;
    case PING:
        break;
    }
    return wsk_conn_ping(c, data, len < 125 ? len : 125);
}

/* True: there was room for it. */
static bool add(solo *s, wsk_conn *c, manner how, size_t len, size_t base)
{
    int r = send_one(s, c, how, len);

    assert_true(r == WSK_OK || r == WSK_ERR_FULL);
    assert_true(s->alloc.octets - base <= MAX_QUEUED + MAX_QUEUED / 2 + CONSTANT);
    return r == WSK_OK;
}

static void fill(solo *s, wsk_conn *c, const step *steps, size_t n, size_t base)
{
    for (size_t i = 0;; i = (i + 1) % n) {
        for (size_t k = 0; k < (steps[i].times > 0 ? steps[i].times : 1); k++) {
            if (!add(s, c, steps[i].how, steps[i].len, base))
                return;
        }
    }
}

/* Once below the mark it is said, and then there is room. */
static void drain(solo *s, wsk_conn *c)
{
    size_t low = s->cfg->o.low_water;
    bool told = false;

    while (!told) {
        assert_true(wsk_conn_queued(c) > 0);
        wsk_conn_sent(c, wsk_conn_queued(c) < 501 ? wsk_conn_queued(c) : 501, s->now);
        told = solo_next(s, c) == WSK_EV_WRITABLE;
        if (wsk_conn_queued(c) == 0)
            assert_true(told);
        assert_true(!told || wsk_conn_queued(c) < low);
    }
    assert_int_equal(wsk_conn_wants(c) & WSK_WANT_READ, WSK_WANT_READ);
    assert_int_equal(wsk_conn_ping(c, "", 0), WSK_OK);
}

static const struct {
    size_t n;
    step steps[4];
} mixes[] = {
    {1, {{OWN, 0, 0}}},
    {1, {{PING, 0, 0}}},
    {1, {{OWN, 125, 0}}},
    {1, {{OWN, 1000, 0}}},
    {1, {{OWN, 1345, 0}}},
    {1, {{OWN, 1350, 0}}},
    {1, {{OWN, 2100, 0}}},
    {1, {{OWN, 5000, 0}}},
    {1, {{SHARED, 0, 0}}},
    {1, {{SHARED, 190, 0}}},
    {1, {{SHARED, 193, 0}}},
    {1, {{SHARED, 1000, 0}}},
    {1, {{SHARED, LARGEST, 0}}},
    {2, {{SHARED, 200, 0}, {OWN, 1, 0}}},
    {2, {{SHARED, 200, 0}, {SHARED, 1, 0}}},
    {2, {{SHARED, 300, 0}, {OWN, 20, 0}}},
    {2, {{SHARED, 5000, 0}, {OWN, 20, 0}}},
    {2, {{OWN, 5000, 0}, {OWN, 20, 0}}},
    {2, {{OWN, 3000, 0}, {OWN, 20, 3}}},
    {2, {{BORROWED, 16384, 0}, {OWN, 1, 0}}},
    /* From here on of an attacker's making: each takes the most of what it finds. */
    {2, {{SHARED, 2000, 0}, {OWN, 60, 0}}},
    {2, {{SHARED, 1100, 0}, {OWN, 0, 33}}},
    {3, {{SHARED, 1100, 0}, {OWN, 0, 33}, {OWN, 1300, 0}}},
    {3, {{SHARED, 4100, 0}, {OWN, 0, 160}, {OWN, 0, 1}}},
    {3, {{SHARED, 4100, 0}, {OWN, 60, 22}, {OWN, 0, 1}}},
    {2, {{OWN, 0, 2000}, {SHARED, 4100, 0}}},
    {4, {{SHARED, 193, 0}, {OWN, 0, 0}, {SHARED, 200, 0}, {OWN, 100, 0}}},
};
#define HONEST 20

static void test_mixes(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(mixes) / sizeof(*mixes); i++) {
        solo s;
        wsk_conn *c = reader(&s, false);
        size_t base = s.alloc.octets;

        for (int round = 0; round < 3; round++) {
            fill(&s, c, mixes[i].steps, mixes[i].n, base);
            if (i < HONEST)
                assert_true(wsk_conn_queued(c) >= MAX_QUEUED);
            assert_true(wsk_conn_queued(c) >= MAX_QUEUED / 4);
            drain(&s, c);
        }
        wsk_conn_sent(c, wsk_conn_queued(c), s.now);
        wsk__conn_rest(c);
        assert_true(s.alloc.octets <= base);
        solo_end(&s);
    }
}

static uint32_t rng(uint32_t *x)
{
    *x ^= *x << 13;
    *x ^= *x >> 17;
    *x ^= *x << 5;
    return *x;
}

/* Any sizes in any order, some of it read meanwhile. */
static void test_any_mix(void **state)
{
    (void)state;
    uint32_t x = 2463534242u;

    for (size_t i = 0; i < 200; i += test_stride(20)) {
        solo s;
        wsk_conn *c = reader(&s, i % 4 == 3);
        size_t base = s.alloc.octets, bits[4];
        bool full = false;

        for (int k = 0; k < 4; k++)
            bits[k] = 1 + rng(&x) % (i % 2 ? 9 : 14);
        while (!full) {
            manner how = rng(&x) % 4;
            size_t len = rng(&x) % ((size_t)1 << bits[how]);

            full = !add(&s, c, how, how == BORROWED ? 16384 + len : len, base);
            if (rng(&x) % 8 == 0)
                wsk_conn_sent(c, rng(&x) % (wsk_conn_queued(c) + 1), s.now);
        }
        drain(&s, c);
        wsk_conn_sent(c, wsk_conn_queued(c), s.now);
        solo_end(&s);
    }
}

/* Who is to get the compressed form holds nothing else. */
static void test_one_form(void **state)
{
    (void)state;
    size_t len = (size_t)1 << 20;
    uint8_t *zeros = calloc(1, len);
    bool packed;
    solo s;

    for (int deflate = 0; deflate < 2; deflate++) {
        wsk_conn *c = reader(&s, deflate);
        wsk_prepared *p = NULL;
        size_t base = s.alloc.octets;

        assert_int_equal(wsk_prepared_new(&p, s.cfg, WSK_OP_BINARY, zeros, len), WSK_OK);
        assert_int_equal(p->packed != NULL, deflate);
        size_t frame = deflate ? p->packed->len : p->plain->len;
        assert_true(!deflate || frame < 4000);
        assert_int_equal(wsk_conn_send_prepared(c, p), WSK_OK);
        wsk_prepared_unref(p);
        assert_true(s.alloc.octets - base < frame + 500);
        wsk_conn_sent(c, wsk_conn_queued(c), s.now);
        wsk__conn_rest(c);
        /* Nor what is past the queue, and did not go out. */
        assert_int_equal(wsk_prepared_new(&p, s.cfg, WSK_OP_BINARY, zeros, len), WSK_OK);
        wsk__shared *part = wsk__shared_ref(wsk__prepared_direct(c, p, &packed));
        assert_int_equal(packed, deflate);
        wsk_prepared_unref(p);
        assert_true(s.alloc.octets - base < frame + 500);
        wsk__prepared_taken(c, 1, part->len);
        assert_int_equal(wsk__shared_put_back(c, part->data + 1, part->len - 1, part), WSK_OK);
        wsk__shared_unref(part);
        assert_int_equal(wsk_conn_queued(c), frame - 1);
        assert_true(s.alloc.octets - base < frame + 500);
        wsk_conn_sent(c, wsk_conn_queued(c), s.now);
        wsk__conn_rest(c);
        assert_true(s.alloc.octets <= base);
        solo_end(&s);
    }
    free(zeros);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mixes),
        cmocka_unit_test(test_any_mix),
        cmocka_unit_test(test_one_form),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
