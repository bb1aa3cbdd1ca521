/* SPDX-License-Identifier: MIT */
/*
 * A request's head, judged line by line: whether it is HTTP at all, what it asks for, and whether
 * it is an opening handshake in order (RFC 6455 4.2.1). Knows no connection and no case.
 */
#ifndef CONFORMANCE_PEER_REQUEST_H
#define CONFORMANCE_PEER_REQUEST_H

#include <stdbool.h>
#include <stddef.h>

/* Pieces of the head that was read. */
typedef struct judge_slice {
    const char *at;
    size_t len;
} judge_slice;

typedef struct judge_request {
    judge_slice method, path, query; /* of the target; the query without '?' */
    judge_slice host;                /* the value of Host, in order or not */
    bool is_upgrade;                 /* there is an Upgrade field */
    bool head_only;                  /* HEAD */
    unsigned status;                 /* 0: it is in order; else what it is to be answered with */
    char why[200];                   /* what is wrong, one line */
} judge_request;

/* HTTP alone: start line and form of the fields. `head` ends with its empty line. */
bool judge_request_read(judge_request *ret, const char *head, size_t len);
/* Behind a judge_request_read() that found nothing: the opening handshake. */
bool judge_request_check(judge_request *r, const char *head, size_t len);
/* The port of the Host field: 0 if it has none. Behind a judge_request_check(). */
unsigned judge_request_port(const judge_request *r);
/* The first subprotocol of those offered that `known` has; NULL: none. */
const char *judge_request_protocol(const char *head, size_t len, const char *const *known,
                                   size_t n_known);
/* "Bad Request" */
const char *judge_status_text(unsigned status);

#endif
