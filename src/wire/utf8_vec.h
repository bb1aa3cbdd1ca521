/* SPDX-License-Identifier: MIT */
/*
 * UTF-8 validation with vectors of any size: the body of a kernel. Included once by each
 * kernel_*.c, after it has said what a vector is; therefore without a guard.
 *
 * The method is the one of J. Keiser and D. Lemire, "Validating UTF-8 In Less Than One
 * Instruction Per Byte" (2021): nearly every error shows in two neighbouring octets, and three
 * look-ups by half an octet, ANDed, tell which errors that pair can be part of. It says whether a
 * vector holds an error, not where: the rare text with one is looked at again, octet by octet.
 *
 * On top of what mask_vec.h wants:
 *   v_zero, v_or, v_and, v_splat       v_splat(c): the octet c over and over
 *   v_above(v, c)                      octets less c, never below 0
 *   v_high_half(v)                     upper four bits of each octet
 *   v_lookup(t, v)                     t[v] for a table of 16 octets and v below 16
 *   v_before_1, _2, _3(v, p)           the octets that stand so much before v; p precedes v
 *   v_has_high(v), v_has_any(v)        some octet is 0x80 or above; is not 0
 *   UTF8_TARGET                        attribute
 *   UTF8_CHECK_NAME, UTF8_UNMASK_NAME  names of the functions to define
 */

/* Octets that are judged at once, whatever the size of a vector. */
#define BLOCK   64
#define VECTORS (BLOCK / V_OCTETS)

/* What can be wrong with two octets in a row. */
#define LACKING   0x01 /* a lead octet, then no continuation */
#define STRAY     0x02 /* ASCII, then a continuation */
#define LONG_3    0x04 /* E0 80 to E0 9F: would fit in two octets */
#define TOO_HIGH  0x08 /* F4 90 and above, F5 to FF: past U+10FFFF */
#define SURROGATE 0x10 /* ED A0 to ED BF: half of a UTF-16 pair */
#define LONG_2    0x20 /* C0, C1: would fit in one */
#define LONG_4    0x40 /* F0 80 to F0 8F: would fit in three; and F5 to FF before 80 to 8F */
#define TWO_MORE  0x80 /* two continuations: right only if an octet before them asks for it */

/* Which errors the first octet can begin, by its upper and lower half; and the second can end. */
static const uint8_t first_high[16] = {
    STRAY,
    STRAY,
    STRAY,
    STRAY,
    STRAY,
    STRAY,
    STRAY,
    STRAY,
    TWO_MORE,
    TWO_MORE,
    TWO_MORE,
    TWO_MORE,
    LACKING | LONG_2,
    LACKING,
    LACKING | LONG_3 | SURROGATE,
    LACKING | TOO_HIGH | LONG_4,
};
#define ANY_LOW  (LACKING | STRAY | TWO_MORE)
#define HIGH_LOW (ANY_LOW | TOO_HIGH | LONG_4)
static const uint8_t first_low[16] = {
    ANY_LOW | LONG_2 | LONG_3 | LONG_4,
    ANY_LOW | LONG_2,
    ANY_LOW,
    ANY_LOW,
    ANY_LOW | TOO_HIGH,
    HIGH_LOW,
    HIGH_LOW,
    HIGH_LOW,
    HIGH_LOW,
    HIGH_LOW,
    HIGH_LOW,
    HIGH_LOW,
    HIGH_LOW,
    HIGH_LOW | SURROGATE,
    HIGH_LOW,
    HIGH_LOW,
};
#define ANY_MORE (STRAY | LONG_2 | TWO_MORE)
static const uint8_t second_high[16] = {
    LACKING,
    LACKING,
    LACKING,
    LACKING,
    LACKING,
    LACKING,
    LACKING,
    LACKING,
    ANY_MORE | LONG_3 | LONG_4,
    ANY_MORE | LONG_3 | TOO_HIGH,
    ANY_MORE | SURROGATE | TOO_HIGH,
    ANY_MORE | SURROGATE | TOO_HIGH,
    LACKING,
    LACKING,
    LACKING,
    LACKING,
};

/* Not zero where v, with p before it, is wrong. */
UTF8_TARGET static WSK__INLINE V errors_in(V v, V p)
{
    V before = v_before_1(v, p);
    V pair = v_and(v_and(v_lookup(first_high, v_high_half(before)),
                         v_lookup(first_low, v_and(before, v_splat(0x0F)))),
                   v_lookup(second_high, v_high_half(v)));
    /* The third octet of three and the third and fourth of four must be continuations, and the
     * octet before each is one too: TWO_MORE has to stand there, and nowhere else. */
    V third = v_above(v_before_2(v, p), 0xE0 - 0x80);
    V fourth = v_above(v_before_3(v, p), 0xF0 - 0x80);
    return v_xor(v_and(v_or(third, fourth), v_splat(0x80)), pair);
}

UTF8_TARGET static WSK__INLINE V errors_in_block(const V *v, V p)
{
    V errors = errors_in(v[0], p);

    for (unsigned n = 1; n < VECTORS; n++)
        errors = v_or(errors, errors_in(v[n], v[n - 1]));
    return errors;
}

