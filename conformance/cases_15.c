/* SPDX-License-Identifier: MIT */
/*
 * Category 15, the opening handshake of clients (RFC 6455 section 4.1, RFC 9110, RFC 9112): answers
 * that must be taken, and such that must make the client give up the connection. Behind each of
 * them stands a text message, so that a client that took the answer betrays itself by its echo.
 */
#include "conformance/case_rows.h"

/* The answer, line by line. */
#define STATUS  "HTTP/1.1 101 Switching Protocols\r\n"
#define UPGRADE "Upgrade: websocket\r\n"
#define CONNECT "Connection: Upgrade\r\n"
#define ACCEPT  "Sec-WebSocket-Accept: {accept}\r\n"
#define END     "\r\n"
#define FIELDS  UPGRADE CONNECT ACCEPT
/* ... of one that ends the connection: clients of HTTP ask for the next thing on the same. */
#define NO_MORE FIELDS "Connection: close\r\n"

#define ROW(number, name, text, expect, rfc, ...)                                                  \
    .id = "15." #number, .title = name, .description = text, .expectation = expect,                \
    .reference = rfc, .rule = JUDGE_RULE_HELLO, .audience = JUDGE_FOR_CLIENTS,                     \
    .hello.steps = STEPS(__VA_ARGS__)

/* What follows the answer. */
#define TALKS                                                                                      \
    .steps = STEPS(FRAME(FIN | TEXT, S("Hello")), CLOSE_AFTER(3)),                                 \
    OK_WITH(1, GOT_TEXT(S("Hello"))), ENDS_CLEAN
/* ... an answer that has its body already. */
#define HTTP_ONLY .steps = STEPS(KILL_AFTER(3))
/* ... where frames came with it already. */
#define ANSWERS(n, ...) .steps = STEPS(CLOSE_AFTER(3)), OK_WITH(n, __VA_ARGS__), ENDS_CLEAN, OPENS
/* ... two messages and a pong, which may come before the echoes or behind them. */
#define ANSWERS_WITH_PONG(first, pong, second)                                                     \
    .steps = STEPS(CLOSE_AFTER(3)),                                                                \
    .ending = {{JUDGE_OK, 3, {first, pong, second}},                                               \
               {JUDGE_OK, 3, {pong, first, second}},                                               \
               {JUDGE_OK, 3, {first, second, pong}}},                                              \
    ENDS_CLEAN, OPENS
/* ... and were wrong. Some clients drop TCP before they have sent a frame, others send a ping or a
 * pong as soon as the connection is open. */
#define FRAMES_FAIL                                                                                \
    .steps = STEPS(KILL_AFTER(3)), OK_NOTHING, PEER_FAILS(1002),                                   \
    .hello.ok = {JUDGE_HELLO_CLOSED, JUDGE_HELLO_DROPPED, JUDGE_HELLO_OPEN}

/* What may come of it. */
#define OPENS         .hello.ok = {JUDGE_HELLO_OPEN}
#define OPENS_OR(...) .hello.ok = {JUDGE_HELLO_OPEN}, .hello.lax = {__VA_ARGS__}
#define GIVES_UP      .hello.ok = {JUDGE_HELLO_DROPPED}, .hello.lax = {JUDGE_HELLO_CLOSED}
#define GIVES_UP_OR_LAX                                                                            \
    .hello.ok = {JUDGE_HELLO_DROPPED}, .hello.lax = {JUDGE_HELLO_CLOSED, JUDGE_HELLO_OPEN}
#define OPEN_QUESTION                                                                              \
    .hello.ok = {JUDGE_HELLO_DROPPED}, .hello.inform = {JUDGE_HELLO_OPEN, JUDGE_HELLO_CLOSED}
/* It is no connection of WebSocket, but may stay one of HTTP. */
#define STAYS_HTTP                                                                                 \
    .hello.ok = {JUDGE_HELLO_DROPPED, JUDGE_HELLO_SILENT}, .hello.lax = {JUDGE_HELLO_CLOSED},      \
    .hello.seconds = 0.5
#define ANY_SIZE                                                                                   \
    .hello.ok = {JUDGE_HELLO_OPEN, JUDGE_HELLO_DROPPED}, .hello.lax = {JUDGE_HELLO_CLOSED}
/* What has no end should be ended by the client, as by servers in 14.8: no sentence of the RFCs
 * asks for a limit, but what it has to keep must not be all of it. */
#define STOPS                                                                                      \
    .hello.ok = {JUDGE_HELLO_DROPPED}, .hello.lax = {JUDGE_HELLO_CLOSED, JUDGE_HELLO_OPEN},        \
    .survival = {.after = true, .kib = 32768}, .weight = 3

#define EXPECT_OPEN                                                                                \
    "The client takes the connection for open: a text message comes back, and the close is clean."
#define EXPECT_OPEN_OR_LAX                                                                         \
    "The client takes the connection for open, and a text message comes back. Giving it up is "    \
    "non-strict."
#define EXPECT_GIVES_UP                                                                            \
    "The client fails the connection: it closes TCP and sends nothing. A close frame is "          \
    "non-strict; an echo, or doing nothing, fails the case."
#define EXPECT_GIVES_UP_OR_LAX                                                                     \
    "The client fails the connection: it closes TCP and sends nothing. Taking it for open is "     \
    "non-strict."
#define EXPECT_OPEN_QUESTION                                                                       \
    "The client closes TCP. The RFCs allow to take the answer, too: then an echo must work, and "  \
    "the case is informational."
#define EXPECT_HTTP                                                                                \
    "It is an answer of HTTP: the client sends no frame on this connection. It may close TCP, "    \
    "follow, or ask again."
#define EXPECT_GLUED "What stood behind the answer is answered as if it had come later."
#define EXPECT_SIZE                                                                                \
    "Whatever the client's limit is: it takes the connection for open, or closes TCP."
#define EXPECT_ENDLESS                                                                             \
    "The client closes TCP at its limit, and has not kept what came. Taking all of it is "         \
    "non-strict."
#define EXPECT_NO_ANSWER                                                                           \
    "The client gives up at its own deadline; none within two seconds is informational."
#define EXPECT_BARE_LF                                                                             \
    "The client closes TCP. It may also take LF for the end of a line, or wait for the line to "   \
    "end: "                                                                                        \
    "both are informational."
#define EXPECT_GIVES_FRAMES "The client fails the connection: close with 1002, or TCP dropped."
#define EXPECT_BACK         "The client closes TCP, and comes back for the next case."
#define EXPECT_ENDS         "The client closes TCP. Keeping it is non-strict."

