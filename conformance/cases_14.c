/* SPDX-License-Identifier: MIT */
/*
 * Category 14, the opening handshake of servers (RFC 6455 section 4.2, RFC 9110, RFC 9112): what
 * must be taken, what must be refused, and what must do no harm. What the RFCs leave open is at
 * most non-strict.
 */
#include "conformance/case_rows.h"

/* The request, line by line. */
#define GET     "GET {target} HTTP/1.1\r\n"
#define HOST    "Host: {host}\r\n"
#define UPGRADE "Upgrade: websocket\r\n"
#define CONNECT "Connection: Upgrade\r\n"
#define KEY     "Sec-WebSocket-Key: {key}\r\n"
#define VERSION "Sec-WebSocket-Version: 13\r\n"
#define END     "{fields}\r\n"
#define REST    HOST UPGRADE CONNECT KEY VERSION END

#define ROW(number, name, text, expect, rfc, ...)                                                  \
    .id = "14." #number, .title = name, .description = text, .expectation = expect,                \
    .reference = rfc, .rule = JUDGE_RULE_HELLO, .audience = JUDGE_FOR_SERVERS,                     \
    .hello.steps = STEPS(__VA_ARGS__)

/* What follows where the connection is opened: an echo, and a clean close. */
#define TALKS                                                                                      \
    .steps = STEPS(FRAME(FIN | TEXT, S("Hello")), CLOSE_AFTER(2)),                                 \
    OK_WITH(1, GOT_TEXT(S("Hello"))), ENDS_CLEAN
/* ... where the echo may be compressed, which is no matter of this category. */
#define SHAKES .steps = STEPS(SEND_CLOSE(1000, NOTHING), KILL_AFTER(2)), ENDS_BY_STEP
/* ... where frames came with the request already. */
#define ANSWERS(n, ...)                                                                            \
    .steps = STEPS(CLOSE_AFTER(2)), OK_WITH(n, __VA_ARGS__), ENDS_CLEAN, OPENS_EARLY
/* ... two messages and a pong, which may come before the echoes or behind them. */
#define ANSWERS_WITH_PONG(first, pong, second)                                                     \
    .steps = STEPS(CLOSE_AFTER(2)),                                                                \
    .ending = {{JUDGE_OK, 3, {first, pong, second}},                                               \
               {JUDGE_OK, 3, {pong, first, second}},                                               \
               {JUDGE_OK, 3, {first, second, pong}}},                                              \
    ENDS_CLEAN, OPENS_EARLY
/* ... and were wrong. */
#define FRAMES_FAIL .steps = STEPS(KILL_AFTER(2)), OK_NOTHING, PEER_FAILS(1002), OPENS_EARLY

/* What may come of it. */
#define ANY_STATUS JUDGE_HELLO_2XX, JUDGE_HELLO_3XX, JUDGE_HELLO_4XX, JUDGE_HELLO_5XX
#define OPENS      .hello.ok = {JUDGE_HELLO_OPEN}
#define REFUSES    .hello.ok = {JUDGE_HELLO_4XX, JUDGE_HELLO_5XX}, .hello.lax = {JUDGE_HELLO_DROPPED}
#define NO_UPGRADE .hello.ok = {ANY_STATUS, JUDGE_HELLO_DROPPED}
/* RFC 6455 4.2.1 asks for "HTTP/1.1 or higher", and 400 for a request line that is wrong is a
 * SHOULD (RFC 9112 3). */
#define NO_UPGRADE_OR_LAX NO_UPGRADE, .hello.lax = {JUDGE_HELLO_OPEN}
/*
 * RFC 6455 4.1: a client must wait for the answer before it sends more; no sentence says what a
 * server does with one that does not.
 */
#define OPENS_EARLY OPENS, .hello.lax = {JUDGE_HELLO_4XX, JUDGE_HELLO_DROPPED}
#define REFUSES_OR_LAX                                                                             \
    .hello.ok = {JUDGE_HELLO_4XX, JUDGE_HELLO_5XX, JUDGE_HELLO_DROPPED},                           \
    .hello.lax = {JUDGE_HELLO_OPEN}
#define OPEN_QUESTION                                                                              \
    .hello.ok = {JUDGE_HELLO_4XX, JUDGE_HELLO_5XX, JUDGE_HELLO_DROPPED},                           \
    .hello.inform = {JUDGE_HELLO_OPEN}
/* RFC 9112 3: an invalid request line is answered with 400, or with 301 and a target that is none.
 */
#define MOVED_OR_LAX                                                                               \
    .hello.ok = {JUDGE_HELLO_3XX, JUDGE_HELLO_4XX, JUDGE_HELLO_5XX, JUDGE_HELLO_DROPPED},          \
    .hello.lax = {JUDGE_HELLO_OPEN}
#define OPEN_QUESTION_OR_MOVED                                                                     \
    .hello.ok = {JUDGE_HELLO_3XX, JUDGE_HELLO_4XX, JUDGE_HELLO_5XX, JUDGE_HELLO_DROPPED},          \
    .hello.inform = {JUDGE_HELLO_OPEN}
#define STATUS_400                                                                                 \
    .hello.ok = {400}, .hello.lax = {JUDGE_HELLO_4XX, JUDGE_HELLO_5XX, JUDGE_HELLO_DROPPED}
/* RFC 6455 4.4: the answer says which versions there are. */
#define STATUS_426                                                                                 \
    .hello.ok = {426}, .hello.lax = {JUDGE_HELLO_4XX, JUDGE_HELLO_5XX},                            \
    .hello.fields = {"Sec-WebSocket-Version: 13"}
#define ANSWERED                                                                                   \
    .hello.ok = {JUDGE_HELLO_OPEN, JUDGE_HELLO_4XX, JUDGE_HELLO_5XX, JUDGE_HELLO_DROPPED}
#define REFUSES_AND_CLOSES REFUSES, .hello.must_close = true, .hello.left = JUDGE_NON_STRICT
/* RFC 9112 9.3: a refusal leaves a connection of HTTP, on which the next request may stand. */
#define REFUSES_FIRST      REFUSES_AND_CLOSES, .hello.second = true
#define SURVIVES           .survival = {.after = true, .idle = true}, .weight = 3
#define SURVIVES_WITHIN(n) .survival = {.after = true, .idle = true, .kib = (n)}, .weight = 3
/* Of what a quadratic parser of this length makes seconds. */
#define LINEAR .hello.soon = 0.5, .hello.late = 3, SURVIVES
/* What ends in the middle must not be read for ever. */
#define RESTS .survival = {.after = true, .idle = true}
/* What has no end must be ended by the server. */
#define STOPS                                                                                      \
    .hello.ok = {JUDGE_HELLO_4XX, JUDGE_HELLO_5XX, JUDGE_HELLO_DROPPED},                           \
    .hello.lax = {JUDGE_HELLO_OPEN}, .hello.seconds = 10, SURVIVES_WITHIN(8192)
#define FOREIGN                                                                                    \
    .hello.inform = {JUDGE_HELLO_OPEN, ANY_STATUS, JUDGE_HELLO_DROPPED}, .hello.foreign = true

#define EXPECT_OPEN                                                                                \
    "The connection is opened with 101, a text message comes back, and the close is clean."
#define EXPECT_OPEN_LIST                                                                           \
    "The connection is opened: the field is a list, of which a server takes what it knows. "       \
    "Refusing it is non-strict."
#define EXPECT_ABSOLUTE                                                                            \
    "The connection is opened: servers must take absolute URIs, too. Refusing them is non-strict."
#define EXPECT_EMPTY_LINE                                                                          \
    "The connection is opened: an empty line should be passed over. Refusing it is non-strict."
#define EXPECT_REFUSED                                                                             \
    "An error of HTTP, 400 or another of 4xx and 5xx. Closing TCP without an answer is "           \
    "non-strict; opening the connection fails the case."
#define EXPECT_REFUSED_OR_LAX                                                                      \
    "An error of HTTP, or TCP is closed. Opening the connection is non-strict."
#define EXPECT_NO_UPGRADE                                                                          \
    "Anything but 101: it is no handshake of WebSocket, and may be answered as any other request."
#define EXPECT_HTTP09 "Anything but 101, be it in the form of HTTP/0.9: a document without a head."
#define EXPECT_NO_UPGRADE_OR_LAX                                                                   \
    "Anything but 101: the request should be refused. Opening the connection is non-strict."
#define EXPECT_OPEN_QUESTION                                                                       \
    "An error of HTTP, or TCP is closed. The RFCs allow to take it, too: then an echo must work, " \
    "and the case is informational."
#define EXPECT_TARGET                                                                              \
    "An error of HTTP, a redirection to a target that is right, or TCP is closed. Opening the "    \
    "connection is non-strict."
#define EXPECT_TARGET_OPEN                                                                         \
    "An error of HTTP, a redirection to a target that is right, or TCP is closed. A server may "   \
    "also take it: then an echo must work, and the case is informational."
#define EXPECT_BARE_LF                                                                             \
    "An error of HTTP, or TCP is closed. A server may also take LF for the end of a line, and "    \
    "then an echo must work, or wait for the line to end: both are informational."
#define EXPECT_VERSION                                                                             \
    "Anything but 101; 505 is what the RFC has for it. Opening the connection is non-strict, for " \
    "RFC 6455 4.2.1 says 1.1 or higher."
#define EXPECT_SIZE                                                                                \
    "Whatever the server's limit is: 101 and an echo, or an error of HTTP, or TCP is closed. An "  \
    "ordinary client is served afterwards."
#define EXPECT_SIZE_LAX                                                                            \
    "An error of HTTP, or TCP is closed; opening is non-strict. An ordinary client is served "     \
    "afterwards."
#define EXPECT_LINEAR                                                                              \
    "An answer within half a second, whatever it is: parsing takes a time that grows as the "      \
    "length does. Later is non-strict, and three seconds are far too late."
#define EXPECT_ENDLESS                                                                             \
    "The server ends it at its limit, with an error of HTTP or by closing TCP, and has not kept "  \
    "what came. Taking all of it is non-strict."
#define EXPECT_400                                                                                 \
    "Status 400. Another error, or closing TCP, is non-strict; opening fails the case."
#define EXPECT_400_OR_LAX "Status 400, or another error. Opening the connection is non-strict."
#define EXPECT_400_SPACE                                                                           \
    "Status 400: servers must refuse white space before a colon. Another error, or closing TCP, "  \
    "is non-strict; opening fails the case."
#define EXPECT_426                                                                                 \
    "Status 426 with a field Sec-WebSocket-Version that names 13. Another error with the field "   \
    "is non-strict; an answer without it fails the case."
