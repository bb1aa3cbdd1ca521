/* SPDX-License-Identifier: MIT */
/* The state of a mutant, shared by mutant.c and mutant_hello.c alone. */
#ifndef TESTS_CONFORMANCE_MUTANT_INTERNAL_H
#define TESTS_CONFORMANCE_MUTANT_INTERNAL_H

#include "mutant.h"
#include "mutant_octets.h"

#include <zlib.h>

typedef struct text_state {
    unsigned left, len;
    uint32_t c;
} text_state;

struct mutant {
    mutant_fault fault;
    bool client;
    bool open, closing, over;
    bool lame; /* drops TCP when nothing more comes */
    bool late_close;
    unsigned late_code;
    octets in, out, message;
    size_t in_head, out_head;
    bool in_message, binary, compressed;
    text_state text;
    unsigned frames; /* of the message */
    unsigned echoes;
    octets pongs; /* held back */
    /* Of what it sends, and of what the peer sends. */
    bool deflate, own_fresh, peer_fresh;
    unsigned own_bits, peer_bits;
    z_stream zin, zout;
};

/* mutant_hello.c: the head of the other side, with its empty line, ends in NUL. */
void mutant_hello(mutant *m, const char *head);

#endif
