/* SPDX-License-Identifier: MIT */
/*
 * The loop itself, whatever the backend: turns, posted calls, stopping, busy polling, and the
 * list of streams that have something to do at the end of a turn. The order of a turn is
 * described in loop_priv.h.
 */
#include "net/loop_priv.h"
#include "util/option_struct.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <sys/eventfd.h>

#define RECV_BUFFER_DEFAULT ((size_t)256 * 1024)
#define RECV_BUFFER_MIN     ((size_t)4 * 1024)
#define RECV_BUFFER_MAX     ((size_t)16 * 1024 * 1024)
/* Spins that may fail in a row before the loop takes it that the traffic has ended. */
#define BUSY_CREDIT 16
/* Longer than this, in ms, no turn takes that has only its work to do; and longer than that no
 * deadline is put off behind one that did. */
#define STANDSTILL     100
#define STANDSTILL_MAX 10000
/* Posted calls that run in one turn, and microseconds behind which no further one is begun: whoever
 * makes other threads post much must not keep this one from its sockets and timers. */
#define POSTS_MAX 256
#define POSTS_US  2000

struct wsk__post {
    wsk__post *next;
    void (*fn)(void *ud);
    void *ud;
};

/* -------------------------------------------------------------------------------- clock -- */

uint64_t wsk__loop_clock(const wsk_loop *loop)
{
    return loop->sys->clock_us() / 1000;
}

uint64_t wsk_loop_now(const wsk_loop *loop)
{
    return loop->in_turn ? loop->now : wsk__loop_clock(loop);
}

uint64_t wsk__loop_heard(const wsk_loop *loop)
{
    return loop->in_turn ? loop->now - loop->unheard : wsk__loop_clock(loop);
}

bool wsk__loop_is_late(const wsk_loop *loop)
{
    const uint64_t now = wsk_loop_now(loop);

    return now >> WSK__WHEEL_SHIFT > loop->wheel.tick && wsk__wheel_next(&loop->wheel) <= now;
}

/* ---------------------------------------------------------------------- making, freeing -- */

static int choose_backend(wsk_loop *loop, wsk_io io)
{
#ifdef WSK_HAVE_URING
    if (io != WSK_IO_EPOLL) {
        loop->io = &wsk__io_uring;
        int r = loop->io->open(loop);
        if (r == WSK_OK)
            return r;
        /* Memory may be short for the locked pages of the rings only (RLIMIT_MEMLOCK). */
        if (io == WSK_IO_URING)
            return r;
        wsk__log(loop->hooks, WSK_LOG_INFO, "io_uring is not to be had here (%s), using epoll",
                 strerror(errno));
    }
#else
    if (io == WSK_IO_URING)
        return WSK_ERR_NOTSUP;
#endif
    loop->io = &wsk__io_epoll;
    return loop->io->open(loop);
}

void wsk__loop_finish(wsk_loop *loop)
{
    wsk__free(loop->hooks, loop->heap);
    wsk__free(loop->hooks, loop);
}

static void free_parts(wsk_loop *loop)
{
    if (loop->wake_fd >= 0)
        close(loop->wake_fd);
    pthread_mutex_destroy(&loop->post_lock);
    wsk__free(loop->hooks, loop->scratch);
    wsk__tls_room_free(loop);
    if (loop->timers > 0) {
        wsk__log(loop->hooks, WSK_LOG_ERROR,
                 "wsk_loop_free(): %zu of its timers are not freed, and never fire now",
                 loop->timers);
        loop->dead = true;
        return;
    }
    wsk__loop_finish(loop);
}

