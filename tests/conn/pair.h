/* SPDX-License-Identifier: MIT */
/* A server's and a client's connection, joined in memory: what one sends the other is fed, in
 * pieces of a chosen size. Events are kept for the test to look at. */
#ifndef TESTS_CONN_PAIR_H
#define TESTS_CONN_PAIR_H

#include <websock/conn.h>

#include "support.h"
#include "util/attr.h"

#define PAIR_EVENTS 64

typedef struct pair_event {
    wsk_event_type type;
    wsk_opcode opcode;
    unsigned code, status;
    uint8_t *data; /* copied */
    size_t len;
    const char *text;
} pair_event;

typedef struct pair_side {
    wsk_conn *c;
    pair_event at[PAIR_EVENTS];
    size_t n;      /* events so far; those beyond PAIR_EVENTS are only counted */
    uint8_t *part; /* STREAM: the message so far */
    size_t part_len;
    size_t wire; /* octets that this side sent */
    bool echo;
    bool hold; /* requests are not answered by the pair */
    bool deaf; /* its input is not delivered */
} pair_side;

typedef struct pair {
    pair_side server, client;
    wsk_config *server_cfg, *client_cfg;
    uint64_t now;
    size_t cut;
    unsigned placed; /* pieces that were received in their place (wsk__conn_place) */
} pair;

/* Both sides with these options (roles are set here); the handshake is not begun. Negative: as
 * the library says; the pair is to be ended with pair_deinit() in any case. */
int pair_init(pair *p, const wsk_config_options *server, const wsk_config_options *client,
              size_t cut);
/* The handshake, to the end. Asserts that both sides are open. */
void pair_open(pair *p);
/* Moves octets to and fro until nothing moves. */
void pair_pump(pair *p);
void pair_deinit(pair *p);
/* The last event of that type, or NULL. */
const pair_event *pair_last(const pair_side *s, wsk_event_type type);
size_t pair_count(const pair_side *s, wsk_event_type type);
void pair_forget(pair_side *s);

#endif
