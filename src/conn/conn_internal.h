/* SPDX-License-Identifier: MIT */
/*
 * The insides of a connection, shared by the files of src/conn and, where said, by the shells.
 *
 *   conn_config.c   options -> checked, immutable config
 *   conn.c          life, clock, wants, getters
 *   conn_opening.c  CONNECTING: heads, negotiation (both roles)
 *   conn_body.c     the begin of the body of a response that refuses
 *   conn_receive.c  octets -> frames -> messages -> events
 *   conn_send.c     messages -> frames -> queue
 *   conn_output.c   the queue
 *   conn_close.c    closing handshake and failure
 *   conn_prepared.c messages framed once for many
 *   ext_set.c       the extensions of one connection
 */
#ifndef WSK_CONN_INTERNAL_H
#define WSK_CONN_INTERNAL_H

#include <stdatomic.h>

#include <websock/conn.h>

#include "deflate/pmd.h"
#include "http/extension_field.h"
#include "http/handshake.h"
#include "http/head.h"
#include "util/attr.h"
#include "util/mem.h"
#include "wire/frame.h"
#include "wire/rules.h"
#include "wire/utf8.h"

struct wsk_config {
    wsk_config_options o; /* defaults filled in; strings below are our copies */
    atomic_uint refs;
    const wsk_hooks *hooks;
    char **subprotocols; /* NULL-terminated, or NULL */
    char **origins;
    char *server_header;
    bool has_deflate;
    wsk__pmd_config pmd;
    const wsk_extension **extensions; /* the program's, then ours; n_extensions of them */
    size_t n_extensions;
    bool masked_in;       /* what comes in must be masked: we are the server */
    bool small_in_one_go; /* no option asks for more than the short way does */
    /* Below so many queued octets nothing has to be looked at for another small message of a
     * server; 0: always. */
    size_t quick_queue;
};

/* ----------------------------------------------------------------- what a loop's conns share -- */

/*
 * Work that a peer can ask for is counted in octets that are inflated. Such an octet takes 0.07 us
 * as a rule at worst (blocks that decode to nothing), and 0.35 us in final blocks of an octet each,
 * behind which ISA-L has its window moved: the clock is looked at every 6 ms then, and where an
 * octet takes what it mostly does, every 0.1 ms.
 */
#define WSK__TOLL_MAX    16384
#define WSK__TOLL_EVENT  64 /* a message, a ping: with what a program does of it */
#define WSK__TOLL_FRAME  16
#define WSK__TOLL_DECODE 64 /* a piece of a message, however short */
/* What is decoded is validated, and mostly answered: so many octets of it are one. */
#define WSK__TOLL_DECODED 64

/*
 * What connections of one loop share: their config, and memory that they pass to each other, so
 * that an idle one holds none and a busy one need not ask the allocator.
 */
typedef struct wsk__conn_env {
    wsk_config *cfg;
    const wsk_hooks *hooks;
    wsk__coder_pool *coders;
    struct wsk__ext_set *models;
    unsigned n_models;
    struct wsk__work *work;         /* one that no connection needs just now */
    struct wsk__assembly *spare[4]; /* message buffers not in use: one in, one out, of small ones
                                       and of large ones */
    uint32_t t_now;                 /* last time that any of them was told, low 32 bits */
    /* What was done, see WSK__TOLL_MAX; from toll_max (UINT64_MAX: never) on wsk_conn_next()
     * returns in the midst of input, for the shell to set it to 0 and to look at the clock. */
    uint64_t toll, toll_max;
    bool alone; /* of one connection only: it keeps no message buffers */
} wsk__conn_env;

int wsk__conn_env_init(wsk__conn_env *env, wsk_config *cfg);
void wsk__conn_env_deinit(wsk__conn_env *env);
/* Its connections are idle: gives back what only spares them the allocator. */
void wsk__conn_env_trim(wsk__conn_env *env);