#define EXPECT_426_OR_DRAFT                                                                        \
    "Status 426 with a field Sec-WebSocket-Version that names 13. A server that knows this "       \
    "version as well may open the connection."
#define EXPECT_KEY_LAX                                                                             \
    "An error of HTTP, or TCP is closed. A server need not decode the key: opening is non-strict."
#define EXPECT_BODY                                                                                \
    "An error of HTTP, or TCP is closed. If the connection is opened, the body must not be taken " \
    "for frames: a message from it that is echoed fails the case."
#define EXPECT_ONE_ANSWER                                                                          \
    "One error of HTTP. What stands behind the head is a body, and must never be answered. "       \
    "Leaving TCP open is non-strict behind Connection: close, else informational."
#define EXPECT_FIRST_ANSWER                                                                        \
    "An error of HTTP. Unless it says Connection: close, it leaves a connection of HTTP: that "    \
    "TCP stays open is informational, and that the second request is answered, non-strict. "       \
    "Behind Connection: close an answer fails the case, and leaving TCP open is non-strict."
#define EXPECT_NOT_HTTP                                                                            \
    "The connection is opened, and the octets behind the request fail as frames: close with "      \
    "1002, or TCP dropped. No second answer of HTTP comes. Refusing the handshake is non-strict."
#define EXPECT_GLUED                                                                               \
    "The connection is opened, and what stood behind the request is answered as if it had come "   \
    "later. Refusing the handshake is non-strict: clients must wait for the answer."
#define EXPECT_GLUED_FAIL                                                                          \
    "The connection is opened, then failed: close with 1002, or TCP dropped. Refusing the "        \
    "handshake is non-strict."
#define EXPECT_SUB                                                                                 \
    "The connection is opened, without a subprotocol or with one that was offered. A server that " \
    "insists on its own may refuse it."
#define EXPECT_EXT                                                                                 \
    "The connection is opened; the answer has no extension and no parameter that was not offered." \
    " An offer that breaks a rule is declined."
#define EXPECT_FALLBACK                                                                            \
    "The connection is opened: the offer that is wrong is declined, and the other one may be "     \
    "taken. Refusing the handshake is non-strict."
#define EXPECT_GRAMMAR                                                                             \
    "The field does not follow its grammar: an error of HTTP, or TCP is closed. Passing over the " \
    "field is non-strict."
#define EXPECT_ORIGIN                                                                              \
    "It is for the server to say who may come. With --option checksOrigin=1 foreign origins must " \
    "be refused."
#define EXPECT_HALF    "TCP is closed, perhaps behind an error of HTTP. Keeping it is non-strict."
#define EXPECT_SURVIVE "An ordinary client is served afterwards, and the process is idle."

static const judge_case group_1[] = {
    {ROW(1.1, "ordinary request", "The request as RFC 6455 shows it.", EXPECT_OPEN,
         "RFC 6455 4.2.1", HTTP(S(GET HOST UPGRADE CONNECT KEY VERSION END))),
     TALKS, OPENS},
    {ROW(1.2, "Upgrade in capitals", "Upgrade: WEBSOCKET.", EXPECT_OPEN, "RFC 6455 4.2.1",
         HTTP(S(GET HOST "Upgrade: WEBSOCKET\r\n" CONNECT KEY VERSION END))),
     TALKS, OPENS},
    {ROW(1.3, "Connection in small letters", "Connection: upgrade.", EXPECT_OPEN, "RFC 6455 4.2.1",
         HTTP(S(GET HOST UPGRADE "Connection: upgrade\r\n" KEY VERSION END))),
     TALKS, OPENS},
    {ROW(1.4, "Connection in capitals", "Connection: UPGRADE.", EXPECT_OPEN, "RFC 6455 4.2.1",
         HTTP(S(GET HOST UPGRADE "Connection: UPGRADE\r\n" KEY VERSION END))),
     TALKS, OPENS},
    {ROW(1.5, "Connection with keep-alive before",
         "Connection: keep-alive, Upgrade, as browsers send it.", EXPECT_OPEN, "RFC 6455 4.2.1",
         HTTP(S(GET HOST UPGRADE "Connection: keep-alive, Upgrade\r\n" KEY VERSION END))),
     TALKS, OPENS},
    {ROW(1.6, "Connection with more behind", "Connection: Upgrade,foo ,bar.", EXPECT_OPEN,
         "RFC 9110 7.6.1",
         HTTP(S(GET HOST UPGRADE "Connection: Upgrade,foo ,bar\r\n" KEY VERSION END))),
     TALKS, OPENS},
    {ROW(1.7, "Connection in two lines",
         "Two Connection fields, of which the second one has the token.", EXPECT_OPEN,
         "RFC 9110 5.3",
         HTTP(S(GET HOST UPGRADE
                "Connection: keep-alive\r\nConnection: Upgrade\r\n" KEY VERSION END))),
     TALKS, OPENS, .hello.lax = {JUDGE_HELLO_4XX}},
    {ROW(1.8, "Connection with empty elements", "Connection: , Upgrade,,.", EXPECT_OPEN,
         "RFC 9110 5.6.1", HTTP(S(GET HOST UPGRADE "Connection: , Upgrade,,\r\n" KEY VERSION END))),
     TALKS, OPENS, .hello.lax = {JUDGE_HELLO_4XX}},
    {ROW(1.9, "Upgrade with another protocol before", "Upgrade: foo/2, websocket.",
         EXPECT_OPEN_LIST, "RFC 9110 7.8",
         HTTP(S(GET HOST "Upgrade: foo/2, websocket\r\n" CONNECT KEY VERSION END))),
     TALKS, OPENS, .hello.lax = {ANY_STATUS}},
    {ROW(1.10, "Upgrade in two lines",
         "Upgrade: foo/2 in one line, Upgrade: websocket in the next.", EXPECT_OPEN_LIST,
         "RFC 9110 5.3",
         HTTP(S(GET HOST "Upgrade: foo/2\r\nUpgrade: websocket\r\n" CONNECT KEY VERSION END))),
     TALKS, OPENS, .hello.lax = {ANY_STATUS}},
    {ROW(1.11, "names in small letters", "All field names in small letters.", EXPECT_OPEN,
         "RFC 9110 5.1",
         HTTP(S(GET "host: {host}\r\nupgrade: websocket\r\nconnection: "
                    "Upgrade\r\nsec-websocket-key: {key}\r\nsec-websocket-version: 13\r\n" END))),
     TALKS, OPENS},
    {ROW(1.12, "names in capitals", "All field names in capitals.", EXPECT_OPEN, "RFC 9110 5.1",
         HTTP(S(GET "HOST: {host}\r\nUPGRADE: websocket\r\nCONNECTION: "
                    "Upgrade\r\nSEC-WEBSOCKET-KEY: {key}\r\nSEC-WEBSOCKET-VERSION: 13\r\n" END))),
     TALKS, OPENS},
    {ROW(1.13, "no blank behind the colons", "Host:name and so on.", EXPECT_OPEN, "RFC 9112 5",
         HTTP(S(GET "Host:{host}\r\nUpgrade:websocket\r\nConnection:Upgrade\r\nSec-WebSocket-Key:{"
                    "key}\r\nSec-WebSocket-Version:13\r\n" END))),
     TALKS, OPENS},
    {ROW(1.14, "blanks and tabs around values",
         "Optional white space before and behind each value.", EXPECT_OPEN, "RFC 9112 5",
         HTTP(S(GET "Host: \t {host} \t\r\nUpgrade:  websocket\t\r\nConnection:\tUpgrade "
                    "\r\nSec-WebSocket-Key: \t{key}  \r\nSec-WebSocket-Version:   13 \r\n" END))),
     TALKS, OPENS},
    {ROW(1.15, "another order of fields", "Version first, Host last.", EXPECT_OPEN, "RFC 6455 4.1",
         HTTP(S(GET VERSION KEY CONNECT UPGRADE HOST END))),
     TALKS, OPENS},
    {ROW(1.16, "a field that nobody knows",
         "Fields that no server knows, with every character that a name may have.", EXPECT_OPEN,
         "RFC 9110 5.1",
         HTTP(S(GET HOST UPGRADE CONNECT KEY VERSION
                "X-Foo: bar\r\n!#$%&'*+-.^_`|~09aZ: x\r\n" END))),
     TALKS, OPENS, .hello.lax = {JUDGE_HELLO_4XX}},
    {ROW(1.17, "empty fields", "Fields without a value.", EXPECT_OPEN, "RFC 9110 5.5",
         HTTP(S(GET HOST UPGRADE CONNECT KEY VERSION "X-Empty:\r\nX-Blank: \t \r\n" END))),
     TALKS, OPENS},
    {ROW(1.18, "octets above 0x7f in a value",
         "obs-text in a field that is not the server's business.", EXPECT_OPEN, "RFC 9110 5.5",
         HTTP(S(GET HOST UPGRADE CONNECT KEY VERSION "X-Name: J\xf6rg \xc3\xbc\r\n" END))),
     TALKS, OPENS, .hello.lax = {JUDGE_HELLO_4XX}},
    {ROW(1.19, "cookies and credentials", "A Cookie and an Authorization field.", EXPECT_OPEN,
         "RFC 6455 4.1",
         HTTP(S(GET HOST UPGRADE CONNECT KEY VERSION
                "Cookie: a=b; c=\"d\"\r\nAuthorization: Basic dTpw\r\n" END))),
     TALKS, OPENS, .hello.inform = {401, 403}},
    {ROW(1.20, "Content-Length of 0", "A body of no octets.", EXPECT_OPEN, "RFC 9112 6.3",
         HTTP(S(GET HOST UPGRADE CONNECT KEY VERSION "Content-Length: 0\r\n" END))),
     TALKS, OPENS, .hello.lax = {JUDGE_HELLO_4XX}},
    {ROW(1.21, "absolute URI as target", "GET http://host/path HTTP/1.1.", EXPECT_ABSOLUTE,
         "RFC 9112 3.2.2",
         HTTP(S("GET http://{host}{target} HTTP/1.1\r\n" HOST UPGRADE CONNECT KEY VERSION END))),
     TALKS, OPENS, .hello.lax = {JUDGE_HELLO_4XX}},
    {ROW(1.22, "a query", "?a=b behind the target.", EXPECT_OPEN, "RFC 6455 3",
         HTTP(S("GET {target}?a=b HTTP/1.1\r\n" HOST UPGRADE CONNECT KEY VERSION END))),
     TALKS, OPENS, .hello.inform = {ANY_STATUS}},
    {ROW(1.23, "an empty line before the request", "CR LF, then the request.", EXPECT_EMPTY_LINE,
         "RFC 9112 2.2", HTTP(S("\r\n" GET HOST UPGRADE CONNECT KEY VERSION END))),
     TALKS, OPENS, .hello.lax = {JUDGE_HELLO_4XX, JUDGE_HELLO_DROPPED}},
    {ROW(1.24, "HTTP/1.2", "A minor version above 1, which is to be read as 1.1.", EXPECT_OPEN,
         "RFC 9110 2.5", HTTP(S("GET {target} HTTP/1.2\r\n" HOST UPGRADE CONNECT KEY VERSION END))),
     TALKS, OPENS, .hello.lax = {JUDGE_HELLO_4XX, JUDGE_HELLO_5XX, JUDGE_HELLO_DROPPED}},
    {ROW(1.25, "50 fields", "50 fields more than needed.", EXPECT_OPEN, "RFC 9110 5.4",
         HTTP(S(GET HOST UPGRADE CONNECT KEY VERSION)), HTTP(REP("X-A: b\r\n", 400)), HTTP(S(END))),
     TALKS, OPENS, .hello.lax = {JUDGE_HELLO_4XX}},
};

