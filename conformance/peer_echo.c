/* SPDX-License-Identifier: MIT */
/*
 * The echo loops of 9.*, 12.* and 13.*: sends message after message, each when the one before it
 * has come back, and compares what comes octet by octet while it arrives.
 */
#include <stdlib.h>
#include <string.h>

#include "conformance/peer_internal.h"

#define TILE 16384

static const char *type_name(bool binary)
{
    return binary ? "binary" : "text";
}

/* The verdict is certain: say it, and close. */
static void judged(judge_peer *p, judge_behavior behavior, char *verdict)
{
    if (p->echo.judged) {
        free(verdict);
        return;
    }
    p->echo.judged = true;
    p->behavior = behavior;
    free(p->verdict);
    p->verdict = verdict;
    peer_disarm(p, TIMER_STALL);
    if (behavior != JUDGE_OK && p->fault == NULL && verdict != NULL)
        p->fault = peer_text(p, "%s", verdict);
    p->log_on = true;
    if (p->test->rule != JUDGE_RULE_ONE_ECHO) {
        judge_log *l = peer_log(p, JUDGE_LOG_WLM, true);

        if (l != NULL)
            l->flag = true;
    }
    if (behavior == JUDGE_OK && p->test->rule == JUDGE_RULE_DEFLATE) {
        p->traffic.present = true;
        p->r.traffic = p->traffic;
    }
    peer_send_close(p, WSK_CLOSE_NORMAL, NULL, 0, false);
}

static void send_next(judge_peer *p)
{
    const judge_case *c = p->test;
    const uint8_t opcode = c->echo.binary ? WSK_OP_BINARY : WSK_OP_TEXT;

    if (p->state != PEER_OPEN)
        return;
    if (c->rule == JUDGE_RULE_ROUND_TRIPS) {
        const judge_blob blob = {&c->echo.fill, 1, c->echo.len};

        p->echo.expected_len = c->echo.len;
        peer_send_frame(p, FIN_BIT | opcode, &blob, NULL);
    } else if (c->rule == JUDGE_RULE_DEFLATE) {
        const judge_piece piece = judge_stream_sent(p->echo.stream, p->echo.sent);
        judge_piece window[2];

        if (piece.data == NULL) {
            p->failed = true;
            return;
        }
        p->echo.expected_len = judge_window(judge_stream_windows(p->echo.stream), p->echo.sent,
                                            window);
        p->traffic.out_app += p->echo.expected_len;
        p->traffic.out_messages++;
        peer_send_compressed(p, opcode, piece.data, piece.len,
                             c->echo.fragment ? c->echo.fragment : p->options.auto_fragment_size);
    }
    p->echo.sent++;
}

/* The payload of the one message that the steps have sent, or of a round trip. */
static void make_tile(judge_peer *p)
{
    judge_blob blob = {&p->test->echo.fill, 1, 1};

    for (const judge_step *s = p->test->steps; s->op != JUDGE_STEP_END; s++) {
        if (s->op == JUDGE_STEP_FRAME || s->op == JUDGE_STEP_MESSAGE) {
            blob = s->blob;
            p->echo.expected_len = blob.total;
        }
    }
    p->echo.period = blob.len;
    p->echo.tile_len = TILE / blob.len * blob.len;
    p->echo.tile = malloc(p->echo.tile_len);
    if (p->echo.tile == NULL) {
        p->failed = true;
        return;
    }
    for (size_t i = 0; i < p->echo.tile_len; i += blob.len)
        memcpy(p->echo.tile + i, blob.lit, blob.len);
}

