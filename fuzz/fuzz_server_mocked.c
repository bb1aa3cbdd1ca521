/* SPDX-License-Identifier: MIT */
/*
 * A whole server on a mocked system: clients that come, send, stall, break and go in any order, a
 * program whose handlers do anything to any peer, time that passes, memory that runs out. It never
 * lets in more than its limits and rates allow, tells of all that a peer sent (wire_oracle.h) and
 * then of the end of each peer that it told of, and holds nothing when all are gone.
 *
 * Input: an octet of options, six more of them if it has bit 6 (WIDE), then operations: low four
 * bits what, high four bits on which client. With WIDE the operations from 13 on and the actions
 * from 12 on are others than those that time and memory have, and clients have addresses.
 */
#include <stdio.h>

#include "mocked_system.h"
#include "peer_acts.h"

#include <websock/server.h>

#include "server/server_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int __real_getpeername(int fd, struct sockaddr *addr, socklen_t *len);
int __wrap_getpeername(int fd, struct sockaddr *addr, socklen_t *len);

#define CLIENTS 8
#define WIDE    64
#define KEYS    (17 + 256)

/* A peer that a handler has seen, and whose end it has not. */
typedef struct known_peer {
    wsk_peer *peer;
    int key;                 /* of its address; negative: it has none */
    uint64_t events, octets; /* of messages */
} known_peer;

static struct {
    wsk_server *server;
    wsk_loop *loop;
    wsk_server_options o;
    known_peer peers[64];
    size_t n;
    unsigned begun[KEYS]; /* peers seen of an address, since the start */
    uint64_t start;
    mock_script *script;
    unsigned port; /* of the listener, or 0 */
    bool wide;
    bool ends;      /* the server is about to be freed */
    unsigned depth; /* of actions: one may cause the next */
} w;

static const char request[] = "GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
                              "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                              "Sec-WebSocket-Key: WlpaWlpaWlpaWlpaWlpaWg==\r\n";
static const char offer[] = "Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=9"
                            ", permessage-deflate\r\n";

static wire *wire_at(int fd)
{
    MOCK_CHECK(mock_of(fd)->wire != NULL);
    return mock_of(fd)->wire;
}

/* ----------------------------------------------------------------------------- addresses -- */

/* Where clients come from. 0: from nowhere; 1 to 16: one of these; else one IPv6 network each. */
static const char *const sources[] = {
    "",
    "10.0.0.0",
    "10.0.0.1",
    "10.0.0.2",
    "10.0.1.0",
    "::ffff:10.0.0.0", /* the first one, as a socket for both families has it */
    "2001:db8::1",
    "2001:db8::ffff:2", /* of the same subscriber */
    "2001:db8:0:1::1",
    "2001:db8:1::1",
    "fe80::1",
    "::1",
    "127.0.0.1",
    "unix",
    "gone",
    "::",
    "ff02::1",
};

/* Those of one key share a limit. */
static int key_of(unsigned source)
{
    if (source >= WSK__COUNT(sources))
        return (int)(source & 0xFF) + 17;
    if (source == 0 || strcmp(sources[source], "unix") == 0 || strcmp(sources[source], "gone") == 0)
        return -1;
    /* ::1 and :: are of one network, too. */
    return source == 5 ? 1 : source == 7 ? 6 : source == 15 ? 11 : (int)source;
}

static bool is_v4(const char *text, struct in_addr *ret)
{
    return inet_pton(AF_INET, text, ret) == 1;
}

