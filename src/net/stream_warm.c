/* SPDX-License-Identifier: MIT */
/*
 * Which TLS streams of a loop keep the record buffers of their sessions.
 *
 * A session takes 17 KiB for each record that it reads or writes, and gives them back behind it, so
 * that one that is idle has none. For a stream that is busy that is four calls of the allocator per
 * message, of a size that allocators are slow with. So streams that bring data again and again keep
 * theirs: a bounded number of them (who has a million connections is not to pay 34 KiB for each),
 * and only as long as data comes.
 */
#include "net/loop_priv.h"

/* Times at which something came until a stream counts as busy. Most connections send a few messages
 * and rest; a large one comes in many pieces, but at few times. */
#define BUSY_FROM 16
/* Who brought nothing for so long rests. */
#define REST_AFTER_MS 500

static void leave(wsk__tls_warm *w, wsk__stream_tls *t)
{
    w->streams[t->warm - 1] = NULL;
    w->n--;
    t->warm = 0;
    t->busy = 0;
}

static void cool(wsk__tls_warm *w, wsk__stream_tls *t)
{
    leave(w, t);
    wsk__tls_session_keep_buffers(t->session, false);
}

static void look(void *ud)
{
    wsk__tls_warm *w = ud;

    for (size_t i = 0; i < WSK__TLS_WARM; i++) {
        wsk__stream_tls *t = w->streams[i];

        if (t != NULL && (uint32_t)wsk_loop_now(w->loop) - t->last >= REST_AFTER_MS)
            cool(w, t);
    }
    if (w->n > 0)
        wsk_timer_set(w->timer, REST_AFTER_MS);
}

int wsk__tls_warm_init(wsk__tls_warm *w, wsk_loop *loop)
{
    *w = (wsk__tls_warm){.loop = loop};
    return wsk_timer_new(&w->timer, loop, look, w);
}

void wsk__tls_warm_deinit(wsk__tls_warm *w)
{
    wsk_timer_free(w->timer);
}

void wsk__tls_warm_received(wsk__tls_warm *w, wsk__stream_tls *t)
{
    uint32_t now = (uint32_t)wsk_loop_now(w->loop);

    if (t->last == now)
        return;
    t->last = now;
    if (t->warm != 0 || ++t->busy < BUSY_FROM)
        return;
    /* The one that came first leaves, be it busy: it comes back when it has paid for that. */
    if (w->streams[w->next] != NULL)
        cool(w, w->streams[w->next]);
    w->streams[w->next] = t;
    t->warm = (uint16_t)(w->next + 1);
    w->next = (w->next + 1) % WSK__TLS_WARM;
    if (w->n++ == 0)
        wsk_timer_set(w->timer, REST_AFTER_MS);
    wsk__tls_session_keep_buffers(t->session, true);
}

void wsk__tls_warm_leave(wsk__tls_warm *w, wsk__stream_tls *t)
{
    if (t->warm != 0)
        leave(w, t);
}
