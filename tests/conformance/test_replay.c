/* SPDX-License-Identifier: MIT */
/*
 * The octets of recorded reports, fed to the judge in the recorded order, give the recorded
 * reports: every key but those that hold times, random masks or words of our own.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "conformance/peer.h"
#include "conformance/report_json.h"

#define AGENT "AutobahnTestSuite/25.10.1-0.10.9"

typedef struct replay {
    const json_t *recorded;
    const judge_case *test;
    judge_peer *peer;
    judge_streams *streams;
    int64_t now;
} replay;

static void drain(replay *r)
{
    const uint8_t *data;
    size_t n;

    while ((n = judge_peer_output(r->peer, &data)) > 0) {
        judge_peer_wrote(r->peer, n);
        judge_peer_turn(r->peer);
    }
}

static void feed(replay *r, const uint8_t *data, size_t len)
{
    r->now += 10;
    judge_peer_feed(r->peer, r->now, data, len);
    drain(r);
}

static size_t from_hex(const char *hex, uint8_t *out)
{
    size_t n = 0;
    unsigned octet;

    while (sscanf(hex + 2 * n, "%2x", &octet) == 1)
        out[n++] = (uint8_t)octet;
    return n;
}

/* A frame without mask of so many octets of a pattern. */
static size_t put_frame(uint8_t *out, const char *pattern, size_t len)
{
    size_t n = 2, period = strlen(pattern);

    out[0] = 0x81;
    if (len < 126) {
        out[1] = (uint8_t)len;
    } else {
        out[1] = 127;
        for (int i = 0; i < 8; i++)
            out[n++] = (uint8_t)((uint64_t)len >> (56 - 8 * i));
    }
    for (size_t i = 0; i < len; i++)
        out[n + i] = (uint8_t)pattern[i % period];
    return n + len;
}

/* Reads whose octets the report has cut, or not shown: all of them echoes. */
static void feed_echoes(replay *r)
{
    const char *id = r->test->id;
    uint8_t *buf = malloc(1 << 20);
    size_t n;

    if (strcmp(id, "9.1.1") == 0) {
        n = put_frame(buf, "BAsd7&jh23", 65536);
        feed(r, buf, 10);
        feed(r, buf + 10, n - 10);
    } else if (strcmp(id, "9.7.1") == 0) {
        for (int i = 0; i < 1000; i++)
            feed(r, (const uint8_t *)"\x81\x00", 2);
    } else if (r->test->rule == JUDGE_RULE_DEFLATE) {
        /* The recorded peer sent its echoes uncompressed; what they hold is up to the corpus. */
        judge_stream *st = judge_stream_hold(r->streams, r->test->echo.corpus, r->test->echo.len,
                                             (judge_deflate_params){15, false},
                                             (judge_deflate_params){15, false});

        for (uint32_t i = 0; i < 1000; i++) {
            judge_piece pieces[2];
            const size_t len = judge_window(judge_stream_windows(st), i, pieces);

            buf[0] = 0x81;
            buf[1] = (uint8_t)len;
            memcpy(buf + 2, pieces[0].data, pieces[0].len);
            memcpy(buf + 2 + pieces[0].len, pieces[1].data, pieces[1].len);
            feed(r, buf, len + 2);
        }
        judge_stream_release(st);
    }
    free(buf);
}

/* Cut reads of a message that a pattern makes up, as in 10.1.1 and 7.1.6. */
static void feed_big(replay *r, const char *pattern, size_t len, const json_t *log, size_t *i)
{
    uint8_t *buf = malloc(len + 64);
    size_t n = put_frame(buf, pattern, len), at = 0;

    if (strcmp(r->test->id, "7.1.6") == 0) {
        memcpy(buf + n, "\x81\x0cHello World!", 14);
        n += 14;
    }
    while (at < n) {
        const json_t *entry = json_array_get(log, *i);
        const json_int_t size = json_integer_value(json_array_get(json_array_get(entry, 1), 0));

        assert_string_equal(json_string_value(json_array_get(entry, 0)), "RO");
        feed(r, buf + at, (size_t)size);
        at += (size_t)size;
        ++*i;
    }
    assert_int_equal(at, n);
    --*i;
    free(buf);
}

static void walk(replay *r)
{
    const json_t *log = json_object_get(r->recorded, "wirelog");
    bool hello = true;

    for (size_t i = 0; i < json_array_size(log); i++) {
        const json_t *entry = json_array_get(log, i);
        const char *kind = json_string_value(json_array_get(entry, 0));
        uint8_t octets[128];

        if (strcmp(kind, "RO") == 0 && hello) {
            const char *head = json_string_value(json_object_get(r->recorded, "httpResponse"));

            hello = false;
            feed(r, (const uint8_t *)head, strlen(head));
            feed_echoes(r);
        } else if (strcmp(kind, "RO") == 0) {
            const json_t *o = json_array_get(entry, 1);

            if (strcmp(r->test->id, "10.1.1") == 0) {
                feed_big(r, "*", 65536, log, &i);
            } else if (json_integer_value(json_array_get(o, 0)) == 88) {
                /* 2.10: the last eight of ten pongs */
                for (int k = 0; k < 8; k++) {
                    char pong[16];

                    snprintf(pong, sizeof(pong), "\x8a\x09payload-%d", k + 2);
                    memcpy(octets + 11 * k, pong, 11);
                }
                feed(r, octets, 88);
            } else if (json_integer_value(json_array_get(o, 0)) > 60) {
                feed_big(r, "BAsd7&jh23", 262144, log, &i);
            } else {
                const size_t n = from_hex(json_string_value(json_array_get(o, 1)), octets);

                feed(r, octets, n);
            }
        } else if (strcmp(kind, "CTE") == 0 || strcmp(kind, "KLE") == 0 ||
                   strcmp(kind, "TIE") == 0) {
            r->now = judge_peer_deadline(r->peer);
            judge_peer_tick(r->peer, r->now);
            drain(r);
        }
    }
    judge_peer_lost(r->peer, r->now);
}

