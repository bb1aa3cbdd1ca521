/* SPDX-License-Identifier: MIT */
/*
 * The life of a connection: making, ending, the clock, what it wants from its transport, and what
 * can be asked of it. The work is done in the other files of this folder.
 */
#include <string.h>

#include "conn/conn_internal.h"

int wsk__conn_env_init(wsk__conn_env *env, const wsk_hooks *hooks)
{
    memset(env, 0, sizeof(*env));
    env->hooks = hooks;
    return wsk__coder_pool_new(&env->coders, hooks);
}

void wsk__conn_env_deinit(wsk__conn_env *env)
{
    wsk__coder_pool_free(env->coders);
    env->coders = NULL;
    for (int i = 0; i < 2; i++) {
        wsk__free(env->hooks, env->spare[i]);
        env->spare[i] = NULL;
    }
}

void wsk__conn_init(wsk_conn *c, wsk_config *cfg, wsk__conn_env *env, uint64_t now)
{
    memset(c, 0, sizeof(*c));
    c->cfg = wsk_config_ref(cfg);
    c->env = env;
    c->t_now = c->t_in = c->t_data = c->t_out = (uint32_t)now;
}

void wsk__conn_deinit(wsk_conn *c)
{
    const wsk_hooks *hooks = c->cfg->hooks;

    wsk__output_clear(c);
    wsk__receive_reset(c);
    wsk__ext_set_free(c);
    wsk__opening_free(c);
    wsk__free(hooks, c->kept);
    wsk__free(hooks, c->mask_keys);
    wsk__free(hooks, c->late_ping);
    if (c->owns_subprotocol)
        wsk__free(hooks, (void *)(uintptr_t)c->subprotocol);
    wsk_config_unref(c->cfg);
}

int wsk_conn_new(wsk_conn **ret, wsk_config *cfg, uint64_t now)
{
    wsk_conn *c = wsk__alloc(cfg->hooks, sizeof(*c));

    if (c == NULL)
        return WSK_ERR_NOMEM;
    wsk__conn_init(c, cfg, NULL, now);
    *ret = c;
    return WSK_OK;
}

void wsk_conn_free(wsk_conn *c)
{
    if (c == NULL)
        return;
    wsk_config *cfg = wsk_config_ref(c->cfg);
    wsk__conn_deinit(c);
    wsk__free(cfg->hooks, c);
    wsk_config_unref(cfg);
}

/* ------------------------------------------------------------------------------- transport -- */

unsigned wsk_conn_wants(const wsk_conn *c)
{
    unsigned wants = 0;

    if (c->drop || c->state == WSK_STATE_CLOSED)
        return WSK_WANT_DROP;
    if (c->queued > 0)
        wants |= WSK_WANT_WRITE;
    if (c->shutdown)
        wants |= WSK_WANT_SHUTDOWN;
    switch ((wsk__phase)c->phase) {
    case WSK__PHASE_WAIT:
        break;
    case WSK__PHASE_FRAME:
    case WSK__PHASE_PAYLOAD:
        /* Once a close frame is out, its answer is wanted whatever the program wants. */
        if (!(c->paused && c->state == WSK_STATE_OPEN) && !c->choked && !c->eof)
            wants |= WSK_WANT_READ;
        break;
    case WSK__PHASE_HEAD:
    case WSK__PHASE_BODY:
    case WSK__PHASE_IGNORE:
        if (!c->eof)
            wants |= WSK_WANT_READ;
        break;
    }
    return wants;
}

void wsk_conn_pause(wsk_conn *c, bool paused)
{
    c->paused = paused;
    c->t_in = c->t_now; /* silence while we did not listen is not the peer's */
}

void wsk_conn_lost(wsk_conn *c, const char *text)
{
    if (c->lost || c->end_given)
        return;
    if (c->phase == WSK__PHASE_BODY)
        wsk__body_end(c);
    c->lost = true;
    /* The queue is forgotten but not freed: the transport may have been told where it stands
     * (wsk_conn_output) and look at it until it is closed. */
    c->queued = 0;
    /* After both close frames the connection was closed, however TCP ended. */
    if (!(c->close_sent && c->close_received) && !c->failed && c->status < 200) {
        c->code = WSK_CLOSE_ABNORMAL;
        c->text = text;
    }
    wsk__ignore_input(c);
}

/* ----------------------------------------------------------------------------------- clock -- */

/* Whether `timeout` after `since` is over; if not, *next is moved to when it will be. */
static bool due(const wsk_conn *c, uint64_t now, uint32_t since, uint32_t timeout, uint64_t *next)
{
    uint32_t passed = wsk__since(c, since);

    if (timeout == WSK_NEVER)
        return false;
    if (passed >= timeout)
        return true;
    if (now + (timeout - passed) < *next)
        *next = now + (timeout - passed);
    return false;
}

