/* SPDX-License-Identifier: MIT */
/*
 * Records of TLS 1.3 from a peer that has the keys. The input is a list of steps:
 *   cipher, size of pieces, room for plain text / 64, then
 *   0 n octets             octets that are no record, or any
 *   1 type n padding data  a record
 *   2 n n                  a record of data, up to 64 KiB
 *   3 n                    data of ours, with a new key if n is odd
 * Nothing may go wrong in memory, and what is not refused arrives as it was sent.
 */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "net/tls_records.h"
#include "util/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define ROOM ((size_t)1 << 18)

#define CHECK(x)                                                                                   \
    do {                                                                                           \
        if (!(x))                                                                                  \
            abort();                                                                               \
    } while (0)

typedef struct peer {
    wsk__tls_records *r;
    const EVP_CIPHER *aead;
    const EVP_MD *md;
    uint8_t secret[48];
    uint64_t seq;
    size_t cut, cap;
    wsk__tls_out out;
    wsk__tls_result result;
    uint8_t *sent, *got; /* plain text */
    size_t n_sent, n_got;
    bool raw; /* octets came that are no record */
} peer;

static void expand(const peer *p, const char *label, uint8_t *ret, size_t n)
{
    uint8_t info[32] = {0, (uint8_t)n, (uint8_t)(6 + strlen(label)), 't', 'l', 's', '1', '3', ' '};
    uint8_t block[EVP_MAX_MD_SIZE];
    unsigned len;

    memcpy(info + 9, label, strlen(label));
    info[10 + strlen(label)] = 1;
    CHECK(HMAC(p->md, p->secret, EVP_MD_get_size(p->md), info, 11 + strlen(label), block, &len));
    memcpy(ret, block, n);
}

static size_t seal(peer *p, uint8_t *record, size_t n)
{
    EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
    uint8_t key[32], iv[12];
    int len;

    expand(p, "key", key, (size_t)EVP_CIPHER_get_key_length(p->aead));
    expand(p, "iv", iv, sizeof(iv));
    for (int i = 0; i < 8; i++)
        iv[11 - i] ^= (uint8_t)(p->seq >> (8 * i));
    p->seq++;
    record[0] = 23;
    record[1] = record[2] = 3;
    record[3] = (uint8_t)((n + 16) >> 8);
    record[4] = (uint8_t)(n + 16);
    CHECK(EVP_EncryptInit_ex(c, p->aead, NULL, key, iv) == 1);
    CHECK(EVP_EncryptUpdate(c, NULL, &len, record, 5) == 1);
    CHECK(EVP_EncryptUpdate(c, record + 5, &len, record + 5, (int)n) == 1);
    CHECK(EVP_EncryptFinal_ex(c, record + 5 + n, &len) == 1);
    CHECK(EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_GET_TAG, 16, record + 5 + n) == 1);
    EVP_CIPHER_CTX_free(c);
    return 5 + n + 16;
}

static void feed_piece(peer *p, const uint8_t *in, size_t n)
{
    uint8_t *plain = malloc(p->cap);
    const char *why;
    size_t used, got;

    CHECK(plain != NULL);
    do {
        p->result = wsk__tls_records_read(p->r, in, n, &used, plain, p->cap, &got, &p->out, &why);
        CHECK(used <= n && got <= p->cap && p->n_got + got <= p->n_sent);
        CHECK(p->result != WSK__TLS_OK || used == n || got == p->cap);
        memcpy(p->got + p->n_got, plain, got);
        p->n_got += got;
        if (n > 0)
            in += used;
        n -= used;
    } while (p->result == WSK__TLS_OK && (n > 0 || got == p->cap));
    free(plain);
}

static void feed(peer *p, const uint8_t *in, size_t n)
{
    for (size_t i = 0; i < n && p->result == WSK__TLS_OK;) {
        size_t piece = p->cut < n - i ? p->cut : n - i;
        /* Exactly so much: the address sanitizer sees an octet too far. */
        uint8_t *copy = malloc(piece);
        CHECK(copy != NULL);
        memcpy(copy, in + i, piece);
        feed_piece(p, copy, piece);
        free(copy);
        i += piece;
    }
}

