/* SPDX-License-Identifier: MIT */
/* Records of TLS 1.3: the example of RFC 8448, and a peer that seals whatever it likes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include "net/tls_records.h"
#include "support.h"
#include "util/attr.h"
#include "util/mem.h"

static SSL_CTX *ctx;
static SSL *ssl;

static int begin(void **state)
{
    (void)state;
    ctx = SSL_CTX_new(TLS_method());
    ssl = SSL_new(ctx);
    return ssl == NULL;
}

static int end(void **state)
{
    (void)state;
    SSL_free(ssl);
    SSL_CTX_free(ctx);
    return 0;
}

static const SSL_CIPHER *cipher(unsigned id)
{
    unsigned char octets[2] = {(unsigned char)(id >> 8), (unsigned char)id};

    return SSL_CIPHER_find(ssl, octets);
}

/* ------------------------------------------------------------------------ a peer's sealing -- */

/* Made of other parts of OpenSSL than the code under test. */
typedef struct peer {
    unsigned id;
    const EVP_MD *md;
    const EVP_CIPHER *aead;
    uint8_t secret[48];
    uint64_t seq;
} peer;

static void derive(const peer *p, const char *label, uint8_t *ret, size_t n)
{
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, "TLS13-KDF", NULL);
    EVP_KDF_CTX *k = EVP_KDF_CTX_new(kdf);
    int mode = EVP_KDF_HKDF_MODE_EXPAND_ONLY;
    char prefix[] = "tls13 ", words[16];
    OSSL_PARAM params[6], *at = params;

    snprintf(words, sizeof(words), "%s", label);
    *at++ = OSSL_PARAM_construct_utf8_string("digest", (char *)(uintptr_t)EVP_MD_get0_name(p->md),
                                             0);
    *at++ = OSSL_PARAM_construct_int("mode", &mode);
    *at++ = OSSL_PARAM_construct_octet_string("key", (void *)(uintptr_t)p->secret,
                                              (size_t)EVP_MD_get_size(p->md));
    *at++ = OSSL_PARAM_construct_octet_string("prefix", prefix, 6);
    *at++ = OSSL_PARAM_construct_octet_string("label", words, strlen(words));
    *at = OSSL_PARAM_construct_end();
    assert_int_equal(EVP_KDF_derive(k, ret, n, params), 1);
    EVP_KDF_CTX_free(k);
    EVP_KDF_free(kdf);
}

static void peer_init(peer *p, unsigned id, uint8_t fill)
{
    memset(p, 0, sizeof(*p));
    p->id = id;
    p->md = id == 0x1302 ? EVP_sha384() : EVP_sha256();
    p->aead = id == 0x1301   ? EVP_aes_128_gcm()
              : id == 0x1302 ? EVP_aes_256_gcm()
                             : EVP_chacha20_poly1305();
    memset(p->secret, fill, sizeof(p->secret));
}

static void peer_next_key(peer *p)
{
    uint8_t next[48];

    derive(p, "traffic upd", next, (size_t)EVP_MD_get_size(p->md));
    memcpy(p->secret, next, sizeof(next));
    p->seq = 0;
}

static size_t crypt(peer *p, const uint8_t *head, const uint8_t *in, size_t n, uint8_t *ret,
                    uint8_t *tag, int encrypt)
{
    EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
    uint8_t key[32], iv[12];
    int len;

    derive(p, "key", key, (size_t)EVP_CIPHER_get_key_length(p->aead));
    derive(p, "iv", iv, sizeof(iv));
    for (int i = 0; i < 8; i++)
        iv[11 - i] ^= (uint8_t)(p->seq >> (8 * i));
    p->seq++;
    assert_int_equal(EVP_CipherInit_ex(c, p->aead, NULL, key, iv, encrypt), 1);
    assert_int_equal(EVP_CipherUpdate(c, NULL, &len, head, 5), 1);
    assert_int_equal(EVP_CipherUpdate(c, ret, &len, in, (int)n), 1);
    if (!encrypt)
        EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_SET_TAG, 16, tag);
    int last = 0;
    bool good = EVP_CipherFinal_ex(c, ret + len, &last) == 1;
    if (encrypt)
        EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_GET_TAG, 16, tag);
    EVP_CIPHER_CTX_free(c);
    return good ? n : 0;
}

