/* SPDX-License-Identifier: MIT */
/* Connections with nothing around them: the test is their peer, their program and, where a shell
 * (server.h, client.h) would embed them, their shell. Memory comes from an allocator that can be
 * told to fail. */
#ifndef TESTS_CONN_SOLO_H
#define TESTS_CONN_SOLO_H

#include "support.h"

#include "conn/conn_internal.h"

#define SOLO_CONNS 24
#define SOLO_BUFS  400

typedef struct solo {
    test_alloc alloc;
    wsk_config *cfg;
    wsk__conn_env env; /* what those of solo_shell() share */
    uint64_t now;
    wsk_conn *conns[SOLO_CONNS];
    bool embedded[SOLO_CONNS];
    size_t n_conns;
    void *bufs[SOLO_BUFS]; /* all input ever fed */
    size_t n_bufs;
    char out[1 << 16]; /* what solo_out() found, with a NUL behind it */
    size_t out_len;
    wsk_event ev;
} solo;

/* A config of that role and a loop's share. o NULL: defaults. o->hooks NULL: the allocator's. */
void solo_begin(solo *s, wsk_role role, const wsk_config_options *o);
/* Ends all connections; nothing may be left of the allocator's memory. */
void solo_end(solo *s);

/* As wsk_conn_new() gives it. */
wsk_conn *solo_alone(solo *s);
/* As a shell embeds it: it gives back what it does not need while it rests. */
wsk_conn *solo_shell(solo *s);

/* Ends the one made last, and frees all input that was ever fed to it or to others. */
void solo_forget(solo *s);

/* The handshake, up to and with WSK_EV_OPEN; `more` are further lines for the peer's head, each
 * with its CR LF. Nothing is left of input or output. */
void solo_open(solo *s, wsk_conn *c, const char *more);
/* A request to a server, with such lines. */
void solo_request(solo *s, wsk_conn *c, const char *more);
/* A client's request, and the 101 for it, not fed yet: malloc'ed. */
char *solo_answer(solo *s, wsk_conn *c, const char *more);

/* The peer sends. The input stays lent. */
void solo_feed(solo *s, wsk_conn *c, const void *data, size_t n);
/* The same for a string, without its NUL. */
void solo_say(solo *s, wsk_conn *c, const char *text);
/* solo_feed(), then the loan ends. */
void solo_pass(solo *s, wsk_conn *c, const void *data, size_t n);
/* A frame from the peer, masked with 0 where that is due. */
void solo_frame(solo *s, wsk_conn *c, unsigned first, const void *data, size_t n);

/* The next event has this type. It is kept in s->ev. */
#define solo_want(s, c, type) assert_int_equal(solo_next(s, c), type)
wsk_event_type solo_next(solo *s, wsk_conn *c);
/* All that waits to go out, taken as sent. */
void solo_out(solo *s, wsk_conn *c);

/* The n-th allocation from now on fails (1: the next), and no other. */
void solo_starve(solo *s, long n);
/* Every one from now on. */
void solo_starve_all(solo *s);
void solo_nourish(solo *s);

#endif
