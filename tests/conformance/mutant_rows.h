/* SPDX-License-Identifier: MIT */
/* Included by test_mutants.c alone: which cases each fault fails, and the sets that recur. */

#define EVERY_CASE     "1.* 2.* 3.* 4.* 5.* 6.* 7.1.1 7.1.2 7.1.3 7.1.4 7.1.5 7.3.* 7.5.1 7.7.* 7.9.*"
#define GOOD_CONTROL   "2.1 2.2 2.3 2.4 2.6 2.7 2.8 2.9 2.10 2.11"
#define ECHO_THEN_FAIL "3.2 3.3 3.4 4.1.3 4.1.4 4.1.5 4.2.3 4.2.4 4.2.5"
#define GOOD_FRAGMENTS "5.3 5.4 5.5 5.6 5.7 5.8"
#define GOOD_PREFIXES  "6.6.2 6.6.5 6.6.7 6.6.9 6.6.11"
#define BAD_PREFIXES   "6.6.1 6.6.3 6.6.4 6.6.6 6.6.8 6.6.10"
#define BAD_TEXT                                                                                   \
    "6.8.* 6.10.* 6.11.5 6.12.* 6.13.* 6.14.* 6.15.1 6.16.* 6.17.* 6.18.* 6.19.* 6.20.* 6.21.*"
#define GOOD_BORDERS "6.7.* 6.9.* 6.11.1 6.11.2 6.11.3 6.11.4 6.22.* 6.23.*"
#define STRAYS       "5.9 5.10 5.11 5.12 5.13 5.14 5.15 5.16 5.17"

#define SERVER MUTANT_SERVER
#define CLIENT MUTANT_CLIENT
#define BOTH   MUTANT_BOTH

