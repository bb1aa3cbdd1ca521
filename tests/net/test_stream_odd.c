/* SPDX-License-Identifier: MIT */
/* What seldom happens to streams: descriptors that another process has, too, crowds that find every
 * buffer taken, and requests that the kernel does not take. */
#include "endpoint.h"
#include "net/loop_priv.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

static uint64_t ahead_us;

static uint64_t clock_ahead(void)
{
    return wsk__sys_default.clock_us() + ahead_us;
}

/* Goes on where a test says. */
static uint64_t clock_by_hand(void)
{
    return 1000000000 + ahead_us;
}

/* -------------------------------------------------------------------------------- crowds -- */

#define MANY 600

/* Many streams over pairs of sockets. */
typedef struct crowd {
    net_test t;
    int n;
    endpoint *e;
    int (*fd)[2]; /* [0] is the stream's */
} crowd;

static void crowd_init(crowd *c, void **state, int n, uint64_t (*clock)(void))
{
    test_need_files((unsigned)n * 2 + 100);
    memset(c, 0, sizeof(*c));
    net_test_init(&c->t, state);
    c->t.sys.clock_us = clock;
    c->n = n;
    c->e = calloc((size_t)n, sizeof(*c->e));
    c->fd = calloc((size_t)n, sizeof(*c->fd));
    assert_true(c->e != NULL && c->fd != NULL);
}

static void crowd_open(crowd *c)
{
    net_test_loop(&c->t);
    for (int i = 0; i < c->n; i++) {
        c->e[i].seed = 1;
        assert_true(socket_pair(c->fd[i], UNIX));
        endpoint_open(&c->e[i], c->t.loop, c->fd[i][0], NULL);
    }
    turn_for(c->t.loop, 2);
}

static void crowd_speak(const crowd *c)
{
    for (int i = 0; i < c->n; i++)
        assert_int_equal(write(c->fd[i][1], "x", 1), 1);
}

static void crowd_end(crowd *c)
{
    for (int i = 0; i < c->n; i++) {
        c->e[i].then = NULL;
        close(c->fd[i][1]);
    }
    for (int i = 0; i < c->n; i++)
        turn_until(c->t.loop, &c->e[i].closeds, 1);
    net_test_end(&c->t);
    free(c->e);
    free(c->fd);
}

/* ------------------------------------------------------------------------- standing still -- */

static unsigned unheard;

static void note_unheard(endpoint *e, unsigned callback)
{
    if (callback == IN_EXPIRED && e->received == 0)
        unheard++;
}

/* The process is stopped while it waits, or when the wait has just looked. */
static bool stop_in_wait, stop_behind_wait;
static const crowd *stopped;

static int epoll_wait_stopped(int ep, struct epoll_event *events, int max, int timeout_ms)
{
    if (stop_in_wait)
        ahead_us += 60000000;
    stop_in_wait = false;
    const int n = wsk__sys_default.epoll_wait(ep, events, max, timeout_ms);
    if (stop_behind_wait) {
        stop_behind_wait = false;
        ahead_us += 60000000;
        crowd_speak(stopped);
    }
    return n;
}

/* ... and the wait is interrupted. */
static void on_signal(int number)
{
    (void)number;
    ahead_us += 60000000;
    crowd_speak(stopped);
}

static void interrupt_soon(const crowd *c)
{
    const struct sigaction on = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND};
    const struct itimerval soon = {.it_value = {0, 20000}};

    stopped = c;
    assert_int_equal(sigaction(SIGALRM, &on, NULL), 0);
    assert_int_equal(setitimer(ITIMER_REAL, &soon, NULL), 0);
}

static void be_interrupted(wsk_loop *loop)
{
    const uint64_t before = ahead_us;

    while (ahead_us == before)
        assert_int_equal(wsk_loop_turn(loop, 5000), WSK_OK);
}

enum { BETWEEN_TURNS, WITHIN_TURN, INTERRUPTED, WAITING, BEHIND_WAIT };

