/* SPDX-License-Identifier: MIT */
/*
 * The opening handshake of one connection, octet by octet: heads that come in pieces, what may be
 * called when, subprotocols that stand in no short list, bodies of refusals, and what is said when
 * memory or random numbers run out.
 */
#include "solo.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http/handshake.h"

#define NOMEM "out of memory"

/* --------------------------------------------------------------------------------- server -- */

/* A head that outgrows the first buffer more than once, octet by octet. */
static void test_long_head_in_pieces(void **state)
{
    (void)state;
    static char more[3000];
    solo s;

    memset(more, 'v', sizeof(more) - 1);
    memcpy(more, "X-Long: ", 8);
    memcpy(more + sizeof(more) - 3, "\r\n", 2);
    solo_begin(&s, WSK_ROLE_SERVER, NULL);
    wsk_conn *c = solo_alone(&s);
    const char *head = "GET / HTTP/1.1\r\nHost: a\r\n";
    solo_pass(&s, c, head, strlen(head));
    for (size_t i = 0; i < sizeof(more) - 1; i += 100) {
        solo_want(&s, c, WSK_EV_NONE);
        solo_pass(&s, c, more + i, strlen(more + i) < 100 ? strlen(more + i) : 100);
    }
    solo_say(&s, c, "\r\n");
    solo_want(&s, c, WSK_EV_REQUEST);
    assert_false(s.ev.is_upgrade);
    assert_int_equal(wsk_conn_header(c, "x-long", 0).len, sizeof(more) - 3 - 8);
    assert_int_equal(wsk_conn_head(c).len, strlen(head) + sizeof(more) - 1 + 2);
    solo_end(&s);
}

/* What was fed and not asked for before the loan ended is not lost. */
static void test_head_that_was_not_asked_for(void **state)
{
    (void)state;
    solo s;

    solo_begin(&s, WSK_ROLE_SERVER, NULL);
    wsk_conn *c = solo_alone(&s);
    solo_pass(&s, c, "GET /kept HTTP/1.1\r\n", 20);
    solo_pass(&s, c, "Host: a\r\n\r\n", 11);
    solo_want(&s, c, WSK_EV_REQUEST);
    assert_int_equal(wsk_conn_path(c).len, 5);
    assert_memory_equal(wsk_conn_path(c).ptr, "/kept", 5);
    solo_end(&s);
}

static void test_readers(void **state)
{
    (void)state;
    wsk_str name = {"x", 1}, value = {"y", 1};
    solo s;

    solo_begin(&s, WSK_ROLE_SERVER, NULL);
    wsk_conn *c = solo_alone(&s);
    for (int open = 0; open < 2; open++) {
        /* Before there is a request, and when it is over: empty strings. */
        assert_int_equal(wsk_conn_method(c).len, 0);
        assert_int_equal(wsk_conn_target(c).len, 0);
        assert_int_equal(wsk_conn_path(c).len, 0);
        assert_int_equal(wsk_conn_query(c).len, 0);
        assert_int_equal(wsk_conn_head(c).len, 0);
        assert_null(wsk_conn_header(c, "Host", 0).ptr);
        assert_false(wsk_conn_header_at(c, 0, &name, &value));
        assert_int_equal(name.len, 1);
        assert_null(wsk_conn_body(c).ptr);
        if (open)
            break;
        solo_request(&s, c, "X-Last: z\r\n");
        /* Half a head is none either. */
        assert_null(wsk_conn_header(c, "Host", 0).ptr);
        solo_want(&s, c, WSK_EV_REQUEST);
        assert_true(wsk_conn_header_at(c, 0, &name, &value));
        assert_memory_equal(name.ptr, "Host", 4);
        assert_true(wsk_conn_header_at(c, 5, &name, &value));
        assert_memory_equal(name.ptr, "X-Last", 6);
        assert_memory_equal(value.ptr, "z", 1);
        assert_false(wsk_conn_header_at(c, 6, &name, &value));
        assert_memory_equal(wsk_conn_query(c).ptr, "y=1", 3);
        assert_memory_equal(wsk_conn_head(c).ptr, "GET /x?y=1 HTTP/1.1\r\n", 21);
        assert_null(wsk_conn_body(c).ptr); /* a request's is none of ours */
        assert_int_equal(wsk_conn_accept(c, NULL), WSK_OK);
        solo_want(&s, c, WSK_EV_OPEN);
        assert_int_equal(wsk_conn_path(c).len, 2);
        solo_want(&s, c, WSK_EV_NONE);
        name.len = 1;
    }
    solo_end(&s);
}

