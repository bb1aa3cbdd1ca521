/* SPDX-License-Identifier: MIT */
/*
 * The server over real sockets, on both backends, with clients of the same loop: what handlers
 * see, what clients get, and what is left behind (nothing).
 */
#include "support.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include <websock/websock.h>

#include "net/loop_priv.h"
#include "net/sys.h"
#include "util/attr.h"

/* One program per backend (meson.build), since each prints its own TAP plan. */
#ifdef BACKEND_io_uring
static const wsk_io backend = WSK_IO_URING;
#else
static const wsk_io backend = WSK_IO_EPOLL;
#endif

/* ---------------------------------------------------------------------------- the server -- */

struct site {
    test_alloc alloc;
    wsk_loop *loop;
    wsk_server *server;
    char url[200];
    unsigned opens, messages, closes, writables, pongs;
    unsigned last_code;
    char last_text[160], last_address[80];
    wsk_peer *kept; /* a peer that a handler remembers */
    int in_message; /* what on_message does: see ACT_ */
    unsigned requests;
    bool later;      /* on_request answers later */
    unsigned status; /* on_request answers with this */
    bool pauses;     /* on_request pauses before it answers */
    wsk__sys sys;
    size_t recv_cap;
};

enum { ACT_ECHO, ACT_DROP, ACT_CLOSE, ACT_DROP_OTHER, ACT_PAUSE, ACT_BIG, ACT_TELL };

static struct site *site_of(wsk_peer *p)
{
    return wsk_server_data(wsk_peer_server(p));
}

static void on_request(wsk_peer *p, bool is_upgrade)
{
    struct site *s = site_of(p);

    s->requests++;
    s->kept = p;
    if (s->pauses)
        wsk_peer_pause(p, true);
    if (s->later)
        return;
    if (s->status != 0) {
        static const uint8_t body[12000000];
        wsk_response r = WSK_RESPONSE_INIT;
        r.status = s->status;
        r.body = (const char *)body;
        r.body_len = s->in_message == ACT_BIG ? sizeof(body) : 0;
        assert_int_equal(wsk_peer_respond(p, &r), WSK_OK);
    } else if (is_upgrade) {
        (void)!wsk_peer_accept(p, NULL);
    } else {
        wsk_response r = WSK_RESPONSE_INIT;
        r.status = 200;
        r.body = "page";
        r.body_len = 4;
        (void)!wsk_peer_respond(p, &r);
    }
}

static void on_open(wsk_peer *p)
{
    site_of(p)->opens++;
}

static void on_message(wsk_peer *p, wsk_opcode op, uint8_t *data, size_t len)
{
    struct site *s = site_of(p);
    static uint8_t big[3000000];

    s->messages++;
    switch (s->in_message) {
    case ACT_ECHO:
        (void)wsk_peer_send(p, op, data, len, WSK_SEND_SKIP_UTF8);
        break;
    case ACT_DROP:
        wsk_peer_drop(p);
        break;
    case ACT_CLOSE:
        (void)wsk_peer_close(p, 4001, "enough");
        break;
    case ACT_DROP_OTHER:
        if (s->kept != NULL && s->kept != p)
            wsk_peer_drop(s->kept);
        s->kept = NULL;
        break;
    case ACT_PAUSE:
        wsk_peer_pause(p, true);
        s->kept = p;
        break;
    case ACT_TELL: /* to the peer that is kept, whoever said it */
        (void)wsk_peer_send(s->kept, op, data, len, WSK_SEND_SKIP_UTF8);
        break;
    case ACT_BIG:
        (void)wsk_peer_send(p, WSK_OP_BINARY, big, sizeof(big), 0);
        break;
    }
}

static void on_writable(wsk_peer *p)
{
    site_of(p)->writables++;
}

static void on_pong(wsk_peer *p, const uint8_t *data, size_t len)
{
    (void)data;
    (void)len;
    site_of(p)->pongs++;
}

static void on_close(wsk_peer *p, unsigned code, const char *text)
{
    struct site *s = site_of(p);

    if (s->kept == p)
        s->kept = NULL;
    s->closes++;
    s->last_code = code;
    snprintf(s->last_text, sizeof(s->last_text), "%s", text);
    (void)wsk_peer_address(p, s->last_address, sizeof(s->last_address));
}

static const wsk_handlers handlers = {
    .size = sizeof(wsk_handlers),
    .on_request = on_request,
    .on_open = on_open,
    .on_message = on_message,
    .on_writable = on_writable,
    .on_pong = on_pong,
    .on_close = on_close,
};

static int site_start(struct site *s, const wsk_server_options *options, const char *url,
                      wsk_tls *tls)
{
    wsk_loop_options lo = WSK_LOOP_OPTIONS_INIT;
    wsk_server_options so = WSK_SERVER_OPTIONS_INIT;

    if (options != NULL)
        so = *options;
    so.conn.size = sizeof(so.conn);
    so.conn.hooks = &s->alloc.hooks;
    lo.hooks = &s->alloc.hooks;
    lo.io = backend;
    WSK_TRY(wsk__loop_new_on(&s->loop, &lo, &s->sys));
    if (s->recv_cap != 0)
        s->loop->recv_cap = s->recv_cap; /* smaller than an option may ask for */
    WSK_TRY(wsk_server_new(&s->server, s->loop, &so, &handlers, s));
    WSK_TRY(wsk_server_listen(s->server, url, tls));
    return wsk_server_url(s->server, 0, s->url, sizeof(s->url)) > 0 ? WSK_OK : WSK_ERR_NOMEM;
}