/* ------------------------------------------------------------------------------- the parts -- */

/* As much of the body of a response as is kept for the program. */
#define WSK__BODY_MAX 1024

typedef struct wsk__body {
    const char *why; /* the failure that waits for it */
    uint64_t left;   /* of the body, or of the chunk */
    size_t octets;   /* taken from the input, with what is around chunks */
    size_t len;
    bool chunked;
    bool to_the_end; /* of the input */
    uint8_t state;   /* in a chunk */
    uint8_t data[WSK__BODY_MAX];
} wsk__body;

/* The opening handshake, from the first octet to the call behind WSK_EV_OPEN. */
typedef struct wsk__opening {
    char *buf; /* the head as far as it is here; nothing behind it */
    size_t len, cap, seen;
    wsk__head head; /* points into buf */
    bool complete;  /* head is parsed */
    bool is_upgrade;
    bool is_head_method;
    uint8_t interim;            /* client: answers passed over so far */
    uint8_t offered;            /* client: bit i: extension i of the config was offered */
    wsk_str ws_key;             /* server: of the request */
    char key[WSK__KEY_LEN + 1]; /* client: sent */
    unsigned status;
    wsk__body *body;     /* client, of a refusal */
    wsk__field fields[]; /* config.max_fields */
} wsk__opening;

/* One negotiated extension. */
typedef struct wsk__ext_use {
    const wsk_extension *ext;
    void *state;
    bool decoding; /* this message */
    bool encoding;
} wsk__ext_use;

/*
 * The extensions of a connection, in the order in which they encode. Where permessage-deflate alone
 * was agreed, connections of a loop with the same parameters look at one set, the `model`, and have
 * one of their own only while its state holds something.
 */
typedef struct wsk__ext_set {
    uint8_t rsv; /* all their bits */
    uint8_t n;
    bool has_pmd; /* the last one is permessage-deflate */
    bool decoding;
    bool encoding;
    bool is_model;
    char *text;                 /* as agreed */
    struct wsk__ext_set *model; /* whose text it is; NULL: it stands for itself */
    struct wsk__ext_set *next;  /* model: the next one of the env */
    struct wsk__ext_set *spare; /* model: a set that no connection needs just now */
    wsk__ext_use use[];
} wsk__ext_set;

/* A message on its way in. The octets stand behind the struct. */
typedef struct wsk__assembly {
    size_t len, cap;
    uint8_t data[];
} wsk__assembly;

/* Input that was lent and not used up: a cut header, a cut control frame, or anything behind a
 * message at which the program stopped asking. */
typedef struct wsk__kept {
    size_t off, len, cap;
    uint8_t data[];
} wsk__kept;

/*
 * Octets that many connections send from, threads too: a frame, or some behind each other. Whoever
 * holds one holds no more than it counts: the two forms of a message are one each.
 */
typedef struct wsk__shared {
    atomic_uint refs;
    const wsk_hooks *hooks;
    size_t len;
    uint8_t data[];
} wsk__shared;

typedef enum wsk__chunk_kind {
    WSK__CHUNK_OWN,      /* octets in the chunk */
    WSK__CHUNK_SHARED,   /* others send from them, too */
    WSK__CHUNK_BORROWED, /* the caller's, until wsk__conn_settle() */
} wsk__chunk_kind;

typedef struct wsk__chunk {
    struct wsk__chunk *next;
    const uint8_t *ptr; /* of the next octet to send */
    size_t len;         /* left to send */
    size_t room;        /* OWN: octets that may be added behind */
    wsk__shared *shared;
    wsk__chunk_kind kind;
    uint8_t data[];
} wsk__chunk;

/* Masking keys of a client, drawn in batches: a call to the random source per frame would cost
 * more than the masking. */
typedef struct wsk__mask_keys {
    unsigned left;
    uint32_t key[32];
} wsk__mask_keys;

