/* SPDX-License-Identifier: MIT */
/* Keeps the outcome of each case by agent, for everything that is written at the end. */
#include "conformance/report_store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conformance/report_frame.h"

static void entry_deinit(judge_entry *e)
{
    free(e->why);
    free(e->frame);
}

void judge_store_deinit(judge_store *s)
{
    for (size_t i = 0; i < s->n; i++) {
        for (size_t k = 0; k < s->at[i].n; k++)
            entry_deinit(&s->at[i].at[k]);
        free(s->at[i].at);
        free(s->at[i].name);
    }
    free(s->at);
    *s = (judge_store){0};
}

static bool has_slug(const judge_store *s, const char *slug)
{
    for (size_t i = 0; i < s->n; i++)
        if (strcmp(s->at[i].slug, slug) == 0)
            return true;
    return false;
}

judge_agent *judge_store_agent(judge_store *s, const char *name)
{
    for (size_t i = 0; i < s->n; i++)
        if (strcmp(s->at[i].name, name) == 0)
            return &s->at[i];
    judge_agent *at = realloc(s->at, (s->n + 1) * sizeof *at);
    if (!at)
        return NULL;
    s->at = at;
    judge_agent *a = &at[s->n];
    *a = (judge_agent){.name = strdup(name)};
    if (!a->name)
        return NULL;
    char slug[JUDGE_SLUG_SIZE];
    judge_slug(slug, name);
    snprintf(a->slug, sizeof a->slug, "%s", slug);
    /* "A/B" and "a b" would write into each other's files. */
    for (unsigned i = 2; has_slug(s, a->slug) && i < 100000; i++) {
        a->collided = true;
        snprintf(a->slug, sizeof a->slug, "%s_%u", slug, i);
    }
    s->n++;
    return a;
}

