/* SPDX-License-Identifier: MIT */
/*
 * The terminal of "websock connect" with libedit: history, editing, and an edit line that steps
 * aside while something is printed. What libedit prints waits with the rest of the output, so that
 * a terminal that was stopped stops nothing else.
 *
 * libedit waits for characters by a function of ours, which turns the session's loop meanwhile. So
 * the loop goes on in the middle of an escape sequence, and el_gets() returns when the session
 * ends.
 */
#include <errno.h>
#include <histedit.h>
#include <langinfo.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>
#include <wchar.h>

#include "connect.h"

enum { HISTORY = 1000 };

struct connect_term {
    connect_session *s;
    EditLine *edit;
    FILE *out; /* ends in the output of the session */
    History *history;
    mbstate_t shift;
    bool active; /* the edit line is on the screen or hidden by us */
    bool hidden;
    bool ansi; /* the terminal knows the sequences below */
    struct termios original;
    struct termios before_stop; /* of our own */
};

static connect_term *term_of(EditLine *edit)
{
    void *t = NULL;

    el_get(edit, EL_CLIENTDATA, &t);
    return t;
}

static char *prompt(EditLine *edit)
{
    static char text[] = "> ", binary[] = "binary> ", hex[] = "hex> ";
    connect_kind kind = term_of(edit)->s->kind;

    return kind == CONNECT_HEX ? hex : kind == CONNECT_BINARY ? binary : text;
}

/* libedit's way to a character: 1 if *ret is one, 0 at the end. */
static int next_char(EditLine *edit, wchar_t *ret)
{
    connect_term *t = term_of(edit);

    t->active = true;
    for (;;) {
        char octet;
        while (!t->s->over && !connect_turn(t->s, true))
            ;
        if (t->s->over) {
            connect_term_hide(t);
            return 0;
        }
        /* The round may have printed something: libedit draws the character where it thinks that
         * the line is. */
        connect_term_show(t);
        ssize_t n = read(STDIN_FILENO, &octet, 1);
        if (n < 0 && (errno == EINTR || errno == EAGAIN))
            continue;
        if (n <= 0)
            return 0;
        size_t used = mbrtowc(ret, &octet, 1, &t->shift);
        if (used == (size_t)-2)
            continue;
        if (used == (size_t)-1) { /* no character of this locale: not worth a complaint */
            memset(&t->shift, 0, sizeof(t->shift));
            continue;
        }
        return 1;
    }
}

/* What is typed is UTF-8, whatever the locale says of messages and numbers. */
static void set_locale(void)
{
    if (setlocale(LC_CTYPE, "") == NULL || strcmp(nl_langinfo(CODESET), "UTF-8") != 0)
        setlocale(LC_CTYPE, "C.UTF-8");
}

static ssize_t put(void *cookie, const char *text, size_t n)
{
    connect_session *s = cookie;

    connect_output_put(&s->out, text, n);
    return (ssize_t)n;
}

connect_term *connect_term_new(connect_session *s)
{
    connect_term *t = calloc(1, sizeof(*t));
    const char *name = getenv("TERM");
    HistEvent ev;

    if (t == NULL)
        return NULL;
    t->s = s;
    t->ansi = name != NULL && strcmp(name, "dumb") != 0 && name[0] != 0;
    set_locale();
    tcgetattr(STDIN_FILENO, &t->original);
    t->history = history_init();
    t->out = fopencookie(s, "w", (cookie_io_functions_t){.write = put});
    if (t->out != NULL) {
        setvbuf(t->out, NULL, _IONBF, 0); /* what others print comes behind it */
        t->edit = el_init_fd("websock", stdin, t->out, stderr, STDIN_FILENO, STDOUT_FILENO,
                             STDERR_FILENO);
    }
    if (t->history == NULL || t->edit == NULL) {
        connect_term_free(t);
        return NULL;
    }
    history(t->history, &ev, H_SETSIZE, HISTORY);
    history(t->history, &ev, H_SETUNIQUE, 1);
    if (s->set->history != NULL)
        history(t->history, &ev, H_LOAD, s->set->history); /* the first time there is none */
    el_set(t->edit, EL_CLIENTDATA, t);
    el_set(t->edit, EL_PROMPT, prompt);
    el_set(t->edit, EL_EDITOR, "emacs");
    el_set(t->edit, EL_SIGNAL, 0);
    el_set(t->edit, EL_HIST, history, t->history);
    el_set(t->edit, EL_BIND, "^R", "em-inc-search-prev", NULL);
    el_set(t->edit, EL_GETCFN, next_char);
    /* Between two lines libedit would have the kernel edit and echo: what is typed or pasted then
     * would stand on the screen twice. */
    el_set(t->edit, EL_SETTY, "-x", "-echo", "-icanon", NULL);
    el_source(t->edit, NULL);
    return t;
}

