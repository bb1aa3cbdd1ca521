/* SPDX-License-Identifier: MIT */
/*
 * Proxies that are spoken to with TLS: by ws and, TLS within TLS, by wss. The proxy is a thread
 * with a TLS library used in the plainest way, so that it knows nothing of ours.
 */
#include "client_world.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/ssl.h>

#include "tls_certs.h"

/* ---------------------------------------------------------------------------------- proxy -- */

typedef struct tls_proxy {
    int fd;
    uint16_t port;
    SSL_CTX *ctx;
    pthread_t thread;
    size_t cut;         /* octets of a record at most */
    const char *answer; /* instead of going anywhere; NULL: 200 and the way */
    bool hang_up;       /* before TLS is there */
    char head[600];     /* of the last request */
} tls_proxy;

static bool write_all(SSL *ssl, const char *data, size_t n, size_t cut)
{
    for (size_t i = 0; i < n; i += cut) {
        if (SSL_write(ssl, data + i, (int)(n - i < cut ? n - i : cut)) <= 0)
            return false;
    }
    return true;
}

static int dial(const char *head)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const char *port = strchr(head, ':');
    const int on = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    a.sin_port = htons((uint16_t)strtoul(port != NULL ? port + 1 : "0", NULL, 10));
    if (connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0) {
        close(fd);
        return -1;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    return fd;
}

/* Octets of both sides, until one of them ends. */
static void relay(tls_proxy *p, SSL *ssl, int client, int server)
{
    static char buf[16384];
    struct pollfd fds[2] = {{client, POLLIN, 0}, {server, POLLIN, 0}};

    for (;;) {
        if (!SSL_has_pending(ssl) && poll(fds, 2, -1) < 0)
            return;
        if (SSL_has_pending(ssl) || fds[0].revents != 0) {
            int n = SSL_read(ssl, buf, sizeof(buf));
            if (n <= 0 || write(server, buf, (size_t)n) != n)
                return;
        }
        if (fds[1].revents != 0) {
            ssize_t n = read(server, buf, sizeof(buf));
            if (n <= 0 || !write_all(ssl, buf, (size_t)n, p->cut))
                return;
        }
        fds[0].revents = fds[1].revents = 0;
    }
}

static void serve(tls_proxy *p, int fd)
{
    SSL *ssl = SSL_new(p->ctx);
    const int on = 1;
    int server = -1;
    size_t len = 0;

    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    SSL_set_fd(ssl, fd);
    if (!p->hang_up && SSL_accept(ssl) == 1) {
        memset(p->head, 0, sizeof(p->head));
        while (len + 1 < sizeof(p->head) && strstr(p->head, "\r\n\r\n") == NULL) {
            int n = SSL_read(ssl, p->head + len, (int)(sizeof(p->head) - 1 - len));
            if (n <= 0)
                break;
            len += (size_t)n;
        }
        if (strstr(p->head, "\r\n\r\n") != NULL) {
            const char *answer = p->answer != NULL ? p->answer
                                                   : "HTTP/1.1 200 OK\r\nVia: x\r\n\r\n";
            if (p->answer == NULL)
                server = dial(p->head);
            (void)write_all(ssl, answer, strlen(answer), p->cut);
        }
        if (server >= 0)
            relay(p, ssl, fd, server);
        SSL_shutdown(ssl);
    }
    if (server >= 0)
        close(server);
    SSL_free(ssl);
    close(fd);
}

static void *run(void *ud)
{
    tls_proxy *p = ud;
    int fd;

    while ((fd = accept(p->fd, NULL, NULL)) >= 0)
        serve(p, fd);
    return NULL;
}

/* All that the thread reads is set before it runs; `head` is the test's once it has ended. */
static void proxy_begin(tls_proxy *p, const char *cert, size_t cut, const char *answer,
                        bool hang_up)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(a);

    memset(p, 0, sizeof(*p));
    p->cut = cut == SIZE_MAX ? 16384 : cut;
    p->answer = answer;
    p->hang_up = hang_up;
    p->ctx = SSL_CTX_new(TLS_server_method());
    assert_int_equal(SSL_CTX_use_certificate_chain_file(p->ctx, certs_path(format("%s.pem", cert))),
                     1);
    assert_int_equal(
        SSL_CTX_use_PrivateKey_file(p->ctx, certs_path(format("%s.key", cert)), SSL_FILETYPE_PEM),
        1);
    p->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(p->fd, (struct sockaddr *)&a, sizeof(a)), 0);
    assert_int_equal(listen(p->fd, 16), 0);
    assert_int_equal(getsockname(p->fd, (struct sockaddr *)&a, &len), 0);
    p->port = ntohs(a.sin_port);
    assert_int_equal(pthread_create(&p->thread, NULL, run, p), 0);
}

