/* SPDX-License-Identifier: MIT */
/*
 * The verdict, when TCP is gone: what happened against what the case accepts, then how it was
 * closed, with the sentences that Autobahn's reports use. And the one line that says in plain
 * words what was wrong.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conformance/peer_internal.h"

static void say(judge_peer *p, char **slot, const char *text)
{
    free(*slot);
    *slot = peer_text(p, "%s", text);
}

/* ------------------------------------------------------------------------------ events -- */

static bool event_matches(const judge_event_row *row, const peer_event *e)
{
    const size_t period = row->blob.len;

    if (e->equals == row)
        return true;
    if (row->kind != e->kind || row->binary != e->binary || row->blob.total != e->len ||
        e->data == NULL || e->kept != e->len)
        return false;
    if (e->kept <= period)
        return e->kept == 0 || memcmp(e->data, row->blob.lit, e->kept) == 0;
    /* What equals itself a period later, and begins right, is right. */
    return memcmp(e->data, row->blob.lit, period) == 0 &&
           memcmp(e->data + period, e->data, e->kept - period) == 0;
}

/* Whether the events of a kind came in their order; `some`: pongs may be left out where another
 * one follows. */
static bool kind_matches(const judge_peer *p, const judge_ending *e, bool pongs, bool others,
                         bool some)
{
    size_t k = 0, last = 0;

    for (size_t i = 0; i < e->n; i++) {
        if (e->event[i].kind == JUDGE_EVENT_PONG)
            last = i;
    }
    for (size_t i = 0; i <= e->n; i++) {
        while (k < p->n_events && !(p->events[k].kind == JUDGE_EVENT_PONG ? pongs : others))
            k++;
        if (i == e->n)
            break;
        if (!(e->event[i].kind == JUDGE_EVENT_PONG ? pongs : others))
            continue;
        if (k < p->n_events && event_matches(&e->event[i], &p->events[k]))
            k++;
        else if (!some || e->event[i].kind != JUDGE_EVENT_PONG || i == last)
            return false;
    }
    return k == p->n_events;
}

bool peer_ending_matches(const judge_peer *p, const judge_ending *e)
{
    if (e->behavior == JUDGE_FAILED || (!e->some && e->n != p->n_events))
        return false;
    if (e->apart)
        return kind_matches(p, e, true, false, e->some) && kind_matches(p, e, false, true, e->some);
    return kind_matches(p, e, true, true, e->some);
}

/* The ending that came about; NULL: none that is accepted. */
static const judge_ending *ending_of(const judge_peer *p)
{
    for (size_t i = 0; i < WSK__COUNT(p->test->ending); i++) {
        if (peer_ending_matches(p, &p->test->ending[i]))
            return &p->test->ending[i];
    }
    return NULL;
}

void peer_judge_events(judge_peer *p)
{
    const judge_ending *e = ending_of(p);

    p->r.behavior = e != NULL ? e->behavior : JUDGE_FAILED;
    say(p, &p->r.result,
        e != NULL ? "Actual events match at least one expected."
                  : "Actual events differ from any expected.");
}

/* ------------------------------------------------------------------------------- close -- */

static bool code_is_listed(const judge_peer *p, bool lives)
{
    const judge_case *c = p->test;
    const int code = p->r.remote_code;
    /* Where none is named any will do, but those that must not be on the wire, which is a fault. */
    bool listed = (c->close.n_codes == 0 && judge_case_is_extra(c)) ||
                  (lives && code == WSK_CLOSE_NORMAL);

    for (size_t i = 0; i < c->close.n_codes; i++)
        listed = listed || c->close.codes[i] == code;
    for (size_t i = 0; i < WSK__COUNT(c->close.lax) && c->close.lax[i] != 0; i++)
        listed = listed || c->close.lax[i] == code;
    return listed || code < 0;
}

