/* SPDX-License-Identifier: MIT */
/* "websock test --serve": listens for clients under test, and says what they do. */
#include <errno.h>
#include <string.h>

#include "command.h"
#include "http/url.h"
#include "test.h"

static void say(void *ud, const char *line)
{
    test_view *v = ud;
    if (v->quiet)
        return;
    test_view_clear(v);
    fprintf(v->out, "%s\n", line);
    /* Container logs and pipes are to see it at once. */
    fflush(v->out);
}

static void on_done(void *ud, const judge_case *c, const judge_result *r)
{
    (void)c;
    test_on_done(ud, r);
}

static bool listen_at(judge_fuzz *f, const test_settings *settings, const judge_spec *spec,
                      const opt_list *urls, char why[256])
{
    bool ok = true;
    for (size_t i = 0; i < urls->n && ok; i++)
        ok = judge_fuzz_listen(f, urls->at[i], false, why);
    if (urls->n == 0)
        ok = judge_fuzz_listen(f, spec->url, false, why);
    if (ok && settings->webport)
        ok = judge_fuzz_listen_web(f, settings->webport, why);
    return ok;
}

/* False when it was said which URL is wrong. */
static bool check_urls(const char *const *urls, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const char *problem = "";
        wsk__url u = {0};
        int r = wsk__url_parse(NULL, urls[i], &u, &problem);
        bool is_unix = r >= 0 && u.is_unix;
        wsk__url_deinit(NULL, &u);
        if (r >= 0 && !is_unix)
            continue;
        if (is_unix)
            cli_error("test", "\"%s\": clients under test come over TCP", urls[i]);
        else
            cli_error("test", "\"%s\" is no WebSocket URL: %s", urls[i], problem);
        return false;
    }
    return true;
}

int test_serve(judge_session *s, test_view *v, const test_settings *settings,
               const judge_spec *spec, const opt_list *urls, const char *outdir)
{
    char why[256], line[400];
    /* A certificate of the command line does not go with the spec's key. */
    const judge_fuzz_params p = {
        .cert = settings->cert ? settings->cert
                : spec         ? spec->cert
                               : NULL,
        .key = settings->cert || settings->key ? settings->key
               : spec                          ? spec->key
                                               : NULL,
        .then_exit = settings->then_exit,
        .hooks = {v, say, on_done, NULL},
    };
    if (judge_session_n_cases(s) == 0) {
        cli_error("test", "no case is left to run");
        return TEST_EXIT_NOTHING_RUN;
    }
    if (!(urls->n > 0 ? check_urls((const char *const *)urls->at, urls->n)
                      : check_urls((const char *const[]){spec->url}, 1)))
        return CLI_EXIT_USAGE;
    judge_fuzz *f = judge_session_serve(s, &p, why);
    if (!f || !listen_at(f, settings, spec, urls, why)) {
        cli_error("test", "%s", why);
        return TEST_EXIT_NOTHING_RUN;
    }
    for (size_t i = 0; judge_fuzz_url(f, i); i++) {
        const char *url = judge_fuzz_url(f, i);
        snprintf(line, sizeof line, "Listening for clients at %s, the page is http%s/", url,
                 url + 2);
        say(v, line);
    }
    snprintf(line, sizeof line, "Ok, will run %zu test cases for any clients connecting",
             judge_session_n_cases(s));
    say(v, line);
    test_catch_signals(s);
    test_view_begin(v);
    bool ok = judge_fuzz_run(f);
    if (!ok)
        cli_error("test", "the server failed: %s", strerror(errno));
    judge_session_served(s);
    if (judge_fuzz_done(f) > 0)
        test_view_summary(v, judge_session_store(s), outdir);
    else
        cli_error("test", "no client ran a case");
    test_catch_signals(NULL);
    if (test_signal())
        return 128 + test_signal();
    if (!ok || judge_fuzz_done(f) == 0)
        return TEST_EXIT_NOTHING_RUN;
    return test_exit_code(s, settings->strict);
}
