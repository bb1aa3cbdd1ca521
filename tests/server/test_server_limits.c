/* SPDX-License-Identifier: MIT */
/*
 * What a server grants an address and a connection (numbers and rates), and which hosts and pages
 * it takes for its own: with clients of the same loop over real sockets.
 */
#include "support.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <websock/websock.h>

#include "server/server_internal.h"

struct world {
    test_alloc alloc; /* first: its hooks' ud is it */
    unsigned lines;   /* logged */
    char line[300];   /* the last one */
    wsk_loop *loop;
    wsk_server *server;
    int port;
    bool pauses; /* at each message */
    unsigned messages, closes, refusals;
    unsigned code, status;
    char text[160];
};

static struct world *world_of(const wsk_peer *p)
{
    return wsk_server_data(wsk_peer_server(p));
}

static void on_message(wsk_peer *p, wsk_opcode op, uint8_t *data, size_t len)
{
    (void)op;
    (void)data;
    (void)len;
    world_of(p)->messages++;
    if (world_of(p)->pauses)
        wsk_peer_pause(p, true);
}

static void on_data(wsk_peer *p, wsk_opcode op, uint8_t *data, size_t len, bool first, bool last)
{
    (void)first;
    if (last)
        on_message(p, op, data, len);
}

static void on_close(wsk_peer *p, unsigned code, const char *text)
{
    struct world *w = world_of(p);

    w->closes++;
    w->code = code;
    snprintf(w->text, sizeof(w->text), "%s", text);
}

static void on_refused(wsk_peer *p, unsigned status, const char *text)
{
    struct world *w = world_of(p);

    w->refusals++;
    w->status = status;
    snprintf(w->text, sizeof(w->text), "%s", text);
}

static void on_log(void *ud, wsk_log_level level, const char *line)
{
    struct world *w = (struct world *)ud;

    (void)level;
    w->lines++;
    snprintf(w->line, sizeof(w->line), "%s", line);
}

static int world_try(struct world *w, const wsk_server_options *options, const char *url,
                     wsk_tls *tls)
{
    wsk_handlers handlers = WSK_HANDLERS_INIT;
    wsk_server_options o = *options;
    char real[200];

    memset(w, 0, sizeof(*w));
    test_alloc_init(&w->alloc);
    w->alloc.hooks.log = on_log;
    w->alloc.hooks.log_level = WSK_LOG_INFO;
    o.conn.hooks = &w->alloc.hooks;
    handlers.on_message = on_message;
    handlers.on_data = on_data;
    handlers.on_close = on_close;
    handlers.on_refused = on_refused;
    assert_int_equal(wsk_loop_new(&w->loop, NULL), WSK_OK);
    int r = wsk_server_new(&w->server, w->loop, &o, &handlers, w);
    if (r < 0)
        return r;
    assert_int_equal(wsk_server_listen(w->server, url, tls), WSK_OK);
    assert_true(wsk_server_url(w->server, 0, real, sizeof(real)) > 0);
    w->port = (int)strtol(strrchr(real, ':') + 1, NULL, 10);
    return WSK_OK;
}

static void world_begin(struct world *w, const wsk_server_options *options)
{
    assert_int_equal(world_try(w, options, "ws://127.0.0.1:0/", NULL), WSK_OK);
}

static void world_end(struct world *w)
{
    wsk_server_free(w->server);
    wsk_loop_free(w->loop);
    assert_int_equal(w->alloc.live, 0);
}

#define turn_until(w, cond)                                                                        \
    do {                                                                                           \
        for (unsigned i_ = 0; i_ < 2000 * test_patience() && !(cond); i_++)                        \
            assert_true(wsk_loop_turn((w)->loop, 5) >= 0);                                         \
        if (!(cond))                                                                               \
            fail_msg("never came: %s", #cond);                                                     \
    } while (0)

struct client {
    int fd;
    bool eof;
    size_t n;
    char in[4096]; /* all that came */
};

static void client_begin(struct world *w, struct client *c)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)w->port)};

    memset(c, 0, sizeof(*c));
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(c->fd, (struct sockaddr *)&a, sizeof(a)), 0);
    assert_int_equal(fcntl(c->fd, F_SETFL, O_NONBLOCK), 0);
}

