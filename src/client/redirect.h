/* SPDX-License-Identifier: MIT */
/* Where a redirect leads to (RFC 3986 5.2, RFC 9110 10.2.2), for WebSocket URLs. */
#ifndef WSK_CLIENT_REDIRECT_H
#define WSK_CLIENT_REDIRECT_H

#include "http/url.h"

/* True for the statuses that are redirects to follow. */
bool wsk__is_redirect(unsigned status);

/*
 * The URL that location, the value of a Location field, means for someone at `base`. http stands
 * for ws, https for wss. User and password in it are not taken. Refused (WSK_ERR_URL, and *why):
 * what is no URL, another scheme, from TLS to none, from a Unix socket to anywhere else.
 * *ret_foreign: scheme, host or port are others, so that no credentials may go there; otherwise
 * those of base are in ret.
 */
int wsk__redirect_resolve(const wsk_hooks *hooks, const wsk__url *base, wsk_str location,
                          wsk__url *ret, bool *ret_foreign, const char **why);

#endif
