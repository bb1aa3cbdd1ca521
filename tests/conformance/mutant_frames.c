/* SPDX-License-Identifier: MIT */
/* See mutant_frames.h. */
#include "mutant_frames.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define ZLIB_CONST
#include <zlib.h>

#define KEY "dGhlIHNhbXBsZSBub25jZQ=="

/* Frames of a message that are taken. */
#define MOST_FRAMES 20000
/* So long close_half and fail_overtakes take to answer. */
#define HOLD_US 1000

/* A frame that is kept. */
typedef struct hoarded {
    struct hoarded *next;
    size_t len;
    uint8_t octets[];
} hoarded;

typedef struct fm {
    fm_fault fault;
    bool client, open, closed, over, mute;
    bool deflate;
    z_stream in_z, out_z;
    queue out;
    octets in, message, packed, pong;
    size_t in_head;
    size_t read_from; /* where the last read began, for mask_reads */
    bool in_message, binary, compressed;
    uint8_t first_mask[4];
    size_t phase;
    unsigned frames, controls;
    uint64_t random;
    uint32_t counter;
    bool failed; /* the close was ours */
    int octet;   /* of FM_OCTET; -1: none */
    size_t cut;  /* of FM_CUT; 0: none */
    size_t had;  /* octets of frames */
    hoarded *hoard;
    uint8_t *announced; /* of hoard_announced */
    int64_t held_until; /* what is to be written waits until then; 0: it does not */
} fm;

/* ------------------------------------------------------------------------------ output -- */

static uint32_t random_32(fm *m)
{
    uint64_t z = m->random += 0x9e3779b97f4a7c15u;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return (uint32_t)(z >> 32);
}

static void choose_key(fm *m, uint8_t key[4], unsigned opcode, size_t len)
{
    uint32_t r = random_32(m);

    m->counter++;
    if (m->fault == FM_key_same || (m->fault == FM_key_pong_same && opcode == 10))
        r = 0x12345678;
    else if (m->fault == FM_key_counter)
        r = m->counter * 16777619u + 1;
    else if (m->fault == FM_key_lcg)
        r = m->counter = m->counter * 1664525u + 1013904223u;
    else if (m->fault == FM_key_zero_empty && len == 0)
        r = 0;
    else if (m->fault == FM_key_16_bits)
        r = (r & 0xffff) * 0x10001u;
    else if (m->fault == FM_key_printable)
        r = (r & 0x3f3f3f3fu) + 0x20202020u;
    else if (m->fault == FM_key_alternates && m->counter % 2 == 0)
        r = ~(uint32_t)m->first_mask[0];
    memcpy(key, &r, 4);
    if (m->fault == FM_key_alternates && m->counter % 2 != 0)
        memcpy(m->first_mask, key, 4);
    else if (m->fault == FM_key_alternates) {
        for (int i = 0; i < 4; i++)
            key[i] = (uint8_t)~m->first_mask[i];
    }
}

static void send_frame(fm *m, uint8_t first, const uint8_t *data, size_t len)
{
    uint8_t head[14], key[4];

    if (m->mute)
        return;
    if (m->client)
        choose_key(m, key, first & 15, len);
    mutant_add(&m->out.o, head, mutant_frame_head(head, first, len, m->client ? key : NULL));
    mutant_add(&m->out.o, data, len);
    if (m->client) {
        uint8_t *at = m->out.o.at + m->out.o.len - len;

        for (size_t i = 0; i < len; i++)
            at[i] ^= key[i & 3];
    }
}

static void send_close(fm *m, unsigned code)
{
    uint8_t payload[32] = {(uint8_t)(code >> 8), (uint8_t)code};
    size_t n = code != 0 && (m->fault != FM_close_any || m->failed) ? 2 : 0;

    if (m->fault == FM_close_never_blocked && queue_len(&m->out) > 100000)
        return;
    if (m->fault == FM_fail_octet && m->failed)
        n = 1;
    if (n == 2 && m->fault == FM_legal_reason)
        n += (size_t)snprintf((char *)payload + 2, sizeof(payload) - 2, "so it is");
    if (n == 2 && m->fault == FM_fail_reason) {
        payload[2] = 0xff;
        n = 3;
    }
    send_frame(m, 0x88, payload, n);
}

