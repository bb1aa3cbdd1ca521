/* SPDX-License-Identifier: MIT */
/*
 * The opening handshake (RFC 6455 section 4, RFC 7692 section 7) from the judge's side: the
 * request with the offers of the case, and the check of every line of the answer that matters.
 * Requests are judged in peer_request.c.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <openssl/evp.h>

#include "conformance/peer_head.h"
#include "conformance/peer_internal.h"
#include "conformance/report_text.h"

/* ----------------------------------------------------------------------------- request -- */

static bool put(judge_peer *p, const char *text)
{
    return peer_buf_add(p, &p->hello, text, strlen(text));
}

static void put_field(judge_peer *p, const char *name, const char *value)
{
    (void)(put(p, name) && put(p, ": ") && put(p, value) && put(p, "\r\n"));
}

static void put_offers(judge_peer *p)
{
    char text[64];

    put(p, "Sec-WebSocket-Extensions: ");
    for (unsigned i = 0; i < p->test->echo.n_offers; i++) {
        const judge_deflate_row *o = &p->test->echo.offers[i];

        if (i > 0)
            put(p, ", ");
        put(p, "permessage-deflate");
        if (!o->own_keeps)
            put(p, "; client_no_context_takeover");
        put(p, "; client_max_window_bits");
        if (o->own_bits > 0) {
            snprintf(text, sizeof(text), "=%u", o->own_bits);
            put(p, text);
        }
        if (o->no_context_takeover)
            put(p, "; server_no_context_takeover");
        if (o->window_bits > 0) {
            snprintf(text, sizeof(text), "; server_max_window_bits=%u", o->window_bits);
            put(p, text);
        }
    }
    put(p, "\r\n");
}

void peer_hello_begin(judge_peer *p)
{
    uint64_t nonce[2];

    if (p->setup.role != JUDGE_ROLE_CLIENT)
        return;
    if (p->setup.key != NULL) {
        snprintf(p->key, sizeof(p->key), "%s", p->setup.key);
    } else {
        nonce[0] = peer_random(p);
        nonce[1] = peer_random(p);
        EVP_EncodeBlock((unsigned char *)p->key, (const unsigned char *)nonce, 16);
    }
    if (p->test->hello.steps != NULL) {
        peer_greet_begin(p);
        return;
    }
    put(p, "GET ");
    put(p, p->setup.resource);
    put(p, " HTTP/1.1\r\n");
    if (p->setup.user_agent != NULL)
        put_field(p, "User-Agent", p->setup.user_agent);
    put_field(p, "Host", p->setup.host);
    put_field(p, "Upgrade", "WebSocket");
    put_field(p, "Connection", "Upgrade");
    put_field(p, "Pragma", "no-cache");
    put_field(p, "Cache-Control", "no-cache");
    put_field(p, "Sec-WebSocket-Key", p->key);
    if (p->setup.origin != NULL)
        put_field(p, "Origin", p->setup.origin);
    for (size_t i = 0; i < p->setup.n_protocols; i++) {
        put(p, i == 0 ? "Sec-WebSocket-Protocol: " : ",");
        put(p, p->setup.protocols[i]);
    }
    if (p->setup.n_protocols > 0)
        put(p, "\r\n");
    if (p->test->echo.n_offers > 0)
        put_offers(p);
    put_field(p, "Sec-WebSocket-Version", "13");
    put(p, "\r\n");
    if (p->failed)
        return;
    peer_write(p, p->hello.at, p->hello.len, 0, false);
    p->r.http_request = peer_text_of(p, p->hello.at, p->hello.len);
    p->hello.len = 0;
}

/* ------------------------------------------------------------------------------- answer -- */

/* The opening handshake failed; the reason goes into the report. */
static bool refuse(judge_peer *p, char *why)
{
    free(p->r.not_clean_reason);
    p->r.not_clean_reason = why;
    if (p->fault == NULL && why != NULL)
        p->fault = peer_text(p, "%s", why);
    peer_drop(p, JUDGE_DROP_ABORT);
    return false;
}

/* Of an extension with its parameters; how long it is. */
static size_t name_of(const char *extension, size_t len)
{
    const char *at = extension, *part;
    size_t n = 0;

    return peer_next_part(&at, extension + len, ';', &part, &n) ? n : 0;
}

