/* SPDX-License-Identifier: MIT */
/*
 * How a connection rests and ends: what it may give back in between, every deadline from both of
 * its sides, ends that cross each other, and that what is over stays over.
 */
#include "solo.h"

#include <string.h>
#include <sys/uio.h>

#define NOMEM "out of memory"

static wsk_conn *open_one(solo *s, wsk_role role, const wsk_config_options *o)
{
    solo_begin(s, role, o);
    wsk_conn *c = solo_shell(s);
    solo_open(s, c, "");
    return c;
}

#define NEVER UINT64_MAX

/* Time passes. The milliseconds to the next deadline, or NEVER. */
static uint64_t tick(solo *s, wsk_conn *c, uint64_t after)
{
    uint64_t next = 0;

    wsk_conn_tick(c, s->now, NULL); /* what the turn before has begun counts from then */
    s->now += after;
    wsk_conn_tick(c, s->now, &next);
    return next == UINT64_MAX ? NEVER : next - s->now;
}

static void ended(solo *s, wsk_conn *c, unsigned code, const char *text)
{
    solo_want(s, c, WSK_EV_END);
    assert_int_equal(s->ev.code, code);
    if (text != NULL)
        assert_string_equal(s->ev.text, text);
    assert_int_equal(wsk_conn_wants(c), WSK_WANT_DROP);
    solo_want(s, c, WSK_EV_NONE);
}

/* -------------------------------------------------------------------------------- at rest -- */

static void rests(wsk_conn *c, bool whether)
{
    wsk__conn_rest(c);
    assert_int_equal(c->w == &wsk__no_work, whether);
}

/* While anything is under way a connection keeps what it needs for it, and not a moment longer. */
static void test_rest(void **state)
{
    (void)state;
    uint8_t room[8];
    solo s;
    wsk_conn *c = open_one(&s, WSK_ROLE_SERVER, NULL);

    rests(c, true);
    rests(c, true);
    solo_say(&s, c, "\x01\x81++++A"); /* lent */
    rests(c, false);
    solo_want(&s, c, WSK_EV_NONE);
    assert_int_equal(wsk__conn_unlend_input(c), WSK_OK);
    rests(c, false); /* in a message */
    solo_pass(&s, c, "\x80\x81++++A", 7);
    rests(c, false); /* kept */
    solo_want(&s, c, WSK_EV_MESSAGE);
    rests(c, false); /* the program has it */
    solo_want(&s, c, WSK_EV_NONE);
    rests(c, true);
    assert_int_equal(wsk_conn_send_part(c, WSK_OP_TEXT, "a", 1, false, 0), WSK_OK);
    rests(c, false); /* queued */
    solo_out(&s, c);
    rests(c, false); /* in a message of our own */
    assert_int_equal(wsk_conn_send_part(c, WSK_OP_TEXT, "", 0, true, 0), WSK_OK);
    solo_out(&s, c);
    rests(c, true);
    wsk_conn_lend_output(c, room, sizeof(room));
    rests(c, false);
    assert_int_equal(wsk__conn_unlend_output(c), WSK_OK);
    rests(c, true);
    wsk__conn_set_undrained(c, true, s.now);
    rests(c, false);
    wsk__conn_set_undrained(c, false, s.now);
    rests(c, true);
    assert_int_equal(wsk_conn_close(c, 1000, NULL), WSK_OK);
    solo_out(&s, c);
    rests(c, false); /* closing */
    solo_end(&s);
}

static void test_never_at_rest(void **state)
{
    (void)state;
    static const char *const names[] = {"a", NULL};
    wsk_config_options o = WSK_CONFIG_OPTIONS_INIT;
    wsk_accept_options ao = WSK_ACCEPT_OPTIONS_INIT;
    solo s;

    /* The request is to stay readable. */
    o.flags = WSK_CONN_KEEP_REQUEST;
    wsk_conn *c = open_one(&s, WSK_ROLE_SERVER, &o);
    rests(c, false);
    assert_int_equal(wsk_conn_path(c).len, 2);
    solo_end(&s);
    /* A subprotocol that stands in no list. */
    o.flags = 0;
    o.subprotocols = names;
    solo_begin(&s, WSK_ROLE_SERVER, &o);
    c = solo_shell(&s);
    solo_request(&s, c, "Sec-WebSocket-Protocol: b\r\n");
    solo_want(&s, c, WSK_EV_REQUEST);
    ao.subprotocol = "b";
    assert_int_equal(wsk_conn_accept(c, &ao), WSK_OK);
    solo_want(&s, c, WSK_EV_OPEN);
    solo_want(&s, c, WSK_EV_NONE);
    assert_int_equal(wsk_conn_unlend(c), WSK_OK);
    solo_out(&s, c);
    rests(c, false);
    assert_string_equal(wsk_conn_subprotocol(c), "b");
    solo_end(&s);
    /* Keys for masks that were drawn already. */
    c = open_one(&s, WSK_ROLE_CLIENT, NULL);
    rests(c, true);
    assert_int_equal(wsk_conn_ping(c, "", 0), WSK_OK);
    solo_out(&s, c);
    rests(c, false);
    solo_end(&s);
}

