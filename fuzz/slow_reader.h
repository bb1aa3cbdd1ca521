/* SPDX-License-Identifier: MIT */
/*
 * A second reader of frames, which is slow, keeps all that it reads, and knows nothing of the
 * library's: it is written from RFC 6455 and RFC 7692 alone. It says what a receiver of these
 * octets has to tell of, one event after the other, up to the first error.
 */
#ifndef FUZZ_SLOW_READER_H
#define FUZZ_SLOW_READER_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <zlib.h>

#include "util/attr.h"

#define SLOW_CHECK(cond)                                                                           \
    do {                                                                                           \
        if (!(cond))                                                                               \
            abort();                                                                               \
    } while (0)

typedef enum { SLOW_MESSAGE, SLOW_PING, SLOW_PONG, SLOW_CLOSE, SLOW_FAIL } slow_kind;

/* what: opcode of a message; code of a close frame or failure, 0: one of several is right. data is
 * valid until the reader goes on. */
typedef struct slow_event {
    slow_kind kind;
    unsigned what;
    const uint8_t *data;
    size_t len;
} slow_event;

typedef struct slow_reader {
    /* What it has to know of the connection: set at the beginning. */
    bool server, deflate, skip_utf8; /* server: frames have to be masked */
    uint64_t max_message, max_frame; /* payload, of all frames together and of one */
    unsigned max_fragments;
    /* What came of it. */
    bool over;        /* failed or closed: nothing more is read */
    bool unknown;     /* what follows depends on more than the two RFCs say */
    bool compressed;  /* the message is, or the last one was */
    unsigned message; /* opcode; 0: none is under way */
    uint8_t *text;    /* of the message */
    size_t text_n;

    slow_event *ret; /* NULL: given */
    size_t head_n;
    uint8_t head[14];
    uint64_t left;
    unsigned phase;     /* of the mask */
    unsigned opcode;    /* of the frame */
    unsigned frames;    /* of the message */
    uint64_t announced; /* payload of the message so far, and what its last header says */
    uint8_t control[125];
    size_t control_n, text_cap;
    size_t checked; /* of the text: whole characters */
    bool broken;    /* compressed: it cannot be good any more */
    bool has_z;
    z_stream z;
} slow_reader;

static void slow_note(slow_reader *r, slow_kind kind, unsigned what, const uint8_t *data,
                      size_t len)
{
    *r->ret = (slow_event){kind, what, data, len};
    r->ret = NULL;
}

static void slow_fail(slow_reader *r, unsigned code)
{
    slow_note(r, SLOW_FAIL, code, NULL, 0);
    r->over = true;
}

/* 1: good; 0: good so far; -1: no continuation mends it. By code points; *whole, if not NULL, is
 * where to begin, and becomes the end of those that are there. */
static int slow_utf8(const uint8_t *p, size_t n, size_t *whole)
{
    size_t i = whole != NULL ? *whole : 0;

    while (i < n) {
        size_t size = p[i] < 0x80 ? 1 : p[i] < 0xC2 ? 0 : p[i] < 0xE0 ? 2 : p[i] < 0xF0 ? 3 : 4;
        if (size == 0 || p[i] > 0xF4)
            return -1;
        for (size_t k = 1; k < size; k++) {
            uint8_t low = 0x80, high = 0xBF;
            if (k == 1) {
                low = p[i] == 0xE0 ? 0xA0 : p[i] == 0xF0 ? 0x90 : 0x80;
                high = p[i] == 0xED ? 0x9F : p[i] == 0xF4 ? 0x8F : 0xBF;
            }
            if (i + k == n)
                return 0;
            if (p[i + k] < low || p[i + k] > high)
                return -1;
        }
        i += size;
        if (whole != NULL)
            *whole = i;
    }
    return 1;
}

static int slow_text(slow_reader *r)
{
    if (r->message != 1 || r->skip_utf8)
        return 1;
    return slow_utf8(r->text, r->text_n, &r->checked);
}

/* Puts n octets behind those that are kept at *at. It grows in leaps, since each is a copy. */
static inline void slow_keep(uint8_t **at, size_t *at_n, size_t *cap, const void *data, size_t n)
{
    if (*at == NULL || *cap - *at_n < n) {
        *cap = *cap * 2 + n + 256;
        *at = realloc(*at, *cap);
        SLOW_CHECK(*at != NULL);
    }
    if (n > 0)
        memcpy(*at + *at_n, data, n);
    *at_n += n;
}

