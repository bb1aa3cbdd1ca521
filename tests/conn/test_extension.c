/* SPDX-License-Identifier: MIT */
/*
 * A program's own extensions: negotiated with parameters, transforming alone, in a row, together
 * with permessage-deflate; declined, in conflict, and broken on purpose.
 */
#include "pair.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/strs.h"

/* Adds `shift` to every octet, taking and giving at most 5 at a time. */
struct shifter {
    uint8_t shift;
    long *live;
};

static long live;

static int shift_offer(void *ud, wsk_ext_writer *w)
{
    char text[8];

    (void)snprintf(text, sizeof(text), "%d", *(int *)ud);
    return wsk_ext_writer_param(w, "by", text);
}

static int make(const wsk_ext_param *params, size_t n, void **ret_state)
{
    if (n != 1 || !wsk__str_eq(params[0].name, wsk__str("by")) || params[0].value.len != 1)
        return 1;
    struct shifter *s = malloc(sizeof(*s));
    s->shift = (uint8_t)(params[0].value.ptr[0] - '0');
    live++;
    *ret_state = s;
    return 0;
}

static int shift_accept(void *ud, const wsk_ext_param *params, size_t n, wsk_ext_writer *w,
                        void **ret_state)
{
    int r = make(params, n, ret_state);

    (void)ud;
    if (r == 0)
        r = shift_offer(&(int){((struct shifter *)*ret_state)->shift}, w);
    return r;
}

static int shift_confirm(void *ud, const wsk_ext_param *params, size_t n, void **ret_state)
{
    (void)ud;
    return make(params, n, ret_state) == 0 ? 0 : WSK_ERR_INVAL;
}

static int shift_encode_begin(void *state, wsk_opcode op, uint64_t len, unsigned flags)
{
    (void)state;
    (void)op;
    (void)flags;
    return len == 3 ? 0 : WSK_RSV2; /* messages of three octets pass as they are */
}

static int shift_decode_begin(void *state, wsk_opcode op, unsigned rsv)
{
    (void)state;
    (void)op;
    return rsv == WSK_RSV2;
}

static int shift(struct shifter *s, wsk_ext_io *io, int sign)
{
    for (int i = 0; i < 5; i++) {
        if (io->in_len == 0)
            return WSK_EXT_DONE;
        if (io->out_len == 0)
            return WSK_EXT_MORE;
        *io->out++ = (uint8_t)(*io->in++ + sign * s->shift);
        io->out_len--;
        io->in_len--;
    }
    return io->in_len == 0 ? WSK_EXT_DONE : WSK_EXT_MORE;
}

static int shift_encode(void *state, wsk_ext_io *io, bool fin)
{
    (void)fin;
    return shift(state, io, 1);
}

static int shift_decode(void *state, wsk_ext_io *io, bool fin)
{
    (void)fin;
    return shift(state, io, -1);
}

static void shift_release(void *state)
{
    free(state);
    live--;
}

static int by_three = 3, by_four = 4;

static const wsk_extension shifter = {
    .size = sizeof(wsk_extension),
    .name = "x-shift",
    .rsv = WSK_RSV2,
    .ud = &by_three,
    .offer = shift_offer,
    .accept = shift_accept,
    .confirm = shift_confirm,
    .encode_begin = shift_encode_begin,
    .encode = shift_encode,
    .decode_begin = shift_decode_begin,
    .decode = shift_decode,
    .release = shift_release,
};

static void talk(const wsk_config_options *so, const wsk_config_options *co, const char *agreed)
{
    static const char *const texts[] = {"", "abc", "hello world, hello world, hello world",
                                        "κόσμε"};
    char text[200];

    for (size_t cut = 0; cut < 5; cut++) {
        pair p;
        assert_int_equal(pair_init(&p, so, co, cut_sizes[cut]), WSK_OK);
        pair_open(&p);
        wsk_conn_extensions(p.client.c, text, sizeof(text));
        assert_string_equal(text, agreed);
        p.server.echo = true;
        for (size_t i = 0; i < 4; i++) {
            size_t n = strlen(texts[i]);
            assert_int_equal(wsk_conn_send(p.client.c, WSK_OP_TEXT, texts[i], n, 0), WSK_OK);
            pair_pump(&p);
            const pair_event *got = pair_last(&p.client, WSK_EV_MESSAGE);
            assert_non_null(got);
            assert_int_equal(got->len, n);
            assert_memory_equal(got->data, texts[i], n);
            pair_forget(&p.client);
        }
        pair_deinit(&p);
        assert_int_equal(live, 0);
    }
}

