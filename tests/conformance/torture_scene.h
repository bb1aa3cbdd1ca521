/* SPDX-License-Identifier: MIT */
/*
 * One case of the suite, played in memory: the judge's peer against our whole server or our whole
 * client on the kernel of torture_kernel.h, with a fault in it, while a second connection of the
 * same endpoint rests and is asked for its echo afterwards.
 */
#ifndef TESTS_CONFORMANCE_TORTURE_SCENE_H
#define TESTS_CONFORMANCE_TORTURE_SCENE_H

#include <websock/client.h>

#include "conformance/peer.h"
#include "torture_end.h"
#include "torture_kernel.h"

/* A message's limit, of the endpoint and of the table of cases, in category 18. */
#define TORTURE_LIMIT 65536

/* What passed on the subject's connection. */
typedef struct torture_tally {
    unsigned heard;                   /* messages that the program was given */
    unsigned echoed;                  /* ... whose echo was taken from it */
    unsigned messages, pongs, closes; /* that the endpoint wrote */
} torture_tally;

/* How a case goes without a fault. */
typedef struct torture_usual {
    char text[160]; /* how the connection ends, as the program is told */
    torture_tally tally;
} torture_usual;

/* What an endpoint might do wrong, for tests of the scene itself: each may be NULL. */
typedef enum torture_echo { TORTURE_SENT, TORTURE_FORGOTTEN, TORTURE_TAKEN_AND_LOST } torture_echo;

typedef struct torture_misdeeds {
    /* Before the echo of the subject's message. */
    torture_echo (*message)(wsk_loop *loop, int fd, int other_fd);
    /* How the subject's end is told, and how many times. */
    unsigned (*end)(unsigned *code, wsk_fail *kind, const char **text);
    /* What making the endpoint came to. */
    int (*set_up)(int r);
} torture_misdeeds;

typedef struct torture_params {
    judge_role role; /* of the judge */
    wsk_io io;
    torture_tls tls;
    judge_streams *streams;
    const tk_fault *fault;            /* NULL: none */
    bool set_up;                      /* the fault is in making the endpoint, not in the case */
    const torture_usual *usual;       /* needed with a fault in the case */
    const torture_misdeeds *misdeeds; /* NULL: none */
} torture_params;

typedef struct torture_result {
    char wrong[300];     /* what must not have happened; "": all is well */
    bool good;           /* the judge's verdict; or the set-up came to an endpoint */
    char why[200];       /* ... what it has against the endpoint */
    torture_usual usual; /* how it went */
    uint32_t allocs, crypto, calls, fired;
    bool unclear;    /* want of memory was told, but as a failure of TLS */
    uint64_t octets; /* that passed, both ways */
} torture_result;

/* True if it can be played here: crowds are real connections of the judge's own. */
bool torture_fits(const judge_case *c);
/* True if the limit is the endpoint's in this case. */
bool torture_is_limited(const judge_case *c);
/* What OpenSSL makes once for the whole program and keeps. */
void torture_warm_up(const judge_case *c, judge_streams *streams);
void torture_play(const judge_case *c, const torture_params *params, torture_result *ret);

#endif
