/* SPDX-License-Identifier: MIT */
/*
 * What a stream does on every backend: asks for output and sends it, ends, closes, breaks. Knows
 * the backend only as wsk__io_ops; TLS is in stream_tls.c.
 */
#include "net/loop_priv.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

int wsk__stream_open(wsk__stream *s, wsk_loop *loop, const wsk__stream_ops *ops, int fd,
                     wsk__tls_session *tls)
{
    uint8_t kind = 0;

    while (kind < WSK__KINDS && loop->kinds[kind] != ops && loop->kinds[kind] != NULL)
        kind++;
    memset(s, 0, sizeof(*s));
    s->loop = loop;
    s->kind = kind;
    s->fd = fd;
    s->deadline = UINT32_MAX;
    if (kind == WSK__KINDS) {
        wsk__tls_session_free(tls);
        close(fd);
        return WSK_ERR_LIMIT;
    }
    loop->kinds[kind] = ops;
    if (tls != NULL) {
        int r = wsk__stream_tls_open(s, tls);
        if (r < 0) {
            close(fd);
            return r;
        }
    }
    int r = loop->io->stream_open(s);
    if (r < 0) {
        int err = errno;
        wsk__stream_tls_free(loop, s->tls);
        close(fd);
        errno = err;
        return r;
    }
    if (tls != NULL)
        wsk__loop_dirty(s);
    return WSK_OK;
}

wsk__tls_session *wsk__stream_session(const wsk__stream *s)
{
    return s->tls != NULL ? s->tls->session : NULL;
}

void wsk__stream_close(wsk__stream *s)
{
    wsk_loop *loop = s->loop;

    if (s->state & WSK__S_CLOSED)
        return;
    s->state |= WSK__S_CLOSED;
    wsk__wheel_remove(&loop->wheel, s);
    loop->io->stream_close(s);
    s->fd = -1;
    if (s->state & WSK__S_LATER)
        loop->later_closed++;
    wsk__loop_dirty(s);
}

void wsk__stream_set_deadline(wsk__stream *s, uint64_t when)
{
    if (!(s->state & WSK__S_CLOSED))
        wsk__wheel_set(&s->loop->wheel, s, when);
}

void wsk__stream_defer(wsk__stream *s)
{
    if (s->state & WSK__S_CLOSED)
        return;
    if ((s->state & WSK__S_LATER) && !s->due)
        s->loop->later_due++;
    s->due = true;
    wsk__loop_dirty(s);
}

void wsk__stream_resume(wsk__stream *s)
{
    s->resume = true;
    wsk__loop_spend(s);
}

/* The clock is first looked at when a good deal is done, and from then on: so those who ask for
 * little pay nothing for it. */
bool wsk__stream_share_is_over(wsk__stream *s, bool idly)
{
    wsk_loop *loop = s->loop;
    uint64_t now = loop->sys->clock_us();

    if (loop->at_work != s) {
        loop->at_work = s;
        loop->work_since = now;
    }
    if (now - loop->work_since < (idly ? WSK__SHARE_IDLY_US : WSK__SHARE_US))
        return false;
    if (!(s->state & WSK__S_CLOSED))
        wsk__loop_spend(s);
    return true;
}

/* -------------------------------------------------------------------------------- input -- */

void wsk__stream_received(wsk__stream *s, uint8_t *data, size_t n)
{
    s->loop->receiving = s;
    s->loop->loan = NULL;
    wsk__ops(s)->received(s, data, n);
    s->loop->receiving = NULL;
}

void wsk__stream_take(wsk__stream *s, uint8_t *data, size_t n)
{
    if (s->state & WSK__S_EOF)
        return; /* close_notify was the end already */
    if (n == 0)
        s->state |= WSK__S_EOF;
    /* The write that failed took the socket's error with it, and left an end of input. */
    if (n == 0 && (s->state & WSK__S_BROKEN)) {
        wsk__stream_lost(s, 0);
        return;
    }
    if (s->tls != NULL) {
        wsk__stream_tls_take(s, data, n);
        return;
    }
    wsk__stream_received(s, data, n);
}

