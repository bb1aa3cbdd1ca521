/* SPDX-License-Identifier: MIT */
/* One TLS connection over lent buffers. Knows no socket and no file. */
#include "net/tls_session.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "net/tls_set.h"

/* RFC 8446 5.2: 16 KiB of plain text in a record, and at most 256 octets more around it. TLS 1.2
 * with CBC takes more, which is then found out by growing. */
#define RECORD_TEXT  16384
#define RECORD_EXTRA 64

/* Records and messages that bring no data, in a row: key updates, tickets, empty records. A peer
 * has no reason for more than a few, and could have keys derived for ever by 30 octets each. */
#define MAX_IDLE_RECORDS 64

struct wsk__tls_session {
    SSL *ssl;
    wsk_tls *tls;
    wsk__tls_set *set;
    char *host;        /* client; may be NULL */
    uint16_t port;     /* ... for its tickets */
    const uint8_t *in; /* lent during a call */
    size_t in_len;
    wsk__tls_out *out; /* lent during a call */
    const wsk_hooks *out_hooks;
    wsk__tls_session *outer; /* NULL: cipher text is what passes on the wire */
    const char *why;         /* NULL: not failed */
    uint64_t sent;           /* under the current key, see wsk_tls.rekey_after */
    uint16_t idle_records;
    bool why_owned, ready, eof, outer_eof, closing, no_memory;
    bool keeps_buffers, has_stale; /* see wsk__tls_session_keep_buffers() and release() */
    bool anonymous;                /* has a certificate, and does not show it */
};

/* ------------------------------------------------------------------------------------- out -- */

void wsk__tls_out_clear(wsk__tls_out *out, const wsk_tls *tls)
{
    if (out->owned)
        wsk__free(tls->hooks, out->ptr);
    memset(out, 0, sizeof(*out));
}

void wsk__tls_session_clear(wsk__tls_session *t, wsk__tls_out *out)
{
    wsk__tls_out_clear(out, t->tls);
}

/* Room for n more octets at ptr + len. */
static bool out_reserve(wsk__tls_out *out, const wsk_hooks *hooks, size_t n)
{
    size_t used = out->len - out->off;

    if (used == 0)
        out->off = out->len = 0;
    if (n <= out->cap - out->len)
        return true;
    if (n <= out->cap - used) {
        memmove(out->ptr, out->ptr + out->off, used);
    } else {
        if (n > SIZE_MAX / 4 || used > SIZE_MAX / 4)
            return false;
        size_t cap = out->owned && out->cap > (used + n) / 2 ? 2 * out->cap : used + n;
        uint8_t *p = wsk__alloc(hooks, cap);
        if (p == NULL)
            return false;
        if (used > 0)
            memcpy(p, out->ptr + out->off, used);
        if (out->owned)
            wsk__free(hooks, out->ptr);
        out->ptr = p;
        out->cap = cap;
        out->owned = true;
    }
    out->off = 0;
    out->len = used;
    return true;
}

/* ------------------------------------------------------------------------------------- BIO -- */

/* What the outer session makes of the input is our cipher text. What it has left over stays in it.
 */
static int read_outer(wsk__tls_session *t, BIO *bio, char *buf, size_t n, size_t *ret_n)
{
    size_t used = 0, got = 0;
    wsk__tls_result r = wsk__tls_session_read(t->outer, t->in, t->in_len, &used, (uint8_t *)buf, n,
                                              &got, t->out);

    if (used > 0) {
        t->in += used;
        t->in_len -= used;
    }
    /* An end or a failure is told again next time. */
    if (got > 0) {
        *ret_n = got;
        return 1;
    }
    if (r == WSK__TLS_FAILED)
        return 0;
    t->outer_eof = r == WSK__TLS_EOF;
    BIO_set_retry_read(bio);
    return 0;
}