typedef enum wsk__phase {
    WSK__PHASE_HEAD = 0, /* opening handshake */
    WSK__PHASE_WAIT,     /* request given to the program, no answer yet */
    WSK__PHASE_BODY,     /* client: of a response that refuses */
    WSK__PHASE_FRAME,    /* a frame header is next */
    WSK__PHASE_PAYLOAD,  /* inside a data frame */
    WSK__PHASE_IGNORE,   /* closed or failed: input is counted and dropped */
} wsk__phase;

/*
 * What a connection needs while something is under way: octets that came or wait to go out, a
 * message of which a part is missing, a handshake. A connection that is open and rests has none of
 * its own: it looks at wsk__no_work, in which everything is 0, and never writes to it. Whatever
 * begins something takes one first (wsk__work_take); wsk__conn_rest() gives it back.
 */
typedef struct wsk__work {
    uint8_t *in;  /* lent */
    uint8_t *fed; /* where that began: what is in front of `in` is used up */
    size_t in_len;
    size_t pass; /* octets of the source that the last event points to */
    wsk__assembly *rx;
    wsk__kept *kept;
    wsk__chunk *out_head, *out_tail;
    size_t queued;
    size_t spent;     /* memory that chunks take beyond what is queued in them or was sent */
    size_t pongs_end; /* of the queue, up to the end of the last of `pongs` */
    size_t ping_end;  /* ... up to the end of our keepalive ping */
    size_t answered;  /* client: octets queued for what was being given, beyond high_water */
    uint8_t *lent_out;
    uint32_t lent_off, lent_len, lent_cap;

    uint32_t key;
    uint64_t left;      /* of the payload of the current frame */
    uint64_t total;     /* octets of the current message so far, decoded */
    uint64_t wire;      /* the same before extensions decoded it */
    uint32_t fragments; /* frames of the current message so far */
    uint32_t t_msg;     /* first octet of the current message */
    uint32_t t_out;     /* last progress of output, or when the queue began to fill */
    uint32_t t_away;    /* while nobody listens (paused, choked): since when */
    uint32_t ignored;
    wsk__utf8_state utf8;
    wsk__utf8_state tx_utf8;
    uint8_t rx_opcode; /* of the current message; 0: none is open */
    uint8_t tx_opcode; /* of the message that is sent in parts; 0: none */
    uint8_t tx_rsv;    /* of its first frame */
    uint8_t mask_phase;
    uint16_t pongs; /* answers to pings, queued since none waited */

    bool rx_fin : 1;       /* the current frame ends the message */
    bool rx_first : 1;     /* WSK_CONN_STREAM: no piece given yet */
    bool rx_done : 1;      /* rx holds a message that the program has seen: give it back */
    bool tx_started : 1;   /* of the message in parts, a frame went out */
    bool tx_skip_utf8 : 1; /* ... and its first call said that it is valid */
    bool opening_done : 1; /* opening may be freed at the next call of next() */
    bool borrowed : 1;     /* the queue holds octets of the caller */
    uint8_t fail_rule;

    wsk__opening *opening;
    wsk__mask_keys *mask_keys; /* client */
    uint8_t *late_ping;        /* [0] length, then the payload: the latest beyond max_pongs */
    const char *text;          /* why it failed or how it ended */
    char *subprotocol;         /* that stands in no list of the config */
    char *reason;              /* of the peer's close frame, if it has one */
} wsk__work;

extern const wsk__work wsk__no_work;

/*
 * There may be a million of these, and nearly all of them idle: what is kept here is what an open
 * connection cannot be without while nothing happens.
 */
struct wsk_conn {
    wsk__work *w;
    wsk__conn_env *env;
    wsk__ext_set *ext;
    void *data;
    uint64_t messages_in, messages_out, octets_in, octets_out;

