/* SPDX-License-Identifier: MIT */
/*
 * How far matches of DEFLATE data (RFC 1951) reach back. zlib refuses what lies before its window
 * only as far as that is behind the output of a call, so that what it accepts depends on how it is
 * called. Here only codes are read, and nothing is put out. Knows no frames.
 */
#ifndef CONFORMANCE_DISTANCES_H
#define CONFORMANCE_DISTANCES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A canonical code (RFC 1951 3.2.2): how many codes of each length, and their symbols in order. */
typedef struct judge_huffman {
    uint16_t count[16];
    uint16_t symbol[288];
} judge_huffman;

typedef struct judge_distances {
    unsigned window; /* octets */
    unsigned state;
    bool final;     /* the present block is the last one */
    uint64_t hold;  /* bits that are not used yet, the first one lowest */
    unsigned n;     /* how many */
    unsigned left;  /* octets of a stored block */
    unsigned n_lit; /* code lengths of a block: of literals and lengths, ... */
    unsigned n_all; /* ... and of distances, too */
    unsigned n_code;
    unsigned have;
    uint8_t lens[320];
    judge_huffman code, lit, dist;
    uint64_t octets; /* that the data stand for */
} judge_distances;

/* Before a stream, at the border of an octet. */
void judge_distances_begin(judge_distances *d, unsigned window_bits);
/*
 * More of it, cut anywhere. False: the match that begins behind d->octets reaches farther back than
 * the window. Of data that are no DEFLATE data nothing is said.
 */
bool judge_distances_feed(judge_distances *d, const uint8_t *data, size_t len);

#endif
