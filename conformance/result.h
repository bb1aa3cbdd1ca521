/* SPDX-License-Identifier: MIT */
/*
 * What a finished case leaves behind: the engine fills it, the reports read it. Everything that an
 * Autobahn report holds (its 39 keys) has a field here, plus what our own reports add. Knows no
 * sockets and no files.
 */
#ifndef CONFORMANCE_RESULT_H
#define CONFORMANCE_RESULT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum judge_behavior {
    JUDGE_FAILED = 0,
    JUDGE_OK,
    JUDGE_NON_STRICT,
    JUDGE_INFORMATIONAL,
    JUDGE_UNIMPLEMENTED,
    JUDGE_WRONG_CODE,       /* close only */
    JUDGE_UNCLEAN,          /* close only */
    JUDGE_FAILED_BY_CLIENT, /* close only */
} judge_behavior;

/* "OK", "NON-STRICT", "WRONG CODE", ... as in the reports. */
const char *judge_behavior_name(judge_behavior b);

/* Octets as the reports show them: at most the first 64 are kept, `len` is the true length. */
typedef struct judge_octets {
    uint8_t head[64];
    uint8_t kept;
    uint64_t len;
} judge_octets;

typedef enum judge_event_kind {
    JUDGE_EVENT_MESSAGE,
    JUDGE_EVENT_PING,
    JUDGE_EVENT_PONG,
    JUDGE_EVENT_TIMEOUT, /* octets hold the tag, "A" */
} judge_event_kind;

typedef struct judge_event {
    judge_event_kind kind;
    bool binary;
    judge_octets octets;
} judge_event;

typedef struct judge_events {
    judge_event *at;
    size_t n;
} judge_events;

typedef struct judge_expected {
    judge_behavior behavior;
    judge_events events;
} judge_expected;

/* A count per key (frame opcode; size of one read or write), sorted by key. */
typedef struct judge_stat {
    uint64_t key;
    uint64_t count;
} judge_stat;

typedef struct judge_stats {
    judge_stat *at;
    size_t n;
} judge_stats;

typedef enum judge_log_kind {
    JUDGE_LOG_RO,  /* octets received: octets */
    JUDGE_LOG_TO,  /* octets sent: octets, sync */
    JUDGE_LOG_RF,  /* frame received: octets (payload after inflate), opcode, fin, rsv, masked, mask
                    */
    JUDGE_LOG_TF,  /* frame sent: octets, opcode, fin, rsv, has_mask+mask, repeat, chop, sync */
    JUDGE_LOG_CT,  /* continue after `seconds`, tag */
    JUDGE_LOG_CTE, /* ... fired, tag */
    JUDGE_LOG_KL,  /* fail the connection after `seconds` */
    JUDGE_LOG_KLE,
    JUDGE_LOG_TI, /* close the connection after `seconds` */
    JUDGE_LOG_TIE,
    JUDGE_LOG_WLM, /* wire log on (flag) or off */
} judge_log_kind;

typedef struct judge_log {
    judge_log_kind kind;
    judge_octets octets;
    uint8_t opcode;
    uint8_t rsv; /* 4 = RSV1, 2 = RSV2, 1 = RSV3 */
    bool fin;
    bool masked; /* RF; TF: has_mask */
    bool sync;
    bool flag;
    uint8_t mask[4];
    int64_t repeat; /* TF: -1 = null */
    int64_t chop;   /* TF: -1 = null */
    double seconds;
    char tag[8];    /* "" = null */
    uint32_t at_us; /* microseconds since the handshake began: ours, not in Autobahn's JSON */
} judge_log;

typedef struct judge_traffic { /* 12.*, 13.* only */
    bool present;
    uint64_t in_app, in_ws, in_wire, in_frames, in_messages, in_preopen;
    uint64_t out_app, out_ws, out_wire, out_frames, out_messages, out_preopen;
} judge_traffic;

typedef struct judge_result {
    /* which */
    char *agent;
    const char *id;          /* "6.2.4", static */
    int index;               /* the key "case" */
    bool is_server;          /* the judge is the server */
    const char *description; /* HTML, ours, static for the process */
    const char *expectation; /* HTML */
    const char *reference;   /* "RFC 6455 8.1" */

    /* verdict */
    judge_behavior behavior;
    judge_behavior behavior_close;
    char *result;         /* sentence */
    char *result_close;   /* sentence */
    char *why;            /* ours: one line for people, what failed; NULL if nothing did */
    char *vitality;       /* ours: how the peer got over it; NULL: it was not looked at */
    int why_log;          /* ours: index into log of the frame that showed it, or -1 */
    uint64_t duration_ms; /* handshake done (or begun, when it was lost) to TCP lost */
    uint64_t duration_us; /* ours */
    int64_t started_ms;   /* UTC, milliseconds since 1970 */
    bool report_time, report_ratio; /* reportTime, reportCompressionRatio */
    bool create_stats, create_wirelog;
    bool scaled; /* ours: message counts were scaled down */

    judge_expected *expected;
    size_t n_expected;
    judge_events received;
    struct {
        int codes[6];
        size_t n_codes;
        bool closed_by_me, require_clean;
        bool has_wrong_endpoint_fatal, wrong_endpoint_fatal;
    } expected_close;

    /* how it closed */
    bool closed_by_me, failed_by_me, dropped_by_me;
    bool was_clean, open_timeout, close_timeout, drop_timeout;
    char *not_clean_reason;             /* NULL = null */
    int local_code, remote_code;        /* -1 = null */
    char *local_reason, *remote_reason; /* NULL = null; UTF-8 */

    /* wire */
    char *http_request, *http_response; /* "?" if there was none; not cut, escaped by the writer */
    judge_stats rx_octets, tx_octets, rx_frames, tx_frames;
    judge_log *log;
    size_t n_log;
    judge_traffic traffic;
} judge_result;

/* Whatever it was, it is FAILED, and that is why. */
void judge_result_fail(judge_result *r, const char *why);
/* Frees what the result owns (not the struct). */
void judge_result_deinit(judge_result *r);

#endif
