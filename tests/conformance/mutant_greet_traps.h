/* SPDX-License-Identifier: MIT */
/* Included by mutant_greet.c alone: octets of a handshake at which a fault shows. */
#ifndef TESTS_CONFORMANCE_MUTANT_GREET_TRAPS_H
#define TESTS_CONFORMANCE_MUTANT_GREET_TRAPS_H

#include <stddef.h>

#include "mutant_greet.h"

/* What a fault does when it sees certain octets before the connection is open. */
typedef enum trap_act {
    HANG,       /* nothing any more, and TCP stays */
    HANG_FIRST, /* ... if it begins with them */
    NO_UPGRADE, /* ... if neither Upgrade nor Connection is there */
    OPEN,       /* goes on as if the connection were open, once the head is there */
    OPEN_FIRST, /* ... if it begins with them */
    SPEAK,      /* sends a frame */
    SPEAK_LAST, /* ... if nothing is behind them yet */
} trap_act;

typedef struct trap {
    greet_fault fault;
    trap_act act;
    const char *octets;
    size_t len;
} trap;

#define TRAP(fault, act, octets)                                                                   \
    {                                                                                              \
        GREET_##fault, act, octets, sizeof(octets) - 1                                             \
    }

static const trap traps[] = {
    TRAP(s_at_http09, HANG, "GET /\r\n"),
    TRAP(s_at_blanks, HANG, "GET  "),
    TRAP(s_at_octets, HANG, "\xc3\xbc HTTP"),
    TRAP(s_at_other, HANG, "GET http://other"),
    TRAP(s_at_empty_host, HANG, "\r\nHost:\r\n"),
    TRAP(s_at_upgrades, HANG, "Upgrade: foo"),
    TRAP(s_at_version, HANG, "websocket/13"),
    TRAP(s_at_close, HANG, "close, Upgrade"),
    TRAP(s_at_order, HANG, "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key"),
    TRAP(s_at_cookie, HANG, "\r\nCookie:"),
    TRAP(s_at_twice, HANG, "13\r\nSec-WebSocket-Version: 13"),
    TRAP(s_at_bits, HANG, "MDEyMzQ1Njc4OTAxMjM0NR=="),
    TRAP(s_at_long_key, HANG, "MDEyMDEyMDEyMDEyMDEyMDEy"),
    TRAP(s_at_blank_line, HANG, "HTTP/1.1\r\n "),
    TRAP(s_at_one_lf, HANG, "X-Foo: bar\n"),
    TRAP(s_at_cr, HANG, "a\rb"),
    TRAP(s_at_nul, HANG, "a\0b"),
    TRAP(s_at_control, HANG, "X-Foo: a\x01"),
    TRAP(s_at_tls, HANG, "\x16\x03\x01"),
    TRAP(s_at_frames, HANG, "\x81\x85"),
    TRAP(s_at_long, HANG, "X-Long: "),
    TRAP(s_at_long_name, HANG, "13\r\naaaa"),
    TRAP(s_at_many, HANG, "X-A: b\r\nX-A: b"),
    TRAP(s_at_protocol_blanks, HANG, "Protocol: b    "),
    TRAP(s_at_protocol_many, HANG, "Protocol: a,b,b,b"),
    TRAP(s_at_commas, HANG, "Extensions: ,,,,"),
    TRAP(s_at_backslashes, HANG, "b=\"\\\\"),
    TRAP(s_at_semicolons, HANG, "; b; b"),
    TRAP(s_at_offers, HANG, ",permessage-deflate,permessage"),
    TRAP(s_at_same, HANG, "x-one, x-one"),
    TRAP(s_at_no_protocol, HANG, "Protocol:\r\n"),
    TRAP(s_at_protocol_gaps, HANG, "Protocol: ,"),
    TRAP(s_at_no_tokens, HANG, "a b, c/d"),
    TRAP(s_at_extension_gaps, HANG, "Extensions: ,, x"),
    TRAP(s_at_no_extension, HANG, "Extensions: \r\n"),
    TRAP(s_at_long_target, HANG, "?aaaa"),
    TRAP(s_no_upgrade_at_all, NO_UPGRADE, "\r\nSec-WebSocket-Key: "),
    TRAP(c_trusts_100, OPEN, "HTTP/1.1 100"),
    TRAP(c_trusts_102, OPEN, "HTTP/1.1 102"),
    TRAP(c_trusts_2xx, OPEN, "HTTP/1.1 2"),
    TRAP(c_trusts_3xx, OPEN, "HTTP/1.1 3"),
    TRAP(c_trusts_4xx, OPEN, "HTTP/1.1 4"),
    TRAP(c_trusts_5xx, OPEN, "HTTP/1.1 5"),
    TRAP(c_trusts_smtp, OPEN, "220 mail"),
    TRAP(c_trusts_frames, OPEN_FIRST, "\x81\x05Hello"),
    TRAP(c_trusts_zeros, OPEN, "\0\0\0\0"),
    TRAP(c_trusts_bare, OPEN, "Protocols\r\nSec-WebSocket-Accept"),
    TRAP(c_trusts_folded, OPEN, "Accept: x\r\n "),
    TRAP(c_at_empty_line, HANG_FIRST, "\r\nHTTP"),
    TRAP(c_at_upgrades, HANG, "websocket, foo"),
    TRAP(c_at_no_protocol, HANG, "Protocol:\r\n"),
    TRAP(c_at_lf, SPEAK, "Protocols\nUpgrade"),
    TRAP(c_at_one_lf, HANG, "X-Foo: bar\n"),
    TRAP(c_at_cr, HANG, "a\rb"),
    TRAP(c_at_nul, HANG, "a\0b"),
    TRAP(c_at_blank, HANG, "Upgrade :"),
    TRAP(c_at_long, HANG, "X-Long: "),
    TRAP(c_at_many, HANG, "X-A: b\r\nX-A: b"),
    TRAP(c_at_cut, SPEAK_LAST, "Protocols\r\nUpgr"),
};

#endif
