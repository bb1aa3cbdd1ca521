/* SPDX-License-Identifier: MIT */
/*
 * Lends coders to the directions of connections and decides which ones stay. Owns every idle
 * coder; knows no library and no messages.
 */
#include <assert.h>
#include <string.h>

#include "deflate/coder.h"
#include "util/mem.h"

/*
 * Idle coders that a pool keeps, of each direction. A compressor takes 82,000 to 270,000 octets,
 * a decompressor 40,000 to 87,000: so a loop's pool stays below 11 MB, however many connections
 * there are. A connection that has not spoken for longer than so many others pays with a
 * microsecond or two to have its history loaded again.
 */
#define MAX_IDLE_DEFLATERS 24
#define MAX_IDLE_INFLATERS 48

/*
 * Of a compressor's history only so much is saved. All of it may be forgotten (RFC 7692 7.1.1
 * obliges the decompressor alone), and hashing 32 KiB costs more than the message that follows.
 */
#define SAVED_DEFLATE_HISTORY 4096

typedef struct idle_list {
    wsk__coder *first, *last;
    unsigned n;
} idle_list;

struct wsk__coder_pool {
    const wsk_hooks *hooks;
    idle_list deflaters, inflaters;
};

static bool is_deflater(const wsk__coder *c)
{
    return c->setup.level != 0;
}

static idle_list *list_for(wsk__coder_pool *pool, bool deflater)
{
    return deflater ? &pool->deflaters : &pool->inflaters;
}

static void list_remove(idle_list *l, wsk__coder *c)
{
    *(c->prev ? &c->prev->next : &l->first) = c->next;
    *(c->next ? &c->next->prev : &l->last) = c->prev;
    c->prev = c->next = NULL;
    l->n--;
}

static void list_push(idle_list *l, wsk__coder *c)
{
    c->prev = NULL;
    c->next = l->first;
    *(l->first ? &l->first->prev : &l->last) = c;
    l->first = c;
    l->n++;
}

static void list_push_last(idle_list *l, wsk__coder *c)
{
    c->next = NULL;
    c->prev = l->last;
    *(l->last ? &l->last->next : &l->first) = c;
    l->last = c;
    l->n++;
}

int wsk__coder_pool_new(wsk__coder_pool **ret, const wsk_hooks *hooks)
{
    wsk__coder_pool *pool = wsk__alloc0(hooks, sizeof(*pool));

    if (pool == NULL)
        return WSK_ERR_NOMEM;
    pool->hooks = hooks;
    *ret = pool;
    return WSK_OK;
}

static void list_trim(idle_list *l)
{
    for (wsk__coder *c = l->first, *next; c != NULL; c = next) {
        next = c->next;
        if (c->owner == NULL) {
            list_remove(l, c);
            c->codec->destroy(c);
        }
    }
}

void wsk__coder_pool_trim(wsk__coder_pool *pool)
{
    list_trim(&pool->deflaters);
    list_trim(&pool->inflaters);
}

void wsk__coder_pool_free(wsk__coder_pool *pool)
{
    if (pool == NULL)
        return;
    wsk__coder_pool_trim(pool);
    assert(pool->deflaters.first == NULL && pool->inflaters.first == NULL);
    wsk__free(pool->hooks, pool);
}

static bool fits(const wsk__coder *c, const wsk__codec *codec, const wsk__coder_setup *setup)
{
    return c->codec == codec && (codec->fits == NULL || codec->fits(c, setup));
}

/* What a half keeps of c when it gives c away; *ret NULL if there is nothing to keep. */
static int save_history(wsk__history **ret, wsk__coder *c)
{
    size_t n = c->codec->history(c, NULL);
    size_t keep = is_deflater(c) && n > SAVED_DEFLATE_HISTORY ? SAVED_DEFLATE_HISTORY : n;

    if (n == 0) {
        *ret = NULL;
        return WSK_OK;
    }
    wsk__history *h = wsk__alloc(c->hooks, sizeof(*h) + n);
    if (h == NULL)
        return WSK_ERR_NOMEM;
    n = c->codec->history(c, h->data);
    if (n > keep) {
        memmove(h->data, h->data + n - keep, keep);
        wsk__history *less = wsk__realloc(c->hooks, h, sizeof(*h) + keep);
        if (less != NULL)
            h = less;
    }
    h->none = NULL;
    h->len = keep;
    *ret = h;
    return WSK_OK;
}

