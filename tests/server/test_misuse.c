/* SPDX-License-Identifier: MIT */
/* What a program asks of a server that cannot be: it is refused, and a line in the log says what
 * was wrong. A client that waits for an answer gets one all the same. */
#include "support.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <websock/websock.h>

/* Of the worlds that begin. */
static wsk_io backend = WSK_IO_EPOLL;

typedef struct world {
    wsk_loop *loop;
    wsk_server *server;
    wsk_hooks hooks;
    char lines[4096]; /* of the log, each with a newline */
    void (*answer)(wsk_peer *p);
    wsk_peer *peer;
    unsigned requests, closes;
    int fd; /* of the client */
    char in[4096];
    size_t len;
} world;

static void log_line(void *ud, wsk_log_level level, const char *line)
{
    world *w = ud;
    size_t n = strlen(w->lines);

    if (level <= WSK_LOG_WARN)
        snprintf(w->lines + n, sizeof(w->lines) - n, "%s\n", line);
}

static void on_request(wsk_peer *p, bool is_upgrade)
{
    world *w = wsk_server_data(wsk_peer_server(p));

    (void)is_upgrade;
    w->peer = p;
    w->requests++;
    w->answer(p);
}

static void on_close(wsk_peer *p, unsigned code, const char *text)
{
    world *w = wsk_server_data(wsk_peer_server(p));

    (void)code;
    (void)text;
    w->closes++;
}

static void world_init(world *w)
{
    wsk_loop_options lo = WSK_LOOP_OPTIONS_INIT;
    wsk_hooks hooks = WSK_HOOKS_INIT;

    memset(w, 0, sizeof(*w));
    w->fd = -1;
    w->hooks = hooks;
    w->hooks.ud = w;
    w->hooks.log = log_line;
    w->hooks.log_level = WSK_LOG_WARN;
    lo.hooks = &w->hooks;
    lo.io = backend;
    assert_int_equal(wsk_loop_new(&w->loop, &lo), WSK_OK);
}

static void world_begin(world *w)
{
    wsk_server_options o = WSK_SERVER_OPTIONS_INIT;
    wsk_handlers h = WSK_HANDLERS_INIT;

    world_init(w);
    o.conn.hooks = &w->hooks;
    h.on_request = on_request;
    h.on_close = on_close;
    assert_int_equal(wsk_server_new(&w->server, w->loop, &o, &h, w), WSK_OK);
}

static void world_end(world *w)
{
    if (w->fd >= 0)
        close(w->fd);
    wsk_server_free(w->server);
    wsk_loop_free(w->loop);
}

/* Asks, and turns until there is an answer, or `turns` are over. */
static void ask(world *w, const char *request, void (*answer)(wsk_peer *p))
{
    int pair[2];

    w->answer = answer;
    w->lines[0] = 0;
    w->in[0] = 0;
    w->len = 0;
    w->requests = 0;
    if (w->fd >= 0)
        close(w->fd);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
    w->fd = pair[1];
    assert_int_equal(write(w->fd, request, strlen(request)), strlen(request));
    assert_int_equal(wsk_server_adopt(w->server, pair[0], NULL), WSK_OK);
    while (w->requests == 0)
        assert_int_equal(wsk_loop_turn(w->loop, 5), WSK_OK);
}

/* All that came by now. */
static const char *come(world *w)
{
    ssize_t n;

    assert_int_equal(wsk_loop_turn(w->loop, 0), WSK_OK);
    while ((n = read(w->fd, w->in + w->len, sizeof(w->in) - 1 - w->len)) > 0)
        w->len += (size_t)n;
    w->in[w->len] = 0;
    return w->in;
}

#define HANDSHAKE                                                                                  \
    "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"                   \
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
#define PLAIN "GET / HTTP/1.1\r\nHost: a\r\n\r\n"

/* ---------------------------------------------------------------------------- answers -- */

static void accept_subprotocol(wsk_peer *p)
{
    wsk_accept_options o = WSK_ACCEPT_OPTIONS_INIT;

    o.subprotocol = "chat.v2";
    assert_int_equal(wsk_peer_accept(p, &o), WSK_ERR_INVAL);
}

