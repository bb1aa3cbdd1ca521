/* SPDX-License-Identifier: MIT */
/*
 * Opening handshakes that a case spells out itself: texts with holes that are filled in here, what
 * comes of them, and whether the case accepts that. Ordinary handshakes are in peer_handshake.c
 * and peer_request.c.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conformance/peer_head.h"
#include "conformance/peer_internal.h"

/* A client has so long to give up an answer that is wrong. */
#define CLIENT_SECONDS 2.0
/* Until all is sent so long nothing of it may go out, and so long all of it may take. */
#define SCRIPT_SECONDS      30.0
#define MOST_SCRIPT_SECONDS 300.0
/* So much of what the judge sent is shown. */
#define MOST_SHOWN 32768

/* -------------------------------------------------------------------------------- texts -- */

static bool put(judge_peer *p, peer_buf *b, const char *s)
{
    return peer_buf_add(p, b, s, strlen(s));
}

static void put_fields(judge_peer *p, peer_buf *b)
{
    if (p->setup.origin != NULL)
        (void)(put(p, b, "Origin: ") && put(p, b, p->setup.origin) && put(p, b, "\r\n"));
    for (size_t i = 0; i < p->setup.n_protocols; i++)
        (void)(put(p, b, i == 0 ? "Sec-WebSocket-Protocol: " : ",") &&
               put(p, b, p->setup.protocols[i]));
    if (p->setup.n_protocols > 0)
        put(p, b, "\r\n");
}

static void put_accept(judge_peer *p, peer_buf *b)
{
    char accept[PEER_ACCEPT_SIZE];

    if (!peer_accept(p->key, strlen(p->key), accept))
        p->failed = true;
    else
        put(p, b, accept);
}

/* The subprotocol that was offered first, of a client; "chat" where there is none. */
static void put_protocol(judge_peer *p, peer_buf *b)
{
    peer_field f = {NULL, 0, 0};
    const char *at, *part;
    size_t n;

    if (p->setup.role == JUDGE_ROLE_CLIENT && p->setup.n_protocols > 0) {
        put(p, b, p->setup.protocols[0]);
        return;
    }
    if (p->greet.request != NULL)
        f = peer_find_field(p->greet.request, strlen(p->greet.request), "Sec-WebSocket-Protocol");
    at = f.value;
    if (f.count > 0 && peer_next_part(&at, f.value + f.len, ',', &part, &n) && n > 0)
        peer_buf_add(p, b, part, n);
    else
        put(p, b, "chat");
}

static bool put_hole(judge_peer *p, peer_buf *b, const char *name, size_t len)
{
    if (peer_same(name, len, "target"))
        put(p, b, p->setup.resource ? p->setup.resource : "/getCaseCount");
    else if (peer_same(name, len, "host"))
        put(p, b, p->setup.host ? p->setup.host : "localhost");
    else if (peer_same(name, len, "key"))
        put(p, b, p->key);
    else if (peer_same(name, len, "accept"))
        put_accept(p, b);
    else if (peer_same(name, len, "origin"))
        (void)(put(p, b, "http://") && put(p, b, p->setup.host ? p->setup.host : "localhost"));
    else if (peer_same(name, len, "protocol"))
        put_protocol(p, b);
    else if (peer_same(name, len, "fields"))
        put_fields(p, b);
    else
        return false;
    return true;
}

/* What the judge says, as the report shows it: NUL would end the text there. */
static void note(judge_peer *p, const uint8_t *data, size_t len)
{
    for (size_t i = 0; i < len && p->greet.said.len < MOST_SHOWN; i++)
        peer_buf_add(p, &p->greet.said, data[i] ? (const char *)&data[i] : "\xe2\x90\x80",
                     data[i] ? 1 : 3);
}

