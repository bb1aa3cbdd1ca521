/* SPDX-License-Identifier: MIT */
/*
 * What the RFCs allow is not called a failure: cases of the suite against peers that are a few
 * lines of this test and take each liberty that they have. And that the same lines with a fault in
 * them still fail.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "conformance/deflate_writer.h"
#include "judge_scene.h"

/* ------------------------------------------------------------------------------ handshake -- */

/* RFC 9110 5.3: lines of one name are one list. */
static void lists_may_have_several_lines(void **state)
{
    static const char *const good[] = {
        STATUS "Upgrade: websocket\r\nConnection: keep-alive\r\nConnection: Upgrade\r\n" ACCEPT
               "\r\n",
        STATUS "Connection: Upgrade\r\nConnection: close\r\nUpgrade: websocket\r\n" ACCEPT "\r\n",
    };
    static const char *const requests[] = {
        "Upgrade: websocket\r\nConnection: keep-alive\r\nConnection: Upgrade\r\n",
        "Upgrade: h2c\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n",
    };
    char text[512];
    scene s;

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        open_with(&s, "1.1.1", good[i]);
        assert_true(judge_peer_is_open(s.p));
        frame(&s, 0x81, "", 0);
        assert_int_equal(closes(&s), JUDGE_OK);
    }
    for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
        begin(&s, "1.1.1", JUDGE_ROLE_SERVER);
        snprintf(text, sizeof(text),
                 "GET / HTTP/1.1\r\nHost: x\r\n%sSec-WebSocket-Key: " KEY
                 "\r\nSec-WebSocket-Version: 13\r\n\r\n",
                 requests[i]);
        say(&s, text);
        assert_true(judge_peer_is_open(s.p));
        end(&s);
    }
    /* The word must be in one of them. */
    open_with(&s, "1.1.1",
              STATUS "Upgrade: websocket\r\nConnection: keep-alive\r\nConnection: close\r\n" ACCEPT
                     "\r\n");
    assert_false(judge_peer_is_open(s.p));
    assert_int_equal(end(&s), JUDGE_FAILED);
}

/* RFC 6455 4.4 has an example of it. */
static void versions_may_have_several_lines(void **state)
{
    scene s;

    (void)state;
    open_with(&s, "14.5.3",
              "HTTP/1.1 426 Upgrade Required\r\nSec-WebSocket-Version: 8, 7\r\n"
              "Sec-WebSocket-Version: 13\r\n\r\n");
    assert_int_equal(end(&s), JUDGE_OK);
    open_with(&s, "14.5.3",
              "HTTP/1.1 426 Upgrade Required\r\nSec-WebSocket-Version: 8, 7\r\n"
              "Sec-WebSocket-Version: 14\r\n\r\n");
    assert_int_equal(end(&s), JUDGE_FAILED);
}

/* A body is not a second answer, whatever it says. */
static void bodies_may_speak_of_http(void **state)
{
    scene s;

    (void)state;
    open_with(&s, "14.3.1",
              "HTTP/1.1 400 Bad Request\r\nContent-Length: 25\r\n\r\nHTTP/1.1 400 Bad Request\n");
    assert_int_equal(end(&s), JUDGE_OK);
    open_with(&s, "14.3.1",
              "HTTP/1.1 400 Bad Request\r\nTransfer-Encoding: chunked\r\n\r\n"
              "19\r\nHTTP/1.1 400 Bad Request\n\r\n0\r\n\r\n");
    assert_int_equal(end(&s), JUDGE_OK);
    /* Octet by octet, too. */
    begin(&s, "14.3.1", JUDGE_ROLE_CLIENT);
    for (const char *c = "HTTP/1.1 400 Bad Request\r\nContent-Length: 25\r\n\r\n"
                         "HTTP/1.1 400 Bad Request\n";
         *c != '\0'; c++)
        feed(&s, c, 1);
    assert_int_equal(end(&s), JUDGE_OK);
    /* Behind its end there is none, and what stood behind the request was its body. */
    open_with(&s, "14.9.12",
              "HTTP/1.1 400 Bad Request\r\nContent-Length: 25\r\n\r\nHTTP/1.1 400 Bad Request\n"
              "HTTP/1.1 404 Not Found\r\n\r\n");
    assert_int_equal(end(&s), JUDGE_FAILED);
    open_with(&s, "14.9.12",
              "HTTP/1.1 400 Bad Request\r\nTransfer-Encoding: chunked\r\n\r\n"
              "19\r\nHTTP/1.1 400 Bad Request\n\r\n0\r\n\r\nHTTP/1.1 404 Not Found\r\n\r\n");
    assert_int_equal(end(&s), JUDGE_FAILED);
    open_with(
        &s, "14.9.12",
        "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\nHTTP/1.1 404 Not Found\r\n\r\n");
    assert_int_equal(end(&s), JUDGE_FAILED);
}

