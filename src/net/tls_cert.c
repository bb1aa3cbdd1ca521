/* SPDX-License-Identifier: MIT */
/* Reads certificates and keys. Knows files and PEM, and neither connections nor policy. */
#include "net/tls_cert.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

/* A bundle of all public authorities has 250 KiB. The limit stops a mistake such as a device file,
 * which would be read for ever. */
#define MAX_FILE ((size_t)4 << 20)

int wsk__tls_complain(const wsk_hooks *hooks, const char **ret_why, const char *fmt, ...)
{
    static _Thread_local char sentence[512];
    const bool no_memory = wsk__tls_lacked_memory();
    va_list args;

    va_start(args, fmt);
    vsnprintf(sentence, sizeof(sentence), fmt, args);
    va_end(args);
    if (no_memory) {
        size_t n = strlen(sentence);
        snprintf(sentence + n, sizeof(sentence) - n, " (out of memory)");
    }
    wsk__log(hooks, WSK_LOG_ERROR, "%s", sentence);
    if (ret_why != NULL)
        *ret_why = sentence;
    return no_memory ? WSK_ERR_NOMEM : WSK_ERR_TLS;
}

bool wsk__tls_lacked_memory(void)
{
    unsigned long e;
    bool found = false;

    /* What gave up for want of memory is not the last to say so: its callers have reasons of their
     * own, such as that there is no cipher in common. */
    while ((e = ERR_get_error()) != 0)
        found = found || ERR_GET_REASON(e) == ERR_R_MALLOC_FAILURE;
    return found;
}

const char *wsk__tls_last_reason(void)
{
    const char *words = ERR_reason_error_string(ERR_peek_last_error());

    return words != NULL ? words : "unknown reason";
}

typedef struct pem_file {
    const wsk_hooks *hooks;
    const char *kind; /* for the sentences */
    const char *path;
    const char **ret_why;
    char *data;
    size_t len;
    BIO *bio;
} pem_file;

static void pem_close(pem_file *f)
{
    BIO_free(f->bio);
    f->bio = NULL;
    if (f->data != NULL) {
        /* It may hold a private key. */
        OPENSSL_cleanse(f->data, f->len);
        wsk__free(f->hooks, f->data);
        f->data = NULL;
    }
}

static int pem_unreadable(pem_file *f, const char *reason)
{
    return wsk__tls_complain(f->hooks, f->ret_why, "cannot read %s '%s': %s", f->kind, f->path,
                             reason);
}

/* The file as a whole, so that a certificate and a key in one file are of one version. */
static int pem_open(pem_file *f)
{
    FILE *in = fopen(f->path, "rbe");
    size_t room = 0;
    int result = 0;

    if (in == NULL)
        return pem_unreadable(f, strerror(errno));
    /* Without stdio's buffer no copy of a key stays behind in freed memory. */
    setvbuf(in, NULL, _IONBF, 0);
    for (;;) {
        if (f->len == room) {
            char *more = room < MAX_FILE ? wsk__alloc(f->hooks, room ? room * 2 : 8192) : NULL;
            if (more == NULL) {
                result = room < MAX_FILE ? WSK_ERR_NOMEM : pem_unreadable(f, "it is too large");
                break;
            }
            if (room > 0) {
                memcpy(more, f->data, f->len);
                OPENSSL_cleanse(f->data, f->len);
                wsk__free(f->hooks, f->data);
            }
            f->data = more;
            room = room ? room * 2 : 8192;
        }
        size_t n = fread(f->data + f->len, 1, room - f->len, in);
        f->len += n;
        if (n == 0) {
            if (ferror(in))
                result = pem_unreadable(f, strerror(errno));
            break;
        }
    }
    fclose(in);
    if (result == 0) {
        f->bio = BIO_new_mem_buf(f->data, (int)f->len);
        if (f->bio == NULL)
            result = WSK_ERR_NOMEM;
    }
    if (result < 0)
        pem_close(f);
    return result;
}

