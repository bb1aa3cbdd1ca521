/* SPDX-License-Identifier: MIT */
/*
 * The opening handshake from a client (RFC 6455 4.2, RFC 7692 7), each rule of which is the
 * client's to keep, and the answer that the case asks for.
 */
#include "conformance/peer_request.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conformance/peer_head.h"
#include "conformance/peer_internal.h"
#include "conformance/report_text.h"

#define MAX_OFFERS 16

static bool WSK_PRINTF(3, 4) bad(judge_request *r, unsigned status, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(r->why, sizeof(r->why), fmt, ap);
    va_end(ap);
    for (char *c = r->why; *c != '\0'; c++) {
        if ((unsigned char)*c < 0x20 || (unsigned char)*c >= 0x7f)
            *c = '?';
    }
    r->status = status;
    return false;
}

const char *judge_status_text(unsigned status)
{
    switch (status) {
    case 200:
        return "OK";
    case 301:
        return "Moved Permanently";
    case 400:
        return "Bad Request";
    case 404:
        return "Not Found";
    case 405:
        return "Method Not Allowed";
    case 408:
        return "Request Timeout";
    case 426:
        return "Upgrade Required";
    case 431:
        return "Request Header Fields Too Large";
    case 503:
        return "Service Unavailable";
    case 505:
        return "HTTP Version Not Supported";
    default:
        return "Internal Server Error";
    }
}

/* ------------------------------------------------------------------------------- lines -- */

/* RFC 9110 5.6.2 */
static bool is_token(const char *s, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        const char c = s[i];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL)))
            return false;
    }
    return len > 0;
}

/* "GET /path HTTP/1.1", RFC 9112 3. */
static bool read_start(judge_request *r, const char *line, size_t len)
{
    const char *end = line + len;
    const char *space = memchr(line, ' ', len);
    const char *target = space ? space + 1 : end;
    const char *last = memchr(target, ' ', (size_t)(end - target));
    const char *query;

    if (space == NULL || last == NULL || last == target || !is_token(line, (size_t)(space - line)))
        return bad(r, 400, "bad HTTP request line");
    r->method = (judge_slice){line, (size_t)(space - line)};
    if ((size_t)(end - last) != 9 || memcmp(last, " HTTP/", 6) != 0 || last[6] < '0' ||
        last[6] > '9' || last[7] != '.' || last[8] < '0' || last[8] > '9')
        return bad(r, 400, "bad HTTP request line");
    if (memcmp(last + 6, "1.1", 3) != 0)
        return bad(r, 505, "unsupported HTTP version %.3s", last + 6);
    r->head_only = r->method.len == 4 && memcmp(line, "HEAD", 4) == 0;
    if (!r->head_only && (r->method.len != 3 || memcmp(line, "GET", 3) != 0))
        return bad(r, 405, "HTTP method '%.*s' not allowed", (int)(r->method.len & 31), line);
    /* RFC 9112 3.2.2: absolute targets are to be understood, too. */
    if (*target != '/') {
        const char *authority = memmem(target, (size_t)(last - target), "://", 3);
        const char *slash;

        if (authority == NULL)
            return bad(r, 400, "the request target is neither a path nor a URI");
        slash = memchr(authority + 3, '/', (size_t)(last - authority - 3));
        if (slash == NULL)
            return bad(r, 400, "the URI of the request has no path");
        target = slash;
    }
    for (const char *c = target; c < last; c++) {
        /* RFC 6455 3: no fragments. RFC 3986 2: visible US-ASCII alone. */
        if (*c == '#')
            return bad(r, 400, "HTTP requested resource contains a fragment identifier");
        if ((unsigned char)*c <= 0x20 || (unsigned char)*c >= 0x7f)
            return bad(r, 400, "the request target has octets that must be percent-encoded");
    }
    query = memchr(target, '?', (size_t)(last - target));
    r->path = (judge_slice){target, (size_t)((query ? query : last) - target)};
    if (query != NULL)
        r->query = (judge_slice){query + 1, (size_t)(last - query - 1)};
    return true;
}

