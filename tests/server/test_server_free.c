/* SPDX-License-Identifier: MIT */
/* A server, or its loop, is freed in odd places: what still comes to it, and who goes first. */
#include "support.h"

#include <stdio.h>
#include <string.h>
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

/* ---------------------------------------------------------------------------- in a handler -- */

enum place { ON_REQUEST, ON_OPEN, ON_MESSAGE, ON_CLOSE, ON_TIMER, ON_POST, PLACES };

#define CLIENTS 3

struct freed {
    test_alloc alloc;
    wsk_loop *loop;
    wsk_server *server, *other; /* other: its handlers free `server` */
    wsk_client *clients[CLIENTS];
    enum place place;
    bool gone; /* wsk_server_free() was called */
    unsigned seen, closed, late, clients_over;
    char line[512];
};

static void stop_at_end(struct freed *f)
{
    if (f->clients_over == CLIENTS && f->gone)
        wsk_loop_stop(f->loop);
}

static void now_free(struct freed *f, enum place place)
{
    if (place != f->place || f->gone)
        return;
    f->gone = true;
    wsk_server_free(f->server);
    stop_at_end(f);
}

static struct freed *of(wsk_peer *p)
{
    return wsk_server_data(wsk_peer_server(p));
}

static void free_on_request(wsk_peer *p, bool is_upgrade)
{
    of(p)->seen++;
    of(p)->late += of(p)->gone;
    assert_true(is_upgrade);
    now_free(of(p), ON_REQUEST);
    (void)!wsk_peer_accept(p, NULL); /* which is too late, if it was freed */
}

static void free_on_open(wsk_peer *p)
{
    of(p)->late += of(p)->gone;
    now_free(of(p), ON_OPEN);
}

static void free_on_message(wsk_peer *p, wsk_opcode op, uint8_t *data, size_t len)
{
    of(p)->late += of(p)->gone;
    now_free(of(p), ON_MESSAGE);
    assert_memory_equal(data, "hello", len); /* is valid still */
    (void)wsk_peer_send(p, op, data, len, 0);
    if (of(p)->place == ON_CLOSE)
        (void)wsk_peer_close(p, WSK_CLOSE_NORMAL, NULL);
}

static void free_on_close(wsk_peer *p, unsigned code, const char *text)
{
    (void)code;
    (void)text;
    of(p)->closed++;
    now_free(of(p), ON_CLOSE);
}

static void free_later(void *ud)
{
    now_free(ud, ((struct freed *)ud)->place);
}

static void say_hello(wsk_client *c)
{
    (void)wsk_client_send(c, WSK_OP_TEXT, "hello", 5, 0);
    (void)wsk_client_send(c, WSK_OP_TEXT, "hello", 5, 0);
}

static void client_is_over(struct freed *f)
{
    f->clients_over++;
    stop_at_end(f);
}

static void client_closed(wsk_client *c, unsigned code, const char *reason, const char *text)
{
    (void)code;
    (void)reason;
    (void)text;
    client_is_over(wsk_client_data(c));
}

static void client_failed(wsk_client *c, wsk_fail kind, unsigned status, const char *text)
{
    (void)kind;
    (void)status;
    (void)text;
    client_is_over(wsk_client_data(c));
}

static void keep_line(void *ud, wsk_log_level level, const char *line)
{
    test_alloc *a = ud;
    struct freed *f = (struct freed *)(void *)((char *)a - offsetof(struct freed, alloc));

    assert_int_equal(level, WSK_LOG_ERROR);
    snprintf(f->line, sizeof(f->line), "%s", line);
}

static void begin(struct freed *f)
{
    wsk_server_options o = WSK_SERVER_OPTIONS_INIT;
    wsk_loop_options lo = WSK_LOOP_OPTIONS_INIT;
    wsk_handlers h = WSK_HANDLERS_INIT;

    test_alloc_init(&f->alloc);
    f->alloc.hooks.log = keep_line;
    f->alloc.hooks.log_level = WSK_LOG_ERROR;
    lo.hooks = o.conn.hooks = &f->alloc.hooks;
    lo.io = BACKEND;
    h.on_request = free_on_request;
    h.on_open = free_on_open;
    h.on_message = free_on_message;
    h.on_close = free_on_close;
    assert_int_equal(wsk_loop_new(&f->loop, &lo), WSK_OK);
    assert_int_equal(wsk_server_new(&f->server, f->loop, &o, &h, f), WSK_OK);
}

