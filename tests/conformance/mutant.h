/* SPDX-License-Identifier: MIT */
/*
 * A small WebSocket echo server that tests the judge: correct by default, and with a switch for
 * one deliberate fault each. Own code, octets in and octets out, so that a test can run it in
 * memory and mutant_server.c over TCP.
 */
#ifndef TESTS_CONFORMANCE_MUTANT_H
#define TESTS_CONFORMANCE_MUTANT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* name, what it does. Names that begin with legal_ are odd but allowed: no case may fail. */
#define MUTANT_MAP(X)                                                                              \
    X(none, "nothing is wrong")                                                                    \
    X(legal_fragments, "echoes come back in frames of 1000 octets")                                \
    X(legal_pings, "a ping goes before each echo")                                                 \
    X(legal_context, "answers client_no_context_takeover")                                         \
    X(legal_window, "answers client_max_window_bits=9")                                            \
    X(legal_stored, "answers uncompressed although compression is agreed on")                      \
    X(legal_final, "ends each compressed message with a final block")                              \
    X(legal_1013, "echoes close codes as 1013")                                                    \
    X(hello_status, "answers the handshake with 200")                                              \
    X(hello_accept, "a wrong Sec-WebSocket-Accept")                                                \
    X(hello_upgrade, "no Upgrade field")                                                           \
    X(hello_connection, "no Connection field")                                                     \
    X(hello_extension, "agrees to an extension that was not offered")                              \
    X(hello_protocol, "agrees to a subprotocol that was not offered")                              \
    X(hello_silent, "never answers the handshake")                                                 \
    X(hello_drop, "drops TCP instead of an answer")                                                \
    X(drop_on_data, "drops TCP at the first frame")                                                \
    X(masked, "masks its frames")                                                                  \
    X(long_length, "16-bit lengths where 7 bits would do")                                         \
    X(longer_length, "64-bit lengths where 16 bits would do")                                      \
    X(length_126, "gives a length of 126 octets as 125")                                           \
    X(length_65536, "cannot take messages of 65536 octets or more")                                \
    X(rsv_set, "sets RSV2 on its frames")                                                          \
    X(reserved_opcode, "echoes with opcode 3")                                                     \
    X(whole_reads, "takes a read for a frame: drops TCP if it is not whole")                       \
    X(echo_type_text, "echoes binary as text")                                                     \
    X(echo_type_binary, "echoes text as binary")                                                   \
    X(echo_none, "echoes nothing")                                                                 \
    X(echo_twice, "echoes twice")                                                                  \
    X(echo_short, "loses the last octet of an echo")                                               \
    X(echo_long, "adds an octet to an echo")                                                       \
    X(echo_empty_lost, "does not echo empty messages")                                             \
    X(corrupt_first, "changes the first octet of an echo")                                         \
    X(corrupt_70000, "changes the 70,000th octet of an echo")                                      \
    X(corrupt_late, "changes the last octet of the third echo")                                    \
    X(big_refused, "refuses messages over 1 MiB with 1009")                                        \
    X(fragments_refused, "refuses messages of more than 50 frames with 1008")                      \
    X(empty_fragment_lost, "does not see an empty last frame")                                     \
    X(fragments_apart, "echoes each frame as a message")                                           \
    X(no_pong, "answers no ping")                                                                  \
    X(pong_empty, "answers pings with empty pongs")                                                \
    X(pong_last, "answers only the last ping of a read")                                           \
    X(pong_late, "answers pings only when no message is open")                                     \
    X(pong_unasked, "sends a pong before each echo")                                               \
    X(pong_answered, "answers pongs with pongs")                                                   \
    X(accept_rsv1, "ignores RSV1")                                                                 \
    X(accept_rsv2, "ignores RSV2")                                                                 \
    X(accept_rsv3, "ignores RSV3")                                                                 \
    X(accept_data_opcode, "ignores frames with a reserved data opcode")                            \
    X(accept_control_opcode, "ignores frames with a reserved control opcode")                      \
    X(accept_long_control, "takes control frames of more than 125 octets")                         \
    X(accept_control_fragment, "takes control frames without FIN")                                 \
    X(accept_stray, "ignores continuations of nothing")                                            \
    X(accept_nested, "lets a new message replace an unfinished one")                               \
    X(fail_slow, "on a violation drops what it was about to echo")                                 \
    X(fail_code, "fails violations with 1000")                                                     \
    X(fail_silent, "ignores violations and says nothing any more")                                 \
    X(utf8_none, "does not check text")                                                            \
    X(utf8_late, "checks text only when the message is complete")                                  \
    X(utf8_frame, "checks text when a frame is complete")                                          \
    X(utf8_per_frame, "checks each frame for itself")                                              \
    X(utf8_surrogates, "accepts surrogates")                                                       \
    X(utf8_overlong, "accepts overlong forms")                                                     \
    X(utf8_beyond, "accepts code points beyond U+10FFFF")                                          \
    X(utf8_five, "accepts sequences of five and six octets")                                       \
    X(utf8_truncated, "accepts a text that ends inside a character")                               \
    X(utf8_stray, "accepts continuation octets alone")                                             \
    X(utf8_no_tail, "takes a first octet for a character")                                         \
    X(utf8_impossible, "accepts octets 0xfe and 0xff")                                             \
    X(utf8_no_noncharacters, "refuses noncharacters")                                              \
    X(utf8_no_specials, "refuses U+FFF0 to U+FFFD")                                                \
    X(utf8_no_four, "refuses sequences of four octets")                                            \
    X(utf8_no_nul, "refuses NUL and DEL")                                                          \
    X(utf8_ascii, "refuses everything but ASCII")                                                  \
    X(utf8_code, "fails bad text with 1002")                                                       \
    X(close_none, "never answers a close")                                                         \
    X(close_drop, "drops TCP at a close without an answer")                                        \
    X(close_stay, "answers a close but never drops TCP")                                           \
    X(close_code, "answers each close with 1001")                                                  \
    X(close_invalid, "answers each close with 1005")                                               \
    X(close_reason, "answers with a reason that is no UTF-8")                                      \
    X(close_first, "closes by itself after an echo")                                               \
    X(close_takes_octet, "takes a close frame with one octet")                                     \
    X(close_takes_codes, "takes every close code")                                                 \
    X(close_takes_reason, "takes a reason that is no UTF-8")                                       \
    X(close_no_private, "refuses close codes from 3000")                                           \
    X(close_no_high, "refuses close codes from 1002 to 1011")                                      \
    X(close_no_empty, "refuses an empty close frame")                                              \
    X(close_no_reason, "refuses a close frame with a reason")                                      \
    X(close_then_pong, "answers a ping behind the close")                                          \
    X(close_then_echo, "echoes a message behind the close")                                        \
    X(close_then_rest, "goes on with a message behind the close")                                  \
    X(close_twice, "takes a second close frame for a violation of the first")                      \
    X(deflate_none, "does not know compression")                                                   \
    X(deflate_keeps, "promises no context takeover and keeps the context")                         \
    X(deflate_window, "promises a window and uses a larger one")                                   \
    X(deflate_forgets, "forgets the client's context")                                             \
    X(deflate_rsv1, "compresses without setting RSV1")                                             \
    X(deflate_rsv1_all, "sets RSV1 on continuations too")                                          \
    X(deflate_tail, "compressed messages lack their last octet")                                   \
    X(deflate_unknown, "answers with an unknown parameter")                                        \
    X(deflate_bits, "answers with a window of 16 bits")                                            \
    X(deflate_double, "answers with the extension twice")

typedef enum mutant_fault {
#define MUTANT_ENUM_(name, text) MUTANT_##name,
    MUTANT_MAP(MUTANT_ENUM_)
#undef MUTANT_ENUM_
        MUTANT_COUNT
} mutant_fault;

const char *mutant_name(mutant_fault f);
/* MUTANT_COUNT if there is none of that name. */
mutant_fault mutant_find(const char *name);

typedef struct mutant mutant;

mutant *mutant_new(mutant_fault fault);
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
