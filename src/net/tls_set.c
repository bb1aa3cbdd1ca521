/* SPDX-License-Identifier: MIT */
/* Makes SSL_CTXs by the options of a wsk_tls, and chooses a certificate by name. Knows nothing of
 * a single connection's octets. */
#include "net/tls_set.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "util/strs.h"

/* The longest name in DNS has 253 octets (RFC 1035 2.3.4). */
#define MAX_HOST 255

static int out_of_memory(const wsk_hooks *hooks, const char **ret_why)
{
    wsk__tls_complain(hooks, ret_why, "out of memory");
    return WSK_ERR_NOMEM;
}

/* --------------------------------------------------------------------- names (RFC 6066 3) -- */

static int compare_names(const void *a, const void *b)
{
    const wsk__tls_name *x = a, *y = b;
    int order = strcmp(x->name, y->name);

    return order != 0 ? order : (x->cert > y->cert) - (x->cert < y->cert);
}

/* Puts the DNS names of certificate `index` behind the others. On failure some may be there. */
static int collect_names(wsk__tls_set *set, const X509 *leaf, size_t index)
{
    GENERAL_NAMES *all = X509_get_ext_d2i(leaf, NID_subject_alt_name, NULL, NULL);
    int result = 0;

    for (int i = 0; i < sk_GENERAL_NAME_num(all); i++) {
        const GENERAL_NAME *g = sk_GENERAL_NAME_value(all, i);
        if (g->type != GEN_DNS)
            continue;
        const char *name = (const char *)ASN1_STRING_get0_data(g->d.dNSName);
        size_t n = (size_t)ASN1_STRING_length(g->d.dNSName);
        if (n == 0 || n > MAX_HOST || memchr(name, 0, n) != NULL)
            continue;
        wsk__tls_name *more = wsk__realloc(set->hooks, set->names,
                                           (set->n_names + 1) * sizeof(*set->names));
        char *copy = more != NULL ? wsk__strndup(set->hooks, name, n) : NULL;
        if (more != NULL)
            set->names = more;
        if (copy == NULL) {
            result = WSK_ERR_NOMEM;
            break;
        }
        for (size_t k = 0; k < n; k++)
            copy[k] = wsk__lower(copy[k]);
        set->names[set->n_names++] = (wsk__tls_name){copy, index};
    }
    GENERAL_NAMES_free(all);
    return result;
}

static void drop_names(wsk__tls_set *set, size_t from)
{
    while (set->n_names > from)
        wsk__free(set->hooks, set->names[--set->n_names].name);
}

/* The certificates for a name: a run in set->names. */
static size_t find_names(const wsk__tls_set *set, const char *name, size_t *ret_first)
{
    size_t low = 0, high = set->n_names, n = 0;

    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (strcmp(set->names[mid].name, name) < 0)
            low = mid + 1;
        else
            high = mid;
    }
    while (low + n < set->n_names && strcmp(set->names[low + n].name, name) == 0)
        n++;
    *ret_first = low;
    return n;
}

/* An exact name goes before a wildcard, which stands for one whole label (RFC 6125 6.4.3). */
static size_t match_host(const wsk__tls_set *set, const char *host, size_t *ret_first)
{
    char name[MAX_HOST + 2];
    size_t n = strlen(host), found;

    if (n == 0 || n > MAX_HOST)
        return 0;
    for (size_t i = 0; i <= n; i++)
        name[i + 1] = wsk__lower(host[i]);
    found = find_names(set, name + 1, ret_first);
    if (found == 0) {
        char *dot = strchr(name + 1, '.');
        if (dot != NULL && dot > name + 1) {
            dot[-1] = '*';
            found = find_names(set, dot - 1, ret_first);
        }
    }
    return found;
}

/* Server, while it answers a ClientHello. The default certificate is there already. */
static int choose_certificate(SSL *ssl, void *arg)
{
    const wsk__tls_set *set = arg;
    const char *host = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    size_t first = 0, n = host != NULL ? match_host(set, host, &first) : 0;
    bool one = false;

    if (n == 0 || (n == 1 && set->names[first].cert == 0))
        return 1;
    SSL_certs_clear(ssl);
    for (size_t i = first; i < first + n; i++) {
        const wsk__tls_cert *c = &set->certs[set->names[i].cert];
        /* Without override: of several certificates for a name the first of each key type
         * counts, so one name may have RSA and ECDSA. */
        if (SSL_use_cert_and_key(ssl, c->leaf, c->key, c->chain, 0) == 1)
            one = true;
    }
    ERR_clear_error();
    return one;
}

