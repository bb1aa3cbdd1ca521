/* SPDX-License-Identifier: MIT */
/* The blocking client: the server runs in a thread of its own. */
#include "client_world.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

/* ------------------------------------------------------------------------------ the server -- */

typedef struct server {
    pthread_t thread;
    wsk_loop *loop;
    wsk_server *server;
    char url[200];
} server;

/* "close" is answered by closing, "drop" by going, "many" by a lot of messages,
 * "pause" by reading no more, others by an echo.
 */
static void on_message(wsk_peer *p, wsk_opcode op, uint8_t *data, size_t len)
{
    if (len == 5 && memcmp(data, "close", 5) == 0) {
        (void)wsk_peer_close(p, 4321, "as you say");
    } else if (len == 5 && memcmp(data, "pause", 5) == 0) {
        wsk_peer_pause(p, true);
    } else if (len == 4 && memcmp(data, "drop", 4) == 0) {
        wsk_peer_drop(p);
    } else if (len == 4 && memcmp(data, "many", 4) == 0) {
        char text[16];
        for (int i = 0; i < 1000; i++) {
            snprintf(text, sizeof(text), "%d", i);
            (void)wsk_peer_send(p, WSK_OP_TEXT, text, strlen(text), 0);
        }
    } else {
        (void)wsk_peer_send(p, op, data, len, 0);
    }
}

static void *serve(void *ud)
{
    server *s = ud;

    (void)wsk_loop_run(s->loop);
    return NULL;
}

static int server_begin(void **state)
{
    static server s;
    wsk_handlers h = WSK_HANDLERS_INIT;

    h.on_message = on_message;
    assert_int_equal(wsk_loop_new(&s.loop, NULL), WSK_OK);
    assert_int_equal(wsk_server_new(&s.server, s.loop, NULL, &h, NULL), WSK_OK);
    assert_int_equal(wsk_server_listen(s.server, "ws://127.0.0.1:0/ws", NULL), WSK_OK);
    assert_true(wsk_server_url(s.server, 0, s.url, sizeof(s.url)) > 0);
    /* Signals are for the thread of the tests. */
    sigset_t alarms;
    sigemptyset(&alarms);
    sigaddset(&alarms, SIGALRM);
    pthread_sigmask(SIG_BLOCK, &alarms, NULL);
    assert_int_equal(pthread_create(&s.thread, NULL, serve, &s), 0);
    pthread_sigmask(SIG_UNBLOCK, &alarms, NULL);
    setenv("no_proxy", "*", 1);
    *state = &s;
    return 0;
}

static int server_end(void **state)
{
    server *s = *state;

    wsk_loop_stop(s->loop);
    pthread_join(s->thread, NULL);
    /* The thread is gone: its loop is ours. */
    wsk_server_free(s->server);
    wsk_loop_free(s->loop);
    return 0;
}

/* ---------------------------------------------------------------------------------- tests -- */

static wsk_sync *dial(void **state)
{
    const server *s = *state;
    wsk_sync *c;

    assert_int_equal(wsk_sync_connect(&c, s->url, NULL), WSK_OK);
    assert_int_equal(wsk_client_stage(wsk_sync_client(c)), WSK_STAGE_OPEN);
    return c;
}

static void send_text(wsk_sync *c, const char *text)
{
    assert_int_equal(wsk_sync_send(c, WSK_OP_TEXT, text, strlen(text), 0), WSK_OK);
}

static void expect_text(wsk_sync *c, const char *text)
{
    wsk_message m;

    assert_int_equal(wsk_sync_recv(c, &m, 5000 * test_patience()), WSK_OK);
    assert_int_equal(m.opcode, WSK_OP_TEXT);
    assert_int_equal(m.len, strlen(text));
    assert_string_equal((char *)m.data, text);
}

