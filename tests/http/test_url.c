/* SPDX-License-Identifier: MIT */
/* URLs: the parts of those that are in order, and the reasons to refuse the others. */
#include "heads.h"

#include <stdio.h>
#include <stdlib.h>

#include "http/handshake.h"
#include "http/url.h"
#include "util/strs.h"

static const struct {
    const char *text, *host, *authority;
    unsigned port;
    bool has_port, tls;
    const char *target, *userinfo;
} good[] = {
    {"ws://example.org", "example.org", "example.org", 80, false, false, "/", NULL},
    {"wss://example.org", "example.org", "example.org", 443, false, true, "/", NULL},
    {"WSS://Example.ORG/", "Example.ORG", "Example.ORG", 443, false, true, "/", NULL},
    {"ws://a:80/", "a", "a", 80, true, false, "/", NULL},
    {"wss://a:443/", "a", "a", 443, true, true, "/", NULL},
    {"wss://a:80/", "a", "a:80", 80, true, true, "/", NULL},
    {"ws://a:443/", "a", "a:443", 443, true, false, "/", NULL},
    {"ws://a:0/", "a", "a:0", 0, true, false, "/", NULL},
    {"ws://a:65535/", "a", "a:65535", 65535, true, false, "/", NULL},
    {"ws://a:00080/", "a", "a", 80, true, false, "/", NULL},
    {"ws://a/b/c;d?e=f&g=/?h", "a", "a", 80, false, false, "/b/c;d?e=f&g=/?h", NULL},
    {"ws://a?b=c", "a", "a", 80, false, false, "/?b=c", NULL},
    {"ws://a/?", "a", "a", 80, false, false, "/?", NULL},
    {"ws://a//b", "a", "a", 80, false, false, "//b", NULL},
    {"ws://a/*", "a", "a", 80, false, false, "/*", NULL},
    {"ws://a/@:b", "a", "a", 80, false, false, "/@:b", NULL},
    {"ws://a/%41%2f", "a", "a", 80, false, false, "/%41%2f", NULL},
    {"ws://a/\xC3\xA4?{\"x\"}|<>^`[]", "a", "a", 80, false, false,
     "/%C3%A4?%7B%22x%22%7D%7C%3C%3E%5E%60%5B%5D", NULL},
    {"ws://127.0.0.1:8888/ws", "127.0.0.1", "127.0.0.1:8888", 8888, true, false, "/ws", NULL},
    {"ws://[::1]:8888/ws", "::1", "[::1]:8888", 8888, true, false, "/ws", NULL},
    {"ws://[::]", "::", "[::]", 80, false, false, "/", NULL},
    {"wss://[2001:DB8::1.2.3.4]/", "2001:DB8::1.2.3.4", "[2001:DB8::1.2.3.4]", 443, false, true,
     "/", NULL},
    {"ws://[fe80::1%25eth0]:81/", "fe80::1%eth0", "[fe80::1]:81", 81, true, false, "/", NULL},
    {"ws://example.org./", "example.org.", "example.org.", 80, false, false, "/", NULL},
    {"ws://under_score-1.x/", "under_score-1.x", "under_score-1.x", 80, false, false, "/", NULL},
    {"ws://me:secret@a/", "a", "a", 80, false, false, "/", "me:secret"},
    {"ws://me@a/", "a", "a", 80, false, false, "/", "me:"},
    {"ws://me:@a/", "a", "a", 80, false, false, "/", "me:"},
    {"ws://:p@a/", "a", "a", 80, false, false, "/", ":p"},
    {"ws://@a/", "a", "a", 80, false, false, "/", ":"},
    {"ws://m%40e:a:b%3A%25@[::1]:1/", "::1", "[::1]:1", 1, true, false, "/", "m@e:a:b:%"},
};