/* Two that have something of their own: the loop keeps it for one of them. */
static void test_spare_work(void **state)
{
    (void)state;
    solo s;
    wsk_conn *c = open_one(&s, WSK_ROLE_SERVER, NULL), *d = solo_shell(&s);

    solo_open(&s, d, "");
    long live = s.alloc.live;
    rests(c, true);
    assert_int_equal(s.alloc.live, live);
    rests(d, true);
    assert_int_equal(s.alloc.live, live - 1);
    solo_starve_all(&s); /* the one that is there does */
    solo_say(&s, c, "\x81\x81++++A");
    solo_want(&s, c, WSK_EV_MESSAGE);
    solo_nourish(&s);
    solo_end(&s);
}

static void test_trim(void **state)
{
    (void)state;
    wsk_config_options o = WSK_CONFIG_OPTIONS_INIT;
    char text[300];
    solo s;

    memset(text, 'a', sizeof(text));
    o.deflate.enabled = true;
    solo_begin(&s, WSK_ROLE_SERVER, &o);
    wsk_conn *c = solo_alone(&s), *d = solo_shell(&s);
    solo_open(&s, c, "Sec-WebSocket-Extensions: permessage-deflate\r\n");
    solo_open(&s, d, "Sec-WebSocket-Extensions: permessage-deflate\r\n");
    wsk_conn_trim(d); /* has nothing of its own */
    assert_true(d->ext->is_model);
    assert_int_equal(wsk_conn_send(c, WSK_OP_TEXT, text, sizeof(text), 0), WSK_OK);
    solo_out(&s, c);
    size_t before = s.alloc.octets;
    /* In the middle of a message nothing can be done without. */
    assert_int_equal(wsk_conn_send_part(c, WSK_OP_TEXT, "a", 1, false, 0), WSK_OK);
    wsk_conn_trim(c);
    assert_true(s.alloc.octets >= before);
    assert_int_equal(wsk_conn_send_part(c, WSK_OP_TEXT, "a", 1, true, 0), WSK_OK);
    solo_out(&s, c);
    before = s.alloc.octets;
    wsk_conn_trim(c);
    assert_true(s.alloc.octets < before);
    assert_int_equal(wsk_conn_send(c, WSK_OP_TEXT, text, sizeof(text), 0), WSK_OK);
    solo_end(&s);
}

/* -------------------------------------------------------------------------------- deadlines -- */

static void test_output_that_is_not_on_its_way(void **state)
{
    (void)state;
    wsk_config_options o = WSK_CONFIG_OPTIONS_INIT;
    solo s;

    o.ping_interval = WSK_NEVER;
    o.write_timeout = 500;
    /* Taken, but not on its way yet: the time for it begins when that is said. */
    wsk_conn *c = open_one(&s, WSK_ROLE_SERVER, &o);
    rests(c, true);
    assert_int_equal(tick(&s, c, 10000), NEVER);
    wsk__conn_set_undrained(c, true, s.now);
    wsk__conn_set_undrained(c, true, s.now);
    assert_int_equal(tick(&s, c, 100), 400);
    assert_int_equal(tick(&s, c, 399), 1);
    assert_int_equal(wsk_conn_state(c), WSK_STATE_OPEN);
    assert_int_equal(tick(&s, c, 1), 0);
    solo_want(&s, c, WSK_EV_FAIL);
    assert_string_equal(s.ev.text, "the peer did not take our output in time");
    ended(&s, c, 1006, "the peer did not take our output in time");
    /* What is over has no deadlines. */
    assert_int_equal(tick(&s, c, 100000), NEVER);
    wsk_conn_tick(c, s.now, NULL);
    solo_want(&s, c, WSK_EV_NONE);
    solo_end(&s);

    /* Without memory for the time it began it is late as soon as somebody looks. */
    c = open_one(&s, WSK_ROLE_SERVER, &o);
    s.now = 100000;
    rests(c, true);
    wsk__free(s.env.hooks, s.env.work);
    s.env.work = NULL;
    solo_starve(&s, 1);
    wsk__conn_set_undrained(c, true, s.now);
    tick(&s, c, 1);
    solo_want(&s, c, WSK_EV_FAIL);
    solo_end(&s);

    /* Where nothing has a deadline, whoever waits is told to look again within a second. */
    o.write_timeout = WSK_NEVER;
    c = open_one(&s, WSK_ROLE_SERVER, &o);
    assert_int_equal(tick(&s, c, 5), NEVER);
    wsk__conn_set_undrained(c, true, s.now);
    assert_int_equal(tick(&s, c, 5), 1000);
    wsk__conn_set_undrained(c, false, s.now);
    assert_int_equal(wsk_conn_send(c, WSK_OP_TEXT, "x", 1, 0), WSK_OK);
    assert_int_equal(tick(&s, c, 100000), 1000);
    solo_end(&s);
}

