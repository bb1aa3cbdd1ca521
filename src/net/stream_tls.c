/* SPDX-License-Identifier: MIT */
/*
 * TLS on a stream: cipher text in, plain text to the owner; the owner's output, encrypted into
 * records, out. The session (tls_session.h) does the cryptography.
 *
 * Cipher text to be sent is gathered in memory of the loop: what the handshake answers, then all
 * of the owner's output, in one write. Only what the socket does not take is copied to memory of
 * the stream's own, and that is freed as soon as it is gone, so that an idle stream holds none.
 */
#include "net/loop_priv.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

/* Cipher text may pile up this far: what is gathered, and what the session says of its own
 * accord. A peer that asks for key updates without reading the answers is cut off here. */
#define OUT_MAX (WSK__TLS_GATHER + (size_t)64 * 1024)

static int make_room(wsk_loop *loop)
{
    wsk__tls_room *room = wsk__alloc(loop->hooks, sizeof(*room) + loop->recv_cap);

    if (room == NULL)
        return WSK_ERR_NOMEM;
    int r = wsk__tls_warm_init(&room->warm, loop);
    if (r < 0) {
        wsk__free(loop->hooks, room);
        return r;
    }
    loop->tls_room = room;
    return WSK_OK;
}

void wsk__tls_room_free(wsk_loop *loop)
{
    if (loop->tls_room == NULL)
        return;
    wsk__tls_warm_deinit(&loop->tls_room->warm);
    wsk__free(loop->hooks, loop->tls_room);
    loop->tls_room = NULL;
}

int wsk__stream_tls_open(wsk__stream *s, wsk__tls_session *session)
{
    wsk_loop *loop = s->loop;

    s->tls = wsk__alloc0(loop->hooks, sizeof(*s->tls));
    if (s->tls == NULL) {
        wsk__tls_session_free(session);
        return WSK_ERR_NOMEM;
    }
    s->tls->session = session;
    if (loop->tls_room == NULL && make_room(loop) < 0) {
        wsk__stream_tls_free(loop, s->tls);
        return WSK_ERR_NOMEM;
    }
    return WSK_OK;
}

/* Frees what memory `out` has, be it the session's or ours. Lent memory is let go. */
static void free_out(wsk__stream *s, wsk__tls_out *out)
{
    wsk__stream_tls *t = s->tls;

    wsk__tls_session_clear(t->session, out);
    wsk__free(s->loop->hooks, t->kept);
    t->kept = NULL;
}

void wsk__stream_tls_free(wsk_loop *loop, wsk__stream_tls *t)
{
    if (t == NULL)
        return;
    if (loop->tls_room != NULL)
        wsk__tls_warm_leave(&loop->tls_room->warm, t);
    wsk__tls_session_clear(t->session, &t->out);
    wsk__free(loop->hooks, t->kept);
    wsk__tls_session_free(t->session);
    wsk__free(loop->hooks, t);
}

/* --------------------------------------------------------------------------- cipher text -- */

/* Opens a place for cipher text: behind what still waits, or in memory of the loop. True if that
 * was lent. */
static bool open_out(wsk__stream *s, wsk__tls_out *out)
{
    wsk_loop *loop = s->loop;
    /* Not while somebody else's answer stands in the same room. */
    bool lend = s->tls->out.ptr == NULL && !loop->cipher_lent && loop->loan == NULL;

    *out = s->tls->out;
    memset(&s->tls->out, 0, sizeof(s->tls->out));
    if (lend) {
        out->cap = sizeof(loop->tls_room->cipher);
        out->ptr = loop->io->scratch != NULL ? loop->io->scratch(loop, &out->cap)
                                             : loop->tls_room->cipher;
        loop->cipher_lent = true;
    }
    s->tls->open = out;
    return lend;
}

