/* SPDX-License-Identifier: MIT */
/*
 * What the parts of "websock bench" share: the settings, the connections, the run.
 *
 *   bench_load.c     phases, the clock, what is sent when, what counts
 *   bench_open.c     from a socket to an open connection, and the end of one
 *   bench_stream.c   octets in and out, through TLS or not, over epoll
 *   bench_ring.c     the same over io_uring, while messages flow
 *   bench_reader.c   what came back: right or wrong
 *   bench_plan.c     what is sent, and what has to come back
 *   bench_report.c   figures for people and as JSON; bench_plot.c: as a picture;
 *                    bench_line.c: while it runs
 */
#ifndef CLI_BENCH_H
#define CLI_BENCH_H

#include "bench_histogram.h"
#include "bench_plan.h"
#include "bench_process.h"
#include "bench_reader.h"
#include "bench_target.h"
#include "net/tls_session.h"
#include "options.h"

enum { BENCH_EXIT_NOTHING = 3 }; /* there was nothing that could be run */

typedef enum bench_mode {
    BENCH_ECHO,
    BENCH_BROADCAST,
    BENCH_HANDSHAKE,
    BENCH_IDLE,
} bench_mode;

typedef enum bench_io {
    BENCH_IO_AUTO,
    BENCH_IO_URING,
    BENCH_IO_EPOLL,
} bench_io;

enum {
    BENCH_RING_LARGEST = 16384, /* larger messages go better through epoll */
    BENCH_LARGE = 65536,        /* from here on copying and comparing are what costs most */
};

typedef struct bench_settings {
    const char *url;
    int mode;
    uint32_t connections;
    uint32_t pipeline;
    uint64_t size;                                    /* UINT64_MAX: not given */
    uint32_t duration, warmup, timeout, open_timeout; /* ms */
    uint32_t opening;
    uint32_t rate;     /* messages per second, 0: closed loop */
    uint32_t messages; /* of a broadcast, 0: as many as there is time for */
    uint32_t verify; /* contents on each connection of that many; 0: none; UINT32_MAX: not given */
    uint32_t pid;
    int io; /* index into the choices: auto, uring, epoll */
    const char *payload_file;
    const char *source;
    const char *ca_file;
    const char *plot_file;
    bool text, binary, deflate, insecure, spin, wait, json, quiet;
} bench_settings;

/* ------------------------------------------------------------------------- connections -- */

typedef enum bench_state {
    BENCH_NEW,
    BENCH_CONNECTING,
    BENCH_TLS,
    BENCH_HEAD,
    BENCH_OPEN,
    BENCH_CLOSING, /* our close frame is on its way */
    BENCH_GONE,
} bench_state;

typedef struct bench_tls {
    wsk__tls_session *session;
    wsk__tls_out out;
} bench_tls;

/* What is needed only until a connection is open. */
typedef struct bench_opening {
    char key[WSK__KEY_LEN + 1];
    char *head; /* BENCH_HEAD_ROOM octets of the response */
    size_t head_len;
    size_t request_sent;
    wsk__head parsed;
} bench_opening;

typedef struct bench_conn {
    int fd;
    uint8_t state;
    uint8_t chain;
    bool blocked;  /* the socket takes no more for now */
    bool dirty;    /* waits to be flushed */
    bool answered; /* the server's close frame is there */
    uint8_t control_n, control_off;
    uint32_t owed;      /* messages to be sent, the one that is half sent included */
    uint32_t frame;     /* index in the chain of the next one */
    uint32_t in_flight; /* without an answer, owed ones included */
    uint32_t stamp;     /* place of the oldest one's time */
    uint32_t slot;      /* its place among the connections that take part */
    size_t frame_off;   /* octets of the frame that are sent */
    uint64_t done;      /* messages that came */
    uint64_t began;     /* ns: when it began to open; 0 when it need not be watched */
    uint64_t deadline;
    bench_tls *tls;
    bench_opening *opening;
    uint8_t *control; /* frames that go in between, BENCH_CONTROL_ROOM octets, once needed */
} bench_conn;

enum {
    BENCH_HEAD_ROOM = 16384,
    BENCH_MAX_FIELDS = 100,
    BENCH_CLOSE_LEN = 8,
    BENCH_CONTROL_ROOM = 6 + WSK__CONTROL_MAX + BENCH_CLOSE_LEN, /* a close behind a pong */
};

/* ------------------------------------------------------------------------------ results -- */

/* Reasons of failures and how often they came. */
enum { BENCH_REASONS = 16, BENCH_REASON_LEN = 200 };

typedef struct bench_errors {
    uint64_t n; /* all of them */
    uint32_t n_reasons;
    struct {
        char text[BENCH_REASON_LEN];
        uint64_t n;
    } reasons[BENCH_REASONS];
} bench_errors;

/* Sums since the beginning, or between two moments. */
typedef struct bench_counts {
    uint64_t messages;
    uint64_t wrong;
    uint64_t sent, received; /* octets of frames */
} bench_counts;

typedef struct bench_sample {
    double at, seconds; /* the end of the interval since the measurement began, its length */
    uint64_t messages, octets;
    uint64_t p50, p90, p99, p999, max; /* ns */
} bench_sample;

enum { BENCH_SAMPLES = 600 };

typedef struct bench_moment {
    uint64_t time; /* ns */
    bench_counts counts;
    bench_process server;
    double user, system; /* seconds of this process */
} bench_moment;

/* ------------------------------------------------------------------------------ the run -- */

