/* SPDX-License-Identifier: MIT */
/* See serve_drain.h. */
#include "serve_drain.h"

enum { LONGEST_WAIT_MS = 60000 };

serve_drain serve_drain_look(const serve_worker *workers, size_t n, uint32_t limit,
                             uint64_t elapsed, int *ret_wait_ms)
{
    bool looked = true, drained = true, late = false;

    for (size_t i = 0; i < n; i++) {
        const serve_worker *w = &workers[i];

        looked = looked && atomic_load(&w->looked);
        /* `late` may be read once it is drained. */
        if (!atomic_load(&w->drained))
            drained = false;
        else
            late = late || w->late;
    }
    if (looked && drained)
        return late ? SERVE_DRAIN_LATE : SERVE_DRAIN_IN_TIME;
    /* A worker that is too busy to look is no reason to wait for ever. */
    if (!looked && limit < SERVE_DRAIN_LOOK_MS)
        limit = SERVE_DRAIN_LOOK_MS;
    if (elapsed >= limit)
        return SERVE_DRAIN_LATE;
    uint64_t rest = limit - elapsed;
    *ret_wait_ms = rest < LONGEST_WAIT_MS ? (int)rest : LONGEST_WAIT_MS;
    return SERVE_DRAIN_GOES_ON;
}
