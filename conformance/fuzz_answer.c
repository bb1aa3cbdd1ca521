/* SPDX-License-Identifier: MIT */
/* What Autobahn's URL API says, and what it sets off. Knows no sockets. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "conformance/fuzz_state.h"

void fuzz_say(const judge_fuzz *f, const char *fmt, ...)
{
    char text[4096];
    judge_buf safe = {0};
    va_list ap;
    if (!f->p.hooks.say)
        return;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    /* Names come from clients; a terminal must not obey them. */
    size_t n = strlen(text);
    for (size_t i = 0; i < n;) {
        uint32_t code;
        size_t len = judge_utf8_next(text + i, n - i, &code);
        if (len == 0 || code < 0x20 || (code >= 0x7f && code < 0xa0) ||
            (code >= 0x2028 && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069))
            judge_buf_put(&safe, "?", 1);
        else
            judge_buf_put(&safe, text + i, len);
        i += len ? len : 1;
    }
    if (!safe.failed)
        f->p.hooks.say(f->p.hooks.ud, safe.at ? safe.at : "");
    judge_buf_deinit(&safe);
}

/* A text for this client, then a close frame without a code. */
static void put_answer(conn *c)
{
    size_t n = 0, len = strlen(c->text);
    if (len > 0)
        c->steps[n++] = (judge_step){
            .op = JUDGE_STEP_MESSAGE, .first = WSK_OP_TEXT, .blob = {c->text, len, len}};
    if (c->query.act != FUZZ_COMMANDS && !c->waits)
        c->steps[n++] = (judge_step){.op = JUDGE_STEP_CLOSE, .code = -1, .blob = {"", 0, 0}};
    c->steps[n] = (judge_step){.op = JUDGE_STEP_END};
}

const judge_entry *fuzz_result(const judge_fuzz *f, const char *agent, const char *id)
{
    const judge_store *s = judge_report_store(f->p.report);
    for (size_t i = 0; i < s->n; i++)
        if (strcmp(s->at[i].name, agent) == 0)
            return judge_agent_find(&s->at[i], id);
    return NULL;
}

static void put_status(conn *c, const judge_entry *e)
{
    snprintf(c->text, sizeof c->text, "{\"behavior\": \"%s\"}", judge_behavior_name(e->behavior));
}

void fuzz_answer_status(conn *c, const judge_entry *e)
{
    c->waits = false;
    put_status(c, e);
    put_answer(c);
}

/* The description up to its first tag, white space as single blanks. */
static void put_info(conn *c)
{
    char words[1500];
    size_t n = 0;
    for (const char *s = c->query.test->description; *s && *s != '<' && n + 1 < sizeof words; s++) {
        bool blank = *s == ' ' || *s == '\n' || *s == '\t';
        if (!blank || (n > 0 && words[n - 1] != ' '))
            words[n++] = blank ? ' ' : *s;
    }
    while (n > 0 && words[n - 1] == ' ')
        n--;
    judge_buf b = {0};
    judge_buf_printf(&b, "{\"id\": \"%s\", \"description\": ", c->query.test->id);
    judge_put_json(&b, words, n);
    judge_buf_str(&b, "}");
    snprintf(c->text, sizeof c->text, "%s", b.failed || b.len >= sizeof c->text ? "{}" : b.at);
    judge_buf_deinit(&b);
}

static void write_reports(judge_fuzz *f, conn *c)
{
    bool ends = c->query.shutdown || f->p.then_exit, ok = true;
    fuzz_say(f, "Updating reports, requested by peer %s", c->from);
    if (f->done != f->reported || f->reported_at == 0 || c->active - f->reported_at > REPORT_US ||
        !judge_report_is_there(f->p.report)) {
        ok = judge_report_update(f->p.report);
        f->reported = f->done;
        f->reported_at = ok ? c->active : 0;
    }
    fuzz_say(f, "Report generation %s%s", ok ? "complete" : "has failed",
             ends ? "; shutting down server." : ".");
    if (f->p.hooks.on_report)
        f->p.hooks.on_report(f->p.hooks.ud, c->query.agent);
    c->is_last = ends;
}

void fuzz_answer_prepare(judge_fuzz *f, conn *c)
{
    const judge_entry *e;
    size_t n = 0;
    switch (c->query.act) {
    case FUZZ_COUNT:
        for (size_t i = 0; i < judge_table_count(f->p.table); i++)
            n += f->p.selected[i];
        snprintf(c->text, sizeof c->text, "%zu", n);
        break;
    case FUZZ_INFO:
        put_info(c);
        break;
    case FUZZ_STATUS:
        e = fuzz_result(f, c->query.agent, c->query.test->id);
        c->waits = e == NULL;
        if (e) {
            put_status(c, e);
        } else if (f->p.spec && judge_spec_excludes(f->p.spec, c->query.agent, c->query.test->id)) {
            /* It would be waited for in vain. */
            c->waits = false;
            snprintf(c->text, sizeof c->text, "{\"behavior\": \"SKIPPED\"}");
        }
        break;
    case FUZZ_COMMANDS:
    case FUZZ_REPORTS:
    case FUZZ_STOP:
    case FUZZ_RUN:
        break;
    }
    put_answer(c);
    c->made = (judge_case){
        .id = "0",
        .title = "",
        .description = "",
        .expectation = "",
        .reference = "",
        .steps = c->steps,
        .rule = JUDGE_RULE_INFORM,
    };
}

void fuzz_answer_begin(judge_fuzz *f, conn *c)
{
    switch (c->query.act) {
    case FUZZ_REPORTS:
        write_reports(f, c);
        break;
    case FUZZ_STOP:
        fuzz_say(f, "Shutting down server.");
        c->is_last = true;
        break;
    case FUZZ_COMMANDS:
        fuzz_say(f, "Entering direct command mode for peer %s", c->from);
        break;
    case FUZZ_RUN:
    case FUZZ_COUNT:
    case FUZZ_INFO:
    case FUZZ_STATUS:
        break;
    }
}
