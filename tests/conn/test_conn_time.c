/* SPDX-License-Identifier: MIT */
/*
 * A loop of the program's own tells a connection the time whenever it likes: with octets that came,
 * with octets that went out, or with a tick. Whichever it is that comes first behind a call of the
 * program, what that call began counts from there.
 */
#include "solo.h"

#include <string.h>

enum { HOUR = 3600 * 1000, LIMIT = 500 };

/* How long from now until the next deadline. */
static uint64_t tick(solo *s, wsk_conn *c)
{
    uint64_t next;

    wsk_conn_tick(c, s->now, &next);
    return next == UINT64_MAX ? next : next - s->now;
}

static wsk_config_options options(void)
{
    wsk_config_options o = WSK_CONFIG_OPTIONS_INIT;

    o.ping_interval = WSK_NEVER;
    return o;
}

/* Without a tick between the end of the pause and what comes. */
static void test_input_right_behind_a_pause(void **state)
{
    (void)state;
    wsk_config_options o = options();
    solo s;

    o.message_timeout = LIMIT;
    solo_begin(&s, WSK_ROLE_SERVER, &o);
    for (int in_pause = 0; in_pause < 2; in_pause++) {
        wsk_conn *c = solo_alone(&s);
        solo_open(&s, c, "");
        solo_pass(&s, c, "\x81\x83\0\0\0\0a", 7);
        solo_want(&s, c, WSK_EV_NONE);
        s.now += 100;
        assert_int_equal(tick(&s, c), LIMIT - 100);
        wsk_conn_pause(c, true);
        (void)tick(&s, c);
        s.now += HOUR;
        if (in_pause) { /* what was on its way when it began */
            solo_pass(&s, c, "b", 1);
            solo_want(&s, c, WSK_EV_NONE);
            s.now += HOUR;
        }
        wsk_conn_pause(c, false);
        if (!in_pause) {
            solo_pass(&s, c, "b", 1);
            solo_want(&s, c, WSK_EV_NONE);
            s.now += 50;
        }
        assert_int_equal(tick(&s, c), LIMIT - (in_pause ? 100 : 150));
        solo_pass(&s, c, "c", 1);
        solo_want(&s, c, WSK_EV_MESSAGE);
        assert_memory_equal(s.ev.data, "abc", 3);
        solo_want(&s, c, WSK_EV_NONE);
    }
    solo_end(&s);

    /* Nor is anybody idle for it: a pong is no message. */
    o = options();
    o.idle_timeout = LIMIT;
    solo_begin(&s, WSK_ROLE_SERVER, &o);
    wsk_conn *c = solo_alone(&s);
    solo_open(&s, c, "");
    s.now += 100;
    assert_int_equal(tick(&s, c), LIMIT - 100);
    wsk_conn_pause(c, true);
    (void)tick(&s, c);
    s.now += HOUR;
    wsk_conn_pause(c, false);
    solo_pass(&s, c, "\x8A\x80\0\0\0\0", 6);
    solo_want(&s, c, WSK_EV_PONG);
    solo_want(&s, c, WSK_EV_NONE);
    assert_int_equal(tick(&s, c), LIMIT - 100);
    assert_int_equal(wsk_conn_state(c), WSK_STATE_OPEN);
    solo_end(&s);
}

/* A close that nothing told the time of: its deadline begins with what comes next. */
static void test_close_before_input(void **state)
{
    (void)state;
    wsk_config_options o = options();
    solo s;

    o.close_timeout = LIMIT;
    o.write_timeout = WSK_NEVER; /* else it is that which ends who does not take the frame */
    solo_begin(&s, WSK_ROLE_SERVER, &o);
    for (int at_end = 0; at_end < 2; at_end++) {
        wsk_conn *c = solo_alone(&s);
        solo_open(&s, c, "");
        (void)tick(&s, c);
        s.now += HOUR;
        assert_int_equal(wsk_conn_close(c, 1000, NULL), WSK_OK);
        if (at_end)
            solo_out(&s, c);
        else
            solo_pass(&s, c, "\x81", 1);
        s.now += LIMIT - 1;
        assert_int_equal(tick(&s, c), 1);
        solo_want(&s, c, WSK_EV_NONE);
        s.now += 1;
        (void)tick(&s, c);
        solo_want(&s, c, WSK_EV_FAIL);
        assert_string_equal(s.ev.text, "the peer did not answer the close frame in time");
    }
    solo_end(&s);
}

