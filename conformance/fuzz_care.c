/* SPDX-License-Identifier: MIT */
/*
 * Whether a client gets over a case: its process, where it can be seen, is there when the client
 * comes back for the next one. Of cases that try its vitality: it comes back in time, and has not
 * grown too much. Until then the result is held. Knows no sockets.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conformance/fuzz_state.h"

/* A client may have to be started anew for each case: it gets more time than a server that only has
 * to answer. */
#define COME_BACK 5
/* How often the process is looked at. */
#define LOOK_US INT64_C(20000)

static int64_t come_back_us(const judge_fuzz *f)
{
    return (int64_t)(COME_BACK * f->p.options.vitality_seconds * 1e6);
}

/* In nearly all of these cases dropping TCP is an answer that is right, and a process that ends
 * drops it, too. */
static bool is_watched(const judge_fuzz *f, const conn *c)
{
    return c->state == CONN_PEER && c->query.act == FUZZ_RUN && f->p.pid != 0 &&
           judge_case_is_extra(c->query.test);
}

static bool is_trying(const judge_case *test)
{
    return test->survival.kib > 0 || test->survival.after;
}

void fuzz_care_begin(const judge_fuzz *f, conn *c, int64_t now)
{
    if (!is_watched(f, c))
        return;
    if (is_trying(c->query.test))
        judge_vitality_begin(&c->process, f->p.pid, now);
    else
        c->process = (judge_vitality){.pid = f->p.pid};
}

/* There are thousands of cases of which nothing but this is asked, and what there is to be said of
 * memory takes many files. */
static void look_at(judge_vitality *v, bool trying)
{
    if (trying)
        judge_vitality_look(v);
    else
        v->gone = v->gone || (v->pid != 0 && !judge_vitality_exists(v->pid));
}

static bool has_others(const judge_fuzz *f, const char *agent)
{
    for (size_t i = 0; i < f->n_conns; i++)
        if ((f->conns[i]->state == CONN_PEER || f->conns[i]->state == CONN_QUEUED) &&
            strcmp(f->conns[i]->query.agent, agent) == 0)
            return true;
    return false;
}

static void degrade(judge_result *r, judge_behavior to, const char *why)
{
    if (r->behavior == JUDGE_FAILED || (to != JUDGE_FAILED && r->behavior == JUDGE_NON_STRICT))
        return;
    r->behavior = to;
    free(r->why);
    r->why = strdup(why);
}

/* What was seen goes into the result. */
static void conclude(fuzz_held *h, bool is_back, int64_t now)
{
    judge_result *r = &h->result;
    judge_vitality *v = &h->process;
    const uint32_t most = h->test->survival.kib;
    const double took = (double)(now - h->since) / 1e3;
    const bool trying = is_trying(h->test);
    char text[300];
    int n;
    look_at(v, trying);
    if (!trying && !v->gone)
        return;
    n = snprintf(text, sizeof text,
                 is_back ? "The client came back after %.1f ms."
                         : "The client had not come back after %.1f ms.",
                 took);
    if (v->gone)
        n += snprintf(text + n, sizeof text - (size_t)n, " The process is gone.");
    else if (v->pid != 0 && most > 0)
        snprintf(text + n, sizeof text - (size_t)n, " Memory grew by %llu KiB, of %u allowed.",
                 (unsigned long long)judge_vitality_grown_kib(v), most);
    free(r->vitality);
    r->vitality = strdup(text);
    if (v->gone)
        degrade(r, JUDGE_FAILED, "the process is gone");
    else if (v->pid != 0 && most > 0 && judge_vitality_grown_kib(v) > most)
        degrade(r, JUDGE_FAILED, "its memory grew by more than it may");
    else if (!is_back)
        degrade(r, JUDGE_NON_STRICT, "the client did not come back in time");
}

void fuzz_care_over(const judge_fuzz *f, conn *c)
{
    if (!is_watched(f, c) || is_trying(c->query.test))
        return;
    look_at(&c->process, false);
    c->is_over_it = !c->process.gone;
}

/* Somebody of the agent is here already, and waits for just this. */
static bool is_waited_for(const judge_fuzz *f, const conn *c)
{
    for (size_t i = 0; i < f->n_conns; i++) {
        const conn *o = f->conns[i];
        if (o->state == CONN_PEER && o->waits && o->query.test == c->query.test &&
            strcmp(o->query.agent, c->query.agent) == 0)
            return true;
    }
    return false;
}

bool fuzz_care_hold(judge_fuzz *f, const conn *c, judge_result *r, int64_t now)
{
    fuzz_held *h;
    if (f->p.compat || (!c->query.test->survival.after && c->process.pid == 0) ||
        f->n_held == MAX_HELD)
        return false;
    /* A client that has asked for its last report has got over it, and need not come again. */
    if (f->ended || c->is_over_it)
        return false;
    h = &f->held[f->n_held];
    *h = (fuzz_held){c->query.test, strdup(c->query.agent), *r, now, c->process};
    if (!h->agent)
        return false;
    if (is_waited_for(f, c)) {
        conclude(h, true, now);
        *r = h->result;
        free(h->agent);
        return false;
    }
    f->n_held++;
    *r = (judge_result){0};
    return true;
}

bool fuzz_care_take(judge_fuzz *f, const char *agent, int64_t now, fuzz_held *ret)
{
    for (size_t i = 0; i < f->n_held; i++) {
        fuzz_held *h = &f->held[i];
        const bool is_back = agent && strcmp(agent, h->agent) == 0;
        const bool busy = !agent && has_others(f, h->agent);
        /* Whoever is at another case has not gone. */
        if (busy)
            h->since = now;
        if (!is_back && (agent || (now - h->since < come_back_us(f) && !h->process.gone)))
            continue;
        conclude(h, is_back, now);
        *ret = *h;
        *h = f->held[--f->n_held];
        return true;
    }
    return false;
}

bool fuzz_care_last(judge_fuzz *f, fuzz_held *ret)
{
    if (f->n_held == 0)
        return false;
    *ret = f->held[--f->n_held];
    return true;
}

/*
 * There is one process and it is looked at so often at the most, however many cases run that ask
 * for it, and however many octets come in between: a look opens a file of /proc.
 */
static void look_at_process(judge_fuzz *f, int64_t now)
{
    judge_vitality seen = {.pid = f->p.pid};
    bool trying = false;
    for (size_t i = 0; i < f->n_conns && !trying; i++)
        trying = is_watched(f, f->conns[i]) && is_trying(f->conns[i]->query.test);
    for (size_t i = 0; i < f->n_held && !trying; i++)
        trying = is_trying(f->held[i].test);
    f->look_at = now + LOOK_US;
    look_at(&seen, trying);
    for (size_t i = 0; i < f->n_conns; i++)
        if (is_watched(f, f->conns[i]))
            judge_vitality_saw(&f->conns[i]->process, &seen);
    for (size_t i = 0; i < f->n_held; i++)
        judge_vitality_saw(&f->held[i].process, &seen);
}

int64_t fuzz_care_turn(judge_fuzz *f, int64_t now)
{
    int64_t next = INT64_MAX;
    bool watches = false;
    for (size_t i = 0; i < f->n_conns && f->p.pid != 0 && !watches; i++)
        watches = is_watched(f, f->conns[i]);
    for (size_t i = 0; i < f->n_held; i++) {
        const int64_t at = f->held[i].since + come_back_us(f);
        watches = watches || f->held[i].process.pid != 0;
        next = at < next ? at : next;
    }
    if (!watches)
        return next;
    if (now >= f->look_at)
        look_at_process(f, now);
    return f->look_at < next ? f->look_at : next;
}
