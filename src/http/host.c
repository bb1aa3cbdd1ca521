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

bool wsk__host_is_loopback(const char *host)
{
    static const uint8_t mapped[] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 127};
    struct in6_addr a6;
    struct in_addr a;

    if (wsk__str_ieq(wsk__str(host), wsk__str("localhost")))
        return true;
    if (inet_pton(AF_INET, host, &a) == 1)
        return ntohl(a.s_addr) >> 24 == 127;
    return inet_pton(AF_INET6, host, &a6) == 1 &&
           (IN6_IS_ADDR_LOOPBACK(&a6) || memcmp(&a6, mapped, sizeof(mapped)) == 0);
}
