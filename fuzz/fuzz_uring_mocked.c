/* SPDX-License-Identifier: MIT */
/*
 * A whole server, and a client beside it, on an emulated io_uring (mocked_ring.h): clients that
 * come, send, stall, break and go in any order, completions that come late, in another order, or
 * end a request that was to go on, queues that are full, a program whose handlers do anything to
 * any peer, memory that runs out.
 *
 * What has to hold: every peer that was seen is told to be gone, once; all that a peer sent is
 * given before, and all that was to be sent goes out, in order and as a whole (wire_oracle.h); who
 * is reset is gone soon, whatever the kernel did before; no request outlives its connection; in the
 * end no memory and no descriptor is left.
 *
 * Input: two octets of options, then operations: low four bits what, high four bits on which client
 * and a variant of it.
 */
#include "client_acts.h"
#include "mocked_memory.h"
#include "mocked_ring.h"
#include "peer_acts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CLIENTS 8    /* other ends; the last one may be the server of our client */
#define MANY    2000 /* turns: enough for all that an input may have under way */
#define STEPS   4    /* of 600 ms: a listener's rest, and a look for ends that were lost */

/* The other end of a connection. */
typedef struct far_end {
    ring_file *file;
    uint64_t serial;
    uint32_t next_out; /* number of its next message */
    bool is_server;
} far_end;

typedef struct fuzz_script {
    const uint8_t *p;
    size_t n;
} fuzz_script;

static struct {
    wsk_loop *loop;
    wsk_server *server;
    wsk_peer *peers[RING_FILES]; /* those that a handler has seen, and whose end it has not */
    size_t n;
    fuzz_script script;
    unsigned depth; /* of actions: one may cause the next */
    far_end far[CLIENTS];
    int listener;       /* its descriptor, or 0 */
    wsk_client *client; /* or NULL */
    bool is_open;       /* its on_open came, and on_close has not */
    bool deflate, stream;
    uint8_t options, more; /* the first two octets */
    bool socks;            /* our client has a proxy */
    bool ends;             /* the server is about to be freed */
    uint8_t proxy[64];     /* what was said to it on the latest connection */
    size_t proxy_n;
} w;

static const char request[] = "GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
                              "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                              "Sec-WebSocket-Key: WlpaWlpaWlpaWlpaWlpaWg==\r\n";
static const char offer[] = "Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=9"
                            ", permessage-deflate\r\n";
/* The random numbers make this the key's only answer. */
static const char answer[] = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                             "Connection: Upgrade\r\n"
                             "Sec-WebSocket-Accept: 1nwQI3IBoftOh+fG2YorpTWcrHs=\r\n";
static const char chosen[] = "Sec-WebSocket-Extensions: permessage-deflate\r\n";
static uint8_t big[40000];

/* ---------------------------------------------------------------------------- the script -- */

/* 0 when there are none left. */
static uint8_t octet(void)
{
    if (w.script.n == 0)
        return 0;
    w.script.n--;
    return *w.script.p++;
}

/* As many octets as the next one says, or as there are. */
static const uint8_t *octets(size_t *ret_n)
{
    size_t n = octet();
    const uint8_t *p = w.script.p;

    *ret_n = n < w.script.n ? n : w.script.n;
    w.script.p += *ret_n;
    w.script.n -= *ret_n;
    return p;
}

/* -------------------------------------------------------------------------- what goes out -- */

static wire *wire_at(int fd)
{
    return ring_open_file(fd)->wire;
}

/* Octets of an address as SOCKS has it, with its port (RFC 1928 5). */
static size_t socks_address(const uint8_t *p)
{
    return p[3] == 1 ? 10 : p[3] == 4 ? 22 : 7 + (size_t)p[4];
}

/* Greeting and request, RFC 1928 3 and 4; true behind them. */
static bool is_for_proxy(uint8_t c)
{
    const uint8_t *p = w.proxy;

    RING_CHECK(w.proxy_n < sizeof(w.proxy));
    w.proxy[w.proxy_n++] = c;
    if (w.proxy_n < 2)
        return true;
    size_t first = 2 + (size_t)p[1];
    return w.proxy_n < first + 5 || w.proxy_n < first + socks_address(p + first);
}