static void proxy_end(tls_proxy *p)
{
    shutdown(p->fd, SHUT_RDWR);
    pthread_join(p->thread, NULL);
    close(p->fd);
    SSL_CTX_free(p->ctx);
}

/* --------------------------------------------------------------------------------- server -- */

typedef struct echo {
    wsk_server *server;
    wsk_tls *tls;
    uint16_t port;
} echo;

static void on_message(wsk_peer *p, wsk_opcode op, uint8_t *data, size_t len)
{
    wsk_peer_send(p, op, data, len, 0);
}

static void echo_begin(echo *e, wsk_loop *loop, bool tls)
{
    wsk_handlers h = WSK_HANDLERS_INIT;
    wsk_tls_options o = WSK_TLS_OPTIONS_INIT;
    char url[200];

    memset(e, 0, sizeof(*e));
    h.on_message = on_message;
    o.role = WSK_ROLE_SERVER;
    o.certificate_file = certs_path("server.pem");
    o.key_file = certs_path("server.key");
    if (tls)
        assert_int_equal(wsk_tls_new(&e->tls, &o, NULL), WSK_OK);
    assert_int_equal(wsk_server_new(&e->server, loop, NULL, &h, NULL), WSK_OK);
    assert_int_equal(
        wsk_server_listen(e->server, tls ? "wss://127.0.0.1:0/*" : "ws://127.0.0.1:0/*", e->tls),
        WSK_OK);
    assert_true(wsk_server_url(e->server, 0, url, sizeof(url)) > 0);
    e->port = (uint16_t)strtoul(strrchr(url, ':') + 1, NULL, 10);
}

static void echo_end(echo *e)
{
    wsk_server_free(e->server);
    wsk_tls_unref(e->tls);
}

static wsk_tls *trusting(world *w, const char *ca)
{
    wsk_tls_options o = WSK_TLS_OPTIONS_INIT;
    wsk_tls *tls;

    o.role = WSK_ROLE_CLIENT;
    o.hooks = w != NULL ? &w->alloc.hooks : NULL;
    o.ca_file = certs_path(ca);
    assert_int_equal(wsk_tls_new(&tls, &o, NULL), WSK_OK);
    return tls;
}

static int make_certs(void **state)
{
    static const cert_spec specs[] = {
        {.file = "ca", .ca = true},
        {.file = "other-ca", .ca = true},
        {.file = "proxy", .san = "DNS:proxy.test,IP:127.0.0.1", .issuer = "ca"},
        {.file = "server", .san = "DNS:server.test", .issuer = "other-ca"},
    };

    (void)state;
    signal(SIGPIPE, SIG_IGN); /* the proxy writes to clients that have gone */
    certs_begin();
    for (size_t i = 0; i < WSK__COUNT(specs); i++)
        certs_make(&specs[i]);
    return 0;
}

static int remove_certs(void **state)
{
    (void)state;
    certs_end();
    return 0;
}

/* ---------------------------------------------------------------------------------- tests -- */

/* Opens, echoes n octets, closes. */
static void converse(world *w, const wsk_client_options *o, const char *url, bool tls, size_t n)
{
    uint8_t *data = malloc(n);
    heard h;

    for (size_t i = 0; i < n; i++)
        data[i] = (uint8_t)(i * 7 + i / 251);
    heard_connect(&h, w, o, url);
    heard_until_open(&h, w);
    if (h.n[ON_FAIL] > 0)
        fail_msg("%s", h.text);
    /* TLS with the proxy is not TLS with the server. */
    assert_int_equal(*wsk_client_tls_version(h.c) != 0, tls);
    assert_int_equal(*wsk_client_tls_cipher(h.c) != 0, tls);
    assert_int_equal(wsk_client_send(h.c, WSK_OP_BINARY, data, n, 0), WSK_OK);
    world_until(w, h.n[ON_MESSAGE] == 1);
    assert_int_equal(h.len, n);
    assert_memory_equal(h.data, data, n);
    assert_int_equal(wsk_client_close(h.c, 1000, NULL), WSK_OK);
    heard_until_idle(&h, w);
    assert_int_equal(h.code, 1000);
    heard_free(&h);
    free(data);
}