/* A record of n octets, a type (-1: none) and padding; returns its length. */
static size_t seal(peer *p, int type, const void *data, size_t n, size_t padding, uint8_t *ret)
{
    static uint8_t inner[70000];
    size_t len = n;

    memcpy(inner, data, n);
    if (type >= 0)
        inner[len++] = (uint8_t)type;
    memset(inner + len, 0, padding);
    len += padding;
    ret[0] = 23;
    ret[1] = ret[2] = 3;
    ret[3] = (uint8_t)((len + 16) >> 8);
    ret[4] = (uint8_t)(len + 16);
    crypt(p, ret, inner, len, ret + 5, ret + 5 + len, 1);
    return 5 + len + 16;
}

/* Opens one record of out; its type, or -1. */
static int unseal(peer *p, wsk__tls_out *out, uint8_t *data, size_t *ret_n)
{
    static uint8_t inner[70000];
    uint8_t *rec = out->ptr + out->off, tag[16];
    size_t left = out->len - out->off, n;

    if (left < 5 + 17)
        return -1;
    n = (size_t)rec[3] << 8 | rec[4];
    assert_int_equal(rec[0], 23);
    assert_true(left >= 5 + n);
    memcpy(tag, rec + 5 + n - 16, 16);
    assert_int_equal(crypt(p, rec, rec + 5, n - 16, inner, tag, 0), n - 16);
    out->off += 5 + n;
    *ret_n = n - 17;
    memcpy(data, inner, n - 17);
    return inner[n - 17];
}

/* --------------------------------------------------------------------------------- the scene -- */

typedef struct scene {
    wsk__tls_records *r;
    peer to, from; /* the keys towards r, and from it */
    wsk__tls_out out;
    uint8_t plain[70000];
    size_t n_plain;
    wsk__tls_result result;
    const char *why;
    size_t cut, cap;
} scene;

static scene *scene_new(unsigned id, const wsk_hooks *hooks)
{
    scene *s = calloc(1, sizeof(*s));
    wsk__tls_secrets secrets;

    assert_non_null(s);
    peer_init(&s->to, id, 1);
    peer_init(&s->from, id, 2);
    memset(secrets.read, 1, sizeof(secrets.read));
    memset(secrets.write, 2, sizeof(secrets.write));
    secrets.read_len = secrets.write_len = (size_t)EVP_MD_get_size(s->to.md);
    s->cut = SIZE_MAX;
    s->cap = 16500;
    if (wsk__tls_records_new(&s->r, hooks, cipher(id), &secrets, 0) < 0) {
        free(s);
        return NULL;
    }
    return s;
}

static void scene_free(scene *s, const wsk_hooks *hooks)
{
    wsk__tls_records_free(s->r);
    if (s->out.owned)
        wsk__free(hooks, s->out.ptr);
    free(s);
}

static void feed_all(scene *s, const uint8_t *in, size_t n)
{
    size_t used, got;

    do {
        uint8_t *room = malloc(s->cap);
        assert_non_null(room);
        s->result = wsk__tls_records_read(s->r, in, n, &used, room, s->cap, &got, &s->out, &s->why);
        assert_true(used <= n && got <= s->cap && s->n_plain + got <= sizeof(s->plain));
        assert_true(s->result != WSK__TLS_OK || used == n || got == s->cap);
        assert_true((s->why != NULL) == (s->result == WSK__TLS_FAILED));
        memcpy(s->plain + s->n_plain, room, got);
        s->n_plain += got;
        free(room);
        if (n > 0)
            in += used;
        n -= used;
    } while (s->result == WSK__TLS_OK && (n > 0 || got == s->cap));
}