    /* Low 32 bits of the clock; only differences of less than 49 days are taken. */
    uint32_t t_in;   /* last input; of a ping that is unanswered, when it was sent; later by the
                        time in which nobody listened */
    uint32_t t_data; /* last data frame; begin of the handshake, of the close, of lingering */

    uint16_t code;   /* see wsk_conn_code() */
    uint16_t status; /* HTTP, when the opening handshake failed */
    uint8_t phase;
    uint8_t state : 2;
    uint8_t refuse : 3;  /* said by the shell: beyond a limit, which */
    uint8_t subprotocol; /* number of it in the config, from 1; 0: none; 255: see work */
    uint8_t armed;       /* said by the shell: which deadlines its timer knows of */

    bool eof : 1; /* the peer sends no more */
    bool lost : 1;
    bool paused : 1;
    bool over_high : 1;
    bool choked : 1; /* not reading since the queue was over high_water */
    bool close_sent : 1;
    bool close_received : 1;
    bool failed : 1;
    bool was_open : 1;
    bool ping_waiting : 1; /* our keepalive ping is unanswered */
    bool shutdown : 1;     /* end of output: WSK_WANT_SHUTDOWN */
    bool drop : 1;
    bool fail_pending : 1; /* an event to give */
    bool open_pending : 1;
    bool end_given : 1;
    bool undrained : 1; /* said by the shell: what was taken as sent is not on its way yet */
    bool unsaid : 1;    /* it ended before all that it had to say was on its way */
    bool backed_up : 1; /* said by the shell: with what was taken and is not on its way, low_water
                           or more is waiting */
    /* The shell's own, which find room here. */
    bool reading : 1;    /* as the stream was told last */
    bool running : 1;    /* events are being given right now */
    bool deferred : 1;   /* events may wait: run before the turn ends */
    bool shut : 1;       /* the stream's sending direction was ended */
    bool ended : 1;      /* on_close was called */
    bool seen : 1;       /* the program got to know this peer */
    bool opened : 1;     /* counted in stats.open */
    bool counted : 1;    /* stands in the address table */
    bool botched : 1;    /* the program tried to answer the request, and failed */
    uint8_t untimed : 3; /* WSK__UNTIMED_: times noted when the clock may have been old */
    uint8_t follows : 2; /* messages of a run of broadcasts wait for it: 1 + which; 0: none */
    uint32_t t_begin;
};

/* Before anything of c->w is written. WSK_ERR_NOMEM. */
int wsk__work_new(wsk_conn *c);
static inline int wsk__work_take(wsk_conn *c)
{
    return WSK__LIKELY(c->w != &wsk__no_work) ? WSK_OK : wsk__work_new(c);
}
/* Of the options of an owner: its size where there is none. WSK_ERR_INVAL, with a line for `told`
 * that begins with `who`: size or hooks are not what they have to be. */
int wsk__config_options_begin(wsk_config_options *o, const wsk_hooks *told, const char *who);
/* A line of warning that begins with `who` if of its handlers on_message and on_data there is only
 * the one that WSK_CONN_STREAM, or its absence, never calls: messages would go nowhere. */
void wsk__config_check_handlers(const wsk_config *cfg, const char *who, bool on_message,
                                bool on_data);
/* Nothing may be under way any more: then what the connection has of work goes back. */
void wsk__conn_rest(wsk_conn *c);
/* The shell says whether what was taken as sent is still on its way. */
void wsk__conn_set_undrained(wsk_conn *c, bool undrained, uint64_t now);
/* Halves of wsk_conn_sent(), for a shell that encrypts much at a time: n octets of the queue were
 * taken, and are on their way; n octets of what is made of them have got there, `left` have not. */
void wsk__conn_taken(wsk_conn *c, size_t n, uint64_t now);
void wsk__conn_moved(wsk_conn *c, size_t n, size_t left, uint64_t now);
/* Why it failed or how it ended. */
void wsk__set_text(wsk_conn *c, const char *text);

/* ---- for shells ---- */

