/* SPDX-License-Identifier: MIT */
/*
 * Every masking kernel against RFC 6455 5.3, in place, copied, and in two pieces. Input: four
 * octets of key, one of phase (low two bits) and alignment (the others), one for the cut, then
 * the payload.
 */
#include <stdlib.h>
#include <string.h>

#include "wire/mask.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect_same(const uint8_t *a, const uint8_t *b, size_t n)
{
    if (n > 0 && memcmp(a, b, n) != 0)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint32_t key;

    if (size < 6)
        return 0;
    memcpy(&key, data, 4);
    unsigned phase = data[4] & 3;
    size_t align = data[4] >> 2, len = size - 6, cut = len * data[5] / 255;
    const uint8_t *payload = data + 6;
    uint8_t *wanted = malloc(len + 1), *got = malloc(align + len + 1);
    if (wanted == NULL || got == NULL)
        abort();
    for (size_t i = 0; i < len; i++)
        wanted[i] = payload[i] ^ data[(phase + i) & 3];

    const wsk__mask_kernel *k;
    for (size_t i = 0; (k = wsk__mask_kernel_at(i)) != NULL; i++) {
        if (!k->usable())
            continue;
        k->copy(got + align, payload, len, key, phase);
        expect_same(got + align, wanted, len);
        k->copy(got + align, got + align, cut, key, phase);
        k->copy(got + align + cut, got + align + cut, len - cut, key, (unsigned)(phase + cut) & 3);
        expect_same(got + align, payload, len);
    }
    wsk__mask_copy(got + align, payload, len, key, phase);
    expect_same(got + align, wanted, len);
    wsk__mask(got + align, len, key, phase);
    expect_same(got + align, payload, len);
    free(wanted);
    free(got);
    return 0;
}