void peer_judge_close(judge_peer *p)
{
    const judge_case *c = p->test;
    const judge_ending *e = ending_of(p);
    const bool lives = e != NULL && e->lives;
    judge_result *r = &p->r;

    if (!p->open_done) {
        r->behavior_close = JUDGE_FAILED;
        say(p, &r->result_close, "The WebSocket opening handshake was never completed!");
    } else if (c->close.kept != JUDGE_FAILED && r->closed_by_me && !lives) {
        r->behavior_close = JUDGE_OK;
        say(p, &r->result_close, "The peer left it to the judge to end the connection");
        peer_degrade(p, c->close.kept,
                     peer_text(p, "the peer did not end the connection, the judge had to"));
    } else if ((lives || c->close.closed_by_me) != r->closed_by_me) {
        r->behavior_close = JUDGE_FAILED;
        say(p, &r->result_close, "The connection was failed by the wrong endpoint");
    } else if ((lives || c->close.require_clean) && !r->was_clean) {
        r->behavior_close = JUDGE_UNCLEAN;
        say(p, &r->result_close, "The spec requires the connection to be failed cleanly here");
    } else if (!code_is_listed(p, lives)) {
        char codes[64] = "";

        for (size_t i = 0; i < c->close.n_codes; i++)
            snprintf(codes + strlen(codes), sizeof(codes) - strlen(codes), "%s%d", i > 0 ? "," : "",
                     c->close.codes[i]);
        r->behavior_close = JUDGE_WRONG_CODE;
        free(r->result_close);
        r->result_close = peer_text(p, "The close code should have been %s or empty", codes);
    } else if (p->setup.role == JUDGE_ROLE_CLIENT && r->dropped_by_me) {
        r->behavior_close = JUDGE_FAILED_BY_CLIENT;
        say(p, &r->result_close, "It is preferred that the server close the TCP connection");
    } else {
        r->behavior_close = JUDGE_OK;
        say(p, &r->result_close, "Connection was properly closed");
    }
}

/* --------------------------------------------------------------------------- case rules -- */

static void frames_sent(judge_peer *p)
{
    const uint64_t total = p->test->steps[0].blob.total, size = p->test->auto_fragment;
    const uint64_t want = total / size;

    if (p->open_done && p->tx_frames[WSK_OP_CONTINUATION] == want && p->tx_frames[WSK_OP_TEXT] == 1)
        return;
    p->r.behavior = JUDGE_FAILED;
    free(p->r.result);
    p->r.result = peer_text(
        p,
        "Frames transmitted differ from what was asked for (got %llu text and %llu "
        "continuation, expected 1 and %llu).",
        (unsigned long long)p->tx_frames[WSK_OP_TEXT],
        (unsigned long long)p->tx_frames[WSK_OP_CONTINUATION], (unsigned long long)want);
}

static void inform_last(judge_peer *p)
{
    judge_result *r = &p->r;
    const judge_ending *e = &p->test->ending[0];
    bool came = r->behavior == JUDGE_OK;

    /* The big message before it is in no ending of Autobahn's, so that a peer which echoes both
     * gets no answer there. */
    if (!came && !p->setup.compat && p->n_events > 0)
        came = event_matches(&e->event[0], &p->events[p->n_events - 1]);
    if (came)
        say(p, &r->result, "Text message was processed before close.");
    else if (r->behavior == JUDGE_NON_STRICT)
        say(p, &r->result, "Close was processed before text message could be returned.");
}

/* Where any end of the connection is accepted (7.3.2, 7.9.* and such), Autobahn does not look at
 * how the peer's close frame comes, and a client that never masks one would pass. */
static void broken_answer(judge_peer *p)
{
    judge_result *r = &p->r;

    if (!p->violated || p->setup.compat ||
        (r->behavior != JUDGE_OK && r->behavior != JUDGE_NON_STRICT))
        return;
    r->behavior = JUDGE_FAILED;
    say(p, &r->result, p->fault ? p->fault : "The peer broke the protocol.");
}

