/* SPDX-License-Identifier: MIT */
/* Protects and opens records of TLS 1.3, and answers what a peer may send behind the handshake:
 * data, key updates, alerts. Knows no handshake. */
#include "net/tls_records.h"

#include <string.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "net/tls_out.h"
#include "util/mem.h"

#define HEAD 5
#define TAG  16
/* RFC 8446 5.2: TLSCiphertext.length, and TLSInnerPlaintext with its type. */
#define MAX_BODY  (WSK__TLS_RECORD_TEXT + 256)
#define MAX_INNER (WSK__TLS_RECORD_TEXT + 1)

/* Content types (RFC 8446 5.1), messages (4), alerts (6). */
#define TYPE_ALERT     21
#define TYPE_HANDSHAKE 22
#define TYPE_DATA      23

#define MESSAGE_KEY_UPDATE 24
#define KEY_UPDATE_SIZE    5

#define ALERT_CLOSE_NOTIFY       0
#define ALERT_UNEXPECTED_MESSAGE 10
#define ALERT_BAD_RECORD_MAC     20
#define ALERT_RECORD_OVERFLOW    22
#define ALERT_ILLEGAL_PARAMETER  47
#define ALERT_DECODE_ERROR       50
#define ALERT_INTERNAL_ERROR     80
#define ALERT_USER_CANCELED      90

/* One direction. */
typedef struct keys {
    EVP_CIPHER_CTX *aead;
    uint64_t seq;
    uint8_t iv[12];
    uint8_t secret[WSK__TLS_SECRET]; /* the next key comes from it */
} keys;

struct wsk__tls_records {
    const wsk_hooks *hooks;
    const EVP_MD *md;
    keys read, write;
    uint8_t *part; /* a record that is not whole yet, with its head */
    uint8_t *rest; /* plain text for which there was no room yet */
    uint32_t part_len, part_cap;
    uint32_t rest_off, rest_len;
    uint8_t message[KEY_UPDATE_SIZE]; /* a handshake message in pieces */
    uint8_t message_len;
    uint8_t idle;    /* see WSK__TLS_MAX_IDLE */
    bool answer_due; /* a key update of ours was asked for */
};

/* ------------------------------------------------------------------------------------ keys -- */

/* HKDF-Expand-Label (RFC 8446 7.1) without context, for n up to the length of the hash: one block
 * of HKDF-Expand (RFC 5869 2.3). */
static bool expand(const EVP_MD *md, const uint8_t *secret, const char *label, uint8_t *ret,
                   size_t n)
{
    uint8_t info[32], block[EVP_MAX_MD_SIZE];
    size_t label_len = strlen(label), at = 0;
    unsigned len = 0;
    bool ok;

    info[at++] = (uint8_t)(n >> 8);
    info[at++] = (uint8_t)n;
    info[at++] = (uint8_t)(6 + label_len);
    memcpy(info + at, "tls13 ", 6);
    memcpy(info + at + 6, label, label_len);
    at += 6 + label_len;
    info[at++] = 0; /* context */
    info[at++] = 1; /* number of the block */
    ok = HMAC(md, secret, EVP_MD_get_size(md), info, at, block, &len) != NULL && n <= len;
    if (ok)
        memcpy(ret, block, n);
    OPENSSL_cleanse(block, sizeof(block));
    return ok;
}

/* The key and the IV of k->secret (RFC 8446 7.3). cipher NULL: as before. */
static bool set_key(keys *k, const EVP_MD *md, const EVP_CIPHER *cipher, bool encrypt)
{
    uint8_t key[EVP_MAX_KEY_LENGTH];
    size_t n = (size_t)(cipher != NULL ? EVP_CIPHER_get_key_length(cipher)
                                       : EVP_CIPHER_CTX_get_key_length(k->aead));
    bool ok = expand(md, k->secret, "key", key, n) &&
              expand(md, k->secret, "iv", k->iv, sizeof(k->iv)) &&
              EVP_CipherInit_ex(k->aead, cipher, NULL, key, NULL, encrypt) == 1;

    OPENSSL_cleanse(key, sizeof(key));
    k->seq = 0;
    return ok;
}

/* RFC 8446 7.2. */
static bool next_key(keys *k, const EVP_MD *md, bool encrypt)
{
    return expand(md, k->secret, "traffic upd", k->secret, (size_t)EVP_MD_get_size(md)) &&
           set_key(k, md, NULL, encrypt);
}

