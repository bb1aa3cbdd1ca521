/* SPDX-License-Identifier: MIT */
/* The pages: everything that a peer can say is escaped, every section is there, links fit. */
#include "support.h"

#include "conformance/report_frame.h"
#include "conformance/report_html.h"
#include "report_samples.h"
#include "util/attr.h"

static size_t count(const char *text, const char *word)
{
    size_t n = 0;
    for (const char *p = text; (p = strstr(p, word)) != NULL; p += strlen(word))
        n++;
    return n;
}

/* What the page itself has: one style, one script, both named by the policy. */
static void check_page(const char *html)
{
    assert_int_equal(count(html, "<script"), 1);
    assert_int_equal(count(html, "</script"), 1);
    assert_int_equal(count(html, "<style"), 1);
    assert_int_equal(count(html, "alert('x')"), 0);
    assert_null(strchr(html, '\x1b'));
    assert_int_equal(count(html, "\xe2\x80\xae"), 0);
    assert_true(judge_utf8_is_valid(html, strlen(html)));
    assert_non_null(strstr(html, "Content-Security-Policy"));
    assert_non_null(strstr(html, "default-src 'none'"));
    /* Nothing is loaded from anywhere. */
    assert_int_equal(count(html, " src=\"http"), 0);
    assert_int_equal(count(html, "@import"), 0);
    assert_int_equal(count(html, "url("), 0);
    /* Inline handlers and styles would not pass the policy. */
    assert_int_equal(count(html, " onclick="), 0);
    assert_int_equal(count(html, " style="), 0);
}

static void test_evil_case(void **state)
{
    (void)state;
    judge_log log[2];
    judge_event event;
    judge_result r = evil_case(log, &event);
    judge_expected expected = {JUDGE_OK, {&event, 1}};
    r.expected = &expected;
    r.n_expected = 1;
    judge_buf b = {0};
    judge_html_case(&b, &r, "slug", NULL, "1.1.0", NULL);
    assert_false(b.failed);
    check_page(b.at);
    assert_non_null(strstr(b.at, "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&quot;&amp;"));
    assert_non_null(strstr(b.at, "na\xc3\xafve"));
    assert_non_null(strstr(b.at, "\\u{202e}"));
    assert_non_null(strstr(b.at, "X-\\xff"));
    judge_buf_deinit(&b);
}

static void test_evil_index(void **state)
{
    (void)state;
    judge_log log[2];
    judge_event event;
    judge_result r = evil_case(log, &event);
    judge_store s = {0};
    judge_entry *e;
    judge_table *t = judge_table_new();
    assert_non_null(judge_store_add(&s, &r, &e));
    judge_buf b = {0};
    judge_html_index(&b, &s, t, 0);
    assert_false(b.failed);
    check_page(b.at);
    assert_non_null(strstr(b.at, "href=\"agent__script_alert__x____script_case_1_1_1.html\""));
    judge_buf_deinit(&b);
    judge_store_deinit(&s);
    judge_table_free(t);
}

