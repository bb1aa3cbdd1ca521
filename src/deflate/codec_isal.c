/* SPDX-License-Identifier: MIT */
/*
 * Coders by ISA-L, several times as fast as zlib at level 1: one that writes its own Huffman
 * codes, one that uses those of RFC 1951 3.2.6 alone and is quick to begin with, and one that
 * inflates. Owns what is peculiar to ISA-L. Knows no messages.
 */
#include <assert.h>
#include <isa-l/igzip_lib.h>
#include <string.h>

#include "deflate/coder.h"
#include "util/mem.h"

/* One call never gets more: the library counts in 32 bits. */
#define MAX_STEP ((size_t)1 << 28)

static uint32_t step_of(size_t n)
{
    return (uint32_t)(n < MAX_STEP ? n : MAX_STEP);
}

/* The library's pointers to input have no const; it does not write there. */
static uint8_t *writable(const uint8_t *p)
{
    union {
        const uint8_t *from;
        uint8_t *to;
    } u = {p};

    return u.to;
}

/* ---------------------------------------------------------------------------- deflate -- */

typedef struct isal_deflater {
    wsk__coder head;
    struct isal_zstream z;
    uint8_t level_buf[];
} isal_deflater;

/* So often in a row a call may do nothing visible. It never happened; if it did it would never
 * end. */
#define MAX_IDLE_STEPS 8

/* Below this a history is not worth its hashing. */
#define MIN_HISTORY 16

/* Positions in a stream are counted in 32 bits: begin a new one before they could wrap. */
#define MAX_STREAM ((uint32_t)1 << 30)

static int deflater_create(wsk__coder **ret, const wsk_hooks *hooks, const wsk__coder_setup *setup,
                           bool fixed)
{
    size_t level_buf_size = fixed ? 0 : ISAL_DEF_LVL1_SMALL;
    isal_deflater *d = wsk__alloc(hooks, sizeof(*d) + level_buf_size);

    if (d == NULL)
        return WSK_ERR_NOMEM;
    memset(&d->head, 0, sizeof(d->head));
    d->head.codec = fixed ? &wsk__isal_deflate_fixed : &wsk__isal_deflate;
    d->head.hooks = hooks;
    d->head.setup = *setup;
    isal_deflate_init(&d->z);
    if (fixed) {
        (void)isal_deflate_set_hufftables(&d->z, NULL, IGZIP_HUFFTABLE_STATIC);
    } else {
        d->z.level = 1;
        d->z.level_buf = d->level_buf;
        d->z.level_buf_size = (uint32_t)level_buf_size;
    }
    *ret = &d->head;
    return WSK_OK;
}

static int deflate_create(wsk__coder **ret, const wsk_hooks *hooks, const wsk__coder_setup *setup)
{
    return deflater_create(ret, hooks, setup, false);
}

static int fixed_create(wsk__coder **ret, const wsk_hooks *hooks, const wsk__coder_setup *setup)
{
    return deflater_create(ret, hooks, setup, true);
}

static isal_deflater *deflater_of(wsk__coder *c)
{
    return WSK__CONTAINER(c, isal_deflater, head);
}

static void deflate_destroy(wsk__coder *head)
{
    wsk__free(head->hooks, deflater_of(head));
}

static int deflate_start(wsk__coder *head, const wsk__coder_setup *setup, const uint8_t *hist,
                         size_t n)
{
    isal_deflater *d = deflater_of(head);
    size_t window = (size_t)1 << setup->window_bits;

    head->setup = *setup;
    isal_deflate_reset(&d->z);
    d->z.hist_bits = setup->window_bits;
    if (n > window) {
        hist += n - window;
        n = window;
    }
    if (n >= MIN_HISTORY && isal_deflate_set_dict(&d->z, writable(hist), (uint32_t)n) != COMP_OK)
        return WSK_ERR_INVAL;
    return WSK_OK;
}

/* A flush has left the stream between two blocks, where it may begin anew; and a compressor may
 * forget its history at any time. */
