/* SPDX-License-Identifier: MIT */
/* Kernels for vectors of 64 octets on x86-64. */
#include "wire/kernels.h"

#ifdef WSK__KERNELS_X86
#include <immintrin.h>

#define V        __m512i
#define V_OCTETS 64
#define TARGET   WSK__TARGET("avx512f,avx512bw,avx512vl")
#define VECTOR   TARGET static WSK__INLINE

VECTOR V v_load(const uint8_t *p)
{
    return _mm512_loadu_si512((const void *)p);
}

VECTOR void v_store(uint8_t *p, V v)
{
    _mm512_storeu_si512((void *)p, v);
}

VECTOR V v_key(uint32_t key)
{
    return _mm512_set1_epi32((int)key);
}

VECTOR V v_xor(V a, V b)
{
    return _mm512_xor_si512(a, b);
}

VECTOR V v_zero(void)
{
    return _mm512_setzero_si512();
}

VECTOR V v_splat(unsigned c)
{
    return _mm512_set1_epi8((char)c);
}

VECTOR V v_or(V a, V b)
{
    return _mm512_or_si512(a, b);
}

VECTOR V v_and(V a, V b)
{
    return _mm512_and_si512(a, b);
}

VECTOR V v_above(V v, unsigned c)
{
    return _mm512_subs_epu8(v, v_splat(c));
}

VECTOR V v_high_half(V v)
{
    return _mm512_and_si512(_mm512_srli_epi16(v, 4), v_splat(0x0F));
}

VECTOR V v_lookup(const uint8_t table[16], V v)
{
    V t = _mm512_broadcast_i32x4(_mm_loadu_si128((const void *)table));

    return _mm512_shuffle_epi8(t, v);
}

/* The last quarter of p, then the first three of v: what precedes each quarter of v. */
VECTOR V quarters_before(V v, V p)
{
    return _mm512_alignr_epi64(v, p, 6);
}

VECTOR V v_before_1(V v, V p)
{
    return _mm512_alignr_epi8(v, quarters_before(v, p), 15);
}

VECTOR V v_before_2(V v, V p)
{
    return _mm512_alignr_epi8(v, quarters_before(v, p), 14);
}

VECTOR V v_before_3(V v, V p)
{
    return _mm512_alignr_epi8(v, quarters_before(v, p), 13);
}

VECTOR bool v_has_high(V v)
{
    return _mm512_movepi8_mask(v) != 0;
}

VECTOR bool v_has_any(V v)
{
    return _mm512_test_epi8_mask(v, v) != 0;
}

#define MASK_TARGET  TARGET
#define MASK_NAME    wsk__mask_avx512
#define MASK_SHORTER wsk__mask_avx2
#include "wire/mask_vec.h"

#define UTF8_TARGET      TARGET
#define UTF8_CHECK_NAME  wsk__utf8_check_avx512
#define UTF8_UNMASK_NAME wsk__utf8_unmask_avx512
#include "wire/utf8_vec.h"

#else
typedef int wsk__not_x86;
#endif