/* Where `id` is or would be. */
static size_t place(const judge_agent *a, const char *id)
{
    size_t low = 0, high = a->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (judge_id_compare(a->at[middle].id, id) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

judge_entry *judge_agent_entry(const judge_agent *a, const char *id)
{
    size_t i = place(a, id);
    return i < a->n && strcmp(a->at[i].id, id) == 0 ? &a->at[i] : NULL;
}

const judge_entry *judge_agent_find(const judge_agent *a, const char *id)
{
    return judge_agent_entry(a, id);
}

static double ratio(uint64_t packed, uint64_t plain)
{
    return plain ? (double)packed / (double)plain : -1;
}

static uint64_t messages_sent(const judge_result *r)
{
    uint64_t n = r->traffic.present ? r->traffic.out_messages : 0;
    for (size_t i = 0; !r->traffic.present && i < r->tx_frames.n; i++)
        if (r->tx_frames.at[i].key == WSK_OP_TEXT || r->tx_frames.at[i].key == WSK_OP_BINARY)
            n += r->tx_frames.at[i].count;
    return n ? n : 1;
}

judge_agent *judge_store_add(judge_store *s, const judge_result *r, judge_entry **ret_entry)
{
    judge_agent *a = judge_store_agent(s, r->agent);
    if (!a)
        return NULL;
    s->clients = s->clients || r->is_server;
    s->servers = s->servers || !r->is_server;
    judge_entry e = {
        .index = r->index,
        .behavior = r->behavior,
        .behavior_close = r->behavior_close,
        .duration_ms = r->duration_ms,
        .duration_us = r->duration_us,
        .started_ms = r->started_ms,
        .remote_code = r->remote_code,
        .report_time = r->report_time,
        .report_ratio = r->report_ratio,
        .scaled = r->scaled,
        .messages = messages_sent(r),
        .in_ratio = r->traffic.present ? ratio(r->traffic.in_ws, r->traffic.in_app) : -1,
        .out_ratio = r->traffic.present ? ratio(r->traffic.out_ws, r->traffic.out_app) : -1,
    };
    snprintf(e.id, sizeof e.id, "%s", r->id);
    judge_buf frame = {0};
    if (r->why && r->why_log >= 0 && (size_t)r->why_log < r->n_log)
        judge_put_log_line(&frame, &r->log[r->why_log]);
    e.frame = frame.at;
    e.why = r->why ? strdup(r->why) : NULL;
    if (frame.failed || (r->why && !e.why)) {
        entry_deinit(&e);
        return NULL;
    }
    size_t i = place(a, e.id);
    if (i < a->n && strcmp(a->at[i].id, e.id) == 0) {
        entry_deinit(&a->at[i]);
    } else {
        if (a->n == a->size) {
            size_t size = a->size ? 2 * a->size : 64;
            judge_entry *at = realloc(a->at, size * sizeof *at);
            if (!at) {
                entry_deinit(&e);
                return NULL;
            }
            a->at = at;
            a->size = size;
        }
        memmove(a->at + i + 1, a->at + i, (a->n - i) * sizeof *a->at);
        a->n++;
    }
    a->at[i] = e;
    *ret_entry = &a->at[i];
    return a;
}

/* -------------------------------------------------------------------------------- counts -- */

bool judge_entry_failed(const judge_entry *e, bool strict)
{
    if (e->behavior == JUDGE_FAILED || e->behavior_close == JUDGE_FAILED ||
        e->behavior_close == JUDGE_WRONG_CODE)
        return true;
    if (!strict)
        return false;
    return e->behavior == JUDGE_NON_STRICT || e->behavior == JUDGE_UNIMPLEMENTED ||
           (e->behavior_close != JUDGE_OK && e->behavior_close != JUDGE_INFORMATIONAL);
}

bool judge_result_failed(const judge_result *r, bool strict)
{
    const judge_entry e = {.behavior = r->behavior, .behavior_close = r->behavior_close};

    return judge_entry_failed(&e, strict);
}

void judge_counts_add(judge_counts *c, const judge_entry *e)
{
    c->total++;
    if (judge_entry_failed(e, false)) {
        c->failed++;
        return;
    }
    switch (e->behavior) {
    case JUDGE_NON_STRICT:
        c->non_strict++;
        break;
    case JUDGE_INFORMATIONAL:
        c->informational++;
        break;
    case JUDGE_UNIMPLEMENTED:
        c->unimplemented++;
        break;
    default:
        c->ok++;
        break;
    }
    if (e->behavior_close != JUDGE_OK && e->behavior_close != JUDGE_INFORMATIONAL)
        c->not_clean++;
}

/* ---------------------------------------------------------------------------------- JSON -- */

static bool put(json_t *object, const char *key, json_t *v)
{
    return json_object_set_new(object, key, v) == 0;
}

static json_t *integer_or_null(int v)
{
    return v < 0 ? json_null() : json_integer(v);
}

static json_t *index_entry(const judge_agent *a, const judge_entry *e)
{
    char id[16];
    judge_id_slug(id, e->id);
    json_t *v = json_object();
    bool ok = put(v, "behavior", json_string(judge_behavior_name(e->behavior))) &&
              put(v, "behaviorClose", json_string(judge_behavior_name(e->behavior_close))) &&
              put(v, "duration", json_integer((json_int_t)e->duration_ms)) &&
              put(v, "remoteCloseCode", integer_or_null(e->remote_code)) &&
              put(v, "reportfile", json_sprintf("%s_case_%s.json", a->slug, id));
    if (!ok) {
        json_decref(v);
        return NULL;
    }
    return v;
}

/* A name as a key of JSON, which must be UTF-8. */
static bool put_named(json_t *object, const char *name, json_t *v)
{
    judge_buf key = {0};
    judge_put_clean(&key, name, strlen(name));
    bool ok = !key.failed && v && json_object_set(object, key.at ? key.at : "", v) == 0;
    json_decref(v);
    judge_buf_deinit(&key);
    return ok;
}

json_t *judge_json_index(const judge_store *s)
{
    json_t *index = json_object();
    bool ok = index != NULL;
    for (size_t i = 0; ok && i < s->n; i++) {
        json_t *cases = json_object();
        ok = cases != NULL;
        for (size_t k = 0; ok && k < s->at[i].n; k++)
            ok = put(cases, s->at[i].at[k].id, index_entry(&s->at[i], &s->at[i].at[k]));
        if (!ok)
            json_decref(cases);
        else
            ok = put_named(index, s->at[i].name, cases);
    }
    if (!ok) {
        json_decref(index);
        return NULL;
    }
    return index;
}

static json_t *ratio_or_null(double v)
{
    return v < 0 ? json_null() : json_real(v);
}

static json_t *summary_entry(const judge_entry *e)
{
    json_t *v = json_object();
    bool ok = put(v, "behavior", json_string(judge_behavior_name(e->behavior))) &&
              put(v, "behaviorClose", json_string(judge_behavior_name(e->behavior_close))) &&
              put(v, "durationMicroseconds", json_integer((json_int_t)e->duration_us)) &&
              put(v, "frame", judge_json_text(e->frame)) &&
              put(v, "incomingCompressionRatio", ratio_or_null(e->in_ratio)) &&
              put(v, "outgoingCompressionRatio", ratio_or_null(e->out_ratio)) &&
              put(v, "scaled", json_boolean(e->scaled)) && put(v, "why", judge_json_text(e->why));
    if (!ok) {
        json_decref(v);
        return NULL;
    }
    return v;
}

static json_t *summary_agent(const judge_agent *a)
{
    judge_counts c = {0};
    json_t *v = json_object(), *cases = json_object();
    bool ok = v && cases, scaled = false;
    for (size_t i = 0; ok && i < a->n; i++) {
        judge_counts_add(&c, &a->at[i]);
        scaled = scaled || a->at[i].scaled;
        ok = put(cases, a->at[i].id, summary_entry(&a->at[i]));
    }
    if (!ok) {
        json_decref(cases);
        json_decref(v);
        return NULL;
    }
    ok = put(v, "cases", cases);
    ok = ok && put(v, "failed", json_integer((json_int_t)c.failed)) &&
         put(v, "informational", json_integer((json_int_t)c.informational)) &&
         put(v, "nonStrict", json_integer((json_int_t)c.non_strict)) &&
         put(v, "notClean", json_integer((json_int_t)c.not_clean)) &&
         put(v, "ok", json_integer((json_int_t)c.ok)) && put(v, "scaled", json_boolean(scaled)) &&
         put(v, "total", json_integer((json_int_t)c.total)) &&
         put(v, "unimplemented", json_integer((json_int_t)c.unimplemented));
    if (!ok) {
        json_decref(v);
        return NULL;
    }
    return v;
}

json_t *judge_json_summary(const judge_store *s)
{
    json_t *agents = json_object();
    bool ok = agents != NULL;
    for (size_t i = 0; ok && i < s->n; i++)
        ok = put_named(agents, s->at[i].name, summary_agent(&s->at[i]));
    json_t *v = ok ? json_pack("{s:s, s:i, s:O}", "generator", "websock " WSK_VERSION_STRING,
                               "version", 1, "agents", agents)
                   : NULL;
    json_decref(agents);
    return v;
}