/* RFC 7692 7.1: each parameter at most once, of those only that an answer may have. */
static bool take_deflate(judge_peer *p, const char *text, size_t len)
{
    const char *at = text, *end = text + len, *part;
    bool seen[4] = {false};
    char *why;
    size_t n;

    p->to_peer = p->from_peer = (judge_deflate_params){15, false};
    peer_next_part(&at, end, ';', &part, &n);
    if (!peer_same(part, n, "permessage-deflate"))
        return refuse(p, peer_text(p, "server answered with extension %.*s, which was not offered",
                                   (int)n, part));
    while (peer_next_part(&at, end, ';', &part, &n)) {
        static const char *const names[] = {"client_no_context_takeover",
                                            "server_no_context_takeover", "client_max_window_bits",
                                            "server_max_window_bits"};
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
            return refuse(
                p, peer_text(p, "unknown parameter of permessage-deflate: %.*s", (int)n, part));
        if (seen[which])
            return refuse(p, peer_text(p, "parameter %s occurs twice", names[which]));
        seen[which] = true;
        if (which < 2 && value != NULL)
            return refuse(p, peer_text(p, "parameter %s has a value", names[which]));
        if (which == 0)
            p->to_peer.no_context_takeover = true;
        else if (which == 1)
            p->from_peer.no_context_takeover = true;
        if (which < 2)
            continue;
        bits = value ? peer_window_bits(value, n_value) : 0;
        if (bits == 0)
            return refuse(p, peer_text(p, "invalid value of %s: %.*s", names[which], (int)n_value,
                                       value ? value : ""));
        (which == 2 ? &p->to_peer : &p->from_peer)->window_bits = (uint8_t)bits;
    }
    p->deflate = true;
    why = peer_terms(p, seen);
    return why == NULL || refuse(p, why);
}

/* True if a line of that name in a request of a case has this token. */
static bool said(const judge_peer *p, const char *name, const char *token, size_t n_token)
{
    const size_t n_name = strlen(name);
    const char *at = (const char *)p->greet.said.at, *end;

    if (at == NULL)
        return false;
    end = at + p->greet.said.len;
    while (at < end) {
        const char *lf = memchr(at, '\n', (size_t)(end - at)), *part;
        const char *list = at + n_name + 1;
        size_t n;

        if (lf == NULL)
            lf = end;
        if ((size_t)(lf - at) > n_name && at[n_name] == ':' && strncasecmp(at, name, n_name) == 0) {
            while (peer_next_part(&list, lf, ',', &part, &n)) {
                if (n >= n_token && strncasecmp(part, token, n_token) == 0 &&
                    (n == n_token || strchr("; \t", part[n_token]) != NULL))
                    return true;
            }
        }
        at = lf + 1;
    }
    return false;
}

static bool offers_deflate(const judge_peer *p)
{
    static const char name[] = "permessage-deflate";

    if (p->test->hello.steps == NULL)
        return p->test->echo.n_offers > 0;
    return said(p, "Sec-WebSocket-Extensions", name, sizeof(name) - 1);
}

static bool take_extensions(judge_peer *p, peer_field f)
{
    const char *at = f.value, *part;
    size_t n;

    if (f.count > 1)
        return refuse(
            p, peer_text(p, "HTTP Sec-WebSocket-Extensions header occurs %u times", f.count));
    while (peer_next_part(&at, f.value + f.len, ',', &part, &n)) {
        if (n == 0)
            continue;
        if (p->test->hello.declines)
            return refuse(
                p, peer_text(p, "an offer that is to be declined was taken: %.*s", (int)n, part));
        if (!offers_deflate(p))
            return refuse(p, peer_text(p, "server requested extension that was not offered: %.*s",
                                       (int)n, part));
        if (p->deflate && peer_same(part, name_of(part, n), "permessage-deflate"))
            return refuse(p, peer_text(p, "server answered with permessage-deflate twice"));
        if (!take_deflate(p, part, n))
            return false;
    }
    return true;
}

static bool accept_matches(const judge_peer *p, peer_field f)
{
    char expected[PEER_ACCEPT_SIZE];

    return peer_accept(p->key, strlen(p->key), expected) && f.len == strlen(expected) &&
           memcmp(f.value, expected, f.len) == 0;
}

