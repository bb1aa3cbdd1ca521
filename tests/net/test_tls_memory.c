/* SPDX-License-Identifier: MIT */
/* How much heap an idle TLS connection holds, by kind: all that OpenSSL and the library allocate
 * for it, as malloc(3) rounds it. And that nobody is trusted for want of it. */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/ssl.h>

#include "net/tls_set.h"
#include "tls_certs.h"
#include "tls_pair.h"

#define PAIRS 50
/* What may be held for a connection that is idle, with about an eighth to spare for another version
 * of OpenSSL: the certificates of the peer make the difference. */
#define LIMIT_ANONYMOUS   17408
#define LIMIT_CERTIFICATE 22528
/* One allocation of so many fails in turn: a handshake, with its contexts, has thousands. */
#define STRANGERS_STEP ((size_t)499 * test_stride(5))
#define LAST           ((size_t)150 / test_stride(5))

static size_t live;
/* The allocation with this number fails, from 1, with `and_all` those behind it, too. 0: none. */
static size_t failing, calls;
static bool and_all;

static bool fails(void)
{
    calls++;
    return failing > 0 && (calls == failing || (and_all && calls > failing));
}

/* glibc's blocks have 8 octets in front. */
static void count(void *p, int sign)
{
    size_t n = p != NULL ? malloc_usable_size(p) + 8 : 0;

    live += sign > 0 ? n : -n;
}

static void *count_malloc(size_t n, const char *file, int line)
{
    void *p = fails() ? NULL : malloc(n);

    (void)file;
    (void)line;
    count(p, 1);
    return p;
}

static void *count_realloc(void *p, size_t n, const char *file, int line)
{
    void *q;

    (void)file;
    (void)line;
    if (fails())
        return NULL;
    count(p, -1);
    q = realloc(p, n);
    count(q, 1);
    return q;
}

static void count_free(void *p, const char *file, int line)
{
    (void)file;
    (void)line;
    count(p, -1);
    free(p);
}

static void *hook_realloc(void *ud, void *p, size_t n)
{
    (void)ud;
    if (n > 0)
        return count_realloc(p, n, NULL, 0);
    count_free(p, NULL, 0);
    return NULL;
}

static wsk_hooks hooks = {.size = sizeof(wsk_hooks), .realloc = hook_realloc};

static int make_certificates(void **state)
{
    (void)state;
    certs_begin();
    certs_make(&(cert_spec){.file = "ca", .ca = true});
    certs_make(&(cert_spec){.file = "a", .san = "DNS:a.test", .issuer = "ca"});
    certs_make(&(cert_spec){.file = "b", .san = "DNS:b.test", .issuer = "ca", .rsa_bits = 2048});
    certs_make(&(cert_spec){.file = "user", .san = "DNS:user.test", .issuer = "ca"});
    certs_make(&(cert_spec){.file = "odd-ca", .ca = true});
    certs_make(&(cert_spec){.file = "odd", .san = "DNS:a.test", .issuer = "odd-ca"});
    certs_make(&(cert_spec){.file = "old", .san = "DNS:a.test", .issuer = "ca", .expired = true});
    return 0;
}

static int remove_certificates(void **state)
{
    (void)state;
    certs_end();
    return 0;
}

typedef struct kind {
    const char *name;
    const char *host;
    int version;
    bool client_certificate, resumed, used, no_tickets;
} kind;

