/* SPDX-License-Identifier: MIT */
/* Fields, lists and keys of a handshake's head, as octets that need not end in NUL. */
#ifndef CONFORMANCE_PEER_HEAD_H
#define CONFORMANCE_PEER_HEAD_H

#include <stdbool.h>
#include <stddef.h>

#define PEER_ACCEPT_SIZE 64

typedef struct peer_field {
    const char *value;
    size_t len;
    unsigned count; /* lines of this name; the value is the first one's */
} peer_field;

/* Without the white space around it. */
const char *peer_trim(const char *s, size_t *len);
/* The field of that name in a head whose first line is skipped. */
peer_field peer_find_field(const char *head, size_t len, const char *name);
/* The same of each line of that name, in turn: *line is the head at first. NULL behind the last. */
const char *peer_next_value(const char **line, const char *end, const char *name, size_t *ret_len);
/* Equal but for case. */
bool peer_same(const char *s, size_t len, const char *word);
/* The next element of a list, up to `separator`; quoted strings may hold it. *at becomes NULL
 * behind the last one. */
bool peer_next_part(const char **at, const char *end, char separator, const char **ret,
                    size_t *ret_len);
/* True if the list has it that the fields of that name make together (RFC 9110 5.3). */
bool peer_has_token(const char *head, size_t len, const char *name, const char *token);
/* 8 to 15, perhaps in quotes; or 0. */
unsigned peer_window_bits(const char *s, size_t len);
/* Sec-WebSocket-Accept of a key, RFC 6455 4.2.2. */
bool peer_accept(const char *key, size_t len, char ret[PEER_ACCEPT_SIZE]);

#endif
