/* SPDX-License-Identifier: MIT */
/*
 * A WebSocket client, in two forms.
 *
 * On a wsk_loop, with handlers that are called:
 *
 *     static void on_open(wsk_client *c)
 *     {
 *         wsk_client_send(c, WSK_OP_TEXT, "hello", 5, 0);
 *     }
 *     static void on_message(wsk_client *c, wsk_opcode op, uint8_t *data, size_t len)
 *     {
 *         fwrite(data, 1, len, stdout);
 *         wsk_client_close(c, WSK_CLOSE_NORMAL, NULL);
 *     }
 *     static void on_fail(wsk_client *c, wsk_fail kind, unsigned status, const char *text)
 *     {
 *         fprintf(stderr, "%s\n", text);
 *     }
 *     int main(int argc, char **argv)
 *     {
 *         wsk_loop *loop;  wsk_client *client;
 *         wsk_client_handlers h = WSK_CLIENT_HANDLERS_INIT;
 *         h.on_open = on_open; h.on_message = on_message; h.on_fail = on_fail;
 *         if (wsk_loop_new(&loop, NULL) < 0 ||
 *             wsk_client_new(&client, loop, NULL, &h, NULL) < 0 ||
 *             wsk_client_connect(client, argc > 1 ? argv[1] : "wss://example.org/chat") < 0)
 *             return 1;
 *         while (wsk_client_stage(client) != WSK_STAGE_IDLE)
 *             wsk_loop_turn(loop, -1);
 *         wsk_client_free(client);
 *         wsk_loop_free(loop);
 *     }
 *
 * A program with a loop of another kind nests ours in it: wsk_loop_fd() and wsk_loop_timeout() in
 * loop.h (examples/nested_loop.c). Every function belongs to the loop's thread.
 *
 * Or blocking, for programs that have nothing else to do: wsk_sync at the end of this header.
 *
 * What it connects to: ws://, wss://, ws+unix:/run/x.sock:/path and wss+unix:. The addresses of a
 * name are tried as RFC 8305 says: IPv6 and IPv4 in turn, the next one 250 ms after the one
 * before, the first that answers wins. Names are looked up in threads of their own, so nothing
 * here ever blocks.
 */
#ifndef WEBSOCK_CLIENT_H
#define WEBSOCK_CLIENT_H

#include <websock/conn.h>
#include <websock/loop.h>
#include <websock/tls.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct wsk_client wsk_client;

typedef enum wsk_stage {
    WSK_STAGE_IDLE = 0,       /* not begun, or over: connect() may be called */
    WSK_STAGE_CONNECTING = 1, /* name, TCP, proxy */
    WSK_STAGE_HANDSHAKE = 2,  /* TLS, opening handshake */
    WSK_STAGE_OPEN = 3,
    WSK_STAGE_CLOSING = 4, /* as WSK_STATE_CLOSING */
    WSK_STAGE_WAITING = 5, /* for the next attempt */
} wsk_stage;

/* Why a connection did not come about. */
typedef enum wsk_fail {
    WSK_FAIL_NONE = 0,
    WSK_FAIL_RESOLVE = 1,    /* the name is not known */
    WSK_FAIL_CONNECT = 2,    /* no address could be reached; errno is wsk_client_errno() */
    WSK_FAIL_PROXY = 3,      /* the proxy refused, or makes no sense; status is its (of SOCKS the
                                number of its reply, RFC 1928 6), or 0 */
    WSK_FAIL_TLS = 4,        /* certificate not trusted, no cipher in common, ... */
    WSK_FAIL_STATUS = 5,     /* the server's answer has a status other than 101 */
    WSK_FAIL_HANDSHAKE = 6,  /* the server's answer breaks a rule of RFC 6455, or of HTTP */
    WSK_FAIL_REDIRECT = 7,   /* too many of them, or to a place where this must not go, or that
                                on_redirect refused */
    WSK_FAIL_TIMEOUT = 8,    /* text says in which phase */
    WSK_FAIL_LOST = 9,       /* the connection ended or broke before it was open */
    WSK_FAIL_CANCELLED = 10, /* closed or dropped by the program */
    WSK_FAIL_INTERNAL = 11,  /* no memory, no descriptors, no random numbers */
} wsk_fail;

/*
 * All may be NULL. Each attempt that wsk_client_connect() or a reconnection begins ends in exactly
 * one call: of on_fail if it did not come to on_open, else of on_close. wsk_client_stage() is then
 * WSK_STAGE_WAITING if another attempt follows, and IDLE otherwise. None is called from within
 * another, or from within a function of this header but for wsk_loop_turn() and _run(). A handler
 * may call anything, wsk_client_free() too: no other is called afterwards.
 */