static void on_sent(ring_file *file, const uint8_t *data, size_t n)
{
    mock_look(data, n);
    for (; n > 0 && file->wire->step == WIRE_EARLY; data++, n--) {
        if (!is_for_proxy(*data))
            file->wire->step = WIRE_HEAD;
    }
    wire_out(file->wire, data, n);
}

/* ---------------------------------------------------------------------------- the program -- */

static bool is_seen(const wsk_peer *p)
{
    size_t i = 0;

    while (i < w.n && w.peers[i] != p)
        i++;
    return i < w.n;
}

static void seen(wsk_peer *p)
{
    if (is_seen(p))
        return;
    RING_CHECK(w.n < RING_FILES);
    w.peers[w.n++] = p;
}

static far_end *new_far_end(unsigned i, ring_file *file)
{
    far_end *f = &w.far[i % CLIENTS];

    if (f->file != NULL)
        ring_let_go(f->file);
    memset(f, 0, sizeof(*f));
    f->file = file;
    f->serial = file->serial;
    file->held++;
    return f;
}

static void on_connecting(ring_file *file)
{
    far_end *f = new_far_end(CLIENTS - 1, file);

    f->is_server = true;
    w.proxy_n = 0;
    if (w.socks)
        file->wire->step = WIRE_EARLY;
}

static void client_comes(unsigned i, bool to_listener)
{
    ring_file *l = w.listener > 0 ? ring_file_at(w.listener) : NULL;

    if (to_listener && (l == NULL || l->kind != FILE_LISTENER || l->shut_in || l->n_waiting == 8))
        return;
    ring_file *file = ring_file_new(FILE_SOCKET);
    if (file == NULL)
        return;
    (void)new_far_end(i, file);
    file->connected = true;
    if (!to_listener) {
        (void)wsk_server_adopt(w.server, ring_fd_new(file), NULL);
        return;
    }
    file->held++;
    l->waiting[l->n_waiting++] = (uint8_t)(file - kernel.files);
    l->edges++;
}

static void posted(void *ud)
{
    (void)ud;
    if (w.server != NULL)
        client_comes(octet(), false);
}

static void make_client(void);
static void act(wsk_peer *p);

/* Its handlers hear nothing any more, and another one may follow. */
static void free_client(void)
{
    wire *on = w.client != NULL ? client_wire(w.client) : NULL;

    if (on != NULL)
        on->dropped = true;
    wsk_client_free(w.client);
    w.client = NULL;
    w.is_open = false;
}

static void act_on_client(uint8_t what)
{
    if ((what & 7) == 7) {
        act(NULL);
        return;
    }
    if (w.client == NULL)
        return;
    switch (what & 7) {
    case 0:
        (void)wsk_client_connect(w.client, "ws://h:9/ws");
        break;
    case 1:
        client_send(w.client, WSK_OP_BINARY, big, 20000, 0);
        break;
    case 2:
        (void)wsk_client_ping(w.client, "ping", 4);
        break;
    case 3:
        (void)wsk_client_close(w.client, WSK_CLOSE_NORMAL, "bye");
        break;
    case 4:
        client_drop(w.client);
        break;
    case 5:
        wsk_client_pause(w.client, (what & 16) != 0);
        break;
    case 6:
        client_send(w.client, WSK_OP_TEXT, "text", 4, 0);
        break;
    default:
        break;
    }
}

static void act_on_all(uint8_t what)
{
    switch (what & 7) {
    case 0:
        wsk_server_drain(w.server, WSK_CLOSE_GOING_AWAY, "");
        break;
    case 1:
        wsk_server_stop_listening(w.server);
        break;
    case 2:
        for (size_t i = 0; i < w.n; i++)
            peer_drop(w.peers[i]);
        break;
    case 3:
        (void)wsk_loop_post(w.loop, posted, NULL);
        break;
    case 4:
        client_comes(what >> 4, false);
        break;
    default:
        act_on_client(what >> 3);
        break;
    }
}

static void send_prepared(wsk_peer *p)
{
    wsk_prepared *m;

    if (wsk_prepared_new(&m, wsk_server_config(w.server), WSK_OP_BINARY, big, 20000) < 0)
        return;
    peer_send_prepared(p, m, WSK_OP_BINARY, big, 20000);
    wsk_prepared_unref(m);
}