static void test_by_the_proxy(void **state)
{
    world w;

    for (int tls = 0; tls < 2; tls++) {
        for (size_t k = 0; k < 5; k++) {
            wsk_client_options o = WSK_CLIENT_OPTIONS_INIT;
            tls_proxy p;
            echo e;

            world_begin(&w, state);
            o.tls = trusting(&w, "other-ca.pem");
            /* Memory of the two may have different owners. */
            o.proxy_tls = trusting(k % 2 == 0 ? &w : NULL, "ca.pem");
            proxy_begin(&p, "proxy", cut_sizes[k], NULL, false);
            echo_begin(&e, w.loop, tls);
            o.proxy = format("https://us:pw@127.0.0.1:%u", p.port);
            /* The second time with a ticket. */
            for (int i = 0; i < 2; i++)
                converse(&w, &o, format("%s://server.test:%u/x", tls ? "wss" : "ws", e.port), tls,
                         k == 0 ? 700000 : 300);
            echo_end(&e);
            wsk_tls_unref(o.tls);
            wsk_tls_unref(o.proxy_tls);
            world_turn(&w, 0);
            proxy_end(&p);
            assert_memory_equal(p.head, "CONNECT server.test:", 20);
            assert_non_null(strstr(p.head, "Proxy-Authorization: Basic dXM6cHc=\r\n"));
            world_end(&w);
        }
    }
}

static void test_refusals(void **state)
{
    static const struct {
        const char *answer;
        bool hang_up, stranger;
        const char *proxy; /* host */
        const char *text;
    } rows[] = {
        {"HTTP/1.1 403 No\r\n\r\n", false, false, "127.0.0.1",
         "the proxy refuses to connect (status 403)"},
        {"HTTP/1.1 407 No\r\n\r\n", false, false, "127.0.0.1",
         "the proxy asks for user and password (status 407)"},
        {"HTTP/1.1 200 OK\r\n\r\nand more", false, false, "127.0.0.1",
         "the proxy sent something behind its answer"},
        {"HTTP/1.1 2", false, false, "127.0.0.1",
         "the proxy closed the connection before it was done"},
        {"SSH-2.0\r\n\r\nxxxx", false, false, "127.0.0.1", "the proxy's answer is not HTTP"},
        {NULL, true, false, "127.0.0.1",
         "the proxy closed the connection during the TLS handshake"},
        {NULL, false, true, "127.0.0.1", "TLS with the proxy: certificate verify failed"},
        {NULL, false, false, "localhost", "it is not for 'localhost'"},
    };
    world w;

    for (size_t i = 0; i < WSK__COUNT(rows); i++) {
        for (size_t k = 0; k < 2; k++) {
            wsk_client_options o = WSK_CLIENT_OPTIONS_INIT;
            tls_proxy p;

            /* Behind an answer: in the same record it is seen for certain, later it may be taken
             * for the server's. */
            if (k > 0 && rows[i].answer != NULL && strstr(rows[i].answer, "and more") != NULL)
                continue;
            world_begin(&w, state);
            o.proxy_tls = trusting(&w, rows[i].stranger ? "other-ca.pem" : "ca.pem");
            o.family = AF_INET;
            proxy_begin(&p, "proxy", k == 0 ? SIZE_MAX : 1, rows[i].answer, rows[i].hang_up);
            o.proxy = format("https://%s:%u", rows[i].proxy, p.port);
            heard_fails(&w, &o, "ws://server.test/",
                        strstr(rows[i].text, "closed the connection") != NULL ? WSK_FAIL_LOST
                                                                              : WSK_FAIL_PROXY,
                        rows[i].text);
            wsk_tls_unref(o.proxy_tls);
            world_turn(&w, 0);
            proxy_end(&p);
            world_end(&w);
        }
    }
}

