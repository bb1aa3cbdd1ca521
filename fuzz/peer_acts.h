/* SPDX-License-Identifier: MIT */
/* What the program of a fuzzed server does to a peer, whatever system that server runs on. */
#ifndef FUZZ_PEER_ACTS_H
#define FUZZ_PEER_ACTS_H

#include <stdbool.h>
#include <stdint.h>

#include <websock/server.h>

/* The low four bits of `what` say what, the next one how; big: 20,000 octets. False: nothing was
 * done, it is for the target itself to say what 8, 9 and those above 11 are. */
static bool act_on_peer(wsk_server *s, wsk_peer *p, uint8_t what, const uint8_t *big)
{
    const bool variant = (what & 16) != 0;
    wsk_response response = WSK_RESPONSE_INIT;

    switch (what & 15) {
    case 0:
        (void)wsk_peer_send(p, WSK_OP_TEXT, "text", 4, 0);
        return true;
    case 1:
        (void)wsk_peer_send(p, WSK_OP_BINARY, big, 20000, WSK_SEND_COMPRESS);
        return true;
    case 2:
        (void)wsk_peer_send_part(p, WSK_OP_BINARY, big, 300, variant, 0);
        return true;
    case 3:
        (void)wsk_peer_ping(p, "ping", 4);
        return true;
    case 4:
        (void)wsk_peer_close(p, WSK_CLOSE_NORMAL, "bye");
        return true;
    case 5:
        wsk_peer_drop(p);
        return true;
    case 6:
        wsk_peer_pause(p, variant);
        return true;
    case 7:
        (void)wsk_server_broadcast(s, WSK_OP_BINARY, big, 5000, variant ? p : NULL);
        return true;
    case 10:
        (void)wsk_peer_accept(p, NULL);
        return true;
    case 11:
        response.status = 403;
        (void)wsk_peer_respond(p, &response);
        return true;
    default:
        return false;
    }
}

#endif
