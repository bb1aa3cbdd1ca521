/* SPDX-License-Identifier: MIT */
/* When a client comes back, after which time, and when not; and what ends each phase that lasts too
 * long. */
#include "client_world.h"

#include "client/client_internal.h"
#include "client/retry_after.h"

#include <stdio.h>
#include <string.h>

/* A random hook whose numbers a test knows. */
static uint64_t number;

static int known_random(void *ud, void *buf, size_t n)
{
    uint8_t *p = buf;

    (void)ud;
    for (size_t i = 0; i < n; i++)
        p[i] = (uint8_t)(number >> 8 * (i % 8));
    return 0;
}

static wsk_client_options retrying(uint32_t initial, uint32_t max, uint32_t attempts)
{
    wsk_client_options o = WSK_CLIENT_OPTIONS_INIT;

    o.retry_initial = initial;
    o.retry_max = max;
    o.retry_attempts = attempts;
    return o;
}

/* Full jitter: between 0 and the doubled time, which has a limit. */
static void test_delays(void **state)
{
    static const uint32_t most[] = {20, 40, 50, 50, 50};
    static const uint64_t numbers[] = {0, 1, 7, 1000003, UINT64_MAX};
    world w;

    for (size_t i = 0; i < WSK__COUNT(numbers); i++) {
        wsk_client_options o = retrying(20, 50, 5);
        heard h;

        world_begin(&w, state);
        w.alloc.hooks.random = known_random;
        number = numbers[i];
        heard_connect(&h, &w, &o, format("ws://127.0.0.1:%u/", closed_port()));
        uint64_t before = clock_ms(), sum = 0;
        heard_until_idle(&h, &w);
        uint64_t took = clock_ms() - before;
        assert_int_equal(h.n[ON_FAIL], 6);
        assert_int_equal(h.n[ON_RETRY], 5);
        assert_int_equal(h.kind, WSK_FAIL_CONNECT);
        assert_int_equal(h.stage, WSK_STAGE_IDLE); /* in the last call */
        for (unsigned k = 0; k < 5; k++) {
            assert_int_equal(h.attempts[k], k + 1);
            assert_int_equal(h.delays[k], number % (most[k] + 1));
            sum += h.delays[k];
        }
        assert_true(took + 5 >= sum);
        assert_true(took < sum + 1500);
        heard_free(&h);
        world_end(&w);
    }
}

static void test_large_backoff(void **state)
{
    wsk_client_options o = retrying(3000000000u, 4294967295u, 0);
    world w;
    heard h;

    world_begin(&w, state);
    w.alloc.hooks.random = known_random;
    number = UINT64_MAX / 2;
    heard_connect(&h, &w, &o, format("ws://127.0.0.1:%u/", closed_port()));
    world_until(&w, h.n[ON_RETRY] == 1);
    assert_int_equal(h.delays[0], number % 3000000001u);
    assert_int_equal(wsk_client_stage(h.c), WSK_STAGE_WAITING);
    /* The program need not wait so long. */
    assert_int_equal(wsk_client_connect(h.c, NULL), WSK_OK);
    world_until(&w, h.n[ON_RETRY] == 2);
    assert_int_equal(h.attempts[1], 1); /* a row of its own */
    /* Nor at all. */
    assert_int_equal(wsk_client_close(h.c, 0, NULL), WSK_OK);
    assert_int_equal(wsk_client_stage(h.c), WSK_STAGE_IDLE);
    world_turn_for(&w, 10);
    assert_int_equal(h.n[ON_FAIL], 2);
    heard_free(&h);
    world_end(&w);
}