static void measure(const kind *k)
{
    static tls_pair pairs[PAIRS];
    static uint8_t data[70000];
    wsk_tls_options s = WSK_TLS_OPTIONS_INIT, c = WSK_TLS_OPTIONS_INIT;
    size_t server_octets, client_octets;
    const int n = PAIRS / (int)test_stride(5);
    const char *why = "";

    s.role = WSK_ROLE_SERVER;
    c.role = WSK_ROLE_CLIENT;
    s.hooks = c.hooks = &hooks;
    s.no_tickets = k->no_tickets;
    s.certificate_file = certs_path("a.pem");
    s.key_file = certs_path("a.key");
    s.ca_file = c.ca_file = certs_path("ca.pem");
    if (k->client_certificate) {
        s.verify = true;
        c.certificate_file = certs_path("user.pem");
        c.key_file = certs_path("user.key");
    }
    wsk_tls *server = tls_make(&s), *client = tls_make(&c);
    assert_int_equal(
        wsk_tls_add_certificate(server, certs_path("b.pem"), certs_path("b.key"), &why), 0);
    if (k->version == 12)
        SSL_CTX_set_max_proto_version(client->set->ctx, TLS1_2_VERSION);
    for (int i = -2; i < n; i++) {
        tls_pair *p = &pairs[i < 0 ? 0 : i];
        assert_int_equal(pair_open(p, server, client, k->host, SIZE_MAX), 0);
        assert_true(pair_run(p));
        if (k->used) {
            pair_send(p, &p->client, &p->server, data, sizeof(data));
            pair_send(p, &p->server, &p->client, data, sizeof(data));
        }
        assert_true(wsk__tls_session_was_resumed(p->server.session) == (k->resumed && (i > -2)));
        wsk__tls_out_clear(&p->client.out, client);
        wsk__tls_out_clear(&p->server.out, server);
        /* The first two: what is allocated once. */
        if (i < 0)
            pair_close(p);
        if (!k->resumed) {
            SSL_SESSION_free(client->set->tickets[0].session);
            client->set->tickets[0].session = NULL;
        }
    }
    size_t before = live;
    for (int i = 0; i < n; i++) {
        wsk__tls_session_free(pairs[i].server.session);
        pairs[i].server.session = NULL;
    }
    server_octets = (before - live) / (size_t)n;
    before = live;
    for (int i = 0; i < n; i++) {
        wsk__tls_session_free(pairs[i].client.session);
        pairs[i].client.session = NULL;
    }
    client_octets = (before - live) / (size_t)n;
    print_message("# %-34s server %6zu octets, client %6zu octets\n", k->name, server_octets,
                  client_octets);
    assert_in_range(server_octets, 1, k->client_certificate ? LIMIT_CERTIFICATE : LIMIT_ANONYMOUS);
    assert_in_range(client_octets, 1, LIMIT_CERTIFICATE);
    for (int i = 0; i < n; i++)
        pair_close(&pairs[i]);
    wsk_tls_unref(server);
    wsk_tls_unref(client);
}

static void test_idle_memory(void **state)
{
    static const kind kinds[] = {
        {.name = "TLS 1.3", .host = "a.test", .version = 13},
        {.name = "TLS 1.3, resumed", .host = "a.test", .version = 13, .resumed = true},
        {.name = "TLS 1.3, no tickets", .host = "a.test", .version = 13, .no_tickets = true},
        {.name = "TLS 1.3, second certificate", .host = "b.test", .version = 13},
        {.name = "TLS 1.3, client certificate",
         .host = "a.test",
         .version = 13,
         .client_certificate = true},
        {.name = "TLS 1.3, used", .host = "a.test", .version = 13, .used = true},
        {.name = "TLS 1.2", .host = "a.test", .version = 12},
        {.name = "TLS 1.2, resumed", .host = "a.test", .version = 12, .resumed = true},
        {.name = "TLS 1.2, second certificate", .host = "b.test", .version = 12},
        {.name = "TLS 1.2, client certificate",
         .host = "a.test",
         .version = 12,
         .client_certificate = true},
        {.name = "TLS 1.2, used", .host = "a.test", .version = 12, .used = true},
    };

    (void)state;
    for (size_t i = 0; i < WSK__COUNT(kinds); i++)
        measure(&kinds[i]);
}

/* Buffers that are kept are there between records, and gone when they are no longer to be kept, be
 * it between two records or in the middle of one. */