int wsk__loop_new_on(wsk_loop **ret, const wsk_loop_options *options, const wsk__sys *sys)
{
    wsk_loop_options o = WSK_LOOP_OPTIONS_INIT;

    if (options != NULL && !wsk__options_take(&o, sizeof(o), options, options->size))
        return WSK_ERR_INVAL;
    if (ret == NULL || !wsk__hooks_fit(o.hooks))
        return WSK_ERR_INVAL;
    if ((unsigned)o.io > WSK_IO_EPOLL) {
        wsk__log(o.hooks, WSK_LOG_ERROR, "loop: unknown io %d", (int)o.io);
        return WSK_ERR_INVAL;
    }
    if (o.recv_buffer == 0)
        o.recv_buffer = RECV_BUFFER_DEFAULT;
    if (o.recv_buffer < RECV_BUFFER_MIN || o.recv_buffer > RECV_BUFFER_MAX) {
        wsk__log(o.hooks, WSK_LOG_ERROR, "loop: recv_buffer must be %zu to %zu, not %zu",
                 RECV_BUFFER_MIN, RECV_BUFFER_MAX, o.recv_buffer);
        return WSK_ERR_INVAL;
    }

    wsk_loop *loop = wsk__alloc0(o.hooks, sizeof(*loop));
    if (loop == NULL)
        return WSK_ERR_NOMEM;
    loop->hooks = o.hooks;
    loop->sys = sys;
    loop->busy_us = o.busy_poll_us;
    loop->recv_cap = o.recv_buffer;
    loop->now = wsk__loop_clock(loop);
    loop->dirty_end = &loop->dirty;
    loop->later_end = &loop->later;
    loop->post_end = &loop->post;
    loop->taken_end = &loop->taken;
    wsk__wheel_init(&loop->wheel, loop->now);
    atomic_init(&loop->stop, 0);
    atomic_init(&loop->callers, 0);
    pthread_mutex_init(&loop->post_lock, NULL);
    int r = WSK_ERR_NOMEM;
    loop->wake_fd = -1;
    loop->scratch = wsk__alloc(loop->hooks, WSK__SCRATCH);
    if (loop->scratch != NULL) {
        r = WSK_ERR_SYS;
        loop->wake_fd = sys->eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (loop->wake_fd >= 0)
            r = choose_backend(loop, o.io);
    }
    if (r < 0) {
        int err = errno;
        free_parts(loop);
        errno = err;
        return r;
    }
    *ret = loop;
    return WSK_OK;
}

int wsk_loop_new(wsk_loop **ret, const wsk_loop_options *options)
{
    return wsk__loop_new_on(ret, options, &wsk__sys_default);
}

/* --------------------------------------------------------------------------- dirty list -- */

void wsk__loop_dirty(wsk__stream *s)
{
    if (s->state & WSK__S_DIRTY)
        return;
    s->state |= WSK__S_DIRTY;
    s->next_dirty = NULL;
    *s->loop->dirty_end = s;
    s->loop->dirty_end = &s->next_dirty;
}

void wsk__loop_later(wsk__stream *s)
{
    if (s->state & WSK__S_DIRTY)
        return;
    s->state |= WSK__S_DIRTY | WSK__S_LATER;
    s->next_dirty = NULL;
    *s->loop->later_end = s;
    s->loop->later_end = &s->next_dirty;
}

void wsk__loop_spend(wsk__stream *s)
{
    s->spent = true;
    wsk__loop_later(s);
}

static void finish(wsk__stream *s)
{
    wsk_loop *loop = s->loop;
    wsk__stream_tls *tls = s->tls;

    s->tls = NULL;
    s->state = WSK__S_CLOSED;
    wsk__ops(s)->closed(s);
    /* Only now: the text of `lost` may be the session's. */
    wsk__stream_tls_free(loop, tls);
}

void wsk__loop_at_end(wsk_loop *loop, wsk__turn_end *t)
{
    if (t->waits)
        return;
    t->waits = true;
    t->next = loop->ends;
    loop->ends = t;
}

void wsk__loop_forget_end(wsk_loop *loop, wsk__turn_end *t)
{
    wsk__turn_end **at = &loop->ends;

    if (!t->waits)
        return;
    while (*at != t)
        at = &(*at)->next;
    *at = t->next;
    t->waits = false;
}

/* Whose share is used up is not read from nor written to, but told what is due. It stays on the
 * list, also when it is closed thereby; others are only ever added behind it. */
