/* SPDX-License-Identifier: MIT */
/* See mutant_suite.h. */
#include "mutant_suite.h"

#include "case_sets.h"
#include "conformance/report_store.h"

static const mutant_suite *suite;
static judge_table *table;
static size_t first_case, n_cases; /* of those that are tested here */
static bool *failed_of[2];         /* which of them a row has seen FAILED, not only lax */

void mutants_use(const mutant_suite *s)
{
    suite = s;
}

int mutants_setup(void **state)
{
    (void)state;
    table = judge_table_new_limited(suite->limit);
    if (table == NULL)
        return -1;
    for (size_t i = 0; i < judge_table_count(table); i++) {
        const long category = strtol(judge_table_at(table, i)->id, NULL, 10);

        if (category < suite->from)
            first_case = i + 1;
        if (category <= suite->to)
            n_cases = i + 1 - first_case;
    }
    for (mutant_side s = SERVER; s <= CLIENT; s++) {
        failed_of[s] = calloc(n_cases, sizeof(bool));
        if (failed_of[s] == NULL)
            return -1;
    }
    return 0;
}

int mutants_teardown(void **state)
{
    (void)state;
    judge_table_free(table);
    free(failed_of[SERVER]);
    free(failed_of[CLIENT]);
    return 0;
}

size_t mutants_n_cases(void)
{
    return n_cases;
}

const judge_case *mutants_case(size_t i)
{
    return judge_table_at(table, first_case + i);
}

static const char *name_of(unsigned fault)
{
    return suite->kind->name(fault);
}

/* ------------------------------------------------------------------------------- in memory -- */

/* One write of the judge is one read of the mutant. True if anything moved. */
static bool to_mutant(judge_peer *p, void *m, int64_t now)
{
    const mutant_kind *k = suite->kind;
    const uint8_t *data;
    size_t n = k->is_full != NULL && k->is_full(m) ? 0 : judge_peer_output(p, &data);

    if (n == 0)
        return false;
    if (n > 1 << 16)
        n = 1 << 16;
    k->feed(m, now, data, n);
    judge_peer_wrote(p, n);
    if (judge_peer_paused(p))
        judge_peer_turn(p);
    return true;
}

static bool to_judge(judge_peer *p, void *m, int64_t now)
{
    const mutant_kind *k = suite->kind;
    const size_t appetite = judge_peer_appetite(p);
    size_t n;
    const uint8_t *data = k->output(m, now, &n);

    if (data == NULL || appetite == 0)
        return false;
    if (n > appetite)
        n = appetite;
    if (n > 65536)
        n = 65536;
    judge_peer_feed(p, now, data, n);
    k->taken(m, n);
    return true;
}

static int64_t deadline_of(const void *m)
{
    return suite->kind->deadline != NULL ? suite->kind->deadline(m) : INT64_MAX;
}

static int64_t converse(judge_peer *p, void *m, int64_t now)
{
    const mutant_kind *k = suite->kind;

    for (unsigned idle = 0; !judge_peer_is_done(p); idle++) {
        int64_t next;
        size_t left;

        assert_true(idle < 1000000);
        judge_peer_clock(p, now);
        /* The peer's answers are there before the next octets go out, as on a fast network. */
        if (to_judge(p, m, now) || to_mutant(p, m, now)) {
            now += 10;
            idle = 0;
            continue;
        }
        if (k->is_over(m) && deadline_of(m) == INT64_MAX && k->output(m, now, &left) == NULL) {
            judge_peer_lost(p, now);
            break;
        }
        if (judge_peer_wants_fin(p)) {
            k->end(m);
            continue;
        }
        /* What the judge does not read now has no time of its own. */
        next = judge_peer_deadline(p);
        now = deadline_of(m) > now && deadline_of(m) < next ? deadline_of(m) : next;
        assert_true(now != INT64_MAX);
        judge_peer_tick(p, now);
    }
    return now;
}

