/* SPDX-License-Identifier: MIT */
/*
 * A small WebSocket endpoint that echoes, server or client, to test the judge: correct by default,
 * and with a switch for one deliberate fault each. Own code, octets in and octets out, so that a
 * test can run it in memory and mutant_server.c and mutant_client.c over TCP.
 */
#ifndef TESTS_CONFORMANCE_MUTANT_H
#define TESTS_CONFORMANCE_MUTANT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum mutant_role {
    MUTANT_SERVER = 1,
    MUTANT_CLIENT = 2,
    MUTANT_BOTH = 3,
} mutant_role;

/* name, whose fault it can be, what it does. Names that begin with legal_ are odd but allowed: no
 * case may fail. */
#define MUTANT_MAP(X)                                                                              \
    X(none, BOTH, "nothing is wrong")                                                              \
    X(legal_fragments, BOTH, "echoes come back in frames of 1000 octets")                          \
    X(legal_pings, BOTH, "a ping goes before each echo, and behind each part of a frame")          \
    X(legal_pongs, BOTH, "a pong goes before each echo, and when the connection opens")            \
    X(legal_context, BOTH, "has the peer promise no context takeover")                             \
    X(legal_window, BOTH, "has the peer promise a window of 9 bits")                               \
    X(legal_stored, BOTH, "answers uncompressed although compression is agreed on")                \
    X(legal_final, BOTH, "ends each compressed message with a final block")                        \
    X(legal_1013, BOTH, "echoes close codes as 1013")                                              \
    X(legal_drop, CLIENT, "drops TCP as soon as the closing handshake is complete")                \
    X(legal_offers, CLIENT, "offers two sets of parameters behind an unknown extension")           \
    X(legal_zero_mask, CLIENT, "masks with zeros")                                                 \
    X(hello_status, SERVER, "answers the handshake with 200")                                      \
    X(hello_accept, SERVER, "a wrong Sec-WebSocket-Accept")                                        \
    X(hello_upgrade, BOTH, "no Upgrade field")                                                     \
    X(hello_connection, BOTH, "no Connection field")                                               \
    X(hello_extension, SERVER, "agrees to an extension that was not offered")                      \
    X(hello_protocol, SERVER, "agrees to a subprotocol that was not offered")                      \
    X(hello_method, CLIENT, "asks with POST")                                                      \
    X(hello_version, CLIENT, "asks for version 8")                                                 \
    X(hello_host, CLIENT, "no Host field")                                                         \
    X(hello_key, CLIENT, "a key of 15 octets")                                                     \
    X(hello_twice, CLIENT, "two keys")                                                             \
    X(hello_protocols, CLIENT, "offers a subprotocol twice")                                       \
    X(hello_silent, BOTH, "never finishes the handshake")                                          \
    X(hello_drop, BOTH, "drops TCP when the handshake of the peer has come")                       \
    X(drop_on_data, BOTH, "drops TCP at the first frame")                                          \
    X(masked, SERVER, "masks its frames")                                                          \
    X(unmasked, CLIENT, "does not mask its frames")                                                \
    X(mask_control, CLIENT, "does not mask control frames")                                        \
    X(mask_empty, CLIENT, "does not mask frames without payload")                                  \
    X(mask_other, CLIENT, "masks with other octets than the header has")                           \
    X(mask_tail, CLIENT, "does not mask the octets behind the last whole four")                    \
    X(mask_anew, CLIENT, "begins the mask anew after each 1022 octets")                            \
    X(long_length, BOTH, "16-bit lengths where 7 bits would do")                                   \
    X(longer_length, BOTH, "64-bit lengths where 16 bits would do")                                \
    X(length_126, BOTH, "gives a length of 126 octets as 125")                                     \
    X(length_65536, BOTH, "cannot take messages of 65536 octets or more")                          \
    X(rsv_set, BOTH, "sets RSV2 on its frames")                                                    \
    X(reserved_opcode, BOTH, "echoes with opcode 3")                                               \
    X(whole_reads, BOTH, "takes a read for a frame: drops TCP if it is not whole")                 \
    X(echo_type_text, BOTH, "echoes binary as text")                                               \
    X(echo_type_binary, BOTH, "echoes text as binary")                                             \
    X(echo_none, BOTH, "echoes nothing")                                                           \
    X(echo_twice, BOTH, "echoes twice")                                                            \
    X(echo_short, BOTH, "loses the last octet of an echo")                                         \
    X(echo_long, BOTH, "adds an octet to an echo")                                                 \
    X(echo_empty_lost, BOTH, "does not echo empty messages")                                       \
    X(corrupt_first, BOTH, "changes the first octet of an echo")                                   \
    X(corrupt_70000, BOTH, "changes the 70,000th octet of an echo")                                \
    X(corrupt_late, BOTH, "changes the last octet of the third echo")                              \
    X(big_refused, BOTH, "refuses messages over 1 MiB with 1009")                                  \
    X(fragments_refused, BOTH, "refuses messages of more than 50 frames with 1008")                \
    X(empty_fragment_lost, BOTH, "does not see an empty last frame")                               \
    X(fragments_apart, BOTH, "echoes each frame as a message")                                     \
    X(no_pong, BOTH, "answers no ping")                                                            \
    X(pong_empty, BOTH, "answers pings with empty pongs")                                          \
    X(pong_last, BOTH, "answers only the last ping of a read")                                     \
    X(pong_late, BOTH, "answers pings only when no message is open")                               \
    X(pong_answered, BOTH, "answers pongs with pongs")                                             \
    X(accept_rsv1, BOTH, "ignores RSV1")                                                           \
    X(accept_rsv2, BOTH, "ignores RSV2")                                                           \
    X(accept_rsv3, BOTH, "ignores RSV3")                                                           \
    X(accept_data_opcode, BOTH, "ignores frames with a reserved data opcode")                      \
    X(accept_control_opcode, BOTH, "ignores frames with a reserved control opcode")                \
    X(accept_long_control, BOTH, "takes control frames of more than 125 octets")                   \
    X(accept_control_fragment, BOTH, "takes control frames without FIN")                           \
    X(accept_stray, BOTH, "ignores continuations of nothing")                                      \
    X(accept_nested, BOTH, "lets a new message replace an unfinished one")                         \
    X(fail_slow, BOTH, "on a violation drops what it was about to echo")                           \
    X(fail_code, BOTH, "fails violations with 1000")                                               \
    X(fail_silent, BOTH, "ignores violations and says nothing any more")                           \
    X(utf8_none, BOTH, "does not check text")                                                      \
    X(utf8_late, BOTH, "checks text only when the message is complete")                            \
    X(utf8_frame, BOTH, "checks text when a frame is complete")                                    \
    X(utf8_per_frame, BOTH, "checks each frame for itself")                                        \
    X(utf8_surrogates, BOTH, "accepts surrogates")                                                 \
    X(utf8_overlong, BOTH, "accepts overlong forms")                                               \
    X(utf8_beyond, BOTH, "accepts code points beyond U+10FFFF")                                    \
    X(utf8_five, BOTH, "accepts sequences of five and six octets")                                 \
    X(utf8_truncated, BOTH, "accepts a text that ends inside a character")                         \
    X(utf8_stray, BOTH, "accepts continuation octets alone")                                       \
    X(utf8_no_tail, BOTH, "takes a first octet for a character")                                   \
    X(utf8_impossible, BOTH, "accepts octets 0xfe and 0xff")                                       \
    X(utf8_no_noncharacters, BOTH, "refuses noncharacters")                                        \
    X(utf8_no_specials, BOTH, "refuses U+FFF0 to U+FFFD")                                          \
    X(utf8_no_four, BOTH, "refuses sequences of four octets")                                      \
    X(utf8_no_nul, BOTH, "refuses NUL and DEL")                                                    \
    X(utf8_ascii, BOTH, "refuses everything but ASCII")                                            \
    X(utf8_code, BOTH, "fails bad text with 1002")                                                 \
    X(close_none, BOTH, "never answers a close")                                                   \
    X(close_drop, BOTH, "drops TCP at a close without an answer")                                  \
    X(close_stay, SERVER, "answers a close but never drops TCP")                                   \
    X(close_code, BOTH, "answers each close with 1001")                                            \
    X(close_invalid, BOTH, "answers each close with 1005")                                         \
    X(close_reason, BOTH, "answers with a reason that is no UTF-8")                                \
    X(close_first, BOTH, "closes by itself after an echo")                                         \
    X(close_takes_octet, BOTH, "takes a close frame with one octet")                               \
    X(close_takes_codes, BOTH, "takes every close code")                                           \
    X(close_takes_reason, BOTH, "takes a reason that is no UTF-8")                                 \
    X(close_no_private, BOTH, "refuses close codes from 3000")                                     \
    X(close_no_high, BOTH, "refuses close codes from 1002 to 1011")                                \
    X(close_no_empty, BOTH, "refuses an empty close frame")                                        \
    X(close_no_reason, BOTH, "refuses a close frame with a reason")                                \
    X(close_then_pong, BOTH, "answers a ping behind the close")                                    \
    X(close_then_echo, BOTH, "echoes a message behind the close")                                  \
    X(close_then_rest, BOTH, "goes on with a message behind the close")                            \
    X(close_twice, BOTH, "takes a second close frame for a violation of the first")                \
    X(deflate_none, BOTH, "does not know compression")                                             \
    X(deflate_no_window, CLIENT, "does not offer client_max_window_bits")                          \
    X(deflate_keeps, BOTH, "promises no context takeover and keeps the context")                   \
    X(deflate_window, BOTH, "promises a window and uses a larger one")                             \
    X(deflate_forgets, BOTH, "forgets the peer's context")                                         \
    X(deflate_rsv1, BOTH, "compresses without setting RSV1")                                       \
    X(deflate_rsv1_all, BOTH, "sets RSV1 on continuations too")                                    \
    X(deflate_tail, BOTH, "compressed messages lack their last octet")                             \
    X(deflate_unknown, BOTH, "has an unknown parameter in the handshake")                          \
    X(deflate_bits, BOTH, "has a window of 16 bits in the handshake")                              \
    X(deflate_double, BOTH, "names what it wants twice in the handshake")

typedef enum mutant_fault {
#define MUTANT_ENUM_(name, role, text) MUTANT_##name,
    MUTANT_MAP(MUTANT_ENUM_)
#undef MUTANT_ENUM_
        MUTANT_COUNT
} mutant_fault;

const char *mutant_name(mutant_fault f);
/* What it does, and the roles that can have it. */
const char *mutant_text(mutant_fault f);
mutant_role mutant_roles(mutant_fault f);
/* MUTANT_COUNT if there is none of that name. */
mutant_fault mutant_find(const char *name);

typedef struct mutant mutant;

mutant *mutant_new(mutant_fault fault);
/* A client, whose request waits to be written. */
mutant *mutant_client_new(mutant_fault fault, const char *host, const char *resource);
void mutant_free(mutant *m);
/* Octets of one read. */
void mutant_feed(mutant *m, const uint8_t *data, size_t len);
/* What is to be written. */
const uint8_t *mutant_output(const mutant *m, size_t *ret_len);
void mutant_taken(mutant *m, size_t n);
/* True: TCP is to be dropped once everything is written. */
bool mutant_is_over(const mutant *m);
/* Nothing has come for a while. */
void mutant_idle(mutant *m);

#endif
