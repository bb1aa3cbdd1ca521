/* SPDX-License-Identifier: MIT */
/* When a server that refuses wants to be asked again. */
#ifndef WSK_CLIENT_RETRY_AFTER_H
#define WSK_CLIENT_RETRY_AFTER_H

#include <time.h>

#include <websock/base.h>

/* The value of a Retry-After field (RFC 9110 10.2.3) as milliseconds from now on: a number of
 * seconds or a date (of any of the three forms). At most `most`; 0 for what is past, or nothing of
 * the kind. */
uint32_t wsk__retry_after(wsk_str value, time_t now, uint32_t most);

#endif
