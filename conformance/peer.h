/* SPDX-License-Identifier: MIT */
/*
 * The judge's end of one connection, which runs one case: takes the octets of each read, says
 * what to write next and when its next timer is due, and in the end fills the result. It must be
 * able to send what a correct endpoint never would, and sees every octet that comes back, so it
 * shares nothing with the library's own connection. Knows no sockets: transports and tests drive
 * it, with whatever clock they have.
 */
#ifndef CONFORMANCE_PEER_H
#define CONFORMANCE_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "conformance/case.h"
#include "conformance/peer_deflate.h"
#include "conformance/result.h"
#include "conformance/run.h"

typedef struct judge_peer judge_peer;

/* What became of a crowd. */
typedef struct judge_crowd_tally {
    uint32_t total, good;
    uint32_t bad;    /* open, and given something that is wrong */
    double slowest;  /* seconds, of the ordinary connections in it */
    double slowdown; /* of the machine meanwhile, see judge_vitality_slowdown; 0: not known */
    bool scaled;
} judge_crowd_tally;

/* Strings are borrowed for the life of the peer. */
typedef struct judge_peer_setup {
    const judge_case *test;
    judge_role role;
    const judge_options *options;
    const char *host;             /* client: the Host field */
    const char *resource;         /* client: what is asked for */
    const char *origin;           /* client: NULL for none */
    const char *user_agent;       /* or, as server, the Server field */
    const char *const *protocols; /* client: offered; server: that may be agreed on */
    size_t n_protocols;
    const char *agent; /* NULL: from the peer's Server field */
    const char *key;   /* client: a Sec-WebSocket-Key for replays; NULL: a random one */
    judge_streams *streams;
    uint32_t messages;    /* round trips of echo loops; 0: as the case says */
    uint32_t most_log;    /* entries of the wire log; 0: 60000 */
    bool sparing;         /* of what cannot be right only a little is kept: there are many */
    double stall_seconds; /* an echo loop in which nothing moves so long has failed; 0: never */
    bool compat;
    judge_crowd_tally crowd; /* that preceded the case; total 0: there was none */
    /* The agent's name is known: shall the case be left out? NULL: never. */
    bool (*skip)(void *ud, const judge_case *c, const char *agent);
    void *skip_ud;
} judge_peer_setup;

typedef enum judge_drop {
    JUDGE_DROP_NONE,
    JUDGE_DROP_GRACEFUL, /* what is still to be written goes out first */
    JUDGE_DROP_ABORT,
    JUDGE_DROP_RESET, /* with a reset of TCP */
} judge_drop;

/* NULL without memory. Times are microseconds of any clock that does not jump. */
judge_peer *judge_peer_new(const judge_peer_setup *setup, int64_t now);
void judge_peer_free(judge_peer *p);

/* The transport is there: the handshake begins. */
void judge_peer_begin(judge_peer *p, int64_t now);
/* The transport could not be had, say why. */
void judge_peer_unreachable(judge_peer *p, int64_t now, const char *why);
/* One read. */
void judge_peer_feed(judge_peer *p, int64_t now, const uint8_t *data, size_t len);
/* The other side is gone. */
void judge_peer_lost(judge_peer *p, int64_t now);
/* Octets for one write; 0: none for now. Valid until the next call. */
size_t judge_peer_output(judge_peer *p, const uint8_t **ret_data);
/* So many of them were taken. */
void judge_peer_wrote(judge_peer *p, size_t n);
/* True, once: nothing is left to be written, and no more will be: half-close. */
bool judge_peer_wants_fin(judge_peer *p);
/* How many octets the next read may take at most; 0: none for now. */
size_t judge_peer_appetite(const judge_peer *p);
/* It is so late now. */
void judge_peer_clock(judge_peer *p, int64_t now);
/* Writing has failed: what is made only as it can be written is not made any more. */
void judge_peer_cannot_write(judge_peer *p);
/* True if the next write must wait for a turn of the loop; a new turn has begun. */
bool judge_peer_paused(const judge_peer *p);
void judge_peer_turn(judge_peer *p);
/* When judge_peer_tick is due; INT64_MAX: never. */
int64_t judge_peer_deadline(const judge_peer *p);
void judge_peer_tick(judge_peer *p, int64_t now);
/*
 * Does one more step, for connections that are told what to do as they go. A step of the case that
 * waits goes on by itself.
 */
void judge_peer_do(judge_peer *p, int64_t now, const judge_step *s);
/* Takes the oldest message out of the record: its octets are valid until the next call. `len` may
 * be above `kept`. False: there is none. */
bool judge_peer_take_message(judge_peer *p, bool *ret_binary, const uint8_t **ret_data,
                             size_t *ret_kept, uint64_t *ret_len);
/* Octets that wait to be written. */
size_t judge_peer_queued(const judge_peer *p);
/* The case is over; how is the transport to be dropped (NONE: it is gone already)? */
bool judge_peer_is_done(const judge_peer *p);
judge_drop judge_peer_drop(const judge_peer *p);
/* The agent's name, known once the handshake is through; may be NULL before. */
const char *judge_peer_agent(const judge_peer *p);
/* True if the case was left out: it has no result. */
bool judge_peer_was_skipped(const judge_peer *p);
/* True if the opening handshake was completed. */
bool judge_peer_is_open(const judge_peer *p);
/* True if it was, and something came that is wrong: what breaks the protocol, or a message, where
 * the case says which may come. What did not come is no matter. Before the result is given away. */
bool judge_peer_was_wronged(const judge_peer *p);
/* True while messages can be sent. */
bool judge_peer_can_send(const judge_peer *p);
/* True if a time limit decided: then a peer under load might have done better. */
bool judge_peer_timed_out(const judge_peer *p);
/* Gives the result away. Call it once, when the case is over. */
void judge_peer_result(judge_peer *p, int64_t now, judge_result *ret);

#endif