static const judge_case group_1[] = {
    {ROW(1.1, "ordinary answer", "The answer as RFC 6455 shows it.", EXPECT_OPEN, "RFC 6455 4.1",
         HTTP(S(STATUS UPGRADE CONNECT ACCEPT END))),
     TALKS, OPENS},
    {ROW(1.2, "Upgrade in capitals", "Upgrade: WEBSOCKET.", EXPECT_OPEN, "RFC 6455 4.1",
         HTTP(S(STATUS "Upgrade: WEBSOCKET\r\n" CONNECT ACCEPT END))),
     TALKS, OPENS},
    {ROW(1.3, "Connection in small letters", "Connection: upgrade.", EXPECT_OPEN, "RFC 6455 4.1",
         HTTP(S(STATUS UPGRADE "Connection: upgrade\r\n" ACCEPT END))),
     TALKS, OPENS},
    {ROW(1.4, "Connection with keep-alive", "Connection: keep-alive, Upgrade.", EXPECT_OPEN,
         "RFC 6455 4.1", HTTP(S(STATUS UPGRADE "Connection: keep-alive, Upgrade\r\n" ACCEPT END))),
     TALKS, OPENS},
    {ROW(1.5, "names in small letters", "All field names in small letters.", EXPECT_OPEN,
         "RFC 9110 5.1",
         HTTP(S(STATUS "upgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-accept: "
                       "{accept}\r\n" END))),
     TALKS, OPENS},
    {ROW(1.6, "names in capitals", "All field names in capitals.", EXPECT_OPEN, "RFC 9110 5.1",
         HTTP(S(STATUS "UPGRADE: websocket\r\nCONNECTION: Upgrade\r\nSEC-WEBSOCKET-ACCEPT: "
                       "{accept}\r\n" END))),
     TALKS, OPENS},
    {ROW(1.7, "no blank behind the colons", "Upgrade:websocket and so on.", EXPECT_OPEN,
         "RFC 9112 5",
         HTTP(S(
             STATUS
             "Upgrade:websocket\r\nConnection:Upgrade\r\nSec-WebSocket-Accept:{accept}\r\n" END))),
     TALKS, OPENS},
    {ROW(1.8, "blanks and tabs around values", "Optional white space before and behind each value.",
         EXPECT_OPEN, "RFC 6455 4.1",
         HTTP(S(STATUS "Upgrade:\t websocket \r\nConnection:   Upgrade\t\r\nSec-WebSocket-Accept: "
                       "\t {accept} \t \r\n" END))),
     TALKS, OPENS},
    {ROW(1.9, "another order of fields", "Accept first, Upgrade last.", EXPECT_OPEN, "RFC 6455 4.1",
         HTTP(S(STATUS ACCEPT CONNECT UPGRADE END))),
     TALKS, OPENS},
    {ROW(1.10, "another reason", "HTTP/1.1 101 Web Socket Protocol Handshake, as drafts had it.",
         EXPECT_OPEN, "RFC 9112 4",
         HTTP(S("HTTP/1.1 101 Web Socket Protocol Handshake\r\n" FIELDS END))),
     TALKS, OPENS},
    {ROW(1.11, "no reason", "A status line that ends with a blank.", EXPECT_OPEN, "RFC 9112 4",
         HTTP(S("HTTP/1.1 101 \r\n" FIELDS END))),
     TALKS, OPENS},
    {ROW(1.12, "a reason beyond ASCII", "UTF-8 in the reason.", EXPECT_OPEN_OR_LAX, "RFC 9112 4",
         HTTP(S("HTTP/1.1 101 \xc3\x9c\x62\x65r\r\n" FIELDS END))),
     TALKS, OPENS_OR(JUDGE_HELLO_DROPPED)},
    {ROW(1.13, "no blank behind the status", "A status line that ends with the digits.",
         EXPECT_OPEN_OR_LAX, "RFC 9112 4", HTTP(S("HTTP/1.1 101\r\n" FIELDS END))),
     TALKS, OPENS_OR(JUDGE_HELLO_DROPPED)},
    {ROW(1.14, "fields that nobody knows", "Date, cookies, and fields of the server's own.",
         EXPECT_OPEN, "RFC 9110 5.1",
         HTTP(S(STATUS FIELDS
                "Date: Thu, 01 Jan 1970 00:00:00 GMT\r\nSet-Cookie: a=b; Path=/\r\nSet-Cookie: "
                "c=d\r\nX-Foo:\r\n!#$%&'*+-.^_`|~09aZ: x\r\n" END))),
     TALKS, OPENS},
    {ROW(1.15, "octets above 0x7f in a value",
         "obs-text in a field that is not the client's business.", EXPECT_OPEN_OR_LAX,
         "RFC 9110 5.5", HTTP(S(STATUS FIELDS "X-Name: J\xf6rg \xc3\xbc\r\n" END))),
     TALKS, OPENS_OR(JUDGE_HELLO_DROPPED)},
    {ROW(1.16, "50 fields", "50 fields more than needed.", EXPECT_OPEN_OR_LAX, "RFC 9110 5.4",
         HTTP(S(STATUS FIELDS)), HTTP(REP("X-A: b\r\n", 400)), HTTP(S(END))),
     TALKS, OPENS_OR(JUDGE_HELLO_DROPPED)},
    {ROW(1.17, "HTTP/1.2", "A minor version above 1, which is to be read as 1.1.",
         EXPECT_OPEN_OR_LAX, "RFC 9110 2.5",
         HTTP(S("HTTP/1.2 101 Switching Protocols\r\n" FIELDS END))),
     TALKS, OPENS_OR(JUDGE_HELLO_DROPPED)},
    {ROW(1.18, "an interim 100", "100 Continue before the 101.", EXPECT_OPEN_OR_LAX,
         "RFC 9110 15.2", HTTP(S("HTTP/1.1 100 Continue\r\n\r\n" STATUS FIELDS END))),
     TALKS, OPENS_OR(JUDGE_HELLO_DROPPED)},
    {ROW(1.19, "an interim 103", "103 Early Hints, with a field, before the 101.",
         EXPECT_OPEN_OR_LAX, "RFC 8297 2",
         HTTP(S(
             "HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n" STATUS FIELDS END))),
     TALKS, OPENS_OR(JUDGE_HELLO_DROPPED)},
    {ROW(1.20, "three interim answers", "100, 102 and 103 before the 101.", EXPECT_OPEN_OR_LAX,
         "RFC 9110 15.2",
         HTTP(S("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early "
                "Hints\r\nX-A: b\r\n\r\n" STATUS FIELDS END))),
     TALKS, OPENS_OR(JUDGE_HELLO_DROPPED)},
};