static void run_due(wsk_loop *loop)
{
    loop->later_due = 0;
    for (wsk__stream *s = loop->later; s != NULL; s = s->next_dirty) {
        if (!s->due)
            continue;
        s->due = false;
        if (!(s->state & WSK__S_CLOSED))
            wsk__ops(s)->expired(s);
    }
}

static void run_dirty(wsk_loop *loop)
{
    while (loop->dirty != NULL || loop->later_due > 0 || loop->later_closed > 0 ||
           loop->ends != NULL) {
        wsk__stream *s = loop->dirty;

        if (s != NULL) {
            loop->dirty = s->next_dirty;
            if (loop->dirty == NULL)
                loop->dirty_end = &loop->dirty;
            s->state &= ~(uint32_t)WSK__S_DIRTY;
            if (s->state & WSK__S_CLOSED)
                finish(s);
            else
                wsk__stream_run(s);
            continue;
        }
        if (loop->later_due > 0) {
            run_due(loop);
            continue;
        }
        if (loop->ends != NULL) {
            wsk__turn_end *t = loop->ends;

            loop->ends = t->next;
            t->waits = false;
            t->run(t);
            continue;
        }
        /* `closed` is not put off to the next turn. */
        loop->later_closed = 0;
        loop->later_end = &loop->later;
        while ((s = *loop->later_end) != NULL) {
            if (s->state & WSK__S_CLOSED) {
                *loop->later_end = s->next_dirty;
                s->state &= ~(uint32_t)(WSK__S_DIRTY | WSK__S_LATER);
                wsk__loop_dirty(s);
            } else {
                loop->later_end = &s->next_dirty;
            }
        }
    }
}

static void run_later(wsk_loop *loop)
{
    wsk__stream *s, **at = &loop->later;

    for (unsigned spent = 0; (s = *at) != NULL;) {
        /* However many there are, what comes of other streams is looked at in between; and those
         * that wait for something else do not wait behind them. */
        if (s->spent && spent++ >= WSK__LATER_MAX) {
            at = &s->next_dirty;
            continue;
        }
        *at = s->next_dirty;
        if (s->state & WSK__S_CLOSED)
            loop->later_closed--;
        if (s->due)
            loop->later_due--;
        s->spent = false;
        s->state &= ~(uint32_t)(WSK__S_DIRTY | WSK__S_LATER);
        wsk__loop_dirty(s);
    }
    loop->later_end = at;
}

/* ----------------------------------------------------------------- posting and stopping -- */

/* The list of posted calls is the one thing that other threads touch. Its memory comes from the
 * C library, because the hooks are called on the loop's thread only. */
/* The loop may have heard of a call, ended its run and be freed by the thread that runs it before
 * whoever called goes on: wsk_loop_free() waits until he has. Fit for signal handlers. */
static void enter_call(wsk_loop *loop)
{
    atomic_fetch_add(&loop->callers, 1);
}

static void leave_call(wsk_loop *loop)
{
    atomic_fetch_sub(&loop->callers, 1);
}

int wsk_loop_post(wsk_loop *loop, void (*fn)(void *ud), void *ud)
{
    wsk__post *p = loop->sys->malloc(sizeof(*p));

    if (p == NULL)
        return WSK_ERR_NOMEM;
    enter_call(loop);
    p->next = NULL;
    p->fn = fn;
    p->ud = ud;
    pthread_mutex_lock(&loop->post_lock);
    bool first = loop->post == NULL;
    *loop->post_end = p;
    loop->post_end = &p->next;
    pthread_mutex_unlock(&loop->post_lock);
    if (first)
        eventfd_write(loop->wake_fd, 1);
    leave_call(loop);
    return WSK_OK;
}

void wsk_loop_stop(wsk_loop *loop)
{
    int err = errno;

    enter_call(loop);
    atomic_store(&loop->stop, 1);
    eventfd_write(loop->wake_fd, 1);
    leave_call(loop);
    errno = err;
}

