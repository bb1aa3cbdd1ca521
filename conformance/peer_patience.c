/* SPDX-License-Identifier: MIT */
/*
 * Waiting for a peer to lose its patience: how long it may take is its own choice, so that the
 * judge's patience (--patience) is where its verdict ends. And what a crowd has seen of it, and
 * whether what it says holds what it should not.
 */
#include <stdlib.h>
#include <string.h>

#include "conformance/peer_internal.h"

double peer_seconds(const judge_peer *p, double seconds)
{
    return seconds < 0 ? -seconds * p->options.patience : seconds;
}

bool peer_outlast(judge_peer *p, const judge_step *s)
{
    peer_arm(p, TIMER_OUTLAST, peer_seconds(p, s->seconds), '\0');
    return false;
}

void peer_outlasted(judge_peer *p)
{
    p->outlasted = true;
    peer_drop(p, JUDGE_DROP_ABORT);
}

void peer_judge_ends(judge_peer *p)
{
    judge_result *r = &p->r;
    const double took = (double)(p->over - p->opened) / 1e6;

    r->behavior = r->behavior_close = JUDGE_OK;
    free(r->result);
    free(r->result_close);
    if (!p->open_done || p->violated || (r->dropped_by_me && !p->outlasted && !p->got_close)) {
        r->behavior = r->behavior_close = JUDGE_FAILED;
        r->result = peer_text(p, "%s",
                              p->fault        ? p->fault
                              : !p->open_done ? "The opening handshake was not completed."
                                              : "The peer did not end the connection.");
    } else if (p->test->ending[0].behavior != JUDGE_FAILED && p->n_events > p->test->ending[0].n) {
        r->behavior = r->behavior_close = JUDGE_FAILED;
        r->result = peer_text(p, "The peer answered what was not complete.");
    } else if (p->outlasted) {
        r->behavior = r->behavior_close = JUDGE_INFORMATIONAL;
        r->result = peer_text(p,
                              "The peer held the connection for %.1f s, after which the judge "
                              "dropped it (--patience).",
                              took);
    } else {
        r->result = peer_text(p, "The peer ended the connection after %.1f s.", took);
    }
    r->result_close = peer_text(p, "%s", r->result ? r->result : "");
    /* Behind its own close a peer only has to end: how fast octets go until it does says nothing.
     */
    if (p->drowned && r->behavior != JUDGE_FAILED && (p->outlasted || !p->test->close.mute)) {
        r->behavior = r->behavior == JUDGE_INFORMATIONAL ? JUDGE_OK : r->behavior;
        peer_degrade(p, JUDGE_NON_STRICT,
                     peer_text(p, "the peer took a whole flood, though nothing of its answers was "
                                  "read"));
    }
}

bool judge_peer_was_wronged(const judge_peer *p)
{
    judge_ending so_far = p->test->ending[0];

    if (!p->open_done)
        return false;
    if (p->violated)
        return true;
    /* Rows for information do not say which messages may come. */
    if (p->test->rule == JUDGE_RULE_INFORM)
        return false;
    if (p->n_events > so_far.n)
        return true;
    so_far.n = p->n_events;
    return !peer_ending_matches(p, &so_far);
}

void peer_judge_crowd(judge_peer *p)
{
    const judge_crowd_tally *c = &p->setup.crowd;
    const double in_time = p->options.vitality_seconds * (c->slowdown > 1 ? c->slowdown : 1);

    if (c->total == 0)
        return;
    p->r.scaled = c->scaled;
    if (c->bad > 0)
        peer_degrade(p, JUDGE_FAILED,
                     peer_text(p,
                               "%u of the %u connections of the crowd got something that is wrong",
                               c->bad, c->total));
    /* The crowd and the judge take their part of the machine, too: only far too late has failed. */
    if (c->slowest > in_time)
        peer_degrade(p,
                     c->slowest > 5 * p->options.vitality_seconds ? JUDGE_FAILED : JUDGE_NON_STRICT,
                     peer_text(p,
                               "in the crowd an ordinary connection had to wait %.3f s for its "
                               "echo and its close",
                               c->slowest));
    if (c->good < c->total)
        peer_degrade(p, JUDGE_INFORMATIONAL,
                     peer_text(p, "%u of the %u connections of the crowd were not served",
                               c->total - c->good, c->total));
}

/* So many octets of what was said before are no accident. */
#define TELLING 6

void peer_see_reason(judge_peer *p, const uint8_t *reason, size_t len)
{
    const char *secret = p->test->close.secret;
    const size_t n = secret != NULL ? strlen(secret) : 0;

    p->reason.no_text = !wsk__utf8_is_valid(reason, len);
    for (size_t i = 0; i + TELLING <= n; i++)
        p->reason.leaks = p->reason.leaks || memmem(reason, len, secret + i, TELLING) != NULL;
    for (size_t i = 0; i < len; i++)
        p->reason.controls = p->reason.controls || reason[i] == 0x7f ||
                             (reason[i] < 0x20 && memchr("\t\r\n", reason[i], 3) == NULL);
}

void peer_judge_secret(judge_peer *p)
{
    if (p->test->close.secret == NULL)
        return;
    if (p->reason.leaks)
        peer_degrade(p, JUDGE_FAILED,
                     peer_text(p, "the reason of the peer's close frame holds octets that are "
                                  "not its own"));
    else if (p->reason.no_text)
        peer_degrade(p, JUDGE_FAILED,
                     peer_text(p, "the reason of the peer's close frame is no text"));
    /* RFC 6455 5.5.1 asks for UTF-8, and for no more. */
    else if (p->reason.controls)
        peer_degrade(p, JUDGE_NON_STRICT,
                     peer_text(p, "the reason of the peer's close frame has control characters"));
}
