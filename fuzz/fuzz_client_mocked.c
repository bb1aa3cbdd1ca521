/* SPDX-License-Identifier: MIT */
/*
 * A whole client on a mocked system: servers and proxies that do not answer, answer anything,
 * stall, break and come back; a program whose handlers do anything; time that passes, memory that
 * runs out. Each attempt ends in one call, no handler is called within a call, all that the server
 * sent is given and all that was to be sent goes out (wire_oracle.h), waiting and redirects have
 * their limits, and credentials go to no other place than theirs.
 *
 * Input: an octet of options, six more of them if it has bits 3 and 4 (WIDE), then operations. With
 * WIDE the operations from 13 on are others than those that time and memory have, and actions from
 * 9 on do something.
 */
#include "mocked_system.h"

#include "client_acts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define WIDE 24

static struct {
    wsk_client *client;
    wsk_client_options o;
    mock_script *script;
    bool wide;
    bool freed;
    bool open;    /* on_open came, on_close not yet */
    bool attempt; /* one is under way: it ends in one call */
    bool waiting; /* one may begin without a call of ours */
    unsigned redirects;
    mock_text place;    /* where credentials may go: scheme and authority */
    mock_text texts[6]; /* options out of the input */
    size_t n_texts;
    unsigned depth; /* of calls of the library */
} w;

/* The random numbers of mocked_system.h make this the key's only answer. */
static const char answer[] = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                             "Connection: Upgrade\r\n"
                             "Sec-WebSocket-Accept: 1nwQI3IBoftOh+fG2YorpTWcrHs=\r\n";
static const char chosen[] = "Sec-WebSocket-Extensions: permessage-deflate\r\n";

static wire *wire_at(int fd)
{
    MOCK_CHECK(mock_of(fd)->wire != NULL);
    return mock_of(fd)->wire;
}

static void begin(const char *url)
{
    if (wsk_client_connect(w.client, url) != WSK_OK)
        return;
    w.attempt = true;
    w.redirects = 0;
    w.place.n = 0;
    mock_add(&w.place, wsk_client_url(w.client));
    for (size_t i = 0, slashes = 0; i < w.place.n; i++) {
        slashes += w.place.p[i] == '/';
        if (slashes == 3)
            w.place.n = i + 1;
    }
    /* A socket's path has slashes, too; nothing leads out of it. */
    if (strstr(w.place.p, "+unix:") != NULL && strstr(w.place.p, "+unix:") < w.place.p + 5)
        w.place.n = 2;
}

/* Text out of the input: up to six of them. */
static const char *text_of(mock_script *script)
{
    mock_text *t = &w.texts[w.n_texts];

    if (w.n_texts + 1 < WSK__COUNT(w.texts))
        w.n_texts++;
    t->n = 0;
    t->p[0] = 0;
    mock_add_script(t, script);
    return t->p;
}

/* All that can be asked. */
static void ask(void)
{
    const wsk_conn *c = wsk_client_conn(w.client);
    wsk_str name, value, head, body = wsk_client_body(w.client);
    char buf[40];

    mock_look(body.ptr, body.len);
    MOCK_CHECK(body.len <= 1024);
    (void)wsk_client_address(w.client, buf, sizeof(buf));
    mock_look(buf, strlen(buf));
    mock_look(wsk_client_text(w.client), strlen(wsk_client_text(w.client)));
    mock_look(wsk_client_url(w.client), strlen(wsk_client_url(w.client)));
    mock_look(wsk_client_tls_version(w.client), strlen(wsk_client_tls_version(w.client)));
    mock_look(wsk_client_tls_cipher(w.client), strlen(wsk_client_tls_cipher(w.client)));
    (void)wsk_client_rtt_us(w.client);
    (void)wsk_client_failure(w.client);
    (void)wsk_client_errno(w.client);
    MOCK_CHECK(wsk_client_status(w.client) < 1000 && wsk_client_queued(w.client) < 1000000);
    if (c == NULL)
        return;
    head = wsk_conn_head(c);
    mock_look(head.ptr, head.len);
    for (size_t i = 0; wsk_conn_header_at(c, i, &name, &value); i++) {
        mock_look(name.ptr, name.len);
        mock_look(value.ptr, value.len);
    }
    (void)wsk_conn_extensions(c, buf, sizeof(buf));
    mock_look(buf, strlen(buf));
    mock_look(wsk_conn_subprotocol(c), strlen(wsk_conn_subprotocol(c)));
}

