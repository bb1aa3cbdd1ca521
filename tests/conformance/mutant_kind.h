/* SPDX-License-Identifier: MIT */
/*
 * A kind of mutant, as a table of its functions: a small endpoint with a switch for one deliberate
 * fault each, octets in and octets out. Names that begin with legal_ are odd but allowed.
 */
#ifndef TESTS_CONFORMANCE_MUTANT_KIND_H
#define TESTS_CONFORMANCE_MUTANT_KIND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Times are microseconds. */
typedef struct mutant_kind {
    const char *prefix; /* of the names of its faults in C */
    unsigned n_faults;
    const char *(*name)(unsigned fault);
    const char *(*text)(unsigned fault); /* what it does */
    void *(*begin)(unsigned fault, bool client);
    void (*free)(void *m);
    /* Octets of one read. */
    void (*feed)(void *m, int64_t now, const uint8_t *data, size_t len);
    /* The other half of TCP has ended. */
    void (*end)(void *m);
    /* What is to be written now; NULL: nothing. */
    const uint8_t *(*output)(const void *m, int64_t now, size_t *ret_len);
    void (*taken)(void *m, size_t n);
    /* True: it reads no more until something is taken; NULL: it always reads. */
    bool (*is_full)(const void *m);
    /* When there is more to be written, INT64_MAX: not before it is fed; NULL: never. */
    int64_t (*deadline)(const void *m);
    /* True: TCP is to be dropped once everything is written. */
    bool (*is_over)(const void *m);
} mutant_kind;

/* For tables of such functions: names and texts of a list X(name, text). */
#define MUTANT_KIND_NAME_(name, text) #name,
#define MUTANT_KIND_TEXT_(name, text) text,
#define MUTANT_KIND_WORDS(MAP)                                                                     \
    static const char *name_of(unsigned f)                                                         \
    {                                                                                              \
        static const char *const names[] = {MAP(MUTANT_KIND_NAME_)};                               \
                                                                                                   \
        return names[f];                                                                           \
    }                                                                                              \
                                                                                                   \
    static const char *text_of(unsigned f)                                                         \
    {                                                                                              \
        static const char *const texts[] = {MAP(MUTANT_KIND_TEXT_)};                               \
                                                                                                   \
        return texts[f];                                                                           \
    }

#endif
