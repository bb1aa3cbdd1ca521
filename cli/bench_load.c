/* SPDX-License-Identifier: MIT */
/*
 * The course of a run: opening, warming up, measuring, waiting for the last answers, closing; what
 * is sent when; and what counts. Every phase ends by the clock, whatever the server does.
 */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"
#include "bench_line.h"
#include "bench_ring.h"
#include "command.h"

enum {
    SCAN = 50 * 1000000,         /* ns between two looks at the deadlines of connections */
    LONGEST_WAIT = 50 * 1000000, /* ns: signals and the live line want to be seen */
    QUEUE_WAIT = 1000000,        /* ns between two looks whether a queue has room again */
    WORD_WAIT = 10 * 1000000,    /* ns between two looks at stdin */
    MOST_FAILURES = 200,         /* in a row, until a series of handshakes is given up */
};

#define LONGEST_GOODBYE 2000000000u /* ns: who interrupts waits no longer for a close */

uint64_t bench_clock(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* ----------------------------------------------------------------------------- moments -- */

static void take_moment(bench *b, bench_moment *m)
{
    struct rusage used;

    m->time = b->now;
    m->counts = b->counts;
    if (b->set->pid != 0)
        (void)bench_process_read(b->set->pid, &m->server);
    getrusage(RUSAGE_SELF, &used);
    m->user = (double)used.ru_utime.tv_sec + (double)used.ru_utime.tv_usec / 1e6;
    m->system = (double)used.ru_stime.tv_sec + (double)used.ru_stime.tv_usec / 1e6;
}

static void sample(bench *b)
{
    uint64_t before = b->n_samples > 0 ? b->sample_at : b->begin.time;
    bench_histogram *h = b->interval;

    if (b->n_samples < BENCH_SAMPLES) {
        bench_sample *s = &b->samples[b->n_samples++];
        s->at = (double)(b->now - b->begin.time) / 1e9;
        s->seconds = (double)(b->now - before) / 1e9;
        s->messages = b->counts.messages - b->sample_counts.messages;
        s->octets = s->messages * b->plan.size;
        s->p50 = bench_histogram_at(h, 0.5);
        s->p90 = bench_histogram_at(h, 0.9);
        s->p99 = bench_histogram_at(h, 0.99);
        s->p999 = bench_histogram_at(h, 0.999);
        s->max = h->n > 0 ? h->max : 0;
    }
    b->sample_at = b->now;
    b->sample_counts = b->counts;
    bench_histogram_add(b->latency, h);
    bench_histogram_clear(h);
}

/* ------------------------------------------------------------------------------ answers -- */

static inline bool is_counting(const bench *b)
{
    return b->phase == BENCH_PHASE_MEASURE;
}

static inline bool is_sending(const bench *b)
{
    return b->phase == BENCH_PHASE_WARMUP || b->phase == BENCH_PHASE_MEASURE;
}

static inline void record(bench *b, uint64_t since, uint64_t times)
{
    bench_histogram_record(b->interval, b->now > since ? b->now - since : 0, times);
}

/* Closed loop: each answer makes room for another message, whose time takes the place of the
 * answered one's. */
static void answered_closed(bench *b, bench_conn *c, uint32_t done)
{
    uint32_t pipeline = b->set->pipeline, at = c->stamp, run = 0;
    uint64_t *stamps = b->stamps + (size_t)bench_index(b, c) * pipeline;
    uint64_t since = stamps[at];

    for (uint32_t i = 0; i < done; i++) {
        if (stamps[at] != since) {
            if (is_counting(b))
                record(b, since, run);
            since = stamps[at];
            run = 0;
        }
        run++;
        stamps[at] = b->now;
        at = at + 1 < pipeline ? at + 1 : 0;
    }
    if (is_counting(b))
        record(b, since, run);
    c->stamp = at;
    if (is_sending(b)) {
        c->owed += done;
        bench_stream_flush(b, c);
    } else {
        c->in_flight -= done;
        b->outstanding -= done;
    }
}

static uint64_t due(const bench *b, uint64_t i)
{
    return b->due_begin + (uint64_t)(b->due_step * (double)i);
}

/* Open loop: counted from when it should have been sent, if that was within the measurement. */
static void record_due(bench *b, uint64_t i)
{
    uint64_t since = due(b, i);

    if (b->phase < BENCH_PHASE_MEASURE || since < b->begin.time || since >= b->due_end)
        return;
    record(b, since, 1);
    b->last_due_answer = b->now;
}

static void answered_open(bench *b, bench_conn *c, uint32_t done)
{
    for (uint32_t i = 0; i < done; i++)
        record_due(b, c->done++ * b->n_slots + c->slot);
    c->in_flight -= done;
    b->outstanding -= done;
}

static void send_broadcast(bench *b)
{
    bench_conn *sender = &b->conns[b->slots[0]];

    if (b->set->rate == 0) {
        b->stamps[b->broadcast_sent % b->set->pipeline] = b->now;
        b->copies[b->broadcast_sent % b->set->pipeline] = 0;
    }
    b->broadcast_sent++;
    b->outstanding += b->n_receivers;
    sender->owed++;
}

static bool has_more_broadcasts(const bench *b)
{
    return b->set->messages == 0 || b->broadcast_sent < b->set->messages;
}

/* Messages that all have got make room for others. */
static void next_broadcasts(bench *b)
{
    uint32_t pipeline = b->set->pipeline;
    bool any = false;

    if (b->set->rate != 0)
        return;
    while (b->broadcast_done < b->broadcast_sent &&
           b->copies[b->broadcast_done % pipeline] >= b->n_receivers) {
        uint64_t since = b->stamps[b->broadcast_done % pipeline];
        if (is_counting(b) && b->now > since)
            bench_histogram_record(b->last_copy, b->now - since, 1);
        b->broadcast_done++;
        if (is_sending(b) && has_more_broadcasts(b)) {
            send_broadcast(b);
            any = true;
        }
    }
    if (any)
        bench_stream_flush(b, &b->conns[b->slots[0]]);
    if (b->broadcast_done == b->broadcast_sent && !has_more_broadcasts(b))
        b->phase_end = b->now;
}

static bool is_receiver(const bench *b, const bench_conn *c)
{
    return c->slot > 0 || b->n_slots == 1;
}

static void answered_broadcast(bench *b, bench_conn *c, uint32_t done)
{
    uint64_t have = b->broadcast_sent - c->done;
    bool receiver = is_receiver(b, c);

    if (done > have) { /* somebody else talks there, too */
        b->unsolicited += done - have;
        b->counts.messages -= done - have;
        done = (uint32_t)have;
    }
    for (uint32_t i = 0; i < done; i++, c->done++) {
        if (b->set->rate != 0) {
            if (receiver)
                record_due(b, c->done);
        } else {
            /* The sender is not waited for: its message's time may be another's by now. */
            if (is_counting(b) && receiver)
                record(b, b->stamps[c->done % b->set->pipeline], 1);
            b->copies[c->done % b->set->pipeline] += receiver;
        }
    }
    if (receiver) {
        b->outstanding -= done;
        next_broadcasts(b);
    }
}

void bench_load_answered(bench *b, bench_conn *c, uint32_t done)
{
    if (done == 0)
        return;
    b->counts.messages += done;
    if (b->set->mode == BENCH_BROADCAST) {
        answered_broadcast(b, c, done);
    } else if (done > c->in_flight) {
        bench_fail(b, c, "more messages came back than were sent");
    } else if (b->set->rate != 0) {
        answered_open(b, c, done);
    } else {
        answered_closed(b, c, done);
    }
}

void bench_load_opened(bench *b, bench_conn *c)
{
    b->failed_in_a_row = 0;
    if (b->set->mode != BENCH_HANDSHAKE) {
        bench_histogram_record(b->opening_time, b->now - c->began, 1);
        return;
    }
    b->counts.messages++;
    if (is_counting(b))
        record(b, c->began, 1);
    bench_close(b, c);
}

void bench_load_gone(bench *b, bench_conn *c)
{
    if (b->set->mode == BENCH_HANDSHAKE) {
        b->failed_in_a_row++;
        if (b->failed_in_a_row > MOST_FAILURES + b->n_conns)
            b->stop = true;
        if (b->phase < BENCH_PHASE_DRAIN)
            b->slots[b->n_slots++] = bench_index(b, c);
        return;
    }
    if (b->phase < BENCH_PHASE_WARMUP || b->phase >= BENCH_PHASE_END || b->stop)
        return;
    if (b->set->mode == BENCH_BROADCAST) {
        if (c->slot == 0) { /* without the sender it is over */
            b->unanswered_gone += b->outstanding;
            b->outstanding = 0;
            b->stop = true;
        } else {
            b->outstanding -= b->broadcast_sent - c->done;
            for (uint64_t m = b->broadcast_done; b->set->rate == 0 && m < c->done; m++)
                b->copies[m % b->set->pipeline]--;
            b->n_receivers--;
            if (b->n_receivers == 0)
                b->stop = true;
            else
                next_broadcasts(b);
        }
    } else {
        b->unanswered_gone += c->in_flight;
        b->outstanding -= c->in_flight;
        c->in_flight = 0;
    }
    if (b->n_open == 0)
        b->stop = true;
}

/* ------------------------------------------------------------------------------- phases -- */

static void begin_measure(bench *b)
{
    b->phase = BENCH_PHASE_MEASURE;
    b->n_held = b->n_open;
    take_moment(b, &b->begin);
    b->phase_end = b->now + (uint64_t)b->set->duration * 1000000u;
    b->due_end = b->phase_end;
    b->sample_at = b->now;
    b->sample_counts = b->counts;
    b->next_sample = b->now + b->sample_step;
    bench_histogram_clear(b->interval);
}

static void end_measure(bench *b)
{
    b->phase = BENCH_PHASE_DRAIN;
    if (b->set->mode == BENCH_HANDSHAKE)
        b->n_held = b->n_most;
    sample(b);
    take_moment(b, &b->end);
    b->phase_end = b->now + (uint64_t)b->set->timeout * 1000000u;
}

static void send_due(bench *b)
{
    uint64_t until = b->now < b->due_end ? b->now : b->due_end;
    uint64_t first = b->due_sent;

    while (due(b, b->due_sent) < until) {
        bench_conn *c = &b->conns[b->slots[b->due_sent % b->n_slots]];
        if (b->set->mode == BENCH_BROADCAST) {
            send_broadcast(b);
        } else if (c->fd >= 0) {
            c->owed++;
            c->in_flight++;
            b->outstanding++;
        } else {
            b->unanswered_gone++;
        }
        b->due_sent++;
    }
    uint64_t n = b->due_sent - first;
    if (n > b->n_slots)
        n = b->n_slots;
    if (b->set->mode == BENCH_BROADCAST && n > 0)
        n = 1, first = 0;
    for (uint64_t i = 0; i < n; i++)
        bench_stream_flush(b, &b->conns[b->slots[(first + i) % b->n_slots]]);
}

/* The first messages, all connections at once. */
static void begin_sending(bench *b)
{
    const bench_settings *set = b->set;

    b->due_begin = b->now;
    b->due_end = UINT64_MAX;
    if (set->mode == BENCH_IDLE || set->mode == BENCH_HANDSHAKE)
        return;
    for (uint32_t i = 0; i < b->n_slots && set->mode == BENCH_BROADCAST; i++)
        b->conns[b->slots[i]].in_flight = 1; /* they may get something at any time */
    if (set->rate != 0)
        return;
    if (set->mode == BENCH_BROADCAST) {
        for (uint32_t i = 0; i < set->pipeline && has_more_broadcasts(b); i++)
            send_broadcast(b);
        bench_stream_flush(b, &b->conns[b->slots[0]]);
        return;
    }
    for (uint32_t i = 0; i < b->n_slots; i++) {
        bench_conn *c = &b->conns[b->slots[i]];
        if (c->fd < 0)
            continue;
        uint64_t *stamps = b->stamps + (size_t)b->slots[i] * set->pipeline;
        b->now = bench_clock();
        for (uint32_t k = 0; k < set->pipeline; k++)
            stamps[k] = b->now;
        c->owed = c->in_flight = set->pipeline;
        b->outstanding += set->pipeline;
        bench_stream_flush(b, c);
    }
}

static bool is_drained(const bench *b)
{
    return b->set->mode == BENCH_HANDSHAKE ? b->n_opening + b->n_closing == 0 : b->outstanding == 0;
}

/* What the clock asks for. */
static void tick(bench *b)
{
    if (b->now >= b->next_scan) {
        bench_open_scan(b);
        b->next_scan = b->now + SCAN;
        if (bench_is_interrupted())
            b->interrupted = b->stop = true;
        bench_line_show(b);
    }
    if (b->phase == BENCH_PHASE_WARMUP && b->now >= b->phase_end && !b->stop) {
        begin_measure(b);
        if (b->set->messages > 0) {
            b->now = bench_clock();
            begin_sending(b);
        }
    }
    if (b->set->rate != 0 && is_sending(b) && !b->stop)
        send_due(b);
    if (b->phase == BENCH_PHASE_MEASURE) {
        if (b->now >= b->phase_end || b->stop)
            end_measure(b);
        else if (b->now >= b->next_sample) {
            sample(b);
            b->next_sample += b->sample_step;
            if (b->next_sample < b->now + b->sample_step / 2) /* late: no tiny interval follows */
                b->next_sample = b->now + b->sample_step;
        }
    }
    if (b->phase == BENCH_PHASE_WARMUP && b->stop)
        b->phase = BENCH_PHASE_END;
    if (b->phase == BENCH_PHASE_DRAIN && (b->now >= b->phase_end || b->stop || is_drained(b)))
        b->phase = BENCH_PHASE_END;
}

static uint64_t next_wait(const bench *b)
{
    uint64_t until = b->phase_end;

    if (b->set->spin)
        return 0;
    if (b->phase == BENCH_PHASE_MEASURE && b->next_sample < until)
        until = b->next_sample;
    if (b->next_scan < until)
        until = b->next_scan;
    if (b->set->rate != 0 && is_sending(b) && due(b, b->due_sent) < until)
        until = due(b, b->due_sent);
    if (b->queue_full && until > b->now + QUEUE_WAIT)
        until = b->now + QUEUE_WAIT;
    if (until <= b->now)
        return 0;
    return until - b->now < LONGEST_WAIT ? until - b->now : LONGEST_WAIT;
}

static void open_again(bench *b)
{
    uint32_t n = b->n_slots, i = 0;

    /* What fails at once is appended, and has its turn next time. */
    while (i < n && b->n_opening < b->set->opening && bench_open_one(b, &b->conns[b->slots[i]]))
        i++;
    b->n_slots -= i;
    memmove(b->slots, b->slots + i, b->n_slots * sizeof(*b->slots));
}

/* How many should have had message i of an open loop, and have not. */
static uint32_t lacking(const bench *b, uint64_t i)
{
    uint32_t n = 0;

    if (b->set->mode == BENCH_ECHO)
        return i / b->n_slots >= b->conns[b->slots[i % b->n_slots]].done;
    for (uint32_t k = 0; k < b->n_slots; k++) {
        const bench_conn *c = &b->conns[b->slots[k]];
        n += c->fd >= 0 && is_receiver(b, c) && i >= c->done;
    }
    return n;
}

/* What never came, counted with the time that it was waited for. */
static void record_missing(bench *b)
{
    for (uint64_t i = b->due_sent; i-- > 0 && due(b, i) >= b->begin.time;) {
        uint32_t n = lacking(b, i);
        if (n > 0)
            record(b, due(b, i), n);
        else if (b->set->mode == BENCH_BROADCAST)
            return; /* nor do they lack those before */
    }
}

static void course(bench *b)
{
    b->now = bench_clock();
    b->phase = BENCH_PHASE_WARMUP;
    /* A given number of messages all count, so none is for warming up. */
    b->phase_end = b->now + (b->set->messages > 0 ? 0 : (uint64_t)b->set->warmup * 1000000u);
    if (b->set->messages == 0)
        begin_sending(b);
    while (b->phase != BENCH_PHASE_END) {
        tick(b);
        if (b->phase == BENCH_PHASE_END)
            break;
        bench_stream_turn(b, next_wait(b));
        if (b->set->mode == BENCH_HANDSHAKE && is_sending(b) && !b->stop) {
            bench_open_more(b); /* first, so that there are as many as may be */
            open_again(b);
        }
    }
    if (b->begin.time == 0)
        return;
    if (b->interrupted) {
        if (b->outstanding + b->unanswered_gone > 0 &&
            b->counts.messages == b->begin.counts.messages)
            bench_error(b, 1, "nothing was answered before it was interrupted");
        return;
    }
    if (b->set->mode == BENCH_ECHO || b->set->mode == BENCH_BROADCAST)
        b->unanswered = b->outstanding + b->unanswered_gone;
    if (b->outstanding > 0)
        bench_error(b, b->outstanding, "no answer within %g s", b->set->timeout / 1000.0);
    if (b->unanswered_gone > 0)
        bench_error(b, b->unanswered_gone, "no answer, since the connection was gone");
    if (b->set->rate != 0)
        record_missing(b);
    bench_histogram_add(b->latency, b->interval);
    if (b->set->rate != 0)
        take_moment(b, &b->end);
}

/* ---------------------------------------------------------------------------- beginning -- */

static bool allocate(bench *b)
{
    const bench_settings *set = b->set;
    size_t n = set->mode == BENCH_BROADCAST ? set->pipeline : (size_t)b->n_conns * set->pipeline;

    b->conns = calloc(b->n_conns, sizeof(*b->conns));
    b->readers = calloc(b->n_conns, sizeof(*b->readers));
    b->slots = calloc((size_t)b->n_conns * 2, sizeof(*b->slots));
    b->stamps = calloc(n, sizeof(*b->stamps));
    b->copies = calloc(set->pipeline, sizeof(*b->copies));
    b->latency = malloc(sizeof(*b->latency));
    b->interval = malloc(sizeof(*b->interval));
    b->opening_time = malloc(sizeof(*b->opening_time));
    b->last_copy = malloc(sizeof(*b->last_copy));
    b->samples = calloc(BENCH_SAMPLES, sizeof(*b->samples));
    if (b->conns == NULL || b->readers == NULL || b->slots == NULL || b->stamps == NULL ||
        b->copies == NULL || b->latency == NULL || b->interval == NULL || b->opening_time == NULL ||
        b->last_copy == NULL || b->samples == NULL || !bench_stream_init(b)) {
        cli_error("bench", "out of memory");
        return false;
    }
    for (uint32_t i = 0; i < b->n_conns; i++)
        b->conns[i].fd = -1;
    bench_histogram_clear(b->latency);
    bench_histogram_clear(b->interval);
    bench_histogram_clear(b->opening_time);
    bench_histogram_clear(b->last_copy);
    return true;
}

/* A file descriptor for each connection, and some. */
static bool raise_open_files(uint32_t n)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return true;
    rlim_t wanted = (rlim_t)n + 64;
    if (limit.rlim_cur < wanted) {
        struct rlimit more = limit;
        more.rlim_cur = wanted;
        if (more.rlim_max < wanted)
            more.rlim_max = wanted;
        if (setrlimit(RLIMIT_NOFILE, &more) != 0) {
            cli_error("bench",
                      "%u connections need %llu open files; the limit is %llu (ulimit -Hn)", n,
                      (unsigned long long)wanted, (unsigned long long)limit.rlim_max);
            return false;
        }
    }
    return true;
}

