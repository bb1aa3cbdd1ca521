/* SPDX-License-Identifier: MIT */
/*
 * Names to addresses without blocking the loop: getaddrinfo(3) in helper threads, few per loop,
 * which come when there is something to look up and go when there is not.
 */
#ifndef WSK_NET_RESOLVER_H
#define WSK_NET_RESOLVER_H

#include <sys/socket.h>

#include <netinet/in.h>

#include <websock/loop.h>

typedef union wsk__address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
} wsk__address;

/* More addresses of a name are not tried: whoever answers for a name must not keep us busy. */
#define WSK__ADDRESSES_MAX 32

typedef struct wsk__addresses {
    size_t n;
    wsk__address at[WSK__ADDRESSES_MAX];
} wsk__addresses;

typedef struct wsk__lookup wsk__lookup;

/* list is NULL when nothing was found: text (static) says why. */
typedef void wsk__lookup_done(void *ud, const wsk__addresses *list, const char *text);

/*
 * Begins to look up the addresses of host (a name, or an address, which needs no thread) with this
 * port. family: AF_INET, AF_INET6, or 0. Calls done on the loop's thread, never within this
 * function; the look-up is gone then. The addresses stand in the order of RFC 8305 4: as the
 * system prefers them, but with the families in turn. WSK_ERR_NOMEM.
 */
int wsk__lookup_start(wsk__lookup **ret, wsk_loop *loop, const char *host, uint16_t port,
                      int family, wsk__lookup_done *done, void *ud);
/* done is not called any more. NULL is fine. */
void wsk__lookup_cancel(wsk__lookup *l);

/* The same order, for a list in the system's. */
void wsk__addresses_interleave(wsk__addresses *list);

#endif
