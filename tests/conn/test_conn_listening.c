/* SPDX-License-Identifier: MIT */
/*
 * When a connection listens and when it does not: pauses, full queues, and what becomes of what
 * came before the transport broke.
 */
#include "solo.h"

#include <stdlib.h>
#include <string.h>

static uint64_t tick(solo *s, wsk_conn *c, uint64_t passed)
{
    uint64_t next;

    s->now += passed;
    wsk_conn_tick(c, s->now, &next);
    return next == UINT64_MAX ? next : next - s->now;
}

static wsk_conn *open_one(solo *s, wsk_role role, const wsk_config_options *o)
{
    solo_begin(s, role, o);
    wsk_conn *c = solo_alone(s);
    solo_open(s, c, "");
    return c;
}

/* A frame of which the loan ends at once. */
static void pass_frame(solo *s, wsk_conn *c, unsigned first, const void *data, size_t n)
{
    solo_frame(s, c, first, data, n);
    assert_int_equal(wsk__conn_unlend_input(c), WSK_OK);
}

static bool listens(const wsk_conn *c)
{
    return wsk_conn_wants(c) & WSK_WANT_READ;
}

/* A server that answers in order takes no more before its answers are read: a client that did not
 * read while much of its own waits would wait for ever, and so would the server. */
static void test_who_says_much_listens(void **state)
{
    (void)state;
    wsk_config_options o = WSK_CONFIG_OPTIONS_INIT;
    char data[900] = {0};
    solo s;

    o.high_water = 1000;
    for (wsk_role role = WSK_ROLE_SERVER; role <= WSK_ROLE_CLIENT; role++) {
        wsk_conn *c = open_one(&s, role, &o);
        for (int i = 0; i < 5; i++)
            assert_int_equal(wsk_conn_send(c, WSK_OP_BINARY, data, sizeof(data), 0), WSK_OK);
        assert_true(listens(c) == (role == WSK_ROLE_CLIENT));
        solo_want(&s, c, WSK_EV_NONE);
        solo_out(&s, c);
        assert_true(listens(c));
        solo_want(&s, c, WSK_EV_WRITABLE);
        solo_end(&s);
    }
}

/* What it answers is another matter: the peer might go on asking. */
static void test_who_answers_much_does_not(void **state)
{
    (void)state;
    wsk_config_options o = WSK_CONFIG_OPTIONS_INIT;
    char data[100] = {0};
    unsigned answers = 0;
    solo s;

    o.high_water = 1000;
    wsk_conn *c = open_one(&s, WSK_ROLE_CLIENT, &o);
    for (int again = 0; again < 2; again++) {
        for (answers = 0; listens(c) && answers < 100; answers++) {
            solo_frame(&s, c, 0x82, data, sizeof(data));
            solo_want(&s, c, WSK_EV_MESSAGE);
            assert_int_equal(wsk_conn_send(c, WSK_OP_BINARY, data, sizeof(data), 0), WSK_OK);
            solo_want(&s, c, WSK_EV_NONE);
        }
        /* Up to the mark, and as much again. */
        assert_in_range(answers, 18, 20);
        solo_out(&s, c);
        solo_want(&s, c, WSK_EV_WRITABLE);
    }
    solo_end(&s);
}

/* Five messages and a close frame, of which the transport broke when the program had paused. */
static void test_lost_while_paused(void **state)
{
    (void)state;
    static const char close[] = {0x0F, (char)0xA1, 'b', 'y', 'e'};
    solo s;

    for (wsk_role role = WSK_ROLE_SERVER; role <= WSK_ROLE_CLIENT; role++) {
        for (int paused = 0; paused < 2; paused++) {
            wsk_conn *c = open_one(&s, role, NULL);
            wsk_conn_pause(c, paused);
            for (int i = 0; i < 5; i++)
                pass_frame(&s, c, 0x81, "hello", 5);
            pass_frame(&s, c, 0x88, close, sizeof(close));
            wsk_conn_lost(c, "connection reset by peer");
            assert_int_equal(wsk_conn_wants(c), 0);
            if (paused) {
                solo_want(&s, c, WSK_EV_NONE);
                (void)tick(&s, c, 3600 * 1000);
                solo_want(&s, c, WSK_EV_NONE);
                assert_int_equal(wsk_conn_state(c), WSK_STATE_OPEN);
                /* What it says by now goes nowhere. */
                assert_int_equal(wsk_conn_send(c, WSK_OP_TEXT, "x", 1, 0), WSK_OK);
                solo_out(&s, c);
                assert_int_equal(s.out_len, 0);
                assert_int_equal(wsk_conn_wants(c), 0);
                wsk_conn_pause(c, false);
            }
            for (int i = 0; i < 5; i++) {
                solo_want(&s, c, WSK_EV_MESSAGE);
                assert_int_equal(s.ev.len, 5);
            }
            solo_want(&s, c, WSK_EV_CLOSE);
            solo_want(&s, c, WSK_EV_END);
            assert_int_equal(s.ev.code, 4001);
            assert_string_equal(s.ev.text, "closed by the peer");
            assert_false(wsk_conn_was_clean(c)); /* it did not get our answer */
            assert_int_equal(wsk_conn_wants(c), WSK_WANT_DROP);
            solo_end(&s);
        }
    }
}

