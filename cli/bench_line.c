/* SPDX-License-Identifier: MIT */
/* The line on a terminal that says how far the run is and how it goes. Nothing without one. */
#include "bench_line.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { EVERY = 200 * 1000000, WIDEST = 200 }; /* ns; columns */

static void put(bench *b, const char *text)
{
    struct winsize size = {0};
    int columns = 80;

    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        columns = size.ws_col;
    /* A line that wraps could not be taken back. */
    fprintf(stderr, "\r\033[K%.*s", columns - 1 > 0 ? columns - 1 : 0, text);
    fflush(stderr);
    b->line.shown = true;
}

void bench_line_begin(bench *b)
{
    b->line.wanted = isatty(STDERR_FILENO) == 1;
}

void bench_line_show(bench *b)
{
    static const char *const names[] = {"opening", "warming up", "measuring", "waiting for answers",
                                        "closing"};
    static const char *const units[] = {"messages", "deliveries", "handshakes", "messages"};
    char text[WIDEST], p50[32], p99[32];
    uint64_t span = b->now - b->line.at;

    if (!b->line.wanted || b->now < b->line.at + EVERY)
        return;
    int n = snprintf(text, sizeof(text), "%s", names[b->phase]);
    if (b->phase == BENCH_PHASE_OPENING) {
        n += snprintf(text + n, sizeof(text) - (size_t)n, ": %" PRIu64 " of %" PRIu32 " open",
                      b->opened, b->n_conns);
    } else if (b->set->mode == BENCH_IDLE) {
        n += snprintf(text + n, sizeof(text) - (size_t)n, ": %" PRIu32 " open", b->n_open);
    } else if (b->line.at != 0) {
        n += snprintf(text + n, sizeof(text) - (size_t)n, ": %.0f %s per second",
                      (double)(b->counts.messages - b->line.messages) * 1e9 / (double)span,
                      units[b->set->mode]);
    }
    if (b->phase == BENCH_PHASE_MEASURE) {
        const bench_sample *s = b->n_samples > 0 ? &b->samples[b->n_samples - 1] : NULL;
        double left = b->phase_end > b->now ? (double)(b->phase_end - b->now) / 1e9 : 0;
        if (s != NULL && s->max > 0) {
            snprintf(p50, sizeof(p50), "%.1f", (double)s->p50 / 1e3);
            snprintf(p99, sizeof(p99), "%.1f", (double)s->p99 / 1e3);
            n += snprintf(text + n, sizeof(text) - (size_t)n, ", p50 %s us, p99 %s us", p50, p99);
        }
        n += snprintf(text + n, sizeof(text) - (size_t)n, ", %.0f s left", left);
    }
    if (b->errors.n > 0)
        snprintf(text + n, sizeof(text) - (size_t)n, ", %" PRIu64 " errors", b->errors.n);
    b->line.at = b->now;
    b->line.messages = b->counts.messages;
    put(b, text);
}

void bench_line_end(bench *b)
{
    if (b->line.shown) {
        fputs("\r\033[K", stderr);
        fflush(stderr);
    }
    b->line.shown = b->line.wanted = false;
}