static void test_alone(void **state)
{
    (void)state;
    const wsk_extension *list[] = {&shifter, NULL};
    wsk_config_options o = WSK_CONFIG_OPTIONS_INIT;

    o.extensions = list;
    talk(&o, &o, "x-shift; by=3");
    o.fragment_size = 4;
    talk(&o, &o, "x-shift; by=3");
    o.flags = WSK_CONN_STREAM;
    talk(&o, &o, "x-shift; by=3");
}

static void test_with_deflate(void **state)
{
    (void)state;
    const wsk_extension *list[] = {&shifter, NULL};
    wsk_config_options o = WSK_CONFIG_OPTIONS_INIT;

    o.extensions = list;
    o.deflate.enabled = true;
    o.deflate.threshold = 1;
    o.deflate.server_no_context_takeover = true;
    pair p;
    assert_int_equal(pair_init(&p, &o, &o, SIZE_MAX), WSK_OK);
    pair_open(&p);
    char text[200];
    wsk_conn_extensions(p.client.c, text, sizeof(text));
    assert_memory_equal(text, "x-shift; by=3, permessage-deflate", 33);
    pair_deinit(&p);
    talk(&o, &o, text);
}

static void test_declined(void **state)
{
    (void)state;
    const wsk_extension *list[] = {&shifter, NULL};
    wsk_config_options with = WSK_CONFIG_OPTIONS_INIT, without = WSK_CONFIG_OPTIONS_INIT;

    with.extensions = list;
    talk(&without, &with, "");
    talk(&with, &without, "");
}

/* Two that use the same bit: the first one that is agreed has it. */
static void test_same_bit(void **state)
{
    (void)state;
    wsk_extension other = shifter;
    other.name = "x-other";
    other.ud = &by_four;
    const wsk_extension *both[] = {&shifter, &other, NULL}, *last[] = {&other, NULL};
    wsk_config_options s = WSK_CONFIG_OPTIONS_INIT, c = WSK_CONFIG_OPTIONS_INIT;

    s.extensions = both;
    c.extensions = both;
    talk(&s, &c, "x-shift; by=3");
    c.extensions = last;
    talk(&s, &c, "x-other; by=4");
}

/* A bit that was agreed, on a message that the extension did not expect it on. */
static int never(void *state, wsk_opcode op, unsigned rsv)
{
    (void)state;
    (void)op;
    (void)rsv;
    return 0;
}

static void test_unexpected_bit(void **state)
{
    (void)state;
    wsk_extension deaf = shifter;
    deaf.decode_begin = never;
    const wsk_extension *s_list[] = {&deaf, NULL}, *c_list[] = {&shifter, NULL};
    wsk_config_options s = WSK_CONFIG_OPTIONS_INIT, c = WSK_CONFIG_OPTIONS_INIT;
    pair p;

    s.extensions = s_list;
    c.extensions = c_list;
    assert_int_equal(pair_init(&p, &s, &c, SIZE_MAX), WSK_OK);
    pair_open(&p);
    assert_int_equal(wsk_conn_send(p.client.c, WSK_OP_TEXT, "hello", 5, 0), WSK_OK);
    pair_pump(&p);
    assert_int_equal(pair_last(&p.server, WSK_EV_FAIL)->code, 1002);
    assert_int_equal(pair_last(&p.client, WSK_EV_CLOSE)->code, 1002);
    pair_deinit(&p);
}

/* Transforms that fail, or that neither take nor give. */
static int fails_limit(void *state, wsk_ext_io *io, bool fin)
{
    (void)state;
    (void)io;
    (void)fin;
    return WSK_ERR_LIMIT;
}

static int fails_invalid(void *state, wsk_ext_io *io, bool fin)
{
    (void)state;
    (void)io;
    (void)fin;
    return WSK_ERR_INVAL;
}

static int stands_still(void *state, wsk_ext_io *io, bool fin)
{
    (void)state;
    (void)io;
    (void)fin;
    return WSK_EXT_MORE;
}

/* Swells without end. */
static int swells(void *state, wsk_ext_io *io, bool fin)
{
    (void)state;
    (void)fin;
    memset(io->out, 'a', io->out_len);
    io->out += io->out_len;
    io->out_len = 0;
    return WSK_EXT_MORE;
}