/* Each section of a case's page, in its order. */
static void test_sections(void **state)
{
    (void)state;
    static const char *const sections[] = {"<h1>6.2.4",
                                           "Pass</span>",
                                           "Close: Unclean",
                                           "websock server",
                                           "1.0 ms",
                                           "2026-04-11T02:41",
                                           "Description",
                                           "Expectation",
                                           "Outcome",
                                           "Actual events match",
                                           "Expected",
                                           "Observed",
                                           "Closing</h2>",
                                           "failed cleanly",
                                           "handshake: request",
                                           "Sec-WebSocket-Key",
                                           "handshake: response",
                                           "101 Switching",
                                           "isServer",
                                           "closedByMe",
                                           "failedByMe",
                                           "droppedByMe",
                                           "wasClean",
                                           "wasNotCleanReason",
                                           "wasServerConnectionDropTimeout",
                                           "wasOpenHandshakeTimeout",
                                           "wasCloseHandshakeTimeout",
                                           "localCloseCode",
                                           "localCloseReason",
                                           "remoteCloseCode",
                                           "remoteCloseReason",
                                           "Octets received",
                                           "Chop size",
                                           "Total",
                                           "Octets sent",
                                           "Frames received",
                                           "Opcode",
                                           "Frames sent",
                                           "Wire log",
                                           "id=\"log0\"",
                                           "id=\"log30\"",
                                           "dropped by the peer",
                                           "websock_server_case_6_2_4.json"};
    judge_result r;
    json_t *object;
    assert_true(recorded_case("case_6_2_4.json", &r, &object));
    judge_table *t = judge_table_new();
    judge_buf b = {0};
    judge_html_case(&b, &r, "websock_server", judge_table_find(t, "6.2.4"), "6.2.3", "6.3.1");
    assert_false(b.failed);
    check_page(b.at);
    const char *at = strstr(b.at, "<body>");
    for (size_t i = 0; i < WSK__COUNT(sections); i++) {
        const char *next = strstr(at, sections[i]);
        if (!next)
            print_message("no \"%s\" where it should be\n", sections[i]);
        assert_non_null(next);
        at = next;
    }
    assert_non_null(strstr(b.at, "rel=\"prev\" href=\"websock_server_case_6_2_3.html\""));
    assert_non_null(strstr(b.at, "rel=\"next\" href=\"websock_server_case_6_3_1.html\""));
    /* Facts of the recorded frames: thirteen sent, one received. */
    assert_int_equal(count(b.at, " frame</span>"), 14);
    assert_non_null(strstr(b.at, "data-fin=\"1\" data-rsv=\"0\" data-op=\"8\" data-len=\"2\" "
                                 "data-mask=\"d5faa7a9\""));
    judge_buf_deinit(&b);
    judge_result_deinit(&r);
    json_decref(object);
    judge_table_free(t);
}

/* Every case is on the index once, those not run as missing; those with times in charts. */
static void test_index(void **state)
{
    (void)state;
    judge_table *t = judge_table_new();
    judge_store s = {0};
    judge_entry *e;
    judge_result r = {.agent = TEXT("one"),
                      .id = "9.1.1",
                      .behavior = JUDGE_OK,
                      .behavior_close = JUDGE_OK,
                      .duration_us = 2500,
                      .report_time = true,
                      .remote_code = 1000,
                      .why_log = -1};
    judge_store_add(&s, &r, &e);
    r.id = "12.1.1";
    r.report_ratio = true;
    r.traffic = (judge_traffic){.present = true,
                                .in_app = 1000,
                                .in_ws = 292,
                                .out_app = 1000,
                                .out_ws = 1000,
                                .out_messages = 10};
    judge_store_add(&s, &r, &e);
    assert_int_equal(e->messages, 10);
    r.agent = TEXT("two");
    r.behavior = JUDGE_UNIMPLEMENTED;
    r.traffic.present = false;
    judge_store_add(&s, &r, &e);
    judge_buf b = {0};
    judge_html_index(&b, &s, t, 0);
    check_page(b.at);
    assert_int_equal(count(b.at, "<tr class=\"case\""), 517);
    assert_int_equal(count(b.at, "<span class=\"v missing\">Missing</span></td>"),
                     2 * 517 - 3 + 1); /* and in the legend */
    assert_int_equal(count(b.at, "Round-trip time"), 1);
    assert_int_equal(count(b.at, "Compression ratio</h2>"), 1);
    assert_non_null(strstr(b.at, "[0.292/1.000]"));
    assert_non_null(strstr(b.at, "id=\"case_12_1_1\" data-id=\"12.1.1\" data-v=\"pass unimpl\""));
    assert_non_null(strstr(b.at, "id=\"case_9_1_1\" data-id=\"9.1.1\" data-v=\"pass missing\""));
    judge_buf_deinit(&b);
    judge_store_deinit(&s);
    judge_table_free(t);
}

