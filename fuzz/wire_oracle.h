/* SPDX-License-Identifier: MIT */
/*
 * What passes between a peer and the program, seen from outside of the library: the octets that the
 * mocked system took and gave on one side, what handlers are told and what calls accept on the
 * other. Nothing that a peer sent may be lost, changed or invented on its way to the program,
 * whatever becomes of the connection later; what goes out is frames in order, with every message
 * that was accepted, and nothing behind a close frame.
 *
 * There is one wire for each socket; it knows no sockets.
 */
#ifndef FUZZ_WIRE_ORACLE_H
#define FUZZ_WIRE_ORACLE_H

#include <stdio.h>

#include <websock/conn.h>

#include "conn/conn_internal.h"
#include "slow_reader.h"

#define WIRE_CHECK(cond)                                                                           \
    do {                                                                                           \
        if (!(cond)) {                                                                             \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #cond);                             \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

/* A message that a call accepted, and that did not go out yet. */
typedef struct wire_owed {
    size_t len;
    uint32_t id, sum;
    uint8_t op;
    bool maybe; /* of a broadcast that went to some, and nobody said to whom */
    bool next;  /* it may be that this is what comes next */
} wire_owed;

typedef struct wire {
    /* All that the peer sent, as the system keeps it. */
    uint8_t *const *sent;
    const size_t *sent_n;
    size_t in_off; /* of which so much was read by `in` */
    slow_reader in;
    bool opened;
    bool dropped; /* by the program */
    uint8_t *pieces;
    size_t pieces_n, pieces_cap; /* of a message that is given in pieces */
    bool in_pieces;
    /* What goes out. */
    enum { WIRE_EARLY, WIRE_HEAD, WIRE_FRAMES, WIRE_OTHERS } step;
    char head[1536];
    size_t head_n;
    uint32_t head_end; /* its last four octets */
    slow_reader out;
    wire_owed *owed;
    size_t owed_first, owed_n, owed_cap; /* from owed_first to owed_n */
    size_t nexts;                        /* of which so many may be the next */
    bool none_next;                      /* it may be that all of them went out */
    uint32_t ids;
    bool is_cut;    /* the system takes nothing of it any more */
    wire_owed part; /* of a message that is sent in parts; op 0: none */
} wire;

/* A call that is about to accept a message, or not; those within which it was made stand behind it.
 * Until it returns the message may go out, and a close frame may do so without it. */
typedef struct wire_try {
    wire *w; /* NULL: gone meanwhile */
    uint32_t id;
    struct wire_try *outer;
} wire_try;

static wire_try *wire_tries;

/* ----------------------------------------------------------------------------- its life -- */

/* early: something else goes out before the head, until wire_head_comes(). */
static void wire_init(wire *w, uint8_t *const *sent, const size_t *sent_n, bool early)
{
    memset(w, 0, sizeof(*w));
    w->sent = sent;
    w->sent_n = sent_n;
    w->step = early ? WIRE_EARLY : WIRE_HEAD;
    w->none_next = true;
}

static void wire_deinit(wire *w)
{
    for (wire_try *t = wire_tries; t != NULL; t = t->outer) {
        if (t->w == w)
            t->w = NULL;
    }
    slow_free(&w->in);
    slow_free(&w->out);
    free(w->pieces);
    free(w->owed);
}

/* What comes from `at` on is heads, the last of which is that of the opening handshake; frames
 * stand behind it. Interim responses (RFC 9110 15.2) come first. */
static size_t wire_behind_head(const wire *w, size_t at)
{
    const char *p = (const char *)*w->sent;
    const char *end;
    bool interim;

    do {
        end = memmem(p + at, *w->sent_n - at, "\r\n\r\n", 4);
        WIRE_CHECK(end != NULL);
        interim = memcmp(p + at, "HTTP/1.", 7) == 0 && p[at + 9] == '1' &&
                  memcmp(p + at + 9, "101", 3) != 0;
        at = (size_t)(end + 4 - p);
    } while (interim);
    return at;
}

/* The handshake is done; what the peer said of it begins at `at`. */
static void wire_open(wire *w, const wsk_conn *c, size_t at)
{
    const wsk_config_options *o = &c->env->cfg->o;

    WIRE_CHECK(!w->opened);
    w->opened = true;
    w->in_off = wire_behind_head(w, at);
    w->in.server = wsk__is_server(c);
    w->in.deflate = w->out.deflate = c->ext != NULL;
    w->in.skip_utf8 = (o->flags & WSK_CONN_SKIP_UTF8) != 0;
    w->in.max_message = o->max_message;
    w->in.max_frame = o->max_frame;
    w->in.max_fragments = o->max_fragments;
}

/* ------------------------------------------------------------------------ what is given -- */

static bool wire_next(wire *w, slow_event *ret)
{
    const uint8_t *p = *w->sent + w->in_off;
    size_t n = *w->sent_n - w->in_off;
    bool is_there = slow_next(&w->in, &p, &n, ret);

    w->in_off = *w->sent_n - n;
    return is_there;
}

/* The program is told something: this comes next of what the peer sent. */
static void wire_given(wire *w, slow_kind kind, unsigned what, const void *data, size_t len)
{
    slow_event e;

    WIRE_CHECK(w->opened);
    bool is_there = wire_next(w, &e);
    if (w->in.unknown)
        return;
    WIRE_CHECK(is_there && e.kind == kind && e.what == what && e.len == len);
    WIRE_CHECK(len == 0 || memcmp(e.data, data, len) == 0);
}

static void wire_given_piece(wire *w, unsigned op, const void *data, size_t len, bool first,
                             bool last)
{
    WIRE_CHECK(w->opened && first != w->in_pieces);
    if (first)
        w->pieces_n = 0;
    slow_keep(&w->pieces, &w->pieces_n, &w->pieces_cap, data, len);
    w->in_pieces = !last;
    if (last)
        wire_given(w, SLOW_MESSAGE, op, w->pieces, w->pieces_n);
}

/* The program is told of the end. excused: it was the program that did not let all be given. */
static void wire_closed(wire *w, const wsk_conn *c, unsigned code, bool excused)
{
    slow_event e = {.kind = SLOW_FAIL};

    if (!w->opened || w->in.unknown)
        return;
    bool is_there = wire_next(w, &e);
    if (w->in.unknown)
        return;
    if (c->failed) {
        /* These are said of what the peer sent, all others of time, memory and rates. */
        if (code == 1002 || code == 1007 || code == 1009)
            WIRE_CHECK(w->in.compressed ||
                       (is_there && e.kind == SLOW_FAIL && (e.what == code || e.what == 0)));
        return;
    }
    if (c->close_received) {
        WIRE_CHECK(is_there && e.kind == SLOW_CLOSE && e.what == code);
        return;
    }
    WIRE_CHECK(code == 1006);
    if (excused || w->dropped)
        return;
    WIRE_CHECK(!is_there);
    if (c->env->cfg->o.flags & WSK_CONN_STREAM && !w->in.compressed && w->in.message != 0)
        WIRE_CHECK((w->in_pieces ? w->pieces_n : 0) == w->in.text_n);
}

/* -------------------------------------------------------------------------- what goes out -- */

static uint32_t wire_sum(uint32_t sum, const void *data, size_t len)
{
    return len > 0 ? (uint32_t)crc32(sum, data, (uInt)len) : sum;
}

/* A message is accepted. */
static uint32_t wire_owes(wire *w, wire_owed m)
{
    if (w->owed_n == w->owed_cap) {
        w->owed_n -= w->owed_first;
        if (w->owed_n > 0)
            memmove(w->owed, w->owed + w->owed_first, w->owed_n * sizeof(m));
        w->owed_first = 0;
        w->owed_cap = w->owed_n * 2 + 8;
        w->owed = realloc(w->owed, w->owed_cap * sizeof(m));
        WIRE_CHECK(w->owed != NULL);
    }
    m.id = ++w->ids;
    m.next = w->none_next;
    w->nexts += m.next;
    w->none_next = false;
    w->owed[w->owed_n++] = m;
    return m.id;
}

static wire_owed wire_message(wsk_opcode op, const void *data, size_t len)
{
    return (wire_owed){.op = (uint8_t)op, .len = len, .sum = wire_sum(0, data, len)};
}

/* It did not, or perhaps not. */
static void wire_owes_not(wire *w, uint32_t id, bool perhaps)
{
    size_t i = w->owed_n;

    while (i > w->owed_first && w->owed[i - 1].id != id)
        i--;
    /* It may have gone out before that was known; but not if that is denied. */
    WIRE_CHECK(perhaps || (i == w->owed_n && i > w->owed_first));
    if (i == w->owed_first)
        return;
    w->owed[i - 1].maybe = true;
    if (perhaps)
        return;
    w->owed_n--;
    w->nexts -= w->owed[w->owed_n].next;
    w->none_next |= w->owed[w->owed_n].next;
}

/* A part was accepted. */
static void wire_owes_part(wire *w, wsk_opcode op, const void *data, size_t len, bool last)
{
    w->part.op = (uint8_t)op;
    w->part.len += len;
    w->part.sum = wire_sum(w->part.sum, data, len);
    if (!last)
        return;
    (void)wire_owes(w, w->part);
    w->part = (wire_owed){.op = 0};
}

/* A message went out. Where some of them may be missing, and others are like it, there is more than
 * one that it may have been. */
static void wire_took(wire *w, const slow_event *e)
{
    const uint32_t sum = wire_sum(0, e->data, e->len);
    size_t first = w->owed_n, left = w->nexts;
    bool here = false, was_it = false;

    w->nexts = 0;
    for (size_t i = w->owed_first; i < w->owed_n && (left > 0 || here || was_it); i++) {
        wire_owed *m = &w->owed[i];

        here |= m->next;
        left -= m->next;
        m->next = was_it;
        w->nexts += was_it;
        if (was_it && first > i)
            first = i;
        was_it = here && m->op == e->what && m->len == e->len && m->sum == sum;
        here &= m->maybe;
    }
    w->none_next = was_it;
    WIRE_CHECK(was_it || w->nexts > 0);
    w->owed_first = first;
}

static bool wire_is_tried(const wire *w, uint32_t id)
{
    for (const wire_try *t = wire_tries; t != NULL; t = t->outer) {
        if (t->w == w && t->id == id)
            return true;
    }
    return false;
}

/* All that was accepted may be out. */
static bool wire_owes_nothing(const wire *w)
{
    bool all = false;

    for (size_t i = w->owed_first; i < w->owed_n; i++) {
        const wire_owed *m = &w->owed[i];

        all = (all || m->next) && (m->maybe || wire_is_tried(w, m->id));
    }
    return all || w->none_next;
}

/* A call is about to send a message; w may be NULL. */
static void wire_begin_try(wire_try *t, wire *w, wire_owed m)
{
    *t = (wire_try){.w = w, .id = w != NULL ? wire_owes(w, m) : 0, .outer = wire_tries};
    wire_tries = t;
}

/* It has returned. */
static void wire_end_try(const wire_try *t, bool sent, bool perhaps)
{
    WIRE_CHECK(wire_tries == t);
    wire_tries = t->outer;
    if (t->w == NULL)
        return;
    if (!sent)
        wire_owes_not(t->w, t->id, perhaps);
    else if (t->w->out.over && !t->w->out.unknown)
        WIRE_CHECK(wire_owes_nothing(t->w)); /* the close frame came first, it will not come */
}

static void wire_arrived(wire *w, const slow_event *e)
{
    WIRE_CHECK(e->kind != SLOW_FAIL);
    if (e->kind == SLOW_MESSAGE)
        wire_took(w, e);
    else if (e->kind == SLOW_CLOSE) /* behind all that was accepted before */
        WIRE_CHECK(wire_owes_nothing(w));
}

static void wire_begin_frames(wire *w)
{
    bool is_client = memcmp(w->head, "GET ", 4) == 0;
    size_t n = w->head_n < sizeof(w->head) ? w->head_n : sizeof(w->head);

    w->step = is_client || memcmp(w->head, "HTTP/1.1 101 ", 13) == 0 ? WIRE_FRAMES : WIRE_OTHERS;
    w->out.server = is_client;
    w->out.deflate |= !is_client && memmem(w->head, n, "permessage-deflate", 18) != NULL;
    w->out.skip_utf8 = true; /* the program may say so of each message */
    w->out.max_message = w->out.max_frame = UINT64_MAX / 2;
    w->out.max_fragments = UINT32_MAX;
}

static void wire_out(wire *w, const uint8_t *p, size_t n)
{
    slow_event e;

    for (; n > 0 && w->step == WIRE_HEAD; p++, n--) {
        if (w->head_n < sizeof(w->head))
            w->head[w->head_n] = (char)*p;
        w->head_n++;
        w->head_end = w->head_end << 8 | *p;
        if (w->head_end == 0x0D0A0D0A)
            wire_begin_frames(w);
    }
    if (w->step != WIRE_FRAMES)
        return;
    while (slow_next(&w->out, &p, &n, &e))
        wire_arrived(w, &e);
    WIRE_CHECK(n == 0 || w->out.unknown);
}

#endif