/* The checks of RFC 6455 4.1, in its order. */
static bool take_answer(judge_peer *p, const char *head, size_t len)
{
    const char *eol = memchr(head, '\n', len), *status;
    size_t n = eol ? (size_t)(eol - head) : len;
    size_t n_status;
    peer_field f;

    if (n < 12 || strncmp(head, "HTTP/1.1 ", 9) != 0)
        return refuse(p, peer_text(p, "bad HTTP response status line"));
    n_status = n - 9;
    status = peer_trim(head + 9, &n_status);
    if (n_status < 3 || memcmp(status, "101", 3) != 0 || (status[3] != ' ' && status[3] != '\r'))
        return refuse(p, peer_text(p, "WebSocket connection upgrade failed (%.*s)",
                                   (int)(n_status > 100 ? 100 : n_status), status));
    f = peer_find_field(head, len, "Upgrade");
    if (f.count == 0)
        return refuse(p, peer_text(p, "HTTP Upgrade header missing"));
    if (!peer_same(f.value, f.len, "websocket"))
        return refuse(p, peer_text(p, "HTTP Upgrade header different from 'websocket'"));
    f = peer_find_field(head, len, "Connection");
    if (f.count == 0)
        return refuse(p, peer_text(p, "HTTP Connection header missing"));
    if (!peer_has_token(head, len, "Connection", "upgrade"))
        return refuse(p, peer_text(p, "HTTP Connection header does not include 'upgrade'"));
    f = peer_find_field(head, len, "Sec-WebSocket-Accept");
    if (f.count == 0)
        return refuse(p, peer_text(p, "HTTP Sec-WebSocket-Accept header missing"));
    if (f.count > 1)
        return refuse(p, peer_text(p, "HTTP Sec-WebSocket-Accept header occurs %u times", f.count));
    if (!accept_matches(p, f))
        return refuse(p, peer_text(p, "HTTP Sec-WebSocket-Accept bogus value"));
    f = peer_find_field(head, len, "Sec-WebSocket-Extensions");
    if (f.count > 0 && !take_extensions(p, f))
        return false;
    f = peer_find_field(head, len, "Sec-WebSocket-Protocol");
    if (f.count > 1)
        return refuse(p,
                      peer_text(p, "HTTP Sec-WebSocket-Protocol header occurs %u times", f.count));
    if (f.count == 1 && f.len > 0) {
        for (size_t i = 0; i < p->setup.n_protocols; i++) {
            const char *offered = p->setup.protocols[i];

            if (f.len == strlen(offered) && memcmp(f.value, offered, f.len) == 0)
                return true;
        }
        if (p->test->hello.steps != NULL && said(p, "Sec-WebSocket-Protocol", f.value, f.len))
            return true;
        return refuse(p, peer_text(p, "subprotocol selected by server, but not offered by client"));
    }
    return true;
}

/* Where the head ends, from `had` octets on that were there before. */
static const uint8_t *find_end(judge_peer *p, size_t had)
{
    for (;;) {
        const size_t from = had < 3 ? 0 : had - 3;
        const uint8_t *end = memmem(p->hello.at + from, p->hello.len - from, "\r\n\r\n", 4);
        size_t n;

        /* RFC 9110 15.2: any number of interim answers may come first. */
        if (end == NULL || p->setup.role == JUDGE_ROLE_SERVER || p->hello.len < 12 ||
            memcmp(p->hello.at, "HTTP/1.1 10", 11) != 0 || p->hello.at[11] == '1')
            return end;
        n = (size_t)(end - p->hello.at) + 4;
        memmove(p->hello.at, p->hello.at + n, p->hello.len - n);
        p->hello.len -= n;
        had = 0;
        p->interim += n;
        if (p->interim > MAX_INTERIM)
            return NULL;
    }
}

/* What the server calls itself. As it is shown and written, since names that differ in octets that
 * are no text are one there: who compares them must see that. */
static char *server_name(judge_peer *p, const peer_field *field)
{
    char *octets = peer_text_of(p, field->value, field->len);
    judge_buf b = {0};

    if (octets != NULL)
        judge_put_clean(&b, octets, strlen(octets));
    free(octets);
    if (b.failed) {
        p->failed = true;
        judge_buf_deinit(&b);
        return NULL;
    }
    return b.at;
}

size_t peer_hello_feed(judge_peer *p, const uint8_t *data, size_t len)
{
    const size_t had = p->hello.len;
    const uint8_t *end;
    peer_field server;
    size_t n;

    if (p->greet.head > 0) {
        peer_greet_rest(p, data, len);
        return len;
    }
    if (p->greet.request != NULL) {
        peer_greet_octets(p, data, len);
        return len;
    }
    if (!peer_buf_add(p, &p->hello, data, len)) {
        peer_drop(p, JUDGE_DROP_ABORT);
        return len;
    }
    end = find_end(p, had);
    if (end == NULL) {
        if (p->interim > MAX_INTERIM)
            refuse(p, peer_text(p, "interim answers of HTTP without an end"));
        else if (p->hello.len > MAX_HELLO)
            refuse(p, peer_text(p, "HTTP head longer than %d octets", MAX_HELLO));
        return len;
    }
    n = (size_t)(end - p->hello.at) + 4;
    if (p->setup.role == JUDGE_ROLE_SERVER) {
        peer_request_take(p, (const char *)p->hello.at, n);
        p->hello.len = n;
        return n - had;
    }
    p->r.http_response = peer_text_of(p, p->hello.at, n);
    server = peer_find_field((const char *)p->hello.at, n, "Server");
    if (p->setup.agent == NULL)
        p->agent = server.count > 0 && server.len > 0 ? server_name(p, &server)
                                                      : peer_text(p, "UnknownServer");
    if (p->test->hello.steps != NULL && !peer_greet_answer(p, (const char *)p->hello.at, n)) {
        const size_t rest = p->hello.len - n;

        p->hello.len = n;
        if (rest > 0)
            peer_greet_rest(p, data + len - rest, rest);
        return len;
    }
    if (p->test->hello.any_reply || take_answer(p, (const char *)p->hello.at, n))
        peer_open(p);
    n = p->hello.len - n;
    p->hello.len = 0;
    return len - n;
}
