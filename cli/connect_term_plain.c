/* SPDX-License-Identifier: MIT */
/* The terminal of "websock connect" in a build without libedit: lines as the kernel edits them. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "connect.h"

struct connect_term {
    connect_session *s;
    text_buf line;
};

connect_term *connect_term_new(connect_session *s)
{
    connect_term *t = calloc(1, sizeof(*t));

    if (t != NULL)
        t->s = s;
    return t;
}

void connect_term_free(connect_term *t)
{
    if (t == NULL)
        return;
    text_deinit(&t->line);
    free(t);
}

void connect_term_run(connect_term *t)
{
    connect_session *s = t->s;
    char piece[4096];

    while (!s->over) {
        if (!connect_turn(s, connect_is_open(s)))
            continue;
        ssize_t n = read(STDIN_FILENO, piece, sizeof(piece));
        if (n <= 0) {
            connect_leave(s, WSK_CLOSE_NORMAL, NULL, -1);
            while (!s->over)
                connect_turn(s, false);
            return;
        }
        text_put_n(&t->line, piece, (size_t)n);
        if (t->line.failed || t->line.len == 0 || t->line.at[t->line.len - 1] != '\n')
            continue;
        t->line.at[t->line.len - 1] = 0;
        connect_command_line(s, t->line.at, t->line.len - 1);
        text_clear(&t->line);
    }
}

void connect_term_hide(connect_term *t)
{
    (void)t;
}

void connect_term_show(connect_term *t)
{
    (void)t;
}

void connect_term_resize(connect_term *t)
{
    (void)t;
}

void connect_term_suspend(connect_term *t, bool suspended)
{
    (void)t;
    (void)suspended;
}
