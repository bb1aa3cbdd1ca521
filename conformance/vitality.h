/* SPDX-License-Identifier: MIT */
/*
 * A look at the process under test from outside: how much memory it has, how much processor time
 * it takes; and its children with it, who may come and go, as workers of a supervisor do. Knows no
 * connections.
 */
#ifndef CONFORMANCE_VITALITY_H
#define CONFORMANCE_VITALITY_H

#include <stdbool.h>
#include <stdint.h>

typedef struct judge_vitality {
    int pid;            /* 0: none is looked at */
    bool gone;          /* the process is not there any more */
    uint64_t kib_begun; /* resident memory in the beginning */
    uint64_t kib_most;
    uint64_t kib_family; /* what its children have of their own */
    int64_t family_at;   /* when that was read */
    uint64_t ticks;      /* processor time at the last look */
    uint64_t ticks_over; /* and when it was to come to rest */
    int64_t looked;      /* when that was, microseconds */
    /* Of the process and of the judge, nanoseconds in the beginning: on a processor, and waiting
     * for one. */
    uint64_t ran[2], waited[2];
} judge_vitality;

/* False: there is no such process, or it is not to be looked at. */
bool judge_vitality_exists(int pid);
/* Notes what there is now. */
void judge_vitality_begin(judge_vitality *v, int pid, int64_t now);
/* Memory again: what is freed in the end counts, too. */
void judge_vitality_look(judge_vitality *v);
/* The same, if somebody else has looked at this process just now. */
void judge_vitality_saw(judge_vitality *v, const judge_vitality *other);
/* How much memory it has more than in the beginning, at the most. */
uint64_t judge_vitality_grown_kib(const judge_vitality *v);
/* True if a thread of it runs or waits for a processor just now. On a loaded machine a busy process
 * may get so little time that its load does not show. */
bool judge_vitality_runs(judge_vitality *v);
/* The share of one processor since the last call, 0.0 to the number of them. Its clock counts
 * hundredths of a second: call it some of them apart at least. */
double judge_vitality_load(judge_vitality *v, int64_t now);

/* How many times longer than on a machine of its own everything took since the beginning, since
 * others had the processors: 1 to 10. */
double judge_vitality_slowdown(const judge_vitality *v);

/* Whether it ought to have come to rest by now, us microseconds after ticks_over was noted. */
bool judge_vitality_is_busy(const judge_vitality *v, int64_t us);

#endif