/* Some servers greet. Where one has done so, all get the time for it, so that a greeting is not
 * taken for an echo. */
static void await_greetings(bench *b)
{
    uint64_t until = b->now + 2000000u;
    bool longer = false;

    while (b->now < until && !(longer && b->unsolicited >= b->n_open)) {
        bench_stream_turn(b, until - b->now);
        if (b->unsolicited > 0 && !longer) {
            until = b->now + 500000000u;
            longer = true;
        }
    }
}

static void open_all(bench *b)
{
    uint64_t last; /* when the server took one */
    uint32_t taken = 0;

    b->phase = BENCH_PHASE_OPENING;
    last = b->open_began = b->now = bench_clock();
    while (!b->interrupted && (b->next_conn < b->n_conns || b->n_opening > 0)) {
        bench_open_more(b);
        if (b->next_conn > taken) {
            taken = b->next_conn;
            last = b->now;
        }
        bench_stream_turn(b, b->queue_full ? QUEUE_WAIT : LONGEST_WAIT);
        if (b->now >= b->next_scan) {
            bench_open_scan(b);
            b->next_scan = b->now + SCAN;
            b->interrupted = bench_is_interrupted();
            bench_line_show(b);
        }
        /* A queue that stays full is no server. */
        if (b->queue_full && b->n_opening == 0 &&
            b->now > last + (uint64_t)b->set->open_timeout * 1000000u) {
            bench_error(b, 1, "the server takes no %sconnections", b->opened > 0 ? "more " : "");
            break;
        }
    }
    b->queue_full = false;
    b->open_ended = b->now;
    if (b->n_open > 0 && !b->interrupted)
        await_greetings(b);
}

