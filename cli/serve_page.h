/* SPDX-License-Identifier: MIT */
/* Plain HTTP on a WebSocket server: the built-in page, and words for everything else. */
#ifndef CLI_SERVE_PAGE_H
#define CLI_SERVE_PAGE_H

#include "serve.h"

typedef struct serve_page serve_page;

/* The page as it is for the listener with this URL. NULL: out of memory. */
serve_page *serve_page_new(const serve_settings *settings, const char *url);
void serve_page_free(serve_page *page); /* NULL is fine */

/* The HTTP status for a request that is no handshake. */
int serve_page_status(const serve_page *page, const wsk_peer *peer);
/* Answers it so. A negative error if that was not possible. */
int serve_page_respond(const serve_page *page, wsk_peer *peer, int status);

#endif
