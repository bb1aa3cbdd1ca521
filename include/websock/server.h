/* SPDX-License-Identifier: MIT */
/*
 * A WebSocket server on a wsk_loop: listens, takes the opening handshakes, calls back for each
 * message. The whole of an echo server:
 *
 *     static void on_message(wsk_peer *p, wsk_opcode op, uint8_t *data, size_t len)
 *     {
 *         wsk_peer_send(p, op, data, len, WSK_SEND_SKIP_UTF8);
 *     }
 *     int main(void)
 *     {
 *         wsk_loop *loop;  wsk_server *server;
 *         wsk_handlers h = WSK_HANDLERS_INIT;
 *         h.on_message = on_message;
 *         if (wsk_loop_new(&loop, NULL) < 0 || wsk_server_new(&server, loop, NULL, &h, NULL) < 0 ||
 *             wsk_server_listen(server, "ws://127.0.0.1:8888/ws", NULL) < 0)
 *             return 1;
 *         return wsk_loop_run(loop) < 0;
 *     }
 *
 * Every function here belongs to the loop's thread.
 */
#ifndef WEBSOCK_SERVER_H
#define WEBSOCK_SERVER_H

#include <websock/conn.h>
#include <websock/loop.h>
#include <websock/tls.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct wsk_server wsk_server;
typedef struct wsk_peer wsk_peer; /* a client of ours */

/*
 * All may be NULL. A peer stays valid until on_close for it has returned, whatever is called on
 * it in a handler; on_close is the last call for every peer that got on_request or on_open.
 */
typedef struct wsk_handlers {
    size_t size;
    /*
     * A request in order has come; read it with wsk_peer_conn() and the functions of conn.h. Accept
     * it (wsk_peer_accept()), answer it (wsk_peer_respond()), or do either later (return without).
     * Handshakes for another path than the listener's get 404 and never come here; plain requests
     * do, whatever their path. While the server is full or drains, 503 is the answer to all of
     * them, and nothing comes here; nor does it for an address that is beyond a limit (429), a host
     * that is not ours (421), or a handshake from a page that may not connect (403).
     * NULL: handshakes for the listener's path are accepted, plain requests get 426 at that path
     * and 404 elsewhere.
     */
    void (*on_request)(wsk_peer *p, bool is_upgrade);
    void (*on_open)(wsk_peer *p);
    /* A whole message. data may be changed, is never NULL, and is valid during the call. */
    void (*on_message)(wsk_peer *p, wsk_opcode op, uint8_t *data, size_t len);
    /* With WSK_CONN_STREAM, instead: pieces as they arrive. */
    void (*on_data)(wsk_peer *p, wsk_opcode op, uint8_t *data, size_t len, bool first, bool last);
    void (*on_ping)(wsk_peer *p, const uint8_t *data, size_t len);
    void (*on_pong)(wsk_peer *p, const uint8_t *data, size_t len);
    /* The queue fell below low_water: it was above high_water, or wsk_peer_queued() said so. */
    void (*on_writable)(wsk_peer *p);
    /* The connection is over: code as wsk_conn_code(), text in words, valid during the call (as of
     * on_refused). Of a peer that was never open, but had got to on_request: 0 if an HTTP answer
     * was sent, whose status is wsk_conn_status(), else 1006. What a close frame said:
     * wsk_conn_close_reason(). */
    void (*on_close)(wsk_peer *p, unsigned code, const char *text);
    /* A connection is over that none of the above ever saw: the library answered its request with
     * `status`, or (0) it went, or had to go, before it had made one. For logs: wsk_conn_target()
     * and wsk_conn_header() give what was asked, and nothing where no whole request was read. Not
     * called for what was closed as soon as it was accepted: beyond a limit, where no more are told
     * so (max_connections), and where there was no memory. */
    void (*on_refused)(wsk_peer *p, unsigned status, const char *text);
} wsk_handlers;

