/* SPDX-License-Identifier: MIT */
/*
 * What clients send to the judge's server: a request's head, its query, and the whole connection
 * that a case is made of, down to the result. Input: a request, and octets of frames behind it.
 */
#include <stdlib.h>
#include <string.h>

#include "conformance/fuzz_internal.h"

/* Octets of an answer that are taken. */
#define MOST_WRITTEN ((size_t)1 << 20)

/* What is left on the stack is no zero that would end a text by chance. */
__attribute__((noinline)) static void soil_stack(void)
{
    volatile char soil[8192];
    for (size_t i = 0; i < sizeof soil; i++)
        soil[i] = 'X';
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(bool ok)
{
    if (!ok)
        abort();
}

static void run_case(const judge_table *t, const fuzz_query *q, const uint8_t *data, size_t size,
                     bool in_order)
{
    static const char *const protocols[] = {"chat", "superchat"};
    judge_options options;
    judge_options_init(&options);
    const judge_peer_setup setup = {
        .test = q->test,
        .role = JUDGE_ROLE_SERVER,
        .options = &options,
        .agent = q->agent,
        .protocols = protocols,
        .n_protocols = 2,
        /* Of fewer masks nothing is said. */
        .messages = q->test->rule == JUDGE_RULE_MASKS ? 16 : 1,
    };
    judge_peer *p = judge_peer_new(&setup, 0);
    const uint8_t *out;
    size_t n;
    (void)t;
    if (!p)
        return;
    judge_peer_begin(p, 0);
    judge_peer_feed(p, 1, data, size);
    expect(!judge_peer_is_open(p) || in_order);
    /* Some cases have no end of their own. */
    for (size_t written = 0; written < MOST_WRITTEN && (n = judge_peer_output(p, &out)) > 0;) {
        judge_peer_wrote(p, n);
        written += n;
        judge_peer_turn(p);
    }
    judge_peer_lost(p, 2);
    judge_result r;
    judge_peer_result(p, 3, &r);
    expect(r.is_server && r.id && strcmp(r.agent, q->agent) == 0);
    judge_result_deinit(&r);
    judge_peer_free(p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static judge_table *t;
    static bool *selected;
    const uint8_t *end = memmem(data, size, "\r\n\r\n", 4);
    judge_request r;
    fuzz_query q;
    char why[200] = "";
    if (!t) {
        t = judge_table_new();
        expect(t);
        selected = malloc(judge_table_count(t) * sizeof *selected);
        expect(selected);
        memset(selected, true, judge_table_count(t) * sizeof *selected);
    }
    if (!end || !t)
        return 0;
    /* A copy without a NUL behind it: nothing may be read past its end. */
    size_t len = (size_t)(end - data) + 4;
    char *head = malloc(len);
    if (!head)
        return 0;
    memcpy(head, data, len);
    if (judge_request_read(&r, head, len)) {
        soil_stack();
        bool known = fuzz_query_read(&q, &r, t, selected, why);
        expect(known || why[0]);
        expect(!known || q.act != FUZZ_RUN || (q.test && q.agent[0]));
        expect(!known || judge_utf8_is_valid(q.agent, strlen(q.agent)));
        bool run = known && q.act == FUZZ_RUN && q.test->weight == 0;
        judge_buf b = {0};
        fuzz_file file = {0};
        fuzz_web_answer(&b, &file, &(fuzz_site){NULL, 1, false}, &r);
        fuzz_web_done(&file);
        judge_buf_deinit(&b);
        bool in_order = judge_request_check(&r, head, len);
        expect(in_order || (r.status >= 400 && r.why[0]));
        expect(!in_order || judge_request_port(&r) <= 65535);
        if (run)
            run_case(t, &q, data, size, in_order);
    } else {
        expect(r.status >= 400 && r.why[0]);
    }
    free(head);
    return 0;
}
