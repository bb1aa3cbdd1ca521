/* SPDX-License-Identifier: MIT */
/*
 * Counts the frames that an endpoint wrote to one connection. Knows as much of HTTP as to find
 * where frames begin, and nothing of TLS: it takes plain text.
 */
#ifndef TESTS_CONFORMANCE_TORTURE_WIRE_H
#define TESTS_CONFORMANCE_TORTURE_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Zeroed, but for is_server, before the first octet. */
typedef struct torture_wire {
    bool is_server; /* who writes */
    enum { TORTURE_HEAD, TORTURE_FRAMES, TORTURE_BODY } part;
    unsigned head; /* octets of CR LF CR LF that were there last */
    unsigned line; /* octets of the first line */
    uint8_t header[14];
    unsigned have;
    uint64_t left; /* of a payload */
    /* What there was. */
    unsigned messages, pongs, closes;
} torture_wire;

void torture_wire_take(torture_wire *w, const void *data, size_t n);

#endif
