/* SPDX-License-Identifier: MIT */
/*
 * A run: selected cases against targets, several connections at once, one thread. Owns the
 * scheduling; a verdict depends neither on the number of jobs nor on the order.
 */
#ifndef CONFORMANCE_RUN_H
#define CONFORMANCE_RUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "conformance/case.h"
#include "conformance/result.h"

/* Autobahn's protocol options, by their names there. Seconds; 0 switches a time limit off. */
typedef struct judge_options {
    double open_handshake_timeout;         /* 5 */
    double close_handshake_timeout;        /* 1 */
    double server_connection_drop_timeout; /* 1, the judge being the client */
    double auto_ping_interval;             /* 0 */
    double auto_ping_timeout;              /* 0 */
    uint64_t auto_ping_size;               /* 4 */
    uint64_t max_frame_payload_size;       /* 0: no limit */
    uint64_t max_message_payload_size;     /* 0: no limit */
    uint64_t auto_fragment_size;           /* 0: never */
    int version;                           /* 18 = 13 on the wire */
    bool utf8_validate_incoming;           /* true */
    bool apply_mask;                       /* true */
    bool fail_by_drop;                     /* false */
    bool echo_close_code_reason;           /* false */
    bool tcp_no_delay;                     /* true */
    bool mask_client_frames;               /* true */
    bool accept_masked_server_frames;      /* false */
    bool mask_server_frames;               /* false */
    bool require_masked_client_frames;     /* true */
    double vitality_seconds;               /* 1; not Autobahn's: see judge_survival */
    double stall_seconds; /* see below; 0: never; -1: not said; nor is this Autobahn's */
    double crowd;         /* 1; ... so much of the crowds of 23.* */
    double patience;      /* 3; ... how long a peer's time limits are waited for */
    bool checks_origin;   /* false; nor is this: the server is known to refuse foreign origins */
    bool web_status;      /* true; plain GETs are answered (fuzzing server) */
    uint64_t max_connections; /* 0: only our own limit (fuzzing server) */
} judge_options;

void judge_options_init(judge_options *o);
/*
 * Sets the option that Autobahn calls `name` ("openHandshakeTimeout", "failByDrop", ...); booleans
 * are 0 or 1. Returns 0, 1 if the name is known but has no effect here, -1 if it is unknown.
 */
int judge_options_set(judge_options *o, const char *name, double value);

/* A server under test. Strings are borrowed for the run. */
typedef struct judge_target {
    const char *url;       /* as given, for messages */
    const char *host;      /* name or address, IPv6 without brackets */
    const char *unix_path; /* instead of host and port; NULL: TCP */
    uint16_t port;
    bool tls;
    const char *resource;         /* "/ws?x=1" */
    const char *agent;            /* NULL: the Server header of its answer, else "UnknownServer" */
    const char *hostname;         /* for SNI and the certificate; NULL: host */
    const char *origin;           /* NULL: no Origin header */
    const char *const *protocols; /* offered subprotocols */
    size_t n_protocols;
    judge_options options;
} judge_target;

/* TLS of the whole run. PEM files; NULL: none. */
typedef struct judge_tls {
    bool verify; /* false: any certificate will do, as Autobahn does it */
    const char *ca;
    const char *cert;
    const char *key;
} judge_tls;

typedef struct judge_run judge_run;

typedef struct judge_callbacks {
    void *ud;
    /* A case was started. */
    void (*on_start)(void *ud, const judge_target *t, const judge_case *c);
    /* A case has its result, which is valid during the call; move what you keep by copying the
     * struct and clearing the original (*r = (judge_result){0}). */
    void (*on_done)(void *ud, const judge_target *t, const judge_case *c, judge_result *r);
    /* The agent's name is known: shall this case be left out? NULL: never. */
    bool (*skip)(void *ud, const judge_target *t, const judge_case *c, const char *agent);
    /* --compat only: the connection could not be made, the rest of the target is dropped. */
    void (*on_unreachable)(void *ud, const judge_target *t, const char *why);
    /* Verdicts are others beside other cases than alone: all in doubt are run one at a time. */
    void (*on_alone)(void *ud, const judge_target *t);
} judge_callbacks;

typedef struct judge_run_params {
    const judge_table *table;
    const bool *selected; /* by index into the table */
    const judge_target *targets;
    size_t n_targets;
    judge_tls tls;
    judge_callbacks callbacks;
    unsigned jobs;     /* 0: from the number of processors */
    uint32_t messages; /* 0: as the cases say; else so many round trips in 9.7, 9.8, 12.*, 13.* */
    int pid;           /* of the server under test, for judge_survival; 0: not known */
    bool compat;       /* Autobahn's verdicts where ours differ */
    /* Not with compat: an echo loop in which no octet moves so long has failed, where the options
     * do not say how long; 0: 30. */
    double stall_seconds;
    const char *user_agent; /* NULL: ours */
} judge_run_params;

/* What a run came to. */
typedef struct judge_run_totals {
    size_t cases;       /* results handed out */
    size_t connected;   /* cases whose connection was made at all */
    size_t unreachable; /* cases whose target could not be reached */
    size_t repeated;    /* cases that were run again, alone */
    size_t skipped;     /* cases that were left out when the agent was known */
} judge_run_totals;

/* NULL with a line in `why` when it cannot be set up. */
judge_run *judge_run_new(const judge_run_params *params, char why[256]);
/* Connections at once: fewer than were asked for where the limit of open files is too low. */
unsigned judge_run_jobs(const judge_run *r);
/* Runs to the end, or until it was cancelled. 0, or -1 (errno). */
int judge_run_go(judge_run *r, judge_run_totals *ret);
/* From a signal handler or a callback: no new case is begun, running ones are dropped. */
void judge_run_cancel(judge_run *r);
void judge_run_free(judge_run *r);

#endif