static void accept_header(wsk_peer *p)
{
    static const wsk_header headers[] = {{"X-Fine", "1"}, {"X-Bad", "a\nb"}};
    wsk_accept_options o = WSK_ACCEPT_OPTIONS_INIT;

    o.headers = headers;
    o.n_headers = 2;
    assert_int_equal(wsk_peer_accept(p, &o), WSK_ERR_INVAL);
}

static void accept_no_headers(wsk_peer *p)
{
    wsk_accept_options o = WSK_ACCEPT_OPTIONS_INIT;

    o.n_headers = 3;
    assert_int_equal(wsk_peer_accept(p, &o), WSK_ERR_INVAL);
}

static void accept_anything(wsk_peer *p)
{
    assert_int_equal(wsk_peer_accept(p, NULL), WSK_ERR_STATE);
}

static void accept_no_size(wsk_peer *p)
{
    wsk_accept_options o = {.size = 0};

    assert_int_equal(wsk_peer_accept(p, &o), WSK_ERR_INVAL);
}

static void respond_upgrade(wsk_peer *p)
{
    static const wsk_header headers[] = {{"Upgrade", "websocket"}};
    wsk_response r = WSK_RESPONSE_INIT;

    r.status = 426;
    r.headers = headers;
    r.n_headers = 1;
    assert_int_equal(wsk_peer_respond(p, &r), WSK_ERR_INVAL);
}

static void respond_nothing(wsk_peer *p)
{
    assert_int_equal(wsk_peer_respond(p, NULL), WSK_ERR_INVAL);
}

static void respond_status(wsk_peer *p)
{
    wsk_response r = WSK_RESPONSE_INIT;

    assert_int_equal(wsk_peer_respond(p, &r), WSK_ERR_INVAL);
}

static void respond_nowhere(wsk_peer *p)
{
    wsk_response r = WSK_RESPONSE_INIT;

    r.status = 308;
    assert_int_equal(wsk_peer_respond(p, &r), WSK_ERR_INVAL);
}

/* Without an answer of the library's own it would be ten seconds until 408. */
static void test_answer_that_fails(void **state)
{
    (void)state;
    static const struct {
        void (*answer)(wsk_peer *p);
        const char *request, *line;
    } rows[] = {
        {accept_subprotocol, HANDSHAKE, "did not offer the subprotocol 'chat.v2'"},
        {accept_header, HANDSHAKE, "headers[1] 'X-Bad': its value has a character"},
        {accept_no_headers, HANDSHAKE, "n_headers is 3, but headers is NULL"},
        {accept_anything, PLAIN, "the request is no WebSocket handshake"},
        {accept_no_size, HANDSHAKE, "size is 0"},
        {respond_upgrade, PLAIN, "headers[0] 'Upgrade': the library sets that itself"},
        {respond_nothing, PLAIN, "the response is NULL"},
        {respond_status, PLAIN, "status 0: status is to be 200 to 599"},
        {respond_nowhere, HANDSHAKE, "status 308: a redirect needs a field Location"},
    };
    world w;

    world_begin(&w);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        ask(&w, rows[i].request, rows[i].answer);
        if (strstr(w.lines, rows[i].line) == NULL)
            fail_msg("'%s' is not in '%s'", rows[i].line, w.lines);
        /* That line, and no other. */
        assert_ptr_equal(strchr(w.lines, '\n'), w.lines + strlen(w.lines) - 1);
        assert_memory_equal(come(&w), "HTTP/1.1 500 ", 13);
    }
    world_end(&w);
    assert_int_equal(w.closes, sizeof(rows) / sizeof(rows[0]));
}

static void accept_all(wsk_peer *p)
{
    assert_int_equal(wsk_peer_accept(p, NULL), WSK_OK);
}

static void fail_then_accept(wsk_peer *p)
{
    accept_subprotocol(p);
    assert_int_equal(wsk_peer_accept(p, NULL), WSK_OK);
    assert_int_equal(wsk_peer_accept(p, NULL), WSK_ERR_STATE);
}

static void later(wsk_peer *p)
{
    (void)p;
}

