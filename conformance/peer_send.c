/* SPDX-License-Identifier: MIT */
/*
 * What the judge sends: frames as a step describes them, valid or not, and the queue that makes
 * some of them a write of their own. Order on the wire is always the order of the calls.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conformance/peer_internal.h"
#include "wire/mask.h"

static bool masks(const judge_peer *p)
{
    return p->setup.role == JUDGE_ROLE_CLIENT ? p->options.mask_client_frames
                                              : p->options.mask_server_frames;
}

/* ------------------------------------------------------------------------------- queue -- */

static bool queue_busy(const judge_peer *p)
{
    return p->paused || (p->run_head < p->n_runs && p->runs[p->n_runs - 1].queued);
}

static void log_write(judge_peer *p, const uint8_t *data, size_t len, bool sync)
{
    judge_log *l = peer_log(p, JUDGE_LOG_TO, false);

    peer_stat(p, &p->tx_octets, len);
    if (p->state == PEER_OPEN)
        p->traffic.out_wire += len;
    else if (p->state == PEER_CONNECTING)
        p->traffic.out_preopen += len;
    if (l != NULL) {
        peer_show(&l->octets, data, len);
        l->sync = sync;
    }
}

/* The last `len` octets of the output are to be written so. */
static void commit(judge_peer *p, size_t len, size_t chop, bool sync)
{
    const bool queued = chop > 0 || sync || queue_busy(p);
    out_run *last = p->run_head < p->n_runs ? &p->runs[p->n_runs - 1] : NULL;

    if (p->holding) {
        p->held += len;
        return;
    }
    p->queued_octets += len;
    if (!queued) {
        log_write(p, p->out.at + p->out.len - len, len, false);
        if (last != NULL) {
            last->len += len;
            return;
        }
    }
    if (p->n_runs == p->run_room) {
        const size_t room = p->run_room ? p->run_room * 2 : 16;
        out_run *grown = realloc(p->runs, room * sizeof(*grown));

        if (grown == NULL) {
            p->failed = true;
            return;
        }
        p->runs = grown;
        p->run_room = room;
    }
    p->runs[p->n_runs++] = (out_run){len, chop, queued, sync};
}

void peer_write(judge_peer *p, const uint8_t *data, size_t len, size_t chop, bool sync)
{
    if (peer_buf_add(p, &p->out, data, len))
        commit(p, len, chop, sync);
}

void peer_hold(judge_peer *p)
{
    p->holding = true;
}

void peer_release(judge_peer *p, size_t first)
{
    const size_t held = p->held;

    p->holding = false;
    p->held = 0;
    if (held == 0)
        return;
    if (first > 0 && first < held) {
        commit(p, first, 0, true);
        commit(p, held - first, 0, true);
        return;
    }
    commit(p, held, 0, true);
}

size_t judge_peer_output(judge_peer *p, const uint8_t **ret_data)
{
    out_run *run;

    if (p->flood.step != NULL && p->run_head == p->n_runs && p->drop == JUDGE_DROP_NONE)
        peer_flood(p);
    if (p->paused || p->run_head == p->n_runs || p->drop == JUDGE_DROP_ABORT)
        return 0;
    run = &p->runs[p->run_head];
    *ret_data = p->out.at + p->out_head;
    if (!run->queued)
        return run->len;
    if (p->piece_left == 0) {
        p->piece_left = run->chop > 0 && run->chop < run->len ? run->chop : run->len;
        log_write(p, *ret_data, p->piece_left, run->sync);
    }
    return p->piece_left;
}