/* Cases that are for the other side alone are not missing. */
static void test_roles(void **state)
{
    static const struct {
        bool servers, clients;
        size_t
            n; /* cases of category 21, of which 21.3 is for clients and others are for servers */
    } rows[] = {{true, false, 144}, {false, true, 91}, {true, true, 167}};

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        judge_table *t = judge_table_new();
        judge_store s = {0};
        judge_entry *e;
        judge_result r = {.agent = TEXT("one"),
                          .id = "21.4.1",
                          .behavior = JUDGE_OK,
                          .behavior_close = JUDGE_OK,
                          .why_log = -1};
        char wanted[64];
        for (int role = 0; role < 2; role++) {
            r.is_server = role;
            if (role ? rows[i].clients : rows[i].servers)
                judge_store_add(&s, &r, &e);
        }
        judge_buf b = {0};
        judge_html_index(&b, &s, t, 0);
        snprintf(wanted, sizeof wanted, "<p class=\"facts\">%zu cases", rows[i].n);
        assert_non_null(strstr(b.at, wanted));
        assert_int_equal(count(b.at, "<tr class=\"case\""), rows[i].n);
        assert_int_equal(strstr(b.at, "data-id=\"21.3.1\"") != NULL, rows[i].clients);
        assert_int_equal(strstr(b.at, "data-id=\"21.1.1\"") != NULL, rows[i].servers);
        judge_buf_deinit(&b);
        judge_store_deinit(&s);
        judge_table_free(t);
    }
}

/* A log of ten thousands of entries is cut, its ends are there. */
static void test_long_log(void **state)
{
    (void)state;
    enum { N = 70000 };
    judge_log *log = calloc(N, sizeof *log);
    for (int i = 0; i < N; i++)
        log[i] = (judge_log){.kind = JUDGE_LOG_TF, .repeat = -1, .chop = -1};
    judge_result r = {.agent = TEXT("a"), .id = "9.3.1", .why_log = -1, .log = log, .n_log = N};
    judge_buf b = {0};
    judge_html_case(&b, &r, "a", NULL, NULL, NULL);
    assert_true(b.len < 2000000);
    assert_non_null(strstr(b.at, "67800 entries are left out"));
    assert_non_null(strstr(b.at, "id=\"log1999\""));
    assert_null(strstr(b.at, "id=\"log2000\""));
    assert_non_null(strstr(b.at, "id=\"log69999\""));
    judge_buf_deinit(&b);
    free(log);
}

static void check_line(const judge_log *l, const char *text)
{
    judge_buf b = {0};
    judge_put_log_line(&b, l);
    assert_string_equal(b.at, text);
    judge_buf_deinit(&b);
}

static void test_log_lines(void **state)
{
    (void)state;
    judge_log l = {.kind = JUDGE_LOG_RF, .opcode = 1, .fin = true, .repeat = -1, .chop = -1};
    l.octets = (judge_octets){.head = "Hello", .kept = 5, .len = 5};
    check_line(&l, "<- text FIN 5 octets: Hello");
    l.octets = (judge_octets){.head = "a\x1b[2J", .kept = 5, .len = 5};
    check_line(&l, "<- text FIN 5 octets: 0x611b5b324a");
    l.octets = (judge_octets){.head = "\x03\xea"
                                      "bad",
                              .kept = 5,
                              .len = 5};
    l.opcode = 8;
    check_line(&l, "<- close FIN 5 octets 1002 protocol error: bad");
    l = (judge_log){.kind = JUDGE_LOG_TF, .opcode = 0xb, .rsv = 6, .repeat = 70000, .chop = -1};
    check_line(&l, "-> reserved 0xb RSV1 RSV2 70000 octets");
    l = (judge_log){.kind = JUDGE_LOG_TO, .octets = {.head = "\x81", .kept = 1, .len = 1}};
    check_line(&l, "-> 1 octet: 81");
    l = (judge_log){.kind = JUDGE_LOG_CT, .seconds = 0.5, .tag = "A"};
    check_line(&l, "wait 0.5 s (A)");
    l = (judge_log){.kind = JUDGE_LOG_KLE};
    check_line(&l, "time is up: the connection is failed");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_evil_case), cmocka_unit_test(test_evil_index),
        cmocka_unit_test(test_sections),  cmocka_unit_test(test_index),
        cmocka_unit_test(test_roles),     cmocka_unit_test(test_long_log),
        cmocka_unit_test(test_log_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
