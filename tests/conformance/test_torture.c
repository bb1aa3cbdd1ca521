/* SPDX-License-Identifier: MIT */
/*
 * Every case of the suite, in both roles, on a kernel that fails: each allocation once, each
 * system call once with each of its errors, short reads and writes everywhere; over TLS some of the
 * cases, and OpenSSL's allocations, too. After each run
 * everything is given back, the program has heard of the fault as the headers say, once, and
 * another connection of the same endpoint still has its echo. The kernel and a run are
 * torture_kernel.h and torture_scene.h.
 *
 * test_torture server|client epoll|uring [tls] [whole|light] [CASE...]: "server" and "client" is
 * who is judged; "uring" is io_uring in memory (torture_uring.c). Without "whole" a part of the
 * faults is tried, for the ordinary tests; "light" leaves out the cases that move much, too.
 */
#include <errno.h>
#include <netdb.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "support.h"
#include "torture_openssl.h"
#include "torture_scene.h"
#include "util/attr.h"

/* The whole: what a case may cost until some of its calls are passed over, in units of about ten
 * microseconds. Its first calls are never passed over. */
#define BUDGET 100000
#define ALL_OF 100
/* The ordinary tests: one in so many. */
#define PART 80
/* A handshake, in those units; over TLS one in so many cases is the whole, and all kinds of
 * handshakes come in turn. */
#define HANDSHAKE  100
#define CASES_PART 40
/* ... of the ordinary tests, where OpenSSL's allocations are the most that there is. */
#define PART_TLS 10
/* Octets from which on a case is not played with an octet at a time. */
#define MANY_OCTETS 300000

/* Once each; TK_SHORT is an octet, or a request. */
static const struct {
    tk_call call;
    int err;
    bool late;
} errors[] = {
    {TK_RECV, EINTR},
    {TK_RECV, EAGAIN},
    {TK_RECV, TK_SHORT},
    {TK_RECV, ECONNRESET},
    {TK_RECV, ETIMEDOUT},
    {TK_RECV, ENOMEM},
    {TK_SEND, EINTR},
    {TK_SEND, EAGAIN},
    {TK_SEND, TK_SHORT},
    {TK_SEND, EPIPE},
    {TK_SEND, ECONNRESET},
    {TK_SEND, ENOBUFS},
    {TK_ACCEPT, EINTR},
    {TK_ACCEPT, EAGAIN},
    {TK_ACCEPT, ECONNABORTED},
    {TK_ACCEPT, EPERM},
    {TK_ACCEPT, EPROTO},
    {TK_ACCEPT, EMFILE},
    {TK_ACCEPT, ENFILE},
    {TK_ACCEPT, ENOBUFS},
    {TK_ACCEPT, ENOMEM},
    {TK_CTL, ENOMEM},
    {TK_CTL, ENOSPC},
    {TK_WAIT, EINTR},
    {TK_SOCKET, EMFILE},
    {TK_SOCKET, ENFILE},
    {TK_SOCKET, ENOBUFS},
    {TK_SOCKET, ENOMEM},
    {TK_CONNECT, EINTR},
    {TK_CONNECT, ECONNREFUSED},
    {TK_CONNECT, EAGAIN},
    {TK_CONNECT, ENETUNREACH},
    {TK_CONNECT, ECONNREFUSED, .late = true},
    {TK_CONNECT, ETIMEDOUT, .late = true},
    {TK_CONNECT, EHOSTUNREACH, .late = true},
    {TK_LOOKUP, EAI_MEMORY},
    {TK_LOOKUP, EAI_FAIL},
    {TK_MALLOC, ENOMEM},
    {TK_RANDOM, EIO},
    {TK_EPOLL, EMFILE},
    {TK_EPOLL, ENOMEM},
    {TK_EVENTFD, EMFILE},
    {TK_EVENTFD, ENOMEM},
    {TK_BIND, EADDRINUSE},
    {TK_BIND, EACCES},
    {TK_BIND, EADDRNOTAVAIL},
    {TK_LISTEN, EADDRINUSE},
    {TK_SETSOCKOPT, ENOBUFS},
    {TK_SETSOCKOPT, ENOPROTOOPT},
    {TK_GETSOCKOPT, ENOBUFS},
    {TK_GETSOCKNAME, ENOBUFS},
    {TK_GETPEERNAME, ENOBUFS},
    {TK_GETPEERNAME, ENOTCONN},
    {TK_SHUTDOWN, ENOTCONN},
    {TK_CLOSE, EINTR},
    {TK_CLOSE, EIO},
    {TK_WOKEN, EAGAIN},
    {TK_MMAP, ENOMEM},
    {TK_RING, ENOSYS},
    {TK_RING, EPERM},
    {TK_RING, EINVAL},
    {TK_RING, EMFILE},
    {TK_RING, ENOMEM},
    {TK_BUFFERS, EINVAL},
    {TK_BUFFERS, ENOMEM},
    {TK_ENABLE, EINVAL},
    {TK_RING_FD, ENOMEM},
    {TK_SUBMIT, EINTR},
    {TK_SUBMIT, EAGAIN},
    {TK_SUBMIT, EBUSY},
    {TK_SUBMIT, TK_SHORT},
    {TK_ENTER, EINTR},
    {TK_ENTER, EAGAIN},
    {TK_ENTER, EBUSY},
    {TK_ENTER, TK_SHORT},
    {TK_NONCE, EIO},
};

