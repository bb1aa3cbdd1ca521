/* SPDX-License-Identifier: MIT */
/* The client's side: the request that it writes, the responses that it believes. */
#include "heads.h"

#include <stdio.h>

#include "http/handshake.h"
#include "util/mem.h"
#include "util/strs.h"

#define KEY     "dGhlIHNhbXBsZSBub25jZQ=="
#define LINE    "HTTP/1.1 101 Switching Protocols\r\n"
#define UPGRADE "Upgrade: websocket\r\n"
#define CONN    "Connection: Upgrade\r\n"
#define ACCEPT  "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
#define PROTO   "Sec-WebSocket-Protocol: "

static const char *const offered[] = {"chat", "superchat", NULL};

static const struct {
    const char *why;
    bool ok;
    const char *subprotocol; /* "" for none */
    const char *text;        /* without the empty line */
} rows[] = {
    {"the example of RFC 6455 1.3", true, "chat", LINE UPGRADE CONN ACCEPT PROTO "chat\r\n"},
    {"no subprotocol chosen", true, "", LINE UPGRADE CONN ACCEPT},
    {"another reason", true, "",
     "HTTP/1.1 101 WebSocket Protocol Handshake\r\n" UPGRADE CONN ACCEPT},
    {"no reason", true, "", "HTTP/1.1 101\r\n" UPGRADE CONN ACCEPT},
    {"any case", true, "superchat",
     LINE "UPGRADE: WebSocket\r\nconnection: uPGRADE\r\nsec-websocket-accept:  "
          "s3pPLMBiTxaQ9kYGzzhZRbK+xOo= \r\nSEC-WEBSOCKET-PROTOCOL: superchat\r\n"},
    {"Connection as a list", true, "", LINE UPGRADE "Connection: keep-alive, upgrade\r\n" ACCEPT},
    {"Connection twice", true, "", LINE UPGRADE "Connection: x\r\n" CONN ACCEPT},
    {"a length, which means nothing with 101 (RFC 9112 6.3)", true, "",
     LINE UPGRADE CONN ACCEPT "Content-Length: 0\r\n"},

    {"200", false, NULL, "HTTP/1.1 200 OK\r\n" UPGRADE CONN ACCEPT},
    {"100", false, NULL, "HTTP/1.1 100 Continue\r\n" UPGRADE CONN ACCEPT},
    {"302", false, NULL, "HTTP/1.1 302 Found\r\nLocation: ws://a/\r\n"},
    {"401", false, NULL, "HTTP/1.1 401 x\r\n"},
    {"403", false, NULL, "HTTP/1.1 403 x\r\n"},
    {"404", false, NULL, "HTTP/1.1 404 x\r\n"},
    {"407", false, NULL, "HTTP/1.1 407 x\r\n"},
    {"418", false, NULL, "HTTP/1.1 418 x\r\n"},
    {"426", false, NULL, "HTTP/1.1 426 x\r\nSec-WebSocket-Version: 13\r\n"},
    {"500", false, NULL, "HTTP/1.1 500 x\r\n"},
    {"503", false, NULL, "HTTP/1.1 503 x\r\n"},
    {"999", false, NULL, "HTTP/1.1 999 x\r\n"},
    {"HTTP/1.0", false, NULL, "HTTP/1.0 101 x\r\n" UPGRADE CONN ACCEPT},
    {"no Upgrade", false, NULL, LINE CONN ACCEPT},
    {"Upgrade empty", false, NULL, LINE "Upgrade:\r\n" CONN ACCEPT},
    {"Upgrade to something else", false, NULL, LINE "Upgrade: h2c\r\n" CONN ACCEPT},
    {"Upgrade that begins like it", false, NULL, LINE "Upgrade: websockets\r\n" CONN ACCEPT},
    {"Upgrade as a list: 4.1 wants the one value", false, NULL,
     LINE "Upgrade: websocket, h2c\r\n" CONN ACCEPT},
    {"Upgrade twice", false, NULL, LINE UPGRADE UPGRADE CONN ACCEPT},
    {"no Connection", false, NULL, LINE UPGRADE ACCEPT},
    {"Connection without Upgrade", false, NULL, LINE UPGRADE "Connection: close\r\n" ACCEPT},
    {"no Accept", false, NULL, LINE UPGRADE CONN},
    {"Accept empty", false, NULL, LINE UPGRADE CONN "Sec-WebSocket-Accept:\r\n"},
    {"Accept twice", false, NULL, LINE UPGRADE CONN ACCEPT ACCEPT},
    {"Accept of another key", false, NULL,
     LINE UPGRADE CONN "Sec-WebSocket-Accept: ICX+Yqv66kxgM0FcWaLWlFLwTAI=\r\n"},
    {"Accept in small letters", false, NULL,
     LINE UPGRADE CONN "Sec-WebSocket-Accept: s3pplmbitxaq9kygzzhzrbk+xoo=\r\n"},
    {"Accept cut", false, NULL,
     LINE UPGRADE CONN "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo\r\n"},
    {"Accept and more", false, NULL,
     LINE UPGRADE CONN "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=, x\r\n"},
    {"Accept is the key", false, NULL, LINE UPGRADE CONN "Sec-WebSocket-Accept: " KEY "\r\n"},
    {"a subprotocol not offered", false, NULL, LINE UPGRADE CONN ACCEPT PROTO "other\r\n"},
    {"a subprotocol in another case", false, NULL, LINE UPGRADE CONN ACCEPT PROTO "Chat\r\n"},
    {"two subprotocols", false, NULL, LINE UPGRADE CONN ACCEPT PROTO "chat, superchat\r\n"},
    {"two fields of subprotocols", false, NULL,
     LINE UPGRADE CONN ACCEPT PROTO "chat\r\n" PROTO "chat\r\n"},
    {"a subprotocol of nothing", false, NULL, LINE UPGRADE CONN ACCEPT PROTO "\r\n"},
};

