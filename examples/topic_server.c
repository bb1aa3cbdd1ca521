/* SPDX-License-Identifier: MIT */
/*
 * A chat with topics: the path of the URL is the topic, ws://127.0.0.1:8888/news for instance, and
 * what is said reaches those with the same topic. Shows how to look at a request before it is
 * accepted, to keep data of one's own with a peer, and to frame a message once for several peers.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <websock/websock.h>

enum { LONGEST_TOPIC = 64 };

static void refuse(wsk_peer *p, unsigned status, const char *why)
{
    wsk_response response = WSK_RESPONSE_INIT;

    response.status = status;
    response.body = why;
    response.body_len = strlen(why);
    if (wsk_peer_respond(p, &response) < 0)
        wsk_peer_drop(p);
}

static void on_request(wsk_peer *p, bool is_upgrade)
{
    wsk_str path = wsk_conn_path(wsk_peer_conn(p));

    if (!is_upgrade) {
        refuse(p, 426, "Connect with WebSocket; the path is the topic.\n");
        return;
    }
    if (path.len < 2 || path.len > LONGEST_TOPIC) {
        refuse(p, 404, "A topic has 1 to 63 characters.\n");
        return;
    }
    char *topic = strndup(path.ptr, path.len);
    if (topic == NULL) {
        refuse(p, 500, "Out of memory.\n");
        return;
    }
    wsk_peer_set_data(p, topic);
    if (wsk_peer_accept(p, NULL) < 0)
        wsk_peer_drop(p);
}

static void on_message(wsk_peer *p, wsk_opcode op, uint8_t *data, size_t len)
{
    wsk_server *server = wsk_peer_server(p);
    const char *topic = wsk_peer_data(p);
    wsk_prepared *message;

    if (wsk_prepared_new(&message, wsk_server_config(server), op, data, len) < 0)
        return;
    wsk_peer *other = NULL;
    while ((other = wsk_server_next_peer(server, other)) != NULL) {
        if (strcmp(wsk_peer_data(other), topic) == 0)
            wsk_peer_send_prepared(other, message);
    }
    wsk_prepared_unref(message);
}

static void on_close(wsk_peer *p, unsigned code, const char *text)
{
    (void)code;
    (void)text;
    free(wsk_peer_data(p));
}

int main(int argc, char **argv)
{
    const char *url = argc > 1 ? argv[1] : "ws://127.0.0.1:8888/*";
    wsk_loop *loop;
    wsk_server *server;
    wsk_server_options options = WSK_SERVER_OPTIONS_INIT;
    wsk_handlers handlers = WSK_HANDLERS_INIT;

    options.conn.size = sizeof(options.conn);
    options.conn.max_message = 4096;
    options.conn.deflate.size = sizeof(options.conn.deflate);
    options.conn.deflate.enabled = true;
    handlers.on_request = on_request;
    handlers.on_message = on_message;
    handlers.on_close = on_close;
    int r = wsk_loop_new(&loop, NULL);
    if (r == WSK_OK)
        r = wsk_server_new(&server, loop, &options, &handlers, NULL);
    if (r == WSK_OK)
        r = wsk_server_listen(server, url, NULL);
    if (r < 0) {
        fprintf(stderr, "topic_server: %s: %s\n", url, wsk_strerror(r));
        return EXIT_FAILURE;
    }
    printf("listening on %s\n", url);
    fflush(stdout);
    return wsk_loop_run(loop) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
