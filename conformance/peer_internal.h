/* SPDX-License-Identifier: MIT */
/* The state of a judge_peer, shared by the peer_*.c files alone. */
#ifndef CONFORMANCE_PEER_INTERNAL_H
#define CONFORMANCE_PEER_INTERNAL_H

#include <websock/base.h>

#include "conformance/peer.h"
#include "util/attr.h"
#include "wire/utf8.h"

#define FIN_BIT  0x80
#define RSV1_BIT 0x40

/* RFC 6455 section 5.5 allows 125; a faulty peer may send more, of which so much is kept. */
#define CONTROL_KEPT 256
/* A peer must not be able to fill the memory with log entries or events. */
#define MAX_LOG    60000
#define MAX_EVENTS 4096
/* Octets that are kept beyond what is expected, of a message and of all together. */
/* What is longer than this is compared as it comes. */
#define MOST_KEPT     ((uint64_t)128 << 20)
#define SPARE_MESSAGE ((uint64_t)512 * 1024)
#define SPARE_EVENTS  ((uint64_t)1024 * 1024)
/* The same where thousands of clients may be there to fill the memory. */
#define FEW_EVENTS     256
#define LITTLE_MESSAGE ((uint64_t)16 * 1024)
#define LITTLE_EVENTS  ((uint64_t)32 * 1024)
/* A client that asks and asks and reads nothing gets no more answers than these octets at a time.
 * RFC 6455 5.5.3 lets the last ping of several stand for all. */
#define MAX_PONGS 65536
/* How long it is read on from a client whose closing handshake is complete. One that is well ends
 * TCP as soon as it sees that the judge has. */
#define LAST_READ_SECONDS 0.3
/* What is written needs no room any more. */
#define OUT_KEPT   1048576
#define MAX_TIMERS 16
/* A handshake head above this is refused. */
#define MAX_HELLO 65536
/* ... and interim answers of more octets than these. */
#define MAX_INTERIM 1048576

typedef enum peer_state {
    PEER_CONNECTING,
    PEER_OPEN,
    PEER_CLOSING,
    PEER_CLOSED,
} peer_state;

typedef enum timer_kind {
    TIMER_OPEN_HANDSHAKE,
    TIMER_CLOSE_HANDSHAKE,
    TIMER_SERVER_DROP,
    TIMER_KILL,
    TIMER_CLOSE,
    TIMER_WAIT,
    TIMER_STALL,
    TIMER_AWAIT,
    TIMER_READ,
    TIMER_OUTLAST,
    TIMER_ANSWER,    /* of a handshake that the case spells out */
    TIMER_LEFT,      /* it was refused, but TCP stays */
    TIMER_LAST_READ, /* of a client that has closed */
    TIMER_AUTO_PING,
    TIMER_AUTO_PONG,
} timer_kind;

typedef struct peer_timer {
    int64_t at;
    uint64_t seq; /* of two that are due the elder goes first */
    timer_kind kind;
    char tag;
} peer_timer;

/* A stretch of the output that is written in the same manner. */
typedef struct out_run {
    size_t len;
    size_t chop; /* queued: octets of a write; 0: all at once */
    bool queued; /* a write of its own, a turn of the loop before the next */
    bool sync;
} out_run;

typedef struct stat_map {
    judge_stat *at; /* open addressing; count 0 = free */
    size_t room, n;
} stat_map;

/* An event with all of its octets. */
typedef struct peer_event {
    judge_event_kind kind;
    bool binary;
    uint8_t *data;
    size_t kept; /* octets of data; fewer than len if the message was absurdly long */
    uint64_t len;
    int log; /* the wire log's entry of the frame that ended it; -1: not logged */
    const judge_event_row *equals; /* compared as it came, as it was too long to be kept */
} peer_event;

typedef struct peer_buf {
    uint8_t *at;
    size_t len, room;
} peer_buf;

struct judge_peer {
    judge_peer_setup setup;
    judge_options options;
    const judge_case *test;
    judge_result r;
    char *agent;
    peer_state state;
    judge_drop drop;
    bool failed;    /* no memory: there is no verdict to be had */
    bool open_done; /* the opening handshake was completed */
    bool log_on;
    bool skipped;
    bool timed_out;
    bool violated; /* by what the peer sent */
    bool suppress_close;
    uint64_t random; /* state of the generator of masks and keys */
    int64_t now, begun, opened, over;
    int64_t started_ms;
    const judge_step *script; /* the steps of the case, or before them of its handshake */
    size_t step;              /* the next one */
    peer_timer timers[MAX_TIMERS];
    size_t n_timers;
    uint64_t timer_seq;

