/* SPDX-License-Identifier: MIT */
/* The whole of an echo server. */
#include <websock/websock.h>

static void on_message(wsk_peer *p, wsk_opcode op, uint8_t *data, size_t len)
{
    wsk_peer_send(p, op, data, len, WSK_SEND_SKIP_UTF8);
}

int main(void)
{
    wsk_loop *loop;
    wsk_server *server;
    wsk_handlers handlers = WSK_HANDLERS_INIT;

    handlers.on_message = on_message;
    if (wsk_loop_new(&loop, NULL) < 0 || wsk_server_new(&server, loop, NULL, &handlers, NULL) < 0 ||
        wsk_server_listen(server, "ws://127.0.0.1:8888/ws", NULL) < 0)
        return 1;
    return wsk_loop_run(loop) < 0;
}