static void test_kept_buffers(void **state)
{
    wsk_tls_options s = WSK_TLS_OPTIONS_INIT, c = WSK_TLS_OPTIONS_INIT;
    uint8_t data[1000] = {0}, first[7];
    tls_pair p;

    (void)state;
    s.role = WSK_ROLE_SERVER;
    c.role = WSK_ROLE_CLIENT;
    s.hooks = c.hooks = &hooks;
    s.certificate_file = certs_path("a.pem");
    s.key_file = certs_path("a.key");
    c.ca_file = certs_path("ca.pem");
    wsk_tls *server = tls_make(&s), *client = tls_make(&c);
    assert_int_equal(pair_open(&p, server, client, "a.test", SIZE_MAX), 0);
    assert_true(pair_run(&p));
    tls_end *ends[] = {&p.server, &p.client};
    for (int i = 0; i < 2; i++) {
        tls_end *e = ends[i], *peer = ends[1 - i];

        for (int how = 0; how < 3; how++) {
            pair_send(&p, e, peer, data, sizeof(data));
            pair_send(&p, peer, e, data, sizeof(data));
            wsk__tls_out_clear(&p.server.out, server);
            wsk__tls_out_clear(&p.client.out, client);
            size_t idle = live;
            wsk__tls_session_keep_buffers(e->session, true);
            for (int k = 0; k < 3; k++) {
                pair_send(&p, e, peer, data, sizeof(data));
                pair_send(&p, peer, e, data, sizeof(data));
                wsk__tls_out_clear(&p.server.out, server);
                wsk__tls_out_clear(&p.client.out, client);
                assert_in_range(live, idle + 32768, idle + 36864);
            }
            /* In the middle of the head, or of the body, of a record. */
            size_t begun = how == 0 ? 0 : how == 1 ? 3 : sizeof(first);
            wsk__tls_out_clear(&peer->out, peer->tls);
            assert_int_equal(wsk__tls_session_write(peer->session, data, sizeof(data), &peer->out),
                             WSK__TLS_OK);
            assert_true(peer->out.len > sizeof(first));
            memcpy(first, peer->out.ptr, sizeof(first));
            size_t had = e->n_plain;
            end_feed(&p, e, first, begun);
            wsk__tls_session_keep_buffers(e->session, false);
            peer->out.off = begun;
            pair_move(&p, peer, e);
            assert_int_equal(e->result, WSK__TLS_OK);
            assert_int_equal(e->n_plain - had, sizeof(data));
            wsk__tls_out_clear(&peer->out, peer->tls);
            /* Plain text that the test gathers has its own memory: not of the hooks. */
            assert_in_range(live, 1, idle);
        }
    }
    pair_close(&p);
    wsk_tls_unref(server);
    wsk_tls_unref(client);
}

/* Who connects and says nothing costs no buffers, though the stream begins the handshake. */
static void test_silent_client(void **state)
{
    wsk_tls_options s = WSK_TLS_OPTIONS_INIT;
    wsk__tls_out out = {.len = 0};
    wsk__tls_session *t;
    size_t used, n, before;
    uint8_t plain[64];

    (void)state;
    s.role = WSK_ROLE_SERVER;
    s.hooks = &hooks;
    s.certificate_file = certs_path("a.pem");
    s.key_file = certs_path("a.key");
    wsk_tls *server = tls_make(&s);
    assert_int_equal(wsk__tls_session_new(&t, server, NULL, 0), 0);
    before = live;
    assert_int_equal(wsk__tls_session_read(t, NULL, 0, &used, plain, sizeof(plain), &n, &out),
                     WSK__TLS_OK);
    assert_int_equal(used, 0);
    assert_int_equal(n, 0);
    assert_in_range(live - before, 0, 1024);
    wsk__tls_session_free(t);
    wsk_tls_unref(server);
}

/* Who must not be trusted, and by whom. NULL: no certificate. */
typedef struct stranger {
    const char *server, *client, *host;
    bool server_verifies;
    bool is_none; /* ... after all: the control */
} stranger;