/* Keeps what of `out` is not sent yet. */
static void keep_out(wsk__stream *s, wsk__tls_out *out)
{
    wsk__stream_tls *t = s->tls;
    size_t n = out->len - out->off;

    if (n == 0) {
        free_out(s, out);
        return;
    }
    if (!out->owned && out->ptr != t->kept) {
        uint8_t *p = wsk__alloc(s->loop->hooks, n);

        if (p == NULL) {
            wsk__stream_broken(s, ENOMEM);
            return;
        }
        memcpy(p, out->ptr + out->off, n);
        t->kept = p;
        *out = (wsk__tls_out){.ptr = p, .len = n, .cap = n};
    } else if (out->owned) {
        /* The session has moved it. */
        wsk__free(s->loop->hooks, t->kept);
        t->kept = NULL;
    }
    t->out = *out;
}

static void sent_or_blocked(wsk__stream *s, size_t n, size_t total, int err)
{
    if (s->state & WSK__S_BROKEN)
        return;
    if (err != 0 && err != EAGAIN) {
        wsk__stream_broken(s, err);
    } else if (n < total) {
        s->state |= WSK__S_BLOCKED;
        s->loop->io->stream_block(s);
    }
}

/* The socket took n octets. What TLS alone says behind the owner's output, to a peer that makes it
 * say so, is no progress of that. */
static void note_moved(wsk__stream *s, size_t n)
{
    wsk__stream_tls *t = s->tls;
    size_t own = n < t->own ? n : t->own;

    t->own -= own;
    if (own > 0 && !(s->state & WSK__S_DEAD) && wsk__ops(s)->moved != NULL)
        wsk__ops(s)->moved(s, own, t->own);
}

static void send_out(wsk__stream *s, wsk__tls_out *out, bool now)
{
    const wsk__io_ops *io = s->loop->io;
    struct iovec iov = {out->ptr != NULL ? out->ptr + out->off : NULL, out->len - out->off};

    if (iov.iov_len == 0 || (s->state & (WSK__S_CLOSED | WSK__S_BROKEN | WSK__S_BLOCKED))) {
        keep_out(s, out);
        return;
    }
    if (!now && io->send != NULL && io->send(s, &iov, 1, iov.iov_len)) {
        /* Where lent memory is, the queue knows: settling copies what remains of it. */
        if (out->owned || out->ptr == s->tls->kept)
            keep_out(s, out);
        return;
    }
    ssize_t n = wsk__stream_write(s, &iov, 1);
    int err = n < 0 ? errno : 0;
    out->off += n > 0 ? (size_t)n : 0;
    keep_out(s, out);
    note_moved(s, n > 0 ? (size_t)n : 0);
    sent_or_blocked(s, n > 0 ? (size_t)n : 0, iov.iov_len, err);
}

static void close_out(wsk__stream *s, wsk__tls_out *out, bool lent, bool now)
{
    s->tls->open = NULL;
    send_out(s, out, now);
    if (lent)
        s->loop->cipher_lent = false;
}

void wsk__stream_tls_settled(wsk__stream *s, const uint8_t *base, size_t n, size_t total, int err)
{
    wsk__stream_tls *t = s->tls;
    wsk__tls_out rest = {.ptr = (uint8_t *)(uintptr_t)base, .off = n, .len = total};

    if (t->out.ptr != NULL) {
        rest = t->out;
        rest.off += n;
        memset(&t->out, 0, sizeof(t->out));
    }
    keep_out(s, &rest);
    note_moved(s, n);
    sent_or_blocked(s, n, total, err);
}

/* -------------------------------------------------------------------------------- output -- */

/* One record from the pieces between *i, *off and the end, or, from a long piece, several. How
 * many octets; 0 = the session has failed. */
