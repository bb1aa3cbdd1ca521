/* SPDX-License-Identifier: MIT */
/*
 * Every UTF-8 kernel against a decoder that knows only code points, whole and in pieces, plain
 * and masked. Input: one octet for the size of the pieces, four of key, then the text.
 */
#include <stdlib.h>
#include <string.h>

#include "wire/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/*
 * Index of the first octet that no continuation could mend, or len. What stands of a character
 * leaves a range of code points that it can become; it is bad when all of that range is too small
 * for this many octets, too large, or surrogates.
 */
static size_t first_bad(const uint8_t *p, size_t len, bool *ret_inside)
{
    size_t i = 0;

    *ret_inside = false;
    while (i < len) {
        unsigned size = p[i] < 0x80             ? 1
                        : (p[i] & 0xE0) == 0xC0 ? 2
                        : (p[i] & 0xF0) == 0xE0 ? 3
                        : (p[i] & 0xF8) == 0xF0 ? 4
                                                : 0;
        if (size == 0)
            return i;
        uint32_t least = size == 1 ? 0 : size == 2 ? 0x80 : size == 3 ? 0x800 : 0x10000;
        uint32_t code = size == 1 ? p[i] : p[i] & (0x7Fu >> size);
        for (unsigned n = 1;; n++) {
            uint32_t low = code << 6 * (size - n), high = low | ((1u << 6 * (size - n)) - 1);
            if (high < least || low > 0x10FFFF || (low >= 0xD800 && high <= 0xDFFF))
                return i + n - 1;
            if (n == size)
                break;
            if (i + n == len) {
                *ret_inside = true;
                return len;
            }
            if ((p[i + n] & 0xC0) != 0x80)
                return i + n;
            code = code << 6 | (p[i + n] & 0x3F);
        }
        i += size;
    }
    return len;
}

static void expect(size_t got, size_t wanted, wsk__utf8_state s, size_t len, bool inside)
{
    if (got != wanted || (s == WSK__UTF8_BAD) != (wanted < len) ||
        (wanted == len && (s != WSK__UTF8_START) != inside))
        abort();
}

static void run(const wsk__utf8_kernel *k, const uint8_t *text, size_t len, size_t piece,
                const uint8_t *key_octets)
{
    bool inside;
    size_t wanted = first_bad(text, len, &inside), got = 0;
    wsk__utf8_state s = WSK__UTF8_START;
    uint8_t *masked = malloc(len + 1);
    uint32_t key;

    if (masked == NULL)
        abort();
    memcpy(&key, key_octets, 4);
    for (size_t at = 0; at < len && s != WSK__UTF8_BAD; at += piece)
        got = at + k->check(&s, text + at, len - at < piece ? len - at : piece);
    expect(got, wanted, s, len, inside);

    for (size_t i = 0; i < len; i++)
        masked[i] = text[i] ^ key_octets[i % 4];
    s = WSK__UTF8_START;
    got = 0;
    for (size_t at = 0; at < len && s != WSK__UTF8_BAD; at += piece)
        got = at + k->unmask_check(&s, masked + at, len - at < piece ? len - at : piece, key,
                                   (unsigned)at % 4);
    expect(got, wanted, s, len, inside);
    if (memcmp(masked, text, wanted) != 0)
        abort();
    free(masked);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const wsk__utf8_kernel chosen = {"chosen", wsk__utf8_check, wsk__utf8_unmask_check,
                                            NULL};
    const wsk__utf8_kernel *k;

    if (size < 5)
        return 0;
    size_t piece = data[0] == 0 ? SIZE_MAX / 2 : data[0];
    for (size_t i = 0; (k = wsk__utf8_kernel_at(i)) != NULL; i++) {
        if (k->usable()) {
            run(k, data + 5, size - 5, SIZE_MAX / 2, data + 1);
            run(k, data + 5, size - 5, piece, data + 1);
        }
    }
    run(&chosen, data + 5, size - 5, piece, data + 1);
    return 0;
}