/* Sockets of the mock are none, and cannot tell whose they are. */
int __wrap_getpeername(int fd, struct sockaddr *addr, socklen_t *len)
{
    unsigned source = fd >= 0 && fd < MOCK_FDS ? mock.at[fd].source : 0;
    struct sockaddr_in a4 = {.sin_family = AF_INET, .sin_port = htons(4321)};
    struct sockaddr_in6 a6 = {.sin6_family = AF_INET6, .sin6_port = htons(4321)};

    if (source == 0)
        return __real_getpeername(fd, addr, len);
    if (source < WSK__COUNT(sources) && strcmp(sources[source], "gone") == 0) {
        errno = ENOTCONN;
        return -1;
    }
    if (source < WSK__COUNT(sources) && strcmp(sources[source], "unix") == 0) {
        MOCK_CHECK(*len >= sizeof(*addr));
        memset(addr, 0, sizeof(*addr));
        addr->sa_family = AF_UNIX;
        *len = sizeof(addr->sa_family);
        return 0;
    }
    if (source < WSK__COUNT(sources) && is_v4(sources[source], &a4.sin_addr)) {
        MOCK_CHECK(*len >= sizeof(a4));
        memcpy(addr, &a4, sizeof(a4));
        *len = sizeof(a4);
        return 0;
    }
    if (source < WSK__COUNT(sources)) {
        MOCK_CHECK(inet_pton(AF_INET6, sources[source], &a6.sin6_addr) == 1);
    } else {
        MOCK_CHECK(inet_pton(AF_INET6, "2001:db8:2::1", &a6.sin6_addr) == 1);
        a6.sin6_addr.s6_addr[7] = (uint8_t)source;
    }
    MOCK_CHECK(*len >= sizeof(a6));
    memcpy(addr, &a6, sizeof(a6));
    *len = sizeof(a6);
    return 0;
}

/* ---------------------------------------------------------------------------------- limits -- */

/* A bucket was full at the start, and fills with time. */
static bool is_within(uint64_t n, uint64_t rate, uint64_t burst, uint64_t ms)
{
    return rate == 0 || n * 1000 <= (burst != 0 ? burst : rate) * 1000 + rate * ms;
}

static known_peer *find(const wsk_peer *p)
{
    for (size_t i = 0; i < w.n; i++) {
        if (w.peers[i].peer == p)
            return &w.peers[i];
    }
    return NULL;
}

static void seen(wsk_peer *p)
{
    uint64_t passed = wsk__loop_clock(w.loop) - w.start;
    size_t counted = 0;

    if (find(p) != NULL)
        return;
    MOCK_CHECK(w.n < WSK__COUNT(w.peers) && w.n < w.o.max_connections);
    int key = key_of(mock_of(p->link.stream.fd)->source);
    w.peers[w.n++] = (known_peer){.peer = p, .key = key};
    if (key < 0)
        return;
    for (size_t i = 0; i < w.n; i++)
        counted += w.peers[i].key == key && w.peers[i].peer->link.conn.counted;
    MOCK_CHECK(w.o.max_connections_per_address == 0 || counted <= w.o.max_connections_per_address);
    MOCK_CHECK(is_within(++w.begun[key], w.o.max_handshake_rate, w.o.handshake_burst, passed));
}

/* A message begins, or a control frame came; or only octets of it. */
static void came(const wsk_peer *p, bool begins, size_t n)
{
    known_peer *k = find(p);
    uint32_t passed = (uint32_t)wsk__loop_clock(w.loop) - p->link.conn.t_begin;
    uint64_t burst = w.o.octet_burst != 0         ? w.o.octet_burst
                     : w.o.max_octet_rate < 65536 ? 65536
                                                  : w.o.max_octet_rate;

    MOCK_CHECK(k != NULL);
    k->events += begins;
    k->octets += n;
    MOCK_CHECK(is_within(k->events, w.o.max_message_rate, w.o.message_burst, passed));
    /* What came with the request is not counted; what was compressed was less. */
    if (!w.o.conn.deflate.enabled && k->octets > 4096)
        MOCK_CHECK(is_within(k->octets - 4096, w.o.max_octet_rate, burst, passed));
}

/* ------------------------------------------------------------------------------- the program -- */

