/* SPDX-License-Identifier: MIT */
/* Listeners on both backends: addresses, busy ports, Unix sockets and their files, freeing, and
 * a machine that has no descriptors left. */
#include "endpoint.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

typedef struct acceptor {
    wsk__listener *listener;
    unsigned n;
    int fd[2000];
    bool free_in_callback;
} acceptor;

static void on_accepted(void *ud, int fd)
{
    acceptor *a = ud;

    assert_true(a->n < WSK__COUNT(a->fd));
    a->fd[a->n++] = fd;
    if (a->free_in_callback) {
        wsk__listener_free(a->listener);
        a->listener = NULL;
    }
}

static int acceptor_listen(acceptor *a, wsk_loop *loop, const wsk__listen_options *o)
{
    a->n = 0;
    return wsk__listener_new(&a->listener, loop, o, on_accepted, a);
}

static void close_accepted(acceptor *a)
{
    for (unsigned i = 0; i < a->n; i++)
        close(a->fd[i]);
    a->n = 0;
}

static acceptor *new_acceptor(void)
{
    return calloc(1, sizeof(acceptor));
}

static void test_accepts(void **state)
{
    net_test t;
    acceptor *a = new_acceptor();
    wsk__listen_options o = {.host = "127.0.0.1"};
    char name[80], mine[80];

    net_test_init(&t, state);
    net_test_loop(&t);
    assert_int_equal(acceptor_listen(a, t.loop, &o), WSK_OK);
    uint16_t port = wsk__listener_port(a->listener);
    assert_int_not_equal(port, 0);
    int fd = connect_to("127.0.0.1", port);
    assert_true(fd >= 0);
    turn_until(t.loop, &a->n, 1);
    int no_delay = 0;
    socklen_t len = sizeof(no_delay);
    assert_int_equal(getsockopt(a->fd[0], IPPROTO_TCP, TCP_NODELAY, &no_delay, &len), 0);
    assert_int_not_equal(no_delay, 0);
    char c;
    assert_int_equal(recv(a->fd[0], &c, 1, 0), -1); /* does not block */
    assert_int_equal(errno, EAGAIN);
    /* The peer's name. */
    struct sockaddr_in self;
    len = sizeof(self);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&self, &len), 0);
    snprintf(mine, sizeof(mine), "127.0.0.1:%u", (unsigned)ntohs(self.sin_port));
    assert_int_equal(wsk__peer_name(a->fd[0], name, sizeof(name)), strlen(mine));
    assert_string_equal(name, mine);
    assert_int_equal(wsk__peer_name(a->fd[0], name, 5), strlen(mine));
    assert_string_equal(name, "127.");
    assert_int_equal(wsk__peer_name(a->fd[0], NULL, 0), strlen(mine));
    close(fd);
    close_accepted(a);
    wsk__listener_free(a->listener);
    net_test_end(&t);
    free(a);
}

static void test_names_and_families(void **state)
{
    const char *const hosts[] = {"localhost", "::1", NULL, "", "::", "0.0.0.0"};
    net_test t;
    acceptor *a = new_acceptor();
    char name[80];

    for (size_t i = 0; i < WSK__COUNT(hosts); i++) {
        wsk__listen_options o = {.host = hosts[i]};
        bool v6 = i != 5, v4 = i != 1 && i != 4;

        net_test_init(&t, state);
        net_test_loop(&t);
        int r = acceptor_listen(a, t.loop, &o);
        if (r < 0 && !v4) { /* a machine without IPv6 */
            net_test_end(&t);
            continue;
        }
        assert_int_equal(r, WSK_OK);
        uint16_t port = wsk__listener_port(a->listener);
        int fd4 = v4 ? connect_to("127.0.0.1", port) : -1;
        int fd6 = v6 ? connect_to("::1", port) : -1;
        if (v4)
            assert_true(fd4 >= 0);
        turn_until(t.loop, &a->n, (fd4 >= 0) + (fd6 >= 0));
        for (unsigned k = 0; k < a->n; k++) {
            assert_true(wsk__peer_name(a->fd[k], name, sizeof(name)) > 0);
            assert_true(strncmp(name, "127.0.0.1:", 10) == 0 || strncmp(name, "[::1]:", 6) == 0);
        }
        if (fd4 >= 0)
            close(fd4);
        if (fd6 >= 0)
            close(fd6);
        close_accepted(a);
        wsk__listener_free(a->listener);
        net_test_end(&t);
    }
    free(a);
}