static void stand_still(void *ud)
{
    (void)ud;
    ahead_us += 60000000;
}

/* A loop that stood still until all deadlines were over hears those who spoke in time before it
 * tells anybody that time is up, however many they are. */
static void test_heard_before_late(void **state)
{
    const int last = *(wsk_io *)*state == WSK_IO_EPOLL ? BEHIND_WAIT : INTERRUPTED;

    for (int way = BETWEEN_TURNS; way <= last; way++) {
        unsigned expired = 0, turns = 0;
        crowd c;

        crowd_init(&c, state, MANY, clock_ahead);
        c.t.sys.epoll_wait = epoll_wait_stopped;
        crowd_open(&c);
        unheard = 0;
        for (int i = 0; i < MANY; i++) {
            c.e[i].then = note_unheard;
            wsk__stream_set_deadline(&c.e[i].stream, wsk_loop_now(c.t.loop) + 20000);
        }
        turn_for(c.t.loop, 5);
        stopped = &c;
        if (way < INTERRUPTED || way == WAITING)
            crowd_speak(&c);
        if (way == BETWEEN_TURNS)
            stand_still(NULL);
        else if (way == WITHIN_TURN)
            assert_int_equal(wsk_loop_post(c.t.loop, stand_still, NULL), WSK_OK);
        else if (way == INTERRUPTED)
            interrupt_soon(&c);
        if (way == INTERRUPTED)
            be_interrupted(c.t.loop);
        stop_in_wait = way == WAITING;
        stop_behind_wait = way == BEHIND_WAIT;
        for (expired = 0; expired < MANY; turns++) {
            assert_true(turns < 1000);
            assert_int_equal(wsk_loop_turn(c.t.loop, 1), WSK_OK);
            expired = 0;
            for (int i = 0; i < MANY; i++)
                expired += c.e[i].expireds;
        }
        assert_int_equal(unheard, 0);
        crowd_end(&c);
    }
}

static uint64_t sent_before;
static unsigned untried;

static void note_untried(endpoint *e, unsigned callback)
{
    if (callback == IN_EXPIRED && e->sent == sent_before)
        untried++;
}

/* A peer that took all that stood in its way meanwhile is written to before its time is up. */
static void test_written_before_late(void **state)
{
    for (int within = 0; within < 2; within++) {
        static uint8_t in[1 << 20];
        crowd c;

        crowd_init(&c, state, 1, clock_ahead);
        crowd_open(&c);
        c.e[0].then = note_untried;
        untried = 0;
        endpoint_make(&c.e[0], 64 << 20);
        wsk__stream_set_deadline(&c.e[0].stream, wsk_loop_now(c.t.loop) + 20000);
        turn_for(c.t.loop, 5);
        sent_before = c.e[0].sent;
        assert_in_range(sent_before, 1, (64 << 20) - 1);
        if (within) {
            assert_int_equal(wsk_loop_post(c.t.loop, stand_still, NULL), WSK_OK);
            assert_int_equal(wsk_loop_turn(c.t.loop, 0), WSK_OK);
        }
        while (recv(c.fd[0][1], in, sizeof(in), MSG_DONTWAIT) > 0)
            continue;
        if (!within)
            stand_still(NULL);
        turn_until(c.t.loop, &c.e[0].expireds, 1);
        assert_int_equal(untried, 0);
        crowd_end(&c);
    }
}