/* Who takes part in what comes now: those that are open. */
static void take_places(bench *b)
{
    for (uint32_t i = 0; i < b->next_conn; i++) {
        if (b->conns[i].state == BENCH_OPEN) {
            b->conns[i].slot = b->n_slots;
            b->slots[b->n_slots++] = i;
        }
    }
    b->n_receivers = b->n_slots > 1 ? b->n_slots - 1 : b->n_slots;
}

/* So that somebody can look at the server while it has all connections and no work. */
static void await_word(bench *b)
{
    struct pollfd word = {.fd = STDIN_FILENO, .events = POLLIN};
    char ignored[256];

    fprintf(stderr, "%u open\n", b->n_open);
    while (!b->interrupted && poll(&word, 1, 0) <= 0) {
        bench_stream_turn(b, WORD_WAIT);
        b->interrupted = bench_is_interrupted();
    }
    if (!b->interrupted)
        (void)!read(STDIN_FILENO, ignored, sizeof(ignored));
    bench_stream_turn(b, 0); /* who left before the word has left */
}

/* io_uring, where it is wanted and of use. */
static bool begin_ring(bench *b)
{
    const bench_settings *set = b->set;
    bool fits = b->target.tls == NULL && (set->mode == BENCH_ECHO || set->mode == BENCH_BROADCAST);

    if (set->io == BENCH_IO_URING && !fits)
        cli_error("bench", "--io uring: this goes through epoll, as %s",
                  b->target.tls != NULL ? "TLS does" : "opening and closing do");
    if (set->io == BENCH_IO_EPOLL || !fits ||
        (set->io == BENCH_IO_AUTO && b->plan.size > BENCH_RING_LARGEST))
        return true;
    int e = bench_ring_begin(b);
    if (e < 0 && set->io == BENCH_IO_URING) {
        cli_error("bench", "io_uring cannot be used: %s", strerror(-e));
        return false;
    }
    b->rode_ring = e == 0;
    return true;
}

