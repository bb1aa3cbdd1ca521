/* SPDX-License-Identifier: MIT */
/*
 * permessage-deflate by message size, codec, level and context takeover: microseconds to
 * compress and to decompress one message, and its size as sent. Messages are JSON, 64
 * different ones in turn. The rows of a size are run in turn, round by round, so that a machine
 * that changes its clock treats them alike; medians of CPU time are shown.
 *
 * With many connections the codecs are shared through a pool as in a server: connection follows
 * connection, so that each message finds the coders with other ones.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "deflate/pmd_state.h"
#include "util/attr.h"

enum { ROUNDS = 9, MESSAGES = 64, ROOM = 65536 };

typedef struct row {
    const char *name;
    wsk__codec_choice codecs;
    int level;
    bool takeover;
    unsigned connections;
    double deflate_us[ROUNDS], inflate_us[ROUNDS];
    double octets; /* of a message as sent */
} row;

static row rows[] = {
    {"zlib 1", WSK__CODEC_ZLIB, 1, false, 1},
    {"zlib 6", WSK__CODEC_ZLIB, 6, false, 1},
    {"isa-l", WSK__CODEC_ISAL, 1, false, 1},
    {"isa-l fixed", WSK__CODEC_ISAL_FIXED, 1, false, 1},
    {"best", WSK__CODEC_BEST, 1, false, 1},
    {"zlib 1", WSK__CODEC_ZLIB, 1, true, 1},
    {"zlib 6", WSK__CODEC_ZLIB, 6, true, 1},
    {"isa-l", WSK__CODEC_ISAL, 1, true, 1},
    {"isa-l fixed", WSK__CODEC_ISAL_FIXED, 1, true, 1},
    {"best", WSK__CODEC_BEST, 1, true, 1},
    {"best", WSK__CODEC_BEST, 1, true, 16},
    {"zlib 1", WSK__CODEC_ZLIB, 1, true, 1000},
    {"best", WSK__CODEC_BEST, 1, true, 1000},
};