static size_t encrypt_some(wsk__stream *s, const struct iovec *iov, size_t k, size_t *i,
                           size_t *off, size_t max, wsk__tls_out *out)
{
    wsk__tls_room *room = s->loop->tls_room;
    const uint8_t *p = (const uint8_t *)iov[*i].iov_base + *off;
    size_t n = iov[*i].iov_len - *off;

    if (n >= WSK__TLS_RECORD || *i + 1 == k) {
        if (n > max)
            n = max;
        *off += n;
    } else {
        for (n = 0; n < WSK__TLS_RECORD && *i < k;) {
            size_t m = iov[*i].iov_len - *off;

            if (m > WSK__TLS_RECORD - n)
                m = WSK__TLS_RECORD - n;
            memcpy(room->record + n, (const uint8_t *)iov[*i].iov_base + *off, m);
            n += m;
            *off += m;
            if (*off < iov[*i].iov_len)
                break;
            ++*i;
            *off = 0;
        }
        p = room->record;
    }
    if (*i < k && *off == iov[*i].iov_len) {
        ++*i;
        *off = 0;
    }
    return wsk__tls_session_write(s->tls->session, p, n, out) == WSK__TLS_OK ? n : 0;
}

/* What cannot be encrypted yet waits in the owner's queue, for the input that
 * wsk__stream_tls_take() asks again behind. Where no more will come the session says what is wrong.
 */
static bool may_encrypt(const wsk__stream *s)
{
    return (s->state & WSK__S_SECURED) &&
           ((s->state & WSK__S_EOF) || wsk__tls_session_may_write(s->tls->session));
}

/* Encrypts the owner's output until there is no more of it, or enough for one write. */
static void gather(wsk__stream *s, wsk__tls_out *out)
{
    const uint32_t not_now = WSK__S_NO_OUTPUT | WSK__S_NOTIFIED;
    struct iovec iov[WSK__IOV_MAX];
    bool can_wait = false;

    while (may_encrypt(s) && !(s->state & not_now) && out->len - out->off < WSK__TLS_GATHER) {
        s->can_wait = false;
        s->tls->dry = true; /* unless it says otherwise while it is asked */
        size_t k = wsk__ops(s)->output(s, iov, WSK__IOV_MAX);
        size_t i = 0, off = 0, taken = 0, n = 1;

        if (k == 0) {
            /* The owner had its `sent`, but the end of the stream waits for the cipher text. */
            s->can_wait = can_wait && !(s->state & WSK__S_SHUT);
            if (s->state & WSK__S_SHUT) {
                s->state |= WSK__S_NOTIFIED;
                wsk__tls_session_shutdown(s->tls->session, out);
            }
            return;
        }
        can_wait = s->can_wait;
        s->tls->dry = false;
        while (i < k && n > 0 && out->len - out->off < WSK__TLS_GATHER) {
            if (iov[i].iov_len == 0) {
                i++;
                continue;
            }
            size_t max = WSK__TLS_GATHER - (out->len - out->off);

            n = encrypt_some(s, iov, k, &i, &off, max > WSK__TLS_RECORD ? max : WSK__TLS_RECORD,
                             out);
            taken += n;
        }
        s->tls->own = out->len - out->off;
        wsk__ops(s)->sent(s, taken);
        /* Its words come with `lost`. It reads no more either, as if there were no memory. */
        if (n == 0)
            wsk__stream_broken(s, ENOMEM);
    }
    /* There is more than one write takes: it goes on as soon as this one is out. */
    s->can_wait = false;
}

/* --------------------------------------------------------------------------------- input -- */

static void received(wsk__stream *s, uint8_t *data, size_t n)
{
    s->can_wait = s->tls->dry = false;
    wsk__stream_received(s, data, n);
}