static void deflate_renew(wsk__coder *head)
{
    isal_deflater *d = deflater_of(head);

    if (d->z.total_in > MAX_STREAM)
        isal_deflate_reset(&d->z);
}

/* Everything is out, up to the empty block that a flush ends with. */
static bool deflate_flushed(const struct isal_zstream *z)
{
    const struct isal_zstate *s = &z->internal_state;

    return z->avail_in == 0 && s->b_bytes_processed == s->b_bytes_valid &&
           s->state == ZSTATE_NEW_HDR && s->tmp_out_start == s->tmp_out_end;
}

static int deflate_run(wsk__coder *head, wsk_ext_io *io, bool flush)
{
    struct isal_zstream *z = &deflater_of(head)->z;
    unsigned idle = 0;

    for (;;) {
        z->next_in = writable(io->in);
        z->avail_in = step_of(io->in_len);
        z->next_out = io->out;
        z->avail_out = step_of(io->out_len);
        z->flush = flush && z->avail_in == io->in_len ? SYNC_FLUSH : NO_FLUSH;
        if (isal_deflate(z) != COMP_OK)
            return WSK_ERR_INVAL;
        idle = z->next_in == io->in && z->next_out == io->out ? idle + 1 : 0;
        io->in_len -= (size_t)(z->next_in - io->in);
        io->in = z->next_in;
        io->out_len -= (size_t)(z->next_out - io->out);
        io->out = z->next_out;
        if (io->in_len == 0 && (!flush || deflate_flushed(z)))
            return WSK_EXT_DONE;
        if (io->out_len == 0)
            return WSK_EXT_MORE;
        if (idle > MAX_IDLE_STEPS)
            return WSK_ERR_INVAL;
    }
}

static size_t deflate_history(wsk__coder *head, uint8_t *buf)
{
    isal_deflater *d = deflater_of(head);
    size_t window = (size_t)1 << head->setup.window_bits;
    size_t have = d->z.internal_state.b_bytes_processed, n = have < window ? have : window;

    if (buf != NULL && n > 0)
        memcpy(buf, d->z.internal_state.buffer + have - n, n);
    return n;
}

const wsk__codec wsk__isal_deflate = {
    .name = "isa-l",
    .create = deflate_create,
    .destroy = deflate_destroy,
    .start = deflate_start,
    .renew = deflate_renew,
    .run = deflate_run,
    .history = deflate_history,
};

const wsk__codec wsk__isal_deflate_fixed = {
    .name = "isa-l, fixed codes",
    .create = fixed_create,
    .destroy = deflate_destroy,
    .start = deflate_start,
    .renew = deflate_renew,
    .run = deflate_run,
    .history = deflate_history,
};

/* ---------------------------------------------------------------------------- inflate -- */

typedef struct isal_inflater {
    wsk__coder head;
    struct inflate_state z;
} isal_inflater;

#define WINDOW ((size_t)ISAL_DEF_HIST_SIZE)

/*
 * With so little room per call the library always decodes into its own buffer and copies from
 * there, so that the history is in one place: the octets of tmp_out_buffer that were given out.
 */
#define MAX_ROOM (WINDOW - 1)

static isal_inflater *inflater_of(wsk__coder *c)
{
    return WSK__CONTAINER(c, isal_inflater, head);
}

static int inflate_create(wsk__coder **ret, const wsk_hooks *hooks, const wsk__coder_setup *setup)
{
    isal_inflater *d = wsk__alloc(hooks, sizeof(*d));

    if (d == NULL)
        return WSK_ERR_NOMEM;
    memset(&d->head, 0, sizeof(d->head));
    d->head.codec = &wsk__isal_inflate;
    d->head.hooks = hooks;
    d->head.setup = *setup;
    isal_inflate_init(&d->z);
    *ret = &d->head;
    return WSK_OK;
}