static void test_answers_out_of_time(void **state)
{
    (void)state;
    wsk_response r = WSK_RESPONSE_INIT;
    wsk_request_options ro = WSK_REQUEST_OPTIONS_INIT;
    solo s;

    solo_begin(&s, WSK_ROLE_SERVER, NULL);
    wsk_conn *c = solo_alone(&s);
    r.status = 200;
    ro.host = "a";
    assert_int_equal(wsk_conn_request(c, &ro), WSK_ERR_STATE); /* a server asks for nothing */
    assert_int_equal(wsk_conn_accept(c, NULL), WSK_ERR_STATE);
    assert_int_equal(wsk_conn_respond(c, &r), WSK_ERR_STATE);
    solo_say(&s, c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    solo_want(&s, c, WSK_EV_REQUEST);
    assert_false(s.ev.is_upgrade);
    assert_int_equal(wsk_conn_accept(c, NULL), WSK_ERR_STATE); /* it is no upgrade */
    assert_int_equal(wsk_conn_respond(c, NULL), WSK_ERR_INVAL);
    r.status = 199;
    assert_int_equal(wsk_conn_respond(c, &r), WSK_ERR_INVAL);
    r.status = 200;
    assert_int_equal(wsk_conn_respond(c, &r), WSK_OK);
    assert_int_equal(wsk_conn_respond(c, &r), WSK_ERR_STATE);
    /* It is on its way out already. */
    assert_int_equal(wsk_conn_close(c, 1000, NULL), WSK_OK);
    solo_out(&s, c);
    assert_memory_equal(s.out, "HTTP/1.1 200 OK\r\n", 17);
    assert_int_equal(wsk_conn_wants(c), WSK_WANT_READ | WSK_WANT_SHUTDOWN);
    assert_int_equal(wsk_conn_status(c), 200);
    solo_end(&s);
}

/* The peer has said all that it will say, but it is owed an answer. */
static void test_eof_before_the_answer(void **state)
{
    (void)state;
    wsk_response r = WSK_RESPONSE_INIT;
    solo s;

    solo_begin(&s, WSK_ROLE_SERVER, NULL);
    wsk_conn *c = solo_alone(&s);
    solo_say(&s, c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    solo_want(&s, c, WSK_EV_REQUEST);
    solo_want(&s, c, WSK_EV_NONE);
    assert_int_equal(wsk_conn_feed(c, NULL, 0, s.now), WSK_OK);
    solo_want(&s, c, WSK_EV_NONE);
    r.status = 204;
    assert_int_equal(wsk_conn_respond(c, &r), WSK_OK);
    solo_want(&s, c, WSK_EV_NONE);
    solo_out(&s, c);
    assert_memory_equal(s.out, "HTTP/1.1 204 ", 13);
    solo_want(&s, c, WSK_EV_END);
    assert_int_equal(s.ev.status, 204);
    solo_end(&s);
}

/* RFC 9110 9.3.2: the answer to HEAD has no body, a refusal neither. */
static void test_refused_head_request(void **state)
{
    (void)state;
    for (int head = 0; head < 2; head++) {
        solo s;
        solo_begin(&s, WSK_ROLE_SERVER, NULL);
        wsk_conn *c = solo_alone(&s);
        solo_say(&s, c, head ? "HEAD" : "POST");
        solo_want(&s, c, WSK_EV_NONE);
        solo_say(
            &s, c,
            " / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
        solo_want(&s, c, WSK_EV_FAIL);
        assert_int_equal(s.ev.status, 405);
        solo_out(&s, c);
        const char *end = strstr(s.out, "\r\n\r\n");
        assert_non_null(end);
        if (head)
            assert_int_equal(strlen(end), 4);
        else
            assert_true(strlen(end) > 4);
        solo_end(&s);
    }
}

static void many_protocols(char names[300][8], const char *list[301])
{
    for (int i = 0; i < 300; i++) {
        (void)snprintf(names[i], sizeof(names[i]), "p%d", i);
        list[i] = names[i];
    }
    list[300] = NULL;
}

/* A connection keeps one octet for the number of its subprotocol; a list may be longer. */
static void test_long_list_of_subprotocols(void **state)
{
    (void)state;
    static const char *const last[] = {"p253", "p254", "p299"};
    char names[300][8];
    const char *list[301];
    wsk_config_options o = WSK_CONFIG_OPTIONS_INIT;
    wsk_accept_options ao = WSK_ACCEPT_OPTIONS_INIT;

    many_protocols(names, list);
    o.subprotocols = list;
    for (size_t i = 0; i < 3; i++) {
        char line[60];
        solo s;
        solo_begin(&s, WSK_ROLE_SERVER, &o);
        wsk_conn *c = solo_alone(&s);
        (void)snprintf(line, sizeof(line), "Sec-WebSocket-Protocol: other, %s\r\n", last[i]);
        solo_request(&s, c, line);
        solo_want(&s, c, WSK_EV_REQUEST);
        assert_string_equal(wsk_conn_subprotocol(c), last[i]);
        /* The program may choose another one, and none at all. */
        ao.subprotocol = i == 0 ? last[i] : i == 1 ? "other" : "";
        assert_int_equal(wsk_conn_accept(c, &ao), WSK_OK);
        assert_string_equal(wsk_conn_subprotocol(c), ao.subprotocol);
        solo_out(&s, c);
        const char *said = strstr(s.out, "Sec-WebSocket-Protocol: ");
        if (i == 2)
            assert_null(said);
        else
            assert_memory_equal(said + 24, ao.subprotocol, strlen(ao.subprotocol));
        solo_end(&s);

        solo_begin(&s, WSK_ROLE_CLIENT, &o);
        c = solo_alone(&s);
        (void)snprintf(line, sizeof(line), "Sec-WebSocket-Protocol: %s\r\n", last[i]);
        solo_open(&s, c, line);
        assert_string_equal(wsk_conn_subprotocol(c), last[i]);
        solo_end(&s);
    }
}

static void test_no_memory_for_a_subprotocol(void **state)
{
    (void)state;
    char names[300][8];
    const char *list[301];
    wsk_config_options o = WSK_CONFIG_OPTIONS_INIT;
    wsk_accept_options ao = WSK_ACCEPT_OPTIONS_INIT;
    solo s;

    many_protocols(names, list);
    o.subprotocols = list;
    solo_begin(&s, WSK_ROLE_SERVER, &o);
    wsk_conn *c = solo_alone(&s);
    solo_request(&s, c, "Sec-WebSocket-Protocol: p299, other\r\n");
    solo_starve(&s, 1);
    solo_want(&s, c, WSK_EV_FAIL);
    assert_int_equal(s.ev.status, 500);
    assert_string_equal(s.ev.text, NOMEM);
    solo_out(&s, c);
    assert_memory_equal(s.out, "HTTP/1.1 500 ", 13);
    /* The program's own choice: the request stays pending, so that it may be tried again. */
    c = solo_alone(&s);
    solo_request(&s, c, "Sec-WebSocket-Protocol: p1, other\r\n");
    solo_want(&s, c, WSK_EV_REQUEST);
    ao.subprotocol = "other";
    solo_starve(&s, 1);
    assert_int_equal(wsk_conn_accept(c, &ao), WSK_ERR_NOMEM);
    assert_string_equal(wsk_conn_subprotocol(c), "p1");
    assert_int_equal(wsk_conn_accept(c, &ao), WSK_OK);
    assert_string_equal(wsk_conn_subprotocol(c), "other");
    solo_end(&s);

    solo_begin(&s, WSK_ROLE_CLIENT, &o);
    c = solo_alone(&s);
    char *text = solo_answer(&s, c, "Sec-WebSocket-Protocol: p299\r\n");
    solo_say(&s, c, text);
    free(text);
    solo_starve(&s, 2); /* the first one is for the head */
    solo_want(&s, c, WSK_EV_FAIL);
    assert_string_equal(s.ev.text, NOMEM);
    assert_int_equal(s.ev.code, 1006);
    solo_end(&s);
}

/* Every allocation of a handshake fails in turn: an answer, a failure, or both, and it ends. */
static void test_no_memory_for_a_request(void **state)
{
    (void)state;
    for (int shell = 0; shell < 2; shell++) {
        for (long i = 1;; i++) {
            bool opened = false, failed = false;
            solo s;
            solo_begin(&s, WSK_ROLE_SERVER, NULL);
            wsk_conn *c = shell ? solo_shell(&s) : solo_alone(&s);
            solo_starve(&s, i);
            static const char text[] =
                "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
            char copy[sizeof(text)];
            memcpy(copy, text, sizeof(text));
            int r = wsk_conn_feed(c, copy, sizeof(text) - 1, s.now);
            assert_true(r == WSK_OK || (r == WSK_ERR_NOMEM && s.alloc.failed));
            if (r < 0)
                wsk_conn_lost(c, NOMEM); /* as a shell does */
            for (;;) {
                wsk_event_type type = solo_next(&s, c);
                if (type == WSK_EV_NONE || type == WSK_EV_END)
                    break;
                if (type == WSK_EV_REQUEST)
                    assert_true(wsk_conn_accept(c, NULL) == WSK_OK || s.alloc.failed);
                opened |= type == WSK_EV_OPEN;
                failed |= type == WSK_EV_FAIL;
            }
            bool starved = s.alloc.failed;
            if (r == WSK_OK) {
                assert_true(opened != failed);
                assert_int_equal(failed, starved);
            }
            solo_end(&s);
            if (!starved)
                break;
            assert_true(i < 20);
        }
    }
}

static void test_no_memory_for_a_response(void **state)
{
    (void)state;
    wsk_response r = WSK_RESPONSE_INIT;
    solo s;

    r.status = 200;
    r.body = "0123456789";
    r.body_len = 10;
    for (long i = 1; i <= 2; i++) {
        solo_begin(&s, WSK_ROLE_SERVER, NULL);
        wsk_conn *c = solo_alone(&s);
        solo_say(&s, c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        solo_want(&s, c, WSK_EV_REQUEST);
        solo_starve(&s, i);
        assert_int_equal(wsk_conn_respond(c, &r), WSK_ERR_NOMEM);
        solo_want(&s, c, WSK_EV_FAIL);
        assert_string_equal(s.ev.text, NOMEM);
        assert_int_equal(wsk_conn_wants(c), WSK_WANT_DROP);
        solo_end(&s);
    }
}

/* Frames right behind the request wait for the answer; without memory for them it is 500. */
static void test_no_memory_for_what_follows(void **state)
{
    (void)state;
    solo s;

    for (int all = 0; all < 2; all++) {
        solo_begin(&s, WSK_ROLE_SERVER, NULL);
        wsk_conn *c = solo_alone(&s);
        solo_say(&s, c,
                 "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                 "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
                 "\x81\x80++++");
        solo_want(&s, c, WSK_EV_REQUEST);
        if (all)
            solo_starve_all(&s);
        else
            solo_starve(&s, 1);
        assert_int_equal(wsk__conn_unlend_input(c), WSK_ERR_NOMEM);
        solo_want(&s, c, WSK_EV_FAIL);
        assert_string_equal(s.ev.text, NOMEM);
        assert_int_equal(s.ev.status, all ? 0 : 500); /* as far as it was sent */
        assert_int_equal(wsk_conn_accept(c, NULL), WSK_ERR_STATE);
        solo_out(&s, c);
        /* Where there is none even for the answer, the connection is dropped. */
        if (all)
            assert_int_equal(wsk_conn_wants(c), WSK_WANT_DROP);
        else
            assert_memory_equal(s.out, "HTTP/1.1 500 ", 13);
        solo_end(&s);
    }
}

/* --------------------------------------------------------------------------------- client -- */

static void test_request_out_of_time(void **state)
{
    (void)state;
    wsk_request_options ro = WSK_REQUEST_OPTIONS_INIT;
    wsk_response r = WSK_RESPONSE_INIT;
    solo s;

    ro.host = "a";
    r.status = 200;
    solo_begin(&s, WSK_ROLE_CLIENT, NULL);
    wsk_conn *c = solo_alone(&s);
    assert_int_equal(wsk_conn_request(c, NULL), WSK_ERR_INVAL);
    assert_int_equal(wsk_conn_respond(c, &r), WSK_ERR_STATE);
    assert_int_equal(wsk_conn_accept(c, NULL), WSK_ERR_STATE);
    assert_int_equal(wsk_conn_request(c, &ro), WSK_OK);
    assert_int_equal(wsk_conn_request(c, &ro), WSK_ERR_STATE); /* one is enough */
    c = solo_alone(&s);
    solo_open(&s, c, "");
    assert_int_equal(wsk_conn_request(c, &ro), WSK_ERR_STATE); /* open already */
    c = solo_alone(&s);
    assert_int_equal(wsk_conn_feed(c, NULL, 0, s.now), WSK_OK);
    solo_want(&s, c, WSK_EV_END);
    assert_int_equal(wsk_conn_request(c, &ro), WSK_ERR_STATE); /* over */
    solo_end(&s);
}

static int no_random(void *ud, void *buf, size_t n)
{
    (void)ud;
    (void)buf;
    (void)n;
    return -1;
}

/* What a request could not be begun with may be there the next time. */
static void test_request_that_failed_may_be_tried_again(void **state)
{
    (void)state;
    wsk_config_options o = WSK_CONFIG_OPTIONS_INIT;
    wsk_request_options ro = WSK_REQUEST_OPTIONS_INIT;
    long i = 0;
    solo s;

    ro.host = "a";
    ro.target = "/again";
    o.deflate.enabled = true;
    solo_begin(&s, WSK_ROLE_CLIENT, &o);
    int (*random)(void *, void *, size_t) = s.alloc.hooks.random;
    wsk_conn *c = solo_shell(&s);
    s.alloc.hooks.random = no_random;
    assert_int_equal(wsk_conn_request(c, &ro), WSK_ERR_SYS);
    s.alloc.hooks.random = random;
    assert_int_equal(wsk_conn_request(c, &ro), WSK_OK);
    c = solo_shell(&s);
    do {
        solo_starve(&s, ++i);
        assert_int_equal(wsk_conn_queued(c), 0);
    } while (wsk_conn_request(c, &ro) == WSK_ERR_NOMEM);
    assert_true(i > 3); /* of the connection and of the handshake, the text, the queue */
    solo_nourish(&s);
    solo_out(&s, c);
    assert_memory_equal(s.out, "GET /again HTTP/1.1\r\n", 21);
    assert_int_equal(wsk_conn_request(c, &ro), WSK_ERR_STATE);
    solo_end(&s);
}

/* A server that says what a handshake without a key would be answered with. */
static void test_answer_before_the_request(void **state)
{
    (void)state;
    static const char nothing[WSK__KEY_LEN];
    char accept[WSK__ACCEPT_LEN + 1], text[200];
    solo s;

    solo_begin(&s, WSK_ROLE_CLIENT, NULL);
    wsk_conn *c = solo_alone(&s);
    assert_int_equal(wsk__handshake_accept(nothing, accept), WSK_OK);
    snprintf(text, sizeof(text),
             "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
             "Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n",
             accept);
    solo_say(&s, c, text);
    solo_want(&s, c, WSK_EV_FAIL);
    assert_string_equal(s.ev.text, "the server spoke before it was asked");
    solo_end(&s);
}

/* -------------------------------------------------------------------------------- refusals -- */

/* A client that was answered with this head (behind the status line) and what comes behind it. */
static wsk_conn *refused(solo *s, const char *fields, const char *body)
{
    wsk_request_options ro = WSK_REQUEST_OPTIONS_INIT;
    wsk_conn *c = solo_alone(s);

    ro.host = "a";
    assert_int_equal(wsk_conn_request(c, &ro), WSK_OK);
    solo_out(s, c);
    solo_say(s, c, "HTTP/1.1 403 Forbidden\r\n");
    solo_want(s, c, WSK_EV_NONE);
    solo_say(s, c, fields);
    solo_want(s, c, WSK_EV_NONE);
    solo_say(s, c, "\r\n");
    if (*body != 0)
        solo_want(s, c, WSK_EV_NONE);
    solo_say(s, c, body);
    return c;
}

static void failed_with(solo *s, wsk_conn *c, const char *body, size_t n)
{
    solo_want(s, c, WSK_EV_FAIL);
    assert_int_equal(s->ev.status, 403);
    assert_int_equal(wsk_conn_body(c).len, n);
    if (n > 0)
        assert_memory_equal(wsk_conn_body(c).ptr, body, n);
    else
        assert_null(wsk_conn_body(c).ptr);
}

static void test_body_lengths(void **state)
{
    (void)state;
    static char huge[60] = "Content-Length: ";
    solo s;

    solo_begin(&s, WSK_ROLE_CLIENT, NULL);
    failed_with(&s, refused(&s, "Content-Length: 3\r\n", "abcdef"), "abc", 3);
    /* A length that is none: to the end of the input. */
    static const char *const none[] = {"Content-Length: 3x\r\n", "Content-Length: -3\r\n",
                                       "Content-Length:\r\n", ""};
    for (size_t i = 0; i < WSK__COUNT(none); i++) {
        wsk_conn *c = refused(&s, none[i], "abcdef");
        solo_want(&s, c, WSK_EV_NONE);
        assert_int_equal(wsk_conn_feed(c, NULL, 0, s.now), WSK_OK);
        failed_with(&s, c, "abcdef", 6);
    }
    /* Eighteen digits are a number, nineteen are not waited for either. */
    for (int digits = 18; digits < 20; digits++) {
        memset(huge + 16, '9', (size_t)digits);
        memcpy(huge + 16 + digits, "\r\n", 3);
        wsk_conn *c = refused(&s, huge, "abc");
        solo_want(&s, c, WSK_EV_NONE);
        wsk_conn_lost(c, "reset"); /* the transport broke while it was read: it says so much */
        failed_with(&s, c, "abc", 3);
        solo_want(&s, c, WSK_EV_END);
        assert_int_equal(s.ev.code, 1006);
    }
    solo_end(&s);
}

static void test_body_in_chunks(void **state)
{
    (void)state;
    static const struct {
        const char *wire, *body; /* of wire, up to its end, all makes sense or none of it counts */
        bool ends;               /* before the input does */
    } rows[] = {
        {"3\r\nabc\r\n0\r\n\r\n", "abc", true},
        {"3;name=value\r\nabc\r\n2 ;x\r\nde\r\n00\r\n\r\n", "abcde", true},
        {"A\t\r\n0123456789\r\na\r\nABCDEFGHIJ\r\n", "0123456789ABCDEFGHIJ", false},
        {"1\r\na\r\n1\r\nb\r\n", "ab", false},
        /* What breaks a rule ends it there. */
        {"3\r\nabcX", "abc", true},
        {"3\r\nabc\rX", "abc", true},
        {"3\rXabc", "", true},
        {"3,\r\nabc", "", true},
        {"x\r\nabc", "", true},
        {"g\r\nabc", "", true},
        {"\r\nabc", "", true},
        {"3x", "", true},
        {"fffffffff\r\nabc", "", true},
    };
    solo s;

    solo_begin(&s, WSK_ROLE_CLIENT, NULL);
    for (size_t i = 0; i < WSK__COUNT(rows); i++) {
        wsk_conn *c = refused(&s, "Transfer-Encoding: chunked\r\n", rows[i].wire);
        if (!rows[i].ends) {
            solo_want(&s, c, WSK_EV_NONE);
            assert_int_equal(wsk_conn_feed(c, NULL, 0, s.now), WSK_OK);
        }
        failed_with(&s, c, rows[i].body, strlen(rows[i].body));
    }
    solo_end(&s);
}

/* What was fed before somebody asked for it, and what is lent now. */
static void test_body_that_was_not_asked_for(void **state)
{
    (void)state;
    solo s;

    solo_begin(&s, WSK_ROLE_CLIENT, NULL);
    wsk_conn *c = refused(&s, "Content-Length: 6\r\n", "a");
    solo_want(&s, c, WSK_EV_NONE);
    solo_pass(&s, c, "bc", 2);
    solo_say(&s, c, "def");
    failed_with(&s, c, "abcdef", 6);
    solo_end(&s);
}

/* Chunks do not end where pieces of input do. */
static void test_body_in_chunks_in_pieces(void **state)
{
    (void)state;
    static const char wire[] = "5;x\r\nabcde\r\n3\r\nfgh\r\n0\r\n";
    solo s;

    solo_begin(&s, WSK_ROLE_CLIENT, NULL);
    for (size_t cut = 1; cut < 4; cut++) {
        wsk_conn *c = refused(&s, "Transfer-Encoding: chunked\r\n", "");
        for (size_t i = 0; i < sizeof(wire) - 1; i += cut) {
            solo_want(&s, c, WSK_EV_NONE);
            solo_feed(&s, c, wire + i, sizeof(wire) - 1 - i < cut ? sizeof(wire) - 1 - i : cut);
        }
        failed_with(&s, c, "abcdefgh", 8);
    }
    solo_end(&s);
}

/* 1,024 octets of it are kept, and however it is dressed up no more than four times as much is
 * read for them. */
static void test_body_limits(void **state)
{
    (void)state;
    static char text[2000], chunk[2010];
    solo s;

    memset(text, 'a', sizeof(text) - 1);
    solo_begin(&s, WSK_ROLE_CLIENT, NULL);
    failed_with(&s, refused(&s, "Content-Length: 5000\r\n", text), text, 1024);
    (void)snprintf(chunk, sizeof(chunk), "7cf\r\n%s\r\n", text);
    failed_with(&s, refused(&s, "Transfer-Encoding: chunked\r\n", chunk), text, 1024);
    /* Just as much: nothing more of it could be kept. */
    failed_with(&s, refused(&s, "Content-Length: 5000\r\n", text + sizeof(text) - 1 - 1024), text,
                1024);
    /* Less than all: the end is awaited. */
    wsk_conn *c = refused(&s, "Content-Length: 5000\r\n", text + sizeof(text) - 1 - 1023);
    solo_want(&s, c, WSK_EV_NONE);
    /* Extensions of chunks without end. */
    c = refused(&s, "Transfer-Encoding: chunked\r\n", "1;");
    int pieces = 0;
    do {
        assert_true(++pieces < 5);
        solo_want(&s, c, WSK_EV_NONE);
        solo_say(&s, c, text);
    } while (pieces < 3);
    failed_with(&s, c, "", 0);
    solo_end(&s);
}

static void test_no_memory_for_a_body(void **state)
{
    (void)state;
    wsk_request_options ro = WSK_REQUEST_OPTIONS_INIT;
    solo s;

    ro.host = "a";
    solo_begin(&s, WSK_ROLE_CLIENT, NULL);
    wsk_conn *c = solo_alone(&s);
    assert_int_equal(wsk_conn_request(c, &ro), WSK_OK);
    solo_out(&s, c);
    solo_say(&s, c, "HTTP/1.1 403 Forbidden\r\nContent-Length: 3\r\n\r\nabc");
    solo_starve(&s, 2);
    failed_with(&s, c, "", 0);
    /* The reason of the failure is the refusal all the same. */
    assert_string_not_equal(s.ev.text, NOMEM);
    solo_end(&s);
}

/* A program that was built against an older header has shorter structs: nothing behind `size` is
 * looked at. One that has forgotten it is told. */
static void test_sizes(void **state)
{
    (void)state;
    static const wsk_header bad = {"no name", "x"};
    wsk_accept_options ao = {.headers = &bad, .n_headers = 1};
    wsk_response re = {.status = 404, .headers = &bad, .n_headers = 1};
    wsk_request_options ro = {.host = "a", .headers = &bad, .n_headers = 1};
    solo s;

    solo_begin(&s, WSK_ROLE_SERVER, NULL);
    for (int i = 0; i < 2; i++) {
        wsk_conn *c = solo_alone(&s);
        solo_request(&s, c, "");
        solo_want(&s, c, WSK_EV_REQUEST);
        assert_int_equal(wsk_conn_accept(c, &ao), WSK_ERR_INVAL);
        assert_int_equal(wsk_conn_respond(c, &re), WSK_ERR_INVAL);
        ao.size = offsetof(wsk_accept_options, headers);
        re.size = offsetof(wsk_response, headers);
        if (i == 0)
            assert_int_equal(wsk_conn_accept(c, &ao), WSK_OK);
        else
            assert_int_equal(wsk_conn_respond(c, &re), WSK_OK);
        ao.size = re.size = 0;
    }
    solo_end(&s);
    solo_begin(&s, WSK_ROLE_CLIENT, NULL);
    wsk_conn *c = solo_alone(&s);
    assert_int_equal(wsk_conn_request(c, &ro), WSK_ERR_INVAL);
    ro.size = offsetof(wsk_request_options, headers);
    assert_int_equal(wsk_conn_request(c, &ro), WSK_OK);
    solo_end(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_long_head_in_pieces),
        cmocka_unit_test(test_head_that_was_not_asked_for),
        cmocka_unit_test(test_readers),
        cmocka_unit_test(test_answers_out_of_time),
        cmocka_unit_test(test_eof_before_the_answer),
        cmocka_unit_test(test_refused_head_request),
        cmocka_unit_test(test_long_list_of_subprotocols),
        cmocka_unit_test(test_no_memory_for_a_subprotocol),
        cmocka_unit_test(test_no_memory_for_a_request),
        cmocka_unit_test(test_no_memory_for_a_response),
        cmocka_unit_test(test_no_memory_for_what_follows),
        cmocka_unit_test(test_request_out_of_time),
        cmocka_unit_test(test_request_that_failed_may_be_tried_again),
        cmocka_unit_test(test_body_lengths),
        cmocka_unit_test(test_body_in_chunks),
        cmocka_unit_test(test_body_that_was_not_asked_for),
        cmocka_unit_test(test_body_in_chunks_in_pieces),
        cmocka_unit_test(test_answer_before_the_request),
        cmocka_unit_test(test_body_limits),
        cmocka_unit_test(test_no_memory_for_a_body),
    };

    return cmocka_run_group_tests_name("conn_opening", tests, NULL, NULL);
}
