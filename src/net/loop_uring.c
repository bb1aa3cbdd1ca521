/* SPDX-License-Identifier: MIT */
/*
 * The io_uring backend (Linux 6.1 and later): multishot accept and receive into a ring of
 * provided buffers, sends queued and submitted together with the wait, so that a turn is one
 * system call.
 *
 * That is best for small messages. Large ones are better read in large pieces into one buffer
 * that is still in the cache when they are sent on, so a stream that has filled several provided
 * buffers at once, or found all of them taken, is handled as the epoll backend does it, until
 * little comes at a time again.
 *
 * Sends. A send is queued as MSG_DONTWAIT | MSG_WAITALL with success completions skipped. Such a
 * request is over when the call that submits it returns: either all octets went out and there is
 * no completion, or there is one that says how many did. So after each submission the results of
 * all sends are known; settle() tells the streams. A socket that is full is polled for room.
 *
 * Lifetimes. No request points to a stream: its user_data names the descriptor and a generation
 * that changes when the stream is closed, and completions of an older generation are dropped. A
 * stream's memory may so be freed at once. A descriptor is closed by a request too, behind the
 * cancellations, so that its number is not used anew while requests with it are still queued.
 *
 * Threads. The ring is made disabled, and enabled by the first turn, because the kernel binds it
 * to the thread that enables it.
 */
#include "net/loop_uring.h"

#include "net/loop_nest.h"

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include <poll.h>

/* Kernels post so many completions in one call, newer ones, or all that there are. */
#define BATCH 16

/* --------------------------------------------------------------------------- descriptors -- */

int wsk__uring_open_file(wsk_loop *loop, int fd, void *obj)
{
    wsk__uring *u = loop->io_data;

    if ((size_t)fd >= u->n_files) {
        size_t n = (size_t)fd + (size_t)fd / 8 + 64;
        wsk__uring_file *files = wsk__realloc(loop->hooks, u->files, n * sizeof(*files));

        if (files == NULL)
            return WSK_ERR_NOMEM;
        memset(files + u->n_files, 0, (n - u->n_files) * sizeof(*files));
        u->files = files;
        u->n_files = n;
    }
    u->files[fd].ref = (uintptr_t)obj;
    return WSK_OK;
}

wsk__uring_held *wsk__uring_take_held(wsk__uring_file *f)
{
    wsk__uring_held *last = wsk__uring_held_of(f), *first = last->next;

    if (first == last)
        f->ref = (uintptr_t)last->obj;
    else
        last->next = first->next;
    return first;
}

void wsk__uring_forget_file(wsk_loop *loop, wsk__uring_file *f)
{
    while (wsk__uring_held_of(f) != NULL)
        wsk__free(loop->hooks, wsk__uring_take_held(f));
    f->ref = 0;
    f->generation = (f->generation + 1) & 0xFFFFFF;
}

/* --------------------------------------------------------------------------- submission -- */

/* Looks for the failed sends among the new completions. Nothing else is done with those. */
static void scan(wsk__uring *u)
{
    struct io_uring_cq *cq = &u->ring.cq;
    uint32_t end = io_uring_smp_load_acquire(cq->ktail);
    uint32_t head = *cq->khead;

    if ((int32_t)(u->scanned - head) < 0)
        u->scanned = head;
    if (u->head != u->tail) {
        for (uint32_t i = u->scanned; i != end; i++) {
            const struct io_uring_cqe *cqe = &cq->cqes[i & *cq->kring_mask];
            uint32_t number = wsk__uring_number(cqe->user_data);

            if (wsk__uring_kind(cqe->user_data) != WSK__REQUEST_SEND ||
                number - u->head >= u->tail - u->head)
                continue;
            u->sends[number % WSK__URING_SENDS].failed = true;
            u->sends[number % WSK__URING_SENDS].res = cqe->res;
        }
    }
    u->scanned = end;
}

static void return_buffers(wsk__uring *u)
{
    if (u->returned > 0)
        io_uring_buf_ring_advance(u->buf_ring, (int)u->returned);
    u->returned = 0;
}

