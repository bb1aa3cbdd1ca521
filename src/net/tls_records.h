/* SPDX-License-Identifier: MIT */
/*
 * The record protocol of TLS 1.3 (RFC 8446 5) behind a handshake that OpenSSL has made: a server's
 * side, from the application traffic secrets on. What OpenSSL keeps for a connection is 14 KiB,
 * most of it of use only to the handshake; keys and counters alone are 2.6 KiB. It also encrypts
 * straight from the owner's octets into the output, and decrypts straight from the input into the
 * owner's room, which OpenSSL does by way of a buffer of its own. The cryptography is OpenSSL's.
 */
#ifndef WSK_NET_TLS_RECORDS_H
#define WSK_NET_TLS_RECORDS_H

#include <openssl/ssl.h>

#include "net/tls_session.h"

/* RFC 8446 5.1. */
#define WSK__TLS_RECORD_TEXT 16384

/* Records and messages that bring no data, in a row: key updates, tickets, empty records. A peer
 * has no reason for more than a few, and could have keys derived for ever by 30 octets each. */
#define WSK__TLS_MAX_IDLE 64

/* The longest hash of a TLS 1.3 cipher, SHA-384. */
#define WSK__TLS_SECRET 48

typedef struct wsk__tls_records wsk__tls_records;

typedef struct wsk__tls_secrets {
    uint8_t read[WSK__TLS_SECRET], write[WSK__TLS_SECRET];
    size_t read_len, write_len; /* 0: not known */
} wsk__tls_secrets;

/* write_seq: how many records OpenSSL has sent under the write secret. WSK_ERR_NOTSUP for a cipher
 * that is not known here, WSK_ERR_NOMEM. */
int wsk__tls_records_new(wsk__tls_records **ret, const wsk_hooks *hooks, const SSL_CIPHER *cipher,
                         const wsk__tls_secrets *secrets, uint64_t write_seq);
void wsk__tls_records_free(wsk__tls_records *r); /* NULL is fine */

/* As in tls_session.h. On WSK__TLS_FAILED *ret_why is static words. */
wsk__tls_result wsk__tls_records_read(wsk__tls_records *r, const uint8_t *in, size_t n,
                                      size_t *ret_used, uint8_t *plain, size_t cap, size_t *ret_n,
                                      wsk__tls_out *out, const char **ret_why);
/* rekey: change the key before. */
wsk__tls_result wsk__tls_records_write(wsk__tls_records *r, const uint8_t *plain, size_t n,
                                       bool rekey, wsk__tls_out *out, const char **ret_why);
void wsk__tls_records_shutdown(wsk__tls_records *r, wsk__tls_out *out);

#endif
