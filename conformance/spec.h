/* SPDX-License-Identifier: MIT */
/*
 * Autobahn's spec files: what to test, with which options, where the report goes. Input that a
 * person wrote: errors say where and what. Knows no sockets.
 */
#ifndef CONFORMANCE_SPEC_H
#define CONFORMANCE_SPEC_H

#include <jansson.h>

#include "conformance/run.h"

typedef enum judge_spec_kind {
    JUDGE_SPEC_FUZZINGCLIENT,
    JUDGE_SPEC_FUZZINGSERVER,
    JUDGE_SPEC_MASSCONNECT,
} judge_spec_kind;

/* A list of strings of the file, borrowed from it. */
typedef struct judge_strings {
    const char **at;
    size_t n;
} judge_strings;

typedef struct judge_spec_server {
    const char *url;      /* never NULL */
    const char *agent;    /* NULL if not given; the same for the others. massconnect: "name" */
    const char *hostname; /* for SNI */
    const char *origin;
    judge_strings protocols;
    judge_options options; /* global ones, and this server's over them */
} judge_spec_server;

/* Leave these cases out for agents that this pattern matches. */
typedef struct judge_spec_exclusion {
    const char *agent;
    judge_strings cases;
} judge_spec_exclusion;

typedef struct judge_spec {
    json_t *file; /* owns every string below */
    const char *outdir;
    judge_strings cases, exclude;
    judge_spec_exclusion *exclusions;
    size_t n_exclusions;
    judge_spec_server *servers; /* massconnect, too */
    size_t n_servers;
    judge_options options; /* global */
    /* ours: "verify": true, "ca", "cert", "key" */
    bool verify;
    const char *ca, *cert, *key;
    /* fuzzingserver */
    const char *url;
    judge_strings protocols;       /* that may be agreed on */
    judge_strings allowed_origins; /* patterns; none: all are */
    /* massconnect */
    uint32_t connections, batch_size, batch_delay_ms, retry_delay_ms;
} judge_spec;

/* Where parsing went wrong, and what is odd without being wrong. */
typedef struct judge_spec_says {
    char error[256];                          /* one line */
    void (*warn)(void *ud, const char *text); /* may be NULL */
    void *ud;
} judge_spec_says;

/* n octets of JSON. Keys of the file that nobody knows are passed over, as in Autobahn; options
 * that nobody knows are errors. False with says->error. */
bool judge_spec_parse(judge_spec *ret, judge_spec_kind kind, const char *text, size_t n,
                      judge_spec_says *says);
/* The same from a file; at most 16 MiB are read. */
bool judge_spec_load(judge_spec *ret, judge_spec_kind kind, const char *path,
                     judge_spec_says *says);
/* Also for a struct of zeros. */
void judge_spec_deinit(judge_spec *s);

/* True if a case is to be left out for this agent. */
bool judge_spec_excludes(const judge_spec *s, const char *agent, const char *id);

/* What is written when there is no spec file; static. */
const char *judge_spec_template(judge_spec_kind kind);

#endif
