/* SPDX-License-Identifier: MIT */
/* Masking keys of good and of faulty generators (conformance/mask_check.h). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "conformance/mask_check.h"

#define MOST 4096

typedef uint32_t (*generator)(uint64_t *state);

static uint32_t good(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return (uint32_t)((z ^ z >> 31) >> 16);
}

static uint32_t same(uint64_t *state)
{
    (void)state;
    return 0x6b3f0a91;
}

static uint32_t counter(uint64_t *state)
{
    return (uint32_t)++ * state;
}

static uint32_t counter_of_other_order(uint64_t *state)
{
    return __builtin_bswap32((uint32_t)++ * state);
}

static uint32_t steps(uint64_t *state)
{
    return (uint32_t)(*state += 0x9e3779b9);
}

static uint32_t congruence(uint64_t *state)
{
    return (uint32_t)(*state = (uint32_t)(*state * 1664525u + 1013904223u));
}

/* Thirty-one bits, as some C libraries' rand() has them. */
static uint32_t no_top_bit(uint64_t *state)
{
    return good(state) & 0x7fffffff;
}

static uint32_t sixteen_bits(uint64_t *state)
{
    return good(state) & 0xffff;
}

static uint32_t halves_alike(uint64_t *state)
{
    return (good(state) & 0xffff) * 0x10001u;
}

static uint32_t of_few(uint64_t *state)
{
    static const uint32_t keys[4] = {0x12345678, 0x9abcdef0, 0x0fedcba9, 0x87654321};

    return keys[good(state) & 3];
}

static uint32_t letters(uint64_t *state)
{
    const uint32_t r = good(state);

    return ('A' + r % 26u) | ('A' + (r >> 8) % 26u) << 8 | ('A' + (r >> 16) % 26u) << 16 |
           ('A' + (r >> 24) % 26u) << 24;
}

/* Each new one from a bit or two of the one before. */
static uint32_t nearly_the_last(uint64_t *state)
{
    const uint32_t low = (uint32_t)*state ^ 1u << (good(state) & 31);

    *state = (*state & 0xffffffff00000000u) + 0x100000000u + low;
    return low;
}

/* Each is the former, turned over in every other bit, or a new one. */
static uint32_t in_pairs(uint64_t *state)
{
    static uint32_t last;
    static unsigned turn;

    last = ++turn % 2 == 0 ? last ^ 0x55555555 : good(state);
    return last;
}

static uint32_t often_zero(uint64_t *state)
{
    const uint32_t r = good(state);

    return r % 16 == 0 ? 0 : r;
}

static bool look(generator g, uint64_t seed, size_t n, char why[160])
{
    uint8_t(*keys)[4] = malloc(n * sizeof(*keys));
    bool ok;

    assert_non_null(keys);
    for (size_t i = 0; i < n; i++) {
        const uint32_t r = g(&seed);

        memcpy(keys[i], &r, 4);
    }
    why[0] = 0;
    ok = judge_masks_look_random((const uint8_t(*)[4])keys, n, why);
    free(keys);
    return ok;
}

static void good_keys_pass(void **state)
{
    char why[160];

    (void)state;
    for (uint64_t seed = 1; seed <= 60; seed++) {
        for (size_t n = 16; n <= MOST; n *= 4) {
            if (!look(good, seed * 0x123456789u, n, why))
                fail_msg("seed %d, %zu keys: %s", (int)seed, n, why);
        }
    }
}

static void faulty_keys_fail(void **state)
{
    static const struct {
        const char *name;
        generator g;
        size_t n; /* so many show it */
    } rows[] = {
        {"same", same, 16},
        {"counter", counter, 16},
        {"counter of the other order", counter_of_other_order, 16},
        {"steps", steps, 16},
        {"congruence", congruence, 64},
        {"no top bit", no_top_bit, 64},
        {"sixteen bits", sixteen_bits, 64},
        {"halves alike", halves_alike, 64},
        {"of few", of_few, 16},
        {"letters", letters, 64},
        {"nearly the last", nearly_the_last, 128},
        {"in pairs", in_pairs, 128},
        {"often zero", often_zero, 256},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        for (size_t n = rows[i].n; n <= MOST; n *= 2) {
            char why[160];

            if (look(rows[i].g, 99, n, why))
                fail_msg("%zu keys of %s look random", n, rows[i].name);
            assert_true(strlen(why) > 0);
        }
    }
}

static void few_keys_say_nothing(void **state)
{
    char why[160];

    (void)state;
    assert_true(look(same, 0, 15, why));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_keys_pass),
        cmocka_unit_test(faulty_keys_fail),
        cmocka_unit_test(few_keys_say_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
