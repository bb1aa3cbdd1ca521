/* SPDX-License-Identifier: MIT */
/*
 * What a reload replaces as a whole: an SSL_CTX with the certificates, the names that they are
 * for, and (client) the tickets. Counted references: a session keeps the set that it began with.
 */
#ifndef WSK_NET_TLS_SET_H
#define WSK_NET_TLS_SET_H

#include <pthread.h>
#include <stdatomic.h>

#include <websock/tls.h>

#include "net/tls_cert.h"

/* A client's tickets for so many hosts and ports. */
#define WSK__TLS_TICKETS 8

typedef struct wsk__tls_name {
    char *name; /* lower case; may begin with "*." */
    size_t cert;
} wsk__tls_name;

typedef struct wsk__tls_ticket {
    char *host;
    uint16_t port;
    SSL_SESSION *session;
} wsk__tls_ticket;

typedef struct wsk__tls_set {
    atomic_uint refs;
    const wsk_hooks *hooks;
    SSL_CTX *ctx;
    wsk__tls_cert *certs; /* [0] is the default */
    size_t n_certs;
    wsk__tls_name *names; /* sorted by name, then by cert */
    size_t n_names;
    pthread_mutex_t tickets_lock;
    wsk__tls_ticket tickets[WSK__TLS_TICKETS];
    size_t next_ticket; /* to be replaced next */
} wsk__tls_set;

typedef struct wsk__tls_pair {
    char *certificate_file;
    char *key_file; /* may be NULL */
} wsk__tls_pair;

struct wsk_tls {
    atomic_uint refs;
    const wsk_hooks *hooks;
    wsk_role role;
    bool self_signed, verify, insecure, tls13_only, no_tickets;
    char *ca_file; /* may be NULL */
    char *ciphers; /* may be NULL */
    uint8_t *alpn; /* as in RFC 7301 3.1 */
    size_t alpn_len;
    wsk__tls_pair *pairs; /* the files, [0] for the default */
    size_t n_pairs;
    /* A sender changes its key when so many octets went out, 1 KiB more for each record. */
    uint64_t rekey_after;
    BIO_METHOD *bio;             /* of the sessions */
    pthread_mutex_t reload_lock; /* one reload at a time: the files read last win */
    pthread_mutex_t lock;        /* set */
    wsk__tls_set *set;
};

/* Reads all files of tls. */
int wsk__tls_set_new(wsk__tls_set **ret, const wsk_tls *tls, const char **ret_why);
/* Takes cert (also when it fails it is cleared). The set must have one owner. */
int wsk__tls_set_add(wsk__tls_set *set, wsk__tls_cert *cert, const char *certificate_file,
                     const char **ret_why);
void wsk__tls_set_unref(wsk__tls_set *set); /* NULL is fine */
/* The set in use, with a reference. */
wsk__tls_set *wsk__tls_set_get(wsk_tls *tls);

/* A client's tickets. */
void wsk__tls_ticket_keep(wsk__tls_set *set, const char *host, uint16_t port, SSL_SESSION *session);
/* The session to resume for host and port, with a reference; NULL: none. */
SSL_SESSION *wsk__tls_ticket_take(wsk__tls_set *set, const char *host, uint16_t port);

/* In tls_session.c. */
BIO_METHOD *wsk__tls_bio_new(void);
int wsk__tls_on_new_session(SSL *ssl, SSL_SESSION *session);
void wsk__tls_on_message(int write, int version, int type, const void *buf, size_t len, SSL *ssl,
                         void *arg);

#endif
