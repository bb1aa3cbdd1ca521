/* SPDX-License-Identifier: MIT */
/* See bench_process.h. */
#include "bench_process.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* utime and stime of /proc/PID/stat, of all threads that are or were. */
static bool read_ticks(uint32_t pid, double *ret_user, double *ret_system)
{
    char path[64], text[1024];
    unsigned long long user, system;
    double tick = 1.0 / (double)sysconf(_SC_CLK_TCK);

    snprintf(path, sizeof(path), "/proc/%" PRIu32 "/stat", pid);
    FILE *f = fopen(path, "r");
    if (f == NULL)
        return false;
    size_t n = fread(text, 1, sizeof(text) - 1, f);
    fclose(f);
    text[n] = 0;
    /* The name stands in parentheses and may hold anything, those too. */
    const char *p = strrchr(text, ')');
    if (p == NULL || sscanf(p + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu", &user,
                            &system) != 2)
        return false;
    *ret_user = (double)user * tick;
    *ret_system = (double)system * tick;
    return true;
}

/* Seconds on a CPU, to the nanosecond, of all threads that are or were. */
static bool read_clock(uint32_t pid, double *ret)
{
    struct timespec t;
    clockid_t clock;

    if (clock_getcpuclockid((pid_t)pid, &clock) != 0 || clock_gettime(clock, &t) != 0)
        return false;
    *ret = (double)t.tv_sec + (double)t.tv_nsec / 1e9;
    return true;
}

static void read_memory(uint32_t pid, bench_process *ret)
{
    char path[64], line[256];
    unsigned long long kib;

    snprintf(path, sizeof(path), "/proc/%" PRIu32 "/smaps_rollup", pid);
    FILE *f = fopen(path, "r");
    while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
        if (sscanf(line, "Rss: %llu", &kib) == 1)
            ret->rss_kib = kib;
        else if (sscanf(line, "Pss: %llu", &kib) == 1)
            ret->pss_kib = kib;
    }
    if (f != NULL)
        fclose(f);
    if (ret->rss_kib > 0)
        return;
    snprintf(path, sizeof(path), "/proc/%" PRIu32 "/statm", pid);
    f = fopen(path, "r");
    if (f != NULL && fscanf(f, "%*u %llu", &kib) == 1)
        ret->rss_kib = kib * ((unsigned long long)sysconf(_SC_PAGESIZE) / 1024);
    if (f != NULL)
        fclose(f);
}

bool bench_process_read(uint32_t pid, bench_process *ret)
{
    memset(ret, 0, sizeof(*ret));
    if (!read_ticks(pid, &ret->user, &ret->system))
        return false;
    if (!read_clock(pid, &ret->cpu))
        ret->cpu = ret->user + ret->system;
    read_memory(pid, ret);
    ret->known = true;
    return true;
}

void bench_process_used(const bench_process *from, const bench_process *to, double *ret_user,
                        double *ret_system)
{
    double user = to->user - from->user, system = to->system - from->system;
    double ticks = user + system, cpu = to->cpu - from->cpu;

    *ret_user = *ret_system = 0;
    if (!from->known || !to->known)
        return;
    double share = ticks > 0 ? user / ticks : 0.5;
    *ret_user = cpu * share;
    *ret_system = cpu - *ret_user;
}
