/* SPDX-License-Identifier: MIT */
/*
 * Input of an open connection, by its loans: what is kept of it when the program does not ask for
 * all, where large messages are received, delivery in pieces, limits that only show with an
 * extension, and memory that is not there for the next octets.
 */
#include "solo.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <zlib.h>

#include "conn/conn_quick.h"

#define NOMEM "out of memory"

static wsk_conn *open_one(solo *s, const wsk_config_options *o, bool shell)
{
    solo_begin(s, WSK_ROLE_SERVER, o);
    wsk_conn *c = shell ? solo_shell(s) : solo_alone(s);
    solo_open(s, c,
              o != NULL && o->deflate.enabled ? "Sec-WebSocket-Extensions: permessage-deflate\r\n"
                                              : "");
    return c;
}

static void message(solo *s, wsk_conn *c, const void *data, size_t n)
{
    solo_want(s, c, WSK_EV_MESSAGE);
    assert_int_equal(s->ev.len, n);
    if (n > 0)
        assert_memory_equal(s->ev.data, data, n);
}

static void failed(solo *s, wsk_conn *c, unsigned code)
{
    solo_want(s, c, WSK_EV_FAIL);
    assert_int_equal(s->ev.code, code);
}

/* ----------------------------------------------------------------------------------- loans -- */

static void test_feeding_again(void **state)
{
    (void)state;
    solo s;
    wsk_conn *c = open_one(&s, NULL, false);
    uint8_t more[1] = {0};

    solo_say(&s, c, "\x81\x82++++AB");
    assert_int_equal(wsk_conn_feed(c, NULL, 0, s.now), WSK_ERR_STATE); /* in the middle of a loan */
    message(&s, c, "ji", 2);
    /* The last event is done with, all of the loan is used: the next one may come at once. */
    solo_say(&s, c, "\x81\x82++++BA");
    message(&s, c, "ij", 2);
    solo_want(&s, c, WSK_EV_NONE);
    assert_int_equal(wsk_conn_feed(c, NULL, 0, s.now), WSK_OK);
    assert_int_equal(wsk_conn_wants(c) & WSK_WANT_READ, 0);
    assert_int_equal(wsk_conn_feed(c, NULL, 0, s.now), WSK_OK); /* it ended, as we know */
    assert_int_equal(wsk_conn_feed(c, more, 1, s.now), WSK_ERR_STATE);
    solo_want(&s, c, WSK_EV_END);
    assert_int_equal(s.ev.code, 1006);
    assert_int_equal(wsk_conn_feed(c, more, 1, s.now), WSK_OK); /* over: ignored */
    solo_end(&s);
}

/* A program that asks for nothing loses nothing, however often it is fed. */
static void test_kept(void **state)
{
    (void)state;
    uint8_t long_one[300];
    solo s;
    wsk_conn *c = open_one(&s, NULL, false);

    memset(long_one, 'z', sizeof(long_one));
    for (int i = 0; i < 40; i++)
        solo_pass(&s, c, "\x81\x83\0\0\0\0abc", 9);
    message(&s, c, "abc", 3);
    /* Between two of them: the first is used, the others stay. */
    assert_int_equal(wsk_conn_unlend(c), WSK_OK);
    for (int i = 0; i < 20; i++)
        message(&s, c, "abc", 3);
    solo_pass(&s, c, "\x82\xFE\x01", 3); /* a header, cut */
    for (int i = 0; i < 19; i++)
        message(&s, c, "abc", 3);
    solo_want(&s, c, WSK_EV_NONE);
    solo_pass(&s, c, "\x2C\0\0", 3);
    solo_want(&s, c, WSK_EV_NONE);
    solo_pass(&s, c, "\0\0", 2);
    solo_pass(&s, c, long_one, sizeof(long_one));
    message(&s, c, long_one, sizeof(long_one));
    solo_want(&s, c, WSK_EV_NONE);
    solo_end(&s);
}

/* Message by message out of what was kept, with memory for nothing more. */
static void test_no_memory_to_keep(void **state)
{
    (void)state;
    uint8_t big[200] = "\x82\xFE\0\xC0";
    solo s;

    /* The rest of a loan. */
    wsk_conn *c = open_one(&s, NULL, false);
    solo_say(&s, c, "\x81\x81++++AA");
    solo_starve(&s, 1);
    message(&s, c, "j", 1);
    assert_int_equal(wsk_conn_unlend(c), WSK_ERR_NOMEM);
    failed(&s, c, 1011);
    assert_string_equal(s.ev.text, NOMEM);
    solo_end(&s);

    /* The end of a header whose begin stands at the very end of what is kept. */
    c = open_one(&s, NULL, false);
    solo_pass(&s, c, big, 200); /* 8 octets of header, 192 of payload */
    solo_pass(&s, c, "\x81", 1);
    solo_want(&s, c, WSK_EV_MESSAGE);
    assert_int_equal(s.ev.len, 192);
    solo_say(&s, c, "\x81++++A");
    solo_starve(&s, 1);
    failed(&s, c, 1011);
    assert_string_equal(s.ev.text, NOMEM);
    solo_end(&s);
}