/* RFC 9112 9.3: a refusal leaves a connection of HTTP, unless it says that it does not (9.6). */
static void refusals_may_leave_the_connection(void **state)
{
#define REFUSED_WITH  " 426 Upgrade Required\r\nSec-WebSocket-Version: 13\r\n"
#define REFUSED       "HTTP/1.1" REFUSED_WITH
#define EMPTY         "Content-Length: 0\r\n\r\n"
#define SECOND_ANSWER "HTTP/1.1 404 Not Found\r\n" EMPTY
    static const struct {
        const char *answer;
        judge_behavior behavior, in_body; /* of 14.9.9 to .11, and of 14.9.12 */
    } rows[] = {
        {REFUSED EMPTY SECOND_ANSWER, JUDGE_NON_STRICT, JUDGE_FAILED},
        {REFUSED "Connection: keep-alive\r\n" EMPTY SECOND_ANSWER, JUDGE_NON_STRICT, JUDGE_FAILED},
        {REFUSED EMPTY, JUDGE_INFORMATIONAL, JUDGE_INFORMATIONAL},
        {REFUSED "Connection: close\r\n" EMPTY SECOND_ANSWER, JUDGE_FAILED, JUDGE_FAILED},
        /* A body without a length does not begin like this. */
        {REFUSED "\r\n" SECOND_ANSWER, JUDGE_NON_STRICT, JUDGE_FAILED},
        {REFUSED "Connection: close\r\n\r\n" SECOND_ANSWER, JUDGE_FAILED, JUDGE_FAILED},
        {"HTTP/1.0" REFUSED_WITH EMPTY SECOND_ANSWER, JUDGE_FAILED, JUDGE_FAILED},
        {"HTTP/1.0" REFUSED_WITH "Connection: keep-alive\r\n" EMPTY SECOND_ANSWER, JUDGE_NON_STRICT,
         JUDGE_FAILED},
        {REFUSED "Connection: foo, Close\r\n" EMPTY, JUDGE_NON_STRICT, JUDGE_NON_STRICT},
    };
#undef REFUSED
#undef REFUSED_WITH
#undef EMPTY
#undef SECOND_ANSWER
    static const char *const ids[] = {"14.9.9", "14.9.10", "14.9.11", "14.9.12"};

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        for (size_t k = 0; k < 4; k++) {
            scene s;

            open_with(&s, ids[k], rows[i].answer);
            pass(&s, 20 * SECOND); /* TCP stays open */
            assert_int_equal(end(&s), k < 3 ? rows[i].behavior : rows[i].in_body);
        }
    }
}

/* Behind a good 101 a client may send what it likes, but how it closes counts there, too. */
static void clients_may_beat_once_it_is_open(void **state)
{
#define ROW(id, octets, ok, closed) id, octets, sizeof(octets) - 1, ok, closed
#define PING                        "\x89\x84\0\0\0\0beat"
#define CLOSE_1000                  "\x88\x82\0\0\0\0\x03\xe8"
#define CLOSE_1002                  "\x88\x82\0\0\0\0\x03\xea"
#define CLOSE_4999                  "\x88\x82\0\0\0\0\x13\x87"
    static const struct {
        const char *id, *answer;
        size_t n;
        judge_behavior behavior, close;
    } rows[] = {
        {ROW("15.10.11", PING, JUDGE_OK, JUDGE_OK)},
        {ROW("15.10.11", PING CLOSE_4999, JUDGE_OK, JUDGE_OK)},
        {ROW("15.11.5", PING CLOSE_1000, JUDGE_OK, JUDGE_OK)},
        {ROW("15.11.5", CLOSE_1000, JUDGE_OK, JUDGE_OK)},
        {ROW("15.11.5", CLOSE_4999, JUDGE_OK, JUDGE_WRONG_CODE)},
        {ROW("15.11.5", "\x8a\x80\0\0\0\0" CLOSE_4999, JUDGE_OK, JUDGE_WRONG_CODE)},
        {ROW("15.11.7", PING, JUDGE_OK, JUDGE_OK)},
        {ROW("15.11.7", "", JUDGE_OK, JUDGE_OK)},
        {ROW("15.11.7", CLOSE_4999, JUDGE_OK, JUDGE_WRONG_CODE)},
        {ROW("15.11.8", PING CLOSE_1002, JUDGE_OK, JUDGE_OK)},
        {ROW("15.11.8", CLOSE_4999, JUDGE_OK, JUDGE_WRONG_CODE)},
        {ROW("15.11.8", "\x81\x85\0\0\0\0Hello", JUDGE_FAILED, JUDGE_FAILED)},
        /* Where the answer is wrong there is nothing to be closed. */
        {ROW("15.3.1", CLOSE_4999, JUDGE_NON_STRICT, JUDGE_OK)},
    };
#undef ROW

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        scene s;

        begin(&s, rows[i].id, JUDGE_ROLE_SERVER);
        say(&s, "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                "Sec-WebSocket-Key: " KEY "\r\nSec-WebSocket-Version: 13\r\n\r\n");
        feed(&s, rows[i].answer, rows[i].n);
        if (!judge_peer_is_done(s.p))
            judge_peer_lost(s.p, s.now);
        judge_peer_result(s.p, s.now, &s.r);
        if (s.r.behavior != rows[i].behavior ||
            (s.r.behavior_close != rows[i].close && rows[i].behavior != JUDGE_FAILED))
            fail_msg("%s, row %zu: %d, %d, %s", rows[i].id, i, s.r.behavior, s.r.behavior_close,
                     s.r.why);
        judge_result_deinit(&s.r);
        judge_peer_free(s.p);
    }
}

