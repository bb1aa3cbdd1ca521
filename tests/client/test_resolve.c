/* SPDX-License-Identifier: MIT */
/* Addresses that a program gives for names: the list, and clients that look nothing up. */
#include "client_world.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "net/resolve_list.h"

static void test_entries(void **state)
{
    static const struct {
        const char *text;
        const char *host;
        uint16_t port;
        const char *addresses; /* in the order in which they are tried; NULL: refused */
    } rows[] = {
        {"example.org:443:127.0.0.1", "example.org", 443, "127.0.0.1 "},
        {"*:1:::1", "*", 1, "::1 "},
        {"a:65535:[::1]", "a", 65535, "::1 "},
        {"[::2]:80:10.0.0.1", "::2", 80, "10.0.0.1 "},
        /* RFC 8305 4: families in turn. */
        {"a:80:10.0.0.1,10.0.0.2,[::1],::2", "a", 80, "10.0.0.1 ::1 10.0.0.2 ::2 "},
        {"", "", 0, NULL},
        {":80:10.0.0.1", "", 0, NULL},
        {"a", "", 0, NULL},
        {"a:80", "", 0, NULL},
        {"a:80:", "", 0, NULL},
        {"a::10.0.0.1", "", 0, NULL},
        {"a:0:10.0.0.1", "", 0, NULL},
        {"a:65536:10.0.0.1", "", 0, NULL},
        {"a:+80:10.0.0.1", "", 0, NULL},
        {"a:80:10.0.0.1,", "", 0, NULL},
        {"a:80:10.0.0", "", 0, NULL},
        {"a:80:b.example", "", 0, NULL},
        {"a:80:[::1", "", 0, NULL},
        {"[::1:80:10.0.0.1", "", 0, NULL},
        {"[exa:80:10.0.0.1", "", 0, NULL},
        {"[:80:10.0.0.1", "", 0, NULL},
        {"[]:80:10.0.0.1", "", 0, NULL},
        {"a:80:10.0.0.1 ", "", 0, NULL},
    };

    (void)state;
    for (size_t i = 0; i < WSK__COUNT(rows); i++) {
        const char *const texts[] = {rows[i].text, NULL};
        const char *why = NULL;
        wsk__resolve_list l;
        char got[256] = "";
        int r = wsk__resolve_list_init(&l, NULL, texts, &why);

        if (r != (rows[i].addresses != NULL ? WSK_OK : WSK_ERR_INVAL))
            fail_msg("\"%s\": %d", rows[i].text, r);
        assert_non_null(why);
        if (r < 0) {
            assert_int_equal(l.n, 0);
            continue;
        }
        assert_int_equal(l.n, 1);
        assert_string_equal(l.at[0].host, rows[i].host);
        assert_int_equal(l.at[0].port, rows[i].port);
        for (size_t k = 0; k < l.at[0].list.n; k++) {
            const wsk__address *a = &l.at[0].list.at[k];
            bool v4 = a->any.sa_family == AF_INET;
            char text[INET6_ADDRSTRLEN];

            inet_ntop(a->any.sa_family,
                      v4 ? (const void *)&a->v4.sin_addr : (const void *)&a->v6.sin6_addr, text,
                      sizeof(text));
            snprintf(got + strlen(got), sizeof(got) - strlen(got), "%s ", text);
            assert_int_equal(ntohs(v4 ? a->v4.sin_port : a->v6.sin6_port), rows[i].port);
        }
        assert_string_equal(got, rows[i].addresses);
        wsk__resolve_list_deinit(&l, NULL);
    }
}