void wsk__uring_submit(wsk__uring *u)
{
    if (!u->enabled || io_uring_sq_ready(&u->ring) == 0)
        return;
    return_buffers(u);
    while (io_uring_sq_ready(&u->ring) > 0) {
        int r = io_uring_submit(&u->ring);

        if (r <= 0 && r != -EINTR)
            break;
    }
    scan(u);
}

struct io_uring_sqe *wsk__uring_request(wsk__uring *u)
{
    struct io_uring_sqe *sqe = io_uring_get_sqe(&u->ring);

    if (sqe == NULL) {
        wsk__uring_submit(u);
        sqe = io_uring_get_sqe(&u->ring);
    }
    return sqe;
}

bool wsk__uring_cancel(wsk__uring *u, uint64_t user_data)
{
    struct io_uring_sqe *sqe = wsk__uring_request(u);

    if (sqe == NULL)
        return false;
    io_uring_prep_cancel64(sqe, user_data, 0);
    sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
    sqe->user_data = wsk__uring_tag(WSK__REQUEST_CANCEL, 0, 0);
    return true;
}

/* The number may be another's when what is queued goes out: nothing of it may name that. */
static void take_back(wsk__uring *u, int fd)
{
    struct io_uring_sq *sq = &u->ring.sq;

    for (unsigned i = *sq->khead; i != sq->sqe_tail; i++) {
        struct io_uring_sqe *sqe = &sq->sqes[i & *sq->kring_mask];

        if (sqe->fd != fd)
            continue;
        io_uring_prep_nop(sqe);
        sqe->flags = IOSQE_CQE_SKIP_SUCCESS;
        sqe->user_data = wsk__uring_tag(WSK__REQUEST_CANCEL, 0, 0);
    }
}

static bool close_fd(wsk__uring *u, int fd)
{
    struct io_uring_sqe *sqe = wsk__uring_request(u);

    if (sqe == NULL)
        return false;
    io_uring_prep_close(sqe, fd);
    sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
    sqe->user_data = wsk__uring_tag(WSK__REQUEST_CANCEL, 0, 0);
    return true;
}

void wsk__uring_close_file(wsk_loop *loop, int fd, bool now)
{
    wsk__uring *u = loop->io_data;

    wsk__uring_forget_file(loop, &u->files[fd]);
    if (now && close_fd(u, fd))
        return;
    /* The peer does not wait for its end until the kernel takes requests again. */
    shutdown(fd, SHUT_RDWR);
    u->files[fd].send = u->owed;
    u->owed = (uint32_t)fd + 1;
}

/* Queues what is owed, unless the kernel still refuses. shutdown() alone is not enough: a receive
 * may miss it, see uring_ends.c, and would hold the socket as long as the loop lives. */
static void pay(wsk__uring *u)
{
    static const wsk__sys_request kinds[] = {WSK__REQUEST_RECV, WSK__REQUEST_READABLE,
                                             WSK__REQUEST_WRITABLE, WSK__REQUEST_RESET,
                                             WSK__REQUEST_ACCEPT};

    while (u->owed != 0) {
        uint32_t fd = u->owed - 1;
        const wsk__uring_file *f = &u->files[fd];

        /* Those that were not pending are not found, and nothing comes of it. */
        for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
            if (!wsk__uring_cancel(u, wsk__uring_tag(kinds[i], f->generation - 1, fd)))
                return;
        }
        if (!close_fd(u, (int)fd))
            return;
        u->owed = f->send;
    }
}

/* --------------------------------------------------------------------------- completions -- */

static int io_listen(wsk__lsock *l);

