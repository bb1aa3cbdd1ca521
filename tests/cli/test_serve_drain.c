/* SPDX-License-Identifier: MIT */
/* When a drain of "websock serve" is over: its time counts whatever the workers do. */
#include "support.h"

#include <string.h>

#include "serve_drain.h"

enum { WORKERS = 3 };

typedef struct row {
    const char *states; /* of the workers: busy, looked, drained, late */
    uint32_t limit;
    uint64_t elapsed;
    serve_drain expected;
    int wait_ms;
} row;

static void test_rows(void **state)
{
    static const row rows[] = {
        {"ddd", 5000, 0, SERVE_DRAIN_IN_TIME, -1},
        {"ddd", 5000, 9999, SERVE_DRAIN_IN_TIME, -1},
        {"dld", 5000, 100, SERVE_DRAIN_LATE, -1},
        {"dod", 5000, 100, SERVE_DRAIN_GOES_ON, 4900},
        {"dod", 5000, 4999, SERVE_DRAIN_GOES_ON, 1},
        {"dod", 5000, 5000, SERVE_DRAIN_LATE, -1},
        {"dod", 0, 0, SERVE_DRAIN_LATE, -1},
        {"lod", 5000, 100, SERVE_DRAIN_GOES_ON, 4900},
        {"ooo", 86400000, 5, SERVE_DRAIN_GOES_ON, 60000},
        /* Nobody knows yet whether anybody is there: but not for ever. */
        {"bdd", 5000, 4999, SERVE_DRAIN_GOES_ON, 1},
        {"bdd", 5000, 5000, SERVE_DRAIN_LATE, -1},
        {"bbb", 5000, 3600000, SERVE_DRAIN_LATE, -1},
        {"dob", 5000, 5000, SERVE_DRAIN_LATE, -1},
        {"bdd", 0, 0, SERVE_DRAIN_GOES_ON, 1000},
        {"bdd", 0, 999, SERVE_DRAIN_GOES_ON, 1},
        {"bdd", 0, 1000, SERVE_DRAIN_LATE, -1},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        static serve_worker workers[WORKERS];
        int wait_ms = -1;

        for (size_t k = 0; k < WORKERS; k++) {
            const char c = rows[i].states[k];

            atomic_store(&workers[k].looked, c != 'b');
            atomic_store(&workers[k].drained, c == 'd' || c == 'l');
            workers[k].late = c == 'l';
        }
        assert_int_equal(
            serve_drain_look(workers, WORKERS, rows[i].limit, rows[i].elapsed, &wait_ms),
            rows[i].expected);
        assert_int_equal(wait_ms, rows[i].wait_ms);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
