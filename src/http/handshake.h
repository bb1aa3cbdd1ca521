/* SPDX-License-Identifier: MIT */
/*
 * The opening handshake (RFC 6455 section 4) over parsed heads, both roles: checks what came,
 * writes what goes. Extensions are only delimited here; conn negotiates them.
 */
#ifndef WSK_HTTP_HANDSHAKE_H
#define WSK_HTTP_HANDSHAKE_H

#include <websock/conn.h>

#include "http/head.h"

#define WSK__KEY_LEN    24 /* base64 of 16 octets */
#define WSK__ACCEPT_LEN 28 /* base64 of 20 octets */

/* accept = base64(SHA-1(key + GUID)), section 4.2.2 item 5.4. WSK_ERR_NOMEM; WSK_ERR_SYS if
 * OpenSSL has no SHA-1. */
int wsk__handshake_accept(const char key[WSK__KEY_LEN], char ret[WSK__ACCEPT_LEN + 1]);
/* A fresh key from 16 random octets. */
int wsk__handshake_key(const wsk_hooks *hooks, char ret[WSK__KEY_LEN + 1]);

/* Elements of Sec-WebSocket-Protocol; more are a refusal, since each is compared with all. */
#define WSK__MAX_SUBPROTOCOLS 64

/*
 * Judges a request head (section 4.2.1). 1: a WebSocket handshake in order but for the Origin,
 * its extensions by the grammar; *ret_key points to its key. 0: a well-formed GET or HEAD without
 * an Upgrade to websocket. -1: *ret says which status: 400, 405, 426 (also for other versions),
 * 501. A body is refused: what stands behind the head of a handshake is frames, and nobody else may
 * think otherwise.
 */
int wsk__handshake_judge_request(const wsk__head *head, wsk_str *ret_key, wsk__refusal *ret);

/* Origin policy; origins is NULL-terminated or NULL. A request without Origin comes from no
 * browser and is allowed. For WSK_ORIGIN_SAME_HOST the port counts if Host names one. */
bool wsk__origin_allowed(const wsk__head *head, wsk_origin_policy policy,
                         const char *const *origins);

/* The rest of WSK_ORIGIN_SAME_HOST, which only whoever listens can tell: over TLS of our own a page
 * has come over TLS, too; a Host without a port means the default one if we listen there (else a
 * proxy has left it out, and what the browser saw is not known). */
bool wsk__origin_fits_listener(wsk_str origin, wsk_str host, bool tls, unsigned port);
/* What a browser may send: SCHEME://HOST[:PORT], or null. */
bool wsk__is_origin(wsk_str s);

/* The first of `supported` (NULL-terminated, in order of preference) that the client offers;
 * NULL if none. What is offered was judged with the request. */
const char *wsk__subprotocol_select(const wsk__head *head, const char *const *supported);
bool wsk__subprotocol_offered(const wsk__head *head, const char *name);

/* A growing text for heads that go out. `failed` sticks. */
typedef struct wsk__text {
    const wsk_hooks *hooks;
    char *ptr;
    size_t len, cap;
    bool failed;
} wsk__text;
void wsk__text_add(wsk__text *t, const char *s);
void wsk__text_addn(wsk__text *t, const void *s, size_t n);
void wsk__text_addf(wsk__text *t, const char *fmt, ...) WSK_PRINTF(2, 3);
void wsk__text_deinit(wsk__text *t);

/* True if a program may add this field to a handshake: legal name and value, none of the names
 * that the handshake itself sets (Upgrade, Connection, Sec-WebSocket-*, Content-Length,
 * Transfer-Encoding; on a request Host too). */
bool wsk__header_is_allowed(const wsk_header *h, wsk_role role);
/* The same for all that a program supplies to a response or a request: status, host, target,
 * origin, content type. Nothing in it can end a line or begin another field. */
bool wsk__response_is_allowed(const wsk_response *response);
bool wsk__request_is_allowed(const wsk_request_options *options);
/* What is wrong with one that is not, in the log. */
void wsk__response_complain(const wsk_hooks *hooks, const char *who, const wsk_response *response);
void wsk__request_complain(const wsk_hooks *hooks, const char *who,
                           const wsk_request_options *options);

/*
 * The writers below set `failed` for what these refuse, so that a check which a caller forgot
 * is no injection. A field among `headers` takes the place of the one that would be written by
 * itself (Server, User-Agent, Origin, Content-Type, Allow,
 * Retry-After). There is no Date: the core has no
 * clock, and RFC 9110 6.6.1 does without; a shell that has one may add the field.
 */

/* 101 response. subprotocol, extensions and server may be NULL. */
void wsk__handshake_write_response(wsk__text *t, const char accept[WSK__ACCEPT_LEN + 1],
                                   const char *server, const char *subprotocol,
                                   const char *extensions, const wsk_header *headers,
                                   size_t n_headers);
/* Any other response, with Connection: close and Content-Length; Sec-WebSocket-Version: 13 and
 * Upgrade: websocket with 426; Allow: GET with 405; Retry-After: 1 with 429. HEAD requests get no
 * body. */
void wsk__http_write_response(wsk__text *t, const wsk_response *response, const char *server,
                              bool is_head);
/* The same for a refusal: its text and a newline is the body. */
void wsk__http_write_refusal(wsk__text *t, const wsk__refusal *refusal, const char *server,
                             bool is_head);
/* The client's request. subprotocols is NULL-terminated or NULL. */
void wsk__handshake_write_request(wsk__text *t, const wsk_request_options *options,
                                  const char key[WSK__KEY_LEN + 1], const char *user_agent,
                                  const char *const *subprotocols, const char *extensions);

/*
 * Judges a response (section 4.1, "the client MUST validate"): status 101, Upgrade, Connection,
 * Accept, subprotocol. true, and *ret_subprotocol (one of `offered`, or NULL); or false and
 * *why says in words what was wrong, NULL: memory was missing.
 */
bool wsk__handshake_judge_response(const wsk__head *head, const char key[WSK__KEY_LEN + 1],
                                   const char *const *offered, const char **ret_subprotocol,
                                   const char **why);

#endif