/* In place, for shells that embed a connection in a struct of their own. */
void wsk__conn_init(wsk_conn *c, wsk__conn_env *env, uint64_t now);
void wsk__conn_deinit(wsk_conn *c);
/* Halves of wsk_conn_unlend(). */
int wsk__conn_unlend_input(wsk_conn *c);
int wsk__conn_unlend_output(wsk_conn *c);
/* As wsk_conn_send(), but a large uncompressed payload is queued by reference. The octets must
 * stay until wsk__conn_settle(), which copies what is not sent by then. */
int wsk__conn_send_borrowed(wsk_conn *c, wsk_opcode op, const void *data, size_t len,
                            unsigned flags);
int wsk__conn_settle(wsk_conn *c);

/* True if not all that was fed is used. */
bool wsk__conn_has_input(const wsk_conn *c);

/* Where the next *ret_n octets of input can be put so that they need not be moved; NULL: anywhere
 * else. What is put there is given to wsk_conn_feed() next. */
uint8_t *wsk__conn_place(wsk_conn *c, size_t *ret_n);

/* A prepared message past the queue: its frame, not referred to, if the connection rests and may
 * be sent it; NULL: wsk_conn_send_prepared(). Then what is taken is counted, and what did not go
 * out put back. */
wsk__shared *wsk__prepared_direct(const wsk_conn *c, const wsk_prepared *p, bool *ret_packed);
void wsk__prepared_taken(wsk_conn *c, size_t messages, size_t n);
/* What wsk__prepared_direct() gave may still go past the queue. */
bool wsk__shared_direct(const wsk_conn *c);
/* It goes to the queue, however full that is: it was promised. */
int wsk__shared_queue(wsk_conn *c, wsk__shared *frame, bool packed);
/* n frames behind each other, to send from; NULL: no memory. */
wsk__shared *wsk__shared_join(wsk__shared *const *m, size_t n);
int wsk__shared_put_back(wsk_conn *c, const uint8_t *rest, size_t n, wsk__shared *frames);
wsk__shared *wsk__shared_ref(wsk__shared *s);
void wsk__shared_unref(wsk__shared *s); /* NULL is fine */

/* ---- conn_output.c ---- */

/* n octets of room at the end of the queue, contiguous, to be written and then committed; NULL:
 * no memory. */
uint8_t *wsk__output_reserve(wsk_conn *c, size_t n);
void wsk__output_commit(wsk_conn *c, size_t n);
int wsk__output_add(wsk_conn *c, const void *p, size_t n);
/* In front of the whole queue. */
int wsk__output_put_front(wsk_conn *c, const uint8_t *p, size_t n, wsk__shared *shared);
int wsk__output_add_ref(wsk_conn *c, const uint8_t *p, size_t n, wsk__shared *shared);
/* So many octets have room where some are queued already. */
bool wsk__output_has_room(const wsk_conn *c, size_t n);
/* The answer to a ping. */
int wsk__output_pong(wsk_conn *c, const uint8_t *p, size_t n);
void wsk__output_clear(wsk_conn *c);

/* ---- conn_send.c ---- */
/* A whole message as it stands; first: its opcode and bits. */
int wsk__send_frames(wsk_conn *c, uint8_t first, const void *data, size_t len);
int wsk__send_control(wsk_conn *c, wsk_opcode op, const void *data, size_t len);
int wsk__mask_key(wsk_conn *c, uint32_t *ret);

/* ---- conn_close.c ---- */

