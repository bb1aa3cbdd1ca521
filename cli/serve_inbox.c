/* SPDX-License-Identifier: MIT */
/* See serve_inbox.h. */
#include "serve_inbox.h"

#include <stdlib.h>

/* A message on its way to another worker. */
typedef struct parcel {
    serve_inbox *to;
    wsk_prepared *message;
    size_t octets;
} parcel;

void serve_inbox_init(serve_inbox *inbox, wsk_loop *loop,
                      void (*deliver)(void *ud, wsk_prepared *message), void *ud)
{
    inbox->loop = loop;
    inbox->deliver = deliver;
    inbox->ud = ud;
    atomic_init(&inbox->octets, 0);
}

static void unpack(void *ud)
{
    parcel *x = ud;

    atomic_fetch_sub(&x->to->octets, x->octets);
    x->to->deliver(x->to->ud, x->message);
    wsk_prepared_unref(x->message);
    free(x);
}

bool serve_inbox_post(serve_inbox *to, wsk_prepared *message, size_t len)
{
    /* Plain and compressed, which is never longer. */
    size_t octets = len * 2 + SERVE_INBOX_EACH;

    /* One message of whatever length fits where none waits. */
    if (atomic_fetch_add(&to->octets, octets) <= SERVE_INBOX_MAX - SERVE_INBOX_EACH) {
        parcel *x = malloc(sizeof(*x));
        if (x != NULL) {
            *x = (parcel){to, wsk_prepared_ref(message), octets};
            if (wsk_loop_post(to->loop, unpack, x) == WSK_OK)
                return true;
            wsk_prepared_unref(x->message);
            free(x);
        }
    }
    atomic_fetch_sub(&to->octets, octets);
    return false;
}