/* More than a wait finds have spoken, and do so again and again. */
static void test_not_put_off_for_ever(void **state)
{
    /* A program with a loop of its own had nothing to do until a deadline, which did not pass over
     * it; or it did stand still, for a minute. */
    for (int stood = 0; stood < 2; stood++) {
        unsigned turns = 0;
        crowd c;

        crowd_init(&c, state, MANY, clock_by_hand);
        crowd_open(&c);
        wsk__stream_set_deadline(&c.e[0].stream, wsk_loop_now(c.t.loop) + (stood ? 20000 : 59930));
        turn_for(c.t.loop, 5);
        stand_still(NULL);
        while (c.e[0].expireds == 0) {
            crowd_speak(&c);
            assert_int_equal(wsk_loop_turn(c.t.loop, 1), WSK_OK);
            ahead_us += 1000000;
            turns++;
        }
        /* 10 s at the most. */
        assert_in_range(turns, stood ? 2 : 1, stood ? 13 : 1);
        crowd_end(&c);
    }
}

/* ------------------------------------------------------------------------------- shares -- */

enum { CROWD = 15 };

/* Has its share with the last octet of what came. */
static void use_up_share(endpoint *e, unsigned callback)
{
    if (callback != IN_RECEIVED)
        return;
    (void)wsk__stream_share_is_over(&e->stream, true);
    ahead_us += 6000;
    assert_true(wsk__stream_share_is_over(&e->stream, true));
}

static void use_up_share_and_rest(endpoint *e, unsigned callback)
{
    use_up_share(e, callback);
    if (callback == IN_RECEIVED)
        wsk__stream_resume(&e->stream);
}

/* What comes for those who had their share stays with the kernel, and in the end with the peers. */
static void test_spent_are_not_read(void **state)
{
    static const uint8_t piece[1000];
    crowd c;

    crowd_init(&c, state, CROWD, clock_ahead);
    crowd_open(&c);
    const size_t before = c.t.alloc.octets;
    for (int i = 0; i < CROWD; i++)
        c.e[i].then = use_up_share;
    for (int turns = 0; turns < 300; turns++) {
        for (int i = 0; i < CROWD; i++)
            (void)!send(c.fd[i][1], piece, sizeof(piece), MSG_DONTWAIT);
        assert_int_equal(wsk_loop_turn(c.t.loop, 0), WSK_OK);
        assert_in_range(c.t.alloc.octets - before, 0, CROWD * 20 * sizeof(piece));
    }
    crowd_end(&c);
}

/* Whoever waits for something else than his share, for room in the ring say, does not wait behind
 * those who had theirs. */
static void test_rest_behind_spent(void **state)
{
    endpoint *last;
    crowd c;

    crowd_init(&c, state, CROWD, clock_ahead);
    crowd_open(&c);
    for (int i = 0; i < CROWD - 1; i++) {
        c.e[i].then = use_up_share_and_rest;
        assert_int_equal(write(c.fd[i][1], "x", 1), 1);
    }
    for (int i = 0; i < CROWD - 1; i++)
        turn_until_octets(c.t.loop, &c.e[i].received, 1);
    last = &c.e[CROWD - 1];
    last->to_make = 10;
    wsk__loop_later(&last->stream);
    assert_int_equal(wsk_loop_turn(c.t.loop, 0), WSK_OK);
    turn_until_octets(c.t.loop, &last->sent, 10);
    assert_int_equal(c.e[CROWD - 2].expireds, 0);
    turn_until(c.t.loop, &c.e[CROWD - 2].expireds, 1);
    crowd_end(&c);
}

#ifdef WSK_HAVE_URING
#include "net/connector.h"
#include "net/loop_uring.h"
#endif

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
    enum { N = 1500 };
    net_test t;
    endpoint *e = calloc(N, sizeof(*e));
    int(*fd)[2] = calloc(N, sizeof(*fd));

    test_need_files(2 * N + 100);
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

/* ----------------------------------------------------- io_uring: requests that go nowhere -- */

#ifdef WSK_HAVE_URING
#define URING(f)                                                                                   \
    {                                                                                              \
#f " (io_uring)", f, NULL, NULL, &net_test_uring                                           \
    }

static bool refuse, deaf;

/* In place of the C library's: whoever waits for the end may miss it, see uring_ends.c. */
int shutdown(int fd, int how)
{
    static int (*real)(int, int);

    if (deaf)
        return 0;
    if (real == NULL)
        *(void **)&real = dlsym(RTLD_NEXT, "shutdown");
    return real(fd, how);
}