/* Breaks a rule: queues the close frame (once open) and lets no further input matter. */
WSK__COLD void wsk__fail(wsk_conn *c, wsk__rule rule);
/* The same with a code and words of an extension or of a deadline. */
WSK__COLD void wsk__fail_code(wsk_conn *c, unsigned code, const char *text);
/* Fails without a word to the peer: it would not be heard. One that has failed is dropped. */
WSK__COLD void wsk__fail_silently(wsk_conn *c, const char *text);
/* Before it was open: answers with an HTTP status (server), or just fails (client). */
WSK__COLD void wsk__refuse(wsk_conn *c, unsigned status, const char *text);
/* The peer's close frame. */
void wsk__close_received(wsk_conn *c, const uint8_t *data, size_t len, wsk_event *ret);
/* Whether wsk_conn_close() takes them. */
bool wsk__close_is_valid(unsigned code, const char *reason);
/* No further input matters. */
void wsk__ignore_input(wsk_conn *c);
/* Nothing more will be sent behind what is queued; then the peer's end is awaited. */
void wsk__end_output(wsk_conn *c);

/* ---- conn_opening.c ---- */

/* Takes input of phase HEAD. True if *ret was set to an event. */
bool wsk__opening_next(wsk_conn *c, wsk_event *ret);
void wsk__opening_free(wsk_conn *c);

/* ---- conn_body.c ---- */

/* The response refuses, for this reason: the failure follows its body, or comes now. */
void wsk__body_begin(wsk_conn *c, const char *why);
/* Takes input of phase BODY. */
void wsk__body_next(wsk_conn *c);
/* No more of it comes: the failure. */
void wsk__body_end(wsk_conn *c);

/* ---- conn_receive.c ---- */
/* Where input stands now, and that n octets of it are used. */
uint8_t *wsk__input(const wsk_conn *c, size_t *ret_n);
void wsk__input_used(wsk_conn *c, size_t n);
void wsk__receive_reset(wsk_conn *c); /* gives message buffers back */
/* A buffer for a message of n octets, of which so many have arrived: from env or new. */
wsk__assembly *wsk__assembly_take(wsk_conn *c, size_t n, size_t arrived);
void wsk__assembly_give(wsk_conn *c, wsk__assembly *a);
/* Makes room for n more octets behind what *a holds, never more than `limit` in all, of which
 * n <= limit <= SIZE_MAX / 2. */
int wsk__assembly_grow(wsk_conn *c, wsk__assembly **a, size_t n, size_t limit);
/* What an extension finds of room, unless a limit is that near: then as much as there may be. */
#define WSK__EXT_ROOM ((size_t)64)
size_t wsk__ext_room(const wsk__assembly *a, size_t limit);

/* ---- ext_set.c ---- */

/* Server: goes through the offers and fills c->ext (NULL: none agreed). 0, or negative. */
int wsk__ext_set_accept(wsk_conn *c, const wsk__head *head);
/* Client: the offer, to w. */
int wsk__ext_set_offer(wsk_conn *c, wsk_ext_writer *w);
/* Client: judges the answer. false: *why. */
bool wsk__ext_set_confirm(wsk_conn *c, const wsk__head *head, const char **why);
void wsk__ext_set_free(wsk_conn *c);
/* The connection's own set, before a transform may begin; and back, if it holds nothing. */
int wsk__ext_set_own(wsk_conn *c);
void wsk__ext_set_rest(wsk_conn *c);
void wsk__ext_models_free(wsk__conn_env *env);

/* Asks each extension at the begin of a message; returns reserved bits, or negative. */
int wsk__ext_set_encode_begin(wsk__ext_set *set, wsk_opcode op, uint64_t len, unsigned flags);
int wsk__ext_set_decode_begin(wsk__ext_set *set, wsk_opcode op, unsigned rsv);
/* Runs a piece through all; output goes to `sink`, which makes room as it is asked. */
typedef struct wsk__ext_sink {
    void *ud;
    /* Gives room behind what was put there; 0 and *ret_n > 0, or negative. */
    int (*room)(void *ud, uint8_t **ret, size_t *ret_n);
    void (*put)(void *ud, size_t n);
} wsk__ext_sink;
int wsk__ext_set_encode(wsk_conn *c, const uint8_t *in, size_t n, bool fin,
                        const wsk__ext_sink *sink);