static const judge_case group_2[] = {
    {ROW(2.1, "HTTP/1.0", "An upgrade needs HTTP/1.1.", EXPECT_NO_UPGRADE, "RFC 6455 4.2.1",
         HTTP(S("GET {target} HTTP/1.0\r\n" REST))),
     TALKS, NO_UPGRADE},
    {ROW(2.2, "HTTP/0.9", "A request line without a version.", EXPECT_HTTP09, "RFC 9112 3",
         HTTP(S("GET {target}\r\n" REST))),
     TALKS, .hello.ok = {ANY_STATUS, JUDGE_HELLO_DROPPED, JUDGE_HELLO_OTHER}},
    {ROW(2.3, "HTTP/2.0", "A version that is not spoken in this form.", EXPECT_VERSION,
         "RFC 9110 15.6.6", HTTP(S("GET {target} HTTP/2.0\r\n" REST))),
     TALKS, NO_UPGRADE_OR_LAX},
    {ROW(2.4, "version of letters", "HTTP/x.y.", EXPECT_NO_UPGRADE, "RFC 9112 2.3",
         HTTP(S("GET {target} HTTP/x.y\r\n" REST))),
     TALKS, NO_UPGRADE},
    {ROW(2.5, "version in small letters", "http/1.1: the name is sensitive to case.",
         EXPECT_REFUSED_OR_LAX, "RFC 9112 2.3", HTTP(S("GET {target} http/1.1\r\n" REST))),
     TALKS, REFUSES_OR_LAX},
    {ROW(2.6, "POST", "The method must be GET.", EXPECT_NO_UPGRADE, "RFC 6455 4.2.1",
         HTTP(S("POST {target} HTTP/1.1\r\n" REST))),
     TALKS, NO_UPGRADE},
    {ROW(2.7, "HEAD", "The method must be GET.", EXPECT_NO_UPGRADE, "RFC 6455 4.2.1",
         HTTP(S("HEAD {target} HTTP/1.1\r\n" REST))),
     TALKS, NO_UPGRADE},
    {ROW(2.8, "get", "Methods are sensitive to case.", EXPECT_NO_UPGRADE, "RFC 9110 9.1",
         HTTP(S("get {target} HTTP/1.1\r\n" REST))),
     TALKS, NO_UPGRADE},
    {ROW(2.9, "a method of 2,000 characters", "No server can know it.", EXPECT_NO_UPGRADE,
         "RFC 9112 3", HTTP(REP("GET", 2000)), HTTP(S(" {target} HTTP/1.1\r\n" REST))),
     TALKS, NO_UPGRADE},
    {ROW(2.10, "two blanks before the target",
         "One blank is what the grammar has; a server may be lenient.", EXPECT_TARGET_OPEN,
         "RFC 9112 3", HTTP(S("GET  {target} HTTP/1.1\r\n" REST))),
     TALKS, OPEN_QUESTION_OR_MOVED},
    {ROW(2.11, "a blank in the target", "GET /a b HTTP/1.1.", EXPECT_TARGET, "RFC 9112 3.2",
         HTTP(S("GET {target}a b HTTP/1.1\r\n" REST))),
     TALKS, MOVED_OR_LAX},
    {ROW(2.12, "a fragment in the target", "Targets have none.", EXPECT_TARGET,
         "RFC 6455 3, CVE-2026-129502", HTTP(S("GET {target}#a HTTP/1.1\r\n" REST))),
     TALKS, MOVED_OR_LAX},
    {ROW(2.13, "a target without a slash", "GET chat HTTP/1.1.", EXPECT_TARGET, "RFC 9112 3.2",
         HTTP(S("GET chat HTTP/1.1\r\n" REST))),
     TALKS, MOVED_OR_LAX},
    {ROW(2.14, "a target for servers as a whole", "GET * HTTP/1.1.", EXPECT_TARGET,
         "RFC 9112 3.2.4", HTTP(S("GET * HTTP/1.1\r\n" REST))),
     TALKS, MOVED_OR_LAX},
    {ROW(2.15, "NUL in the target", "An octet that no URI has.", EXPECT_NO_UPGRADE_OR_LAX,
         "RFC 9112 3.2", HTTP(S("GET {target}\0x HTTP/1.1\r\n" REST))),
     TALKS, NO_UPGRADE_OR_LAX},
    {ROW(2.16, "octets above 0x7f in the target", "UTF-8 that was to be percent-encoded.",
         EXPECT_TARGET_OPEN, "RFC 3986 2", HTTP(S("GET {target}\xc3\xbc HTTP/1.1\r\n" REST))),
     TALKS, OPEN_QUESTION_OR_MOVED},
    {ROW(2.17, "a target of 8 KiB", "Longer than many servers take.", EXPECT_SIZE, "RFC 9112 3",
         HTTP(S("GET {target}?")), HTTP(REP("a", 8192)), HTTP(S(" HTTP/1.1\r\n" REST))),
     TALKS, ANSWERED},
    {ROW(2.18, "a target of 64 KiB", "Longer than most servers take.", EXPECT_SIZE, "RFC 9112 3",
         HTTP(S("GET {target}?")), HTTP(REP("a", 65536)), HTTP(S(" HTTP/1.1\r\n" REST))),
     TALKS, ANSWERED, .hello.soon = 1, SURVIVES},
};

static const judge_case group_3[] = {
    {ROW(3.1, "no Host", "The field is missing.", EXPECT_400, "RFC 9112 3.2",
         HTTP(S(GET UPGRADE CONNECT KEY VERSION END))),
     TALKS, STATUS_400},
    {ROW(3.2, "two different Hosts", "Two fields that contradict each other.", EXPECT_400,
         "RFC 9112 3.2",
         HTTP(S(GET HOST "Host: other.example\r\n" UPGRADE CONNECT KEY VERSION END))),
     TALKS, STATUS_400},
    {ROW(3.3, "the same Host twice", "Two fields of the same value.", EXPECT_400, "RFC 9112 3.2",
         HTTP(S(GET HOST HOST UPGRADE CONNECT KEY VERSION END))),
     TALKS, STATUS_400},
    {ROW(3.4, "a Host with a blank", "Host: a b.", EXPECT_400_OR_LAX, "RFC 9112 3.2",
         HTTP(S(GET "Host: a b\r\n" UPGRADE CONNECT KEY VERSION END))),
     TALKS, REFUSES_OR_LAX},
    {ROW(3.5, "a Host with a path", "Host: a/b.", EXPECT_400_OR_LAX, "RFC 9112 3.2",
         HTTP(S(GET "Host: a/b\r\n" UPGRADE CONNECT KEY VERSION END))),
     TALKS, REFUSES_OR_LAX},
    {ROW(3.6, "a Host with a user", "Host: user@name.", EXPECT_400_OR_LAX, "RFC 9112 3.2",
         HTTP(S(GET "Host: user@{host}\r\n" UPGRADE CONNECT KEY VERSION END))),
     TALKS, REFUSES_OR_LAX},
    {ROW(3.7, "two Hosts in one line", "Host: a, b.", EXPECT_400_OR_LAX, "RFC 9112 3.2",
         HTTP(S(GET "Host: a.example, b.example\r\n" UPGRADE CONNECT KEY VERSION END))),
     TALKS, REFUSES_OR_LAX},
    {ROW(3.8, "an empty Host", "Host without a value, which is for targets without an authority.",
         EXPECT_OPEN_QUESTION, "RFC 9110 7.2",
         HTTP(S(GET "Host:\r\n" UPGRADE CONNECT KEY VERSION END))),
     TALKS, OPEN_QUESTION},
    {ROW(3.9, "a target that contradicts the Host",
         "An absolute URI of another host than the field: the target counts.", EXPECT_OPEN_QUESTION,
         "RFC 9112 3.2.2",
         HTTP(S("GET http://other.example{target} HTTP/1.1\r\n" HOST UPGRADE CONNECT KEY VERSION
                    END))),
     TALKS, OPEN_QUESTION},
};