/* What was not tried may come later, and later a failure is no end. */
static void test_answer_that_does_not(void **state)
{
    (void)state;
    world w;

    world_begin(&w);
    ask(&w, HANDSHAKE, later);
    assert_string_equal(come(&w), "");
    accept_header(w.peer);
    assert_non_null(strstr(w.lines, "X-Bad"));
    assert_string_equal(come(&w), "");
    assert_int_equal(wsk_peer_accept(w.peer, NULL), WSK_OK);
    assert_memory_equal(come(&w), "HTTP/1.1 101 ", 13);
    wsk_peer_drop(w.peer);
    assert_int_equal(wsk_server_next_peer(w.server, NULL) == NULL, true);
    wsk_server_free(w.server);
    wsk_loop_free(w.loop);
    close(w.fd);
}

static void test_answer_after_a_failure(void **state)
{
    (void)state;
    world w;

    world_begin(&w);
    ask(&w, HANDSHAKE, fail_then_accept);
    assert_memory_equal(come(&w), "HTTP/1.1 101 ", 13);
    assert_non_null(strstr(w.lines, "no request that waits for an answer"));
    wsk_server_free(w.server);
    wsk_loop_free(w.loop);
    close(w.fd);
}

/* ---------------------------------------------------------------------------- options -- */

static void said(world *w, const char *words)
{
    if (strstr(w->lines, words) == NULL)
        fail_msg("'%s' is not in '%s'", words, w->lines);
    w->lines[0] = 0;
}

#define SIZED(type) .size = sizeof(type)

static void test_server_options(void **state)
{
    (void)state;
    static const char *const hosts[] = {"example.org", "example.org:80", NULL};
    static const char *const origins[] = {"https://a:65535", "https://a:65536", NULL};
    static const struct {
        wsk_server_options o;
        const char *words;
    } rows[] = {
        {{.size = 4}, "options: size is 0 or less"},
        {{SIZED(wsk_server_options), .conn = {.size = 3}}, "conn: size is 0 or less"},
        {{SIZED(wsk_server_options), .max_octet_rate = UINT64_MAX}, "max_octet_rate must be"},
        {{SIZED(wsk_server_options), .octet_burst = UINT64_MAX}, "octet_burst must be"},
        {{SIZED(wsk_server_options), .message_burst = 5}, "message_burst is 5, and of no use"},
        {{SIZED(wsk_server_options), .octet_burst = 6}, "octet_burst is 6"},
        {{SIZED(wsk_server_options), .handshake_burst = 7}, "handshake_burst is 7"},
        {{SIZED(wsk_server_options), .hosts = hosts}, "hosts: 'example.org:80'"},
        {{SIZED(wsk_server_options), .conn = {.flags = 0x18}}, "flags has 0x10, which"},
        {{SIZED(wsk_server_options),
          .conn = {.origin_policy = WSK_ORIGIN_LIST, .origins = origins}},
         "'https://a:65536'"},
    };
    wsk_handlers h = {.on_request = on_request};
    wsk_server_options o = WSK_SERVER_OPTIONS_INIT;
    wsk_hooks bad = {.log = log_line};
    world w;

    world_init(&w);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        wsk_server_options row = rows[i].o;
        /* With hooks of its own, and without: then the loop's have the line. */
        for (int own = 0; own < 2; own++) {
            row.conn.hooks = own ? &w.hooks : NULL;
            assert_int_equal(wsk_server_new(&w.server, w.loop, &row, NULL, NULL), WSK_ERR_INVAL);
            said(&w, rows[i].words);
        }
    }
    assert_int_equal(wsk_server_new(&w.server, w.loop, NULL, &h, NULL), WSK_ERR_INVAL);
    said(&w, "handlers: size is 0");
    o.conn.hooks = &bad;
    assert_int_equal(wsk_server_new(&w.server, w.loop, &o, NULL, NULL), WSK_ERR_INVAL);
    said(&w, "conn.hooks: the size of hooks");
    assert_null(w.server);
    wsk_loop_free(w.loop);
}

