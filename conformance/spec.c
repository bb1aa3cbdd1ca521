/* SPDX-License-Identifier: MIT */
/*
 * Reads spec files with jansson. Types are checked key by key, since a wrong one would otherwise
 * be a case that silently does not run.
 */
#include "conformance/spec.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conformance/report_text.h"

typedef struct parser {
    judge_spec *spec;
    judge_spec_says *says;
    bool bad, serves;
} parser;

static void WSK_PRINTF(2, 3) complain(parser *p, const char *fmt, ...)
{
    if (p->bad) /* the first complaint is the one to mend */
        return;
    p->bad = true;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(p->says->error, sizeof p->says->error, fmt, ap);
    va_end(ap);
}

static void WSK_PRINTF(2, 3) warn(parser *p, const char *fmt, ...)
{
    char text[256];
    va_list ap;
    if (!p->says->warn)
        return;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    p->says->warn(p->says->ud, text);
}

/* Path of a key for messages: "servers[1].url". */
typedef struct place {
    const char *list; /* "servers", or NULL */
    size_t index;
} place;

static const char *name_of(const place *at, const char *key, char out[96])
{
    if (at && at->list)
        snprintf(out, 96, "%s[%zu].%s", at->list, at->index, key);
    else
        snprintf(out, 96, "%s", key);
    return out;
}

/* NULL if the key is missing or null. */
static const char *text_at(parser *p, const json_t *object, const place *at, const char *key)
{
    const json_t *v = json_object_get(object, key);
    char name[96];
    if (!v || json_is_null(v))
        return NULL;
    if (!json_is_string(v))
        complain(p, "\"%s\" must be a string", name_of(at, key, name));
    return json_string_value(v);
}

static judge_strings strings_of(parser *p, const json_t *list, const char *name)
{
    judge_strings s = {0};
    if (!list || json_is_null(list))
        return s;
    size_t n = json_array_size(list);
    if (!json_is_array(list)) {
        complain(p, "\"%s\" must be a list of strings", name);
        return s;
    }
    s.at = calloc(n ? n : 1, sizeof *s.at);
    if (!s.at) {
        complain(p, "out of memory");
        return s;
    }
    for (size_t i = 0; i < n; i++) {
        const char *text = json_string_value(json_array_get(list, i));
        if (!text)
            complain(p, "\"%s\" must be a list of strings, but its element %zu is none", name,
                     i + 1);
        else
            s.at[s.n++] = text;
    }
    return s;
}

static judge_strings strings_at(parser *p, const json_t *object, const place *at, const char *key)
{
    char name[96];
    return strings_of(p, json_object_get(object, key), name_of(at, key, name));
}

/* As strings_at(); a single pattern need not be in a list. */
static judge_strings patterns_at(parser *p, const json_t *object, const char *key)
{
    const json_t *v = json_object_get(object, key);
    judge_strings s = {0};
    if (!json_is_string(v))
        return strings_at(p, object, NULL, key);
    s.at = malloc(sizeof *s.at);
    if (!s.at) {
        complain(p, "out of memory");
        return s;
    }
    s.at[s.n++] = json_string_value(v);
    return s;
}

static void options_at(parser *p, judge_options *o, const json_t *object, const place *at)
{
    json_t *options = json_object_get(object, "options"), *v;
    const char *key;
    char name[96];
    if (!options || json_is_null(options))
        return;
    if (!json_is_object(options)) {
        complain(p, "\"%s\" must be an object", name_of(at, "options", name));
        return;
    }
    json_object_foreach(options, key, v)
    {
        bool is_value = json_is_number(v) || json_is_boolean(v);
        double value = json_is_boolean(v) ? json_is_true(v) : json_number_value(v);
        judge_options scratch = *o;
        int known = judge_options_set(&scratch, key, value);
        if (p->serves && strcmp(key, "allowedOrigins") == 0)
            continue; /* a list: see read_origins */
        if (known < 0)
            complain(p, "\"%s\" has an option that is not known: \"%s\"",
                     name_of(at, "options", name), key);
        else if (known > 0)
            warn(p, "the option \"%s\" has no effect here", key);
        else if (json_is_null(v))
            continue; /* the default, as in Autobahn */
        else if (!is_value)
            complain(p, "the option \"%s\" must be a number or a boolean", key);
        else
            *o = scratch;
    }
}