/* What has no end in the suite is shorter here, but longer than any limit. */
static void shorten(judge_case *c, judge_step steps[16])
{
    const uint64_t most = suite->most_spilled, flooded = suite->most_flooded;
    const judge_step *from = c->hello.steps != NULL ? c->hello.steps : c->steps;
    bool cut = false, whole = false;

    for (size_t i = 0; i < 16 && !whole; i++) {
        steps[i] = from[i];
        whole = steps[i].op == JUDGE_STEP_END;
        if (most > 0 && c->hello.steps != NULL && steps[i].op == JUDGE_STEP_SPILL &&
            steps[i].blob.total > most) {
            steps[i].blob.total = most - most % steps[i].blob.len;
            cut = true;
        }
        if (flooded > 0 && c->hello.steps == NULL && steps[i].op == JUDGE_STEP_FLOOD &&
            steps[i].count > flooded) {
            steps[i].count = flooded;
            cut = true;
        }
    }
    assert_true(whole || !cut);
    if (cut && c->hello.steps != NULL)
        c->hello.steps = steps;
    else if (cut)
        c->steps = steps;
}

void mutants_run(const judge_case *from, unsigned fault, mutant_side s, judge_result *ret)
{
    judge_case made = *from;
    judge_step steps[16];
    judge_options options;
    judge_peer_setup set = {
        .test = &made,
        .role = s == SERVER ? JUDGE_ROLE_CLIENT : JUDGE_ROLE_SERVER,
        .options = &options,
        .host = "memory:1",
        .resource = "/",
        .agent = "mutant",
        .messages = made.rule == JUDGE_RULE_MASKS ? suite->masks : 0,
        .stall_seconds = 3,
    };
    int64_t now = 1000000;
    judge_peer *p;
    void *m;

    shorten(&made, steps);
    judge_options_init(&options);
    p = judge_peer_new(&set, now);
    assert_non_null(p);
    judge_peer_begin(p, now);
    m = suite->kind->begin(fault, s == CLIENT);
    now = converse(p, m, now);
    judge_peer_result(p, now, ret);
    judge_peer_free(p);
    suite->kind->free(m);
}

static bool good(judge_behavior b)
{
    return b == JUDGE_OK || b == JUDGE_INFORMATIONAL;
}

static bool fails(const judge_case *c, unsigned fault, mutant_side s, bool *ret_failed)
{
    judge_result r;
    bool ok;

    mutants_run(c, fault, s, &r);
    ok = good(r.behavior) && good(r.behavior_close);
    /* What failed has its line for people, what did not has none. */
    if ((r.why != NULL) == ok)
        print_error("%s on %s: %s\n", name_of(fault), c->id, r.why ? r.why : "no reason given");
    assert_int_equal(r.why != NULL, !ok);
    assert_true(r.why_log < (int)r.n_log);
    *ret_failed = *ret_failed || judge_result_failed(&r, false);
    judge_result_deinit(&r);
    return !ok;
}

/* ---------------------------------------------------------------------------------- rows -- */

bool mutants_tries(unsigned fault, const char *id)
{
    for (size_t i = 0; i < suite->n_rows; i++) {
        if (suite->rows[i].fault == fault && case_set_has(suite->rows[i].run, id))
            return true;
    }
    return false;
}

void mutants_are_lax(unsigned fault)
{
    for (size_t i = 0; i < mutants_n_cases(); i++) {
        const judge_case *c = mutants_case(i);
        judge_result r;

        if (!judge_case_has_role(c, JUDGE_ROLE_CLIENT) || !mutants_tries(fault, c->id))
            continue;
        mutants_run(c, fault, SERVER, &r);
        if (r.behavior == JUDGE_FAILED)
            fail_msg("%s: %s", c->id, r.why);
        judge_result_deinit(&r);
    }
}

/* The judge is the other side. */
static bool has_side(const judge_case *c, mutant_side s)
{
    return judge_case_has_role(c, s == SERVER ? JUDGE_ROLE_CLIENT : JUDGE_ROLE_SERVER);
}

static const char *side_name(mutant_side s)
{
    return s == SERVER ? "server" : "client";
}

static void run_row(const mutant_row *r, bool *hit, bool *ran)
{
    for (size_t i = 0; i < n_cases; i++) {
        const judge_case *c = mutants_case(i);

        ran[i] = has_side(c, r->side) && case_set_has(r->run, c->id);
        hit[i] = ran[i] && fails(c, r->fault, r->side, &failed_of[r->side][i]);
    }
}

/* --------------------------------------------------------------------------------- tests -- */

