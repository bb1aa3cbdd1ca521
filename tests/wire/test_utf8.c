/* SPDX-License-Identifier: MIT */
/*
 * Each UTF-8 kernel, forced by name, against a truth that shares no thought with them: every code
 * point is encoded by arithmetic, and an octet is good if what stands so far is the beginning of
 * one of those encodings.
 */
#include "support.h"

#include <stdlib.h>
#include <string.h>

#include "fence.h"
#include "wire/utf8.h"

/* ------------------------------------------------------------------------------- truth -- */

enum verdict { NO = 0, BEGUN = 1, WHOLE = 2 };

/* Indexed by the octets of a beginning, first octet uppermost. Four octets need no table: three
 * that are BEGUN are completed by each continuation octet. */
static uint8_t one[256], two[65536], three[1 << 24];

static size_t encode(uint32_t code, uint8_t *out)
{
    if (code < 0x80) {
        out[0] = (uint8_t)code;
        return 1;
    }
    size_t more = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
    uint32_t mark = more == 1 ? 0xC0 : more == 2 ? 0xE0 : 0xF0;
    for (size_t i = more; i > 0; i--, code >>= 6)
        out[i] = (uint8_t)(0x80 | (code & 0x3F));
    out[0] = (uint8_t)(mark | code);
    return more + 1;
}

static int make_truth(void **state)
{
    (void)state;
    for (uint32_t code = 0; code <= 0x10FFFF; code++) {
        uint8_t c[4];
        if (code >= 0xD800 && code <= 0xDFFF)
            continue;
        size_t n = encode(code, c);
        one[c[0]] = n == 1 ? WHOLE : BEGUN;
        if (n >= 2)
            two[c[0] << 8 | c[1]] = n == 2 ? WHOLE : BEGUN;
        if (n >= 3)
            three[c[0] << 16 | c[1] << 8 | c[2]] = n == 3 ? WHOLE : BEGUN;
    }
    return 0;
}

static enum verdict judge(const uint8_t *c, size_t n)
{
    switch (n) {
    case 1:
        return one[c[0]];
    case 2:
        return two[c[0] << 8 | c[1]];
    case 3:
        return three[c[0] << 16 | c[1] << 8 | c[2]];
    default:
        return (c[3] & 0xC0) == 0x80 ? WHOLE : NO;
    }
}

/* The index of the first bad octet, or len; and whether the text ends inside a character. */
static size_t truth(const uint8_t *data, size_t len, bool *ret_inside)
{
    size_t start = 0;

    *ret_inside = false;
    for (size_t i = 0; i < len; i++) {
        enum verdict v = judge(data + start, i - start + 1);
        if (v == NO)
            return i;
        *ret_inside = v == BEGUN;
        if (v == WHOLE)
            start = i + 1;
    }
    return len;
}

/* ------------------------------------------------------------------------------- tools -- */

/* The kernels of this build and the functions that choose one ("chosen"). */
static bool subject_at(size_t i, wsk__utf8_kernel *ret)
{
    const wsk__utf8_kernel *k = wsk__utf8_kernel_at(i);

    if (k != NULL) {
        *ret = *k;
        return true;
    }
    if (wsk__utf8_kernel_at(i - 1) == NULL)
        return false;
    *ret = (wsk__utf8_kernel){"chosen", wsk__utf8_check, wsk__utf8_unmask_check, NULL};
    return true;
}

typedef void subject_test(const wsk__utf8_kernel *k);

static void for_each_kernel(subject_test *test)
{
    wsk__utf8_kernel k;
    int ran = 0;

    for (size_t i = 0; subject_at(i, &k); i++) {
        if (k.usable != NULL && !k.usable()) {
            print_message("# %s: not on this processor\n", k.name);
            continue;
        }
        test(&k);
        ran++;
    }
    assert_true(ran >= 3);
}

static void complain(const wsk__utf8_kernel *k, const char *what, const uint8_t *data, size_t len,
                     size_t wanted, size_t got)
{
    size_t from = wanted > 4 ? wanted - 4 : 0, to = wanted + 8 < len ? wanted + 8 : len;

    for (size_t i = from; i < to; i++)
        print_error("# octet %zu: %02x\n", i, data[i]);
    fail_msg("%s, %s of %zu octets: first bad octet is %zu, kernel says %zu", k->name, what, len,
             wanted, got);
}

