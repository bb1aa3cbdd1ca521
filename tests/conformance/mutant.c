/* SPDX-License-Identifier: MIT */
/* See mutant.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mutant_internal.h"

const char *mutant_name(mutant_fault f)
{
    static const char *const names[] = {
#define MUTANT_NAME_(name, role, text) #name,
        MUTANT_MAP(MUTANT_NAME_)
#undef MUTANT_NAME_
    };

    return f < MUTANT_COUNT ? names[f] : NULL;
}

const char *mutant_text(mutant_fault f)
{
    static const char *const texts[] = {
#define MUTANT_TEXT_(name, role, text) text,
        MUTANT_MAP(MUTANT_TEXT_)
#undef MUTANT_TEXT_
    };

    return f < MUTANT_COUNT ? texts[f] : NULL;
}

mutant_role mutant_roles(mutant_fault f)
{
    static const mutant_role roles[] = {
#define MUTANT_ROLE_(name, role, text) MUTANT_##role,
        MUTANT_MAP(MUTANT_ROLE_)
#undef MUTANT_ROLE_
    };

    return roles[f];
}

mutant_fault mutant_find(const char *name)
{
    unsigned i = 0;

    while (i < MUTANT_COUNT && strcmp(mutant_name((mutant_fault)i), name) != 0)
        i++;
    return (mutant_fault)i;
}

mutant *mutant_new(mutant_fault fault)
{
    mutant *m = calloc(1, sizeof(*m));

    if (m == NULL)
        mutant_die();
    m->fault = fault;
    return m;
}

void mutant_free(mutant *m)
{
    if (m->deflate) {
        inflateEnd(&m->zin);
        deflateEnd(&m->zout);
    }
    free(m->in.at);
    free(m->out.at);
    free(m->message.at);
    free(m->pongs.at);
    free(m);
}

const uint8_t *mutant_output(const mutant *m, size_t *ret_len)
{
    *ret_len = m->out.len - m->out_head;
    return *ret_len > 0 ? m->out.at + m->out_head : NULL;
}

void mutant_taken(mutant *m, size_t n)
{
    m->out_head += n;
    if (m->out_head == m->out.len)
        m->out_head = m->out.len = 0;
}

bool mutant_is_over(const mutant *m)
{
    return m->over;
}

void mutant_idle(mutant *m)
{
    m->over = m->over || m->lame;
}

/* ------------------------------------------------------------------------------ sending -- */

/* RFC 6455 5.3, from the first octet of a payload on; eight at a time, for the tests' sake. */
static void apply(uint8_t *data, size_t len, const uint8_t mask[4])
{
    uint64_t word, key;
    size_t i = 0;

    memcpy(&key, mask, 4);
    memcpy((uint8_t *)&key + 4, mask, 4);
    for (; len - i >= 8; i += 8) {
        memcpy(&word, data + i, 8);
        word ^= key;
        memcpy(data + i, &word, 8);
    }
    for (; i < len; i++)
        data[i] ^= mask[i & 3];
}

/* Whether a frame has a mask. */
static bool masks(const mutant *m, uint8_t first, size_t len)
{
    const mutant_fault f = m->fault;

    if (!m->client)
        return f == MUTANT_masked;
    return f != MUTANT_unmasked && !(f == MUTANT_mask_control && (first & 15) > 7) &&
           !(f == MUTANT_mask_empty && len == 0);
}

static void apply_mask(const mutant *m, uint8_t *data, size_t len, const uint8_t mask[4])
{
    const mutant_fault f = m->fault;

    if (f == MUTANT_mask_tail)
        len &= ~(size_t)3;
    for (; f == MUTANT_mask_anew && len > 1022; data += 1022, len -= 1022)
        apply(data, 1022, mask);
    apply(data, len, mask);
}

