/* SPDX-License-Identifier: MIT */
/*
 * Category 22, peers that do not read, or take their time (RFC 6455 section 10). How long a peer
 * bears that is its own choice: what it ends within --patience is OK, what it bears longer is for
 * information.
 */
#include <string.h>

#include "conformance/case_rows.h"

#define END                                                                                        \
    {                                                                                              \
        .op = JUDGE_STEP_END                                                                       \
    }

#define REQUEST                                                                                    \
    "GET {target} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"       \
    "Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n{fields}"
#define SLOWLORIS "RFC 6455 10; CVE-2024-23672, CVE-2026-79677"

/* ---------------------------------------------------------------------- slow handshakes -- */

#define EXPECT_ANSWER                                                                              \
    "The server answers with 408 or another 4xx, or with 503, or drops TCP; another 5xx is "       \
    "non-strict. If --patience is over first, that is for information."
#define UNANSWERED                                                                                 \
    .rule = JUDGE_RULE_HELLO, .audience = JUDGE_FOR_SERVERS, .steps = STEPS(WAIT(0)),              \
    .expectation = EXPECT_ANSWER, .reference = SLOWLORIS
/*
 * The answer may take n times --patience more. A server that has too many connections may say so
 * before it has a request (RFC 9110 15.6.4); of other faults of its own there is nothing to be
 * said.
 */
#define ANSWER_IN(n)                                                                               \
    .ok = {JUDGE_HELLO_DROPPED, JUDGE_HELLO_4XX, 503}, .lax = {JUDGE_HELLO_5XX},                   \
    .inform = {JUDGE_HELLO_SILENT}, .seconds = OF_PATIENCE(n)

static const judge_case hello_rows[] = {
    {.id = "22.1.1",
     .title = "nothing is asked",
     .description =
         "A TCP connection (with TLS, if the server wants it) on which no request comes.",
     UNANSWERED,
     .hello = {.steps = STEPS(WAIT(0)), ANSWER_IN(1)}},
    {.id = "22.1.2",
     .title = "half a request line",
     .description = "The letters GET, and no more.",
     UNANSWERED,
     .hello = {.steps = STEPS(HTTP(S("GET"))), ANSWER_IN(1)}},
    {.id = "22.1.3",
     .title = "fields without an end",
     .description = "A whole request but for the empty line at its end.",
     UNANSWERED,
     .hello = {.steps = STEPS(HTTP(S(REQUEST))), ANSWER_IN(1)}},
};

/* `whole` in n pieces, evenly over --patience. */
static void add_slow_hello(judge_builder *b, const char *id, const char *title,
                           const char *description, const char *whole, const char *piece, size_t n)
{
    judge_step hello[130];
    size_t k = 0;
    const judge_step steps[] = {WAIT(0), END};

    if (*whole != '\0')
        hello[k++] = (judge_step){.op = JUDGE_STEP_HTTP,
                                  .blob = {whole, strlen(whole), strlen(whole)}};
    for (size_t i = 0; i < n; i++) {
        hello[k++] = (judge_step){.op = JUDGE_STEP_WAIT, .seconds = OF_PATIENCE(1.0 / (double)n)};
        hello[k++] = (judge_step){.op = JUDGE_STEP_HTTP,
                                  .blob = judge_octet_blob(b, piece, *piece ? strlen(piece) : 0)};
        if (piece[0] == 'G')
            hello[k - 1].blob = judge_octet_blob(b, piece + i, 1);
    }
    hello[k] = (judge_step){.op = JUDGE_STEP_END};
    judge_add(b, &(judge_case){
                     .id = id,
                     .title = title,
                     .description = description,
                     .steps = steps,
                     .rule = JUDGE_RULE_HELLO,
                     .audience = JUDGE_FOR_SERVERS,
                     .expectation = EXPECT_ANSWER,
                     .reference = SLOWLORIS,
                     .hello = {.steps = hello, ANSWER_IN(0.05)},
                 });
}

static void add_slow_hellos(judge_builder *b)
{
    add_slow_hello(b, "22.1.4", "the request octet by octet",
                   "The first 50 octets of a request, one after the other, over all of --patience.",
                   "", "GET /aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", 50);
    add_slow_hello(b, "22.1.5", "a field now and then",
                   "A request without its end, then 20 further fields over all of --patience.",
                   REQUEST, "X-More: and more\r\n", 20);
    add_slow_hello(
        b, "22.1.6", "a field that does not end",
        "A request without its end, then a field that grows by an octet 50 times over all "
        "of --patience.",
        REQUEST "X-More: ", "x", 50);
}

