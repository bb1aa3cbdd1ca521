/* SPDX-License-Identifier: MIT */
/* Reports when memory runs short: the i-th allocation fails, for every i, and nothing crashes,
 * nothing leaks, and no half text is taken for a whole one. */
#include "support.h"

#include <errno.h>

#include "conformance/report_formats.h"
#include "conformance/report_html.h"
#include "conformance/spec.h"
#include "report_samples.h"

static long calls, fail_at, live;

/* The linker sends the judge's calls here (--wrap), jansson's come through its hooks. */
void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
char *__real_strdup(const char *s);
void __real_free(void *p);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);
char *__wrap_strdup(const char *s);
void __wrap_free(void *p);

static bool refused(void)
{
    if (fail_at == 0)
        return false;
    calls++;
    if (calls >= fail_at) { /* from now on nothing is to be had */
        errno = ENOMEM;
        return true;
    }
    return false;
}

static void *counted(void *p)
{
    live += p && fail_at;
    return p;
}

void *__wrap_malloc(size_t n)
{
    return refused() ? NULL : counted(__real_malloc(n));
}

void *__wrap_calloc(size_t n, size_t size)
{
    return refused() ? NULL : counted(__real_calloc(n, size));
}

void *__wrap_realloc(void *p, size_t n)
{
    if (refused())
        return NULL;
    return p ? __real_realloc(p, n) : counted(__real_realloc(NULL, n));
}

char *__wrap_strdup(const char *s)
{
    return refused() ? NULL : counted(__real_strdup(s));
}

void __wrap_free(void *p)
{
    live -= p && fail_at;
    __real_free(p);
}

/* Runs body with ever later failures until none happens any more. */
static void with_failures(bool (*body)(void *ud), void *ud)
{
    for (long i = 1;; i++) {
        calls = live = 0;
        fail_at = i;
        bool ok = body(ud);
        long made = calls, left = live;
        fail_at = 0;
        assert_int_equal(left, 0);
        if (made < i) {
            assert_true(ok);
            break;
        }
        /* One that was refused shows in the result. */
        assert_false(ok);
    }
}

static bool write_case(void *ud)
{
    const judge_result *r = ud;
    judge_buf b = {0};
    json_t *v = judge_json_case(r);
    json_t *extra = judge_json_extra(r);
    if (v)
        judge_json_dump(&b, v);
    bool ok = v && extra && !b.failed;
    json_decref(v);
    json_decref(extra);
    judge_buf_deinit(&b);
    return ok;
}

static bool write_page(void *ud)
{
    judge_buf b = {0};
    judge_html_case(&b, ud, "slug", NULL, "1.1.1", "1.1.2");
    bool ok = !b.failed;
    judge_buf_deinit(&b);
    return ok;
}

static bool read_case(void *ud)
{
    judge_result r;
    bool ok = judge_result_read(&r, ud, NULL);
    if (ok)
        judge_result_deinit(&r);
    return ok;
}

typedef struct store_and_table {
    const judge_result *result;
    const judge_table *table;
} store_and_table;

static bool write_index(void *ud)
{
    const store_and_table *with = ud;
    judge_store s = {0};
    judge_buf b = {0};
    judge_entry *e;
    bool ok = judge_store_add(&s, with->result, &e) != NULL;
    json_t *index = NULL, *summary = NULL;
    if (ok) {
        index = judge_json_index(&s);
        summary = judge_json_summary(&s);
        judge_put_line(&b, "a", e);
        judge_put_tap(&b, 1, "a", e, "t", true);
        judge_put_annotation(&b, "a", e, "t", true);
        judge_put_junit(&b, &s, with->table, true);
        judge_html_index(&b, &s, with->table, 0);
        ok = index && summary && !b.failed;
    }
    json_decref(index);
    json_decref(summary);
    judge_buf_deinit(&b);
    judge_store_deinit(&s);
    return ok;
}

static bool read_spec(void *ud)
{
    judge_spec s;
    judge_spec_says says = {0};
    bool ok = judge_spec_parse(&s, JUDGE_SPEC_FUZZINGCLIENT, ud, strlen(ud), &says);
    if (ok)
        judge_spec_deinit(&s);
    return ok;
}

static void test_recorded(void **state)
{
    (void)state;
    judge_result r;
    json_t *object;
    assert_true(recorded_case("case_6_4_1.json", &r, &object));
    with_failures(write_case, &r);
    with_failures(write_page, &r);
    with_failures(read_case, object);
    judge_result_deinit(&r);
    json_decref(object);
}

static void test_evil(void **state)
{
    (void)state;
    judge_log log[2];
    judge_event event;
    judge_result r = evil_case(log, &event);
    judge_table *t = judge_table_new();
    store_and_table with = {&r, t};
    with_failures(write_index, &with);
    judge_table_free(t);
}

static void test_spec(void **state)
{
    (void)state;
    char text[] = "{\"cases\":[\"*\"],\"servers\":[{\"url\":\"ws://a\",\"protocols\":[\"p\"]}],"
                  "\"exclude-agent-cases\":{\"A\":[\"1.*\"]}}";
    with_failures(read_spec, text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_recorded),
        cmocka_unit_test(test_evil),
        cmocka_unit_test(test_spec),
    };
    json_set_alloc_funcs(__wrap_malloc, __wrap_free);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