/* ------------------------------------------------------------------------------------ ALPN -- */

static int choose_protocol(SSL *ssl, const unsigned char **ret, unsigned char *ret_len,
                           const unsigned char *offered, unsigned offered_len, void *arg)
{
    const wsk_tls *tls = arg;
    unsigned char *chosen;

    (void)ssl;
    /* RFC 7301 3.2: no protocol in common is fatal. It also keeps the certificate from being
     * used to impersonate a server of another protocol (cross-protocol attacks). A client that
     * speaks no ALPN at all never comes here. */
    if (SSL_select_next_proto(&chosen, ret_len, tls->alpn, (unsigned)tls->alpn_len, offered,
                              offered_len) != OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *ret = chosen;
    return SSL_TLSEXT_ERR_OK;
}

/* ----------------------------------------------------------------------------------- trust -- */

static int trust_file(wsk__tls_set *set, const wsk_tls *tls, const char **ret_why)
{
    X509_STORE *store = SSL_CTX_get_cert_store(set->ctx);
    STACK_OF(X509) *list = NULL;
    int result = wsk__tls_cas_load(&list, set->hooks, tls->ca_file, ret_why);

    for (int i = 0; result == 0 && i < sk_X509_num(list); i++) {
        X509 *x = sk_X509_value(list, i);
        /* The list that a server sends names whom to ask; browsers choose by it. */
        if (!X509_STORE_add_cert(store, x) ||
            (tls->role == WSK_ROLE_SERVER && !SSL_CTX_add_client_CA(set->ctx, x)))
            result = wsk__tls_complain(set->hooks, ret_why, "CA file '%s' cannot be used: %s",
                                       tls->ca_file, wsk__tls_last_reason());
    }
    sk_X509_pop_free(list, X509_free);
    return result;
}

static int set_up_trust(wsk__tls_set *set, const wsk_tls *tls, const char **ret_why)
{
    int mode = SSL_VERIFY_NONE;

    if (tls->ca_file != NULL)
        WSK_TRY(trust_file(set, tls, ret_why));
    else if (tls->role == WSK_ROLE_CLIENT && !tls->insecure &&
             !SSL_CTX_set_default_verify_paths(set->ctx))
        return wsk__tls_complain(set->hooks, ret_why,
                                 "cannot use the system's trusted certificates: %s",
                                 wsk__tls_last_reason());
    /* What the user put into the file is trusted, also if it is no root. */
    X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(set->ctx), X509_V_FLAG_PARTIAL_CHAIN);
    if (tls->role == WSK_ROLE_CLIENT && !tls->insecure)
        mode = SSL_VERIFY_PEER;
    else if (tls->role == WSK_ROLE_SERVER && tls->ca_file != NULL)
        mode = SSL_VERIFY_PEER | (tls->verify ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0);
    SSL_CTX_set_verify(set->ctx, mode, NULL);
    return 0;
}

/* ------------------------------------------------------------------------------------- ctx -- */

static bool set_up_sessions(SSL_CTX *ctx, const wsk_tls *tls)
{
    static const unsigned char id[] = "websock";

    if (tls->no_tickets) {
        SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
        SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
        return SSL_CTX_set_num_tickets(ctx, 0);
    }
    if (tls->role == WSK_ROLE_CLIENT) {
        SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
        SSL_CTX_sess_set_new_cb(ctx, wsk__tls_on_new_session);
        return true;
    }
    /* The state of a session is in its ticket, with the client: a server remembers nothing, so
     * no number of handshakes fills its memory. One ticket, for the next connection: the second
     * that OpenSSL sends by default is for clients with many connections at a time. */
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    return SSL_CTX_set_num_tickets(ctx, 1) &&
           SSL_CTX_set_session_id_context(ctx, id, sizeof(id) - 1);
}