static const judge_case group_4[] = {
    {ROW(4.1, "no Upgrade", "The field is missing.", EXPECT_NO_UPGRADE,
         "RFC 6455 4.2.1, GHSA-4mp9-239f-g9hg", HTTP(S(GET HOST CONNECT KEY VERSION END))),
     TALKS, NO_UPGRADE},
    {ROW(4.2, "no Connection", "The field is missing.", EXPECT_NO_UPGRADE,
         "RFC 6455 4.2.1, GHSA-4mp9-239f-g9hg", HTTP(S(GET HOST UPGRADE KEY VERSION END))),
     TALKS, NO_UPGRADE},
    {ROW(4.3, "neither", "Both are missing.", EXPECT_NO_UPGRADE,
         "RFC 6455 4.2.1, GHSA-4mp9-239f-g9hg", HTTP(S(GET HOST KEY VERSION END))),
     TALKS, NO_UPGRADE},
    {ROW(4.4, "an empty Upgrade", "Upgrade without a value.", EXPECT_NO_UPGRADE, "RFC 6455 4.2.1",
         HTTP(S(GET HOST "Upgrade:\r\n" CONNECT KEY VERSION END))),
     TALKS, NO_UPGRADE},
    {ROW(4.5, "another protocol", "Upgrade: foo.", EXPECT_NO_UPGRADE, "RFC 6455 4.2.1",
         HTTP(S(GET HOST "Upgrade: foo\r\n" CONNECT KEY VERSION END))),
     TALKS, NO_UPGRADE},
    {ROW(4.6, "h2c", "Upgrade: h2c, with the fields of WebSocket beside it.", EXPECT_NO_UPGRADE,
         "RFC 6455 4.2.1",
         HTTP(S(GET HOST "Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\nConnection: "
                         "Upgrade, HTTP2-Settings\r\n" KEY VERSION END))),
     TALKS, NO_UPGRADE},
    {ROW(4.7, "more behind the word", "Upgrade: websockets.", EXPECT_NO_UPGRADE, "RFC 6455 4.2.1",
         HTTP(S(GET HOST "Upgrade: websockets\r\n" CONNECT KEY VERSION END))),
     TALKS, NO_UPGRADE},
    {ROW(4.8, "more before the word", "Upgrade: xwebsocket.", EXPECT_NO_UPGRADE, "RFC 6455 4.2.1",
         HTTP(S(GET HOST "Upgrade: xwebsocket\r\n" CONNECT KEY VERSION END))),
     TALKS, NO_UPGRADE},
    {ROW(4.9, "a part of the word", "Upgrade: web socket.", EXPECT_NO_UPGRADE, "RFC 6455 4.2.1",
         HTTP(S(GET HOST "Upgrade: web socket\r\n" CONNECT KEY VERSION END))),
     TALKS, NO_UPGRADE},
    {ROW(4.10, "a version behind the word", "Upgrade: websocket/13.", EXPECT_OPEN_QUESTION,
         "RFC 9110 7.8", HTTP(S(GET HOST "Upgrade: websocket/13\r\n" CONNECT KEY VERSION END))),
     TALKS, .hello.ok = {ANY_STATUS, JUDGE_HELLO_DROPPED}, .hello.inform = {JUDGE_HELLO_OPEN}},
    {ROW(4.11, "an empty Connection", "Connection without a value.", EXPECT_NO_UPGRADE,
         "RFC 6455 4.2.1", HTTP(S(GET HOST UPGRADE "Connection:\r\n" KEY VERSION END))),
     TALKS, NO_UPGRADE},
    {ROW(4.12, "Connection: close", "The client wants no upgrade.", EXPECT_NO_UPGRADE,
         "RFC 6455 4.2.1", HTTP(S(GET HOST UPGRADE "Connection: close\r\n" KEY VERSION END))),
     TALKS, NO_UPGRADE},
    {ROW(4.13, "Connection: keep-alive", "Another token alone.", EXPECT_NO_UPGRADE,
         "RFC 6455 4.2.1", HTTP(S(GET HOST UPGRADE "Connection: keep-alive\r\n" KEY VERSION END))),
     TALKS, NO_UPGRADE},
    {ROW(4.14, "the word in another token", "Connection: upgraded, not-upgrade.", EXPECT_NO_UPGRADE,
         "RFC 6455 4.2.1",
         HTTP(S(GET HOST UPGRADE "Connection: upgraded, not-upgrade\r\n" KEY VERSION END))),
     TALKS, NO_UPGRADE},
    {ROW(4.15, "the word without commas", "Connection: keep-alive Upgrade.", EXPECT_NO_UPGRADE,
         "RFC 6455 4.2.1",
         HTTP(S(GET HOST UPGRADE "Connection: keep-alive Upgrade\r\n" KEY VERSION END))),
     TALKS, NO_UPGRADE},
    {ROW(4.16, "Connection: close, Upgrade", "Two wishes that contradict each other.",
         EXPECT_OPEN_QUESTION, "RFC 9112 9.6",
         HTTP(S(GET HOST UPGRADE "Connection: close, Upgrade\r\n" KEY VERSION END))),
     TALKS, .hello.ok = {ANY_STATUS, JUDGE_HELLO_DROPPED}, .hello.inform = {JUDGE_HELLO_OPEN}},
};

static const judge_case group_5[] = {
    {ROW(5.1, "no version", "The field is missing.", EXPECT_REFUSED, "RFC 6455 4.2.1",
         HTTP(S(GET HOST UPGRADE CONNECT KEY END))),
     TALKS, REFUSES},
    {ROW(5.2, "an empty version", "The field has no value.", EXPECT_REFUSED, "RFC 6455 4.2.1",
         HTTP(S(GET HOST UPGRADE CONNECT KEY "Sec-WebSocket-Version:\r\n" END))),
     TALKS, REFUSES},
    {ROW(5.3, "version 0", "Of a draft.", EXPECT_426, "RFC 6455 4.4",
         HTTP(S(GET HOST UPGRADE CONNECT KEY "Sec-WebSocket-Version: 0\r\n" END))),
     TALKS, STATUS_426},
    {ROW(5.4, "version 7", "Of a draft, of which some servers know the frames to be the same.",
         EXPECT_426_OR_DRAFT, "RFC 6455 4.4",
         HTTP(S(GET HOST UPGRADE CONNECT KEY "Sec-WebSocket-Version: 7\r\n" END))),
     TALKS, STATUS_426, .hello.inform = {JUDGE_HELLO_OPEN}},
    {ROW(5.5, "version 8", "Of a draft, of which some servers know the frames to be the same.",
         EXPECT_426_OR_DRAFT, "RFC 6455 4.4",
         HTTP(S(GET HOST UPGRADE CONNECT KEY "Sec-WebSocket-Version: 8\r\n" END))),
     TALKS, STATUS_426, .hello.inform = {JUDGE_HELLO_OPEN}},
    {ROW(5.6, "version 12", "Reserved, and no draft's.", EXPECT_426, "RFC 6455 4.1, 4.4",
         HTTP(S(GET HOST UPGRADE CONNECT KEY "Sec-WebSocket-Version: 12\r\n" END))),
     TALKS, STATUS_426},
    {ROW(5.7, "version 14", "A version to come.", EXPECT_426, "RFC 6455 4.4",
         HTTP(S(GET HOST UPGRADE CONNECT KEY "Sec-WebSocket-Version: 14\r\n" END))),
     TALKS, STATUS_426},
    {ROW(5.8, "version 255", "The greatest.", EXPECT_426, "RFC 6455 4.4",
         HTTP(S(GET HOST UPGRADE CONNECT KEY "Sec-WebSocket-Version: 255\r\n" END))),
     TALKS, STATUS_426},
    {ROW(5.9, "version 269", "13 modulo 256.", EXPECT_REFUSED, "RFC 6455 4.3",
         HTTP(S(GET HOST UPGRADE CONNECT KEY "Sec-WebSocket-Version: 269\r\n" END))),
     TALKS, REFUSES},
    {ROW(5.10, "version of twenty digits", "13 modulo 2^64.", EXPECT_REFUSED, "RFC 6455 4.3",
         HTTP(S(GET HOST UPGRADE CONNECT KEY
                "Sec-WebSocket-Version: 18446744073709551629\r\n" END))),
     TALKS, REFUSES},
    {ROW(5.11, "13 with letters behind", "13abc.", EXPECT_REFUSED, "RFC 6455 4.3",
         HTTP(S(GET HOST UPGRADE CONNECT KEY "Sec-WebSocket-Version: 13abc\r\n" END))),
     TALKS, REFUSES},
    {ROW(5.12, "letters", "thirteen.", EXPECT_REFUSED, "RFC 6455 4.3",
         HTTP(S(GET HOST UPGRADE CONNECT KEY "Sec-WebSocket-Version: thirteen\r\n" END))),
     TALKS, REFUSES},
    {ROW(5.13, "013", "The grammar has no leading zeros.", EXPECT_REFUSED_OR_LAX, "RFC 6455 4.3",
         HTTP(S(GET HOST UPGRADE CONNECT KEY "Sec-WebSocket-Version: 013\r\n" END))),
     TALKS, REFUSES_OR_LAX},
    {ROW(5.14, "+13", "A sign.", EXPECT_REFUSED_OR_LAX, "RFC 6455 4.3",
         HTTP(S(GET HOST UPGRADE CONNECT KEY "Sec-WebSocket-Version: +13\r\n" END))),
     TALKS, REFUSES_OR_LAX},
    {ROW(5.15, "13.0", "A fraction.", EXPECT_REFUSED_OR_LAX, "RFC 6455 4.3",
         HTTP(S(GET HOST UPGRADE CONNECT KEY "Sec-WebSocket-Version: 13.0\r\n" END))),
     TALKS, REFUSES_OR_LAX},
    {ROW(5.16, "a list of versions", "13, 8: a client names one.", EXPECT_REFUSED_OR_LAX,
         "RFC 6455 11.3.5",
         HTTP(S(GET HOST UPGRADE CONNECT KEY "Sec-WebSocket-Version: 13, 8\r\n" END))),
     TALKS, REFUSES_OR_LAX},
    {ROW(5.17, "two different versions", "13 in one line, 8 in the next.", EXPECT_REFUSED_OR_LAX,
         "RFC 6455 11.3.5",
         HTTP(S(GET HOST UPGRADE CONNECT KEY VERSION "Sec-WebSocket-Version: 8\r\n" END))),
     TALKS, REFUSES_OR_LAX},
    {ROW(5.18, "two different versions, 13 last", "8 in one line, 13 in the next.",
         EXPECT_REFUSED_OR_LAX, "RFC 6455 11.3.5",
         HTTP(S(GET HOST UPGRADE CONNECT KEY "Sec-WebSocket-Version: 8\r\n" VERSION END))),
     TALKS, REFUSES_OR_LAX},
    {ROW(5.19, "13 twice", "Two equal lines.", EXPECT_OPEN_QUESTION, "RFC 6455 11.3.5",
         HTTP(S(GET HOST UPGRADE CONNECT KEY VERSION VERSION END))),
     TALKS, OPEN_QUESTION},
};