typedef struct wsk_client_handlers {
    size_t size;
    void (*on_open)(wsk_client *c);
    /* A whole message. data may be changed, is never NULL, and is valid during the call. */
    void (*on_message)(wsk_client *c, wsk_opcode op, uint8_t *data, size_t len);
    /* With WSK_CONN_STREAM, instead: pieces as they arrive. */
    void (*on_data)(wsk_client *c, wsk_opcode op, uint8_t *data, size_t len, bool first, bool last);
    void (*on_ping)(wsk_client *c, const uint8_t *data, size_t len);
    void (*on_pong)(wsk_client *c, const uint8_t *data, size_t len);
    /* The queue fell below low_water: it was above high_water, or wsk_client_queued() said so. */
    void (*on_writable)(wsk_client *c);
    /*
     * The connection is over: code as wsk_conn_code(). reason is what the peer's close frame
     * said (UTF-8, it may have any characters), or "" if there was none; text says in words how
     * it ended, for a log. Both are valid during the call.
     */
    void (*on_close)(wsk_client *c, unsigned code, const char *reason, const char *text);
    /*
     * It could not be opened. status is that of the HTTP answer if there was one (with
     * WSK_FAIL_PROXY the proxy's), else 0; text says why in words, with names and numbers. The
     * answer's fields can be read with wsk_client_conn() during the call, its body (the beginning
     * of it) with wsk_client_body().
     */
    void (*on_fail)(wsk_client *c, wsk_fail kind, unsigned status, const char *text);
    /* Another attempt, the attempt-th in a row (from 1), begins in delay_ms. */
    void (*on_retry)(wsk_client *c, unsigned attempt, uint32_t delay_ms);
    /* A redirect is followed. url is the new one. Any other value than 0 refuses it. */
    int (*on_redirect)(wsk_client *c, unsigned status, const char *url);
    /*
     * For those who want to see handshakes and frames: the connection's octets as they pass to
     * (sent) and from the transport, inside of TLS and behind what a proxy says. Each octet once,
     * in order in its direction, before the handlers that come of it. Only functions that read
     * may be called.
     */
    void (*on_wire)(wsk_client *c, bool sent, const uint8_t *data, size_t len);
} wsk_client_handlers;

#define WSK_CLIENT_HANDLERS_INIT WSK_INIT_(wsk_client_handlers)

