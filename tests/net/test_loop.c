/* SPDX-License-Identifier: MIT */
/* The loop itself on both backends: timers, posted calls, stopping, nesting in poll(2), spinning,
 * and where no io_uring is to be had. */
#include "endpoint.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/time.h>
#include <unistd.h>

/* -------------------------------------------------------------------------------- timers -- */

static unsigned order[64];
static unsigned n_order;

typedef struct tick {
    wsk_timer *timer;
    wsk_loop *loop;
    unsigned name;
    uint64_t due, fired_at;
    wsk_timer *frees, *cancels;
    unsigned again; /* sets itself so often */
} tick;

static void on_tick(void *ud)
{
    tick *t = ud;

    order[n_order++ % WSK__COUNT(order)] = t->name;
    t->fired_at = wsk_loop_now(t->loop);
    if (t->cancels != NULL)
        wsk_timer_cancel(t->cancels);
    wsk_timer_free(t->frees);
    if (t->frees == t->timer)
        t->timer = NULL;
    if (t->again > 0) {
        t->again--;
        wsk_timer_set(t->timer, 0);
    }
}

static void tick_new(tick *t, wsk_loop *loop, unsigned name, uint64_t delay)
{
    memset(t, 0, sizeof(*t));
    t->loop = loop;
    t->name = name;
    t->due = wsk_loop_now(loop) + delay;
    assert_int_equal(wsk_timer_new(&t->timer, loop, on_tick, t), WSK_OK);
    wsk_timer_set(t->timer, delay);
}

static void test_timers_in_order(void **state)
{
    const unsigned delay[] = {30, 10, 20, 10, 0, 50, 10, 40};
    const unsigned expected[] = {4, 1, 3, 6, 2, 0, 7, 5};
    net_test t;
    tick ticks[8] = {{0}};
    uint64_t start;

    net_test_init(&t, state);
    net_test_loop(&t);
    n_order = 0;
    /* Each delay counts from its own call: what takes too long sets other times than are meant. */
    do {
        for (unsigned i = 0; i < 8; i++)
            wsk_timer_free(ticks[i].timer);
        start = clock_ms();
        for (unsigned i = 0; i < 8; i++)
            tick_new(&ticks[i], t.loop, i, delay[i]);
    } while (clock_ms() - start >= 8);
    turn_until(t.loop, &n_order, 8);
    for (unsigned i = 0; i < 8; i++) {
        assert_int_equal(order[i], expected[i]);
        assert_true(ticks[i].fired_at >= ticks[i].due);
        assert_true(ticks[i].fired_at <= ticks[i].due + 5000);
        wsk_timer_free(ticks[i].timer);
    }
    wsk_timer_free(NULL);
    net_test_end(&t);
}

static void test_timers_cancel_and_set_again(void **state)
{
    net_test t;
    tick a, b, c, d;

    net_test_init(&t, state);
    net_test_loop(&t);
    n_order = 0;
    tick_new(&a, t.loop, 0, 5);
    tick_new(&b, t.loop, 1, 6);
    tick_new(&c, t.loop, 2, 7);
    tick_new(&d, t.loop, 3, 1000000);
    a.cancels = b.timer;
    c.again = 3;
    wsk_timer_cancel(d.timer);
    wsk_timer_cancel(d.timer);
    wsk_timer_set(d.timer, 1000000);
    wsk_timer_set(d.timer, 500000);
    turn_until(t.loop, &n_order, 5);
    assert_int_equal(order[0], 0);
    for (unsigned i = 1; i <= 4; i++)
        assert_int_equal(order[i], 2);
    wsk_timer_set(d.timer, 5); /* not before: however slow the machine is, it is the last one */
    turn_until(t.loop, &n_order, 6);
    assert_int_equal(order[5], 3);
    turn_for(t.loop, 20);
    assert_int_equal(n_order, 6);
    wsk_timer_free(a.timer);
    wsk_timer_free(b.timer);
    wsk_timer_free(c.timer);
    wsk_timer_free(d.timer);
    net_test_end(&t);
}