/* Loads a block, unmasks and stores it if asked to. Returns the OR of its vectors. */
UTF8_TARGET static WSK__INLINE V take_block(V *v, uint8_t *out, const uint8_t *in, V key,
                                            bool unmask)
{
    V all = v_zero();

    for (unsigned n = 0; n < VECTORS; n++) {
        v[n] = v_load(in + n * V_OCTETS);
        if (unmask) {
            v[n] = v_xor(v[n], key);
            v_store(out + n * V_OCTETS, v[n]);
        }
        all = v_or(all, v[n]);
    }
    return all;
}

/*
 * Goes over ASCII as fast as it can be loaded. Four vectors are stored only when they are known
 * to be ASCII, so that others are still masked when they are taken as a block. Returns how far.
 */
UTF8_TARGET static WSK__INLINE size_t pass_ascii(uint8_t *out, const uint8_t *in, size_t len, V key,
                                                 bool unmask)
{
    size_t i = 0;

    for (; len - i >= 4 * V_OCTETS; i += 4 * V_OCTETS) {
        V a = v_load(in + i), b = v_load(in + i + V_OCTETS);
        V c = v_load(in + i + 2 * V_OCTETS), d = v_load(in + i + 3 * V_OCTETS);
        if (unmask) {
            a = v_xor(a, key);
            b = v_xor(b, key);
            c = v_xor(c, key);
            d = v_xor(d, key);
        }
        if (v_has_high(v_or(v_or(a, b), v_or(c, d))))
            break;
        if (unmask) {
            v_store(out + i, a);
            v_store(out + i + V_OCTETS, b);
            v_store(out + i + 2 * V_OCTETS, c);
            v_store(out + i + 3 * V_OCTETS, d);
        }
    }
    return i;
}

/* Fewer than BLOCK octets at in[i], unmasked already; `all` is the OR of them, p precedes them. */
UTF8_TARGET static WSK__INLINE size_t last_octets(wsk__utf8_state *state, const uint8_t *in,
                                                  size_t i, size_t len, uint64_t all, V p,
                                                  bool after_ascii)
{
    if (after_ascii || !wsk__utf8_ends_inside(in + i)) {
        if ((all & WSK__HIGH_BITS) == 0)
            return len;
        /* The zeros behind the text are ASCII: a character that they cut shows as an error. */
        uint8_t padded[BLOCK] = {0};
        V v[VECTORS];
        memcpy(padded, in + i, len - i);
        take_block(v, NULL, padded, v_zero(), false);
        if (!v_has_any(errors_in_block(v, p)))
            return len;
    }
    return wsk__utf8_locate(state, in, i, len);
}

/* out is in when there is something to unmask. *state is WSK__UTF8_START. */
UTF8_TARGET static WSK__INLINE size_t check_from_start(wsk__utf8_state *state, uint8_t *out,
                                                       const uint8_t *in, size_t len, uint32_t key,
                                                       bool unmask)
{
    V k = v_key(key), p = v_zero(), v[VECTORS];
    bool after_ascii = true;
    size_t i = 0;

    while (len - i >= BLOCK) {
        if (!v_has_high(take_block(v, unmask ? out + i : NULL, in + i, k, unmask))) {
            if (!after_ascii && wsk__utf8_ends_inside(in + i))
                return wsk__utf8_locate(state, in, i, i + BLOCK);
            i += BLOCK;
            i += pass_ascii(unmask ? out + i : NULL, in + i, len - i, k, unmask);
            after_ascii = true;
            p = v_zero();
            continue;
        }
        if (v_has_any(errors_in_block(v, p)))
            return wsk__utf8_locate(state, in, i, i + BLOCK);
        i += BLOCK;
        after_ascii = false;
        p = v[VECTORS - 1];
    }
    uint64_t all = unmask ? wsk__mask_short(out + i, in + i, len - i, key)
                          : wsk__or_short(in + i, len - i);
    return last_octets(state, in, i, len, all, p, after_ascii);
}

UTF8_TARGET size_t UTF8_CHECK_NAME(wsk__utf8_state *state, const uint8_t *data, size_t len)
{
    size_t begun = 0;

    if (*state != WSK__UTF8_START) {
        size_t lacks = wsk__utf8_lacks(*state);
        begun = wsk__utf8_check_scalar(state, data, len < lacks ? len : lacks);
        if (*state != WSK__UTF8_START)
            return begun;
    }
    return begun + check_from_start(state, NULL, data + begun, len - begun, 0, false);
}

UTF8_TARGET size_t UTF8_UNMASK_NAME(wsk__utf8_state *state, uint8_t *data, size_t len, uint32_t key,
                                    unsigned phase)
{
    size_t begun = 0;

    if (*state != WSK__UTF8_START) {
        size_t lacks = wsk__utf8_lacks(*state);
        begun = wsk__utf8_unmask_scalar(state, data, len < lacks ? len : lacks, key, phase);
        if (*state != WSK__UTF8_START)
            return begun;
    }
    return begun + check_from_start(state, data + begun, data + begun, len - begun,
                                    wsk__mask_key_at(key, phase + begun), true);
}

#undef BLOCK
#undef VECTORS