static void test_freed_in_a_handler(void **state)
{
    (void)state;
    for (enum place place = 0; place < PLACES; place++) {
        wsk_client_handlers h = WSK_CLIENT_HANDLERS_INIT;
        wsk_client_options o = WSK_CLIENT_OPTIONS_INIT;
        struct freed f = {.place = place};
        wsk_timer *timer = NULL;
        char url[64];

        begin(&f);
        assert_int_equal(wsk_server_listen(f.server, "ws://127.0.0.1:0/", NULL), WSK_OK);
        wsk_server_url(f.server, 0, url, sizeof(url));
        h.on_open = say_hello;
        h.on_close = client_closed;
        h.on_fail = client_failed;
        o.conn.hooks = &f.alloc.hooks;
        o.proxy = "";
        for (int i = 0; i < CLIENTS; i++) {
            assert_int_equal(wsk_client_new(&f.clients[i], f.loop, &o, &h, &f), WSK_OK);
            assert_int_equal(wsk_client_connect(f.clients[i], url), WSK_OK);
        }
        if (place == ON_TIMER) {
            assert_int_equal(wsk_timer_new(&timer, f.loop, free_later, &f), WSK_OK);
            wsk_timer_set(timer, 5);
        } else if (place == ON_POST) {
            assert_int_equal(wsk_loop_post(f.loop, free_later, &f), WSK_OK);
        }
        /* Ends, other than where the loop was turned within itself. */
        alarm(20 * test_patience());
        assert_int_equal(wsk_loop_run(f.loop), WSK_OK);
        alarm(0);
        assert_true(f.gone);
        assert_int_equal(f.late, 0);
        assert_int_equal(f.closed, f.seen);
        for (int i = 0; i < CLIENTS; i++)
            wsk_client_free(f.clients[i]);
        wsk_timer_free(timer);
        wsk_loop_free(f.loop);
        assert_string_equal(f.line, "");
        assert_int_equal(f.alloc.live, 0);
    }
}

/* A connection is over since its server is freed, and whoever hears of it frees that, too. */
static void refused(wsk_peer *p, unsigned status, const char *text)
{
    struct freed *f = of(p);

    (void)status;
    (void)text;
    f->closed++;
    if (f->other != NULL)
        wsk_server_free(f->other);
    f->other = NULL;
    wsk_server_free(f->server);
}

/* Outside of a turn, too, a handler of one server may free another. */
static void test_freed_while_another_is(void **state)
{
    (void)state;
    wsk_server_options o = WSK_SERVER_OPTIONS_INIT;
    wsk_handlers h = WSK_HANDLERS_INIT;
    struct freed f = {.place = PLACES};
    int pairs[3][2];

    begin(&f);
    f.other = f.server;
    o.conn.hooks = &f.alloc.hooks;
    h.on_refused = refused;
    assert_int_equal(wsk_server_new(&f.server, f.loop, &o, &h, &f), WSK_OK);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(
            socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pairs[i]), 0);
        assert_int_equal(wsk_server_adopt(i == 0 ? f.other : f.server, pairs[i][0], NULL), WSK_OK);
    }
    wsk_server_free(f.server);
    assert_int_equal(f.closed, 2);
    wsk_loop_free(f.loop);
    assert_string_equal(f.line, "");
    assert_int_equal(f.alloc.live, 0);
    for (int i = 0; i < 3; i++)
        close(pairs[i][1]);
}

/* -------------------------------------------------------------------------------- the loop -- */

static void free_loop(void *ud)
{
    wsk_loop_free(((struct freed *)ud)->loop);
}