/* Nothing is said of what came before the close, but that it broke no rule. */
static void close_only(judge_peer *p)
{
    judge_result *r = &p->r;

    r->behavior = JUDGE_OK;
    say(p, &r->result, "The connection was closed as it should be.");
    peer_judge_close(p);
    if (r->behavior_close == JUDGE_OK && !p->violated)
        return;
    /* RFC 6455 7.1.1: a server SHOULD drop TCP first, but the handshake itself is complete. */
    if (!p->violated && r->drop_timeout && p->got_close && code_is_listed(p, false) &&
        (r->behavior_close == JUDGE_UNCLEAN || r->behavior_close == JUDGE_FAILED_BY_CLIENT)) {
        peer_degrade(p, JUDGE_NON_STRICT,
                     peer_text(p, "the server left it to the judge to drop TCP"));
        return;
    }
    r->behavior = JUDGE_FAILED;
    say(p, &r->result, r->result_close);
}

/* The peer has had enough, as it may. */
static void given_up(judge_peer *p)
{
    p->r.behavior = p->r.behavior_close = JUDGE_OK;
    say(p, &p->r.result, "The peer ended the connection.");
    say(p, &p->r.result_close, p->r.result);
}

/* There is nothing to be seen here of how the peer takes it. */
static void reset(judge_peer *p)
{
    judge_result *r = &p->r;
    const bool good = p->open_done && p->fault == NULL;

    r->behavior = r->behavior_close = good ? JUDGE_OK : JUDGE_FAILED;
    say(p, &r->result, good ? "TCP was reset, or had ended." : "It came to no reset.");
    say(p, &r->result_close, r->result);
}

static void peer_closes(judge_peer *p)
{
    judge_result *r = &p->r;

    if (p->open_done && !p->got_close && !r->closed_by_me && p->fault == NULL) {
        r->behavior = r->behavior_close = JUDGE_INFORMATIONAL;
        say(p, &r->result, "The peer dropped TCP without a close frame, as it may.");
        say(p, &r->result_close, r->result);
        return;
    }
    peer_judge_events(p);
    peer_judge_close(p);
    if (r->behavior_close == JUDGE_WRONG_CODE)
        peer_degrade(p, JUDGE_NON_STRICT, peer_text(p, "%s", r->result_close));
}

/* What happened where nothing is asked for, in a few words. */
static void inform(judge_peer *p)
{
    judge_result *r = &p->r;
    const char *how = r->closed_by_me ? "the judge closed"
                      : p->got_close  ? "the peer closed"
                                      : "the peer dropped TCP";
    char code[24] = "";

    if (!r->closed_by_me && r->remote_code >= 0)
        snprintf(code, sizeof(code), " with %u", (unsigned)r->remote_code & 0xffff);
    free(r->result);
    r->result = p->n_events == 0
                    ? peer_text(p, "Nothing came back, then %s%s.", how, code)
                    : peer_text(p,
                                "%zu message%s or pong%s came back, the last one of %llu octets, "
                                "then %s%s.",
                                p->n_events, p->n_events == 1 ? "" : "s",
                                p->n_events == 1 ? "" : "s",
                                (unsigned long long)p->events[p->n_events - 1].len, how, code);
}

