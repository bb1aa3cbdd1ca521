/* SPDX-License-Identifier: MIT */
/*
 * The set of extensions of a connection, against extensions that do as little as they may, too
 * much, or something wrong: tables with holes, answers that do not fit, transforms in a row of
 * which one fails, and the sets that connections of a loop share.
 */
#include "solo.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOMEM "out of memory"

/* What the extension at hand does; a test sets it before each connection. */
static struct behaviour {
    int offer, accept, confirm;
    bool long_answer, wants_state;
    int encode_begin, decode_begin; /* what they return */
    int encode, decode;             /* a negative number; 1: as it should; 2: stops too early;
                                       3: swells to SWELL octets; 4: takes all before it gives */
    long states, trims;
} b;

#define SWELL 3000

static int do_offer(void *ud, wsk_ext_writer *w)
{
    (void)ud;
    (void)w;
    return b.offer;
}

static int do_accept(void *ud, const wsk_ext_param *params, size_t n, wsk_ext_writer *w,
                     void **ret_state)
{
    (void)ud;
    (void)params;
    (void)n;
    if (b.long_answer) {
        char value[600];
        memset(value, 'v', sizeof(value) - 1);
        value[sizeof(value) - 1] = 0;
        (void)wsk_ext_writer_param(w, "a", value);
        (void)wsk_ext_writer_param(w, "b", value);
    }
    *ret_state = &b;
    b.states += b.accept == 0;
    return b.accept;
}

static int do_confirm(void *ud, const wsk_ext_param *params, size_t n, void **ret_state)
{
    (void)ud;
    (void)params;
    (void)n;
    *ret_state = &b;
    b.states += b.confirm == 0;
    return b.confirm;
}

static int do_encode_begin(void *state, wsk_opcode op, uint64_t len, unsigned flags)
{
    (void)op;
    (void)len;
    (void)flags;
    assert_ptr_equal(state, &b);
    return b.encode_begin;
}

static int do_decode_begin(void *state, wsk_opcode op, unsigned rsv)
{
    (void)state;
    (void)op;
    (void)rsv;
    return b.decode_begin;
}

static int transform(wsk_ext_io *io, bool fin, int how)
{
    if (how < 0)
        return how;
    if (how == 2) { /* one octet, and says that it was all */
        if (io->in_len > 0 && io->out_len > 0) {
            *io->out++ = *io->in++;
            io->in_len--;
            io->out_len--;
        }
        return WSK_EXT_DONE;
    }
    if (how == 3) {
        static size_t given;
        while (io->out_len > 0 && given < SWELL) {
            *io->out++ = 'a';
            io->out_len--;
            given++;
        }
        if (given < SWELL)
            return WSK_EXT_MORE;
        given = 0;
        io->in_len = 0;
        return WSK_EXT_DONE;
    }
    if (how == 4) {
        static uint8_t kept[8];
        static size_t n;
        if (io->in_len > 0) {
            assert_true(fin && io->in_len <= sizeof(kept));
            n = io->in_len;
            memcpy(kept, io->in, n);
            io->in += n;
            io->in_len = 0;
            return WSK_EXT_MORE;
        }
        assert_true(n <= io->out_len);
        memcpy(io->out, kept, n);
        io->out += n;
        io->out_len -= n;
        return WSK_EXT_DONE;
    }
    while (io->in_len > 0) {
        if (io->out_len == 0)
            return WSK_EXT_MORE;
        *io->out++ = *io->in++ ^ 1;
        io->in_len--;
        io->out_len--;
    }
    return WSK_EXT_DONE;
}

static int do_encode(void *state, wsk_ext_io *io, bool fin)
{
    (void)state;
    return transform(io, fin, b.encode);
}

static int do_decode(void *state, wsk_ext_io *io, bool fin)
{
    (void)state;
    return transform(io, fin, b.decode);
}

static void do_trim(void *state)
{
    assert_ptr_equal(state, &b);
    b.trims++;
}

static void do_release(void *state)
{
    (void)state;
    b.states--;
}

static const wsk_extension whole = {
    .size = sizeof(whole),
    .name = "x-e",
    .rsv = WSK_RSV2,
    .offer = do_offer,
    .accept = do_accept,
    .confirm = do_confirm,
    .encode_begin = do_encode_begin,
    .encode = do_encode,
    .decode_begin = do_decode_begin,
    .decode = do_decode,
    .trim = do_trim,
    .release = do_release,
};