/* Of a whole run. */
static const tk_fault habits[] = {
    {.call = TK_RECV, .err = TK_SHORT, .at = 1, .often = true},
    {.call = TK_SEND, .err = TK_SHORT, .at = 1, .often = true},
    {.call = TK_RECV, .err = EINTR, .at = 1, .often = true},
    {.call = TK_RECV, .err = EAGAIN, .at = 1, .often = true},
    {.call = TK_SEND, .err = EINTR, .at = 1, .often = true},
    {.call = TK_SEND, .err = EAGAIN, .at = 1, .often = true},
    {.call = TK_WAIT, .err = EINTR, .at = 1, .often = true},
    {.call = TK_ENTER, .err = EINTR, .at = 1, .often = true},
    {.call = TK_ENTER, .err = EAGAIN, .at = 1, .often = true},
    {.call = TK_ENTER, .err = TK_SHORT, .at = 1, .often = true},
    {.call = TK_SUBMIT, .err = EAGAIN, .at = 1, .often = true},
    {.call = TK_SUBMIT, .err = TK_SHORT, .at = 1, .often = true},
};

static struct {
    judge_role role;
    wsk_io io;
    bool secure, whole, light;
    torture_tls tls; /* of this case */
    char **only;     /* ids of cases, or beginnings of them */
    int n_only;
    judge_table *table, *limited;
    judge_streams *streams;
    uint8_t *trace;
    torture_usual usual;
    uint64_t tried[WSK__COUNT(errors)];
    /* what it came to */
    unsigned cases, unfit, thinned;
    uint64_t runs, faults, bad;
    uint64_t told, unclear; /* want of memory of OpenSSL; and not as that */
} t;

/* --------------------------------------------------------------------------------- a run -- */

static const char *name_of_error(int err, tk_call call)
{
    if (err == TK_SHORT)
        return call == TK_SUBMIT || call == TK_ENTER ? "one request" : "one octet";
    if (call == TK_ALLOC || call == TK_CRYPTO || call == TK_MALLOC)
        return "no memory";
    return call == TK_LOOKUP ? gai_strerror(err) : strerrorname_np(err);
}

/* Plays it, and says what is wrong. */
static void play(const judge_case *c, const tk_fault *f, bool set_up, torture_result *ret)
{
    const torture_params params = {.role = t.role,
                                   .io = t.io,
                                   .tls = t.tls,
                                   .streams = t.streams,
                                   .fault = f,
                                   .set_up = set_up,
                                   .usual = &t.usual};

    torture_play(c, &params, ret);
    t.runs++;
    t.faults += ret->fired;
    t.told += f != NULL && f->call == TK_CRYPTO && !ret->good;
    t.unclear += ret->unclear;
    /* Up to the fault everything goes as it did without one. */
    if (f != NULL && f->at > 0 && !f->often && f->call != TK_ALLOC && f->call != TK_CRYPTO &&
        ret->fired == 0 && ret->wrong[0] == 0)
        snprintf(ret->wrong, sizeof(ret->wrong), "the call never came");
    if (ret->wrong[0] == 0)
        return;
    t.bad++;
    if (t.bad > 30)
        return;
    if (f == NULL)
        print_error("%s, %s: %s\n", c->id, torture_tls_name(t.tls), ret->wrong);
    else
        print_error("%s, %s, %s %u fails%s (%s): %s\n", c->id, torture_tls_name(t.tls),
                    tk_call_name(f->call), f->at,
                    f->for_ever ? " as all behind it"
                    : f->often  ? " now and then"
                    : f->late   ? " later"
                                : "",
                    name_of_error(f->err, f->call), ret->wrong);
}

