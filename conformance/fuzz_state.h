/* SPDX-License-Identifier: MIT */
/* The state of a judge_fuzz, shared by fuzz_server.c, fuzz_answer.c and fuzz_setup.c alone. */
#ifndef CONFORMANCE_FUZZ_STATE_H
#define CONFORMANCE_FUZZ_STATE_H

#include "conformance/fuzz_internal.h"
#include "conformance/vitality.h"
#include "util/attr.h"

enum {
    MAX_LISTENERS = 16,
    MAX_PLACES = 8,
    /* Anyone can connect; so many may, and each head may be so long. */
    MAX_CONNECTIONS = 2048,
    MAX_HEAD = 65536,
    /* Agents whose results are kept: names cost nothing to make up. */
    MAX_AGENTS = 256,
    /* Cases that hold megabytes, at once; more wait for their turn. */
    MAX_HEAVY = 32,
    /* With more connections than these, each has fewer entries in its wire log, and keeps less of
     * what it should not have been sent. */
    MANY = 64,
    SHORT_LOG = 4000,
    CROWDED = 512,
    SHORTEST_LOG = 500,
    /* Results that wait for their clients to come back. */
    MAX_HELD = 256,
    READ_SIZE = 65536,
    MAX_EVENTS = 64,
};
/* A command of a few octets must not fill the memory with what it repeats: so much may wait for one
 * connection, and for all. */
#define MOST_QUEUED     ((size_t)16 << 20)
#define MOST_QUEUED_ALL ((size_t)64 << 20)
#define LINGER_US       INT64_C(1000000)
/* A reader of a page that takes no octets any more is let go. */
#define REPLY_US INT64_C(30000000)
/* So long a heavy case waits, and a process without descriptors. */
#define TURN_US  INT64_C(60000000)
#define RETRY_US INT64_C(100000)
/* A client that drops TCP may ask for its report while the judge still waits in its last case. */
#define ENDING_US INT64_C(30000000)
/* Reports in which nothing would change are written again after so long only: with many agents
 * they take their time, and asking for them takes none. */
#define REPORT_US INT64_C(1000000)
/* Where the options set none: what never finishes its request must not stay. */
#define HEAD_US INT64_C(60000000)

typedef enum conn_state {
    CONN_TLS,
    CONN_HEAD,
    CONN_QUEUED, /* for its turn; `in` is the request */
    CONN_PEER,
    CONN_REPLY,
    CONN_LINGER,
    CONN_GONE, /* freed at the end of the turn: events may still name it */
} conn_state;

typedef struct conn {
    void *listener; /* NULL; tells it from a listener in an event */
    judge_link link;
    conn_state state;
    bool watched;
    uint32_t events;
    int64_t until, active; /* active: when something last came or went */
    unsigned place;
    fuzz_file file;
    bool heavy;
    char from[80]; /* "tcp4:127.0.0.1:1234" */
    judge_buf in;  /* the head */
    judge_buf out; /* an answer without a peer */
    size_t sent;
    judge_peer *peer;
    fuzz_query query;
    judge_vitality process; /* of the client, while it runs a case that tries it */
    bool is_over_it;        /* it had ended the connection, and was there for the next case */
    bool waits;             /* for a result */
    bool is_last;           /* the server ends when this does */
    bool deaf;              /* writing has failed */
    judge_case made;        /* the case of an answer of the API */
    judge_step steps[3];
    char text[2048];
} conn;

typedef struct listener {
    struct listener *listener; /* itself */
    int fd;
    unsigned place;
} listener;

/* The result of a case, until the client comes back. */
typedef struct fuzz_held {
    const judge_case *test;
    char *agent;
    judge_result result;
    int64_t since;
    judge_vitality process;
} fuzz_held;

struct judge_fuzz {
    judge_fuzz_params p;
    judge_streams *streams;
    SSL_CTX *tls;
    int epoll;
    volatile sig_atomic_t stopped;
    bool ended;      /* by an agent */
    int64_t ends_by; /* then; until then cases that still run come to their ends */
    listener listeners[MAX_LISTENERS];
    size_t n_listeners;
    fuzz_place places[MAX_PLACES];
    char *urls[MAX_PLACES];
    size_t n_places;
    conn **conns;
    size_t n_conns, room, most;
    size_t n_open, n_heavy; /* of those that are not gone */
    bool full;              /* listeners are not watched */
    int64_t full_since;
    fuzz_held held[MAX_HELD];
    size_t n_held;
    int64_t look_at;       /* when the process under test is looked at again */
    size_t done, reported; /* reported: of these, when reports were last written */
    int64_t reported_at;
    uint8_t buf[READ_SIZE];
};

/* ------ fuzz_answer.c ------ */

/* A line for the console; names in it come from clients. */
void fuzz_say(const judge_fuzz *f, const char *fmt, ...) WSK_PRINTF(2, 3);
/* NULL: there is no result yet. */
const judge_entry *fuzz_result(const judge_fuzz *f, const char *agent, const char *id);
/* What the API has to say at once. */
void fuzz_answer_prepare(judge_fuzz *f, conn *c);
/* What an accepted handshake sets off. */
void fuzz_answer_begin(judge_fuzz *f, conn *c);
/* The result that the connection waits for is there. */
void fuzz_answer_status(conn *c, const judge_entry *e);

/* ------ fuzz_care.c: clients that must get over a case ------ */

/* The case of a connection begins. */
void fuzz_care_begin(const judge_fuzz *f, conn *c, int64_t now);
/* The client has ended the connection, of which the judge has not heard yet, and has come back. */
void fuzz_care_over(const judge_fuzz *f, conn *c);
/* True: the result was taken, and waits for the client to come back. */
bool fuzz_care_hold(judge_fuzz *f, const conn *c, judge_result *r, int64_t now);
/* The next result that need not wait any longer: of an agent that is back, or (NULL) of those whose
 * time is up. The caller frees the agent and the result. */
bool fuzz_care_take(judge_fuzz *f, const char *agent, int64_t now, fuzz_held *ret);
/* The same of any that waits, as it is: the server ends. */
bool fuzz_care_last(judge_fuzz *f, fuzz_held *ret);
/* Looks at processes. When it is to be called again. */
int64_t fuzz_care_turn(judge_fuzz *f, int64_t now);

#endif
