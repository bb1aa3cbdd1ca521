/* SPDX-License-Identifier: MIT */
/* A server that keeps a client busy, in a loop in which there are other clients: what it gets of a
 * turn, on a clock that moves on whenever it is looked at. */
#include "client_world.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#define FLOOD_LEN ((size_t)48 * 1024)

/* Two looks are more than a share. */
static uint64_t clock_now;

static uint64_t striding_clock(void)
{
    return clock_now += 24000;
}

static void say(const script_conn *c, const void *data, size_t n)
{
    assert_int_equal(send(c->fd, data, n, MSG_NOSIGNAL | MSG_DONTWAIT), n);
}

static const struct flood {
    const char *what;
    const char *begin, *again, *end;
    size_t begin_len, again_len, end_len;
} floods[] = {
#define OCTETS(name, text) .name = (text), .name##_len = sizeof(text) - 1
    {"empty messages", OCTETS(begin, ""), OCTETS(again, "\x81\0"), OCTETS(end, "\x82\1x")},
    {"a message of blocks that decode to nothing, in frames", OCTETS(begin, "\x42\0"),
     OCTETS(again, "\0\5\x02\x08\x20\x80\0"), OCTETS(end, "\x80\1\0")},
    {"empty pings", OCTETS(begin, ""), OCTETS(again, "\x89\0"), OCTETS(end, "\x82\1x")},
};

static void test_floods(void **state)
{
    static uint8_t data[FLOOD_LEN];

    for (const struct flood *f = floods; f < floods + WSK__COUNT(floods); f++) {
        wsk_client_options o = WSK_CLIENT_OPTIONS_INIT;
        unsigned turns = 0, told = 0, most_behind = 0;
        heard flooded, ordinary;
        script s;
        world w;
        size_t n = 0;

        world_begin(&w, state);
        w.sys.clock_us = striding_clock;
        script_begin(&s, &w, script_answer);
        s.answer = SWITCHED "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n";
        o.conn.deflate.enabled = true;
        heard_connect(&flooded, &w, &o, script_url(&s, "/"));
        heard_until_open(&flooded, &w);
        heard_connect(&ordinary, &w, &o, script_url(&s, "/"));
        heard_until_open(&ordinary, &w);

        memcpy(data, f->begin, f->begin_len);
        for (n = f->begin_len; n + f->again_len + f->end_len <= sizeof(data); n += f->again_len)
            memcpy(data + n, f->again, f->again_len);
        memcpy(data + n, f->end, f->end_len);
        say(s.conns[0], data, n + f->end_len);
        while ((flooded.n[ON_MESSAGE] == 0 || flooded.op != WSK_OP_BINARY) && turns < 10000) {
            say(s.conns[1], "\x81\2hi", 4);
            told++;
            world_turn(&w, 2);
            turns++;
            if (told - ordinary.n[ON_MESSAGE] > most_behind)
                most_behind = told - ordinary.n[ON_MESSAGE];
        }
        if (flooded.op != WSK_OP_BINARY || turns < 10 || most_behind > 3)
            fail_msg("%s: %u turns, the ordinary one was %u behind", f->what, turns, most_behind);
        assert_int_equal(flooded.n[ON_CLOSE] + ordinary.n[ON_CLOSE], 0);
        heard_free(&flooded);
        heard_free(&ordinary);
        world_end(&w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(test_floods),
    };

    return cmocka_run_group_tests_name("client_share", tests, NULL, NULL);
}
