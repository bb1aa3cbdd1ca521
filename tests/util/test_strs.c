/* SPDX-License-Identifier: MIT */
/* Comparing and trimming ASCII text. */
#include "support.h"

#include "util/strs.h"

static void test_make(void **state)
{
    (void)state;
    assert_int_equal(wsk__str("abc").len, 3);
    assert_int_equal(wsk__str(NULL).len, 0);
    assert_int_equal(wsk__strn("abc", 2).len, 2);
}

static void test_equal(void **state)
{
    (void)state;
    assert_true(wsk__str_eq(wsk__str("Host"), wsk__str("Host")));
    assert_false(wsk__str_eq(wsk__str("Host"), wsk__str("host")));
    assert_false(wsk__str_eq(wsk__str("Host"), wsk__str("Hosts")));
    assert_true(wsk__str_eq(wsk__str(NULL), wsk__str("")));
    assert_true(wsk__str_eq(wsk__strn("a\0b", 3), wsk__strn("a\0b", 3)));
    assert_false(wsk__str_eq(wsk__strn("a\0b", 3), wsk__strn("a\0c", 3)));
}

/* Only the 26 letters are folded: '@' and '`', '[' and '{' are as far apart as 'A' and 'a'. */
static void test_equal_in_any_case(void **state)
{
    (void)state;
    for (int a = 0; a < 256; a++) {
        for (int b = 0; b < 256; b++) {
            char x = (char)a, y = (char)b;
            bool letters = (a | 32) >= 'a' && (a | 32) <= 'z';
            bool wanted = a == b || (letters && (a ^ b) == 32);
            assert_int_equal(wsk__str_ieq(wsk__strn(&x, 1), wsk__strn(&y, 1)), wanted);
        }
    }
    assert_true(wsk__str_ieq(wsk__str("Sec-WebSocket-Key"), wsk__str("sec-websocket-KEY")));
    assert_false(wsk__str_ieq(wsk__str("upgrade"), wsk__str("upgraded")));
    assert_true(wsk__str_ieq(wsk__str(NULL), wsk__str("")));
}

static void test_trim(void **state)
{
    (void)state;
    assert_true(wsk__str_eq(wsk__str_trim(wsk__str(" \t a b\t ")), wsk__str("a b")));
    assert_true(wsk__str_eq(wsk__str_trim(wsk__str("ab")), wsk__str("ab")));
    assert_int_equal(wsk__str_trim(wsk__str(" \t ")).len, 0);
    assert_int_equal(wsk__str_trim(wsk__str("")).len, 0);
    assert_int_equal(wsk__str_trim(wsk__str(NULL)).len, 0);
    /* A line break is no white space here: heads have been cut at them before. */
    assert_true(wsk__str_eq(wsk__str_trim(wsk__str("a\r\n")), wsk__str("a\r\n")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_make),
        cmocka_unit_test(test_equal),
        cmocka_unit_test(test_equal_in_any_case),
        cmocka_unit_test(test_trim),
    };

    return cmocka_run_group_tests_name("strs", tests, NULL, NULL);
}
