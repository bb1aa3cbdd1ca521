/* SPDX-License-Identifier: MIT */
/* Brings together spec, engine and reports. */
#include "conformance/session.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http/url.h"

/* What a server is called in the reports. */
typedef struct server_name {
    const judge_target *target;
    char *said; /* what it calls itself, or the user it */
    char *name;
} server_name;

struct judge_session {
    judge_session_params p;
    judge_table *table;
    bool *selected;
    size_t n_cases;
    judge_target *targets;
    wsk__url *urls; /* beside targets, whose strings are in these */
    size_t n_targets;
    server_name *names; /* in the order in which they came */
    size_t n_names;
    judge_report *report;
    judge_run *run;
    judge_fuzz *fuzz;
};

static void WSK_PRINTF(2, 3) say(char why[256], const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(why, 256, fmt, ap);
    va_end(ap);
    for (char *p = why; *p; p++) /* part of it may come from a file */
        if ((unsigned char)*p < 0x20 || *p == 0x7f)
            *p = '?';
}

static void WSK_PRINTF(2, 3) warn(const judge_session *s, const char *fmt, ...)
{
    char text[256];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    for (char *p = text; *p; p++)
        if ((unsigned char)*p < 0x20 || *p == 0x7f)
            *p = '?';
    if (s->p.hooks.warn)
        s->p.hooks.warn(s->p.hooks.ud, text);
}

static bool add_target(judge_session *s, const char *url, char why[256],
                       judge_session_error *ret_error)
{
    const char *problem = "";
    wsk__url *u = &s->urls[s->n_targets];
    judge_target *t = &s->targets[s->n_targets];
    int r = wsk__url_parse(NULL, url, u, &problem);
    if (r < 0) {
        *ret_error = r == WSK_ERR_NOMEM ? JUDGE_SESSION_FAILED : JUDGE_SESSION_USAGE;
        /* What stands before an @ may be a password. */
        if (strchr(url, '@'))
            say(why, "this is no WebSocket URL: %s", problem);
        else
            say(why, "\"%s\" is no WebSocket URL: %s", url, problem);
        return false;
    }
    if (u->userinfo) {
        wsk__url_deinit(NULL, u);
        *ret_error = JUDGE_SESSION_USAGE;
        say(why, "the URL of a server under test must have no user: it would not be sent");
        return false;
    }
    *t = (judge_target){
        .url = url,
        .host = u->host,
        .unix_path = u->is_unix ? u->unix_path : NULL,
        .port = u->port,
        .tls = u->tls,
        .resource = u->target,
        .agent = s->p.agent,
        .hostname = s->p.hostname,
        .origin = s->p.origin,
        .protocols = s->p.protocols,
        .n_protocols = s->p.n_protocols,
        .options = s->p.options,
    };
    s->n_targets++;
    return true;
}

static bool add_targets(judge_session *s, char why[256], judge_session_error *ret_error)
{
    const judge_spec *spec = s->p.spec;
    size_t n = s->p.n_urls + (spec ? spec->n_servers : 0);
    s->targets = calloc(n ? n : 1, sizeof *s->targets);
    s->urls = calloc(n ? n : 1, sizeof *s->urls);
    if (!s->targets || !s->urls) {
        *ret_error = JUDGE_SESSION_FAILED;
        say(why, "out of memory");
        return false;
    }
    if (s->p.lists)
        return true;
    for (size_t i = 0; spec && i < spec->n_servers; i++) {
        const judge_spec_server *from = &spec->servers[i];
        if (!add_target(s, from->url, why, ret_error))
            return false;
        judge_target *t = &s->targets[s->n_targets - 1];
        t->agent = t->agent ? t->agent : from->agent;
        t->hostname = t->hostname ? t->hostname : from->hostname;
        t->origin = t->origin ? t->origin : from->origin;
        if (t->n_protocols == 0) {
            t->protocols = from->protocols.at;
            t->n_protocols = from->protocols.n;
        }
        t->options = from->options;
    }
    for (size_t i = 0; i < s->p.n_urls; i++)
        if (!add_target(s, s->p.urls[i], why, ret_error))
            return false;
    if (s->n_targets == 0 && !s->p.serves) {
        *ret_error = JUDGE_SESSION_USAGE;
        say(why, "there is no server to test");
        return false;
    }
    return true;
}

