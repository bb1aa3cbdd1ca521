/* SPDX-License-Identifier: MIT */
/* Sessions of TLS: the handshake and its failures, data at every cut, limits. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/ssl.h>

#include "net/tls_set.h"
#include "tls_certs.h"
#include "tls_pair.h"

static wsk_tls *server, *client;

static wsk_tls_options server_options(void)
{
    wsk_tls_options o = WSK_TLS_OPTIONS_INIT;

    o.role = WSK_ROLE_SERVER;
    o.certificate_file = certs_path("a.pem");
    o.key_file = certs_path("a.key");
    return o;
}

static wsk_tls_options client_options(void)
{
    wsk_tls_options o = WSK_TLS_OPTIONS_INIT;

    o.role = WSK_ROLE_CLIENT;
    o.ca_file = certs_path("ca.pem");
    return o;
}

static int make_certificates(void **state)
{
    (void)state;
    certs_begin();
    certs_make(&(cert_spec){.file = "ca", .ca = true});
    certs_make(&(cert_spec){.file = "other-ca", .ca = true});
    certs_make(&(cert_spec){
        .file = "a", .san = "DNS:a.test,DNS:localhost,IP:127.0.0.1,IP:::1", .issuer = "ca"});
    certs_make(&(cert_spec){.file = "b", .san = "DNS:b.test", .issuer = "ca", .rsa_bits = 2048});
    certs_make(&(cert_spec){.file = "b-ec", .san = "DNS:b.test", .issuer = "ca"});
    certs_make(&(cert_spec){.file = "wild", .san = "DNS:*.wild.test", .issuer = "ca"});
    certs_make(&(cert_spec){.file = "x", .san = "DNS:X.wild.test", .issuer = "ca"});
    certs_make(&(cert_spec){.file = "old", .san = "DNS:a.test", .issuer = "ca", .expired = true});
    certs_make(&(cert_spec){.file = "self", .san = "DNS:a.test"});
    certs_make(&(cert_spec){.file = "user", .issuer = "ca"});
    certs_make(&(cert_spec){.file = "stranger", .issuer = "other-ca"});
    return 0;
}

static int remove_certificates(void **state)
{
    (void)state;
    certs_end();
    return 0;
}

static int begin(void **state)
{
    wsk_tls_options s = server_options(), c = client_options();

    (void)state;
    server = tls_make(&s);
    client = tls_make(&c);
    return 0;
}

static int end(void **state)
{
    (void)state;
    wsk_tls_unref(server);
    wsk_tls_unref(client);
    return 0;
}

/* Replaces one of the two. */
static void renew(wsk_tls **tls, const wsk_tls_options *o)
{
    wsk_tls_unref(*tls);
    *tls = tls_make(o);
}

static void use_tls12(void)
{
    SSL_CTX_set_max_proto_version(client->set->ctx, TLS1_2_VERSION);
}

static void assert_words(const wsk__tls_session *t, const char *words)
{
    if (strstr(wsk__tls_session_why(t), words) == NULL)
        fail_msg("'%s' is not in '%s'", words, wsk__tls_session_why(t));
}

/* Opens, shakes hands, and closes; the answer is whether it went well. */
static bool shake(const char *host)
{
    tls_pair p;
    bool ok;

    assert_int_equal(pair_open(&p, server, client, host, SIZE_MAX), 0);
    ok = pair_run(&p);
    pair_close(&p);
    return ok;
}

/* The client refuses (words), or the server does. */
static void expect_failure(const char *host, const char *client_words, const char *server_words)
{
    tls_pair p;

    assert_int_equal(pair_open(&p, server, client, host, SIZE_MAX), 0);
    pair_run(&p);
    if (client_words != NULL) {
        assert_int_equal(p.client.result, WSK__TLS_FAILED);
        assert_words(p.client.session, client_words);
    }
    if (server_words != NULL) {
        assert_int_equal(p.server.result, WSK__TLS_FAILED);
        assert_words(p.server.session, server_words);
    }
    assert_true(client_words != NULL || server_words != NULL);
    pair_close(&p);
}

/* --------------------------------------------------------------------------------- data -- */

static void fill(uint8_t *data, size_t n)
{
    uint32_t x = 1;

    for (size_t i = 0; i < n; i++) {
        x = x * 1664525 + 1013904223;
        data[i] = (uint8_t)(x >> 24);
    }
}

