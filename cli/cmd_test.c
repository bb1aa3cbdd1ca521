/* SPDX-License-Identifier: MIT */
/*
 * "websock test": runs the conformance suite against servers, or for clients. Here: the options,
 * what becomes of them, the exit code. The suite is in conformance/, serving in test_serve.c, what
 * people see in test_view.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command.h"
#include "conformance/vitality.h"
#include "test.h"

enum { MOST_URLS = 64 };

#define FIELD(member) OPT_FIELD(test_settings, member)

/* clang-format off */
static const opt_spec specs[] = {
{.group = "What is tested",
 .name = "spec", .letter = 's', .value = "FILE", .type = OPT_STRING, FIELD(spec),
 .help = "Take servers, cases, options and the report directory from an Autobahn spec "
         "(fuzzingclient.json). What the command line says counts more."},
{.name = "cases", .letter = 'c', .value = "LIST", .type = OPT_LIST, FIELD(cases), .preset = "*",
 .help = "Run these cases: numbers and patterns, separated by commas, such as 1.*,6.2.4. May be "
         "repeated."},
{.name = "suite", .value = "LIST", .type = OPT_LIST, FIELD(suites), .preset = "autobahn",
 .help = "Run these suites: all, autobahn, handshake, masking, frames, limits, close, ping, "
         "compression, time, attacks. --cases adds to them. May be repeated."},
{.name = "exclude", .letter = 'x', .value = "LIST", .type = OPT_LIST, FIELD(exclude),
 .help = "Leave these out."},
{.name = "list", .type = OPT_FLAG, FIELD(list),
 .help = "Print the chosen cases, and run none."},
{.name = "explain", .value = "LIST", .type = OPT_STRING, FIELD(explain),
 .help = "Print what these cases send frame by frame, what they accept and why, and run none. With "
         "--serve that is what a client is sent and what is accepted of it."},
{.name = "rebuild", .value = "DIR", .type = OPT_STRING, FIELD(rebuild),
 .help = "Write the reports of a run that was killed from the journal in its directory."},

{.group = "Testing clients",
 .name = "serve", .letter = 'S', .type = OPT_FLAG, FIELD(serve),
 .help = "Listen at URL for clients under test instead, with Autobahn's URL API and a page that "
         "runs the cases in a browser. --spec is then a fuzzingserver.json, --cert and --key are "
         "the server's; without them wss:// has a self-signed certificate."},
{.name = "then-exit", .type = OPT_FLAG, FIELD(then_exit),
 .help = "End when a client has asked for its report."},
{.name = "webport", .value = "PORT", .type = OPT_UINT, FIELD(webport), .max = 65535,
 .preset = "none",
 .help = "Serve the page on this port, too."},

{.group = "The servers",
 .name = "agent", .letter = 'a', .value = "NAME", .type = OPT_STRING, FIELD(agent),
 .preset = "its Server header",
 .help = "What the reports call the server."},
{.name = "origin", .value = "ORIGIN", .type = OPT_STRING, FIELD(origin),
 .help = "Send this Origin header."},
{.name = "protocol", .value = "NAME", .type = OPT_LIST, FIELD(protocols),
 .help = "Offer this subprotocol; with --serve, agree to it. May be repeated."},
{.name = "option", .value = "NAME=VALUE", .type = OPT_LIST, FIELD(server_options),
 .help = "Set a protocol option by its name in specs, such as openHandshakeTimeout=10. May be "
         "repeated."},

{.group = "TLS",
 .name = "cacert", .value = "FILE", .type = OPT_STRING, FIELD(ca), .preset = "the system's",
 .help = "Trust the certificates in this PEM file."},
{.name = "insecure", .letter = 'k', .type = OPT_FLAG, FIELD(insecure),
 .help = "Take any certificate. Specs do so unless they say \"verify\": true."},
{.name = "hostname", .value = "NAME", .type = OPT_STRING, FIELD(hostname),
 .help = "The name for SNI and in the certificate, if it is not the URL's."},
{.name = "cert", .value = "FILE", .type = OPT_STRING, FIELD(cert),
 .help = "Show this certificate (PEM)."},
{.name = "key", .value = "FILE", .type = OPT_STRING, FIELD(key), .preset = "in the same file",
 .help = "The private key of it (PEM)."},

{.group = "How it runs",
 .name = "jobs", .letter = 'j', .value = "N", .type = OPT_UINT, FIELD(jobs), .min = 1, .max = 1024,
 .preset = "by processors",
 .help = "Connections at once. What others may have decided is run again alone."},
{.name = "messages", .letter = 'n', .value = "N", .type = OPT_UINT, FIELD(messages), .min = 1,
 .max = 1000000, .preset = "1000",
 .help = "Send so many messages in 9.7, 9.8, 12.* and 13.*, and in 16.7.*, which send 4096 "
         "otherwise. The report is marked as scaled."},
{.name = "limit", .value = "SIZE", .type = OPT_SIZE, FIELD(limit), .min = 16, .max = (uint64_t)1 << 28,
 .preset = "not known",
 .help = "The largest message that the peer under test takes: the cases of 18.* go to this limit and "
         "beyond."},
{.name = "pid", .value = "PID", .type = OPT_UINT, FIELD(pid), .min = 1, .max = INT32_MAX,
 .preset = "none",
 .help = "The process of the peer under test on this machine: the cases that ask for it look at "
         "its memory and, of servers, its processor time."},
{.name = "patience", .value = "TIME", .type = OPT_TIME, FIELD(patience), .min = 1,
 .max = 86400000, .preset = "3s",
 .help = "How long a time limit of the peer is waited for (22.*); what it bears longer is for "
         "information."},
{.name = "strict", .type = OPT_FLAG, FIELD(strict),
 .help = "Count non-strict, unimplemented and unclean cases as failed."},
{.name = "compat", .type = OPT_FLAG, FIELD(compat),
 .help = "Judge as Autobahn does where this suite knows better."},

{.group = "Reports",
 .name = "out", .letter = 'o', .value = "DIR", .type = OPT_STRING, FIELD(out),
 .preset = "./reports/servers; clients with --serve",
 .help = "Write index.html, index.json and the files of each case here."},
{.name = "no-report", .type = OPT_FLAG, FIELD(no_report),
 .help = "Write no files of this kind."},
{.name = "junit", .value = "FILE", .type = OPT_STRING, FIELD(junit),
 .help = "Write a JUnit file."},
{.name = "json", .value = "FILE", .type = OPT_STRING, FIELD(json),
 .help = "Write a line of JSON as each case ends; \"-\" is stdout."},
{.name = "tap", .type = OPT_FLAG, FIELD(tap),
 .help = "Print TAP; everything else goes to stderr."},
{.name = "quiet", .letter = 'q', .type = OPT_FLAG, FIELD(quiet),
 .help = "Print no progress and no summary."},
{.name = NULL},
};
/* clang-format on */

