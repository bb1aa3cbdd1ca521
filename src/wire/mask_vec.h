/* SPDX-License-Identifier: MIT */
/*
 * Masking with vectors of any size: the body of a kernel. Included once by each kernel_*.c, after
 * it has said what a vector is; therefore without a guard. It wants
 *   V, V_OCTETS                  the type and its size, a power of two of at least 16
 *   v_load, v_store              unaligned
 *   v_xor, v_key                 v_key(k): the four octets of k over and over
 *   MASK_TARGET, MASK_NAME       attribute and name of the function to define
 *   MASK_SHORTER                 a function for fewer than V_OCTETS octets
 */
MASK_TARGET void MASK_NAME(uint8_t *dst, const uint8_t *src, size_t len, uint32_t key,
                           unsigned phase)
{
    if (len < V_OCTETS) {
        MASK_SHORTER(dst, src, len, key, phase);
        return;
    }
    key = wsk__mask_key_at(key, phase);
    /*
     * Both ends are loaded first and stored last. In place, the loop between them thus never
     * sees an octet that was masked already, and may begin where the stores are aligned.
     */
    V head = v_xor(v_load(src), v_key(key));
    V tail = v_xor(v_load(src + len - V_OCTETS), v_key(wsk__mask_key_at(key, len)));
    if (len > 2 * V_OCTETS) {
        size_t i = V_OCTETS - ((uintptr_t)dst & (V_OCTETS - 1));
        V k = v_key(wsk__mask_key_at(key, i));
        for (; len - i >= 4 * V_OCTETS; i += 4 * V_OCTETS) {
            V a = v_xor(v_load(src + i), k);
            V b = v_xor(v_load(src + i + V_OCTETS), k);
            V c = v_xor(v_load(src + i + 2 * V_OCTETS), k);
            V d = v_xor(v_load(src + i + 3 * V_OCTETS), k);
            v_store(dst + i, a);
            v_store(dst + i + V_OCTETS, b);
            v_store(dst + i + 2 * V_OCTETS, c);
            v_store(dst + i + 3 * V_OCTETS, d);
        }
        for (; len - i >= V_OCTETS; i += V_OCTETS)
            v_store(dst + i, v_xor(v_load(src + i), k));
    }
    v_store(dst, head);
    v_store(dst + len - V_OCTETS, tail);
}
