/* SPDX-License-Identifier: MIT */
/* Kernels for vectors of 32 octets on x86-64. */
#include "wire/kernels.h"

#ifdef WSK__KERNELS_X86
#include <immintrin.h>

#define V        __m256i
#define V_OCTETS 32
#define TARGET   WSK__TARGET("avx2")
#define VECTOR   TARGET static WSK__INLINE

VECTOR V v_load(const uint8_t *p)
{
    return _mm256_loadu_si256((const void *)p);
}

VECTOR void v_store(uint8_t *p, V v)
{
    _mm256_storeu_si256((void *)p, v);
}

VECTOR V v_key(uint32_t key)
{
    return _mm256_set1_epi32((int)key);
}

VECTOR V v_xor(V a, V b)
{
    return _mm256_xor_si256(a, b);
}

VECTOR V v_zero(void)
{
    return _mm256_setzero_si256();
}

VECTOR V v_splat(unsigned c)
{
    return _mm256_set1_epi8((char)c);
}

VECTOR V v_or(V a, V b)
{
    return _mm256_or_si256(a, b);
}

VECTOR V v_and(V a, V b)
{
    return _mm256_and_si256(a, b);
}

VECTOR V v_above(V v, unsigned c)
{
    return _mm256_subs_epu8(v, v_splat(c));
}

VECTOR V v_high_half(V v)
{
    return _mm256_and_si256(_mm256_srli_epi16(v, 4), v_splat(0x0F));
}

VECTOR V v_lookup(const uint8_t table[16], V v)
{
    V t = _mm256_broadcastsi128_si256(_mm_loadu_si128((const void *)table));

    return _mm256_shuffle_epi8(t, v);
}

/* The upper half of p, then the lower half of v: what precedes each half of v. */
VECTOR V halves_before(V v, V p)
{
    return _mm256_permute2x128_si256(p, v, 0x21);
}

VECTOR V v_before_1(V v, V p)
{
    return _mm256_alignr_epi8(v, halves_before(v, p), 15);
}

VECTOR V v_before_2(V v, V p)
{
    return _mm256_alignr_epi8(v, halves_before(v, p), 14);
}

VECTOR V v_before_3(V v, V p)
{
    return _mm256_alignr_epi8(v, halves_before(v, p), 13);
}

VECTOR bool v_has_high(V v)
{
    return _mm256_movemask_epi8(v) != 0;
}

VECTOR bool v_has_any(V v)
{
    return !_mm256_testz_si256(v, v);
}

#define MASK_TARGET  TARGET
#define MASK_NAME    wsk__mask_avx2
#define MASK_SHORTER wsk__mask_sse2
#include "wire/mask_vec.h"

#define UTF8_TARGET      TARGET
#define UTF8_CHECK_NAME  wsk__utf8_check_avx2
#define UTF8_UNMASK_NAME wsk__utf8_unmask_avx2
#include "wire/utf8_vec.h"

#else
typedef int wsk__not_x86;
#endif