static void inflate_destroy(wsk__coder *head)
{
    wsk__free(head->hooks, inflater_of(head));
}

static int inflate_start(wsk__coder *head, const wsk__coder_setup *setup, const uint8_t *hist,
                         size_t n)
{
    isal_inflater *d = inflater_of(head);

    head->setup = *setup;
    isal_inflate_reset(&d->z);
    if (n > 0 && isal_inflate_set_dict(&d->z, writable(hist), (uint32_t)n) != COMP_OK)
        return WSK_ERR_INVAL;
    return WSK_OK;
}

/* All that has been decoded has been given out. */
static bool inflate_drained(const struct inflate_state *z)
{
    return z->tmp_out_processed == z->tmp_out_valid;
}

/*
 * RFC 7692 7.2.3.4: behind a final block goes on, at the next octet, with another one. The
 * library has stopped and awaits a reset, which would take the window away.
 */
static void inflate_go_on(struct inflate_state *z)
{
    int32_t odd = z->read_in_length % 8;

    z->read_in >>= odd;
    z->read_in_length -= odd;
    z->bfinal = 0;
    z->block_state = ISAL_BLOCK_NEW_HDR;
    /* It makes room in its buffer only while a stream lasts. */
    if ((size_t)z->tmp_out_processed > WINDOW) {
        memmove(z->tmp_out_buffer, z->tmp_out_buffer + z->tmp_out_processed - WINDOW, WINDOW);
        z->tmp_out_processed = z->tmp_out_valid = (int32_t)WINDOW;
    }
}

static bool inflate_at_boundary(const wsk__coder *head)
{
    const struct inflate_state *z = &((const isal_inflater *)(const void *)head)->z;

    assert(inflate_drained(z)); /* run() has said WSK_EXT_DONE */
    /* HDR with nothing put aside: it looked for a header and found no octet. */
    return (z->block_state == ISAL_BLOCK_NEW_HDR || z->block_state == ISAL_BLOCK_HDR) &&
           z->tmp_in_size == 0 && z->read_in_length == 0;
}

static int inflate_run(wsk__coder *head, wsk_ext_io *io, bool flush)
{
    struct inflate_state *z = &inflater_of(head)->z;
    unsigned idle = 0;

    (void)flush;
    for (;;) {
        z->next_in = writable(io->in);
        z->avail_in = step_of(io->in_len);
        z->next_out = io->out;
        z->avail_out = (uint32_t)(io->out_len < MAX_ROOM ? io->out_len : MAX_ROOM);
        int r = isal_inflate(z);
        idle = z->next_in == io->in && z->next_out == io->out ? idle + 1 : 0;
        io->in_len -= (size_t)(z->next_in - io->in);
        io->in = z->next_in;
        io->out_len -= (size_t)(z->next_out - io->out);
        io->out = z->next_out;
        if (r < 0)
            return WSK_ERR_INVAL;
        if (z->block_state == ISAL_BLOCK_FINISH) {
            inflate_go_on(z);
            if (io->in_len > 0 || z->read_in_length > 0)
                continue;
        }
        if (inflate_drained(z) && io->in_len == 0)
            return WSK_EXT_DONE;
        if (io->out_len == 0)
            return WSK_EXT_MORE;
        if (idle > MAX_IDLE_STEPS)
            return WSK_ERR_INVAL;
    }
}

static size_t inflate_history(wsk__coder *head, uint8_t *buf)
{
    const struct inflate_state *z = &inflater_of(head)->z;
    size_t have = (size_t)z->tmp_out_processed, n = have < WINDOW ? have : WINDOW;

    if (buf != NULL && n > 0)
        memcpy(buf, z->tmp_out_buffer + have - n, n);
    return n;
}

const wsk__codec wsk__isal_inflate = {
    .name = "isa-l",
    .create = inflate_create,
    .destroy = inflate_destroy,
    .start = inflate_start,
    .run = inflate_run,
    .at_boundary = inflate_at_boundary,
    .history = inflate_history,
};