static void accept_done(wsk_loop *loop, const struct io_uring_cqe *cqe)
{
    wsk__uring *u = loop->io_data;
    wsk__uring_file *f = wsk__uring_find(u, cqe->user_data);
    int res = cqe->res;

    if (loop->sys->result != NULL) {
        res = loop->sys->result(WSK__REQUEST_ACCEPT, res);
        if (cqe->res >= 0 && res < 0)
            close(cqe->res);
    }
    if (res >= 0 && f == NULL)
        close(res);
    if (f == NULL)
        return;
    wsk__lsock *l = wsk__uring_obj(f);
    if (!(cqe->flags & IORING_CQE_F_MORE))
        l->armed = false;
    if (res >= 0) {
        wsk__listener_accepted(l, res);
        f = wsk__uring_find(u, cqe->user_data);
        if (f == NULL)
            return;
    }
    if (l->armed)
        return;
    if (res < 0 && !wsk__accept_error_is_passing(-res))
        wsk__listener_rest(l, -res);
    else if (io_listen(l) < 0)
        wsk__listener_rest(l, EAGAIN);
}

static void watch_done(wsk__uring *u, const struct io_uring_cqe *cqe)
{
    wsk__uring_file *f = wsk__uring_find(u, cqe->user_data);

    if (f == NULL)
        return;
    wsk__watch *w = wsk__uring_obj(f);
    w->armed = false;
    w->ready(w);
}

static void watch_wake(wsk_loop *loop)
{
    wsk__uring *u = loop->io_data;
    struct io_uring_sqe *sqe = wsk__uring_request(u);

    /* When the kernel takes nothing just now, the next wait tries again. */
    u->hears = sqe != NULL;
    if (sqe == NULL)
        return;
    io_uring_prep_poll_multishot(sqe, loop->wake_fd, POLLIN);
    sqe->user_data = wsk__uring_tag(WSK__REQUEST_WAKE, 0, 0);
}

static void io_dispatch(wsk_loop *loop)
{
    wsk__uring *u = loop->io_data;
    unsigned left = io_uring_cq_ready(&u->ring);
    struct io_uring_cqe cqe;

    wsk__uring_settle_all(loop);
    while (left > 0 && wsk__uring_peek(u, &cqe)) {
        io_uring_cq_advance(&u->ring, 1);
        left--;
        switch (wsk__uring_kind(cqe.user_data)) {
        case WSK__REQUEST_RECV:
            wsk__uring_recv_done(loop, &cqe, &left);
            break;
        case WSK__REQUEST_READABLE:
            wsk__uring_readable_done(u, &cqe);
            break;
        case WSK__REQUEST_RESET:
            wsk__uring_reset_done(u, &cqe);
            break;
        case WSK__REQUEST_WRITABLE:
            wsk__uring_writable_done(u, &cqe);
            break;
        case WSK__REQUEST_ACCEPT:
            accept_done(loop, &cqe);
            break;
        case WSK__REQUEST_WAKE:
            if (!(cqe.flags & IORING_CQE_F_MORE))
                watch_wake(loop);
            wsk__loop_woken(loop);
            break;
        case WSK__REQUEST_WATCH:
            watch_done(u, &cqe);
            break;
        case WSK__REQUEST_SEND: /* seen by scan() */
        case WSK__REQUEST_CANCEL:
            break;
        }
    }
}

/* ------------------------------------------------------------------------------- waiting -- */

static int enable(wsk__uring *u)
{
    /* liburing 2.3 forgets to export io_uring_enable_rings(). */
    int r = io_uring_register((unsigned)u->ring.ring_fd, IORING_REGISTER_ENABLE_RINGS, NULL, 0);

    if (r < 0) {
        errno = -r;
        return -1;
    }
    u->enabled = true;
    u->thread = pthread_self();
    /* Spares the kernel a look-up per call; it works without, too. */
    (void)io_uring_register_ring_fd(&u->ring);
    return 0;
}

static bool io_ready(const wsk_loop *loop)
{
    const wsk__uring *u = loop->io_data;

    return io_uring_cq_ready(&u->ring) > 0 || (IO_URING_READ_ONCE(*u->ring.sq.kflags) &
                                               (IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW)) != 0;
}

static bool io_queued(const wsk_loop *loop)
{
    const wsk__uring *u = loop->io_data;

    return !u->enabled || u->head != u->tail || io_uring_sq_ready(&u->ring) > 0 ||
           io_uring_cq_ready(&u->ring) > 0 || u->owed != 0 || !u->hears;
}