static void send_frame(mutant *m, uint8_t first, const uint8_t *data, size_t len)
{
    static const uint8_t masks_of[2][4] = {{1, 2, 3, 4}, {0, 0, 0, 0}};
    const uint8_t *mask = masks_of[m->fault == MUTANT_legal_zero_mask];
    const bool masked = masks(m, first, len);
    const bool data_frame = (first & 15) < 8;
    uint8_t head[14];
    size_t n = 2;
    unsigned form = len < 126 ? 0 : len < 65536 ? 2 : 8;

    if (m->fault == MUTANT_rsv_set)
        first |= 0x20;
    if (m->fault == MUTANT_long_length && form == 0 && data_frame)
        form = 2;
    if (m->fault == MUTANT_longer_length && form == 2)
        form = 8;
    head[0] = first;
    if (m->fault == MUTANT_length_126 && len == 126) {
        head[1] = 125;
        len = 125;
    } else if (form == 0) {
        head[1] = (uint8_t)len;
    } else {
        head[1] = form == 2 ? 126 : 127;
        for (unsigned i = 0; i < form; i++)
            head[n++] = (uint8_t)((uint64_t)len >> 8 * (form - 1 - i));
    }
    if (masked) {
        head[1] |= 0x80;
        memcpy(head + n, mask, 4);
        n += 4;
    }
    mutant_add(&m->out, head, n);
    mutant_add(&m->out, data, len);
    if (masked && len > 0)
        apply_mask(m, m->out.at + m->out.len - len, len,
                   m->fault == MUTANT_mask_other ? (const uint8_t[4]){5, 6, 7, 8} : mask);
}

static void send_close(mutant *m, unsigned code)
{
    uint8_t payload[4] = {(uint8_t)(code >> 8), (uint8_t)code, 0xff, 0xff};

    send_frame(m, 0x88, payload, code == 0 ? 0 : m->fault == MUTANT_close_reason ? 4 : 2);
    m->closing = true;
    /* RFC 6455 7.1.1: the server drops TCP, and the client waits for that. */
    if (!m->client)
        m->over = m->fault != MUTANT_close_stay;
    else if (m->fault == MUTANT_legal_drop)
        m->over = true;
}

static void violation(mutant *m, unsigned code)
{
    if (m->fault == MUTANT_fail_silent) {
        m->closing = true;
        return;
    }
    if (m->fault == MUTANT_fail_slow)
        m->out.len = m->out_head = 0;
    if (m->fault == MUTANT_fail_code && code == 1002)
        code = 1000;
    if (m->fault == MUTANT_utf8_code && code == 1007)
        code = 1002;
    send_close(m, code);
}

static void pack(mutant *m, octets *o, const uint8_t *data, size_t len)
{
    const bool final = m->fault == MUTANT_legal_final;
    uint8_t buf[65536];

    if (m->own_fresh && m->fault != MUTANT_deflate_keeps)
        deflateReset(&m->zout);
    m->zout.next_in = (Bytef *)(uintptr_t)data;
    m->zout.avail_in = (uInt)len;
    do {
        m->zout.next_out = buf;
        m->zout.avail_out = sizeof(buf);
        deflate(&m->zout, final ? Z_FINISH : Z_SYNC_FLUSH);
        mutant_add(o, buf, sizeof(buf) - m->zout.avail_out);
    } while (m->zout.avail_out == 0);
    if (final) {
        /* RFC 7692 7.2.3.4: the octet 0 begins an empty block, whose rest is cut off as ever. */
        mutant_add(o, "", 1);
        deflateReset(&m->zout);
        return;
    }
    o->len -= 4;
    if (m->fault == MUTANT_deflate_tail)
        o->len--;
}

