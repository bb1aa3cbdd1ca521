/* SPDX-License-Identifier: MIT */
/*
 * Category 23, attacks on the endpoint as a whole: messages without a limit, crowds that come and
 * go, and what should not leave it (RFC 6455 section 10).
 */
#include "conformance/case_rows.h"

#define END                                                                                        \
    {                                                                                              \
        .op = JUDGE_STEP_END                                                                       \
    }

/* ------------------------------------------------------------------------ without a limit -- */

#define GIB ((uint64_t)1 << 30)

#define ENDLESS(number, name, text, ref, echo, ...)                                                \
    .id = "23.1." number, .title = name, .description = text, .reference = ref,                    \
    .steps = STEPS(WIRE_LOG(0, true), __VA_ARGS__),                                                \
    .ending = {{JUDGE_OK, 0}, {JUDGE_NON_STRICT, 1, {echo}, .lives = true}},                       \
    .close = {.codes = {1009}, .n_codes = 1, .lax = {1008, 1002, 1011}}, .weight = 3,              \
    .survival = {.after = true, .during = 0.05, .kib = 262144, .idle = true},                      \
    .expectation = "The peer closes with 1009, or drops TCP, long before it has all of it; other " \
                   "codes are non-strict, and so is sending it back piece by piece. Who keeps it " \
                   "must have a limit that nobody has asked for. It answers others, and its "      \
                   "memory stays bounded."

static const judge_case endless_rows[] = {
    {ENDLESS("1", "1 GiB in one frame", "A binary message of 1 GiB in one frame.",
             "RFC 6455 10.4; CVE-2016-10542, CVE-2018-21035, CVE-2025-32049, CVE-2026-44545",
             GOT_BINARY(REP("*", GIB)), HEADER(FIN | BINARY, GIB), SPILL(REP("*", GIB)),
             KILL_AFTER(20))},
    {ENDLESS("2", "1 GiB in frames of 64 KiB", "A binary message of 1 GiB in frames of 64 KiB.",
             "RFC 6455 10.4; CVE-2026-15565", GOT_BINARY(REP("*", GIB)), FRAME(BINARY, NOTHING),
             FLOOD(CONT, 16384, REP("*", 65536)), FRAME(FIN | CONT, NOTHING), KILL_AFTER(20))},
    {ENDLESS("3", "1 GiB of text in frames of 1 MiB", "A text message of 1 GiB in frames of 1 MiB.",
             "RFC 6455 10.4; CVE-2016-10542", GOT_TEXT(REP("\xc3\xa9", GIB)), FRAME(TEXT, NOTHING),
             FLOOD(CONT, 1024, REP("\xc3\xa9", 1048576)), FRAME(FIN | CONT, NOTHING),
             KILL_AFTER(20))},
};

/* -------------------------------------------------------------------------------- crowds -- */

/* What a connection does before it is reset, or ends in another way. */
#define MEMBER(...)                                                                                \
    {                                                                                              \
        .id = "0", .title = "", .description = "", .expectation = "", .reference = "",             \
        .rule = JUDGE_RULE_INFORM, .steps = STEPS(__VA_ARGS__)                                     \
    }
#define BEFORE_OPEN(...)                                                                           \
    {                                                                                              \
        .id = "0", .title = "", .description = "", .expectation = "", .reference = "",             \
        .rule = JUDGE_RULE_INFORM, .steps = STEPS(RESET), .hello = {                               \
            .steps = STEPS(__VA_ARGS__)                                                            \
        }                                                                                          \
    }
#define REQUEST                                                                                    \
    "GET {target} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"       \
    "Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n"

static const judge_case resets[] = {
    BEFORE_OPEN(RESET),
    BEFORE_OPEN(HTTP(S("GET / HT")), RESET),
    BEFORE_OPEN(HTTP(S(REQUEST)), RESET),
    MEMBER(RESET),
    MEMBER(FRAME(FIN | TEXT, S("Hello")), RESET),
};

static const judge_case half_closes[] = {
    BEFORE_OPEN(HALF_CLOSE, WAIT(0.2), RESET),
    BEFORE_OPEN(HTTP(S("GET / HT")), HALF_CLOSE, WAIT(0.2), RESET),
    BEFORE_OPEN(HTTP(S(REQUEST "\r\n")), HALF_CLOSE, WAIT(0.2), RESET),
    MEMBER(HALF_CLOSE, WAIT(0.2), RESET),
    MEMBER(FRAME(FIN | TEXT, S("Hello")), HALF_CLOSE, WAIT(0.2), RESET),
    MEMBER(FRAME(TEXT, S("Hel")), HALF_CLOSE, WAIT(0.2), RESET),
};

