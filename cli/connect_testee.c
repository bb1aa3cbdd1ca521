/* SPDX-License-Identifier: MIT */
/*
 * "websock connect --testee": our client as the one that a fuzzing server judges. Asks how many
 * cases there are, runs each on a connection of its own as an echo, and asks for the report.
 */
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
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
    wsk_timer *deadline; /* --timeout; then the time for what stderr has not taken */
    int signal_fd;
    int leaving;        /* exit code of who ends it ahead of time; 0: nobody */
    bool over;          /* but for what stderr has not taken */
    bool hard_stop;     /* leave at once */
    connect_output err; /* stderr */
} testee;

/* ----------------------------------------------------------------------------- what is told -- */

static void say(testee *t, const char *fmt, ...) WSK_PRINTF(2, 3);

static void say(testee *t, const char *fmt, ...)
{
    char line[2048];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(line, sizeof(line), fmt, ap);
    va_end(ap);
    text_put(&t->err.queue, t->progress ? "\r\033[Kwebsock connect: " : "websock connect: ");
    text_put_safe(&t->err.queue, line, strlen(line), NULL);
    text_put(&t->err.queue, "\n");
    connect_output_flush(&t->err);
}

static void show_progress(testee *t)
{
    if (!t->progress || connect_output_queued(&t->err) > 0)
        return;
    if (t->step == RUNNING)
        text_putf(&t->err.queue, "\r\033[K%u of %u", t->at, t->count);
    else
        text_put(&t->err.queue, "\r\033[K");
    connect_output_flush(&t->err);
}

/* ------------------------------------------------------------------------- before it is over -- */

static void leave(testee *t, int code)
{
    if (t->leaving == 0)
        t->leaving = code;
    int r = wsk_client_close(t->client, WSK_CLOSE_GOING_AWAY, NULL);
    if (r < 0 && r != WSK_ERR_STATE)
        wsk_client_drop(t->client);
}

static void on_deadline(void *ud)
{
    testee *t = ud;

    if (t->leaving != 0 || t->over) {
        t->hard_stop = true;
        return;
    }
    say(t, "the time of --timeout is over");
    leave(t, CONNECT_EXIT_TIMEOUT);
}

static void take_signal(testee *t)
{
    struct signalfd_siginfo info;

    if (read(t->signal_fd, &info, sizeof(info)) != (ssize_t)sizeof(info))
        return;
    if (t->leaving != 0 || t->over) {
        t->leaving = CONNECT_EXIT_INTERRUPTED;
        t->hard_stop = true;
    } else {
        leave(t, CONNECT_EXIT_INTERRUPTED);
    }
}

/* ------------------------------------------------------------------------------ connections -- */

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

static void on_fail(wsk_client *c, wsk_fail kind, unsigned status, const char *text)
{
    testee *t = testee_of(c);
    text_buf why = {0};

    (void)status;
    t->failed = t->ended = true;
    if (kind == WSK_FAIL_CANCELLED) /* by us, who said why */
        return;
    connect_put_failure(&why, c, kind, text);
    if (t->step == RUNNING)
        say(t, "case %u: %s", t->at, why.failed ? "out of memory" : why.at);
    else
        say(t, "%s", why.failed ? "out of memory" : why.at);
    text_deinit(&why);
}

/* Waits until something happens. */
static void turn(testee *t)
{
    struct pollfd fds[] = {
        {wsk_loop_fd(t->loop), POLLIN, 0},
        {t->signal_fd, POLLIN, 0},
        {connect_output_queued(&t->err) > 0 ? t->err.fd : -1, POLLOUT, 0},
    };

    if ((poll(fds, 3, wsk_loop_timeout(t->loop)) < 0 && errno != EINTR) ||
        wsk_loop_turn(t->loop, 0) < 0) {
        say(t, "the loop failed: %s", strerror(errno));
        t->failed = t->hard_stop = true;
        return;
    }
    if (fds[1].revents != 0)
        take_signal(t);
    connect_output_flush(&t->err);
}

