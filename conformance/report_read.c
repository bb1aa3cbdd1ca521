/* SPDX-License-Identifier: MIT */
/*
 * Results from JSON, the way back of report_json.c: a run that was killed leaves a journal, and
 * its reports are made of it. Input is a file that anyone may have edited, so every type is
 * looked at.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conformance/report_json.h"

/* Reads one object; the first thing amiss makes everything after it a no. */
typedef struct reader {
    const json_t *object;
    bool bad;
} reader;

static const json_t *need(reader *in, const char *key)
{
    const json_t *v = json_object_get(in->object, key);
    if (!v)
        in->bad = true;
    return v;
}

static bool read_bool(reader *in, const char *key)
{
    const json_t *v = need(in, key);
    if (v && !json_is_boolean(v))
        in->bad = true;
    return json_is_true(v);
}

/* -1 for null. */
static int64_t read_integer(reader *in, const char *key)
{
    const json_t *v = need(in, key);
    if (!v || json_is_null(v))
        return -1;
    if (!json_is_integer(v) || json_integer_value(v) < 0)
        in->bad = true;
    return json_integer_value(v);
}

static const char *read_static(reader *in, const char *key)
{
    const json_t *v = need(in, key);
    const char *s = json_string_value(v);
    if (!s)
        in->bad = true;
    return s;
}

/* A case's id goes into pages and names of files as it stands. */
static const char *read_id(reader *in, const char *key)
{
    const char *s = read_static(in, key);

    if (!s || s[0] < '0' || s[0] > '9' || strlen(s) > 15 || s[strspn(s, "0123456789.")] != 0)
        in->bad = true;
    return s;
}

/* A copy, or NULL for null. */
static char *read_string(reader *in, const char *key)
{
    const json_t *v = need(in, key);
    if (!v || json_is_null(v))
        return NULL;
    const char *s = json_string_value(v);
    char *copy = s ? strdup(s) : NULL;
    if (!copy)
        in->bad = true;
    return copy;
}

static judge_behavior behavior_of(reader *in, const char *name)
{
    for (int b = JUDGE_FAILED; name && b <= JUDGE_FAILED_BY_CLIENT; b++)
        if (strcmp(judge_behavior_name((judge_behavior)b), name) == 0)
            return (judge_behavior)b;
    in->bad = true;
    return JUDGE_FAILED;
}

