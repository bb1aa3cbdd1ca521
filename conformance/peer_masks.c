/* SPDX-License-Identifier: MIT */
/*
 * Has a client under test send frame after frame and keeps the masking key of each, to see in the
 * end whether somebody on the way could have foretold them (RFC 6455 5.3 and 10.3).
 */
#include <stdlib.h>

#include "conformance/mask_check.h"
#include "conformance/peer_internal.h"

/* So many keys are enough for a verdict where the client is far away. */
#define ENOUGH 1024

static void judged(judge_peer *p, judge_behavior behavior, char *verdict)
{
    p->masks.on = false;
    p->echo.judged = true;
    p->behavior = behavior;
    free(p->verdict);
    p->verdict = verdict;
    peer_disarm(p, TIMER_STALL);
    if (behavior == JUDGE_FAILED && p->fault == NULL && verdict != NULL)
        p->fault = peer_text(p, "%s", verdict);
    peer_send_close(p, WSK_CLOSE_NORMAL, NULL, 0, false);
}

static void send_next(judge_peer *p)
{
    const judge_case *c = p->test;
    const judge_blob blob = {"0123456789abcdef", 16, c->echo.len};

    p->masks.sent++;
    peer_send_frame(p, FIN_BIT | (c->echo.ping ? WSK_OP_PING : WSK_OP_TEXT), &blob, NULL);
}

void peer_masks_begin(judge_peer *p)
{
    p->masks.on = true;
    p->masks.count = p->test->echo.count;
    if (p->setup.messages > 0) {
        p->masks.count = p->setup.messages;
        p->r.scaled = p->setup.messages != p->test->echo.count;
    }
    p->echo.moved = p->now;
    p->verdict = peer_text(p, "Case did not finish within %g seconds.", p->test->echo.seconds);
    if (p->setup.stall_seconds > 0)
        peer_arm(p, TIMER_STALL, p->setup.stall_seconds, '\0');
    send_next(p);
}

void peer_masks_end(judge_peer *p)
{
    free(p->masks.keys);
    p->masks.keys = NULL;
}

void peer_masks_see(judge_peer *p)
{
    /* A client may send more frames than it was asked for, but not without end. */
    if (!p->masks.on || p->masks.n >= 4 * (size_t)p->masks.count + 16)
        return;
    if (p->masks.n == p->masks.room) {
        const size_t room = p->masks.room ? p->masks.room * 2 : 256;
        uint8_t(*grown)[4] = realloc(p->masks.keys, room * sizeof(*grown));

        if (grown == NULL) {
            p->failed = true;
            return;
        }
        p->masks.keys = grown;
        p->masks.room = room;
    }
    for (unsigned i = 0; i < 4; i++)
        p->masks.keys[p->masks.n][i] = p->frame.mask[i];
    p->masks.n++;
}

static void judge_keys(judge_peer *p, bool enough)
{
    char why[160];

    if (!judge_masks_look_random((const uint8_t(*)[4])p->masks.keys, p->masks.n, why))
        judged(p, JUDGE_FAILED, peer_text(p, "Predictable masks: %s.", why));
    else if (enough)
        judged(p, JUDGE_OK, peer_text(p, "The masks of %zu frames look random.", p->masks.n));
    else
        judged(p, JUDGE_INFORMATIONAL,
               peer_text(
                   p, "The masks of %zu frames look random; more did not come within %g seconds.",
                   p->masks.n, p->test->echo.seconds));
}

void peer_masks_answered(judge_peer *p)
{
    if (p->state != PEER_OPEN)
        return;
    if (p->masks.sent < p->masks.count)
        send_next(p);
    else
        judge_keys(p, true);
}

/* Each frame took a way there and back: how many there were says how far it is. */
void peer_masks_late(judge_peer *p)
{
    if (p->state == PEER_OPEN && p->masks.on && p->masks.n >= 16)
        judge_keys(p, p->masks.n >= ENOUGH || p->masks.n >= p->masks.count);
}