/* The program does something, to the peer or to another one. */
static void act(wsk_peer *p)
{
    uint8_t what = octet();

    if (w.depth > 3 || w.n == 0)
        return;
    w.depth++;
    if (p == NULL || what & 0x80)
        p = w.peers[(what >> 4 & 7) % w.n];
    if (act_on_peer(w.server, p, what, big)) {
        /* as on other systems */
    } else if ((what & 15) == 8) {
        peers_send(w.server, NULL, WSK_OP_TEXT, "all", 3, what & 16 ? p : NULL);
    } else if ((what & 15) == 9) {
        act_on_all(octet());
    } else if ((what & 15) == 12) {
        send_prepared(p);
    } else if ((what & 15) == 13) {
        peers_send(w.server, NULL, WSK_OP_BINARY, big, 20000, what & 16 ? p : NULL);
    } else if ((what & 15) == 14) {
        free_client();
    } else if (w.client == NULL && (w.options & 0x80)) {
        make_client();
    }
    w.depth--;
}

static void on_request(wsk_peer *p, bool is_upgrade)
{
    seen(p);
    if (is_upgrade && octet() % 4 != 3)
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
    RING_CHECK(is_seen(p));
    wire_given(peer_wire(p), SLOW_MESSAGE, op, data, len);
    (void)peer_send(p, op, data, len, 0);
    act(p);
}

static void on_data(wsk_peer *p, wsk_opcode op, uint8_t *data, size_t len, bool first, bool last)
{
    RING_CHECK(is_seen(p));
    wire_given_piece(peer_wire(p), op, data, len, first, last);
    peer_send_part(p, op, data, len, last, 0);
    act(p);
}

static void on_ping(wsk_peer *p, const uint8_t *data, size_t len)
{
    RING_CHECK(is_seen(p));
    wire_given(peer_wire(p), SLOW_PING, 0, data, len);
    act(p);
}

static void on_pong(wsk_peer *p, const uint8_t *data, size_t len)
{
    RING_CHECK(is_seen(p));
    wire_given(peer_wire(p), SLOW_PONG, 0, data, len);
    act(p);
}

static void on_writable(wsk_peer *p)
{
    RING_CHECK(is_seen(p));
    act(p);
}

static void on_close(wsk_peer *p, unsigned code, const char *text)
{
    mock_look(text, strlen(text));
    peer_closed(p, code, text, w.ends);
    act(p);
    for (size_t i = 0; i < w.n; i++) {
        if (w.peers[i] == p) {
            w.peers[i] = w.peers[--w.n];
            return;
        }
    }
    abort(); /* told twice, or never seen */
}

static void on_client_open(wsk_client *c)
{
    size_t began = 0;

    RING_CHECK(c == w.client && !w.is_open);
    w.is_open = true;
    /* Behind the proxy's answers, RFC 1928 3 and 6. */
    if (w.socks)
        began = 2 + socks_address(*client_wire(c)->sent + 2);
    client_opened(c, began);
    act_on_client(octet());
}

static void on_client_message(wsk_client *c, wsk_opcode op, uint8_t *data, size_t len)
{
    RING_CHECK(c == w.client && w.is_open);
    wire_given(client_wire(c), SLOW_MESSAGE, op, data, len);
    client_send(c, op, data, len, 0);
    act_on_client(octet());
}

static void on_client_ping(wsk_client *c, const uint8_t *data, size_t len)
{
    RING_CHECK(c == w.client && w.is_open);
    wire_given(client_wire(c), SLOW_PING, 0, data, len);
    act_on_client(octet());
}

static void on_client_pong(wsk_client *c, const uint8_t *data, size_t len)
{
    RING_CHECK(c == w.client && w.is_open);
    wire_given(client_wire(c), SLOW_PONG, 0, data, len);
    act_on_client(octet());
}

static void on_client_writable(wsk_client *c)
{
    RING_CHECK(c == w.client && w.is_open);
    act_on_client(octet());
}

static void on_client_close(wsk_client *c, unsigned code, const char *reason, const char *text)
{
    RING_CHECK(c == w.client && w.is_open);
    client_closed(c, code, text);
    mock_look(reason, strlen(reason));
    mock_look(text, strlen(text));
    w.is_open = false;
    act_on_client(octet());
}

