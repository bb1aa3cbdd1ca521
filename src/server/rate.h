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

/*
 * Octets and messages are counted when they are read, and had to wait while they were not: what
 * could have come meanwhile was within the rate, though it is more than the burst by then. That
 * time is excused: once, and for the longest such time alone, so that with standstills nobody ever
 * gets more than the burst and the rate of all the time that passed.
 */
typedef struct wsk__bucket {
    uint64_t left; /* thousandths */
    uint64_t at;   /* ms, when it was that full; in the lowest 24 bits, ms that are excused */
} wsk__bucket;

/* The most that a rate or a burst may be, so that thousandths fit. */
#define WSK__RATE_MAX (UINT64_C(1) << 50)

void wsk__bucket_init(wsk__bucket *b, const wsk__rate *r, uint64_t now);
/* Time passes, in which all that came was taken at once; or in which nothing was. */
void wsk__bucket_pass(wsk__bucket *b, const wsk__rate *r, uint64_t now);
void wsk__bucket_excuse(wsk__bucket *b, const wsk__rate *r, uint64_t now);
/* Takes n, which may have come at any time since `heard`. False, and nothing is taken, if there is
 * less in it. */
bool wsk__bucket_take(wsk__bucket *b, const wsk__rate *r, uint64_t n, uint64_t heard, uint64_t now);

/*
 * Has a fixed number of places. An address that is pushed out by others begins anew with a full
 * bucket: whoever has thousands of addresses is not limited by the address anyway, and nobody
 * else is ever worse off for it.
 */
typedef struct wsk__rate_table wsk__rate_table;

int wsk__rate_table_new(wsk__rate_table **ret, const wsk_hooks *hooks, wsk__rate rate);
void wsk__rate_table_free(wsk__rate_table *t);
/* One more from this address, since `heard`: true if it is within the rate. */
bool wsk__rate_table_take(wsk__rate_table *t, const uint8_t address[16], uint64_t heard,
                          uint64_t now);

#endif
