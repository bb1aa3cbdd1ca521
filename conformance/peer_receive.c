/* SPDX-License-Identifier: MIT */
/*
 * What comes back: frames are judged header octet by header octet as RFC 6455 section 5 asks, and
 * read on behind a fault as far as their length can be believed, so that the report shows what
 * the peer really did.
 */
#include <stdlib.h>
#include <string.h>

#include "conformance/peer_internal.h"
#include "wire/mask.h"

/* The first fault is what the verdict's one line will name. */
void peer_fault(judge_peer *p, unsigned code, char *text)
{
    p->violated = p->violated || p->state != PEER_CLOSED;
    if (text == NULL)
        return;
    if (p->fault == NULL && p->state != PEER_CLOSED) {
        p->fault = text;
        p->why_log = (int)p->r.n_log - 1;
        peer_fail(p, code, text);
        return;
    }
    peer_fail(p, code, text);
    free(text);
}

static void violation(judge_peer *p, const char *text)
{
    peer_fault(p, WSK_CLOSE_PROTOCOL_ERROR, peer_text(p, "%s", text));
}

/* ------------------------------------------------------------------------------ header -- */

/* The first two octets of a frame are there. */
static void check_start(judge_peer *p)
{
    const uint8_t b0 = p->head[0], b1 = p->head[1];
    const unsigned rsv = b0 >> 4 & 7, opcode = b0 & 15, len = b1 & 0x7f;
    const bool fin = (b0 & FIN_BIT) != 0, masked = (b1 & 0x80) != 0;
    const bool rsv1_is_ours = p->deflate && rsv == 4;

    p->frame.fin = fin;
    p->frame.rsv = (uint8_t)rsv;
    p->frame.opcode = (uint8_t)opcode;
    p->frame.masked = masked;
    p->frame.at = 0;
    p->frame.shown.kept = 0;

    /* RFC 6455 1.4, 5.5.1: behind the close frame no data come, nor another one. Of a heartbeat
     * nothing is said. Autobahn does not look. */
    if (p->got_close && judge_case_is_extra(p->test)) {
        if (opcode == WSK_OP_PING || opcode == WSK_OP_PONG)
            p->beats_on = true;
        else
            violation(p, "a frame behind the close frame");
    }
    /* RFC 6455 5.2: reserved bits MUST be 0 unless an extension gives them a meaning. */
    if (rsv != 0 && !rsv1_is_ours)
        peer_fault(p, WSK_CLOSE_PROTOCOL_ERROR,
                   peer_text(p, "RSV = %u and no extension negotiated", rsv));
    /* RFC 6455 5.1: a client masks, a server never does. */
    if (p->setup.role == JUDGE_ROLE_SERVER && p->options.require_masked_client_frames && !masked)
        violation(p, "unmasked client-to-server frame");
    if (p->setup.role == JUDGE_ROLE_CLIENT && !p->options.accept_masked_server_frames && masked)
        violation(p, "masked server-to-client frame");
    if (opcode > 7) {
        /* RFC 6455 5.5: control frames are whole and short. */
        if (!fin)
            violation(p, "fragmented control frame");
        if (len > 125)
            violation(p, "control frame with payload length > 125 octets");
        if (opcode > WSK_OP_PONG)
            peer_fault(p, WSK_CLOSE_PROTOCOL_ERROR,
                       peer_text(p, "control frame using reserved opcode %u", opcode));
        /* RFC 6455 5.5.1: a code has two octets. */
        if (opcode == WSK_OP_CLOSE && len == 1)
            violation(p, "received close control frame with payload len 1");
        /* RFC 7692 6.1: RSV1 is for data frames alone. */
        if (rsv1_is_ours)
            violation(p, "received compressed control frame [permessage-deflate]");
        return;
    }
    if (opcode > WSK_OP_BINARY)
        peer_fault(p, WSK_CLOSE_PROTOCOL_ERROR,
                   peer_text(p, "data frame using reserved opcode %u", opcode));
    /* RFC 6455 5.4 */
    if (!p->in_message && opcode == WSK_OP_CONTINUATION)
        violation(p, "received continuation data frame outside fragmented message");
    if (p->in_message && opcode != WSK_OP_CONTINUATION)
        violation(p, "received non-continuation data frame while inside fragmented message");
    /* RFC 7692 6.1: only the first frame of a message has RSV1. */
    if (p->in_message && rsv1_is_ours)
        violation(p, "received continuation data frame with compress bit set [permessage-deflate]");
}

