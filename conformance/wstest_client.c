/* SPDX-License-Identifier: MIT */
/* The client modes of wstest: echoclient, broadcastclient, testeeclient. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conformance/report_text.h"
#include "conformance/wstest_modes.h"

/* Answers a message with itself. */
static void echo(wstest_link *l, const wsk_event *ev)
{
    if (ev->type == WSK_EV_MESSAGE)
        wsk_conn_send(l->conn, ev->opcode, ev->data, ev->len, WSK_SEND_SKIP_UTF8);
}

/* Connects to the addresses of a place in turn until one is taken. */
static bool connect_any(wstest_link *l, const wstest_place *p, const char *target)
{
    for (size_t i = 0; i < p->n_addresses && !judge_wstest_stopped; i++) {
        if (!judge_wstest_link_begin(l, p, i, target))
            continue;
        while (!l->ready && !l->over && !judge_wstest_stopped)
            judge_wstest_link_run(l, 20);
        if (l->ready)
            return true;
        judge_wstest_link_deinit(l);
    }
    return false;
}

/* ------------------------------------------------------------------------ testeeclient -- */

typedef struct counted {
    uint64_t n;
    bool known;
} counted;

static void on_count(wstest_link *l, const wsk_event *ev)
{
    counted *c = l->ud;
    char text[32];
    if (ev->type != WSK_EV_MESSAGE || ev->len >= sizeof text)
        return;
    memcpy(text, ev->data, ev->len);
    text[ev->len] = 0;
    char *end;
    c->n = strtoull(text, &end, 10);
    /* A suite of more cases than this is no suite. */
    c->known = end != text && c->n <= 100000;
}

static void on_nothing(wstest_link *l, const wsk_event *ev)
{
    (void)l;
    (void)ev;
}

/* One connection from beginning to end. False if it was not opened. */
static bool visit(const wstest_place *p, const char *target,
                  void (*on_event)(wstest_link *, const wsk_event *), void *ud)
{
    wstest_link l = {.on_event = on_event, .ud = ud};
    if (!connect_any(&l, p, target))
        return false;
    judge_wstest_link_run(&l, -1);
    bool opened = l.opened;
    judge_wstest_link_deinit(&l);
    return opened;
}

static void put_encoded(judge_buf *b, const char *s)
{
    for (; *s; s++) {
        if ((*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z') || (*s >= '0' && *s <= '9') ||
            strchr("-._~", *s))
            judge_buf_put(b, s, 1);
        else
            judge_buf_printf(b, "%%%02X", (unsigned char)*s);
    }
}

static int testee(const wstest_place *p, const char *agent, const char *uri)
{
    counted count = {0};
    judge_buf target = {0};
    int code = 1;
    printf("Getting case count ..\n");
    if (!visit(p, "/getCaseCount", on_count, &count) || !count.known) {
        printf("%s told no case count\n", uri);
        return 1;
    }
    printf("Ok, will run %" PRIu64 " cases\n", count.n);
    for (uint64_t i = 1; i <= count.n && !judge_wstest_stopped; i++) {
        printf("Running test case %" PRIu64 "/%" PRIu64 " as user agent %s on peer %s\n", i,
               count.n, agent, uri);
        judge_buf_clear(&target);
        judge_buf_printf(&target, "/runCase?case=%" PRIu64 "&agent=", i);
        put_encoded(&target, agent);
        /* A case may be made of a handshake that has to fail: no reason to end. */
        if (!target.failed)
            visit(p, target.at, echo, NULL);
    }
    judge_buf_clear(&target);
    judge_buf_str(&target, "/updateReports?agent=");
    put_encoded(&target, agent);
    if (!target.failed && visit(p, target.at, on_nothing, NULL))
        code = 0;
    judge_buf_deinit(&target);
    return code;
}

/* ---------------------------------------------------------------------- broadcastclient -- */

static void on_broadcast(wstest_link *l, const wsk_event *ev)
{
    judge_buf clean = {0};
    (void)l;
    if (ev->type != WSK_EV_MESSAGE)
        return;
    for (size_t i = 0; i < ev->len; i++) {
        char c = (char)ev->data[i];
        judge_buf_put(&clean, (unsigned char)c < 0x20 || c == 0x7f ? "?" : &c, 1);
    }
    printf("received:  %s\n", clean.at ? clean.at : "");
    judge_buf_deinit(&clean);
}

static int broadcast(const wstest_place *p)
{
    char host[128] = "localhost", text[192];
    wstest_link l = {.on_event = on_broadcast};
    if (gethostname(host, sizeof host - 1) != 0)
        snprintf(host, sizeof host, "localhost");
    int len = snprintf(text, sizeof text, "hello from %s[%ld]", host, (long)getpid());
    if (!connect_any(&l, p, NULL))
        return 1;
    while (!l.over && !judge_wstest_stopped) {
        if (l.opened)
            wsk_conn_send(l.conn, WSK_OP_TEXT, text, (size_t)len, 0);
        judge_wstest_link_run(&l, l.opened ? 2000 : 20);
    }
    bool opened = l.opened;
    judge_wstest_link_deinit(&l);
    return opened ? 0 : 1;
}

int judge_wstest_client(const wstest_options *o)
{
    const char *why = "";
    wstest_place place;
    int code;
    if (!judge_wstest_place(&place, o->wsuri, strcmp(o->mode, "testeeclient") == 0, &why)) {
        printf("%s: %s\n", o->wsuri, why);
        return 1;
    }
    judge_wstest_catch_signals(NULL, NULL);
    if (strcmp(o->mode, "testeeclient") == 0)
        code = testee(&place, o->ident ? o->ident : "websock/" WSK_VERSION_STRING, o->wsuri);
    else if (strcmp(o->mode, "broadcastclient") == 0)
        code = broadcast(&place);
    else
        code = visit(&place, NULL, echo, NULL) ? 0 : 1;
    if (code)
        printf("Connection to %s failed\n", o->wsuri);
    judge_wstest_place_deinit(&place);
    return code;
}
