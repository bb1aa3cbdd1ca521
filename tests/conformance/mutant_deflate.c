/* SPDX-License-Identifier: MIT */
/* See mutant_deflate.h. Out of memory ends the program: this is a tool of the tests. */
#include "mutant_deflate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define ZLIB_CONST
#include <zlib.h>

#define KEY "dGhlIHNhbXBsZSBub25jZQ=="

#define LIMIT ((size_t)16 << 20)
/* So much waits to be sent before it reads no more. */
#define MOST_QUEUED ((size_t)4 << 20)
/* So long without an octet is a silence. */
#define SILENCE_US 500000
/* So long fail_overtakes takes to answer. */
#define HOLD_US 1000

typedef struct terms {
    bool server_forgets, client_forgets, has_client_bits;
    unsigned server_bits, client_bits; /* 0: not said */
} terms;

typedef struct dm {
    dm_fault fault;
    bool client, open, closed, over, failed;
    queue out;
    octets in, message, old;
    size_t in_head;
    bool deflate, own_forgets, peer_forgets;
    unsigned own_bits, peer_bits;
    z_stream zin, zout;
    bool zin_end; /* behind a final block */
    bool greeted, in_message, binary, packed, had_packed, had_plain, boundary, bad;
    unsigned utf8_left;
    size_t empties;
    int64_t last; /* when something came; 0: nothing has */
    bool early, spoken;
    int64_t held_until; /* of fail_overtakes: what is to be written waits */
} dm;

/* ------------------------------------------------------------------------------ sending -- */

static void send_frame(dm *m, uint8_t first, const uint8_t *data, size_t len)
{
    /* A key of zeros is a key. */
    static const uint8_t key[4];
    const bool masked = m->client != (m->fault == DM_masked);
    uint8_t head[14];

    mutant_add(&m->out.o, head, mutant_frame_head(head, first, len, masked ? key : NULL));
    mutant_add(&m->out.o, data, len);
}

static void send_close(dm *m, unsigned code)
{
    octets payload = {NULL, 0, 0};

    if (m->closed)
        return;
    if (m->fault == DM_leaks && code == 0)
        code = 1000;
    if (code != 0)
        mutant_add(&payload, (const uint8_t[]){(uint8_t)(code >> 8), (uint8_t)code}, 2);
    if (m->fault == DM_leaks && code != 0)
        mutant_add(&payload, m->old.at, m->old.len < 60 ? m->old.len : 60);
    if (m->fault == DM_leaks_control && code != 0)
        mutant_add(&payload, "\x01\x02", 2);
    send_frame(m, 0x88, payload.at, payload.len);
    free(payload.at);
    m->closed = true;
    m->over = !m->client;
}

static void fail(dm *m, unsigned code)
{
    m->failed = true;
    if (m->fault == DM_fail_overtakes)
        m->out.o.len = m->out.head = 0;
    send_close(m, m->fault == DM_fail_code ? 1000 : code);
    if (m->fault == DM_after_failure)
        send_frame(m, 0x81, (const uint8_t *)"and", 3);
}

static void pack(dm *m, const uint8_t *data, size_t len, octets *ret)
{
    uint8_t buf[16384];

    if (m->own_forgets && m->fault != DM_keeps_own && m->fault != DM_keeps_wide &&
        m->fault != DM_large_wide)
        deflateReset(&m->zout);
    m->zout.next_in = data;
    m->zout.avail_in = (uInt)len;
    do {
        m->zout.next_out = buf;
        m->zout.avail_out = sizeof(buf);
        deflate(&m->zout, Z_SYNC_FLUSH);
        mutant_add(ret, buf, sizeof(buf) - m->zout.avail_out);
    } while (m->zout.avail_out == 0);
    ret->len -= 4;
}

