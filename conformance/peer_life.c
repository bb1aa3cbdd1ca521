/* SPDX-License-Identifier: MIT */
/*
 * The life of a connection of the judge: states, timers, the steps of the case, and the failing
 * and dropping that the verdict rests on. Sending, receiving, handshake, echo loops and the
 * verdict itself have files of their own.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "conformance/peer_internal.h"

/* ------------------------------------------------------------------------------ tools -- */

uint64_t peer_random(judge_peer *p)
{
    /* splitmix64: masks need be different, not secret; the peer under test is no adversary of
     * the judge's other traffic. */
    uint64_t z = p->random += 0x9e3779b97f4a7c15u;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

char *peer_text(judge_peer *p, const char *fmt, ...)
{
    va_list ap;
    char *s = NULL;

    va_start(ap, fmt);
    if (vasprintf(&s, fmt, ap) < 0) {
        s = NULL;
        p->failed = true;
    }
    va_end(ap);
    return s;
}

char *peer_text_of(judge_peer *p, const void *octets, size_t len)
{
    static const char instead[] = "\xef\xbf\xbd";
    const char *from = octets;
    char *s = malloc(len * strlen(instead) + 1), *to = s;

    if (s == NULL) {
        p->failed = true;
        return NULL;
    }
    for (size_t i = 0; i < len; i++) {
        const size_t n = from[i] != 0 ? 1 : strlen(instead);

        memcpy(to, from[i] != 0 ? &from[i] : instead, n);
        to += n;
    }
    *to = 0;
    return s;
}

bool peer_buf_add(judge_peer *p, peer_buf *b, const void *data, size_t len)
{
    if (len > b->room - b->len) {
        size_t room = b->room ? b->room * 2 : 1024;
        uint8_t *grown;

        while (room < b->len + len)
            room *= 2;
        grown = realloc(b->at, room);
        if (grown == NULL) {
            p->failed = true;
            return false;
        }
        b->at = grown;
        b->room = room;
    }
    if (data != NULL && len > 0)
        memcpy(b->at + b->len, data, len);
    b->len += len;
    return true;
}

void peer_show(judge_octets *o, const uint8_t *data, uint64_t len)
{
    o->len = len;
    o->kept = (uint8_t)(len < sizeof(o->head) ? len : sizeof(o->head));
    if (o->kept > 0)
        memcpy(o->head, data, o->kept);
}

judge_log *peer_log(judge_peer *p, judge_log_kind kind, bool always)
{
    judge_result *r = &p->r;
    judge_log *l;

    if ((!p->log_on && !always) || r->n_log >= (p->setup.most_log ? p->setup.most_log : MAX_LOG))
        return NULL;
    if ((r->n_log & (r->n_log - 1)) == 0) {
        l = realloc(r->log, (r->n_log ? r->n_log * 2 : 1) * sizeof(*l));
        if (l == NULL) {
            p->failed = true;
            return NULL;
        }
        r->log = l;
    }
    l = &r->log[r->n_log++];
    memset(l, 0, sizeof(*l));
    l->kind = kind;
    l->repeat = l->chop = -1;
    l->at_us = (uint32_t)(p->now - p->begun);
    return l;
}

static size_t stat_place(const stat_map *m, uint64_t key)
{
    return (size_t)(key * 0x9e3779b97f4a7c15u >> 20) & (m->room - 1);
}

static void stat_add(judge_peer *p, stat_map *m, uint64_t key, uint64_t count)
{
    size_t i;

    if (m->n * 2 >= m->room) {
        const stat_map old = *m;

        m->room = old.room ? old.room * 2 : 16;
        m->at = calloc(m->room, sizeof(*m->at));
        if (m->at == NULL) {
            *m = old;
            p->failed = true;
            return;
        }
        m->n = 0;
        for (i = 0; i < old.room; i++) {
            if (old.at[i].count > 0)
                stat_add(p, m, old.at[i].key, old.at[i].count);
        }
        free(old.at);
    }
    i = stat_place(m, key);
    while (m->at[i].count > 0 && m->at[i].key != key)
        i = (i + 1) & (m->room - 1);
    if (m->at[i].count == 0) {
        m->at[i].key = key;
        m->n++;
    }
    m->at[i].count += count;
}

void peer_stat(judge_peer *p, stat_map *m, uint64_t key)
{
    stat_add(p, m, key, 1);
}

bool peer_stat_has(const stat_map *m, uint64_t key)
{
    if (m->room == 0)
        return false;
    for (size_t i = stat_place(m, key);; i = (i + 1) & (m->room - 1)) {
        if (m->at[i].count == 0)
            return false;
        if (m->at[i].key == key)
            return true;
    }
}

/* ----------------------------------------------------------------------------- timers -- */

void peer_arm(judge_peer *p, timer_kind kind, double seconds, char tag)
{
    if (p->n_timers == MAX_TIMERS)
        return;
    p->timers[p->n_timers++] = (peer_timer){p->now + (int64_t)(seconds * 1e6), p->timer_seq++, kind,
                                            tag};
}

void peer_disarm(judge_peer *p, timer_kind kind)
{
    size_t n = 0;

    for (size_t i = 0; i < p->n_timers; i++) {
        if (p->timers[i].kind != kind)
            p->timers[n++] = p->timers[i];
    }
    p->n_timers = n;
}

static size_t next_timer(const judge_peer *p)
{
    size_t best = 0;

    for (size_t i = 1; i < p->n_timers; i++) {
        const peer_timer *a = &p->timers[i], *b = &p->timers[best];

        if (a->at < b->at || (a->at == b->at && a->seq < b->seq))
            best = i;
    }
    return best;
}

int64_t judge_peer_deadline(const judge_peer *p)
{
    if (p->state == PEER_CLOSED || p->n_timers == 0)
        return INT64_MAX;
    return p->timers[next_timer(p)].at;
}

/* ---------------------------------------------------------------- failing and dropping -- */

void peer_drop(judge_peer *p, judge_drop how)
{
    if (p->state == PEER_CLOSED)
        return;
    p->state = PEER_CLOSED;
    p->drop = how;
    p->over = p->now;
    p->r.dropped_by_me = true;
}

static void not_clean(judge_peer *p, const char *reason)
{
    p->r.was_clean = false;
    free(p->r.not_clean_reason);
    p->r.not_clean_reason = peer_text(p, "%s", reason);
}

/* "_Fail the WebSocket Connection_", RFC 6455 7.1.7. */
void peer_fail(judge_peer *p, unsigned code, const char *reason)
{
    if (p->state == PEER_CLOSED)
        return;
    p->r.failed_by_me = true;
    if (p->options.fail_by_drop) {
        not_clean(p, "I failed the WebSocket connection by dropping the TCP connection");
        peer_drop(p, JUDGE_DROP_ABORT);
    } else if (p->state == PEER_OPEN) {
        const size_t len = strlen(reason);

        peer_send_close(p, (int)code, (const uint8_t *)reason, len < 123 ? len : 123, false);
    } else {
        peer_drop(p, JUDGE_DROP_GRACEFUL);
    }
}

/* ------------------------------------------------------------------------------ events -- */

void peer_event_add(judge_peer *p, judge_event_kind kind, bool binary, const uint8_t *data,
                    size_t kept, uint64_t len)
{
    peer_event *e;

    if (p->n_events >= (p->setup.sparing ? FEW_EVENTS : MAX_EVENTS))
        return;
    if (kept > CONTROL_KEPT && p->event_kept + kept > p->event_cap)
        kept = CONTROL_KEPT;
    p->event_kept += kept;
    if (p->n_events == p->event_room) {
        const size_t room = p->event_room ? p->event_room * 2 : 16;

        e = realloc(p->events, room * sizeof(*e));
        if (e == NULL) {
            p->failed = true;
            return;
        }
        p->events = e;
        p->event_room = room;
    }
    e = &p->events[p->n_events++];
    *e = (peer_event){kind, binary, malloc(kept ? kept : 1), kept, len, -1, NULL};
    if (kind != JUDGE_EVENT_TIMEOUT && p->r.n_log > 0 &&
        p->r.log[p->r.n_log - 1].kind == JUDGE_LOG_RF)
        e->log = (int)p->r.n_log - 1;
    if (e->data == NULL) {
        p->failed = true;
        e->kept = 0;
    } else if (kept > 0)
        memcpy(e->data, data, kept);
}

void peer_finish_when_done(judge_peer *p)
{
    bool none = true;

    for (size_t i = 0; i < WSK__COUNT(p->test->ending); i++) {
        if (!p->test->ending[i].lives || !peer_ending_matches(p, &p->test->ending[i]))
            continue;
        peer_send_close(p, WSK_CLOSE_NORMAL, NULL, 0, false);
        return;
    }
    for (size_t i = 0; i < WSK__COUNT(p->test->ending); i++) {
        if (p->test->ending[i].behavior == JUDGE_FAILED)
            continue;
        none = false;
        if (!peer_ending_matches(p, &p->test->ending[i]))
            return;
    }
    /* Where no events are expected, Autobahn takes any unasked pong for the end of the case; a
     * peer that keeps its connections alive with pongs would fail all of 9.*, 12.* and 13.*. */
    if (none && !p->setup.compat)
        return;
    if (p->test->close.closed_by_me && !p->test->close.suppress)
        peer_send_close(p, p->test->close.codes[0], NULL, 0, false);
}

/* ------------------------------------------------------------------------------- steps -- */

/* False: it waits. */
static bool do_step(judge_peer *p, const judge_step *s)
{
    judge_log *l;

    switch (s->op) {
    case JUDGE_STEP_FRAME:
        peer_send_frame(p, s->first, &s->blob, s);
        break;
    case JUDGE_STEP_MESSAGE:
        if (p->state == PEER_OPEN)
            peer_send_message(p, s->first, &s->blob, s->fragment);
        break;
    case JUDGE_STEP_CLOSE:
    case JUDGE_STEP_CLOSE_RAW: {
        uint8_t reason[256];

        for (size_t i = 0; i < s->blob.total && i < sizeof(reason); i++)
            reason[i] = (uint8_t)s->blob.lit[i % s->blob.len];
        peer_send_close(p, s->code, reason, (size_t)s->blob.total, false);
        break;
    }
    case JUDGE_STEP_HEADER:
        peer_send_header(p, s);
        break;
    case JUDGE_STEP_OCTETS:
        peer_send_part(p, &s->blob);
        break;
    case JUDGE_STEP_WAIT:
        l = peer_log(p, JUDGE_LOG_CT, true);
        if (l != NULL) {
            l->seconds = peer_seconds(p, s->seconds);
            l->tag[0] = s->tag;
        }
        peer_arm(p, TIMER_WAIT, peer_seconds(p, s->seconds), s->tag);
        return false;
    case JUDGE_STEP_KILL_AFTER:
    case JUDGE_STEP_CLOSE_AFTER: {
        const bool kill = s->op == JUDGE_STEP_KILL_AFTER;

        l = peer_log(p, kill ? JUDGE_LOG_KL : JUDGE_LOG_TI, true);
        if (l != NULL)
            l->seconds = s->seconds;
        peer_arm(p, kill ? TIMER_KILL : TIMER_CLOSE, s->seconds, '\0');
        break;
    }
    case JUDGE_STEP_LOG:
        p->log_on = s->code != 0;
        l = s->marked ? peer_log(p, JUDGE_LOG_WLM, true) : NULL;
        if (l != NULL)
            l->flag = p->log_on;
        break;
    case JUDGE_STEP_ECHO:
        if (p->test->rule == JUDGE_RULE_MASKS)
            peer_masks_begin(p);
        else
            peer_echo_begin(p);
        break;
    case JUDGE_STEP_HTTP:
    case JUDGE_STEP_RAW:
    case JUDGE_STEP_FLOOD:
    case JUDGE_STEP_SPILL:
    case JUDGE_STEP_AWAIT:
    case JUDGE_STEP_AWAIT_OCTETS:
    case JUDGE_STEP_PROOF:
    case JUDGE_STEP_FIN:
    case JUDGE_STEP_RESET:
    case JUDGE_STEP_READ:
    case JUDGE_STEP_HOLD:
    case JUDGE_STEP_RELEASE:
    case JUDGE_STEP_AWAIT_CLOSE:
    case JUDGE_STEP_NEED:
    case JUDGE_STEP_OUTLAST:
        return peer_script_step(p, s);
    case JUDGE_STEP_END:
        break;
    }
    return true;
}

void peer_run_steps(judge_peer *p)
{
    while (p->state != PEER_CLOSED && !p->failed) {
        const judge_step *s = &p->script[p->step];

        if (s->op != JUDGE_STEP_END) {
            p->step++;
            if (!do_step(p, s))
                return;
        } else if (p->greet.scripted) {
            peer_greet_through(p);
            if (p->greet.scripted)
                return;
        } else {
            return;
        }
    }
}

void peer_open(judge_peer *p)
{
    p->state = PEER_OPEN;
    p->open_done = true;
    p->opened = p->now;
    peer_disarm(p, TIMER_OPEN_HANDSHAKE);
    if (p->script != p->test->steps) {
        /* An answer may come before all of the request was sent. */
        peer_disarm(p, TIMER_WAIT);
        peer_disarm(p, TIMER_AWAIT);
        p->flood.step = NULL;
        p->await.on = false;
        p->greet.scripted = false;
        p->script = p->test->steps;
        p->step = 0;
    }
    if (p->options.auto_ping_interval > 0)
        peer_arm(p, TIMER_AUTO_PING, p->options.auto_ping_interval, '\0');
}

/* ------------------------------------------------------------------------- timers fire -- */

static void auto_ping(judge_peer *p)
{
    uint8_t payload[125];
    const uint64_t want = p->options.auto_ping_size;
    const size_t len = want < sizeof(payload) ? (size_t)want : sizeof(payload);

    peer_arm(p, TIMER_AUTO_PING, p->options.auto_ping_interval, '\0');
    if (peer_owes(p))
        return;
    for (size_t i = 0; i < len; i++)
        payload[i] = (uint8_t)('a' + peer_random(p) % 26);
    peer_send_octets(p, FIN_BIT | WSK_OP_PING, payload, len);
    if (p->options.auto_ping_timeout > 0)
        peer_arm(p, TIMER_AUTO_PONG, p->options.auto_ping_timeout, '\0');
}

static void fire(judge_peer *p, const peer_timer *t)
{
    judge_log *l;

    switch (t->kind) {
    case TIMER_OPEN_HANDSHAKE:
        p->r.open_timeout = p->timed_out = true;
        not_clean(p, "peer did not finish (in time) the opening handshake");
        peer_drop(p, JUDGE_DROP_ABORT);
        break;
    case TIMER_CLOSE_HANDSHAKE:
        p->r.close_timeout = p->timed_out = true;
        not_clean(p, "peer did not respond (in time) in closing handshake");
        peer_drop(p, JUDGE_DROP_ABORT);
        break;
    case TIMER_SERVER_DROP:
        p->r.drop_timeout = p->timed_out = true;
        not_clean(p, "server did not drop TCP connection (in time)");
        peer_drop(p, JUDGE_DROP_ABORT);
        break;
    case TIMER_KILL:
        p->timed_out = true;
        peer_log(p, JUDGE_LOG_KLE, true);
        peer_fail(p, WSK_CLOSE_GOING_AWAY, "Going Away");
        break;
    case TIMER_CLOSE:
        p->timed_out = p->timed_out || p->state == PEER_OPEN;
        peer_log(p, JUDGE_LOG_TIE, true);
        peer_masks_late(p);
        peer_send_close(p, -1, NULL, 0, false);
        break;
    case TIMER_WAIT:
        l = peer_log(p, JUDGE_LOG_CTE, true);
        if (l != NULL)
            l->tag[0] = t->tag;
        if (t->tag != '\0') {
            if (p->state != PEER_OPEN)
                break;
            peer_event_add(p, JUDGE_EVENT_TIMEOUT, false, (const uint8_t *)&t->tag, 1, 1);
            /* A faster peer would not have let it come so far. */
            p->timed_out = p->timed_out || p->n_events > p->test->ending[0].n;
        }
        peer_run_steps(p);
        break;
    case TIMER_AWAIT:
        p->await.on = false;
        p->flood.step = NULL;
        p->timed_out = true;
        peer_run_steps(p);
        break;
    case TIMER_READ:
        p->reading.pause = false;
        break;
    case TIMER_OUTLAST:
        peer_outlasted(p);
        break;
    case TIMER_ANSWER:
    case TIMER_LEFT:
        peer_greet_timer(p, t->kind);
        break;
    case TIMER_LAST_READ:
        peer_drop(p, JUDGE_DROP_ABORT);
        break;
    case TIMER_STALL:
        peer_echo_stalled(p);
        break;
    case TIMER_AUTO_PING:
        if (p->state == PEER_OPEN)
            auto_ping(p);
        break;
    case TIMER_AUTO_PONG:
        peer_fail(p, WSK_CLOSE_GOING_AWAY, "no pong in time");
        break;
    }
}

void judge_peer_tick(judge_peer *p, int64_t now)
{
    p->now = now;
    while (p->state != PEER_CLOSED && p->n_timers > 0) {
        const size_t i = next_timer(p);
        const peer_timer t = p->timers[i];

        if (t.at > now)
            return;
        p->timers[i] = p->timers[--p->n_timers];
        fire(p, &t);
    }
    if (p->failed)
        peer_drop(p, JUDGE_DROP_ABORT);
}

/* ------------------------------------------------------------------------------ public -- */

static int64_t utc_ms(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_REALTIME, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

judge_peer *judge_peer_new(const judge_peer_setup *setup, int64_t now)
{
    judge_peer *p = calloc(1, sizeof(*p));

    if (p == NULL)
        return NULL;
    p->setup = *setup;
    p->options = *setup->options;
    p->test = setup->test;
    p->script = p->test->steps;
    p->now = p->begun = now;
    p->started_ms = utc_ms();
    p->log_on = true;
    p->why_log = p->stray_log = -1;
    p->behavior = JUDGE_FAILED;
    p->r.local_code = p->r.remote_code = -1;
    if (p->test->auto_fragment > 0)
        p->options.auto_fragment_size = p->test->auto_fragment;
    if (getrandom(&p->random, sizeof(p->random), 0) != (ssize_t)sizeof(p->random))
        p->random = (uint64_t)now ^ (uint64_t)(uintptr_t)p;
    for (size_t i = 0; i < WSK__COUNT(p->test->ending); i++) {
        const judge_ending *e = &p->test->ending[i];

        for (size_t k = 0; e->behavior != JUDGE_FAILED && k < e->n; k++) {
            if (e->event[k].blob.total > MOST_KEPT) {
                p->huge = &e->event[k];
                continue;
            }
            if (e->event[k].blob.total > p->message_cap)
                p->message_cap = e->event[k].blob.total;
            p->event_cap += e->event[k].blob.total;
        }
    }
    /* What is longer than anything expected is wrong whatever it holds; but let small answers
     * and the big one of 7.1.6 be seen. */
    p->message_cap += setup->sparing ? LITTLE_MESSAGE : SPARE_MESSAGE;
    p->event_cap += setup->sparing ? LITTLE_EVENTS : SPARE_EVENTS;
    return p;
}

void judge_peer_free(judge_peer *p)
{
    if (p == NULL)
        return;
    peer_echo_end(p);
    peer_masks_end(p);
    peer_inflate_end(p);
    judge_result_deinit(&p->r);
    for (size_t i = 0; i < p->n_events; i++)
        free(p->events[i].data);
    free(p->events);
    free(p->taken);
    free(p->agent);
    free(p->out.at);
    free(p->runs);
    free(p->hello.at);
    free(p->message.at);
    free(p->fault);
    free(p->verdict);
    free(p->greet.said.at);
    free(p->greet.request);
    free(p->rx_octets.at);
    free(p->tx_octets.at);
    free(p->asked.at);
    free(p);
}

void judge_peer_begin(judge_peer *p, int64_t now)
{
    p->now = now;
    if (p->options.open_handshake_timeout > 0 &&
        (p->test->hello.steps == NULL || p->setup.role == JUDGE_ROLE_SERVER))
        peer_arm(p, TIMER_OPEN_HANDSHAKE, p->options.open_handshake_timeout, '\0');
    peer_hello_begin(p);
    if (p->failed)
        peer_drop(p, JUDGE_DROP_ABORT);
}

void judge_peer_unreachable(judge_peer *p, int64_t now, const char *why)
{
    p->now = now;
    not_clean(p, why);
    if (p->fault == NULL)
        p->fault = peer_text(p, "%s", why);
    p->state = PEER_CLOSED;
    p->over = now;
}

void judge_peer_feed(judge_peer *p, int64_t now, const uint8_t *data, size_t len)
{
    judge_log *l;
    size_t n = 0;

    p->now = now;
    if (p->state == PEER_CLOSED || len == 0)
        return;
    p->echo.moved = now;
    peer_stat(p, &p->rx_octets, len);
    l = peer_log(p, JUDGE_LOG_RO, false);
    if (l != NULL)
        peer_show(&l->octets, data, len);
    if (p->state == PEER_CONNECTING) {
        n = peer_hello_feed(p, data, len);
        p->traffic.in_preopen += n;
        if (p->failed)
            peer_drop(p, JUDGE_DROP_ABORT);
        if (p->state == PEER_CONNECTING && p->greet.request != NULL)
            peer_greet_octets(p, data + n, len - n);
        if (p->state != PEER_OPEN)
            return;
        p->skipped = p->setup.skip != NULL &&
                     p->setup.skip(p->setup.skip_ud, p->test, judge_peer_agent(p));
        if (p->skipped || peer_lacks_deflate(p))
            peer_send_close(p, -1, NULL, 0, false);
        else if (p->step == 0)
            peer_run_steps(p);
    }
    if (p->state == PEER_OPEN)
        p->traffic.in_wire += len - n;
    p->came_octets += len - n;
    if (len > n && p->test->hello.steps != NULL && p->setup.role == JUDGE_ROLE_SERVER)
        peer_greet_octets(p, data + n, len - n);
    peer_receive(p, data + n, len - n);
    if (p->greet.request != NULL)
        peer_greet_after(p);
    peer_await_check(p);
    peer_has_read(p);
    if (p->failed)
        peer_drop(p, JUDGE_DROP_ABORT);
}

void judge_peer_do(judge_peer *p, int64_t now, const judge_step *s)
{
    p->now = now;
    if (p->state != PEER_CLOSED && !p->failed)
        do_step(p, s);
    if (p->failed)
        peer_drop(p, JUDGE_DROP_ABORT);
}

bool judge_peer_take_message(judge_peer *p, bool *ret_binary, const uint8_t **ret_data,
                             size_t *ret_kept, uint64_t *ret_len)
{
    while (p->n_events > 0) {
        const peer_event e = p->events[0];

        memmove(p->events, p->events + 1, --p->n_events * sizeof(*p->events));
        free(p->taken);
        p->taken = e.data;
        p->event_kept -= e.kept;
        if (e.kind != JUDGE_EVENT_MESSAGE || e.data == NULL)
            continue;
        *ret_binary = e.binary;
        *ret_data = e.data;
        *ret_kept = e.kept;
        *ret_len = e.len;
        return true;
    }
    return false;
}

size_t judge_peer_queued(const judge_peer *p)
{
    return p->out.len - p->out_head;
}

bool judge_peer_can_send(const judge_peer *p)
{
    return p->state == PEER_OPEN;
}

void judge_peer_lost(judge_peer *p, int64_t now)
{
    p->now = now;
    if (p->state == PEER_CLOSED)
        return;
    peer_ended(p);
    if (p->test->hello.steps != NULL)
        peer_greet_lost(p);
    if (!p->r.was_clean && p->r.not_clean_reason == NULL)
        not_clean(p, "peer dropped the TCP connection without previous WebSocket closing "
                     "handshake");
    p->state = PEER_CLOSED;
    p->over = now;
}

bool judge_peer_is_done(const judge_peer *p)
{
    return p->state == PEER_CLOSED;
}

judge_drop judge_peer_drop(const judge_peer *p)
{
    return p->drop;
}

const char *judge_peer_agent(const judge_peer *p)
{
    return p->setup.agent ? p->setup.agent : p->agent;
}

bool judge_peer_was_skipped(const judge_peer *p)
{
    return p->skipped;
}

bool judge_peer_is_open(const judge_peer *p)
{
    return p->open_done;
}

bool judge_peer_timed_out(const judge_peer *p)
{
    return p->timed_out;
}

void judge_peer_result(judge_peer *p, int64_t now, judge_result *ret)
{
    p->now = now;
    peer_verdict(p);
    *ret = p->r;
    memset(&p->r, 0, sizeof(p->r));
}
