/* SPDX-License-Identifier: MIT */
/*
 * What the program of a fuzzed server does to a peer, whatever system that server runs on, and what
 * it notes of it in the wire of the peer's socket.
 */
#ifndef FUZZ_PEER_ACTS_H
#define FUZZ_PEER_ACTS_H

#include <stdbool.h>
#include <stdint.h>

#include <websock/server.h>

#include "net/loop_priv.h"
#include "server/server_internal.h"
#include "wire_oracle.h"

#define PEERS_MAX 64

/* The target's own: the wire of a descriptor that is open. */
static wire *wire_at(int fd);

static wire *peer_wire(const wsk_peer *p)
{
    return wire_at(p->link.stream.fd);
}

/* ---------------------------------------------------------------------------------- what it is
 * told -- */

static void peer_opened(wsk_peer *p)
{
    wire_open(peer_wire(p), wsk_peer_conn(p), 0);
}

/* The server is about to be freed: excused. */
static void peer_closed(wsk_peer *p, unsigned code, const char *text, bool excused)
{
    const wsk_conn *c = wsk_peer_conn(p);

    excused |= strcmp(text, "out of memory") == 0;
    wire_closed(peer_wire(p), c, code, excused);
}

/* -------------------------------------------------------------------------------- what it sends --
 */

static int peer_send(wsk_peer *p, wsk_opcode op, const void *data, size_t len, unsigned flags)
{
    wire_try t;

    wire_begin_try(&t, peer_wire(p), wire_message(op, data, len));
    int r = wsk_peer_send(p, op, data, len, flags);
    wire_end_try(&t, r >= 0, false);
    return r;
}

static void peer_send_part(wsk_peer *p, wsk_opcode op, const void *data, size_t len, bool last,
                           unsigned flags)
{
    if (wsk_peer_send_part(p, op, data, len, last, flags) >= 0)
        wire_owes_part(peer_wire(p), op, data, len, last);
}

/* For everyone but `except`, or as many as get it: m, or, if that is NULL, data. */
static void peers_send(wsk_server *s, wsk_prepared *m, wsk_opcode op, const void *data, size_t len,
                       wsk_peer *except)
{
    const wire_owed message = wire_message(op, data, len);
    wire_try tries[PEERS_MAX];
    long n = 0, sent;

    for (wsk_peer *p = NULL; (p = wsk_server_next_peer(s, p)) != NULL;) {
        if (p == except)
            continue;
        WIRE_CHECK(n < PEERS_MAX);
        wire_begin_try(&tries[n++], peer_wire(p), message);
    }
    sent = m != NULL ? wsk_server_broadcast_prepared(s, m, except)
                     : wsk_server_broadcast(s, op, data, len, except);
    WIRE_CHECK(sent <= n);
    for (long i = n; i-- > 0;)
        wire_end_try(&tries[i], sent == n, sent > 0);
}

static inline void peer_send_prepared(wsk_peer *p, wsk_prepared *m, wsk_opcode op, const void *data,
                                      size_t len)
{
    wire_try t;

    wire_begin_try(&t, peer_wire(p), wire_message(op, data, len));
    wire_end_try(&t, wsk_peer_send_prepared(p, m) >= 0, false);
}

/* The system has taken all that there was for a while: nothing waits any more. */
static void peers_have_all(const wsk_server *s)
{
    for (wsk_peer *p = NULL; (p = wsk_server_next_peer(s, p)) != NULL;) {
        const wsk_conn *c = wsk_peer_conn(p);

        /* Whoever is paused when his connection is lost is there until he is not. */
        if (!c->drop && !c->lost && !peer_wire(p)->is_cut &&
            !(p->link.stream.state & WSK__S_BROKEN))
            WIRE_CHECK(wire_owes_nothing(peer_wire(p)) && wsk_peer_queued(p) == 0);
    }
}

static void peer_drop(wsk_peer *p)
{
    peer_wire(p)->dropped = true;
    wsk_peer_drop(p);
}

/* The low four bits of `what` say what, the next one how; big: 20,000 octets. False: nothing was
 * done, it is for the target itself to say what 8, 9 and those above 11 are. */
static bool act_on_peer(wsk_server *s, wsk_peer *p, uint8_t what, const uint8_t *big)
{
    const bool variant = (what & 16) != 0;
    wsk_response response = WSK_RESPONSE_INIT;

    switch (what & 15) {
    case 0:
        (void)peer_send(p, WSK_OP_TEXT, "text", 4, 0);
        return true;
    case 1:
        (void)peer_send(p, WSK_OP_BINARY, big, 20000, WSK_SEND_COMPRESS);
        return true;
    case 2:
        peer_send_part(p, WSK_OP_BINARY, big, 300, variant, 0);
        return true;
    case 3:
        (void)wsk_peer_ping(p, "ping", 4);
        return true;
    case 4:
        (void)wsk_peer_close(p, WSK_CLOSE_NORMAL, "bye");
        return true;
    case 5:
        peer_drop(p);
        return true;
    case 6:
        wsk_peer_pause(p, variant);
        return true;
    case 7:
        peers_send(s, NULL, WSK_OP_BINARY, big, 5000, variant ? p : NULL);
        return true;
    case 10:
        (void)!wsk_peer_accept(p, NULL);
        return true;
    case 11:
        response.status = 403;
        (void)!wsk_peer_respond(p, &response);
        return true;
    default:
        return false;
    }
}

#endif