static const opt_command command = {
    .name = "test",
    .usage = "[OPTION]... [URL]...\n       websock test --serve [OPTION]... [URL]...",
    .description = "Runs the 517 cases of the WebSocket conformance suite (RFC 6455, RFC 7692) "
                   "against servers that echo, and writes reports in the Autobahn Testsuite's "
                   "format. URL is ws://HOST:PORT/PATH, wss://... or ws+unix:/SOCKET:/PATH. With "
                   "--serve it listens at URL and tests the clients that come.",
    .specs = specs,
    .epilogue = "Exit codes: 0 all cases passed, 1 some failed, 2 usage, 3 nothing could be run.\n"
                "\nIn GitHub Actions (GITHUB_ACTIONS=true) failures become annotations.\n"
                "\nA link to this program with the name wstest behaves as that program does.",
    .max_operands = MOST_URLS,
};

/* The session that a signal ends. A handler has no other way to know it. */
static judge_session *volatile running;
static volatile sig_atomic_t stopped_by;

static void on_signal(int number)
{
    stopped_by = number;
    if (running)
        judge_session_cancel(running);
}

/* ----------------------------------------------------------------------------- lists -- */

/* Strings cut at commas; `text` holds the copies. */
typedef struct words {
    const char **at;
    size_t n;
    char *text;
} words;

