/* SPDX-License-Identifier: MIT */
/* What the host and the port of a Host field stand for. */
#include <arpa/inet.h>
#include <string.h>

#include "http/head.h"
#include "util/strs.h"

bool wsk__host_is_address(wsk_str host)
{
    char text[INET_ADDRSTRLEN];
    struct in_addr a;

    if (host.len > 0 && host.ptr[0] == '[')
        return true;
    if (host.len == 0 || host.len >= sizeof(text))
        return false;
    memcpy(text, host.ptr, host.len);
    text[host.len] = 0;
    return inet_pton(AF_INET, text, &a) == 1;
}

unsigned wsk__port_number(wsk_str port, bool tls)
{
    unsigned n = 0;

    if (port.len == 0)
        return tls ? 443 : 80;
    for (size_t i = 0; i < port.len; i++)
        n = n * 10 + (unsigned)(port.ptr[i] - '0'); /* five digits at most */
    return n;
}
