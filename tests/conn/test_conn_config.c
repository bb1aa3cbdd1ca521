/* SPDX-License-Identifier: MIT */
/*
 * The options of a config: what is refused and with which words, what is copied, what an older
 * program's shorter struct means, and that a config which runs out of memory leaves nothing behind.
 */
#include "solo.h"

#include <stddef.h>
#include <string.h>

struct heard {
    char line[200];
    int lines;
    wsk_log_level level;
};

static void hear(void *ud, wsk_log_level level, const char *line)
{
    struct heard *h = ud;

    h->level = level;
    strncpy(h->line, line, sizeof(h->line) - 1);
    h->lines++;
}

/* These options are refused, and the log says so in these words. */
static void refused(wsk_config_options o, const char *words)
{
    struct heard h = {"", 0, WSK_LOG_OFF};
    wsk_hooks hooks = WSK_HOOKS_INIT;
    wsk_config *cfg = NULL;

    hooks.ud = &h;
    hooks.log = hear;
    hooks.log_level = WSK_LOG_ERROR;
    o.hooks = &hooks;
    assert_int_equal(wsk_config_new(&cfg, &o), WSK_ERR_INVAL);
    assert_null(cfg);
    assert_int_equal(h.lines, 1);
    assert_int_equal(h.level, WSK_LOG_ERROR);
    assert_memory_equal(h.line, "config: ", 8);
    assert_non_null(strstr(h.line, words));
}

static void accepted(wsk_config_options o)
{
    wsk_config *cfg = NULL;

    assert_int_equal(wsk_config_new(&cfg, &o), WSK_OK);
    wsk_config_unref(cfg);
}

static wsk_config_options server(void)
{
    wsk_config_options o = WSK_CONFIG_OPTIONS_INIT;

    o.role = WSK_ROLE_SERVER;
    return o;
}

static void test_ranges(void **state)
{
    (void)state;
    static const struct {
        uint32_t head, fields, pongs;
        const char *words; /* NULL: it is fine */
    } rows[] = {
        {63, 1, 1, "max_head"},         {64, 1, 1, NULL},
        {1u << 24, 10000, 60000, NULL}, {(1u << 24) + 1, 1, 1, "max_head"},
        {64, 10001, 1, "max_fields"},   {64, 1, 60001, "max_pongs"},
    };

    for (size_t i = 0; i < WSK__COUNT(rows); i++) {
        wsk_config_options o = server();
        o.max_head = rows[i].head;
        o.max_fields = rows[i].fields;
        o.max_pongs = rows[i].pongs;
        if (rows[i].words != NULL)
            refused(o, rows[i].words);
        else
            accepted(o);
    }
    wsk_config_options o = server();
    o.high_water = 2000;
    o.max_queued = 1999;
    refused(o, "high_water must not be above max_queued");
    o.max_queued = 2000;
    accepted(o);
    o.role = (wsk_role)77;
    refused(o, "role");
}

static void test_origins(void **state)
{
    (void)state;
    static const char *const good[] = {"https://example.org", "null", NULL};
    static const char *const bad[] = {"https://example.org", "example.org", NULL};
    wsk_config_options o = server();

    o.origin_policy = (wsk_origin_policy)(WSK_ORIGIN_ANY + 1);
    refused(o, "origin_policy");
    o.origin_policy = (wsk_origin_policy)-1;
    refused(o, "origin_policy");
    o.origin_policy = WSK_ORIGIN_LIST;
    refused(o, "needs origins");
    o.origins = bad;
    refused(o, "an origin is");
    o.origin_policy = WSK_ORIGIN_LIST;
    o.origins = good;
    accepted(o);
    /* A list that nobody looks at would not keep out whom it does not name. */
    o.origin_policy = WSK_ORIGIN_SAME_HOST;
    refused(o, "origins need origin_policy WSK_ORIGIN_LIST, not 0");
    o.origin_policy = WSK_ORIGIN_ANY;
    refused(o, "origins need origin_policy WSK_ORIGIN_LIST, not 2");
    o.origins = NULL;
    accepted(o);
}

