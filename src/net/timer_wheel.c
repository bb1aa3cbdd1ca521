/* SPDX-License-Identifier: MIT */
/* See timer_wheel.h. Knows the links of a stream, nothing else of it. */
#include "net/timer_wheel.h"

#include <string.h>

#define SLOT_MASK (WSK__WHEEL_SLOTS - 1)

/* Rounds up: a deadline is never early. */
static uint64_t tick_of(uint64_t when)
{
    return (when >> WSK__WHEEL_SHIFT) + ((when & ((1u << WSK__WHEEL_SHIFT) - 1)) != 0);
}

void wsk__wheel_init(wsk__wheel *w, uint64_t now)
{
    memset(w, 0, sizeof(*w));
    w->base = w->tick = now >> WSK__WHEEL_SHIFT;
}

static void link_stream(wsk__wheel *w, wsk__stream *s)
{
    uint64_t tick = w->base + s->deadline;

    if (tick <= w->tick)
        tick = w->tick + 1;
    else if (tick > w->tick + SLOT_MASK)
        tick = w->tick + SLOT_MASK;
    size_t i = (size_t)(tick & SLOT_MASK);
    s->timer_next = w->slot[i];
    s->timer_prev = &w->slot[i];
    if (s->timer_next != NULL)
        s->timer_next->timer_prev = &s->timer_next;
    w->slot[i] = s;
    w->used[i / 64] |= UINT64_C(1) << (i % 64);
    w->n++;
}

void wsk__wheel_remove(wsk__wheel *w, wsk__stream *s)
{
    if (s->timer_prev == NULL)
        return;
    *s->timer_prev = s->timer_next;
    if (s->timer_next != NULL)
        s->timer_next->timer_prev = s->timer_prev;
    s->timer_next = NULL;
    s->timer_prev = NULL;
    w->n--;
}

void wsk__wheel_set(wsk__wheel *w, wsk__stream *s, uint64_t when)
{
    uint32_t old = s->deadline;
    uint64_t tick = when == UINT64_MAX ? UINT64_MAX : tick_of(when);

    if (tick < w->base)
        tick = w->base;
    s->deadline = tick - w->base < UINT32_MAX ? (uint32_t)(tick - w->base) : UINT32_MAX;
    /* Its slot is never behind its deadline, so later ones (and "never") can wait for it. */
    if (s->deadline == UINT32_MAX ||
        (s->timer_prev != NULL && old != UINT32_MAX && s->deadline >= old))
        return;
    wsk__wheel_remove(w, s);
    link_stream(w, s);
}

void wsk__wheel_fire(wsk__wheel *w, uint64_t now, void (*expired)(wsk__stream *s))
{
    uint64_t end = now >> WSK__WHEEL_SHIFT;
    uint64_t last = end - w->tick > WSK__WHEEL_SLOTS ? w->tick + WSK__WHEEL_SLOTS : end;

    uint64_t t = w->tick + 1;

    if (end <= w->tick)
        return;
    /* First, so that whatever is linked from here on goes behind what fires now. */
    w->tick = end;
    for (; t <= last; t++) {
        size_t i = (size_t)(t & SLOT_MASK);

        if ((w->used[i / 64] >> (i % 64) & 1) == 0)
            continue;
        w->used[i / 64] &= ~(UINT64_C(1) << (i % 64));
        w->firing = w->slot[i];
        w->slot[i] = NULL;
        if (w->firing != NULL)
            w->firing->timer_prev = &w->firing;
        while (w->firing != NULL) {
            wsk__stream *s = w->firing;

            wsk__wheel_remove(w, s);
            if (s->deadline == UINT32_MAX)
                continue;
            if (w->base + s->deadline > end) {
                link_stream(w, s);
                continue;
            }
            s->deadline = UINT32_MAX;
            expired(s);
        }
    }
}

uint64_t wsk__wheel_next(const wsk__wheel *w)
{
    if (w->n == 0)
        return UINT64_MAX;
    for (uint64_t t = w->tick + 1; t <= w->tick + WSK__WHEEL_SLOTS;) {
        size_t i = (size_t)(t & SLOT_MASK);
        uint64_t rest = w->used[i / 64] >> (i % 64);

        if (rest == 0) {
            t += 64 - i % 64;
            continue;
        }
        for (; (rest & 1) == 0; rest >>= 1)
            t++;
        return t << WSK__WHEEL_SHIFT;
    }
    return UINT64_MAX;
}