static void begin(solo *s, wsk_role role, const wsk_extension *one, const wsk_extension *two)
{
    const wsk_extension *list[3] = {one, two, NULL};
    wsk_config_options o = WSK_CONFIG_OPTIONS_INIT;

    o.extensions = list;
    o.max_message = 4000;
    solo_begin(s, role, &o);
}

#define OFFER "Sec-WebSocket-Extensions: x-e\r\n"
#define BOTH  "Sec-WebSocket-Extensions: x-e, x-f\r\n"

static void fresh(void)
{
    b = (struct behaviour){.encode = 1, .decode = 1};
}

/* ------------------------------------------------------------------------------ agreeing -- */

/* An extension that is only a name: it is agreed, and everything passes. */
static void test_only_a_name(void **state)
{
    (void)state;
    static const wsk_extension name = {
        .size = sizeof(name), .name = "x-e", .accept = do_accept, .confirm = do_confirm};
    solo s;

    for (int role = 0; role < 2; role++) {
        fresh();
        begin(&s, role ? WSK_ROLE_CLIENT : WSK_ROLE_SERVER, &name, NULL);
        wsk_conn *c = solo_alone(&s);
        solo_open(&s, c, OFFER);
        char text[20];
        assert_int_equal(wsk_conn_extensions(c, text, sizeof(text)), 3);
        assert_string_equal(text, "x-e");
        assert_int_equal(wsk_conn_send(c, WSK_OP_TEXT, "abc", 3, 0), WSK_OK);
        solo_out(&s, c);
        assert_int_equal((uint8_t)s.out[0], 0x81);
        solo_frame(&s, c, 0x81, "def", 3);
        solo_want(&s, c, WSK_EV_MESSAGE);
        assert_memory_equal(s.ev.data, "def", 3);
        wsk_conn_trim(c);
        solo_end(&s);
    }
}

static void test_tables_with_holes(void **state)
{
    (void)state;
    wsk_extension one_way = whole;
    solo s;

    /* Only a client's half, only a server's half: never agreed by the other. */
    fresh();
    one_way.accept = NULL;
    begin(&s, WSK_ROLE_SERVER, &one_way, NULL);
    wsk_conn *c = solo_alone(&s);
    solo_open(&s, c, OFFER);
    assert_int_equal(wsk_conn_extensions(c, NULL, 0), 0);
    solo_end(&s);
    one_way = whole;
    one_way.confirm = NULL;
    begin(&s, WSK_ROLE_CLIENT, &one_way, NULL);
    c = solo_alone(&s);
    char *text = solo_answer(&s, c, OFFER);
    solo_say(&s, c, text);
    free(text);
    solo_want(&s, c, WSK_EV_FAIL);
    solo_end(&s);

    /* Says that it will, but cannot. */
    fresh();
    b.encode_begin = b.decode_begin = 1;
    one_way = whole;
    one_way.encode = NULL;
    begin(&s, WSK_ROLE_SERVER, &one_way, NULL);
    c = solo_alone(&s);
    solo_open(&s, c, OFFER);
    assert_int_equal(wsk_conn_send(c, WSK_OP_TEXT, "x", 1, 0), WSK_ERR_FAILED);
    solo_want(&s, c, WSK_EV_FAIL);
    assert_int_equal(s.ev.code, 1011);
    solo_end(&s);
    one_way = whole;
    one_way.decode = NULL;
    begin(&s, WSK_ROLE_SERVER, &one_way, NULL);
    c = solo_alone(&s);
    solo_open(&s, c, OFFER);
    solo_frame(&s, c, 0xA1, "x", 1);
    solo_want(&s, c, WSK_EV_FAIL);
    assert_int_equal(s.ev.code, 1002);
    solo_end(&s);
    assert_int_equal(b.states, 0);
}