static void open_series(bench *b)
{
    b->phase = BENCH_PHASE_OPENING;
    b->open_began = b->now = bench_clock();
    bench_open_more(b);
}

/* How long none of the connections that are to be closed may end. */
static uint64_t longest_standstill(const bench *b)
{
    uint64_t span = (uint64_t)b->set->timeout * 1000000u;

    return bench_is_interrupted() && span > LONGEST_GOODBYE ? LONGEST_GOODBYE : span;
}

static void close_all(bench *b)
{
    b->phase = BENCH_PHASE_END;
    b->now = bench_clock();
    for (uint32_t i = 0; i < b->next_conn; i++) {
        bench_conn *c = &b->conns[i];
        if (c->fd >= 0 && (c->in_flight > 0 && b->set->mode == BENCH_ECHO))
            bench_drop(b, c, true);
        else if (c->state == BENCH_OPEN)
            bench_close(b, c);
        else if (c->fd >= 0 && c->state != BENCH_CLOSING)
            bench_drop(b, c, true);
        if (i % 64 == 63)
            bench_stream_turn(b, 0);
    }
    /* Many take long, even from a server that closes them as fast as it can. */
    uint64_t last = b->now;
    uint32_t left = b->n_closing;
    while (b->n_closing > 0 && b->now < last + longest_standstill(b)) {
        bench_stream_turn(b, LONGEST_WAIT);
        if (b->n_closing < left) {
            left = b->n_closing;
            last = b->now;
        }
        if (b->now < b->next_scan)
            continue;
        b->next_scan = b->now + SCAN;
        for (uint32_t i = 0; i < b->next_conn; i++) {
            bench_conn *c = &b->conns[i];
            if (c->state == BENCH_CLOSING && b->now >= c->deadline)
                bench_drop(b, c, true);
        }
    }
    for (uint32_t i = 0; i < b->next_conn; i++) {
        bench_drop(b, &b->conns[i], true);
        b->n_answered += b->conns[i].answered;
    }
}