void wsk__loop_woken(wsk_loop *loop)
{
    loop->woken = true;
}

static void take_posted(wsk_loop *loop)
{
    eventfd_t count;

    loop->woken = false;
    /* Before the list is taken, so that no call is left behind without a wake-up. */
    eventfd_read(loop->wake_fd, &count);
    pthread_mutex_lock(&loop->post_lock);
    if (loop->post != NULL) {
        *loop->taken_end = loop->post;
        loop->taken_end = loop->post_end;
    }
    loop->post = NULL;
    loop->post_end = &loop->post;
    pthread_mutex_unlock(&loop->post_lock);
}

/* What is left over runs in the next turn, which does not wait. */
static void run_posted(wsk_loop *loop)
{
    if (loop->woken)
        take_posted(loop);
    if (loop->taken == NULL)
        return;
    uint64_t start = loop->sys->clock_us();
    for (unsigned n = 0; loop->taken != NULL && n < POSTS_MAX; n++) {
        wsk__post *p = loop->taken;

        loop->taken = p->next;
        if (loop->taken == NULL)
            loop->taken_end = &loop->taken;
        p->fn(p->ud);
        free(p);
        if (loop->sys->clock_us() - start >= POSTS_US)
            break;
    }
}

/* -------------------------------------------------------------------------------- users -- */

void wsk__loop_join(wsk_loop *loop, wsk__loop_user kind)
{
    loop->users[kind]++;
}

void wsk__loop_part(wsk_loop *loop, wsk__loop_user kind)
{
    loop->users[kind]--;
}

const wsk_hooks *wsk__loop_hooks(const wsk_loop *loop)
{
    return loop->hooks;
}

void wsk__loop_enter(wsk_loop *loop)
{
    loop->calls++;
}

void wsk__loop_leave(wsk_loop *loop)
{
    loop->calls--;
}

bool wsk__loop_is_busy(const wsk_loop *loop)
{
    return loop->in_turn || loop->calls > 0;
}

/* Posted calls may post, close streams, and so on. */
static void settle(wsk_loop *loop)
{
    loop->in_turn = true;
    do {
        loop->woken = true;
        run_posted(loop);
        run_dirty(loop); /* which finishes those that are closed, wherever they stand */
    } while (loop->taken != NULL || loop->post != NULL);
    loop->in_turn = false;
}

void wsk_loop_free(wsk_loop *loop)
{
    if (loop == NULL)
        return;
    /* What would crash, here or later in whoever is still there, is a leak and a line in the log
     * instead. */
    if (wsk__loop_is_busy(loop)) {
        wsk__log(loop->hooks, WSK_LOG_ERROR,
                 "wsk_loop_free(): not within a handler, a posted call or a timer's function: "
                 "nothing is freed");
        return;
    }
    settle(loop);
    if (loop->users[WSK__LOOP_SERVER] + loop->users[WSK__LOOP_CLIENT] > 0) {
        wsk__log(loop->hooks, WSK_LOG_ERROR,
                 "wsk_loop_free(): nothing is freed, for it still has servers (%zu) or clients "
                 "(%zu)",
                 loop->users[WSK__LOOP_SERVER], loop->users[WSK__LOOP_CLIENT]);
        return;
    }
    wsk__resolver_leave(loop->resolver);
    loop->resolver = NULL;
    settle(loop);
    while (atomic_load(&loop->callers) > 0)
        sched_yield();
    loop->in_turn = true; /* streams that are left over are told nothing any more */
    loop->io->close(loop);
    free_parts(loop);
}

/* -------------------------------------------------------------------------------- turns -- */

static uint64_t next_due(const wsk_loop *loop)
{
    uint64_t a = wsk__timers_next(loop), b = wsk__wheel_next(&loop->wheel);

    return a < b ? a : b;
}