void peer_greet_text(judge_peer *p, const judge_step *s)
{
    const char *at = s->blob.lit, *end = at + s->blob.len;
    peer_buf b = {NULL, 0, 0};

    if (s->blob.total != s->blob.len) {
        /* A repeated piece has no holes: it may be of any size. */
        const judge_blob shown = {s->blob.lit, s->blob.len,
                                  s->blob.total < 256 ? s->blob.total : 256};

        for (uint64_t i = 0; i < shown.total; i++)
            note(p, (const uint8_t *)shown.lit + i % shown.len, 1);
        if (shown.total < s->blob.total)
            note(p, (const uint8_t *)"...", 3);
        peer_send_raw(p, &s->blob, s->chop, s->sync);
        return;
    }
    while (at < end && !p->failed) {
        const char *open = memchr(at, '{', (size_t)(end - at));
        const char *close = open ? memchr(open, '}', (size_t)(end - open)) : NULL;
        const char *stop = close ? open : end;

        peer_buf_add(p, &b, at, (size_t)(stop - at));
        if (close != NULL && !put_hole(p, &b, open + 1, (size_t)(close - open - 1)))
            peer_buf_add(p, &b, open, (size_t)(close + 1 - open));
        at = close ? close + 1 : end;
    }
    if (!p->failed && b.len > 0) {
        note(p, b.at, b.len);
        peer_write(p, b.at, b.len, s->chop, s->sync);
    }
    free(b.at);
}

/* -------------------------------------------------------------------------------- course -- */

static bool listed(const uint16_t *list, size_t n, int outcome)
{
    for (size_t i = 0; i < n; i++) {
        if (list[i] != 0 && (list[i] == outcome || (outcome >= 200 && list[i] == outcome / 100)))
            return true;
    }
    return false;
}

static judge_behavior by_outcome(const judge_peer *p)
{
    const judge_hello *h = &p->test->hello;

    /* RFC 6455 10.2: whom a server lets in is its own business, unless it said so. */
    if (h->foreign && p->options.checks_origin)
        return p->greet.outcome / 100 == 4 ? JUDGE_OK : JUDGE_FAILED;
    if (listed(h->ok, WSK__COUNT(h->ok), p->greet.outcome))
        return JUDGE_OK;
    if (listed(h->lax, WSK__COUNT(h->lax), p->greet.outcome))
        return JUDGE_NON_STRICT;
    return listed(h->inform, WSK__COUNT(h->inform), p->greet.outcome) ? JUDGE_INFORMATIONAL
                                                                      : JUDGE_FAILED;
}

void peer_greet_begin(judge_peer *p)
{
    p->script = p->test->hello.steps;
    p->step = 0;
    p->greet.scripted = true;
    p->greet.sent_at = p->now;
    if (p->setup.role == JUDGE_ROLE_SERVER)
        peer_disarm(p, TIMER_OPEN_HANDSHAKE);
    peer_arm(p, TIMER_ANSWER, SCRIPT_SECONDS, '\0');
    peer_run_steps(p);
}

void peer_greet_through(judge_peer *p)
{
    double limit = peer_seconds(p, p->test->hello.seconds);

    if (p->greet.through)
        return;
    p->greet.through = true;
    if (limit <= 0)
        limit = p->setup.role == JUDGE_ROLE_SERVER ? CLIENT_SECONDS
                                                   : p->options.open_handshake_timeout;
    peer_disarm(p, TIMER_ANSWER);
    if (limit > 0)
        peer_arm(p, TIMER_ANSWER, limit, '\0');
    if (p->setup.role == JUDGE_ROLE_SERVER)
        peer_open(p);
}

static unsigned status_of(const char *head, size_t len)
{
    const bool is_http = len > 12 && memcmp(head, "HTTP/1.", 7) == 0 && head[7] >= '0' &&
                         head[7] <= '9' && head[8] == ' ';
    unsigned status = 0;

    for (size_t i = 9; is_http && i < 12; i++) {
        if (head[i] < '0' || head[i] > '9')
            return 0;
        status = status * 10 + (unsigned)(head[i] - '0');
    }
    return is_http && (head[12] == ' ' || head[12] == '\r') ? status : 0;
}

