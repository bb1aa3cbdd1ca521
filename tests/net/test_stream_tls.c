/* SPDX-License-Identifier: MIT */
/* TLS on streams, over both backends: data both ways in every way of sending, ends, failures, and
 * no memory held while idle. */
#include "endpoint.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/ssl.h>

#include "net/loop_priv.h"
#include "net/tls_set.h"

typedef struct tls_test {
    net_test t; /* first */
    wsk_tls *server_tls, *client_tls;
    endpoint client, server;
    int fd[2];
} tls_test;

static wsk_tls *make_tls(net_test *t, wsk_role role)
{
    wsk_tls_options o = WSK_TLS_OPTIONS_INIT;
    const char *why = "";
    wsk_tls *tls;

    o.role = role;
    o.hooks = t != NULL ? &t->alloc.hooks : NULL;
    o.self_signed = role == WSK_ROLE_SERVER;
    o.insecure = role == WSK_ROLE_CLIENT;
    if (wsk_tls_new(&tls, &o, &why) < 0)
        fail_msg("%s", why);
    return tls;
}

static wsk__tls_session *new_session(wsk_tls *tls, const char *host)
{
    wsk__tls_session *s;

    assert_int_equal(wsk__tls_session_new(&s, tls, host, 443), WSK_OK);
    return s;
}

/* shared: the loop's hooks are those of the TLS objects, else they have different ones. */
static bool begin(tls_test *x, void **state, socket_kind kind, bool shared)
{
    memset(x, 0, sizeof(*x));
    net_test_init(&x->t, state);
    net_test_loop(&x->t);
    x->server_tls = make_tls(shared ? &x->t : NULL, WSK_ROLE_SERVER);
    x->client_tls = make_tls(shared ? &x->t : NULL, WSK_ROLE_CLIENT);
    x->client.seed = 3;
    x->server.seed = 4;
    x->client.verify = true;
    x->server.echo = true;
    return socket_pair(x->fd, kind);
}

static void open_both(tls_test *x)
{
    endpoint_open(&x->client, x->t.loop, x->fd[0], new_session(x->client_tls, "localhost"));
    endpoint_open(&x->server, x->t.loop, x->fd[1], new_session(x->server_tls, NULL));
}

static void close_endpoint(endpoint *e)
{
    if (e->is_open) {
        e->is_open = false;
        wsk__stream_close(&e->stream);
    }
}

static void end(tls_test *x)
{
    close_endpoint(&x->client);
    close_endpoint(&x->server);
    if (x->client.stream.loop != NULL)
        turn_until(x->t.loop, &x->client.closeds, 1);
    if (x->server.stream.loop != NULL)
        turn_until(x->t.loop, &x->server.closeds, 1);
    wsk_tls_unref(x->server_tls);
    wsk_tls_unref(x->client_tls);
    net_test_end(&x->t);
    endpoint_free(&x->client);
    endpoint_free(&x->server);
}

static void test_echo(void **state)
{
    for (int kind = 0; kind < KINDS; kind++) {
        for (int how = 0; how < 3; how++) {
            tls_test x;

            if (begin(&x, state, (socket_kind)kind, how != 1)) {
                x.server.flush = how == 1;
                x.server.scratch = how == 2;
                open_both(&x);
                assert_string_equal(wsk__tls_session_version(wsk__stream_session(&x.client.stream)),
                                    "");
                endpoint_make(&x.client, 2000000);
                turn_until_octets(x.t.loop, &x.client.checked, 2000000);
                assert_int_equal(x.client.secureds, 1);
                assert_int_equal(x.server.secureds, 1);
                assert_int_equal(x.client.losts + x.server.losts, 0);
                assert_string_equal(wsk__tls_session_version(wsk__stream_session(&x.server.stream)),
                                    "TLSv1.3");
            }
            end(&x);
        }
    }
}

