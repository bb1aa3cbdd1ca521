/* SPDX-License-Identifier: MIT */
/*
 * What passes on the wire, for --wirelog and --verbose: the heads of the opening handshake, then
 * each frame with the fields of its header (RFC 6455 5.2) and the begin of its payload, unmasked.
 * Judges nothing: frames that break the rules are shown as they are.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "connect.h"
#include "escape.h"

enum {
    PREFIX = 48,           /* octets of a payload that are shown */
    MOST_HEAD = 64 * 1024, /* of a head; the library takes no longer one */
};

typedef enum phase {
    IN_HEAD,
    IN_FRAMES,
    IN_BODY, /* of an answer other than 101 */
} phase;

typedef struct direction {
    phase phase;
    text_buf head;
    uint8_t header[14];
    size_t have; /* octets of the header */
    size_t need; /* 0 once it is complete */
    uint64_t len, seen;
    uint8_t prefix[PREFIX];
} direction;

struct connect_wirelog {
    connect_session *s;
    direction to_peer, from_peer;
};

connect_wirelog *connect_wirelog_new(connect_session *s)
{
    connect_wirelog *w = calloc(1, sizeof(*w));

    if (w != NULL) {
        w->s = s;
        connect_wirelog_reset(w);
    }
    return w;
}

static void direction_reset(direction *d)
{
    text_deinit(&d->head);
    memset(d, 0, sizeof(*d));
    d->need = 2;
}

void connect_wirelog_reset(connect_wirelog *w)
{
    direction_reset(&w->to_peer);
    direction_reset(&w->from_peer);
}

void connect_wirelog_free(connect_wirelog *w)
{
    if (w == NULL)
        return;
    connect_wirelog_reset(w);
    free(w);
}

/* -------------------------------------------------------------------------------- heads -- */

static void show_head(connect_wirelog *w, const direction *d, bool sent)
{
    text_buf b = {0};

    if (w->s->set->verbose) {
        for (size_t i = 0; i < d->head.len;) {
            const char *line = d->head.at + i, *end = memchr(line, '\n', d->head.len - i);
            size_t len = end != NULL ? (size_t)(end - line) : d->head.len - i;
            text_put(&b, sent ? "> " : "< ");
            text_put_safe(&b, line, len > 0 && line[len - 1] == '\r' ? len - 1 : len, NULL);
            text_put(&b, "\n");
            i += len + 1;
        }
    } else {
        text_put_clock(&b);
        text_putf(&b, " %s head, %zu octets: ", sent ? "->" : "<-", d->head.len);
        size_t len = strcspn(d->head.at, "\r\n");
        text_put_safe(&b, d->head.at, len, NULL);
        text_put(&b, "\n");
    }
    connect_say(w->s, STDERR_FILENO, &b);
    text_deinit(&b);
}

/* Takes octets up to the empty line; returns how many. */
static size_t take_head(connect_wirelog *w, direction *d, bool sent, const uint8_t *data, size_t n)
{
    size_t i = 0;

    while (i < n) {
        text_put_n(&d->head, &data[i++], 1);
        bool ends = d->head.len >= 4 && memcmp(d->head.at + d->head.len - 4, "\r\n\r\n", 4) == 0;
        if (!ends && d->head.len < MOST_HEAD && !d->head.failed)
            continue;
        bool answer = !sent && ends && d->head.len >= 12;
        bool switched = sent || (answer && memcmp(d->head.at + 8, " 101", 4) == 0);
        bool interim = !switched && answer && memcmp(d->head.at + 8, " 1", 2) == 0;
        text_put_n(&d->head, "", 1);
        if (!d->head.failed) {
            d->head.len--;
            show_head(w, d, sent);
        }
        text_deinit(&d->head);
        d->phase = interim ? IN_HEAD : switched && ends ? IN_FRAMES : IN_BODY;
        break;
    }
    return i;
}

/* ------------------------------------------------------------------------------- frames -- */

static const char *opcode_name(unsigned opcode)
{
    static const char *const names[16] = {
        [0] = "continuation", "text", "binary", [8] = "close", "ping", "pong"};

    return names[opcode] != NULL ? names[opcode] : "reserved opcode";
}

