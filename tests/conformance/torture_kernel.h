/* SPDX-License-Identifier: MIT */
/*
 * A kernel in memory, for a whole endpoint: sockets, a listening socket, epoll, an eventfd, a
 * clock that stands until it is moved, the endpoint's memory and its mappings. It counts the calls
 * that can fail, those for memory of OpenSSL among them (torture_openssl.h), and has the one fail
 * that it is told. No descriptor is real: what src/net calls by
 * way of its table comes by tk.sys, the few calls beside it are taken over by the linker (--wrap).
 * Descriptors are never used twice in a run, so that a second close, or a call behind it, is seen.
 */
#ifndef TESTS_CONFORMANCE_TORTURE_KERNEL_H
#define TESTS_CONFORMANCE_TORTURE_KERNEL_H

#include "net/sys.h"

/* Calls that can fail. */
typedef enum tk_call {
    TK_ALLOC,  /* by way of the hooks: counted by itself */
    TK_CRYPTO, /* OpenSSL's, for the endpoint: so, too */
    TK_RECV,
    TK_SEND,
    TK_ACCEPT,
    TK_CTL, /* epoll_ctl but for EPOLL_CTL_DEL, which cannot fail on a descriptor that is there */
    TK_WAIT,
    TK_SOCKET,
    TK_CONNECT,
    TK_LOOKUP,
    TK_MALLOC, /* of look-ups and posted calls */
    TK_RANDOM,
    TK_EPOLL,
    TK_EVENTFD,
    TK_BIND,
    TK_LISTEN,
    TK_SETSOCKOPT,
    TK_GETSOCKOPT,
    TK_GETSOCKNAME,
    TK_GETPEERNAME,
    TK_SHUTDOWN,
    TK_CLOSE, /* the descriptor is gone all the same */
    TK_WOKEN, /* eventfd_read() */
    TK_MMAP,
    /* of io_uring: making the ring, its buffers, enabling it, registering its descriptor */
    TK_RING,
    TK_BUFFERS,
    TK_ENABLE,
    TK_RING_FD,
    TK_SUBMIT, /* io_uring_enter(2) that does not ask for events; TK_SHORT: one request is taken */
    TK_ENTER,  /* ... that does */
    TK_NONCE,  /* random numbers of OpenSSL, for the endpoint */
    TK_CALLS
} tk_call;

const char *tk_call_name(tk_call call);

/* Instead of an errno: one octet passes, or one request. */
#define TK_SHORT (-1)

typedef struct tk_fault {
    tk_call call;
    int err;       /* an errno, TK_SHORT; of TK_LOOKUP a code of getaddrinfo */
    uint32_t at;   /* which call from tk_arm() on, the first is 1 (allocations apart, of either
                      kind); 0: none */
    bool for_ever; /* and all behind it, of this kind */
    bool late;     /* TK_CONNECT: it is told as under way, and breaks then */
    bool often;    /* every other call of the kind, from the first on; TK_SHORT: every one */
} tk_fault;

typedef struct tk_stream_octets {
    uint8_t *at;
    size_t off, n, room;
} tk_stream_octets;

typedef enum tk_kind { TK_FREE, TK_IS_SOCKET, TK_IS_LISTENER, TK_IS_EVENT, TK_IS_EPOLL } tk_kind;

typedef struct tk_file {
    tk_kind kind;
    bool open;
    /* epoll */
    bool watched, edge;
    uint64_t edges; /* so many changes */
    uint64_t data;
    uint32_t interest;
    /* sockets, and what the other end did */
    bool bound, connecting, connected;
    bool waiting;             /* to be accepted */
    bool fin, shut;           /* the other end's, our own */
    bool dead;                /* reset: nothing passes any more */
    bool cramped;             /* a send was cut short */
    int err;                  /* to be told once */
    tk_stream_octets in, out; /* to and from the endpoint */
    uint64_t count;           /* of an eventfd */
} tk_file;

#define TK_FILES 32
#define TK_TRACE 200000

/* All of it; zeroed by tk_begin(). */
typedef struct tk_state {
    wsk__sys sys;
    wsk_hooks hooks;
    uint64_t now_us;
    tk_file file[TK_FILES];
    int n_files;
    uint64_t moved; /* octets in and out of buffers */
    long blocks;    /* of memory */
    size_t octets;
    bool inside;        /* what OpenSSL does now it does for the endpoint */
    long crypto_blocks; /* of OpenSSL, at the begin of the run */
    bool crypto_kept;   /* in the end more of them, and nothing else is wrong */
    long mappings;
    uint64_t seed;
    bool armed, spared;
    tk_fault fault;
    uint32_t allocs, crypto, calls;                                /* since armed */
    uint32_t fired;                                                /* times that something failed */
    tk_call fired_on;                                              /* the last of them */
    void (*on_fault)(void);                                        /* before it fails */
    void (*on_sent)(const tk_file *f, const void *data, size_t n); /* by the endpoint */
    bool (*ring_is_ready)(void);
    char wrong[200]; /* what must not have happened; "": nothing */
    char log[400];   /* warnings, joined */
} tk_state;

extern tk_state tk;
/* Kinds of the calls of this run, as far as there is room. */
extern uint8_t tk_trace[TK_TRACE];

void tk_begin(void);
/* Counting begins; fault may be NULL. */
void tk_arm(const tk_fault *fault);
void tk_disarm(void);
/* Frees what is left. What was not given back, or not closed, is in tk.wrong. */
void tk_end(void);
/* What OpenSSL does from here on, until it is told otherwise, is the endpoint's doing. Returns how
 * it was. */
bool tk_enter(bool inside);
void tk_wrong(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* ---- the other ends ---- */
/* A client connects to the listener there is; its file. */
int tk_knock(void);
/* The next socket that wants to connect, -1: none. It is connected then. */
int tk_answer(void);
/* Octets that fit are taken; -1: the endpoint is gone. */
long tk_write(int file, const uint8_t *data, size_t n);
/* 0: nothing there; -1: the endpoint has ended it. */
long tk_read(int file, uint8_t *buf, size_t n);
void tk_fin(int file);
/* There is something that epoll would tell now. */
bool tk_is_ready(void);
void tk_reset(int file);

/* ---- for io_uring ---- */
/* Counts the call. True if it is to fail with tk.fault.err. */
bool tk_fails(tk_call call);
/* A call that makes a descriptor; -1 with errno. */
int tk_make(tk_call call, tk_kind kind);
int tk_fd(int file);
/* NULL: there is none. */
const tk_file *tk_file_at(int fd);
/* As poll(2) would say. */
uint32_t tk_readiness(const tk_file *f);

#endif