static const judge_case group_2[] = {
    {ROW(2.1, "status 200", "200 OK, with a body that is a text frame.", EXPECT_HTTP,
         "RFC 6455 4.1",
         HTTP(S("HTTP/1.1 200 OK\r\n"
                "Content-Length: 7\r\nConnection: close\r\n\r\n")),
         RAW(S("\x81\x05Hello"))),
     HTTP_ONLY, STAYS_HTTP},
    {ROW(2.2, "status 200 with all fields", "200 OK, else all as it should be.", EXPECT_HTTP,
         "RFC 6455 4.1", HTTP(S("HTTP/1.1 200 OK\r\n" NO_MORE "Content-Length: 7\r\n\r\n")),
         RAW(S("\x81\x05Hello"))),
     HTTP_ONLY, STAYS_HTTP},
    {ROW(2.3, "status 201 with all fields", "201 Created, else all as it should be.", EXPECT_HTTP,
         "RFC 6455 4.1", HTTP(S("HTTP/1.1 201 Created\r\n" NO_MORE "Content-Length: 7\r\n\r\n")),
         RAW(S("\x81\x05Hello"))),
     HTTP_ONLY, STAYS_HTTP},
    {ROW(2.4, "status 204", "204 No Content, with a body that is a text frame.", EXPECT_HTTP,
         "RFC 6455 4.1",
         HTTP(S("HTTP/1.1 204 No Content\r\n"
                "Content-Length: 7\r\nConnection: close\r\n\r\n")),
         RAW(S("\x81\x05Hello"))),
     HTTP_ONLY, STAYS_HTTP},
    {ROW(2.5, "status 301", "301 Moved Permanently, with a body that is a text frame.", EXPECT_HTTP,
         "RFC 6455 4.1",
         HTTP(S("HTTP/1.1 301 Moved Permanently\r\n"
                "Location: ws://localhost:9/\r\nContent-Length: 7\r\nConnection: close\r\n\r\n")),
         RAW(S("\x81\x05Hello"))),
     HTTP_ONLY, STAYS_HTTP},
    {ROW(2.6, "status 302", "302 Found, with a body that is a text frame.", EXPECT_HTTP,
         "RFC 6455 4.1",
         HTTP(S("HTTP/1.1 302 Found\r\n"
                "Location: http://localhost:9/\r\nContent-Length: 7\r\nConnection: close\r\n\r\n")),
         RAW(S("\x81\x05Hello"))),
     HTTP_ONLY, STAYS_HTTP},
    {ROW(2.7, "status 303", "303 See Other, with a body that is a text frame.", EXPECT_HTTP,
         "RFC 6455 4.1",
         HTTP(S("HTTP/1.1 303 See Other\r\n"
                "Location: /other\r\nContent-Length: 7\r\nConnection: close\r\n\r\n")),
         RAW(S("\x81\x05Hello"))),
     HTTP_ONLY, STAYS_HTTP},
    {ROW(2.8, "status 307", "307 Temporary Redirect, with a body that is a text frame.",
         EXPECT_HTTP, "RFC 6455 4.1",
         HTTP(S("HTTP/1.1 307 Temporary Redirect\r\n"
                "Location: ws://localhost:9/\r\nContent-Length: 7\r\nConnection: close\r\n\r\n")),
         RAW(S("\x81\x05Hello"))),
     HTTP_ONLY, STAYS_HTTP},
    {ROW(2.9, "status 308", "308 Permanent Redirect, with a body that is a text frame.",
         EXPECT_HTTP, "RFC 6455 4.1",
         HTTP(S("HTTP/1.1 308 Permanent Redirect\r\n"
                "Location: wss://localhost:9/\r\nContent-Length: 7\r\nConnection: close\r\n\r\n")),
         RAW(S("\x81\x05Hello"))),
     HTTP_ONLY, STAYS_HTTP},
    {ROW(2.10, "status 302 without Location", "302 Found, with a body that is a text frame.",
         EXPECT_HTTP, "RFC 6455 4.1",
         HTTP(S("HTTP/1.1 302 Found\r\n"
                "Content-Length: 7\r\nConnection: close\r\n\r\n")),
         RAW(S("\x81\x05Hello"))),
     HTTP_ONLY, STAYS_HTTP},
    {ROW(2.11, "status 302 to nowhere", "Location names no URI.", EXPECT_HTTP, "RFC 6455 4.1",
         HTTP(S("HTTP/1.1 302 Found\r\n"
                "Location: ://:::/\\x\r\nContent-Length: 7\r\nConnection: close\r\n\r\n")),
         RAW(S("\x81\x05Hello"))),
     HTTP_ONLY, STAYS_HTTP},
    {ROW(2.12, "status 302 to a file", "Location is a file of the client's.", EXPECT_HTTP,
         "RFC 6455 4.1",
         HTTP(S("HTTP/1.1 302 Found\r\n"
                "Location: file:///etc/passwd\r\nContent-Length: 7\r\nConnection: close\r\n\r\n")),
         RAW(S("\x81\x05Hello"))),
     HTTP_ONLY, STAYS_HTTP},
    {ROW(2.13, "status 400", "400 Bad Request, with a body that is a text frame.", EXPECT_HTTP,
         "RFC 6455 4.1",
         HTTP(S("HTTP/1.1 400 Bad Request\r\n"
                "Content-Length: 7\r\nConnection: close\r\n\r\n")),
         RAW(S("\x81\x05Hello"))),
     HTTP_ONLY, STAYS_HTTP},
    {ROW(2.14, "status 401", "401 Unauthorized, with a body that is a text frame.", EXPECT_HTTP,
         "RFC 6455 4.1",
         HTTP(S("HTTP/1.1 401 Unauthorized\r\n"
                "WWW-Authenticate: Basic realm=\"x\"\r\nContent-Length: 7\r\nConnection: "
                "close\r\n\r\n")),
         RAW(S("\x81\x05Hello"))),
     HTTP_ONLY, STAYS_HTTP},
    {ROW(2.15, "status 401 with all fields", "401 Unauthorized, else all as it should be.",
         EXPECT_HTTP, "RFC 6455 4.1",
         HTTP(S("HTTP/1.1 401 Unauthorized\r\n" NO_MORE
                "WWW-Authenticate: Basic realm=\"x\"\r\nContent-Length: 7\r\n\r\n")),
         RAW(S("\x81\x05Hello"))),
     HTTP_ONLY, STAYS_HTTP},
    {ROW(2.16, "status 403", "403 Forbidden, with a body that is a text frame.", EXPECT_HTTP,
         "RFC 6455 4.1",
         HTTP(S("HTTP/1.1 403 Forbidden\r\n"
                "Content-Length: 7\r\nConnection: close\r\n\r\n")),
         RAW(S("\x81\x05Hello"))),
     HTTP_ONLY, STAYS_HTTP},
    {ROW(2.17, "status 404", "404 Not Found, with a body that is a text frame.", EXPECT_HTTP,
         "RFC 6455 4.1",
         HTTP(S("HTTP/1.1 404 Not Found\r\n"
                "Content-Length: 7\r\nConnection: close\r\n\r\n")),
         RAW(S("\x81\x05Hello"))),
     HTTP_ONLY, STAYS_HTTP},
    {ROW(2.18, "status 407", "407 Proxy Authentication Required, with a body that is a text frame.",
         EXPECT_HTTP, "RFC 6455 4.1",
         HTTP(S("HTTP/1.1 407 Proxy Authentication Required\r\n"
                "Proxy-Authenticate: Basic realm=\"x\"\r\nContent-Length: 7\r\nConnection: "
                "close\r\n\r\n")),
         RAW(S("\x81\x05Hello"))),
     HTTP_ONLY, STAYS_HTTP},
    {ROW(2.19, "status 426", "426 Upgrade Required, with a body that is a text frame.", EXPECT_HTTP,
         "RFC 6455 4.4",
         HTTP(S("HTTP/1.1 426 Upgrade Required\r\n"
                "Upgrade: websocket\r\nSec-WebSocket-Version: 8, 7\r\nContent-Length: "
                "7\r\nConnection: close\r\n\r\n")),
         RAW(S("\x81\x05Hello"))),
     HTTP_ONLY, STAYS_HTTP},
    {ROW(2.20, "status 429", "429 Too Many Requests, with a body that is a text frame.",
         EXPECT_HTTP, "RFC 6455 4.1",
         HTTP(S("HTTP/1.1 429 Too Many Requests\r\n"
                "Retry-After: 1\r\nContent-Length: 7\r\nConnection: close\r\n\r\n")),
         RAW(S("\x81\x05Hello"))),
     HTTP_ONLY, STAYS_HTTP},
    {ROW(2.21, "status 500", "500 Internal Server Error, with a body that is a text frame.",
         EXPECT_HTTP, "RFC 6455 4.1",
         HTTP(S("HTTP/1.1 500 Internal Server Error\r\n"
                "Content-Length: 7\r\nConnection: close\r\n\r\n")),
         RAW(S("\x81\x05Hello"))),
     HTTP_ONLY, STAYS_HTTP},
    {ROW(2.22, "status 503", "503 Service Unavailable, with a body that is a text frame.",
         EXPECT_HTTP, "RFC 6455 4.1",
         HTTP(S("HTTP/1.1 503 Service Unavailable\r\n"
                "Retry-After: 1\r\nContent-Length: 7\r\nConnection: close\r\n\r\n")),
         RAW(S("\x81\x05Hello"))),
     HTTP_ONLY, STAYS_HTTP},
    {ROW(2.23, "status 599 with all fields", "599 , else all as it should be.", EXPECT_HTTP,
         "RFC 6455 4.1", HTTP(S("HTTP/1.1 599 \r\n" NO_MORE "Content-Length: 7\r\n\r\n")),
         RAW(S("\x81\x05Hello"))),
     HTTP_ONLY, STAYS_HTTP},
    {ROW(2.24, "status 100 and no more", "An interim answer, and frames behind it.", EXPECT_HTTP,
         "RFC 9110 15.2", HTTP(S("HTTP/1.1 100 Continue\r\n" FIELDS END))),
     TALKS, STAYS_HTTP},
    {ROW(2.25, "status 102 and no more", "The fields of a 101 with another status of 1xx.",
         EXPECT_HTTP, "RFC 9110 15.2", HTTP(S("HTTP/1.1 102 Processing\r\n" FIELDS END))),
     TALKS, STAYS_HTTP},
    {ROW(2.26, "status 1010", "Four digits.", EXPECT_GIVES_UP, "RFC 9112 4",
         HTTP(S("HTTP/1.1 1010 Switching Protocols\r\n" FIELDS END))),
     TALKS, GIVES_UP},
    {ROW(2.27, "status 10", "Two digits.", EXPECT_GIVES_UP, "RFC 9112 4",
         HTTP(S("HTTP/1.1 10 1\r\n" FIELDS END))),
     TALKS, GIVES_UP},
    {ROW(2.28, "no status", "Words alone.", EXPECT_GIVES_UP, "RFC 9112 4",
         HTTP(S("HTTP/1.1 Switching Protocols\r\n" FIELDS END))),
     TALKS, GIVES_UP},
};