static void test_extensions(void **state)
{
    (void)state;
    wsk_extension one = {.size = sizeof(one), .name = "x-one", .rsv = WSK_RSV2};
    const wsk_extension *list[9] = {&one, &one, &one, &one, &one, &one, &one, &one, NULL};
    wsk_config_options o = server();

    o.extensions = list;
    refused(o, "at most 7 extensions");
    list[7] = NULL;
    accepted(o);
    list[1] = NULL;
    one.name = NULL;
    refused(o, "not a token");
    one.name = "x one";
    refused(o, "not a token");
    one.name = "x-one";
    one.rsv = 0x80;
    refused(o, "reserved bits");
    one.rsv = WSK_RSV2;
    one.size = 0;
    refused(o, "extensions[0].size is 0");
}

static void test_deflate(void **state)
{
    (void)state;
    static const struct {
        wsk_deflate_options deflate;
        const char *words; /* NULL: it is fine */
    } rows[] = {
        {{.level = 12}, "deflate.level must be 1 to 9, not 12"},
        {{.level = -1}, "deflate.level must be 1 to 9, not -1"},
        {{.mem_level = 10}, "deflate.mem_level must be 1 to 9, not 10"},
        {{.server_max_window_bits = 7}, "deflate.server_max_window_bits must be 8 to 15, not 7"},
        {{.client_max_window_bits = 16}, "deflate.client_max_window_bits must be 8 to 15, not 16"},
        {{.level = 9, .mem_level = 9, .server_max_window_bits = 8, .client_max_window_bits = 15},
         NULL},
    };

    for (size_t i = 0; i < WSK__COUNT(rows); i++) {
        wsk_config_options o = server();
        o.deflate = rows[i].deflate;
        o.deflate.enabled = true;
        if (rows[i].words != NULL)
            refused(o, rows[i].words);
        else
            accepted(o);
    }
}

/* They are not taken as if they had none. */
static void test_hooks_without_a_size(void **state)
{
    (void)state;
    wsk_hooks hooks = {.log_level = WSK_LOG_ERROR};
    wsk_config_options o = server();
    wsk_config *cfg = NULL;

    o.hooks = &hooks;
    assert_int_equal(wsk_config_new(&cfg, &o), WSK_ERR_INVAL);
    hooks.size = sizeof(hooks) - 1;
    assert_int_equal(wsk_config_new(&cfg, &o), WSK_ERR_INVAL);
    assert_null(cfg);
    hooks.size = sizeof(hooks) + 8; /* of a program that is newer than we are */
    assert_int_equal(wsk_config_new(&cfg, &o), WSK_OK);
    wsk_config_unref(cfg);
}

/* No options, none that say how long they are, and those of a program from before there were
 * hooks. */
static void test_sizes(void **state)
{
    (void)state;
    wsk_config *cfg = NULL;
    wsk_config_options o = server();
    wsk_hooks not_ours;

    assert_int_equal(wsk_config_new(&cfg, NULL), WSK_ERR_INVAL);
    o.size = sizeof(o.size) - 1;
    assert_int_equal(wsk_config_new(&cfg, &o), WSK_ERR_INVAL);
    assert_null(cfg);
    o.size = offsetof(wsk_config_options, hooks);
    memset(&not_ours, 0xEE, sizeof(not_ours)); /* whoever follows it falls */
    o.hooks = &not_ours;
    accepted(o);
    o.role = (wsk_role)77; /* so that there is something to say */
    for (o.size = offsetof(wsk_config_options, hooks);
         o.size < offsetof(wsk_config_options, hooks) + sizeof(o.hooks); o.size++)
        assert_int_equal(wsk_config_new(&cfg, &o), WSK_ERR_INVAL);
    /* A newer program's struct is longer: what we do not know of is not looked at. */
    struct {
        wsk_config_options o;
        char more[64];
    } newer = {server(), {0}};
    newer.o.size = sizeof(newer);
    assert_int_equal(wsk_config_new(&cfg, &newer.o), WSK_OK);
    wsk_config_unref(cfg);
}

