/* SPDX-License-Identifier: MIT */
/* The object wsk_tls: its options and files, and reloading, also from other threads. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "net/tls_set.h"
#include "tls_certs.h"
#include "tls_pair.h"

static int make_certificates(void **state)
{
    (void)state;
    certs_begin();
    certs_make(&(cert_spec){.file = "ca", .ca = true});
    certs_make(&(cert_spec){.file = "a", .san = "DNS:a.test", .issuer = "ca"});
    certs_make(&(cert_spec){.file = "b", .san = "DNS:a.test", .issuer = "ca"});
    certs_make(&(cert_spec){.file = "rsa", .san = "DNS:a.test", .rsa_bits = 2048});
    certs_make(&(cert_spec){.file = "weak", .san = "DNS:a.test", .rsa_bits = 1024});
    certs_make(&(cert_spec){.file = "locked", .san = "DNS:a.test", .encrypted = true});
    certs_make(&(cert_spec){.file = "old", .san = "DNS:a.test", .expired = true});
    certs_make(&(cert_spec){.file = "middle", .ca = true, .issuer = "ca"});
    certs_make(&(cert_spec){.file = "leaf", .san = "DNS:a.test", .issuer = "middle"});
    certs_write("empty.pem", "");
    certs_write("text.pem", "this is no certificate\n");
    certs_write("damaged.pem", "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n");
    certs_copy("a.pem", "both.pem");
    certs_append("a.key", "both.pem");
    certs_copy("a.key", "both-key-first.pem");
    certs_append("a.pem", "both-key-first.pem");
    certs_copy("a.pem", "wrong-both.pem");
    certs_append("b.key", "wrong-both.pem");
    certs_copy("leaf.pem", "chain.pem");
    certs_append("middle.pem", "chain.pem");
    certs_copy("a.pem", "half.pem");
    certs_append("damaged.pem", "half.pem");
    return 0;
}

static int remove_certificates(void **state)
{
    (void)state;
    certs_end();
    return 0;
}

static wsk_tls_options options(wsk_role role, const char *cert, const char *key)
{
    wsk_tls_options o = WSK_TLS_OPTIONS_INIT;

    o.role = role;
    o.certificate_file = cert != NULL ? certs_path(cert) : NULL;
    o.key_file = key != NULL ? certs_path(key) : NULL;
    return o;
}

/* words: what the sentence must say; NULL: it works. */
static void try(const wsk_tls_options *o, int expected, const char *words)
{
    const char *why = NULL;
    wsk_tls *tls = NULL;
    int result = wsk_tls_new(&tls, o, &why);

    if (result != expected)
        fail_msg("%d instead of %d: %s", result, expected, why ? why : "");
    if (words == NULL) {
        assert_null(why);
    } else {
        assert_null(tls);
        assert_non_null(why);
        if (strstr(why, words) == NULL)
            fail_msg("'%s' is not in '%s'", words, why);
        if (o->certificate_file != NULL && expected == WSK_ERR_TLS)
            assert_non_null(strstr(why, certs_path("")));
        /* Nothing stays behind for the next call that uses OpenSSL. */
        assert_int_equal(ERR_peek_error(), 0);
        assert_int_equal(wsk_tls_new(&tls, o, NULL), expected);
    }
    wsk_tls_unref(tls);
}

static void try_files(const char *cert, const char *key, const char *words)
{
    wsk_tls_options o = options(WSK_ROLE_SERVER, cert, key);

    try(&o, words != NULL ? WSK_ERR_TLS : WSK_OK, words);
}

