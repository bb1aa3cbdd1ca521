/* SPDX-License-Identifier: MIT */
/* Where redirects lead, from their Location alone. */
#include "client_world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/redirect.h"
#include "util/mem.h"
#include "util/strs.h"

static const char *why;

/* The new URL in one of two buffers, with " foreign" and " with USERINFO" behind it; NULL: refused.
 */
static const char *go(const char *base, const char *location)
{
    static char texts[2][1200];
    static unsigned next;
    char *text = texts[next++ % 2];
    wsk__url from, to;
    bool foreign;

    assert_int_equal(wsk__url_parse(NULL, base, &from, NULL), WSK_OK);
    int r = wsk__redirect_resolve(NULL, &from, wsk__str(location), &to, &foreign, &why);
    wsk__url_deinit(NULL, &from);
    if (r < 0)
        return NULL;
    char *url = wsk__url_text(NULL, &to, 0);
    snprintf(text, sizeof(texts[0]), "%s%s%s%s", url, foreign ? " foreign" : "",
             to.userinfo != NULL ? " with " : "", to.userinfo != NULL ? to.userinfo : "");
    free(url);
    wsk__url_deinit(NULL, &to);
    return text;
}

static void test_relative(void **state)
{
    (void)state;
    static const struct {
        const char *base, *location, *want;
    } rows[] = {
        {"ws://h/a/b?q", "/c", "ws://h/c"},
        {"ws://h/a/b?q", "c", "ws://h/a/c"},
        {"ws://h/a/b?q", "c?r", "ws://h/a/c?r"},
        {"ws://h/a/b?q", "?r", "ws://h/a/b?r"},
        {"ws://h/a/b?q", "", "ws://h/a/b?q"},
        {"ws://h/a/b?q", "#x", "ws://h/a/b?q"},
        {"ws://h/a/b?q", "/c#x", "ws://h/c"},
        {"ws://h/a/b", "../c", "ws://h/c"},
        {"ws://h/a/b", "ws://h/x/../y/./z?a/../b", "ws://h/y/z?a/../b"},
        {"ws://h/a/b", "//h/./../c", "ws://h/c"},
        {"ws://h/a/b", "ws://i", "ws://i/ foreign"},
        {"ws://h/a/b", "ws://i?/../x", "ws://i/?/../x foreign"},
        {"ws://h/a/b", "../../../c", "ws://h/c"},
        {"ws://h/a/b", "./c/./d/..", "ws://h/a/c/"},
        {"ws://h/a/b", ".", "ws://h/a/"},
        {"ws://h/a/b", "..", "ws://h/"},
        {"ws://h/a/b", "/x/../y?a/../b", "ws://h/y?a/../b"},
        {"ws://h/a/b", "/..", "ws://h/"},
        {"ws://h/a/b", "...", "ws://h/a/..."},
        {"ws://h:81/a", "/c", "ws://h:81/c"},
        {"ws://h", "c", "ws://h/c"},
        {"ws://u:p@h/a", "/c", "ws://h/c with u:p"},
        {"wss://h/a", "/c", "wss://h/c"},
        {"ws+unix:/run/x:/a", "/c", "ws+unix:/run/x:/c"},
        {"ws+unix:/run/x", "c", "ws+unix:/run/x:/c"},
        {"ws+unix:/a%20b%3Ac", "c", "ws+unix:/a%20b%3Ac:/c"},
        {"ws://[fe80::1%25lo]/a", "/c", "ws://[fe80::1%25lo]/c"},
        /* RFC 3986 5.4 */
        {"ws://a/b/c/d;p?q", "g;x=1/../y", "ws://a/b/c/y"},
        {"ws://a/b/c/d;p?q", ";x", "ws://a/b/c/;x"},
        {"ws://a/b/c/d;p?q", "g/", "ws://a/b/c/g/"},
        {"ws://a/b/c/d;p?q", "../../g", "ws://a/g"},
        {"ws://a/b/c/d;p?q", "../..", "ws://a/"},
    };

    for (size_t i = 0; i < WSK__COUNT(rows); i++)
        assert_string_equal(go(rows[i].base, rows[i].location), rows[i].want);
}

