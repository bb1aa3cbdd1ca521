/* SPDX-License-Identifier: MIT */
/* The run as a picture. */
#ifndef CLI_BENCH_PLOT_H
#define CLI_BENCH_PLOT_H

#include "bench.h"

/* True for names that end in .svg or .html, which says what is written. */
bool bench_plot_is_name(const char *path);
/* False after a message. */
bool bench_plot_write(const bench *b, const char *path);

#endif
