/* SPDX-License-Identifier: MIT */
/* wstest: the mode fuzzingserver. */
#include <stdio.h>
#include <string.h>

#include "conformance/wstest_modes.h"

static void say(void *ud, const char *line)
{
    (void)ud;
    printf("%s\n", line);
    fflush(stdout);
}

static void warn(void *ud, const char *text)
{
    (void)ud;
    printf("Warning: %s\n", text);
}

static void stop(void *ud)
{
    judge_session_cancel(ud);
}

/*
 * On all addresses, whatever host the URL names: that is what Autobahn does, and what makes specs
 * with "ws://127.0.0.1:9001" work in containers whose port is mapped.
 */
static bool start(judge_fuzz *f, const judge_spec *spec, const wstest_options *o)
{
    char why[256];
    if (!judge_fuzz_listen(f, spec->url, true, why)) {
        printf("%s\n", why);
        return false;
    }
    if (o->webport && o->webport != judge_fuzz_port(f, 0) &&
        !judge_fuzz_listen_web(f, o->webport, why)) {
        printf("%s; use --webport\n", why);
        return false;
    }
    return true;
}

static void print_start(const judge_session *s, const judge_fuzz *f, const wstest_options *o)
{
    const char *tls = judge_fuzz_is_tls(f, 0) ? "s" : "";
    printf("Using the engine of websock " WSK_VERSION_STRING "\n\n"
           "Autobahn WebSocket (websock " WSK_VERSION_STRING ") Fuzzing Server (Port %u%s)\n"
           "Ok, will run %zu test cases for any clients connecting\n",
           judge_fuzz_port(f, 0), *tls ? " TLS" : "", judge_session_n_cases(s));
    judge_wstest_print_cases(s);
    printf("Web page at http%s://localhost:%u/\n", tls,
           o->webport ? o->webport : judge_fuzz_port(f, 0));
    fflush(stdout);
}

int judge_wstest_fuzzingserver(const wstest_options *o)
{
    judge_spec spec;
    char why[256];
    int code = 1;
    judge_session_error error;
    if (!judge_wstest_spec(o, JUDGE_SPEC_FUZZINGSERVER, &spec))
        return 1;
    const judge_session_params p = {
        .spec = &spec,
        .serves = true,
        .options = spec.options,
        .messages = o->messages,
        .compat = o->compat,
        .patient = true,
        .report = {.outdir = spec.outdir, .strict = o->exit_rule == WSTEST_EXIT_STRICT},
        .hooks = {.warn = warn},
    };
    const judge_fuzz_params more = {
        .cert = o->cert ? o->cert : spec.cert,
        .key = o->cert || o->key ? o->key : spec.key,
        .check_host_port = o->check_host_port,
        .hooks = {.say = say},
    };
    judge_wstest_check_key(o, more.cert);
    judge_session *s = judge_session_new(&p, &error, why);
    judge_fuzz *f = s ? judge_session_serve(s, &more, why) : NULL;
    if (!f) {
        printf("%s\n", why);
    } else if (start(f, &spec, o)) {
        print_start(s, f, o);
        judge_wstest_catch_signals(stop, s);
        code = judge_fuzz_run(f) ? 0 : 1;
        judge_wstest_catch_signals(NULL, NULL);
        judge_session_served(s);
        if (code == 0)
            code = judge_wstest_exit_code(s, o->exit_rule, judge_fuzz_done(f));
    }
    judge_session_free(s);
    judge_spec_deinit(&spec);
    return code;
}