static bool has_field(const char *head, size_t len, const char *field)
{
    const char *colon = strchr(field, ':');
    char name[64];

    snprintf(name, sizeof(name), "%.*s", (int)(colon - field), field);
    colon += 1 + strspn(colon + 1, " ");
    return peer_has_token(head, len, name, colon);
}

bool peer_greet_answer(judge_peer *p, const char *head, size_t len)
{
    const judge_hello *h = &p->test->hello;
    const unsigned status = status_of(head, len);

    p->greet.answered_at = p->now;
    if (status == JUDGE_HELLO_OPEN) {
        p->greet.outcome = JUDGE_HELLO_OPEN;
        peer_disarm(p, TIMER_ANSWER);
        if (by_outcome(p) == JUDGE_FAILED)
            peer_drop(p, JUDGE_DROP_ABORT);
        return p->state != PEER_CLOSED;
    }
    p->greet.outcome = status >= 200 ? (int)status : JUDGE_HELLO_OTHER;
    p->greet.head = len;
    for (size_t i = 0; i < WSK__COUNT(h->fields) && h->fields[i] != NULL; i++)
        p->greet.lacking = p->greet.lacking || !has_field(head, len, h->fields[i]);
    peer_disarm(p, TIMER_ANSWER);
    p->skipped = p->setup.skip != NULL &&
                 p->setup.skip(p->setup.skip_ud, p->test, judge_peer_agent(p));
    if (p->skipped)
        peer_drop(p, JUDGE_DROP_ABORT);
    else
        peer_arm(p, TIMER_LEFT, p->options.close_handshake_timeout, '\0');
    return false;
}

void peer_greet_rest(judge_peer *p, const uint8_t *data, size_t len)
{
    if (p->hello.len + len <= MAX_HELLO)
        peer_buf_add(p, &p->hello, data, len);
}

void peer_greet_octets(judge_peer *p, const uint8_t *data, size_t len)
{
    if (p->greet.outcome != 0 || len == 0)
        return;
    /* A refusal is HTTP, and the client may ask again on the same connection. */
    if (len >= 4 && memcmp(data, "GET ", 4) == 0) {
        p->greet.outcome = JUDGE_HELLO_DROPPED;
        peer_drop(p, JUDGE_DROP_ABORT);
        return;
    }
    p->greet.outcome = (data[0] & 15) == WSK_OP_CLOSE ? JUDGE_HELLO_CLOSED : JUDGE_HELLO_OPEN;
    p->greet.answered_at = p->now;
    peer_disarm(p, TIMER_ANSWER);
    if (p->state == PEER_CONNECTING) {
        p->fault = p->fault ? p->fault
                            : peer_text(p, "the client sent octets before the answer was complete");
        peer_drop(p, JUDGE_DROP_ABORT);
    }
}

void peer_greet_after(judge_peer *p)
{
    if (p->greet.outcome == JUDGE_HELLO_OPEN && p->state == PEER_OPEN &&
        by_outcome(p) == JUDGE_FAILED)
        peer_drop(p, JUDGE_DROP_ABORT);
}

void peer_greet_lost(judge_peer *p)
{
    if (p->greet.outcome == 0)
        p->greet.outcome = JUDGE_HELLO_DROPPED;
}

void peer_greet_timer(judge_peer *p, timer_kind kind)
{
    if (kind == TIMER_LEFT) {
        p->greet.left = true;
        peer_drop(p, JUDGE_DROP_ABORT);
    } else if (p->greet.outcome == 0) {
        const double still = SCRIPT_SECONDS - (double)(p->now - p->greet.sent_at) / 1e6;
        const double all = MOST_SCRIPT_SECONDS - (double)(p->now - p->begun) / 1e6;

        /* What has no end goes out as fast as the peer, or the way to it, takes it. */
        if (!p->greet.through && still > 0 && all > 0) {
            peer_arm(p, TIMER_ANSWER, still < all ? still : all, '\0');
            return;
        }
        p->greet.outcome = JUDGE_HELLO_SILENT;
        p->timed_out = true;
        peer_drop(p, JUDGE_DROP_ABORT);
    }
}

