/* SPDX-License-Identifier: MIT */
/*
 * The session of "websock connect": one client, its loop, the signals, and how it all ends. What is
 * shown and what is read are other files' business.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "command.h"
#include "connect.h"

static connect_session *session_of(const wsk_client *c)
{
    return wsk_client_data(c);
}

bool connect_is_open(const connect_session *s)
{
    return s->client != NULL && wsk_client_stage(s->client) == WSK_STAGE_OPEN;
}

/* ----------------------------------------------------------------------------- the end -- */

static void finish(connect_session *s, int code)
{
    s->exit_code = s->forced >= 0 ? s->forced : code;
    s->over = true;
}

void connect_leave(connect_session *s, unsigned code, const char *reason, int forced)
{
    if (s->forced < 0)
        s->forced = forced;
    if (s->closing || s->over)
        return;
    s->closing = true;
    s->own_code = code;
    wsk_stage stage = wsk_client_stage(s->client);
    int r = wsk_client_close(s->client, code, reason);
    if (r < 0 && r != WSK_ERR_STATE)
        wsk_client_drop(s->client);
    /* While it waits for its next attempt, nothing is called. */
    if (stage == WSK_STAGE_WAITING || stage == WSK_STAGE_IDLE)
        finish(s, CLI_EXIT_FAILURE);
}

static void on_deadline(void *ud)
{
    connect_session *s = ud;

    if (s->over) { /* what is left is a reader of stdout that does not read */
        s->hard_stop = true;
        return;
    }
    if (s->forced < 0)
        connect_complain(s, "the time of --timeout is over");
    connect_leave(s, WSK_CLOSE_NORMAL, NULL, CONNECT_EXIT_TIMEOUT);
}

static void on_silence(void *ud)
{
    connect_input_silence(ud);
}

/* ---------------------------------------------------------------------------- handlers -- */

static void on_open(wsk_client *c)
{
    connect_session *s = session_of(c);

    s->opened_at = s->last_activity = wsk_loop_now(s->loop);
    text_clear(&s->message);
    connect_show_open(s);
}

static void received(connect_session *s)
{
    s->received++;
    if (s->set->count > 0 && s->received >= s->set->count)
        connect_leave(s, s->set->close_code != 0 ? s->set->close_code : WSK_CLOSE_NORMAL,
                      s->set->close_reason, EXIT_SUCCESS);
}

static void on_data(wsk_client *c, wsk_opcode op, uint8_t *data, size_t len, bool first, bool last)
{
    connect_session *s = session_of(c);

    s->last_activity = wsk_loop_now(s->loop);
    /* Once left, nobody waits for more. */
    if (s->closing && s->forced >= 0)
        return;
    if (s->set->whole && !s->to_terminal) {
        text_put_n(&s->out.queue, data, len);
        if (last)
            received(s);
        return;
    }
    if (first && last) {
        connect_show_message(s, op, data, len);
        received(s);
        return;
    }
    if (first)
        text_clear(&s->message);
    text_put_n(&s->message, data, len);
    if (!last)
        return;
    if (s->message.failed) {
        connect_complain(s, "out of memory");
        connect_leave(s, WSK_CLOSE_INTERNAL_ERROR, NULL, CLI_EXIT_FAILURE);
        return;
    }
    connect_show_message(s, op, (const uint8_t *)s->message.at, s->message.len);
    text_clear(&s->message);
    received(s);
}

static void on_ping(wsk_client *c, const uint8_t *data, size_t len)
{
    connect_show_control(session_of(c), WSK_OP_PING, data, len);
}

static void on_pong(wsk_client *c, const uint8_t *data, size_t len)
{
    connect_show_control(session_of(c), WSK_OP_PONG, data, len);
}

/* Whether a script should hear of it. */
static bool is_good_end(const connect_session *s, unsigned code)
{
    return code == WSK_CLOSE_NORMAL || code == WSK_CLOSE_GOING_AWAY ||
           code == WSK_CLOSE_NO_STATUS || (s->closing && code == s->own_code);
}

static void on_close(wsk_client *c, unsigned code, const char *reason, const char *text)
{
    connect_session *s = session_of(c);
    bool last = wsk_client_stage(c) == WSK_STAGE_IDLE, good = is_good_end(s, code);

    s->ping_waits = false;
    connect_show_close(s, code, reason, text, last && !good && s->forced < 0);
    connect_file_abandon(s);
    if (last)
        finish(s, good ? EXIT_SUCCESS : CONNECT_EXIT_CLOSED);
}