static const row rows[] = {
    {MUTANT_none, BOTH, ALL, ""},
    {MUTANT_legal_fragments, BOTH, ALL, ""},
    {MUTANT_legal_pings, BOTH, ALL, ""},
    {MUTANT_legal_pongs, BOTH, ALL, ""},
    {MUTANT_legal_context, BOTH, ALL, ""},
    {MUTANT_legal_window, BOTH, ALL, ""},
    {MUTANT_legal_stored, BOTH, ALL, ""},
    {MUTANT_legal_final, BOTH, ALL, ""},
    {MUTANT_legal_1013, BOTH, LIGHT, ""},
    {MUTANT_hello_status, SERVER, LIGHT, EVERY_CASE " 9.* 10.1.1 12.1.1 13.1.1"},
    {MUTANT_hello_accept, SERVER, LIGHT, EVERY_CASE " 9.* 10.1.1 12.1.1 13.1.1"},
    {MUTANT_hello_upgrade, BOTH, LIGHT, EVERY_CASE " 9.* 10.1.1 12.1.1 13.1.1"},
    {MUTANT_hello_connection, BOTH, LIGHT, EVERY_CASE " 9.* 10.1.1 12.1.1 13.1.1"},
    {MUTANT_hello_extension, SERVER, LIGHT, EVERY_CASE " 9.* 10.1.1 12.1.1 13.1.1"},
    {MUTANT_hello_protocol, SERVER, LIGHT, EVERY_CASE " 9.* 10.1.1 12.1.1 13.1.1"},
    {MUTANT_hello_silent, BOTH, LIGHT, EVERY_CASE " 9.* 10.1.1 12.1.1 13.1.1"},
    {MUTANT_hello_drop, SERVER, LIGHT, EVERY_CASE " 9.* 10.1.1 12.1.1 13.1.1"},
    {MUTANT_hello_drop, CLIENT, LIGHT,
     "1.* " GOOD_CONTROL " " ECHO_THEN_FAIL " " GOOD_FRAGMENTS
     " 5.15 5.19 5.20 6.1.* 6.2.* 6.4.* 6.5.* " GOOD_PREFIXES " " GOOD_BORDERS
     " 7.1.1 7.1.2 7.1.3 7.1.4 7.1.5 7.3.1 7.3.3 7.3.4 7.3.5 7.7.* 9.* 10.1.1 12.1.1 "
     "13.1.1"},
    {MUTANT_drop_on_data, BOTH, LIGHT,
     "1.* " GOOD_CONTROL " " ECHO_THEN_FAIL " " GOOD_FRAGMENTS
     " 5.15 5.19 5.20 6.1.* 6.2.* 6.4.* 6.5.* " GOOD_PREFIXES " " GOOD_BORDERS
     " 7.1.1 7.1.2 7.1.3 7.1.4 7.1.5 7.3.1 7.3.3 7.3.4 7.3.5 7.7.* 9.* 10.1.1 12.1.1 "
     "13.1.1"},
    {MUTANT_masked, SERVER, LIGHT, EVERY_CASE " 9.* 10.1.1 12.1.1 13.1.1"},
    {MUTANT_long_length, BOTH, LIGHT,
     "1.1.1 1.1.2 1.2.1 1.2.2 " ECHO_THEN_FAIL " " GOOD_FRAGMENTS
     " 5.15 5.19 5.20 6.1.* 6.2.* 6.5.* " GOOD_PREFIXES " " GOOD_BORDERS
     " 7.1.1 9.7.1 9.8.2 12.1.1 13.1.1"},
    {MUTANT_longer_length, BOTH, PLAIN,
     "1.1.3 1.1.4 1.1.5 1.1.6 1.2.3 1.2.4 1.2.5 1.2.6 9.7.4 9.7.5 9.7.6 9.8.4 9.8.5 "
     "9.8.6"},
    {MUTANT_length_126, BOTH, PLAIN, "1.1.3 1.2.3"},
    {MUTANT_length_65536, BOTH, PLAIN,
     "1.1.7 1.1.8 1.2.7 1.2.8 9.1.* 9.2.* 9.3.* 9.4.* 9.5.* 9.6.* 10.1.1"},
    {MUTANT_rsv_set, BOTH, LIGHT, EVERY_CASE " 9.* 10.1.1 12.1.1 13.1.1"},
    {MUTANT_reserved_opcode, BOTH, LIGHT,
     "1.* " ECHO_THEN_FAIL " " GOOD_FRAGMENTS " 5.15 5.19 5.20 6.1.* 6.2.* 6.5.* " GOOD_PREFIXES
     " " GOOD_BORDERS " 7.1.1 9.* 10.1.1 12.1.1 13.1.1"},
    {MUTANT_whole_reads, BOTH, PLAIN,
     "1.1.8 1.2.8 2.6 2.11 3.4 4.1.5 4.2.5 5.5 5.8 6.4.3 6.4.4 9.3.1 9.3.2 9.3.3 "
     "9.3.4 9.4.1 9.4.2 9.4.3 9.4.4 9.5.* 9.6.*"},
    {MUTANT_echo_type_text, BOTH, ALL, "1.2.* 9.2.* 9.4.* 9.6.* 9.8.* 12.2.* 12.3.* 12.5.*"},
    {MUTANT_echo_type_binary, BOTH, ALL,
     "1.1.* " ECHO_THEN_FAIL " " GOOD_FRAGMENTS " 5.15 5.19 5.20 6.1.* 6.2.* 6.5.* " GOOD_PREFIXES
     " " GOOD_BORDERS " 7.1.1 9.1.* 9.3.* 9.5.* 9.7.* 10.1.1 12.1.* 12.4.* 13.*"},
    {MUTANT_echo_none, BOTH, ALL,
     "1.* " ECHO_THEN_FAIL " " GOOD_FRAGMENTS " 5.15 5.19 5.20 6.1.* 6.2.* 6.5.* " GOOD_PREFIXES
     " " GOOD_BORDERS " 7.1.1 9.* 10.1.1 12.* 13.*"},
    {MUTANT_echo_twice, BOTH, ALL,
     "1.* " ECHO_THEN_FAIL " " GOOD_FRAGMENTS " 5.15 5.19 5.20 6.1.* 6.2.* 6.5.* " GOOD_PREFIXES
     " " GOOD_BORDERS " 7.1.1 9.* 10.1.1 12.* 13.*"},
    {MUTANT_echo_short, BOTH, ALL,
     "1.1.2 1.1.3 1.1.4 1.1.5 1.1.6 1.1.7 1.1.8 1.2.2 1.2.3 1.2.4 1.2.5 1.2.6 1.2.7 "
     "1.2.8 " ECHO_THEN_FAIL " " GOOD_FRAGMENTS " 5.15 5.19 5.20 6.1.3 6.2.* 6.5.* " GOOD_PREFIXES
     " " GOOD_BORDERS
     " 7.1.1 9.1.* 9.2.* 9.3.* 9.4.* 9.5.* 9.6.* 9.7.2 9.7.3 9.7.4 9.7.5 9.7.6 9.8.2 "
     "9.8.3 9.8.4 9.8.5 9.8.6 10.1.1 12.* 13.*"},
    {MUTANT_echo_long, BOTH, ALL,
     "1.* " ECHO_THEN_FAIL " " GOOD_FRAGMENTS " 5.15 5.19 5.20 6.1.* 6.2.* 6.5.* " GOOD_PREFIXES
     " " GOOD_BORDERS " 7.1.1 9.* 10.1.1 12.* 13.*"},
    {MUTANT_echo_empty_lost, BOTH, PLAIN, "1.1.1 1.2.1 6.1.1 6.1.2 9.7.1 9.8.1"},
    {MUTANT_corrupt_first, BOTH, ALL,
     "1.1.2 1.1.3 1.1.4 1.1.5 1.1.6 1.1.7 1.1.8 1.2.2 1.2.3 1.2.4 1.2.5 1.2.6 1.2.7 "
     "1.2.8 " ECHO_THEN_FAIL " " GOOD_FRAGMENTS " 5.15 5.19 5.20 6.1.3 6.2.* 6.5.* " GOOD_PREFIXES
     " " GOOD_BORDERS
     " 7.1.1 9.1.* 9.2.* 9.3.* 9.4.* 9.5.* 9.6.* 9.7.2 9.7.3 9.7.4 9.7.5 9.7.6 9.8.2 "
     "9.8.3 9.8.4 9.8.5 9.8.6 10.1.1 12.* 13.*"},
    {MUTANT_corrupt_70000, BOTH, ALL,
     "9.1.2 9.1.3 9.1.4 9.1.5 9.1.6 9.2.2 9.2.3 9.2.4 9.2.5 9.2.6 9.3.* 9.4.* 9.5.* "
     "9.6.* 12.1.10 12.1.15 12.1.16 12.1.17 12.1.18 12.2.10 12.2.15 12.2.16 12.2.17 "
     "12.2.18 12.3.10 12.3.15 12.3.16 12.3.17 12.3.18 12.4.10 12.4.15 12.4.16 12.4.17 "
     "12.4.18 12.5.10 12.5.15 12.5.16 12.5.17 12.5.18 13.1.10 13.1.15 13.1.16 13.1.17 "
     "13.1.18 13.2.10 13.2.15 13.2.16 13.2.17 13.2.18 13.3.10 13.3.15 13.3.16 13.3.17 "
     "13.3.18 13.4.10 13.4.15 13.4.16 13.4.17 13.4.18 13.5.10 13.5.15 13.5.16 13.5.17 "
     "13.5.18 13.6.10 13.6.15 13.6.16 13.6.17 13.6.18 13.7.10 13.7.15 13.7.16 13.7.17 "
     "13.7.18"},
    {MUTANT_corrupt_late, BOTH, ALL,
     "9.7.2 9.7.3 9.7.4 9.7.5 9.7.6 9.8.2 9.8.3 9.8.4 9.8.5 9.8.6 12.* 13.*"},
    {MUTANT_big_refused, BOTH, PLAIN, "9.1.4 9.1.5 9.1.6 9.2.4 9.2.5 9.2.6 9.3.* 9.4.*"},
    {MUTANT_fragments_refused, BOTH, PLAIN,
     "9.3.1 9.3.2 9.3.3 9.3.4 9.3.5 9.3.6 9.4.1 9.4.2 9.4.3 9.4.4 9.4.5 9.4.6 10.1.1"},
    {MUTANT_empty_fragment_lost, BOTH, PLAIN,
     "6.1.2 6.1.3 6.2.3 6.2.4 9.3.1 9.3.2 9.3.3 9.3.4 9.3.5 9.3.6 9.3.7 9.3.8 9.4.1 "
     "9.4.2 9.4.3 9.4.4 9.4.5 9.4.6 9.4.7 9.4.8"},
    {MUTANT_fragments_apart, BOTH, LIGHT,
     GOOD_FRAGMENTS
     " 5.15 5.18 5.19 5.20 6.1.2 6.1.3 6.2.2 6.2.3 6.2.4 6.3.2 6.4.1 6.4.2 " BAD_PREFIXES
     " 6.14.6 6.14.7 7.1.5 10.1.1"},
    {MUTANT_no_pong, BOTH, LIGHT, "2.1 2.2 2.3 2.4 2.6 2.9 2.10 2.11 5.6 5.7 5.8 5.19 5.20"},
    {MUTANT_pong_empty, BOTH, LIGHT, "2.2 2.3 2.4 2.6 2.9 2.10 2.11 5.6 5.7 5.8 5.19 5.20"},
    {MUTANT_pong_last, BOTH, LIGHT, "2.10 5.6 5.19"},
    {MUTANT_pong_late, BOTH, LIGHT, "5.6 5.7 5.8 5.19 5.20"},
    {MUTANT_pong_answered, BOTH, LIGHT, "2.7 2.8 2.9"},
    {MUTANT_accept_rsv1, BOTH, LIGHT, "3.4"},
    {MUTANT_accept_rsv2, BOTH, LIGHT, "3.2"},
    {MUTANT_accept_rsv3, BOTH, LIGHT, "3.1"},
    {MUTANT_accept_data_opcode, BOTH, LIGHT, "4.1.*"},
    {MUTANT_accept_control_opcode, BOTH, LIGHT, "4.2.*"},
    {MUTANT_accept_long_control, BOTH, LIGHT, "2.5 7.3.6"},
    {MUTANT_accept_control_fragment, BOTH, LIGHT, "5.1 5.2 " STRAYS},
    {MUTANT_accept_stray, BOTH, LIGHT, STRAYS},
    {MUTANT_accept_nested, BOTH, LIGHT, "5.18"},
    {MUTANT_fail_slow, BOTH, LIGHT, "3.2 4.1.3 4.1.4 4.2.3 4.2.4 5.15"},
    {MUTANT_fail_code, BOTH, LIGHT, "2.5 3.* 4.* 5.1 5.2 " STRAYS " 5.18 7.3.2 7.3.6 7.9.*"},
    {MUTANT_fail_silent, SERVER, LIGHT,
     "2.5 3.* 4.* 5.1 5.2 " STRAYS " 5.18 6.3.* 6.4.* " BAD_PREFIXES " " BAD_TEXT
     " 7.3.2 7.3.6 7.5.1 7.9.*"},
    {MUTANT_fail_silent, CLIENT, LIGHT,
     "2.5 3.* 4.* 5.1 5.2 " STRAYS " 5.18 6.3.* 6.4.* " BAD_PREFIXES " " BAD_TEXT},
    {MUTANT_utf8_none, BOTH, LIGHT, "6.3.* 6.4.* " BAD_PREFIXES " " BAD_TEXT},
    {MUTANT_utf8_late, BOTH, LIGHT, "6.4.*"},
    {MUTANT_utf8_frame, BOTH, LIGHT, "6.4.3 6.4.4"},
    {MUTANT_utf8_per_frame, BOTH, LIGHT, "6.2.3 6.2.4 6.4.2"},
    {MUTANT_utf8_surrogates, BOTH, LIGHT, "6.3.* 6.20.* 6.21.* 7.5.1"},
    {MUTANT_utf8_overlong, BOTH, LIGHT, "6.8.* 6.10.2 6.10.3 6.17.* 6.18.* 6.19.*"},
    {MUTANT_utf8_beyond, BOTH, LIGHT, "6.4.* 6.10.1 6.11.5"},
    {MUTANT_utf8_five, BOTH, LIGHT, "6.8.* 6.10.2 6.10.3"},
    {MUTANT_utf8_truncated, BOTH, LIGHT, BAD_PREFIXES " 6.14.6 6.14.7"},
    {MUTANT_utf8_stray, BOTH, LIGHT, "6.12.*"},
    {MUTANT_utf8_no_tail, BOTH, LIGHT,
     BAD_PREFIXES " 6.8.* 6.10.2 6.10.3 6.13.* 6.14.1 6.14.4 6.14.5 6.14.6 6.14.7 6.14.9 6.14.10"},
    {MUTANT_utf8_impossible, BOTH, LIGHT, "6.16.*"},
    {MUTANT_utf8_no_noncharacters, BOTH, LIGHT, "6.9.3 6.9.4 6.11.4 6.22.* 6.23.6 6.23.7"},
    {MUTANT_utf8_no_specials, BOTH, LIGHT, "6.11.3 6.23.1 6.23.2 6.23.3 6.23.4 6.23.5"},
    {MUTANT_utf8_no_four, BOTH, LIGHT,
     "6.5.4 6.7.4 6.9.4 6.11.4 6.22.3 6.22.4 6.22.5 6.22.6 6.22.7 6.22.8 6.22.9 "
     "6.22.10 6.22.11 6.22.12 6.22.13 6.22.14 6.22.15 6.22.16 6.22.17 6.22.18 6.22.19 "
     "6.22.20 6.22.21 6.22.22 6.22.23 6.22.24 6.22.25 6.22.26 6.22.27 6.22.28 6.22.29 "
     "6.22.30 6.22.31 6.22.32 6.22.33 6.22.34"},
    {MUTANT_utf8_no_nul, BOTH, LIGHT, "6.7.1 6.9.1"},
    {MUTANT_utf8_ascii, BOTH, LIGHT,
     "6.2.* 6.4.* 6.5.2 6.5.3 6.5.4 6.5.5 " GOOD_PREFIXES
     " 6.7.2 6.7.3 6.7.4 6.9.2 6.9.3 6.9.4 6.11.1 6.11.2 6.11.3 6.11.4 6.22.* 6.23.*"},
    {MUTANT_utf8_code, BOTH, LIGHT, "6.3.* 6.4.* " BAD_PREFIXES " " BAD_TEXT},
    {MUTANT_close_none, BOTH, LIGHT,
     "1.* " GOOD_CONTROL " " GOOD_FRAGMENTS " 5.19 5.20 6.1.* 6.2.* 6.5.* " GOOD_PREFIXES
     " " GOOD_BORDERS
     " 7.1.1 7.1.2 7.1.3 7.1.4 7.1.5 7.3.1 7.3.3 7.3.4 7.3.5 7.7.* 9.* 10.1.1 12.1.1 "
     "13.1.1"},
    {MUTANT_close_drop, BOTH, LIGHT,
     "1.* " GOOD_CONTROL " " GOOD_FRAGMENTS " 5.19 5.20 6.1.* 6.2.* 6.5.* " GOOD_PREFIXES
     " " GOOD_BORDERS
     " 7.1.1 7.1.2 7.1.3 7.1.4 7.1.5 7.3.1 7.3.3 7.3.4 7.3.5 7.7.* 9.* 10.1.1 12.1.1 "
     "13.1.1"},
    {MUTANT_close_stay, SERVER, LIGHT, EVERY_CASE " 9.* 10.1.1 12.1.1 13.1.1"},
    {MUTANT_close_code, BOTH, LIGHT,
     "1.* " GOOD_CONTROL " " GOOD_FRAGMENTS " 5.19 5.20 6.1.* 6.2.* 6.5.* " GOOD_PREFIXES
     " " GOOD_BORDERS
     " 7.1.1 7.1.2 7.1.3 7.1.4 7.1.5 7.3.1 7.3.3 7.3.4 7.3.5 7.7.1 7.7.3 7.7.4 7.7.5 "
     "7.7.6 7.7.7 7.7.8 7.7.9 7.7.10 7.7.11 7.7.12 7.7.13 9.* 10.1.1 12.1.1 13.1.1"},
    {MUTANT_close_invalid, BOTH, LIGHT,
     "1.* " GOOD_CONTROL " " GOOD_FRAGMENTS " 5.19 5.20 6.1.* 6.2.* 6.5.* " GOOD_PREFIXES
     " " GOOD_BORDERS
     " 7.1.1 7.1.2 7.1.3 7.1.4 7.1.5 7.3.1 7.3.3 7.3.4 7.3.5 7.7.* 9.* 10.1.1 12.1.1 "
     "13.1.1"},
    {MUTANT_close_reason, BOTH, LIGHT, EVERY_CASE " 9.* 10.1.1 12.1.1 13.1.1"},
    {MUTANT_close_first, BOTH, LIGHT, ECHO_THEN_FAIL " 5.15 9.7.1 9.8.2 12.1.1 13.1.1"},
    {MUTANT_close_takes_octet, BOTH, LIGHT, "7.3.2"},
    {MUTANT_close_takes_codes, BOTH, LIGHT, "7.9.*"},
    {MUTANT_close_takes_reason, BOTH, LIGHT, "7.5.1"},
    {MUTANT_close_no_private, BOTH, LIGHT, "7.7.10 7.7.11 7.7.12 7.7.13"},
    {MUTANT_close_no_high, BOTH, LIGHT, "7.7.4 7.7.5 7.7.6 7.7.7 7.7.8 7.7.9"},
    {MUTANT_close_no_empty, BOTH, LIGHT, "7.3.1"},
    {MUTANT_close_no_reason, BOTH, LIGHT, "7.3.4 7.3.5"},
    {MUTANT_close_then_pong, BOTH, LIGHT, "7.1.3"},
    {MUTANT_close_then_echo, BOTH, LIGHT, "7.1.4 7.1.5"},
    {MUTANT_close_then_rest, BOTH, LIGHT, "7.1.5"},
    {MUTANT_close_twice, BOTH, LIGHT, "7.1.2"},
    {MUTANT_deflate_none, BOTH, ALL, "12.* 13.*"},
    {MUTANT_deflate_keeps, BOTH, ALL, "13.2.* 13.5.* 13.6.* 13.7.*"},
    {MUTANT_deflate_window, BOTH, PACKED, "13.3.* 13.5.* 13.7.*"},
    {MUTANT_deflate_forgets, BOTH, PACKED, "12.* 13.*"},
    {MUTANT_deflate_rsv1, BOTH, ALL, "12.* 13.*"},
    {MUTANT_deflate_rsv1_all, BOTH, ALL, "12.* 13.*"},
    {MUTANT_deflate_tail, BOTH, PACKED, "12.* 13.*"},
    {MUTANT_deflate_unknown, SERVER, ALL, "12.* 13.*"},
    {MUTANT_deflate_unknown, CLIENT, ALL, EVERY_CASE " 9.* 10.1.1 12.* 13.*"},
    {MUTANT_deflate_bits, SERVER, ALL, "12.* 13.*"},
    {MUTANT_deflate_bits, CLIENT, ALL, EVERY_CASE " 9.* 10.1.1 12.* 13.*"},
    {MUTANT_deflate_double, SERVER, ALL, "12.* 13.*"},
    {MUTANT_deflate_double, CLIENT, ALL, EVERY_CASE " 9.* 10.1.1 12.* 13.*"},
    {MUTANT_legal_drop, CLIENT, LIGHT, ""},
    {MUTANT_legal_offers, CLIENT, LIGHT, ""},
    {MUTANT_legal_zero_mask, CLIENT, LIGHT, ""},
    {MUTANT_hello_method, CLIENT, LIGHT, EVERY_CASE " 9.* 10.1.1 12.1.1 13.1.1"},
    {MUTANT_hello_version, CLIENT, LIGHT, EVERY_CASE " 9.* 10.1.1 12.1.1 13.1.1"},
    {MUTANT_hello_host, CLIENT, LIGHT, EVERY_CASE " 9.* 10.1.1 12.1.1 13.1.1"},
    {MUTANT_hello_key, CLIENT, LIGHT, EVERY_CASE " 9.* 10.1.1 12.1.1 13.1.1"},
    {MUTANT_hello_twice, CLIENT, LIGHT, EVERY_CASE " 9.* 10.1.1 12.1.1 13.1.1"},
    {MUTANT_hello_protocols, CLIENT, LIGHT, EVERY_CASE " 9.* 10.1.1 12.1.1 13.1.1"},
    {MUTANT_unmasked, CLIENT, LIGHT, EVERY_CASE " 9.* 10.1.1 12.1.1 13.1.1"},
    {MUTANT_mask_control, CLIENT, LIGHT, EVERY_CASE " 9.* 10.1.1 12.1.1 13.1.1"},
    {MUTANT_mask_empty, CLIENT, LIGHT, "1.1.1 1.2.1 2.1 6.1.1 6.1.2 7.3.1 9.7.1"},
    {MUTANT_mask_other, CLIENT, LIGHT,
     "1.* 2.* 3.* 4.* 5.* 6.* 7.1.1 7.1.2 7.1.3 7.1.4 7.1.5 7.3.2 7.3.3 7.3.4 7.3.5 7.3.6 7.5.1 "
     "7.7.* 7.9.* 9.* 10.1.1 12.1.1 13.1.1"},
    {MUTANT_mask_tail, CLIENT, LIGHT,
     "1.* 2.* 3.* 4.* 5.* 6.* 7.1.1 7.1.2 7.1.3 7.1.4 7.1.5 7.3.2 7.3.3 7.3.4 7.3.5 7.3.6 7.5.1 "
     "7.7.* 7.9.* 9.* 10.1.1 12.1.1 13.1.1"},
    {MUTANT_mask_anew, CLIENT, LIGHT, "1.1.6 1.1.7 1.1.8 1.2.6 1.2.7 1.2.8 9.1.1 9.2.1 10.1.1"},
    {MUTANT_deflate_no_window, CLIENT, ALL, "13.3.* 13.4.* 13.5.* 13.6.*"},
};