static void send_message(mutant *m, bool binary, const uint8_t *data, size_t len)
{
    const size_t size = m->fault == MUTANT_legal_fragments || m->fault == MUTANT_deflate_rsv1_all
                            ? 1000
                            : len + 65536;
    uint8_t first = binary ? 2 : 1;
    octets packed = {NULL, 0, 0};
    size_t at = 0;

    if (m->fault == MUTANT_reserved_opcode)
        first = 3;
    if (m->deflate && m->fault != MUTANT_legal_stored) {
        pack(m, &packed, data, len);
        data = packed.at;
        len = packed.len;
        if (m->fault != MUTANT_deflate_rsv1)
            first |= 0x40;
    }
    if (m->fault == MUTANT_deflate_rsv1_all && m->deflate && len < 2000) {
        /* Two frames, whatever the size. */
        send_frame(m, first, data, len);
        send_frame(m, 0xc0, data, 0);
    } else {
        while (len - at > size) {
            send_frame(m, first, data + at, size);
            at += size;
            first = m->fault == MUTANT_deflate_rsv1_all && m->deflate ? 0x40 : 0;
        }
        send_frame(m, 0x80 | first, len > at ? data + at : NULL, len - at);
    }
    free(packed.at);
}

static void echo(mutant *m, bool binary, uint8_t *data, size_t len)
{
    const mutant_fault f = m->fault;

    m->echoes++;
    if (f == MUTANT_echo_none || (f == MUTANT_echo_empty_lost && len == 0))
        return;
    if (f == MUTANT_length_65536 && len >= 65536) {
        send_close(m, 1009);
        return;
    }
    if (f == MUTANT_big_refused && len > 1 << 20) {
        send_close(m, 1009);
        return;
    }
    if (f == MUTANT_corrupt_first && len > 0)
        data[0] ^= 1;
    if (f == MUTANT_corrupt_70000 && len >= 70000)
        data[69999] ^= 1;
    if (f == MUTANT_corrupt_late && m->echoes == 3 && len > 0)
        data[len - 1] ^= 1;
    if (f == MUTANT_echo_type_text)
        binary = false;
    if (f == MUTANT_echo_type_binary)
        binary = true;
    if (f == MUTANT_legal_pings)
        send_frame(m, 0x89, (const uint8_t *)"alive?", 6);
    if (f == MUTANT_legal_pongs)
        send_frame(m, 0x8a, (const uint8_t *)"alive", 5);
    if (f == MUTANT_echo_short && len > 0)
        len--;
    if (f == MUTANT_echo_long) {
        octets more = {NULL, 0, 0};

        mutant_add(&more, data, len);
        mutant_add(&more, "!", 1);
        send_message(m, binary, more.at, more.len);
        free(more.at);
    } else {
        send_message(m, binary, data, len);
    }
    if (f == MUTANT_echo_twice)
        send_message(m, binary, data, len);
    if (f == MUTANT_close_first)
        send_close(m, 1000);
}

/* -------------------------------------------------------------------------------- text -- */

static bool bad_character(const mutant *m, uint32_t c, unsigned len)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000, 0x200000, 0x4000000};
    const mutant_fault f = m->fault;

    if (c < least[len] && f != MUTANT_utf8_overlong)
        return true;
    if (c >= 0xd800 && c <= 0xdfff && f != MUTANT_utf8_surrogates)
        return true;
    if (c > 0x10ffff && len < 5 && f != MUTANT_utf8_beyond)
        return true;
    if (f == MUTANT_utf8_no_noncharacters && (c & 0xfffe) == 0xfffe)
        return true;
    if (f == MUTANT_utf8_no_specials && c >= 0xfff0 && c <= 0xfffd)
        return true;
    if (f == MUTANT_utf8_no_four && len == 4)
        return true;
    if (f == MUTANT_utf8_no_nul && (c == 0 || c == 0x7f))
        return true;
    return f == MUTANT_utf8_ascii && c > 0x7f;
}