static void test_server_agrees(void **state)
{
    (void)state;
    static const struct {
        int accept;
        bool long_answer, no_release, agreed;
        int result;
    } rows[] = {
        {0, false, false, true, WSK_OK},
        {1, false, false, false, WSK_OK},
        /* Whatever its number means elsewhere, the request is answered. */
        {WSK_ERR_STATE, false, false, false, WSK_ERR_FAILED},
        {0, true, false, false, WSK_ERR_FAILED}, /* no answer is that long */
        {0, true, true, false, WSK_ERR_FAILED},
        {1, true, false, false, WSK_OK},
    };
    solo s;

    for (size_t i = 0; i < WSK__COUNT(rows); i++) {
        wsk_extension one = whole;
        fresh();
        if (rows[i].no_release)
            one.release = NULL;
        begin(&s, WSK_ROLE_SERVER, &one, NULL);
        wsk_conn *c = solo_alone(&s);
        solo_request(&s, c, BOTH);
        solo_want(&s, c, WSK_EV_REQUEST);
        b.accept = rows[i].accept;
        b.long_answer = rows[i].long_answer;
        assert_int_equal(wsk_conn_accept(c, NULL), rows[i].result);
        if (rows[i].result < 0) {
            solo_want(&s, c, WSK_EV_FAIL);
            assert_int_equal(s.ev.status, 500);
            assert_int_equal(b.states, rows[i].no_release);
        } else {
            solo_want(&s, c, WSK_EV_OPEN);
            assert_int_equal(wsk_conn_extensions(c, NULL, 0) > 0, rows[i].agreed);
        }
        solo_end(&s);
    }
}

/* The first is agreed, the second fails: the first one's state is given back, if it can be. */
static int fails(void *ud, const wsk_ext_param *params, size_t n, wsk_ext_writer *w,
                 void **ret_state)
{
    (void)ud;
    (void)params;
    (void)n;
    (void)w;
    (void)ret_state;
    return WSK_ERR_NOMEM;
}

static void test_second_fails(void **state)
{
    (void)state;
    wsk_extension second = whole;
    solo s;

    second.name = "x-f";
    second.rsv = WSK_RSV3;
    second.accept = fails;
    for (int no_release = 0; no_release < 2; no_release++) {
        wsk_extension one = whole;
        fresh();
        if (no_release)
            one.release = NULL;
        begin(&s, WSK_ROLE_SERVER, &one, &second);
        wsk_conn *c = solo_alone(&s);
        solo_request(&s, c, BOTH);
        solo_want(&s, c, WSK_EV_REQUEST);
        assert_int_equal(wsk_conn_accept(c, NULL), WSK_ERR_NOMEM);
        assert_int_equal(b.states, no_release);
        solo_want(&s, c, WSK_EV_FAIL);
        assert_int_equal(s.ev.status, 500);
        solo_end(&s);
    }
}

static void test_client_offers(void **state)
{
    (void)state;
    wsk_request_options ro = WSK_REQUEST_OPTIONS_INIT;
    solo s;

    ro.host = "a";
    for (int offer = -1; offer <= 1; offer++) {
        fresh();
        begin(&s, WSK_ROLE_CLIENT, &whole, NULL);
        wsk_conn *c = solo_alone(&s);
        b.offer = offer < 0 ? WSK_ERR_STATE : offer;
        assert_int_equal(wsk_conn_request(c, &ro), offer < 0 ? WSK_ERR_FAILED : WSK_OK);
        solo_out(&s, c);
        assert_int_equal(strstr(s.out, "x-e") != NULL, offer == 0);
        if (offer < 0) { /* the next time it may be willing */
            b.offer = 0;
            assert_int_equal(wsk_conn_request(c, &ro), WSK_OK);
        }
        solo_end(&s);
    }
}

static int too_long(void *ud, wsk_ext_writer *w)
{
    char value[600];

    (void)ud;
    memset(value, 'v', sizeof(value) - 1);
    value[sizeof(value) - 1] = 0;
    (void)wsk_ext_writer_param(w, "a", value);
    (void)wsk_ext_writer_param(w, "b", value);
    return 0;
}

static void test_offer_too_long(void **state)
{
    (void)state;
    wsk_request_options ro = WSK_REQUEST_OPTIONS_INIT;
    wsk_extension one = whole;
    solo s;

    ro.host = "a";
    one.offer = too_long;
    fresh();
    begin(&s, WSK_ROLE_CLIENT, &one, NULL);
    wsk_conn *c = solo_alone(&s);
    assert_int_equal(wsk_conn_request(c, &ro), WSK_ERR_LIMIT);
    assert_int_equal(wsk_conn_queued(c), 0);
    solo_end(&s);
}

