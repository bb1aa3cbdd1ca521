/* SPDX-License-Identifier: MIT */
/*
 * The judge's sockets: TCP or Unix, with or without TLS, never blocking. One write of the caller
 * is one write here, so that what a case wants in a segment of its own goes out so. Knows no
 * WebSocket.
 */
#ifndef CONFORMANCE_TRANSPORT_H
#define CONFORMANCE_TRANSPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include <openssl/ssl.h>

typedef struct judge_address {
    struct sockaddr_storage at;
    socklen_t len;
} judge_address;

/* Fills up to n addresses. Returns how many, or 0 with a reason. */
size_t judge_resolve(const char *host, uint16_t port, const char *unix_path, judge_address *ret,
                     size_t n, const char **ret_why);

/* Raises the limit of open files as far as it goes. Returns how many connections may be there at
 * once, so that some are left for reports and the like; at least one. */
size_t judge_descriptors(void);

typedef enum judge_link_status {
    JUDGE_LINK_OK = 0,
    JUDGE_LINK_AGAIN = -1, /* wait for what judge_link_events says */
    JUDGE_LINK_LOST = -2,  /* the other side is gone, judge_link_why says how */
} judge_link_status;

typedef struct judge_link {
    int fd; /* -1: none */
    SSL *ssl;
    bool connecting, shaking, wants_write;
    const char *why;
} judge_link;

/* Sets the certificate (a chain) and its key (NULL: in the same file), or whom to trust; PEM.
 * False with a line in `why` that names the file. */
bool judge_tls_use_cert(SSL_CTX *tls, const char *cert, const char *key, char why[256]);
bool judge_tls_use_ca(SSL_CTX *tls, const char *ca, char why[256]);
/* For connections that are made: whom to trust if `verify` (NULL: whom the system does), and what
 * to show, NULL: nothing. NULL with a line in `why`. */
SSL_CTX *judge_tls_client(bool verify, const char *ca, const char *cert, const char *key,
                          char why[256]);

/* Begins a connection. `tls` NULL: none. `name`: SNI and, if `verify`, the name to be proved. */
int judge_link_connect(judge_link *l, const judge_address *a, bool no_delay, SSL_CTX *tls,
                       const char *name, bool verify);
/* Takes a connection that was accepted. */
int judge_link_accept(judge_link *l, int fd, bool no_delay, SSL_CTX *tls);
/* Goes on with connecting and the TLS handshake. OK: octets can flow. */
judge_link_status judge_link_ready(judge_link *l);
/* Octets, or a status. LOST also at the end of the stream. */
long judge_link_read(judge_link *l, void *buf, size_t n);
long judge_link_write(judge_link *l, const void *data, size_t n);
/* EPOLLIN and perhaps EPOLLOUT. */
uint32_t judge_link_events(const judge_link *l);
/* The next close resets TCP. */
void judge_link_reset(judge_link *l);
/* Less room for what is not read yet; before octets flow. */
void judge_link_narrow(judge_link *l, uint32_t octets);
/* No more will be written; the other side may still finish. */
void judge_link_finish(judge_link *l);
void judge_link_close(judge_link *l);

#endif