/* The earliest octet at which a sequence can no longer become valid must be refused. */
static bool hopeless(const mutant *m, const text_state *t)
{
    const mutant_fault f = m->fault;

    if (t->len - t->left != 2)
        return false;
    if (t->len == 3 && t->c < 0x20 && f != MUTANT_utf8_overlong)
        return true;
    if (t->len == 3 && t->c >= 0x360 && t->c <= 0x37f && f != MUTANT_utf8_surrogates)
        return true;
    if (t->len == 4 && t->c < 0x10 && f != MUTANT_utf8_overlong)
        return true;
    return t->len == 4 && t->c > 0x10f && f != MUTANT_utf8_beyond;
}

static bool text_ok(const mutant *m, text_state *t, const uint8_t *data, size_t n)
{
    const mutant_fault f = m->fault;

    for (size_t i = 0; i < n; i++) {
        const uint8_t b = data[i];
        uint64_t word;

        /* Most of what the suite sends is ASCII. */
        if (t->left == 0 && n - i > 8 && f != MUTANT_utf8_no_nul) {
            memcpy(&word, data + i, 8);
            if ((word & 0x8080808080808080u) == 0) {
                i += 7;
                continue;
            }
        }
        if (t->left > 0) {
            if ((b & 0xc0) == 0x80) {
                t->c = t->c << 6 | (b & 0x3f);
                t->left--;
                if (t->left > 0 && hopeless(m, t))
                    return false;
                if (t->left == 0 && bad_character(m, t->c, t->len))
                    return false;
                continue;
            }
            if (f != MUTANT_utf8_no_tail)
                return false;
            t->left = 0;
        }
        if (b < 0x80) {
            if (f == MUTANT_utf8_no_nul && bad_character(m, b, 1))
                return false;
        } else if (b < 0xc0) {
            if (f != MUTANT_utf8_stray)
                return false;
        } else if (b < 0xe0) {
            /* 0xc0 and 0xc1 can only begin overlong forms */
            if (b < 0xc2 && f != MUTANT_utf8_overlong && f != MUTANT_utf8_no_tail)
                return false;
            *t = (text_state){1, 2, b & 0x1f};
        } else if (b < 0xf0) {
            *t = (text_state){2, 3, b & 0x0f};
        } else if (b < 0xf8) {
            if (b > 0xf4 && f != MUTANT_utf8_beyond && f != MUTANT_utf8_no_tail)
                return false;
            *t = (text_state){3, 4, b & 0x07};
        } else if (b < 0xfe) {
            if (f != MUTANT_utf8_five && f != MUTANT_utf8_overlong && f != MUTANT_utf8_no_tail)
                return false;
            *t = b < 0xfc ? (text_state){4, 5, b & 0x03} : (text_state){5, 6, b & 0x01};
        } else if (f != MUTANT_utf8_impossible) {
            return false;
        }
    }
    return true;
}

static bool text_ends(const mutant *m, const text_state *t)
{
    return t->left == 0 || m->fault == MUTANT_utf8_truncated || m->fault == MUTANT_utf8_no_tail;
}

/* ------------------------------------------------------------------------------ messages -- */

static bool inflate_tail(mutant *m, octets *plain, const uint8_t *data, size_t len, bool last)
{
    static const uint8_t tail[4] = {0, 0, 0xff, 0xff};
    uint8_t buf[65536];

    for (int round = 0; round < (last ? 2 : 1); round++) {
        m->zin.next_in = (Bytef *)(uintptr_t)(round ? tail : data);
        m->zin.avail_in = (uInt)(round ? 4 : len);
        do {
            int status;

            m->zin.next_out = buf;
            m->zin.avail_out = sizeof(buf);
            status = inflate(&m->zin, Z_SYNC_FLUSH);
            if (status != Z_OK && status != Z_BUF_ERROR)
                return false;
            mutant_add(plain, buf, sizeof(buf) - m->zin.avail_out);
        } while (m->zin.avail_out == 0);
    }
    return true;
}

static bool check_now(mutant *m, const uint8_t *data, size_t len)
{
    if (m->binary || m->fault == MUTANT_utf8_none || m->fault == MUTANT_utf8_late)
        return true;
    if (text_ok(m, &m->text, data, len))
        return true;
    violation(m, 1007);
    return false;
}