#define WSK_HANDLERS_INIT WSK_INIT_(wsk_handlers)

typedef struct wsk_server_options {
    size_t size;
    /* role is set by the server. conn.size and conn.deflate.size may be left 0: the fields count as
     * they are set, and those that are 0 are the defaults. */
    wsk_config_options conn;
    /* Past one of these two, or max_handshake_rate, only 64 at a time are there to be told so, over
     * TLS only 4 a second; the others are closed, without a TLS handshake, with a line in the log
     * (INFO, one a second). */
    uint32_t max_connections;             /* [10,000,000]; past it: 503 */
    uint32_t max_connections_per_address; /* [none]; past it: 429 */
    int backlog;                          /* of listen(2) [4096] */
    bool reuse_port;                      /* SO_REUSEPORT: several loops share an address */
    bool log_access;                      /* a line per connection that opens and closes */

    /*
     * ---- rates: so many a second in the long run, and a burst of so many at once; 0: the default
     * in brackets. An IPv6 address stands for its first 64 bits, as with the limit above. What came
     * while nobody read (a handler took long, a connection was paused, or did not take its output)
     * may be as much as the rate allows in that time, and a burst; a burst without its rate is
     * WSK_ERR_INVAL ----
     */
    uint32_t max_message_rate;   /* messages and control frames of a connection [none] -> 1008 */
    uint32_t message_burst;      /* [max_message_rate] */
    uint64_t max_octet_rate;     /* octets of a connection, over TLS those within it [none]
                                    -> 1008 */
    uint64_t octet_burst;        /* [max_octet_rate, but at least 64 KiB] */
    uint32_t max_handshake_rate; /* connections that an address begins [none] -> 429 */
    uint32_t handshake_burst;    /* [max_handshake_rate] */

    /*
     * NULL-terminated names, copied: a request whose Host is none of them, nor localhost or an
     * address, gets 421. NULL: any host; but a listener on a loopback address refuses pages of
     * hosts that claim its own port there (DNS rebinding), when WSK_ORIGIN_SAME_HOST would let
     * them in.
     */
    const char *const *hosts;
} wsk_server_options;

#define WSK_SERVER_OPTIONS_INIT WSK_INIT_(wsk_server_options)

/* options may be NULL. handlers are copied; ud is wsk_server_data(). WSK_ERR_INVAL when an option
 * is out of range (the log hook gets a line with its name and value; the loop's does where
 * conn.hooks is NULL, or a size or the hooks are what is wrong), WSK_ERR_NOMEM. */
WSK_API int wsk_server_new(wsk_server **ret, wsk_loop *loop, const wsk_server_options *options,
                           const wsk_handlers *handlers, void *ud) WSK_WARN_UNUSED;
/*
 * Drops every connection without a word (on_close is called) and ends the server. NULL is fine.
 * Within a handler, a posted call or a timer's function, of this server or of anyone on its loop,
 * what cannot be ended at once ends before the turn does: the peer whose handler it is gets its
 * on_close when that has returned, so what handlers look at has to stay so long. Elsewhere it turns
 * the loop until all are gone: timers, posted calls, and handlers of others on the loop run within
 * it. Nothing else may be called for the server afterwards.
 */
WSK_API void wsk_server_free(wsk_server *s);
WSK_API void *wsk_server_data(const wsk_server *s);
WSK_API wsk_config *wsk_server_config(const wsk_server *s);

/*
 * Listens on a URL: ws://HOST:PORT/PATH, wss://..., ws+unix:/run/x.sock, wss+unix:... HOST may be
 * a name, an IPv4 or a [IPv6] address; port 0 takes a free one. The path is the one that
 * handshakes may ask for, and has no query, nor the URL a user; one asterisk, and nothing else,
 * behind its slash allows every path. No other asterisk may stand there. Several calls listen in
 * several places. tls is needed for wss (a reference is taken), NULL otherwise: else WSK_ERR_INVAL.
 * WSK_ERR_URL, WSK_ERR_RESOLVE, WSK_ERR_SYS (errno: EADDRINUSE and so on), WSK_ERR_LIMIT (65,534
 * listeners), WSK_ERR_NOMEM. The log hook gets a line about WSK_ERR_INVAL and WSK_ERR_URL. A name
 * is looked up while it is waited for: that may take seconds.
 */