static void violation(fm *m, unsigned code)
{
    if (m->closed)
        return;
    if (m->fault == FM_fail_silent) {
        m->closed = m->mute = true;
        return;
    }
    m->failed = m->closed = true;
    if (m->fault == FM_fail_code)
        code = 1000;
    if (m->fault == FM_fail_1005)
        code = 1005;
    if (m->fault == FM_fail_overtakes)
        m->out.o.len = m->out.head = 0;
    if (m->fault != FM_legal_drop)
        send_close(m, code);
    if (m->fault == FM_fail_echoes)
        send_frame(m, 0x81, (const uint8_t *)"late", 4);
    /* These are there for what comes next. */
    m->over = m->fault != FM_fail_answers && m->fault != FM_fail_stays;
}

/* Deflates one whole message, without the tail. */
static void send_packed(fm *m, uint8_t first, const uint8_t *data, size_t len)
{
    uint8_t buf[16384];
    octets all = {NULL, 0, 0};

    m->out_z.next_in = data;
    m->out_z.avail_in = (uInt)len;
    do {
        m->out_z.next_out = buf;
        m->out_z.avail_out = sizeof(buf);
        deflate(&m->out_z, Z_SYNC_FLUSH);
        mutant_add(&all, buf, sizeof(buf) - m->out_z.avail_out);
    } while (m->out_z.avail_out == 0);
    send_frame(m, first | 0x40, all.at, all.len - 4);
    free(all.at);
}

static void echo(fm *m, const uint8_t *data, size_t len)
{
    const uint8_t first = m->binary ? 0x82 : 0x81;

    if (m->fault == FM_echo_none)
        return;
    if (m->fault == FM_legal_pings)
        send_frame(m, 0x89, (const uint8_t *)"?", 1);
    if (m->deflate && m->fault != FM_legal_plain && len > 0)
        send_packed(m, first, data, len);
    else
        send_frame(m, first, data, len);
}

/* -------------------------------------------------------------------------------- text -- */

static bool is_utf8(const uint8_t *s, size_t len)
{
    for (size_t i = 0; i < len;) {
        const uint8_t c = s[i];
        const size_t n = c < 0x80   ? 1
                         : c < 0xc2 ? 0
                         : c < 0xe0 ? 2
                         : c < 0xf0 ? 3
                         : c < 0xf5 ? 4
                                    : 0;

        if (n == 0 || i + n > len)
            return false;
        for (size_t k = 1; k < n; k++) {
            if ((s[i + k] & 0xc0) != 0x80)
                return false;
        }
        if ((c == 0xe0 && s[i + 1] < 0xa0) || (c == 0xed && s[i + 1] > 0x9f) ||
            (c == 0xf0 && s[i + 1] < 0x90) || (c == 0xf4 && s[i + 1] > 0x8f))
            return false;
        i += n;
    }
    return true;
}

/* ------------------------------------------------------------------------------ control -- */

static bool code_ok(const fm *m, unsigned code)
{
    switch (m->fault) {
    case FM_close_codes:
        return true;
    case FM_close_young:
        if (code >= 1012 && code <= 1014)
            return false;
        break;
    case FM_close_old:
        if (code > 1000 && code < 3000)
            return false;
        break;
    case FM_close_private:
        if (code >= 3000)
            return false;
        break;
    default:
        break;
    }
    return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) ||
           (code >= 3000 && code <= 4999);
}

static bool reason_ok(const fm *m, const uint8_t *s, size_t len)
{
    if (m->fault == FM_close_no_reason && len > 0)
        return false;
    if (m->fault == FM_close_short_reason && len > 120)
        return false;
    if (m->fault == FM_close_nul && len > 0 && memchr(s, 0, len) != NULL)
        return false;
    for (size_t i = 0; m->fault == FM_close_ascii && i < len; i++) {
        if (s[i] >= 0x80)
            return false;
    }
    return m->fault == FM_close_reason || is_utf8(s, len);
}

static void keep(fm *m, const uint8_t *data, size_t len)
{
    hoarded *h = malloc(sizeof(*h) + len);

    if (h == NULL)
        mutant_die();
    h->len = len;
    if (len > 0)
        memcpy(h->octets, data, len);
    h->next = m->hoard;
    m->hoard = h;
}