static void on_client_fail(wsk_client *c, wsk_fail kind, unsigned status, const char *text)
{
    (void)status;
    RING_CHECK(c == w.client && !w.is_open && kind != WSK_FAIL_NONE);
    mock_look(text, strlen(text));
    act_on_client(octet());
}

/* ----------------------------------------------------------------------- what may happen -- */

static void far_frame(far_end *f, uint8_t first, const uint8_t *payload, size_t n)
{
    uint8_t head[8] = {first};
    size_t head_n = 2, mask_n = f->is_server ? 0 : 4; /* the mask is zero */
    uint8_t masked = f->is_server ? 0 : 0x80;

    if (n > 125) {
        head[1] = masked | 126;
        head[2] = (uint8_t)(n >> 8);
        head[3] = (uint8_t)n;
        head_n = 4;
    } else {
        head[1] = (uint8_t)(masked | n);
    }
    ring_input(f->file, head, head_n + mask_n);
    ring_input(f->file, payload, n);
}

static WSK__UNCOUNTED void fill(uint8_t *at, size_t n, uint8_t number)
{
    for (size_t i = 0; i < n; i++)
        at[i] = (uint8_t)(number + i);
}

static void numbered_message(far_end *f, size_t n)
{
    static uint8_t buf[60000];
    uint8_t number = (uint8_t)f->next_out;

    if (n < 8)
        n = 8;
    if (f->file->fin)
        return;
    f->next_out++;
    buf[0] = 'E';
    buf[1] = (uint8_t)(f - w.far);
    buf[2] = (uint8_t)f->serial;
    buf[3] = number;
    fill(buf + 4, n - 4, number + 4);
    far_frame(f, 0x82, buf, n);
}

static void turn(int timeout_ms)
{
    RING_CHECK(wsk_loop_turn(w.loop, timeout_ms) == WSK_OK);
}

/* The kernel is going to do something. */
static void change_mood(uint8_t what)
{
    static const int enter[] = {EAGAIN, EBUSY, EINTR, EAGAIN};
    static const int accept[] = {EMFILE, ECONNABORTED, ENOMEM, EINTR};
    unsigned how = what >> 3;

    switch (what & 7) {
    case 0:
        kernel.mood.enter_err = enter[how & 3];
        kernel.mood.enter_fails = 1 + (how >> 2);
        break;
    case 1:
        kernel.mood.take = how;
        break;
    case 2:
        kernel.mood.late = how;
        break;
    case 3:
        kernel.mood.turn = how & 7;
        kernel.mood.sleepy = how >> 3;
        break;
    case 4:
        kernel.mood.ends_in = how;
        break;
    case 5:
        kernel.mood.piece = how < 16 ? how : (how & 15) * 256;
        break;
    case 6:
        kernel.mood.accept_err = accept[how & 3];
        kernel.mood.poll_err = how & 4 ? ENOMEM : 0;
        kernel.mood.interrupted = how >> 3;
        break;
    default:
        kernel.floor = how * 50;
        break;
    }
}

static void operate_on(far_end *f, uint8_t op)
{
    bool variant = (op & 0x80) != 0;
    const uint8_t *p;
    size_t n;

    /* Nothing comes before there is a connection. */
    if (!f->file->connected && (op & 15) != 3 && (op & 15) != 5)
        return;
    switch (op & 15) {
    case 0: /* octets come in */
        p = octets(&n);
        ring_input(f->file, p, n);
        break;
    case 1: /* a frame */
        p = octets(&n);
        if (n > 0)
            far_frame(f, p[0], p + 1, n - 1);
        break;
    case 2:
        ring_end(f->file, false, variant);
        break;
    case 3:
        ring_end(f->file, true, variant);
        break;
    case 4: /* from now on writes do this */
        n = octet() % 6;
        if (f->file->send != RING_BROKEN)
            f->file->send = (unsigned)n;
        break;
    case 5:
        f->file->connected |= f->file->err == 0;
        ring_room(f->file);
        break;
    case 7:
        p = (const uint8_t *)(f->is_server ? answer : request);
        ring_input(f->file, p, strlen((const char *)p));
        p = (const uint8_t *)(f->is_server ? chosen : offer);
        if (variant)
            ring_input(f->file, p, strlen((const char *)p));
        ring_input(f->file, "\r\n", 2);
        f->next_out += f->next_out == 0;
        break;
    case 9:
        numbered_message(f, variant ? (size_t)octet() * 200 : octet());
        break;
    default: /* many at once */
        for (n = octet() % 64; n > 0; n--)
            numbered_message(f, 8);
        break;
    }
}

