/* SPDX-License-Identifier: MIT */
/*
 * What only the next connection shows, over TCP: a server that dies with its connection fails
 * the cases of 19.9 and 14.14.7, one that goes on passes them; and crowds end those that
 * cannot bear them.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "conformance/crowd.h"
#include "conformance/run.h"
#include "mutant_frames.h"
#include "mutant_tcp.h"
#include "table_fixture.h"

/* Patience of the test, not of the judge: a loaded machine is no dead peer. */
#define PATIENCE 20
/* Of the connections of a crowd: 150, 60, 300 and 300; and, of those that are slow, 100. */
#define CROWD      0.03
#define SLOW_CROWD 0.1

/* When a server ends. */
typedef enum end_of_server { NEVER, BEHIND_ITS_FIRST, WITHIN_ITS_FIRST } end_of_server;

/* One connection to its end, or (`within`) to the first octets behind the handshake. */
static void serve_one(int fd, bool within)
{
    const mutant_kind *k = &frames_kind;
    void *m = k->begin(FM_none, false);
    uint8_t buf[65536];
    bool lost = false, ended = false;

    while (!lost) {
        size_t n;
        const uint8_t *out = k->output(m, 0, &n);
        ssize_t got;

        if (out != NULL) {
            got = send(fd, out, n, MSG_NOSIGNAL);
            lost = got < 0;
            if (got > 0)
                k->taken(m, (size_t)got);
            continue;
        }
        if (k->is_over(m))
            break;
        got = ended ? -1 : recv(fd, buf, sizeof(buf), 0);
        lost = got < 0;
        if (got > 0 && within && buf[0] != 'G')
            _exit(0);
        if (got > 0)
            k->feed(m, 0, buf, (size_t)got);
        ended = got == 0;
        if (ended)
            k->end(m);
    }
    k->free(m);
    close(fd);
}

/* A server in a process of its own. */
static pid_t server_start(end_of_server when, uint16_t *ret_port)
{
    uint16_t port = 0;
    const int fd = mutant_listen(&port);
    pid_t pid;

    assert_true(fd >= 0);
    assert_int_equal(fcntl(fd, F_SETFL, 0), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        for (;;) {
            const int c = accept(fd, NULL, NULL);

            if (c < 0 && errno != EINTR && errno != ECONNABORTED)
                _exit(1);
            if (c >= 0) {
                serve_one(c, when == WITHIN_ITS_FIRST);
                if (when == BEHIND_ITS_FIRST)
                    _exit(0);
            }
        }
    }
    close(fd);
    *ret_port = port;
    return pid;
}