static void test_find(void **state)
{
    static const char *const texts[] = {"*:80:10.0.0.1",          "a.test:80:10.0.0.2",
                                        "b.test:80:10.0.0.3",     "A.Test:80:10.0.0.4,::4",
                                        "a.test:81:10.0.0.5,::5", NULL};
    static const struct {
        const char *host;
        uint16_t port;
        int family, last; /* of the first address; -1: no entry, 0: no address */
    } rows[] = {
        {"a.test", 80, 0, 4},
        {"A.TEST", 80, 0, 4},
        {"b.test", 80, 0, 3},
        {"other", 80, 0, 1},
        {"a.test", 81, AF_INET, 5},
        {"a.test", 82, 0, -1},
        {"b.test", 81, 0, -1},
        {"b.test", 80, AF_INET6, 0},
        {"a.test", 80, AF_INET6, 4},
        {"xa.test", 81, 0, -1},
        {"", 81, 0, -1},
    };
    wsk__resolve_list l;
    const char *why;

    (void)state;
    assert_int_equal(wsk__resolve_list_init(&l, NULL, texts, &why), WSK_OK);
    for (size_t i = 0; i < WSK__COUNT(rows); i++) {
        wsk__addresses found;
        int last = -1;

        if (wsk__resolve_list_find(&l, rows[i].host, rows[i].port, rows[i].family, &found)) {
            last = 0;
            if (found.n > 0 && found.at[0].any.sa_family == AF_INET)
                last = (int)(ntohl(found.at[0].v4.sin_addr.s_addr) & 0xff);
            else if (found.n > 0)
                last = found.at[0].v6.sin6_addr.s6_addr[15];
        }
        if (last != rows[i].last)
            fail_msg("%s:%u: %d", rows[i].host, (unsigned)rows[i].port, last);
    }
    wsk__resolve_list_deinit(&l, NULL);
}

static void without_memory(void *ud, const wsk_hooks *hooks)
{
    static const char *const texts[] = {"a:80:10.0.0.1", "b:80:10.0.0.1", NULL};
    wsk__resolve_list l;
    const char *why;

    (void)ud;
    if (wsk__resolve_list_init(&l, hooks, texts, &why) == WSK_OK)
        wsk__resolve_list_deinit(&l, hooks);
}

static void test_memory(void **state)
{
    (void)state;
    with_failing_alloc(without_memory, NULL);
}

/* A name that nobody knows; the Host field has it all the same. */
static void test_client(void **state)
{
    wsk_client_options o = WSK_CLIENT_OPTIONS_INIT;
    const char *texts[3] = {NULL};
    world w;
    script s;
    heard h;

    world_begin(&w, state);
    script_begin(&s, &w, script_answer);
    s.answer = SWITCHED "\r\n";
    texts[0] = format("name.invalid:%u:127.0.0.1", s.port);
    o.resolve = texts;
    heard_connect(&h, &w, &o, format("ws://name.invalid:%u/", s.port));
    heard_until_open(&h, &w);
    assert_string_equal(script_field(s.conns[0], "Host"), format("name.invalid:%u", s.port));
    heard_free(&h);
    /* Another port of the same host is another matter. */
    heard_fails(&w, &o, "ws://name.invalid:1/", WSK_FAIL_RESOLVE, "name.invalid");
    o.family = AF_INET6;
    heard_fails(&w, &o, format("ws://name.invalid:%u/", s.port), WSK_FAIL_RESOLVE,
                "none of its given addresses is of this family");
    o.family = 0;
    /* A proxy's name, too. */
    texts[0] = format("proxy.invalid:%u:127.0.0.1", s.port);
    s.answer = "HTTP/1.1 403 No\r\n\r\n";
    o.proxy = format("http://proxy.invalid:%u", s.port);
    heard_fails(&w, &o, "ws://name.invalid/", WSK_FAIL_PROXY, "(status 403)");
    script_end(&s);
    world_end(&w);
}

static void test_refused(void **state)
{
    static const char *const texts[] = {"a:80:10.0.0.1", "a:80", NULL};
    wsk_client_options o = WSK_CLIENT_OPTIONS_INIT;
    wsk_client *c = NULL;
    world w;

    world_begin(&w, state);
    o.conn.hooks = &w.alloc.hooks;
    o.resolve = texts;
    assert_int_equal(wsk_client_new(&c, w.loop, &o, NULL, NULL), WSK_ERR_INVAL);
    assert_non_null(strstr(w.log, "HOST:PORT:ADDRESS"));
    world_end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_entries),
        cmocka_unit_test(test_find),
        cmocka_unit_test(test_memory),
        BOTH(test_client),
        BOTH(test_refused),
    };

    return cmocka_run_group_tests_name("resolve", tests, NULL, NULL);
}