/* RFC 8446 5.3. Each number is used once: the caller seals or opens exactly one record by it. */
static bool start_record(keys *k, bool encrypt)
{
    uint8_t nonce[sizeof(k->iv)];
    uint64_t seq = k->seq++;

    memcpy(nonce, k->iv, sizeof(nonce));
    for (size_t i = 0; i < 8; i++)
        nonce[sizeof(nonce) - 1 - i] ^= (uint8_t)(seq >> (8 * i));
    /* The sender changes the key long before; a peer that does not is cut off. */
    return seq < UINT64_MAX && EVP_CipherInit_ex(k->aead, NULL, NULL, NULL, nonce, encrypt) == 1;
}

/* ----------------------------------------------------------------------------------- sealing -- */

/* Appends one record. out has room. */
static bool seal(wsk__tls_records *r, uint8_t type, const uint8_t *data, size_t n,
                 wsk__tls_out *out)
{
    uint8_t *head = out->ptr + out->len, *body = head + HEAD;
    size_t length = n + 1 + TAG;
    EVP_CIPHER_CTX *ctx = r->write.aead;
    int part = 0, last = 0;

    head[0] = TYPE_DATA;
    head[1] = head[2] = 3;
    head[3] = (uint8_t)(length >> 8);
    head[4] = (uint8_t)length;
    if (!start_record(&r->write, true) || !EVP_EncryptUpdate(ctx, NULL, &part, head, HEAD) ||
        !EVP_EncryptUpdate(ctx, body, &part, data, (int)n) ||
        !EVP_EncryptUpdate(ctx, body + n, &last, &type, 1) ||
        !EVP_EncryptFinal_ex(ctx, body + n + 1, &last) ||
        !EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, TAG, body + n + 1))
        return false;
    out->len += HEAD + length;
    return true;
}

static bool seal_small(wsk__tls_records *r, uint8_t type, const uint8_t *data, size_t n,
                       wsk__tls_out *out)
{
    return wsk__tls_out_reserve(out, r->hooks, HEAD + n + 1 + TAG) && seal(r, type, data, n, out);
}

/* Our key update, under the old key, and the new key. */
static bool update_key(wsk__tls_records *r, wsk__tls_out *out)
{
    static const uint8_t message[KEY_UPDATE_SIZE] = {MESSAGE_KEY_UPDATE, 0, 0, 1, 0};

    r->answer_due = false;
    return seal_small(r, TYPE_HANDSHAKE, message, sizeof(message), out) &&
           next_key(&r->write, r->md, true);
}

wsk__tls_result wsk__tls_records_write(wsk__tls_records *r, const uint8_t *plain, size_t n,
                                       bool rekey, wsk__tls_out *out, const char **ret_why)
{
    size_t records = n / WSK__TLS_RECORD_TEXT + 1;

    *ret_why = "out of memory";
    /* RFC 8446 4.6.3: the answer goes before the next data. One answers many requests, so a peer
     * cannot make us queue one each. */
    if ((rekey || r->answer_due) && !update_key(r, out))
        return WSK__TLS_FAILED;
    if (!wsk__tls_out_reserve(out, r->hooks, n + records * (HEAD + 1 + TAG)))
        return WSK__TLS_FAILED;
    while (n > 0) {
        size_t piece = n < WSK__TLS_RECORD_TEXT ? n : WSK__TLS_RECORD_TEXT;
        if (!seal(r, TYPE_DATA, plain, piece, out)) {
            *ret_why = "a TLS record could not be encrypted";
            return WSK__TLS_FAILED;
        }
        plain += piece;
        n -= piece;
    }
    return WSK__TLS_OK;
}

void wsk__tls_records_shutdown(wsk__tls_records *r, wsk__tls_out *out)
{
    static const uint8_t close_notify[2] = {1, ALERT_CLOSE_NOTIFY};

    (void)seal_small(r, TYPE_ALERT, close_notify, sizeof(close_notify), out);
}

/* ----------------------------------------------------------------------------------- opening -- */

typedef struct reading {
    wsk__tls_records *r;
    const uint8_t *in;
    size_t in_len;
    uint8_t *plain; /* room that is left */
    size_t cap;
    wsk__tls_out *out;
    const char *why;
} reading;

/* The peer is told why, if there is memory for that. */
static wsk__tls_result refuse(reading *x, uint8_t alert, const char *why)
{
    uint8_t message[2] = {2, alert};

    x->why = why;
    (void)seal_small(x->r, TYPE_ALERT, message, sizeof(message), x->out);
    return WSK__TLS_FAILED;
}

