/* SPDX-License-Identifier: MIT */
/*
 * From a host to a socket: names that resolve as a test says, addresses that answer, refuse or
 * keep silent, in the order and at the times of RFC 8305.
 */
#include "client_world.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/un.h>
#include <unistd.h>

#include "net/connector.h"
#include "net/listener.h"

/* ------------------------------------------------------------------------------- the world -- */

/* What a name resolves to, in the system's order. */
static const char *names[WSK__ADDRESSES_MAX + 8];
static int lookup_error; /* of names that are no addresses */
static atomic_uint lookups;
static atomic_uint lookup_ms;
static atomic_bool lookups_held; /* until it is false again */
static atomic_int lookups_running, lookups_most;
static atomic_int lists_live; /* of names */

static void add(struct addrinfo **last, const char *text, const char *port)
{
    bool v6 = strchr(text, ':') != NULL;
    struct addrinfo *ai = calloc(1, sizeof(*ai) + sizeof(struct sockaddr_in6));

    ai->ai_addr = (struct sockaddr *)(ai + 1);
    ai->ai_family = ai->ai_addr->sa_family = v6 ? AF_INET6 : AF_INET;
    if (v6) {
        struct sockaddr_in6 *a = (struct sockaddr_in6 *)(void *)ai->ai_addr;
        ai->ai_addrlen = sizeof(*a);
        a->sin6_port = htons((uint16_t)strtol(port, NULL, 10));
        assert_int_equal(inet_pton(AF_INET6, text, &a->sin6_addr), 1);
    } else {
        struct sockaddr_in *a = (struct sockaddr_in *)(void *)ai->ai_addr;
        ai->ai_addrlen = sizeof(*a);
        a->sin_port = htons((uint16_t)strtol(port, NULL, 10));
        assert_int_equal(inet_pton(AF_INET, text, &a->sin_addr), 1);
    }
    while (*last != NULL)
        last = &(*last)->ai_next;
    *last = ai;
}

static int fake_getaddrinfo(const char *host, const char *port, const struct addrinfo *hints,
                            struct addrinfo **ret)
{
    struct in6_addr any;

    *ret = NULL;
    if (inet_pton(AF_INET, host, &any) == 1 || inet_pton(AF_INET6, host, &any) == 1) {
        add(ret, host, port);
        lists_live++;
        return 0;
    }
    if (hints->ai_flags & AI_NUMERICHOST)
        return EAI_NONAME;
    lookups++;
    int running = ++lookups_running;
    if (running > lookups_most)
        lookups_most = running;
    while (lookups_held)
        usleep(1000);
    usleep(lookup_ms * 1000);
    int e = lookup_error;
    for (size_t i = 0; e == 0 && names[i] != NULL; i++) {
        bool v6 = strchr(names[i], ':') != NULL;
        if (hints->ai_family == AF_UNSPEC || (hints->ai_family == AF_INET6) == v6)
            add(ret, names[i], port);
    }
    if (e == 0 && *ret == NULL)
        e = EAI_NONAME;
    if (e == 0)
        lists_live++;
    lookups_running--;
    return e;
}

static void fake_freeaddrinfo(struct addrinfo *list)
{
    while (list != NULL) {
        struct addrinfo *next = list->ai_next;
        free(list);
        list = next;
    }
    lists_live--;
}

/* Every address stands for one of this machine: those that end in "a" or ".1" answer, those in "b"
 * or ".2" keep silent, those in "c" or ".3" refuse, the others cannot be reached at all. */
static struct sockaddr_in6 hole6;
static struct sockaddr_in hole4;
static char tried[600]; /* " ADDRESS" for each */
static uint64_t tried_at[64];
static unsigned n_tried;

