/* SPDX-License-Identifier: MIT */
/* What the parts of "websock test" share: the settings and what is told to people. */
#ifndef CLI_TEST_H
#define CLI_TEST_H

#include <stdio.h>

#include "conformance/session.h"
#include "options.h"

typedef struct test_settings {
    const char *spec;
    opt_list cases, suites, exclude;
    bool list;
    const char *explain;
    bool serve, then_exit;
    uint32_t webport;
    const char *rebuild;

    const char *agent, *origin, *hostname;
    opt_list protocols;
    opt_list server_options; /* NAME=VALUE */
    const char *ca, *cert, *key;
    bool insecure;

    uint32_t jobs;
    uint32_t messages;
    uint64_t limit;    /* of the peer's messages; 0: not known */
    uint32_t pid;      /* of the server under test; 0: not known */
    uint32_t patience; /* ms; 0: the judge's own */
    bool compat;
    bool strict;

    const char *out;
    bool no_report;
    const char *junit;
    const char *json; /* "-": stdout */
    bool tap;
    bool quiet;
} test_settings;

enum {
    TEST_EXIT_CASES_FAILED = 1,
    TEST_EXIT_NOTHING_RUN = 3,
};

/* Tells people how a run goes: progress, summary, failures. */
typedef struct test_view {
    FILE *out;      /* summary; stderr when stdout holds TAP or JSON */
    FILE *progress; /* NULL: no progress line */
    bool colours;   /* on `out` */
    bool quiet;
    bool strict;
    size_t total; /* cases that are to be run; 0: not known */
    size_t done, failed;
    uint64_t begun_us; /* monotonic */
    uint64_t shown_us;
    bool unreachable; /* it was said that a server is */
    char why[256];    /* the first connection that could not be made */
} test_view;

void test_view_begin(test_view *v);
void test_view_done(test_view *v, const judge_result *r);
void test_view_clear(test_view *v); /* takes the progress line away */
/* `outdir` NULL: no report was written. */
void test_view_summary(test_view *v, const judge_store *s, const char *outdir);

/* A line of a warning; `ud` is a test_view or NULL. */
void test_warn(void *ud, const char *text);
void test_on_done(test_view *v, const judge_result *r);
int test_count_failed(const judge_store *s, bool strict);
/* Of a run that came to its end. */
int test_exit_code(const judge_session *s, bool strict);
/* Catches signals that end a session. */
void test_catch_signals(judge_session *s);
/* The number of the signal that came, or 0. */
int test_signal(void);

/* test_serve.c: the session judges clients. `urls` is where it listens. Returns the exit code. */
int test_serve(judge_session *s, test_view *v, const test_settings *settings,
               const judge_spec *spec, const opt_list *urls, const char *outdir);

#endif
