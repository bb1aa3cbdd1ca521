/* SPDX-License-Identifier: MIT */
/*
 * Log lines of "websock serve", to stderr: as text for people or as one JSON object a line. What
 * a peer sent is escaped. Any thread may log. What stderr does not take at once is left out, and
 * the next line says how much that was.
 */
#ifndef CLI_SERVE_LOG_H
#define CLI_SERVE_LOG_H

#include <websock/base.h>

typedef struct serve_log {
    wsk_hooks hooks; /* lines of the library come in here */
    wsk_log_level level;
    bool json;
    bool holding;   /* errors of the library go to `held`: until the server runs, one line is all */
    char held[512]; /* that a failure may take, and it may be more than an error code */
} serve_log;

/* The log must stay where it is: its hooks point to it. One log at a time. */
void serve_log_init(serve_log *log, wsk_log_level level, bool json);
void serve_log_deinit(void);

typedef enum serve_field_type {
    SERVE_FIELD_TEXT,
    SERVE_FIELD_NUMBER,
    SERVE_FIELD_SECONDS, /* from milliseconds */
    SERVE_FIELD_YES,     /* bool */
} serve_field_type;

typedef struct serve_field {
    const char *key;
    serve_field_type type;
    wsk_str text;
    uint64_t number;
} serve_field;

/* What happened, and what is known of it. */
void serve_log_event(const serve_log *log, wsk_log_level level, const char *event,
                     const serve_field *fields, size_t n);
/* A sentence. */
void serve_log_line(const serve_log *log, wsk_log_level level, const char *fmt, ...)
    WSK_PRINTF(3, 4);

#endif
