/* SPDX-License-Identifier: MIT */
/* Which proxy: URLs of proxies, exceptions, the environment. */
#include "client_world.h"

#include <stdlib.h>
#include <string.h>

#include "client/proxy_choice.h"

static void expect_proxy(const char *text, wsk__proxy_kind kind, const char *host, unsigned port,
                         const char *user, const char *password)
{
    const char *why;
    wsk__proxy p;

    if (wsk__proxy_parse(NULL, text, &p, &why) != WSK_OK)
        fail_msg("%s: %s", text, why);
    assert_int_equal(p.kind, kind);
    assert_string_equal(p.host, host);
    assert_int_equal(p.port, port);
    if (user != NULL)
        assert_string_equal(p.user, user);
    else
        assert_null(p.user);
    if (password != NULL)
        assert_string_equal(p.password, password);
    else
        assert_null(p.password);
    wsk__proxy_deinit(NULL, &p);
}

static void test_parse(void **state)
{
    (void)state;
    expect_proxy("proxy.example", WSK__PROXY_HTTP, "proxy.example", 1080, NULL, NULL);
    expect_proxy("proxy.example:3128", WSK__PROXY_HTTP, "proxy.example", 3128, NULL, NULL);
    expect_proxy("https://proxy", WSK__PROXY_HTTPS, "proxy", 443, NULL, NULL);
    expect_proxy("HTTPS://u:p@proxy:8080", WSK__PROXY_HTTPS, "proxy", 8080, "u", "p");
    expect_proxy("http://proxy:80/", WSK__PROXY_HTTP, "proxy", 80, NULL, NULL);
    expect_proxy("HTTP://u:p@proxy:1", WSK__PROXY_HTTP, "proxy", 1, "u", "p");
    expect_proxy("http://u@proxy", WSK__PROXY_HTTP, "proxy", 1080, "u", "");
    expect_proxy("u%40x:p%3Aq@proxy", WSK__PROXY_HTTP, "proxy", 1080, "u@x", "p:q");
    expect_proxy("socks5://[::1]:9050", WSK__PROXY_SOCKS5, "::1", 9050, NULL, NULL);
    expect_proxy("socks5h://127.0.0.1", WSK__PROXY_SOCKS5H, "127.0.0.1", 1080, NULL, NULL);
}

static void test_parse_wrong(void **state)
{
    (void)state;
    static const struct {
        const char *text, *why;
    } wrong[] = {
        {"ftp://proxy", "the scheme of the proxy is none of http, https, socks5, socks5h"},
        {"socks4://proxy", "the scheme of the proxy is none of http, https, socks5, socks5h"},
        {"://proxy", "the scheme of the proxy is none of http, https, socks5, socks5h"},
        {"http://proxy/path", "a proxy has no path"},
        {"http://proxy/?q", "a proxy has no path"},
        {"http://", "the URL has no host"},
        {"http://proxy:99999", "the port of the URL is above 65535"},
        {"http://pro\r\nxy", "the URL has white space or a control character"},
        {"http://u%0d%0aX:y@proxy",
         "the user name has a colon, or it or the password has control characters"},
    };

    for (size_t i = 0; i < WSK__COUNT(wrong); i++) {
        const char *why = NULL;
        wsk__proxy p = {.kind = WSK__PROXY_SOCKS5};

        assert_int_equal(wsk__proxy_parse(NULL, wrong[i].text, &p, &why), WSK_ERR_INVAL);
        assert_string_equal(why, wrong[i].why);
        assert_int_equal(p.kind, WSK__PROXY_SOCKS5); /* untouched */
    }
}

static void parse_body(void *ud, const wsk_hooks *hooks)
{
    const char *why;
    wsk__proxy p, q;

    (void)ud;
    if (wsk__proxy_parse(hooks, "http://user:password@proxy:1", &p, &why) != WSK_OK)
        return;
    if (wsk__proxy_copy(hooks, &p, &q) == WSK_OK)
        wsk__proxy_deinit(hooks, &q);
    wsk__proxy_deinit(hooks, &p);
}

static void test_no_memory(void **state)
{
    (void)state;
    with_failing_alloc(parse_body, NULL);
}

static void test_exceptions(void **state)
{
    (void)state;
    static const struct {
        const char *list, *host;
        bool excepted;
    } rows[] = {
        {"*", "example.org", true},
        {"*", "::1", true},
        {"example.org", "example.org", true},
        {"example.org", "EXAMPLE.org", true},
        {"example.org", "example.org.", true},
        {"example.org.", "example.org", true},
        {"example.org", "www.example.org", true},
        {".example.org", "www.example.org", true},
        {".example.org", "example.org", true},
        {"example.org", "badexample.org", false},
        {"example.org", "example.org.evil", false},
        {"example.org", "org", false},
        {"a.test, example.org\tb.test", "example.org", true},
        {"a.test, example.org\tb.test", "x.b.test", true},
        {"a.test,,", "c.test", false},
        {"", "example.org", false},
        {".", "example.org", false},
        {"127.0.0.1", "127.0.0.1", true},
        {"127.0.0.1", "127.0.0.10", false},
        {"0.0.1", "127.0.0.1", false},
        {"127.0.0.0/8", "127.1.2.3", true},
        {"127.0.0.0/8", "128.0.0.1", false},
        {"10.16.0.0/12", "10.31.255.255", true},
        {"10.16.0.0/12", "10.32.0.0", false},
        {"10.0.0.1/32", "10.0.0.1", true},
        {"0.0.0.0/0", "10.0.0.1", true},
        {"10.0.0.0/33", "10.0.0.0", false},
        {"10.0.0.0/", "10.0.0.0", false},
        {"10.0.0.0/x", "10.0.0.0", false},
        {"10.0.0.0/4294967304", "10.0.0.0", false},
        {"::1", "::1", true},
        {"[::1]", "::1", true},
        {"0:0::1", "::1", true},
        {"fe80::/10", "fe80::1", true},
        {"fe80::/10", "2001:db8::1", false},
        {"2001:db8::/128", "2001:db8::", true},
        {"10.0.0.1", "::ffff:10.0.0.1", false},
        {"fe80::1", "fe80::1%eth0", true},
        {"x,fe80::/10", "fe80::1%eth0", true},
        {"fe80::2,eth0", "fe80::1%eth0", false},
    };

    for (size_t i = 0; i < WSK__COUNT(rows); i++) {
        if (wsk__proxy_is_excepted(rows[i].list, rows[i].host) != rows[i].excepted)
            fail_msg("'%s' and %s", rows[i].list, rows[i].host);
    }
    assert_false(wsk__proxy_is_excepted(NULL, "x"));
}

