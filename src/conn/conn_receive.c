/* SPDX-License-Identifier: MIT */
/*
 * Octets to frames to messages to events. One path for both roles and for both ways of delivery
 * (whole, in pieces). Events are found lazily: nothing is parsed that was not asked for.
 *
 * Input comes from two places in this order: `kept`, what an earlier loan left over, and `in`, what
 * is lent now. A header or a control frame that is cut in two is completed in `kept`; payloads of
 * data frames are taken from wherever they are.
 */
#include <assert.h>
#include <string.h>

#include "conn/conn_quick.h"
#include "wire/mask.h"

/* A buffer for a message begins with at most this much, however much was announced. */
#define ASSEMBLY_FIRST 16384
/* Larger buffers are given back to the allocator, not kept for the next message. */
#define SPARE_MAX (4u << 20)
/* A buffer that another message has left is lent to one of which at least this part has arrived:
 * else each octet that begins a message and nothing more could hold the largest that there was. */
#define SPARE_WORTH 32
/* So that small messages find one where there are large ones, the first of them are small. */
#define SPARE_SMALL  ((size_t)64 * 1024)
#define SPARES_SMALL ((size_t)2)
/* A decoder swells its input about 1,032 times at most, or gives nothing and takes its time: pieces
 * keep bounded what a step gives (to a program that takes messages in pieces: conn.h says 4 MiB,
 * and octets that the decoder still holds swell, too), and how long it takes. */
#define DECODE_STEP_STREAM 4000
#define DECODE_STEP        WSK__TOLL_MAX
/* Large messages are received where they are put together, in pieces that stay in the cache while
 * they are unmasked. */
#define PLACE_MIN ((size_t)16 * 1024)
#define PLACE_MAX ((size_t)256 * 1024)
/* What encoding may add to a message that does not shrink: a 500th of it as a rule, but with a
 * small window, or little memory (deflate.mem_level), zlib begins a block every 128 octets or so,
 * and its own bound for that is an eighth. */
#define ENCODE_SLACK(n) ((n) / 8 + 1024)

/* ----------------------------------------------------------------------- message buffers -- */

/* One with room for `need`, for a message of which so much has arrived; a large one if that may be.
 */
static wsk__assembly **find_spare(wsk__conn_env *env, size_t need, size_t arrived)
{
    for (size_t i = WSK__COUNT(env->spare); i-- > 0;) {
        const wsk__assembly *a = env->spare[i];

        if (a != NULL && a->cap >= need &&
            a->cap / SPARE_WORTH <= arrived + ASSEMBLY_FIRST / SPARE_WORTH)
            return &env->spare[i];
    }
    return NULL;
}

wsk__assembly *wsk__assembly_take(wsk_conn *c, size_t n, size_t arrived)
{
    wsk__assembly **spare = find_spare(c->env, 0, arrived), *a;

    if (spare != NULL) {
        a = *spare;
        *spare = NULL;
        a->len = 0;
        return a;
    }
    if (n < 512)
        n = 512;
    if (n > ASSEMBLY_FIRST)
        n = ASSEMBLY_FIRST;
    a = wsk__alloc(c->env->cfg->hooks, sizeof(*a) + n);
    if (a != NULL) {
        a->len = 0;
        a->cap = n;
    }
    return a;
}

void wsk__assembly_give(wsk_conn *c, wsk__assembly *a)
{
    wsk__conn_env *env = c->env;

    if (a == NULL)
        return;
    size_t i = a->cap <= SPARE_SMALL ? 0 : SPARES_SMALL;
    const size_t end = a->cap <= SPARE_SMALL ? SPARES_SMALL : WSK__COUNT(env->spare);
    while (i < end && env->spare[i] != NULL)
        i++;
    if (i < end && !env->alone && a->cap <= SPARE_MAX)
        env->spare[i] = a;
    else
        wsk__free(c->env->cfg->hooks, a);
}