/* Every state that a connection can be in, left in every way. */
static const judge_case ends[] = {
    BEFORE_OPEN(RESET),
    BEFORE_OPEN(HTTP(S("G")), RESET),
    BEFORE_OPEN(HTTP(S(REQUEST)), RESET),
    BEFORE_OPEN(HTTP(S(REQUEST "\r\n")), RESET),
    BEFORE_OPEN(HTTP(S(REQUEST "\r\n")), RAW(S("\x81\x85\0\0\0\0Hello")), RESET),
    BEFORE_OPEN(HTTP(S("BREW / HTTP/1.1\r\nHost: {host}\r\n\r\n")), WAIT(0.01), RESET),
    MEMBER(RESET),
    MEMBER(RAW(S("\x81")), RESET),
    MEMBER(RAW(S("\x81\xfe\x01")), RESET),
    MEMBER(HEADER(FIN | TEXT, 100), RESET),
    MEMBER(HEADER(FIN | BINARY, 70000), OCTETS(REP("*", 60000)), RESET),
    MEMBER(FRAME(FIN | TEXT, S("Hello")), RESET),
    MEMBER(FRAME(FIN | TEXT, S("Hello")), AWAIT(1, 5), RESET),
    MEMBER(FRAME(TEXT, S("Hel")), RESET),
    MEMBER(FRAME(TEXT, S("Hel")), FRAME(FIN | PING, S("?")), AWAIT(1, 5), RESET),
    MEMBER(FRAME(FIN | PING, S("?")), FRAME(FIN | PING, S("?")), FRAME(FIN | PING, S("?")), RESET),
    MEMBER(FRAME(FIN | BINARY, REP("*", 65536)), RESET),
    MEMBER(READ_NOTHING, FRAME(FIN | BINARY, REP("*", 65536)), WAIT(0.01), RESET),
    MEMBER(FRAME(FIN | 3, NOTHING), RESET),
    MEMBER(FRAME(FIN | TEXT, S("\xff")), RESET),
    MEMBER(FRAME(FIN | CLOSE, S("\x03\xe8")), RESET),
    MEMBER(FRAME(FIN | CLOSE, NOTHING), HALF_CLOSE, OUTLAST(1)),
    MEMBER(FRAME(FIN | TEXT, S("Hello")), FRAME(FIN | CLOSE, S("\x03\xe8")), OUTLAST(1)),
    MEMBER(FRAME(FIN | CLOSE, S("\x03")), OUTLAST(1)),
    MEMBER(FRAME(FIN | 3, NOTHING), AWAIT_CLOSE(5), RESET),
    MEMBER(FRAME(FIN | 3, NOTHING), FRAME(FIN | BINARY, REP("*", 65536)), OUTLAST(1)),
    MEMBER(SEND_CLOSE(1000, NOTHING)),
    MEMBER(SEND_CLOSE(4999, S("gone"))),
};

#define ECHO_ONE FRAME(FIN | TEXT, S("Hello, crowd"))
#define ECHOED   GOT_TEXT(S("Hello, crowd"))

static const judge_case talkers[] = {
    {.id = "0",
     .title = "",
     .description = "",
     .expectation = "",
     .reference = "",
     .steps = STEPS(ECHO_ONE, ECHO_ONE, ECHO_ONE, ECHO_ONE, ECHO_ONE, ECHO_ONE, ECHO_ONE, ECHO_ONE,
                    ECHO_ONE, ECHO_ONE, CLOSE_AFTER(20)),
     OK_WITH(10, ECHOED, ECHOED, ECHOED, ECHOED, ECHOED, ECHOED, ECHOED, ECHOED, ECHOED, ECHOED),
     ENDS_CLEAN},
};

#define EXPECT_CROWD                                                                               \
    "Every fiftieth connection of the crowd is an ordinary one, and is served in "                 \
    "vitalitySeconds (later is non-strict, and failed behind five times that); so is one "         \
    "afterwards. Memory stays bounded, and the processor is idle again. A server that turns some " \
    "of the crowd away is for information; one that answers them with something wrong has failed."

#define CROWD(number, name, text, ref, who, n, m)                                                  \
    .id = "23.2." number, .title = name, .description = text, .reference = ref,                    \
    .steps = STEPS(FRAME(FIN | TEXT, S("Still there?")), CLOSE_AFTER(5)),                          \
    OK_WITH(1, GOT_TEXT(S("Still there?"))), ENDS_CLEAN, .audience = JUDGE_FOR_SERVERS,            \
    .crowd = {.rows = (who), .n_rows = WSK__COUNT(who), .count = (n), .at_once = (m)},             \
    .weight = 3, .survival = {.after = true, .kib = 262144, .idle = true},                         \
    .expectation = EXPECT_CROWD

