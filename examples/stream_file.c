/* SPDX-License-Identifier: MIT */
/*
 * Sends a file as one message, however large, and writes what is answered to standard output:
 * little more than HIGH_WATER octets of it are in memory, whatever the pace of the server. So is a
 * message that is made while it is sent.
 *
 *     stream_file URL FILE
 */
#include <stdio.h>
#include <stdlib.h>

#include <websock/websock.h>

#define HIGH_WATER ((size_t)1 << 20)

static FILE *file; /* NULL: all of it is sent */
static int result = 1;

/* As much as may wait. There is more when on_writable says so. */
static void send_more(wsk_client *c)
{
    static char piece[65536];

    while (file != NULL && wsk_client_queued(c) <= HIGH_WATER) {
        size_t n = fread(piece, 1, sizeof(piece), file);
        bool last = n < sizeof(piece);

        if (ferror(file) || wsk_client_send_part(c, WSK_OP_BINARY, piece, n, last, 0) < 0) {
            wsk_client_drop(c);
            return;
        }
        if (last) {
            fclose(file);
            file = NULL;
        }
    }
}

static void on_data(wsk_client *c, wsk_opcode op, uint8_t *data, size_t len, bool first, bool last)
{
    (void)op;
    (void)first;
    fwrite(data, 1, len, stdout);
    /* What is said before, such as a greeting, is no answer to all of it. */
    if (last && file == NULL) {
        result = 0;
        wsk_client_close(c, WSK_CLOSE_NORMAL, NULL);
    }
}

static void on_close(wsk_client *c, unsigned code, const char *reason, const char *text)
{
    (void)c;
    (void)reason;
    if (result != 0)
        fprintf(stderr, "closed: %u (%s)\n", code, text);
}

static void on_fail(wsk_client *c, wsk_fail kind, unsigned status, const char *text)
{
    (void)c;
    (void)kind;
    (void)status;
    fprintf(stderr, "%s\n", text);
}

int main(int argc, char **argv)
{
    wsk_client_options options = WSK_CLIENT_OPTIONS_INIT;
    wsk_client_handlers handlers = WSK_CLIENT_HANDLERS_INIT;
    wsk_client *client;
    wsk_loop *loop;

    if (argc != 3 || (file = fopen(argv[2], "rb")) == NULL) {
        fprintf(stderr, "usage: stream_file URL FILE\n");
        return 2;
    }
    options.conn.flags = WSK_CONN_STREAM; /* answers come in pieces, too */
    options.conn.max_message = UINT64_MAX;
    options.conn.high_water = HIGH_WATER;
    handlers.on_open = send_more;
    handlers.on_writable = send_more;
    handlers.on_data = on_data;
    handlers.on_close = on_close;
    handlers.on_fail = on_fail;
    if (wsk_loop_new(&loop, NULL) < 0 ||
        wsk_client_new(&client, loop, &options, &handlers, NULL) < 0 ||
        wsk_client_connect(client, argv[1]) < 0)
        return 1;
    while (wsk_client_stage(client) != WSK_STAGE_IDLE)
        wsk_loop_turn(loop, -1);
    wsk_client_free(client);
    wsk_loop_free(loop);
    return result;
}
