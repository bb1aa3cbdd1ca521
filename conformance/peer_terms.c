/* SPDX-License-Identifier: MIT */
/*
 * What permessage-deflate was agreed to be (RFC 7692 7.1): whether a server's answer fits the offer
 * that a case has spelled out, and whether it is what a case needs.
 */
#include <stdlib.h>

#include "conformance/peer_internal.h"

char *peer_terms(judge_peer *p, const bool seen[4])
{
    const judge_case *c = p->test;

    if (!c->deflate.given)
        return NULL;
    if (c->deflate.declined)
        return peer_text(p, "the server agreed to an offer that it must decline");
    if (c->deflate.server_forgets && !seen[1])
        return peer_text(p, "the answer lacks server_no_context_takeover, which was offered");
    if (seen[2] && c->deflate.client_bits == 0)
        return peer_text(p, "the answer has client_max_window_bits, which was not offered");
    if (seen[2] && p->to_peer.window_bits > c->deflate.client_bits)
        return peer_text(p, "the answer has client_max_window_bits=%u, above the %u of the offer",
                         p->to_peer.window_bits, c->deflate.client_bits);
    if (c->deflate.server_bits > 0 && !seen[3])
        return peer_text(p, "the answer lacks server_max_window_bits, which was offered");
    if (c->deflate.server_bits > 0 && p->from_peer.window_bits > c->deflate.server_bits)
        return peer_text(p, "the answer has server_max_window_bits=%u, above the %u of the offer",
                         p->from_peer.window_bits, c->deflate.server_bits);
    return NULL;
}

bool peer_need(judge_peer *p, int set)
{
    const judge_deflate_row *row = &p->test->echo.offers[0];
    const uint8_t bits = row->own_bits ? row->own_bits : 15;

    if (p->deflate && !((set & JUDGE_NEED_KEEPS) && p->to_peer.no_context_takeover) &&
        !((set & JUDGE_NEED_FORGETS) && !p->to_peer.no_context_takeover) &&
        !((set & JUDGE_NEED_WINDOW) && p->to_peer.window_bits != bits) &&
        !((set & JUDGE_NEED_ROOM) && p->to_peer.window_bits < bits) &&
        !(row->window_bits > 0 && p->from_peer.window_bits > row->window_bits) &&
        !(row->no_context_takeover && !p->from_peer.no_context_takeover))
        return true;
    p->lacks = true;
    peer_send_close(p, WSK_CLOSE_NORMAL, NULL, 0, false);
    return false;
}

void peer_judge_need(judge_peer *p)
{
    judge_result *r = &p->r;

    if (p->test->packs && p->deflate && !p->packed && !p->lacks)
        peer_degrade(
            p, JUDGE_INFORMATIONAL,
            peer_text(p, "nothing came back compressed, so that there was nothing to see"));
    if (!p->lacks)
        return;
    r->behavior = JUDGE_UNIMPLEMENTED;
    r->behavior_close = JUDGE_OK;
    free(r->result);
    r->result = peer_text(p, p->deflate
                                 ? "permessage-deflate was not agreed on as the case needs it."
                                 : "permessage-deflate was not agreed on.");
}
