/* SPDX-License-Identifier: MIT */
/* One TLS connection over lent buffers. Knows no socket and no file. */
#include "net/tls_session.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "net/tls_out.h"
#include "net/tls_records.h"
#include "net/tls_set.h"

/* What TLS 1.2 and 1.3 put around 16 KiB of plain text. A cipher with CBC takes more, which is then
 * found out by growing. */
#define RECORD_EXTRA 64

/* What is to be known at the end of a server's handshake to go on with records of our own. */
typedef struct handover {
    wsk__tls_secrets secrets;
    /* Since our Finished: under the application traffic secret. */
    unsigned records_out, tickets_out;
} handover;

struct wsk__tls_session {
    SSL *ssl;                  /* NULL when records has taken over */
    wsk__tls_records *records; /* NULL: OpenSSL does it all */
    handover *handover;        /* during a server's handshake; may be NULL */
    wsk_tls *tls;
    wsk__tls_set *set;
    char *host;        /* client, for its tickets; may be NULL */
    const uint8_t *in; /* lent during a call */
    size_t in_len;
    wsk__tls_out *out; /* lent during a call */
    const char *why;   /* NULL: not failed */
    uint64_t sent;     /* under the current key, see wsk_tls.rekey_after */
    /* Behind the handshake. */
    const char *version, *cipher;
    const uint8_t *alpn; /* in tls->alpn; NULL: none */
    uint8_t alpn_len;
    uint8_t idle_records;
    bool resumed;
    bool why_owned, ready, eof, closing, no_memory;
};

/* ------------------------------------------------------------------------------------- BIO -- */

static int bio_read(BIO *bio, char *buf, size_t n, size_t *ret_n)
{
    wsk__tls_session *t = BIO_get_data(bio);

    BIO_clear_retry_flags(bio);
    /* Without the retry flag OpenSSL gives up. */
    if (t->idle_records > WSK__TLS_MAX_IDLE)
        return 0;
    if (t->in_len == 0) {
        BIO_set_retry_read(bio);
        return 0;
    }
    if (n > t->in_len)
        n = t->in_len;
    memcpy(buf, t->in, n);
    t->in += n;
    t->in_len -= n;
    *ret_n = n;
    return 1;
}

static int bio_write(BIO *bio, const char *data, size_t n, size_t *ret_n)
{
    wsk__tls_session *t = BIO_get_data(bio);

    BIO_clear_retry_flags(bio);
    if (t->out == NULL || !wsk__tls_out_reserve(t->out, t->tls->hooks, n)) {
        t->no_memory = true;
        return 0;
    }
    memcpy(t->out->ptr + t->out->len, data, n);
    t->out->len += n;
    *ret_n = n;
    return 1;
}

static long bio_ctrl(BIO *bio, int cmd, long num, void *ptr)
{
    (void)bio;
    (void)num;
    (void)ptr;
    return cmd == BIO_CTRL_FLUSH;
}

BIO_METHOD *wsk__tls_bio_new(void)
{
    /* No index of its own: those are few per process and never come back. */
    BIO_METHOD *m = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "websock");

    if (m == NULL || !BIO_meth_set_read_ex(m, bio_read) || !BIO_meth_set_write_ex(m, bio_write) ||
        !BIO_meth_set_ctrl(m, bio_ctrl)) {
        BIO_meth_free(m);
        return NULL;
    }
    return m;
}

/* --------------------------------------------------------------------------------- failure -- */

static void set_why(wsk__tls_session *t, const char *words)
{
    t->why = words;
}

static void WSK_PRINTF(2, 3) format_why(wsk__tls_session *t, const char *fmt, ...)
{
    char line[384];
    va_list args;
    char *copy;

    va_start(args, fmt);
    vsnprintf(line, sizeof(line), fmt, args);
    va_end(args);
    copy = wsk__strndup(t->tls->hooks, line, strlen(line));
    t->why_owned = copy != NULL;
    t->why = copy != NULL ? copy : "TLS failed (and no memory to say why)";
}

static void why_verify(wsk__tls_session *t)
{
    long code = SSL_get_verify_result(t->ssl);
    const char *words = X509_verify_cert_error_string(code);
    bool client = t->tls->role == WSK_ROLE_CLIENT;

    switch (code) {
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
        format_why(t, "certificate verify failed: %s (it is not for '%s')", words,
                   t->host ? t->host : "");
        break;
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
        format_why(t, "certificate verify failed: %s%s", words,
                   client ? " (a CA file can make it trusted)" : "");
        break;
    default:
        format_why(t, "certificate verify failed: %s", words);
    }
}