/* Which ends invite to come back: the answer is played twice at most. */
static void test_which(void **state)
{
    static const struct {
        const char *answer;
        bool again;
        bool by_proxy; /* whose answer it is */
    } rows[] = {
        {SWITCHED "\r\n\x88\x02\x03\xe9{end}", true},  /* 1001 */
        {SWITCHED "\r\n\x88\x02\x03\xf3{end}", true},  /* 1011 */
        {SWITCHED "\r\n\x88\x02\x03\xf4{end}", true},  /* 1012 */
        {SWITCHED "\r\n\x88\x02\x03\xf5{end}", true},  /* 1013 */
        {SWITCHED "\r\n\x88\x02\x03\xf6{end}", true},  /* 1014 */
        {SWITCHED "\r\n{end}", true},                  /* 1006 */
        {SWITCHED "\r\n\x88\x02\x03\xe8{end}", false}, /* 1000 */
        {SWITCHED "\r\n\x88\x02\x03\xf0{end}", false}, /* 1008 */
        {SWITCHED "\r\n\x88\x02\x0f\xa1{end}", false}, /* 4001 */
        {SWITCHED "\r\n\x83\x01x{end}", false},        /* a rule is broken: we say 1002 */
        {"{end}", true},
        {"HTTP/1.1 408 x\r\nContent-Length: 0\r\n\r\n", true},
        {"HTTP/1.1 425 x\r\nContent-Length: 0\r\n\r\n", true},
        {"HTTP/1.1 429 x\r\nContent-Length: 0\r\n\r\n", true},
        {"HTTP/1.1 500 x\r\nContent-Length: 0\r\n\r\n", true},
        {"HTTP/1.1 503 x\r\nContent-Length: 0\r\n\r\n", true},
        {"HTTP/1.1 501 x\r\nContent-Length: 0\r\n\r\n", false},
        {"HTTP/1.1 505 x\r\nContent-Length: 0\r\n\r\n", false},
        {"HTTP/1.1 400 x\r\nContent-Length: 0\r\n\r\n", false},
        {"HTTP/1.1 401 x\r\nContent-Length: 0\r\n\r\n", false},
        {"HTTP/1.1 404 x\r\nContent-Length: 0\r\n\r\n", false},
        {"HTTP/1.1 200 x\r\nContent-Length: 0\r\n\r\n", false},
        {"HTTP/1.1 302 x\r\nLocation: /\r\nContent-Length: 0\r\n\r\n", false},
        {"garbage\r\n\r\n", false},
        {"HTTP/1.1 101 x\r\nUpgrade: websocket\r\n\r\n", false},
        {"{end}", true, .by_proxy = true},
        {"HTTP/1.1 200 OK\r\nA: b{end}", true, .by_proxy = true},
        {"HTTP/1.1 502 x\r\n\r\n", true, .by_proxy = true},
        {"HTTP/1.1 403 x\r\n\r\n", false, .by_proxy = true},
        {"garbage", false, .by_proxy = true},
    };
    wsk_client_options o = retrying(1, 1, 1);
    world w;

    world_begin(&w, state);
    for (size_t i = 0; i < WSK__COUNT(rows); i++) {
        bool opens = strncmp(rows[i].answer, SWITCHED, 30) == 0 && strstr(rows[i].answer, "acc");
        script s;
        heard h;

        script_begin(&s, &w, script_answer);
        s.answers[0] = rows[i].answer;
        s.answer = "HTTP/1.1 404 x\r\nContent-Length: 0\r\n\r\n";
        o.proxy = rows[i].by_proxy ? script_url(&s, "") + strlen("ws://") : "";
        heard_connect(&h, &w, &o, rows[i].by_proxy ? "ws://host.invalid/" : script_url(&s, "/"));
        heard_until_idle(&h, &w);
        world_turn_for(&w, 5);
        if (s.n != (rows[i].again ? 2 : 1))
            fail_msg("row %zu: %zu connections, code %u, %s", i, s.n, h.code, h.text);
        assert_int_equal(h.n[ON_RETRY], rows[i].again);
        assert_int_equal(h.n[ON_OPEN], opens);
        assert_int_equal(h.n[ON_CLOSE], opens);
        heard_free(&h);
        script_end(&s);
    }
    world_end(&w);
}