static const judge_case group_6[] = {
    {ROW(6.1, "no key", "The field is missing.", EXPECT_REFUSED, "RFC 6455 4.2.1",
         HTTP(S(GET HOST UPGRADE CONNECT VERSION END))),
     TALKS, REFUSES},
    {ROW(6.2, "an empty key", "The field has no value.", EXPECT_REFUSED, "RFC 6455 4.2.1",
         HTTP(S(GET HOST UPGRADE CONNECT "Sec-WebSocket-Key:\r\n" VERSION END))),
     TALKS, REFUSES},
    {ROW(6.3, "15 octets", "A nonce that is too short.", EXPECT_KEY_LAX, "RFC 6455 4.2.1",
         HTTP(S(GET HOST UPGRADE CONNECT
                "Sec-WebSocket-Key: MDEyMzQ1Njc4OTAxMjM0\r\n" VERSION END))),
     TALKS, REFUSES_OR_LAX, .hello.any_reply = true},
    {ROW(6.4, "17 octets", "A nonce that is too long.", EXPECT_KEY_LAX, "RFC 6455 4.2.1",
         HTTP(S(GET HOST UPGRADE CONNECT
                "Sec-WebSocket-Key: MDEyMzQ1Njc4OTAxMjM0NTY=\r\n" VERSION END))),
     TALKS, REFUSES_OR_LAX, .hello.any_reply = true},
    {ROW(6.5, "no padding", "22 digits without ==.", EXPECT_KEY_LAX, "RFC 6455 4.2.1",
         HTTP(S(GET HOST UPGRADE CONNECT
                "Sec-WebSocket-Key: MDEyMzQ1Njc4OTAxMjM0NQ\r\n" VERSION END))),
     TALKS, REFUSES_OR_LAX, .hello.any_reply = true},
    {ROW(6.6, "a wrong digit", "A character that base64 does not have.", EXPECT_KEY_LAX,
         "RFC 6455 4.2.1",
         HTTP(S(GET HOST UPGRADE CONNECT
                "Sec-WebSocket-Key: MDEyMzQ1Njc4OTAxMjM0N~==\r\n" VERSION END))),
     TALKS, REFUSES_OR_LAX, .hello.any_reply = true},
    {ROW(6.7, "the digits of URLs", "- and _ are not of this alphabet.", EXPECT_KEY_LAX,
         "RFC 6455 4.2.1",
         HTTP(S(GET HOST UPGRADE CONNECT
                "Sec-WebSocket-Key: MDEyMzQ1Njc4OTAx-jM0_Q==\r\n" VERSION END))),
     TALKS, REFUSES_OR_LAX, .hello.any_reply = true},
    {ROW(6.8, "a blank inside", "Base64 with a blank in it.", EXPECT_KEY_LAX, "RFC 6455 4.2.1",
         HTTP(S(GET HOST UPGRADE CONNECT
                "Sec-WebSocket-Key: MDEyMzQ1Njc4 TAxMjM0NQ==\r\n" VERSION END))),
     TALKS, REFUSES_OR_LAX, .hello.any_reply = true},
    {ROW(6.9, "plain text", "Words.", EXPECT_KEY_LAX, "RFC 6455 4.2.1",
         HTTP(S(GET HOST UPGRADE CONNECT
                "Sec-WebSocket-Key: this is no key at all\r\n" VERSION END))),
     TALKS, REFUSES_OR_LAX, .hello.any_reply = true},
    {ROW(6.10, "bits behind the last octet", "The last digit has bits that no octet needs.",
         EXPECT_OPEN_QUESTION, "RFC 6455 4.2.1",
         HTTP(S(GET HOST UPGRADE CONNECT
                "Sec-WebSocket-Key: MDEyMzQ1Njc4OTAxMjM0NR==\r\n" VERSION END))),
     TALKS, OPEN_QUESTION, .hello.any_reply = true},
    {ROW(6.11, "two different keys", "To which of them is the answer?", EXPECT_REFUSED,
         "RFC 6455 11.3.1",
         HTTP(S(GET HOST UPGRADE CONNECT KEY
                "Sec-WebSocket-Key: MDEyMzQ1Njc4OTAxMjM0NQ==\r\n" VERSION END))),
     TALKS, REFUSES},
    {ROW(6.12, "the same key twice", "The field must not appear twice.", EXPECT_REFUSED_OR_LAX,
         "RFC 6455 11.3.1", HTTP(S(GET HOST UPGRADE CONNECT KEY KEY VERSION END))),
     TALKS, REFUSES_OR_LAX},
    {ROW(6.13, "a key of 64 KiB", "Base64, but much of it.", EXPECT_SIZE_LAX, "RFC 6455 4.2.1",
         HTTP(S(GET HOST UPGRADE CONNECT "Sec-WebSocket-Key: ")), HTTP(REP("MDEy", 65536)),
         HTTP(S("\r\n" VERSION END))),
     TALKS, REFUSES_OR_LAX, .hello.any_reply = true, .hello.soon = 1, SURVIVES},
};

static const judge_case group_7[] = {
    {ROW(7.1, "a folded field", "A line that goes on in the next one.", EXPECT_REFUSED_OR_LAX,
         "RFC 9112 5.2", HTTP(S(GET HOST UPGRADE CONNECT KEY VERSION "X-Folded: a\r\n b\r\n" END))),
     TALKS, REFUSES_OR_LAX},
    {ROW(7.2, "Upgrade folded", "The value of Upgrade in a line of its own.", EXPECT_REFUSED_OR_LAX,
         "RFC 9112 5.2", HTTP(S(GET HOST "Upgrade:\r\n websocket\r\n" CONNECT KEY VERSION END))),
     TALKS, REFUSES_OR_LAX},
    {ROW(7.3, "a blank before the first field", "White space where the first field begins.",
         EXPECT_OPEN_QUESTION, "RFC 9112 2.2",
         HTTP(S(GET " X-Foo: bar\r\n" HOST UPGRADE CONNECT KEY VERSION END))),
     TALKS, OPEN_QUESTION},
    /* Nothing behind the last LF: who takes it would find the first octet of a frame there. */
    {ROW(7.4, "bare LF", "Lines that end with LF alone, the empty one, too.", EXPECT_BARE_LF,
         "RFC 9112 2.2, CVE-2021-45945",
         HTTP(S("GET {target} HTTP/1.1\nHost: {host}\nUpgrade: websocket\nConnection: "
                "Upgrade\nSec-WebSocket-Key: {key}\nSec-WebSocket-Version: 13\n\n"))),
     TALKS, .hello.ok = {JUDGE_HELLO_4XX, JUDGE_HELLO_5XX, JUDGE_HELLO_DROPPED},
     .hello.inform = {JUDGE_HELLO_OPEN, JUDGE_HELLO_SILENT}, .hello.seconds = 2},
    {ROW(7.5, "one bare LF", "One field that ends with LF alone.", EXPECT_OPEN_QUESTION,
         "RFC 9112 2.2, CVE-2021-45945",
         HTTP(S(GET HOST "X-Foo: bar\n" UPGRADE CONNECT KEY VERSION END))),
     TALKS, OPEN_QUESTION},
    {ROW(7.6, "a bare CR in a value", "CR without LF.", EXPECT_OPEN_QUESTION,
         "RFC 9112 2.2, CVE-2021-45945",
         HTTP(S(GET HOST "X-Foo: a\rb\r\n" UPGRADE CONNECT KEY VERSION END))),
     TALKS, OPEN_QUESTION},
    {ROW(7.7, "a bare CR as the end of a line",
         "A field behind a CR without LF: it must not count.", EXPECT_REFUSED_OR_LAX,
         "RFC 9112 2.2, CVE-2021-45945",
         HTTP(S(GET HOST "X-Foo: a\r" UPGRADE CONNECT KEY VERSION END))),
     TALKS, .hello.ok = {ANY_STATUS, JUDGE_HELLO_DROPPED}, .hello.lax = {JUDGE_HELLO_OPEN}},
    {ROW(7.8, "NUL in a value", "An octet that must be refused or replaced.", EXPECT_OPEN_QUESTION,
         "RFC 9110 5.5", HTTP(S(GET HOST "X-Foo: a\0b\r\n" UPGRADE CONNECT KEY VERSION END))),
     TALKS, OPEN_QUESTION},
    {ROW(7.9, "a control character in a value",
         "0x01 in a field that is not the server's business.", EXPECT_OPEN_QUESTION, "RFC 9110 5.5",
         HTTP(S(GET HOST "X-Foo: a\x01 b\r\n" UPGRADE CONNECT KEY VERSION END))),
     TALKS, OPEN_QUESTION},
    {ROW(7.10, "NUL in a name", "A name is a token.", EXPECT_REFUSED_OR_LAX, "RFC 9110 5.1",
         HTTP(S(GET HOST "X\0Foo: a\r\n" UPGRADE CONNECT KEY VERSION END))),
     TALKS, REFUSES_OR_LAX},
    {ROW(7.11, "a blank before the colon",
         "Sec-WebSocket-Version : 13, which two readers understand in two ways.", EXPECT_400_SPACE,
         "RFC 9112 5.1",
         HTTP(S(GET HOST UPGRADE CONNECT KEY "Sec-WebSocket-Version : 13\r\n" END))),
     TALKS, STATUS_400},
    {ROW(7.12, "a blank before an unknown colon",
         "The same in a field that is not the server's business.", EXPECT_400_SPACE, "RFC 9112 5.1",
         HTTP(S(GET HOST "X-Foo : bar\r\n" UPGRADE CONNECT KEY VERSION END))),
     TALKS, STATUS_400},
    {ROW(7.13, "a name with a blank", "X Foo: bar.", EXPECT_REFUSED_OR_LAX, "RFC 9112 5",
         HTTP(S(GET HOST "X Foo: bar\r\n" UPGRADE CONNECT KEY VERSION END))),
     TALKS, REFUSES_OR_LAX},
    {ROW(7.14, "no name", "A line that begins with a colon.", EXPECT_REFUSED_OR_LAX, "RFC 9112 5",
         HTTP(S(GET HOST ": bar\r\n" UPGRADE CONNECT KEY VERSION END))),
     TALKS, REFUSES_OR_LAX},
    {ROW(7.15, "no colon", "A line of one word.", EXPECT_REFUSED_OR_LAX, "RFC 9112 5",
         HTTP(S(GET HOST "foobar\r\n" UPGRADE CONNECT KEY VERSION END))),
     TALKS, REFUSES_OR_LAX},
    {ROW(7.16, "other separators in a name", "X(Foo): bar.", EXPECT_REFUSED_OR_LAX, "RFC 9110 5.1",
         HTTP(S(GET HOST "X(Foo): bar\r\n" UPGRADE CONNECT KEY VERSION END))),
     TALKS, REFUSES_OR_LAX},
    {ROW(7.17, "garbage", "Octets that are no HTTP.", EXPECT_NO_UPGRADE, "RFC 9112 2.2",
         HTTP(S("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 no TLS here\r\n\r\n\r\n\r\n"))),
     TALKS, NO_UPGRADE},
    {ROW(7.18, "frames without a handshake",
         "A masked text frame as the first octets, then an empty line.", EXPECT_NO_UPGRADE,
         "RFC 6455 4.2", RAW(S("\x81\x85\0\0\0\0Hello")), RAW(S("\r\n\r\n"))),
     TALKS, NO_UPGRADE},
};

