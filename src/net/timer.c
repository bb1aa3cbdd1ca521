/* SPDX-License-Identifier: MIT */
/*
 * wsk_timer: a binary heap of pointers, the next one due first, in the order of setting where
 * they are due at the same time. The heap has room for every timer that exists, so that setting
 * one cannot fail.
 */
#include "net/loop_priv.h"

#define NOT_RUNNING SIZE_MAX

struct wsk_timer {
    wsk_loop *loop;
    void (*fn)(void *ud);
    void *ud;
    uint64_t due;
    uint64_t seq;
    size_t at; /* its place in the heap */
};

static bool before(const wsk_timer *a, const wsk_timer *b)
{
    return a->due != b->due ? a->due < b->due : a->seq < b->seq;
}

static void put(wsk_loop *loop, size_t i, wsk_timer *t)
{
    loop->heap[i] = t;
    t->at = i;
}

static void sift(wsk_loop *loop, size_t i, wsk_timer *t)
{
    for (; i > 0 && before(t, loop->heap[(i - 1) / 2]); i = (i - 1) / 2)
        put(loop, i, loop->heap[(i - 1) / 2]);
    for (;;) {
        size_t child = 2 * i + 1;

        if (child >= loop->heap_n)
            break;
        if (child + 1 < loop->heap_n && before(loop->heap[child + 1], loop->heap[child]))
            child++;
        if (!before(loop->heap[child], t))
            break;
        put(loop, i, loop->heap[child]);
        i = child;
    }
    put(loop, i, t);
}

int wsk_timer_new(wsk_timer **ret, wsk_loop *loop, void (*fn)(void *ud), void *ud)
{
    if (ret == NULL || loop == NULL || fn == NULL)
        return WSK_ERR_INVAL;
    if (loop->timers == loop->heap_cap) {
        size_t cap = loop->heap_cap ? loop->heap_cap * 2 : 8;
        wsk_timer **heap = wsk__realloc(loop->hooks, loop->heap, cap * sizeof(wsk_timer *));

        if (heap == NULL)
            return WSK_ERR_NOMEM;
        loop->heap = heap;
        loop->heap_cap = cap;
    }
    wsk_timer *t = wsk__alloc0(loop->hooks, sizeof(*t));
    if (t == NULL)
        return WSK_ERR_NOMEM;
    t->loop = loop;
    t->fn = fn;
    t->ud = ud;
    t->at = NOT_RUNNING;
    loop->timers++;
    *ret = t;
    return WSK_OK;
}

void wsk_timer_set(wsk_timer *t, uint64_t delay_ms)
{
    wsk_loop *loop = t->loop;
    /* Not the turn's: what a call took before it set one is not of the delay. A ms that has begun
     * is no ms of it either, or it would end early. */
    uint64_t us = loop->sys->clock_us(), now = (us + (delay_ms > 0 ? 999 : 0)) / 1000;

    t->due = delay_ms > UINT64_MAX - now ? UINT64_MAX : now + delay_ms;
    t->seq = loop->timer_seq++;
    if (t->at == NOT_RUNNING)
        t->at = loop->heap_n++;
    sift(loop, t->at, t);
}

void wsk_timer_cancel(wsk_timer *t)
{
    wsk_loop *loop = t->loop;
    size_t i = t->at;

    if (i == NOT_RUNNING)
        return;
    t->at = NOT_RUNNING;
    wsk_timer *last = loop->heap[--loop->heap_n];
    if (last != t)
        sift(loop, i, last);
}

void wsk_timer_free(wsk_timer *t)
{
    if (t == NULL)
        return;
    wsk_timer_cancel(t);
    wsk_loop *loop = t->loop;
    loop->timers--;
    wsk__free(loop->hooks, t);
    if (loop->dead && loop->timers == 0)
        wsk__loop_finish(loop);
}

void wsk__timers_fire(wsk_loop *loop)
{
    /* What is set from here on waits for the next turn, even when it is due at once. */
    uint64_t seq = loop->timer_seq;

    while (loop->heap_n > 0 && loop->heap[0]->due <= loop->now && loop->heap[0]->seq < seq) {
        wsk_timer *t = loop->heap[0];

        wsk_timer_cancel(t);
        t->fn(t->ud);
    }
}

uint64_t wsk__timers_next(const wsk_loop *loop)
{
    return loop->heap_n > 0 ? loop->heap[0]->due : UINT64_MAX;
}