static void judge_by_rule(judge_peer *p)
{
    judge_result *r = &p->r;

    switch (p->test->rule) {
    case JUDGE_RULE_EVENTS:
        peer_judge_events(p);
        peer_judge_close(p);
        break;
    case JUDGE_RULE_CLOSE_CODE:
        peer_judge_events(p);
        peer_judge_close(p);
        if (r->behavior_close == JUDGE_WRONG_CODE) {
            r->behavior = JUDGE_FAILED;
            say(p, &r->result, r->result_close);
        }
        break;
    case JUDGE_RULE_INFORM:
        peer_judge_close(p);
        if (judge_case_is_extra(p->test))
            inform(p);
        else
            say(p, &r->result, "Actual events are undefined by the spec.");
        r->behavior = r->behavior_close = JUDGE_INFORMATIONAL;
        break;
    case JUDGE_RULE_INFORM_LAST:
        peer_judge_events(p);
        peer_judge_close(p);
        inform_last(p);
        r->behavior = r->behavior_close = JUDGE_INFORMATIONAL;
        break;
    case JUDGE_RULE_ONE_ECHO:
    case JUDGE_RULE_ROUND_TRIPS:
    case JUDGE_RULE_DEFLATE:
    case JUDGE_RULE_MASKS:
        peer_judge_close(p);
        r->behavior = p->behavior;
        say(p, &r->result, p->verdict ? p->verdict : "Actual events differ from any expected.");
        break;
    case JUDGE_RULE_FRAMES_SENT:
        peer_judge_events(p);
        peer_judge_close(p);
        frames_sent(p);
        break;
    case JUDGE_RULE_CLOSE_ONLY:
        close_only(p);
        break;
    case JUDGE_RULE_EITHER:
        /* It may have gone before it saw the judge's close. */
        if (p->open_done && !p->violated &&
            (!p->r.closed_by_me || (!p->r.was_clean && !p->r.dropped_by_me)))
            given_up(p);
        else
            close_only(p);
        break;
    case JUDGE_RULE_RESET:
        reset(p);
        break;
    case JUDGE_RULE_PEER_CLOSES:
        peer_closes(p);
        break;
    case JUDGE_RULE_ENDS:
        peer_judge_ends(p);
        break;
    case JUDGE_RULE_HELLO:
        peer_greet_verdict(p);
        break;
    }
    if (peer_lacks_deflate(p)) {
        r->behavior = r->behavior_close = JUDGE_UNIMPLEMENTED;
        say(p, &r->result, "permessage-deflate was not agreed on.");
        say(p, &r->result_close, r->result);
        return;
    }
    if (judge_case_is_extra(p->test)) {
        peer_judge_limits(p);
        peer_judge_secret(p);
        peer_judge_crowd(p);
        peer_judge_need(p);
    }
    /* A peer that left bad text to the judge to end has not failed the connection. */
    if (p->test->close.wrong_endpoint_fatal && p->test->close.closed_by_me != r->closed_by_me)
        r->behavior = JUDGE_FAILED;
    if (!p->open_done && p->test->rule != JUDGE_RULE_INFORM &&
        p->test->rule != JUDGE_RULE_INFORM_LAST && p->test->rule != JUDGE_RULE_HELLO)
        r->behavior = JUDGE_FAILED;
    broken_answer(p);
}

/* --------------------------------------------------------------------------------- why -- */

static const char *kind_name(judge_event_kind kind, bool binary)
{
    switch (kind) {
    case JUDGE_EVENT_MESSAGE:
        return binary ? "binary message" : "text message";
    case JUDGE_EVENT_PING:
        return "ping";
    case JUDGE_EVENT_PONG:
        return "pong";
    case JUDGE_EVENT_TIMEOUT:
        break;
    }
    return "pause";
}

/* The first event that is missing, wrong, or too much, against the strict ending. */
static char *events_why(judge_peer *p)
{
    const judge_ending *e = &p->test->ending[0];
    size_t i = 0;

    while (i < e->n && i < p->n_events && event_matches(&e->event[i], &p->events[i]))
        i++;
    if (i == e->n && i == p->n_events)
        return NULL;
    if (i == p->n_events) {
        const bool stray = p->strayed && e->event[i].kind == JUDGE_EVENT_PONG;

        if (stray && p->stray_log >= 0)
            p->r.why_log = p->stray_log;
        return peer_text(p, "%s %zu of %zu (%llu octets) never came%s",
                         kind_name(e->event[i].kind, e->event[i].binary), i + 1, e->n,
                         (unsigned long long)e->event[i].blob.total,
                         stray ? ", but one that answers none of the pings" : "");
    }
    if (p->events[i].log >= 0)
        p->r.why_log = p->events[i].log;
    if (i == e->n)
        return peer_text(p, "%s of %llu octets came, which should not",
                         kind_name(p->events[i].kind, p->events[i].binary),
                         (unsigned long long)p->events[i].len);
    return peer_text(
        p, "%s of %llu octets came where a %s of %llu octets was expected%s",
        kind_name(p->events[i].kind, p->events[i].binary), (unsigned long long)p->events[i].len,
        kind_name(e->event[i].kind, e->event[i].binary), (unsigned long long)e->event[i].blob.total,
        p->events[i].kind == e->event[i].kind && p->events[i].len == e->event[i].blob.total
            ? " (the contents differ)"
            : "");
}