static void site_init(struct site *s)
{
    memset(s, 0, sizeof(*s));
    test_alloc_init(&s->alloc);
    s->sys = wsk__sys_default;
}

static void site_begin(struct site *s, const wsk_server_options *options)
{
    site_init(s);
    assert_int_equal(site_start(s, options, "ws://127.0.0.1:0/ws", NULL), WSK_OK);
}

static void site_end(struct site *s)
{
    wsk_server_free(s->server);
    wsk_loop_free(s->loop);
    assert_int_equal(s->alloc.live, 0);
}

static void turn(struct site *s, int times)
{
    for (int i = 0; i < times; i++)
        assert_true(wsk_loop_turn(s->loop, 5) >= 0);
}

/* Turns until *what >= n, for at most five seconds. */
#define turn_until(s, cond)                                                                        \
    do {                                                                                           \
        for (unsigned i_ = 0; i_ < 1000 * test_patience() && !(cond); i_++)                        \
            turn(s, 1);                                                                            \
        if (!(cond))                                                                               \
            fail_msg("never came: %s", #cond);                                                     \
    } while (0)

/* ---------------------------------------------------------------------------- the client -- */

struct client {
    int fd;
    uint8_t *in; /* all that came */
    size_t n;
    bool eof;
    int error;
};

static int port_of(const struct site *s)
{
    const char *colon = strrchr(s->url, ':');

    return (int)strtol(colon + 1, NULL, 10);
}

static void client_begin(struct site *s, struct client *c)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port_of(s))};

    memset(c, 0, sizeof(*c));
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(c->fd, (struct sockaddr *)&a, sizeof(a)), 0);
    assert_int_equal(fcntl(c->fd, F_SETFL, O_NONBLOCK), 0);
}

static void client_read(struct client *c)
{
    for (;;) {
        c->in = realloc(c->in, c->n + 65537);
        ssize_t k = recv(c->fd, c->in + c->n, 65536, 0);
        if (k == 0)
            c->eof = true;
        if (k < 0 && errno != EAGAIN && errno != EINTR)
            c->error = errno;
        if (k <= 0)
            break;
        c->n += (size_t)k;
    }
    c->in[c->n] = 0;
}

static void client_send(struct site *s, struct client *c, const void *data, size_t n)
{
    const uint8_t *p = data;

    for (int i = 0; n > 0 && i < 2000; i++) {
        ssize_t k = send(c->fd, p, n, MSG_NOSIGNAL);
        if (k < 0 && errno != EAGAIN)
            return;
        if (k > 0) {
            p += k;
            n -= (size_t)k;
        }
        if (n > 0) {
            turn(s, 1);
            client_read(c);
        }
    }
}

static void client_text(struct site *s, struct client *c, const char *text)
{
    client_send(s, c, text, strlen(text));
}

static void client_hex(struct site *s, struct client *c, const char *hex)
{
    size_t n;
    uint8_t *data = unhex(hex, &n);

    client_send(s, c, data, n);
    free(data);
}

/* Waits until at least n octets (after those taken) have come. */
static void client_wait(struct site *s, struct client *c, size_t n)
{
    for (int i = 0; i < 3000 && c->n < n && !c->eof && c->error == 0; i++) {
        turn(s, 1);
        client_read(c);
    }
}

static void client_wait_eof(struct site *s, struct client *c)
{
    for (int i = 0; i < 2000 && !c->eof && c->error == 0; i++) {
        turn(s, 1);
        client_read(c);
    }
}

static void client_end(struct client *c)
{
    if (c->fd >= 0)
        close(c->fd);
    free(c->in);
    c->fd = -1;
    c->in = NULL;
}

#define REQUEST(path, extra)                                                                       \
    "GET " path " HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"    \
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n" extra "\r\n"

