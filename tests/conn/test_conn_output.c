/* SPDX-License-Identifier: MIT */
/*
 * The queue of one connection, octet by octet: loans of room, octets that stay the caller's, frames
 * past the queue, prepared messages in every form, and each allocation that may fail in between. A
 * frame that was begun is either finished or the last thing that the peer gets.
 */
#include "solo.h"

#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#include "conn/conn_quick.h"

#define NOMEM "out of memory"

static wsk_conn *open_shell(solo *s, wsk_role role, const wsk_config_options *o)
{
    solo_begin(s, role, o);
    wsk_conn *c = solo_shell(s);
    solo_open(s, c,
              o != NULL && o->deflate.enabled ? "Sec-WebSocket-Extensions: permessage-deflate\r\n"
                                              : "");
    return c;
}

/* Of the octets that went out: these, and no more. */
static void went_out(solo *s, wsk_conn *c, const void *head, size_t head_len, const void *data,
                     size_t n)
{
    solo_out(s, c);
    assert_int_equal(s->out_len, head_len + n);
    assert_memory_equal(s->out, head, head_len);
    if (n > 0)
        assert_memory_equal(s->out + head_len, data, n);
}

static void dropped_for_memory(solo *s, wsk_conn *c)
{
    solo_want(s, c, WSK_EV_FAIL);
    assert_int_equal(s->ev.code, 1006);
    assert_string_equal(s->ev.text, NOMEM);
    assert_int_equal(wsk_conn_wants(c), WSK_WANT_DROP);
    solo_out(s, c);
    assert_int_equal(s->out_len, 0);
}

/* ----------------------------------------------------------------------------- lent room -- */

static void test_lent_room(void **state)
{
    (void)state;
    uint8_t room[64], other[64];
    struct iovec iov[2];
    solo s;

    for (int rested = 0; rested < 2; rested++) {
        wsk_conn *c = open_shell(&s, WSK_ROLE_SERVER, NULL);
        if (rested) {
            wsk__conn_rest(c);
            assert_ptr_equal(c->w, &wsk__no_work);
        }
        wsk_conn_lend_output(c, room, sizeof(room));
        wsk_conn_lend_output(c, other, sizeof(other)); /* one at a time */
        assert_int_equal(wsk_conn_send(c, WSK_OP_TEXT, "abc", 3, 0), WSK_OK);
        assert_int_equal(wsk_conn_output(c, iov, 0), 0);
        assert_int_equal(wsk_conn_output(c, iov, 2), 1);
        assert_ptr_equal(iov[0].iov_base, room);
        assert_int_equal(wsk_conn_unlend(c), WSK_OK);
        /* Behind what is queued nothing can be put in front of it. */
        wsk_conn_lend_output(c, room, sizeof(room));
        assert_int_equal(wsk_conn_send(c, WSK_OP_TEXT, "d", 1, 0), WSK_OK);
        memset(room, 0xEE, sizeof(room));
        went_out(&s, c, "\x81\3abc\x81\1d", 8, NULL, 0);
        assert_int_equal(wsk_conn_unlend(c), WSK_OK);
        solo_end(&s);
    }
    /* Without memory for the loan: the frame finds none either. */
    wsk_conn *c = open_shell(&s, WSK_ROLE_SERVER, NULL);
    wsk__conn_rest(c);
    wsk__free(s.env.hooks, s.env.work);
    s.env.work = NULL;
    solo_starve_all(&s);
    wsk_conn_lend_output(c, room, sizeof(room));
    assert_int_equal(wsk_conn_send(c, WSK_OP_TEXT, "abc", 3, 0), WSK_ERR_NOMEM);
    assert_int_equal(wsk_conn_state(c), WSK_STATE_OPEN); /* nothing of it was queued */
    assert_int_equal(wsk_conn_queued(c), 0);
    solo_nourish(&s);
    assert_int_equal(wsk_conn_send(c, WSK_OP_TEXT, "abc", 3, 0), WSK_OK);
    went_out(&s, c, "\x81\3", 2, "abc", 3);
    solo_end(&s);
}

/* What stands in lent room when the loan ends has to be copied. */
static void test_no_memory_for_lent_room(void **state)
{
    (void)state;
    uint8_t room[64];
    solo s;

    wsk_conn *c = open_shell(&s, WSK_ROLE_SERVER, NULL);
    wsk_conn_lend_output(c, room, sizeof(room));
    assert_int_equal(wsk_conn_send(c, WSK_OP_TEXT, "abc", 3, 0), WSK_OK);
    assert_int_equal(wsk_conn_send(c, WSK_OP_BINARY, room, sizeof(room), 0), WSK_OK);
    solo_starve(&s, 1);
    assert_int_equal(wsk_conn_unlend(c), WSK_ERR_NOMEM);
    dropped_for_memory(&s, c);
    assert_int_equal(wsk_conn_unlend(c), WSK_OK); /* the loan has ended all the same */
    solo_end(&s);
}

/* One copy of it, not one for each place that it is called from. */
static WSK__NOINLINE bool quick_send(wsk_conn *c, wsk_opcode op, const void *data, size_t len,
                                     unsigned flags)
{
    return wsk__quick_send(c, op, data, len, flags);
}

