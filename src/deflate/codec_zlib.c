/* SPDX-License-Identifier: MIT */
/*
 * Coders by zlib. Owns what is peculiar to zlib: its memory hooks, its windows, how it tells
 * where in a stream it stands. Knows no messages.
 */
#include <assert.h>
#include <limits.h>
#include <zlib.h>

#include "deflate/coder.h"
#include "util/mem.h"

typedef struct zlib_coder {
    wsk__coder head;
    z_stream z;
    bool boundary; /* decompressor, see at_boundary */
} zlib_coder;

/*
 * zlib checks a distance against the window only as far as it reaches back behind the output of
 * the current call, unless it was built with INFLATE_STRICT. With windows below the largest we
 * therefore ask for little at a time: no distance above the window plus this passes.
 */
#define SMALL_WINDOW_STEP 64

static zlib_coder *zlib_of(wsk__coder *c)
{
    return WSK__CONTAINER(c, zlib_coder, head);
}

static void *zlib_alloc(void *opaque, uInt items, uInt size)
{
    /* zlib's own sizes follow from the window and the memory level; no peer has a say. */
    assert(size == 0 || items <= SIZE_MAX / size);
    return wsk__alloc(opaque, (size_t)items * size);
}

static void zlib_free(void *opaque, void *p)
{
    wsk__free(opaque, p);
}

static zlib_coder *zlib_new(const wsk_hooks *hooks, const wsk__codec *codec,
                            const wsk__coder_setup *setup)
{
    zlib_coder *c = wsk__alloc0(hooks, sizeof(*c));

    if (c == NULL)
        return NULL;
    c->head.codec = codec;
    c->head.hooks = hooks;
    c->head.setup = *setup;
    c->z.zalloc = zlib_alloc;
    c->z.zfree = zlib_free;
    /* zlib's `opaque` has no const; our two functions above cast it back. */
    union {
        const wsk_hooks *from;
        void *to;
    } hooks_ptr = {hooks};
    c->z.opaque = hooks_ptr.to;
    return c;
}

static void zlib_input(z_stream *z, const wsk_ext_io *io)
{
    union {
        const uint8_t *from;
        uint8_t *to;
    } in = {io->in};

    z->next_in = in.to;
    z->avail_in = io->in_len > UINT_MAX ? UINT_MAX : (uInt)io->in_len;
    z->next_out = io->out;
    z->avail_out = io->out_len > UINT_MAX ? UINT_MAX : (uInt)io->out_len;
}

static void zlib_output(const z_stream *z, wsk_ext_io *io)
{
    io->in_len -= (size_t)(z->next_in - io->in);
    io->in = z->next_in;
    io->out_len -= (size_t)(z->next_out - io->out);
    io->out = z->next_out;
}

static int zlib_error(int z)
{
    return z == Z_MEM_ERROR ? WSK_ERR_NOMEM : WSK_ERR_INVAL;
}

/* ---------------------------------------------------------------------------- deflate -- */

static int deflate_create(wsk__coder **ret, const wsk_hooks *hooks, const wsk__coder_setup *setup)
{
    zlib_coder *c = zlib_new(hooks, &wsk__zlib_deflate, setup);
    /*
     * There is no raw deflate with a window of 256 octets in zlib. But none of its matches is
     * farther away than the window less 262 octets, so one of 512 keeps within 250.
     */
    int bits = setup->window_bits == 8 ? 9 : setup->window_bits;

    if (c == NULL)
        return WSK_ERR_NOMEM;
    int r = deflateInit2(&c->z, setup->level, Z_DEFLATED, -bits, setup->mem_level,
                         Z_DEFAULT_STRATEGY);
    if (r != Z_OK) {
        wsk__free(hooks, c);
        return zlib_error(r);
    }
    *ret = &c->head;
    return WSK_OK;
}

static void deflate_destroy(wsk__coder *head)
{
    zlib_coder *c = zlib_of(head);

    (void)deflateEnd(&c->z);
    wsk__free(head->hooks, c);
}

static bool deflate_fits(const wsk__coder *head, const wsk__coder_setup *setup)
{
    return head->setup.level == setup->level && head->setup.mem_level == setup->mem_level &&
           head->setup.window_bits == setup->window_bits;
}

static int deflate_start(wsk__coder *head, const wsk__coder_setup *setup, const uint8_t *hist,
                         size_t n)
{
    zlib_coder *c = zlib_of(head);
    int r = deflateReset(&c->z);

    assert(deflate_fits(head, setup));
    head->setup = *setup;
    if (r == Z_OK && n > 0)
        r = deflateSetDictionary(&c->z, hist, (uInt)n);
    return r == Z_OK ? WSK_OK : zlib_error(r);
}