/* RFC 9110 10.2.3: what the server asks for, up to retry_max, and the random time on top. */
static void test_retry_after(void **state)
{
    static const struct {
        const char *answer;
        uint32_t max, delay;
    } rows[] = {
        {"HTTP/1.1 503 x\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n", 10000, 7003},
        {"HTTP/1.1 429 x\r\nretry-after:  7 \r\nContent-Length: 0\r\n\r\n", 10000, 7003},
        {"HTTP/1.1 503 x\r\nRetry-After: 7200\r\nContent-Length: 0\r\n\r\n", 10000, 10003},
        {"HTTP/1.1 503 x\r\nRetry-After: Fri, 31 Dec 9999 23:59:59 GMT\r\n"
         "Content-Length: 0\r\n\r\n",
         10000, 10003},
        {"HTTP/1.1 503 x\r\nRetry-After: soon\r\nContent-Length: 0\r\n\r\n", 10000, 3},
        {"HTTP/1.1 503 x\r\nContent-Length: 0\r\n\r\n", 10000, 3},
    };
    world w;

    world_begin(&w, state);
    w.alloc.hooks.random = known_random;
    number = 3;
    for (size_t i = 0; i < WSK__COUNT(rows); i++) {
        wsk_client_options o = retrying(20, rows[i].max, 0);
        script s;
        heard h;

        script_begin(&s, &w, script_answer);
        s.answer = rows[i].answer;
        heard_connect(&h, &w, &o, script_url(&s, "/"));
        world_until(&w, h.n[ON_RETRY] == 1);
        assert_int_equal(h.delays[0], rows[i].delay);
        heard_free(&h);
        script_end(&s);
    }
    /* What one server asks for does not count for the failures of others. */
    wsk_client_options o = retrying(20, 5, 0);
    script s;
    heard h;
    script_begin(&s, &w, script_answer);
    s.answers[0] = "HTTP/1.1 503 x\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n";
    s.answer = "{end}";
    number = 0;
    heard_connect(&h, &w, &o, script_url(&s, "/"));
    world_until(&w, h.n[ON_RETRY] == 2);
    assert_int_equal(h.delays[0], 5);
    assert_int_equal(h.delays[1], 0);
    heard_free(&h);
    world_end(&w);
}

static void test_retry_after_values(void **state)
{
    static const struct {
        const char *value;
        uint32_t most, ms;
    } rows[] = {
        {"0", 60000, 0},
        {"1", 60000, 1000},
        {"59", 60000, 59000},
        {"60", 60000, 60000},
        {"61", 60000, 60000},
        {"00000000000000000000000000000000005", 60000, 5000},
        {"99999999999999999999999999999999999", 60000, 60000},
        {"4294968", UINT32_MAX, UINT32_MAX},
        {"4294967", UINT32_MAX, 4294967000u},
        {"1", 999, 999},
        {"-1", 60000, 0},
        {"1.5", 60000, 0},
        {"1 ", 60000, 0},
        {"", 60000, 0},
        {"Sun, 06 Nov 1994 08:49:47 GMT", 60000, 10000},
        {"Sun, 06 Nov 1994 08:49:37 GMT", 60000, 0},
        {"Sun, 06 Nov 1994 08:49:36 GMT", 60000, 0},
        {"Mon, 07 Nov 1994 08:49:37 GMT", UINT32_MAX, 86400000},
        {"Sun, 06 Nov 1994 08:49:47 UTC", 60000, 0},
        {"Sun, 06 Now 1994 08:49:47 GMT", 60000, 0},
        {"Sun, 06 Nov 1994 24:49:47 GMT", 60000, 0},
        {"Sun, 06 Nov 1994 08:4x:47 GMT", 60000, 0},
        {"Sunday, 06-Nov-94 08:49:47 GMT", 60000, 10000},
        {"Sunday, 06-Nov-44 08:49:47 GMT", 60000, 60000},
        {"Sunday, 06-Nov-45 08:49:47 GMT", 60000, 0},
        {"Wednesday, 06-Nov-00 08:49:47 GMT", 60000, 60000},
        {"Sunday, 06-Nov-9x 08:49:47 GMT", 60000, 0},
        {"Sunday, 06-Nov-94 08:49:47 UTC", 60000, 0},
        {"Sunday,", 60000, 0},
        {",", 60000, 0},
        {"Sun Nov  6 08:49:47 1994", 60000, 10000},
        {"Mon Nov 07 08:49:37 1994", UINT32_MAX, 86400000},
        {"Sun Nov x6 08:49:47 1994", 60000, 0},
        {"Sun Nov   08:49:47 1994", 60000, 0},
    };

    (void)state;
    for (size_t i = 0; i < WSK__COUNT(rows); i++) {
        /* Behind the value stands nothing: it need not end in NUL. */
        size_t n = strlen(rows[i].value);
        uint8_t *copy = guard_copy(rows[i].value, n);
        uint32_t ms = wsk__retry_after((wsk_str){(char *)copy, n}, 784111777, rows[i].most);
        if (ms != rows[i].ms)
            fail_msg("%s: %u", rows[i].value, ms);
        guard_free(copy, n);
    }
}

