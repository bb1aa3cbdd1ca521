/* SPDX-License-Identifier: MIT */
/*
 * The steps that only categories from 14 up use, one by one, against a peer that is a few lines of
 * this test: what goes out, when the judge goes on, and what it makes of the peer's reaction.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "conformance/case_rows.h"
#include "conformance/peer.h"

#define KEY "dGhlIHNhbXBsZSBub25jZQ=="
#define ANSWER                                                                                     \
    "HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"                              \
    "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
#define SECOND INT64_C(1000000)

typedef struct scene {
    judge_options options;
    judge_peer *p;
    int64_t now;
    uint8_t *out;       /* what the judge wrote, from the last look on */
    size_t n_out, most; /* most: octets of the largest piece */
} scene;

/* Takes what the judge has to write. */
static void take(scene *s)
{
    const uint8_t *data;
    size_t n;

    judge_peer_clock(s->p, s->now);
    while ((n = judge_peer_output(s->p, &data)) > 0) {
        s->out = realloc(s->out, s->n_out + n);
        assert_non_null(s->out);
        memcpy(s->out + s->n_out, data, n);
        s->n_out += n;
        s->most = n > s->most ? n : s->most;
        judge_peer_wrote(s->p, n);
        if (judge_peer_paused(s->p))
            judge_peer_turn(s->p);
    }
}

static void forget(scene *s)
{
    s->n_out = s->most = 0;
}

static void feed(scene *s, const char *data, size_t n)
{
    judge_peer_feed(s->p, s->now, (const uint8_t *)data, n);
    take(s);
}

static void pass(scene *s, int64_t us)
{
    s->now += us;
    judge_peer_tick(s->p, s->now);
    take(s);
}

/* `opened`: as a client, the ordinary handshake is over. */
static void begin_limited(scene *s, const judge_case *c, bool opened, uint64_t max_frame,
                          uint64_t max_message)
{
    *s = (scene){.now = SECOND};
    judge_options_init(&s->options);
    s->options.max_frame_payload_size = max_frame;
    s->options.max_message_payload_size = max_message;
    s->options.server_connection_drop_timeout = 0;
    const judge_peer_setup setup = {
        .test = c,
        .role = JUDGE_ROLE_CLIENT,
        .options = &s->options,
        .host = "example.com",
        .resource = "/x",
        .key = KEY,
    };
    s->p = judge_peer_new(&setup, s->now);
    assert_non_null(s->p);
    judge_peer_begin(s->p, s->now);
    take(s);
    if (!opened)
        return;
    forget(s);
    feed(s, ANSWER, strlen(ANSWER));
    assert_true(judge_peer_is_open(s->p));
}

static void begin(scene *s, const judge_case *c, bool opened)
{
    begin_limited(s, c, opened, 0, 0);
}

/* The verdict, TCP being gone. */
static judge_behavior end(scene *s, char why[128])
{
    judge_behavior behavior;
    judge_result r;

    if (!judge_peer_is_done(s->p))
        judge_peer_lost(s->p, s->now);
    judge_peer_result(s->p, s->now, &r);
    snprintf(why, 128, "%s", r.why ? r.why : "");
    behavior = r.behavior;
    judge_result_deinit(&r);
    judge_peer_free(s->p);
    free(s->out);
    return behavior;
}

#define CASE(...)                                                                                  \
    .id = "14.0.0", .title = "t", .description = "d", .expectation = "e", .reference = "RFC 0",    \
    __VA_ARGS__

static void floods_are_made_as_they_are_taken(void **state)
{
    const judge_case c = {
        CASE(.steps = STEPS(FLOOD(FIN | PING, 100000, S("abcd")), FRAME(FIN | TEXT, S("end"))))};
    char why[128];
    scene s;

    (void)state;
    begin(&s, &c, true);
    /* 2 octets of header, 4 of mask, 4 of payload; then the text. */
    assert_int_equal(s.n_out, 100000 * 10 + 9);
    assert_true(s.most < 200000);
    assert_int_equal(s.out[0], 0x89);
    assert_int_equal(s.out[s.n_out - 9], 0x81);
    end(&s, why);
}