static void test_talk(void **state)
{
    wsk_sync *c = dial(state);
    wsk_message m;

    send_text(c, "hello");
    expect_text(c, "hello");
    assert_int_equal(wsk_sync_recv(c, &m, 0), WSK_ERR_TIMEOUT);
    uint64_t before = clock_ms();
    assert_int_equal(wsk_sync_recv(c, &m, 30), WSK_ERR_TIMEOUT);
    assert_in_range(clock_ms() - before, 29, 2000);
    send_text(c, "");
    expect_text(c, "");
    assert_int_equal(wsk_sync_send(c, WSK_OP_TEXT, "\xff", 1, 0), WSK_ERR_UTF8);
    assert_int_equal(wsk_sync_close(c, 99, NULL), WSK_ERR_INVAL);
    assert_int_equal(wsk_sync_close(c, 1000, "bye"), WSK_OK);
    assert_int_equal(wsk_sync_close(c, 1000, "bye"), WSK_OK);
    assert_int_equal(wsk_sync_send(c, WSK_OP_TEXT, "x", 1, 0), WSK_ERR_STATE);
    assert_int_equal(wsk_sync_recv(c, &m, -1), WSK_OK);
    assert_int_equal(m.opcode, WSK_OP_CLOSE);
    assert_int_equal(m.code, 1000);
    wsk_sync_free(c);
}

static void test_closed_by_server(void **state)
{
    wsk_sync *c = dial(state);
    wsk_message m;

    send_text(c, "close");
    for (int i = 0; i < 3; i++) {
        assert_int_equal(wsk_sync_recv(c, &m, 5000 * test_patience()), WSK_OK);
        assert_int_equal(m.opcode, WSK_OP_CLOSE);
        assert_int_equal(m.code, 4321);
        assert_string_equal((char *)m.data, "as you say");
        assert_int_equal(m.len, 10);
    }
    assert_int_equal(wsk_sync_close(c, 1000, NULL), WSK_OK);
    wsk_sync_free(c);
    c = dial(state);
    send_text(c, "drop");
    assert_int_equal(wsk_sync_recv(c, &m, 5000 * test_patience()), WSK_OK);
    assert_int_equal(m.opcode, WSK_OP_CLOSE);
    assert_int_equal(m.code, 1006);
    assert_true(strlen(wsk_sync_text(c)) > 0);
    assert_int_equal(wsk_sync_close(c, 1000, NULL), WSK_ERR_FAILED);
    wsk_sync_free(c);
}

/* None is lost and none is kept too many, whatever is done in between. */
static void test_many_messages(void **state)
{
    wsk_sync *c = dial(state);
    char text[16];

    send_text(c, "many");
    send_text(c, "last");
    for (int i = 0; i < 1000; i++) {
        snprintf(text, sizeof(text), "%d", i);
        expect_text(c, text);
        if (i == 500)
            send_text(c, "later");
    }
    expect_text(c, "last");
    expect_text(c, "later");
    /* Closing throws away what waits. */
    send_text(c, "many");
    assert_int_equal(wsk_sync_close(c, 1000, NULL), WSK_OK);
    wsk_sync_free(c);
}

static void test_large(void **state)
{
    size_t n = 4000000;
    char *large = malloc(n);
    wsk_sync *c = dial(state);
    wsk_message m;

    memset(large, 'x', n);
    assert_int_equal(wsk_sync_send(c, WSK_OP_BINARY, large, n, 0), WSK_OK);
    assert_int_equal(wsk_client_queued(wsk_sync_client(c)), 0);
    assert_int_equal(wsk_sync_recv(c, &m, 5000 * test_patience()), WSK_OK);
    assert_int_equal(m.opcode, WSK_OP_BINARY);
    assert_int_equal(m.len, n);
    assert_memory_equal(m.data, large, n);
    wsk_sync_free(c);
    free(large);
}

/* ---- interrupting ---- */

static wsk_sync *to_interrupt;

static void on_alarm(int number)
{
    (void)number;
    wsk_sync_interrupt(to_interrupt);
}

