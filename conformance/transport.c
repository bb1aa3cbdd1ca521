/* SPDX-License-Identifier: MIT */
/* See transport.h. */
#include "conformance/transport.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/un.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

size_t judge_resolve(const char *host, uint16_t port, const char *unix_path, judge_address *ret,
                     size_t n, const char **ret_why)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *list = NULL;
    char service[8];
    size_t found = 0;
    int status;

    if (unix_path != NULL) {
        struct sockaddr_un *un = (struct sockaddr_un *)(void *)&ret[0].at;

        if (strlen(unix_path) >= sizeof(un->sun_path)) {
            *ret_why = "the path of the socket is too long";
            return 0;
        }
        memset(un, 0, sizeof(*un));
        un->sun_family = AF_UNIX;
        memcpy(un->sun_path, unix_path, strlen(unix_path) + 1);
        ret[0].len = sizeof(*un);
        return 1;
    }
    snprintf(service, sizeof(service), "%u", port);
    status = getaddrinfo(host, service, &hints, &list);
    if (status != 0) {
        *ret_why = gai_strerror(status);
        return 0;
    }
    for (const struct addrinfo *a = list; a != NULL && found < n; a = a->ai_next) {
        memcpy(&ret[found].at, a->ai_addr, a->ai_addrlen);
        ret[found++].len = a->ai_addrlen;
    }
    freeaddrinfo(list);
    *ret_why = "no address";
    return found;
}

/* What OpenSSL has against a file; its first error is nearest to the cause. */
static bool tls_file_failed(const char *what, const char *file, char why[256])
{
    const unsigned long e = ERR_peek_error();
    const char *reason = ERR_SYSTEM_ERROR(e) ? strerror((int)ERR_GET_REASON(e))
                                             : ERR_reason_error_string(e);

    snprintf(why, 256, "the %s %.150s cannot be used: %.70s", what, file,
             reason != NULL ? reason : "it is not PEM");
    ERR_clear_error();
    return false;
}

bool judge_tls_use_cert(SSL_CTX *tls, const char *cert, const char *key, char why[256])
{
    if (key == NULL)
        key = cert;
    ERR_clear_error();
    if (SSL_CTX_use_certificate_chain_file(tls, cert) != 1)
        return tls_file_failed("certificate", cert, why);
    if (SSL_CTX_use_PrivateKey_file(tls, key, SSL_FILETYPE_PEM) != 1)
        return tls_file_failed("key", key, why);
    return true;
}

bool judge_tls_use_ca(SSL_CTX *tls, const char *ca, char why[256])
{
    ERR_clear_error();
    return SSL_CTX_load_verify_locations(tls, ca, NULL) == 1 || tls_file_failed("CA file", ca, why);
}

size_t judge_descriptors(void)
{
    enum { OTHERS = 64 };
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return OTHERS;
    if (limit.rlim_cur < limit.rlim_max) {
        struct rlimit more = {limit.rlim_max, limit.rlim_max};

        if (setrlimit(RLIMIT_NOFILE, &more) == 0)
            limit = more;
    }
    return limit.rlim_cur > OTHERS ? (size_t)limit.rlim_cur - OTHERS : 1;
}

SSL_CTX *judge_tls_client(bool verify, const char *ca, const char *cert, const char *key,
                          char why[256])
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_method());

    snprintf(why, 256, "TLS cannot be set up");
    if (ctx == NULL)
        return NULL;
    SSL_CTX_set_verify(ctx, verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, NULL);
    /* Peers drop TCP without close_notify all the time; that is no fault of WebSocket. */
    SSL_CTX_set_options(ctx, SSL_OP_IGNORE_UNEXPECTED_EOF);
    if (verify && ca == NULL)
        SSL_CTX_set_default_verify_paths(ctx);
    if ((ca == NULL || judge_tls_use_ca(ctx, ca, why)) &&
        (cert == NULL || judge_tls_use_cert(ctx, cert, key, why)))
        return ctx;
    SSL_CTX_free(ctx);
    return NULL;
}

static int start_tls(judge_link *l, SSL_CTX *tls)
{
    l->ssl = SSL_new(tls);
    if (l->ssl == NULL || SSL_set_fd(l->ssl, l->fd) != 1)
        return -1;
    SSL_set_mode(l->ssl, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    l->shaking = true;
    return 0;
}

static bool is_address(const char *name)
{
    unsigned char buf[sizeof(struct in6_addr)];

    return inet_pton(AF_INET, name, buf) == 1 || inet_pton(AF_INET6, name, buf) == 1;
}

static int name_peer(judge_link *l, const char *name, bool verify)
{
    if (name == NULL)
        return 0;
    /* RFC 6066 3: addresses are not sent. */
    if (!is_address(name)) {
        /* The macro casts const away, which clang takes for ours. OpenSSL copies the name. */
        if (SSL_set_tlsext_host_name(l->ssl, (uintptr_t)name) != 1)
            return -1;
        return verify && SSL_set1_host(l->ssl, name) != 1 ? -1 : 0;
    }
    return verify && X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(l->ssl), name) != 1 ? -1 : 0;
}