/* What the program does after an hour in which nothing told the time begins then. */
static void test_clock_that_stood(void **state)
{
    enum { HOUR = 3600 * 1000, PHASE = 5000 };
    enum { CLOSES, SENDS, LISTENS, UNDRAINED, WAYS };
    wsk_config_options o = WSK_CONFIG_OPTIONS_INIT;
    solo s;

    (void)state;
    o.close_timeout = o.write_timeout = o.ping_timeout = PHASE;
    for (int way = 0; way < WAYS; way++) {
        uint64_t next;

        o.ping_interval = way == LISTENS ? PHASE : WSK_NEVER;
        wsk_conn *c = open_one(&s, WSK_ROLE_SERVER, &o);
        wsk_conn_pause(c, way == LISTENS);
        (void)tick(&s, c, 1);
        rests(c, way != LISTENS); /* it keeps when the pause began */
        s.now += HOUR;
        if (way == CLOSES)
            assert_int_equal(wsk_conn_close(c, 1001, "over"), WSK_OK);
        else if (way == SENDS)
            assert_int_equal(wsk_conn_send(c, WSK_OP_TEXT, "x", 1, 0), WSK_OK);
        else if (way == LISTENS)
            wsk_conn_pause(c, false);
        else
            wsk__conn_set_undrained(c, true, s.now);
        wsk_conn_tick(c, s.now, &next);
        assert_int_equal(next - s.now, PHASE);
        wsk_conn_tick(c, s.now + PHASE - 1, NULL);
        solo_want(&s, c, WSK_EV_NONE);
        assert_int_equal(wsk_conn_wants(c) & WSK_WANT_DROP, 0);
        wsk_conn_tick(c, s.now + PHASE, NULL);
        if (way == LISTENS) {
            solo_want(&s, c, WSK_EV_NONE);
            solo_out(&s, c);
            assert_int_equal(s.out_len, 2); /* a ping */
        } else {
            solo_want(&s, c, WSK_EV_FAIL);
        }
        solo_end(&s);
    }

    /* The answer to a request that the program thought about for long. */
    o.idle_timeout = PHASE;
    o.open_timeout = WSK_NEVER;
    solo_begin(&s, WSK_ROLE_SERVER, &o);
    wsk_conn *c = solo_alone(&s);
    solo_request(&s, c, "");
    solo_want(&s, c, WSK_EV_REQUEST);
    (void)tick(&s, c, 1);
    s.now += HOUR;
    assert_int_equal(wsk_conn_accept(c, NULL), WSK_OK);
    solo_want(&s, c, WSK_EV_OPEN);
    (void)tick(&s, c, 0);
    assert_int_equal(wsk_conn_state(c), WSK_STATE_OPEN);
    solo_end(&s);
}

/* A message is not late for the time in which the program did not read it. */
static void test_message_over_a_pause(void **state)
{
    enum { HOUR = 3600 * 1000 };
    wsk_config_options o = WSK_CONFIG_OPTIONS_INIT;
    solo s;

    (void)state;
    o.ping_interval = WSK_NEVER;
    o.message_timeout = 500;
    solo_begin(&s, WSK_ROLE_SERVER, &o);
    for (int before = 0; before < 2; before++) {
        wsk_conn *c = solo_alone(&s);
        solo_open(&s, c, "");
        (void)tick(&s, c, 1);
        if (before) { /* it has begun when the pause does */
            solo_feed(&s, c, "\x81\x82\0\0\0\0a", 7);
            solo_want(&s, c, WSK_EV_NONE);
            assert_int_equal(tick(&s, c, 100), 400);
        }
        wsk_conn_pause(c, true);
        if (!before)
            solo_feed(&s, c, "\x81\x82\0\0\0\0a", 7);
        (void)tick(&s, c, HOUR);
        wsk_conn_pause(c, true); /* again: that makes it no longer */
        s.now += HOUR;
        wsk_conn_pause(c, false);
        solo_want(&s, c, WSK_EV_NONE);
        assert_int_equal(tick(&s, c, 0), before ? 400 : 500);
        assert_int_equal(wsk_conn_state(c), WSK_STATE_OPEN);
        (void)tick(&s, c, 500);
        assert_int_equal(wsk_conn_state(c), WSK_STATE_CLOSING);
    }
    solo_end(&s);
}

/* Nor for that in which we did not, since it had yet to take what waited for it. */
static void test_message_over_a_full_queue(void **state)
{
    enum { LONG = 5000 };
    enum { ALONE, BEFORE_PAUSE, IN_PAUSE, AS_PAUSE_ENDS, OVER_ITS_END, AROUND_PAUSE, WAYS };
    wsk_config_options o = WSK_CONFIG_OPTIONS_INIT;
    char data[2000] = {0};
    solo s;

    (void)state;
    o.ping_interval = WSK_NEVER;
    o.message_timeout = 500;
    o.high_water = 1000;
    solo_begin(&s, WSK_ROLE_SERVER, &o);
    for (int way = 0; way < WAYS; way++) {
        wsk_conn *c = solo_shell(&s);
        solo_open(&s, c, "");
        solo_pass(&s, c, "\x81\x82\0\0\0\0a", 7);
        solo_want(&s, c, WSK_EV_NONE);
        /* The silence before was the peer's. */
        assert_int_equal(tick(&s, c, 100), 400);
        if (way == IN_PAUSE || way == AS_PAUSE_ENDS || way == OVER_ITS_END) {
            wsk_conn_pause(c, true);
            (void)tick(&s, c, LONG);
        }
        if (way == AS_PAUSE_ENDS)
            wsk_conn_pause(c, false);
        assert_int_equal(wsk_conn_send(c, WSK_OP_BINARY, data, sizeof(data), 0), WSK_OK);
        (void)tick(&s, c, LONG);
        assert_int_equal(wsk_conn_send(c, WSK_OP_BINARY, data, sizeof(data), 0), WSK_OK);
        (void)tick(&s, c, LONG);
        if (way == BEFORE_PAUSE || way == AROUND_PAUSE) {
            wsk_conn_pause(c, true);
            (void)tick(&s, c, LONG);
        }
        if (way == OVER_ITS_END || way == AROUND_PAUSE) {
            wsk_conn_pause(c, false);
            (void)tick(&s, c, LONG);
        }
        solo_out(&s, c);
        if (way == BEFORE_PAUSE || way == IN_PAUSE) {
            (void)tick(&s, c, LONG);
            wsk_conn_pause(c, false);
        }
        assert_int_equal(tick(&s, c, 0), 400);
        assert_int_equal(tick(&s, c, 399), 1);
        assert_int_equal(wsk_conn_state(c), WSK_STATE_OPEN);
        (void)tick(&s, c, 1);
        assert_int_equal(wsk_conn_state(c), WSK_STATE_CLOSING);
    }
    solo_end(&s);

    /* Who takes nothing at all is not kept for it. */
    o.write_timeout = 700;
    wsk_conn *c = open_one(&s, WSK_ROLE_SERVER, &o);
    solo_pass(&s, c, "\x81\x82\0\0\0\0a", 7);
    solo_want(&s, c, WSK_EV_NONE);
    assert_int_equal(wsk_conn_send(c, WSK_OP_BINARY, data, sizeof(data), 0), WSK_OK);
    assert_int_equal(tick(&s, c, 699), 1);
    (void)tick(&s, c, 1);
    solo_want(&s, c, WSK_EV_FAIL);
    ended(&s, c, 1006, "the peer did not take our output in time");
    solo_end(&s);
}

