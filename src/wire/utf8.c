/* SPDX-License-Identifier: MIT */
/*
 * UTF-8: the reference, a version for processors without vectors, and the choice of a kernel.
 * Knows nothing of messages.
 */
#include "wire/utf8.h"

#include <stdatomic.h>

#include "util/cpu.h"
#include "wire/kernels.h"

/*
 * A state inside a character says how many octets are to come, and between which two values the
 * next of them must lie: that range is what rules out overlong forms, surrogates and everything
 * above U+10FFFF at the second octet already (RFC 3629 section 4).
 */
static wsk__utf8_state expect(unsigned octets, unsigned low, unsigned high)
{
    return (wsk__utf8_state)(high << 16 | low << 8 | octets);
}

static wsk__utf8_state first_octet(uint8_t c)
{
    if (c <= 0x7F)
        return WSK__UTF8_START;
    if (c >= 0xC2 && c <= 0xDF)
        return expect(1, 0x80, 0xBF);
    if (c == 0xE0)
        return expect(2, 0xA0, 0xBF);
    if (c == 0xED)
        return expect(2, 0x80, 0x9F);
    if (c >= 0xE1 && c <= 0xEF)
        return expect(2, 0x80, 0xBF);
    if (c == 0xF0)
        return expect(3, 0x90, 0xBF);
    if (c >= 0xF1 && c <= 0xF3)
        return expect(3, 0x80, 0xBF);
    if (c == 0xF4)
        return expect(3, 0x80, 0x8F);
    return WSK__UTF8_BAD;
}

static wsk__utf8_state step(wsk__utf8_state state, uint8_t c)
{
    if (state == WSK__UTF8_START)
        return first_octet(c);
    unsigned octets = state & 0xFF, low = state >> 8 & 0xFF, high = state >> 16;
    if (state == WSK__UTF8_BAD || c < low || c > high)
        return WSK__UTF8_BAD;
    return octets > 1 ? expect(octets - 1, 0x80, 0xBF) : WSK__UTF8_START;
}

/* The reference. */
size_t wsk__utf8_check_scalar(wsk__utf8_state *state, const uint8_t *data, size_t len)
{
    wsk__utf8_state s = *state;
    size_t i = 0;

    while (i < len && (s = step(s, data[i])) != WSK__UTF8_BAD)
        i++;
    *state = s;
    return i;
}

size_t wsk__utf8_unmask_scalar(wsk__utf8_state *state, uint8_t *data, size_t len, uint32_t key,
                               unsigned phase)
{
    wsk__mask_scalar(data, data, len, key, phase);
    return wsk__utf8_check_scalar(state, data, len);
}

size_t wsk__utf8_locate(wsk__utf8_state *state, const uint8_t *data, size_t at, size_t end)
{
    size_t from = at;

    /* Three continuation octets before `at` are the end of a character of four. */
    for (size_t back = 1; back <= 3 && back <= at; back++) {
        if ((data[at - back] & 0xC0) != 0x80) {
            from = at - back;
            break;
        }
    }
    *state = WSK__UTF8_START;
    return from + wsk__utf8_check_scalar(state, data + from, end - from);
}

/* ---------------------------------------------------------------------- words of octets -- */

size_t wsk__utf8_check_word(wsk__utf8_state *state, const uint8_t *data, size_t len)
{
    wsk__utf8_state s = *state;

    for (size_t i = 0; i < len;) {
        if (s == WSK__UTF8_START && len - i >= 8 && (wsk__load64(data + i) & WSK__HIGH_BITS) == 0) {
            i += 8;
            continue;
        }
        /* A run of octets, so that a text without ASCII does not pay for a look at each. */
        size_t run = len - i < 8 ? len - i : 8;
        size_t good = wsk__utf8_check_scalar(&s, data + i, run);
        i += good;
        if (good < run) {
            *state = s;
            return i;
        }
    }
    *state = s;
    return len;
}