static void pong(fm *m, const uint8_t *data, size_t len)
{
    uint8_t first = 0x8a;

    if (m->fault == FM_pong_empty)
        len = 0;
    if (m->fault == FM_pong_64 && len > 64)
        len = 64;
    if (m->fault == FM_pong_string && len > 0)
        len = strnlen((const char *)data, len);
    if (m->fault == FM_pong_packed && m->in_message && m->compressed)
        first |= 0x40;
    if (m->fault == FM_hoard_pongs)
        keep(m, data, len);
    send_frame(m, first, data, len);
}

static void late_pongs(fm *m)
{
    for (size_t i = 0; i < m->pong.len; i += 1u + m->pong.at[i])
        pong(m, m->pong.at + i + 1, m->pong.at[i]);
    m->pong.len = 0;
}

static void got_close(fm *m, const uint8_t *data, size_t len)
{
    const unsigned code = len >= 2 ? (unsigned)(data[0] << 8 | data[1]) : 0;
    const bool wrong = (m->in_message && m->fault == FM_close_in_message) ||
                       (m->fault == FM_close_not_behind && queue_len(&m->out) > 0) ||
                       (m->in_message && m->compressed && m->fault == FM_close_in_packed) ||
                       (len == 1 && m->fault != FM_close_octet) ||
                       (len >= 2 && !code_ok(m, code)) ||
                       (len > 2 && !reason_ok(m, data + 2, len - 2));

    if (wrong && m->fault != FM_close_any) {
        violation(m, len > 2 && code_ok(m, code) ? 1007 : 1002);
        return;
    }
    late_pongs(m);
    m->closed = true;
    if (m->fault == FM_close_none)
        return;
    send_close(m, len == 1 || code == 0 ? 1000 : code);
    if (m->fault == FM_answer_echoes)
        send_frame(m, 0x81, (const uint8_t *)"late", 4);
    m->over = m->fault != FM_goes_on && m->fault != FM_again_behind;
}

static void got_ping(fm *m, const uint8_t *data, size_t len)
{
    if (m->fault == FM_no_pong || (m->fault == FM_pong_text && !is_utf8(data, len)) ||
        (m->fault == FM_pong_empty_lost && len == 0))
        return;
    if (m->fault == FM_pong_eats)
        m->in_message = false;
    if (m->fault == FM_pong_inflates && m->in_message && m->compressed)
        mutant_add(&m->packed, data, len);
    if (m->fault == FM_pong_last)
        m->pong.len = 0;
    if (m->fault == FM_pong_last || (m->fault == FM_pong_late && m->in_message)) {
        const uint8_t n = (uint8_t)len;

        mutant_add(&m->pong, &n, 1);
        mutant_add(&m->pong, data, len);
        return;
    }
    pong(m, data, len);
}

static void control_frame(fm *m, unsigned opcode, const uint8_t *data, size_t len)
{
    m->controls++;
    if (m->fault == FM_legal_few_pings && m->controls > 1000)
        m->over = m->closed = m->mute = true;
    if (m->fault == FM_pong_stuck && m->controls > 1000)
        m->closed = m->mute = true;
    if (m->mute)
        return;
    if (opcode == 8)
        got_close(m, data, len);
    else if (opcode == 9)
        got_ping(m, data, len);
    else if (opcode == 10 && m->fault == FM_pong_answered)
        send_frame(m, 0x8a, data, len);
}

/* -------------------------------------------------------------------------------- data -- */

static uint64_t limit_of(const fm *m)
{
    if (m->fault == FM_limit_low)
        return FM_LIMIT - 1;
    if (m->fault == FM_limit_lower)
        return FM_LIMIT - 2;
    if (m->fault == FM_limit_high)
        return FM_LIMIT + 1;
    return m->fault == FM_no_limit || m->fault == FM_top_bit || m->fault == FM_hoard_announced
               ? UINT64_MAX
               : FM_LIMIT;
}

static void too_big(fm *m)
{
    violation(m, m->fault == FM_limit_code ? 1003 : m->fault == FM_limit_lax_code ? 1008 : 1009);
}