static int bio_read(BIO *bio, char *buf, size_t n, size_t *ret_n)
{
    wsk__tls_session *t = BIO_get_data(bio);

    BIO_clear_retry_flags(bio);
    /* Without the retry flag OpenSSL gives up. */
    if (t->idle_records > MAX_IDLE_RECORDS)
        return 0;
    if (t->outer != NULL)
        return read_outer(t, bio, buf, n, ret_n);
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

static wsk__tls_result encrypt(wsk__tls_session *t, const void *plain, size_t n, wsk__tls_out *out);

static int bio_write(BIO *bio, const char *data, size_t n, size_t *ret_n)
{
    wsk__tls_session *t = BIO_get_data(bio);

    BIO_clear_retry_flags(bio);
    if (t->outer != NULL && t->out != NULL) {
        if (encrypt(t->outer, data, n, t->out) != WSK__TLS_OK)
            return 0;
        *ret_n = n;
        return 1;
    }
    if (t->out == NULL || !out_reserve(t->out, t->out_hooks, n)) {
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

/* OpenSSL judges a failed call by its queue of errors too, so what others left there has to go. To
 * look whether there is anything costs a tenth of clearing it. */
static void forget_errors(void)
{
    if (ERR_peek_error() != 0)
        ERR_clear_error();
}

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

    t->no_memory = wsk__tls_lacked_memory() || t->no_memory;
    if (t->no_memory) {
        set_why(t, "out of memory");
    } else if (t->outer != NULL && t->outer->why != NULL) {
        format_why(t, "TLS with the proxy: %s", t->outer->why);
    } else if (t->idle_records > MAX_IDLE_RECORDS) {
        set_why(t, "too many TLS messages without data");
    } else if (common != NULL) {
        set_why(t, common);
    } else if (ssl_error && reason == SSL_R_CERTIFICATE_VERIFY_FAILED) {
        why_verify(t);
    } else if (ssl_error && reason > SSL_AD_REASON_OFFSET &&
               reason <= SSL_AD_REASON_OFFSET + UINT8_MAX) {
        /* Beyond them are reasons that all parts of OpenSSL share. */
        const char *alert = words != NULL ? strstr(words, "alert ") : NULL;
        format_why(t, "peer sent alert: %s", alert != NULL ? alert + 6 : "unknown");
    } else {
        format_why(t, "TLS %s failed: %s", t->ready ? "connection" : "handshake",
                   words != NULL ? words : "unknown reason");
    }
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

/* ------------------------------------------------------------------------------------ names -- */

/* RFC 9525 6.3: names stand in subjectAltName. A common name may be anyone's. */
#define HOST_FLAGS (X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT)

static bool is_address(const char *host)
{
    unsigned char octets[16];

    return inet_pton(AF_INET, host, octets) == 1 || inet_pton(AF_INET6, host, octets) == 1;
}

/*
 * OpenSSL (3.0 at least) copies the names that it is to look for before it verifies, and does not
 * look whether it had the memory to: without, whoever has a certificate of a trusted CA would be
 * anyone. False if the peer's certificate is not for the host, or there is no memory to say.
 */
static bool is_for_host(const wsk__tls_session *t)
{
    X509 *cert;

    if (t->tls->role != WSK_ROLE_CLIENT || t->tls->insecure)
        return true;
    cert = SSL_get0_peer_certificate(t->ssl);
    if (cert == NULL || t->host == NULL)
        return false;
    return (is_address(t->host) ? X509_check_ip_asc(cert, t->host, 0)
                                : X509_check_host(cert, t->host, 0, HOST_FLAGS, NULL)) == 1;
}

/* ----------------------------------------------------------------------------- life and use -- */

int wsk__tls_on_new_session(SSL *ssl, SSL_SESSION *session)
{
    wsk__tls_session *t = SSL_get_app_data(ssl);

    /* Whoever resumes an anonymous session shows no certificate either. With TLS 1.2 it comes
     * within the handshake, before shake() has looked. */
    if (t->host != NULL && !t->anonymous && SSL_SESSION_is_resumable(session) &&
        (t->ready || is_for_host(t)))
        wsk__tls_ticket_keep(t->set, t->host, t->port, session);
    return 0; /* the reference stays OpenSSL's */
}

void wsk__tls_on_message(int write, int version, int type, const void *buf, size_t len, SSL *ssl,
                         void *arg)
{
    wsk__tls_session *t = arg;
    /* Messages that came (a record may hold many), before the handshake is done, too: a
     * HelloRequest is passed over then. Behind it also their records, and alerts that they made us
     * send. */
    bool ready = t != NULL && t->ready;
    bool counts = write ? ready && type == SSL3_RT_ALERT
                        : type == SSL3_RT_HANDSHAKE || (ready && type == SSL3_RT_HEADER);

    (void)version;
    (void)buf;
    (void)len;
    (void)ssl;
    if (t != NULL && counts && t->idle_records <= MAX_IDLE_RECORDS)
        t->idle_records++;
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
        SSL_set_hostflags(t->ssl, HOST_FLAGS);
        ok = SSL_set1_host(t->ssl, t->host) == 1 && SSL_set_tlsext_host_name(t->ssl, t->host) == 1;
    }
    if (!ok)
        return strlen(t->host) > TLSEXT_MAXLEN_host_name ? WSK_ERR_INVAL : WSK_ERR_NOMEM;
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
    old = wsk__tls_ticket_take(t->set, t->host, t->port);
    if (old != NULL) {
        /* If it does not fit any more the handshake is a full one. */
        (void)SSL_set_session(t->ssl, old);
        SSL_SESSION_free(old);
    }
    return 0;
}

int wsk__tls_session_new(wsk__tls_session **ret, wsk_tls *tls, const char *host, uint16_t port)
{
    wsk__tls_session *t = wsk__alloc0(tls->hooks, sizeof(*t));
    BIO *bio;
    int result = 0;

    if (t == NULL)
        return WSK_ERR_NOMEM;
    ERR_clear_error();
    t->tls = wsk_tls_ref(tls);
    t->out_hooks = tls->hooks;
    t->port = port;
    t->set = wsk__tls_set_get(tls);
    t->ssl = SSL_new(t->set->ctx);
    bio = BIO_new(tls->bio);
    if (t->ssl == NULL || bio == NULL || !SSL_set_app_data(t->ssl, t)) {
        BIO_free(bio);
        result = WSK_ERR_NOMEM;
    } else {
        SSL_set_msg_callback_arg(t->ssl, t);
        BIO_set_data(bio, t);
        BIO_set_init(bio, 1);
        SSL_set_bio(t->ssl, bio, bio);
        if (tls->role == WSK_ROLE_SERVER)
            SSL_set_accept_state(t->ssl);
        else
            result = set_up_client(t, host);
    }
    if (result < 0) {
        ERR_clear_error();
        wsk__tls_session_free(t);
        return result;
    }
    *ret = t;
    return 0;
}

void wsk__tls_session_forget_identity(wsk__tls_session *t)
{
    t->anonymous = SSL_get_certificate(t->ssl) != NULL;
    SSL_certs_clear(t->ssl);
    (void)SSL_set_session(t->ssl, NULL);
}

void wsk__tls_session_free(wsk__tls_session *t)
{
    if (t == NULL)
        return;
    if (t->ssl != NULL) {
        /* A session stays resumable when the connection just breaks (RFC 5246 7.2.1 allows it). */
        SSL_set_shutdown(t->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
        SSL_free(t->ssl);
    }
    wsk__tls_session_free(t->outer);
    wsk__tls_set_unref(t->set);
    const wsk_hooks *hooks = t->tls->hooks;
    wsk__free(hooks, t->host);
    if (t->why_owned)
        wsk__free(hooks, (char *)(uintptr_t)t->why);
    wsk_tls_unref(t->tls);
    wsk__free(hooks, t);
}

void wsk__tls_session_nest(wsk__tls_session *t, wsk__tls_session *outer)
{
    t->outer = outer;
    /* The owner of t's output knows t alone. */
    outer->out_hooks = t->out_hooks;
}

static wsk__tls_result shake(wsk__tls_session *t)
{
    int result = SSL_do_handshake(t->ssl);

    if (result != 1)
        return judge(t, result);
    if (!is_for_host(t)) {
        t->no_memory = true;
        set_why(t, "out of memory");
        return WSK__TLS_FAILED;
    }
    t->ready = true;
    t->idle_records = 0;
    return WSK__TLS_OK;
}

static wsk__tls_result take_plain(wsk__tls_session *t, uint8_t *plain, size_t cap, size_t *got)
{
    while (*got < cap) {
        size_t n = 0;
        int result = SSL_read_ex(t->ssl, plain + *got, cap - *got, &n);
        if (result != 1)
            return judge(t, result);
        t->idle_records = 0;
        *got += n;
        if (t->in_len == 0 && !SSL_has_pending(t->ssl) &&
            (t->outer == NULL || !SSL_has_pending(t->outer->ssl)))
            break;
    }
    return WSK__TLS_OK;
}

/* The proxy has ended its TLS: for us the end of the transport. */
static wsk__tls_result end_outer(wsk__tls_session *t)
{
    if (!t->ready) {
        set_why(t, "closed by the proxy during the TLS handshake");
        return WSK__TLS_FAILED;
    }
    t->eof = true;
    return WSK__TLS_EOF;
}

/* With SSL_MODE_RELEASE_BUFFERS OpenSSL lets its 16 KiB go behind data, but not behind the tickets
 * that a client gets. Versions before 3.0.14 would also free them when the head of a record has
 * come and its body has not (CVE-2024-4741): hence the question where it stands. */
static void release(wsk__tls_session *t)
{
    if (!t->keeps_buffers && (t->tls->role == WSK_ROLE_CLIENT || t->has_stale) &&
        !SSL_has_pending(t->ssl) && strcmp(SSL_rstate_string(t->ssl), "RH") == 0 &&
        SSL_free_buffers(t->ssl) == 1)
        t->has_stale = false;
}

void wsk__tls_session_keep_buffers(wsk__tls_session *t, bool on)
{
    t->keeps_buffers = on;
    if (on) {
        SSL_clear_mode(t->ssl, SSL_MODE_RELEASE_BUFFERS);
        return;
    }
    SSL_set_mode(t->ssl, SSL_MODE_RELEASE_BUFFERS);
    /* In the middle of a record they go when the rest of it has come. */
    t->has_stale = true;
    release(t);
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
    /* The client speaks first. Until it does, no 32 KiB are taken for the handshake with it. */
    if (n == 0 && !t->ready && t->tls->role == WSK_ROLE_SERVER)
        return WSK__TLS_OK;
    t->in = in;
    t->in_len = n;
    t->out = out;
    forget_errors();
    if (!t->ready)
        result = shake(t);
    if (result == WSK__TLS_OK && t->ready)
        result = take_plain(t, plain, cap, &got);
    if (result == WSK__TLS_OK && t->outer_eof)
        result = end_outer(t);
    if (result == WSK__TLS_OK && t->ready && got < cap)
        release(t);
    *ret_n = got;
    if (result == WSK__TLS_OK)
        *ret_used = n - t->in_len;
    t->in = NULL;
    t->in_len = 0;
    t->out = NULL;
    return result;
}

/* Leaves OpenSSL's queue of errors alone: a session within this one may be about to send the alert
 * that one of them is the reason for. */
static wsk__tls_result encrypt(wsk__tls_session *t, const void *plain, size_t n, wsk__tls_out *out)
{
    size_t done = 0, records = n / RECORD_TEXT + 1;
    int result = 0;

    if (t->why != NULL || !t->ready || t->closing)
        return WSK__TLS_FAILED;
    if (n == 0)
        return WSK__TLS_OK;
    if (SSL_in_init(t->ssl)) {
        set_why(t, "a TLS message of the peer's lacks its end");
        return WSK__TLS_FAILED;
    }
    t->out = out;
    /* RFC 8446 5.5: a key may not encrypt for ever. */
    t->sent += n + records * 1024;
    if (t->sent > t->tls->rekey_after && SSL_version(t->ssl) == TLS1_3_VERSION) {
        (void)SSL_key_update(t->ssl, SSL_KEY_UPDATE_NOT_REQUESTED);
        t->sent = 0;
    }
    if (!out_reserve(out, t->out_hooks, n + records * RECORD_EXTRA))
        t->no_memory = true;
    else
        result = SSL_write_ex(t->ssl, plain, n, &done);
    t->out = NULL;
    return result == 1 ? WSK__TLS_OK : fail(t);
}

wsk__tls_result wsk__tls_session_write(wsk__tls_session *t, const void *plain, size_t n,
                                       wsk__tls_out *out)
{
    forget_errors();
    return encrypt(t, plain, n, out);
}

void wsk__tls_session_shutdown(wsk__tls_session *t, wsk__tls_out *out)
{
    if (t->why != NULL || !t->ready || t->closing)
        return;
    t->closing = true;
    t->out = out;
    forget_errors();
    if (SSL_shutdown(t->ssl) < 0)
        (void)fail(t);
    t->out = NULL;
    if (t->outer != NULL)
        wsk__tls_session_shutdown(t->outer, out);
}

bool wsk__tls_session_is_ready(const wsk__tls_session *t)
{
    return t->ready;
}

bool wsk__tls_session_may_write(const wsk__tls_session *t)
{
    return t->ready && !SSL_in_init(t->ssl) && (t->outer == NULL || !SSL_in_init(t->outer->ssl));
}

const char *wsk__tls_session_why(const wsk__tls_session *t)
{
    return t->why != NULL ? t->why : "";
}

bool wsk__tls_session_lacked_memory(const wsk__tls_session *t)
{
    return t->no_memory || (t->outer != NULL && t->outer->no_memory);
}

const char *wsk__tls_session_version(const wsk__tls_session *t)
{
    return t->ready ? SSL_get_version(t->ssl) : "";
}

const char *wsk__tls_session_cipher(const wsk__tls_session *t)
{
    return t->ready ? SSL_get_cipher_name(t->ssl) : "";
}

size_t wsk__tls_session_alpn(const wsk__tls_session *t, char *buf, size_t n)
{
    const unsigned char *name = NULL;
    unsigned len = 0;
    size_t part;

    if (t->ready)
        SSL_get0_alpn_selected(t->ssl, &name, &len);
    if (n > 0) {
        part = len < n ? len : n - 1;
        if (part > 0)
            memcpy(buf, name, part);
        buf[part] = 0;
    }
    return len;
}

bool wsk__tls_session_was_resumed(const wsk__tls_session *t)
{
    return t->ready && SSL_session_reused(t->ssl);
}