/* The kernel's words for it (EINVAL, EEXIST) tell nobody. */
static void note_thread(const wsk_loop *loop)
{
    const wsk__uring *u = loop->io_data;

    if (!pthread_equal(u->thread, pthread_self()))
        wsk__log(loop->hooks, WSK_LOG_ERROR,
                 "io_uring: a loop is turned by the thread of its first turn, and no other");
}

static int io_wait(wsk_loop *loop, int timeout_ms)
{
    wsk__uring *u = loop->io_data;
    struct __kernel_timespec ts = {.tv_sec = timeout_ms / 1000,
                                   .tv_nsec = (long long)(timeout_ms % 1000) * 1000000};
    struct io_uring_cqe *cqe;
    eventfd_t count;
    int r;

    if (!u->enabled && enable(u) < 0)
        return -1;
    if (!u->hears)
        watch_wake(loop);
    if (u->owed != 0)
        pay(u);
    /* The kernel may take requests again by the time it is to wait: not for good, as long as it has
     * not been told of all. */
    if (!u->hears || u->owed != 0)
        timeout_ms = 0;
    /* Before anything is looked at: what comes after that makes it readable again. */
    if (u->nest_fd >= 0)
        (void)eventfd_read(u->event_fd, &count);
    return_buffers(u);
    /* Sends that go well make no completion to wake up for. Where their owners may have more to
     * send, or are waiting to close, settling them comes before blocking; the others, which are
     * nearly all, are settled with whatever comes next. */
    if (timeout_ms == 0 || (loop->prompt && u->head != u->tail))
        r = io_uring_submit_and_get_events(&u->ring);
    else if (timeout_ms < 0)
        r = io_uring_submit_and_wait(&u->ring, 1);
    else
        r = io_uring_submit_and_wait_timeout(&u->ring, &cqe, 1, &ts, NULL);
    /* By a signal, or since the process was stopped: then nothing was looked for. */
    if (r == -EINTR)
        (void)io_uring_get_events(&u->ring);
    if (r < 0 && r != -ETIME && r != -EINTR && r != -EAGAIN && r != -EBUSY) {
        note_thread(loop);
        errno = -r;
        return -1;
    }
    scan(u);
    return (int)io_uring_cq_ready(&u->ring) + (u->head != u->tail);
}

static void io_submit(wsk_loop *loop)
{
    pay(loop->io_data);
    wsk__uring_submit(loop->io_data);
    wsk__uring_settle_all(loop);
}

/* ----------------------------------------------------------------------------- accepting -- */

