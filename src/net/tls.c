/* SPDX-License-Identifier: MIT */
/* The public object wsk_tls: owns the options and the set of certificates in use, and replaces
 * that set as a whole. Knows no connection. */
#include <websock/tls.h>

#include <string.h>

#include <openssl/err.h>

#include "net/tls_set.h"
#include "util/option_struct.h"
#include "util/strs.h"

/* RFC 8446 5.5 allows 2^24.5 records of full size under one AES-GCM key; 16 GiB are far below. */
#define REKEY_AFTER ((uint64_t)1 << 34)

/* A copy of s, NULL for NULL. False: out of memory. */
static bool copy_string(char **ret, const wsk_hooks *hooks, const char *s)
{
    *ret = s != NULL ? wsk__strndup(hooks, s, strlen(s)) : NULL;
    return s == NULL || *ret != NULL;
}

static void clear_pair(const wsk_hooks *hooks, wsk__tls_pair *p)
{
    wsk__free(hooks, p->certificate_file);
    wsk__free(hooks, p->key_file);
}

static void destroy(wsk_tls *tls)
{
    const wsk_hooks *hooks = tls->hooks;

    wsk__tls_set_unref(tls->set);
    for (size_t i = 0; i < tls->n_pairs; i++)
        clear_pair(hooks, &tls->pairs[i]);
    wsk__free(hooks, tls->pairs);
    wsk__free(hooks, tls->ca_file);
    wsk__free(hooks, tls->ciphers);
    wsk__free(hooks, tls->alpn);
    BIO_meth_free(tls->bio);
    pthread_mutex_destroy(&tls->lock);
    pthread_mutex_destroy(&tls->reload_lock);
    wsk__free(hooks, tls);
}

static int add_pair(wsk_tls *tls, const char *certificate_file, const char *key_file)
{
    wsk__tls_pair *more = wsk__realloc(tls->hooks, tls->pairs, (tls->n_pairs + 1) * sizeof(*more));
    wsk__tls_pair pair = {NULL, NULL};

    if (more == NULL)
        return WSK_ERR_NOMEM;
    tls->pairs = more;
    if (!copy_string(&pair.certificate_file, tls->hooks, certificate_file) ||
        !copy_string(&pair.key_file, tls->hooks, key_file)) {
        clear_pair(tls->hooks, &pair);
        return WSK_ERR_NOMEM;
    }
    tls->pairs[tls->n_pairs++] = pair;
    return 0;
}

/* The list of RFC 7301 3.1: each name behind one octet of length. */
static int set_alpn(wsk_tls *tls, const char *const *names)
{
    static const char *const standard[] = {"http/1.1", NULL};
    size_t total = 0;
    uint8_t *p;

    if (names == NULL)
        names = standard;
    for (size_t i = 0; names[i] != NULL; i++) {
        size_t n = strlen(names[i]);
        if (n == 0 || n > 255)
            return WSK_ERR_INVAL;
        total += n + 1;
    }
    if (total == 0 || total > UINT16_MAX)
        return WSK_ERR_INVAL;
    p = tls->alpn = wsk__alloc(tls->hooks, total);
    if (p == NULL)
        return WSK_ERR_NOMEM;
    for (size_t i = 0; names[i] != NULL; i++) {
        size_t n = strlen(names[i]);
        *p++ = (uint8_t)n;
        memcpy(p, names[i], n);
        p += n;
    }
    tls->alpn_len = total;
    return 0;
}

/* NULL, or what is wrong with the options. */
static const char *check(const wsk_tls_options *o)
{
    bool server = o->role == WSK_ROLE_SERVER;

    if (!server && o->role != WSK_ROLE_CLIENT)
        return "TLS options: role is required";
    if (server && o->certificate_file == NULL && !o->self_signed)
        return "a TLS server needs a certificate file, or a self-signed certificate";
    if (o->certificate_file != NULL && o->self_signed)
        return "TLS options: certificate_file and self_signed exclude each other";
    if (o->certificate_file == NULL && o->key_file != NULL)
        return "TLS options: key_file needs a certificate_file";
    if (!server && o->self_signed)
        return "TLS options: self_signed is for servers";
    if (server && o->verify && o->ca_file == NULL)
        return "to require client certificates a TLS server needs a CA file";
    if (server && o->insecure)
        return "TLS options: insecure is for clients";
    return NULL;
}

