/* SPDX-License-Identifier: MIT */
/*
 * Peers that hoard, over TCP and with a look at their process: what a verdict in memory does not
 * show. A server that keeps every pong, echo or frame fails the attack that is about it, by its
 * memory; one that reads no more while it has something to write passes. Most of that is to wait,
 * so each case has a process of its own, and they run at once.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "conformance/run.h"
#include "mutant_frames.h"
#include "mutant_tcp.h"
#include "table_fixture.h"

/* Patience of the test, not of the judge: a loaded machine is no dead peer. */
#define ANSWERS_WITHIN 20
/* --patience, of who holds on, and for who hoards: enough for all that it keeps. */
#define PATIENCE       1
#define HOARD_PATIENCE 30
/* So much a server that goes on reading keeps to be written, then it drops TCP, for the sake of the
 * machine. More than any of the cases here allows. */
#define MOST_KEPT ((size_t)96 << 20)

typedef struct manners {
    fm_fault fault;
    bool reads_on; /* while something is to be written */
} manners;

typedef struct visit {
    int fd;
    manners how;
} visit;

/* In processes that are no program of cmocka. */
static void must(bool ok)
{
    if (!ok)
        abort();
}

/* ------------------------------------------------------------------------------- server -- */

/* False: the connection is over. */
static bool exchange(int fd, void *m, bool reads_on, bool *ended)
{
    const mutant_kind *k = &frames_kind;
    struct pollfd p = {.fd = fd};
    uint8_t buf[65536];
    size_t left;
    const uint8_t *out = k->output(m, 0, &left);

    if (out == NULL && k->is_over(m))
        return false;
    if (left > MOST_KEPT) {
        /* To be looked at. */
        close(fd);
        for (;;)
            pause();
    }
    if (out != NULL)
        p.events |= POLLOUT;
    if (!*ended && (out == NULL || reads_on))
        p.events |= POLLIN;
    if (p.events == 0 || (poll(&p, 1, -1) < 0 && errno != EINTR) || (p.revents & POLLERR))
        return false;
    if (p.revents & POLLOUT) {
        const ssize_t n = send(fd, out, left, MSG_NOSIGNAL | MSG_DONTWAIT);

        if (n < 0)
            return errno == EAGAIN || errno == EINTR;
        k->taken(m, (size_t)n);
    }
    if (p.revents & POLLIN) {
        const ssize_t n = recv(fd, buf, sizeof(buf), MSG_DONTWAIT);

        if (n < 0)
            return errno == EAGAIN || errno == EINTR;
        *ended = n == 0;
        if (n > 0)
            k->feed(m, 0, buf, (size_t)n);
        else
            k->end(m);
    }
    return true;
}

static void *serve_one(void *arg)
{
    visit *v = arg;
    void *m = frames_kind.begin(v->how.fault, false);
    bool ended = false;

    while (exchange(v->fd, m, v->how.reads_on, &ended)) {
    }
    frames_kind.free(m);
    close(v->fd);
    free(v);
    return NULL;
}

/* A process of its own, with a thread for each connection. */
static pid_t server_start(manners how, uint16_t *ret_port)
{
    uint16_t port = 0;
    const int fd = mutant_listen(&port);
    pid_t pid;

    must(fd >= 0 && fcntl(fd, F_SETFL, 0) == 0);
    pid = fork();
    must(pid >= 0);
    if (pid == 0)
        prctl(PR_SET_PDEATHSIG, SIGKILL);
    while (pid == 0) {
        const int c = accept(fd, NULL, NULL);
        visit *v = malloc(sizeof(*v));
        pthread_t thread;

        if (c < 0 || v == NULL)
            _exit(1);
        *v = (visit){c, how};
        if (pthread_create(&thread, NULL, serve_one, v) != 0)
            _exit(1);
        pthread_detach(thread);
    }
    close(fd);
    *ret_port = port;
    return pid;
}

/* -------------------------------------------------------------------------------- judge -- */

typedef struct outcome {
    unsigned results;
    judge_behavior behavior;
    char why[128], vitality[256];
} outcome;

static void on_done(void *ud, const judge_target *t, const judge_case *c, judge_result *r)
{
    outcome *o = ud;

    (void)t;
    (void)c;
    o->results++;
    o->behavior = r->behavior;
    snprintf(o->why, sizeof(o->why), "%s", r->why ? r->why : "");
    snprintf(o->vitality, sizeof(o->vitality), "%s", r->vitality ? r->vitality : "");
}

static outcome judge(const char *id, manners how)
{
    const judge_case *c = judge_table_find(table, id);
    bool *selected = calloc(judge_table_count(table), sizeof(*selected));
    judge_target target = {.url = "ws://test", .host = "127.0.0.1", .resource = "/"};
    outcome o = {0};
    const pid_t pid = server_start(how, &target.port);
    const judge_run_params params = {
        .table = table,
        .selected = selected,
        .targets = &target,
        .n_targets = 1,
        .callbacks = {.ud = &o, .on_done = on_done},
        .jobs = 1,
        .pid = (int)pid,
    };
    judge_run_totals totals;
    char why[256];
    judge_run *r;

    must(c != NULL);
    judge_options_init(&target.options);
    target.options.vitality_seconds = ANSWERS_WITHIN;
    target.options.patience = how.reads_on ? HOARD_PATIENCE : PATIENCE;
    selected[c->index - 1] = true;
    r = judge_run_new(&params, why);
    must(r != NULL && judge_run_go(r, &totals) == 0);
    judge_run_free(r);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    free(selected);
    must(o.results == 1);
    return o;
}

/* -------------------------------------------------------------------------------- tests -- */

static const struct {
    const char *id;
    manners how;
} rows[] = {
    {"17.3.1", {.fault = FM_hoard_announced}},
    {"18.6.3", {.fault = FM_hoard_fragments}},
    {"18.6.4", {.fault = FM_hoard_fragments}},
    {"20.6.2", {.reads_on = true}},
    {"20.6.3", {.fault = FM_hoard_pongs, .reads_on = true}},
    {"22.4.1", {.reads_on = true}},
};

#define N_ROWS (sizeof(rows) / sizeof(rows[0]))

/* True: the verdict is as it should be. */
static bool row_is_right(size_t i, bool hoards)
{
    const outcome o = judge(rows[i].id, hoards ? rows[i].how : (manners){.fault = FM_none});
    const bool right = hoards ? o.behavior == JUDGE_FAILED &&
                                    strcmp(o.why, "its memory grew by more than it may") == 0
                              : o.behavior == JUDGE_OK || o.behavior == JUDGE_INFORMATIONAL;

    if (!right)
        fprintf(stderr, "# %s: %s, %s (%s)\n", rows[i].id, judge_behavior_name(o.behavior), o.why,
                o.vitality);
    return right;
}

static void hoarders_fail_and_others_pass(void **state)
{
    pid_t pids[2 * N_ROWS];
    size_t wrong = 0;

    (void)state;
    for (size_t i = 0; i < 2 * N_ROWS; i++) {
        pids[i] = fork();
        assert_true(pids[i] >= 0);
        if (pids[i] == 0)
            _exit(row_is_right(i / 2, i % 2 == 0) ? 0 : 1);
    }
    for (size_t i = 0; i < 2 * N_ROWS; i++) {
        int status;

        assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
        wrong += status != 0;
    }
    assert_int_equal(wrong, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hoarders_fail_and_others_pass),
    };

    return cmocka_run_group_tests(tests, table_setup, table_teardown);
}
