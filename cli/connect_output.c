/* SPDX-License-Identifier: MIT */
/* See connect_output.h. */
#include "connect_output.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <unistd.h>

#include "command.h"

void connect_output_init(connect_output *o, int fd)
{
    /* A terminal that polls as writable may have room for less than it is given, and then waits. */
    int own = isatty(fd) ? cli_open_unblocked(fd) : -1;

    *o = (connect_output){.fd = own >= 0 ? own : fd, .own = own >= 0};
}

void connect_output_deinit(connect_output *o)
{
    if (o->own)
        close(o->fd);
    text_deinit(&o->queue);
}

void connect_output_put(connect_output *o, const void *text, size_t n)
{
    text_put_n(&o->queue, text, n);
    if (o->queue.failed) {
        text_clear(&o->queue);
        o->sent = 0;
    }
}

size_t connect_output_queued(const connect_output *o)
{
    return o->queue.len - o->sent;
}

/* O_NONBLOCK would change it for everyone who shares it, such as the shell. A pipe that polls
 * as writable takes PIPE_BUF octets without waiting; so do sockets and files. */
static bool write_some(connect_output *o)
{
    struct pollfd fd = {o->fd, POLLOUT, 0};
    size_t left = connect_output_queued(o);

    if (poll(&fd, 1, 0) <= 0 || fd.revents == 0)
        return false;
    ssize_t n = write(o->fd, o->queue.at + o->sent, left < PIPE_BUF ? left : PIPE_BUF);
    if (n < 0) {
        if (errno == EINTR)
            return true;
        if (errno != EAGAIN)
            o->error = errno;
        return false;
    }
    o->sent += (size_t)n;
    return true;
}

void connect_output_flush(connect_output *o)
{
    while (o->error == 0 && connect_output_queued(o) > 0) {
        if (!write_some(o))
            break;
    }
    if (o->error != 0 || connect_output_queued(o) == 0) {
        text_clear(&o->queue);
        o->sent = 0;
    } else if (o->sent >= CONNECT_OUTPUT_HIGH) {
        text_drop(&o->queue, o->sent);
        o->sent = 0;
    }
}