static int fake_connect(int fd, const struct sockaddr *to, socklen_t len)
{
    char text[64] = "";
    bool v6 = to->sa_family == AF_INET6;
    struct sockaddr_in6 a6;
    struct sockaddr_in a4;

    if (to->sa_family == AF_UNIX)
        return connect(fd, to, len);
    memcpy(&a6, to, v6 ? sizeof(a6) : 0);
    memcpy(&a4, to, v6 ? 0 : sizeof(a4));
    inet_ntop(to->sa_family, v6 ? (void *)&a6.sin6_addr : (void *)&a4.sin_addr, text, sizeof(text));
    size_t n = strlen(tried);
    snprintf(tried + n, sizeof(tried) - n, " %s", text);
    tried_at[n_tried++ % 64] = clock_ms();
    switch (text[strlen(text) - 1]) {
    case 'a':
    case '1':
        a6.sin6_addr = in6addr_loopback;
        a4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        break;
    case 'b':
    case '2':
        a6 = hole6;
        a4 = hole4;
        break;
    case 'c':
    case '3':
        errno = ECONNREFUSED;
        return -1;
    default:
        errno = ENETUNREACH;
        return -1;
    }
    return connect(fd, v6 ? (struct sockaddr *)&a6 : (struct sockaddr *)&a4,
                   v6 ? sizeof(a6) : sizeof(a4));
}

/* Listeners whose queue is full: the kernel drops what comes. */
static int hole_fds[16];
static unsigned n_hole_fds;