int wsk__assembly_grow(wsk_conn *c, wsk__assembly **a, size_t n, size_t limit)
{
    wsk__assembly *old = *a, *fresh;
    size_t cap;

    assert(n <= limit && limit <= SIZE_MAX / 2);
    if (old->cap - old->len >= n)
        return WSK_OK;
    if (old->len > limit - n)
        return WSK_ERR_LIMIT;
    wsk__assembly **spare = find_spare(c->env, old->len + n, old->len);
    if (spare != NULL) {
        fresh = *spare;
        *spare = NULL;
        memcpy(fresh->data, old->data, old->len);
        fresh->len = old->len;
        wsk__assembly_give(c, old);
        *a = fresh;
        return WSK_OK;
    }
    cap = old->cap > limit / 2 ? limit : old->cap * 2;
    if (cap < old->len + n)
        cap = old->len + n;
    fresh = wsk__realloc(c->env->cfg->hooks, old, sizeof(*old) + cap);
    if (fresh == NULL)
        return WSK_ERR_NOMEM;
    fresh->cap = cap;
    *a = fresh;
    return WSK_OK;
}

size_t wsk__ext_room(const wsk__assembly *a, size_t limit)
{
    size_t left = limit > a->len ? limit - a->len : 1;

    return left < WSK__EXT_ROOM ? left : WSK__EXT_ROOM;
}

void wsk__receive_reset(wsk_conn *c)
{
    if (c->w->rx == NULL)
        return;
    wsk__assembly_give(c, c->w->rx);
    c->w->rx = NULL;
    c->w->rx_done = false;
}

/* ----------------------------------------------------------------------------------- input -- */

static WSK__INLINE uint8_t *source(const wsk_conn *c, size_t *ret_n)
{
    if (WSK__UNLIKELY(c->w->kept != NULL)) {
        *ret_n = c->w->kept->len;
        return c->w->kept->data + c->w->kept->off;
    }
    *ret_n = c->w->in_len;
    return c->w->in;
}

static WSK__INLINE void consume(wsk_conn *c, size_t n)
{
    if (WSK__UNLIKELY(c->w->kept != NULL)) {
        c->w->kept->off += n;
        c->w->kept->len -= n;
        if (c->w->kept->len == 0) {
            wsk__free(c->env->cfg->hooks, c->w->kept);
            c->w->kept = NULL;
        }
        return;
    }
    if (n > 0) { /* an empty payload may be taken when no input is lent */
        c->w->in += n;
        c->w->in_len -= n;
    }
}

uint8_t *wsk__input(const wsk_conn *c, size_t *ret_n)
{
    return source(c, ret_n);
}

void wsk__input_used(wsk_conn *c, size_t n)
{
    consume(c, n);
}

bool wsk__conn_has_input(const wsk_conn *c)
{
    return (c->w->kept != NULL ? c->w->kept->len : 0) + c->w->in_len > c->w->pass;
}

int wsk_conn_feed(wsk_conn *c, void *buf, size_t n, uint64_t now)
{
    wsk__tell_time(c, now);
    if (c->state == WSK_STATE_CLOSED)
        return WSK_OK;
    if (c->w->pass > 0) {
        consume(c, c->w->pass);
        c->w->pass = 0;
    }
    if (c->w->in_len != 0 || c->eof)
        return n == 0 && c->eof ? WSK_OK : WSK_ERR_STATE;
    if (n == 0) {
        c->eof = true;
        return WSK_OK;
    }
    WSK_TRY(wsk__work_take(c));
    c->w->in = c->w->fed = buf;
    c->w->in_len = n;
    c->t_in = c->env->t_now;
    c->ping_waiting = false;
    c->octets_in += n;
    return WSK_OK;
}

/* Appends n octets from p to what is kept. */
static int keep(wsk_conn *c, const uint8_t *p, size_t n)
{
    wsk__kept *k = c->w->kept;
    size_t have = k != NULL ? k->len : 0;

    if (k == NULL || k->cap - k->off - k->len < n) {
        size_t cap = have + n < 160 ? 160 : have + n;
        wsk__kept *fresh = wsk__alloc(c->env->cfg->hooks, sizeof(*fresh) + cap);
        if (fresh == NULL)
            return WSK_ERR_NOMEM;
        fresh->off = 0;
        fresh->len = have;
        fresh->cap = cap;
        if (k != NULL)
            memcpy(fresh->data, k->data + k->off, have);
        wsk__free(c->env->cfg->hooks, k);
        c->w->kept = k = fresh;
    }
    memcpy(k->data + k->off + k->len, p, n);
    k->len += n;
    return WSK_OK;
}