static void test_good(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        size_t n = strlen(good[i].text) + 1;
        uint8_t *text = guard_copy(good[i].text, n);
        const char *why = NULL;
        wsk__url url;
        int err = wsk__url_parse(NULL, (char *)text, &url, &why);

        if (err != WSK_OK)
            fail_msg("%s: %s", good[i].text, why ? why : "?");
        assert_null(why);
        assert_string_equal(url.host, good[i].host);
        assert_string_equal(url.authority, good[i].authority);
        assert_int_equal(url.port, good[i].port);
        assert_int_equal(url.has_port, good[i].has_port);
        assert_int_equal(url.tls, good[i].tls);
        assert_false(url.is_unix);
        assert_string_equal(url.target, good[i].target);
        if (good[i].userinfo == NULL)
            assert_null(url.userinfo);
        else
            assert_string_equal(url.userinfo, good[i].userinfo);
        /* What comes out may go into a request. */
        assert_true(wsk__is_target(wsk__str(url.target)));
        assert_true(wsk__is_host(wsk__str(url.authority), NULL, NULL));
        wsk__url_deinit(NULL, &url);
        wsk__url_deinit(NULL, &url);
        guard_free(text, n);
    }
}

static void test_unix(void **state)
{
    static const struct {
        const char *text, *path;
        bool tls;
        const char *target;
    } sockets[] = {
        {"ws+unix:/run/x.sock", "/run/x.sock", false, "/"},
        {"wss+unix:/run/x.sock:/chat?a=b:c", "/run/x.sock", true, "/chat?a=b:c"},
        {"WS+UNIX:/run/x.sock:", "/run/x.sock", false, "/"},
        {"ws+unix:/run/x.sock:?a", "/run/x.sock", false, "/?a"},
        {"ws+unix:///run/x.sock:/y", "/run/x.sock", false, "/y"},
        {"ws+unix:x.sock", "x.sock", false, "/"},
        {"ws+unix:./a%3Ab%20c%3F:/", "./a:b c?", false, "/"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(sockets) / sizeof(sockets[0]); i++) {
        const char *why = NULL;
        wsk__url url;

        if (wsk__url_parse(NULL, sockets[i].text, &url, &why) != WSK_OK)
            fail_msg("%s: %s", sockets[i].text, why);
        assert_true(url.is_unix);
        assert_int_equal(url.tls, sockets[i].tls);
        assert_string_equal(url.unix_path, sockets[i].path);
        assert_string_equal(url.target, sockets[i].target);
        assert_string_equal(url.host, "localhost");
        assert_string_equal(url.authority, "localhost");
        assert_null(url.userinfo);
        wsk__url_deinit(NULL, &url);
    }
}

static const struct {
    const char *text, *why; /* a word of it */
} bad[] = {
    {"", "scheme"},
    {"example.org", "scheme"},
    {"/path", "scheme"},
    {"://a", "scheme"},
    {"http://a/", "scheme"},
    {"https://a/", "scheme"},
    {"wsx://a/", "scheme"},
    {"ws+tls://a/", "scheme"},
    {"ws:a", "//"},
    {"ws:/a", "//"},
    {"ws:", "//"},
    {"ws://", "no host"},
    {"ws:///path", "no host"},
    {"ws://:80/", "no host"},
    {"ws://?a", "no host"},
    {"ws://me@/", "no host"},
    {"ws://a#", "fragment"},
    {"ws://a/b#c", "fragment"},
    {"ws+unix:/x#y", "fragment"},
    {" ws://a/", "white space"},
    {"ws://a/ ", "white space"},
    {"ws://a b/", "white space"},
    {"ws://a/b\r\nX: y", "control"},
    {"ws://a\r\nX: y/", "control"},
    {"ws://a/\n", "control"},
    {"ws://a/\t", "control"},
    {"ws://a/\x01", "control"},
    {"ws://a/\x7F", "control"},
    {"ws://a\\b/", "backslash"},
    {"ws://a/%", "percent"},
    {"ws://a/%4", "percent"},
    {"ws://a/%4g", "percent"},
    {"ws://a/?%g4", "percent"},
    {"ws://m%4@a/", "percent"},
    {"ws://a:/", "port"},
    {"ws://a:x/", "port"},
    {"ws://a:-1/", "port"},
    {"ws://a:8 0/", "white space"},
    {"ws://a:65536/", "65535"},
    {"ws://a:4294967376/", "65535"},
    {"ws://a:18446744073709551696/", "65535"},
    {"ws://a:80:80/", "port"},
    {"ws://a:0x50/", "port"},
    {"ws://::1/", "no host"},
    {"ws://[::1/", "bracket"},
    {"ws://[]/", "IPv6"},
    {"ws://[a]/", "IPv6"},
    {"ws://[1.2.3.4]/", "IPv6"},
    {"ws://[::1]x/", "between"},
    {"ws://[::1]:x/", "port"},
    {"ws://[1:2:3:4:5:6:7:8:9]/", "IPv6"},
    {"ws://[v1.x]/", "IPv6"},
    {"ws://[fe80::1%25]/", "zone"},
    {"ws://[fe80::1%41x]/", "zone"},
    {"ws://[fe80::1%24eth0]/", "zone"},
    {"ws://[fe80::1%25%0a]/", "zone"},
    {"ws://b\xC3\xBC"
     "cher.example/",
     "xn--"},
    {"ws://a%41/", "character"},
    {"ws://a,b/", "character"},
    {"ws://a*/", "character"},
    {"ws://<a>/", "character"},
    {"ws://a@b@c/", "character"},
    {"ws://.a/", "empty part"},
    {"ws://a..b/", "empty part"},
    {"ws://./", "empty part"},
    {"ws://a%00b:c@d/", "control"},
    {"ws://a:b%0d%0aX@d/", "control"},
    {"ws://a%3Ab:c@d/", "colon"},
    {"ws+unix:", "names no"},
    {"ws+unix::/path", "names no"},
    {"ws+unix://host/x.sock", "no host"},
    {"ws+unix://", "no host"},
    {"ws+unix:/x%00y", "control"},
    {"ws+unix:/x%0ay", "control"},
    {"ws+unix:/x?a", "colon"},
    {"ws+unix:/x:y", "slash"},
};

static void test_bad(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        size_t n = strlen(bad[i].text) + 1;
        uint8_t *text = guard_copy(bad[i].text, n);
        const char *why = NULL;
        wsk__url url, before;

        memset(&url, 0x5A, sizeof(url));
        before = url;
        if (wsk__url_parse(NULL, (char *)text, &url, &why) != WSK_ERR_URL)
            fail_msg("%s: taken", bad[i].text);
        assert_non_null(why);
        if (strstr(why, bad[i].why) == NULL)
            fail_msg("%s: \"%s\" does not speak of %s", bad[i].text, why, bad[i].why);
        assert_memory_equal(&url, &before, sizeof(url));
        assert_int_equal(wsk__url_parse(NULL, (char *)text, &url, NULL), WSK_ERR_URL);
        guard_free(text, n);
    }
}