static const judge_case group_3[] = {
    {ROW(3.1, "HTTP/1.0", "There is no upgrade in 1.0.", EXPECT_GIVES_UP_OR_LAX, "RFC 9110 7.8",
         HTTP(S("HTTP/1.0 101 Switching Protocols\r\n" FIELDS END))),
     TALKS, GIVES_UP_OR_LAX},
    {ROW(3.2, "HTTP/2", "A version that is not spoken in this form.", EXPECT_GIVES_UP_OR_LAX,
         "RFC 9112 2.3", HTTP(S("HTTP/2 101 Switching Protocols\r\n" FIELDS END))),
     TALKS, GIVES_UP_OR_LAX},
    {ROW(3.3, "version in small letters", "http/1.1.", EXPECT_GIVES_UP_OR_LAX, "RFC 9112 2.3",
         HTTP(S("http/1.1 101 Switching Protocols\r\n" FIELDS END))),
     TALKS, GIVES_UP_OR_LAX},
    {ROW(3.4, "two blanks", "Two blanks before the status.", EXPECT_GIVES_UP_OR_LAX, "RFC 9112 4",
         HTTP(S("HTTP/1.1  101 Switching Protocols\r\n" FIELDS END))),
     TALKS, GIVES_UP_OR_LAX},
    {ROW(3.5, "another protocol", "RTSP/1.0 101.", EXPECT_GIVES_UP, "RFC 9112 2.3",
         HTTP(S("RTSP/1.0 101 Switching Protocols\r\n" FIELDS END))),
     TALKS, GIVES_UP},
    {ROW(3.6, "no HTTP at all", "A greeting of SMTP.", EXPECT_GIVES_UP, "RFC 9112 4",
         HTTP(S("220 mail.example ESMTP\r\n\r\n"))),
     TALKS, GIVES_UP},
    {ROW(3.7, "frames at once", "A text frame without an answer before it.", EXPECT_GIVES_UP,
         "RFC 6455 4.1", RAW(S("\x81\x05Hello\r\n\r\n\r\n\r\n"))),
     TALKS, GIVES_UP},
    {ROW(3.8, "zeros", "64 octets of value 0, and empty lines.", EXPECT_GIVES_UP, "RFC 9112 4",
         RAW(REP("\0", 64)), HTTP(S("\r\n\r\n"))),
     TALKS, GIVES_UP},
    {ROW(3.9, "an empty line before the answer", "CR LF, then the answer.", EXPECT_OPEN_QUESTION,
         "RFC 9112 2.2", HTTP(S("\r\n" STATUS FIELDS END))),
     TALKS, OPEN_QUESTION},
};

static const judge_case group_4[] = {
    {ROW(4.1, "no Upgrade", "The field is missing.", EXPECT_GIVES_UP, "RFC 6455 4.1",
         HTTP(S(STATUS CONNECT ACCEPT END))),
     TALKS, GIVES_UP},
    {ROW(4.2, "an empty Upgrade", "The field has no value.", EXPECT_GIVES_UP, "RFC 6455 4.1",
         HTTP(S(STATUS "Upgrade:\r\n" CONNECT ACCEPT END))),
     TALKS, GIVES_UP},
    {ROW(4.3, "another protocol", "Upgrade: h2c.", EXPECT_GIVES_UP, "RFC 6455 4.1",
         HTTP(S(STATUS "Upgrade: h2c\r\n" CONNECT ACCEPT END))),
     TALKS, GIVES_UP},
    {ROW(4.4, "more behind the word", "Upgrade: websockets.", EXPECT_GIVES_UP, "RFC 6455 4.1",
         HTTP(S(STATUS "Upgrade: websockets\r\n" CONNECT ACCEPT END))),
     TALKS, GIVES_UP},
    {ROW(4.5, "more before the word", "Upgrade: xwebsocket.", EXPECT_GIVES_UP, "RFC 6455 4.1",
         HTTP(S(STATUS "Upgrade: xwebsocket\r\n" CONNECT ACCEPT END))),
     TALKS, GIVES_UP},
    {ROW(4.6, "no Connection", "The field is missing.", EXPECT_GIVES_UP, "RFC 6455 4.1",
         HTTP(S(STATUS UPGRADE ACCEPT END))),
     TALKS, GIVES_UP},
    {ROW(4.7, "an empty Connection", "The field has no value.", EXPECT_GIVES_UP, "RFC 6455 4.1",
         HTTP(S(STATUS UPGRADE "Connection:\r\n" ACCEPT END))),
     TALKS, GIVES_UP},
    {ROW(4.8, "Connection: close", "Another token alone.", EXPECT_GIVES_UP, "RFC 6455 4.1",
         HTTP(S(STATUS UPGRADE "Connection: close\r\n" ACCEPT END))),
     TALKS, GIVES_UP},
    {ROW(4.9, "Connection: keep-alive", "Another token alone.", EXPECT_GIVES_UP, "RFC 6455 4.1",
         HTTP(S(STATUS UPGRADE "Connection: keep-alive\r\n" ACCEPT END))),
     TALKS, GIVES_UP},
    {ROW(4.10, "the word in another token", "Connection: upgraded.", EXPECT_GIVES_UP,
         "RFC 6455 4.1", HTTP(S(STATUS UPGRADE "Connection: upgraded\r\n" ACCEPT END))),
     TALKS, GIVES_UP},
    {ROW(4.11, "neither", "Both are missing.", EXPECT_GIVES_UP, "RFC 6455 4.1",
         HTTP(S(STATUS ACCEPT END))),
     TALKS, GIVES_UP},
    {ROW(4.12, "two protocols", "Upgrade: websocket, foo: the value is not the word alone.",
         EXPECT_OPEN_QUESTION, "RFC 6455 4.1",
         HTTP(S(STATUS "Upgrade: websocket, foo\r\n" CONNECT ACCEPT END))),
     TALKS, OPEN_QUESTION},
    {ROW(4.13, "Upgrade twice", "The same line twice.", EXPECT_OPEN_QUESTION, "RFC 6455 4.1",
         HTTP(S(STATUS UPGRADE UPGRADE CONNECT ACCEPT END))),
     TALKS, OPEN_QUESTION},
    {ROW(4.14, "Connection in two lines", "keep-alive in one, Upgrade in the next.",
         EXPECT_OPEN_QUESTION, "RFC 9110 5.3",
         HTTP(S(STATUS UPGRADE "Connection: keep-alive\r\nConnection: Upgrade\r\n" ACCEPT END))),
     TALKS, OPEN_QUESTION},
};