/* RFC 9112 5: a token, a colon, text; nothing that another reader could take for two lines. */
static bool read_field(judge_request *r, const char *line, size_t len)
{
    const char *colon = memchr(line, ':', len);

    if (len > 0 && (*line == ' ' || *line == '\t'))
        return bad(r, 400, "folded HTTP header line");
    if (colon == NULL || !is_token(line, (size_t)(colon - line)))
        return bad(r, 400, "HTTP header line without a name");
    for (const char *c = colon + 1; c < line + len; c++) {
        if (((unsigned char)*c < 0x20 && *c != '\t') || *c == 0x7f)
            return bad(r, 400, "control character in HTTP header %.*s",
                       (int)(colon - line < 64 ? colon - line : 64), line);
    }
    return true;
}

bool judge_request_read(judge_request *r, const char *head, size_t len)
{
    const char *end = head + len - 2; /* the empty line */
    bool first = true;

    *r = (judge_request){0};
    while (head < end) {
        const char *lf = memchr(head, '\n', (size_t)(end - head));

        if (lf == NULL || lf == head || lf[-1] != '\r')
            return bad(r, 400, "a line of the HTTP request does not end with CR LF");
        if (memchr(head, '\r', (size_t)(lf - head)) != lf - 1)
            return bad(r, 400, "bare CR in the HTTP request");
        if (!(first ? read_start(r, head, (size_t)(lf - 1 - head))
                    : read_field(r, head, (size_t)(lf - 1 - head))))
            return false;
        if (!first && peer_same(head, strcspn(head, ":"), "Upgrade"))
            r->is_upgrade = true;
        if (!first && peer_same(head, strcspn(head, ":"), "Host") && r->host.at == NULL) {
            size_t n = (size_t)(lf - 1 - head) - 5;
            const char *value = peer_trim(head + 5, &n);

            r->host = (judge_slice){value, n};
        }
        first = false;
        head = lf + 1;
    }
    return !first || bad(r, 400, "empty HTTP request");
}

/* --------------------------------------------------------------------------- handshake -- */

static bool once(judge_request *r, const char *head, size_t len, const char *name, peer_field *ret)
{
    *ret = peer_find_field(head, len, name);
    if (ret->count == 0)
        return bad(r, 400, "HTTP %s header missing", name);
    if (ret->count > 1)
        return bad(r, 400, "HTTP %s header appears more than once", name);
    return true;
}

/* RFC 3986 3.2: a name or an address, perhaps with a port. */
static bool check_host(judge_request *r, peer_field f)
{
    const char *end = f.value + f.len;
    const char *colon, *bracket = NULL;

    for (const char *c = f.value; c < end; c++) {
        if ((unsigned char)*c <= 0x20 || (unsigned char)*c >= 0x7f || strchr("/?#@\\", *c) != NULL)
            return bad(r, 400, "invalid HTTP Host header '%.*s'", (int)(f.len < 80 ? f.len : 80),
                       f.value);
    }
    if (f.len > 0 && *f.value == '[') {
        bracket = memchr(f.value, ']', f.len);
        if (bracket == NULL)
            return bad(r, 400, "invalid HTTP Host header: ']' missing");
    }
    colon = memchr(bracket ? bracket : f.value, ':', (size_t)(end - (bracket ? bracket : f.value)));
    if (f.len == 0 || colon == f.value)
        return bad(r, 400, "HTTP Host header names no host");
    if (bracket != NULL && bracket + 1 != end && bracket + 1 != colon)
        return bad(r, 400, "invalid HTTP Host header '%.*s'", (int)(f.len < 80 ? f.len : 80),
                   f.value);
    if (colon != NULL) {
        unsigned long port = 0;

        for (const char *c = colon + 1; c < end && port < 100000; c++) {
            if (*c < '0' || *c > '9')
                return bad(r, 400, "invalid port in HTTP Host header '%.*s'",
                           (int)(f.len < 80 ? f.len : 80), f.value);
            port = port * 10 + (unsigned long)(*c - '0');
        }
        if (port > 65535)
            return bad(r, 400, "invalid port in HTTP Host header '%.*s'",
                       (int)(f.len < 80 ? f.len : 80), f.value);
    }
    return true;
}

/* RFC 6455 4.1: 16 octets in base64, that is 22 digits, of the last of which four bits count. */
static bool check_key(judge_request *r, peer_field f)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    if (f.len != 24 || memcmp(f.value + 22, "==", 2) != 0)
        return bad(r, 400, "bad Sec-WebSocket-Key (length must be 24 ASCII chars, ending with ==)");
    for (size_t i = 0; i < 22; i++) {
        if (f.value[i] == '\0' || strchr(digits, f.value[i]) == NULL)
            return bad(r, 400, "bad character in Sec-WebSocket-Key (only base64 is allowed)");
    }
    return true;
}