static bool split(words *ret, const char *const *lists, size_t n_lists)
{
    size_t octets = 1, most = 1;
    for (size_t i = 0; i < n_lists; i++) {
        octets += strlen(lists[i]) + 1;
        for (const char *p = lists[i]; *p; p++)
            most += *p == ',';
        most++;
    }
    words w = {calloc(most, sizeof *w.at), 0, malloc(octets)};
    if (!w.at || !w.text) {
        free((void *)w.at);
        free(w.text);
        return false;
    }
    char *to = w.text;
    for (size_t i = 0; i < n_lists; i++) {
        for (const char *p = lists[i]; *p;) {
            p += strspn(p, ", ");
            size_t len = strcspn(p, ", ");
            if (len == 0)
                break;
            memcpy(to, p, len);
            to[len] = 0;
            w.at[w.n++] = to;
            to += len + 1;
            p += len;
        }
    }
    *ret = w;
    return true;
}

/* Puts the patterns of suites behind the words. */
static bool add_suites(words *ret, const opt_list *lists)
{
    words names;
    if (!split(&names, (const char *const *)lists->at, lists->n)) {
        cli_error("test", "out of memory");
        return false;
    }
    bool ok = true;
    for (size_t i = 0; i < names.n && ok; i++) {
        const char *const *patterns = judge_suite(names.at[i]);
        size_t n = 0;
        while (patterns && patterns[n])
            n++;
        const char **grown = n ? realloc((void *)ret->at, (ret->n + n) * sizeof *grown) : NULL;
        if (!patterns)
            cli_error("test", "there is no suite \"%s\"; there are %s", names.at[i],
                      judge_suite_names());
        else if (!grown)
            cli_error("test", "out of memory");
        ok = grown;
        for (size_t k = 0; grown && k < n; k++)
            grown[ret->n++] = patterns[k];
        ret->at = grown ? grown : ret->at;
    }
    if (ok && names.n == 0 && lists->n > 0) {
        cli_error("test", "--suite names no suite; there are %s", judge_suite_names());
        ok = false;
    }
    free((void *)names.at);
    free(names.text);
    return ok;
}

static void words_deinit(words *w)
{
    free((void *)w->at);
    free(w->text);
}

/* ------------------------------------------------------------------------ information -- */

/* Whether the spec leaves the case out for whoever it is run with, as far as names are known. */
static bool is_excluded(const judge_spec *spec, const char *agent, const char *id)
{
    if (!spec)
        return false;
    if (agent || spec->n_servers == 0)
        return judge_spec_excludes(spec, agent ? agent : "", id);
    for (size_t i = 0; i < spec->n_servers; i++) {
        const char *name = spec->servers[i].agent;
        if (!judge_spec_excludes(spec, name ? name : "", id))
            return false;
    }
    return true;
}

static int print_list(const judge_session *s, const judge_spec *spec, const char *agent)
{
    const judge_table *t = judge_session_table(s);
    for (size_t i = 0; i < judge_table_count(t); i++) {
        const judge_case *c = judge_table_at(t, i);
        if (judge_session_selected(s)[i] && !is_excluded(spec, agent, c->id))
            printf("%-8s %s\n", c->id, c->title);
    }
    return fflush(stdout) == 0 ? EXIT_SUCCESS : CLI_EXIT_FAILURE;
}

static int explain(const char *list, bool serves, uint64_t limit)
{
    words ids;
    int code = EXIT_SUCCESS;
    judge_table *t = judge_table_new_limited(limit);
    bool *selected = t ? calloc(judge_table_count(t), sizeof *selected) : NULL;
    if (!selected || !split(&ids, &list, 1)) {
        judge_table_free(t);
        free(selected);
        cli_error("test", "out of memory");
        return CLI_EXIT_FAILURE;
    }
    const char *bad = "";
    if (ids.n == 0) {
        cli_error("test", "--explain names no case; --list shows all of them");
        code = CLI_EXIT_USAGE;
    } else if (judge_select(t, ids.at, ids.n, NULL, 0, selected, &bad) < 0) {
        cli_error("test", "there is no case \"%s\"; --list shows all of them", bad);
        code = CLI_EXIT_USAGE;
    } else {
        bool first = true;
        for (size_t i = 0; i < judge_table_count(t); i++) {
            if (!selected[i])
                continue;
            if (!first)
                putchar('\n');
            first = false;
            const judge_case *c = judge_table_at(t, i);
            const judge_role role = serves ? JUDGE_ROLE_SERVER : JUDGE_ROLE_CLIENT;
            judge_explain(stdout, c,
                          judge_case_has_role(c, role) ? role
                          : serves                     ? JUDGE_ROLE_CLIENT
                                                       : JUDGE_ROLE_SERVER);
        }
    }
    words_deinit(&ids);
    free(selected);
    judge_table_free(t);
    return code;
}

