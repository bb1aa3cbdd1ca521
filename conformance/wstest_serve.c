/* SPDX-License-Identifier: MIT */
/* The server modes of wstest: echoserver, testeeserver, broadcastserver with its web page. They
 * are programs of the library, not of the suite. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <websock/server.h>

#include "conformance/report_text.h"
#include "conformance/wstest_modes.h"

typedef struct service {
    wsk_loop *loop;
    wsk_server *server;
    wsk_timer *timer;
    wsk_tls *tls;
    const char *uri;
    uint64_t tick;
} service;

static void on_echo(wsk_peer *p, wsk_opcode op, uint8_t *data, size_t len)
{
    if (wsk_peer_send(p, op, data, len, WSK_SEND_SKIP_UTF8) == WSK_ERR_FULL)
        wsk_peer_drop(p);
}

static void on_broadcast(wsk_peer *p, wsk_opcode op, uint8_t *data, size_t len)
{
    wsk_server_broadcast(wsk_peer_server(p), op, data, len, NULL);
}

static void on_tick(void *ud)
{
    service *s = ud;
    char text[48];
    int n = snprintf(text, sizeof text, "tick %llu", (unsigned long long)++s->tick);
    wsk_server_broadcast(s->server, WSK_OP_TEXT, text, (size_t)n, NULL);
    wsk_timer_set(s->timer, 1000);
}

/* The page of broadcastserver: what is said, and a field to say something. */
static void on_page(wsk_peer *p, bool is_upgrade)
{
    static const char head[] =
        "<!doctype html><html lang=en><meta charset=utf-8><title>broadcast</title>"
        "<meta name=viewport content=\"width=device-width\">"
        "<h1>Broadcast</h1><form><input autofocus> <button>Send</button></form><pre></pre>"
        "<script>const s=new WebSocket(";
    static const char tail[] =
        ");const out=document.querySelector('pre');"
        "s.onmessage=e=>{out.textContent=(e.data+'\\n'+out.textContent).slice(0,20000)};"
        "s.onclose=()=>{out.textContent='closed\\n'+out.textContent};"
        "document.querySelector('form').onsubmit=e=>{e.preventDefault();"
        "const i=document.querySelector('input');s.send(i.value);i.value=''}</script>";
    const service *s = wsk_server_data(wsk_peer_server(p));
    wsk_response r = WSK_RESPONSE_INIT;
    judge_buf body = {0};
    if (is_upgrade) {
        if (wsk_peer_accept(p, NULL) < 0)
            wsk_peer_drop(p);
        return;
    }
    judge_buf_str(&body, head);
    /* As a JSON string without '<' it is harmless in a script. */
    judge_buf quoted = {0};
    judge_put_json(&quoted, s->uri, strlen(s->uri));
    for (size_t i = 0; i < quoted.len; i++)
        judge_buf_put(&body, quoted.at[i] == '<' ? " " : &quoted.at[i], 1);
    judge_buf_str(&body, tail);
    r.status = body.failed || quoted.failed ? 503 : 200;
    r.content_type = "text/html; charset=utf-8";
    r.body = body.failed ? NULL : body.at;
    r.body_len = body.failed ? 0 : body.len;
    if (wsk_peer_respond(p, &r) < 0)
        wsk_peer_drop(p);
    judge_buf_deinit(&body);
    judge_buf_deinit(&quoted);
}

static void stop(void *ud)
{
    wsk_loop_stop(ud);
}

/* The URL to listen on: any path, since Autobahn looks at none. */
static bool listen_on(service *s, const char *uri, const char **ret_why)
{
    wsk__url url = {0};
    judge_buf text = {0};
    if (wsk__url_parse(NULL, uri, &url, ret_why) < 0)
        return false;
    if (url.is_unix)
        judge_buf_str(&text, uri);
    else
        judge_buf_printf(&text, "%s://%s%s%s:%u/*", url.tls ? "wss" : "ws",
                         strchr(url.host, ':') ? "[" : "", url.host,
                         strchr(url.host, ':') ? "]" : "", url.port);
    int r = text.failed ? WSK_ERR_NOMEM
                        : wsk_server_listen(s->server, text.at, url.tls ? s->tls : NULL);
    *ret_why = r != WSK_ERR_SYS      ? wsk_strerror(r)
               : errno == EADDRINUSE ? "the address is in use"
                                     : strerror(errno);
    judge_buf_deinit(&text);
    wsk__url_deinit(NULL, &url);
    return r >= 0;
}

static bool start(service *s, const wstest_options *o, const char **ret_why)
{
    bool broadcasts = strcmp(o->mode, "broadcastserver") == 0;
    bool is_testee = strcmp(o->mode, "testeeserver") == 0;
    wsk_server_options options = WSK_SERVER_OPTIONS_INIT;
    wsk_handlers handlers = WSK_HANDLERS_INIT;
    wsk_config_options conn = WSK_CONFIG_OPTIONS_INIT;
    options.conn = conn;
    options.conn.max_message = UINT64_C(64) << 20;
    options.conn.max_queued = (size_t)256 << 20;
    options.conn.ping_interval = WSK_NEVER;
    options.conn.origin_policy = WSK_ORIGIN_ANY;
    options.conn.deflate.enabled = is_testee;
    options.conn.server_header = is_testee && o->ident ? o->ident : "websock/" WSK_VERSION_STRING;
    handlers.on_message = broadcasts ? on_broadcast : on_echo;
    if (broadcasts)
        handlers.on_request = on_page;
    s->uri = o->wsuri;
    *ret_why = "the server cannot be set up";
    if (o->cert) {
        wsk_tls_options tls = WSK_TLS_OPTIONS_INIT;
        tls.role = WSK_ROLE_SERVER;
        tls.certificate_file = o->cert;
        tls.key_file = o->key;
        if (wsk_tls_new(&s->tls, &tls, ret_why) < 0)
            return false;
    }
    if (wsk_loop_new(&s->loop, NULL) < 0 ||
        wsk_server_new(&s->server, s->loop, &options, &handlers, s) < 0 ||
        !listen_on(s, o->wsuri, ret_why))
        return false;
    if (!broadcasts)
        return true;
    if (o->webport) {
        char page[64];
        snprintf(page, sizeof page, "ws://0.0.0.0:%u/", o->webport);
        if (!listen_on(s, page, ret_why))
            return false;
        printf("Web page at http://localhost:%u/\n", o->webport);
    }
    if (wsk_timer_new(&s->timer, s->loop, on_tick, s) < 0)
        return false;
    wsk_timer_set(s->timer, 1000);
    return true;
}

int judge_wstest_serve(const wstest_options *o)
{
    service s = {0};
    const char *why = "";
    int code = 1;
    if (start(&s, o, &why)) {
        printf("Serving %s on %s\n", o->mode, o->wsuri);
        judge_wstest_catch_signals(stop, s.loop);
        code = wsk_loop_run(s.loop) < 0;
        judge_wstest_catch_signals(NULL, NULL);
    } else {
        printf("%s: %s\n", o->wsuri, why);
    }
    wsk_timer_free(s.timer);
    wsk_server_free(s.server);
    wsk_loop_free(s.loop);
    wsk_tls_unref(s.tls);
    return code;
}