/* 16.7 sends one frame after the other: how many keys come in its time is a matter of distance. */
static void clients_may_be_far_away(void **state)
{
    static const struct {
        const char *id;
        uint8_t first;
        int64_t way;
        bool good;
        judge_behavior behavior;
    } rows[] = {
        {"16.7.1", 0x81, 1000, true, JUDGE_OK},
        {"16.7.1", 0x81, 16000, true, JUDGE_OK},
        {"16.7.2", 0x8a, 50000, true, JUDGE_OK},
        {"16.7.3", 0x81, 100000, true, JUDGE_INFORMATIONAL},
        {"16.7.1", 0x81, 16000, false, JUDGE_FAILED},
        {"16.7.1", 0x81, 5000000, true, JUDGE_FAILED},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint64_t random = 88172645463325252u;
        scene s;

        begin(&s, rows[i].id, JUDGE_ROLE_SERVER);
        say(&s, "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                "Sec-WebSocket-Key: " KEY "\r\nSec-WebSocket-Version: 13\r\n\r\n");
        while (s.now < 60 * SECOND && judge_peer_is_open(s.p)) {
            uint8_t octets[6] = {rows[i].first, 0x80};

            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            if (rows[i].good)
                memcpy(octets + 2, &random, 4);
            pass(&s, rows[i].way);
            feed(&s, octets, sizeof(octets));
        }
        if (judge_peer_is_open(s.p))
            pass(&s, 2 * SECOND);
        feed(&s, "\x88\x82\0\0\0\0\x03\xe8", 8);
        assert_int_equal(end(&s), rows[i].behavior);
    }
}

/* 64 MiB of a head take their time, and the way may be narrow. */
static void what_has_no_end_may_be_taken_slowly(void **state)
{
    static const struct {
        size_t pace; /* octets a second */
        judge_behavior behavior;
    } rows[] = {
        {SIZE_MAX, JUDGE_NON_STRICT}, {1 << 20, JUDGE_NON_STRICT},
        {300000, JUDGE_NON_STRICT},   {0, JUDGE_FAILED},
        {50000, JUDGE_FAILED},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        scene s;

        scene_pace(rows[i].pace);
        begin(&s, "14.8.4", JUDGE_ROLE_CLIENT);
        for (int k = 0; k < 400 && s.taken < (size_t)64 << 20 && !judge_peer_is_done(s.p); k++)
            pass(&s, SECOND);
        scene_pace(SIZE_MAX);
        if (rows[i].behavior == JUDGE_FAILED) {
            assert_true(judge_peer_is_done(s.p));
            assert_int_equal(s.now / SECOND, rows[i].pace == 0 ? 31 : 301);
        } else {
            say(&s, OPEN "\r\n");
            TEXT(&s, "Hello");
            CLOSES(&s, "\x03\xe8");
        }
        assert_int_equal(end(&s), rows[i].behavior);
    }
}

/* ---------------------------------------------------------------------------------- pongs -- */

/* RFC 6455 5.5.3: the last of several pings stands for all. */
static void the_last_pong_stands_for_all(void **state)
{
    static char many[65536];
    scene s;

    (void)state;
    memset(many, 0, sizeof(many));
    for (size_t i = 0; i < sizeof(many); i++)
        many[i] = (char)('0' + i % 10);
    open_with(&s, "17.14.20", OPEN "\r\n");
    TEXT(&s, "\xc3\xa9t\xc3\xa9");
    frame(&s, 0x82, many, 126);
    PONG(&s, "");
    TEXT(&s, "end");
    assert_int_equal(closes_late(&s), JUDGE_NON_STRICT);
    /* ... but not the first one. */
    open_with(&s, "17.14.20", OPEN "\r\n");
    PONG(&s, "one");
    TEXT(&s, "\xc3\xa9t\xc3\xa9");
    frame(&s, 0x82, many, 126);
    TEXT(&s, "end");
    assert_int_equal(closes_late(&s), JUDGE_FAILED);
    open_with(&s, "17.15.5", OPEN "\r\n");
    feed(&s, "\x82\x7f\0\0\0\0\0\1\0\0", 10);
    feed(&s, many, sizeof(many));
    PONG(&s, "2");
    assert_int_equal(closes_late(&s), JUDGE_NON_STRICT);
    open_with(&s, "18.7.4", OPEN "\r\n");
    TEXT(&s, "1");
    TEXT(&s, "3");
    TEXT(&s, "");
    TEXT(&s, "5");
    PONG(&s, "6");
    assert_int_equal(closes_late(&s), JUDGE_NON_STRICT);
}

/* RFC 6455 5.5.2: as soon as is practical, which may be behind the message. */
static void pongs_may_come_late(void **state)
{
    static const char *const pings[] = {"1", "2", "3"};
    scene s;

    (void)state;
    for (size_t last = 0; last < 2; last++) {
        open_with(&s, "20.4.1", OPEN "\r\n");
        TEXT(&s, "one two three four");
        for (size_t i = last ? 2 : 0; i < 3; i++)
            PONG(&s, pings[i]);
        assert_int_equal(closes_late(&s), JUDGE_NON_STRICT);
    }
    open_with(&s, "20.4.2", OPEN "\r\n");
    TEXT(&s, "caf\xc3\xa9");
    PONG(&s, "\xa9");
    assert_int_equal(closes_late(&s), JUDGE_NON_STRICT);
    open_with(&s, "20.4.6", OPEN "\r\n");
    TEXT(&s, "");
    PONG(&s, "ping");
    assert_int_equal(closes_late(&s), JUDGE_NON_STRICT);
    open_with(&s, "17.9.138", OPEN "\r\n");
    TEXT(&s, "ab");
    PONG(&s, "b");
    assert_int_equal(closes_late(&s), JUDGE_NON_STRICT);
    open_with(&s, "16.6.3", OPEN "\r\n");
    TEXT(&s, "fragment");
    PONG(&s, "ping!");
    assert_int_equal(closes_late(&s), JUDGE_NON_STRICT);
    open_with(&s, "21.4.10", OPEN "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n");
    TEXT(&s, "Hello");
    PONG(&s, "ping");
    assert_int_equal(closes_late(&s), JUDGE_NON_STRICT);
    /* In its turn is what is wanted. */
    open_with(&s, "20.4.2", OPEN "\r\n");
    PONG(&s, "\xa9");
    TEXT(&s, "caf\xc3\xa9");
    assert_int_equal(closes(&s), JUDGE_OK);
    /* Wrong ones stay wrong. */
    open_with(&s, "20.4.1", OPEN "\r\n");
    TEXT(&s, "one two three four");
    PONG(&s, "3");
    PONG(&s, "2");
    PONG(&s, "1");
    assert_int_equal(closes_late(&s), JUDGE_FAILED);
}

/* RFC 6455 5.5.3: a heartbeat. */
static void pongs_may_come_unasked(void **state)
{
    scene s;

    (void)state;
    open_with(&s, "16.6.2", OPEN "\r\n");
    PONG(&s, "");
    TEXT(&s, "abcdef");
    PONG(&s, "beat");
    assert_int_equal(closes(&s), JUDGE_OK);
    /* Not as an answer to a pong. */
    open_with(&s, "20.3.1", OPEN "\r\n");
    PONG(&s, "unasked");
    TEXT(&s, "Hello");
    assert_int_equal(closes_late(&s), JUDGE_FAILED);
    /* Nor in the place of the answer to a ping, which the reason tells. */
    open_with(&s, "20.1.2", OPEN "\r\n");
    PONG(&s, "beat");
    pass(&s, 11 * SECOND);
    CLOSES(&s, "\x03\xe8");
    judge_peer_lost(s.p, s.now);
    judge_peer_result(s.p, s.now, &s.r);
    assert_int_equal(s.r.behavior, JUDGE_FAILED);
    assert_string_equal(s.r.why, "pong 1 of 1 (1 octets) never came, but one that answers none of "
                                 "the pings");
    assert_true(s.r.why_log >= 0 && s.r.log[s.r.why_log].opcode == 10);
    judge_result_deinit(&s.r);
    judge_peer_free(s.p);
    /* Beside it, and between fragments, it may come. */
    open_with(&s, "2.2", OPEN "\r\n");
    PONG(&s, "beat");
    PONG(&s, "Hello, world!");
    PONG(&s, "beat");
    assert_int_equal(closes(&s), JUDGE_OK);
    open_with(&s, "1.1.2", OPEN "\r\n");
    frame(&s, 0x89, "beat", 4); /* a ping, which the judge answers */
    PONG(&s, "beat");
    frame(&s, 0x01, "*****", 5);
    PONG(&s, "beat");
    frame(&s, 0x80,
          "************************************************************"
          "************************************************************",
          120);
    assert_int_equal(closes(&s), JUDGE_OK);
    /* An echo of a pong is no heartbeat, nor is a second answer. */
    open_with(&s, "2.9", OPEN "\r\n");
    PONG(&s, "unsolicited pong payload");
    PONG(&s, "ping payload");
    assert_int_equal(closes(&s), JUDGE_FAILED);
    open_with(&s, "2.2", OPEN "\r\n");
    PONG(&s, "Hello, world!");
    PONG(&s, "Hello, world!");
    assert_int_equal(closes(&s), JUDGE_FAILED);
    /* Answers to pings of autoPingInterval are no matter of the case. */
    begin_as(&s, "1.1.1", JUDGE_ROLE_CLIENT, false, 0.1);
    say(&s, OPEN "\r\n");
    pass(&s, SECOND / 10);
    PONG(&s, "abcd");
    frame(&s, 0x81, "", 0);
    assert_int_equal(closes(&s), JUDGE_OK);
}

/* What is of the judge's own must not go into the midst of a frame that is half sent. */
static void control_frames_of_the_judge_go_between_others(void **state)
{
    static const struct {
        const char *id;
        unsigned before; /* octets that are sent at first */
        int waits;       /* until the frame is whole */
        unsigned rest;   /* octets of it, and of what is behind it */
    } rows[] = {{"6.4.3", 6 + 11, 2, 10 + 6}, {"6.4.4", 6 + 12, 2, 9 + 6}, {"14.10.3", 0, 1, 3}};
    scene s;

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        for (unsigned compat = 0; compat < 2; compat++) {
            /* Autobahn answers at once. */
            const unsigned early = compat ? 11 + 10 : 0;

            begin_as(&s, rows[i].id, JUDGE_ROLE_CLIENT, compat, 0);
            s.taken = 0;
            say(&s, OPEN "\r\n");
            assert_int_equal(s.taken, rows[i].before);
            frame(&s, 0x89, "first", 5);
            frame(&s, 0x89, "last", 4);
            assert_int_equal(s.taken, rows[i].before + early);
            for (int k = 0; k < rows[i].waits; k++)
                pass(&s, SECOND);
            assert_int_equal(s.taken, rows[i].before + rows[i].rest + (compat ? early : 10));
            end(&s);
            begin_as(&s, rows[i].id, JUDGE_ROLE_CLIENT, compat, 0.1);
            s.taken = 0;
            say(&s, OPEN "\r\n");
            pass(&s, SECOND / 10);
            assert_int_equal(s.taken, rows[i].before + (compat ? 10 : 0));
            end(&s);
        }
    }
}

