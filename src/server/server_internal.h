/* SPDX-License-Identifier: MIT */
/*
 * The insides of the server: what server.c (listening, the set of peers) and server_peer.c (one
 * client: a stream and a connection) know of each other.
 */
#ifndef WSK_SERVER_INTERNAL_H
#define WSK_SERVER_INTERNAL_H

#include <websock/server.h>

#include "conn/conn_internal.h"
#include "http/url.h"
#include "net/listener.h"
#include "net/stream.h"
#include "net/tls_session.h"
#include "server/address_table.h"
#include "server/rate.h"

/* One place that is listened on. Lives as long as the server: peers point to it. */
typedef struct wsk__site {
    struct wsk__site *next;
    wsk_server *server;
    wsk__listener *listener; /* NULL: no longer, or adopted */
    wsk_tls *tls;
    wsk__url url;
    uint16_t port;
    bool any_path;
    bool loopback; /* listens where only this machine can connect */
} wsk__site;

struct wsk_server {
    wsk_loop *loop;
    const wsk_hooks *hooks;
    wsk_config *cfg;
    wsk_server_options o;
    wsk_handlers h;
    void *ud;
    wsk__conn_env env;
    wsk__site *sites;
    wsk__site adopted[2]; /* for wsk_server_adopt(): plain, TLS */
    wsk_peer *peers;      /* all of them */
    wsk__address_table *addresses;
    wsk__rate_table *handshakes; /* NULL: no limit of their rate */
    wsk__rate messages, octets;  /* of a connection */
    bool rated;                  /* one of these two is a limit: peers have buckets */
    char **hosts;                /* NULL-terminated, or NULL */
    wsk_server_stats stats;
    uint32_t refusing; /* peers beyond a limit, there only to be told so */
    bool draining;
};

/* Behind a peer in memory, if the server is `rated`: else it costs nothing. */
typedef struct wsk__peer_rates {
    wsk__bucket messages, octets;
} wsk__peer_rates;

/* Why a peer is there only to be told that it may not. */
typedef enum wsk__refuse_reason {
    WSK__REFUSE_NO = 0,
    WSK__REFUSE_FULL,      /* max_connections */
    WSK__REFUSE_ADDRESS,   /* max_connections_per_address */
    WSK__REFUSE_HANDSHAKE, /* max_handshake_rate */
} wsk__refuse_reason;

struct wsk_peer {
    wsk__stream stream;
    wsk__site *site;
    wsk_peer *next, **prev;
    void *data;
    char *name; /* address in words, when connections are logged */
    uint32_t t_begin;
    uint8_t armed;     /* which deadlines the stream's timer knows of */
    uint8_t refuse;    /* wsk__refuse_reason */
    bool reading : 1;  /* as the stream was told last */
    bool running : 1;  /* events are being given right now */
    bool deferred : 1; /* events may wait: run before the turn ends */
    bool shut : 1;     /* the stream's sending direction was ended */
    bool ended : 1;    /* on_close was called */
    bool seen : 1;     /* the program got to know this peer */
    bool opened : 1;   /* counted in stats.open */
    bool counted : 1;  /* stands in the address table */
    uint8_t address[16];
    wsk_conn conn;
};

/* Takes a connected socket as a new peer. */
void wsk__peer_begin(wsk__site *site, int fd);
/* Its TLS handshake is under way: nothing can be said to it. */
bool wsk__peer_shakes(const wsk_peer *p);
/* Ends it at once: on_close, then its memory at the end of the turn. */
void wsk__peer_end(wsk_peer *p, const char *text);

#endif
