/* SPDX-License-Identifier: MIT */
/* See tls_pair.h. */
#include "tls_pair.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/mem.h"

wsk_tls *tls_make(const wsk_tls_options *options)
{
    const char *why = "";
    wsk_tls *tls = NULL;

    if (wsk_tls_new(&tls, options, &why) < 0)
        fail_msg("wsk_tls_new: %s", why);
    return tls;
}

int pair_open(tls_pair *p, wsk_tls *server, wsk_tls *client, const char *host, size_t cut)
{
    return pair_open_port(p, server, client, host, 443, cut);
}

int pair_open_port(tls_pair *p, wsk_tls *server, wsk_tls *client, const char *host, uint16_t port,
                   size_t cut)
{
    int result;

    memset(p, 0, sizeof(*p));
    p->cut = cut;
    p->client.tls = client;
    p->server.tls = server;
    result = wsk__tls_session_new(&p->server.session, server, NULL, 0);
    if (result == 0)
        result = wsk__tls_session_new(&p->client.session, client, host, port);
    if (result < 0)
        return result;
    end_feed(p, &p->client, NULL, 0);
    return 0;
}

static void end_close(tls_end *e)
{
    wsk__tls_session_free(e->session);
    wsk__tls_out_clear(&e->out, e->tls);
    free(e->plain);
    memset(e, 0, sizeof(*e));
}

void pair_close(tls_pair *p)
{
    end_close(&p->client);
    end_close(&p->server);
}

static void keep_plain(tls_end *e, const uint8_t *data, size_t n)
{
    if (n > e->cap_plain - e->n_plain) {
        e->cap_plain = 2 * (e->n_plain + n);
        e->plain = realloc(e->plain, e->cap_plain);
        assert_non_null(e->plain);
    }
    if (n > 0)
        memcpy(e->plain + e->n_plain, data, n);
    e->n_plain += n;
}

void end_feed(tls_pair *p, tls_end *e, const uint8_t *in, size_t n)
{
    size_t cap = p->plain_cap > 0 ? p->plain_cap : 16384, used, got;
    /* Exactly so much room: an octet more would be found. */
    uint8_t *room = malloc(cap);

    assert_non_null(room);
    do {
        used = got = SIZE_MAX;
        e->result = wsk__tls_session_read(e->session, in, n, &used, room, cap, &got, &e->out);
        assert_true(used <= n && got <= cap);
        keep_plain(e, room, got);
        /* Progress: else a caller would loop for ever. */
        assert_true(e->result != WSK__TLS_OK || used == n || got == cap);
        if (n > 0) {
            in += used;
            n -= used;
        }
    } while (e->result == WSK__TLS_OK && (n > 0 || got == cap));
    free(room);
}

bool pair_move(tls_pair *p, tls_end *from, tls_end *to)
{
    size_t n = from->out.len - from->out.off;
    uint8_t *copy;

    if (n == 0)
        return false;
    copy = malloc(n);
    assert_non_null(copy);
    memcpy(copy, from->out.ptr + from->out.off, n);
    from->out.off = from->out.len;
    for (size_t i = 0; i < n;) {
        size_t piece = p->cut < n - i ? p->cut : n - i;
        end_feed(p, to, copy + i, piece);
        i += piece;
    }
    free(copy);
    return true;
}

bool pair_run(tls_pair *p)
{
    while (pair_move(p, &p->client, &p->server) || pair_move(p, &p->server, &p->client))
        ;
    return wsk__tls_session_is_ready(p->client.session) &&
           wsk__tls_session_is_ready(p->server.session);
}

void pair_send(tls_pair *p, tls_end *from, tls_end *to, const void *data, size_t n)
{
    size_t before = to->n_plain;

    assert_int_equal(wsk__tls_session_write(from->session, data, n, &from->out), WSK__TLS_OK);
    pair_move(p, from, to);
    assert_int_equal(to->result, WSK__TLS_OK);
    assert_int_equal(to->n_plain - before, n);
    if (n > 0)
        assert_memory_equal(to->plain + before, data, n);
}
