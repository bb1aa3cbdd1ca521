/* SPDX-License-Identifier: MIT */
/* See crowd.h. */
#include "conformance/crowd.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include "conformance/ordinary.h"

#define MAX_EVENTS 256
/* A connection that is not through by then is given up. */
#define MOST_US ((int64_t)20 * 1000000)
/* How often the process under test is looked at. */
#define LOOK_US 20000
/* Every so manieth connection is an ordinary one, whose time is taken. */
#define ORDINARY 50

typedef struct member {
    judge_link link;
    judge_peer *peer; /* NULL: free */
    bool up, deaf, ordinary;
    uint32_t events; /* 0: not registered */
    unsigned address;
    int64_t begun; /* with this address */
} member;

typedef struct crowd {
    const judge_peer_setup *setup; /* of each connection, but for the case */
    const judge_address *addresses;
    size_t n_addresses;
    unsigned address; /* the one that is there, or where new ones begin */
    bool reached;
    SSL_CTX *tls; /* NULL: none */
    const char *name;
    bool verify;
    volatile sig_atomic_t *cancelled;
    judge_crowd_tally *tally;
    judge_vitality *process;
    int64_t look_at;
    int epoll;
    member *at;
    size_t n_members, busy;
    uint32_t started, count;
    bool failed;
    judge_case ordinary;
    judge_step steps[JUDGE_ORDINARY_STEPS];
    uint8_t buf[65536];
} crowd;

static int64_t now_us(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

static void watch(crowd *c, member *m)
{
    const bool deaf = m->up && judge_peer_appetite(m->peer) == 0;
    const uint32_t events = judge_link_events(&m->link) & (deaf ? ~(uint32_t)EPOLLIN : UINT32_MAX);
    struct epoll_event e = {.events = events, .data.ptr = m};

    if (m->events == (events | EPOLLERR))
        return;
    epoll_ctl(c->epoll, m->events == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, m->link.fd, &e);
    m->events = events | EPOLLERR; /* which is always watched, so that this is never 0 */
}

static void over(crowd *c, member *m, int64_t now)
{
    const double took = (double)(now - m->begun) / 1e6;
    judge_result r;

    c->tally->bad += m->up && judge_peer_was_wronged(m->peer);
    judge_peer_result(m->peer, now, &r);
    c->tally->total++;
    /* A row that is for information is one with whom nobody speaks, too. */
    c->tally->good += m->up && (r.behavior == JUDGE_OK || r.behavior == JUDGE_INFORMATIONAL);
    judge_result_deinit(&r);
    if (m->ordinary && took > c->tally->slowest)
        c->tally->slowest = took;
    if (judge_peer_drop(m->peer) == JUDGE_DROP_RESET)
        judge_link_reset(&m->link);
    judge_link_close(&m->link);
    judge_peer_free(m->peer);
    m->peer = NULL;
    c->busy--;
}

/* True: it is over. */
static bool pump(crowd *c, member *m, int64_t now)
{
    const uint8_t *data;
    size_t n;

    judge_peer_clock(m->peer, now);
    while (m->up && (n = judge_peer_output(m->peer, &data)) > 0) {
        long sent = m->deaf ? (long)n : judge_link_write(&m->link, data, n);

        if (sent == JUDGE_LINK_AGAIN)
            break;
        if (sent < 0) {
            m->deaf = true;
            judge_peer_cannot_write(m->peer);
            continue;
        }
        judge_peer_wrote(m->peer, (size_t)sent);
        if (judge_peer_paused(m->peer))
            judge_peer_turn(m->peer);
        if ((size_t)sent < n && m->link.ssl == NULL)
            break;
    }
    /* What is wrong already is not waited for. */
    if (judge_peer_is_done(m->peer) || judge_peer_was_wronged(m->peer)) {
        over(c, m, now);
        return true;
    }
    if (m->up && judge_peer_wants_fin(m->peer))
        judge_link_finish(&m->link);
    watch(c, m);
    return false;
}

/* Whether there is another address for who could not connect, which may be known by now. */
static bool next_address(const crowd *c, member *m)
{
    if (c->reached) {
        const bool other = m->address != c->address;

        m->address = c->address;
        return other;
    }
    if (m->address + 1 >= c->n_addresses)
        return false;
    m->address++;
    return true;
}

static void connect_member(crowd *c, member *m, int64_t now);

static void cannot_connect(crowd *c, member *m, int64_t now)
{
    judge_link_close(&m->link);
    m->events = 0;
    if (next_address(c, m)) {
        connect_member(c, m, now);
        return;
    }
    judge_peer_unreachable(m->peer, now, "cannot connect");
    over(c, m, now);
}

static void ready(crowd *c, member *m, int64_t now)
{
    switch (judge_link_ready(&m->link)) {
    case JUDGE_LINK_OK:
        m->up = true;
        if (!c->reached)
            c->address = m->address;
        c->reached = true;
        judge_peer_begin(m->peer, now);
        pump(c, m, now);
        break;
    case JUDGE_LINK_AGAIN:
        watch(c, m);
        break;
    case JUDGE_LINK_LOST:
        cannot_connect(c, m, now);
        break;
    }
}

static void connect_member(crowd *c, member *m, int64_t now)
{
    m->begun = now;
    if (judge_link_connect(&m->link, &c->addresses[m->address], true, c->tls, c->name, c->verify) !=
        0) {
        cannot_connect(c, m, now);
        return;
    }
    ready(c, m, now);
}

static void begin(crowd *c, member *m, int64_t now)
{
    const judge_case *test = c->setup->test;
    judge_peer_setup setup = *c->setup;

    *m = (member){.link = {.fd = -1}, .address = c->address};
    m->ordinary = c->started % ORDINARY == ORDINARY - 1;
    setup.test = m->ordinary ? &c->ordinary : &test->crowd.rows[c->started % test->crowd.n_rows];
    setup.skip = NULL;
    m->peer = judge_peer_new(&setup, now);
    if (m->peer == NULL) {
        c->failed = true;
        return;
    }
    c->started++;
    c->busy++;
    connect_member(c, m, now);
}

static void readable(crowd *c, member *m, int64_t now)
{
    do {
        const size_t most = judge_peer_appetite(m->peer);
        const long n = judge_link_read(&m->link, c->buf,
                                       most > 0 && most < sizeof(c->buf) ? most : sizeof(c->buf));

        if (n == JUDGE_LINK_AGAIN)
            break;
        if (n == JUDGE_LINK_LOST)
            judge_peer_lost(m->peer, now);
        else
            judge_peer_feed(m->peer, now, c->buf, (size_t)n);
        if (pump(c, m, now))
            return;
    } while (m->link.ssl != NULL && SSL_pending(m->link.ssl) > 0 &&
             judge_peer_appetite(m->peer) > 0);
    watch(c, m);
}

/* Those that wait for a time, and those that have had too much of it. */
static int64_t each(crowd *c, int64_t now)
{
    int64_t next = now + 100000;

    for (size_t i = 0; i < c->n_members; i++) {
        member *m = &c->at[i];

        if (m->peer == NULL)
            continue;
        /* An address from which nothing comes at all is not waited for as long as a server. */
        if (!m->up && !c->reached && m->address + 1 < c->n_addresses &&
            now - m->begun > MOST_US / 4) {
            cannot_connect(c, m, now);
            continue;
        }
        if (now - m->begun > MOST_US) {
            judge_peer_unreachable(m->peer, now, "timed out");
            over(c, m, now);
            continue;
        }
        if (m->up && judge_peer_deadline(m->peer) <= now) {
            judge_peer_tick(m->peer, now);
            if (pump(c, m, now))
                continue;
        }
        if (m->up && judge_peer_deadline(m->peer) < next)
            next = judge_peer_deadline(m->peer);
    }
    return next;
}

static void run(crowd *c)
{
    struct epoll_event events[MAX_EVENTS];

    while (!c->failed && !*c->cancelled && (c->started < c->count || c->busy > 0)) {
        int64_t now = now_us(), next;
        int n;

        for (size_t i = 0; i < c->n_members && c->started < c->count && !c->failed; i++) {
            if (c->at[i].peer == NULL)
                begin(c, &c->at[i], now);
        }
        next = each(c, now);
        if (c->process->pid != 0 && now >= c->look_at) {
            judge_vitality_look(c->process);
            c->look_at = now + LOOK_US;
        }
        if (c->busy == 0)
            continue;
        n = epoll_wait(c->epoll, events, MAX_EVENTS,
                       next <= now ? 0 : (int)((next - now + 999) / 1000));
        if (n < 0 && errno != EINTR)
            c->failed = true;
        now = now_us();
        for (int i = 0; i < n; i++) {
            member *m = events[i].data.ptr;

            if (m->peer == NULL)
                continue;
            if (!m->up)
                ready(c, m, now);
            else if (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR))
                readable(c, m, now);
            else
                pump(c, m, now);
        }
    }
}