static void test_cuts(void **state)
{
    static const size_t sizes[] = {1, 2, 125, 126, 4096, 16384, 16385, 40000};
    uint8_t *data = malloc(40000);
    char alpn[16];

    (void)state;
    assert_non_null(data);
    fill(data, 40000);
    for (int version = 12; version <= 13; version++) {
        if (version == 12)
            use_tls12();
        else
            SSL_CTX_set_max_proto_version(client->set->ctx, TLS1_3_VERSION);
        for (size_t c = 0; c < 5; c++) {
            tls_pair p;
            assert_int_equal(pair_open(&p, server, client, "a.test", cut_sizes[c]), 0);
            assert_string_equal(wsk__tls_session_version(p.client.session), "");
            assert_string_equal(wsk__tls_session_cipher(p.client.session), "");
            assert_true(pair_run(&p));
            assert_string_equal(wsk__tls_session_version(p.client.session),
                                version == 12 ? "TLSv1.2" : "TLSv1.3");
            assert_string_equal(wsk__tls_session_cipher(p.server.session),
                                wsk__tls_session_cipher(p.client.session));
            if (version == 13)
                assert_string_equal(wsk__tls_session_cipher(p.server.session),
                                    "TLS_AES_128_GCM_SHA256");
            assert_int_equal(wsk__tls_session_alpn(p.server.session, alpn, sizeof(alpn)), 8);
            assert_string_equal(alpn, "http/1.1");
            for (size_t cap = 0; cap < 3; cap++) {
                p.plain_cap = cap == 0 ? 0 : cap == 1 ? 1 : 100;
                for (size_t i = 0; i < WSK__COUNT(sizes); i++) {
                    if (cut_sizes[c] < 7 && sizes[i] > 16384)
                        continue;
                    pair_send(&p, &p.client, &p.server, data, sizes[i]);
                    pair_send(&p, &p.server, &p.client, data, sizes[i]);
                }
            }
            wsk__tls_session_shutdown(p.client.session, &p.client.out);
            pair_move(&p, &p.client, &p.server);
            assert_int_equal(p.server.result, WSK__TLS_EOF);
            wsk__tls_session_shutdown(p.server.session, &p.server.out);
            pair_move(&p, &p.server, &p.client);
            assert_int_equal(p.client.result, WSK__TLS_EOF);
            pair_close(&p);
        }
    }
    free(data);
}

/* A client's first data in one piece with the end of its handshake. */
static void test_data_behind_finished(void **state)
{
    (void)state;
    for (int version = 13; version >= 12; version--) {
        for (size_t c = 0; c < 5; c++) {
            tls_pair p;
            /* A full handshake, then a resumed one, for each. */
            for (int i = 0; i < 2; i++) {
                assert_int_equal(pair_open(&p, server, client, "a.test", cut_sizes[c]), 0);
                while (!wsk__tls_session_is_ready(p.client.session)) {
                    pair_move(&p, &p.client, &p.server);
                    pair_move(&p, &p.server, &p.client);
                }
                pair_send(&p, &p.client, &p.server, "GET /", 5);
                assert_true(wsk__tls_session_is_ready(p.server.session));
                pair_send(&p, &p.server, &p.client, "HTTP/1.1 101", 12);
                pair_close(&p);
            }
        }
        use_tls12();
    }
}

static void test_large(void **state)
{
    size_t n = (size_t)1 << 20;
    uint8_t *data = malloc(n);
    uint8_t lent[1000];
    tls_pair p;

    (void)state;
    assert_non_null(data);
    fill(data, n);
    for (int version = 12; version <= 13; version++) {
        if (version == 12)
            use_tls12();
        else
            SSL_CTX_set_max_proto_version(client->set->ctx, TLS1_3_VERSION);
        assert_int_equal(pair_open(&p, server, client, "a.test", 4093), 0);
        assert_true(pair_run(&p));
        pair_send(&p, &p.client, &p.server, data, n);
        /* Records are as large as may be: 64 of 16 KiB, with at most 29 octets around each. */
        assert_int_equal(wsk__tls_session_write(p.server.session, data, n, &p.server.out), 0);
        assert_true(p.server.out.len - p.server.out.off <= n + 64 * 29);
        pair_move(&p, &p.server, &p.client);
        assert_int_equal(p.client.n_plain, n);
        assert_memory_equal(p.client.plain, data, n);
        /* Lent room is used while it is large enough, and left alone afterwards. */
        wsk__tls_out_clear(&p.server.out, server);
        p.server.out = (wsk__tls_out){lent, 0, 0, sizeof(lent), false};
        pair_send(&p, &p.server, &p.client, data, 100);
        assert_ptr_equal(p.server.out.ptr, lent);
        p.client.n_plain = 0;
        assert_int_equal(wsk__tls_session_write(p.server.session, data, 500, &p.server.out), 0);
        assert_ptr_equal(p.server.out.ptr, lent);
        assert_int_equal(wsk__tls_session_write(p.server.session, data + 500, 1500, &p.server.out),
                         0);
        assert_true(p.server.out.owned);
        assert_ptr_not_equal(p.server.out.ptr, lent);
        pair_move(&p, &p.server, &p.client);
        assert_int_equal(p.client.n_plain, 2000);
        assert_memory_equal(p.client.plain, data, 2000);
        pair_close(&p);
    }
    free(data);
}

