/* SPDX-License-Identifier: MIT */
/*
 * The threads and their queue. A look-up that nobody waits for any more goes on in its thread:
 * getaddrinfo(3) cannot be stopped. So look-ups and the resolver belong to whoever is last to need
 * them, loop or thread, and their memory comes from the C library: hooks are called on the
 * loop's thread only.
 */
#include "net/resolver.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "net/loop_priv.h"

/* More at a time wait for each other: names that time out must not cost a thread each. */
#define THREADS_MAX 8
#define RETRY_NS    10000000L

enum lookup_state {
    QUEUED,
    RUNNING, /* in a thread */
    POSTED,  /* on its way to the loop */
};

struct wsk__lookup {
    wsk__lookup *next;
    wsk__resolver *resolver; /* not any more when it is POSTED */
    const wsk__sys *sys;
    wsk__lookup_done *done;
    void *ud;
    struct addrinfo *list;
    int error; /* of getaddrinfo(3) */
    int family;
    enum lookup_state state;
    bool cancelled;
    char port[8];
    char host[];
};

struct wsk__resolver {
    pthread_mutex_t lock;
    wsk_loop *loop; /* NULL: gone */
    wsk__lookup *queue, **queue_end;
    unsigned queued;
    unsigned threads;
    unsigned idle; /* threads that have not taken a look-up yet */
};

/* ------------------------------------------------------------------------------- results -- */

static void free_lookup(wsk__lookup *l)
{
    if (l->list != NULL)
        l->sys->freeaddrinfo(l->list);
    free(l);
}

void wsk__addresses_interleave(wsk__addresses *list)
{
    wsk__addresses in = *list;
    bool taken[WSK__ADDRESSES_MAX] = {false};
    int family = in.n > 0 ? in.at[0].any.sa_family : 0;

    for (size_t n = 0; n < in.n; n++) {
        size_t i = 0;

        while (i < in.n && (taken[i] || in.at[i].any.sa_family != family))
            i++;
        if (i == in.n) {
            for (i = 0; taken[i]; i++)
                ;
        }
        taken[i] = true;
        list->at[n] = in.at[i];
        family = in.at[i].any.sa_family == AF_INET ? AF_INET6 : AF_INET;
    }
}

static bool has_address(const wsk__addresses *list, const wsk__address *a, size_t len)
{
    for (size_t i = 0; i < list->n; i++) {
        if (memcmp(&list->at[i], a, len) == 0)
            return true;
    }
    return false;
}

static void collect(wsk__addresses *ret, const struct addrinfo *ai)
{
    memset(ret, 0, sizeof(*ret));
    for (; ai != NULL && ret->n < WSK__ADDRESSES_MAX; ai = ai->ai_next) {
        wsk__address a;

        if ((ai->ai_family != AF_INET && ai->ai_family != AF_INET6) || ai->ai_addrlen > sizeof(a) ||
            ai->ai_addr == NULL)
            continue;
        memset(&a, 0, sizeof(a));
        memcpy(&a, ai->ai_addr, ai->ai_addrlen);
        if (!has_address(ret, &a, sizeof(a)))
            ret->at[ret->n++] = a;
    }
    wsk__addresses_interleave(ret);
}

static const char *error_text(int error)
{
    switch (error) {
    case EAI_AGAIN:
        return "the name servers cannot be reached";
    case EAI_MEMORY:
        return "out of memory";
    case EAI_NONAME:
#ifdef EAI_NODATA
    case EAI_NODATA:
#endif
        return "the name is not known";
    case EAI_ADDRFAMILY:
        return "the name has no address of this family";
    default:
        return "the name could not be looked up";
    }
}

/* On the loop's thread. */
static void deliver(void *ud)
{
    wsk__lookup *l = ud;
    wsk__addresses list;

    if (!l->cancelled) {
        collect(&list, l->error == 0 ? l->list : NULL);
        if (list.n > 0)
            l->done(l->ud, &list, NULL);
        else
            l->done(l->ud, NULL, error_text(l->error != 0 ? l->error : EAI_NONAME));
    }
    free_lookup(l);
}

/* ------------------------------------------------------------------------------- threads -- */

static int look_up(wsk__lookup *l, int flags)
{
    struct addrinfo hints = {
        .ai_family = l->family, .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV | flags};
    struct addrinfo *list = NULL;
    int e = l->sys->getaddrinfo(l->host, l->port, &hints, &list);

    l->list = e == 0 ? list : NULL;
    return e;
}

/* Hands a look-up back to the loop, or frees it. With the lock, which is let go in between. */
static void hand_back(wsk__resolver *r, wsk__lookup *l)
{
    const struct timespec pause = {.tv_nsec = RETRY_NS};

    while (!l->cancelled && r->loop != NULL) {
        l->state = POSTED;
        if (wsk_loop_post(r->loop, deliver, l) == WSK_OK)
            return;
        l->state = RUNNING;
        pthread_mutex_unlock(&r->lock);
        nanosleep(&pause, NULL); /* memory was short for the moment */
        pthread_mutex_lock(&r->lock);
    }
    free_lookup(l);
}

