/* SPDX-License-Identifier: MIT */
/*
 * What the kernel allows: an echo of octets without any protocol, over io_uring. It knows nothing
 * of WebSocket and shares nothing with the library.
 *
 *     raw_uring PORT [SIZE]
 *
 * Multishot receive into a small ring of provided buffers (of 4 KiB, or of 64 KiB if messages of
 * more than 4 KiB are announced), sends that are tried within the call that waits, and no
 * completion for those that succeed.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <liburing.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ENTRIES = 4096, GROUP = 1, BUFFERS_MAX = 256 };
enum { OP_ACCEPT, OP_RECV, OP_SEND, OP_REST }; /* bits 0..1 of the user data */

/* A connection is found by its descriptor. What a short send left waits in `rest`, and what comes
 * meanwhile behind it. */
typedef struct connection {
    uint8_t *rest;
    size_t n_rest, room, sending; /* the first `sending` octets are on their way */
    uint64_t round;               /* in which a send was queued last */
} connection;

static struct io_uring ring;
static struct io_uring_buf_ring *provided;
static uint8_t *memory;
static unsigned n_buffers, buffer_size;
static connection *connections;
static unsigned n_connections;
/* Buffers with octets that were sent; they are free when the sends that failed are known. */
static unsigned short lent[BUFFERS_MAX], given[BUFFERS_MAX];
static unsigned n_lent;
static uint64_t this_round;
/* Connections whose rest waits until it is known what became of a send before it. */
static int held[BUFFERS_MAX];
static unsigned n_held;
static bool large;

static _Noreturn void die(const char *what, int e)
{
    fprintf(stderr, "raw_uring: %s: %s\n", what, strerror(e));
    exit(1);
}

static struct io_uring_sqe *next_sqe(void)
{
    struct io_uring_sqe *s = io_uring_get_sqe(&ring);

    while (s == NULL) {
        io_uring_submit(&ring);
        s = io_uring_get_sqe(&ring);
    }
    return s;
}

/* Which operation, of which descriptor, from which buffer, how many octets. */
static uint64_t tag(unsigned op, int fd, unsigned buffer, size_t len)
{
    return op | (uint64_t)(unsigned)fd << 2 | (uint64_t)buffer << 26 | (uint64_t)len << 42;
}

static void arm_accept(int listener)
{
    struct io_uring_sqe *s = next_sqe();

    io_uring_prep_multishot_accept(s, listener, NULL, NULL, SOCK_CLOEXEC);
    s->user_data = tag(OP_ACCEPT, 0, 0, 0);
}

static void arm_recv(int fd)
{
    struct io_uring_sqe *s = next_sqe();

    io_uring_prep_recv_multishot(s, fd, NULL, 0, 0);
    s->flags |= IOSQE_BUFFER_SELECT;
    s->buf_group = GROUP;
    s->user_data = tag(OP_RECV, fd, 0, 0);
}

static void send_rest(int fd)
{
    connection *c = &connections[fd];
    struct io_uring_sqe *s = next_sqe();

    c->sending = c->n_rest;
    io_uring_prep_send(s, fd, c->rest, c->n_rest, MSG_NOSIGNAL | MSG_WAITALL);
    s->user_data = tag(OP_REST, fd, 0, 0);
}

/* Makes n octets part of the rest, behind what is there or before it. */
static void keep(int fd, const uint8_t *p, size_t n, bool before)
{
    connection *c = &connections[fd];

    /* What is on its way must stay where it is, so that there is room for all beforehand. */
    if (c->n_rest + n > c->room) {
        if (c->sending > 0)
            die("a client that does not read", ENOBUFS);
        c->room = (c->n_rest + n) * 2 + (32u << 20);
        uint8_t *larger = realloc(c->rest, c->room);
        if (larger == NULL)
            die("realloc", ENOMEM);
        c->rest = larger;
    }
    if (before)
        memmove(c->rest + n, c->rest, c->n_rest);
    memcpy(before ? c->rest : c->rest + c->n_rest, p, n);
    c->n_rest += n;
}

static void drop(int fd)
{
    connection *c = &connections[fd];

    free(c->rest);
    memset(c, 0, sizeof(*c));
    close(fd);
}