/* A timer that sets itself for "now" does not keep the loop from turning. */
static void test_timer_does_not_starve(void **state)
{
    net_test t;
    tick a;

    net_test_init(&t, state);
    net_test_loop(&t);
    n_order = 0;
    tick_new(&a, t.loop, 0, 0);
    a.again = 1000;
    for (unsigned i = 1; i <= 10; i++) {
        wsk_loop_turn(t.loop, 1000);
        assert_int_equal(n_order, i);
    }
    wsk_timer_free(a.timer);
    net_test_end(&t);
}

static void test_timers_freed_in_callbacks(void **state)
{
    net_test t;
    tick self, killer, victim;

    net_test_init(&t, state);
    net_test_loop(&t);
    n_order = 0;
    tick_new(&self, t.loop, 0, 1);
    self.frees = self.timer;
    tick_new(&killer, t.loop, 1, 2);
    tick_new(&victim, t.loop, 2, 2);
    killer.frees = victim.timer;
    turn_until(t.loop, &n_order, 2);
    turn_for(t.loop, 10);
    assert_int_equal(n_order, 2);
    wsk_timer_free(killer.timer);
    net_test_end(&t);
}

/* Against a plain list, with everything that can be done to timers. */
static void test_many_timers(void **state)
{
    enum { N = 500 };
    net_test t;
    tick *ticks = calloc(N, sizeof(*ticks));
    unsigned running = 0, seed = 1;

    net_test_init(&t, state);
    net_test_loop(&t);
    n_order = 0;
    for (unsigned i = 0; i < N; i++)
        tick_new(&ticks[i], t.loop, i, 1 + i * 7919 % 60);
    for (unsigned i = 0; i < N; i++) {
        seed = seed * 1103515245 + 12345;
        if (seed >> 16 & 1) {
            wsk_timer_cancel(ticks[i].timer);
        } else {
            if (seed >> 17 & 1) {
                uint64_t delay = seed >> 20 & 63;

                ticks[i].due = wsk_loop_now(t.loop) + delay;
                wsk_timer_set(ticks[i].timer, delay);
            }
            running++;
        }
    }
    turn_until(t.loop, &n_order, running);
    turn_for(t.loop, 5);
    assert_int_equal(n_order, running);
    for (unsigned i = 0; i < N; i++) {
        if (ticks[i].fired_at != 0)
            assert_true(ticks[i].fired_at >= ticks[i].due);
        wsk_timer_free(ticks[i].timer);
    }
    free(ticks);
    net_test_end(&t);
}

/* ------------------------------------------------------------------- posting and stopping -- */

enum { THREADS = 4, POSTS = 5000 };

typedef struct poster {
    wsk_loop *loop;
    unsigned next[THREADS]; /* expected */
    unsigned sum;
    unsigned wrong;
} poster;

typedef struct posted {
    poster *p;
    unsigned thread, number;
} posted;

static void on_post(void *ud)
{
    posted *x = ud;

    x->p->wrong += x->p->next[x->thread]++ != x->number;
    x->p->sum++;
    free(x);
}

static void *post_many(void *ud)
{
    posted *first = ud;

    for (unsigned i = 0; i < POSTS; i++) {
        posted *x = malloc(sizeof(*x));

        *x = *first;
        x->number = i;
        while (wsk_loop_post(x->p->loop, on_post, x) < 0)
            continue;
    }
    return NULL;
}

static void test_posts_from_threads(void **state)
{
    net_test t;
    poster p = {0};
    pthread_t thread[THREADS];
    posted first[THREADS];

    net_test_init(&t, state);
    net_test_loop(&t);
    p.loop = t.loop;
    for (unsigned i = 0; i < THREADS; i++) {
        first[i] = (posted){&p, i, 0};
        assert_int_equal(pthread_create(&thread[i], NULL, post_many, &first[i]), 0);
    }
    turn_until(t.loop, &p.sum, THREADS * POSTS);
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(thread[i], NULL);
    assert_int_equal(p.wrong, 0);
    net_test_end(&t);
}

static void post_again(void *ud)
{
    poster *p = ud;

    if (p->sum++ < 5)
        assert_int_equal(wsk_loop_post(p->loop, post_again, p), WSK_OK);
}

static void *no_memory(size_t n)
{
    (void)n;
    return NULL;
}

