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

int wsk_prepared_new(wsk_prepared **ret, wsk_config *cfg, wsk_opcode op, const void *data,
                     size_t len)
{
    size_t head = wsk__frame_head_len(len, false), packed_len = 0, packed_head = 0;
    uint8_t *packed = NULL;
    unsigned window = 15;
    wsk_prepared *p;

    if (cfg->o.role != WSK_ROLE_SERVER || (op != WSK_OP_TEXT && op != WSK_OP_BINARY))
        return WSK_ERR_INVAL;
    if (op == WSK_OP_TEXT && !wsk__utf8_is_valid(data, len))
        return WSK_ERR_UTF8;
    if (cfg->has_deflate && cfg->n_extensions == 1 && len >= cfg->pmd.options.threshold) {
        window = cfg->pmd.options.server_max_window_bits;
        WSK_TRY(wsk__pmd_compress_once(&cfg->pmd, data, len, window, &packed, &packed_len));
        if (packed_len >= len) {
            wsk__free(cfg->hooks, packed);
            packed = NULL;
            packed_len = 0;
        } else {
            packed_head = wsk__frame_head_len(packed_len, false);
        }
    }
    p = wsk__alloc(cfg->hooks, sizeof(*p) + head + len + packed_head + packed_len);
    if (p == NULL) {
        wsk__free(cfg->hooks, packed);
        return WSK_ERR_NOMEM;
    }
    atomic_init(&p->refs, 1);
    p->cfg = wsk_config_ref(cfg);
    p->op = (uint8_t)op;
    p->head_len = (uint8_t)head;
    p->plain_len = head + len;
    p->packed_len = packed_head + packed_len;
    p->window = window_needed(window, len);
    wsk__frame_write(p->data, (uint8_t)(WSK__FIN | op), len, false, 0);
    if (len > 0)
        memcpy(p->data + head, data, len);
    if (packed != NULL) {
        uint8_t *q = p->data + p->plain_len;
        wsk__frame_write(q, (uint8_t)(WSK__FIN | WSK_RSV1 | op), packed_len, false, 0);
        memcpy(q + packed_head, packed, packed_len);
        wsk__free(cfg->hooks, packed);
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
    return p->packed_len > 0 && wsk__pmd_send_window(c->ext->use[0].state) >= p->window;
}

int wsk__prepared_queue(wsk_conn *c, wsk_prepared *p)
{
    const uint8_t *frame = p->data;
    size_t len = p->plain_len, most = c->env->cfg->o.fragment_size;

    if (!wsk__is_server(c))
        return WSK_ERR_INVAL;
    if (c->state != WSK_STATE_OPEN || c->w->tx_opcode != 0)
        return c->failed ? WSK_ERR_FAILED : WSK_ERR_STATE;
    bool alone = c->ext != NULL && c->ext->n == 1 && c->ext->has_pmd;
    /* A connection whose frames must look otherwise has the message made for itself. */
    if ((c->ext != NULL && !alone) || (most != 0 && len - p->head_len > most))
        return wsk_conn_send(c, (wsk_opcode)p->op, frame + p->head_len, len - p->head_len,
                             WSK_SEND_SKIP_UTF8);
    if (alone && gets_packed(c, p)) {
        frame += p->plain_len;
        len = p->packed_len;
        if (!c->ext->is_model)
            wsk__pmd_foreign_message(c->ext->use[0].state);
    }
    /* Short ones are cheaper to copy than to refer to. */
    if (len <= 192)
        WSK_TRY(wsk__output_add(c, frame, len));
    else
        WSK_TRY(wsk__output_add_ref(c, frame, len, p));
    c->messages_out++;
    return WSK_OK;
}

int wsk_conn_send_prepared(wsk_conn *c, wsk_prepared *p)
{
    if (wsk__is_server(c) && c->state == WSK_STATE_OPEN && c->w->tx_opcode == 0 &&
        c->w->queued >= c->env->cfg->o.max_queued)
        return WSK_ERR_FULL;
    return wsk__prepared_queue(c, p);
}

bool wsk__prepared_direct(const wsk_conn *c, const wsk_prepared *p, const uint8_t **ret,
                          size_t *ret_n)
{
    size_t most = c->env->cfg->o.fragment_size;

    if (c->w != &wsk__no_work || c->state != WSK_STATE_OPEN ||
        (most != 0 && p->plain_len - p->head_len > most))
        return false;
    if (c->ext != NULL && !c->ext->is_model)
        return false;
    bool packed = c->ext != NULL && gets_packed(c, p);
    *ret = packed ? p->data + p->plain_len : p->data;
    *ret_n = packed ? p->packed_len : p->plain_len;
    return true;
}

void wsk__prepared_taken(wsk_conn *c, size_t messages, size_t n)
{
    c->messages_out += messages;
    c->octets_out += n;
}

static size_t frame_len(const wsk_prepared *p, bool packed)
{
    return packed ? p->packed_len : p->plain_len;
}

wsk_prepared *wsk__prepared_join(wsk_prepared *const *m, size_t n, bool packed)
{
    wsk_prepared *p;
    size_t len = 0;

    for (size_t i = 0; i < n; i++)
        len += frame_len(m[i], packed);
    p = wsk__alloc(m[0]->cfg->hooks, sizeof(*p) + len);
    if (p == NULL)
        return NULL;
    memset(p, 0, sizeof(*p));
    atomic_init(&p->refs, 1);
    p->cfg = wsk_config_ref(m[0]->cfg);
    p->plain_len = len;
    len = 0;
    for (size_t i = 0; i < n; i++) {
        memcpy(p->data + len, m[i]->data + (packed ? m[i]->plain_len : 0), frame_len(m[i], packed));
        len += frame_len(m[i], packed);
    }
    return p;
}

int wsk__prepared_put_back(wsk_conn *c, const uint8_t *rest, size_t n, wsk_prepared *p)
{
    int r;

    c->octets_out -= n;
    if (c->lost || c->drop)
        return WSK_OK;
    r = wsk__output_put_front(c, rest, n, p);
    /* The frame is cut: nothing can make sense behind it. */
    if (r < 0)
        wsk__fail_silently(c, wsk__rule_text(WSK__RULE_NOMEM));
    return r;
}
