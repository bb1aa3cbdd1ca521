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

#define EXCUSED_BITS 24
#define EXCUSED_MAX  ((UINT64_C(1) << EXCUSED_BITS) - 1)
#define TIME_MAX     (UINT64_MAX >> EXCUSED_BITS)

static uint64_t excused(const wsk__bucket *b)
{
    return b->at & EXCUSED_MAX;
}

static void set(wsk__bucket *b, uint64_t t, uint64_t ms)
{
    b->at = (t < TIME_MAX ? t : TIME_MAX) << EXCUSED_BITS | (ms < EXCUSED_MAX ? ms : EXCUSED_MAX);
}

void wsk__bucket_init(wsk__bucket *b, const wsk__rate *r, uint64_t now)
{
    b->left = r->burst * 1000;
    set(b, now, 0);
}

/* Fills it. Returns the ms for which it was full. */
static uint64_t fill(wsk__bucket *b, const wsk__rate *r, uint64_t now)
{
    uint64_t t = b->at >> EXCUSED_BITS, full = r->burst * 1000;

    if (now <= t)
        return 0;
    /* A rate of N a second is N thousandths a millisecond. */
    uint64_t passed = now - t, room = (full - b->left) / r->rate;
    set(b, now, excused(b));
    b->left = passed > room ? full : b->left + passed * r->rate;
    return passed > room ? passed - room : 0;
}

void wsk__bucket_pass(wsk__bucket *b, const wsk__rate *r, uint64_t now)
{
    (void)fill(b, r, now);
}

void wsk__bucket_excuse(wsk__bucket *b, const wsk__rate *r, uint64_t now)
{
    uint64_t over = fill(b, r, now);

    if (over > excused(b))
        set(b, b->at >> EXCUSED_BITS, over);
}

bool wsk__bucket_take(wsk__bucket *b, const wsk__rate *r, uint64_t n, uint64_t heard, uint64_t now)
{
    wsk__bucket_pass(b, r, heard < now ? heard : now);
    wsk__bucket_excuse(b, r, now);
    if (n <= b->left / 1000) {
        b->left -= n * 1000;
        return true;
    }
    /* What is refused costs nothing, or those who try a little more often than they may would never
     * be let in again. */
    if (n > UINT64_MAX / 1000)
        return false;
    uint64_t lack = n * 1000 - b->left, ms = lack / r->rate + (lack % r->rate != 0);
    if (ms > excused(b))
        return false;
    set(b, b->at >> EXCUSED_BITS, excused(b) - ms);
    b->left = ms * r->rate - lack < r->burst * 1000 ? ms * r->rate - lack : r->burst * 1000;
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

bool wsk__rate_table_take(wsk__rate_table *t, const uint8_t address[16], uint64_t heard,
                          uint64_t now)
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
            if (!set[i].used || set[i].bucket.at < p->bucket.at)
                p = &set[i];
        }
        memcpy(p->address, address, 16);
        p->used = true;
        wsk__bucket_init(&p->bucket, &t->rate, heard < now ? heard : now);
    }
    return wsk__bucket_take(&p->bucket, &t->rate, 1, heard, now);
}
