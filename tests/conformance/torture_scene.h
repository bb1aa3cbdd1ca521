/* SPDX-License-Identifier: MIT */
/*
 * One case of the suite, played in memory: the judge's peer against our whole server or our whole
 * client on the kernel of torture_kernel.h, with a fault in it, while a second connection of the
 * same endpoint rests and is asked for its echo afterwards.
 */
#ifndef TESTS_CONFORMANCE_TORTURE_SCENE_H
#define TESTS_CONFORMANCE_TORTURE_SCENE_H

#include "conformance/peer.h"
#include "torture_kernel.h"

/* A message's limit, of the endpoint and of the table of cases, in category 18. */
#define TORTURE_LIMIT 65536

typedef struct torture_params {
    judge_role role; /* of the judge */
    wsk_io io;
    judge_streams *streams;
    const tk_fault *fault; /* NULL: none */
    bool set_up;           /* the fault is in making the endpoint, not in the case */
    const char *usual;     /* how the connection ends without a fault; NULL: not known */
} torture_params;

typedef struct torture_result {
    char wrong[300]; /* what must not have happened; "": all is well */
    bool good;       /* the judge's verdict */
    char why[200];   /* ... what it has against the endpoint */
    char text[160];  /* how the connection ended, as the program was told */
    uint32_t allocs, calls, fired;
    uint64_t octets; /* that passed, both ways */
} torture_result;

/* True if it can be played here: crowds are real connections of the judge's own. */
bool torture_fits(const judge_case *c);
/* True if the limit is the endpoint's in this case. */
bool torture_is_limited(const judge_case *c);
void torture_play(const judge_case *c, const torture_params *params, torture_result *ret);

#endif