void wsk__stream_set_reading(wsk__stream *s, bool on)
{
    /* One that broke is read to its end, whatever its owner wants, see wsk__stream_broken(). */
    if ((s->state & (WSK__S_CLOSED | WSK__S_BROKEN)) || on == !(s->state & WSK__S_PAUSED))
        return;
    if (on) {
        s->state &= ~(uint32_t)WSK__S_PAUSED;
        wsk__loop_dirty(s);
    } else {
        s->state |= WSK__S_PAUSED;
        s->loop->io->stream_pause(s);
    }
}

void *wsk__loop_scratch(wsk_loop *loop, size_t *ret_n)
{
    wsk__stream *s = loop->receiving;

    /*
     * The room is shared: it may only be lent when this `received` is surely followed by an
     * `output`. That is not so with TLS, whose cipher text may be stuck while its owner's queue is
     * empty: the next to be lent the room would write over octets that are still to be sent.
     */
    *ret_n = 0;
    if (s == NULL || s->tls != NULL || (s->state & WSK__S_NO_OUTPUT))
        return NULL;
    loop->loan = s;
    if (loop->io->scratch != NULL)
        return loop->io->scratch(loop, ret_n);
    *ret_n = WSK__SCRATCH;
    return loop->scratch;
}

/* ------------------------------------------------------------------------------- output -- */

ssize_t wsk__stream_write(wsk__stream *s, const struct iovec *iov, size_t n)
{
    const wsk__sys *sys = s->loop->sys;
    /* The kernel holds the last octets back until the end comes, and sends both at once. */
    const int flags = MSG_DONTWAIT | MSG_NOSIGNAL | (s->is_last ? MSG_MORE : 0);
    ssize_t r;

    do {
        if (n == 1) {
            r = sys->send(s->fd, iov->iov_base, iov->iov_len, flags);
        } else {
            struct msghdr msg = {.msg_iov = (struct iovec *)(uintptr_t)iov, .msg_iovlen = n};
            r = sys->sendmsg(s->fd, &msg, flags);
        }
    } while (r < 0 && errno == EINTR);
    return r;
}

void wsk__stream_end_output(wsk__stream *s)
{
    s->state |= WSK__S_SHUT_DONE;
    shutdown(s->fd, SHUT_WR);
}

/* now: past the ring, until the socket is full; else the first `direct` times. */
static void pump(wsk__stream *s, bool now, unsigned direct)
{
    const wsk__io_ops *io = s->loop->io;
    struct iovec iov[WSK__IOV_MAX];

    if (s->tls != NULL) {
        wsk__stream_tls_pump(s, now);
        return;
    }
    for (unsigned round = 0; !(s->state & WSK__S_NO_OUTPUT); round++) {
        if (round == WSK__ROUNDS && !now) {
            wsk__loop_later(s);
            return;
        }
        /* Making room settles sends and has others use what is free: not before a loan is in. */
        if (!now && io->room != NULL && s->loop->loan != s) {
            const bool room = io->room(s->loop);

            /* Handlers that this called may have ended the stream, or sent on it past the queue:
             * what `output` has is then on its way already. */
            if (s->state & WSK__S_NO_OUTPUT)
                return;
            if (!room) {
                wsk__loop_later(s);
                return;
            }
        }
        s->can_wait = s->is_last = false;
        size_t k = wsk__ops(s)->output(s, iov, WSK__IOV_MAX);
        /* Nor is it to be sent again what a handler that this called has sent past the queue, or
         * told to wait: whoever ends that state asks for it anew. */
        if (s->state & WSK__S_NO_OUTPUT)
            k = 0;
        if (k == 0 && s->loop->loan == s)
            s->loop->loan = NULL;
        if (k == 0) {
            if ((s->state & (WSK__S_SHUT | WSK__S_SHUT_DONE | WSK__S_NO_OUTPUT)) == WSK__S_SHUT)
                wsk__stream_end_output(s);
            return;
        }
        size_t total = 0;
        for (size_t i = 0; i < k; i++)
            total += iov[i].iov_len;
        bool queued = !now && round >= direct && !s->is_last && io->send != NULL &&
                      io->send(s, iov, k, total);
        if (s->loop->loan == s)
            s->loop->loan = NULL;
        if (queued)
            return;
        ssize_t n = wsk__stream_write(s, iov, k);
        wsk__stream_settled(s, NULL, n > 0 ? (size_t)n : 0, total, n < 0 ? errno : 0);
    }
}

