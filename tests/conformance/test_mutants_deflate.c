/* SPDX-License-Identifier: MIT */
/*
 * Categories 21 to 23 are tested themselves: a correct endpoint and odd but allowed ones pass every
 * case in both roles, and each deliberate fault fails exactly the cases listed here. At the end no
 * case may be left that no fault fails. Argument: "print" shows the rows as they are now.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "conformance/peer.h"
#include "mutant_deflate.h"

typedef enum side { SERVER = 0, CLIENT = 1 } side;

typedef struct row {
    dm_fault fault;
    side side;
    const char *run;   /* "16.* 17.1.*": these are tried */
    const char *cases; /* these of them fail, and no other */
} row;

#include "mutant_deflate_rows.h"

static judge_table *table;
static size_t first_case, n_cases; /* of those that are tested here */

static int setup(void **state)
{
    (void)state;
    table = judge_table_new();
    if (table == NULL)
        return -1;
    for (size_t i = 0; i < judge_table_count(table); i++) {
        const long category = strtol(judge_table_at(table, i)->id, NULL, 10);

        if (category < 21)
            first_case = i + 1;
        if (category <= 23)
            n_cases = i + 1 - first_case;
    }
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    judge_table_free(table);
    return 0;
}

static const judge_case *case_at(size_t i)
{
    return judge_table_at(table, first_case + i);
}

/* ------------------------------------------------------------------------------- in memory -- */

/* One write of the judge is one read of the mutant. True if anything moved. */
static bool to_mutant(judge_peer *p, dm *m)
{
    const uint8_t *data;
    size_t n = dm_is_full(m) ? 0 : judge_peer_output(p, &data);

    if (n == 0)
        return false;
    if (n > 1 << 16)
        n = 1 << 16;
    dm_feed(m, data, n);
    judge_peer_wrote(p, n);
    if (judge_peer_paused(p))
        judge_peer_turn(p);
    return true;
}

static bool to_judge(judge_peer *p, dm *m, int64_t now)
{
    const size_t appetite = judge_peer_appetite(p);
    size_t n;
    const uint8_t *data = dm_output(m, &n);

    if (data == NULL || appetite == 0)
        return false;
    if (n > appetite)
        n = appetite;
    if (n > 65536)
        n = 65536;
    judge_peer_feed(p, now, data, n);
    dm_taken(m, n);
    return true;
}

static void run(const judge_case *c, dm_fault fault, side s, judge_result *ret)
{
    judge_options options;
    judge_peer_setup set = {
        .test = c,
        .role = s == SERVER ? JUDGE_ROLE_CLIENT : JUDGE_ROLE_SERVER,
        .options = &options,
        .host = "memory:1",
        .resource = "/",
        .agent = "mutant",
        .stall_seconds = 3,
    };
    int64_t now = 1000000;
    judge_peer *p;
    dm *m;

    judge_options_init(&options);
    p = judge_peer_new(&set, now);
    assert_non_null(p);
    judge_peer_begin(p, now);
    m = dm_new(fault, s == CLIENT);
    while (!judge_peer_is_done(p)) {
        judge_peer_clock(p, now);
        /* The peer's answers are there before the next octets go out, as on a fast network. */
        if (to_judge(p, m, now) || to_mutant(p, m)) {
            now += 10;
            continue;
        }
        if (dm_is_over(m) && dm_output(m, &(size_t){0}) == NULL) {
            judge_peer_lost(p, now);
            break;
        }
        if (judge_peer_wants_fin(p)) {
            dm_end(m);
            continue;
        }
        now = judge_peer_deadline(p);
        assert_true(now != INT64_MAX);
        judge_peer_tick(p, now);
    }
    judge_peer_result(p, now, ret);
    judge_peer_free(p);
    dm_free(m);
}

static bool good(judge_behavior b)
{
    return b == JUDGE_OK || b == JUDGE_INFORMATIONAL;
}

static bool fails(const judge_case *c, dm_fault fault, side s)
{
    judge_result r;
    bool ok;

    run(c, fault, s, &r);
    ok = good(r.behavior) && good(r.behavior_close);
    /* What failed has its line for people, what did not has none. */
    if ((r.why != NULL) == ok)
        print_error("%s on %s: %s\n", dm_name(fault), c->id, r.why ? r.why : "no reason given");
    assert_int_equal(r.why != NULL, !ok);
    assert_true(r.why_log < (int)r.n_log);
    judge_result_deinit(&r);
    return !ok;
}

/* ---------------------------------------------------------------------------------- sets -- */

/* Length of "17.8." in "17.8.12". */
static size_t group_of(const char *id)
{
    const char *dot = strrchr(id, '.');

    return dot != NULL ? (size_t)(dot - id) + 1 : 0;
}

/* "17.8.*", "17.8.12" or "17.8.12-17". */
static bool is_named(const char *word, size_t len, const char *id)
{
    const char *dash = memchr(word, '-', len);
    const size_t group = group_of(id);
    long n;

    if (word[len - 1] == '*')
        return strncmp(id, word, len - 1) == 0;
    if (dash == NULL)
        return strlen(id) == len && strncmp(id, word, len) == 0;
    if (strncmp(id, word, group) != 0)
        return false;
    n = strtol(id + group, NULL, 10);
    return n >= strtol(word + group, NULL, 10) && n <= strtol(dash + 1, NULL, 10);
}

static bool in_set(const char *set, const char *id)
{
    while (*set != '\0') {
        const size_t len = strcspn(set, " ");

        if (is_named(set, len, id))
            return true;
        set += len;
        set += strspn(set, " ");
    }
    return false;
}

