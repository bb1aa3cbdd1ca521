/* SPDX-License-Identifier: MIT */
/*
 * The grammar of Sec-WebSocket-Extensions (RFC 6455 section 9.1), reading and writing. Linear
 * in time, no recursion, whatever stands there.
 */
#ifndef WSK_HTTP_EXTENSION_FIELD_H
#define WSK_HTTP_EXTENSION_FIELD_H

#include <websock/extension.h>

#include "http/head.h"

#define WSK__EXT_MAX_PARAMS 16 /* of one offer; more are a refusal */
#define WSK__EXT_MAX_OFFERS 32 /* of one handshake */

/* One offer or answer. Values of quoted strings with escapes are unescaped into `scratch`. */
typedef struct wsk__ext_item {
    wsk_str name;
    wsk_ext_param params[WSK__EXT_MAX_PARAMS];
    size_t n_params;
    char scratch[256];
} wsk__ext_item;

/*
 * The next element over all fields of the name (several lines count as one list). *pos begins as
 * {0}. 1: *ret is set. 0: the end. -1: not by the grammar or past the limits, *why says what, and
 * *ret is of no use; the list cannot be read on.
 */
int wsk__ext_next(const wsk__head *head, wsk__list_pos *pos, wsk__ext_item *ret, const char **why);

/* The writer of extension.h: text grows in a fixed buffer, so that it cannot fail for memory. */
struct wsk_ext_writer {
    char text[1024]; /* ends in NUL */
    size_t len;
    const char *name; /* of the extension that writes now */
    size_t begin;     /* where its elements begin */
    bool overflow;    /* something did not fit; what is there is whole */
};
void wsk__ext_writer_begin(wsk_ext_writer *w, const char *name); /* adds ", name" or "name" */
/* Takes back what was added since; and an overflow, if it came since. */
void wsk__ext_writer_cancel(wsk_ext_writer *w);

#endif
