/* SPDX-License-Identifier: MIT */
/* The server's answers: 101 and the others, and what may not get into them. */
#include "heads.h"

#include <stdio.h>

#include "http/handshake.h"

#define ACCEPT "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

static void test_101(void **state)
{
    static const wsk_header headers[] = {{"Set-Cookie", "a=b"}, {"Set-Cookie", "c=d"}};
    static const wsk_header own[] = {{"server", "mine"}};
    wsk__text t = {0};

    (void)state;
    wsk__handshake_write_response(&t, ACCEPT, NULL, NULL, NULL, NULL, 0);
    assert_false(t.failed);
    assert_string_equal(t.ptr, "HTTP/1.1 101 Switching Protocols\r\n"
                               "Upgrade: websocket\r\n"
                               "Connection: Upgrade\r\n"
                               "Sec-WebSocket-Accept: " ACCEPT "\r\n\r\n");
    wsk__text_deinit(&t);

    wsk__handshake_write_response(&t, ACCEPT, "websock", "chat", "a; b=1, c", headers, 2);
    assert_false(t.failed);
    assert_string_equal(t.ptr, "HTTP/1.1 101 Switching Protocols\r\n"
                               "Upgrade: websocket\r\n"
                               "Connection: Upgrade\r\n"
                               "Sec-WebSocket-Accept: " ACCEPT "\r\n"
                               "Sec-WebSocket-Protocol: chat\r\n"
                               "Sec-WebSocket-Extensions: a; b=1, c\r\n"
                               "Server: websock\r\n"
                               "Set-Cookie: a=b\r\n"
                               "Set-Cookie: c=d\r\n\r\n");
    wsk__text_deinit(&t);

    /* Empty is none; and the program's own Server field is the only one. */
    wsk__handshake_write_response(&t, ACCEPT, "websock", "", "", own, 1);
    assert_false(t.failed);
    assert_null(strstr(t.ptr, "Protocol:"));
    assert_null(strstr(t.ptr, "Extensions:"));
    assert_null(strstr(t.ptr, "Server: websock"));
    assert_non_null(strstr(t.ptr, "server: mine\r\n"));
    wsk__text_deinit(&t);
}

/* Our client believes what our server answers. */
static void test_101_is_believed(void **state)
{
    static const char *const offered[] = {"chat", NULL};
    const char *subprotocol = NULL, *why;
    wsk__text t = {0};
    test_head head;

    (void)state;
    wsk__handshake_write_response(&t, ACCEPT, "websock", "chat", NULL, NULL, 0);
    test_head_parse(&head, WSK__HEAD_RESPONSE, t.ptr, t.len);
    assert_true(wsk__handshake_judge_response(&head.head, "dGhlIHNhbXBsZSBub25jZQ==", offered,
                                              &subprotocol, &why));
    assert_string_equal(subprotocol, "chat");
    test_head_free(&head);
    wsk__text_deinit(&t);
}