static void respond(wsk_peer *p)
{
    static const unsigned statuses[] = {200, 204, 301, 304, 400, 403, 404, 426,
                                        429, 500, 503, 599, 101, 199, 600, 205};
    static const wsk_header headers[] = {
        {"Location", "https://example.org/"},
        {"Retry-After", "120"},
        {"X-Empty", ""},
        {"Content-Length", "7"}, /* which it sets itself */
        {"X-Bad", "a\r\nb: c"},
    };
    static const char large[9000];
    wsk_response r = WSK_RESPONSE_INIT;
    uint8_t what = mock_octet(w.script);

    r.status = statuses[what & 15];
    if (what & 16)
        r.content_type = what & 32 ? "text/html" : "a\nb";
    switch (what >> 6) {
    case 1:
        r.body = "body";
        r.body_len = 4;
        break;
    case 2:
        r.body = large;
        r.body_len = sizeof(large);
        break;
    case 3:
        r.body = "";
        break;
    default:
        break;
    }
    what = mock_octet(w.script);
    r.headers = headers + what % WSK__COUNT(headers);
    r.n_headers = (what >> 4) % (WSK__COUNT(headers) - what % WSK__COUNT(headers) + 1);
    (void)!wsk_peer_respond(p, &r);
}

static void accept_with_options(wsk_peer *p)
{
    static const char *const subprotocols[] = {NULL, "", "chat", "superchat", "other", "a b"};
    static const wsk_header headers[] = {
        {"Set-Cookie", "a=b"},
        {"X-Long", "0123456789012345678901234567890123456789"},
        {"Upgrade", "h2c"},
        {"", "x"},
    };
    wsk_accept_options o = WSK_ACCEPT_OPTIONS_INIT;
    uint8_t what = mock_octet(w.script);

    o.subprotocol = subprotocols[(what & 7) % WSK__COUNT(subprotocols)];
    o.headers = headers;
    o.n_headers = (what >> 3 & 7) % (WSK__COUNT(headers) + 1);
    (void)!wsk_peer_accept(p, &o);
}

/* One message for those whose bit is set. */
static void send_to_some(void)
{
    static const uint8_t data[3000];
    static const size_t lengths[] = {0, 5, 125, 126, 300, 1000, 2000, sizeof(data)};
    uint8_t what = mock_octet(w.script), bits = mock_octet(w.script);
    wsk_prepared *m;

    if (wsk_prepared_new(&m, wsk_server_config(w.server), what & 8 ? WSK_OP_TEXT : WSK_OP_BINARY,
                         data, lengths[what & 7]) < 0)
        return;
    for (size_t i = 0; i < w.n; i++) {
        if (bits >> i % 8 & 1)
            peer_send_prepared(w.peers[i].peer, m, what & 8 ? WSK_OP_TEXT : WSK_OP_BINARY, data,
                               lengths[what & 7]);
    }
    if (what & 16)
        peers_send(w.server, m, what & 8 ? WSK_OP_TEXT : WSK_OP_BINARY, data, lengths[what & 7],
                   NULL);
    wsk_prepared_unref(m);
}

/* All that can be asked. */
static void ask(wsk_peer *p)
{
    static const char *const names[] = {"Host", "origin", "COOKIE", "Sec-WebSocket-Protocol", ""};
    const wsk_conn *c = wsk_peer_conn(p);
    wsk_str parts[] = {wsk_conn_method(c), wsk_conn_target(c), wsk_conn_path(c),
                       wsk_conn_query(c),  wsk_conn_head(c),   wsk_conn_body(c)};
    wsk_server_stats stats;
    wsk_str name, value;
    char buf[40];

    for (size_t i = 0; i < WSK__COUNT(parts); i++)
        mock_look(parts[i].ptr, parts[i].len);
    for (size_t i = 0; wsk_conn_header_at(c, i, &name, &value); i++) {
        mock_look(name.ptr, name.len);
        mock_look(value.ptr, value.len);
    }
    for (size_t i = 0; i < WSK__COUNT(names); i++) {
        value = wsk_conn_header(c, names[i], i % 2);
        mock_look(value.ptr, value.len);
    }
    (void)wsk_conn_extensions(c, buf, sizeof(buf));
    mock_look(buf, strlen(buf));
    (void)wsk_peer_address(p, buf, sizeof(buf));
    mock_look(buf, strlen(buf));
    mock_look(wsk_conn_subprotocol(c), strlen(wsk_conn_subprotocol(c)));
    MOCK_CHECK(wsk_peer_server(p) == w.server && !wsk_peer_is_tls(p));
    MOCK_CHECK(wsk_peer_listener(p) == SIZE_MAX || wsk_peer_listener(p) == 0);
    MOCK_CHECK(wsk_peer_queued(p) < 1000000);
    wsk_server_get_stats(w.server, &stats);
    MOCK_CHECK(stats.open <= stats.connections && stats.opened >= stats.open + stats.closed);
    for (wsk_peer *q = NULL; (q = wsk_server_next_peer(w.server, q)) != NULL;)
        MOCK_CHECK(find(q) != NULL);
}