static const judge_case crowd_rows[] = {
    {CROWD("1", "connections that are reset",
           "5,000 connections, 100 at a time, that are reset as soon as they stand, within the "
           "request, or as soon as they are open.",
           "RFC 6455 10; CVE-2017-2670, CVE-2025-5399", resets, 5000, 100)},
    {CROWD("2", "connections that are half closed",
           "2,000 connections, 200 at a time, that say in some state that nothing more will come, "
           "and are reset 0.2 s later.",
           "RFC 6455 10; CVE-2017-2670, CVE-2025-5399", half_closes, 2000, 200)},
    {CROWD("3", "10,000 ends",
           "10,000 connections, 200 at a time, that end in 28 ways: within heads, headers, "
           "payloads, messages, closing handshakes, before and behind what comes back.",
           "RFC 6455 10; CVE-2021-42340, CVE-2025-11677, CVE-2026-10650, CVE-2025-11234, "
           "CVE-2026-77358",
           ends, 10000, 200)},
    {CROWD("4", "10,000 connections, 100,000 messages",
           "10,000 connections, 100 at a time, of ten messages each.",
           "RFC 6455 10.4; CVE-2026-34824", talkers, 10000, 100)},
};

/* A third of --patience, in ten pieces between which little or nothing is said; in the end they go.
 */
#define PAUSE   WAIT(OF_PATIENCE(1.0 / 30))
#define GOES_ON PAUSE, PAUSE, PAUSE, PAUSE, PAUSE, PAUSE, PAUSE, RESET
/* The peer's close is not answered. */
#define MUTE_MEMBER(...)                                                                           \
    {                                                                                              \
        .id = "0", .title = "", .description = "", .expectation = "", .reference = "",             \
        .rule = JUDGE_RULE_INFORM, .close = {.mute = true}, .steps = STEPS(__VA_ARGS__)            \
    }

static const judge_case slow_heads[] = {
    BEFORE_OPEN(PAUSE, PAUSE, PAUSE, GOES_ON),
    BEFORE_OPEN(HTTP(S("G")), PAUSE, HTTP(S("E")), PAUSE, HTTP(S("T")), PAUSE, HTTP(S(" ")),
                GOES_ON),
    BEFORE_OPEN(HTTP(S(REQUEST)), PAUSE, HTTP(S("X")), PAUSE, HTTP(S("-")), PAUSE, HTTP(S("Y")),
                GOES_ON),
    BEFORE_OPEN(HTTP(S(REQUEST)), PAUSE, HTTP(S("A: b\r\n")), PAUSE, HTTP(S("C: d\r\n")), PAUSE,
                HTTP(S("E: f\r\n")), GOES_ON),
};

static const judge_case slow_frames[] = {
    MEMBER(RAW_PART(1, S("\x81")), PAUSE, PAUSE, PAUSE, GOES_ON),
    MEMBER(HEADER(FIN | BINARY, 60000), PAUSE, OCTETS(S("*")), PAUSE, OCTETS(S("*")), PAUSE,
           OCTETS(S("*")), GOES_ON),
    MEMBER(FRAME(TEXT, S("*")), PAUSE, FRAME(CONT, S("*")), PAUSE, FRAME(CONT, S("*")), PAUSE,
           FRAME(CONT, S("*")), GOES_ON),
    MEMBER(HEADER(FIN | PING, 100), PAUSE, OCTETS(S("*")), PAUSE, OCTETS(S("*")), PAUSE,
           OCTETS(S("*")), GOES_ON),
};

static const judge_case slow_closes[] = {
    MUTE_MEMBER(FRAME(FIN | 3, NOTHING), PAUSE, PAUSE, PAUSE, GOES_ON),
    MUTE_MEMBER(READ_NOTHING, FRAME(FIN | 3, NOTHING), PAUSE, PAUSE, PAUSE, GOES_ON),
    MEMBER(HEADER(FIN | CLOSE, 20), OCTETS(S("\x03\xe8")), PAUSE, OCTETS(S("*")), PAUSE,
           OCTETS(S("*")), PAUSE, OCTETS(S("*")), GOES_ON),
    MUTE_MEMBER(FRAME(FIN | CLOSE, S("\x03\xe8")), PAUSE, PAUSE, PAUSE, GOES_ON),
};