static void client_send(struct client *c, const void *data, size_t n)
{
    assert_int_equal(send(c->fd, data, n, MSG_NOSIGNAL), n);
}

static bool client_read(struct client *c)
{
    ssize_t k = recv(c->fd, c->in + c->n, sizeof(c->in) - 1 - c->n, 0);

    if (k > 0)
        c->n += (size_t)k;
    c->in[c->n] = 0;
    c->eof = c->eof || k == 0;
    return true;
}

#define client_until(w, c, cond) turn_until(w, client_read(c) && (cond))

static void client_hello(struct client *c, const char *fields)
{
    char text[1024];
    int n = snprintf(text, sizeof(text),
                     "GET / HTTP/1.1\r\n%sUpgrade: websocket\r\nConnection: Upgrade\r\n"
                     "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                     "Sec-WebSocket-Version: 13\r\n\r\n",
                     fields);

    client_send(c, text, (size_t)n);
}

static void client_request(struct world *w, struct client *c, const char *fields)
{
    client_begin(w, c);
    client_hello(c, fields);
    client_until(w, c, strstr(c->in, "\r\n\r\n") != NULL);
}

static unsigned status_of(const struct client *c)
{
    return (unsigned)strtoul(c->in + strlen("HTTP/1.1 "), NULL, 10);
}

static void client_open(struct world *w, struct client *c)
{
    client_request(w, c, "Host: localhost\r\n");
    assert_int_equal(status_of(c), 101);
    c->n = 0;
}

static uint64_t limited(const struct world *w)
{
    wsk_server_stats st;

    wsk_server_get_stats(w->server, &st);
    return st.limited;
}

static void client_end(struct client *c)
{
    close(c->fd);
}

/* What a server says and logs that closes with 1008 for that reason. */
static void assert_closed_for(struct world *w, struct client *c, const char *why)
{
    client_until(w, c, c->eof);
    assert_true(c->n > 4);
    char *at = c->in + c->n - strlen(why) - 4;
    assert_int_equal((uint8_t)at[0], 0x88);
    assert_int_equal((uint8_t)at[2] << 8 | (uint8_t)at[3], 1008);
    assert_string_equal(at + 4, why);
    client_end(c);
    turn_until(w, w->closes == 1);
    assert_int_equal(w->code, 1008);
    assert_string_equal(w->text, why);
}

static void test_message_rate(void **state)
{
    (void)state;
    static const uint8_t pings[] = {0x89, 0x80, 0, 0, 0, 0, 0x8A, 0x80, 0, 0, 0, 0,
                                    0x82, 0x80, 0, 0, 0, 0, 0x81, 0x80, 0, 0, 0, 0};
    wsk_server_options o = WSK_SERVER_OPTIONS_INIT;
    struct client c;
    struct world w;

    for (int stream = 0; stream < 2; stream++) {
        o.conn.flags = stream ? WSK_CONN_STREAM : 0;
        o.max_message_rate = 1;
        o.message_burst = 4;
        world_begin(&w, &o);
        client_open(&w, &c);
        client_send(&c, pings, sizeof(pings));
        turn_until(&w, w.messages == 2);
        assert_int_equal(limited(&w), 0);
        /* The clock runs while this is sent, but not by four seconds. */
        for (int i = 0; i < 4; i++)
            client_send(&c, pings + 12, 12);
        assert_closed_for(&w, &c, "messages come faster than the limit");
        assert_in_range(w.messages, 2, 9);
        assert_int_equal(limited(&w), 1);
        world_end(&w);
    }
    /* Without a burst of its own, a second's worth. */
    memset(&o, 0, sizeof(o));
    o.size = sizeof(o);
    o.max_message_rate = 3;
    world_begin(&w, &o);
    client_open(&w, &c);
    for (int i = 0; i < 100; i++)
        client_send(&c, pings, sizeof(pings));
    assert_closed_for(&w, &c, "messages come faster than the limit");
    world_end(&w);
}

