/* SPDX-License-Identifier: MIT */
/*
 * What RFC 7692 section 7.2 makes of DEFLATE at the ends of messages: the four octets that are
 * left out there, and the check that a message ends where a block ends. Knows no library.
 */
#include <assert.h>
#include <string.h>

#include "deflate/coder.h"

static const uint8_t tail[4] = {0x00, 0x00, 0xff, 0xff};

void wsk__coder_message(wsk__coder *c)
{
    c->started = false;
    c->flushed = false;
    c->carried = false;
    c->stage_pos = c->stage_len = 0;
    if (c->codec->renew != NULL)
        c->codec->renew(c);
}

/* Moves what is staged to the caller, except the last `hold` octets. */
static void give_staged(wsk__coder *c, wsk_ext_io *io, size_t hold)
{
    size_t n = (size_t)(c->stage_len - c->stage_pos);

    n = n > hold ? n - hold : 0;
    n = n < io->out_len ? n : io->out_len;
    if (n == 0)
        return;
    memcpy(io->out, c->stage + c->stage_pos, n);
    c->stage_pos = (uint8_t)(c->stage_pos + n);
    io->out += n;
    io->out_len -= n;
}

/* Always, by what a flush is; but to cut off anything else would be a silent loss of data. */
static bool ends_in_tail(const uint8_t *p, size_t n)
{
    return n >= sizeof(tail) && memcmp(p + n - sizeof(tail), tail, sizeof(tail)) == 0;
}

/* Runs into the caller's room, less the four octets that may turn out to be the tail. */
static int encode_direct(wsk__coder *c, wsk_ext_io *io, bool fin)
{
    uint8_t *begin = io->out;
    size_t staged = (size_t)(c->stage_len - c->stage_pos), hold = sizeof(tail);
    wsk_ext_io sub = {io->in, io->in_len, begin + staged, io->out_len - staged};

    memcpy(begin, c->stage + c->stage_pos, staged);
    int r = c->codec->run(c, &sub, fin);
    if (r < 0)
        return r;
    size_t n = (size_t)(sub.out - begin);
    if (r == WSK_EXT_DONE && fin) {
        if (!ends_in_tail(begin, n))
            return WSK_ERR_STATE;
        c->flushed = true;
    }
    if (n < hold)
        hold = n;
    c->stage_pos = 0;
    c->stage_len = c->flushed ? 0 : (uint8_t)hold;
    memcpy(c->stage, sub.out - hold, hold);
    io->in = sub.in;
    io->in_len = sub.in_len;
    io->out += n - hold;
    io->out_len -= n - hold;
    return r;
}

/* Runs into room of our own: a compressor does not finish well in little room. */
static int encode_staged(wsk__coder *c, wsk_ext_io *io, bool fin)
{
    size_t n = (size_t)(c->stage_len - c->stage_pos);

    memmove(c->stage, c->stage + c->stage_pos, n);
    c->stage_pos = 0;
    wsk_ext_io sub = {io->in, io->in_len, c->stage + n, sizeof(c->stage) - n};
    int r = c->codec->run(c, &sub, fin);
    if (r < 0)
        return r;
    n = (size_t)(sub.out - c->stage);
    if (r == WSK_EXT_DONE && fin) {
        if (!ends_in_tail(c->stage, n))
            return WSK_ERR_STATE;
        c->flushed = true;
        n -= sizeof(tail);
    }
    c->stage_len = (uint8_t)n;
    io->in = sub.in;
    io->in_len = sub.in_len;
    return r;
}

int wsk__coder_encode(wsk__coder *c, wsk_ext_io *io, bool fin)
{
    if (io->in_len > 0)
        c->started = true;
    else if (!fin)
        return WSK_EXT_DONE;
    if (!c->started && !c->flushed) {
        /* RFC 7692 7.2.3.6: an empty message is the one octet that is left of an empty block. */
        c->stage[0] = 0x00;
        c->stage_pos = 0;
        c->stage_len = 1;
        c->flushed = true;
    }
    for (;;) {
        give_staged(c, io, c->flushed ? 0 : sizeof(tail));
        size_t staged = (size_t)(c->stage_len - c->stage_pos);
        if (c->flushed)
            return staged > 0 ? WSK_EXT_MORE : WSK_EXT_DONE;
        int r;
        if (io->out_len >= WSK__CODER_ROOM + sizeof(tail)) {
            r = encode_direct(c, io, fin);
            if (r != WSK_EXT_DONE || !fin)
                return r;
        } else {
            if (staged > sizeof(tail))
                return WSK_EXT_MORE;
            r = encode_staged(c, io, fin);
            if (r < 0)
                return r;
            if (r == WSK_EXT_DONE && !fin) {
                give_staged(c, io, sizeof(tail));
                return r;
            }
        }
    }
}

/*
 * All that the input stands for. When the room is full to the last octet, one octet of our own
 * tells whether more is to come: so a message of exactly the limit's length is not refused.
 */
static int decode_all(wsk__coder *c, wsk_ext_io *io)
{
    int r = c->codec->run(c, io, false);

    if (r == WSK_EXT_MORE) {
        assert(io->out_len == 0);
        wsk_ext_io sub = {io->in, io->in_len, c->stage, 1};
        r = c->codec->run(c, &sub, false);
        if (r < 0)
            return r;
        io->in = sub.in;
        io->in_len = sub.in_len;
        c->carried = sub.out_len == 0;
        if (c->carried)
            r = WSK_EXT_MORE;
    }
    return r;
}

/* RFC 7692 7.2.2: the tail that the sender left out. */
static int decode_tail(wsk__coder *c)
{
    uint8_t scratch[1];
    wsk_ext_io sub = {tail, sizeof(tail), scratch, sizeof(scratch)};

    /*
     * Senders that end a message behind a whole block, be it final or an empty one with its tail
     * still there, are understood: nothing is missing.
     */
    if (c->codec->at_boundary(c))
        return WSK_EXT_DONE;
    /*
     * Otherwise the tail must complete an empty block and nothing else. If it were taken for
     * data, or left a block open, this message was cut, and the next one would be read as its
     * rest (message smuggling).
     */
    int r = c->codec->run(c, &sub, false);
    if (r < 0)
        return r;
    if (r != WSK_EXT_DONE || sub.out_len == 0 || !c->codec->at_boundary(c))
        return WSK_ERR_INVAL;
    return WSK_EXT_DONE;
}

int wsk__coder_decode(wsk__coder *c, wsk_ext_io *io, bool fin)
{
    if (c->carried) {
        if (io->out_len == 0)
            return WSK_EXT_MORE;
        *io->out++ = c->stage[0];
        io->out_len--;
        c->carried = false;
    }
    int r = decode_all(c, io);
    return r == WSK_EXT_DONE && fin ? decode_tail(c) : r;
}