static void echo(dm *m)
{
    const uint8_t first = m->binary ? 0x82 : 0x81;
    octets packed = {NULL, 0, 0};

    m->old.len = 0;
    mutant_add(&m->old, m->message.at, m->message.len < 200 ? m->message.len : 200);
    if (m->fault == DM_echo_none || (m->fault == DM_no_empty && m->message.len == 0) ||
        (m->fault == DM_loses_unread && queue_len(&m->out) > 65536))
        return;
    if (!m->deflate || m->fault == DM_legal_plain || m->message.len == 0 ||
        (m->fault == DM_large_wide && m->message.len < 1024)) {
        send_frame(m, first, m->message.at, m->message.len);
        if (m->fault == DM_large_more && m->message.len > (size_t)4 << 20)
            mutant_add(&m->out.o, m->message.at, 1000);
        return;
    }
    pack(m, m->message.at, m->message.len, &packed);
    send_frame(m, first | 0x40, packed.at, packed.len);
    free(packed.at);
}

/* ---------------------------------------------------------------------------- receiving -- */

/* The shortest form and the surrogates are Autobahn's to look at. */
static bool text_ok(dm *m, const uint8_t *data, size_t len)
{
    if (m->packed && m->fault == DM_no_utf8)
        return true;
    if (m->packed && m->fault == DM_utf8_frames)
        m->utf8_left = 0;
    for (size_t i = 0; i < len; i++) {
        const uint8_t b = data[i];

        if (m->utf8_left > 0 ? (b & 0xc0) != 0x80 : (b & 0xc0) == 0x80 || b > 0xf4)
            return false;
        if (m->utf8_left > 0)
            m->utf8_left--;
        else if (b >= 0xc0)
            m->utf8_left = b < 0xe0 ? 1 : b < 0xf0 ? 2 : 3;
    }
    return m->fault != DM_utf8_frames || !m->packed || m->utf8_left == 0;
}

/* What is behind a final block goes on with the same context. */
static void next_stream(dm *m)
{
    uint8_t window[32768];
    uInt n = 0;

    inflateGetDictionary(&m->zin, window, &n);
    inflateReset(&m->zin);
    inflateSetDictionary(&m->zin, window, n);
}

static bool refused_block(const dm *m, const uint8_t *data, size_t len)
{
    const unsigned type = len > 0 ? data[0] >> 1 & 3 : 3;
    const bool final = len > 0 && (data[0] & 1) != 0;

    if (!m->boundary || len == 0)
        return false;
    return (m->fault == DM_no_final && final && type != 3) ||
           (m->fault == DM_no_stored && type == 0 && len > 1) ||
           (m->fault == DM_no_dynamic && type == 2) ||
           (m->fault == DM_no_fixed && type == 1 && len > 1) ||
           (m->fault == DM_small_stored && type == 0 && len > 32767) ||
           (m->fault == DM_no_empty_blocks && len > 4 && memcmp(data, "\0\0\0\xff\xff", 5) == 0);
}

/* False: it cannot be decoded. */
static bool unpack(dm *m, const uint8_t *data, size_t len)
{
    uint8_t buf[16384];
    const uInt room = m->peer_bits < 15 && m->fault != DM_wide_inflate ? 1 : sizeof(buf);
    int status = Z_OK;

    m->zin.next_in = data;
    m->zin.avail_in = (uInt)len;
    if (len == 0)
        return true;
    if (refused_block(m, data, len))
        return false;
    if (m->zin_end && (m->fault == DM_stops_at_final || m->fault == DM_final_ends))
        return true;
    do {
        m->zin.next_out = buf;
        m->zin.avail_out = room;
        status = inflate(&m->zin, Z_SYNC_FLUSH);
        mutant_add(&m->message, buf, room - m->zin.avail_out);
        if (status == Z_STREAM_END) {
            m->zin_end = true;
            if (m->fault == DM_stops_at_final || m->fault == DM_final_ends)
                return true;
            next_stream(m);
            m->boundary = true;
        } else if (status != Z_OK && status != Z_BUF_ERROR) {
            return false;
        } else if (m->zin.avail_in == 0 || m->zin.avail_out > 0) {
            m->boundary = (m->zin.data_type & 128) != 0 && (m->zin.data_type & 63) == 0;
        }
        if (m->message.len > LIMIT && m->fault != DM_no_limit) {
            fail(m, m->fault == DM_limit_code ? 1002 : 1009);
            return true;
        }
        /* Enough to see that there is no limit. */
        if (m->message.len > (size_t)80 << 20)
            return true;
    } while (m->zin.avail_in > 0 || m->zin.avail_out == 0);
    return true;
}