typedef struct wsk_client_options {
    size_t size;
    /* Limits, deadlines (open_timeout: of the opening handshake, from the request on; ping_interval
     * and ping_timeout: keepalive), subprotocols, server_header (the User-Agent field),
     * permessage-deflate, extensions. role is set by the client. conn.size and conn.deflate.size
     * may be left 0: the fields count as they are set, and those that are 0 are the defaults. */
    wsk_config_options conn;
    /* Certificates and policy for wss (a reference is taken); made for WSK_ROLE_CLIENT. NULL: the
     * system's CAs, no certificate of our own. Sharing one makes reconnecting quicker. */
    wsk_tls *tls;

    /* ---- the request ---- */
    const wsk_header *headers; /* further fields; Host and what the handshake sets are refused */
    size_t n_headers;          /* at most 256 */
    const char *origin;        /* Origin field; NULL: none, as programs other than browsers do */
    const char *userinfo; /* "user:password" for Basic authorization (RFC 7617); NULL: what stands
                             in the URL; at most 1,024 octets. A field Authorization among
                             `headers` goes before both */

    /* ---- the way ---- */
    /*
     * http://[user:password@]host[:port] (port 1080 if none is given, as curl has it), also without
     * the scheme, https://... (the same with TLS to the proxy, port 443; see proxy_tls), or
     * socks5://... (names are looked up here), socks5h://... (the proxy looks them up). "": none.
     * NULL: the environment's, as curl does it: ws_proxy, WS_PROXY or wss_proxy, WSS_PROXY, then
     * http_proxy for ws (lower case only) or https_proxy, HTTPS_PROXY for wss, then all_proxy,
     * ALL_PROXY: the first that is not empty, unless no_proxy, NO_PROXY names the host. Never for
     * Unix sockets.
     */
    const char *proxy;
    const char
        *no_proxy; /* hosts for which there is none: "example.org,.example.net,10.0.0.1", also
                      10.0.0.0/8, or "*" for all; NULL: with proxy NULL the environment's */
    uint32_t connect_timeout; /* name, TCP, proxy and TLS of an attempt [10 s]; WSK_NEVER: none */
    uint32_t attempt_delay; /* until the next address is tried, RFC 8305 5 [250 ms; at least 10] */
    int family;             /* AF_INET or AF_INET6: only these addresses; 0: both */

    /* ---- redirects: only if asked for ---- */
    /*
     * How many are followed in a row; 0: none, they are failures (WSK_FAIL_STATUS). Never from wss
     * to ws. When scheme, host or port change, the fields Authorization, Cookie and
     * Proxy-Authorization among `headers`, `userinfo`, user and password of the URL, and the
     * certificate of `tls` are not sent any more.
     */
    uint32_t max_redirects;

    /* ---- reconnecting: only if asked for ---- */
    /*
     * After a connection was lost, or closed by the server with a code that invites to come back
     * (1001, 1006, 1011 to 1014), or failed to open for a reason that may pass (network, timeout,
     * status 408, 425, 429 and 5xx but 501 and 505, of the proxy, too, or a SOCKS reply that tells
     * of the network, want of memory or descriptors). Never when the program closed it, nor for a
     * certificate that is not trusted or a server that breaks the rules. The n-th attempt in a row
     * waits a random time between 0 and min(retry_max, retry_initial * 2^(n-1)): then a thousand
     * clients do not come back in the same instant to a server that was restarted. A Retry-After
     * field of the answer (RFC 9110 10.2.3) is waited for before that, but no longer than
     * retry_max. A connection begins a new row if it was open for at least as long as the last
     * attempt could have had to wait, min(retry_max, retry_initial * 2^(n-1)): a server that takes
     * connections only to close them is not asked more often than one that takes none.
     */
    uint32_t retry_initial;  /* in ms; 0: no reconnecting */
    uint32_t retry_max;      /* [60 s] */
    uint32_t retry_attempts; /* in a row; 0: without end */

    /* ---- more of the way ---- */
    /*
     * Addresses of names that are not looked up: "HOST:PORT:ADDRESS[,ADDRESS]...", NULL-terminated,
     * as curl has it. HOST may be "*"; IPv6 addresses may stand in brackets. The last entry that
     * fits counts. For the URL's host (and where redirects lead) as well as for a proxy's; not for
     * what a proxy looks up. TLS verifies the name as ever.
     */
    const char *const *resolve;
    /* Certificates and policy for a proxy with https (a reference is taken); made for
     * WSK_ROLE_CLIENT. NULL: the system's CAs. What passes through it with wss is encrypted twice,
     * and the server is verified as ever. */
    wsk_tls *proxy_tls;
    /* The Host field of the request, "example.org:8080", where that is not to be the URL's; not
     * sent to where a redirect leads if that is another place. TLS goes by the URL all the same.
     * NULL: the URL's. */
    const char *host;
} wsk_client_options;

#define WSK_CLIENT_OPTIONS_INIT WSK_INIT_(wsk_client_options)

/*
 * options may be NULL; all in them is copied, but the hooks of options->conn and the extensions
 * that stand in its list are borrowed. handlers are copied. WSK_ERR_INVAL if something in the
 * options has CR, LF, NUL or another character that may not stand where it goes, if a proxy is no
 * URL of the above kind, or a wsk_tls is a server's; the log hook gets a line that says which
 * (the loop's, where conn.hooks is NULL, or a size or the hooks are what is wrong).
 */
WSK_API int wsk_client_new(wsk_client **ret, wsk_loop *loop, const wsk_client_options *options,
                           const wsk_client_handlers *handlers, void *ud) WSK_WARN_UNUSED;
/*
 * Ends the connection without a word, and the client. No handler is called any more, whatever is
 * under way. In any place, in a handler too. Its memory goes before the loop's next turn ends, or
 * with the loop. NULL is fine.
 */
WSK_API void wsk_client_free(wsk_client *c);
/*
 * Begins to connect; what comes of it is told by the handlers, later. url NULL: that of the last
 * time. WSK_ERR_URL if it is none (wsk_client_text() says why, but for NULL the first time, where
 * it is ""), WSK_ERR_STATE unless IDLE or
 * WAITING, WSK_ERR_INVAL if what the environment says is no proxy, WSK_ERR_TLS if there can be
 * no TLS with one (wsk_client_text() again), WSK_ERR_NOMEM. No handler is called then.
 */
WSK_API int wsk_client_connect(wsk_client *c, const char *url);