/* What is posted and not yet run is run by wsk_loop_free(), even what it posts. */
static void test_posts_run_at_the_end(void **state)
{
    net_test t;
    poster p = {0};

    net_test_init(&t, state);
    net_test_loop(&t);
    p.loop = t.loop;
    assert_int_equal(wsk_loop_post(t.loop, post_again, &p), WSK_OK);
    t.sys.malloc = no_memory;
    assert_int_equal(wsk_loop_post(t.loop, post_again, &p), WSK_ERR_NOMEM);
    t.sys.malloc = malloc;
    net_test_end(&t);
    assert_int_equal(p.sum, 6);
}

/* A clock that stands still, and advances with each call that runs. */
static uint64_t slow_now, slow_step;

static uint64_t slow_clock(void)
{
    return slow_now;
}

static void on_slow_post(void *ud)
{
    slow_now += slow_step;
    on_post(ud);
}

static void post_numbers(poster *p, unsigned from, unsigned n)
{
    for (unsigned i = from; i < from + n; i++) {
        posted *x = malloc(sizeof(*x));

        *x = (posted){p, 0, i};
        assert_int_equal(wsk_loop_post(p->loop, on_slow_post, x), WSK_OK);
    }
}

/* However much is posted, sockets and timers get their share, and the order stays. */
static void test_posts_share_the_turns(void **state)
{
    enum { MANY = 1000, MOST = 256 };
    net_test t;
    endpoint e = {.seed = 1};
    poster p = {0};
    tick a;
    int fd[2];

    net_test_init(&t, state);
    slow_now = 1000000;
    slow_step = 0;
    t.sys.clock_us = slow_clock;
    net_test_loop(&t);
    p.loop = t.loop;
    n_order = 0;
    assert_true(socket_pair(fd, UNIX)); /* what is sent is there at once */
    endpoint_open(&e, t.loop, fd[0], NULL);
    tick_new(&a, t.loop, 0, 0);
    a.again = MANY;
    post_numbers(&p, 0, MANY);
    for (unsigned turns = 1; p.sum < MANY + 1; turns++) {
        const unsigned before = p.sum;

        assert_int_equal(send(fd[1], "x", 1, 0), 1);
        /* Were the rest not known, this would wait. */
        assert_int_equal(wsk_loop_turn(t.loop, 10000), WSK_OK);
        assert_true(p.sum - before <= MOST);
        assert_int_equal(n_order, turns);
        if (turns == 2)
            post_numbers(&p, MANY, 1); /* behind the others, and it wakes us up as ever */
        if (p.sum > 0 && p.sum < MANY)
            assert_int_equal(wsk_loop_timeout(t.loop), 0);
        assert_true(turns < 20);
    }
    assert_int_equal(p.wrong, 0);
    assert_true(e.received >= 3);
    wsk_timer_free(a.timer);
    e.is_open = false;
    wsk__stream_close(&e.stream);
    close(fd[1]);

    /* Calls that take long: no further one is begun behind 2 ms. */
    slow_step = 700;
    post_numbers(&p, MANY + 1, 20);
    unsigned before = p.sum;
    assert_int_equal(wsk_loop_turn(t.loop, 10000), WSK_OK);
    for (; p.sum < MANY + 10; before = p.sum) {
        assert_true(p.sum - before <= 3);
        assert_int_equal(wsk_loop_turn(t.loop, 10000), WSK_OK);
    }
    assert_true(p.sum < MANY + 21);
    /* The end runs all that is left. */
    net_test_end(&t);
    assert_int_equal(p.sum, MANY + 21);
    assert_int_equal(p.wrong, 0);
    endpoint_free(&e);
}

static void set_behind_a_slow_call(void *ud)
{
    tick *a = ud;

    slow_now += 3000000;
    a->due = slow_now / 1000 + 50;
    wsk_timer_set(a->timer, 50);
}

