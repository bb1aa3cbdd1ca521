/* SPDX-License-Identifier: MIT */
/*
 * A descriptor that someone else reads and writes, watched by a loop until it is ready: for
 * sockets that are being connected, and handshakes too short to need a stream.
 */
#ifndef WSK_NET_WATCH_H
#define WSK_NET_WATCH_H

#include <websock/loop.h>

typedef struct wsk__watch wsk__watch;

/* Embedded in its owner's struct. The fields but `ready` are the loop's. */
struct wsk__watch {
    /* The descriptor is ready, has failed, or perhaps is neither: see for yourself. Comes once for
     * each call of wsk__watch_set(). May end the watch, and free it. */
    void (*ready)(wsk__watch *w);
    wsk_loop *loop;
    int fd;
    bool output;
    bool known; /* to the backend */
    bool armed; /* `ready` is to come */
};

void wsk__watch_init(wsk__watch *w, wsk_loop *loop, int fd, void (*ready)(wsk__watch *w));
/* Waits for input or for room for output, instead of what it waited for. WSK_ERR_SYS, _NOMEM. */
int wsk__watch_set(wsk__watch *w, bool output);
/* Forgets the descriptor, which stays open. Also for a struct of zeros. */
void wsk__watch_end(wsk__watch *w);

#endif