static void dig(struct sockaddr *a, socklen_t len)
{
    int fd = socket(a->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

    hole_fds[n_hole_fds++] = fd;
    assert_int_equal(bind(fd, a, len), 0);
    assert_int_equal(listen(fd, 0), 0);
    assert_int_equal(getsockname(fd, a, &len), 0);
    for (int i = 0; i < 3; i++) {
        int full = socket(a->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        hole_fds[n_hole_fds++] = full;
        (void)connect(full, a, len);
        usleep(1000);
    }
}

static int dig_holes(void **state)
{
    (void)state;
    hole6.sin6_family = AF_INET6;
    hole6.sin6_addr = in6addr_loopback;
    hole4.sin_family = AF_INET;
    hole4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (test_has_ipv6())
        dig((struct sockaddr *)&hole6, sizeof(hole6));
    dig((struct sockaddr *)&hole4, sizeof(hole4));
    return 0;
}

static int fill_holes(void **state)
{
    (void)state;
    while (n_hole_fds > 0)
        close(hole_fds[--n_hole_fds]);
    return 0;
}

static void set_names(const char *list)
{
    static char text[2000];
    size_t n = 0;

    snprintf(text, sizeof(text), "%s", list);
    for (char *p = text, *end; *p != 0; p = end) {
        end = p + strcspn(p, " ");
        names[n++] = p;
        if (*end != 0)
            *end++ = 0;
    }
    names[n] = NULL;
    lookup_error = 0;
    lookup_ms = 0;
    lookups_held = false;
    tried[0] = 0;
    n_tried = 0;
}

static void begin(world *w, void **state, const char *list)
{
    world_begin(w, state);
    w->sys.getaddrinfo = fake_getaddrinfo;
    w->sys.freeaddrinfo = fake_freeaddrinfo;
    w->sys.connect = fake_connect;
    set_names(list);
}

static void end(world *w)
{
    /* Threads use what a world is made of. */
    for (unsigned i = 0; i < 5000 * test_patience() && (lookups_running > 0 || lists_live > 0); i++)
        usleep(1000);
    assert_int_equal(lists_live, 0);
    world_end(w);
}

/* A server for both families, on the same port. */
typedef struct place {
    int fd[2];
    uint16_t port;
} place;

static void place_begin(place *p)
{
    for (int i = 0; i < 100; i++) {
        struct sockaddr_in6 a6 = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
        struct sockaddr_in a4 = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        socklen_t len = sizeof(a4);

        p->fd[0] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        p->fd[1] = socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        assert_int_equal(bind(p->fd[0], (struct sockaddr *)&a4, sizeof(a4)), 0);
        assert_int_equal(getsockname(p->fd[0], (struct sockaddr *)&a4, &len), 0);
        a6.sin6_port = a4.sin_port;
        p->port = ntohs(a4.sin_port);
        if (bind(p->fd[1], (struct sockaddr *)&a6, sizeof(a6)) == 0 && listen(p->fd[0], 64) == 0 &&
            listen(p->fd[1], 64) == 0)
            return;
        close(p->fd[0]);
        close(p->fd[1]);
    }
    fail_msg("no port for both families");
}

static void place_end(const place *p)
{
    close(p->fd[0]);
    close(p->fd[1]);
}

/* ----------------------------------------------------------------------------- connecting -- */

typedef struct outcome {
    wsk__connector *c;
    unsigned calls;
    wsk__connect_result r;
    char text[512];
    char peer[64];
    uint64_t at;
} outcome;

static void done(void *ud, const wsk__connect_result *result)
{
    outcome *o = ud;

    o->calls++;
    o->r = *result;
    o->at = clock_ms();
    snprintf(o->text, sizeof(o->text), "%s", result->text);
    if (result->fd >= 0) {
        wsk__peer_name(result->fd, o->peer, sizeof(o->peer));
        close(result->fd);
    }
    wsk__connector_free(o->c);
    o->c = NULL;
}

static void start(outcome *o, world *w, const char *host, uint16_t port, uint32_t delay)
{
    wsk__connect_options co = {.host = host, .port = port, .attempt_delay = delay};

    memset(o, 0, sizeof(*o));
    assert_int_equal(wsk__connector_new(&o->c, w->loop, &w->alloc.hooks, &co, done, o), WSK_OK);
    assert_int_equal(o->calls, 0);
}

static uint64_t connect_to(outcome *o, world *w, uint16_t port, uint32_t delay)
{
    uint64_t before = clock_ms();

    start(o, w, "host.test", port, delay);
    world_until(w, o->calls > 0);
    assert_int_equal(o->calls, 1);
    return o->at - before;
}

/* ---------------------------------------------------------------------------------- tests -- */

static void test_interleave(void **state)
{
    (void)state;
    static const struct {
        const char *in, *out;
    } rows[] = {
        {"", ""},           {"4", "4"},       {"6", "6"},           {"44", "44"},
        {"64", "64"},       {"46", "46"},     {"6644", "6464"},     {"4466", "4646"},
        {"66664", "64666"}, {"4666", "4666"}, {"664444", "646444"}, {"646464", "646464"},
    };

    for (size_t i = 0; i < WSK__COUNT(rows); i++) {
        wsk__addresses list;
        char got[16] = "";
        unsigned order[2] = {0, 0};

        memset(&list, 0, sizeof(list));
        for (const char *p = rows[i].in; *p != 0; p++) {
            wsk__address *a = &list.at[list.n];
            a->any.sa_family = *p == '6' ? AF_INET6 : AF_INET;
            a->v4.sin_port = (in_port_t)list.n++;
        }
        wsk__addresses_interleave(&list);
        for (size_t k = 0; k < list.n; k++) {
            bool v6 = list.at[k].any.sa_family == AF_INET6;
            got[k] = v6 ? '6' : '4';
            /* Within a family the order stays. */
            assert_true(list.at[k].v4.sin_port + 1u > order[v6]);
            order[v6] = list.at[k].v4.sin_port + 1u;
        }
        assert_string_equal(got, rows[i].out);
    }
}

/* The first address of all keeps silent: the other family is tried after the delay. */
static void test_black_hole_first(void **state)
{
    world w;
    place p;
    outcome o;

    begin(&w, state, "2001:db8::b 192.0.2.1");
    place_begin(&p);
    uint64_t took = connect_to(&o, &w, p.port, 200);
    assert_int_equal(o.r.outcome, WSK__CONNECT_OK);
    assert_string_equal(tried, " 2001:db8::b 192.0.2.1");
    assert_string_equal(o.peer, format("127.0.0.1:%u", p.port));
    /* The delay counts from the loop's clock, which a busy machine may have read well before. */
    assert_in_range(tried_at[1] - tried_at[0], 100, 2000);
    assert_true(took < 4000);
    place_end(&p);
    end(&w);
}

static void test_order(void **state)
{
    world w;
    outcome o;

    begin(&w, state,
          "2001:db8::c 2001:db8:1::c 2001:db8:2::c 192.0.2.3 192.0.3.3 2001:db8::c 192.0.2.4");
    uint64_t took = connect_to(&o, &w, 80, 5000);
    /* In turn, no address twice, and without a pause behind a failure. */
    assert_string_equal(tried, " 2001:db8::c 192.0.2.3 2001:db8:1::c 192.0.3.3 2001:db8:2::c "
                               "192.0.2.4");
    assert_true(took < 2000);
    assert_int_equal(o.r.outcome, WSK__CONNECT_REFUSED);
    assert_int_equal(o.r.err, ENETUNREACH);
    assert_string_equal(o.text, "could not connect to 192.0.2.4:80: Network is unreachable");
    end(&w);
}

/* A failure while others are waited for starts the next one at once. */
static void test_refusal_in_a_race(void **state)
{
    world w;
    place p;
    outcome o;

    begin(&w, state, "2001:db8::b 192.0.2.3 2001:db8::a");
    place_begin(&p);
    connect_to(&o, &w, p.port, 2000);
    assert_string_equal(tried, " 2001:db8::b 192.0.2.3 2001:db8::a");
    assert_true(tried_at[2] - tried_at[1] < 1700);
    assert_string_equal(o.peer, format("[::1]:%u", p.port));
    place_end(&p);
    end(&w);
}

/* Real refusals, which come later than connect(2). */
static void test_all_refuse(void **state)
{
    world w;
    outcome o;

    begin(&w, state, "192.0.2.1");
    uint16_t port = closed_port();
    w.sys.connect = wsk__sys_default.connect;
    start(&o, &w, "127.0.0.1", port, 250);
    world_until(&w, o.calls > 0);
    assert_int_equal(o.r.outcome, WSK__CONNECT_REFUSED);
    assert_int_equal(o.r.err, ECONNREFUSED);
    assert_string_equal(o.text,
                        format("could not connect to 127.0.0.1:%u: Connection refused", port));
    end(&w);
}

static void test_only_holes(void **state)
{
    wsk_client_options co = WSK_CLIENT_OPTIONS_INIT;
    world w;

    begin(&w, state, "2001:db8::b 192.0.2.2 2001:db8:1::b 192.0.3.2");
    co.connect_timeout = 2000;
    co.attempt_delay = 10;
    heard_fails(&w, &co, "ws://host.test/", WSK_FAIL_TIMEOUT,
                "timed out after 2000 ms while connecting");
    assert_int_equal(n_tried, 4);
    end(&w);
}

static void test_family(void **state)
{
    wsk_client_options co = WSK_CLIENT_OPTIONS_INIT;
    world w;

    begin(&w, state, "2001:db8::c 192.0.2.3");
    co.family = AF_INET;
    heard_fails(&w, &co, "ws://host.test:81/", WSK_FAIL_CONNECT, "192.0.2.3:81");
    assert_string_equal(tried, " 192.0.2.3");
    set_names("2001:db8::c 192.0.2.3");
    co.family = AF_INET6;
    heard_fails(&w, &co, "ws://host.test:81/", WSK_FAIL_CONNECT, "[2001:db8::c]:81");
    assert_string_equal(tried, " 2001:db8::c");
    heard_fails(&w, &co, "ws://[2001:db8::c]:82/", WSK_FAIL_CONNECT, "[2001:db8::c]:82");
    end(&w);
}

/* Whoever answers for a name cannot keep us busy. */
static void test_many_addresses(void **state)
{
    char list[2000] = "";
    world w;
    outcome o;

    for (unsigned i = 0; i < WSK__ADDRESSES_MAX + 5; i++) {
        size_t n = strlen(list);
        snprintf(list + n, sizeof(list) - n, "%s192.0.%u.3", i > 0 ? " " : "", i);
    }
    begin(&w, state, list);
    connect_to(&o, &w, 80, 250);
    assert_int_equal(n_tried, WSK__ADDRESSES_MAX);
    assert_int_equal(o.r.outcome, WSK__CONNECT_REFUSED);
    end(&w);
}

static void test_lookup_errors(void **state)
{
    static const struct {
        int error;
        const char *text;
    } rows[] = {
        {EAI_NONAME, "host.test: the name is not known"},
        {EAI_AGAIN, "host.test: the name servers cannot be reached"},
        {EAI_MEMORY, "host.test: out of memory"},
        {EAI_FAIL, "host.test: the name could not be looked up"},
    };
    world w;

    begin(&w, state, "");
    for (size_t i = 0; i < WSK__COUNT(rows); i++) {
        lookup_error = rows[i].error;
        heard_fails(&w, NULL, "ws://host.test/", WSK_FAIL_RESOLVE, rows[i].text);
    }
    lookup_error = 0; /* a list with nothing in it */
    heard_fails(&w, NULL, "ws://host.test/", WSK_FAIL_RESOLVE, "the name is not known");
    end(&w);
}

static void test_slow_lookup(void **state)
{
    wsk_client_options co = WSK_CLIENT_OPTIONS_INIT;
    world w;

    begin(&w, state, "192.0.2.1");
    lookups_held = true;
    co.connect_timeout = 30;
    heard_fails(&w, &co, "ws://host.test/", WSK_FAIL_TIMEOUT,
                "timed out after 30 ms while looking up the name");
    lookups_held = false;
    end(&w);
}

/* Freed while threads look up, with more look-ups waiting than there are threads; and the loop
 * goes before the threads do. */
static void test_lookups_cancelled(void **state)
{
    enum { N = 20 };
    outcome o[N];
    world w;

    begin(&w, state, "192.0.2.3");
    lookups = 0;
    lookup_ms = 50; /* were there more than eight, they would meet */
    lookups_held = true;
    lookups_most = 0;
    for (int i = 0; i < N; i++)
        start(&o[i], &w, "host.test", 80, 250);
    world_until(&w, lookups_running == 8);
    for (int i = 0; i < N; i += 2) {
        wsk__connector_free(o[i].c);
        o[i].c = NULL;
    }
    lookups_held = false;
    for (int i = 1; i < N; i += 2)
        world_until(&w, o[i].calls == 1);
    assert_true(lookups_most <= 8);
    assert_true(lookups < N); /* those that waited are not begun any more */
    for (int i = 0; i < N; i += 2)
        assert_int_equal(o[i].calls, 0);
    world_until(&w, lookups_running == 0);
    lookups_held = true;
    for (int i = 0; i < 3; i++)
        start(&o[i], &w, "host.test", 80, 250);
    world_until(&w, lookups_running == 3);
    for (int i = 0; i < 3; i++)
        wsk__connector_free(o[i].c);
    wsk_loop_free(w.loop);
    w.loop = NULL;
    lookups_held = false;
    end(&w);
}

static void *failing_malloc(size_t n)
{
    static unsigned calls;

    return ++calls % 2 ? NULL : malloc(n);
}

/* Memory is short when a thread has something to say. */
static void test_lookup_without_memory(void **state)
{
    world w;
    outcome o;

    begin(&w, state, "192.0.2.3");
    w.sys.malloc = failing_malloc;
    for (int i = 0; i < 8; i++) {
        start(&o, &w, i % 2 ? "host.test" : "192.0.2.3", 80, 250);
        world_until(&w, o.calls > 0);
        if (o.r.outcome == WSK__CONNECT_INTERNAL)
            assert_string_equal(o.text, "out of memory");
        else
            assert_int_equal(o.r.outcome, WSK__CONNECT_REFUSED);
    }
    end(&w);
}

/* It is we who have none, and not the host's fault. */
static void test_no_descriptors(void **state)
{
    struct rlimit usual, none;
    world w;
    outcome o;

    begin(&w, state, "192.0.2.3 2001:db8::b");
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &usual), 0);
    none = usual;
    none.rlim_cur = 0;
    for (int i = 0; i < 2; i++) {
        start(&o, &w, i == 0 ? "host.test" : "192.0.2.3", 80, 10);
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
        world_until(&w, o.calls > 0);
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &usual), 0);
        assert_int_equal(o.r.outcome, WSK__CONNECT_INTERNAL);
        assert_int_equal(o.r.err, EMFILE);
        assert_non_null(strstr(o.text, ": Too many open files"));
    }
    heard h;
    heard_connect(&h, &w, NULL, "ws+unix:/tmp/none");
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    world_until(&w, h.n[ON_FAIL] > 0);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &usual), 0);
    assert_int_equal(wsk_client_failure(h.c), WSK_FAIL_INTERNAL);
    assert_int_equal(wsk_client_errno(h.c), EMFILE);
    heard_free(&h);
    end(&w);
}