static void floods_end_when_nobody_takes_them(void **state)
{
    const judge_case c = {CASE(.steps = STEPS(FLOOD(CONT, UINT64_MAX, NOTHING)))};
    const uint8_t *data;
    char why[128];
    scene s;

    (void)state;
    begin(&s, &c, false);
    judge_peer_feed(s.p, s.now, (const uint8_t *)ANSWER, strlen(ANSWER));
    for (unsigned i = 0; i < 100; i++) {
        const size_t n = judge_peer_output(s.p, &data);

        assert_true(n > 0);
        judge_peer_wrote(s.p, n);
    }
    judge_peer_cannot_write(s.p);
    for (size_t n; (n = judge_peer_output(s.p, &data)) > 0;)
        judge_peer_wrote(s.p, n);
    end(&s, why);
}

static void spilled_octets_go_on_with_pattern_and_mask(void **state)
{
    const judge_case c = {
        CASE(.steps = STEPS(HEADER(FIN | BINARY, 1000003), SPILL(REP("abc", 1000003))))};
    char why[128];
    scene s;

    (void)state;
    begin(&s, &c, true);
    assert_int_equal(s.n_out, 14 + 1000003);
    assert_int_equal(s.out[1], 0xff);
    for (size_t i = 0; i < 1000003; i++)
        assert_int_equal(s.out[14 + i] ^ s.out[10 + (i & 3)], "abc"[i % 3]);
    end(&s, why);
}

static void frames_deviate_as_asked(void **state)
{
    const judge_case c = {
        CASE(.steps = STEPS(ODD_FRAME(FIN | TEXT, .mask = JUDGE_MASK_NONE, S("a")),
                            ODD_FRAME(FIN | TEXT, .mask = JUDGE_MASK_ZERO, S("b")),
                            ODD_FRAME(FIN | TEXT, .form = 16, S("")),
                            ODD_HEADER(FIN | TEXT, .form = 64, 5), RAW(S("\1\2"))))};
    static const uint8_t start[] = {0x81, 1, 'a', 0x81, 0x81, 0, 0, 0, 0, 'b', 0x81, 0xfe, 0, 0};
    static const uint8_t wide[] = {0x81, 0xff, 0, 0, 0, 0, 0, 0, 0, 5};
    char why[128];
    scene s;

    (void)state;
    begin(&s, &c, true);
    assert_int_equal(s.n_out, sizeof(start) + 4 + sizeof(wide) + 4 + 2);
    assert_memory_equal(s.out, start, sizeof(start));
    assert_memory_equal(s.out + sizeof(start) + 4, wide, sizeof(wide));
    assert_memory_equal(s.out + s.n_out - 2, "\1\2", 2);
    end(&s, why);
}

static void the_judge_waits_for_what_comes(void **state)
{
    const judge_case c = {
        CASE(.steps = STEPS(FRAME(FIN | PING, S("b")), AWAIT(2, 5), FRAME(FIN | TEXT, S("x")),
                            AWAIT_OCTETS(10, 5), FRAME(FIN | TEXT, S("y")), AWAIT(9, 3),
                            FRAME(FIN | TEXT, S("z"))))};
    char why[128];
    scene s;

    (void)state;
    begin(&s, &c, true);
    assert_int_equal(s.n_out, 7);
    forget(&s);
    feed(&s,
         "\x81\x01"
         "a",
         3);
    assert_int_equal(s.n_out, 0);
    feed(&s, "\x8a\x01", 2);
    assert_int_equal(s.n_out, 0);
    feed(&s, "b", 1);
    assert_int_equal(s.n_out, 7);
    feed(&s,
         "\x81\x02"
         "a",
         3);
    assert_int_equal(s.n_out, 7);
    feed(&s, "a", 1);
    assert_int_equal(s.n_out, 14);
    pass(&s, SECOND * 29 / 10);
    assert_int_equal(s.n_out, 14);
    pass(&s, SECOND / 5);
    assert_int_equal(s.n_out, 21);
    end(&s, why);
}

