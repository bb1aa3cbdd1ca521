/* SPDX-License-Identifier: MIT */
/*
 * From a host and a port to a connected socket: looks the name up, races its addresses (RFC 8305),
 * and talks to a proxy if there is one on the way. Knows no WebSocket, and no deadline: its owner
 * ends it when it takes too long.
 */
#ifndef WSK_NET_CONNECTOR_H
#define WSK_NET_CONNECTOR_H

#include <websock/loop.h>

#include "net/proxy.h"
#include "net/resolve_list.h"
#include "net/tls_session.h"

typedef struct wsk__connector wsk__connector;

typedef struct wsk__connect_options {
    const char *host; /* name or address without brackets; NULL with unix_path */
    uint16_t port;
    const char *unix_path;
    int family;              /* AF_INET or AF_INET6 only; 0: both */
    uint32_t attempt_delay;  /* until the next address is tried, in ms */
    const wsk__proxy *proxy; /* NULL or of kind NONE: none */
    /* Names that are not looked up; borrowed as long as the connector lives; NULL: none. */
    const wsk__resolve_list *resolve;
    wsk_tls *proxy_tls; /* a client's, for a proxy of kind HTTPS; a reference is taken */
} wsk__connect_options;

typedef enum wsk__connect_outcome {
    WSK__CONNECT_OK = 0,
    WSK__CONNECT_RESOLVE,
    WSK__CONNECT_REFUSED, /* or not reachable: err */
    WSK__CONNECT_PROXY,   /* it refused, or made no sense: status */
    WSK__CONNECT_LOST,    /* the connection to the proxy ended in the midst of it */
    WSK__CONNECT_INTERNAL,
} wsk__connect_outcome;

typedef struct wsk__connect_result {
    wsk__connect_outcome outcome;
    int fd; /* OK: connected, non-blocking, the callee's */
    /* OK, by a proxy of kind HTTPS: what passes is within this, whose handshake is done. The
     * callee's. Else NULL. */
    wsk__tls_session *session;
    int err;          /* errno of the last address */
    unsigned status;  /* what the proxy answered */
    const char *text; /* of a failure, in words; valid during the call */
} wsk__connect_result;

/* Calls done once, never within this function; the connector is still there then, and is to be
 * freed (done may do that). All in options is copied. WSK_ERR_NOMEM. */
int wsk__connector_new(wsk__connector **ret, wsk_loop *loop, const wsk_hooks *hooks,
                       const wsk__connect_options *options,
                       void (*done)(void *ud, const wsk__connect_result *result), void *ud);
/* At any time; done is not called any more. NULL is fine. */
void wsk__connector_free(wsk__connector *c);
/* What it is waiting for, in words that follow "while". Static. */
const char *wsk__connector_phase(const wsk__connector *c);

#endif
