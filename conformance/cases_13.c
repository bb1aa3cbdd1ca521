/* SPDX-License-Identifier: MIT */
/* Category 13, permessage-deflate over JSON with seven sets of parameters (RFC 7692 7.1). */
#include "conformance/cases_deflate.h"

void judge_cases_13(judge_builder *b)
{
    static const struct {
        size_t n;
        judge_deflate_row offers[3];
        const char *what;
    } sets[] = {
        {1, {{false, 0}}, "nothing is asked of the peer"},
        {1, {{true, 0}}, "the peer is asked for no context takeover"},
        {1, {{false, 9}}, "the peer is asked for a window of 9 bits"},
        {1, {{false, 15}}, "the peer is asked for a window of 15 bits"},
        {1, {{true, 9}}, "the peer is asked for no context takeover and a window of 9 bits"},
        {1, {{true, 15}}, "the peer is asked for no context takeover and a window of 15 bits"},
        {3,
         {{true, 9}, {true, 0}, {false, 0}},
         "the peer has the choice of no context takeover with a window of 9 bits, no context "
         "takeover alone, or neither"},
    };

    for (size_t i = 0; i < WSK__COUNT(sets); i++)
        judge_add_deflate_rows(b, 13, (int)i + 1, 1, sets[i].offers, sets[i].n, sets[i].what);
}