/* In a moment: during the next call that waits, or before it. */
static void alarm_soon(wsk_sync *c)
{
    const struct itimerval soon = {.it_value.tv_usec = 20000};

    to_interrupt = c;
    assert_true(signal(SIGALRM, on_alarm) != SIG_ERR);
    assert_int_equal(setitimer(ITIMER_REAL, &soon, NULL), 0);
}

static void test_interrupted_by_a_signal(void **state)
{
    wsk_sync *c = dial(state);
    wsk_message m;

    alarm_soon(c);
    assert_int_equal(wsk_sync_recv(c, &m, -1), WSK_ERR_INTERRUPTED);
    /* Once; and nothing else has changed. */
    assert_int_equal(wsk_sync_recv(c, &m, 1), WSK_ERR_TIMEOUT);
    send_text(c, "hello");
    expect_text(c, "hello");
    /* What is there needs no waiting for: the interruption is the next one's. */
    send_text(c, "many");
    expect_text(c, "0");
    wsk_sync_interrupt(c);
    int interrupted = 0;
    for (int i = 1; i < 1000; i++) {
        char text[16];
        snprintf(text, sizeof(text), "%d", i);
        int r = wsk_sync_recv(c, &m, 5000 * test_patience());
        if (r == WSK_ERR_INTERRUPTED) {
            interrupted++;
            r = wsk_sync_recv(c, &m, 5000 * test_patience());
        }
        assert_int_equal(r, WSK_OK);
        assert_string_equal((char *)m.data, text);
    }
    assert_int_equal(interrupted, 1);
    wsk_sync_interrupt(NULL);
    assert_int_equal(wsk_sync_close(c, 1000, NULL), WSK_OK);
    wsk_sync_interrupt(c);
    /* Over: there is nothing to wait for. */
    assert_int_equal(wsk_sync_recv(c, &m, -1), WSK_OK);
    assert_int_equal(m.opcode, WSK_OP_CLOSE);
    wsk_sync_free(c);
}

/* A server that has stopped reading takes no more, and answers no close frame. */
static void test_interrupted_while_sending(void **state)
{
    static uint8_t large[40 << 20];
    wsk_sync *c = dial(state);
    wsk_message m;

    send_text(c, "pause");
    alarm_soon(c);
    assert_int_equal(wsk_sync_send(c, WSK_OP_BINARY, large, sizeof(large), 0), WSK_ERR_INTERRUPTED);
    assert_true(wsk_client_queued(wsk_sync_client(c)) > 0);
    assert_int_equal(wsk_sync_recv(c, &m, 0), WSK_ERR_TIMEOUT);
    alarm_soon(c);
    assert_int_equal(wsk_sync_close(c, 1000, NULL), WSK_ERR_INTERRUPTED);
    alarm_soon(c);
    assert_int_equal(wsk_sync_close(c, 1000, NULL), WSK_ERR_INTERRUPTED);
    wsk_sync_free(c);
}

static void read_on(void *ud)
{
    const server *s = ud;

    for (wsk_peer *p = NULL; (p = wsk_server_next_peer(s->server, p)) != NULL;)
        wsk_peer_pause(p, false);
}

/* What interrupted sends left behind is more than may be queued: the next one waits for it, until
 * it has gone or it is interrupted itself. */
static void test_send_behind_interrupted(void **state)
{
    static uint8_t large[15 << 20];
    server *s = *state;
    wsk_client_options o = WSK_CLIENT_OPTIONS_INIT;
    wsk_sync *c;

    o.conn.max_queued = 65536;
    assert_int_equal(wsk_sync_connect(&c, s->url, &o), WSK_OK);
    send_text(c, "pause");
    alarm_soon(c);
    assert_int_equal(wsk_sync_send(c, WSK_OP_BINARY, large, sizeof(large), 0), WSK_ERR_INTERRUPTED);
    assert_true(wsk_client_queued(wsk_sync_client(c)) > o.conn.max_queued);
    alarm_soon(c);
    assert_int_equal(wsk_sync_send(c, WSK_OP_TEXT, "lost", 4, 0), WSK_ERR_FULL);
    assert_int_equal(wsk_loop_post(s->loop, read_on, s), WSK_OK);
    send_text(c, "next");
    wsk_message m;
    assert_int_equal(wsk_sync_recv(c, &m, 20000 * test_patience()), WSK_OK);
    assert_int_equal(m.len, sizeof(large));
    expect_text(c, "next");
    wsk_sync_free(c);
}