static uint32_t next(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

static void fill_json(uint8_t *buf, size_t n, uint32_t seed)
{
    static const char *const first[] = {"Ada",    "Grace",   "Alan", "Edsger", "Barbara",
                                        "Donald", "Niklaus", "Tony", "Leslie", "Frances"};
    static const char *const last[] = {"Lovelace", "Hopper", "Turing", "Dijkstra", "Liskov",
                                       "Knuth",    "Wirth",  "Hoare",  "Lamport",  "Allen"};
    static const char *const words[] = {"signal", "noise",  "packet", "window", "frame",
                                        "mask",   "octet",  "stream", "close",  "opening",
                                        "stable", "closed", "broken", "queued"};
    size_t pos = 0;
    uint32_t s = seed * 2654435761u + 99;

    while (pos < n) {
        char line[512];
        uint32_t a = next(&s), b = next(&s), c = next(&s), d = next(&s), e = next(&s);
        int k = snprintf(line, sizeof(line),
                         "{\"id\":%u,\"name\":\"%s %s\",\"email\":\"%s%u@example.org\",\"state\":"
                         "\"%s\",\"score\":%u.%04u,\"tags\":[\"%s\",\"%s\"],\"seen\":"
                         "\"2026-%02u-%02uT%02u:%02u:%02uZ\"},",
                         a % 1000000, first[b % 10], last[c % 10], first[d % 10], e % 1000,
                         words[a / 7 % 14], b % 1000, c % 10000, words[d / 16 % 14],
                         words[e / 64 % 14], 1 + a % 12, 1 + b % 28, c % 24, d % 60, e % 60);
        size_t take = n - pos < (size_t)k ? n - pos : (size_t)k;
        memcpy(buf + pos, line, take);
        pos += take;
    }
}

static double cpu_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static void die(const char *what)
{
    fprintf(stderr, "bench_deflate: %s\n", what);
    exit(1);
}

typedef struct bench {
    uint8_t *messages[MESSAGES], *wire[MESSAGES], *back[MESSAGES];
    size_t size;
} bench;

/* One pass of `batches` times 64 messages over all connections of a row. */
static void pass(row *r, const bench *b, unsigned round, unsigned batches)
{
    wsk_deflate_options o = {.size = sizeof(o), .enabled = true, .level = r->level};
    wsk__pmd_config cfg;
    wsk__coder_pool *out_pool, *in_pool;
    wsk__pmd_state **out = calloc(r->connections, sizeof(*out)),
                   **in = calloc(r->connections, sizeof(*in));
    wsk__pmd_agreed agreed = {15, 15, r->takeover, r->takeover};
    double deflating = 0, inflating = 0;
    size_t wire_len = 0, n[MESSAGES];
    /* The first messages of each connection are not counted: there is no history yet. */
    unsigned warm_up = (2 * r->connections + MESSAGES - 1) / MESSAGES, k = 0;

    if (wsk__pmd_config_init(&cfg, &o, NULL) < 0 || wsk__coder_pool_new(&out_pool, NULL) < 0 ||
        wsk__coder_pool_new(&in_pool, NULL) < 0 || out == NULL || in == NULL)
        die("no memory");
    cfg.codecs = r->codecs;
    for (unsigned i = 0; i < r->connections; i++) {
        if (wsk__pmd_state_new(&out[i], &cfg, &agreed) < 0 ||
            wsk__pmd_state_new(&in[i], &cfg, &agreed) < 0)
            die("no memory");
        wsk__pmd_use_pool(out[i], out_pool);
        wsk__pmd_use_pool(in[i], in_pool);
    }
    const wsk_extension *ext = &cfg.extension;
    for (unsigned batch = 0; batch < warm_up + batches; batch++, k += MESSAGES) {
        double t0 = cpu_us();
        for (unsigned i = 0; i < MESSAGES; i++) {
            /* Each connection goes through all messages, as a program with varying data would. */
            unsigned c = (k + i) % r->connections, at = ((k + i) / r->connections + c) % MESSAGES;
            wsk_ext_io io = {b->messages[at], b->size, b->wire[i], ROOM};

            if (ext->encode_begin(out[c], WSK_OP_TEXT, b->size, WSK_SEND_COMPRESS) == 0 ||
                ext->encode(out[c], &io, true) != WSK_EXT_DONE)
                die("encode");
            n[i] = ROOM - io.out_len;
        }
        double t1 = cpu_us();
        for (unsigned i = 0; i < MESSAGES; i++) {
            unsigned c = (k + i) % r->connections;
            wsk_ext_io io = {b->wire[i], n[i], b->back[i], ROOM};

            if (ext->decode_begin(in[c], WSK_OP_TEXT, WSK_RSV1) != 1 ||
                ext->decode(in[c], &io, true) != WSK_EXT_DONE || ROOM - io.out_len != b->size)
                die("decode");
        }
        double t2 = cpu_us();
        if (batch < warm_up)
            continue;
        for (unsigned i = 0; i < MESSAGES; i++) {
            unsigned c = (k + i) % r->connections, at = ((k + i) / r->connections + c) % MESSAGES;

            if (memcmp(b->back[i], b->messages[at], b->size) != 0)
                die("a message came back changed");
            wire_len += n[i];
        }
        deflating += t1 - t0;
        inflating += t2 - t1;
    }
    r->deflate_us[round] = deflating / batches / MESSAGES;
    r->inflate_us[round] = inflating / batches / MESSAGES;
    r->octets = (double)wire_len / batches / MESSAGES;
    for (unsigned i = 0; i < r->connections; i++) {
        ext->release(out[i]);
        ext->release(in[i]);
    }
    wsk__coder_pool_free(out_pool);
    wsk__coder_pool_free(in_pool);
    free(out);
    free(in);
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static double median(double *v)
{
    qsort(v, ROUNDS, sizeof(*v), by_value);
    return v[ROUNDS / 2];
}

int main(void)
{
    static const size_t sizes[] = {64, 128, 1024, 4096, 16384};
    bench b = {0};

    for (unsigned i = 0; i < MESSAGES; i++) {
        b.wire[i] = malloc(ROOM);
        b.back[i] = malloc(ROOM);
        b.messages[i] = malloc(sizes[WSK__COUNT(sizes) - 1]);
        if (b.messages[i] == NULL || b.wire[i] == NULL || b.back[i] == NULL)
            die("no memory");
    }
    printf("a state that is not used takes %zu octets\n", sizeof(wsk__pmd_state));
    for (size_t k = 0; k < WSK__COUNT(sizes); k++) {
        b.size = sizes[k];
        for (unsigned i = 0; i < MESSAGES; i++)
            fill_json(b.messages[i], b.size, i);
        for (unsigned round = 0; round < ROUNDS; round++)
            for (size_t i = 0; i < WSK__COUNT(rows); i++)
                pass(&rows[i], &b, round, b.size > 1024 ? 4 : 16);
        printf("\n%zu octets\n%-12s %-9s %6s %11s %11s %8s %8s\n", b.size, "codec", "takeover",
               "conns", "deflate us", "inflate us", "octets", "ratio");
        for (size_t i = 0; i < WSK__COUNT(rows); i++)
            printf("%-12s %-9s %6u %11.2f %11.2f %8.0f %8.3f\n", rows[i].name,
                   rows[i].takeover ? "yes" : "no", rows[i].connections, median(rows[i].deflate_us),
                   median(rows[i].inflate_us), rows[i].octets, rows[i].octets / (double)b.size);
    }
    for (unsigned i = 0; i < MESSAGES; i++) {
        free(b.messages[i]);
        free(b.wire[i]);
        free(b.back[i]);
    }
    return 0;
}
