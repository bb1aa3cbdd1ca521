/* SPDX-License-Identifier: MIT */
/*
 * wstest: the command line, the spec file, and the mode fuzzingclient. What is printed goes to
 * stdout, errors too, line by line, since that is where scripts and container logs expect it.
 */
#include "conformance/wstest.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "conformance/session.h"
#include "conformance/wstest_modes.h"

volatile sig_atomic_t judge_wstest_stopped;
/* What a signal stops, besides. A handler has no other way to know it. */
static void (*volatile stop_hook)(void *ud);
static void *volatile stop_ud;

static void on_signal(int number)
{
    judge_wstest_stopped = number;
    if (stop_hook)
        stop_hook(stop_ud);
}

void judge_wstest_catch_signals(void (*stop)(void *ud), void *ud)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND};
    stop_ud = ud;
    stop_hook = stop;
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
}

/* ------------------------------------------------------------------------ command line -- */

static const char *const modes[] = {
    "broadcastclient", "broadcastserver", "echoclient", "echoserver",   "fuzzingclient",
    "fuzzingserver",   "massconnect",     "serializer", "testeeclient", "testeeserver",
};
enum { N_MODES = sizeof modes / sizeof modes[0] };

static const char *mode_note(const char *mode)
{
    return strcmp(mode, "serializer") == 0 ? " (not supported)" : "";
}

/* Long options; `letter` tells them apart, capitals have no short form. */
static const struct {
    const char *name;
    char letter;
    bool has_value;
    const char *help;
} flags[] = {
    {"mode", 'm', true, "Mode to run, one of the list below. Required."},
    {"spec", 's', true, "Spec file. [default: MODE.json]"},
    {"wsuri", 'w', true, "WebSocket URI for the echo, broadcast and testee modes."},
    {"webport", 'u', true,
     "Port of the web page of fuzzingserver (0: that of the tests) and broadcastserver "
     "(0: none). "
     "[default: 8080]"},
    {"ident", 'i', true, "Name of the testee client or server."},
    {"key", 'k', true, "Server private key file (PEM)."},
    {"cert", 'c', true, "Server certificate file (PEM)."},
    {"outfile", 'o', true, "Not used."},
    {"testset", 't', true, "Not used."},
    {"debug", 'd', false, "Not used."},
    {"autobahnversion", 'a', false, "Print version information and leave."},
    {"exit-code", 'E', true,
     "When to leave with 1: never, failed, or strict (non-strict and unclean cases, too). "
     "[default: never]"},
    {"compat", 'C', false, "Judge as Autobahn does where this suite knows better."},
    {"check-host-port", 'P', false,
     "Refuse clients of fuzzingserver whose Host field has another port, as Autobahn does."},
    {"jobs", 'J', true, "Connections at once. [default: by processors]"},
    {"messages", 'N', true, "Scale 9.7, 9.8, 12.* and 13.* to so many messages."},
    {"version", 'V', false, "Print the version and leave."},
    {"help", 'H', false, "Print this and leave."},
};
enum { N_FLAGS = sizeof flags / sizeof flags[0] };

static int usage_error(const char *program, const char *format, const char *word)
{
    printf("%s ", program);
    for (const char *p = format; *p; p++) {
        if (*p == '@')
            for (const char *w = word; *w; w++)
                putchar((unsigned char)*w < 0x20 || *w == 0x7f ? '?' : *w);
        else
            putchar(*p);
    }
    printf("\n\nTry %s --help for usage details\n", program);
    fflush(stdout);
    return 1;
}

static void print_help(const char *program)
{
    printf("Usage: %s [options]\nOptions:\n", program);
    for (int i = 0; i < N_FLAGS; i++) {
        bool is_short = flags[i].letter >= 'a';
        printf("  %c%c%c --%-16s %s\n", is_short ? '-' : ' ', is_short ? flags[i].letter : ' ',
               is_short ? ',' : ' ', flags[i].name, flags[i].help);
    }
    printf("\nModes:\n");
    for (int i = 0; i < N_MODES; i++)
        printf("  %s%s\n", modes[i], mode_note(modes[i]));
}

/* Index of a long option by its name or the beginning of one name only; -1 unknown, -2 several. */
static int find_long(const char *name, size_t len)
{
    int found = -1;
    for (int i = 0; i < N_FLAGS; i++) {
        if (strncmp(flags[i].name, name, len) != 0)
            continue;
        if (strlen(flags[i].name) == len)
            return i;
        found = found == -1 ? i : -2;
    }
    return found;
}