static void test_files(void **state)
{
    wsk_tls_options o;

    (void)state;
    try_files("a.pem", "a.key", NULL);
    try_files("rsa.pem", "rsa.key", NULL);
    try_files("both.pem", NULL, NULL);
    try_files("both-key-first.pem", NULL, NULL);
    try_files("both.pem", "both.pem", NULL);
    try_files("chain.pem", "leaf.key", NULL);
    try_files("old.pem", "old.key", NULL); /* with a warning in the log */
    try_files("none.pem", "a.key", "none.pem': No such file or directory");
    try_files("none.pem", "a.key", "cannot read certificate file '");
    try_files("a.pem", "none.key", "cannot read key file '");
    try_files("", "a.key", "Is a directory");
    try_files("empty.pem", "a.key", "empty.pem' holds no certificate in PEM");
    try_files("text.pem", "a.key", "text.pem' holds no certificate in PEM");
    try_files("damaged.pem", "a.key", "damaged.pem' is damaged: ");
    try_files("half.pem", "a.key", "half.pem' is damaged: ");
    try_files("a.key", "a.key", "a.key' holds no certificate in PEM");
    try_files("a.pem", NULL, "a.pem' holds no private key in PEM, and no file for it was named (");
    try_files("a.pem", "text.pem", "text.pem' holds no private key in PEM (");
    try_files("a.pem", "b.key", "b.key' does not belong to certificate file '");
    try_files("a.pem", "rsa.key", "rsa.key' does not belong to certificate file '");
    try_files("wrong-both.pem", NULL, "does not belong to its first certificate");
    try_files("locked.pem", "locked.key", "locked.key' is encrypted: give one without a pass");
    try_files("weak.pem", "weak.key", "weak.pem' cannot be used: ee key too small");

    o = options(WSK_ROLE_SERVER, "a.pem", "a.key");
    o.ca_file = certs_path("none.pem");
    try(&o, WSK_ERR_TLS, "cannot read CA file '");
    o.ca_file = certs_path("a.key");
    try(&o, WSK_ERR_TLS, "a.key' holds no certificate in PEM");
    o.ca_file = certs_path("chain.pem");
    try(&o, WSK_OK, NULL);
    o.certificate_file = o.key_file = NULL;
    o.self_signed = true;
    o.ca_file = "/dev/zero";
    try(&o, WSK_ERR_TLS, "cannot read CA file '/dev/zero': it is too large");
}

static void test_options(void **state)
{
    static const char *const none[] = {NULL};
    static const char *const empty[] = {"http/1.1", "", NULL};
    static char long_name[257];
    const char *const too_long[] = {long_name, NULL};
    wsk_tls_options o = WSK_TLS_OPTIONS_INIT;
    wsk_tls *tls = NULL;

    (void)state;
    memset(long_name, 'x', 256);
    assert_int_equal(wsk_tls_new(NULL, &o, NULL), WSK_ERR_INVAL);
    assert_int_equal(wsk_tls_new(&tls, NULL, NULL), WSK_ERR_INVAL);
    try(&o, WSK_ERR_INVAL, "role is required");
    o.role = WSK_ROLE_SERVER;
    try(&o, WSK_ERR_INVAL, "needs a certificate file");
    o.key_file = "x";
    o.self_signed = true;
    try(&o, WSK_ERR_INVAL, "key_file needs a certificate_file");
    o.key_file = NULL;
    o.certificate_file = "x";
    try(&o, WSK_ERR_INVAL, "exclude each other");
    o.certificate_file = NULL;
    try(&o, WSK_OK, NULL);
    o.verify = true;
    try(&o, WSK_ERR_INVAL, "needs a CA file");
    o.verify = false;
    o.insecure = true;
    try(&o, WSK_ERR_INVAL, "insecure is for clients");
    o.insecure = false;
    o.alpn = none;
    try(&o, WSK_ERR_INVAL, "alpn");
    o.alpn = empty;
    try(&o, WSK_ERR_INVAL, "alpn");
    o.alpn = too_long;
    try(&o, WSK_ERR_INVAL, "alpn");
    long_name[255] = 0;
    try(&o, WSK_OK, NULL);
    o.alpn = NULL;
    o.ciphers = "NO-SUCH-CIPHER";
    try(&o, WSK_ERR_TLS, "the cipher list 'NO-SUCH-CIPHER' fits no cipher");
    o.ciphers = NULL;
    o.role = WSK_ROLE_CLIENT;
    try(&o, WSK_ERR_INVAL, "self_signed is for servers");
    o.self_signed = false;
    try(&o, WSK_OK, NULL);
    /* A program that knew fewer options: what lies behind `size` is not read. */
    o.size = offsetof(wsk_tls_options, no_tickets);
    o.no_tickets = true;
    assert_int_equal(wsk_tls_new(&tls, &o, NULL), 0);
    assert_false(tls->no_tickets);
    wsk_tls_unref(tls);
}