void test_warn(void *ud, const char *text)
{
    test_view *v = ud;
    if (v)
        test_view_clear(v);
    cli_error("test", "%s", text);
}

int test_count_failed(const judge_store *s, bool strict)
{
    for (size_t i = 0; i < s->n; i++)
        for (size_t k = 0; k < s->at[i].n; k++)
            if (judge_entry_failed(&s->at[i].at[k], strict))
                return TEST_EXIT_CASES_FAILED;
    return EXIT_SUCCESS;
}

int test_exit_code(const judge_session *s, bool strict)
{
    const int code = test_count_failed(judge_session_store(s), strict);

    /* Whoever reads the report must not take what is missing for what has passed. */
    return code == EXIT_SUCCESS && !judge_session_is_reported(s) ? TEST_EXIT_NOTHING_RUN : code;
}

static int rebuild(const test_settings *settings)
{
    if (settings->junit && !cli_can_write("test", settings->junit))
        return TEST_EXIT_NOTHING_RUN;
    judge_table *t = judge_table_new();
    test_view v = {.out = stdout, .quiet = settings->quiet, .strict = settings->strict};
    const judge_report_options o = {
        .table = t,
        .outdir = settings->rebuild,
        .junit = settings->junit,
        .tap = settings->tap ? stdout : NULL,
        .strict = settings->strict,
        .warn = test_warn,
        .ud = &v,
    };
    size_t cases = 0;
    test_view_begin(&v);
    v.out = settings->tap ? stderr : stdout;
    judge_report *r = t ? judge_report_rebuild(&o, &cases) : NULL;
    if (!r) {
        cli_error("test", "the journal in \"%s\" cannot be read: %s", settings->rebuild,
                  strerror(errno));
        judge_table_free(t);
        return TEST_EXIT_NOTHING_RUN;
    }
    judge_report_finish(r);
    test_view_summary(&v, judge_report_store(r), settings->rebuild);
    int code = cases ? test_count_failed(judge_report_store(r), settings->strict)
                     : TEST_EXIT_NOTHING_RUN;
    if (code == EXIT_SUCCESS && !judge_report_is_whole(r))
        code = TEST_EXIT_NOTHING_RUN;
    judge_report_close(r);
    judge_table_free(t);
    return code;
}

/* ------------------------------------------------------------------------------- run -- */

/* `quiet`: it was said already what has no effect. */
static bool set_options(judge_options *o, const test_settings *settings, bool quiet)
{
    const opt_list *list = &settings->server_options;

    if (settings->patience > 0)
        o->patience = settings->patience / 1000.0;
    for (size_t i = 0; i < list->n; i++) {
        char name[64];
        const char *equals = strchr(list->at[i], '=');
        size_t len = equals ? (size_t)(equals - list->at[i]) : 0;
        if (len == 0 || len >= sizeof name) {
            cli_error("test", "--option wants NAME=VALUE, not \"%s\"", list->at[i]);
            return false;
        }
        memcpy(name, list->at[i], len);
        name[len] = 0;
        char *end;
        double value = strtod(equals + 1, &end);
        if (strcmp(equals + 1, "true") == 0) {
            value = 1;
        } else if (strcmp(equals + 1, "false") == 0) {
            value = 0;
        } else if (end == equals + 1 || *end || !isfinite(value)) {
            cli_error("test", "--option %s: \"%s\" is neither a number nor true or false", name,
                      equals + 1);
            return false;
        }
        int known = judge_options_set(o, name, value);
        if (known < 0) {
            cli_error("test", "--option: there is no option \"%s\"", name);
            return false;
        }
        if (known > 0 && !quiet)
            cli_error("test", "the option \"%s\" has no effect here", name);
    }
    return true;
}

static void on_done(void *ud, const judge_target *t, const judge_case *c, const judge_result *r)
{
    test_on_done(ud, r);
    (void)t;
    (void)c;
}

void test_on_done(test_view *v, const judge_result *r)
{
    if (judge_result_failed(r, v->strict))
        v->failed++;
    if (!v->why[0] && r->why)
        snprintf(v->why, sizeof v->why, "%s", r->why);
    test_view_done(v, r);
}

