/* SPDX-License-Identifier: MIT */
/*
 * Messages to frames to the queue, for both roles: a client's frames are masked (RFC 6455 5.3), a
 * server's are not; nothing else differs. Knows no sockets.
 */
#include <string.h>

#include "conn/conn_internal.h"
#include "wire/mask.h"

/* Below it a copy into the queue costs less than a chunk of its own. */
#define BORROW_MIN 16384

int wsk__mask_key(wsk_conn *c, uint32_t *ret)
{
    WSK_TRY(wsk__work_take(c));
    wsk__mask_keys *k = c->w->mask_keys;
    if (k == NULL) {
        k = c->w->mask_keys = wsk__alloc(c->env->cfg->hooks, sizeof(*k));
        if (k == NULL)
            return WSK_ERR_NOMEM;
        k->left = 0;
    }
    if (k->left == 0) {
        /* RFC 6455 10.3: keys that can be guessed let a script choose what stands on the wire. */
        if (wsk__random(c->env->cfg->hooks, k->key, sizeof(k->key)) < 0) {
            wsk__fail_silently(c, "no random numbers for the masks");
            return WSK_ERR_SYS;
        }
        k->left = WSK__COUNT(k->key);
    }
    *ret = k->key[--k->left];
    return WSK_OK;
}

/* One frame with its payload, copied (and masked on the way). */
static int add_frame(wsk_conn *c, uint8_t first, const uint8_t *data, size_t len)
{
    bool masked = !wsk__is_server(c);
    size_t head = wsk__frame_head_len(len, masked);
    uint32_t key = 0;
    uint8_t *p;

    if (WSK__UNLIKELY(c->lost)) {
        c->unsaid = true;
        return WSK_OK;
    }
    if (masked)
        WSK_TRY(wsk__mask_key(c, &key));
    p = wsk__output_reserve(c, head + len);
    if (WSK__UNLIKELY(p == NULL))
        return WSK_ERR_NOMEM;
    wsk__frame_write(p, first, len, masked, key);
    if (masked)
        wsk__mask_copy(p + head, data, len, key, 0);
    else if (len > 0)
        memcpy(p + head, data, len);
    wsk__output_commit(c, head + len);
    if (wsk__log_on(c->env->cfg->hooks, WSK_LOG_TRACE))
        wsk__log(c->env->cfg->hooks, WSK_LOG_TRACE,
                 "send frame: fin=%d rsv=%x opcode=%x length=%zu", first >> 7, (first >> 4) & 7,
                 first & 15, len);
    return WSK_OK;
}

/* The frames of a message, or of a part of it: `first` has the opcode (0: continue) and bits. */
static int add_frames(wsk_conn *c, uint8_t first, const uint8_t *data, size_t len, bool fin)
{
    size_t most = c->env->cfg->o.fragment_size;
    bool begun = false;
    int r;

    while (most != 0 && len > most) {
        r = add_frame(c, first, data, most);
        if (r < 0)
            goto broken;
        begun = true;
        first = WSK_OP_CONTINUATION;
        data += most;
        len -= most;
    }
    r = add_frame(c, fin ? first | WSK__FIN : first, data, len);
    if (WSK__LIKELY(r >= 0))
        return r;
broken:
    /* A message that broke off in the middle cannot be mended by trying again. */
    if (begun)
        wsk__fail_silently(c, wsk__rule_text(WSK__RULE_NOMEM));
    return r;
}

int wsk__send_frames(wsk_conn *c, uint8_t first, const void *data, size_t len)
{
    return add_frames(c, first, data, len, true);
}

int wsk__send_control(wsk_conn *c, wsk_opcode op, const void *data, size_t len)
{
    return add_frame(c, (uint8_t)(WSK__FIN | op), data, len);
}

/* Where encoded octets gather. */
struct encoded {
    wsk_conn *c;
    wsk__assembly *a;
};

static int encoded_room(void *ud, uint8_t **ret, size_t *ret_n)
{
    struct encoded *e = ud;

    WSK_TRY(wsk__assembly_grow(e->c, &e->a, WSK__EXT_ROOM, SIZE_MAX / 2));
    *ret = e->a->data + e->a->len;
    *ret_n = e->a->cap - e->a->len;
    return WSK_OK;
}