/* In pieces, each at the end of a page. */
static void feed(scene *s, const uint8_t *in, size_t n)
{
    for (size_t i = 0; i < n && s->result == WSK__TLS_OK;) {
        size_t piece = s->cut < n - i ? s->cut : n - i;
        uint8_t *guarded = guard_copy(in + i, piece);
        feed_all(s, guarded, piece);
        guard_free(guarded, piece);
        i += piece;
    }
}

static void feed_sealed(scene *s, int type, const void *data, size_t n, size_t padding)
{
    static uint8_t record[70000];

    feed(s, record, seal(&s->to, type, data, n, padding, record));
}

/* ------------------------------------------------------------------------------------- tests -- */

/* RFC 8448 section 3: the application data of the simple handshake, and the alerts. */
static void test_rfc8448(void **state)
{
    static const char client_secret[] =
        "9e40646ce79a7f9dc05af8889bce6552875afa0b06df0087f792ebb7c17504a5";
    static const char server_secret[] =
        "a11af9f05531f856ad47116b45a950328204b4f44bfb6b3a4b4f1f3fcb631643";
    static const char client_data[] =
        "17030300 43a23f70 54b62c94 d0affafe 8228ba55 cbefacea 42f914aa 66bcab3f 2b9819a8 a5b46b39"
        "5bd54a9a 20441e2b 62974e1f 5a6292a2 977014bd 1e3deae6 3aeebb21 694915e4";
    static const char server_data[] =
        "17030300 432e937e 11ef4ac7 40e538ad 36005fc4 a46932fc 3225d05f 82aa1b36 e30efaf9 7d90e6df"
        "fc602dcb 501a59a8 fcc49c4b f2e5f0a2 1c0047c2 abf33254 0dd032e1 67c2955d";
    static const char client_close[] = "17030300 13c98727 60655666 b74d7ff1 153efd6d b6d0b0e3";
    static const char server_close[] = "17030300 13b58fd6 7166ebf5 99d24720 cfbe7efa 7a8864a9";
    wsk__tls_secrets secrets;
    wsk__tls_records *r = NULL;
    wsk__tls_out out = {NULL, 0, 0, 0, false};
    uint8_t plain[100], *octets;
    size_t n, used, got;
    const char *why = NULL;

    (void)state;
    octets = unhex(client_secret, &secrets.read_len);
    memcpy(secrets.read, octets, secrets.read_len);
    free(octets);
    octets = unhex(server_secret, &secrets.write_len);
    memcpy(secrets.write, octets, secrets.write_len);
    free(octets);
    /* The server's first record was its ticket. */
    assert_int_equal(wsk__tls_records_new(&r, NULL, cipher(0x1301), &secrets, 1), 0);
    octets = unhex(client_data, &n);
    assert_int_equal(
        wsk__tls_records_read(r, octets, n, &used, plain, sizeof(plain), &got, &out, &why), 0);
    assert_int_equal(used, n);
    assert_int_equal(got, 50);
    for (size_t i = 0; i < 50; i++)
        assert_int_equal(plain[i], i);
    free(octets);
    assert_int_equal(wsk__tls_records_write(r, plain, 50, false, &out, &why), 0);
    octets = unhex(server_data, &n);
    assert_int_equal(out.len, n);
    assert_memory_equal(out.ptr, octets, n);
    free(octets);
    octets = unhex(client_close, &n);
    assert_int_equal(
        wsk__tls_records_read(r, octets, n, &used, plain, sizeof(plain), &got, &out, &why),
        WSK__TLS_EOF);
    free(octets);
    out.off = out.len;
    wsk__tls_records_shutdown(r, &out);
    octets = unhex(server_close, &n);
    assert_int_equal(out.len - out.off, n);
    assert_memory_equal(out.ptr + out.off, octets, n);
    free(octets);
    wsk__tls_records_free(r);
    free(out.ptr);
}