static void on_unreachable(void *ud, const judge_target *t, const char *why)
{
    test_view *v = ud;
    v->unreachable = true;
    test_view_clear(v);
    cli_error("test", "%s cannot be reached: %s", t->url, why);
}

/* A handler that lets the run write its reports; a second signal ends it at once. */
void test_catch_signals(judge_session *s)
{
    running = s;
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND};
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        if (numbers[i] != SIGHUP || !cli_is_ignored(SIGHUP))
            sigaction(numbers[i], &action, NULL);
    }
    signal(SIGPIPE, SIG_IGN);
}

int test_signal(void)
{
    return stopped_by;
}

static int run(judge_session *s, test_view *v, const test_settings *settings, const char *outdir)
{
    char why[256];
    judge_run_totals totals = {0};
    if (judge_session_n_cases(s) == 0) {
        cli_error("test", "no case is left to run");
        return TEST_EXIT_NOTHING_RUN;
    }
    v->total = judge_session_n_cases(s) * judge_session_n_targets(s);
    test_catch_signals(s);
    test_view_begin(v);
    bool ok = judge_session_run(s, &totals, why);
    running = NULL;
    if (!ok) {
        test_view_clear(v);
        cli_error("test", "%s", why);
        if (!judge_session_store(s))
            return TEST_EXIT_NOTHING_RUN;
    }
    if (totals.connected == 0 && !stopped_by) {
        test_view_clear(v);
        if (!v->unreachable)
            cli_error("test", "nothing could be run against %s: %s",
                      judge_session_target(s, 0)->url,
                      v->why[0]            ? v->why
                      : totals.skipped > 0 ? "the spec leaves out all cases for it"
                                           : "no connection was made");
        return TEST_EXIT_NOTHING_RUN;
    }
    /* One that was stopped before its first result has written nothing. */
    test_view_summary(v, judge_session_store(s), v->done > 0 ? outdir : NULL);
    if (stopped_by) {
        cli_error("test", "stopped after %zu of %zu cases", v->done, v->total);
        return 128 + (int)stopped_by;
    }
    if (!ok)
        return TEST_EXIT_NOTHING_RUN;
    /* A server that is not there has not passed; and with --compat results may have gone from the
     * store for those of a server with the same name. */
    return v->unreachable || v->failed > 0 ? TEST_EXIT_CASES_FAILED
                                           : test_exit_code(s, settings->strict);
}

static const char *outdir_of(const test_settings *settings, const judge_spec *spec)
{
    return settings->out     ? settings->out
           : spec            ? spec->outdir
           : settings->serve ? "./reports/clients"
                             : "./reports/servers";
}