static int io_listen(wsk__lsock *l)
{
    wsk__uring *u = l->loop->io_data;

    WSK_TRY(wsk__uring_open_file(l->loop, l->fd, l));
    struct io_uring_sqe *sqe = wsk__uring_request(u);
    if (sqe == NULL) {
        errno = EAGAIN;
        return WSK_ERR_SYS;
    }
    io_uring_prep_multishot_accept(sqe, l->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    sqe->user_data = wsk__uring_tag(WSK__REQUEST_ACCEPT, u->files[l->fd].generation,
                                    (uint32_t)l->fd);
    l->armed = true;
    return WSK_OK;
}

static void io_unlisten(wsk__lsock *l)
{
    wsk__uring *u = l->loop->io_data;

    /* Frees the address at once, whenever the requests go. */
    shutdown(l->fd, SHUT_RDWR);
    if ((size_t)l->fd < u->n_files && wsk__uring_obj(&u->files[l->fd]) == l)
        wsk__uring_close_file(
            l->loop, l->fd,
            !l->armed ||
                wsk__uring_cancel(u, wsk__uring_tag(WSK__REQUEST_ACCEPT, u->files[l->fd].generation,
                                                    (uint32_t)l->fd)));
    else
        close(l->fd); /* no request has named it */
    l->armed = false;
    wsk__uring_submit(u);
}

/* ------------------------------------------------------------------------------ watching -- */

static uint64_t watch_tag(const wsk__watch *w)
{
    const wsk__uring *u = w->loop->io_data;

    return wsk__uring_tag(WSK__REQUEST_WATCH, u->files[w->fd].generation, (uint32_t)w->fd);
}

static int io_watch(wsk__watch *w)
{
    wsk__uring *u = w->loop->io_data;

    if (!w->known)
        WSK_TRY(wsk__uring_open_file(w->loop, w->fd, w));
    w->known = true;
    struct io_uring_sqe *sqe = wsk__uring_request(u);
    if (sqe == NULL) {
        errno = EAGAIN;
        return WSK_ERR_SYS;
    }
    io_uring_prep_poll_add(sqe, w->fd, w->output ? POLLOUT : POLLIN);
    sqe->user_data = watch_tag(w);
    w->armed = true;
    return WSK_OK;
}

static void io_unwatch(wsk__watch *w)
{
    wsk__uring *u = w->loop->io_data;

    if (w->armed)
        wsk__uring_cancel(u, watch_tag(w));
    if (w->known)
        wsk__uring_forget_file(w->loop, &u->files[w->fd]);
    w->known = w->armed = false;
    /* The request names the descriptor's number, which may be another's before the next wait. */
    wsk__uring_submit(u);
    take_back(u, w->fd);
}

/* --------------------------------------------------------------------- making and freeing -- */

static size_t mapping_size(void)
{
    return WSK__URING_RING_SIZE + WSK__URING_BUFFERS * WSK__URING_BUFFER_SIZE;
}

static void free_parts(wsk_loop *loop, wsk__uring *u)
{
    wsk__uring_ends_free(loop, u);
    if (u->buf_ring != NULL)
        munmap(u->buf_ring, mapping_size());
    wsk__free(loop->hooks, u->arena);
    wsk__free(loop->hooks, u->bulk);
    for (size_t i = 0; i < u->n_files; i++)
        wsk__uring_forget_file(loop, &u->files[i]);
    wsk__free(loop->hooks, u->files);
    wsk__free(loop->hooks, u);
}

static int make_ring(wsk_loop *loop, wsk__uring *u)
{
    struct io_uring_params params = {.cq_entries = WSK__URING_CQ_ENTRIES};
    int r = loop->sys->uring_setup != NULL ? loop->sys->uring_setup() : 0;

    params.flags = IORING_SETUP_CQSIZE | IORING_SETUP_SUBMIT_ALL | IORING_SETUP_SINGLE_ISSUER |
                   IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_R_DISABLED;
    /* The kernel then sets a flag when a wait would not block. */
    if (loop->busy_us != 0)
        params.flags |= IORING_SETUP_TASKRUN_FLAG;
    if (r == 0)
        r = io_uring_queue_init_params(WSK__URING_SQ_ENTRIES, &u->ring, &params);
    return r;
}

/* Buffers come from mmap(2), because the kernel wants the ring on a page of its own. */
static int make_buffers(wsk__uring *u)
{
    struct io_uring_buf_reg reg = {.ring_entries = WSK__URING_BUFFERS,
                                   .bgid = WSK__URING_BUFFER_GROUP};
    void *p = mmap(NULL, mapping_size(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
                   0);

    if (p == MAP_FAILED)
        return -errno;
    u->buf_ring = p;
    u->buffers = (uint8_t *)p + WSK__URING_RING_SIZE;
    reg.ring_addr = (uintptr_t)p;
    int r = io_uring_register_buf_ring(&u->ring, &reg, 0);
    if (r < 0)
        return r;
    io_uring_buf_ring_init(u->buf_ring);
    for (unsigned i = 0; i < WSK__URING_BUFFERS; i++)
        wsk__uring_return_buffer(u, i);
    return_buffers(u);
    return 0;
}

static int io_open(wsk_loop *loop)
{
    wsk__uring *u = wsk__alloc0(loop->hooks, sizeof(*u));

    if (u == NULL)
        return WSK_ERR_NOMEM;
    u->arena = wsk__alloc(loop->hooks, WSK__URING_ARENA);
    u->bulk = wsk__alloc(loop->hooks, loop->recv_cap);
    if (u->arena == NULL || u->bulk == NULL) {
        free_parts(loop, u);
        errno = ENOMEM;
        return WSK_ERR_NOMEM;
    }
    int r = make_ring(loop, u);
    if (r == 0) {
        r = make_buffers(u);
        if (r < 0)
            io_uring_queue_exit(&u->ring);
    }
    if (r < 0) {
        free_parts(loop, u);
        errno = -r;
        return WSK_ERR_NOTSUP;
    }
    u->nest_fd = -1;
    loop->io_data = u;
    watch_wake(loop);
    return WSK_OK;
}

/* Connections that the kernel has accepted and nobody has heard of: whoever made them would wait
 * as long as this process lives. */
static void close_unheard(wsk__uring *u)
{
    struct io_uring_cqe cqe;
    int r;

    do {
        /* What is put off until it is fetched, and what the ring had no room for. */
        r = io_uring_get_events(&u->ring);
        while (wsk__uring_peek(u, &cqe)) {
            io_uring_cq_advance(&u->ring, 1);
            if (wsk__uring_kind(cqe.user_data) == WSK__REQUEST_ACCEPT && cqe.res >= 0)
                close(cqe.res);
        }
    } while (r >= 0 && wsk__uring_overflowed(u));
}

static void io_close(wsk_loop *loop)
{
    wsk__uring *u = loop->io_data;

    /* Descriptors are closed by requests. */
    if (!u->enabled)
        (void)enable(u);
    pay(u);
    wsk__uring_submit(u);
    /* Refused to a thread other than the one that ran the loop. */
    for (unsigned i = *u->ring.sq.khead; i != u->ring.sq.sqe_tail; i++) {
        const struct io_uring_sqe *sqe = &u->ring.sq.sqes[i & *u->ring.sq.kring_mask];

        if (sqe->opcode == IORING_OP_CLOSE)
            close(sqe->fd);
    }
    for (; u->owed != 0; u->owed = u->files[u->owed - 1].send)
        close((int)u->owed - 1);
    close_unheard(u);
    io_uring_queue_exit(&u->ring);
    if (u->nest_fd >= 0) {
        close(u->nest_fd);
        close(u->event_fd);
    }
    free_parts(loop, u);
}

static int nest(wsk_loop *loop)
{
    wsk__uring *u = loop->io_data;
    int event_fd, fd = wsk__nest_open(loop, &event_fd);

    if (fd >= 0 && io_uring_register_eventfd(&u->ring, event_fd) == 0) {
        u->event_fd = event_fd;
        u->nest_fd = fd;
        return fd;
    }
    if (fd >= 0) {
        close(event_fd);
        close(fd);
    }
    return u->ring.ring_fd;
}

static int io_fd(const wsk_loop *loop)
{
    const wsk__uring *u = loop->io_data;

    return u->nest_fd >= 0 ? u->nest_fd : nest((wsk_loop *)(uintptr_t)loop);
}

const wsk__io_ops wsk__io_uring = {
    .name = "io_uring",
    .open = io_open,
    .close = io_close,
    .fd = io_fd,
    .queued = io_queued,
    .wait = io_wait,
    .batch = BATCH,
    .ready = io_ready,
    .dispatch = io_dispatch,
    .submit = io_submit,
    .stream_open = wsk__uring_stream_open,
    .stream_close = wsk__uring_stream_close,
    .stream_read = wsk__uring_stream_read,
    .stream_pause = wsk__uring_stream_pause,
    .stream_block = wsk__uring_stream_block,
    .room = wsk__uring_room,
    .send = wsk__uring_send_queue,
    .send_shared = wsk__uring_send_shared,
    .clear = wsk__uring_clear,
    .settle = wsk__uring_settle,
    .scratch = wsk__uring_scratch,
    .listen = io_listen,
    .unlisten = io_unlisten,
    .watch = io_watch,
    .unwatch = io_unwatch,
};