static void test_full_sockets(void **state)
{
    const int small = 16384;
    tls_test x;

    assert_true(begin(&x, state, TCP4, false));
    for (int i = 0; i < 2; i++) {
        setsockopt(x.fd[i], SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
        setsockopt(x.fd[i], SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
    }
    open_both(&x);
    endpoint_make(&x.client, 300000);
    turn_until_octets(x.t.loop, &x.client.checked, 300000);
    turn_for(x.t.loop, 10);
    /* Each octet of cipher text was told of once. */
    assert_in_range(x.client.moved, 300000, 340000);
    assert_in_range(x.server.moved, 300000, 340000);
    assert_int_equal(x.client.left + x.server.left, 0);
    end(&x);
}

/* A peer that does not read: a bounded amount of cipher text is held, and freed when it is gone. */
static void test_backpressure_and_memory(void **state)
{
    tls_test x;
    const uint64_t n = 20000000;

    assert_true(begin(&x, state, TCP4, true));
    x.server.echo = false;
    x.server.verify = true;
    open_both(&x);
    turn_until(x.t.loop, &x.client.secureds, 1);
    turn_until(x.t.loop, &x.server.secureds, 1);
    turn_for(x.t.loop, 10);
    size_t idle = x.t.alloc.octets;
    endpoint_pause(&x.server, true);
    endpoint_make(&x.client, n);
    uint64_t stuck;
    do {
        stuck = x.client.sent;
        turn_for(x.t.loop, 100);
    } while (x.client.sent > stuck);
    assert_true(x.client.sent < n);
    assert_true(x.t.alloc.octets > idle);
    assert_in_range(x.client.left, 1, WSK__TLS_GATHER + 2 * WSK__TLS_RECORD);
    assert_true(x.client.moved + x.client.left > x.client.sent);
    /* Of cipher text, and with io_uring what came before the pause took hold. */
    assert_true(x.t.alloc.octets < idle + (4 << 20));
    endpoint_pause(&x.server, false);
    turn_until_octets(x.t.loop, &x.server.checked, n);
    turn_for(x.t.loop, 10);
    assert_int_equal(x.t.alloc.octets, idle);
    end(&x);
}

static void next_ms(tls_test *x)
{
    for (uint64_t now = wsk_loop_now(x->t.loop); wsk_loop_now(x->t.loop) == now;)
        wsk_loop_turn(x->t.loop, 1);
}

static void make_busy(tls_test *x, unsigned times)
{
    for (uint64_t n = x->client.checked; times > 0; times--) {
        endpoint_make(&x->client, 100);
        turn_until_octets(x->t.loop, &x->client.checked, n += 100);
        next_ms(x);
    }
}

/* Streams that are busy keep their record buffers, at most so many of them, until they rest. */
static void test_busy_streams(void **state)
{
    enum { MORE = WSK__TLS_WARM / 2 + 3 };
    static endpoint more[MORE][2];
    tls_test x;
    int fd[2];

    assert_true(begin(&x, state, TCP4, false));
    open_both(&x);
    turn_until(x.t.loop, &x.client.secureds, 1);
    turn_until(x.t.loop, &x.server.secureds, 1);
    const wsk__tls_warm *warm = &x.t.loop->tls_room->warm;
    endpoint_make(&x.client, 100);
    turn_until_octets(x.t.loop, &x.client.checked, 100);
    assert_int_equal(warm->n, 0);
    /* Again where the machine stood still for so long that they rested meanwhile. */
    for (int i = 0; i < 10 && warm->n != 2; i++)
        make_busy(&x, 20);
    assert_int_equal(warm->n, 2);
    memset(more, 0, sizeof(more));
    for (size_t i = 0; i < MORE; i++) {
        assert_true(socket_pair(fd, UNIX));
        more[i][0].verify = more[i][1].echo = true;
        endpoint_open(&more[i][0], x.t.loop, fd[0], new_session(x.client_tls, "localhost"));
        endpoint_open(&more[i][1], x.t.loop, fd[1], new_session(x.server_tls, NULL));
    }
    for (uint64_t n = 1; n <= 20; n++) {
        for (size_t i = 0; i < MORE; i++)
            endpoint_make(&more[i][0], 100);
        for (size_t i = 0; i < MORE; i++)
            turn_until_octets(x.t.loop, &more[i][0].checked, n * 100);
        next_ms(&x);
    }
    /* All were busy at some time. On a slow machine some rest again by now. */
    assert_in_range(warm->n, 1, WSK__TLS_WARM);
    for (size_t i = 0; i < MORE / 2; i++) {
        close_endpoint(&more[i][0]);
        turn_until(x.t.loop, &more[i][1].closeds, 1);
    }
    while (warm->n > 0)
        wsk_loop_turn(x.t.loop, 1000);
    for (size_t i = 0; i < MORE; i++) {
        close_endpoint(&more[i][0]);
        close_endpoint(&more[i][1]);
        turn_until(x.t.loop, &more[i][0].closeds, 1);
        turn_until(x.t.loop, &more[i][1].closeds, 1);
        endpoint_free(&more[i][0]);
        endpoint_free(&more[i][1]);
    }
    /* Who rested is as busy as before when more comes. */
    /* Again where the machine stood still for so long that they rested meanwhile. */
    for (int i = 0; i < 10 && warm->n != 2; i++)
        make_busy(&x, 20);
    assert_int_equal(warm->n, 2);
    end(&x);
}

static void test_half_close(void **state)
{
    tls_test x;

    assert_true(begin(&x, state, TCP4, false));
    x.client.quiet_eof = x.server.quiet_eof = true;
    open_both(&x);
    endpoint_make(&x.client, 300000);
    wsk__stream_shutdown(&x.client.stream);
    turn_until(x.t.loop, &x.server.eofs, 1);
    assert_int_equal(x.server.received, 300000);
    turn_until_octets(x.t.loop, &x.client.checked, 300000);
    assert_int_equal(x.client.eofs, 0);
    wsk__stream_shutdown(&x.server.stream);
    turn_until(x.t.loop, &x.client.eofs, 1);
    assert_int_equal(x.client.losts + x.server.losts, 0);
    end(&x);
}

/* Ends before, or in, the handshake; an end without close_notify behind it. */
static void test_transport_ends(void **state)
{
    for (int how = 0; how < 3; how++) {
        tls_test x;

        assert_true(begin(&x, state, TCP4, false));
        if (how < 2) {
            endpoint_open(&x.server, x.t.loop, x.fd[1], new_session(x.server_tls, NULL));
            if (how == 1) /* the beginning of a record */
                assert_int_equal(send(x.fd[0], "\x16\x03\x01\x02\x00\x01", 6, 0), 6);
            wsk_loop_turn(x.t.loop, 10);
            close(x.fd[0]);
            turn_until(x.t.loop, &x.server.losts, 1);
            assert_int_equal(x.server.eofs, 0);
        } else {
            open_both(&x);
            turn_until(x.t.loop, &x.server.secureds, 1);
            turn_for(x.t.loop, 10);
            close_endpoint(&x.client); /* no close_notify */
            turn_until(x.t.loop, &x.server.eofs, 1);
            assert_int_equal(x.server.losts, 0);
        }
        end(&x);
    }
}

/* A handshake that is none is answered with an alert. */
static void test_not_tls(void **state)
{
    tls_test x;
    char answer[64];

    assert_true(begin(&x, state, TCP4, false));
    endpoint_open(&x.server, x.t.loop, x.fd[1], new_session(x.server_tls, NULL));
    assert_int_equal(send(x.fd[0], "\x16\x03\x01\x00\x08GET / !!", 13, 0), 13);
    turn_until(x.t.loop, &x.server.losts, 1);
    assert_true(strlen(x.server.lost_text) > 0);
    turn_until(x.t.loop, &x.server.closeds, 1);
    ssize_t n = recv(x.fd[0], answer, sizeof(answer), 0);
    assert_true(n >= 7);
    assert_int_equal(answer[0], 21); /* alert */
    close(x.fd[0]);
    end(&x);
}

/* A damaged record: the owner hears of it, and never sees the octets. */
static void test_damaged_record(void **state)
{
    tls_test x;
    const char junk[] = "\x17\x03\x03\x00\x20"
                        "01234567890123456789012345678901";

    assert_true(begin(&x, state, TCP4, false));
    open_both(&x);
    endpoint_make(&x.client, 100);
    turn_until_octets(x.t.loop, &x.client.checked, 100);
    turn_for(x.t.loop, 10);
    uint64_t received = x.server.received;
    assert_int_equal(send(x.fd[0], junk, sizeof(junk) - 1, 0), sizeof(junk) - 1);
    turn_until(x.t.loop, &x.server.losts, 1);
    assert_int_equal(x.server.received, received);
    end(&x);
}

/* ---- a server of OpenSSL alone, which sends a ticket in pieces ---- */

typedef struct raw_server {
    SSL *ssl;
    BIO *out;
    tls_test *x;
    uint8_t ticket[8192];
    size_t ticket_len;
    uint64_t came; /* octets of the client's */
} raw_server;

static void raw_send(raw_server *r, const void *data, size_t n)
{
    assert_int_equal(send(r->x->fd[1], data, n, MSG_NOSIGNAL), n);
}

static void raw_begin(raw_server *r, tls_test *x)
{
    static uint8_t large[3000];
    char *data;
    long n;

    memset(r, 0, sizeof(*r));
    r->x = x;
    endpoint_open(&x->client, x->t.loop, x->fd[0], new_session(x->client_tls, "localhost"));
    r->ssl = SSL_new(x->server_tls->set->ctx);
    r->out = BIO_new(BIO_s_mem());
    SSL_set_bio(r->ssl, BIO_new_socket(x->fd[1], BIO_NOCLOSE), r->out);
    SSL_set_accept_state(r->ssl);
    assert_int_equal(SSL_set_max_send_fragment(r->ssl, 512), 1);
    for (int done = 0; done != 1 || x->client.secureds == 0;) {
        done = SSL_do_handshake(r->ssl);
        n = BIO_get_mem_data(r->out, &data);
        raw_send(r, data, (size_t)n);
        (void)BIO_reset(r->out);
        wsk_loop_turn(x->t.loop, 1);
    }
    SSL_SESSION_set1_ticket_appdata(SSL_get_session(r->ssl), large, sizeof(large));
    assert_int_equal(SSL_new_session_ticket(r->ssl), 1);
    assert_int_equal(SSL_do_handshake(r->ssl), 1);
    n = BIO_get_mem_data(r->out, &data);
    assert_in_range(n, 3000, sizeof(r->ticket));
    memcpy(r->ticket, data, (size_t)n);
    r->ticket_len = (size_t)n;
    /* The first record, and what the client makes of it. */
    n = 5 + (r->ticket[3] << 8 | r->ticket[4]);
    raw_send(r, r->ticket, (size_t)n);
    while (!SSL_in_init(*(SSL **)(void *)wsk__stream_session(&x->client.stream)))
        wsk_loop_turn(x->t.loop, 1);
    memmove(r->ticket, r->ticket + n, r->ticket_len -= (size_t)n);
}

/* False: the client has ended. */
static bool raw_read(raw_server *r)
{
    uint8_t buf[4096];
    int n;

    wsk_loop_turn(r->x->t.loop, 1);
    while ((n = SSL_read(r->ssl, buf, sizeof(buf))) > 0) {
        for (int i = 0; i < n; i++)
            assert_int_equal(buf[i], octet_at(r->came++));
    }
    return SSL_get_error(r->ssl, n) == SSL_ERROR_WANT_READ;
}

static void raw_end(raw_server *r)
{
    SSL_free(r->ssl);
    close(r->x->fd[1]);
    end(r->x);
}

/* RFC 8446 5.1: a message of the handshake may be cut into records, between which OpenSSL writes
 * nothing. What is to be sent meanwhile waits, as does the end, and the loop with them. */
static void test_ticket_in_pieces(void **state)
{
    for (int shut = 0; shut < 2; shut++) {
        raw_server r;
        tls_test x;

        assert_true(begin(&x, state, TCP4, false));
        raw_begin(&r, &x);
        endpoint_make(&x.client, 20000);
        if (shut)
            wsk__stream_shutdown(&x.client.stream);
        unsigned turns = 0;
        for (uint64_t then = clock_ms(); clock_ms() < then + 50; turns++)
            wsk_loop_turn(x.t.loop, 50);
        assert_in_range(turns, 1, 5);
        wsk__stream_flush(&x.client.stream);
        assert_true(raw_read(&r));
        assert_int_equal(x.client.losts + x.client.sent, 0);
        raw_send(&r, r.ticket, r.ticket_len);
        while (raw_read(&r) && (shut || r.came < 20000))
            ;
        assert_int_equal(r.came, 20000);
        assert_int_equal(x.client.losts, 0);
        assert_int_equal(x.client.sent, 20000);
        raw_end(&r);
    }
}

/* Why nothing can be encrypted any more is said, and nothing waits for it. */
static void test_no_encryption(void **state)
{
    static const char *const texts[] = {"a TLS message of the peer's lacks its end",
                                        "TLS connection failed: protocol is shutdown"};

    for (int how = 0; how < 2; how++) {
        raw_server r;
        tls_test x;

        assert_true(begin(&x, state, TCP4, false));
        x.client.quiet_eof = true;
        raw_begin(&r, &x);
        if (how == 0) {
            shutdown(x.fd[1], SHUT_WR);
        } else {
            raw_send(&r, r.ticket, r.ticket_len);
            turn_for(x.t.loop, 20);
            SSL_set_shutdown(*(SSL **)(void *)wsk__stream_session(&x.client.stream),
                             SSL_SENT_SHUTDOWN);
        }
        endpoint_make(&x.client, 100);
        turn_until(x.t.loop, &x.client.losts, 1);
        assert_string_equal(x.client.lost_text, texts[how]);
        raw_end(&r);
    }
}

static void test_close_in_callbacks(void **state)
{
    const unsigned where[] = {IN_SECURED, IN_RECEIVED, IN_OUTPUT, IN_SENT, IN_EOF};

    for (size_t i = 0; i < WSK__COUNT(where); i++) {
        for (int way = 0; way < 3; way++) {
            tls_test x;

            assert_true(begin(&x, state, TCP4, true));
            x.server.flush = way == 1;
            x.server.scratch = way == 2;
            x.server.close_in = where[i];
            open_both(&x);
            endpoint_make(&x.client, 100000);
            if (where[i] == IN_EOF)
                wsk__stream_shutdown(&x.client.stream);
            turn_until(x.t.loop, &x.server.closeds, 1);
            assert_true((x.server.calls & where[i]) != 0);
            turn_until(x.t.loop, &x.client.closeds, 1);
            end(&x);
        }
    }
}

static void flush_other(endpoint *e, unsigned callback)
{
    endpoint *other = e->ud;

    /* Another TLS stream sends while the memory for cipher text is in use. */
    if (callback == IN_RECEIVED && other->is_open && other->to_make > 0)
        wsk__stream_flush(&other->stream);
}

static void test_flush_of_another_stream(void **state)
{
    tls_test x, y;

    assert_true(begin(&x, state, TCP4, true));
    open_both(&x);
    memset(&y, 0, sizeof(y));
    assert_true(socket_pair(y.fd, TCP4));
    y.client.seed = 8;
    y.server.verify = true;
    endpoint_open(&y.client, x.t.loop, y.fd[0], new_session(x.client_tls, "localhost"));
    endpoint_open(&y.server, x.t.loop, y.fd[1], new_session(x.server_tls, NULL));
    x.server.then = flush_other;
    x.server.ud = &y.client;
    turn_until(x.t.loop, &y.client.secureds, 1);
    endpoint_make(&x.client, 200000);
    y.client.to_make = 300000;
    turn_until_octets(x.t.loop, &x.client.checked, 200000);
    endpoint_make(&y.client, 0);
    turn_until_octets(x.t.loop, &y.server.checked, 300000);
    close_endpoint(&y.client);
    turn_until(x.t.loop, &y.server.closeds, 1);
    end(&x);
}

static void body(tls_test *x, void **state)
{
    wsk__tls_session *c, *s;

    x->client.quiet_eof = x->server.quiet_eof = true;
    if (wsk__tls_session_new(&c, x->client_tls, "localhost", 443) < 0)
        c = NULL;
    if (wsk__tls_session_new(&s, x->server_tls, NULL, 0) < 0)
        s = NULL;
    (void)state;
    if (c != NULL)
        x->client.is_open = wsk__stream_open(&x->client.stream, x->t.loop, &endpoint_ops, x->fd[0],
                                             c) >= 0;
    else
        close(x->fd[0]);
    if (s != NULL)
        x->server.is_open = wsk__stream_open(&x->server.stream, x->t.loop, &endpoint_ops, x->fd[1],
                                             s) >= 0;
    else
        close(x->fd[1]);
    if (x->client.is_open)
        endpoint_make(&x->client, 3000000);
    turn_for(x->t.loop, 15);
    if (x->server.is_open)
        endpoint_pause(&x->server, true);
    turn_for(x->t.loop, 3);
    if (x->server.is_open)
        endpoint_pause(&x->server, false);
    turn_for(x->t.loop, 3);
    if (x->client.is_open)
        wsk__stream_shutdown(&x->client.stream);
    turn_for(x->t.loop, 3);
    close_endpoint(&x->client);
    close_endpoint(&x->server);
    wsk_loop_turn(x->t.loop, 0);
    x->client.stream.loop = x->server.stream.loop = NULL;
}

static void test_failing_allocations(void **state)
{
    for (long i = 0; i < 40; i++) {
        tls_test x;

        assert_true(begin(&x, state, TCP4, true));
        if (i > 0)
            x.t.alloc.fail_at = x.t.alloc.calls + i;
        x.t.alloc.for_ever = i % 2 == 0;
        body(&x, state);
        end(&x);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(test_echo),
        BOTH(test_full_sockets),
        BOTH(test_backpressure_and_memory),
        BOTH(test_busy_streams),
        BOTH(test_half_close),
        BOTH(test_transport_ends),
        BOTH(test_not_tls),
        BOTH(test_damaged_record),
        BOTH(test_ticket_in_pieces),
        BOTH(test_no_encryption),
        BOTH(test_close_in_callbacks),
        BOTH(test_flush_of_another_stream),
        BOTH(test_failing_allocations),
    };

    return cmocka_run_group_tests_name("stream_tls", tests, NULL, NULL);
}