static void test_errors(void **state)
{
    net_test t;
    acceptor *a = new_acceptor(), *b = new_acceptor();
    wsk__listen_options o = {.host = "127.0.0.1"};

    net_test_init(&t, state);
    net_test_loop(&t);
    assert_int_equal(acceptor_listen(a, t.loop, &o), WSK_OK);
    o.port = wsk__listener_port(a->listener);
    assert_int_equal(acceptor_listen(b, t.loop, &o), WSK_ERR_SYS);
    assert_int_equal(errno, EADDRINUSE);
    /* Once it is free the port can be had at once, though connections to it still linger. */
    int fd = connect_to("127.0.0.1", o.port);
    turn_until(t.loop, &a->n, 1);
    wsk__listener_free(a->listener);
    close_accepted(a);
    assert_int_equal(acceptor_listen(b, t.loop, &o), WSK_OK);
    close(fd);
    wsk__listener_free(b->listener);
    /* Two on one port, by agreement. */
    o.reuse_port = true;
    assert_int_equal(acceptor_listen(a, t.loop, &o), WSK_OK);
    assert_int_equal(acceptor_listen(b, t.loop, &o), WSK_OK);
    wsk__listener_free(a->listener);
    wsk__listener_free(b->listener);
    wsk__listener_free(NULL);

    o = (wsk__listen_options){.host = "no such host"};
    assert_int_equal(acceptor_listen(a, t.loop, &o), WSK_ERR_RESOLVE);
    o.host = "192.0.2.1"; /* documentation's, RFC 5737: not ours */
    assert_int_equal(acceptor_listen(a, t.loop, &o), WSK_ERR_SYS);
    assert_int_equal(errno, EADDRNOTAVAIL);
    net_test_end(&t);
    free(a);
    free(b);
}

/* What the kernel accepts while the loop ends belongs to nobody: it is closed, or the clients would
 * wait as long as this process lives. */
static void test_accepted_in_the_end(void **state)
{
    char dir[] = "/tmp/websock-test-XXXXXX", path[64], octet;
    int fd[3];

    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof(path), "%s/socket", dir);
    for (int turns = 0; turns < 3; turns++) {
        wsk__listen_options o = {.unix_path = path};
        acceptor *a = new_acceptor();
        net_test t;

        net_test_init(&t, state);
        net_test_loop(&t);
        if (turns == 1)
            assert_int_equal(wsk_loop_turn(t.loop, 0), WSK_OK);
        assert_int_equal(acceptor_listen(a, t.loop, &o), WSK_OK);
        if (turns == 2)
            assert_int_equal(wsk_loop_turn(t.loop, 0), WSK_OK);
        for (int i = 0; i < 3; i++)
            fd[i] = connect_unix(path);
        wsk__listener_free(a->listener);
        assert_int_equal(a->n, 0);
        wsk_loop_free(t.loop);
        t.loop = NULL;
        for (int i = 0; i < 3; i++) {
            const ssize_t n = recv(fd[i], &octet, 1, MSG_DONTWAIT);

            assert_true(n == 0 || (n < 0 && errno != EAGAIN));
            close(fd[i]);
        }
        free(a);
        net_test_end(&t);
    }
    rmdir(dir);
}

static void test_unix_sockets(void **state)
{
    net_test t;
    acceptor *a = new_acceptor(), *b = new_acceptor();
    char dir[] = "/tmp/websock-test-XXXXXX", path[64], name[80];
    struct stat st;

    net_test_init(&t, state);
    net_test_loop(&t);
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof(path), "%s/socket", dir);
    wsk__listen_options o = {.unix_path = path};
    assert_int_equal(acceptor_listen(a, t.loop, &o), WSK_OK);
    assert_int_equal(wsk__listener_port(a->listener), 0);
    int fd = connect_unix(path);
    assert_true(fd >= 0);
    turn_until(t.loop, &a->n, 1);
    assert_int_equal(wsk__peer_name(a->fd[0], name, sizeof(name)), 4);
    assert_string_equal(name, "unix");
    close(fd);
    /* Someone listens: it is his. */
    assert_int_equal(acceptor_listen(b, t.loop, &o), WSK_ERR_SYS);
    assert_int_equal(errno, EADDRINUSE);
    assert_int_equal(stat(path, &st), 0);
    close_accepted(a);
    wsk__listener_free(a->listener);
    assert_int_equal(stat(path, &st), -1);
    /* Left behind by one that was killed. */
    struct sockaddr_un dead = {.sun_family = AF_UNIX};
    snprintf(dead.sun_path, sizeof(dead.sun_path), "%s", path);
    fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&dead, sizeof(dead)), 0);
    close(fd);
    assert_int_equal(acceptor_listen(a, t.loop, &o), WSK_OK);
    /* A file that has taken its place is not removed. */
    unlink(path);
    fclose(fopen(path, "w"));
    wsk__listener_free(a->listener);
    assert_int_equal(stat(path, &st), 0);
    /* And an ordinary file is not replaced. */
    assert_int_equal(acceptor_listen(a, t.loop, &o), WSK_ERR_SYS);
    assert_int_equal(errno, EADDRINUSE);
    assert_int_equal(stat(path, &st), 0);
    unlink(path);
    rmdir(dir);
    assert_int_equal(acceptor_listen(a, t.loop, &o), WSK_ERR_SYS);
    assert_int_equal(errno, ENOENT);
    char long_path[200];
    memset(long_path, 'x', sizeof(long_path) - 1);
    long_path[sizeof(long_path) - 1] = 0;
    o.unix_path = long_path;
    assert_int_equal(acceptor_listen(a, t.loop, &o), WSK_ERR_INVAL);
    net_test_end(&t);
    free(a);
    free(b);
}