static const judge_case group_5[] = {
    {ROW(5.1, "no Accept", "The field is missing.", EXPECT_GIVES_UP, "RFC 6455 4.1",
         HTTP(S(STATUS UPGRADE CONNECT END))),
     TALKS, GIVES_UP},
    {ROW(5.2, "an empty Accept", "The field has no value.", EXPECT_GIVES_UP, "RFC 6455 4.1",
         HTTP(S(STATUS UPGRADE CONNECT "Sec-WebSocket-Accept:\r\n" END))),
     TALKS, GIVES_UP},
    {ROW(5.3, "of another key", "The value of RFC 6455's own example.", EXPECT_GIVES_UP,
         "RFC 6455 4.1",
         HTTP(S(STATUS UPGRADE CONNECT
                "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n" END))),
     TALKS, GIVES_UP},
    {ROW(5.4, "the key itself", "The key comes back as it was.", EXPECT_GIVES_UP, "RFC 6455 4.1",
         HTTP(S(STATUS UPGRADE CONNECT "Sec-WebSocket-Accept: {key}\r\n" END))),
     TALKS, GIVES_UP},
    {ROW(5.5, "plain text", "Words.", EXPECT_GIVES_UP, "RFC 6455 4.1",
         HTTP(S(STATUS UPGRADE CONNECT "Sec-WebSocket-Accept: accepted\r\n" END))),
     TALKS, GIVES_UP},
    {ROW(5.6, "more behind it", "A character behind the right value.", EXPECT_GIVES_UP,
         "RFC 6455 4.1", HTTP(S(STATUS UPGRADE CONNECT "Sec-WebSocket-Accept: {accept}=\r\n" END))),
     TALKS, GIVES_UP},
    {ROW(5.7, "more before it", "A character before the right value.", EXPECT_GIVES_UP,
         "RFC 6455 4.1", HTTP(S(STATUS UPGRADE CONNECT "Sec-WebSocket-Accept: x{accept}\r\n" END))),
     TALKS, GIVES_UP},
    {ROW(5.8, "in quotes", "The right value in quotes.", EXPECT_GIVES_UP, "RFC 6455 4.1",
         HTTP(S(STATUS UPGRADE CONNECT "Sec-WebSocket-Accept: \"{accept}\"\r\n" END))),
     TALKS, GIVES_UP},
    {ROW(5.9, "twice in one line", "The right value, a comma, and the right value.",
         EXPECT_GIVES_UP, "RFC 6455 4.1",
         HTTP(S(STATUS UPGRADE CONNECT "Sec-WebSocket-Accept: {accept}, {accept}\r\n" END))),
     TALKS, GIVES_UP},
    {ROW(5.10, "two different ones", "The right value, then a wrong one.", EXPECT_GIVES_UP,
         "RFC 6455 11.3.3",
         HTTP(S(STATUS UPGRADE CONNECT ACCEPT
                "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n" END))),
     TALKS, GIVES_UP},
    {ROW(5.11, "two different ones, the right one last", "A wrong value, then the right one.",
         EXPECT_GIVES_UP, "RFC 6455 11.3.3",
         HTTP(S(STATUS UPGRADE CONNECT
                "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n" ACCEPT END))),
     TALKS, GIVES_UP},
    {ROW(5.12, "twice in two lines", "The same line twice: it must not be.", EXPECT_GIVES_UP_OR_LAX,
         "RFC 6455 11.3.3", HTTP(S(STATUS UPGRADE CONNECT ACCEPT ACCEPT END))),
     TALKS, GIVES_UP_OR_LAX},
    {ROW(5.13, "in a folded line",
         "A wrong value, and the right one behind white space in the next line.", EXPECT_GIVES_UP,
         "RFC 9112 5.2",
         HTTP(S(STATUS UPGRADE CONNECT "Sec-WebSocket-Accept: x\r\n {accept}\r\n" END))),
     TALKS, GIVES_UP},
};

