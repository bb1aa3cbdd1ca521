/* SPDX-License-Identifier: MIT */
/* Kernels for vectors of 16 octets on AArch64. */
#include "wire/kernels.h"

#ifdef WSK__KERNELS_NEON
#include <arm_neon.h>

#define V        uint8x16_t
#define V_OCTETS 16
#define VECTOR   static WSK__INLINE

VECTOR V v_load(const uint8_t *p)
{
    return vld1q_u8(p);
}

VECTOR void v_store(uint8_t *p, V v)
{
    vst1q_u8(p, v);
}

VECTOR V v_key(uint32_t key)
{
    return vreinterpretq_u8_u32(vdupq_n_u32(key));
}

VECTOR V v_xor(V a, V b)
{
    return veorq_u8(a, b);
}

VECTOR V v_zero(void)
{
    return vdupq_n_u8(0);
}

VECTOR V v_splat(unsigned c)
{
    return vdupq_n_u8((uint8_t)c);
}

VECTOR V v_or(V a, V b)
{
    return vorrq_u8(a, b);
}

VECTOR V v_and(V a, V b)
{
    return vandq_u8(a, b);
}

VECTOR V v_above(V v, unsigned c)
{
    return vqsubq_u8(v, v_splat(c));
}

VECTOR V v_high_half(V v)
{
    return vshrq_n_u8(v, 4);
}

VECTOR V v_lookup(const uint8_t table[16], V v)
{
    return vqtbl1q_u8(v_load(table), v);
}

VECTOR V v_before_1(V v, V p)
{
    return vextq_u8(p, v, 15);
}

VECTOR V v_before_2(V v, V p)
{
    return vextq_u8(p, v, 14);
}

VECTOR V v_before_3(V v, V p)
{
    return vextq_u8(p, v, 13);
}

VECTOR bool v_has_high(V v)
{
    return vmaxvq_u8(v) >= 0x80;
}

VECTOR bool v_has_any(V v)
{
    return vmaxvq_u8(v) != 0;
}

#define MASK_TARGET
#define MASK_NAME    wsk__mask_neon
#define MASK_SHORTER wsk__mask_word
#include "wire/mask_vec.h"

#define UTF8_TARGET
#define UTF8_CHECK_NAME  wsk__utf8_check_neon
#define UTF8_UNMASK_NAME wsk__utf8_unmask_neon
#include "wire/utf8_vec.h"

#else
typedef int wsk__not_aarch64;
#endif
