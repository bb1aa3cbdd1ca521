/* SPDX-License-Identifier: MIT */
/*
 * How a peer gets over an attack: one that serves the next client passes, one that is gone, slow,
 * busy or has grown does not. Over TCP, since nothing of this shows in memory.
 */
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "conformance/run.h"
#include "conformance/vitality.h"
#include "mutant_tcp.h"
#include "table_fixture.h"

/* Patience of the test, not of the judge: a loaded machine is no dead peer. */
#define PATIENCE 20

typedef struct server {
    mutant_habits habits;
    int fd;
    uint16_t port;
    atomic_bool stop;
    pthread_t thread;
} server;

typedef struct outcome {
    judge_behavior behavior;
    char vitality[256], why[128];
    unsigned results;
} outcome;

static void *serve(void *arg)
{
    server *s = arg;

    mutant_serve(s->fd, &s->habits, &s->stop);
    return NULL;
}

static void server_start(server *s, mutant_habits habits)
{
    *s = (server){.habits = habits};
    s->fd = mutant_listen(&s->port);
    assert_true(s->fd >= 0);
    assert_int_equal(pthread_create(&s->thread, NULL, serve, s), 0);
}

static void server_stop(server *s)
{
    atomic_store(&s->stop, true);
    pthread_join(s->thread, NULL);
}

static void on_done(void *ud, const judge_target *t, const judge_case *c, judge_result *r)
{
    outcome *o = ud;

    (void)t;
    (void)c;
    o->results++;
    o->behavior = r->behavior;
    snprintf(o->vitality, sizeof(o->vitality), "%s", r->vitality ? r->vitality : "");
    snprintf(o->why, sizeof(o->why), "%s", r->why ? r->why : "");
}

/* The case with what is wanted of the peer, in a run of its own. */
static void run(const server *s, const char *id, const judge_survival *want, int pid,
                double seconds, outcome *ret)
{
    judge_case *c = (judge_case *)(uintptr_t)judge_table_find(table, id);
    const judge_survival had = c->survival;
    bool *selected = calloc(judge_table_count(table), sizeof(*selected));
    judge_target target = {.url = "ws://test", .host = "127.0.0.1", .resource = "/"};
    judge_run_params params = {
        .table = table,
        .selected = selected,
        .targets = &target,
        .n_targets = 1,
        .callbacks = {.ud = ret, .on_done = on_done},
        .pid = pid,
    };
    judge_run_totals totals;
    char why[256];
    judge_run *r;

    *ret = (outcome){0};
    target.port = s->port;
    judge_options_init(&target.options);
    target.options.vitality_seconds = seconds;
    selected[c->index - 1] = true;
    c->survival = *want;
    r = judge_run_new(&params, why);
    assert_non_null(r);
    assert_int_equal(judge_run_go(r, &totals), 0);
    judge_run_free(r);
    c->survival = had;
    free(selected);
    assert_int_equal(ret->results, 1);
}

static void a_live_peer_passes(void **state)
{
    const judge_survival want = {.after = true, .during = 0.01};
    outcome o;
    server s;

    (void)state;
    server_start(&s, (mutant_habits){0});
    run(&s, "14.14.7", &want, 0, PATIENCE, &o);
    assert_int_equal(o.behavior, JUDGE_OK);
    assert_non_null(strstr(o.vitality, "An ordinary connection afterwards took "));
    /* While a case that waits goes on. */
    run(&s, "14.14.3", &want, 0, PATIENCE, &o);
    assert_int_equal(o.behavior, JUDGE_OK);
    assert_non_null(strstr(o.vitality, "An ordinary connection meanwhile took "));
    assert_string_equal(o.why, "");
    server_stop(&s);
}

static void a_dead_peer_fails(void **state)
{
    const judge_survival want = {.after = true};
    outcome o;
    server s;

    (void)state;
    /* It takes the connection of the attack, and no other. */
    server_start(&s, (mutant_habits){.dies_after = 1});
    run(&s, "14.14.3", &want, 0, 1, &o);
    assert_int_equal(o.behavior, JUDGE_FAILED);
    assert_string_equal(o.why, "afterwards an ordinary connection was not answered in time");
    server_stop(&s);
}

