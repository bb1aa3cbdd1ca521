/* SPDX-License-Identifier: MIT */
/*
 * stderr without waiting for who reads it: a pipe that is full and a terminal that was stopped take
 * nothing, and a thread that waited for them would serve nobody. Knows nothing of lines or levels.
 * One thread at a time.
 */
#ifndef CLI_SERVE_STDERR_H
#define CLI_SERVE_STDERR_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

typedef struct serve_stderr {
    int fd;
    bool own;            /* fd is ours and does not block */
    bool socket;         /* it is told so with each call */
    char rest[PIPE_BUF]; /* of a text that went out in part */
    size_t rest_len;
} serve_stderr;

void serve_stderr_init(serve_stderr *e);
void serve_stderr_deinit(serve_stderr *e);
/* All of it, behind what is left of the last one, or nothing: then false. At most PIPE_BUF. */
bool serve_stderr_put(serve_stderr *e, const char *text, size_t n);

#endif
