/* SPDX-License-Identifier: MIT */
/*
 * The frame header parser against a slow reference that reads a complete header the obvious way:
 * all first octets in all states, all length forms at their borders, every cut, every limit.
 */
#include "support.h"

#include <stdlib.h>
#include <string.h>

#include "wire/frame.h"

/* What RFC 6455 5.2 to 5.5 say of a complete header; the close code, or 0. The order in which
 * rules are named does not matter here: only whether one is broken, and its code. */
static unsigned reference(const uint8_t *p, const wsk__frame_context *ctx, uint64_t *ret_len)
{
    unsigned op = p[0] & 15, rsv = p[0] & 0x70;
    bool control = op >= 8, known = op <= 2 || (op >= 8 && op <= 10);
    uint64_t len = p[1] & 127;

    if (!known || (control ? rsv != 0 : (rsv & ~(unsigned)ctx->rsv) != 0))
        return 1002;
    if (control && !(p[0] & 0x80))
        return 1002;
    if (op == 0 && (!ctx->in_message || rsv != 0))
        return 1002;
    if ((op == 1 || op == 2) && ctx->in_message)
        return 1002;
    if (((p[1] & 0x80) != 0) != ctx->expect_mask)
        return 1002;
    if (control && len > 125)
        return 1002;
    if (len == 126) {
        len = (uint64_t)p[2] << 8 | p[3];
        if (len < 126)
            return 1002;
    } else if (len == 127) {
        len = 0;
        for (int i = 0; i < 8; i++)
            len = len << 8 | p[2 + i];
        if (len >> 63 || len < 65536)
            return 1002;
    }
    if (!control && (len > ctx->max_len || len > ctx->budget))
        return 1009;
    *ret_len = len;
    return 0;
}

static size_t full_length(const uint8_t *p)
{
    unsigned len = p[1] & 127;

    return 2u + (len == 126 ? 2u : len == 127 ? 8u : 0u) + (p[1] & 0x80 ? 4u : 0u);
}

/* Every prefix of a header: a complete one agrees with the reference; a broken rule is never
 * reported for a header that is in order, and always by the time that the header is complete. */
static void check_header(const uint8_t *head, const wsk__frame_context *ctx)
{
    size_t total = full_length(head);
    uint64_t want_len = 0;
    unsigned want = reference(head, ctx, &want_len);
    bool broken = false;

    for (size_t n = 0; n <= total; n++) {
        uint8_t *p = guard_copy(head, n);
        wsk__rule rule = WSK__RULE_NONE;
        wsk__frame f;
        size_t need = 0;
        int r = wsk__frame_parse(p, n, ctx, &f, &need, &rule);
        if (r < 0) {
            broken = true;
            assert_int_equal(want, wsk__rule_code(rule));
        } else if (r == 0) {
            assert_false(broken); /* once proved, always proved */
            assert_true(need > n && need <= total);
        } else {
            assert_int_equal(n, total);
            assert_int_equal(want, 0);
            assert_int_equal(f.head_len, total);
            assert_true(f.len == want_len);
            assert_int_equal(f.opcode, head[0] & 15);
            assert_int_equal(f.fin, head[0] >> 7);
            assert_int_equal(f.rsv, head[0] & 0x70);
            if (f.masked)
                assert_memory_equal(&f.key, head + total - 4, 4);
        }
        guard_free(p, n);
    }
    if (want != 0)
        assert_true(broken);
}

static void test_all_first_octets(void **state)
{
    (void)state;
    static const uint8_t second[] = {0x00, 0x01, 0x7D, 0x7E, 0x7F, 0x80, 0x81, 0xFD, 0xFE, 0xFF};
    static const uint8_t rsvs[] = {0x00, 0x40, 0x60, 0x70};

    for (unsigned first = 0; first < 256; first++) {
        for (size_t s = 0; s < sizeof(second); s++) {
            for (int in = 0; in < 2; in++) {
                for (int mask = 0; mask < 2; mask++) {
                    for (size_t v = 0; v < 4; v++) {
                        uint8_t head[14] = {(uint8_t)first, second[s], 0, 0, 0, 0, 0, 1, 0, 0};
                        wsk__frame_context ctx = {mask != 0, in != 0, rsvs[v], 1 << 20, 1 << 20};
                        if ((second[s] & 127) == 126)
                            head[2] = 1;
                        check_header(head, &ctx);
                    }
                }
            }
        }
    }
}