/* The payload of a whole frame. */
static void data_octets(mutant *m, const uint8_t *data, size_t len, bool fin)
{
    const size_t had = m->message.len;

    if (m->compressed) {
        if (!inflate_tail(m, &m->message, data, len, fin)) {
            violation(m, 1007);
            return;
        }
    } else {
        mutant_add(&m->message, data, len);
    }
    if (m->message.len > had && !check_now(m, m->message.at + had, m->message.len - had))
        return;
    if (m->fault == MUTANT_utf8_per_frame && !m->binary && m->text.left > 0) {
        violation(m, 1007);
        return;
    }
    if (m->fault == MUTANT_fragments_apart) {
        echo(m, m->binary, m->message.at, m->message.len);
        m->message.len = 0;
        m->in_message = !fin;
        return;
    }
    if (m->fault == MUTANT_fragments_refused && m->frames > 50) {
        violation(m, 1008);
        return;
    }
    if (!fin || (m->fault == MUTANT_empty_fragment_lost && m->frames > 1 && len == 0))
        return;
    if (m->fault == MUTANT_utf8_late && !m->binary) {
        m->text = (text_state){0};
        if (!text_ok(m, &m->text, m->message.at, m->message.len)) {
            violation(m, 1007);
            return;
        }
    }
    if (!m->binary && m->fault != MUTANT_utf8_none && !text_ends(m, &m->text)) {
        violation(m, 1007);
        return;
    }
    m->in_message = false;
    echo(m, m->binary, m->message.at, m->message.len);
    if (m->compressed && (m->peer_fresh || m->fault == MUTANT_deflate_forgets))
        inflateReset(&m->zin);
    if (m->pongs.len > 0) {
        mutant_add(&m->out, m->pongs.at, m->pongs.len);
        m->pongs.len = 0;
    }
}

/* ------------------------------------------------------------------------------- control -- */

static bool code_ok(const mutant *m, unsigned code)
{
    if (m->fault == MUTANT_close_takes_codes)
        return true;
    if (m->fault == MUTANT_close_no_private && code >= 3000)
        return false;
    if (m->fault == MUTANT_close_no_high && code >= 1002 && code <= 1011)
        return false;
    return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) ||
           (code >= 3000 && code <= 4999);
}

static bool goes_on_behind_close(mutant_fault f)
{
    return f == MUTANT_close_then_pong || f == MUTANT_close_then_echo ||
           f == MUTANT_close_then_rest;
}

static void got_close(mutant *m, const uint8_t *data, size_t len)
{
    const mutant_fault f = m->fault;
    unsigned code = len >= 2 ? (unsigned)(data[0] << 8 | data[1]) : 0;
    text_state t = {0};

    if ((len == 1 && f != MUTANT_close_takes_octet) || (len == 0 && f == MUTANT_close_no_empty) ||
        (len > 2 && f == MUTANT_close_no_reason) || (len >= 2 && !code_ok(m, code))) {
        violation(m, 1002);
        return;
    }
    if (len > 2 && f != MUTANT_close_takes_reason &&
        (!text_ok(m, &t, data + 2, len - 2) || t.left > 0)) {
        violation(m, 1007);
        return;
    }
    if ((f == MUTANT_close_takes_octet && len == 1) || (f == MUTANT_close_takes_codes && code == 0))
        code = 1000;
    if (f == MUTANT_close_none)
        m->closing = true;
    else if (f == MUTANT_close_drop)
        m->closing = m->over = true;
    else if (f == MUTANT_close_code)
        send_close(m, 1001);
    else if (f == MUTANT_close_invalid)
        send_close(m, 1005);
    else if (f == MUTANT_close_reason)
        send_close(m, 1000);
    else if (f == MUTANT_close_twice || (m->client && goes_on_behind_close(f)))
        m->closing = m->late_close = true, m->late_code = code;
    else if (f == MUTANT_legal_1013)
        send_close(m, code == 1000 ? 0 : code);
    else
        send_close(m, code);
    /* These would go on as if nothing were. A server drops TCP when it has a client's close, and
     * sees nothing behind it: there it comes before it. */
    if (goes_on_behind_close(f)) {
        m->over = false;
        m->lame = true;
    }
}

