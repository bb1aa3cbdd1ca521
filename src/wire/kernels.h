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

/* Masks one word; returns it. */
static inline uint64_t wsk__mask64(uint8_t *dst, uint64_t word, uint64_t key)
{
    word ^= key;
    memcpy(dst, &word, sizeof(word));
    return word;
}

/*
 * Masks fewer than 64 octets, the size of most messages, without a loop and without a call
 * through a pointer: both ends are loaded as words that overlap in the middle, and all are loaded
 * before any is stored, so that dst may be src. Returns the OR of the words stored: no high bit in
 * it means that all is ASCII.
 */
static inline uint64_t wsk__mask_short(uint8_t *dst, const uint8_t *src, size_t len, uint32_t key)
{
    if (len == 0)
        return 0; /* nothing may be at no address at all */
    /* All distances below are multiples of the key's length, but for len itself. */
    uint32_t end_key = wsk__mask_key_at(key, len);
    uint64_t k = (uint64_t)key << 32 | key, e = (uint64_t)end_key << 32 | end_key;
    const uint8_t *src_end = src + len;
    uint8_t *dst_end = dst + len;

    if (len >= 32) {
        uint64_t a = wsk__load64(src), b = wsk__load64(src + 8), c = wsk__load64(src + 16),
                 d = wsk__load64(src + 24), f = wsk__load64(src_end - 32),
                 g = wsk__load64(src_end - 24), h = wsk__load64(src_end - 16),
                 i = wsk__load64(src_end - 8);
        return wsk__mask64(dst, a, k) | wsk__mask64(dst + 8, b, k) | wsk__mask64(dst + 16, c, k) |
               wsk__mask64(dst + 24, d, k) | wsk__mask64(dst_end - 32, f, e) |
               wsk__mask64(dst_end - 24, g, e) | wsk__mask64(dst_end - 16, h, e) |
               wsk__mask64(dst_end - 8, i, e);
    }
    if (len >= 16) {
        uint64_t a = wsk__load64(src), b = wsk__load64(src + 8), c = wsk__load64(src_end - 16),
                 d = wsk__load64(src_end - 8);
        return wsk__mask64(dst, a, k) | wsk__mask64(dst + 8, b, k) |
               wsk__mask64(dst_end - 16, c, e) | wsk__mask64(dst_end - 8, d, e);
    }
    if (len >= 8) {
        uint64_t a = wsk__load64(src), b = wsk__load64(src_end - 8);
        return wsk__mask64(dst, a, k) | wsk__mask64(dst_end - 8, b, e);
    }
    if (len >= 4) {
        uint32_t a = wsk__load32(src) ^ key, b = wsk__load32(src_end - 4) ^ end_key;
        memcpy(dst, &a, 4);
        memcpy(dst_end - 4, &b, 4);
        return a | b;
    }
    uint8_t octets[4], all = 0;
    memcpy(octets, &key, 4);
    for (size_t i = 0; i < len; i++) {
        dst[i] = src[i] ^ octets[i];
        all |= dst[i];
    }
    return all;
}

/* The OR of fewer than 64 octets, in the same way. */
static inline uint64_t wsk__or_short(const uint8_t *p, size_t len)
{
    const uint8_t *end = p + len;
    uint64_t all = 0;

    if (len >= 32)
        all = wsk__load64(p + 16) | wsk__load64(p + 24) | wsk__load64(end - 32) |
              wsk__load64(end - 24);
    if (len >= 16)
        all |= wsk__load64(p + 8) | wsk__load64(end - 16);
    if (len >= 8)
        return all | wsk__load64(p) | wsk__load64(end - 8);
    if (len >= 4)
        return wsk__load32(p) | wsk__load32(end - 4);
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