static const judge_case group_6[] = {
    {ROW(6.1, "one that was not offered", "x-nobody-offered-this.", EXPECT_GIVES_UP, "RFC 6455 4.1",
         HTTP(S(STATUS FIELDS "Sec-WebSocket-Extensions: x-nobody-offered-this\r\n" END))),
     TALKS, GIVES_UP},
    {ROW(6.2, "odd names", "constructor, which is a property of objects in some languages.",
         EXPECT_GIVES_UP, "RFC 6455 4.1",
         HTTP(S(STATUS FIELDS "Sec-WebSocket-Extensions: constructor\r\n" END))),
     TALKS, GIVES_UP},
    {ROW(6.3, "more odd names", "__proto__.", EXPECT_GIVES_UP, "RFC 6455 4.1",
         HTTP(S(STATUS FIELDS "Sec-WebSocket-Extensions: __proto__\r\n" END))),
     TALKS, GIVES_UP},
    {ROW(6.4, "compression and another one", "permessage-deflate, and one that was not offered.",
         EXPECT_GIVES_UP, "RFC 6455 4.1",
         HTTP(S(STATUS FIELDS "Sec-WebSocket-Extensions: permessage-deflate, x-foo\r\n" END))),
     TALKS, GIVES_UP},
    {ROW(6.5, "compression twice", "permessage-deflate, permessage-deflate.", EXPECT_GIVES_UP,
         "RFC 7692 5.1",
         HTTP(S(STATUS FIELDS
                "Sec-WebSocket-Extensions: permessage-deflate, permessage-deflate\r\n" END))),
     TALKS, GIVES_UP},
    {ROW(6.6, "compression in two lines", "Two fields, each with permessage-deflate.",
         EXPECT_GIVES_UP, "RFC 7692 5.1",
         HTTP(S(STATUS FIELDS
                "Sec-WebSocket-Extensions: permessage-deflate\r\nSec-WebSocket-Extensions: "
                "permessage-deflate\r\n" END))),
     TALKS, GIVES_UP},
    {ROW(6.7, "an unknown parameter", "permessage-deflate; x-foo.", EXPECT_GIVES_UP, "RFC 7692 5.1",
         HTTP(S(STATUS FIELDS "Sec-WebSocket-Extensions: permessage-deflate; x-foo\r\n" END))),
     TALKS, GIVES_UP},
    {ROW(6.8, "a parameter twice", "server_no_context_takeover twice.", EXPECT_GIVES_UP,
         "RFC 7692 7.1",
         HTTP(S(STATUS FIELDS "Sec-WebSocket-Extensions: permessage-deflate; "
                              "server_no_context_takeover; server_no_context_takeover\r\n" END))),
     TALKS, GIVES_UP},
    {ROW(6.9, "a value too much", "server_no_context_takeover=1.", EXPECT_GIVES_UP,
         "RFC 7692 7.1.1.1",
         HTTP(S(STATUS FIELDS "Sec-WebSocket-Extensions: permessage-deflate; "
                              "server_no_context_takeover=1\r\n" END))),
     TALKS, GIVES_UP},
    {ROW(6.10, "server_max_window_bits=7", "A value out of its range.", EXPECT_GIVES_UP,
         "RFC 7692 7.1.2.1, CVE-2026-2229",
         HTTP(S(STATUS FIELDS
                "Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=7\r\n" END))),
     TALKS, GIVES_UP},
    {ROW(6.11, "server_max_window_bits=16", "A value out of its range.", EXPECT_GIVES_UP,
         "RFC 7692 7.1.2.1, CVE-2026-2229",
         HTTP(
             S(STATUS FIELDS
               "Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=16\r\n" END))),
     TALKS, GIVES_UP},
    {ROW(6.12, "server_max_window_bits=0", "A value out of its range.", EXPECT_GIVES_UP,
         "RFC 7692 7.1.2.1, CVE-2026-2229",
         HTTP(S(STATUS FIELDS
                "Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=0\r\n" END))),
     TALKS, GIVES_UP},
    {ROW(6.13, "server_max_window_bits=-1", "A value out of its range.", EXPECT_GIVES_UP,
         "RFC 7692 7.1.2.1, CVE-2026-2229",
         HTTP(
             S(STATUS FIELDS
               "Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=-1\r\n" END))),
     TALKS, GIVES_UP},
    {ROW(6.14, "server_max_window_bits=08", "A value out of its range.", EXPECT_GIVES_UP,
         "RFC 7692 7.1.2.1, CVE-2026-2229",
         HTTP(
             S(STATUS FIELDS
               "Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=08\r\n" END))),
     TALKS, GIVES_UP},
    {ROW(6.15, "server_max_window_bits=abc", "A value out of its range.", EXPECT_GIVES_UP,
         "RFC 7692 7.1.2.1, CVE-2026-2229",
         HTTP(S(
             STATUS FIELDS
             "Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=abc\r\n" END))),
     TALKS, GIVES_UP},
    {ROW(6.16, "server_max_window_bits=999", "A value out of its range.", EXPECT_GIVES_UP,
         "RFC 7692 7.1.2.1, CVE-2026-2229",
         HTTP(S(
             STATUS FIELDS
             "Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=999\r\n" END))),
     TALKS, GIVES_UP},
    {ROW(6.17, "server_max_window_bits without a value", "It needs one in an answer.",
         EXPECT_GIVES_UP, "RFC 7692 7.1.2.1",
         HTTP(S(STATUS FIELDS
                "Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits\r\n" END))),
     TALKS, GIVES_UP},
    {ROW(6.18, "client_max_window_bits=16", "A value out of its range.", EXPECT_GIVES_UP,
         "RFC 7692 7.1.2.2, CVE-2026-2229",
         HTTP(
             S(STATUS FIELDS
               "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits=16\r\n" END))),
     TALKS, GIVES_UP},
    {ROW(6.19, "client_max_window_bits without a value", "It needs one in an answer.",
         EXPECT_GIVES_UP, "RFC 7692 7.1.2.2",
         HTTP(S(STATUS FIELDS
                "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n" END))),
     TALKS, GIVES_UP},
    {ROW(6.20, "an empty field", "Sec-WebSocket-Extensions without a value.", EXPECT_OPEN_QUESTION,
         "RFC 6455 9.1", HTTP(S(STATUS FIELDS "Sec-WebSocket-Extensions:\r\n" END))),
     TALKS, OPEN_QUESTION},
    {ROW(6.21, "empty elements", "Commas alone.", EXPECT_OPEN_QUESTION, "RFC 9110 5.6.1",
         HTTP(S(STATUS FIELDS "Sec-WebSocket-Extensions: ,,\r\n" END))),
     TALKS, OPEN_QUESTION},
    {ROW(6.22, "a quote that does not end",
         "permessage-deflate; server_max_window_bits= and a quote.", EXPECT_GIVES_UP,
         "RFC 6455 9.1",
         HTTP(S(
             STATUS FIELDS
             "Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=\"10\r\n" END))),
     TALKS, GIVES_UP},
    {ROW(6.23, "separators", "(a); @b.", EXPECT_GIVES_UP, "RFC 6455 9.1",
         HTTP(S(STATUS FIELDS "Sec-WebSocket-Extensions: (a); @b\r\n" END))),
     TALKS, GIVES_UP},
};

static const judge_case group_7[] = {
    {ROW(7.1, "one that was not offered", "x-nobody-offered-this.", EXPECT_GIVES_UP, "RFC 6455 4.1",
         HTTP(S(STATUS FIELDS "Sec-WebSocket-Protocol: x-nobody-offered-this\r\n" END))),
     TALKS, GIVES_UP},
    {ROW(7.2, "an odd name", "constructor.", EXPECT_GIVES_UP, "RFC 6455 4.1",
         HTTP(S(STATUS FIELDS "Sec-WebSocket-Protocol: constructor\r\n" END))),
     TALKS, GIVES_UP},
    {ROW(7.3, "a list", "x-one, x-two.", EXPECT_GIVES_UP, "RFC 6455 4.1",
         HTTP(S(STATUS FIELDS "Sec-WebSocket-Protocol: x-one, x-two\r\n" END))),
     TALKS, GIVES_UP},
    {ROW(7.4, "two of them", "Two fields.", EXPECT_GIVES_UP, "RFC 6455 11.3.4",
         HTTP(S(STATUS FIELDS
                "Sec-WebSocket-Protocol: x-one\r\nSec-WebSocket-Protocol: x-two\r\n" END))),
     TALKS, GIVES_UP},
    {ROW(7.5, "no token", "a b.", EXPECT_GIVES_UP, "RFC 6455 4.1",
         HTTP(S(STATUS FIELDS "Sec-WebSocket-Protocol: a b\r\n" END))),
     TALKS, GIVES_UP},
    {ROW(7.6, "an empty field", "Sec-WebSocket-Protocol without a value.", EXPECT_OPEN_QUESTION,
         "RFC 6455 4.1", HTTP(S(STATUS FIELDS "Sec-WebSocket-Protocol:\r\n" END))),
     TALKS, OPEN_QUESTION},
};