/* Words for the reasons that a person meets. */
static const char *common_reason(int reason, bool server)
{
    switch (reason) {
    case SSL_R_HTTP_REQUEST:
    case SSL_R_HTTPS_PROXY_REQUEST:
        return "plain HTTP request on a TLS port";
    case SSL_R_WRONG_VERSION_NUMBER:
        return server ? "what came is not TLS" : "the server does not speak TLS on this port";
    case SSL_R_UNSUPPORTED_PROTOCOL:
    case SSL_R_VERSION_TOO_LOW:
        return "no TLS version in common";
    case SSL_R_NO_SHARED_CIPHER:
        return "no cipher in common";
    case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
        return "the client sent no certificate";
    case SSL_R_NO_APPLICATION_PROTOCOL:
        return "no application protocol (ALPN) in common";
    default:
        return NULL;
    }
}

static wsk__tls_result fail(wsk__tls_session *t)
{
    unsigned long e = ERR_peek_last_error();
    int reason = ERR_GET_REASON(e);
    bool ssl_error = ERR_GET_LIB(e) == ERR_LIB_SSL;
    const char *words = ERR_reason_error_string(e);
    const char *common = ssl_error ? common_reason(reason, t->tls->role == WSK_ROLE_SERVER) : NULL;

    if (t->no_memory) {
        set_why(t, "out of memory");
    } else if (t->idle_records > WSK__TLS_MAX_IDLE) {
        set_why(t, "too many TLS messages without data");
    } else if (common != NULL) {
        set_why(t, common);
    } else if (ssl_error && reason == SSL_R_CERTIFICATE_VERIFY_FAILED) {
        why_verify(t);
    } else if (ssl_error && reason > SSL_AD_REASON_OFFSET) {
        const char *alert = words != NULL ? strstr(words, "alert ") : NULL;
        format_why(t, "peer sent alert: %s", alert != NULL ? alert + 6 : "unknown");
    } else {
        format_why(t, "TLS %s failed: %s", t->ready ? "connection" : "handshake",
                   words != NULL ? words : "unknown reason");
    }
    ERR_clear_error();
    return WSK__TLS_FAILED;
}

/* What a call that did not succeed means. */
static wsk__tls_result judge(wsk__tls_session *t, int result)
{
    switch (SSL_get_error(t->ssl, result)) {
    case SSL_ERROR_WANT_READ:
        return WSK__TLS_OK;
    case SSL_ERROR_ZERO_RETURN:
        t->eof = true;
        return WSK__TLS_EOF;
    default:
        return fail(t);
    }
}

/* ----------------------------------------------------------------------------- life and use -- */

int wsk__tls_on_new_session(SSL *ssl, SSL_SESSION *session)
{
    wsk__tls_session *t = SSL_get_app_data(ssl);

    if (t->host != NULL && SSL_SESSION_is_resumable(session))
        wsk__tls_ticket_keep(t->set, t->host, session);
    return 0; /* the reference stays OpenSSL's */
}

/* Records that came (also such as hold many messages), and alerts that they made us send. */
static bool is_idle_message(bool write, int type)
{
    return write ? type == SSL3_RT_ALERT : type == SSL3_RT_HEADER || type == SSL3_RT_HANDSHAKE;
}

void wsk__tls_on_message(int write, int version, int type, const void *buf, size_t len, SSL *ssl,
                         void *arg)
{
    wsk__tls_session *t = SSL_get_app_data(ssl);
    const uint8_t *message = buf;

    (void)version;
    (void)arg;
    if (t == NULL)
        return;
    if (t->ready && t->idle_records <= WSK__TLS_MAX_IDLE && is_idle_message(write, type))
        t->idle_records++;
    if (t->handover == NULL || !write || len == 0)
        return;
    if (type == SSL3_RT_HEADER)
        t->handover->records_out++;
    else if (type == SSL3_RT_HANDSHAKE && message[0] == SSL3_MT_FINISHED)
        t->handover->records_out = t->handover->tickets_out = 0;
    else if (type == SSL3_RT_HANDSHAKE && message[0] == SSL3_MT_NEWSESSION_TICKET)
        t->handover->tickets_out++;
}