static void *room(reader *in, size_t n, size_t size)
{
    void *p = n ? calloc(n, size) : NULL;
    if (n && !p)
        in->bad = true;
    return p;
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* False, with *ret untouched, if these are no octets in hexadecimal digits. */
static bool from_hex(judge_octets *ret, const char *s, size_t n)
{
    uint8_t head[sizeof ret->head];
    if (n % 2 || n / 2 > sizeof head)
        return false;
    for (size_t i = 0; i < n; i += 2) {
        int a = hex_digit(s[i]), b = hex_digit(s[i + 1]);
        if (a < 0 || b < 0)
            return false;
        head[i / 2] = (uint8_t)(a * 16 + b);
    }
    memcpy(ret->head, head, n / 2);
    ret->kept = (uint8_t)(n / 2);
    return true;
}

/* What judge_put_as_text or judge_put_as_hex wrote. len < 0: not known; then it is what is
 * there, or one more than can be kept if the text says that more was cut off. */
static judge_octets read_octets(reader *in, const json_t *v, int64_t len, bool hex_only)
{
    judge_octets o = {0};
    const char *s = json_string_value(v);
    if (!s) {
        in->bad = true;
        return o;
    }
    size_t n = json_string_length(v);
    /* The mark " ..." stands behind more than 60 octets and never else. Where the length is not
     * told, a peer's short message may end in it, so it counts only behind that much text. */
    bool marked = n >= 4 && memcmp(s + n - 4, " ...", 4) == 0;
    bool cut = marked && (len >= 0 ? len > 60 : n >= 4 + 61);
    if (cut)
        n -= 4;
    bool hex = hex_only;
    if (!hex_only && n > 2 && memcmp(s, "0x", 2) == 0 && (len < 0 || (size_t)len != n || cut)) {
        judge_octets probe = {0};
        hex = from_hex(&probe, s + 2, n - 2) && !judge_utf8_is_valid(probe.head, probe.kept);
        if (hex) {
            s += 2;
            n -= 2;
        }
    }
    if (hex) {
        if (!from_hex(&o, s, n))
            in->bad = true;
    } else if (n <= sizeof o.head) {
        memcpy(o.head, s, n);
        o.kept = (uint8_t)n;
    } else {
        in->bad = true;
    }
    if (len >= 0)
        o.len = (uint64_t)len;
    else
        o.len = cut && o.kept == sizeof o.head ? sizeof o.head + 1 : o.kept;
    return o;
}

static judge_events read_events(reader *in, const json_t *list)
{
    static const char *const names[] = {"message", "ping", "pong", "timeout"};
    judge_events e = {0};
    if (!json_is_array(list)) {
        in->bad = true;
        return e;
    }
    e.at = room(in, json_array_size(list), sizeof *e.at);
    for (size_t i = 0; e.at && i < json_array_size(list); i++) {
        const json_t *v = json_array_get(list, i);
        const char *name = json_string_value(json_array_get(v, 0));
        int kind = 0;
        while (kind < 4 && (!name || strcmp(name, names[kind]) != 0))
            kind++;
        if (kind == 4) {
            in->bad = true;
            break;
        }
        e.at[i].kind = (judge_event_kind)kind;
        e.at[i].binary = json_is_true(json_array_get(v, 2));
        e.at[i].octets = read_octets(in, json_array_get(v, 1), -1, false);
        e.n++;
    }
    return e;
}

static judge_stats read_stats(reader *in, const char *key)
{
    judge_stats s = {0};
    json_t *object = json_incref((json_t *)(uintptr_t)need(in, key));
    s.at = room(in, json_object_size(object), sizeof *s.at);
    const char *name;
    json_t *v;
    json_object_foreach(object, name, v)
    {
        if (!s.at || !json_is_integer(v))
            break;
        s.at[s.n].key = strtoull(name, NULL, 10);
        s.at[s.n].count = (uint64_t)json_integer_value(v);
        s.n++;
    }
    if (!json_is_object(object) || s.n != json_object_size(object))
        in->bad = true;
    json_decref(object);
    return s;
}

static void read_mask(judge_log *l, const json_t *v)
{
    judge_octets mask = {0};
    const char *s = json_string_value(v);
    if (s && strlen(s) == 8 && from_hex(&mask, s, 8))
        memcpy(l->mask, mask.head, 4);
}

static int64_t element_integer(const json_t *list, size_t i)
{
    const json_t *v = json_array_get(list, i);
    return json_is_integer(v) ? json_integer_value(v) : -1;
}

static void read_tag(judge_log *l, const json_t *v)
{
    const char *s = json_string_value(v);
    snprintf(l->tag, sizeof l->tag, "%s", s ? s : "");
}

static void read_log_entry(reader *in, judge_log *l, const json_t *v)
{
    static const char *const names[] = {"RO", "TO",  "RF", "TF",  "CT", "CTE",
                                        "KL", "KLE", "TI", "TIE", "WLM"};
    const char *name = json_string_value(json_array_get(v, 0));
    int kind = 0;
    while (kind < 11 && (!name || strcmp(name, names[kind]) != 0))
        kind++;
    if (kind == 11) {
        in->bad = true;
        return;
    }
    l->kind = (judge_log_kind)kind;
    l->repeat = l->chop = -1;
    const json_t *first = json_array_get(v, 1);
    switch (l->kind) {
    case JUDGE_LOG_RO:
    case JUDGE_LOG_TO:
        l->octets = read_octets(in, json_array_get(first, 1), element_integer(first, 0), true);
        l->sync = json_is_true(json_array_get(v, 2));
        break;
    case JUDGE_LOG_RF:
    case JUDGE_LOG_TF:
        l->octets = read_octets(in, json_array_get(first, 1), element_integer(first, 0), false);
        l->opcode = (uint8_t)element_integer(v, 2);
        l->fin = json_is_true(json_array_get(v, 3));
        l->rsv = (uint8_t)element_integer(v, 4);
        if (l->kind == JUDGE_LOG_RF) {
            l->masked = json_is_true(json_array_get(v, 5));
            read_mask(l, json_array_get(v, 6));
            break;
        }
        l->masked = json_is_string(json_array_get(v, 5));
        read_mask(l, json_array_get(v, 5));
        l->repeat = element_integer(v, 6);
        l->chop = element_integer(v, 7);
        l->sync = json_is_true(json_array_get(v, 8));
        break;
    case JUDGE_LOG_CT:
    case JUDGE_LOG_KL:
    case JUDGE_LOG_TI:
        l->seconds = json_number_value(first);
        read_tag(l, json_array_get(v, 2));
        break;
    case JUDGE_LOG_CTE:
        read_tag(l, first);
        break;
    case JUDGE_LOG_KLE:
    case JUDGE_LOG_TIE:
        break;
    case JUDGE_LOG_WLM:
        l->flag = json_is_true(first);
        break;
    }
}

static void read_log(reader *in, judge_result *r)
{
    const json_t *log = need(in, "wirelog");
    if (!json_is_array(log)) {
        in->bad = true;
        return;
    }
    r->log = room(in, json_array_size(log), sizeof *r->log);
    for (size_t i = 0; r->log && i < json_array_size(log); i++) {
        read_log_entry(in, &r->log[i], json_array_get(log, i));
        r->n_log++;
    }
}

static void read_traffic(reader *outer, judge_traffic *t)
{
    const json_t *object = need(outer, "trafficStats");
    if (!object || json_is_null(object))
        return;
    reader in = {object, false};
    *t = (judge_traffic){
        .present = true,
        .in_app = (uint64_t)read_integer(&in, "incomingOctetsAppLevel"),
        .in_ws = (uint64_t)read_integer(&in, "incomingOctetsWebSocketLevel"),
        .in_wire = (uint64_t)read_integer(&in, "incomingOctetsWireLevel"),
        .in_frames = (uint64_t)read_integer(&in, "incomingWebSocketFrames"),
        .in_messages = (uint64_t)read_integer(&in, "incomingWebSocketMessages"),
        .in_preopen = (uint64_t)read_integer(&in, "preopenIncomingOctetsWireLevel"),
        .out_app = (uint64_t)read_integer(&in, "outgoingOctetsAppLevel"),
        .out_ws = (uint64_t)read_integer(&in, "outgoingOctetsWebSocketLevel"),
        .out_wire = (uint64_t)read_integer(&in, "outgoingOctetsWireLevel"),
        .out_frames = (uint64_t)read_integer(&in, "outgoingWebSocketFrames"),
        .out_messages = (uint64_t)read_integer(&in, "outgoingWebSocketMessages"),
        .out_preopen = (uint64_t)read_integer(&in, "preopenOutgoingOctetsWireLevel"),
    };
    outer->bad = outer->bad || in.bad;
}

static void read_expected(reader *in, judge_result *r)
{
    json_t *object = json_incref((json_t *)(uintptr_t)need(in, "expected"));
    r->expected = room(in, json_object_size(object), sizeof *r->expected);
    const char *name;
    json_t *v;
    json_object_foreach(object, name, v)
    {
        if (!r->expected)
            break;
        judge_expected *e = &r->expected[r->n_expected++];
        e->behavior = behavior_of(in, name);
        e->events = read_events(in, v);
    }
    if (!json_is_object(object))
        in->bad = true;
    json_decref(object);

    reader close = {need(in, "expectedClose"), false};
    const json_t *codes = need(&close, "closeCode");
    size_t n = json_array_size(codes);
    if (n > sizeof r->expected_close.codes / sizeof r->expected_close.codes[0])
        close.bad = true;
    for (size_t i = 0; i < n && !close.bad; i++)
        r->expected_close.codes[r->expected_close.n_codes++] = (int)element_integer(codes, i);
    r->expected_close.closed_by_me = read_bool(&close, "closedByMe");
    r->expected_close.require_clean = read_bool(&close, "requireClean");
    const json_t *fatal = json_object_get(close.object, "closedByWrongEndpointIsFatal");
    r->expected_close.has_wrong_endpoint_fatal = fatal != NULL;
    r->expected_close.wrong_endpoint_fatal = json_is_true(fatal);
    in->bad = in->bad || close.bad;
}

/* "2023-02-13T14:22:29.686Z" */
static int64_t read_time(reader *in, const char *key)
{
    const char *s = read_static(in, key);
    int year, month, day, hour, minute, second, ms;
    if (!s || sscanf(s, "%4d-%2d-%2dT%2d:%2d:%2d.%3dZ", &year, &month, &day, &hour, &minute,
                     &second, &ms) != 7) {
        in->bad = true;
        return 0;
    }
    /* Days since 1970 of a date of the Gregorian calendar, years beginning in March. */
    int64_t y = month <= 2 ? year - 1 : year, era = y / 400, of_era = y - era * 400;
    int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    int64_t days = era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
    return (((days * 24 + hour) * 60 + minute) * 60 + second) * 1000 + ms;
}

static void read_extra(reader *outer, judge_result *r, const json_t *extra)
{
    reader in = {extra, false};
    r->why_log = -1;
    if (!extra) {
        r->duration_us = r->duration_ms * 1000;
        return;
    }
    r->reference = read_static(&in, "reference");
    r->duration_us = (uint64_t)read_integer(&in, "durationMicroseconds");
    r->scaled = read_bool(&in, "scaled");
    r->why = read_string(&in, "why");
    if (json_object_get(extra, "vitality"))
        r->vitality = read_string(&in, "vitality");
    r->why_log = (int)read_integer(&in, "whyLog");
    const json_t *times = json_object_get(extra, "logMicroseconds");
    for (size_t i = 0; i < r->n_log; i++)
        r->log[i].at_us = (uint32_t)element_integer(times, i);
    outer->bad = outer->bad || in.bad;
}

bool judge_result_read(judge_result *ret, const json_t *object, const json_t *extra)
{
    reader in = {object, !json_is_object(object)};
    judge_result r = {0};
    r.agent = read_string(&in, "agent");
    r.id = read_id(&in, "id");
    r.index = (int)read_integer(&in, "case");
    r.is_server = read_bool(&in, "isServer");
    r.description = read_static(&in, "description");
    r.expectation = read_static(&in, "expectation");
    r.reference = "";
    r.behavior = behavior_of(&in, read_static(&in, "behavior"));
    r.behavior_close = behavior_of(&in, read_static(&in, "behaviorClose"));
    r.result = read_string(&in, "result");
    r.result_close = read_string(&in, "resultClose");
    r.duration_ms = (uint64_t)read_integer(&in, "duration");
    r.started_ms = read_time(&in, "started");
    r.report_time = read_bool(&in, "reportTime");
    r.report_ratio = read_bool(&in, "reportCompressionRatio");
    r.create_stats = read_bool(&in, "createStats");
    r.create_wirelog = read_bool(&in, "createWirelog");
    read_expected(&in, &r);
    r.received = read_events(&in, need(&in, "received"));
    r.closed_by_me = read_bool(&in, "closedByMe");
    r.failed_by_me = read_bool(&in, "failedByMe");
    r.dropped_by_me = read_bool(&in, "droppedByMe");
    r.was_clean = read_bool(&in, "wasClean");
    r.open_timeout = read_bool(&in, "wasOpenHandshakeTimeout");
    r.close_timeout = read_bool(&in, "wasCloseHandshakeTimeout");
    r.drop_timeout = read_bool(&in, "wasServerConnectionDropTimeout");
    r.not_clean_reason = read_string(&in, "wasNotCleanReason");
    r.local_code = (int)read_integer(&in, "localCloseCode");
    r.remote_code = (int)read_integer(&in, "remoteCloseCode");
    r.local_reason = read_string(&in, "localCloseReason");
    r.remote_reason = read_string(&in, "remoteCloseReason");
    r.http_request = read_string(&in, "httpRequest");
    r.http_response = read_string(&in, "httpResponse");
    r.rx_octets = read_stats(&in, "rxOctetStats");
    r.tx_octets = read_stats(&in, "txOctetStats");
    r.rx_frames = read_stats(&in, "rxFrameStats");
    r.tx_frames = read_stats(&in, "txFrameStats");
    read_traffic(&in, &r.traffic);
    read_log(&in, &r);
    read_extra(&in, &r, extra);
    if (in.bad || !r.agent || !r.id) {
        judge_result_deinit(&r);
        return false;
    }
    *ret = r;
    return true;
}
