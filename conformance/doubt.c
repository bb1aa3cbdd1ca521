/* SPDX-License-Identifier: MIT */
/* Decides what is run again alone. */
#include "conformance/doubt.h"

/* So many cases that come to the same alone as beside others show that those were not the reason.
 */
#define CONFIRMATIONS 3
/* What did not pass and takes no time is all run again; what takes longer, for so long. */
#define MOST_US 5000000

static bool is_fine(judge_behavior b)
{
    return b == JUDGE_OK || b == JUDGE_INFORMATIONAL;
}

/* What passes either way is the same: which of two things that are right a peer does may be a race.
 */
static bool is_same(const judge_doubt *a, const judge_doubt *b)
{
    return (a->behavior == b->behavior && a->close == b->close) ||
           (is_fine(a->behavior) && is_fine(a->close) && is_fine(b->behavior) && is_fine(b->close));
}

judge_doubt judge_doubt_of(const judge_result *result, bool timed_out, bool open, bool beside)
{
    const bool fine = is_fine(result->behavior) && is_fine(result->behavior_close);
    judge_doubt d = {
        .about = JUDGE_DOUBT_NONE,
        .behavior = result->behavior,
        .close = result->behavior_close,
        .open = open,
    };

    if (!fine && beside && !timed_out)
        d.about = JUDGE_DOUBT_BAD;
    else if (!fine && (timed_out || !open))
        d.about = JUDGE_DOUBT_TIME;
    else if (beside && open && !result->was_clean && !result->dropped_by_me)
        d.about = JUDGE_DOUBT_DROP;
    return d;
}

bool judge_seconds_needs(const judge_seconds *s, const judge_doubt *d)
{
    const bool confirmed = s->same[d->about] >= CONFIRMATIONS;

    /* Each of these takes the time limit of a handshake. */
    if (d->about == JUDGE_DOUBT_TIME && !d->open && s->unopened >= CONFIRMATIONS)
        return false;
    if (s->differ || !confirmed)
        return true;
    return (d->about == JUDGE_DOUBT_TIME && d->slow) ||
           (d->about == JUDGE_DOUBT_BAD && s->spent_us < MOST_US);
}

bool judge_seconds_saw(judge_seconds *s, const judge_doubt *before, const judge_doubt *now,
                       int64_t took_us)
{
    const bool same = is_same(before, now);
    const bool first = !s->differ;

    s->same[before->about] = same ? s->same[before->about] + 1 : 0;
    s->unopened = now->open ? 0 : s->unopened + 1;
    if (before->about == JUDGE_DOUBT_BAD)
        s->spent_us += took_us;
    /* A time limit is a matter of chance; the others are not. */
    if (same || before->about == JUDGE_DOUBT_TIME)
        return false;
    s->differ = true;
    return first;
}
