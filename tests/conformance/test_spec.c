/* SPDX-License-Identifier: MIT */
/* Spec files, good and bad, and what a session makes of them. */
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conformance/session.h"
#include "util/attr.h"

typedef struct heard {
    char warning[256];
    int warnings;
} heard;

static void warn(void *ud, const char *text)
{
    heard *h = ud;
    h->warnings++;
    snprintf(h->warning, sizeof h->warning, "%s", text);
}

static bool parse(judge_spec *s, judge_spec_kind kind, const char *text, judge_spec_says *says,
                  heard *h)
{
    /* The end of the text is the end of the page: nothing may be read behind it. */
    size_t n = strlen(text);
    uint8_t *copy = guard_copy(text, n);
    *h = (heard){0};
    *says = (judge_spec_says){.warn = warn, .ud = h};
    bool ok = judge_spec_parse(s, kind, (const char *)copy, n, says);
    guard_free(copy, n);
    return ok;
}

static void test_whole(void **state)
{
    (void)state;
    static const char text[] =
        "{\"outdir\": \"./reports/x\", \"webport\": 8080, \"unknown\": {\"a\": 1},"
        " \"options\": {\"failByDrop\": false, \"version\": 18, \"openHandshakeTimeout\": 2.5},"
        " \"servers\": ["
        "  {\"agent\": \"A\", \"url\": \"ws://localhost:9001\", \"options\": {\"version\": 13,"
        "   \"closeHandshakeTimeout\": 7}},"
        "  {\"url\": \"wss://[::1]:9002/path?x=1\", \"hostname\": \"example.org\","
        "   \"origin\": \"https://example.org\", \"protocols\": [\"a\", \"b\"]}],"
        " \"cases\": [\"1.*\", \"6.2.4\"], \"exclude-cases\": [\"1.1.1\"],"
        " \"exclude-agent-cases\": {\"A*\": [\"1.2.*\"], \"B\": []}, \"verify\": true,"
        " \"ca\": \"ca.pem\"}";
    judge_spec s;
    judge_spec_says says;
    heard h;
    assert_true(parse(&s, JUDGE_SPEC_FUZZINGCLIENT, text, &says, &h));
    assert_int_equal(h.warnings, 0);
    assert_string_equal(s.outdir, "./reports/x");
    assert_int_equal(s.n_servers, 2);
    assert_string_equal(s.servers[0].agent, "A");
    assert_true(s.servers[0].options.open_handshake_timeout == 2.5); /* the global one holds */
    assert_true(s.servers[0].options.close_handshake_timeout == 7);
    assert_int_equal(s.servers[0].options.version, 13);
    assert_true(s.servers[1].options.close_handshake_timeout == 1);
    assert_int_equal(s.servers[1].options.version, 18);
    assert_null(s.servers[1].agent);
    assert_string_equal(s.servers[1].hostname, "example.org");
    assert_string_equal(s.servers[1].origin, "https://example.org");
    assert_int_equal(s.servers[1].protocols.n, 2);
    assert_string_equal(s.servers[1].protocols.at[1], "b");
    assert_int_equal(s.cases.n, 2);
    assert_int_equal(s.exclude.n, 1);
    assert_true(s.verify);
    assert_string_equal(s.ca, "ca.pem");
    /* The pattern of the agent and that of the case both match whole. */
    assert_true(judge_spec_excludes(&s, "A", "1.2.3"));
    assert_true(judge_spec_excludes(&s, "Another", "1.2.3"));
    assert_false(judge_spec_excludes(&s, "A", "1.1.2"));
    assert_false(judge_spec_excludes(&s, "BA", "1.2.3"));
    assert_false(judge_spec_excludes(&s, "B", "1.2.3"));
    judge_spec_deinit(&s);
}

