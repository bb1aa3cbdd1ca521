/* SPDX-License-Identifier: MIT */
/* Mutants over TCP: servers behind a listening socket, clients one by one. */
#ifndef TESTS_CONFORMANCE_MUTANT_TCP_H
#define TESTS_CONFORMANCE_MUTANT_TCP_H

#include <stdatomic.h>

#include "mutant.h"

/* What a server does not survive. */
typedef enum mutant_death {
    MUTANT_LIVES = 0,
    MUTANT_DIES_OF_RESET,  /* TCP is reset */
    MUTANT_DIES_OF_END,    /* TCP is half-closed before the WebSocket is closed */
    MUTANT_DIES_OF_VISITS, /* so many connections, one after the other or not */
    MUTANT_DIES_OF_OCTETS, /* so many octets in all */
} mutant_death;

/* How the server as a whole behaves. */
typedef struct mutant_habits {
    mutant_fault fault;
    unsigned slow_us;    /* works so long on every read, and on nothing else meanwhile */
    unsigned one_by_one; /* serves one connection at a time */
    unsigned replaces;   /* drops whoever is there when another one comes */
    unsigned keeps_kib;  /* for each connection, as long as it is there */
    unsigned dies_after; /* connections, then it is gone; 0: never */
    mutant_death death;  /* what else ends it ... */
    unsigned after;      /* ... when there were so many of them */
} mutant_habits;

/* A socket on 127.0.0.1; *port 0 takes a free one and says which. -1: errno. */
int mutant_listen(uint16_t *port);
/* Serves until *stop is set (looked at ten times a second; NULL: for ever). Closes the socket. */
void mutant_serve(int fd, const mutant_habits *habits, atomic_bool *stop);
/* A client that asks 127.0.0.1 for a resource, until its connection is over. False: errno. */
bool mutant_visit(uint16_t port, mutant_fault fault, const char *resource);

#endif
