/* SPDX-License-Identifier: MIT */
/* See vitality.h. */
#include "conformance/vitality.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* However loaded the machine is, a peer that never answers must be told from one that is slow. */
#define SLOWEST 10
/* Of less work than this nothing follows: who sleeps most of the time has soon waited for a
 * processor many times as long as it ran. Nanoseconds. */
#define LEAST_WORK 1e8
/* A process and its children, theirs and so on: of more than these nothing is known. */
#define MOST_FAMILY 256
/* Whoever is there, and what they have, is read so often at the most. */
#define FAMILY_NS INT64_C(20000000)

/* The beginning of a file of /proc. False: it cannot be read. */
static bool read_proc(int pid, const char *name, char *ret, size_t size)
{
    char path[128];
    FILE *f;
    size_t n;

    snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
    f = fopen(path, "re");
    if (f == NULL)
        return false;
    n = fread(ret, 1, size - 1, f);
    fclose(f);
    ret[n] = '\0';
    return n > 0;
}

/* The children of all threads of a process, behind those that are there. */
static size_t add_children(int pid, int ret[MOST_FAMILY], size_t n)
{
    char path[64], text[4096];
    const struct dirent *d;
    DIR *dir;

    snprintf(path, sizeof(path), "/proc/%d/task", pid);
    dir = opendir(path);
    while (dir != NULL && (d = readdir(dir)) != NULL) {
        char *at = text;

        snprintf(path, sizeof(path), "task/%.20s/children", d->d_name);
        if (d->d_name[0] == '.' || !read_proc(pid, path, text, sizeof(text)))
            continue;
        for (;;) {
            char *end;
            const long child = strtol(at, &end, 10);

            /* Where the text is cut the number may be, too. */
            if (end == at || *end != ' ' || n == MOST_FAMILY)
                break;
            ret[n++] = (int)child;
            at = end;
        }
    }
    if (dir != NULL)
        closedir(dir);
    return n;
}

/* The process itself comes first. */
static size_t find_family(int pid, int ret[MOST_FAMILY])
{
    size_t n = 1;

    ret[0] = pid;
    for (size_t i = 0; i < n; i++)
        n = add_children(ret[i], ret, n);
    return n;
}

/* What no other process has: pages that are shared since a fork are the parent's. */
static uint64_t own_kib(int pid)
{
    unsigned long long kib = 0;
    char text[2048];
    const char *line;

    if (!read_proc(pid, "smaps_rollup", text, sizeof(text)))
        return 0;
    line = strstr(text, "Private_Dirty:");
    return line != NULL && sscanf(line + 14, "%llu", &kib) == 1 ? kib : 0;
}

