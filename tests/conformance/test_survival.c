/* SPDX-License-Identifier: MIT */
/*
 * What each attack asks of the peer besides its verdict (judge_survival), against a table of its
 * own: a row of the suite that loses a flag, or gets one, is seen here. That the flags do what they
 * say is shown by test_vitality. Argument: "print" shows the table as the rows are now.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "case_sets.h"

typedef struct survival_row {
    const char *cases; /* see case_sets.h */
    judge_survival survival;
} survival_row;

#include "survival_rows.h"

#define N_ROWS    (sizeof(rows) / sizeof(rows[0]))
#define N_LIMITED (sizeof(limited_rows) / sizeof(limited_rows[0]))
#define LIMIT     (1 << 20)

static const judge_survival nothing;
static judge_table *any, *limited;

static int setup(void **state)
{
    (void)state;
    any = judge_table_new();
    limited = judge_table_new_limited(LIMIT);
    return any == NULL || limited == NULL;
}

static int teardown(void **state)
{
    (void)state;
    judge_table_free(any);
    judge_table_free(limited);
    return 0;
}

static bool same(const judge_survival *a, const judge_survival *b)
{
    return a->after == b->after && a->during == b->during && a->kib == b->kib && a->idle == b->idle;
}

static void print_flags(FILE *out, const judge_survival *s)
{
    fprintf(out, "{.after = %s", s->after ? "true" : "false");
    if (s->during > 0)
        fprintf(out, ", .during = %g", s->during);
    if (s->kib > 0)
        fprintf(out, ", .kib = %u", s->kib);
    if (s->idle)
        fputs(", .idle = true", out);
    fputc('}', out);
}

/* NULL: none of the rows is for this case. */
static const judge_survival *find(const survival_row *r, size_t n, const char *id)
{
    const judge_survival *found = NULL;

    for (size_t i = 0; i < n; i++) {
        if (!case_set_has(r[i].cases, id))
            continue;
        if (found != NULL)
            fail_msg("%s has two rows", id);
        found = &r[i].survival;
    }
    return found;
}

static void compare(const judge_table *t)
{
    unsigned wrong = 0;

    for (size_t i = 0; i < judge_table_count(t); i++) {
        const judge_case *c = judge_table_at(t, i);
        const judge_survival *want = t == limited ? find(limited_rows, N_LIMITED, c->id) : NULL;

        if (want == NULL)
            want = find(rows, N_ROWS, c->id);
        if (want == NULL)
            want = &nothing;
        if (same(&c->survival, want))
            continue;
        fprintf(stderr, "# %s has ", c->id);
        print_flags(stderr, &c->survival);
        fputs(", the table says ", stderr);
        print_flags(stderr, want);
        fputc('\n', stderr);
        wrong++;
    }
    assert_int_equal(wrong, 0);
}

static void cases_ask_for_what_the_table_says(void **state)
{
    (void)state;
    compare(any);
}

static void a_known_limit_asks_for_more(void **state)
{
    (void)state;
    compare(limited);
}

/* A process may look well and answer nobody. */
static void who_is_looked_at_is_asked_too(void **state)
{
    (void)state;
    for (size_t i = 0; i < judge_table_count(any); i++) {
        const judge_survival *s = &judge_table_at(any, i)->survival;

        assert_true(s->after || (s->during == 0 && s->kib == 0 && !s->idle));
    }
}

/* Cases with the same flags together, in the order of the suite; of those with a limit only what
 * is another than without. */
static void print(const judge_table *t)
{
    const size_t n = judge_table_count(t);
    bool *left = calloc(n, sizeof(*left)), *hit = calloc(n, sizeof(*hit));
    bool *all = malloc(n);
    static char text[8192];

    memset(all, true, n);
    for (size_t i = 0; i < n; i++) {
        const judge_survival *s = &judge_table_at(t, i)->survival;

        left[i] = !same(s, t == limited ? &judge_table_at(any, i)->survival : &nothing);
    }
    for (size_t i = 0; i < n; i++) {
        const judge_survival *s = &judge_table_at(t, i)->survival;

        if (!left[i])
            continue;
        for (size_t k = 0; k < n; k++) {
            hit[k] = left[k] && same(&judge_table_at(t, k)->survival, s);
            left[k] = left[k] && !hit[k];
        }
        case_set_describe(t, 0, n, hit, all, text, sizeof(text));
        printf("    {\"%s\", ", text);
        print_flags(stdout, s);
        puts("},");
    }
    free(left);
    free(hit);
    free(all);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cases_ask_for_what_the_table_says),
        cmocka_unit_test(a_known_limit_asks_for_more),
        cmocka_unit_test(who_is_looked_at_is_asked_too),
    };

    if (argc < 2 || strcmp(argv[1], "print") != 0)
        return cmocka_run_group_tests(tests, setup, teardown);
    setup(NULL);
    puts("static const survival_row rows[] = {");
    print(any);
    puts("};\n\nstatic const survival_row limited_rows[] = {");
    print(limited);
    puts("};");
    return teardown(NULL);
}