static int deflate_run(wsk__coder *head, wsk_ext_io *io, bool flush)
{
    zlib_coder *c = zlib_of(head);

    for (;;) {
        zlib_input(&c->z, io);
        bool whole = c->z.avail_in == io->in_len;
        int r = deflate(&c->z, flush && whole ? Z_SYNC_FLUSH : Z_NO_FLUSH);

        zlib_output(&c->z, io);
        /* Z_BUF_ERROR: there was nothing to do, which is fine. */
        if (r != Z_OK && r != Z_BUF_ERROR)
            return zlib_error(r);
        if (c->z.avail_out == 0 && io->out_len > 0)
            continue;
        /*
         * A flush is only known to be complete when room is left. When it is complete and the
         * room is full as well, the next call writes a second empty block: valid (RFC 7692
         * 7.2.3.6), five octets long, and rare.
         */
        if (c->z.avail_out == 0 && (flush || io->in_len > 0))
            return WSK_EXT_MORE;
        if (io->in_len == 0)
            return WSK_EXT_DONE;
    }
}

static size_t deflate_history(wsk__coder *head, uint8_t *buf)
{
    zlib_coder *c = zlib_of(head);
    uInt n = 0;

    (void)deflateGetDictionary(&c->z, buf, &n);
    return n;
}

const wsk__codec wsk__zlib_deflate = {
    .name = "zlib",
    .create = deflate_create,
    .destroy = deflate_destroy,
    .fits = deflate_fits,
    .start = deflate_start,
    .run = deflate_run,
    .history = deflate_history,
};

/* ---------------------------------------------------------------------------- inflate -- */

static int inflate_create(wsk__coder **ret, const wsk_hooks *hooks, const wsk__coder_setup *setup)
{
    zlib_coder *c = zlib_new(hooks, &wsk__zlib_inflate, setup);

    if (c == NULL)
        return WSK_ERR_NOMEM;
    int r = inflateInit2(&c->z, -(int)setup->window_bits);
    if (r != Z_OK) {
        wsk__free(hooks, c);
        return zlib_error(r);
    }
    *ret = &c->head;
    return WSK_OK;
}

static void inflate_destroy(wsk__coder *head)
{
    zlib_coder *c = zlib_of(head);

    (void)inflateEnd(&c->z);
    wsk__free(head->hooks, c);
}

static int inflate_start(wsk__coder *head, const wsk__coder_setup *setup, const uint8_t *hist,
                         size_t n)
{
    zlib_coder *c = zlib_of(head);
    int r = inflateReset2(&c->z, -(int)setup->window_bits);

    head->setup = *setup;
    c->boundary = true;
    if (r == Z_OK && n > 0)
        r = inflateSetDictionary(&c->z, hist, (uInt)n);
    return r == Z_OK ? WSK_OK : zlib_error(r);
}

static int inflate_run(wsk__coder *head, wsk_ext_io *io, bool flush)
{
    zlib_coder *c = zlib_of(head);

    (void)flush;
    for (;;) {
        /* zlib does not say where it stands after a call for nothing. */
        if (c->boundary && io->in_len == 0)
            return WSK_EXT_DONE;
        zlib_input(&c->z, io);
        if (head->setup.window_bits < MAX_WBITS && c->z.avail_out > SMALL_WINDOW_STEP)
            c->z.avail_out = SMALL_WINDOW_STEP;
        int r = inflate(&c->z, Z_SYNC_FLUSH);

        zlib_output(&c->z, io);
        if (r == Z_STREAM_END) {
            /* RFC 7692 7.2.3.4: the next block begins at the next octet. The window stays; taking
             * it out and putting it back would let two octets of input cost microseconds. */
            r = inflateResetKeep(&c->z);
            if (r != Z_OK)
                return zlib_error(r);
            c->boundary = true;
            continue;
        }
        if (r != Z_OK && r != Z_BUF_ERROR)
            return zlib_error(r);
        /* 128: has just ended a block; the lowest bits count the bits that wait. */
        c->boundary = (c->z.data_type & 128) != 0 && (c->z.data_type & 63) == 0;
        if (c->z.avail_out != 0 && io->in_len == 0)
            return WSK_EXT_DONE;
        if (io->out_len == 0)
            return WSK_EXT_MORE;
    }
}

static bool inflate_at_boundary(const wsk__coder *head)
{
    return ((const zlib_coder *)(const void *)head)->boundary;
}

static size_t inflate_history(wsk__coder *head, uint8_t *buf)
{
    zlib_coder *c = zlib_of(head);
    uInt n = 0;

    (void)inflateGetDictionary(&c->z, buf, &n);
    return n;
}

const wsk__codec wsk__zlib_inflate = {
    .name = "zlib",
    .create = inflate_create,
    .destroy = inflate_destroy,
    .start = inflate_start,
    .run = inflate_run,
    .at_boundary = inflate_at_boundary,
    .history = inflate_history,
};
