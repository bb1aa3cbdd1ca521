/* SPDX-License-Identifier: MIT */
/* What one worker of "websock serve" leaves for another: its limits, and its order. */
#include "support.h"

#include <stdlib.h>
#include <string.h>

#include "serve_inbox.h"

typedef struct receiver {
    serve_inbox inbox;
    wsk_loop *loop;
    wsk_config *config;
    wsk_prepared *messages[2];
    size_t len; /* that the messages are said to have */
    unsigned n, posted;
    unsigned wrong; /* not the message that was its turn */
} receiver;

static void count_message(void *ud, wsk_prepared *message)
{
    receiver *r = ud;

    r->wrong += message != r->messages[r->n++ % 2];
}

static void set_up(receiver *r, size_t len)
{
    wsk_config_options options = WSK_CONFIG_OPTIONS_INIT;
    wsk_loop_options epoll = WSK_LOOP_OPTIONS_INIT;

    memset(r, 0, sizeof(*r));
    options.role = WSK_ROLE_SERVER;
    epoll.io = WSK_IO_EPOLL;
    assert_int_equal(wsk_loop_new(&r->loop, &epoll), WSK_OK);
    assert_int_equal(wsk_config_new(&r->config, &options), WSK_OK);
    r->len = len;
    for (unsigned i = 0; i < 2; i++)
        assert_int_equal(wsk_prepared_new(&r->messages[i], r->config, WSK_OP_BINARY, "", 0),
                         WSK_OK);
    serve_inbox_init(&r->inbox, r->loop, count_message, r);
}

static void tear_down(receiver *r)
{
    wsk_loop_free(r->loop);
    assert_int_equal(atomic_load(&r->inbox.octets), 0);
    assert_int_equal(r->wrong, 0);
    for (unsigned i = 0; i < 2; i++)
        wsk_prepared_unref(r->messages[i]);
    wsk_config_unref(r->config);
}

/* Posts up to n; returns how many there was room for. */
static unsigned post(receiver *r, unsigned n)
{
    unsigned i = 0;

    while (i < n && serve_inbox_post(&r->inbox, r->messages[r->posted % 2], r->len)) {
        r->posted++;
        i++;
    }
    return i;
}

/* Messages without octets have their costs, too. */
static void test_empty_messages(void **state)
{
    receiver r;

    (void)state;
    set_up(&r, 0);
    assert_int_equal(post(&r, 1000000), 65536);
    /* What is refused takes no room. */
    assert_int_equal(post(&r, 1000000), 0);
    assert_int_equal(atomic_load(&r.inbox.octets), SERVE_INBOX_MAX);
    assert_int_equal(r.n, 0);
    /* Some are delivered, and so many more fit. */
    assert_int_equal(wsk_loop_turn(r.loop, 0), WSK_OK);
    assert_true(r.n > 0 && r.n < 65536);
    const unsigned n = r.n;
    assert_int_equal(post(&r, 1000000), n);
    /* The rest is when the loop ends. */
    tear_down(&r);
    assert_int_equal(r.n, 65536 + n);
}

static void test_long_messages(void **state)
{
    receiver r;

    (void)state;
    set_up(&r, 1 << 20);
    assert_int_equal(post(&r, 1000), 32);
    tear_down(&r);
    /* Longer than all the room there is: alone it passes. */
    set_up(&r, (size_t)SERVE_INBOX_MAX + 1);
    assert_int_equal(post(&r, 2), 1);
    tear_down(&r);
    assert_int_equal(r.n, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty_messages),
        cmocka_unit_test(test_long_messages),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