/* n more octets of room. */
static uint8_t *slow_room(slow_reader *r, size_t n)
{
    if (r->text_cap - r->text_n < n) {
        r->text_cap = r->text_cap * 2 + n;
        r->text = realloc(r->text, r->text_cap);
        SLOW_CHECK(r->text != NULL);
    }
    return r->text + r->text_n;
}

static void slow_inflate(slow_reader *r, const uint8_t *p, size_t n)
{
    r->z.next_in = (uint8_t *)(uintptr_t)p;
    r->z.avail_in = (uInt)n;
    while (!r->broken) {
        r->z.next_out = slow_room(r, 512);
        r->z.avail_out = 512;
        int e = inflate(&r->z, Z_SYNC_FLUSH);
        r->text_n += 512 - r->z.avail_out;
        if (e == Z_STREAM_END)
            r->unknown = true; /* RFC 7692 7.2.3.5: allowed; how it goes on is said nowhere */
        if ((e != Z_OK && e != Z_BUF_ERROR && e != Z_STREAM_END) || r->text_n > r->max_message)
            r->broken = true;
        if (e != Z_OK || (r->z.avail_in == 0 && r->z.avail_out > 0))
            break;
    }
}

static void slow_end_control(slow_reader *r)
{
    const uint8_t *p = r->control;
    size_t n = r->control_n;

    if (r->opcode == 9 || r->opcode == 10) {
        slow_note(r, r->opcode == 9 ? SLOW_PING : SLOW_PONG, 0, p, n);
        return;
    }
    unsigned code = n >= 2 ? (unsigned)p[0] << 8 | p[1] : 1005;
    bool known = (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) ||
                 (code >= 3000 && code <= 4999);
    if (n == 1 || (n >= 2 && !known)) {
        slow_fail(r, 1002);
    } else if (n > 2 && slow_utf8(p + 2, n - 2, NULL) != 1) {
        slow_fail(r, 1007);
    } else {
        slow_note(r, SLOW_CLOSE, code, n > 2 ? p + 2 : p, n > 2 ? n - 2 : 0);
        r->over = true;
    }
}

static void slow_end_frame(slow_reader *r)
{
    static const uint8_t tail[] = {0, 0, 0xFF, 0xFF};

    r->head_n = 0;
    if (r->opcode >= 8) {
        slow_end_control(r);
        return;
    }
    if (r->head[0] < 0x80)
        return;
    if (r->compressed) {
        if ((r->z.data_type & (128 | 31)) == 128)
            r->unknown = true; /* it ends behind a whole block: nothing to complete */
        slow_inflate(r, tail, sizeof(tail));
        /* The four octets are those of an empty block that was cut off. Where they are taken for
         * something else, the message ended in the midst of a block: zlib.h, data_type. */
        if (r->announced == 0)
            r->unknown = true; /* less than what section 7.2.3.6 makes of an empty message */
        else if (!(r->z.data_type & 128))
            r->broken = true;
        else if (r->z.data_type & 31)
            r->unknown = true;
    }
    if (r->unknown)
        return;
    if (r->broken || slow_text(r) != 1)
        slow_fail(r, r->compressed ? 0 : 1007);
    else
        slow_note(r, SLOW_MESSAGE, r->message, r->text, r->text_n);
    r->message = 0;
}

static WSK__UNCOUNTED void slow_unmask(slow_reader *r, uint8_t *plain, const uint8_t *p, size_t n)
{
    const uint8_t *key = r->head + r->head_n - 4;

    for (size_t i = 0; i < n; i++)
        plain[i] = r->server ? p[i] ^ key[r->phase++ & 3] : p[i];
}

/* Some octets of one frame. */
static void slow_payload(slow_reader *r, const uint8_t *p, size_t n)
{
    uint8_t plain[256];

    for (size_t k; n > 0 && !r->over; p += k, n -= k) {
        k = n < sizeof(plain) ? n : sizeof(plain);
        slow_unmask(r, plain, p, k);
        r->left -= k;
        if (r->opcode >= 8) {
            memcpy(r->control + r->control_n, plain, k);
            r->control_n += k;
        } else if (r->compressed) {
            slow_inflate(r, plain, k);
            if (slow_text(r) < 0)
                r->broken = true;
            /* Whoever inflates may see it now or later: for certain by the end of the message. */
            if (r->broken && r->head[0] < 0x80)
                r->unknown = true;
        } else {
            memcpy(slow_room(r, k), plain, k);
            r->text_n += k;
            if (slow_text(r) < 0)
                slow_fail(r, 1007);
        }
    }
    if (r->left == 0 && !r->over)
        slow_end_frame(r);
}