static const judge_case group_8[] = {
    {ROW(8.1, "a value of 8 KiB", "One long field.", EXPECT_SIZE, "RFC 9110 5.4",
         HTTP(S(GET HOST UPGRADE CONNECT KEY VERSION "X-Long: ")), HTTP(REP("a", 8192)),
         HTTP(S("\r\n" END))),
     TALKS, ANSWERED},
    {ROW(8.2, "a value of 64 KiB", "One long field.", EXPECT_SIZE, "RFC 9110 5.4, CVE-2023-43669",
         HTTP(S(GET HOST UPGRADE CONNECT KEY VERSION "X-Long: ")), HTTP(REP("a", 65536)),
         HTTP(S("\r\n" END))),
     TALKS, ANSWERED, .hello.soon = 1, SURVIVES},
    {ROW(8.3, "a value of 1 MiB", "One very long field.", EXPECT_SIZE, "RFC 9110 5.4",
         HTTP(S(GET HOST UPGRADE CONNECT KEY VERSION "X-Long: ")), SPILL(REP("a", 1 << 20)),
         HTTP(S("\r\n" END))),
     TALKS, ANSWERED, SURVIVES_WITHIN(8192)},
    {ROW(8.4, "a value without an end", "64 MiB of one field, or as much as the server takes.",
         EXPECT_ENDLESS, "RFC 9110 5.4", HTTP(S(GET HOST UPGRADE CONNECT KEY VERSION "X-Long: ")),
         SPILL(REP("a", 64 << 20)), HTTP(S("\r\n" END))),
     TALKS, STOPS},
    {ROW(8.5, "a name of 64 KiB", "One long name.", EXPECT_SIZE, "RFC 9110 5.4",
         HTTP(S(GET HOST UPGRADE CONNECT KEY VERSION)), HTTP(REP("a", 65536)),
         HTTP(S(": b\r\n" END))),
     TALKS, ANSWERED, .hello.soon = 1, SURVIVES},
    {ROW(8.6, "2,000 fields", "Many short fields.", EXPECT_SIZE, "RFC 9110 5.4, CVE-2024-37890",
         HTTP(S(GET HOST UPGRADE CONNECT KEY VERSION)), HTTP(REP("X-A: b\r\n", 16000)),
         HTTP(S(END))),
     TALKS, ANSWERED, .hello.soon = 1, SURVIVES},
    {ROW(8.7, "fields without an end", "A million of them, or as many as the server takes.",
         EXPECT_ENDLESS, "RFC 9110 5.4, CVE-2024-37890",
         HTTP(S(GET HOST UPGRADE CONNECT KEY VERSION)), SPILL(REP("X-A: b\r\n", 8000000)),
         HTTP(S(END))),
     TALKS, STOPS},
    {ROW(8.8, "a target without an end", "64 MiB of it, or as much as the server takes.",
         EXPECT_ENDLESS, "RFC 9112 3", HTTP(S("GET /")), SPILL(REP("a", 64 << 20)),
         HTTP(S(" HTTP/1.1\r\n" REST))),
     TALKS, STOPS},
    {ROW(8.9, "empty lines without an end", "16 MiB of CR LF, then a request.", EXPECT_ENDLESS,
         "RFC 9112 2.2", SPILL(REP("\r\n", 16 << 20)),
         HTTP(S(GET HOST UPGRADE CONNECT KEY VERSION END))),
     TALKS, STOPS},
    {ROW(8.10, "a long name of a subprotocol with blanks",
         "b, 64 KiB of blanks, and x: quadratic where patterns go back.", EXPECT_LINEAR,
         "RFC 6455 11.3.4, CVE-2021-32640",
         HTTP(S(GET HOST UPGRADE CONNECT KEY VERSION "Sec-WebSocket-Protocol: b")),
         HTTP(REP(" ", 65536)), HTTP(S("x\r\n" END))),
     TALKS, ANSWERED, LINEAR},
    {ROW(8.11, "32,000 subprotocols",
         "All of them different from what a server knows, and equal to each other.", EXPECT_LINEAR,
         "RFC 6455 11.3.4",
         HTTP(S(GET HOST UPGRADE CONNECT KEY VERSION "Sec-WebSocket-Protocol: a")),
         HTTP(REP(",b", 64000)), HTTP(S("\r\n" END))),
     TALKS, ANSWERED, LINEAR},
    {ROW(8.12, "an extension of commas", "64 KiB of commas.", EXPECT_LINEAR, "RFC 6455 9.1",
         HTTP(S(GET HOST UPGRADE CONNECT KEY VERSION "Sec-WebSocket-Extensions: ")),
         HTTP(REP(",", 65536)), HTTP(S("\r\n" END))),
     TALKS, ANSWERED, LINEAR},
    {ROW(8.13, "an extension of backslashes",
         "A quoted value of 64 KiB of backslashes that does not end.", EXPECT_LINEAR,
         "RFC 6455 9.1, CVE-2020-7662, CVE-2020-7663",
         HTTP(S(GET HOST UPGRADE CONNECT KEY VERSION "Sec-WebSocket-Extensions: a; b=\"")),
         HTTP(REP("\\", 65535)), HTTP(S("\r\n" END))),
     TALKS, ANSWERED, LINEAR},
    {ROW(8.14, "an extension of semicolons", "An offer with 22,000 parameters.", EXPECT_LINEAR,
         "RFC 6455 9.1",
         HTTP(S(GET HOST UPGRADE CONNECT KEY VERSION "Sec-WebSocket-Extensions: a")),
         HTTP(REP("; b", 66000)), HTTP(S("\r\n" END))),
     TALKS, ANSWERED, LINEAR},
    {ROW(8.15, "1,000 offers of compression", "permessage-deflate, again and again.", EXPECT_LINEAR,
         "RFC 7692 5",
         HTTP(S(GET HOST UPGRADE CONNECT KEY VERSION
                "Sec-WebSocket-Extensions: permessage-deflate")),
         HTTP(REP(",permessage-deflate", 18981)), HTTP(S("\r\n" END))),
     SHAKES, ANSWERED, LINEAR},
};

static const judge_case group_9[] = {
    {ROW(9.1, "a body", "Content-Length: 14, and a body that is a text frame.", EXPECT_BODY,
         "RFC 9112 6.3, CVE-2026-69243",
         HTTP(S(GET HOST UPGRADE CONNECT KEY VERSION "Content-Length: 14\r\n" END)),
         RAW(S("\x81\x88\0\0\0\0smuggled"))),
     TALKS, OPEN_QUESTION},
    {ROW(9.2, "a body in chunks", "Transfer-Encoding: chunked, and a body that is a text frame.",
         EXPECT_BODY, "RFC 9112 7.1, CVE-2026-69243",
         HTTP(S(GET HOST UPGRADE CONNECT KEY VERSION "Transfer-Encoding: chunked\r\n" END "e\r\n")),
         RAW(S("\x81\x88\0\0\0\0smuggled")), HTTP(S("\r\n0\r\n\r\n"))),
     TALKS, OPEN_QUESTION},
    {ROW(9.3, "a body of two lengths", "Content-Length and Transfer-Encoding together.",
         EXPECT_REFUSED, "RFC 9112 6.3",
         HTTP(S(GET HOST UPGRADE CONNECT KEY VERSION
                "Content-Length: 14\r\nTransfer-Encoding: chunked\r\n" END)),
         RAW(S("\x81\x88\0\0\0\0smuggled"))),
     TALKS, REFUSES},
    {ROW(9.4, "two lengths", "Two Content-Length fields that differ.", EXPECT_REFUSED,
         "RFC 9112 6.3",
         HTTP(S(GET HOST UPGRADE CONNECT KEY VERSION
                "Content-Length: 14\r\nContent-Length: 0\r\n" END)),
         RAW(S("\x81\x88\0\0\0\0smuggled"))),
     TALKS, REFUSES},
    {ROW(9.5, "a length of letters", "Content-Length: abc.", EXPECT_REFUSED, "RFC 9112 6.3",
         HTTP(S(GET HOST UPGRADE CONNECT KEY VERSION "Content-Length: abc\r\n" END)),
         RAW(S("\x81\x88\0\0\0\0smuggled"))),
     TALKS, REFUSES},
    {ROW(9.6, "a negative length", "Content-Length: -1.", EXPECT_REFUSED, "RFC 9112 6.3",
         HTTP(S(GET HOST UPGRADE CONNECT KEY VERSION "Content-Length: -1\r\n" END)),
         RAW(S("\x81\x88\0\0\0\0smuggled"))),
     TALKS, REFUSES},
    {ROW(9.7, "a length without an end", "Content-Length: 18446744073709551616, which is 2^64.",
         EXPECT_REFUSED, "RFC 9112 6.3",
         HTTP(S(GET HOST UPGRADE CONNECT KEY VERSION
                "Content-Length: 18446744073709551616\r\n" END)),
         RAW(S("\x81\x88\0\0\0\0smuggled"))),
     TALKS, REFUSES},
    {ROW(9.8, "an unknown coding", "Transfer-Encoding: foo.", EXPECT_REFUSED, "RFC 9112 6.1",
         HTTP(S(GET HOST UPGRADE CONNECT KEY VERSION "Transfer-Encoding: foo\r\n" END)),
         RAW(S("\x81\x88\0\0\0\0smuggled"))),
     TALKS, REFUSES},
    {ROW(9.9, "a request behind a wrong version",
         "Version 777, and a second request in the same write.", EXPECT_FIRST_ANSWER,
         "RFC 9112 9.3, CVE-2019-17567",
         HTTP(S(GET HOST UPGRADE CONNECT KEY "Sec-WebSocket-Version: 777\r\n" END
                                             "GET /second HTTP/1.1\r\nHost: {host}\r\n\r\n"))),
     TALKS, REFUSES_FIRST},
    {ROW(9.10, "a request behind no key", "The key is missing, and a second request follows.",
         EXPECT_FIRST_ANSWER, "RFC 9112 9.3, CVE-2026-130647",
         HTTP(S(GET HOST UPGRADE CONNECT VERSION END
                "GET /second HTTP/1.1\r\nHost: {host}\r\n\r\n"))),
     TALKS, REFUSES_FIRST},
    {ROW(9.11, "a request behind a missing Host",
         "The Host is missing, and a second request follows.", EXPECT_FIRST_ANSWER,
         "RFC 9112 9.3, CVE-2026-130647",
         HTTP(S(GET UPGRADE CONNECT KEY VERSION END
                "GET /second HTTP/1.1\r\nHost: {host}\r\n\r\n"))),
     TALKS, REFUSES_FIRST},
    {ROW(9.12, "a request in a body", "A refused request whose body is a second request.",
         EXPECT_ONE_ANSWER, "RFC 9112 6.3, CVE-2026-69243",
         HTTP(S(GET HOST UPGRADE CONNECT KEY
                "Sec-WebSocket-Version: 777\r\nContent-Length: 43\r\n" END
                "GET /second HTTP/1.1\r\nHost: example.com\r\n\r\n"))),
     TALKS, REFUSES_AND_CLOSES},
    {ROW(9.13, "a request behind a good one",
         "What follows a handshake are frames: a second request is none.", EXPECT_NOT_HTTP,
         "RFC 6455 4.2.2, CVE-2026-2833",
         HTTP(S(GET HOST UPGRADE CONNECT KEY VERSION END
                "GET /second HTTP/1.1\r\nHost: {host}\r\n\r\n"))),
     FRAMES_FAIL},
};