/* A turn's time stands while a call takes long. */
static void test_timer_behind_a_slow_call(void **state)
{
    net_test t;
    tick a;

    net_test_init(&t, state);
    slow_now = 1000000;
    t.sys.clock_us = slow_clock;
    net_test_loop(&t);
    tick_new(&a, t.loop, 0, 1000000);
    n_order = 0;
    assert_int_equal(wsk_loop_post(t.loop, set_behind_a_slow_call, &a), WSK_OK);
    assert_int_equal(wsk_loop_turn(t.loop, 0), WSK_OK);
    for (int ms = 0; n_order == 0; ms++, slow_now += 1000) {
        assert_int_equal(wsk_loop_turn(t.loop, 0), WSK_OK);
        assert_int_equal(n_order, ms >= 50);
    }
    assert_int_equal(a.fired_at, a.due);
    wsk_timer_free(a.timer);
    net_test_end(&t);
}

/* However much of a ms is over when it is set. */
static void test_timer_is_not_early(void **state)
{
    static const uint64_t begins[] = {0, 1, 900, 999};
    net_test t;
    tick a;

    net_test_init(&t, state);
    t.sys.clock_us = slow_clock;
    slow_now = 1000000;
    net_test_loop(&t);
    tick_new(&a, t.loop, 0, 1000000);
    for (size_t i = 0; i < WSK__COUNT(begins); i++) {
        for (uint64_t delay = 0; delay < 3; delay++) {
            uint64_t begin = slow_now = slow_now / 1000 * 1000 + 1000 + begins[i];

            n_order = 0;
            wsk_timer_set(a.timer, delay);
            assert_int_equal(wsk_loop_turn(t.loop, 0), WSK_OK);
            assert_int_equal(n_order, delay == 0);
            for (; n_order == 0; slow_now += n_order == 0 ? 50 : 0)
                assert_int_equal(wsk_loop_turn(t.loop, 0), WSK_OK);
            assert_in_range(slow_now - begin, delay * 1000, delay * 1000 + 1050);
        }
    }
    wsk_timer_free(a.timer);
    net_test_end(&t);
}

static wsk_loop *signalled;

static void on_signal(int number)
{
    (void)number;
    wsk_loop_stop(signalled);
}

static void test_stop_from_signal(void **state)
{
    net_test t;
    struct sigaction on = {.sa_handler = on_signal}, old;
    const struct itimerval soon = {.it_value = {0, 20000}};

    net_test_init(&t, state);
    net_test_loop(&t);
    signalled = t.loop;
    sigaction(SIGALRM, &on, &old);
    uint64_t start = clock_ms();
    setitimer(ITIMER_REAL, &soon, NULL);
    assert_int_equal(wsk_loop_run(t.loop), WSK_OK);
    assert_true(clock_ms() - start >= 15);
    assert_true(clock_ms() - start < 5000);
    sigaction(SIGALRM, &old, NULL);
    /* A stop that comes first is not lost, and ends one run only. */
    wsk_loop_stop(t.loop);
    assert_int_equal(wsk_loop_run(t.loop), WSK_OK);
    net_test_end(&t);
}

static void stop_from_post(void *ud)
{
    wsk_loop_stop(ud);
}

/* Holds the thread that stops a loop where the scheduler may, too, and looks at what it writes to
 * then. */
static _Thread_local bool is_held;
static bool was_open;

int eventfd_write(int fd, eventfd_t value)
{
    if (is_held) {
        usleep(100000);
        was_open = fcntl(fd, F_GETFD) != -1;
    }
    return write(fd, &value, sizeof(value)) == sizeof(value) ? 0 : -1;
}

static void *run_and_free(void *ud)
{
    tick *a = ud;
    const int r = wsk_loop_run(a->loop);

    wsk_timer_free(a->timer);
    wsk_loop_free(a->loop);
    return r == WSK_OK ? ud : NULL;
}

/* Whoever stops a loop may be about to wake it up when the thread that runs it has ended it. */
static void test_freed_while_it_is_stopped(void **state)
{
    net_test t;
    tick a = {.again = UINT_MAX};
    pthread_t thread;
    void *result;

    net_test_init(&t, state);
    net_test_loop(&t);
    a.loop = t.loop;
    assert_int_equal(wsk_timer_new(&a.timer, t.loop, on_tick, &a), WSK_OK);
    wsk_timer_set(a.timer, 1);
    assert_int_equal(pthread_create(&thread, NULL, run_and_free, &a), 0);
    is_held = true;
    wsk_loop_stop(t.loop);
    is_held = false;
    pthread_join(thread, &result);
    assert_ptr_equal(result, &a);
    assert_true(was_open);
    t.loop = NULL;
    net_test_end(&t);
}