static int run_with(const test_settings *settings, judge_spec *spec, const opt_list *urls,
                    const words *cases, const words *exclude, FILE *lines)
{
    const char *actions = getenv("GITHUB_ACTIONS"), *no_color = getenv("NO_COLOR");
    bool annotate = actions && strcmp(actions, "true") == 0;
    bool stdout_taken = settings->tap || lines == stdout;
    test_view v = {
        .out = stdout_taken ? stderr : stdout,
        .quiet = settings->quiet,
        .strict = settings->strict,
    };
    v.colours = isatty(fileno(v.out)) && (!no_color || !no_color[0]);
    v.progress = !settings->quiet && isatty(STDERR_FILENO) ? stderr : NULL;
    const char *outdir = outdir_of(settings, spec);
    judge_session_params p = {
        .spec = spec,
        .urls = (const char *const *)urls->at,
        .n_urls = settings->serve ? 0 : urls->n,
        .serves = settings->serve,
        .lists = settings->list,
        .cases = cases->at,
        .n_cases = cases->n,
        .exclude = exclude->at,
        .n_exclude = exclude->n,
        .agent = settings->agent,
        .origin = settings->origin,
        .hostname = settings->hostname,
        .protocols = (const char *const *)settings->protocols.at,
        .n_protocols = settings->protocols.n,
        /* Autobahn never verifies, and specs count on it; our own command does. */
        .tls = {.verify = !settings->insecure && (settings->ca || !spec || spec->verify),
                .ca = settings->ca ? settings->ca
                      : spec       ? spec->ca
                                   : NULL,
                .cert = settings->cert ? settings->cert
                        : spec         ? spec->cert
                                       : NULL,
                .key = settings->key ? settings->key
                       : spec        ? spec->key
                                     : NULL},
        .jobs = settings->jobs,
        .messages = settings->messages,
        .pid = (int)settings->pid,
        .limit = settings->limit,
        .compat = settings->compat,
        .report = {.outdir = settings->no_report ? NULL : outdir,
                   .tap = settings->tap ? stdout : NULL,
                   .lines = lines,
                   .lines_replace = lines != stdout,
                   .annotations = annotate ? (stdout_taken ? stderr : stdout) : NULL,
                   .junit = settings->junit,
                   .alone = !settings->compat,
                   .strict = settings->strict},
        .hooks = {&v, NULL, on_done, NULL, on_unreachable, test_warn},
    };
    if (settings->pid != 0 && !judge_vitality_exists((int)settings->pid)) {
        cli_error("test", "--pid %u: there is no such process", settings->pid);
        return CLI_EXIT_USAGE;
    }
    if (settings->key && !p.tls.cert) {
        cli_error("test", "--key goes with --cert");
        return CLI_EXIT_USAGE;
    }
    judge_options_init(&p.options);
    if (spec)
        p.options = spec->options;
    if (!set_options(&p.options, settings, false))
        return CLI_EXIT_USAGE;
    for (size_t i = 0; spec && i < spec->n_servers; i++)
        set_options(&spec->servers[i].options, settings, true);

    char why[256];
    judge_session_error error;
    judge_session *s = judge_session_new(&p, &error, why);
    if (!s) {
        cli_error("test", "%s", why);
        return error == JUDGE_SESSION_USAGE ? CLI_EXIT_USAGE : TEST_EXIT_NOTHING_RUN;
    }
    const char *dir = settings->no_report ? NULL : outdir;
    int code = settings->list    ? print_list(s, spec, settings->agent)
               : settings->serve ? test_serve(s, &v, settings, spec, urls, dir)
                                 : run(s, &v, settings, dir);
    judge_session_free(s);
    return code;
}

/* Not truncated: that is for the first line. NULL when it was said why not. */
static FILE *open_lines(const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    FILE *out = fd >= 0 ? fdopen(fd, "w") : NULL;
    if (!out) {
        cli_error("test", "cannot write %s: %s", path, strerror(errno));
        if (fd >= 0)
            close(fd);
    }
    return out;
}

static int with_spec(const test_settings *settings, const opt_list *urls)
{
    judge_spec spec = {0};
    judge_spec_says says = {.warn = test_warn};
    if (settings->spec &&
        !judge_spec_load(&spec,
                         settings->serve ? JUDGE_SPEC_FUZZINGSERVER : JUDGE_SPEC_FUZZINGCLIENT,
                         settings->spec, &says)) {
        cli_error("test", "%s: %s", settings->spec, says.error);
        return CLI_EXIT_USAGE;
    }
    if (urls->n == 0 && spec.n_servers == 0 && !spec.url && !settings->list) {
        if (settings->spec)
            cli_error("test", "%s names no server, and neither does the command line",
                      settings->spec);
        else
            cli_error("test", "which %s? Give a URL, such as ws://127.0.0.1:9001",
                      settings->serve ? "address" : "server");
        judge_spec_deinit(&spec);
        return CLI_EXIT_USAGE;
    }
    /* URLs of the command line are tested instead of the spec's servers. */
    size_t n_servers = spec.n_servers;
    if (urls->n > 0)
        spec.n_servers = 0;
    words cases = {0}, exclude = {0};
    FILE *lines = NULL;
    /* The other files may be in it. */
    const char *dir = settings->no_report || settings->list || !(settings->junit || settings->json)
                          ? NULL
                          : outdir_of(settings, settings->spec ? &spec : NULL);
    bool made = dir && access(dir, F_OK) < 0 && judge_make_directory(dir) == 0;
    int code = CLI_EXIT_FAILURE;
    if (!split(&cases, (const char *const *)settings->cases.at, settings->cases.n) ||
        !split(&exclude, (const char *const *)settings->exclude.at, settings->exclude.n))
        cli_error("test", "out of memory");
    else if (settings->cases.n > 0 && cases.n == 0) {
        cli_error("test", "--cases names no case; --list shows all of them");
        code = CLI_EXIT_USAGE;
    } else if (!add_suites(&cases, &settings->suites)) {
        code = CLI_EXIT_USAGE;
    } else if ((settings->junit && !cli_can_write("test", settings->junit)) ||
               (settings->json && strcmp(settings->json, "-") != 0 &&
                !(lines = open_lines(settings->json))))
        code = TEST_EXIT_NOTHING_RUN;
    else
        code = run_with(settings, settings->spec ? &spec : NULL, urls, &cases, &exclude,
                        settings->json && !lines ? stdout : lines);
    if (lines && fclose(lines) != 0)
        cli_error("test", "%s: %s", settings->json, strerror(errno));
    if (made)
        rmdir(dir); /* if nothing is in it */
    words_deinit(&cases);
    words_deinit(&exclude);
    spec.n_servers = n_servers;
    judge_spec_deinit(&spec);
    return code;
}