/* What is written while older octets wait stands behind them, also when they are moved. */
static void test_out_is_appended(void **state)
{
    tls_pair p;
    char text[200];

    (void)state;
    assert_int_equal(pair_open(&p, server, client, "a.test", SIZE_MAX), 0);
    assert_true(pair_run(&p));
    for (int i = 0; i < 200; i++) {
        int n = snprintf(text, sizeof(text), "message %d ", i);
        assert_int_equal(wsk__tls_session_write(p.client.session, text, (size_t)n, &p.client.out),
                         0);
        /* A part of it goes out. */
        size_t part = (p.client.out.len - p.client.out.off) / 2;
        end_feed(&p, &p.server, p.client.out.ptr + p.client.out.off, part);
        p.client.out.off += part;
        assert_true(p.client.out.cap < 4096);
    }
    pair_move(&p, &p.client, &p.server);
    assert_int_equal(p.server.result, WSK__TLS_OK);
    for (int i = 0, at = 0; i < 200; i++) {
        int n = snprintf(text, sizeof(text), "message %d ", i);
        assert_true((size_t)(at + n) <= p.server.n_plain);
        assert_memory_equal(p.server.plain + at, text, (size_t)n);
        at += n;
    }
    pair_close(&p);
}

static void test_close(void **state)
{
    tls_pair p;

    (void)state;
    assert_int_equal(pair_open(&p, server, client, "a.test", SIZE_MAX), 0);
    /* Too early. */
    assert_int_equal(wsk__tls_session_write(p.client.session, "x", 1, &p.client.out),
                     WSK__TLS_FAILED);
    size_t len = p.client.out.len;
    wsk__tls_session_shutdown(p.client.session, &p.client.out);
    assert_int_equal(p.client.out.len, len);
    assert_true(pair_run(&p));
    /* Data and close_notify in one piece. */
    assert_int_equal(wsk__tls_session_write(p.client.session, "last", 4, &p.client.out), 0);
    wsk__tls_session_shutdown(p.client.session, &p.client.out);
    len = p.client.out.len;
    wsk__tls_session_shutdown(p.client.session, &p.client.out);
    assert_int_equal(p.client.out.len, len);
    assert_int_equal(wsk__tls_session_write(p.client.session, "x", 1, &p.client.out),
                     WSK__TLS_FAILED);
    pair_move(&p, &p.client, &p.server);
    assert_int_equal(p.server.result, WSK__TLS_EOF);
    assert_int_equal(p.server.n_plain, 4);
    /* The other direction goes on (RFC 8446 6.1). */
    pair_send(&p, &p.server, &p.client, "still here", 10);
    /* What comes behind is ignored. */
    end_feed(&p, &p.server, (const uint8_t *)"garbage", 7);
    assert_int_equal(p.server.result, WSK__TLS_EOF);
    pair_close(&p);
}

static void test_damaged_record(void **state)
{
    tls_pair p;

    (void)state;
    for (int version = 12; version <= 13; version++) {
        assert_int_equal(pair_open(&p, server, client, "a.test", SIZE_MAX), 0);
        assert_true(pair_run(&p));
        assert_int_equal(wsk__tls_session_write(p.client.session, "good", 4, &p.client.out), 0);
        assert_int_equal(wsk__tls_session_write(p.client.session, "bad", 3, &p.client.out), 0);
        p.client.out.ptr[p.client.out.len - 1] ^= 1;
        pair_move(&p, &p.client, &p.server);
        assert_int_equal(p.server.result, WSK__TLS_FAILED);
        assert_words(p.server.session, "bad record mac");
        assert_int_equal(p.server.n_plain, 4);
        /* The failure stays, and the peer is told. */
        assert_int_equal(wsk__tls_session_write(p.server.session, "x", 1, &p.server.out),
                         WSK__TLS_FAILED);
        pair_move(&p, &p.server, &p.client);
        assert_int_equal(p.client.result, WSK__TLS_FAILED);
        assert_words(p.client.session, "peer sent alert: bad record mac");
        end_feed(&p, &p.server, NULL, 0);
        assert_int_equal(p.server.result, WSK__TLS_FAILED);
        pair_close(&p);
        use_tls12();
    }
}

/* ------------------------------------------------------------------------------ failures -- */

static void feed_server(const void *octets, size_t n, size_t cut, const char *words)
{
    tls_pair p;
    const uint8_t *in = octets;

    assert_int_equal(pair_open(&p, server, client, "a.test", SIZE_MAX), 0);
    for (size_t i = 0; i < n && p.server.result == WSK__TLS_OK; i += cut) {
        size_t piece = cut < n - i ? cut : n - i;
        uint8_t *guarded = guard_copy(in + i, piece);
        end_feed(&p, &p.server, guarded, piece);
        guard_free(guarded, piece);
    }
    assert_int_equal(p.server.result, WSK__TLS_FAILED);
    assert_words(p.server.session, words);
    assert_false(wsk__tls_session_is_ready(p.server.session));
    pair_close(&p);
}