static void test_absolute(void **state)
{
    (void)state;
    static const struct {
        const char *base, *location, *want;
    } rows[] = {
        {"ws://h/a", "ws://h/b", "ws://h/b"},
        {"ws://h/a", "http://h:80/b", "ws://h/b"},
        {"ws://h/a", "HTTP://H/b", "ws://H/b"},
        {"ws://h/a", "//h/b", "ws://h/b"},
        {"ws://h/a", "//other/b", "ws://other/b foreign"},
        {"ws://h/a", "ws://h:81/b", "ws://h:81/b foreign"},
        {"ws://h/a", "wss://h/b", "wss://h/b foreign"},
        {"ws://h/a", "https://h/b#f", "wss://h/b foreign"},
        {"wss://h/a", "https://h/b", "wss://h/b"},
        {"wss://h/a", "//h/b", "wss://h/b"},
        {"wss://h:443/a", "wss://h/b", "wss://h/b"},
        {"ws://h/a", "ws://h", "ws://h/"},
        {"ws://h/a", "ws://h?x", "ws://h/?x"},
        /* Credentials stay where they belong, and are taken from nobody. */
        {"ws://u:p@h/a", "ws://h/b", "ws://h/b with u:p"},
        {"ws://u:p@h/a", "ws://evil/b", "ws://evil/b foreign"},
        {"ws://u:p@h/a", "ws://h:81/b", "ws://h:81/b foreign"},
        {"ws://u:p@h/a", "wss://h/b", "wss://h/b foreign"},
        {"ws://u:p@h/a", "ws://h.evil/b", "ws://h.evil/b foreign"},
        {"ws://h/a", "ws://x:y@h/b", "ws://h/b"},
        {"ws://h/a", "ws://h@evil/b", "ws://evil/b foreign"},
    };

    for (size_t i = 0; i < WSK__COUNT(rows); i++)
        assert_string_equal(go(rows[i].base, rows[i].location), rows[i].want);
}

static void test_refused(void **state)
{
    (void)state;
    static const struct {
        const char *base, *location, *why;
    } rows[] = {
        {"wss://h/a", "ws://h/b", "the server redirects from TLS to a connection without"},
        {"wss://h/a", "http://h/b", "the server redirects from TLS to a connection without"},
        {"ws://h/a", "ftp://h/b",
         "the server redirects to a URL with another scheme than ws, wss, http, https"},
        {"ws://h/a", "ws+unix:/run/docker.sock",
         "the server redirects to a URL with another scheme than ws, wss, http, https"},
        {"ws://h/a", "javascript:alert(1)",
         "the server redirects to a URL with another scheme than ws, wss, http, https"},
        {"ws://h/a", "ws://", "the URL has no host"},
        {"ws://h/a", "ws:/x", "the URL has no // behind its scheme"},
        {"ws://h/a", "/a b", "the URL has white space or a control character"},
        {"ws://h/a", "/%zz", "the URL has a malformed percent-encoding"},
        {"ws+unix:/run/x", "ws://h/", "the server at a Unix socket redirects to the network"},
        {"ws+unix:/run/x", "//h/", "the server at a Unix socket redirects to the network"},
    };

    for (size_t i = 0; i < WSK__COUNT(rows); i++) {
        assert_null(go(rows[i].base, rows[i].location));
        assert_string_equal(why, rows[i].why);
    }
    char *many = malloc(9001);
    memset(many, 'a', 9000);
    many[9000] = 0;
    assert_null(go("ws://h/", many));
    free(many);
}

static void test_status(void **state)
{
    (void)state;
    for (unsigned s = 100; s < 600; s++)
        assert_int_equal(wsk__is_redirect(s),
                         s == 301 || s == 302 || s == 303 || s == 307 || s == 308);
}

static void resolve_body(void *ud, const wsk_hooks *hooks)
{
    static const char *const places[] = {"../c?x", "ws://h/b", "//evil"};
    wsk__url from, to;
    bool foreign;

    (void)ud;
    if (wsk__url_parse(hooks, "ws://u:p@h/a/b", &from, &why) < 0)
        return;
    for (size_t i = 0; i < WSK__COUNT(places); i++) {
        if (wsk__redirect_resolve(hooks, &from, wsk__str(places[i]), &to, &foreign, &why) < 0)
            continue;
        wsk__free(hooks, wsk__url_text(hooks, &to, 0));
        wsk__url_deinit(hooks, &to);
    }
    wsk__url_deinit(hooks, &from);
}

static void test_no_memory(void **state)
{
    (void)state;
    with_failing_alloc(resolve_body, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_relative),  cmocka_unit_test(test_absolute),
        cmocka_unit_test(test_refused),   cmocka_unit_test(test_status),
        cmocka_unit_test(test_no_memory),
    };

    return cmocka_run_group_tests_name("redirect", tests, NULL, NULL);
}