/* Where the program has stopped asking, a closed connection counts what comes all the same. */
static void test_ignored_without_asking(void **state)
{
    (void)state;
    wsk_config_options o = WSK_CONFIG_OPTIONS_INIT;
    size_t huge = (size_t)5 << 30;
    solo s;

    o.max_ignored = UINT32_MAX - 1;
    wsk_conn *c = open_one(&s, &o, false);
    solo_say(&s, c, "\x81\x01x"); /* not masked */
    failed(&s, c, 1002);
    assert_int_equal(wsk_conn_unlend(c), WSK_OK);
    /* Never read, so that it need not be there. More than 32 bits count, at once or in two. */
    void *p = mmap(NULL, huge, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    assert_true(p != MAP_FAILED);
    assert_int_equal(wsk_conn_feed(c, p, 1000, s.now), WSK_OK);
    assert_int_equal(wsk_conn_unlend(c), WSK_OK);
    assert_int_equal(wsk_conn_feed(c, p, 1000, s.now), WSK_OK);
    solo_want(&s, c, WSK_EV_NONE);
    assert_int_equal(wsk_conn_wants(c) & WSK_WANT_DROP, 0);
    assert_int_equal(wsk_conn_feed(c, p, huge, s.now), WSK_OK);
    assert_int_equal(wsk_conn_unlend(c), WSK_OK);
    solo_want(&s, c, WSK_EV_END);
    assert_int_equal(wsk_conn_wants(c), WSK_WANT_DROP);
    munmap(p, huge);
    solo_end(&s);
}

static void test_paused(void **state)
{
    (void)state;
    solo s;
    wsk_conn *c = open_one(&s, NULL, false);

    /* An empty message stands somewhere, too. */
    wsk_conn_pause(c, true);
    solo_pass(&s, c, "\x82\x80\0\0\0\0", 6);
    solo_want(&s, c, WSK_EV_NONE);
    wsk_conn_pause(c, false);
    message(&s, c, "", 0);
    assert_non_null(s.ev.data);
    /* In the middle of a message, and between two. */
    solo_pass(&s, c, "\x81\x84\0\0\0\0ab", 8);
    solo_want(&s, c, WSK_EV_NONE);
    wsk_conn_pause(c, true);
    solo_pass(&s, c, "cd\x89\x80\0\0\0\0", 8);
    solo_want(&s, c, WSK_EV_NONE);
    /* The peer's end is no end while something before it is to be taken. */
    assert_int_equal(wsk_conn_feed(c, NULL, 0, s.now), WSK_OK);
    solo_want(&s, c, WSK_EV_NONE);
    wsk_conn_pause(c, false);
    message(&s, c, "abcd", 4);
    wsk_conn_pause(c, true);
    solo_want(&s, c, WSK_EV_NONE);
    /* But a closing handshake goes on. */
    assert_int_equal(wsk_conn_close(c, 1000, NULL), WSK_OK);
    solo_want(&s, c, WSK_EV_PING);
    solo_out(&s, c);
    assert_int_equal(s.out_len, 4); /* our close frame, and no pong behind it */
    assert_memory_equal(s.out, "\x88\x02\x03\xE8", 4);
    solo_want(&s, c, WSK_EV_END);
    solo_end(&s);
}

/* -------------------------------------------------------------------------------- messages -- */

/* One copy of it, not one for each place that it is called from. */
static WSK__NOINLINE bool quick_next(wsk_conn *c, wsk_opcode *ret_op, uint8_t **ret_data,
                                     size_t *ret_len)
{
    return wsk__quick_next(c, ret_op, ret_data, ret_len);
}

/* The short way, asked for by itself: what it takes, and what it leaves to the other. */
static void test_short_way(void **state)
{
    (void)state;
    static const struct {
        const char *wire;
        size_t n;
        bool taken;
        unsigned code; /* 0: a message all the same */
    } rows[] = {
        {"\x82\x83\0\0\0\0\xFF\0\xFF", 9, true, 0}, {"\x81\x80\0\0\0\0", 6, true, 0},
        {"\x81\x82\0\0\0\0\xC3\xBC", 8, true, 0},   {"\x81\x82\0\0\0\0\xC3\xC3", 8, false, 1007},
        {"\x81\x82\0\0\0\0x\xC3", 8, false, 1007}, /* it ends inside a character */
        {"\x81\x02xy12", 6, false, 1002},           {"\x83\x80\0\0\0\0", 6, false, 1002},
        {"\xC1\x80\0\0\0\0", 6, false, 1002},       {"\x81\xFE\0\x7E\0\0\0\0", 8, false, 1},
        {"\x81\xFF\0\0\0\0\0\0", 8, false, 1002}, /* a length that is not minimal */
        {"\x81\x85\0\0\0\0hell", 10, false, 1},
    };

    for (size_t i = 0; i < WSK__COUNT(rows); i++) {
        wsk_opcode op = WSK_OP_PING;
        uint8_t *data = NULL;
        size_t len = 77;
        solo s;
        wsk_conn *c = open_one(&s, NULL, true);
        char wire[10] = {0};
        memcpy(wire, rows[i].wire, rows[i].n);
        solo_feed(&s, c, wire, rows[i].n);
        assert_int_equal(quick_next(c, &op, &data, &len), rows[i].taken);
        if (rows[i].taken) {
            assert_int_equal(op, rows[i].wire[0] & 15);
            assert_int_equal(len, rows[i].wire[1] & 0x7F);
            assert_memory_equal(data, rows[i].wire + 6, len);
            solo_want(&s, c, WSK_EV_NONE);
        } else {
            assert_int_equal(len, 77);
            if (rows[i].code > 1)
                failed(&s, c, rows[i].code);
            else
                solo_want(&s, c, WSK_EV_NONE); /* the rest of it is yet to come */
        }
        assert_int_equal(wsk__conn_unlend_input(c), WSK_OK);
        solo_end(&s);
    }
}

/* It leaves aside whatever is not a message by itself, in a state that knows of nothing else. */
static void test_short_way_is_left(void **state)
{
    (void)state;
    wsk_opcode op;
    uint8_t *data;
    size_t len;
    solo s;

    for (int i = 0; i < 6; i++) {
        wsk_config_options o = WSK_CONFIG_OPTIONS_INIT;
        o.deflate.enabled = i == 1;
        o.flags = i == 2 ? WSK_CONN_STREAM : 0;
        wsk_conn *c = open_one(&s, &o, true);
        if (i == 0) {
            solo_pass(&s, c, "\x81", 1); /* kept */
            solo_say(&s, c, "\x81++++A");
            assert_false(quick_next(c, &op, &data, &len));
            message(&s, c, "j", 1);
        } else {
            if (i == 3)
                wsk_conn_pause(c, true);
            if (i == 4) { /* in a message */
                solo_say(&s, c, "\x01\x81++++A");
                solo_want(&s, c, WSK_EV_NONE);
            }
            solo_say(&s, c, i == 4 ? "\x80\x81++++A" : i == 5 ? "\x81\x81++" : "\x81\x81++++A");
            assert_false(quick_next(c, &op, &data, &len));
            assert_int_equal(solo_next(&s, c), i == 2             ? WSK_EV_DATA
                                               : i == 3 || i == 5 ? WSK_EV_NONE
                                                                  : WSK_EV_MESSAGE);
        }
        assert_int_equal(wsk__conn_unlend_input(c), WSK_OK);
        solo_end(&s);
    }
}

static void test_empty_frames(void **state)
{
    (void)state;
    for (int stream = 0; stream < 2; stream++) {
        for (unsigned op = WSK_OP_TEXT; op <= WSK_OP_BINARY; op++) {
            wsk_config_options o = WSK_CONFIG_OPTIONS_INIT;
            solo s;
            o.flags = stream ? WSK_CONN_STREAM : 0;
            wsk_conn *c = open_one(&s, &o, false);
            solo_frame(&s, c, op, "", 0);
            solo_want(&s, c, WSK_EV_NONE); /* an empty piece is none */
            solo_frame(&s, c, WSK_OP_CONTINUATION, "", 0);
            solo_want(&s, c, WSK_EV_NONE);
            solo_frame(&s, c, WSK_OP_CONTINUATION, "ab", 2);
            if (stream) {
                solo_want(&s, c, WSK_EV_DATA);
                assert_int_equal(s.ev.len, 2);
                assert_true(s.ev.first && !s.ev.last);
            }
            solo_want(&s, c, WSK_EV_NONE);
            solo_frame(&s, c, WSK__FIN | WSK_OP_CONTINUATION, "", 0);
            solo_want(&s, c, stream ? WSK_EV_DATA : WSK_EV_MESSAGE);
            assert_int_equal(s.ev.opcode, op);
            assert_int_equal(s.ev.len, stream ? 0 : 2);
            assert_true(s.ev.first == !stream && s.ev.last);
            solo_end(&s);
        }
    }
}

/* However far a few octets inflate, a piece has no more than conn.h says. */
static void test_pieces_of_a_bomb(void **state)
{
    (void)state;
    const size_t most = (size_t)4 << 20, n = 4 * most;
    uint8_t *zeros = calloc(1, n), *squeezed = malloc(n / 64);
    wsk_config_options o = WSK_CONFIG_OPTIONS_INIT;
    z_stream z = {.next_in = zeros, .avail_in = (uInt)n, .next_out = squeezed};
    size_t sum = 0;
    solo s;

    z.avail_out = (uInt)(n / 64);
    assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, -15, 9, Z_DEFAULT_STRATEGY), Z_OK);
    assert_int_equal(deflate(&z, Z_SYNC_FLUSH), Z_OK);
    assert_true(z.avail_out > 0);
    o.flags = WSK_CONN_STREAM;
    o.deflate.enabled = true;
    wsk_conn *c = open_one(&s, &o, false);
    solo_frame(&s, c, 0xC2, squeezed, z.total_out - 4);
    for (;;) {
        assert_int_equal(wsk_conn_next(c, &s.ev), WSK_OK);
        if (s.ev.type == WSK_EV_NONE)
            break;
        assert_int_equal(s.ev.type, WSK_EV_DATA);
        assert_in_range(s.ev.len, 0, most);
        sum += s.ev.len;
    }
    assert_int_equal(sum, n);
    solo_end(&s);
    deflateEnd(&z);
    free(squeezed);
    free(zeros);
}