static void test_octet_rate(void **state)
{
    (void)state;
    static uint8_t message[8 + 60000] = {0x82, 0xFE, 60000 >> 8, 60000 & 0xFF};
    wsk_server_options o = WSK_SERVER_OPTIONS_INIT;
    struct client c;
    struct world w;

    o.max_octet_rate = 1;
    world_begin(&w, &o);
    client_open(&w, &c);
    client_send(&c, message, sizeof(message));
    turn_until(&w, w.messages == 1);
    assert_int_equal(limited(&w), 0);
    client_send(&c, message, sizeof(message));
    assert_closed_for(&w, &c, "octets come faster than the limit");
    assert_int_equal(w.messages, 1);
    assert_int_equal(limited(&w), 1);
    world_end(&w);

    /* A head that is longer than the burst is no breach, what stands behind it is. */
    o.octet_burst = 100;
    world_begin(&w, &o);
    client_open(&w, &c);
    client_send(&c, message, 200);
    assert_closed_for(&w, &c, "octets come faster than the limit");
    world_end(&w);
}

static void test_handshake_rate(void **state)
{
    (void)state;
    wsk_server_options o = WSK_SERVER_OPTIONS_INIT;
    struct client c;
    struct world w;
    int i;

    o.max_handshake_rate = 1;
    o.handshake_burst = 3;
    world_begin(&w, &o);
    for (i = 0; i < 200; i++) {
        client_request(&w, &c, "Host: localhost\r\n");
        if (status_of(&c) != 101)
            break;
        client_end(&c);
    }
    assert_in_range(i, 3, 199);
    assert_int_equal(status_of(&c), 429);
    assert_non_null(strstr(c.in, "\r\nRetry-After: 1\r\n"));
    client_until(&w, &c, c.eof);
    client_end(&c);
    turn_until(&w, w.refusals == 1);
    assert_int_equal(w.status, 429);
    assert_string_equal(w.text, "connections from this address come too fast");
    assert_int_equal(limited(&w), 1);
    world_end(&w);
}

static void test_connections_of_an_address(void **state)
{
    (void)state;
    wsk_server_options o = WSK_SERVER_OPTIONS_INIT;
    struct client c[3];
    struct world w;

    o.max_connections = 2;
    o.max_connections_per_address = 1;
    o.conn.linger_timeout = 60000;
    world_begin(&w, &o);
    client_open(&w, &c[0]);
    client_request(&w, &c[1], "Host: localhost\r\n");
    assert_int_equal(status_of(&c[1]), 429);
    turn_until(&w, (client_read(&c[1]), c[1].eof));
    client_end(&c[1]);
    turn_until(&w, w.refusals == 1);
    assert_string_equal(w.text, "too many connections from this address");
    assert_int_equal(limited(&w), 1);
    /* Who is still there, only to be told so, takes nobody's place. */
    client_request(&w, &c[1], "Host: localhost\r\n");
    assert_int_equal(status_of(&c[1]), 429);
    client_end(&c[0]);
    turn_until(&w, w.closes == 1);
    client_open(&w, &c[2]);
    assert_int_equal(w.refusals, 1);
    client_end(&c[1]);
    client_end(&c[2]);
    world_end(&w);
}