/*
 * The source ends before `need` octets. If it is `kept`, goes on with what is lent, no more than
 * that. True: look again. False: the peer must send more first (or memory ran out).
 */
static bool top_up(wsk_conn *c, size_t need)
{
    size_t have = c->w->kept != NULL ? c->w->kept->len : 0, n;

    if (c->w->kept == NULL || c->w->in_len == 0)
        return false;
    n = need - have < c->w->in_len ? need - have : c->w->in_len;
    if (keep(c, c->w->in, n) < 0) {
        wsk__fail(c, WSK__RULE_NOMEM);
        return true;
    }
    c->w->in += n;
    c->w->in_len -= n;
    return true;
}

/* Input of a connection that is closed or has failed. */
static void count_ignored(wsk_conn *c, size_t n)
{
    c->w->ignored = n > UINT32_MAX - c->w->ignored ? UINT32_MAX : c->w->ignored + (uint32_t)n;
}

int wsk__conn_unlend_input(wsk_conn *c)
{
    int r = WSK_OK;

    if (c->w->pass > 0) {
        consume(c, c->w->pass);
        c->w->pass = 0;
    }
    if (c->w->in_len > 0) {
        if (c->phase == WSK__PHASE_IGNORE)
            count_ignored(c, c->w->in_len);
        else
            r = keep(c, c->w->in, c->w->in_len);
        c->w->in_len = 0;
        if (r < 0)
            wsk__fail(c, WSK__RULE_NOMEM);
    }
    if (c->w->in != NULL)
        c->w->in = c->w->fed = NULL;
    return r;
}

int wsk_conn_unlend(wsk_conn *c)
{
    int in = wsk__conn_unlend_input(c), out = wsk__conn_unlend_output(c);
    int settled = wsk__conn_settle(c);

    return in < 0 ? in : out < 0 ? out : settled;
}

/* -------------------------------------------------------------------------------- messages -- */

/* The bound of what a message may grow to in memory. */
static size_t message_limit(const wsk_conn *c)
{
    uint64_t max = c->env->cfg->o.max_message;

    /* One less than there can be: decoded_room() adds one. */
    return max > SIZE_MAX / 2 - 1 ? SIZE_MAX / 2 - 1 : (size_t)max;
}

static void begin_message(wsk_conn *c, const wsk__frame *f)
{
    c->w->rx_opcode = f->opcode;
    c->w->rx_first = true;
    c->w->utf8 = WSK__UTF8_START;
    c->w->total = 0;
    c->w->fragments = 0;
    c->w->t_msg = c->env->t_now;
    if (c->ext == NULL)
        return;
    c->w->wire = 0;
    if (f->rsv != 0 && wsk__ext_set_own(c) < 0)
        wsk__fail(c, WSK__RULE_NOMEM);
    else if (wsk__ext_set_decode_begin(c->ext, (wsk_opcode)f->opcode, f->rsv) < 0)
        wsk__fail(c, WSK__RULE_EXTENSION);
    else if (!c->ext->decoding && f->rsv != 0)
        wsk__fail(c, WSK__RULE_RSV); /* claimed by an extension that has no use for it here */
}

/* Validates n more octets of text that are unmasked already. */
static bool check_text(wsk_conn *c, const uint8_t *p, size_t n)
{
    if (c->w->rx_opcode != WSK_OP_TEXT || (c->env->cfg->o.flags & WSK_CONN_SKIP_UTF8))
        return true;
    return wsk__utf8_check(&c->w->utf8, p, n) == n;
}

