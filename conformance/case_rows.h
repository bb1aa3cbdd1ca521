/* SPDX-License-Identifier: MIT */
/*
 * What the files of cases are written in: short names for steps, payloads and closings, and the
 * builder that takes their rows. Only cases_NN.c and table.c include it.
 */
#ifndef CONFORMANCE_CASE_ROWS_H
#define CONFORMANCE_CASE_ROWS_H

#include <websock/base.h>

#include "conformance/case.h"
#include "util/attr.h"

#define FIN    0x80
#define RSV1   0x40
#define RSV2   0x20
#define RSV3   0x10
#define CONT   WSK_OP_CONTINUATION
#define TEXT   WSK_OP_TEXT
#define BINARY WSK_OP_BINARY
#define CLOSE  WSK_OP_CLOSE
#define PING   WSK_OP_PING
#define PONG   WSK_OP_PONG

/* Payloads: a literal (octets of value 0 are fine), nothing, a literal repeated to n octets. */
#define S(s)                                                                                       \
    {                                                                                              \
        "" s, sizeof(s) - 1, sizeof(s) - 1                                                         \
    }
#define NOTHING                                                                                    \
    {                                                                                              \
        "", 0, 0                                                                                   \
    }
#define REP(s, n)                                                                                  \
    {                                                                                              \
        "" s, sizeof(s) - 1, (n)                                                                   \
    }

#define FRAME(octet, ...)                                                                          \
    {                                                                                              \
        .op = JUDGE_STEP_FRAME, .first = (octet), .blob = __VA_ARGS__                              \
    }
#define FRAME_SYNC(octet, ...)                                                                     \
    {                                                                                              \
        .op = JUDGE_STEP_FRAME, .first = (octet), .sync = true, .blob = __VA_ARGS__                \
    }
#define FRAME_CHOP(octet, n, ...)                                                                  \
    {                                                                                              \
        .op = JUDGE_STEP_FRAME, .first = (octet), .chop = (n), .blob = __VA_ARGS__                 \
    }
/* A message, whole or in frames of n octets. */
#define MESSAGE(opcode, n, ...)                                                                    \
    {                                                                                              \
        .op = JUDGE_STEP_MESSAGE, .first = (opcode), .fragment = (n), .blob = __VA_ARGS__          \
    }
#define SEND_CLOSE(number, ...)                                                                    \
    {                                                                                              \
        .op = JUDGE_STEP_CLOSE, .code = (number), .blob = __VA_ARGS__                              \
    }
/* number -1: no code */
#define SEND_CLOSE_RAW(number, ...)                                                                \
    {                                                                                              \
        .op = JUDGE_STEP_CLOSE_RAW, .code = (number), .blob = __VA_ARGS__                          \
    }
#define HEADER(octet, n)                                                                           \
    {                                                                                              \
        .op = JUDGE_STEP_HEADER, .first = (octet), .blob = { "", 0, (n) }                          \
    }
#define OCTETS(...)                                                                                \
    {                                                                                              \
        .op = JUDGE_STEP_OCTETS, .blob = __VA_ARGS__                                               \
    }
#define WAIT(s)                                                                                    \
    {                                                                                              \
        .op = JUDGE_STEP_WAIT, .seconds = (s)                                                      \
    }
/* If the connection is still open then, the event is recorded and the steps go on. */
#define WAIT_TAG(s, c)                                                                             \
    {                                                                                              \
        .op = JUDGE_STEP_WAIT, .seconds = (s), .tag = (c)                                          \
    }
#define KILL_AFTER(s)                                                                              \
    {                                                                                              \
        .op = JUDGE_STEP_KILL_AFTER, .seconds = (s)                                                \
    }
#define CLOSE_AFTER(s)                                                                             \
    {                                                                                              \
        .op = JUDGE_STEP_CLOSE_AFTER, .seconds = (s)                                               \
    }
#define WIRE_LOG(on, entry)                                                                        \
    {                                                                                              \
        .op = JUDGE_STEP_LOG, .code = (on), .marked = (entry)                                      \
    }
#define ECHO                                                                                       \
    {                                                                                              \
        .op = JUDGE_STEP_ECHO                                                                      \
    }
/* Text of a handshake; octets as they are. */
#define HTTP(...)                                                                                  \
    {                                                                                              \
        .op = JUDGE_STEP_HTTP, .blob = __VA_ARGS__                                                 \
    }
#define HTTP_CHOP(n, ...)                                                                          \
    {                                                                                              \
        .op = JUDGE_STEP_HTTP, .chop = (n), .blob = __VA_ARGS__                                    \
    }
#define RAW(...)                                                                                   \
    {                                                                                              \
        .op = JUDGE_STEP_RAW, .blob = __VA_ARGS__                                                  \
    }