static void encoded_put(void *ud, size_t n)
{
    struct encoded *e = ud;

    e->a->len += n;
}

/*
 * Sends a piece through the extensions. Once an encoder has taken octets they cannot be taken
 * back, so that an error here is the end of the connection, not only of the message.
 */
static int send_encoded(wsk_conn *c, uint8_t first, const uint8_t *data, size_t len, bool fin,
                        bool *ret_framed)
{
    struct encoded e = {c, wsk__assembly_take(c, len / 2 + 64, len)};
    const wsk__ext_sink sink = {&e, encoded_room, encoded_put};
    int r = WSK_ERR_NOMEM;

    if (e.a != NULL) {
        r = wsk__ext_set_encode(c, data, len, fin, &sink);
        if (r < 0 && r != WSK_ERR_NOMEM) /* whatever its numbers mean elsewhere */
            r = WSK_ERR_FAILED;
        *ret_framed = r >= 0 && (fin || e.a->len > 0);
        if (*ret_framed)
            r = add_frames(c, first, e.a->data, e.a->len, fin);
        wsk__assembly_give(c, e.a);
    }
    if (r < 0)
        wsk__fail(c, r == WSK_ERR_NOMEM ? WSK__RULE_NOMEM : WSK__RULE_INTERNAL);
    return r;
}

static int may_send(const wsk_conn *c)
{
    if (c->state != WSK_STATE_OPEN)
        return c->failed ? WSK_ERR_FAILED : WSK_ERR_STATE;
    if (wsk__is_full(c))
        return WSK_ERR_FULL;
    return WSK_OK;
}

/*
 * A server's frame of octets of the caller. What is echoed stands behind the header of the client's
 * frame, which is longer and read: the answer's goes there, and one piece is sent instead of two.
 */
static int add_borrowed(wsk_conn *c, uint8_t first, const uint8_t *data, size_t len)
{
    const wsk__work *w = c->w;
    size_t head = wsk__frame_head_len(len, false);
    uint8_t *p;

    if (c->lost)
        return WSK_OK;
    if (w->kept == NULL && data == w->in && w->pass == len && (size_t)(w->in - w->fed) >= head &&
        !(c->env->cfg->o.flags & WSK_CONN_STREAM)) {
        p = w->in - head;
        wsk__frame_write(p, first, len, false, 0);
        return wsk__output_add_ref(c, p, head + len, NULL);
    }
    p = wsk__output_reserve(c, head);
    if (p == NULL)
        return WSK_ERR_NOMEM;
    wsk__frame_write(p, first, len, false, 0);
    wsk__output_commit(c, head);
    if (wsk__output_add_ref(c, data, len, NULL) < 0) {
        /* The header stands there already: nothing can make sense behind it. */
        wsk__fail_silently(c, wsk__rule_text(WSK__RULE_NOMEM));
        return WSK_ERR_NOMEM;
    }
    return WSK_OK;
}

static int send_message(wsk_conn *c, wsk_opcode op, const uint8_t *data, size_t len, unsigned flags,
                        bool borrow)
{
    int rsv = 0;
    bool framed;

    if (WSK__UNLIKELY(op != WSK_OP_TEXT && op != WSK_OP_BINARY) || wsk__is_nowhere(data, len))
        return WSK_ERR_INVAL;
    WSK_TRY(may_send(c));
    if (c->w->tx_opcode != 0)
        return WSK_ERR_STATE; /* a message in parts is unfinished (RFC 6455 5.4) */
    if (op == WSK_OP_TEXT && !(flags & WSK_SEND_SKIP_UTF8) && !wsk__utf8_is_valid(data, len))
        return WSK_ERR_UTF8;
    if (c->ext != NULL) {
        WSK_TRY(wsk__ext_set_own(c));
        rsv = wsk__ext_set_encode_begin(c->ext, op, len, flags);
        if (rsv < 0) {
            wsk__fail(c, WSK__RULE_INTERNAL);
            return WSK_ERR_FAILED;
        }
        if (c->ext->encoding) {
            WSK_TRY(send_encoded(c, (uint8_t)(op | (unsigned)rsv), data, len, true, &framed));
            c->messages_out++;
            return WSK_OK;
        }
    }
    if (borrow && len >= BORROW_MIN && wsk__is_server(c) && c->env->cfg->o.fragment_size == 0)
        WSK_TRY(add_borrowed(c, (uint8_t)(WSK__FIN | op), data, len));
    else
        WSK_TRY(add_frames(c, (uint8_t)op, data, len, true));
    c->messages_out++;
    return WSK_OK;
}