static void test_not_tls(void **state)
{
    static const char http[] = "GET /ws HTTP/1.1\r\nHost: a.test\r\n\r\n";
    static const char proxy[] = "CONNECT a.test:443 HTTP/1.1\r\n\r\n";
    static const char garbage[] = "\x00\x01\x02 this is no TLS at all, nor HTTP";
    static const char answer[] = "HTTP/1.1 400 Bad Request\r\n\r\n";
    tls_pair p;

    (void)state;
    for (size_t c = 0; c < 5; c++) {
        size_t cut = cut_sizes[c] < 100 ? cut_sizes[c] : 100;
        feed_server(http, sizeof(http) - 1, cut, "plain HTTP request on a TLS port");
        feed_server(proxy, sizeof(proxy) - 1, cut, "plain HTTP request on a TLS port");
        feed_server(garbage, sizeof(garbage) - 1, cut, "what came is not TLS");
    }
    assert_int_equal(pair_open(&p, server, client, "a.test", SIZE_MAX), 0);
    end_feed(&p, &p.client, (const uint8_t *)answer, sizeof(answer) - 1);
    assert_int_equal(p.client.result, WSK__TLS_FAILED);
    assert_words(p.client.session, "does not speak TLS");
    pair_close(&p);
}

/* Every octet of the ClientHello changed once: no harm, whatever the answer. */
static void test_damaged_hello(void **state)
{
    tls_pair p;
    size_t n;

    (void)state;
    assert_int_equal(pair_open(&p, server, client, "a.test", SIZE_MAX), 0);
    n = p.client.out.len;
    for (size_t i = 0; i < n; i++) {
        tls_pair q;
        assert_int_equal(pair_open(&q, server, client, "a.test", SIZE_MAX), 0);
        uint8_t *hello = guard_copy(p.client.out.ptr, n);
        hello[i] ^= (uint8_t)(1 + i % 255);
        end_feed(&q, &q.server, hello, n);
        assert_false(wsk__tls_session_is_ready(q.server.session));
        guard_free(hello, n);
        pair_close(&q);
    }
    pair_close(&p);
}

static void test_trust(void **state)
{
    wsk_tls_options s = server_options(), c = client_options();

    (void)state;
    assert_true(shake("a.test"));
    assert_true(shake("A.TEST"));
    assert_true(shake("a.test."));
    assert_true(shake("127.0.0.1"));
    assert_true(shake("[::1]"));
    assert_true(shake("0:0::1"));
    expect_failure("b.test", "it is not for 'b.test'", "peer sent alert: bad certificate");
    expect_failure("127.0.0.2", "it is not for '127.0.0.2'", NULL);
    expect_failure("[::2]", "it is not for '::2'", NULL);
    expect_failure("x.a.test", "hostname mismatch", NULL);

    c.ca_file = certs_path("other-ca.pem");
    renew(&client, &c);
    expect_failure("a.test", "unable to get local issuer certificate (a CA file",
                   "peer sent alert: unknown ca");
    c.ca_file = NULL;
    renew(&client, &c);
    expect_failure("a.test", "certificate verify failed: unable to get local issuer", NULL);
    c.insecure = true;
    renew(&client, &c);
    assert_true(shake("a.test"));
    assert_true(shake("wrong.test"));
    assert_true(shake(NULL));

    c = client_options();
    renew(&client, &c);
    s.certificate_file = certs_path("old.pem");
    s.key_file = certs_path("old.key");
    renew(&server, &s);
    expect_failure("a.test", "certificate verify failed: certificate has expired",
                   "peer sent alert: certificate expired");
    s.certificate_file = certs_path("self.pem");
    s.key_file = certs_path("self.key");
    renew(&server, &s);
    expect_failure("a.test", "certificate verify failed: self-signed certificate (a CA file", NULL);
    /* A CA file may hold the certificate itself. */
    c.ca_file = certs_path("self.pem");
    renew(&client, &c);
    assert_true(shake("a.test"));

    /* RFC 9525 6.3: a common name, which a user may have chosen for himself, is no server's. */
    c = client_options();
    renew(&client, &c);
    s.certificate_file = certs_path("user.pem");
    s.key_file = certs_path("user.key");
    renew(&server, &s);
    expect_failure("user", "hostname mismatch", NULL);

    s = server_options();
    s.self_signed = true;
    s.certificate_file = s.key_file = NULL;
    renew(&server, &s);
    expect_failure("localhost", "self-signed certificate", NULL);
    c.insecure = true;
    renew(&client, &c);
    assert_true(shake("localhost"));
}

static void test_no_host(void **state)
{
    wsk__tls_session *t = NULL;
    char name[400];

    (void)state;
    assert_int_equal(wsk__tls_session_new(&t, client, NULL, 443), WSK_ERR_INVAL);
    assert_int_equal(wsk__tls_session_new(&t, client, "", 443), WSK_ERR_INVAL);
    assert_int_equal(wsk__tls_session_new(&t, client, "[]", 443), WSK_ERR_INVAL);
    memset(name, 'a', sizeof(name));
    name[sizeof(name) - 1] = 0;
    assert_int_equal(wsk__tls_session_new(&t, client, name, 443), WSK_ERR_INVAL);
    assert_null(t);
}

