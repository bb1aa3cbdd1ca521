/* SPDX-License-Identifier: MIT */
/*
 * The life of a connection: making, ending, the clock, what it wants from its transport, and what
 * can be asked of it. The work is done in the other files of this folder.
 */
#include <assert.h>
#include <string.h>

#include "conn/conn_internal.h"
#include "util/strs.h"

const wsk__work wsk__no_work;

static void env_begin(wsk__conn_env *env, wsk_config *cfg)
{
    memset(env, 0, sizeof(*env));
    env->cfg = wsk_config_ref(cfg);
    env->hooks = cfg->hooks;
    env->toll_max = UINT64_MAX;
}

int wsk__conn_env_init(wsk__conn_env *env, wsk_config *cfg)
{
    env_begin(env, cfg);
    int r = wsk__coder_pool_new(&env->coders, cfg->hooks);

    if (r < 0)
        wsk__conn_env_deinit(env);
    return r;
}

void wsk__conn_env_trim(wsk__conn_env *env)
{
    if (env->coders != NULL)
        wsk__coder_pool_trim(env->coders);
    for (size_t i = 0; i < WSK__COUNT(env->spare); i++) {
        wsk__free(env->hooks, env->spare[i]);
        env->spare[i] = NULL;
    }
}

void wsk__conn_env_deinit(wsk__conn_env *env)
{
    wsk__ext_models_free(env);
    wsk__conn_env_trim(env);
    wsk__coder_pool_free(env->coders);
    env->coders = NULL;
    wsk__free(env->hooks, env->work);
    env->work = NULL;
    wsk_config_unref(env->cfg);
    env->cfg = NULL;
}

/* ------------------------------------------------------------------------------ work, rest -- */

int wsk__work_new(wsk_conn *c)
{
    wsk__conn_env *env = c->env;
    wsk__work *w = env->work;

    if (w != NULL)
        env->work = NULL;
    else
        w = wsk__alloc0(env->hooks, sizeof(*w));
    if (w == NULL)
        return WSK_ERR_NOMEM;
    c->w = w;
    return WSK_OK;
}

static void give_work(wsk_conn *c)
{
    wsk__conn_env *env = c->env;
    wsk__work *w = c->w;

    c->w = (wsk__work *)(uintptr_t)&wsk__no_work;
    if (w == &wsk__no_work)
        return;
    if (env->work == NULL) {
        memset(w, 0, sizeof(*w));
        env->work = w;
    } else {
        wsk__free(env->hooks, w);
    }
}

void wsk__conn_rest(wsk_conn *c)
{
    const wsk__work *w = c->w;

    assert(!c->env->alone);
    if (c->state != WSK_STATE_OPEN || c->undrained || c->paused || w == &wsk__no_work)
        return;
    if (w->queued > 0 || w->in != NULL || w->kept != NULL || w->rx != NULL || w->rx_opcode != 0 ||
        w->tx_opcode != 0 || w->lent_out != NULL || w->opening != NULL || w->mask_keys != NULL ||
        w->subprotocol != NULL)
        return;
    /* Nothing else can be there without one of those. */
    assert(w->pass == 0 && w->left == 0 && c->phase == WSK__PHASE_FRAME && w->text == NULL);
    assert(w->out_head == NULL && w->late_ping == NULL);
    wsk__ext_set_rest(c);
    give_work(c);
}

/* Our close frame is out, and close_timeout says for how long its answer is awaited. */
static bool awaits_close(const wsk_conn *c)
{
    return c->state == WSK_STATE_CLOSING && !c->shutdown &&
           c->env->cfg->o.close_timeout != WSK_NEVER;
}

void wsk__conn_set_undrained(wsk_conn *c, bool undrained, uint64_t now)
{
    wsk__tell_time(c, now);
    /* Nothing was under way: the time to take what is left begins now, not when something last went
     * out, which may be an hour ago. When closing, what we had to say has told its time when it was
     * sent: a peer that has TLS answer it again and again (KeyUpdate) puts off no end by that. */
    if (undrained && !c->undrained && c->w->queued == 0 && !awaits_close(c) && !c->shutdown &&
        wsk__work_take(c) == WSK_OK)
        c->w->t_out = c->env->t_now;
    c->undrained = undrained;
}

void wsk__set_text(wsk_conn *c, const char *text)
{
    if (wsk__work_take(c) == WSK_OK)
        c->w->text = text;
}

void wsk__conn_init(wsk_conn *c, wsk__conn_env *env, uint64_t now)
{
    memset(c, 0, sizeof(*c));
    c->w = (wsk__work *)(uintptr_t)&wsk__no_work;
    c->env = env;
    env->t_now = c->t_in = c->t_data = (uint32_t)now;
}