/* Freed while connections wait to be accepted, and from within the callback. */
static void test_free_while_busy(void **state)
{
    net_test t;
    acceptor *a = new_acceptor();
    wsk__listen_options o = {.host = "127.0.0.1"};
    int fd[20];

    for (int how = 0; how < 2; how++) {
        net_test_init(&t, state);
        net_test_loop(&t);
        a->free_in_callback = how == 1;
        assert_int_equal(acceptor_listen(a, t.loop, &o), WSK_OK);
        wsk_loop_turn(t.loop, 0);
        for (size_t i = 0; i < WSK__COUNT(fd); i++)
            fd[i] = connect_to("127.0.0.1", wsk__listener_port(a->listener));
        if (how == 1) {
            turn_until(t.loop, &a->n, 1);
            assert_int_equal(a->n, 1);
        } else {
            wsk__listener_free(a->listener);
        }
        turn_for(t.loop, 5);
        assert_int_equal(a->n, how);
        for (size_t i = 0; i < WSK__COUNT(fd); i++)
            close(fd[i]);
        close_accepted(a);
        net_test_end(&t);
    }
    free(a);
}

static void test_many_connections(void **state)
{
    net_test t;
    acceptor *a = new_acceptor();
    wsk__listen_options o = {.host = "127.0.0.1"};
    unsigned all = 0;

    net_test_init(&t, state);
    net_test_loop(&t);
    assert_int_equal(acceptor_listen(a, t.loop, &o), WSK_OK);
    while (all < 2000) {
        int fd[100];

        for (size_t i = 0; i < WSK__COUNT(fd); i++) {
            fd[i] = connect_to("127.0.0.1", wsk__listener_port(a->listener));
            assert_true(fd[i] >= 0);
        }
        turn_until(t.loop, &a->n, WSK__COUNT(fd));
        assert_int_equal(a->n, WSK__COUNT(fd));
        all += a->n;
        close_accepted(a);
        for (size_t i = 0; i < WSK__COUNT(fd); i++)
            close(fd[i]);
    }
    wsk__listener_free(a->listener);
    net_test_end(&t);
    free(a);
}

/* -------------------------------------------------------------------------------- faults -- */

static int accept_err;
static unsigned accept_fails;

static int faulty_accept4(int fd, struct sockaddr *addr, socklen_t *len, int flags)
{
    if (accept_fails > 0) {
        accept_fails--;
        errno = accept_err;
        return -1;
    }
    return accept4(fd, addr, len, flags);
}

static int faulty_result(wsk__sys_request request, int res)
{
    if (request == WSK__REQUEST_ACCEPT && res >= 0 && accept_fails > 0) {
        accept_fails--;
        return -accept_err;
    }
    return res;
}

static unsigned lines(const char *log)
{
    unsigned n = 0;

    for (; *log != 0; log++)
        n += *log == '\n';
    return n;
}

static void test_out_of_descriptors(void **state)
{
    const int errs[] = {EMFILE, ENFILE, ENOBUFS, ENOMEM, EINVAL};
    net_test t;
    acceptor *a = new_acceptor();
    wsk__listen_options o = {.host = "127.0.0.1"};

    for (size_t i = 0; i < WSK__COUNT(errs); i++) {
        net_test_init(&t, state);
        t.sys.accept4 = faulty_accept4;
        net_test_loop(&t);
        assert_int_equal(acceptor_listen(a, t.loop, &o), WSK_OK);
        accept_err = errs[i];
        accept_fails = 1;
        int fd = connect_to("127.0.0.1", wsk__listener_port(a->listener));
        turn_for(t.loop, 100);
        assert_int_equal(a->n, 0);
        assert_int_equal(lines(t.log), 1);
        assert_non_null(strstr(t.log, strerror(errs[i])));
        /* It goes on by itself. */
        turn_until(t.loop, &a->n, 1);
        assert_int_equal(lines(t.log), 1);
        close(fd);
        close_accepted(a);
        wsk__listener_free(a->listener);
        net_test_end(&t);
    }
    free(a);
}