/* A connection that was open for long enough begins a new row; a redirect is found anew each time.
 */
static void test_row(void **state)
{
    wsk_client_options o = retrying(1, 4, 2);
    char moved[200];
    world w;
    script s;
    heard h;

    world_begin(&w, state);
    script_begin(&s, &w, script_answer);
    snprintf(moved, sizeof(moved), "HTTP/1.1 302 x\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n");
    s.answers[0] = "HTTP/1.1 503 x\r\nContent-Length: 0\r\n\r\n";
    s.answers[1] = moved;
    s.answers[2] = SWITCHED "\r\n";
    s.answers[3] = moved;
    s.answer = "HTTP/1.1 503 x\r\nContent-Length: 0\r\n\r\n";
    o.max_redirects = 1;
    heard_connect(&h, &w, &o, script_url(&s, "/a"));
    world_until(&w, h.n[ON_OPEN] == 1);
    world_turn_for(&w, 10);
    script_play_answer(s.conns[2], "\x88\x02\x03\xe9{end}");
    heard_until_idle(&h, &w);
    assert_int_equal(s.n, 6);
    assert_memory_equal(s.conns[2]->in, "GET /b ", 7);
    assert_memory_equal(s.conns[3]->in, "GET /a ", 7);
    assert_memory_equal(s.conns[4]->in, "GET /b ", 7);
    assert_int_equal(h.n[ON_RETRY], 3);
    assert_int_equal(h.attempts[0], 1);
    assert_int_equal(h.attempts[1], 1);
    assert_int_equal(h.attempts[2], 2);
    assert_int_equal(h.n[ON_OPEN], 1);
    heard_free(&h);
    world_end(&w);
}

/* A server that takes connections and ends them at once is asked no more often than one that takes
 * none. */
static void test_row_of_short_connections(void **state)
{
    wsk_client_options o = retrying(60000, 240000, 3);
    world w;
    script s;
    heard h;

    world_begin(&w, state);
    w.alloc.hooks.random = known_random;
    number = 0; /* no wait, whatever its bound */
    script_begin(&s, &w, script_answer);
    s.answer = SWITCHED "\r\n\x88\x02\x03\xe9{end}";
    heard_connect(&h, &w, &o, script_url(&s, "/"));
    world_until(&w, h.n[ON_CLOSE] >= 4);
    heard_until_idle(&h, &w);
    assert_int_equal(s.n, 4);
    assert_int_equal(h.n[ON_OPEN], 4);
    assert_int_equal(h.n[ON_RETRY], 3);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(h.attempts[i], i + 1);
        assert_int_equal(h.delays[i], 0);
    }
    heard_free(&h);
    world_end(&w);
}

static void close_it(heard *h, heard_event event)
{
    if (event == ON_OPEN)
        assert_int_equal(wsk_client_close(h->c, WSK_CLOSE_GOING_AWAY, "bye"), WSK_OK);
}