/* Length of the first `dots` numbers of an id with their dots; 0: it has fewer. */
static size_t prefix(const char *id, int dots)
{
    for (const char *p = id; *p != '\0'; p++) {
        if (*p == '.' && --dots == 0)
            return (size_t)(p - id) + 1;
    }
    return 0;
}

/* The set as text: a whole category or group of those that were run is a pattern. */
static void describe(const bool *hit, const bool *ran, char *out, size_t room)
{
    size_t len = 0;

    out[0] = '\0';
    for (size_t i = 0; i < n_cases;) {
        const char *id = case_at(i)->id, *star = "";
        size_t next = i + 1, n_id = strlen(id);

        for (int dots = 1; hit[i] && dots <= 2 && *star == '\0'; dots++) {
            const size_t l = prefix(id, dots);
            size_t count = 0, k = i;
            bool whole = l > 0;

            for (size_t before = 0; whole && before < i; before++)
                whole = !ran[before] || strncmp(case_at(before)->id, id, l) != 0;
            for (; whole && k < n_cases && strncmp(case_at(k)->id, id, l) == 0; k++) {
                count += ran[k];
                whole = !ran[k] || hit[k];
            }
            if (whole && count > 1) {
                star = "*";
                n_id = l;
                next = k;
            }
        }
        if (hit[i])
            len += (size_t)snprintf(out + len, room - len, "%s%.*s%s", len > 0 ? " " : "",
                                    (int)n_id, id, star);
        /* Three in a row and more are a range. */
        if (hit[i] && *star == '\0') {
            const size_t group = group_of(id);
            size_t last = i;

            while (last + 1 < n_cases && hit[last + 1] &&
                   strncmp(case_at(last + 1)->id, id, group) == 0)
                last++;
            if (last >= i + 2) {
                len += (size_t)snprintf(out + len, room - len, "-%s", case_at(last)->id + group);
                next = last + 1;
            }
        }
        assert_true(len < room);
        i = next;
    }
}

static void run_row(const row *r, bool *hit, bool *ran)
{
    const judge_role role = r->side == SERVER ? JUDGE_ROLE_CLIENT : JUDGE_ROLE_SERVER;

    for (size_t i = 0; i < n_cases; i++) {
        const judge_case *c = case_at(i);

        ran[i] = judge_case_has_role(c, role) && in_set(r->run, c->id);
        hit[i] = ran[i] && fails(c, r->fault, r->side);
    }
}

/* --------------------------------------------------------------------------------- tests -- */

static void faults_fail_their_cases(void **state)
{
    bool *hit = calloc(n_cases, sizeof(*hit)), *ran = calloc(n_cases, sizeof(*ran));
    static char text[32768];
    int wrong = 0;

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        run_row(&rows[i], hit, ran);
        describe(hit, ran, text, sizeof(text));
        if (strcmp(text, rows[i].cases) != 0) {
            print_error("%s (%s) fails: %s\n  expected: %s\n", dm_name(rows[i].fault),
                        rows[i].side == SERVER ? "server" : "client", text, rows[i].cases);
            wrong++;
        }
    }
    assert_int_equal(wrong, 0);
    free(hit);
    free(ran);
}

static void every_fault_has_a_row(void **state)
{
    (void)state;
    for (unsigned f = 0; f < DM_COUNT; f++) {
        size_t found = 0;

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
            found += rows[i].fault == (dm_fault)f;
        if (found == 0)
            print_error("%s has no row: it %s\n", dm_name((dm_fault)f), dm_text((dm_fault)f));
        assert_true(found > 0);
        assert_true(strncmp(dm_name((dm_fault)f), "legal_", 6) != 0 || found == 2);
    }
}

/* By the rows, which the other test proves. */
static void no_case_is_dead(void **state)
{
    size_t dead = 0;

    (void)state;
    for (size_t i = 0; i < n_cases; i++) {
        const judge_case *c = case_at(i);
        bool hit = false;

        for (size_t k = 0; k < sizeof(rows) / sizeof(rows[0]); k++)
            hit = hit || in_set(rows[k].cases, c->id);
        /* Some cannot fail, as their outcome is for information; after a reset only the next
         * connection shows how the peer took it, which needs sockets: see test_mutants_life. */
        if (hit || c->rule == JUDGE_RULE_INFORM || c->rule == JUDGE_RULE_RESET)
            continue;
        print_error("%s fails on no mutant\n", c->id);
        dead++;
    }
    assert_int_equal(dead, 0);
}

/* For whoever adds a fault or a case: the rows as they would be. */
static void print_rows(void)
{
    bool *hit, *ran;
    static char text[32768];

    setup(NULL);
    hit = calloc(n_cases, sizeof(*hit));
    ran = calloc(n_cases, sizeof(*ran));
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        run_row(&rows[i], hit, ran);
        describe(hit, ran, text, sizeof(text));
        printf("%s|%d|%s|%s\n", dm_name(rows[i].fault), (int)rows[i].side, rows[i].run, text);
    }
    free(hit);
    free(ran);
    teardown(NULL);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_fault_has_a_row),
        cmocka_unit_test(faults_fail_their_cases),
        cmocka_unit_test(no_case_is_dead),
    };

    if (argc > 1 && strcmp(argv[1], "print") == 0) {
        print_rows();
        return 0;
    }
    return cmocka_run_group_tests(tests, setup, teardown);
}
