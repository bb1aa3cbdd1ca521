/* SPDX-License-Identifier: MIT */
/*
 * Builds a case's JSON and writes JSON in the layout that scripts compare and grep. jansson
 * builds and reads the values; its dumper cannot write them, since it has capital letters in
 * \uXXXX, lets U+007F through, prints numbers with 17 digits and sorts "10" before "8". So the
 * walk over the values is here.
 */
#include "conformance/report_json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* -------------------------------------------------------------------------------- layout -- */

static int compare_keys(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* indent < 0: all in one line. */
static void dump(judge_buf *b, const json_t *v, int indent, bool sorted);

static void newline(judge_buf *b, int indent)
{
    if (indent >= 0)
        judge_buf_printf(b, "\n%*s", 3 * indent, "");
}

static bool ends_in_stats(const char *key)
{
    size_t n = strlen(key);
    return n >= 5 && memcmp(key + n - 5, "Stats", 5) == 0;
}

static void dump_object(judge_buf *b, const json_t *v, int indent, bool sorted)
{
    size_t n = json_object_size(v), i = 0;
    if (n == 0) {
        judge_buf_str(b, "{}");
        return;
    }
    const char **keys = malloc(n * sizeof *keys);
    if (!keys) {
        b->failed = true;
        return;
    }
    /* jansson iterates in the order of insertion; the iterators do not change the object. */
    json_t *object = json_incref((json_t *)(uintptr_t)v);
    for (void *it = json_object_iter(object); it && i < n; it = json_object_iter_next(object, it))
        keys[i++] = json_object_iter_key(it);
    if (sorted)
        qsort(keys, n, sizeof *keys, compare_keys);
    int inner = indent < 0 ? -1 : indent + 1;
    for (i = 0; i < n; i++) {
        judge_buf_str(b, i ? "," : "{");
        newline(b, inner);
        judge_put_json(b, keys[i], strlen(keys[i]));
        judge_buf_str(b, indent < 0 ? ":" : ": ");
        dump(b, json_object_get(v, keys[i]), inner, !ends_in_stats(keys[i]));
    }
    newline(b, indent);
    judge_buf_str(b, "}");
    json_decref(object);
    free(keys);
}

static void dump(judge_buf *b, const json_t *v, int indent, bool sorted)
{
    int inner = indent < 0 ? -1 : indent + 1;
    switch (json_typeof(v)) {
    case JSON_OBJECT:
        dump_object(b, v, indent, sorted);
        break;
    case JSON_ARRAY:
        for (size_t i = 0; i < json_array_size(v); i++) {
            judge_buf_str(b, i ? "," : "[");
            newline(b, inner);
            dump(b, json_array_get(v, i), inner, true);
        }
        if (json_array_size(v) == 0) {
            judge_buf_str(b, "[]");
            break;
        }
        newline(b, indent);
        judge_buf_str(b, "]");
        break;
    case JSON_STRING:
        judge_put_json(b, json_string_value(v), json_string_length(v));
        break;
    case JSON_INTEGER:
        judge_buf_printf(b, "%" JSON_INTEGER_FORMAT, json_integer_value(v));
        break;
    case JSON_REAL:
        judge_put_float(b, json_real_value(v));
        break;
    case JSON_TRUE:
        judge_buf_str(b, "true");
        break;
    case JSON_FALSE:
        judge_buf_str(b, "false");
        break;
    case JSON_NULL:
        judge_buf_str(b, "null");
        break;
    }
}

void judge_json_dump(judge_buf *b, const json_t *value)
{
    dump(b, value, 0, true);
}

void judge_json_dump_line(judge_buf *b, const json_t *value)
{
    dump(b, value, -1, true);
}

/* -------------------------------------------------------------------------------- values -- */

json_t *judge_json_text(const char *s)
{
    if (!s)
        return json_null();
    judge_buf b = {0};
    judge_put_clean(&b, s, strlen(s));
    json_t *v = b.failed ? NULL : json_stringn(b.at ? b.at : "", b.len);
    judge_buf_deinit(&b);
    return v;
}

static json_t *octets_text(const judge_octets *o)
{
    judge_buf b = {0};
    judge_put_as_text(&b, o);
    json_t *v = b.failed ? NULL : json_stringn(b.at ? b.at : "", b.len);
    judge_buf_deinit(&b);
    return v;
}

static json_t *octets_hex(const judge_octets *o)
{
    judge_buf b = {0};
    judge_put_as_hex(&b, o);
    json_t *v = b.failed ? NULL : json_stringn(b.at ? b.at : "", b.len);
    judge_buf_deinit(&b);
    return v;
}

/* Appends and hands `list` on; on failure, or if either is NULL, frees it: NULL then. */
static json_t *push(json_t *list, json_t *v)
{
    if (!list) {
        json_decref(v);
        return NULL;
    }
    if (json_array_append_new(list, v) < 0) {
        json_decref(list);
        return NULL;
    }
    return list;
}

/* The same for objects. */
static json_t *put(json_t *object, const char *key, json_t *v)
{
    if (!object) {
        json_decref(v);
        return NULL;
    }
    if (json_object_set_new(object, key, v) < 0) {
        json_decref(object);
        return NULL;
    }
    return object;
}

static json_t *integer_or_null(int64_t v)
{
    return v < 0 ? json_null() : json_integer(v);
}

static json_t *count(uint64_t v)
{
    return json_integer((json_int_t)v);
}

static json_t *tag_or_null(const char *tag)
{
    return tag[0] ? json_string(tag) : json_null();
}

/* Autobahn writes what its cases say: 1 and 0.5. */
static json_t *seconds(double v)
{
    return v == floor(v) && fabs(v) < 1e9 ? json_integer((json_int_t)v) : json_real(v);
}

static json_t *mask_or_null(const judge_log *l)
{
    char hex[9];
    snprintf(hex, sizeof hex, "%02x%02x%02x%02x", l->mask[0], l->mask[1], l->mask[2], l->mask[3]);
    return l->masked ? json_string(hex) : json_null();
}

static json_t *event(const judge_event *e)
{
    static const char *const names[] = {"message", "ping", "pong", "timeout"};
    json_t *v = push(json_array(), json_string(names[e->kind]));
    v = push(v, octets_text(&e->octets));
    return e->kind == JUDGE_EVENT_MESSAGE ? push(v, json_boolean(e->binary)) : v;
}

static json_t *events(const judge_events *e)
{
    json_t *v = json_array();
    for (size_t i = 0; i < e->n; i++)
        v = push(v, event(&e->at[i]));
    return v;
}

static json_t *stats(const judge_stats *s)
{
    json_t *v = json_object();
    for (size_t i = 0; i < s->n; i++) {
        char key[24];
        snprintf(key, sizeof key, "%llu", (unsigned long long)s->at[i].key);
        v = put(v, key, count(s->at[i].count));
    }
    return v;
}

static json_t *log_entry(const judge_log *l)
{
    static const char *const names[] = {"RO", "TO",  "RF", "TF",  "CT", "CTE",
                                        "KL", "KLE", "TI", "TIE", "WLM"};
    json_t *v = push(json_array(), json_string(names[l->kind]));
    switch (l->kind) {
    case JUDGE_LOG_RO:
    case JUDGE_LOG_TO:
        v = push(v, push(push(json_array(), count(l->octets.len)), octets_hex(&l->octets)));
        if (l->kind == JUDGE_LOG_TO)
            v = push(v, json_boolean(l->sync));
        break;
    case JUDGE_LOG_RF:
    case JUDGE_LOG_TF:
        v = push(v, push(push(json_array(), count(l->octets.len)), octets_text(&l->octets)));
        v = push(v, json_integer(l->opcode));
        v = push(v, json_boolean(l->fin));
        v = push(v, json_integer(l->rsv));
        if (l->kind == JUDGE_LOG_RF) {
            v = push(v, json_boolean(l->masked));
            v = push(v, mask_or_null(l));
            break;
        }
        v = push(v, mask_or_null(l));
        v = push(v, integer_or_null(l->repeat));
        v = push(v, integer_or_null(l->chop));
        v = push(v, json_boolean(l->sync));
        break;
    case JUDGE_LOG_CT:
        v = push(v, seconds(l->seconds));
        v = push(v, tag_or_null(l->tag));
        break;
    case JUDGE_LOG_CTE:
        v = push(v, tag_or_null(l->tag));
        break;
    case JUDGE_LOG_KL:
    case JUDGE_LOG_TI:
        v = push(v, seconds(l->seconds));
        break;
    case JUDGE_LOG_KLE:
    case JUDGE_LOG_TIE:
        break;
    case JUDGE_LOG_WLM:
        v = push(v, json_boolean(l->flag));
        break;
    }
    return v;
}

static json_t *ratio(double part, uint64_t whole)
{
    return whole ? json_real(part / (double)whole) : json_null();
}

static json_t *traffic(const judge_traffic *t)
{
    if (!t->present)
        return json_null();
    json_t *v = json_object();
    v = put(v, "incomingCompressionRatio", ratio((double)t->in_ws, t->in_app));
    v = put(v, "incomingOctetsAppLevel", count(t->in_app));
    v = put(v, "incomingOctetsWebSocketLevel", count(t->in_ws));
    v = put(v, "incomingOctetsWireLevel", count(t->in_wire));
    v = put(v, "incomingWebSocketFrames", count(t->in_frames));
    v = put(v, "incomingWebSocketMessages", count(t->in_messages));
    v = put(v, "incomingWebSocketOverhead", ratio((double)t->in_wire - (double)t->in_ws, t->in_ws));
    v = put(v, "outgoingCompressionRatio", ratio((double)t->out_ws, t->out_app));
    v = put(v, "outgoingOctetsAppLevel", count(t->out_app));
    v = put(v, "outgoingOctetsWebSocketLevel", count(t->out_ws));
    v = put(v, "outgoingOctetsWireLevel", count(t->out_wire));
    v = put(v, "outgoingWebSocketFrames", count(t->out_frames));
    v = put(v, "outgoingWebSocketMessages", count(t->out_messages));
    v = put(v, "outgoingWebSocketOverhead",
            ratio((double)t->out_wire - (double)t->out_ws, t->out_ws));
    v = put(v, "preopenIncomingOctetsWireLevel", count(t->in_preopen));
    v = put(v, "preopenOutgoingOctetsWireLevel", count(t->out_preopen));
    return v;
}

static json_t *expected_close(const judge_result *r)
{
    json_t *codes = json_array();
    for (size_t i = 0; i < r->expected_close.n_codes; i++)
        codes = push(codes, json_integer(r->expected_close.codes[i]));
    json_t *v = put(json_object(), "closeCode", codes);
    v = put(v, "closedByMe", json_boolean(r->expected_close.closed_by_me));
    if (r->expected_close.has_wrong_endpoint_fatal)
        v = put(v, "closedByWrongEndpointIsFatal",
                json_boolean(r->expected_close.wrong_endpoint_fatal));
    return put(v, "requireClean", json_boolean(r->expected_close.require_clean));
}

json_t *judge_json_case(const judge_result *r)
{
    char started[JUDGE_TIME_SIZE];
    judge_time(started, r->started_ms);
    json_t *expected = json_object();
    for (size_t i = 0; i < r->n_expected; i++)
        expected = put(expected, judge_behavior_name(r->expected[i].behavior),
                       events(&r->expected[i].events));
    json_t *log = json_array();
    for (size_t i = 0; i < r->n_log; i++)
        log = push(log, log_entry(&r->log[i]));

    json_t *v = json_object();
    v = put(v, "agent", judge_json_text(r->agent));
    v = put(v, "behavior", json_string(judge_behavior_name(r->behavior)));
    v = put(v, "behaviorClose", json_string(judge_behavior_name(r->behavior_close)));
    v = put(v, "case", json_integer(r->index));
    v = put(v, "closedByMe", json_boolean(r->closed_by_me));
    v = put(v, "createStats", json_boolean(r->create_stats));
    v = put(v, "createWirelog", json_boolean(r->create_wirelog));
    v = put(v, "description", judge_json_text(r->description));
    v = put(v, "droppedByMe", json_boolean(r->dropped_by_me));
    v = put(v, "duration", count(r->duration_ms));
    v = put(v, "expectation", judge_json_text(r->expectation));
    v = put(v, "expected", expected);
    v = put(v, "expectedClose", expected_close(r));
    v = put(v, "failedByMe", json_boolean(r->failed_by_me));
    v = put(v, "httpRequest", judge_json_text(r->http_request));
    v = put(v, "httpResponse", judge_json_text(r->http_response));
    v = put(v, "id", json_string(r->id));
    v = put(v, "isServer", json_boolean(r->is_server));
    v = put(v, "localCloseCode", integer_or_null(r->local_code));
    v = put(v, "localCloseReason", judge_json_text(r->local_reason));
    v = put(v, "received", events(&r->received));
    v = put(v, "remoteCloseCode", integer_or_null(r->remote_code));
    v = put(v, "remoteCloseReason", judge_json_text(r->remote_reason));
    v = put(v, "reportCompressionRatio", json_boolean(r->report_ratio));
    v = put(v, "reportTime", json_boolean(r->report_time));
    v = put(v, "result", judge_json_text(r->result));
    v = put(v, "resultClose", judge_json_text(r->result_close));
    v = put(v, "rxFrameStats", stats(&r->rx_frames));
    v = put(v, "rxOctetStats", stats(&r->rx_octets));
    v = put(v, "started", json_string(started));
    v = put(v, "trafficStats", traffic(&r->traffic));
    v = put(v, "txFrameStats", stats(&r->tx_frames));
    v = put(v, "txOctetStats", stats(&r->tx_octets));
    /* No key of Autobahn's: it is there only where its suite has no case. */
    if (r->vitality)
        v = put(v, "vitality", judge_json_text(r->vitality));
    v = put(v, "wasClean", json_boolean(r->was_clean));
    v = put(v, "wasCloseHandshakeTimeout", json_boolean(r->close_timeout));
    v = put(v, "wasNotCleanReason", judge_json_text(r->not_clean_reason));
    v = put(v, "wasOpenHandshakeTimeout", json_boolean(r->open_timeout));
    v = put(v, "wasServerConnectionDropTimeout", json_boolean(r->drop_timeout));
    return put(v, "wirelog", log);
}

json_t *judge_json_extra(const judge_result *r)
{
    json_t *times = json_array();
    for (size_t i = 0; i < r->n_log; i++)
        times = push(times, json_integer(r->log[i].at_us));
    json_t *v = json_object();
    v = put(v, "durationMicroseconds", count(r->duration_us));
    v = put(v, "logMicroseconds", times);
    v = put(v, "reference", judge_json_text(r->reference ? r->reference : ""));
    v = put(v, "scaled", json_boolean(r->scaled));
    if (r->vitality)
        v = put(v, "vitality", judge_json_text(r->vitality));
    v = put(v, "why", judge_json_text(r->why));
    return put(v, "whyLog", integer_or_null(r->why_log));
}
