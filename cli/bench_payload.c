/* SPDX-License-Identifier: MIT */
/* See bench_payload.h. */
#include "bench_payload.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "command.h"
#include "wire/utf8.h"

enum { LONGEST_FILE = 1 << 30 };

uint32_t bench_payload_next(uint64_t *seed)
{
    uint64_t x = *seed;

    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    *seed = x;
    return (uint32_t)((x * 2685821657736338717u) >> 32);
}

void bench_payload_random(uint8_t *buf, size_t n, uint32_t seed)
{
    uint64_t s = 0x9e3779b97f4a7c15u ^ seed;

    for (size_t i = 0; i < n; i++)
        buf[i] = (uint8_t)bench_payload_next(&s);
}

void bench_payload_json(uint8_t *buf, size_t n, uint32_t seed)
{
    static const char *const cities[] = {"Aalen", "Bergen",  "Cadiz", "Dublin", "Espoo", "Faro",
                                         "Graz",  "Haarlem", "Izmir", "Jena",   "Kyoto", "Lyon"};
    static const char *const kinds[] = {"rain",  "wind",     "sun",   "fog",
                                        "frost", "overcast", "storm", "calm"};
    static const char *const words[] = {"north", "harbour", "tower",  "bridge", "old",
                                        "mill",  "station", "garden", "river",  "hill"};
    uint64_t s = 0x2545f4914f6cdd1du + seed;
    size_t at = 0;

    while (at < n) {
        char line[320];
        uint32_t a = bench_payload_next(&s), b = bench_payload_next(&s), c = bench_payload_next(&s),
                 d = bench_payload_next(&s);
        int k = snprintf(
            line, sizeof(line),
            "{\"station\":%u,\"place\":\"%s, %s %s\",\"time\":\"2026-%02u-%02uT%02u:%02u:%02uZ\","
            "\"temperature\":%d.%u,\"humidity\":%u,\"sky\":\"%s\",\"sensor\":\"%08x\"},\n",
            a % 100000, cities[a / 131072 % 12], words[b % 10], words[b / 16 % 10],
            1 + b / 256 % 12, 1 + b / 4096 % 28, c % 24, c / 32 % 60, c / 4096 % 60,
            (int)(c / 524288 % 50) - 10, c / 64 % 10, d % 101, kinds[d / 128 % 8],
            bench_payload_next(&s));
        size_t take = n - at < (size_t)k ? n - at : (size_t)k;
        memcpy(buf + at, line, take);
        at += take;
    }
}

static bool read_file(const char *path, uint8_t **ret, size_t *ret_len)
{
    /* A pipe would be waited for; it is refused. */
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    FILE *f = fd >= 0 ? fdopen(fd, "rb") : NULL;
    struct stat st;
    uint8_t *buf = NULL;

    if (f == NULL || fstat(fileno(f), &st) < 0) {
        cli_error("bench", "%s: %s", path, strerror(errno));
        goto fail;
    }
    if (!S_ISREG(st.st_mode) || st.st_size > LONGEST_FILE) {
        cli_error("bench", "%s is no file of at most 1 GiB", path);
        goto fail;
    }
    size_t len = (size_t)st.st_size;
    buf = malloc(len + 1);
    if (buf == NULL || fread(buf, 1, len, f) != len) {
        cli_error("bench", "%s: %s", path, buf == NULL ? "out of memory" : "cannot be read");
        goto fail;
    }
    fclose(f);
    *ret = buf;
    *ret_len = len;
    return true;
fail:
    free(buf);
    if (f != NULL)
        fclose(f);
    else if (fd >= 0)
        close(fd);
    return false;
}

bool bench_payload_file(const char *path, uint64_t size, bool text, uint8_t **ret, size_t *ret_len)
{
    uint8_t *content, *buf;
    size_t len, n;

    if (!read_file(path, &content, &len))
        return false;
    if (text && !wsk__utf8_is_valid(content, len)) {
        cli_error("bench", "%s is not UTF-8; with --binary it can be sent", path);
        free(content);
        return false;
    }
    if (size == UINT64_MAX || size == len) {
        *ret = content;
        *ret_len = len;
        return true;
    }
    n = (size_t)size;
    buf = len > 0 ? malloc(n + 1) : NULL;
    if (buf == NULL) {
        cli_error("bench", "%s%s", len == 0 ? path : "out of memory",
                  len == 0 ? " is empty: it cannot be repeated" : "");
        free(content);
        return false;
    }
    for (size_t at = 0; at < n; at += len)
        memcpy(buf + at, content, n - at < len ? n - at : len);
    free(content);
    /* A character that was cut ends in spaces: octets 10xxxxxx and the one that leads them. */
    if (text && !wsk__utf8_is_valid(buf, n)) {
        size_t at = n;
        do
            buf[--at] = ' ';
        while (at > 0 && !wsk__utf8_is_valid(buf, n));
    }
    *ret = buf;
    *ret_len = n;
    return true;
}
