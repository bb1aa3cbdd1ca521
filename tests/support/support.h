/* SPDX-License-Identifier: MIT */
/* What the tests share: cmocka with its prerequisites, buffers that end at a guard page, an
 * allocator that counts and fails on demand. */
#ifndef TESTS_SUPPORT_H
#define TESTS_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <websock/base.h>

/* A copy of n octets whose end is the end of a page; the next page may not be touched. */
uint8_t *guard_copy(const void *data, size_t n);
void guard_free(uint8_t *p, size_t n);

/* An allocator for hooks: counts what is live, and fails the fail_at-th call from now (1 = the
 * next one; 0 = never), and every later one if `for_ever`. */
typedef struct test_alloc {
    wsk_hooks hooks; /* hooks.ud points to this struct */
    long live;       /* blocks */
    size_t octets;   /* live */
    size_t peak;
    long calls; /* allocating calls so far */
    long fail_at;
    bool for_ever;
    bool failed;   /* a call was failed */
    uint64_t seed; /* of the deterministic random hook */
} test_alloc;

void test_alloc_init(test_alloc *a);

/* Runs body(ud, hooks) first with an allocator that never fails, then again with the i-th
 * allocation failing, for every i; after each run nothing may be live. body returns nothing: it
 * must survive. */
void with_failing_alloc(void (*body)(void *ud, const wsk_hooks *hooks), void *ud);

/* False where the kernel, or who keeps it, refuses io_uring. Tests whose name ends in "(io_uring)"
 * are then left out by themselves. */
bool test_has_uring(void);

/* Sees to it that so many files may be open: 1,024 is the usual limit. */
void test_need_files(unsigned n);

/* False where nobody can listen on ::1. */
bool test_has_ipv6(void);

/* A socket on 127.0.0.1 that nobody listens on: whoever dials its port is refused for as long as it
 * is open, and nobody else gets the port. */
int test_bound_socket(uint16_t *ret_port);

/* The sizes of pieces for cut-point tests: whole (SIZE_MAX), 1, 2, 3, 7. */
extern const size_t cut_sizes[5];

/* The step of a loop over everything there is: 1, or `quick` where WSK_TEST_QUICK is set, for runs
 * on which each step takes fifty times as long. */
size_t test_stride(size_t quick);
/* How many times as long as usual is waited until what never came is a failure: 1, or more under
 * memcheck. */
unsigned test_patience(void);

/* "81 05 48656c6c6f" to octets; white space and '|' are skipped. Returns malloc'ed memory. */
uint8_t *unhex(const char *hex, size_t *ret_len);

#endif