/* False: the message is too big, or no deflated data. */
static bool inflate_message(fm *m)
{
    static const uint8_t tail[4] = {0, 0, 0xff, 0xff};
    uint8_t buf[16384];

    mutant_add(&m->packed, tail, 4);
    m->in_z.next_in = m->packed.at;
    m->in_z.avail_in = (uInt)m->packed.len;
    do {
        int status;

        m->in_z.next_out = buf;
        m->in_z.avail_out = sizeof(buf);
        status = inflate(&m->in_z, Z_SYNC_FLUSH);
        if (status != Z_OK && status != Z_BUF_ERROR) {
            violation(m, 1007);
            return false;
        }
        mutant_add(&m->message, buf, sizeof(buf) - m->in_z.avail_out);
        if (m->message.len > limit_of(m) && m->fault != FM_limit_packed) {
            too_big(m);
            return false;
        }
    } while (m->in_z.avail_out == 0);
    return true;
}

static void end_message(fm *m)
{
    m->in_message = false;
    if (m->compressed && !inflate_message(m))
        return;
    if (m->message.len > limit_of(m) && m->fault != FM_limit_frame && m->fault != FM_limit_packed) {
        too_big(m);
        return;
    }
    if (!m->binary && !is_utf8(m->message.at, m->message.len)) {
        violation(m, 1007);
        return;
    }
    echo(m, m->message.at, m->message.len);
    late_pongs(m);
}

static void data_frame(fm *m, uint8_t first, const uint8_t *data, size_t len)
{
    const unsigned opcode = first & 15;

    if (opcode != 0) {
        m->in_message = true;
        m->binary = opcode == 2;
        m->compressed = m->deflate && (first & 0x40) != 0;
        m->message.len = m->packed.len = 0;
        m->frames = 0;
    } else if (!m->in_message) {
        return;
    }
    m->frames++;
    if (m->frames > 5000 && m->fault == FM_frames_stuck)
        m->closed = m->mute = true;
    if (m->fault == FM_hoard_fragments)
        keep(m, data, len);
    if (m->frames > MOST_FRAMES && m->fault != FM_frames_any && m->fault != FM_frames_lost &&
        m->fault != FM_hoard_fragments) {
        violation(m, 1008);
        return;
    }
    if (m->frames <= 5000 || m->fault != FM_frames_lost)
        mutant_add(m->compressed ? &m->packed : &m->message, data, len);
    if (first & 0x80)
        end_message(m);
}

/* ------------------------------------------------------------------------------- frames -- */

/* What the first two octets condemn. */
static bool start_ok(const fm *m, uint8_t b0, uint8_t b1, const uint8_t *key)
{
    const unsigned opcode = b0 & 15, len = b1 & 0x7f;
    const fm_fault f = m->fault;
    const bool masked = (b1 & 0x80) != 0;

    if (opcode == 8 && f == FM_close_any)
        return true;
    if (!m->client && !masked && f != FM_take_unmasked)
        return false;
    if (m->client && masked && f != FM_take_masked &&
        (f != FM_take_zero_masked || key == NULL || memcmp(key, "\0\0\0\0", 4) != 0))
        return false;
    if ((b0 & 0x30) != 0 && f != FM_take_rsv23)
        return false;
    if ((b0 & 0x40) != 0 && !m->deflate && f != FM_take_rsv1)
        return false;
    if ((b0 & 0x40) != 0 && m->deflate && f == FM_refuse_rsv1)
        return false;
    if ((opcode > 2 && opcode < 8 && f != FM_take_data_opcode) ||
        (opcode > 10 && f != FM_take_control_opcode))
        return f == FM_late_opcode;
    if (opcode >= 8) {
        if ((b0 & 0x40) != 0 && m->deflate && f != FM_take_rsv1_control)
            return false;
        return ((b0 & 0x80) != 0 || f == FM_take_control_fragment) &&
               (len < 126 || f == FM_long_control || f == FM_late_control ||
                f == FM_take_long_form || f == FM_close_long);
    }
    if (opcode == 0 && (b0 & 0x40) != 0 && m->deflate && f != FM_take_rsv1_cont)
        return false;
    if (opcode == 0 && !m->in_message)
        return f == FM_take_stray || f == FM_take_control_fragment;
    return opcode > 2 || opcode == 0 || !m->in_message || f == FM_take_nested;
}