static void got_ping(mutant *m, const uint8_t *data, size_t len)
{
    const size_t head = m->out.len;

    if (m->fault == MUTANT_no_pong)
        return;
    if (m->fault == MUTANT_pong_last)
        m->pongs.len = 0;
    send_frame(m, 0x8a, data, m->fault == MUTANT_pong_empty ? 0 : len);
    if (m->fault == MUTANT_pong_last || (m->fault == MUTANT_pong_late && m->in_message)) {
        mutant_add(&m->pongs, m->out.at + head, m->out.len - head);
        m->out.len = head;
    }
}

/* Frames behind the close, which a correct server never looks at. */
static void after_close(mutant *m, unsigned opcode, const uint8_t *data, size_t len)
{
    if (m->fault == MUTANT_close_then_pong && opcode == 9)
        send_frame(m, 0x8a, data, len);
    else if (m->fault == MUTANT_close_then_echo && opcode < 3)
        send_frame(m, 0x81, data, len);
    else if (m->fault == MUTANT_close_then_rest && opcode == 0)
        send_frame(m, 0x81, data, len);
    else if (m->fault == MUTANT_close_twice && opcode == 8)
        m->late_close = false, m->over = true;
}

/* -------------------------------------------------------------------------------- frames -- */

/* What the header alone condemns. True: go on with the frame. */
static bool header_ok(mutant *m, uint8_t b0, uint8_t b1)
{
    const unsigned opcode = b0 & 15, len = b1 & 0x7f;
    const mutant_fault f = m->fault;
    unsigned rsv = b0 & 0x70;

    if (m->deflate && opcode < 3 && opcode > 0)
        rsv &= ~0x40u;
    if (f == MUTANT_accept_rsv1)
        rsv &= ~0x40u;
    if (f == MUTANT_accept_rsv2)
        rsv &= ~0x20u;
    if (f == MUTANT_accept_rsv3)
        rsv &= ~0x10u;
    if (rsv != 0 || m->client == ((b1 & 0x80) != 0))
        return false;
    if (opcode >= 8) {
        if (opcode > 10)
            return f == MUTANT_accept_control_opcode;
        if (len > 125 && f != MUTANT_accept_long_control)
            return false;
        return (b0 & 0x80) != 0 || f == MUTANT_accept_control_fragment;
    }
    if (opcode > 2)
        return f == MUTANT_accept_data_opcode;
    if (opcode == 0 && !m->in_message)
        return f == MUTANT_accept_stray || f == MUTANT_accept_control_fragment;
    if (opcode != 0 && m->in_message)
        return f == MUTANT_accept_nested || f == MUTANT_fragments_apart;
    return true;
}

static void begin_data(mutant *m, uint8_t b0)
{
    m->frames++;
    if ((b0 & 15) == 0)
        return;
    m->in_message = true;
    m->binary = (b0 & 15) == 2;
    m->compressed = m->deflate && (b0 & 0x40) != 0;
    m->text = (text_state){0};
    m->message.len = 0;
    m->frames = 1;
}

static void whole_frame(mutant *m, uint8_t b0, uint8_t *data, size_t len)
{
    const unsigned opcode = b0 & 15;

    if (m->closing) {
        after_close(m, opcode, data, len);
        return;
    }
    switch (opcode) {
    case 8:
        got_close(m, data, len);
        break;
    case 9:
        got_ping(m, data, len);
        break;
    case 10:
        if (m->fault == MUTANT_pong_answered)
            send_frame(m, 0x8a, data, len);
        break;
    default:
        break;
    }
}

