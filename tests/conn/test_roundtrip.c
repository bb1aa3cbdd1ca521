/* SPDX-License-Identifier: MIT */
/*
 * Client and server against each other: messages of many sizes and kinds, there and back, with and
 * without compression, whole and in pieces, at every cut; all of it again with allocations that
 * fail.
 */
#include "pair.h"

#include <stdlib.h>
#include <string.h>

static void fill(uint8_t *p, size_t n, int kind)
{
    static const char text[] = "{\"name\":\"κόσμε\",\"value\":12345,\"list\":[1,2,3]} ";
    uint32_t x = 12345;

    for (size_t i = 0; i < n; i++) {
        x = x * 1664525 + 1013904223;
        p[i] = kind == 0 ? (uint8_t)text[i % (sizeof(text) - 1)] : (uint8_t)(x >> 24);
    }
    /* A text must not end inside a character. */
    if (kind == 0)
        for (size_t i = n; i-- > 0 && p[i] >= 0x80;)
            p[i] = '.';
}

static const size_t sizes[] = {0, 1, 2, 125, 126, 127, 1000, 4096, 65535, 65536, 70001, 300000};

static void exchange(const wsk_config_options *so, const wsk_config_options *co, size_t cut,
                     size_t max)
{
    uint8_t *data = malloc(300000);
    pair p;

    assert_int_equal(pair_init(&p, so, co, cut), WSK_OK);
    pair_open(&p);
    p.server.echo = true;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]) && sizes[i] <= max; i++) {
        for (int kind = 0; kind < 2; kind++) {
            wsk_opcode op = kind == 0 ? WSK_OP_TEXT : WSK_OP_BINARY;
            fill(data, sizes[i], kind);
            assert_int_equal(wsk_conn_send(p.client.c, op, data, sizes[i], 0), WSK_OK);
            pair_pump(&p);
            const pair_event *got = pair_last(&p.client, WSK_EV_MESSAGE);
            assert_non_null(got);
            assert_int_equal(got->opcode, op);
            assert_int_equal(got->len, sizes[i]);
            assert_memory_equal(got->data, data, sizes[i]);
            assert_int_equal(pair_count(&p.server, WSK_EV_MESSAGE), 1);
            pair_forget(&p.client);
            pair_forget(&p.server);
        }
    }
    assert_int_equal(wsk_conn_close(p.client.c, 1000, "done"), WSK_OK);
    pair_pump(&p);
    assert_int_equal(wsk_conn_state(p.client.c), WSK_STATE_CLOSED);
    assert_int_equal(wsk_conn_state(p.server.c), WSK_STATE_CLOSED);
    assert_true(wsk_conn_was_clean(p.client.c));
    assert_true(wsk_conn_was_clean(p.server.c));
    assert_int_equal(wsk_conn_code(p.server.c), 1000);
    pair_deinit(&p);
    free(data);
}

static void all_cuts(const wsk_config_options *so, const wsk_config_options *co)
{
    for (size_t i = 0; i < 5; i++)
        exchange(so, co, cut_sizes[i], cut_sizes[i] == SIZE_MAX ? SIZE_MAX : 4096);
}

static void test_plain(void **state)
{
    (void)state;
    wsk_config_options o = WSK_CONFIG_OPTIONS_INIT;

    all_cuts(&o, &o);
}

/* Large messages are received where they are put together, whatever the cuts. */
static void test_in_place(void **state)
{
    (void)state;
    wsk_config_options o = WSK_CONFIG_OPTIONS_INIT;
    uint8_t *data = malloc(200000);
    pair p;

    exchange(&o, &o, 9001, SIZE_MAX);
    exchange(&o, &o, 30000, SIZE_MAX);
    o.fragment_size = 100003;
    exchange(&o, &o, 9001, SIZE_MAX);
    /* A text with an octet far behind that cannot be: nothing of it is an event. */
    o.fragment_size = 0;
    assert_int_equal(pair_init(&p, &o, &o, 9001), WSK_OK);
    pair_open(&p);
    fill(data, 200000, 0);
    data[150001] = 0xFF;
    assert_int_equal(wsk_conn_send(p.client.c, WSK_OP_TEXT, data, 200000, WSK_SEND_SKIP_UTF8),
                     WSK_OK);
    pair_pump(&p);
    assert_true(p.placed > 5);
    assert_int_equal(pair_count(&p.server, WSK_EV_MESSAGE), 0);
    assert_int_equal(wsk_conn_code(p.server.c), 1007);
    pair_deinit(&p);
    free(data);
}

static void test_fragmented(void **state)
{
    (void)state;
    wsk_config_options o = WSK_CONFIG_OPTIONS_INIT;

    o.fragment_size = 100;
    all_cuts(&o, &o);
}

static void test_stream(void **state)
{
    (void)state;
    wsk_config_options o = WSK_CONFIG_OPTIONS_INIT;

    o.flags = WSK_CONN_STREAM;
    all_cuts(&o, &o);
    o.deflate.enabled = true;
    all_cuts(&o, &o);
}