static bool unpack_end(dm *m)
{
    static const uint8_t tail[] = {0, 0, 0xff, 0xff};

    if (m->boundary || m->failed)
        return true;
    if (!unpack(m, tail, 4))
        return m->fault == DM_takes_cut;
    return m->boundary || m->fault == DM_takes_cut || m->failed;
}

static void end_message(dm *m)
{
    m->in_message = false;
    if (m->packed && !unpack_end(m)) {
        fail(m, 1007);
        return;
    }
    if (m->failed)
        return;
    if (m->packed && m->peer_forgets && m->fault != DM_keeps_peer)
        inflateReset(&m->zin);
    if (m->fault == DM_forgets_peer && m->deflate)
        inflateReset(&m->zin);
    if (m->fault != DM_final_ends)
        m->zin_end = false;
    if (!m->binary && m->utf8_left > 0 && !(m->packed && m->fault == DM_no_utf8)) {
        fail(m, 1007);
        return;
    }
    echo(m);
}

static void data_frame(dm *m, uint8_t b0, const uint8_t *data, size_t len)
{
    const size_t had = (b0 & 15) == 0 ? m->message.len : 0;
    const bool fin = (b0 & 0x80) != 0;
    const uint8_t *stored = len > 5 ? memmem(data + 1, len - 1, "\0\0\xff\xff", 4) : NULL;

    if ((b0 & 15) != 0) {
        m->in_message = true;
        m->binary = (b0 & 15) == 2;
        m->packed = m->deflate &&
                    ((b0 & 0x40) != 0 || (m->fault == DM_plain_packed && m->had_packed && len > 0));
        if (m->fault == DM_packed_plain && m->had_plain)
            m->packed = false;
        m->had_packed = m->had_packed || m->packed;
        m->had_plain = m->had_plain || !m->packed;
        m->message.len = 0;
        m->utf8_left = 0;
        m->boundary = true;
    }
    if (m->packed && m->fault == DM_legal_no_payload && len == 0 && fin && had == 0 &&
        (b0 & 15) != 0) {
        fail(m, 1007);
        return;
    }
    m->empties += m->packed && len > 1000 && memcmp(data, "\0\0\0\xff\xff\0\0\0", 8) == 0 ? len / 5
                                                                                          : 0;
    if (m->packed && m->fault == DM_one_frame && (b0 & 15) == 0)
        inflateReset(&m->zin);
    if (m->packed && m->fault == DM_no_empty_frames && len == 0) {
        fail(m, 1007);
        return;
    }
    if (m->packed && m->fault == DM_one_block && stored != NULL)
        len = (size_t)(stored - data);
    if (!m->packed)
        mutant_add(&m->message, data, len);
    else if (!unpack(m, data, len) && m->fault != DM_takes_broken)
        fail(m, 1007);
    if (m->packed && m->fault == DM_tail_twice && len > 4 &&
        memcmp(data + len - 4, "\0\0\xff\xff", 4) == 0)
        mutant_add(&m->message, "..", 2);
    if (m->packed && m->fault == DM_no_empty_codes && len > 4 &&
        memcmp(data, "\x02\x08\x20\x80", 4) == 0)
        fail(m, 1007);
    if (m->failed)
        return;
    if (!m->packed && m->message.len > LIMIT && m->fault != DM_no_limit) {
        fail(m, m->fault == DM_limit_code ? 1002 : 1009);
        return;
    }
    if ((!m->binary || m->fault == DM_binary_text) && m->message.len > had &&
        !text_ok(m, m->message.at + had, m->message.len - had)) {
        fail(m, 1007);
        return;
    }
    if (m->packed && m->fault == DM_one_frame)
        m->boundary = true;
    if (fin && !(m->fault == DM_flood_tired && m->empties > 100000))
        end_message(m);
    else if (m->fault == DM_early_echo && !fin)
        echo(m);
}