/* The host of the proxy for url, "" if there is none, NULL if it is refused. */
static const char *choose(const char *proxy, const char *no_proxy, const char *url)
{
    static char host[300];
    const char *why;
    wsk__url u;
    wsk__proxy p;

    assert_int_equal(wsk__url_parse(NULL, url, &u, &why), WSK_OK);
    int r = wsk__proxy_choose(NULL, proxy, no_proxy, &u, &p, &why);
    wsk__url_deinit(NULL, &u);
    if (r < 0)
        return NULL;
    host[0] = 0;
    if (p.kind != WSK__PROXY_NONE)
        memcpy(host, p.host, strlen(p.host) + 1);
    wsk__proxy_deinit(NULL, &p);
    return host;
}

static const char *const names[] = {"ws_proxy",   "WS_PROXY",   "wss_proxy",   "WSS_PROXY",
                                    "http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY",
                                    "all_proxy",  "ALL_PROXY",  "no_proxy",    "NO_PROXY"};

static int clear_environment(void **state)
{
    (void)state;
    for (size_t i = 0; i < WSK__COUNT(names); i++)
        unsetenv(names[i]);
    return 0;
}

static void test_environment(void **state)
{
    (void)state;
    /* From the last one to the first one: each goes before those behind it. */
    static const struct {
        const char *name;
        const char *for_ws, *for_wss;
    } steps[] = {
        {"ALL_PROXY", "ALL_PROXY", "ALL_PROXY"},     {"all_proxy", "all_proxy", "all_proxy"},
        {"HTTPS_PROXY", "all_proxy", "HTTPS_PROXY"}, {"https_proxy", "all_proxy", "https_proxy"},
        {"HTTP_PROXY", "all_proxy", "https_proxy"}, /* never: see "httpoxy" */
        {"http_proxy", "http_proxy", "https_proxy"}, {"WSS_PROXY", "http_proxy", "WSS_PROXY"},
        {"wss_proxy", "http_proxy", "wss_proxy"},    {"WS_PROXY", "WS_PROXY", "wss_proxy"},
        {"ws_proxy", "ws_proxy", "wss_proxy"},
    };

    assert_string_equal(choose(NULL, NULL, "ws://a.test/"), "");
    for (size_t i = 0; i < WSK__COUNT(steps); i++) {
        setenv(steps[i].name, steps[i].name, 1);
        assert_string_equal(choose(NULL, NULL, "ws://a.test/"), steps[i].for_ws);
        assert_string_equal(choose(NULL, NULL, "wss://a.test/"), steps[i].for_wss);
        assert_string_equal(choose("", NULL, "ws://a.test/"), "");
        assert_string_equal(choose("mine", NULL, "ws://a.test/"), "mine");
        assert_string_equal(choose(NULL, NULL, "ws+unix:/a"), "");
    }
    setenv("NO_PROXY", "b.test", 1);
    assert_string_equal(choose(NULL, NULL, "ws://b.test/"), "");
    setenv("no_proxy", "c.test", 1);
    assert_string_equal(choose(NULL, NULL, "ws://b.test/"), "ws_proxy");
    assert_string_equal(choose(NULL, NULL, "ws://c.test/"), "");
    assert_string_equal(choose(NULL, "d.test", "ws://c.test/"), "ws_proxy");
    assert_string_equal(choose(NULL, "d.test", "ws://d.test/"), "");
    /* What the program says is not overruled by the environment. */
    assert_string_equal(choose("mine", NULL, "ws://c.test/"), "mine");
    assert_string_equal(choose("mine", "c.test", "ws://c.test/"), "");
    /* One that is empty is not there. */
    setenv("ws_proxy", "", 1);
    assert_string_equal(choose(NULL, NULL, "ws://a.test/"), "WS_PROXY");
    setenv("no_proxy", "", 1);
    assert_string_equal(choose(NULL, NULL, "ws://b.test/"), "");
    /* A proxy that makes no sense is not passed over. */
    setenv("ws_proxy", "gopher://x", 1);
    assert_null(choose(NULL, NULL, "ws://a.test/"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_parse_wrong),
        cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_exceptions),
        cmocka_unit_test_setup_teardown(test_environment, clear_environment, clear_environment),
    };

    return cmocka_run_group_tests_name("proxy_choice", tests, NULL, NULL);
}