static void test_client_judges(void **state)
{
    (void)state;
    static const struct {
        const char *fields;
        int confirm;
        const char *words; /* NULL: fine */
    } rows[] = {
        {OFFER, 0, NULL},
        {BOTH, 0, "same reserved bit"},
        {"Sec-WebSocket-Extensions: x-g\r\n", 0, "not offered"},
        {"Sec-WebSocket-Extensions: x-e, x-e\r\n", 0, "one twice"},
        {OFFER, WSK_ERR_INVAL, "parameters"},
        {OFFER, WSK_ERR_NOMEM, NOMEM},
        {"Sec-WebSocket-Extensions: x-e;\r\n", 0, ""},
        {"Sec-WebSocket-Extensions: x-e,=\r\n", 0, ""},
    };
    wsk_extension second = whole;
    solo s;

    second.name = "x-f";
    for (size_t i = 0; i < WSK__COUNT(rows); i++) {
        fresh();
        b.confirm = rows[i].confirm;
        begin(&s, WSK_ROLE_CLIENT, &whole, &second);
        wsk_conn *c = solo_alone(&s);
        char *text = solo_answer(&s, c, rows[i].fields);
        solo_say(&s, c, text);
        free(text);
        solo_want(&s, c, rows[i].words == NULL ? WSK_EV_OPEN : WSK_EV_FAIL);
        if (rows[i].words != NULL) {
            assert_non_null(strstr(s.ev.text, rows[i].words));
            assert_int_equal(b.states, 0);
        }
        solo_end(&s);
        assert_int_equal(b.states, 0);
    }
    /* In two fields (RFC 6455 9.1). */
    second.rsv = WSK_RSV3;
    fresh();
    begin(&s, WSK_ROLE_CLIENT, &whole, &second);
    wsk_conn *c = solo_alone(&s);
    solo_open(&s, c, "Sec-WebSocket-Extensions: x-e\r\nSec-WebSocket-Extensions: x-f\r\n");
    char agreed[20];
    assert_int_equal(wsk_conn_extensions(c, agreed, sizeof(agreed)), 8);
    assert_string_equal(agreed, "x-e, x-f");
    solo_end(&s);
}

static void test_no_memory_to_agree(void **state)
{
    (void)state;
    solo s;

    for (int role = 0; role < 2; role++) {
        bool through = false;
        for (long i = 1; !through; i++) {
            fresh();
            begin(&s, role ? WSK_ROLE_CLIENT : WSK_ROLE_SERVER, &whole, NULL);
            wsk_conn *c = solo_alone(&s);
            if (role == 0) {
                solo_request(&s, c, OFFER);
                solo_want(&s, c, WSK_EV_REQUEST);
                solo_starve(&s, i);
                int r = wsk_conn_accept(c, NULL);
                through = !s.alloc.failed;
                assert_int_equal(r, through ? WSK_OK : WSK_ERR_NOMEM);
            } else {
                char *text = solo_answer(&s, c, OFFER);
                solo_say(&s, c, text);
                free(text);
                solo_starve(&s, i);
                wsk_event_type type = solo_next(&s, c);
                through = !s.alloc.failed;
                assert_int_equal(type, through ? WSK_EV_OPEN : WSK_EV_FAIL);
                if (!through)
                    assert_string_equal(s.ev.text, NOMEM);
            }
            solo_end(&s);
            assert_int_equal(b.states, 0);
        }
    }
}

/* ---------------------------------------------------------------------------- transforming -- */

static void test_begins_that_fail(void **state)
{
    (void)state;
    solo s;

    for (int how = 0; how < 3; how++) {
        fresh();
        b.encode_begin = b.decode_begin = WSK_ERR_SYS;
        begin(&s, WSK_ROLE_SERVER, &whole, NULL);
        wsk_conn *c = solo_alone(&s);
        solo_open(&s, c, OFFER);
        if (how == 0)
            assert_int_equal(wsk_conn_send(c, WSK_OP_TEXT, "x", 1, 0), WSK_ERR_FAILED);
        else if (how == 1)
            assert_int_equal(wsk_conn_send_part(c, WSK_OP_TEXT, "x", 1, true, 0), WSK_ERR_FAILED);
        else
            solo_frame(&s, c, 0xA1, "x", 1);
        solo_want(&s, c, WSK_EV_FAIL);
        assert_int_equal(s.ev.code, how == 2 ? 1002 : 1011);
        solo_end(&s);
    }
}

