/* SPDX-License-Identifier: MIT */
/*
 * One WebSocket connection (RFC 6455, RFC 7692) without any input or output of its own: no
 * socket, no clock, no thread. Octets go in, events come out, octets come out.
 *
 *     static uint64_t now_ms(void)
 *     {
 *         struct timespec t;
 *         clock_gettime(CLOCK_MONOTONIC, &t);
 *         return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
 *     }
 *     // An echo server for one client, whose socket is descriptor 0, as inetd gives it.
 *     int main(void)
 *     {
 *         static uint8_t buf[65536];
 *         wsk_config *cfg;  wsk_conn *c;  wsk_event ev;
 *         struct iovec iov[8];
 *         wsk_config_options o = WSK_CONFIG_OPTIONS_INIT;
 *         o.role = WSK_ROLE_SERVER;
 *         if (wsk_config_new(&cfg, &o) < 0 || wsk_conn_new(&c, cfg, now_ms()) < 0)
 *             return 1;
 *         fcntl(0, F_SETFL, O_NONBLOCK);
 *         signal(SIGPIPE, SIG_IGN);                        // who is gone is an error of writev()
 *         while (!(wsk_conn_wants(c) & WSK_WANT_DROP)) {
 *             unsigned wants = wsk_conn_wants(c);
 *             struct pollfd p = {.fd = wants != 0 ? 0 : -1}; // POLLHUP comes unasked
 *             p.events = (short)((wants & WSK_WANT_READ ? POLLIN : 0) |
 *                                (wants & WSK_WANT_WRITE ? POLLOUT : 0));
 *             poll(&p, 1, 1000);                           // or until the time of wsk_conn_tick()
 *             if (p.revents & (POLLIN | POLLHUP | POLLERR)) {
 *                 ssize_t n = read(0, buf, sizeof(buf));
 *                 if (n >= 0)
 *                     wsk_conn_feed(c, buf, (size_t)n, now_ms()); // n == 0: end of file
 *                 else if (errno != EAGAIN && errno != EINTR)
 *                     wsk_conn_lost(c, "the socket broke");
 *             }
 *             wsk_conn_tick(c, now_ms(), NULL);            // deadlines that are over
 *             while (wsk_conn_next(c, &ev) == WSK_OK && ev.type != WSK_EV_NONE) {
 *                 if (ev.type == WSK_EV_REQUEST &&
 *                     (!ev.is_upgrade || wsk_conn_accept(c, NULL) < 0))
 *                     wsk_conn_close(c, 0, NULL);          // a plain request
 *                 if (ev.type == WSK_EV_MESSAGE)
 *                     wsk_conn_send(c, ev.opcode, ev.data, ev.len, WSK_SEND_SKIP_UTF8);
 *             }
 *             wsk_conn_unlend(c);                          // buf is ours again
 *             size_t k = wsk_conn_output(c, iov, 8);
 *             ssize_t n = k > 0 ? writev(0, iov, (int)k) : 0;
 *             if (n > 0)
 *                 wsk_conn_sent(c, (size_t)n, now_ms());
 *             else if (n < 0 && errno != EAGAIN && errno != EINTR)
 *                 wsk_conn_lost(c, "the socket broke");
 *             wants = wsk_conn_wants(c);
 *             if ((wants & WSK_WANT_SHUTDOWN) && !(wants & WSK_WANT_WRITE))
 *                 shutdown(0, SHUT_WR);                    // all is said; its end is awaited
 *         }
 *         wsk_conn_free(c);
 *         wsk_config_unref(cfg);
 *     }
 *
 * examples/own_loop.c is a whole server of this kind around poll(2). server.h does all of this
 * for you. A connection may be used by one thread at a time; a wsk_config by any number.
 */
#ifndef WEBSOCK_CONN_H
#define WEBSOCK_CONN_H

#include <websock/base.h>
#include <websock/extension.h>

