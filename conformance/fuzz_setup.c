/* SPDX-License-Identifier: MIT */
/* The fuzzing server's beginning and end, and the places where it listens. */
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "conformance/fuzz_state.h"
#include "http/url.h"

void judge_fuzz_stop(judge_fuzz *f)
{
    f->stopped = 1;
}

size_t judge_fuzz_done(const judge_fuzz *f)
{
    return f->done;
}

/* -------------------------------------------------------------------------------- set up -- */

judge_fuzz *judge_fuzz_new(const judge_fuzz_params *p, char why[256])
{
    judge_fuzz *f = calloc(1, sizeof *f);
    size_t room = judge_descriptors();
    snprintf(why, 256, "out of memory");
    if (!f)
        return NULL;
    f->p = *p;
    f->epoll = epoll_create1(EPOLL_CLOEXEC);
    f->streams = judge_streams_new();
    f->most = room < MAX_CONNECTIONS ? room : MAX_CONNECTIONS;
    if (f->epoll >= 0 && f->streams)
        return f;
    judge_fuzz_free(f);
    return NULL;
}

void judge_fuzz_free(judge_fuzz *f)
{
    if (!f)
        return;
    for (size_t i = 0; i < f->n_conns; i++) {
        conn *c = f->conns[i];
        judge_link_close(&c->link);
        judge_peer_free(c->peer);
        fuzz_web_done(&c->file);
        judge_buf_deinit(&c->in);
        judge_buf_deinit(&c->out);
        free(c);
    }
    free((void *)f->conns);
    for (size_t i = 0; i < f->n_listeners; i++)
        close(f->listeners[i].fd);
    for (size_t i = 0; i < f->n_places; i++)
        free(f->urls[i]);
    for (fuzz_held h; fuzz_care_last(f, &h); free(h.agent))
        judge_result_deinit(&h.result);
    judge_streams_free(f->streams);
    SSL_CTX_free(f->tls);
    if (f->epoll >= 0)
        close(f->epoll);
    free(f);
}

static bool add_place(judge_fuzz *f, fuzz_place *place, char why[256])
{
    int fds[MAX_LISTENERS];
    size_t room = MAX_LISTENERS - f->n_listeners;
    if (f->n_places == MAX_PLACES || room == 0) {
        snprintf(why, 256, "there are too many places to listen on");
        return false;
    }
    if (place->tls && !f->tls) {
        f->tls = fuzz_tls_new(f->p.cert, f->p.key, why);
        if (!f->tls)
            return false;
    }
    size_t n = fuzz_listen(place, fds, room, why);
    for (size_t i = 0; i < n; i++) {
        listener *l = &f->listeners[f->n_listeners++];
        struct epoll_event e = {.events = EPOLLIN, .data.ptr = l};
        *l = (listener){l, fds[i], (unsigned)f->n_places};
        epoll_ctl(f->epoll, EPOLL_CTL_ADD, l->fd, &e);
    }
    if (n == 0)
        return false;
    const char *host = place->host[0] ? place->host : "127.0.0.1";
    bool six = strchr(host, ':');
    judge_buf url = {0};
    judge_buf_printf(&url, "%s://%s%s%s:%u", place->tls ? "wss" : "ws", six ? "[" : "", host,
                     six ? "]" : "", place->port);
    f->places[f->n_places] = *place;
    f->urls[f->n_places++] = url.at;
    return true;
}

bool judge_fuzz_listen(judge_fuzz *f, const char *url, bool everywhere, char why[256])
{
    const char *problem = "";
    wsk__url u = {0};
    fuzz_place place = {0};
    if (wsk__url_parse(NULL, url, &u, &problem) < 0) {
        snprintf(why, 256, "\"%.150s\" is no WebSocket URL: %.80s", url, problem);
        return false;
    }
    place.port = u.port;
    place.tls = u.tls;
    if (!everywhere)
        snprintf(place.host, sizeof place.host, "%s", u.host);
    bool is_unix = u.is_unix;
    wsk__url_deinit(NULL, &u);
    if (is_unix) {
        snprintf(why, 256, "clients under test come over TCP");
        return false;
    }
    return add_place(f, &place, why);
}

bool judge_fuzz_listen_web(judge_fuzz *f, unsigned port, char why[256])
{
    fuzz_place place = f->places[0];
    place.port = port;
    place.web = true;
    return add_place(f, &place, why);
}

const char *judge_fuzz_url(const judge_fuzz *f, size_t i)
{
    return i < f->n_places ? f->urls[i] : NULL;
}

unsigned judge_fuzz_port(const judge_fuzz *f, size_t i)
{
    return f->places[i].port;
}

bool judge_fuzz_is_tls(const judge_fuzz *f, size_t i)
{
    return f->places[i].tls;
}
