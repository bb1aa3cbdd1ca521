/* SPDX-License-Identifier: MIT */
/* See torture_end.h. */
#include "torture_end.h"

#include <stdlib.h>

#include <openssl/err.h>

#include "tls_certs.h"
#include "torture_kernel.h"

static struct {
    SSL_CTX *client, *server;
    BIO_METHOD *bio;
} t;

const char *torture_tls_name(torture_tls tls)
{
    static const char *const names[TORTURE_TLS_KINDS] = {"plain", "TLS 1.3", "TLS 1.3 resumed",
                                                         "TLS 1.2", "TLS 1.2 resumed"};

    return names[tls];
}

/* ------------------------------------------------------------------------------------- BIO -- */

static int bio_read(BIO *bio, char *buf, size_t n, size_t *ret_n)
{
    const torture_end *e = BIO_get_data(bio);
    const long got = tk_read(e->file, (uint8_t *)buf, n);

    BIO_clear_retry_flags(bio);
    if (got > 0)
        *ret_n = (size_t)got;
    else if (got == 0)
        BIO_set_retry_read(bio);
    return got > 0;
}

static int bio_write(BIO *bio, const char *data, size_t n, size_t *ret_n)
{
    const torture_end *e = BIO_get_data(bio);
    const long sent = tk_write(e->file, (const uint8_t *)data, n);

    BIO_clear_retry_flags(bio);
    if (sent > 0)
        *ret_n = (size_t)sent;
    else if (sent == 0)
        BIO_set_retry_write(bio);
    return sent > 0;
}

static long bio_ctrl(BIO *bio, int cmd, long num, void *ptr)
{
    (void)bio;
    (void)num;
    (void)ptr;
    return cmd == BIO_CTRL_FLUSH;
}

/* ----------------------------------------------------------------------------- certificates -- */

static void must(bool ok)
{
    if (!ok)
        abort();
}

void torture_ends_init(void)
{
    certs_begin();
    certs_make(&(cert_spec){.file = "judge", .san = "IP:127.0.0.1"});
    t.client = SSL_CTX_new(TLS_client_method());
    t.server = SSL_CTX_new(TLS_server_method());
    t.bio = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "torture");
    must(t.client != NULL && t.server != NULL && t.bio != NULL);
    must(BIO_meth_set_read_ex(t.bio, bio_read) && BIO_meth_set_write_ex(t.bio, bio_write) &&
         BIO_meth_set_ctrl(t.bio, bio_ctrl));
    must(SSL_CTX_use_certificate_file(t.server, certs_path("judge.pem"), SSL_FILETYPE_PEM) == 1 &&
         SSL_CTX_use_PrivateKey_file(t.server, certs_path("judge.key"), SSL_FILETYPE_PEM) == 1);
    SSL_CTX_set_session_cache_mode(t.server, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_session_cache_mode(t.client, SSL_SESS_CACHE_OFF);
}

void torture_ends_deinit(void)
{
    certs_end();
    SSL_CTX_free(t.client);
    SSL_CTX_free(t.server);
    BIO_meth_free(t.bio);
}

static bool is_resumed(torture_tls tls)
{
    return tls == TORTURE_TLS13_RESUMED || tls == TORTURE_TLS12_RESUMED;
}

static int version_of(torture_tls tls)
{
    return tls >= TORTURE_TLS12 ? TLS1_2_VERSION : TLS1_3_VERSION;
}

int torture_tls_new(wsk_tls **ret, wsk_role role, torture_tls tls, const wsk_hooks *hooks)
{
    wsk_tls_options o = WSK_TLS_OPTIONS_INIT;

    o.role = role;
    o.hooks = hooks;
    o.no_tickets = !is_resumed(tls);
    o.self_signed = role == WSK_ROLE_SERVER;
    o.ca_file = role == WSK_ROLE_CLIENT ? certs_path("judge.pem") : NULL;
    return wsk_tls_new(ret, &o, NULL);
}

/* ------------------------------------------------------------------------------- connections -- */

void torture_end_begin(torture_end *e, int file, wsk_role role, torture_tls tls,
                       const torture_end *before)
{
    *e = (torture_end){.file = file};
    if (tls == TORTURE_PLAIN)
        return;
    e->ssl = SSL_new(role == WSK_ROLE_CLIENT ? t.client : t.server);
    BIO *bio = BIO_new(t.bio);
    must(e->ssl != NULL && bio != NULL);
    BIO_set_data(bio, e);
    BIO_set_init(bio, 1);
    SSL_set_bio(e->ssl, bio, bio);
    SSL_set_mode(e->ssl, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    must(SSL_set_max_proto_version(e->ssl, version_of(tls)) == 1);
    if (role == WSK_ROLE_SERVER) {
        SSL_set_accept_state(e->ssl);
        return;
    }
    SSL_set_connect_state(e->ssl);
    if (is_resumed(tls) && before != NULL) {
        SSL_SESSION *session = SSL_get1_session(before->ssl);

        must(session != NULL && SSL_set_session(e->ssl, session) == 1);
        SSL_SESSION_free(session);
    }
}

/* What a call that did not succeed comes to. */
static int status_of(const torture_end *e, int r)
{
    const int err = SSL_get_error(e->ssl, r);

    ERR_clear_error();
    return err == SSL_ERROR_WANT_READ || err == SSL_ERROR_WANT_WRITE ? 0 : -1;
}

int torture_end_shake(torture_end *e)
{
    if (e->ssl == NULL)
        return 1;
    const int r = SSL_do_handshake(e->ssl);

    return r == 1 ? 1 : status_of(e, r);
}

long torture_end_read(torture_end *e, uint8_t *buf, size_t n)
{
    size_t got = 0;

    if (e->ssl == NULL)
        return tk_read(e->file, buf, n);
    const int r = SSL_read_ex(e->ssl, buf, n, &got);
    return r == 1 ? (long)got : status_of(e, r);
}

long torture_end_write(torture_end *e, const uint8_t *data, size_t n)
{
    size_t sent = 0;

    if (e->ssl == NULL)
        return tk_write(e->file, data, n);
    const int r = SSL_write_ex(e->ssl, data, n, &sent);
    return r == 1 ? (long)sent : status_of(e, r);
}

void torture_end_fin(torture_end *e)
{
    if (e->ended)
        return;
    e->ended = true;
    if (e->ssl != NULL && SSL_is_init_finished(e->ssl)) {
        (void)SSL_shutdown(e->ssl);
        ERR_clear_error();
    }
    tk_fin(e->file);
}

bool torture_end_is(const torture_end *e, torture_tls tls)
{
    return e->ssl == NULL ? tls == TORTURE_PLAIN
                          : SSL_version(e->ssl) == version_of(tls) &&
                                SSL_session_reused(e->ssl) == is_resumed(tls);
}

void torture_end_free(torture_end *e)
{
    SSL_free(e->ssl);
    e->ssl = NULL;
}
