/* SPDX-License-Identifier: MIT */
/*
 * DEFLATE data (RFC 1951) put together by hand, bit by bit, valid or not: what no compressor would
 * write is what a decoder must be tried with. Knows no frames and no cases.
 */
#ifndef CONFORMANCE_DEFLATE_WRITER_H
#define CONFORMANCE_DEFLATE_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DEFLATE_WRITER_ROOM 66000

typedef struct deflate_writer {
    uint8_t at[DEFLATE_WRITER_ROOM];
    size_t bits;
} deflate_writer;

void deflate_begin_empty(deflate_writer *w);
/* Whole octets so far. */
size_t deflate_octets(const deflate_writer *w);
/* n bits of a value, the lowest first; of a Huffman code, the highest first. */
void deflate_bits(deflate_writer *w, unsigned value, unsigned n);
void deflate_code(deflate_writer *w, unsigned code, unsigned n);
/* To the next whole octet, with zeros. */
void deflate_align(deflate_writer *w);

/* A block without compression. */
void deflate_stored(deflate_writer *w, bool final, const void *data, size_t len);
/* A block with fixed codes begins; what follows stands in it. */
void deflate_fixed(deflate_writer *w, bool final);
void deflate_literals(deflate_writer *w, const void *data, size_t len);
/* 3 to 258 octets from 1 to 32768 back. */
void deflate_match(deflate_writer *w, unsigned len, unsigned distance);
void deflate_end_block(deflate_writer *w);
/* The end of a message (RFC 7692 7.2.1): the header of an empty block, whose octets 00 00 ff ff are
 * taken away. */
void deflate_end_message(deflate_writer *w);
/* The whole of it, with 00 00 ff ff. */
void deflate_empty_stored(deflate_writer *w);

/* The header of a block in which a 0 bit stands for 258 octets from one back, so that each octet 0
 * that follows is 1,032 octets: no DEFLATE data is denser. */
void deflate_densest(deflate_writer *w);

#endif
