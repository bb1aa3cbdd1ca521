/* SPDX-License-Identifier: MIT */
/*
 * Categories 14 and 15 are tested themselves: a strict server and a strict client pass every case,
 * and each deliberate fault fails exactly the cases listed in mutant_greet_rows.h. At the end no
 * case may be left that no fault fails, but for those that only a look at the process can fail.
 * Argument "print" shows the rows as they are now.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "conformance/peer.h"
#include "mutant_greet.h"

typedef struct row {
    greet_fault fault;
    const char *cases; /* "14.4.1 14.4.3": fails these and no other */
} row;

#include "mutant_greet_rows.h"

static judge_table *table;

static int setup(void **state)
{
    (void)state;
    table = judge_table_new();
    return table == NULL;
}

static int teardown(void **state)
{
    (void)state;
    judge_table_free(table);
    return 0;
}

/* One write of the judge is one read of the peer, and the other way round. */
static void converse(judge_peer *p, greeter *g, int64_t now)
{
    bool told = false; /* that the judge sends no more */

    for (unsigned rounds = 0; !judge_peer_is_done(p); rounds++) {
        const uint8_t *data;
        size_t n;
        int64_t next;

        assert_true(rounds < 1000000);
        if ((data = greeter_output(g, now, &n)) != NULL) {
            judge_peer_feed(p, now, data, n);
            greeter_taken(g, n);
            continue;
        }
        if (greeter_is_over(g) && greeter_deadline(g) == INT64_MAX) {
            judge_peer_lost(p, now);
            break;
        }
        if ((n = judge_peer_output(p, &data)) > 0) {
            greeter_feed(g, now, data, n < 65536 ? n : 65536);
            judge_peer_wrote(p, n < 65536 ? n : 65536);
            if (judge_peer_paused(p))
                judge_peer_turn(p);
            now += 10;
            continue;
        }
        if (!told && judge_peer_wants_fin(p)) {
            greeter_feed(g, now, NULL, 0);
            told = true;
            continue;
        }
        next = judge_peer_deadline(p);
        if (greeter_deadline(g) < next)
            next = greeter_deadline(g);
        assert_true(next < INT64_MAX);
        now = next;
        judge_peer_tick(p, now);
    }
}

/* What has no end in the suite is shorter here, but longer than any limit. */
#define MOST_SPILLED ((uint64_t)1 << 20)

static void run_case(const judge_case *from, greet_fault fault, judge_result *ret)
{
    judge_step steps[16];
    judge_case made = *from;
    const judge_case *c = &made;
    greeter *g = greeter_new(fault);
    judge_options options;
    const judge_peer_setup peer_setup = {
        .test = c,
        .role = greeter_is_client(g) ? JUDGE_ROLE_SERVER : JUDGE_ROLE_CLIENT,
        .options = &options,
        .host = greeter_is_client(g) ? NULL : "memory:1",
        .resource = greeter_is_client(g) ? NULL : "/",
        .agent = "greeter",
    };
    judge_peer *p;

    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        steps[i] = from->hello.steps[i];
        if (steps[i].op == JUDGE_STEP_SPILL && steps[i].blob.total > MOST_SPILLED)
            steps[i].blob.total = MOST_SPILLED - MOST_SPILLED % steps[i].blob.len;
        if (steps[i].op == JUDGE_STEP_END)
            break;
    }
    made.hello.steps = steps;
    judge_options_init(&options);
    p = judge_peer_new(&peer_setup, 1000000);
    assert_non_null(p);
    judge_peer_begin(p, 1000000);
    converse(p, g, 1000000);
    judge_peer_result(p, 9000000, ret);
    judge_peer_free(p);
    greeter_free(g);
}

static bool is_good(const judge_result *r)
{
    return (r->behavior == JUDGE_OK || r->behavior == JUDGE_INFORMATIONAL) &&
           (r->behavior_close == JUDGE_OK || r->behavior_close == JUDGE_INFORMATIONAL);
}

