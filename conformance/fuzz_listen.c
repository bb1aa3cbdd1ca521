/* SPDX-License-Identifier: MIT */
/* The sockets that the fuzzing server listens on, and its certificate. */
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conformance/fuzz_internal.h"
#include "net/tls_cert.h"

static int listen_at(const struct sockaddr_storage *at, socklen_t len, bool both)
{
    const int one = 1, only = !both;
    int fd = socket(at->ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (at->ss_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only, sizeof only);
    if (bind(fd, (const struct sockaddr *)at, len) == 0 && listen(fd, 512) == 0)
        return fd;
    int error = errno;
    close(fd);
    errno = error;
    return -1;
}

static unsigned port_of(int fd)
{
    struct sockaddr_storage at = {0};
    socklen_t len = sizeof at;
    if (getsockname(fd, (struct sockaddr *)&at, &len) != 0)
        return 0;
    return ntohs(at.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)(void *)&at)->sin6_port
                                          : ((struct sockaddr_in *)(void *)&at)->sin_port);
}

static void set_port(struct sockaddr_storage *at, unsigned port)
{
    if (at->ss_family == AF_INET6)
        ((struct sockaddr_in6 *)(void *)at)->sin6_port = htons((uint16_t)port);
    else
        ((struct sockaddr_in *)(void *)at)->sin_port = htons((uint16_t)port);
}

static size_t listen_everywhere(fuzz_place *place, int *ret)
{
    struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)place->port)};
    struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons((uint16_t)place->port)};
    struct sockaddr_storage at = {0};
    memcpy(&at, &six, sizeof six);
    ret[0] = listen_at(&at, sizeof six, true);
    if (ret[0] < 0 && errno != EADDRINUSE) { /* a machine without IPv6 */
        memset(&at, 0, sizeof at);
        memcpy(&at, &four, sizeof four);
        ret[0] = listen_at(&at, sizeof four, false);
    }
    return ret[0] >= 0;
}

size_t fuzz_listen(fuzz_place *place, int *ret, size_t n, char why[256])
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE}, *list = NULL;
    char service[8];
    size_t count = 0;
    if (place->host[0] == 0) {
        count = listen_everywhere(place, ret);
    } else {
        snprintf(service, sizeof service, "%u", place->port);
        int status = getaddrinfo(place->host, service, &hints, &list);
        if (status != 0) {
            snprintf(why, 256, "%.200s: %s", place->host, gai_strerror(status));
            return 0;
        }
        for (const struct addrinfo *a = list; a && count < n; a = a->ai_next) {
            struct sockaddr_storage at = {0};
            memcpy(&at, a->ai_addr, a->ai_addrlen);
            set_port(&at, place->port);
            ret[count] = listen_at(&at, a->ai_addrlen, false);
            if (ret[count] < 0)
                continue;
            /* All addresses of a name get the same port. */
            place->port = port_of(ret[count++]);
        }
        freeaddrinfo(list);
    }
    if (count == 0)
        snprintf(why, 256, "cannot listen on %.150s port %u: %s",
                 place->host[0] ? place->host : "all addresses", place->port, strerror(errno));
    else
        place->port = port_of(ret[0]);
    return count;
}

static bool use_own(SSL_CTX *ctx, char why[256])
{
    wsk__tls_cert made = {0};
    const char *problem = "";
    if (wsk__tls_cert_make(&made, NULL, &problem) < 0) {
        snprintf(why, 256, "%.250s", problem);
        return false;
    }
    bool ok = SSL_CTX_use_certificate(ctx, made.leaf) == 1 &&
              SSL_CTX_use_PrivateKey(ctx, made.key) == 1;
    wsk__tls_cert_clear(&made);
    return ok;
}

SSL_CTX *fuzz_tls_new(const char *cert, const char *key, char why[256])
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    snprintf(why, 256, "TLS cannot be set up");
    if (!ctx)
        return NULL;
    SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
    /* Peers drop TCP without close_notify all the time; that is no fault of WebSocket. */
    SSL_CTX_set_options(ctx, SSL_OP_IGNORE_UNEXPECTED_EOF);
    /* Nothing is kept for clients that may never come back. */
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    if (cert) {
        if (judge_tls_use_cert(ctx, cert, key, why))
            return ctx;
    } else if (use_own(ctx, why)) {
        return ctx;
    }
    SSL_CTX_free(ctx);
    return NULL;
}
