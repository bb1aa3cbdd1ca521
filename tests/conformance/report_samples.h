/* SPDX-License-Identifier: MIT */
/* Results for the tests of reports: one recorded, one from a peer that tries everything. */
#ifndef TESTS_REPORT_SAMPLES_H
#define TESTS_REPORT_SAMPLES_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conformance/report_json.h"

/* Results own their strings; those of these tests are never freed. */
#define TEXT(s) ((char *)(uintptr_t)(s))

static inline char *slurp(const char *path, size_t *ret_len)
{
    size_t most = 1 << 22;
    char *all = calloc(1, most);
    FILE *in = fopen(path, "rb");
    *ret_len = in && all ? fread(all, 1, most - 1, in) : 0;
    if (in)
        fclose(in);
    return all;
}

/* A recorded case; *ret_object keeps strings of it. */
static inline bool recorded_case(const char *name, judge_result *ret, json_t **ret_object)
{
    char path[512];
    size_t len;
    snprintf(path, sizeof path, "%s/%s", REPORTS_DIR, name);
    char *text = slurp(path, &len);
    *ret_object = json_loadb(text, len, JSON_ALLOW_NUL, NULL);
    free(text);
    return judge_result_read(ret, *ret_object, NULL);
}

#define EVIL "<script>alert('x')</script>\"&"

/* Nothing in it is owned: not to be given to judge_result_deinit(). */
static inline judge_result evil_case(judge_log log[2], judge_event *event)
{
    static const char payload[] = "</pre>\xff\x1b[31m";
    log[0] = (judge_log){.kind = JUDGE_LOG_RF, .opcode = 1, .fin = true, .repeat = -1, .chop = -1};
    memcpy(log[0].octets.head, EVIL, sizeof EVIL - 1);
    log[0].octets.kept = sizeof EVIL - 1;
    log[0].octets.len = sizeof EVIL - 1;
    log[1] = log[0];
    log[1].opcode = 8;
    memcpy(log[1].octets.head, "\x03\xe8", 2);
    memcpy(log[1].octets.head + 2, payload, sizeof payload - 1);
    log[1].octets.kept = sizeof payload + 1;
    log[1].octets.len = sizeof payload + 1;
    *event = (judge_event){.kind = JUDGE_EVENT_MESSAGE, .octets = log[0].octets};
    return (judge_result){
        .agent = TEXT("agent " EVIL),
        .id = "1.1.1",
        .index = 1,
        .description = "d",
        .expectation = "e",
        .reference = "RFC 6455 5.6 " EVIL,
        .behavior = JUDGE_FAILED,
        .behavior_close = JUDGE_WRONG_CODE,
        .result = TEXT("r " EVIL),
        .result_close = TEXT("c " EVIL),
        .why = TEXT("why " EVIL "\n::error::injected"),
        .why_log = 0,
        .started_ms = 1,
        .duration_ms = 3,
        .duration_us = 3210,
        .received = {event, 1},
        .not_clean_reason = TEXT(EVIL),
        .local_code = 1000,
        .remote_code = 4242,
        /* Not ASCII, and with a character that turns the direction of writing. */
        .remote_reason = TEXT("na\xc3\xafve \xe2\x80\xae" EVIL),
        .http_request = TEXT("GET / HTTP/1.1\r\n\r\n"),
        .http_response = TEXT("HTTP/1.1 101 " EVIL "\r\nX-\xff: " EVIL "\r\n\r\n"),
        .log = log,
        .n_log = 2,
    };
}

#endif