/* n octets of the frame are to follow. */
#define RAW_PART(n, ...)                                                                           \
    {                                                                                              \
        .op = JUDGE_STEP_RAW, .count = (n), .blob = __VA_ARGS__                                    \
    }
#define RAW_CHOP(n, ...)                                                                           \
    {                                                                                              \
        .op = JUDGE_STEP_RAW, .chop = (n), .blob = __VA_ARGS__                                     \
    }
/* n times the frame. */
#define FLOOD(octet, n, ...)                                                                       \
    {                                                                                              \
        .op = JUDGE_STEP_FLOOD, .first = (octet), .count = (n), .blob = __VA_ARGS__                \
    }
#define SPILL(...)                                                                                 \
    {                                                                                              \
        .op = JUDGE_STEP_SPILL, .blob = __VA_ARGS__                                                \
    }
/* A frame, or the header of one, whose mask or length deviates: .mask = ..., .form = ... */
#define ODD_FRAME(octet, deviation, ...)                                                           \
    {                                                                                              \
        .op = JUDGE_STEP_FRAME, .first = (octet), deviation, .blob = __VA_ARGS__                   \
    }
#define ODD_HEADER(octet, deviation, n)                                                            \
    {                                                                                              \
        .op = JUDGE_STEP_HEADER, .first = (octet), deviation, .blob = { "", 0, (n) }               \
    }
#define AWAIT(n, s)                                                                                \
    {                                                                                              \
        .op = JUDGE_STEP_AWAIT, .count = (n), .seconds = (s)                                       \
    }
#define AWAIT_OCTETS(n, s)                                                                         \
    {                                                                                              \
        .op = JUDGE_STEP_AWAIT_OCTETS, .count = (n), .seconds = (s)                                \
    }
#define PROOF                                                                                      \
    {                                                                                              \
        .op = JUDGE_STEP_PROOF                                                                     \
    }
#define HALF_CLOSE                                                                                 \
    {                                                                                              \
        .op = JUDGE_STEP_FIN                                                                       \
    }
#define RESET                                                                                      \
    {                                                                                              \
        .op = JUDGE_STEP_RESET                                                                     \
    }
/* What stands between them goes out in two writes, n octets first. */
#define HOLD                                                                                       \
    {                                                                                              \
        .op = JUDGE_STEP_HOLD                                                                      \
    }
#define RELEASE(n)                                                                                 \
    {                                                                                              \
        .op = JUDGE_STEP_RELEASE, .chop = (n)                                                      \
    }
/* Until the peer ends the connection: n times --patience. */
#define OUTLAST(n)                                                                                 \
    {                                                                                              \
        .op = JUDGE_STEP_OUTLAST, .seconds = -(n)                                                  \
    }
/* Seconds as parts of --patience. */
#define OF_PATIENCE(n) (-(n))
/* Goes on only if permessage-deflate is agreed on, and these of JUDGE_NEED_ are so. */
#define NEED(set)                                                                                  \
    {                                                                                              \
        .op = JUDGE_STEP_NEED, .code = (set)                                                       \
    }
#define AWAIT_CLOSE(s)                                                                             \
    {                                                                                              \
        .op = JUDGE_STEP_AWAIT_CLOSE, .seconds = (s)                                               \
    }
#define READ_NOTHING                                                                               \
    {                                                                                              \
        .op = JUDGE_STEP_READ, .code = 0                                                           \
    }
#define READ_AGAIN                                                                                 \
    {                                                                                              \
        .op = JUDGE_STEP_READ, .code = 1                                                           \
    }
/* n octets every s seconds */
#define READ_SLOWLY(n, s)                                                                          \
    {                                                                                              \
        .op = JUDGE_STEP_READ, .code = 2, .chop = (n), .seconds = (s)                              \
    }
#define STEPS(...)                                                                                 \
    (const judge_step[])                                                                           \
    {                                                                                              \
        __VA_ARGS__,                                                                               \
        {                                                                                          \
            .op = JUDGE_STEP_END                                                                   \
        }                                                                                          \
    }

#define GOT_TEXT(...)                                                                              \
    {                                                                                              \
        JUDGE_EVENT_MESSAGE, false, __VA_ARGS__                                                    \
    }
#define GOT_BINARY(...)                                                                            \
    {                                                                                              \
        JUDGE_EVENT_MESSAGE, true, __VA_ARGS__                                                     \
    }
#define GOT_PONG(...)                                                                              \
    {                                                                                              \
        JUDGE_EVENT_PONG, false, __VA_ARGS__                                                       \
    }
#define GOT_TIMEOUT(...)                                                                           \
    {                                                                                              \
        JUDGE_EVENT_TIMEOUT, false, __VA_ARGS__                                                    \
    }