/* In place of liburing's. */
int io_uring_submit(struct io_uring *ring)
{
    static int (*real)(struct io_uring *);

    if (refuse)
        return -EAGAIN;
    if (real == NULL)
        *(void **)&real = dlsym(RTLD_NEXT, "io_uring_submit");
    return real(ring);
}

/* Streams of which each has a request in the queue, until there is no room for another one, as when
 * the kernel is short of memory. */
enum { FILL = 1100 };
static endpoint *filler;
static int (*filler_fd)[2];

static void filled_begin(net_test *t, void **state)
{
    test_need_files(2 * FILL + 100);
    filler = calloc(FILL, sizeof(*filler));
    filler_fd = calloc(FILL, sizeof(*filler_fd));
    for (int i = 0; i < FILL; i++)
        assert_true(socket_pair(filler_fd[i], UNIX));
    net_test_init(t, state);
    net_test_loop(t);
}

static void fill_queue(wsk_loop *loop)
{
    refuse = true;
    for (int i = 0; i < FILL; i++)
        endpoint_open(&filler[i], loop, filler_fd[i][0], NULL);
}

static void filled_end(net_test *t)
{
    for (int i = 0; i < FILL; i++)
        close(filler_fd[i][1]);
    for (int i = 0; i < FILL; i++)
        turn_until(t->loop, &filler[i].closeds, 1);
    free(filler);
    free(filler_fd);
    t->fds -= 2 * FILL;
    net_test_end(t);
}

static void test_pause_in_full_queue(void **state)
{
    static const char data[2000]; /* so little is never read in bulk */
    endpoint e = {.seed = 1};
    size_t sent = 0;
    net_test t;
    int fd[2];

    filled_begin(&t, state);
    assert_true(socket_pair(fd, UNIX));
    endpoint_open(&e, t.loop, fd[0], NULL);
    turn_for(t.loop, 2);
    fill_queue(t.loop);
    endpoint_pause(&e, true);
    refuse = false;
    for (int i = 0; i < 4000; i++) {
        ssize_t n = send(fd[1], data, sizeof(data), MSG_DONTWAIT | MSG_NOSIGNAL);

        sent += n > 0 ? (size_t)n : 0;
        assert_int_equal(wsk_loop_turn(t.loop, 0), WSK_OK);
    }
    /* What the sockets hold, and the buffers of the loop. */
    assert_true(sent < (size_t)4 << 20);
    endpoint_pause(&e, false);
    turn_until_octets(t.loop, &e.received, sent);
    close(fd[1]);
    turn_until(t.loop, &e.closeds, 1);
    filled_end(&t);
}

static void test_close_in_full_queue(void **state)
{
    endpoint e = {.seed = 1}, young = {.seed = 2};
    int fd[2], young_fd[2], other[2];
    struct pollfd peer;
    net_test t;
    char octet;

    filled_begin(&t, state);
    assert_true(socket_pair(fd, TCP4));
    assert_true(socket_pair(young_fd, TCP4));
    assert_true(socket_pair(other, UNIX));
    endpoint_open(&e, t.loop, fd[0], NULL);
    turn_for(t.loop, 2);
    endpoint_open(&young, t.loop, young_fd[0], NULL);
    fill_queue(t.loop);
    e.is_open = young.is_open = false;
    wsk__stream_close(&young.stream);
    wsk__stream_close(&e.stream);
    /* Nobody else gets the number while something that names it is queued. */
    assert_int_equal(fcntl(young_fd[0], F_GETFD), FD_CLOEXEC);
    /* The peer hears of the end, whatever the kernel takes. */
    peer = (struct pollfd){.fd = fd[1], .events = POLLIN};
    assert_int_equal(poll(&peer, 1, 5000), 1);
    assert_int_equal(read(fd[1], &octet, 1), 0);
    refuse = false;
    turn_for(t.loop, 5);
    assert_int_equal(fcntl(young_fd[0], F_GETFD), -1);
    assert_int_equal(fcntl(fd[0], F_GETFD), -1);
    /* The number is another's now: nobody may read there. */
    assert_int_equal(dup2(other[0], young_fd[0]), young_fd[0]);
    assert_int_equal(write(other[1], "x", 1), 1);
    turn_for(t.loop, 5);
    assert_int_equal(recv(other[0], &octet, 1, MSG_DONTWAIT), 1);
    close(young_fd[0]);
    close(young_fd[1]);
    close(other[0]);
    close(other[1]);
    close(fd[1]);
    filled_end(&t);
}

