/* SPDX-License-Identifier: MIT */
/*
 * What is kept of each finished case until the index is written: verdicts and numbers by agent
 * and case, no wire logs. Knows no files.
 */
#ifndef CONFORMANCE_REPORT_STORE_H
#define CONFORMANCE_REPORT_STORE_H

#include "conformance/report_json.h"
#include "conformance/report_text.h"
#include "conformance/result.h"

typedef struct judge_entry {
    char id[16];
    int index;
    judge_behavior behavior, behavior_close;
    uint64_t duration_ms, duration_us;
    int64_t started_ms;
    int remote_code;
    bool report_time, report_ratio, scaled;
    bool missing;               /* its files have been taken away */
    uint64_t messages;          /* that the judge sent; at least 1 */
    double in_ratio, out_ratio; /* < 0: not known */
    char *why;                  /* NULL: nothing failed */
    char *frame;                /* the frame that showed it, one line; NULL: none */
} judge_entry;

typedef struct judge_agent {
    char *name;
    char slug[JUDGE_SLUG_SIZE + 8]; /* unique in the store */
    bool collided;   /* another agent had this slug already: a number was put behind this one's */
    judge_entry *at; /* in numeric order of the ids */
    size_t n, size;
} judge_agent;

typedef struct judge_store {
    judge_agent *at; /* in the order in which they came */
    size_t n;
    bool servers, clients; /* were tested */
} judge_store;

void judge_store_deinit(judge_store *s);
/* Notes a result; one with the same agent and id is replaced. NULL when memory is short. Both
 * pointers are good until the next call. */
judge_agent *judge_store_add(judge_store *s, const judge_result *r, judge_entry **ret_entry);
/* The agent, made if there is none of that name. */
judge_agent *judge_store_agent(judge_store *s, const char *name);
/* NULL if there is none. */
const judge_entry *judge_agent_find(const judge_agent *a, const char *id);
judge_entry *judge_agent_entry(const judge_agent *a, const char *id);

/* The numbers of a summary. */
typedef struct judge_counts {
    size_t total, ok, non_strict, informational, unimplemented, failed;
    size_t not_clean; /* passed, but the closing was not OK */
} judge_counts;

void judge_counts_add(judge_counts *c, const judge_entry *e);
/* A failure in the sense of exit codes: behaviour FAILED, or its closing FAILED or WRONG CODE;
 * strict: or NON-STRICT, UNIMPLEMENTED, or any closing that is not OK. */
bool judge_entry_failed(const judge_entry *e, bool strict);
/* The same of a result that no store has. */
bool judge_result_failed(const judge_result *r, bool strict);

/* Autobahn's index.json. NULL when memory is short. */
json_t *judge_json_index(const judge_store *s);
/* Our summary.json: the counts of each agent and all that Autobahn's files have no room for. */
json_t *judge_json_summary(const judge_store *s);

#endif
