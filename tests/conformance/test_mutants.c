/* SPDX-License-Identifier: MIT */
/*
 * The suite is tested itself, in both roles: a correct server and a correct client and odd but
 * allowed ones pass every case, and each deliberate fault fails exactly the cases listed here. At
 * the end no case may be left that no fault fails. Arguments: "server" or "client" says who is
 * judged, "light" runs what moves few octets, "data" the rest, "print" shows the rows as they are
 * now.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "case_sets.h"
#include "judge_memory.h"

/* Enough for a fault in the third message of a loop. */
#define MESSAGES 3

/* Which cases a fault is tried on. */
typedef enum extent {
    LIGHT,  /* those that move few octets, and a sample of the others */
    PLAIN,  /* all but 12.* and 13.*, where it hangs on zlib which sizes occur */
    PACKED, /* 12.* and 13.*, rows 10 and 18: long enough to show what a fault does */
    ALL,
} extent;

typedef struct row {
    mutant_fault fault;
    mutant_role roles;
    extent extent;
    const char *cases; /* "2.* 5.6": fails these of the ones that are run, and no other */
} row;

#include "mutant_rows.h"

static judge_table *table;
static judge_streams *streams;
static mutant_role judged = MUTANT_SERVER;

static int setup(void **state)
{
    (void)state;
    table = judge_table_new();
    streams = judge_streams_new();
    return table == NULL || streams == NULL;
}

static int teardown(void **state)
{
    (void)state;
    judge_streams_free(streams);
    judge_table_free(table);
    return 0;
}

/* As client the loops over a corpus are the same code again, so that for most faults a part of
 * them will do. */
static bool is_spared(const judge_case *c, const row *r)
{
    static const mutant_fault whole[] = {MUTANT_none, MUTANT_echo_none, MUTANT_corrupt_70000,
                                         MUTANT_deflate_none, MUTANT_deflate_no_window};

    for (size_t i = 0; i < sizeof(whole) / sizeof(whole[0]); i++) {
        if (r->fault == whole[i])
            return false;
    }
    return judged == MUTANT_CLIENT && r->extent == ALL && c->weight == 2 && c->echo.len != 64 &&
           c->echo.len != 131072;
}

static bool is_run(const judge_case *c, extent e)
{
    static const char *const sample[] = {"9.1.1", "9.2.1", "9.7.1", "9.8.2", "12.1.1", "13.1.1"};

    if (e == PACKED)
        return c->weight == 2 && c->echo.len == 131072 &&
               (c->echo.fragment == 0 || c->echo.fragment == 32768);
    if (e == ALL || c->weight == 0 || (e == PLAIN && c->weight == 1))
        return true;
    if (e == PLAIN)
        return false;
    for (size_t i = 0; i < sizeof(sample) / sizeof(sample[0]); i++) {
        if (strcmp(c->id, sample[i]) == 0)
            return true;
    }
    return false;
}

static judge_role role(void)
{
    return judged == MUTANT_SERVER ? JUDGE_ROLE_CLIENT : JUDGE_ROLE_SERVER;
}

/* The loops are the same code in both roles: what two messages show is shown. */
static uint32_t messages(const judge_case *c, mutant_fault fault)
{
    if (c->echo.count == 0)
        return 0;
    return judged == MUTANT_CLIENT && fault != MUTANT_corrupt_late && fault != MUTANT_deflate_keeps
               ? 2
               : MESSAGES;
}

static bool fails(const judge_case *c, mutant_fault fault)
{
    const memory_params params = {
        .role = role(), .fault = fault, .messages = messages(c, fault), .streams = streams};
    judge_result r;
    bool good;

    judge_in_memory(c, &params, &r);
    good = judge_is_good(&r);
    /* What failed has its line for people, what did not has none. */
    assert_int_equal(r.why != NULL, !good);
    assert_true(r.why_log < (int)r.n_log);
    judge_result_deinit(&r);
    return !good;
}

static void run_row(const row *r, bool *hit, bool *ran)
{
    const size_t n = judge_table_count_autobahn(table);

    for (size_t i = 0; i < n; i++) {
        const judge_case *c = judge_table_at(table, i);

        ran[i] = is_run(c, r->extent) && !is_spared(c, r);
        hit[i] = ran[i] && fails(c, r->fault);
    }
}

static void describe(const bool *hit, const bool *ran, char *out, size_t room)
{
    case_set_describe(table, 0, judge_table_count_autobahn(table), hit, ran, out, room);
}

