/* SPDX-License-Identifier: MIT */
/*
 * A whole server on a mocked system: clients that come, send, stall, break and go in any order, a
 * program whose handlers do anything to any peer, time that passes, memory that runs out.
 *
 * Input: an octet of options, then operations: low four bits what, high four bits on which client.
 */
#include "mocked_system.h"

#include <websock/server.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CLIENTS 8

static struct {
    wsk_server *server;
    wsk_peer *peers[64]; /* those that a handler has seen, and whose end it has not */
    size_t n;
    mock_script *script;
    unsigned depth; /* of actions: one may cause the next */
} w;

static const char request[] = "GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
                              "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                              "Sec-WebSocket-Key: WlpaWlpaWlpaWlpaWlpaWg==\r\n";
static const char offer[] = "Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=9"
                            ", permessage-deflate\r\n";

static void seen(wsk_peer *p)
{
    for (size_t i = 0; i < w.n; i++) {
        if (w.peers[i] == p)
            return;
    }
    MOCK_CHECK(w.n < 64);
    w.peers[w.n++] = p;
}

/* The program does something, to the peer or to another one. */
static void act(wsk_peer *p)
{
    static uint8_t big[20000];
    uint8_t what = mock_octet(w.script);

    if (w.depth > 3 || w.n == 0)
        return;
    w.depth++;
    if (p == NULL || what & 0x80)
        p = w.peers[(what >> 4 & 7) % w.n];
    switch (what & 15) {
    case 0:
        (void)wsk_peer_send(p, WSK_OP_TEXT, "text", 4, 0);
        break;
    case 1:
        (void)wsk_peer_send(p, WSK_OP_BINARY, big, sizeof(big), WSK_SEND_COMPRESS);
        break;
    case 2:
        (void)wsk_peer_send_part(p, WSK_OP_BINARY, big, 300, (what & 16) != 0, 0);
        break;
    case 3:
        (void)wsk_peer_ping(p, "ping", 4);
        break;
    case 4:
        (void)wsk_peer_close(p, WSK_CLOSE_NORMAL, "bye");
        break;
    case 5:
        wsk_peer_drop(p);
        break;
    case 6:
        wsk_peer_pause(p, (what & 16) != 0);
        break;
    case 7:
        (void)wsk_server_broadcast(w.server, WSK_OP_BINARY, big, 5000, what & 16 ? p : NULL);
        break;
    case 8:
        (void)wsk_peer_pong(p, NULL, 0);
        break;
    case 9:
        wsk_server_drain(w.server, WSK_CLOSE_GOING_AWAY, "");
        break;
    case 10:
        (void)wsk_peer_accept(p, NULL);
        break;
    case 11: {
        wsk_response r = WSK_RESPONSE_INIT;
        r.status = 403;
        (void)wsk_peer_respond(p, &r);
        break;
    }
    default:
        break;
    }
    w.depth--;
}

static void on_request(wsk_peer *p, bool is_upgrade)
{
    seen(p);
    if (is_upgrade && mock_octet(w.script) % 4 != 3)
        (void)wsk_peer_accept(p, NULL);
    else
        act(p);
}

static void on_open(wsk_peer *p)
{
    seen(p);
    act(p);
}

static void on_message(wsk_peer *p, wsk_opcode op, uint8_t *data, size_t len)
{
    (void)wsk_peer_send(p, op, data, len, 0);
    act(p);
}

static void on_data(wsk_peer *p, wsk_opcode op, uint8_t *data, size_t len, bool first, bool last)
{
    (void)first;
    (void)wsk_peer_send_part(p, op, data, len, last, 0);
    act(p);
}

static void on_control(wsk_peer *p, const uint8_t *data, size_t len)
{
    mock_look(data, len);
    act(p);
}

static void on_close(wsk_peer *p, unsigned code, const char *text)
{
    (void)code;
    mock_look(text, strlen(text));
    act(p);
    for (size_t i = 0; i < w.n; i++) {
        if (w.peers[i] == p) {
            w.peers[i] = w.peers[--w.n];
            return;
        }
    }
    abort(); /* told twice, or never seen */
}

static void client_comes(void)
{
    int fd = fcntl(mock.null_fd, F_DUPFD_CLOEXEC, 0);

    MOCK_CHECK(fd >= 0);
    mock_new_socket(fd);
    (void)wsk_server_adopt(w.server, fd, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mock_script script = {data, size};
    wsk_server_options o = WSK_SERVER_OPTIONS_INIT;
    wsk_handlers h = WSK_HANDLERS_INIT;
    int fds[CLIENTS];

    memset(&w, 0, sizeof(w));
    w.script = &script;
    wsk_loop *loop = mock_begin();
    uint8_t options = mock_octet(&script);
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
    h.on_ping = h.on_pong = on_control;
    h.on_close = on_close;
    MOCK_CHECK(wsk_server_new(&w.server, loop, &o, &h, NULL) == WSK_OK);

    /* Clients are known by the number of their descriptor: the lowest that is free, as ever. */
    int first = fcntl(mock.null_fd, F_DUPFD_CLOEXEC, 0);
    close(first);
    for (int i = 0; i < CLIENTS; i++)
        fds[i] = first + i;
    while (script.n > 0) {
        uint8_t op = mock_octet(&script);
        mock_socket *s = mock_of(fds[op >> 4 & (CLIENTS - 1)]);

        if ((op & 15) < 6) {
            mock_operate(s, op & 15, &script, true);
        } else if ((op & 15) == 6) {
            if (w.n < 32)
                client_comes();
        } else if ((op & 15) == 7) {
            mock_input(s, request, sizeof(request) - 1);
            if (op & 0x80)
                mock_input(s, offer, sizeof(offer) - 1);
            mock_input(s, "\r\n", 2);
        } else if ((op & 15) == 8) {
            act(NULL);
        } else {
            mock_operate_all(loop, op & 3, &script);
        }
    }
    mock.fail_in = 0;
    wsk_server_free(w.server);
    MOCK_CHECK(w.n == 0); /* each that was seen was told to be gone */
    mock_end(loop);
    return 0;
}