static void the_judge_reads_as_it_is_told(void **state)
{
    const judge_case c = {
        CASE(.steps = STEPS(READ_NOTHING, WAIT(1), READ_SLOWLY(3, 0.5), WAIT(2), READ_AGAIN))};
    char why[128];
    scene s;

    (void)state;
    begin(&s, &c, true);
    assert_int_equal(judge_peer_appetite(s.p), 0);
    pass(&s, SECOND);
    assert_int_equal(judge_peer_appetite(s.p), 3);
    feed(&s,
         "\x8a\x01"
         "a",
         3);
    assert_int_equal(judge_peer_appetite(s.p), 0);
    pass(&s, SECOND / 2);
    assert_int_equal(judge_peer_appetite(s.p), 3);
    feed(&s,
         "\x8a\x01"
         "a",
         3);
    assert_int_equal(judge_peer_appetite(s.p), 0);
    pass(&s, SECOND * 3 / 2);
    assert_true(judge_peer_appetite(s.p) == SIZE_MAX);
    end(&s, why);
}

static void half_closes_come_behind_the_last_octet(void **state)
{
    const judge_case c = {CASE(.steps = STEPS(FRAME(FIN | TEXT, S("x")), HALF_CLOSE))};
    const judge_case reset = {CASE(.steps = STEPS(RESET))};
    const uint8_t *data;
    char why[128];
    scene s;

    (void)state;
    begin(&s, &c, false);
    judge_peer_feed(s.p, s.now, (const uint8_t *)ANSWER, strlen(ANSWER));
    assert_false(judge_peer_wants_fin(s.p));
    judge_peer_wrote(s.p, judge_peer_output(s.p, &data));
    assert_true(judge_peer_wants_fin(s.p));
    assert_false(judge_peer_wants_fin(s.p));
    end(&s, why);
    begin(&s, &reset, true);
    assert_true(judge_peer_is_done(s.p));
    assert_int_equal(judge_peer_drop(s.p), JUDGE_DROP_RESET);
    end(&s, why);
}

/* The peer closes `us` after the proof, with these octets, or drops TCP. */
static judge_behavior reaction(int64_t us, const char *octets, size_t n, judge_behavior dropped,
                               char why[128])
{
    const judge_case c = {CASE(.steps = STEPS(WAIT(1), RAW(S("\xff\xff")), PROOF, WAIT(1)),
                               .ending = {{JUDGE_OK, 0}},
                               .close = {.codes = {1002},
                                         .n_codes = 1,
                                         .lax = {1009, 1011},
                                         .dropped = dropped,
                                         .soon = 1,
                                         .late = 3})};
    scene s;

    begin(&s, &c, true);
    pass(&s, SECOND);
    assert_int_equal(s.n_out, 2);
    pass(&s, us);
    if (n > 0)
        feed(&s, octets, n);
    return end(&s, why);
}

static void reactions_are_timed(void **state)
{
    char why[128];

    (void)state;
    assert_int_equal(reaction(SECOND / 2, "\x88\2\3\xea", 4, JUDGE_FAILED, why), JUDGE_OK);
    assert_int_equal(reaction(SECOND * 2, "\x88\2\3\xea", 4, JUDGE_FAILED, why), JUDGE_NON_STRICT);
    assert_non_null(strstr(why, "2.000 s after the octet that proves the fault"));
    assert_int_equal(reaction(SECOND * 4, "\x88\2\3\xea", 4, JUDGE_FAILED, why), JUDGE_FAILED);
    assert_non_null(strstr(why, "which is more than 3 s"));
    assert_int_equal(reaction(1, NULL, 0, JUDGE_FAILED, why), JUDGE_OK);
    assert_int_equal(reaction(1, NULL, 0, JUDGE_NON_STRICT, why), JUDGE_NON_STRICT);
    assert_non_null(strstr(why, "without a close frame"));
    assert_int_equal(reaction(1, NULL, 0, JUDGE_UNCLEAN, why), JUDGE_FAILED);
    assert_int_equal(reaction(SECOND * 4, NULL, 0, JUDGE_FAILED, why), JUDGE_FAILED);
    /* 1011 is not what it should be, but said to be lenient about. */
    assert_int_equal(reaction(1, "\x88\2\3\xf3", 4, JUDGE_FAILED, why), JUDGE_NON_STRICT);
    assert_non_null(strstr(why, "close code 1011"));
}