int wsk__ext_set_decode(wsk_conn *c, const uint8_t *in, size_t n, bool fin,
                        const wsk__ext_sink *sink);

/* ---- conn_prepared.c ---- */
struct wsk_prepared {
    atomic_uint refs;
    wsk_config *cfg;
    wsk__shared *plain;
    wsk__shared *packed;  /* NULL: there is no compressed form */
    unsigned window;      /* that the compressed form needs */
    uint8_t op, head_len; /* of the plain frame */
    uint8_t packed_head_len;
};

/*
 * What the program calls tells no time, and on a quiet server the last time told may be an hour
 * old: a close would be overdue before its frame is sent. So what is noted there counts from when
 * the time is told next, if that comes later.
 */
#define WSK__UNTIMED_OUT  1u /* t_out */
#define WSK__UNTIMED_DATA 2u /* t_data and t_in: another state begins */
#define WSK__UNTIMED_AWAY 4u /* t_away, or the end of the time that it began */

/* _DATA and _AWAY. */
void wsk__set_untimed(wsk_conn *c);
/* Nobody listens from now on, or somebody does again: paused or choked has just changed. */
void wsk__stop_listening(wsk_conn *c);
void wsk__listen_again(wsk_conn *c);

/* A program that reads its clock once a turn may tell a time a little before the last one. That is
 * the same time: what counts in 32 bits would take it for 49 days later. */
#define WSK__TIME_BACK 60000

static inline void wsk__tell_time(wsk_conn *c, uint64_t now)
{
    if (WSK__LIKELY(c->env->t_now - (uint32_t)now > WSK__TIME_BACK))
        c->env->t_now = (uint32_t)now;
    if ((c->untimed & WSK__UNTIMED_OUT) && c->w != &wsk__no_work)
        c->w->t_out = c->env->t_now;
    if (WSK__UNLIKELY(c->untimed & (WSK__UNTIMED_DATA | WSK__UNTIMED_AWAY)))
        wsk__set_untimed(c);
    c->untimed = 0;
}

static inline void wsk__begin_data(wsk_conn *c)
{
    c->t_data = c->t_in = c->env->t_now;
    c->untimed |= WSK__UNTIMED_DATA;
}

static inline void wsk__begin_output(wsk_conn *c)
{
    c->w->t_out = c->env->t_now;
    c->untimed |= WSK__UNTIMED_OUT;
}

static inline uint32_t wsk__since(const wsk_conn *c, uint32_t t)
{
    return c->env->t_now - t;
}

static inline uint32_t wsk__lesser(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

/* What the memory of chunks may take for nothing, beyond half of what is queued. */
#define WSK__SPENT_FREE ((size_t)8192)

/*
 * How full the queue is, for all marks: what is queued, or twice what it takes to hold it where
 * that is more. So a queue never takes more than one and a half times what the marks say, and
 * WSK__SPENT_FREE, whatever sizes come behind each other.
 */
static inline size_t wsk__output_level(const wsk__work *w)
{
    if (WSK__LIKELY(w->spent <= WSK__SPENT_FREE))
        return w->queued;
    size_t twice = 2 * (w->spent - WSK__SPENT_FREE);
    return twice > w->queued ? twice : w->queued;
}

/* A peer that does not read must not make us hold more than this. Of one that is lost nothing is
 * held any more. */
static inline bool wsk__is_full(const wsk_conn *c)
{
    return !c->lost && wsk__output_level(c->w) >= c->env->cfg->o.max_queued;
}

/* Octets that stand nowhere: what a program that lacked memory may ask to be sent. */
static inline bool wsk__is_nowhere(const void *data, size_t len)
{
    return WSK__UNLIKELY(data == NULL) && len > 0;
}

static inline bool wsk__is_server(const wsk_conn *c)
{
    return c->env->cfg->masked_in;
}

#endif