static void *run_in_thread(void *ud)
{
    return wsk_loop_run(ud) == WSK_OK ? ud : NULL;
}

/* A loop may be made by one thread, run by another, and freed by the first one. */
static void test_loop_made_for_another_thread(void **state)
{
    net_test t;
    endpoint e = {.seed = 1, .echo = true};
    pthread_t thread;
    void *result;
    char c = 0;
    int fd[2];

    net_test_init(&t, state);
    net_test_loop(&t);
    assert_true(socket_pair(fd, TCP4));
    endpoint_open(&e, t.loop, fd[0], NULL);
    assert_int_equal(pthread_create(&thread, NULL, run_in_thread, t.loop), 0);
    assert_int_equal(send(fd[1], "x", 1, 0), 1);
    struct pollfd p = {.fd = fd[1], .events = POLLIN};
    assert_int_equal(poll(&p, 1, 5000), 1);
    assert_int_equal(recv(fd[1], &c, 1, 0), 1);
    assert_int_equal(c, 'x');
    assert_int_equal(wsk_loop_post(t.loop, stop_from_post, t.loop), WSK_OK);
    pthread_join(thread, &result);
    assert_ptr_equal(result, t.loop);
    /* io_uring is bound to the thread of the first turn. */
    const bool bound = t.io == WSK_IO_URING;
    assert_int_equal(wsk_loop_turn(t.loop, 0), bound ? WSK_ERR_SYS : WSK_OK);
    assert_true(bound == (strstr(t.log, "by the thread of its first turn") != NULL));
    e.is_open = false;
    wsk__stream_close(&e.stream);
    close(fd[1]);
    net_test_end(&t);
    assert_int_equal(e.closeds, 1);
    endpoint_free(&e);
}

/* ------------------------------------------------------------------------------- nesting -- */

/* Takes turns only when poll(2) on the loop's descriptor says so, or its time is up. */
static void nested_until(wsk_loop *loop, const uint64_t *what, uint64_t least)
{
    uint64_t end = clock_ms() + 20000;

    while (*what < least) {
        struct pollfd p = {.fd = wsk_loop_fd(loop), .events = POLLIN};
        int timeout = wsk_loop_timeout(loop);

        assert_true(clock_ms() < end);
        assert_true(timeout >= -1);
        /* Endless waiting would hang the test: 10 s in its place, and then nothing has come. */
        assert_true(poll(&p, 1, timeout < 0 ? 10000 : timeout) > 0 || timeout >= 0);
        assert_int_equal(wsk_loop_turn(loop, 0), WSK_OK);
    }
}

static void count(void *ud)
{
    ++*(uint64_t *)ud;
}

static void *post_later(void *ud)
{
    posted *x = ud;

    usleep(20000);
    assert_int_equal(wsk_loop_post(x->p->loop, on_post, x), WSK_OK);
    return NULL;
}

