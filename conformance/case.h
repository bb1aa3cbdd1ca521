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

/* Who can be tested by a case. */
typedef enum judge_audience {
    JUDGE_FOR_BOTH = 0,
    JUDGE_FOR_SERVERS,
    JUDGE_FOR_CLIENTS,
} judge_audience;

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
    /* From here on: what the categories from 14 up need. */
    JUDGE_STEP_HTTP,  /* text of a handshake, see judge_hello; in writes of `chop` */
    JUDGE_STEP_RAW,   /* octets as they are, neither framed nor masked; in writes of `chop`; `count`
                         octets of their last frame, if any, are to follow */
    JUDGE_STEP_FLOOD, /* `count` times the frame, made only as the peer takes them; for `seconds`
                         at most, unless 0 */
    JUDGE_STEP_SPILL, /* behind a HEADER: `blob.total` octets, made only as the peer takes them */
    JUDGE_STEP_AWAIT, /* until `count` messages and pongs came in all, for `seconds` at most */
    JUDGE_STEP_AWAIT_OCTETS, /* until `count` octets came since the handshake, likewise */
    JUDGE_STEP_PROOF,   /* what was sent so far proves the fault: the time of close.soon begins */
    JUDGE_STEP_FIN,     /* half-close: no more is sent, what comes is still read */
    JUDGE_STEP_RESET,   /* the end: TCP is reset */
    JUDGE_STEP_READ,    /* code 0: reads nothing from now on; 1: again; 2: `chop` octets each time,
                           every `seconds` */
    JUDGE_STEP_HOLD,    /* what follows is kept back */
    JUDGE_STEP_RELEASE, /* ... until here: it goes out in two writes, `chop` octets first */
    JUDGE_STEP_OUTLAST, /* until the peer ends the connection, for `seconds` at most; then the judge
                           drops TCP */
    JUDGE_STEP_NEED,    /* goes on only if permessage-deflate is agreed on as `code` says (a set of
                           JUDGE_NEED_); else the case is UNIMPLEMENTED */
    JUDGE_STEP_AWAIT_CLOSE, /* until a close frame came, for `seconds` at most */
} judge_op;

/* How a frame deviates from what the role sends. */
typedef enum judge_mask {
    JUDGE_MASK_BY_ROLE = 0, /* random for a client, none for a server */
    JUDGE_MASK_NONE,
    JUDGE_MASK_RANDOM,
    JUDGE_MASK_ZERO, /* the bit is set, the key is 0 */
    JUDGE_MASK_KEY,  /* ... the key is that of the step */
} judge_mask;

typedef struct judge_step {
    judge_op op;
    uint8_t first; /* FIN, RSV bits and opcode as on the wire */
    bool sync;     /* a write of its own */
    bool repeat;   /* the wire log shows the pattern and the repeated length */
    bool marked;   /* LOG: leaves an entry in the wire log */
    uint32_t chop;
    uint64_t fragment;
    int code;
    double seconds; /* below 0: so many times --patience */
    char tag;
    judge_mask mask; /* FRAME, HEADER, FLOOD */
    uint8_t form;    /* ... length in 16 or 64 bits whatever it is; 0: the shortest form */
    uint8_t key[4];  /* of JUDGE_MASK_KEY */
    uint8_t cut;     /* HEADER: only so many octets of it are sent; 0: all */
    uint64_t count;
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
    JUDGE_RULE_MASKS,       /* echo.count frames of the peer, whose masks must look random */
    JUDGE_RULE_CLOSE_ONLY,  /* whatever comes before it, the close must be as the case says */
    JUDGE_RULE_EITHER,      /* the same, or the peer ends the connection */
    JUDGE_RULE_RESET,       /* the judge resets TCP: only the peer's survival counts */
    JUDGE_RULE_PEER_CLOSES, /* events; informational if the peer drops TCP without a close frame */
    JUDGE_RULE_ENDS,        /* the peer ends the connection, however; informational if the judge's
                               patience is over first; a flood that it took to the end is NON-STRICT */
    JUDGE_RULE_HELLO, /* what became of the handshake of `hello`, and the events if it opened */
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
    bool lives; /* not failed, whatever `close` says: the judge closes, and that cleanly */
    bool some;  /* of several pongs only the last one need come (RFC 6455 5.5.3) */
    bool apart; /* a pong may come before or behind a message, whatever the order of `event` */
} judge_ending;

