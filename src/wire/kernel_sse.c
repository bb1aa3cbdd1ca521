/* SPDX-License-Identifier: MIT */
/* Kernels for vectors of 16 octets on x86-64: masking needs what every such processor has,
 * validation the look-up of SSSE3 and the test of SSE4.1. */
#include "wire/kernels.h"

#ifdef WSK__KERNELS_X86
#include <immintrin.h>

#define V        __m128i
#define V_OCTETS 16
#define FOR_ALL  static WSK__INLINE
#define FOR_41   WSK__TARGET("ssse3,sse4.1") static WSK__INLINE

FOR_ALL V v_load(const uint8_t *p)
{
    return _mm_loadu_si128((const void *)p);
}

FOR_ALL void v_store(uint8_t *p, V v)
{
    _mm_storeu_si128((void *)p, v);
}

FOR_ALL V v_key(uint32_t key)
{
    return _mm_set1_epi32((int)key);
}

FOR_ALL V v_xor(V a, V b)
{
    return _mm_xor_si128(a, b);
}

FOR_41 V v_zero(void)
{
    return _mm_setzero_si128();
}

FOR_41 V v_splat(unsigned c)
{
    return _mm_set1_epi8((char)c);
}

FOR_41 V v_or(V a, V b)
{
    return _mm_or_si128(a, b);
}

FOR_41 V v_and(V a, V b)
{
    return _mm_and_si128(a, b);
}

FOR_41 V v_above(V v, unsigned c)
{
    return _mm_subs_epu8(v, v_splat(c));
}

FOR_41 V v_high_half(V v)
{
    return _mm_and_si128(_mm_srli_epi16(v, 4), v_splat(0x0F));
}

FOR_41 V v_lookup(const uint8_t table[16], V v)
{
    return _mm_shuffle_epi8(v_load(table), v);
}

FOR_41 V v_before_1(V v, V p)
{
    return _mm_alignr_epi8(v, p, 15);
}

FOR_41 V v_before_2(V v, V p)
{
    return _mm_alignr_epi8(v, p, 14);
}

FOR_41 V v_before_3(V v, V p)
{
    return _mm_alignr_epi8(v, p, 13);
}

FOR_41 bool v_has_high(V v)
{
    return _mm_movemask_epi8(v) != 0;
}

FOR_41 bool v_has_any(V v)
{
    return !_mm_testz_si128(v, v);
}

#define MASK_TARGET
#define MASK_NAME    wsk__mask_sse2
#define MASK_SHORTER wsk__mask_word
#include "wire/mask_vec.h"

#define UTF8_TARGET      WSK__TARGET("ssse3,sse4.1")
#define UTF8_CHECK_NAME  wsk__utf8_check_sse41
#define UTF8_UNMASK_NAME wsk__utf8_unmask_sse41
#include "wire/utf8_vec.h"

#else
typedef int wsk__not_x86;
#endif