/* Actions that only a WIDE input has. */
static void act_wide(uint8_t what)
{
    static mock_text url;
    size_t n;
    const uint8_t *octets;

    if ((what & 15) == 9) {
        ask();
        return;
    }
    octets = mock_octets(w.script, &n);
    switch (what & 15) {
    case 10:
        (void)wsk_client_close(w.client, n > 0 ? 1000u + octets[0] * 16u : 0,
                               what & 16 ? "why" : NULL);
        break;
    case 11:
        url.n = 0;
        mock_add_octets(&url, octets, n);
        begin(n > 0 ? url.p : NULL);
        break;
    case 12:
        client_send(w.client, what & 16 ? WSK_OP_TEXT : WSK_OP_BINARY, octets, n, what >> 5);
        break;
    case 13:
        (void)wsk_client_pong(w.client, octets, n);
        break;
    case 14:
        client_send_part(w.client, what & 16 ? WSK_OP_TEXT : WSK_OP_BINARY, octets, n,
                         (what & 32) != 0, what >> 6);
        break;
    default:
        (void)wsk_client_ping(w.client, octets, n);
        break;
    }
}

/* No handler is called within a call, and none once the client is freed. */
static void called(const wsk_client *c)
{
    MOCK_CHECK(c == w.client && !w.freed && w.depth == 0);
}

/* An attempt is over. */
static void over(void)
{
    MOCK_CHECK(w.attempt || w.waiting);
    w.attempt = false;
    w.redirects = 0;
    w.waiting = wsk_client_stage(w.client) == WSK_STAGE_WAITING;
    MOCK_CHECK(w.waiting || wsk_client_stage(w.client) == WSK_STAGE_IDLE);
    MOCK_CHECK(wsk_client_queued(w.client) == 0);
}

static void act(void)
{
    static uint8_t big[20000];
    uint8_t what = mock_octet(w.script);

    if (w.depth > 3 || w.freed)
        return;
    w.depth++;
    switch (what & 15) {
    case 0:
        client_send(w.client, WSK_OP_TEXT, "text", 4, 0);
        break;
    case 1:
        client_send(w.client, WSK_OP_BINARY, big, sizeof(big), 0);
        break;
    case 2:
        client_send_part(w.client, WSK_OP_BINARY, big, 300, (what & 16) != 0, 0);
        break;
    case 3:
        (void)wsk_client_ping(w.client, "ping", 4);
        break;
    case 4:
        (void)wsk_client_close(w.client, WSK_CLOSE_NORMAL, "bye");
        break;
    case 5:
        client_drop(w.client);
        break;
    case 6:
        wsk_client_pause(w.client, (what & 16) != 0);
        break;
    case 7:
        begin("ws://127.0.0.1:9/ws");
        break;
    case 8:
        if (what & 16) {
            wsk_client_free(w.client);
            w.freed = true;
        }
        break;
    default:
        if (w.wide)
            act_wide(what);
        break;
    }
    w.depth--;
}

static void on_open(wsk_client *c)
{
    called(c);
    MOCK_CHECK(!w.open && (w.attempt || w.waiting));
    w.open = true;
    client_opened(c, mock_of(c->current->link.stream.fd)->began);
    act();
}

static void on_message(wsk_client *c, wsk_opcode op, uint8_t *data, size_t len)
{
    called(c);
    MOCK_CHECK(w.open);
    wire_given(client_wire(c), SLOW_MESSAGE, op, data, len);
    client_send(c, op, data, len, 0);
    act();
}

static void on_data(wsk_client *c, wsk_opcode op, uint8_t *data, size_t len, bool first, bool last)
{
    called(c);
    MOCK_CHECK(w.open);
    wire_given_piece(client_wire(c), op, data, len, first, last);
    client_send_part(c, op, data, len, last, 0);
    act();
}

static void on_ping(wsk_client *c, const uint8_t *data, size_t len)
{
    called(c);
    MOCK_CHECK(w.open);
    wire_given(client_wire(c), SLOW_PING, 0, data, len);
    act();
}