/* Freed at each stage. */
static void test_freed(void **state)
{
    world w;
    outcome o;

    begin(&w, state, "2001:db8::b 192.0.2.2");
    for (int turns = 0; turns < 12; turns++) {
        start(&o, &w, turns % 2 ? "host.test" : "192.0.2.2", 80, 10);
        for (int i = 0; i < turns; i++)
            world_turn(&w, 2);
        wsk__connector_free(o.c);
        world_turn(&w, 0);
        assert_int_equal(o.calls, 0);
    }
    end(&w);
}

static void test_unix(void **state)
{
    wsk_client_options co = WSK_CLIENT_OPTIONS_INIT;
    char path[100];
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int waiting[8], fd;
    world w;

    snprintf(path, sizeof(path), "/tmp/websock-connector-%d.sock", (int)getpid());
    unlink(path);
    begin(&w, state, "");
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    heard_fails(&w, NULL, format("ws+unix:%s", path), WSK_FAIL_CONNECT,
                format("could not connect to %s: No such file or directory", path));
    snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
    heard_fails(&w, NULL, format("ws+unix:%s", path), WSK_FAIL_CONNECT, "Connection refused");
    /* Its queue is full, then it is not. */
    assert_int_equal(listen(fd, 0), 0);
    int n = 0;
    while (n < 8) {
        waiting[n] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (connect(waiting[n++], (struct sockaddr *)&a, sizeof(a)) < 0)
            break;
    }
    assert_int_equal(errno, EAGAIN);
    co.connect_timeout = 60;
    heard_fails(&w, &co, format("ws+unix:%s", path), WSK_FAIL_TIMEOUT, "while connecting");
    heard h;
    heard_connect(&h, &w, NULL, format("ws+unix:%s", path));
    world_turn_for(&w, 30);
    assert_int_equal(wsk_client_stage(h.c), WSK_STAGE_CONNECTING);
    int got = accept(fd, NULL, NULL);
    world_until(&w, wsk_client_stage(h.c) == WSK_STAGE_HANDSHAKE);
    char peer[20];
    assert_int_equal(wsk_client_address(h.c, peer, sizeof(peer)), 4);
    assert_string_equal(peer, "unix");
    heard_free(&h);
    close(got);
    while (n > 0)
        close(waiting[--n]);
    close(fd);
    unlink(path);
    end(&w);
}