/* Takes out what is random: masks, and the octets that they change. */
static json_t *plain_log(const json_t *log)
{
    json_t *copy = json_deep_copy(log), *entry;
    size_t i;

    json_array_foreach(copy, i, entry)
    {
        const char *kind = json_string_value(json_array_get(entry, 0));

        if (strcmp(kind, "TF") == 0)
            json_array_set_new(entry, 5, json_null());
        if (strcmp(kind, "TO") == 0)
            json_array_set_new(json_array_get(entry, 1), 1, json_null());
    }
    return copy;
}

static bool is_ours(const char *key, const judge_case *c)
{
    static const char *const keys[] = {"description", "expectation", "duration", "started"};
    static const char *const corpus[] = {"txOctetStats", "trafficStats"};

    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        if (strcmp(key, keys[i]) == 0)
            return true;
    }
    for (size_t i = 0; i < sizeof(corpus) / sizeof(corpus[0]); i++) {
        if (strcmp(key, corpus[i]) == 0)
            return c->rule == JUDGE_RULE_DEFLATE;
    }
    return false;
}

static void compare(const replay *r, const json_t *ours)
{
    const char *key;
    json_t *value;

    assert_int_equal(json_object_size(ours), json_object_size(r->recorded));
    json_object_foreach((json_t *)(uintptr_t)r->recorded, key, value)
    {
        json_t *mine = json_object_get(ours, key);
        bool same;

        assert_non_null(mine);
        assert_true(json_typeof(mine) == json_typeof(value) ||
                    (json_is_boolean(mine) && json_is_boolean(value)));
        if (is_ours(key, r->test))
            continue;
        if (strcmp(key, "wirelog") == 0) {
            json_t *a = plain_log(mine), *b = plain_log(value);

            same = json_equal(a, b);
            json_decref(a);
            json_decref(b);
        } else {
            same = json_equal(mine, value);
        }
        if (!same) {
            char *a = json_dumps(mine, JSON_ENCODE_ANY), *b = json_dumps(value, JSON_ENCODE_ANY);

            fail_msg("%s, %s:\n%.1000s\nshould be\n%.1000s", r->test->id, key, a, b);
        }
    }
}

/* The traffic of 12.* that does not depend on the corpus. */
static void compare_traffic(const replay *r, const json_t *ours)
{
    static const char *const keys[] = {
        "incomingCompressionRatio",       "incomingOctetsAppLevel",
        "incomingOctetsWebSocketLevel",   "incomingOctetsWireLevel",
        "incomingWebSocketFrames",        "incomingWebSocketMessages",
        "incomingWebSocketOverhead",      "outgoingOctetsAppLevel",
        "outgoingWebSocketFrames",        "outgoingWebSocketMessages",
        "preopenIncomingOctetsWireLevel", "preopenOutgoingOctetsWireLevel",
    };
    const json_t *a = json_object_get(ours, "trafficStats");
    const json_t *b = json_object_get(r->recorded, "trafficStats");

    if (json_is_null(b))
        return;
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        if (!json_equal(json_object_get(a, keys[i]), json_object_get(b, keys[i])))
            fail_msg("%s: %s", r->test->id, keys[i]);
    }
}

static void replay_one(const judge_table *table, judge_streams *streams, const char *name)
{
    char path[512], key[32];
    judge_options options;
    judge_result result;
    judge_peer_setup setup = {
        .role = JUDGE_ROLE_CLIENT,
        .options = &options,
        .host = "127.0.0.1:8888",
        .resource = "/ws",
        .user_agent = AGENT,
        .agent = "websock server",
        .key = key,
        .streams = streams,
        .compat = true,
    };
    replay r = {.streams = streams, .now = 1000000};
    const char *head;
    json_t *recorded, *ours;

    snprintf(path, sizeof(path), TEST_DIR "/reports/%s", name);
    recorded = json_load_file(path, JSON_ALLOW_NUL, NULL);
    assert_non_null(recorded);
    r.recorded = recorded;
    r.test = judge_table_find(table, json_string_value(json_object_get(recorded, "id")));
    head = strstr(json_string_value(json_object_get(recorded, "httpRequest")),
                  "Sec-WebSocket-Key: ");
    snprintf(key, sizeof(key), "%.24s", head + strlen("Sec-WebSocket-Key: "));
    judge_options_init(&options);
    setup.test = r.test;
    r.peer = judge_peer_new(&setup, r.now);
    judge_peer_begin(r.peer, r.now);
    drain(&r);
    walk(&r);
    judge_peer_result(r.peer, r.now, &result);
    ours = judge_json_case(&result);
    compare(&r, ours);
    compare_traffic(&r, ours);
    json_decref(ours);
    json_decref(recorded);
    judge_result_deinit(&result);
    judge_peer_free(r.peer);
}

static void recorded_octets_give_recorded_verdicts(void **state)
{
    static const char *const names[] = {
        "case_1_1_1.json",  "case_2_10.json",  "case_3_2.json",    "case_5_19.json",
        "case_6_2_4.json",  "case_6_4_1.json", "case_7_1_6.json",  "case_7_9_1.json",
        "case_9_1_1.json",  "case_9_7_1.json", "case_10_1_1.json", "case_12_1_1.json",
        "case_13_7_1.json",
    };
    judge_table *table = judge_table_new();
    judge_streams *streams = judge_streams_new();

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        replay_one(table, streams, names[i]);
    judge_streams_free(streams);
    judge_table_free(table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(recorded_octets_give_recorded_verdicts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
