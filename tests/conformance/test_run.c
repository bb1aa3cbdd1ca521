/* SPDX-License-Identifier: MIT */
/*
 * Runs over real sockets: the verdicts are the same with one connection and with many, also of a
 * server that is slow or takes one connection at a time; and a server that dies or is not there
 * is reported case by case, or at once.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pthread.h>
#include <unistd.h>

#include <cmocka.h>

#include "conformance/run.h"
#include "judge_memory.h"
#include "mutant_tcp.h"
#include "support.h"
#include "table_fixture.h"

typedef struct server {
    pthread_t thread;
    atomic_bool stop;
    mutant_habits habits;
    int fd;
    uint16_t port;
} server;

static void *serve(void *ud)
{
    server *s = ud;

    mutant_serve(s->fd, &s->habits, &s->stop);
    return NULL;
}

static void server_start(server *s, mutant_habits habits)
{
    s->habits = habits;
    s->port = 0;
    atomic_init(&s->stop, false);
    s->fd = mutant_listen(&s->port);
    assert_true(s->fd >= 0);
    assert_int_equal(pthread_create(&s->thread, NULL, serve, s), 0);
}

static void server_stop(server *s)
{
    atomic_store(&s->stop, true);
    pthread_join(s->thread, NULL);
}

enum { MOST_CASES = 4096 };

typedef struct verdict {
    int behavior, close;
    bool done;
    char why[96];
} verdict;

typedef struct outcome {
    verdict at[MOST_CASES + 1];
    judge_run_totals totals;
    unsigned started, unreachable, skipped, alone;
    const char *skip;
    char why[128];
    judge_run *run;
    unsigned cancel_after;
    double stall_seconds; /* 0: one */
} outcome;

static void on_start(void *ud, const judge_target *t, const judge_case *c)
{
    outcome *o = ud;

    (void)t;
    (void)c;
    o->started++;
}

static void on_done(void *ud, const judge_target *t, const judge_case *c, judge_result *r)
{
    outcome *o = ud;
    verdict *v = &o->at[c->index];

    (void)t;
    assert_false(v->done);
    assert_string_equal(r->id, c->id);
    assert_non_null(r->agent);
    v->done = true;
    v->behavior = r->behavior;
    v->close = r->behavior_close;
    snprintf(v->why, sizeof(v->why), "%s", r->why ? r->why : "");
    if (o->cancel_after > 0 && --o->cancel_after == 0)
        judge_run_cancel(o->run);
}

static bool on_skip(void *ud, const judge_target *t, const judge_case *c, const char *agent)
{
    outcome *o = ud;

    (void)t;
    assert_string_equal(agent, "mutant");
    if (o->skip == NULL || strcmp(o->skip, c->id) != 0)
        return false;
    o->skipped++;
    return true;
}

static void on_unreachable(void *ud, const judge_target *t, const char *why)
{
    outcome *o = ud;

    (void)t;
    o->unreachable++;
    snprintf(o->why, sizeof(o->why), "%s", why);
}

static void on_alone(void *ud, const judge_target *t)
{
    outcome *o = ud;

    (void)t;
    o->alone++;
}

static void run(outcome *o, uint16_t port, const char *const *patterns, size_t n, unsigned jobs,
                bool compat)
{
    bool *selected = calloc(judge_table_count(table), sizeof(*selected));
    judge_target target = {.url = "ws://test", .host = "127.0.0.1", .port = port, .resource = "/"};
    judge_run_params params = {
        .table = table,
        .selected = selected,
        .targets = &target,
        .n_targets = 1,
        .callbacks = {o, on_start, on_done, on_skip, on_unreachable, on_alone},
        .jobs = jobs,
        .messages = 2,
        .compat = compat,
        .stall_seconds = o->stall_seconds > 0 ? o->stall_seconds : 1,
    };
    const char *bad;
    char why[256];

    assert_true(judge_select(table, patterns, n, NULL, 0, selected, &bad) > 0);
    judge_options_init(&target.options);
    o->run = judge_run_new(&params, why);
    assert_non_null(o->run);
    assert_int_equal(judge_run_go(o->run, &o->totals), 0);
    judge_run_free(o->run);
    free(selected);
}

static void compare(const outcome *a, const outcome *b)
{
    assert_true(judge_table_count(table) <= MOST_CASES);
    for (size_t i = 0; i < judge_table_count(table); i++) {
        const verdict *x = &a->at[i + 1], *y = &b->at[i + 1];

        if (x->done != y->done || x->behavior != y->behavior || x->close != y->close)
            fail_msg("%s: %d/%d (%s), and %d/%d (%s)", judge_table_at(table, i)->id, x->behavior,
                     x->close, x->why, y->behavior, y->close, y->why);
    }
}

static void a_good_server_passes(void **state)
{
    static const char *const patterns[] = {"*"};
    outcome *o = calloc(1, sizeof(*o));
    server s;

    (void)state;
    server_start(&s, (mutant_habits){0});
    o->stall_seconds = 10; /* it never stalls, but the machine may */
    run(o, s.port, patterns, 1, 0, false);
    server_stop(&s);
    assert_int_equal(o->totals.cases, 517);
    assert_int_equal(o->totals.connected, 517);
    for (size_t i = 1; i <= 517; i++) {
        const verdict *v = &o->at[i];
        const bool inform = v->behavior == JUDGE_INFORMATIONAL;

        if (!v->done || (v->behavior != JUDGE_OK && !inform) || (v->close != JUDGE_OK && !inform))
            fail_msg("%s: %s", judge_table_at(table, i - 1)->id, v->why);
    }
    free(o);
}