/* Who is beyond a limit costs a TLS handshake only a few times a second. */
static void test_refusals_over_tls(void **state)
{
    (void)state;
    enum { MANY = 60, A_SECOND = 4 };
    static const char *const why[] = {"at its limit of connections", "too many connections",
                                      "come too fast"};
    wsk_tls_options to = WSK_TLS_OPTIONS_INIT;
    struct client c[MANY];
    struct world w;
    wsk_tls *tls;

    to.role = WSK_ROLE_SERVER;
    to.self_signed = true;
    assert_int_equal(wsk_tls_new(&tls, &to, NULL), WSK_OK);
    for (int kind = 0; kind < 3; kind++) {
        wsk_server_options o = WSK_SERVER_OPTIONS_INIT;
        wsk_server_stats st = {0};

        o.max_connections = kind == 0 ? 1 : 0;
        o.max_connections_per_address = kind == 1 ? 1 : 0;
        o.max_handshake_rate = kind == 2 ? 1 : 0;
        assert_int_equal(world_try(&w, &o, "wss://127.0.0.1:0/", tls), WSK_OK);
        const uint64_t start = wsk_loop_now(w.loop);
        /* They say nothing: who is there stays. */
        for (int i = 0; i < MANY; i++)
            client_begin(&w, &c[i]);
        turn_until(&w, (wsk_server_get_stats(w.server, &st), st.accepted == MANY));
        /* So many more where this takes its time. */
        const uint64_t seconds = (wsk_loop_now(w.loop) - start) / 1000 + 1;
        assert_true(st.connections >= 1 + A_SECOND);
        assert_true(st.connections <= 1 + A_SECOND + seconds * (A_SECOND + 1));
        assert_int_equal(st.refused, MANY - st.connections);
        assert_true(st.limited >= st.refused + A_SECOND);
        /* One line a second tells of those who were not told. */
        assert_in_range(w.lines, 1, 1 + seconds);
        assert_non_null(strstr(w.line, "closed without an answer"));
        assert_non_null(strstr(w.line, why[kind]));
        for (int i = 0; i < MANY; i++)
            client_end(&c[i]);
        world_end(&w);
    }
    wsk_tls_unref(tls);
}

static void client_begin_from(struct world *w, struct client *c, uint32_t address)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)w->port)},
                       from = {.sin_family = AF_INET};

    memset(c, 0, sizeof(*c));
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    from.sin_addr.s_addr = htonl(address);
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(c->fd, (struct sockaddr *)&from, sizeof(from)), 0);
    assert_int_equal(connect(c->fd, (struct sockaddr *)&to, sizeof(to)), 0);
    assert_int_equal(fcntl(c->fd, F_SETFL, O_NONBLOCK), 0);
}

/* The limit of an address does not end where the memory to count does. */
static void test_no_memory_to_count(void **state)
{
    (void)state;
    enum { OTHERS = 32 }; /* and the next one makes the table grow */
    wsk_server_options o = WSK_SERVER_OPTIONS_INIT;
    struct client others[OTHERS];
    struct world w;
    unsigned told = 0;
    bool failed = true;

    o.max_connections_per_address = 1;
    for (long i = 1; failed; i++) {
        struct client c[3];
        unsigned open = 0;

        world_begin(&w, &o);
        for (uint32_t k = 0; k < OTHERS; k++) {
            client_begin_from(&w, &others[k], INADDR_LOOPBACK + 1 + k);
            client_hello(&others[k], "Host: localhost\r\n");
            client_until(&w, &others[k], others[k].n > 0);
            assert_int_equal(status_of(&others[k]), 101);
        }
        w.alloc.calls = 0;
        w.alloc.fail_at = i;
        for (unsigned k = 0; k < 3; k++) {
            client_begin(&w, &c[k]);
            client_hello(&c[k], "Host: localhost\r\n");
            client_until(&w, &c[k], c[k].eof || strstr(c[k].in, "\r\n\r\n") != NULL);
            open += c[k].n > 0 && status_of(&c[k]) == 101;
            told += c[k].n > 0 && status_of(&c[k]) == 503;
        }
        failed = w.alloc.failed;
        w.alloc.fail_at = 0;
        assert_true(open <= 1);
        for (unsigned k = 0; k < 3; k++)
            client_end(&c[k]);
        for (unsigned k = 0; k < OTHERS; k++)
            client_end(&others[k]);
        world_end(&w);
    }
    assert_true(told > 0);
}