void judge_peer_wrote(judge_peer *p, size_t n)
{
    out_run *run = &p->runs[p->run_head];

    p->echo.moved = p->now;
    peer_script_wrote(p, n);
    p->out_head += n;
    run->len -= n;
    if (run->queued) {
        p->piece_left -= n;
        p->paused = p->piece_left == 0;
    }
    if (run->len == 0 && ++p->run_head == p->n_runs) {
        p->run_head = p->n_runs = 0;
        p->pongs = 0;
        if (p->held == 0)
            p->out_head = p->out.len = 0;
    }
    /* A peer that reads slowly, and never all, must not make the queue grow by what it has read;
     * and one that has read all needs no room for it. */
    if (p->out_head >= OUT_KEPT && p->out_head >= p->out.len / 2) {
        p->out.len -= p->out_head;
        memmove(p->out.at, p->out.at + p->out_head, p->out.len);
        p->out_head = 0;
    } else if (p->out.len == 0 && p->out.room > OUT_KEPT) {
        free(p->out.at);
        p->out = (peer_buf){0};
    }
    if (p->run_head >= 1024 && p->run_head >= p->n_runs / 2) {
        p->n_runs -= p->run_head;
        memmove(p->runs, p->runs + p->run_head, p->n_runs * sizeof(*p->runs));
        p->run_head = 0;
    }
}

bool judge_peer_paused(const judge_peer *p)
{
    return p->paused;
}

void judge_peer_turn(judge_peer *p)
{
    p->paused = false;
}

/* ------------------------------------------------------------------------------ frames -- */

static size_t put_head(uint8_t head[14], uint8_t first, uint64_t len, bool masked,
                       const uint8_t mask[4], unsigned form)
{
    const uint8_t bit = masked ? 0x80 : 0;
    size_t n;

    head[0] = first;
    if (len < 126 && form == 0) {
        head[1] = (uint8_t)(bit | len);
        n = 2;
    } else if (len < 65536 && form < 64) {
        head[1] = bit | 126;
        head[2] = (uint8_t)(len >> 8);
        head[3] = (uint8_t)len;
        n = 4;
    } else {
        head[1] = bit | 127;
        for (int i = 0; i < 8; i++)
            head[2 + i] = (uint8_t)(len >> (56 - 8 * i));
        n = 10;
    }
    if (masked) {
        memcpy(head + n, mask, 4);
        n += 4;
    }
    return n;
}

static bool is_ping_or_pong(uint8_t first)
{
    return (first & 15) == WSK_OP_PING || (first & 15) == WSK_OP_PONG;
}

uint64_t peer_ping_key(const uint8_t *data, uint64_t len)
{
    uint64_t key = 0xcbf29ce484222325u ^ len; /* FNV-1a */

    for (uint64_t i = 0; i < len && i < CONTROL_KEPT; i++)
        key = (key ^ data[i]) * 0x100000001b3u;
    return key;
}

/* A step sends this payload, which is not masked yet. */
static void note_ping(judge_peer *p, uint8_t first, const uint8_t *data, uint64_t len)
{
    if (!is_ping_or_pong(first))
        return;
    p->pings = true;
    peer_stat(p, &p->asked, peer_ping_key(data, len));
}

static void log_frame(judge_peer *p, uint8_t first, const uint8_t *shown, uint64_t len, bool masked,
                      const uint8_t mask[4], const judge_step *how, int64_t repeat)
{
    judge_log *l = peer_log(p, JUDGE_LOG_TF, false);

    p->tx_frames[first & 15]++;
    if (p->state == PEER_OPEN && (first & 15) < 8) {
        p->traffic.out_frames++;
        p->traffic.out_ws += repeat >= 0 ? (uint64_t)repeat : len;
    }
    if (l == NULL)
        return;
    peer_show(&l->octets, shown, len);
    l->opcode = first & 15;
    l->fin = (first & FIN_BIT) != 0;
    l->rsv = first >> 4 & 7;
    l->masked = masked;
    if (masked)
        memcpy(l->mask, mask, 4);
    l->repeat = repeat;
    if (how != NULL) {
        l->sync = how->sync;
        l->chop = how->chop > 0 ? (int64_t)how->chop : -1;
    }
}

/* Whether a frame of this step is masked, and with what. */
static bool choose_mask(judge_peer *p, const judge_step *how, uint8_t mask[4])
{
    const judge_mask kind = how ? how->mask : JUDGE_MASK_BY_ROLE;
    const bool masked = kind == JUDGE_MASK_BY_ROLE ? masks(p) : kind != JUDGE_MASK_NONE;
    const uint64_t r = masked && kind != JUDGE_MASK_ZERO ? peer_random(p) : 0;

    memcpy(mask, kind == JUDGE_MASK_KEY ? (const void *)how->key : &r, 4);
    return masked;
}