static void test_deflate(void **state)
{
    (void)state;
    wsk_config_options s = WSK_CONFIG_OPTIONS_INIT, c = WSK_CONFIG_OPTIONS_INIT;

    s.deflate.enabled = c.deflate.enabled = true;
    s.deflate.threshold = c.deflate.threshold = 1;
    for (unsigned bits = 8; bits <= 15; bits += bits == 8 ? 1 : 3) {
        for (int flags = 0; flags < 4; flags++) {
            s.deflate.server_max_window_bits = s.deflate.client_max_window_bits = bits;
            c.deflate.server_max_window_bits = c.deflate.client_max_window_bits = bits;
            s.deflate.server_no_context_takeover = (flags & 1) != 0;
            c.deflate.client_no_context_takeover = (flags & 2) != 0;
            exchange(&s, &c, SIZE_MAX, SIZE_MAX);
        }
    }
    s.deflate.server_max_window_bits = s.deflate.client_max_window_bits = 0;
    all_cuts(&s, &c);
    s.fragment_size = 57;
    all_cuts(&s, &c);
}

/* One side only: nothing is agreed, everything works uncompressed. */
static void test_deflate_one_side(void **state)
{
    (void)state;
    wsk_config_options s = WSK_CONFIG_OPTIONS_INIT, c = WSK_CONFIG_OPTIONS_INIT;

    s.deflate.enabled = true;
    exchange(&s, &c, SIZE_MAX, 4096);
    exchange(&c, &s, SIZE_MAX, 4096);
}

/* Everything at once while allocations fail: nothing is asserted but that it ends, cleanly. */
static void stressed(void *ud, const wsk_hooks *hooks)
{
    wsk_config_options o = *(wsk_config_options *)ud;
    uint8_t data[600];
    pair p;

    o.hooks = hooks;
    if (pair_init(&p, &o, &o, 50) == WSK_OK) {
        wsk_request_options ro = WSK_REQUEST_OPTIONS_INIT;
        ro.host = "example.org";
        p.server.echo = true;
        fill(data, sizeof(data), 0);
        if (wsk_conn_request(p.client.c, &ro) == WSK_OK) {
            pair_pump(&p);
            (void)wsk_conn_send(p.client.c, WSK_OP_TEXT, data, sizeof(data), 0);
            (void)wsk_conn_ping(p.server.c, "x", 1);
            (void)wsk_conn_send_part(p.server.c, WSK_OP_TEXT, data, 100, false, 0);
            pair_pump(&p);
            (void)wsk_conn_send_part(p.server.c, WSK_OP_TEXT, data, 100, true, 0);
            wsk_prepared *m;
            if (wsk_prepared_new(&m, p.server_cfg, WSK_OP_TEXT, data, 500) == WSK_OK) {
                (void)wsk_conn_send_prepared(p.server.c, m);
                wsk_prepared_unref(m);
            }
            pair_pump(&p);
            wsk_conn_trim(p.client.c);
            wsk_conn_trim(p.server.c);
            (void)wsk_conn_close(p.server.c, 1001, "bye");
            pair_pump(&p);
        }
    }
    pair_deinit(&p);
}

/* What does not shrink swells, most of all where zlib has little room: it is within the limit. */
static void test_deflate_swells(void **state)
{
    (void)state;
    enum { MOST = 1 << 20 };
    uint8_t *data = malloc(MOST);

    assert_non_null(data);
    for (size_t i = 0, r = 1; i < MOST; i++, r = r * 6364136223846793005u + 1442695040888963407u)
        data[i] = (uint8_t)(r >> 56);
    for (unsigned mem = 1; mem <= 9; mem++) {
        for (unsigned bits = 8; bits <= 15; bits++) {
            wsk_config_options o = WSK_CONFIG_OPTIONS_INIT;
            pair p;

            o.deflate.enabled = true;
            o.deflate.level = 6;
            o.deflate.mem_level = mem;
            o.deflate.client_max_window_bits = bits;
            o.max_message = MOST;
            assert_int_equal(pair_init(&p, &o, &o, SIZE_MAX), WSK_OK);
            pair_open(&p);
            assert_int_equal(wsk_conn_send(p.client.c, WSK_OP_BINARY, data, MOST, 0), WSK_OK);
            pair_pump(&p);
            const pair_event *got = pair_last(&p.server, WSK_EV_MESSAGE);
            if (got == NULL || got->len != MOST || memcmp(got->data, data, MOST) != 0)
                fail_msg("mem_level %u, window %u", mem, bits);
            pair_deinit(&p);
        }
    }
    free(data);
}

static void test_failing_alloc(void **state)
{
    (void)state;
    wsk_config_options o = WSK_CONFIG_OPTIONS_INIT;
    static const char *const subs[] = {"a", "b", NULL};

    o.subprotocols = subs;
    with_failing_alloc(stressed, &o);
    o.deflate.enabled = true;
    o.deflate.threshold = 1;
    o.server_header = "test";
    with_failing_alloc(stressed, &o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain),          cmocka_unit_test(test_in_place),
        cmocka_unit_test(test_fragmented),     cmocka_unit_test(test_stream),
        cmocka_unit_test(test_deflate),        cmocka_unit_test(test_deflate_one_side),
        cmocka_unit_test(test_deflate_swells), cmocka_unit_test(test_failing_alloc),
    };

    return cmocka_run_group_tests_name("roundtrip", tests, NULL, NULL);
}
