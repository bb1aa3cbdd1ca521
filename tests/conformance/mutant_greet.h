/* SPDX-License-Identifier: MIT */
/*
 * A WebSocket endpoint that is strict about the opening handshake, for either side of it, and has a
 * switch for one deliberate fault each. Own code, octets in and octets out; of frames it knows no
 * more than an echo needs.
 */
#ifndef TESTS_CONFORMANCE_MUTANT_GREET_H
#define TESTS_CONFORMANCE_MUTANT_GREET_H

#include "mutant_kind.h"
#include "mutant_octets.h"

/* name, what it does; s_ as a server, c_ as a client. */
#define GREET_MAP(X)                                                                               \
    X(s_none, "nothing is wrong")                                                                  \
    X(s_quotes, "refuses with a page without a length that quotes an answer, as it may")           \
    X(s_http09, "answers a request without a version in the form of HTTP/0.9, as it may")          \
    X(s_silent, "never answers")                                                                   \
    X(s_garbage, "answers with something that is not HTTP")                                        \
    X(s_refuses, "refuses everything with 400")                                                    \
    X(s_accept, "a wrong Sec-WebSocket-Accept")                                                    \
    X(s_late, "answers after a second and a half")                                                 \
    X(s_stays, "leaves TCP open behind a refusal")                                                 \
    X(s_goes_on, "takes what stands behind a refused request for the next one")                    \
    X(s_persists, "keeps TCP behind a refusal, and answers the next request, as it may")           \
    X(s_loses_glued, "loses frames that came with the request")                                    \
    X(s_takes_unmasked, "takes frames that are not masked")                                        \
    X(s_answers_second, "answers a request that stands where frames should")                       \
    X(s_whole_reads, "takes a read for a request: refuses it if it is not whole")                  \
    X(s_keeps_half, "does not see that TCP was half-closed")                                       \
    X(s_reads_all, "has no limits")                                                                \
    X(s_any_method, "takes every method")                                                          \
    X(s_any_version, "takes every version of HTTP")                                                \
    X(s_no_12, "refuses HTTP/1.2")                                                                 \
    X(s_any_target, "does not look at the target")                                                 \
    X(s_moves, "redirects where the target is none, as it may")                                    \
    X(s_version_7, "takes version 7, too, as it may")                                              \
    X(s_no_absolute, "refuses absolute URIs")                                                      \
    X(s_no_query, "drops TCP where the target has a query")                                        \
    X(s_no_empty_line, "refuses an empty line before the request")                                 \
    X(s_no_host, "does not miss Host")                                                             \
    X(s_hosts, "takes several Hosts")                                                              \
    X(s_any_host, "does not look at Host")                                                         \
    X(s_no_upgrade, "does not miss Upgrade")                                                       \
    X(s_part_upgrade, "takes a part of Upgrade for the whole")                                     \
    X(s_case_upgrade, "compares Upgrade and Connection with their case")                           \
    X(s_no_connection, "does not miss Connection")                                                 \
    X(s_part_connection, "looks for a part of Connection")                                         \
    X(s_one_connection, "wants Connection to have one token")                                      \
    X(s_first_field, "looks at the first field of a name alone")                                   \
    X(s_any_wsversion, "takes every version of WebSocket")                                         \
    X(s_atoi_wsversion, "reads digits of the version as long as there are any")                    \
    X(s_octet_wsversion, "keeps the version in an octet")                                          \
    X(s_long_wsversion, "keeps the version in 64 bits")                                            \
    X(s_mute_wsversion, "refuses a version without saying which there are")                        \
    X(s_400_wsversion, "refuses a version with 400")                                               \
    X(s_no_key, "does not miss the key")                                                           \
    X(s_any_key, "does not look at the key")                                                       \
    X(s_keys, "takes several keys")                                                                \
    X(s_case_names, "compares names with their case")                                              \
    X(s_one_blank, "wants one blank behind each colon")                                            \
    X(s_no_obs_text, "refuses octets above 0x7f")                                                  \
    X(s_letters_names, "knows no names but those of letters")                                      \
    X(s_no_empty_values, "refuses empty values")                                                   \
    X(s_folds, "joins folded lines")                                                               \
    X(s_bare_cr, "takes CR alone for the end of a line")                                           \
    X(s_any_name, "does not look at names")                                                        \
    X(s_no_spaced_names, "passes over fields with white space before the colon")                   \
    X(s_trims_names, "takes white space off names")                                                \
    X(s_no_length_0, "refuses a body of no octets")                                                \
    X(s_body_frames, "takes a body for frames")                                                    \
    X(s_any_length, "does not look at lengths and codings")                                        \
    X(s_few_fields, "takes eight fields")                                                          \
    X(s_own_protocol, "chooses a subprotocol that was not offered")                                \
    X(s_no_protocols, "drops TCP where a subprotocol is offered")                                  \
    X(s_own_extension, "chooses an extension that was not offered")                                \
    X(s_no_extensions, "drops TCP where an extension is offered")                                  \
    X(s_any_extension, "agrees to an extension whatever its parameters are, and says them again")  \
    X(s_no_grammar, "does not look at the form of extensions")                                     \
    X(s_drops_origin, "goes silent where there is an Origin")                                      \
    X(s_at_http09, "goes silent at a request line without a version")                              \
    X(s_at_blanks, "goes silent at two blanks in the request line")                                \
    X(s_at_octets, "goes silent at octets above 0x7f in a target")                                 \
    X(s_at_other, "goes silent at an absolute target with another host")                           \
    X(s_at_empty_host, "goes silent at an empty Host")                                             \
    X(s_at_upgrades, "goes silent where Upgrade has two elements")                                 \
    X(s_at_version, "goes silent at a version behind the word of Upgrade")                         \
    X(s_at_close, "goes silent at Connection: close, Upgrade")                                     \
    X(s_at_order, "goes silent where the key comes before Host")                                   \
    X(s_at_cookie, "goes silent at a cookie")                                                      \
    X(s_at_twice, "goes silent where the version comes twice")                                     \
    X(s_at_bits, "goes silent at a key with bits behind the last octet")                           \
    X(s_at_long_key, "goes silent at a long key")                                                  \
    X(s_at_blank_line, "goes silent where a blank begins the first field")                         \
    X(s_lf_accept, "takes LF alone for the end of a line, and answers with a wrong accept then")   \
    X(s_takes_lf, "takes LF alone for the end of a line, as it may")                               \
    X(s_at_one_lf, "goes silent where one field ends with LF")                                     \
    X(s_at_cr, "goes silent at CR in a value")                                                     \
    X(s_at_nul, "goes silent at NUL in a value")                                                   \
    X(s_at_control, "goes silent at a control character in a value")                               \
    X(s_at_tls, "goes silent where it is asked in TLS")                                            \
    X(s_at_frames, "goes silent where frames come at once")                                        \
    X(s_at_long, "goes silent at a long value")                                                    \
    X(s_at_long_name, "goes silent at a long name")                                                \
    X(s_at_many, "goes silent at many fields")                                                     \
    X(s_at_protocol_blanks, "goes silent at blanks in a subprotocol")                              \
    X(s_at_protocol_many, "goes silent at many subprotocols")                                      \
    X(s_at_commas, "goes silent at an extension of commas")                                        \
    X(s_at_backslashes, "goes silent at an extension of backslashes")                              \
    X(s_at_semicolons, "goes silent at an extension of semicolons")                                \
    X(s_at_offers, "goes silent at many offers")                                                   \
    X(s_at_same, "goes silent where a subprotocol is offered twice")                               \
    X(s_at_no_protocol, "goes silent at an empty list of subprotocols")                            \
    X(s_at_protocol_gaps, "goes silent at empty elements of subprotocols")                         \
    X(s_at_no_tokens, "goes silent at subprotocols that are no tokens")                            \
    X(s_at_extension_gaps, "goes silent at empty elements of extensions")                          \
    X(s_at_no_extension, "goes silent at an empty list of extensions")                             \
    X(s_at_long_target, "goes silent at a long target")                                            \
    X(s_no_upgrade_at_all, "goes silent where neither field asks for an upgrade")                  \
    X(s_lone_origin, "goes silent where there is no Origin")                                       \
    X(s_half_speaks, "sends a reserved frame once TCP is half-closed")                             \
    X(s_end_welcome, "takes the end of TCP for a request")                                         \
    X(c_none, "nothing is wrong")                                                                  \
    X(c_stays, "says nothing and stays when the answer is wrong")                                  \
    X(c_trusts, "takes whatever comes for an answer that opens the connection")                    \
    X(c_refuses, "takes no answer")                                                                \
    X(c_says_why, "sends a close frame when the answer is wrong")                                  \
    X(c_any_status, "does not look at the status")                                                 \
    X(c_prefix_status, "looks at three characters of the status")                                  \
    X(c_any_version, "takes every version of HTTP")                                                \
    X(c_no_12, "refuses HTTP/1.2")                                                                 \
    X(c_reason, "wants the reason to be Switching Protocols")                                      \
    X(c_no_interim, "takes an interim answer for the last one")                                    \
    X(c_any_upgrade, "does not look at Upgrade")                                                   \
    X(c_part_upgrade, "takes a part of Upgrade for the whole")                                     \
    X(c_case_upgrade, "compares Upgrade and Connection with their case")                           \
    X(c_any_connection, "does not look at Connection")                                             \
    X(c_part_connection, "looks for a part of Connection")                                         \
    X(c_one_connection, "wants Connection to have one token")                                      \
    X(c_any_accept, "does not look at Sec-WebSocket-Accept")                                       \
    X(c_part_accept, "looks for the value in Sec-WebSocket-Accept")                                \
    X(c_accepts, "takes several fields Sec-WebSocket-Accept")                                      \
    X(c_any_extension, "does not look at extensions")                                              \
    X(c_any_parameters, "does not look at the parameters of compression")                          \
    X(c_any_protocol, "does not look at the subprotocol")                                          \
    X(c_case_names, "compares names with their case")                                              \
    X(c_one_blank, "wants one blank behind each colon")                                            \
    X(c_no_obs_text, "refuses octets above 0x7f")                                                  \
    X(c_letters_names, "knows no names but those of letters")                                      \
    X(c_folds, "joins folded lines")                                                               \
    X(c_bare_cr, "takes CR alone for the end of a line")                                           \
    X(c_any_name, "does not look at names")                                                        \
    X(c_reads_all, "has no limits")                                                                \
    X(c_few_fields, "takes eight fields")                                                          \
    X(c_loses_glued, "loses frames that came with the answer")                                     \
    X(c_takes_masked, "takes frames that are masked")                                              \
    X(c_skips_http, "passes over octets that are no frame")                                        \
    X(c_whole_reads, "takes a read for an answer: gives up if it is not whole")                    \
    X(c_beats, "sends a ping and a pong as soon as the connection is open, as it may")             \
    X(c_own_code, "fails the connection with a code of its own")                                   \
    X(c_keeps_half, "does not see that TCP was half-closed")                                       \
    X(c_answers_early, "sends a frame right behind its request")                                   \
    X(c_trusts_100, "takes status 100 for an answer that opens")                                   \
    X(c_trusts_102, "takes status 102 for an answer that opens")                                   \
    X(c_trusts_2xx, "takes an answer of class 2 for one that opens")                               \
    X(c_trusts_3xx, "takes an answer of class 3 for one that opens")                               \
    X(c_trusts_4xx, "takes an answer of class 4 for one that opens")                               \
    X(c_trusts_5xx, "takes an answer of class 5 for one that opens")                               \
    X(c_trusts_smtp, "takes a greeting of mail for an answer")                                     \
    X(c_trusts_frames, "takes a frame for an answer")                                              \
    X(c_trusts_zeros, "takes zeros for an answer")                                                 \
    X(c_trusts_bare, "takes an answer with neither Upgrade nor Connection")                        \
    X(c_trusts_folded, "joins the folded value of Accept")                                         \
    X(c_at_empty_line, "stays at an empty line before the answer")                                 \
    X(c_at_upgrades, "stays where Upgrade has two elements")                                       \
    X(c_at_no_protocol, "stays at an empty subprotocol")                                           \
    X(c_at_lf, "speaks where lines end with LF")                                                   \
    X(c_at_one_lf, "stays where one field ends with LF")                                           \
    X(c_at_cr, "stays at CR in a value")                                                           \
    X(c_at_nul, "stays at NUL in a value")                                                         \
    X(c_at_blank, "stays at a blank before a colon")                                               \
    X(c_at_long, "stays at a long value")                                                          \
    X(c_at_many, "stays at many fields")                                                           \
    X(c_at_cut, "speaks when half a word is there")

typedef enum greet_fault {
#define GREET_ENUM_(name, text) GREET_##name,
    GREET_MAP(GREET_ENUM_)
#undef GREET_ENUM_
        GREET_COUNT
} greet_fault;

extern const mutant_kind greet_kind;

#endif