static void mask_in_place(const judge_peer *p, uint8_t *data, size_t len, const uint8_t mask[4],
                          unsigned phase)
{
    uint32_t key;

    if (!p->options.apply_mask)
        return;
    memcpy(&key, mask, 4);
    wsk__mask(data, len, key, phase);
}

/* Fills n octets with a pattern, `from` octets into it. */
static void fill(uint8_t *dst, size_t n, const judge_blob *blob, uint64_t from)
{
    size_t have = 0, at;

    if (n == 0 || blob->len == 0)
        return;
    at = (size_t)(from % blob->len);
    while (have < n && have < blob->len) {
        const size_t k = n - have < blob->len - at ? n - have : blob->len - at;

        memcpy(dst + have, blob->lit + at, k);
        have += k;
        at = 0;
    }
    /* Doubling keeps the period. */
    while (have < n) {
        const size_t k = have < n - have ? have : n - have;

        memcpy(dst + have, dst, k);
        have += k;
    }
}

static void send_piece(judge_peer *p, uint8_t first, const judge_blob *blob, uint64_t from,
                       size_t n, const judge_step *how, bool repeat)
{
    uint8_t head[14], mask[4], *payload;
    size_t n_head;
    bool masked;

    if (p->state == PEER_CLOSED)
        return;
    masked = choose_mask(p, how, mask);
    n_head = put_head(head, first, n, masked, mask, how ? how->form : 0);
    if (!peer_buf_add(p, &p->out, head, n_head) || !peer_buf_add(p, &p->out, NULL, n))
        return;
    payload = p->out.at + p->out.len - n;
    fill(payload, n, blob, from);
    if (how != NULL)
        note_ping(p, first, payload, n);
    log_frame(p, first, payload, repeat ? blob->len : n, masked, mask, how,
              repeat ? (int64_t)n : -1);
    if (masked)
        mask_in_place(p, payload, n, mask, 0);
    commit(p, n_head + n, how ? how->chop : 0, how ? how->sync : false);
}

void peer_send_frame(judge_peer *p, uint8_t first, const judge_blob *blob, const judge_step *how)
{
    send_piece(p, first, blob, 0, (size_t)blob->total, how, how != NULL && how->repeat);
}

void peer_send_octets(judge_peer *p, uint8_t first, const uint8_t *data, size_t len)
{
    const judge_blob blob = {(const char *)data, len, len};

    send_piece(p, first, &blob, 0, len, NULL, false);
}

/* Frames of `fragment` octets. If the size is a multiple of it, an empty last frame follows. */
static void send_fragments(judge_peer *p, uint8_t first, const judge_blob *blob, uint64_t fragment)
{
    const uint64_t total = blob->total;
    uint64_t at = 0;

    if (fragment == 0 || total <= fragment) {
        send_piece(p, FIN_BIT | first, blob, 0, (size_t)total, NULL, false);
        return;
    }
    for (;;) {
        const bool last = total - at < fragment;

        send_piece(p, last ? FIN_BIT | first : first, blob, at,
                   (size_t)(last ? total - at : fragment), NULL, false);
        if (last)
            return;
        at += fragment;
        first = WSK_OP_CONTINUATION;
    }
}

void peer_send_message(judge_peer *p, uint8_t opcode, const judge_blob *blob, uint64_t fragment)
{
    send_fragments(p, opcode, blob, fragment ? fragment : p->options.auto_fragment_size);
}

void peer_send_compressed(judge_peer *p, uint8_t opcode, const uint8_t *data, size_t len,
                          uint64_t fragment)
{
    const judge_blob blob = {(const char *)data, len, len};

    send_fragments(p, opcode | RSV1_BIT, &blob, fragment);
}