/* The peer cannot answer a ping that found no memory. */
static void test_no_memory_for_a_ping(void **state)
{
    (void)state;
    wsk_config_options o = WSK_CONFIG_OPTIONS_INIT;
    solo s;

    o.ping_interval = 700;
    wsk_conn *c = open_one(&s, WSK_ROLE_SERVER, &o);
    assert_int_equal(tick(&s, c, 699), 1);
    solo_starve(&s, 1);
    assert_int_equal(tick(&s, c, 1), 0);
    solo_want(&s, c, WSK_EV_FAIL);
    assert_int_equal(s.ev.code, 1011);
    assert_string_equal(s.ev.text, NOMEM);
    solo_end(&s);
}

static void test_lingering(void **state)
{
    (void)state;
    wsk_config_options o = WSK_CONFIG_OPTIONS_INIT;
    solo s;

    o.linger_timeout = 100;
    /* After our end of output: the peer's end is awaited, but not before all of ours is out. */
    for (int undrained = 0; undrained < 2; undrained++) {
        wsk_conn *c = open_one(&s, WSK_ROLE_SERVER, &o);
        solo_say(&s, c, "\x81\1x");
        solo_want(&s, c, WSK_EV_FAIL);
        assert_int_equal(wsk_conn_wants(c), WSK_WANT_READ | WSK_WANT_WRITE | WSK_WANT_SHUTDOWN);
        tick(&s, c, 200);
        assert_int_equal(wsk_conn_wants(c) & WSK_WANT_DROP, 0);
        solo_out(&s, c);
        if (undrained) {
            wsk__conn_set_undrained(c, true, s.now);
            tick(&s, c, 200);
            assert_int_equal(wsk_conn_wants(c) & WSK_WANT_DROP, 0);
            /* The peer's end is no end of what is not on its way. */
            solo_want(&s, c, WSK_EV_NONE);
            assert_int_equal(wsk_conn_feed(c, NULL, 0, s.now), WSK_OK);
            solo_want(&s, c, WSK_EV_NONE);
            wsk__conn_set_undrained(c, false, s.now);
            ended(&s, c, 1002, "frame from a client is not masked");
        } else {
            tick(&s, c, 50);
            assert_int_equal(wsk_conn_wants(c) & WSK_WANT_DROP, 0);
            tick(&s, c, 50);
            assert_int_equal(wsk_conn_wants(c), WSK_WANT_DROP);
            ended(&s, c, 1002, "frame from a client is not masked");
        }
        assert_false(wsk_conn_was_clean(c));
        solo_end(&s);
    }
}

/* Nothing of ours waits, only what TLS answers to a peer that asks it to: that puts off no end. */
static void tls_answers(solo *s, wsk_conn *c, uint64_t after, uint64_t left)
{
    (void)tick(s, c, after);
    wsk__conn_set_undrained(c, true, s->now);
    assert_int_equal(tick(s, c, 0), left);
    wsk__conn_set_undrained(c, false, s->now);
    assert_int_equal(tick(s, c, 0), left);
    solo_want(s, c, WSK_EV_NONE);
}

static void test_tls_answers_while_closing(void **state)
{
    (void)state;
    wsk_config_options o = WSK_CONFIG_OPTIONS_INIT;
    solo s;

    o.linger_timeout = 100;
    o.close_timeout = 3000;
    for (int shorter = 0; shorter < 2; shorter++) {
        /* However long output may take. */
        o.write_timeout = shorter ? 700 : 30000;
        wsk_conn *c = open_one(&s, WSK_ROLE_SERVER, &o);
        assert_int_equal(wsk_conn_close(c, 1001, "idle"), WSK_OK);
        solo_out(&s, c);
        for (uint64_t left = 2500; left > 0; left -= 500)
            tls_answers(&s, c, 500, left);
        (void)tick(&s, c, 500);
        solo_want(&s, c, WSK_EV_FAIL);
        ended(&s, c, 1006, "the peer did not answer the close frame in time");
        solo_end(&s);
    }

    /* After our end of output. */
    o.write_timeout = 30000;
    wsk_conn *c = open_one(&s, WSK_ROLE_SERVER, &o);
    solo_say(&s, c, "\x81\1x");
    solo_want(&s, c, WSK_EV_FAIL);
    solo_out(&s, c);
    tls_answers(&s, c, 60, 40);
    (void)tick(&s, c, 40);
    assert_int_equal(wsk_conn_wants(c), WSK_WANT_DROP);
    solo_end(&s);

    /* Whoever would wait for ever still has what is not taken judged, from when it was said. */
    o.close_timeout = WSK_NEVER;
    o.write_timeout = 700;
    c = open_one(&s, WSK_ROLE_SERVER, &o);
    assert_int_equal(wsk_conn_close(c, 1001, "idle"), WSK_OK);
    solo_out(&s, c);
    assert_int_equal(tick(&s, c, 5000), NEVER);
    wsk__conn_set_undrained(c, true, s.now);
    assert_int_equal(tick(&s, c, 699), 1);
    (void)tick(&s, c, 1);
    solo_want(&s, c, WSK_EV_FAIL);
    ended(&s, c, 1006, "the peer did not take our output in time");
    solo_end(&s);
}

