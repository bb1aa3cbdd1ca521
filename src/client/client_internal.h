/* SPDX-License-Identifier: MIT */
/*
 * The insides of the client:
 *
 *   client.c          life, attempts, reconnecting, getters
 *   client_options.c  what the program asks for, checked and copied
 *   client_open.c     one attempt until its request is out; redirects
 *   client_link.c     one connection: events to handlers, calls to frames
 *   proxy_choice.c    which proxy
 *   redirect.c        URLs of redirects
 *   retry_after.c     when a server wants to be asked again
 *   sync.c            the blocking form
 */
#ifndef WSK_CLIENT_INTERNAL_H
#define WSK_CLIENT_INTERNAL_H

#include <websock/client.h>

#include "http/url.h"
#include "link/link.h"
#include "net/connector.h"
#include "net/tls_session.h"

#define WSK__PING_MAX 125

/* What the program asked for; all owned. */
typedef struct wsk__client_options {
    wsk_header *headers;
    size_t n_headers;
    char *origin, *userinfo, *proxy, *no_proxy, *host;
    uint32_t connect_timeout, attempt_delay;
    int family;
    uint32_t max_redirects;
    uint32_t retry_initial, retry_max, retry_attempts;
    wsk__resolve_list resolve;
} wsk__client_options;

/*
 * One connection of a client: it outlives the client's interest in it until the loop has closed
 * the stream, so it has memory of its own.
 */
typedef struct wsk__client_link {
    wsk__link link; /* its conn.ended: nothing of it is told any more */
    wsk_client *client;
    bool begun : 1; /* the request is queued */
    bool by_us : 1; /* we began the closing handshake */
    bool tls_failed : 1;
    bool tls_lacked_memory : 1; /* ... for want of it */
    bool timed_out : 1;         /* a deadline of the connection ended it */
    uint8_t ping_len;
    uint64_t ping_at;            /* 0: no ping is unanswered */
    uint8_t ping[WSK__PING_MAX]; /* its octets */
    char reason[WSK__PING_MAX];  /* of the peer's close frame, ended by NUL */
} wsk__client_link;

/* What the client's timer is running for. */
typedef enum wsk__client_timer {
    WSK__TIMER_NONE = 0,
    WSK__TIMER_CONNECT, /* connect_timeout */
    WSK__TIMER_RETRY,
    WSK__TIMER_CANCEL, /* the program gave the attempt up: tell it, but not within its call */
} wsk__client_timer;

/* WSK_ERR_INVAL, with a line in the log that says why. */
#define wsk__client_refuse(hooks, ...)                                                             \
    (wsk__log(hooks, WSK_LOG_ERROR, "client: " __VA_ARGS__), WSK_ERR_INVAL)

struct wsk_client {
    wsk_loop *loop;
    const wsk_hooks *hooks;
    wsk_config *cfg;
    wsk__conn_env env;
    wsk_client_handlers h;
    void *ud;
    wsk__client_options o;
    wsk_tls *tls;       /* NULL: made when there is a need */
    wsk_tls *proxy_tls; /* likewise */
    wsk__url first;     /* as the program gave it */
    wsk__url url;       /* after redirects */
    char *url_text;     /* of url; NULL: none yet */
    wsk_timer *timer;
    wsk__client_timer timer_for;
    wsk_stage stage;
    wsk__connector *connector;
    wsk__client_link *current; /* the one of which is told */
    unsigned links;            /* with those that are being closed */
    unsigned busy;             /* callbacks that run: the memory stays */
    uint32_t redirects, attempts;
    uint64_t opened_at; /* ms */
    uint64_t rtt_us;
    bool freed;
    bool stopped;  /* the program has closed it: no further attempt */
    bool stripped; /* a redirect led elsewhere: no credentials */
    /* of the last attempt */
    wsk_fail failure;
    int err;
    unsigned status;
    uint32_t retry_after; /* in ms, what the server asked for; 0: nothing */
    char *body;
    size_t body_len;
    char text[320];
};

/* ---- client_options.c ---- */
int wsk__client_options_init(wsk__client_options *ret, const wsk_hooks *hooks,
                             const wsk_client_options *options);
void wsk__client_options_deinit(wsk__client_options *o, const wsk_hooks *hooks);

/* ---- client.c ---- */

/* Around each callback of the loop. leave: the client may be gone afterwards. */
void wsk__client_enter(wsk_client *c);
void wsk__client_leave(wsk_client *c);
void wsk__client_timer_set(wsk_client *c, wsk__client_timer what, uint64_t delay_ms);
void WSK_PRINTF(2, 3) wsk__client_say(wsk_client *c, const char *fmt, ...);
wsk_fail wsk__client_kind(int error);
/* What came of the last attempt, or of the last place that a redirect led to. */
void wsk__client_forget(wsk_client *c);
/* The attempt has failed, for the reason in c->text: on_fail, and perhaps another one. */
void wsk__client_failed(wsk_client *c, wsk_fail kind);
/* The connection that was open is over. */
void wsk__client_closed(wsk_client *c, unsigned code, const char *reason, const char *text);

/* ---- client_open.c ---- */

/* Begins with c->url. Negative: c->text says why. */
int wsk__client_begin(wsk_client *c);
/* Where an attempt stands is given up, without a word. */
void wsk__client_abandon(wsk_client *c);
/* TLS is done, or there is none: the request. */
void wsk__client_request(wsk__client_link *l);
/* The server's answer, or the end of it, opened nothing. */
void wsk__client_refused(wsk__client_link *l, const char *text);

/* ---- client_link.c ---- */
int wsk__client_link_new(wsk_client *c, int fd, wsk__tls_session *tls);
/* Closes it; nothing is told of it any more. */
void wsk__client_link_leave(wsk__client_link *l);
/* Has the stream do what the connection wants. */
void wsk__client_link_update(wsk__client_link *l);
int wsk__client_link_close(wsk__client_link *l, unsigned code, const char *reason);
void wsk__client_link_drop(wsk__client_link *l);

/* Calls a handler, if there is one. */
#define WSK__CLIENT_CALL(c, handler, ...)                                                          \
    do {                                                                                           \
        if ((c)->h.handler != NULL && !(c)->freed)                                                 \
            (c)->h.handler(__VA_ARGS__);                                                           \
    } while (0)

#endif
