/* SPDX-License-Identifier: MIT */
/* The corpora: sizes, the same octets for ever, what they claim to be, and how well they
 * compress. */
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>
#include <openssl/sha.h>
#include <pthread.h>
#include <zlib.h>

#include "conformance/corpus.h"
#include "util/attr.h"

static const struct {
    size_t len;
    bool is_text;
    size_t characters; /* 0: not text */
    double low, high;  /* zlib level 6, whole */
    const char *sha1;  /* a changed generator changes what old reports meant */
} rows[] = {
    {194056, true, 194056, 0.040, 0.048, "b88fd4b615bcff80ee4d1845d421a14df5eef656"},
    {263222, false, 0, 0.82, 0.88, "8d815515269cbc000d6768744fd3baaed010a8a7"},
    {222218, false, 0, 0.34, 0.42, "35e5d91d21a32ed99e689526e9272e02f04f6e1c"},
    {263647, true, 263620, 0.050, 0.060, "e3aba48e38d6e613fb98817506fd3d3b079d5ae8"},
    {1042328, false, 0, 0.73, 0.79, "731be447c57baca585a7196b2bf4c2cc9eb1aabc"},
};

/* jansson takes no string that is not UTF-8. */
static bool is_utf8(const void *p, size_t len)
{
    json_t *string = json_stringn(p, len);
    bool yes = string != NULL;
    json_decref(string);
    return yes;
}

static void test_facts(void **state)
{
    (void)state;
    for (int i = 0; i < (int)WSK__COUNT(rows); i++) {
        size_t len = 0;
        bool is_text = !rows[i].is_text;
        const uint8_t *p = judge_corpus(i + 1, &len, &is_text);
        assert_non_null(p);
        assert_int_equal(len, rows[i].len);
        assert_int_equal(is_text, rows[i].is_text);
        unsigned char digest[SHA_DIGEST_LENGTH];
        char hex[2 * SHA_DIGEST_LENGTH + 1];
        SHA1(p, len, digest);
        for (int k = 0; k < SHA_DIGEST_LENGTH; k++)
            snprintf(hex + 2 * k, 3, "%02x", digest[k]);
        assert_string_equal(hex, rows[i].sha1);
        uLongf room = compressBound(len);
        Bytef *packed = malloc(room);
        assert_int_equal(compress2(packed, &room, p, len, 6), Z_OK);
        free(packed);
        double ratio = (double)room / (double)len;
        assert_true(ratio > rows[i].low && ratio < rows[i].high);
        if (rows[i].is_text) {
            assert_true(is_utf8(p, len));
            size_t characters = 0;
            for (size_t k = 0; k < len; k++)
                characters += (p[k] & 0xc0) != 0x80;
            assert_int_equal(characters, rows[i].characters);
        }
    }
}

static void test_formats(void **state)
{
    (void)state;
    size_t len;
    bool is_text;
    const char *p = (const char *)judge_corpus(JUDGE_CORPUS_JSON, &len, &is_text);
    json_error_t error;
    json_t *doc = json_loadb(p, len, 0, &error);
    assert_non_null(doc);
    assert_true(json_array_size(json_object_get(doc, "readings")) > 100);
    json_decref(doc);
    p = (const char *)judge_corpus(JUDGE_CORPUS_BITMAP, &len, &is_text);
    assert_memory_equal(p, "BM", 2);
    p = (const char *)judge_corpus(JUDGE_CORPUS_PROSE, &len, &is_text);
    assert_true(is_utf8(p, len));
    p = (const char *)judge_corpus(JUDGE_CORPUS_HTML, &len, &is_text);
    assert_memory_equal(p + len - 8, "</html>\n", 8);
    /* startxref names the place of the table. */
    p = (const char *)judge_corpus(JUDGE_CORPUS_PDF, &len, &is_text);
    assert_memory_equal(p + len - 6, "%%EOF\n", 6);
    const char *where = memmem(p + len - 64, 64, "startxref\n", 10);
    assert_non_null(where);
    size_t at = strtoul(where + 10, NULL, 10);
    assert_true(at < len);
    assert_memory_equal(p + at, "xref\n", 5);
}

static void test_no_such(void **state)
{
    (void)state;
    size_t len = 7;
    bool is_text = true;
    assert_null(judge_corpus(0, &len, &is_text));
    assert_null(judge_corpus(6, &len, &is_text));
    assert_int_equal(len, 7);
}

static void *ask(void *ud)
{
    size_t len;
    bool is_text;
    const uint8_t **ret = ud;
    *ret = judge_corpus(JUDGE_CORPUS_PDF, &len, &is_text);
    return NULL;
}

static void test_threads(void **state)
{
    (void)state;
    pthread_t thread[4];
    const uint8_t *got[4];
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, ask, &got[i]), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(thread[i], NULL);
    for (int i = 1; i < 4; i++)
        assert_ptr_equal(got[i], got[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_facts),
        cmocka_unit_test(test_formats),
        cmocka_unit_test(test_no_such),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