/* The short way to send: what it takes, and what it leaves to wsk_conn_send(). */
static void test_short_way(void **state)
{
    (void)state;
    enum { PLAIN, TEXT, PING, TOO_LONG, NO_ROOM, FULL, CLOSED, DEFLATE, PARTS, LAST };
    uint8_t room[200];
    char data[126];

    memset(data, 'q', sizeof(data));
    for (int i = 0; i < LAST; i++) {
        wsk_config_options o = WSK_CONFIG_OPTIONS_INIT;
        wsk_opcode op = i == TEXT ? WSK_OP_TEXT : i == PING ? WSK_OP_PING : WSK_OP_BINARY;
        solo s;
        o.deflate.enabled = i == DEFLATE;
        o.high_water = o.max_queued = i == FULL ? 170 : 400;
        o.low_water = 1;
        wsk_conn *c = open_shell(&s, WSK_ROLE_SERVER, &o);
        wsk_conn_lend_output(c, room, i == NO_ROOM ? 126 : sizeof(room));
        if (i == FULL) {
            assert_true(quick_send(c, WSK_OP_BINARY, data, 60, 0));
            assert_int_equal(wsk_conn_queued(c), 62);
        }
        if (i == CLOSED)
            assert_int_equal(wsk_conn_close(c, 0, NULL), WSK_OK);
        if (i == PARTS)
            assert_int_equal(wsk_conn_send_part(c, WSK_OP_BINARY, "", 0, false, 0), WSK_OK);
        size_t before = wsk_conn_queued(c);
        /* Text has to be known to be good. */
        assert_int_equal(quick_send(c, op, data, i == TOO_LONG ? 126 : 125, 0), i == PLAIN);
        assert_false(quick_send(c, op, NULL, 5, 0));
        if (i == TEXT)
            assert_true(quick_send(c, op, data, 125, WSK_SEND_SKIP_UTF8));
        bool taken = i == PLAIN || i == TEXT;
        assert_int_equal(wsk_conn_queued(c), before + (taken ? 127 : 0));
        if (i == PLAIN) {
            assert_true(quick_send(c, op, NULL, 0, 0));
            solo_out(&s, c);
            assert_int_equal(s.out_len, 129);
            assert_memory_equal(s.out, "\x82\x7D", 2);
            assert_memory_equal(s.out + 2, data, 125);
            assert_memory_equal(s.out + 127, "\x82", 2);
            wsk_conn_stats stats;
            wsk_conn_get_stats(c, &stats);
            assert_int_equal(stats.messages_out, 2);
        }
        assert_int_equal(wsk_conn_unlend(c), WSK_OK);
        solo_end(&s);
    }
}

/* ------------------------------------------------------------------------- borrowed octets -- */

#define LONG ((size_t)17000)

static void test_borrowed(void **state)
{
    (void)state;
    uint8_t *data = malloc(70000), *copy = malloc(70000);
    struct iovec iov[8];
    solo s;

    memset(data, 'b', 70000);
    memset(copy, 'b', 70000);
    wsk_conn *c = open_shell(&s, WSK_ROLE_SERVER, NULL);
    assert_int_equal(wsk__conn_settle(c), WSK_OK); /* nothing was borrowed */
    assert_int_equal(wsk_conn_send(c, WSK_OP_TEXT, "abc", 3, 0), WSK_OK);
    assert_int_equal(wsk__conn_send_borrowed(c, WSK_OP_BINARY, data, LONG, 0), WSK_OK);
    assert_int_equal(wsk_conn_ping(c, "", 0), WSK_OK);
    assert_int_equal(wsk_conn_output(c, iov, 8), 3);
    assert_ptr_equal(iov[1].iov_base, data); /* no copy */
    /* In the middle of it: what did not go out is copied, and what follows still follows. */
    wsk_conn_sent(c, 5 + 4 + 10000, s.now);
    assert_int_equal(wsk__conn_settle(c), WSK_OK);
    memset(data, 0xEE, LONG);
    assert_int_equal(wsk_conn_output(c, iov, 8), 2);
    assert_int_equal(iov[0].iov_len, LONG - 10000);
    assert_memory_equal(iov[0].iov_base, copy, LONG - 10000);
    assert_memory_equal(iov[1].iov_base, "\x89", 2);
    solo_out(&s, c);
    /* As the last one of the queue. */
    memset(data, 'b', LONG);
    assert_int_equal(wsk__conn_send_borrowed(c, WSK_OP_BINARY, data, 65536, 0), WSK_OK);
    assert_int_equal(wsk__conn_settle(c), WSK_OK);
    assert_int_equal(wsk_conn_send(c, WSK_OP_TEXT, "abc", 3, 0), WSK_OK);
    assert_int_equal(wsk_conn_queued(c), 10 + 65536 + 5);
    assert_int_equal(wsk_conn_output(c, iov, 8), 3);
    assert_memory_equal(iov[0].iov_base, "\x82\x7F\0\0\0\0\0\1\0", 10);
    assert_memory_equal(iov[1].iov_base, copy, 65536);
    assert_memory_equal(iov[2].iov_base, "\x81\3abc", 5);
    solo_end(&s);

    /* Never where the octets have to be changed: by a mask, or into fragments. */
    wsk_config_options o = WSK_CONFIG_OPTIONS_INIT;
    for (int i = 0; i < 2; i++) {
        o.fragment_size = i == 0 ? 0 : 16384;
        c = open_shell(&s, i == 0 ? WSK_ROLE_CLIENT : WSK_ROLE_SERVER, &o);
        assert_int_equal(wsk__conn_send_borrowed(c, WSK_OP_BINARY, data, LONG, 0), WSK_OK);
        memset(data, 0xEE, LONG);
        solo_out(&s, c);
        if (i == 0) {
            uint32_t key;
            memcpy(&key, s.out + 4, 4);
            assert_int_equal(s.out_len, 8 + LONG);
            wsk__mask((uint8_t *)s.out + 8, LONG, key, 0);
            assert_memory_equal(s.out + 8, copy, LONG);
        } else {
            assert_int_equal(s.out_len, 8 + LONG);
            assert_memory_equal(s.out, "\2\x7E\x40", 4);
            assert_memory_equal(s.out + 4, copy, 16384);
            assert_memory_equal(s.out + 4 + 16384, "\x80\x7E\2\x68", 4);
            assert_memory_equal(s.out + 8 + 16384, copy, LONG - 16384);
        }
        memset(data, 'b', LONG);
        solo_end(&s);
    }
    free(data);
    free(copy);
}

