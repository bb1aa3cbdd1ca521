/* SPDX-License-Identifier: MIT */
/*
 * What the mutants have in common, whatever is wrong with them: octets that grow, the header of a
 * frame, the answer to a key. Out of memory ends the program: these are tools of the tests. Knows
 * no fault.
 */
#ifndef TESTS_CONFORMANCE_MUTANT_OCTETS_H
#define TESTS_CONFORMANCE_MUTANT_OCTETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MUTANT_GUID "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

typedef struct octets {
    uint8_t *at;
    size_t len, room;
} octets;

/* Octets to be written, of which the first `head` are taken. */
typedef struct queue {
    octets o;
    size_t head;
} queue;

void mutant_die(void);
void mutant_add(octets *o, const void *data, size_t n);
void mutant_add_text(octets *o, const char *text);
/* A NUL behind what is there, which does not count. */
void mutant_end_text(octets *o);
/* The first n are gone. */
void mutant_cut(octets *o, size_t n);

size_t queue_len(const queue *q);
/* NULL: there is nothing. */
const uint8_t *queue_at(const queue *q, size_t *ret_len);
void queue_taken(queue *q, size_t n);

/* The header of a frame in the shortest form, with the key if there is one. Returns its length. */
size_t mutant_frame_head(uint8_t head[14], uint8_t first, uint64_t len, const uint8_t *key);
/* Reads one up to its key. Returns its length without the key; 0: more is needed. */
size_t mutant_frame_read(const uint8_t *at, size_t have, uint64_t *ret_len);
/* RFC 6455 4.2.2: what answers these octets of a key. */
void mutant_accept(const char *key, size_t n, char ret[64]);

#endif