/* Text that nobody asked us to look at. */
static void test_text_unchecked(void **state)
{
    (void)state;
    for (int deflate = 0; deflate < 2; deflate++) {
        wsk_config_options o = WSK_CONFIG_OPTIONS_INIT;
        solo s;
        o.flags = WSK_CONN_SKIP_UTF8;
        o.deflate.enabled = deflate != 0;
        wsk_conn *c = open_one(&s, &o, false);
        solo_frame(&s, c, WSK__FIN | WSK_OP_TEXT, "\xFF", 1);
        message(&s, c, "\xFF", 1);
        solo_frame(&s, c, WSK_OP_TEXT, "\xC0", 1);
        solo_want(&s, c, WSK_EV_NONE);
        solo_frame(&s, c, WSK__FIN | WSK_OP_CONTINUATION, "\xC0", 1);
        message(&s, c, "\xC0\xC0", 2);
        if (deflate) { /* one stored block with the octet FF */
            solo_frame(&s, c, 0xC1, "\0\1\0\xFE\xFF\xFF\0", 7);
            message(&s, c, "\xFF", 1);
        }
        solo_end(&s);
    }
}

/* A buffer that grew beyond all measure is not kept for the next message. */
static void test_huge_message(void **state)
{
    (void)state;
    size_t n = (size_t)5 << 20;
    uint8_t *data = calloc(1, n);
    solo s;
    wsk_conn *c = open_one(&s, NULL, true);

    solo_frame(&s, c, WSK_OP_BINARY, data, n);
    solo_want(&s, c, WSK_EV_NONE);
    solo_frame(&s, c, WSK__FIN | WSK_OP_CONTINUATION, "", 0);
    solo_want(&s, c, WSK_EV_MESSAGE);
    assert_int_equal(s.ev.len, n);
    solo_want(&s, c, WSK_EV_NONE);
    assert_true(s.alloc.octets < n);
    assert_true(s.env.spare[0] == NULL && s.env.spare[2] == NULL);
    solo_frame(&s, c, WSK_OP_BINARY, data, 1000);
    solo_want(&s, c, WSK_EV_NONE);
    solo_frame(&s, c, WSK__FIN | WSK_OP_CONTINUATION, "", 0);
    solo_want(&s, c, WSK_EV_MESSAGE);
    solo_want(&s, c, WSK_EV_NONE);
    assert_non_null(s.env.spare[0]);
    solo_end(&s);
    free(data);
}