static void explain(judge_peer *p)
{
    judge_result *r = &p->r;
    const bool good = r->behavior == JUDGE_OK || r->behavior == JUDGE_INFORMATIONAL;

    r->why_log = p->why_log;
    if (good && (r->behavior_close == JUDGE_OK || r->behavior_close == JUDGE_INFORMATIONAL))
        return;
    if (p->failed) {
        r->why = peer_text(p, "the judge ran out of memory");
    } else if (p->fault != NULL) {
        r->why = peer_text(p, "%s", p->fault);
    } else if (!good && p->test->rule == JUDGE_RULE_HELLO && !p->open_done) {
        r->why = peer_text(p, "%s", p->verdict ? p->verdict : "");
    } else if (!p->open_done) {
        r->why = peer_text(p, "the opening handshake was not completed: %s",
                           r->not_clean_reason ? r->not_clean_reason : "connection lost");
    } else if (r->behavior == JUDGE_UNIMPLEMENTED) {
        r->why = peer_text(p, "permessage-deflate was not agreed on");
    } else if (!good &&
               (p->test->rule == JUDGE_RULE_EVENTS || p->test->rule == JUDGE_RULE_CLOSE_CODE ||
                p->test->rule == JUDGE_RULE_FRAMES_SENT ||
                (p->test->rule == JUDGE_RULE_HELLO && peer_greet_is_open(p) &&
                 p->test->ending[0].behavior != JUDGE_FAILED))) {
        r->why = events_why(p);
    } else if (!good && p->verdict != NULL) {
        r->why = peer_text(p, "%s", p->verdict);
    }
    if (r->why != NULL && !r->closed_by_me && r->remote_code >= 0) {
        char *longer = peer_text(p, "%s (the peer closed with %d%s%s)", r->why, r->remote_code,
                                 r->remote_reason ? ": " : "",
                                 r->remote_reason ? r->remote_reason : "");

        free(r->why);
        r->why = longer;
    }
    if (r->why != NULL)
        return;
    if (r->behavior_close == JUDGE_FAILED && r->closed_by_me)
        r->why = peer_text(p, "the peer did not fail the connection, the judge had to");
    else if (r->behavior_close == JUDGE_FAILED)
        r->why = peer_text(p, "the peer %s where it should not",
                           r->was_clean ? "closed" : "dropped TCP");
    else if (r->behavior_close == JUDGE_WRONG_CODE)
        r->why = peer_text(p, "close code %d", r->remote_code);
    else if (r->not_clean_reason != NULL)
        r->why = peer_text(p, "%s", r->not_clean_reason);
    else
        r->why = peer_text(p, "%s", r->result_close);
    if (r->why_log < 0)
        r->why_log = (int)r->n_log - 1;
}

/* ------------------------------------------------------------------------------- record -- */

static int by_key(const void *a, const void *b)
{
    const judge_stat *x = a, *y = b;

    return x->key < y->key ? -1 : x->key > y->key;
}

static void take_stats(judge_peer *p, judge_stats *ret, stat_map *m)
{
    if (m->n == 0)
        return;
    ret->at = malloc(m->n * sizeof(*ret->at));
    if (ret->at == NULL) {
        p->failed = true;
        return;
    }
    for (size_t i = 0; i < m->room; i++) {
        if (m->at[i].count > 0)
            ret->at[ret->n++] = m->at[i];
    }
    qsort(ret->at, ret->n, sizeof(*ret->at), by_key);
}

static void take_frames(judge_peer *p, judge_stats *ret, const uint64_t counts[16])
{
    ret->at = malloc(16 * sizeof(*ret->at));
    if (ret->at == NULL) {
        p->failed = true;
        return;
    }
    for (unsigned i = 0; i < 16; i++) {
        if (counts[i] > 0)
            ret->at[ret->n++] = (judge_stat){i, counts[i]};
    }
}