static const char *alert_words(uint8_t alert)
{
    switch (alert) {
    case 10:
        return "peer sent alert: unexpected message";
    case 20:
        return "peer sent alert: bad record mac";
    case 22:
        return "peer sent alert: record overflow";
    case 42:
        return "peer sent alert: bad certificate";
    case 43:
        return "peer sent alert: unsupported certificate";
    case 44:
        return "peer sent alert: certificate revoked";
    case 45:
        return "peer sent alert: certificate expired";
    case 46:
        return "peer sent alert: certificate unknown";
    case 47:
        return "peer sent alert: illegal parameter";
    case 48:
        return "peer sent alert: unknown ca";
    case 49:
        return "peer sent alert: access denied";
    case 50:
        return "peer sent alert: decode error";
    case 51:
        return "peer sent alert: decrypt error";
    case 80:
        return "peer sent alert: internal error";
    default:
        return "peer sent alert";
    }
}

static wsk__tls_result take_alert(reading *x, const uint8_t *data, size_t n)
{
    /* RFC 8446 5.1: an alert is one record. */
    if (n != 2)
        return refuse(x, ALERT_DECODE_ERROR, "a TLS alert of a wrong size");
    if (data[1] == ALERT_CLOSE_NOTIFY)
        return WSK__TLS_EOF;
    /* RFC 8446 6.1: close_notify follows. */
    if (data[1] == ALERT_USER_CANCELED)
        return WSK__TLS_OK;
    x->why = alert_words(data[1]);
    return WSK__TLS_FAILED;
}

/* The only message that a client may send here is a key update (RFC 8446 4.6.3): certificates
 * behind the handshake are not asked for. */
static wsk__tls_result take_message(reading *x, const uint8_t *data, size_t n)
{
    wsk__tls_records *r = x->r;

    if (n == 0)
        return refuse(x, ALERT_UNEXPECTED_MESSAGE, "an empty TLS handshake record");
    while (n > 0 && r->message_len < KEY_UPDATE_SIZE) {
        r->message[r->message_len++] = *data++;
        n--;
    }
    if (r->message[0] != MESSAGE_KEY_UPDATE)
        return refuse(x, ALERT_UNEXPECTED_MESSAGE, "a TLS handshake message behind the handshake");
    if (r->message_len < KEY_UPDATE_SIZE)
        return WSK__TLS_OK;
    if (r->message[1] != 0 || r->message[2] != 0 || r->message[3] != 1)
        return refuse(x, ALERT_DECODE_ERROR, "a TLS key update of a wrong size");
    if (r->message[4] > 1)
        return refuse(x, ALERT_ILLEGAL_PARAMETER, "a wrong TLS key update");
    /* RFC 8446 5.1: no message may share a record with a change of keys in front of it. */
    if (n > 0)
        return refuse(x, ALERT_UNEXPECTED_MESSAGE, "octets behind a TLS key update");
    r->message_len = 0;
    r->answer_due = r->answer_due || r->message[4] == 1;
    if (!next_key(&r->read, r->md, false))
        return refuse(x, ALERT_INTERNAL_ERROR, "out of memory");
    return WSK__TLS_OK;
}

/* The length of the body behind a head, as soon as that is there: nothing is kept for a record
 * that cannot be good. */
static wsk__tls_result check_head(reading *x, const uint8_t *head, size_t *ret_body)
{
    size_t body = (size_t)head[3] << 8 | head[4];

    /* RFC 8446 5: all is protected now; change_cipher_spec has had its time. The version is to
     * be ignored (5.1). */
    if (head[0] != TYPE_DATA)
        return refuse(x, ALERT_UNEXPECTED_MESSAGE, "a TLS record that is not protected");
    if (body > MAX_BODY)
        return refuse(x, ALERT_RECORD_OVERFLOW, "a TLS record that is too long");
    if (body < TAG + 1)
        return refuse(x, ALERT_BAD_RECORD_MAC, "a TLS record that is too short");
    *ret_body = body;
    return WSK__TLS_OK;
}

