/* SPDX-License-Identifier: MIT */
/*
 * Endings that the RFCs leave to each endpoint, in the cases of limits, closings, time and attacks:
 * none of them is called a failure, and what is one still fails.
 */
#include <stdio.h>
#include <stdlib.h>

#include "judge_scene.h"

/* ---------------------------------------------------------------------------------- limits -- */

/* The digits over and over, as several cases send them. */
static char *digits(size_t n)
{
    char *ret = malloc(n);

    assert_non_null(ret);
    for (size_t i = 0; i < n; i++)
        ret[i] = (char)('0' + i % 10);
    return ret;
}

/* RFC 6455 10.4: what the judge has not been told it cannot hold against anyone. */
static void an_unknown_limit_is_no_fault(void **state)
{
    static const char *const ids[] = {"18.7.3", "19.15.1", "22.4.5", "22.4.6", "22.4.7"};
    scene s;

    (void)state;
    for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
        scene_limit(0);
        open_with(&s, ids[i], OPEN "\r\n");
        pass(&s, SECOND);
        CLOSES(&s, "\x03\xf1");
        assert_int_equal(end(&s), JUDGE_INFORMATIONAL);
        open_with(&s, ids[i], OPEN "\r\n");
        pass(&s, SECOND);
        CLOSES(&s, "\x03\xea");
        assert_int_equal(end(&s), JUDGE_FAILED);
        /* One that is known, and kept to by the judge. */
        scene_limit(65536);
        open_with(&s, ids[i], OPEN "\r\n");
        pass(&s, SECOND);
        CLOSES(&s, "\x03\xf1");
        assert_int_equal(end(&s), JUDGE_FAILED);
    }
    scene_limit(0);
    /* Nobody's limit is an octet. */
    open_with(&s, "18.7.4", OPEN "\r\n");
    pass(&s, SECOND);
    CLOSES(&s, "\x03\xf1");
    assert_int_equal(end(&s), JUDGE_FAILED);
}

static void large_messages_keep_to_the_limit(void **state)
{
    static const struct {
        const char *id;
        unsigned messages;
    } rows[] = {{"18.7.3", 1}, {"22.4.5", 8}, {"22.4.6", 8}};
    char *echo = digits(4194304);
    scene s;

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        scene_limit(65536);
        open_with(&s, rows[i].id, OPEN "\r\n");
        pass(&s, SECOND);
        for (unsigned k = 0; k < rows[i].messages; k++)
            frame(&s, 0x82, echo, 65536);
        assert_int_equal(closes(&s), JUDGE_OK);
        /* One that is above them changes nothing. */
        scene_limit(UINT64_C(1) << 30);
        open_with(&s, rows[i].id, OPEN "\r\n");
        pass(&s, SECOND);
        for (unsigned k = 0; k < rows[i].messages; k++)
            frame(&s, 0x82, echo, rows[i].messages == 1 ? 1048576 : 524288);
        assert_int_equal(closes(&s), JUDGE_OK);
    }
    scene_limit(65536);
    open_with(&s, "22.4.7", OPEN "\r\n");
    pass(&s, SECOND);
    PONG(&s, "?");
    frame(&s, 0x82, echo, 65536);
    assert_int_equal(closes(&s), JUDGE_OK);
    /* Not within a character. */
    scene_limit(1001);
    for (size_t i = 0; i < 1000; i += 2)
        memcpy(echo + i, "\xc3\xa9", 2);
    open_with(&s, "18.7.2", OPEN "\r\n");
    pass(&s, SECOND);
    frame(&s, 0x81, echo, 1000);
    assert_int_equal(closes(&s), JUDGE_OK);
    scene_limit(0);
    free(echo);
}

/* 64 MiB are no bomb for whose limit is above it. */
static void bombs_within_the_limit_are_messages(void **state)
{
    const size_t size = 1032 * 65027 + 1;
    char *echo = calloc(1, size);
    scene s;

    (void)state;
    assert_non_null(echo);
    for (unsigned i = 0; i < 2; i++) {
        scene_limit((uint64_t)size - i);
        open_with(&s, "21.7.1", OPEN "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n");
        frame(&s, 0x82, echo, size);
        assert_int_equal(closes(&s), i == 0 ? JUDGE_OK : JUDGE_NON_STRICT);
    }
    scene_limit(0);
    free(echo);
}

/* RFC 6455 10.4 asks for a limit of those that put messages together, not of those that send back
 * what has come. Such an echo is compared without being kept. */