static void test_client_certificate(void **state)
{
    wsk_tls_options s = server_options(), c = client_options();

    (void)state;
    s.ca_file = certs_path("ca.pem");
    renew(&server, &s);
    assert_true(shake("a.test")); /* may, but need not */
    s.verify = true;
    renew(&server, &s);
    expect_failure("a.test", NULL, "the client sent no certificate");
    use_tls12();
    expect_failure("a.test", NULL, "the client sent no certificate");

    c.certificate_file = certs_path("user.pem");
    c.key_file = certs_path("user.key");
    renew(&client, &c);
    assert_true(shake("a.test"));
    assert_true(shake("a.test")); /* resumed */
    use_tls12();
    assert_true(shake("a.test"));

    c.certificate_file = certs_path("stranger.pem");
    c.key_file = certs_path("stranger.key");
    renew(&client, &c);
    expect_failure("a.test", NULL, "certificate verify failed: unable to get local issuer");
    use_tls12();
    expect_failure("a.test", "peer sent alert: unknown ca", "certificate verify failed");
    s.verify = false;
    renew(&server, &s);
    expect_failure("a.test", NULL, "certificate verify failed");
}

static void test_versions(void **state)
{
    wsk_tls_options s = server_options(), c = client_options();

    (void)state;
    s.tls13_only = true;
    renew(&server, &s);
    assert_true(shake("a.test"));
    use_tls12();
    expect_failure("a.test", "peer sent alert: protocol version", "no TLS version in common");
    s.tls13_only = false;
    s.ciphers = "ECDHE-ECDSA-CHACHA20-POLY1305";
    renew(&server, &s);
    assert_true(shake("a.test"));
    c.ciphers = "ECDHE-ECDSA-AES128-GCM-SHA256";
    renew(&client, &c);
    use_tls12();
    expect_failure("a.test", "peer sent alert: handshake failure", "no cipher in common");
    /* Older than 1.2: not even when the client could. */
    SSL_CTX_set_security_level(client->set->ctx, 0);
    SSL_CTX_set_min_proto_version(client->set->ctx, TLS1_VERSION);
    SSL_CTX_set_max_proto_version(client->set->ctx, TLS1_1_VERSION);
    SSL_CTX_set_cipher_list(client->set->ctx, "ALL:@SECLEVEL=0");
    expect_failure("a.test", "peer sent alert: protocol version", "no TLS version in common");
}

static void test_ciphers(void **state)
{
    static const char *const names[] = {"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384",
                                        "TLS_CHACHA20_POLY1305_SHA256"};
    static uint8_t data[20000];
    tls_pair p;

    (void)state;
    fill(data, sizeof(data));
    server->rekey_after = 100000;
    for (size_t i = 0; i < WSK__COUNT(names); i++) {
        assert_int_equal(SSL_CTX_set_ciphersuites(client->set->ctx, names[i]), 1);
        assert_int_equal(pair_open(&p, server, client, "a.test", 100), 0);
        assert_true(pair_run(&p));
        assert_string_equal(wsk__tls_session_cipher(p.server.session), names[i]);
        for (int k = 0; k < 10; k++) {
            pair_send(&p, &p.client, &p.server, data, sizeof(data));
            pair_send(&p, &p.server, &p.client, data, sizeof(data));
        }
        pair_close(&p);
    }
}

/* --------------------------------------------------------------------------- SNI and ALPN -- */

/* The common name of the certificate that a client meets. */
static const char *met_by(const char *host, char *algorithms)
{
    static char cn[64];
    wsk_tls_options c = client_options();
    tls_pair p;
    wsk_tls *any;

    c.insecure = true;
    any = tls_make(&c);
    if (algorithms != NULL)
        assert_int_equal(SSL_CTX_set1_sigalgs_list(any->set->ctx, algorithms), 1);
    assert_int_equal(pair_open(&p, server, any, host, SIZE_MAX), 0);
    assert_true(pair_run(&p));
    /* The session's SSL is its first member. */
    X509 *x = SSL_get1_peer_certificate(*(SSL **)(void *)p.client.session);
    X509_NAME_get_text_by_NID(X509_get_subject_name(x), NID_commonName, cn, sizeof(cn));
    X509_free(x);
    pair_close(&p);
    wsk_tls_unref(any);
    return cn;
}

static const char *met(const char *host)
{
    return met_by(host, NULL);
}

static void add(const char *name, int expected)
{
    char cert[32], key[32];
    const char *why = "";

    snprintf(cert, sizeof(cert), "%s.pem", name);
    snprintf(key, sizeof(key), "%s.key", name);
    assert_int_equal(wsk_tls_add_certificate(server, certs_path(cert), certs_path(key), &why),
                     expected);
}