static void test_options(void **state)
{
    (void)state;
    static const char *const bad_hosts[][2] = {
        {"a:80", NULL}, {"", NULL}, {"a b", NULL}, {"http://a", NULL}, {"a:", NULL}};
    struct world w;
    wsk_server_options bad[4];

    for (size_t i = 0; i < 4; i++)
        bad[i] = (wsk_server_options)WSK_SERVER_OPTIONS_INIT;
    bad[0].message_burst = 1;
    bad[1].octet_burst = 1;
    bad[2].handshake_burst = 1;
    bad[3].max_octet_rate = UINT64_MAX;
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(world_try(&w, &bad[i], "ws://127.0.0.1:0/", NULL), WSK_ERR_INVAL);
        world_end(&w);
    }
    for (size_t i = 0; i < sizeof(bad_hosts) / sizeof(bad_hosts[0]); i++) {
        wsk_server_options o = WSK_SERVER_OPTIONS_INIT;
        o.hosts = bad_hosts[i];
        assert_int_equal(world_try(&w, &o, "ws://127.0.0.1:0/", NULL), WSK_ERR_INVAL);
        world_end(&w);
    }
}

/* A status for the fields, in which "%d" stands for the server's port. */
static unsigned answer(struct world *w, const char *fields)
{
    char text[300];
    const char *d = strstr(fields, "%d");
    struct client c;

    if (d == NULL)
        snprintf(text, sizeof(text), "%s", fields);
    else if (strstr(d + 2, "%d") == NULL)
        snprintf(text, sizeof(text), "%.*s%d%s", (int)(d - fields), fields, w->port, d + 2);
    else
        snprintf(text, sizeof(text), "%.*s%d%.*s%d%s", (int)(d - fields), fields, w->port,
                 (int)(strstr(d + 2, "%d") - d - 2), d + 2, w->port, strstr(d + 2, "%d") + 2);
    client_request(w, &c, text);
    client_end(&c);
    return status_of(&c);
}

/* Of the table of docs/design.md. What is not asked for is off. */
static void test_defaults(void **state)
{
    static const struct {
        uint64_t rate, burst, becomes;
    } octets[] = {
        {1, 0, 65536}, {65535, 0, 65536}, {65536, 0, 65536}, {65537, 0, 65537}, {65537, 1, 1},
    };
    wsk_loop *loop = NULL;
    wsk_server *server = NULL;

    (void)state;
    assert_int_equal(wsk_loop_new(&loop, NULL), WSK_OK);
    assert_int_equal(wsk_server_new(&server, loop, NULL, NULL, NULL), WSK_OK);
    assert_int_equal(server->o.max_connections, 10000000);
    assert_int_equal(server->o.max_connections_per_address, 0);
    assert_int_equal(server->messages.rate, 0);
    assert_int_equal(server->octets.rate, 0);
    assert_null(server->handshakes);
    assert_false(server->rated);
    wsk_server_free(server);
    for (size_t i = 0; i < WSK__COUNT(octets); i++) {
        wsk_server_options o = WSK_SERVER_OPTIONS_INIT;
        o.max_octet_rate = octets[i].rate;
        o.octet_burst = octets[i].burst;
        o.max_message_rate = 7;
        assert_int_equal(wsk_server_new(&server, loop, &o, NULL, NULL), WSK_OK);
        assert_int_equal(server->octets.rate, octets[i].rate);
        assert_int_equal(server->octets.burst, octets[i].becomes);
        assert_int_equal(server->messages.burst, 7);
        wsk_server_free(server);
    }
    assert_int_equal(wsk_loop_turn(loop, 0), WSK_OK);
    wsk_loop_free(loop);
}