static unsigned header_size(const judge_peer *p)
{
    unsigned n = 2;

    if (p->head_have < 2)
        return 2;
    if ((p->head[1] & 0x7f) == 126)
        n += 2;
    else if ((p->head[1] & 0x7f) == 127)
        n += 8;
    return n + (p->head[1] & 0x80 ? 4 : 0);
}

static void begin_message(judge_peer *p)
{
    p->in_message = true;
    p->binary = p->frame.opcode == WSK_OP_BINARY;
    p->compressed = p->deflate && p->frame.rsv == 4;
    p->packed = p->packed || p->compressed;
    p->bad_text = false;
    p->utf8 = WSK__UTF8_START;
    p->utf8_at = 0;
    p->message.len = 0;
    p->message_len = 0;
    p->huge_differs = false;
    if (p->echo.on)
        peer_echo_message_begin(p);
    if (peer_inflates(p))
        peer_inflate_begin(p);
}

/* The header is complete: its length, and what begins with it. */
static void end_header(judge_peer *p)
{
    const unsigned form = p->head[1] & 0x7f;
    uint64_t len = form;
    unsigned at = 2;

    if (form == 126) {
        len = (uint64_t)p->head[2] << 8 | p->head[3];
        at = 4;
    } else if (form == 127) {
        len = 0;
        for (int i = 0; i < 8; i++)
            len = len << 8 | p->head[2 + i];
        at = 10;
    }
    /* RFC 6455 5.2: the top bit is 0, and the shortest form MUST be used. */
    if (form == 127 && len > INT64_MAX)
        violation(p, "invalid data frame length (>2^63)");
    else if ((form == 126 && len < 126) || (form == 127 && len < 65536))
        violation(p, "invalid data frame length (not using minimal length encoding)");
    if (p->options.max_frame_payload_size > 0 && len > p->options.max_frame_payload_size)
        peer_fault(p, WSK_CLOSE_MESSAGE_TOO_BIG,
                   peer_text(p, "frame exceeds payload limit of %llu octets",
                             (unsigned long long)p->options.max_frame_payload_size));
    p->frame.len = len;
    if (p->frame.masked) {
        memcpy(p->frame.mask, p->head + at, 4);
        peer_masks_see(p);
    }
    p->in_payload = true;
    if (p->frame.opcode < 8 && !p->in_message)
        begin_message(p);
}

/* ----------------------------------------------------------------------------- payload -- */

static void show_more(judge_octets *o, const uint8_t *data, size_t len)
{
    const size_t room = sizeof(o->head) - o->kept, n = len < room ? len : room;

    memcpy(o->head + o->kept, data, n);
    o->kept = (uint8_t)(o->kept + n);
}

/* Returns the octets in front of the first that is no text. */
static size_t take_text(judge_peer *p, const uint8_t *data, size_t len)
{
    const size_t good = wsk__utf8_check(&p->utf8, data, len);

    p->utf8_at += good;
    return good;
}

void peer_text_ends(judge_peer *p, uint64_t at)
{
    p->bad_text = true;
    peer_fault(p, WSK_CLOSE_INVALID_PAYLOAD,
               peer_text(p,
                         "encountered invalid UTF-8 while processing text message at payload octet "
                         "index %llu",
                         (unsigned long long)at));
}

/* RFC 6455 8.1: text that is none fails the connection as soon as it is seen, while an echo is
 * compared when it is whole. Octets are compared as they come, for the report names the first that
 * differs, which is at the latest the one that is no text. */
static void echo_data(judge_peer *p, const uint8_t *data, size_t len)
{
    const bool text = peer_echo_is_text(p) && !peer_echo_wants_raw(p);

    /* Whatever stands behind it, in this read or the next. */
    if (p->bad_text)
        return;
    const size_t good = text ? take_text(p, data, len) : len;

    peer_echo_data(p, data, good < len ? good + 1 : len);
    if (good < len)
        peer_text_ends(p, p->utf8_at);
}

