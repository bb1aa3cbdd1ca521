/* SPDX-License-Identifier: MIT */
/*
 * Preloaded (LD_PRELOAD) into programs that run under memcheck: the calls of liburing that wait.
 * Valgrind 3.19 runs one thread at a time and takes io_uring_enter() for a call that does not
 * block: while it waits, no other thread of the program runs, and no signal comes through. So what
 * waits is poll(), on the descriptor of the ring, and io_uring_enter() only fetches what is there.
 * Completions that are put off until they are fetched would not end that poll(): they are not put
 * off. Nor does Valgrind 3.19 know epoll_pwait2(): epoll_wait() it is.
 */
#include <dlfcn.h>
#include <errno.h>
#include <liburing.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <sys/epoll.h>

/* submitted is what io_uring_submit() returned: negative where it failed. */
static int fetch(struct io_uring *ring, int submitted, const struct timespec *limit,
                 const sigset_t *set)
{
    struct pollfd p = {.fd = ring->ring_fd, .events = POLLIN};
    int n = 1, r;

    if (submitted < 0)
        return submitted;
    if (io_uring_cq_ready(ring) == 0)
        n = ppoll(&p, 1, limit, set);
    if (n < 0)
        return -errno;
    r = io_uring_submit_and_get_events(ring);
    if (r >= 0 && n == 0 && io_uring_cq_ready(ring) == 0)
        return -ETIME;
    return r < 0 ? r : submitted + r;
}

int io_uring_queue_init_params(unsigned entries, struct io_uring *ring, struct io_uring_params *p)
{
    union {
        void *symbol;
        int (*call)(unsigned, struct io_uring *, struct io_uring_params *);
    } next = {dlsym(RTLD_NEXT, __func__)};

    if ((p->flags & IORING_SETUP_DEFER_TASKRUN) != 0)
        p->flags ^= IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_COOP_TASKRUN;
    return next.call(entries, ring, p);
}

int io_uring_submit_and_wait(struct io_uring *ring, unsigned n)
{
    int r = io_uring_submit(ring);

    /* poll() tells of the first one; the loop wants no more. */
    return n == 0 ? r : fetch(ring, r, NULL, NULL);
}

int io_uring_submit_and_wait_timeout(struct io_uring *ring, struct io_uring_cqe **cqe, unsigned n,
                                     struct __kernel_timespec *ts, sigset_t *set)
{
    const struct timespec limit = {.tv_sec = (time_t)ts->tv_sec, .tv_nsec = (long)ts->tv_nsec};

    (void)n;
    int r = fetch(ring, io_uring_submit(ring), &limit, set);
    if (r >= 0)
        (void)io_uring_peek_cqe(ring, cqe);
    return r;
}

int epoll_pwait2(int fd, struct epoll_event *events, int n, const struct timespec *limit,
                 const sigset_t *set)
{
    int ms = limit == NULL ? -1 : (int)(limit->tv_sec * 1000 + (limit->tv_nsec + 999999) / 1000000);

    return epoll_pwait(fd, events, n, ms, set);
}
