/* SPDX-License-Identifier: MIT */
/*
 * One TLS connection without a socket: cipher text in, plain text out, and back. OpenSSL reads
 * from and writes to the buffers that are handed in, through a BIO of our own, so that a session
 * holds no buffers while it is idle.
 */
#ifndef WSK_NET_TLS_SESSION_H
#define WSK_NET_TLS_SESSION_H

#include <websock/tls.h>

typedef struct wsk__tls_session wsk__tls_session;

/* host: client only, for SNI and verification (a name or an address, with or without brackets).
 * WSK_ERR_INVAL without one, unless the wsk_tls is insecure; WSK_ERR_NOMEM. Tickets are kept for
 * host and port. The session keeps the wsk_tls, and the certificates as they are now, until it is
 * freed. */
int wsk__tls_session_new(wsk__tls_session **ret, wsk_tls *tls, const char *host, uint16_t port);
void wsk__tls_session_free(wsk__tls_session *t); /* NULL is fine */

/*
 * TLS within TLS, by way of a proxy that is spoken to with TLS: what t reads and writes passes
 * through `outer`, whose handshake is done and which has no plain text left. Before t is used for
 * the first time. outer is t's then.
 */
void wsk__tls_session_nest(wsk__tls_session *t, wsk__tls_session *outer);
/* A client's, before its handshake: whoever is at the other end does not get to know who we are, by
 * our certificate or by a session in which we have shown it. If there is a certificate no
 * ticket is kept, so that later sessions show it. */
void wsk__tls_session_forget_identity(wsk__tls_session *t);

/* Where cipher text goes: appended; grows as needed (hooks of the wsk_tls). What stands to be
 * sent is ptr[off..len). The owner empties it (off moves forward) and may set ptr, cap to lend
 * room (owned false: never freed nor grown in place, but moved to owned memory when it is too
 * small). Octets before off may be overwritten by the next call, and what is left may move. */
typedef struct wsk__tls_out {
    uint8_t *ptr;
    size_t off, len, cap;
    bool owned;
} wsk__tls_out;

/* Frees the memory if it is owned, and empties the struct. */
void wsk__tls_out_clear(wsk__tls_out *out, const wsk_tls *tls);
/* The same for memory that this session gave to out. */
void wsk__tls_session_clear(wsk__tls_session *t, wsk__tls_out *out);

typedef enum wsk__tls_result {
    WSK__TLS_OK = 0,     /* go on */
    WSK__TLS_EOF = 1,    /* the peer's close_notify */
    WSK__TLS_FAILED = -1 /* see wsk__tls_session_why(); an alert may stand in out */
} wsk__tls_result;

/*
 * n octets of cipher text came (n may be 0 to start a client's handshake). Puts at most cap
 * octets of plain text to plain and their number to *ret_n; *ret_used is how much of the input was
 * taken. Call it again with the rest, and with n == 0 while *ret_n == cap (more plain text is
 * waiting). Answers of the handshake, key updates and alerts are appended to out.
 * *ret_used and *ret_n are set, and the plain text is good, whatever the result: a last piece of
 * plain text may come together with WSK__TLS_EOF or WSK__TLS_FAILED. An end of the transport
 * without WSK__TLS_EOF is a truncation (RFC 8446 6.1), for the owner to notice.
 */
wsk__tls_result wsk__tls_session_read(wsk__tls_session *t, const uint8_t *in, size_t n,
                                      size_t *ret_used, uint8_t *plain, size_t cap, size_t *ret_n,
                                      wsk__tls_out *out);
/* Encrypts n octets to out: records as large as may be. Only while wsk__tls_session_may_write().
 * All or (on WSK__TLS_FAILED) nothing more ever. */
wsk__tls_result wsk__tls_session_write(wsk__tls_session *t, const void *plain, size_t n,
                                       wsk__tls_out *out);
/* The record buffers, 34 KiB, stay from record to record (on), or as from the beginning are only
 * there while a record is (off): for a connection on which much happens. */
void wsk__tls_session_keep_buffers(wsk__tls_session *t, bool on);
/* close_notify, once, only while wsk__tls_session_may_write(); nothing before the handshake is done
 * or after a failure. No more may be written then, but read. */
void wsk__tls_session_shutdown(wsk__tls_session *t, wsk__tls_out *out);
bool wsk__tls_session_is_ready(const wsk__tls_session *t); /* handshake done */
/* Ready, and no message of TLS's own, a ticket or a key update, is half here (RFC 8446 5.1: it may
 * come in several records). Until its end was read OpenSSL writes nothing. */
bool wsk__tls_session_may_write(const wsk__tls_session *t);
const char *wsk__tls_session_why(const wsk__tls_session *t); /* static or session-owned words */
/* It failed for want of memory. */
bool wsk__tls_session_lacked_memory(const wsk__tls_session *t);
/* "TLSv1.3", the cipher; "" before the handshake is done. */
const char *wsk__tls_session_version(const wsk__tls_session *t);
const char *wsk__tls_session_cipher(const wsk__tls_session *t);
/* The ALPN protocol that was agreed on, ended by NUL and cut to fit; its whole length, 0 = none. */
size_t wsk__tls_session_alpn(const wsk__tls_session *t, char *buf, size_t n);
bool wsk__tls_session_was_resumed(const wsk__tls_session *t);

#endif