static void server_stop(pid_t pid)
{
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

typedef struct outcome {
    unsigned results, good;
    judge_behavior behavior; /* of the last one */
    char why[128];
} outcome;

static void on_done(void *ud, const judge_target *t, const judge_case *c, judge_result *r)
{
    outcome *o = ud;

    (void)t;
    (void)c;
    o->results++;
    o->behavior = r->behavior;
    snprintf(o->why, sizeof(o->why), "%s", r->why ? r->why : "");
    o->good += r->behavior == JUDGE_OK && r->behavior_close == JUDGE_OK;
}

static void run(size_t i, uint16_t port, int pid, double seconds, outcome *ret)
{
    bool *selected = calloc(judge_table_count(table), sizeof(*selected));
    judge_target target = {.url = "ws://test", .host = "127.0.0.1", .port = port, .resource = "/"};
    const judge_run_params params = {
        .table = table,
        .selected = selected,
        .targets = &target,
        .n_targets = 1,
        .callbacks = {.ud = ret, .on_done = on_done},
        .jobs = 1,
        .pid = pid,
    };
    judge_run_totals totals;
    char why[256];
    judge_run *r;

    judge_options_init(&target.options);
    target.options.vitality_seconds = seconds;
    target.options.open_handshake_timeout = PATIENCE;
    target.options.crowd = CROWD;
    if (strncmp(judge_table_at(table, i)->id, "23.4.", 5) == 0) {
        target.options.crowd = SLOW_CROWD;
        target.options.patience = 0.1;
    }
    selected[i] = true;
    r = judge_run_new(&params, why);
    assert_non_null(r);
    assert_int_equal(judge_run_go(r, &totals), 0);
    judge_run_free(r);
    free(selected);
}

static void resets(bool dies)
{
    unsigned n = 0;

    for (size_t i = 0; i < judge_table_count(table); i++) {
        const judge_case *c = judge_table_at(table, i);
        outcome o = {0};
        uint16_t port;
        pid_t pid;

        if (c->rule != JUDGE_RULE_RESET && strcmp(c->id, "14.14.7") != 0)
            continue;
        pid = server_start(dies ? BEHIND_ITS_FIRST : NEVER, &port);
        run(i, port, 0, dies ? 1 : PATIENCE, &o);
        server_stop(pid);
        if (o.results != 1 || o.good != (dies ? 0 : 1))
            fail_msg("%s: %u good of %u", c->id, o.good, o.results);
        n++;
    }
    assert_int_equal(n, 9);
}

static void a_server_that_goes_on_passes(void **state)
{
    (void)state;
    resets(false);
}

static void a_server_that_dies_fails(void **state)
{
    (void)state;
    resets(true);
}

/* To drop TCP is right in these cases, and nobody asks the server anything afterwards. */
static void a_server_that_ends_is_seen_by_its_process(void **state)
{
    static const char *const ids[] = {"17.5.1", "17.9.3", "19.1.1", "21.3.1", "23.3.5"};

    (void)state;
    for (size_t n = 0; n < sizeof(ids) / sizeof(ids[0]); n++) {
        const judge_case *c = judge_table_find(table, ids[n]);

        assert_non_null(c);
        for (unsigned dies = 0; dies < 2; dies++) {
            outcome o = {0};
            uint16_t port;
            const pid_t pid = server_start(dies ? WITHIN_ITS_FIRST : NEVER, &port);

            run((size_t)c->index - 1, port, (int)pid, PATIENCE, &o);
            server_stop(pid);
            assert_int_equal(o.results, 1);
            if (dies ? o.behavior != JUDGE_FAILED || strcmp(o.why, "the process is gone") != 0
                     : o.behavior == JUDGE_FAILED)
                fail_msg("%s: %s, %s", c->id, judge_behavior_name(o.behavior), o.why);
        }
    }
}

/* ------------------------------------------------------------------------------ crowds -- */

typedef struct crowd_server {
    int fd;
    uint16_t port;
    mutant_habits habits;
    atomic_bool stop;
    pthread_t thread;
} crowd_server;

static void *serve_crowd(void *ud)
{
    crowd_server *s = ud;

    mutant_serve(s->fd, &s->habits, &s->stop);
    return NULL;
}

/* The case of a crowd, with a small one. */
static outcome crowd(const char *id, mutant_habits habits, double seconds)
{
    const judge_case *c = judge_table_find(table, id);
    outcome o = {0};
    crowd_server s = {.habits = habits};

    assert_non_null(c);
    s.fd = mutant_listen(&s.port);
    assert_true(s.fd >= 0);
    assert_int_equal(pthread_create(&s.thread, NULL, serve_crowd, &s), 0);
    run((size_t)c->index - 1, s.port, 0, seconds, &o);
    atomic_store(&s.stop, true);
    pthread_join(s.thread, NULL);
    assert_int_equal(o.results, 1);
    return o;
}

/* False: it failed, or came to nothing. */
static bool crowd_passes(const char *id, mutant_habits habits, double seconds)
{
    return crowd(id, habits, seconds).good == 1;
}

/* Each crowd ends a server that cannot take what the crowd does. */
static void crowds_fail_who_cannot_bear_them(void **state)
{
    static const struct {
        const char *id;
        mutant_death death;
        unsigned after;
        const char *other; /* this crowd does nothing of the kind */
    } rows[] = {
        {"23.2.1", MUTANT_DIES_OF_RESET, 20, "23.2.4"},
        {"23.2.2", MUTANT_DIES_OF_END, 10, "23.2.4"},
        {"23.2.3", MUTANT_DIES_OF_VISITS, 200, "23.2.1"},
        {"23.2.4", MUTANT_DIES_OF_OCTETS, 60000, "23.2.2"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const mutant_habits habits = {.death = rows[i].death, .after = rows[i].after};

        if (!crowd_passes(rows[i].id, (mutant_habits){0}, PATIENCE))
            fail_msg("%s fails for a good server", rows[i].id);
        if (crowd_passes(rows[i].id, habits, 1))
            fail_msg("%s does not fail for a server that it ends", rows[i].id);
        if (!crowd_passes(rows[i].other, habits, PATIENCE))
            fail_msg("%s fails for what %s is about", rows[i].other, rows[i].id);
    }
}

/* Who serves one after the other lets others wait for those that are slow. */
static void slow_crowds_fail_who_waits_for_them(void **state)
{
    static const char *const ids[] = {"23.4.1", "23.4.2", "23.4.3"};

    (void)state;
    for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
        if (!crowd_passes(ids[i], (mutant_habits){0}, PATIENCE))
            fail_msg("%s fails for a good server", ids[i]);
        if (crowd_passes(ids[i], (mutant_habits){.one_by_one = 1}, 0.002))
            fail_msg("%s does not fail for a server that waits for each", ids[i]);
    }
}

/* Its memory while the crowd is there counts, though nothing of it is left behind that. */
static void what_crowds_take_is_seen(void **state)
{
    const judge_case *c = judge_table_find(table, "23.4.2");

    (void)state;
    for (unsigned keeps = 0; keeps < 2; keeps++) {
        const mutant_habits habits = {.keeps_kib = keeps * 4096};
        outcome o = {0};
        uint16_t port = 0;
        const int fd = mutant_listen(&port);
        const pid_t pid = fork();

        assert_true(fd >= 0 && pid >= 0);
        if (pid == 0) {
            mutant_serve(fd, &habits, NULL);
            _exit(0);
        }
        close(fd);
        run((size_t)c->index - 1, port, (int)pid, PATIENCE, &o);
        server_stop(pid);
        assert_int_equal(o.behavior, keeps ? JUDGE_FAILED : JUDGE_OK);
        assert_string_equal(o.why, keeps ? "its memory grew by more than it may" : "");
    }
}

/* Whoever is alone gets what is his; in the crowd some messages are not those that were sent. */
static void what_crowds_get_counts(void **state)
{
    (void)state;
    assert_int_equal(
        crowd("23.2.4", (mutant_habits){.fault = MUTANT_corrupt_late}, PATIENCE).behavior,
        JUDGE_FAILED);
    assert_int_equal(crowd("23.2.3", (mutant_habits){.fault = MUTANT_masked}, PATIENCE).behavior,
                     JUDGE_FAILED);
    /* What does not come is for information. */
    assert_int_equal(crowd("23.2.4", (mutant_habits){.replaces = 1}, PATIENCE).behavior,
                     JUDGE_INFORMATIONAL);
}

/* A name may have several addresses, of which the server has the last one: the crowd is no smaller
 * for that. */
static void crowds_try_all_addresses(void **state)
{
    const judge_case *c = judge_table_find(table, "23.2.1");
    judge_target target = {.url = "ws://test", .host = "127.0.0.1", .resource = "/"};
    judge_options options;
    const judge_peer_setup set = {
        .test = c,
        .role = JUDGE_ROLE_CLIENT,
        .options = &options,
        .host = "127.0.0.1:1",
        .resource = "/",
    };
    struct sockaddr_in nobody = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr_in server = nobody;
    const int taken = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    socklen_t len = sizeof(nobody);
    volatile sig_atomic_t cancelled = 0;
    judge_address addresses[3] = {0};
    judge_vitality nobodys = {0};
    judge_crowd_tally tally;
    crowd_server s = {0};
    unsigned which = 7;

    (void)state;
    judge_options_init(&options);
    options.crowd = CROWD;
    /* Bound, and never listened at. */
    assert_int_equal(bind(taken, (struct sockaddr *)&nobody, len), 0);
    assert_int_equal(getsockname(taken, (struct sockaddr *)&nobody, &len), 0);
    s.fd = mutant_listen(&s.port);
    assert_true(s.fd >= 0);
    server.sin_port = htons(s.port);
    for (size_t i = 0; i < 3; i++) {
        memcpy(&addresses[i].at, i < 2 ? &nobody : &server, sizeof(server));
        addresses[i].len = sizeof(server);
    }
    assert_true(judge_crowd_go(&set, &target, addresses, 2, NULL, false, &cancelled, &nobodys,
                               &tally, &which));
    assert_int_equal(tally.good, 0);
    assert_int_equal(which, 7);
    assert_int_equal(pthread_create(&s.thread, NULL, serve_crowd, &s), 0);
    assert_true(judge_crowd_go(&set, &target, addresses, 3, NULL, false, &cancelled, &nobodys,
                               &tally, &which));
    assert_true(tally.total > 100);
    assert_int_equal(tally.good, tally.total);
    assert_int_equal(which, 2);
    atomic_store(&s.stop, true);
    pthread_join(s.thread, NULL);
    close(taken);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_server_that_goes_on_passes),
        cmocka_unit_test(a_server_that_dies_fails),
        cmocka_unit_test(a_server_that_ends_is_seen_by_its_process),
        cmocka_unit_test(crowds_fail_who_cannot_bear_them),
        cmocka_unit_test(slow_crowds_fail_who_waits_for_them),
        cmocka_unit_test(what_crowds_take_is_seen),
        cmocka_unit_test(what_crowds_get_counts),
        cmocka_unit_test(crowds_try_all_addresses),
    };

    return cmocka_run_group_tests(tests, table_setup, table_teardown);
}