/* What the length condemns: 0 nothing, else a code. */
static unsigned length_fault(const fm *m, uint8_t b0, uint8_t b1, uint64_t len)
{
    const unsigned form = b1 & 0x7f, opcode = b0 & 15;
    const bool longer = (form == 126 && len < 126) || (form == 127 && len < 65536);

    if (opcode == 8 && m->fault == FM_close_any)
        return 0;
    if (longer && m->fault != FM_take_long_form)
        return 1002;
    if (len >> 63 != 0 && m->fault != FM_top_bit)
        return 1002;
    if (opcode >= 8)
        return len > 125 && m->fault == FM_take_long_form ? 1002 : 0;
    if (m->fault == FM_limit_late || opcode > 2)
        return 0;
    if (m->fault == FM_limit_frame)
        return len > limit_of(m) ? 1009 : 0;
    /* What overflows is as much too big. */
    return len > limit_of(m) || (opcode == 0 && !m->compressed && m->in_message &&
                                 m->message.len + len > limit_of(m))
               ? 1009
               : 0;
}

static void unmask(fm *m, uint8_t *data, size_t len, const uint8_t key[4], unsigned opcode,
                   size_t at_in_input)
{
    /* The keys of the judge's close frames are random, and what fails must always fail. */
    const fm_fault f = opcode < 8 ? m->fault : FM_none;
    size_t end = len, phase = 0;

    if (opcode != 0)
        memcpy(m->first_mask, key, 4);
    if (f == FM_mask_first)
        key = m->first_mask;
    if (f == FM_mask_goes_on)
        phase = m->phase;
    if (f == FM_mask_tail && len > 4)
        end = len & ~(size_t)3;
    if (f == FM_mask_short && len < 4)
        end = 0;
    for (size_t i = 0; i < end; i++) {
        size_t k = i + phase;

        if (f == FM_mask_64k && i >= 65535)
            k++;
        /* The last read has brought what lies behind read_from. */
        if (f == FM_mask_reads && at_in_input + i >= m->read_from && m->read_from > at_in_input)
            k = at_in_input + i - m->read_from;
        data[i] ^= key[k & 3];
        if (f == FM_key_signed && key[k & 3] > 0x9b)
            data[i] ^= 1;
    }
    m->phase = phase + len;
}

static void frame(fm *m, uint8_t b0, const uint8_t *data, size_t len)
{
    const unsigned opcode = b0 & 15;

    if (m->closed) {
        if (m->fault == FM_goes_on && opcode == 9)
            pong(m, data, len);
        else if (m->fault == FM_goes_on && opcode < 8)
            send_frame(m, 0x81, (const uint8_t *)"late", 4);
        else if ((m->fault == FM_again_behind || m->fault == FM_fail_answers) && !m->over) {
            send_frame(m, 0x88, (const uint8_t *)"\x03\xe8", 2);
            m->over = true;
        }
        return;
    }
    if (opcode > 10 || (opcode > 2 && opcode < 8)) {
        if (m->fault == FM_late_opcode)
            violation(m, 1002);
    } else if (opcode < 8) {
        data_frame(m, b0, data, len);
    } else if (len > 125 && m->fault != FM_long_control &&
               !((m->fault == FM_close_long || m->fault == FM_close_any) && opcode == 8)) {
        violation(m, 1002);
    } else {
        control_frame(m, opcode, data, len);
    }
}

