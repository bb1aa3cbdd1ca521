/* SPDX-License-Identifier: MIT */
/*
 * A test session as people ask for it: URLs or a spec, patterns, where reports go. Turns them into
 * targets, runs the engine, feeds the reports. Both `websock test` and `wstest` are fronts of this;
 * it prints nothing itself.
 */
#ifndef CONFORMANCE_SESSION_H
#define CONFORMANCE_SESSION_H

#include "conformance/fuzz_server.h"
#include "conformance/report.h"
#include "conformance/run.h"
#include "conformance/spec.h"

typedef struct judge_session judge_session;

/* What may be said while a session runs; each may be NULL. */
typedef struct judge_session_hooks {
    void *ud;
    void (*on_start)(void *ud, const judge_target *t, const judge_case *c);
    void (*on_done)(void *ud, const judge_target *t, const judge_case *c, const judge_result *r);
    void (*on_skip)(void *ud, const judge_case *c, const char *agent);
    void (*on_unreachable)(void *ud, const judge_target *t, const char *why);
    void (*warn)(void *ud, const char *text);
} judge_session_hooks;

/* Strings are borrowed until the session is freed. */
typedef struct judge_session_params {
    const judge_spec *spec;  /* NULL: none; then urls */
    const char *const *urls; /* servers besides those of the spec, or instead of them */
    size_t n_urls;
    bool serves;              /* clients are tested: there are no servers to connect to */
    bool lists;               /* nothing is: only what is selected is asked for */
    const char *const *cases; /* patterns; n_cases 0: the spec's, else all */
    size_t n_cases;
    const char *const *exclude; /* besides the spec's */
    size_t n_exclude;
    /* These count more than what the spec says of a server. */
    const char *agent, *origin, *hostname;
    const char *const *protocols;
    size_t n_protocols;
    judge_options options; /* of `urls`; servers of the spec have theirs */
    judge_tls tls;
    unsigned jobs;
    uint32_t messages;
    int pid;        /* of the peer under test; 0: not known */
    uint64_t limit; /* of the peers' messages, in octets; 0: not known */
    bool compat;
    bool patient; /* echo loops have Autobahn's time limits, unless the options say otherwise */
    /* Servers of one name share their reports, as with Autobahn (and `compat`): else they are
     * numbered, with a warning. */
    bool overwrites;
    bool empties; /* a run without a result replaces the last report, too */
    const char *user_agent;
    judge_report_options report; /* table, selected, warn and ud are set by the session */
    judge_session_hooks hooks;
} judge_session_params;

typedef enum judge_session_error {
    JUDGE_SESSION_OK = 0,
    JUDGE_SESSION_USAGE,  /* a URL, a pattern: the user can mend it */
    JUDGE_SESSION_FAILED, /* memory, files, TLS settings */
} judge_session_error;

/* On failure *ret_error, and one line in `why`. */
judge_session *judge_session_new(const judge_session_params *p, judge_session_error *ret_error,
                                 char why[256]);
void judge_session_free(judge_session *s);

const judge_table *judge_session_table(const judge_session *s);
/* By index into the table. */
const bool *judge_session_selected(const judge_session *s);
size_t judge_session_n_cases(const judge_session *s); /* selected */
size_t judge_session_n_targets(const judge_session *s);
const judge_target *judge_session_target(const judge_session *s, size_t i);

/* Opens the reports and runs. False with a line in `why` when that could not be done. */
bool judge_session_run(judge_session *s, judge_run_totals *ret, char why[256]);

/* For sessions that serve: opens the reports and makes the server, with what the session knows
 * filled in; where it listens is the caller's business. It belongs to the session. NULL with a
 * line in `why`. */
judge_fuzz *judge_session_serve(judge_session *s, const judge_fuzz_params *p, char why[256]);
/* The server has ended: writes the reports. */
void judge_session_served(judge_session *s);

/* From a signal handler, too. */
void judge_session_cancel(judge_session *s);
/* Verdicts; NULL before the run. */
const judge_store *judge_session_store(const judge_session *s);
/* False if something of the reports could not be written. */
bool judge_session_is_reported(const judge_session *s);

#endif