/* Who has paused until there is room again is told that nothing waits. */
static void test_lost_when_full(void **state)
{
    (void)state;
    wsk_config_options o = WSK_CONFIG_OPTIONS_INIT;
    char data[900] = {0};
    solo s;

    o.max_queued = 100000;
    for (size_t len = 1; len <= sizeof(data); len += sizeof(data) - 1) {
        wsk_conn *c = open_one(&s, WSK_ROLE_SERVER, &o);
        pass_frame(&s, c, 0x81, "hello", 5);
        wsk_conn_pause(c, true);
        while (wsk_conn_send(c, WSK_OP_BINARY, data, len, 0) == WSK_OK)
            ;
        wsk_conn_lost(c, "connection reset by peer");
        solo_want(&s, c, WSK_EV_WRITABLE);
        solo_want(&s, c, WSK_EV_NONE);
        assert_int_equal(wsk_conn_send(c, WSK_OP_BINARY, data, len, 0), WSK_OK);
        assert_int_equal(wsk_conn_queued(c), 0);
        wsk_conn_pause(c, false);
        solo_want(&s, c, WSK_EV_MESSAGE);
        solo_want(&s, c, WSK_EV_END);
        solo_end(&s);
    }
}

/* Half a message is none: then it ends as it broke. */
static void test_lost_within_a_message(void **state)
{
    (void)state;
    solo s;
    wsk_conn *c = open_one(&s, WSK_ROLE_CLIENT, NULL);

    wsk_conn_pause(c, true);
    solo_pass(&s, c, "\x81\x01\x61\x81\x05hel", 8);
    wsk_conn_lost(c, "connection reset by peer");
    solo_want(&s, c, WSK_EV_NONE);
    wsk_conn_pause(c, false);
    solo_want(&s, c, WSK_EV_MESSAGE);
    solo_want(&s, c, WSK_EV_END);
    assert_int_equal(s.ev.code, 1006);
    assert_string_equal(s.ev.text, "connection reset by peer");
    solo_end(&s);

    /* And where nothing waits nobody has to ask for the end. */
    c = open_one(&s, WSK_ROLE_CLIENT, NULL);
    wsk_conn_pause(c, true);
    wsk_conn_lost(c, "connection reset by peer");
    solo_want(&s, c, WSK_EV_END);
    assert_int_equal(s.ev.code, 1006);
    solo_end(&s);
}

/* A rule is broken in what came before: nobody is there who could be told. */
static void test_lost_then_failed(void **state)
{
    (void)state;
    solo s;
    wsk_conn *c = open_one(&s, WSK_ROLE_CLIENT, NULL);

    wsk_conn_pause(c, true);
    solo_pass(&s, c, "\x83\x00", 2);
    wsk_conn_lost(c, "connection reset by peer");
    wsk_conn_pause(c, false);
    solo_want(&s, c, WSK_EV_FAIL);
    assert_int_equal(s.ev.code, 1002);
    solo_want(&s, c, WSK_EV_END);
    solo_out(&s, c);
    assert_int_equal(s.out_len, 0);
    solo_end(&s);
}

/* Who asks for messages now and then must hear of a peer that is gone as soon as who always does.
 */
static void test_keepalive_over_pauses(void **state)
{
    (void)state;
    wsk_config_options o = WSK_CONFIG_OPTIONS_INIT;
    uint64_t pinged = 0;
    solo s;

    o.ping_interval = 1000;
    o.ping_timeout = 500;
    for (int away = 0; away <= 300; away += 300) {
        wsk_conn *c = open_one(&s, WSK_ROLE_CLIENT, &o);
        uint64_t listened = 0;
        for (; wsk_conn_state(c) == WSK_STATE_OPEN && listened < 5000; listened += 100) {
            wsk_conn_pause(c, true);
            (void)tick(&s, c, 0);
            (void)tick(&s, c, (uint64_t)away);
            wsk_conn_pause(c, false);
            (void)tick(&s, c, 0);
            (void)tick(&s, c, 100);
            solo_out(&s, c);
            if (s.out_len > 0 && pinged == 0)
                pinged = listened + 100;
        }
        assert_int_equal(pinged, 1000);
        assert_int_equal(listened, 1500);
        solo_want(&s, c, WSK_EV_FAIL);
        assert_string_equal(s.ev.text, "the peer did not answer a ping in time");
        pinged = 0;
        solo_end(&s);
    }
}