WSK_API wsk_stage wsk_client_stage(const wsk_client *c);
WSK_API void *wsk_client_data(const wsk_client *c);
WSK_API wsk_loop *wsk_client_loop(const wsk_client *c);
/* For everything of conn.h that only reads: headers, stats, subprotocol, extensions. NULL before
 * TCP and a proxy's part have come about (over wss it is there while TLS begins) and after on_close
 * or on_fail have returned. Use the wsk_client_ functions to send and close: they make the loop
 * write. */
WSK_API wsk_conn *wsk_client_conn(const wsk_client *c);

/* ------ what came of the last attempt ------ */

/* In words; valid until the next attempt. */
WSK_API const char *wsk_client_text(const wsk_client *c);
WSK_API wsk_fail wsk_client_failure(const wsk_client *c);
/* Of WSK_FAIL_CONNECT: why the last address could not be reached (ECONNREFUSED, ...); of
 * WSK_FAIL_INTERNAL what the system has none of, if it said so (EMFILE, ...); else 0. While it has
 * no descriptors, its look-up says of a name that it is not known (WSK_FAIL_RESOLVE). */
WSK_API int wsk_client_errno(const wsk_client *c);
/* HTTP status of the answer, 0 before there is one. */
WSK_API unsigned wsk_client_status(const wsk_client *c);
/* The first 1,024 octets at most of the body of an answer other than 101. Valid until the next
 * attempt. */
WSK_API wsk_str wsk_client_body(const wsk_client *c);

/* ------ what it is connected to ------ */

/* The URL, after redirects the last one, without user and password; it leads to the same place. ""
 * before the first connect. */
WSK_API const char *wsk_client_url(const wsk_client *c);
/* "127.0.0.1:443", "[::1]:443", "unix": of the socket's other end (a proxy's, if there is one).
 * Writes at most n octets with NUL, returns the length of the whole; 0 while there is none. */
WSK_API size_t wsk_client_address(const wsk_client *c, char *buf, size_t n);
/* "TLSv1.3" and the cipher; "" without TLS. */
WSK_API const char *wsk_client_tls_version(const wsk_client *c);
WSK_API const char *wsk_client_tls_cipher(const wsk_client *c);
/* The time from the last ping that was answered (keepalive or wsk_client_ping()) to its pong, in
 * microseconds; 0: none was yet. */
WSK_API uint64_t wsk_client_rtt_us(const wsk_client *c);

/* ------ open connection: as the functions of conn.h with the same name ------ */

/* All are WSK_ERR_STATE while there is no open connection. */
WSK_API int wsk_client_send(wsk_client *c, wsk_opcode op, const void *data, size_t len,
                            unsigned flags);
WSK_API int wsk_client_send_part(wsk_client *c, wsk_opcode op, const void *data, size_t len,
                                 bool last, unsigned flags);
WSK_API int wsk_client_ping(wsk_client *c, const void *data, size_t len);
WSK_API int wsk_client_pong(wsk_client *c, const void *data, size_t len);
/*
 * Starts the closing handshake; on_close follows. Messages that come before the server's close
 * frame are given until then, also those that a pause held back. Before on_open it gives the
 * attempt up (on_fail with WSK_FAIL_CANCELLED follows); while WAITING it ends that, and nothing is
 * called; while IDLE it does nothing (WSK_OK). There is no reconnecting afterwards.
 */
WSK_API int wsk_client_close(wsk_client *c, unsigned code, const char *reason);
/* Nothing is read while it is paused, so that the server's end is not seen; but a reset is, and
 * ends the connection: at once, or, where messages came before it, behind those when the pause is
 * over. Does nothing before on_open. */
WSK_API void wsk_client_pause(wsk_client *c, bool paused);
/* Octets that the system has yet to take, of TLS those of the cipher text, too. At 0 nothing waits
 * in this process, to be lost when the client is freed. Whoever sees more than high_water and stops
 * sending hears by on_writable when it is less than low_water (examples/stream_file.c). */
WSK_API size_t wsk_client_queued(const wsk_client *c);
/* Drops the connection at once, in any state, without reconnecting; on_close or on_fail comes
 * before the next turn ends, never within this call. While WAITING it ends that, and nothing is
 * called; while IDLE there is nothing to drop. */
WSK_API void wsk_client_drop(wsk_client *c);

/* ----------------------------------------------------------------------------- blocking -- */