static void test_broken_transforms(void **state)
{
    (void)state;
    static const struct {
        int (*decode)(void *, wsk_ext_io *, bool);
        unsigned code;
    } rows[] = {{fails_limit, 1009}, {fails_invalid, 1007}, {stands_still, 1011}, {swells, 1009}};

    for (size_t i = 0; i < 4; i++) {
        wsk_extension bad = shifter;
        bad.decode = rows[i].decode;
        const wsk_extension *s_list[] = {&bad, NULL}, *c_list[] = {&shifter, NULL};
        wsk_config_options s = WSK_CONFIG_OPTIONS_INIT, c = WSK_CONFIG_OPTIONS_INIT;
        pair p;
        s.extensions = s_list;
        s.max_message = 100000;
        c.extensions = c_list;
        assert_int_equal(pair_init(&p, &s, &c, SIZE_MAX), WSK_OK);
        pair_open(&p);
        assert_int_equal(wsk_conn_send(p.client.c, WSK_OP_TEXT, "hello", 5, 0), WSK_OK);
        pair_pump(&p);
        assert_int_equal(pair_last(&p.server, WSK_EV_FAIL)->code, rows[i].code);
        pair_deinit(&p);
    }
    /* On the way out it is our own fault. */
    wsk_extension bad = shifter;
    bad.encode = fails_invalid;
    const wsk_extension *list[] = {&bad, NULL};
    wsk_config_options o = WSK_CONFIG_OPTIONS_INIT;
    pair p;
    o.extensions = list;
    assert_int_equal(pair_init(&p, &o, &o, SIZE_MAX), WSK_OK);
    pair_open(&p);
    assert_true(wsk_conn_send(p.client.c, WSK_OP_TEXT, "hello", 5, 0) < 0);
    pair_pump(&p);
    assert_int_equal(pair_last(&p.server, WSK_EV_CLOSE)->code, 1011);
    pair_deinit(&p);
}

/* Takes and gives only what fits whole: an octet is 60 outside. */
enum { WIDE = 60 };

static int widen(void *state, wsk_ext_io *io, bool fin)
{
    (void)state;
    (void)fin;
    while (io->in_len > 0) {
        if (io->out_len < WIDE)
            return WSK_EXT_MORE;
        memset(io->out, *io->in++, WIDE);
        io->in_len--;
        io->out += WIDE;
        io->out_len -= WIDE;
    }
    return WSK_EXT_DONE;
}

static int narrow(void *state, wsk_ext_io *io, bool fin)
{
    static unsigned taken; /* of WIDE */

    (void)state;
    for (; io->in_len > 0; io->in_len--, io->in++) {
        if (taken == 0 && io->out_len == 0)
            return WSK_EXT_MORE;
        if (taken == 0) {
            *io->out++ = *io->in;
            io->out_len--;
        }
        taken = (taken + 1) % WIDE;
    }
    assert_true(!fin || taken == 0);
    return WSK_EXT_DONE;
}

/* There is room for a little at once, in either direction, up to the limit and no further. */
static void test_room(void **state)
{
    (void)state;
    static char text[3000];

    memset(text, 'x', sizeof(text));
    for (int decodes = 0; decodes < 2; decodes++) {
        wsk_extension sends = shifter, gets = shifter;
        const wsk_extension *s_list[] = {&gets, NULL}, *c_list[] = {&sends, NULL};
        wsk_config_options so = WSK_CONFIG_OPTIONS_INIT, co = WSK_CONFIG_OPTIONS_INIT;
        pair p;

        sends.encode = decodes ? shift_encode : widen;
        gets.decode = decodes ? widen : narrow;
        so.extensions = s_list;
        co.extensions = c_list;
        so.max_message = decodes ? 2000ul * WIDE : 1000000;
        assert_int_equal(pair_init(&p, &so, &co, SIZE_MAX), WSK_OK);
        pair_open(&p);
        for (size_t n = 4; n < sizeof(text); n = n * 3 / 2) {
            assert_int_equal(wsk_conn_send(p.client.c, WSK_OP_BINARY, text, n, 0), WSK_OK);
            pair_pump(&p);
            const pair_event *got = pair_last(&p.server, WSK_EV_MESSAGE);
            if (decodes && n > 2000) {
                assert_int_equal(pair_last(&p.server, WSK_EV_FAIL)->code, 1009);
                break;
            }
            assert_int_equal(got->len, decodes ? n * WIDE : n);
            for (size_t i = 0; i < got->len; i++)
                assert_int_equal(got->data[i], decodes ? 'x' + 3 : 'x');
            pair_forget(&p.server);
        }
        pair_deinit(&p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_alone),          cmocka_unit_test(test_with_deflate),
        cmocka_unit_test(test_declined),       cmocka_unit_test(test_same_bit),
        cmocka_unit_test(test_unexpected_bit), cmocka_unit_test(test_broken_transforms),
        cmocka_unit_test(test_room),
    };

    return cmocka_run_group_tests_name("extension", tests, NULL, NULL);
}
