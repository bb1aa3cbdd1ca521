/* SPDX-License-Identifier: MIT */
/*
 * A case of the suite as data: what is sent, which endings are accepted, which RFC sentence asks
 * for it. Rows live in cases_NN.c, one file per category; families are generated from tables.
 * Knows no sockets, no clock and no reports.
 */
#ifndef CONFORMANCE_CASE_H
#define CONFORMANCE_CASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "conformance/result.h"

/* Which side of the connection the judge plays. */
typedef enum judge_role {
    JUDGE_ROLE_CLIENT = 0, /* tests a server */
    JUDGE_ROLE_SERVER = 1, /* tests a client */
} judge_role;

/* Octets described, not stored: `len` octets at `lit`, repeated and cut to exactly `total`. */
typedef struct judge_blob {
    const char *lit;
    size_t len;
    uint64_t total;
} judge_blob;

typedef enum judge_op {
    JUDGE_STEP_END = 0,
    JUDGE_STEP_FRAME,       /* one frame, first octet as given, `blob`, in writes of `chop` */
    JUDGE_STEP_MESSAGE,     /* first octet = opcode; frames of `fragment` octets (0: one) */
    JUDGE_STEP_CLOSE,       /* close with `code` and reason `blob`, if the state is open */
    JUDGE_STEP_CLOSE_RAW,   /* the same; code -1: none, the payload is `blob` alone */
    JUDGE_STEP_HEADER,      /* the header of a frame only; `blob.total` octets are to follow */
    JUDGE_STEP_OCTETS,      /* some of these */
    JUDGE_STEP_WAIT,        /* `seconds`, then go on; `tag` (if any) is recorded as an event */
    JUDGE_STEP_KILL_AFTER,  /* after `seconds` fail the connection */
    JUDGE_STEP_CLOSE_AFTER, /* after `seconds` close it with an empty close frame */
    JUDGE_STEP_LOG,         /* wire log on (code 1) or off (0) */
    JUDGE_STEP_ECHO,        /* the case's echo loop begins */
} judge_op;

typedef struct judge_step {
    judge_op op;
    uint8_t first; /* FIN, RSV bits and opcode as on the wire */
    bool sync;     /* a write of its own */
    bool repeat;   /* the wire log shows the pattern and the repeated length */
    bool marked;   /* LOG: leaves an entry in the wire log */
    uint32_t chop;
    uint64_t fragment;
    int code;
    double seconds;
    char tag;
    judge_blob blob;
} judge_step;

/* How the behaviour is judged. */
typedef enum judge_rule {
    JUDGE_RULE_EVENTS,      /* the recorded events equal those of an ending */
    JUDGE_RULE_CLOSE_CODE,  /* the same, and a wrong close code fails the behaviour too */
    JUDGE_RULE_INFORM,      /* informational, whatever happens */
    JUDGE_RULE_INFORM_LAST, /* informational; says whether the text came before the close */
    JUDGE_RULE_ONE_ECHO,    /* the first message must be the echo of what was sent */
    JUDGE_RULE_ROUND_TRIPS, /* echo.count messages, one at a time */
    JUDGE_RULE_DEFLATE,     /* the same through permessage-deflate, windows over a corpus */
    JUDGE_RULE_FRAMES_SENT, /* events, and the judge's own count of frames sent */
} judge_rule;

typedef struct judge_event_row {
    judge_event_kind kind;
    bool binary;
    judge_blob blob;
} judge_event_row;

/* One accepted ending. */
typedef struct judge_ending {
    judge_behavior behavior; /* JUDGE_OK or JUDGE_NON_STRICT; JUDGE_FAILED: no ending here */
    size_t n;
    judge_event_row event[10];
} judge_ending;

/* Parameters of the extension that are asked for (12.*, 13.*), see judge_case.echo. */
typedef struct judge_deflate_row {
    bool no_context_takeover; /* of the peer's direction */
    uint8_t window_bits;      /* of the peer's direction; 0: not asked for */
} judge_deflate_row;

typedef struct judge_case {
    const char *id;          /* "6.2.4" */
    const char *title;       /* a few words, plain text */
    const char *description; /* HTML */
    const char *expectation; /* HTML */
    const char *reference;   /* "RFC 6455 8.1" */
    const judge_step *steps; /* the last one is JUDGE_STEP_END */
    judge_rule rule;
    judge_ending ending[2];
    struct {
        int codes[4];
        uint8_t n_codes;
        bool closed_by_me;
        bool require_clean;
        bool wrong_endpoint_fatal;
        bool suppress; /* no close of the judge's own when the events are complete */
    } close;
    bool report_time, report_ratio;
    struct {
        bool binary;
        uint8_t corpus; /* 1 to 5; 0: `fill` */
        char fill;
        uint32_t len; /* octets, or characters of a text corpus */
        uint32_t count;
        double seconds;
        uint64_t fragment; /* of the compressed octets; 0: whole */
        uint8_t n_offers;
        judge_deflate_row offers[3];
    } echo;
    uint64_t auto_fragment; /* every message is sent in frames of so many octets */
    unsigned weight;        /* 0 light, 1 moves megabytes, 2 thousands of compressed messages */
    int index;              /* from 1, in the order of the suite */
} judge_case;

/* All cases, in numeric order. Rows and their strings live as long as the table. */
typedef struct judge_table judge_table;
/* NULL when there is no memory. */
judge_table *judge_table_new(void);
void judge_table_free(judge_table *t);
size_t judge_table_count(const judge_table *t);
const judge_case *judge_table_at(const judge_table *t, size_t i);
/* NULL if there is none. */
const judge_case *judge_table_find(const judge_table *t, const char *id);

/* "1" -> "Framing", "1.1" -> "Text Messages"; NULL if there is no such (sub)category. */
const char *judge_category_title(const char *id);

/*
 * Selects by Autobahn's rules: a pattern with '*' is a prefix ("1.*", "1[23].*"), one without is
 * an id; the result is sorted numerically and has no doubles. `selected` has judge_table_count
 * elements. Returns how many are selected, or -1 for an id that does not exist (*ret_bad is it).
 */
int judge_select(const judge_table *t, const char *const *patterns, size_t n,
                 const char *const *exclude, size_t n_exclude, bool *selected,
                 const char **ret_bad);
/* The same translation, but the whole text must match ("exclude-agent-cases"). */
bool judge_pattern_matches_whole(const char *pattern, const char *text);

/* What the case does, frame by frame, what it accepts and why: plain text. */
void judge_explain(FILE *out, const judge_case *c, judge_role role);

#endif