int judge_link_connect(judge_link *l, const judge_address *a, bool no_delay, SSL_CTX *tls,
                       const char *name, bool verify)
{
    const int one = 1;

    *l = (judge_link){.fd = -1};
    l->fd = socket(a->at.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (l->fd < 0)
        return -1;
    if (no_delay && a->at.ss_family != AF_UNIX)
        setsockopt(l->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    if (connect(l->fd, (const struct sockaddr *)&a->at, a->len) != 0) {
        if (errno != EINPROGRESS)
            return -1;
        l->connecting = true;
    }
    if (tls != NULL) {
        if (start_tls(l, tls) != 0 || name_peer(l, name, verify) != 0) {
            errno = ENOMEM;
            return -1;
        }
        SSL_set_connect_state(l->ssl);
    }
    return 0;
}

int judge_link_accept(judge_link *l, int fd, bool no_delay, SSL_CTX *tls)
{
    const int one = 1;

    *l = (judge_link){.fd = fd};
    if (no_delay)
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    if (tls != NULL) {
        if (start_tls(l, tls) != 0)
            return -1;
        SSL_set_accept_state(l->ssl);
    }
    return 0;
}

static judge_link_status tls_status(judge_link *l, int result)
{
    switch (SSL_get_error(l->ssl, result)) {
    case SSL_ERROR_WANT_READ:
        l->wants_write = false;
        return JUDGE_LINK_AGAIN;
    case SSL_ERROR_WANT_WRITE:
        l->wants_write = true;
        return JUDGE_LINK_AGAIN;
    case SSL_ERROR_SSL:
        l->why = ERR_reason_error_string(ERR_peek_last_error());
        ERR_clear_error();
        return JUDGE_LINK_LOST;
    default:
        ERR_clear_error();
        return JUDGE_LINK_LOST;
    }
}

judge_link_status judge_link_ready(judge_link *l)
{
    int result;

    if (l->connecting) {
        int error = 0;
        socklen_t len = sizeof(error);
        struct sockaddr_storage peer;
        socklen_t n = sizeof(peer);

        getsockopt(l->fd, SOL_SOCKET, SO_ERROR, &error, &len);
        if (error != 0) {
            l->why = strerror(error);
            return JUDGE_LINK_LOST;
        }
        if (getpeername(l->fd, (struct sockaddr *)&peer, &n) != 0)
            return JUDGE_LINK_AGAIN;
        l->connecting = false;
    }
    if (!l->shaking)
        return JUDGE_LINK_OK;
    ERR_clear_error();
    result = SSL_do_handshake(l->ssl);
    if (result != 1)
        return tls_status(l, result);
    l->shaking = false;
    l->wants_write = false;
    return JUDGE_LINK_OK;
}

long judge_link_read(judge_link *l, void *buf, size_t n)
{
    ssize_t got;

    if (l->ssl != NULL) {
        int result;

        ERR_clear_error();
        result = SSL_read(l->ssl, buf, (int)n);
        return result > 0 ? result : (long)tls_status(l, result);
    }
    do
        got = recv(l->fd, buf, n, 0);
    while (got < 0 && errno == EINTR);
    if (got > 0)
        return got;
    return got < 0 && errno == EAGAIN ? JUDGE_LINK_AGAIN : JUDGE_LINK_LOST;
}

long judge_link_write(judge_link *l, const void *data, size_t n)
{
    ssize_t sent;

    if (l->ssl != NULL) {
        int result;

        ERR_clear_error();
        result = SSL_write(l->ssl, data, (int)(n < 1 << 20 ? n : 1 << 20));
        if (result > 0) {
            l->wants_write = false;
            return result;
        }
        return (long)tls_status(l, result);
    }
    do
        sent = send(l->fd, data, n, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    l->wants_write = sent < 0 ? errno == EAGAIN : (size_t)sent < n;
    if (sent >= 0)
        return sent;
    return errno == EAGAIN ? JUDGE_LINK_AGAIN : JUDGE_LINK_LOST;
}

uint32_t judge_link_events(const judge_link *l)
{
    if (l->connecting)
        return EPOLLOUT;
    return l->wants_write ? EPOLLIN | EPOLLOUT : EPOLLIN;
}

void judge_link_finish(judge_link *l)
{
    if (l->ssl != NULL && !l->shaking)
        SSL_shutdown(l->ssl);
    shutdown(l->fd, SHUT_WR);
}

void judge_link_reset(judge_link *l)
{
    const struct linger linger = {.l_onoff = 1, .l_linger = 0};

    if (l->fd >= 0)
        setsockopt(l->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
}

void judge_link_narrow(judge_link *l, uint32_t octets)
{
    const int size = octets < INT32_MAX ? (int)octets : INT32_MAX;

    if (l->fd >= 0)
        setsockopt(l->fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
}

void judge_link_close(judge_link *l)
{
    SSL_free(l->ssl);
    l->ssl = NULL;
    if (l->fd >= 0)
        close(l->fd);
    l->fd = -1;
}