static void expect_state(const wsk__utf8_kernel *k, wsk__utf8_state s, bool good, bool inside)
{
    bool right = !good    ? s == WSK__UTF8_BAD
                 : inside ? s != WSK__UTF8_BAD && s != WSK__UTF8_START
                          : s == WSK__UTF8_START;

    if (!right)
        fail_msg("%s: wrong state %08x", k->name, s);
}

/* Checks data as one piece, plain and masked. */
static void expect_whole(const wsk__utf8_kernel *k, const uint8_t *data, size_t len)
{
    static uint8_t masked[1 << 16];
    static unsigned phase;
    bool inside;
    size_t wanted = truth(data, len, &inside);
    wsk__utf8_state s = WSK__UTF8_START;

    size_t got = k->check(&s, data, len);
    if (got != wanted)
        complain(k, "check", data, len, wanted, got);
    expect_state(k, s, wanted == len, inside);

    const uint8_t key_octets[4] = {0x93, 0x5C, 0xE8, 0x01};
    uint32_t key;
    memcpy(&key, key_octets, 4);
    phase = (phase + 1) % 4;
    for (size_t i = 0; i < len; i++)
        masked[i] = (uint8_t)(data[i] ^ key_octets[(i + phase) % 4]);
    s = WSK__UTF8_START;
    got = k->unmask_check(&s, masked, len, key, phase);
    if (got != wanted)
        complain(k, "unmask", data, len, wanted, got);
    expect_state(k, s, wanted == len, inside);
    if (memcmp(masked, data, wanted) != 0)
        fail_msg("%s: unmasked wrongly", k->name);
}

/* Checks data in pieces of n octets, or cut once at `cut` when n is 0. */
static void expect_pieces(const wsk__utf8_kernel *k, const uint8_t *data, size_t len, size_t n,
                          size_t cut)
{
    static uint8_t masked[4096];
    const uint8_t key_octets[4] = {0x11, 0xA2, 0x5B, 0xFE};
    wsk__utf8_state s = WSK__UTF8_START, u = WSK__UTF8_START;
    size_t got = 0, unmasked = 0;
    bool inside;
    size_t wanted = truth(data, len, &inside);
    uint32_t key;

    memcpy(&key, key_octets, 4);
    for (size_t i = 0; i < len; i++)
        masked[i] = (uint8_t)(data[i] ^ key_octets[(i + 1) % 4]);
    for (size_t at = 0; at < len;) {
        size_t piece = n > 0 ? n : at < cut ? cut : len - cut;
        piece = piece < len - at ? piece : len - at;
        if (s != WSK__UTF8_BAD)
            got = at + k->check(&s, data + at, piece);
        if (u != WSK__UTF8_BAD)
            unmasked = at + k->unmask_check(&u, masked + at, piece, key, (unsigned)(at + 1) % 4);
        at += piece;
    }
    if (got != wanted)
        complain(k, "check in pieces", data, len, wanted, got);
    if (unmasked != wanted)
        complain(k, "unmask in pieces", data, len, wanted, unmasked);
    expect_state(k, s, wanted == len, inside);
    expect_state(k, u, wanted == len, inside);
    if (memcmp(masked, data, wanted) != 0)
        fail_msg("%s: unmasked wrongly", k->name);
}

/* The octets between which RFC 3629 draws a line. */
static const uint8_t edges[] = {0x00, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF,
                                0xC0, 0xC1, 0xC2, 0xDF, 0xE0, 0xE1, 0xEC, 0xED,
                                0xEE, 0xEF, 0xF0, 0xF1, 0xF3, 0xF4, 0xF5, 0xFF};
enum { EDGES = sizeof(edges) };