static void drop_it(heard *h, heard_event event)
{
    if (event == ON_OPEN)
        wsk_client_drop(h->c);
}

static void stop_waiting(heard *h, heard_event event)
{
    if (event == ON_RETRY)
        assert_int_equal(wsk_client_close(h->c, 0, NULL), WSK_OK);
}

static void connect_anew(heard *h, heard_event event)
{
    if (event == ON_CLOSE || (event == ON_FAIL && h->n[ON_FAIL] == 1))
        assert_int_equal(wsk_client_connect(h->c, NULL), WSK_OK);
}

static void free_it(heard *h, heard_event event)
{
    if (event != ON_RETRY)
        return;
    h->gone = true;
    wsk_client_free(h->c);
}

/* What the program does is the last word. */
static void test_program_ends(void **state)
{
    wsk_client_options o = retrying(1, 1, 0);
    world w;
    script s;
    heard h;

    world_begin(&w, state);
    o.conn.close_timeout = 20;
    script_begin(&s, &w, script_answer);
    s.answer = SWITCHED "\r\n";
    for (int i = 0; i < 2; i++) {
        heard_begin(&h, &w, &o);
        h.then = i == 0 ? close_it : drop_it;
        assert_int_equal(wsk_client_connect(h.c, script_url(&s, "/")), WSK_OK);
        heard_until_idle(&h, &w);
        assert_int_equal(h.n[ON_CLOSE], 1);
        assert_int_equal(h.n[ON_RETRY], 0);
        assert_int_equal(h.code, 1006);
        heard_free(&h);
    }
    script_end(&s);
    script_begin(&s, &w, script_answer);
    s.answer = "{end}";
    heard_begin(&h, &w, &o);
    h.then = stop_waiting;
    assert_int_equal(wsk_client_connect(h.c, script_url(&s, "/")), WSK_OK);
    heard_until_idle(&h, &w);
    assert_int_equal(h.n[ON_RETRY], 1);
    assert_int_equal(s.n, 1);
    heard_free(&h);
    /* In a handler of the end, the program may begin anew at once: then nothing is announced. */
    heard_begin(&h, &w, &o);
    h.then = connect_anew;
    assert_int_equal(wsk_client_connect(h.c, script_url(&s, "/")), WSK_OK);
    world_until(&w, h.n[ON_FAIL] == 2);
    world_until(&w, h.n[ON_RETRY] == 1);
    heard_free(&h);
    heard_begin(&h, &w, &o);
    h.then = free_it;
    assert_int_equal(wsk_client_connect(h.c, script_url(&s, "/")), WSK_OK);
    world_until(&w, h.gone);
    heard_free(&h);
    world_turn_for(&w, 10);
    world_end(&w);
}

/* ---------------------------------------------------------------------------------- deadlines --
 */

static void play_silence(script_conn *c)
{
    (void)c;
}

/* Of the table of docs/design.md. */
static void test_defaults(void **state)
{
    (void)state;
    wsk_client_options given = WSK_CLIENT_OPTIONS_INIT;
    wsk__client_options o;

    assert_int_equal(wsk__client_options_init(&o, NULL, &given), WSK_OK);
    assert_int_equal(o.connect_timeout, 10000);
    assert_int_equal(o.max_redirects, 0);
    assert_int_equal(o.retry_max, 60000);
    assert_int_equal(o.retry_attempts, 0);
    wsk__client_options_deinit(&o, NULL);
}

