/* SPDX-License-Identifier: MIT */
/*
 * The version of this header. wsk_version() in base.h tells that of the library in use.
 * While the major number is 0 every minor version may change the ABI, and the soname says so.
 */
#ifndef WEBSOCK_VERSION_H
#define WEBSOCK_VERSION_H

#define WSK_VERSION_MAJOR 0
#define WSK_VERSION_MINOR 1
#define WSK_VERSION_PATCH 0

#define WSK_VERSION_NUM    (WSK_VERSION_MAJOR * 10000 + WSK_VERSION_MINOR * 100 + WSK_VERSION_PATCH)
#define WSK_VERSION_STRING "0.1.0"

#endif