static void send_record(peer *p, uint8_t type, const uint8_t *data, size_t n, size_t padding)
{
    uint8_t *record = calloc(1, 5 + n + 1 + padding + 16);
    size_t end;
    bool update;

    CHECK(record != NULL);
    memcpy(record + 5, data, n);
    record[5 + n] = type;
    /* The type is the last octet that is not 0, which may be one of the data. */
    for (end = 5 + n; end > 5 && record[end] == 0; end--)
        ;
    if (record[end] == 23) {
        memcpy(p->sent + p->n_sent, record + 5, end - 5);
        p->n_sent += end - 5;
    }
    update = record[end] == 22 && end == 10 && memcmp(record + 5, "\x18\x00\x00\x01", 4) == 0;
    feed(p, record, seal(p, record, n + 1 + padding));
    if (update) {
        uint8_t next[48];
        expand(p, "traffic upd", next, (size_t)EVP_MD_get_size(p->md));
        memcpy(p->secret, next, sizeof(next));
        p->seq = 0;
    }
    free(record);
}

static void run(peer *p, const uint8_t *data, size_t size)
{
    static const uint8_t zeros[65536];

    while (size >= 2 && p->result == WSK__TLS_OK && p->n_sent < ROOM - sizeof(zeros)) {
        uint8_t step = data[0] & 3;
        size_t n = data[1], head = 2;
        const char *why;

        if (step == 0) {
            n = n < size - 2 ? n : size - 2;
            p->raw = p->raw || n > 0;
            feed(p, data + 2, n);
        } else if (step == 1) {
            if (size < 4)
                break;
            head = 4;
            n = data[2] < size - 4 ? data[2] : size - 4;
            send_record(p, data[1], data + 4, n, data[3]);
        } else if (step == 2) {
            if (size < 3)
                break;
            head = 3;
            send_record(p, 23, zeros, ((size_t)data[1] << 8 | data[2]) % 65500, 0);
            n = 0;
        } else {
            p->result = wsk__tls_records_write(p->r, zeros, n * 100, n & 1, &p->out, &why);
            CHECK(p->result == WSK__TLS_OK);
            p->out.off = p->out.len;
            n = 0;
        }
        data += head + n;
        size -= head + n;
    }
    /* The start of what was sent in any case, and all of it if no piece of a record waits. */
    CHECK(memcmp(p->got, p->sent, p->n_got) == 0);
    CHECK(p->result != WSK__TLS_OK || p->raw || p->n_got == p->n_sent);
}

/* They are static in OpenSSL, but it takes an SSL to find them. */
static const SSL_CIPHER *find_cipher(unsigned kind)
{
    static const SSL_CIPHER *found[3];

    if (found[kind] == NULL) {
        const unsigned char id[2] = {0x13, (unsigned char)(kind + 1)};
        SSL_CTX *ctx = SSL_CTX_new(TLS_method());
        SSL *ssl = SSL_new(ctx);
        CHECK(ssl != NULL);
        found[kind] = SSL_CIPHER_find(ssl, id);
        SSL_free(ssl);
        SSL_CTX_free(ctx);
    }
    return found[kind];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    wsk__tls_secrets secrets;
    peer p;

    if (size < 3)
        return 0;
    memset(&p, 0, sizeof(p));
    memset(&secrets, 7, sizeof(secrets));
    memset(p.secret, 7, sizeof(p.secret));
    unsigned kind = data[0] % 3;
    p.aead = kind == 0   ? EVP_aes_128_gcm()
             : kind == 1 ? EVP_aes_256_gcm()
                         : EVP_chacha20_poly1305();
    p.md = kind == 1 ? EVP_sha384() : EVP_sha256();
    p.cut = data[1] > 0 ? data[1] : SIZE_MAX;
    p.cap = data[2] > 0 ? (size_t)64 * data[2] : 3;
    p.sent = malloc(ROOM);
    p.got = malloc(ROOM);
    secrets.read_len = secrets.write_len = (size_t)EVP_MD_get_size(p.md);
    CHECK(p.sent != NULL && p.got != NULL);
    CHECK(wsk__tls_records_new(&p.r, NULL, find_cipher(kind), &secrets, 0) == 0);
    run(&p, data + 3, size - 3);
    wsk__tls_records_free(p.r);
    if (p.out.owned)
        wsk__free(NULL, p.out.ptr);
    free(p.sent);
    free(p.got);
    return 0;
}
