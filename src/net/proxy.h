/* SPDX-License-Identifier: MIT */
/*
 * What is said to a proxy before it is a way to somewhere else: HTTP CONNECT (RFC 9110 9.3.6) and
 * SOCKS 5 (RFC 1928, RFC 1929). Octets in, octets out, no socket. A proxy may be hostile: its
 * answers have limits and are read strictly.
 */
#ifndef WSK_NET_PROXY_H
#define WSK_NET_PROXY_H

#include <websock/base.h>

#include "net/resolver.h"

typedef enum wsk__proxy_kind {
    WSK__PROXY_NONE = 0,
    WSK__PROXY_HTTP,
    WSK__PROXY_HTTPS,   /* HTTP, with TLS to the proxy */
    WSK__PROXY_SOCKS5,  /* names are looked up here */
    WSK__PROXY_SOCKS5H, /* ... by the proxy */
} wsk__proxy_kind;

typedef struct wsk__proxy {
    wsk__proxy_kind kind;
    char *host; /* without brackets */
    uint16_t port;
    char *user; /* NULL: none; neither has control characters */
    char *password;
} wsk__proxy;

int wsk__proxy_copy(const wsk_hooks *hooks, const wsk__proxy *from, wsk__proxy *ret);
/* Also for a struct of zeros. */
void wsk__proxy_deinit(const wsk_hooks *hooks, wsk__proxy *p);

typedef enum wsk__talk_result {
    WSK__TALK_MORE = 0,    /* the proxy's turn, or there is output */
    WSK__TALK_DONE = 1,    /* what follows is the other end's */
    WSK__TALK_FAILED = -1, /* see text and status */
} wsk__talk_result;

/* Octets of a head that a proxy answers with; more are an attack on our patience. */
#define WSK__PROXY_HEAD_MAX 8192
/* Octets of the longest message of SOCKS 5: a reply with a name. */
#define WSK__SOCKS_MAX 262

typedef struct wsk__proxy_talk {
    const wsk_hooks *hooks;
    const wsk__proxy *proxy; /* borrowed */
    uint8_t *out;            /* what is to be sent next: out_off to out_len */
    size_t out_off, out_len;
    uint8_t state; /* of the reader */
    /* SOCKS 5 */
    uint8_t *request;
    size_t request_len;
    size_t got, need;
    uint8_t in[WSK__SOCKS_MAX];
    bool elsewhere; /* failed, but another address of the same host may go */
    /* HTTP */
    char start[12]; /* "HTTP/1.1 200" */
    size_t octets;
    bool named; /* the field has a name */
    /* both */
    bool lost;        /* failed because the connection ended, which may be better another time */
    unsigned status;  /* HTTP status or SOCKS reply */
    const char *text; /* static, or in words */
    char words[96];
} wsk__proxy_talk;

/*
 * A way to host (a name or an address, without brackets) and port; address, if not NULL, is where
 * a SOCKS proxy is told to go. WSK_ERR_INVAL: the name, user or password is too long for the
 * protocol; WSK_ERR_NOMEM.
 */
int wsk__proxy_talk_init(wsk__proxy_talk *t, const wsk_hooks *hooks, const wsk__proxy *proxy,
                         const char *host, uint16_t port, const wsk__address *address);
void wsk__proxy_talk_deinit(wsk__proxy_talk *t);
/* What is to be sent now; *ret_n octets, perhaps 0. */
const uint8_t *wsk__proxy_talk_output(const wsk__proxy_talk *t, size_t *ret_n);
void wsk__proxy_talk_sent(wsk__proxy_talk *t, size_t n);
/* n octets came (n > 0). *ret_used are the proxy's own; with DONE the rest is the other end's. */
wsk__talk_result wsk__proxy_talk_feed(wsk__proxy_talk *t, const uint8_t *data, size_t n,
                                      size_t *ret_used);

/* ---- for proxy_talk.c: the two protocols ---- */
int wsk__proxy_http_begin(wsk__proxy_talk *t, const char *host, uint16_t port);
wsk__talk_result wsk__proxy_http_feed(wsk__proxy_talk *t, const uint8_t *data, size_t n,
                                      size_t *ret_used);
int wsk__proxy_socks_begin(wsk__proxy_talk *t, const char *host, uint16_t port,
                           const wsk__address *address);
wsk__talk_result wsk__proxy_socks_feed(wsk__proxy_talk *t, const uint8_t *data, size_t n,
                                       size_t *ret_used);

#endif
