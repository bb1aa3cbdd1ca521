/* SPDX-License-Identifier: MIT */
/* See watch.h. The backends do the work. */
#include "net/loop_priv.h"

void wsk__watch_init(wsk__watch *w, wsk_loop *loop, int fd, void (*ready)(wsk__watch *w))
{
    w->ready = ready;
    w->loop = loop;
    w->fd = fd;
    w->output = w->known = w->armed = false;
}

int wsk__watch_set(wsk__watch *w, bool output)
{
    if (w->armed && w->output == output)
        return WSK_OK;
    /* io_uring has no way to change what is waited for. */
    if (w->armed)
        w->loop->io->unwatch(w);
    w->output = output;
    return w->loop->io->watch(w);
}

void wsk__watch_end(wsk__watch *w)
{
    if (w->loop != NULL)
        w->loop->io->unwatch(w);
    w->loop = NULL;
}