/* It has something to do, gives no reserved bit for it, and says so (WSK_EXT_APPLY). */
static void test_without_a_bit(void **state)
{
    (void)state;
    solo s;

    fresh();
    b.encode_begin = WSK_EXT_APPLY;
    b.decode_begin = 1;
    begin(&s, WSK_ROLE_SERVER, &whole, NULL);
    wsk_conn *c = solo_alone(&s);
    solo_open(&s, c, OFFER);
    assert_int_equal(wsk_conn_send_part(c, WSK_OP_TEXT, "a", 1, false, 0), WSK_OK);
    assert_int_equal(wsk_conn_send_part(c, WSK_OP_TEXT, "", 0, false, 0), WSK_OK);
    assert_int_equal(wsk_conn_send_part(c, WSK_OP_TEXT, "c", 1, true, 0), WSK_OK);
    solo_out(&s, c);
    /* A piece of which nothing is left makes no frame. */
    assert_int_equal(s.out_len, 6);
    assert_memory_equal(s.out, "\1\1`\x80\1b", 6);
    solo_frame(&s, c, 0x81, "`b", 2);
    solo_want(&s, c, WSK_EV_MESSAGE);
    assert_memory_equal(s.ev.data, "ac", 2);
    wsk_conn_trim(c);
    assert_int_equal(b.trims, 1);
    solo_end(&s);
}

/* "All is done", with input left: it is not. */
static void test_stops_too_early(void **state)
{
    (void)state;
    solo s;

    for (int out = 0; out < 2; out++) {
        fresh();
        b.encode_begin = b.decode_begin = 1;
        b.encode = b.decode = 2;
        begin(&s, WSK_ROLE_SERVER, &whole, NULL);
        wsk_conn *c = solo_alone(&s);
        solo_open(&s, c, OFFER);
        if (out)
            assert_true(wsk_conn_send(c, WSK_OP_TEXT, "xy", 2, 0) < 0);
        else
            solo_frame(&s, c, 0xA1, "xy", 2);
        solo_want(&s, c, WSK_EV_FAIL);
        assert_int_equal(s.ev.code, 1011);
        solo_end(&s);
    }
}

/* To take without giving is to get on, too. */
static void test_takes_before_it_gives(void **state)
{
    (void)state;
    solo s;

    fresh();
    b.encode_begin = b.decode_begin = 1;
    b.encode = b.decode = 4;
    begin(&s, WSK_ROLE_SERVER, &whole, NULL);
    wsk_conn *c = solo_alone(&s);
    solo_open(&s, c, OFFER);
    assert_int_equal(wsk_conn_send(c, WSK_OP_TEXT, "abc", 3, 0), WSK_OK);
    solo_out(&s, c);
    assert_memory_equal(s.out, "\x81\3abc", 5);
    solo_frame(&s, c, 0x81, "def", 3);
    solo_want(&s, c, WSK_EV_MESSAGE);
    assert_int_equal(s.ev.len, 3);
    assert_memory_equal(s.ev.data, "def", 3);
    solo_end(&s);
}

/* A prepared message has no form that an extension of the program's own has made. */
static void test_prepared(void **state)
{
    (void)state;
    wsk_prepared *p;
    solo s;

    fresh();
    b.encode_begin = WSK_RSV2;
    begin(&s, WSK_ROLE_SERVER, &whole, NULL);
    wsk_conn *c = solo_shell(&s);
    solo_open(&s, c, OFFER);
    assert_int_equal(wsk_prepared_new(&p, s.cfg, WSK_OP_TEXT, "abc", 3), WSK_OK);
    wsk__conn_rest(c);
    bool packed;
    assert_null(wsk__prepared_direct(c, p, &packed));
    assert_int_equal(wsk_conn_send_prepared(c, p), WSK_OK);
    solo_out(&s, c);
    assert_int_equal(s.out_len, 5);
    assert_memory_equal(s.out, "\xA1\3`cb", 5);
    wsk_prepared_unref(p);
    solo_end(&s);
}