/* Every string is a copy: the program's may change behind it. */
static void test_copies(void **state)
{
    (void)state;
    char protocol[] = "chat", origin[] = "https://a", name[] = "server/1";
    const char *protocols[] = {protocol, NULL}, *origins[] = {origin, NULL};
    wsk_config_options o = server();
    solo s;

    o.subprotocols = protocols;
    o.origins = origins;
    o.origin_policy = WSK_ORIGIN_LIST;
    o.server_header = name;
    solo_begin(&s, WSK_ROLE_SERVER, &o);
    memset(protocol, 'x', 4);
    memset(origin, 'x', 9);
    memset(name, 'x', 8);
    wsk_conn *c = solo_alone(&s);
    solo_request(&s, c, "Origin: https://a\r\nSec-WebSocket-Protocol: chat\r\n");
    solo_want(&s, c, WSK_EV_REQUEST);
    assert_int_equal(wsk_conn_accept(c, NULL), WSK_OK);
    solo_out(&s, c);
    assert_non_null(strstr(s.out, "\r\nServer: server/1\r\n"));
    assert_non_null(strstr(s.out, "\r\nSec-WebSocket-Protocol: chat\r\n"));
    solo_end(&s);
}

static void test_no_memory(void **state)
{
    (void)state;
    static const char *const protocols[] = {"a", "b", NULL};
    static const char *const origins[] = {"https://a", "https://b", NULL};
    wsk_config_options o = server();
    wsk_config *cfg = NULL;
    test_alloc a;
    long i = 0;

    o.subprotocols = protocols;
    o.origin_policy = WSK_ORIGIN_LIST;
    o.origins = origins;
    o.server_header = "server";
    o.deflate.enabled = true;
    o.hooks = &a.hooks;
    do {
        test_alloc_init(&a);
        a.fail_at = ++i;
        cfg = NULL;
        int r = wsk_config_new(&cfg, &o);
        assert_int_equal(r, a.failed ? WSK_ERR_NOMEM : WSK_OK);
        if (r < 0)
            assert_null(cfg);
        wsk_config_unref(cfg);
        assert_int_equal(a.live, 0);
    } while (a.failed);
    assert_true(i > 9); /* the config, two lists of two, a name, the extensions */
}

/* Limits below what a small frame may hold are kept by the short way for those, too. */
static void test_small_limits(void **state)
{
    (void)state;
    static const struct {
        uint64_t message, frame;
        size_t fits;
    } rows[] = {{124, 200, 124}, {200, 60, 60}, {1, 1, 1}, {125, 125, 125}};
    char text[126];

    memset(text, 'a', sizeof(text));
    for (size_t i = 0; i < WSK__COUNT(rows); i++) {
        wsk_config_options o = WSK_CONFIG_OPTIONS_INIT;
        solo s;
        o.max_message = rows[i].message;
        o.max_frame = rows[i].frame;
        solo_begin(&s, WSK_ROLE_SERVER, &o);
        wsk_conn *c = solo_alone(&s);
        solo_open(&s, c, "");
        solo_frame(&s, c, WSK__FIN | WSK_OP_TEXT, text, rows[i].fits);
        solo_want(&s, c, WSK_EV_MESSAGE);
        assert_int_equal(s.ev.len, rows[i].fits);
        solo_want(&s, c, WSK_EV_NONE);
        solo_frame(&s, c, WSK__FIN | WSK_OP_TEXT, text, rows[i].fits + 1);
        solo_want(&s, c, WSK_EV_FAIL);
        assert_int_equal(s.ev.code, 1009);
        solo_end(&s);
    }
}

/* A queue so short that even a small message has to be weighed. */
static void test_small_queue(void **state)
{
    (void)state;
    wsk_config_options o = WSK_CONFIG_OPTIONS_INIT;
    solo s;

    o.high_water = 20;
    o.low_water = 1;
    o.max_queued = 30;
    solo_begin(&s, WSK_ROLE_SERVER, &o);
    wsk_conn *c = solo_alone(&s);
    solo_open(&s, c, "");
    for (int i = 0; i < 3; i++)
        assert_int_equal(wsk_conn_send(c, WSK_OP_BINARY, "0123456789", 10, 0), WSK_OK);
    assert_int_equal(wsk_conn_send(c, WSK_OP_BINARY, "", 0, 0), WSK_ERR_FULL);
    assert_int_equal(wsk_conn_ping(c, "", 0), WSK_ERR_FULL);
    assert_int_equal(wsk_conn_queued(c), 36);
    solo_end(&s);
}