static void test_kinds(void **state)
{
    (void)state;
    judge_spec s;
    judge_spec_says says;
    heard h;
    for (int kind = JUDGE_SPEC_FUZZINGCLIENT; kind <= JUDGE_SPEC_MASSCONNECT; kind++) {
        assert_true(parse(&s, (judge_spec_kind)kind, judge_spec_template((judge_spec_kind)kind),
                          &says, &h));
        judge_spec_deinit(&s);
    }
    assert_true(parse(&s, JUDGE_SPEC_FUZZINGCLIENT, "{\"cases\":[\"*\"]}", &says, &h));
    assert_string_equal(s.outdir, "./reports/servers/");
    assert_int_equal(s.n_servers, 0);
    judge_spec_deinit(&s);
    assert_true(parse(&s, JUDGE_SPEC_FUZZINGSERVER,
                      "{\"url\":\"ws://127.0.0.1:9001\",\"cases\":[\"*\"],"
                      "\"options\":{\"webStatus\":false,\"versions\":[8,13]}}",
                      &says, &h));
    assert_string_equal(s.outdir, "./reports/clients/");
    assert_int_equal(h.warnings, 1);
    assert_false(s.options.web_status);
    assert_int_equal(s.allowed_origins.n, 0);
    judge_spec_deinit(&s);
    assert_true(
        parse(&s, JUDGE_SPEC_FUZZINGSERVER,
              "{\"url\":\"ws://127.0.0.1:9001\",\"cases\":[\"*\"],\"protocols\":[\"a\",\"b\"],"
              "\"options\":{\"maxConnections\":7,\"allowedOrigins\":\"http://a, b*,\"}}",
              &says, &h));
    assert_int_equal(h.warnings, 0);
    assert_int_equal(s.options.max_connections, 7);
    assert_int_equal(s.protocols.n, 2);
    assert_int_equal(s.allowed_origins.n, 3);
    assert_string_equal(s.allowed_origins.at[0], "http://a");
    assert_string_equal(s.allowed_origins.at[1], "b*");
    assert_string_equal(s.allowed_origins.at[2], "");
    judge_spec_deinit(&s);
    /* Of a client it has no meaning. */
    assert_true(parse(&s, JUDGE_SPEC_FUZZINGCLIENT,
                      "{\"cases\":[\"*\"],\"options\":{\"allowedOrigins\":[\"a\"]}}", &says, &h));
    assert_int_equal(h.warnings, 1);
    judge_spec_deinit(&s);
    assert_true(parse(&s, JUDGE_SPEC_MASSCONNECT,
                      "{\"options\":{\"connections\":3},\"servers\":[{\"uri\":\"ws://x\","
                      "\"name\":\"n\"}]}",
                      &says, &h));
    assert_int_equal(s.connections, 3);
    assert_int_equal(s.batch_size, 100);
    assert_string_equal(s.servers[0].agent, "n");
    judge_spec_deinit(&s);
}

static void test_bad(void **state)
{
    (void)state;
    static const struct {
        const char *text, *error; /* which is in the message */
    } rows[] = {
        {"", "line 1"},
        {"{", "line 1"},
        {"{\n\n,}", "line 3"},
        {"[]", "object"},
        {"{\"cases\":[\"*\"]} x", "line 1"},
        {"{}", "\"cases\""},
        {"{\"cases\":{}}", "\"cases\" must be a list"},
        {"{\"cases\":[1]}", "element 1"},
        {"{\"cases\":[\"*\"],\"outdir\":1}", "\"outdir\""},
        {"{\"cases\":[\"*\"],\"servers\":{}}", "\"servers\""},
        {"{\"cases\":[\"*\"],\"servers\":[1]}", "servers[0]"},
        {"{\"cases\":[\"*\"],\"servers\":[{\"url\":\"ws://a\"},{}]}", "servers[1]"},
        {"{\"cases\":[\"*\"],\"servers\":[{\"url\":7}]}", "servers[0].url"},
        {"{\"cases\":[\"*\"],\"servers\":[{\"url\":\"ws://a\",\"agent\":[]}]}", "servers[0].agent"},
        {"{\"cases\":[\"*\"],\"servers\":[{\"url\":\"ws://a\",\"protocols\":\"x\"}]}",
         "servers[0].protocols"},
        {"{\"cases\":[\"*\"],\"options\":[]}", "\"options\""},
        {"{\"cases\":[\"*\"],\"options\":{\"nonsense\":1}}", "\"nonsense\""},
        {"{\"cases\":[\"*\"],\"options\":{\"failByDrop\":\"no\"}}", "\"failByDrop\""},
        {"{\"cases\":[\"*\"],\"servers\":[{\"url\":\"ws://a\",\"options\":{\"x\":1}}]}",
         "servers[0].options"},
        {"{\"cases\":[\"*\"],\"exclude-agent-cases\":[]}", "exclude-agent-cases"},
        {"{\"cases\":[\"*\"],\"exclude-agent-cases\":{\"A\":\"1.*\"}}", "exclude-agent-cases"},
    };
    judge_spec s;
    judge_spec_says says;
    heard h;
    for (size_t i = 0; i < WSK__COUNT(rows); i++) {
        assert_false(parse(&s, JUDGE_SPEC_FUZZINGCLIENT, rows[i].text, &says, &h));
        if (!strstr(says.error, rows[i].error))
            print_message("%s: %s\n", rows[i].text, says.error);
        assert_non_null(strstr(says.error, rows[i].error));
        assert_null(strchr(says.error, '\n'));
    }
    assert_false(parse(&s, JUDGE_SPEC_FUZZINGSERVER, "{\"cases\":[\"*\"]}", &says, &h));
    assert_non_null(strstr(says.error, "\"url\""));
    assert_false(parse(&s, JUDGE_SPEC_MASSCONNECT, "{\"options\":{\"batchsize\":0}}", &says, &h));
    assert_false(
        parse(&s, JUDGE_SPEC_MASSCONNECT, "{\"options\":{\"connections\":-1}}", &says, &h));
    says = (judge_spec_says){0};
    assert_false(judge_spec_load(&s, JUDGE_SPEC_FUZZINGCLIENT, "/no/such/file", &says));
    assert_string_equal(says.error, "No such file or directory");
}

