/* SPDX-License-Identifier: MIT */
/* Everything of websock. The parts: conn.h (a connection without I/O), loop.h, tls.h, server.h,
 * client.h, extension.h, base.h. */
#ifndef WEBSOCK_WEBSOCK_H
#define WEBSOCK_WEBSOCK_H

#include <websock/base.h>
#include <websock/client.h>
#include <websock/conn.h>
#include <websock/extension.h>
#include <websock/loop.h>
#include <websock/server.h>
#include <websock/tls.h>
#include <websock/version.h>

#endif