WSK_API int wsk_server_listen(wsk_server *s, const char *url, wsk_tls *tls);
/* The URL of the i-th listener with its real port, for wsk_client_connect(), too; writes at most n
 * octets with NUL, returns the length of the whole, or 0 if there is no i-th. A listener keeps its
 * number and its URL behind wsk_server_stop_listening(); new ones count on from there. */
WSK_API size_t wsk_server_url(const wsk_server *s, size_t i, char *buf, size_t n);
/*
 * Takes a connected stream socket that the program accepted itself. The fd is the server's in any
 * case: where this fails it is closed. All that are adopted with TLS share one wsk_tls: that of the
 * first. WSK_ERR_INVAL for another one, or one of a client, or a negative descriptor; WSK_ERR_LIMIT
 * where so many are beyond a limit that this one is not even told so; WSK_ERR_NOMEM, WSK_ERR_SYS
 * (over epoll: it cannot be watched). WSK_OK says that there is a peer, no more: it may be there
 * only to get a 503 or 429, or to end by a deadline since it is no such socket. Any path fits, and
 * no page is refused for DNS rebinding. Nothing is set on the socket: it may be one that blocks,
 * and small messages wait where TCP_NODELAY is not on.
 */
WSK_API int wsk_server_adopt(wsk_server *s, int fd, wsk_tls *tls);
/* Listens no longer; connections live on. What waits to be accepted is reset by the system.
 * Listening again is fine, other than after wsk_server_drain(). */
WSK_API void wsk_server_stop_listening(wsk_server *s);
/*
 * Stops listening and starts the closing handshake with everyone; connections that are not open yet
 * get 503, or are dropped if TLS is not ready. There is no way back: whoever comes later, adopted
 * or at a listener that is new, gets 503, too. A code or reason that wsk_conn_close() would not
 * take becomes 1001 without a reason, with a line in the log. There is no deadline beyond those of
 * the options (close_timeout above all): a program that wants to be gone by a certain time frees
 * the server then. No handler tells that everyone is gone: ask wsk_server_get_stats() for
 * connections == 0, between turns (examples/broadcast_server.c does) or from a timer.
 */
WSK_API void wsk_server_drain(wsk_server *s, unsigned code, const char *reason);

typedef struct wsk_server_stats {
    /* Since the start. refused: what the library turned away before it was open, with a status
     * other than 101 or, where none could be sent (TLS, no memory, beyond a limit), without, so
     * that on_refused was not called for each; not what the program answered with
     * wsk_peer_respond(), nor who went by himself, for whom on_refused may have been. The 503 of
     * wsk_peer_close() before on_open is one. closed: of those that were opened. */
    uint64_t accepted, refused, opened, closed;
    uint64_t messages_in, messages_out, octets_in, octets_out; /* of connections that ended */
    uint32_t connections;                                      /* now, in any state */
    uint32_t open;                                             /* now, handshake done */
    uint64_t limited; /* since the start: refused or closed for a limit of numbers or rates */
} wsk_server_stats;
WSK_API void wsk_server_get_stats(const wsk_server *s, wsk_server_stats *ret);

/* Every open peer: begin with NULL, NULL ends. Whoever keeps one beyond the turn has to look at its
 * on_close. */