static const judge_case group_8[] = {
    {ROW(8.1, "a folded field", "A line that goes on in the next one.", EXPECT_GIVES_UP_OR_LAX,
         "RFC 9112 5.2", HTTP(S(STATUS FIELDS "X-Folded: a\r\n b\r\n" END))),
     TALKS, GIVES_UP_OR_LAX},
    {ROW(8.2, "bare LF", "Lines that end with LF alone.", EXPECT_BARE_LF, "RFC 9112 2.2",
         HTTP(S("HTTP/1.1 101 Switching Protocols\nUpgrade: websocket\nConnection: "
                "Upgrade\nSec-WebSocket-Accept: {accept}\n\n"))),
     TALKS, .hello.ok = {JUDGE_HELLO_DROPPED},
     .hello.inform = {JUDGE_HELLO_OPEN, JUDGE_HELLO_CLOSED, JUDGE_HELLO_SILENT},
     .hello.seconds = 0.5},
    {ROW(8.3, "one bare LF", "One field that ends with LF alone.", EXPECT_OPEN_QUESTION,
         "RFC 9112 2.2", HTTP(S(STATUS "X-Foo: bar\n" FIELDS END))),
     TALKS, OPEN_QUESTION},
    {ROW(8.4, "a bare CR in a value", "CR without LF.", EXPECT_OPEN_QUESTION, "RFC 9112 2.2",
         HTTP(S(STATUS FIELDS "X-Foo: a\rb\r\n" END))),
     TALKS, OPEN_QUESTION},
    {ROW(8.5, "a bare CR as the end of a line",
         "The Accept stands behind a CR without LF, and is no field.", EXPECT_GIVES_UP,
         "RFC 9112 2.2", HTTP(S(STATUS UPGRADE CONNECT "X-Foo: bar\r" ACCEPT END))),
     TALKS, GIVES_UP},
    {ROW(8.6, "NUL in a value", "An octet that must be refused or replaced.", EXPECT_OPEN_QUESTION,
         "RFC 9110 5.5", HTTP(S(STATUS FIELDS "X-Foo: a\0b\r\n" END))),
     TALKS, OPEN_QUESTION},
    {ROW(8.7, "NUL in a name", "A name is a token.", EXPECT_GIVES_UP_OR_LAX, "RFC 9110 5.1",
         HTTP(S(STATUS FIELDS "X\0Foo: a\r\n" END))),
     TALKS, GIVES_UP_OR_LAX},
    {ROW(8.8, "a blank before a colon", "Upgrade : websocket.", EXPECT_OPEN_QUESTION,
         "RFC 9112 5.1", HTTP(S(STATUS "Upgrade : websocket\r\n" CONNECT ACCEPT END))),
     TALKS, OPEN_QUESTION},
    {ROW(8.9, "no colon", "A line of one word.", EXPECT_GIVES_UP_OR_LAX, "RFC 9112 5",
         HTTP(S(STATUS FIELDS "foobar\r\n" END))),
     TALKS, GIVES_UP_OR_LAX},
    {ROW(8.10, "no name", "A line that begins with a colon.", EXPECT_GIVES_UP_OR_LAX, "RFC 9112 5",
         HTTP(S(STATUS FIELDS ": bar\r\n" END))),
     TALKS, GIVES_UP_OR_LAX},
    {ROW(8.11, "a name with a blank", "X Foo: bar.", EXPECT_GIVES_UP_OR_LAX, "RFC 9112 5",
         HTTP(S(STATUS FIELDS "X Foo: bar\r\n" END))),
     TALKS, GIVES_UP_OR_LAX},
    {ROW(8.12, "a length", "Content-Length: 7, which a 101 must not have: what follows are frames.",
         EXPECT_OPEN_QUESTION, "RFC 9110 8.6", HTTP(S(STATUS FIELDS "Content-Length: 7\r\n" END))),
     TALKS, OPEN_QUESTION},
    {ROW(8.13, "a coding", "Transfer-Encoding: chunked, which a 101 must not have.",
         EXPECT_OPEN_QUESTION, "RFC 9112 6.1",
         HTTP(S(STATUS FIELDS "Transfer-Encoding: chunked\r\n" END))),
     TALKS, OPEN_QUESTION},
};

static const judge_case group_9[] = {
    {ROW(9.1, "a value of 8 KiB", "One long field.", EXPECT_SIZE, "RFC 9110 5.4",
         HTTP(S(STATUS FIELDS "X-Long: ")), HTTP(REP("a", 8192)), HTTP(S("\r\n" END))),
     TALKS, ANY_SIZE},
    {ROW(9.2, "a value of 64 KiB", "One long field.", EXPECT_SIZE, "RFC 9110 5.4",
         HTTP(S(STATUS FIELDS "X-Long: ")), HTTP(REP("a", 65536)), HTTP(S("\r\n" END))),
     TALKS, ANY_SIZE},
    {ROW(9.3, "a value of 1 MiB", "One very long field.", EXPECT_SIZE, "RFC 9110 5.4",
         HTTP(S(STATUS FIELDS "X-Long: ")), SPILL(REP("a", 1 << 20)), HTTP(S("\r\n" END))),
     TALKS, ANY_SIZE},
    {ROW(9.4, "2,000 fields", "Many short fields.", EXPECT_SIZE, "RFC 9110 5.4",
         HTTP(S(STATUS FIELDS)), HTTP(REP("X-A: b\r\n", 16000)), HTTP(S(END))),
     TALKS, ANY_SIZE},
    {ROW(9.5, "a value without an end", "64 MiB of one field, or as much as the client takes.",
         EXPECT_ENDLESS, "RFC 9110 5.4", HTTP(S(STATUS FIELDS "X-Long: ")),
         SPILL(REP("a", 64 << 20)), HTTP(S("\r\n" END))),
     TALKS, STOPS},
    {ROW(9.6, "fields without an end", "64 MiB of them, or as many as the client takes.",
         EXPECT_ENDLESS, "RFC 9110 5.4", HTTP(S(STATUS FIELDS)), SPILL(REP("X-A: b\r\n", 64 << 20)),
         HTTP(S(END))),
     TALKS, STOPS},
    {ROW(9.7, "a reason without an end", "64 MiB of it, or as much as the client takes.",
         EXPECT_ENDLESS, "RFC 9112 4", HTTP(S("HTTP/1.1 101 ")), SPILL(REP("a", 64 << 20)),
         HTTP(S("\r\n" FIELDS END))),
     TALKS, STOPS},
    {ROW(9.8, "interim answers without an end",
         "64 MiB of 100 Continue, or as much as the client takes.", EXPECT_ENDLESS, "RFC 9110 15.2",
         SPILL(REP("HTTP/1.1 100 Continue\r\n\r\n", 67108850)), HTTP(S(STATUS FIELDS END))),
     TALKS, STOPS},
    {ROW(9.9, "a body without an end",
         "Status 404 and 64 MiB of a body, or as much as the client takes.", EXPECT_HTTP,
         "RFC 9112 6.3", HTTP(S("HTTP/1.1 404 Not Found\r\n\r\n")), SPILL(REP("a", 64 << 20))),
     HTTP_ONLY, STAYS_HTTP},
};