static bool names_one_of(const char *set, const bool *ran)
{
    const size_t n = judge_table_count_autobahn(table);
    size_t i = 0;

    while (i < n && !(ran[i] && case_set_has(set, judge_table_at(table, i)->id)))
        i++;
    return i < n;
}

/* What was hit is what the row says of the cases that were run, and it speaks of no others. */
static bool is_as_said(const row *r, const bool *hit, const bool *ran)
{
    const size_t n = judge_table_count_autobahn(table);
    char word[16];
    int len;

    for (size_t i = 0; i < n; i++) {
        if (ran[i] && hit[i] != case_set_has(r->cases, judge_table_at(table, i)->id))
            return false;
    }
    for (const char *p = r->cases; sscanf(p, "%15s%n", word, &len) == 1; p += len) {
        if (!names_one_of(word, ran))
            return false;
    }
    return true;
}

static void check_rows(bool light)
{
    const size_t n = judge_table_count_autobahn(table);
    bool *hit = calloc(n, sizeof(*hit)), *ran = calloc(n, sizeof(*ran));
    char text[16384];
    int wrong = 0;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if ((rows[i].extent == LIGHT) != light || !(rows[i].roles & judged))
            continue;
        run_row(&rows[i], hit, ran);
        if (!is_as_said(&rows[i], hit, ran)) {
            describe(hit, ran, text, sizeof(text));
            print_error("%s fails: %s\n  expected: %s\n", mutant_name(rows[i].fault), text,
                        rows[i].cases);
            wrong++;
        }
    }
    assert_int_equal(wrong, 0);
    free(hit);
    free(ran);
}

static void light_faults(void **state)
{
    (void)state;
    check_rows(true);
}

static void data_faults(void **state)
{
    (void)state;
    check_rows(false);
}

static void every_fault_has_a_row(void **state)
{
    (void)state;
    for (unsigned f = 0; f < MUTANT_COUNT; f++) {
        for (unsigned r = MUTANT_SERVER; r <= MUTANT_CLIENT; r++) {
            size_t found = 0;

            for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
                found += rows[i].fault == (mutant_fault)f && (rows[i].roles & r) != 0;
            assert_int_equal(found, (mutant_roles((mutant_fault)f) & r) != 0);
        }
    }
}

/* Marks the cases that a row says to fail. */
static void mark(const row *r, bool *hit)
{
    const size_t n = judge_table_count_autobahn(table);

    for (size_t i = 0; i < n; i++) {
        const judge_case *c = judge_table_at(table, i);

        if (is_run(c, r->extent) && !is_spared(c, r) && case_set_has(r->cases, c->id))
            hit[i] = true;
    }
}

/* By the rows, which the other tests prove. A lost handshake proves nothing about a case. */
static void no_case_is_dead(void **state)
{
    const size_t n = judge_table_count_autobahn(table);
    bool *hit = calloc(n, sizeof(*hit));
    size_t dead = 0;

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const char *name = mutant_name(rows[i].fault);

        if ((rows[i].roles & judged) != 0 && strncmp(name, "hello_", 6) != 0 &&
            strncmp(name, "drop_", 5) != 0 && strncmp(rows[i].cases, EVERY_CASE, 10) != 0)
            mark(&rows[i], hit);
    }
    for (size_t i = 0; i < n; i++) {
        const judge_case *c = judge_table_at(table, i);

        /* These cannot fail: their outcome is for information. */
        if (hit[i] || c->rule == JUDGE_RULE_INFORM || c->rule == JUDGE_RULE_INFORM_LAST)
            continue;
        print_error("%s fails on no mutant\n", c->id);
        dead++;
    }
    assert_int_equal(dead, 0);
    free(hit);
}