static void test_judgement(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char text[1024];
        size_t n = (size_t)snprintf(text, sizeof(text), "%s\r\n", rows[i].text);
        const char *subprotocol = "untouched", *why = NULL;
        test_head t;
        bool ok;

        test_head_parse(&t, WSK__HEAD_RESPONSE, text, n);
        ok = wsk__handshake_judge_response(&t.head, KEY, offered, &subprotocol, &why);
        if (ok != rows[i].ok)
            fail_msg("%s: %s", rows[i].why, why ? why : "taken");
        if (!ok) {
            assert_non_null(why);
            assert_string_equal(subprotocol, "untouched");
        } else {
            assert_null(why);
            assert_string_equal(subprotocol ? subprotocol : "", rows[i].subprotocol);
        }
        test_head_free(&t);
    }
}

/* Without an offer no subprotocol may be chosen, not even one that a program knows. */
static void test_nothing_offered(void **state)
{
    static const char text[] = LINE UPGRADE CONN ACCEPT PROTO "chat\r\n\r\n";
    static const char *const none[] = {NULL};
    const char *subprotocol, *why;
    test_head t;

    (void)state;
    test_head_parse(&t, WSK__HEAD_RESPONSE, text, sizeof(text) - 1);
    assert_false(wsk__handshake_judge_response(&t.head, KEY, NULL, &subprotocol, &why));
    assert_false(wsk__handshake_judge_response(&t.head, KEY, none, &subprotocol, &why));
    assert_true(wsk__handshake_judge_response(&t.head, KEY, offered, &subprotocol, &why));
    assert_ptr_equal(subprotocol, offered[0]);
    test_head_free(&t);
}