/* Whether it was said of an option that it would have no effect. */
static bool has_idle_option(const test_settings *s, size_t n_urls)
{
    const struct {
        const char *name;
        bool given;
        bool idle_serving; /* ... and not only with --rebuild */
    } rows[] = {
        {"a URL", n_urls > 0, false},
        {"--spec", s->spec, false},
        {"--cases", s->cases.n > 0, false},
        {"--suite", s->suites.n > 0, false},
        {"--exclude", s->exclude.n > 0, false},
        {"--list", s->list, false},
        {"--explain", s->rebuild && s->explain, false},
        {"--serve", s->serve, false},
        {"--agent", s->agent, true},
        {"--origin", s->origin, true},
        {"--protocol", s->protocols.n > 0, false},
        {"--option", s->server_options.n > 0, false},
        {"--cacert", s->ca, true},
        {"--insecure", s->insecure, false},
        {"--hostname", s->hostname, true},
        {"--cert", s->cert, false},
        {"--key", s->key, false},
        {"--jobs", s->jobs > 0, true},
        {"--messages", s->messages > 0, false},
        {"--limit", s->limit > 0, false},
        {"--pid", s->pid > 0, false},
        {"--patience", s->patience > 0, false},
        {"--compat", s->compat, false},
        {"--out", s->out, false},
        {"--no-report", s->no_report, false},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (!rows[i].given || (!s->rebuild && !(s->serve && !s->list && rows[i].idle_serving)))
            continue;
        cli_error("test", "%s has no effect with %s", rows[i].name,
                  s->rebuild ? "--rebuild" : "--serve");
        return true;
    }
    return false;
}

static int run_test(int argc, char **argv)
{
    test_settings settings = {0};
    opt_list urls = {0};
    int code = CLI_EXIT_USAGE;
    opt_result parsed = opt_parse(&command, argc, argv, &settings, &urls);
    if (parsed == OPT_HELP)
        code = EXIT_SUCCESS;
    else if (parsed == OPT_RUN && settings.tap && settings.json && strcmp(settings.json, "-") == 0)
        cli_error("test", "--tap and --json - would both write to stdout");
    else if (parsed == OPT_RUN && !settings.serve && (settings.then_exit || settings.webport))
        cli_error("test", "--then-exit and --webport go with --serve");
    else if (parsed == OPT_RUN && settings.rebuild && settings.json)
        cli_error("test", "--json has a line as each case ends, and with --rebuild none does");
    else if (parsed == OPT_RUN && settings.insecure && settings.ca)
        cli_error("test", "--insecure and --cacert contradict each other");
    else if (parsed == OPT_RUN && settings.junit && strcmp(settings.junit, "-") == 0)
        cli_error("test", "--junit writes a file, and - is none");
    else if (parsed == OPT_RUN && settings.explain && !settings.rebuild)
        code = explain(settings.explain, settings.serve, settings.limit);
    else if (parsed == OPT_RUN && has_idle_option(&settings, urls.n))
        code = CLI_EXIT_USAGE;
    else if (parsed == OPT_RUN && settings.rebuild)
        code = rebuild(&settings);
    else if (parsed == OPT_RUN)
        code = with_spec(&settings, &urls);
    opt_list_deinit(&settings.cases);
    opt_list_deinit(&settings.suites);
    opt_list_deinit(&settings.exclude);
    opt_list_deinit(&settings.protocols);
    opt_list_deinit(&settings.server_options);
    opt_list_deinit(&urls);
    return code;
}

const cli_command cmd_test = {
    .name = "test",
    .summary = "Test WebSocket servers and clients for conformance",
    .run = run_test,
};