/* An echo goes out in one piece, its header where the client's stood, unless that came before. */
static void test_echo_in_place(void **state)
{
    (void)state;
    const size_t frame = 8 + LONG;
    uint8_t *in = malloc(2 * frame), *want = malloc(LONG);
    struct iovec iov[8];
    solo s;

    memset(want, 'e', LONG);
    for (size_t cut = 0; cut <= 9; cut++) {
        wsk_conn *c = open_shell(&s, WSK_ROLE_SERVER, NULL);
        for (int i = 0; i < 2; i++) {
            memcpy(in + (size_t)i * frame, "\x82\xFE\x42\x68\0\0\0\0", 8);
            memset(in + (size_t)i * frame + 8, 'e', LONG);
        }
        if (cut > 0) {
            assert_int_equal(wsk_conn_feed(c, in, cut, s.now), WSK_OK);
            assert_int_equal(wsk_conn_next(c, &s.ev), WSK_OK);
            assert_int_equal(s.ev.type, WSK_EV_NONE);
            assert_int_equal(wsk__conn_unlend_input(c), WSK_OK);
        }
        assert_int_equal(wsk_conn_feed(c, in + cut, 2 * frame - cut, s.now), WSK_OK);
        for (int i = 0; i < 2; i++) {
            bool whole = cut == 0 || i == 1;

            assert_int_equal(wsk_conn_next(c, &s.ev), WSK_OK);
            assert_int_equal(s.ev.type, WSK_EV_MESSAGE);
            assert_int_equal(s.ev.len, LONG);
            /* Twice, as a program may. */
            for (int k = 0; k < 2; k++) {
                assert_int_equal(wsk__conn_send_borrowed(c, WSK_OP_BINARY, s.ev.data, s.ev.len, 0),
                                 WSK_OK);
                size_t n = wsk_conn_output(c, iov, 8);
                if (whole) {
                    assert_int_equal(n, 1);
                    assert_ptr_equal(iov[0].iov_base, s.ev.data - 4);
                }
                went_out(&s, c, "\x82\x7E\x42\x68", 4, want, LONG);
            }
        }
        solo_end(&s);
    }
    free(in);
    free(want);
}

static void test_no_memory_for_borrowed(void **state)
{
    (void)state;
    uint8_t *data = calloc(1, LONG);
    solo s;

    /* For the header: nothing was queued. */
    wsk_conn *c = open_shell(&s, WSK_ROLE_SERVER, NULL);
    solo_starve(&s, 1);
    assert_int_equal(wsk__conn_send_borrowed(c, WSK_OP_BINARY, data, LONG, 0), WSK_ERR_NOMEM);
    assert_int_equal(wsk_conn_queued(c), 0);
    assert_int_equal(wsk_conn_state(c), WSK_STATE_OPEN);
    /* For what follows it: nothing can make sense behind it. */
    solo_starve(&s, 2);
    assert_int_equal(wsk__conn_send_borrowed(c, WSK_OP_BINARY, data, LONG, 0), WSK_ERR_NOMEM);
    dropped_for_memory(&s, c);
    solo_end(&s);
    /* For the copy that the connection is to keep. */
    c = open_shell(&s, WSK_ROLE_SERVER, NULL);
    assert_int_equal(wsk__conn_send_borrowed(c, WSK_OP_BINARY, data, LONG, 0), WSK_OK);
    solo_starve(&s, 1);
    assert_int_equal(wsk_conn_unlend(c), WSK_ERR_NOMEM);
    dropped_for_memory(&s, c);
    solo_end(&s);
    free(data);
}

/* -------------------------------------------------------------------------------- prepared -- */

static wsk_prepared *prepared(const solo *s, wsk_opcode op, const void *data, size_t n)
{
    wsk_prepared *p = NULL;

    assert_int_equal(wsk_prepared_new(&p, s->cfg, op, data, n), WSK_OK);
    return p;
}

static void test_prepared_in_every_form(void **state)
{
    (void)state;
    wsk_config_options o = WSK_CONFIG_OPTIONS_INIT;
    uint8_t noise[300];
    uint32_t x = 1;
    solo s;

    for (size_t i = 0; i < sizeof(noise); i++) {
        x = x * 1664525 + 1013904223;
        noise[i] = (uint8_t)(x >> 24);
    }
    o.deflate.enabled = true;
    wsk_conn *c = open_shell(&s, WSK_ROLE_SERVER, &o);
    wsk_prepared *none = NULL;
    assert_int_equal(wsk_prepared_new(&none, s.cfg, WSK_OP_PING, "x", 1), WSK_ERR_INVAL);
    assert_null(none);
    wsk_prepared_unref(none);
    /* Empty; shorter than what is compressed; what compressing makes longer. */
    wsk_prepared *p = prepared(&s, WSK_OP_BINARY, NULL, 0);
    assert_int_equal(wsk_conn_send_prepared(c, p), WSK_OK);
    went_out(&s, c, "\x82", 2, NULL, 0);
    wsk_prepared_unref(p);
    p = prepared(&s, WSK_OP_TEXT, "abc", 3);
    assert_int_equal(wsk_conn_send_prepared(c, p), WSK_OK);
    went_out(&s, c, "\x81\3", 2, "abc", 3);
    wsk_prepared_unref(p);
    p = prepared(&s, WSK_OP_BINARY, noise, sizeof(noise));
    assert_int_equal(wsk_conn_send_prepared(c, p), WSK_OK);
    went_out(&s, c, "\x82\x7E\1\x2C", 4, noise, sizeof(noise));
    wsk_prepared_unref(p);
    /* What shrinks goes out so, and the peer can read it by itself. */
    memset(noise, 'a', sizeof(noise));
    p = prepared(&s, WSK_OP_TEXT, noise, sizeof(noise));
    assert_int_equal(wsk_conn_send_prepared(c, p), WSK_OK);
    solo_out(&s, c);
    assert_true(s.out_len < 30);
    assert_int_equal((uint8_t)s.out[0], 0xC1);
    /* Behind a message of the connection's own, which left a history, too. */
    assert_int_equal(wsk_conn_send(c, WSK_OP_TEXT, noise, sizeof(noise), 0), WSK_OK);
    assert_false(c->ext->is_model);
    solo_out(&s, c);
    assert_int_equal(wsk_conn_send_prepared(c, p), WSK_OK);
    solo_out(&s, c);
    assert_int_equal((uint8_t)s.out[0], 0xC1);
    /* A message in parts is unfinished; then the connection is closed; then it has failed. */
    assert_int_equal(wsk_conn_send_part(c, WSK_OP_TEXT, "x", 1, false, 0), WSK_OK);
    assert_int_equal(wsk_conn_send_prepared(c, p), WSK_ERR_STATE);
    assert_int_equal(wsk_conn_send_part(c, WSK_OP_TEXT, "x", 1, true, 0), WSK_OK);
    assert_int_equal(wsk_conn_close(c, 1000, NULL), WSK_OK);
    assert_int_equal(wsk_conn_send_prepared(c, p), WSK_ERR_STATE);
    solo_say(&s, c, "\x81\1x");
    solo_want(&s, c, WSK_EV_FAIL);
    assert_int_equal(wsk_conn_send_prepared(c, p), WSK_ERR_FAILED);
    assert_int_equal(wsk_conn_send(c, WSK_OP_TEXT, "x", 1, 0), WSK_ERR_FAILED);
    wsk_prepared_unref(p);
    solo_end(&s);
}