static void operate(uint8_t op)
{
    far_end *f = &w.far[op >> 4 & (CLIENTS - 1)];

    switch (op & 15) {
    case 6:
        client_comes(op >> 4, (op & 0x80) != 0);
        break;
    case 8:
        if (op & 0x80)
            act_on_all(octet());
        else
            act(NULL);
        break;
    case 10: /* time passes */
        kernel.clock_us += 1000ull << octet() % 20;
        turn(0);
        break;
    case 11: /* an allocation is going to fail */
        mock_memory.fail_in = octet();
        break;
    case 12:
        change_mood(octet());
        break;
    case 14:
        turn(op & 0x80 ? -1 : 1 + (op >> 4));
        break;
    case 15:
        turn(0);
        break;
    default:
        if (f->file != NULL)
            operate_on(f, op);
        break;
    }
}

/* From here on the kernel does what it should. No request outlives its connection, even where the
 * other end does nothing; and when that resets, everyone has to be told. */
static void all_go(void)
{
    wsk_response response = WSK_RESPONSE_INIT;
    wsk_server_stats stats;

    response.status = 403;
    mock_memory.fail_in = 0;
    memset(&kernel.mood, 0, sizeof(kernel.mood));
    w.script.n = 0;
    for (unsigned i = 0; i < MANY && (i < 2 || !ring_is_clean()); i++)
        turn(0);
    RING_CHECK(ring_is_clean());
    for (unsigned i = 0, quiet = 0; i < MANY && quiet < 4; i++) {
        const uint64_t moved = kernel.moved + uring.cq_head;

        for (size_t k = 0; k < RING_FILES; k++) {
            ring_file *f = &kernel.files[k];

            if (f->kind != FILE_SOCKET || !f->connected)
                continue;
            f->wire->is_cut = f->send == RING_BROKEN;
            ring_room(f);
        }
        turn(0);
        quiet = kernel.moved + uring.cq_head == moved ? quiet + 1 : 0;
    }
    peers_have_all(w.server);
    if (w.client != NULL)
        client_has_all(w.client);
    for (size_t i = 0; i < RING_FILES; i++) {
        if (kernel.files[i].kind == FILE_SOCKET)
            ring_end(&kernel.files[i], true, false);
    }
    /* As many turns as it takes, for the queues are small. Time passes when nothing else happens,
     * and not so much that a deadline does it. */
    unsigned steps = 0, quiet = 0;
    for (unsigned i = 0; i < MANY && (steps < STEPS || w.n > 0 || w.is_open || !ring_is_clean());
         i++) {
        const uint64_t moved = kernel.moved + uring.cq_head;

        for (size_t k = 0; k < w.n; k++) {
            (void)!wsk_peer_respond(w.peers[k], &response); /* nothing is read before that */
            wsk_peer_pause(w.peers[k], false);
        }
        if (w.client != NULL)
            wsk_client_pause(w.client, false);
        turn(0);
        quiet = kernel.moved + uring.cq_head == moved ? quiet + 1 : 0;
        if (quiet >= 3 && steps < STEPS) {
            kernel.clock_us += 600000;
            quiet = 0;
            steps++;
        }
    }
    wsk_server_get_stats(w.server, &stats);
    RING_CHECK(stats.connections == 0 && stats.open == 0 && stats.opened == stats.closed);
}

/* --------------------------------------------------------------------------------- set-up -- */