/* Actions that only a WIDE input has. */
static void act_wide(wsk_peer *p, unsigned what)
{
    size_t n;
    const uint8_t *octets;

    switch (what) {
    case 12:
        respond(p);
        break;
    case 13:
        send_to_some();
        break;
    case 14:
        accept_with_options(p);
        break;
    default:
        what = mock_octet(w.script);
        octets = mock_octets(w.script, &n);
        switch (what & 7) {
        case 0:
            ask(p);
            break;
        case 1:
            wsk_server_stop_listening(w.server);
            break;
        case 2:
            (void)peer_send(p, what & 8 ? WSK_OP_TEXT : WSK_OP_BINARY, octets, n, what >> 4);
            break;
        case 3:
            (void)wsk_peer_ping(p, octets, n);
            break;
        case 4:
            (void)wsk_peer_close(p, n > 0 ? 1000u + octets[0] * 16u : 0, what & 8 ? "why" : NULL);
            break;
        case 5:
            wsk_server_drain(w.server, what & 8 ? 1012 : 1005, what & 16 ? "later" : NULL);
            break;
        case 6:
            peers_send(w.server, NULL, what & 8 ? WSK_OP_TEXT : WSK_OP_BINARY, octets, n,
                       what & 16 ? p : NULL);
            break;
        default:
            peer_send_part(p, what & 8 ? WSK_OP_TEXT : WSK_OP_BINARY, octets, n, (what & 16) != 0,
                           what >> 5);
            break;
        }
        break;
    }
}

/* The program does something, to the peer or to another one. */
static void act(wsk_peer *p)
{
    static const uint8_t big[20000];
    uint8_t what = mock_octet(w.script);

    if (w.depth > 3 || w.n == 0)
        return;
    w.depth++;
    if (p == NULL || what & 0x80)
        p = w.peers[(what >> 4 & 7) % w.n].peer;
    if (act_on_peer(w.server, p, what, big)) {
        /* as on other systems */
    } else if ((what & 15) == 8) {
        (void)wsk_peer_pong(p, NULL, 0);
    } else if ((what & 15) == 9) {
        wsk_server_drain(w.server, WSK_CLOSE_GOING_AWAY, "");
    } else if (w.wide) {
        act_wide(p, what & 15);
    }
    w.depth--;
}

static void on_request(wsk_peer *p, bool is_upgrade)
{
    seen(p);
    if (is_upgrade && mock_octet(w.script) % 4 != 3)
        (void)!wsk_peer_accept(p, NULL);
    else
        act(p);
}

static void on_open(wsk_peer *p)
{
    seen(p);
    peer_opened(p);
    act(p);
}

static void on_message(wsk_peer *p, wsk_opcode op, uint8_t *data, size_t len)
{
    came(p, true, len);
    wire_given(peer_wire(p), SLOW_MESSAGE, op, data, len);
    (void)peer_send(p, op, data, len, 0);
    act(p);
}

static void on_data(wsk_peer *p, wsk_opcode op, uint8_t *data, size_t len, bool first, bool last)
{
    came(p, first, len);
    wire_given_piece(peer_wire(p), op, data, len, first, last);
    peer_send_part(p, op, data, len, last, 0);
    act(p);
}