#define SLOWLY(number, name, text, who)                                                            \
    .id = "23.4." number, .title = name, .description = text,                                      \
    .reference = "RFC 6455 10; CVE-2021-42340, CVE-2024-23672, CVE-2026-79677",                    \
    .steps = STEPS(FRAME(FIN | TEXT, S("Still there?")), CLOSE_AFTER(5)),                          \
    OK_WITH(1, GOT_TEXT(S("Still there?"))), ENDS_CLEAN, .audience = JUDGE_FOR_SERVERS,            \
    .crowd = {.rows = (who), .n_rows = WSK__COUNT(who), .count = 1000, .at_once = 500},            \
    .weight = 3, .survival = {.after = true, .kib = 131072, .idle = true},                         \
    .expectation = EXPECT_CROWD

static const judge_case slow_rows[] = {
    {SLOWLY(
        "1", "a crowd of slow requests",
        "1,000 connections, 500 at a time, that say nothing or part of a request, octet by octet "
        "or field by field, over a third of --patience.",
        slow_heads)},
    {SLOWLY(
        "2", "a crowd of slow frames",
        "1,000 connections, 500 at a time, each with a frame or a message that goes on octet by "
        "octet over a third of --patience.",
        slow_frames)},
    {SLOWLY(
        "3", "a crowd of slow closes",
        "1,000 connections, 500 at a time, that are made to close, or close octet by octet, and "
        "stay for a third of --patience.",
        slow_closes)},
};

/* --------------------------------------------------------------------- what is not its own -- */

/* No word of it stands in any language. */
#define SECRET "Zq8vKw3xRj5mTb1yHn6cPd9gFs2L"

#define LEAK(number, name, text, ...)                                                              \
    .id = "23.3." number, .title = name, .description = text,                                      \
    .reference = "RFC 6455 5.5.1, 7.1.6; CVE-2026-107928",                                         \
    .steps = STEPS(FRAME(FIN | TEXT, REP(SECRET " ", 116)), AWAIT(1, 5), __VA_ARGS__),             \
    OK_WITH(1, GOT_TEXT(REP(SECRET " ", 116))),                                                    \
    .expectation = "The peer answers with a close frame whose reason, if it has any, is text, "    \
                   "and holds nothing of the message before. Control characters in it are "        \
                   "non-strict."

static const judge_case leak_rows[] = {
    {LEAK("1", "a close without payload", "A text message, then a close frame without payload.",
          SEND_CLOSE_RAW(-1, NOTHING)),
     .close = {{1000, 1005}, 2, true, true, false, true, .secret = SECRET}},
    {LEAK("2", "a close with a code", "A text message, then a close frame of two octets.",
          SEND_CLOSE(1000, NOTHING)),
     .close = {{1000}, 1, true, true, false, true, .secret = SECRET}},
    {LEAK("3", "a close with a reason of an octet",
          "A text message, then a close frame of three octets.", SEND_CLOSE(1000, S("x"))),
     .close = {{1000}, 1, true, true, false, true, .secret = SECRET}},
    {LEAK("4", "a close with the longest reason",
          "A text message, then a close frame of 125 octets.", SEND_CLOSE(1000, REP("x", 123))),
     .close = {{1000}, 1, true, true, false, true, .secret = SECRET}},
    {LEAK("5", "a close of one octet", "A text message, then a close frame of one octet.",
          FRAME(FIN | CLOSE, S("\x03")), KILL_AFTER(1)),
     .close = {{1002}, 1, .secret = SECRET}},
    {LEAK("6", "a close that announces more than it has",
          "A text message, then a close frame of 125 octets, of which 10 come; then no more.",
          HEADER(FIN | CLOSE, 125), OCTETS(S("\x03\xe8\x61\x62\x63\x64\x65\x66\x67\x68")),
          HALF_CLOSE, KILL_AFTER(1)),
     .rule = JUDGE_RULE_CLOSE_ONLY,
     /* As where TCP ends within any frame (19.8.4), with whatever code. */
     .close = {.secret = SECRET, .kept = JUDGE_NON_STRICT}},
    {LEAK("7", "a failure", "A text message, then a frame with a reserved opcode.",
          FRAME(FIN | 3, REP("x", 125)), KILL_AFTER(1)),
     .close = {{1002}, 1, .secret = SECRET}},
    {LEAK("8", "a text that is none", "A text message, then one of 125 octets 0xff.",
          FRAME(FIN | TEXT, REP("\xff", 125)), KILL_AFTER(1)),
     .close = {{1007}, 1, .secret = SECRET}},
};

void judge_cases_23(judge_builder *b)
{
    judge_add_rows(b, endless_rows, WSK__COUNT(endless_rows));
    judge_add_rows(b, crowd_rows, WSK__COUNT(crowd_rows));
    judge_add_rows(b, leak_rows, WSK__COUNT(leak_rows));
    judge_add_rows(b, slow_rows, WSK__COUNT(slow_rows));
}