/* What nobody should have to keep: octets of a message from `at` on. */
static void compare_huge(judge_peer *p, uint64_t at, const uint8_t *data, size_t len)
{
    const judge_blob *blob = &p->huge->blob;
    const size_t head = len < blob->len ? len : blob->len;

    for (size_t i = 0; i < head; i++)
        p->huge_differs = p->huge_differs || data[i] != (uint8_t)blob->lit[(at + i) % blob->len];
    /* What equals itself a period later, and begins right, is right. */
    p->huge_differs = p->huge_differs || memcmp(data + head, data, len - head) != 0;
}

void peer_message_data(judge_peer *p, const uint8_t *data, size_t len)
{
    const uint64_t most = p->options.max_message_payload_size;

    /* What lies within the limit is judged before the limit is, however TCP cuts. */
    if (most > 0 && p->message_len < most && len > most - p->message_len) {
        const size_t n = (size_t)(most - p->message_len);

        peer_message_data(p, data, n);
        data += n;
        len -= n;
    }
    p->message_len += len;
    if (most > 0 && p->message_len > most && !p->r.failed_by_me)
        peer_fault(
            p, WSK_CLOSE_MESSAGE_TOO_BIG,
            peer_text(p, "message exceeds payload limit of %llu octets", (unsigned long long)most));
    /* What is behind the end is not looked at, in this read or the next. */
    if (p->state == PEER_CLOSED)
        return;
    if (p->state == PEER_OPEN)
        p->traffic.in_ws += len;
    if (p->echo.on) {
        echo_data(p, data, len);
        return;
    }
    if (!p->binary && p->options.utf8_validate_incoming && take_text(p, data, len) < len &&
        !p->bad_text)
        peer_text_ends(p, p->utf8_at);
    if (p->huge != NULL && !p->huge_differs)
        compare_huge(p, p->message_len - len, data, len);
    if (p->message.len < p->message_cap) {
        const size_t room = (size_t)(p->message_cap - p->message.len);

        peer_buf_add(p, &p->message, data, len < room ? len : room);
    }
}

static void end_message(judge_peer *p)
{
    const size_t had = p->n_events;

    if (peer_inflates(p))
        peer_inflate_tail(p);
    p->in_message = false;
    if (p->state == PEER_OPEN)
        p->traffic.in_messages++;
    if (!p->binary && p->options.utf8_validate_incoming && !p->bad_text &&
        p->utf8 != WSK__UTF8_START)
        peer_fault(
            p, WSK_CLOSE_INVALID_PAYLOAD,
            peer_text(p,
                      "UTF-8 text message payload ended within Unicode code point at payload "
                      "octet index %llu",
                      (unsigned long long)p->utf8_at));
    /* A message with a fault in it is no echo. */
    if (p->r.failed_by_me)
        return;
    if (p->echo.on) {
        peer_echo_message_end(p);
        return;
    }
    if (p->masks.on) {
        peer_masks_answered(p);
        return;
    }
    peer_event_add(p, JUDGE_EVENT_MESSAGE, p->binary, p->message.at, p->message.len,
                   p->message_len);
    if (p->huge != NULL && !p->huge_differs && p->message_len == p->huge->blob.total &&
        p->binary == p->huge->binary && p->n_events > had)
        p->events[had].equals = p->huge;
    peer_finish_when_done(p);
}

/* ------------------------------------------------------------------------------ control -- */

static bool close_code_is_valid(const judge_peer *p, unsigned code)
{
    /* RFC 6455 7.4 and the IANA registry, to which 1012 to 1014 were added later. */
    if (code >= 1012 && code <= 1014)
        return !p->setup.compat;
    return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1011) ||
           (code >= 3000 && code <= 4999);
}