/* The longest names that fit, and one octet more. */
static void test_lengths(void **state)
{
    char text[1024], name[300];
    wsk__url url;

    (void)state;
    for (size_t n = 252; n <= 255; n++) {
        memset(name, 'a', n);
        name[n] = 0;
        snprintf(text, sizeof(text), "ws://%s:65535/", name);
        assert_int_equal(wsk__url_parse(NULL, text, &url, NULL), n <= 253 ? WSK_OK : WSK_ERR_URL);
        if (n > 253)
            continue;
        assert_string_equal(url.host, name);
        assert_int_equal(strlen(url.authority), n + 6);
        wsk__url_deinit(NULL, &url);
    }
    for (size_t n = 106; n <= 109; n++) {
        memset(name, 'a', n);
        name[n] = 0;
        snprintf(text, sizeof(text), "ws+unix:%s", name);
        assert_int_equal(wsk__url_parse(NULL, text, &url, NULL), n <= 107 ? WSK_OK : WSK_ERR_URL);
        if (n > 107)
            continue;
        assert_string_equal(url.unix_path, name);
        wsk__url_deinit(NULL, &url);
    }
    for (size_t n = 63; n <= 66; n++) {
        memset(name, 'z', n);
        name[n] = 0;
        snprintf(text, sizeof(text), "ws://[1111:2222:3333:4444:5555:6666:7777:8888%%25%s]/", name);
        assert_int_equal(wsk__url_parse(NULL, text, &url, NULL), n <= 64 ? WSK_OK : WSK_ERR_URL);
        if (n > 64)
            continue;
        assert_int_equal(strlen(url.host), 39 + 1 + n);
        wsk__url_deinit(NULL, &url);
    }
}