void faults_fail_their_cases(void **state)
{
    bool *hit = calloc(n_cases, sizeof(*hit)), *ran = calloc(n_cases, sizeof(*ran));
    static char text[32768];
    int wrong = 0;

    (void)state;
    for (size_t i = 0; i < suite->n_rows; i++) {
        run_row(&suite->rows[i], hit, ran);
        case_set_describe(table, first_case, n_cases, hit, ran, text, sizeof(text));
        if (strcmp(text, suite->rows[i].cases) != 0) {
            print_error("%s (%s) fails: %s\n  expected: %s\n", name_of(suite->rows[i].fault),
                        side_name(suite->rows[i].side), text, suite->rows[i].cases);
            wrong++;
        }
    }
    assert_int_equal(wrong, 0);
    free(hit);
    free(ran);
}

void every_fault_has_a_row(void **state)
{
    (void)state;
    for (unsigned f = 0; f < suite->kind->n_faults; f++) {
        size_t found = 0;

        for (size_t i = 0; i < suite->n_rows; i++)
            found += suite->rows[i].fault == f;
        if (found == 0)
            print_error("%s has no row: it %s\n", name_of(f), suite->kind->text(f));
        assert_true(found > 0);
        assert_true(strncmp(name_of(f), "legal_", 6) != 0 || found == 2);
    }
}

/* By the rows, which the other test proves: a pattern stands for those that were tried. */
static bool is_hit(const mutant_row *r, const judge_case *c, mutant_side s)
{
    return r->side == s && has_side(c, s) && case_set_has(r->run, c->id) &&
           case_set_has(r->cases, c->id);
}

static bool is_broad(unsigned fault)
{
    for (size_t i = 0; i < suite->n_broad; i++) {
        if (suite->broad[i] == fault)
            return true;
    }
    return false;
}

static bool is_listed(const char *set, const judge_case *c)
{
    return set != NULL && case_set_has(set, c->id);
}

/* True: nothing here shows that the case fails on this side. */
static bool is_exempt(const judge_case *c, mutant_side s)
{
    /* What is only for information cannot fail. */
    return !has_side(c, s) || c->rule == JUDGE_RULE_INFORM || is_listed(suite->elsewhere, c);
}

/* Servers and clients apart: what fails on the one says nothing of the other. */
static void check_all_are_hit(bool narrow)
{
    size_t wrong = 0;

    for (size_t i = 0; i < 2 * n_cases; i++) {
        const judge_case *c = mutants_case(i / 2);
        const mutant_side s = i % 2 == 0 ? SERVER : CLIENT;
        const bool expected = !(narrow && is_listed(suite->only_broad, c));
        bool hit = false;

        for (size_t k = 0; k < suite->n_rows; k++)
            hit = hit ||
                  (is_hit(&suite->rows[k], c, s) && !(narrow && is_broad(suite->rows[k].fault)));
        if (hit == expected || is_exempt(c, s))
            continue;
        print_error("%s fails on %s %s%s: %s\n", c->id, hit ? "a" : "no", narrow ? "narrow " : "",
                    side_name(s), c->title);
        wrong++;
    }
    assert_int_equal(wrong, 0);
}

void no_case_is_dead(void **state)
{
    (void)state;
    check_all_are_hit(false);
}

void every_case_has_a_narrow_fault(void **state)
{
    (void)state;
    check_all_are_hit(true);
}

void lax_is_not_all(void **state)
{
    size_t wrong = 0;

    (void)state;
    for (size_t i = 0; i < 2 * n_cases; i++) {
        const judge_case *c = mutants_case(i / 2);
        const mutant_side s = i % 2 == 0 ? SERVER : CLIENT;

        if (is_exempt(c, s) || failed_of[s][i / 2])
            continue;
        print_error("%s is NON-STRICT at most on each %s: %s\n", c->id, side_name(s), c->title);
        wrong++;
    }
    assert_int_equal(wrong, 0);
}

bool mutants_print(int argc, char **argv)
{
    bool *hit, *ran;
    static char text[32768];

    if (argc < 2 || strcmp(argv[1], "print") != 0)
        return false;
    mutants_setup(NULL);
    hit = calloc(n_cases, sizeof(*hit));
    ran = calloc(n_cases, sizeof(*ran));
    for (size_t i = 0; i < suite->n_rows; i++) {
        const mutant_row *r = &suite->rows[i];

        run_row(r, hit, ran);
        case_set_describe(table, first_case, n_cases, hit, ran, text, sizeof(text));
        printf("    {%s%s, %s, \"%s\", \"%s\"},\n", suite->kind->prefix, name_of(r->fault),
               r->side == SERVER ? "SERVER" : "CLIENT", r->run, text);
    }
    free(hit);
    free(ran);
    mutants_teardown(NULL);
    return true;
}
