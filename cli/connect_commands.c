/* SPDX-License-Identifier: MIT */
/* What a person types into "websock connect": lines to send and commands behind a slash. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "command.h"
#include "connect.h"
#include "wire/utf8.h"

/* A line; args is what stands behind the command, without white space around it. */
typedef struct command {
    const char *name;
    const char *usage;
    const char *help;
    void (*run)(connect_session *s, const char *args);
} command;

static void run_help(connect_session *s, const char *args);

static uint64_t now_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static void control_sent(connect_session *s, int r)
{
    if (r == WSK_ERR_INVAL)
        connect_complain(s, "a ping or pong has room for 125 octets (RFC 6455 5.5)");
    else if (r == WSK_ERR_STATE)
        connect_complain(s, "not connected");
    else if (r < 0)
        connect_complain(s, "cannot send: %s", wsk_strerror(r));
}

static void run_ping(connect_session *s, const char *args)
{
    int r = wsk_client_ping(s->client, args, strlen(args));

    if (r == WSK_OK) {
        snprintf(s->ping, sizeof(s->ping), "%s", args);
        s->ping_at_us = now_us();
        s->ping_waits = true;
    }
    control_sent(s, r);
}

static void run_pong(connect_session *s, const char *args)
{
    control_sent(s, wsk_client_pong(s->client, args, strlen(args)));
}

static void run_close(connect_session *s, const char *args)
{
    unsigned long code = WSK_CLOSE_NORMAL;
    const char *reason = args;

    if (args[0] >= '0' && args[0] <= '9') {
        char *end;
        code = strtoul(args, &end, 10);
        if (code > 9999 || !wsk_close_code_is_valid((unsigned)code)) {
            connect_complain(s, "a close frame may have the codes 1000 to 1003, 1007 to 1014 and "
                                "3000 to 4999 (RFC 6455 7.4)");
            return;
        }
        reason = end + strspn(end, " \t");
    }
    if (strlen(reason) > 123) {
        connect_complain(s, "a close reason has room for 123 octets (RFC 6455 5.5)");
        return;
    }
    if (!wsk__utf8_is_valid(reason, strlen(reason))) {
        connect_complain(s, "a close reason is to be valid UTF-8 (RFC 6455 5.5.1)");
        return;
    }
    connect_leave(s, (unsigned)code, reason[0] != 0 ? reason : NULL, -1);
}

static void run_file(connect_session *s, const char *args)
{
    if (args[0] == 0)
        connect_complain(s, "/file wants a path");
    else if (!connect_is_open(s))
        connect_complain(s, "not connected");
    else
        connect_file_start(s, args);
}

static void run_kind(connect_session *s, connect_kind kind, const char *args, const char *words)
{
    if (args[0] != 0) {
        connect_send(s, kind, args, strlen(args));
        return;
    }
    s->kind = kind;
    connect_note(s, true, "lines are sent as %s", words);
}

static void run_text(connect_session *s, const char *args)
{
    run_kind(s, CONNECT_TEXT, args, "text");
}

static void run_binary(connect_session *s, const char *args)
{
    run_kind(s, CONNECT_BINARY, args, "binary");
}

static void run_hex(connect_session *s, const char *args)
{
    run_kind(s, CONNECT_HEX, args, "binary, typed in hexadecimal digits");
}

static void run_times(connect_session *s, const char *args)
{
    (void)args;
    s->times = !s->times;
    connect_note(s, true, "times are %s", s->times ? "shown" : "not shown");
}

static void run_sizes(connect_session *s, const char *args)
{
    (void)args;
    s->sizes = !s->sizes;
    connect_note(s, true, "sizes are %s", s->sizes ? "shown" : "not shown");
}

static void run_stats(connect_session *s, const char *args)
{
    (void)args;
    connect_show_stats(s);
}

static const command commands[] = {
    {"ping", "[TEXT]", "send a ping; its pong is shown with the time it took", run_ping},
    {"pong", "[TEXT]", "send a pong that nobody asked for", run_pong},
    {"close", "[CODE] [REASON]", "close the connection, with 1000 if no code is given", run_close},
    {"quit", "", "the same as /close", run_close},
    {"file", "PATH", "send a file as one message", run_file},
    {"text", "[TEXT]", "send lines, or this one, as text", run_text},
    {"binary", "[TEXT]", "send lines, or this one, as binary", run_binary},
    {"hex", "[DIGITS]", "send lines, or this one, as the octets that the digits say", run_hex},
    {"times", "", "show the times of messages, or hide them", run_times},
    {"sizes", "", "show their sizes, or hide them", run_sizes},
    {"stats", "", "show what the connection is and what passed", run_stats},
    {"help", "", "this list", run_help},
};

enum { N_COMMANDS = sizeof(commands) / sizeof(commands[0]) };

static void run_help(connect_session *s, const char *args)
{
    (void)args;
    for (size_t i = 0; i < N_COMMANDS; i++) {
        char left[40];
        snprintf(left, sizeof(left), "/%s %s", commands[i].name, commands[i].usage);
        connect_note(s, true, "%-24s %s", left, commands[i].help);
    }
    connect_note(s, true, "%-24s %s", "//...", "send a line that begins with a slash");
    connect_note(s, true, "%-24s %s", "Control-D, Control-C", "close with 1000 and leave");
}

static void unknown(connect_session *s, const char *name)
{
    const char *names[N_COMMANDS];

    for (size_t i = 0; i < N_COMMANDS; i++)
        names[i] = commands[i].name;
    const char *near = opt_nearest(name, names, N_COMMANDS);
    if (near != NULL)
        connect_complain(s, "there is no command /%s; did you mean /%s?", name, near);
    else
        connect_complain(s, "there is no command /%s; /help lists them, // sends a slash", name);
}

void connect_command_line(connect_session *s, const char *line, size_t n)
{
    char name[32];
    size_t len;

    if (n == 0)
        return;
    if (line[0] != '/' || line[1] == '/') {
        size_t skip = line[0] == '/' ? 1 : 0;
        connect_send(s, s->kind, line + skip, n - skip);
        return;
    }
    len = strcspn(line + 1, " \t");
    snprintf(name, sizeof(name), "%.*s", len < 31 ? (int)len : 31, line + 1);
    for (size_t i = 0; i < N_COMMANDS; i++) {
        if (strcmp(commands[i].name, name) == 0) {
            const char *args = line + 1 + len;
            commands[i].run(s, args + strspn(args, " \t"));
            return;
        }
    }
    unknown(s, name);
}