static void test_sni(void **state)
{
    char rsa[] = "rsa_pss_rsae_sha256", ecdsa[] = "ecdsa_secp256r1_sha256";
    tls_pair p;

    (void)state;
    add("b", 0);
    add("wild", 0);
    add("x", 0);
    add("b-ec", 0);
    for (int round = 0; round < 2; round++) {
        assert_string_equal(met("a.test"), "a");
        assert_string_equal(met(NULL), "a");
        assert_string_equal(met("unknown.test"), "a");
        assert_string_equal(met("y.wild.test"), "wild");
        assert_string_equal(met("Y.WILD.Test"), "wild");
        assert_string_equal(met("x.wild.test"), "x");   /* exact before wildcard */
        assert_string_equal(met("a.b.wild.test"), "a"); /* one label only */
        assert_string_equal(met("wild.test"), "a");
        assert_string_equal(met(".wild.test"), "a");
        assert_string_equal(met("127.0.0.1"), "a"); /* no SNI for addresses */
        assert_true(shake("b.test") && shake("x.wild.test") && shake("a.test"));
        /* One name with an RSA and an ECDSA certificate: the client's algorithms choose. */
        assert_string_equal(met_by("b.test", rsa), "b");
        assert_string_equal(met_by("b.test", ecdsa), "b-ec");
        /* Again behind a reload. */
        assert_int_equal(wsk_tls_reload(server, NULL), 0);
    }
    /* Too late. */
    assert_int_equal(pair_open(&p, server, client, "a.test", SIZE_MAX), 0);
    add("wild", WSK_ERR_STATE);
    pair_close(&p);
    assert_int_equal(wsk_tls_add_certificate(server, certs_path("no.pem"), NULL, NULL),
                     WSK_ERR_TLS);
    assert_int_equal(wsk_tls_add_certificate(client, certs_path("a.pem"), NULL, NULL),
                     WSK_ERR_INVAL);
    assert_string_equal(met("x.wild.test"), "x");
}

static void test_alpn(void **state)
{
    static const char *const two[] = {"h2", "http/1.1", NULL};
    static const char *const other[] = {"h2", NULL};
    static const char *const mine[] = {"second", "first", NULL};
    static const char *const yours[] = {"first", "second", NULL};
    wsk_tls_options s = server_options(), c = client_options();
    tls_pair p;
    char name[8];

    (void)state;
    c.alpn = two;
    renew(&client, &c);
    assert_true(shake("a.test"));
    c.alpn = other;
    renew(&client, &c);
    expect_failure("a.test", "peer sent alert: no application protocol", "no application protocol");
    c.alpn = yours;
    s.alpn = mine;
    renew(&client, &c);
    renew(&server, &s);
    assert_int_equal(pair_open(&p, server, client, "a.test", SIZE_MAX), 0);
    assert_int_equal(wsk__tls_session_alpn(p.client.session, name, sizeof(name)), 0);
    assert_true(pair_run(&p));
    /* The server's order counts. */
    assert_int_equal(wsk__tls_session_alpn(p.client.session, name, sizeof(name)), 6);
    assert_string_equal(name, "second");
    assert_int_equal(wsk__tls_session_alpn(p.server.session, name, 4), 6);
    assert_string_equal(name, "sec");
    assert_int_equal(wsk__tls_session_alpn(p.server.session, NULL, 0), 6);
    pair_close(&p);
    /* No ALPN at all. */
    SSL_CTX_set_alpn_protos(client->set->ctx, NULL, 0);
    assert_int_equal(pair_open(&p, server, client, "a.test", SIZE_MAX), 0);
    assert_true(pair_run(&p));
    assert_int_equal(wsk__tls_session_alpn(p.server.session, name, sizeof(name)), 0);
    assert_string_equal(name, "");
    pair_close(&p);
}

/* ----------------------------------------------------------------------------- resumption -- */

static bool resumed_at(const char *host, uint16_t port)
{
    tls_pair p;
    bool both;

    assert_int_equal(pair_open_port(&p, server, client, host, port, 7), 0);
    assert_true(pair_run(&p));
    both = wsk__tls_session_was_resumed(p.client.session);
    assert_true(both == wsk__tls_session_was_resumed(p.server.session));
    pair_send(&p, &p.client, &p.server, "hello", 5);
    pair_send(&p, &p.server, &p.client, "hello", 5);
    pair_close(&p);
    return both;
}

static bool resumed(const char *host)
{
    return resumed_at(host, 443);
}

static void test_resumption(void **state)
{
    wsk_tls_options s = server_options(), c = client_options();

    (void)state;
    for (int version = 13; version >= 12; version--) {
        assert_false(resumed("a.test"));
        for (int i = 0; i < 4; i++)
            assert_true(resumed("a.test"));
        /* Never for another name: the session was verified for the first. */
        assert_false(resumed("localhost"));
        assert_true(resumed("localhost"));
        /* Nor for another port: another program answers there. */
        assert_false(resumed_at("localhost", 8443));
        assert_true(resumed_at("localhost", 8443));
        assert_true(resumed("localhost"));
        /* Keys for tickets are new behind a reload of the server. */
        assert_int_equal(wsk_tls_reload(server, NULL), 0);
        assert_false(resumed("a.test"));
        assert_true(resumed("a.test"));
        assert_int_equal(wsk_tls_reload(client, NULL), 0);
        use_tls12();
    }
    s.no_tickets = true;
    renew(&server, &s);
    renew(&client, &c);
    for (int version = 13; version >= 12; version--) {
        assert_false(resumed("a.test"));
        assert_false(resumed("a.test"));
        use_tls12();
    }
    s.no_tickets = false;
    c.no_tickets = true;
    renew(&server, &s);
    renew(&client, &c);
    for (int version = 13; version >= 12; version--) {
        assert_false(resumed("a.test"));
        assert_false(resumed("a.test"));
        use_tls12();
    }
}