/* close_timeout is for the answer to our close frame, which cannot come before that is out: until
 * then a peer may be as slow as before, and loses nothing. */
static void test_close_behind_output(void **state)
{
    (void)state;
    wsk_config_options o = options();
    char data[1000] = {0};
    solo s;

    o.close_timeout = LIMIT;
    o.write_timeout = 6 * LIMIT;
    solo_begin(&s, WSK_ROLE_SERVER, &o);
    for (int taken = 0; taken < 2; taken++) {
        wsk_conn *c = solo_alone(&s);
        solo_open(&s, c, "");
        assert_int_equal(wsk_conn_send(c, WSK_OP_BINARY, data, sizeof(data), 0), WSK_OK);
        assert_int_equal(wsk_conn_close(c, 1000, NULL), WSK_OK);
        /* It may be out in a moment, and nobody asks for deadlines then. */
        assert_int_equal(tick(&s, c), LIMIT);
        s.now += 5 * LIMIT;
        assert_int_equal(tick(&s, c), LIMIT);
        solo_want(&s, c, WSK_EV_NONE);
        if (taken) {
            wsk_conn_sent(c, 500, s.now);
            assert_int_equal(tick(&s, c), LIMIT);
            s.now += 5 * LIMIT;
            solo_out(&s, c);
            assert_int_equal(tick(&s, c), LIMIT);
        }
        s.now += LIMIT;
        (void)tick(&s, c);
        solo_want(&s, c, WSK_EV_FAIL);
        assert_string_equal(s.ev.text, taken ? "the peer did not answer the close frame in time"
                                             : "the peer did not take our output in time");
        /* What is over has no deadlines any more. */
        solo_want(&s, c, WSK_EV_END);
        assert_int_equal(tick(&s, c), UINT64_MAX);
    }
    solo_end(&s);
}

/* A program that looks at its clock once a turn tells times that go back a little. */
static void test_time_a_little_back(void **state)
{
    (void)state;
    wsk_config_options o = options();
    solo s;

    o.idle_timeout = HOUR;
    s.now = 0;
    solo_begin(&s, WSK_ROLE_SERVER, &o);
    wsk_conn *c = solo_alone(&s);
    solo_open(&s, c, "");
    s.now = 5001;
    solo_pass(&s, c, "\x81\x80\0\0\0\0", 6);
    solo_want(&s, c, WSK_EV_MESSAGE);
    solo_want(&s, c, WSK_EV_NONE);
    assert_int_equal(wsk_conn_send(c, WSK_OP_BINARY, "abc", 3, 0), WSK_OK);
    wsk_conn_sent(c, 1, 5001);
    s.now = 5000;
    (void)tick(&s, c);
    solo_want(&s, c, WSK_EV_NONE);
    assert_int_equal(wsk_conn_state(c), WSK_STATE_OPEN);
    solo_out(&s, c);
    s.now = 5001 + HOUR - 1;
    assert_int_equal(tick(&s, c), 1);
    assert_int_equal(wsk_conn_state(c), WSK_STATE_OPEN);
    s.now++;
    (void)tick(&s, c);
    assert_int_equal(wsk_conn_state(c), WSK_STATE_CLOSING);
    solo_end(&s);
}

/* Output that nothing told the time of is late from when some of it went out, not from a later
 * look at the clock. */
static void test_output_before_a_tick(void **state)
{
    (void)state;
    wsk_config_options o = options();
    char data[300] = {0};
    solo s;

    o.write_timeout = LIMIT;
    solo_begin(&s, WSK_ROLE_SERVER, &o);
    for (int input = 0; input < 2; input++) {
        wsk_conn *c = solo_alone(&s);
        solo_open(&s, c, "");
        (void)tick(&s, c);
        s.now += HOUR;
        assert_int_equal(wsk_conn_send(c, WSK_OP_BINARY, data, sizeof(data), 0), WSK_OK);
        if (input)
            solo_pass(&s, c, "\x81", 1);
        else
            wsk_conn_sent(c, 100, s.now);
        s.now += LIMIT - 1;
        assert_int_equal(tick(&s, c), 1);
        s.now += 1;
        (void)tick(&s, c);
        solo_want(&s, c, WSK_EV_FAIL);
        assert_string_equal(s.ev.text, "the peer did not take our output in time");
    }
    solo_end(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_input_right_behind_a_pause),
        cmocka_unit_test(test_close_before_input),
        cmocka_unit_test(test_close_behind_output),
        cmocka_unit_test(test_time_a_little_back),
        cmocka_unit_test(test_output_before_a_tick),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