/* Takes the idle coder c away from its owner. */
static int evict(idle_list *l, wsk__coder *c)
{
    wsk__half *owner = c->owner;
    wsk__history *history = NULL;

    if (owner != NULL) {
        int r = save_history(&history, c);
        /* A compressor may forget, a decompressor may not. */
        if (r < 0 && !is_deflater(c))
            return r;
        owner->history = history;
        c->owner = NULL;
    }
    list_remove(l, c);
    return WSK_OK;
}

/* A coder out of the idle ones, or NULL. */
static wsk__coder *find_idle(idle_list *l, const wsk__codec *codec, const wsk__coder_setup *setup,
                             unsigned max)
{
    wsk__coder *c;

    /* Those that nobody has claimed are together at the end. */
    for (c = l->last; c != NULL && c->owner == NULL; c = c->prev) {
        if (fits(c, codec, setup)) {
            list_remove(l, c);
            return c;
        }
    }
    if (l->n < max)
        return NULL;
    c = l->last;
    if (evict(l, c) < 0)
        return NULL;
    if (fits(c, codec, setup))
        return c;
    c->codec->destroy(c);
    return NULL;
}

static void give_back(wsk__coder *c, wsk__coder_pool *pool)
{
    if (pool != NULL) {
        idle_list *l = list_for(pool, is_deflater(c));
        unsigned max = is_deflater(c) ? MAX_IDLE_DEFLATERS : MAX_IDLE_INFLATERS;

        if (l->n < max) {
            c->owner = NULL;
            list_push_last(l, c);
            return;
        }
    }
    c->codec->destroy(c);
}

int wsk__coder_take(wsk__half *half, wsk__coder_pool *pool, const wsk_hooks *hooks,
                    const wsk__codec *codec, const wsk__coder_setup *setup, bool insist)
{
    wsk__coder *c = wsk__half_coder(half);

    if (insist && c != NULL && c->codec != codec) {
        (void)wsk__coder_compact(half, pool); /* without memory the old one does as well */
        c = wsk__half_coder(half);
    }
    if (c != NULL) {
        if (c->owner != NULL) {
            assert(c->owner == half);
            c->owner = NULL;
            list_remove(list_for(pool, is_deflater(c)), c);
        }
        return WSK_OK;
    }
    if (pool != NULL) {
        bool deflater = setup->level != 0;
        unsigned max = deflater ? MAX_IDLE_DEFLATERS : MAX_IDLE_INFLATERS;

        c = find_idle(list_for(pool, deflater), codec, setup, max);
    }
    /* What a pool keeps belongs to the pool's hooks: it outlives the connection. */
    if (c == NULL)
        WSK_TRY(codec->create(&c, pool ? pool->hooks : hooks, setup));
    wsk__history *h = wsk__half_history(half);
    int r = codec->start(c, setup, h ? h->data : NULL, h ? h->len : 0);
    if (r < 0) {
        c->codec->destroy(c);
        return r;
    }
    half->coder = c;
    if (h != NULL)
        wsk__free(c->hooks, h);
    return WSK_OK;
}

void wsk__coder_park(wsk__half *half, wsk__coder_pool *pool)
{
    wsk__coder *c = half->coder;

    if (pool == NULL)
        return;
    idle_list *l = list_for(pool, is_deflater(c));
    unsigned max = is_deflater(c) ? MAX_IDLE_DEFLATERS : MAX_IDLE_INFLATERS;
    if (l->n >= max) {
        /* More were at work at a time than may be idle. */
        wsk__coder *oldest = l->last;
        if (evict(l, oldest) == WSK_OK)
            oldest->codec->destroy(oldest);
        /* else it stays: one too many is better than a connection lost */
    }
    c->owner = half;
    list_push(l, c);
}

static void unpark(wsk__half *half, wsk__coder_pool *pool)
{
    wsk__coder *c = half->coder;

    if (c->owner != NULL) {
        list_remove(list_for(pool, is_deflater(c)), c);
        c->owner = NULL;
    }
    half->kept = NULL;
}

void wsk__coder_drop(wsk__half *half, wsk__coder_pool *pool, const wsk_hooks *hooks)
{
    wsk__coder *c = wsk__half_coder(half);

    if (c != NULL) {
        unpark(half, pool);
        give_back(c, pool);
    } else if (half->history != NULL) {
        wsk__free(pool ? pool->hooks : hooks, half->history);
        half->kept = NULL;
    }
}

int wsk__coder_compact(wsk__half *half, wsk__coder_pool *pool)
{
    wsk__coder *c = wsk__half_coder(half);
    wsk__history *h;

    if (c == NULL)
        return WSK_OK;
    WSK_TRY(save_history(&h, c));
    unpark(half, pool);
    half->history = h;
    give_back(c, pool);
    return WSK_OK;
}