/* The buffer that a large message has left is not held by whoever begins one with an octet, but by
 * one that has grown to a part of it; and small ones have theirs. */
static void test_large_buffer_is_earned(void **state)
{
    (void)state;
    enum { LARGE = 2 << 20 };
    uint8_t *data = calloc(1, LARGE);
    solo s;

    wsk_conn *c = open_one(&s, NULL, true);
    for (int i = 0; i < 2; i++) {
        solo_frame(&s, c, WSK_OP_BINARY, data, i == 0 ? LARGE : 100);
        solo_want(&s, c, WSK_EV_NONE);
        solo_frame(&s, c, WSK__FIN | WSK_OP_CONTINUATION, "", 0);
        solo_want(&s, c, WSK_EV_MESSAGE);
        solo_want(&s, c, WSK_EV_NONE);
    }
    const wsk__assembly *large = s.env.spare[2], *small = s.env.spare[0];
    assert_true(large != NULL && small != NULL);
    assert_true(large->cap >= LARGE && small->cap < 20000);
    const size_t before = s.alloc.octets;
    for (int i = 0; i < 10; i++) {
        c = solo_shell(&s);
        solo_open(&s, c, "");
        solo_frame(&s, c, WSK_OP_BINARY, data, 1);
        solo_want(&s, c, WSK_EV_NONE);
        assert_true(c->w->rx->cap < 20000);
    }
    assert_true(s.alloc.octets - before < (size_t)10 * 20000);
    assert_ptr_equal(s.env.spare[2], large);
    /* An eighth of it is enough to have it. */
    for (size_t n = 0; n < LARGE / 8; n += 10000) {
        solo_frame(&s, c, WSK_OP_CONTINUATION, data, 10000);
        solo_want(&s, c, WSK_EV_NONE);
    }
    assert_ptr_equal(c->w->rx, large);
    solo_frame(&s, c, WSK__FIN | WSK_OP_CONTINUATION, "", 0);
    solo_want(&s, c, WSK_EV_MESSAGE);
    solo_want(&s, c, WSK_EV_NONE);
    assert_true(s.env.spare[2] == large || s.env.spare[3] == large);
    solo_end(&s);
    free(data);
}