/* -------------------------------------------------------------------------------- closing -- */

/* RFC 6455 7.1.1: a server SHOULD drop TCP first. */
static void tcp_may_be_left_to_the_judge(void **state)
{
    static const char *const ids[] = {"19.15.2", "20.6.1", "23.3.6", "21.5.18"};
    scene s;

    (void)state;
    for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
        open_with(&s, ids[i],
                  i == 3 ? OPEN "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n"
                         : OPEN "\r\n");
        CLOSES(&s, i == 3 ? "\x03\xef" : "\x03\xe8");
        pass(&s, 2 * SECOND);
        assert_true(judge_peer_is_done(s.p));
        assert_int_equal(end(&s), JUDGE_NON_STRICT);
    }
    /* With a code that is wrong it is no better than before. */
    open_with(&s, "19.15.2", OPEN "\r\n");
    CLOSES(&s, "\x03\xf3");
    pass(&s, 2 * SECOND);
    assert_int_equal(end(&s), JUDGE_FAILED);
}

/* Who ends a connection for a reason of his own says which: no sentence names a code. */
static void reasons_may_be_the_peers_own(void **state)
{
    static const char *const ids[] = {"22.5.1", "19.8.1", "17.7.14"};
    scene s;

    (void)state;
    for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
        open_with(&s, ids[i], OPEN "\r\n");
        CLOSES(&s, "\x0b\xc0"); /* 3008, a timeout by the registry */
        judge_peer_lost(s.p, s.now);
        judge_peer_result(s.p, s.now, &s.r);
        assert_int_equal(s.r.behavior, JUDGE_OK);
        assert_int_equal(s.r.behavior_close, JUDGE_OK);
        judge_result_deinit(&s.r);
        judge_peer_free(s.p);
        /* But it must be one that may be on the wire. */
        open_with(&s, ids[i], OPEN "\r\n");
        CLOSES(&s, "\x03\xee");
        assert_int_equal(end(&s), JUDGE_FAILED);
    }
}