static void on_ping(wsk_peer *p, const uint8_t *data, size_t len)
{
    came(p, true, len);
    wire_given(peer_wire(p), SLOW_PING, 0, data, len);
    act(p);
}

static void on_pong(wsk_peer *p, const uint8_t *data, size_t len)
{
    came(p, true, len);
    wire_given(peer_wire(p), SLOW_PONG, 0, data, len);
    act(p);
}

static void on_writable(wsk_peer *p)
{
    MOCK_CHECK(find(p) != NULL);
    act(p);
}

static void on_close(wsk_peer *p, unsigned code, const char *text)
{
    mock_look(text, strlen(text));
    peer_closed(p, code, text, w.ends);
    act(p);
    known_peer *k = find(p);
    MOCK_CHECK(k != NULL); /* told twice, or never seen */
    *k = w.peers[--w.n];
}

static void on_refused(wsk_peer *p, unsigned status, const char *text)
{
    MOCK_CHECK(find(p) == NULL && (status == 0 || status >= 400));
    mock_look(text, strlen(text));
}

/* --------------------------------------------------------------------------------- clients -- */

static void client_comes(unsigned source)
{
    int fd = fcntl(mock.null_fd, F_DUPFD_CLOEXEC, 0);

    MOCK_CHECK(fd >= 0);
    mock_new_socket(fd, false)->source = source;
    (void)wsk_server_adopt(w.server, fd, NULL);
}

/* The last one stands for as many networks as an octet has values. */
static unsigned source_of(unsigned which)
{
    return which == 15 ? 256u + mock_octet(w.script) : which + 1;
}

/* Somebody stands at the listener's door, or something is wrong with it. */
static void door(unsigned which)
{
    static const uint8_t errors[] = {EMFILE, ENFILE, ENOBUFS, ENOMEM, ECONNABORTED,
                                     EINTR,  EPROTO, EPERM,   EBADF};
    uint8_t what = mock_octet(w.script);

    if (mock.n_accepts == MOCK_ACCEPTS_MAX)
        return;
    mock.sources[mock.n_accepts] = (uint8_t)(which + 1);
    mock.accepts[mock.n_accepts++] = what & 0x80 ? errors[what % WSK__COUNT(errors)] : 0;
}

/* "NAME:PORT", with the listener's own. */
static void add_own(mock_text *t, const char *name)
{
    char own[80];

    snprintf(own, sizeof(own), "%s:%u", name, w.port != 0 ? w.port : 80);
    mock_add(t, own);
}

