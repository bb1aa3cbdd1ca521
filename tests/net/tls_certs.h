/* SPDX-License-Identifier: MIT */
/* Certificates for tests, made anew for each run in a folder of their own: no key lies in the
 * repository. */
#ifndef TESTS_NET_TLS_CERTS_H
#define TESTS_NET_TLS_CERTS_H

#include <stdbool.h>

typedef struct cert_spec {
    const char *file;   /* name.pem; the key goes to name.key */
    const char *san;    /* "DNS:a.test,IP:127.0.0.1"; NULL: none */
    const char *issuer; /* name of the CA that signs; NULL: itself */
    bool ca;
    bool expired;
    unsigned rsa_bits; /* 0: P-256 */
    bool encrypted;    /* the key, with a passphrase */
} cert_spec;

/* Makes the folder; its path. Aborts on failure, as all of these do. */
const char *certs_begin(void);
void certs_end(void);
/* The path of a file in the folder, in one of eight buffers used in turn. */
const char *certs_path(const char *name);
void certs_make(const cert_spec *spec);
/* Files in the folder: with this text; one behind another; one over another. */
void certs_write(const char *name, const char *text);
void certs_append(const char *from, const char *to);
void certs_copy(const char *from, const char *to);

#endif