static size_t parse_hex(uint8_t *ret, size_t n, const char *hex)
{
    size_t i = 0;

    for (; i < n && hex[2 * i] != 0; i++) {
        int high = OPENSSL_hexchar2int((unsigned char)hex[2 * i]);
        int low = OPENSSL_hexchar2int((unsigned char)hex[2 * i + 1]);
        if (high < 0 || low < 0)
            return 0;
        ret[i] = (uint8_t)(high << 4 | low);
    }
    return hex[2 * i] == 0 ? i : 0;
}

/* "LABEL client-random secret", the last two in hexadecimal digits. */
void wsk__tls_on_secret(const SSL *ssl, const char *line)
{
    static const char reads[] = "CLIENT_TRAFFIC_SECRET_0 ", writes[] = "SERVER_TRAFFIC_SECRET_0 ";
    const wsk__tls_session *t = SSL_get_app_data(ssl);
    const char *hex = strrchr(line, ' ');
    wsk__tls_secrets *s;

    if (t == NULL || t->handover == NULL || hex == NULL)
        return;
    s = &t->handover->secrets;
    if (strncmp(line, reads, sizeof(reads) - 1) == 0)
        s->read_len = parse_hex(s->read, sizeof(s->read), hex + 1);
    else if (strncmp(line, writes, sizeof(writes) - 1) == 0)
        s->write_len = parse_hex(s->write, sizeof(s->write), hex + 1);
}

static bool is_address(const char *host)
{
    unsigned char octets[16];

    return inet_pton(AF_INET, host, octets) == 1 || inet_pton(AF_INET6, host, octets) == 1;
}

/* RFC 6066 3 allows no addresses in SNI, and no dot at the end of a name. */
static int set_host(wsk__tls_session *t, const char *host)
{
    size_t n = strlen(host);
    bool ok;

    if (n >= 2 && host[0] == '[' && host[n - 1] == ']') {
        host++;
        n -= 2;
    } else if (n >= 2 && host[n - 1] == '.') {
        n--;
    }
    if (n == 0)
        return WSK_ERR_INVAL;
    t->host = wsk__strndup(t->tls->hooks, host, n);
    if (t->host == NULL)
        return WSK_ERR_NOMEM;
    if (is_address(t->host)) {
        ok = X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(t->ssl), t->host) == 1;
    } else {
        SSL_set_hostflags(t->ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
        ok = SSL_set1_host(t->ssl, t->host) == 1 && SSL_set_tlsext_host_name(t->ssl, t->host) == 1;
    }
    return ok ? 0 : WSK_ERR_INVAL;
}

static int set_up_server(wsk__tls_session *t)
{
    SSL_set_accept_state(t->ssl);
    if (t->tls->own_records) {
        t->handover = wsk__alloc0(t->tls->hooks, sizeof(*t->handover));
        if (t->handover == NULL)
            return WSK_ERR_NOMEM;
    }
    return 0;
}

static int set_up_client(wsk__tls_session *t, const char *host)
{
    SSL_SESSION *old;

    SSL_set_connect_state(t->ssl);
    /* To verify without a name would be to trust anyone who has any certificate. */
    if (host == NULL)
        return t->tls->insecure ? 0 : WSK_ERR_INVAL;
    WSK_TRY(set_host(t, host));
    old = wsk__tls_ticket_take(t->set, t->host);
    if (old != NULL) {
        /* If it does not fit any more the handshake is a full one. */
        (void)SSL_set_session(t->ssl, old);
        SSL_SESSION_free(old);
    }
    return 0;
}

int wsk__tls_session_new(wsk__tls_session **ret, wsk_tls *tls, const char *host)
{
    wsk__tls_session *t = wsk__alloc0(tls->hooks, sizeof(*t));
    BIO *bio;
    int result = 0;

    if (t == NULL)
        return WSK_ERR_NOMEM;
    ERR_clear_error();
    t->tls = wsk_tls_ref(tls);
    t->set = wsk__tls_set_get(tls);
    t->ssl = SSL_new(t->set->ctx);
    bio = BIO_new(tls->bio);
    if (t->ssl == NULL || bio == NULL || !SSL_set_app_data(t->ssl, t)) {
        BIO_free(bio);
        result = WSK_ERR_NOMEM;
    } else {
        BIO_set_data(bio, t);
        BIO_set_init(bio, 1);
        SSL_set_bio(t->ssl, bio, bio);
        result = tls->role == WSK_ROLE_SERVER ? set_up_server(t) : set_up_client(t, host);
    }
    if (result < 0) {
        ERR_clear_error();
        wsk__tls_session_free(t);
        return result;
    }
    *ret = t;
    return 0;
}

