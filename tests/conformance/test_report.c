/* SPDX-License-Identifier: MIT */
/* The reports as files and streams: what is written when, what is left after a kill, what a name
 * can do, what other programs read. */
#include "support.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "conformance/report.h"
#include "conformance/report_formats.h"
#include "report_samples.h"
#include "util/attr.h"

typedef struct fixture {
    char dir[64];
    judge_table *table;
    char warned[512];
    judge_report_options o;
} fixture;

static void warn(void *ud, const char *text)
{
    fixture *f = ud;
    snprintf(f->warned, sizeof f->warned, "%s", text);
}

static int setup(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    snprintf(f->dir, sizeof f->dir, "/tmp/judge-report-XXXXXX");
    if (!mkdtemp(f->dir))
        return -1;
    f->table = judge_table_new();
    f->o = (judge_report_options){.table = f->table, .outdir = f->dir, .warn = warn, .ud = f};
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    fixture *f = *state;
    DIR *d = opendir(f->dir);
    for (struct dirent *e; d && (e = readdir(d)) != NULL;)
        unlinkat(dirfd(d), e->d_name, 0);
    if (d)
        closedir(d);
    rmdir(f->dir);
    judge_table_free(f->table);
    free(f);
    return 0;
}

static bool has(const fixture *f, const char *name)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", f->dir, name);
    return access(path, F_OK) == 0;
}

static char *content(const fixture *f, const char *name)
{
    char path[512];
    size_t len;
    snprintf(path, sizeof path, "%s/%s", f->dir, name);
    return slurp(path, &len);
}

static size_t count_files(const fixture *f)
{
    size_t n = 0;
    DIR *d = opendir(f->dir);
    for (struct dirent *e; (e = readdir(d)) != NULL;)
        n += e->d_name[0] != '.';
    closedir(d);
    return n;
}

static judge_result small(const char *agent, const char *id, judge_behavior behavior)
{
    return (judge_result){.agent = TEXT(agent),
                          .id = id,
                          .behavior = behavior,
                          .behavior_close = JUDGE_OK,
                          .result = TEXT("r"),
                          .result_close = TEXT("c"),
                          .http_request = TEXT("?"),
                          .http_response = TEXT("?"),
                          .description = "",
                          .expectation = "",
                          .remote_code = 1000,
                          .local_code = 1000,
                          .why_log = -1,
                          .started_ms = 1000};
}

static void test_files(void **state)
{
    fixture *f = *state;
    judge_report *r = judge_report_open(&f->o);
    assert_non_null(r);
    judge_result a = small("Agent A", "1.1.1", JUDGE_OK);
    assert_true(judge_report_add(r, &a));
    /* The case is there at once, the index at the end. */
    assert_true(has(f, "agent_a_case_1_1_1.json"));
    assert_true(has(f, "agent_a_case_1_1_1.html"));
    assert_false(has(f, "index.json"));
    assert_true(judge_report_finish(r));
    static const char *const names[] = {"index.json", "index.html", "summary.json",
                                        "journal.jsonl"};
    for (size_t i = 0; i < WSK__COUNT(names); i++)
        assert_true(has(f, names[i]));
    assert_int_equal(count_files(f), 6);
    char *text = content(f, "index.json");
    assert_string_equal(text, "{\n   \"Agent A\": {\n      \"1.1.1\": {\n"
                              "         \"behavior\": \"OK\",\n"
                              "         \"behaviorClose\": \"OK\",\n"
                              "         \"duration\": 0,\n"
                              "         \"remoteCloseCode\": 1000,\n"
                              "         \"reportfile\": \"agent_a_case_1_1_1.json\"\n"
                              "      }\n   }\n}");
    free(text);
    judge_report_close(r);
    assert_string_equal(f->warned, "");
}

/* Whatever an agent calls itself, its files are in the directory and nowhere else. */
static void test_names(void **state)
{
    static const char *const agents[] = {"../../../tmp/evil", "/etc/passwd", "..",
                                         "\xff\xfe",          "a\nb",        "%2e%2e%2f"};
    fixture *f = *state;
    judge_report *r = judge_report_open(&f->o);
    for (size_t i = 0; i < WSK__COUNT(agents); i++) {
        judge_result a = small(agents[i], "1.1.1", JUDGE_OK);
        assert_true(judge_report_add(r, &a));
    }
    char *name = malloc(10001);
    memset(name, 'n', 10000);
    name[10000] = 0;
    judge_result a = small(name, "1.1.1", JUDGE_OK);
    assert_true(judge_report_add(r, &a));
    assert_true(judge_report_finish(r));
    judge_report_close(r);
    free(name);
    assert_true(has(f, "_case_1_1_1.json"));
    assert_true(has(f, "tmp_evil_case_1_1_1.json"));
    assert_int_equal(count_files(f), 2 * 7 + 4);
    /* ".." and the two bad octets have no letter in them. */
    assert_non_null(strstr(f->warned, "other"));
}

