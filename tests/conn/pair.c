/* SPDX-License-Identifier: MIT */
/* See pair.h. */
#include "pair.h"

#include "conn/conn_internal.h"

#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

static void take_events(pair_side *s)
{
    wsk_event ev;

    while (wsk_conn_next(s->c, &ev) == WSK_OK && ev.type != WSK_EV_NONE) {
        if (ev.type == WSK_EV_REQUEST && !s->hold && ev.is_upgrade)
            (void)!wsk_conn_accept(s->c, NULL);
        if (ev.type == WSK_EV_DATA) {
            s->part = realloc(s->part, s->part_len + ev.len + 1);
            memcpy(s->part + s->part_len, ev.data, ev.len);
            s->part_len += ev.len;
            if (!ev.last)
                continue;
            ev.type = WSK_EV_MESSAGE;
            ev.data = s->part;
            ev.len = s->part_len;
            s->part_len = 0;
        }
        if (ev.type == WSK_EV_MESSAGE && s->echo)
            (void)wsk_conn_send(s->c, ev.opcode, ev.data, ev.len, 0);
        if (s->n < PAIR_EVENTS) {
            pair_event *e = &s->at[s->n];
            e->type = ev.type;
            e->opcode = ev.opcode;
            e->code = ev.code;
            e->status = ev.status;
            e->text = ev.text;
            e->len = ev.len;
            e->data = malloc(ev.len + 1);
            if (ev.len > 0)
                memcpy(e->data, ev.data, ev.len);
            e->data[ev.len] = 0;
        }
        s->n++;
    }
}

/* What `from` has to say goes to `to`. True if anything moved. */
static bool move(pair *p, pair_side *from, pair_side *to)
{
    struct iovec iov[3];
    bool moved = false;
    size_t k;

    if (to->deaf)
        return false;
    while ((k = wsk_conn_output(from->c, iov, 3)) > 0) {
        size_t n = iov[0].iov_len < p->cut ? iov[0].iov_len : p->cut;
        size_t room = 0;
        uint8_t *place = wsk__conn_place(to->c, &room), *piece = NULL;
        if (place != NULL) {
            /* As a shell does that asks where to receive. */
            n = n < room ? n : room;
            memcpy(place, iov[0].iov_base, n);
            p->placed++;
        } else {
            place = piece = guard_copy(iov[0].iov_base, n);
        }
        wsk_conn_sent(from->c, n, p->now);
        from->wire += n;
        if (wsk_conn_feed(to->c, place, n, p->now) == WSK_OK)
            take_events(to);
        (void)wsk_conn_unlend(to->c);
        if (piece != NULL)
            guard_free(piece, n);
        moved = true;
    }
    return moved;
}

void pair_pump(pair *p)
{
    bool moved;

    do {
        take_events(&p->client);
        take_events(&p->server);
        moved = move(p, &p->client, &p->server);
        moved |= move(p, &p->server, &p->client);
        /* An end of output is an end of file for the other side, as TCP would have it. */
        if ((wsk_conn_wants(p->server.c) & WSK_WANT_SHUTDOWN) && !p->client.deaf &&
            wsk_conn_queued(p->server.c) == 0)
            (void)wsk_conn_feed(p->client.c, NULL, 0, p->now);
        take_events(&p->client);
        if ((wsk_conn_wants(p->client.c) & (WSK_WANT_SHUTDOWN | WSK_WANT_DROP)) &&
            wsk_conn_queued(p->client.c) == 0)
            (void)wsk_conn_feed(p->server.c, NULL, 0, p->now);
        take_events(&p->server);
    } while (moved);
}

int pair_init(pair *p, const wsk_config_options *server, const wsk_config_options *client,
              size_t cut)
{
    wsk_config_options so = *server, co = *client;

    memset(p, 0, sizeof(*p));
    p->cut = cut;
    p->now = 1000;
    so.role = WSK_ROLE_SERVER;
    co.role = WSK_ROLE_CLIENT;
    WSK_TRY(wsk_config_new(&p->server_cfg, &so));
    WSK_TRY(wsk_config_new(&p->client_cfg, &co));
    WSK_TRY(wsk_conn_new(&p->server.c, p->server_cfg, p->now));
    return wsk_conn_new(&p->client.c, p->client_cfg, p->now);
}

void pair_open(pair *p)
{
    wsk_request_options ro = WSK_REQUEST_OPTIONS_INIT;

    ro.host = "example.org";
    ro.target = "/chat?x=1";
    assert_int_equal(wsk_conn_request(p->client.c, &ro), WSK_OK);
    pair_pump(p);
    assert_int_equal(wsk_conn_state(p->client.c), WSK_STATE_OPEN);
    assert_int_equal(wsk_conn_state(p->server.c), WSK_STATE_OPEN);
    pair_forget(&p->client);
    pair_forget(&p->server);
}

void pair_forget(pair_side *s)
{
    for (size_t i = 0; i < s->n && i < PAIR_EVENTS; i++)
        free(s->at[i].data);
    s->n = 0;
}

void pair_deinit(pair *p)
{
    pair_forget(&p->client);
    pair_forget(&p->server);
    free(p->client.part);
    free(p->server.part);
    wsk_conn_free(p->client.c);
    wsk_conn_free(p->server.c);
    wsk_config_unref(p->client_cfg);
    wsk_config_unref(p->server_cfg);
}

const pair_event *pair_last(const pair_side *s, wsk_event_type type)
{
    for (size_t i = s->n < PAIR_EVENTS ? s->n : PAIR_EVENTS; i-- > 0;) {
        if (s->at[i].type == type)
            return &s->at[i];
    }
    return NULL;
}

size_t pair_count(const pair_side *s, wsk_event_type type)
{
    size_t k = 0;

    for (size_t i = 0; i < s->n && i < PAIR_EVENTS; i++)
        k += s->at[i].type == type;
    return k;
}