/* RFC 6455 7.1.1: a client waits for the server to end TCP, for a while. */
static void test_server_that_does_not_end_tcp(void **state)
{
    (void)state;
    solo s;
    wsk_conn *c = open_one(&s, WSK_ROLE_CLIENT, NULL);

    solo_frame(&s, c, WSK__FIN | WSK_OP_CLOSE, "\x03\xE8zu", 4);
    solo_want(&s, c, WSK_EV_CLOSE);
    solo_want(&s, c, WSK_EV_NONE);
    solo_out(&s, c);
    assert_int_equal(wsk_conn_wants(c), WSK_WANT_READ);
    assert_int_equal(tick(&s, c, 4999), 1);
    assert_int_equal(tick(&s, c, 1), 0);
    ended(&s, c, 1000, "closed by the peer");
    assert_true(wsk_conn_was_clean(c));
    assert_int_equal(wsk_conn_close(c, 1000, NULL), WSK_OK); /* it is */
    solo_end(&s);
}

/* The answer to a close frame that never gets out: that was no closing handshake. */
static void test_answer_that_is_not_taken(void **state)
{
    (void)state;
    wsk_config_options o = WSK_CONFIG_OPTIONS_INIT;
    solo s;

    o.write_timeout = 1000;
    wsk_conn *c = open_one(&s, WSK_ROLE_CLIENT, &o);
    solo_frame(&s, c, WSK__FIN | WSK_OP_CLOSE, "\x03\xE8", 2);
    solo_want(&s, c, WSK_EV_CLOSE);
    assert_true(wsk_conn_was_clean(c));
    tick(&s, c, 1000);
    solo_want(&s, c, WSK_EV_FAIL);
    ended(&s, c, 1006, "the peer did not take our output in time");
    assert_false(wsk_conn_was_clean(c));
    solo_end(&s);
}

/* What is said to a peer that broke a rule, and that does not read: it has no longer for it than
 * for anything else. */
static void test_failure_that_is_not_taken(void **state)
{
    (void)state;
    wsk_config_options o = WSK_CONFIG_OPTIONS_INIT;
    solo s;

    o.write_timeout = 1000;
    for (int open = 0; open < 2; open++) {
        solo_begin(&s, WSK_ROLE_SERVER, &o);
        wsk_conn *c = solo_shell(&s);
        if (open)
            solo_open(&s, c, "");
        solo_say(&s, c, open ? "\x81\1x" : "GET / HTTP/9.9\r\n\r\n");
        solo_want(&s, c, WSK_EV_FAIL);
        solo_want(&s, c, WSK_EV_NONE);
        assert_int_equal(wsk__conn_unlend_input(c), WSK_OK);
        unsigned code = wsk_conn_code(c);
        assert_int_not_equal(tick(&s, c, 999), 0);
        assert_int_not_equal(wsk_conn_wants(c), WSK_WANT_DROP);
        assert_int_equal(tick(&s, c, 1), 0);
        ended(&s, c, code, NULL);
        solo_end(&s);
    }
}

/* Nor does want of memory for what waits leave a queue with a hole in it. */
static void test_failure_that_is_lost(void **state)
{
    (void)state;
    uint8_t room[64];
    struct iovec iov[2];
    solo s;
    wsk_conn *c = open_one(&s, WSK_ROLE_SERVER, NULL);

    wsk_conn_lend_output(c, room, sizeof(room));
    assert_int_equal(wsk_conn_send(c, WSK_OP_TEXT, "x", 1, 0), WSK_OK);
    assert_int_equal(wsk_conn_send(c, WSK_OP_BINARY, s.out, 100, 0), WSK_OK);
    solo_say(&s, c, "\x81\1x");
    solo_want(&s, c, WSK_EV_FAIL);
    solo_starve(&s, 1);
    assert_int_equal(wsk_conn_unlend(c), WSK_ERR_NOMEM);
    assert_int_equal(wsk_conn_output(c, iov, 2), 0);
    ended(&s, c, 1002, NULL);
    solo_end(&s);
}