/* A request out of parts. */
static void request_in_parts(mock_socket *s)
{
    static const char *const methods[] = {"GET ", "GET ", "HEAD ", "POST "};
    static const char *const targets[] = {"/ws", "/ws?a=b", "/",    "http://localhost/ws",
                                          "*",   "/no",     "/ws#x"};
    static const char *const hosts[] = {"localhost", "example.org", "evil.test",
                                        "[::1]:80",  "10.0.0.1",    ""};
    static const char *const origins[] = {"",     "http://localhost",    "http://evil.test",
                                          "null", "https://example.org", "http://localhost:80"};
    static const char *const offers[] = {
        "",
        "permessage-deflate; client_max_window_bits",
        "permessage-deflate; server_max_window_bits=8; client_no_context_takeover, x-other; "
        "a=\"b\"",
        "permessage-deflate; server_max_window_bits=7, permessage-deflate; "
        "client_max_window_bits=9",
    };
    static const char *const protocols[] = {"", "chat", "other, superchat", "chat, chat"};
    uint8_t a = mock_octet(w.script), b = mock_octet(w.script), c = mock_octet(w.script);
    mock_text t = {.n = 0};

    mock_add(&t, methods[a >> 6]);
    if ((a & 7) < WSK__COUNT(targets))
        mock_add(&t, targets[a & 7]);
    else
        mock_add_script(&t, w.script);
    mock_add(&t, c & 1 ? " HTTP/1.0\r\n" : " HTTP/1.1\r\n");
    if ((a >> 3 & 7) < WSK__COUNT(hosts)) {
        mock_add_field(&t, "Host", hosts[a >> 3 & 7]);
    } else {
        mock_add(&t, "Host: ");
        add_own(&t, a >> 3 & 1 ? "evil.test" : "127.0.0.1");
        mock_add(&t, "\r\n");
    }
    if ((b & 7) < WSK__COUNT(origins)) {
        mock_add_field(&t, "Origin", origins[b & 7]);
    } else {
        mock_add(&t, "Origin: http://");
        add_own(&t, b & 1 ? "evil.test" : "127.0.0.1");
        mock_add(&t, "\r\n");
    }
    if ((b & 8) == 0)
        mock_add(&t, "Upgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n"
                     "Sec-WebSocket-Key: WlpaWlpaWlpaWlpaWlpaWg==\r\n");
    mock_add_field(&t, "Sec-WebSocket-Version", c & 2 ? "8" : b & 8 ? "" : "13");
    mock_add_field(&t, "Sec-WebSocket-Extensions", offers[b >> 4 & 3]);
    mock_add_field(&t, "Sec-WebSocket-Protocol", protocols[b >> 6]);
    if (c & 4)
        mock_add_script(&t, w.script); /* fields, or anything else */
    mock_add_field(&t, "Content-Length", c & 8 ? "5" : "");
    mock_add_field(&t, "Transfer-Encoding", c & 16 ? "chunked" : "");
    mock_add_field(&t, "Cookie", c & 32 ? "a=b" : "");
    mock_add(&t, "\r\n");
    if (c & 64) /* a message at once */
        mock_add_octets(&t, "\x82\x83\0\0\0\0abc", 9);
    mock_input(s, t.p, t.n);
}

/* ------------------------------------------------------------------------------ the server -- */

static const uint32_t nevers[] = {0, 1000, 4000, WSK_NEVER};

static void choose_limits(wsk_server_options *o, mock_script *t)
{
    static const uint32_t per_address[] = {0, 1, 2, 20}, all[] = {6, 1, 3, 30};
    static const uint32_t rates[] = {0, 1, 3, 100}, bursts[] = {0, 2};
    static const uint64_t octet_rates[] = {0, 100, 3000, WSK__RATE_MAX}, octet_bursts[] = {0, 700};
    uint8_t x = mock_octet(t);

    o->max_connections_per_address = per_address[x & 3];
    o->max_connections = all[x >> 2 & 3];
    o->max_handshake_rate = rates[x >> 4 & 3];
    o->handshake_burst = o->max_handshake_rate != 0 ? bursts[x >> 6 & 1] : 0;
    o->log_access = (x & 128) != 0;
    x = mock_octet(t);
    o->max_message_rate = rates[x & 3];
    o->message_burst = o->max_message_rate != 0 ? bursts[x >> 2 & 1] : 0;
    o->max_octet_rate = octet_rates[x >> 3 & 3];
    o->octet_burst = o->max_octet_rate != 0 ? octet_bursts[x >> 5 & 1] : 0;
    if (x & 64) { /* small ones */
        o->conn.max_head = 400;
        o->conn.max_fields = 9;
        o->conn.max_message = 500;
        o->conn.max_fragments = 3;
    }
    if (x & 128) {
        o->conn.max_frame = 200;
        o->conn.max_pongs = 1;
        o->conn.max_queued = 6000;
        o->conn.high_water = 1500;
        o->conn.low_water = 1500;
        o->conn.max_ignored = 100;
    }
}