    /* output */
    peer_buf out;
    size_t out_head;
    out_run *runs;
    size_t run_head, n_runs, run_room;
    size_t piece_left; /* of the queued write that has begun */
    bool paused;
    size_t pongs;    /* octets of answers to pings that were queued since nothing was */
    uint8_t mask[4]; /* of the frame whose octets come in steps */
    uint64_t mask_at;
    bool masking;
    uint64_t owed; /* octets that are to follow of a frame of which some are sent */
    struct {
        bool on; /* a pong waits for these */
        uint8_t payload[CONTROL_KEPT];
        size_t len;
    } due;
    bool pings;       /* steps have sent a ping or a pong */
    stat_map asked;   /* what was in them: pongs with something else answer none */
    bool asked_parts; /* ... but for one whose payload came in parts: any pong may be its */
    int stray_log;    /* the entry of the last pong that answers none; -1: none, or not logged */
    bool strayed;
    bool holding; /* what is sent is kept back until it is complete */
    size_t held;

    /* handshake */
    peer_buf hello;
    size_t interim; /* octets of answers before the last one */
    char key[32];
    bool deflate;
    judge_deflate_params to_peer, from_peer;
    bool outlasted; /* the judge's patience was over before the peer's */
    bool drowned;   /* the peer took a whole flood */
    bool packed;    /* a message came back compressed */
    bool lacks;     /* what the case needs was not agreed on */

    /* the frame that is coming in */
    uint8_t head[14];
    unsigned head_have;
    bool in_payload;
    struct {
        bool fin, masked;
        uint8_t rsv, opcode;
        uint8_t mask[4];
        uint64_t len, at;
        judge_octets shown;
    } frame;
    uint8_t control[CONTROL_KEPT];

    /* the message that is coming in */
    bool in_message, binary, compressed, bad_text;
    wsk__utf8_state utf8;
    uint64_t utf8_at;
    peer_buf message;
    uint64_t message_len;
    uint64_t message_cap; /* octets that are kept: more cannot be right */
    /* But for one message of an ending, NULL: none, which is compared as it comes. */
    const judge_event_row *huge;
    bool huge_differs;
    /* The same of all events together; of those behind that only the beginning is kept. */
    uint64_t event_cap, event_kept;

    peer_event *events;
    size_t n_events, event_room;
    uint8_t *taken; /* of the event that was taken out last */
    int why_log;    /* the entry that showed the first fault */
    char *fault;    /* what the peer did wrong, first */

    /* echo loops */
    struct {
        bool on, judged, ok;
        uint32_t sent, count;
        uint64_t expected_len;
        uint64_t at;      /* octets of the echo compared */
        uint64_t differs; /* first octet that differs; UINT64_MAX: none */
        uint8_t *tile;    /* the payload, repeated to a handy size */
        size_t tile_len, period;
        judge_stream *stream;
        judge_inflater *inflater;
        int64_t moved; /* when an octet last moved */
    } echo;
    /* the masking keys of a client */
    struct {
        bool on;
        uint32_t sent, count;
        uint8_t (*keys)[4];
        size_t n, room;
    } masks;
    /* compressed messages that are events */
    struct {
        bool ready, broken;
        bool too_much; /* came out of one: nothing is inflated any more */
        z_stream z;
    } unpack;
    judge_behavior behavior;
    char *verdict; /* the sentence of an echo loop, or of a handshake */

    /* a handshake that the case spells out */
    struct {
        bool scripted; /* its steps run */
        bool through;  /* ... have run */
        int outcome;   /* see judge_hello; 0: none yet */
        bool left;     /* TCP stayed behind a refusal */
        bool lacking;  /* a field of it was not there */
        size_t head;   /* octets of the head of the refusal */
        peer_buf said; /* what the judge sent, for the report */
        char *request; /* of a client: the head, for what the texts take from it */
        int64_t sent_at, answered_at;
    } greet;