/* Unmasks n octets in place and, if they are text as it is, validates them on the way. */
static WSK__INLINE bool unmask(wsk_conn *c, uint8_t *p, size_t n, bool is_text)
{
    bool ok = true;

    if (n == 0) /* and p may be NULL */
        return true;
    if (is_text && c->w->key != 0)
        ok = wsk__utf8_unmask_check(&c->w->utf8, p, n, c->w->key, c->w->mask_phase) == n;
    else if (is_text)
        ok = wsk__utf8_check(&c->w->utf8, p, n) == n;
    else if (c->w->key != 0)
        wsk__mask(p, n, c->w->key, c->w->mask_phase);
    c->w->mask_phase = (uint8_t)((c->w->mask_phase + n) & 3);
    return ok;
}

/* Where an empty message stands of whose input nothing is left: programs give its place to
 * functions that take no NULL. Not const, as those that may be changed; but there is no octet in
 * it. */
static uint8_t nothing[1];

/* The message is complete, data are its octets (or its last piece). */
static bool end_message(wsk_conn *c, uint8_t *data, size_t len, wsk_event *ret)
{
    bool stream = (c->env->cfg->o.flags & WSK_CONN_STREAM) != 0;

    if (c->w->rx_opcode == WSK_OP_TEXT && c->w->utf8 != WSK__UTF8_START) {
        wsk__fail(c, WSK__RULE_UTF8); /* it ends inside a character */
        return false;
    }
    ret->type = stream ? WSK_EV_DATA : WSK_EV_MESSAGE;
    ret->opcode = (wsk_opcode)c->w->rx_opcode;
    ret->data = data != NULL ? data : nothing;
    ret->len = len;
    ret->first = c->w->rx_first;
    ret->last = true;
    c->w->rx_opcode = 0;
    c->messages_in++;
    return true;
}

/* Where decoded octets of the current message go. */
static int decoded_room(void *ud, uint8_t **ret, size_t *ret_n)
{
    wsk_conn *c = ud;
    /* One octet of room beyond the limit shows a decoder that still has something to say. The
     * limit holds while it decodes: a bomb is stopped when it has swollen this far. */
    size_t limit = message_limit(c) + 1, used = (size_t)(c->w->total - c->w->rx->len);

    assert(used < limit); /* or the message would have failed before this piece */
    limit -= used;
    WSK_TRY(wsk__assembly_grow(c, &c->w->rx, wsk__ext_room(c->w->rx, limit), limit));
    *ret = c->w->rx->data + c->w->rx->len;
    *ret_n = c->w->rx->cap - c->w->rx->len;
    if (*ret_n > limit - c->w->rx->len)
        *ret_n = limit - c->w->rx->len;
    return *ret_n > 0 ? WSK_OK : WSK_ERR_LIMIT;
}

static void decoded_put(void *ud, size_t n)
{
    wsk_conn *c = ud;

    c->w->rx->len += n;
    c->w->total += n;
}

static bool take_rx(wsk_conn *c, size_t n, size_t arrived)
{
    if (c->w->rx == NULL)
        c->w->rx = wsk__assembly_take(c, n, arrived);
    if (c->w->rx == NULL)
        wsk__fail(c, WSK__RULE_NOMEM);
    return c->w->rx != NULL;
}

/* n octets of the current message, still encoded, unmasked. */
static void decode(wsk_conn *c, const uint8_t *p, size_t n, bool fin)
{
    const wsk__ext_sink sink = {c, decoded_room, decoded_put};
    size_t before;
    int r;

    if (!take_rx(c, n * 2, n))
        return;
    before = c->w->rx->len;
    r = wsk__ext_set_decode(c, p, n, fin, &sink);
    c->env->toll += n + WSK__TOLL_DECODE + (c->w->rx->len - before) / WSK__TOLL_DECODED;
    if (r == WSK_ERR_LIMIT || (r >= 0 && c->w->total > message_limit(c)))
        wsk__fail(c, WSK__RULE_MESSAGE_TOO_BIG);
    else if (r == WSK_ERR_NOMEM)
        wsk__fail(c, WSK__RULE_NOMEM);
    else if (r < 0)
        wsk__fail(c, r == WSK_ERR_INVAL ? WSK__RULE_EXTENSION_DATA : WSK__RULE_INTERNAL);
    else if (!check_text(c, c->w->rx->data + before, c->w->rx->len - before))
        wsk__fail(c, WSK__RULE_UTF8);
}