static void who_keeps_nothing_needs_no_limit(void **state)
{
    const size_t chunk = (size_t)1 << 20, n = 129;
    static const uint8_t head[10] = {0x82, 127, 0, 0, 0, 0, 0x08, 0x10, 0, 0};
    char *echo = malloc(chunk);
    scene s;

    (void)state;
    assert_non_null(echo);
    memset(echo, '*', chunk);
    for (unsigned wrong = 0; wrong < 2; wrong++) {
        begin_shorter(&s, "23.1.1", n * chunk);
        say(&s, OPEN "\r\n");
        feed(&s, head, sizeof(head));
        for (size_t i = 0; i < n; i++) {
            if (i == n - 1)
                echo[chunk - 1] = wrong ? '+' : '*';
            feed(&s, echo, chunk);
        }
        assert_int_equal(closes(&s), wrong ? JUDGE_FAILED : JUDGE_NON_STRICT);
    }
    free(echo);
}

/* Who keeps a small node for each frame of the flood grows by more than it may. */
static void bounds_are_below_what_floods_cause(void **state)
{
    static const char *const ids[] = {"18.6.3", "18.6.4", "20.6.2", "20.6.3"};

    (void)state;
    for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
        const judge_case *c = scene_case(ids[i]);
        const judge_step *s = c->steps;

        while (s->op != JUDGE_STEP_FLOOD)
            s++;
        /* A pointer to the next one, its length, what malloc() adds, and its octets. */
        assert_true((uint64_t)c->survival.kib * 1024 < s->count * (s->blob.total + 28));
        assert_true(c->survival.kib >= 16384);
    }
}

/* ----------------------------------------------------------------------------- compression -- */

/* RFC 6455 9.1: a server may agree to whatever is offered, so names that some know are not. */
static void unknown_extensions_are_invented(void **state)
{
    static const char *const known[] = {"webkit", ", deflate-frame", "permessage-bzip2",
                                        "permessage-deflate,", "bbf-usp-protocol"};
    const judge_case *c = scene_case("21.2.53");

    (void)state;
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        assert_null(strstr(c->description, known[i]));
    /* What --explain says of the offer. */
    assert_int_equal(c->echo.n_offers, 0);
    assert_int_equal(scene_case("21.2.52")->echo.n_offers, 0);
    assert_int_equal(scene_case("21.2.54")->echo.n_offers, 1);
}

/* -------------------------------------------------------------------------------- closings -- */

/* RFC 6455 5.5.1: an answer typically echoes the code, which is no MUST. */
static void answers_may_have_a_code_of_their_own(void **state)
{
    static const char *const ids[] = {"19.11.1", "19.11.2", "19.11.3", "19.11.4"};
    scene s;

    (void)state;
    for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
        open_with(&s, ids[i], OPEN "\r\n");
        CLOSES(&s, "\x03\xea");
        assert_int_equal(end(&s), JUDGE_NON_STRICT);
        open_with(&s, ids[i], OPEN "\r\n");
        assert_int_equal(closes(&s), JUDGE_OK);
        open_with(&s, ids[i], OPEN "\r\n");
        CLOSES(&s, "\x03\xed");
        assert_int_equal(end(&s), JUDGE_FAILED);
    }
}

/* RFC 6455 5.5.1 forbids data behind a close frame; a heartbeat is none. */
static void heartbeats_may_go_on(void **state)
{
    static const struct {
        uint8_t first;
        const char *payload;
        judge_behavior behavior;
    } rows[] = {
        {0x89, "beat", JUDGE_NON_STRICT}, {0x8a, "", JUDGE_NON_STRICT},
        {0x81, "late", JUDGE_FAILED},     {0x82, "", JUDGE_FAILED},
        {0x88, "\x03\xe8", JUDGE_FAILED}, {0x09, "half", JUDGE_FAILED},
        {0x8b, "", JUDGE_FAILED},
    };
    scene s;

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        /* An answer to the judge's close, and one of the peer's own. */
        open_with(&s, "19.12.1", OPEN "\r\n");
        CLOSES(&s, "\x03\xe8");
        frame(&s, rows[i].first, rows[i].payload, strlen(rows[i].payload));
        assert_int_equal(end(&s), rows[i].behavior);
        open_with(&s, "17.8.1", OPEN "\r\n");
        CLOSES(&s, "\x03\xea");
        frame(&s, rows[i].first, rows[i].payload, strlen(rows[i].payload));
        assert_int_equal(end(&s), rows[i].behavior);
    }
    /* A ping that came behind the close of the other side is discarded. */
    open_with(&s, "19.10.2", OPEN "\r\n");
    CLOSES(&s, "\x03\xe8");
    PONG(&s, "late");
    assert_int_equal(end(&s), JUDGE_FAILED);
}

/* 23.3: the message that precedes the close, back. */
static void open_leak(scene *s, const char *id)
{
    char text[116];
    const judge_blob *sent;

    open_with(s, id, OPEN "\r\n");
    sent = &scene_case(id)->ending[0].event[0].blob;
    for (size_t i = 0; i < sizeof(text); i++)
        text[i] = sent->lit[i % sent->len];
    frame(s, 0x81, text, sizeof(text));
}