static bool header_ok(const dm *m, uint8_t b0, uint8_t b1)
{
    const unsigned opcode = b0 & 15;
    unsigned rsv = b0 & 0x70;

    if (opcode > 0 && opcode < 3 && m->deflate)
        rsv &= m->fault == DM_rsv_other ? 0 : ~0x40u;
    if ((opcode == 0 && m->fault == DM_rsv1_cont) || (opcode > 7 && m->fault == DM_rsv1_control) ||
        (opcode == 8 && m->fault == DM_rsv1_close))
        rsv &= ~0x40u;
    if (rsv != 0 || m->client == ((b1 & 0x80) != 0))
        return false;
    if (opcode > 7)
        return (b0 & 0x80) != 0 && (b1 & 0x7f) < 126 && opcode < 11;
    return opcode < 3 && (opcode == 0) == m->in_message;
}

static void control_frame(dm *m, uint8_t b0, const uint8_t *data, size_t len)
{
    const unsigned opcode = b0 & 15;

    if (m->fault == DM_rsv1_close && (b0 & 0x40) != 0)
        return;
    if (opcode == 9) {
        if (m->fault == DM_ping_ends && m->in_message && m->packed)
            m->in_message = false;
        if (m->fault != DM_loses_pong || queue_len(&m->out) < 65536)
            send_frame(m, 0x8a, data, len);
    } else if (opcode == 8 && len == 1) {
        fail(m, 1002);
    } else if (opcode == 8) {
        send_close(m, len >= 2 ? (unsigned)(data[0] << 8 | data[1]) : 0);
        m->over = !m->client;
    }
}

/* False: more is needed. */
static bool next_frame(dm *m)
{
    uint8_t *at = m->in.at + m->in_head;
    const size_t have = m->in.len - m->in_head;
    size_t n;
    uint64_t len;

    if (have == 1 && m->fault == DM_echo_octet)
        send_frame(m, 0x81, at, 0);
    if (have < 2)
        return false;
    if (!header_ok(m, at[0], at[1])) {
        fail(m, 1002);
        return false;
    }
    n = mutant_frame_read(at, have, &len);
    if (n == 0)
        return false;
    if ((at[0] & 15) < 8 && len > LIMIT && m->fault != DM_no_limit) {
        fail(m, m->fault == DM_limit_code ? 1002 : 1009);
        return false;
    }
    n += at[1] & 0x80 ? 4 : 0;
    if (m->fault == DM_early_echo && (at[0] & 15) < 3 && have > 0 && have < n + len) {
        echo(m);
        return false;
    }
    /* A message that is never complete need not be kept to be taken. */
    if (have < n || have - n < len)
        return false;
    for (size_t i = 0; at[1] & 0x80 && i < len; i++)
        at[n + i] ^= at[n - 4 + (i & 3)];
    m->in_head += n + (size_t)len;
    if ((at[0] & 15) > 7)
        control_frame(m, at[0], at + n, (size_t)len);
    else
        data_frame(m, at[0], at + n, (size_t)len);
    return true;
}

/* ---------------------------------------------------------------------------- handshake -- */

/* 8 to 15, or 0. */
static unsigned bits_of(const dm *m, const char *s, size_t len)
{
    char text[32];
    unsigned long n;
    char *end;

    if (m->fault == DM_take_text)
        return 15;
    if (len > 1 && s[0] == '"') {
        if (m->fault == DM_no_quotes || s[len - 1] != '"')
            return 0;
        s++;
        len -= 2;
    }
    snprintf(text, sizeof(text), "%.*s", (int)len, s);
    n = strtoul(text, &end, 10);
    if (*text == '\0' || *end != '\0' || *text == '+' || *text == '-' || *text == ' ')
        return m->fault == DM_take_bits && *text == '-' ? 15 : 0;
    if (m->fault == DM_take_bits)
        return n >= 8 && n <= 15 ? (unsigned)n : 15;
    return n >= 8 && n <= 15 && *text != '0' ? (unsigned)n : 0;
}