/* What the header promises of it. */
static void test_self_signed(void **state)
{
    wsk_tls_options o = WSK_TLS_OPTIONS_INIT;
    int days = 0, seconds = 0;
    time_t soon;

    (void)state;
    o.role = WSK_ROLE_SERVER;
    o.self_signed = true;
    wsk_tls *tls = tls_make(&o);
    X509 *x = tls->set->certs[0].leaf;
    assert_int_equal(X509_check_host(x, "localhost", 0, 0, NULL), 1);
    assert_int_equal(X509_check_host(x, "example.com", 0, 0, NULL), 0);
    assert_int_equal(X509_check_ip_asc(x, "127.0.0.1", 0), 1);
    assert_int_equal(X509_check_ip_asc(x, "::1", 0), 1);
    assert_int_equal(X509_check_ip_asc(x, "127.0.0.2", 0), 0);
    assert_int_equal(X509_verify(x, X509_get0_pubkey(x)), 1);
    assert_true(ASN1_TIME_diff(&days, &seconds, NULL, X509_get0_notAfter(x)));
    assert_in_range(days, 29, 30);
    assert_true(X509_cmp_current_time(X509_get0_notBefore(x)) < 0);
    soon = time(NULL) + 29 * 86400;
    assert_int_equal(X509_cmp_time(X509_get0_notAfter(x), &soon), 1);
    /* A reload makes a new one. */
    X509_up_ref(x);
    assert_int_equal(wsk_tls_reload(tls, NULL), 0);
    assert_int_not_equal(X509_cmp(x, tls->set->certs[0].leaf), 0);
    X509_free(x);
    wsk_tls_unref(tls);
}

static void last_line(void *ud, wsk_log_level level, const char *line)
{
    snprintf(ud, 512, "%d %s", (int)level, line);
}

static void test_log(void **state)
{
    char line[512] = "";
    wsk_hooks hooks = WSK_HOOKS_INIT;
    wsk_tls_options o = options(WSK_ROLE_SERVER, "none.pem", "a.key");
    wsk_tls *tls = NULL;

    (void)state;
    hooks.ud = line;
    hooks.log = last_line;
    hooks.log_level = WSK_LOG_INFO;
    o.hooks = &hooks;
    assert_int_equal(wsk_tls_new(&tls, &o, NULL), WSK_ERR_TLS);
    assert_non_null(strstr(line, "1 cannot read certificate file"));
    o.certificate_file = certs_path("old.pem");
    o.key_file = certs_path("old.key");
    assert_int_equal(wsk_tls_new(&tls, &o, NULL), 0);
    assert_non_null(strstr(line, "old.pem' has expired"));
    assert_int_equal(line[0], '2');
    wsk_tls_unref(tls);
    o.certificate_file = o.key_file = NULL;
    o.self_signed = true;
    assert_int_equal(wsk_tls_new(&tls, &o, NULL), 0);
    assert_non_null(strstr(line, "SHA-256 "));
    assert_int_equal(strlen(strstr(line, "SHA-256 ")), 8 + 32 * 3 - 1);
    wsk_tls_unref(tls);
}

/* --------------------------------------------------------------------------------- reload -- */

static wsk_tls *make_client(void)
{
    wsk_tls_options c = options(WSK_ROLE_CLIENT, NULL, NULL);

    c.ca_file = certs_path("ca.pem");
    return tls_make(&c);
}

static bool same_leaf(wsk_tls *tls, const X509 *x)
{
    return X509_cmp(tls->set->certs[0].leaf, x) == 0;
}