static void make_client(void)
{
    const uint32_t fail_in = mock_memory.fail_in;
    static const char *const addresses[] = {"h:9:127.0.0.1,127.0.0.2", NULL};
    wsk_client_options o = WSK_CLIENT_OPTIONS_INIT;
    wsk_client_handlers h = WSK_CLIENT_HANDLERS_INIT;

    o.conn.hooks = &mock_hooks;
    o.conn.deflate.enabled = w.deflate;
    o.conn.max_message = 100000;
    o.conn.max_queued = 200000;
    o.conn.high_water = w.options & 4 ? 1000 : 100000;
    o.resolve = addresses;
    w.socks = (w.more & 0x40) != 0;
    o.proxy = w.socks ? "socks5://h:9" : "";
    h.on_open = on_client_open;
    h.on_message = on_client_message;
    h.on_ping = on_client_ping;
    h.on_pong = on_client_pong;
    h.on_writable = on_client_writable;
    h.on_close = on_client_close;
    h.on_fail = on_client_fail;
    mock_memory.fail_in = 0;
    RING_CHECK(wsk_client_new(&w.client, w.loop, &o, &h, NULL) == WSK_OK);
    mock_memory.fail_in = fail_in;
    (void)wsk_client_connect(w.client, "ws://h:9/ws");
}

static void make_server(uint8_t options, uint8_t more)
{
    wsk_server_options o = WSK_SERVER_OPTIONS_INIT;
    wsk_handlers h = WSK_HANDLERS_INIT;

    w.deflate = (options & 1) != 0;
    w.stream = (options & 2) != 0;
    o.conn.hooks = &mock_hooks;
    o.conn.deflate.enabled = w.deflate;
    o.conn.flags = w.stream ? WSK_CONN_STREAM : 0;
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
    h.on_writable = on_writable;
    h.on_close = on_close;
    RING_CHECK(wsk_server_new(&w.server, w.loop, &o, &h, NULL) == WSK_OK);
    if (more & 0x10) {
        RING_CHECK(wsk_server_listen(w.server, "ws://127.0.0.1:9/ws", NULL) == WSK_OK);
        for (int i = 0; i < RING_FDS; i++) {
            if (kernel.fds[i] != 0 && ring_file_at(RING_BASE + i)->kind == FILE_LISTENER)
                w.listener = RING_BASE + i;
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    wsk_loop_options o = WSK_LOOP_OPTIONS_INIT;

    memset(&w, 0, sizeof(w));
    memset(&mock_memory, 0, sizeof(mock_memory));
    w.script = (fuzz_script){data, size};
    uint8_t options = w.options = octet(), more = w.more = octet();
    ring_begin((unsigned)RING_SQ >> (more & 1), (unsigned)RING_CQ >> (more >> 2 & 3), on_sent);
    kernel.connecting = on_connecting;
    o.hooks = &mock_hooks;
    o.io = WSK_IO_URING;
    o.recv_buffer = options & 64 ? 65536 : 4096;
    o.busy_poll_us = more & 0x40 ? 50 : 0;
    kernel.tick = more & 0x40 ? 7 : 0;
    mock_memory.fail_in = more & 2 ? octet() : 0;
    if (wsk__loop_new_on(&w.loop, &o, &ring_sys) != WSK_OK) {
        RING_CHECK((more & 2) != 0 && mock_memory.allocated == 0 && kernel.n_fds == 0);
        return 0;
    }
    mock_memory.fail_in = 0;
    if (more & 0x20)
        RING_CHECK(wsk_loop_fd(w.loop) >= 0 && wsk_loop_timeout(w.loop) >= 0);
    make_server(options, more);
    if (options & 0x80)
        make_client();
    while (w.script.n > 0)
        operate(octet());
    if (!(more & 0x80)) {
        all_go();
        RING_CHECK(w.n == 0 && !w.is_open && ring_is_clean() && !ring_has_reset());
    }
    mock_memory.fail_in = 0;
    w.script.n = 0;
    w.ends = true;
    wsk_client_free(w.client);
    wsk_server_free(w.server);
    w.server = NULL;
    RING_CHECK(w.n == 0); /* each that was seen was told to be gone */
    wsk_loop_free(w.loop);
    RING_CHECK(mock_memory.allocated == 0 && kernel.n_fds == 0);
    for (size_t i = 0; i < CLIENTS; i++) {
        if (w.far[i].file != NULL)
            ring_let_go(w.far[i].file);
    }
    for (size_t i = 0; i < RING_FILES; i++)
        RING_CHECK(kernel.files[i].kind == FILE_FREE);
    return 0;
}
