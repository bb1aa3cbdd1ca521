/* SPDX-License-Identifier: MIT */
/*
 * Messages that are framed, and compressed, once and sent to many connections. Immutable after
 * wsk_prepared_new(), so that threads may share them.
 */
#include <string.h>

#include "conn/conn_internal.h"

/* No distance is longer than the message, which begins without a history: a short one can be
 * inflated with any window that it fits in, whatever it was compressed with (RFC 7692 7.2.1). */
static unsigned window_needed(unsigned compressed_with, size_t len)
{
    unsigned bits = 8;

    while (bits < compressed_with && len > (size_t)1 << bits)
        bits++;
    return bits;
}

/* --------------------------------------------------------------------------------- shared -- */

static wsk__shared *shared_new(const wsk_hooks *hooks, size_t len)
{
    wsk__shared *s = len <= SIZE_MAX - sizeof(*s) ? wsk__alloc(hooks, sizeof(*s) + len) : NULL;

    if (s != NULL) {
        atomic_init(&s->refs, 1);
        s->hooks = hooks;
        s->len = len;
    }
    return s;
}

wsk__shared *wsk__shared_ref(wsk__shared *s)
{
    atomic_fetch_add_explicit(&s->refs, 1, memory_order_relaxed);
    return s;
}

void wsk__shared_unref(wsk__shared *s)
{
    if (s != NULL && atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel) == 1)
        wsk__free(s->hooks, s);
}

static wsk__shared *new_frame(const wsk_hooks *hooks, unsigned first, const void *data, size_t len)
{
    size_t head = wsk__frame_head_len(len, false);
    wsk__shared *s = shared_new(hooks, head + len);

    if (s == NULL)
        return NULL;
    wsk__frame_write(s->data, (uint8_t)(WSK__FIN | first), len, false, 0);
    if (len > 0)
        memcpy(s->data + head, data, len);
    return s;
}

wsk__shared *wsk__shared_join(wsk__shared *const *m, size_t n)
{
    wsk__shared *s;
    size_t len = 0;

    for (size_t i = 0; i < n; i++)
        len += m[i]->len;
    s = shared_new(m[0]->hooks, len);
    if (s == NULL)
        return NULL;
    len = 0;
    for (size_t i = 0; i < n; i++) {
        memcpy(s->data + len, m[i]->data, m[i]->len);
        len += m[i]->len;
    }
    return s;
}

/* ------------------------------------------------------------------------------- messages -- */

/* The compressed form, where it is shorter; none is no failure. */
static int pack(wsk_prepared *p, const void *data, size_t len)
{
    const wsk_config *cfg = p->cfg;
    unsigned window = cfg->pmd.options.server_max_window_bits;
    uint8_t *packed;
    size_t n;

    if (!cfg->has_deflate || cfg->n_extensions != 1 || len < cfg->pmd.options.threshold)
        return WSK_OK;
    WSK_TRY(wsk__pmd_compress_once(&cfg->pmd, data, len, window, &packed, &n));
    bool shorter = n < len;
    if (shorter) {
        p->packed = new_frame(cfg->hooks, WSK_RSV1 | p->op, packed, n);
        p->packed_head_len = (uint8_t)wsk__frame_head_len(n, false);
        p->window = window_needed(window, len);
    }
    wsk__free(cfg->hooks, packed);
    return shorter && p->packed == NULL ? WSK_ERR_NOMEM : WSK_OK;
}

int wsk_prepared_new(wsk_prepared **ret, wsk_config *cfg, wsk_opcode op, const void *data,
                     size_t len)
{
    wsk_prepared *p;

    if (cfg->o.role != WSK_ROLE_SERVER || (op != WSK_OP_TEXT && op != WSK_OP_BINARY) ||
        wsk__is_nowhere(data, len))
        return WSK_ERR_INVAL;
    if (op == WSK_OP_TEXT && !wsk__utf8_is_valid(data, len))
        return WSK_ERR_UTF8;
    p = wsk__alloc0(cfg->hooks, sizeof(*p));
    if (p == NULL)
        return WSK_ERR_NOMEM;
    atomic_init(&p->refs, 1);
    p->cfg = wsk_config_ref(cfg);
    p->op = (uint8_t)op;
    p->head_len = (uint8_t)wsk__frame_head_len(len, false);
    int r = pack(p, data, len);
    if (r >= 0) {
        p->plain = new_frame(cfg->hooks, op, data, len);
        r = p->plain != NULL ? WSK_OK : WSK_ERR_NOMEM;
    }
    if (r < 0) {
        wsk_prepared_unref(p);
        return r;
    }
    *ret = p;
    return WSK_OK;
}

wsk_prepared *wsk_prepared_ref(wsk_prepared *p)
{
    atomic_fetch_add_explicit(&p->refs, 1, memory_order_relaxed);
    return p;
}