static void feed(wsk__stream *s, const uint8_t *data, size_t n, wsk__tls_out *out,
                 const char **ret_why, bool *ret_eof)
{
    wsk__tls_room *room = s->loop->tls_room;
    wsk__tls_session *session = s->tls->session;
    size_t cap = s->loop->recv_cap, got;
    wsk__tls_result r;

    do {
        size_t used = 0;

        got = 0;
        r = wsk__tls_session_read(session, data, n, &used, room->plain, cap, &got, out);
        if (n > 0)
            data += used;
        n -= used;
        if (!(s->state & WSK__S_SECURED) && wsk__tls_session_is_ready(session)) {
            s->state |= WSK__S_SECURED;
            s->tls->dry = false;
            wsk__ops(s)->secured(s);
        }
        if (got > 0 && !(s->state & WSK__S_DEAD)) {
            wsk__tls_warm_received(&room->warm, s->tls);
            received(s, room->plain, got);
            gather(s, out);
        }
        if (r == WSK__TLS_OK && out->len - out->off > OUT_MAX) {
            *ret_why = "TLS answers pile up unread";
            return;
        }
    } while (r == WSK__TLS_OK && (n > 0 || got == cap) && !(s->state & WSK__S_DEAD));
    if (r == WSK__TLS_FAILED) {
        *ret_why = wsk__tls_session_why(session);
    } else if (r == WSK__TLS_EOF && !(s->state & (WSK__S_EOF | WSK__S_DEAD))) {
        s->state |= WSK__S_EOF;
        *ret_eof = true;
    }
}

static void take(wsk__stream *s, uint8_t *data, size_t n)
{
    const char *why = NULL;
    wsk__tls_out out;
    bool lent = open_out(s, &out), eof = false;

    s->state |= WSK__S_STARTED;
    s->can_wait = false;
    feed(s, data, n, &out, &why, &eof);
    if (!s->tls->dry)
        gather(s, &out);
    close_out(s, &out, lent, why != NULL || eof);
    /* What was owed for the octets before it is out, or at least on its way. */
    if (eof && why == NULL && !(s->state & WSK__S_DEAD))
        received(s, NULL, 0);
    /* Behind the alert, which says the same to the peer. */
    if (why != NULL)
        wsk__stream_lost_text(s, why);
}

void wsk__stream_tls_take(wsk__stream *s, uint8_t *data, size_t n)
{
    if (n > 0) {
        take(s, data, n);
    } else if (!(s->state & WSK__S_SECURED)) {
        wsk__stream_lost_text(s, "closed by the peer during the TLS handshake");
    } else {
        /* Without close_notify: for a protocol that has a closing handshake of its own, the
         * same thing as with it. */
        received(s, NULL, 0);
    }
}

void wsk__stream_tls_pump(wsk__stream *s, bool now)
{
    const wsk__io_ops *io = s->loop->io;
    wsk__stream_tls *t = s->tls;

    /* `received` runs: encrypting is as good as sending for octets that are only borrowed. */
    if (t->open != NULL) {
        gather(s, t->open);
        return;
    }
    for (unsigned round = 0; !(s->state & WSK__S_NO_OUTPUT); round++) {
        wsk__tls_out out;

        const bool room = now || (round < WSK__ROUNDS && (io->room == NULL || io->room(s->loop)));
        /* Handlers that this called may have ended the stream, or sent on it. */
        if (s->state & WSK__S_NO_OUTPUT)
            break;
        if (!room) {
            wsk__loop_later(s);
            return;
        }
        if (!(s->state & WSK__S_STARTED)) {
            take(s, NULL, 0);
            continue;
        }
        /* Right behind `received`, or `sent`, which asked to the end: nothing has come about. */
        if (t->dry && s->can_wait && !now && t->out.ptr == NULL)
            break;
        bool lent = open_out(s, &out);
        if (out.len == out.off)
            gather(s, &out);
        bool none = out.len == out.off;
        close_out(s, &out, lent, now);
        if (none)
            break;
    }
    if ((s->state & (WSK__S_NOTIFIED | WSK__S_SHUT_DONE | WSK__S_NO_OUTPUT)) == WSK__S_NOTIFIED &&
        t->out.ptr == NULL)
        wsk__stream_end_output(s);
}