/* ------------------------------------------------------------------------------ the judge -- */

/* RFC 7692 7.2.3.4 and 7.2.3.2: the second "Hello" is the first one again, by its distance. */
static void a_final_block_does_not_end_the_context(void **state)
{
    scene s;

    (void)state;
    open_with(&s, "21.4.6", OPEN "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n");
    frame(&s, 0xc1, "\xf3\x48\xcd\xc9\xc9\x07\x00\x00", 8);
    frame(&s, 0xc1, "\xf2\x00\x11\x00\x00", 5);
    assert_int_equal(closes(&s), JUDGE_OK);
    /* But there must be something so far back. */
    open_with(&s, "21.4.6", OPEN "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n");
    frame(&s, 0xc1, "\xf2\x00\x11\x00\x00", 5);
    assert_int_equal(end(&s), JUDGE_FAILED);
}

/* What came out before compressed data breaks off is judged first, however TCP cuts. */
static void faults_of_compressed_text_are_told_in_their_order(void **state)
{
    /* A stored block of three octets, then a block of the type that there is none of. */
    static const char bad_text[] = "\xc1\x09\x00\x03\x00\xfc\xff"
                                   "a\xff"
                                   "b\x07",
                      good_text[] = "\xc1\x09\x00\x03\x00\xfc\xff"
                                    "abc\x07";

    (void)state;
    for (int good = 0; good < 2; good++) {
        const char *answer = good ? good_text : bad_text;

        for (size_t cut = 1; cut < sizeof(bad_text); cut++) {
            scene s;

            open_with(&s, "21.4.6", OPEN "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n");
            for (size_t at = 0, n; at < sizeof(bad_text) - 1; at += n) {
                n = sizeof(bad_text) - 1 - at < cut ? sizeof(bad_text) - 1 - at : cut;
                feed(&s, answer + at, n);
            }
            judge_peer_lost(s.p, s.now);
            judge_peer_result(s.p, s.now, &s.r);
            assert_int_equal(s.r.behavior, JUDGE_FAILED);
            assert_non_null(strstr(s.r.why, good ? "cannot be inflated (invalid block type)"
                                                 : "invalid UTF-8"));
            judge_result_deinit(&s.r);
            judge_peer_free(s.p);
        }
    }
}

