/* SPDX-License-Identifier: MIT */
/* The line on a terminal that says how far the run is. */
#ifndef CLI_BENCH_LINE_H
#define CLI_BENCH_LINE_H

#include "bench.h"

void bench_line_begin(bench *b);
/* Now and then; it decides itself how often something is written. */
void bench_line_show(bench *b);
void bench_line_end(bench *b);

#endif
