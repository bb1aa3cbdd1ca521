/* SPDX-License-Identifier: MIT */
/*
 * The steps that only categories from 14 up use: octets as they are, floods that are made as the
 * peer takes them, waiting for what comes, reading slowly or not at all, and the time between the
 * octets that prove a fault and the peer's reaction.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conformance/peer_internal.h"

/* So much of a flood is made at once. */
#define FLOOD_PIECE ((size_t)128 << 10)

/* ------------------------------------------------------------------------------- floods -- */

static void flood_frames(judge_peer *p)
{
    const judge_step *s = p->flood.step;
    const bool log = p->log_on;
    const size_t had = p->out.len;

    while (p->flood.left > 0 && p->out.len - had < FLOOD_PIECE && !p->failed) {
        peer_send_frame(p, s->first, &s->blob, s);
        p->flood.left--;
        p->log_on = false; /* one of them is enough to be seen */
    }
    p->log_on = log;
}

static void flood_octets(judge_peer *p)
{
    const bool log = p->log_on;
    judge_blob part = p->flood.step->blob;

    part.total = p->flood.left < FLOOD_PIECE ? p->flood.left : FLOOD_PIECE;
    /* Whole patterns, so that the next part begins where this one ends. */
    if (part.total == FLOOD_PIECE && part.len > 0 && part.len <= FLOOD_PIECE)
        part.total -= part.total % part.len;
    p->log_on = p->log_on && p->flood.left == p->flood.step->blob.total;
    if (p->state == PEER_CONNECTING)
        peer_send_raw(p, &part, 0, false);
    else
        peer_send_part(p, &part);
    p->log_on = log;
    p->flood.left -= part.total;
}

void peer_flood(judge_peer *p)
{
    /* Once either side has closed there is nobody to flood. */
    if (p->state != PEER_OPEN && p->state != PEER_CONNECTING)
        judge_peer_cannot_write(p);
    if (p->flood.left > 0 && p->flood.step->op == JUDGE_STEP_FLOOD)
        flood_frames(p);
    else if (p->flood.left > 0)
        flood_octets(p);
    if (p->flood.left > 0)
        return;
    p->drowned = p->drowned || !p->flood.cut;
    p->flood.step = NULL;
    peer_disarm(p, TIMER_AWAIT);
    peer_run_steps(p);
}

/* ------------------------------------------------------------------------------ waiting -- */

static bool has_come(const judge_peer *p)
{
    return p->n_events >= p->await.events && p->came_octets >= p->await.octets &&
           (!p->await.close || p->got_close);
}

void peer_await_check(judge_peer *p)
{
    if (!p->await.on || !has_come(p))
        return;
    p->await.on = false;
    peer_disarm(p, TIMER_AWAIT);
    peer_run_steps(p);
}

static bool begin_await(judge_peer *p, const judge_step *s)
{
    p->await.close = s->op == JUDGE_STEP_AWAIT_CLOSE;
    p->await.events = s->op == JUDGE_STEP_AWAIT ? s->count : 0;
    p->await.octets = s->op == JUDGE_STEP_AWAIT_OCTETS ? s->count : 0;
    p->await.on = !has_come(p);
    if (p->await.on)
        peer_arm(p, TIMER_AWAIT, s->seconds, '\0');
    return !p->await.on;
}

/* ------------------------------------------------------------------------------ reading -- */

static void begin_reading(judge_peer *p, const judge_step *s)
{
    peer_disarm(p, TIMER_READ);
    p->reading.pause = s->code == 0;
    p->reading.slow = s->code == 2;
    p->reading.appetite = s->chop;
    p->reading.every = peer_seconds(p, s->seconds);
}

size_t judge_peer_appetite(const judge_peer *p)
{
    if (p->reading.pause)
        return 0;
    return p->reading.slow ? p->reading.appetite : SIZE_MAX;
}

void peer_has_read(judge_peer *p)
{
    if (!p->reading.slow || p->reading.pause)
        return;
    p->reading.pause = true;
    peer_arm(p, TIMER_READ, p->reading.every, '\0');
}

/* ---------------------------------------------------------------------------- the proof -- */

static void proof_check(judge_peer *p)
{
    if (p->proof.on && p->proof.time == 0 && p->written_octets >= p->proof.at)
        p->proof.time = p->now;
}

void peer_script_wrote(judge_peer *p, size_t n)
{
    p->written_octets += n;
    if (p->state == PEER_CONNECTING)
        p->greet.sent_at = p->now;
    proof_check(p);
}

void peer_ended(judge_peer *p)
{
    if (p->proof.ended == 0)
        p->proof.ended = p->now;
}

/* -------------------------------------------------------------------------------- steps -- */

