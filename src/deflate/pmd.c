/* SPDX-License-Identifier: MIT */
/*
 * permessage-deflate's transforms: which message is compressed, which history it may refer to,
 * and when coders are held. Knows neither parameters of the handshake nor a library's calls.
 */
#include <assert.h>

#include "deflate/pmd_state.h"
#include "util/mem.h"

int wsk__pmd_state_new(wsk__pmd_state **ret, const wsk__pmd_config *cfg,
                       const wsk__pmd_agreed *agreed)
{
    wsk__pmd_state *s = wsk__alloc0(cfg->hooks, sizeof(*s));

    if (s == NULL)
        return WSK_ERR_NOMEM;
    s->cfg = cfg;
    s->out_bits = (uint8_t)agreed->out_bits;
    s->in_bits = (uint8_t)agreed->in_bits;
    s->out_takeover = agreed->out_takeover;
    s->in_takeover = agreed->in_takeover;
    *ret = s;
    return WSK_OK;
}

static wsk__coder_setup out_setup(const wsk__pmd_config *cfg, unsigned window_bits)
{
    return (wsk__coder_setup){
        .level = (uint8_t)cfg->options.level,
        .mem_level = (uint8_t)cfg->options.mem_level,
        .window_bits = (uint8_t)window_bits,
    };
}

static void drop(wsk__pmd_state *s, wsk__half *half)
{
    wsk__coder_drop(half, s->pool, s->cfg->hooks);
}

/* ---------------------------------------------------------------------------- encoding -- */

static bool wants_compression(const wsk_deflate_options *o, uint64_t len, unsigned send_flags)
{
    if (send_flags & WSK_SEND_NO_COMPRESS)
        return false;
    if (send_flags & WSK_SEND_COMPRESS)
        return true;
    if (o->threshold == SIZE_MAX)
        return false;
    return len >= o->threshold;
}

static int pmd_encode_begin(void *state, wsk_opcode op, uint64_t len, unsigned send_flags)
{
    wsk__pmd_state *s = state;
    wsk__coder_setup setup = out_setup(s->cfg, s->out_bits);
    bool insist;

    (void)op;
    if (s->dead || !wants_compression(&s->cfg->options, len, send_flags))
        return 0;
    const wsk__codec *codec = wsk__codec_for_deflate(s->cfg->codecs, setup.level, s->out_takeover,
                                                     len, &insist);
    /* Without memory for a compressor the message goes out as it is. */
    if (wsk__coder_take(&s->out, s->pool, s->cfg->hooks, codec, &setup, insist) < 0)
        return 0;
    wsk__coder_message(s->out.coder);
    s->encoding = true;
    return WSK_RSV1;
}

static int pmd_encode(void *state, wsk_ext_io *io, bool fin)
{
    wsk__pmd_state *s = state;

    if (s->dead || !s->encoding)
        return WSK_ERR_STATE;
    int r = wsk__coder_encode(s->out.coder, io, fin);
    if (r < 0) {
        s->dead = true;
        s->encoding = false;
        drop(s, &s->out);
        return r;
    }
    if (r == WSK_EXT_DONE && fin) {
        s->encoding = false;
        if (s->out_takeover)
            wsk__coder_park(&s->out, s->pool);
        else
            drop(s, &s->out);
    }
    return r;
}

/* ---------------------------------------------------------------------------- decoding -- */

static int pmd_decode_begin(void *state, wsk_opcode op, unsigned rsv)
{
    wsk__pmd_state *s = state;

    (void)op;
    if (s->dead)
        return WSK_ERR_STATE;
    return (rsv & WSK_RSV1) != 0;
}

static int decode_fail(wsk__pmd_state *s, int error)
{
    s->dead = true;
    s->decoding = false;
    drop(s, &s->in);
    return error;
}

static int pmd_decode(void *state, wsk_ext_io *io, bool fin)
{
    wsk__pmd_state *s = state;

    if (s->dead)
        return WSK_ERR_STATE;
    if (!s->decoding) {
        wsk__coder_setup setup = {.window_bits = s->in_bits};
        bool insist;
        const wsk__codec *codec = wsk__codec_for_inflate(s->cfg->codecs, s->in_bits, io->in_len,
                                                         &insist);
        int r = wsk__coder_take(&s->in, s->pool, s->cfg->hooks, codec, &setup, insist);

        if (r < 0)
            return decode_fail(s, r);
        wsk__coder_message(s->in.coder);
        s->decoding = true;
    }
    int r = wsk__coder_decode(s->in.coder, io, fin);
    if (r < 0)
        return decode_fail(s, r);
    if (r == WSK_EXT_DONE && fin) {
        s->decoding = false;
        if (s->in_takeover)
            wsk__coder_park(&s->in, s->pool);
        else
            drop(s, &s->in);
    }
    return r;
}

/* ------------------------------------------------------------------------------ memory -- */

static void pmd_trim(void *state)
{
    wsk__pmd_state *s = state;

    /* Our own history may be forgotten at any time; the peer's may not while it refers to it. */
    if (!s->encoding)
        drop(s, &s->out);
    if (!s->decoding)
        (void)wsk__coder_compact(&s->in, s->pool);
}