/* A connection from its begin to its end. False if it could not be opened, or was ended by us. */
static bool visit(testee *t, const char *url)
{
    t->failed = t->ended = false;
    int r = wsk_client_connect(t->client, url);
    if (r < 0) {
        const char *text = wsk_client_text(t->client);
        say(t, "%s", text[0] != 0 ? text : wsk_strerror(r));
        t->failed = true;
        return false;
    }
    while (!t->ended && !t->failed && !t->hard_stop)
        turn(t);
    return !t->failed && t->leaving == 0 && !t->hard_stop;
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
        say(t, "out of memory");
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
        say(t, "%s names no number of cases", t->base);
        goto out;
    }
    t->step = RUNNING;
    for (t->at = 1; t->at <= t->count; t->at++) {
        show_progress(t);
        if (!visit_path(t, &url, "/runCase?", t->at))
            t->missed++;
        if (t->leaving != 0 || t->hard_stop)
            goto out;
    }
    t->step = REPORTING;
    show_progress(t);
    good = visit_path(t, &url, "/updateReports?", 0) && t->missed == 0;
    if (!t->set->quiet)
        printf("%u cases were run as %s, %u could not be\n", t->count - t->missed, t->agent,
               t->missed);
out:
    text_deinit(&url);
    return good;
}

/* False after a message, and *ret is the exit code. */
static bool set_up(testee *t, int *ret)
{
    wsk_client_handlers h = WSK_CLIENT_HANDLERS_INIT;

    h.on_message = on_message;
    h.on_close = on_close;
    h.on_fail = on_fail;
    *ret = CLI_EXIT_FAILURE;
    if (!connect_loop_new(&t->loop, t->set))
        return false;
    if (wsk_timer_new(&t->deadline, t->loop, on_deadline, t) < 0) {
        cli_error("connect", "cannot start: %s", strerror(errno));
        return false;
    }
    *ret = CLI_EXIT_USAGE;
    if (!connect_client_new(&t->client, t->loop, t->set, &h, 0, t))
        return false;
    t->signal_fd = connect_take_signals(false);
    if (t->signal_fd >= 0)
        return true;
    cli_error("connect", "cannot start: %s", strerror(errno));
    *ret = CLI_EXIT_FAILURE;
    return false;
}

static int run(testee *t)
{
    const uint32_t timeout = t->set->timeout;

    if (timeout > 0 && timeout != WSK_NEVER)
        wsk_timer_set(t->deadline, timeout);
    int code = run_cases(t) ? EXIT_SUCCESS : CLI_EXIT_FAILURE;
    t->over = true;
    if (t->leaving != 0)
        wsk_timer_set(t->deadline, CONNECT_LAST_WORDS_MS);
    while (!t->hard_stop && connect_output_queued(&t->err) > 0)
        turn(t);
    return t->leaving != 0 ? t->leaving : code;
}

int connect_testee_run(const connect_settings *set, const char *operand)
{
    testee t = {.set = set, .agent = set->agent != NULL ? set->agent : "websock", .signal_fd = -1};
    text_buf base = {0};
    int code = CLI_EXIT_FAILURE;

    connect_output_init(&t.err, STDERR_FILENO);
    t.progress = isatty(STDERR_FILENO) && !set->quiet;
    connect_put_url(&base, set, operand);
    if (base.failed) {
        cli_error("connect", "out of memory");
    } else if (set_up(&t, &code)) {
        for (size_t n = strlen(base.at); n > 0 && base.at[n - 1] == '/'; n--)
            base.at[n - 1] = 0;
        t.base = base.at;
        code = run(&t);
    }
    wsk_client_free(t.client);
    wsk_timer_free(t.deadline);
    wsk_loop_free(t.loop);
    if (t.signal_fd >= 0)
        close(t.signal_fd);
    connect_output_deinit(&t.err);
    text_deinit(&base);
    return code;
}