/* -------------------------------------------------------------------------------- all faults -- */

/* Which of its calls are to fail. */
typedef struct steps {
    uint32_t first, dense, by;
} steps;

static steps steps_of(const judge_case *c, const torture_result *base, uint64_t n)
{
    const uint64_t cost = (t.secure ? HANDSHAKE : 10) + base->octets / 8192 +
                          (base->calls + base->allocs) / 20;
    const uint32_t part = t.secure && n != (uint64_t)base->crypto * 2 ? PART_TLS : PART;
    const uint64_t by = (n * cost + BUDGET - 1) / BUDGET;
    steps s = {.first = 1, .by = by > 1 ? (uint32_t)by : 1};

    s.dense = ALL_OF * cost < BUDGET / 100 ? ALL_OF : (uint32_t)(BUDGET / 100 / cost);
    t.thinned += by > 1;
    /* Handshakes are much the same: what one case passes over is another's. */
    if (t.whole && t.secure)
        s = (steps){.first = 1 + t.cases % s.by, .by = s.by};
    if (!t.whole) {
        const uint64_t wide = (uint64_t)part * test_stride(4) *
                              (t.secure ? 1 : (uint64_t)s.by * s.by);

        s = (steps){.first = 1 + (uint32_t)c->index * 7 % part,
                    .by = wide < 1u << 30 ? (uint32_t)wide : 1u << 30};
    }
    return s;
}

static uint32_t behind(const steps *s, uint32_t at)
{
    return at < s->dense ? at + 1 : at + s->by;
}

/* Of the endpoint's own, or OpenSSL's. */
static void fail_memory(const judge_case *c, const torture_result *base, tk_call call)
{
    const uint32_t n = call == TK_CRYPTO ? base->crypto : base->allocs;
    const steps s = steps_of(c, base, (uint64_t)n * 2);

    if (!t.whole && s.first > n)
        return; /* nothing would fail */
    for (int for_ever = 0; for_ever < 2; for_ever++) {
        torture_result r = {.fired = 1};

        /* A run that failed may ask for more than the one without a fault did. */
        for (uint32_t at = s.first; r.fired > 0; at = behind(&s, at)) {
            const tk_fault f = {.call = call, .err = ENOMEM, .at = at, .for_ever = for_ever != 0};
            play(c, &f, false, &r);
        }
    }
}

static void fail_calls(const judge_case *c, const torture_result *base, bool set_up)
{
    const uint32_t n = base->calls < TK_TRACE ? base->calls : TK_TRACE;
    const steps s = steps_of(c, base, (uint64_t)n * 5);
    torture_result r;

    memcpy(t.trace, tk_trace, n);
    for (uint32_t at = s.first; at <= n; at = behind(&s, at)) {
        for (size_t e = 0; e < WSK__COUNT(errors); e++) {
            const tk_fault f = {
                .call = errors[e].call, .err = errors[e].err, .late = errors[e].late, .at = at};

            if (errors[e].call != t.trace[at - 1])
                continue;
            play(c, &f, set_up, &r);
            t.tried[e]++;
        }
    }
}

static void fail_often(const judge_case *c, const torture_result *base)
{
    torture_result r;

    for (size_t i = 0; i < WSK__COUNT(habits); i++) {
        const bool ring = habits[i].call == TK_ENTER || habits[i].call == TK_SUBMIT;

        if (ring ? t.io != WSK_IO_URING : habits[i].call == TK_WAIT && t.io == WSK_IO_URING)
            continue;
        if (habits[i].err == TK_SHORT && !ring && base->octets > MANY_OCTETS)
            continue;
        if (t.whole || ((size_t)c->index + i) % (PART / 4 * test_stride(4)) == 0)
            play(c, &habits[i], false, &r);
    }
}