static void test_prepared_in_fragments(void **state)
{
    (void)state;
    wsk_config_options o = WSK_CONFIG_OPTIONS_INIT;
    bool packed;
    solo s;

    o.fragment_size = 3;
    wsk_conn *c = open_shell(&s, WSK_ROLE_SERVER, &o);
    wsk_prepared *p = prepared(&s, WSK_OP_TEXT, "abcd", 4), *q = prepared(&s, WSK_OP_TEXT, "ab", 2);
    wsk__conn_rest(c);
    assert_null(wsk__prepared_direct(c, p, &packed));
    assert_ptr_equal(wsk__prepared_direct(c, q, &packed), q->plain);
    assert_int_equal(wsk_conn_send_prepared(c, p), WSK_OK);
    assert_int_equal(wsk_conn_send_prepared(c, q), WSK_OK);
    went_out(&s, c, "\1\3abc\x80\1d\x81\2ab", 12, NULL, 0);
    wsk_prepared_unref(p);
    wsk_prepared_unref(q);
    solo_end(&s);
}

/* What is compressed once is cut for a connection, and not compressed for it once more. */
static void test_prepared_in_packed_fragments(void **state)
{
    (void)state;
    wsk_config_options o = WSK_CONFIG_OPTIONS_INIT;
    char text[4000];
    bool packed;
    solo s;

    for (size_t i = 0; i < sizeof(text); i++)
        text[i] = (char)('a' + i * i / 7 % 26);
    o.deflate.enabled = true;
    for (size_t most = 10; most <= sizeof(text); most = most * 2 + 1) {
        o.fragment_size = most;
        wsk_conn *c = open_shell(&s, WSK_ROLE_SERVER, &o);
        wsk_prepared *p = prepared(&s, WSK_OP_TEXT, text, sizeof(text));
        const uint8_t *want = p->packed->data + p->packed_head_len, *at;
        size_t n = p->packed->len - p->packed_head_len;

        wsk__conn_rest(c);
        assert_ptr_equal(wsk__prepared_direct(c, p, &packed), n <= most ? p->packed : NULL);
        /* Twice, and the same: nothing of it goes by what was sent before. */
        for (int k = 0; k < 2; k++) {
            assert_int_equal(wsk_conn_send_prepared(c, p), WSK_OK);
            solo_out(&s, c);
            at = (const uint8_t *)s.out;
            for (size_t done = 0; done < n;) {
                size_t part = n - done < most ? n - done : most, head = part < 126 ? 2 : 4;

                assert_int_equal(at[0], (done == 0 ? 0x41 : 0) | (done + part == n ? 0x80 : 0));
                assert_int_equal(part, head == 2 ? at[1] : at[2] << 8 | at[3]);
                assert_memory_equal(at + head, want + done, part);
                at += head + part;
                done += part;
            }
            assert_ptr_equal(at, s.out + s.out_len);
        }
        wsk_conn_stats stats;
        wsk_conn_get_stats(c, &stats);
        assert_int_equal(stats.messages_out, 2);
        wsk_prepared_unref(p);
        solo_end(&s);
    }
}

static void test_prepared_and_limits(void **state)
{
    (void)state;
    wsk_config_options o = WSK_CONFIG_OPTIONS_INIT;
    char data[300] = {0};
    solo s;

    o.high_water = o.max_queued = 100;
    o.low_water = 1;
    wsk_conn *c = open_shell(&s, WSK_ROLE_SERVER, &o);
    wsk_prepared *p = prepared(&s, WSK_OP_BINARY, data, 300),
                 *q = prepared(&s, WSK_OP_BINARY, data, 10);
    solo_starve(&s, 1);
    assert_int_equal(wsk_conn_send_prepared(c, p), WSK_ERR_NOMEM);
    solo_starve(&s, 1);
    assert_int_equal(wsk_conn_send_prepared(c, q), WSK_ERR_NOMEM);
    assert_int_equal(wsk_conn_queued(c), 0);
    assert_int_equal(wsk_conn_send_prepared(c, p), WSK_OK);
    assert_int_equal(wsk_conn_send_prepared(c, q), WSK_ERR_FULL);
    wsk_conn_stats stats;
    wsk_conn_get_stats(c, &stats);
    assert_int_equal(stats.messages_out, 1);
    went_out(&s, c, "\x82\x7E\1\x2C", 4, data, 300);
    wsk_prepared_unref(p);
    wsk_prepared_unref(q);
    solo_end(&s);
    /* With extensions of a program's own there is no form that fits all. */
    static const wsk_extension other = {.size = sizeof(other), .name = "x-other"};
    const wsk_extension *list[] = {&other, NULL};
    o = (wsk_config_options)WSK_CONFIG_OPTIONS_INIT;
    o.deflate.enabled = true;
    o.extensions = list;
    solo_begin(&s, WSK_ROLE_SERVER, &o);
    p = prepared(&s, WSK_OP_TEXT, data, sizeof(data));
    assert_null(p->packed);
    wsk_prepared_unref(p);
    solo_end(&s);
}