static void test_others(void **state)
{
    static const wsk_header location[] = {{"Location", "wss://example.org/"}};
    static const wsk_header own[] = {{"content-type", "a/b"}, {"allow", "X"}, {"SERVER", "mine"}};
    static const wsk_header later[] = {{"retry-after", "9"}};
    static const struct {
        const char *why;
        wsk_response response;
        const char *server;
        bool is_head;
        const char *text;
    } rows[] = {
        {"a page",
         {.status = 200, .content_type = "text/html", .body = "<p>\0</p>", .body_len = 8},
         "websock",
         false,
         "HTTP/1.1 200 OK\r\nServer: websock\r\nConnection: close\r\nContent-Type: text/html\r\n"
         "Content-Length: 8\r\n\r\n<p>"},
        {"the head of a page has the length that it stands for",
         {.status = 200, .content_type = "text/html", .body = "<p>", .body_len = 3},
         NULL,
         true,
         "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: text/html\r\n"
         "Content-Length: 3\r\n\r\n"},
        {"no body: the status in words",
         {.status = 404},
         NULL,
         false,
         "HTTP/1.1 404 Not Found\r\nConnection: close\r\n"
         "Content-Type: text/plain; charset=utf-8\r\nContent-Length: 10\r\n\r\nNot Found\n"},
        {"an empty body is a body",
         {.status = 200, .body = "", .body_len = 0},
         NULL,
         false,
         "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: text/plain; charset=utf-8\r\n"
         "Content-Length: 0\r\n\r\n"},
        {"a status without words",
         {.status = 299, .body = "x", .body_len = 1},
         NULL,
         false,
         "HTTP/1.1 299 \r\nConnection: close\r\nContent-Type: text/plain; charset=utf-8\r\n"
         "Content-Length: 1\r\n\r\nx"},
        {"204 has no body and no length",
         {.status = 204, .body = "x", .body_len = 1},
         NULL,
         false,
         "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"},
        {"405 says what would do",
         {.status = 405},
         NULL,
         false,
         "HTTP/1.1 405 Method Not Allowed\r\nConnection: close\r\nAllow: GET\r\n"
         "Content-Type: text/plain; charset=utf-8\r\nContent-Length: 19\r\n\r\n"
         "Method Not Allowed\n"},
        {"426 says to what, and which version",
         {.status = 426},
         NULL,
         false,
         "HTTP/1.1 426 Upgrade Required\r\nUpgrade: websocket\r\nConnection: Upgrade, close\r\n"
         "Sec-WebSocket-Version: 13\r\nContent-Type: text/plain; charset=utf-8\r\n"
         "Content-Length: 17\r\n\r\nUpgrade Required\n"},
        {"a redirect",
         {.status = 307, .headers = location, .n_headers = 1},
         NULL,
         false,
         "HTTP/1.1 307 Temporary Redirect\r\nConnection: close\r\nLocation: wss://example.org/\r\n"
         "Content-Type: text/plain; charset=utf-8\r\nContent-Length: 19\r\n\r\n"
         "Temporary Redirect\n"},
        {"the program's own fields are the only ones",
         {.status = 405, .headers = own, .n_headers = 3, .body = "", .body_len = 0},
         "websock",
         false,
         "HTTP/1.1 405 Method Not Allowed\r\nConnection: close\r\ncontent-type: a/b\r\nallow: X\r\n"
         "SERVER: mine\r\nContent-Length: 0\r\n\r\n"},
        {"the program knows when to come again",
         {.status = 429, .headers = later, .n_headers = 1, .body = "", .body_len = 0},
         NULL,
         false,
         "HTTP/1.1 429 Too Many Requests\r\nConnection: close\r\nretry-after: 9\r\n"
         "Content-Type: text/plain; charset=utf-8\r\nContent-Length: 0\r\n\r\n"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        wsk__text t = {0};

        wsk__http_write_response(&t, &rows[i].response, rows[i].server, rows[i].is_head);
        if (t.failed)
            fail_msg("%s", rows[i].why);
        assert_string_equal(t.ptr, rows[i].text);
        if (i == 0) {
            assert_int_equal(t.len, strlen(t.ptr) + 5); /* the octets behind NUL, too */
            assert_memory_equal(t.ptr + t.len - 5, "\0</p>", 5);
        } else {
            assert_int_equal(t.len, strlen(t.ptr));
        }
        wsk__text_deinit(&t);
    }
}

static void test_refusal(void **state)
{
    wsk__refusal refusal = {400, "the Host field is missing"};
    wsk__text t = {0};

    (void)state;
    wsk__http_write_refusal(&t, &refusal, NULL, false);
    assert_string_equal(t.ptr, "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n"
                               "Content-Type: text/plain; charset=utf-8\r\n"
                               "Content-Length: 26\r\n\r\nthe Host field is missing\n");
    wsk__text_deinit(&t);
    wsk__http_write_refusal(&t, &refusal, NULL, true);
    assert_non_null(strstr(t.ptr, "Content-Length: 26\r\n\r\n"));
    assert_memory_equal(t.ptr + t.len - 4, "\r\n\r\n", 4);
    wsk__text_deinit(&t);
}

/* Every way in which a program could be made to answer with something else. */
static void test_injection(void **state)
{
    static const struct {
        const char *why;
        unsigned status;
        const char *type, *name, *value;
        bool in_101; /* wrong for a 101 response as well */
    } bad[] = {
        {"a status that is none", 0, NULL, NULL, NULL, false},
        {"an interim status", 100, NULL, NULL, NULL, false},
        {"101 is not plain", 101, NULL, NULL, NULL, false},
        {"a status of four digits", 1000, NULL, NULL, NULL, false},
        {"600", 600, NULL, NULL, NULL, false},
        {"a redirect to nowhere", 302, NULL, "X", "y", false},
        {"CR LF in the type", 200, "a/b\r\nX: y", NULL, NULL, false},
        {"an empty type", 200, "", NULL, NULL, false},
        {"CR LF in a name", 200, NULL, "A: b\r\nX", "y", true},
        {"a space in a name", 200, NULL, "A b", "y", true},
        {"an empty name", 200, NULL, "", "y", true},
        {"CR LF in a value", 200, NULL, "X", "y\r\n\r\n<script>", true},
        {"LF in a value", 200, NULL, "X", "y\nZ: z", true},
        {"CR in a value", 200, NULL, "X", "y\rZ: z", true},
        {"a control in a value", 200, NULL, "X", "\x08", true},
        {"no value", 200, NULL, "X", NULL, true},
        {"a second length", 200, NULL, "Content-length", "3", true},
        {"a second framing", 200, NULL, "Transfer-Encoding", "chunked", true},
        {"another Connection", 200, NULL, "connection", "keep-alive", true},
        {"another Upgrade", 200, NULL, "UPGRADE", "h2c", true},
        {"another Accept", 200, NULL, "Sec-WebSocket-Accept", ACCEPT, true},
        {"a subprotocol by the back door", 200, NULL, "sec-websocket-protocol", "x", true},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        wsk_header header = {bad[i].name, bad[i].value};
        wsk_response response = {.status = bad[i].status,
                                 .content_type = bad[i].type,
                                 .headers = &header,
                                 .n_headers = bad[i].name != NULL};
        wsk__text t = {0};

        if (wsk__response_is_allowed(&response))
            fail_msg("%s: allowed", bad[i].why);
        wsk__http_write_response(&t, &response, NULL, false);
        if (!t.failed)
            fail_msg("%s: written", bad[i].why);
        wsk__text_deinit(&t);
        t = (wsk__text){0};
        if (bad[i].in_101) {
            assert_false(wsk__header_is_allowed(&header, WSK_ROLE_SERVER));
            wsk__handshake_write_response(&t, ACCEPT, NULL, NULL, NULL, &header, 1);
            if (!t.failed)
                fail_msg("%s: written in 101", bad[i].why);
        }
        wsk__text_deinit(&t);
    }

    wsk_response response = {.status = 200, .body_len = 1};
    assert_false(wsk__response_is_allowed(&response));
    for (int i = 0; i < 3; i++) {
        const char *evil = "x\r\nY: z";
        wsk__text t = {0};

        wsk__handshake_write_response(&t, ACCEPT, i == 0 ? evil : NULL, i == 1 ? evil : NULL,
                                      i == 2 ? evil : NULL, NULL, 0);
        assert_true(t.failed);
        wsk__text_deinit(&t);
    }
    /* Host belongs to requests. */
    wsk_header host = {"Host", "a"};
    assert_true(wsk__header_is_allowed(&host, WSK_ROLE_SERVER));
    assert_false(wsk__header_is_allowed(&host, WSK_ROLE_CLIENT));
}

static void write_all(void *ud, const wsk_hooks *hooks)
{
    static const wsk_header headers[] = {{"X", "y"}};
    wsk_response response = {.status = 426, .headers = headers, .n_headers = 1};
    wsk__refusal refusal = {400, "the Host field is missing"};
    wsk_request_options o = WSK_REQUEST_OPTIONS_INIT;
    const test_alloc *a = hooks->ud;
    wsk__text t = {.hooks = hooks};

    (void)ud;
    o.host = "a";
    wsk__handshake_write_response(&t, ACCEPT, "s", "p", "e", headers, 1);
    wsk__http_write_response(&t, &response, "s", false);
    wsk__http_write_refusal(&t, &refusal, "s", false);
    wsk__handshake_write_request(&t, &o, "dGhlIHNhbXBsZSBub25jZQ==", "u", NULL, "e");
    assert_int_equal(t.failed, a->failed);
    wsk__text_deinit(&t);
}

static void test_failing_allocations(void **state)
{
    (void)state;
    with_failing_alloc(write_all, NULL);
}

static void test_status_texts(void **state)
{
    static const unsigned ours[] = {101, 200, 400, 403, 404, 405, 408,
                                    414, 426, 431, 500, 501, 503, 505};

    (void)state;
    for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
        assert_true(strlen(wsk__status_text(ours[i])) > 0);
    assert_string_equal(wsk__status_text(400), "Bad Request");
    assert_string_equal(wsk__status_text(299), "");
    assert_string_equal(wsk__status_text(0), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_101),          cmocka_unit_test(test_101_is_believed),
        cmocka_unit_test(test_others),       cmocka_unit_test(test_refusal),
        cmocka_unit_test(test_injection),    cmocka_unit_test(test_failing_allocations),
        cmocka_unit_test(test_status_texts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
