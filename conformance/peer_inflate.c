/* SPDX-License-Identifier: MIT */
/*
 * Messages that come back compressed where a case expects events: inflated as they come, with
 * exactly the window that was agreed on. The echo loops of 12.* and 13.* have peer_deflate.c.
 */
#include "conformance/peer_internal.h"

/* Of other cases than the echo loops, which see to it themselves. */
bool peer_lacks_deflate(const judge_peer *p)
{
    return judge_case_is_extra(p->test) && p->test->echo.n_offers > 0 && p->open_done &&
           !p->deflate && p->test->rule != JUDGE_RULE_DEFLATE && p->test->rule != JUDGE_RULE_HELLO;
}

bool peer_inflates(const judge_peer *p)
{
    return p->compressed && !p->echo.on;
}

static bool begin(judge_peer *p)
{
    if (p->unpack.ready) {
        if (p->from_peer.no_context_takeover)
            inflateReset(&p->unpack.z);
        return true;
    }
    if (inflateInit2(&p->unpack.z, -(int)p->from_peer.window_bits) != Z_OK) {
        p->failed = true;
        return false;
    }
    p->unpack.ready = true;
    return true;
}

void peer_inflate_begin(judge_peer *p)
{
    p->unpack.broken = p->unpack.too_much || !begin(p);
}

void peer_inflate_end(judge_peer *p)
{
    if (p->unpack.ready)
        inflateEnd(&p->unpack.z);
    p->unpack.ready = false;
}

/* False: it is no deflated data. */
static bool feed(judge_peer *p, const uint8_t *data, size_t len)
{
    uint8_t buf[16384];
    z_stream *z = &p->unpack.z;
    /* Whatever is put out in one call may be referred to in it, window or not; and nothing lies
     * beyond the largest window. */
    const uInt room = p->from_peer.window_bits < 15 ? 1 : sizeof(buf);

    z->next_in = data;
    /* Where the case ended within a piece, its rest was not taken, and is no longer there. */
    z->avail_in = 0;
    while (len > 0 || z->avail_in > 0) {
        int status;

        if (z->avail_in == 0) {
            z->avail_in = len < UINT32_MAX ? (uInt)len : UINT32_MAX;
            len -= z->avail_in;
        }
        do {
            z->next_out = buf;
            z->avail_out = room;
            status = inflate(z, Z_SYNC_FLUSH);
            if (status == Z_MEM_ERROR) {
                p->failed = true;
                return false;
            }
            /* Also what lies before a fault in the data: the first thing wrong is what is said,
             * however TCP cuts. */
            if (z->avail_out < room)
                peer_message_data(p, buf, room - z->avail_out);
            if (status != Z_OK && status != Z_BUF_ERROR && status != Z_STREAM_END)
                return false;
            /* What is longer than all that can be right is wrong, and a few octets on the wire are
             * gigabytes behind it: nobody shall keep the judge from its other connections. */
            if (p->message_len > p->message_cap &&
                (p->huge == NULL || p->huge_differs || p->message_len > p->huge->blob.total)) {
                p->unpack.too_much = true;
                return false;
            }
            /* RFC 7692 7.2.3.4: behind a block with BFINAL others may come, and refer to it. */
            if (status == Z_STREAM_END && inflateResetKeep(z) != Z_OK)
                return false;
        } while (z->avail_out == 0 && p->state != PEER_CLOSED);
        if (status == Z_BUF_ERROR && z->avail_in > 0)
            return false;
        if (p->state == PEER_CLOSED)
            return true;
    }
    return true;
}

void peer_inflate(judge_peer *p, const uint8_t *data, size_t len)
{
    if (p->unpack.broken)
        return;
    if (!feed(p, data, len)) {
        p->unpack.broken = true;
        peer_fault(p, WSK_CLOSE_INVALID_PAYLOAD,
                   p->unpack.too_much
                       ? peer_text(p, "a compressed message is longer than anything that was sent")
                       : peer_text(p, "a compressed message cannot be inflated (%s)",
                                   p->unpack.z.msg ? p->unpack.z.msg : "invalid data"));
    }
}

void peer_inflate_tail(judge_peer *p)
{
    /* RFC 7692 7.2.2 */
    static const uint8_t tail[4] = {0, 0, 0xff, 0xff};

    peer_inflate(p, tail, sizeof(tail));
}
