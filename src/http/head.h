/* SPDX-License-Identifier: MIT */
/*
 * Octets of an HTTP/1.1 request or response head (RFC 9112) to its parts. Strict: what servers
 * and proxies could read in two ways is refused (bare CR or LF, folded lines, white space before
 * the colon, NUL and controls, Content-Length twice, ...), since that is how requests are
 * smuggled. Knows nothing of WebSocket.
 */
#ifndef WSK_HTTP_HEAD_H
#define WSK_HTTP_HEAD_H

#include <websock/base.h>

typedef struct wsk__field {
    wsk_str name;
    wsk_str value; /* without white space around it */
} wsk__field;

typedef enum wsk__head_kind {
    WSK__HEAD_REQUEST,
    WSK__HEAD_RESPONSE,
} wsk__head_kind;

/* Where wsk__head_parse() stands: its own business. */
typedef struct wsk__head_scan {
    size_t pos;   /* octets that are judged */
    size_t begin; /* of the start line */
    size_t mark;  /* of the part in which pos is */
    size_t n_fields;
    int state;
} wsk__head_scan;

/* All strings point into the buffer that was parsed. */
typedef struct wsk__head {
    wsk__head_kind kind;
    /* request */
    wsk_str method;
    wsk_str target;
    wsk_str path;      /* target up to '?' (of an absolute URI: its path, or "/") */
    wsk_str query;     /* behind '?' or empty */
    wsk_str authority; /* of an absolute URI, or empty */
    /* response */
    unsigned status;
    wsk_str reason;
    /* both */
    unsigned minor; /* HTTP/1.minor, 0 or 1 */
    wsk__field *fields;
    size_t n_fields;
    size_t max_fields; /* room at `fields`, set by the caller */
    wsk_str whole;     /* from the start line to the empty line inclusive */
    wsk__head_scan scan;
} wsk__head;

/* Why a head is refused: an HTTP status (400, 414, 431, 501, 505) and a sentence for people. Of a
 * response, status is 0. */
typedef struct wsk__refusal {
    unsigned status;
    const char *text;
} wsk__refusal;

/*
 * Looks at the len octets at buf, of which the first `seen` were there at the last call, which
 * said 0 (so that a slow head costs linear time: keep `head` between the calls; `buf` may move).
 * head->kind, ->fields and ->max_fields are set, the rest is 0 at the first call.
 * Returns the length of the head (to the empty line inclusive), 0 if there is more to come, or
 * -1 with *ret set: as soon as the octet that proves it is there. max_len limits the whole head.
 * Before a request one empty line is passed over (RFC 9112 2.2); it counts in the length.
 */
long wsk__head_parse(wsk__head *head, const char *buf, size_t len, size_t seen, size_t max_len,
                     wsk__refusal *ret);

/* The index-th field of that name, without regard to case; NULL if there is none. */
const wsk__field *wsk__head_find(const wsk__head *head, const char *name, size_t index);

/* RFC 9110 5.6.2, 5.5; RFC 3986 for a request target in origin form. */
bool wsk__is_token(wsk_str s);
bool wsk__is_field_value(wsk_str s);
bool wsk__is_target(wsk_str s);
/* The value of a Host field: a name, an IPv4 or an [IPv6] address, perhaps ":port". Outputs may
 * be NULL; the brackets stay. */
bool wsk__is_host(wsk_str s, wsk_str *ret_host, wsk_str *ret_port);

/* Of such a value: whether the host is an address; the number of the port, 80 or 443 if it is
 * absent or empty. */
bool wsk__host_is_address(wsk_str host);
unsigned wsk__port_number(wsk_str port, bool tls);

/* Takes a request target apart (RFC 9112 3.2): origin form, absolute form, "*" for OPTIONS,
 * host and port for CONNECT. NULL, or why it is refused; then no output is set. */
const char *wsk__target_split(wsk_str method, wsk_str target, wsk_str *ret_path, wsk_str *ret_query,
                              wsk_str *ret_authority);

/*
 * Iterates over a comma-separated list (RFC 9110 5.6.1) of all fields of a name, quoted strings
 * respected, empty elements skipped. *pos begins as {0}. False at the end.
 */
typedef struct wsk__list_pos {
    size_t field;
    size_t offset;
    size_t count; /* elements so far */
} wsk__list_pos;
bool wsk__head_next_element(const wsk__head *head, const char *name, wsk__list_pos *pos,
                            wsk_str *ret);
/* True if one of the elements is `token`, without regard to case. */
bool wsk__head_has_token(const wsk__head *head, const char *name, const char *token);

/* The text of a status, "Bad Request"; "" if unknown. */
const char *wsk__status_text(unsigned status);

#endif