static void test_request(void **state)
{
    static const wsk_header headers[] = {{"Cookie", "a=b; c=\"d\""}, {"X-Empty", ""}};
    wsk_request_options o = WSK_REQUEST_OPTIONS_INIT;
    wsk__text t = {0};

    (void)state;
    o.host = "example.org:8080";
    wsk__handshake_write_request(&t, &o, KEY, NULL, NULL, NULL);
    assert_false(t.failed);
    assert_string_equal(t.ptr, "GET / HTTP/1.1\r\n"
                               "Host: example.org:8080\r\n"
                               "Upgrade: websocket\r\n"
                               "Connection: Upgrade\r\n"
                               "Sec-WebSocket-Key: " KEY "\r\n"
                               "Sec-WebSocket-Version: 13\r\n\r\n");
    wsk__text_deinit(&t);

    o.target = "/chat?room=1";
    o.origin = "http://example.org:8080";
    o.headers = headers;
    o.n_headers = 2;
    wsk__handshake_write_request(&t, &o, KEY, "test/1", offered, "a; b=1");
    assert_false(t.failed);
    assert_string_equal(t.ptr, "GET /chat?room=1 HTTP/1.1\r\n"
                               "Host: example.org:8080\r\n"
                               "Upgrade: websocket\r\n"
                               "Connection: Upgrade\r\n"
                               "Sec-WebSocket-Key: " KEY "\r\n"
                               "Sec-WebSocket-Version: 13\r\n"
                               "Sec-WebSocket-Protocol: chat, superchat\r\n"
                               "Sec-WebSocket-Extensions: a; b=1\r\n"
                               "Origin: http://example.org:8080\r\n"
                               "User-Agent: test/1\r\n"
                               "Cookie: a=b; c=\"d\"\r\n"
                               "X-Empty: \r\n\r\n");

    /* Our server takes what our client writes. */
    test_head head;
    wsk__refusal refusal;
    wsk_str key;
    test_head_parse(&head, WSK__HEAD_REQUEST, t.ptr, t.len);
    assert_int_equal(wsk__handshake_judge_request(&head.head, &key, &refusal), 1);
    assert_str(key, KEY);
    assert_true(wsk__origin_allowed(&head.head, WSK_ORIGIN_SAME_HOST, NULL));
    test_head_free(&head);
    wsk__text_deinit(&t);
}

/* A program's own field takes the place of ours, so that none is there twice. */
static void test_request_own_fields(void **state)
{
    static const wsk_header headers[] = {{"origin", "http://b"}, {"USER-AGENT", "mine"}};
    wsk_request_options o = WSK_REQUEST_OPTIONS_INIT;
    wsk__text t = {0};

    (void)state;
    o.host = "a";
    o.origin = "http://a";
    o.headers = headers;
    o.n_headers = 2;
    wsk__handshake_write_request(&t, &o, KEY, "ours", NULL, "");
    assert_false(t.failed);
    assert_null(strstr(t.ptr, "http://a"));
    assert_null(strstr(t.ptr, "ours"));
    assert_null(strstr(t.ptr, "Extensions"));
    assert_non_null(strstr(t.ptr, "\r\norigin: http://b\r\nUSER-AGENT: mine\r\n\r\n"));
    wsk__text_deinit(&t);
}

