/* SPDX-License-Identifier: MIT */
/* What the modes of wstest share: the command line, and a small client. */
#ifndef CONFORMANCE_WSTEST_MODES_H
#define CONFORMANCE_WSTEST_MODES_H

#include <signal.h>

#include <websock/conn.h>

#include "conformance/session.h"
#include "conformance/transport.h"
#include "http/url.h"

typedef enum wstest_exit_rule {
    WSTEST_EXIT_NEVER = 0, /* 0 whatever failed, as Autobahn does it */
    WSTEST_EXIT_FAILED,
    WSTEST_EXIT_STRICT,
} wstest_exit_rule;

typedef struct wstest_options {
    const char *program; /* argv[0] */
    const char *mode;
    const char *spec;
    const char *wsuri;
    const char *ident;
    const char *key, *cert;
    const char *webport_text;
    unsigned webport;
    /* not Autobahn's */
    wstest_exit_rule exit_rule;
    bool compat, check_host_port;
    unsigned jobs;
    uint32_t messages;
} wstest_options;

/* Each returns the exit code. */
int judge_wstest_fuzzingclient(const wstest_options *o);
int judge_wstest_fuzzingserver(const wstest_options *o);
int judge_wstest_serve(const wstest_options *o);  /* echoserver, broadcastserver, testeeserver */
int judge_wstest_client(const wstest_options *o); /* echoclient, broadcastclient, testeeclient */
int judge_wstest_massconnect(const wstest_options *o);

/* Finds, or writes, and reads the spec of a mode, and says so. False: it is wrong, and that was
 * said, too. */
bool judge_wstest_spec(const wstest_options *o, judge_spec_kind kind, judge_spec *ret);

/* Warns of a key for which there is no certificate. */
void judge_wstest_check_key(const wstest_options *o, const char *cert);

/* The exit code of a session that came to its end. */
int judge_wstest_exit_code(const judge_session *s, wstest_exit_rule rule, size_t connected);
/* "Cases = ['1.1.1', ...]" */
void judge_wstest_print_cases(const judge_session *s);

/* The number of the SIGINT or SIGTERM that came since judge_wstest_catch_signals() was called; then
 * stop(ud) was, too. */
extern volatile sig_atomic_t judge_wstest_stopped;
void judge_wstest_catch_signals(void (*stop)(void *ud), void *ud);

/* ------ a client connection: a judge_link and a wsk_conn ------ */

typedef struct wstest_link wstest_link;

struct wstest_link {
    judge_link link;
    wsk_conn *conn;
    bool ready;    /* TCP and TLS are up */
    bool opened;   /* the handshake was done */
    bool finished; /* our end of the stream is */
    bool over;
    void (*on_event)(wstest_link *l, const wsk_event *ev);
    void *ud;
};

/* Where to connect to. */
typedef struct wstest_place {
    wsk__url url;
    judge_address address[8];
    size_t n_addresses;
    SSL_CTX *tls; /* NULL: none */
    wsk_config *config;
} wstest_place;

/* The config has permessage-deflate if `deflate`. False with *ret_why. */
bool judge_wstest_place(wstest_place *ret, const char *url, bool deflate, const char **ret_why);
void judge_wstest_place_deinit(wstest_place *p);

/* Begins a connection that asks for `target` (NULL: the URL's). `address` counts through the
 * addresses of the place. */
bool judge_wstest_link_begin(wstest_link *l, const wstest_place *p, size_t address,
                             const char *target);
/* Does what can be done without waiting. Events go to on_event. */
void judge_wstest_link_step(wstest_link *l);
/* Steps and waits until it is over, or judge_wstest_stopped. `pause_ms` < 0: until then only;
 * else it returns after so long. */
void judge_wstest_link_run(wstest_link *l, int pause_ms);
void judge_wstest_link_deinit(wstest_link *l);

#endif