size_t wsk__utf8_unmask_word(wsk__utf8_state *state, uint8_t *data, size_t len, uint32_t key,
                             unsigned phase)
{
    /* Pieces that stay in the first-level cache: the second look at them costs no memory. */
    const size_t piece = 1024;
    size_t i = 0;

    while (i < len) {
        size_t n = len - i < piece ? len - i : piece;
        wsk__mask_word(data + i, data + i, n, key, (unsigned)((phase + i) % 4));
        size_t good = wsk__utf8_check_word(state, data + i, n);
        i += good;
        if (good < n)
            break;
    }
    return i;
}

/* ------------------------------------------------------------------- choice of a kernel -- */

static bool always(void)
{
    return true;
}

/* From the slowest to the fastest. */
static const wsk__utf8_kernel kernels[] = {
    {"scalar", wsk__utf8_check_scalar, wsk__utf8_unmask_scalar, always},
    {"word", wsk__utf8_check_word, wsk__utf8_unmask_word, always},
#ifdef WSK__KERNELS_X86
    {"sse41", wsk__utf8_check_sse41, wsk__utf8_unmask_sse41, wsk__cpu_has_sse41},
    {"avx2", wsk__utf8_check_avx2, wsk__utf8_unmask_avx2, wsk__cpu_has_avx2},
    {"avx512", wsk__utf8_check_avx512, wsk__utf8_unmask_avx512, wsk__cpu_has_avx512},
#endif
#ifdef WSK__KERNELS_NEON
    {"neon", wsk__utf8_check_neon, wsk__utf8_unmask_neon, always},
#endif
};

const wsk__utf8_kernel *wsk__utf8_kernel_at(size_t i)
{
    return i < WSK__COUNT(kernels) ? &kernels[i] : NULL;
}

/* Found by the first call; threads that make it at the same time find the same. */
static _Atomic(const wsk__utf8_kernel *) best;

static WSK__COLD const wsk__utf8_kernel *find_best(void)
{
    size_t i = WSK__COUNT(kernels) - 1;

    while (!kernels[i].usable())
        i--;
    atomic_store_explicit(&best, &kernels[i], memory_order_relaxed);
    return &kernels[i];
}

static inline const wsk__utf8_kernel *kernel(void)
{
    const wsk__utf8_kernel *k = atomic_load_explicit(&best, memory_order_relaxed);

    return WSK__LIKELY(k != NULL) ? k : find_best();
}

/* Short texts that are not plain ASCII: below this the reference is done before a kernel has
 * begun. */
#define TINY 16

static size_t check_not_ascii(wsk__utf8_state *state, const uint8_t *data, size_t len)
{
    if (len < TINY)
        return wsk__utf8_check_scalar(state, data, len);
    return kernel()->check(state, data, len);
}

size_t wsk__utf8_check(wsk__utf8_state *state, const uint8_t *data, size_t len)
{
    if (len >= 64)
        return kernel()->check(state, data, len);
    if (len == 0) /* and data may be NULL */
        return 0;
    if (*state == WSK__UTF8_START && (wsk__or_short(data, len) & WSK__HIGH_BITS) == 0)
        return len;
    return check_not_ascii(state, data, len);
}

size_t wsk__utf8_unmask_check(wsk__utf8_state *state, uint8_t *data, size_t len, uint32_t key,
                              unsigned phase)
{
    if (len >= 64)
        return kernel()->unmask_check(state, data, len, key, phase);
    uint64_t all = wsk__mask_short(data, data, len, wsk__mask_key_at(key, phase));
    if (*state == WSK__UTF8_START && (all & WSK__HIGH_BITS) == 0)
        return len;
    return check_not_ascii(state, data, len);
}

bool wsk__utf8_is_valid(const void *data, size_t len)
{
    wsk__utf8_state state = WSK__UTF8_START;

    return wsk__utf8_check(&state, data, len) == len && state == WSK__UTF8_START;
}