/* ------------------------------------------------------------------------ slow messages -- */

#define EXPECT_END                                                                                 \
    "The peer ends the connection, as it likes. If --patience is over first, that is for "         \
    "information: between frames pings are answered all the time."

static void add_slow(judge_builder *b, const char *id, const char *title, const char *description,
                     const judge_step *steps)
{
    judge_add(b, &(judge_case){.id = id,
                               .title = title,
                               .description = description,
                               .steps = steps,
                               .rule = JUDGE_RULE_ENDS,
                               OK_NOTHING,
                               .expectation = EXPECT_END,
                               .reference = SLOWLORIS});
}

static void add_slow_messages(judge_builder *b)
{
    static const uint8_t first_only[] = {0x81};
    judge_step steps[70];
    size_t k;

    add_slow(b, "22.2.1", "the first octet of a frame",
             "The first octet of a text frame, and no more.",
             (const judge_step[]){
                 {.op = JUDGE_STEP_RAW, .count = 1, .blob = {(const char *)first_only, 1, 1}},
                 OUTLAST(1),
                 END});
    add_slow(
        b, "22.2.2", "half a payload",
        "The header of a binary frame of 1,000 octets and half of them, and no more.",
        (const judge_step[]){HEADER(FIN | BINARY, 1000), OCTETS(REP("*", 500)), OUTLAST(1), END});
    add_slow(b, "22.2.3", "a message without an end",
             "The first frame of a text message, and no other.",
             (const judge_step[]){FRAME(TEXT, S("*")), OUTLAST(1), END});

    k = 0;
    steps[k++] = (judge_step)HEADER(FIN | BINARY, 1000);
    for (int i = 0; i < 30; i++) {
        steps[k++] = (judge_step)WAIT(OF_PATIENCE(1.0 / 30));
        steps[k++] = (judge_step)OCTETS(S("*"));
    }
    steps[k++] = (judge_step)OUTLAST(0.05);
    steps[k] = (judge_step)END;
    add_slow(
        b, "22.2.4", "a payload octet by octet",
        "The header of a binary frame of 1,000 octets, then 30 of them over all of --patience.",
        steps);

    k = 0;
    steps[k++] = (judge_step)FRAME(TEXT, S("*"));
    for (int i = 0; i < 30; i++) {
        steps[k++] = (judge_step)WAIT(OF_PATIENCE(1.0 / 30));
        steps[k++] = (judge_step)FRAME(CONT, S("*"));
    }
    steps[k++] = (judge_step)OUTLAST(0.05);
    steps[k] = (judge_step)END;
    add_slow(b, "22.2.5", "a frame now and then",
             "The first frame of a text message, then 30 others over all of --patience, none of "
             "them the last.",
             steps);
}

/* ------------------------------------------------------------------------- slow closing -- */

static const judge_case close_rows[] = {
    {.id = "22.3.1",
     .title = "the close is not answered",
     .description = "A frame with a reserved opcode. The close frame of the peer is not answered, "
                    "and TCP stays.",
     .steps = STEPS(FRAME(FIN | 3, NOTHING), OUTLAST(1)),
     .rule = JUDGE_RULE_ENDS,
     OK_NOTHING,
     .close = {.mute = true},
     .expectation = "The peer closes, and drops TCP though nobody answers. If --patience is over "
                    "first, that is for information.",
     .reference = "RFC 6455 7.1.1, 7.1.7; " SLOWLORIS},
    {.id = "22.3.2",
     .title = "the close is not read",
     .description = "From the beginning nothing is read. Then a frame with a reserved opcode.",
     .steps = STEPS(READ_NOTHING, FRAME(FIN | 3, NOTHING), WAIT(OF_PATIENCE(0.8)), READ_AGAIN,
                    OUTLAST(0.2)),
     .rule = JUDGE_RULE_ENDS,
     OK_NOTHING,
     .close = {.mute = true},
     .expectation = "The peer closes, and drops TCP though nobody answers. If --patience is over "
                    "first, that is for information.",
     .reference = "RFC 6455 7.1.1, 7.1.7; " SLOWLORIS},
    {.id = "22.3.3",
     .title = "octets without end behind a failure",
     .description = "A frame with a reserved opcode; then 64 MiB, whatever the peer says to it.",
     .steps = STEPS(FRAME(FIN | 3, NOTHING),
                    {.op = JUDGE_STEP_FLOOD,
                     .first = FIN | BINARY,
                     .count = 4096,
                     .seconds = OF_PATIENCE(1),
                     .blob = REP("*", 16384)},
                    OUTLAST(1)),
     .rule = JUDGE_RULE_ENDS,
     OK_NOTHING,
     .weight = 1,
     .close = {.mute = true},
     .survival = {.after = true, .during = 0.02, .kib = 65536},
     .expectation = "The peer drops TCP at some octet, or after some time. If --patience is over "
                    "first, that is for information, and non-strict if it has read all of it.",
     .reference = "RFC 6455 7.1.7, 10; CVE-2017-2670"},
};

