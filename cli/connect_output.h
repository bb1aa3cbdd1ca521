/* SPDX-License-Identifier: MIT */
/*
 * stdout and stderr of "websock connect": what they have no room for waits here, so that a slow
 * reader, or a terminal that was stopped, neither stops the loop nor makes it hold more than a
 * little. Knows nothing of connections.
 */
#ifndef CLI_CONNECT_OUTPUT_H
#define CLI_CONNECT_OUTPUT_H

#include "connect_text.h"

/* Octets waiting from which on the connection is not read from, and below which it is again. */
#define CONNECT_OUTPUT_HIGH ((size_t)1024 * 1024)
#define CONNECT_OUTPUT_LOW  ((size_t)256 * 1024)

typedef struct connect_output {
    int fd;
    bool own; /* fd is ours and does not block */
    text_buf queue;
    size_t sent; /* of the queue */
    int error;   /* errno once it failed; nothing is taken any more */
} connect_output;

void connect_output_init(connect_output *o, int fd);
void connect_output_deinit(connect_output *o);
/* More text. Where there is no memory all that waits is lost, but what comes later may find some.
 */
void connect_output_put(connect_output *o, const void *text, size_t n);
/* Octets that wait. */
size_t connect_output_queued(const connect_output *o);
/* Writes what goes without waiting. */
void connect_output_flush(connect_output *o);

#endif
