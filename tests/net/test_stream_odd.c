/* SPDX-License-Identifier: MIT */
/* What seldom happens to streams: descriptors that another process has, too, and crowds that find
 * every buffer taken. */
#include "endpoint.h"

#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

static unsigned receives;

static int count_receives(wsk__sys_request request, int res)
{
    receives += request == WSK__REQUEST_RECV;
    return res;
}

static ssize_t counting_recv(int fd, void *buf, size_t n, int flags)
{
    receives++;
    return recv(fd, buf, n, flags);
}

/* After fork(2) the child has every descriptor, so that closing ours ends nothing: what comes to
 * such a connection later belongs to no stream, and the memory of that one may be another's. */
static void test_descriptor_kept_by_others(void **state)
{
    net_test t;
    endpoint e = {.seed = 1};
    int old[2], fd[2];

    net_test_init(&t, state);
    t.sys.result = count_receives;
    t.sys.recv = counting_recv;
    net_test_loop(&t);
    assert_true(socket_pair(old, TCP4));
    assert_true(socket_pair(fd, TCP4));
    int kept = dup(old[0]);
    assert_true(kept >= 0);
    endpoint_open(&e, t.loop, old[0], NULL);
    assert_int_equal(write(old[1], "x", 1), 1);
    turn_until_octets(t.loop, &e.received, 1);
    e.is_open = false;
    wsk__stream_close(&e.stream);
    turn_until(t.loop, &e.closeds, 1);
    e = (endpoint){.seed = 2};
    endpoint_open(&e, t.loop, fd[0], NULL);
    turn_for(t.loop, 2);
    receives = 0;
    assert_int_equal(write(old[1], "y", 1), 1);
    turn_for(t.loop, 5);
    close(old[1]);
    turn_for(t.loop, 5);
    assert_int_equal(receives, 0);
    close(kept);
    close(fd[1]);
    turn_until(t.loop, &e.closeds, 1);
    net_test_end(&t);
}

/* What a receive costs does not depend on how many others found no buffer. */
static void test_crowd_without_buffers(void **state)
{
    enum { N = 2000 };
    struct rlimit files;
    net_test t;
    endpoint *e = calloc(N, sizeof(*e));
    int(*fd)[2] = calloc(N, sizeof(*fd));

    assert_int_equal(getrlimit(RLIMIT_NOFILE, &files), 0);
    files.rlim_cur = files.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &files), 0);
    net_test_init(&t, state);
    t.sys.result = count_receives;
    t.sys.recv = counting_recv;
    net_test_loop(&t);
    for (int i = 0; i < N; i++) {
        assert_true(socket_pair(fd[i], UNIX));
        assert_int_equal(write(fd[i][1], "hello", 5), 5);
    }
    receives = 0;
    for (int i = 0; i < N; i++)
        endpoint_open(&e[i], t.loop, fd[i][0], NULL);
    for (int i = 0; i < N; i++)
        turn_until_octets(t.loop, &e[i].received, 5);
    assert_in_range(receives, N, 4 * N);
    /* All of them hear of what comes later, and of the end. */
    for (int round = 2; round < 14; round++) {
        for (int i = 0; i < N; i += 37)
            assert_int_equal(write(fd[i][1], "again", 5), 5);
        for (int i = 0; i < N; i += 37)
            turn_until_octets(t.loop, &e[i].received, (uint64_t)5 * (uint64_t)round);
    }
    for (int i = 0; i < N; i++)
        close(fd[i][1]);
    for (int i = 0; i < N; i++)
        turn_until(t.loop, &e[i].closeds, 1);
    net_test_end(&t);
    free(fd);
    free(e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(test_descriptor_kept_by_others),
        BOTH(test_crowd_without_buffers),
    };

    return cmocka_run_group_tests_name("stream_odd", tests, NULL, NULL);
}
