/* SPDX-License-Identifier: MIT */
/*
 * The run: which case goes when, on how many connections at once, and what is done again alone
 * because load may have decided it. One thread, one epoll set.
 */
#include "conformance/run.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include <websock/version.h>

#include "conformance/crowd.h"
#include "conformance/doubt.h"
#include "conformance/ordinary.h"
#include "conformance/peer.h"
#include "conformance/transport.h"
#include "conformance/vitality.h"

#define MAX_ADDRESSES 8
#define READ_SIZE     65536
#define MAX_EVENTS    64
/* A second is what Autobahn gives a peer to drop TCP; nothing is waiting for it here. */
#define LINGER_US 1000000
/* Slower answers than this mean that the peer has more to do than it can. */
#define SLOW_US  100000
#define PATIENCE 6 /* see open_limit() */
/* How often a process is looked at, while an attack goes on and afterwards. */
#define LOOK_US 20000
#define IDLE_US 50000
/* A process that uses less of a processor than this is idle: its clock is coarse. */
#define IDLE_LOAD 0.25
/* A flood must leave turns to others. */
#define PUMP_MOST    ((size_t)1 << 20)
#define PROCESS_GONE "the process is gone"

typedef struct slot {
    judge_link link;
    judge_peer *peer; /* NULL: free, or lingering */
    size_t test;      /* index into the table */
    unsigned address; /* of the target, tried now */
    bool counted;     /* takes a job */
    bool up;          /* the link is ready */
    bool deaf;        /* writing has failed; what is left to read is still read */
    bool lingering;
    bool is_probe; /* an ordinary connection beside a case that tries the peer's vitality */
    bool beside;   /* others were there, too */
    bool more;     /* there is more to be written at once */
    int64_t begun;
    bool watched; /* registered, for these: */
    uint32_t events;
    int64_t until;   /* lingering; or the time for connecting is up */
    int64_t sent_at; /* octets went out and none came in since */
} slot;

typedef struct host {
    const judge_target *target;
    judge_address address[MAX_ADDRESSES];
    size_t n_addresses;
    unsigned preferred; /* the address that worked */
    bool reached, dead;
    char *field; /* Host */
    char *agent; /* from the first answer; for cases whose handshake is lost */
} host;

/* A case whose verdict others may have decided, and what it came to beside them. */
typedef struct second {
    size_t test;
    judge_doubt doubt;
    bool was_up;
    judge_result result;
} second;

/* A case with judge_survival: what is seen of the peer while it runs and afterwards. */
typedef struct care {
    bool on, over; /* over: the case has its result */
    size_t test;
    bool was_up;
    judge_result result;
    int64_t begun, over_at;
    bool probing, during_made, after_made;
    double probe_seconds;        /* longer where others have the processors */
    bool resting;                /* its load is looked at */
    int64_t during_us, after_us; /* what the probes took; -1: not made, INT64_MAX: no answer */
    judge_vitality process;
    int64_t idle_us; /* until it was idle; -1: not known, INT64_MAX: it was not */
} care;

struct judge_run {
    judge_run_params params;
    SSL_CTX *tls;
    judge_streams *streams;
    int epoll;
    volatile sig_atomic_t cancelled;
    unsigned jobs, cores;
    size_t most; /* slots, so that reports have descriptors, too */
    host host;   /* the target whose turn it is */
    slot **slots;
    size_t n_slots, room;
    unsigned active;  /* slots with a peer */
    unsigned counted; /* ... that take a job */
    size_t *order;    /* indices of the cases of this target, in the order of their turn */
    size_t n_order, next;
    second *again; /* what is to be run alone */
    size_t n_again, at_again;
    bool alone;
    int64_t slow_at;       /* when an answer last was slow */
    judge_seconds seconds; /* how those that run alone do */
    care care;
    judge_step probe_steps[JUDGE_ORDINARY_STEPS];
    judge_case probe;
    judge_run_totals totals;
    uint8_t buf[READ_SIZE];
};