static void put_payload(text_buf *b, const direction *d, unsigned opcode, bool plain)
{
    size_t n = d->len < PREFIX ? (size_t)d->len : PREFIX, skip = 0;

    if (opcode == 8 && n >= 2) {
        text_putf(b, " %u", (unsigned)d->prefix[0] << 8 | d->prefix[1]);
        skip = 2;
    }
    if (n == skip)
        return;
    /* Text up to the last whole character; everything else as digits. */
    size_t i = skip;
    while (plain && i < n) {
        uint32_t code;
        size_t len = escape_decode(d->prefix + i, n - i, &code);
        if (len == 0 && n - i < 4 && d->len > PREFIX)
            break;
        plain = len > 0 && (code >= 0x20 || code == '\n' || code == '\r' || code == '\t');
        i += len;
    }
    text_put(b, " ");
    if (plain)
        text_put_json(b, d->prefix + skip, i - skip);
    else
        text_put_hex(b, d->prefix + skip, n - skip);
    if (d->len > PREFIX)
        text_put(b, "...");
}

static void show_frame(connect_wirelog *w, direction *d, bool sent)
{
    const uint8_t *h = d->header;
    unsigned opcode = h[0] & 0x0fu, rsv = h[0] & 0x70u;
    bool masked = (h[1] & 0x80) != 0;
    text_buf b = {0};

    text_put_clock(&b);
    text_putf(&b, " %s %s", sent ? "->" : "<-", opcode_name(opcode));
    if (opcode_name(opcode)[0] == 'r')
        text_putf(&b, " %u", opcode);
    text_putf(&b, "%s%s%s%s", (h[0] & 0x80) != 0 ? " FIN" : "", (rsv & 0x40) != 0 ? " RSV1" : "",
              (rsv & 0x20) != 0 ? " RSV2" : "", (rsv & 0x10) != 0 ? " RSV3" : "");
    if (masked) {
        const uint8_t *key = h + d->have - 4;
        text_putf(&b, " mask=%02x%02x%02x%02x", key[0], key[1], key[2], key[3]);
        for (size_t i = 0; i < PREFIX; i++)
            d->prefix[i] ^= key[i & 3];
    }
    text_putf(&b, " length=%llu", (unsigned long long)d->len);
    put_payload(&b, d, opcode, rsv == 0 && opcode != 2);
    text_put(&b, "\n");
    connect_say(w->s, STDERR_FILENO, &b);
    text_deinit(&b);
}

/* The header has `have` octets: is that all of them? */
static void look_at_header(direction *d)
{
    const uint8_t *h = d->header;
    size_t extra = (h[1] & 0x7f) == 126 ? 2 : (h[1] & 0x7f) == 127 ? 8 : 0;
    size_t need = 2 + extra + ((h[1] & 0x80) != 0 ? 4 : 0);

    if (d->have < need) {
        d->need = need;
        return;
    }
    d->len = h[1] & 0x7fu;
    if (extra > 0) {
        d->len = 0;
        for (size_t i = 0; i < extra; i++)
            d->len = d->len << 8 | h[2 + i];
    }
    d->need = 0;
    d->seen = 0;
}

static size_t take_frame(connect_wirelog *w, direction *d, bool sent, const uint8_t *data, size_t n)
{
    size_t i = 0;

    while (d->need > 0 && i < n) {
        d->header[d->have++] = data[i++];
        if (d->have == d->need)
            look_at_header(d);
    }
    if (d->need > 0)
        return i;
    uint64_t shown = d->len < PREFIX ? d->len : PREFIX, left = d->len - d->seen;
    bool was_shown = d->seen >= shown && d->len > 0;
    size_t take = n - i < left ? n - i : (size_t)left;
    for (size_t k = 0; k < take && d->seen + k < PREFIX; k++)
        d->prefix[d->seen + k] = data[i + k];
    d->seen += take;
    if (!was_shown && d->seen >= shown)
        show_frame(w, d, sent);
    if (d->seen == d->len) {
        d->have = 0;
        d->need = 2;
        d->len = d->seen = 0;
    }
    return i + take;
}

void connect_wirelog_octets(connect_wirelog *w, bool sent, const uint8_t *data, size_t n)
{
    direction *d = sent ? &w->to_peer : &w->from_peer;
    size_t i = 0;

    while (i < n) {
        if (d->phase == IN_HEAD)
            i += take_head(w, d, sent, data + i, n - i);
        else if (d->phase == IN_FRAMES && w->s->set->wirelog)
            i += take_frame(w, d, sent, data + i, n - i);
        else
            return;
    }
}
