/* SPDX-License-Identifier: MIT */
/*
 * What "websock connect" shows: to a person on the terminal, to a script as messages or as JSON
 * events on stdout, with what goes wrong on stderr. Everything from a peer is made safe where it
 * goes to a terminal.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "command.h"
#include "connect.h"

enum {
    SHOWN_OCTETS = 32, /* of a binary message, on the terminal without --hex */
    MOST_HEADERS = 256,
};

/* ------------------------------------------------------------------------------- places -- */

void connect_say(connect_session *s, int fd, const text_buf *text)
{
    connect_output *o = fd == STDERR_FILENO ? s->told : &s->out;

    if (text->failed)
        return;
    if (s->term != NULL && isatty(fd))
        connect_term_hide(s->term);
    connect_output_put(o, text->at, text->len);
    connect_output_flush(o);
}

static const char *colour(const connect_session *s, const char *code)
{
    return s->colours ? code : "";
}

static void put_mark(const connect_session *s, text_buf *b, const char *code, const char *mark)
{
    text_putf(b, "%s%s%s ", colour(s, code), mark, colour(s, "\033[0m"));
}

static void note(connect_session *s, const char *code, const char *mark, const char *prefix,
                 const char *fmt, va_list ap)
{
    char line[2048];
    text_buf b = {0};

    vsnprintf(line, sizeof(line), fmt, ap);
    if (s->interactive)
        put_mark(s, &b, code, mark);
    else
        text_put(&b, prefix);
    text_put_safe(&b, line, strlen(line), NULL);
    text_put(&b, "\n");
    connect_say(s, s->interactive ? STDOUT_FILENO : STDERR_FILENO, &b);
    text_deinit(&b);
}

void connect_note(connect_session *s, bool always, const char *fmt, ...)
{
    va_list ap;

    if (s->set->quiet || (!s->interactive && !always && !s->set->verbose))
        return;
    va_start(ap, fmt);
    note(s, "\033[2m", "*", "* ", fmt, ap);
    va_end(ap);
}

void connect_complain(connect_session *s, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    note(s, "\033[31m", "!", "websock connect: ", fmt, ap);
    va_end(ap);
}

/* --------------------------------------------------------------------------------- json -- */

static void json_begin(text_buf *b, const char *event)
{
    text_putf(b, "{\"event\":\"%s\",\"time\":\"", event);
    text_put_utc(b);
    text_put(b, "\"");
}

static void json_text(text_buf *b, const char *key, const char *text, size_t n)
{
    text_putf(b, ",\"%s\":", key);
    text_put_json(b, text, n);
}

static void json_words(text_buf *b, const char *key, const char *text)
{
    json_text(b, key, text, strlen(text));
}

static void json_headers(text_buf *b, const wsk_conn *c)
{
    wsk_str name, value;

    text_put(b, ",\"headers\":[");
    for (size_t i = 0; i < MOST_HEADERS && wsk_conn_header_at(c, i, &name, &value); i++) {
        text_put(b, i > 0 ? ",[" : "[");
        text_put_json(b, name.ptr, name.len);
        text_put(b, ",");
        text_put_json(b, value.ptr, value.len);
        text_put(b, "]");
    }
    text_put(b, "]");
}

static void json_payload(text_buf *b, wsk_opcode op, const uint8_t *data, size_t n)
{
    text_putf(b, ",\"size\":%zu", n);
    if (op == WSK_OP_TEXT) {
        json_text(b, "text", (const char *)data, n);
    } else {
        text_put(b, ",\"base64\":\"");
        text_put_base64(b, data, n);
        text_put(b, "\"");
    }
}

/* ----------------------------------------------------------------------------- messages -- */

static void put_prefix(const connect_session *s, text_buf *b, size_t n)
{
    if (s->times) {
        if (s->interactive)
            text_put_clock(b);
        else
            text_put_utc(b);
        text_put(b, " ");
    }
    if (s->sizes)
        text_putf(b, "[%zu] ", n);
}

static void show_to_person(connect_session *s, wsk_opcode op, const uint8_t *data, size_t n)
{
    text_buf b = {0};

    put_mark(s, &b, "\033[32m", "<");
    put_prefix(s, &b, n);
    if (op == WSK_OP_TEXT) {
        text_put_safe(&b, data, n, "  ");
        text_put(&b, "\n");
    } else if (s->kind == CONNECT_HEX || s->set->hex) {
        text_putf(&b, "%sbinary, %zu octets%s\n", colour(s, "\033[2m"), n, colour(s, "\033[0m"));
        text_put_dump(&b, data, n, "  ");
    } else {
        text_putf(&b, "%sbinary, %zu octets:%s ", colour(s, "\033[2m"), n, colour(s, "\033[0m"));
        text_put_hex(&b, data, n < SHOWN_OCTETS ? n : SHOWN_OCTETS);
        text_put(&b, n > SHOWN_OCTETS ? "... (/hex shows all)\n" : "\n");
    }
    if (b.failed)
        connect_complain(s, "a message of %zu octets came, too large to show", n);
    connect_say(s, STDOUT_FILENO, &b);
    text_deinit(&b);
}

