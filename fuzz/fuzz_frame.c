/* SPDX-License-Identifier: MIT */
/*
 * The frame header parser: whatever the octets are, the answer for a header is the same however
 * much of it is there, and what is written for what was read is what was read.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "wire/frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    wsk__frame_context ctx = {0};
    int last = 0;

    (void)last; /* only assertions look at it */

    if (size < 3)
        return 0;
    ctx.expect_mask = data[0] & 1;
    ctx.in_message = data[0] & 2;
    ctx.rsv = data[0] & 0x70;
    ctx.max_len = data[1] & 1 ? UINT64_MAX : (uint64_t)1 << (data[1] >> 2);
    ctx.budget = data[2] & 1 ? UINT64_MAX : (uint64_t)1 << (data[2] >> 2);
    data += 3;
    size = size - 3 < 14 ? size - 3 : 14;
    for (size_t n = 0; n <= size; n++) {
        uint8_t *p = malloc(n + (n == 0));
        wsk__rule rule = WSK__RULE_NONE;
        wsk__frame f;
        size_t need = 0;
        memcpy(p, data, n);
        int r = wsk__frame_parse(p, n, &ctx, &f, &need, &rule);
        assert(last == 0 || r == last); /* what was proved stays proved */
        if (r == 0)
            assert(need > n && need <= WSK__FRAME_HEAD_MAX);
        if (r < 0)
            assert(rule != WSK__RULE_NONE && wsk__rule_code(rule) != 0);
        if (r > 0) {
            uint8_t again[WSK__FRAME_HEAD_MAX];
            uint8_t first = (uint8_t)((f.fin ? 0x80 : 0) | f.rsv | f.opcode);
            assert(wsk__frame_head_len(f.len, f.masked) == f.head_len);
            wsk__frame_write(again, first, f.len, f.masked, f.key);
            assert(memcmp(again, p, f.head_len) == 0);
        }
        last = r;
        free(p);
    }
    return 0;
}