static void test_client_options(void **state)
{
    (void)state;
    static const wsk_header host[] = {{"X-Fine", "1"}, {"Host", "a"}}, nameless[] = {{NULL, "a"}};
    static const char *const resolve[] = {"a", NULL};
    static const struct {
        wsk_client_options o;
        const char *words;
    } rows[] = {
        {{.size = 4}, "options: size is 0 or less"},
        {{SIZED(wsk_client_options), .conn = {.size = 3}}, "conn: size is 0 or less"},
        {{SIZED(wsk_client_options), .n_headers = 1}, "n_headers is 1, but headers is NULL"},
        {{SIZED(wsk_client_options), .n_headers = 257}, "n_headers must be at most 256, not 257"},
        {{SIZED(wsk_client_options), .headers = host, .n_headers = 2},
         "headers[1] 'Host': the library sets that itself"},
        {{SIZED(wsk_client_options), .headers = nameless, .n_headers = 1}, "headers[0] ''"},
        {{SIZED(wsk_client_options), .origin = "a\nb"}, "origin is empty, or has"},
        {{SIZED(wsk_client_options), .host = "a b"},
         "host is to be a host, perhaps with a port and nothing else"},
        {{SIZED(wsk_client_options), .userinfo = "a\nb"}, "userinfo"},
        {{SIZED(wsk_client_options), .family = 77}, "AF_INET, AF_INET6 or 0, not 77"},
        {{SIZED(wsk_client_options), .attempt_delay = 9},
         "attempt_delay must be 10 ms at least, "
         "not 9"},
        {{SIZED(wsk_client_options), .proxy = "ftp://a"}, "proxy: "},
        {{SIZED(wsk_client_options), .proxy = "a:0"}, "the port of a proxy is not 0"},
        {{SIZED(wsk_client_options), .no_proxy = "\n"}, "no_proxy"},
        {{SIZED(wsk_client_options), .resolve = resolve}, "resolve: "},
    };
    wsk_client_handlers h = {.size = 0};
    wsk_tls_options to = WSK_TLS_OPTIONS_INIT;
    wsk_client_options o = WSK_CLIENT_OPTIONS_INIT;
    wsk_client *client = NULL;
    const char *why;
    wsk_tls *tls;
    world w;

    world_init(&w);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        wsk_client_options row = rows[i].o;
        /* With hooks of its own, and without: then the loop's have the line. */
        for (int own = 0; own < 2; own++) {
            row.conn.hooks = own ? &w.hooks : NULL;
            assert_int_equal(wsk_client_new(&client, w.loop, &row, NULL, NULL), WSK_ERR_INVAL);
            said(&w, rows[i].words);
        }
    }
    assert_int_equal(wsk_client_new(&client, w.loop, NULL, &h, NULL), WSK_ERR_INVAL);
    said(&w, "handlers: size is 0");
    to.role = WSK_ROLE_SERVER;
    to.self_signed = true;
    assert_int_equal(wsk_tls_new(&tls, &to, NULL), WSK_OK);
    o.conn.hooks = &w.hooks;
    o.tls = tls;
    assert_int_equal(wsk_client_new(&client, w.loop, &o, NULL, NULL), WSK_ERR_INVAL);
    said(&w, "client: tls was made for a server");
    o.tls = NULL;
    o.proxy_tls = tls;
    assert_int_equal(wsk_client_new(&client, w.loop, &o, NULL, NULL), WSK_ERR_INVAL);
    said(&w, "proxy_tls was made for a server");
    wsk_tls_unref(tls);
    assert_null(client);
    to.size = 0;
    assert_int_equal(wsk_tls_new(&tls, &to, &why), WSK_ERR_INVAL);
    assert_non_null(strstr(why, "size is 0"));
    wsk_loop_free(w.loop);
}