    /* steps of the categories from 14 up */
    struct {
        const judge_step *step; /* NULL: none */
        uint64_t left;          /* frames, or octets */
        bool cut;               /* it cannot be taken any more */
    } flood;
    struct {
        bool on;
        bool close;
        uint64_t events, octets;
    } await;
    struct {
        bool on;
        uint64_t at;   /* octets written */
        int64_t time;  /* when they were; 0: not yet */
        int64_t ended; /* when the peer closed or dropped; 0: it did not */
    } proof;
    uint64_t queued_octets, written_octets, came_octets;
    struct {
        bool pause, slow;
        size_t appetite; /* octets of a read, when slow */
        double every;
    } reading;
    bool wants_fin;
    bool got_close;
    bool beats_on; /* a ping or pong came behind it */
    struct {
        bool no_text, controls;
        bool leaks; /* it has some of what the case keeps secret */
    } reason;       /* of the peer's close frame */

    stat_map rx_octets, tx_octets;
    uint64_t rx_frames[16], tx_frames[16];
    judge_traffic traffic;
};

/* peer_life.c */
void peer_run_steps(judge_peer *p);
void peer_fail(judge_peer *p, unsigned code, const char *reason);
void peer_drop(judge_peer *p, judge_drop how);
void peer_open(judge_peer *p);
void peer_arm(judge_peer *p, timer_kind kind, double seconds, char tag);
void peer_disarm(judge_peer *p, timer_kind kind);
void peer_event_add(judge_peer *p, judge_event_kind kind, bool binary, const uint8_t *data,
                    size_t kept, uint64_t len);
void peer_finish_when_done(judge_peer *p);
bool peer_buf_add(judge_peer *p, peer_buf *b, const void *data, size_t len);
char *peer_text(judge_peer *p, const char *fmt, ...) WSK_PRINTF(2, 3);
/* The octets as text, with U+FFFD for each NUL: what is behind it must not be hidden. */
char *peer_text_of(judge_peer *p, const void *octets, size_t len);
/* An entry of the wire log, or NULL if it is off (`always`: nevertheless) or full. */
judge_log *peer_log(judge_peer *p, judge_log_kind kind, bool always);
void peer_show(judge_octets *o, const uint8_t *data, uint64_t len);
uint64_t peer_random(judge_peer *p);
void peer_stat(judge_peer *p, stat_map *m, uint64_t key);
bool peer_stat_has(const stat_map *m, uint64_t key);

/* peer_send.c */
void peer_send_frame(judge_peer *p, uint8_t first, const judge_blob *blob, const judge_step *how);
void peer_send_octets(judge_peer *p, uint8_t first, const uint8_t *data, size_t len);
void peer_send_message(judge_peer *p, uint8_t opcode, const judge_blob *blob, uint64_t fragment);
void peer_send_compressed(judge_peer *p, uint8_t opcode, const uint8_t *data, size_t len,
                          uint64_t fragment);
/* code -1: none. `reply`: the answer to the peer's close. */
void peer_send_close(judge_peer *p, int code, const uint8_t *reason, size_t len, bool reply);
void peer_send_header(judge_peer *p, const judge_step *s);
void peer_send_part(judge_peer *p, const judge_blob *blob);
/* Octets as they are. */
void peer_send_raw(judge_peer *p, const judge_blob *blob, size_t chop, bool sync);
/* Answers a ping, as soon as no frame is half sent. */
void peer_send_pong(judge_peer *p, const uint8_t *data, size_t len);
/* What a payload of `len` octets is known by among pings and pongs. */
uint64_t peer_ping_key(const uint8_t *data, uint64_t len);
/* Whether a frame is half sent: one of the judge's own would be taken for a part of it. */
bool peer_owes(const judge_peer *p);
void peer_write(judge_peer *p, const uint8_t *data, size_t len, size_t chop, bool sync);

void peer_hold(judge_peer *p);
/* What was kept back goes out in two writes, `first` octets in the first one. */
void peer_release(judge_peer *p, size_t first);

/* peer_receive.c */
/* The peer violates a rule; takes the text. */
void peer_fault(judge_peer *p, unsigned code, char *text);
/* Octet `at` of a text message is no text. */
void peer_text_ends(judge_peer *p, uint64_t at);
/* Octets of a message, inflated. */
void peer_message_data(judge_peer *p, const uint8_t *data, size_t len);
void peer_receive(judge_peer *p, const uint8_t *data, size_t len);

/* peer_handshake.c */
void peer_hello_begin(judge_peer *p);
/* Returns how many octets of a read belong to the handshake. */
size_t peer_hello_feed(judge_peer *p, const uint8_t *data, size_t len);

