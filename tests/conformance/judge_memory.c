/* SPDX-License-Identifier: MIT */
/* See judge_memory.h. */
#include "judge_memory.h"

#include <stdlib.h>

#define STALL 3.0

static void enter(const memory_params *params, bool in_judge)
{
    if (params->guard != NULL)
        params->guard(in_judge);
}

/* One write of the judge is one read of the mutant. Returns true if anything moved. */
static bool to_mutant(judge_peer *p, mutant *m, const memory_params *params)
{
    const uint8_t *data;
    size_t n;

    enter(params, true);
    n = judge_peer_output(p, &data);
    enter(params, false);
    if (n == 0)
        return false;
    if (n > 1 << 20)
        n = 1 << 20;
    mutant_feed(m, data, n);
    enter(params, true);
    judge_peer_wrote(p, n);
    if (judge_peer_paused(p))
        judge_peer_turn(p);
    enter(params, false);
    return true;
}

static bool to_judge(judge_peer *p, mutant *m, int64_t now, const memory_params *params)
{
    const size_t cut = params->cut ? params->cut : 65536;
    size_t n;
    const uint8_t *data = mutant_output(m, &n);

    if (data == NULL)
        return false;
    if (n > cut)
        n = cut;
    enter(params, true);
    judge_peer_feed(p, now, data, n);
    enter(params, false);
    mutant_taken(m, n);
    return true;
}

bool judge_in_memory(const judge_case *c, const memory_params *params, judge_result *ret)
{
    judge_options options;
    judge_peer_setup setup = {
        .test = c,
        .role = params->role,
        .agent = params->role == JUDGE_ROLE_SERVER ? "mutant" : NULL,
        .options = &options,
        .host = "memory:1",
        .resource = "/",
        .streams = params->streams,
        .messages = params->messages,
        .stall_seconds = STALL,
        .compat = params->compat,
    };
    int64_t now = 1000000;
    judge_peer *p;
    mutant *m;

    judge_options_init(&options);
    enter(params, true);
    p = judge_peer_new(&setup, now);
    if (p != NULL)
        judge_peer_begin(p, now);
    enter(params, false);
    if (p == NULL)
        return false;
    m = params->role == JUDGE_ROLE_CLIENT ? mutant_new(params->fault)
                                          : mutant_client_new(params->fault, "memory:1", "/");
    while (!judge_peer_is_done(p)) {
        /* The peer's answers are there before its next octets go out, as on a fast network. */
        if (to_judge(p, m, now, params) || to_mutant(p, m, params)) {
            now += 10;
            continue;
        }
        mutant_idle(m);
        if (mutant_is_over(m)) {
            judge_peer_lost(p, now);
            break;
        }
        now = judge_peer_deadline(p);
        enter(params, true);
        judge_peer_tick(p, now);
        enter(params, false);
    }
    enter(params, true);
    judge_peer_result(p, now, ret);
    enter(params, false);
    judge_peer_free(p);
    mutant_free(m);
    return true;
}

static bool good(judge_behavior b)
{
    return b == JUDGE_OK || b == JUDGE_INFORMATIONAL;
}

bool judge_is_good(const judge_result *r)
{
    return good(r->behavior) && good(r->behavior_close);
}