int wsk_conn_send(wsk_conn *c, wsk_opcode op, const void *data, size_t len, unsigned flags)
{
    return send_message(c, op, data, len, flags, false);
}

int wsk__conn_send_borrowed(wsk_conn *c, wsk_opcode op, const void *data, size_t len,
                            unsigned flags)
{
    return send_message(c, op, data, len, flags, true);
}

int wsk_conn_send_part(wsk_conn *c, wsk_opcode op, const void *data, size_t len, bool last,
                       unsigned flags)
{
    bool begins = c->w->tx_opcode == 0, framed = true;
    bool skip_utf8 = begins ? (flags & WSK_SEND_SKIP_UTF8) != 0 : c->w->tx_skip_utf8;
    wsk__utf8_state utf8 = begins ? WSK__UTF8_START : c->w->tx_utf8;
    int r;

    if ((op != WSK_OP_TEXT && op != WSK_OP_BINARY) || wsk__is_nowhere(data, len))
        return WSK_ERR_INVAL;
    WSK_TRY(may_send(c));
    if (!begins && c->w->tx_opcode != op)
        return WSK_ERR_STATE;
    /* Nothing of a piece that is refused went out, nor was a message begun with it: the program may
     * send a better one. */
    if (op == WSK_OP_TEXT && !skip_utf8 &&
        (wsk__utf8_check(&utf8, data, len) != len || (last && utf8 != WSK__UTF8_START)))
        return WSK_ERR_UTF8;
    WSK_TRY(wsk__work_take(c));
    if (begins) {
        int rsv = 0;
        if (c->ext != NULL)
            WSK_TRY(wsk__ext_set_own(c));
        if (c->ext != NULL)
            rsv = wsk__ext_set_encode_begin(c->ext, op, last ? len : UINT64_MAX, flags);
        if (rsv < 0) {
            wsk__fail(c, WSK__RULE_INTERNAL);
            return WSK_ERR_FAILED;
        }
        c->w->tx_opcode = (uint8_t)op;
        c->w->tx_rsv = (uint8_t)rsv;
        c->w->tx_started = false;
        c->w->tx_skip_utf8 = skip_utf8;
    }
    uint8_t first = c->w->tx_started ? WSK_OP_CONTINUATION : c->w->tx_opcode | c->w->tx_rsv;
    if (c->ext != NULL && c->ext->encoding)
        r = send_encoded(c, first, data, len, last, &framed);
    else
        r = add_frames(c, first, data, len, last);
    if (r < 0) {
        if (begins)
            c->w->tx_opcode = 0;
        return r;
    }
    c->w->tx_started |= framed;
    c->w->tx_utf8 = utf8;
    if (last) {
        c->w->tx_opcode = 0;
        c->messages_out++;
        if (c->ext != NULL)
            c->ext->encoding = false;
    }
    return WSK_OK;
}

int wsk_conn_ping(wsk_conn *c, const void *data, size_t len)
{
    if (len > WSK__CONTROL_MAX || wsk__is_nowhere(data, len))
        return WSK_ERR_INVAL;
    WSK_TRY(may_send(c));
    return wsk__send_control(c, WSK_OP_PING, data, len);
}

int wsk_conn_pong(wsk_conn *c, const void *data, size_t len)
{
    if (len > WSK__CONTROL_MAX || wsk__is_nowhere(data, len))
        return WSK_ERR_INVAL;
    WSK_TRY(may_send(c));
    return wsk__send_control(c, WSK_OP_PONG, data, len);
}