/* A reset of who is paused is listened for as soon as that can be asked for. */
static void test_reset_after_pause_in_full_queue(void **state)
{
    const struct linger now = {.l_onoff = 1, .l_linger = 0};
    endpoint e = {.seed = 1};
    net_test t;
    int fd[2];

    filled_begin(&t, state);
    assert_true(socket_pair(fd, TCP4));
    endpoint_open(&e, t.loop, fd[0], NULL);
    turn_for(t.loop, 2);
    fill_queue(t.loop);
    endpoint_pause(&e, true);
    assert_int_equal(wsk_loop_timeout(t.loop), 0);
    refuse = false;
    turn_for(t.loop, 2);
    assert_int_equal(setsockopt(fd[1], SOL_SOCKET, SO_LINGER, &now, sizeof(now)), 0);
    close(fd[1]);
    turn_until(t.loop, &e.losts, 1);
    assert_string_equal(e.lost_text, "connection reset by peer");
    filled_end(&t);
}

/* A socket that gets full is waited for as soon as that can be asked for. */
static void test_output_in_full_queue(void **state)
{
    const uint64_t much = 5000000;
    endpoint e = {.seed = 1}, other = {.seed = 2, .verify = true};
    net_test t;
    int fd[2];

    filled_begin(&t, state);
    assert_true(socket_pair(fd, UNIX));
    endpoint_open(&e, t.loop, fd[0], NULL);
    turn_for(t.loop, 2);
    fill_queue(t.loop);
    endpoint_make(&e, much);
    wsk__stream_flush(&e.stream);
    assert_in_range(e.sent, 1, much - 1);
    assert_int_equal(wsk_loop_timeout(t.loop), 0);
    refuse = false;
    endpoint_open(&other, t.loop, fd[1], NULL);
    turn_until_octets(t.loop, &other.checked, much);
    assert_int_equal(e.losts, 0);
    wsk__stream_close(&e.stream);
    e.is_open = false;
    turn_until(t.loop, &other.closeds, 1);
    filled_end(&t);
}

/* Whether a request is pending still. */
static bool is_pending(wsk_loop *loop, uint64_t tag)
{
    const uint64_t mine = wsk__uring_tag(WSK__REQUEST_CANCEL, 0, 1);
    wsk__uring *u = loop->io_data;
    struct io_uring_sqe *sqe = wsk__uring_request(u);

    assert_non_null(sqe);
    io_uring_prep_cancel64(sqe, tag, 0);
    sqe->user_data = mine;
    assert_true(io_uring_submit_and_get_events(&u->ring) >= 0);
    for (uint32_t i = *u->ring.cq.khead; i != *u->ring.cq.ktail; i++) {
        const struct io_uring_cqe *cqe = &u->ring.cq.cqes[i & *u->ring.cq.kring_mask];

        if (cqe->user_data == mine)
            return cqe->res != -ENOENT;
    }
    fail();
    return false;
}

/* Where the end that we make ourselves comes together with octets, the receive may miss it: it is
 * taken back as soon as the kernel takes requests again, and does not hold the socket. */