static void holes_of_texts_are_filled(void **state)
{
    const judge_case c = {
        CASE(.rule = JUDGE_RULE_HELLO, .steps = STEPS(KILL_AFTER(1)),
             .hello.steps = STEPS(HTTP(S("{target} {host} {key} {accept} {origin} {x} {protocol}")),
                                  HTTP(S(" {fields}{\0")), HTTP(REP("{host}", 8))),
             .hello.ok = {JUDGE_HELLO_DROPPED})};
    static const char wanted[] = "/x example.com " KEY " s3pPLMBiTxaQ9kYGzzhZRbK+xOo= "
                                 "http://example.com {x} chat {\0{host}{h";
    char why[128];
    scene s;

    (void)state;
    begin(&s, &c, false);
    assert_int_equal(s.n_out, sizeof(wanted) - 1);
    assert_memory_equal(s.out, wanted, s.n_out);
    assert_int_equal(end(&s, why), JUDGE_OK);
    assert_string_equal(why, "");
}

/* What an answer in pieces of `cut` octets comes to; behind it TCP stays, or is closed. */
static judge_behavior answered(const judge_case *c, const char *answer, size_t cut, bool closed,
                               char why[128])
{
    const size_t len = strlen(answer);
    scene s;

    begin(&s, c, false);
    for (size_t at = 0; at < len && !judge_peer_is_done(s.p); at += cut)
        feed(&s, answer + at, len - at < cut ? len - at : cut);
    if (!closed && !judge_peer_is_done(s.p))
        pass(&s, SECOND * 20);
    return end(&s, why);
}

static void answers_are_judged_however_they_are_cut(void **state)
{
    const judge_case c = {CASE(.rule = JUDGE_RULE_HELLO, .steps = STEPS(KILL_AFTER(1)),
                               .hello = {.steps = STEPS(HTTP(S("GET\r\n\r\n"))),
                                         .ok = {426},
                                         .lax = {JUDGE_HELLO_4XX, JUDGE_HELLO_DROPPED},
                                         .inform = {500},
                                         .fields = {"Sec-WebSocket-Version: 13"},
                                         .must_close = true,
                                         .left = JUDGE_NON_STRICT})};
    static const struct {
        const char *answer;
        bool closed;
        judge_behavior behavior;
        const char *why;
    } rows[] = {
#define GOOD "HTTP/1.1 426 x\r\nSec-WebSocket-Version: 8, 13\r\nContent-Length: 2\r\n\r\nno"
#define ENDS "HTTP/1.1 426 x\r\nSec-WebSocket-Version: 13\r\nConnection: close\r\n\r\n"
        {GOOD, true, JUDGE_OK, ""},
        {GOOD, false, JUDGE_INFORMATIONAL, ""},
        {ENDS, false, JUDGE_NON_STRICT, "TCP stayed open behind status 426"},
        {"HTTP/1.1 100 a\r\n\r\nHTTP/1.1 103 b\r\nA: b\r\n\r\n" GOOD, true, JUDGE_OK, ""},
        {GOOD "HTTP/1.1 404 x\r\n\r\n", true, JUDGE_FAILED,
         "what stood behind the refused request was answered, too"},
        {GOOD "HTTP/1.x is no answer", true, JUDGE_OK, ""},
        {"HTTP/1.1 426 x\r\nSec-WebSocket-Version: 8\r\n\r\n", true, JUDGE_FAILED,
         "status 426 came without \"Sec-WebSocket-Version: 13\""},
        {"HTTP/1.0 400 x\r\nSec-WebSocket-Version: 13\r\n\r\n", true, JUDGE_NON_STRICT,
         "the server answered with status 400"},
        {"HTTP/1.1 500 x\r\nSec-WebSocket-Version: 13\r\n\r\n", true, JUDGE_INFORMATIONAL, ""},
        {"HTTP/1.1 200 x\r\nSec-WebSocket-Version: 13\r\n\r\n", true, JUDGE_FAILED,
         "the server answered with status 200"},
        {ANSWER, true, JUDGE_FAILED, "the server opened the connection"},
        {"220 hello\r\n\r\n", true, JUDGE_FAILED,
         "the server answered with something that is not HTTP"},
        {"HTTP/1.1 42", true, JUDGE_NON_STRICT, "the server closed TCP, no answer"},
        {"", false, JUDGE_FAILED, "no answer came in time"},
    };
    static const size_t cuts[] = {1000, 1, 2, 3, 7};

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        for (size_t k = 0; k < sizeof(cuts) / sizeof(cuts[0]); k++) {
            char why[128];
            const judge_behavior b = answered(&c, rows[i].answer, cuts[k], rows[i].closed, why);

            if (b != rows[i].behavior || strcmp(why, rows[i].why) != 0)
                fail_msg("row %zu in pieces of %zu: %s (%s)", i, cuts[k], judge_behavior_name(b),
                         why);
        }
    }
}