/* A session in which we did not show our certificate is not resumed by one in which we would. */
static void test_anonymous_session(void **state)
{
    wsk_tls_options c = client_options();

    (void)state;
    for (int i = 0; i < 4; i++) {
        tls_pair p = {.client.tls = client, .server.tls = server, .cut = SIZE_MAX};

        if (i % 2 == 1)
            use_tls12();
        assert_int_equal(wsk__tls_session_new(&p.server.session, server, NULL, 0), 0);
        assert_int_equal(wsk__tls_session_new(&p.client.session, client, "a.test", 443), 0);
        wsk__tls_session_forget_identity(p.client.session);
        end_feed(&p, &p.client, NULL, 0);
        assert_true(pair_run(&p));
        pair_close(&p);
        assert_int_equal(resumed("a.test"), i < 2); /* there is none */
        c.certificate_file = i > 0 ? certs_path("user.pem") : NULL;
        c.key_file = i > 0 ? certs_path("user.key") : NULL;
        renew(&client, &c);
    }
}

/* More hosts than tickets are kept for. */
static void test_many_hosts(void **state)
{
    wsk_tls_options c = client_options();
    char host[32];

    (void)state;
    c.insecure = true;
    renew(&client, &c);
    for (int i = 0; i < WSK__TLS_TICKETS + 2; i++) {
        snprintf(host, sizeof(host), "h%d.test", i);
        assert_false(resumed(host));
    }
    assert_false(resumed("h0.test"));
    assert_true(resumed("h9.test"));
}

/* --------------------------------------------------------------------------- limits, keys -- */

static void test_key_update(void **state)
{
    uint8_t data[3000];
    tls_pair p;

    (void)state;
    fill(data, sizeof(data));
    client->rekey_after = 10000;
    server->rekey_after = 0; /* at each write */
    for (size_t c = 0; c < 5; c++) {
        assert_int_equal(pair_open(&p, server, client, "a.test", cut_sizes[c]), 0);
        assert_true(pair_run(&p));
        for (int i = 0; i < 50; i++) {
            pair_send(&p, &p.client, &p.server, data, sizeof(data));
            pair_send(&p, &p.server, &p.client, data, 1);
        }
        pair_close(&p);
    }
    use_tls12(); /* has none */
    assert_int_equal(pair_open(&p, server, client, "a.test", SIZE_MAX), 0);
    assert_true(pair_run(&p));
    for (int i = 0; i < 5; i++)
        pair_send(&p, &p.client, &p.server, data, sizeof(data));
    pair_close(&p);
}

/* Makes the client's OpenSSL write where the test can read: what a session of ours never sends. */
static BIO *divert(tls_pair *p, SSL **ret_ssl)
{
    BIO *mem = BIO_new(BIO_s_mem());

    *ret_ssl = *(SSL **)(void *)p->client.session;
    SSL_set0_wbio(*ret_ssl, mem);
    return mem;
}

static void feed_diverted(tls_pair *p, BIO *mem)
{
    char *data = NULL;
    long n = BIO_get_mem_data(mem, &data);

    assert_true(n > 0);
    end_feed(p, &p->server, (const uint8_t *)data, (size_t)n);
    (void)BIO_reset(mem);
}

static void test_flood(void **state)
{
    tls_pair p;
    SSL *ssl;
    BIO *mem;
    int i;

    (void)state;
    assert_int_equal(pair_open(&p, server, client, "a.test", SIZE_MAX), 0);
    assert_true(pair_run(&p));
    mem = divert(&p, &ssl);
    /* With data between them they are fine. */
    for (i = 0; i < 200; i++) {
        assert_true(SSL_key_update(ssl, SSL_KEY_UPDATE_REQUESTED));
        assert_int_equal(SSL_write(ssl, "x", 1), 1);
        feed_diverted(&p, mem);
        pair_send(&p, &p.server, &p.client, "y", 1);
    }
    assert_int_equal(p.server.n_plain, 200);
    for (i = 0; i < 200 && p.server.result == WSK__TLS_OK; i++) {
        assert_true(SSL_key_update(ssl, SSL_KEY_UPDATE_REQUESTED));
        assert_int_equal(SSL_do_handshake(ssl), 1);
        feed_diverted(&p, mem);
    }
    assert_int_equal(p.server.result, WSK__TLS_FAILED);
    assert_words(p.server.session, "too many TLS messages without data");
    assert_in_range(i, 20, 64);
    pair_close(&p);
}

/* RFC 5246 7.4.1.1: a client passes over a HelloRequest while it shakes hands, but not for ever: a
 * server that sends nothing else would have us do nothing else. */
static void test_hello_requests(void **state)
{
    unsigned char record[5 + 400] = {22, 3, 3, 1, 144};
    tls_pair p;
    int i;

    (void)state;
    assert_int_equal(pair_open(&p, server, client, "a.test", SIZE_MAX), 0);
    end_feed(&p, &p.client, NULL, 0);
    for (i = 0; i < 1000 && p.client.result == WSK__TLS_OK; i++)
        end_feed(&p, &p.client, record, sizeof(record));
    assert_int_equal(p.client.result, WSK__TLS_FAILED);
    assert_words(p.client.session, "too many TLS messages without data");
    assert_in_range(i, 1, 10);
    pair_close(&p);
}