static int64_t now_us(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

/* ------------------------------------------------------------------------------- slots -- */

static void slot_free(judge_run *r, slot *s)
{
    if (s->link.fd >= 0)
        epoll_ctl(r->epoll, EPOLL_CTL_DEL, s->link.fd, NULL);
    judge_link_close(&s->link);
    judge_peer_free(s->peer);
    free(s);
}

static void slot_remove(judge_run *r, slot *s)
{
    for (size_t i = 0; i < r->n_slots; i++) {
        if (r->slots[i] == s)
            r->slots[i] = r->slots[--r->n_slots];
    }
    slot_free(r, s);
}

static void slot_watch(judge_run *r, slot *s)
{
    const bool deaf = s->up && s->peer != NULL && judge_peer_appetite(s->peer) == 0;
    const uint32_t events = judge_link_events(&s->link) & (deaf ? ~(uint32_t)EPOLLIN : UINT32_MAX);
    struct epoll_event e = {.events = events, .data.ptr = s};

    if (s->watched && s->events == events)
        return;
    epoll_ctl(r->epoll, !s->watched ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, s->link.fd, &e);
    s->events = events;
    s->watched = true;
}

static void deliver(judge_run *r, size_t test, bool was_up, judge_result *result)
{
    r->totals.cases++;
    r->totals.connected += was_up;
    r->totals.unreachable += !was_up;
    r->params.callbacks.on_done(r->params.callbacks.ud, r->host.target,
                                judge_table_at(r->params.table, test), result);
    judge_result_deinit(result);
}

static void care_drop(judge_run *r)
{
    if (r->care.on && r->care.over)
        judge_result_deinit(&r->care.result);
    r->care.on = false;
}

static void probe_done(judge_run *r, slot *s, int64_t now)
{
    int64_t took = INT64_MAX;
    judge_result result;

    judge_peer_result(s->peer, now, &result);
    if (result.behavior == JUDGE_OK)
        took = now - s->begun;
    judge_result_deinit(&result);
    r->care.probing = false;
    if (r->care.after_made)
        r->care.after_us = took;
    else
        r->care.during_us = took;
}

/* The agent's name, from whoever had the first answer. */
static void learn_agent(judge_run *r)
{
    for (size_t i = 0; i < r->n_slots && r->host.agent == NULL; i++) {
        const judge_peer *p = r->slots[i]->peer;

        if (p != NULL && judge_peer_agent(p) != NULL)
            r->host.agent = strdup(judge_peer_agent(p));
    }
}

/* A server that ends drops TCP, which in most cases is an answer that is right. */
static bool process_is_gone(const judge_run *r, size_t test)
{
    return r->params.pid != 0 && !r->params.compat &&
           judge_case_is_extra(judge_table_at(r->params.table, test)) &&
           !judge_vitality_exists(r->params.pid);
}

static void slot_done(judge_run *r, slot *s, int64_t now)
{
    const judge_drop drop = judge_peer_drop(s->peer);

    r->active--;
    r->counted -= s->counted;
    if (s->is_probe) {
        probe_done(r, s, now);
        slot_remove(r, s);
        return;
    }
    learn_agent(r);
    if (!judge_peer_was_skipped(s->peer)) {
        const bool timed_out = judge_peer_timed_out(s->peer), open = judge_peer_is_open(s->peer);
        judge_result result;
        judge_doubt doubt;

        judge_peer_result(s->peer, now, &result);
        /* A server that never answered this case has said who it is in another one. */
        if (judge_peer_agent(s->peer) == NULL && r->host.agent != NULL) {
            free(result.agent);
            result.agent = strdup(r->host.agent);
        }
        if (process_is_gone(r, s->test))
            judge_result_fail(&result, PROCESS_GONE);
        doubt = judge_doubt_of(&result, timed_out, open, s->beside);
        doubt.slow = r->slow_at >= now - (int64_t)result.duration_us;
        if (r->care.on && r->care.test == s->test) {
            r->care.over = true;
            r->care.over_at = now;
            r->care.was_up = s->up;
            r->care.result = result;
        } else if (doubt.about != JUDGE_DOUBT_NONE && !r->alone && r->jobs > 1 && !r->cancelled) {
            r->again[r->n_again++] = (second){s->test, doubt, s->up, result};
        } else {
            if (r->alone &&
                judge_seconds_saw(&r->seconds, &r->again[r->at_again].doubt, &doubt,
                                  now - s->begun) &&
                r->params.callbacks.on_alone != NULL)
                r->params.callbacks.on_alone(r->params.callbacks.ud, r->host.target);
            deliver(r, s->test, s->up, &result);
        }
    } else {
        r->totals.skipped++;
        if (r->care.test == s->test)
            care_drop(r);
    }
    judge_peer_free(s->peer);
    s->peer = NULL;
    if (drop == JUDGE_DROP_RESET)
        judge_link_reset(&s->link);
    if (drop == JUDGE_DROP_GRACEFUL && s->link.fd >= 0) {
        /* Closing with octets unread would reset the connection, and the peer might never see
         * what was sent last. */
        judge_link_finish(&s->link);
        s->lingering = true;
        s->until = now + LINGER_US;
        return;
    }
    slot_remove(r, s);
}

/* Writes what the peer has to say. True if the case is over and the slot gone or lingering. */
static bool slot_pump(judge_run *r, slot *s, int64_t now)
{
    const uint8_t *data;
    size_t n, written = 0;

    judge_peer_clock(s->peer, now);
    s->more = false;
    while (s->up && !s->more && (n = judge_peer_output(s->peer, &data)) > 0) {
        long sent = s->deaf ? (long)n : judge_link_write(&s->link, data, n);

        if (sent == JUDGE_LINK_AGAIN)
            break;
        if (sent < 0) {
            /* The peer may have closed, but its last words may still be there to be read. */
            s->deaf = true;
            judge_peer_cannot_write(s->peer);
            continue;
        }
        judge_peer_wrote(s->peer, (size_t)sent);
        written += (size_t)sent;
        s->more = written > PUMP_MOST;
        if (s->sent_at == 0)
            s->sent_at = now;
        /* Short of everything, TCP is full and epoll will say when it is not. TLS takes a record
         * at a time, and only AGAIN says that it is. */
        if ((size_t)sent < n && s->link.ssl == NULL)
            break;
    }
    if (judge_peer_is_done(s->peer)) {
        slot_done(r, s, now);
        return true;
    }
    if (s->up && judge_peer_wants_fin(s->peer))
        judge_link_finish(&s->link);
    slot_watch(r, s);
    return false;
}

static void slot_connect(judge_run *r, slot *s, int64_t now);

static void slot_unreachable(judge_run *r, slot *s, int64_t now, const char *why)
{
    host *h = &r->host;

    if (s->watched)
        epoll_ctl(r->epoll, EPOLL_CTL_DEL, s->link.fd, NULL);
    s->watched = false;
    why = s->link.why ? s->link.why : why;
    judge_link_close(&s->link);
    if (++s->address < h->n_addresses && !h->reached) {
        slot_connect(r, s, now);
        return;
    }
    if (s->is_probe) {
        judge_peer_unreachable(s->peer, now, why);
        slot_done(r, s, now);
        return;
    }
    /* Where others have the server it may have refused this one for their sake. */
    if (!h->reached || (r->params.compat && (r->alone || !s->beside))) {
        if (!h->dead && r->params.callbacks.on_unreachable != NULL)
            r->params.callbacks.on_unreachable(r->params.callbacks.ud, h->target, why);
        h->dead = true;
        care_drop(r);
        r->totals.unreachable++;
        r->active--;
        r->counted -= s->counted;
        slot_remove(r, s);
        return;
    }
    judge_peer_unreachable(s->peer, now, why);
    slot_done(r, s, now);
}

static void slot_ready(judge_run *r, slot *s, int64_t now)
{
    switch (judge_link_ready(&s->link)) {
    case JUDGE_LINK_OK:
        s->up = true;
        r->host.reached = true;
        r->host.preferred = s->address;
        judge_peer_begin(s->peer, now);
        slot_pump(r, s, now);
        break;
    case JUDGE_LINK_AGAIN:
        slot_watch(r, s);
        break;
    case JUDGE_LINK_LOST:
        slot_unreachable(r, s, now, s->link.shaking ? "TLS handshake failed" : "cannot connect");
        break;
    }
}

/*
 * How long an opening handshake may take. A case that is run again alone may meet a peer that is
 * still busy with what went on before, all at once: that is our doing, not its. Once it had so long
 * in vain, it was not that.
 */
static double open_limit(const judge_run *r)
{
    const double limit = r->host.target->options.open_handshake_timeout;

    return r->alone && !r->params.compat && r->seconds.unopened == 0 ? limit * PATIENCE : limit;
}

static void slot_connect(judge_run *r, slot *s, int64_t now)
{
    const judge_target *t = r->host.target;
    const char *name = t->hostname ? t->hostname : t->host;
    const double limit = s->is_probe ? r->care.probe_seconds : open_limit(r);

    s->until = limit > 0 ? now + (int64_t)(limit * 1e6) : INT64_MAX;
    if (judge_link_connect(&s->link, &r->host.address[s->address], t->options.tcp_no_delay,
                           t->tls ? r->tls : NULL, name, r->params.tls.verify) != 0) {
        s->link.why = strerror(errno);
        slot_unreachable(r, s, now, "cannot connect");
        return;
    }
    if (!s->is_probe && judge_table_at(r->params.table, s->test)->receive_buffer > 0)
        judge_link_narrow(&s->link, judge_table_at(r->params.table, s->test)->receive_buffer);
    slot_ready(r, s, now);
}

static bool skip_case(void *ud, const judge_case *c, const char *agent)
{
    judge_run *r = ud;

    return r->params.callbacks.skip != NULL &&
           r->params.callbacks.skip(r->params.callbacks.ud, r->host.target, c, agent);
}

static bool bring_crowd(judge_run *r, judge_peer_setup *setup)
{
    host *h = &r->host;
    const unsigned from = h->reached ? h->preferred : 0;
    unsigned which = h->preferred - from;

    if (!judge_crowd_go(setup, h->target, h->address + from, h->reached ? 1 : h->n_addresses,
                        r->tls, r->params.tls.verify, &r->cancelled, &r->care.process,
                        &setup->crowd, &which))
        return false;
    setup->crowd.slowdown = judge_vitality_slowdown(&r->care.process);
    h->preferred = from + which;
    return true;
}

/* `probe`: not the case itself, but the ordinary connection beside it. */
static int slot_start(judge_run *r, size_t test, bool counted, bool probe)
{
    int64_t now;
    const judge_target *t = r->host.target;
    const judge_case *c = probe ? &r->probe : judge_table_at(r->params.table, test);
    judge_options options = t->options;
    judge_peer_setup setup = {
        .test = c,
        .role = JUDGE_ROLE_CLIENT,
        .options = &options,
        .host = r->host.field,
        .resource = t->resource,
        .origin = t->origin,
        .user_agent = r->params.user_agent ? r->params.user_agent : "websock/" WSK_VERSION_STRING,
        .protocols = t->protocols,
        .n_protocols = t->n_protocols,
        .agent = t->agent ? t->agent : r->host.agent,
        .streams = r->streams,
        .messages = r->params.messages,
        .stall_seconds = options.stall_seconds >= 0 ? options.stall_seconds
                         : r->params.compat         ? 0
                                                    : r->params.stall_seconds,
        .compat = r->params.compat,
        .skip = skip_case,
        .skip_ud = r,
    };
    slot *s;

    options.open_handshake_timeout = probe ? r->care.probe_seconds : open_limit(r);
    if (!probe && c->crowd.count > 0 && !bring_crowd(r, &setup))
        return -1;
    now = now_us(); /* a crowd takes its time */
    r->host.reached = r->host.reached || setup.crowd.good > 0;
    if (r->n_slots == r->room) {
        const size_t room = r->room ? r->room * 2 : 16;
        slot **grown = realloc(r->slots, room * sizeof(*grown));

        if (grown == NULL)
            return -1;
        r->slots = grown;
        r->room = room;
    }
    s = calloc(1, sizeof(*s));
    if (s == NULL)
        return -1;
    s->link.fd = -1;
    s->test = test;
    s->counted = counted;
    s->is_probe = probe;
    s->begun = now;
    s->address = r->host.preferred;
    s->peer = judge_peer_new(&setup, now);
    if (s->peer == NULL) {
        free(s);
        return -1;
    }
    s->beside = r->active > 0;
    for (size_t i = 0; s->beside && i < r->n_slots; i++)
        r->slots[i]->beside = true;
    r->slots[r->n_slots++] = s;
    r->active++;
    r->counted += counted;
    if (!probe && r->params.callbacks.on_start != NULL)
        r->params.callbacks.on_start(r->params.callbacks.ud, t, c);
    slot_connect(r, s, now);
    return 0;
}

/* ---------------------------------------------------------------------------- schedule -- */

static int by_turn(const void *a, const void *b, void *ud)
{
    const judge_table *t = ud;

    return judge_case_by_turn(judge_table_at(t, *(const size_t *)a),
                              judge_table_at(t, *(const size_t *)b));
}

static bool survives(const judge_case *c)
{
    return c->survival.after || c->survival.during > 0 || c->survival.kib > 0 || c->survival.idle;
}

static void care_begin(judge_run *r, size_t test)
{
    const int64_t now = now_us();

    r->care = (care){
        .on = true, .test = test, .begun = now, .during_us = -1, .after_us = -1, .idle_us = -1};
    judge_vitality_begin(&r->care.process, r->params.pid, now);
}

/* How many cases of this weight may run at once. Light and heavy ones never mix, so that no
 * short time limit runs out because megabytes are on their way. */
static unsigned limit_of(const judge_run *r, const judge_case *c)
{
    if (r->alone || c->weight == 3 || survives(c))
        return 1;
    if (c->weight == 0)
        return r->jobs;
    return r->jobs < r->cores + 1 ? r->jobs : r->cores + 1;
}

/* Whether the judge itself can bear one more connection: where it cannot, that is no fault of the
 * server. The limit may be lower than it was, and crowds come on top of what is counted. */
static bool has_room(const judge_run *r)
{
    const int fd = r->n_slots < r->most ? dup(r->epoll) : -1;

    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

/* Starts what may start. Returns false when nothing is left to start. */
static int start_more(judge_run *r, unsigned *weight)
{
    while (r->next < r->n_order && !r->host.dead && !r->cancelled) {
        const size_t test = r->order[r->next];
        const judge_case *c = judge_table_at(r->params.table, test);
        const bool counted = r->jobs == 1 || r->alone || limit_of(r, c) == 1 ||
                             !judge_case_waits(c);

        if (r->care.on)
            return 0;
        if (c->weight != *weight && r->active > 0)
            return 0;
        /* The first connection shows whether the target is there at all. */
        if (!r->host.reached && r->active > 0)
            return 0;
        if (counted && r->counted >= limit_of(r, c))
            return 0;
        if (!has_room(r))
            return r->n_slots > 0 ? 0 : -1;
        *weight = c->weight;
        r->next++;
        if (survives(c))
            care_begin(r, test);
        if (slot_start(r, test, counted, false) != 0)
            return -1;
    }
    return 0;
}

/* ------------------------------------------------------------------------------ vitality -- */

/* What was seen, in words; *ret_bad: what is wrong with it, or NULL. */
static void care_words(const judge_run *r, char *ret, size_t size, const char **ret_bad)
{
    const care *c = &r->care;
    const judge_survival *want = &judge_table_at(r->params.table, c->test)->survival;
    const uint64_t grown = judge_vitality_grown_kib(&c->process);
    size_t n = 0;

    ret[0] = '\0';
    *ret_bad = NULL;
    for (int after = 0; after < 2; after++) {
        const int64_t took = after ? c->after_us : c->during_us;
        const char *when = after ? "afterwards" : "meanwhile";

        if (took == INT64_MAX) {
            *ret_bad = after ? "afterwards an ordinary connection was not answered in time"
                             : "meanwhile an ordinary connection was not answered in time";
            n += (size_t)snprintf(ret + n, size - n, "An ordinary connection %s had no answer. ",
                                  when);
        } else if (took >= 0) {
            n += (size_t)snprintf(ret + n, size - n, "An ordinary connection %s took %.1f ms. ",
                                  when, (double)took / 1e3);
        }
    }
    if (c->process.gone) {
        *ret_bad = PROCESS_GONE;
        snprintf(ret + n, size - n, "The process is gone. ");
        return;
    }
    if (c->process.pid != 0 && want->kib > 0) {
        n += (size_t)snprintf(ret + n, size - n, "Memory grew by %llu KiB, of %u allowed. ",
                              (unsigned long long)grown, want->kib);
        if (grown > want->kib)
            *ret_bad = "its memory grew by more than it may";
    }
    if (c->idle_us == INT64_MAX) {
        snprintf(ret + n, size - n, "The process was still busy in the end. ");
        *ret_bad = "its process was not idle again in time";
    } else if (c->idle_us >= 0) {
        snprintf(ret + n, size - n, "The process was idle again within %.1f s. ",
                 (double)c->idle_us / 1e6);
    }
}

static void care_end(judge_run *r)
{
    judge_result *result = &r->care.result;
    char text[400];
    const char *wrong;
    size_t n;

    care_words(r, text, sizeof(text), &wrong);
    n = strlen(text);
    if (n > 0)
        text[n - 1] = '\0';
    result->vitality = strdup(text);
    if (wrong != NULL)
        judge_result_fail(result, wrong);
    r->care.on = false;
    deliver(r, r->care.test, r->care.was_up, result);
}

static int care_probe(judge_run *r)
{
    r->care.probing = true;
    r->care.probe_seconds = r->host.target->options.vitality_seconds *
                            judge_vitality_slowdown(&r->care.process);
    r->probe = judge_ordinary(r->probe_steps, r->care.probe_seconds, true);
    return slot_start(r, r->care.test, false, true);
}

/* What is next to be seen of the peer. */
static int care_turn(judge_run *r, int64_t now)
{
    care *c = &r->care;
    const judge_survival *want;

    if (!c->on || c->probing)
        return 0;
    want = &judge_table_at(r->params.table, c->test)->survival;
    judge_vitality_look(&c->process);
    if (!c->over) {
        if (want->during > 0 && !c->during_made &&
            now >= c->begun + (int64_t)(want->during * 1e6)) {
            c->during_made = true;
            return care_probe(r);
        }
        return 0;
    }
    if (want->after && !c->after_made) {
        c->after_made = true;
        return care_probe(r);
    }
    if (!want->idle || c->process.pid == 0 || c->process.gone) {
        care_end(r);
        return 0;
    }
    if (!c->resting) {
        c->resting = true;
        judge_vitality_load(&c->process, now);
        c->process.ticks_over = c->process.ticks;
        c->over_at = now;
    } else if (now >= c->process.looked + IDLE_US) {
        const double load = judge_vitality_load(&c->process, now);

        if (load <= IDLE_LOAD && !judge_vitality_runs(&c->process))
            c->idle_us = now - c->over_at;
        else if (judge_vitality_is_busy(&c->process, now - c->over_at))
            c->idle_us = INT64_MAX;
        if (c->idle_us >= 0)
            care_end(r);
    }
    return 0;
}

static int64_t care_next(const judge_run *r, int64_t now)
{
    const care *c = &r->care;
    const judge_survival *want;

    if (!c->on || c->probing)
        return INT64_MAX;
    if (c->over)
        return c->resting ? c->process.looked + IDLE_US : now;
    want = &judge_table_at(r->params.table, c->test)->survival;
    if (c->process.pid != 0)
        return now + LOOK_US;
    return want->during > 0 && !c->during_made ? c->begun + (int64_t)(want->during * 1e6)
                                               : INT64_MAX;
}

/* -------------------------------------------------------------------------------- loop -- */

static void on_readable(judge_run *r, slot *s, int64_t now)
{
    do {
        const size_t most = s->lingering ? SIZE_MAX : judge_peer_appetite(s->peer);
        const long n = judge_link_read(&s->link, r->buf,
                                       most > 0 && most < sizeof(r->buf) ? most : sizeof(r->buf));

        if (n == JUDGE_LINK_AGAIN)
            break;
        if (s->lingering) {
            if (n == JUDGE_LINK_LOST) {
                slot_remove(r, s);
                return;
            }
            continue;
        }
        if (s->sent_at != 0) {
            if (now - s->sent_at > SLOW_US)
                r->slow_at = now;
            s->sent_at = 0;
        }
        if (n == JUDGE_LINK_LOST)
            judge_peer_lost(s->peer, now);
        else
            judge_peer_feed(s->peer, now, r->buf, (size_t)n);
        if (slot_pump(r, s, now))
            return;
    } while (s->link.ssl != NULL && SSL_pending(s->link.ssl) > 0 &&
             (s->lingering || judge_peer_appetite(s->peer) > 0));
    slot_watch(r, s);
}

static int wait_time(judge_run *r, int64_t now)
{
    int64_t next = now + 1000000;
    const int64_t look = care_next(r, now);

    if (look < next)
        next = look;
    for (size_t i = 0; i < r->n_slots; i++) {
        const slot *s = r->slots[i];
        int64_t at = s->until;

        if (s->up && !s->lingering) {
            if (judge_peer_paused(s->peer) || s->more)
                return 0;
            at = judge_peer_deadline(s->peer);
        }
        if (at < next)
            next = at;
    }
    return next <= now ? 0 : (int)((next - now + 999) / 1000);
}

/* Timers, and the next write of those that write in turns. */
static void each_turn(judge_run *r, int64_t now)
{
    for (size_t i = r->n_slots; i-- > 0;) {
        slot *s = r->slots[i];

        if (s->lingering) {
            if (now >= s->until)
                slot_remove(r, s);
        } else if (!s->up) {
            if (now >= s->until) {
                s->link.why = "timed out";
                slot_unreachable(r, s, now, "timed out");
            }
        } else {
            const bool paused = judge_peer_paused(s->peer);
            const bool due = judge_peer_deadline(s->peer) <= now || s->more;

            if (due)
                judge_peer_tick(s->peer, now);
            if (paused)
                judge_peer_turn(s->peer);
            if ((due || paused) && !slot_pump(r, s, now) && due && s->link.ssl != NULL &&
                SSL_pending(s->link.ssl) > 0 && judge_peer_appetite(s->peer) > 0)
                on_readable(r, s, now);
        }
    }
}

static int loop(judge_run *r)
{
    struct epoll_event events[MAX_EVENTS];
    unsigned weight = UINT32_MAX;

    for (;;) {
        int64_t now;
        int n;

        if (start_more(r, &weight) != 0)
            return -1;
        if (r->active == 0 && !r->care.on &&
            (r->next == r->n_order || r->host.dead || r->cancelled))
            return 0;
        if (r->cancelled)
            return 0;
        n = epoll_wait(r->epoll, events, MAX_EVENTS, wait_time(r, now_us()));
        if (n < 0 && errno != EINTR)
            return -1;
        now = now_us();
        for (int i = 0; i < n; i++) {
            slot *s = events[i].data.ptr;

            if (!s->up && !s->lingering) {
                slot_ready(r, s, now);
            } else if (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) {
                on_readable(r, s, now);
            } else if (!s->lingering) {
                slot_pump(r, s, now);
            }
        }
        each_turn(r, now); /* what came since is read before anyone is late */
        if (care_turn(r, now_us()) != 0)
            return -1;
    }
}

static void drop_all(judge_run *r)
{
    care_drop(r);
    while (r->n_slots > 0)
        slot_free(r, r->slots[--r->n_slots]);
    r->active = r->counted = 0;
}

static int host_begin(judge_run *r, const judge_target *t)
{
    host *h = &r->host;
    const char *why = NULL;

    free(h->field);
    free(h->agent);
    *h = (host){.target = t};
    h->n_addresses = judge_resolve(t->host, t->port, t->unix_path, h->address, MAX_ADDRESSES, &why);
    if (h->n_addresses == 0) {
        h->dead = true;
        r->totals.unreachable++;
        if (r->params.callbacks.on_unreachable != NULL)
            r->params.callbacks.on_unreachable(r->params.callbacks.ud, t, why);
    }
    if (t->unix_path != NULL)
        h->field = strdup("localhost");
    else if (asprintf(&h->field, strchr(t->host, ':') ? "[%s]:%u" : "%s:%u", t->host, t->port) < 0)
        h->field = NULL;
    return h->field ? 0 : -1;
}

/* What others may have decided is run alone, and that is its verdict. */
static int run_again(judge_run *r)
{
    r->alone = true;
    for (size_t i = 0; i < r->n_again && !r->cancelled && !r->host.dead; i++) {
        second *a = &r->again[i];
        int status;

        if (!judge_seconds_needs(&r->seconds, &a->doubt))
            continue;
        judge_result_deinit(&a->result);
        r->totals.repeated++;
        r->at_again = i;
        r->order[0] = a->test;
        r->n_order = 1;
        r->next = 0;
        status = loop(r);
        if (status != 0)
            return status;
    }
    return 0;
}

static int run_target(judge_run *r, const judge_target *t)
{
    const size_t n = judge_table_count(r->params.table);
    int status;

    if (host_begin(r, t) != 0)
        return -1;
    r->n_order = r->next = r->n_again = 0;
    r->alone = false;
    r->seconds = (judge_seconds){0};
    for (size_t i = 0; i < n; i++) {
        if (r->params.selected[i])
            r->order[r->n_order++] = i;
    }
    if (r->jobs > 1)
        qsort_r(r->order, r->n_order, sizeof(*r->order), by_turn,
                (void *)(uintptr_t)r->params.table);
    status = loop(r);
    if (status == 0)
        status = run_again(r);
    for (size_t i = 0; i < r->n_again; i++) {
        if (r->again[i].result.id == NULL)
            continue;
        /* Of a server that is gone Autobahn has no further results. */
        if (r->params.compat && r->host.dead && !r->again[i].was_up)
            judge_result_deinit(&r->again[i].result);
        else
            deliver(r, r->again[i].test, r->again[i].was_up, &r->again[i].result);
    }
    return status;
}

/* -------------------------------------------------------------------------------- public -- */

judge_run *judge_run_new(const judge_run_params *params, char why[256])
{
    const size_t n = judge_table_count(params->table);
    judge_run *r = calloc(1, sizeof(*r));
    const long cores = sysconf(_SC_NPROCESSORS_ONLN);
    bool tls = false;

    snprintf(why, 256, "out of memory");
    if (r == NULL)
        return NULL;
    r->params = *params;
    r->epoll = -1;
    r->cores = cores > 0 ? (unsigned)cores : 1;
    r->jobs = params->jobs;
    if (r->jobs == 0)
        r->jobs = r->cores * 4 < 16 ? r->cores * 4 : 16;
    r->most = judge_descriptors();
    if (r->jobs > r->most)
        r->jobs = (unsigned)r->most;
    if (r->params.stall_seconds == 0)
        r->params.stall_seconds = 30;
    r->streams = judge_streams_new();
    r->order = malloc((n ? n : 1) * sizeof(*r->order));
    r->again = malloc((n ? n : 1) * sizeof(*r->again));
    if (r->streams == NULL || r->order == NULL || r->again == NULL)
        goto failed;
    for (size_t i = 0; i < params->n_targets; i++)
        tls = tls || params->targets[i].tls;
    if (tls) {
        r->tls = judge_tls_client(params->tls.verify, params->tls.ca, params->tls.cert,
                                  params->tls.key, why);
        if (r->tls == NULL)
            goto failed;
        /* OpenSSL writes without MSG_NOSIGNAL. */
        signal(SIGPIPE, SIG_IGN);
    }
    snprintf(why, 256, "epoll is not to be had");
    r->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (r->epoll < 0)
        goto failed;
    return r;

failed:
    judge_run_free(r);
    return NULL;
}

int judge_run_go(judge_run *r, judge_run_totals *ret)
{
    int status = 0;

    for (size_t i = 0; i < r->params.n_targets && status == 0 && !r->cancelled; i++)
        status = run_target(r, &r->params.targets[i]);
    drop_all(r);
    *ret = r->totals;
    return status;
}

unsigned judge_run_jobs(const judge_run *r)
{
    return r->jobs;
}

void judge_run_cancel(judge_run *r)
{
    r->cancelled = 1;
}

void judge_run_free(judge_run *r)
{
    if (r == NULL)
        return;
    drop_all(r);
    free(r->slots);
    free(r->order);
    free(r->again);
    free(r->host.field);
    free(r->host.agent);
    judge_streams_free(r->streams);
    SSL_CTX_free(r->tls);
    if (r->epoll >= 0)
        close(r->epoll);
    free(r);
}