static void test_silent_server(void **state)
{
    wsk_client_options o = WSK_CLIENT_OPTIONS_INIT;
    wsk_tls_options to = WSK_TLS_OPTIONS_INIT;
    world w;
    script s;

    world_begin(&w, state);
    script_begin(&s, &w, play_silence);
    o.conn.open_timeout = 40;
    heard_fails(&w, &o, script_url(&s, "/"), WSK_FAIL_TIMEOUT,
                "the opening handshake took too long");
    to.role = WSK_ROLE_CLIENT;
    to.hooks = &w.alloc.hooks;
    assert_int_equal(wsk_tls_new(&o.tls, &to, NULL), WSK_OK);
    o.connect_timeout = 300; /* for the connection, too */
    heard_fails(&w, &o, format("wss://127.0.0.1:%u/", s.port), WSK_FAIL_TIMEOUT,
                "timed out after 300 ms while waiting for the TLS handshake");
    wsk_tls_unref(o.tls);
    world_end(&w);
}

static void test_deadlines_when_open(void **state)
{
    static const struct {
        uint32_t idle, ping_interval, ping_timeout, close;
        bool close_it;
        const char *text;
    } rows[] = {
        {30, 0, 0, 20, false, "the peer did not answer the close frame in time"},
        {0, 20, 30, 0, false, "the peer did not answer a ping in time"},
        {0, 0, 0, 30, true, "the peer did not answer the close frame in time"},
    };
    wsk_client_options o = retrying(1000, 1000, 1);
    world w;

    world_begin(&w, state);
    for (size_t i = 0; i < WSK__COUNT(rows); i++) {
        script s;
        heard h;
        script_begin(&s, &w, script_answer);
        s.answer = SWITCHED "\r\n";
        o.conn.idle_timeout = rows[i].idle;
        o.conn.ping_interval = rows[i].ping_interval;
        o.conn.ping_timeout = rows[i].ping_timeout;
        o.conn.close_timeout = rows[i].close;
        heard_begin(&h, &w, &o);
        h.then = rows[i].close_it ? close_it : NULL;
        assert_int_equal(wsk_client_connect(h.c, script_url(&s, "/")), WSK_OK);
        world_until(&w, h.n[ON_CLOSE] == 1);
        assert_string_equal(h.close_text, rows[i].text);
        assert_int_equal(h.code, 1006);
        /* Only the one who fell silent is asked again. */
        assert_int_equal(h.stage, i == 1 ? WSK_STAGE_WAITING : WSK_STAGE_IDLE);
        heard_free(&h);
        script_end(&s);
    }
    world_end(&w);
}

/* Keepalive measures the round trip. */
static void play_pong(script_conn *c)
{
    script_answer(c);
    if (c->phase == 1 && script_has_head(c)) {
        c->taken = (size_t)(strstr(c->in, "\r\n\r\n") + 4 - c->in);
        c->phase = 2;
    }
    if (c->phase == 2 && c->in_len >= c->taken + 6) {
        assert_int_equal((uint8_t)c->in[c->taken], 0x89);
        script_say(c, "\x8a\x01x\x8a\x00", 5);
        c->phase = 3;
    }
}

static void test_round_trip(void **state)
{
    wsk_client_options o = WSK_CLIENT_OPTIONS_INIT;
    world w;
    script s;
    heard h;

    world_begin(&w, state);
    script_begin(&s, &w, play_pong);
    s.answer = SWITCHED "\r\n";
    o.conn.ping_interval = 10;
    heard_connect(&h, &w, &o, script_url(&s, "/"));
    heard_until_open(&h, &w);
    assert_int_equal(wsk_client_rtt_us(h.c), 0);
    world_until(&w, h.n[ON_PONG] == 2);
    assert_in_range(wsk_client_rtt_us(h.c), 1, 1000000);
    heard_free(&h);
    world_end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(test_delays),
        BOTH(test_large_backoff),
        BOTH(test_which),
        BOTH(test_retry_after),
        cmocka_unit_test(test_retry_after_values),
        BOTH(test_row),
        BOTH(test_row_of_short_connections),
        BOTH(test_program_ends),
        cmocka_unit_test(test_defaults),
        BOTH(test_silent_server),
        BOTH(test_deadlines_when_open),
        BOTH(test_round_trip),
    };

    return cmocka_run_group_tests_name("client_retry", tests, NULL, NULL);
}