/* ------------------------------------------------------------------------- backpressure -- */

#define UNREAD(number, name, text, limit, ...)                                                     \
    .id = "22.4." number, .title = name, .description = text, .steps = STEPS(__VA_ARGS__),         \
    .rule = JUDGE_RULE_ENDS, .receive_buffer = 262144, .weight = 1,                                \
    .survival = {.after = true, .during = 0.2, .kib = (limit), .idle = true},                      \
    .expectation = "The peer takes no more than it can keep, and drops TCP when nothing moves. "   \
                   "If --patience is over first, that is for information; taking all of it is "    \
                   "non-strict. It answers others, and its memory stays bounded.",                 \
    .reference = "RFC 6455 10.4; CVE-2026-11586"
#define ASK(opcode, n, size)                                                                       \
    {                                                                                              \
        .op = JUDGE_STEP_FLOOD, .first = FIN | (opcode), .count = (n),                             \
        .seconds = OF_PATIENCE(0.9), .blob = REP("*", size)                                        \
    }
#define INTACT(number, name, text, ...)                                                            \
    .id = "22.4." number, .title = name, .description = text, .steps = STEPS(__VA_ARGS__),         \
    .weight = 1, .receive_buffer = 262144,                                                         \
    .expectation = "All of it comes back, in order and unchanged. The close is clean.",            \
    .reference = "RFC 6455 10.4"
#define CHUNK  FRAME(FIN | BINARY, REP("0123456789", 524288))
#define ECHOED GOT_BINARY(REP("0123456789", 524288))

static const judge_case unread_rows[] = {
    {UNREAD("1", "echoes that nobody reads",
            "Up to 256 MiB of messages, of whose echoes not one octet is read.", 65536,
            WIRE_LOG(0, true), READ_NOTHING, ASK(BINARY, 16384, 16384), READ_AGAIN, OUTLAST(0.5))},
    {UNREAD("2", "echoes that are read octet by octet",
            "Up to 256 MiB of messages, of whose echoes an octet is read now and then, 20 times in "
            "--patience.",
            65536, WIRE_LOG(0, true),
            {.op = JUDGE_STEP_READ, .code = 2, .chop = 1, .seconds = OF_PATIENCE(0.05)},
            ASK(BINARY, 16384, 16384), READ_AGAIN, OUTLAST(0.5))},
    {UNREAD("3", "small echoes that nobody reads",
            "Up to a million messages of 100 octets, of whose echoes not one octet is read.", 65536,
            WIRE_LOG(0, true), READ_NOTHING, ASK(TEXT, 1000000, 100), READ_AGAIN, OUTLAST(0.5))},
    {UNREAD("4", "one large echo that nobody reads",
            "A message of 8 MiB, of whose echo not one octet is read.", 131072, WIRE_LOG(0, true),
            READ_NOTHING, FRAME(FIN | BINARY, REP("*", 8388608)), WAIT(OF_PATIENCE(0.9)),
            READ_AGAIN, OUTLAST(0.5))},
};

static const judge_case intact_rows[] = {
    {INTACT("5", "a pause in reading", "Eight messages of 512 KiB; nothing is read for 0.3 s.",
            WIRE_LOG(0, true), READ_NOTHING, CHUNK, CHUNK, CHUNK, CHUNK, CHUNK, CHUNK, CHUNK, CHUNK,
            WAIT(0.3), READ_AGAIN, CLOSE_AFTER(10)),
     OK_WITH(8, ECHOED, ECHOED, ECHOED, ECHOED, ECHOED, ECHOED, ECHOED, ECHOED), ENDS_CLEAN},
    {INTACT("6", "reading slowly", "Eight messages of 512 KiB; 64 KiB are read every 5 ms.",
            WIRE_LOG(0, true), READ_SLOWLY(65536, 0.005), CHUNK, CHUNK, CHUNK, CHUNK, CHUNK, CHUNK,
            CHUNK, CHUNK, CLOSE_AFTER(10)),
     OK_WITH(8, ECHOED, ECHOED, ECHOED, ECHOED, ECHOED, ECHOED, ECHOED, ECHOED), ENDS_CLEAN},
    {INTACT("7", "a ping behind what is not read",
            "A message of 4 MiB and a ping; nothing is read for 0.3 s.", WIRE_LOG(0, true),
            READ_NOTHING, FRAME(FIN | BINARY, REP("0123456789", 4194304)),
            FRAME(FIN | PING, S("?")), WAIT(0.3), READ_AGAIN, CLOSE_AFTER(10)),
     .ending =
         {{JUDGE_OK, 2, {GOT_BINARY(REP("0123456789", 4194304)), GOT_PONG(S("?"))}, .lives = true},
          {JUDGE_OK, 2, {GOT_PONG(S("?")), GOT_BINARY(REP("0123456789", 4194304))}, .lives = true}},
     ENDS_CLEAN},
};