static void client_open(struct site *s, struct client *c)
{
    unsigned before = s->opens;

    client_begin(s, c);
    client_text(s, c, REQUEST("/ws", ""));
    turn_until(s, s->opens > before);
    for (int i = 0; i < 1000 && (c->in == NULL || strstr((char *)c->in, "\r\n\r\n") == NULL); i++) {
        turn(s, 1);
        client_read(c);
    }
    assert_non_null(strstr((char *)c->in, "HTTP/1.1 101 "));
    if (strstr((char *)c->in, "s3pPLM") == NULL)
        print_error("%s\n", (char *)c->in);
    assert_non_null(strstr((char *)c->in, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
    c->n = 0;
}

static void expect(struct client *c, const char *hex)
{
    size_t n;
    uint8_t *want = unhex(hex, &n);

    assert_int_equal(c->n, n);
    assert_memory_equal(c->in, want, n);
    free(want);
    c->n = 0;
}

static int count_fds(void)
{
    DIR *d = opendir("/proc/self/fd");
    int n = 0;

    while (readdir(d) != NULL)
        n++;
    closedir(d);
    return n;
}

/* ------------------------------------------------------------------------------ the tests -- */

static void test_echo_and_close(void **state)
{
    (void)state;
    struct site s;
    struct client c;

    site_begin(&s, NULL);
    client_open(&s, &c);
    client_hex(&s, &c, "8185 37fa213d 7f9f4d5158");
    client_wait(&s, &c, 7);
    expect(&c, "810548656c6c6f");
    client_hex(&s, &c, "8882 00000000 03e8");
    client_wait_eof(&s, &c);
    assert_int_equal(c.error, 0);
    expect(&c, "880203e8"); /* the answer, then the end: in this order */
    assert_true(c.eof);
    client_end(&c);
    turn_until(&s, s.closes == 1);
    assert_int_equal(s.last_code, 1000);
    assert_string_equal(s.last_text, "closed by the peer");
    wsk_server_stats st;
    wsk_server_get_stats(s.server, &st);
    assert_int_equal(st.opened, 1);
    assert_int_equal(st.messages_in, 1);
    assert_int_equal(st.open, 0);
    site_end(&s);
}

/* A failure's close frame arrives although the peer goes on sending: no reset destroys it. */
static void test_failure_arrives(void **state)
{
    (void)state;
    uint8_t *flood = calloc(1, 200000);
    struct site s;
    struct client c;

    site_begin(&s, NULL);
    client_open(&s, &c);
    client_hex(&s, &c, "c185 00000000 48656c6c6f");
    client_send(&s, &c, flood, 200000);
    client_wait_eof(&s, &c);
    assert_int_equal(c.error, 0);
    assert_true(c.n > 4);
    assert_int_equal(c.in[0], 0x88);
    assert_int_equal(c.in[2] << 8 | c.in[3], 1002);
    client_end(&c);
    turn_until(&s, s.closes == 1);
    assert_int_equal(s.last_code, 1002);
    site_end(&s);
    free(flood);
}

static void refused(const char *request, const char *want, struct site *s)
{
    struct client c;

    client_begin(s, &c);
    client_text(s, &c, request);
    client_wait_eof(s, &c);
    assert_int_equal(c.error, 0);
    assert_true(c.eof);
    if (strncmp((char *)c.in, want, strlen(want)) != 0)
        fail_msg("wanted %s, got %s", want, (char *)c.in);
    client_end(&c);
}

static void test_refusals(void **state)
{
    (void)state;
    struct site s;

    site_begin(&s, NULL);
    refused(REQUEST("/other", ""), "HTTP/1.1 404 ", &s);
    refused(REQUEST("/ws", "Origin: http://evil.example\r\n"), "HTTP/1.1 403 ", &s);
    refused("GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 400 ", &s);
    refused("BREW / HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 405 ", &s);
    refused("GET /ws HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 12\r\n\r\n",
            "HTTP/1.1 426 ", &s);
    refused("GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /second HTTP/1.1\r\nHost: a\r\n\r\n",
            "HTTP/1.1 200 ", &s);
    assert_int_equal(s.requests, 1);
    s.status = 429;
    refused(REQUEST("/ws", ""), "HTTP/1.1 429 ", &s);
    assert_int_equal(s.opens, 0);
    site_end(&s);
}

/* What the program answers is no refusal, also if it is never taken. */
static void test_answer_not_taken(void **state)
{
    (void)state;
    wsk_server_options o = WSK_SERVER_OPTIONS_INIT;
    wsk_server_stats st;
    struct client c;
    struct site s;

    o.conn.write_timeout = 100;
    site_begin(&s, &o);
    s.status = 404;
    s.in_message = ACT_BIG;
    client_begin(&s, &c);
    client_text(&s, &c, REQUEST("/ws", ""));
    turn_until(&s, s.closes == 1);
    assert_string_equal(s.last_text, "the peer did not take our output in time");
    wsk_server_get_stats(s.server, &st);
    assert_int_equal(st.refused, 0);
    client_end(&c);
    site_end(&s);
}

static void test_answer_later(void **state)
{
    (void)state;
    struct site s;
    struct client c;

    site_begin(&s, NULL);
    s.later = true;
    client_begin(&s, &c);
    client_text(&s, &c, REQUEST("/ws", ""));
    client_hex(&s, &c, "8183 00000000 616263"); /* frames right behind it wait */
    turn_until(&s, s.requests == 1);
    turn(&s, 3);
    assert_int_equal(s.opens, 0);
    assert_int_equal(wsk_peer_accept(s.kept, NULL), WSK_OK);
    turn_until(&s, s.messages == 1);
    client_wait(&s, &c, 130);
    assert_memory_equal(c.in + c.n - 5,
                        "\x81\x03"
                        "abc",
                        5);
    client_end(&c);
    turn_until(&s, s.closes == 1);
    assert_int_equal(s.last_code, 1006);
    /* And a client that goes away while it waits. */
    client_begin(&s, &c);
    client_text(&s, &c, REQUEST("/ws", ""));
    turn_until(&s, s.requests == 2);
    wsk_peer_drop(s.kept);
    turn_until(&s, s.closes == 2);
    client_end(&c);
    site_end(&s);
}

static void test_limits(void **state)
{
    (void)state;
    wsk_server_options o = WSK_SERVER_OPTIONS_INIT;
    struct client c[3];
    struct site s;

    o.max_connections = 2;
    site_begin(&s, &o);
    client_open(&s, &c[0]);
    client_open(&s, &c[1]);
    refused(REQUEST("/ws", ""), "HTTP/1.1 503 ", &s);
    client_end(&c[1]);
    turn_until(&s, s.closes == 1);
    client_open(&s, &c[2]);
    client_end(&c[0]);
    client_end(&c[2]);
    site_end(&s);

    memset(&o, 0, sizeof(o));
    o.size = sizeof(o);
    o.max_connections_per_address = 1;
    site_begin(&s, &o);
    client_open(&s, &c[0]);
    refused(REQUEST("/ws", ""), "HTTP/1.1 429 ", &s);
    client_end(&c[0]);
    turn_until(&s, s.closes == 1);
    client_open(&s, &c[0]);
    client_end(&c[0]);
    site_end(&s);
}

/* 3 MB in one message to a client that reads slowly, and megabytes from it. */
static void test_large(void **state)
{
    (void)state;
    struct site s;
    struct client c;

    site_begin(&s, NULL);
    s.in_message = ACT_BIG;
    client_open(&s, &c);
    client_hex(&s, &c, "8181 00000000 61");
    turn_until(&s, s.messages == 1);
    turn(&s, 20);
    client_wait(&s, &c, 3000010);
    assert_int_equal(c.n, 3000010);
    assert_int_equal(s.writables, 1);
    s.in_message = ACT_ECHO;
    c.n = 0;
    size_t n = 2000000;
    uint8_t *frame = calloc(1, n + 14);
    memcpy(frame, "\x82\xff\0\0\0\0\0\x1e\x84\x80\1\2\3\4", 14);
    client_send(&s, &c, frame, n + 14);
    client_wait(&s, &c, n + 10);
    assert_int_equal(c.n, n + 10);
    for (size_t i = 0; i < n; i += 997)
        assert_int_equal(c.in[10 + i], i % 4 + 1);
    free(frame);
    client_end(&c);
    site_end(&s);
}

static void test_act_in_handler(void **state)
{
    (void)state;
    struct site s;
    struct client a, b;

    site_begin(&s, NULL);
    for (int act = ACT_DROP; act <= ACT_DROP_OTHER; act++) {
        s.in_message = act;
        s.closes = 0;
        client_open(&s, &a);
        client_open(&s, &b); /* s.kept is b */
        client_hex(&s, &a, "8181 00000000 61 8181 00000000 62 8181 00000000 63");
        if (act == ACT_CLOSE) {
            client_wait(&s, &a, 10);
            assert_memory_equal(a.in,
                                "\x88\x08\x0f\xa1"
                                "enough",
                                10);
        } else {
            turn_until(&s, s.closes == 1);
            assert_int_equal(s.last_code, 1006);
            assert_string_equal(s.last_text, "dropped by the program");
        }
        client_end(&a);
        client_end(&b);
        turn_until(&s, s.closes == 2);
    }
    site_end(&s);
}

static void test_pause(void **state)
{
    (void)state;
    struct site s;
    struct client c;

    site_begin(&s, NULL);
    s.in_message = ACT_PAUSE;
    client_open(&s, &c);
    client_hex(&s, &c, "8181 00000000 61 8181 00000000 62 8181 00000000 63");
    turn_until(&s, s.messages == 1);
    turn(&s, 5);
    assert_int_equal(s.messages, 1); /* the others wait */
    s.in_message = ACT_ECHO;
    wsk_peer_pause(s.kept, false);
    turn_until(&s, s.messages == 3);
    client_wait(&s, &c, 6);
    expect(&c, "810162 810163");
    client_end(&c);
    site_end(&s);
}

/* Who is paused in on_request is opened, and heard of no further. */
static void test_pause_at_the_request(void **state)
{
    (void)state;
    struct site s;
    struct client c;

    site_begin(&s, NULL);
    s.pauses = true;
    client_begin(&s, &c);
    client_text(&s, &c, REQUEST("/ws", ""));
    client_hex(&s, &c, "8181 00000000 61");
    turn_until(&s, s.opens == 1);
    turn(&s, 5);
    assert_int_equal(s.messages, 0);
    wsk_peer_pause(s.kept, false);
    turn_until(&s, s.messages == 1);
    assert_int_equal(s.opens, 1);
    client_end(&c);
    site_end(&s);
}

static void test_broadcast_and_drain(void **state)
{
    (void)state;
    enum { N = 50 };
    struct client c[N];
    struct site s;

    site_begin(&s, NULL);
    for (int i = 0; i < N; i++)
        client_open(&s, &c[i]);
    char text[300];
    memset(text, 'x', sizeof(text));
    assert_int_equal(wsk_server_broadcast(s.server, WSK_OP_TEXT, "hello", 5, NULL), N);
    assert_int_equal(wsk_server_broadcast(s.server, WSK_OP_TEXT, text, 300, s.kept), N - 1);
    assert_int_equal(wsk_server_broadcast(s.server, WSK_OP_TEXT, "\xff", 1, NULL), WSK_ERR_UTF8);
    for (int i = 0; i < N; i++) {
        client_wait(&s, &c[i], i == N - 1 ? 7 : 7 + 304);
        assert_int_equal(c[i].n, i == N - 1 ? 7 : 7 + 304);
        assert_memory_equal(c[i].in, "\x81\x05hello", 7);
        c[i].n = 0;
    }
    wsk_server_drain(s.server, 1001, "bye");
    for (int i = 0; i < N; i++) {
        client_wait(&s, &c[i], 7);
        expect(&c[i], "880503e9 627965");
        client_hex(&s, &c[i], "8882 00000000 03e9");
        client_wait_eof(&s, &c[i]);
        assert_true(c[i].eof);
        client_end(&c[i]);
    }
    turn_until(&s, s.closes == N);
    assert_int_equal(s.last_code, 1001);
    wsk_server_stats st;
    wsk_server_get_stats(s.server, &st);
    turn_until(&s, (wsk_server_get_stats(s.server, &st), st.connections) == 0);
    site_end(&s);
}

/* Behind a reset the socket has no other end. */
static void test_address(void **state)
{
    (void)state;
    static const char *const urls[] = {"ws://127.0.0.1:0/ws", "ws://[::1]:0/ws"};
    struct linger l = {1, 0};
    char name[80], cut[6];

    for (int v6 = 0; v6 < 2; v6++) {
        struct sockaddr_in6 to6 = {.sin6_family = AF_INET6, .sin6_addr = {{{[15] = 1}}}};
        struct client c = {0};
        struct site s;

        site_init(&s);
        if (site_start(&s, NULL, urls[v6], NULL) < 0 && v6) {
            site_end(&s); /* no IPv6 here */
            continue;
        }
        if (v6) {
            to6.sin6_port = htons((uint16_t)strtol(strrchr(s.url, ':') + 1, NULL, 10));
            c.fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
            assert_int_equal(connect(c.fd, (struct sockaddr *)&to6, sizeof(to6)), 0);
            client_text(&s, &c, REQUEST("/ws", ""));
            turn_until(&s, s.opens == 1);
        } else {
            client_open(&s, &c);
        }
        size_t n = wsk_peer_address(s.kept, name, sizeof(name));
        assert_int_equal(n, strlen(name));
        assert_int_equal(wsk_peer_address(s.kept, NULL, 0), n);
        assert_int_equal(wsk_peer_address(s.kept, cut, sizeof(cut)), n);
        assert_memory_equal(cut, name, 5);
        setsockopt(c.fd, SOL_SOCKET, SO_LINGER, &l, sizeof(l));
        client_end(&c);
        turn_until(&s, s.closes == 1);
        assert_string_equal(s.last_address, name);
        site_end(&s);
    }
}

static void test_many_abrupt(void **state)
{
    (void)state;
    struct site s;
    int before;

    site_begin(&s, NULL);
    turn(&s, 2);
    before = count_fds();
    for (int i = 0; i < 300; i++) {
        struct client c;
        client_begin(&s, &c);
        if (i % 4 >= 1)
            client_text(&s, &c, REQUEST("/ws", ""));
        if (i % 4 >= 2)
            client_hex(&s, &c, "8185 00000000 48656c");
        if (i % 4 == 3) {
            struct linger l = {1, 0};
            setsockopt(c.fd, SOL_SOCKET, SO_LINGER, &l, sizeof(l));
        }
        if (i % 3 == 0)
            turn(&s, 1);
        client_end(&c);
    }
    wsk_server_stats st;
    turn_until(&s,
               (wsk_server_get_stats(s.server, &st), st.accepted == 300 && st.connections == 0));
    assert_int_equal(count_fds(), before);
    site_end(&s);
}

static void test_unix_and_adopt(void **state)
{
    (void)state;
    char path[100], url[160];
    struct site s;
    struct client c;
    int pair[2];

    snprintf(path, sizeof(path), "/tmp/websock test-%d%%20.sock", (int)getpid());
    snprintf(url, sizeof(url), "ws+unix:/tmp/websock%%20test-%d%%2520.sock:/ws", (int)getpid());
    site_init(&s);
    assert_int_equal(site_start(&s, NULL, url, NULL), WSK_OK);
    assert_string_equal(s.url, url);
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    snprintf(un.sun_path, sizeof(un.sun_path), "%s", path);
    memset(&c, 0, sizeof(c));
    c.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
    assert_int_equal(connect(c.fd, (struct sockaddr *)&un, sizeof(un)), 0);
    client_text(&s, &c, REQUEST("/ws", ""));
    client_hex(&s, &c, "8181 00000000 61");
    turn_until(&s, s.messages == 1);
    client_end(&c);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
    assert_int_equal(wsk_server_adopt(s.server, pair[0], NULL), WSK_OK);
    memset(&c, 0, sizeof(c));
    c.fd = pair[1];
    client_text(&s, &c, REQUEST("/any/path", ""));
    client_hex(&s, &c, "8181 00000000 61");
    turn_until(&s, s.messages == 2);
    client_end(&c);
    site_end(&s);
    assert_int_equal(access(path, F_OK), -1);
}

static void test_listen_errors(void **state)
{
    (void)state;
    struct site s, t;
    char url[240];

    site_begin(&s, NULL);
    site_init(&t);
    assert_int_equal(site_start(&t, NULL, s.url, NULL), WSK_ERR_SYS);
    assert_int_equal(errno, EADDRINUSE);
    assert_int_equal(wsk_server_listen(t.server, "http://a/", NULL), WSK_ERR_URL);
    assert_int_equal(wsk_server_listen(t.server, "wss://127.0.0.1:0/", NULL), WSK_ERR_INVAL);
    assert_int_equal(wsk_server_listen(t.server, "ws://no-such-host.invalid:1/", NULL),
                     WSK_ERR_RESOLVE);
    snprintf(url, sizeof(url), "ws+unix:/no/such/directory/x.sock");
    assert_int_equal(wsk_server_listen(t.server, url, NULL), WSK_ERR_SYS);
    site_end(&t);
    site_end(&s);
}

/* ---------------------------------------------------------------------------------- faults -- */

static unsigned fault_turn;

static ssize_t short_sendmsg(int fd, const struct msghdr *msg, int flags)
{
    fault_turn++;
    if (fault_turn % 3 == 0) {
        errno = EAGAIN;
        return -1;
    }
    if (fault_turn % 7 == 0) {
        errno = EINTR;
        return -1;
    }
    size_t n = msg->msg_iov[0].iov_len;
    return send(fd, msg->msg_iov[0].iov_base, n > 11 ? 11 : n, flags);
}

static ssize_t short_send(int fd, const void *buf, size_t n, int flags)
{
    struct iovec iov = {(void *)(uintptr_t)buf, n};
    struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};

    return short_sendmsg(fd, &m, flags);
}

static size_t short_clip(size_t n)
{
    return n > 11 ? 11 : n;
}

static void test_short_io(void **state)
{
    (void)state;
    struct site s;
    struct client c;

    site_init(&s);
    s.recv_cap = 3;
    s.sys.send = short_send;
    s.sys.sendmsg = short_sendmsg;
    s.sys.clip = short_clip;
    assert_int_equal(site_start(&s, NULL, "ws://127.0.0.1:0/ws", NULL), WSK_OK);
    client_open(&s, &c);
    uint8_t frame[6 + 125 + 2] = {0x81, 0xFD};
    memset(frame + 6, 'a', 125);
    for (int i = 0; i < 20; i++)
        client_send(&s, &c, frame, 6 + 125);
    client_wait(&s, &c, 20 * 127);
    assert_int_equal(c.n, 20 * 127);
    for (int i = 0; i < 20; i++)
        assert_memory_equal(c.in + i * 127,
                            "\x81\x7d"
                            "aaaa",
                            6);
    /* What is sent to all goes past the queue, and back into it when it is cut short. */
    char text[300];
    memset(text, 'x', sizeof(text));
    c.n = 0;
    assert_int_equal(wsk_server_broadcast(s.server, WSK_OP_TEXT, text, 300, NULL), 1);
    assert_int_equal(wsk_server_broadcast(s.server, WSK_OP_TEXT, "hello", 5, NULL), 1);
    client_wait(&s, &c, 304 + 7);
    assert_int_equal(c.n, 304 + 7);
    for (int i = 4; i < 304; i++)
        assert_int_equal(c.in[i], 'x');
    assert_memory_equal(c.in + 304, "\x81\x05hello", 7);
    c.n = 0;
    client_hex(&s, &c, "8882 00000000 03e8");
    client_wait_eof(&s, &c);
    expect(&c, "880203e8");
    client_end(&c);
    turn_until(&s, s.closes == 1);
    site_end(&s);
}

struct peek {
    wsk_loop *loop;
    struct client *c;
};

/* Looks what is there before the loop does anything else, and ends it. */
static void peek(void *ud)
{
    struct peek *p = ud;

    client_read(p->c);
    wsk_loop_stop(p->loop);
}

/* In a loop that runs by itself, something that is sent behind an answer that is on its way does
 * not wait for the next event. */
static void test_behind_an_answer(void **state)
{
    (void)state;
    struct client a, b;
    struct site s;
    wsk_timer *timer;

    site_begin(&s, NULL);
    client_open(&s, &a);
    client_open(&s, &b); /* s.kept is b */
    s.in_message = ACT_TELL;
    struct peek look = {s.loop, &b};
    assert_int_equal(wsk_timer_new(&timer, s.loop, peek, &look), WSK_OK);
    client_hex(&s, &b, "8181 00000000 62");
    client_hex(&s, &a, "8181 00000000 61");
    wsk_timer_set(timer, 200);
    assert_int_equal(wsk_loop_run(s.loop), WSK_OK);
    assert_int_equal(s.messages, 2);
    expect(&b, "810162 810161");
    wsk_timer_free(timer);
    client_end(&a);
    client_end(&b);
    site_end(&s);
}

/* The whole life of a connection with the i-th allocation failing: it works, or it ends; nothing
 * leaks and nobody else notices. */
static void test_failing_alloc(void **state)
{
    (void)state;
    long calls = 0;

    for (long i = 0; i == 0 || i <= calls; i++) {
        wsk_server_options o = WSK_SERVER_OPTIONS_INIT;
        struct site s;
        struct client c;
        o.conn.deflate.enabled = true;
        o.max_connections_per_address = 10;
        o.log_access = true;
        site_init(&s);
        s.alloc.fail_at = i;
        if (site_start(&s, &o, "ws://127.0.0.1:0/ws", NULL) == WSK_OK) {
            client_begin(&s, &c);
            client_text(&s, &c, REQUEST("/ws", "Sec-WebSocket-Extensions: permessage-deflate\r\n"));
            client_hex(&s, &c, "c107f248cdc9c90700"); /* not masked: fails with a close frame */
            for (int k = 0; k < 40 && !c.eof && c.error == 0; k++) {
                turn(&s, 1);
                client_read(&c);
            }
            client_end(&c);
            turn(&s, 3);
        }
        wsk_server_free(s.server);
        wsk_loop_free(s.loop);
        assert_int_equal(s.alloc.live, 0);
        if (i == 0)
            calls = s.alloc.calls;
    }
}

/* ------------------------------------------------------------------------------------- TLS -- */

static void test_tls_listens(void **state)
{
    (void)state;
    wsk_tls_options to = WSK_TLS_OPTIONS_INIT;
    struct site s;
    struct client c;
    wsk_tls *tls;

    site_init(&s);
    to.role = WSK_ROLE_SERVER;
    to.self_signed = true;
    assert_int_equal(wsk_tls_new(&tls, &to, NULL), WSK_OK);
    assert_int_equal(site_start(&s, NULL, "wss://127.0.0.1:0/ws", tls), WSK_OK);
    wsk_tls_unref(tls);
    assert_memory_equal(s.url, "wss://127.0.0.1:", 16);
    /* Plain HTTP to a TLS port: refused, the server lives. */
    client_begin(&s, &c);
    client_text(&s, &c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    client_wait_eof(&s, &c);
    assert_true(c.eof || c.error != 0);
    client_end(&c);
    wsk_server_stats st;
    turn_until(&s, (wsk_server_get_stats(s.server, &st), st.connections == 0));
    site_end(&s);
}

/* Neither a deadline nor the end of the server waits for a TLS handshake that does not go on. */
static void test_tls_stalls(void **state)
{
    (void)state;
    static const uint8_t head[] = {0x16, 3, 1, 0x40, 0, 1, 0, 0x3f, 0xfc, 3, 3};
    wsk_server_options so = WSK_SERVER_OPTIONS_INIT;
    wsk_tls_options to = WSK_TLS_OPTIONS_INIT;
    wsk_server_stats st;
    struct site s;
    struct client c;
    wsk_tls *tls;

    to.role = WSK_ROLE_SERVER;
    to.self_signed = true;
    assert_int_equal(wsk_tls_new(&tls, &to, NULL), WSK_OK);
    for (int drain = 0; drain < 2; drain++) {
        for (size_t n = 0; n <= sizeof(head); n += sizeof(head)) {
            site_init(&s);
            so.conn.open_timeout = drain ? 60000 : 50;
            so.conn.write_timeout = WSK_NEVER;
            assert_int_equal(site_start(&s, &so, "wss://127.0.0.1:0/ws", tls), WSK_OK);
            client_begin(&s, &c);
            client_send(&s, &c, head, n);
            turn_until(&s, (wsk_server_get_stats(s.server, &st), st.connections == 1));
            turn(&s, 2);
            assert_int_equal(st.refused, 0);
            if (drain)
                wsk_server_drain(s.server, WSK_CLOSE_GOING_AWAY, "");
            client_wait_eof(&s, &c);
            assert_true(c.eof || c.error != 0);
            client_end(&c);
            turn_until(&s, (wsk_server_get_stats(s.server, &st), st.connections == 0));
            assert_int_equal(st.refused, 1);
            site_end(&s);
        }
    }
    wsk_tls_unref(tls);
}

/* --------------------------------------------------------------------------------- the API -- */

static char log_text[8192];

static void keep_log(void *ud, wsk_log_level level, const char *text)
{
    (void)ud;
    (void)level;
    size_t n = strlen(log_text);
    snprintf(log_text + n, sizeof(log_text) - n, "%s\n", text);
}

static unsigned pings, pieces, refusals, last_status;

static void on_ping(wsk_peer *p, const uint8_t *data, size_t len)
{
    (void)p;
    assert_int_equal(len, 2);
    assert_memory_equal(data, "hi", 2);
    pings++;
}

static void on_data(wsk_peer *p, wsk_opcode op, uint8_t *data, size_t len, bool first, bool last)
{
    assert_int_equal(op, WSK_OP_TEXT);
    assert_int_equal(wsk_peer_send_part(p, op, data, len, last, 0), WSK_OK);
    pieces += first + last;
}

static void on_refused(wsk_peer *p, unsigned status, const char *text)
{
    assert_true(wsk_peer_address(p, NULL, 0) > 0);
    assert_true(text[0] != 0);
    last_status = status;
    refusals++;
}

/* The access log, pieces, pings by the program, and calls on a peer whose end is near. */
static void test_streams_and_log(void **state)
{
    (void)state;
    wsk_server_options so = WSK_SERVER_OPTIONS_INIT;
    wsk_loop_options lo = WSK_LOOP_OPTIONS_INIT;
    wsk_handlers h = handlers;
    struct client c, d;
    struct site s;
    char name[64], cut[4];

    pings = pieces = refusals = 0;
    log_text[0] = 0;
    site_init(&s);
    s.alloc.hooks.log = keep_log;
    s.alloc.hooks.log_level = WSK_LOG_TRACE;
    so.conn.size = sizeof(so.conn);
    so.conn.hooks = &s.alloc.hooks;
    so.conn.flags = WSK_CONN_STREAM;
    so.log_access = true;
    lo.io = backend;
    lo.hooks = &s.alloc.hooks;
    h.on_message = NULL;
    h.on_data = on_data;
    h.on_ping = on_ping;
    h.on_refused = on_refused;
    h.on_request = NULL;
    assert_int_equal(wsk_loop_new(&s.loop, &lo), WSK_OK);
    assert_int_equal(wsk_server_new(&s.server, s.loop, &so, &h, &s), WSK_OK);
    assert_int_equal(wsk_server_listen(s.server, "ws://127.0.0.1:0/ws", NULL), WSK_OK);
    assert_true(wsk_server_url(s.server, 0, s.url, sizeof(s.url)) > 0);
    assert_int_equal(wsk_server_url(s.server, 1, NULL, 0), 0);
    /* The port is in front of the path. */
    char *slash = strchr(s.url + 5, '/');
    assert_non_null(slash);
    *slash = 0;
    client_open(&s, &c);
    wsk_peer *p = wsk_server_next_peer(s.server, NULL);
    assert_non_null(p);
    assert_null(wsk_server_next_peer(s.server, p));
    size_t n = wsk_peer_address(p, name, sizeof(name));
    assert_int_equal(strlen(name), n);
    assert_int_equal(wsk_peer_address(p, cut, sizeof(cut)), n);
    assert_string_equal(cut, "127");
    assert_false(wsk_peer_is_tls(p));
    assert_int_equal(wsk_peer_listener(p), 0);
    assert_ptr_equal(wsk_server_data(s.server), &s);
    assert_non_null(wsk_server_config(s.server));
    /* Two fragments come and go as they are. */
    client_hex(&s, &c, "0181 00000000 61");
    client_hex(&s, &c, "8081 00000000 62");
    client_wait(&s, &c, 6);
    assert_int_equal(c.in[0] & 0x8F, 1);
    assert_int_equal(pieces, 2);
    c.n = 0;
    client_hex(&s, &c, "8982 00000000 6869");
    client_wait(&s, &c, 4);
    expect(&c, "8a026869");
    assert_int_equal(pings, 1);
    assert_int_equal(wsk_peer_ping(p, "a", 1), WSK_OK);
    assert_int_equal(wsk_peer_pong(p, "b", 1), WSK_OK);
    client_wait(&s, &c, 6);
    expect(&c, "890161 8a0162");
    client_hex(&s, &c, "8a81 00000000 61");
    turn_until(&s, s.pongs == 1);
    /* What a request may be answered with is over. */
    assert_true(wsk_peer_accept(p, NULL) < 0);
    assert_true(wsk_peer_close(p, 1005, "x") < 0);
    assert_int_equal(wsk_peer_queued(p), 0);
    /* Not found; not WebSocket; gone before there was a request. */
    refused(REQUEST("/other", ""), "HTTP/1.1 404 ", &s);
    refused("GET /other HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 404 ", &s);
    refused("GET /ws HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 426 ", &s);
    turn_until(&s, refusals == 3);
    assert_int_equal(last_status, 426);
    client_begin(&s, &d);
    client_text(&s, &d, "GET /");
    turn(&s, 3);
    client_end(&d);
    turn_until(&s, refusals == 4);
    assert_int_equal(last_status, 0);
    wsk_peer_drop(p);
    assert_true(wsk_peer_send(p, WSK_OP_TEXT, "x", 1, 0) < 0);
    turn_until(&s, s.closes == 1);
    assert_int_equal(s.last_code, 1006);
    assert_non_null(strstr(log_text, " open /ws"));
    assert_non_null(strstr(log_text, " closed 1006 after "));
    assert_non_null(strstr(log_text, " answered 426 after "));
    assert_non_null(strstr(log_text, " gone before the handshake after "));
    client_end(&c);
    site_end(&s);
}

/* Past the limit some are told so, and those beyond are just closed: none of them takes memory
 * for long. */
static void test_flood_of_refused(void **state)
{
    (void)state;
    enum { N = 80 };
    wsk_server_options o = WSK_SERVER_OPTIONS_INIT;
    struct client c[N], first;
    wsk_server_stats st;
    struct site s;

    o.max_connections = 1;
    site_begin(&s, &o);
    client_open(&s, &first);
    for (int i = 0; i < N; i++)
        client_begin(&s, &c[i]);
    turn_until(&s, (wsk_server_get_stats(s.server, &st), st.accepted == N + 1));
    assert_int_equal(st.connections, 1 + 64);
    assert_int_equal(st.refused, N - 64);
    for (int i = 0; i < N; i++)
        client_end(&c[i]);
    turn_until(&s, (wsk_server_get_stats(s.server, &st), st.connections == 1));
    /* The one that was there before is well. */
    client_hex(&s, &first, "8181 00000000 61");
    client_wait(&s, &first, 3);
    expect(&first, "810161");
    client_end(&first);
    site_end(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_echo_and_close),
        cmocka_unit_test(test_failure_arrives),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_answer_not_taken),
        cmocka_unit_test(test_answer_later),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_large),
        cmocka_unit_test(test_act_in_handler),
        cmocka_unit_test(test_pause),
        cmocka_unit_test(test_pause_at_the_request),
        cmocka_unit_test(test_broadcast_and_drain),
        cmocka_unit_test(test_address),
        cmocka_unit_test(test_many_abrupt),
        cmocka_unit_test(test_unix_and_adopt),
        cmocka_unit_test(test_listen_errors),
        cmocka_unit_test(test_short_io),
        cmocka_unit_test(test_behind_an_answer),
        cmocka_unit_test(test_failing_alloc),
        cmocka_unit_test(test_tls_listens),
        cmocka_unit_test(test_tls_stalls),
        cmocka_unit_test(test_streams_and_log),
        cmocka_unit_test(test_flood_of_refused),
    };
    if (backend == WSK_IO_URING && !test_has_uring()) {
        puts("1..0 # SKIP no io_uring here");
        return 0;
    }
    wsk_loop_options lo = WSK_LOOP_OPTIONS_INIT;
    wsk_loop *loop;

    lo.io = backend;
    if (wsk_loop_new(&loop, &lo) < 0) {
        printf("1..0 # SKIP this backend is not to be had here\n");
        return 0;
    }
    wsk_loop_free(loop);
    if (getenv("TEST_FILTER") != NULL)
        cmocka_set_test_filter(getenv("TEST_FILTER"));
    return cmocka_run_group_tests_name("server", tests, NULL, NULL);
}
