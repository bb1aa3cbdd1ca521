/* SPDX-License-Identifier: MIT */
/* The tables of base.h: error texts, close codes, version. And the processor's features. */
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/cpu.h"

static void test_errors(void **state)
{
    (void)state;
    static const int all[] = {
#define VALUE(name, value, text) WSK_ERR_##name,
        WSK_ERROR_MAP(VALUE)
#undef VALUE
    };

    assert_string_equal(wsk_strerror(WSK_OK), "success");
    assert_string_equal(wsk_strerror(WSK_ERR_NOMEM), "out of memory");
    assert_string_equal(wsk_strerror(1), "unknown error");
    assert_string_equal(wsk_strerror(-9999), "unknown error");
    assert_string_equal(wsk_strerror(INT32_MIN), "unknown error");
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        assert_true(all[i] < 0);
        assert_string_not_equal(wsk_strerror(all[i]), "unknown error");
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(wsk_strerror(all[i]), wsk_strerror(all[j]));
    }
}

/* RFC 6455 7.4 and the IANA registry, written out. */
static bool valid_by_the_book(unsigned code)
{
    return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) ||
           (code >= 3000 && code <= 4999);
}

static void test_close_codes(void **state)
{
    (void)state;
    for (unsigned code = 0; code <= 70000; code++) {
        if (wsk_close_code_is_valid(code) != valid_by_the_book(code))
            fail_msg("close code %u", code);
        assert_non_null(wsk_close_code_text(code));
    }
    assert_false(wsk_close_code_is_valid(UINT32_MAX));
    assert_string_equal(wsk_close_code_text(1000), "normal closure");
    assert_string_equal(wsk_close_code_text(1006), "connection lost without a close frame");
    assert_string_equal(wsk_close_code_text(3000), "code of a registered library");
    assert_string_equal(wsk_close_code_text(4999), "private code");
    assert_string_equal(wsk_close_code_text(999), "unknown close code");
    assert_string_equal(wsk_close_code_text(2999), "unknown close code");
    assert_string_equal(wsk_close_code_text(5000), "unknown close code");
}

static void test_version(void **state)
{
    (void)state;
    char text[32];

    snprintf(text, sizeof(text), "%d.%d.%d", WSK_VERSION_MAJOR, WSK_VERSION_MINOR,
             WSK_VERSION_PATCH);
    assert_string_equal(wsk_version_string(), text);
    assert_string_equal(WSK_VERSION_STRING, text);
    assert_int_equal(wsk_version(), WSK_VERSION_NUM);
}

/* /proc/cpuinfo is the kernel's opinion on the same processor. */
static bool kernel_says(const char *flag)
{
    char line[8192], word[64];
    bool found = false;
    FILE *f = fopen("/proc/cpuinfo", "r");

    if (f == NULL)
        return false;
    snprintf(word, sizeof(word), " %s ", flag);
    while (!found && fgets(line, sizeof(line), f) != NULL) {
        char *end = strchr(line, '\n');
        if (end != NULL)
            *end = ' ';
        found = strncmp(line, "flags", 5) == 0 && strstr(line, word) != NULL;
    }
    fclose(f);
    return found;
}

/* The processor that memcheck simulates lacks some of what the real one has, never the reverse. */
static void check_feature(bool ours, bool kernels)
{
    if (getenv("WSK_TEST_VALGRIND") != NULL && !ours)
        return;
    assert_int_equal(ours, kernels);
}

static void test_cpu(void **state)
{
    (void)state;
#if defined(__x86_64__)
    if (!kernel_says("sse2"))
        return;
#endif
    check_feature(wsk__cpu_has_sse41(), kernel_says("ssse3") && kernel_says("sse4_1"));
    check_feature(wsk__cpu_has_avx2(), kernel_says("avx2"));
    check_feature(wsk__cpu_has_avx512(), kernel_says("avx512f") && kernel_says("avx512bw") &&
                                             kernel_says("avx512vl") && kernel_says("avx512vbmi"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_close_codes),
        cmocka_unit_test(test_version),
        cmocka_unit_test(test_cpu),
    };

    return cmocka_run_group_tests_name("error", tests, NULL, NULL);
}
