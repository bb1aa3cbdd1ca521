/* SPDX-License-Identifier: MIT */
/*
 * Speed of the masking and UTF-8 kernels, each against memcpy of the same octets and against the
 * reference. All kernels of a line are run in turn, round by round, so that a machine that
 * changes its clock treats them alike; the median of the rounds counts, and the spread (half of
 * the distance between the quartiles) says how far to trust it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "wire/mask.h"
#include "wire/utf8.h"

enum { ROUNDS_MAX = 51, SUBJECTS_MAX = 12 };

typedef struct work {
    uint8_t *data, *other;
    size_t len;
    uint32_t key;
} work;

typedef struct subject {
    const char *name;
    void (*run)(const struct subject *s, const work *w);
    const wsk__mask_kernel *mask;
    const wsk__utf8_kernel *utf8;
    double rate[ROUNDS_MAX]; /* 10^9 octets per second */
} subject;

/* Called through a pointer, so that the compiler cannot see that the copy is never read. */
static void *(*volatile copy)(void *, const void *, size_t) = memcpy;
static volatile size_t sink;

static void run_memcpy(const subject *s, const work *w)
{
    (void)s;
    copy(w->other, w->data, w->len);
}

static void run_mask(const subject *s, const work *w)
{
    s->mask->copy(w->data, w->data, w->len, w->key, 1);
}

static void run_mask_copy(const subject *s, const work *w)
{
    s->mask->copy(w->other, w->data, w->len, w->key, 1);
}

static void run_check(const subject *s, const work *w)
{
    wsk__utf8_state state = WSK__UTF8_START;

    sink = s->utf8->check(&state, w->data, w->len);
}

/* The key is 0, so that the text is as valid the next time; no kernel looks for that. */
static void run_unmask_check(const subject *s, const work *w)
{
    wsk__utf8_state state = WSK__UTF8_START;

    sink = s->utf8->unmask_check(&state, w->data, w->len, 0, 1);
}

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static double seconds(const subject *s, const work *w, long times)
{
    double start = now();

    for (long i = 0; i < times; i++)
        s->run(s, w);
    return now() - start;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static void measure(const char *title, subject *subjects, int n, const work *w, int rounds)
{
    long times[SUBJECTS_MAX];

    for (int i = 0; i < n; i++) {
        /* As many calls as take about two milliseconds. */
        double took = 0;
        times[i] = 1;
        while ((took = seconds(&subjects[i], w, times[i])) < 0.0005)
            times[i] *= 2;
        times[i] = 1 + (long)((double)times[i] * 0.002 / took);
    }
    for (int round = 0; round < rounds; round++) {
        for (int i = 0; i < n; i++) {
            double took = seconds(&subjects[i], w, times[i]);
            subjects[i].rate[round] = (double)w->len * (double)times[i] / took * 1e-9;
        }
    }
    for (int i = 0; i < n; i++)
        qsort(subjects[i].rate, (size_t)rounds, sizeof(double), by_value);
    double memcpy_rate = subjects[0].rate[rounds / 2], scalar_rate = subjects[1].rate[rounds / 2];
    for (int i = 0; i < n; i++) {
        const double *r = subjects[i].rate;
        double median = r[rounds / 2];
        double spread = (r[rounds * 3 / 4] - r[rounds / 4]) / 2 / median;
        printf("%-22s %8zu  %-8s %9.2f GB/s  +-%4.1f%%  %8.1f ns  %6.2f x memcpy  %6.1f x scalar\n",
               title, w->len, subjects[i].name, median, spread * 100, (double)w->len / median,
               median / memcpy_rate, median / scalar_rate);
    }
    putchar('\n');
    fflush(stdout);
}

static int mask_subjects(subject *subjects, void (*run)(const subject *, const work *))
{
    static const wsk__mask_kernel chosen = {"chosen", wsk__mask_copy, NULL};
    const wsk__mask_kernel *k;
    int n = 0;

    subjects[n++] = (subject){.name = "memcpy", .run = run_memcpy};
    for (size_t i = 0; (k = wsk__mask_kernel_at(i)) != NULL; i++) {
        if (k->usable())
            subjects[n++] = (subject){.name = k->name, .run = run, .mask = k};
    }
    subjects[n++] = (subject){.name = "chosen", .run = run, .mask = &chosen};
    return n;
}

static int utf8_subjects(subject *subjects, void (*run)(const subject *, const work *))
{
    static const wsk__utf8_kernel chosen = {"chosen", wsk__utf8_check, wsk__utf8_unmask_check,
                                            NULL};
    const wsk__utf8_kernel *k;
    int n = 0;

    subjects[n++] = (subject){.name = "memcpy", .run = run_memcpy};
    for (size_t i = 0; (k = wsk__utf8_kernel_at(i)) != NULL; i++) {
        if (k->usable())
            subjects[n++] = (subject){.name = k->name, .run = run, .utf8 = k};
    }
    subjects[n++] = (subject){.name = "chosen", .run = run, .utf8 = &chosen};
    return n;
}

static const char ascii_text[] = "{\"id\":4711,\"kind\":\"trade\",\"price\":101.25,\"size\":300}\n";

/* Greek, Russian, Hindi, Chinese, Japanese, emoji, German, and some English between them. */
static const char mixed_text[] =
    "Οι πρωτοβουλίες των πολιτών. Все люди рождаются свободными и равными. "
    "सभी मनुष्यों को गौरव और अधिकारों के मामले में. 人人生而自由,在尊严和权利上一律平等。"
    "すべての人間は、生まれながらにして自由であり。 "
    "\xF0\x9F\x98\x80\xF0\x9F\x8E\x89\xF0\x9F\x9A\x80 "
    "Übermäßig große Häuser für alle. All human beings are born free. ";

/* Fills p with whole characters of a text, over and over, and with spaces at the end. */
static void fill(uint8_t *p, size_t len, const char *text)
{
    size_t n = strlen(text), i = 0;

    for (; len - i >= n; i += n)
        memcpy(p + i, text, n);
    size_t rest = len - i;
    memset(p + i, ' ', rest);
    while (rest > 0 && !wsk__utf8_is_valid(text, rest))
        rest--;
    memcpy(p + i, text, rest);
}

int main(int argc, char **argv)
{
    static const size_t sizes[] = {7, 20, 125, 1024, 16384, 1048576};
    bool quick = argc > 1 && strcmp(argv[1], "--quick") == 0;
    int rounds = quick ? 5 : 15;
    subject subjects[SUBJECTS_MAX];

    for (size_t i = quick ? 4 : 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        size_t len = sizes[i], room = (len + 63) / 64 * 64;
        work w = {aligned_alloc(64, room), aligned_alloc(64, room), len, 0x3D21FA37};
        if (w.data == NULL || w.other == NULL)
            return 1;
        memset(w.other, 0, len);
        fill(w.data, len, ascii_text);
        measure("mask in place", subjects, mask_subjects(subjects, run_mask), &w, rounds);
        measure("mask copy", subjects, mask_subjects(subjects, run_mask_copy), &w, rounds);
        fill(w.data, len, ascii_text);
        measure("check ASCII", subjects, utf8_subjects(subjects, run_check), &w, rounds);
        measure("unmask+check ASCII", subjects, utf8_subjects(subjects, run_unmask_check), &w,
                rounds);
        fill(w.data, len, mixed_text);
        measure("check mixed", subjects, utf8_subjects(subjects, run_check), &w, rounds);
        measure("unmask+check mixed", subjects, utf8_subjects(subjects, run_unmask_check), &w,
                rounds);
        free(w.data);
        free(w.other);
    }
    return 0;
}
