/* SPDX-License-Identifier: MIT */
/*
 * Where "websock bench" connects to and how: the URL taken apart, addresses of both ends, the
 * request of the opening handshake, TLS. Makes sockets; waits for nothing but the resolver.
 */
#ifndef CLI_BENCH_TARGET_H
#define CLI_BENCH_TARGET_H

#include <sys/socket.h>

#include <websock/tls.h>

#include "http/handshake.h"
#include "http/url.h"

typedef struct bench_target {
    wsk__url url;
    struct sockaddr_storage address;
    socklen_t address_len;
    /* Addresses to connect from, in turn; none: the kernel's choice. */
    struct sockaddr_storage *sources;
    uint32_t n_sources;
    uint32_t next_source;
    wsk_tls *tls; /* NULL: plain */
    char *request;
    size_t request_len;
    size_t key_at; /* where the key stands in it */
    bool deflate;  /* it is offered */
    bool raw;      /* tcp: no handshake, and octets come back as they were sent */
} bench_target;

typedef struct bench_target_options {
    const char *url;
    const char *source; /* "127.0.0.1,127.0.1.0/24" or NULL */
    const char *ca_file;
    bool insecure;
    bool deflate;
} bench_target_options;

/* 0, or an exit code after a message. */
int bench_target_init(bench_target *target, const bench_target_options *options);
void bench_target_deinit(bench_target *target);

/* A socket that connects, or -1 and errno. */
int bench_target_socket(bench_target *target);

/*
 * Judges the head of a response to the request with this key. NULL: in order, and *ret_alone says
 * whether the server wants messages compressed on their own, *ret_takeover whether it refers to
 * earlier ones itself. Else what is wrong with it, static.
 */
const char *bench_target_judge(const bench_target *target, const wsk__head *head,
                               const char key[WSK__KEY_LEN + 1], bool *ret_alone,
                               bool *ret_takeover);

#endif