static void choose_rest(wsk_server_options *o, wsk_handlers *h, mock_script *t)
{
    static const char *const subprotocols[] = {"superchat", "chat", NULL};
    static const char *const origins[] = {"http://localhost", "https://example.org", "null", NULL};
    static const char *const names[] = {"example.org", "test", NULL};
    uint8_t x = mock_octet(t);

    o->conn.origin_policy = (x & 3) == 3 ? WSK_ORIGIN_SAME_HOST : (wsk_origin_policy)(x & 3);
    o->conn.origins = o->conn.origin_policy == WSK_ORIGIN_LIST ? origins : NULL;
    o->hosts = (x & 3) == 3 ? names : NULL;
    o->conn.subprotocols = x & 4 ? subprotocols : NULL;
    o->conn.server_header = x & 8 ? "websock" : NULL;
    o->conn.flags |= (x & 16 ? WSK_CONN_NO_AUTO_PONG : 0) | (x & 32 ? WSK_CONN_KEEP_REQUEST : 0) |
                     (x & 64 ? WSK_CONN_SKIP_UTF8 : 0);
    h->on_refused = x & 128 ? on_refused : NULL;
    x = mock_octet(t);
    o->conn.open_timeout = nevers[x & 3];
    o->conn.ping_interval = nevers[x >> 2 & 3];
    o->conn.ping_timeout = x & 16 ? 500 : 0;
    o->conn.write_timeout = x & 32 ? 700 : 0;
    o->conn.message_timeout = x & 64 ? WSK_NEVER : 3000;
    o->conn.close_timeout = x & 128 ? 300 : 0;
    x = mock_octet(t);
    o->conn.linger_timeout = nevers[x & 3];
    o->conn.queue_timeout = nevers[x >> 2 & 3];
    h->on_writable = x & 16 ? on_writable : NULL;
    mock_deflate(&o->conn.deflate, x & 32 ? mock_octet(t) : 0);
}

/* Which is real, but nobody comes to it other than by the mock. */
static void begin_listening(unsigned what)
{
    static const char *const urls[] = {"", "ws://127.0.0.1:0/ws", "ws://127.0.0.1:0/*",
                                       "ws://[::1]:0/ws"};
    char url[80];

    if ((what & 3) == 0 || wsk_server_listen(w.server, urls[what & 3], NULL) < 0)
        return;
    if (wsk_server_url(w.server, 0, url, sizeof(url)) > 0)
        w.port = (unsigned)strtoul(strrchr(url, ':') + 1, NULL, 10);
    MOCK_CHECK(wsk_server_url(w.server, 1, url, sizeof(url)) == 0);
}

/* Whatever is there is reset; then nothing may be left. */
static void all_go(void)
{
    static const uint8_t none[16];
    wsk_server_stats stats;

    for (int i = 0; i < mock.end; i++) {
        mock_socket *s = &mock.at[i];

        if (!s->is_open || s->data == MOCK_WAKE || (s->data & MOCK_TAGS) == MOCK_LSOCK)
            continue;
        s->err = ECONNRESET;
        s->send = MOCK_BROKEN;
        s->pending |= EPOLLIN | EPOLLERR | EPOLLHUP;
    }
    mock.n_accepts = 0;
    MOCK_CHECK(wsk_loop_turn(w.loop, 0) == WSK_OK);
    /* Who is paused and holds something goes when it is taken. */
    for (wsk_peer *p = w.server->peers; p != NULL; p = p->next)
        wsk_peer_pause(p, false);
    /* Much that is read in small pieces takes as many turns. */
    for (int i = 0; i < 4 || (w.server->peers != NULL && i < 1000); i++)
        MOCK_CHECK(wsk_loop_turn(w.loop, 0) == WSK_OK);
    wsk_server_get_stats(w.server, &stats);
    MOCK_CHECK(stats.connections == 0 && stats.open == 0 && stats.opened == stats.closed);
    MOCK_CHECK(stats.opened + stats.refused <= stats.accepted);
    MOCK_CHECK(w.server->peers == NULL && w.server->refusing == 0);
    for (unsigned i = 1; w.server->addresses != NULL && i < 512; i++) {
        uint8_t address[16];

        mock.at[MOCK_FDS - 1].source = i;
        if (i >= WSK__COUNT(sources) && i < 256)
            continue;
        if (!wsk__address_of(MOCK_FDS - 1, address))
            memcpy(address, none, 16);
        MOCK_CHECK(wsk__address_table_add(w.server->addresses, address) == 1);
        wsk__address_table_remove(w.server->addresses, address);
    }
}