static void test_data(void **state)
{
    static const size_t sizes[] = {1, 2, 5, 100, 16383, 16384, 0, 3};
    static const size_t caps[] = {16500, 1, 7, 16384, 16385};
    static uint8_t data[16384];

    (void)state;
    for (size_t i = 0; i < sizeof(data); i++)
        data[i] = (uint8_t)(i * 7 + (i >> 8));
    for (unsigned id = 0x1301; id <= 0x1303; id++) {
        for (size_t c = 0; c < 5; c++) {
            for (size_t k = 0; k < WSK__COUNT(caps); k++) {
                if (caps[k] < 100 && cut_sizes[c] < 7)
                    continue;
                scene *s = scene_new(id, NULL);
                s->cut = cut_sizes[c] == 7 ? 7 : cut_sizes[c] < 7 ? cut_sizes[c] * 500 : SIZE_MAX;
                s->cap = caps[k];
                for (size_t i = 0; i < WSK__COUNT(sizes); i++) {
                    size_t n = sizes[i], before = s->n_plain;
                    feed_sealed(s, 23, data, n, i % 3);
                    if (s->n_plain + 16384 > sizeof(s->plain))
                        s->n_plain = before = 0;
                    if (n == 16384 && i % 3 > 0) {
                        /* Padding counts: TLSInnerPlaintext is too long. */
                        assert_int_equal(s->result, WSK__TLS_FAILED);
                        break;
                    }
                    assert_int_equal(s->result, WSK__TLS_OK);
                    assert_int_equal(s->n_plain - before, n);
                    assert_memory_equal(s->plain + before, data, n);
                }
                scene_free(s, NULL);
            }
        }
    }
}

/* Octet by octet, with little in it. */
static void test_cuts(void **state)
{
    (void)state;
    for (size_t c = 0; c < 5; c++) {
        scene *s = scene_new(0x1301, NULL);
        s->cut = cut_sizes[c];
        for (int i = 0; i < 3; i++) {
            feed_sealed(s, 23, "hello ", 6, (size_t)i * 9);
            feed_sealed(s, 22, "\x18\x00\x00\x01\x01", 5, 0);
            peer_next_key(&s->to);
        }
        feed_sealed(s, 21, "\x01\x5a", 2, 0); /* user_canceled */
        feed_sealed(s, 21, "\x01\x00", 2, 0);
        assert_int_equal(s->result, WSK__TLS_EOF);
        assert_int_equal(s->n_plain, 18);
        assert_memory_equal(s->plain, "hello hello hello ", 18);
        scene_free(s, NULL);
    }
}

static void test_write(void **state)
{
    static uint8_t data[70000], got[70000];
    uint8_t lent[64];

    (void)state;
    memset(data, 0x5A, sizeof(data));
    for (unsigned id = 0x1301; id <= 0x1303; id++) {
        scene *s = scene_new(id, NULL);
        size_t n = 0, total = 0;
        s->out = (wsk__tls_out){lent, 0, 0, sizeof(lent), false};
        assert_int_equal(wsk__tls_records_write(s->r, data, 10, false, &s->out, &s->why), 0);
        assert_ptr_equal(s->out.ptr, lent);
        assert_int_equal(unseal(&s->from, &s->out, got, &n), 23);
        assert_int_equal(n, 10);
        assert_int_equal(wsk__tls_records_write(s->r, data, sizeof(data), true, &s->out, &s->why),
                         0);
        assert_ptr_not_equal(s->out.ptr, lent);
        /* The key update goes first, under the old key. */
        assert_int_equal(unseal(&s->from, &s->out, got, &n), 22);
        assert_int_equal(n, 5);
        assert_memory_equal(got, "\x18\x00\x00\x01\x00", 5);
        peer_next_key(&s->from);
        while (unseal(&s->from, &s->out, got + total, &n) == 23) {
            assert_true(n == 16384 || total + n == sizeof(data));
            total += n;
        }
        assert_int_equal(total, sizeof(data));
        assert_memory_equal(got, data, total);
        scene_free(s, NULL);
    }
}

