/* SPDX-License-Identifier: MIT */
/*
 * The insides of the server: what server.c (listening, the set of peers) and server_peer.c (one
 * client: a link of a stream and a connection) know of each other.
 */
#ifndef WSK_SERVER_INTERNAL_H
#define WSK_SERVER_INTERNAL_H

#include <websock/server.h>

#include "http/url.h"
#include "link/link.h"
#include "net/listener.h"
#include "net/loop_users.h"
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
    uint16_t number; /* streams carry it: 0 and 1 are the adopted ones */
    bool any_path;
    bool loopback; /* listens where only this machine can connect */
} wsk__site;

/* Most messages and octets of a run, and the largest message that is worth to wait in one. */
#define WSK__RUN_MESSAGES 64
#define WSK__RUN_OCTETS   ((size_t)64 * 1024)
#define WSK__RUN_MESSAGE  ((size_t)16 * 1024)

/* Of a run, the messages that wait for one peer; none: settled already. */
typedef struct wsk__follower {
    wsk_peer *peer;
    uint16_t first, n;
} wsk__follower;

/* See broadcast_run.c. */
typedef struct wsk__broadcast_run {
    wsk__shared *messages[WSK__RUN_MESSAGES]; /* their frames */
    size_t offset[WSK__RUN_MESSAGES + 1];     /* of each frame, and their length */
    size_t n;
    wsk__follower *followers;
    size_t n_followers, cap;
    size_t at; /* where the peer that comes next probably stands */
} wsk__broadcast_run;

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
    uint32_t refusing;              /* peers beyond a limit, there only to be told so */
    wsk__bucket tls_refusals;       /* ... over TLS, which costs a handshake each */
    uint64_t untold, untold_logged; /* those that were not told; when that was logged, in ms */
    bool draining;
    bool freed; /* by the program */
    bool going; /* ... in a handler: what is left goes with the last peer */
    wsk__turn_end turn_end;
    wsk__broadcast_run runs[2]; /* of frames as they are, and of compressed ones */
};

/* Behind a peer in memory, if the server is `rated`: else it costs nothing. */
typedef struct wsk__peer_rates {
    wsk__bucket messages, octets;
} wsk__peer_rates;

/* Handshakes of TLS a second whose only use is to say that there may be no connection. */
#define WSK__TLS_REFUSALS 4

static const wsk__rate wsk__tls_refusal_rate = {WSK__TLS_REFUSALS, WSK__TLS_REFUSALS};

/* Why a peer is there only to be told that it may not. */
typedef enum wsk__refuse_reason {
    WSK__REFUSE_NO = 0,
    WSK__REFUSE_FULL,      /* max_connections */
    WSK__REFUSE_ADDRESS,   /* max_connections_per_address */
    WSK__REFUSE_HANDSHAKE, /* max_handshake_rate */
    WSK__REFUSE_MEMORY,    /* none to count the address */
} wsk__refuse_reason;

/* What is known of a peer's address, where anything of the server needs it. */
typedef struct wsk__peer_about {
    uint8_t address[16];
    char name[]; /* in words, when connections are logged; else empty */
} wsk__peer_about;

/* All that the process holds for a connection that is open and rests; its flags stand in the
 * connection, where there is room for them. The server is found by the connection's env. */
struct wsk_peer {
    wsk__link link;
    wsk_peer *next, **prev;
    wsk__peer_about *about; /* NULL: not asked for */
};

/* One octet more, and each idle connection costs 16 more: the allocator gives 168 and a word. */
_Static_assert(sizeof(void *) != 8 || sizeof(wsk_peer) <= 168, "a peer has become larger");

static inline wsk_peer *wsk__peer_of(wsk__link *l)
{
    return WSK__CONTAINER(l, wsk_peer, link);
}

static inline wsk_server *wsk__link_server(const wsk__link *l)
{
    return WSK__CONTAINER(l->conn.env, wsk_server, env);
}

static inline wsk_server *wsk__peer_server(const wsk_peer *p)
{
    return wsk__link_server(&p->link);
}

/* The program has freed it, and the last peer is gone. */
void wsk__server_destroy(wsk_server *s);
/* Takes a connected socket as a new peer. Negative: none came of it, and it is closed. */
int wsk__peer_begin(wsk__site *site, int fd);
/* Its TLS handshake is under way: nothing can be said to it. */
bool wsk__peer_shakes(const wsk_peer *p);
/* Ends it at once: on_close, then its memory at the end of the turn. */
void wsk__peer_end(wsk_peer *p, const char *text);
/* Has the stream do what the connection wants. */
void wsk__peer_update(wsk_peer *p);

/* ---- broadcast_run.c ---- */
void wsk__run_init(wsk_server *s);
void wsk__run_deinit(wsk_server *s);
/* What waits for everyone goes out, or to their queues. */
void wsk__run_flush(wsk_server *s);
/* What waits for this peer, which follows a run, goes to its queue: something is to come behind. */
void wsk__run_settle(wsk_peer *p);
/* Octets that wait for this peer, or a little more. */
size_t wsk__run_waiting(const wsk_peer *p);
int wsk__run_send(wsk_peer *p, wsk_prepared *m);
/* What of a shared frame did not go out is put in front of the peer's queue. */
void wsk__run_put_back(wsk_peer *p, const uint8_t *rest, size_t n, wsk__shared *frames);

#endif
