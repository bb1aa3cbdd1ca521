/* SPDX-License-Identifier: MIT */
/*
 * A client on a loop: connects, says each of its further arguments as a message, prints what
 * comes, and says good-bye when as many messages have come as it sent. It comes back by itself when
 * the connection is lost.
 *
 *     client_async ws://127.0.0.1:8888/ws hello world
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <websock/websock.h>

typedef struct talk {
    char **words;
    int n, heard;
    bool failed;
} talk;

static void on_open(wsk_client *c)
{
    talk *t = wsk_client_data(c);
    char extensions[256];

    wsk_conn_extensions(wsk_client_conn(c), extensions, sizeof(extensions));
    printf("open: %s%s%s\n", wsk_client_url(c), *extensions ? " with " : "", extensions);
    t->heard = 0;
    for (int i = 0; i < t->n; i++) {
        if (wsk_client_send(c, WSK_OP_TEXT, t->words[i], strlen(t->words[i]), 0) < 0)
            fprintf(stderr, "not sent: %s\n", t->words[i]);
    }
    if (t->n == 0)
        wsk_client_close(c, WSK_CLOSE_NORMAL, NULL);
}

static void on_message(wsk_client *c, wsk_opcode op, uint8_t *data, size_t len)
{
    talk *t = wsk_client_data(c);

    if (op == WSK_OP_TEXT)
        printf("%.*s\n", (int)len, (char *)data);
    else
        printf("a binary message of %zu octets\n", len);
    if (++t->heard == t->n)
        wsk_client_close(c, WSK_CLOSE_NORMAL, "that was all");
}

static void on_close(wsk_client *c, unsigned code, const char *reason, const char *text)
{
    talk *t = wsk_client_data(c);

    printf("closed: %u%s%s (%s)\n", code, *reason ? " " : "", reason, text);
    t->failed = code != WSK_CLOSE_NORMAL;
}

static void on_fail(wsk_client *c, wsk_fail kind, unsigned status, const char *text)
{
    talk *t = wsk_client_data(c);
    wsk_str body = wsk_client_body(c);

    (void)kind;
    (void)status;
    fprintf(stderr, "%s: %s\n", wsk_client_url(c), text);
    if (body.len > 0)
        fprintf(stderr, "%.*s\n", (int)body.len, body.ptr);
    t->failed = true;
}

static void on_retry(wsk_client *c, unsigned attempt, uint32_t delay_ms)
{
    (void)c;
    fprintf(stderr, "attempt %u in %u ms\n", attempt, (unsigned)delay_ms);
}

int main(int argc, char **argv)
{
    talk t = {.words = argv + 2, .n = argc - 2};
    wsk_client_options options = WSK_CLIENT_OPTIONS_INIT;
    wsk_client_handlers handlers = WSK_CLIENT_HANDLERS_INIT;
    wsk_loop *loop;
    wsk_client *client;

    if (argc < 2) {
        fprintf(stderr, "usage: client_async URL [MESSAGE...]\n");
        return EXIT_FAILURE;
    }
    handlers.on_open = on_open;
    handlers.on_message = on_message;
    handlers.on_close = on_close;
    handlers.on_fail = on_fail;
    handlers.on_retry = on_retry;
    options.conn.size = sizeof(options.conn);
    options.conn.deflate.enabled = true;
    options.max_redirects = 5;
    options.retry_initial = 500;
    options.retry_attempts = 3;
    int r = wsk_loop_new(&loop, NULL);
    if (r == WSK_OK)
        r = wsk_client_new(&client, loop, &options, &handlers, &t);
    if (r < 0) {
        fprintf(stderr, "client_async: %s\n", wsk_strerror(r));
        return EXIT_FAILURE;
    }
    if (wsk_client_connect(client, argv[1]) < 0) {
        fprintf(stderr, "%s: %s\n", argv[1], wsk_client_text(client));
        t.failed = true;
    }
    while (wsk_client_stage(client) != WSK_STAGE_IDLE && wsk_loop_turn(loop, -1) == WSK_OK)
        ;
    wsk_client_free(client);
    wsk_loop_free(loop);
    return t.failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