/* ------------------------------------------------------------------------------- verdict -- */

static char *describe(judge_peer *p)
{
    const bool client = p->setup.role == JUDGE_ROLE_SERVER;

    switch (p->greet.outcome) {
    case JUDGE_HELLO_OTHER:
        return peer_text(p, "the server answered with something that is not HTTP");
    case 0:
        return peer_text(p, "the handshake did not come to an answer");
    case JUDGE_HELLO_DROPPED:
        if (p->r.dropped_by_me)
            return peer_text(p, "the judge reset TCP");
        return peer_text(p, client ? "the client closed TCP" : "the server closed TCP, no answer");
    case JUDGE_HELLO_SILENT:
        return peer_text(p, client ? "the client neither went on nor closed TCP"
                                   : "no answer came in time");
    case JUDGE_HELLO_CLOSED:
        return peer_text(p, "the client sent a close frame");
    case JUDGE_HELLO_OPEN:
        return peer_text(p, client ? "the client went on as if the connection were open"
                                   : "the server opened the connection");
    default:
        return peer_text(p, "the server answered with status %d", p->greet.outcome);
    }
}

/* Where the body of an answer that is sent in chunks ends (RFC 9112 7.1); NULL: it has not. */
static const char *end_of_chunks(const char *at, const char *end)
{
    for (;;) {
        const char *lf = memchr(at, '\n', (size_t)(end - at));
        uint64_t size = 0;
        unsigned digits = 0;

        for (; lf != NULL && at < lf && isxdigit((unsigned char)*at) && digits < 8; at++, digits++)
            size = size * 16 + (uint64_t)(*at <= '9' ? *at - '0' : (*at | 0x20) - 'a' + 10);
        if (lf == NULL || digits == 0)
            return NULL;
        at = lf + 1;
        if (size == 0)
            break;
        if ((uint64_t)(end - at) < size + 2)
            return NULL;
        at += size + 2;
    }
    /* Trailers, and an empty line. */
    for (;;) {
        const char *lf = memchr(at, '\n', (size_t)(end - at));
        const bool last = lf != NULL && (lf == at || (lf == at + 1 && *at == '\r'));

        if (lf == NULL)
            return NULL;
        at = lf + 1;
        if (last)
            return at;
    }
}

/* Whether another answer came behind a refusal. Its own body may say whatever it likes. Where
 * nothing says how long that is it goes on to the end of TCP (RFC 9112 6.3), but none begins with
 * the head of an answer: who sends that has answered twice. */
static bool answered_again(const judge_peer *p)
{
    static const char start[] = "HTTP/1.";
    const char *head = (const char *)p->hello.at, *end = head + p->hello.len;
    const char *at = head + p->greet.head;
    const peer_field length = peer_find_field(head, p->greet.head, "Content-Length");
    const bool chunked = peer_has_token(head, p->greet.head, "Transfer-Encoding", "chunked");
    const bool empty = p->greet.outcome == 204 || p->greet.outcome == 304;

    if (chunked) {
        at = end_of_chunks(at, end);
    } else if (length.count > 0) {
        uint64_t n = 0;

        for (size_t i = 0;
             i < length.len && length.value[i] >= '0' && length.value[i] <= '9' && n <= MAX_HELLO;
             i++)
            n = n * 10 + (uint64_t)(length.value[i] - '0');
        at = n < (uint64_t)(end - at) ? at + n : NULL;
    } else if (!empty) {
        return status_of(at, (size_t)(end - at)) != 0;
    }
    for (; at != NULL && (at = memmem(at, (size_t)(end - at), start, sizeof(start) - 1)) != NULL;
         at++) {
        if (status_of(at, (size_t)(end - at)) != 0)
            return true;
    }
    return false;
}