/* Many requests for a key update have one answer, in front of the next data. */
static void test_key_update(void **state)
{
    uint8_t got[100];
    size_t n = 0;
    scene *s = scene_new(0x1302, NULL);

    (void)state;
    for (int i = 0; i < 10; i++) {
        feed_sealed(s, 22, "\x18\x00\x00\x01\x01", 5, 0);
        peer_next_key(&s->to);
    }
    assert_int_equal(s->out.len, 0);
    assert_int_equal(wsk__tls_records_write(s->r, (const uint8_t *)"x", 1, false, &s->out, &s->why),
                     0);
    assert_int_equal(unseal(&s->from, &s->out, got, &n), 22);
    peer_next_key(&s->from);
    assert_int_equal(unseal(&s->from, &s->out, got, &n), 23);
    assert_int_equal(n, 1);
    assert_int_equal(unseal(&s->from, &s->out, got, &n), -1);
    /* One in pieces, and one that asks for nothing. */
    feed_sealed(s, 22, "\x18", 1, 0);
    feed_sealed(s, 22, "\x00\x00", 2, 3);
    feed_sealed(s, 22, "\x01\x00", 2, 0);
    peer_next_key(&s->to);
    feed_sealed(s, 23, "y", 1, 0);
    assert_int_equal(s->result, WSK__TLS_OK);
    assert_int_equal(s->n_plain, 1);
    assert_int_equal(wsk__tls_records_write(s->r, (const uint8_t *)"x", 1, false, &s->out, &s->why),
                     0);
    assert_int_equal(unseal(&s->from, &s->out, got, &n), 23);
    scene_free(s, NULL);
}

typedef struct bad {
    int type; /* -1: none */
    const char *data;
    size_t n, padding;
    int alert; /* 0: none is sent */
    const char *why;
} bad;

static void test_refusals(void **state)
{
    static const bad cases[] = {
        {-1, "", 0, 1, 10, "nothing but padding"},
        {-1, "", 0, 300, 10, "nothing but padding"},
        {20, "\x01", 1, 0, 10, "unknown type"},
        {24, "\x01", 1, 0, 10, "unknown type"},
        {21, "\x01", 1, 0, 50, "wrong size"},
        {21, "\x01\x00\x01\x00", 4, 0, 50, "wrong size"},
        {21, "\x02\x14", 2, 0, 0, "peer sent alert: bad record mac"},
        {21, "\x02\xFE", 2, 0, 0, "peer sent alert"},
        {22, "", 0, 0, 10, "empty TLS handshake"},
        {22, "\x01\x00\x00\x00\x00", 5, 0, 10, "behind the handshake"}, /* ClientHello */
        {22, "\x0B", 1, 0, 10, "behind the handshake"},                 /* Certificate */
        {22, "\x18\x00\x00\x02\x00\x00", 6, 0, 50, "wrong size"},
        {22, "\x18\x00\x01\x01\x00", 5, 0, 50, "wrong size"},
        {22, "\x18\x00\x00\x01\x02", 5, 0, 47, "wrong TLS key update"},
        {22, "\x18\x00\x00\x01\x00\x18\x00\x00\x01\x00", 10, 0, 10, "octets behind"},
    };
    uint8_t got[100];

    (void)state;
    for (size_t i = 0; i < WSK__COUNT(cases); i++) {
        for (size_t c = 0; c < 5; c++) {
            scene *s = scene_new(0x1301, NULL);
            size_t n = 0;
            s->cut = cut_sizes[c];
            feed_sealed(s, 23, "good", 4, 0);
            feed_sealed(s, cases[i].type, cases[i].data, cases[i].n, cases[i].padding);
            assert_int_equal(s->result, WSK__TLS_FAILED);
            assert_non_null(strstr(s->why, cases[i].why));
            assert_int_equal(s->n_plain, 4);
            if (cases[i].alert == 0) {
                assert_int_equal(s->out.len, 0);
            } else {
                assert_int_equal(unseal(&s->from, &s->out, got, &n), 21);
                assert_int_equal(n, 2);
                assert_int_equal(got[0], 2);
                assert_int_equal(got[1], cases[i].alert);
            }
            scene_free(s, NULL);
        }
    }
}