/* The real thing: the process may not have another descriptor. */
static void test_descriptor_limit(void **state)
{
    net_test t;
    acceptor *a = new_acceptor();
    wsk__listen_options o = {.host = "127.0.0.1"};
    struct sockaddr_in to = {.sin_family = AF_INET};
    struct rlimit old, low;

    /* Memcheck keeps the limit itself: it takes the connection from the kernel and closes it. */
    if (getenv("WSK_TEST_VALGRIND") != NULL) {
        free(a);
        return;
    }
    const int fds[3] = {socket(AF_INET, SOCK_STREAM, 0), socket(AF_INET, SOCK_STREAM, 0),
                        socket(AF_INET, SOCK_STREAM, 0)};
    net_test_init(&t, state);
    net_test_loop(&t);
    assert_int_equal(acceptor_listen(a, t.loop, &o), WSK_OK);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
    low = old;
    int next = dup(0);
    close(next);
    low.rlim_cur = (rlim_t)next + 1;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
    wsk_loop_turn(t.loop, 0);
    to.sin_port = htons(wsk__listener_port(a->listener));
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    for (int i = 0; i < 3; i++)
        assert_int_equal(connect(fds[i], (struct sockaddr *)&to, sizeof(to)), 0);
    uint64_t start = clock_ms();
    turn_for(t.loop, 100);
    assert_int_equal(a->n, 1);
    assert_int_equal(lines(t.log), 1);
    assert_non_null(strstr(t.log, strerror(EMFILE)));
    char limit[64];
    snprintf(limit, sizeof(limit), "the limit is %d)", next + 1);
    assert_non_null(strstr(t.log, limit));
    /* Still none: the log has heard of it. */
    turn_for(t.loop, 1200);
    assert_int_equal(a->n, 1);
    assert_int_equal(lines(t.log), 1);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
    turn_until(t.loop, &a->n, 3);
    assert_true(clock_ms() - start >= 1800);
    for (int i = 0; i < 3; i++)
        close(fds[i]);
    close_accepted(a);
    wsk__listener_free(a->listener);
    t.fds -= 3;
    net_test_end(&t);
    free(a);
}

/* Errors that are one connection's own do not stop the others. */
static void test_passing_errors(void **state)
{
    const int errs[] = {ECONNABORTED, EINTR, EPROTO, EPERM};
    net_test t;
    acceptor *a = new_acceptor();
    wsk__listen_options o = {.host = "127.0.0.1"};

    for (size_t i = 0; i < WSK__COUNT(errs); i++) {
        net_test_init(&t, state);
        t.sys.accept4 = faulty_accept4;
        t.sys.result = faulty_result;
        net_test_loop(&t);
        assert_int_equal(acceptor_listen(a, t.loop, &o), WSK_OK);
        wsk_loop_turn(t.loop, 0);
        accept_err = errs[i];
        accept_fails = 1;
        int fd = connect_to("127.0.0.1", wsk__listener_port(a->listener));
        int fd2 = connect_to("127.0.0.1", wsk__listener_port(a->listener));
        uint64_t start = clock_ms();
        turn_until(t.loop, &a->n, 1);
        assert_true(clock_ms() - start < 900);
        assert_string_equal(t.log, "");
        close(fd);
        close(fd2);
        turn_for(t.loop, 2);
        close_accepted(a);
        wsk__listener_free(a->listener);
        net_test_end(&t);
    }
    free(a);
}

static void new_body(void *ud, const wsk_hooks *hooks)
{
    wsk_loop_options lo = WSK_LOOP_OPTIONS_INIT;
    wsk__listen_options o = {.host = "127.0.0.1"};
    acceptor *a = new_acceptor();
    wsk_loop *loop;

    lo.io = *(const wsk_io *)ud;
    lo.hooks = hooks;
    if (wsk_loop_new(&loop, &lo) == WSK_OK) {
        for (int i = 0; i < 2; i++) {
            if (i == 1)
                o = (wsk__listen_options){.unix_path = "/tmp/websock-test-listener"};
            if (acceptor_listen(a, loop, &o) == WSK_OK)
                wsk__listener_free(a->listener);
        }
        wsk_loop_free(loop);
    }
    free(a);
}

static void test_failing_allocations(void **state)
{
    net_test t;

    net_test_init(&t, state);
    with_failing_alloc(new_body, &t.io);
    assert_int_equal(count_fds(), t.fds);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(test_accepts),
        BOTH(test_names_and_families),
        BOTH(test_errors),
        BOTH(test_accepted_in_the_end),
        BOTH(test_unix_sockets),
        BOTH(test_free_while_busy),
        BOTH(test_many_connections),
        {"test_out_of_descriptors", test_out_of_descriptors, NULL, NULL, &net_test_epoll},
        BOTH(test_descriptor_limit),
        BOTH(test_passing_errors),
        BOTH(test_failing_allocations),
    };

    return cmocka_run_group_tests_name("listener", tests, NULL, NULL);
}