static void test_bad_text_in_every_form(void **state)
{
    (void)state;
    for (int form = 0; form < 5; form++) {
        wsk_config_options o = WSK_CONFIG_OPTIONS_INIT;
        uint8_t text[200];
        solo s;
        memset(text, 'a', sizeof(text));
        text[150] = 0xFF;
        o.flags = form == 1 ? WSK_CONN_STREAM : 0;
        o.deflate.enabled = form == 2;
        wsk_conn *c;
        if (form == 4) {
            solo_begin(&s, WSK_ROLE_CLIENT, &o);
            c = solo_alone(&s);
            solo_open(&s, c, "");
        } else {
            c = open_one(&s, &o, false);
        }
        if (form == 2) {
            solo_frame(&s, c, 0xC1, "\0\1\0\xFE\xFF\xFF\0", 7);
        } else if (form == 3) {
            solo_frame(&s, c, WSK_OP_TEXT, text, 100);
            solo_want(&s, c, WSK_EV_NONE);
            solo_frame(&s, c, WSK__FIN | WSK_OP_CONTINUATION, text + 100, 100);
        } else {
            solo_frame(&s, c, WSK__FIN | WSK_OP_TEXT, text, sizeof(text));
        }
        failed(&s, c, 1007);
        solo_end(&s);
    }
}

/* ---------------------------------------------------------------------------------- limits -- */