static void expect_alert(scene *s, int alert, const char *why)
{
    uint8_t got[100];
    size_t n = 0;

    assert_int_equal(s->result, WSK__TLS_FAILED);
    assert_non_null(strstr(s->why, why));
    assert_int_equal(unseal(&s->from, &s->out, got, &n), 21);
    assert_int_equal(got[1], alert);
    scene_free(s, NULL);
}

/* What is wrong with the head is found before the body comes. */
static void test_heads(void **state)
{
    static const struct {
        const char *head;
        int alert;
        const char *why;
    } cases[] = {
        {"\x14\x03\x03\x00\x01", 10, "not protected"},
        {"\x15\x03\x03\x00\x02", 10, "not protected"},
        {"\x16\x03\x03\x00\x20", 10, "not protected"},
        {"\x00\x00\x00\x00\x00", 10, "not protected"},
        {"\x17\x03\x03\x41\x01", 22, "too long"},
        {"\x17\x03\x03\xFF\xFF", 22, "too long"},
        {"\x17\x03\x03\x00\x00", 20, "too short"},
        {"\x17\x03\x03\x00\x10", 20, "too short"},
    };

    (void)state;
    for (size_t i = 0; i < WSK__COUNT(cases); i++) {
        for (size_t c = 0; c < 5; c++) {
            scene *s = scene_new(0x1303, NULL);
            s->cut = cut_sizes[c];
            feed(s, (const uint8_t *)cases[i].head, 5);
            expect_alert(s, cases[i].alert, cases[i].why);
        }
    }
}

static void test_damage(void **state)
{
    uint8_t record[64];
    scene *s;

    (void)state;
    for (size_t i = 0; i < 5 + 4 + 17; i++) {
        s = scene_new(0x1301, NULL);
        size_t n = seal(&s->to, 23, "good", 4, 0, record);
        record[i] ^= 0x01;
        feed(s, record, n);
        assert_int_equal(s->n_plain, 0);
        /* With 256 octets more the rest is waited for. */
        assert_int_equal(s->result, i == 3 ? WSK__TLS_OK : WSK__TLS_FAILED);
        scene_free(s, NULL);
    }
    /* Twice the same, and one left out. */
    s = scene_new(0x1301, NULL);
    size_t n = seal(&s->to, 23, "good", 4, 0, record);
    feed(s, record, n);
    feed(s, record, n);
    assert_int_equal(s->n_plain, 4);
    expect_alert(s, 20, "bad record mac");
    s = scene_new(0x1301, NULL);
    s->to.seq = 1;
    feed_sealed(s, 23, "good", 4, 0);
    expect_alert(s, 20, "bad record mac");
    /* Too long inside, though not outside. */
    static uint8_t large[16500];
    s = scene_new(0x1301, NULL);
    feed_sealed(s, 23, large, 16385, 0);
    expect_alert(s, 22, "too long");
    /* A message is interrupted by data. */
    s = scene_new(0x1301, NULL);
    feed_sealed(s, 22, "\x18\x00", 2, 0);
    feed_sealed(s, 23, "data", 4, 0);
    assert_int_equal(s->n_plain, 0);
    expect_alert(s, 10, "interrupted");
}