static uint64_t family_kib(judge_vitality *v)
{
    int family[MOST_FAMILY];
    struct timespec ts;
    int64_t now;
    size_t n;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    now = (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
    if (v->family_at != 0 && now - v->family_at < FAMILY_NS)
        return v->kib_family;
    v->family_at = now;
    v->kib_family = 0;
    n = find_family(v->pid, family);
    for (size_t i = 1; i < n; i++)
        v->kib_family += own_kib(family[i]);
    return v->kib_family;
}

/* False: it is gone. */
static bool read_pages(int pid, unsigned long long *ret_all, unsigned long long *ret_resident)
{
    char text[256];

    return read_proc(pid, "statm", text, sizeof(text)) &&
           sscanf(text, "%llu %llu", ret_all, ret_resident) == 2 &&
           *ret_all > 0; /* a zombie has none */
}

static uint64_t resident_kib(judge_vitality *v)
{
    unsigned long long all, resident;

    if (v->pid == 0 || v->gone)
        return 0;
    v->gone = !read_pages(v->pid, &all, &resident);
    return v->gone ? 0 : resident * (uint64_t)sysconf(_SC_PAGESIZE) / 1024 + family_kib(v);
}

bool judge_vitality_exists(int pid)
{
    unsigned long long all, resident;

    return read_pages(pid, &all, &resident);
}

/* Of a process, and of those of its children that are over and that it has waited for. */
static bool read_ticks(int pid, uint64_t *ret)
{
    unsigned long long user, system;
    long long users, systems;
    char text[1024];
    const char *name_end;

    if (!read_proc(pid, "stat", text, sizeof(text)))
        return false;
    /* The name in parentheses may hold anything. */
    name_end = strrchr(text, ')');
    if (name_end == NULL ||
        sscanf(name_end + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu %lld %lld",
               &user, &system, &users, &systems) != 4)
        *ret = 0;
    else
        *ret = user + system + (uint64_t)users + (uint64_t)systems;
    return true;
}

static uint64_t ticks_now(judge_vitality *v)
{
    int family[MOST_FAMILY];
    uint64_t all = 0;
    size_t n;

    if (v->pid == 0 || v->gone)
        return 0;
    n = find_family(v->pid, family);
    for (size_t i = 0; i < n; i++) {
        uint64_t ticks = 0;

        if (!read_ticks(family[i], &ticks) && i == 0)
            v->gone = true;
        all += ticks;
    }
    return all;
}

/* The judge, and the process if there is one, so far: its first thread, which is the one that has
 * to answer where there are not many. False: the kernel does not say. */
static bool read_shares(const judge_vitality *v, bool judge, uint64_t *ret_ran,
                        uint64_t *ret_waited)
{
    unsigned long long ran, waited;
    char text[256];

    if ((!judge && (v->pid == 0 || v->gone)) ||
        !read_proc(judge ? (int)getpid() : v->pid, "schedstat", text, sizeof(text)) ||
        sscanf(text, "%llu %llu", &ran, &waited) != 2)
        return false;
    *ret_ran = ran;
    *ret_waited = waited;
    return true;
}

double judge_vitality_slowdown(const judge_vitality *v)
{
    double most = 1;

    for (int judge = 0; judge < 2; judge++) {
        uint64_t ran, waited;

        /* What has done nothing tells nothing. */
        if (!read_shares(v, judge, &ran, &waited) || ran <= v->ran[judge])
            continue;
        const double ran_now = (double)(ran - v->ran[judge]);
        const double worked = ran_now > LEAST_WORK ? ran_now : LEAST_WORK;
        const double slower = 1 + (double)(waited - v->waited[judge]) / worked;

        most = slower > most ? slower : most;
    }
    return most < SLOWEST ? most : SLOWEST;
}

/* A second, or longer where others had the processors; not for one who burnt a second himself and
 * kept them from everyone, himself included. */
bool judge_vitality_is_busy(const judge_vitality *v, int64_t us)
{
    if (us < 1000000)
        return false;
    return v->ticks >= v->ticks_over + (uint64_t)sysconf(_SC_CLK_TCK) ||
           us >= (int64_t)(1e6 * judge_vitality_slowdown(v));
}

void judge_vitality_begin(judge_vitality *v, int pid, int64_t now)
{
    *v = (judge_vitality){.pid = pid, .looked = now};
    v->kib_begun = v->kib_most = resident_kib(v);
    v->ticks = ticks_now(v);
    for (int judge = 0; judge < 2; judge++)
        (void)read_shares(v, judge, &v->ran[judge], &v->waited[judge]);
}

void judge_vitality_look(judge_vitality *v)
{
    const uint64_t kib = resident_kib(v);

    if (kib > v->kib_most)
        v->kib_most = kib;
}

void judge_vitality_saw(judge_vitality *v, const judge_vitality *other)
{
    if (v->pid == 0 || v->pid != other->pid)
        return;
    v->gone = v->gone || other->gone;
    if (other->kib_most > v->kib_most)
        v->kib_most = other->kib_most;
}

uint64_t judge_vitality_grown_kib(const judge_vitality *v)
{
    return v->kib_most - v->kib_begun;
}

static bool a_thread_runs(int pid)
{
    char path[64], text[1024];
    const struct dirent *d;
    bool runs = false;
    DIR *dir;

    snprintf(path, sizeof(path), "/proc/%d/task", pid);
    dir = opendir(path);
    while (dir != NULL && !runs && (d = readdir(dir)) != NULL) {
        const char *name_end;

        snprintf(path, sizeof(path), "task/%.20s/stat", d->d_name);
        if (d->d_name[0] == '.' || !read_proc(pid, path, text, sizeof(text)))
            continue;
        name_end = strrchr(text, ')');
        runs = name_end != NULL && strncmp(name_end, ") R", 3) == 0;
    }
    if (dir != NULL)
        closedir(dir);
    return runs;
}

bool judge_vitality_runs(judge_vitality *v)
{
    int family[MOST_FAMILY];
    const size_t n = v->pid != 0 ? find_family(v->pid, family) : 0;
    bool runs = false;

    for (size_t i = 0; i < n && !runs; i++)
        runs = a_thread_runs(family[i]);
    return runs;
}

double judge_vitality_load(judge_vitality *v, int64_t now)
{
    const uint64_t ticks = ticks_now(v);
    const double seconds = (double)(now - v->looked) / 1e6;
    /* Who ends without being waited for takes his time with him. */
    const double used = ticks > v->ticks ? (double)(ticks - v->ticks) / (double)sysconf(_SC_CLK_TCK)
                                         : 0;

    v->ticks = ticks;
    v->looked = now;
    return seconds > 0 ? used / seconds : 0;
}