static void on_pong(wsk_client *c, const uint8_t *data, size_t len)
{
    called(c);
    MOCK_CHECK(w.open);
    wire_given(client_wire(c), SLOW_PONG, 0, data, len);
    act();
}

static void on_writable(wsk_client *c)
{
    called(c);
    MOCK_CHECK(w.open);
    act();
}

static void on_close(wsk_client *c, unsigned code, const char *reason, const char *text)
{
    called(c);
    MOCK_CHECK(w.open);
    client_closed(c, code, text);
    mock_look(reason, strlen(reason));
    mock_look(text, strlen(text));
    w.open = false;
    over();
    act();
}

static void on_fail(wsk_client *c, wsk_fail kind, unsigned status, const char *text)
{
    (void)status;
    called(c);
    MOCK_CHECK(!w.open && kind != WSK_FAIL_NONE);
    mock_look(text, strlen(text));
    wsk_str body = wsk_client_body(c);
    mock_look(body.ptr, body.len);
    over();
    act();
}

static void on_retry(wsk_client *c, unsigned attempt, uint32_t delay_ms)
{
    uint64_t most = w.o.retry_max != 0 ? w.o.retry_max : 60000;

    called(c);
    MOCK_CHECK(w.waiting && wsk_client_stage(c) == WSK_STAGE_WAITING);
    MOCK_CHECK(attempt > 0 && (w.o.retry_attempts == 0 || attempt <= w.o.retry_attempts));
    /* What the server asks for, and the random time on top. */
    MOCK_CHECK(delay_ms <= 2 * most);
    act();
}

static int on_redirect(wsk_client *c, unsigned status, const char *url)
{
    called(c);
    MOCK_CHECK(status > 300 && status < 309 && ++w.redirects <= w.o.max_redirects);
    /* Without user and password; a socket's path may have anything. */
    MOCK_CHECK(memcmp(url, "ws+", 3) == 0 || memcmp(url, "wss+", 4) == 0 ||
               strcspn(url, "@") >= 6 + strcspn(url + 6, "/?"));
    act();
    return mock_octet(w.script) % 8 == 7;
}

static bool holds(const uint8_t *data, size_t len, const char *what)
{
    return memmem(data, len, what, strlen(what)) != NULL;
}

static void on_wire(wsk_client *c, bool sent, const uint8_t *data, size_t len)
{
    MOCK_CHECK(!w.freed);
    mock_look(data, len);
    if (sent && wsk_client_stage(c) == WSK_STAGE_HANDSHAKE &&
        (holds(data, len, "\r\nAuthorization: ") || holds(data, len, "\r\nCookie: ")))
        MOCK_CHECK(strncmp(wsk_client_url(c), w.place.p, w.place.n) == 0);
}

/* --------------------------------------------------------------------------------- servers -- */

static void add_accept(mock_text *t, unsigned which)
{
    static const char right[] = "Sec-WebSocket-Accept: 1nwQI3IBoftOh+fG2YorpTWcrHs=\r\n";

    mock_add(t, "Upgrade: websocket\r\nConnection: Upgrade\r\n");
    if (which == 0 || which == 3)
        mock_add(t, right);
    if (which >= 2)
        mock_add(t, "Sec-WebSocket-Accept: WlpaWlpaWlpaWlpaWlpaWlpaWlo=\r\n");
}

static void add_body(mock_text *t, unsigned which, mock_script *script)
{
    static const char *const bodies[] = {
        "\r\n",
        "Content-Length: 5\r\n\r\nhello",
        "Transfer-Encoding: chunked\r\n\r\n3;a=b\r\nhel\r\n2\r\nlo\r\n0\r\nX: y\r\n\r\n",
        "Transfer-Encoding: chunked\r\n\r\n",
        "Content-Length: 2000\r\n\r\n",
        "\r\nto the end",
        "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "Content-Length: 1, 1\r\n\r\n",
    };

    mock_add(t, bodies[which]);
    if (which == 3 || which == 5)
        mock_add_script(t, script);
}