static const judge_case group_10[] = {
    {ROW(10.1, "a frame in the same write",
         "The request and a text frame in one segment: the frame must not be lost.", EXPECT_GLUED,
         "RFC 6455 4.2.2", HTTP(S(GET HOST UPGRADE CONNECT KEY VERSION END)),
         FRAME(FIN | TEXT, S("early"))),
     ANSWERS(1, GOT_TEXT(S("early")))},
    {ROW(10.2, "two messages and a ping", "All of them in the segment of the request.",
         EXPECT_GLUED, "RFC 6455 4.2.2", HTTP(S(GET HOST UPGRADE CONNECT KEY VERSION END)),
         FRAME(FIN | TEXT, S("early")), FRAME(FIN | PING, S("p")), FRAME(FIN | BINARY, S("too"))),
     ANSWERS_WITH_PONG(GOT_TEXT(S("early")), GOT_PONG(S("p")), GOT_BINARY(S("too")))},
    {ROW(10.3, "half a frame", "The rest of it comes later.", EXPECT_GLUED, "RFC 6455 4.2.2",
         HTTP(S(GET HOST UPGRADE CONNECT KEY VERSION END)), RAW_PART(3, S("\x81\x85\0\0\0\0He"))),
     .steps = STEPS(WAIT(0.2), RAW(S("llo")), CLOSE_AFTER(2)), OK_WITH(1, GOT_TEXT(S("Hello"))),
     ENDS_CLEAN, OPENS_EARLY},
    {ROW(10.4, "64 KiB of frames", "A message of 64 KiB behind the request in the same write.",
         EXPECT_GLUED, "RFC 6455 4.2.2", HTTP(S(GET HOST UPGRADE CONNECT KEY VERSION END)),
         FRAME(FIN | BINARY, REP("0123456789abcdef", 65536))),
     ANSWERS(1, GOT_BINARY(REP("0123456789abcdef", 65536)))},
    {ROW(10.5, "a close frame", "A close right behind the request.", EXPECT_GLUED, "RFC 6455 4.2.2",
         HTTP(S(GET HOST UPGRADE CONNECT KEY VERSION END)), RAW(S("\x88\x82\0\0\0\0\x03\xe8"))),
     .steps = STEPS(KILL_AFTER(2)), OK_NOTHING, .close = {{1000}, 1, false, true, false, false},
     OPENS_EARLY},
    {ROW(10.6, "a frame that is not masked", "A fault right behind the request.", EXPECT_GLUED_FAIL,
         "RFC 6455 5.1", HTTP(S(GET HOST UPGRADE CONNECT KEY VERSION END)),
         RAW(S("\x81\x05Hello"))),
     FRAMES_FAIL},
};

static const judge_case group_11[] = {
    {ROW(11.1, "one that is not known", "A subprotocol that no server knows.", EXPECT_SUB,
         "RFC 6455 4.2.2",
         HTTP(S(GET HOST UPGRADE CONNECT KEY VERSION
                "Sec-WebSocket-Protocol: x-nobody-knows-this\r\n" END))),
     TALKS, OPENS, .hello.inform = {ANY_STATUS}},
    {ROW(11.2, "a list", "Three of them.", EXPECT_SUB, "RFC 6455 4.2.2",
         HTTP(S(GET HOST UPGRADE CONNECT KEY VERSION
                "Sec-WebSocket-Protocol: x-one, x-two ,x-three\r\n" END))),
     TALKS, OPENS, .hello.inform = {ANY_STATUS}},
    {ROW(11.3, "two lines", "A list in two lines.", EXPECT_SUB, "RFC 6455 4.2.2",
         HTTP(S(GET HOST UPGRADE CONNECT KEY VERSION
                "Sec-WebSocket-Protocol: x-one\r\nSec-WebSocket-Protocol: x-two\r\n" END))),
     TALKS, OPENS, .hello.inform = {ANY_STATUS}},
    {ROW(11.4, "odd names", "Names that are properties of objects in some languages.", EXPECT_SUB,
         "RFC 6455 4.2.2",
         HTTP(S(
             GET HOST UPGRADE CONNECT KEY VERSION
             "Sec-WebSocket-Protocol: constructor, __proto__, toString, hasOwnProperty\r\n" END))),
     TALKS, OPENS, .hello.inform = {ANY_STATUS}},
    {ROW(11.5, "the same twice", "They must be unique.", EXPECT_OPEN_QUESTION, "RFC 6455 4.1",
         HTTP(S(GET HOST UPGRADE CONNECT KEY VERSION
                "Sec-WebSocket-Protocol: x-one, x-one\r\n" END))),
     TALKS, OPEN_QUESTION},
    {ROW(11.6, "an empty list", "A field without a value.", EXPECT_OPEN_QUESTION, "RFC 6455 4.1",
         HTTP(S(GET HOST UPGRADE CONNECT KEY VERSION "Sec-WebSocket-Protocol:\r\n" END))),
     TALKS, OPEN_QUESTION},
    {ROW(11.7, "empty elements", "Commas with nothing between them.", EXPECT_OPEN_QUESTION,
         "RFC 9110 5.6.1",
         HTTP(S(GET HOST UPGRADE CONNECT KEY VERSION "Sec-WebSocket-Protocol: ,,x-one,\r\n" END))),
     TALKS, OPEN_QUESTION},
    {ROW(11.8, "no tokens", "Separators in names.", EXPECT_OPEN_QUESTION, "RFC 6455 4.1",
         HTTP(S(GET HOST UPGRADE CONNECT KEY VERSION
                "Sec-WebSocket-Protocol: a b, c/d, {e}\r\n" END))),
     TALKS, OPEN_QUESTION},
};

static const judge_case group_12[] = {
    {ROW(12.1, "one that is not known", "An extension that no server knows.", EXPECT_EXT,
         "RFC 6455 9.1",
         HTTP(S(GET HOST UPGRADE CONNECT KEY VERSION
                "Sec-WebSocket-Extensions: x-nobody-knows-this\r\n" END))),
     SHAKES, OPENS},
    {ROW(12.2, "with parameters", "An unknown extension with parameters of each form.", EXPECT_EXT,
         "RFC 6455 9.1",
         HTTP(S(GET HOST UPGRADE CONNECT KEY VERSION
                "Sec-WebSocket-Extensions: x-foo; a; b=c; d=\"e\"; f=\"g\\h\"\r\n" END))),
     SHAKES, OPENS},
    {ROW(12.3, "odd names", "Names that are properties of objects in some languages.", EXPECT_EXT,
         "RFC 6455 9.1, GHSA-5v72-xg48-5rpm",
         HTTP(S(GET HOST UPGRADE CONNECT KEY VERSION
                "Sec-WebSocket-Extensions: constructor, __proto__, toString; __proto__=1; "
                "constructor\r\n" END))),
     SHAKES, OPENS},
    {ROW(12.4, "compression", "permessage-deflate without parameters.", EXPECT_EXT, "RFC 7692 5.1",
         HTTP(S(GET HOST UPGRADE CONNECT KEY VERSION
                "Sec-WebSocket-Extensions: permessage-deflate\r\n" END))),
     SHAKES, OPENS},
    {ROW(12.5, "compression in capitals",
         "Names of extensions are tokens; the RFC does not say that their case matters.",
         EXPECT_EXT, "RFC 7692 5.1",
         HTTP(S(GET HOST UPGRADE CONNECT KEY VERSION
                "Sec-WebSocket-Extensions: PERMESSAGE-DEFLATE\r\n" END))),
     SHAKES, OPENS},
    {ROW(12.6, "compression in quotes", "client_max_window_bits with a quoted value.", EXPECT_EXT,
         "RFC 7692 5.2",
         HTTP(S(GET HOST UPGRADE CONNECT KEY VERSION
                "Sec-WebSocket-Extensions: permessage-deflate; "
                "client_max_window_bits=\"10\"\r\n" END))),
     SHAKES, OPENS, .deflate.client_bits = 10},
    {ROW(12.7, "compression, second in a list", "An unknown extension first.", EXPECT_EXT,
         "RFC 7692 5.1",
         HTTP(S(GET HOST UPGRADE CONNECT KEY VERSION
                "Sec-WebSocket-Extensions: x-foo, permessage-deflate; "
                "server_no_context_takeover\r\n" END))),
     SHAKES, OPENS},
    {ROW(12.8, "compression with an unknown parameter",
         "The offer must be declined, and the parameter not be answered.", EXPECT_EXT,
         "RFC 7692 5.1",
         HTTP(S(GET HOST UPGRADE CONNECT KEY VERSION
                "Sec-WebSocket-Extensions: permessage-deflate; x-unknown\r\n" END))),
     SHAKES, OPENS, .hello.inform = {JUDGE_HELLO_4XX}, .hello.declines = true},
    {ROW(12.9, "compression with a parameter twice", "The offer must be declined.", EXPECT_EXT,
         "RFC 7692 7.1",
         HTTP(S(GET HOST UPGRADE CONNECT KEY VERSION
                "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; "
                "server_no_context_takeover\r\n" END))),
     SHAKES, OPENS, .hello.inform = {JUDGE_HELLO_4XX}, .hello.declines = true},
    {ROW(12.10, "compression with a value too much", "server_no_context_takeover has none.",
         EXPECT_EXT, "RFC 7692 7.1.1",
         HTTP(S(GET HOST UPGRADE CONNECT KEY VERSION
                "Sec-WebSocket-Extensions: permessage-deflate; "
                "server_no_context_takeover=1\r\n" END))),
     SHAKES, OPENS, .hello.inform = {JUDGE_HELLO_4XX}, .hello.declines = true},
    {ROW(12.11, "compression with bits out of range", "server_max_window_bits=16.", EXPECT_EXT,
         "RFC 7692 7.1.2, CVE-2026-2229",
         HTTP(
             S(GET HOST UPGRADE CONNECT KEY VERSION
               "Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=16\r\n" END))),
     SHAKES, OPENS, .hello.inform = {JUDGE_HELLO_4XX}, .hello.declines = true},
    {ROW(12.12, "a fallback", "An offer with bad parameters, and a good one behind it.",
         EXPECT_FALLBACK, "RFC 7692 5.1",
         HTTP(S(GET HOST UPGRADE CONNECT KEY VERSION
                "Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=7, "
                "permessage-deflate\r\n" END))),
     SHAKES, OPENS, .hello.lax = {JUDGE_HELLO_4XX}},
    {ROW(12.13, "two lines", "The field may be split.", EXPECT_EXT, "RFC 6455 9.1",
         HTTP(S(GET HOST UPGRADE CONNECT KEY VERSION
                "Sec-WebSocket-Extensions: x-foo\r\nSec-WebSocket-Extensions: "
                "permessage-deflate\r\n" END))),
     SHAKES, OPENS},
    {ROW(12.14, "empty elements", "Commas with nothing between them.", EXPECT_OPEN_QUESTION,
         "RFC 9110 5.6.1",
         HTTP(S(GET HOST UPGRADE CONNECT KEY VERSION
                "Sec-WebSocket-Extensions: ,, x-foo,,\r\n" END))),
     SHAKES, OPEN_QUESTION},
    {ROW(12.15, "no value", "An empty field.", EXPECT_OPEN_QUESTION, "RFC 6455 9.1",
         HTTP(S(GET HOST UPGRADE CONNECT KEY VERSION "Sec-WebSocket-Extensions: \r\n" END))),
     SHAKES, OPEN_QUESTION},
    {ROW(12.16, "a quote that does not end", "A quoted value without its second quote.",
         EXPECT_GRAMMAR, "RFC 6455 9.1",
         HTTP(S(GET HOST UPGRADE CONNECT KEY VERSION
                "Sec-WebSocket-Extensions: x-foo; a=\"b\r\n" END))),
     SHAKES, REFUSES_OR_LAX},
    {ROW(12.17, "a parameter without a name", "x-foo; =b.", EXPECT_GRAMMAR, "RFC 6455 9.1",
         HTTP(S(GET HOST UPGRADE CONNECT KEY VERSION
                "Sec-WebSocket-Extensions: x-foo; =b\r\n" END))),
     SHAKES, REFUSES_OR_LAX},
    {ROW(12.18, "a parameter without a value", "x-foo; a=.", EXPECT_GRAMMAR, "RFC 6455 9.1",
         HTTP(S(GET HOST UPGRADE CONNECT KEY VERSION
                "Sec-WebSocket-Extensions: x-foo; a=\r\n" END))),
     SHAKES, REFUSES_OR_LAX},
    {ROW(12.19, "an extension without a name", "; a=b.", EXPECT_GRAMMAR, "RFC 6455 9.1",
         HTTP(S(GET HOST UPGRADE CONNECT KEY VERSION "Sec-WebSocket-Extensions: ; a=b\r\n" END))),
     SHAKES, REFUSES_OR_LAX},
    {ROW(12.20, "two words", "x-foo x-bar.", EXPECT_GRAMMAR, "RFC 6455 9.1",
         HTTP(S(GET HOST UPGRADE CONNECT KEY VERSION
                "Sec-WebSocket-Extensions: x-foo x-bar\r\n" END))),
     SHAKES, REFUSES_OR_LAX},
    {ROW(12.21, "separators", "x@foo.", EXPECT_GRAMMAR, "RFC 6455 9.1",
         HTTP(S(GET HOST UPGRADE CONNECT KEY VERSION
                "Sec-WebSocket-Extensions: x@foo; (a)\r\n" END))),
     SHAKES, REFUSES_OR_LAX},
};

