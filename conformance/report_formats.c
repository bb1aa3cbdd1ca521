/* SPDX-License-Identifier: MIT */
/* Formats of few octets per case. Each escapes what peers may have put into names and reasons. */
#include "conformance/report_formats.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Why a case is not simply "passed", in words. */
static const char *reason(const judge_entry *e)
{
    if (e->why)
        return e->why;
    if (e->behavior != JUDGE_OK && e->behavior != JUDGE_INFORMATIONAL)
        return judge_behavior_name(e->behavior);
    return judge_behavior_name(e->behavior_close);
}

/* ----------------------------------------------------------------------------------- TAP -- */

/* In descriptions '#' begins a directive, and a line ends at its newline. */
static void put_tap_text(judge_buf *b, const char *s)
{
    judge_buf clean = {0};
    judge_put_clean(&clean, s, strlen(s));
    b->failed = b->failed || clean.failed;
    for (size_t i = 0; i < clean.len; i++) {
        char c = clean.at[i];
        if (c == '#' || c == '\\')
            judge_buf_str(b, "\\");
        judge_buf_put(b, (unsigned char)c < 0x20 || c == 0x7f ? " " : &c, 1);
    }
    judge_buf_deinit(&clean);
}

static void put_tap_field(judge_buf *b, const char *name, const char *value)
{
    judge_buf_printf(b, "  %s: ", name);
    judge_put_json(b, value, strlen(value)); /* JSON strings are YAML */
    judge_buf_str(b, "\n");
}

void judge_put_tap(judge_buf *b, size_t number, const char *agent, const judge_entry *e,
                   const char *title, bool strict)
{
    bool failed = judge_entry_failed(e, strict);
    judge_buf_printf(b, "%sok %zu - %s ", failed ? "not " : "", number, e->id);
    if (title)
        put_tap_text(b, title);
    judge_buf_str(b, " (");
    put_tap_text(b, agent);
    judge_buf_str(b, ")");
    if (!failed && e->behavior == JUDGE_UNIMPLEMENTED)
        judge_buf_str(b, " # SKIP unimplemented");
    judge_buf_str(b, "\n");
    if (!failed)
        return;
    judge_buf_str(b, "  ---\n");
    put_tap_field(b, "behavior", judge_behavior_name(e->behavior));
    put_tap_field(b, "behaviorClose", judge_behavior_name(e->behavior_close));
    put_tap_field(b, "message", reason(e));
    if (e->frame)
        put_tap_field(b, "frame", e->frame);
    judge_buf_printf(b, "  duration_ms: %.3f\n  ...\n", (double)e->duration_us / 1e3);
}

/* ----------------------------------------------------------------------------- JSON lines -- */

void judge_put_line(judge_buf *b, const char *agent, const judge_entry *e)
{
    json_t *v = json_object();
    int bad = 0;
    bad |= json_object_set_new(v, "agent", judge_json_text(agent));
    bad |= json_object_set_new(v, "behavior", json_string(judge_behavior_name(e->behavior)));
    bad |= json_object_set_new(v, "behaviorClose",
                               json_string(judge_behavior_name(e->behavior_close)));
    bad |= json_object_set_new(v, "durationMicroseconds", json_integer((json_int_t)e->duration_us));
    bad |= json_object_set_new(v, "failed", json_boolean(judge_entry_failed(e, false)));
    bad |= json_object_set_new(v, "frame", judge_json_text(e->frame));
    bad |= json_object_set_new(v, "id", json_string(e->id));
    bad |= json_object_set_new(v, "remoteCloseCode",
                               e->remote_code < 0 ? json_null() : json_integer(e->remote_code));
    bad |= json_object_set_new(v, "scaled", json_boolean(e->scaled));
    bad |= json_object_set_new(v, "why", judge_json_text(e->why));
    if (bad) {
        b->failed = true;
    } else {
        judge_json_dump_line(b, v);
        judge_buf_str(b, "\n");
    }
    json_decref(v);
}

/* ----------------------------------------------------------------------------- annotations -- */

/* The runner takes "::" at the beginning of a line for a command: newlines are escaped, and in
 * properties what separates them. */