/* --------------------------------------------------------------------------------- the cases -- */

static bool is_chosen(const judge_case *c)
{
    static const char *const few[] = {"1.1.2", "2.5", "5.15", "6.3.1", "7.3.1", "12.1.1"};

    if (t.secure && t.n_only == 0 && t.whole)
        return c->index % CASES_PART == 0;
    for (size_t i = 0; i < WSK__COUNT(few) && t.secure && t.n_only == 0; i++) {
        if (strcmp(c->id, few[i]) == 0)
            return true;
    }
    if (t.secure && t.n_only == 0)
        return false;
    for (int i = 0; i < t.n_only; i++) {
        if (strncmp(c->id, t.only[i], strlen(t.only[i])) == 0)
            return true;
    }
    return t.n_only == 0;
}

/* With the endpoint's limit, where the cases are about it. 18.7 is about the default one. */
static const judge_case *case_at(size_t i)
{
    const judge_case *c = judge_table_at(t.table, i);

    if (torture_is_limited(c))
        c = judge_table_find(t.limited, c->id);
    return c;
}

static void show_progress(const judge_case *c)
{
    static time_t shown;

    if (!isatty(STDERR_FILENO) || shown == time(NULL))
        return;
    shown = time(NULL);
    fprintf(stderr, "\r\033[K%s, %s: case %s, %llu runs, %llu faults, %llu bad",
            t.role == JUDGE_ROLE_CLIENT ? "server" : "client",
            t.io == WSK_IO_URING ? "io_uring" : "epoll", c->id, (unsigned long long)t.runs,
            (unsigned long long)t.faults, (unsigned long long)t.bad);
}

static void every_case_survives(void **state)
{
    const time_t begun = time(NULL);

    (void)state;
    for (size_t i = 0; i < judge_table_count(t.table); i++) {
        const judge_case *c = case_at(i);
        torture_result base;

        if (!is_chosen(c) || !judge_case_has_role(c, t.role) || (t.light && c->weight > 0))
            continue;
        if (!torture_fits(c)) {
            t.unfit++;
            continue;
        }
        if (t.secure)
            t.tls = (torture_tls)(1 + t.cases % (TORTURE_TLS_KINDS - 1));
        t.cases++;
        show_progress(c);
        play(c, NULL, false, &base);
        if (base.wrong[0] != 0)
            continue;
        t.usual = base.usual;
        /* Over TLS few calls are made, so the first of few cases have all of their errors. */
        const bool whole = t.whole;
        t.whole = whole || (t.secure && t.cases <= 2);
        fail_calls(c, &base, false);
        t.whole = whole;
        fail_memory(c, &base, TK_ALLOC);
        fail_memory(c, &base, TK_CRYPTO);
        fail_often(c, &base);
    }
    if (isatty(STDERR_FILENO))
        fputs("\r\033[K", stderr);
    print_message("# %u cases (%u do not fit), %llu runs, %llu faults, %u times calls were passed "
                  "over, %lld s\n",
                  t.cases, t.unfit, (unsigned long long)t.runs, (unsigned long long)t.faults,
                  t.thinned, (long long)(time(NULL) - begun));
    print_message("# %llu times OpenSSL's memory was missing and that was told, %llu times as "
                  "another failure of TLS\n",
                  (unsigned long long)t.told, (unsigned long long)t.unclear);
    assert_int_equal(t.bad, 0);
    assert_true(t.cases > 0);
    assert_true(t.told > 0 || t.n_only > 0);
    assert_true(t.unclear <= t.told / 10);
}