#ifdef __cplusplus
extern "C" {
#endif

struct iovec;

/* ------------------------------------------------------------------------------ config -- */

/* permessage-deflate (RFC 7692). All zero: defaults as said. */
typedef struct wsk_deflate_options {
    size_t size;  /* may be left 0: the fields below count as they are set */
    bool enabled; /* negotiate it at all */
    /*
     * What we ask of, or grant to, the peer. A server that is offered less takes the lesser; a
     * window of 8 bits is only ever granted for our inflating side, or honoured by staying
     * within 256 octets (section 7.1.2.1).
     */
    bool server_no_context_takeover;
    bool client_no_context_takeover;
    unsigned server_max_window_bits; /* 8 to 15; 0: 15 */
    unsigned client_max_window_bits; /* 8 to 15; 0: 15 */
    int level;                       /* 1 (fast) to 9 (dense); 0: 1 */
    unsigned mem_level;              /* 1 to 9 as in zlib; 0: 8. Without effect at level 1 in a
                                        library built with ISA-L, which compresses then */
    size_t threshold;                /* messages below it go uncompressed, but for those in parts,
                                        whose length nobody knows; 0: 64 octets;
                                        SIZE_MAX: only messages sent with WSK_SEND_COMPRESS */
} wsk_deflate_options;

/* How a server judges the Origin field of a browser (RFC 6455 section 10.2). */
typedef enum wsk_origin_policy {
    WSK_ORIGIN_SAME_HOST = 0, /* no Origin, or one whose host is that of the Host field; the port,
                                 too, if Host has one (server.h compares more) */
    WSK_ORIGIN_LIST = 1,      /* no Origin, or one of `origins` */
    WSK_ORIGIN_ANY = 2,
} wsk_origin_policy;

/*
 * flags of a config; others are WSK_ERR_INVAL. WSK_CONN_STREAM: messages arrive as WSK_EV_DATA
 * pieces and are never assembled. A piece of a message that permessage-deflate compressed has up to
 * 4 MiB; what other extensions make of 4,000 octets comes as it is. Text may be cut within a
 * character, and be found invalid (1007) in a later piece.
 */
#define WSK_CONN_STREAM       0x1u
#define WSK_CONN_NO_AUTO_PONG 0x2u /* the program answers pings itself */
#define WSK_CONN_KEEP_REQUEST 0x4u /* the handshake stays readable while the connection lives */
#define WSK_CONN_SKIP_UTF8    0x8u /* incoming text is not validated (section 8.1 asks for it) */

/* A value for any deadline below that switches it off. */
#define WSK_NEVER UINT32_MAX

typedef struct wsk_config_options {
    size_t size;
    wsk_role role; /* required */
    unsigned flags;
    const wsk_hooks *hooks; /* borrowed; NULL: defaults */

    /* ---- limits of what a peer may make us hold or do; 0: the default in brackets ---- */
    uint64_t max_message;   /* octets of a message, after inflating [16 MiB] -> close 1009; as much,
                               an 8th of it and 1 KiB as on the wire where an extension is in use */
    uint64_t max_frame;     /* octets of a frame as on the wire [max_message; where extensions are
                               in use that much is a little more] -> 1009 */
    uint32_t max_fragments; /* frames of one message, empty ones too [131072] -> 1008 */
    uint32_t max_head;      /* octets of a request or response head [8192; 64 to 16 Mi] -> 431, or
                               414 if not even the request line is within it */
    uint32_t max_fields;    /* header fields in it [100; at most 10,000] -> 431 */
    uint32_t max_pongs;     /* pongs queued since there last was none waiting; past it only the
                               latest ping is answered, when those are out, which section 5.5.3
                               allows [16; at most 60,000] */
    size_t max_queued;      /* output octets, counted before a message is added; past it
                               wsk_conn_send() says WSK_ERR_FULL. Where it takes more than
                               half as much again to hold them, for this mark and those
                               below twice that counts [16 MiB, or high_water, or
                               low_water] */
    size_t high_water;      /* above it WSK_WANT_READ of a server goes off: a peer that does not
                               read is not read from. A client reads on, so that two who say much
                               do not wait for each other; until its answers, sent while an event
                               is looked at, are beyond it by as much again
                               [1 MiB, or low_water, or max_queued] */
    size_t low_water;       /* below it WSK_WANT_READ comes back, and WSK_EV_WRITABLE if the
                               queue had been above high_water [high_water / 4] */
    uint32_t max_ignored;   /* octets that a peer may send after the connection failed or
                               was closed before it is dropped without more ado [1 MiB] */

    /* ---- deadlines in milliseconds; 0: the default in brackets; WSK_NEVER: none ---- */
    uint32_t open_timeout;    /* the whole opening handshake [10 s] -> 408, or the drop */
    uint32_t idle_timeout;    /* nothing but pings and pongs came in, pauses apart [never]
                                 -> close 1001 */
    uint32_t ping_interval;   /* after so long without any input we send a ping [30 s] */
    uint32_t ping_timeout;    /* and then wait so long for any input [20 s] -> drop, 1006 */
    uint32_t message_timeout; /* one message, from its first header to its last octet, pauses
                                 apart [never] -> 1008 */
    uint32_t write_timeout;   /* queued output did not move at all, or for so long slower than
                                 queue_timeout asks for [30 s] -> drop, 1006 */
    uint32_t close_timeout;   /* from when our close frame is out, for which write_timeout is, to
                                 the peer's; a client's also from there to the end of TCP [5 s]
                                 -> drop */
    uint32_t linger_timeout;  /* from our end of output to the peer's end of file [2 s] */
    uint32_t queue_timeout;   /* the pace of output: all that is queued would have to be taken
                                 within so long [10 min] */

    /* ---- sending ---- */
    size_t fragment_size; /* data messages go out in frames of at most so many octets; 0:
                             in one frame */

    /* ---- opening handshake ---- */
    const char *const *subprotocols; /* NULL-terminated, in order of preference; a client's each
                                        once (RFC 6455 4.1); copied */
    const char *server_header;       /* value of a Server (server) or User-Agent (client)
                                        field; NULL: none. Copied */
    wsk_origin_policy origin_policy; /* server */
    const char *const *origins;      /* NULL-terminated, for WSK_ORIGIN_LIST, and with any other
                                        policy WSK_ERR_INVAL: SCHEME://HOST[:PORT] or null,
                                        compared whole and without regard to case; copied */

    /* ---- extensions ---- */
    wsk_deflate_options deflate;
    const wsk_extension *const *extensions; /* NULL-terminated, at most 7, in the order in which
                                               they encode (before deflate); of a client the
                                               server's answer may change it. The structs are
                                               borrowed, and are to outlive the config */
} wsk_config_options;

#define WSK_CONFIG_OPTIONS_INIT WSK_INIT_(wsk_config_options)

/* A checked and immutable copy of the options, shared by any number of connections and threads. */
typedef struct wsk_config wsk_config;

/* WSK_ERR_INVAL when an option is out of range (the log hook gets a line with its name and value;
 * not, of course, where size or hooks are what is wrong), WSK_ERR_NOMEM. */
WSK_API int wsk_config_new(wsk_config **ret, const wsk_config_options *options) WSK_WARN_UNUSED;
/* Counts a further reference; from any thread. Returns cfg. */
WSK_API wsk_config *wsk_config_ref(wsk_config *cfg);
/* Gives a reference back; from any thread. NULL is fine. Each connection holds one itself. */
WSK_API void wsk_config_unref(wsk_config *cfg);

/* ------------------------------------------------------------------------------- events -- */

typedef enum wsk_event_type {
    WSK_EV_NONE = 0,
    /*
     * Server: a request has arrived. If `ev.is_upgrade`, it is a valid WebSocket handshake (RFC
     * 6455 section 4.2.1) that the origin policy allows: answer with wsk_conn_accept() or
     * wsk_conn_respond(), now or later. Otherwise it is a well-formed GET or HEAD without Upgrade,
     * or with one to something else: answer with wsk_conn_respond(); a request that is left
     * unanswered when wsk_conn_next() is called again is not refused, it waits until open_timeout.
     * Requests that break the rules were answered by the core and never get here.
     */
    WSK_EV_REQUEST = 1,
    WSK_EV_OPEN = 2,     /* the handshake is done; messages may be sent */
    WSK_EV_MESSAGE = 3,  /* a whole message: opcode, data, len */
    WSK_EV_DATA = 4,     /* WSK_CONN_STREAM: a piece of one: opcode (of the message), data, len,
                            first, last */
    WSK_EV_PING = 5,     /* data, len; answered, now or (see max_pongs) soon, unless
                            WSK_CONN_NO_AUTO_PONG or our close frame is out */
    WSK_EV_PONG = 6,     /* data, len */
    WSK_EV_CLOSE = 7,    /* the peer's close frame: code (1005 if it had none), data and len are
                            its reason. It is answered already */
    WSK_EV_FAIL = 8,     /* the connection fails: code is the close code or, before it was open,
                            `status` the HTTP status that we send (server) or got (client); text
                            says why in words */
    WSK_EV_WRITABLE = 9, /* the queue was above high_water and is now below low_water */
    WSK_EV_END = 10,     /* the last event, exactly once: code as in wsk_conn_code(), text says how
                            it ended. Close the socket */
} wsk_event_type;

typedef struct wsk_event {
    wsk_event_type type;
    wsk_opcode opcode;
    bool first;
    bool last;
    bool is_upgrade;
    uint16_t code;
    uint16_t status;
    /* Valid until the next call of wsk_conn_next(), _feed(), _unlend() or _free() on this
     * connection. It may point into the buffer that was fed. Writable: a program may change it
     * in place, for example to send it back. */
    uint8_t *data;
    size_t len;
    const char *text; /* NUL-terminated, static */
} wsk_event;

/* --------------------------------------------------------------------------- connection -- */

typedef struct wsk_conn wsk_conn;

typedef enum wsk_state {
    WSK_STATE_CONNECTING = 0, /* opening handshake */
    WSK_STATE_OPEN = 1,
    WSK_STATE_CLOSING = 2, /* a close frame was sent or received, or the connection failed */
    WSK_STATE_CLOSED = 3,  /* nothing will come any more; WSK_EV_END was given */
} wsk_state;

/*
 * A new connection in state CONNECTING. now: the time of any monotonic clock; all later times
 * must come from the same one. One that is up to a minute before the last is taken for that. A
 * client's request has yet to be started with
 * wsk_conn_request(). WSK_ERR_NOMEM.
 */
WSK_API int wsk_conn_new(wsk_conn **ret, wsk_config *cfg, uint64_t now) WSK_WARN_UNUSED;
/* Ends it, in any state, without a word to the peer. NULL is fine. */
WSK_API void wsk_conn_free(wsk_conn *c);

WSK_API wsk_state wsk_conn_state(const wsk_conn *c);
/* A pointer of the program's own. */
WSK_API void wsk_conn_set_data(wsk_conn *c, void *data);
WSK_API void *wsk_conn_data(const wsk_conn *c);

/* ------ input ------ */

/*
 * Lends n octets that came from the peer; n == 0 says that the peer will send no more, which ends a
 * connection that is open: WebSocket has no half-closed ones, and what is queued is not sent. The
 * octets are changed in place (unmasked). The buffer is the connection's until wsk_conn_unlend():
 * even when wsk_conn_next() has given WSK_EV_NONE there may be half a frame in it, or what a pause
 * has left. Feeding before all of it is used or given back is WSK_ERR_STATE. WSK_ERR_NOMEM: they
 * were not taken, and are still the caller's. In state CLOSED input is ignored.
 */
WSK_API int wsk_conn_feed(wsk_conn *c, void *buf, size_t n, uint64_t now);
/*
 * The next event, or WSK_EV_NONE when there is none before something else happens. Events are
 * found lazily: ask until there is none behind every call that may bring one, which are feed,
 * unlend, tick, sent, lost, accept, the end of a pause and all that send. What was fed and not
 * asked for has not come, as far as deadlines know, and is kept however much it gets: who wants no
 * more messages for now says so with wsk_conn_pause(). Returns WSK_OK: what a peer does, and want
 * of memory, are events.
 */
WSK_API int wsk_conn_next(wsk_conn *c, wsk_event *ret);
/*
 * Ends the loan of an input buffer and of an output buffer: what is not yet used is copied.
 * WSK_ERR_NOMEM has failed the connection, but ends the loans all the same.
 */
WSK_API int wsk_conn_unlend(wsk_conn *c);

/* ------ output ------ */

/*
 * Optional: lends room for output, so that short answers need no allocation. Frames are put
 * there while the queue holds nothing else. The loan ends with wsk_conn_unlend().
 */
WSK_API void wsk_conn_lend_output(wsk_conn *c, void *buf, size_t n);
/*
 * What to write to the peer now: fills at most max entries of iov, returns how many. 0: nothing.
 * Valid until the next call that changes the connection. writev(2) to a peer that is gone raises
 * SIGPIPE, which ends a program that does not ignore it; sendmsg(2) with MSG_NOSIGNAL does not.
 */
WSK_API size_t wsk_conn_output(wsk_conn *c, struct iovec *iov, size_t max);
/* n octets of that were written. */
WSK_API void wsk_conn_sent(wsk_conn *c, size_t n, uint64_t now);
/* Octets waiting. */
WSK_API size_t wsk_conn_queued(const wsk_conn *c);

/* ------ what the connection wants from its transport ------ */

#define WSK_WANT_READ  0x1u /* feed it: off while it is paused, or output above high_water */
#define WSK_WANT_WRITE 0x2u /* there is output */
#define WSK_WANT_SHUTDOWN                                                                          \
    0x4u                   /* when all output is written: end the sending direction                \
                              (shutdown(2) with SHUT_WR, or TLS close_notify), go on reading */
#define WSK_WANT_DROP 0x8u /* close the socket now */
/* With none of these do not wait for the socket at all: poll(2) and epoll(7) tell that the peer is
 * gone whether asked or not, and a paused connection does not want to know. */
WSK_API unsigned wsk_conn_wants(const wsk_conn *c);

/* Stop or go on reading, for backpressure by the program: while it is open and paused, nothing of
 * what was fed becomes an event, not even its end: with the transport lost, or the peer's end fed,
 * it waits for the program, without a deadline. A connection begins unpaused. */
WSK_API void wsk_conn_pause(wsk_conn *c, bool paused);

/*
 * Lets time pass: deadlines that are over take effect (call wsk_conn_next() afterwards). Sets
 * *ret_next to the time of the next deadline, or UINT64_MAX. ret_next may be NULL. Deadlines
 * may move to later without notice; a call of the program, an event and what is fed may begin
 * another that is earlier: ask again after each turn, or look at least once a second.
 *
 * Only this call, wsk_conn_feed() and wsk_conn_sent() tell the time. A deadline that begins with
 * another call (a close, an accept, the first queued output, the end of a pause) counts from when
 * the time is told next.
 */
WSK_API void wsk_conn_tick(wsk_conn *c, uint64_t now, uint64_t *ret_next);

/* The transport is gone (reset, timeout, TLS failure): text, static, is for the log. What was fed
 * before to an open connection is given first, when it is not paused; then comes WSK_EV_END. Of an
 * opening handshake that was not asked for nothing is given. What is sent from here on goes
 * nowhere. */
WSK_API void wsk_conn_lost(wsk_conn *c, const char *text);

/* ------ opening handshake, server ------ */

/*
 * Readable from WSK_EV_REQUEST (client, or if the library refused a whole request: from WSK_EV_OPEN
 * or WSK_EV_FAIL) until WSK_EV_OPEN has been followed by another call of wsk_conn_next(), or as
 * long as the connection with WSK_CONN_KEEP_REQUEST. Outside of that time they give empty strings.
 */
WSK_API wsk_str wsk_conn_method(const wsk_conn *c); /* "GET" */
WSK_API wsk_str wsk_conn_target(const wsk_conn *c); /* "/chat?room=1", as sent */
WSK_API wsk_str wsk_conn_path(const wsk_conn *c);   /* "/chat", not decoded */
WSK_API wsk_str wsk_conn_query(const wsk_conn *c);  /* "room=1" */
/* The index-th field (from 0) of that name, without regard to case; ptr NULL if there is none.
 * White space around the value is removed. On a client: of the response. */
WSK_API wsk_str wsk_conn_header(const wsk_conn *c, const char *name, size_t index);
/* The n-th field of all, in their order; false if there are not so many. */
WSK_API bool wsk_conn_header_at(const wsk_conn *c, size_t n, wsk_str *ret_name, wsk_str *ret_value);
/* The whole head as it arrived, to the empty line inclusive. */
WSK_API wsk_str wsk_conn_head(const wsk_conn *c);

typedef struct wsk_accept_options {
    size_t size;
    /* NULL: the first of the config's subprotocols that the client offers, or none. "": none.
     * Else it must be one that the client offered (WSK_ERR_INVAL). */
    const char *subprotocol;
    const wsk_header *headers; /* further fields for the 101 response; WSK_ERR_INVAL for names or
                                  values that are not legal, and for those that the library sets:
                                  Upgrade, Connection, Content-Length, Transfer-Encoding, and all
                                  that begin with Sec-WebSocket- */
    size_t n_headers;
} wsk_accept_options;

#define WSK_ACCEPT_OPTIONS_INIT WSK_INIT_(wsk_accept_options)

/* Accepts the request of WSK_EV_REQUEST, at once or later. options may be NULL. WSK_EV_OPEN
 * follows, unless the transport is lost before it is asked for. WSK_ERR_STATE if there is none
 * pending or it is no upgrade. After this and WSK_ERR_INVAL (the log hook gets a line that says
 * why) the request still waits for an answer. WSK_ERR_FAILED (an extension did not come to terms),
 * WSK_ERR_NOMEM: the client was told 500, if that was possible, and the connection fails; only
 * where there is no memory for a subprotocol that the config does not list, the request still
 * waits. */
WSK_API int wsk_conn_accept(wsk_conn *c, const wsk_accept_options *options) WSK_WARN_UNUSED;

typedef struct wsk_response {
    size_t size;
    unsigned status;           /* 200 to 599, not 101; redirects need a Location header */
    const char *content_type;  /* NULL: "text/plain; charset=utf-8" */
    const wsk_header *headers; /* further fields; those that wsk_accept_options refuses are refused
                                  here, too. Status 426 gets its Upgrade and Sec-WebSocket-Version
                                  by itself, 405 an Allow and 429 a Retry-After if not given */
    size_t n_headers;
    const void *body; /* copied; NULL: the status text and a newline */
    size_t body_len;
} wsk_response;

#define WSK_RESPONSE_INIT WSK_INIT_(wsk_response)

/* Answers the request of WSK_EV_REQUEST with plain HTTP, at once or later, and ends the
 * connection after it ("Connection: close"; nothing behind the request is ever read). Errors as
 * above, but that nothing is told any more after WSK_ERR_NOMEM: the connection is dropped. */
WSK_API int wsk_conn_respond(wsk_conn *c, const wsk_response *response) WSK_WARN_UNUSED;

/* ------ opening handshake, client ------ */

typedef struct wsk_request_options {
    size_t size;
    const char *host;   /* value of the Host field, "example.org:8080"; required */
    const char *target; /* "/chat?room=1"; NULL: "/" */
    const char *origin; /* NULL: no Origin field */
    const wsk_header *headers;
    size_t n_headers;
} wsk_request_options;

#define WSK_REQUEST_OPTIONS_INIT WSK_INIT_(wsk_request_options)

/* Queues the client's request. WSK_ERR_INVAL for anything with CR, LF, NUL or other characters
 * that may not stand where they would go, and for header fields that are set here: Host,
 * Upgrade, Connection, Content-Length, Transfer-Encoding, Sec-WebSocket-*. WSK_ERR_STATE: it is a
 * server's, or was done. WSK_ERR_NOMEM, _SYS (no random numbers), _LIMIT (the offers are too long),
 * _FAILED (an extension did not make its offer): nothing was begun, and it may be tried again. */
WSK_API int wsk_conn_request(wsk_conn *c, const wsk_request_options *options);
/* Status of the response, 0 before there is one. */
WSK_API unsigned wsk_conn_status(const wsk_conn *c);
/*
 * The first octets (at most 1,024) of the body of a response that refuses: they often say why.
 * WSK_EV_FAIL waits for them, for linger_timeout at most. Readable as the response's fields are;
 * ptr NULL if there is none.
 */
WSK_API wsk_str wsk_conn_body(const wsk_conn *c);

/* ------ open connection ------ */

/* The subprotocol in use, "" if none. Valid as long as the connection. */
WSK_API const char *wsk_conn_subprotocol(const wsk_conn *c);
/* The value of Sec-WebSocket-Extensions that was agreed; writes at most n octets with NUL to buf
 * and returns the length of the whole. */
WSK_API size_t wsk_conn_extensions(const wsk_conn *c, char *buf, size_t n);

/* flags of wsk_conn_send() and wsk_conn_send_part() */
#define WSK_SEND_COMPRESS    0x1u /* compress, whatever the threshold says, if negotiated */
#define WSK_SEND_NO_COMPRESS 0x2u /* do not compress this message */
#define WSK_SEND_SKIP_UTF8                                                                         \
    0x4u /* text is known to be valid (it came from a validated message);                          \
            otherwise outgoing text is checked: WSK_ERR_UTF8 */

/*
 * Queues a message (op TEXT or BINARY). The data is copied; NULL with a length is WSK_ERR_INVAL.
 * WSK_ERR_STATE unless OPEN;
 * WSK_ERR_FULL, WSK_ERR_UTF8, WSK_ERR_INVAL: nothing was queued. WSK_ERR_NOMEM: neither, and a
 * message may be tried again while the state is OPEN; else the connection has failed, as an event
 * says. WSK_ERR_SYS: a client has no random numbers for its masks, and the
 * connection has failed. WSK_ERR_FAILED: it has failed, before this or by it (an extension broke).
 * So with the other calls that send, below.
 */
WSK_API int wsk_conn_send(wsk_conn *c, wsk_opcode op, const void *data, size_t len, unsigned flags);
/*
 * Queues a piece of a message that is sent while it is made; each call makes one frame, or as many
 * as fragment_size asks for (of a compressed message: possibly none, until the last). The first
 * call fixes the flags, and op, which is to be the same in all (WSK_ERR_STATE); unless told
 * otherwise, such messages are compressed, however short. The one with last ends the message. A
 * piece that is refused (WSK_ERR_UTF8, _FULL) was not sent, and may be replaced. No other message
 * may begin in between (WSK_ERR_STATE); pings and pongs may.
 */
WSK_API int wsk_conn_send_part(wsk_conn *c, wsk_opcode op, const void *data, size_t len, bool last,
                               unsigned flags);
/* Queues a ping or an unsolicited pong with at most 125 octets (else WSK_ERR_INVAL). */
WSK_API int wsk_conn_ping(wsk_conn *c, const void *data, size_t len);
WSK_API int wsk_conn_pong(wsk_conn *c, const void *data, size_t len);
/*
 * Starts the closing handshake (section 7.1.2). code 0 or 1005: a close frame without a code, which
 * can have no reason. Codes that may not be sent, or a reason of more than 123 octets or not UTF-8,
 * or one without a code, are WSK_ERR_INVAL, in any state. reason may be NULL. Calling it again with
 * what may be sent, or on a connection that is closing already, does nothing and is WSK_OK; while
 * CONNECTING it ends the connection. Until the peer's close frame there come messages, pings and
 * pongs as before, also to who is paused.
 */
WSK_API int wsk_conn_close(wsk_conn *c, unsigned code, const char *reason);

/*
 * A message that is framed (and compressed) once and sent to many connections: for broadcasting by
 * a server. cfg, which says how it is compressed, is a server's; the connections may have others:
 * each gets what it can take. Reference counted, atomically, and immutable: connections of several
 * loops, each in its thread, may be sent the same one at the same time. cfg's hooks then free it in
 * the thread that is the last, and have to outlive the connections that were sent it. It is never
 * compressed for one connection alone: a peer that agreed to a smaller window than
 * deflate.server_max_window_bits gets what is longer than its window uncompressed; so does everyone
 * where cfg has further extensions, and who has agreed to one of those has it made for himself.
 */
typedef struct wsk_prepared wsk_prepared;
WSK_API int wsk_prepared_new(wsk_prepared **ret, wsk_config *cfg, wsk_opcode op, const void *data,
                             size_t len) WSK_WARN_UNUSED;
WSK_API wsk_prepared *wsk_prepared_ref(wsk_prepared *p);
WSK_API void wsk_prepared_unref(wsk_prepared *p);
/* Queues it by reference, without a copy. As wsk_conn_send(); WSK_ERR_INVAL on a client. */
WSK_API int wsk_conn_send_prepared(wsk_conn *c, wsk_prepared *p);

/* Gives back what an idle connection can do without (compression contexts, buffers). */
WSK_API void wsk_conn_trim(wsk_conn *c);

typedef struct wsk_conn_stats {
    uint64_t messages_in, messages_out;
    uint64_t octets_in, octets_out; /* on the wire, handshake included (before TLS) */
} wsk_conn_stats;
WSK_API void wsk_conn_get_stats(const wsk_conn *c, wsk_conn_stats *ret);

/*
 * How it ended, from WSK_EV_CLOSE, _FAIL or _END on: the code of the close frame that we
 * received or, when we failed it, sent; 1005, 1006 as section 7.1.5 says. 0 before, and on a server
 * that answered with another status than 101.
 */
WSK_API unsigned wsk_conn_code(const wsk_conn *c);
/* What the peer's close frame said, to its first NUL, with one behind it: UTF-8, at most 123
 * octets, any characters. From WSK_EV_CLOSE on, as long as the connection; empty if it said
 * nothing. */
WSK_API wsk_str wsk_conn_close_reason(const wsk_conn *c);
/* True if the closing handshake was complete (section 7.1.4): both sides have had their close
 * frame, ours as far as the transport has taken it. Until WSK_EV_END it may yet turn out otherwise.
 */
WSK_API bool wsk_conn_was_clean(const wsk_conn *c);
/* In words, for a log. Valid as long as the connection. */
WSK_API const char *wsk_conn_end_text(const wsk_conn *c);

#ifdef __cplusplus
}
#endif

#endif