static void on_accept(const struct io_uring_cqe *e, int listener)
{
    int on = 1;

    if (e->res >= 0) {
        if ((unsigned)e->res >= n_connections)
            die("accept", EMFILE);
        setsockopt(e->res, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        arm_recv(e->res);
    }
    if (!(e->flags & IORING_CQE_F_MORE))
        arm_accept(listener);
}

static void give_back(int fd, unsigned buffer, const uint8_t *p, size_t n)
{
    connection *c = &connections[fd];

    if (c->n_rest > 0) {
        keep(fd, p, n, false);
    } else if (large) {
        /* Of large messages much is here at once, and much of it is too much for the socket. */
        ssize_t sent = send(fd, p, n, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0 && errno != EAGAIN)
            return; /* the receive ends, too */
        sent = sent < 0 ? 0 : sent;
        if ((size_t)sent < n) {
            keep(fd, p + sent, n - (size_t)sent, false);
            send_rest(fd);
        }
    } else if (c->round == this_round) {
        /* It must not overtake a first one that falls short. */
        keep(fd, p, n, false);
        held[n_held++] = fd;
    } else {
        struct io_uring_sqe *s = next_sqe();
        io_uring_prep_send(s, fd, p, n, MSG_NOSIGNAL | MSG_DONTWAIT | MSG_WAITALL);
        s->flags |= IOSQE_CQE_SKIP_SUCCESS;
        s->user_data = tag(OP_SEND, fd, buffer, n);
        c->round = this_round;
    }
}

static void on_recv(const struct io_uring_cqe *e, int fd)
{
    connection *c = &connections[fd];

    if (e->res > 0) {
        unsigned short buffer = (unsigned short)(e->flags >> IORING_CQE_BUFFER_SHIFT);
        uint8_t *p = memory + (size_t)buffer * buffer_size;
        give_back(fd, buffer, p, (size_t)e->res);
        lent[n_lent++] = buffer;
    } else if (e->res != -ENOBUFS) {
        if (c->sending == 0)
            drop(fd);
        else
            shutdown(fd, SHUT_RDWR);
        return;
    }
    if (!(e->flags & IORING_CQE_F_MORE))
        arm_recv(fd);
}

/* A send that did not take all. */
static void on_short_send(const struct io_uring_cqe *e, int fd)
{
    unsigned buffer = (unsigned)(e->user_data >> 26) & 0xffff;
    size_t len = (size_t)(e->user_data >> 42), sent = e->res > 0 ? (size_t)e->res : 0;

    if (e->res < 0 && e->res != -EAGAIN)
        return; /* the receive ends, too */
    keep(fd, memory + (size_t)buffer * buffer_size + sent, len - sent, true);
    if (connections[fd].n_rest == len - sent)
        send_rest(fd);
}

static void on_rest(const struct io_uring_cqe *e, int fd)
{
    connection *c = &connections[fd];
    size_t sent = e->res > 0 ? (size_t)e->res : 0;

    c->sending = 0;
    if (e->res <= 0) {
        c->n_rest = 0;
        shutdown(fd, SHUT_RDWR);
        return;
    }
    c->n_rest -= sent;
    if (c->n_rest > 0) {
        memmove(c->rest, c->rest + sent, c->n_rest);
        send_rest(fd);
    }
}

static void give(const unsigned short *buffers, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        io_uring_buf_ring_add(provided, memory + (size_t)buffers[i] * buffer_size, buffer_size,
                              buffers[i], io_uring_buf_ring_mask(n_buffers), (int)i);
    io_uring_buf_ring_advance(provided, (int)n);
}

static void set_up(size_t message)
{
    struct io_uring_params p = {.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |
                                         IORING_SETUP_CQSIZE,
                                .cq_entries = ENTRIES * 8};
    struct rlimit files;
    int e = io_uring_queue_init_params(ENTRIES, &ring, &p);

    if (e < 0)
        die("io_uring", -e);
    io_uring_register_ring_fd(&ring);
    large = message > 4096;
    buffer_size = large ? 65536 : 4096;
    n_buffers = large ? 16 : BUFFERS_MAX;
    if (posix_memalign((void **)&memory, 4096, (size_t)n_buffers * buffer_size) != 0)
        die("buffers", ENOMEM);
    size_t len = n_buffers * sizeof(struct io_uring_buf);
    if (posix_memalign((void **)&provided, 4096, len) != 0)
        die("buffers", ENOMEM);
    memset(provided, 0, len);
    struct io_uring_buf_reg reg = {
        .ring_addr = (uintptr_t)provided, .ring_entries = n_buffers, .bgid = GROUP};
    e = io_uring_register_buf_ring(&ring, &reg, 0);
    if (e < 0)
        die("provided buffers", -e);
    io_uring_buf_ring_init(provided);
    for (unsigned i = 0; i < n_buffers; i++)
        given[i] = (unsigned short)i;
    give(given, n_buffers);
    if (getrlimit(RLIMIT_NOFILE, &files) < 0)
        die("getrlimit", errno);
    files.rlim_cur = files.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &files);
    n_connections = files.rlim_cur < 1000000 ? (unsigned)files.rlim_cur : 1000000;
    connections = calloc(n_connections, sizeof(*connections));
    if (connections == NULL)
        die("connections", ENOMEM);
}

static int listen_at(unsigned port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

    a.sin_port = htons((uint16_t)port);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(listener, (struct sockaddr *)&a, sizeof(a)) < 0 || listen(listener, 4096) < 0)
        die("listen", errno);
    return listener;
}

static void on_completion(const struct io_uring_cqe *e, int listener)
{
    int fd = (int)(e->user_data >> 2 & 0xffffff);

    switch (e->user_data & 3) {
    case OP_ACCEPT:
        on_accept(e, listener);
        break;
    case OP_RECV:
        on_recv(e, fd);
        break;
    case OP_SEND:
        on_short_send(e, fd);
        break;
    default:
        on_rest(e, fd);
        break;
    }
}

int main(int argc, char **argv)
{
    struct io_uring_cqe *e;
    unsigned head, n;

    if (argc < 2) {
        fprintf(stderr, "usage: raw_uring PORT [SIZE]\n");
        return 2;
    }
    set_up(argc > 2 ? strtoul(argv[2], NULL, 10) : 0);
    int listener = listen_at((unsigned)strtoul(argv[1], NULL, 10));
    arm_accept(listener);
    for (;;) {
        int r = io_uring_submit_and_wait(&ring, 1);
        if (r < 0 && r != -EINTR)
            die("io_uring", -r);
        /* The sends of the last round were tried; those that failed are in this one. */
        unsigned n_given = n_lent, n_ready = n_held;
        memcpy(given, lent, n_given * sizeof(lent[0]));
        n_lent = n = 0;
        this_round++;
        io_uring_for_each_cqe(&ring, head, e)
        {
            on_completion(e, listener);
            n++;
        }
        io_uring_cq_advance(&ring, n);
        for (unsigned i = 0; i < n_ready; i++) {
            connection *c = &connections[held[i]];
            if (c->n_rest > 0 && c->sending == 0)
                send_rest(held[i]);
        }
        n_held -= n_ready;
        memmove(held, held + n_ready, n_held * sizeof(held[0]));
        if (n_given > 0)
            give(given, n_given);
    }
}