static const judge_case group_10[] = {
    {ROW(10.1, "octet by octet", "Each octet of the answer in a segment of its own.", EXPECT_OPEN,
         "RFC 6455 4.1", HTTP_CHOP(1, S(STATUS FIELDS END))),
     TALKS, OPENS},
    {ROW(10.2, "in pieces of seven", "Each seven octets in a segment of their own.", EXPECT_OPEN,
         "RFC 6455 4.1", HTTP_CHOP(7, S(STATUS FIELDS END))),
     TALKS, OPENS},
    {ROW(10.3, "line by line", "With a pause behind each line.", EXPECT_OPEN, "RFC 6455 4.1",
         HTTP(S(STATUS)), WAIT(0.1), HTTP(S(UPGRADE)), WAIT(0.1), HTTP(S(CONNECT)), WAIT(0.1),
         HTTP(S(ACCEPT)), WAIT(0.1), HTTP(S(END))),
     TALKS, OPENS},
    {ROW(10.4, "cut in the last line end", "CR LF CR, a pause, and LF.", EXPECT_OPEN,
         "RFC 6455 4.1", HTTP(S(STATUS FIELDS "\r")), WAIT(0.2), HTTP(S("\n"))),
     TALKS, OPENS},
    {ROW(10.5, "no answer", "Nothing comes for two seconds.", EXPECT_NO_ANSWER, "RFC 6455 4.1",
         WAIT(2)),
     .steps = STEPS(KILL_AFTER(1)), .hello.ok = {JUDGE_HELLO_DROPPED},
     .hello.inform = {JUDGE_HELLO_SILENT}, .hello.seconds = 0.01},
    {ROW(10.6, "the end at once", "TCP is half-closed without an answer.", EXPECT_ENDS,
         "RFC 9112 8", HALF_CLOSE),
     .steps = STEPS(KILL_AFTER(3)), .hello.ok = {JUDGE_HELLO_DROPPED},
     .hello.lax = {JUDGE_HELLO_SILENT}},
    {ROW(10.7, "the end in the head", "TCP is half-closed in the middle of a field.", EXPECT_ENDS,
         "RFC 9112 8", HTTP(S(STATUS "Upgr")), HALF_CLOSE),
     .steps = STEPS(KILL_AFTER(3)), .hello.ok = {JUDGE_HELLO_DROPPED},
     .hello.lax = {JUDGE_HELLO_SILENT}},
    {ROW(10.8, "the end before the last line end", "All but the last LF, then TCP is half-closed.",
         EXPECT_ENDS, "RFC 9112 8", HTTP(S(STATUS FIELDS "\r")), HALF_CLOSE),
     .steps = STEPS(KILL_AFTER(3)), .hello.ok = {JUDGE_HELLO_DROPPED},
     .hello.lax = {JUDGE_HELLO_SILENT}},
    {ROW(10.9, "a reset at once", "TCP is reset without an answer.", EXPECT_BACK, "RFC 9112 8",
         RESET),
     .steps = STEPS(KILL_AFTER(3)), .hello.ok = {JUDGE_HELLO_DROPPED}, .survival.after = true},
    {ROW(10.10, "a reset in the head", "TCP is reset in the middle of a field.", EXPECT_BACK,
         "RFC 9112 8", HTTP(S(STATUS "Upgr")), WAIT(0.05), RESET),
     .steps = STEPS(KILL_AFTER(3)), .hello.ok = {JUDGE_HELLO_DROPPED}, .survival.after = true},
    {ROW(10.11, "the end behind the answer",
         "A good answer, and TCP is half-closed without a close frame.", EXPECT_ENDS,
         "RFC 6455 7.1.4, 7.2.1", HTTP(S(STATUS FIELDS END)), HALF_CLOSE),
     .steps = STEPS(KILL_AFTER(3)), OK_NOTHING, .close.kept = JUDGE_NON_STRICT,
     .hello.ok = {JUDGE_HELLO_DROPPED, JUDGE_HELLO_CLOSED, JUDGE_HELLO_OPEN},
     .hello.lax = {JUDGE_HELLO_SILENT}},
};

static const judge_case group_11[] = {
    {ROW(11.1, "a frame in the same write", "The answer and a text frame in one segment.",
         EXPECT_GLUED, "RFC 6455 4.1", HTTP(S(STATUS UPGRADE CONNECT ACCEPT END)),
         FRAME(FIN | TEXT, S("early"))),
     ANSWERS(1, GOT_TEXT(S("early")))},
    {ROW(11.2, "two messages and a ping", "All of them in the segment of the answer.", EXPECT_GLUED,
         "RFC 6455 4.1", HTTP(S(STATUS UPGRADE CONNECT ACCEPT END)), FRAME(FIN | TEXT, S("early")),
         FRAME(FIN | PING, S("p")), FRAME(FIN | BINARY, S("too"))),
     ANSWERS_WITH_PONG(GOT_TEXT(S("early")), GOT_PONG(S("p")), GOT_BINARY(S("too")))},
    {ROW(11.3, "half a frame", "The rest of it comes later.", EXPECT_GLUED, "RFC 6455 4.1",
         HTTP(S(STATUS UPGRADE CONNECT ACCEPT END)), RAW_PART(3, S("\x81\x05He"))),
     .steps = STEPS(WAIT(0.2), RAW(S("llo")), CLOSE_AFTER(3)), OK_WITH(1, GOT_TEXT(S("Hello"))),
     ENDS_CLEAN, OPENS},
    {ROW(11.4, "64 KiB", "A message of 64 KiB in the write of the answer.", EXPECT_GLUED,
         "RFC 6455 4.1", HTTP(S(STATUS UPGRADE CONNECT ACCEPT END)),
         FRAME(FIN | BINARY, REP("0123456789abcdef", 65536))),
     ANSWERS(1, GOT_BINARY(REP("0123456789abcdef", 65536)))},
    {ROW(11.5, "a close frame", "A close right behind the answer.", EXPECT_GLUED, "RFC 6455 4.1",
         HTTP(S(STATUS UPGRADE CONNECT ACCEPT END)), RAW(S("\x88\x02\x03\xe8"))),
     .steps = STEPS(KILL_AFTER(3)), OK_NOTHING, .close = {{1000}, 1, false, true, false, false},
     .hello.ok = {JUDGE_HELLO_CLOSED, JUDGE_HELLO_OPEN}},
    {ROW(11.6, "octet by octet with its answer",
         "The answer and a text frame, each octet in a segment of its own.", EXPECT_GLUED,
         "RFC 6455 4.1", HTTP_CHOP(1, S(STATUS FIELDS END)),
         RAW_CHOP(1, S("\x81\x05"
                       "early"))),
     ANSWERS(1, GOT_TEXT(S("early")))},
    /* H and T announce 84 octets, which must be there: nobody has to see half a frame. */
    {ROW(11.7, "a second answer",
         "Another answer of HTTP behind the 101: its octets are frames, and wrong.",
         EXPECT_GIVES_FRAMES, "RFC 6455 4.1",
         HTTP(S(STATUS UPGRADE CONNECT ACCEPT END
                "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\n"
                "Content-Length: 0\r\nCache-Control: no-store\r\nVary: Origin\r\n\r\n"))),
     FRAMES_FAIL},
    {ROW(11.8, "a frame that is masked", "A fault right behind the answer.", EXPECT_GIVES_FRAMES,
         "RFC 6455 5.1", HTTP(S(STATUS UPGRADE CONNECT ACCEPT END)),
         RAW(S("\x81\x85\0\0\0\0Hello"))),
     FRAMES_FAIL},
};

void judge_cases_15(judge_builder *b)
{
    judge_add_rows(b, group_1, WSK__COUNT(group_1));
    judge_add_rows(b, group_2, WSK__COUNT(group_2));
    judge_add_rows(b, group_3, WSK__COUNT(group_3));
    judge_add_rows(b, group_4, WSK__COUNT(group_4));
    judge_add_rows(b, group_5, WSK__COUNT(group_5));
    judge_add_rows(b, group_6, WSK__COUNT(group_6));
    judge_add_rows(b, group_7, WSK__COUNT(group_7));
    judge_add_rows(b, group_8, WSK__COUNT(group_8));
    judge_add_rows(b, group_9, WSK__COUNT(group_9));
    judge_add_rows(b, group_10, WSK__COUNT(group_10));
    judge_add_rows(b, group_11, WSK__COUNT(group_11));
}