/* A link under a name that is to be written is replaced, not followed. */
static void test_links(void **state)
{
    fixture *f = *state;
    char link[128], target[128];
    snprintf(link, sizeof link, "%s/x_case_1_1_1.json", f->dir);
    snprintf(target, sizeof target, "%s/precious", f->dir);
    FILE *out = fopen(target, "w");
    fputs("precious", out);
    fclose(out);
    assert_int_equal(symlink(target, link), 0);
    judge_report *r = judge_report_open(&f->o);
    judge_result a = small("x", "1.1.1", JUDGE_OK);
    assert_true(judge_report_add(r, &a));
    judge_report_close(r);
    char *text = content(f, "precious");
    assert_string_equal(text, "precious");
    free(text);
}

static void test_bad_directory(void **state)
{
    fixture *f = *state;
    judge_report_options o = f->o;
    o.outdir = "/proc/no/such";
    assert_null(judge_report_open(&o));
    o.outdir = "/dev/null/x";
    assert_null(judge_report_open(&o));
    assert_int_equal(errno, ENOTDIR);
}

/* A run that is killed between two cases: the journal has all, and the rest is made of it. */
static void test_killed(void **state)
{
    enum { N = 40 };
    fixture *f = *state;
    pid_t child = fork();
    if (child == 0) {
        judge_report *r = judge_report_open(&f->o);
        judge_result recorded;
        json_t *object;
        if (!r || !recorded_case("case_5_19.json", &recorded, &object))
            _exit(1);
        for (int i = 0; i < N; i++) {
            recorded.id = judge_table_at(f->table, (size_t)i)->id;
            judge_report_add(r, &recorded);
        }
        kill(getpid(), SIGKILL);
        _exit(1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    assert_false(has(f, "index.json"));

    char path[128];
    snprintf(path, sizeof path, "%s/journal.jsonl", f->dir);
    /* A last line that was cut short is passed over. */
    FILE *out = fopen(path, "a");
    fputs("{\"case\": {\"agent\": \"x", out);
    fclose(out);
    char *before = content(f, "websock_server_case_1_1_1.json");
    size_t cases = 0;
    judge_report *r = judge_report_rebuild(&f->o, &cases);
    assert_non_null(r);
    assert_int_equal(cases, N);
    assert_non_null(strstr(f->warned, "line 41 "));
    assert_true(judge_report_finish(r));
    assert_false(judge_report_is_whole(r));
    assert_int_equal(judge_report_store(r)->at[0].n, N);
    judge_report_close(r);
    assert_true(has(f, "index.json"));
    assert_true(has(f, "index.html"));
    assert_true(has(f, "journal.jsonl"));
    char *after = content(f, "websock_server_case_1_1_1.json");
    assert_string_equal(before, after);
    free(before);
    free(after);
}

/* A line for which the disk had no room is not there at all; the next one stands for itself. */
static void test_short_line(void **state)
{
    fixture *f = *state;
    char path[128];
    struct stat at;
    struct rlimit usual, low;
    size_t cases = 0;
    judge_report *r = judge_report_open(&f->o);
    judge_result a = small("A", "1.1.1", JUDGE_OK), b = small("A", "1.1.2", JUDGE_OK),
                 c = small("A", "1.1.3", JUDGE_OK);
    assert_true(judge_report_add(r, &a));
    snprintf(path, sizeof path, "%s/journal.jsonl", f->dir);
    assert_int_equal(stat(path, &at), 0);
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &usual), 0);
    low = (struct rlimit){(rlim_t)at.st_size + 10, usual.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &low), 0);
    assert_false(judge_report_add(r, &b));
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &usual), 0);
    assert_true(judge_report_add(r, &c));
    assert_false(judge_report_is_whole(r));
    judge_report_close(r);
    f->warned[0] = 0;
    r = judge_report_rebuild(&f->o, &cases);
    assert_non_null(r);
    assert_string_equal(f->warned, "");
    assert_int_equal(cases, 2);
    assert_true(judge_report_is_whole(r));
    judge_report_close(r);
}

/* Two runs in one directory: they have no file in common but the reports, and where they are to be
 * alone the second one is told so. */