/* Where TCP ends within a frame the peer says what it likes. */
static void an_end_within_a_frame_has_any_code(void **state)
{
    static const char *const codes[] = {"\x03\xe8", "\x03\xe9", "\x03\xea", "\x03\xf3"};
    scene s;

    (void)state;
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        open_leak(&s, "23.3.6");
        CLOSES(&s, codes[i]);
        assert_int_equal(end(&s), JUDGE_OK);
    }
}

/* RFC 6455 5.5.1: a reason is UTF-8, and of the peer's own; it need not be for people. */
static void reasons_may_say_anything(void **state)
{
    static const struct {
        const char *reason;
        judge_behavior behavior;
        unsigned from, len; /* ... and behind it so much of the message before */
    } rows[] = {
        {"0x3 is a reserved opcode", JUDGE_OK, 0, 0},
        {"an incorrect opcode\r\n\tsee RFC 6455", JUDGE_OK, 0, 0},
        {"caf\xc3\xa9", JUDGE_OK, 0, 5},
        {"\x01\x02", JUDGE_NON_STRICT, 0, 0},
        {"\x7f", JUDGE_NON_STRICT, 0, 0},
        {"\xff", JUDGE_FAILED, 0, 0},
        {"", JUDGE_FAILED, 0, 28},
        {"", JUDGE_FAILED, 3, 20},
        {"x", JUDGE_FAILED, 22, 6},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const char *secret = scene_case("23.3.7")->close.secret;
        char payload[128] = "\x03\xea";
        size_t n = 2 + strlen(rows[i].reason);
        scene s;

        memcpy(payload + 2, rows[i].reason, n - 2);
        memcpy(payload + n, secret + rows[i].from, rows[i].len);
        open_leak(&s, "23.3.7");
        frame(&s, 0x88, payload, n + rows[i].len);
        assert_int_equal(end(&s), rows[i].behavior);
    }
    /* What is behind a NUL is seen, too. */
    scene s;
    char hidden[9] = "\x03\xea";

    memcpy(hidden + 3, scene_case("23.3.7")->close.secret, 6);
    open_leak(&s, "23.3.7");
    frame(&s, 0x88, hidden, sizeof(hidden));
    assert_int_equal(end(&s), JUDGE_FAILED);
}

/* Within a crowd, too, others are answered within a second, and where that is too much to ask,
 * later. */
static void crowds_may_slow_others_down(void **state)
{
    static const struct {
        double slowest, slowdown;
        judge_behavior behavior;
    } rows[] = {
        {0.9, 0, JUDGE_OK},         {1.1, 1, JUDGE_NON_STRICT}, {1.9, 2, JUDGE_OK},
        {4.9, 1, JUDGE_NON_STRICT}, {5.1, 1, JUDGE_FAILED},     {5.1, 9, JUDGE_OK},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        scene s;

        scene_crowd(rows[i].slowest, rows[i].slowdown);
        open_with(&s, "23.2.1", OPEN "\r\n");
        scene_crowd(0, 0);
        TEXT(&s, "Still there?");
        assert_int_equal(closes(&s), rows[i].behavior);
    }
}

/* A parser that is quadratic takes seconds for what a good one reads in milliseconds. */
static void long_fields_are_read_in_time(void **state)
{
    static const struct {
        int64_t us;
        judge_behavior behavior;
    } rows[] = {
        {400000, JUDGE_OK},
        {600000, JUDGE_NON_STRICT},
        {2900000, JUDGE_NON_STRICT},
        {3100000, JUDGE_FAILED},
    };

    (void)state;
    for (unsigned n = 10; n <= 15; n++) {
        char id[16];

        snprintf(id, sizeof(id), "14.8.%u", n);
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
            scene s;

            begin(&s, id, JUDGE_ROLE_CLIENT);
            pass(&s, rows[i].us);
            say(&s, "HTTP/1.1 431 Request Header Fields Too Large\r\nContent-Length: 0\r\n"
                    "Connection: close\r\n\r\n");
            assert_int_equal(end(&s), rows[i].behavior);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_unknown_limit_is_no_fault),
        cmocka_unit_test(large_messages_keep_to_the_limit),
        cmocka_unit_test(bombs_within_the_limit_are_messages),
        cmocka_unit_test(who_keeps_nothing_needs_no_limit),
        cmocka_unit_test(bounds_are_below_what_floods_cause),
        cmocka_unit_test(unknown_extensions_are_invented),
        cmocka_unit_test(answers_may_have_a_code_of_their_own),
        cmocka_unit_test(heartbeats_may_go_on),
        cmocka_unit_test(an_end_within_a_frame_has_any_code),
        cmocka_unit_test(reasons_may_say_anything),
        cmocka_unit_test(crowds_may_slow_others_down),
        cmocka_unit_test(long_fields_are_read_in_time),
    };

    return cmocka_run_group_tests(tests, scene_setup, scene_teardown);
}