/* A crash would be all that the program gets to know. */
static void test_loop_freed_too_early(void **state)
{
    (void)state;
    struct freed f = {.place = PLACES};
    wsk_client_options o = WSK_CLIENT_OPTIONS_INIT;
    wsk_client *client;
    wsk_timer *timer;

    begin(&f);
    wsk_loop_free(f.loop);
    assert_non_null(strstr(f.line, "servers (1) or clients (0)"));
    /* All is as it was. */
    assert_int_equal(wsk_server_listen(f.server, "ws://127.0.0.1:0/", NULL), WSK_OK);
    assert_int_equal(wsk_loop_turn(f.loop, 0), WSK_OK);
    wsk_server_free(f.server);
    o.conn.hooks = &f.alloc.hooks;
    assert_int_equal(wsk_client_new(&client, f.loop, &o, NULL, NULL), WSK_OK);
    wsk_loop_free(f.loop);
    assert_non_null(strstr(f.line, "servers (0) or clients (1)"));
    wsk_client_free(client);
    assert_int_equal(wsk_loop_post(f.loop, free_loop, &f), WSK_OK);
    f.line[0] = 0;
    assert_int_equal(wsk_loop_turn(f.loop, 0), WSK_OK);
    assert_non_null(strstr(f.line, "not within a handler"));
    f.line[0] = 0;
    assert_int_equal(wsk_timer_new(&timer, f.loop, free_loop, &f), WSK_OK);
    wsk_timer_set(timer, 1000);
    wsk_loop_free(f.loop);
    assert_non_null(strstr(f.line, "1 of its timers"));
    wsk_timer_set(timer, 0);
    wsk_timer_free(timer);
    assert_int_equal(f.alloc.live, 0);
}

static void turn_within(void *ud)
{
    struct freed *f = ud;

    assert_int_equal(wsk_loop_turn(f->loop, 0), WSK_ERR_STATE);
    assert_non_null(strstr(f->line, "wsk_loop_turn(): not within a handler"));
    wsk_loop_stop(f->loop);
    assert_int_equal(wsk_loop_run(f->loop), WSK_ERR_STATE);
    assert_non_null(strstr(f->line, "wsk_loop_run(): not within a handler"));
    f->line[0] = 0;
    f->late++;
}

static void turned_within_free(wsk_peer *p, unsigned status, const char *text)
{
    (void)status;
    (void)text;
    turn_within(of(p));
}

/* Were it done, the rest of the outer turn would not know that it is one: wsk_server_free() in it
 * turned for ever. */
static void test_turned_within_a_turn(void **state)
{
    (void)state;
    wsk_server_options o = WSK_SERVER_OPTIONS_INIT;
    wsk_handlers h = WSK_HANDLERS_INIT;
    struct freed f = {.place = ON_POST};
    wsk_timer *timer;
    int pair[2];

    begin(&f);
    o.conn.hooks = &f.alloc.hooks;
    h.on_refused = turned_within_free;
    assert_int_equal(wsk_server_new(&f.other, f.loop, &o, &h, &f), WSK_OK);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
    assert_int_equal(wsk_server_adopt(f.other, pair[0], NULL), WSK_OK);
    assert_int_equal(wsk_timer_new(&timer, f.loop, turn_within, &f), WSK_OK);
    wsk_timer_set(timer, 0);
    assert_int_equal(wsk_loop_post(f.loop, turn_within, &f), WSK_OK);
    assert_int_equal(wsk_loop_post(f.loop, free_later, &f), WSK_OK);
    /* What was asked to stop is not what was refused. */
    alarm(20 * test_patience());
    assert_int_equal(wsk_loop_run(f.loop), WSK_OK);
    assert_int_equal(wsk_loop_turn(f.loop, 5), WSK_OK);
    alarm(0);
    assert_true(f.gone);
    assert_int_equal(f.late, 2);
    /* Nor within a handler that comes outside of a turn. */
    wsk_server_free(f.other);
    assert_int_equal(f.late, 3);
    wsk_timer_free(timer);
    wsk_loop_free(f.loop);
    close(pair[1]);
    assert_string_equal(f.line, "");
    assert_int_equal(f.alloc.live, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_adopted_while_it_is_freed),
        cmocka_unit_test(test_freed_in_a_handler),
        cmocka_unit_test(test_freed_while_another_is),
        cmocka_unit_test(test_loop_freed_too_early),
        cmocka_unit_test(test_turned_within_a_turn),
    };
    if (BACKEND == WSK_IO_URING && !test_has_uring()) {
        puts("1..0 # SKIP no io_uring here");
        return 0;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
