/* SPDX-License-Identifier: MIT */
/*
 * Ends of streams that the kernel keeps to itself.
 *
 * A multishot receive may lose an event: when a reset (or, on kernels before 6.18, an end of input)
 * comes at the moment at which the octets before it are being received, both count as one wake-up,
 * the request takes the octets and then waits for an event that has already been. Nobody would ever
 * hear of that end, and whoever had not begun a deadline would stay for good.
 *
 * It only happens to streams that have just got something. So those are remembered, and looked at
 * once when a moment has passed: one poll(2) for all of them, none for a stream that is idle. A
 * receive that is pending on a stream whose end has come is taken back; the next one sees it at
 * once.
 */
#include "net/loop_uring.h"

/* Often enough that a person does not notice, seldom enough to cost nothing. */
#define LOOK_AFTER_MS 500
/* Streams for which there is room without asking for it again. */
#define KEEP 1024

static void free_lists(wsk_loop *loop, wsk__uring *u)
{
    wsk__free(loop->hooks, u->recent);
    wsk__free(loop->hooks, u->polls);
    u->recent = NULL;
    u->polls = NULL;
    u->recent_cap = 0;
}

/* Nothing could be learnt of the first n, or nothing done: they are asked again, or nobody would
 * ever hear of an end that is lost. */
static void look_again(wsk__uring *u, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        wsk__stream *s = wsk__uring_obj(wsk__uring_find(u, u->recent[i].tag));

        s->state |= WSK__S_RECENT;
    }
    u->n_recent = n;
    wsk_timer_set(u->look, LOOK_AFTER_MS);
}

static void look(void *ud)
{
    wsk_loop *loop = ud;
    wsk__uring *u = loop->io_data;
    size_t n = 0;

    for (size_t i = 0; i < u->n_recent; i++) {
        wsk__uring_file *f = wsk__uring_find(u, u->recent[i].tag);
        wsk__stream *s = f != NULL ? wsk__uring_obj(f) : NULL;

        if (s == NULL)
            continue;
        s->state &= ~(uint32_t)WSK__S_RECENT;
        if (s->state & (WSK__S_DEAD | WSK__S_EOF) || !(s->state & WSK__S_ARMED))
            continue;
        u->polls[n] = (struct pollfd){.fd = s->fd, .events = POLLRDHUP};
        u->recent[n++].tag = u->recent[i].tag;
    }
    u->n_recent = 0;
    int found = n > 0 ? loop->sys->poll(u->polls, n, 0) : 0;
    if (found < 0) {
        look_again(u, n);
        return;
    }
    if (found > 0) {
        size_t kept = 0;

        for (size_t i = 0; i < n; i++) {
            if (u->polls[i].revents != 0 && !wsk__uring_cancel(u, u->recent[i].tag))
                u->recent[kept++].tag = u->recent[i].tag;
        }
        /* The kernel takes no requests just now. */
        if (kept > 0) {
            look_again(u, kept);
            return;
        }
    }
    /* A crowd that came at once and is quiet now leaves nothing behind. */
    if (u->recent_cap > KEEP)
        free_lists(loop, u);
}

static bool grow(wsk_loop *loop, wsk__uring *u)
{
    size_t cap = u->recent_cap > 0 ? u->recent_cap * 2 : 64;

    if (u->look == NULL && wsk_timer_new(&u->look, loop, look, loop) < 0)
        return false;
    wsk__uring_recent *recent = wsk__realloc(loop->hooks, u->recent, cap * sizeof(*recent));
    if (recent == NULL)
        return false;
    u->recent = recent;
    struct pollfd *polls = wsk__realloc(loop->hooks, u->polls, cap * sizeof(*polls));
    if (polls == NULL)
        return false;
    u->polls = polls;
    u->recent_cap = cap;
    return true;
}

void wsk__uring_look_later(wsk__stream *s, uint64_t tag)
{
    wsk_loop *loop = s->loop;
    wsk__uring *u = loop->io_data;

    /* Without memory it is not waited for a moment: the next receive sees what there is. Should the
     * kernel take no requests just now either, the next input tries again. */
    if (u->n_recent == u->recent_cap && !grow(loop, u)) {
        (void)wsk__uring_cancel(u, tag);
        return;
    }
    if (u->n_recent == 0)
        wsk_timer_set(u->look, LOOK_AFTER_MS);
    u->recent[u->n_recent++].tag = tag;
    s->state |= WSK__S_RECENT;
}

void wsk__uring_ends_free(wsk_loop *loop, wsk__uring *u)
{
    wsk_timer_free(u->look);
    free_lists(loop, u);
}
