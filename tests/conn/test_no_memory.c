/* SPDX-License-Identifier: MIT */
/*
 * What an open connection says of itself when there is no memory, or no random number, at a moment
 * at which no call of the program could tell it: it fails, and does not blame the peer.
 */
#include "pair.h"

#include <string.h>
#include <sys/uio.h>

static int no_random(void *ud, void *buf, size_t n)
{
    (void)ud;
    (void)buf;
    (void)n;
    return -1;
}

/* The server's side has these hooks. */
static void open_pair(pair *p, test_alloc *a, wsk_config_options *so, wsk_config_options *co)
{
    test_alloc_init(a);
    so->hooks = &a->hooks;
    assert_int_equal(pair_init(p, so, co, SIZE_MAX), WSK_OK);
    pair_open(p);
}

static void fail_memory(test_alloc *a)
{
    a->fail_at = a->calls + 1;
    a->for_ever = true;
}

static void check_failed(pair *p)
{
    pair_pump(p);
    const pair_event *failed = pair_last(&p->server, WSK_EV_FAIL);
    assert_non_null(failed);
    assert_string_equal(failed->text, "out of memory");
    assert_int_equal(wsk_conn_code(p->server.c), WSK_CLOSE_ABNORMAL);
}

static void a_ping_that_cannot_be_sent_is_not_waited_for(void **state)
{
    wsk_config_options so = WSK_CONFIG_OPTIONS_INIT, co = WSK_CONFIG_OPTIONS_INIT;
    test_alloc a;
    pair p;

    (void)state;
    so.ping_interval = 300;
    open_pair(&p, &a, &so, &co);
    wsk_conn_tick(p.server.c, p.now, NULL);
    fail_memory(&a);
    p.now += 300;
    wsk_conn_tick(p.server.c, p.now, NULL);
    assert_true(a.failed);
    a.fail_at = 0;
    check_failed(&p);
    pair_deinit(&p);
    assert_int_equal(a.live, 0);
}

static void a_pong_that_cannot_be_sent_later_is_not_forgotten(void **state)
{
    wsk_config_options so = WSK_CONFIG_OPTIONS_INIT, co = WSK_CONFIG_OPTIONS_INIT;
    struct iovec iov[8];
    test_alloc a;
    pair p;

    (void)state;
    so.max_pongs = 1;
    open_pair(&p, &a, &so, &co);
    p.client.deaf = true;
    for (int i = 0; i < 2; i++)
        assert_int_equal(wsk_conn_ping(p.client.c, "x", 1), WSK_OK);
    pair_pump(&p);
    assert_int_equal(pair_count(&p.server, WSK_EV_PING), 2);
    assert_true(wsk_conn_output(p.server.c, iov, 8) > 0);
    fail_memory(&a);
    wsk_conn_sent(p.server.c, wsk_conn_queued(p.server.c), p.now);
    assert_true(a.failed);
    a.fail_at = 0;
    check_failed(&p);
    pair_deinit(&p);
    assert_int_equal(a.live, 0);
}

static void without_random_numbers_a_client_fails(void **state)
{
    wsk_config_options so = WSK_CONFIG_OPTIONS_INIT, co = WSK_CONFIG_OPTIONS_INIT;
    wsk_hooks hooks = WSK_HOOKS_INIT;
    test_alloc a;
    pair p;
    int r = WSK_OK;

    (void)state;
    co.hooks = &hooks;
    open_pair(&p, &a, &so, &co);
    hooks.random = no_random;
    /* Keys are fetched some at a time. */
    for (int i = 0; i < 1000 && r == WSK_OK; i++)
        r = wsk_conn_send(p.client.c, WSK_OP_TEXT, "x", 1, 0);
    assert_int_equal(r, WSK_ERR_SYS);
    pair_pump(&p);
    const pair_event *failed = pair_last(&p.client, WSK_EV_FAIL);
    assert_non_null(failed);
    assert_string_equal(failed->text, "no random numbers for the masks");
    assert_int_equal(wsk_conn_code(p.client.c), WSK_CLOSE_ABNORMAL);
    assert_int_equal(wsk_conn_send(p.client.c, WSK_OP_TEXT, "x", 1, 0), WSK_ERR_FAILED);
    pair_deinit(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_ping_that_cannot_be_sent_is_not_waited_for),
        cmocka_unit_test(a_pong_that_cannot_be_sent_later_is_not_forgotten),
        cmocka_unit_test(without_random_numbers_a_client_fails),
    };

    return cmocka_run_group_tests_name("no_memory", tests, NULL, NULL);
}