/* All certificates of the file, in its order. */
static int pem_certificates(pem_file *f, STACK_OF(X509) * *ret)
{
    STACK_OF(X509) *list = sk_X509_new_null();
    X509 *x;

    if (list == NULL)
        return WSK_ERR_NOMEM;
    ERR_clear_error();
    while ((x = PEM_read_bio_X509(f->bio, NULL, NULL, NULL)) != NULL) {
        if (!sk_X509_push(list, x)) {
            X509_free(x);
            sk_X509_pop_free(list, X509_free);
            return WSK_ERR_NOMEM;
        }
    }
    if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE) {
        sk_X509_pop_free(list, X509_free);
        return wsk__tls_complain(f->hooks, f->ret_why, "%s '%s' is damaged: %s", f->kind, f->path,
                                 wsk__tls_last_reason());
    }
    ERR_clear_error();
    if (sk_X509_num(list) == 0) {
        sk_X509_free(list);
        return wsk__tls_complain(f->hooks, f->ret_why, "%s '%s' holds no certificate in PEM",
                                 f->kind, f->path);
    }
    *ret = list;
    return 0;
}

/* A server must not stop to ask on the terminal. */
static int no_passphrase(char *buf, int size, int writing, void *asked)
{
    (void)buf;
    (void)size;
    (void)writing;
    *(bool *)asked = true;
    return -1;
}

/* `hint`: where else the key may be. */
static int pem_key(pem_file *f, const char *hint, EVP_PKEY **ret)
{
    bool asked = false;
    EVP_PKEY *key;

    ERR_clear_error();
    (void)BIO_reset(f->bio);
    key = PEM_read_bio_PrivateKey(f->bio, NULL, no_passphrase, &asked);
    if (key == NULL && asked)
        return wsk__tls_complain(f->hooks, f->ret_why,
                                 "the key in %s '%s' is encrypted: give one without a passphrase",
                                 f->kind, f->path);
    if (key == NULL)
        return wsk__tls_complain(f->hooks, f->ret_why, "%s '%s' holds no private key in PEM%s (%s)",
                                 f->kind, f->path, hint, wsk__tls_last_reason());
    /* Older blocks that were skipped leave their errors. */
    ERR_clear_error();
    *ret = key;
    return 0;
}

int wsk__tls_cert_load(wsk__tls_cert *ret, const wsk_hooks *hooks, const char *certificate_file,
                       const char *key_file, const char **ret_why)
{
    pem_file certs = {hooks, "certificate file", certificate_file, ret_why, NULL, 0, NULL};
    pem_file keys = {hooks, "key file", key_file, ret_why, NULL, 0, NULL};
    wsk__tls_cert cert = {NULL, NULL, NULL};
    int result;

    WSK_TRY(pem_open(&certs));
    result = pem_certificates(&certs, &cert.chain);
    if (result == 0)
        cert.leaf = sk_X509_shift(cert.chain);
    if (result == 0 && key_file == NULL)
        result = pem_key(&certs, ", and no file for it was named", &cert.key);
    pem_close(&certs);
    if (result == 0 && key_file != NULL) {
        result = pem_open(&keys);
        if (result == 0)
            result = pem_key(&keys, "", &cert.key);
        pem_close(&keys);
    }
    if (result == 0 && !X509_check_private_key(cert.leaf, cert.key)) {
        if (key_file != NULL)
            result = wsk__tls_complain(hooks, ret_why,
                                       "key file '%s' does not belong to certificate file '%s'",
                                       key_file, certificate_file);
        else
            result = wsk__tls_complain(hooks, ret_why,
                                       "the key in '%s' does not belong to its first certificate",
                                       certificate_file);
    }
    if (result < 0) {
        wsk__tls_cert_clear(&cert);
        return result;
    }
    if (X509_cmp_current_time(X509_get0_notAfter(cert.leaf)) < 0)
        wsk__log(hooks, WSK_LOG_WARN, "certificate file '%s' has expired: peers will refuse it",
                 certificate_file);
    *ret = cert;
    return 0;
}

void wsk__tls_cert_clear(wsk__tls_cert *cert)
{
    X509_free(cert->leaf);
    EVP_PKEY_free(cert->key);
    sk_X509_pop_free(cert->chain, X509_free);
    memset(cert, 0, sizeof(*cert));
}

int wsk__tls_cas_load(STACK_OF(X509) * *ret, const wsk_hooks *hooks, const char *ca_file,
                      const char **ret_why)
{
    pem_file f = {hooks, "CA file", ca_file, ret_why, NULL, 0, NULL};
    int result;

    WSK_TRY(pem_open(&f));
    result = pem_certificates(&f, ret);
    pem_close(&f);
    return result;
}