static int set_up_ctx(wsk__tls_set *set, const wsk_tls *tls, const char **ret_why)
{
    SSL_CTX *ctx = SSL_CTX_new(tls->role == WSK_ROLE_SERVER ? TLS_server_method()
                                                            : TLS_client_method());
    bool ok;

    if (ctx == NULL)
        return out_of_memory(set->hooks, ret_why);
    set->ctx = ctx;
    /* Renegotiation is a way to make a server work for nothing, compression a way to read
     * secrets by their length (CRIME). */
    SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                 SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_AUTO_RETRY);
    SSL_CTX_set_security_level(ctx, 2);
    SSL_CTX_set_msg_callback(ctx, wsk__tls_on_message);
    /* AES-128 first: as safe, and a quarter less work than AES-256. */
    ok = SSL_CTX_set_min_proto_version(ctx, tls->tls13_only ? TLS1_3_VERSION : TLS1_2_VERSION) &&
         SSL_CTX_set_max_proto_version(ctx, TLS1_3_VERSION) &&
         SSL_CTX_set_ciphersuites(ctx, "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:"
                                       "TLS_CHACHA20_POLY1305_SHA256") &&
         set_up_sessions(ctx, tls);
    if (ok && tls->role == WSK_ROLE_SERVER) {
        SSL_CTX_set_cert_cb(ctx, choose_certificate, set);
        /* The wsk_tls outlives all sessions, which hold a reference to it. */
        SSL_CTX_set_alpn_select_cb(ctx, choose_protocol, (void *)(uintptr_t)tls);
    } else if (ok) {
        ok = SSL_CTX_set_alpn_protos(ctx, tls->alpn, (unsigned)tls->alpn_len) == 0;
    }
    if (!ok)
        return wsk__tls_complain(set->hooks, ret_why, "cannot set up TLS: %s",
                                 wsk__tls_last_reason());
    if (tls->ciphers != NULL && !SSL_CTX_set_cipher_list(ctx, tls->ciphers))
        return wsk__tls_complain(set->hooks, ret_why, "the cipher list '%s' fits no cipher",
                                 tls->ciphers);
    return set_up_trust(set, tls, ret_why);
}

/* ------------------------------------------------------------------------------------- set -- */

int wsk__tls_set_add(wsk__tls_set *set, wsk__tls_cert *cert, const char *certificate_file,
                     const char **ret_why)
{
    size_t n_names = set->n_names;
    SSL *probe = SSL_new(set->ctx);
    wsk__tls_cert *more;
    int result = 0;

    /* Checks what a handshake would check, such as the strength of its keys. */
    if (probe == NULL) {
        result = out_of_memory(set->hooks, ret_why);
    } else if (SSL_use_cert_and_key(probe, cert->leaf, cert->key, cert->chain, 1) != 1 ||
               (set->n_certs == 0 &&
                SSL_CTX_use_cert_and_key(set->ctx, cert->leaf, cert->key, cert->chain, 1) != 1)) {
        result = wsk__tls_complain(set->hooks, ret_why, "certificate file '%s' cannot be used: %s",
                                   certificate_file, wsk__tls_last_reason());
    }
    SSL_free(probe);
    if (result == 0) {
        more = wsk__realloc(set->hooks, set->certs, (set->n_certs + 1) * sizeof(*more));
        if (more != NULL)
            set->certs = more;
        if (more == NULL || collect_names(set, cert->leaf, set->n_certs) < 0)
            result = out_of_memory(set->hooks, ret_why);
    }
    if (result < 0) {
        drop_names(set, n_names);
        wsk__tls_cert_clear(cert);
        return result;
    }
    if (set->n_names > n_names)
        qsort(set->names, set->n_names, sizeof(*set->names), compare_names);
    set->certs[set->n_certs++] = *cert;
    return 0;
}

