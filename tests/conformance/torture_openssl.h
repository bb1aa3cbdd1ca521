/* SPDX-License-Identifier: MIT */
/*
 * OpenSSL on the kernel of torture_kernel.h: its memory and its random numbers. What it takes while
 * the endpoint runs (tk_enter()) can fail, and has to be given back by the end of the run. Random
 * numbers are the same in every run, so that a run can be repeated.
 */
#ifndef TESTS_CONFORMANCE_TORTURE_OPENSSL_H
#define TESTS_CONFORMANCE_TORTURE_OPENSSL_H

/* First of all in the program: OpenSSL must not have taken memory yet. */
void tk_openssl_init(void);
/* A run: by tk_begin() and tk_end(). What of the endpoint's was not given back is in tk.wrong. */
void tk_openssl_begin(void);
void tk_openssl_end(void);

#endif