/* Two in a row. The first one's output is the second one's input, however long it gets. */
static void test_row(void **state)
{
    (void)state;
    static char data[4000];
    solo s;

    memset(data, 'a', sizeof(data));
    for (int i = 0; i < 12; i++) {
        int how = i / 2;
        wsk_extension second = whole;
        fresh();
        b.encode_begin = b.decode_begin = 1;
        second.name = "x-f";
        second.rsv = WSK_RSV3;
        begin(&s, WSK_ROLE_SERVER, &whole, &second);
        /* With buffers that a loop keeps for all, and without. */
        wsk_conn *c = i % 2 ? solo_shell(&s) : solo_alone(&s);
        solo_open(&s, c, BOTH);
        if (how < 2) {
            /* Both change the lowest bit: there and back. The buffer between them has to grow. */
            if (how == 0) {
                assert_int_equal(wsk_conn_send(c, WSK_OP_TEXT, data, 2000, 0), WSK_OK);
                solo_out(&s, c);
                assert_memory_equal(s.out + 4, data, 2000);
            } else {
                b.decode = 3;
                solo_frame(&s, c, 0x81, "x", 1);
                solo_want(&s, c, WSK_EV_MESSAGE);
                assert_int_equal(s.ev.len, SWELL);
                assert_memory_equal(s.ev.data, data, SWELL);
                solo_want(&s, c, WSK_EV_NONE);
                assert_int_equal(s.env.spare[1] != NULL, i % 2);
            }
        } else if (how < 4) {
            /* The first one fails: the second is not asked. */
            b.encode = b.decode = WSK_ERR_INVAL;
            if (how == 2)
                assert_int_equal(wsk_conn_send(c, WSK_OP_TEXT, data, 10, 0), WSK_ERR_FAILED);
            else
                solo_frame(&s, c, 0x81, data, 10);
            solo_want(&s, c, WSK_EV_FAIL);
            assert_int_equal(s.ev.code, how == 2 ? 1011 : 1007);
        } else {
            /* No memory between them: for a buffer, for a larger one. */
            b.decode = 3;
            solo_frame(&s, c, 0x81, "x", 1);
            solo_starve(&s, how == 4 ? 2 : 3);
            solo_want(&s, c, WSK_EV_FAIL);
            assert_int_equal(s.ev.code, 1011);
            assert_string_equal(s.ev.text, NOMEM);
        }
        solo_end(&s);
        assert_int_equal(b.states, 0);
    }
}

/* As much as the limits of a message may ever be. */
static void test_row_without_limits(void **state)
{
    (void)state;
    wsk_extension second = whole;
    const wsk_extension *list[3] = {&whole, &second, NULL};
    wsk_config_options o = WSK_CONFIG_OPTIONS_INIT;
    solo s;

    fresh();
    b.decode_begin = 1;
    second.name = "x-f";
    second.rsv = 0;
    o.extensions = list;
    o.max_message = UINT64_MAX;
    solo_begin(&s, WSK_ROLE_SERVER, &o);
    wsk_conn *c = solo_alone(&s);
    solo_open(&s, c, BOTH);
    solo_frame(&s, c, 0x81, "abc", 3);
    solo_want(&s, c, WSK_EV_MESSAGE);
    assert_memory_equal(s.ev.data, "abc", 3);
    solo_end(&s);
}

/* max_message is what a peer may send. What goes out may be longer, and still longer on its way
 * from one extension to the next. */
static void test_long_way_out(void **state)
{
    (void)state;
    static char data[20000];
    wsk_extension second = whole;
    const wsk_extension *list[3] = {&whole, &second, NULL};
    wsk_config_options o = WSK_CONFIG_OPTIONS_INIT;
    solo s;

    fresh();
    b.encode_begin = b.decode_begin = 1;
    second.name = "x-f";
    second.rsv = WSK_RSV3;
    o.extensions = list;
    o.max_message = 1000;
    solo_begin(&s, WSK_ROLE_SERVER, &o);
    wsk_conn *c = solo_alone(&s);
    solo_open(&s, c, BOTH);
    assert_int_equal(wsk_conn_send(c, WSK_OP_BINARY, data, sizeof(data), 0), WSK_OK);
    solo_out(&s, c);
    assert_int_equal(s.out_len, 4 + sizeof(data));
    assert_memory_equal(s.out + 4, data, sizeof(data));
    solo_end(&s);
}