/* Each way to bring a line break, or something else that ends a part, into the request. */
static void test_request_injection(void **state)
{
    static const struct {
        const char *why, *host, *target, *origin, *name, *value, *subprotocol, *extensions;
    } bad[] = {
        {.why = "no host"},
        {.why = "empty host", .host = ""},
        {.why = "CR LF in the host", .host = "a\r\nX: y"},
        {.why = "LF in the host", .host = "a\nX: y"},
        {.why = "a space in the host", .host = "a b"},
        {.why = "a path in the host", .host = "a/b"},
        {.why = "a user in the host", .host = "a@b"},
        {.why = "a port of letters", .host = "a:b"},
        {.why = "empty target", .host = "a", .target = ""},
        {.why = "CR LF in the target", .host = "a", .target = "/ HTTP/1.1\r\nX: y"},
        {.why = "a space in the target", .host = "a", .target = "/ HTTP/1.0"},
        {.why = "a control in the target", .host = "a", .target = "/\x1B"},
        {.why = "a fragment in the target", .host = "a", .target = "/#a"},
        {.why = "no slash in the target", .host = "a", .target = "a"},
        {.why = "a URI as target", .host = "a", .target = "http://b/"},
        {.why = "CR LF in the origin", .host = "a", .origin = "http://a\r\nX: y"},
        {.why = "a control in the origin", .host = "a", .origin = "\x01"},
        {.why = "empty origin", .host = "a", .origin = ""},
        {.why = "CR LF in a name", .host = "a", .name = "X: y\r\nZ", .value = "z"},
        {.why = "a space in a name", .host = "a", .name = "X ", .value = "z"},
        {.why = "a colon in a name", .host = "a", .name = "X:", .value = "z"},
        {.why = "an empty name", .host = "a", .name = "", .value = "z"},
        {.why = "no name", .host = "a", .name = NULL, .value = "z"},
        {.why = "no value", .host = "a", .name = "X", .value = NULL},
        {.why = "CR LF in a value", .host = "a", .name = "X", .value = "y\r\nZ: z"},
        {.why = "LF in a value", .host = "a", .name = "X", .value = "y\nZ: z"},
        {.why = "CR in a value", .host = "a", .name = "X", .value = "y\rZ: z"},
        {.why = "a control in a value", .host = "a", .name = "X", .value = "\x1B[2J"},
        {.why = "DEL in a value", .host = "a", .name = "X", .value = "\x7F"},
        {.why = "Host again", .host = "a", .name = "hOST", .value = "b"},
        {.why = "Upgrade again", .host = "a", .name = "upgrade", .value = "h2c"},
        {.why = "Connection again", .host = "a", .name = "CONNECTION", .value = "close"},
        {.why = "a length", .host = "a", .name = "Content-Length", .value = "1"},
        {.why = "chunks", .host = "a", .name = "transfer-encoding", .value = "chunked"},
        {.why = "the key", .host = "a", .name = "Sec-WebSocket-Key", .value = KEY},
        {.why = "extensions", .host = "a", .name = "sec-websocket-extensions", .value = "x"},
        {.why = "what is yet to come", .host = "a", .name = "Sec-WebSocket-X", .value = "x"},
        {.why = "CR LF in a subprotocol", .host = "a", .subprotocol = "x\r\nY: z"},
        {.why = "two subprotocols in one", .host = "a", .subprotocol = "x, y"},
        {.why = "an empty subprotocol", .host = "a", .subprotocol = ""},
        {.why = "CR LF in the extensions", .host = "a", .extensions = "x\r\nY: z"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        wsk_header header = {bad[i].name, bad[i].value};
        const char *subprotocols[] = {bad[i].subprotocol, NULL};
        wsk_request_options o = WSK_REQUEST_OPTIONS_INIT;
        wsk__text t = {0};
        bool is_option = bad[i].subprotocol == NULL && bad[i].extensions == NULL;

        o.host = bad[i].host;
        o.target = bad[i].target;
        o.origin = bad[i].origin;
        o.headers = &header;
        o.n_headers = bad[i].name != NULL || bad[i].value != NULL;
        if (wsk__request_is_allowed(&o) == is_option)
            fail_msg("%s: misjudged", bad[i].why);
        wsk__handshake_write_request(&t, &o, KEY, NULL, subprotocols, bad[i].extensions);
        if (!t.failed)
            fail_msg("%s: written", bad[i].why);
        wsk__text_deinit(&t);
    }

    wsk_request_options o = WSK_REQUEST_OPTIONS_INIT;
    wsk__text t = {0};
    o.host = "a";
    wsk__handshake_write_request(&t, &o, KEY, "x\r\nY: z", NULL, NULL);
    assert_true(t.failed);
    wsk__text_deinit(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_judgement),         cmocka_unit_test(test_nothing_offered),
        cmocka_unit_test(test_request),           cmocka_unit_test(test_request_own_fields),
        cmocka_unit_test(test_request_injection),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
