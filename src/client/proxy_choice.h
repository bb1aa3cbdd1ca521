/* SPDX-License-Identifier: MIT */
/* Which proxy a connection goes by: what the program says, or the environment does, as curl reads
 * it. */
#ifndef WSK_CLIENT_PROXY_CHOICE_H
#define WSK_CLIENT_PROXY_CHOICE_H

#include "http/url.h"
#include "net/proxy.h"

/* "[http|https|socks5|socks5h://][user[:password]@]host[:port]". WSK_ERR_INVAL, and *why (static).
 */
int wsk__proxy_parse(const wsk_hooks *hooks, const char *text, wsk__proxy *ret, const char **why);

/* True if a list as that of no_proxy names the host. */
bool wsk__proxy_is_excepted(const char *list, const char *host);

/* As wsk_client_options.proxy and .no_proxy say. ret->kind is WSK__PROXY_NONE if there is none. */
int wsk__proxy_choose(const wsk_hooks *hooks, const char *proxy, const char *no_proxy,
                      const wsk__url *url, wsk__proxy *ret, const char **why);

#endif