static bool check_protocols(judge_request *r, peer_field f)
{
    const char *at = f.value, *end, *part;
    size_t n;

    if (f.count == 0)
        return true;
    end = f.value + f.len;
    while (peer_next_part(&at, end, ',', &part, &n)) {
        const char *again = at, *other;
        size_t n_other;

        if (n == 0)
            continue;
        if (!is_token(part, n))
            return bad(r, 400, "bad subprotocol in HTTP Sec-WebSocket-Protocol header");
        /* RFC 6455 4.1: all unique. */
        while (peer_next_part(&again, end, ',', &other, &n_other)) {
            if (n == n_other && memcmp(part, other, n) == 0)
                return bad(r, 400, "duplicate protocol in HTTP Sec-WebSocket-Protocol header");
        }
    }
    return true;
}

const char *judge_request_protocol(const char *head, size_t len, const char *const *known,
                                   size_t n_known)
{
    const char *line = head, *value;
    size_t n_value;

    /* RFC 6455 11.3.4: in a request there may be several lines of them. */
    while ((value = peer_next_value(&line, head + len, "Sec-WebSocket-Protocol", &n_value))) {
        const char *at = value, *part;
        size_t n;

        while (peer_next_part(&at, value + n_value, ',', &part, &n)) {
            for (size_t i = 0; i < n_known; i++) {
                if (strlen(known[i]) == n && memcmp(known[i], part, n) == 0)
                    return known[i];
            }
        }
    }
    return NULL;
}

unsigned judge_request_port(const judge_request *r)
{
    const char *end = r->host.at != NULL ? r->host.at + r->host.len : NULL;
    unsigned port = 0, digits = 0, place = 1;

    while (end != NULL && end > r->host.at && end[-1] >= '0' && end[-1] <= '9' && digits < 5) {
        port += (unsigned)(*--end - '0') * place;
        place *= 10;
        digits++;
    }
    return end != NULL && end > r->host.at && end[-1] == ':' ? port : 0;
}

bool judge_request_check(judge_request *r, const char *head, size_t len)
{
    peer_field f;

    if (r->head_only)
        return bad(r, 405, "HTTP method 'HEAD' not allowed");
    if (!once(r, head, len, "Host", &f) || !check_host(r, f))
        return false;
    f = peer_find_field(head, len, "Upgrade");
    if (f.count == 0)
        return bad(r, 426, "HTTP Upgrade header missing");
    if (!peer_has_token(head, len, "Upgrade", "websocket"))
        return bad(r, 400, "HTTP Upgrade header does not include 'websocket'");
    f = peer_find_field(head, len, "Connection");
    if (f.count == 0)
        return bad(r, 400, "HTTP Connection header missing");
    if (!peer_has_token(head, len, "Connection", "upgrade"))
        return bad(r, 400, "HTTP Connection header does not include 'upgrade'");
    f = peer_find_field(head, len, "Content-Length");
    if (peer_find_field(head, len, "Transfer-Encoding").count > 0 ||
        (f.count > 0 && !peer_same(f.value, f.len, "0")))
        return bad(r, 400, "the opening handshake has a body");
    if (!once(r, head, len, "Sec-WebSocket-Version", &f))
        return false;
    if (!peer_same(f.value, f.len, "13"))
        return bad(r, 426, "WebSocket version '%.*s' not supported", (int)(f.len < 40 ? f.len : 40),
                   f.value);
    if (!once(r, head, len, "Sec-WebSocket-Key", &f) || !check_key(r, f))
        return false;
    if (peer_find_field(head, len, "Origin").count > 1)
        return bad(r, 400, "HTTP Origin header appears more than once");
    f = peer_find_field(head, len, "Sec-WebSocket-Protocol");
    return check_protocols(r, f);
}

/* ----------------------------------------------------------------------------- offers -- */

/* An offer of permessage-deflate. */
typedef struct offer {
    bool server_no_context, client_no_context, has_client_bits;
    unsigned server_bits, client_bits; /* 0: not said */
} offer;

