/* SPDX-License-Identifier: MIT */
/*
 * A program with a loop of its own, here poll(2) on the standard input, that has the loop of
 * websock nested in it: each line that is typed goes to everyone who is connected. The end of the
 * input says good-bye to them all and ends the program.
 */
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <websock/websock.h>

static void on_message(wsk_peer *p, wsk_opcode op, uint8_t *data, size_t len)
{
    char address[128];

    wsk_peer_address(p, address, sizeof(address));
    printf("%s sent %s of %zu octets\n", address, op == WSK_OP_TEXT ? "text" : "a binary message",
           len);
    (void)data;
}

/* Of the input: what has come of a line that has not ended yet. */
typedef struct typed {
    char text[4096];
    size_t len;
} typed;

/* Sends each whole line. A longer one than fits goes out in pieces. False at the end of the
 * input. */
static bool take_input(wsk_server *server, typed *t)
{
    ssize_t n = read(STDIN_FILENO, t->text + t->len, sizeof(t->text) - t->len);

    if (n <= 0)
        return false;
    t->len += (size_t)n;
    for (;;) {
        char *newline = memchr(t->text, '\n', t->len);
        size_t len = newline != NULL ? (size_t)(newline - t->text) : t->len;
        if (newline == NULL && t->len < sizeof(t->text))
            return true;
        if (wsk_server_broadcast(server, WSK_OP_TEXT, t->text, len, NULL) == WSK_ERR_UTF8)
            wsk_server_broadcast(server, WSK_OP_BINARY, t->text, len, NULL);
        size_t used = newline != NULL ? len + 1 : len;
        t->len -= used;
        memmove(t->text, t->text + used, t->len);
    }
}

static unsigned connections(const wsk_server *server)
{
    wsk_server_stats stats;

    wsk_server_get_stats(server, &stats);
    return stats.connections;
}

static int run(wsk_loop *loop, wsk_server *server)
{
    bool input = true;
    typed t = {.len = 0};

    while (input || connections(server) > 0) {
        struct pollfd fds[] = {
            {wsk_loop_fd(loop), POLLIN, 0},
            {input ? STDIN_FILENO : -1, POLLIN, 0},
        };

        if (poll(fds, 2, wsk_loop_timeout(loop)) < 0)
            return EXIT_FAILURE;
        if (fds[1].revents != 0 && !take_input(server, &t)) {
            input = false;
            wsk_server_drain(server, WSK_CLOSE_GOING_AWAY, "good-bye");
        }
        /* Also when nothing is ready: a timer may be due, and what was queued wants to go out. */
        if (wsk_loop_turn(loop, 0) < 0)
            return EXIT_FAILURE;
    }
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    const char *url = argc > 1 ? argv[1] : "ws://127.0.0.1:8888/ws";
    wsk_loop *loop;
    wsk_server *server;
    wsk_handlers handlers = WSK_HANDLERS_INIT;

    handlers.on_message = on_message;
    int r = wsk_loop_new(&loop, NULL);
    if (r == WSK_OK)
        r = wsk_server_new(&server, loop, NULL, &handlers, NULL);
    if (r == WSK_OK)
        r = wsk_server_listen(server, url, NULL);
    if (r < 0) {
        fprintf(stderr, "nested_loop: %s: %s\n", url, wsk_strerror(r));
        return EXIT_FAILURE;
    }
    printf("listening on %s\n", url);
    fflush(stdout);
    int code = run(loop, server);
    wsk_server_free(server);
    wsk_loop_free(loop);
    return code;
}
