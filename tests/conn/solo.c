/* SPDX-License-Identifier: MIT */
/* See solo.h. */
#include "solo.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

void solo_begin(solo *s, wsk_role role, const wsk_config_options *o)
{
    wsk_config_options own = WSK_CONFIG_OPTIONS_INIT;

    memset(s, 0, sizeof(*s));
    test_alloc_init(&s->alloc);
    if (o != NULL)
        own = *o;
    own.role = role;
    if (own.hooks == NULL)
        own.hooks = &s->alloc.hooks;
    s->now = 1000;
    assert_int_equal(wsk_config_new(&s->cfg, &own), WSK_OK);
    assert_int_equal(wsk__conn_env_init(&s->env, s->cfg), WSK_OK);
    s->env.t_now = 1000;
}

static void end_last(solo *s)
{
    wsk_conn *c = s->conns[--s->n_conns];

    if (s->embedded[s->n_conns]) {
        wsk__conn_deinit(c);
        free(c);
    } else {
        wsk_conn_free(c);
    }
}

static void free_input(solo *s)
{
    while (s->n_bufs > 0)
        free(s->bufs[--s->n_bufs]);
}

void solo_forget(solo *s)
{
    end_last(s);
    free_input(s);
}

void solo_end(solo *s)
{
    solo_nourish(s);
    while (s->n_conns > 0)
        end_last(s);
    wsk__conn_env_deinit(&s->env);
    wsk_config_unref(s->cfg);
    free_input(s);
    assert_int_equal(s->alloc.live, 0);
}

static wsk_conn *keep(solo *s, wsk_conn *c, bool embedded)
{
    assert_true(s->n_conns < SOLO_CONNS);
    s->embedded[s->n_conns] = embedded;
    s->conns[s->n_conns++] = c;
    return c;
}

wsk_conn *solo_alone(solo *s)
{
    wsk_conn *c = NULL;

    assert_int_equal(wsk_conn_new(&c, s->cfg, s->now), WSK_OK);
    return keep(s, c, false);
}

wsk_conn *solo_shell(solo *s)
{
    wsk_conn *c = malloc(sizeof(*c));

    wsk__conn_init(c, &s->env, s->now);
    return keep(s, c, true);
}

void solo_request(solo *s, wsk_conn *c, const char *more)
{
    solo_say(s, c,
             "GET /x?y=1 HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
             "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n");
    solo_want(s, c, WSK_EV_NONE);
    assert_int_equal(wsk__conn_unlend_input(c), WSK_OK);
    solo_say(s, c, more);
    solo_want(s, c, WSK_EV_NONE);
    assert_int_equal(wsk__conn_unlend_input(c), WSK_OK);
    solo_say(s, c, "\r\n");
}

char *solo_answer(solo *s, wsk_conn *c, const char *more)
{
    wsk_request_options ro = WSK_REQUEST_OPTIONS_INIT;
    char accept[WSK__ACCEPT_LEN + 1];
    size_t n = 300 + strlen(more);
    char *text = malloc(n);

    ro.host = "example.org";
    assert_int_equal(wsk_conn_request(c, &ro), WSK_OK);
    solo_out(s, c);
    const char *key = strstr(s->out, "Sec-WebSocket-Key: ");
    assert_non_null(key);
    assert_int_equal(wsk__handshake_accept(key + 19, accept), WSK_OK);
    (void)snprintf(text, n,
                   "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                   "Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n%s\r\n",
                   accept, more);
    return text;
}

void solo_open(solo *s, wsk_conn *c, const char *more)
{
    if (wsk__is_server(c)) {
        solo_request(s, c, more);
        solo_want(s, c, WSK_EV_REQUEST);
        assert_int_equal(wsk_conn_accept(c, NULL), WSK_OK);
    } else {
        char *text = solo_answer(s, c, more);
        solo_say(s, c, text);
        free(text);
    }
    solo_want(s, c, WSK_EV_OPEN);
    solo_want(s, c, WSK_EV_NONE);
    assert_int_equal(wsk_conn_unlend(c), WSK_OK);
    solo_out(s, c);
}

void solo_feed(solo *s, wsk_conn *c, const void *data, size_t n)
{
    void *copy = malloc(n > 0 ? n : 1);

    assert_true(s->n_bufs < SOLO_BUFS);
    s->bufs[s->n_bufs++] = copy;
    memcpy(copy, data, n);
    assert_int_equal(wsk_conn_feed(c, copy, n, s->now), WSK_OK);
}

void solo_say(solo *s, wsk_conn *c, const char *text)
{
    if (*text != 0)
        solo_feed(s, c, text, strlen(text));
}

void solo_pass(solo *s, wsk_conn *c, const void *data, size_t n)
{
    solo_feed(s, c, data, n);
    assert_int_equal(wsk__conn_unlend_input(c), WSK_OK);
}

void solo_frame(solo *s, wsk_conn *c, unsigned first, const void *data, size_t n)
{
    bool masked = wsk__is_server(c);
    size_t head = wsk__frame_head_len(n, masked);
    uint8_t *p = malloc(head + n);

    wsk__frame_write(p, (uint8_t)first, n, masked, 0);
    if (n > 0)
        memcpy(p + head, data, n);
    solo_feed(s, c, p, head + n);
    free(p);
}

wsk_event_type solo_next(solo *s, wsk_conn *c)
{
    assert_int_equal(wsk_conn_next(c, &s->ev), WSK_OK);
    return s->ev.type;
}

void solo_out(solo *s, wsk_conn *c)
{
    struct iovec iov[3];
    size_t k;

    s->out_len = 0;
    while ((k = wsk_conn_output(c, iov, 3)) > 0) {
        size_t n = 0;

        for (size_t i = 0; i < k; i++) {
            assert_true(s->out_len + iov[i].iov_len < sizeof(s->out));
            memcpy(s->out + s->out_len, iov[i].iov_base, iov[i].iov_len);
            s->out_len += iov[i].iov_len;
            n += iov[i].iov_len;
        }
        wsk_conn_sent(c, n, s->now);
    }
    s->out[s->out_len] = 0;
}

void solo_starve(solo *s, long n)
{
    s->alloc.fail_at = s->alloc.calls + n;
    s->alloc.for_ever = false;
}

void solo_starve_all(solo *s)
{
    solo_starve(s, 1);
    s->alloc.for_ever = true;
}

void solo_nourish(solo *s)
{
    s->alloc.fail_at = 0;
}
