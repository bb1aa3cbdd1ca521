/* SPDX-License-Identifier: MIT */
/*
 * An open connection against a second reader of the same octets (slow_reader.h). Both must report
 * the same messages, pings, pongs and close, and the same failure at the same place.
 *
 * Input: an octet of options (bit 0: client, 1: permessage-deflate, 2: pieces instead of messages),
 * one that says how the octets are cut, then what the peer sends.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#include <websock/conn.h>

#include "slow_reader.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MAX_MESSAGE   300
#define MAX_INFLATED  65536
#define MAX_FRAGMENTS 8
#define MAX_SEEN      512

#define CHECK(cond)                                                                                \
    do {                                                                                           \
        if (!(cond))                                                                               \
            abort();                                                                               \
    } while (0)

typedef struct seen {
    int kind;
    unsigned what; /* opcode or code */
    uint8_t *data;
    size_t len;
} seen;

typedef struct log {
    seen at[MAX_SEEN];
    size_t n;
} log;

static void note(log *l, int kind, unsigned what, const void *data, size_t len)
{
    seen *s = &l->at[l->n];

    if (l->n == MAX_SEEN)
        return;
    l->n++;
    *s = (seen){kind, what, malloc(len + 1), len};
    CHECK(s->data != NULL);
    if (len > 0)
        memcpy(s->data, data, len);
}

static void log_free(log *l)
{
    for (size_t i = 0; i < l->n; i++)
        free(l->at[i].data);
}

/* ---------------------------------------------------------------------------- slow reader -- */

static void read_slowly(slow_reader *r, const uint8_t *p, size_t n, log *l)
{
    slow_event e;

    while (slow_next(r, &p, &n, &e))
        note(l, e.kind, e.what, e.data, e.len);
}

/* -------------------------------------------------------------------------------- our own -- */

static void take_events(wsk_conn *c, log *l, uint8_t **pieces, size_t *n_pieces)
{
    wsk_event ev;

    while (wsk_conn_next(c, &ev) == WSK_OK && ev.type != WSK_EV_NONE) {
        switch (ev.type) {
        case WSK_EV_REQUEST:
            CHECK(wsk_conn_accept(c, NULL) == WSK_OK);
            break;
        case WSK_EV_MESSAGE:
            note(l, SLOW_MESSAGE, ev.opcode, ev.data, ev.len);
            break;
        case WSK_EV_DATA:
            if (ev.first)
                *n_pieces = 0;
            *pieces = realloc(*pieces, *n_pieces + ev.len + 1);
            CHECK(*pieces != NULL);
            if (ev.len > 0)
                memcpy(*pieces + *n_pieces, ev.data, ev.len);
            *n_pieces += ev.len;
            if (ev.last)
                note(l, SLOW_MESSAGE, ev.opcode, *pieces, *n_pieces);
            break;
        case WSK_EV_PING:
        case WSK_EV_PONG:
            note(l, ev.type == WSK_EV_PING ? SLOW_PING : SLOW_PONG, 0, ev.data, ev.len);
            break;
        case WSK_EV_CLOSE:
            note(l, SLOW_CLOSE, ev.code, ev.data, ev.len);
            break;
        case WSK_EV_FAIL:
            note(l, SLOW_FAIL, ev.code, NULL, 0);
            break;
        default:
            break;
        }
    }
}

static void feed(wsk_conn *c, const uint8_t *p, size_t n, log *l, uint8_t **pieces,
                 size_t *n_pieces)
{
    struct iovec iov;
    uint8_t *own = malloc(n > 0 ? n : 1);

    CHECK(own != NULL);
    memcpy(own, p, n);
    CHECK(wsk_conn_feed(c, own, n, 1) == WSK_OK);
    take_events(c, l, pieces, n_pieces);
    CHECK(wsk_conn_unlend(c) == WSK_OK);
    free(own);
    while (wsk_conn_output(c, &iov, 1) > 0)
        wsk_conn_sent(c, iov.iov_len, 1);
}

