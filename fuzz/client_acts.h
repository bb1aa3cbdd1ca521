/* SPDX-License-Identifier: MIT */
/*
 * What the program of a fuzzed client sends, and what it notes of it in the wire of the client's
 * socket, whatever system that client runs on.
 */
#ifndef FUZZ_CLIENT_ACTS_H
#define FUZZ_CLIENT_ACTS_H

#include <websock/client.h>

#include "client/client_internal.h"
#include "net/loop_priv.h"
#include "wire_oracle.h"

/* The target's own: the wire of a descriptor that is open. */
static wire *wire_at(int fd);

/* NULL: it has no connection of which it tells. */
static wire *client_wire(const wsk_client *c)
{
    return c->current != NULL ? wire_at(c->current->link.stream.fd) : NULL;
}

/* began: where the server's answer stands in what it sent. */
static void client_opened(wsk_client *c, size_t began)
{
    wire_open(client_wire(c), wsk_client_conn(c), began);
}

static void client_closed(wsk_client *c, unsigned code, const char *text)
{
    const wsk_conn *conn = &c->current->link.conn;

    wire_closed(client_wire(c), conn, code, strcmp(text, "out of memory") == 0);
}

static void client_send(wsk_client *c, wsk_opcode op, const void *data, size_t len, unsigned flags)
{
    wire *w = client_wire(c);
    wire_try t;

    wire_begin_try(&t, w, wire_message(op, data, len));
    int r = wsk_client_send(c, op, data, len, flags);
    WIRE_CHECK(w != NULL || r < 0);
    wire_end_try(&t, r >= 0, false);
}

static inline void client_send_part(wsk_client *c, wsk_opcode op, const void *data, size_t len,
                                    bool last, unsigned flags)
{
    if (wsk_client_send_part(c, op, data, len, last, flags) >= 0)
        wire_owes_part(client_wire(c), op, data, len, last);
}

/* The system has taken all that there was for a while: nothing waits any more. */
static void client_has_all(const wsk_client *c)
{
    if (wsk_client_stage(c) != WSK_STAGE_OPEN || c->current->link.conn.state != WSK_STATE_OPEN ||
        c->current->link.conn.drop || client_wire(c)->is_cut || c->current->link.conn.lost ||
        (c->current->link.stream.state & WSK__S_BROKEN))
        return;
    WIRE_CHECK(wire_owes_nothing(client_wire(c)) && wsk_client_queued(c) == 0);
}

static void client_drop(wsk_client *c)
{
    if (client_wire(c) != NULL)
        client_wire(c)->dropped = true;
    wsk_client_drop(c);
}

#endif
