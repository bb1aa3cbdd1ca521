/* SPDX-License-Identifier: MIT */
/*
 * stdout of "websock connect" in scripts, and its stderr: what they have no room for waits here, so
 * that a slow reader neither stops the loop nor makes it hold more than a little. Knows nothing of
 * connections.
 */
#ifndef CLI_CONNECT_OUTPUT_H
#define CLI_CONNECT_OUTPUT_H

#include "connect_text.h"

/* Octets waiting from which on the connection is not read from, and below which it is again. */
#define CONNECT_OUTPUT_HIGH ((size_t)1024 * 1024)
#define CONNECT_OUTPUT_LOW  ((size_t)256 * 1024)

typedef struct connect_output {
    int fd;
    text_buf queue;
    size_t sent; /* of the queue */
    int error;   /* errno once it failed; nothing is taken any more */
} connect_output;

/* Octets that wait. */
size_t connect_output_queued(const connect_output *o);
/* Writes what goes without waiting. */
void connect_output_flush(connect_output *o);

#endif
