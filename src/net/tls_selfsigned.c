/* SPDX-License-Identifier: MIT */
/* Makes a certificate for trying things out: no file is written, and the key leaves with the
 * process. */
#include "net/tls_cert.h"

#include <stdio.h>

#include <openssl/err.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#define DAY (24 * 60 * 60)

static bool add_extension(X509 *x, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509_EXTENSION *ext;

    X509V3_set_ctx_nodb(&ctx);
    X509V3_set_ctx(&ctx, x, x, NULL, NULL, 0);
    ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    bool ok = ext != NULL && X509_add_ext(x, ext, -1) == 1;
    X509_EXTENSION_free(ext);
    return ok;
}

static bool set_random_serial(X509 *x)
{
    /* RFC 5280 4.1.2.2: positive, at most 20 octets. Random, since browsers refuse a second
     * certificate of the same issuer with the same serial number. */
    unsigned char octets[16];
    BIGNUM *n = NULL;
    bool ok = false;

    if (RAND_bytes(octets, sizeof(octets)) == 1) {
        octets[0] = (unsigned char)((octets[0] & 0x7F) | 0x40);
        n = BN_bin2bn(octets, sizeof(octets), NULL);
        ok = n != NULL && BN_to_ASN1_INTEGER(n, X509_get_serialNumber(x)) != NULL;
    }
    BN_free(n);
    return ok;
}

static bool fill(X509 *x, EVP_PKEY *key)
{
    X509_NAME *name = X509_get_subject_name(x);

    return X509_set_version(x, X509_VERSION_3) && set_random_serial(x) &&
           /* An hour back: clocks differ. */
           X509_gmtime_adj(X509_getm_notBefore(x), -60 * 60) != NULL &&
           X509_gmtime_adj(X509_getm_notAfter(x), 30L * DAY) != NULL &&
           X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"localhost",
                                      -1, -1, 0) &&
           X509_set_issuer_name(x, name) && X509_set_pubkey(x, key) &&
           add_extension(x, NID_subject_alt_name, "DNS:localhost,IP:127.0.0.1,IP:::1") &&
           add_extension(x, NID_basic_constraints, "critical,CA:FALSE") &&
           add_extension(x, NID_key_usage, "critical,digitalSignature") &&
           add_extension(x, NID_ext_key_usage, "serverAuth") &&
           add_extension(x, NID_subject_key_identifier, "hash") &&
           X509_sign(x, key, EVP_sha256()) > 0;
}

static void log_fingerprint(const wsk_hooks *hooks, const X509 *x)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    char text[3 * EVP_MAX_MD_SIZE + 1] = "";

    if (!wsk__log_on(hooks, WSK_LOG_INFO) || !X509_digest(x, EVP_sha256(), digest, &n))
        return;
    for (unsigned i = 0; i < n; i++)
        snprintf(text + (size_t)3 * i, 4, "%02X:", digest[i]);
    if (n > 0)
        text[(size_t)3 * n - 1] = 0;
    wsk__log(hooks, WSK_LOG_INFO, "self-signed certificate for localhost, SHA-256 %s", text);
}

int wsk__tls_cert_make(wsk__tls_cert *ret, const wsk_hooks *hooks, const char **ret_why)
{
    wsk__tls_cert cert = {X509_new(), EVP_EC_gen("P-256"), sk_X509_new_null()};

    if (cert.leaf == NULL || cert.key == NULL || cert.chain == NULL || !fill(cert.leaf, cert.key)) {
        int result = wsk__tls_complain(hooks, ret_why, "cannot make a self-signed certificate: %s",
                                       wsk__tls_last_reason());
        wsk__tls_cert_clear(&cert);
        return result;
    }
    log_fingerprint(hooks, cert.leaf);
    *ret = cert;
    return 0;
}
