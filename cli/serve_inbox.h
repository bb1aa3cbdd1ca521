/* SPDX-License-Identifier: MIT */
/*
 * Where one worker of "websock serve" leaves broadcasts for another: posted to its loop, up to a
 * limit. It knows neither the server nor its clients.
 */
#ifndef CLI_SERVE_INBOX_H
#define CLI_SERVE_INBOX_H

#include <stdatomic.h>

#include <websock/server.h>

enum {
    /* A worker that is slower than the others must not make them pile up messages for it: what
     * would be beyond this passes it by. */
    SERVE_INBOX_MAX = 64 << 20,
    /* What a message counts besides its octets. It takes some hundred of memory, but empty messages
     * cost a worker with many clients its time, too: 65,536 of them are all that wait. */
    SERVE_INBOX_EACH = 1024,
};

typedef struct serve_inbox {
    wsk_loop *loop;
    void (*deliver)(void *ud, wsk_prepared *message); /* on the thread of the loop */
    void *ud;
    atomic_size_t octets; /* that wait, as they are counted */
} serve_inbox;

void serve_inbox_init(serve_inbox *inbox, wsk_loop *loop,
                      void (*deliver)(void *ud, wsk_prepared *message), void *ud);
/* Has a message of len octets delivered soon, in the order of one sender. From any thread. False:
 * there is no room, or no memory, and it never will be. */
bool serve_inbox_post(serve_inbox *to, wsk_prepared *message, size_t len);

#endif