static void test_no_memory_to_prepare(void **state)
{
    (void)state;
    wsk_config_options o = WSK_CONFIG_OPTIONS_INIT;
    char data[300] = {0};
    wsk_prepared *p = NULL;
    long i = 0;
    solo s;

    o.deflate.enabled = true;
    solo_begin(&s, WSK_ROLE_SERVER, &o);
    int r;
    do {
        long live = s.alloc.live;
        solo_starve(&s, ++i);
        r = wsk_prepared_new(&p, s.cfg, WSK_OP_TEXT, data, sizeof(data));
        if (r < 0) {
            assert_int_equal(r, WSK_ERR_NOMEM);
            assert_null(p);
            assert_int_equal(s.alloc.live, live);
        }
    } while (r < 0);
    assert_true(i > 2);
    wsk_prepared_unref(p);
    solo_end(&s);
}

/* ------------------------------------------------------------------- frames past the queue -- */

static void test_direct(void **state)
{
    (void)state;
    wsk_config_options o = WSK_CONFIG_OPTIONS_INIT;
    char text[300];
    bool packed;
    solo s;

    memset(text, 'a', sizeof(text));
    for (int deflate = 0; deflate < 3; deflate++) {
        o.deflate.enabled = deflate > 0;
        wsk_conn *c = open_shell(&s, WSK_ROLE_SERVER, &o);
        wsk_prepared *p = prepared(&s, WSK_OP_TEXT, text, deflate == 2 ? 10 : sizeof(text));
        /* Only to one that rests. */
        assert_null(wsk__prepared_direct(c, p, &packed));
        wsk__conn_rest(c);
        wsk__shared *frame = wsk__prepared_direct(c, p, &packed);
        assert_non_null(frame);
        assert_ptr_equal(frame, deflate == 1 ? p->packed : p->plain);
        assert_int_equal(packed, deflate == 1);
        size_t n = frame->len;
        wsk__prepared_taken(c, 1, n);
        wsk_conn_stats stats;
        wsk_conn_get_stats(c, &stats);
        assert_int_equal(stats.messages_out, 1);
        uint64_t all = stats.octets_out;
        /* Half of it did not go out: it is queued by reference, before anything else. */
        uint8_t room[32];
        for (int queued = 0; queued < 2; queued++) {
            if (queued) {
                wsk_conn_lend_output(c, room, sizeof(room));
                assert_int_equal(wsk_conn_send(c, WSK_OP_BINARY, "b", 1, WSK_SEND_NO_COMPRESS),
                                 WSK_OK);
                wsk__prepared_taken(c, 1, n);
            }
            assert_int_equal(wsk__shared_put_back(c, frame->data + 3, n - 3, frame), WSK_OK);
            assert_int_equal(wsk_conn_queued(c), n - 3 + (queued ? 3 : 0));
            solo_out(&s, c);
            assert_memory_equal(s.out, frame->data + 3, n - 3);
            if (queued)
                assert_memory_equal(s.out + n - 3, "\x82\1b", 3);
            wsk_conn_get_stats(c, &stats);
            assert_int_equal(stats.octets_out, all + (queued ? n + 3 : 0));
            assert_int_equal(wsk_conn_unlend(c), WSK_OK);
        }
        wsk_prepared_unref(p);
        solo_end(&s);
    }
}

/* Whose own coder has a history, whose state is another, or who is gone: not past the queue. */
static void test_not_direct(void **state)
{
    (void)state;
    wsk_config_options o = WSK_CONFIG_OPTIONS_INIT;
    char text[300];
    bool packed;
    solo s;

    memset(text, 'a', sizeof(text));
    o.deflate.enabled = true;
    wsk_conn *c = open_shell(&s, WSK_ROLE_SERVER, &o);
    wsk_prepared *p = prepared(&s, WSK_OP_TEXT, text, sizeof(text)),
                 *q = prepared(&s, WSK_OP_TEXT, text, 10);
    assert_int_equal(wsk_conn_send(c, WSK_OP_TEXT, text, sizeof(text), 0), WSK_OK);
    solo_out(&s, c);
    wsk__conn_rest(c); /* its history it keeps */
    assert_ptr_equal(c->w, &wsk__no_work);
    assert_false(c->ext->is_model);
    assert_null(wsk__prepared_direct(c, p, &packed));
    assert_null(wsk__prepared_direct(c, q, &packed));
    assert_int_equal(wsk_conn_send_prepared(c, q), WSK_OK);
    went_out(&s, c, "\x81\x0A", 2, text, 10);
    wsk__conn_rest(c);
    wsk_conn *young = solo_shell(&s);
    assert_null(wsk__prepared_direct(young, p, &packed));
    wsk_prepared_unref(p);
    wsk_prepared_unref(q);
    solo_end(&s);
}