int wsk_tls_new(wsk_tls **ret, const wsk_tls_options *options, const char **ret_why)
{
    wsk_tls_options o = WSK_TLS_OPTIONS_INIT;
    const char *wrong;
    wsk_tls *tls;
    int result;

    if (ret == NULL || options == NULL)
        return WSK_ERR_INVAL;
    if (!wsk__options_take(&o, sizeof(o), options, options->size)) {
        wsk__tls_complain(NULL, ret_why, "TLS options: %s", WSK__NO_SIZE);
        return WSK_ERR_INVAL;
    }
    if (!wsk__hooks_fit(o.hooks)) {
        wsk__tls_complain(NULL, ret_why, "TLS options: %s", WSK__BAD_HOOKS);
        return WSK_ERR_INVAL;
    }
    wrong = check(&o);
    if (wrong != NULL) {
        wsk__tls_complain(o.hooks, ret_why, "%s", wrong);
        return WSK_ERR_INVAL;
    }
    tls = wsk__alloc0(o.hooks, sizeof(*tls));
    if (tls == NULL) {
        wsk__tls_complain(o.hooks, ret_why, "out of memory");
        return WSK_ERR_NOMEM;
    }
    atomic_init(&tls->refs, 1);
    pthread_mutex_init(&tls->lock, NULL);
    pthread_mutex_init(&tls->reload_lock, NULL);
    tls->hooks = o.hooks;
    tls->role = o.role;
    tls->self_signed = o.self_signed;
    tls->verify = o.verify;
    tls->insecure = o.insecure;
    tls->tls13_only = o.tls13_only;
    tls->no_tickets = o.no_tickets;
    tls->rekey_after = REKEY_AFTER;
    tls->bio = wsk__tls_bio_new();
    result = tls->bio != NULL && copy_string(&tls->ca_file, o.hooks, o.ca_file) &&
                     copy_string(&tls->ciphers, o.hooks, o.ciphers)
                 ? 0
                 : WSK_ERR_NOMEM;
    if (result == 0)
        result = set_alpn(tls, o.alpn);
    if (result == 0 && o.certificate_file != NULL)
        result = add_pair(tls, o.certificate_file, o.key_file);
    if (result == WSK_ERR_NOMEM)
        wsk__tls_complain(o.hooks, ret_why, "out of memory");
    else if (result == WSK_ERR_INVAL)
        wsk__tls_complain(o.hooks, ret_why, "TLS options: alpn is not a list of protocol names");
    else
        result = wsk__tls_set_new(&tls->set, tls, ret_why);
    if (result < 0) {
        destroy(tls);
        return result;
    }
    *ret = tls;
    return 0;
}

int wsk_tls_add_certificate(wsk_tls *tls, const char *certificate_file, const char *key_file,
                            const char **ret_why)
{
    wsk__tls_cert cert;
    int result;

    if (tls == NULL || certificate_file == NULL || tls->role != WSK_ROLE_SERVER)
        return WSK_ERR_INVAL;
    /* Sessions read the set without a lock. */
    if (atomic_load(&tls->set->refs) != 1) {
        wsk__tls_complain(tls->hooks, ret_why, "certificates are added before connections");
        return WSK_ERR_STATE;
    }
    WSK_TRY(wsk__tls_cert_load(&cert, tls->hooks, certificate_file, key_file, ret_why));
    result = add_pair(tls, certificate_file, key_file);
    if (result < 0) {
        wsk__tls_complain(tls->hooks, ret_why, "out of memory");
        wsk__tls_cert_clear(&cert);
        return result;
    }
    result = wsk__tls_set_add(tls->set, &cert, certificate_file, ret_why);
    if (result < 0)
        clear_pair(tls->hooks, &tls->pairs[--tls->n_pairs]);
    return result;
}

int wsk_tls_reload(wsk_tls *tls, const char **ret_why)
{
    wsk__tls_set *fresh, *old = NULL;
    int result;

    if (tls == NULL)
        return WSK_ERR_INVAL;
    /* The new set has new keys for its tickets, and no tickets: who was trusted by the old files
     * must not come back by resumption. */
    pthread_mutex_lock(&tls->reload_lock);
    result = wsk__tls_set_new(&fresh, tls, ret_why);
    if (result == 0) {
        pthread_mutex_lock(&tls->lock);
        old = tls->set;
        tls->set = fresh;
        pthread_mutex_unlock(&tls->lock);
    }
    pthread_mutex_unlock(&tls->reload_lock);
    wsk__tls_set_unref(old);
    return result;
}

wsk_tls *wsk_tls_ref(wsk_tls *tls)
{
    atomic_fetch_add_explicit(&tls->refs, 1, memory_order_relaxed);
    return tls;
}

void wsk_tls_unref(wsk_tls *tls)
{
    if (tls != NULL && atomic_fetch_sub_explicit(&tls->refs, 1, memory_order_acq_rel) == 1)
        destroy(tls);
}
