/* SPDX-License-Identifier: MIT */
/*
 * A peer that takes what waits for it, but slowly: it may be slow, but what it holds of our memory
 * has to shrink.
 */
#include "pair.h"

#include <stdlib.h>
#include <string.h>

#include "conn/conn_internal.h"

/* A server's connection with `queued` octets to send, at time 0. */
static void start(pair *p, const wsk_config_options *so, size_t queued)
{
    wsk_config_options co = WSK_CONFIG_OPTIONS_INIT;
    uint8_t *data = calloc(1, queued);

    assert_int_equal(pair_init(p, so, &co, SIZE_MAX), WSK_OK);
    pair_open(p);
    while (wsk_conn_queued(p->server.c) < queued)
        assert_int_equal(wsk_conn_send(p->server.c, WSK_OP_BINARY, data,
                                       queued - wsk_conn_queued(p->server.c), WSK_SEND_NO_COMPRESS),
                         WSK_OK);
    free(data);
}

/* Takes n octets each `every` ms until all are taken (0) or the peer is dropped: the time of it,
 * in ms from the begin. */
static uint64_t take(pair *p, size_t n, uint64_t every)
{
    uint64_t begin = p->now, now = begin;
    wsk_event ev;

    wsk_conn_tick(p->server.c, now, NULL);
    while (wsk_conn_queued(p->server.c) > 0) {
        now += every;
        wsk_conn_tick(p->server.c, now, NULL);
        if (wsk_conn_wants(p->server.c) & WSK_WANT_DROP) {
            bool failed = false;
            while (wsk_conn_next(p->server.c, &ev) == WSK_OK && ev.type != WSK_EV_NONE) {
                if (ev.type == WSK_EV_FAIL) {
                    failed = true;
                    assert_int_equal(ev.code, WSK_CLOSE_ABNORMAL);
                    assert_string_equal(ev.text, "the peer did not take our output in time");
                }
            }
            assert_true(failed);
            return now - begin;
        }
        wsk_conn_sent(p->server.c, n, now);
    }
    return 0;
}

/* Silence is not what ends them here. */
static wsk_config_options options(void)
{
    wsk_config_options o = WSK_CONFIG_OPTIONS_INIT;

    o.ping_interval = WSK_NEVER;
    return o;
}

static void test_an_octet_now_and_then(void **state)
{
    (void)state;
    wsk_config_options o = options();
    pair p;

    start(&p, &o, (size_t)16 << 20);
    assert_in_range(take(&p, 1, 1000), 30000, 31000);
    pair_deinit(&p);

    /* As before, where the pace is switched off: for as long as it likes. */
    o.queue_timeout = WSK_NEVER;
    start(&p, &o, 100);
    assert_int_equal(take(&p, 1, 29000), 0);
    pair_deinit(&p);
    start(&p, &o, 100);
    assert_in_range(take(&p, 1, 31000), 31000, 31000);
    pair_deinit(&p);
}

static void test_slow_but_steady(void **state)
{
    (void)state;
    wsk_config_options o = options();
    pair p;

    /* 16 MiB in nine minutes is what a pace of ten minutes allows, in eleven it is not. */
    start(&p, &o, (size_t)16 << 20);
    assert_int_equal(take(&p, ((size_t)16 << 20) / 540, 1000), 0);
    pair_deinit(&p);
    start(&p, &o, (size_t)16 << 20);
    assert_in_range(take(&p, ((size_t)16 << 20) / 6600, 1000), 30000, 120000);
    pair_deinit(&p);
    /* In lumps, as a window opens. */
    start(&p, &o, (size_t)16 << 20);
    assert_int_equal(take(&p, (size_t)1 << 20, 25000), 0);
    pair_deinit(&p);
    /* Little takes long: a slow line is no attack. */
    start(&p, &o, 20000);
    assert_int_equal(take(&p, 40, 1000), 0);
    pair_deinit(&p);
}

static void test_own_pace(void **state)
{
    (void)state;
    wsk_config_options o = options();
    pair p;

    o.write_timeout = 100;
    o.queue_timeout = 1000;
    start(&p, &o, 100000);
    assert_in_range(take(&p, 10, 1), 100, 200);
    pair_deinit(&p);
    start(&p, &o, 100000);
    assert_int_equal(take(&p, 120, 1), 0);
    pair_deinit(&p);
    /* What was good once does not count for later. */
    start(&p, &o, 100000);
    p.now += 50;
    wsk_conn_sent(p.server.c, 50000, p.now);
    assert_in_range(take(&p, 1, 1), 90, 130);
    pair_deinit(&p);
}

/*
 * With TLS: what waits is taken in pieces of so much, and gets to the socket n octets at a time. 0:
 * all got there; else the time at which the peer was dropped.
 */
static uint64_t encrypt(pair *p, size_t piece, size_t n, uint64_t every)
{
    uint64_t begin = p->now, now = begin;
    wsk_conn *c = p->server.c;
    size_t left = 0;

    wsk_conn_tick(c, now, NULL);
    for (;;) {
        if (left == 0) {
            left = wsk_conn_queued(c) < piece ? wsk_conn_queued(c) : piece;
            if (left == 0)
                return 0;
            wsk__conn_taken(c, left, now);
            wsk__conn_set_undrained(c, true, now);
        }
        now += every;
        wsk_conn_tick(c, now, NULL);
        if (wsk_conn_wants(c) & WSK_WANT_DROP)
            return now - begin;
        size_t moved = n < left ? n : left;
        left -= moved;
        wsk__conn_moved(c, moved, left, now);
        wsk__conn_set_undrained(c, left > 0, now);
    }
}

static void test_pieces_of_cipher_text(void **state)
{
    (void)state;
    const size_t piece = 131072, much = (size_t)16 << 20;
    wsk_config_options o = options();
    pair p;

    /* As above, although a piece takes longer than write_timeout. */
    start(&p, &o, 400000);
    assert_int_equal(encrypt(&p, piece, 1000, 1000), 0);
    pair_deinit(&p);
    start(&p, &o, much);
    assert_int_equal(encrypt(&p, piece, much / 540, 1000), 0);
    pair_deinit(&p);
    start(&p, &o, much);
    assert_in_range(encrypt(&p, piece, much / 6600, 1000), 30000, 120000);
    pair_deinit(&p);
    start(&p, &o, much);
    assert_in_range(encrypt(&p, piece, 1, 1000), 30000, 31000);
    pair_deinit(&p);
    /* All of it taken, and none of it moved. */
    start(&p, &o, 100000);
    assert_in_range(encrypt(&p, piece, 1, 31000), 31000, 31000);
    pair_deinit(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_octet_now_and_then),
        cmocka_unit_test(test_slow_but_steady),
        cmocka_unit_test(test_own_pace),
        cmocka_unit_test(test_pieces_of_cipher_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