static void test_put_back(void **state)
{
    (void)state;
    uint8_t room[32];
    solo s;

    /* To one that is gone: of no use, and no harm. */
    wsk_conn *c = open_shell(&s, WSK_ROLE_SERVER, NULL);
    wsk_prepared *p = prepared(&s, WSK_OP_TEXT, "abc", 3);
    wsk__conn_rest(c);
    wsk__prepared_taken(c, 1, p->plain->len);
    wsk_conn_lost(c, "reset");
    assert_int_equal(wsk__shared_put_back(c, p->plain->data, p->plain->len, p->plain), WSK_OK);
    assert_int_equal(wsk_conn_queued(c), 0);
    wsk_prepared_unref(p);
    solo_end(&s);
    /* No memory: for the work, for what is lent, for the reference. */
    for (int i = 1; i <= 3; i++) {
        c = open_shell(&s, WSK_ROLE_SERVER, NULL);
        p = prepared(&s, WSK_OP_TEXT, "abc", 3);
        wsk__conn_rest(c);
        wsk__prepared_taken(c, 1, p->plain->len);
        if (i == 1) {
            wsk__free(s.env.hooks, s.env.work);
            s.env.work = NULL;
        }
        if (i == 2) {
            wsk_conn_lend_output(c, room, sizeof(room));
            assert_int_equal(wsk_conn_send(c, WSK_OP_BINARY, "b", 1, 0), WSK_OK);
        }
        solo_starve(&s, 1);
        assert_int_equal(wsk__shared_put_back(c, p->plain->data + 1, p->plain->len - 1, p->plain),
                         WSK_ERR_NOMEM);
        dropped_for_memory(&s, c);
        wsk_prepared_unref(p);
        solo_end(&s);
    }
}

/* ---------------------------------------------------------------------------------- parts -- */

static void test_parts(void **state)
{
    (void)state;
    solo s;
    wsk_conn *c = open_shell(&s, WSK_ROLE_SERVER, NULL);

    assert_int_equal(wsk_conn_send_part(c, WSK_OP_PONG, "x", 1, true, 0), WSK_ERR_INVAL);
    /* A first piece that is not text: nothing was begun, another message may be. */
    assert_int_equal(wsk_conn_send_part(c, WSK_OP_TEXT, "\xFF", 1, false, 0), WSK_ERR_UTF8);
    assert_int_equal(wsk_conn_send_part(c, WSK_OP_BINARY, "\xFF", 1, false, 0), WSK_OK);
    assert_int_equal(wsk_conn_send_part(c, WSK_OP_BINARY, "", 0, true, 0), WSK_OK);
    /* The program knows better. */
    assert_int_equal(wsk_conn_send_part(c, WSK_OP_TEXT, "\xFF", 1, true, WSK_SEND_SKIP_UTF8),
                     WSK_OK);
    went_out(&s, c, "\2\1\xFF\x80\0\x81\1\xFF", 8, NULL, 0);
    /* So it says with the first part, for all of the message. */
    assert_int_equal(wsk_conn_send_part(c, WSK_OP_TEXT, "\xC3", 1, false, WSK_SEND_SKIP_UTF8),
                     WSK_OK);
    assert_int_equal(wsk_conn_send_part(c, WSK_OP_TEXT, "\xA9", 1, true, 0), WSK_OK);
    went_out(&s, c, "\1\1\xC3\x80\1\xA9", 6, NULL, 0);
    assert_int_equal(wsk_conn_send_part(c, WSK_OP_TEXT, "a", 1, false, 0), WSK_OK);
    assert_int_equal(wsk_conn_send_part(c, WSK_OP_TEXT, "\xFF", 1, true, WSK_SEND_SKIP_UTF8),
                     WSK_ERR_UTF8);
    assert_int_equal(wsk_conn_send_part(c, WSK_OP_TEXT, "b", 1, true, 0), WSK_OK);
    went_out(&s, c, "\1\1a\x80\1b", 6, NULL, 0);
    /* Compressed it is the same. */
    solo_end(&s);
    wsk_config_options o = WSK_CONFIG_OPTIONS_INIT;
    o.deflate.enabled = true;
    c = open_shell(&s, WSK_ROLE_SERVER, &o);
    assert_int_equal(wsk_conn_send_part(c, WSK_OP_TEXT, "\xFF", 1, false, WSK_SEND_COMPRESS),
                     WSK_ERR_UTF8);
    assert_int_equal(wsk_conn_send(c, WSK_OP_TEXT, "yes", 3, 0), WSK_OK);
    solo_out(&s, c);
    assert_int_equal(wsk_conn_send_part(c, WSK_OP_TEXT, "ab\xC3", 3, false, WSK_SEND_COMPRESS),
                     WSK_OK);
    assert_int_equal(wsk_conn_send_part(c, WSK_OP_TEXT, "\xFF", 1, false, 0), WSK_ERR_UTF8);
    assert_int_equal(wsk_conn_send(c, WSK_OP_TEXT, "no", 2, 0), WSK_ERR_STATE);
    assert_int_equal(wsk_conn_send_part(c, WSK_OP_TEXT, "\xBC", 1, true, 0), WSK_OK);
    solo_out(&s, c);
    assert_int_equal((uint8_t)s.out[0], 0xC1);
    /* Agreed, but not asked for: a first piece that is refused leaves nothing behind. */
    assert_int_equal(wsk_conn_send_part(c, WSK_OP_TEXT, "\xFF", 1, false, WSK_SEND_NO_COMPRESS),
                     WSK_ERR_UTF8);
    assert_int_equal(wsk_conn_send(c, WSK_OP_TEXT, "yes", 3, 0), WSK_OK);
    solo_end(&s);
}