static bool select_cases(judge_session *s, char why[256], judge_session_error *ret_error)
{
    static const char *const all[] = {"*"};
    const judge_spec *spec = s->p.spec;
    const char *const *cases = s->p.cases;
    size_t n = s->p.n_cases, n_spec = spec ? spec->exclude.n : 0, n_exclude = 0;
    const char *bad = "";
    if (n == 0) {
        cases = spec ? spec->cases.at : all;
        n = spec ? spec->cases.n : 1;
    }
    const char **exclude = calloc(n_spec + s->p.n_exclude + 1, sizeof *exclude);
    s->selected = calloc(judge_table_count(s->table), sizeof *s->selected);
    if (!exclude || !s->selected) {
        free((void *)exclude);
        *ret_error = JUDGE_SESSION_FAILED;
        say(why, "out of memory");
        return false;
    }
    /* Specs are older or newer than suites: what is not there need not be left out. */
    for (size_t i = 0; i < n_spec; i++)
        if (strchr(spec->exclude.at[i], '*') || judge_table_find(s->table, spec->exclude.at[i]))
            exclude[n_exclude++] = spec->exclude.at[i];
        else
            warn(s, "there is no case \"%.40s\" to exclude", spec->exclude.at[i]);
    for (size_t i = 0; i < s->p.n_exclude; i++)
        exclude[n_exclude++] = s->p.exclude[i];
    int found = judge_select(s->table, cases, n, exclude, n_exclude, s->selected, &bad);
    free((void *)exclude);
    const judge_role role = s->p.serves ? JUDGE_ROLE_SERVER : JUDGE_ROLE_CLIENT;
    for (size_t i = 0; found > 0 && i < judge_table_count(s->table); i++) {
        if (!s->selected[i] || judge_case_has_role(judge_table_at(s->table, i), role))
            continue;
        s->selected[i] = false;
        found--;
    }
    if (found < 0) {
        *ret_error = JUDGE_SESSION_USAGE;
        say(why, "there is no case \"%s\"", bad);
        return false;
    }
    s->n_cases = (size_t)found;
    return true;
}

judge_session *judge_session_new(const judge_session_params *p, judge_session_error *ret_error,
                                 char why[256])
{
    judge_session *s = calloc(1, sizeof *s);
    *ret_error = JUDGE_SESSION_FAILED;
    if (s) {
        s->p = *p;
        s->table = judge_table_new_limited(p->limit);
    }
    if (!s || !s->table) {
        say(why, "out of memory");
        free(s);
        return NULL;
    }
    if (!select_cases(s, why, ret_error) || !add_targets(s, why, ret_error)) {
        judge_session_free(s);
        return NULL;
    }
    if (p->patient && s->p.options.stall_seconds < 0)
        s->p.options.stall_seconds = 0;
    for (size_t i = 0; p->patient && i < s->n_targets; i++)
        if (s->targets[i].options.stall_seconds < 0)
            s->targets[i].options.stall_seconds = 0;
    *ret_error = JUDGE_SESSION_OK;
    return s;
}

void judge_session_free(judge_session *s)
{
    if (!s)
        return;
    judge_run_free(s->run);
    judge_fuzz_free(s->fuzz);
    judge_report_close(s->report);
    for (size_t i = 0; i < s->n_targets; i++)
        wsk__url_deinit(NULL, &s->urls[i]);
    for (size_t i = 0; i < s->n_names; i++) {
        free(s->names[i].said);
        free(s->names[i].name);
    }
    free(s->names);
    free(s->urls);
    free(s->targets);
    free(s->selected);
    judge_table_free(s->table);
    free(s);
}

const judge_table *judge_session_table(const judge_session *s)
{
    return s->table;
}

const bool *judge_session_selected(const judge_session *s)
{
    return s->selected;
}

size_t judge_session_n_cases(const judge_session *s)
{
    return s->n_cases;
}

size_t judge_session_n_targets(const judge_session *s)
{
    return s->n_targets;
}

const judge_target *judge_session_target(const judge_session *s, size_t i)
{
    return &s->targets[i];
}

const judge_store *judge_session_store(const judge_session *s)
{
    return s->report ? judge_report_store(s->report) : NULL;
}

bool judge_session_is_reported(const judge_session *s)
{
    return s->report && judge_report_is_whole(s->report);
}

void judge_session_cancel(judge_session *s)
{
    if (s->run)
        judge_run_cancel(s->run);
    if (s->fuzz)
        judge_fuzz_stop(s->fuzz);
}

/* --------------------------------------------------------------------------------- events -- */

static void on_start(void *ud, const judge_target *t, const judge_case *c)
{
    judge_session *s = ud;
    if (s->p.hooks.on_start)
        s->p.hooks.on_start(s->p.hooks.ud, t, c);
}

static bool has_name(const judge_session *s, const char *name)
{
    for (size_t i = 0; i < s->n_names; i++)
        if (strcmp(s->names[i].name, name) == 0)
            return true;
    return false;
}

/* NULL when memory is short. */
static const char *name_of(judge_session *s, const judge_target *t, const char *said)
{
    for (size_t i = 0; i < s->n_names; i++)
        if (s->names[i].target == t && strcmp(s->names[i].said, said) == 0)
            return s->names[i].name;
    size_t size = strlen(said) + 24;
    server_name *grown = realloc(s->names, (s->n_names + 1) * sizeof *grown);
    if (!grown)
        return NULL;
    s->names = grown;
    server_name n = {.target = t, .said = strdup(said), .name = malloc(size)};
    if (!n.said || !n.name) {
        free(n.said);
        free(n.name);
        return NULL;
    }
    memcpy(n.name, said, strlen(said) + 1);
    for (unsigned i = 2; has_name(s, n.name); i++)
        snprintf(n.name, size, "%s %u", said, i);
    if (strcmp(n.name, said) != 0)
        warn(s, "another server is called \"%.60s\", too: that of %.100s is \"%.80s\" here", said,
             t->url, n.name);
    s->names[s->n_names++] = n;
    return n.name;
}