void wsk_prepared_unref(wsk_prepared *p)
{
    if (p == NULL || atomic_fetch_sub_explicit(&p->refs, 1, memory_order_acq_rel) != 1)
        return;
    wsk_config *cfg = p->cfg;
    wsk__shared_unref(p->plain);
    wsk__shared_unref(p->packed);
    wsk__free(cfg->hooks, p);
    wsk_config_unref(cfg);
}

/*
 * Whether a connection that agreed to permessage-deflate alone gets the compressed form. Where that
 * needs a larger window than the peer has, the message goes out as it is, which RFC 7692 6 leaves
 * to the sender: were it compressed for this peer alone, a crowd that asks for small windows would
 * have us compress each broadcast once for each of them.
 */
static bool gets_packed(const wsk_conn *c, const wsk_prepared *p)
{
    return p->packed != NULL && wsk__pmd_send_window(c->ext->use[0].state) >= p->window;
}

/* The message behind the head of its frame. */
static const uint8_t *payload(const wsk_prepared *p, bool packed, size_t *ret_n)
{
    const wsk__shared *frame = packed ? p->packed : p->plain;
    size_t head = packed ? p->packed_head_len : p->head_len;

    *ret_n = frame->len - head;
    return frame->data + head;
}

static bool is_one_frame(const wsk_conn *c, const wsk_prepared *p, bool packed)
{
    size_t most = c->env->cfg->o.fragment_size, n;

    (void)payload(p, packed, &n);
    return most == 0 || n <= most;
}

/* ------------------------------------------------------------------------ by way of the queue --
 */

/* A frame may be queued: open, and in no message that is sent in parts. */
static int may_queue(const wsk_conn *c)
{
    if (!wsk__is_server(c))
        return WSK_ERR_INVAL;
    if (c->state != WSK_STATE_OPEN || c->w->tx_opcode != 0)
        return c->failed ? WSK_ERR_FAILED : WSK_ERR_STATE;
    return WSK_OK;
}

/* Compressed by others: what of it a later message could refer to, our compressor does not know. */
static void note_packed(wsk_conn *c, bool packed)
{
    if (packed && !c->ext->is_model)
        wsk__pmd_foreign_message(c->ext->use[0].state);
}

int wsk__shared_queue(wsk_conn *c, wsk__shared *frame, bool packed)
{
    WSK_TRY(may_queue(c));
    if (c->lost)
        return WSK_OK;
    note_packed(c, packed);
    /* Short ones are cheaper to copy than to refer to, and room that is there costs no memory. */
    if (frame->len <= 192 || wsk__output_has_room(c, frame->len))
        WSK_TRY(wsk__output_add(c, frame->data, frame->len));
    else
        WSK_TRY(wsk__output_add_ref(c, frame->data, frame->len, frame));
    c->messages_out++;
    return WSK_OK;
}

int wsk_conn_send_prepared(wsk_conn *c, wsk_prepared *p)
{
    WSK_TRY(may_queue(c));
    if (wsk__is_full(c))
        return WSK_ERR_FULL;
    bool alone = c->ext != NULL && c->ext->n == 1 && c->ext->has_pmd;
    bool packed = alone && gets_packed(c, p);
    size_t n;
    const uint8_t *data = payload(p, packed, &n);
    /* Other extensions have the message made for the connection alone. */
    if (c->ext != NULL && !alone)
        return wsk_conn_send(c, (wsk_opcode)p->op, data, n, WSK_SEND_SKIP_UTF8);
    if (is_one_frame(c, p, packed))
        return wsk__shared_queue(c, packed ? p->packed : p->plain, packed);
    note_packed(c, packed);
    WSK_TRY(wsk__send_frames(c, (uint8_t)(p->op | (packed ? WSK_RSV1 : 0)), data, n));
    c->messages_out++;
    return WSK_OK;
}

/* ---------------------------------------------------------------------------- past the queue -- */

bool wsk__shared_direct(const wsk_conn *c)
{
    return c->w == &wsk__no_work && c->state == WSK_STATE_OPEN &&
           (c->ext == NULL || c->ext->is_model);
}

wsk__shared *wsk__prepared_direct(const wsk_conn *c, const wsk_prepared *p, bool *ret_packed)
{
    if (!wsk__shared_direct(c))
        return NULL;
    *ret_packed = c->ext != NULL && gets_packed(c, p);
    if (!is_one_frame(c, p, *ret_packed))
        return NULL;
    return *ret_packed ? p->packed : p->plain;
}

void wsk__prepared_taken(wsk_conn *c, size_t messages, size_t n)
{
    c->messages_out += messages;
    c->octets_out += n;
}

int wsk__shared_put_back(wsk_conn *c, const uint8_t *rest, size_t n, wsk__shared *frames)
{
    int r;

    c->octets_out -= n;
    if (c->lost || c->drop)
        return WSK_OK;
    r = wsk__output_put_front(c, rest, n, frames);
    /* The frame is cut: nothing can make sense behind it. */
    if (r < 0)
        wsk__fail_silently(c, wsk__rule_text(WSK__RULE_NOMEM));
    return r;
}
