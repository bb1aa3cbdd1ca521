/* SPDX-License-Identifier: MIT */
/*
 * A client and a server of ours against each other: the input says what they send, with which
 * options, and where the wire is cut. Whatever is sent must arrive, unchanged and in order, and
 * neither may ever fail.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#include <websock/conn.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MAX_SENT 64

struct side {
    wsk_conn *c;
    const uint8_t *sent[MAX_SENT]; /* what the other side must get */
    size_t len[MAX_SENT];
    size_t n, got;
};

static uint32_t cuts;

static void take(struct side *s, struct side *other)
{
    wsk_event ev;

    while (wsk_conn_next(s->c, &ev) == WSK_OK && ev.type != WSK_EV_NONE) {
        assert(ev.type != WSK_EV_FAIL);
        if (ev.type == WSK_EV_REQUEST)
            (void)!wsk_conn_accept(s->c, NULL);
        if (ev.type == WSK_EV_MESSAGE) {
            assert(other->got < other->n);
            assert(ev.len == other->len[other->got]);
            assert(ev.len == 0 || memcmp(ev.data, other->sent[other->got], ev.len) == 0);
            other->got++;
        }
    }
}

static bool move(struct side *from, struct side *to)
{
    struct iovec iov;
    bool moved = false;

    while (wsk_conn_output(from->c, &iov, 1) > 0) {
        cuts = cuts * 1664525 + 1013904223;
        size_t n = cuts >> 30 ? iov.iov_len : 1 + (cuts >> 20) % 9;
        if (n > iov.iov_len)
            n = iov.iov_len;
        uint8_t *piece = malloc(n);
        memcpy(piece, iov.iov_base, n);
        wsk_conn_sent(from->c, n, 1);
        int fed = wsk_conn_feed(to->c, piece, n, 1);
        assert(fed == WSK_OK);
        take(to, from);
        (void)wsk_conn_unlend(to->c);
        free(piece);
        moved = true;
    }
    return moved;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    wsk_config_options o = WSK_CONFIG_OPTIONS_INIT;
    wsk_request_options ro = WSK_REQUEST_OPTIONS_INIT;
    wsk_config *cfg[2];
    struct side s[2];

    if (size < 6)
        return 0;
    memset(s, 0, sizeof(s));
    cuts = (uint32_t)data[1] << 8 | data[2];
    for (int i = 0; i < 2; i++) {
        uint8_t b = data[3 + i];
        o.role = i == 0 ? WSK_ROLE_SERVER : WSK_ROLE_CLIENT;
        o.deflate.enabled = (data[0] & 1) != 0;
        o.deflate.threshold = 1 + (data[0] >> 6);
        o.deflate.server_no_context_takeover = (b & 1) != 0;
        o.deflate.client_no_context_takeover = (b & 2) != 0;
        o.deflate.server_max_window_bits = b & 4 ? 8 + (b >> 5) : 0;
        o.deflate.client_max_window_bits = b & 8 ? 8 + (b >> 5) : 0;
        o.deflate.level = 1 + (b >> 4) % 9;
        o.fragment_size = data[0] & 2 ? 1 + data[5] : 0;
        if (wsk_config_new(&cfg[i], &o) < 0 || wsk_conn_new(&s[i].c, cfg[i], 1) < 0)
            abort();
    }
    ro.host = "a";
    if (wsk_conn_request(s[1].c, &ro) < 0)
        abort();
    while ((int)move(&s[1], &s[0]) | (int)move(&s[0], &s[1]))
        ;
    assert(wsk_conn_state(s[0].c) == WSK_STATE_OPEN && wsk_conn_state(s[1].c) == WSK_STATE_OPEN);
    data += 6;
    size -= 6;
    /* Each message: an octet of kind, two of length, then its octets (as many as there are). */
    while (size >= 3) {
        uint8_t kind = data[0];
        size_t n = (size_t)data[1] << 8 | data[2];
        struct side *from = &s[kind & 1];
        data += 3;
        size -= 3;
        if (n > size)
            n = size;
        if (kind & 2)
            (void)wsk_conn_ping(from->c, data, n < 125 ? n : 125);
        if (kind & 4)
            wsk_conn_trim(from->c);
        if (from->n < MAX_SENT) {
            int r;
            if (kind & 8) {
                r = wsk_conn_send_part(from->c, WSK_OP_BINARY, data, n / 2, false, 0);
                if (r == WSK_OK)
                    r = wsk_conn_send_part(from->c, WSK_OP_BINARY, data + n / 2, n - n / 2, true,
                                           0);
            } else {
                r = wsk_conn_send(from->c, WSK_OP_BINARY, data, n, 0);
            }
            assert(r == WSK_OK);
            from->sent[from->n] = data;
            from->len[from->n++] = n;
        }
        if (kind & 16)
            while ((int)move(&s[1], &s[0]) | (int)move(&s[0], &s[1]))
                ;
        data += n;
        size -= n;
    }
    while ((int)move(&s[1], &s[0]) | (int)move(&s[0], &s[1]))
        ;
    for (int i = 0; i < 2; i++)
        assert(s[i].got == s[i].n);
    for (int i = 0; i < 2; i++) {
        wsk_conn_free(s[i].c);
        wsk_config_unref(cfg[i]);
    }
    return 0;
}