void peer_echo_begin(judge_peer *p)
{
    const judge_case *c = p->test;

    p->echo.on = true;
    p->echo.moved = p->now;
    p->echo.differs = UINT64_MAX;
    p->echo.count = c->echo.count;
    if (c->echo.count > 0 && p->setup.messages > 0) {
        p->echo.count = p->setup.messages;
        p->r.scaled = p->setup.messages != c->echo.count;
    }
    if (p->setup.stall_seconds > 0)
        peer_arm(p, TIMER_STALL, p->setup.stall_seconds, '\0');
    if (c->rule == JUDGE_RULE_ONE_ECHO) {
        p->verdict = peer_text(p, "Did not receive message within %g seconds.", c->echo.seconds);
        make_tile(p);
        return;
    }
    p->verdict = peer_text(p, "Case did not finish within %g seconds.", c->echo.seconds);
    if (c->rule == JUDGE_RULE_ROUND_TRIPS) {
        make_tile(p);
    } else if (!p->deflate) {
        p->echo.judged = true;
        p->behavior = JUDGE_UNIMPLEMENTED;
        free(p->verdict);
        p->verdict = peer_text(p, "Actual events differ from any expected.");
        peer_disarm(p, TIMER_STALL);
        peer_send_close(p, WSK_CLOSE_NORMAL, NULL, 0, false);
        return;
    } else {
        p->echo.stream = judge_stream_hold(p->setup.streams, c->echo.corpus, c->echo.len,
                                           p->to_peer, p->from_peer);
        if (p->echo.stream != NULL)
            p->echo.inflater = judge_inflater_new(p->echo.stream, !p->setup.compat);
        if (p->echo.inflater == NULL) {
            p->failed = true;
            return;
        }
    }
    send_next(p);
}

void peer_echo_end(judge_peer *p)
{
    judge_inflater_free(p->echo.inflater);
    judge_stream_release(p->echo.stream);
    free(p->echo.tile);
    p->echo.inflater = NULL;
    p->echo.stream = NULL;
    p->echo.tile = NULL;
}

bool peer_echo_wants_raw(const judge_peer *p)
{
    return p->echo.inflater != NULL;
}

bool peer_echo_is_text(const judge_peer *p)
{
    return !p->binary && p->options.utf8_validate_incoming;
}

void peer_echo_message_begin(judge_peer *p)
{
    p->echo.at = 0;
    p->echo.differs = UINT64_MAX;
    if (p->echo.inflater != NULL && !p->echo.judged && p->echo.sent > 0)
        judge_inflater_begin(p->echo.inflater, p->echo.sent - 1, p->compressed,
                             peer_echo_is_text(p));
}

static char *differs_text(judge_peer *p)
{
    if (p->test->rule == JUDGE_RULE_ONE_ECHO)
        return peer_text(p, "Received message differs from what I sent at octet %llu.",
                         (unsigned long long)p->echo.differs);
    return peer_text(p,
                     "Echo'ed message contents differs from what I sent (message %u, octet %llu).",
                     p->echo.sent, (unsigned long long)p->echo.differs);
}

static void differs(judge_peer *p)
{
    judged(p, JUDGE_FAILED, differs_text(p));
}

/* The echo is wrong, and what ends the connection is to be seen. */
static void is_going_to_differ(judge_peer *p)
{
    free(p->verdict);
    p->verdict = differs_text(p);
    if (p->fault == NULL)
        p->fault = differs_text(p);
}

static void inflate_data(judge_peer *p, judge_inflate_status status)
{
    if (status == JUDGE_INFLATE_OK || p->bad_text)
        return;
    p->echo.differs = judge_inflater_octets(p->echo.inflater);
    if (status == JUDGE_INFLATE_NO_TEXT) {
        if (p->binary == p->test->echo.binary)
            is_going_to_differ(p);
        peer_text_ends(p, judge_inflater_text(p->echo.inflater));
        return;
    }
    if (status == JUDGE_INFLATE_BROKEN) {
        const char *why = judge_inflater_error(p->echo.inflater);

        judged(p, JUDGE_FAILED,
               peer_text(p, "Echo'ed message %u cannot be inflated (%s).", p->echo.sent,
                         why ? why : "invalid data"));
        return;
    }
    differs(p);
}

