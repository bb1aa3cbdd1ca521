/* SPDX-License-Identifier: MIT */
/*
 * A whole connection under a fuzzer: the first octet chooses options, three say where the input is
 * cut, four more choose options of the handshake if the first one's bit 6 is set; the rest is what
 * the peer sends. Shared by fuzz_conn_server.c and fuzz_conn_client.c: the role is a parameter.
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

/* What the program does with the handshake, see fuzz_conn. */
typedef struct fuzz_opening {
    wsk_role role;
    bool chooses;  /* of the subprotocols, and adds fields */
    bool illegal;  /* ... that it must not */
    bool declines; /* whatever it is asked */
    bool head;     /* ... with neither type nor body of its own */
} fuzz_opening;

/* What stands in the handshake lies within its head. */
static inline void fuzz_look(const wsk_conn *c)
{
    const wsk_str head = wsk_conn_head(c), parts[] = {
                                               wsk_conn_path(c),
                                               wsk_conn_method(c),
                                               wsk_conn_target(c),
                                               wsk_conn_query(c),
                                               wsk_conn_header(c, "host", 0),
                                               wsk_conn_header(c, "Connection", 1),
                                           };
    /* An absolute URI may have no path, which means this one. */
    const bool rootless = parts[0].len == 1 && parts[0].ptr[0] == '/';
    const wsk_str body = wsk_conn_body(c);
    wsk_str name, value;
    size_t n = 0;
    unsigned sum = 0;

    for (size_t i = rootless; i < sizeof(parts) / sizeof(parts[0]); i++)
        if (parts[i].len > 0 &&
            (parts[i].ptr < head.ptr || parts[i].ptr + parts[i].len > head.ptr + head.len))
            abort();
    while (wsk_conn_header_at(c, n, &name, &value)) {
        if (name.len == 0 || name.ptr < head.ptr ||
            (value.len > 0 && value.ptr + value.len > head.ptr + head.len))
            abort();
        n++;
    }
    if ((n > 0 && head.len == 0) || body.len > 1024)
        abort();
    for (size_t i = 0; i < body.len; i++)
        sum += (uint8_t)body.ptr[i];
    (void)sum;
}

static inline void fuzz_answer(wsk_conn *c, const wsk_event *ev, const fuzz_opening *how)
{
    static const wsk_header legal = {"X-Fuzz", "yes"}, illegal = {"Upgrade", "yes"};
    wsk_response r = WSK_RESPONSE_INIT;
    wsk_accept_options o = WSK_ACCEPT_OPTIONS_INIT;

    o.headers = r.headers = how->illegal ? &illegal : &legal;
    o.n_headers = r.n_headers = 1;
    if (ev->is_upgrade && !how->declines) {
        if (!how->chooses) {
            if (wsk_conn_accept(c, NULL) < 0)
                abort();
            return;
        }
        /* One that was not offered is refused, and nothing is lost by it. */
        o.subprotocol = "superchat";
        if (wsk_conn_accept(c, &o) < 0) {
            o.subprotocol = "";
            if ((wsk_conn_accept(c, &o) < 0) != how->illegal)
                abort();
            if (how->illegal && wsk_conn_accept(c, NULL) < 0)
                abort();
        } else if (how->illegal || strcmp(wsk_conn_subprotocol(c), "superchat") != 0) {
            abort();
        }
        return;
    }
    r.status = how->declines ? 426 : 200;
    if (!how->head) {
        r.content_type = "text/html";
        r.body = "<p>no";
        r.body_len = 5;
    }
    if ((wsk_conn_respond(c, &r) < 0) != how->illegal)
        abort();
    r.n_headers = 0;
    if (how->illegal && wsk_conn_respond(c, &r) < 0)
        abort();
}

/* An open connection has no more than was asked for: one subprotocol of two, one extension. */
static inline void fuzz_terms(const wsk_conn *c, wsk_role role)
{
    const char *sub = wsk_conn_subprotocol(c), *deflate;
    static char text[8192];
    size_t n = wsk_conn_extensions(c, text, sizeof(text));

    if (*sub != 0 && strcmp(sub, "chat") != 0 && strcmp(sub, "superchat") != 0)
        abort();
    if (n >= sizeof(text) || strlen(text) != n)
        abort();
    deflate = strcasestr(text, "permessage-deflate");
    if (n > 0 && (deflate == NULL || strcasestr(deflate + 1, "permessage-deflate") != NULL ||
                  (role == WSK_ROLE_SERVER && deflate != text)))
        abort();
}