/* A piece for which there was no memory was not sent: it may be tried again, or left. */
static void test_part_again(void **state)
{
    (void)state;
    solo s;
    wsk_conn *c = open_shell(&s, WSK_ROLE_SERVER, NULL);

    for (int again = 0; again < 2; again++) {
        assert_int_equal(wsk_conn_ping(c, "", 0), WSK_OK);
        solo_out(&s, c);
        solo_starve(&s, 1);
        assert_int_equal(wsk_conn_send_part(c, WSK_OP_TEXT, "Gr\xC3", 3, false, 0), WSK_ERR_NOMEM);
        if (!again)
            assert_int_equal(wsk_conn_send(c, WSK_OP_BINARY, "x", 1, 0), WSK_OK);
        else
            assert_int_equal(wsk_conn_send_part(c, WSK_OP_TEXT, "Gr\xC3", 3, false, 0), WSK_OK);
        solo_out(&s, c);
    }
    solo_starve(&s, 1);
    assert_int_equal(wsk_conn_send_part(c, WSK_OP_TEXT, "\xBC\xC3", 2, false, 0), WSK_ERR_NOMEM);
    assert_int_equal(wsk_conn_send_part(c, WSK_OP_TEXT, "\xBC\xC3", 2, false, 0), WSK_OK);
    assert_int_equal(wsk_conn_send_part(c, WSK_OP_TEXT, "\x9F", 1, true, 0), WSK_OK);
    went_out(&s, c, "\0\2\xBC\xC3\x80\1\x9F", 7, NULL, 0);
    solo_end(&s);
}

/* Each allocation of a message, of each kind, fails in turn. Before anything of it was queued the
 * connection may go on; afterwards it may not. */
static void test_no_memory_to_send(void **state)
{
    (void)state;
    static uint8_t data[1000];
    uint32_t x = 1;

    for (size_t i = 0; i < sizeof(data);
         i++) { /* half as long, compressed, and more than a buffer */
        x = x * 1664525 + 1013904223;
        data[i] = i % 3 == 0 ? 'a' : (uint8_t)(x >> 24);
    }
    for (int kind = 0; kind < 16; kind++) {
        wsk_role role = kind & 1 ? WSK_ROLE_CLIENT : WSK_ROLE_SERVER;
        bool rested = (kind & 2) != 0, parts = (kind & 8) != 0;
        wsk_config_options o = WSK_CONFIG_OPTIONS_INIT;
        bool through = false;
        o.deflate.enabled = (kind & 4) != 0;
        o.fragment_size = 100;
        for (long i = 1; !through; i++) {
            solo s;
            wsk_conn *c = open_shell(&s, role, &o);
            if (rested) {
                wsk__conn_rest(c);
                assert_ptr_equal(c->w, &wsk__no_work);
                wsk__free(s.env.hooks, s.env.work);
                s.env.work = NULL;
            }
            solo_starve(&s, i);
            int r = parts ? wsk_conn_send_part(c, WSK_OP_BINARY, data, sizeof(data), false, 0)
                          : wsk_conn_send(c, WSK_OP_BINARY, data, sizeof(data), 0);
            through = !s.alloc.failed;
            /* Without memory to compress it a message still goes out as it is. */
            assert_true(r == (through ? WSK_OK : WSK_ERR_NOMEM) ||
                        (r == WSK_OK && o.deflate.enabled));
            if (r == WSK_OK) {
                assert_int_equal(wsk_conn_state(c), WSK_STATE_OPEN);
                assert_true(parts || wsk_conn_queued(c) > 0);
            } else if (wsk_conn_state(c) == WSK_STATE_OPEN) {
                assert_int_equal(wsk_conn_queued(c), 0);
                solo_want(&s, c, WSK_EV_NONE);
            } else {
                solo_want(&s, c, WSK_EV_FAIL);
                assert_string_equal(s.ev.text, NOMEM);
                assert_true(s.ev.code == 1006 || s.ev.code == 1011);
                assert_int_equal(wsk_conn_send(c, WSK_OP_TEXT, "x", 1, 0), WSK_ERR_FAILED);
            }
            solo_end(&s);
            assert_true(i < 60);
        }
    }
}

static int no_random(void *ud, void *buf, size_t n)
{
    (void)ud;
    (void)buf;
    (void)n;
    return -1;
}

/* RFC 6455 10.3: rather no connection than one with masks that could be guessed. */
static void test_no_random(void **state)
{
    (void)state;
    for (int how = 0; how < 3; how++) {
        solo s;
        wsk_conn *c = open_shell(&s, WSK_ROLE_CLIENT, NULL);
        s.alloc.hooks.random = no_random;
        int r = how == 0   ? wsk_conn_send(c, WSK_OP_TEXT, "x", 1, 0)
                : how == 1 ? wsk_conn_ping(c, "x", 1)
                           : wsk_conn_close(c, 1000, NULL);
        assert_int_equal(r, WSK_ERR_SYS);
        assert_int_equal(wsk_conn_queued(c), 0);
        solo_want(&s, c, WSK_EV_FAIL);
        assert_int_equal(s.ev.code, 1006);
        assert_string_equal(s.ev.text, "no random numbers for the masks");
        assert_int_equal(wsk_conn_wants(c), WSK_WANT_DROP);
        solo_end(&s);
    }
}

/* Messages behind each other, as one piece to send from. */
static void test_joined(void **state)
{
    (void)state;
    wsk_config_options o = WSK_CONFIG_OPTIONS_INIT;
    char text[300];
    solo s;

    memset(text, 'a', sizeof(text));
    o.deflate.enabled = true;
    solo_begin(&s, WSK_ROLE_SERVER, &o);
    wsk_prepared *m[2] = {prepared(&s, WSK_OP_TEXT, text, 300),
                          prepared(&s, WSK_OP_TEXT, text, 200)};
    for (int packed = 0; packed < 2; packed++) {
        wsk__shared *part[2];
        for (int i = 0; i < 2; i++)
            part[i] = packed ? m[i]->packed : m[i]->plain;
        solo_starve(&s, 1);
        assert_null(wsk__shared_join(part, 2));
        wsk__shared *all = wsk__shared_join(part, 2);
        assert_non_null(all);
        assert_int_equal(all->len, part[0]->len + part[1]->len);
        assert_memory_equal(all->data, part[0]->data, part[0]->len);
        assert_memory_equal(all->data + part[0]->len, part[1]->data, part[1]->len);
        wsk__shared_unref(all);
    }
    wsk_prepared_unref(m[0]);
    wsk_prepared_unref(m[1]);
    solo_end(&s);
}

