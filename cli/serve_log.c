/* SPDX-License-Identifier: MIT */
/* See serve_log.h. */
#include "serve_log.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "escape.h"
#include "serve_stderr.h"

/* The process has one stderr, and lines of all threads go there. */
static struct {
    pthread_mutex_t lock;
    serve_stderr out;
    unsigned long long lost; /* lines that it did not take, since one last told of them */
} sink = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* A line in the making. What does not fit is left out, piece by piece, so that quotes and braces
 * stay in pairs: `room` is kept back for them. */
typedef struct line {
    char text[4096];
    size_t len;
} line;

enum {
    ROOM_FOR_END = 64,
    LONGEST_VALUE = 512, /* octets shown of a text that a peer may have sent */
};

static void put_raw(line *l, const char *s, size_t n)
{
    if (n < sizeof(l->text) - l->len) {
        memcpy(l->text + l->len, s, n);
        l->len += n;
    }
}

static void put(line *l, const char *s)
{
    put_raw(l, s, strlen(s));
}

static void put_quoted(line *l, wsk_str text, bool json)
{
    const uint8_t *s = (const uint8_t *)text.ptr;
    size_t n = text.len < LONGEST_VALUE ? text.len : LONGEST_VALUE;

    put(l, "\"");
    for (size_t i = 0; i < n && l->len < sizeof(l->text) - ROOM_FOR_END;) {
        uint32_t code;
        size_t len = escape_decode(s + i, text.len - i, &code);
        if (len == 0 || !escape_is_printable(code)) {
            char escape[8];
            /* JSON has no octets: what is not text shows as the code point of that number. */
            snprintf(escape, sizeof(escape), json ? "\\u%04x" : "\\x%02x", s[i]);
            put(l, escape);
            i++;
            continue;
        }
        if (s[i] == '"' || s[i] == '\\')
            put(l, "\\");
        put_raw(l, (const char *)s + i, len);
        i += len;
    }
    put(l, n < text.len ? "...\"" : "\"");
}

/* True if a value may stand in a text line without quotes. */
static bool is_plain(wsk_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if (c <= 0x20 || c >= 0x7f || c == '"' || c == '\\' || c == '=')
            return false;
    }
    return text.len > 0 && text.len < LONGEST_VALUE;
}

static void put_value(line *l, const serve_field *f, bool json)
{
    char number[32];

    switch (f->type) {
    case SERVE_FIELD_TEXT:
        if (!json && is_plain(f->text))
            put_raw(l, f->text.ptr, f->text.len);
        else
            put_quoted(l, f->text, json);
        return;
    case SERVE_FIELD_NUMBER:
        snprintf(number, sizeof(number), "%llu", (unsigned long long)f->number);
        break;
    case SERVE_FIELD_SECONDS:
        snprintf(number, sizeof(number), "%llu.%03u", (unsigned long long)(f->number / 1000),
                 (unsigned)(f->number % 1000));
        break;
    case SERVE_FIELD_YES:
        snprintf(number, sizeof(number), "%s",
                 json ? (f->number != 0 ? "true" : "false") : (f->number != 0 ? "yes" : "no"));
        break;
    }
    put(l, number);
}

static const char *level_name(wsk_log_level level)
{
    switch (level) {
    case WSK_LOG_ERROR:
        return "error";
    case WSK_LOG_WARN:
        return "warn";
    case WSK_LOG_INFO:
        return "info";
    case WSK_LOG_DEBUG:
        return "debug";
    default:
        return "trace";
    }
}

static void begin(line *l, const serve_log *log, wsk_log_level level)
{
    struct timespec now;
    struct tm tm;
    char head[96], date[32];

    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &tm);
    strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(head, sizeof(head),
             log->json ? "{\"time\":\"%s.%03uZ\",\"level\":\"%s\"" : "%s.%03uZ %-5s ", date,
             (unsigned)(now.tv_nsec / 1000000), level_name(level));
    l->len = 0;
    put(l, head);
}

static void put_sentence(line *l, const serve_log *log, const char *text)
{
    wsk_str s = {text, strlen(text)};

    if (log->json) {
        put(l, ",\"event\":\"note\",\"text\":");
        put_quoted(l, s, true);
    } else {
        put(l, text);
    }
}

/* Whether those know that lines are missing who read the log again. */
static bool lost_is_told(const serve_log *log)
{
    line l;
    char text[96];

    if (sink.lost == 0)
        return true;
    snprintf(text, sizeof(text), "%llu lines of the log were not taken, and are lost", sink.lost);
    begin(&l, log, WSK_LOG_WARN);
    put_sentence(&l, log, text);
    put(&l, log->json ? "}\n" : "\n");
    if (!serve_stderr_put(&sink.out, l.text, l.len))
        return false;
    sink.lost = 0;
    return true;
}

static void end(line *l, const serve_log *log)
{
    put(l, log->json ? "}\n" : "\n");
    pthread_mutex_lock(&sink.lock);
    if (!lost_is_told(log) || !serve_stderr_put(&sink.out, l->text, l->len))
        sink.lost++;
    pthread_mutex_unlock(&sink.lock);
}

void serve_log_event(const serve_log *log, wsk_log_level level, const char *event,
                     const serve_field *fields, size_t n)
{
    line l;

    if (level > log->level)
        return;
    begin(&l, log, level);
    if (log->json) {
        put(&l, ",\"event\":\"");
        put(&l, event);
        put(&l, "\"");
    } else {
        put(&l, event);
    }
    for (size_t i = 0; i < n && l.len < sizeof(l.text) - 2 * ROOM_FOR_END; i++) {
        put(&l, log->json ? ",\"" : " ");
        put(&l, fields[i].key);
        put(&l, log->json ? "\":" : "=");
        put_value(&l, &fields[i], log->json);
    }
    end(&l, log);
}

static void sentence(const serve_log *log, wsk_log_level level, const char *text)
{
    line l;

    begin(&l, log, level);
    put_sentence(&l, log, text);
    end(&l, log);
}

void serve_log_line(const serve_log *log, wsk_log_level level, const char *fmt, ...)
{
    char text[1024];
    va_list ap;

    if (level > log->level)
        return;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    sentence(log, level, text);
}

static void log_hook(void *ud, wsk_log_level level, const char *text)
{
    serve_log *log = ud;

    if (log->holding && level == WSK_LOG_ERROR)
        snprintf(log->held, sizeof(log->held), "%s", text);
    else if (level <= log->level)
        sentence(log, level, text);
}

void serve_log_init(serve_log *log, wsk_log_level level, bool json)
{
    wsk_hooks hooks = WSK_HOOKS_INIT;

    hooks.ud = log;
    hooks.log = log_hook;
    /* Errors are wanted even when none are to be shown: see `held`. */
    hooks.log_level = level > WSK_LOG_ERROR ? level : WSK_LOG_ERROR;
    log->holding = true;
    log->held[0] = 0;
    log->hooks = hooks;
    log->level = level;
    log->json = json;
    serve_stderr_init(&sink.out);
}

void serve_log_deinit(void)
{
    serve_stderr_deinit(&sink.out);
}