static void test_hosts(void **state)
{
    (void)state;
    static const char *const names[] = {"example.org", "other.example", NULL};
    static const struct {
        const char *why, *fields;
        unsigned loopback, named, anywhere;
    } rows[] = {
        {"no browser", "Host: evil.example:%d\r\n", 101, 421, 101},
        {"an address", "Host: 127.0.0.1:%d\r\nOrigin: http://127.0.0.1:%d\r\n", 101, 101, 101},
        {"IPv6", "Host: [::1]:%d\r\nOrigin: http://[::1]:%d\r\n", 101, 101, 101},
        {"localhost", "Host: LocalHost:%d\r\nOrigin: http://localhost:%d\r\n", 101, 101, 101},
        {"a name that was led here", "Host: evil.example:%d\r\nOrigin: http://evil.example:%d\r\n",
         421, 421, 101},
        {"a name that looks like an address",
         "Host: 127.0.0.1.evil:%d\r\nOrigin: http://127.0.0.1.evil:%d\r\n", 421, 421, 101},
        {"a proxy that passes its host", "Host: example.org\r\nOrigin: https://example.org\r\n",
         101, 101, 101},
        {"a proxy of another name", "Host: a.example\r\nOrigin: https://a.example\r\n", 101, 421,
         101},
        {"a proxy at another port", "Host: a.example:1\r\nOrigin: https://a.example:1\r\n", 101,
         421, 101},
        {"the second name", "Host: OTHER.example:%d\r\nOrigin: http://other.example:%d\r\n", 421,
         101, 101},
        {"another port of this host", "Host: localhost:%d\r\nOrigin: http://localhost:1\r\n", 403,
         403, 403},
        {"no port of this host", "Host: localhost:%d\r\nOrigin: http://localhost\r\n", 403, 403,
         403},
        {"a port that the proxy left out", "Host: localhost\r\nOrigin: http://localhost:1\r\n", 101,
         101, 101},
    };
    wsk_server_options o = WSK_SERVER_OPTIONS_INIT;
    struct world w;

    world_begin(&w, &o);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (answer(&w, rows[i].fields) != rows[i].loopback)
            fail_msg("loopback: %s", rows[i].why);
    }
    world_end(&w);
    /* Other ways to say the same. */
    assert_int_equal(world_try(&w, &o, "ws://127.1:0/", NULL), WSK_OK);
    assert_int_equal(answer(&w, rows[4].fields), 421);
    assert_int_equal(answer(&w, "Host: 127.1:%d\r\nOrigin: http://127.1:%d\r\n"), 101);
    world_end(&w);
    assert_int_equal(world_try(&w, &o, "ws://0.0.0.0:0/", NULL), WSK_OK);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (answer(&w, rows[i].fields) != rows[i].anywhere)
            fail_msg("anywhere: %s", rows[i].why);
    }
    world_end(&w);
    o.hosts = names;
    assert_int_equal(world_try(&w, &o, "ws://0.0.0.0:0/", NULL), WSK_OK);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (answer(&w, rows[i].fields) != rows[i].named)
            fail_msg("by name: %s", rows[i].why);
    }
    /* A plain request, too. */
    struct client c;
    client_begin(&w, &c);
    client_send(&c, "GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n", 39);
    client_until(&w, &c, c.eof);
    assert_int_equal(status_of(&c), 421);
    client_end(&c);
    world_end(&w);
    /* Whoever allows all pages, or a list of them, has said what he wants. */
    o.hosts = NULL;
    o.conn.origin_policy = WSK_ORIGIN_ANY;
    world_begin(&w, &o);
    assert_int_equal(answer(&w, rows[4].fields), 101);
    assert_int_equal(answer(&w, rows[10].fields), 101);
    world_end(&w);
}

/* What a program hands over need not be as our own sockets are; and certificates must be a
 * server's. */
static void test_adopt(void **state)
{
    (void)state;
    enum { BUFFER = 4096 };
    uint8_t frame[BUFFER] = {0x82, 0xFE, (BUFFER - 8) >> 8, (BUFFER - 8) & 0xFF};
    wsk_loop_options lo = WSK_LOOP_OPTIONS_INIT;
    wsk_tls_options to = WSK_TLS_OPTIONS_INIT;
    wsk_handlers handlers = WSK_HANDLERS_INIT;
    struct client c = {0};
    struct world w = {0};
    wsk_tls *tls;
    int pair[2];

    handlers.on_message = on_message;
    lo.io = WSK_IO_EPOLL;
    lo.recv_buffer = BUFFER;
    assert_int_equal(wsk_loop_new(&w.loop, &lo), WSK_OK);
    lo.size = 0;
    assert_int_equal(wsk_loop_new(&w.loop, &lo), WSK_ERR_INVAL);
    assert_int_equal(wsk_server_new(&w.server, w.loop, NULL, &handlers, &w), WSK_OK);
    to.role = WSK_ROLE_CLIENT;
    to.insecure = true;
    assert_int_equal(wsk_tls_new(&tls, &to, NULL), WSK_OK);
    assert_int_equal(wsk_server_listen(w.server, "wss://127.0.0.1:0/", tls), WSK_ERR_INVAL);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    assert_int_equal(wsk_server_adopt(w.server, pair[0], tls), WSK_ERR_INVAL);
    assert_int_equal(recv(pair[1], frame + 8, 1, 0), 0); /* it was closed */
    close(pair[1]);
    wsk_tls_unref(tls);

    /* A socket that blocks is not waited for: without it this test would never end. */
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    assert_int_equal(fcntl(pair[1], F_SETFL, O_NONBLOCK), 0);
    assert_int_equal(wsk_server_adopt(w.server, pair[0], NULL), WSK_OK);
    c.fd = pair[1];
    client_hello(&c, "Host: a\r\n");
    client_until(&w, &c, strstr(c.in, "\r\n\r\n") != NULL);
    assert_int_equal(status_of(&c), 101);
    client_send(&c, frame, sizeof(frame));
    alarm(20);
    turn_until(&w, w.messages == 1);
    alarm(0);
    client_end(&c);
    wsk_server_free(w.server);
    wsk_loop_free(w.loop);
}

