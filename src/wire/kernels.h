/* SPDX-License-Identifier: MIT */
/*
 * What the masking and UTF-8 kernels share with each other and with the functions that choose
 * among them. Private to src/wire.
 */
#ifndef WSK_WIRE_KERNELS_H
#define WSK_WIRE_KERNELS_H

#include <string.h>

#include "wire/mask.h"
#include "wire/utf8.h"

#if defined(__x86_64__) && defined(__GNUC__)
#define WSK__KERNELS_X86 1
#elif defined(__aarch64__) && defined(__GNUC__) && !defined(__AARCH64EB__)
#define WSK__KERNELS_NEON 1
#endif

typedef void wsk__mask_fn(uint8_t *dst, const uint8_t *src, size_t len, uint32_t key,
                          unsigned phase);
typedef size_t wsk__utf8_check_fn(wsk__utf8_state *state, const uint8_t *data, size_t len);
typedef size_t wsk__utf8_unmask_fn(wsk__utf8_state *state, uint8_t *data, size_t len, uint32_t key,
                                   unsigned phase);

/* Without vectors: the first is the reference; the second goes by words of eight octets. */
wsk__mask_fn wsk__mask_scalar, wsk__mask_word;
wsk__utf8_check_fn wsk__utf8_check_scalar, wsk__utf8_check_word;
wsk__utf8_unmask_fn wsk__utf8_unmask_scalar, wsk__utf8_unmask_word;

#ifdef WSK__KERNELS_X86
wsk__mask_fn wsk__mask_sse2, wsk__mask_avx2, wsk__mask_avx512;
wsk__utf8_check_fn wsk__utf8_check_sse41, wsk__utf8_check_avx2, wsk__utf8_check_avx512;
wsk__utf8_unmask_fn wsk__utf8_unmask_sse41, wsk__utf8_unmask_avx2, wsk__utf8_unmask_avx512;
#endif
#ifdef WSK__KERNELS_NEON
wsk__mask_fn wsk__mask_neon;
wsk__utf8_check_fn wsk__utf8_check_neon;
wsk__utf8_unmask_fn wsk__utf8_unmask_neon;
#endif

/* The key as it stands for the octet that is `offset` further on, again in memory order. */
static inline uint32_t wsk__mask_key_at(uint32_t key, size_t offset)
{
    unsigned bits = 8 * (unsigned)(offset & 3);

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    return key << bits | key >> ((32 - bits) & 31);
#else
    return key >> bits | key << ((32 - bits) & 31);
#endif
}

static inline uint64_t wsk__load64(const uint8_t *p)
{
    uint64_t v;

    memcpy(&v, p, sizeof(v));
    return v;
}

static inline uint32_t wsk__load32(const uint8_t *p)
{
    uint32_t v;

    memcpy(&v, p, sizeof(v));
    return v;
}

#define WSK__HIGH_BITS UINT64_C(0x8080808080808080)

/*
 * Masks fewer than 16 octets, the size of most messages, without a loop: the two ends are loaded
 * as words that overlap, and both are loaded before either is stored, so that dst may be src.
 * Returns the OR of all words stored: no high bit in it means that they are all ASCII.
 */
static inline uint64_t wsk__mask_short(uint8_t *dst, const uint8_t *src, size_t len, uint32_t key)
{
    /* 8 and 4 are multiples of the key's length: the word at the end begins at len mod 4. */
    uint32_t end_key = wsk__mask_key_at(key, len);

    if (len >= 8) {
        uint64_t a = wsk__load64(src) ^ ((uint64_t)key << 32 | key);
        uint64_t b = wsk__load64(src + len - 8) ^ ((uint64_t)end_key << 32 | end_key);
        memcpy(dst, &a, 8);
        memcpy(dst + len - 8, &b, 8);
        return a | b;
    }
    if (len >= 4) {
        uint32_t a = wsk__load32(src) ^ key;
        uint32_t b = wsk__load32(src + len - 4) ^ end_key;
        memcpy(dst, &a, 4);
        memcpy(dst + len - 4, &b, 4);
        return a | b;
    }
    uint8_t k[4], all = 0;
    memcpy(k, &key, 4);
    for (size_t i = 0; i < len; i++) {
        dst[i] = src[i] ^ k[i];
        all |= dst[i];
    }
    return all;
}

/* The OR of fewer than 64 octets, in words. */
static inline uint64_t wsk__or_short(const uint8_t *p, size_t len)
{
    if (len >= 8) {
        uint64_t all = wsk__load64(p + len - 8);
        for (size_t i = 0; i + 8 < len; i += 8)
            all |= wsk__load64(p + i);
        return all;
    }
    if (len >= 4)
        return wsk__load32(p) | wsk__load32(p + len - 4);
    uint8_t all = 0;
    for (size_t i = 0; i < len; i++)
        all |= p[i];
    return all;
}

/* How many octets the character that `state` is inside of still lacks. */
static inline size_t wsk__utf8_lacks(wsk__utf8_state state)
{
    return state & 0xFF;
}

/*
 * True if the octets that end at `end` (at least three, all valid so far) end inside a character,
 * or with an octet that cannot begin one.
 */
static inline bool wsk__utf8_ends_inside(const uint8_t *end)
{
    return end[-1] >= 0xC0 || end[-2] >= 0xE0 || end[-3] >= 0xF0;
}

/*
 * What a vector kernel does when it has seen that something is wrong or unfinished at or behind
 * data[at]: everything before `at` is valid, though the last character may reach over it. Looks
 * octet by octet from the start of that character up to `end` and sets *state. Returns the index
 * of the first bad octet, or `end`.
 */
size_t wsk__utf8_locate(wsk__utf8_state *state, const uint8_t *data, size_t at, size_t end);

#endif
