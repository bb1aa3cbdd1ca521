/* SPDX-License-Identifier: MIT */
/* Which characters may stand where in a handshake: one look-up for each octet. */
#ifndef WSK_HTTP_CHARS_H
#define WSK_HTTP_CHARS_H

#include <websock/base.h>

#define WSK__CHAR_TOKEN  0x01u /* tchar, RFC 9110 5.6.2 */
#define WSK__CHAR_VALUE  0x02u /* of a field value, RFC 9110 5.5: VCHAR, SP, HTAB, obs-text */
#define WSK__CHAR_TARGET 0x04u /* of a request target as browsers send it */
#define WSK__CHAR_HOST   0x08u /* of a host name: unreserved, RFC 3986 2.3 */
#define WSK__CHAR_HEX    0x10u
#define WSK__CHAR_DIGIT  0x20u
#define WSK__CHAR_PATH   0x40u /* pchar, "/" and "?", RFC 3986 3.3 and 3.4, but for "%" */
#define WSK__CHAR_BASE64 0x80u

extern const uint8_t wsk__chars[256];

static inline bool wsk__char_is(char c, unsigned kind)
{
    return (wsk__chars[(uint8_t)c] & kind) != 0;
}

/* How many octets from s on are of the kind. */
static inline size_t wsk__char_span(const char *s, size_t n, unsigned kind)
{
    size_t i = 0;

    while (i < n && wsk__char_is(s[i], kind))
        i++;
    return i;
}

/* The value of a hexadecimal digit. */
static inline unsigned wsk__hex_value(char c)
{
    return c <= '9' ? (unsigned)(c - '0') : (unsigned)((c | 0x20) - 'a' + 10);
}

/* True if every "%" has its two digits (RFC 3986 2.1). */
bool wsk__percent_is_valid(wsk_str s);

#endif