static world *failing_world;

static void connect_body(void *ud, const wsk_hooks *hooks)
{
    world *w = failing_world;
    wsk_loop_options lo = WSK_LOOP_OPTIONS_INIT;
    wsk__proxy proxy = {.kind = WSK__PROXY_SOCKS5, .port = 1};
    wsk__connect_options co = {.host = "host.test", .port = 80, .attempt_delay = 10};
    outcome o;
    wsk_loop *loop;

    proxy.host = (char *)(uintptr_t) "192.0.2.3";
    if (ud != NULL)
        co.proxy = &proxy;
    lo.io = WSK_IO_EPOLL;
    lo.hooks = hooks;
    if (wsk__loop_new_on(&loop, &lo, &w->sys) < 0)
        return;
    memset(&o, 0, sizeof(o));
    set_names("2001:db8::c 192.0.2.3");
    if (wsk__connector_new(&o.c, loop, hooks, &co, done, &o) == WSK_OK) {
        for (int i = 0; i < 2000 && o.calls == 0; i++)
            (void)wsk_loop_turn(loop, 5);
        assert_int_equal(o.calls, 1);
        assert_int_not_equal(o.r.outcome, WSK__CONNECT_OK);
    }
    wsk_loop_free(loop);
}

static void test_no_memory(void **state)
{
    world w;

    begin(&w, state, "");
    failing_world = &w;
    with_failing_alloc(connect_body, NULL);
    with_failing_alloc(connect_body, &w);
    end(&w);
}