static void on_fail(wsk_client *c, wsk_fail kind, unsigned status, const char *text)
{
    connect_session *s = session_of(c);
    bool last = wsk_client_stage(c) == WSK_STAGE_IDLE;

    if (kind != WSK_FAIL_CANCELLED)
        connect_show_fail(s, kind, status, text, last);
    if (last)
        finish(s, kind == WSK_FAIL_TIMEOUT ? CONNECT_EXIT_TIMEOUT : CLI_EXIT_FAILURE);
}

static void on_retry(wsk_client *c, unsigned attempt, uint32_t delay_ms)
{
    connect_session *s = session_of(c);

    if (s->wirelog != NULL)
        connect_wirelog_reset(s->wirelog);
    connect_show_retry(s, attempt, delay_ms);
}

static int on_redirect(wsk_client *c, unsigned status, const char *url)
{
    connect_session *s = session_of(c);

    if (s->wirelog != NULL)
        connect_wirelog_reset(s->wirelog);
    connect_show_redirect(s, status, url);
    return 0;
}

static void on_wire(wsk_client *c, bool sent, const uint8_t *data, size_t len)
{
    connect_wirelog_octets(session_of(c)->wirelog, sent, data, len);
}

/* ----------------------------------------------------------------------------- signals -- */

int connect_take_signals(bool of_terminal)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    if (!cli_is_ignored(SIGHUP))
        sigaddset(&set, SIGHUP);
    if (of_terminal) {
        sigaddset(&set, SIGQUIT);
        sigaddset(&set, SIGWINCH);
        sigaddset(&set, SIGTSTP);
    }
    if (sigprocmask(SIG_BLOCK, &set, NULL) != 0)
        return -1;
    signal(SIGPIPE, SIG_IGN);
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void stop_for_the_shell(connect_session *s)
{
    sigset_t set, old;

    if (s->term != NULL)
        connect_term_suspend(s->term, true);
    sigemptyset(&set);
    sigaddset(&set, SIGTSTP);
    sigprocmask(SIG_UNBLOCK, &set, &old);
    raise(SIGTSTP);
    sigprocmask(SIG_SETMASK, &old, NULL);
    if (s->term != NULL)
        connect_term_suspend(s->term, false);
}

static void take_signal(connect_session *s)
{
    struct signalfd_siginfo info;

    if (read(s->signal_fd, &info, sizeof(info)) != (ssize_t)sizeof(info))
        return;
    if (info.ssi_signo == SIGWINCH) {
        if (s->term != NULL)
            connect_term_resize(s->term);
        return;
    }
    if (info.ssi_signo == SIGTSTP) {
        stop_for_the_shell(s);
        return;
    }
    if (++s->signals > 1 || s->over) {
        s->forced = CONNECT_EXIT_INTERRUPTED;
        s->exit_code = CONNECT_EXIT_INTERRUPTED;
        s->over = s->hard_stop = true;
        return;
    }
    bool was_open = connect_is_open(s);
    bool by_key = info.ssi_signo == SIGINT || info.ssi_signo == SIGQUIT;
    connect_leave(s, by_key ? WSK_CLOSE_NORMAL : WSK_CLOSE_GOING_AWAY, NULL,
                  was_open || s->closing ? EXIT_SUCCESS : CONNECT_EXIT_INTERRUPTED);
}

/* -------------------------------------------------------------------------------- loop -- */

static void write_output(connect_session *s)
{
    if (s->out.queue.failed) {
        connect_complain(s, "out of memory");
        text_clear(&s->out.queue);
        s->out.sent = 0;
        connect_leave(s, WSK_CLOSE_INTERNAL_ERROR, NULL, CLI_EXIT_FAILURE);
    }
    connect_output_flush(&s->out);
    /* When a terminal goes, so does who could be told. */
    if (s->out.error != 0 && !s->interactive && s->forced != CLI_EXIT_FAILURE) {
        /* A reader that has seen enough, as head(1), is no news. */
        if (s->out.error != EPIPE)
            connect_complain(s, "cannot write to stdout: %s", strerror(s->out.error));
        s->forced = CLI_EXIT_FAILURE;
        if (s->over)
            s->exit_code = CLI_EXIT_FAILURE;
        connect_leave(s, WSK_CLOSE_GOING_AWAY, NULL, CLI_EXIT_FAILURE);
    }
    connect_output_flush(&s->err);
    size_t waits = connect_output_queued(&s->out), told = connect_output_queued(&s->err);
    waits = waits > told ? waits : told;
    if (s->paused ? waits < CONNECT_OUTPUT_LOW : waits > CONNECT_OUTPUT_HIGH) {
        s->paused = !s->paused;
        wsk_client_pause(s->client, s->paused);
    }
}