static void *interrupt(void *ud)
{
    wsk_sync_interrupt(ud);
    return NULL;
}

static void test_interrupted_by_a_thread(void **state)
{
    wsk_sync *c = dial(state);
    pthread_t thread;
    wsk_message m;

    assert_int_equal(pthread_create(&thread, NULL, interrupt, c), 0);
    assert_int_equal(wsk_sync_recv(c, &m, -1), WSK_ERR_INTERRUPTED);
    pthread_join(thread, NULL);
    assert_int_equal(wsk_sync_close(c, 1000, NULL), WSK_OK);
    wsk_sync_free(c);
}

/* It is known to a signal handler before it is connected. */
static void test_interrupted_while_connecting(void **state)
{
    (void)state;
    const struct itimerval often = {{0, 20000}, {0, 20000}}, never = {{0, 0}, {0, 0}};
    struct sockaddr_in a = {.sin_family = AF_INET};
    socklen_t len = sizeof(a);
    char url[64];

    /* Listens, and never says anything. */
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
    assert_int_equal(listen(fd, 1), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
    snprintf(url, sizeof(url), "ws://127.0.0.1:%u/", ntohs(a.sin_port));
    to_interrupt = NULL;
    assert_true(signal(SIGALRM, on_alarm) != SIG_ERR);
    assert_int_equal(setitimer(ITIMER_REAL, &often, NULL), 0);
    assert_int_equal(wsk_sync_connect(&to_interrupt, url, NULL), WSK_ERR_INTERRUPTED);
    assert_int_equal(setitimer(ITIMER_REAL, &never, NULL), 0);
    assert_string_equal(wsk_sync_text(to_interrupt), wsk_strerror(WSK_ERR_INTERRUPTED));
    assert_int_equal(wsk_sync_send(to_interrupt, WSK_OP_TEXT, "x", 1, 0), WSK_ERR_STATE);
    wsk_sync_free(to_interrupt);
    close(fd);
}

static void *gives_nothing(void *ud, void *p, size_t n)
{
    (void)ud;
    (void)p;
    (void)n;
    return NULL;
}

static void test_failures(void **state)
{
    const wsk_hooks no_memory = {.size = sizeof(no_memory), .realloc = gives_nothing};
    const server *s = *state;
    wsk_client_options o = WSK_CLIENT_OPTIONS_INIT;
    wsk_message m;
    wsk_sync *c;
    char url[300];

    assert_int_equal(wsk_sync_connect(&c, "http://x/", NULL), WSK_ERR_URL);
    assert_string_equal(wsk_sync_text(c),
                        "the scheme of the URL is none of ws, wss, ws+unix, wss+unix");
    assert_int_equal(wsk_sync_recv(c, &m, -1), WSK_ERR_STATE);
    assert_int_equal(wsk_sync_send(c, WSK_OP_TEXT, "x", 1, 0), WSK_ERR_STATE);
    assert_int_equal(wsk_sync_close(c, 1000, NULL), WSK_ERR_STATE);
    wsk_sync_free(c);
    assert_int_equal(wsk_sync_connect(&c, NULL, NULL), WSK_ERR_INVAL);
    wsk_sync_free(c);
    errno = 0;
    assert_int_equal(wsk_sync_connect(&c, format("ws://127.0.0.1:%u/", closed_port()), NULL),
                     WSK_ERR_SYS);
    assert_int_equal(errno, ECONNREFUSED);
    assert_int_equal(wsk_client_failure(wsk_sync_client(c)), WSK_FAIL_CONNECT);
    wsk_sync_free(c);
    snprintf(url, sizeof(url), "%s/elsewhere", s->url);
    assert_int_equal(wsk_sync_connect(&c, url, NULL), WSK_ERR_FAILED);
    assert_int_equal(wsk_client_status(wsk_sync_client(c)), 404);
    assert_int_equal(wsk_client_body(wsk_sync_client(c)).len, 36);
    wsk_sync_free(c);
    snprintf(url, sizeof(url), "wss%s", s->url + 2);
    assert_int_equal(wsk_sync_connect(&c, url, NULL), WSK_ERR_TLS);
    wsk_sync_free(c);
    o.conn.size = sizeof(o.conn);
    o.conn.flags = WSK_CONN_STREAM;
    assert_int_equal(wsk_sync_connect(&c, s->url, &o), WSK_ERR_INVAL);
    assert_int_equal(wsk_sync_recv(c, &m, -1), WSK_ERR_STATE);
    assert_string_equal(wsk_sync_text(c), "sync: conn.flags has WSK_CONN_STREAM");
    wsk_sync_free(c);
    o.conn.flags = 0;
    o.proxy = "ftp://x";
    assert_int_equal(wsk_sync_connect(&c, s->url, &o), WSK_ERR_INVAL);
    assert_string_equal(wsk_sync_text(c),
                        "client: proxy: the scheme of the proxy is none of http, https, socks5, "
                        "socks5h");
    wsk_sync_free(c);
    o.proxy = NULL;
    o.conn.max_head = 1;
    assert_int_equal(wsk_sync_connect(&c, s->url, &o), WSK_ERR_INVAL);
    assert_string_equal(wsk_sync_text(c), "config: max_head must be 64 to 16,777,216, not 1");
    wsk_sync_free(c);
    o.conn.max_head = 0;
    /* Options that do not say how long they are, and some that end before the hooks. */
    o.size = 0;
    assert_int_equal(wsk_sync_connect(&c, s->url, &o), WSK_ERR_INVAL);
    wsk_sync_free(c);
    o.size = offsetof(wsk_client_options, conn);
    o.conn.hooks = &no_memory;
    assert_int_equal(wsk_sync_connect(&c, s->url, &o), WSK_OK);
    wsk_sync_free(c);
    assert_string_equal(wsk_sync_text(NULL), "out of memory");
    wsk_sync_free(NULL);
}

static void sync_body(void *ud, const wsk_hooks *hooks)
{
    wsk_client_options o = WSK_CLIENT_OPTIONS_INIT;
    const server *s = ud;
    wsk_message m;
    wsk_sync *c;

    o.conn.size = sizeof(o.conn);
    o.conn.hooks = hooks;
    o.connect_timeout = o.conn.open_timeout = 2000;
    o.conn.close_timeout = 2000;
    if (wsk_sync_connect(&c, s->url, &o) == WSK_OK &&
        wsk_sync_send(c, WSK_OP_TEXT, "hello", 5, 0) == WSK_OK &&
        wsk_sync_recv(c, &m, 5000 * test_patience()) == WSK_OK && m.opcode == WSK_OP_TEXT) {
        assert_string_equal((char *)m.data, "hello");
        (void)wsk_sync_close(c, 1000, NULL);
    }
    wsk_sync_free(c);
}

static void test_no_memory(void **state)
{
    with_failing_alloc(sync_body, *state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_talk),
        cmocka_unit_test(test_closed_by_server),
        cmocka_unit_test(test_many_messages),
        cmocka_unit_test(test_large),
        cmocka_unit_test(test_interrupted_by_a_signal),
        cmocka_unit_test(test_interrupted_while_sending),
        cmocka_unit_test(test_send_behind_interrupted),
        cmocka_unit_test(test_interrupted_by_a_thread),
        cmocka_unit_test(test_interrupted_while_connecting),
        cmocka_unit_test(test_failures),
        cmocka_unit_test(test_no_memory),
    };

    return cmocka_run_group_tests_name("sync", tests, server_begin, server_end);
}
