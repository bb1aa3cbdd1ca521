/* SPDX-License-Identifier: MIT */
/*
 * Deadlines of streams: a hashed wheel of 64 ms slots. A stream links itself into a slot, so
 * that a deadline needs no memory; one that moves later (as every octet of traffic makes it do)
 * costs a store, because the stream is only looked at again when its old slot comes round.
 * A stream holds its deadline as a tick since the wheel was made, in 32 bits: 8.7 years.
 */
#ifndef WSK_NET_TIMER_WHEEL_H
#define WSK_NET_TIMER_WHEEL_H

#include "net/stream.h"

#define WSK__WHEEL_SHIFT 6    /* 64 ms */
#define WSK__WHEEL_SLOTS 1024 /* a lap takes 65 s; later deadlines are looked at once a lap */

typedef struct wsk__wheel {
    wsk__stream *slot[WSK__WHEEL_SLOTS];
    uint64_t used[WSK__WHEEL_SLOTS / 64]; /* a bit for each slot that may hold streams */
    wsk__stream *firing;
    uint64_t base; /* tick in which it was made */
    uint64_t tick; /* slots up to this one have fired */
    size_t n;      /* streams in slots */
} wsk__wheel;

void wsk__wheel_init(wsk__wheel *w, uint64_t now);
void wsk__wheel_set(wsk__wheel *w, wsk__stream *s, uint64_t when);
void wsk__wheel_remove(wsk__wheel *w, wsk__stream *s);
/* Calls `expired` for what is due. */
void wsk__wheel_fire(wsk__wheel *w, uint64_t now, void (*expired)(wsk__stream *s));
/* When to call wsk__wheel_fire() next; UINT64_MAX: no need. */
uint64_t wsk__wheel_next(const wsk__wheel *w);

#endif
