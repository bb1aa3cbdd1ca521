/* SPDX-License-Identifier: MIT */
/* Certificates with their keys, and trusted certificates, from PEM files. */
#ifndef WSK_NET_TLS_CERT_H
#define WSK_NET_TLS_CERT_H

#include <openssl/ssl.h>

#include "util/mem.h"

typedef struct wsk__tls_cert {
    X509 *leaf;
    EVP_PKEY *key;
    STACK_OF(X509) * chain; /* without the leaf */
} wsk__tls_cert;

/* key_file NULL: the key is in certificate_file. WSK_ERR_TLS with a sentence, WSK_ERR_NOMEM. */
int wsk__tls_cert_load(wsk__tls_cert *ret, const wsk_hooks *hooks, const char *certificate_file,
                       const char *key_file, const char **ret_why);
/* A self-signed certificate for this machine, made in memory (tls.h says which). */
int wsk__tls_cert_make(wsk__tls_cert *ret, const wsk_hooks *hooks, const char **ret_why);
void wsk__tls_cert_clear(wsk__tls_cert *cert);
/* The certificates of a file, for trust; the caller frees the stack with its elements. */
int wsk__tls_cas_load(STACK_OF(X509) * *ret, const wsk_hooks *hooks, const char *ca_file,
                      const char **ret_why);

/* Keeps the sentence in memory of this thread, points *ret_why to it if ret_why is not NULL, and
 * logs it. Returns WSK_ERR_TLS, or WSK_ERR_NOMEM if OpenSSL's queue of errors, which is emptied,
 * says that memory was missing. */
int wsk__tls_complain(const wsk_hooks *hooks, const char **ret_why, const char *fmt, ...)
    WSK_PRINTF(3, 4);
/* The reason of the last error in OpenSSL's queue, static words. */
const char *wsk__tls_last_reason(void);
/* Empties the queue. True if memory was missing, whatever followed from that. */
bool wsk__tls_lacked_memory(void);

#endif