/* The more connections at once, the slower each of them is served here. */
static void load_changes_no_verdict(void **state)
{
    static const char *const patterns[] = {"1.1.1", "2.2",    "1.2.8", "2.10",  "5.18",
                                           "6.5.*", "6.6.*",  "7.1.1", "7.9.1", "9.1.1",
                                           "9.7.1", "12.1.1", "6.4.1"};
    static const mutant_habits habits[] = {
        {.fault = MUTANT_none, .slow_us = 40000},
        {.fault = MUTANT_none, .one_by_one = 1},
        {.fault = MUTANT_no_pong},
        {.fault = MUTANT_close_none, .slow_us = 2000},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(habits) / sizeof(habits[0]); i++) {
        /* Servers that let every case run out of time get few of them. */
        static const size_t n_patterns[] = {13, 12, 4, 2};
        const size_t n = n_patterns[i];
        outcome *one = calloc(1, sizeof(*one)), *many = calloc(1, sizeof(*many));
        server s;

        server_start(&s, habits[i]);
        run(one, s.port, patterns, n, 1, false);
        run(many, s.port, patterns, n, 32, false);
        server_stop(&s);
        compare(one, many);
        assert_int_equal(one->totals.repeated, 0);
        /* The slow server was in fact too slow for many at once. */
        if (i == 0)
            assert_true(many->totals.repeated > 0);
        free(one);
        free(many);
    }
}

/* Each new connection costs the one before it its life. */
static void a_server_of_one_connection_is_judged_alone(void **state)
{
    static const char *const patterns[] = {"1.1.*", "2.2",   "2.10",  "3.*",   "5.1",  "5.18",
                                           "6.5.*", "7.1.*", "7.7.*", "7.9.*", "9.1.1"};
    static const mutant_fault faults[] = {MUTANT_none, MUTANT_drop_on_data};

    (void)state;
    for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
        for (unsigned compat = 0; compat < 2; compat++) {
            outcome *one = calloc(1, sizeof(*one)), *many = calloc(1, sizeof(*many));
            server s;

            server_start(&s, (mutant_habits){.fault = faults[i], .replaces = 1});
            run(one, s.port, patterns, sizeof(patterns) / sizeof(patterns[0]), 1, compat);
            run(many, s.port, patterns, sizeof(patterns) / sizeof(patterns[0]), 16, compat);
            server_stop(&s);
            compare(one, many);
            /* Whether any two cases met is a matter of chance on a machine that is busy. */
            assert_int_equal(one->alone, 0);
            assert_int_equal(many->unreachable, 0);
            free(one);
            free(many);
        }
    }
}

static void a_server_that_dies_fails_case_by_case(void **state)
{
    static const char *const patterns[] = {"6.5.*", "6.6.*"};
    outcome *o = calloc(1, sizeof(*o));
    unsigned good = 0, dead = 0;
    server s;

    (void)state;
    server_start(&s, (mutant_habits){.dies_after = 5});
    run(o, s.port, patterns, 2, 1, false);
    server_stop(&s);
    assert_int_equal(o->totals.cases, 16);
    for (size_t i = 1; i <= 517; i++) {
        good += o->at[i].done && o->at[i].behavior == JUDGE_OK;
        dead += o->at[i].done && o->at[i].behavior == JUDGE_FAILED &&
                o->at[i].close == JUDGE_FAILED;
        if (o->at[i].done && o->at[i].behavior == JUDGE_FAILED)
            assert_true(strlen(o->at[i].why) > 0);
    }
    assert_int_equal(good + dead, 16);
    assert_int_equal(good, 5);
    assert_int_equal(o->unreachable, 0);
    free(o);
}

static void a_server_that_is_not_there_ends_the_run(void **state)
{
    static const char *const patterns[] = {"*"};
    outcome *o = calloc(1, sizeof(*o));
    uint16_t port;
    const int fd = test_bound_socket(&port);

    (void)state;
    run(o, port, patterns, 1, 0, false);
    assert_int_equal(close(fd), 0);
    assert_int_equal(o->totals.cases, 0);
    assert_int_equal(o->totals.connected, 0);
    assert_int_equal(o->unreachable, 1);
    assert_string_equal(o->why, "Connection refused");
    free(o);
}

static void cases_are_skipped_and_runs_cancelled(void **state)
{
    static const char *const patterns[] = {"1.*"};
    outcome *o = calloc(1, sizeof(*o));
    server s;

    (void)state;
    server_start(&s, (mutant_habits){0});
    o->skip = "1.1.3";
    run(o, s.port, patterns, 1, 4, false);
    assert_int_equal(o->started, 16);
    assert_int_equal(o->skipped, 1);
    assert_int_equal(o->totals.cases, 15);
    memset(o, 0, sizeof(*o));
    o->cancel_after = 3;
    run(o, s.port, patterns, 1, 1, false);
    assert_int_equal(o->totals.cases, 3);
    server_stop(&s);
    free(o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_server_passes),
        cmocka_unit_test(load_changes_no_verdict),
        cmocka_unit_test(a_server_of_one_connection_is_judged_alone),
        cmocka_unit_test(a_server_that_dies_fails_case_by_case),
        cmocka_unit_test(a_server_that_is_not_there_ends_the_run),
        cmocka_unit_test(cases_are_skipped_and_runs_cancelled),
    };

    return cmocka_run_group_tests(tests, table_setup, table_teardown);
}