/* Text that is none is what ends the connection (RFC 6455 8.1), though the echo differs elsewhere
 * before; of both it is told where it differs, however TCP cuts. */
static void echoes_that_are_no_text_fail_the_connection(void **state)
{
#define LOOP(octets) octets, sizeof(octets) - 1
    static const struct {
        const char *id, *answer;
        size_t n;
        int code;
        const char *why;
    } rows[] = {
        {"9.7.2", LOOP("\x81\x10****\xff***********"), 1007, "octet 4)"},
        {"9.7.2", LOOP("\x81\x10****x**\xff********"), 1007, "octet 4)"},
        {"9.7.2", LOOP("\x81\x10****\xc3***********"), 1007, "octet 4)"},
        {"9.7.2", LOOP("\x81\x10***************\xc3"), 1007, "octet 15)"},
        {"9.7.2", LOOP("\x81\x10****x***********"), 1000, "octet 4)"},
        {"9.7.2", LOOP("\x81\x11****************\xff"), 1007, "octet index 16"},
        {"9.7.2", LOOP("\x82\x10****\xff***********"), 1000, "octet 4)"},
        {"9.8.2", LOOP("\x81\x10****\xff***********"), 1007, "octet 0)"},
        {"12.1.1", LOOP("\x81\x10****\xff***********"), 1007, "octet 0)"},
        {"12.1.1", LOOP("\x81\x10****************"), 1000, "octet 0)"},
        {"12.2.1", LOOP("\x81\x10****\xff***********"), 1007, "octet index 4"},
        {"12.2.1", LOOP("\x82\x10****\xff***********"), 1000, "octet 0)"},
    };
#undef LOOP

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const bool packs = rows[i].id[1] != '.';
        const char code[] = {(char)(rows[i].code >> 8), (char)rows[i].code};

        for (size_t cut = 1; cut <= rows[i].n; cut++) {
            scene s;

            open_with(&s, rows[i].id,
                      packs ? OPEN "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n"
                            : OPEN "\r\n");
            for (size_t at = 0, n; at < rows[i].n; at += n) {
                n = rows[i].n - at < cut ? rows[i].n - at : cut;
                feed(&s, rows[i].answer + at, n);
            }
            CLOSES(&s, code);
            judge_peer_lost(s.p, s.now);
            judge_peer_result(s.p, s.now, &s.r);
            assert_int_equal(s.r.behavior, JUDGE_FAILED);
            assert_int_equal(s.r.local_code, rows[i].code);
            if (strstr(s.r.why, rows[i].why) == NULL)
                fail_msg("%s, row %zu: %s", rows[i].id, i, s.r.why);
            judge_result_deinit(&s.r);
            judge_peer_free(s.p);
        }
    }
}