static void test_close_in_full_queue_unread(void **state)
{
    endpoint e = {.seed = 1};
    net_test t;
    int fd[2];

    filled_begin(&t, state);
    assert_true(socket_pair(fd, TCP4));
    endpoint_open(&e, t.loop, fd[0], NULL);
    assert_int_equal(write(fd[1], "x", 1), 1);
    turn_until_octets(t.loop, &e.received, 1);
    turn_for(t.loop, 2);
    const wsk__uring *u = t.loop->io_data;
    const uint64_t tag = wsk__uring_tag(WSK__REQUEST_RECV, u->files[fd[0]].generation,
                                        (uint32_t)fd[0]);
    fill_queue(t.loop);
    assert_int_equal(write(fd[1], "y", 1), 1);
    e.is_open = false;
    deaf = true;
    wsk__stream_close(&e.stream);
    deaf = false;
    assert_int_equal(wsk_loop_timeout(t.loop), 0);
    refuse = false;
    turn_for(t.loop, 5);
    assert_false(is_pending(t.loop, tag));
    close(fd[1]);
    filled_end(&t);
}

static unsigned polls, polled_streams;

/* All of them have ended, and their receives have missed it. */
static int all_ended(struct pollfd *fds, nfds_t n, int timeout_ms)
{
    (void)timeout_ms;
    polls++;
    polled_streams += (unsigned)n;
    for (nfds_t i = 0; i < n; i++)
        fds[i].revents = POLLRDHUP;
    return (int)n;
}

/* An end that is found while the kernel takes no requests is not forgotten. */
static void test_look_in_full_queue(void **state)
{
    endpoint e = {.seed = 1};
    net_test t;
    int fd[2];

    filled_begin(&t, state);
    wsk_loop_free(t.loop);
    t.sys.poll = all_ended;
    t.sys.clock_us = clock_ahead;
    polls = polled_streams = 0;
    net_test_loop(&t);
    assert_true(socket_pair(fd, UNIX));
    endpoint_open(&e, t.loop, fd[0], NULL);
    assert_int_equal(write(fd[1], "x", 1), 1);
    turn_until_octets(t.loop, &e.received, 1);
    fill_queue(t.loop);
    /* Calls that wait submit as well: what makes the time pass is called instead. */
    ahead_us += 600000;
    t.loop->now = clock_ahead() / 1000;
    wsk__timers_fire(t.loop);
    assert_int_equal(polls, 1);
    refuse = false;
    turn_for(t.loop, 2);
    ahead_us += 600000;
    turn_until(t.loop, &polls, 2);
    assert_int_equal(polled_streams, 2);
    /* The receive that was taken back is begun again, and nothing came by it. */
    ahead_us += 600000;
    turn_for(t.loop, 5);
    assert_int_equal(polls, 2);
    close(fd[1]);
    turn_until(t.loop, &e.closeds, 1);
    filled_end(&t);
}

static void never_done(void *ud, const wsk__connect_result *result)
{
    (void)ud;
    (void)result;
    fail();
}

/* A proxy that says nothing, and is given up while the watch on it cannot be taken back: it hears
 * of that. */
static void test_connector_freed_in_full_queue(void **state)
{
    char host[] = "127.0.0.1", octets[16];
    wsk__proxy proxy = {.kind = WSK__PROXY_SOCKS5H, .host = host};
    const wsk__connect_options options = {.host = "host.test", .port = 80, .proxy = &proxy};
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(a);
    struct pollfd peer = {.events = POLLIN};
    wsk__connector *c;
    net_test t;

    filled_begin(&t, state);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_true(listener >= 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&a, len), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&a, &len), 0);
    proxy.port = ntohs(a.sin_port);
    assert_int_equal(wsk__connector_new(&c, t.loop, &t.alloc.hooks, &options, never_done, NULL),
                     WSK_OK);
    const uint64_t start = clock_ms();
    do {
        assert_true(clock_ms() - start < 20000);
        assert_int_equal(wsk_loop_turn(t.loop, 1), WSK_OK);
        if (peer.fd <= 0)
            peer.fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    } while (peer.fd < 0 || recv(peer.fd, octets, sizeof(octets), MSG_DONTWAIT) <= 0);
    turn_for(t.loop, 2);
    fill_queue(t.loop);
    wsk__connector_free(c);
    assert_int_equal(poll(&peer, 1, 5000), 1);
    assert_int_equal(recv(peer.fd, octets, sizeof(octets), 0), 0);
    refuse = false;
    turn_for(t.loop, 2);
    close(peer.fd);
    close(listener);
    filled_end(&t);
}

