/* SPDX-License-Identifier: MIT */
/* See proxy_pipe.h. */
#include "net/proxy_pipe.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "util/attr.h"
#include "util/mem.h"
#include "util/strs.h"

int wsk__proxy_pipe_init(wsk__proxy_pipe *p, wsk_tls *tls, const wsk__proxy *proxy)
{
    char host[256];

    memset(p, 0, sizeof(*p));
    /* No certificate has a zone. */
    if (tls == NULL || !wsk__host_without_zone(proxy->host, host, sizeof(host)))
        return WSK_ERR_INVAL;
    return wsk__tls_session_new(&p->session, tls, host, proxy->port);
}

void wsk__proxy_pipe_deinit(wsk__proxy_pipe *p)
{
    if (p->session == NULL)
        return;
    wsk__tls_session_clear(p->session, &p->out);
    wsk__tls_session_free(p->session);
    p->session = NULL;
}

bool wsk__proxy_pipe_is_full(const wsk__proxy_pipe *p)
{
    return p->out.len > p->out.off;
}

static wsk__talk_result fail(wsk__proxy_talk *t, const char *text)
{
    t->text = text;
    return WSK__TALK_FAILED;
}

static wsk__talk_result fail_tls(wsk__proxy_pipe *p, wsk__proxy_talk *t)
{
    snprintf(p->words, sizeof(p->words), "TLS with the proxy: %s",
             wsk__tls_session_why(p->session));
    return fail(t, p->words);
}

static wsk__talk_result ended(const wsk__proxy_pipe *p, wsk__proxy_talk *t)
{
    t->lost = true;
    return fail(t, wsk__tls_session_is_ready(p->session)
                       ? "the proxy closed the connection before it was done"
                       : "the proxy closed the connection during the TLS handshake");
}

/* False: the socket broke. */
static bool flush(wsk__proxy_pipe *p, const wsk__sys *sys, int fd)
{
    wsk__tls_out *out = &p->out;

    while (out->off < out->len) {
        ssize_t n = sys->send(fd, out->ptr + out->off, out->len - out->off,
                              MSG_DONTWAIT | MSG_NOSIGNAL);

        if (n >= 0)
            out->off += (size_t)n;
        else if (errno == EAGAIN || errno == EWOULDBLOCK)
            return true;
        else if (errno != EINTR)
            return false;
    }
    wsk__tls_session_clear(p->session, out);
    return true;
}

/* What we have to say, encrypted. */
static wsk__talk_result say(wsk__proxy_pipe *p, wsk__proxy_talk *t)
{
    const uint8_t *text;
    size_t n;

    if (!wsk__tls_session_may_write(p->session) || (text = wsk__proxy_talk_output(t, &n)) == NULL)
        return WSK__TALK_MORE;
    wsk__proxy_talk_sent(t, n);
    if (wsk__tls_session_write(p->session, text, n, &p->out) != WSK__TLS_OK)
        return fail_tls(p, t);
    return WSK__TALK_MORE;
}

/* Plain text of the proxy's. The client of the connection speaks first: what comes before that is
 * from nobody who could know what is asked. */
static wsk__talk_result hear(wsk__proxy_pipe *p, wsk__proxy_talk *t, const uint8_t *text, size_t n)
{
    wsk__talk_result r = WSK__TALK_MORE;
    size_t used = 0;

    if (!p->done)
        r = wsk__proxy_talk_feed(t, text, n, &used);
    p->done = p->done || r == WSK__TALK_DONE;
    if (p->done && used < n)
        return fail(t, "the proxy sent something behind its answer");
    return p->done ? WSK__TALK_MORE : r;
}

static wsk__talk_result take(wsk__proxy_pipe *p, wsk__proxy_talk *t, const uint8_t *data, size_t n)
{
    uint8_t plain[2048];
    size_t used, got;
    wsk__tls_result r;

    do {
        wsk__talk_result heard = WSK__TALK_MORE;

        r = wsk__tls_session_read(p->session, data, n, &used, plain, sizeof(plain), &got, &p->out);
        if (used > 0) {
            data += used;
            n -= used;
        }
        if (got > 0)
            heard = hear(p, t, plain, got);
        if (heard == WSK__TALK_MORE && !p->done)
            heard = say(p, t);
        if (heard != WSK__TALK_MORE)
            return heard;
    } while (r == WSK__TLS_OK && (n > 0 || got == sizeof(plain)));
    if (r == WSK__TLS_FAILED)
        return fail_tls(p, t);
    return r == WSK__TLS_EOF ? ended(p, t) : WSK__TALK_MORE;
}

wsk__talk_result wsk__proxy_pipe_run(wsk__proxy_pipe *p, const wsk__sys *sys, int fd,
                                     wsk__proxy_talk *t)
{
    /* Without input: begins the handshake, or does nothing. */
    wsk__talk_result r = take(p, t, NULL, 0);
    uint8_t buf[4096];
    bool ok = true;

    while (r == WSK__TALK_MORE) {
        ok = flush(p, sys, fd);
        /* Behind the answer nothing is read: that is for whoever gets the session. */
        if (p->done && ok)
            return wsk__proxy_pipe_is_full(p) ? WSK__TALK_MORE : WSK__TALK_DONE;
        ssize_t n = sys->recv(fd, buf, sizeof(buf), MSG_DONTWAIT);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK) && ok)
            return WSK__TALK_MORE;
        if (n <= 0)
            return ended(p, t);
        r = take(p, t, buf, (size_t)n);
    }
    /* The alert, which says the same to the proxy. */
    (void)flush(p, sys, fd);
    return r;
}
