/* SPDX-License-Identifier: MIT */
/*
 * A worker of "websock serve": a thread with a loop and a server of its own. Workers share the
 * listening addresses (SO_REUSEPORT) and, to broadcast, post to each other's loops.
 */
#ifndef CLI_SERVE_WORKER_H
#define CLI_SERVE_WORKER_H

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>

#include "serve.h"
#include "serve_inbox.h"
#include "serve_page.h"

struct serve_worker {
    serve *serve;
    size_t index;
    pthread_t thread;
    wsk_loop *loop;
    wsk_server *server;
    wsk_timer *drain_timer;
    wsk_timer *tidy_timer;
    uint32_t most; /* open connections, since memory was last given back */
    bool tidying;  /* tidy_timer runs */
    wsk_timer *refuse_timer;
    uint32_t refused;   /* connections, in the second that refuse_timer measures */
    serve_page **pages; /* one per URL, in the order of the server's listeners */

    sem_t started;        /* posted once; then `error` says whether it runs */
    char error[1024];     /* why it does not; "" if it does */
    bool wrong_url;       /* because a URL is none */
    char **real_urls;     /* of worker 0: with the ports that the kernel chose */
    sem_t may_run;        /* posted when all others have a loop that can be posted to */
    bool abandoned;       /* one of them has not: do not run */
    sem_t left;           /* posted when its loop has ended */
    sem_t may_free;       /* the others no longer post to it */
    atomic_bool looked;   /* whether anybody is connected, since it was told to drain */
    atomic_bool drained;  /* nobody is connected any more */
    bool late;            /* someone was closed when the time was over; before `drained` */
    uint64_t drain_began; /* in ms of the loop's clock */
    atomic_bool broken;   /* its loop failed */
    serve_inbox inbox;    /* of broadcasts that others posted and it has not yet sent */
    uint64_t skipped;     /* deliveries that a full queue prevented */
    uint64_t missed;      /* its messages for which another worker's inbox had no room */
    uint64_t missed_told; /* when that was logged, in ms of the loop's clock */
    wsk_server_stats end; /* when it ended */
};

/* Starts the thread and waits until it listens or has failed: then false and w->error. */
bool serve_worker_start(serve_worker *w, serve *serve, size_t index);
/* Lets all of them accept connections. */
void serve_workers_go(serve_worker *workers, size_t n);
/* Stops listening, closes every connection with 1001, and tells event_fd when they are gone. */
bool serve_worker_drain(serve_worker *w);
/* Ends the n workers that were started, whether they run or not; connections that are left are
 * dropped. */
void serve_workers_end(serve_worker *workers, size_t n, bool running);

#endif
