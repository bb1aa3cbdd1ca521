/* SPDX-License-Identifier: MIT */
/* See serve_stderr.h. */
#include "serve_stderr.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "command.h"

enum {
    PIPE_PRESET = 65536,   /* octets, as the kernel makes them */
    PIPE_WANTED = 1 << 20, /* so that a burst of lines has room while its reader wakes up */
};

void serve_stderr_init(serve_stderr *e)
{
    struct stat st;

    memset(e, 0, sizeof(*e));
    e->fd = STDERR_FILENO;
    if (fstat(STDERR_FILENO, &st) < 0)
        return;
    e->socket = S_ISSOCK(st.st_mode);
    if (!S_ISFIFO(st.st_mode) && !isatty(STDERR_FILENO))
        return;
    /* Who made it smaller or larger meant it. */
    if (fcntl(STDERR_FILENO, F_GETPIPE_SZ) == PIPE_PRESET)
        (void)fcntl(STDERR_FILENO, F_SETPIPE_SZ, PIPE_WANTED);
    int fd = cli_open_unblocked(STDERR_FILENO);
    if (fd >= 0) {
        e->fd = fd;
        e->own = true;
    }
}

void serve_stderr_deinit(serve_stderr *e)
{
    if (e->own)
        close(e->fd);
    e->fd = STDERR_FILENO;
    e->own = false;
}

/* How many octets were taken; 0: none, whatever the reason. There is nobody to tell it to. */
static size_t write_some(const serve_stderr *e, const char *text, size_t n)
{
    struct pollfd fd = {e->fd, POLLOUT, 0};
    ssize_t r;

    if (e->socket) {
        r = send(e->fd, text, n, MSG_DONTWAIT | MSG_NOSIGNAL);
    } else {
        /* Where it could not be opened again: a pipe that polls as writable takes PIPE_BUF octets,
         * unless another process fills it in between. */
        if (!e->own && poll(&fd, 1, 0) == 0)
            return 0;
        r = write(e->fd, text, n);
    }
    return r > 0 ? (size_t)r : 0;
}

bool serve_stderr_put(serve_stderr *e, const char *text, size_t n)
{
    if (e->rest_len > 0) {
        size_t done = write_some(e, e->rest, e->rest_len);
        memmove(e->rest, e->rest + done, e->rest_len - done);
        e->rest_len -= done;
        if (e->rest_len > 0)
            return false;
    }
    size_t done = write_some(e, text, n);
    if (done == 0)
        return false;
    e->rest_len = n - done;
    memcpy(e->rest, text + done, e->rest_len);
    return true;
}
