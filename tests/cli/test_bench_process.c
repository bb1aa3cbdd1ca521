/* SPDX-License-Identifier: MIT */
/* What "websock bench" reads of a process. */
#include "support.h"

#include <pthread.h>
#include <time.h>
#include <unistd.h>

#include "bench_process.h"

static double seconds(clockid_t clock)
{
    struct timespec t;

    assert_int_equal(clock_gettime(clock, &t), 0);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void *work(void *arg)
{
    (void)arg;
    while (seconds(CLOCK_THREAD_CPUTIME_ID) < 0.05)
        continue;
    return NULL;
}

static void threads_that_ended_count(void **state)
{
    bench_process from, to;
    double user, system;
    pthread_t t;

    (void)state;
    double before = seconds(CLOCK_PROCESS_CPUTIME_ID);
    assert_true(bench_process_read((uint32_t)getpid(), &from));
    double begin = seconds(CLOCK_PROCESS_CPUTIME_ID);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(pthread_create(&t, NULL, work, NULL), 0);
        assert_int_equal(pthread_join(t, NULL), 0);
    }
    double end = seconds(CLOCK_PROCESS_CPUTIME_ID);
    assert_true(bench_process_read((uint32_t)getpid(), &to));
    bench_process_used(&from, &to, &user, &system);
    /* To the nanosecond, but for what rounding does to sums of seconds. */
    assert_true(user + system >= end - begin - 1e-6);
    assert_true(user + system <= seconds(CLOCK_PROCESS_CPUTIME_ID) - before + 1e-6);
    assert_true(user + system >= 0.25);
}

static void who_is_not_there_is_not_known(void **state)
{
    bench_process p = {.known = true};

    (void)state;
    assert_false(bench_process_read(999999999, &p));
    assert_false(p.known);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_that_ended_count),
        cmocka_unit_test(who_is_not_there_is_not_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