void connect_term_free(connect_term *t)
{
    if (t == NULL)
        return;
    if (t->edit != NULL)
        el_end(t->edit);
    if (t->history != NULL)
        history_end(t->history);
    if (t->out != NULL)
        fclose(t->out);
    connect_output_flush(&t->s->out);
    free(t);
}

static void save_history(connect_term *t)
{
    HistEvent ev;
    mode_t old;

    if (t->s->set->history == NULL)
        return;
    old = umask(077); /* what one types may be secret */
    if (history(t->history, &ev, H_SAVE, t->s->set->history) < 0)
        connect_complain(t->s, "%s: the history could not be written", t->s->set->history);
    umask(old);
}

static void take_line(connect_term *t, const char *line, size_t n)
{
    HistEvent ev;
    char *copy;

    while (n > 0 && (line[n - 1] == '\n' || line[n - 1] == '\r'))
        n--;
    copy = strndup(line, n);
    if (copy == NULL) {
        connect_complain(t->s, "out of memory");
        return;
    }
    if (n > 0)
        history(t->history, &ev, H_ENTER, copy);
    connect_command_line(t->s, copy, strlen(copy));
    free(copy);
}

void connect_term_run(connect_term *t)
{
    connect_session *s = t->s;

    /* No prompt before there is someone to talk to. */
    while (!s->over && !connect_is_open(s))
        connect_turn(s, false);
    while (!s->over && !s->closing) {
        int n = 0;
        const char *line = el_gets(t->edit, &n);
        t->active = t->hidden = false;
        if (line != NULL && n > 0) {
            take_line(t, line, strlen(line));
        } else {
            if (!s->over) {
                fputs("\r\n", t->out);
                connect_leave(s, WSK_CLOSE_NORMAL, NULL, -1);
            }
        }
    }
    while (!s->over)
        connect_turn(s, false);
    save_history(t);
}

/* -------------------------------------------------------------------- the line on screen -- */

static size_t columns_of(void)
{
    struct winsize w;

    return ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_col > 0 ? w.ws_col : 80;
}

/* Rows between the begin of the prompt and the cursor. */
static size_t cursor_row(connect_term *t)
{
    const LineInfo *line = el_line(t->edit);
    size_t columns = columns_of(), at = strlen(prompt(t->edit)), row = 0;
    mbstate_t shift = {0};

    for (const char *p = line->buffer; p < line->cursor;) {
        wchar_t c;
        size_t used = mbrtowc(&c, p, (size_t)(line->cursor - p), &shift);
        if (used == 0 || used > (size_t)-3)
            break;
        p += used;
        int width = c == L'\t' ? 8 - (int)(at % 8) : c < 0x20 || c == 0x7f ? 2 : wcwidth(c);
        width = width < 0 ? 0 : width;
        if (at + (size_t)width > columns) { /* a wide character does not straddle the edge */
            row++;
            at = 0;
        }
        at += (size_t)width;
        if (at == columns) {
            row++;
            at = 0;
        }
    }
    return row;
}

void connect_term_hide(connect_term *t)
{
    if (!t->active || t->hidden)
        return;
    t->hidden = true;
    if (t->ansi) {
        size_t row = cursor_row(t);
        if (row > 0)
            fprintf(t->out, "\033[%zuA", row);
        fputs("\r\033[J", t->out);
    } else {
        fputs("\r\n", t->out);
    }
}

void connect_term_show(connect_term *t)
{
    if (!t->active || !t->hidden)
        return;
    t->hidden = false;
    el_set(t->edit, EL_REFRESH);
}

void connect_term_resize(connect_term *t)
{
    el_resize(t->edit);
}

void connect_term_suspend(connect_term *t, bool suspended)
{
    /* Between two lines, while it connects and while it closes libedit has set modes, too, but
     * knows nothing of them: those are kept here. */
    if (suspended) {
        tcgetattr(STDIN_FILENO, &t->before_stop);
        if (t->active) {
            el_set(t->edit, EL_PREP_TERM, 0);
            fputs("\r\n", t->out);
        }
        connect_output_flush(&t->s->out);
        tcsetattr(STDIN_FILENO, TCSADRAIN, &t->original);
    } else if (t->active) {
        el_set(t->edit, EL_PREP_TERM, 1);
        t->hidden = true;
        connect_term_show(t);
    } else {
        tcsetattr(STDIN_FILENO, TCSADRAIN, &t->before_stop);
    }
}