/* Of tests for which there must be IPv6. */
#define BOTH_WITH_V6(f)                                                                            \
    {#f " (ipv6) (epoll)", f, NULL, NULL, &world_epoll},                                           \
    {                                                                                              \
#f " (ipv6) (io_uring)", f, NULL, NULL, &world_uring                                       \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_interleave),
        BOTH_WITH_V6(test_black_hole_first),
        BOTH_WITH_V6(test_order),
        BOTH_WITH_V6(test_refusal_in_a_race),
        BOTH(test_all_refuse),
        BOTH_WITH_V6(test_only_holes),
        BOTH_WITH_V6(test_family),
        BOTH(test_many_addresses),
        BOTH(test_lookup_errors),
        BOTH(test_slow_lookup),
        BOTH(test_lookups_cancelled),
        BOTH(test_lookup_without_memory),
        BOTH(test_no_descriptors),
        BOTH(test_freed),
        BOTH(test_unix),
        BOTH(test_no_memory),
    };

    /* One pattern is all there may be, and support.c has set that of io_uring. */
    if (!test_has_ipv6())
        cmocka_set_skip_filter(test_has_uring() ? "*(ipv6)*" : "*(i*");
    return cmocka_run_group_tests_name("connector", tests, dig_holes, fill_holes);
}