/* A message that takes its time is no silence. */
static void test_long_message_is_not_idle(void **state)
{
    (void)state;
    wsk_config_options o = WSK_CONFIG_OPTIONS_INIT;
    solo s;

    o.idle_timeout = 1000;
    for (int stream = 0; stream < 2; stream++) {
        o.flags = stream ? WSK_CONN_STREAM : 0;
        wsk_conn *c = open_one(&s, WSK_ROLE_SERVER, &o);
        solo_pass(&s, c, "\x82\x8A\0\0\0\0", 6);
        for (int i = 0; i < 10; i++) {
            solo_want(&s, c, WSK_EV_NONE);
            (void)tick(&s, c, 900);
            solo_pass(&s, c, "x", 1);
            if (stream || i == 9)
                solo_want(&s, c, stream ? WSK_EV_DATA : WSK_EV_MESSAGE);
        }
        assert_int_equal(tick(&s, c, 999), 1);
        assert_int_equal(wsk_conn_state(c), WSK_STATE_OPEN);
        (void)tick(&s, c, 1);
        assert_int_equal(wsk_conn_state(c), WSK_STATE_CLOSING);
        solo_end(&s);
    }
}

/* Nobody is idle, or owes an answer, for the time in which he was not listened to. */
static void test_not_listened_to(void **state)
{
    (void)state;
    wsk_config_options o = WSK_CONFIG_OPTIONS_INIT;
    char data[2000] = {0};
    solo s;

    o.high_water = 1000;
    o.write_timeout = WSK_NEVER;
    for (int ping = 0; ping < 2; ping++) {
        o.idle_timeout = ping ? WSK_NEVER : 1000;
        o.ping_interval = ping ? 1000 : WSK_NEVER;
        o.ping_timeout = 1000;
        for (int choked = 0; choked < 2; choked++) {
            wsk_conn *c = open_one(&s, WSK_ROLE_SERVER, &o);
            if (ping) {
                (void)tick(&s, c, 1000);
                solo_out(&s, c);
                assert_int_equal(s.out_len, 2);
            }
            assert_int_equal(tick(&s, c, 600), 400);
            if (choked)
                assert_int_equal(wsk_conn_send(c, WSK_OP_BINARY, data, sizeof(data), 0), WSK_OK);
            else
                wsk_conn_pause(c, true);
            (void)tick(&s, c, 5000);
            assert_int_equal(wsk_conn_state(c), WSK_STATE_OPEN);
            if (choked)
                solo_out(&s, c);
            else
                wsk_conn_pause(c, false);
            (void)tick(&s, c, 0);
            solo_next(&s, c);
            assert_int_equal(wsk_conn_state(c), WSK_STATE_OPEN);
            /* That time is taken off, no more, so that many of them are not for ever. */
            assert_int_equal(tick(&s, c, 100), 300);
            (void)tick(&s, c, 300);
            assert_int_not_equal(wsk_conn_state(c), WSK_STATE_OPEN);
            solo_end(&s);
        }
    }
}

/* -------------------------------------------------------------------------- crossing ends -- */

/* The queue of a closing connection gets empty: nobody is told that it may send again. */
static void test_not_writable_when_closing(void **state)
{
    (void)state;
    wsk_config_options o = WSK_CONFIG_OPTIONS_INIT;
    char data[200] = {0};
    solo s;

    o.high_water = 100;
    wsk_conn *c = open_one(&s, WSK_ROLE_SERVER, &o);
    assert_int_equal(wsk_conn_send(c, WSK_OP_BINARY, data, sizeof(data), 0), WSK_OK);
    assert_int_equal(wsk_conn_close(c, 1000, NULL), WSK_OK);
    solo_out(&s, c);
    solo_want(&s, c, WSK_EV_NONE);
    solo_end(&s);
}

static void test_close_arguments(void **state)
{
    (void)state;
    char reason[125];
    solo s;
    wsk_conn *c = open_one(&s, WSK_ROLE_SERVER, NULL);

    assert_string_equal(wsk_conn_end_text(c), "");
    assert_int_equal(wsk_conn_code(c), 0);
    memset(reason, 'r', sizeof(reason));
    reason[124] = 0;
    assert_int_equal(wsk_conn_close(c, 1000, reason), WSK_ERR_INVAL);
    assert_int_equal(wsk_conn_close(c, 0, "why"), WSK_ERR_INVAL);
    reason[123] = 0;
    assert_int_equal(wsk_conn_close(c, 1000, reason), WSK_OK);
    assert_string_equal(wsk_conn_end_text(c), ""); /* how it ends is not known yet */
    solo_out(&s, c);
    assert_int_equal(s.out_len, 127);
    assert_memory_equal(s.out, "\x88\x7D\x03\xE8", 4);
    assert_memory_equal(s.out + 4, reason, 123);
    solo_end(&s);
}

/* Ends of every kind; then nothing is begun that would end it again. */
static void test_over(void **state)
{
    (void)state;
    uint8_t room[32];
    solo s;

    for (int how = 0; how < 3; how++) {
        wsk_conn *c = open_one(&s, WSK_ROLE_SERVER, NULL);
        wsk_conn_lend_output(c, room, sizeof(room));
        assert_int_equal(wsk_conn_send(c, WSK_OP_TEXT, "x", 1, 0), WSK_OK);
        if (how == 0)
            wsk_conn_lost(c, "reset");
        else
            assert_int_equal(wsk_conn_feed(c, NULL, 0, s.now), WSK_OK);
        ended(&s, c, 1006,
              how == 0 ? "reset" : "the peer ended the connection without a close frame");
        const char *text = wsk_conn_end_text(c);
        wsk__fail(c, WSK__RULE_OCTET_RATE);
        wsk__fail_silently(c, "again");
        wsk__refuse(c, 503, "again");
        wsk_conn_lost(c, "again");
        assert_int_equal(wsk_conn_close(c, 1000, "again"), WSK_OK);
        assert_int_equal(wsk_conn_send(c, WSK_OP_TEXT, "x", 1, 0), WSK_ERR_STATE);
        if (how == 1)
            solo_starve(&s, 1);
        /* The loan ends whether its octets can be kept or not; they will not go out. */
        assert_int_equal(wsk_conn_unlend(c), how == 1 ? WSK_ERR_NOMEM : WSK_OK);
        solo_want(&s, c, WSK_EV_NONE);
        assert_ptr_equal(wsk_conn_end_text(c), text);
        assert_int_equal(wsk_conn_code(c), 1006);
        assert_int_equal(wsk_conn_status(c), 101);
        solo_out(&s, c);
        assert_int_equal(s.out_len, 0);
        solo_end(&s);
    }
}