static void test_loop_options(void **state)
{
    (void)state;
    wsk_loop_options o = WSK_LOOP_OPTIONS_INIT;
    wsk_hooks hooks;
    wsk_loop *loop = NULL;
    world w;

    world_init(&w);
    o.hooks = &w.hooks;
    o.recv_buffer = 7;
    assert_int_equal(wsk_loop_new(&loop, &o), WSK_ERR_INVAL);
    said(&w, "recv_buffer must be 4096 to 16777216, not 7");
    o.recv_buffer = 0;
    o.io = (wsk_io)9;
    assert_int_equal(wsk_loop_new(&loop, &o), WSK_ERR_INVAL);
    said(&w, "unknown io 9");
    o.io = WSK_IO_AUTO;
    hooks = w.hooks;
    hooks.size = 0;
    o.hooks = &hooks;
    assert_int_equal(wsk_loop_new(&loop, &o), WSK_ERR_INVAL);
    assert_null(loop);
    wsk_loop_free(w.loop);
}

static void got(wsk_peer *p, wsk_opcode op, uint8_t *data, size_t len)
{
    (void)p, (void)op, (void)data, (void)len;
}

static void client_got(wsk_client *c, wsk_opcode op, uint8_t *data, size_t len)
{
    (void)c, (void)op, (void)data, (void)len;
}

static void got_piece(wsk_peer *p, wsk_opcode op, uint8_t *data, size_t len, bool first, bool last)
{
    (void)p, (void)op, (void)data, (void)len, (void)first, (void)last;
}

/* Messages that would go nowhere, and nobody would know why. */
static void test_handlers_never_called(void **state)
{
    (void)state;
    for (int i = 0; i < 8; i++) {
        const bool message = i & 1, data = i & 2, stream = i & 4;
        wsk_server_options o = WSK_SERVER_OPTIONS_INIT;
        wsk_client_options co = WSK_CLIENT_OPTIONS_INIT;
        wsk_client_handlers ch = WSK_CLIENT_HANDLERS_INIT;
        wsk_handlers h = WSK_HANDLERS_INIT;
        wsk_client *client;
        world w;

        world_init(&w);
        o.conn.hooks = &w.hooks;
        o.conn.flags = stream ? WSK_CONN_STREAM : 0;
        co.conn = o.conn;
        h.on_message = message ? got : NULL;
        h.on_data = data ? got_piece : NULL;
        assert_int_equal(wsk_server_new(&w.server, w.loop, &o, &h, NULL), WSK_OK);
        if (message && !data && stream)
            said(&w, "server: on_message is never called with WSK_CONN_STREAM");
        else if (data && !message && !stream)
            said(&w, "server: on_data is never called without WSK_CONN_STREAM");
        assert_string_equal(w.lines, "");
        ch.on_message = message ? client_got : NULL;
        assert_int_equal(wsk_client_new(&client, w.loop, &co, &ch, NULL), WSK_OK);
        if (message && co.conn.flags)
            said(&w, "client: on_message is never called with WSK_CONN_STREAM");
        assert_string_equal(w.lines, "");
        wsk_client_free(client);
        wsk_server_free(w.server);
        wsk_loop_free(w.loop);
    }
}

static void test_where_to_listen(void **state)
{
    (void)state;
    static const struct {
        const char *url;
        int r;
        const char *words;
    } rows[] = {
        {"wss://127.0.0.1:0/", WSK_ERR_INVAL, "tls is NULL, and wss needs one"},
        {"ws://127.0.0.1:0/chat/*", WSK_ERR_URL, "/chat/*': an asterisk stands for every path"},
        {"ws://127.0.0.1:0/**", WSK_ERR_URL, "an asterisk"},
        {"ws://me:secret@127.0.0.1:0/", WSK_ERR_URL, "a user is for requests"},
        {"ws://127.0.0.1:0/?a", WSK_ERR_URL, "/?a': a query is for requests"},
        {"ws://127.0.0.1:0/*?a", WSK_ERR_URL, "a query"},
        {"http://127.0.0.1:0/", WSK_ERR_URL, "http://127.0.0.1:0/': "},
    };
    wsk_tls_options to = WSK_TLS_OPTIONS_INIT;
    wsk_tls *tls;
    world w;

    world_init(&w);
    assert_int_equal(wsk_server_new(&w.server, w.loop, NULL, NULL, NULL), WSK_OK);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(wsk_server_listen(w.server, rows[i].url, NULL), rows[i].r);
        said(&w, rows[i].words);
    }
    wsk_server_free(w.server);
    wsk_loop_free(w.loop);
    world_begin(&w);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(wsk_server_listen(w.server, rows[i].url, NULL), rows[i].r);
        said(&w, rows[i].words);
    }
    to.role = WSK_ROLE_SERVER;
    to.self_signed = true;
    assert_int_equal(wsk_tls_new(&tls, &to, NULL), WSK_OK);
    assert_int_equal(wsk_server_listen(w.server, "ws://127.0.0.1:0/", tls), WSK_ERR_INVAL);
    said(&w, "tls is given, and is for wss alone");
    wsk_tls_unref(tls);
    assert_int_equal(wsk_server_url(w.server, 0, NULL, 0), 0);
    assert_int_equal(wsk_server_listen(w.server, "ws://127.0.0.1:0/*", NULL), WSK_OK);
    world_end(&w);
}