static void fill_within(endpoint *e, unsigned callback)
{
    if (callback == IN_RECEIVED && e->received == 1)
        fill_queue(e->stream.loop);
}

static void wake(void *ud)
{
    ++*(unsigned *)ud;
}

static void never_ready(wsk__watch *w)
{
    (void)w;
    fail();
}

/* A watch that ends before the kernel has heard of it leaves nothing that names the descriptor. */
static void test_watch_ends_unheard(void **state)
{
    endpoint e = {.seed = 1};
    wsk__watch w;
    net_test t;
    int fd[2];

    net_test_init(&t, state);
    net_test_loop(&t);
    assert_true(socket_pair(fd, UNIX));
    endpoint_open(&e, t.loop, fd[0], NULL);
    turn_for(t.loop, 2);
    refuse = true;
    wsk__watch_init(&w, t.loop, fd[1], never_ready);
    assert_int_equal(wsk__watch_set(&w, false), WSK_OK);
    wsk__watch_end(&w);
    const wsk__uring *u = t.loop->io_data;
    const struct io_uring_sq *sq = &u->ring.sq;
    assert_true(io_uring_sq_ready(&u->ring) > 0);
    for (unsigned i = *sq->khead; i != sq->sqe_tail; i++)
        assert_int_not_equal(sq->sqes[i & *sq->kring_mask].fd, fd[1]);
    refuse = false;
    turn_for(t.loop, 2);
    close(fd[1]);
    turn_until(t.loop, &e.closeds, 1);
    net_test_end(&t);
}

/* A poll that could not be taken back when its stream was closed does not end with the socket, but
 * holds that: it is taken back as soon as it is heard of. */
static void test_poll_of_closed_stream(void **state)
{
    endpoint e = {.seed = 1};
    net_test t;
    int fd[2];

    net_test_init(&t, state);
    net_test_loop(&t);
    assert_true(socket_pair(fd, UNIX));
    endpoint_open(&e, t.loop, fd[0], NULL);
    turn_for(t.loop, 2);
    wsk__uring *u = t.loop->io_data;
    const struct io_uring_cqe cqe = {
        .user_data = wsk__uring_tag(WSK__REQUEST_READABLE, 1000, (uint32_t)fd[0]),
        .res = POLLIN | POLLRDHUP,
        .flags = IORING_CQE_F_MORE,
    };
    const unsigned queued = io_uring_sq_ready(&u->ring);
    wsk__uring_readable_done(u, &cqe);
    assert_int_equal(io_uring_sq_ready(&u->ring), queued + 1);
    const struct io_uring_sq *sq = &u->ring.sq;
    const struct io_uring_sqe *sqe = &sq->sqes[(sq->sqe_tail - 1) & *sq->kring_mask];
    assert_int_equal(sqe->opcode, IORING_OP_ASYNC_CANCEL);
    assert_true(sqe->addr == cqe.user_data);
    turn_for(t.loop, 2);
    close(fd[1]);
    turn_until(t.loop, &e.closeds, 1);
    net_test_end(&t);
}

static int reset_at_the_end(wsk__sys_request request, int res)
{
    return request == WSK__REQUEST_RECV && res == 0 ? -ECONNRESET : res;
}

static void pause_within(endpoint *e, unsigned callback)
{
    if (callback == IN_RECEIVED && e->received == 3)
        endpoint_pause(e, true);
}