static void judge_refusal(judge_peer *p)
{
    const judge_hello *h = &p->test->hello;
    /* RFC 9112 9.3: it may go on as HTTP, though who closes cannot be smuggled through; 9.6: who
     * says close must not process what follows, and closes. */
    const char *head = (const char *)p->hello.at;
    const bool lives = memcmp(head, "HTTP/1.0", 8) == 0
                           ? peer_has_token(head, p->greet.head, "Connection", "keep-alive")
                           : !peer_has_token(head, p->greet.head, "Connection", "close");

    if (answered_again(p))
        peer_degrade(p, h->second && lives ? JUDGE_NON_STRICT : JUDGE_FAILED,
                     peer_text(p, "what stood behind the refused request was answered, too"));
    if (p->greet.lacking)
        peer_degrade(p, h->lacking,
                     peer_text(p, "status %d came without \"%s\"%s%s", p->greet.outcome,
                               h->fields[0], h->fields[1] ? " or without " : "",
                               h->fields[1] ? h->fields[1] : ""));
    if (h->must_close && p->greet.left)
        peer_degrade(p, lives ? JUDGE_INFORMATIONAL : h->left,
                     peer_text(p, "TCP stayed open behind status %d", p->greet.outcome));
}

bool peer_greet_is_open(const judge_peer *p)
{
    /* A close frame answers a good 101, or it says that the answer was none. */
    return p->greet.outcome == JUDGE_HELLO_OPEN ||
           (p->greet.outcome == JUDGE_HELLO_CLOSED && by_outcome(p) == JUDGE_OK);
}

void peer_greet_verdict(judge_peer *p)
{
    const judge_hello *h = &p->test->hello;
    const double took = (double)(p->greet.answered_at - p->greet.sent_at) / 1e6;
    judge_result *r = &p->r;
    bool events = false;

    for (size_t i = 0; i < WSK__COUNT(p->test->ending); i++)
        events = events || p->test->ending[i].behavior != JUDGE_FAILED;
    if (p->greet.said.len > 0) {
        char **said = p->setup.role == JUDGE_ROLE_CLIENT ? &r->http_request : &r->http_response;

        free(*said);
        *said = peer_text_of(p, p->greet.said.at, p->greet.said.len);
    }
    free(p->verdict);
    p->verdict = describe(p);
    free(r->result);
    r->behavior = by_outcome(p);
    r->result = peer_text(p, "%s.", p->verdict ? p->verdict : "");
    if (r->result != NULL && r->result[0] == 't')
        r->result[0] = 'T';
    else if (r->result != NULL && r->result[0] == 'n')
        r->result[0] = 'N';
    if (peer_greet_is_open(p) && r->behavior != JUDGE_FAILED) {
        const judge_behavior opened = r->behavior;

        /* The answer to be looked at was wrong. */
        if (!p->open_done)
            r->behavior = JUDGE_FAILED;
        if (p->open_done && events) {
            peer_judge_events(p);
            r->behavior = r->behavior == JUDGE_OK ? opened : r->behavior;
        }
        /* Or what came behind it. */
        if (p->violated)
            r->behavior = JUDGE_FAILED;
        peer_judge_close(p);
        if (opened == JUDGE_INFORMATIONAL && r->behavior != JUDGE_FAILED)
            r->behavior = r->behavior_close = JUDGE_INFORMATIONAL;
    } else {
        free(r->result_close);
        r->result_close = peer_text(p, "There was no WebSocket connection to be closed.");
        r->behavior_close = r->behavior == JUDGE_FAILED ? JUDGE_FAILED : JUDGE_OK;
    }
    if (p->greet.outcome >= 200)
        judge_refusal(p);
    if (h->soon > 0 && p->greet.answered_at > 0 && took > h->soon)
        peer_degrade(p, h->late > 0 && took > h->late ? JUDGE_FAILED : JUDGE_NON_STRICT,
                     peer_text(p, "the answer took %.3f s", took));
}