int wsk__tls_set_new(wsk__tls_set **ret, const wsk_tls *tls, const char **ret_why)
{
    wsk__tls_set *set = wsk__alloc0(tls->hooks, sizeof(*set));
    wsk__tls_cert cert;
    int result;

    if (set == NULL)
        return out_of_memory(tls->hooks, ret_why);
    atomic_init(&set->refs, 1);
    set->hooks = tls->hooks;
    pthread_mutex_init(&set->tickets_lock, NULL);
    ERR_clear_error();
    result = set_up_ctx(set, tls, ret_why);
    if (result == 0 && tls->self_signed) {
        result = wsk__tls_cert_make(&cert, set->hooks, ret_why);
        if (result == 0)
            result = wsk__tls_set_add(set, &cert, "(self-signed)", ret_why);
    }
    for (size_t i = 0; result == 0 && i < tls->n_pairs; i++) {
        const wsk__tls_pair *p = &tls->pairs[i];
        result = wsk__tls_cert_load(&cert, set->hooks, p->certificate_file, p->key_file, ret_why);
        if (result == 0)
            result = wsk__tls_set_add(set, &cert, p->certificate_file, ret_why);
    }
    if (result < 0) {
        ERR_clear_error();
        wsk__tls_set_unref(set);
        return result;
    }
    *ret = set;
    return 0;
}

void wsk__tls_set_unref(wsk__tls_set *set)
{
    if (set == NULL || atomic_fetch_sub_explicit(&set->refs, 1, memory_order_acq_rel) != 1)
        return;
    for (size_t i = 0; i < WSK__TLS_TICKETS; i++) {
        SSL_SESSION_free(set->tickets[i].session);
        wsk__free(set->hooks, set->tickets[i].host);
    }
    drop_names(set, 0);
    wsk__free(set->hooks, set->names);
    for (size_t i = 0; i < set->n_certs; i++)
        wsk__tls_cert_clear(&set->certs[i]);
    wsk__free(set->hooks, set->certs);
    SSL_CTX_free(set->ctx);
    pthread_mutex_destroy(&set->tickets_lock);
    wsk__free(set->hooks, set);
}

wsk__tls_set *wsk__tls_set_get(wsk_tls *tls)
{
    wsk__tls_set *set;

    pthread_mutex_lock(&tls->lock);
    set = tls->set;
    atomic_fetch_add_explicit(&set->refs, 1, memory_order_relaxed);
    pthread_mutex_unlock(&tls->lock);
    return set;
}

/* --------------------------------------------------------------------------------- tickets -- */

static wsk__tls_ticket *find_ticket(wsk__tls_set *set, const char *host, uint16_t port)
{
    for (size_t i = 0; i < WSK__TLS_TICKETS; i++) {
        wsk__tls_ticket *t = &set->tickets[i];

        if (t->host != NULL && t->port == port && strcmp(t->host, host) == 0)
            return t;
    }
    return NULL;
}

void wsk__tls_ticket_keep(wsk__tls_set *set, const char *host, uint16_t port, SSL_SESSION *session)
{
    wsk__tls_ticket *t;

    pthread_mutex_lock(&set->tickets_lock);
    t = find_ticket(set, host, port);
    if (t == NULL) {
        char *copy = wsk__strndup(set->hooks, host, strlen(host));
        /* Without memory the next connection makes a full handshake. */
        if (copy != NULL) {
            t = &set->tickets[set->next_ticket++ % WSK__TLS_TICKETS];
            wsk__free(set->hooks, t->host);
            t->host = copy;
            t->port = port;
        }
    }
    if (t != NULL && SSL_SESSION_up_ref(session)) {
        SSL_SESSION_free(t->session);
        t->session = session;
    }
    pthread_mutex_unlock(&set->tickets_lock);
}

SSL_SESSION *wsk__tls_ticket_take(wsk__tls_set *set, const char *host, uint16_t port)
{
    SSL_SESSION *session = NULL;
    wsk__tls_ticket *t;

    pthread_mutex_lock(&set->tickets_lock);
    t = find_ticket(set, host, port);
    if (t != NULL && t->session != NULL) {
        session = t->session;
        /* RFC 8446 C.4: a ticket serves once, or observers could link connections. TLS 1.2
         * gives a new one only now and then. */
        if (SSL_SESSION_get_protocol_version(session) >= TLS1_3_VERSION)
            t->session = NULL;
        else if (!SSL_SESSION_up_ref(session))
            session = NULL;
    }
    pthread_mutex_unlock(&set->tickets_lock);
    return session;
}