static const char *trim(const char *s, size_t *len)
{
    while (*len > 0 && (*s == ' ' || *s == '\t'))
        s++, --*len;
    while (*len > 0 && (s[*len - 1] == ' ' || s[*len - 1] == '\t'))
        --*len;
    return s;
}

/* One offer, or an answer. False: not for us. */
static bool read_terms(const dm *m, const char *s, size_t len, terms *ret)
{
    static const char *const names[] = {"server_no_context_takeover", "client_no_context_takeover",
                                        "server_max_window_bits", "client_max_window_bits"};
    static const char name[] = "permessage-deflate";
    unsigned seen = 0;
    bool first = true;

    *ret = (terms){0};
    while (len > 0 || first) {
        const char *semi = memchr(s, ';', len);
        size_t n = semi ? (size_t)(semi - s) : len, n_name;
        const char *part = trim(s, &n), *equals;
        unsigned which = 0, bits = 0;

        len -= semi ? (size_t)(semi + 1 - s) : len;
        s = semi ? semi + 1 : s;
        if (first) {
            if (!(n == strlen(name) || (n > strlen(name) && m->fault == DM_take_prefix)) ||
                strncasecmp(part, name, strlen(name)) != 0)
                return false;
            first = false;
            if (semi && len == 0)
                return m->fault == DM_take_empty;
            continue;
        }
        if (n == 0 && m->fault == DM_take_empty)
            continue;
        equals = memchr(part, '=', n);
        n_name = equals ? (size_t)(equals - part) : n;
        while (which < 4 &&
               !(strlen(names[which]) == n_name && memcmp(part, names[which], n_name) == 0))
            which++;
        if (which == 4 && m->fault != DM_take_unknown)
            return false;
        if (which == 4)
            continue;
        if ((seen & 1u << which) && m->fault != DM_take_twice)
            return false;
        seen |= 1u << which;
        if (which < 2 && equals && m->fault != DM_take_value)
            return false;
        if (which >= 2 && equals)
            bits = bits_of(m, equals + 1, n - n_name - 1);
        if (which == 3 && !m->client &&
            ((m->fault == DM_no_bare_bits && !equals) ||
             (m->fault == DM_no_client_15 && bits == 15)))
            return false;
        if (which >= 2 && !bits && !(which == 3 && !equals && !m->client) &&
            !(m->fault == DM_take_none && !equals))
            return false;
        if (which == 0)
            ret->server_forgets = true;
        else if (which == 1)
            ret->client_forgets = true;
        else if (which == 2)
            ret->server_bits = bits ? bits : 15;
        else
            ret->has_client_bits = true, ret->client_bits = bits;
    }
    return true;
}

static void begin_deflate(dm *m, const terms *t)
{
    const unsigned server = t->server_bits ? t->server_bits : 15;
    const unsigned client = t->client_bits ? t->client_bits : 15;
    unsigned out;

    m->deflate = true;
    m->own_forgets = m->client ? t->client_forgets : t->server_forgets;
    m->peer_forgets = m->client ? t->server_forgets : t->client_forgets;
    m->own_bits = m->client ? client : server;
    m->peer_bits = m->client ? server : client;
    if (m->fault == DM_small_window && m->peer_bits > 8)
        m->peer_bits--;
    out = m->fault == DM_wide_window || m->fault == DM_keeps_wide || m->fault == DM_large_wide
              ? 15
              : m->own_bits;
    deflateInit2(&m->zout, 9, Z_DEFLATED, out < 9 ? -9 : -(int)out, 8,
                 out < 9 ? Z_HUFFMAN_ONLY : Z_DEFAULT_STRATEGY);
    inflateInit2(&m->zin, m->fault == DM_wide_inflate ? -15 : -(int)m->peer_bits);
}

/* Goes through the elements of all fields; calls of one kind: offers of a client, or the answer.
 * Returns how many elements there were, -1 for one that cannot be read. */