static void test_nested(void **state)
{
    net_test t;
    endpoint client = {.seed = 1, .verify = true}, server = {.seed = 2, .echo = true};
    uint64_t fired = 0, sum = 0;
    wsk_timer *timer;
    int fd[2];

    net_test_init(&t, state);
    net_test_loop(&t);
    assert_true(socket_pair(fd, TCP4));
    endpoint_open(&client, t.loop, fd[0], NULL);
    endpoint_open(&server, t.loop, fd[1], NULL);
    endpoint_make(&client, 3000000);
    nested_until(t.loop, &client.checked, 3000000);
    /* All is quiet now: nothing to do, for ever; with io_uring, after one look for a lost end. */
    for (int i = 0; i < 3; i++)
        wsk_loop_turn(t.loop, 0);
    for (int ms; (ms = wsk_loop_timeout(t.loop)) >= 0;) {
        assert_true(t.io == WSK_IO_URING && ms <= 500);
        wsk_loop_turn(t.loop, ms);
    }
    assert_int_equal(wsk_loop_timeout(t.loop), -1);
    struct pollfd p = {.fd = wsk_loop_fd(t.loop), .events = POLLIN};
    assert_int_equal(poll(&p, 1, 20), 0);
    /* A timer, a post of our own, a post from a thread, a deadline. */
    assert_int_equal(wsk_timer_new(&timer, t.loop, count, &fired), WSK_OK);
    uint64_t start = clock_ms();
    wsk_timer_set(timer, 30);
    int wait = wsk_loop_timeout(t.loop);
    assert_true(wait <= 31 && (wait > 0 || clock_ms() - start >= 29));
    nested_until(t.loop, &fired, 1);
    assert_true(clock_ms() - start >= 29);
    assert_int_equal(wsk_loop_post(t.loop, count, &sum), WSK_OK);
    nested_until(t.loop, &sum, 1);

    poster from = {.loop = t.loop};
    posted *x = malloc(sizeof(*x));
    pthread_t thread;
    uint64_t done = 0;
    *x = (posted){&from, 0, 0};
    assert_int_equal(pthread_create(&thread, NULL, post_later, x), 0);
    while (from.sum == 0) {
        nested_until(t.loop, &done, 0);
        struct pollfd q = {.fd = wsk_loop_fd(t.loop), .events = POLLIN};
        assert_int_equal(poll(&q, 1, 5000), 1);
        wsk_loop_turn(t.loop, 0);
    }
    pthread_join(thread, NULL);
    wsk__stream_set_deadline(&client.stream, wsk_loop_now(t.loop) + 10);
    assert_true(wsk_loop_timeout(t.loop) <= 10 + 64);
    /* What is asked for outside of a turn makes one due at once. */
    endpoint_make(&client, 10);
    assert_int_equal(wsk_loop_timeout(t.loop), 0);
    nested_until(t.loop, &client.checked, 3000010);
    client.is_open = false;
    wsk__stream_close(&client.stream);
    assert_int_equal(wsk_loop_timeout(t.loop), 0);
    turn_until(t.loop, &server.closeds, 1);
    wsk_timer_free(timer);
    net_test_end(&t);
    endpoint_free(&server);
}

/* --------------------------------------------------------------------------- busy polling -- */

static void test_busy_poll(void **state)
{
    net_test t;
    endpoint client = {.seed = 1, .verify = true}, server = {.seed = 2, .echo = true};
    uint64_t fired = 0;
    wsk_timer *timer;
    int fd[2];

    net_test_init(&t, state);
    t.options.busy_poll_us = 200;
    net_test_loop(&t);
    assert_true(socket_pair(fd, TCP4));
    endpoint_open(&client, t.loop, fd[0], NULL);
    endpoint_open(&server, t.loop, fd[1], NULL);
    for (uint64_t i = 1; i <= 200; i++) {
        endpoint_make(&client, 10);
        turn_until_octets(t.loop, &client.checked, 10 * i);
    }
    /* It gives up, and timers are on time. */
    assert_int_equal(wsk_timer_new(&timer, t.loop, count, &fired), WSK_OK);
    uint64_t start = clock_ms();
    wsk_timer_set(timer, 20);
    turn_until_octets(t.loop, &fired, 1);
    assert_true(clock_ms() - start >= 19);
    wsk_timer_free(timer);
    client.is_open = false;
    wsk__stream_close(&client.stream);
    turn_until(t.loop, &server.closeds, 1);
    net_test_end(&t);
    endpoint_free(&server);
}

/* -------------------------------------------------------------------------------- faults -- */

static int refused_with;

static int refuse(void)
{
    return refused_with;
}

static void test_auto_falls_back(void **state)
{
    const int errs[] = {EPERM, ENOSYS, ENOMEM, EINVAL};
    net_test t;

    for (size_t i = 0; i < WSK__COUNT(errs); i++) {
        net_test_init(&t, state);
        t.sys.uring_setup = refuse;
        refused_with = -errs[i];
        t.options.io = WSK_IO_URING;
        assert_int_equal(wsk__loop_new_on(&t.loop, &t.options, &t.sys), WSK_ERR_NOTSUP);
        assert_string_equal(t.log, "");
        t.options.io = WSK_IO_AUTO;
        assert_int_equal(wsk__loop_new_on(&t.loop, &t.options, &t.sys), WSK_OK);
        assert_string_equal(wsk_loop_io_name(t.loop), "epoll");
        /* One line, which says why. */
        assert_non_null(strstr(t.log, strerror(errs[i])));
        assert_ptr_equal(strchr(t.log, '\n'), t.log + strlen(t.log) - 1);
        net_test_end(&t);
    }
}