static void test_reload(void **state)
{
    const char *why = NULL;
    tls_pair old, fresh, middle;

    (void)state;
    certs_copy("a.pem", "live.pem");
    certs_copy("a.key", "live.key");
    wsk_tls_options s = options(WSK_ROLE_SERVER, "live.pem", "live.key");
    wsk_tls *server = tls_make(&s), *client = make_client();
    X509 *first = server->set->certs[0].leaf;
    assert_int_equal(pair_open(&old, server, client, "a.test", SIZE_MAX), 0);
    assert_true(pair_run(&old));
    /* One that is in the middle of its handshake. */
    assert_int_equal(pair_open(&middle, server, client, "a.test", SIZE_MAX), 0);

    certs_copy("b.pem", "live.pem");
    assert_int_equal(wsk_tls_reload(server, &why), WSK_ERR_TLS);
    assert_non_null(strstr(why, "does not belong"));
    assert_true(same_leaf(server, first));
    certs_copy("b.key", "live.key");
    assert_int_equal(wsk_tls_reload(server, NULL), 0);
    assert_false(same_leaf(server, first));
    certs_write("live.pem", "");
    assert_int_equal(wsk_tls_reload(server, NULL), WSK_ERR_TLS);

    assert_int_equal(pair_open(&fresh, server, client, "a.test", SIZE_MAX), 0);
    assert_true(pair_run(&fresh));
    assert_true(pair_run(&middle));
    for (int i = 0; i < 3; i++) {
        pair_send(&old, &old.client, &old.server, "old", 3);
        pair_send(&old, &old.server, &old.client, "old", 3);
        pair_send(&fresh, &fresh.client, &fresh.server, "new", 3);
        pair_send(&middle, &middle.client, &middle.server, "mid", 3);
    }
    pair_close(&old);
    pair_close(&middle);
    /* The session keeps all that it needs. */
    wsk__tls_out_clear(&fresh.server.out, server);
    wsk__tls_out_clear(&fresh.client.out, client);
    wsk_tls_unref(wsk_tls_ref(server));
    wsk_tls_unref(server);
    wsk_tls_unref(client);
    pair_send(&fresh, &fresh.server, &fresh.client, "new", 3);
    wsk__tls_out_clear(&fresh.server.out, server);
    wsk__tls_out_clear(&fresh.client.out, client);
    pair_close(&fresh);
    assert_int_equal(wsk_tls_reload(NULL, NULL), WSK_ERR_INVAL);
    wsk_tls_unref(NULL);
}

typedef struct shared {
    wsk_tls *server, *client;
    atomic_bool stop;
    atomic_uint reloads, failures;
} shared;

static void *reload_all_the_time(void *arg)
{
    shared *s = arg;

    while (!atomic_load(&s->stop)) {
        if (wsk_tls_reload(s->server, NULL) < 0)
            atomic_fetch_add(&s->failures, 1);
        atomic_fetch_add(&s->reloads, 1);
    }
    return NULL;
}

static void *connect_all_the_time(void *arg)
{
    shared *s = arg;

    for (int i = 0; i < 25; i++) {
        tls_pair p;
        char text[32];
        if (pair_open(&p, s->server, s->client, "a.test", SIZE_MAX) < 0 || !pair_run(&p)) {
            atomic_fetch_add(&s->failures, 1);
        } else {
            snprintf(text, sizeof(text), "message %d", i);
            pair_send(&p, &p.client, &p.server, text, strlen(text));
            pair_send(&p, &p.server, &p.client, text, strlen(text));
        }
        pair_close(&p);
    }
    return NULL;
}

static void test_reload_by_threads(void **state)
{
    wsk_tls_options o = options(WSK_ROLE_SERVER, "a.pem", "a.key");
    shared s = {.server = tls_make(&o), .client = make_client()};
    pthread_t workers[3], reloaders[2];

    (void)state;
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&reloaders[i], NULL, reload_all_the_time, &s), 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&workers[i], NULL, connect_all_the_time, &s), 0);
    for (int i = 0; i < 3; i++)
        pthread_join(workers[i], NULL);
    atomic_store(&s.stop, true);
    for (int i = 0; i < 2; i++)
        pthread_join(reloaders[i], NULL);
    assert_int_equal(atomic_load(&s.failures), 0);
    assert_true(atomic_load(&s.reloads) > 0);
    wsk_tls_unref(s.server);
    wsk_tls_unref(s.client);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_files),       cmocka_unit_test(test_options),
        cmocka_unit_test(test_self_signed), cmocka_unit_test(test_log),
        cmocka_unit_test(test_reload),      cmocka_unit_test(test_reload_by_threads),
    };

    return cmocka_run_group_tests_name("tls", tests, make_certificates, remove_certificates);
}
