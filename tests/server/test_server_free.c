/* SPDX-License-Identifier: MIT */
/* What still comes to a server while it is being freed. */
#include "support.h"

#include <stdio.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <websock/websock.h>

#ifdef BACKEND_io_uring
#define BACKEND WSK_IO_URING
#else
#define BACKEND WSK_IO_EPOLL
#endif

struct world {
    wsk_server *server;
    int late; /* adopted in the midst of it */
};

static void adopt_late(void *ud)
{
    struct world *w = ud;

    assert_int_equal(wsk_server_adopt(w->server, w->late, NULL), WSK_OK);
}

static time_t now(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec;
}

/* As where another thread accepts connections. Its own deadline would end the late one, in ten
 * seconds. */
static void test_adopted_while_it_is_freed(void **state)
{
    (void)state;
    wsk_server_options o = WSK_SERVER_OPTIONS_INIT;
    wsk_loop_options lo = WSK_LOOP_OPTIONS_INIT;
    wsk_handlers h = WSK_HANDLERS_INIT;
    struct world w = {0};
    int first[2], late[2];
    test_alloc alloc;
    wsk_loop *loop;
    char octet;

    test_alloc_init(&alloc);
    lo.hooks = &alloc.hooks;
    lo.io = BACKEND;
    o.conn.hooks = &alloc.hooks;
    assert_int_equal(wsk_loop_new(&loop, &lo), WSK_OK);
    assert_int_equal(wsk_server_new(&w.server, loop, &o, &h, NULL), WSK_OK);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, first), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, late), 0);
    assert_int_equal(wsk_server_adopt(w.server, first[0], NULL), WSK_OK);
    assert_int_equal(wsk_loop_turn(loop, 0), WSK_OK);
    w.late = late[0];
    assert_int_equal(wsk_loop_post(loop, adopt_late, &w), WSK_OK);
    const time_t begin = now();
    wsk_server_free(w.server);
    assert_true(now() - begin < 8);
    wsk_loop_free(loop);
    assert_int_equal(read(first[1], &octet, 1), 0);
    assert_int_equal(read(late[1], &octet, 1), 0);
    close(first[1]);
    close(late[1]);
    assert_int_equal(alloc.live, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_adopted_while_it_is_freed),
    };
    if (BACKEND == WSK_IO_URING && !test_has_uring()) {
        puts("1..0 # SKIP no io_uring here");
        return 0;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
