/* SPDX-License-Identifier: MIT */
/* Each masking kernel, forced by name, against the definition of RFC 6455 5.3. */
#include "support.h"

#include <stdio.h>
#include <string.h>

#include "fence.h"
#include "wire/mask.h"

enum { LEN_MAX = 300, ROOM = 512 };

static const uint8_t key_octets[4] = {0x37, 0xFA, 0x21, 0x3D};

static uint32_t test_key(void)
{
    uint32_t key;

    memcpy(&key, key_octets, 4);
    return key;
}

/* The truth, written here once more so that the reference kernel is tested, too. */
static void expect_masked(uint8_t *dst, const uint8_t *src, size_t len, unsigned phase)
{
    for (size_t i = 0; i < len; i++)
        dst[i] = (uint8_t)(src[i] ^ key_octets[(i + phase) & 3]);
}

static void fill(uint8_t *p, size_t n, uint64_t seed)
{
    for (size_t i = 0; i < n; i++)
        p[i] = (uint8_t)lcg(&seed);
}

/* The kernels of this build and the functions that choose one ("chosen"). */
static wsk__mask_kernel subject_at(size_t i)
{
    const wsk__mask_kernel *k = wsk__mask_kernel_at(i);

    if (k != NULL)
        return *k;
    if (i == 0 || wsk__mask_kernel_at(i - 1) != NULL)
        return (wsk__mask_kernel){"chosen", wsk__mask_copy, NULL};
    return (wsk__mask_kernel){NULL, NULL, NULL};
}

typedef void subject_test(const wsk__mask_kernel *k);

static void for_each_kernel(subject_test *test)
{
    int ran = 0;

    for (size_t i = 0;; i++) {
        wsk__mask_kernel k = subject_at(i);
        if (k.name == NULL)
            break;
        if (k.usable != NULL && !k.usable()) {
            print_message("# %s: not on this processor\n", k.name);
            continue;
        }
        test(&k);
        ran++;
    }
    assert_true(ran >= 2);
}

static void fail_at(const wsk__mask_kernel *k, const char *what, size_t len, size_t align,
                    unsigned phase)
{
    fail_msg("%s: %s differs at length %zu, alignment %zu, phase %u", k->name, what, len, align,
             phase);
}

/* In place and from one buffer to another; whole buffers are compared, so that an octet written
 * outside the payload shows. */
static void everywhere(const wsk__mask_kernel *k)
{
    static _Alignas(64) uint8_t plain[ROOM], in_place[ROOM], copied[ROOM], wanted[ROOM],
        blank[ROOM];

    fill(plain, ROOM, 1);
    memset(blank, 0xEE, ROOM);
    for (size_t len = 0; len <= LEN_MAX; len++) {
        for (size_t align = 0; align < 64; align++) {
            for (unsigned phase = 0; phase < 4; phase++) {
                memcpy(in_place, plain, ROOM);
                memcpy(wanted, plain, ROOM);
                expect_masked(wanted + align, plain + align, len, phase);
                k->copy(in_place + align, in_place + align, len, test_key(), phase);
                if (memcmp(in_place, wanted, ROOM) != 0)
                    fail_at(k, "in place", len, align, phase);
                size_t other = (align * 37 + len) % 64;
                memcpy(copied, blank, ROOM);
                memcpy(wanted, blank, ROOM);
                expect_masked(wanted + other, plain + align, len, phase);
                k->copy(copied + other, plain + align, len, test_key(), phase);
                if (memcmp(copied, wanted, ROOM) != 0)
                    fail_at(k, "copy", len, align, phase);
            }
        }
    }
}

/* A payload that arrives in two pieces, cut anywhere. */
static void every_split(const wsk__mask_kernel *k)
{
    uint8_t plain[LEN_MAX], got[LEN_MAX], wanted[LEN_MAX];

    fill(plain, LEN_MAX, 2);
    for (unsigned phase = 0; phase < 4; phase++) {
        expect_masked(wanted, plain, LEN_MAX, phase);
        for (size_t cut = 0; cut <= LEN_MAX; cut++) {
            memcpy(got, plain, LEN_MAX);
            k->copy(got, got, cut, test_key(), phase);
            k->copy(got + cut, got + cut, LEN_MAX - cut, test_key(), (unsigned)((phase + cut) % 4));
            if (memcmp(got, wanted, LEN_MAX) != 0)
                fail_at(k, "split", cut, 0, phase);
        }
    }
}

static void at_fences(const wsk__mask_kernel *k)
{
    fence f = fence_new();
    uint8_t plain[LEN_MAX], wanted[LEN_MAX];

    fill(plain, LEN_MAX, 3);
    expect_masked(wanted, plain, LEN_MAX, 1);
    for (size_t len = 0; len <= LEN_MAX; len++) {
        memcpy(f.first, plain, len);
        k->copy(f.first, f.first, len, test_key(), 1);
        assert_memory_equal(f.first, wanted, len);
        memcpy(f.end - len, plain, len);
        k->copy(f.end - len, f.end - len, len, test_key(), 1);
        assert_memory_equal(f.end - len, wanted, len);
    }
    fence_free(f);
}

static void large(const wsk__mask_kernel *k)
{
    size_t n = (1 << 20) + 77;
    uint8_t *plain = malloc(n), *got = malloc(n), *wanted = malloc(n);

    fill(plain, n, 4);
    expect_masked(wanted, plain, n, 3);
    k->copy(got, plain, n, test_key(), 3);
    assert_memory_equal(got, wanted, n);
    free(plain);
    free(got);
    free(wanted);
}

static void test_everywhere(void **state)
{
    (void)state;
    for_each_kernel(everywhere);
}

static void test_every_split(void **state)
{
    (void)state;
    for_each_kernel(every_split);
}

static void test_at_fences(void **state)
{
    (void)state;
    for_each_kernel(at_fences);
}

static void test_large(void **state)
{
    (void)state;
    for_each_kernel(large);
}

/* RFC 6455 5.7: a masked "Hello". */
static void test_rfc_example(void **state)
{
    (void)state;
    uint8_t data[] = {0x7F, 0x9F, 0x4D, 0x51, 0x58};

    wsk__mask(data, sizeof(data), test_key(), 0);
    assert_memory_equal(data, "Hello", 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rfc_example), cmocka_unit_test(test_everywhere),
        cmocka_unit_test(test_every_split), cmocka_unit_test(test_at_fences),
        cmocka_unit_test(test_large),
    };

    return cmocka_run_group_tests_name("mask", tests, NULL, NULL);
}