static void test_flood(void **state)
{
    static const struct {
        int type;
        const char *data;
        size_t n;
    } floods[] = {{23, "", 0}, {21, "\x01\x5a", 2}, {22, "\x18\x00\x00\x01\x01", 5}};

    (void)state;
    for (size_t k = 0; k < WSK__COUNT(floods); k++) {
        scene *s = scene_new(0x1301, NULL);
        int i;
        for (i = 0; i < 1000 && s->result == WSK__TLS_OK; i++) {
            feed_sealed(s, floods[k].type, floods[k].data, floods[k].n, 0);
            if (floods[k].type == 22)
                peer_next_key(&s->to);
        }
        assert_int_equal(i, WSK__TLS_MAX_IDLE / 2 + 1);
        expect_alert(s, 10, "too many TLS messages without data");
    }
}

/* A record that is announced but does not come holds what came, twice at most. */
static void test_memory_of_parts(void **state)
{
    static uint8_t record[17000];
    test_alloc a;
    scene *s;
    size_t n, before;

    (void)state;
    test_alloc_init(&a);
    s = scene_new(0x1301, &a.hooks);
    before = a.octets;
    n = seal(&s->to, 23, record, 16384, 0, record);
    feed(s, record, 1);
    assert_in_range(a.octets - before, 1, 16);
    feed(s, record + 1, 1000);
    assert_in_range(a.octets - before, 1001, 2 * 1001);
    feed(s, record + 1001, n - 1001);
    assert_int_equal(s->n_plain, 16384);
    assert_int_equal(a.octets, before);
    scene_free(s, &a.hooks);
    assert_int_equal(a.live, 0);
}

static void all_paths(void *ud, const wsk_hooks *hooks)
{
    scene *s = scene_new(0x1301, hooks);

    (void)ud;
    if (s == NULL)
        return;
    s->cut = 7;
    s->cap = 3;
    feed_sealed(s, 23, "some data", 9, 20);
    if (s->result == WSK__TLS_OK)
        feed_sealed(s, 22, "\x18\x00\x00\x01\x01", 5, 0);
    if (s->result == WSK__TLS_OK) {
        peer_next_key(&s->to);
        s->result = wsk__tls_records_write(s->r, (const uint8_t *)"hello", 5, true, &s->out,
                                           &s->why);
    }
    if (s->result == WSK__TLS_OK)
        feed_sealed(s, 24, "refused", 7, 0);
    assert_int_equal(s->result, WSK__TLS_FAILED);
    assert_non_null(s->why);
    scene_free(s, hooks);
}

static void test_no_memory(void **state)
{
    (void)state;
    with_failing_alloc(all_paths, NULL);
}

static void test_not_supported(void **state)
{
    wsk__tls_records *r = NULL;
    wsk__tls_secrets secrets;

    (void)state;
    memset(&secrets, 1, sizeof(secrets));
    secrets.read_len = secrets.write_len = 32;
    /* A cipher of TLS 1.2, secrets that do not fit, or that never came. */
    assert_int_equal(wsk__tls_records_new(&r, NULL, cipher(0xC02B), &secrets, 0), WSK_ERR_NOTSUP);
    assert_int_equal(wsk__tls_records_new(&r, NULL, cipher(0x1302), &secrets, 0), WSK_ERR_NOTSUP);
    secrets.write_len = 0;
    assert_int_equal(wsk__tls_records_new(&r, NULL, cipher(0x1301), &secrets, 0), WSK_ERR_NOTSUP);
    assert_null(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rfc8448),    cmocka_unit_test(test_data),
        cmocka_unit_test(test_cuts),       cmocka_unit_test(test_write),
        cmocka_unit_test(test_key_update), cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_heads),      cmocka_unit_test(test_damage),
        cmocka_unit_test(test_flood),      cmocka_unit_test(test_memory_of_parts),
        cmocka_unit_test(test_no_memory),  cmocka_unit_test(test_not_supported),
    };

    return cmocka_run_group_tests_name("tls_records", tests, begin, end);
}
