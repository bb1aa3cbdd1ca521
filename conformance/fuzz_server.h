/* SPDX-License-Identifier: MIT */
/*
 * The judge as a server, for clients under test: Autobahn's URL API on WebSocket, and a page for
 * browsers with the reports beside it on HTTP. One thread, one epoll set, any number of agents at
 * once; every connection is a case of its own or one question.
 */
#ifndef CONFORMANCE_FUZZ_SERVER_H
#define CONFORMANCE_FUZZ_SERVER_H

#include "conformance/report.h"
#include "conformance/run.h"
#include "conformance/spec.h"

typedef struct judge_fuzz judge_fuzz;

typedef struct judge_fuzz_hooks {
    void *ud;
    /* Something for the console: one line, made safe to print. */
    void (*say)(void *ud, const char *line);
    void (*on_done)(void *ud, const judge_case *c, const judge_result *r);
    /* Reports were written for an agent that asked for them. */
    void (*on_report)(void *ud, const char *agent);
} judge_fuzz_hooks;

/* All borrowed. */
typedef struct judge_fuzz_params {
    const judge_table *table;
    const bool *selected;   /* by index into the table */
    const judge_spec *spec; /* for "exclude-agent-cases"; NULL: none */
    judge_report *report;
    const char *outdir; /* what is shown below /report/; NULL: nothing */
    judge_options options;
    const char *cert, *key;       /* PEM; NULL: a self-signed certificate */
    const char *server;           /* the Server field; NULL: ours */
    const char *const *protocols; /* subprotocols that may be agreed on */
    size_t n_protocols;
    bool
        check_host_port; /* a Host field with another port than ours is refused, as Autobahn does */
    uint32_t messages;   /* as in judge_run_params */
    int pid;             /* of the client under test, for judge_survival; 0: not known */
    bool compat;
    bool then_exit; /* ends when an agent has asked for its report */
    judge_fuzz_hooks hooks;
} judge_fuzz_params;

/* NULL with one line in `why`. */
judge_fuzz *judge_fuzz_new(const judge_fuzz_params *p, char why[256]);
void judge_fuzz_free(judge_fuzz *f);

/*
 * Listens where the URL says; port 0 takes a free one. `everywhere`: on all addresses, whatever
 * the host. The first one is that of which the page tells browsers. False with a line in `why`.
 */
bool judge_fuzz_listen(judge_fuzz *f, const char *url, bool everywhere, char why[256]);
/* The same server on another port, for people who look for the page there: with the host and TLS
 * of the first listener. */
bool judge_fuzz_listen_web(judge_fuzz *f, unsigned port, char why[256]);
/* "ws://127.0.0.1:9001" with the real port, NULL behind the last one. */
const char *judge_fuzz_url(const judge_fuzz *f, size_t i);
unsigned judge_fuzz_port(const judge_fuzz *f, size_t i);
bool judge_fuzz_is_tls(const judge_fuzz *f, size_t i);

/* Serves until it is to end. False: the loop failed (errno). */
bool judge_fuzz_run(judge_fuzz *f);
/* From a signal handler, too. */
void judge_fuzz_stop(judge_fuzz *f);
/* Cases that came to a verdict. */
size_t judge_fuzz_done(const judge_fuzz *f);

#endif