void wsk__stream_pump(wsk__stream *s)
{
    pump(s, false, 0);
}

void wsk__stream_pump_more(wsk__stream *s)
{
    pump(s, false, WSK__ROUNDS - 1);
}

void wsk__stream_settled(wsk__stream *s, const uint8_t *base, size_t n, size_t total, int err)
{
    if (s->tls != NULL) {
        wsk__stream_tls_settled(s, base, n, total, err);
        return;
    }
    wsk__ops(s)->sent(s, n);
    if (!(s->state & WSK__S_CLOSED) && n < total)
        wsk__stream_cut_short(s, err);
}

void wsk__stream_cut_short(wsk__stream *s, int err)
{
    if (err != 0 && err != EAGAIN) {
        wsk__stream_broken(s, err);
        return;
    }
    s->state |= WSK__S_BLOCKED;
    s->loop->io->stream_block(s);
}

size_t wsk__stream_send_shared(wsk__stream *s, const uint8_t *p, size_t n, void *token,
                               bool *ret_later)
{
    const wsk__io_ops *io = s->loop->io;

    *ret_later = false;
    if (s->tls != NULL || (s->state & (WSK__S_NO_OUTPUT | WSK__S_SHUT)) || s->loop->receiving == s)
        return 0;
    if (io->send_shared != NULL) {
        *ret_later = io->send_shared(s, p, n, token);
        return 0;
    }
    /* Whatever keeps it from going out, `output` will meet it again. */
    const struct iovec iov = {(void *)(uintptr_t)p, n};
    ssize_t sent = wsk__stream_write(s, &iov, 1);
    return sent > 0 ? (size_t)sent : 0;
}

void wsk__loop_clear(wsk_loop *loop, size_t n)
{
    if (loop->io->clear != NULL)
        loop->io->clear(loop, n);
}

bool wsk__stream_asks(const wsk__stream *s)
{
    return s->tls == NULL && !(s->state & WSK__S_NO_OUTPUT) && s->loop->receiving == s;
}

void wsk__stream_want_output(wsk__stream *s)
{
    if (s->tls != NULL)
        s->tls->dry = false;
    /* While a send is under way, what is to follow it waits for it no longer than it must. */
    if (s->state & WSK__S_SENDING)
        s->wanted = s->loop->prompt = true;
    /* Right behind `received` it is asked anyway. */
    if (!(s->state & (WSK__S_DIRTY | WSK__S_NO_OUTPUT)) && s->loop->receiving != s)
        wsk__loop_dirty(s);
}

void wsk__stream_flush(wsk__stream *s)
{
    if (s->state & WSK__S_SENDING)
        s->loop->io->settle(s);
    pump(s, true, 0);
}

bool wsk__stream_is_drained(const wsk__stream *s)
{
    return !(s->state & WSK__S_SENDING) &&
           (s->tls == NULL || (s->tls->out.ptr == NULL &&
                               (s->tls->open == NULL || s->tls->open->len == s->tls->open->off)));
}

size_t wsk__stream_left(const wsk__stream *s)
{
    return s->tls != NULL ? s->tls->own : 0;
}

void wsk__stream_shutdown(wsk__stream *s)
{
    s->state |= WSK__S_SHUT;
    wsk__stream_want_output(s);
}

/* ----------------------------------------------------------------------------- breaking -- */

