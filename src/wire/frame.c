/* SPDX-License-Identifier: MIT */
/*
 * See frame.h. Every limit here is checked at the first octet that can prove it passed: a peer
 * that announces 2^63 octets must be answered before anything of that size is thought of, and one
 * that sends the header octet by octet must not get more for it than one that does not.
 */
#include "wire/frame.h"

#include <string.h>

#include "util/attr.h"

static const struct {
    unsigned code;
    const char *text;
    const char *rfc;
} rules[] = {{0, "", ""},
#define RULE_ROW_(name, code, rfc, text) {code, text, rfc},
             WSK__RULE_MAP(RULE_ROW_)
#undef RULE_ROW_
};

unsigned wsk__rule_code(wsk__rule rule)
{
    return rules[rule].code;
}

const char *wsk__rule_text(wsk__rule rule)
{
    return rules[rule].text;
}

const char *wsk__rule_rfc(wsk__rule rule)
{
    return rules[rule].rfc;
}

/* The first octet: FIN, reserved bits, opcode, and whether it may come now. */
static wsk__rule check_first(uint8_t first, const wsk__frame_context *ctx)
{
    uint8_t rsv = first & WSK__RSV_MASK;

    switch (first & 0x0F) {
    case 0x0: /* continuation: RFC 6455 5.4; bits of a message stand in its first frame only */
        if (rsv & ~ctx->rsv)
            return WSK__RULE_RSV;
        if (!ctx->in_message)
            return WSK__RULE_NO_MESSAGE;
        return rsv ? WSK__RULE_RSV_CONTINUATION : WSK__RULE_NONE;
    case 0x1: /* text */
    case 0x2: /* binary */
        if (rsv & ~ctx->rsv)
            return WSK__RULE_RSV;
        return ctx->in_message ? WSK__RULE_IN_MESSAGE : WSK__RULE_NONE;
    case 0x3:
    case 0x4:
    case 0x5:
    case 0x6:
    case 0x7:
        return rsv & ~ctx->rsv ? WSK__RULE_RSV : WSK__RULE_OPCODE_DATA;
    case 0x8: /* close */
    case 0x9: /* ping */
    case 0xA: /* pong: RFC 6455 5.5 */
        if (rsv)
            return WSK__RULE_RSV_CONTROL;
        return first & WSK__FIN ? WSK__RULE_NONE : WSK__RULE_CONTROL_FRAGMENTED;
    default:
        return rsv ? WSK__RULE_RSV_CONTROL : WSK__RULE_OPCODE_CONTROL;
    }
}

/*
 * The n octets (of `width`) that are there of an extended length, big-endian. What they prove:
 * the value is at least what it would be if zeros followed, and at most if ones did.
 */
static wsk__rule check_length(const uint8_t *p, size_t n, size_t width,
                              const wsk__frame_context *ctx, uint64_t *ret_len)
{
    uint64_t least = 0, floor = width == 2 ? 126 : 65536;

    if (n == 0)
        return WSK__RULE_NONE;
    if (width == 8 && (p[0] & 0x80))
        return WSK__RULE_LENGTH_TOP_BIT;
    for (size_t i = 0; i < n; i++)
        least = least << 8 | p[i];
    uint64_t missing = 8 * (width - n);
    uint64_t most = missing == 0 ? least : least << missing | ((1ull << missing) - 1);
    least <<= missing;
    if (most < floor)
        return WSK__RULE_LENGTH_NOT_MINIMAL;
    if (least > ctx->max_len)
        return WSK__RULE_FRAME_TOO_BIG;
    if (least > ctx->budget)
        return WSK__RULE_MESSAGE_TOO_BIG;
    *ret_len = least;
    return WSK__RULE_NONE;
}

int wsk__frame_parse(const uint8_t *p, size_t n, const wsk__frame_context *ctx, wsk__frame *ret,
                     size_t *ret_need, wsk__rule *ret_rule)
{
    size_t width = 0, need;
    uint64_t len = 0;
    wsk__rule rule;

    if (n == 0) {
        *ret_need = 2;
        return 0;
    }
    rule = check_first(p[0], ctx);
    if (WSK__UNLIKELY(rule != WSK__RULE_NONE))
        goto broken;
    if (n < 2) {
        *ret_need = 2;
        return 0;
    }
    bool masked = (p[1] & 0x80) != 0;
    if (WSK__UNLIKELY(masked != ctx->expect_mask)) {
        rule = masked ? WSK__RULE_MASKED : WSK__RULE_UNMASKED;
        goto broken;
    }
    len = p[1] & 0x7F;
    if (p[0] & 0x08) {
        if (WSK__UNLIKELY(len > WSK__CONTROL_MAX)) {
            rule = WSK__RULE_CONTROL_TOO_LONG;
            goto broken;
        }
    } else if (len < 126) {
        if (WSK__UNLIKELY(len > ctx->max_len || len > ctx->budget)) {
            rule = len > ctx->max_len ? WSK__RULE_FRAME_TOO_BIG : WSK__RULE_MESSAGE_TOO_BIG;
            goto broken;
        }
    } else {
        width = len == 126 ? 2 : 8;
        rule = check_length(p + 2, n - 2 < width ? n - 2 : width, width, ctx, &len);
        if (WSK__UNLIKELY(rule != WSK__RULE_NONE))
            goto broken;
    }
    need = 2 + width + (masked ? 4 : 0);
    if (n < need) {
        *ret_need = need;
        return 0;
    }
    ret->len = len;
    ret->key = 0;
    if (masked)
        memcpy(&ret->key, p + 2 + width, 4);
    ret->head_len = (uint8_t)need;
    ret->opcode = p[0] & 0x0F;
    ret->rsv = p[0] & WSK__RSV_MASK;
    ret->fin = (p[0] & WSK__FIN) != 0;
    ret->masked = masked;
    return 1;
broken:
    *ret_rule = rule;
    return -1;
}

void wsk__frame_write(uint8_t *p, uint8_t first, uint64_t len, bool masked, uint32_t key)
{
    uint8_t mask_bit = masked ? 0x80 : 0;
    size_t n = 2;

    p[0] = first;
    if (len < 126) {
        p[1] = (uint8_t)(mask_bit | len);
    } else if (len < 65536) {
        p[1] = mask_bit | 126;
        p[2] = (uint8_t)(len >> 8);
        p[3] = (uint8_t)len;
        n = 4;
    } else {
        p[1] = mask_bit | 127;
        for (int i = 0; i < 8; i++)
            p[2 + i] = (uint8_t)(len >> (56 - 8 * i));
        n = 10;
    }
    if (masked)
        memcpy(p + n, &key, 4);
}
