/* SPDX-License-Identifier: MIT */
/*
 * The commonest frames of all, in one go: whole messages of at most 125 octets, in and out, while
 * nothing else is going on. Everything that is not quite like that takes the general way, which
 * does the same (the tests' cuts send every conversation down both). Inline, for the shells: at 64
 * messages in a read this is nearly all of our own work.
 */
#ifndef WSK_CONN_CONN_QUICK_H
#define WSK_CONN_CONN_QUICK_H

#include <string.h>

#include "conn/conn_internal.h"
#include "wire/mask.h"

/* Unmasks in place; returns what all octets have in common with those that are not ASCII. */
static WSK__INLINE uint64_t wsk__quick_unmask(uint8_t *p, size_t len, uint32_t key)
{
    const uint64_t key8 = (uint64_t)key << 32 | key;
    uint64_t seen = 0, v;
    size_t i = 0;
    uint32_t half;

    for (; len - i >= 8; i += 8) {
        memcpy(&v, p + i, 8);
        v ^= key8;
        memcpy(p + i, &v, 8);
        seen |= v;
    }
    if (len - i >= 4) {
        memcpy(&half, p + i, 4);
        half ^= key;
        memcpy(p + i, &half, 4);
        seen |= half;
        i += 4;
    }
    for (unsigned shift = 0; i < len; i++, shift++) {
        uint8_t k[4];

        memcpy(k, &key, 4);
        p[i] ^= k[shift];
        seen |= p[i];
    }
    return seen & UINT64_C(0x8080808080808080);
}

/*
 * The next message, if it lies whole in the lent buffer; false: ask wsk_conn_next(). Writes
 * nothing before it is sure, but for text that is not UTF-8, which has failed the connection.
 */
static WSK__INLINE bool wsk__quick_next(wsk_conn *c, wsk_opcode *ret_op, uint8_t **ret_data,
                                        size_t *ret_len)
{
    wsk__work *w = c->w;
    const wsk_config *cfg = c->env->cfg;
    size_t head = cfg->masked_in ? 6 : 2, len, n;
    uint32_t key = 0;

    if (WSK__UNLIKELY(w->kept != NULL || c->ext != NULL || w->rx_opcode != 0 || w->rx_done ||
                      w->opening_done || c->phase != WSK__PHASE_FRAME || !cfg->small_in_one_go ||
                      c->paused || c->fail_pending || c->open_pending))
        return false;
    /* What the last event pointed to is used. */
    n = w->in_len - w->pass;
    if (n < head)
        return false;
    uint8_t *p = w->in + w->pass;
    uint8_t first = p[0], second = p[1];
    len = second & 0x7F;
    if (WSK__UNLIKELY((first != (WSK__FIN | WSK_OP_TEXT) && first != (WSK__FIN | WSK_OP_BINARY)) ||
                      second >> 7 != cfg->masked_in || len > WSK__CONTROL_MAX || n - head < len))
        return false;
    w->in = p;
    w->in_len = n;
    w->pass = head + len;
    if (head == 6)
        memcpy(&key, p + 2, 4);
    p += head;
    if (wsk__quick_unmask(p, len, key) != 0 && first == (WSK__FIN | WSK_OP_TEXT)) {
        wsk__utf8_state utf8 = WSK__UTF8_START;

        if (WSK__UNLIKELY(wsk__utf8_check(&utf8, p, len) != len || utf8 != WSK__UTF8_START)) {
            w->pass = 0;
            wsk__fail(c, WSK__RULE_UTF8);
            return false;
        }
    }
    /* Data is activity, but no answer to our close frame, see conn_receive.c. */
    if (c->state == WSK_STATE_OPEN)
        c->t_data = c->env->t_now;
    c->messages_in++;
    *ret_op = (wsk_opcode)(first & 15);
    *ret_data = p;
    *ret_len = len;
    return true;
}

/* A server's small message into the room that is lent for answers; false: wsk_conn_send(). */
static WSK__INLINE bool wsk__quick_send(wsk_conn *c, wsk_opcode op, const void *data, size_t len,
                                        unsigned flags)
{
    wsk__work *w = c->w;

    /* The room is closed (lent_cap) as soon as anything stands behind it. */
    if (len > WSK__CONTROL_MAX || w->lent_cap - w->lent_len < len + 2 ||
        w->queued >= c->env->cfg->quick_queue || c->state != WSK_STATE_OPEN || c->ext != NULL ||
        w->tx_opcode != 0 || wsk__is_nowhere(data, len) ||
        !(op == WSK_OP_BINARY || (op == WSK_OP_TEXT && (flags & WSK_SEND_SKIP_UTF8))))
        return false;
    uint8_t *to = w->lent_out + w->lent_len;
    to[0] = (uint8_t)(WSK__FIN | op);
    to[1] = (uint8_t)len;
    if (len > 0)
        memcpy(to + 2, data, len);
    if (w->queued == 0)
        w->t_out = c->env->t_now;
    w->lent_len += (uint32_t)len + 2;
    w->queued += len + 2;
    c->messages_out++;
    return true;
}

#endif
