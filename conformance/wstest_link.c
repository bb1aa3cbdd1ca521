/* SPDX-License-Identifier: MIT */
/* The client connections of wstest's modes: drives a wsk_conn over a judge_link. */
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/uio.h>
#include <time.h>

#include "conformance/wstest_modes.h"

static uint64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

bool judge_wstest_place(wstest_place *ret, const char *url, bool deflate, const char **ret_why)
{
    wstest_place p = {0};
    wsk_config_options o = WSK_CONFIG_OPTIONS_INIT;
    if (wsk__url_parse(NULL, url, &p.url, ret_why) < 0)
        return false;
    o.role = WSK_ROLE_CLIENT;
    o.server_header = "websock/" WSK_VERSION_STRING;
    /* Whatever a suite sends is to be echoed, and it decides when it has waited long enough. */
    o.max_message = UINT64_C(1) << 30;
    o.max_queued = SIZE_MAX / 2;
    o.ping_interval = WSK_NEVER;
    o.deflate.enabled = deflate;
    p.n_addresses = judge_resolve(p.url.host, p.url.port, p.url.is_unix ? p.url.unix_path : NULL,
                                  p.address, sizeof p.address / sizeof p.address[0], ret_why);
    bool ok = p.n_addresses > 0;
    if (ok && p.url.tls) {
        p.tls = SSL_CTX_new(TLS_client_method());
        ok = p.tls != NULL;
        *ret_why = "TLS cannot be set up";
    }
    if (ok && wsk_config_new(&p.config, &o) < 0) {
        ok = false;
        *ret_why = "out of memory";
    }
    *ret = p;
    if (!ok)
        judge_wstest_place_deinit(ret);
    return ok;
}

void judge_wstest_place_deinit(wstest_place *p)
{
    wsk__url_deinit(NULL, &p->url);
    SSL_CTX_free(p->tls);
    wsk_config_unref(p->config);
    *p = (wstest_place){0};
}

bool judge_wstest_link_begin(wstest_link *l, const wstest_place *p, size_t address,
                             const char *target)
{
    wsk_request_options request = WSK_REQUEST_OPTIONS_INIT;
    l->link = (judge_link){.fd = -1};
    l->conn = NULL;
    l->ready = l->opened = l->finished = l->over = false;
    request.host = p->url.authority;
    request.target = target ? target : p->url.target;
    if (wsk_conn_new(&l->conn, p->config, now_ms()) < 0)
        return false;
    if (wsk_conn_request(l->conn, &request) < 0 ||
        judge_link_connect(&l->link, &p->address[address % p->n_addresses], true, p->tls,
                           p->url.host, false) != 0) {
        judge_wstest_link_deinit(l);
        return false;
    }
    return true;
}

void judge_wstest_link_deinit(wstest_link *l)
{
    wsk_conn_free(l->conn);
    l->conn = NULL;
    judge_link_close(&l->link);
    l->over = true;
}

static void take_events(wstest_link *l)
{
    wsk_event ev;
    while (!l->over && wsk_conn_next(l->conn, &ev) == WSK_OK && ev.type != WSK_EV_NONE) {
        if (ev.type == WSK_EV_OPEN)
            l->opened = true;
        if (ev.type == WSK_EV_END)
            l->over = true;
        l->on_event(l, &ev);
    }
    wsk_conn_unlend(l->conn);
}

static void read_some(wstest_link *l)
{
    uint8_t buf[65536];
    /* A few pieces, then it is the turn of others. */
    for (int i = 0; i < 16 && !l->over && (wsk_conn_wants(l->conn) & WSK_WANT_READ); i++) {
        long n = judge_link_read(&l->link, buf, sizeof buf);
        if (n == JUDGE_LINK_AGAIN)
            break;
        wsk_conn_feed(l->conn, buf, n > 0 ? (size_t)n : 0, now_ms());
        take_events(l);
        if (n < 0)
            break;
    }
}

static void write_some(wstest_link *l)
{
    struct iovec iov[8];
    size_t n;
    while (!l->over && (n = wsk_conn_output(l->conn, iov, 8)) > 0) {
        size_t written = 0;
        long k = 0;
        for (size_t i = 0; i < n; i++) {
            k = judge_link_write(&l->link, iov[i].iov_base, iov[i].iov_len);
            if (k < 0)
                break;
            written += (size_t)k;
            if ((size_t)k < iov[i].iov_len)
                break;
        }
        wsk_conn_sent(l->conn, written, now_ms());
        if (k == JUDGE_LINK_LOST)
            wsk_conn_lost(l->conn, "the connection was lost");
        if (k < 0)
            break;
    }
}

void judge_wstest_link_step(wstest_link *l)
{
    if (l->over)
        return;
    if (!l->ready) {
        judge_link_status status = judge_link_ready(&l->link);
        if (status == JUDGE_LINK_LOST)
            wsk_conn_lost(l->conn, "no connection");
        l->ready = status == JUDGE_LINK_OK;
    }
    if (l->ready) {
        read_some(l);
        if (!l->over)
            write_some(l);
    }
    if (!l->over)
        wsk_conn_tick(l->conn, now_ms(), NULL);
    if (!l->over)
        take_events(l);
    if (l->over)
        return;
    unsigned wants = wsk_conn_wants(l->conn);
    if ((wants & WSK_WANT_SHUTDOWN) && !l->finished && wsk_conn_queued(l->conn) == 0) {
        l->finished = true;
        judge_link_finish(&l->link);
    }
    if (wants & WSK_WANT_DROP)
        l->over = true;
}

void judge_wstest_link_run(wstest_link *l, int pause_ms)
{
    uint64_t end = pause_ms >= 0 ? now_ms() + (uint64_t)pause_ms : UINT64_MAX;
    for (;;) {
        judge_wstest_link_step(l);
        uint64_t now = now_ms();
        if (l->over || judge_wstest_stopped || now >= end)
            return;
        uint32_t events = judge_link_events(&l->link);
        bool writes = (events & EPOLLOUT) || (wsk_conn_wants(l->conn) & WSK_WANT_WRITE);
        bool reads = !l->ready || (wsk_conn_wants(l->conn) & WSK_WANT_READ);
        struct pollfd p = {.fd = l->link.fd};
        p.events = (short)((reads && (events & EPOLLIN) ? POLLIN : 0) | (writes ? POLLOUT : 0));
        /* Deadlines are looked at four times a second. */
        int wait = end - now < 250 ? (int)(end - now) : 250;
        poll(&p, 1, wait);
    }
}
