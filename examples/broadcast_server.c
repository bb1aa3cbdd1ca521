/* SPDX-License-Identifier: MIT */
/*
 * Sends each message to everyone, and tells the others who comes and goes. The message is framed
 * once for all. SIGINT and SIGTERM end it in order. Takes a URL, or listens on
 * ws://127.0.0.1:8888/ws.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <websock/websock.h>

static void announce(wsk_peer *p, const char *what, const wsk_peer *except)
{
    char address[128], text[160];

    wsk_peer_address(p, address, sizeof(address));
    snprintf(text, sizeof(text), "%s %s", address, what);
    wsk_server_broadcast(wsk_peer_server(p), WSK_OP_TEXT, text, strlen(text), except);
}

static void on_open(wsk_peer *p)
{
    /* Any data will do as the mark of someone who was announced. */
    wsk_peer_set_data(p, p);
    announce(p, "came", p);
}

static void on_message(wsk_peer *p, wsk_opcode op, uint8_t *data, size_t len)
{
    wsk_server_broadcast(wsk_peer_server(p), op, data, len, NULL);
}

static void on_close(wsk_peer *p, unsigned code, const char *text)
{
    (void)code;
    (void)text;
    if (wsk_peer_data(p) != NULL)
        announce(p, "left", p);
}

static wsk_loop *loop;

static void on_signal(int number)
{
    (void)number;
    wsk_loop_stop(loop);
}

/* Says goodbye to all, and gives them five seconds to say so, too. */
static void shut_down(wsk_server *server)
{
    uint64_t now = wsk_loop_now(loop), end = now + 5000;
    wsk_server_stats stats;

    wsk_server_drain(server, WSK_CLOSE_GOING_AWAY, "shutting down");
    for (; now < end; now = wsk_loop_now(loop)) {
        wsk_server_get_stats(server, &stats);
        if (stats.connections == 0 || wsk_loop_turn(loop, (int)(end - now)) < 0)
            break;
    }
    wsk_server_free(server);
}

int main(int argc, char **argv)
{
    const char *url = argc > 1 ? argv[1] : "ws://127.0.0.1:8888/ws";
    wsk_server *server;
    wsk_server_options options = WSK_SERVER_OPTIONS_INIT;
    wsk_handlers handlers = WSK_HANDLERS_INIT;

    /* Chat is short: who sends more than 4 KiB at once is closed with 1009, and of someone who
     * does not read not much more than 64 KiB are kept. */
    options.conn.size = sizeof(options.conn);
    options.conn.max_message = 4096;
    options.conn.max_queued = 65536;
    options.conn.high_water = 65536;
    handlers.on_open = on_open;
    handlers.on_message = on_message;
    handlers.on_close = on_close;
    int r = wsk_loop_new(&loop, NULL);
    if (r == WSK_OK)
        r = wsk_server_new(&server, loop, &options, &handlers, NULL);
    if (r == WSK_OK)
        r = wsk_server_listen(server, url, NULL);
    if (r < 0) {
        fprintf(stderr, "broadcast_server: %s: %s\n", url, wsk_strerror(r));
        return EXIT_FAILURE;
    }
    signal(SIGINT, on_signal);
    signal(SIGTERM, on_signal);
    printf("listening on %s\n", url);
    fflush(stdout);
    r = wsk_loop_run(loop);
    shut_down(server);
    wsk_loop_free(loop);
    return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