/* Clauses of a row. */
#define OK_NOTHING            .ending = {{JUDGE_OK, 0}}
#define OK_WITH(n, ...)       .ending = {{JUDGE_OK, n, {__VA_ARGS__}}}
#define OK_OR_NOTHING(n, ...) .ending = {{JUDGE_OK, n, {__VA_ARGS__}}, {JUDGE_NON_STRICT, 0}}
/* The same events; pongs that another one follows may be missing (RFC 6455 5.5.3). */
#define ALL_OR_LAST(n, ...)                                                                        \
    .ending = {{JUDGE_OK, n, {__VA_ARGS__}}, {JUDGE_NON_STRICT, n, {__VA_ARGS__}, .some = true}}
/* A pong is no part of the stream of messages: it may overtake one. */
#define APART(n, ...) .ending = {{JUDGE_OK, n, {__VA_ARGS__}, .apart = true}}
#define ALL_OR_LAST_APART(n, ...)                                                                  \
    .ending = {{JUDGE_OK, n, {__VA_ARGS__}, .apart = true},                                        \
               {JUDGE_NON_STRICT, n, {__VA_ARGS__}, .some = true, .apart = true}}
/* Inside a message a pong is due before it, but "as soon as is practical" (5.5.2) may be later. */
#define OK_OR_LATE(n, ...)                                                                         \
    .ending = {{JUDGE_OK, n, {__VA_ARGS__}}, {JUDGE_NON_STRICT, n, {__VA_ARGS__}, .apart = true}}
#define ALL_OR_LAST_LATE(n, ...)                                                                   \
    .ending = {{JUDGE_OK, n, {__VA_ARGS__}},                                                       \
               {JUDGE_NON_STRICT, n, {__VA_ARGS__}, .some = true, .apart = true}}
/* The judge closes with 1000 when all has come, and the peer answers. */
#define ENDS_CLEAN .close = {{1000}, 1, true, true, false, false}
/* The judge closes as one of the steps. */
#define ENDS_BY_STEP .close = {{1000}, 1, true, true, false, true}
/* The peer must fail the connection: close with the code, or drop TCP. */
#define PEER_FAILS(code) .close = {{code}, 1, false, false, false, false}
/* ... and if the judge had to end it, the behaviour fails too. */
#define PEER_FAILS_ELSE_FATAL(code) .close = {{code}, 1, false, false, true, false}

/* Sentences that many rows share. */
#define EXPECT_ECHO "The same message comes back. The close is clean, with code 1000."
#define EXPECT_FAIL "The peer fails the connection at once: close with 1002, or TCP dropped."
/* ... of a close frame that is wrong. */
#define EXPECT_FAIL_CODED                                                                          \
    "The peer fails the connection at once: close with 1002, or TCP dropped. A close frame "       \
    "without a code cannot be told from an answer to this one: non-strict (RFC 6455 7.1.7)."

typedef struct judge_builder judge_builder;
/* Takes n rows as they are. */
void judge_add_rows(judge_builder *b, const judge_case *rows, size_t n);
/* Takes a copy of one row whose id, texts and steps are copied too. */
void judge_add(judge_builder *b, const judge_case *row);
/* The same of rows whose messages are large, and must come back: cut to the limit of the peer, or,
 * where that is not known, with a close for it accepted. */
void judge_add_within(judge_builder *b, const judge_case *rows, size_t n);
/* Text that lives as long as the table. */
const char *judge_text(judge_builder *b, const char *fmt, ...) WSK_PRINTF(2, 3);
/* The limit of the peers' messages, in octets; 0: not known. */
uint64_t judge_limit(const judge_builder *b);
/* Octets that live as long as the table, as a blob. */
judge_blob judge_octet_blob(judge_builder *b, const void *data, size_t len);
/* Lowercase hexadecimal digits of some octets. */
const char *judge_hex_text(judge_builder *b, const void *data, size_t len);

void judge_cases_01(judge_builder *b);
void judge_cases_02(judge_builder *b);
void judge_cases_03(judge_builder *b);
void judge_cases_04(judge_builder *b);
void judge_cases_05(judge_builder *b);
void judge_cases_06(judge_builder *b);
void judge_cases_07(judge_builder *b);
void judge_cases_09(judge_builder *b);
void judge_cases_10(judge_builder *b);
void judge_cases_12(judge_builder *b);
void judge_cases_13(judge_builder *b);
void judge_cases_14(judge_builder *b);
void judge_cases_15(judge_builder *b);
void judge_cases_16(judge_builder *b);
void judge_cases_17(judge_builder *b);
void judge_cases_17_octets(judge_builder *b);
void judge_cases_18(judge_builder *b);
void judge_cases_19(judge_builder *b);
void judge_cases_20(judge_builder *b);
void judge_cases_21(judge_builder *b);
void judge_cases_21_data(judge_builder *b);
void judge_cases_22(judge_builder *b);
void judge_cases_23(judge_builder *b);

#endif