static int read_extensions(dm *m, const char *head, terms *ret, bool *found)
{
    static const char field[] = "Sec-WebSocket-Extensions:";
    int n = 0, fields = 0;

    *found = false;
    for (const char *line = head; (line = strchr(line, '\n')) != NULL;) {
        const char *end = strstr(++line, "\r\n"), *s;

        if (strncasecmp(line, field, strlen(field)) != 0)
            continue;
        if (++fields > 1 && m->fault == DM_first_field)
            break;
        s = line + strlen(field);
        while (s < end) {
            const char *comma = s;
            bool quoted = false;
            terms t;

            for (; comma < end && (quoted || *comma != ','); comma++)
                quoted = quoted != (*comma == '"');
            if (++n > 1 && m->fault == DM_first_offer)
                return n;
            if (m->fault == DM_last_offer)
                *found = false;
            if (!*found && read_terms(m, s, (size_t)(comma - s), &t)) {
                *ret = t;
                *found = true;
            } else if (m->client && !*found) {
                return -1;
            }
            s = comma + 1;
        }
    }
    return n;
}

static void put(dm *m, const char *text)
{
    mutant_add_text(&m->out.o, text);
}

static void put_accept(dm *m, const char *head)
{
    const char *key = strcasestr(head, "Sec-WebSocket-Key: ");
    char accept[64];

    mutant_accept(key ? key + 19 : KEY, 24, accept);
    put(m, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
           "Server: mutant\r\nSec-WebSocket-Accept: ");
    put(m, accept);
    put(m, "\r\n");
}