/* Eats what is there of the next frame. False: more is needed. */
static bool next_frame(mutant *m)
{
    static const uint8_t none[4];
    uint8_t *at = m->in.at + m->in_head;
    const uint8_t *mask = none;
    const size_t have = m->in.len - m->in_head;
    size_t n = 2;
    uint64_t len;
    unsigned opcode;

    if (have < 2)
        return false;
    opcode = at[0] & 15;
    if (m->fault == MUTANT_drop_on_data) {
        m->over = m->closing = true;
        return false;
    }
    if (!m->closing && !header_ok(m, at[0], at[1])) {
        violation(m, 1002);
        return false;
    }
    len = at[1] & 0x7f;
    if (len >= 126) {
        const size_t form = len == 126 ? 2 : 8;

        if (have < n + form)
            return false;
        len = 0;
        for (size_t i = 0; i < form; i++)
            len = len << 8 | at[n + i];
        n += form;
    }
    if (at[1] & 0x80) {
        if (have < n + 4)
            return false;
        mask = at + n;
        n += 4;
    }
    if (have - n < len) {
        /* Text is looked at while it comes, so that bad text is refused at once. */
        if (opcode == 1 || opcode == 0) {
            text_state t = opcode == 1 ? (text_state){0} : m->text;
            octets plain = {NULL, 0, 0};
            bool ok = true;

            if (m->closing || m->fault == MUTANT_utf8_none || m->fault == MUTANT_utf8_late ||
                m->fault == MUTANT_utf8_frame || have - n > 4096 || at[0] & 0x40 ||
                (opcode == 0 && (m->binary || m->compressed)))
                return false;
            mutant_add(&plain, at + n, have - n);
            if (plain.len > 0)
                apply(plain.at, plain.len, mask);
            ok = text_ok(m, &t, plain.at, plain.len);
            free(plain.at);
            if (!ok)
                violation(m, 1007);
        }
        return false;
    }
    if (len > 0)
        apply(at + n, (size_t)len, mask);
    if (opcode >= 8 || m->closing) {
        whole_frame(m, at[0], at + n, (size_t)len);
    } else if (opcode < 3 && !(opcode == 0 && !m->in_message)) {
        begin_data(m, at[0]);
        data_octets(m, at + n, (size_t)len, (at[0] & 0x80) != 0);
    }
    m->in_head += n + (size_t)len;
    return true;
}

void mutant_feed(mutant *m, const uint8_t *data, size_t len)
{
    if (m->over)
        return;
    mutant_add(&m->in, data, len);
    if (!m->open) {
        char *end;

        mutant_end_text(&m->in);
        end = strstr((char *)m->in.at, "\r\n\r\n");
        if (end == NULL)
            return;
        mutant_hello(m, (char *)m->in.at);
        m->in.len -= (size_t)(end + 4 - (char *)m->in.at);
        memmove(m->in.at, end + 4, m->in.len);
        if (m->fault == MUTANT_legal_pongs && !m->closing)
            send_frame(m, 0x8a, (const uint8_t *)"alive", 5);
    }
    while (!m->over && next_frame(m)) {
    }
    mutant_cut(&m->in, m->in_head);
    m->in_head = 0;
    if (m->late_close)
        send_close(m, m->late_code);
    m->late_close = false;
    /* In the middle of a frame. */
    if (m->fault == MUTANT_legal_pings && m->in.len > 0 && !m->closing && !m->over)
        send_frame(m, 0x89, (const uint8_t *)"there?", 6);
    if (m->fault == MUTANT_whole_reads && m->in.len > 0 && m->in.len < 5000)
        m->over = true;
    if (m->fault == MUTANT_pong_last && m->pongs.len > 0) {
        mutant_add(&m->out, m->pongs.at, m->pongs.len);
        m->pongs.len = 0;
    }
}
