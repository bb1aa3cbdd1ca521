/* SPDX-License-Identifier: MIT */
/* Hooks and their defaults: memory, randomness, log lines. */
#include "support.h"

#include <string.h>

#include "util/mem.h"

static void test_default_memory(void **state)
{
    (void)state;
    uint8_t *p = wsk__alloc0(NULL, 100);

    assert_non_null(p);
    for (int i = 0; i < 100; i++)
        assert_int_equal(p[i], 0);
    memset(p, 7, 100);
    p = wsk__realloc(NULL, p, 200);
    assert_int_equal(p[99], 7);
    wsk__free(NULL, p);
    wsk__free(NULL, NULL);
    p = wsk__alloc(NULL, 1);
    assert_non_null(p);
    wsk__free(NULL, p);
}

static void use_all(void *ud, const wsk_hooks *hooks)
{
    static const uint8_t zero[64];
    (void)ud;
    uint8_t *a = wsk__alloc(hooks, 16), *b = wsk__alloc0(hooks, 64);
    char *s = wsk__strndup(hooks, "hello world", 5);

    if (a != NULL) {
        memset(a, 1, 16);
        uint8_t *larger = wsk__realloc(hooks, a, 1000);
        if (larger != NULL)
            a = larger;
        assert_int_equal(a[15], 1);
    }
    if (b != NULL)
        assert_memory_equal(b, zero, 64);
    if (s != NULL)
        assert_string_equal(s, "hello");
    wsk__free(hooks, a);
    wsk__free(hooks, b);
    wsk__free(hooks, s);
    wsk__free(hooks, NULL);
}

static void test_memory_hook(void **state)
{
    (void)state;
    test_alloc a;

    with_failing_alloc(use_all, NULL);
    test_alloc_init(&a);
    use_all(NULL, &a.hooks);
    assert_int_equal(a.calls, 4);
    /* The length of a copy and its NUL must not wrap. */
    assert_null(wsk__strndup(&a.hooks, "", SIZE_MAX));
    char *empty = wsk__strndup(&a.hooks, NULL, 0);
    assert_string_equal(empty, "");
    wsk__free(&a.hooks, empty);
}

static int no_random(void *ud, void *buf, size_t n)
{
    (void)ud;
    (void)buf;
    (void)n;
    return -77;
}

static void test_random(void **state)
{
    (void)state;
    uint8_t a[32] = {0}, b[32] = {0};
    test_alloc with_random;
    wsk_hooks without = WSK_HOOKS_INIT;

    assert_int_equal(wsk__random(NULL, a, sizeof(a)), 0);
    assert_int_equal(wsk__random(&without, b, sizeof(b)), 0);
    assert_memory_not_equal(a, b, sizeof(a));
    assert_int_equal(wsk__random(NULL, a, 0), 0);
    test_alloc_init(&with_random);
    assert_int_equal(wsk__random(&with_random.hooks, a, sizeof(a)), 0);
    test_alloc_init(&with_random);
    assert_int_equal(wsk__random(&with_random.hooks, b, sizeof(b)), 0);
    assert_memory_equal(a, b, sizeof(a));
    without.random = no_random;
    assert_int_equal(wsk__random(&without, a, sizeof(a)), WSK_ERR_SYS);
}

typedef struct heard {
    int lines;
    wsk_log_level level;
    char line[1024];
} heard;

static void listen(void *ud, wsk_log_level level, const char *line)
{
    heard *h = ud;

    h->lines++;
    h->level = level;
    assert_true(strlen(line) <= 512);
    memcpy(h->line, line, strlen(line) + 1);
}

static void test_log_levels(void **state)
{
    (void)state;
    heard h = {0};
    wsk_hooks hooks = WSK_HOOKS_INIT;

    hooks.ud = &h;
    wsk__log(NULL, WSK_LOG_ERROR, "nobody hears");
    assert_false(wsk__log_on(NULL, WSK_LOG_ERROR));
    hooks.log_level = WSK_LOG_TRACE;
    wsk__log(&hooks, WSK_LOG_ERROR, "no hook");
    assert_false(wsk__log_on(&hooks, WSK_LOG_ERROR));
    hooks.log = listen;
    hooks.log_level = WSK_LOG_OFF;
    wsk__log(&hooks, WSK_LOG_ERROR, "off");
    assert_int_equal(h.lines, 0);
    hooks.log_level = WSK_LOG_INFO;
    wsk__log(&hooks, WSK_LOG_DEBUG, "too quiet");
    assert_int_equal(h.lines, 0);
    assert_true(wsk__log_on(&hooks, WSK_LOG_INFO));
    assert_false(wsk__log_on(&hooks, WSK_LOG_DEBUG));
    assert_false(wsk__log_on(&hooks, WSK_LOG_OFF));
    wsk__log(&hooks, WSK_LOG_WARN, "peer %s, %d octets", "[::1]:7", 125);
    assert_int_equal(h.lines, 1);
    assert_int_equal(h.level, WSK_LOG_WARN);
    assert_string_equal(h.line, "peer [::1]:7, 125 octets");
}

static void test_log_disarms(void **state)
{
    (void)state;
    heard h = {0};
    wsk_hooks hooks = WSK_HOOKS_INIT;

    hooks.ud = &h;
    hooks.log = listen;
    hooks.log_level = WSK_LOG_INFO;
    wsk__log(&hooks, WSK_LOG_INFO, "%s", "a\r\nforged\tb\x1B[2J\x7F|\xC2\x9B|\xC3\xA9|\xC2\xA9");
    assert_string_equal(h.line, "a??forged?b?[2J?|?\?|\xC3\xA9|\xC2\xA9");
    wsk__log(&hooks, WSK_LOG_INFO, "%s", "ends with \xC2");
    assert_string_equal(h.line, "ends with \xC2");
}

/* A line is cut at 512 octets, and not inside a character. */
static void test_log_cuts(void **state)
{
    (void)state;
    heard h = {0};
    wsk_hooks hooks = WSK_HOOKS_INIT;
    char text[1024];

    hooks.ud = &h;
    hooks.log = listen;
    hooks.log_level = WSK_LOG_INFO;
    memset(text, 'x', sizeof(text));
    text[512] = 0;
    wsk__log(&hooks, WSK_LOG_INFO, "%s", text);
    assert_int_equal(strlen(h.line), 512);
    text[512] = 'x';
    text[513] = 0;
    wsk__log(&hooks, WSK_LOG_INFO, "%s", text);
    assert_int_equal(strlen(h.line), 512);
    static const char *const characters[] = {"\xC3\xA9", "\xE2\x82\xAC", "\xF0\x9F\x98\x80"};
    for (size_t c = 0; c < 3; c++) {
        size_t n = strlen(characters[c]);
        for (size_t at = 508; at <= 512; at++) {
            memset(text, 'x', 600);
            text[600] = 0;
            memcpy(text + at, characters[c], n);
            wsk__log(&hooks, WSK_LOG_INFO, "%s", text);
            assert_int_equal(strlen(h.line), at + n > 512 ? at : 512);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_default_memory), cmocka_unit_test(test_memory_hook),
        cmocka_unit_test(test_random),         cmocka_unit_test(test_log_levels),
        cmocka_unit_test(test_log_disarms),    cmocka_unit_test(test_log_cuts),
    };

    return cmocka_run_group_tests_name("mem", tests, NULL, NULL);
}