/* Text with `n` octets on average per character class; some octets spoilt if `spoil`. */
static size_t random_text(uint8_t *out, size_t room, uint64_t *seed, unsigned ascii_percent,
                          bool spoil)
{
    static const uint32_t first[] = {0x80, 0x800, 0xE000, 0x10000};
    static const uint32_t count[] = {0x780, 0xD000, 0x2000, 0x100000};
    size_t n = 0;

    while (room - n >= 4) {
        if (lcg(seed) % 100 < ascii_percent) {
            out[n++] = (uint8_t)(lcg(seed) % 0x80);
            continue;
        }
        unsigned kind = lcg(seed) % 4;
        n += encode(first[kind] + lcg(seed) % count[kind], out + n);
    }
    if (spoil && n > 0) {
        size_t at = lcg(seed) % n;
        if (lcg(seed) % 2)
            out[at] = (uint8_t)lcg(seed);
        else
            out[at] ^= (uint8_t)(1u << lcg(seed) % 8);
    }
    return n;
}

/* ------------------------------------------------------------------------------- tests -- */

/* Every sequence of up to three octets, by itself. */
static void all_short(const wsk__utf8_kernel *k)
{
    uint8_t c[4] = {0}; /* a fourth that is never read: judge() takes up to four */

    for (size_t v = 0; v < 1u << 24; v += test_stride(251)) {
        c[0] = (uint8_t)(v >> 16);
        c[1] = (uint8_t)(v >> 8);
        c[2] = (uint8_t)v;
        /* Beginnings that fail at once fail alike whatever comes behind. */
        size_t len = v < 256 ? 1 : v < 65536 ? 2 : 3;
        bool inside;
        size_t wanted = truth(c + 3 - len, len, &inside);
        wsk__utf8_state s = WSK__UTF8_START;
        size_t got = k->check(&s, c + 3 - len, len);
        if (got != wanted)
            complain(k, "check", c + 3 - len, len, wanted, got);
        expect_state(k, s, wanted == len, inside);
    }
}

/* Every sequence of three octets across the seam of two blocks, and followed by ASCII. */
static void all_at_seam(const wsk__utf8_kernel *k)
{
    uint8_t text[160];
    const size_t at = 63;

    memset(text, 'x', sizeof(text));
    for (size_t v = 0; v < 1u << 24; v += test_stride(251)) {
        text[at] = (uint8_t)(v >> 16);
        text[at + 1] = (uint8_t)(v >> 8);
        text[at + 2] = (uint8_t)v;
        bool inside;
        size_t wanted = at + truth(text + at, 4, &inside);
        wsk__utf8_state s = WSK__UTF8_START;
        size_t got = k->check(&s, text, sizeof(text));
        if (wanted == at + 4)
            wanted = sizeof(text);
        if (got != wanted)
            complain(k, "check", text, sizeof(text), wanted, got);
        expect_state(k, s, wanted == sizeof(text), false);
    }
}

/* Boundary sequences of three octets at every offset, in ASCII and in Cyrillic. */
static void edges_everywhere(const wsk__utf8_kernel *k)
{
    uint8_t text[144];

    for (int cyrillic = 0; cyrillic < 2; cyrillic++) {
        for (size_t at = 0; at + 3 <= sizeof(text); at += 1 + (size_t)cyrillic) {
            for (size_t i = 0; i < sizeof(text); i++)
                text[i] = !cyrillic ? 'a' : i % 2 ? 0xB6 : 0xD0;
            for (size_t v = 0; v < EDGES * EDGES * EDGES; v += test_stride(31)) {
                text[at] = edges[v / EDGES / EDGES];
                text[at + 1] = edges[v / EDGES % EDGES];
                text[at + 2] = edges[v % EDGES];
                bool inside;
                size_t wanted = truth(text, sizeof(text), &inside);
                wsk__utf8_state s = WSK__UTF8_START;
                size_t got = k->check(&s, text, sizeof(text));
                if (got != wanted)
                    complain(k, "check", text, sizeof(text), wanted, got);
                expect_state(k, s, wanted == sizeof(text), inside);
            }
        }
    }
}