/* Input that has to wait for a send which the kernel has not taken, and a reset behind it: all is
 * given first, to whom does not read, too: it would be gone with the socket. */
static void test_reset_behind_held_input(void **state)
{
    for (int pauses = 0; pauses < 2; pauses++) {
        endpoint e = {.seed = 1, .echo = true, .then = pauses ? pause_within : NULL};
        net_test t;
        int fd[2];

        net_test_init(&t, state);
        t.sys.result = reset_at_the_end;
        net_test_loop(&t);
        /* Each packet is a completion of its own. */
        assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fd),
                         0);
        endpoint_open(&e, t.loop, fd[0], NULL);
        turn_for(t.loop, 2);
        assert_int_equal(write(fd[1], "one", 3), 3);
        assert_int_equal(write(fd[1], "two", 3), 3);
        close(fd[1]);
        refuse = true;
        assert_int_equal(wsk_loop_turn(t.loop, 5000), WSK_OK);
        refuse = false;
        const uint64_t start = clock_ms();
        for (int i = 0; i < 5 && e.losts == 0; i++)
            assert_int_equal(wsk_loop_turn(t.loop, 10000), WSK_OK);
        assert_true(clock_ms() - start < 9000);
        assert_int_equal(e.losts, 1);
        assert_int_equal(e.received, 6);
        assert_string_equal(e.lost_text, "connection reset by peer");
        turn_until(t.loop, &e.closeds, 1);
        endpoint_free(&e);
        net_test_end(&t);
    }
}

/* Other threads can still wake the loop when the request by which it hears of them ended at a bad
 * moment. */
static void test_wake_in_full_queue(void **state)
{
    endpoint e = {.seed = 1, .then = fill_within};
    unsigned woken = 0;
    net_test t;
    int fd[2];

    filled_begin(&t, state);
    assert_true(socket_pair(fd, UNIX));
    endpoint_open(&e, t.loop, fd[0], NULL);
    turn_for(t.loop, 2);
    wsk__uring *u = t.loop->io_data;
    assert_true(wsk__uring_cancel(u, wsk__uring_tag(WSK__REQUEST_WAKE, 0, 0)));
    assert_int_equal(write(fd[1], "x", 1), 1);
    turn_until_octets(t.loop, &e.received, 1);
    /* What waits submits, and is taken: not before it hears. */
    assert_false(u->hears);
    const uint64_t start = clock_ms();
    assert_int_equal(wsk_loop_timeout(t.loop), 0);
    assert_true(t.loop->io->wait(t.loop, 10000) >= 0);
    assert_true(clock_ms() - start < 9000);
    refuse = false;
    turn_for(t.loop, 2);
    assert_int_equal(wsk_loop_post(t.loop, wake, &woken), WSK_OK);
    turn_until(t.loop, &woken, 1);
    close(fd[1]);
    turn_until(t.loop, &e.closeds, 1);
    filled_end(&t);
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(test_descriptor_kept_by_others), BOTH(test_crowd_without_buffers),
        BOTH(test_heard_before_late),         BOTH(test_not_put_off_for_ever),
        BOTH(test_written_before_late),       BOTH(test_spent_are_not_read),
        BOTH(test_rest_behind_spent),
#ifdef WSK_HAVE_URING
        URING(test_pause_in_full_queue),      URING(test_close_in_full_queue),
        URING(test_output_in_full_queue),     URING(test_reset_after_pause_in_full_queue),
        URING(test_wake_in_full_queue),       URING(test_watch_ends_unheard),
        URING(test_poll_of_closed_stream),    URING(test_close_in_full_queue_unread),
        URING(test_look_in_full_queue),       URING(test_connector_freed_in_full_queue),
        URING(test_reset_behind_held_input),
#endif
    };

    return cmocka_run_group_tests_name("stream_odd", tests, NULL, NULL);
}