/* Decrypts n octets with their tag to dst. */
static bool decrypt(keys *k, const uint8_t *head, const uint8_t *body, size_t n, uint8_t *dst)
{
    uint8_t tag[TAG];
    int part = 0, last = 0;

    memcpy(tag, body + n, TAG);
    return start_record(k, false) &&
           EVP_CIPHER_CTX_ctrl(k->aead, EVP_CTRL_AEAD_SET_TAG, TAG, tag) &&
           EVP_DecryptUpdate(k->aead, NULL, &part, head, HEAD) &&
           EVP_DecryptUpdate(k->aead, dst, &part, body, (int)n) &&
           EVP_DecryptFinal_ex(k->aead, dst + part, &last) == 1;
}

static wsk__tls_result dispatch(reading *x, const uint8_t *data, size_t n, uint8_t type,
                                size_t *ret_data)
{
    wsk__tls_records *r = x->r;

    if (n > WSK__TLS_RECORD_TEXT)
        return refuse(x, ALERT_RECORD_OVERFLOW, "a TLS record that is too long");
    /* RFC 8446 5.1: the pieces of a message follow each other. */
    if (r->message_len > 0 && type != TYPE_HANDSHAKE)
        return refuse(x, ALERT_UNEXPECTED_MESSAGE, "a TLS handshake message is interrupted");
    if (type == TYPE_DATA && n > 0) {
        r->idle = 0;
        *ret_data = n;
        return WSK__TLS_OK;
    }
    if (++r->idle > WSK__TLS_MAX_IDLE / 2)
        return refuse(x, ALERT_UNEXPECTED_MESSAGE, "too many TLS messages without data");
    switch (type) {
    case TYPE_DATA:
        return WSK__TLS_OK;
    case TYPE_ALERT:
        return take_alert(x, data, n);
    case TYPE_HANDSHAKE:
        return take_message(x, data, n);
    default:
        return refuse(x, ALERT_UNEXPECTED_MESSAGE, "a TLS record of an unknown type");
    }
}

/* A whole record. Plain text goes to the room that is left, or else to rest. */
static wsk__tls_result open_record(reading *x, const uint8_t *head, size_t body)
{
    wsk__tls_records *r = x->r;
    size_t n = body - TAG, data = 0, end;
    bool direct = n <= x->cap;
    uint8_t *dst = direct ? x->plain : wsk__alloc(r->hooks, n);
    wsk__tls_result result;

    if (dst == NULL)
        return refuse(x, ALERT_INTERNAL_ERROR, "out of memory");
    if (!decrypt(&r->read, head, head + HEAD, n, dst)) {
        result = refuse(x, ALERT_BAD_RECORD_MAC, "bad record mac");
    } else if (n > MAX_INNER) {
        result = refuse(x, ALERT_RECORD_OVERFLOW, "a TLS record that is too long");
    } else {
        /* RFC 8446 5.4: data, its type, padding of zeros. */
        for (end = n; end > 0 && dst[end - 1] == 0; end--)
            ;
        if (end == 0)
            result = refuse(x, ALERT_UNEXPECTED_MESSAGE, "a TLS record of nothing but padding");
        else
            result = dispatch(x, dst, end - 1, dst[end - 1], &data);
    }
    if (direct) {
        x->plain += data;
        x->cap -= data;
    } else if (data > 0) {
        r->rest = dst;
        r->rest_off = 0;
        r->rest_len = (uint32_t)data;
    } else {
        wsk__free(r->hooks, dst);
    }
    return result;
}

static void take_rest(reading *x)
{
    wsk__tls_records *r = x->r;
    size_t n = r->rest_len - r->rest_off;

    if (n > x->cap)
        n = x->cap;
    memcpy(x->plain, r->rest + r->rest_off, n);
    x->plain += n;
    x->cap -= n;
    r->rest_off += (uint32_t)n;
    if (r->rest_off == r->rest_len) {
        wsk__free(r->hooks, r->rest);
        r->rest = NULL;
    }
}

/* Adds input to the part until it has `want` octets. Memory follows what has come, not what was
 * announced: many peers that announce 16 KiB and send one octet cost little. */
static bool grow_part(reading *x, size_t want)
{
    wsk__tls_records *r = x->r;
    size_t n = want - r->part_len;

    if (n > x->in_len)
        n = x->in_len;
    if (r->part_len + n > r->part_cap) {
        size_t cap = 2 * (r->part_len + n);
        if (cap > HEAD + MAX_BODY)
            cap = HEAD + MAX_BODY;
        uint8_t *p = wsk__realloc(r->hooks, r->part, cap);
        if (p == NULL)
            return false;
        r->part = p;
        r->part_cap = (uint32_t)cap;
    }
    memcpy(r->part + r->part_len, x->in, n);
    r->part_len += (uint32_t)n;
    x->in += n;
    x->in_len -= n;
    return true;
}