/* Boundary sequences of four octets where blocks, vectors and the text end. */
static void edges_of_four(const wsk__utf8_kernel *k)
{
    static const size_t places[] = {0, 13, 29, 61, 62, 63, 64, 124, 125};
    uint8_t text[129];

    for (size_t p = 0; p < sizeof(places) / sizeof(places[0]); p++) {
        memset(text, 'a', sizeof(text));
        uint8_t *c = text + places[p];
        for (size_t v = 0; v < EDGES * EDGES * EDGES * EDGES; v += test_stride(251)) {
            c[0] = edges[v / EDGES / EDGES / EDGES];
            c[1] = edges[v / EDGES / EDGES % EDGES];
            c[2] = edges[v / EDGES % EDGES];
            c[3] = edges[v % EDGES];
            bool inside;
            size_t more = places[p] + 4 < sizeof(text) ? 5 : 4;
            size_t wanted = truth(c, more, &inside);
            wanted = wanted == more ? sizeof(text) : places[p] + wanted;
            wsk__utf8_state s = WSK__UTF8_START;
            size_t got = k->check(&s, text, sizeof(text));
            if (got != wanted)
                complain(k, "check", text, sizeof(text), wanted, got);
            expect_state(k, s, wanted == sizeof(text), inside);
        }
    }
}

/* One character, good or bad, at every offset of every length; and every cut of it. */
static void every_offset_and_split(const wsk__utf8_kernel *k)
{
    static const char *const samples[] = {
        "\xC3\xA9",
        "\xE2\x82\xAC",
        "\xF0\x9F\x98\x80",
        "\xF4\x8F\xBF\xBF",
        "\xED\x9F\xBF",
        "\xEE\x80\x80",
        "\xC0\xAF",
        "\xE0\x9F\xBF",
        "\xED\xA0\x80",
        "\xF4\x90\x80\x80",
        "\xF5\x80\x80\x80",
        "\xF0\x8F\xBF\xBF",
        "\xE2\x82",
        "\xF0\x9F\x98",
        "\xC3",
        "\x80",
        "\xE2\x82\xAC\xBF",
    };
    uint8_t text[150];

    for (size_t n = 0; n < sizeof(samples) / sizeof(samples[0]); n++) {
        size_t size = strlen(samples[n]);
        for (size_t len = size; len <= sizeof(text); len += len < 70 || len > 120 ? 1 : 10) {
            for (size_t at = 0; at + size <= len; at++) {
                memset(text, 'z', len);
                memcpy(text + at, samples[n], size);
                expect_whole(k, text, len);
                for (size_t cut = at > 0 ? at - 1 : 0; cut <= at + size && cut <= len; cut++)
                    expect_pieces(k, text, len, 0, cut);
            }
        }
    }
}

static void random_texts(const wsk__utf8_kernel *k)
{
    static const unsigned ascii[] = {0, 30, 90, 99, 100};
    static uint8_t text[2048];
    uint64_t seed = 20111201;

    for (int round = 0; round < 4000; round++) {
        size_t room = 4 + lcg(&seed) % (sizeof(text) - 4);
        size_t n = random_text(text, room, &seed, ascii[round % 5], round % 3 != 0);
        size_t skip = lcg(&seed) % 8 < n ? lcg(&seed) % 8 % (n + 1) : 0;
        expect_whole(k, text + skip, n - skip);
        expect_pieces(k, text, n, 1 + lcg(&seed) % 200, 0);
    }
}

static void every_split_of_texts(const wsk__utf8_kernel *k)
{
    uint8_t text[200];
    uint64_t seed = 7;

    for (int round = 0; round < 40; round++) {
        size_t n = random_text(text, sizeof(text), &seed, 25, round % 2 != 0);
        for (size_t cut = 0; cut <= n; cut++)
            expect_pieces(k, text, n, 0, cut);
        for (size_t piece = 1; piece < 10; piece++)
            expect_pieces(k, text, n, piece, 0);
    }
}

/* Every length at both ends of a page, so that reading outside is deadly; not ASCII either. */
static void at_fences(const wsk__utf8_kernel *k)
{
    fence f = fence_new();
    uint32_t key = 0;

    for (int ascii = 0; ascii < 2; ascii++) {
        for (size_t len = 0; len <= 300; len++) {
            for (int at_end = 0; at_end < 2; at_end++) {
                uint8_t *text = at_end ? f.end - len : f.first;
                for (size_t i = 0; i < len; i++)
                    text[i] = ascii ? 'q' : i % 2 ? 0xA9 : 0xC3;
                wsk__utf8_state s = WSK__UTF8_START, u = WSK__UTF8_START;
                assert_int_equal(k->check(&s, text, len), len);
                assert_int_equal(k->unmask_check(&u, text, len, key, 0), len);
                expect_state(k, s, true, !ascii && len % 2);
                expect_state(k, u, true, !ascii && len % 2);
            }
        }
    }
    fence_free(f);
}

