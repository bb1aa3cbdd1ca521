/* SPDX-License-Identifier: MIT */
/* See rate.h. */
#include "server/rate.h"

#include <string.h>

#include "server/address_table.h"
#include "util/mem.h"

enum {
    WAYS = 4,    /* places that an address may have */
    SETS = 1024, /* a power of two */
};

typedef struct place {
    uint8_t address[16];
    wsk__bucket bucket;
    bool used;
} place;

struct wsk__rate_table {
    const wsk_hooks *hooks;
    wsk__rate rate;
    uint64_t key[2];
    place at[SETS][WAYS];
};

void wsk__bucket_init(wsk__bucket *b, const wsk__rate *r, uint64_t now)
{
    b->left = r->burst * 1000;
    b->t = now;
}

bool wsk__bucket_take(wsk__bucket *b, const wsk__rate *r, uint64_t n, uint64_t now)
{
    uint64_t full = r->burst * 1000;

    if (now > b->t) {
        uint64_t passed = now - b->t;
        /* A rate of N a second is N thousandths a millisecond. */
        b->left = passed > (full - b->left) / r->rate ? full : b->left + passed * r->rate;
        b->t = now;
    }
    /* What is refused costs nothing, or those who try a little more often than they may would never
     * be let in again. */
    if (n > b->left / 1000)
        return false;
    b->left -= n * 1000;
    return true;
}

int wsk__rate_table_new(wsk__rate_table **ret, const wsk_hooks *hooks, wsk__rate rate)
{
    wsk__rate_table *t = wsk__alloc0(hooks, sizeof(*t));

    if (t == NULL)
        return WSK_ERR_NOMEM;
    t->hooks = hooks;
    t->rate = rate;
    if (wsk__random(hooks, t->key, sizeof(t->key)) < 0) {
        wsk__rate_table_free(t);
        return WSK_ERR_NOMEM;
    }
    *ret = t;
    return WSK_OK;
}

void wsk__rate_table_free(wsk__rate_table *t)
{
    if (t != NULL)
        wsk__free(t->hooks, t);
}

bool wsk__rate_table_take(wsk__rate_table *t, const uint8_t address[16], uint64_t now)
{
    place *set = t->at[wsk__address_hash(t->key, address) & (SETS - 1)], *p = NULL;

    for (int i = 0; i < WAYS && p == NULL; i++) {
        if (set[i].used && memcmp(set[i].address, address, 16) == 0)
            p = &set[i];
    }
    if (p == NULL) {
        /* A free place, or that of the address which was heard of least recently. */
        p = &set[0];
        for (int i = 1; i < WAYS && p->used; i++) {
            if (!set[i].used || set[i].bucket.t < p->bucket.t)
                p = &set[i];
        }
        memcpy(p->address, address, 16);
        p->used = true;
        wsk__bucket_init(&p->bucket, &t->rate, now);
    }
    return wsk__bucket_take(&p->bucket, &t->rate, 1, now);
}