static const char *error_text(int err)
{
    switch (err) {
    case ECONNRESET:
        return "connection reset by peer";
    case EPIPE:
        return "connection closed by peer";
    case ETIMEDOUT:
        return "connection timed out";
    case EHOSTUNREACH:
    case ENETUNREACH:
    case ENETDOWN:
        return "network unreachable";
    case ENOMEM:
    case ENOBUFS:
        return "out of memory";
    default:
        return "connection broken";
    }
}

int wsk__stream_error(const wsk__stream *s)
{
    int err = 0;
    socklen_t len = sizeof(err);

    return getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &err, &len) < 0 ? errno : err;
}

void wsk__stream_lost_text(wsk__stream *s, const char *text)
{
    if (s->state & WSK__S_DEAD)
        return;
    s->state |= WSK__S_LOST;
    wsk__ops(s)->lost(s, text);
}

void wsk__stream_lost(wsk__stream *s, int err)
{
    const char *why = s->tls != NULL ? wsk__tls_session_why(s->tls->session) : "";

    /* What comes of the break is told by its own words; input that there was no memory for is lost
     * by ours. */
    if ((s->state & WSK__S_BROKEN) && err != ENOMEM)
        err = (int)(s->state >> WSK__S_ERRNO_SHIFT);
    wsk__stream_lost_text(s, *why != 0 ? why : error_text(err));
}

void wsk__stream_broken(wsk__stream *s, int err)
{
    if (s->state & (WSK__S_DEAD | WSK__S_BROKEN))
        return;
    /* What an owner that is paused has not read would be gone with the socket: it has to keep it.
     */
    s->state &= ~(uint32_t)WSK__S_PAUSED;
    s->state |= WSK__S_BROKEN | (uint32_t)(err & 0xFF) << WSK__S_ERRNO_SHIFT;
    wsk__loop_dirty(s);
}

/*
 * A peer that fails a connection sends a close frame and resets. Our writing sees the reset first,
 * but what the peer sent is still to be had, and what the owner had before it rested is still to be
 * given: who is on a list goes on in one of the next turns. Where it was want of memory there is no
 * end to what the peer may send.
 */
static bool is_read_to_the_break(const wsk__stream *s)
{
    int err = (int)(s->state >> WSK__S_ERRNO_SHIFT);

    if ((s->state & WSK__S_DIRTY) && err != ENOMEM && err != ENOBUFS)
        return false;
    return (s->state & WSK__S_EOF) || !(s->state & WSK__S_ARMED);
}

void wsk__stream_run(wsk__stream *s)
{
    /* An owner that was busy when it heard of the end, or holds what came before, may have it wait
     * for this. */
    if ((s->state & WSK__S_DEAD) && !s->due && (!s->resume || (s->state & WSK__S_CLOSED)))
        return;
    const bool resumes = s->resume && !s->spent;
    if (resumes)
        s->resume = false;
    if (resumes || s->due) {
        s->due = false;
        wsk__ops(s)->expired(s);
    }
    if ((s->state & WSK__S_LOST) && s->resume)
        wsk__loop_later(s);
    if (s->state & WSK__S_DEAD)
        return;
    if (s->spent)
        wsk__loop_later(s); /* it was on the list for its output when its share was over */
    else if (s->state & WSK__S_PAUSED)
        s->loop->io->stream_pause(s);
    else if ((!resumes || (s->state & WSK__S_BROKEN)) && !(s->state & WSK__S_EOF))
        s->loop->io->stream_read(s);
    /* What came waits for a send to be settled (io_uring); that runs it again, and comes before the
     * loop waits for anything else. */
    if ((s->state & WSK__S_BROKEN) && (s->state & WSK__S_SENDING)) {
        s->loop->prompt = true;
        return;
    }
    if ((s->state & WSK__S_BROKEN) && is_read_to_the_break(s)) {
        wsk__stream_lost(s, 0);
        return;
    }
    /* io_uring: room could not be asked for when the socket got full. */
    if ((s->state & (WSK__S_BLOCKED | WSK__S_OUT_ARMED | WSK__S_CLOSED)) == WSK__S_BLOCKED)
        s->loop->io->stream_block(s);
    if (!(s->state & WSK__S_CLOSED))
        wsk__stream_pump(s);
}