bool connect_turn(connect_session *s, bool want_stdin)
{
    struct pollfd fds[6];
    nfds_t n = 0;
    int stdin_at = -1, file_at = -1;
    const bool was_over = s->over;

    if (s->term != NULL)
        connect_term_show(s->term);
    /* For what goes out here nobody will wake us: reading goes on, if it had stopped for that, and
     * who waits for the last of it waits no more. */
    write_output(s);
    const bool is_told = connect_output_queued(&s->out) + connect_output_queued(&s->err) == 0;
    const int wait = s->over && (!was_over || is_told) ? 0 : wsk_loop_timeout(s->loop);
    fds[n++] = (struct pollfd){wsk_loop_fd(s->loop), POLLIN, 0};
    fds[n++] = (struct pollfd){s->signal_fd, POLLIN, 0};
    fds[n++] = (struct pollfd){connect_output_queued(&s->out) > 0 ? s->out.fd : -1, POLLOUT, 0};
    fds[n++] = (struct pollfd){connect_output_queued(&s->err) > 0 ? s->err.fd : -1, POLLOUT, 0};
    if (want_stdin) {
        stdin_at = (int)n;
        fds[n++] = (struct pollfd){STDIN_FILENO, POLLIN, 0};
    }
    if (s->file.fd > STDIN_FILENO && connect_has_room(s)) {
        file_at = (int)n;
        fds[n++] = (struct pollfd){s->file.fd, POLLIN, 0};
    }
    if (poll(fds, n, wait) < 0 && errno != EINTR) {
        connect_complain(s, "poll: %s", strerror(errno));
        s->exit_code = CLI_EXIT_FAILURE;
        s->over = s->hard_stop = true;
        return false;
    }
    if (wsk_loop_turn(s->loop, 0) < 0) {
        connect_complain(s, "the loop failed: %s", strerror(errno));
        s->exit_code = CLI_EXIT_FAILURE;
        s->over = s->hard_stop = true;
        return false;
    }
    if (fds[1].revents != 0)
        take_signal(s);
    if (file_at >= 0 && fds[file_at].revents != 0)
        connect_file_pump(s, true);
    write_output(s);
    return stdin_at >= 0 && fds[stdin_at].revents != 0;
}

static void run_script(connect_session *s)
{
    while (!s->over) {
        bool readable = connect_turn(s, connect_input_wanted(s));
        if (!s->over)
            connect_input_pump(s, readable);
    }
}

/* What stdout and stderr have not yet taken; a signal or --timeout ends that, too. Where one of
 * these was why it ended, words to stderr or to a person are not waited for much longer, nor is
 * stdout when the time is over. */
static void run_end(connect_session *s)
{
    const bool late = s->forced == CONNECT_EXIT_TIMEOUT || (s->interactive && s->signals > 0);

    if (late)
        wsk_timer_set(s->deadline, CONNECT_LAST_WORDS_MS);
    while (!s->hard_stop && s->out.error == 0 && connect_output_queued(&s->out) > 0)
        connect_turn(s, false);
    if (s->signals > 0 && !late)
        wsk_timer_set(s->deadline, CONNECT_LAST_WORDS_MS);
    while (!s->hard_stop && connect_output_queued(&s->err) > 0)
        connect_turn(s, false);
}

/* ------------------------------------------------------------------------------- begin -- */

static bool is_same(int a, int b)
{
    struct stat sa, sb;

    return fstat(a, &sa) == 0 && fstat(b, &sb) == 0 && sa.st_dev == sb.st_dev &&
           sa.st_ino == sb.st_ino;
}

