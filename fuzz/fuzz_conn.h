/* SPDX-License-Identifier: MIT */
/*
 * A whole connection under a fuzzer: the first octets choose options and where the input is cut,
 * the rest is what the peer sends. Shared by fuzz_conn_server.c and fuzz_conn_client.c: the role
 * is a parameter.
 */
#ifndef FUZZ_CONN_H
#define FUZZ_CONN_H

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#include <websock/conn.h>

static inline int fuzz_random(void *ud, void *buf, size_t n)
{
    (void)ud;
    memset(buf, 0x5A, n);
    return 0;
}

/* Reads all output, so that a sanitizer sees every octet of it. */
static inline unsigned fuzz_drain(wsk_conn *c, uint64_t now, size_t most)
{
    struct iovec iov[4];
    unsigned sum = 0;
    size_t k;

    while ((k = wsk_conn_output(c, iov, 4)) > 0 && most-- > 0) {
        size_t n = 0;
        for (size_t i = 0; i < k; i++) {
            for (size_t j = 0; j < iov[i].iov_len; j++)
                sum += ((const uint8_t *)iov[i].iov_base)[j];
            n += iov[i].iov_len;
        }
        wsk_conn_sent(c, n, now);
    }
    return sum;
}

static inline void fuzz_events(wsk_conn *c, bool *ended)
{
    wsk_event ev;

    while (wsk_conn_next(c, &ev) == WSK_OK && ev.type != WSK_EV_NONE) {
        assert(!*ended); /* END is the last event */
        switch (ev.type) {
        case WSK_EV_REQUEST:
            if (ev.is_upgrade) {
                (void)wsk_conn_accept(c, NULL);
            } else {
                wsk_response r = WSK_RESPONSE_INIT;
                r.status = 200;
                (void)wsk_conn_respond(c, &r);
            }
            break;
        case WSK_EV_MESSAGE:
        case WSK_EV_DATA:
            assert(ev.opcode == WSK_OP_TEXT || ev.opcode == WSK_OP_BINARY);
            if (ev.type == WSK_EV_MESSAGE)
                (void)wsk_conn_send(c, ev.opcode, ev.data, ev.len, WSK_SEND_SKIP_UTF8);
            break;
        case WSK_EV_FAIL:
            assert(ev.text != NULL && *ev.text != 0);
            break;
        case WSK_EV_END:
            assert(ev.text != NULL && *ev.text != 0);
            *ended = true;
            break;
        default:
            break;
        }
    }
}

static inline int fuzz_conn(wsk_role role, const uint8_t *data, size_t size)
{
    static const char *const subs[] = {"chat", "superchat", NULL};
    wsk_config_options o = WSK_CONFIG_OPTIONS_INIT;
    wsk_hooks hooks = WSK_HOOKS_INIT;
    uint64_t now = 1000, next;
    bool ended = false;
    wsk_config *cfg;
    wsk_conn *c;

    if (size < 4)
        return 0;
    hooks.random = fuzz_random;
    o.role = role;
    o.hooks = &hooks;
    o.max_message = 70000;
    o.max_fragments = 50;
    o.max_ignored = 5000;
    o.message_timeout = 60000;
    o.subprotocols = subs;
    o.deflate.enabled = (data[0] & 1) != 0;
    o.deflate.threshold = 1;
    o.flags = (data[0] & 2 ? WSK_CONN_STREAM : 0) | (data[0] & 4 ? WSK_CONN_KEEP_REQUEST : 0);
    o.origin_policy = data[0] & 8 ? WSK_ORIGIN_SAME_HOST : WSK_ORIGIN_ANY;
    o.fragment_size = data[0] & 16 ? 5 : 0;
    bool slow_reader = (data[0] & 32) != 0, ready = (data[0] & 64) != 0;
    uint32_t cuts = (uint32_t)data[1] << 16 | (uint32_t)data[2] << 8 | data[3];
    data += 4;
    size -= 4;
    if (wsk_config_new(&cfg, &o) < 0)
        return 0;
    if (wsk_conn_new(&c, cfg, now) < 0)
        abort();
    if (role == WSK_ROLE_CLIENT) {
        wsk_request_options ro = WSK_REQUEST_OPTIONS_INIT;
        ro.host = "example.org";
        if (wsk_conn_request(c, &ro) < 0)
            abort();
    }
    (void)ready;
    while (size > 0) {
        /* A piece in memory of its own, so that a read beyond it is seen. */
        cuts = cuts * 1664525 + 1013904223;
        size_t n = cuts >> 24 & 1 ? 1 + (cuts >> 25) % 7 : size;
        if (n > size)
            n = size;
        uint8_t *piece = malloc(n), room[256];
        memcpy(piece, data, n);
        wsk_conn_lend_output(c, room, sizeof(room));
        (void)wsk_conn_feed(c, piece, n, now);
        fuzz_events(c, &ended);
        if (!slow_reader)
            (void)fuzz_drain(c, now, SIZE_MAX);
        (void)wsk_conn_unlend(c);
        free(piece);
        fuzz_events(c, &ended);
        assert(wsk_conn_queued(c) < (8u << 20));
        data += n;
        size -= n;
        now += cuts >> 20 & 15;
        wsk_conn_tick(c, now, &next);
    }
    (void)fuzz_drain(c, now, 3);
    (void)wsk_conn_close(c, 1000, "end");
    fuzz_events(c, &ended);
    (void)wsk_conn_feed(c, NULL, 0, now);
    fuzz_events(c, &ended);
    (void)fuzz_drain(c, now, SIZE_MAX);
    fuzz_events(c, &ended);
    for (int i = 0; i < 4 && !ended; i++) {
        now += 40000;
        wsk_conn_tick(c, now, &next);
        fuzz_events(c, &ended);
        (void)fuzz_drain(c, now, SIZE_MAX);
        fuzz_events(c, &ended);
    }
    assert(ended); /* every connection ends */
    wsk_conn_free(c);
    wsk_config_unref(cfg);
    return 0;
}

#endif