/* ---------------------------------------------------------------------------------- models -- */

/* Connections of a loop that agreed to the same share it, as long as they hold nothing. */
static void test_models(void **state)
{
    (void)state;
    wsk_config_options o = WSK_CONFIG_OPTIONS_INIT;
    char text[300];
    solo s;

    memset(text, 'a', sizeof(text));
    o.deflate.enabled = true;
    o.deflate.server_no_context_takeover = true;
    solo_begin(&s, WSK_ROLE_SERVER, &o);
    wsk_conn *a = solo_shell(&s), *c = solo_shell(&s);
    solo_open(&s, a, "Sec-WebSocket-Extensions: permessage-deflate\r\n");
    solo_open(&s, c, "Sec-WebSocket-Extensions: permessage-deflate\r\n");
    assert_ptr_equal(a->ext, c->ext);
    /* Both in the middle of a message: one of their own each. At rest one is kept for the next. */
    assert_int_equal(wsk_conn_send(a, WSK_OP_TEXT, text, sizeof(text), 0), WSK_OK);
    assert_int_equal(wsk_conn_send(c, WSK_OP_TEXT, text, sizeof(text), 0), WSK_OK);
    assert_ptr_not_equal(a->ext, c->ext);
    solo_out(&s, a);
    solo_out(&s, c);
    long live = s.alloc.live;
    wsk__conn_rest(a);
    wsk__conn_rest(c);
    assert_ptr_equal(a->ext, c->ext);
    assert_true(a->ext->is_model && a->ext->spare != NULL);
    assert_true(s.alloc.live < live);
    live = s.alloc.live;
    wsk__ext_set *spare = a->ext->spare;
    assert_int_equal(wsk_conn_send(a, WSK_OP_TEXT, text, sizeof(text), 0), WSK_OK);
    assert_ptr_equal(a->ext, spare);
    solo_out(&s, a);
    wsk__conn_rest(a);
    assert_ptr_equal(a->ext, c->ext);
    solo_end(&s);
}

/* Every answer that a server can give has its model: whatever strangers have made it agree to, who
 * comes later shares one. What is asked for most stands in front. */
static void test_models_for_all(void **state)
{
    (void)state;
    static const char *const windows[] = {"", "=8", "=9", "=10", "=11", "=12", "=13", "=14", "=15"};
    wsk_config_options o = WSK_CONFIG_OPTIONS_INIT;
    char text[300], line[240];
    solo s;

    memset(text, 'a', sizeof(text));
    o.deflate.enabled = true;
    solo_begin(&s, WSK_ROLE_SERVER, &o);
    for (unsigned i = 0; i < 2 * 2 * 9 * 8 + 1; i++) {
        const char *server = windows[i / 4 % 9], *client = windows[i / 36 % 8];
        wsk_conn *c = solo_shell(&s);

        (void)snprintf(
            line, sizeof(line), "Sec-WebSocket-Extensions: permessage-deflate%s%s%s%s%s%s\r\n",
            i & 1 ? "; client_no_context_takeover" : "", *server ? "; server_max_window_bits" : "",
            server, *client ? "; client_max_window_bits" : "", client,
            i & 2 ? "; server_no_context_takeover" : "");
        solo_open(&s, c, line);
        assert_true(c->ext->is_model);
        assert_int_equal(s.env.n_models, i < 2 * 2 * 9 * 8 ? i + 1 : i);
        assert_ptr_equal(c->ext, s.env.models);
        /* It works, and what came of it is kept no longer than the history is. */
        assert_int_equal(wsk_conn_send(c, WSK_OP_TEXT, text, sizeof(text), 0), WSK_OK);
        assert_false(c->ext->is_model);
        solo_out(&s, c);
        assert_int_equal((uint8_t)s.out[0], 0xC1);
        wsk__conn_rest(c);
        assert_int_equal(c->ext->is_model, (i & 2) != 0);
        solo_forget(&s);
    }
    solo_end(&s);
}

/* A server that spells its answer anew each time gets no more models out of a client than so many,
 * and those that come later work as well. */