/* RFC 7692 7.1: each parameter at most once, with a value in its range. */
static bool read_offer(judge_request *r, offer *ret, const char *text, size_t len)
{
    static const char *const names[] = {"client_no_context_takeover", "server_no_context_takeover",
                                        "client_max_window_bits", "server_max_window_bits"};
    const char *at = text, *part;
    bool seen[4] = {false};
    size_t n;

    *ret = (offer){0};
    peer_next_part(&at, text + len, ';', &part, &n);
    while (peer_next_part(&at, text + len, ';', &part, &n)) {
        const char *equals = memchr(part, '=', n), *value = NULL;
        size_t n_name = equals ? (size_t)(equals - part) : n, n_value = 0;
        unsigned which = 0, bits;

        if (equals != NULL) {
            n_value = n - n_name - 1;
            value = peer_trim(equals + 1, &n_value);
        }
        peer_trim(part, &n_name);
        while (which < 4 && !peer_same(part, n_name, names[which]))
            which++;
        if (which == 4)
            return bad(r, 400, "unknown parameter of permessage-deflate: %.*s",
                       (int)(n < 80 ? n : 80), part);
        if (seen[which])
            return bad(r, 400, "parameter %s of permessage-deflate occurs twice", names[which]);
        seen[which] = true;
        bits = value ? peer_window_bits(value, n_value) : 0;
        if ((which < 2 && value != NULL) || (which == 3 && bits == 0) ||
            (which == 2 && value != NULL && bits == 0))
            return bad(r, 400, "invalid value of %s in an offer of permessage-deflate",
                       names[which]);
        if (which == 2)
            ret->client_bits = bits;
        else if (which == 3)
            ret->server_bits = bits;
    }
    ret->client_no_context = seen[0];
    ret->server_no_context = seen[1];
    ret->has_client_bits = seen[2];
    return true;
}

/* All offers, of all lines. Returns how many there are of permessage-deflate, or -1. */
static int read_offers(judge_request *r, const char *head, size_t len, offer ret[MAX_OFFERS])
{
    const char *end = head + len, *line = memchr(head, '\n', len);
    int found = 0;

    for (; line != NULL && ++line < end; line = memchr(line, '\n', (size_t)(end - line))) {
        const char *lf = memchr(line, '\n', (size_t)(end - line));
        const char *at = line, *part;
        size_t n = strcspn(line, ":\n");

        if (lf == NULL || !peer_same(line, n, "Sec-WebSocket-Extensions"))
            continue;
        at = line + n + 1;
        while (peer_next_part(&at, lf, ',', &part, &n)) {
            const char *name, *from = part;
            size_t n_name;

            if (n == 0)
                continue;
            peer_next_part(&from, part + n, ';', &name, &n_name);
            if (!is_token(name, n_name)) {
                bad(r, 400, "HTTP Sec-WebSocket-Extensions header has an extension without a name");
                return -1;
            }
            if (!peer_same(name, n_name, "permessage-deflate"))
                continue;
            if (found == MAX_OFFERS)
                return found;
            if (!read_offer(r, &ret[found], part, n))
                return -1;
            found++;
        }
    }
    return found;
}

/*
 * The first set of parameters of the case that an offer allows. RFC 7692 7.1.1.2 lets a server ask
 * for client_no_context_takeover whatever the offer says, 7.1.2.2 allows client_max_window_bits
 * only where it was offered, and not above what was.
 */