typedef enum bench_phase {
    BENCH_PHASE_OPENING,
    BENCH_PHASE_WARMUP,
    BENCH_PHASE_MEASURE,
    BENCH_PHASE_DRAIN, /* answers that are still to come */
    BENCH_PHASE_END,
} bench_phase;

typedef struct bench_ring bench_ring;

typedef struct bench {
    const bench_settings *set;
    bench_target target;
    bench_plan plan;
    uint32_t n_conns;
    bench_conn *conns;
    bench_reader *readers; /* of the connection of the same index */
    uint64_t *stamps;      /* pipeline times for each connection; of a broadcast, for all */
    bench_ring *ring;      /* NULL: epoll */

    int epoll_fd;
    uint8_t *buffer; /* what is received */
    size_t buffer_len;
    bool skips;                 /* contents that are not compared need not be received */
    uint8_t *cipher, *tls_room; /* with TLS */

    uint64_t now; /* ns */
    bench_phase phase;
    uint64_t phase_end, next_sample, sample_step, sample_at, next_scan;
    bench_counts sample_counts; /* at sample_at */
    bool stop;                  /* something makes going on pointless */

    uint32_t next_conn; /* that has not begun to open */
    bool queue_full;    /* of a Unix socket, which tells nobody when it has room again */
    uint32_t n_opening, n_open, n_closing, n_slots;
    uint32_t n_most; /* at a time, in whatever state */
    uint32_t *slots; /* indexes of the connections that take part; of those to be opened again */
    uint64_t outstanding;

    /* Open loop: message i is due at due_begin + i * due_step. */
    uint64_t due_begin, due_end, due_sent;
    double due_step;

    /* Broadcast: copies of message i that came, at i % pipeline. */
    uint32_t *copies;
    uint64_t broadcast_sent, broadcast_done;
    uint32_t n_receivers;
    bench_histogram *last_copy; /* times until the last connection had its copy */

    bench_counts counts;
    bench_moment begin, end;
    uint64_t last_due_answer; /* when the last message that was due in time was answered */
    uint32_t n_held;          /* connections while it was measured; of handshakes, the most */
    uint32_t n_answered;      /* of them that ended with a close frame from both sides */
    uint64_t opened, open_began, open_ended, failed_in_a_row;
    uint64_t unsolicited, unanswered, unanswered_gone;
    bool server_known, interrupted, rode_ring;
    bench_process server_before, server_after;
    bench_histogram *latency, *interval, *opening_time;
    bench_sample *samples;
    uint32_t n_samples;
    bench_errors errors;
    struct {
        bool wanted, shown;
        uint64_t at, messages; /* of the last time */
    } line;
} bench;

uint64_t bench_clock(void);
/* Tells once that the user wants an end. */
bool bench_is_interrupted(void);

/* bench_load.c. Returns the exit code. */
int bench_load_run(bench *b);
void bench_load_deinit(bench *b);
/* Messages came on an open connection; `done` are complete. */
void bench_load_answered(bench *b, bench_conn *c, uint32_t done);
void bench_load_opened(bench *b, bench_conn *c);
/* Once for each connection that is gone, whatever the reason. */
void bench_load_gone(bench *b, bench_conn *c);

/* bench_report.c */
/* Seconds that count, and messages within them. */
double bench_report_seconds(const bench *b);
uint64_t bench_report_messages(const bench *b);
/* Connections that got a copy of each message that was broadcast. */
uint32_t bench_report_complete(const bench *b);
bool bench_report_text(const bench *b);
bool bench_report_json(const bench *b);

/* bench_open.c */
/* Goes on opening connections, as many at a time as may be. */
void bench_open_more(bench *b);
/* Opens this one, for the first time or again. False: not yet, the server's queue is full. */
bool bench_open_one(bench *b, bench_conn *c);
void bench_open_writable(bench *b, bench_conn *c);
void bench_open_octets(bench *b, bench_conn *c, const uint8_t *p, size_t n);
/* Sends a close frame and waits for the server's. */
void bench_close(bench *b, bench_conn *c);
/* Ends a connection now; abort: with a reset. */
void bench_drop(bench *b, bench_conn *c, bool abort);
/* The same, with a reason that counts as an error. */
void bench_fail(bench *b, bench_conn *c, const char *fmt, ...) WSK_PRINTF(3, 4);
void bench_error(bench *b, uint64_t times, const char *fmt, ...) WSK_PRINTF(3, 4);
/* What the deadlines of connections ask for; they are looked at now and then. */
void bench_open_scan(bench *b);

/* bench_stream.c */
bool bench_stream_init(bench *b);
void bench_stream_deinit(bench *b);
/* Waits for events for at most so many ns, and deals with them. */
void bench_stream_turn(bench *b, uint64_t wait);
/* Sends what is owed, as far as the socket takes it. */
void bench_stream_flush(bench *b, bench_conn *c);
/* Octets of an opening handshake or a control frame; returns how many went, or -1. */
ssize_t bench_stream_send(bench *b, bench_conn *c, const void *p, size_t n);
/* A frame that goes in between. False while something of it is left. */
bool bench_stream_flush_control(bench *b, bench_conn *c);
/* k octets went of the frames that begin with c->frame. */
void bench_stream_advance(bench_conn *c, const bench_chain *chain, size_t k);
/* Octets that came on an open or closing connection. */
void bench_stream_octets(bench *b, bench_conn *c, const uint8_t *p, size_t n);
void bench_stream_ended(bench *b, bench_conn *c, int error);

static inline uint32_t bench_index(const bench *b, const bench_conn *c)
{
    return (uint32_t)(c - b->conns);
}

#endif