static void put_annotation_text(judge_buf *b, const char *s, bool property)
{
    for (; *s; s++) {
        if (*s == '%' || (unsigned char)*s < 0x20 || (property && (*s == ':' || *s == ',')))
            judge_buf_printf(b, "%%%02X", (unsigned char)*s);
        else
            judge_buf_put(b, s, 1);
    }
}

void judge_put_annotation(judge_buf *b, const char *agent, const judge_entry *e, const char *title,
                          bool strict)
{
    bool failed = judge_entry_failed(e, strict);
    if (!failed && !judge_entry_failed(e, true))
        return;
    judge_buf_printf(b, "::%s title=WebSocket case %s", failed ? "error" : "warning", e->id);
    if (title) {
        judge_buf_str(b, "%3A ");
        put_annotation_text(b, title, true);
    }
    judge_buf_str(b, "::");
    put_annotation_text(b, agent, false);
    judge_buf_str(b, ": ");
    put_annotation_text(b, reason(e), false);
    if (e->frame) {
        judge_buf_str(b, "%0A");
        put_annotation_text(b, e->frame, false);
    }
    judge_buf_str(b, "\n");
}

/* ---------------------------------------------------------------------------------- JUnit -- */

static void put_junit_case(judge_buf *b, const judge_entry *e, const judge_table *t, bool strict)
{
    const judge_case *c = judge_table_find(t, e->id);
    char category[16];
    snprintf(category, sizeof category, "%.*s", (int)strcspn(e->id, "."), e->id);
    const char *category_title = judge_category_title(category);
    judge_buf_str(b, "    <testcase classname=\"");
    judge_put_xml(b, category_title ? category_title : category);
    judge_buf_printf(b, "\" name=\"%s ", e->id);
    judge_put_xml(b, c && c->title ? c->title : "");
    judge_buf_printf(b, "\" time=\"%.6f\"", (double)e->duration_us / 1e6);
    if (judge_entry_failed(e, strict)) {
        judge_buf_printf(
            b, ">\n      <failure type=\"%s\" message=\"",
            judge_behavior_name(e->behavior == JUDGE_OK ? e->behavior_close : e->behavior));
        judge_put_xml(b, reason(e));
        judge_buf_str(b, "\">");
        judge_put_xml(b, e->frame ? e->frame : "");
        judge_buf_str(b, "</failure>\n    </testcase>\n");
    } else if (e->behavior == JUDGE_UNIMPLEMENTED) {
        judge_buf_str(b, ">\n      <skipped message=\"unimplemented\"/>\n    </testcase>\n");
    } else {
        judge_buf_str(b, "/>\n");
    }
}

void judge_put_junit(judge_buf *b, const judge_store *s, const judge_table *t, bool strict)
{
    judge_buf_str(
        b, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"websock test\">\n");
    for (size_t k = 0; k < s->n; k++) {
        const judge_agent *a = &s->at[k];
        size_t failed = 0, skipped = 0;
        int64_t first = INT64_MAX;
        uint64_t us = 0;
        for (size_t i = 0; i < a->n; i++) {
            bool bad = judge_entry_failed(&a->at[i], strict);
            failed += bad;
            skipped += !bad && a->at[i].behavior == JUDGE_UNIMPLEMENTED;
            us += a->at[i].duration_us;
            first = a->at[i].started_ms < first ? a->at[i].started_ms : first;
        }
        char started[JUDGE_TIME_SIZE];
        judge_time(started, a->n ? first : 0);
        judge_buf_str(b, "  <testsuite name=\"");
        judge_put_xml(b, a->name);
        judge_buf_printf(b,
                         "\" tests=\"%zu\" failures=\"%zu\" errors=\"0\" skipped=\"%zu\" "
                         "time=\"%.6f\" timestamp=\"%.19s\">\n",
                         a->n, failed, skipped, (double)us / 1e6, started);
        for (size_t i = 0; i < a->n; i++)
            put_junit_case(b, &a->at[i], t, strict);
        judge_buf_str(b, "  </testsuite>\n");
    }
    judge_buf_str(b, "</testsuites>\n");
}