/* An octet on the wire is up to 1,032 behind it, and with a small window each of them takes a call:
 * nothing that is right is so long, and no more of it is inflated. */
static void bombs_do_not_burn_the_judge(void **state)
{
    static const uint8_t head[10] = {0xc2, 127, 0, 0, 0, 0, 1, 0, 0, 0};
    static const uint8_t zeros[65536];
    const judge_result *r;
    deflate_writer w;
    scene s;

    (void)state;
    deflate_begin_empty(&w);
    deflate_densest(&w);
    deflate_align(&w);
    open_with(&s, "21.6.2",
              OPEN
              "Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=9\r\n\r\n");
    assert_true(judge_peer_is_open(s.p));
    for (int message = 0; message < 2; message++) {
        size_t left = ((size_t)1 << 24) - deflate_octets(&w);

        feed(&s, head, sizeof(head));
        feed(&s, w.at, deflate_octets(&w));
        for (size_t n; left > 0; left -= n) {
            n = left < sizeof(zeros) ? left : sizeof(zeros);
            feed(&s, zeros, n);
        }
    }
    judge_peer_lost(s.p, s.now);
    judge_peer_result(s.p, s.now, &s.r);
    r = &s.r;
    assert_int_equal(r->behavior, JUDGE_FAILED);
    assert_non_null(r->why);
    assert_non_null(strstr(r->why, "longer than anything that was sent"));
    judge_result_deinit(&s.r);
    judge_peer_free(s.p);
}

/* RFC 9110 15.2 allows any number of them, and an attacker has no end of them. */
static void interim_answers_come_to_an_end(void **state)
{
    static const char interim[] = "HTTP/1.1 100 Continue\r\n\r\n";
    scene s;

    (void)state;
    begin(&s, "1.1.1", JUDGE_ROLE_CLIENT);
    for (int i = 0; i < 1000; i++)
        say(&s, interim);
    assert_false(judge_peer_is_done(s.p));
    for (int i = 0; i < 100000; i++)
        say(&s, interim);
    assert_true(judge_peer_is_done(s.p));
    assert_int_equal(end(&s), JUDGE_FAILED);
    begin(&s, "1.1.1", JUDGE_ROLE_CLIENT);
    for (int i = 0; i < 1000; i++)
        say(&s, interim);
    say(&s, OPEN "\r\n");
    assert_true(judge_peer_is_open(s.p));
    end(&s);
}

/* RFC 7692 7.1.2.2: a server may ask for a smaller window than it was offered, and the judge keeps
 * to it. */