/* Every frame is a line of the log, also those that would go the short way. */
static void test_trace(void **state)
{
    (void)state;
    struct heard h = {"", 0, WSK_LOG_OFF};
    wsk_hooks hooks = WSK_HOOKS_INIT;
    wsk_config_options o = WSK_CONFIG_OPTIONS_INIT;
    solo s;

    hooks.ud = &h;
    hooks.log = hear;
    hooks.log_level = WSK_LOG_TRACE;
    o.hooks = &hooks;
    o.deflate.enabled = true;
    o.deflate.size = sizeof(o.deflate);
    solo_begin(&s, WSK_ROLE_SERVER, &o);
    wsk_conn *c = solo_alone(&s);
    solo_open(&s, c, "");
    h.lines = 0;
    solo_frame(&s, c, WSK__FIN | WSK_OP_TEXT, "abc", 3);
    solo_want(&s, c, WSK_EV_MESSAGE);
    assert_int_equal(h.lines, 1);
    assert_int_equal(h.level, WSK_LOG_TRACE);
    assert_string_equal(h.line, "received frame: fin=1 rsv=0 opcode=1 length=3");
    assert_int_equal(wsk_conn_send(c, WSK_OP_BINARY, "abcd", 4, 0), WSK_OK);
    assert_int_equal(h.lines, 2);
    assert_string_equal(h.line, "send frame: fin=1 rsv=0 opcode=2 length=4");
    solo_end(&s);
}

/* The table of docs/design.md is compared with the help of the program; this is what both mean. */
static void test_defaults(void **state)
{
    (void)state;
    wsk_config_options o = server();
    wsk_config *cfg = NULL;

    assert_int_equal(wsk_config_new(&cfg, &o), WSK_OK);
    assert_int_equal(cfg->o.max_message, 16 << 20);
    assert_int_equal(cfg->o.max_frame, 16 << 20);
    assert_int_equal(cfg->o.max_fragments, 131072);
    assert_int_equal(cfg->o.max_head, 8192);
    assert_int_equal(cfg->o.max_fields, 100);
    assert_int_equal(cfg->o.max_pongs, 16);
    assert_int_equal(cfg->o.max_queued, 16 << 20);
    assert_int_equal(cfg->o.high_water, 1 << 20);
    assert_int_equal(cfg->o.low_water, (1 << 18) + 1);
    assert_int_equal(cfg->o.max_ignored, 1 << 20);
    assert_int_equal(cfg->o.open_timeout, 10000);
    assert_int_equal(cfg->o.idle_timeout, WSK_NEVER);
    assert_int_equal(cfg->o.ping_interval, 30000);
    assert_int_equal(cfg->o.ping_timeout, 20000);
    assert_int_equal(cfg->o.message_timeout, WSK_NEVER);
    assert_int_equal(cfg->o.write_timeout, 30000);
    assert_int_equal(cfg->o.close_timeout, 5000);
    assert_int_equal(cfg->o.linger_timeout, 2000);
    assert_int_equal(cfg->o.queue_timeout, 600000);
    wsk_config_unref(cfg);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ranges),      cmocka_unit_test(test_origins),
        cmocka_unit_test(test_defaults),    cmocka_unit_test(test_extensions),
        cmocka_unit_test(test_sizes),       cmocka_unit_test(test_copies),
        cmocka_unit_test(test_no_memory),   cmocka_unit_test(test_small_limits),
        cmocka_unit_test(test_small_queue), cmocka_unit_test(test_trace),
        cmocka_unit_test(test_deflate),     cmocka_unit_test(test_hooks_without_a_size),
    };

    return cmocka_run_group_tests_name("conn_config", tests, NULL, NULL);
}