static void test_text(void **state)
{
    static const struct {
        const char *text, *same; /* NULL: text */
        unsigned port;
    } rows[] = {
        {"ws://a/", NULL, 0},
        {"wss://a", "wss://a/", 0},
        {"ws://me:secret@a:80/x?y", "ws://a/x?y", 0},
        {"ws://a:443/", NULL, 0},
        {"ws://a:0/", NULL, 0},
        {"ws://a:0/", "ws://a:80/", 80},
        {"wss://a/*", "wss://a:8443/*", 8443},
        {"ws://[::1]:8888/ws", NULL, 0},
        {"ws://[fe80::1%25eth0]:0/", "ws://[fe80::1%25eth0]:81/", 81},
        {"ws://[fe80::1%25eth0]/x", NULL, 0},
        {"ws+unix:/run/x.sock", NULL, 0},
        {"wss+unix:///run/x.sock:/", "wss+unix:/run/x.sock", 0},
        {"ws+unix:x.sock:?a", "ws+unix:x.sock:/?a", 0},
        {"ws+unix:/a%20b%3Ac%3F%23%5C.%25.%2525:/%20", NULL, 0},
        {"ws+unix:/%2Fa//b", NULL, 0},
        {"ws+unix:/\xC3\xA4{", NULL, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        wsk__url url, again;

        assert_int_equal(wsk__url_parse(NULL, rows[i].text, &url, NULL), WSK_OK);
        char *text = wsk__url_text(NULL, &url, rows[i].port);
        assert_string_equal(text, rows[i].same != NULL ? rows[i].same : rows[i].text);
        assert_int_equal(wsk__url_parse(NULL, text, &again, NULL), WSK_OK);
        assert_string_equal(again.host, url.host);
        assert_string_equal(again.unix_path, url.unix_path);
        assert_string_equal(again.target, url.target);
        assert_int_equal(again.port, rows[i].port != 0 ? rows[i].port : url.port);
        wsk__url_deinit(NULL, &again);
        wsk__url_deinit(NULL, &url);
        free(text);
    }
}

static void parse(void *ud, const wsk_hooks *hooks)
{
    const test_alloc *a = hooks->ud;
    const char *why = NULL;
    wsk__url url;
    int err = wsk__url_parse(hooks, ud, &url, &why);

    assert_int_equal(err, a->failed ? WSK_ERR_NOMEM : WSK_OK);
    if (err < 0)
        assert_non_null(why);
    else
        wsk__url_deinit(hooks, &url);
}

static void test_failing_allocations(void **state)
{
    char with_user[] = "ws://me:secret@example.org/x", without[] = "ws+unix:/run/x:/y";
    test_alloc a;

    (void)state;
    with_failing_alloc(parse, with_user);
    with_failing_alloc(parse, without);
    /* A refusal gives everything back. */
    test_alloc_init(&a);
    wsk__url url;
    assert_int_equal(wsk__url_parse(&a.hooks, "ws://a%00:b@c/", &url, NULL), WSK_ERR_URL);
    assert_int_equal(a.live, 0);
}

static void test_linear_time(void **state)
{
    static const char *const begins[] = {"ws://", "ws://a/", "ws://a:", "ws://[", "ws+unix:", "ws"};
    static const char *const fillers[] = {"a", ":", "@", "%41", "/", "[", ".", "\xC3\xA4", "1"};
    size_t len = 1 << 20;
    char *text = malloc(len + 1);
    double begin = cpu_seconds();

    (void)state;
    for (size_t i = 0; i < 6; i++) {
        for (size_t j = 0; j < 9; j++) {
            size_t n = append(text, len, 0, "%s", begins[i]), k = strlen(fillers[j]);
            wsk__url url;

            while (n + k <= len) {
                memcpy(text + n, fillers[j], k);
                n += k;
            }
            text[n] = 0;
            if (wsk__url_parse(NULL, text, &url, NULL) == WSK_OK)
                wsk__url_deinit(NULL, &url);
        }
    }
    assert_true(cpu_seconds() - begin < LINEAR_SECONDS);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),        cmocka_unit_test(test_unix),
        cmocka_unit_test(test_bad),         cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_text),        cmocka_unit_test(test_failing_allocations),
        cmocka_unit_test(test_linear_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