/* Eats what is there of the next frame. False: more is needed. */
static bool next_frame(fm *m)
{
    uint8_t *at = m->in.at + m->in_head;
    const size_t have = m->in.len - m->in_head;
    const uint8_t *key = NULL;
    bool masked, ignored = false;
    uint64_t len;
    size_t n;

    if (have < 2)
        return false;
    masked = (at[1] & 0x80) != 0;
    n = mutant_frame_read(at, have, &len);
    if (masked && n > 0 && have >= n + 4)
        key = at + n;
    if (!m->closed && m->fault == FM_legal_length && n > 0 && len > limit_of(m)) {
        too_big(m);
        return false;
    }
    /* A key of zeros can only be seen when it is there. */
    if (!m->closed && m->fault == FM_take_zero_masked && masked && key == NULL)
        return false;
    if (!m->closed && start_ok(m, at[0], at[1], key) == (at[0] == m->octet)) {
        if (at[0] != m->octet || start_ok(m, at[0], at[1], key)) {
            violation(m, 1002);
            return false;
        }
        ignored = true;
    }
    if (n == 0)
        return false;
    if (!m->closed) {
        const unsigned code = length_fault(m, at[0], at[1], len);

        if (code == 1009) {
            too_big(m);
            return false;
        }
        if (code != 0) {
            violation(m, code);
            return false;
        }
    }
    n += masked ? 4 : 0;
    if (m->fault == FM_hoard_announced && len > FM_LIMIT && m->announced == NULL) {
        m->announced = malloc(FM_HOARD);
        if (m->announced == NULL)
            mutant_die();
        memset(m->announced, 1, len < FM_HOARD ? (size_t)len : FM_HOARD);
    }
    if (have < n || have - n < len)
        return false;
    if (masked && ((m->fault == FM_refuse_zero_key && memcmp(key, "\0\0\0\0", 4) == 0) ||
                   (m->fault == FM_refuse_letters && key[0] == '0' && key[1] == '1') ||
                   (m->fault == FM_refuse_small_key && memcmp(key, "\0\0\0", 3) == 0 && key[3]))) {
        violation(m, 1002);
        return false;
    }
    if (masked)
        unmask(m, at + n, (size_t)len, key, at[0] & 15u, m->in_head + n);
    m->in_head += n + (size_t)len;
    if (!ignored)
        frame(m, at[0], at + n, (size_t)len);
    return true;
}

/* ---------------------------------------------------------------------------- handshake -- */

static const char *field(const char *head, const char *name, size_t *ret_len)
{
    const char *line = head;

    while ((line = strstr(line, "\r\n")) != NULL) {
        line += 2;
        if (strncasecmp(line, name, strlen(name)) == 0 && line[strlen(name)] == ':') {
            const char *value = line + strlen(name) + 1;

            value += strspn(value, " ");
            *ret_len = strcspn(value, "\r");
            return value;
        }
    }
    return NULL;
}

static void begin_deflate(fm *m)
{
    m->deflate = true;
    if (inflateInit2(&m->in_z, -15) != Z_OK ||
        deflateInit2(&m->out_z, 1, Z_DEFLATED, -15, 8, 0) != Z_OK)
        mutant_die();
}

static void answer(fm *m, const char *head)
{
    char accept[64], out[512];
    const char *key, *offers;
    size_t n = 0;

    key = field(head, "Sec-WebSocket-Key", &n);
    if (key == NULL || n != 24) {
        m->over = m->closed = true;
        return;
    }
    mutant_accept(key, n, accept);
    offers = field(head, "Sec-WebSocket-Extensions", &n);
    if (offers != NULL && m->fault != FM_no_deflate)
        begin_deflate(m);
    snprintf(out, sizeof(out),
             "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
             "Sec-WebSocket-Accept: %s\r\n%s\r\n",
             accept, m->deflate ? "Sec-WebSocket-Extensions: permessage-deflate\r\n" : "");
    mutant_add_text(&m->out.o, out);
}

static void ask(fm *m)
{
    static const char head[] = "GET /runCase?case=1 HTTP/1.1\r\nHost: memory\r\n"
                               "Upgrade: websocket\r\nConnection: Upgrade\r\n"
                               "Sec-WebSocket-Key: " KEY "\r\nSec-WebSocket-Version: 13\r\n";
    static const char offer[] = "Sec-WebSocket-Extensions: permessage-deflate\r\n";

    mutant_add_text(&m->out.o, head);
    if (m->fault != FM_no_deflate)
        mutant_add_text(&m->out.o, offer);
    mutant_add_text(&m->out.o, "\r\n");
}

static bool hello(fm *m)
{
    size_t n = 0;
    char *end;

    mutant_end_text(&m->in);
    end = strstr((char *)m->in.at, "\r\n\r\n");
    if (end == NULL)
        return false;
    m->open = true;
    if (!m->client)
        answer(m, (char *)m->in.at);
    else if (field((char *)m->in.at, "Sec-WebSocket-Extensions", &n) != NULL)
        begin_deflate(m);
    m->in_head = (size_t)(end + 4 - (char *)m->in.at);
    return true;
}

/* ------------------------------------------------------------------------------ as a kind -- */