static void free_ssl(wsk__tls_session *t)
{
    if (t->ssl != NULL) {
        /* A session stays resumable when the connection just breaks (RFC 5246 7.2.1 allows it). */
        SSL_set_shutdown(t->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
        SSL_free(t->ssl);
        t->ssl = NULL;
    }
}

static void free_handover(wsk__tls_session *t)
{
    if (t->handover != NULL) {
        OPENSSL_cleanse(t->handover, sizeof(*t->handover));
        wsk__free(t->tls->hooks, t->handover);
        t->handover = NULL;
    }
}

void wsk__tls_session_free(wsk__tls_session *t)
{
    const wsk_hooks *hooks;

    if (t == NULL)
        return;
    hooks = t->tls->hooks;
    free_handover(t);
    free_ssl(t);
    wsk__tls_records_free(t->records);
    wsk__tls_set_unref(t->set);
    wsk__free(hooks, t->host);
    if (t->why_owned)
        wsk__free(hooks, (char *)(uintptr_t)t->why);
    wsk_tls_unref(t->tls);
    wsk__free(hooks, t);
}

void wsk__tls_session_clear(wsk__tls_session *t, wsk__tls_out *out)
{
    wsk__tls_out_clear(out, t->tls);
}

/* -------------------------------------------------------------------------------- handshake -- */

/* Whichever was chosen is one of ours. */
static void remember_alpn(wsk__tls_session *t)
{
    const unsigned char *name = NULL;
    const wsk_tls *tls = t->tls;
    unsigned n = 0;

    SSL_get0_alpn_selected(t->ssl, &name, &n);
    for (size_t at = 0; n > 0 && at < tls->alpn_len; at += 1u + tls->alpn[at]) {
        if (tls->alpn[at] == n && memcmp(tls->alpn + at + 1, name, n) == 0) {
            t->alpn = tls->alpn + at + 1;
            t->alpn_len = (uint8_t)n;
        }
    }
}

/* From here on with records of our own, if all is known that it takes; else OpenSSL goes on. */
static void take_over(wsk__tls_session *t)
{
    const handover *h = t->handover;

    /* The number of the next record is part of its nonce, and no nonce may come twice under one
     * key (RFC 8446 5.3): so two counts must agree, of records and of what stood in them. */
    if (h != NULL && SSL_version(t->ssl) == TLS1_3_VERSION && !SSL_has_pending(t->ssl) &&
        h->records_out == h->tickets_out &&
        wsk__tls_records_new(&t->records, t->tls->hooks, SSL_get_current_cipher(t->ssl),
                             &h->secrets, h->records_out) == 0)
        free_ssl(t);
    free_handover(t);
}

static wsk__tls_result shake(wsk__tls_session *t)
{
    int result = SSL_do_handshake(t->ssl);

    if (result != 1)
        return judge(t, result);
    t->ready = true;
    t->version = SSL_get_version(t->ssl);
    t->cipher = SSL_get_cipher_name(t->ssl);
    t->resumed = SSL_session_reused(t->ssl);
    remember_alpn(t);
    take_over(t);
    return WSK__TLS_OK;
}

/* ------------------------------------------------------------------------------------- data -- */

static wsk__tls_result take_plain(wsk__tls_session *t, uint8_t *plain, size_t cap, size_t *got)
{
    while (*got < cap) {
        size_t n = 0;
        int result = SSL_read_ex(t->ssl, plain + *got, cap - *got, &n);
        if (result != 1)
            return judge(t, result);
        t->idle_records = 0;
        *got += n;
        if (t->in_len == 0 && !SSL_has_pending(t->ssl))
            break;
    }
    return WSK__TLS_OK;
}

static wsk__tls_result take_records(wsk__tls_session *t, uint8_t *plain, size_t cap, size_t *got)
{
    size_t used = 0;
    const char *why = NULL;
    wsk__tls_result result = wsk__tls_records_read(t->records, t->in, t->in_len, &used, plain, cap,
                                                   got, t->out, &why);

    t->in_len -= used;
    t->eof = result == WSK__TLS_EOF;
    if (result == WSK__TLS_FAILED) {
        set_why(t, why);
        ERR_clear_error();
    }
    return result;
}

wsk__tls_result wsk__tls_session_read(wsk__tls_session *t, const uint8_t *in, size_t n,
                                      size_t *ret_used, uint8_t *plain, size_t cap, size_t *ret_n,
                                      wsk__tls_out *out)
{
    wsk__tls_result result = WSK__TLS_OK;
    size_t got = 0;

    *ret_n = 0;
    *ret_used = n;
    if (t->why != NULL)
        return WSK__TLS_FAILED;
    /* RFC 8446 6.1: what comes behind close_notify is ignored. */
    if (t->eof)
        return WSK__TLS_EOF;
    t->in = in;
    t->in_len = n;
    t->out = out;
    if (t->records == NULL)
        ERR_clear_error();
    if (!t->ready)
        result = shake(t);
    if (result == WSK__TLS_OK && t->records != NULL)
        result = take_records(t, plain, cap, &got);
    else if (result == WSK__TLS_OK && t->ready)
        result = take_plain(t, plain, cap, &got);
    *ret_n = got;
    if (result == WSK__TLS_OK)
        *ret_used = n - t->in_len;
    t->in = NULL;
    t->in_len = 0;
    t->out = NULL;
    return result;
}

static wsk__tls_result write_ssl(wsk__tls_session *t, const void *plain, size_t n, bool rekey,
                                 wsk__tls_out *out)
{
    size_t done = 0, records = n / WSK__TLS_RECORD_TEXT + 1;
    int result = 0;

    ERR_clear_error();
    t->out = out;
    if (rekey && SSL_version(t->ssl) == TLS1_3_VERSION)
        (void)SSL_key_update(t->ssl, SSL_KEY_UPDATE_NOT_REQUESTED);
    if (!wsk__tls_out_reserve(out, t->tls->hooks, n + records * RECORD_EXTRA))
        t->no_memory = true;
    else
        result = SSL_write_ex(t->ssl, plain, n, &done);
    t->out = NULL;
    return result == 1 ? WSK__TLS_OK : fail(t);
}

wsk__tls_result wsk__tls_session_write(wsk__tls_session *t, const void *plain, size_t n,
                                       wsk__tls_out *out)
{
    size_t records = n / WSK__TLS_RECORD_TEXT + 1;
    const char *why = NULL;
    bool rekey;

    if (t->why != NULL || !t->ready || t->closing)
        return WSK__TLS_FAILED;
    if (n == 0)
        return WSK__TLS_OK;
    /* RFC 8446 5.5: a key may not encrypt for ever. */
    t->sent += n + records * 1024;
    rekey = t->sent > t->tls->rekey_after;
    if (rekey)
        t->sent = 0;
    if (t->records == NULL)
        return write_ssl(t, plain, n, rekey, out);
    if (wsk__tls_records_write(t->records, plain, n, rekey, out, &why) == WSK__TLS_OK)
        return WSK__TLS_OK;
    set_why(t, why);
    ERR_clear_error();
    return WSK__TLS_FAILED;
}

void wsk__tls_session_shutdown(wsk__tls_session *t, wsk__tls_out *out)
{
    if (t->why != NULL || !t->ready || t->closing)
        return;
    t->closing = true;
    if (t->records != NULL) {
        wsk__tls_records_shutdown(t->records, out);
        return;
    }
    t->out = out;
    ERR_clear_error();
    if (SSL_shutdown(t->ssl) < 0)
        (void)fail(t);
    t->out = NULL;
}

bool wsk__tls_session_is_ready(const wsk__tls_session *t)
{
    return t->ready;
}

const char *wsk__tls_session_why(const wsk__tls_session *t)
{
    return t->why != NULL ? t->why : "";
}

const char *wsk__tls_session_version(const wsk__tls_session *t)
{
    return t->ready ? t->version : "";
}

const char *wsk__tls_session_cipher(const wsk__tls_session *t)
{
    return t->ready ? t->cipher : "";
}

size_t wsk__tls_session_alpn(const wsk__tls_session *t, char *buf, size_t n)
{
    if (n > 0) {
        size_t part = t->alpn_len < n ? t->alpn_len : n - 1;
        if (part > 0)
            memcpy(buf, t->alpn, part);
        buf[part] = 0;
    }
    return t->alpn_len;
}

bool wsk__tls_session_was_resumed(const wsk__tls_session *t)
{
    return t->resumed;
}