/* A process to be looked at, that does this and then waits to be killed. */
static pid_t child(void (*what)(void))
{
    int ready[2];
    char c = 'x';
    pid_t pid;

    assert_int_equal(pipe(ready), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        /* What a fork leaves to be done later must not be taken for growth. */
        if (write(ready[1], &c, 1) != 1)
            _exit(1);
        what();
        for (;;)
            pause();
    }
    assert_int_equal(read(ready[0], &c, 1), 1);
    close(ready[0]);
    close(ready[1]);
    return pid;
}

static void end_child(pid_t pid)
{
    kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void rest(void)
{
}

static void spin(void)
{
    for (;;) {
        atomic_signal_fence(memory_order_seq_cst);
    }
}

/* Without an end, so that some of it falls into the time of the case on any machine. */
static void grow(void)
{
    for (unsigned i = 0; i < 20000; i++) {
        const size_t size = 65536;
        volatile char *octets = malloc(size);

        for (size_t k = 0; octets != NULL && k < size; k += 4096)
            octets[k] = 1;
        usleep(1000);
    }
}

/* Runs a case against a good server, and looks at another process than that. */
static void look(void (*what)(void), const char *id, const judge_survival *want, outcome *ret)
{
    const pid_t pid = child(what);
    server s;

    server_start(&s, (mutant_habits){0});
    run(&s, id, want, (int)pid, PATIENCE, ret);
    server_stop(&s);
    end_child(pid);
}

static void a_process_that_rests_passes(void **state)
{
    const judge_survival want = {.after = true, .kib = 32 << 10, .idle = true};
    outcome o;

    (void)state;
    look(rest, "14.14.7", &want, &o);
    assert_string_equal(o.why, "");
    assert_int_equal(o.behavior, JUDGE_OK);
    assert_non_null(strstr(o.vitality, "Memory grew by "));
    assert_non_null(strstr(o.vitality, "KiB, of 32768 allowed"));
    assert_non_null(strstr(o.vitality, "The process was idle again within "));
}

static void a_process_that_is_gone_fails(void **state)
{
    const judge_survival want = {.after = true, .kib = 1000, .idle = true};
    const pid_t pid = child(rest);
    outcome o;
    server s;

    (void)state;
    end_child(pid);
    server_start(&s, (mutant_habits){0});
    run(&s, "14.14.7", &want, (int)pid, PATIENCE, &o);
    assert_int_equal(o.behavior, JUDGE_FAILED);
    assert_string_equal(o.why, "the process is gone");
    server_stop(&s);
}

static void growth_fails(void **state)
{
    const judge_survival want = {.after = true, .kib = 256};
    outcome o;

    (void)state;
    look(grow, "14.14.3", &want, &o);
    assert_int_equal(o.behavior, JUDGE_FAILED);
    assert_string_equal(o.why, "its memory grew by more than it may");
}

static void a_busy_process_fails(void **state)
{
    const judge_survival want = {.idle = true};
    outcome o;

    (void)state;
    look(spin, "14.14.7", &want, &o);
    assert_int_equal(o.behavior, JUDGE_FAILED);
    assert_string_equal(o.why, "its process was not idle again in time");
}

/* What a supervisor and its workers tell. */
typedef struct office {
    _Atomic unsigned generation; /* of the worker that has begun its work */
    _Atomic int worker;
} office;

/* Each worker has 4 MiB more than the one before it; the third one never rests. */
static void work(office *o, unsigned generation)
{
    const size_t size = (size_t)generation << 22;
    volatile char *octets = malloc(size);

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (size_t k = 0; octets != NULL && k < size; k += 4096)
        octets[k] = 1;
    atomic_store(&o->worker, getpid());
    atomic_store(&o->generation, generation);
    if (generation == 3)
        spin();
    for (;;)
        pause();
}

static void supervise(office *o)
{
    for (unsigned i = 1;; i++) {
        const pid_t pid = fork();

        if (pid == 0)
            work(o, i);
        if (pid > 0)
            waitpid(pid, NULL, 0);
    }
}

static void await_generation(const office *o, unsigned generation)
{
    for (unsigned i = 0; atomic_load(&o->generation) < generation; i++) {
        assert_true(i < PATIENCE * 1000);
        usleep(1000);
    }
}

/* Looks until it has grown by so much. */
static void await_growth(judge_vitality *v, uint64_t kib)
{
    for (unsigned i = 0; judge_vitality_grown_kib(v) < kib; i++) {
        assert_true(i < PATIENCE * 1000);
        usleep(1000);
        judge_vitality_look(v);
    }
}

/* Those that a supervisor starts anew are other processes than before. */
static void workers_are_looked_at(void **state)
{
    office *o = mmap(NULL, sizeof(*o), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    judge_vitality v;
    pid_t pid;

    (void)state;
    assert_true(o != MAP_FAILED);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        supervise(o);
    await_generation(o, 1);
    judge_vitality_begin(&v, (int)pid, 0);
    assert_true(v.kib_begun > 4000);
    judge_vitality_look(&v);
    assert_true(judge_vitality_grown_kib(&v) < 3000);
    assert_int_equal(kill(atomic_load(&o->worker), SIGKILL), 0);
    await_generation(o, 2);
    await_growth(&v, 3500);
    assert_false(v.gone);
    assert_int_equal(kill(atomic_load(&o->worker), SIGKILL), 0);
    await_generation(o, 3);
    await_growth(&v, 7500);
    /* It may be waiting in a call of ours to be seen, but not each time. */
    for (unsigned i = 0; !judge_vitality_runs(&v); i++)
        assert_true(i < 10000);
    for (unsigned i = 1; judge_vitality_load(&v, (int64_t)i * 1000) <= 0; i++) {
        assert_true(i < PATIENCE * 1000);
        usleep(1000);
    }
    end_child(pid);
    munmap(o, sizeof(*o));
}

/* On one processor with another that never rests, for so long that both have had their turns. */
static void work_beside(void (*other)(void), double *ret)
{
    const pid_t pid = child(other);
    judge_vitality v;
    struct timespec begun, ts;
    cpu_set_t all, one;

    assert_int_equal(sched_getaffinity(0, sizeof(all), &all), 0);
    CPU_ZERO(&one);
    for (int i = 0; CPU_COUNT(&one) == 0; i++) {
        if (CPU_ISSET(i, &all))
            CPU_SET(i, &one);
    }
    assert_int_equal(sched_setaffinity(pid, sizeof(one), &one), 0);
    assert_int_equal(sched_setaffinity(0, sizeof(one), &one), 0);
    judge_vitality_begin(&v, (int)pid, 0);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &begun);
    do
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
    while ((ts.tv_sec - begun.tv_sec) * 1000 + (ts.tv_nsec - begun.tv_nsec) / 1000000 < 300);
    *ret = judge_vitality_slowdown(&v);
    assert_int_equal(sched_setaffinity(0, sizeof(all), &all), 0);
    end_child(pid);
}

/* On a loaded machine a peer has more time. */
static void who_shares_a_processor_is_slower(void **state)
{
    double slowdown;

    (void)state;
    work_beside(spin, &slowdown);
    assert_true(slowdown > 1.2 && slowdown <= 10);
}

static void who_does_nothing_is_not_slow(void **state)
{
    judge_vitality v;
    const pid_t pid = child(rest);

    (void)state;
    judge_vitality_begin(&v, (int)pid, 0);
    /* As if the judge had had the processors to itself. */
    v.ran[1] = UINT64_MAX;
    assert_true(judge_vitality_slowdown(&v) < 1.2);
    end_child(pid);
    assert_true(judge_vitality_slowdown(&v) < 1.2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_live_peer_passes),
        cmocka_unit_test(a_dead_peer_fails),
        cmocka_unit_test(a_process_that_rests_passes),
        cmocka_unit_test(a_process_that_is_gone_fails),
        cmocka_unit_test(growth_fails),
        cmocka_unit_test(a_busy_process_fails),
        {"workers_are_looked_at (/proc)", workers_are_looked_at, NULL, NULL, NULL},
        {"who_shares_a_processor_is_slower (/proc)", who_shares_a_processor_is_slower, NULL, NULL,
         NULL},
        cmocka_unit_test(who_does_nothing_is_not_slow),
    };
    char children[64];

    /* A kernel may be built without them (CONFIG_PROC_CHILDREN, CONFIG_SCHED_INFO). Not by skip():
     * support.c says why. */
    snprintf(children, sizeof(children), "/proc/self/task/%d/children", (int)getpid());
    if (access(children, R_OK) != 0 || access("/proc/self/schedstat", R_OK) != 0)
        cmocka_set_skip_filter("*(/proc)");
    return cmocka_run_group_tests(tests, table_setup, table_teardown);
}