/* What comes in neither role, or on neither backend, would be a fault of this list. */
static bool is_expected(tk_call call)
{
    switch (call) {
    case TK_ACCEPT:
    case TK_BIND:
    case TK_LISTEN:
        return t.role == JUDGE_ROLE_CLIENT;
    case TK_SOCKET: /* of a server: its listener's */
    case TK_SETSOCKOPT:
    case TK_GETSOCKNAME:
        return true;
    case TK_CONNECT:
    case TK_GETSOCKOPT:
    case TK_LOOKUP:
    case TK_MALLOC:
    case TK_RANDOM: /* masks and keys */
    case TK_WOKEN:
        return t.role == JUDGE_ROLE_SERVER;
    case TK_NONCE:
        return t.secure;
    case TK_CTL:
    case TK_WAIT:
    case TK_EPOLL:
        return t.io == WSK_IO_EPOLL;
    case TK_MMAP:
    case TK_RING:
    case TK_BUFFERS:
    case TK_ENABLE:
    case TK_RING_FD:
    case TK_SUBMIT:
    case TK_ENTER:
        return t.io == WSK_IO_URING;
    default:
        return true;
    }
}

static void every_error_was_tried(void **state)
{
    unsigned wrong = 0;

    (void)state;
    for (size_t e = 0; e < WSK__COUNT(errors) && t.n_only == 0; e++) {
        if (is_expected(errors[e].call) == (t.tried[e] > 0))
            continue;
        wrong++;
        print_error("%s (%s): %llu times\n", tk_call_name(errors[e].call),
                    name_of_error(errors[e].err, errors[e].call), (unsigned long long)t.tried[e]);
    }
    assert_int_equal(wrong, 0);
}

static void the_set_up_survives(void **state)
{
    const judge_case *c = judge_table_at(t.table, 0);
    torture_result base, r;

    (void)state;
    play(c, NULL, true, &base);
    assert_string_equal(base.wrong, "");
    assert_true(base.allocs > 0 && base.calls > 0);
    for (uint32_t at = 1; at <= base.allocs; at++) {
        const tk_fault f = {.call = TK_ALLOC, .err = ENOMEM, .at = at};
        play(c, &f, true, &r);
    }
    for (uint32_t at = 1; at <= base.crypto; at += t.whole ? 1 : PART_TLS) {
        const tk_fault f = {.call = TK_CRYPTO, .err = ENOMEM, .at = at};
        play(c, &f, true, &r);
    }
    bool whole = t.whole;
    t.whole = true;
    play(c, NULL, true, &base);
    fail_calls(c, &base, true);
    t.whole = whole;
    assert_int_equal(t.bad, 0);
}

static int set_up(void **state)
{
    (void)state;
    t.table = judge_table_new();
    t.limited = judge_table_new_limited(TORTURE_LIMIT);
    t.streams = judge_streams_new();
    t.trace = malloc(TK_TRACE);
    /* Large buffers stay in the heap: made and freed with each run. */
    mallopt(M_MMAP_THRESHOLD, 32 << 20);
    mallopt(M_TRIM_THRESHOLD, 512 << 20);
    if (t.table == NULL || t.limited == NULL || t.streams == NULL || t.trace == NULL)
        return 1;
    torture_ends_init();
    torture_warm_up(judge_table_at(t.table, 0), t.streams);
    t.tls = t.secure ? TORTURE_TLS13 : TORTURE_PLAIN;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    torture_ends_deinit();
    judge_table_free(t.table);
    judge_table_free(t.limited);
    judge_streams_free(t.streams);
    free(t.trace);
    return 0;
}

static bool has_word(const char *word)
{
    if (t.n_only == 0 || strcmp(t.only[0], word) != 0)
        return false;
    t.only++;
    t.n_only--;
    return true;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_set_up_survives),
        cmocka_unit_test(every_case_survives),
        cmocka_unit_test(every_error_was_tried),
    };

    tk_openssl_init();
    if (argc < 3)
        return 2;
#ifndef WSK_HAVE_URING
    if (strcmp(argv[2], "uring") == 0) {
        fputs("built without io_uring\n", stderr);
        return 2;
    }
#endif
    t.role = strcmp(argv[1], "client") == 0 ? JUDGE_ROLE_SERVER : JUDGE_ROLE_CLIENT;
    t.io = strcmp(argv[2], "uring") == 0 ? WSK_IO_URING : WSK_IO_EPOLL;
    t.only = argv + 3;
    t.n_only = argc - 3;
    t.secure = has_word("tls");
    t.whole = has_word("whole");
    t.light = has_word("light");
    /* Under memcheck what moves megabytes takes an hour, in calls that it has seen then. */
    t.light = t.light || (!t.whole && t.n_only == 0 && getenv("WSK_TEST_VALGRIND") != NULL);
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
