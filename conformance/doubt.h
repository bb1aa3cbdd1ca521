/* SPDX-License-Identifier: MIT */
/*
 * Which verdicts of cases that ran beside others stand, and which have to be seen again alone.
 * Knows results, and nothing of connections.
 */
#ifndef CONFORMANCE_DOUBT_H
#define CONFORMANCE_DOUBT_H

#include <stdbool.h>
#include <stdint.h>

#include "conformance/result.h"

typedef enum judge_doubt_about {
    JUDGE_DOUBT_NONE,
    JUDGE_DOUBT_TIME, /* a time limit decided, or there was no connection: perhaps by load */
    JUDGE_DOUBT_DROP, /* passed because the peer dropped TCP: perhaps for the sake of others */
    JUDGE_DOUBT_BAD,  /* did not pass, whatever for */
    JUDGE_DOUBT_KINDS,
} judge_doubt_about;

typedef struct judge_doubt {
    judge_doubt_about about;
    judge_behavior behavior, close;
    bool open; /* the opening handshake was completed */
    bool slow; /* the peer was seen to be slow then */
} judge_doubt;

/* `beside`: other cases ran at the same time. */
judge_doubt judge_doubt_of(const judge_result *result, bool timed_out, bool open, bool beside);

/* What those that were run again came to. Begins as zeros. */
typedef struct judge_seconds {
    unsigned same[JUDGE_DOUBT_KINDS]; /* in a row */
    unsigned unopened;                /* in a row */
    int64_t spent_us;                 /* on JUDGE_DOUBT_BAD */
    bool differ;
} judge_seconds;

/* True if this one has to be run alone. */
bool judge_seconds_needs(const judge_seconds *s, const judge_doubt *d);
/* It came to `now` alone, which took so long. True, once, where it shows that the peer does not
 * bear several connections at a time. */
bool judge_seconds_saw(judge_seconds *s, const judge_doubt *before, const judge_doubt *now,
                       int64_t took_us);

#endif
