/* SPDX-License-Identifier: MIT */
/* TLS within TLS, in memory: both ends of one pair within both ends of another, at every cut and
 * with little room; and each of the two breaking. */
#include <stdlib.h>
#include <string.h>

#include <openssl/ssl.h>

#include "net/tls_set.h"
#include "tls_certs.h"
#include "tls_pair.h"
#include "util/attr.h"

static wsk_tls *server, *client;

static int begin(void **state)
{
    wsk_tls_options s = WSK_TLS_OPTIONS_INIT, c = WSK_TLS_OPTIONS_INIT;

    (void)state;
    certs_begin();
    certs_make(&(cert_spec){.file = "ca", .ca = true});
    certs_make(&(cert_spec){.file = "a", .san = "DNS:outer.test,DNS:inner.test", .issuer = "ca"});
    s.role = WSK_ROLE_SERVER;
    s.certificate_file = certs_path("a.pem");
    s.key_file = certs_path("a.key");
    server = tls_make(&s);
    c.role = WSK_ROLE_CLIENT;
    c.ca_file = certs_path("ca.pem");
    client = tls_make(&c);
    return 0;
}

static int end(void **state)
{
    (void)state;
    wsk_tls_unref(server);
    wsk_tls_unref(client);
    certs_end();
    return 0;
}

/* A pair whose handshake is done, and sessions of another within its own, which begin. ret_outer:
 * the sessions, borrowed, client first; NULL if nobody asks. */
static void open_nested(tls_pair *p, const char *host, size_t cut, size_t plain_cap,
                        wsk__tls_session **ret_outer)
{
    wsk__tls_session *inner[2];
    tls_end *ends[2] = {&p->client, &p->server};

    assert_int_equal(pair_open(p, server, client, "outer.test", cut), 0);
    assert_true(pair_run(p));
    assert_int_equal(wsk__tls_session_new(&inner[0], client, host, 443), 0);
    assert_int_equal(wsk__tls_session_new(&inner[1], server, NULL, 0), 0);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(ends[i]->n_plain, 0);
        wsk__tls_session_nest(inner[i], ends[i]->session);
        if (ret_outer != NULL)
            ret_outer[i] = ends[i]->session;
        ends[i]->session = inner[i];
    }
    p->plain_cap = plain_cap;
    end_feed(p, &p->client, NULL, 0);
}

static void test_cuts(void **state)
{
    static const size_t caps[] = {0, 1, 5, 100};
    static uint8_t data[70000];

    (void)state;
    for (size_t i = 0; i < sizeof(data); i++)
        data[i] = (uint8_t)(i * 31 + i / 253);
    for (size_t k = 0; k < 5; k++) {
        for (size_t c = 0; c < WSK__COUNT(caps); c++) {
            size_t n = cut_sizes[k] == SIZE_MAX && caps[c] != 1 ? sizeof(data) : 2000;
            tls_pair p;

            open_nested(&p, "inner.test", cut_sizes[k], caps[c], NULL);
            assert_true(pair_run(&p));
            pair_send(&p, &p.client, &p.server, data, n);
            pair_send(&p, &p.server, &p.client, data, n);
            pair_send(&p, &p.client, &p.server, "", 0);
            pair_send(&p, &p.client, &p.server, "x", 1);
            wsk__tls_session_shutdown(p.client.session, &p.client.out);
            pair_run(&p);
            assert_int_equal(p.server.result, WSK__TLS_EOF);
            /* The other direction goes on. */
            pair_send(&p, &p.server, &p.client, "y", 1);
            pair_close(&p);
        }
    }
}

