/* SPDX-License-Identifier: MIT */
/*
 * WebSocket URLs (RFC 6455 section 3): ws, wss, and for Unix sockets ws+unix and wss+unix
 * ("ws+unix:/run/x.sock:/path", the path behind the second colon is optional; the name of the
 * socket is percent-decoded, so that "%3A" may stand in it, and may be relative).
 */
#ifndef WSK_HTTP_URL_H
#define WSK_HTTP_URL_H

#include <websock/base.h>

typedef struct wsk__url {
    bool tls;
    bool is_unix;
    char host[256];      /* without brackets; of a Unix socket: "localhost". A zone stays:
                            "fe80::1%eth0", as getaddrinfo(3) takes it */
    char unix_path[108]; /* of a Unix socket */
    uint16_t port;       /* 80 or 443 if none is given */
    bool has_port;
    char *target;   /* "/path?query", "/" at least; allocated. As RFC 3986 wants it: what people
                       and browsers leave unencoded there ("{", "|", UTF-8) is encoded */
    char *userinfo; /* "user:password" percent-decoded, always with the colon, or NULL; allocated.
                       The user has no colon, neither has any control characters */
    char authority[272]; /* for the Host field: brackets kept, no zone, no default port */
} wsk__url;

/* Parses. A fragment, bad percent-encoding, controls, white space, an empty host, a port that is
 * no number from 0 to 65535, or a scheme of another kind are WSK_ERR_URL, and *why (static, may be
 * NULL) says which. WSK_ERR_NOMEM sets it, too. */
int wsk__url_parse(const wsk_hooks *hooks, const char *text, wsk__url *ret, const char **why);
/* The URL in text, of which wsk__url_parse() makes the same, but for user and password, which are
 * left out; NULL: no memory. port: stands in the text in any case; 0: that of the URL does, unless
 * it is the scheme's own. */
char *wsk__url_text(const wsk_hooks *hooks, const wsk__url *url, unsigned port);
/* Also for a struct of zeros. */
void wsk__url_deinit(const wsk_hooks *hooks, wsk__url *url);

#endif