static int find_short(char letter)
{
    for (int i = 0; i < N_FLAGS; i++)
        if (flags[i].letter == letter && letter >= 'a')
            return i;
    return -1;
}

static bool read_number(const char *text, unsigned long most, unsigned long *ret)
{
    char *end;
    errno = 0;
    unsigned long v = strtoul(text, &end, 10);
    if (errno || end == text || *end || text[0] < '0' || text[0] > '9' || v > most)
        return false;
    *ret = v;
    return true;
}

/* Takes an option in. -1: go on; else leave with this code. */
static int take(wstest_options *o, char letter, const char *value)
{
    unsigned long number;
    switch (letter) {
    case 'm':
        o->mode = value;
        break;
    case 's':
        o->spec = value;
        break;
    case 'w':
        o->wsuri = value;
        break;
    case 'u':
        if (!read_number(value, 65535, &number))
            return usage_error(o->program, "invalid Web port @", value);
        o->webport = (unsigned)number;
        break;
    case 'i':
        o->ident = value;
        break;
    case 'k':
        o->key = value;
        break;
    case 'c':
        o->cert = value;
        break;
    case 'd':
        break;
    case 'a':
        /* The versions whose behaviour this is, in the form that scripts may look for. */
        printf("Autobahn 0.10.9\nAutobahnTestSuite 25.10.1 (websock " WSK_VERSION_STRING ")\n");
        return 0;
    case 'E':
        o->exit_rule = strcmp(value, "failed") == 0   ? WSTEST_EXIT_FAILED
                       : strcmp(value, "strict") == 0 ? WSTEST_EXIT_STRICT
                                                      : WSTEST_EXIT_NEVER;
        if (o->exit_rule == WSTEST_EXIT_NEVER && strcmp(value, "never") != 0)
            return usage_error(o->program, "invalid exit code rule @", value);
        break;
    case 'C':
        o->compat = true;
        break;
    case 'P':
        o->check_host_port = true;
        break;
    case 'J':
        if (!read_number(value, 1024, &number) || number == 0)
            return usage_error(o->program, "invalid number of jobs @", value);
        o->jobs = (unsigned)number;
        break;
    case 'N':
        if (!read_number(value, 1000000, &number) || number == 0)
            return usage_error(o->program, "invalid number of messages @", value);
        o->messages = (uint32_t)number;
        break;
    case 'V':
        printf("websock " WSK_VERSION_STRING "\n");
        return 0;
    case 'H':
        print_help(o->program);
        return 0;
    default:
        break;
    }
    return -1;
}

/* As getopt(3) of Python, which stops at the first word that is no option. */
static int parse(wstest_options *o, int argc, char **argv)
{
    int i = 1, code = -1;
    for (; i < argc && argv[i][0] == '-' && argv[i][1] && code < 0; i++) {
        const char *arg = argv[i];
        if (strcmp(arg, "--") == 0) {
            i++;
            break;
        }
        if (arg[1] == '-') {
            const char *equals = strchr(arg, '=');
            size_t len = equals ? (size_t)(equals - arg - 2) : strlen(arg + 2);
            int k = find_long(arg + 2, len);
            if (k == -1)
                return usage_error(o->program, "option @ not recognized", arg);
            if (k == -2)
                return usage_error(o->program, "option @ not a unique prefix", arg);
            if (!flags[k].has_value && equals)
                return usage_error(o->program, "option @ must not have an argument", arg);
            const char *value = equals ? equals + 1 : NULL;
            if (flags[k].has_value && !value) {
                if (i + 1 >= argc)
                    return usage_error(o->program, "option @ requires argument", arg);
                value = argv[++i];
            }
            code = take(o, flags[k].letter, value);
            continue;
        }
        for (const char *p = arg + 1; *p && code < 0; p++) {
            int k = find_short(*p);
            if (k < 0)
                return usage_error(o->program, "option @ not recognized", arg);
            if (!flags[k].has_value) {
                code = take(o, *p, NULL);
                continue;
            }
            const char *value = p[1] ? p + 1 : i + 1 < argc ? argv[++i] : NULL;
            if (!value)
                return usage_error(o->program, "option @ requires argument", arg);
            code = take(o, *p, value);
            break;
        }
    }
    if (code < 0 && i < argc)
        return usage_error(o->program, "unexpected argument @", argv[i]);
    return code;
}