static void windows_may_be_smaller_than_offered(void **state)
{
    static const struct {
        const char *id, *bits;
        judge_behavior behavior;
    } rows[] = {
        {"21.6.6", "8", JUDGE_FAILED},          {"21.6.8", "8", JUDGE_UNIMPLEMENTED},
        {"21.6.8", "9", JUDGE_FAILED},          {"21.6.10", "11", JUDGE_UNIMPLEMENTED},
        {"21.6.12", "12", JUDGE_UNIMPLEMENTED}, {"21.6.12", "15", JUDGE_FAILED},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char answer[300];
        scene s;

        snprintf(answer, sizeof(answer),
                 OPEN "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits=%s"
                      "\r\n\r\n",
                 rows[i].bits);
        open_with(&s, rows[i].id, answer);
        /* Nothing comes back, be it asked for or not. */
        CLOSES(&s, "\x03\xe8");
        assert_int_equal(end(&s), rows[i].behavior);
    }
}

/* Behind an offer that must be declined there may be a better one; who refuses both does so with
 * the first one alone, too. */
static void bad_offers_may_be_refused(void **state)
{
    static const struct {
        const char *id;
        judge_behavior behavior;
    } rows[] = {
        {"21.1.16", JUDGE_FAILED},
        {"21.1.17", JUDGE_NON_STRICT},
        {"21.1.18", JUDGE_NON_STRICT},
        {"21.2.1", JUDGE_NON_STRICT},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        scene s;

        begin(&s, rows[i].id, JUDGE_ROLE_CLIENT);
        say(&s, "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
        assert_int_equal(end(&s), rows[i].behavior);
    }
}

/* Who has too many connections may say so to one that has not asked for anything yet. */
static void slow_requests_may_be_turned_away(void **state)
{
    static const struct {
        const char *answer;
        judge_behavior behavior;
    } rows[] = {
        {"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n\r\n", JUDGE_OK},
        {"HTTP/1.1 429 Too Many Requests\r\nConnection: close\r\n\r\n", JUDGE_OK},
        {"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\n\r\n", JUDGE_OK},
        {"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n", JUDGE_NON_STRICT},
        {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", JUDGE_FAILED},
    };
    static const char *const ids[] = {"22.1.1", "22.1.2", "22.1.3", "22.1.5"};

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        for (size_t k = 0; k < sizeof(ids) / sizeof(ids[0]); k++) {
            scene s;

            begin(&s, ids[k], JUDGE_ROLE_CLIENT);
            say(&s, rows[i].answer);
            assert_int_equal(end(&s), rows[i].behavior);
        }
    }
}

/* 10.1.1 counts frames, too. */
static void automatic_fragments_say_why(void **state)
{
    scene s;

    (void)state;
    open_with(&s, "10.1.1", OPEN "\r\n");
    TEXT(&s, "***");
    pass(&s, 11 * SECOND);
    CLOSES(&s, "\x03\xe8");
    judge_peer_lost(s.p, s.now);
    judge_peer_result(s.p, s.now, &s.r);
    assert_int_equal(s.r.behavior, JUDGE_FAILED);
    assert_string_equal(s.r.why, "text message of 3 octets came where a text message of 65536 "
                                 "octets was expected");
    judge_result_deinit(&s.r);
    judge_peer_free(s.p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_may_have_several_lines),
        cmocka_unit_test(versions_may_have_several_lines),
        cmocka_unit_test(bodies_may_speak_of_http),
        cmocka_unit_test(refusals_may_leave_the_connection),
        cmocka_unit_test(clients_may_beat_once_it_is_open),
        cmocka_unit_test(clients_may_be_far_away),
        cmocka_unit_test(what_has_no_end_may_be_taken_slowly),
        cmocka_unit_test(the_last_pong_stands_for_all),
        cmocka_unit_test(pongs_may_come_late),
        cmocka_unit_test(pongs_may_come_unasked),
        cmocka_unit_test(control_frames_of_the_judge_go_between_others),
        cmocka_unit_test(tcp_may_be_left_to_the_judge),
        cmocka_unit_test(reasons_may_be_the_peers_own),
        cmocka_unit_test(a_final_block_does_not_end_the_context),
        cmocka_unit_test(faults_of_compressed_text_are_told_in_their_order),
        cmocka_unit_test(echoes_that_are_no_text_fail_the_connection),
        cmocka_unit_test(bombs_do_not_burn_the_judge),
        cmocka_unit_test(interim_answers_come_to_an_end),
        cmocka_unit_test(windows_may_be_smaller_than_offered),
        cmocka_unit_test(bad_offers_may_be_refused),
        cmocka_unit_test(automatic_fragments_say_why),
        cmocka_unit_test(slow_requests_may_be_turned_away),
    };

    return cmocka_run_group_tests(tests, scene_setup, scene_teardown);
}
