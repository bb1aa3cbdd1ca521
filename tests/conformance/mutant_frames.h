/* SPDX-License-Identifier: MIT */
/*
 * A small WebSocket endpoint, server or client, that tests the categories of framing beyond
 * Autobahn's (16 to 20): correct by default, and with a switch for one deliberate fault each. Own
 * code, octets in and octets out.
 */
#ifndef TESTS_CONFORMANCE_MUTANT_FRAMES_H
#define TESTS_CONFORMANCE_MUTANT_FRAMES_H

#include "mutant_kind.h"
#include "mutant_octets.h"

/* The largest message it takes. */
#define FM_LIMIT 1048576u
/* What hoard_announced takes at most. */
#define FM_HOARD ((size_t)80 << 20)

/* name, what it does. Names that begin with legal_ are odd but allowed: no case may fail. */
#define FM_MAP(X)                                                                                  \
    X(none, "nothing is wrong")                                                                    \
    X(legal_drop, "fails connections by dropping TCP")                                             \
    X(legal_reason, "gives its close frames a reason")                                             \
    X(legal_plain, "compresses nothing although it was agreed on")                                 \
    X(legal_pings, "a ping goes before each echo")                                                 \
    X(legal_few_pings, "drops TCP after 1,000 control frames")                                     \
    X(legal_length, "looks at the length before anything else, and closes with 1009")              \
    /* masks */                                                                                    \
    X(take_unmasked, "a server that takes unmasked frames")                                        \
    X(take_masked, "a client that takes masked frames")                                            \
    X(take_zero_masked, "a client that takes frames masked with zeros")                            \
    X(refuse_zero_key, "refuses masks of zeros")                                                   \
    X(refuse_letters, "refuses masks of digits")                                                   \
    X(refuse_small_key, "refuses masks that begin with three zeros")                               \
    X(key_signed, "treats octets of the key above 127 as if they were shifted")                    \
    X(mask_reads, "unmasks each read from the first octet of the key on")                          \
    X(mask_goes_on, "goes on in the mask where the frame before ended")                            \
    X(mask_first, "keeps the key of a message's first frame")                                      \
    X(mask_tail, "leaves the last one to three octets masked")                                     \
    X(mask_64k, "loses the phase behind 65,535 octets")                                            \
    X(mask_short, "does not unmask payloads of fewer than four octets")                            \
    X(key_same, "masks all frames with the same key")                                              \
    X(key_counter, "masks with a counter")                                                         \
    X(key_lcg, "masks with a linear congruence")                                                   \
    X(key_zero_empty, "masks empty frames with zeros")                                             \
    X(key_pong_same, "masks all pongs with the same key")                                          \
    X(key_16_bits, "masks with two random octets, twice")                                          \
    X(key_printable, "masks with printable octets")                                                \
    X(key_alternates, "changes between random keys and their complements")                         \
    /* lengths */                                                                                  \
    X(take_long_form, "takes lengths in a longer form than needed")                                \
    X(top_bit, "takes the top bit of a length for a part of it")                                   \
    X(no_limit, "waits for messages of any size")                                                  \
    X(long_control, "takes control frames of any length")                                          \
    X(late_control, "looks at control frames when they are complete")                              \
    X(late_opcode, "looks at opcodes when the frame is complete")                                  \
    X(whole_headers, "drops TCP if a read ends inside a header")                                   \
    X(whole_frames, "drops TCP if a read ends inside a frame")                                     \
    X(half_open, "stays when the other half of TCP ends")                                          \
    X(cut_counts, "takes a frame that was cut off for a whole one")                                \
    /* first octets */                                                                             \
    X(take_rsv23, "ignores RSV2 and RSV3")                                                         \
    X(take_rsv1, "ignores RSV1 where there is no extension")                                       \
    X(take_data_opcode, "ignores reserved data opcodes")                                           \
    X(take_control_opcode, "ignores reserved control opcodes")                                     \
    X(take_rsv1_control, "ignores RSV1 of control frames")                                         \
    X(take_control_fragment, "takes control frames without FIN")                                   \
    X(take_rsv1_cont, "ignores RSV1 of continuations")                                             \
    X(take_stray, "ignores continuations of nothing")                                              \
    X(take_nested, "lets a new message replace an unfinished one")                                 \
    X(fail_code, "fails connections with 1000")                                                    \
    X(fail_silent, "ignores violations and says nothing any more")                                 \
    X(refuse_rsv1, "refuses RSV1 although compression is agreed on")                               \
    X(echo_none, "echoes nothing")                                                                 \
    X(no_pong, "answers no ping")                                                                  \
    X(close_none, "answers no close")                                                              \
    X(goes_on, "goes on behind a close")                                                           \
    X(again_behind, "answers what comes behind a close with another one")                          \
    /* limits */                                                                                   \
    X(limit_low, "takes one octet less than its limit")                                            \
    X(limit_lower, "takes two octets less than its limit")                                         \
    X(limit_high, "takes one octet more than its limit")                                           \
    X(limit_frame, "limits frames only")                                                           \
    X(limit_packed, "limits what comes, not what it inflates to")                                  \
    X(limit_code, "refuses with 1003 what is too big")                                             \
    X(limit_late, "refuses what is too big when it is there")                                      \
    X(limit_lax_code, "refuses with 1008 what is too big")                                         \
    X(frames_stuck, "says nothing any more after 5,000 frames of a message")                       \
    X(frames_lost, "forgets frames behind the 5,000th of a message")                               \
    X(frames_any, "takes messages of any number of frames")                                        \
    X(no_deflate, "does not know compression")                                                     \
    /* closing */                                                                                  \
    X(fail_1005, "fails connections with 1005")                                                    \
    X(fail_octet, "fails connections with a close frame of one octet")                             \
    X(fail_reason, "gives its close a reason that is no UTF-8")                                    \
    X(fail_echoes, "echoes behind its own close")                                                  \
    X(answer_echoes, "echoes behind its answer to a close")                                        \
    X(fail_overtakes, "forgets echoes that wait to be sent when it fails the connection")          \
    X(fail_answers, "answers a close that answers its own")                                        \
    X(fail_stays, "never drops TCP after a failure")                                               \
    X(close_in_message, "refuses a close inside a message")                                        \
    X(close_in_packed, "refuses a close inside a compressed message")                              \
    X(close_reason, "takes a reason that is no UTF-8")                                             \
    X(close_long, "takes a reason of any length")                                                  \
    X(close_octet, "takes a close frame of one octet")                                             \
    X(close_codes, "takes every code")                                                             \
    X(close_any, "takes any close frame, however wrong, and answers with an empty one")            \
    X(close_no_reason, "refuses reasons")                                                          \
    X(close_ascii, "refuses reasons that are not ASCII")                                           \
    X(close_short_reason, "refuses reasons of more than 120 octets")                               \
    X(close_nul, "refuses reasons with NUL")                                                       \
    X(close_young, "refuses codes from 1012 to 1014")                                              \
    X(close_old, "refuses codes below 3000 but 1000")                                              \
    X(close_private, "refuses codes from 3000")                                                    \
    X(close_never_blocked, "answers no close while 100,000 octets wait to be sent")                \
    X(close_not_behind, "refuses a close while a pong waits to be sent")                           \
    X(end_speaks, "sends a message when the other half of TCP ends")                               \
    X(close_half, "forgets its answer to a close when TCP is half-closed")                         \
    /* memory */                                                                                   \
    X(hoard_fragments, "keeps each frame of a message by itself, any number of them")              \
    X(hoard_announced, "allocates what a frame announces, and waits for it")                       \
    X(hoard_pongs, "keeps each pong by itself")                                                    \
    /* pings */                                                                                    \
    X(pong_empty, "answers pings with empty pongs")                                                \
    X(pong_64, "cuts pongs to 64 octets")                                                          \
    X(pong_string, "ends pongs at the first NUL")                                                  \
    X(pong_text, "answers no ping that is no UTF-8")                                               \
    X(pong_last, "answers only the last ping of a read")                                           \
    X(pong_late, "answers pings when no message is open")                                          \
    X(pong_packed, "sets RSV1 on pongs inside a compressed message")                               \
    X(pong_eats, "a ping ends the message that is open")                                           \
    X(pong_inflates, "a ping feeds the message that is compressed")                                \
    X(pong_answered, "answers pongs")                                                              \
    X(pong_stuck, "says nothing any more after 1,000 control frames")                              \
    X(pong_empty_lost, "answers no empty ping")

typedef enum fm_fault {
#define FM_ENUM_(name, text) FM_##name,
    FM_MAP(FM_ENUM_)
#undef FM_ENUM_
        FM_COUNT
} fm_fault;

/* Further faults: the verdict on frames with this first octet is the wrong one; a read that ends
 * with the n-th octet behind the handshake is the last one. */
#define FM_OCTET(octet) ((unsigned)FM_COUNT + (octet))
#define FM_CUT(n)       ((unsigned)FM_COUNT + 256 + (n))

extern const mutant_kind frames_kind;

#endif
