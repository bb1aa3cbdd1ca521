/* SPDX-License-Identifier: MIT */
/* See tls_certs.h. Knows OpenSSL, and nothing of what is tested. */
#include "tls_certs.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

static char folder[128];

#define MUST(x)                                                                                    \
    do {                                                                                           \
        if (!(x)) {                                                                                \
            fprintf(stderr, "# %s:%d: %s\n", __FILE__, __LINE__, #x);                              \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

const char *certs_begin(void)
{
    const char *tmp = getenv("TMPDIR");

    snprintf(folder, sizeof(folder), "%.80s/websock-certs-XXXXXX", tmp != NULL ? tmp : "/tmp");
    MUST(mkdtemp(folder) != NULL);
    return folder;
}

void certs_end(void)
{
    DIR *dir = opendir(folder);
    struct dirent *e;

    MUST(dir != NULL);
    while ((e = readdir(dir)) != NULL)
        if (e->d_name[0] != '.')
            unlink(certs_path(e->d_name));
    closedir(dir);
    rmdir(folder);
}

const char *certs_path(const char *name)
{
    static char paths[8][sizeof(folder) + 64];
    static unsigned next;
    char *path = paths[next++ % 8];

    snprintf(path, sizeof(paths[0]), "%s/%.60s", folder, name);
    return path;
}

static FILE *open_named(const char *name, const char *ending, const char *mode)
{
    char full[64];

    snprintf(full, sizeof(full), "%.50s%s", name, ending);
    FILE *f = fopen(certs_path(full), mode);
    MUST(f != NULL);
    return f;
}

static void extend(X509 *x, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX ctx;

    X509V3_set_ctx_nodb(&ctx);
    X509V3_set_ctx(&ctx, issuer, x, NULL, NULL, 0);
    X509_EXTENSION *ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    MUST(ext != NULL && X509_add_ext(x, ext, -1));
    X509_EXTENSION_free(ext);
}

void certs_make(const cert_spec *spec)
{
    EVP_PKEY *key = spec->rsa_bits > 0 ? EVP_RSA_gen(spec->rsa_bits) : EVP_EC_gen("P-256");
    EVP_PKEY *issuer_key = NULL;
    X509 *x = X509_new(), *issuer = NULL;
    unsigned char serial[8];
    FILE *f;

    MUST(key != NULL && x != NULL && RAND_bytes(serial, sizeof(serial)) == 1);
    if (spec->issuer != NULL) {
        f = open_named(spec->issuer, ".pem", "r");
        MUST((issuer = PEM_read_X509(f, NULL, NULL, NULL)) != NULL);
        fclose(f);
        f = open_named(spec->issuer, ".key", "r");
        MUST((issuer_key = PEM_read_PrivateKey(f, NULL, NULL, NULL)) != NULL);
        fclose(f);
    }
    serial[0] = (unsigned char)((serial[0] & 0x3F) | 0x40);
    BIGNUM *n = BN_bin2bn(serial, sizeof(serial), NULL);
    MUST(n != NULL && BN_to_ASN1_INTEGER(n, X509_get_serialNumber(x)) != NULL);
    BN_free(n);
    MUST(X509_set_version(x, X509_VERSION_3));
    MUST(X509_gmtime_adj(X509_getm_notBefore(x), -7200));
    MUST(X509_gmtime_adj(X509_getm_notAfter(x), spec->expired ? -3600 : 86400));
    X509_NAME *name = X509_get_subject_name(x);
    MUST(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)spec->file, -1,
                                    -1, 0));
    MUST(X509_set_issuer_name(x, issuer != NULL ? X509_get_subject_name(issuer) : name));
    MUST(X509_set_pubkey(x, key));
    extend(x, issuer != NULL ? issuer : x, NID_basic_constraints,
           spec->ca ? "critical,CA:TRUE" : "critical,CA:FALSE");
    if (spec->san != NULL)
        extend(x, issuer != NULL ? issuer : x, NID_subject_alt_name, spec->san);
    MUST(X509_sign(x, issuer_key != NULL ? issuer_key : key, EVP_sha256()) > 0);

    f = open_named(spec->file, ".pem", "w");
    MUST(PEM_write_X509(f, x));
    fclose(f);
    f = open_named(spec->file, ".key", "w");
    MUST(PEM_write_PrivateKey(f, key, spec->encrypted ? EVP_aes_128_cbc() : NULL,
                              (const unsigned char *)(spec->encrypted ? "secret" : NULL),
                              spec->encrypted ? 6 : 0, NULL, NULL));
    fclose(f);
    X509_free(x);
    X509_free(issuer);
    EVP_PKEY_free(key);
    EVP_PKEY_free(issuer_key);
}

void certs_write(const char *name, const char *text)
{
    FILE *f = open_named(name, "", "w");

    MUST(fputs(text, f) >= 0 && fclose(f) == 0);
}

void certs_append(const char *from, const char *to)
{
    FILE *in = open_named(from, "", "r"), *out = open_named(to, "", "a");
    char buf[4096];
    size_t n;

    while ((n = fread(buf, 1, sizeof(buf), in)) > 0)
        MUST(fwrite(buf, 1, n, out) == n);
    fclose(in);
    MUST(fclose(out) == 0);
}

void certs_copy(const char *from, const char *to)
{
    certs_write(to, "");
    certs_append(from, to);
}
