/* SPDX-License-Identifier: MIT */
/* How far the workers of "websock serve" are with a drain, and whether its time is over. */
#ifndef CLI_SERVE_DRAIN_H
#define CLI_SERVE_DRAIN_H

#include "serve_worker.h"

typedef enum serve_drain {
    SERVE_DRAIN_GOES_ON,
    SERVE_DRAIN_IN_TIME, /* all connections were gone before its time was over */
    SERVE_DRAIN_LATE,
} serve_drain;

enum {
    /* However short the time is, workers get so long to see whether anybody is connected at all. */
    SERVE_DRAIN_LOOK_MS = 1000,
};

/* limit and elapsed, since the workers were told to drain, in ms. *ret_wait_ms: ask again then, if
 * it goes on. */
serve_drain serve_drain_look(const serve_worker *workers, size_t n, uint32_t limit,
                             uint64_t elapsed, int *ret_wait_ms);

#endif