static char *close_reason(judge_peer *p, const uint8_t *reason, size_t len)
{
    char hex[2 * CONTROL_KEPT + 1];

    /* Text ends at a NUL for those who read it; what is behind it must not be hidden. */
    if (!p->reason.no_text && (len == 0 || memchr(reason, 0, len) == NULL))
        return peer_text(p, "%.*s", (int)len, (const char *)reason);
    for (size_t i = 0; i < len; i++) {
        hex[2 * i] = "0123456789abcdef"[reason[i] >> 4];
        hex[2 * i + 1] = "0123456789abcdef"[reason[i] & 15];
    }
    hex[2 * len] = '\0';
    return peer_text(p, "0x%s", hex);
}

/* RFC 6455 7.1.1: the server ends TCP first. Of a client it is seen then whether its close frame
 * was its last one, unless the case is one of Autobahn's, who drops TCP at once. */
static void end_tcp(judge_peer *p, judge_drop how)
{
    if (!judge_case_is_extra(p->test)) {
        peer_drop(p, how);
        return;
    }
    p->state = PEER_CLOSING;
    p->wants_fin = true;
    peer_arm(p, TIMER_LAST_READ, LAST_READ_SECONDS, '\0');
}

static void closed_by_peer(judge_peer *p, size_t kept)
{
    const bool had_code = kept >= 2;

    p->got_close = true;
    peer_ended(p);
    if (had_code) {
        const unsigned code = (unsigned)(p->control[0] << 8 | p->control[1]);

        p->r.remote_code = (int)code;
        if (!close_code_is_valid(p, code))
            peer_fault(p, WSK_CLOSE_PROTOCOL_ERROR, peer_text(p, "invalid close code %u", code));
    }
    if (kept > 2) {
        peer_see_reason(p, p->control + 2, kept - 2);
        free(p->r.remote_reason);
        p->r.remote_reason = close_reason(p, p->control + 2, kept - 2);
        if (p->reason.no_text)
            peer_fault(p, WSK_CLOSE_INVALID_PAYLOAD,
                       peer_text(p, "invalid close reason (non-UTF-8 payload)"));
    }
    if (p->state == PEER_CLOSING) {
        peer_disarm(p, TIMER_CLOSE_HANDSHAKE);
        p->r.was_clean = true;
        if (p->setup.role == JUDGE_ROLE_SERVER)
            end_tcp(p, JUDGE_DROP_ABORT);
        else if (p->options.server_connection_drop_timeout > 0)
            peer_arm(p, TIMER_SERVER_DROP, p->options.server_connection_drop_timeout, '\0');
    } else if (p->state == PEER_OPEN && p->test->close.mute) {
        p->state = PEER_CLOSING;
    } else if (p->state == PEER_OPEN) {
        p->r.was_clean = true;
        if (p->options.echo_close_code_reason)
            peer_send_close(p, p->r.remote_code, p->control + 2, kept > 2 ? kept - 2 : 0, true);
        else
            peer_send_close(p, WSK_CLOSE_NORMAL, NULL, 0, true);
        if (p->setup.role == JUDGE_ROLE_SERVER)
            end_tcp(p, JUDGE_DROP_GRACEFUL);
        else if (p->options.server_connection_drop_timeout > 0)
            /* A case that has no time limit left would wait for ever, as Autobahn does. */
            peer_arm(p, TIMER_SERVER_DROP, p->options.server_connection_drop_timeout, '\0');
    }
}

/* RFC 6455 5.5.3: a pong that nothing asks for is a heartbeat. One that has what a ping or pong of
 * the case had is none. Autobahn's cases count them all. */
static bool is_asked(judge_peer *p)
{
    if (p->setup.compat)
        return p->pings || (!judge_case_is_extra(p->test) && p->test->index != 0);
    if (p->asked_parts || peer_stat_has(&p->asked, peer_ping_key(p->control, p->frame.len)))
        return true;
    p->strayed = true;
    p->stray_log = p->r.n_log > 0 && p->r.log[p->r.n_log - 1].kind == JUDGE_LOG_RF
                       ? (int)p->r.n_log - 1
                       : -1;
    return false;
}