static void read_exclusions(parser *p, json_t *file)
{
    json_t *object = json_object_get(file, "exclude-agent-cases"), *v;
    const char *agent;
    if (!object || json_is_null(object))
        return;
    if (!json_is_object(object)) {
        complain(p, "\"exclude-agent-cases\" must be an object of lists");
        return;
    }
    size_t n = json_object_size(object);
    p->spec->exclusions = calloc(n ? n : 1, sizeof *p->spec->exclusions);
    if (!p->spec->exclusions) {
        complain(p, "out of memory");
        return;
    }
    json_object_foreach(object, agent, v)
    {
        judge_spec_exclusion *e = &p->spec->exclusions[p->spec->n_exclusions++];
        e->agent = agent;
        e->cases = strings_of(p, v, "exclude-agent-cases");
    }
}

static void read_servers(parser *p, json_t *file, const char *url_key, const char *agent_key)
{
    json_t *list = json_object_get(file, "servers");
    if (!list || json_is_null(list))
        return;
    if (!json_is_array(list)) {
        complain(p, "\"servers\" must be a list");
        return;
    }
    size_t n = json_array_size(list);
    p->spec->servers = calloc(n ? n : 1, sizeof *p->spec->servers);
    if (!p->spec->servers) {
        complain(p, "out of memory");
        return;
    }
    for (size_t i = 0; i < n; i++) {
        const json_t *object = json_array_get(list, i);
        const place at = {"servers", i};
        if (!json_is_object(object)) {
            complain(p, "\"servers[%zu]\" must be an object", i);
            return;
        }
        judge_spec_server *s = &p->spec->servers[p->spec->n_servers++];
        s->url = text_at(p, object, &at, url_key);
        if (!s->url)
            complain(p, "\"servers[%zu]\" has no \"%s\"", i, url_key);
        s->agent = text_at(p, object, &at, agent_key);
        s->hostname = text_at(p, object, &at, "hostname");
        s->origin = text_at(p, object, &at, "origin");
        s->protocols = strings_at(p, object, &at, "protocols");
        s->options = p->spec->options;
        options_at(p, &s->options, object, &at);
    }
}

static uint32_t count_at(parser *p, const json_t *options, const char *key, uint32_t preset)
{
    const json_t *v = json_object_get(options, key);
    if (!v)
        return preset;
    if (!json_is_integer(v) || json_integer_value(v) < 0 || json_integer_value(v) > 1000000) {
        complain(p, "the option \"%s\" must be a number from 0 to 1000000", key);
        return preset;
    }
    return (uint32_t)json_integer_value(v);
}

static void read_massconnect(parser *p, json_t *file)
{
    const json_t *options = json_object_get(file, "options");
    p->spec->connections = count_at(p, options, "connections", 10000);
    p->spec->batch_size = count_at(p, options, "batchsize", 100);
    p->spec->batch_delay_ms = count_at(p, options, "batchdelay", 10);
    p->spec->retry_delay_ms = count_at(p, options, "retrydelay", 10);
    if (p->spec->batch_size == 0)
        complain(p, "the option \"batchsize\" must not be 0");
    /* Each server has its own connections; options of a connection are not in this spec. */
    read_servers(p, file, "uri", "name");
}

/* A list, or in one string with commas. What is cut belongs to the file, as all strings do. */
static void read_origins(parser *p, json_t *file)
{
    json_t *options = json_object_get(file, "options");
    const char *text = json_string_value(json_object_get(options, "allowedOrigins"));
    if (text) {
        json_t *list = json_array();
        for (const char *at = text; list && at; at = *at ? at + 1 : NULL) {
            at += strspn(at, " ");
            size_t n = strcspn(at, ",");
            json_array_append_new(list, json_stringn(at, n));
            at += n;
        }
        json_object_set_new(options, "allowedOrigins", list);
    }
    p->spec->allowed_origins = strings_at(p, options, &(place){NULL, 0}, "allowedOrigins");
}

static void read_fuzzing(parser *p, json_t *file, judge_spec_kind kind)
{
    judge_spec *s = p->spec;
    options_at(p, &s->options, file, NULL);
    s->outdir = text_at(p, file, NULL, "outdir");
    if (!s->outdir)
        s->outdir = kind == JUDGE_SPEC_FUZZINGCLIENT ? "./reports/servers/" : "./reports/clients/";
    s->cases = patterns_at(p, file, "cases");
    if (!json_object_get(file, "cases"))
        complain(p, "there is no \"cases\"; [\"*\"] stands for all");
    s->exclude = patterns_at(p, file, "exclude-cases");
    read_exclusions(p, file);
    s->verify = json_is_true(json_object_get(file, "verify"));
    s->ca = text_at(p, file, NULL, "ca");
    s->cert = text_at(p, file, NULL, "cert");
    s->key = text_at(p, file, NULL, "key");
    if (kind == JUDGE_SPEC_FUZZINGCLIENT) {
        read_servers(p, file, "url", "agent");
        return;
    }
    s->url = text_at(p, file, NULL, "url");
    if (!s->url)
        complain(p, "there is no \"url\"");
    s->protocols = strings_at(p, file, NULL, "protocols");
    read_origins(p, file);
}