void peer_echo_data(judge_peer *p, const uint8_t *data, size_t len)
{
    const bool seen = p->echo.differs != UINT64_MAX;

    if (p->echo.judged)
        return;
    if (p->echo.inflater != NULL) {
        inflate_data(p, judge_inflater_feed(p->echo.inflater, data, len));
        return;
    }
    /* A message of another length is judged by its length, when it has ended. */
    while (len > 0 && p->echo.differs == UINT64_MAX && p->echo.at < p->echo.expected_len) {
        const size_t from = (size_t)(p->echo.at % p->echo.tile_len);
        const uint64_t left = p->echo.expected_len - p->echo.at;
        size_t n = p->echo.tile_len - from;

        if (n > len)
            n = len;
        if (n > left)
            n = (size_t)left;
        if (memcmp(p->echo.tile + from, data, n) != 0) {
            size_t same = 0;

            while (p->echo.tile[from + same] == data[same])
                same++;
            p->echo.differs = p->echo.at + same;
        }
        p->echo.at += n;
        data += n;
        len -= n;
    }
    /* Autobahn looks at type and length alone. */
    if (p->echo.differs == UINT64_MAX || p->setup.compat || seen)
        return;
    if (peer_echo_is_text(p))
        is_going_to_differ(p);
    else
        differs(p);
}

/* 9.1 to 9.6: the first message decides. */
static void one_echo(judge_peer *p)
{
    const bool binary = p->test->echo.binary;
    const unsigned long long want = p->echo.expected_len, got = p->message_len;

    if (p->binary != binary)
        judged(p, JUDGE_FAILED,
               peer_text(p, "Expected %s message with payload, but got %s.", type_name(binary),
                         type_name(p->binary)));
    else if (want != got)
        judged(p, JUDGE_FAILED,
               peer_text(p, "Expected %s message with payload of length %llu, but got %llu.",
                         type_name(binary), want, got));
    else if (p->echo.differs != UINT64_MAX && !p->setup.compat)
        differs(p);
    else
        judged(p, JUDGE_OK,
               peer_text(p, "Received %s message of length %llu.", type_name(binary), got));
}

void peer_echo_message_end(judge_peer *p)
{
    uint64_t got = p->message_len;

    if (p->echo.judged) {
        /* An echo too many; Autobahn does not look any more. */
        if (p->behavior == JUDGE_OK && !p->setup.compat) {
            p->behavior = JUDGE_FAILED;
            free(p->verdict);
            p->verdict = peer_text(p, "More messages were received than sent.");
        }
        return;
    }
    if (p->test->rule == JUDGE_RULE_ONE_ECHO) {
        one_echo(p);
        return;
    }
    if (p->binary != p->test->echo.binary) {
        judged(p, JUDGE_FAILED,
               peer_text(p, "Echo'ed message type differs from what I sent (got %s, expected %s).",
                         type_name(p->binary), type_name(p->test->echo.binary)));
        return;
    }
    if (p->echo.inflater != NULL) {
        inflate_data(p, judge_inflater_end(p->echo.inflater));
        if (p->echo.judged || p->r.failed_by_me)
            return;
        got = judge_inflater_octets(p->echo.inflater);
        p->traffic.in_app += got;
    }
    if (got != p->echo.expected_len) {
        judged(p, JUDGE_FAILED,
               peer_text(p,
                         "Echo'ed message length differs from what I sent (got %llu, expected "
                         "%llu).",
                         (unsigned long long)got, (unsigned long long)p->echo.expected_len));
        return;
    }
    if (p->echo.differs != UINT64_MAX && !p->setup.compat) {
        differs(p);
        return;
    }
    if (p->echo.sent < p->echo.count)
        send_next(p);
    else
        judged(p, JUDGE_OK, peer_text(p, "Ok, received all echo'ed messages in time."));
}

/* Not an octet in either direction for long: it will not finish. */
void peer_echo_stalled(judge_peer *p)
{
    const int64_t limit = (int64_t)(p->setup.stall_seconds * 1e6);

    if (p->echo.judged || p->state != PEER_OPEN)
        return;
    if (p->now - p->echo.moved < limit) {
        peer_arm(p, TIMER_STALL, (double)(limit - (p->now - p->echo.moved)) / 1e6, '\0');
        return;
    }
    p->timed_out = true;
    free(p->verdict);
    p->verdict = peer_text(p, "Nothing was received or taken for %g seconds.",
                           p->setup.stall_seconds);
    p->fault = p->fault ? p->fault
                        : peer_text(p, "nothing was received or taken for %g seconds",
                                    p->setup.stall_seconds);
    peer_send_close(p, -1, NULL, 0, false);
}