static void free_resolver(wsk__resolver *r)
{
    pthread_mutex_destroy(&r->lock);
    free(r);
}

static void *work(void *ud)
{
    wsk__resolver *r = ud;
    wsk__lookup *l;

    pthread_mutex_lock(&r->lock);
    r->idle--;
    while ((l = r->queue) != NULL) {
        r->queue = l->next;
        if (r->queue == NULL)
            r->queue_end = &r->queue;
        r->queued--;
        l->state = RUNNING;
        pthread_mutex_unlock(&r->lock);
        int e = look_up(l, 0);
        pthread_mutex_lock(&r->lock);
        l->error = e;
        hand_back(r, l);
    }
    r->threads--;
    bool last = r->threads == 0 && r->loop == NULL;
    pthread_mutex_unlock(&r->lock);
    if (last)
        free_resolver(r);
    return NULL;
}

/* With the lock. */
static bool start_thread(wsk__resolver *r)
{
    sigset_t all, before;
    pthread_attr_t attr;
    pthread_t thread;

    if (pthread_attr_init(&attr) != 0)
        return false;
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    /* Signals are the program's. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int e = pthread_create(&thread, &attr, work, r);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attr);
    if (e != 0)
        return false;
    r->threads++;
    r->idle++;
    return true;
}

/* ------------------------------------------------------------------------- the loop's side -- */

static wsk__resolver *resolver_of(wsk_loop *loop)
{
    wsk__resolver *r = loop->resolver;

    if (r != NULL)
        return r;
    r = loop->sys->malloc(sizeof(*r));
    if (r == NULL)
        return NULL;
    memset(r, 0, sizeof(*r));
    pthread_mutex_init(&r->lock, NULL);
    r->loop = loop;
    r->queue_end = &r->queue;
    loop->resolver = r;
    return r;
}

void wsk__resolver_leave(wsk__resolver *r)
{
    if (r == NULL)
        return;
    pthread_mutex_lock(&r->lock);
    r->loop = NULL;
    bool last = r->threads == 0;
    pthread_mutex_unlock(&r->lock);
    if (last)
        free_resolver(r);
}

static int enqueue(wsk__resolver *r, wsk__lookup *l)
{
    bool ok = true;

    pthread_mutex_lock(&r->lock);
    l->state = QUEUED;
    /* A thread that has just been started may be waited for; one that is busy may be for long. */
    if (r->threads < THREADS_MAX && r->idle <= r->queued)
        ok = start_thread(r) || r->threads > 0;
    if (ok) {
        r->queued++;
        *r->queue_end = l;
        r->queue_end = &l->next;
    }
    pthread_mutex_unlock(&r->lock);
    return ok ? WSK_OK : WSK_ERR_NOMEM;
}

int wsk__lookup_start(wsk__lookup **ret, wsk_loop *loop, const char *host, uint16_t port,
                      int family, wsk__lookup_done *done, void *ud)
{
    wsk__resolver *resolver = resolver_of(loop);
    size_t n = strlen(host);
    wsk__lookup *l;
    int r;

    if (resolver == NULL)
        return WSK_ERR_NOMEM;
    l = loop->sys->malloc(sizeof(*l) + n + 1);
    if (l == NULL)
        return WSK_ERR_NOMEM;
    memset(l, 0, sizeof(*l));
    memcpy(l->host, host, n + 1);
    snprintf(l->port, sizeof(l->port), "%u", (unsigned)port);
    l->resolver = resolver;
    l->sys = loop->sys;
    l->done = done;
    l->ud = ud;
    l->family = family;
    /* An address needs no thread, nor does a name that can be none. */
    l->error = look_up(l, AI_NUMERICHOST);
    if (l->error != EAI_NONAME) {
        l->state = POSTED;
        r = wsk_loop_post(loop, deliver, l);
    } else {
        r = enqueue(resolver, l);
    }
    if (r < 0) {
        free_lookup(l);
        return r;
    }
    *ret = l;
    return WSK_OK;
}

void wsk__lookup_cancel(wsk__lookup *l)
{
    wsk__resolver *r;

    if (l == NULL)
        return;
    r = l->resolver; /* alive, as its loop is */
    pthread_mutex_lock(&r->lock);
    l->cancelled = true;
    if (l->state == QUEUED) {
        wsk__lookup **p = &r->queue;

        while (*p != l)
            p = &(*p)->next;
        *p = l->next;
        if (*p == NULL)
            r->queue_end = p;
        r->queued--;
        free_lookup(l);
    }
    pthread_mutex_unlock(&r->lock);
}