/* peer_patience.c */
double peer_seconds(const judge_peer *p, double seconds);
bool peer_outlast(judge_peer *p, const judge_step *s);
void peer_outlasted(judge_peer *p);
void peer_judge_ends(judge_peer *p);
void peer_judge_crowd(judge_peer *p);
/* The reason of the peer's close frame. */
void peer_see_reason(judge_peer *p, const uint8_t *reason, size_t len);
void peer_judge_secret(judge_peer *p);

/* peer_terms.c */
/* seen: which parameters the server's answer has, in the order of RFC 7692 7.1 (client and server,
 * no_context_takeover, then max_window_bits). NULL, or what is wrong with it. */
char *peer_terms(judge_peer *p, const bool seen[4]);
/* False: the case ends here. */
bool peer_need(judge_peer *p, int set);
void peer_judge_need(judge_peer *p);

/* peer_inflate.c */
/* The case needs permessage-deflate, and the peer does not. */
bool peer_lacks_deflate(const judge_peer *p);
bool peer_inflates(const judge_peer *p);
void peer_inflate_begin(judge_peer *p);
void peer_inflate(judge_peer *p, const uint8_t *data, size_t len);
/* The message has come to its end. */
void peer_inflate_tail(judge_peer *p);
void peer_inflate_end(judge_peer *p);

/* peer_masks.c */
void peer_masks_begin(judge_peer *p);
void peer_masks_end(judge_peer *p);
/* The present frame is masked. */
void peer_masks_see(judge_peer *p);
/* A message or a pong has come. */
void peer_masks_answered(judge_peer *p);
/* The time for all of them is over. */
void peer_masks_late(judge_peer *p);

/* peer_script.c: the steps of the categories from 14 up */
/* False: it waits. */
bool peer_script_step(judge_peer *p, const judge_step *s);
/* More of a flood, as the output has become empty. */
void peer_flood(judge_peer *p);
/* Something came in: perhaps what is waited for. */
void peer_await_check(judge_peer *p);
/* Octets were read. */
void peer_has_read(judge_peer *p);
/* A close frame of the peer came, or TCP is gone. */
void peer_ended(judge_peer *p);
/* Octets were written. */
void peer_script_wrote(judge_peer *p, size_t n);
/* Makes the verdict worse, never better. */
void peer_degrade(judge_peer *p, judge_behavior b, char *why);
/* Judges what judge_case.close says beyond Autobahn's rules. */
void peer_judge_limits(judge_peer *p);

/* peer_greet.c: handshakes that cases spell out */
void peer_greet_begin(judge_peer *p);
void peer_greet_through(judge_peer *p);
/* As a client: a head of an answer is there. True: it is to be looked at as any other. */
bool peer_greet_answer(judge_peer *p, const char *head, size_t len);
/* As a client: octets behind a refusal. */
void peer_greet_rest(judge_peer *p, const uint8_t *data, size_t len);
/* As a server: octets behind the request. */
void peer_greet_octets(judge_peer *p, const uint8_t *data, size_t len);
/* ... have been read. */
void peer_greet_after(judge_peer *p);
void peer_greet_lost(judge_peer *p);
void peer_greet_timer(judge_peer *p, timer_kind kind);
/* It came to a connection, whose messages and close are to be judged. */
bool peer_greet_is_open(const judge_peer *p);
void peer_greet_verdict(judge_peer *p);
void peer_greet_text(judge_peer *p, const judge_step *s);

/* peer_request.c */
/* A whole head, with its empty line: answers it. */
void peer_request_take(judge_peer *p, const char *head, size_t len);

/* peer_echo.c */
void peer_echo_begin(judge_peer *p);
void peer_echo_end(judge_peer *p);
void peer_echo_message_begin(judge_peer *p);
void peer_echo_data(judge_peer *p, const uint8_t *data, size_t len);
void peer_echo_message_end(judge_peer *p);
void peer_echo_stalled(judge_peer *p);
bool peer_echo_wants_raw(const judge_peer *p);
/* The message is text, and must be UTF-8. */
bool peer_echo_is_text(const judge_peer *p);

/* peer_verdict.c */
void peer_verdict(judge_peer *p);
/* The events and the close against what the case accepts. */
void peer_judge_events(judge_peer *p);
void peer_judge_close(judge_peer *p);
bool peer_ending_matches(const judge_peer *p, const judge_ending *e);

#endif