void wsk__conn_deinit(wsk_conn *c)
{
    const wsk_hooks *hooks = c->env->cfg->hooks;

    wsk__output_clear(c);
    wsk__receive_reset(c);
    wsk__ext_set_free(c);
    wsk__opening_free(c);
    wsk__free(hooks, c->w->kept);
    wsk__free(hooks, c->w->mask_keys);
    wsk__free(hooks, c->w->late_ping);
    wsk__free(hooks, c->w->subprotocol);
    wsk__free(hooks, c->w->reason);
    give_work(c);
}

/* One that no shell embeds. It keeps its work, for there is no one to pass it to. */
typedef struct single {
    wsk_conn conn;
    wsk__conn_env env;
} single;

int wsk_conn_new(wsk_conn **ret, wsk_config *cfg, uint64_t now)
{
    single *s = wsk__alloc(cfg->hooks, sizeof(*s));

    if (s == NULL)
        return WSK_ERR_NOMEM;
    env_begin(&s->env, cfg);
    s->env.alone = true;
    wsk__conn_init(&s->conn, &s->env, now);
    if (wsk__work_new(&s->conn) < 0) {
        wsk_conn_free(&s->conn);
        return WSK_ERR_NOMEM;
    }
    *ret = &s->conn;
    return WSK_OK;
}

void wsk_conn_free(wsk_conn *c)
{
    if (c == NULL)
        return;
    single *s = WSK__CONTAINER(c, single, conn);
    const wsk_hooks *hooks = s->env.hooks;

    wsk__conn_deinit(c);
    wsk__conn_env_deinit(&s->env);
    wsk__free(hooks, s);
}

/* ------------------------------------------------------------------------------- transport -- */

unsigned wsk_conn_wants(const wsk_conn *c)
{
    unsigned wants = 0;

    if (c->drop)
        return WSK_WANT_DROP;
    if (c->lost)
        return 0; /* what came before is yet to be taken */
    if (c->w->queued > 0)
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
    if (paused == c->paused)
        return;
    c->paused = paused;
    if (c->choked)
        return;
    if (paused)
        wsk__stop_listening(c);
    else
        wsk__listen_again(c);
}

