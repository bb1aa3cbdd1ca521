/* SPDX-License-Identifier: MIT */
/*
 * Text in the making for "websock connect": what peers send made safe for terminals, JSON strings,
 * hexadecimal digits, base64, times. Knows nothing of connections.
 */
#ifndef CLI_CONNECT_TEXT_H
#define CLI_CONNECT_TEXT_H

#include <websock/base.h>

/* All zero: empty. When memory runs out `failed` is set, and stays set until text_clear(). */
typedef struct text_buf {
    char *at;
    size_t len, room;
    bool failed;
} text_buf;

void text_put(text_buf *b, const char *s);
void text_put_n(text_buf *b, const void *s, size_t n);
void text_putf(text_buf *b, const char *fmt, ...) WSK_PRINTF(2, 3);

/*
 * A terminal must not obey what a peer sent: control characters (C0, C1, DEL), marks that turn the
 * direction of text, and what is no UTF-8 become \x1b or \u202e. indent not NULL: newlines and
 * tabs stay, and indent follows each newline.
 */
void text_put_safe(text_buf *b, const void *s, size_t n, const char *indent);
/* A JSON string with its quotes. JSON has no octets: one that is no UTF-8 becomes the code point
 * of that number. What text_put_safe() escapes is escaped here, too. */
void text_put_json(text_buf *b, const void *s, size_t n);
/* "68656c6c6f" */
void text_put_hex(text_buf *b, const void *s, size_t n);
/* Lines of 16 octets: offset, digits, characters. Each begins with indent and ends in newline. */
void text_put_dump(text_buf *b, const void *s, size_t n, const char *indent);
void text_put_base64(text_buf *b, const void *s, size_t n);
/* Now: "12:01:02.123" here, "2026-04-11T02:40:36.735Z" in UTC. */
void text_put_clock(text_buf *b);
void text_put_utc(text_buf *b);

/* Drops the first n octets. */
void text_drop(text_buf *b, size_t n);
void text_clear(text_buf *b);
void text_deinit(text_buf *b);

/*
 * Hexadecimal digits to octets, in pairs; white space is skipped, "0x" at the beginning of a word
 * too. *carry is -1 at first; it lets text come in pieces, and is negative unless a digit waits for
 * its other half.
 * False at the first character that is something else.
 */
bool text_unhex(text_buf *b, const char *s, size_t n, int *carry);

#endif