static void show_blob(judge_octets *o, const judge_blob *blob)
{
    o->len = blob->total;
    o->kept = (uint8_t)(blob->total < sizeof(o->head) ? blob->total : sizeof(o->head));
    for (size_t i = 0; i < o->kept; i++)
        o->head[i] = (uint8_t)blob->lit[i % blob->len];
}

static void take_expected(judge_peer *p)
{
    judge_result *r = &p->r;

    r->expected = calloc(WSK__COUNT(p->test->ending), sizeof(*r->expected));
    if (r->expected == NULL) {
        p->failed = true;
        return;
    }
    for (size_t i = 0; i < WSK__COUNT(p->test->ending); i++) {
        const judge_ending *e = &p->test->ending[i];
        judge_expected *out = &r->expected[r->n_expected];

        if (e->behavior == JUDGE_FAILED)
            continue;
        r->n_expected++;
        out->behavior = e->behavior;
        out->events.at = calloc(e->n ? e->n : 1, sizeof(*out->events.at));
        if (out->events.at == NULL) {
            p->failed = true;
            return;
        }
        out->events.n = e->n;
        for (size_t k = 0; k < e->n; k++) {
            out->events.at[k].kind = e->event[k].kind;
            out->events.at[k].binary = e->event[k].binary;
            show_blob(&out->events.at[k].octets, &e->event[k].blob);
        }
    }
}

static void take_received(judge_peer *p)
{
    judge_events *out = &p->r.received;

    if (p->n_events == 0)
        return;
    out->at = calloc(p->n_events, sizeof(*out->at));
    if (out->at == NULL) {
        p->failed = true;
        return;
    }
    out->n = p->n_events;
    for (size_t i = 0; i < p->n_events; i++) {
        out->at[i].kind = p->events[i].kind;
        out->at[i].binary = p->events[i].binary;
        peer_show(&out->at[i].octets, p->events[i].data, p->events[i].kept);
        out->at[i].octets.len = p->events[i].len;
    }
}

void peer_verdict(judge_peer *p)
{
    const judge_case *c = p->test;
    judge_result *r = &p->r;
    const int64_t from = p->open_done ? p->opened : p->begun;

    judge_by_rule(p);
    r->agent = peer_text(p, "%s", judge_peer_agent(p) ? judge_peer_agent(p) : "UnknownServer");
    r->id = c->id;
    r->index = c->index;
    r->is_server = p->setup.role == JUDGE_ROLE_SERVER;
    r->description = c->description;
    r->expectation = c->expectation;
    r->reference = c->reference;
    r->duration_us = (uint64_t)(p->over - from);
    r->duration_ms = (r->duration_us + 500) / 1000;
    r->started_ms = p->started_ms;
    r->report_time = c->report_time;
    r->report_ratio = c->report_ratio;
    r->create_stats = true;
    r->create_wirelog = p->log_on;
    memcpy(r->expected_close.codes, c->close.codes, sizeof(c->close.codes));
    r->expected_close.n_codes = c->close.n_codes;
    r->expected_close.closed_by_me = c->close.closed_by_me;
    r->expected_close.require_clean = c->close.require_clean;
    r->expected_close.has_wrong_endpoint_fatal = c->close.wrong_endpoint_fatal;
    r->expected_close.wrong_endpoint_fatal = c->close.wrong_endpoint_fatal;
    if (r->http_request == NULL)
        say(p, &r->http_request, "?");
    if (r->http_response == NULL)
        say(p, &r->http_response, "?");
    take_expected(p);
    take_received(p);
    take_stats(p, &r->rx_octets, &p->rx_octets);
    take_stats(p, &r->tx_octets, &p->tx_octets);
    take_frames(p, &r->rx_frames, p->rx_frames);
    take_frames(p, &r->tx_frames, p->tx_frames);
    explain(p);
    /* Without memory the judge saw less than there was. */
    if (p->failed)
        r->behavior = r->behavior_close = JUDGE_FAILED;
}