/* What the outer session says of its own accord, and the inner one, need not be the same. */
static void test_ends(void **state)
{
    wsk__tls_session *outer[2];
    tls_pair p;

    (void)state;
    /* Another name: the inner client says so, and the alert reaches the inner server. */
    open_nested(&p, "other.test", SIZE_MAX, 0, NULL);
    assert_false(pair_run(&p));
    assert_non_null(strstr(wsk__tls_session_why(p.client.session), "not for 'other.test'"));
    assert_non_null(strstr(wsk__tls_session_why(p.server.session), "peer sent alert"));
    pair_close(&p);
    /* The outer one ends during the handshake, and behind it. */
    open_nested(&p, "inner.test", SIZE_MAX, 0, outer);
    wsk__tls_session_shutdown(outer[1], &p.server.out);
    pair_move(&p, &p.server, &p.client);
    assert_int_equal(p.client.result, WSK__TLS_FAILED);
    assert_string_equal(wsk__tls_session_why(p.client.session),
                        "closed by the proxy during the TLS handshake");
    pair_close(&p);
    open_nested(&p, "inner.test", SIZE_MAX, 0, outer);
    assert_true(pair_run(&p));
    wsk__tls_session_shutdown(outer[1], &p.server.out);
    pair_move(&p, &p.server, &p.client);
    assert_int_equal(p.client.result, WSK__TLS_EOF);
    pair_close(&p);
}

/* Octets that are changed on the way are the outer session's to find. */
static void test_damage(void **state)
{
    tls_pair p;

    (void)state;
    for (int behind = 0; behind < 2; behind++) {
        open_nested(&p, "inner.test", SIZE_MAX, 0, NULL);
        if (behind) {
            assert_true(pair_run(&p));
            assert_int_equal(wsk__tls_session_write(p.client.session, "hello", 5, &p.client.out),
                             WSK__TLS_OK);
        }
        p.client.out.ptr[p.client.out.len - 1] ^= 1;
        pair_move(&p, &p.client, &p.server);
        assert_int_equal(p.server.result, WSK__TLS_FAILED);
        assert_memory_equal(wsk__tls_session_why(p.server.session), "TLS with the proxy: ", 20);
        assert_int_equal(p.server.n_plain, 0);
        pair_close(&p);
    }
}

/* A ticket of the outer session that comes in several records: meanwhile nothing can be written to
 * the inner one. */
static void test_ticket_in_pieces(void **state)
{
    static uint8_t large[3000];
    wsk__tls_session *outer[2];
    uint8_t *data;
    tls_pair p;

    (void)state;
    open_nested(&p, "inner.test", SIZE_MAX, 0, outer);
    assert_false(wsk__tls_session_may_write(p.client.session));
    assert_true(pair_run(&p));
    assert_true(wsk__tls_session_may_write(p.client.session));
    /* The session's SSL is its first member. Its own way out is lent for single calls. */
    SSL *ssl = *(SSL **)(void *)outer[1];
    BIO *mem = BIO_new(BIO_s_mem());
    SSL_set0_wbio(ssl, mem);
    assert_int_equal(SSL_set_max_send_fragment(ssl, 512), 1);
    SSL_SESSION_set1_ticket_appdata(SSL_get_session(ssl), large, sizeof(large));
    assert_int_equal(SSL_new_session_ticket(ssl), 1);
    assert_int_equal(SSL_do_handshake(ssl), 1);
    size_t n = (size_t)BIO_get_mem_data(mem, &data);
    size_t first = 5 + (size_t)(data[3] << 8 | data[4]);
    assert_true(first < n);
    end_feed(&p, &p.client, data, first);
    assert_int_equal(p.client.result, WSK__TLS_OK);
    assert_false(wsk__tls_session_may_write(p.client.session));
    end_feed(&p, &p.client, data + first, n - first);
    assert_true(wsk__tls_session_may_write(p.client.session));
    pair_send(&p, &p.client, &p.server, "x", 1);
    pair_close(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cuts),
        cmocka_unit_test(test_ends),
        cmocka_unit_test(test_damage),
        cmocka_unit_test(test_ticket_in_pieces),
    };

    return cmocka_run_group_tests_name("tls_nested", tests, begin, end);
}