static void test_pongs(void **state)
{
    (void)state;
    char long_one[126] = {0};
    solo s;
    wsk_conn *c = open_shell(&s, WSK_ROLE_SERVER, NULL);

    assert_int_equal(wsk_conn_pong(c, long_one, 126), WSK_ERR_INVAL);
    assert_int_equal(wsk_conn_pong(c, long_one, 125), WSK_OK);
    went_out(&s, c, "\x8A\x7D", 2, long_one, 125);
    assert_int_equal(wsk_conn_close(c, 1000, NULL), WSK_OK);
    assert_int_equal(wsk_conn_pong(c, "", 0), WSK_ERR_STATE);
    assert_int_equal(wsk_conn_ping(c, "", 0), WSK_ERR_STATE);
    solo_end(&s);
}

static void ping(solo *s, wsk_conn *c, char what, size_t then_queued)
{
    solo_frame(s, c, WSK__FIN | WSK_OP_PING, &what, 1);
    solo_want(s, c, WSK_EV_PING);
    solo_want(s, c, WSK_EV_NONE);
    assert_int_equal(wsk_conn_unlend(c), WSK_OK);
    assert_int_equal(wsk_conn_queued(c), then_queued);
}

/* Pongs that went out no longer count, though there is always something behind them. */
static void test_pongs_in_a_queue_that_never_empties(void **state)
{
    (void)state;
    wsk_config_options o = WSK_CONFIG_OPTIONS_INIT;
    char data[100] = {0};
    wsk_prepared *m;
    solo s;

    o.max_pongs = 2;
    wsk_conn *c = open_shell(&s, WSK_ROLE_SERVER, &o);
    assert_int_equal(wsk_prepared_new(&m, s.cfg, WSK_OP_BINARY, data, 98), WSK_OK);
    assert_int_equal(wsk_conn_send(c, WSK_OP_BINARY, data, 98, 0), WSK_OK);
    ping(&s, c, 'a', 103);
    ping(&s, c, 'b', 106);
    for (char what = 'c'; what <= 'z'; what++)
        ping(&s, c, what, 106);
    assert_int_equal(wsk_conn_send(c, WSK_OP_BINARY, data, 98, 0), WSK_OK);
    /* What comes in front does not make them fewer. */
    wsk_conn_sent(c, 100, s.now);
    assert_int_equal(wsk__shared_put_back(c, m->plain->data, 100, m->plain), WSK_OK);
    wsk_conn_sent(c, 105, s.now);
    ping(&s, c, 'A', 101);
    /* The last one is out: the latest ping is answered, and one more may be. */
    wsk_conn_sent(c, 1, s.now);
    assert_int_equal(wsk_conn_queued(c), 103);
    ping(&s, c, 'B', 106);
    ping(&s, c, 'C', 106);
    assert_int_equal(wsk_conn_send(c, WSK_OP_BINARY, data, 98, 0), WSK_OK);
    wsk_conn_sent(c, 100, s.now);
    struct iovec iov;
    assert_int_equal(wsk_conn_output(c, &iov, 1), 1);
    assert_memory_equal(iov.iov_base, "\x8A\1A\x8A\1B", 6);
    wsk_conn_sent(c, 6, s.now);
    solo_out(&s, c);
    assert_int_equal(s.out_len, 103);
    assert_memory_equal(s.out + 100, "\x8A\1C", 3);
    wsk__conn_rest(c);
    assert_ptr_equal(c->w, &wsk__no_work);
    wsk_prepared_unref(m);
    solo_end(&s);
}

/* What is taken of a queue that is forgotten counts for nothing. */
static void test_sent_too_much(void **state)
{
    (void)state;
    solo s;
    wsk_conn *c = open_shell(&s, WSK_ROLE_SERVER, NULL);
    wsk_conn_stats before, after;

    wsk_conn_get_stats(c, &before);
    wsk_conn_sent(c, 5, s.now);
    assert_int_equal(wsk_conn_send(c, WSK_OP_TEXT, "abc", 3, 0), WSK_OK);
    wsk_conn_sent(c, 500, s.now);
    assert_int_equal(wsk_conn_queued(c), 0);
    wsk_conn_get_stats(c, &after);
    assert_int_equal(after.octets_out, before.octets_out + 5);
    assert_int_equal(wsk_conn_send(c, WSK_OP_TEXT, "abc", 3, 0), WSK_OK);
    wsk_conn_lost(c, "reset");
    wsk_conn_sent(c, 5, s.now);
    wsk_conn_get_stats(c, &after);
    assert_int_equal(after.octets_out, before.octets_out + 5);
    solo_end(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lent_room),
        cmocka_unit_test(test_no_memory_for_lent_room),
        cmocka_unit_test(test_short_way),
        cmocka_unit_test(test_borrowed),
        cmocka_unit_test(test_echo_in_place),
        cmocka_unit_test(test_no_memory_for_borrowed),
        cmocka_unit_test(test_prepared_in_every_form),
        cmocka_unit_test(test_prepared_in_fragments),
        cmocka_unit_test(test_prepared_in_packed_fragments),
        cmocka_unit_test(test_prepared_and_limits),
        cmocka_unit_test(test_no_memory_to_prepare),
        cmocka_unit_test(test_direct),
        cmocka_unit_test(test_not_direct),
        cmocka_unit_test(test_put_back),
        cmocka_unit_test(test_parts),
        cmocka_unit_test(test_part_again),
        cmocka_unit_test(test_no_memory_to_send),
        cmocka_unit_test(test_no_random),
        cmocka_unit_test(test_joined),
        cmocka_unit_test(test_pongs),
        cmocka_unit_test(test_pongs_in_a_queue_that_never_empties),
        cmocka_unit_test(test_sent_too_much),
    };

    return cmocka_run_group_tests_name("conn_output", tests, NULL, NULL);
}
