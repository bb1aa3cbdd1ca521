/* SPDX-License-Identifier: MIT */
/* Two TLS sessions, a client and a server, joined in memory. */
#ifndef TESTS_NET_TLS_PAIR_H
#define TESTS_NET_TLS_PAIR_H

#include "net/tls_session.h"
#include "support.h"

typedef struct tls_end {
    wsk_tls *tls;
    wsk__tls_session *session;
    wsk__tls_out out;
    uint8_t *plain; /* all that was received */
    size_t n_plain, cap_plain;
    wsk__tls_result result; /* the last */
} tls_end;

typedef struct tls_pair {
    tls_end client, server;
    size_t cut;       /* pieces in which cipher text travels */
    size_t plain_cap; /* room for plain text per call; 0: 16 KiB */
} tls_pair;

/* New sessions of the two; host as for wsk__tls_session_new(). cut: SIZE_MAX for whole. */
int pair_open(tls_pair *p, wsk_tls *server, wsk_tls *client, const char *host, size_t cut);
int pair_open_port(tls_pair *p, wsk_tls *server, wsk_tls *client, const char *host, uint16_t port,
                   size_t cut);
void pair_close(tls_pair *p);
/* Takes one end's output to the other end. False when there was none. */
bool pair_move(tls_pair *p, tls_end *from, tls_end *to);
/* Until nothing moves any more. True when both ends are ready. */
bool pair_run(tls_pair *p);
/* Gives an end octets as if they had come from its peer. */
void end_feed(tls_pair *p, tls_end *e, const uint8_t *in, size_t n);
/* Sends from one end to the other and expects it there. */
void pair_send(tls_pair *p, tls_end *from, tls_end *to, const void *data, size_t n);

/* A wsk_tls that must come into being. */
wsk_tls *tls_make(const wsk_tls_options *options);

#endif