static void answer(dm *m, const char *head)
{
    char text[300];
    bool found;
    terms t;
    const int n = read_extensions(m, head, &t, &found);

    if (m->fault == DM_no_deflate)
        found = false;
    if (!found && n > 0 && m->fault == DM_refuse_offers) {
        put(m, "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        m->over = true;
        return;
    }
    put_accept(m, head);
    if (found) {
        begin_deflate(m, &t);
        put(m, "Sec-WebSocket-Extensions: permessage-deflate");
        if (t.server_forgets && m->fault != DM_drops_forgets)
            put(m, "; server_no_context_takeover");
        if (t.client_forgets)
            put(m, "; client_no_context_takeover");
        if (t.server_bits && m->fault != DM_drops_server_bits) {
            snprintf(text, sizeof(text), "; server_max_window_bits=%u", t.server_bits);
            put(m, text);
        }
        if (t.client_bits || m->fault == DM_adds_client_bits) {
            snprintf(text, sizeof(text), "; client_max_window_bits=%u",
                     t.client_bits ? t.client_bits : 15);
            put(m, text);
        }
        put(m, "\r\n");
    }
    if (!found && n > 0 && m->fault == DM_agrees)
        put(m, "Sec-WebSocket-Extensions: x-unknown\r\n");
    put(m, "\r\n");
    m->open = true;
}

static void take_answer(dm *m, const char *head)
{
    bool found;
    terms t;
    const int n = read_extensions(m, head, &t, &found);
    const bool ok = n == 0 || (found && (n == 1 || m->fault == DM_take_more));

    m->open = ok;
    m->over = !ok;
    if (ok && n > 0)
        begin_deflate(m, &t);
}

/* ------------------------------------------------------------------------------ as a kind -- */

static void *begin(unsigned fault, bool client)
{
    dm *m = calloc(1, sizeof(*m));

    if (m == NULL)
        mutant_die();
    m->fault = (dm_fault)fault;
    m->client = client;
    if (client) {
        put(m, "GET / HTTP/1.1\r\nHost: memory:1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
               "Sec-WebSocket-Key: " KEY "\r\nSec-WebSocket-Version: 13\r\n");
        if (fault != DM_no_deflate)
            put(m, "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n");
        put(m, "\r\n");
    }
    if (fault == DM_early_open)
        send_frame(m, 0x81, (const uint8_t *)"hello", 5);
    if (fault == DM_early_answer) {
        put_accept(m, "");
        put(m, "\r\n");
    }
    return m;
}

static void release(void *of)
{
    dm *m = of;

    if (m->deflate) {
        inflateEnd(&m->zin);
        deflateEnd(&m->zout);
    }
    free(m->in.at);
    free(m->out.o.at);
    free(m->message.at);
    free(m->old.at);
    free(m);
}

/* What it says to a head whose end is not there yet. */
static void speak_early(dm *m)
{
    const octets *in = &m->in;
    const bool whole = memmem(in->at, in->len, "\r\n\r\n", 4) != NULL;
    const bool late = memmem(in->at, in->len, "\r\nX-More:", 9) != NULL;

    if (whole || (m->fault == DM_early_fields || m->fault == DM_open_fields ? !late : late))
        return;
    if (m->fault == DM_early_fields || (m->fault == DM_early_line && in->len >= 3)) {
        put_accept(m, "");
        put(m, "\r\n");
        m->early = true;
    } else if (m->fault == DM_open_fields || m->fault == DM_open_line) {
        send_frame(m, 0x81, (const uint8_t *)"hello", 5);
        m->early = true;
    }
}

static void feed(void *of, int64_t now, const uint8_t *data, size_t len)
{
    dm *m = of;

    const bool was_open = m->open;
    const bool slept = m->open && m->last != 0 && now - m->last >= SILENCE_US;

    m->last = now;
    if (m->over || m->closed || (slept && m->fault == DM_sleeps))
        return;
    mutant_add(&m->in, data, len);
    if (!m->open && !m->early)
        speak_early(m);
    if (!m->open) {
        char *end;

        mutant_end_text(&m->in);
        end = memmem(m->in.at, m->in.len, "\r\n\r\n", 4);
        if (end == NULL)
            return;
        end[3] = '\0';
        m->in_head = (size_t)(end + 4 - (char *)m->in.at);
        if (m->client)
            take_answer(m, (char *)m->in.at);
        else
            answer(m, (char *)m->in.at);
    }
    if (m->fault == DM_greets && !m->greeted) {
        m->greeted = true;
        send_frame(m, 0x81, (const uint8_t *)"hello", 5);
    }
    while (!m->over && !m->closed && next_frame(m))
        ;
    if (m->fault == DM_fail_overtakes && was_open && !m->closed)
        m->held_until = now + HOLD_US;
    if (m->in_head > 0) {
        mutant_cut(&m->in, m->in_head);
        m->in_head = 0;
    }
}

static void end(void *of)
{
    dm *m = of;

    if (m->fault == DM_leaks)
        fail(m, 1002);
    m->over = true;
}

static bool may_speak(const dm *m)
{
    return m->fault == DM_speaks_idle && m->open && !m->spoken && !m->over &&
           queue_len(&m->out) == 0;
}

static const uint8_t *output(const void *of, int64_t now, size_t *ret_len)
{
    static const uint8_t hello[2][11] = {"\x81\x05hello", "\x81\x85\0\0\0\0hello"};
    const dm *m = of;

    if (may_speak(m) && now >= m->last + SILENCE_US) {
        *ret_len = m->client ? 11 : 7;
        return hello[m->client];
    }
    *ret_len = 0;
    return now < m->held_until ? NULL : queue_at(&m->out, ret_len);
}

static void taken(void *of, size_t n)
{
    dm *m = of;

    if (may_speak(m))
        m->spoken = true;
    else
        queue_taken(&m->out, n);
}

static int64_t deadline(const void *of)
{
    const dm *m = of;

    if (m->held_until > m->last && queue_len(&m->out) > 0)
        return m->held_until;
    return may_speak(m) ? m->last + SILENCE_US : INT64_MAX;
}

static bool is_full(const void *of)
{
    const dm *m = of;

    return queue_len(&m->out) > MOST_QUEUED && m->fault != DM_loses_unread;
}

static bool is_over(const void *of)
{
    return ((const dm *)of)->over;
}

MUTANT_KIND_WORDS(DM_MAP)

const mutant_kind deflate_kind = {
    .prefix = "DM_",
    .n_faults = DM_COUNT,
    .name = name_of,
    .text = text_of,
    .begin = begin,
    .free = release,
    .feed = feed,
    .end = end,
    .output = output,
    .taken = taken,
    .is_full = is_full,
    .deadline = deadline,
    .is_over = is_over,
};