static int no_eventfd(unsigned value, int flags)
{
    (void)value;
    (void)flags;
    errno = EMFILE;
    return -1;
}

static int no_epoll(int flags)
{
    (void)flags;
    errno = EMFILE;
    return -1;
}

static int bad_wait(int ep, struct epoll_event *events, int max, int timeout_ms)
{
    (void)ep;
    (void)events;
    (void)max;
    (void)timeout_ms;
    errno = EBADF;
    return -1;
}

static void test_new_fails(void **state)
{
    net_test t;
    wsk_loop_options o = WSK_LOOP_OPTIONS_INIT;

    net_test_init(&t, state);
    t.sys.eventfd = no_eventfd;
    assert_int_equal(wsk__loop_new_on(&t.loop, &t.options, &t.sys), WSK_ERR_SYS);
    assert_int_equal(errno, EMFILE);
    t.sys.eventfd = wsk__sys_default.eventfd;
    t.sys.epoll_create1 = no_epoll;
    t.options.io = WSK_IO_EPOLL;
    assert_int_equal(wsk__loop_new_on(&t.loop, &t.options, &t.sys), WSK_ERR_SYS);
    assert_int_equal(errno, EMFILE);
    t.sys.epoll_create1 = epoll_create1;
    t.sys.epoll_wait = bad_wait;
    assert_int_equal(wsk__loop_new_on(&t.loop, &t.options, &t.sys), WSK_OK);
    assert_int_equal(wsk_loop_run(t.loop), WSK_ERR_SYS);
    assert_int_equal(errno, EBADF);
    assert_int_equal(wsk_loop_new(NULL, NULL), WSK_ERR_INVAL);
    o.io = (wsk_io)7;
    assert_int_equal(wsk_loop_new(&t.loop, &o), WSK_ERR_INVAL);
    o.io = WSK_IO_AUTO;
    o.recv_buffer = 100;
    assert_int_equal(wsk_loop_new(&t.loop, &o), WSK_ERR_INVAL);
    net_test_end(&t);
    wsk_loop_free(NULL);
}

static void new_body(void *ud, const wsk_hooks *hooks)
{
    wsk_loop_options o = WSK_LOOP_OPTIONS_INIT;
    wsk_loop *loop;
    wsk_timer *timer[20] = {NULL};
    uint64_t fired = 0;

    o.io = *(const wsk_io *)ud;
    o.hooks = hooks;
    if (wsk_loop_new(&loop, &o) < 0)
        return;
    for (size_t i = 0; i < 20; i++) {
        if (wsk_timer_new(&timer[i], loop, count, &fired) == WSK_OK)
            wsk_timer_set(timer[i], 0);
    }
    wsk_loop_turn(loop, 0);
    for (size_t i = 0; i < 20; i++)
        wsk_timer_free(timer[i]);
    wsk_loop_free(loop);
}

static void test_failing_allocations(void **state)
{
    net_test t;

    net_test_init(&t, state);
    with_failing_alloc(new_body, &t.io);
    assert_int_equal(count_fds(), t.fds);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(test_timers_in_order),
        BOTH(test_timers_cancel_and_set_again),
        BOTH(test_timer_does_not_starve),
        BOTH(test_timers_freed_in_callbacks),
        BOTH(test_many_timers),
        BOTH(test_posts_from_threads),
        BOTH(test_posts_run_at_the_end),
        BOTH(test_posts_share_the_turns),
        BOTH(test_timer_behind_a_slow_call),
        BOTH(test_timer_is_not_early),
        BOTH(test_stop_from_signal),
        BOTH(test_freed_while_it_is_stopped),
        BOTH(test_loop_made_for_another_thread),
        BOTH(test_nested),
        BOTH(test_busy_poll),
        {"test_auto_falls_back", test_auto_falls_back, NULL, NULL, &net_test_epoll},
        {"test_new_fails", test_new_fails, NULL, NULL, &net_test_epoll},
        BOTH(test_failing_allocations),
    };

    return cmocka_run_group_tests_name("loop", tests, NULL, NULL);
}
