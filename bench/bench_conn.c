/* SPDX-License-Identifier: MIT */
/*
 * What a connection costs without any system call: echo of messages that come many at a time, as
 * one read brings them, in nanoseconds a message (median of some runs, with their spread).
 *
 *     bench_conn [SIZE...]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <time.h>

#include <websock/conn.h>

#include "wire/frame.h"
#include "wire/mask.h"

#define RUNS 15

static double seconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static _Noreturn void die(const char *what)
{
    fprintf(stderr, "bench_conn: %s\n", what);
    exit(1);
}

static wsk_conn *open_connection(wsk_config **ret_cfg, bool deflate)
{
    static const char request[] =
        "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
    wsk_config_options o = WSK_CONFIG_OPTIONS_INIT;
    char buf[sizeof(request)];
    struct iovec iov[4];
    wsk_event ev;
    wsk_conn *c = NULL;

    o.role = WSK_ROLE_SERVER;
    o.deflate.enabled = deflate;
    if (wsk_config_new(ret_cfg, &o) < 0 || wsk_conn_new(&c, *ret_cfg, 1) < 0)
        die("no memory");
    memcpy(buf, request, sizeof(request));
    if (wsk_conn_feed(c, buf, sizeof(request) - 1, 1) < 0)
        die("feed");
    while (wsk_conn_next(c, &ev) == WSK_OK && ev.type != WSK_EV_NONE)
        if (ev.type == WSK_EV_REQUEST)
            (void)!wsk_conn_accept(c, NULL);
    (void)wsk_conn_unlend(c);
    while (wsk_conn_output(c, iov, 4) > 0)
        wsk_conn_sent(c, iov[0].iov_len, 1);
    return c;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return x < y ? -1 : x > y;
}

static void run(size_t size, unsigned depth, wsk_opcode op)
{
    size_t head = wsk__frame_head_len(size, true), len = (head + size) * depth;
    uint8_t *wire = malloc(len), *in = malloc(len), *room = malloc(len + 4096);
    double ns[RUNS];
    wsk_config *cfg;
    wsk_conn *c = open_connection(&cfg, false);
    unsigned rounds = (unsigned)(40000000 / (len + 2000 * depth)) + 1;

    for (unsigned i = 0; i < depth; i++) {
        uint8_t *p = wire + i * (head + size);
        wsk__frame_write(p, (uint8_t)(0x80 | op), size, true, 0x12345678 + i);
        memset(p + head, 'a', size);
        wsk__mask(p + head, size, 0x12345678 + i, 0);
    }
    for (int r = 0; r < RUNS; r++) {
        double t = seconds(), copies;
        unsigned messages = 0;
        for (unsigned k = 0; k < rounds; k++) {
            struct iovec iov[4];
            wsk_event ev;
            memcpy(in, wire, len); /* it is unmasked in place */
            wsk_conn_lend_output(c, room, len + 4096);
            if (wsk_conn_feed(c, in, len, 1) < 0)
                die("feed");
            while (wsk_conn_next(c, &ev) == WSK_OK && ev.type == WSK_EV_MESSAGE) {
                (void)wsk_conn_send(c, ev.opcode, ev.data, ev.len, WSK_SEND_SKIP_UTF8);
                messages++;
            }
            size_t n = wsk_conn_output(c, iov, 4);
            while (n-- > 0)
                wsk_conn_sent(c, iov[n].iov_len, 1);
            (void)wsk_conn_unlend(c);
        }
        t = seconds() - t;
        if (messages != rounds * depth)
            die("messages were lost");
        copies = seconds();
        for (unsigned k = 0; k < rounds; k++) {
            memcpy(in, wire, len);
            __asm__ volatile("" : : "r"(in) : "memory");
        }
        copies = seconds() - copies;
        ns[r] = (t - copies) / messages * 1e9;
    }
    qsort(ns, RUNS, sizeof(ns[0]), by_value);
    printf("%8zu octets, %3u at a time, %-6s %9.1f ns a message (%.1f to %.1f)\n", size, depth,
           op == WSK_OP_TEXT ? "text" : "binary", ns[RUNS / 2], ns[0], ns[RUNS - 1]);
    wsk_conn_free(c);
    wsk_config_unref(cfg);
    free(wire);
    free(in);
    free(room);
}

int main(int argc, char **argv)
{
    static const size_t sizes[] = {20, 125, 1024, 16384, 65536};

    if (argc > 1) {
        for (int i = 1; i < argc; i++)
            run(strtoul(argv[i], NULL, 10), 64, WSK_OP_TEXT);
        return 0;
    }
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        run(sizes[i], sizes[i] > 2000 ? 2 : 64, WSK_OP_TEXT);
        run(sizes[i], sizes[i] > 2000 ? 2 : 64, WSK_OP_BINARY);
    }
    return 0;
}