/* On both backends. What could not be taken is closed, and the program hears of it. */
static void test_what_to_adopt(void **state)
{
    (void)state;
    enum { TOLD = 64 };
    for (backend = WSK_IO_URING; backend <= WSK_IO_EPOLL; backend++) {
        wsk_server_options o = WSK_SERVER_OPTIONS_INIT;
        int ends[TOLD + 2][2];
        char octet;
        world w;

        if (backend == WSK_IO_URING && !test_has_uring())
            continue;
        world_init(&w);
        o.conn.hooks = &w.hooks;
        o.max_connections = 1;
        assert_int_equal(wsk_server_new(&w.server, w.loop, &o, NULL, &w), WSK_OK);
        assert_int_equal(wsk_server_adopt(w.server, -1, NULL), WSK_ERR_INVAL);
        said(&w, "server: -1 is no descriptor to adopt");
        if (backend == WSK_IO_EPOLL) {
            assert_int_equal(
                wsk_server_adopt(w.server, open("/dev/null", O_RDONLY | O_CLOEXEC), NULL),
                WSK_ERR_SYS);
            said(&w, "a connection was dropped: it cannot be watched (Operation not permitted)");
        }
        for (int i = 0; i < TOLD + 2; i++) {
            assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends[i]), 0);
            assert_int_equal(wsk_server_adopt(w.server, ends[i][0], NULL),
                             i <= TOLD ? WSK_OK : WSK_ERR_LIMIT);
        }
        assert_int_equal(read(ends[TOLD + 1][1], &octet, 1), 0);
        world_end(&w);
        for (int i = 0; i < TOLD + 2; i++)
            close(ends[i][1]);
    }
    backend = WSK_IO_EPOLL;
}

/* Everyone is told to go, though not with these words. */
static void test_how_to_drain(void **state)
{
    (void)state;
    static const char long_reason[] =
        "0123456789012345678901234567890123456789012345678901234567890123456789"
        "012345678901234567890123456789012345678901234567890123";
    static const struct {
        unsigned code;
        const char *reason;
    } rows[] = {{1006, NULL}, {5000, NULL},        {0, "a reason without a code"},
                {1005, "x"},  {1001, long_reason}, {1001, "\xff"}};
    const uint8_t going_away[] = {0x88, 2, 1001 >> 8, 1001 & 0xFF};

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        world w;

        world_begin(&w);
        ask(&w, HANDSHAKE, accept_all);
        assert_memory_equal(come(&w), "HTTP/1.1 101 ", 13);
        w.len = 0;
        wsk_server_drain(w.server, rows[i].code, rows[i].reason);
        said(&w, "server: drain: ");
        (void)come(&w);
        assert_int_equal(w.len, sizeof(going_away));
        assert_memory_equal(w.in, going_away, sizeof(going_away));
        world_end(&w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_server_options),         cmocka_unit_test(test_client_options),
        cmocka_unit_test(test_loop_options),           cmocka_unit_test(test_where_to_listen),
        cmocka_unit_test(test_answer_that_fails),      cmocka_unit_test(test_answer_that_does_not),
        cmocka_unit_test(test_answer_after_a_failure), cmocka_unit_test(test_what_to_adopt),
        cmocka_unit_test(test_how_to_drain),           cmocka_unit_test(test_handlers_never_called),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