static void operate(mock_script *script, const int *fds)
{
    uint8_t op = mock_octet(script);
    mock_socket *s = mock_of(fds[op >> 4 & (CLIENTS - 1)]);

    switch (op & 15) {
    case 0:
    case 1:
    case 2:
    case 3:
    case 4:
    case 5:
        mock_operate(s, op & 15, script, true);
        return;
    case 6:
        if (w.n < 32)
            client_comes(w.wide ? source_of(op >> 4) : 0);
        return;
    case 7:
        mock_input(s, request, sizeof(request) - 1);
        if (op & 0x80)
            mock_input(s, offer, sizeof(offer) - 1);
        mock_input(s, "\r\n", 2);
        return;
    case 8:
        act(NULL);
        return;
    case 13:
        if (w.wide) {
            request_in_parts(s);
            return;
        }
        break;
    case 14:
        if (w.wide) {
            door(op >> 4);
            return;
        }
        break;
    case 15:
        if (w.wide) { /* a little time, or the kernel is short of memory */
            mock.no_watch = (op & 0x80) != 0;
            mock.clock_us += 1000ull * mock_octet(script);
            MOCK_CHECK(wsk_loop_turn(w.loop, 0) == WSK_OK);
            return;
        }
        break;
    default:
        break;
    }
    mock_operate_all(w.loop, op & 3, script);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mock_script script = {data, size};
    wsk_server_options o = WSK_SERVER_OPTIONS_INIT;
    wsk_handlers h = WSK_HANDLERS_INIT;
    unsigned what = 0;
    int fds[CLIENTS];

    memset(&w, 0, sizeof(w));
    w.script = &script;
    w.loop = mock_begin();
    w.start = wsk_loop_now(w.loop);
    uint8_t options = mock_octet(&script);
    w.wide = (options & WIDE) != 0;
    if (options & 4)
        mock_read_little(w.loop);
    o.conn.hooks = &mock_hooks;
    o.conn.deflate.enabled = (options & 1) != 0;
    o.conn.flags = options & 2 ? WSK_CONN_STREAM : 0;
    o.conn.max_message = 100000;
    o.conn.max_queued = 200000;
    o.conn.high_water = options & 4 ? 1000 : 100000;
    o.conn.idle_timeout = options & 8 ? 5000 : 0;
    o.conn.fragment_size = options & 16 ? 100 : 0;
    o.conn.message_timeout = 3000;
    o.max_connections = 6;
    h.on_request = options & 32 ? on_request : NULL;
    h.on_open = on_open;
    h.on_message = on_message;
    h.on_data = on_data;
    h.on_ping = on_ping;
    h.on_pong = on_pong;
    h.on_close = on_close;
    if (w.wide) {
        choose_limits(&o, &script);
        choose_rest(&o, &h, &script);
        what = mock_octet(&script);
        mock_memory.fail_in = what >> 3;
    }
    w.o = o;
    int r = wsk_server_new(&w.server, w.loop, &o, &h, NULL);
    MOCK_CHECK(r == WSK_OK || (r == WSK_ERR_NOMEM && what >> 3 != 0));
    if (r == WSK_OK) {
        begin_listening(what);
        /* Clients are known by the number of their descriptor: the lowest that is free, as ever,
         * whatever else the process has open. */
        for (int i = 0; i < CLIENTS; i++)
            fds[i] = fcntl(mock.null_fd, F_DUPFD_CLOEXEC, 0);
        for (int i = 0; i < CLIENTS; i++)
            close(fds[i]);
        while (script.n > 0)
            operate(&script, fds);
        mock_memory.fail_in = 0;
        mock.no_watch = false;
        if (what & 4 || !w.wide) {
            mock_calm(w.loop);
            peers_have_all(w.server);
        }
        if (what & 4)
            all_go();
        w.ends = true;
        wsk_server_free(w.server);
    }
    MOCK_CHECK(w.n == 0); /* each that was seen was told to be gone */
    mock_end(w.loop);
    return 0;
}