static inline void fuzz_events(wsk_conn *c, const fuzz_opening *how, bool *ended)
{
    wsk_event ev;

    while (wsk_conn_next(c, &ev) == WSK_OK && ev.type != WSK_EV_NONE) {
        assert(!*ended); /* END is the last event */
        switch (ev.type) {
        case WSK_EV_REQUEST:
            fuzz_look(c);
            fuzz_answer(c, &ev, how);
            break;
        case WSK_EV_MESSAGE:
        case WSK_EV_DATA:
            assert(ev.opcode == WSK_OP_TEXT || ev.opcode == WSK_OP_BINARY);
            if (ev.type == WSK_EV_MESSAGE)
                (void)wsk_conn_send(c, ev.opcode, ev.data, ev.len, WSK_SEND_SKIP_UTF8);
            break;
        case WSK_EV_OPEN:
            fuzz_look(c);
            fuzz_terms(c, how->role);
            break;
        case WSK_EV_FAIL:
            fuzz_look(c);
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

/* Settings that only some inputs have: four octets. */
static inline void fuzz_options(wsk_config_options *o, wsk_request_options *ro, fuzz_opening *how,
                                const uint8_t x[4])
{
    static const char *const origins[] = {"https://example.org", "null", NULL};
    static const wsk_header headers[] = {{"X-Fuzz", "yes"}, {"Cookie", "a=b"}};

    o->deflate.server_no_context_takeover = (x[0] & 1) != 0;
    o->deflate.client_no_context_takeover = (x[0] & 2) != 0;
    o->deflate.server_max_window_bits = 15 - (x[0] >> 2 & 7);
    o->deflate.client_max_window_bits = 15 - (x[0] >> 5 & 7);
    if (x[1] & 1)
        o->subprotocols = NULL;
    if (x[1] & 2)
        o->server_header = "fuzz";
    if (x[1] & 4) {
        o->origin_policy = WSK_ORIGIN_LIST;
        o->origins = origins;
    }
    o->flags |= (x[1] & 8 ? WSK_CONN_NO_AUTO_PONG : 0) | (x[1] & 16 ? WSK_CONN_SKIP_UTF8 : 0);
    if (x[1] & 32)
        o->max_head = 300;
    if (x[1] & 64)
        o->max_fields = 5;
    if (x[1] & 128)
        o->max_frame = 100;
    how->chooses = (x[2] & 1) != 0;
    how->illegal = (x[2] & 2) != 0;
    how->declines = (x[2] & 4) != 0;
    how->head = (x[2] & 8) != 0;
    ro->target = x[2] & 16 ? "/chat?room=1" : NULL;
    ro->origin = x[2] & 32 ? "https://example.org" : NULL;
    ro->headers = headers;
    ro->n_headers = x[2] >> 6 & 1 ? 2 : 0;
    o->high_water = x[3] & 3 ? 1000 : 0;
    o->low_water = x[3] & 1 ? 10 : 0;
    o->max_queued = x[3] & 2 ? 3000 : 0;
    o->ping_interval = x[3] & 4 ? 20 : 0;
    o->idle_timeout = x[3] & 8 ? 50 : 0;
    o->open_timeout = x[3] & 16 ? 30 : 0;
}

static inline int fuzz_conn(wsk_role role, const uint8_t *data, size_t size)
{
    static const char *const subs[] = {"chat", "superchat", NULL};
    wsk_request_options ro = WSK_REQUEST_OPTIONS_INIT;
    fuzz_opening how = {.role = role};
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
    bool slow_reader = (data[0] & 32) != 0, more = (data[0] & 64) != 0;
    /* The other end of the connection goes first, without a word. */
    bool lost = (data[0] & 128) != 0;
    uint32_t cuts = (uint32_t)data[1] << 16 | (uint32_t)data[2] << 8 | data[3];
    data += 4;
    size -= 4;
    if (more) {
        if (size < 4)
            return 0;
        fuzz_options(&o, &ro, &how, data);
        data += 4;
        size -= 4;
    }
    if (wsk_config_new(&cfg, &o) < 0)
        abort();
    if (wsk_conn_new(&c, cfg, now) < 0)
        abort();
    if (role == WSK_ROLE_CLIENT) {
        ro.host = "example.org";
        if (wsk_conn_request(c, &ro) < 0)
            abort();
    }
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
        fuzz_events(c, &how, &ended);
        if (!slow_reader)
            (void)fuzz_drain(c, now, SIZE_MAX);
        (void)wsk_conn_unlend(c);
        free(piece);
        fuzz_events(c, &how, &ended);
        assert(wsk_conn_queued(c) < (8u << 20));
        data += n;
        size -= n;
        now += cuts >> 20 & 15;
        wsk_conn_tick(c, now, &next);
    }
    (void)fuzz_drain(c, now, 3);
    if (!lost)
        (void)wsk_conn_close(c, 1000, "end");
    fuzz_events(c, &how, &ended);
    (void)wsk_conn_feed(c, NULL, 0, now);
    fuzz_events(c, &how, &ended);
    (void)fuzz_drain(c, now, SIZE_MAX);
    fuzz_events(c, &how, &ended);
    for (int i = 0; i < 4 && !ended; i++) {
        now += 40000;
        wsk_conn_tick(c, now, &next);
        fuzz_events(c, &how, &ended);
        (void)fuzz_drain(c, now, SIZE_MAX);
        fuzz_events(c, &how, &ended);
    }
    assert(ended); /* every connection ends */
    wsk_conn_free(c);
    wsk_config_unref(cfg);
    return 0;
}

#endif
