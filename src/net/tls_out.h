/* SPDX-License-Identifier: MIT */
/* Room in a wsk__tls_out, for those who write cipher text. */
#ifndef WSK_NET_TLS_OUT_H
#define WSK_NET_TLS_OUT_H

#include "net/tls_session.h"

/* Room for n more octets at ptr + len; false: out of memory. */
bool wsk__tls_out_reserve(wsk__tls_out *out, const wsk_hooks *hooks, size_t n);

#endif