static bool is_tried(const judge_case *c, greet_fault fault)
{
    return strncmp(c->id, fault >= GREET_c_none ? "15." : "14.", 3) == 0;
}

static bool fails(const judge_case *c, greet_fault fault)
{
    judge_result r;
    bool good;

    run_case(c, fault, &r);
    good = is_good(&r);
    /* What failed has its line for people, what did not has none. */
    if ((r.why != NULL) == good)
        fail_msg("%s on %s: %s", c->id, greet_name(fault), r.why ? r.why : "no reason");
    judge_result_deinit(&r);
    return !good;
}

/* "14.1.1 14.1.2 14.1.3" is "14.1.1-3". */
static void describe(greet_fault fault, bool *hit, char *out, size_t room)
{
    size_t len = 0, since = SIZE_MAX;

    out[0] = '\0';
    for (size_t i = 0; i <= judge_table_count(table); i++) {
        const judge_case *c = i < judge_table_count(table) ? judge_table_at(table, i) : NULL;
        const bool is_hit = c != NULL && is_tried(c, fault) && fails(c, fault);
        const char *id = since < i ? judge_table_at(table, since)->id : NULL;
        const size_t group = id ? (size_t)(strrchr(id, '.') + 1 - id) : 0;

        if (c != NULL)
            hit[i] = hit[i] || is_hit;
        if (id != NULL && (!is_hit || strncmp(id, c->id, group) != 0)) {
            const char *last = judge_table_at(table, i - 1)->id;

            len += (size_t)snprintf(out + len, room - len, "%s%s%s%s", len > 0 ? " " : "", id,
                                    last == id ? "" : "-", last == id ? "" : last + group);
            since = SIZE_MAX;
        }
        if (is_hit && since == SIZE_MAX)
            since = i;
        assert_true(len < room);
    }
}

static void faults_fail_their_cases(void **state)
{
    bool *hit = calloc(judge_table_count(table), sizeof(*hit));
    char text[8192];
    int wrong = 0;

    (void)state;
    for (unsigned f = 0; f < GREET_COUNT; f++) {
        const char *name = greet_name((greet_fault)f), *expected = NULL;

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
            if (rows[i].fault == (greet_fault)f)
                expected = rows[i].cases;
        }
        assert_non_null(expected);
        describe((greet_fault)f, hit, text, sizeof(text));
        if (strcmp(text, expected) != 0) {
            print_error("%s fails: %s\n  expected: %s\n", name, text, expected);
            wrong++;
        }
    }
    for (size_t i = 0; i < judge_table_count(table); i++) {
        const judge_case *c = judge_table_at(table, i);

        if (hit[i] || (!is_tried(c, GREET_s_none) && !is_tried(c, GREET_c_none)))
            continue;
        /* The judge resets TCP at once: only a look at the peer afterwards says more, which
         * test_vitality and the next case of the client are. */
        if (strcmp(c->id, "14.14.7") == 0 || strcmp(c->id, "15.10.9") == 0)
            continue;
        print_error("%s fails on no mutant\n", c->id);
        wrong++;
    }
    assert_int_equal(wrong, 0);
    free(hit);
}

/* For whoever adds a fault or a case: the rows as they would be. */
static void print_rows(void)
{
    bool *hit;
    char text[8192];

    setup(NULL);
    hit = calloc(judge_table_count(table), sizeof(*hit));
    for (unsigned f = 0; f < GREET_COUNT; f++) {
        describe((greet_fault)f, hit, text, sizeof(text));
        printf("%s|%s\n", greet_name((greet_fault)f), text);
    }
    for (size_t i = 0; i < judge_table_count(table); i++) {
        const judge_case *c = judge_table_at(table, i);

        if (!hit[i] && (is_tried(c, GREET_s_none) || is_tried(c, GREET_c_none)))
            printf("# %s %s\n", c->id, c->title);
    }
    free(hit);
    teardown(NULL);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(faults_fail_their_cases)};

    if (argc > 1 && strcmp(argv[1], "print") == 0) {
        print_rows();
        return 0;
    }
    return cmocka_run_group_tests(tests, setup, teardown);
}