static void test_ignored_options(void **state)
{
    (void)state;
    judge_spec s;
    judge_spec_says says;
    heard h;
    assert_true(parse(&s, JUDGE_SPEC_FUZZINGCLIENT,
                      "{\"cases\":[\"*\"],\"options\":{\"allowHixie76\":true,"
                      "\"flashSocketPolicy\":\"x\",\"autoPingSize\":null}}",
                      &says, &h));
    assert_int_equal(h.warnings, 2);
    assert_int_equal(s.options.auto_ping_size, 4);
    judge_spec_deinit(&s);
}

/* The patterns are the engine's; here: that cases, exclusions and URLs reach it. */
static void test_session(void **state)
{
    (void)state;
    static const char *const url = "ws://127.0.0.1:1/a";
    static const char *const cases[] = {"1.*", "6.2.4"}, *const exclude[] = {"1.2.*"};
    static const char *const wrong[] = {"1.1.99"};
    char why[256];
    judge_session_error error;
    judge_session_params p = {.urls = &url, .n_urls = 1};
    judge_session *s = judge_session_new(&p, &error, why);
    assert_non_null(s);
    assert_int_equal(judge_session_n_cases(s), 517);
    assert_string_equal(judge_session_target(s, 0)->resource, "/a");
    judge_session_free(s);

    p.cases = cases;
    p.n_cases = 2;
    p.exclude = exclude;
    p.n_exclude = 1;
    s = judge_session_new(&p, &error, why);
    assert_int_equal(judge_session_n_cases(s), 9);
    judge_session_free(s);

    p.cases = wrong;
    p.n_cases = 1;
    assert_null(judge_session_new(&p, &error, why));
    assert_int_equal(error, JUDGE_SESSION_USAGE);
    assert_non_null(strstr(why, "1.1.99"));

    static const char *const bad[] = {"http://x/", "ws://", "ws://a/#b", "ws://a\x1b[2J/"};
    for (size_t i = 0; i < WSK__COUNT(bad); i++) {
        judge_session_params q = {.urls = &bad[i], .n_urls = 1};
        assert_null(judge_session_new(&q, &error, why));
        assert_int_equal(error, JUDGE_SESSION_USAGE);
        assert_null(strchr(why, '\x1b'));
    }
    judge_session_params none = {0};
    assert_null(judge_session_new(&none, &error, why));
    assert_int_equal(error, JUDGE_SESSION_USAGE);
}

static void test_session_of_spec(void **state)
{
    (void)state;
    judge_spec spec;
    judge_spec_says says;
    heard h;
    char why[256];
    judge_session_error error;
    assert_true(parse(&spec, JUDGE_SPEC_FUZZINGCLIENT,
                      "{\"cases\":[\"2.*\"],\"exclude-cases\":[\"2.1\"],\"servers\":["
                      "{\"url\":\"ws://a:1\",\"agent\":\"A\",\"protocols\":[\"p\"]},"
                      "{\"url\":\"wss://b\",\"hostname\":\"h\"},{\"url\":\"ws+unix:/tmp/s:/x\"}]}",
                      &says, &h));
    judge_session_params p = {.spec = &spec, .origin = "http://o"};
    judge_session *s = judge_session_new(&p, &error, why);
    assert_non_null(s);
    assert_int_equal(judge_session_n_cases(s), 10);
    assert_int_equal(judge_session_n_targets(s), 3);
    const judge_target *t = judge_session_target(s, 0);
    assert_string_equal(t->agent, "A");
    assert_string_equal(t->origin, "http://o");
    assert_int_equal(t->n_protocols, 1);
    t = judge_session_target(s, 1);
    assert_null(t->agent);
    assert_string_equal(t->hostname, "h");
    assert_true(t->tls);
    assert_int_equal(t->port, 443);
    t = judge_session_target(s, 2);
    assert_string_equal(t->unix_path, "/tmp/s");
    assert_string_equal(t->resource, "/x");
    judge_session_free(s);
    /* What the user says counts more. */
    static const char *const protocols[] = {"q", "r"};
    p.agent = "mine";
    p.hostname = "g";
    p.protocols = protocols;
    p.n_protocols = 2;
    s = judge_session_new(&p, &error, why);
    assert_non_null(s);
    t = judge_session_target(s, 0);
    assert_string_equal(t->agent, "mine");
    assert_int_equal(t->n_protocols, 2);
    assert_string_equal(judge_session_target(s, 1)->hostname, "g");
    judge_session_free(s);
    judge_spec_deinit(&spec);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole),   cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_bad),     cmocka_unit_test(test_ignored_options),
        cmocka_unit_test(test_session), cmocka_unit_test(test_session_of_spec),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
