/* SPDX-License-Identifier: MIT */
/*
 * What the tests of src/net share: an owner of a stream that checks the contract of stream.h at
 * every call, makes and verifies endless pseudo-random data, echoes, and closes itself where a
 * test wants it to; pairs of connected sockets; turns with a time limit.
 */
#ifndef TESTS_NET_ENDPOINT_H
#define TESTS_NET_ENDPOINT_H

#include "support.h"

#include "net/listener.h"
#include "net/stream.h"
#include "net/sys.h"
#include "net/tls_session.h"
#include "util/attr.h"

/* Callbacks, as bits. */
enum {
    IN_RECEIVED = 1,
    IN_OUTPUT = 2,
    IN_SENT = 4,
    IN_EXPIRED = 8,
    IN_SECURED = 16,
    IN_LOST = 32,
    IN_EOF = 64,
};

typedef struct endpoint {
    wsk__stream stream; /* first */
    bool echo;          /* sends what it receives */
    bool flush;         /* ... at once, where it stands */
    bool scratch;       /* ... from wsk__loop_scratch() */
    bool quiet_eof;     /* does not close when the other side ends */
    bool verify;        /* input must be that of the generator */
    uint64_t seed;      /* of the pieces that output is cut into */
    uint64_t to_make;   /* octets of the generator yet to be sent */
    uint64_t made, checked;
    uint64_t received, sent; /* octets */
    uint64_t moved;          /* TLS: of cipher text */
    size_t left;             /* of that, on the way when last told */
    unsigned received_calls;
    uint8_t *queue; /* what an echo has yet to send */
    size_t queue_off, queue_n, queue_cap;
    const uint8_t *lent; /* octets in front of the queue that are not ours */
    size_t lent_n;
    uint8_t made_piece[8192];
    size_t asked;      /* between output and sent: octets; else 0 */
    unsigned depth;    /* callbacks that run */
    unsigned close_in; /* closes itself there */
    unsigned calls;    /* callbacks that have come */
    unsigned eofs, losts, closeds, expireds, secureds;
    unsigned received_while_paused;
    bool paused;
    bool is_open;
    char lost_text[128];
    uint64_t expired_at;
    void (*then)(struct endpoint *e, unsigned callback); /* behind each callback */
    void *ud;
} endpoint;

extern const wsk__stream_ops endpoint_ops;

/* An octet of the generator. */
uint8_t octet_at(uint64_t position);

void endpoint_open(endpoint *e, wsk_loop *loop, int fd, wsk__tls_session *tls);
void endpoint_make(endpoint *e, uint64_t n);
void endpoint_pause(endpoint *e, bool paused);
void endpoint_free(endpoint *e); /* what it has queued */

/* ---- sockets ---- */
typedef enum socket_kind { TCP4, TCP6, UNIX, KINDS } socket_kind;
/* Two connected, non-blocking sockets. False: this machine has no such sockets. */
bool socket_pair(int ret_fd[2], socket_kind kind);
int connect_to(const char *host, uint16_t port); /* non-blocking when connected; -1 */
int connect_unix(const char *path);
int count_fds(void);

/* ---- loops ---- */
typedef struct net_test {
    test_alloc alloc; /* first */
    wsk__sys sys;
    wsk_loop_options options;
    wsk_loop *loop;
    wsk_io io;
    int fds;
    char log[4096]; /* lines, each with its newline */
} net_test;

/* Prepares everything but the loop; skips where the backend of *state is not to be had. */
void net_test_init(net_test *t, void **state);
void net_test_loop(net_test *t);
/* Frees the loop; nothing may be left: no memory, no descriptor. */
void net_test_end(net_test *t);
/* Turns until *what >= least; fails after 20 s. */
void turn_until(wsk_loop *loop, const unsigned *what, unsigned least);
void turn_until_octets(wsk_loop *loop, const uint64_t *what, uint64_t least);
/* Two turns at least, the last one behind that time. */
void turn_for(wsk_loop *loop, unsigned ms);
uint64_t clock_ms(void);

extern wsk_io net_test_epoll, net_test_uring;
#define BOTH(f)                                                                                    \
    {#f " (epoll)", f, NULL, NULL, &net_test_epoll},                                               \
    {                                                                                              \
#f " (io_uring)", f, NULL, NULL, &net_test_uring                                           \
    }

#endif