/* --------------------------------------------------------------------------------- idle -- */

static const judge_case idle_rows[] = {
    {.id = "22.5.1",
     .title = "silence, then a message",
     .description = "Nothing for all of --patience, but that pings are answered; then a message.",
     .steps = STEPS(WAIT(OF_PATIENCE(1)), FRAME(FIN | TEXT, S("Still there?")), CLOSE_AFTER(2)),
     .ending = {{JUDGE_OK, 1, {GOT_TEXT(S("Still there?"))}, .lives = true}, {JUDGE_OK, 0}},
     .expectation = "The message comes back, or the peer has ended the connection, with a code of "
                    "its own.",
     .reference = "RFC 6455 5.5.2"},
    {.id = "22.5.2",
     .title = "half open",
     .description =
         "For most of --patience nothing is read and nothing sent, as if the machine were "
         "gone.",
     .steps = STEPS(READ_NOTHING, WAIT(OF_PATIENCE(0.9)), READ_AGAIN, OUTLAST(0.5)),
     .rule = JUDGE_RULE_ENDS,
     OK_NOTHING,
     .expectation = "The peer notices, by a ping that is not answered or by a time limit, and ends "
                    "the connection. If --patience is over first, that is for information.",
     .reference = "RFC 6455 5.5.2; " SLOWLORIS},
};

/* ------------------------------------------------------------------- answers to clients -- */

#define UNTOLD                                                                                     \
    .rule = JUDGE_RULE_HELLO, .audience = JUDGE_FOR_CLIENTS, .steps = STEPS(WAIT(0)),              \
    .expectation = "The client gives up. If --patience is over first, that is for information.",   \
    .reference = SLOWLORIS
#define GIVES_UP_IN(n)                                                                             \
    .ok = {JUDGE_HELLO_DROPPED, JUDGE_HELLO_CLOSED}, .inform = {JUDGE_HELLO_SILENT},               \
    .seconds = OF_PATIENCE(n)
#define DRIP(s) HTTP(S(s)), WAIT(OF_PATIENCE(0.1))

static const judge_case answer_rows[] = {
    {.id = "22.6.1",
     .title = "no answer",
     .description = "The request of the client has no answer.",
     UNTOLD,
     .hello = {.steps = STEPS(WAIT(0)), GIVES_UP_IN(1)}},
    {.id = "22.6.2",
     .title = "half a status line",
     .description = "The answer is HTTP/1.1 101, and no more.",
     UNTOLD,
     .hello = {.steps = STEPS(HTTP(S("HTTP/1.1 101"))), GIVES_UP_IN(1)}},
    {.id = "22.6.3",
     .title = "an answer that does not end",
     .description =
         "A good answer without its end, then ten further fields over all of --patience.",
     UNTOLD,
     .hello = {.steps = STEPS(HTTP(S("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                                     "Connection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n")),
                              DRIP("X-More: 1\r\n"), DRIP("X-More: 2\r\n"), DRIP("X-More: 3\r\n"),
                              DRIP("X-More: 4\r\n"), DRIP("X-More: 5\r\n"), DRIP("X-More: 6\r\n"),
                              DRIP("X-More: 7\r\n"), DRIP("X-More: 8\r\n"), DRIP("X-More: 9\r\n"),
                              DRIP("X-More: 10\r\n")),
               GIVES_UP_IN(0.05)}},
};

void judge_cases_22(judge_builder *b)
{
    judge_add_rows(b, hello_rows, WSK__COUNT(hello_rows));
    add_slow_hellos(b);
    add_slow_messages(b);
    judge_add_rows(b, close_rows, WSK__COUNT(close_rows));
    judge_add_rows(b, unread_rows, WSK__COUNT(unread_rows));
    judge_add_within(b, intact_rows, WSK__COUNT(intact_rows));
    judge_add_rows(b, idle_rows, WSK__COUNT(idle_rows));
    judge_add_rows(b, answer_rows, WSK__COUNT(answer_rows));
}