static void play_plain(script_conn *c)
{
    if (c->in_len > 0)
        script_play_answer(c, "HTTP/1.1 400 Bad Request\r\n\r\n{end}");
}

/* Someone else's TLS; no TLS at all; the server within fails. */
static void test_wrong_ends(void **state)
{
    wsk_client_options o = WSK_CLIENT_OPTIONS_INIT;
    wsk_tls_options so = WSK_TLS_OPTIONS_INIT;
    wsk_client *c = NULL;
    tls_proxy p;
    script s;
    world w;
    echo e;

    world_begin(&w, state);
    script_begin(&s, &w, play_plain);
    o.proxy = format("https://127.0.0.1:%u", s.port);
    heard_fails(&w, &o, "ws://server.test/", WSK_FAIL_PROXY, "does not speak TLS on this port");
    script_end(&s);
    /* The proxy is trusted, the server is not; then it has another name; then it speaks no TLS. */
    o.proxy_tls = trusting(&w, "ca.pem");
    o.tls = trusting(&w, "ca.pem");
    proxy_begin(&p, "proxy", SIZE_MAX, NULL, false);
    echo_begin(&e, w.loop, true);
    o.proxy = format("https://127.0.0.1:%u", p.port);
    heard_fails(&w, &o, format("wss://server.test:%u/", e.port), WSK_FAIL_TLS,
                "certificate verify failed");
    wsk_tls_unref(o.tls);
    o.tls = trusting(&w, "other-ca.pem");
    heard_fails(&w, &o, format("wss://other.test:%u/", e.port), WSK_FAIL_TLS,
                "it is not for 'other.test'");
    echo_end(&e);
    echo_begin(&e, w.loop, false);
    heard_fails(&w, &o, format("wss://server.test:%u/", e.port), WSK_FAIL_TLS,
                "does not speak TLS on this port");
    echo_end(&e);
    wsk_tls_unref(o.tls);
    wsk_tls_unref(o.proxy_tls);
    /* A server's wsk_tls is none for a proxy. */
    so.role = WSK_ROLE_SERVER;
    so.self_signed = true;
    assert_int_equal(wsk_tls_new(&o.proxy_tls, &so, NULL), WSK_OK);
    o.tls = NULL;
    assert_int_equal(wsk_client_new(&c, w.loop, &o, NULL, NULL), WSK_ERR_INVAL);
    wsk_tls_unref(o.proxy_tls);
    world_turn(&w, 0);
    proxy_end(&p);
    world_end(&w);
}

/* Whatever there is no memory for: it fails in order, and nothing is left. */
static void test_no_memory(void **state)
{
    bool opened = false;
    tls_proxy p;
    world w;

    proxy_begin(&p, "proxy", SIZE_MAX, NULL, false);
    for (long i = 1; !opened; i += (long)test_stride(7)) {
        wsk_client_options o = WSK_CLIENT_OPTIONS_INIT;
        wsk_tls *tls, *proxy_tls;
        heard h;
        echo e;

        world_begin(&w, state);
        tls = trusting(&w, "other-ca.pem");
        proxy_tls = trusting(&w, "ca.pem");
        echo_begin(&e, w.loop, true);
        o.tls = tls;
        o.proxy_tls = proxy_tls;
        o.proxy = format("https://127.0.0.1:%u", p.port);
        heard_begin(&h, &w, &o);
        w.alloc.fail_at = i;
        int r = wsk_client_connect(h.c, format("wss://server.test:%u/x", e.port));
        if (r == WSK_OK) {
            heard_until_open(&h, &w);
            opened = h.n[ON_OPEN] == 1 && !w.alloc.failed;
        } else {
            assert_int_equal(r, WSK_ERR_NOMEM);
        }
        w.alloc.fail_at = 0;
        heard_free(&h);
        echo_end(&e);
        wsk_tls_unref(tls);
        wsk_tls_unref(proxy_tls);
        world_turn(&w, 0);
        /* The proxy holds sockets until it has seen the end. */
        world_end(&w);
    }
    proxy_end(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(test_by_the_proxy),
        BOTH(test_refusals),
        BOTH(test_wrong_ends),
        BOTH(test_no_memory),
    };

    return cmocka_run_group_tests_name("proxy_tls", tests, make_certs, remove_certs);
}
