/* SPDX-License-Identifier: MIT */
/*
 * The other end of one of the endpoint's connections on the kernel of torture_kernel.h: plain, or
 * TLS by OpenSSL itself, which never fails here. Also the certificates and options that an endpoint
 * is made with. Knows no WebSocket.
 */
#ifndef TESTS_CONFORMANCE_TORTURE_END_H
#define TESTS_CONFORMANCE_TORTURE_END_H

#include <openssl/ssl.h>
#include <websock/tls.h>

typedef enum torture_tls {
    TORTURE_PLAIN,
    TORTURE_TLS13,
    TORTURE_TLS13_RESUMED, /* with the ticket of a connection before it */
    TORTURE_TLS12,
    TORTURE_TLS12_RESUMED,
    TORTURE_TLS_KINDS
} torture_tls;

const char *torture_tls_name(torture_tls tls);

typedef struct torture_end {
    int file; /* of the kernel */
    SSL *ssl; /* NULL: plain */
    bool ended;
} torture_end;

/* Keys and certificates, once for all runs. */
void torture_ends_init(void);
void torture_ends_deinit(void);
/* The endpoint's, in its role; not for TORTURE_PLAIN. */
int torture_tls_new(wsk_tls **ret, wsk_role role, torture_tls tls, const wsk_hooks *hooks);

/* role is this end's. before: NULL, or a client whose connection is to be resumed. */
void torture_end_begin(torture_end *e, int file, wsk_role role, torture_tls tls,
                       const torture_end *before);
/* 1: octets can flow; 0: not yet; -1: they never will. */
int torture_end_shake(torture_end *e);
/* As tk_read() and tk_write(). */
long torture_end_read(torture_end *e, uint8_t *buf, size_t n);
long torture_end_write(torture_end *e, const uint8_t *data, size_t n);
void torture_end_fin(torture_end *e);
/* The handshake was as `tls` says. */
bool torture_end_is(const torture_end *e, torture_tls tls);
void torture_end_free(torture_end *e);

#endif
