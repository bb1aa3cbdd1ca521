/* SPDX-License-Identifier: MIT */
/*
 * Text for reports: a growing buffer, and the ways in which octets, names, numbers and times are
 * shown. What a peer sent goes through one of these escapes before it stands in any report.
 */
#ifndef CONFORMANCE_REPORT_TEXT_H
#define CONFORMANCE_REPORT_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <websock/base.h>

#include "conformance/result.h"

/* Grows as needed. When memory is short `failed` is set and everything further is dropped, so
 * that only the end of a long row of calls needs a test. {0} is an empty one. */
typedef struct judge_buf {
    char *at; /* ends in NUL unless NULL */
    size_t len;
    size_t size;
    bool failed;
} judge_buf;

void judge_buf_deinit(judge_buf *b);
void judge_buf_put(judge_buf *b, const void *data, size_t n);
void judge_buf_str(judge_buf *b, const char *s);
void judge_buf_printf(judge_buf *b, const char *fmt, ...) WSK_PRINTF(2, 3);
/* Empty, with the memory kept. */
void judge_buf_clear(judge_buf *b);

/* The code point at p and its length in octets, or 0 if there is no valid one (RFC 3629). */
size_t judge_utf8_next(const void *p, size_t n, uint32_t *ret_code);
bool judge_utf8_is_valid(const void *p, size_t n);
void judge_utf8_put(judge_buf *b, uint32_t code);

/* n octets as UTF-8: what is not becomes the Latin-1 character of the octet. */
void judge_put_clean(judge_buf *b, const char *s, size_t n);
/* For HTML text and quoted attributes. Control characters and characters that turn the
 * direction of writing become visible, so that no peer can dress up the line that accuses it. */
void judge_put_html(judge_buf *b, const char *s);
void judge_put_html_n(judge_buf *b, const char *s, size_t n);
/* For XML text and attributes (JUnit): as HTML, and without the characters XML 1.0 forbids. */
void judge_put_xml(judge_buf *b, const char *s);
/* A JSON string with its quotes, ASCII only, surrogate pairs in small letters. */
void judge_put_json(judge_buf *b, const char *s, size_t n);
/* The shortest decimal that reads back as the same number, always with a point or an
 * exponent: 1.0, 0.125, 1e-05. */
void judge_put_float(judge_buf *b, double v);

/*
 * The two ways to show octets in reports: at most 64 of them, " ..." if there are more than 60.
 * As text, or with "0x" in front in hexadecimal digits if they are no UTF-8; or always in digits.
 */
void judge_put_as_text(judge_buf *b, const judge_octets *o);
void judge_put_as_hex(judge_buf *b, const judge_octets *o);

/* The name of an agent as a part of file names: only a-z, 0-9 and '_', so no path can come of
 * it; cut at 200 octets, which file systems hold together with the rest of the name. */
enum { JUDGE_SLUG_SIZE = 201 };
void judge_slug(char ret[JUDGE_SLUG_SIZE], const char *agent);
/* "6.2.4" to "6_2_4". */
void judge_id_slug(char ret[16], const char *id);

/* "2023-02-13T14:22:29.686Z" */
enum { JUDGE_TIME_SIZE = 32 };
void judge_time(char ret[JUDGE_TIME_SIZE], int64_t ms);

/* Compares "6.2.4" and "10.1.1" by their numbers. */
int judge_id_compare(const char *a, const char *b);

#endif