WSK_API wsk_peer *wsk_server_next_peer(const wsk_server *s, const wsk_peer *p);
/* Sends to all open peers but `except` (may be NULL); framed and compressed once. What is broadcast
 * in one turn of the loop goes out together at its end, in one system call for a peer, in order
 * with whatever else is sent to it. Peers that cannot take it now are skipped: their queue is full,
 * they are closing, they are in the middle of a message in parts (wsk_peer_send_part()), or there
 * is no memory for it. Returns to how many it was queued, or a negative error if it could not be
 * made. wsk_peer_send_prepared() waits in the same way. What waits is lost with a connection that
 * is dropped, or a server that is freed, in the same turn; outside of a turn it waits for the next.
 */
WSK_API long wsk_server_broadcast(wsk_server *s, wsk_opcode op, const void *data, size_t len,
                                  const wsk_peer *except);
WSK_API long wsk_server_broadcast_prepared(wsk_server *s, wsk_prepared *m, const wsk_peer *except);

/* ------ peers ------ */

WSK_API wsk_server *wsk_peer_server(const wsk_peer *p);
/* For everything of conn.h that only reads: headers, stats, state. Use the wsk_peer_ functions
 * to send, accept and close: they make the loop write. wsk_conn_path(), wsk_conn_header() and so on
 * are empty behind on_open, unless conn.flags has WSK_CONN_KEEP_REQUEST: what is needed later is to
 * be kept then (wsk_peer_set_data()). */
WSK_API wsk_conn *wsk_peer_conn(const wsk_peer *p);
/* The same pointer as wsk_conn_data() of its connection. */
WSK_API void wsk_peer_set_data(wsk_peer *p, void *data);
WSK_API void *wsk_peer_data(const wsk_peer *p);
/* "127.0.0.1:41234", "[::1]:41234", "unix", also in on_close behind a reset; "unknown" where it
 * cannot be. Writes at most n octets with NUL, returns the length of the whole. */
WSK_API size_t wsk_peer_address(const wsk_peer *p, char *buf, size_t n);
WSK_API bool wsk_peer_is_tls(const wsk_peer *p);
/* Which listener took it: the i of wsk_server_url(); SIZE_MAX for wsk_server_adopt(). */
WSK_API size_t wsk_peer_listener(const wsk_peer *p);

/* As the functions of conn.h with the same name. A request that is unanswered when on_request
 * returns waits for an answer, until open_timeout; but if the program tried one there, and failed,
 * it gets 500. */
WSK_API int wsk_peer_accept(wsk_peer *p, const wsk_accept_options *options) WSK_WARN_UNUSED;
WSK_API int wsk_peer_respond(wsk_peer *p, const wsk_response *response) WSK_WARN_UNUSED;
WSK_API int wsk_peer_send(wsk_peer *p, wsk_opcode op, const void *data, size_t len, unsigned flags);
WSK_API int wsk_peer_send_part(wsk_peer *p, wsk_opcode op, const void *data, size_t len, bool last,
                               unsigned flags);
WSK_API int wsk_peer_send_prepared(wsk_peer *p, wsk_prepared *m);
WSK_API int wsk_peer_ping(wsk_peer *p, const void *data, size_t len);
WSK_API int wsk_peer_pong(wsk_peer *p, const void *data, size_t len);
/* Messages that come before the peer's close frame are given until then, also those that a pause
 * held back. */
WSK_API int wsk_peer_close(wsk_peer *p, unsigned code, const char *reason);
/* Who is paused is not read from, so that its end is not seen; but a reset is, and ends it: at
 * once, or, where messages came before it, behind those when the pause is over. */
WSK_API void wsk_peer_pause(wsk_peer *p, bool paused);
/* Octets that the system has yet to take, with broadcasts that wait for the end of the turn; of TLS
 * those of the cipher text, too. At 0 nothing waits in this process. Whoever sees more than
 * high_water and stops sending hears by on_writable when it is less than low_water. */
WSK_API size_t wsk_peer_queued(const wsk_peer *p);
/* Drops the connection at once; on_close comes before the turn ends, never within this call. */
WSK_API void wsk_peer_drop(wsk_peer *p);

#ifdef __cplusplus
}
#endif

#endif