/* Reports tell servers apart by name: one of two that share it would replace the other's results,
 * and what failed would be gone. */
static void tell_apart(judge_session *s, const judge_target *t, judge_result *r)
{
    if (s->p.compat || s->p.overwrites || s->n_targets < 2 || !r->agent)
        return;
    const char *name = name_of(s, t, r->agent);
    if (!name || strcmp(name, r->agent) == 0)
        return;
    char *copy = strdup(name);
    if (!copy)
        return;
    free(r->agent);
    r->agent = copy;
}

static void on_done(void *ud, const judge_target *t, const judge_case *c, judge_result *r)
{
    judge_session *s = ud;
    tell_apart(s, t, r);
    judge_report_add(s->report, r);
    if (s->p.hooks.on_done)
        s->p.hooks.on_done(s->p.hooks.ud, t, c, r);
}

static bool skip(void *ud, const judge_target *t, const judge_case *c, const char *agent)
{
    judge_session *s = ud;
    (void)t;
    if (!s->p.spec || !judge_spec_excludes(s->p.spec, agent, c->id))
        return false;
    if (s->p.hooks.on_skip)
        s->p.hooks.on_skip(s->p.hooks.ud, c, agent);
    return true;
}

static void on_unreachable(void *ud, const judge_target *t, const char *why)
{
    judge_session *s = ud;
    if (s->p.hooks.on_unreachable)
        s->p.hooks.on_unreachable(s->p.hooks.ud, t, why);
}

static void on_alone(void *ud, const judge_target *t)
{
    judge_session *s = ud;
    char text[512];
    snprintf(
        text, sizeof text,
        "%.300s does not bear several connections at a time: what they may have decided is run "
        "again, one case after the other",
        t->url);
    if (s->p.hooks.warn)
        s->p.hooks.warn(s->p.hooks.ud, text);
}

static bool open_report(judge_session *s, char why[256])
{
    judge_report_options report = s->p.report;
    report.table = s->table;
    report.selected = s->selected;
    report.warn = s->p.hooks.warn;
    report.ud = s->p.hooks.ud;
    s->report = judge_report_open(&report);
    if (!s->report)
        say(why, "the report directory \"%s\" cannot be used: %s",
            report.outdir ? report.outdir : "",
            errno == EWOULDBLOCK ? "another run writes into it" : strerror(errno));
    return s->report;
}

bool judge_session_run(judge_session *s, judge_run_totals *ret, char why[256])
{
    char problem[256];
    const judge_run_params params = {
        .table = s->table,
        .selected = s->selected,
        .targets = s->targets,
        .n_targets = s->n_targets,
        .tls = s->p.tls,
        .callbacks = {s, on_start, on_done, skip, on_unreachable, on_alone},
        .jobs = s->p.jobs,
        .messages = s->p.messages,
        .pid = s->p.pid,
        .compat = s->p.compat,
        .user_agent = s->p.user_agent,
    };
    s->run = judge_run_new(&params, problem);
    if (!s->run)
        say(why, "%s", problem);
    if (!s->run || !open_report(s, why))
        return false;
    if (judge_run_jobs(s->run) < s->p.jobs)
        warn(s, "--jobs %u: the limit of open files leaves room for %u", s->p.jobs,
             judge_run_jobs(s->run));
    bool ok = judge_run_go(s->run, ret) == 0;
    if (!ok)
        say(why, "the run ended early: %s", strerror(errno));
    /* A report of the last run must not stand there as if it were of this one. */
    if (s->p.empties && ret->cases == 0 &&
        (ret->unreachable > 0 || ret->skipped > 0 || s->n_cases == 0))
        judge_report_update(s->report);
    /* What there is goes into the reports all the same. */
    judge_report_finish(s->report);
    return ok;
}

judge_fuzz *judge_session_serve(judge_session *s, const judge_fuzz_params *p, char why[256])
{
    judge_fuzz_params params = *p;
    if (!open_report(s, why))
        return NULL;
    params.table = s->table;
    params.selected = s->selected;
    params.spec = s->p.spec;
    params.report = s->report;
    params.outdir = s->p.report.outdir;
    params.options = s->p.options;
    params.messages = s->p.messages;
    params.pid = s->p.pid;
    params.compat = s->p.compat;
    params.protocols = s->p.protocols;
    params.n_protocols = s->p.n_protocols;
    if (s->p.spec && params.n_protocols == 0) {
        params.protocols = s->p.spec->protocols.at;
        params.n_protocols = s->p.spec->protocols.n;
    }
    s->fuzz = judge_fuzz_new(&params, why);
    return s->fuzz;
}

void judge_session_served(judge_session *s)
{
    judge_report_finish(s->report);
}