static void test_lengths(void **state)
{
    (void)state;
    static const uint64_t lens[] = {0,
                                    1,
                                    125,
                                    126,
                                    127,
                                    255,
                                    256,
                                    999,
                                    1000,
                                    1001,
                                    65535,
                                    65536,
                                    65537,
                                    0xFFFFFF,
                                    1u << 24,
                                    0x7FFFFFFF,
                                    0x80000000u,
                                    0xFFFFFFFFu,
                                    0x100000000ull,
                                    0x7FFFFFFFFFFFFFFFull,
                                    0x8000000000000000ull,
                                    0xFFFFFFFFFFFFFFFFull};
    static const uint64_t limits[] = {
        0, 125, 126, 1000, 65535, 65536, 1u << 24, UINT64_MAX / 2, UINT64_MAX};

    for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
        for (int form = 126; form <= 127; form++) {
            for (size_t l = 0; l < sizeof(limits) / sizeof(limits[0]); l++) {
                for (size_t b = 0; b < sizeof(limits) / sizeof(limits[0]); b++) {
                    uint8_t head[14] = {0x82, (uint8_t)(0x80 | form)};
                    size_t width = form == 126 ? 2 : 8;
                    wsk__frame_context ctx = {true, false, 0, limits[l], limits[b]};
                    for (size_t k = 0; k < width; k++)
                        head[2 + k] = (uint8_t)(lens[i] >> (8 * (width - 1 - k)));
                    check_header(head, &ctx);
                }
            }
        }
    }
}

/* What is written is what is read, in the shortest form. */
static void test_write(void **state)
{
    (void)state;
    static const uint64_t lens[] = {0, 1, 125, 126, 65535, 65536, 1u << 31, UINT64_MAX / 2};

    for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
        for (int masked = 0; masked < 2; masked++) {
            wsk__frame_context ctx = {masked != 0, false, 0x70, UINT64_MAX, UINT64_MAX};
            size_t n = wsk__frame_head_len(lens[i], masked != 0), need;
            uint8_t *p = malloc(n);
            uint32_t key = 0x12345678;
            wsk__rule rule;
            wsk__frame f;
            wsk__frame_write(p, 0xC2, lens[i], masked != 0, key);
            assert_int_equal(wsk__frame_parse(p, n, &ctx, &f, &need, &rule), 1);
            assert_true(f.len == lens[i]);
            assert_int_equal(f.key, masked ? key : 0);
            assert_int_equal(f.rsv, 0x40);
            free(p);
        }
    }
}

/* How early a rule is broken, octet by octet. */
static void test_earliest(void **state)
{
    (void)state;
    static const struct {
        const char *hex;
        size_t at; /* octets that prove it */
        wsk__rule rule;
    } rows[] = {
        {"83", 1, WSK__RULE_OPCODE_DATA},
        {"8b", 1, WSK__RULE_OPCODE_CONTROL},
        {"c1", 1, WSK__RULE_RSV},
        {"09", 1, WSK__RULE_CONTROL_FRAGMENTED},
        {"80", 1, WSK__RULE_NO_MESSAGE},
        {"8105", 2, WSK__RULE_UNMASKED},
        {"89fe", 2, WSK__RULE_CONTROL_TOO_LONG},
        {"81fe007d", 4, WSK__RULE_LENGTH_NOT_MINIMAL},
        {"82ff80", 3, WSK__RULE_LENGTH_TOP_BIT},
        {"82ff01", 3, WSK__RULE_FRAME_TOO_BIG},
        {"82ff00000001", 6, WSK__RULE_FRAME_TOO_BIG},
        {"82ff000000000000", 8, WSK__RULE_LENGTH_NOT_MINIMAL},
        {"82fe04", 3, WSK__RULE_FRAME_TOO_BIG},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        wsk__frame_context ctx = {true, false, 0, 1000, 1000};
        size_t len, need;
        uint8_t *p = unhex(rows[i].hex, &len);
        wsk__rule rule = WSK__RULE_NONE;
        wsk__frame f;
        assert_int_equal(len, rows[i].at);
        assert_int_equal(wsk__frame_parse(p, len - 1, &ctx, &f, &need, &rule), 0);
        assert_int_equal(wsk__frame_parse(p, len, &ctx, &f, &need, &rule), -1);
        assert_int_equal(rule, rows[i].rule);
        free(p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_first_octets),
        cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_write),
        cmocka_unit_test(test_earliest),
    };

    return cmocka_run_group_tests_name("frame", tests, NULL, NULL);
}
