/* SPDX-License-Identifier: MIT */
/*
 * Rows of option tables that "websock serve" and "websock connect" share: what a connection has in
 * either role. Each stands in the place that suits the command, whose CONN(member),
 * DEFLATE(member) and FIELD(member) say where its value goes; of what differs a row takes the
 * words.
 */
#ifndef CLI_OPTION_ROWS_H
#define CLI_OPTION_ROWS_H

#include "options.h"

/* clang-format off */

/* Limits. */
#define ROW_MAX_HEAD(what)                                                                         \
{.name = "max-head", .value = "SIZE", .type = OPT_SIZE, CONN(max_head), .min = 128,                \
 .max = 1 << 24, .preset = "8K", .help = "The largest " what " head."}
#define ROW_MAX_FRAME                                                                              \
{.name = "max-frame", .value = "SIZE", .type = OPT_SIZE, CONN(max_frame), .min = 1,                \
 .preset = "as max-message", .help = "The largest frame, as on the wire."}
#define ROW_FRAGMENT_SIZE                                                                          \
{.name = "fragment-size", .value = "SIZE", .type = OPT_SIZE, CONN(fragment_size), .min = 1,        \
 .preset = "none", .help = "Send messages in frames of at most this size."}

/* Deadlines. */
#define ROW_OPEN_TIMEOUT                                                                           \
{.name = "open-timeout", .value = "TIME", .type = OPT_TIME, CONN(open_timeout), .min = 1,          \
 .preset = "10s", .help = "How long the opening handshake may take."}
#define ROW_PING_INTERVAL                                                                          \
{.name = "ping-interval", .value = "TIME", .type = OPT_TIME, CONN(ping_interval), .min = 1,        \
 .preset = "30s", .help = "Send a ping when so long nothing came; never: do not."}
#define ROW_PING_TIMEOUT(gives_up)                                                                 \
{.name = "ping-timeout", .value = "TIME", .type = OPT_TIME, CONN(ping_timeout), .min = 1,          \
 .preset = "20s", .help = gives_up " when so long after the ping nothing came."}
#define ROW_MESSAGE_TIMEOUT                                                                        \
{.name = "message-timeout", .value = "TIME", .type = OPT_TIME, CONN(message_timeout), .min = 1,    \
 .preset = "never", .help = "How long a message may take from its first to its last octet."}
#define ROW_WRITE_TIMEOUT(words)                                                                   \
{.name = "write-timeout", .value = "TIME", .type = OPT_TIME, CONN(write_timeout), .min = 1,        \
 .preset = "30s", .help = words}
#define ROW_CLOSE_TIMEOUT(peer)                                                                    \
{.name = "close-timeout", .value = "TIME", .type = OPT_TIME, CONN(close_timeout), .min = 1,        \
 .preset = "5s", .help = "How long the " peer " may take to answer our close frame."}

/* Compression. */
#define ROW_COMPRESSION_LEVEL                                                                      \
{.name = "compression-level", .value = "N", .type = OPT_UINT, DEFLATE(level), .min = 1, .max = 9,  \
 .preset = "1", .help = "1 is fast, 9 is dense."}
#define ROW_COMPRESSION_MEMORY                                                                     \
{.name = "compression-memory", .value = "N", .type = OPT_UINT, DEFLATE(mem_level), .min = 1,       \
 .max = 9, .preset = "8", .help = "Memory of the compressor, as zlib's memLevel."}
#define ROW_COMPRESSION_THRESHOLD                                                                  \
{.name = "compression-threshold", .value = "SIZE", .type = OPT_SIZE, DEFLATE(threshold),           \
 .min = 1, .preset = "64", .help = "Messages smaller than this are not compressed."}
#define ROW_SERVER_WINDOW_BITS(words)                                                              \
{.name = "server-window-bits", .value = "N", .type = OPT_UINT, DEFLATE(server_max_window_bits),    \
 .min = 8, .max = 15, .preset = "15", .help = words}
#define ROW_CLIENT_WINDOW_BITS(words)                                                              \
{.name = "client-window-bits", .value = "N", .type = OPT_UINT, DEFLATE(client_max_window_bits),    \
 .min = 8, .max = 15, .preset = "15", .help = words}
#define ROW_SERVER_NO_CONTEXT_TAKEOVER(words)                                                      \
{.name = "server-no-context-takeover", .type = OPT_FLAG, DEFLATE(server_no_context_takeover),      \
 .help = words}
#define ROW_CLIENT_NO_CONTEXT_TAKEOVER(words)                                                      \
{.name = "client-no-context-takeover", .type = OPT_FLAG, DEFLATE(client_no_context_takeover),      \
 .help = words}

/* Names of a wsk_io. */
static const char *const io_names[] = {"auto", "uring", "epoll", NULL};
#define ROW_IO                                                                                     \
{.name = "io", .value = "WAY", .type = OPT_CHOICE, FIELD(loop.io), .choices = io_names,            \
 .preset = "auto", .help = "uring, epoll, or auto: io_uring where the kernel lets us."}

/* TLS. */
#define ROW_TLS13_ONLY                                                                             \
{.name = "tls13-only", .type = OPT_FLAG, FIELD(tls13_only), .help = "Do not speak TLS 1.2."}

/* clang-format on */

#endif