static void test_models_of_a_client(void **state)
{
    (void)state;
    wsk_config_options o = WSK_CONFIG_OPTIONS_INIT;
    char text[300], line[240];
    size_t shared = 0;
    solo s;

    memset(text, 'a', sizeof(text));
    o.deflate.enabled = true;
    solo_begin(&s, WSK_ROLE_CLIENT, &o);
    for (int i = 1; i <= 20; i++) {
        wsk_conn *c = solo_shell(&s);

        (void)snprintf(line, sizeof(line), "Sec-WebSocket-Extensions: permessage-deflate%*s;%s\r\n",
                       i, "", " server_no_context_takeover");
        solo_open(&s, c, line);
        shared += c->ext->is_model;
        assert_int_equal(wsk_conn_send(c, WSK_OP_TEXT, text, sizeof(text), 0), WSK_OK);
        solo_out(&s, c);
        assert_int_equal((uint8_t)s.out[0], 0xC1);
    }
    assert_int_equal(shared, 16);
    assert_int_equal(s.env.n_models, 16);
    solo_end(&s);
}

/* A set that one connection has left knows nothing of what it was last used for: it comes to the
 * next one in the middle of a message, which is not compressed. */
static void test_spare_is_clean(void **state)
{
    (void)state;
    wsk_config_options o = WSK_CONFIG_OPTIONS_INIT;
    char text[300], packed[300];
    solo s;

    memset(text, 'a', sizeof(text));
    o.deflate.enabled = true;
    o.deflate.server_no_context_takeover = true;
    o.deflate.client_no_context_takeover = true;
    solo_begin(&s, WSK_ROLE_SERVER, &o);
    wsk_conn *a = solo_shell(&s), *c = solo_shell(&s);
    solo_open(&s, a, "Sec-WebSocket-Extensions: permessage-deflate\r\n");
    solo_open(&s, c, "Sec-WebSocket-Extensions: permessage-deflate\r\n");
    assert_int_equal(wsk_conn_send(a, WSK_OP_TEXT, text, sizeof(text), 0), WSK_OK);
    solo_out(&s, a);
    size_t n = s.out_len - 2;
    assert_int_equal((uint8_t)s.out[0], 0xC1);
    memcpy(packed, s.out + 2, n);
    solo_frame(&s, a, 0xC1, packed, n);
    solo_want(&s, a, WSK_EV_MESSAGE);
    assert_int_equal(s.ev.len, sizeof(text));
    solo_want(&s, a, WSK_EV_NONE);
    assert_int_equal(wsk_conn_unlend(a), WSK_OK);
    wsk__conn_rest(a);
    wsk__ext_set *spare = c->ext->spare;
    assert_non_null(spare);

    solo_frame(&s, c, WSK_OP_TEXT, "ab", 2);
    solo_want(&s, c, WSK_EV_NONE);
    assert_int_equal(wsk_conn_unlend(c), WSK_OK);
    assert_int_equal(wsk_conn_send(c, WSK_OP_TEXT, text, sizeof(text), 0), WSK_OK);
    assert_ptr_equal(c->ext, spare);
    solo_frame(&s, c, WSK__FIN | WSK_OP_CONTINUATION, "cd", 2);
    solo_want(&s, c, WSK_EV_MESSAGE);
    assert_int_equal(s.ev.len, 4);
    assert_memory_equal(s.ev.data, "abcd", 4);
    solo_end(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_spare_is_clean),     cmocka_unit_test(test_long_way_out),
        cmocka_unit_test(test_only_a_name),        cmocka_unit_test(test_tables_with_holes),
        cmocka_unit_test(test_server_agrees),      cmocka_unit_test(test_second_fails),
        cmocka_unit_test(test_client_offers),      cmocka_unit_test(test_offer_too_long),
        cmocka_unit_test(test_client_judges),      cmocka_unit_test(test_no_memory_to_agree),
        cmocka_unit_test(test_begins_that_fail),   cmocka_unit_test(test_without_a_bit),
        cmocka_unit_test(test_stops_too_early),    cmocka_unit_test(test_takes_before_it_gives),
        cmocka_unit_test(test_prepared),           cmocka_unit_test(test_row),
        cmocka_unit_test(test_row_without_limits), cmocka_unit_test(test_models),
        cmocka_unit_test(test_models_for_all),     cmocka_unit_test(test_models_of_a_client),
    };

    return cmocka_run_group_tests_name("extension_chain", tests, NULL, NULL);
}