/* A ping behind much else is not late before it is out. */
static void test_ping_behind_much(void **state)
{
    (void)state;
    wsk_config_options o = WSK_CONFIG_OPTIONS_INIT;
    static char data[60000];
    solo s;

    o.ping_interval = 1000;
    o.ping_timeout = 500;
    wsk_conn *c = open_one(&s, WSK_ROLE_CLIENT, &o);
    assert_int_equal(wsk_conn_send(c, WSK_OP_BINARY, data, sizeof(data), 0), WSK_OK);
    size_t all = wsk_conn_queued(c);
    (void)tick(&s, c, 0);
    (void)tick(&s, c, 1000);
    assert_int_equal(wsk_conn_queued(c), all + 6);
    for (int i = 0; i < 6; i++) {
        s.now += 400;
        wsk_conn_sent(c, all / 6, s.now);
        (void)tick(&s, c, 0);
        assert_int_equal(wsk_conn_state(c), WSK_STATE_OPEN);
    }
    (void)tick(&s, c, 5000);
    assert_int_equal(wsk_conn_state(c), WSK_STATE_OPEN);
    solo_out(&s, c);
    assert_int_equal(tick(&s, c, 499), 1);
    assert_int_equal(wsk_conn_state(c), WSK_STATE_OPEN);
    (void)tick(&s, c, 1);
    solo_want(&s, c, WSK_EV_FAIL);
    assert_string_equal(s.ev.text, "the peer did not answer a ping in time");
    solo_end(&s);
}

/* Whoever was told that the queue is full is told when it is not any more. */
static void test_full_to_the_mark(void **state)
{
    (void)state;
    wsk_config_options o = WSK_CONFIG_OPTIONS_INIT;
    char data[1100] = {0};
    solo s;

    o.max_queued = 4096;
    o.high_water = 4096;
    for (size_t len = 1010; len < 1034; len++) {
        wsk_conn *c = open_one(&s, WSK_ROLE_SERVER, &o);
        int r, sent = 0;
        while ((r = wsk_conn_send(c, WSK_OP_BINARY, data, len, 0)) == WSK_OK)
            sent++;
        assert_int_equal(r, WSK_ERR_FULL);
        assert_in_range(sent, 4, 5);
        solo_out(&s, c);
        solo_want(&s, c, WSK_EV_WRITABLE);
        solo_end(&s);
    }
}

/* One mark alone is an option like any other: those that are not set go by it. */
static void test_marks(void **state)
{
    (void)state;
    static const struct {
        size_t most, high, low;
        int r;
    } rows[] = {
        {1000, 0, 0, WSK_OK},
        {0, 0, (size_t)3 << 20, WSK_OK},
        {0, (size_t)32 << 20, 0, WSK_OK},
        {0, 0, (size_t)20 << 20, WSK_OK},
        {0, 5000, 0, WSK_OK},
        {1, 0, 0, WSK_OK},
        {1, 1, 1, WSK_OK},
        {(size_t)2 << 20, 0, (size_t)2 << 20, WSK_OK},
        {1000, 1001, 0, WSK_ERR_INVAL},
        {0, 1000, 1001, WSK_ERR_INVAL},
        {1000, 0, 1001, WSK_ERR_INVAL},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        wsk_config_options o = WSK_CONFIG_OPTIONS_INIT;
        wsk_config *cfg = NULL;
        o.role = WSK_ROLE_SERVER;
        o.max_queued = rows[i].most;
        o.high_water = rows[i].high;
        o.low_water = rows[i].low;
        assert_int_equal(wsk_config_new(&cfg, &o), rows[i].r);
        if (cfg == NULL)
            continue;
        assert_true(cfg->o.low_water >= 1 && cfg->o.high_water < cfg->o.max_queued);
        assert_true(cfg->o.low_water <= cfg->o.high_water || cfg->o.high_water == 0);
        wsk_config_unref(cfg);
    }
}

/* A refusal whose text does not end gives no more time than the handshake had. */
static void test_refusal_without_an_end(void **state)
{
    (void)state;
    wsk_config_options o = WSK_CONFIG_OPTIONS_INIT;
    solo s;

    o.open_timeout = 500;
    for (int never = 0; never < 2; never++) {
        o.linger_timeout = never ? WSK_NEVER : 2000;
        solo_begin(&s, WSK_ROLE_CLIENT, &o);
        wsk_conn *c = solo_alone(&s);
        free(solo_answer(&s, c, ""));
        (void)tick(&s, c, 100);
        solo_say(&s, c, "HTTP/1.1 404 Not Found\r\n\r\nno");
        solo_want(&s, c, WSK_EV_NONE);
        assert_int_equal(tick(&s, c, 0), 400);
        assert_int_equal(tick(&s, c, 399), 1);
        (void)tick(&s, c, 1);
        solo_want(&s, c, WSK_EV_FAIL);
        assert_int_equal(s.ev.status, 404);
        solo_end(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_who_says_much_listens),
        cmocka_unit_test(test_who_answers_much_does_not),
        cmocka_unit_test(test_lost_while_paused),
        cmocka_unit_test(test_lost_when_full),
        cmocka_unit_test(test_lost_within_a_message),
        cmocka_unit_test(test_lost_then_failed),
        cmocka_unit_test(test_keepalive_over_pauses),
        cmocka_unit_test(test_ping_behind_much),
        cmocka_unit_test(test_full_to_the_mark),
        cmocka_unit_test(test_marks),
        cmocka_unit_test(test_refusal_without_an_end),
    };

    return cmocka_run_group_tests_name("conn_listening", tests, NULL, NULL);
}