/* What the head as far as it is there says; true if it is whole. */
static bool slow_judge_head(slow_reader *r)
{
    const uint8_t *h = r->head;
    unsigned fin = h[0] >> 7, rsv = h[0] >> 4 & 7, op = h[0] & 15;
    size_t width = 0;

    if (r->head_n == 1) {
        bool rsv1 = r->deflate && rsv == 4 && (op == 1 || op == 2);
        if ((rsv != 0 && !rsv1) || (op > 2 && op < 8) || op > 10 || (op >= 8 && !fin) ||
            (op == 0 && r->message == 0) || ((op == 1 || op == 2) && r->message != 0))
            slow_fail(r, 1002);
        return false;
    }
    uint64_t len = h[1] & 127;
    if (r->head_n == 2 && ((h[1] >> 7 != 0) != r->server || (op >= 8 && len > 125))) {
        slow_fail(r, 1002);
        return false;
    }
    if (len > 125) {
        width = len == 126 ? 2 : 8;
        uint64_t least = 0, most = 0;
        for (size_t i = 0; i < width; i++) {
            bool there = 2 + i < r->head_n;
            least = least << 8 | (there ? h[2 + i] : 0);
            most = most << 8 | (there ? h[2 + i] : 255);
        }
        if (width == 8 && r->head_n > 2 && h[2] & 0x80) {
            slow_fail(r, 1002);
            return false;
        }
        if (r->head_n > 2 && most < (width == 2 ? 126 : 65536)) {
            slow_fail(r, 1002);
            return false;
        }
        len = least;
    }
    uint64_t before = op == 0 ? r->announced : 0;
    if (op < 8 && !r->deflate && (len > r->max_message - before || len > r->max_frame)) {
        slow_fail(r, 1009);
        return false;
    }
    if (op < 8 && r->deflate && (len > r->max_message / 2 || len > r->max_frame)) {
        r->unknown = true; /* a limit of what is encoded, which is ours to choose */
        return false;
    }
    if (r->head_n < 2 + width + (r->server ? 4 : 0))
        return false;
    r->left = len;
    return true;
}

static void slow_begin_frame(slow_reader *r)
{
    r->opcode = r->head[0] & 15;
    r->phase = 0;
    r->control_n = 0;
    if (r->opcode < 8) {
        if (r->opcode != 0) {
            r->message = r->opcode;
            r->compressed = (r->head[0] & 0x40) != 0;
            r->frames = 0;
            r->announced = 0;
            r->text_n = r->checked = 0;
            if (r->compressed && !r->has_z)
                SLOW_CHECK(inflateInit2(&r->z, -15) == Z_OK);
            r->has_z |= r->compressed;
        }
        r->announced += r->left;
        /* What is encoded may be a little more than the message. */
        if (r->deflate && !r->compressed && r->announced > r->max_message) {
            r->unknown = true;
            return;
        }
        if (++r->frames > r->max_fragments) {
            slow_fail(r, 1008);
            return;
        }
    }
    if (r->left == 0)
        slow_end_frame(r);
}

/* Reads of the *n octets at *p until there is something to tell of, and moves both on; false: not
 * yet, or not any more. */
static bool slow_next(slow_reader *r, const uint8_t **p, size_t *n, slow_event *ret)
{
    r->ret = ret;
    while (*n > 0 && r->ret != NULL && !r->over && !r->unknown) {
        size_t k = 1;

        if (r->left > 0) {
            k = *n < r->left ? *n : (size_t)r->left;
            slow_payload(r, *p, k);
        } else {
            r->head[r->head_n++] = **p;
            if (slow_judge_head(r))
                slow_begin_frame(r);
        }
        *p += k;
        *n -= k;
    }
    return r->ret == NULL;
}

static void slow_free(slow_reader *r)
{
    if (r->has_z)
        inflateEnd(&r->z);
    free(r->text);
}

#endif