/* Waits at most so long, or until the next timer. */
static int until_due(const wsk_loop *loop, uint64_t now, int timeout_ms)
{
    uint64_t due = next_due(loop);

    if (due == UINT64_MAX)
        return timeout_ms;
    uint64_t rest = due > now ? due - now : 0;
    if (rest > INT32_MAX)
        rest = INT32_MAX;
    return timeout_ms < 0 || rest < (uint64_t)timeout_ms ? (int)rest : timeout_ms;
}

int wsk_loop_timeout(const wsk_loop *loop)
{
    if (loop->dirty != NULL || loop->later != NULL || loop->ends != NULL || loop->taken != NULL ||
        loop->io->queued(loop))
        return 0;
    return until_due(loop, wsk__loop_clock(loop), -1);
}

int wsk_loop_fd(const wsk_loop *loop)
{
    return loop->io->fd(loop);
}

const char *wsk_loop_io_name(const wsk_loop *loop)
{
    return loop->io->name;
}

/*
 * Most of the latency of a quiet connection is the processor's way to sleep and back. Spinning
 * for a moment before blocking saves it, as long as something does come in that moment; when it
 * does not, again and again, spinning stops until events come quickly again.
 */
static int wait_busily(wsk_loop *loop, int timeout_ms)
{
    uint64_t start = loop->sys->clock_us();
    int r = 0;

    if (loop->busy_credit > 0) {
        uint64_t spin = loop->busy_us;

        if (timeout_ms > 0 && spin > (uint64_t)timeout_ms * 1000)
            spin = (uint64_t)timeout_ms * 1000;
        do {
            if (loop->io->ready == NULL || loop->io->queued(loop) || loop->io->ready(loop))
                r = loop->io->wait(loop, 0);
        } while (r == 0 && loop->sys->clock_us() - start < spin);
        if (r != 0) {
            loop->busy_credit = BUSY_CREDIT;
            return r;
        }
        loop->busy_credit--;
        start = loop->sys->clock_us();
    }
    r = loop->io->wait(loop, timeout_ms);
    /* Waking up takes time too, so "quickly" is measured with a wide margin. */
    if (r > 0 && loop->sys->clock_us() - start < (uint64_t)loop->busy_us * 4)
        loop->busy_credit = loop->busy_credit + 2 < BUSY_CREDIT ? loop->busy_credit + 2
                                                                : BUSY_CREDIT;
    return r;
}

static void expired(wsk__stream *s)
{
    wsk__ops(s)->expired(s);
}

/*
 * A call that takes long, or a machine that sleeps, lets a loop stand still. Behind that all
 * deadlines are over at once, but what peers have said in time may wait in the sockets, more of it
 * than one wait finds: it is heard first. That may take as long as the standstill did, lest
 * deadlines be put off for ever. True if it stood still until now.
 */
static bool note_standstill(wsk_loop *loop, uint64_t expected)
{
    if (loop->now <= expected + STANDSTILL)
        return false;
    if (loop->behind_until == 0) {
        uint64_t stood = loop->now - expected;
        loop->behind_until = loop->now + (stood < STANDSTILL_MAX ? stood : STANDSTILL_MAX);
    }
    return true;
}

/* Returns what it had shown before. */
static uint64_t look_at_clock(wsk_loop *loop)
{
    uint64_t last = loop->now;

    loop->now = wsk__loop_clock(loop);
    return last;
}

/* By when the turn behind one at `last` had to begin: a program with a loop of its own comes when
 * something is due, and nothing is missed before. */
static uint64_t due_turn(const wsk_loop *loop, uint64_t last)
{
    uint64_t due = next_due(loop);

    if (due > UINT64_MAX / 2)
        return UINT64_MAX / 2;
    return due > last ? due : last;
}

/* Whether timers may fire, r being what the wait has returned. */
static bool is_caught_up(wsk_loop *loop, int r)
{
    if (loop->behind_until != 0 && r >= loop->io->batch && loop->now < loop->behind_until)
        return false;
    loop->behind_until = 0;
    return true;
}

/* What has come since the last wait stands in the sockets. Where a program waits by itself between
 * two turns, that was the time until the one before ended. */