int bench_load_run(bench *b)
{
    const bench_settings *set = b->set;

    b->n_conns = set->connections;
    if (!raise_open_files(b->n_conns) || !allocate(b))
        return BENCH_EXIT_NOTHING;
    /* Waits end when they should, not 50 us later. */
    (void)prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0);
    b->due_step = set->rate > 0 ? 1e9 / (double)set->rate : 0;
    b->sample_step = (uint64_t)set->duration * 1000000u / 240;
    if (b->sample_step < 20000000u)
        b->sample_step = 20000000u;
    if (set->pid != 0 && !bench_process_read(set->pid, &b->server_before)) {
        cli_error("bench", "--pid %u: there is no such process", set->pid);
        return CLI_EXIT_USAGE;
    }
    bench_line_begin(b);
    if (set->mode == BENCH_HANDSHAKE) {
        open_series(b);
    } else {
        open_all(b);
        if (set->wait && b->n_open > 0 && !b->interrupted)
            await_word(b);
        take_places(b);
    }
    bool load = set->mode == BENCH_HANDSHAKE || b->n_slots > 0;
    bool refused = load && !begin_ring(b);
    if (load && !refused)
        course(b);
    bench_ring_end(b);
    if (b->begin.time != 0 && b->end.time == 0)
        take_moment(b, &b->end);
    close_all(b);
    bench_line_end(b);
    b->server_known = set->pid != 0 && bench_process_read(set->pid, &b->server_after);
    if (!refused && b->begin.time == 0 && (b->opened > 0 || b->interrupted))
        bench_error(b, 1, "it ended before anything was measured");
    if (refused || b->opened == 0)
        return BENCH_EXIT_NOTHING;
    return b->errors.n > 0 ? CLI_EXIT_FAILURE : 0;
}

void bench_load_deinit(bench *b)
{
    bench_stream_deinit(b);
    free(b->conns);
    free(b->readers);
    free(b->slots);
    free(b->stamps);
    free(b->copies);
    free(b->latency);
    free(b->interval);
    free(b->opening_time);
    free(b->last_copy);
    free(b->samples);
}
