/* SPDX-License-Identifier: MIT */
/*
 * The blocking client: sends each of its further arguments, and waits for one answer to each.
 *
 *     client_blocking ws://127.0.0.1:8888/ws hello world
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <websock/websock.h>

#define PATIENCE_MS 5000

static bool ask(wsk_sync *s, const char *question)
{
    wsk_message m;

    if (wsk_sync_send(s, WSK_OP_TEXT, question, strlen(question), 0) < 0)
        return false;
    int r = wsk_sync_recv(s, &m, PATIENCE_MS);
    if (r < 0) {
        fprintf(stderr, "%s: %s\n", question, wsk_strerror(r));
        return false;
    }
    if (m.opcode == WSK_OP_CLOSE) {
        fprintf(stderr, "closed with %u %s\n", m.code, (char *)m.data);
        return false;
    }
    printf("%s\n", (char *)m.data); /* there is a NUL behind it */
    return true;
}

int main(int argc, char **argv)
{
    wsk_sync *s;
    bool ok = true;

    if (argc < 2) {
        fprintf(stderr, "usage: client_blocking URL [MESSAGE...]\n");
        return EXIT_FAILURE;
    }
    if (wsk_sync_connect(&s, argv[1], NULL) < 0) {
        fprintf(stderr, "%s: %s\n", argv[1], wsk_sync_text(s));
        wsk_sync_free(s);
        return EXIT_FAILURE;
    }
    for (int i = 2; i < argc && ok; i++)
        ok = ask(s, argv[i]);
    if (ok && wsk_sync_close(s, WSK_CLOSE_NORMAL, NULL) < 0) {
        fprintf(stderr, "%s\n", wsk_sync_text(s));
        ok = false;
    }
    wsk_sync_free(s);
    return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}