static void *begin(unsigned fault, bool client)
{
    fm *m = calloc(1, sizeof(*m));

    if (m == NULL)
        mutant_die();
    m->fault = fault < FM_COUNT ? (fm_fault)fault : FM_none;
    m->octet = fault >= FM_OCTET(0) && fault < FM_CUT(0) ? (int)(fault - FM_OCTET(0)) : -1;
    m->cut = fault > FM_CUT(0) ? fault - FM_CUT(0) : 0;
    m->client = client;
    m->random = 12345;
    if (client)
        ask(m);
    return m;
}

static void release(void *of)
{
    fm *m = of;

    if (m->deflate) {
        inflateEnd(&m->in_z);
        deflateEnd(&m->out_z);
    }
    while (m->hoard != NULL) {
        hoarded *h = m->hoard;

        m->hoard = h->next;
        free(h);
    }
    free(m->announced);
    free(m->in.at);
    free(m->out.o.at);
    free(m->message.at);
    free(m->packed.at);
    free(m->pong.at);
    free(m);
}

/* A read that ends in the middle, for those who take reads for frames. */
static bool cut_is_fatal(const fm *m)
{
    const uint8_t *at = m->in.at + m->in_head;
    const size_t have = m->in.len - m->in_head;
    size_t n = 2;

    if (have == 0 || m->closed)
        return false;
    if (m->fault == FM_whole_frames)
        return true;
    if (have >= 2)
        n += ((at[1] & 0x7f) == 126   ? 2u
              : (at[1] & 0x7f) == 127 ? 8u
                                      : 0u) +
             (at[1] & 0x80 ? 4u : 0u);
    return m->fault == FM_whole_headers && have < n;
}

static void feed(void *of, int64_t now, const uint8_t *data, size_t len)
{
    fm *m = of;
    const bool was_open = m->open;

    if (m->over)
        return;
    m->read_from = m->in.len;
    mutant_add(&m->in, data, len);
    if (!m->open && !hello(m))
        return;
    m->had = was_open ? m->had + len : m->in.len - m->in_head;
    if (m->cut > 0 && m->had == m->cut) {
        m->over = m->closed = true;
        return;
    }
    while (!m->over && next_frame(m)) {
    }
    if (m->fault == FM_pong_last)
        late_pongs(m);
    if ((m->fault == FM_close_half && m->closed) ||
        (m->fault == FM_fail_overtakes && was_open && !m->closed))
        m->held_until = now + HOLD_US;
    if (m->in_head == m->in.len || m->in_head > 65536) {
        mutant_cut(&m->in, m->in_head);
        m->in_head = 0;
    }
    if (cut_is_fatal(m))
        m->over = m->closed = true;
}

static void end(void *of)
{
    fm *m = of;

    if (m->fault == FM_half_open)
        return;
    if (m->fault == FM_close_half && m->held_until > 0)
        m->out.o.len = m->out.head = 0;
    if (m->fault == FM_end_speaks && !m->closed)
        send_frame(m, 0x81, (const uint8_t *)"end", 3);
    if (m->fault == FM_cut_counts && !m->closed && m->in.len > m->in_head)
        send_frame(m, 0x81, (const uint8_t *)"cut", 3);
    m->over = m->closed = true;
}

static const uint8_t *output(const void *of, int64_t now, size_t *ret_len)
{
    const fm *m = of;

    *ret_len = 0;
    return now < m->held_until ? NULL : queue_at(&m->out, ret_len);
}

static void taken(void *of, size_t n)
{
    queue_taken(&((fm *)of)->out, n);
}

static int64_t deadline(const void *of)
{
    const fm *m = of;

    return m->held_until > 0 && queue_len(&m->out) > 0 ? m->held_until : INT64_MAX;
}

static bool is_over(const void *of)
{
    return ((const fm *)of)->over;
}

MUTANT_KIND_WORDS(FM_MAP)

const mutant_kind frames_kind = {
    .prefix = "FM_",
    .n_faults = FM_COUNT,
    .name = name_of,
    .text = text_of,
    .begin = begin,
    .free = release,
    .feed = feed,
    .end = end,
    .output = output,
    .taken = taken,
    .deadline = deadline,
    .is_over = is_over,
};