/*
 * A piece of an encoded message: n octets at p of the current frame. True if *ret is set.
 */
static bool take_encoded(wsk_conn *c, uint8_t *p, size_t n, wsk_event *ret)
{
    bool stream = (c->env->cfg->o.flags & WSK_CONN_STREAM) != 0, fin;

    const size_t step = stream ? DECODE_STEP_STREAM : DECODE_STEP;

    if (n > step)
        n = step;
    (void)unmask(c, p, n, false);
    c->w->left -= n;
    fin = c->w->left == 0 && c->w->rx_fin;
    if (c->w->left == 0)
        c->phase = WSK__PHASE_FRAME;
    decode(c, p, n, fin);
    consume(c, n);
    if (c->failed)
        return false;
    if (fin) {
        c->w->rx_done = true;
        return end_message(c, c->w->rx->data, c->w->rx->len, ret);
    }
    if (!stream || c->w->rx->len == 0)
        return false;
    ret->type = WSK_EV_DATA;
    ret->opcode = (wsk_opcode)c->w->rx_opcode;
    ret->data = c->w->rx->data;
    ret->len = c->w->rx->len;
    ret->first = c->w->rx_first;
    c->w->rx_first = false;
    c->w->rx_done = true;
    return true;
}

/* Adds n octets at p, still masked, to the message that is being put together. */
static void append(wsk_conn *c, uint8_t *p, size_t n, bool is_text)
{
    size_t announced = c->w->left < ASSEMBLY_FIRST ? (size_t)c->w->left : ASSEMBLY_FIRST;
    int r;

    if (!take_rx(c, announced > n ? announced : n, n) || n == 0)
        return;
    if (p == c->w->rx->data + c->w->rx->len) {
        /* Received in its place, see wsk__conn_place(). */
        if (!unmask(c, p, n, is_text)) {
            wsk__fail(c, WSK__RULE_UTF8);
            return;
        }
        c->w->rx->len += n;
        c->w->total += n;
        return;
    }
    r = wsk__assembly_grow(c, &c->w->rx, n, message_limit(c));
    if (r < 0) {
        wsk__fail(c, r == WSK_ERR_LIMIT ? WSK__RULE_MESSAGE_TOO_BIG : WSK__RULE_NOMEM);
        return;
    }
    if (is_text) {
        /* One pass that unmasks and validates; the copy finds the octets in the cache. */
        if (!unmask(c, p, n, true)) {
            wsk__fail(c, WSK__RULE_UTF8);
            return;
        }
        memcpy(c->w->rx->data + c->w->rx->len, p, n);
    } else {
        wsk__mask_copy(c->w->rx->data + c->w->rx->len, p, n, c->w->key, c->w->mask_phase);
        c->w->mask_phase = (uint8_t)((c->w->mask_phase + n) & 3);
    }
    c->w->rx->len += n;
    c->w->total += n;
}

/* Never more than is there already: what a peer can make us hold stays in proportion to what it
 * has sent. */
uint8_t *wsk__conn_place(wsk_conn *c, size_t *ret_n)
{
    wsk__work *w = c->w;
    size_t n;

    if (c->phase != WSK__PHASE_PAYLOAD || w->rx == NULL || w->in_len > 0 || w->kept != NULL ||
        w->left < PLACE_MIN || w->rx->len < PLACE_MIN || c->paused ||
        (c->ext != NULL && c->ext->decoding))
        return NULL;
    /* Of pieces only decoded ones are put together. */
    assert(!w->rx_done && !(c->env->cfg->o.flags & WSK_CONN_STREAM));
    n = w->left < w->rx->len ? (size_t)w->left : w->rx->len;
    if (n > PLACE_MAX)
        n = PLACE_MAX;
    if (wsk__assembly_grow(c, &w->rx, n, message_limit(c)) < 0)
        return NULL;
    *ret_n = n;
    return w->rx->data + w->rx->len;
}

/* Data is activity, but no answer to our close frame: a peer that goes on sending must not put
 * close_timeout off for ever. */