bool judge_wstest_is_name(const char *argv0)
{
    const char *slash = argv0 ? strrchr(argv0, '/') : NULL;
    return argv0 && strcmp(slash ? slash + 1 : argv0, "wstest") == 0;
}

static int check_mode(const wstest_options *o)
{
    if (!o->mode)
        return usage_error(o->program, "a mode must be specified to run!", "");
    for (int i = 0; i < N_MODES; i++)
        if (strcmp(o->mode, modes[i]) == 0)
            return -1;
    char text[512];
    size_t n = (size_t)snprintf(text, sizeof text, "Mode '@' is invalid.\nAvailable modes:");
    for (int i = 0; i < N_MODES; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, "\n\t- %s%s", modes[i],
                              mode_note(modes[i]));
    return usage_error(o->program, text, o->mode);
}

int judge_wstest_main(int argc, char **argv)
{
    wstest_options o = {.program = argv[0], .webport = 8080};
    setvbuf(stdout, NULL, _IOLBF, 0);
    int code = parse(&o, argc, argv);
    if (code < 0)
        code = check_mode(&o);
    if (code >= 0)
        return code;
    bool is_server = strstr(o.mode, "server") && strcmp(o.mode, "fuzzingserver") != 0;
    bool is_client = strstr(o.mode, "client") && strcmp(o.mode, "fuzzingclient") != 0;
    if ((is_server || is_client) && !o.wsuri)
        return usage_error(o.program, "mode needs a WebSocket URI!", "");
    if (is_server && !o.cert && strncasecmp(o.wsuri, "wss", 3) == 0)
        return usage_error(o.program, "wss needs --key and --cert", "");
    if (strcmp(o.mode, "fuzzingclient") == 0)
        return judge_wstest_fuzzingclient(&o);
    if (strcmp(o.mode, "fuzzingserver") == 0)
        return judge_wstest_fuzzingserver(&o);
    if (strcmp(o.mode, "massconnect") == 0)
        return judge_wstest_massconnect(&o);
    if (is_server) {
        judge_wstest_check_key(&o, o.cert);
        return judge_wstest_serve(&o);
    }
    if (is_client)
        return judge_wstest_client(&o);
    return usage_error(o.program, "mode '@' is not supported", o.mode);
}

/* -------------------------------------------------------------------------------- spec -- */

static void warn(void *ud, const char *text)
{
    (void)ud;
    printf("Warning: %s\n", text);
}

void judge_wstest_check_key(const wstest_options *o, const char *cert)
{
    if (o->key && !cert)
        warn(NULL, "--key has no effect without a certificate");
}

bool judge_wstest_spec(const wstest_options *o, judge_spec_kind kind, judge_spec *ret)
{
    char name[64], real[PATH_MAX];
    const char *path = o->spec;
    if (path) {
        printf("Using explicit spec file '%s'\n", path);
    } else {
        snprintf(name, sizeof name, "%s.json", o->mode);
        path = name;
        if (access(path, F_OK) == 0) {
            printf("Using implicit spec file '%s'\n", path);
        } else {
            printf("Auto-generating spec file '%s'\n", path);
            FILE *out = fopen(path, "wxe");
            bool ok = out && fputs(judge_spec_template(kind), out) >= 0;
            if (out)
                ok = fclose(out) == 0 && ok;
            if (!ok) {
                printf("%s: %s\n", path, strerror(errno));
                return false;
            }
        }
    }
    printf("Loading spec from %s\n\n", realpath(path, real) ? real : path);
    judge_spec_says says = {.warn = warn};
    if (judge_spec_load(ret, kind, path, &says))
        return true;
    printf("%s: %s\n", path, says.error);
    return false;
}

/* ---------------------------------------------------------------------- fuzzingclient -- */

static void on_start(void *ud, const judge_target *t, const judge_case *c)
{
    (void)ud;
    printf("Running test case ID %s for agent %s from peer %s\n", c->id,
           t->agent ? t->agent : "UnknownServer", t->url);
}

/* What failed as it came: of servers of one name the last one's results are what stays. */
typedef struct verdicts {
    wstest_exit_rule rule;
    size_t failed;
} verdicts;