void wsk_conn_lost(wsk_conn *c, const char *text)
{
    if (c->lost || c->end_given)
        return;
    if (c->phase == WSK__PHASE_BODY)
        wsk__body_end(c);
    c->lost = c->eof = true;
    c->unsaid = c->w->queued > 0 || c->undrained;
    /* The queue is forgotten but not freed: the transport may have been told where it stands
     * (wsk_conn_output) and look at it until it is closed. */
    if (c->w->queued > 0)
        c->w->queued = 0;
    /* After both close frames the connection was closed, however TCP ended. */
    if (!(c->close_sent && c->close_received) && !c->failed && c->status < 200) {
        c->code = WSK_CLOSE_ABNORMAL;
        wsk__set_text(c, text);
    }
    /* What came before is given first: often it says why there is no more, in a close frame. */
    if ((c->phase == WSK__PHASE_FRAME || c->phase == WSK__PHASE_PAYLOAD) && wsk__conn_has_input(c))
        return;
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
    const wsk_config_options *o = &c->env->cfg->o;

    if (c->paused || c->choked)
        return; /* whoever does not listen cannot blame the peer for silence */
    if (c->w->rx_opcode != 0 && due(c, now, c->w->t_msg, o->message_timeout, next)) {
        wsk__fail(c, WSK__RULE_MESSAGE_TOO_SLOW);
        return;
    }
    if (due(c, now, c->t_data, o->idle_timeout, next)) {
        (void)wsk_conn_close(c, WSK_CLOSE_GOING_AWAY, "idle");
        return;
    }
    if (o->ping_interval == WSK_NEVER)
        return;
    if (!c->ping_waiting) {
        if (due(c, now, c->t_in, o->ping_interval, next)) {
            c->ping_waiting = true;
            c->t_in = c->env->t_now;
            /* The peer cannot answer what was never sent: it is not to blame. */
            if (wsk__send_control(c, WSK_OP_PING, "", 0) < 0) {
                wsk__fail(c, WSK__RULE_NOMEM);
                return;
            }
            c->w->ping_end = c->w->queued;
        }
    }
    /* Nor what still waits behind much else, for which there is write_timeout. */
    if (c->ping_waiting && c->w->ping_end == 0 && due(c, now, c->t_in, o->ping_timeout, next)) {
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
    const wsk_config_options *o = &c->env->cfg->o;
    /* What is still being written is progress. */
    uint32_t since = wsk__since(c, c->w->t_out) < wsk__since(c, c->t_data) ? c->w->t_out
                                                                           : c->t_data;

    if (c->shutdown) {
        if (due(c, now, since, o->linger_timeout, next) && c->w->queued == 0 && !c->undrained)
            c->drop = true;
    } else if (c->w->queued > 0 && !c->close_received && o->write_timeout != WSK_NEVER) {
        /* Our close frame is not out yet, and cannot be answered: who is slow to take what stands
         * in front of it has the time that write_timeout and queue_timeout give. It may be out in a
         * moment, of which nobody tells: whoever asked for the next deadline looks again by then.
         */
        if (o->close_timeout != WSK_NEVER && now + o->close_timeout < *next)
            *next = now + o->close_timeout;
    } else if (due(c, now, since, o->close_timeout, next)) {
        if (c->close_received)
            c->drop = true;
        else
            wsk__fail_silently(c, "the peer did not answer the close frame in time");
    }
}

void wsk__stop_listening(wsk_conn *c)
{
    /* If the end of the last time was not told, either, then it goes on. */
    bool goes_on = c->untimed & WSK__UNTIMED_AWAY;

    c->untimed &= (uint8_t)(7 & ~WSK__UNTIMED_AWAY);
    if (goes_on || wsk__work_take(c) < 0)
        return;
    c->w->t_away = c->env->t_now;
    c->untimed |= WSK__UNTIMED_AWAY;
}

void wsk__listen_again(wsk_conn *c)
{
    /* A time of which not even the begin was told took none. */
    c->untimed ^= WSK__UNTIMED_AWAY;
}

/*
 * Silence while we did not listen is not the peer's, nor does a message take longer for it, nor
 * anyone get idle; all by no more than that time, so that pausing again and again gives no one for
 * ever.
 */
static void excuse(const wsk_conn *c, uint32_t away, uint32_t *t)
{
    *t += wsk__lesser(away, wsk__since(c, *t));
}

void wsk__set_untimed(wsk_conn *c)
{
    if (c->untimed & WSK__UNTIMED_DATA)
        c->t_data = c->t_in = c->env->t_now;
    if (!(c->untimed & WSK__UNTIMED_AWAY) || c->w == &wsk__no_work)
        return;
    if (c->paused || c->choked) {
        c->w->t_away = c->env->t_now;
        return;
    }
    uint32_t away = wsk__since(c, c->w->t_away);
    excuse(c, away, &c->t_in);
    if (c->w->rx_opcode != 0)
        excuse(c, away, &c->w->t_msg);
    if (c->state == WSK_STATE_OPEN)
        excuse(c, away, &c->t_data);
}

void wsk_conn_tick(wsk_conn *c, uint64_t now, uint64_t *ret_next)
{
    uint64_t next = UINT64_MAX;

    wsk__tell_time(c, now);
    /* What TLS alone says to a peer whose close frame is awaited is no output of ours. */
    if (c->state != WSK_STATE_CLOSED && !c->lost &&
        (c->w->queued > 0 || (c->undrained && !awaits_close(c))) &&
        due(c, now, c->w->t_out, c->env->cfg->o.write_timeout, &next))
        wsk__fail_silently(c, "the peer did not take our output in time");
    switch ((wsk_state)c->state) {
    case WSK_STATE_CONNECTING:
        if (c->phase == WSK__PHASE_BODY) {
            /* Who refuses gets no more time for the whole of it than who agrees. */
            if (due(c, now, c->t_data, c->env->cfg->o.linger_timeout, &next) ||
                due(c, now, c->w->t_msg, c->env->cfg->o.open_timeout, &next))
                wsk__body_end(c);
        } else if (due(c, now, c->t_data, c->env->cfg->o.open_timeout, &next)) {
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
    if (c->end_given)
        next = UINT64_MAX;
    else if (c->fail_pending || c->drop)
        next = now;
    else if (next == UINT64_MAX && !c->lost && (c->w->queued > 0 || c->undrained))
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
    if (c->subprotocol == 0)
        return "";
    return c->subprotocol == UINT8_MAX ? c->w->subprotocol
                                       : c->env->cfg->subprotocols[c->subprotocol - 1];
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
    if (c->w->rx_opcode != 0 || c->w->tx_opcode != 0)
        return; /* in the middle of a message nothing can be done without */
    for (size_t i = 0; c->ext != NULL && !c->ext->is_model && i < c->ext->n; i++) {
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

wsk_str wsk_conn_close_reason(const wsk_conn *c)
{
    return wsk__str(c->w->reason != NULL ? c->w->reason : "");
}

bool wsk_conn_was_clean(const wsk_conn *c)
{
    return c->close_sent && c->close_received && !c->failed && !c->unsaid;
}

const char *wsk_conn_end_text(const wsk_conn *c)
{
    if (c->w->text != NULL)
        return c->w->text;
    return c->state >= WSK_STATE_CLOSING && c->w == &wsk__no_work
               ? wsk__rule_text(WSK__RULE_NOMEM) /* not even for these words */
               : "";
}