/* With an extension more may stand on the wire than a message may have, but not in the message. */
static void test_limits_with_an_extension(void **state)
{
    (void)state;
    wsk_config_options o = WSK_CONFIG_OPTIONS_INIT;
    char block[2000] = {0};
    solo s;

    o.deflate.enabled = true;
    o.max_message = 100;
    wsk_conn *c = open_one(&s, &o, false);
    solo_frame(&s, c, WSK_OP_BINARY, block, 60);
    solo_want(&s, c, WSK_EV_NONE);
    solo_frame(&s, c, WSK__FIN | WSK_OP_CONTINUATION, block, 40);
    message(&s, c, block, 100);
    solo_frame(&s, c, WSK_OP_BINARY, block, 60);
    solo_want(&s, c, WSK_EV_NONE);
    solo_frame(&s, c, WSK__FIN | WSK_OP_CONTINUATION, block, 41);
    failed(&s, c, 1009);
    solo_end(&s);

    /* Compressed: a stored block of just as many, of one more, of many more octets. */
    for (unsigned n = 100; n <= 900; n += n == 100 ? 1 : 799) {
        c = open_one(&s, &o, false);
        block[0] = 0;
        block[1] = (char)(n & 0xFF);
        block[2] = (char)(n >> 8);
        block[3] = (char)~block[1];
        block[4] = (char)~block[2];
        memset(block + 5, 'a', n);
        block[5 + n] = 0;
        solo_frame(&s, c, 0xC1, block, 6 + n);
        if (n == 100)
            message(&s, c, block + 5, n);
        else
            failed(&s, c, 1009);
        solo_end(&s);
    }

    /* Blocks that hold nothing: what they may be on the wire has an end, too. */
    c = open_one(&s, &o, false);
    for (int i = 0; i < 1136; i += 5)
        memcpy(block + i, "\0\0\0\xFF\xFF", 5);
    solo_frame(&s, c, 0x42, block, 1136); /* 100, an eighth of it and 1 KiB */
    solo_want(&s, c, WSK_EV_NONE);
    solo_frame(&s, c, WSK_OP_CONTINUATION, "", 0);
    solo_want(&s, c, WSK_EV_NONE);
    solo_frame(&s, c, WSK__FIN | WSK_OP_CONTINUATION, "\0", 1);
    failed(&s, c, 1009);
    solo_end(&s);

    /* Frames have a limit of their own. */
    o.max_frame = 50;
    c = open_one(&s, &o, false);
    solo_frame(&s, c, WSK__FIN | WSK_OP_BINARY, block, 50);
    message(&s, c, block, 50);
    solo_frame(&s, c, WSK__FIN | WSK_OP_BINARY, block, 51);
    failed(&s, c, 1009);
    solo_end(&s);

    /* As good as none. */
    o.max_frame = 0;
    o.max_message = UINT64_MAX;
    c = open_one(&s, &o, false);
    solo_frame(&s, c, WSK__FIN | WSK_OP_BINARY, block, sizeof(block));
    message(&s, c, block, sizeof(block));
    solo_frame(&s, c, 0xC1, "\0\1\0\xFE\xFF!\0", 7);
    message(&s, c, "!", 1);
    solo_end(&s);
}

/* -------------------------------------------------------------------- control frames, pongs -- */

static void test_pings_are_left_to_the_program(void **state)
{
    (void)state;
    wsk_config_options o = WSK_CONFIG_OPTIONS_INIT;
    solo s;

    o.flags = WSK_CONN_NO_AUTO_PONG;
    wsk_conn *c = open_one(&s, &o, false);
    solo_say(&s, c, "\x89\x81++++A");
    solo_want(&s, c, WSK_EV_PING);
    assert_int_equal(wsk_conn_queued(c), 0);
    assert_int_equal(wsk_conn_pong(c, s.ev.data, s.ev.len), WSK_OK);
    solo_out(&s, c);
    assert_int_equal(s.out_len, 3);
    assert_memory_equal(s.out, "\x8A\x01j", 3);
    solo_end(&s);
}

static void test_no_memory_for_pongs(void **state)
{
    (void)state;
    wsk_config_options o = WSK_CONFIG_OPTIONS_INIT;
    solo s;

    for (int late = 0; late < 2; late++) {
        o.max_pongs = 1;
        wsk_conn *c = open_one(&s, &o, false);
        if (late) {
            solo_frame(&s, c, WSK__FIN | WSK_OP_PING, "", 0);
            solo_want(&s, c, WSK_EV_PING);
        }
        solo_frame(&s, c, WSK__FIN | WSK_OP_PING, "", 0);
        solo_starve(&s, 1);
        failed(&s, c, 1011);
        assert_string_equal(s.ev.text, NOMEM);
        solo_end(&s);
    }
}

/* The queue is empty at last, but the pong that had to wait finds no memory. */
static void test_no_memory_for_the_late_pong(void **state)
{
    (void)state;
    wsk_config_options o = WSK_CONFIG_OPTIONS_INIT;
    solo s;

    o.max_pongs = 1;
    wsk_conn *c = open_one(&s, &o, false);
    for (int i = 0; i < 3; i++) {
        solo_frame(&s, c, WSK__FIN | WSK_OP_PING, i < 2 ? "a" : "b", 1);
        solo_want(&s, c, WSK_EV_PING);
    }
    assert_int_equal(wsk_conn_queued(c), 3);
    solo_starve(&s, 1);
    wsk_conn_sent(c, 3, s.now);
    failed(&s, c, 1011);
    solo_end(&s);
}

/* ---------------------------------------------------------------------------------- places -- */

#define BIG ((size_t)64 * 1024)