/*
 * A client with a private loop, which runs while one of these functions waits:
 *
 *     int main(int argc, char **argv)
 *     {
 *         wsk_sync *s;
 *         wsk_message m;
 *         if (wsk_sync_connect(&s, argc > 1 ? argv[1] : "wss://example.org/chat", NULL) < 0)
 *             return fprintf(stderr, "%s\n", wsk_sync_text(s)), wsk_sync_free(s), 1;
 *         wsk_sync_send(s, WSK_OP_TEXT, "hello", 5, 0);
 *         if (wsk_sync_recv(s, &m, -1) == WSK_OK && m.opcode != WSK_OP_CLOSE)
 *             fwrite(m.data, 1, m.len, stdout);
 *         wsk_sync_close(s, WSK_CLOSE_NORMAL, NULL);
 *         wsk_sync_free(s);
 *     }
 *
 * Pings are answered, and keepalive pings sent, only while a function is waiting. Messages that
 * come while none is stay in the socket: the peer is slowed down, nothing piles up. One thread at
 * a time.
 */
typedef struct wsk_sync wsk_sync;

typedef struct wsk_message {
    wsk_opcode opcode; /* TEXT, BINARY; CLOSE: the connection is over */
    uint8_t *data;     /* valid until the next call with the same wsk_sync; of CLOSE: the reason */
    size_t len;        /* there is a NUL behind the octets */
    unsigned code;     /* of CLOSE: as wsk_conn_code() */
} wsk_message;

/*
 * Connects; returns when the connection is open or has failed. *ret is set in both cases (to NULL
 * only where there was no memory for it), so that a failure can be asked about; free
 * it. WSK_ERR_URL, _INVAL, _RESOLVE, _TLS, _TIMEOUT, _SYS (errno), _FAILED (all else).
 * options as above; reconnecting is not done here. WSK_CONN_STREAM is WSK_ERR_INVAL. How long this
 * may take is up to connect_timeout and conn.open_timeout.
 */
WSK_API int wsk_sync_connect(wsk_sync **ret, const char *url,
                             const wsk_client_options *options) WSK_WARN_UNUSED;
/* Closes the connection without a word if it is still there. NULL is fine. */
WSK_API void wsk_sync_free(wsk_sync *s);
/* Sends a message, and waits until the system has taken it all, or conn.write_timeout and
 * queue_timeout say that the peer is too slow. So is one that answers each message, as an echo
 * does, when much is sent and nothing received: its answers fill the way, and then it reads no
 * more. WSK_ERR_STATE when the connection is over, WSK_ERR_FAILED when it ends meanwhile, or as
 * wsk_conn_send(). WSK_ERR_INTERRUPTED: the message is queued, and goes out during the next calls;
 * it is not to be sent again. Where sends that were interrupted left more than conn.max_queued, the
 * next one waits for that first; when that is interrupted it is WSK_ERR_FULL, and the message is
 * not queued. */
WSK_API int wsk_sync_send(wsk_sync *s, wsk_opcode op, const void *data, size_t len, unsigned flags);
/* The next message. timeout_ms: 0 does not wait, -1 waits for ever. WSK_ERR_TIMEOUT. When the
 * connection is over, the last message has opcode CLOSE, as often as you ask. WSK_ERR_STATE of one
 * that was never open. */
WSK_API int wsk_sync_recv(wsk_sync *s, wsk_message *ret, int timeout_ms);
/* The closing handshake, to its end, or to that of conn.close_timeout; messages that come meanwhile
 * are lost. WSK_OK if it was complete, WSK_ERR_FAILED if not, WSK_ERR_INVAL as wsk_conn_close(),
 * WSK_ERR_STATE of one that was never open. */
WSK_API int wsk_sync_close(wsk_sync *s, unsigned code, const char *reason);
/*
 * Has the call of the above that is waiting, or else the next one that has to look at the socket,
 * return WSK_ERR_INTERRUPTED. From any thread or signal handler, until wsk_sync_free(). *ret itself
 * is no atomic object: a signal handler of the thread that connects may look at it at any time (it
 * is NULL before there is something to interrupt, which does nothing); another thread is handed the
 * pointer, by an atomic one or under a lock, when wsk_sync_connect() has returned. A signal by
 * itself interrupts nothing. The connection is as it was: receive again; what was being sent goes
 * out during the next calls; wsk_sync_close() again goes on waiting for the same handshake. Only
 * after wsk_sync_connect() there is nothing left but to free it.
 */
WSK_API void wsk_sync_interrupt(wsk_sync *s);
/* For all that can be asked: text, failure, status, body, url, address, ... NULL if
 * wsk_sync_connect() failed for its options, or for want of memory or descriptors. */
WSK_API const wsk_client *wsk_sync_client(const wsk_sync *s);
/* The same as wsk_client_text(), or which option was refused; of NULL "out of memory". */
WSK_API const char *wsk_sync_text(const wsk_sync *s);

#ifdef __cplusplus
}
#endif

#endif