bool judge_spec_parse(judge_spec *ret, judge_spec_kind kind, const char *text, size_t n,
                      judge_spec_says *says)
{
    json_error_t error;
    judge_spec s = {0};
    parser p = {&s, says, false, kind == JUDGE_SPEC_FUZZINGSERVER};
    judge_options_init(&s.options);
    s.file = json_loadb(text, n, 0, &error);
    if (!s.file)
        complain(&p, "line %d: %s", error.line, error.text);
    else if (!json_is_object(s.file))
        complain(&p, "a spec is an object, {...}");
    else if (kind == JUDGE_SPEC_MASSCONNECT)
        read_massconnect(&p, s.file);
    else
        read_fuzzing(&p, s.file, kind);
    if (p.bad) {
        judge_spec_deinit(&s);
        return false;
    }
    *ret = s;
    return true;
}

bool judge_spec_load(judge_spec *ret, judge_spec_kind kind, const char *path, judge_spec_says *says)
{
    enum { MOST = 16 << 20 };
    char piece[4096];
    judge_buf text = {0};
    FILE *in = fopen(path, "re");
    if (!in) {
        snprintf(says->error, sizeof says->error, "%s", strerror(errno));
        return false;
    }
    size_t n;
    while ((n = fread(piece, 1, sizeof piece, in)) > 0 && text.len <= MOST)
        judge_buf_put(&text, piece, n);
    bool ok = false;
    if (ferror(in))
        snprintf(says->error, sizeof says->error, "%s", strerror(errno));
    else if (text.failed || text.len > MOST)
        snprintf(says->error, sizeof says->error, "the file is too large");
    else
        ok = judge_spec_parse(ret, kind, text.at ? text.at : "", text.len, says);
    fclose(in);
    judge_buf_deinit(&text);
    return ok;
}

/* The pointers are ours, what they point at belongs to the file. */
static void free_strings(judge_strings *s)
{
    free((void *)s->at);
}

void judge_spec_deinit(judge_spec *s)
{
    for (size_t i = 0; i < s->n_servers; i++)
        free_strings(&s->servers[i].protocols);
    for (size_t i = 0; i < s->n_exclusions; i++)
        free_strings(&s->exclusions[i].cases);
    free(s->servers);
    free(s->exclusions);
    free_strings(&s->cases);
    free_strings(&s->exclude);
    free_strings(&s->protocols);
    free_strings(&s->allowed_origins);
    json_decref(s->file);
    *s = (judge_spec){0};
}

bool judge_spec_excludes(const judge_spec *s, const char *agent, const char *id)
{
    for (size_t i = 0; i < s->n_exclusions; i++) {
        if (!judge_pattern_matches_whole(s->exclusions[i].agent, agent))
            continue;
        for (size_t k = 0; k < s->exclusions[i].cases.n; k++)
            if (judge_pattern_matches_whole(s->exclusions[i].cases.at[k], id))
                return true;
    }
    return false;
}

const char *judge_spec_template(judge_spec_kind kind)
{
    switch (kind) {
    case JUDGE_SPEC_FUZZINGCLIENT:
        return "{\n"
               "   \"outdir\": \"./reports/servers\",\n"
               "   \"servers\": [\n"
               "      {\n"
               "         \"url\": \"ws://127.0.0.1:9001\"\n"
               "      }\n"
               "   ],\n"
               "   \"cases\": [\"*\"],\n"
               "   \"exclude-cases\": [],\n"
               "   \"exclude-agent-cases\": {}\n"
               "}\n";
    case JUDGE_SPEC_FUZZINGSERVER:
        return "{\n"
               "   \"url\": \"ws://127.0.0.1:9001\",\n"
               "   \"outdir\": \"./reports/clients\",\n"
               "   \"cases\": [\"*\"],\n"
               "   \"exclude-cases\": [],\n"
               "   \"exclude-agent-cases\": {}\n"
               "}\n";
    case JUDGE_SPEC_MASSCONNECT:
        break;
    }
    return "{\n"
           "   \"options\": {\n"
           "      \"connections\": 10000,\n"
           "      \"batchsize\": 100,\n"
           "      \"batchdelay\": 10,\n"
           "      \"retrydelay\": 10\n"
           "   },\n"
           "   \"servers\": [\n"
           "      {\n"
           "         \"name\": \"AutobahnPython\",\n"
           "         \"uri\": \"ws://127.0.0.1:9000\",\n"
           "         \"desc\": \"Autobahn WebSocket Python on localhost\"\n"
           "      }\n"
           "   ]\n"
           "}\n";
}