/* What the peer does is the same however its octets are cut. */
static void cuts_change_nothing(void **state)
{
    static const size_t cuts[] = {1, 2, 3, 7};
    const mutant_fault faults[] = {MUTANT_none,
                                   judged == MUTANT_SERVER ? MUTANT_masked : MUTANT_unmasked,
                                   MUTANT_legal_pings, MUTANT_legal_fragments, MUTANT_close_reason};
    const size_t n = judge_table_count_autobahn(table);

    (void)state;
    for (size_t f = 0; f < sizeof(faults) / sizeof(faults[0]); f++) {
        for (size_t i = 0; i < n; i++) {
            const judge_case *c = judge_table_at(table, i);
            memory_params params = {
                .role = role(), .fault = faults[f], .messages = 2, .streams = streams};
            judge_result whole, cut;

            if (!is_run(c, LIGHT) || c->index == 215)
                continue;
            judge_in_memory(c, &params, &whole);
            for (size_t k = 0; k < sizeof(cuts) / sizeof(cuts[0]); k++) {
                params.cut = cuts[k];
                judge_in_memory(c, &params, &cut);
                assert_int_equal(cut.behavior, whole.behavior);
                assert_int_equal(cut.behavior_close, whole.behavior_close);
                assert_int_equal(cut.remote_code, whole.remote_code);
                assert_string_equal(cut.result, whole.result);
                assert_int_equal(cut.received.n, whole.received.n);
                judge_result_deinit(&cut);
            }
            judge_result_deinit(&whole);
        }
    }
}

/* Where --compat gives Autobahn's verdict instead of ours. */
static void compat_differs(void **state)
{
    static const struct {
        mutant_fault fault;
        const char *id;
        judge_behavior ours, ours_close, compat, compat_close;
    } differences[] = {
        {MUTANT_corrupt_70000, "9.1.2", JUDGE_FAILED, JUDGE_OK, JUDGE_OK, JUDGE_OK},
        {MUTANT_corrupt_late, "9.7.2", JUDGE_FAILED, JUDGE_OK, JUDGE_OK, JUDGE_OK},
        {MUTANT_echo_twice, "9.1.1", JUDGE_FAILED, JUDGE_OK, JUDGE_OK, JUDGE_OK},
        {MUTANT_legal_pongs, "9.7.2", JUDGE_OK, JUDGE_OK, JUDGE_FAILED, JUDGE_OK},
        {MUTANT_legal_pongs, "1.1.2", JUDGE_OK, JUDGE_OK, JUDGE_FAILED, JUDGE_WRONG_CODE},
        {MUTANT_legal_pongs, "2.9", JUDGE_OK, JUDGE_OK, JUDGE_FAILED, JUDGE_OK},
        {MUTANT_corrupt_late, "12.1.2", JUDGE_FAILED, JUDGE_OK, JUDGE_FAILED, JUDGE_OK},
        {MUTANT_none, "9.1.1", JUDGE_OK, JUDGE_OK, JUDGE_OK, JUDGE_OK},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(differences) / sizeof(differences[0]); i++) {
        const judge_case *c = judge_table_find(table, differences[i].id);
        memory_params params = {
            .role = role(), .fault = differences[i].fault, .messages = 4, .streams = streams};
        judge_result r;

        judge_in_memory(c, &params, &r);
        assert_int_equal(r.behavior, differences[i].ours);
        assert_int_equal(r.behavior_close, differences[i].ours_close);
        judge_result_deinit(&r);
        params.compat = true;
        judge_in_memory(c, &params, &r);
        assert_int_equal(r.behavior, differences[i].compat);
        assert_int_equal(r.behavior_close, differences[i].compat_close);
        judge_result_deinit(&r);
    }
}

/* For whoever adds a fault or a case: the rows as they would be. */
static void print_rows(void)
{
    bool *hit, *ran;
    char text[16384];

    setup(NULL);
    hit = calloc(judge_table_count_autobahn(table), sizeof(*hit));
    ran = calloc(judge_table_count_autobahn(table), sizeof(*ran));
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (!(rows[i].roles & judged))
            continue;
        run_row(&rows[i], hit, ran);
        describe(hit, ran, text, sizeof(text));
        printf("%s|%s\n", mutant_name(rows[i].fault), text);
    }
    free(hit);
    free(ran);
    teardown(NULL);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest light[] = {
        cmocka_unit_test(every_fault_has_a_row), cmocka_unit_test(light_faults),
        cmocka_unit_test(no_case_is_dead),       cmocka_unit_test(cuts_change_nothing),
        cmocka_unit_test(compat_differs),
    };
    const struct CMUnitTest data[] = {
        cmocka_unit_test(data_faults),
    };

    if (argc > 1 && strcmp(argv[1], "client") == 0)
        judged = MUTANT_CLIENT;
    if (argc > 2 && strcmp(argv[2], "print") == 0) {
        print_rows();
        return 0;
    }
    if (argc > 2 && strcmp(argv[2], "data") == 0)
        return cmocka_run_group_tests(data, setup, teardown);
    return cmocka_run_group_tests(light, setup, teardown);
}