/* The transport breaks when all is said already: how it ended does not change by that, but whether
 * our answer got so far. */
static void test_lost_at_the_end(void **state)
{
    (void)state;
    wsk_response r = WSK_RESPONSE_INIT;
    solo s;

    wsk_conn *c;
    for (int how = 0; how < 4; how++) {
        c = open_one(&s, WSK_ROLE_SERVER, NULL);
        solo_frame(&s, c, WSK__FIN | WSK_OP_CLOSE, "\x0F\xA0", 2);
        solo_want(&s, c, WSK_EV_CLOSE);
        if (how == 1)
            wsk_conn_sent(c, 3, s.now);
        if (how >= 2)
            solo_out(&s, c);
        if (how == 2) /* as cipher text */
            wsk__conn_set_undrained(c, true, s.now);
        wsk_conn_lost(c, "reset");
        ended(&s, c, 4000, "closed by the peer");
        assert_int_equal(wsk_conn_was_clean(c), how == 3);
        solo_end(&s);
    }

    /* A server that ends TCP no sooner than it is dropped, and one that does not read our answer.
     */
    for (int taken = 0; taken < 2; taken++) {
        c = open_one(&s, WSK_ROLE_CLIENT, NULL);
        solo_frame(&s, c, WSK__FIN | WSK_OP_CLOSE, "\x0F\xA0", 2);
        solo_want(&s, c, WSK_EV_CLOSE);
        if (taken)
            solo_out(&s, c);
        (void)tick(&s, c, 10000);
        ended(&s, c, 4000, "closed by the peer");
        assert_int_equal(wsk_conn_was_clean(c), taken);
        solo_end(&s);
    }

    c = open_one(&s, WSK_ROLE_SERVER, NULL);
    assert_int_equal(wsk_conn_close(c, 1000, NULL), WSK_OK);
    wsk_conn_lost(c, "reset");
    ended(&s, c, 1006, "reset");
    assert_false(wsk_conn_was_clean(c));
    solo_end(&s);

    c = open_one(&s, WSK_ROLE_SERVER, NULL);
    solo_say(&s, c, "\x81\1x");
    solo_want(&s, c, WSK_EV_FAIL);
    wsk_conn_lost(c, "reset");
    ended(&s, c, 1002, "frame from a client is not masked");
    solo_end(&s);

    solo_begin(&s, WSK_ROLE_SERVER, NULL);
    c = solo_alone(&s);
    solo_say(&s, c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    solo_want(&s, c, WSK_EV_REQUEST);
    r.status = 200;
    assert_int_equal(wsk_conn_respond(c, &r), WSK_OK);
    wsk_conn_lost(c, "reset");
    ended(&s, c, 0, "answered with plain HTTP");
    assert_int_equal(wsk_conn_status(c), 200);
    solo_end(&s);
}

/* The opening handshake has a deadline in each of its parts. */
static void test_slow_opening(void **state)
{
    (void)state;
    wsk_config_options o = WSK_CONFIG_OPTIONS_INIT;
    wsk_request_options ro = WSK_REQUEST_OPTIONS_INIT;
    solo s;

    o.open_timeout = 300;
    o.linger_timeout = 50;
    ro.host = "a";
    solo_begin(&s, WSK_ROLE_SERVER, &o);
    wsk_conn *c = solo_alone(&s);
    solo_say(&s, c, "GET / ");
    solo_want(&s, c, WSK_EV_NONE);
    assert_int_equal(tick(&s, c, 299), 1);
    (void)tick(&s, c, 1);
    solo_want(&s, c, WSK_EV_FAIL);
    assert_int_equal(s.ev.status, 408);
    solo_end(&s);

    for (int body = 0; body < 2; body++) {
        solo_begin(&s, WSK_ROLE_CLIENT, &o);
        c = solo_alone(&s);
        assert_int_equal(wsk_conn_request(c, &ro), WSK_OK);
        solo_out(&s, c);
        if (body) {
            solo_say(&s, c, "HTTP/1.1 404 \r\nContent-Length: 9\r\n\r\nNot");
            solo_want(&s, c, WSK_EV_NONE);
        }
        assert_int_equal(tick(&s, c, body ? 49 : 299), 1);
        (void)tick(&s, c, 1);
        solo_want(&s, c, WSK_EV_FAIL);
        assert_int_equal(s.ev.status, body ? 404 : 0);
        assert_int_equal(wsk_conn_body(c).len, body ? 3 : 0);
        assert_int_equal(wsk_conn_wants(c), WSK_WANT_DROP);
        solo_end(&s);
    }
}

/* A connection fails once: what comes on top of it changes neither code nor words. */
static void test_fails_once(void **state)
{
    (void)state;
    solo s;

    for (int open = 0; open < 2; open++) {
        solo_begin(&s, WSK_ROLE_SERVER, NULL);
        wsk_conn *c = solo_shell(&s);
        if (open)
            solo_open(&s, c, "");
        solo_say(&s, c, open ? "\x81\1x" : "GET / HTTP/9.9\r\n\r\n");
        solo_want(&s, c, WSK_EV_FAIL);
        const char *text = s.ev.text;
        unsigned code = s.ev.code, status = s.ev.status;
        assert_true(open ? code == 1002 : status >= 400);
        size_t queued = wsk_conn_queued(c);
        wsk__fail(c, WSK__RULE_OCTET_RATE);
        wsk__refuse(c, 503, "again");
        assert_int_equal(wsk_conn_close(c, 1000, NULL), WSK_OK);
        solo_want(&s, c, WSK_EV_NONE);
        assert_int_equal(wsk_conn_code(c), code);
        assert_int_equal(wsk_conn_status(c), status);
        assert_int_equal(wsk_conn_queued(c), queued);
        assert_ptr_equal(wsk_conn_end_text(c), text);
        wsk__fail_silently(c, "again");
        assert_ptr_equal(wsk_conn_end_text(c), text);
        ended(&s, c, code, text);
        solo_end(&s);
    }
}

/* A deadline is over while the very memory to say so is not there. */
static void test_no_memory_to_end(void **state)
{
    (void)state;
    static const char *const words[] = {"", "reset", "closed", "idle"};
    wsk_config_options o = WSK_CONFIG_OPTIONS_INIT;
    solo s;

    o.idle_timeout = 1000;
    for (int how = 0; how < 4; how++) {
        wsk_conn *c = open_one(&s, WSK_ROLE_SERVER, &o);
        rests(c, true);
        wsk__free(s.env.hooks, s.env.work);
        s.env.work = NULL;
        solo_starve_all(&s);
        if (how == 0) {
            wsk__fail(c, WSK__RULE_MESSAGE_RATE);
        } else if (how == 1) {
            wsk_conn_lost(c, words[how]);
        } else if (how == 2) {
            assert_int_equal(wsk_conn_close(c, 1000, words[how]), WSK_ERR_NOMEM);
        } else {
            tick(&s, c, 1000);
        }
        if (how != 1) {
            solo_want(&s, c, WSK_EV_FAIL);
            assert_string_equal(s.ev.text, NOMEM);
        }
        ended(&s, c, 1006, NOMEM);
        solo_end(&s);
    }
    /* The answer to a close frame. */
    wsk_conn *c = open_one(&s, WSK_ROLE_SERVER, NULL);
    solo_frame(&s, c, WSK__FIN | WSK_OP_CLOSE, "", 0);
    solo_starve(&s, 1);
    solo_want(&s, c, WSK_EV_FAIL);
    ended(&s, c, 1006, NOMEM);
    assert_false(wsk_conn_was_clean(c));
    solo_end(&s);
    /* The close frame of a failure. */
    c = open_one(&s, WSK_ROLE_SERVER, NULL);
    solo_say(&s, c, "\x81\1x");
    solo_starve(&s, 1);
    solo_want(&s, c, WSK_EV_FAIL);
    assert_int_equal(s.ev.code, 1006); /* nobody will hear of 1002 */
    ended(&s, c, 1006, "frame from a client is not masked");
    solo_end(&s);
}

static void test_no_memory_to_begin(void **state)
{
    (void)state;
    wsk_conn *c = NULL;
    solo s;

    solo_begin(&s, WSK_ROLE_SERVER, NULL);
    for (long i = 1; i <= 2; i++) {
        solo_starve(&s, i);
        assert_int_equal(wsk_conn_new(&c, s.cfg, s.now), WSK_ERR_NOMEM);
        assert_null(c);
    }
    wsk_conn_free(NULL);
    wsk__conn_env env;
    solo_starve(&s, 1);
    assert_int_equal(wsk__conn_env_init(&env, s.cfg), WSK_ERR_NOMEM);
    solo_end(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rest),
        cmocka_unit_test(test_never_at_rest),
        cmocka_unit_test(test_spare_work),
        cmocka_unit_test(test_trim),
        cmocka_unit_test(test_output_that_is_not_on_its_way),
        cmocka_unit_test(test_clock_that_stood),
        cmocka_unit_test(test_message_over_a_pause),
        cmocka_unit_test(test_message_over_a_full_queue),
        cmocka_unit_test(test_no_memory_for_a_ping),
        cmocka_unit_test(test_lingering),
        cmocka_unit_test(test_tls_answers_while_closing),
        cmocka_unit_test(test_server_that_does_not_end_tcp),
        cmocka_unit_test(test_answer_that_is_not_taken),
        cmocka_unit_test(test_not_listened_to),
        cmocka_unit_test(test_failure_that_is_not_taken),
        cmocka_unit_test(test_failure_that_is_lost),
        cmocka_unit_test(test_long_message_is_not_idle),
        cmocka_unit_test(test_not_writable_when_closing),
        cmocka_unit_test(test_close_arguments),
        cmocka_unit_test(test_over),
        cmocka_unit_test(test_lost_at_the_end),
        cmocka_unit_test(test_slow_opening),
        cmocka_unit_test(test_fails_once),
        cmocka_unit_test(test_no_memory_to_end),
        cmocka_unit_test(test_no_memory_to_begin),
    };

    return cmocka_run_group_tests_name("conn_ending", tests, NULL, NULL);
}