bool peer_script_step(judge_peer *p, const judge_step *s)
{
    switch (s->op) {
    case JUDGE_STEP_HTTP:
        peer_greet_text(p, s);
        return true;
    case JUDGE_STEP_RAW:
        peer_send_raw(p, &s->blob, s->chop, s->sync);
        p->owed = s->count > 0 ? s->count : p->owed;
        return true;
    case JUDGE_STEP_FLOOD:
        p->flood.step = s;
        p->flood.cut = false;
        p->flood.left = s->count;
        if (s->seconds != 0)
            peer_arm(p, TIMER_AWAIT, peer_seconds(p, s->seconds), '\0');
        return false;
    case JUDGE_STEP_SPILL:
        p->flood.step = s;
        p->flood.cut = false;
        p->flood.left = s->blob.total;
        return false;
    case JUDGE_STEP_AWAIT:
    case JUDGE_STEP_AWAIT_OCTETS:
    case JUDGE_STEP_AWAIT_CLOSE:
        return begin_await(p, s);
    case JUDGE_STEP_NEED:
        return peer_need(p, s->code);
    case JUDGE_STEP_OUTLAST:
        return peer_outlast(p, s);
    case JUDGE_STEP_PROOF:
        p->proof.on = true;
        p->proof.at = p->queued_octets;
        proof_check(p);
        return true;
    case JUDGE_STEP_FIN:
        p->wants_fin = true;
        return true;
    case JUDGE_STEP_RESET:
        if (p->state == PEER_CONNECTING)
            p->greet.outcome = JUDGE_HELLO_DROPPED;
        peer_drop(p, JUDGE_DROP_RESET);
        return true;
    case JUDGE_STEP_READ:
        begin_reading(p, s);
        return true;
    case JUDGE_STEP_HOLD:
        peer_hold(p);
        return true;
    case JUDGE_STEP_RELEASE:
        peer_release(p, s->chop);
        return true;
    default:
        return true;
    }
}

bool judge_peer_wants_fin(judge_peer *p)
{
    const bool wants = p->wants_fin && p->run_head == p->n_runs && p->flood.step == NULL;

    p->wants_fin = p->wants_fin && !wants;
    return wants;
}

void judge_peer_cannot_write(judge_peer *p)
{
    p->flood.cut = p->flood.cut || p->flood.left > 0; /* it may be told more than once */
    p->flood.left = 0;
}

void judge_peer_clock(judge_peer *p, int64_t now)
{
    p->now = now;
}

/* ------------------------------------------------------------------------------- verdict -- */

void peer_degrade(judge_peer *p, judge_behavior b, char *why)
{
    judge_behavior *mine = &p->r.behavior;

    if (*mine == JUDGE_FAILED || (*mine != JUDGE_OK && b != JUDGE_FAILED)) {
        free(why);
        return;
    }
    *mine = b;
    if (why == NULL)
        return;
    free(p->r.result);
    p->r.result = peer_text(p, "%s", why);
    free(p->fault);
    p->fault = why;
}

void peer_judge_limits(judge_peer *p)
{
    const judge_case *c = p->test;
    const double took = (double)(p->proof.ended - p->proof.time) / 1e6;

    /* RFC 6455 10.4: limits are each endpoint's own, and nobody has said what this one's is. */
    if (c->close.limited && p->r.remote_code == WSK_CLOSE_MESSAGE_TOO_BIG && p->n_events == 0 &&
        !p->violated) {
        p->r.behavior = p->r.behavior_close = JUDGE_INFORMATIONAL;
        free(p->r.result);
        free(p->r.result_close);
        p->r.result = peer_text(p, "The message is above a limit of the peer (--limit).");
        p->r.result_close = peer_text(p, "%s", p->r.result ? p->r.result : "");
        return;
    }
    for (size_t i = 0; i < WSK__COUNT(c->close.lax) && c->close.lax[i] != 0; i++) {
        if (p->r.remote_code == c->close.lax[i])
            peer_degrade(p, JUDGE_NON_STRICT, peer_text(p, "close code %d", p->r.remote_code));
    }
    if (c->close.coded && p->got_close && p->r.remote_code < 0 &&
        p->r.closed_by_me == c->close.closed_by_me)
        peer_degrade(p, JUDGE_NON_STRICT,
                     peer_text(p,
                               "the close frame has no code: it cannot be told from an answer to "
                               "the one that is wrong"));
    if (p->beats_on)
        peer_degrade(p, JUDGE_NON_STRICT,
                     peer_text(p, "a ping or pong behind the close frame of the peer"));
    if (!p->open_done || p->r.closed_by_me || p->proof.ended == 0)
        return;
    if (!p->got_close && c->close.dropped != JUDGE_FAILED)
        peer_degrade(p, c->close.dropped == JUDGE_UNCLEAN ? JUDGE_FAILED : c->close.dropped,
                     peer_text(p, "the peer dropped TCP without a close frame"));
    if (!p->proof.on || p->proof.time == 0)
        return;
    if (c->close.late > 0 && took > c->close.late)
        peer_degrade(p, JUDGE_FAILED,
                     peer_text(p,
                               "the peer ended the connection %.3f s after the octet that "
                               "proves the fault, which is more than %g s",
                               took, c->close.late));
    else if (c->close.soon > 0 && took > c->close.soon)
        peer_degrade(p, JUDGE_NON_STRICT,
                     peer_text(p,
                               "the peer ended the connection %.3f s after the octet that "
                               "proves the fault",
                               took));
}