void connect_show_message(connect_session *s, wsk_opcode op, const uint8_t *data, size_t n)
{
    text_buf *b = &s->out.queue;

    if (s->interactive) {
        show_to_person(s, op, data, n);
        return;
    }
    if (s->out.error != 0)
        return;
    if (s->set->json) {
        json_begin(b, "message");
        json_words(b, "type", op == WSK_OP_TEXT ? "text" : "binary");
        json_payload(b, op, data, n);
        text_put(b, "}\n");
        return;
    }
    put_prefix(s, b, n);
    if (op == WSK_OP_BINARY && s->set->hex)
        text_put_hex(b, data, n);
    else if (s->to_terminal)
        text_put_safe(b, data, n, "");
    else
        text_put_n(b, data, n);
    text_put_n(b, s->set->null ? "" : "\n", 1);
}

static uint64_t now_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

void connect_show_control(connect_session *s, wsk_opcode op, const uint8_t *data, size_t n)
{
    const char *name = op == WSK_OP_PING ? "ping" : "pong";

    if (s->set->json) {
        text_buf *b = &s->out.queue;
        json_begin(b, name);
        json_payload(b, WSK_OP_BINARY, data, n);
        text_put(b, "}\n");
        return;
    }
    bool awaited = op == WSK_OP_PONG && s->ping_waits && n == strlen(s->ping) &&
                   memcmp(data, s->ping, n) == 0;
    if (!s->interactive || (!awaited && !s->set->verbose))
        return;
    text_buf b = {0};
    text_put_safe(&b, data, n, NULL);
    if (awaited) {
        s->ping_waits = false;
        connect_note(s, true, "pong%s%.*s after %.3f ms", n > 0 ? " " : "", (int)b.len,
                     b.at != NULL ? b.at : "", (double)(now_us() - s->ping_at_us) / 1e3);
    } else {
        connect_note(s, true, "%s%s%.*s", name, n > 0 ? " " : "", (int)b.len,
                     b.at != NULL ? b.at : "");
    }
    text_deinit(&b);
}

/* ---------------------------------------------------------------- begin and end of one -- */

void connect_show_open(connect_session *s)
{
    const wsk_client *c = s->client;
    const wsk_conn *conn = wsk_client_conn(c);
    char address[128] = "", extensions[512] = "";
    const char *subprotocol = wsk_conn_subprotocol(conn), *tls = wsk_client_tls_version(c);

    wsk_client_address(c, address, sizeof(address));
    wsk_conn_extensions(conn, extensions, sizeof(extensions));
    if (s->set->json) {
        text_buf *b = &s->out.queue;
        json_begin(b, "open");
        json_words(b, "url", wsk_client_url(c));
        json_words(b, "address", address);
        json_words(b, "subprotocol", subprotocol);
        json_words(b, "extensions", extensions);
        json_words(b, "tls", tls);
        json_headers(b, conn);
        text_put(b, "}\n");
        return;
    }
    const char *at = s->set->verbose ? " at " : "";
    connect_note(s, false, "connected to %s%s%s%s%s%s%s%s%s", wsk_client_url(c), at,
                 at[0] != 0 ? address : "", tls[0] != 0 ? ", " : "", tls,
                 subprotocol[0] != 0 ? ", subprotocol " : "", subprotocol,
                 extensions[0] != 0 ? ", " : "", extensions);
    if (s->interactive && !s->greeted)
        connect_note(s, false, "/help lists the commands; Control-D closes");
    s->greeted = true;
}

void connect_show_close(connect_session *s, unsigned code, const char *reason, const char *text,
                        bool bad)
{
    text_buf words = {0};

    if (s->set->json) {
        text_buf *b = &s->out.queue;
        json_begin(b, "close");
        text_putf(b, ",\"code\":%u", code);
        json_words(b, "reason", reason);
        json_words(b, "text", text);
        text_putf(b, ",\"received\":%llu}\n", (unsigned long long)s->received);
    }
    text_putf(&words, "closed with %u", code);
    /* Of a connection that broke, the text says it better. */
    if (code != WSK_CLOSE_ABNORMAL)
        text_putf(&words, " (%s)", wsk_close_code_text(code));
    if (reason[0] != 0) {
        text_put(&words, ", \"");
        text_put_safe(&words, reason, strlen(reason), NULL);
        text_put(&words, "\"");
    }
    text_put(&words, ": ");
    text_put(&words, text);
    if (words.failed)
        words.len = 0;
    if (bad)
        connect_complain(s, "%.*s", (int)words.len, words.at);
    else
        connect_note(s, false, "%.*s", (int)words.len, words.at);
    text_deinit(&words);
}

static void show_body(connect_session *s)
{
    wsk_str body = wsk_client_body(s->client);
    text_buf b = {0};

    if (!s->set->verbose || body.len == 0)
        return;
    text_put_safe(&b, body.ptr, body.len, "");
    text_put(&b, "\n");
    connect_say(s, STDERR_FILENO, &b);
    text_deinit(&b);
}

