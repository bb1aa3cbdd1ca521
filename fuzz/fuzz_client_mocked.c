/* SPDX-License-Identifier: MIT */
/*
 * A whole client on a mocked system: servers that do not answer, answer anything, stall, break and
 * come back; a program whose handlers do anything; time that passes, memory that runs out.
 *
 * Input: an octet of options, then operations.
 */
#include "mocked_system.h"

#include <websock/client.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct {
    wsk_client *client;
    mock_script *script;
    bool freed;
    bool open;    /* on_open came, on_close not yet */
    bool attempt; /* one is under way: it ends in one call */
    unsigned depth;
} w;

/* The random numbers of mocked_system.h make this the key's only answer. */
static const char answer[] = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                             "Connection: Upgrade\r\n"
                             "Sec-WebSocket-Accept: 1nwQI3IBoftOh+fG2YorpTWcrHs=\r\n";
static const char chosen[] = "Sec-WebSocket-Extensions: permessage-deflate\r\n";

static void act(void)
{
    static uint8_t big[20000];
    uint8_t what = mock_octet(w.script);

    if (w.depth > 3 || w.freed)
        return;
    w.depth++;
    switch (what & 15) {
    case 0:
        (void)wsk_client_send(w.client, WSK_OP_TEXT, "text", 4, 0);
        break;
    case 1:
        (void)wsk_client_send(w.client, WSK_OP_BINARY, big, sizeof(big), 0);
        break;
    case 2:
        (void)wsk_client_send_part(w.client, WSK_OP_BINARY, big, 300, (what & 16) != 0, 0);
        break;
    case 3:
        (void)wsk_client_ping(w.client, "ping", 4);
        break;
    case 4:
        (void)wsk_client_close(w.client, WSK_CLOSE_NORMAL, "bye");
        break;
    case 5:
        wsk_client_drop(w.client);
        break;
    case 6:
        wsk_client_pause(w.client, (what & 16) != 0);
        break;
    case 7:
        if (wsk_client_connect(w.client, "ws://127.0.0.1:9/ws") == WSK_OK)
            w.attempt = true;
        break;
    case 8:
        if (what & 16) {
            wsk_client_free(w.client);
            w.freed = true;
        }
        break;
    default:
        break;
    }
    w.depth--;
}

static void on_open(wsk_client *c)
{
    MOCK_CHECK(c == w.client && !w.freed && !w.open);
    w.open = true;
    act();
}

static void on_message(wsk_client *c, wsk_opcode op, uint8_t *data, size_t len)
{
    MOCK_CHECK(!w.freed && w.open);
    (void)wsk_client_send(c, op, data, len, 0);
    act();
}

static void on_control(wsk_client *c, const uint8_t *data, size_t len)
{
    (void)c;
    MOCK_CHECK(!w.freed && w.open);
    mock_look(data, len);
    act();
}

static void on_close(wsk_client *c, unsigned code, const char *reason, const char *text)
{
    (void)c;
    (void)code;
    MOCK_CHECK(!w.freed && w.open);
    mock_look(reason, strlen(reason));
    mock_look(text, strlen(text));
    w.open = w.attempt = false;
    act();
}

static void on_fail(wsk_client *c, wsk_fail kind, unsigned status, const char *text)
{
    (void)status;
    MOCK_CHECK(!w.freed && !w.open && kind != WSK_FAIL_NONE);
    mock_look(text, strlen(text));
    wsk_str body = wsk_client_body(c);
    mock_look(body.ptr, body.len);
    w.attempt = false;
    act();
}

static void on_wire(wsk_client *c, bool sent, const uint8_t *data, size_t len)
{
    (void)c;
    (void)sent;
    mock_look(data, len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mock_script script = {data, size};
    wsk_client_options o = WSK_CLIENT_OPTIONS_INIT;
    wsk_client_handlers h = WSK_CLIENT_HANDLERS_INIT;

    memset(&w, 0, sizeof(w));
    w.script = &script;
    wsk_loop *loop = mock_begin();
    uint8_t options = mock_octet(&script);
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
    h.on_ping = h.on_pong = on_control;
    h.on_close = on_close;
    h.on_fail = on_fail;
    h.on_wire = options & 128 ? on_wire : NULL;
    MOCK_CHECK(wsk_client_new(&w.client, loop, &o, &h, NULL) == WSK_OK);
    if (wsk_client_connect(w.client, "ws://127.0.0.1:9/ws") == WSK_OK)
        w.attempt = true;
    while (script.n > 0) {
        uint8_t op = mock_octet(&script);
        mock_socket *s = mock_of(mock.connecting);

        switch (op & 15) {
        case 0:
        case 1:
        case 2:
        case 3:
        case 4:
        case 5:
            if (mock.connecting > 0)
                mock_operate(s, op & 15, &script, false);
            break;
        case 6:
            mock_input(s, answer, sizeof(answer) - 1);
            if (op & 0x80)
                mock_input(s, chosen, sizeof(chosen) - 1);
            mock_input(s, "\r\n", 2);
            break;
        case 7: /* connected */
            s->pending |= EPOLLOUT;
            break;
        case 8:
            act();
            break;
        default:
            mock_operate_all(loop, op & 3, &script);
            break;
        }
    }
    mock.fail_in = 0;
    if (!w.freed)
        wsk_client_free(w.client);
    mock_end(loop);
    return 0;
}