static void data_came(wsk_conn *c)
{
    if (c->state == WSK_STATE_OPEN)
        c->t_data = c->env->t_now;
}

/* Goes on inside a data frame. True if *ret was set; false: look at the phase again, or, with
 * *ret_wait, wait for input. */
static bool take_payload(wsk_conn *c, wsk_event *ret, bool *ret_wait)
{
    size_t n;
    uint8_t *p = source(c, &n);
    bool is_text = c->w->rx_opcode == WSK_OP_TEXT && !(c->env->cfg->o.flags & WSK_CONN_SKIP_UTF8);

    if (n == 0 && c->w->left > 0) {
        *ret_wait = true;
        return false;
    }
    if (n > c->w->left)
        n = (size_t)c->w->left;
    data_came(c);
    if (WSK__UNLIKELY(c->ext != NULL && c->ext->decoding))
        return take_encoded(c, p, n, ret);

    bool ends = n == c->w->left && c->w->rx_fin;
    if (c->env->cfg->o.flags & WSK_CONN_STREAM || (ends && c->w->rx == NULL)) {
        /* Handed on where it stands. */
        if (WSK__UNLIKELY(!unmask(c, p, n, is_text))) {
            wsk__fail(c, WSK__RULE_UTF8);
            return false;
        }
        c->w->total += n;
        c->w->left -= n;
        c->w->pass = n;
        if (c->w->left == 0)
            c->phase = WSK__PHASE_FRAME;
        if (ends)
            return end_message(c, p, n, ret);
        if (n == 0)
            return false;
        ret->type = WSK_EV_DATA;
        ret->opcode = (wsk_opcode)c->w->rx_opcode;
        ret->data = p;
        ret->len = n;
        ret->first = c->w->rx_first;
        c->w->rx_first = false;
        return true;
    }
    append(c, p, n, is_text);
    if (c->failed)
        return false;
    consume(c, n);
    c->w->left -= n;
    if (c->w->left == 0)
        c->phase = WSK__PHASE_FRAME;
    if (!ends)
        return false;
    c->w->rx_done = true;
    return end_message(c, c->w->rx->data, c->w->rx->len, ret);
}

/* ---------------------------------------------------------------------------------- frames -- */

static void answer_ping(wsk_conn *c, const uint8_t *p, size_t n)
{
    if ((c->env->cfg->o.flags & WSK_CONN_NO_AUTO_PONG) || c->close_sent)
        return;
    if (c->w->pongs >= c->env->cfg->o.max_pongs) {
        /* The peer pings faster than it reads. RFC 6455 5.5.3: the latest is enough. */
        if (c->w->late_ping == NULL)
            c->w->late_ping = wsk__alloc(c->env->cfg->hooks, 1 + WSK__CONTROL_MAX);
        if (c->w->late_ping == NULL) {
            wsk__fail(c, WSK__RULE_NOMEM);
            return;
        }
        c->w->late_ping[0] = (uint8_t)n;
        memcpy(c->w->late_ping + 1, p, n);
        return;
    }
    if (wsk__output_pong(c, p, n) < 0)
        wsk__fail(c, WSK__RULE_NOMEM);
}

/* A whole control frame; its octets stay where they are until the next call. */
static bool take_control(wsk_conn *c, const wsk__frame *f, uint8_t *p, wsk_event *ret)
{
    size_t n = (size_t)f->len;

    if (f->masked)
        wsk__mask(p, n, f->key, 0);
    ret->data = p;
    ret->len = n;
    ret->opcode = (wsk_opcode)f->opcode;
    if (f->opcode == WSK_OP_CLOSE) {
        wsk__close_received(c, p, n, ret);
        return ret->type != WSK_EV_NONE;
    }
    ret->type = f->opcode == WSK_OP_PING ? WSK_EV_PING : WSK_EV_PONG;
    if (f->opcode == WSK_OP_PING)
        answer_ping(c, p, n);
    return !c->failed;
}