static void tick_open(wsk_conn *c, uint64_t now, uint64_t *next)
{
    const wsk_config_options *o = &c->cfg->o;

    if (c->rx_opcode != 0 && due(c, now, c->t_msg, o->message_timeout, next)) {
        wsk__fail(c, WSK__RULE_MESSAGE_TOO_SLOW);
        return;
    }
    if (due(c, now, c->t_data, o->idle_timeout, next)) {
        (void)wsk_conn_close(c, WSK_CLOSE_GOING_AWAY, "idle");
        return;
    }
    if (c->paused || c->choked || o->ping_interval == WSK_NEVER)
        return; /* whoever does not listen cannot blame the peer for silence */
    if (!c->ping_waiting) {
        if (due(c, now, c->t_in, o->ping_interval, next)) {
            c->ping_waiting = true;
            c->t_ping = c->t_now;
            (void)wsk__send_control(c, WSK_OP_PING, "", 0);
        }
    }
    if (c->ping_waiting && due(c, now, c->t_ping, o->ping_timeout, next)) {
        wsk__fail_silently(c, "the peer did not answer a ping in time");
        return;
    }
    /* The answer begins another interval, which may be shorter than what is left to wait for it:
     * whoever asks for deadlines only when one is due must not be late for the next ping. */
    if (c->ping_waiting && now + o->ping_interval < *next)
        *next = now + o->ping_interval;
}

static void tick_closing(wsk_conn *c, uint64_t now, uint64_t *next)
{
    const wsk_config_options *o = &c->cfg->o;
    /* What is still being written is progress. */
    uint32_t since = wsk__since(c, c->t_out) < wsk__since(c, c->t_data) ? c->t_out : c->t_data;

    if (c->shutdown) {
        if (due(c, now, since, o->linger_timeout, next) && c->queued == 0 && !c->undrained)
            c->drop = true;
    } else if (due(c, now, since, o->close_timeout, next)) {
        if (c->close_received)
            c->drop = true;
        else
            wsk__fail_silently(c, "the peer did not answer the close frame in time");
    }
}

void wsk_conn_tick(wsk_conn *c, uint64_t now, uint64_t *ret_next)
{
    uint64_t next = UINT64_MAX;

    c->t_now = (uint32_t)now;
    if (c->state != WSK_STATE_CLOSED && (c->queued > 0 || c->undrained) &&
        due(c, now, c->t_out, c->cfg->o.write_timeout, &next))
        wsk__fail_silently(c, "the peer did not take our output in time");
    switch ((wsk_state)c->state) {
    case WSK_STATE_CONNECTING:
        if (c->phase == WSK__PHASE_BODY) {
            if (due(c, now, c->t_data, c->cfg->o.linger_timeout, &next))
                wsk__body_end(c);
        } else if (due(c, now, c->t_data, c->cfg->o.open_timeout, &next)) {
            wsk__refuse(c, 408, "the opening handshake took too long");
        }
        break;
    case WSK_STATE_OPEN:
        tick_open(c, now, &next);
        break;
    case WSK_STATE_CLOSING:
        tick_closing(c, now, &next);
        break;
    case WSK_STATE_CLOSED:
        break;
    }
    /* A deadline that was met may have begun another one. */
    if (c->fail_pending || c->drop)
        next = now;
    else if (next == UINT64_MAX && c->state != WSK_STATE_CLOSED && (c->queued > 0 || c->undrained))
        next = now + 1000;
    if (ret_next != NULL)
        *ret_next = next;
}

/* --------------------------------------------------------------------------------- getters -- */

wsk_state wsk_conn_state(const wsk_conn *c)
{
    return (wsk_state)c->state;
}

void wsk_conn_set_data(wsk_conn *c, void *data)
{
    c->data = data;
}

void *wsk_conn_data(const wsk_conn *c)
{
    return c->data;
}

unsigned wsk_conn_status(const wsk_conn *c)
{
    return c->status;
}

const char *wsk_conn_subprotocol(const wsk_conn *c)
{
    return c->subprotocol != NULL ? c->subprotocol : "";
}

size_t wsk_conn_extensions(const wsk_conn *c, char *buf, size_t n)
{
    const char *text = c->ext != NULL ? c->ext->text : "";
    size_t len = strlen(text);

    if (n > 0) {
        size_t k = len < n - 1 ? len : n - 1;
        memcpy(buf, text, k);
        buf[k] = 0;
    }
    return len;
}

void wsk_conn_trim(wsk_conn *c)
{
    if (c->rx_opcode != 0 || c->tx_opcode != 0)
        return; /* in the middle of a message nothing can be done without */
    for (size_t i = 0; c->ext != NULL && i < c->ext->n; i++) {
        const wsk__ext_use *u = &c->ext->use[i];
        if (u->ext->trim != NULL)
            u->ext->trim(u->state);
    }
}

void wsk_conn_get_stats(const wsk_conn *c, wsk_conn_stats *ret)
{
    ret->messages_in = c->messages_in;
    ret->messages_out = c->messages_out;
    ret->octets_in = c->octets_in;
    ret->octets_out = c->octets_out;
}

unsigned wsk_conn_code(const wsk_conn *c)
{
    return c->code;
}

bool wsk_conn_was_clean(const wsk_conn *c)
{
    return c->close_sent && c->close_received && !c->failed;
}

const char *wsk_conn_end_text(const wsk_conn *c)
{
    return c->text != NULL ? c->text : "";
}