/* Goes on with a record that came in pieces. */
static wsk__tls_result take_part(reading *x)
{
    wsk__tls_records *r = x->r;
    size_t body = 0;
    wsk__tls_result result;

    if (r->part_len < HEAD && !grow_part(x, HEAD))
        return refuse(x, ALERT_INTERNAL_ERROR, "out of memory");
    if (r->part_len < HEAD)
        return WSK__TLS_OK;
    result = check_head(x, r->part, &body);
    if (result == WSK__TLS_OK && !grow_part(x, HEAD + body))
        return refuse(x, ALERT_INTERNAL_ERROR, "out of memory");
    if (result != WSK__TLS_OK || r->part_len < HEAD + body)
        return result;
    result = open_record(x, r->part, body);
    wsk__free(r->hooks, r->part);
    r->part = NULL;
    r->part_len = r->part_cap = 0;
    return result;
}

wsk__tls_result wsk__tls_records_read(wsk__tls_records *r, const uint8_t *in, size_t n,
                                      size_t *ret_used, uint8_t *plain, size_t cap, size_t *ret_n,
                                      wsk__tls_out *out, const char **ret_why)
{
    reading x = {r, in, n, plain, cap, out, NULL};
    wsk__tls_result result = WSK__TLS_OK;
    size_t body = 0;

    while (result == WSK__TLS_OK && x.cap > 0) {
        if (r->rest != NULL) {
            take_rest(&x);
        } else if (x.in_len == 0) {
            break;
        } else if (r->part_len > 0 || x.in_len < HEAD) {
            result = take_part(&x);
        } else {
            const uint8_t *head = x.in;
            result = check_head(&x, head, &body);
            if (result == WSK__TLS_OK && x.in_len < HEAD + body) {
                result = take_part(&x);
            } else if (result == WSK__TLS_OK) {
                x.in += HEAD + body;
                x.in_len -= HEAD + body;
                result = open_record(&x, head, body);
            }
        }
    }
    *ret_used = n - x.in_len;
    *ret_n = cap - x.cap;
    *ret_why = x.why;
    return result;
}

/* -------------------------------------------------------------------------------------- life -- */

static const EVP_CIPHER *find_cipher(const SSL_CIPHER *cipher)
{
    switch (SSL_CIPHER_get_protocol_id(cipher)) {
    case 0x1301:
        return EVP_aes_128_gcm();
    case 0x1302:
        return EVP_aes_256_gcm();
    case 0x1303:
        return EVP_chacha20_poly1305();
    default:
        return NULL;
    }
}

int wsk__tls_records_new(wsk__tls_records **ret, const wsk_hooks *hooks, const SSL_CIPHER *cipher,
                         const wsk__tls_secrets *secrets, uint64_t write_seq)
{
    const EVP_CIPHER *aead = find_cipher(cipher);
    const EVP_MD *md = SSL_CIPHER_get_handshake_digest(cipher);
    wsk__tls_records *r;

    if (aead == NULL || md == NULL || secrets->read_len != (size_t)EVP_MD_get_size(md) ||
        secrets->write_len != secrets->read_len)
        return WSK_ERR_NOTSUP;
    r = wsk__alloc0(hooks, sizeof(*r));
    if (r == NULL)
        return WSK_ERR_NOMEM;
    r->hooks = hooks;
    r->md = md;
    memcpy(r->read.secret, secrets->read, secrets->read_len);
    memcpy(r->write.secret, secrets->write, secrets->write_len);
    r->read.aead = EVP_CIPHER_CTX_new();
    r->write.aead = EVP_CIPHER_CTX_new();
    if (r->read.aead == NULL || r->write.aead == NULL || !set_key(&r->read, md, aead, false) ||
        !set_key(&r->write, md, aead, true)) {
        wsk__tls_records_free(r);
        return WSK_ERR_NOMEM;
    }
    r->write.seq = write_seq;
    *ret = r;
    return 0;
}

void wsk__tls_records_free(wsk__tls_records *r)
{
    if (r == NULL)
        return;
    EVP_CIPHER_CTX_free(r->read.aead);
    EVP_CIPHER_CTX_free(r->write.aead);
    wsk__free(r->hooks, r->part);
    wsk__free(r->hooks, r->rest);
    const wsk_hooks *hooks = r->hooks;
    OPENSSL_cleanse(r, sizeof(*r));
    wsk__free(hooks, r);
}