/* A header of a data frame. */
static void begin_frame(wsk_conn *c, const wsk__frame *f)
{
    c->w->left = f->len;
    c->w->key = f->key;
    c->w->mask_phase = 0;
    c->w->rx_fin = f->fin;
    c->phase = WSK__PHASE_PAYLOAD;
    c->env->toll += WSK__TOLL_FRAME;
    data_came(c);
    if (f->opcode != WSK_OP_CONTINUATION)
        begin_message(c, f);
    if (c->failed)
        return;
    /* Empty frames cost the sender two to six octets and make no message longer: count them. */
    if (++c->w->fragments > c->env->cfg->o.max_fragments) {
        wsk__fail(c, WSK__RULE_TOO_MANY_FRAGMENTS);
        return;
    }
    if (c->ext == NULL)
        return;
    c->w->wire += f->len;
    if (!c->ext->decoding && f->len > c->env->cfg->o.max_message - c->w->total)
        wsk__fail(c, WSK__RULE_MESSAGE_TOO_BIG);
}

static bool take_frame(wsk_conn *c, wsk_event *ret, bool *ret_wait)
{
    uint64_t max = c->env->cfg->o.max_message;
    wsk__frame_context ctx = {
        .expect_mask = wsk__is_server(c),
        .in_message = c->w->rx_opcode != 0,
        .max_len = c->env->cfg->o.max_frame,
        .budget = c->w->rx_opcode != 0 ? max - c->w->total : max,
    };
    wsk__rule rule;
    wsk__frame f;
    size_t n, need;
    uint8_t *p = source(c, &n);

    if (WSK__UNLIKELY(c->ext != NULL)) {
        /* Encoded octets are counted for themselves: those of a message that does not shrink
         * may be a little more than it, and those of empty blocks decode to nothing. */
        uint64_t most = max > UINT64_MAX - ENCODE_SLACK(max) ? max : max + ENCODE_SLACK(max);
        uint64_t used = c->w->rx_opcode != 0 ? c->w->wire : 0;
        ctx.rsv = c->ext->rsv;
        ctx.budget = most - used; /* every frame was within it */
        if (ctx.max_len == max)
            ctx.max_len = most;
    }
    int r = wsk__frame_parse(p, n, &ctx, &f, &need, &rule);
    if (r > 0 && f.opcode >= WSK_OP_CLOSE && n < f.head_len + f.len) {
        need = f.head_len + (size_t)f.len;
        r = 0;
    }
    if (WSK__UNLIKELY(r == 0)) {
        *ret_wait = !top_up(c, need);
        return false;
    }
    if (WSK__UNLIKELY(r < 0)) {
        wsk__fail(c, rule);
        return false;
    }
    if (WSK__UNLIKELY(wsk__log_on(c->env->cfg->hooks, WSK_LOG_TRACE)))
        wsk__log(c->env->cfg->hooks, WSK_LOG_TRACE,
                 "received frame: fin=%d rsv=%x opcode=%x length=%llu", f.fin, f.rsv >> 4, f.opcode,
                 (unsigned long long)f.len);
    if (f.opcode >= WSK_OP_CLOSE) {
        c->w->pass = f.head_len + (size_t)f.len;
        return take_control(c, &f, p + f.head_len, ret);
    }
    consume(c, f.head_len);
    begin_frame(c, &f);
    return false;
}

/* ---------------------------------------------------------------------------------- events -- */

static void ignore_input(wsk_conn *c)
{
    size_t n;

    while ((void)source(c, &n), n > 0) {
        count_ignored(c, n);
        consume(c, n);
    }
    /* A peer that goes on sending to a closed connection is not listened to for ever. */
    if (c->w->ignored > c->env->cfg->o.max_ignored)
        c->drop = true;
}

/* The program has paused: what came stays untouched. A closing handshake goes on. */
static bool is_resting(const wsk_conn *c)
{
    return c->paused && c->state == WSK_STATE_OPEN;
}

/* True when nothing more can come of this connection. */
static bool is_over(const wsk_conn *c)
{
    if (c->drop)
        return true;
    if (is_resting(c) && (!c->lost || wsk__conn_has_input(c)))
        return false; /* what came before the end is yet to be taken */
    if (c->lost)
        return true;
    if (!c->eof || c->phase == WSK__PHASE_WAIT)
        return false;
    /* The peer has ended its side; what we owe it (a close frame, a response) still goes out. */
    return c->phase != WSK__PHASE_IGNORE || (c->w->queued == 0 && !c->undrained);
}

