/* SPDX-License-Identifier: MIT */
/*
 * How connections end: the closing handshake (RFC 6455 section 7), failures, refusals. In every
 * case what we have to say is queued, the sending direction ends behind it, and the peer's end is
 * awaited for a while: closing a socket with unread input would make the kernel send a reset,
 * which destroys the very close frame or response that says what was wrong.
 */
#include <string.h>

#include "conn/conn_internal.h"

void wsk__ignore_input(wsk_conn *c)
{
    c->phase = WSK__PHASE_IGNORE;
    c->state = WSK_STATE_CLOSING;
    wsk__begin_data(c);
    if (c->w->rx_opcode != 0)
        c->w->rx_opcode = 0;
    if (!c->w->rx_done)
        wsk__receive_reset(c);
}

void wsk__end_output(wsk_conn *c)
{
    c->shutdown = true;
    wsk__begin_data(c);
}

void wsk__fail_silently(wsk_conn *c, const char *text)
{
    if (c->state == WSK_STATE_CLOSED)
        return;
    /* One that has failed already keeps its code and its words, but what it had to say is not heard
     * either: a peer that breaks a rule and then does not read would stay for ever. */
    c->drop = true;
    if (c->failed)
        return;
    c->failed = c->fail_pending = true;
    wsk__set_text(c, text);
    c->code = WSK_CLOSE_ABNORMAL;
    wsk__ignore_input(c);
}

/* Queues a close frame; code 0: without one. */
static int send_close(wsk_conn *c, unsigned code, const char *reason)
{
    uint8_t payload[WSK__CONTROL_MAX];
    size_t n = 0;

    if (code != 0) {
        payload[0] = (uint8_t)(code >> 8);
        payload[1] = (uint8_t)code;
        n = strlen(reason);
        if (n > sizeof(payload) - 2)
            n = sizeof(payload) - 2;
        memcpy(payload + 2, reason, n);
        n += 2;
    }
    WSK_TRY(wsk__send_control(c, WSK_OP_CLOSE, payload, n));
    c->close_sent = true;
    return WSK_OK;
}

void wsk__fail_code(wsk_conn *c, unsigned code, const char *text)
{
    if (c->failed || c->state == WSK_STATE_CLOSED)
        return;
    if (!c->was_open) {
        wsk__refuse(c, 500, text); /* before frames come only memory can be what fails */
        return;
    }
    if (!c->close_sent && send_close(c, code, text) < 0) {
        wsk__fail_silently(c, text);
        return;
    }
    c->failed = c->fail_pending = true;
    wsk__set_text(c, text);
    c->code = (uint16_t)code;
    wsk__ignore_input(c);
    wsk__end_output(c);
}

void wsk__fail(wsk_conn *c, wsk__rule rule)
{
    if (wsk__work_take(c) == WSK_OK)
        c->w->fail_rule = (uint8_t)rule;
    wsk__fail_code(c, wsk__rule_code(rule), wsk__rule_text(rule));
}

void wsk__close_received(wsk_conn *c, const uint8_t *data, size_t len, wsk_event *ret)
{
    unsigned code = len >= 2 ? (unsigned)data[0] << 8 | data[1] : WSK_CLOSE_NO_STATUS;

    ret->type = WSK_EV_NONE;
    if (len == 1) {
        wsk__fail(c, WSK__RULE_CLOSE_LENGTH);
        return;
    }
    if (len >= 2 && !wsk_close_code_is_valid(code)) {
        wsk__fail(c, WSK__RULE_CLOSE_CODE);
        return;
    }
    if (len > 2 && !wsk__utf8_is_valid(data + 2, len - 2)) {
        wsk__fail(c, WSK__RULE_CLOSE_UTF8);
        return;
    }
    c->close_received = true;
    c->code = (uint16_t)code;
    wsk__set_text(c, c->close_sent ? "closed by us, answered by the peer" : "closed by the peer");
    if (!c->close_sent) {
        /* RFC 6455 5.5.1: answer, typically with the code that was received. */
        if (wsk__send_control(c, WSK_OP_CLOSE, data, len >= 2 ? 2 : 0) < 0) {
            wsk__fail_silently(c, wsk__rule_text(WSK__RULE_NOMEM));
            return;
        }
        c->close_sent = true;
    }
    /* For logs: where there is no memory for it, there is none said. */
    if (len > 2 && wsk__work_take(c) == WSK_OK)
        c->w->reason = wsk__strndup(c->env->cfg->hooks, (const char *)data + 2, len - 2);
    wsk__ignore_input(c);
    /* RFC 6455 7.1.1: the server drops TCP first, so that it is the client's port that stays in
     * TIME_WAIT; a client waits for that. */
    if (wsk__is_server(c))
        wsk__end_output(c);
    ret->type = WSK_EV_CLOSE;
    ret->code = (uint16_t)code;
    if (len >= 2) {
        ret->data += 2;
        ret->len = len - 2;
    }
}

void wsk__refuse(wsk_conn *c, unsigned status, const char *text)
{
    if (c->failed || c->state == WSK_STATE_CLOSED)
        return;
    if (!wsk__is_server(c)) {
        wsk__fail_silently(c, text);
        return;
    }
    wsk__refusal refusal = {status, text};
    wsk__text t = {.hooks = c->env->cfg->hooks};
    wsk__http_write_refusal(&t, &refusal, c->env->cfg->server_header,
                            c->w->opening != NULL && c->w->opening->is_head_method);
    if (t.failed || wsk__output_add(c, t.ptr, t.len) < 0) {
        wsk__text_deinit(&t);
        wsk__fail_silently(c, text); /* without a status: none was sent */
        return;
    }
    c->status = (uint16_t)status;
    wsk__text_deinit(&t);
    c->failed = c->fail_pending = true;
    wsk__set_text(c, text);
    /* Whatever stands behind a refused request was never a request of its own, nor frames: it is
     * dropped unread (request smuggling over the upgrade). */
    wsk__ignore_input(c);
    wsk__end_output(c);
}

bool wsk__close_is_valid(unsigned code, const char *reason)
{
    const size_t n = reason != NULL ? strlen(reason) : 0;

    if (code == 0 || code == WSK_CLOSE_NO_STATUS)
        return n == 0;
    return wsk_close_code_is_valid(code) && n <= WSK__CONTROL_MAX - 2 &&
           (n == 0 || wsk__utf8_is_valid(reason, n));
}

int wsk_conn_close(wsk_conn *c, unsigned code, const char *reason)
{
    if (!wsk__close_is_valid(code, reason))
        return WSK_ERR_INVAL;
    if (reason == NULL)
        reason = "";
    if (code == WSK_CLOSE_NO_STATUS)
        code = 0;
    if (c->state >= WSK_STATE_CLOSING)
        return WSK_OK;
    if (c->state == WSK_STATE_CONNECTING) {
        wsk__refuse(c, 503, "the connection was closed before the opening handshake was done");
        return WSK_OK;
    }
    int r = send_close(c, code, reason);
    if (r < 0) {
        wsk__fail_silently(c, wsk__rule_text(WSK__RULE_NOMEM));
        return r;
    }
    c->state = WSK_STATE_CLOSING;
    wsk__begin_data(c);
    return WSK_OK;
}
