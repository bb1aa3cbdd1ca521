/* SPDX-License-Identifier: MIT */
/*
 * A small WebSocket endpoint with permessage-deflate, server or client, that tests categories 21 to
 * 23: correct by default, and with a switch for one deliberate fault each. Own code, octets in and
 * octets out.
 */
#ifndef TESTS_CONFORMANCE_MUTANT_DEFLATE_H
#define TESTS_CONFORMANCE_MUTANT_DEFLATE_H

#include "mutant_kind.h"
#include "mutant_octets.h"

/* name, what it does. Names that begin with legal_ are odd but allowed: no case may fail. */
#define DM_MAP(X)                                                                                  \
    X(none, "nothing is wrong")                                                                    \
    X(legal_plain, "compresses nothing although it was agreed on")                                 \
    X(legal_no_payload, "takes no compressed message without payload")                             \
    /* offers and answers */                                                                       \
    X(take_bits, "takes any number of window bits, as far as it is one")                           \
    X(take_text, "takes any value of window bits")                                                 \
    X(take_none, "takes window bits without a value")                                              \
    X(take_unknown, "ignores parameters that it does not know")                                    \
    X(take_twice, "ignores that a parameter comes twice")                                          \
    X(take_value, "ignores values of parameters that have none")                                   \
    X(take_prefix, "compares only the begin of the extension's name")                              \
    X(take_empty, "ignores empty parameters")                                                      \
    X(take_more, "a client that ignores further extensions in the answer")                         \
    X(refuse_offers, "answers with 400 what it should decline")                                    \
    X(agrees, "agrees to extensions that it does not know")                                        \
    X(no_quotes, "takes no quoted values")                                                         \
    X(first_offer, "looks at the first offer alone")                                               \
    X(first_field, "looks at the first field alone")                                               \
    X(last_offer, "looks at the last offer alone")                                                 \
    X(no_bare_bits, "declines client_max_window_bits without a value")                             \
    X(no_client_15, "declines client_max_window_bits=15")                                          \
    X(adds_client_bits, "answers with client_max_window_bits, offered or not")                     \
    X(drops_server_bits, "does not answer with server_max_window_bits")                            \
    X(drops_forgets, "does not answer with server_no_context_takeover")                            \
    X(no_deflate, "does not know compression")                                                     \
    /* compressed data */                                                                          \
    X(no_final, "fails where a block is final")                                                    \
    X(stops_at_final, "ignores what is behind a final block")                                      \
    X(final_ends, "decodes nothing any more behind a final block")                                 \
    X(no_stored, "takes no stored blocks")                                                         \
    X(no_dynamic, "takes no codes of a block's own")                                               \
    X(no_empty, "loses empty messages")                                                            \
    X(no_empty_blocks, "takes no empty blocks")                                                    \
    X(no_fixed, "takes no fixed codes")                                                            \
    X(one_block, "loses what is behind the first block of a frame")                                \
    X(no_empty_frames, "takes no empty frames within a compressed message")                        \
    X(no_empty_codes, "takes no empty blocks with codes")                                          \
    X(tail_twice, "puts the tail of a compressed message into the message")                        \
    X(one_frame, "inflates each frame for itself")                                                 \
    X(ping_ends, "a ping ends the compressed message")                                             \
    X(plain_packed, "inflates plain messages behind a compressed one")                             \
    X(packed_plain, "takes compressed messages behind a plain one for plain")                      \
    X(small_stored, "takes no stored block of more than 32,767 octets")                            \
    X(rsv1_cont, "ignores RSV1 of continuations")                                                  \
    X(rsv1_control, "ignores RSV1 of control frames")                                              \
    X(rsv1_close, "ignores close frames with RSV1")                                                \
    X(rsv_other, "ignores RSV2 and RSV3 of compressed messages")                                   \
    X(takes_broken, "takes what it has where data cannot be decoded")                              \
    X(takes_cut, "takes messages that end within a block")                                         \
    X(no_utf8, "checks no text that was compressed")                                               \
    X(utf8_frames, "checks each frame for itself")                                                 \
    X(binary_text, "checks binary messages, too")                                                  \
    /* windows and contexts */                                                                     \
    X(wide_window, "compresses with a window that was not agreed on")                              \
    X(keeps_own, "keeps its context although it has agreed to forget it")                          \
    X(keeps_wide, "does so, with a window that was not agreed on")                                 \
    X(large_wide, "does so where a message has 1,024 octets, and compresses no others")            \
    X(forgets_peer, "forgets the peer's context")                                                  \
    X(small_window, "inflates with a window of half the size")                                     \
    X(wide_inflate, "inflates with a window of 32,768 octets whatever was agreed")                 \
    X(keeps_peer, "keeps the peer's context although it need not")                                 \
    X(no_limit, "inflates, and takes, messages of any size")                                       \
    X(fail_code, "fails connections with 1000")                                                    \
    X(limit_code, "refuses what is too big with 1002")                                             \
    X(flood_tired, "says nothing any more after 100,000 empty blocks")                             \
    /* time */                                                                                     \
    X(early_answer, "answers requests that are not complete")                                      \
    X(early_open, "a client that goes on without an answer")                                       \
    X(early_line, "answers a request of which only the beginning is there")                        \
    X(early_fields, "answers a request that does not end")                                         \
    X(open_line, "a client that goes on at half a status line")                                    \
    X(open_fields, "a client that goes on at an answer that does not end")                         \
    X(echo_octet, "answers the first octet of a frame")                                            \
    X(large_more, "sends more than the header says where an echo is large")                        \
    X(sleeps, "ignores what comes after half a second of silence")                                 \
    X(speaks_idle, "sends a message after half a second of silence")                               \
    X(early_echo, "echoes what is not complete")                                                   \
    X(masked, "masks where it should not, or does not where it should")                            \
    X(loses_unread, "drops echoes while others wait to be sent")                                   \
    X(loses_pong, "answers no ping while others wait to be sent")                                  \
    X(greets, "sends a message before it is asked for anything")                                   \
    X(fail_overtakes, "forgets echoes that wait to be sent when it fails the connection")          \
    X(after_failure, "echoes behind a failure")                                                    \
    /* what is not its own */                                                                      \
    X(leaks, "ends the reasons of its close frames with an old message")                           \
    X(leaks_control, "ends the reasons of its close frames with control characters")               \
    X(echo_none, "echoes nothing")

typedef enum dm_fault {
#define DM_ENUM_(name, text) DM_##name,
    DM_MAP(DM_ENUM_)
#undef DM_ENUM_
        DM_COUNT
} dm_fault;

extern const mutant_kind deflate_kind;

#endif
