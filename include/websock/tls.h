/* SPDX-License-Identifier: MIT */
/*
 * Certificates and policy for TLS connections (OpenSSL, TLS 1.2 and 1.3). A wsk_tls is shared by
 * any number of connections; it is thread-safe but for _add_certificate(), which belongs before
 * the first connection. Reloading goes on while connections live: they keep what they began
 * with. Its hooks are called on every thread that uses it or a connection of it.
 *
 * Sessions are resumed by tickets (RFC 8446 2.2, RFC 5077): a server keeps no state for them. A
 * client keeps a ticket for each of the last eight hosts and ports in its wsk_tls, so connections
 * that are made again with the same wsk_tls are quicker.
 */
#ifndef WEBSOCK_TLS_H
#define WEBSOCK_TLS_H

#include <websock/base.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct wsk_tls wsk_tls;

typedef struct wsk_tls_options {
    size_t size;
    wsk_role role; /* required */
    const wsk_hooks *hooks;
    /* Server: PEM files; the first is the default for names that no other fits. Client: its own
     * certificate, if any. */
    const char *certificate_file; /* chain, leaf first */
    const char *key_file;         /* NULL: in certificate_file */
    bool self_signed;             /* server: make a certificate for localhost, 127.0.0.1 and ::1, in
                                     memory, valid for 30 days: for trying things out */
    const char *ca_file;          /* PEM; server: accept (and, with verify, require) client
                                     certificates signed by these. Client: trust these instead of
                                     the system's */
    bool verify;                  /* server: require a client certificate; needs ca_file. All or
                                     nothing: no call tells whose certificate it was */
    bool insecure;                /* client: do not verify. Never in production */
    const char *const *alpn; /* NULL-terminated; NULL: "http/1.1". A server refuses clients that
                                offer others only (RFC 7301 3.2) */
    bool tls13_only;
    const char *ciphers; /* OpenSSL cipher list for TLS 1.2; NULL: its default at level 2 */
    bool no_tickets;     /* no session resumption: every handshake is a full one */
} wsk_tls_options;

#define WSK_TLS_OPTIONS_INIT WSK_INIT_(wsk_tls_options)

/* WSK_ERR_TLS when a file cannot be read or does not fit, WSK_ERR_INVAL for options that do not go
 * together (certificate_file and self_signed), WSK_ERR_NOMEM: *ret_why (may be NULL) then points
 * to a static, per-thread sentence that says what, and names the file. */
WSK_API int wsk_tls_new(wsk_tls **ret, const wsk_tls_options *options,
                        const char **ret_why) WSK_WARN_UNUSED;
/* Server: a further certificate, chosen by SNI among the DNS names in it (wildcards too; an exact
 * name goes first). Certificates for the same name with different kinds of keys (RSA, ECDSA) are
 * offered together. WSK_ERR_STATE once there are connections. */
WSK_API int wsk_tls_add_certificate(wsk_tls *tls, const char *certificate_file,
                                    const char *key_file, const char **ret_why);
/* Reads all files again, or makes a new self-signed certificate. Tickets from before are not
 * accepted any more. On failure all stays as it was. From any thread. */
WSK_API int wsk_tls_reload(wsk_tls *tls, const char **ret_why);
WSK_API wsk_tls *wsk_tls_ref(wsk_tls *tls);
WSK_API void wsk_tls_unref(wsk_tls *tls); /* NULL is fine */

#ifdef __cplusplus
}
#endif

#endif