/* Opens a server and a client with each other; the one under test is returned. */
static wsk_conn *opened(wsk_config *cfg[2], bool client)
{
    wsk_request_options ro = WSK_REQUEST_OPTIONS_INIT;
    wsk_conn *c[2];
    log none = {.n = MAX_SEEN};
    uint8_t *pieces = NULL, head[2048];
    size_t n_pieces = 0;

    ro.host = "a";
    for (int i = 0; i < 2; i++)
        CHECK(wsk_conn_new(&c[i], cfg[i], 1) == WSK_OK);
    CHECK(wsk_conn_request(c[1], &ro) == WSK_OK);
    for (int from = 1; from >= 0; from--) {
        struct iovec iov[8];
        size_t n = 0, k = wsk_conn_output(c[from], iov, 8);
        for (size_t i = 0; i < k; i++) {
            CHECK(n + iov[i].iov_len <= sizeof(head));
            memcpy(head + n, iov[i].iov_base, iov[i].iov_len);
            n += iov[i].iov_len;
        }
        wsk_conn_sent(c[from], n, 1);
        CHECK(wsk_conn_feed(c[!from], head, n, 1) == WSK_OK);
        take_events(c[!from], &none, &pieces, &n_pieces);
        CHECK(wsk_conn_unlend(c[!from]) == WSK_OK);
    }
    CHECK(wsk_conn_state(c[client]) == WSK_STATE_OPEN);
    wsk_conn_free(c[!client]);
    free(pieces);
    return c[client];
}

/* ------------------------------------------------------------------------------- the two -- */

static void compare(const log *ours, const log *slow, bool unknown, bool compressed)
{
    size_t n = slow->n;

    for (size_t i = 0; i < n; i++) {
        const seen *b = &slow->at[i];
        CHECK(i < ours->n);
        const seen *a = &ours->at[i];
        CHECK(a->kind == b->kind);
        /* A compressed message may be bad in several ways at once. */
        if (b->kind == SLOW_FAIL && b->what == 0)
            CHECK(a->what == 1002 || a->what == 1007 || a->what == 1009);
        else
            CHECK(a->what == b->what);
        CHECK(a->len == b->len && (a->len == 0 || memcmp(a->data, b->data, a->len) == 0));
    }
    /* Within a compressed message ours may see that it is bad before its end. */
    if (!unknown && ours->n > n)
        CHECK(compressed && ours->n == n + 1 && ours->at[n].kind == SLOW_FAIL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static log ours, slow;
    wsk_config_options o = WSK_CONFIG_OPTIONS_INIT;
    wsk_config *cfg[2];
    uint8_t *pieces = NULL;
    size_t n_pieces = 0;

    if (size < 2 || size > 8192)
        return 0;
    bool client = data[0] & 1, deflate = data[0] & 2;
    uint32_t cuts = data[1];
    o.deflate.enabled = deflate;
    o.max_message = deflate ? MAX_INFLATED : MAX_MESSAGE;
    o.max_fragments = MAX_FRAGMENTS;
    o.flags = data[0] & 4 ? WSK_CONN_STREAM : 0;
    for (int i = 0; i < 2; i++) {
        o.role = i == 0 ? WSK_ROLE_SERVER : WSK_ROLE_CLIENT;
        CHECK(wsk_config_new(&cfg[i], &o) == WSK_OK);
    }
    data += 2;
    size -= 2;

    ours.n = slow.n = 0;
    slow_reader r = {.server = !client,
                     .deflate = deflate,
                     .max_message = o.max_message,
                     .max_frame = o.max_message,
                     .max_fragments = MAX_FRAGMENTS};
    read_slowly(&r, data, size, &slow);

    wsk_conn *c = opened(cfg, client);
    for (size_t i = 0, n; i < size; i += n) {
        cuts = cuts * 1664525 + 1013904223;
        n = cuts >> 31 ? size - i : 1 + (cuts >> 24) % 11;
        if (n > size - i)
            n = size - i;
        feed(c, data + i, n, &ours, &pieces, &n_pieces);
    }
    compare(&ours, &slow, r.unknown, r.compressed);

    wsk_conn_free(c);
    for (int i = 0; i < 2; i++)
        wsk_config_unref(cfg[i]);
    slow_free(&r);
    free(pieces);
    log_free(&ours);
    log_free(&slow);
    return 0;
}
