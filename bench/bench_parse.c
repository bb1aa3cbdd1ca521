/* SPDX-License-Identifier: MIT */
/*
 * What parsing costs: frame headers and opening handshakes, in nanoseconds each (median of some
 * rounds, with the least and the most), beside memcpy of the same octets and beside a plain
 * reference, which takes them apart octet by octet and checks nothing.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "http/handshake.h"
#include "wire/frame.h"

enum { ROUNDS = 25, FRAMES = 512, FIELDS = 64, HEAD_MAX = 8192 };

typedef struct subject {
    const char *name;
    uint64_t (*run)(void); /* one pass; what it found, so that nothing can be left out */
    double ns[ROUNDS];
} subject;

static uint8_t wire[FRAMES * (WSK__FRAME_HEAD_MAX + 125)], other[sizeof(wire)];
static size_t wire_len, payload_len;
static const char *request;
static size_t request_len;
/* Called through a pointer, so that the compiler cannot see that the copy is never read. */
static void *(*volatile copy)(void *, const void *, size_t) = memcpy;
static volatile uint64_t sink;

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static void measure(const char *title, subject *subjects, size_t n, unsigned units)
{
    unsigned times[8];

    for (size_t i = 0; i < n; i++) {
        /* As many passes as take about two milliseconds. */
        times[i] = 1;
        for (double took = 0; took < 2e6; times[i] *= 2) {
            double start = now();
            for (unsigned k = 0; k < times[i]; k++)
                sink = subjects[i].run();
            took = now() - start;
        }
    }
    for (int round = 0; round < ROUNDS; round++) {
        for (size_t i = 0; i < n; i++) {
            double start = now();
            for (unsigned k = 0; k < times[i]; k++)
                sink = subjects[i].run();
            subjects[i].ns[round] = (now() - start) / times[i] / units;
        }
    }
    for (size_t i = 0; i < n; i++)
        qsort(subjects[i].ns, ROUNDS, sizeof(double), by_value);
    for (size_t i = 0; i < n; i++) {
        const double *ns = subjects[i].ns;
        printf("%-30s %-12s %9.2f ns (%.2f to %.2f)  %7.2f x memcpy  %6.2f x reference\n", title,
               subjects[i].name, ns[ROUNDS / 2], ns[0], ns[ROUNDS - 1],
               ns[ROUNDS / 2] / subjects[0].ns[ROUNDS / 2],
               ns[ROUNDS / 2] / subjects[1].ns[ROUNDS / 2]);
    }
    putchar('\n');
    fflush(stdout);
}

/* ------------------------------------------------------------------------------- frames -- */

static uint64_t frames_memcpy(void)
{
    copy(other, wire, wire_len);
    return other[0];
}

static uint64_t frames_plain(void)
{
    uint64_t sum = 0;

    for (size_t at = 0; at < wire_len;) {
        const uint8_t *p = wire + at;
        unsigned opcode = p[0] & 15, n = p[1] & 127, extra = n == 126 ? 2 : n == 127 ? 8 : 0;
        uint64_t len = extra > 0 ? 0 : n;
        uint32_t key = 0;
        for (unsigned i = 0; i < extra; i++)
            len = len << 8 | p[2 + i];
        for (unsigned i = 0; i < 4; i++)
            key |= (uint32_t)p[2 + extra + i] << 8 * i;
        sum += opcode + len + key;
        at += 2 + extra + 4 + payload_len;
    }
    return sum;
}

static uint64_t frames_ours(void)
{
    const wsk__frame_context context = {
        .expect_mask = true, .max_len = UINT64_MAX >> 1, .budget = UINT64_MAX >> 1};
    wsk__frame f;
    wsk__rule rule;
    size_t need;
    uint64_t sum = 0;

    for (size_t at = 0; at < wire_len; at += f.head_len + payload_len) {
        if (wsk__frame_parse(wire + at, wire_len - at, &context, &f, &need, &rule) != 1)
            abort();
        sum += f.opcode + f.len + f.key;
    }
    return sum;
}