/* What is reported of a status line are octets of the line, however many of them are blanks. */
static void a_status_behind_blanks_is_no_longer_than_its_line(void **state)
{
    const judge_case c = {CASE(.steps = STEPS(FRAME(FIN | TEXT, S("x"))))};
    char head[1200], why[128];
    scene s;

    (void)state;
    begin(&s, &c, false);
    memset(head, ' ', sizeof(head));
    memcpy(head, "HTTP/1.1 ", 9);
    /* Ends where the judge's buffer does. */
    memcpy(head + 1019, "4\r\n\r\n", 5);
    feed(&s, head, 1024);
    assert_true(judge_peer_is_done(s.p));
    assert_int_equal(end(&s, why), JUDGE_FAILED);
    assert_string_equal(why, "WebSocket connection upgrade failed (4)");
}

/* A frame that ended the connection by its header is not looked at, however it was cut. */
static void nothing_is_taken_of_a_frame_whose_header_was_the_end(void **state)
{
    const judge_case c = {CASE(.steps = STEPS(FRAME(FIN | TEXT, S("x"))))};
    static const char answer[] = "\x8f\x00\x88\x06\x03\xe8long";
    judge_result r;
    scene s;

    (void)state;
    for (size_t cut = 1; cut < sizeof(answer); cut++) {
        begin_limited(&s, &c, true, 5, 0);
        for (size_t at = 0; at < sizeof(answer) - 1; at += cut)
            feed(&s, answer + at, sizeof(answer) - 1 - at < cut ? sizeof(answer) - 1 - at : cut);
        assert_true(judge_peer_is_done(s.p));
        judge_peer_result(s.p, s.now, &r);
        assert_int_equal(r.remote_code, -1);
        assert_true(r.failed_by_me);
        judge_result_deinit(&r);
        judge_peer_free(s.p);
        free(s.out);
    }
}

/* Of a message with two faults the first one is told, however it was cut. */
static void faults_are_told_in_their_order(void **state)
{
    static const struct {
        const char *answer;
        int code;
        const char *why;
    } rows[] = {
        {"\x81\x08"
         "abc\xff"
         "defg",
         1007, "encountered invalid UTF-8 while processing text message at payload octet index 3"},
        {"\x81\x08"
         "abcdef\xffg",
         1009, "message exceeds payload limit of 5 octets"},
        {"\x01\x03"
         "abc\x80\x03"
         "d\xff"
         "e",
         1007, "encountered invalid UTF-8 while processing text message at payload octet index 4"},
    };
    const judge_case c = {CASE(.steps = STEPS(FRAME(FIN | TEXT, S("x"))))};

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const size_t n = strlen(rows[i].answer);

        for (size_t cut = 1; cut <= n; cut++) {
            judge_result r;
            scene s;

            begin_limited(&s, &c, true, 0, 5);
            for (size_t at = 0; at < n; at += cut)
                feed(&s, rows[i].answer + at, n - at < cut ? n - at : cut);
            judge_peer_lost(s.p, s.now);
            judge_peer_result(s.p, s.now, &r);
            assert_int_equal(r.local_code, rows[i].code);
            assert_string_equal(r.why, rows[i].why);
            judge_result_deinit(&r);
            judge_peer_free(s.p);
            free(s.out);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(floods_are_made_as_they_are_taken),
        cmocka_unit_test(floods_end_when_nobody_takes_them),
        cmocka_unit_test(spilled_octets_go_on_with_pattern_and_mask),
        cmocka_unit_test(frames_deviate_as_asked),
        cmocka_unit_test(the_judge_waits_for_what_comes),
        cmocka_unit_test(the_judge_reads_as_it_is_told),
        cmocka_unit_test(half_closes_come_behind_the_last_octet),
        cmocka_unit_test(reactions_are_timed),
        cmocka_unit_test(holes_of_texts_are_filled),
        cmocka_unit_test(answers_are_judged_however_they_are_cut),
        cmocka_unit_test(a_status_behind_blanks_is_no_longer_than_its_line),
        cmocka_unit_test(nothing_is_taken_of_a_frame_whose_header_was_the_end),
        cmocka_unit_test(faults_are_told_in_their_order),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
