/* SPDX-License-Identifier: MIT */
/* What is said to a proxy, within TLS: between proxy.h and a socket. The session lives on when all
 * is said; what passes to the other end is within it, too. */
#ifndef WSK_NET_PROXY_PIPE_H
#define WSK_NET_PROXY_PIPE_H

#include "net/proxy.h"
#include "net/sys.h"
#include "net/tls_session.h"

typedef struct wsk__proxy_pipe {
    wsk__tls_session *session; /* NULL: none */
    wsk__tls_out out;
    bool done; /* all is said */
    char words[448];
} wsk__proxy_pipe;

/* tls: a client's. WSK_ERR_NOMEM, WSK_ERR_INVAL. */
int wsk__proxy_pipe_init(wsk__proxy_pipe *p, wsk_tls *tls, const wsk__proxy *proxy);
/* Also for a struct of zeros. */
void wsk__proxy_pipe_deinit(wsk__proxy_pipe *p);
/* Sends and receives as much as may be without waiting. With DONE, p->session may be taken from
 * it; with FAILED, t->text says why. */
wsk__talk_result wsk__proxy_pipe_run(wsk__proxy_pipe *p, const wsk__sys *sys, int fd,
                                     wsk__proxy_talk *t);
/* True if it waits for room to send. */
bool wsk__proxy_pipe_is_full(const wsk__proxy_pipe *p);

#endif