/* One handshake of two ends made anew, without a session to resume, while an allocation fails.
 * True if the end that verifies took the other one. */
static bool is_taken(const stranger *s, size_t fail_at, bool all, size_t *ret_calls)
{
    wsk_tls_options so = WSK_TLS_OPTIONS_INIT, co = WSK_TLS_OPTIONS_INIT;
    const char *why = "";
    wsk_tls *ends[2] = {NULL, NULL};
    bool taken = false;
    char pem[16], key[16];
    tls_pair p;

    so.role = WSK_ROLE_SERVER;
    co.role = WSK_ROLE_CLIENT;
    so.hooks = co.hooks = &hooks;
    snprintf(pem, sizeof(pem), "%s.pem", s->server);
    snprintf(key, sizeof(key), "%s.key", s->server);
    so.certificate_file = certs_path(pem);
    so.key_file = certs_path(key);
    so.ca_file = co.ca_file = certs_path("ca.pem");
    so.verify = s->server_verifies;
    if (s->client != NULL) {
        snprintf(pem, sizeof(pem), "%s.pem", s->client);
        snprintf(key, sizeof(key), "%s.key", s->client);
        co.certificate_file = certs_path(pem);
        co.key_file = certs_path(key);
    }
    calls = 0;
    failing = fail_at;
    and_all = all;
    /* A context that came into being in spite of it must be as strict as any. */
    if (wsk_tls_new(&ends[0], &so, &why) == 0 && wsk_tls_new(&ends[1], &co, &why) == 0) {
        if (pair_open(&p, ends[0], ends[1], s->host, SIZE_MAX) == 0) {
            pair_run(&p);
            taken = wsk__tls_session_is_ready(s->server_verifies ? p.server.session
                                                                 : p.client.session);
        }
        pair_close(&p);
    }
    *ret_calls = calls;
    failing = 0;
    wsk_tls_unref(ends[0]);
    wsk_tls_unref(ends[1]);
    return taken;
}

static void test_strangers(void **state)
{
    static const stranger strangers[] = {
        {.server = "a", .host = "a.test", .is_none = true},
        {.server = "odd", .host = "a.test"},
        {.server = "old", .host = "a.test"},
        {.server = "a", .host = "b.test"},
        {.server = "a", .host = "127.0.0.1"},
        {.server = "a",
         .client = "user",
         .host = "a.test",
         .server_verifies = true,
         .is_none = true},
        {.server = "a", .host = "a.test", .server_verifies = true},
        {.server = "a", .client = "odd", .host = "a.test", .server_verifies = true},
        {.server = "a", .client = "old", .host = "a.test", .server_verifies = true},
    };
    size_t n, ignored, taken = 0;

    (void)state;
    for (size_t i = 0; i < WSK__COUNT(strangers); i++) {
        const stranger *s = &strangers[i];

        assert_int_equal(is_taken(s, 0, false, &n), s->is_none);
        if (s->is_none)
            continue;
        /* Another place to begin at for each row. Certificates are verified towards the end. */
        for (size_t at = 1 + i % STRANGERS_STEP; at <= n;
             at += at + LAST > n ? 1 : STRANGERS_STEP) {
            for (int all = 0; all < 2; all++) {
                if (is_taken(s, at, all != 0, &ignored)) {
                    print_error("# row %zu: taken when allocation %zu of %zu%s failed\n", i, at, n,
                                all ? " and all behind it" : "");
                    taken++;
                }
            }
        }
    }
    assert_int_equal(taken, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_idle_memory),
        cmocka_unit_test(test_kept_buffers),
        cmocka_unit_test(test_silent_client),
        cmocka_unit_test(test_strangers),
    };

    /* Before OpenSSL allocates for the first time. */
    if (!CRYPTO_set_mem_functions(count_malloc, count_realloc, count_free))
        return 1;
    return cmocka_run_group_tests_name("tls_memory", tests, make_certificates, remove_certificates);
}