static void on_done(void *ud, const judge_target *t, const judge_case *c, const judge_result *r)
{
    verdicts *v = ud;
    (void)t;
    (void)c;
    v->failed += judge_result_failed(r, v->rule == WSTEST_EXIT_STRICT);
}

static void on_skip(void *ud, const judge_case *c, const char *agent)
{
    (void)ud;
    printf("Skipping test case %s for agent %s by test configuration!\n", c->id, agent);
}

static void on_unreachable(void *ud, const judge_target *t, const char *why)
{
    (void)ud;
    printf("Connection to %s failed (%s)\n", t->url, why);
}

void judge_wstest_print_cases(const judge_session *s)
{
    const judge_table *t = judge_session_table(s);
    const char *comma = "";
    printf("Cases = [");
    for (size_t i = 0; i < judge_table_count(t); i++) {
        if (!judge_session_selected(s)[i])
            continue;
        printf("%s'%s'", comma, judge_table_at(t, i)->id);
        comma = ", ";
    }
    printf("]\n");
}

static void print_run(const judge_session *s)
{
    printf("Using the engine of websock " WSK_VERSION_STRING "\n\n"
           "Autobahn Fuzzing WebSocket Client (websock " WSK_VERSION_STRING ")\n"
           "Ok, will run %zu test cases against %zu servers\n",
           judge_session_n_cases(s), judge_session_n_targets(s));
    judge_wstest_print_cases(s);
    printf("Servers = [");
    for (size_t i = 0; i < judge_session_n_targets(s); i++)
        printf("%s'%s'", i ? ", " : "", judge_session_target(s, i)->url);
    printf("]\n");
    fflush(stdout);
}

static void stop_session(void *ud)
{
    judge_session_cancel(ud);
}

int judge_wstest_exit_code(const judge_session *s, wstest_exit_rule rule, size_t connected)
{
    const judge_store *store = judge_session_store(s);
    if (rule == WSTEST_EXIT_NEVER)
        return 0;
    if (connected == 0)
        return 3;
    for (size_t i = 0; store && i < store->n; i++)
        for (size_t k = 0; k < store->at[i].n; k++)
            if (judge_entry_failed(&store->at[i].at[k], rule == WSTEST_EXIT_STRICT))
                return 1;
    /* Whoever reads the report must not take what is missing for what has passed. */
    return judge_session_is_reported(s) ? 0 : 3;
}

static int run_code(const judge_session *s, const verdicts *v, const judge_run_totals *totals)
{
    if (v->rule == WSTEST_EXIT_NEVER)
        return 0;
    if (judge_wstest_stopped)
        return 128 + (int)judge_wstest_stopped;
    /* A server that is not there has not passed. */
    if (totals->connected > 0 && (totals->unreachable > 0 || v->failed > 0))
        return 1;
    return judge_wstest_exit_code(s, v->rule, totals->connected);
}

int judge_wstest_fuzzingclient(const wstest_options *o)
{
    judge_spec spec;
    if (!judge_wstest_spec(o, JUDGE_SPEC_FUZZINGCLIENT, &spec))
        return 1;
    verdicts v = {.rule = o->exit_rule};
    const judge_session_params p = {
        .spec = &spec,
        .urls = &o->wsuri,
        .n_urls = o->wsuri && spec.n_servers == 0 ? 1 : 0,
        .agent = spec.n_servers == 0 ? o->ident : NULL,
        .options = spec.options,
        .tls = {.verify = spec.verify || spec.ca,
                .ca = spec.ca,
                .cert = spec.cert,
                .key = spec.key},
        .jobs = o->jobs,
        .messages = o->messages,
        .compat = o->compat,
        .patient = true,
        .overwrites = true,
        .empties = true,
        .report = {.outdir = spec.outdir, .strict = o->exit_rule == WSTEST_EXIT_STRICT},
        .hooks = {&v, on_start, on_done, on_skip, on_unreachable, warn},
    };
    char why[256];
    int code = 1;
    judge_session_error error;
    judge_run_totals totals = {0};
    judge_session *s = judge_session_new(&p, &error, why);
    if (!s) {
        printf("%s\n", why);
    } else {
        print_run(s);
        judge_wstest_catch_signals(stop_session, s);
        if (!judge_session_run(s, &totals, why))
            printf("%s\n", why);
        else
            code = run_code(s, &v, &totals);
        judge_wstest_catch_signals(NULL, NULL);
    }
    judge_session_free(s);
    judge_spec_deinit(&spec);
    return code;
}