/* What may become of a handshake, besides a status of HTTP. */
enum {
    JUDGE_HELLO_DROPPED = 1, /* TCP is closed without a word */
    JUDGE_HELLO_2XX = 2,     /* any status of the class; as below */
    JUDGE_HELLO_3XX = 3,
    JUDGE_HELLO_4XX = 4,
    JUDGE_HELLO_5XX = 5,
    JUDGE_HELLO_SILENT = 6, /* no answer in the time for it, and TCP stays */
    JUDGE_HELLO_CLOSED = 7, /* of clients: a close frame, where nothing was open */
    JUDGE_HELLO_OTHER = 8,  /* of servers: an answer without a status of HTTP */
    JUDGE_HELLO_OPEN = 101,
};

/*
 * A handshake that the case spells out, for JUDGE_RULE_HELLO. Its steps run as soon as TCP stands
 * (the judge being the client) or the client's request is there (being the server). In their HTTP
 * texts {target}, {host}, {key}, {accept} (for the key that came, or was sent), {origin},
 * {protocol} (the first one that was offered) and {fields} (Origin and subprotocols that the user
 * asked for) are filled in, unless the blob repeats. If the connection is open then, the steps of
 * the case follow. Of a client that answers an answer, what it sends says what it thought:
 * a close frame is JUDGE_HELLO_CLOSED, any other octet JUDGE_HELLO_OPEN.
 */
typedef struct judge_hello {
    const judge_step *steps; /* NULL: the ordinary handshake */
    uint16_t ok[8], lax[8];  /* outcomes that are OK, or NON-STRICT */
    uint16_t inform[6];      /* ... or for information only; any other is FAILED */
    const char *fields[2];   /* "Name: value" that a status other than 101 must come with */
    judge_behavior lacking;  /* what it is without them; 0: FAILED */
    bool must_close;         /* after such a status TCP is to be closed */
    judge_behavior left;     /* what it is if it is not though it says so; 0: FAILED */
    bool second;    /* a request of its own stands behind: where TCP may stay open an answer
                       to it is NON-STRICT */
    double soon;    /* an answer later than so many seconds is NON-STRICT; 0: never */
    double late;    /* ... and later than so many FAILED */
    double seconds; /* time for an answer; 0: openHandshakeTimeout, of clients 2; below 0:
                       so many times --patience */
    bool any_reply; /* the answer is not checked beyond its status */
    bool declines;  /* the answer must not have an extension */
    bool foreign;   /* the origin is foreign: see the option checksOrigin */
} judge_hello;

/* The peer must have got over the case. Such cases run alone. */
typedef struct judge_survival {
    bool after;    /* an ordinary connection is answered within vitalitySeconds afterwards */
    double during; /* and one that is made so many seconds into the case; 0: none */
    uint32_t kib;  /* with --pid: its memory may grow by so much; 0: not looked at */
    bool idle;     /* with --pid: its processor time stands still within a second afterwards */
} judge_survival;

/* Parameters of the extension that are asked for, see judge_case.echo. */
typedef struct judge_deflate_row {
    bool no_context_takeover; /* of the peer's direction */
    uint8_t window_bits;      /* of the peer's direction; 0: not asked for */
    /* Of the judge's direction. Without `own_keeps` a client offers to forget its context, and
     * leaves it to the server; as server the judge keeps it unless `own_forgets`. */
    bool own_keeps, own_forgets;
    uint8_t own_bits; /* 0: 15 */
} judge_deflate_row;

/* What the judge sends: how it must have been agreed on. */
enum {
    JUDGE_NEED_KEEPS = 1,   /* the peer keeps it as context */
    JUDGE_NEED_FORGETS = 2, /* the peer need not keep it */
    JUDGE_NEED_WINDOW = 4,  /* in the window of the first row of echo.offers */
    JUDGE_NEED_ROOM = 8,    /* ... or in a larger one */
};