static bool session_init(connect_session *s, const connect_settings *set)
{
    wsk_client_handlers h = WSK_CLIENT_HANDLERS_INIT;
    const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");

    s->to_terminal = isatty(STDOUT_FILENO);
    s->interactive = isatty(STDIN_FILENO) && s->to_terminal && !set->json && !set->null &&
                     !set->whole;
    if (s->interactive && is_same(STDOUT_FILENO, STDERR_FILENO))
        s->told = &s->out;
    s->signal_fd = connect_take_signals(s->interactive);
    if (s->signal_fd >= 0 && !connect_loop_new(&s->loop, set))
        return false;
    if (s->signal_fd < 0 || wsk_timer_new(&s->deadline, s->loop, on_deadline, s) < 0 ||
        wsk_timer_new(&s->silence, s->loop, on_silence, s) < 0) {
        cli_error("connect", "cannot start: %s", strerror(errno));
        return false;
    }
    s->colours = s->to_terminal && (no_color == NULL || no_color[0] == 0) && term != NULL &&
                 strcmp(term, "dumb") != 0;
    if (set->wirelog || set->verbose) {
        s->wirelog = connect_wirelog_new(s);
        if (s->wirelog == NULL) {
            cli_error("connect", "out of memory");
            return false;
        }
        h.on_wire = on_wire;
    }
    h.on_open = on_open;
    h.on_data = on_data;
    h.on_ping = on_ping;
    h.on_pong = on_pong;
    h.on_close = on_close;
    h.on_fail = on_fail;
    h.on_retry = on_retry;
    h.on_redirect = on_redirect;
    s->exit_code = CLI_EXIT_USAGE;
    return connect_client_new(&s->client, s->loop, set, &h, WSK_CONN_STREAM, s);
}

static bool begin(connect_session *s, const char *url)
{
    int r = wsk_client_connect(s->client, url);

    if (r == WSK_ERR_URL) {
        text_buf why = {0};
        const char *text = wsk_client_text(s->client);
        text_put_safe(&why, text, strlen(text), NULL);
        cli_error("connect", "%.*s", (int)why.len, why.at != NULL ? why.at : "");
        text_deinit(&why);
        s->exit_code = CLI_EXIT_USAGE;
    } else if (r < 0) { /* as with a proxy of the environment that is none */
        const char *text = wsk_client_text(s->client);
        connect_show_fail(s, r == WSK_ERR_INVAL ? WSK_FAIL_PROXY : WSK_FAIL_INTERNAL, 0,
                          text[0] != 0 ? text : wsk_strerror(r), true);
        s->exit_code = CLI_EXIT_FAILURE;
    }
    if (s->set->timeout > 0 && s->set->timeout != WSK_NEVER)
        wsk_timer_set(s->deadline, s->set->timeout);
    return r == WSK_OK;
}

static void session_deinit(connect_session *s)
{
    if (s->file.fd > STDIN_FILENO)
        close(s->file.fd);
    connect_term_free(s->term);
    wsk_client_free(s->client);
    wsk_timer_free(s->deadline);
    wsk_timer_free(s->silence);
    wsk_loop_free(s->loop);
    connect_wirelog_free(s->wirelog);
    text_deinit(&s->input);
    text_deinit(&s->message);
    connect_output_deinit(&s->out);
    connect_output_deinit(&s->err);
    if (s->signal_fd >= 0)
        close(s->signal_fd);
}

static void run(connect_session *s)
{
    s->exit_code = EXIT_SUCCESS;
    if (!s->interactive) {
        run_script(s);
        return;
    }
    s->term = connect_term_new(s);
    if (s->term != NULL) {
        connect_term_run(s->term);
    } else {
        connect_complain(s, "out of memory");
        s->exit_code = CLI_EXIT_FAILURE;
    }
}

int connect_session_run(const connect_settings *set, const char *url)
{
    connect_session s = {.set = set, .signal_fd = -1, .forced = -1};
    text_buf full = {0}, safe = {0};

    s.exit_code = CLI_EXIT_FAILURE;
    s.file.fd = -1;
    s.file.carry = -1;
    connect_output_init(&s.out, STDOUT_FILENO);
    connect_output_init(&s.err, STDERR_FILENO);
    s.told = &s.err;
    s.kind = set->hex ? CONNECT_HEX : set->binary ? CONNECT_BINARY : CONNECT_TEXT;
    s.times = set->times;
    s.sizes = set->sizes;
    connect_put_url(&full, set, url);
    text_put_safe(&safe, url, strlen(url), NULL);
    text_put_n(&safe, "", 1);
    s.url = safe.at;
    if (full.failed || safe.failed) {
        cli_error("connect", "out of memory");
    } else if (session_init(&s, set)) {
        if (begin(&s, full.at))
            run(&s);
        run_end(&s);
    }
    session_deinit(&s);
    text_deinit(&full);
    text_deinit(&safe);
    return s.exit_code;
}