static bool end(wsk_conn *c, wsk_event *ret)
{
    if (c->end_given || !is_over(c))
        return false;
    c->end_given = true;
    if (!c->lost)
        c->unsaid = c->w->queued > 0 || c->undrained;
    if (c->code == 0 && c->status < 200)
        c->code = WSK_CLOSE_ABNORMAL;
    if (c->w->text == NULL)
        wsk__set_text(c, c->was_open
                             ? "the peer ended the connection without a close frame"
                             : "the peer ended the connection during the opening handshake");
    c->state = WSK_STATE_CLOSED;
    c->drop = true;
    ret->type = WSK_EV_END;
    ret->code = c->code;
    ret->status = c->status;
    ret->text = wsk_conn_end_text(c);
    return true;
}

int wsk_conn_next(wsk_conn *c, wsk_event *ret)
{
    bool wait;

    ret->type = WSK_EV_NONE;
    ret->text = NULL;
    ret->data = NULL;
    ret->len = 0;
    ret->first = ret->last = ret->is_upgrade = false;
    ret->code = ret->status = 0;
    if (wsk__quick_next(c, &ret->opcode, &ret->data, &ret->len)) {
        ret->type = WSK_EV_MESSAGE;
        ret->first = ret->last = true;
        return WSK_OK;
    }
    if (c->w->pass > 0) {
        consume(c, c->w->pass); /* what the last event pointed to */
        c->w->pass = 0;
    }
    if (c->w->rx_done)
        wsk__receive_reset(c);
    if (WSK__UNLIKELY(c->w->opening_done)) {
        c->w->opening_done = false;
        if (!(c->env->cfg->o.flags & WSK_CONN_KEEP_REQUEST))
            wsk__opening_free(c);
    }
    for (;;) {
        if (WSK__UNLIKELY(c->fail_pending)) {
            c->fail_pending = false;
            ret->type = WSK_EV_FAIL;
            ret->code = c->code;
            ret->status = c->status;
            ret->text = wsk_conn_end_text(c);
            return WSK_OK;
        }
        wait = false;
        switch ((wsk__phase)c->phase) {
        case WSK__PHASE_HEAD:
            if (wsk__opening_next(c, ret))
                return WSK_OK;
            wait = c->phase == WSK__PHASE_HEAD;
            break;
        case WSK__PHASE_WAIT:
            wait = true;
            break;
        case WSK__PHASE_BODY:
            wsk__body_next(c);
            wait = c->phase == WSK__PHASE_BODY;
            break;
        case WSK__PHASE_FRAME:
            if (WSK__UNLIKELY(c->open_pending)) {
                c->open_pending = false;
                c->w->opening_done = true;
                ret->type = WSK_EV_OPEN;
                return WSK_OK;
            }
            if (is_resting(c)) {
                wait = true;
                break;
            }
            if (take_frame(c, ret, &wait))
                return WSK_OK;
            break;
        case WSK__PHASE_PAYLOAD:
            if (is_resting(c)) {
                wait = true;
                break;
            }
            if (take_payload(c, ret, &wait))
                return WSK_OK;
            break;
        case WSK__PHASE_IGNORE:
            ignore_input(c);
            wait = true;
            break;
        }
        if (wait)
            break; /* none waits that has just failed */
        if (WSK__UNLIKELY(c->env->toll >= c->env->toll_max) && !c->fail_pending)
            return WSK_OK;
    }
    /* When it is lost nothing waits any more, and who has paused until then must go on. */
    if (WSK__UNLIKELY(c->over_high) && c->state == WSK_STATE_OPEN &&
        (c->lost || (!c->backed_up && wsk__output_level(c->w) < c->env->cfg->o.low_water))) {
        c->over_high = false;
        ret->type = WSK_EV_WRITABLE;
        return WSK_OK;
    }
    (void)end(c, ret);
    return WSK_OK;
}