static void negotiate(judge_peer *p, const offer *offers, int n, judge_buf *out)
{
    const judge_case *c = p->test;

    for (unsigned i = 0; i < c->echo.n_offers; i++) {
        const judge_deflate_row *row = &c->echo.offers[i];

        for (int k = 0; k < n; k++) {
            const offer *o = &offers[k];

            if (row->window_bits > 0 &&
                (!o->has_client_bits || (o->client_bits > 0 && o->client_bits < row->window_bits)))
                continue;
            if (row->no_context_takeover && !o->client_no_context && p->setup.compat)
                continue;
            /* RFC 7692 7.1.1.1 and 7.1.2.1: a server may limit itself unasked. */
            const bool forgets = o->server_no_context || row->own_forgets;
            const unsigned bits = row->own_bits > 0 &&
                                          (o->server_bits == 0 || row->own_bits < o->server_bits)
                                      ? row->own_bits
                                      : o->server_bits;

            judge_buf_str(out, "Sec-WebSocket-Extensions: permessage-deflate");
            if (forgets)
                judge_buf_str(out, "; server_no_context_takeover");
            if (bits > 0)
                judge_buf_printf(out, "; server_max_window_bits=%u", bits);
            if (row->no_context_takeover)
                judge_buf_str(out, "; client_no_context_takeover");
            if (row->window_bits > 0)
                judge_buf_printf(out, "; client_max_window_bits=%u", row->window_bits);
            judge_buf_str(out, "\r\n");
            p->deflate = true;
            p->to_peer = (judge_deflate_params){(uint8_t)(bits ? bits : 15), forgets};
            /* A window that was offered holds, whether the answer names it or not. */
            p->from_peer = (judge_deflate_params){(uint8_t)(row->window_bits ? row->window_bits
                                                            : o->client_bits ? o->client_bits
                                                                             : 15),
                                                  row->no_context_takeover};
            return;
        }
    }
}

/* ------------------------------------------------------------------------------ answer -- */

static void send_answer(judge_peer *p, judge_buf *b)
{
    if (b->failed) {
        p->failed = true;
        return;
    }
    peer_write(p, (const uint8_t *)b->at, b->len, 0, false);
    p->r.http_response = peer_text(p, "%s", b->at);
}

static void refuse(judge_peer *p, const judge_request *r)
{
    judge_buf b = {0};

    judge_buf_printf(&b,
                     "HTTP/1.1 %u %s\r\n%sContent-Type: text/plain; charset=utf-8\r\n"
                     "Content-Length: %zu\r\nConnection: close\r\n\r\n%s\n",
                     r->status, judge_status_text(r->status),
                     r->status == 426 ? "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n" : "",
                     strlen(r->why) + 1, r->why);
    send_answer(p, &b);
    judge_buf_deinit(&b);
    free(p->r.not_clean_reason);
    p->r.not_clean_reason = peer_text(p, "%s", r->why);
    if (p->fault == NULL)
        p->fault = peer_text(p, "%s", r->why);
    peer_drop(p, JUDGE_DROP_GRACEFUL);
}

void peer_request_take(judge_peer *p, const char *head, size_t len)
{
    char accept[PEER_ACCEPT_SIZE];
    offer offers[MAX_OFFERS];
    const char *protocol;
    judge_request r;
    peer_field key;
    judge_buf b = {0};
    int n = -1;

    p->r.http_request = peer_text_of(p, head, len);
    if (judge_request_read(&r, head, len) && judge_request_check(&r, head, len))
        n = read_offers(&r, head, len, offers);
    if (n < 0) {
        refuse(p, &r);
        return;
    }
    key = peer_find_field(head, len, "Sec-WebSocket-Key");
    if (p->test->hello.steps != NULL) {
        snprintf(p->key, sizeof(p->key), "%.*s", (int)key.len, key.value);
        p->greet.request = strndup(head, len);
        p->failed = p->failed || p->greet.request == NULL;
        p->skipped = p->setup.skip != NULL &&
                     p->setup.skip(p->setup.skip_ud, p->test, judge_peer_agent(p));
        if (p->skipped || p->failed)
            peer_drop(p, JUDGE_DROP_ABORT);
        else
            peer_greet_begin(p);
        return;
    }
    if (!peer_accept(key.value, key.len, accept)) {
        p->failed = true;
        return;
    }
    judge_buf_printf(&b,
                     "HTTP/1.1 101 Switching Protocols\r\nServer: %s\r\nUpgrade: WebSocket\r\n"
                     "Connection: Upgrade\r\n",
                     p->setup.user_agent ? p->setup.user_agent : "websock");
    protocol = judge_request_protocol(head, len, p->setup.protocols, p->setup.n_protocols);
    if (protocol != NULL)
        judge_buf_printf(&b, "Sec-WebSocket-Protocol: %s\r\n", protocol);
    judge_buf_printf(&b, "Sec-WebSocket-Accept: %s\r\n", accept);
    negotiate(p, offers, n, &b);
    judge_buf_str(&b, "\r\n");
    send_answer(p, &b);
    judge_buf_deinit(&b);
    if (!p->failed)
        peer_open(p);
}