static void note_unheard(wsk_loop *loop, uint64_t last)
{
    uint64_t end = loop->left_at < loop->now ? loop->left_at : loop->now;

    if (end > last)
        loop->unheard += end - last;
}

static int turn(wsk_loop *loop, int timeout_ms, bool more)
{
    uint64_t last = look_at_clock(loop);
    note_unheard(loop, last);
    if (WSK__UNLIKELY(loop->now > last + STANDSTILL))
        (void)note_standstill(loop, due_turn(loop, last));
    loop->in_turn = true;
    /* What was done between the turns has consequences now, perhaps the one that the program is
     * waiting for: a single turn does not block behind that. */
    if (!more && (loop->dirty != NULL || loop->ends != NULL))
        timeout_ms = 0;
    loop->at_work = NULL;
    if (loop->dirty != NULL || loop->later != NULL || loop->ends != NULL) {
        run_later(loop);
        run_dirty(loop);
        last = look_at_clock(loop);
        loop->unheard += loop->now - last;
        (void)note_standstill(loop, last);
    }
    if (loop->later != NULL || loop->taken != NULL)
        timeout_ms = 0;
    timeout_ms = until_due(loop, loop->now, timeout_ms);
    int r = loop->busy_us != 0 && timeout_ms != 0 ? wait_busily(loop, timeout_ms)
                                                  : loop->io->wait(loop, timeout_ms);
    last = look_at_clock(loop);
    /* Whoever stopped the process may have done so when the wait had looked already. */
    const bool stood = note_standstill(loop, timeout_ms >= 0 ? last + (unsigned)timeout_ms
                                                             : UINT64_MAX / 2);
    if (loop->now > last + STANDSTILL)
        loop->unheard = 0; /* it did wait: nothing had come */
    loop->at_work = NULL;
    if (r > 0)
        loop->io->dispatch(loop);
    run_posted(loop);
    if (is_caught_up(loop, stood ? loop->io->batch : r)) {
        /* Sends that were queued for the room that peers have made are tried before their time is
         * up. */
        if (loop->io->submit != NULL && wsk__loop_is_late(loop) && loop->io->queued(loop))
            loop->io->submit(loop);
        if (loop->heap_n > 0)
            wsk__timers_fire(loop);
        wsk__wheel_fire(&loop->wheel, loop->now, expired);
    }
    run_dirty(loop);
    /* Within wsk_loop_run() the next wait submits; nobody knows when the next single turn is. */
    if (!more && loop->io->submit != NULL && loop->io->queued(loop)) {
        loop->io->submit(loop);
        run_dirty(loop);
    }
    if (r < loop->io->batch)
        loop->unheard = 0;
    loop->left_at = more ? UINT64_MAX : wsk__loop_clock(loop);
    loop->in_turn = false;
    return r < 0 ? WSK_ERR_SYS : WSK_OK;
}

/* A turn within another one would give events to those who are in the midst of one, and end what
 * the outer turn still looks at. */
static int check_turn(const wsk_loop *loop, const char *name)
{
    if (!wsk__loop_is_busy(loop))
        return WSK_OK;
    wsk__log(loop->hooks, WSK_LOG_ERROR,
             "%s(): not within a handler, a posted call or a timer's function: nothing is done",
             name);
    return WSK_ERR_STATE;
}

int wsk_loop_turn(wsk_loop *loop, int timeout_ms)
{
    WSK_TRY(check_turn(loop, "wsk_loop_turn"));
    return turn(loop, timeout_ms, false);
}

int wsk_loop_run(wsk_loop *loop)
{
    WSK_TRY(check_turn(loop, "wsk_loop_run"));
    while (!atomic_exchange(&loop->stop, 0))
        WSK_TRY(turn(loop, -1, true));
    if (loop->io->submit != NULL && loop->io->queued(loop)) {
        loop->in_turn = true;
        loop->io->submit(loop);
        run_dirty(loop);
        loop->in_turn = false;
    }
    return WSK_OK;
}
