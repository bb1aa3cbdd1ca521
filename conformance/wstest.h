/* SPDX-License-Identifier: MIT */
/*
 * The program under the name wstest: command line, spec files, console lines and exit codes as the
 * Autobahn Testsuite's, so that scripts need not change.
 */
#ifndef CONFORMANCE_WSTEST_H
#define CONFORMANCE_WSTEST_H

#include <stdbool.h>

/* True if the program was called by this name. */
bool judge_wstest_is_name(const char *argv0);
/* Returns the exit code. */
int judge_wstest_main(int argc, char **argv);

#endif