static void test_renegotiation(void **state)
{
    tls_pair p;
    SSL *ssl;
    BIO *mem;
    char *hello;

    (void)state;
    use_tls12();
    SSL_CTX_clear_options(client->set->ctx, SSL_OP_NO_RENEGOTIATION);
    assert_int_equal(pair_open(&p, server, client, "a.test", SIZE_MAX), 0);
    assert_true(pair_run(&p));
    mem = divert(&p, &ssl);
    assert_int_equal(SSL_renegotiate(ssl), 1);
    assert_int_equal(SSL_do_handshake(ssl), -1);
    assert_true(BIO_get_mem_data(mem, &hello) > 50);
    feed_diverted(&p, mem);
    /* No new handshake: the answer is one alert, and data goes on. */
    assert_in_range(p.server.out.len - p.server.out.off, 1, 60);
    assert_int_equal(p.server.out.ptr[p.server.out.off], 21);
    assert_int_not_equal(p.server.result, WSK__TLS_EOF);
    pair_close(&p);
}

/* -------------------------------------------------------------------------------- memory -- */

static void everything_once(void *ud, const wsk_hooks *hooks)
{
    wsk_tls_options s = server_options(), c = client_options();
    wsk_tls *ours = NULL, *theirs = NULL;
    tls_pair p;
    bool good;

    (void)ud;
    s.hooks = c.hooks = hooks;
    s.ca_file = certs_path("ca.pem");
    s.ciphers = "DEFAULT";
    if (wsk_tls_new(&ours, &s, NULL) == 0 && wsk_tls_new(&theirs, &c, NULL) == 0) {
        (void)!wsk_tls_add_certificate(ours, certs_path("x.pem"), certs_path("x.key"), NULL);
        (void)!wsk_tls_reload(ours, NULL);
        for (int i = 0; i < 2; i++) {
            good = pair_open(&p, ours, theirs, "a.test", SIZE_MAX) == 0 && pair_run(&p);
            if (good) {
                good = wsk__tls_session_write(p.client.session, "hello", 5, &p.client.out) == 0;
                pair_move(&p, &p.client, &p.server);
                /* A second write while the first is not gone: the buffer grows. */
                wsk__tls_session_write(p.server.session, "hello", 5, &p.server.out);
                wsk__tls_session_write(p.server.session, certs_path(""), 60, &p.server.out);
                pair_move(&p, &p.server, &p.client);
                if (good && p.client.n_plain > 0)
                    assert_memory_equal(p.client.plain, "hello", 5);
            }
            if (p.server.session != NULL && wsk__tls_session_why(p.server.session)[0] != 0)
                assert_false(good && p.server.result == WSK__TLS_OK && p.client.n_plain == 65);
            pair_close(&p);
        }
        assert_int_equal(pair_open(&p, ours, theirs, NULL, SIZE_MAX) < 0, true);
        pair_close(&p);
    }
    wsk_tls_unref(ours);
    wsk_tls_unref(theirs);
}

static void test_no_memory(void **state)
{
    (void)state;
    with_failing_alloc(everything_once, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_cuts, begin, end),
        cmocka_unit_test_setup_teardown(test_data_behind_finished, begin, end),
        cmocka_unit_test_setup_teardown(test_large, begin, end),
        cmocka_unit_test_setup_teardown(test_out_is_appended, begin, end),
        cmocka_unit_test_setup_teardown(test_close, begin, end),
        cmocka_unit_test_setup_teardown(test_damaged_record, begin, end),
        cmocka_unit_test_setup_teardown(test_not_tls, begin, end),
        cmocka_unit_test_setup_teardown(test_damaged_hello, begin, end),
        cmocka_unit_test_setup_teardown(test_trust, begin, end),
        cmocka_unit_test_setup_teardown(test_no_host, begin, end),
        cmocka_unit_test_setup_teardown(test_client_certificate, begin, end),
        cmocka_unit_test_setup_teardown(test_versions, begin, end),
        cmocka_unit_test_setup_teardown(test_ciphers, begin, end),
        cmocka_unit_test_setup_teardown(test_sni, begin, end),
        cmocka_unit_test_setup_teardown(test_alpn, begin, end),
        cmocka_unit_test_setup_teardown(test_resumption, begin, end),
        cmocka_unit_test_setup_teardown(test_anonymous_session, begin, end),
        cmocka_unit_test_setup_teardown(test_many_hosts, begin, end),
        cmocka_unit_test_setup_teardown(test_key_update, begin, end),
        cmocka_unit_test_setup_teardown(test_flood, begin, end),
        cmocka_unit_test_setup_teardown(test_hello_requests, begin, end),
        cmocka_unit_test_setup_teardown(test_renegotiation, begin, end),
        cmocka_unit_test(test_no_memory),
    };

    return cmocka_run_group_tests_name("tls_session", tests, make_certificates,
                                       remove_certificates);
}