static void frames(const char *title, uint64_t len)
{
    subject subjects[] = {{.name = "memcpy", .run = frames_memcpy},
                          {.name = "reference", .run = frames_plain},
                          {.name = "ours", .run = frames_ours}};

    /* Of large frames the headers stand one behind the other, without what they announce. */
    payload_len = len <= 125 ? (size_t)len : 0;
    wire_len = 0;
    for (unsigned i = 0; i < FRAMES; i++) {
        wsk__frame_write(wire + wire_len, (uint8_t)(WSK__FIN | 2), len, true, 0x12345678 + i);
        wire_len += wsk__frame_head_len(len, true) + payload_len;
    }
    if (frames_plain() != frames_ours())
        abort();
    measure(title, subjects, 3, FRAMES);
}

/* --------------------------------------------------------------------------- handshakes -- */

static const char short_request[] = "GET /chat HTTP/1.1\r\n"
                                    "Host: server.example.com\r\n"
                                    "Upgrade: websocket\r\n"
                                    "Connection: Upgrade\r\n"
                                    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                                    "Sec-WebSocket-Version: 13\r\n\r\n";

static const char browser_request[] =
    "GET /feed?room=lobby&since=1718000000 HTTP/1.1\r\n"
    "Host: www.example.com:8443\r\n"
    "Connection: Upgrade\r\n"
    "Pragma: no-cache\r\n"
    "Cache-Control: no-cache\r\n"
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/126.0.0.0 Safari/537.36\r\n"
    "Upgrade: websocket\r\n"
    "Origin: https://www.example.com:8443\r\n"
    "Sec-WebSocket-Version: 13\r\n"
    "Accept-Encoding: gzip, deflate, br, zstd\r\n"
    "Accept-Language: en-GB,en;q=0.9,de;q=0.8\r\n"
    "Cookie: session=0123456789abcdef0123456789abcdef; theme=dark; consent=yes\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n";

static uint64_t handshake_memcpy(void)
{
    copy(other, request, request_len);
    return other[0];
}

static bool is_name(const char *p, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++) {
        char c = p[i] >= 'A' && p[i] <= 'Z' ? (char)(p[i] + 32) : p[i];
        if (c != name[i] || name[i] == 0)
            return false;
    }
    return name[n] == 0;
}

/* Lines, names and values; where the key stands. */
static uint64_t handshake_plain(void)
{
    const char *p = request, *end = request + request_len, *line = p, *colon = NULL, *key = NULL;
    bool upgrade = false;

    for (; p < end; p++) {
        if (*p == ':' && colon == NULL) {
            colon = p;
        } else if (*p == '\n') {
            if (colon != NULL) {
                size_t n = (size_t)(colon - line);
                upgrade = upgrade || is_name(line, n, "upgrade");
                if (is_name(line, n, "sec-websocket-key"))
                    key = colon + 2;
            }
            line = p + 1;
            colon = NULL;
        }
    }
    return upgrade && key != NULL ? (uint64_t)(key - request) : 0;
}

static uint64_t handshake_ours(void)
{
    wsk__field fields[FIELDS];
    wsk__head head = {.kind = WSK__HEAD_REQUEST, .fields = fields, .max_fields = FIELDS};
    wsk__refusal refusal;
    wsk_str key;

    if (wsk__head_parse(&head, request, request_len, 0, HEAD_MAX, &refusal) <= 0 ||
        wsk__handshake_judge_request(&head, &key, &refusal) != 1)
        abort();
    return (uint64_t)(key.ptr - request);
}

/* With the answer's Sec-WebSocket-Accept: SHA-1 and base64 by OpenSSL. */
static uint64_t handshake_answer(void)
{
    char accept[WSK__ACCEPT_LEN + 1];

    if (wsk__handshake_accept(request + handshake_ours(), accept) < 0)
        abort();
    return (uint64_t)(unsigned char)accept[0];
}

static void handshake(const char *title, const char *text)
{
    subject subjects[] = {{.name = "memcpy", .run = handshake_memcpy},
                          {.name = "reference", .run = handshake_plain},
                          {.name = "ours", .run = handshake_ours},
                          {.name = "with accept", .run = handshake_answer}};

    request = text;
    request_len = strlen(text);
    if (handshake_plain() != handshake_ours())
        abort();
    measure(title, subjects, 4, 1);
}

int main(void)
{
    frames("frame of 20 octets", 20);
    frames("frame of 125 octets", 125);
    frames("header of a frame of 16 KiB", 16384);
    frames("header of a frame of 1 MiB", 1 << 20);
    handshake("handshake, as short as can be", short_request);
    handshake("handshake of a browser", browser_request);
    return 0;
}
