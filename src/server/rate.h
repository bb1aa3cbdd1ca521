/* SPDX-License-Identifier: MIT */
/*
 * Rates: a bucket that fills steadily and is emptied by what comes, and a table of such buckets
 * by address. Neither allocates once it is made, and both belong to one thread. They know no
 * connection.
 */
#ifndef WSK_SERVER_RATE_H
#define WSK_SERVER_RATE_H

#include <websock/base.h>

/* What may come: `rate` a second in the long run, `burst` at once. rate 0: anything. */
typedef struct wsk__rate {
    uint64_t rate;
    uint64_t burst; /* at least 1 */
} wsk__rate;

typedef struct wsk__bucket {
    uint64_t left; /* thousandths */
    uint64_t t;    /* ms: when it was that full */
} wsk__bucket;

/* The most that a rate or a burst may be, so that thousandths fit. */
#define WSK__RATE_MAX (UINT64_C(1) << 50)

void wsk__bucket_init(wsk__bucket *b, const wsk__rate *r, uint64_t now);
/* Takes n. False, and nothing is taken, if there is less in it. */
bool wsk__bucket_take(wsk__bucket *b, const wsk__rate *r, uint64_t n, uint64_t now);

/*
 * Has a fixed number of places. An address that is pushed out by others begins anew with a full
 * bucket: whoever has thousands of addresses is not limited by the address anyway, and nobody
 * else is ever worse off for it.
 */
typedef struct wsk__rate_table wsk__rate_table;

int wsk__rate_table_new(wsk__rate_table **ret, const wsk_hooks *hooks, wsk__rate rate);
void wsk__rate_table_free(wsk__rate_table *t);
/* One more from this address: true if it is within the rate. */
bool wsk__rate_table_take(wsk__rate_table *t, const uint8_t address[16], uint64_t now);

#endif