static void test_two_runs(void **state)
{
    fixture *f = *state;
    char path[128];
    judge_result a = small("A", "1.1.1", JUDGE_OK);
    snprintf(path, sizeof path, "%s/.report.tmp", f->dir);
    assert_int_equal(mkdir(path, 0700), 0);
    judge_report *r = judge_report_open(&f->o);
    assert_true(judge_report_add(r, &a));
    assert_true(judge_report_finish(r));
    judge_report_close(r);
    assert_int_equal(rmdir(path), 0);

    f->o.alone = true;
    r = judge_report_open(&f->o);
    assert_non_null(r);
    assert_null(judge_report_open(&f->o));
    assert_int_equal(errno, EWOULDBLOCK);
    f->o.alone = false;
    judge_report *other = judge_report_open(&f->o);
    assert_non_null(other);
    judge_report_close(other);
    f->o.alone = true;
    assert_true(judge_report_add(r, &a));
    judge_report_close(r);
    r = judge_report_open(&f->o);
    assert_non_null(r);
    judge_report_close(r);
}

static void test_no_journal(void **state)
{
    fixture *f = *state;
    size_t cases = 7;
    assert_null(judge_report_rebuild(&f->o, &cases));
    assert_int_equal(errno, ENOENT);
    assert_int_equal(cases, 7);
}

/* ------------------------------------------------------------------------------ streams -- */

static void test_tap(void **state)
{
    fixture *f = *state;
    char *text = NULL;
    size_t len = 0;
    judge_log log[2];
    judge_event event;
    f->o.outdir = NULL;
    f->o.tap = open_memstream(&text, &len);
    judge_report *r = judge_report_open(&f->o);
    judge_result a = small("A # SKIP", "1.1.1", JUDGE_OK);
    judge_report_add(r, &a);
    a = small("A", "12.1.1", JUDGE_UNIMPLEMENTED);
    judge_report_add(r, &a);
    a = evil_case(log, &event);
    judge_report_add(r, &a);
    judge_report_finish(r);
    judge_report_close(r);
    fclose(f->o.tap);
    assert_memory_equal(text, "TAP version 13\nok 1 - 1.1.1 ", 28);
    assert_non_null(strstr(text, "(A \\# SKIP)\n"));
    assert_non_null(strstr(text, "\nok 2 - 12.1.1 "));
    assert_non_null(strstr(text, "(A) # SKIP unimplemented\n"));
    assert_non_null(strstr(text, "\nnot ok 3 - 1.1.1 "));
    assert_non_null(strstr(text, "\n  ---\n  behavior: \"FAILED\"\n"));
    assert_non_null(strstr(text, "message: \"why <script>alert('x')</script>\\\"&\\n::error"));
    assert_string_equal(text + len - 5, "1..3\n");
    free(text);
}

static void test_lines(void **state)
{
    fixture *f = *state;
    char *text = NULL;
    size_t len = 0;
    judge_log log[2];
    judge_event event;
    f->o.outdir = NULL;
    f->o.lines = open_memstream(&text, &len);
    judge_report *r = judge_report_open(&f->o);
    judge_result a = evil_case(log, &event);
    judge_report_add(r, &a);
    fflush(f->o.lines);
    assert_int_equal(text[len - 1], '\n'); /* as the case ends, not at the end of the run */
    a = small("b", "2.1", JUDGE_OK);
    judge_report_add(r, &a);
    judge_report_close(r);
    fclose(f->o.lines);
    char *second = strchr(text, '\n') + 1;
    assert_non_null(second);
    json_t *one = json_loadb(text, (size_t)(second - text), 0, NULL);
    json_t *two = json_loads(second, 0, NULL);
    assert_string_equal(json_string_value(json_object_get(one, "id")), "1.1.1");
    assert_true(json_is_true(json_object_get(one, "failed")));
    assert_int_equal(json_integer_value(json_object_get(one, "remoteCloseCode")), 4242);
    assert_true(json_is_string(json_object_get(one, "frame")));
    assert_string_equal(json_string_value(json_object_get(two, "agent")), "b");
    assert_true(json_is_null(json_object_get(two, "why")));
    json_decref(one);
    json_decref(two);
    free(text);
}