/* Everything is on, and each allocation fails once. */
static void test_failing_alloc(void **state)
{
    (void)state;
    static const char *const names[] = {"a", "b", NULL};
    wsk_server_options o = WSK_SERVER_OPTIONS_INIT;
    wsk_handlers handlers = WSK_HANDLERS_INIT;
    wsk_loop *loop;
    int r = WSK_ERR_NOMEM;

    assert_int_equal(wsk_loop_new(&loop, NULL), WSK_OK);
    o.max_message_rate = o.max_handshake_rate = o.max_connections_per_address = 1;
    o.max_octet_rate = 1;
    o.hosts = names;
    for (long i = 1; r < 0; i++) {
        wsk_server *s;
        test_alloc a;

        test_alloc_init(&a);
        a.fail_at = i;
        o.conn.hooks = &a.hooks;
        r = wsk_server_new(&s, loop, &o, &handlers, NULL);
        assert_true(r == WSK_OK || r == WSK_ERR_NOMEM);
        assert_int_equal(r == WSK_OK, !a.failed);
        if (r == WSK_OK)
            wsk_server_free(s);
        assert_int_equal(a.live, 0);
    }
    wsk_loop_free(loop);
}

/* Who is paused at a message holds nothing of it: many may be. */
static void test_paused(void **state)
{
    (void)state;
    static const uint8_t heads[][14] = {{0x02, 0xFF, 0, 0, 0, 0, 0, 0x30, 0, 0},
                                        {0x80, 0xFF, 0, 0, 0, 0, 0, 0x30, 0, 0}};
    static uint8_t payload[3 << 20];
    wsk_server_options o = WSK_SERVER_OPTIONS_INIT;
    struct client c;
    struct world w;

    world_begin(&w, &o);
    w.pauses = true;
    client_open(&w, &c);
    size_t before = w.alloc.octets;
    for (int i = 0; i < 2; i++) {
        size_t at = 0;

        client_send(&c, heads[i], sizeof(heads[i]));
        while (at < sizeof(payload)) {
            ssize_t k = send(c.fd, payload + at, sizeof(payload) - at, MSG_NOSIGNAL);

            at += k > 0 ? (size_t)k : 0;
            assert_true(wsk_loop_turn(w.loop, 1) >= 0);
        }
    }
    turn_until(&w, w.messages == 1);
    assert_true(w.alloc.peak > before + 2 * sizeof(payload));
    assert_true(w.alloc.octets < before + 65536);
    client_end(&c);
    world_end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_adopt),
        cmocka_unit_test(test_message_rate),
        cmocka_unit_test(test_octet_rate),
        cmocka_unit_test(test_handshake_rate),
        cmocka_unit_test(test_connections_of_an_address),
        cmocka_unit_test(test_refusals_over_tls),
        cmocka_unit_test(test_no_memory_to_count),
        cmocka_unit_test(test_options),
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_hosts),
        cmocka_unit_test(test_paused),
        cmocka_unit_test(test_failing_alloc),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
