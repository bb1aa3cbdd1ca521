/* SPDX-License-Identifier: MIT */
/*
 * "websock connect --testee": our client as the one that a fuzzing server judges. Asks how many
 * cases there are, runs each on a connection of its own as an echo, and asks for the report.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command.h"
#include "connect.h"

typedef enum step {
    ASKING,
    RUNNING,
    REPORTING,
} step;

typedef struct testee {
    const connect_settings *set;
    const char *base; /* the URL without a slash at its end */
    const char *agent;
    wsk_loop *loop;
    wsk_client *client;
    step step;
    bool failed; /* the connection of this step */
    bool ended;
    unsigned count, at, missed;
    bool progress;
} testee;

static testee *testee_of(const wsk_client *c)
{
    return wsk_client_data(c);
}

static void on_message(wsk_client *c, wsk_opcode op, uint8_t *data, size_t len)
{
    testee *t = testee_of(c);
    char number[16], *end;

    if (t->step == RUNNING) {
        int r = wsk_client_send(c, op, data, len, WSK_SEND_SKIP_UTF8);
        if (r < 0 && r != WSK_ERR_STATE && r != WSK_ERR_FAILED)
            wsk_client_close(c, WSK_CLOSE_INTERNAL_ERROR, wsk_strerror(r));
    } else if (t->step == ASKING) {
        snprintf(number, sizeof(number), "%.*s", len < 15 ? (int)len : 15, (const char *)data);
        unsigned long v = strtoul(number, &end, 10);
        t->count = *end == 0 && end != number && v < 1000000 ? (unsigned)v : 0;
    }
}

static void on_close(wsk_client *c, unsigned code, const char *reason, const char *text)
{
    (void)code;
    (void)reason;
    (void)text;
    testee_of(c)->ended = true;
}

static void clear_progress(const testee *t)
{
    if (t->progress)
        fputs("\r\033[K", stderr);
}

static void on_fail(wsk_client *c, wsk_fail kind, unsigned status, const char *text)
{
    testee *t = testee_of(c);
    text_buf why = {0};

    (void)status;
    clear_progress(t);
    connect_put_failure(&why, c, kind, text);
    if (t->step == RUNNING)
        cli_error("connect", "case %u: %s", t->at, why.failed ? "out of memory" : why.at);
    else
        cli_error("connect", "%s", why.failed ? "out of memory" : why.at);
    text_deinit(&why);
    t->failed = t->ended = true;
}

/* A connection from its begin to its end. False if it could not be opened. */
static bool visit(testee *t, const char *url)
{
    t->failed = t->ended = false;
    int r = wsk_client_connect(t->client, url);
    if (r < 0) {
        clear_progress(t);
        cli_error("connect", "%s", r == WSK_ERR_URL ? wsk_client_text(t->client) : wsk_strerror(r));
        t->failed = true;
        return false;
    }
    while (!t->ended && !t->failed) {
        if (wsk_loop_turn(t->loop, -1) < 0) {
            cli_error("connect", "the loop failed: %s", strerror(errno));
            t->failed = true;
        }
    }
    return !t->failed;
}

static void put_agent(text_buf *b, const char *agent)
{
    for (; *agent != 0; agent++) {
        bool plain = (*agent >= '0' && *agent <= '9') || (*agent >= 'A' && *agent <= 'Z') ||
                     (*agent >= 'a' && *agent <= 'z') || strchr("-._~", *agent) != NULL;
        text_putf(b, plain ? "%c" : "%%%02X", (unsigned char)*agent);
    }
}

/* ret_url is kept for the next. */
static bool visit_path(testee *t, text_buf *url, const char *path, unsigned number)
{
    text_clear(url);
    text_putf(url, "%s%s", t->base, path);
    if (number > 0)
        text_putf(url, "case=%u&", number);
    if (path[strlen(path) - 1] == '?') {
        text_put(url, "agent=");
        put_agent(url, t->agent);
    }
    text_put_n(url, "", 1);
    if (url->failed) {
        cli_error("connect", "out of memory");
        t->failed = true;
        return false;
    }
    return visit(t, url->at);
}

static bool run_cases(testee *t)
{
    text_buf url = {0};
    bool good = false;

    t->step = ASKING;
    if (!visit_path(t, &url, "/getCaseCount", 0))
        goto out;
    if (t->count == 0) {
        cli_error("connect", "%s names no number of cases", t->base);
        goto out;
    }
    t->step = RUNNING;
    for (t->at = 1; t->at <= t->count; t->at++) {
        if (t->progress)
            fprintf(stderr, "\r\033[K%u of %u", t->at, t->count);
        if (!visit_path(t, &url, "/runCase?", t->at))
            t->missed++;
    }
    clear_progress(t);
    t->step = REPORTING;
    good = visit_path(t, &url, "/updateReports?", 0) && t->missed == 0;
    if (!t->set->quiet)
        printf("%u cases were run as %s, %u could not be\n", t->count - t->missed, t->agent,
               t->missed);
out:
    text_deinit(&url);
    return good;
}

int connect_testee_run(const connect_settings *set, const char *operand)
{
    wsk_client_handlers h = WSK_CLIENT_HANDLERS_INIT;
    connect_settings own = *set;
    testee t = {.set = &own, .agent = set->agent != NULL ? set->agent : "websock"};
    text_buf base = {0};
    int code = CLI_EXIT_USAGE;

    own.reconnect = own.location = false;
    h.on_message = on_message;
    h.on_close = on_close;
    h.on_fail = on_fail;
    t.progress = isatty(STDERR_FILENO) && !set->quiet;
    connect_put_url(&base, set, operand);
    if (base.failed || wsk_loop_new(&t.loop, NULL) < 0) {
        cli_error("connect", "cannot start: %s", strerror(errno));
        code = CLI_EXIT_FAILURE;
    } else if (connect_client_new(&t.client, t.loop, &own, &h, 0, &t)) {
        for (size_t n = strlen(base.at); n > 0 && base.at[n - 1] == '/'; n--)
            base.at[n - 1] = 0;
        t.base = base.at;
        code = run_cases(&t) ? EXIT_SUCCESS : CLI_EXIT_FAILURE;
    }
    wsk_client_free(t.client);
    wsk_loop_free(t.loop);
    text_deinit(&base);
    return code;
}