/* A server's connection that has 20,000 octets of a message of BIG. */
static wsk_conn *half(solo *s, const wsk_config_options *o, uint8_t *wire)
{
    wsk_conn *c = open_one(s, o, true);

    memset(wire, 'm', BIG + 14);
    wsk__frame_write(wire, WSK__FIN | WSK_OP_BINARY, BIG, true, 0);
    solo_pass(s, c, wire, 14);
    solo_want(s, c, WSK_EV_NONE);
    solo_feed(s, c, wire + 14, 20000);
    solo_want(s, c, WSK_EV_NONE);
    assert_int_equal(wsk__conn_unlend_input(c), WSK_OK);
    return c;
}

static void test_places(void **state)
{
    (void)state;
    uint8_t *wire = malloc(BIG + 14);
    size_t n = 7;
    solo s;

    /* As much as is there already, where it belongs. */
    wsk_conn *c = half(&s, NULL, wire);
    size_t have = 20000;
    while (BIG - have >= 16 * 1024) {
        uint8_t *p = wsk__conn_place(c, &n);
        assert_non_null(p);
        assert_true(n <= have && n <= BIG - have);
        memset(p, 'm', n);
        assert_int_equal(wsk_conn_feed(c, p, n, s.now), WSK_OK);
        assert_null(wsk__conn_place(c, &n)); /* one at a time */
        have += n;
        if (have < BIG)
            solo_want(&s, c, WSK_EV_NONE);
    }
    /* The end of it is too short to be worth it. */
    if (have < BIG) {
        assert_null(wsk__conn_place(c, &n));
        solo_feed(&s, c, wire + 14, BIG - have);
    }
    message(&s, c, wire + 14, BIG);
    assert_null(wsk__conn_place(c, &n));
    solo_end(&s);

    /* Not while it rests, nor while the program has octets of it that it did not ask for. */
    c = half(&s, NULL, wire);
    wsk_conn_pause(c, true);
    assert_null(wsk__conn_place(c, &n));
    wsk_conn_pause(c, false);
    solo_pass(&s, c, "12345678", 8);
    assert_null(wsk__conn_place(c, &n));
    solo_want(&s, c, WSK_EV_NONE);
    /* Without memory it comes as it always did. */
    solo_starve_all(&s);
    n = 7;
    assert_null(wsk__conn_place(c, &n));
    assert_int_equal(n, 7);
    solo_nourish(&s);
    assert_non_null(wsk__conn_place(c, &n));
    solo_end(&s);

    /* A message that has to be decoded has no place. */
    wsk_config_options o = WSK_CONFIG_OPTIONS_INIT;
    o.deflate.enabled = true;
    c = half(&s, &o, wire);
    assert_non_null(wsk__conn_place(c, &n));
    solo_feed(&s, c, wire + 14, BIG - 20000);
    message(&s, c, wire + 14, BIG);
    memcpy(wire + 14, "\0\x50\xC3\xAF\x3C", 5); /* stored: 50,000 octets */
    wsk__frame_write(wire, 0xC2, BIG, true, 0);
    solo_feed(&s, c, wire, 20019);
    solo_want(&s, c, WSK_EV_NONE);
    assert_null(wsk__conn_place(c, &n));
    solo_end(&s);
    free(wire);
}

/* A message in parts for which there is no memory, neither for the first nor for the next. */
static void test_no_memory_for_a_message(void **state)
{
    (void)state;
    uint8_t *data = calloc(1, 40000);
    solo s;

    for (int deflate = 0; deflate < 2; deflate++) {
        for (long i = 1; i <= 2; i++) {
            wsk_config_options o = WSK_CONFIG_OPTIONS_INIT;
            o.deflate.enabled = deflate != 0;
            wsk_conn *c = open_one(&s, &o, true);
            if (i == 2) {
                solo_frame(&s, c, WSK_OP_BINARY, data, 10);
                solo_want(&s, c, WSK_EV_NONE);
            }
            solo_starve(&s, 1);
            solo_frame(&s, c, i == 2 ? WSK_OP_CONTINUATION : WSK_OP_BINARY, data, 40000);
            failed(&s, c, 1011);
            assert_string_equal(s.ev.text, NOMEM);
            solo_end(&s);
        }
    }
    /* What has to be decoded: a set of the connection's own, a coder, a buffer, a larger one. */
    for (long i = 1;; i++) {
        wsk_config_options o = WSK_CONFIG_OPTIONS_INIT;
        o.deflate.enabled = true;
        wsk_conn *c = open_one(&s, &o, true);
        assert_int_equal(wsk__conn_unlend_input(c), WSK_OK);
        /* 30,000 stored octets. */
        memcpy(data, "\0\x30\x75\xCF\x8A", 5);
        data[30005] = 0;
        solo_frame(&s, c, 0xC2, data, 30006);
        solo_starve(&s, i);
        wsk_event_type type = solo_next(&s, c);
        if (!s.alloc.failed) {
            assert_int_equal(type, WSK_EV_MESSAGE);
            assert_int_equal(s.ev.len, 30000);
            solo_end(&s);
            assert_true(i > 4);
            break;
        }
        assert_int_equal(type, WSK_EV_FAIL);
        assert_int_equal(s.ev.code, 1011);
        assert_string_equal(s.ev.text, NOMEM);
        solo_end(&s);
    }
    free(data);
}