/* A peer must not be able to give the runner commands: each annotation is a line of its own. */
static void test_annotations(void **state)
{
    (void)state;
    judge_log log[2];
    judge_event event;
    judge_result r = evil_case(log, &event);
    judge_store s = {0};
    judge_entry *e;
    judge_buf b = {0};
    judge_store_add(&s, &r, &e);
    judge_put_annotation(&b, "a\r\n::stop-commands::x", e, "100%, sure: yes", false);
    assert_memory_equal(b.at,
                        "::error title=WebSocket case 1.1.1%3A 100%25%2C sure%3A yes::a%0D%0A", 66);
    assert_ptr_equal(strchr(b.at, '\n'), b.at + b.len - 1);
    assert_null(strchr(b.at, '\r'));
    /* Passed: nothing. Not strict: a warning, or with strict an error. */
    judge_buf_clear(&b);
    judge_entry quiet = {.id = "1.1.1", .behavior = JUDGE_OK, .behavior_close = JUDGE_OK};
    judge_put_annotation(&b, "a", &quiet, NULL, true);
    assert_int_equal(b.len, 0);
    quiet.behavior = JUDGE_NON_STRICT;
    judge_put_annotation(&b, "a", &quiet, NULL, false);
    assert_string_equal(b.at, "::warning title=WebSocket case 1.1.1::a: NON-STRICT\n");
    judge_buf_clear(&b);
    judge_put_annotation(&b, "a", &quiet, NULL, true);
    assert_memory_equal(b.at, "::error ", 8);
    judge_buf_deinit(&b);
    judge_store_deinit(&s);
}

static void test_junit(void **state)
{
    fixture *f = *state;
    judge_log log[2];
    judge_event event;
    judge_result r = evil_case(log, &event);
    judge_store s = {0};
    judge_entry *e;
    judge_buf b = {0};
    judge_store_add(&s, &r, &e);
    r = small("agent " EVIL, "12.1.1", JUDGE_UNIMPLEMENTED);
    judge_store_add(&s, &r, &e);
    judge_put_junit(&b, &s, f->table, false);
    assert_non_null(strstr(b.at, "tests=\"2\" failures=\"1\" errors=\"0\" skipped=\"1\""));
    assert_non_null(strstr(b.at, "<failure type=\"FAILED\" message=\"why &lt;script&gt;"));
    assert_null(strstr(b.at, "<script>"));
    assert_null(strchr(b.at, '\x1b'));
    judge_buf_clear(&b);
    judge_put_junit(&b, &s, f->table, true);
    assert_non_null(strstr(b.at, "failures=\"2\" errors=\"0\" skipped=\"0\""));
    judge_buf_deinit(&b);
    judge_store_deinit(&s);
}

static void test_failed_rule(void **state)
{
    (void)state;
    static const struct {
        judge_behavior behavior, close;
        bool failed, strict;
    } rows[] = {
        {JUDGE_OK, JUDGE_OK, false, false},
        {JUDGE_INFORMATIONAL, JUDGE_INFORMATIONAL, false, false},
        {JUDGE_OK, JUDGE_UNCLEAN, false, true},
        {JUDGE_OK, JUDGE_FAILED_BY_CLIENT, false, true},
        {JUDGE_NON_STRICT, JUDGE_OK, false, true},
        {JUDGE_UNIMPLEMENTED, JUDGE_OK, false, true},
        {JUDGE_OK, JUDGE_WRONG_CODE, true, true},
        {JUDGE_OK, JUDGE_FAILED, true, true},
        {JUDGE_FAILED, JUDGE_OK, true, true},
    };
    judge_counts all = {0};
    for (size_t i = 0; i < WSK__COUNT(rows); i++) {
        judge_entry e = {.behavior = rows[i].behavior, .behavior_close = rows[i].close};
        assert_int_equal(judge_entry_failed(&e, false), rows[i].failed);
        assert_int_equal(judge_entry_failed(&e, true), rows[i].strict);
        judge_counts_add(&all, &e);
    }
    assert_int_equal(all.total, 9);
    assert_int_equal(all.ok, 3);
    assert_int_equal(all.informational, 1);
    assert_int_equal(all.non_strict, 1);
    assert_int_equal(all.unimplemented, 1);
    assert_int_equal(all.failed, 3);
    assert_int_equal(all.not_clean, 2);
}

#define WITH_DIRECTORY(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_DIRECTORY(test_files),         WITH_DIRECTORY(test_names),
        WITH_DIRECTORY(test_links),         WITH_DIRECTORY(test_bad_directory),
        WITH_DIRECTORY(test_killed),        WITH_DIRECTORY(test_short_line),
        WITH_DIRECTORY(test_two_runs),      WITH_DIRECTORY(test_no_journal),
        WITH_DIRECTORY(test_tap),           WITH_DIRECTORY(test_lines),
        cmocka_unit_test(test_annotations), WITH_DIRECTORY(test_junit),
        cmocka_unit_test(test_failed_rule),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
