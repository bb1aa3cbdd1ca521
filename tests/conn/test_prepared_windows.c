/* SPDX-License-Identifier: MIT */
/*
 * Prepared messages to peers with windows of every size: what they get inflates within the window
 * that they agreed to, or is not compressed, and nothing is ever compressed for one peer alone.
 */
#include "solo.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pmd_support.h"

/* Opens a shell whose peer asked for this window. */
static wsk_conn *open_with(solo *s, unsigned bits)
{
    char line[120];
    wsk_conn *c = solo_shell(s);

    (void)snprintf(line, sizeof(line),
                   "Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=%u\r\n",
                   bits);
    solo_open(s, c, line);
    wsk__conn_rest(c);
    assert_ptr_equal(c->w, &wsk__no_work);
    assert_true(c->ext->is_model);
    return c;
}

static wsk_prepared *prepared(const solo *s, const void *data, size_t n)
{
    wsk_prepared *p = NULL;

    assert_int_equal(wsk_prepared_new(&p, s->cfg, WSK_OP_BINARY, data, n), WSK_OK);
    return p;
}

/* The frame says this message to whoever has this window. True: in compressed form. */
static bool holds(const uint8_t *frame, size_t n, const uint8_t *data, size_t len, unsigned bits)
{
    size_t head = frame[1] < 126 ? 2 : frame[1] == 126 ? 4 : 10, max_distance = 0;
    octets out = {0};

    assert_int_equal(frame[0] & 0xBF, 0x82);
    if (frame[0] == 0x82) {
        assert_int_equal(n - head, len);
        assert_memory_equal(frame + head, data, len);
        return false;
    }
    assert_true(reference_inflate(frame + head, n - head, &out, &max_distance));
    assert_int_equal(out.len, len);
    assert_memory_equal(out.ptr, data, len);
    assert_true(max_distance <= (size_t)1 << bits);
    octets_free(&out);
    return true;
}

/* What repeats as far away as the message is long, up to half of it. */
static void fill(uint8_t *data, size_t len)
{
    size_t half = len / 2;

    sample_random(data, len, (unsigned)len);
    memcpy(data + len - half, data, half);
}

static void test_every_window(void **state)
{
    (void)state;
    wsk_config_options o = WSK_CONFIG_OPTIONS_INIT;
    uint8_t *data = malloc((1 << 16) + 1);
    solo s;

    o.deflate.enabled = true;
    for (int level = 1; level <= 6; level += 5) {
        o.deflate.level = level;
        for (unsigned own = 10; own <= 15; own += 5) {
            o.deflate.server_max_window_bits = own;
            solo_begin(&s, WSK_ROLE_SERVER, &o);
            for (unsigned bits = 8; bits <= own; bits++) {
                wsk_conn *c = open_with(&s, bits);
                unsigned compressed = 0;

                for (unsigned at = 7; at <= 16; at++) {
                    for (int more = -1; more <= 1; more++) {
                        size_t len = ((size_t)1 << at) + (size_t)more;
                        bool packed;

                        fill(data, len);
                        wsk_prepared *p = prepared(&s, data, len);
                        const wsk__shared *frame = wsk__prepared_direct(c, p, &packed);
                        assert_non_null(frame);
                        assert_int_equal(packed, holds(frame->data, frame->len, data, len, bits));
                        /* Whoever has the window that it was made with gets what there is; whoever
                         * has less, what he can hold the whole of. */
                        bool fits = bits == own || len <= (size_t)1 << bits;
                        assert_int_equal(packed, (p->packed != NULL) && fits);
                        compressed += (p->packed != NULL);
                        wsk_prepared_unref(p);
                    }
                }
                assert_true(own < 15 || compressed > 20);
            }
            solo_end(&s);
        }
    }
    free(data);
}

/* By way of the queue it is the same, also behind a message of the peer's own. */
static void test_by_the_queue(void **state)
{
    (void)state;
    wsk_config_options o = WSK_CONFIG_OPTIONS_INIT;
    uint8_t data[3000];
    solo s;

    o.deflate.enabled = true;
    solo_begin(&s, WSK_ROLE_SERVER, &o);
    memset(data, 'a', sizeof(data));
    wsk_prepared *large = prepared(&s, data, sizeof(data)), *small = prepared(&s, data, 512);
    assert_true(large->packed != NULL && small->packed != NULL);
    wsk_conn *c = open_with(&s, 9);
    for (int own = 0; own < 2; own++) {
        if (own) {
            assert_int_equal(wsk_conn_send(c, WSK_OP_BINARY, data, sizeof(data), 0), WSK_OK);
            solo_out(&s, c);
            assert_int_equal((uint8_t)s.out[0], 0xC2);
            assert_false(c->ext->is_model);
        }
        assert_int_equal(wsk_conn_send_prepared(c, large), WSK_OK);
        solo_out(&s, c);
        assert_false(holds((uint8_t *)s.out, s.out_len, data, sizeof(data), 9));
        /* It never was in the history: that is there still, and nothing was put to use for it. */
        assert_int_equal(c->ext->is_model, !own);
        if (own)
            assert_false(wsk__pmd_is_empty(c->ext->use[0].state));
        assert_int_equal(wsk_conn_send_prepared(c, small), WSK_OK);
        solo_out(&s, c);
        assert_true(holds((uint8_t *)s.out, s.out_len, data, 512, 9));
    }
    wsk_conn_stats stats;
    wsk_conn_get_stats(c, &stats);
    assert_int_equal(stats.messages_out, 5);
    wsk_prepared_unref(large);
    wsk_prepared_unref(small);
    solo_end(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_window),
        cmocka_unit_test(test_by_the_queue),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