static const judge_case group_13[] = {
    {ROW(13.1, "none", "No Origin, as programs that are no browsers send it.", EXPECT_ORIGIN,
         "RFC 6455 10.2, CWE-1385",
         HTTP(S(GET HOST UPGRADE CONNECT KEY VERSION ""
                                                     "\r\n"))),
     TALKS, OPENS, .hello.inform = {ANY_STATUS}},
    {ROW(13.2, "the host itself", "The origin of the server.", EXPECT_ORIGIN,
         "RFC 6455 10.2, CWE-1385",
         HTTP(S(GET HOST UPGRADE CONNECT KEY VERSION "Origin: {origin}\r\n"
                                                     "\r\n"))),
     TALKS, OPENS, .hello.inform = {ANY_STATUS}},
    {ROW(13.3, "a foreign site", "Origin: http://evil.example.", EXPECT_ORIGIN,
         "RFC 6455 10.2, CWE-1385",
         HTTP(S(GET HOST UPGRADE CONNECT KEY VERSION "Origin: http://evil.example\r\n"
                                                     "\r\n"))),
     TALKS, FOREIGN},
    {ROW(13.4, "null", "Origin: null, as a sandbox sends it.", EXPECT_ORIGIN,
         "RFC 6455 10.2, CWE-1385",
         HTTP(S(GET HOST UPGRADE CONNECT KEY VERSION "Origin: null\r\n"
                                                     "\r\n"))),
     TALKS, FOREIGN},
    {ROW(13.5, "the host as a part of another", "The host with .evil.example behind it.",
         EXPECT_ORIGIN, "RFC 6455 10.2, CWE-1385",
         HTTP(S(GET HOST UPGRADE CONNECT KEY VERSION "Origin: {origin}.evil.example\r\n"
                                                     "\r\n"))),
     TALKS, FOREIGN},
    {ROW(13.6, "the host behind another", "evil- before the name of the host.", EXPECT_ORIGIN,
         "RFC 6455 10.2, CWE-1385",
         HTTP(S(GET HOST UPGRADE CONNECT KEY VERSION "Origin: http://evil-{host}\r\n"
                                                     "\r\n"))),
     TALKS, FOREIGN},
    {ROW(13.7, "two of them", "The origin of the server, and a foreign one.", EXPECT_ORIGIN,
         "RFC 6455 10.2, CWE-1385",
         HTTP(S(GET HOST UPGRADE CONNECT KEY VERSION
                "Origin: {origin}\r\nOrigin: http://evil.example\r\n"
                "\r\n"))),
     TALKS, FOREIGN},
    {ROW(13.8, "two in one line",
         "The origin of the server and a foreign one, with a blank between them.", EXPECT_ORIGIN,
         "RFC 6455 10.2, CWE-1385",
         HTTP(S(GET HOST UPGRADE CONNECT KEY VERSION "Origin: {origin} http://evil.example\r\n"
                                                     "\r\n"))),
     TALKS, FOREIGN},
    {ROW(13.9, "no URI", "Origin: evil.", EXPECT_ORIGIN, "RFC 6455 10.2, CWE-1385",
         HTTP(S(GET HOST UPGRADE CONNECT KEY VERSION "Origin: evil\r\n"
                                                     "\r\n"))),
     TALKS, FOREIGN},
};

static const judge_case group_14[] = {
    {ROW(14.1, "octet by octet", "Each octet of the request in a segment of its own.", EXPECT_OPEN,
         "RFC 6455 4.2.1", HTTP_CHOP(1, S(GET HOST UPGRADE CONNECT KEY VERSION END))),
     TALKS, OPENS},
    {ROW(14.2, "in pieces of seven", "Each seven octets of the request in a segment of their own.",
         EXPECT_OPEN, "RFC 6455 4.2.1", HTTP_CHOP(7, S(GET HOST UPGRADE CONNECT KEY VERSION END))),
     TALKS, OPENS},
    {ROW(14.3, "line by line", "With a pause behind each line.", EXPECT_OPEN, "RFC 6455 4.2.1",
         HTTP(S(GET)), WAIT(0.1), HTTP(S(HOST)), WAIT(0.1), HTTP(S(UPGRADE CONNECT)), WAIT(0.1),
         HTTP(S(KEY)), WAIT(0.1), HTTP(S(VERSION)), WAIT(0.1), HTTP(S(END))),
     TALKS, OPENS},
    {ROW(14.4, "cut in the last line end", "CR LF CR, a pause, and LF.", EXPECT_OPEN,
         "RFC 6455 4.2.1", HTTP(S(GET HOST UPGRADE CONNECT KEY VERSION "{fields}\r")), WAIT(0.2),
         HTTP(S("\n"))),
     TALKS, OPENS},
    {ROW(14.5, "half a request, then the end", "TCP is half-closed in the middle of a field.",
         EXPECT_HALF, "RFC 9112 8", HTTP(S(GET HOST "Upgr")), HALF_CLOSE),
     TALKS, .hello.ok = {JUDGE_HELLO_4XX, JUDGE_HELLO_5XX, JUDGE_HELLO_DROPPED},
     .hello.lax = {JUDGE_HELLO_SILENT}, .hello.seconds = 3, RESTS},
    {ROW(14.6, "half a request, then a reset", "TCP is reset in the middle of a field.",
         EXPECT_SURVIVE, "RFC 9112 8", HTTP(S(GET HOST "Upgr")), WAIT(0.05), RESET),
     TALKS, .hello.ok = {JUDGE_HELLO_DROPPED}, SURVIVES},
    {ROW(14.7, "a request, then a reset",
         "TCP is reset right behind the request, before the answer is there.", EXPECT_SURVIVE,
         "RFC 9112 8, CVE-2017-2670", HTTP(S(GET HOST UPGRADE CONNECT KEY VERSION END)), RESET),
     TALKS, .hello.ok = {JUDGE_HELLO_DROPPED}, SURVIVES},
    {ROW(14.8, "a request, then half a connection", "TCP is half-closed right behind the request.",
         EXPECT_OPEN_QUESTION, "RFC 9112 9.6", HTTP(S(GET HOST UPGRADE CONNECT KEY VERSION END)),
         HALF_CLOSE),
     .steps = STEPS(CLOSE_AFTER(2)),
     .hello.ok = {JUDGE_HELLO_4XX, JUDGE_HELLO_5XX, JUDGE_HELLO_DROPPED},
     .hello.inform = {JUDGE_HELLO_OPEN}, RESTS},
    {ROW(14.9, "nothing, then the end", "TCP is opened and half-closed.", EXPECT_HALF,
         "RFC 9112 9.5", HALF_CLOSE),
     TALKS, .hello.ok = {JUDGE_HELLO_4XX, JUDGE_HELLO_5XX, JUDGE_HELLO_DROPPED},
     .hello.lax = {JUDGE_HELLO_SILENT}, .hello.seconds = 3, RESTS},
};

void judge_cases_14(judge_builder *b)
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
    judge_add_rows(b, group_12, WSK__COUNT(group_12));
    judge_add_rows(b, group_13, WSK__COUNT(group_13));
    judge_add_rows(b, group_14, WSK__COUNT(group_14));
}