typedef struct judge_case {
    const char *id;          /* "6.2.4" */
    const char *title;       /* a few words, plain text */
    const char *description; /* HTML */
    const char *expectation; /* HTML */
    const char *reference;   /* "RFC 6455 8.1" */
    const judge_step *steps; /* the last one is JUDGE_STEP_END */
    judge_rule rule;
    judge_ending ending[3];
    struct {
        int codes[6];
        uint8_t n_codes; /* 0: any */
        bool closed_by_me;
        bool require_clean;
        bool wrong_endpoint_fatal;
        bool suppress; /* no close of the judge's own when the events are complete */
        int lax[4];    /* codes that make it NON-STRICT, from the first 0 on none */
        /* TCP dropped by the peer without a close frame is: 0 as good as a close, or
         * JUDGE_NON_STRICT, or JUDGE_UNCLEAN, which fails the case. */
        judge_behavior dropped;
        /* Seconds from the PROOF step to the peer's close, or its dropping of TCP: more than
         * `soon` is NON-STRICT, more than `late` FAILED; 0: no limit. */
        double soon, late;
        /* What it is if the peer leaves it to the judge to end the connection; 0: FAILED. */
        judge_behavior kept;
        bool coded;   /* the peer's must have a code, or be NON-STRICT: an empty one may be the
                         answer of who took a wrong close frame for a good one */
        bool limited; /* 1009 before anything came back is for information */
        bool mute;    /* the peer's close is not answered */
        const char *secret; /* text of other messages, of which no reason may hold any */
        double patience;    /* seconds for the answer to the judge's; 0: closeHandshakeTimeout */
    } close;
    judge_audience audience;
    judge_hello hello;
    judge_survival survival;
    uint32_t receive_buffer; /* of the judge's socket; 0: as the system has it */
    bool report_time, report_ratio;
    struct {
        bool binary;
        bool ping;      /* of JUDGE_RULE_MASKS: pings, not messages */
        uint8_t corpus; /* 1 to 5; 0: `fill` */
        char fill;
        uint32_t len; /* octets, or characters of a text corpus */
        uint32_t count;
        double seconds;
        uint64_t fragment; /* of the compressed octets; 0: whole */
        uint8_t n_offers;
        judge_deflate_row offers[3];
    } echo;
    /* What a server may make of an offer that `hello` spells out: parameters of its answer. */
    struct {
        bool given;          /* all that follows is said */
        bool declined;       /* it must not agree to permessage-deflate */
        bool server_forgets; /* it must answer with server_no_context_takeover */
        uint8_t server_bits; /* it must answer with at most so much; 0: it may answer with any */
        uint8_t client_bits; /* it may answer with at most so much; 0: it must not */
    } deflate;
    /* Connections that precede the case: each runs the steps of one of the rows, in turn. */
    struct {
        const struct judge_case *rows;
        size_t n_rows;
        uint32_t count, at_once;
    } crowd;
    bool packs;             /* what comes back should be compressed, or there is nothing to see */
    uint64_t auto_fragment; /* every message is sent in frames of so many octets */
    unsigned weight;        /* 0 light, 1 moves megabytes, 2 thousands of compressed messages,
                               3 an attack: nothing else runs meanwhile */
    int index;              /* from 1, in the order of the suite */
} judge_case;

/* Categories from 14 up are no part of Autobahn's suite. */
bool judge_case_is_extra(const judge_case *c);
/* True if the judge can play that role in it. */
bool judge_case_has_role(const judge_case *c, judge_role role);
/* Part of what it does is to wait. */
bool judge_case_waits(const judge_case *c);
/* Which of them a run of several at a time begins first: as a comparison for sorting. */
int judge_case_by_turn(const judge_case *x, const judge_case *y);

/* All cases, in numeric order: Autobahn's first. Rows and their strings live as long as the table.
 */
typedef struct judge_table judge_table;
/* NULL when there is no memory. */
judge_table *judge_table_new(void);
/* The same for peers whose messages have this limit, in octets; 0: not known. */
judge_table *judge_table_new_limited(uint64_t limit);
void judge_table_free(judge_table *t);
size_t judge_table_count(const judge_table *t);
/* How many of them are Autobahn's: 517. */
size_t judge_table_count_autobahn(const judge_table *t);
const judge_case *judge_table_at(const judge_table *t, size_t i);
/* NULL if there is none. */
const judge_case *judge_table_find(const judge_table *t, const char *id);

/* "1" -> "Framing", "1.1" -> "Text Messages"; NULL if there is no such (sub)category. */
const char *judge_category_title(const char *id);

/*
 * Selects by Autobahn's rules: a pattern with '*' is a prefix ("1.*", "1[23].*"), one without is
 * an id; the result is sorted numerically and has no doubles. Categories from 14 up are selected by
 * those patterns alone that spell their number out ("14.*", "1[45].*", but neither "*" nor "1*").
 * `selected` has judge_table_count elements. Returns how many are selected, or -1 for an id that
 * does not exist (*ret_bad is it).
 */
int judge_select(const judge_table *t, const char *const *patterns, size_t n,
                 const char *const *exclude, size_t n_exclude, bool *selected,
                 const char **ret_bad);
/* A suite by its name ("all", "autobahn", "handshake", ...): its patterns, NULL behind the last.
 * NULL if there is none of that name. */
const char *const *judge_suite(const char *name);
/* All of the names, with commas. */
const char *judge_suite_names(void);
/* The same translation, but the whole text must match ("exclude-agent-cases"). */
bool judge_pattern_matches_whole(const char *pattern, const char *text);

/* What the case does, frame by frame, what it accepts and why: plain text. */
void judge_explain(FILE *out, const judge_case *c, judge_role role);

#endif