bool judge_crowd_go(const judge_peer_setup *setup, const judge_target *target,
                    const judge_address *addresses, size_t n_addresses, SSL_CTX *tls, bool verify,
                    volatile sig_atomic_t *cancelled, judge_vitality *process,
                    judge_crowd_tally *ret, unsigned *ret_address)
{
    const judge_case *test = setup->test;
    const uint32_t count = (uint32_t)(test->crowd.count * setup->options->crowd);
    crowd *c = calloc(1, sizeof(*c));
    bool ok;

    *ret = (judge_crowd_tally){0};
    if (c == NULL)
        return false;
    c->setup = setup;
    c->addresses = addresses;
    c->n_addresses = n_addresses;
    c->tls = target->tls ? tls : NULL;
    c->name = target->hostname ? target->hostname : target->host;
    c->verify = verify;
    c->cancelled = cancelled;
    c->tally = ret;
    c->process = process;
    c->count = count > test->crowd.n_rows ? count : (uint32_t)test->crowd.n_rows;
    ret->scaled = c->count != test->crowd.count;
    c->ordinary = judge_ordinary(c->steps, 10, false);
    c->n_members = test->crowd.at_once;
    c->at = calloc(c->n_members, sizeof(*c->at));
    c->epoll = epoll_create1(EPOLL_CLOEXEC);
    c->failed = c->at == NULL || c->epoll < 0;
    if (!c->failed)
        run(c);
    for (size_t i = 0; c->at != NULL && i < c->n_members; i++) {
        if (c->at[i].peer != NULL)
            over(c, &c->at[i], now_us());
    }
    if (c->reached)
        *ret_address = c->address;
    ok = !c->failed;
    if (c->epoll >= 0)
        close(c->epoll);
    free(c->at);
    free(c);
    return ok;
}