/* 6.4.3, 6.4.4: a header whose payload follows in parts; neither is a frame of the wire log. */
void peer_send_header(judge_peer *p, const judge_step *s)
{
    uint8_t head[14];
    size_t n;

    if (p->state == PEER_CLOSED)
        return;
    p->asked_parts = p->asked_parts || is_ping_or_pong(s->first);
    p->pings = p->pings || p->asked_parts;
    p->masking = choose_mask(p, s, p->mask);
    p->mask_at = 0;
    n = put_head(head, s->first, s->blob.total, p->masking, p->mask, s->form);
    p->owed = s->blob.total;
    if (s->cut > 0 && s->cut < n) {
        p->owed += n - s->cut;
        n = s->cut;
    }
    peer_write(p, head, n, 0, false);
}

bool peer_owes(const judge_peer *p)
{
    return p->owed > 0 && !p->setup.compat;
}

static void pay(judge_peer *p, uint64_t n)
{
    p->owed -= n < p->owed ? n : p->owed;
    if (p->owed > 0 || !p->due.on)
        return;
    p->due.on = false;
    if (p->state == PEER_OPEN)
        peer_send_pong(p, p->due.payload, p->due.len);
}

void peer_send_pong(judge_peer *p, const uint8_t *data, size_t len)
{
    if (!peer_owes(p)) {
        if (p->pongs < MAX_PONGS) {
            peer_send_octets(p, FIN_BIT | WSK_OP_PONG, data, len);
            p->pongs += len + 2;
        }
        return;
    }
    /* RFC 6455 5.5.3: the last one stands for those before it. */
    p->due.on = true;
    p->due.len = len;
    memcpy(p->due.payload, data, len);
}

void peer_send_part(judge_peer *p, const judge_blob *blob)
{
    const size_t n = (size_t)blob->total;

    if (p->state == PEER_CLOSED || !peer_buf_add(p, &p->out, NULL, n))
        return;
    fill(p->out.at + p->out.len - n, n, blob, 0);
    if (p->masking)
        mask_in_place(p, p->out.at + p->out.len - n, n, p->mask, (unsigned)(p->mask_at & 3));
    p->mask_at += n;
    commit(p, n, 0, false);
    pay(p, n);
}

void peer_send_raw(judge_peer *p, const judge_blob *blob, size_t chop, bool sync)
{
    const size_t n = (size_t)blob->total;

    if (p->state == PEER_CLOSED || n == 0 || !peer_buf_add(p, &p->out, NULL, n))
        return;
    fill(p->out.at + p->out.len - n, n, blob, 0);
    commit(p, n, chop, sync);
    pay(p, n);
}

/* ------------------------------------------------------------------------------- close -- */

/* A reason as the reports show it: text, or digits if it is none. */
static char *reason_text(judge_peer *p, const uint8_t *reason, size_t len)
{
    char hex[2 * 256 + 1];

    if (wsk__utf8_is_valid(reason, len))
        return peer_text(p, "%.*s", (int)len, (const char *)reason);
    for (size_t i = 0; i < len && i < 256; i++)
        snprintf(hex + 2 * i, 3, "%02x", reason[i]);
    return peer_text(p, "0x%s", hex);
}

void peer_send_close(judge_peer *p, int code, const uint8_t *reason, size_t len, bool reply)
{
    uint8_t payload[2 + 256];
    size_t n = 0;

    if (p->state != PEER_OPEN || len > 256)
        return;
    if (code >= 0) {
        payload[n++] = (uint8_t)(code >> 8);
        payload[n++] = (uint8_t)code;
    }
    if (len > 0)
        memcpy(payload + n, reason, len);
    peer_send_octets(p, FIN_BIT | WSK_OP_CLOSE, payload, n + len);
    p->state = PEER_CLOSING;
    p->r.closed_by_me = !reply;
    p->r.local_code = code;
    if (len > 0)
        p->r.local_reason = reason_text(p, reason, len);
    if (!reply && p->options.close_handshake_timeout > 0)
        peer_arm(p, TIMER_CLOSE_HANDSHAKE,
                 p->test->close.patience > 0 ? p->test->close.patience
                                             : p->options.close_handshake_timeout,
                 '\0');
}