/* Unmasking writes the octets it was given and no others. */
static void writes_inside_only(const wsk__utf8_kernel *k)
{
    uint8_t room[512], before[512];
    const uint8_t key_octets[4] = {1, 2, 3, 4};
    uint32_t key;

    memcpy(&key, key_octets, 4);
    for (size_t len = 0; len <= 300; len++) {
        for (size_t align = 0; align < 64; align += 1 + len % 3) {
            memset(room, 0xEE, sizeof(room));
            for (size_t i = 0; i < len; i++)
                room[align + i] = (uint8_t)('A' + i % 26) ^ key_octets[i % 4];
            memcpy(before, room, sizeof(room));
            for (size_t i = 0; i < len; i++)
                before[align + i] ^= key_octets[i % 4];
            wsk__utf8_state s = WSK__UTF8_START;
            assert_int_equal(k->unmask_check(&s, room + align, len, key, 0), len);
            assert_memory_equal(room, before, sizeof(room));
        }
    }
}

/* The first octet that nothing behind it could mend. */
static void fails_fast(const wsk__utf8_kernel *k)
{
    static const struct {
        const char *octets;
        size_t bad;
    } cases[] = {{"\xED\xA0", 1},
                 {"\xF4\x90", 1},
                 {"\xF5", 0},
                 {"\xC0", 0},
                 {"\xC1", 0},
                 {"\xFF", 0},
                 {"\xE0\x80", 1},
                 {"\xF0\x8F", 1},
                 {"\xE2\x82 ", 2},
                 {"\x80", 0},
                 {"\xF0\x9F\x98\xC3", 3}};
    uint8_t text[200];

    for (size_t n = 0; n < sizeof(cases) / sizeof(cases[0]); n++) {
        size_t size = strlen(cases[n].octets);
        for (size_t at = 0; at + size <= sizeof(text); at++) {
            memset(text, 'a', at);
            memcpy(text + at, cases[n].octets, size);
            wsk__utf8_state s = WSK__UTF8_START;
            assert_int_equal(k->check(&s, text, at + size), at + cases[n].bad);
            assert_true(s == WSK__UTF8_BAD);
            /* Invalid for ever. */
            assert_int_equal(k->check(&s, (const uint8_t *)"abc", 3), 0);
            assert_true(s == WSK__UTF8_BAD);
        }
    }
}

#define TEST(name)                                                                                 \
    static void test_##name(void **state)                                                          \
    {                                                                                              \
        (void)state;                                                                               \
        for_each_kernel(name);                                                                     \
    }
TEST(all_short)
TEST(all_at_seam)
TEST(edges_everywhere)
TEST(edges_of_four)
TEST(every_offset_and_split)
TEST(random_texts)
TEST(every_split_of_texts)
TEST(at_fences)
TEST(writes_inside_only)
TEST(fails_fast)

static void test_is_valid(void **state)
{
    (void)state;
    assert_true(wsk__utf8_is_valid("", 0));
    assert_true(wsk__utf8_is_valid(NULL, 0));
    assert_true(wsk__utf8_is_valid("\xCE\xBA\xE1\xBD\xB9\xCF\x83\xCE\xBC\xCE\xB5", 11));
    assert_false(wsk__utf8_is_valid("\xCE\xBA\xE1\xBD\xB9\xCF", 6));
    assert_false(wsk__utf8_is_valid("\xED\xA0\x80", 3));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fails_fast),
        cmocka_unit_test(test_is_valid),
        cmocka_unit_test(test_at_fences),
        cmocka_unit_test(test_writes_inside_only),
        cmocka_unit_test(test_random_texts),
        cmocka_unit_test(test_every_split_of_texts),
        cmocka_unit_test(test_every_offset_and_split),
        cmocka_unit_test(test_edges_of_four),
        cmocka_unit_test(test_edges_everywhere),
        cmocka_unit_test(test_all_short),
        cmocka_unit_test(test_all_at_seam),
    };

    return cmocka_run_group_tests_name("utf8", tests, make_truth, NULL);
}