/* An answer out of parts. */
static void answer_in_parts(mock_socket *s)
{
    static const char *const statuses[] = {
        "101 Switching Protocols", "200 OK",        "301 Moved", "302 Found",
        "307 Temporary Redirect",  "308 Permanent", "401 No",    "408 Timeout",
        "429 Too Many Requests",   "503 Later",     "501 No",    "500 Fault",
        "404 Not Found",           "426 Upgrade",   "204 None",  "101 Switching Protocols",
    };
    static const char *const interims[] = {
        "", "HTTP/1.1 100 Continue\r\n\r\n",
        "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nRetry-After: 9\r\n\r\n",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n"};
    static const char *const retries[] = {"",
                                          "0",
                                          "3",
                                          "120",
                                          "99999999999999999999",
                                          "Sun, 06 Nov 1994 08:49:37 GMT",
                                          "Fri, 31 Dec 9999 23:59:59 GMT"};
    static const char *const locations[] = {"",
                                            "/other?a=b",
                                            "ws://127.0.0.1:9/x",
                                            "ws://other.test:9/",
                                            "http://name.test/../y",
                                            "//[::1]:9/a",
                                            "ws://user:password@127.0.0.1:9/"};
    static const char *const extensions[] = {
        "",
        "permessage-deflate",
        "permessage-deflate; server_max_window_bits=9; client_no_context_takeover; a=1",
    };
    static const char *const protocols[] = {"", "chat", "superchat", "other"};
    uint8_t a = mock_octet(w.script), b = mock_octet(w.script), c = mock_octet(w.script);
    mock_text t = {.n = 0};

    mock_add(&t, interims[a >> 4 & 3]);
    mock_add(&t, a & 64 ? "HTTP/1.0 " : "HTTP/1.1 ");
    mock_add(&t, statuses[a & 15]);
    mock_add(&t, "\r\n");
    if ((a & 15) == 0)
        add_accept(&t, b >> 6);
    if ((b & 7) < WSK__COUNT(retries))
        mock_add_field(&t, "Retry-After", retries[b & 7]);
    else
        mock_add_field(&t, "Retry-After", text_of(w.script));
    if ((b >> 3 & 7) < WSK__COUNT(locations))
        mock_add_field(&t, "Location", locations[b >> 3 & 7]);
    else
        mock_add_field(&t, "Location", text_of(w.script));
    if ((c & 3) < WSK__COUNT(extensions))
        mock_add_field(&t, "Sec-WebSocket-Extensions", extensions[c & 3]);
    else
        mock_add_field(&t, "Sec-WebSocket-Extensions", text_of(w.script));
    mock_add_field(&t, "Sec-WebSocket-Protocol", protocols[c >> 2 & 3]);
    if (c & 128)
        mock_add_script(&t, w.script); /* fields, or anything else */
    if ((a & 15) == 0)
        mock_add(&t, "\r\n");
    else
        add_body(&t, c >> 4 & 7, w.script);
    if (a & 128) /* a message at once */
        mock_add_octets(&t, "\x82\3abc", 5);
    mock_input(s, t.p, t.n);
}

/* ------------------------------------------------------------------------------ the client -- */

/* Returns the URL. */
static const char *choose_way(wsk_client_options *o, mock_script *t)
{
    static const char *const proxies[] = {"",
                                          "http://127.0.0.1:8",
                                          "user:password@127.0.0.1:8",
                                          "socks5h://127.0.0.1",
                                          "socks5://name.test:9",
                                          "socks5h://user:password@127.0.0.1:8",
                                          NULL};
    static const char *const exceptions[] = {NULL, "other.test, 127.0.0.0/8", "*"};
    static const char *const urls[] = {"ws://127.0.0.1:9/ws", "ws://name.test:9/ws?a=b",
                                       "ws://any.test:9/",    "ws://user:password@127.0.0.1:9/a",
                                       "ws://[::1]:9/",       "ws+unix:/run/none.sock:/ws",
                                       "wss://127.0.0.1:9/ws"};
    static const char *const known[] = {"*:80:127.0.0.1", "*:9:[::1],127.0.0.1,127.0.0.2",
                                        "name.test:9:127.0.0.1,::1", NULL};
    static const char *given[2];
    static const int families[] = {0, AF_INET, AF_INET6, 0};
    static const uint32_t initial[] = {0, 1, 100, 5000}, max[] = {0, 1000, 100000, UINT32_MAX};
    static const uint32_t attempts[] = {0, 1, 3, 100}, redirects[] = {0, 1, 3, 20};
    uint8_t x = mock_octet(t);

    o->proxy = (x & 7) < WSK__COUNT(proxies) ? proxies[x & 7] : text_of(t);
    o->no_proxy = (x >> 3 & 3) < WSK__COUNT(exceptions) ? exceptions[x >> 3 & 3] : text_of(t);
    const char *url = x >> 5 < (int)WSK__COUNT(urls) ? urls[x >> 5] : text_of(t);
    x = mock_octet(t);
    o->retry_initial = initial[x & 3];
    o->retry_max = max[x >> 2 & 3];
    o->retry_attempts = attempts[x >> 4 & 3];
    o->max_redirects = redirects[x >> 6];
    x = mock_octet(t);
    o->origin = x & 4 ? "http://localhost" : NULL;
    o->userinfo = x & 8 ? "somebody" : NULL;
    o->host = x & 16 ? "example.org:80" : NULL;
    o->resolve = known;
    if (x & 32) {
        given[0] = text_of(t);
        o->resolve = given;
    }
    o->family = families[x >> 6];
    o->attempt_delay = x >> 6 == 3 ? 10 : 0;
    if (x & 3) {
        static wsk_header headers[] = {
            {"X-Given", ""}, {"Cookie", "a=b"}, {"Authorization", "Bearer a"}};

        headers[0].value = (x & 3) == 2 ? text_of(t) : "a";
        o->headers = headers;
        o->n_headers = (x & 3) == 3 ? 3 : 2;
    }
    return url;
}

/* Returns which allocation fails; 0: none. */
static uint32_t choose_rest(wsk_client_options *o, mock_script *t)
{
    static const char *const subprotocols[] = {"chat", "superchat", NULL};
    static const uint32_t nevers[] = {0, 1000, 4000, WSK_NEVER};
    uint8_t x = mock_octet(t);

    o->conn.flags = (x & 1 ? WSK_CONN_STREAM : 0) | (x & 2 ? WSK_CONN_NO_AUTO_PONG : 0) |
                    (x & 4 ? WSK_CONN_KEEP_REQUEST : 0) | (x & 8 ? WSK_CONN_SKIP_UTF8 : 0);
    o->conn.subprotocols = x & 16 ? subprotocols : NULL;
    o->conn.server_header = x & 32 ? "websock" : NULL;
    o->conn.fragment_size = x & 64 ? 100 : 0;
    o->connect_timeout = x & 128 ? WSK_NEVER : 0;
    x = mock_octet(t);
    o->conn.open_timeout = nevers[x & 3];
    o->conn.ping_interval = nevers[x >> 2 & 3];
    o->conn.ping_timeout = x & 16 ? 500 : 0;
    o->conn.close_timeout = x & 32 ? 300 : 0;
    o->conn.message_timeout = x & 64 ? 3000 : 0;
    o->conn.linger_timeout = x & 128 ? WSK_NEVER : 0;
    x = mock_octet(t);
    if (x & 1) { /* small ones */
        o->conn.max_head = 300;
        o->conn.max_fields = 8;
        o->conn.max_message = 500;
        o->conn.max_fragments = 3;
        o->conn.max_pongs = 1;
    }
    if (x & 2) {
        o->conn.max_queued = 6000;
        o->conn.high_water = 1500;
        o->conn.low_water = 1500;
    }
    mock_deflate(&o->conn.deflate, x & 4 ? mock_octet(t) : 0);
    return x >> 3;
}

/* The proxies of curl's variables, and what TLS needs; nothing else changes them. A handshake gets
 * as far as a server that has no keys. */
static wsk_tls *have_surroundings(void)
{
    static wsk_tls *tls;
    wsk_tls_options o = WSK_TLS_OPTIONS_INIT;

    if (tls == NULL) {
        setenv("ws_proxy", "http://127.0.0.1:8", 1);
        setenv("no_proxy", "other.test,10.0.0.0/8", 1);
        o.role = WSK_ROLE_CLIENT;
        o.insecure = true;
        MOCK_CHECK(wsk_tls_new(&tls, &o, NULL) == WSK_OK);
    }
    return tls;
}

static void operate(wsk_loop *loop, mock_script *script)
{
    uint8_t op = mock_octet(script);
    mock_socket *s = mock_of(mock.connecting);

    switch (op & 15) {
    case 0:
    case 1:
    case 2:
    case 3:
    case 4:
    case 5:
        /* One of several that are on their way to different addresses. */
        if (w.wide && op >> 4 <= mock.connecting && mock.at[mock.connecting - (op >> 4)].is_open &&
            mock.at[mock.connecting - (op >> 4)].data != MOCK_WAKE)
            s = &mock.at[mock.connecting - (op >> 4)];
        if (mock.connecting > 0)
            mock_operate(s, op & 15, script, false);
        return;
    case 6:
        mock_input(s, answer, sizeof(answer) - 1);
        if (op & 0x80)
            mock_input(s, chosen, sizeof(chosen) - 1);
        mock_input(s, "\r\n", 2);
        return;
    case 7: /* connected */
        if (w.wide && op & 0x80 && s->is_open && s->data != MOCK_WAKE)
            mock_connected(mock.connecting);
        s->pending |= EPOLLOUT;
        return;
    case 8:
        act();
        return;
    case 13:
        if (w.wide) {
            answer_in_parts(s);
            return;
        }
        break;
    case 14:
        if (w.wide) {
            mock.connect = (op >> 4) % (MOCK_CONNECT_FAILS + 1);
            return;
        }
        break;
    case 15:
        if (w.wide) { /* a little time, or the kernel is short of memory */
            mock.no_watch = (op & 0x80) != 0;
            mock.clock_us += 1000ull * mock_octet(script);
            MOCK_CHECK(wsk_loop_turn(loop, 0) == WSK_OK);
            return;
        }
        break;
    default:
        break;
    }
    mock_operate_all(loop, op & 3, script);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mock_script script = {data, size};
    wsk_client_options o = WSK_CLIENT_OPTIONS_INIT;
    wsk_client_handlers h = WSK_CLIENT_HANDLERS_INIT;
    const char *url = "ws://127.0.0.1:9/ws";
    uint32_t fail_in = 0;

    wsk_tls *tls = have_surroundings();
    memset(&w, 0, sizeof(w));
    w.script = &script;
    wsk_loop *loop = mock_begin();
    uint8_t options = mock_octet(&script);
    w.wide = (options & WIDE) == WIDE;
    if (options & 2)
        mock_read_little(loop);
    o.conn.hooks = &mock_hooks;
    o.conn.deflate.enabled = (options & 1) != 0;
    o.conn.max_message = 100000;
    o.conn.max_queued = 200000;
    o.conn.high_water = options & 2 ? 1000 : 100000;
    o.conn.idle_timeout = options & 4 ? 5000 : 0;
    o.proxy = options & 8 ? "http://127.0.0.1:8" : options & 16 ? "socks5h://127.0.0.1:8" : "";
    o.retry_initial = options & 32 ? 100 : 0;
    o.max_redirects = options & 64 ? 3 : 0;
    h.on_open = on_open;
    h.on_message = on_message;
    h.on_ping = on_ping;
    h.on_pong = on_pong;
    h.on_close = on_close;
    h.on_fail = on_fail;
    h.on_wire = options & 128 ? on_wire : NULL;
    if (w.wide) {
        o.tls = o.proxy_tls = tls;
        url = choose_way(&o, &script);
        fail_in = choose_rest(&o, &script);
        h.on_data = on_data;
        h.on_writable = on_writable;
        h.on_retry = on_retry;
        h.on_redirect = on_redirect;
    }
    w.o = o;
    mock_memory.fail_in = fail_in;
    int r = wsk_client_new(&w.client, loop, &o, &h, NULL);
    MOCK_CHECK(r == WSK_OK || (r == WSK_ERR_NOMEM && fail_in != 0) ||
               (r == WSK_ERR_INVAL && w.n_texts > 0));
    if (r == WSK_OK) {
        begin(url);
        while (script.n > 0)
            operate(loop, &script);
        mock_memory.fail_in = 0;
        if (!w.freed && !w.wide)
            mock_calm(loop);
        if (!w.freed && !w.wide)
            client_has_all(w.client);
        if (!w.freed)
            wsk_client_free(w.client);
    }
    mock_end(loop);
    return 0;
}
