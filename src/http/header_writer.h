/* SPDX-License-Identifier: MIT */
/* What the writers of requests and responses share: fields that a program supplies. */
#ifndef WSK_HTTP_HEADER_WRITER_H
#define WSK_HTTP_HEADER_WRITER_H

#include "http/handshake.h"

/* True for a legal value that is not empty. NUL-terminated. */
bool wsk__header_value_is_text(const char *value);
bool wsk__headers_are_allowed(const wsk_header *headers, size_t n, wsk_role role);
/* Says in the log which of them are not, and why. */
void wsk__headers_complain(const wsk_hooks *hooks, const char *who, const wsk_header *headers,
                           size_t n, wsk_role role);
bool wsk__has_header(const wsk_header *headers, size_t n, const char *name);
/* "name: value" and CR LF; a value that may not stand there sets `failed`. */
void wsk__write_field(wsk__text *t, const char *name, const char *value);
/* All of them; one that is not allowed sets `failed`. */
void wsk__write_headers(wsk__text *t, const wsk_header *headers, size_t n, wsk_role role);

#endif