/* line: "404 Not Found" and what stands behind it. The library's text says the same in words, so it
 * is there only where the server has none, or does not mean what it says. */
static void put_status(text_buf *b, const wsk_conn *conn, const char *line, size_t left,
                       const char *text)
{
    wsk_str location = wsk_conn_header(conn, "Location", 0);
    unsigned status = wsk_conn_status(conn);
    size_t len = 0;

    while (len < left && line[len] != '\r' && line[len] != '\n')
        len++;
    while (len > 0 && line[len - 1] == ' ')
        len--;
    text_put(b, "the server answered ");
    text_put_safe(b, line, len, NULL);
    if (status / 100 == 3 && location.len > 0) {
        text_put(b, ", a redirect to ");
        text_put_safe(b, location.ptr, location.len, NULL);
        text_put(b, " (--location follows)");
    } else if (status / 100 == 2 || len <= 3) {
        text_put(b, ": ");
        text_put_safe(b, text, strlen(text), NULL);
    }
}

void connect_put_failure(text_buf *b, const wsk_client *c, wsk_fail kind, const char *text)
{
    const wsk_conn *conn = wsk_client_conn(c);
    wsk_str head = conn != NULL ? wsk_conn_head(conn) : (wsk_str){NULL, 0};
    const char *line = head.len > 9 ? memchr(head.ptr, ' ', 9) : NULL;

    if (kind == WSK_FAIL_STATUS && line != NULL)
        put_status(b, conn, line + 1, head.len - (size_t)(line + 1 - head.ptr), text);
    else
        text_put_safe(b, text, strlen(text), NULL);
    text_put_n(b, "", 1);
}

void connect_show_fail(connect_session *s, wsk_fail kind, unsigned status, const char *text,
                       bool last)
{
    static const char *const names[] = {"none",    "resolve", "connect",   "proxy",
                                        "tls",     "status",  "handshake", "redirect",
                                        "timeout", "lost",    "cancelled", "internal"};

    show_body(s);
    if (s->set->json) {
        text_buf *b = &s->out.queue;
        json_begin(b, "fail");
        json_words(b, "kind", (size_t)kind < sizeof(names) / sizeof(names[0]) ? names[kind] : "");
        text_putf(b, ",\"status\":%u", status);
        json_words(b, "text", text);
        wsk_str body = wsk_client_body(s->client);
        json_text(b, "body", body.ptr, body.len);
        text_put(b, "}\n");
    }
    text_buf why = {0};
    connect_put_failure(&why, s->client, kind, text);
    if (last)
        connect_complain(s, "%s", why.failed ? "out of memory" : why.at);
    else
        connect_note(s, false, "%s", why.failed ? "out of memory" : why.at);
    text_deinit(&why);
}

void connect_show_retry(connect_session *s, unsigned attempt, uint32_t delay_ms)
{
    if (s->set->json) {
        text_buf *b = &s->out.queue;
        json_begin(b, "retry");
        text_putf(b, ",\"attempt\":%u,\"seconds\":%u.%03u}\n", attempt, delay_ms / 1000,
                  delay_ms % 1000);
        return;
    }
    connect_note(s, false, "connecting again in %u.%03u s (attempt %u)", delay_ms / 1000,
                 delay_ms % 1000, attempt);
}

void connect_show_redirect(connect_session *s, unsigned status, const char *url)
{
    if (s->set->json) {
        text_buf *b = &s->out.queue;
        json_begin(b, "redirect");
        text_putf(b, ",\"status\":%u", status);
        json_words(b, "url", url);
        text_put(b, "}\n");
        return;
    }
    connect_note(s, false, "%u leads to %s", status, url);
}

void connect_show_stats(connect_session *s)
{
    const wsk_client *c = s->client;
    char address[128] = "", extensions[512] = "";
    wsk_conn_stats stats;

    if (!connect_is_open(s)) {
        connect_complain(s, "not connected");
        return;
    }
    wsk_client_address(c, address, sizeof(address));
    wsk_conn_extensions(wsk_client_conn(c), extensions, sizeof(extensions));
    wsk_conn_get_stats(wsk_client_conn(c), &stats);
    uint64_t ms = wsk_loop_now(s->loop) - s->opened_at, rtt = wsk_client_rtt_us(c);
    connect_note(s, true, "%s at %s, open for %llu.%03llu s", wsk_client_url(c), address,
                 (unsigned long long)ms / 1000, (unsigned long long)ms % 1000);
    if (wsk_client_tls_version(c)[0] != 0)
        connect_note(s, true, "%s with %s", wsk_client_tls_version(c), wsk_client_tls_cipher(c));
    connect_note(s, true, "compression: %s", extensions[0] != 0 ? extensions : "none");
    connect_note(s, true, "sent: %llu messages, %llu octets on the wire",
                 (unsigned long long)stats.messages_out, (unsigned long long)stats.octets_out);
    connect_note(s, true, "received: %llu messages, %llu octets on the wire",
                 (unsigned long long)stats.messages_in, (unsigned long long)stats.octets_in);
    if (rtt > 0)
        connect_note(s, true, "round trip: %.3f ms", (double)rtt / 1e3);
}