/* A message that is decoded out of what was kept. */
static void test_kept_and_encoded(void **state)
{
    (void)state;
    wsk_config_options o = WSK_CONFIG_OPTIONS_INIT;
    solo s;

    o.deflate.enabled = true;
    wsk_conn *c = open_one(&s, &o, false);
    solo_pass(&s, c, "\xC1\x87\0\0\0\0\0\1\0\xFE\xFF!\0", 13);
    solo_pass(&s, c, "\xC1\x87\0\0\0\0\0\1\0\xFE\xFF?\0", 13);
    message(&s, c, "!", 1);
    message(&s, c, "?", 1);
    solo_want(&s, c, WSK_EV_NONE);
    solo_end(&s);
}

/* Which events and answers have nothing of, later. */
static void test_reason_of_the_peer(void **state)
{
    (void)state;
    static const wsk_role roles[] = {WSK_ROLE_SERVER, WSK_ROLE_CLIENT};

    for (size_t i = 0; i < 2; i++) {
        solo s;

        solo_begin(&s, roles[i], NULL);
        wsk_conn *c = solo_shell(&s);
        solo_open(&s, c, "");
        assert_string_equal(wsk_conn_close_reason(c).ptr, "");
        solo_frame(&s, c, 0x88,
                   "\x0f\xa0"
                   "so long",
                   9);
        solo_want(&s, c, WSK_EV_CLOSE);
        assert_string_equal(wsk_conn_close_reason(c).ptr, "so long");
        assert_int_equal(wsk_conn_close_reason(c).len, 7);
        (void)wsk_conn_unlend(c);
        solo_out(&s, c);
        assert_int_equal(wsk_conn_feed(c, NULL, 0, s.now), WSK_OK);
        solo_want(&s, c, WSK_EV_END);
        assert_string_equal(wsk_conn_close_reason(c).ptr, "so long");
        /* A code alone; and no memory to keep what was said. */
        c = solo_shell(&s);
        solo_open(&s, c, "");
        solo_frame(&s, c, 0x88, "\x0f\xa0", 2);
        solo_want(&s, c, WSK_EV_CLOSE);
        assert_int_equal(wsk_conn_close_reason(c).len, 0);
        for (long n = 1; n < 4; n++) {
            c = solo_shell(&s);
            solo_open(&s, c, "");
            solo_starve(&s, n);
            solo_frame(&s, c, 0x88,
                       "\x0f\xa0"
                       "so long",
                       9);
            wsk_event_type type = solo_next(&s, c);
            assert_true(type == WSK_EV_CLOSE || type == WSK_EV_FAIL);
            solo_nourish(&s);
            assert_true(wsk_conn_close_reason(c).len == 0 || type == WSK_EV_CLOSE);
        }
        solo_end(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_feeding_again),
        cmocka_unit_test(test_kept),
        cmocka_unit_test(test_no_memory_to_keep),
        cmocka_unit_test(test_ignored_without_asking),
        cmocka_unit_test(test_paused),
        cmocka_unit_test(test_short_way),
        cmocka_unit_test(test_short_way_is_left),
        cmocka_unit_test(test_empty_frames),
        cmocka_unit_test(test_text_unchecked),
        cmocka_unit_test(test_pieces_of_a_bomb),
        cmocka_unit_test(test_huge_message),
        cmocka_unit_test(test_large_buffer_is_earned),
        cmocka_unit_test(test_bad_text_in_every_form),
        cmocka_unit_test(test_limits_with_an_extension),
        cmocka_unit_test(test_pings_are_left_to_the_program),
        cmocka_unit_test(test_no_memory_for_pongs),
        cmocka_unit_test(test_no_memory_for_the_late_pong),
        cmocka_unit_test(test_places),
        cmocka_unit_test(test_no_memory_for_a_message),
        cmocka_unit_test(test_reason_of_the_peer),
        cmocka_unit_test(test_kept_and_encoded),
    };

    return cmocka_run_group_tests_name("conn_input", tests, NULL, NULL);
}