static void pmd_release(void *state)
{
    wsk__pmd_state *s = state;

    drop(s, &s->out);
    drop(s, &s->in);
    wsk__free(s->cfg->hooks, s);
}

/* ------------------------------------------------------------------------------ config -- */

/* 0 stands for the default. */
static int check(const wsk_hooks *hooks, const char *field, long value, long least, long most)
{
    if (value == 0 || (value >= least && value <= most))
        return WSK_OK;
    wsk__log(hooks, WSK_LOG_ERROR, "config: deflate.%s must be %ld to %ld, not %ld", field, least,
             most, value);
    return WSK_ERR_INVAL;
}

int wsk__pmd_config_init(wsk__pmd_config *ret, const wsk_deflate_options *options,
                         const wsk_hooks *hooks)
{
    wsk_deflate_options o = *options;

    WSK_TRY(check(hooks, "server_max_window_bits", o.server_max_window_bits, 8, 15));
    WSK_TRY(check(hooks, "client_max_window_bits", o.client_max_window_bits, 8, 15));
    WSK_TRY(check(hooks, "level", o.level, 1, 9));
    WSK_TRY(check(hooks, "mem_level", o.mem_level, 1, 9));
    if (o.server_max_window_bits == 0)
        o.server_max_window_bits = 15;
    if (o.client_max_window_bits == 0)
        o.client_max_window_bits = 15;
    if (o.level == 0)
        o.level = 1;
    if (o.mem_level == 0)
        o.mem_level = 8;
    if (o.threshold == 0)
        o.threshold = 64;
    *ret = (wsk__pmd_config){
        .options = o,
        .hooks = hooks,
        .extension =
            {
                .size = sizeof(wsk_extension),
                .name = "permessage-deflate",
                .rsv = WSK_RSV1,
                .ud = ret,
                .offer = wsk__pmd_offer,
                .accept = wsk__pmd_accept,
                .confirm = wsk__pmd_confirm,
                .encode_begin = pmd_encode_begin,
                .encode = pmd_encode,
                .decode_begin = pmd_decode_begin,
                .decode = pmd_decode,
                .trim = pmd_trim,
                .release = pmd_release,
            },
    };
    return WSK_OK;
}

void wsk__pmd_use_pool(void *state, wsk__coder_pool *pool)
{
    wsk__pmd_state *s = state;

    assert(s->out.kept == NULL && s->in.kept == NULL);
    s->pool = pool;
}

void *wsk__pmd_copy(const void *state)
{
    const wsk__pmd_state *s = state;
    wsk__pmd_state *copy = wsk__alloc(s->cfg->hooks, sizeof(*copy));

    assert(wsk__pmd_is_empty(s));
    if (copy != NULL)
        *copy = *s;
    return copy;
}

bool wsk__pmd_is_empty(const void *state)
{
    const wsk__pmd_state *s = state;

    /* While a message is under way its half holds a coder. */
    assert(!(s->encoding && s->out.kept == NULL) && !(s->decoding && s->in.kept == NULL));
    return s->out.kept == NULL && s->in.kept == NULL && !s->dead;
}

/* ---------------------------------------------------------------------------- prepared -- */

int wsk__pmd_compress_once(const wsk__pmd_config *cfg, const void *data, size_t len,
                           unsigned window_bits, uint8_t **ret, size_t *ret_len)
{
    wsk__coder_setup setup = out_setup(cfg, window_bits);
    wsk__half half = {0};
    /* Text shrinks to a third; what does not shrink at all grows by five octets in 16 KiB. */
    size_t room = len / 2 + 64, n = 0;
    wsk_ext_io io = {.in = data, .in_len = len};
    bool insist;
    const wsk__codec *codec = wsk__codec_for_deflate(cfg->codecs, setup.level, false, len, &insist);
    int r = wsk__coder_take(&half, NULL, cfg->hooks, codec, &setup, insist);

    if (r < 0)
        return r;
    uint8_t *buf = wsk__alloc(cfg->hooks, room);
    r = buf ? WSK_EXT_MORE : WSK_ERR_NOMEM;
    wsk__coder_message(half.coder);
    while (r == WSK_EXT_MORE) {
        if (n == room) {
            uint8_t *more = room > SIZE_MAX / 2 ? NULL : wsk__realloc(cfg->hooks, buf, room * 2);

            if (more == NULL) {
                r = WSK_ERR_NOMEM;
                break;
            }
            buf = more;
            room *= 2;
        }
        io.out = buf + n;
        io.out_len = room - n;
        r = wsk__coder_encode(half.coder, &io, true);
        n = (size_t)(io.out - buf);
    }
    wsk__coder_drop(&half, NULL, cfg->hooks);
    if (r < 0) {
        if (buf != NULL)
            wsk__free(cfg->hooks, buf);
        return r;
    }
    *ret = buf;
    *ret_len = n;
    return WSK_OK;
}

unsigned wsk__pmd_send_window(const void *state)
{
    const wsk__pmd_state *s = state;

    return s->out_bits;
}

void wsk__pmd_foreign_message(void *state)
{
    wsk__pmd_state *s = state;

    assert(!s->encoding);
    drop(s, &s->out);
}