static void end_control(judge_peer *p)
{
    const size_t kept = (size_t)(p->frame.len < CONTROL_KEPT ? p->frame.len : CONTROL_KEPT);

    switch (p->frame.opcode) {
    case WSK_OP_CLOSE:
        closed_by_peer(p, kept);
        break;
    case WSK_OP_PING:
        /* RFC 6455 5.5.2 */
        if (p->state == PEER_OPEN)
            peer_send_pong(p, p->control, kept);
        break;
    case WSK_OP_PONG:
        peer_disarm(p, TIMER_AUTO_PONG);
        if (p->masks.on) {
            peer_masks_answered(p);
            break;
        }
        if (!is_asked(p))
            break;
        peer_event_add(p, JUDGE_EVENT_PONG, false, p->control, kept, p->frame.len);
        peer_finish_when_done(p);
        break;
    default:
        break;
    }
}

/* ------------------------------------------------------------------------------- frames -- */

static void end_frame(judge_peer *p)
{
    judge_log *l = peer_log(p, JUDGE_LOG_RF, false);

    p->in_payload = false;
    p->head_have = 0;
    p->rx_frames[p->frame.opcode]++;
    if (l != NULL) {
        l->octets = p->frame.shown;
        l->octets.len = p->frame.len;
        l->opcode = p->frame.opcode;
        l->fin = p->frame.fin;
        l->rsv = p->frame.rsv;
        l->masked = p->frame.masked;
        memcpy(l->mask, p->frame.mask, 4);
    }
    if (p->frame.opcode > 7) {
        end_control(p);
        return;
    }
    if (p->state == PEER_OPEN)
        p->traffic.in_frames++;
    if (p->frame.fin)
        end_message(p);
}

static void frame_data(judge_peer *p, const uint8_t *data, size_t len)
{
    if (peer_inflates(p))
        peer_inflate(p, data, len);
    else
        peer_message_data(p, data, len);
}

/* Payload octets of the present frame, unmasked where need be. */
static void payload(judge_peer *p, const uint8_t *data, size_t len)
{
    uint8_t plain[4096];
    uint32_t key;

    if (!p->frame.masked || !p->options.apply_mask) {
        if (p->frame.shown.kept < sizeof(p->frame.shown.head))
            show_more(&p->frame.shown, data, len);
        if (p->frame.opcode < 8) {
            frame_data(p, data, len);
        } else if (p->frame.at < CONTROL_KEPT) {
            const size_t room = CONTROL_KEPT - (size_t)p->frame.at;

            memcpy(p->control + p->frame.at, data, len < room ? len : room);
        }
        p->frame.at += len;
        return;
    }
    memcpy(&key, p->frame.mask, 4);
    while (len > 0) {
        const size_t n = len < sizeof(plain) ? len : sizeof(plain);

        wsk__mask_copy(plain, data, n, key, (unsigned)(p->frame.at & 3));
        if (p->frame.shown.kept < sizeof(p->frame.shown.head))
            show_more(&p->frame.shown, plain, n);
        if (p->frame.opcode < 8) {
            frame_data(p, plain, n);
        } else if (p->frame.at < CONTROL_KEPT) {
            const size_t room = CONTROL_KEPT - (size_t)p->frame.at;

            memcpy(p->control + p->frame.at, plain, n < room ? n : room);
        }
        p->frame.at += n;
        data += n;
        len -= n;
    }
}

void peer_receive(judge_peer *p, const uint8_t *data, size_t len)
{
    while (p->state != PEER_CLOSED && !p->failed) {
        if (!p->in_payload) {
            while (len > 0 && p->head_have < header_size(p)) {
                p->head[p->head_have++] = *data++;
                len--;
                if (p->head_have == 2)
                    check_start(p);
                if (p->state == PEER_CLOSED)
                    return;
            }
            if (p->head_have < header_size(p))
                return;
            end_header(p);
            /* What is behind a header that ended it is not looked at, in this read or the next. */
            if (p->state == PEER_CLOSED)
                return;
        }
        if (p->frame.at < p->frame.len) {
            const uint64_t left = p->frame.len - p->frame.at;
            const size_t n = left < len ? (size_t)left : len;

            if (n == 0)
                return;
            payload(p, data, n);
            data += n;
            len -= n;
            if (p->frame.at < p->frame.len)
                return;
        }
        end_frame(p);
    }
}
