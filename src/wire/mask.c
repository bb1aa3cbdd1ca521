/* SPDX-License-Identifier: MIT */
/*
 * Masking: the reference, a version for processors without vectors, and the choice of a kernel.
 * Knows nothing of frames.
 */
#include "wire/mask.h"

#include <stdatomic.h>

#include "util/cpu.h"
#include "wire/kernels.h"

/* The definition, RFC 6455 5.3; every other kernel is tested against it. */
void wsk__mask_scalar(uint8_t *dst, const uint8_t *src, size_t len, uint32_t key, unsigned phase)
{
    uint8_t k[4];

    memcpy(k, &key, 4);
    for (size_t i = 0; i < len; i++)
        dst[i] = src[i] ^ k[(phase + i) % 4];
}

void wsk__mask_word(uint8_t *dst, const uint8_t *src, size_t len, uint32_t key, unsigned phase)
{
    size_t i = 0;

    key = wsk__mask_key_at(key, phase);
    for (; len - i >= 64; i += 8) {
        uint64_t w = wsk__load64(src + i) ^ ((uint64_t)key << 32 | key);
        memcpy(dst + i, &w, 8);
    }
    wsk__mask_short(dst + i, src + i, len - i, key);
}

static bool always(void)
{
    return true;
}

/* From the slowest to the fastest. */
static const wsk__mask_kernel kernels[] = {
    {"scalar", wsk__mask_scalar, always},
    {"word", wsk__mask_word, always},
#ifdef WSK__KERNELS_X86
    {"sse2", wsk__mask_sse2, always},
    {"avx2", wsk__mask_avx2, wsk__cpu_has_avx2},
    {"avx512", wsk__mask_avx512, wsk__cpu_has_avx512},
#endif
#ifdef WSK__KERNELS_NEON
    {"neon", wsk__mask_neon, always},
#endif
};

const wsk__mask_kernel *wsk__mask_kernel_at(size_t i)
{
    return i < WSK__COUNT(kernels) ? &kernels[i] : NULL;
}

/*
 * The kernel in use. The first call finds it; when several threads make that call at once they
 * all find the same, and each of their stores is whole.
 */
static wsk__mask_fn mask_first_call;
static _Atomic(wsk__mask_fn *) best = mask_first_call;

static void mask_first_call(uint8_t *dst, const uint8_t *src, size_t len, uint32_t key,
                            unsigned phase)
{
    size_t i = WSK__COUNT(kernels) - 1;

    while (!kernels[i].usable())
        i--;
    atomic_store_explicit(&best, kernels[i].copy, memory_order_relaxed);
    kernels[i].copy(dst, src, len, key, phase);
}

void wsk__mask_copy(uint8_t *dst, const uint8_t *src, size_t len, uint32_t key, unsigned phase)
{
    if (len < 64)
        wsk__mask_short(dst, src, len, wsk__mask_key_at(key, phase));
    else
        atomic_load_explicit(&best, memory_order_relaxed)(dst, src, len, key, phase);
}

void wsk__mask(uint8_t *data, size_t len, uint32_t key, unsigned phase)
{
    wsk__mask_copy(data, data, len, key, phase);
}
