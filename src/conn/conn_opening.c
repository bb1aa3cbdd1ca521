/* SPDX-License-Identifier: MIT */
/*
 * The opening handshake of one connection, both roles: gathers the head, has http judge it, hands
 * the request to the program, writes the answer. From then on nothing of it is kept, unless the
 * config asks for it.
 */
#include <string.h>

#include "conn/conn_internal.h"
#include "http/header_writer.h"
#include "util/option_struct.h"
#include "util/strs.h"

/* Interim answers before the one that counts. */
#define MAX_INTERIM 8

void wsk__opening_free(wsk_conn *c)
{
    if (c->w->opening == NULL)
        return;
    wsk__free(c->env->cfg->hooks, c->w->opening->buf);
    wsk__free(c->env->cfg->hooks, c->w->opening->body);
    wsk__free(c->env->cfg->hooks, c->w->opening);
    c->w->opening = NULL;
}

static wsk__opening *begin(wsk_conn *c)
{
    const wsk_config_options *o = &c->env->cfg->o;
    wsk__opening *op;

    if (wsk__work_take(c) < 0)
        return NULL;
    op = wsk__alloc0(c->env->cfg->hooks, sizeof(*op) + o->max_fields * sizeof(wsk__field));
    if (op == NULL)
        return NULL;
    op->head.kind = wsk__is_server(c) ? WSK__HEAD_REQUEST : WSK__HEAD_RESPONSE;
    op->head.fields = op->fields;
    op->head.max_fields = o->max_fields;
    c->w->opening = op;
    return op;
}

/* Adds at most n octets at p to the head's buffer; returns how many, or negative. One octet more
 * than max_head is taken, which lets the parser see that the limit is passed. */
static long gather(wsk_conn *c, wsk__opening *op, const uint8_t *p, size_t n)
{
    size_t most = (size_t)c->env->cfg->o.max_head + 1 - op->len;

    if (n > most)
        n = most;
    if (op->cap - op->len < n) {
        size_t cap = op->cap == 0 ? 512 : op->cap * 2;
        if (cap < op->len + n)
            cap = op->len + n;
        char *fresh = op->buf == NULL ? wsk__alloc(c->env->cfg->hooks, cap)
                                      : wsk__realloc(c->env->cfg->hooks, op->buf, cap);
        if (fresh == NULL)
            return WSK_ERR_NOMEM;
        op->buf = fresh;
        op->cap = cap;
    }
    memcpy(op->buf + op->len, p, n);
    op->len += n;
    return (long)n;
}

/* By its number in the config's list where it stands there, which nearly all do: so an idle
 * connection keeps one octet of it. */
static int set_subprotocol(wsk_conn *c, const char *name)
{
    char *const *list = c->env->cfg->subprotocols, *copy = NULL;
    size_t i = 0;

    if (name != NULL) {
        while (list != NULL && list[i] != NULL && strcmp(list[i], name) != 0)
            i++;
        if (list == NULL || list[i] == NULL || i + 1 >= UINT8_MAX) {
            copy = wsk__strndup(c->env->cfg->hooks, name, strlen(name));
            if (copy == NULL)
                return WSK_ERR_NOMEM;
        }
    }
    if (c->w->subprotocol != NULL)
        wsk__free(c->env->cfg->hooks, c->w->subprotocol);
    if (copy != NULL || c->w->subprotocol != NULL)
        c->w->subprotocol = copy;
    c->subprotocol = name == NULL ? 0 : copy != NULL ? UINT8_MAX : (uint8_t)(i + 1);
    return WSK_OK;
}

/* ---------------------------------------------------------------------------------- server -- */

static bool take_request(wsk_conn *c, wsk__opening *op, wsk_event *ret)
{
    wsk__refusal refusal = {0, NULL};
    const wsk__head *h = &op->head;
    int r;

    op->is_head_method = wsk__str_eq(h->method, wsk__str("HEAD"));
    r = wsk__handshake_judge_request(h, &op->ws_key, &refusal);
    if (r < 0) {
        wsk__refuse(c, refusal.status, refusal.text);
        return false;
    }
    op->is_upgrade = r > 0;
    if (op->is_upgrade) {
        if (!wsk__origin_allowed(h, c->env->cfg->o.origin_policy,
                                 (const char *const *)c->env->cfg->origins)) {
            wsk__refuse(c, 403, "this origin may not connect");
            return false;
        }
        const char *chosen = wsk__subprotocol_select(
            h, (const char *const *)c->env->cfg->subprotocols);
        if (set_subprotocol(c, chosen) < 0) {
            wsk__refuse(c, 500, wsk__rule_text(WSK__RULE_NOMEM));
            return false;
        }
    }
    c->phase = WSK__PHASE_WAIT;
    ret->type = WSK_EV_REQUEST;
    ret->is_upgrade = op->is_upgrade;
    return true;
}

/* The handshake is done: from here on octets are frames. */
static void opened(wsk_conn *c)
{
    c->state = WSK_STATE_OPEN;
    c->phase = WSK__PHASE_FRAME;
    c->was_open = c->open_pending = true;
    wsk__begin_data(c);
}

/* A program that goes on as if it had answered leaves its client waiting: it gets to know why. */
static int misused(const wsk_conn *c, const char *who, int error, const char *why)
{
    wsk__log(c->env->cfg->hooks, WSK_LOG_ERROR, "%s: %s", who, why);
    return error;
}

/* An answer that comes late, when the connection has ended by itself, is no mistake. */
static int out_of_time(const wsk_conn *c, const char *who)
{
    if (!c->failed && !c->lost)
        (void)misused(c, who, WSK_ERR_STATE, "there is no request that waits for an answer");
    return WSK_ERR_STATE;
}

static int choose_subprotocol(wsk_conn *c, const wsk__opening *op, const char *name)
{
    if (name == NULL)
        return WSK_OK;
    if (*name == 0)
        return set_subprotocol(c, NULL);
    if (!wsk__subprotocol_offered(&op->head, name)) {
        wsk__log(c->env->cfg->hooks, WSK_LOG_ERROR,
                 "accept: the client did not offer the subprotocol '%s'", name);
        return WSK_ERR_INVAL;
    }
    return set_subprotocol(c, name);
}

int wsk_conn_accept(wsk_conn *c, const wsk_accept_options *options)
{
    wsk_accept_options o = WSK_ACCEPT_OPTIONS_INIT;
    wsk__opening *op = c->w->opening;
    char accept[WSK__ACCEPT_LEN + 1];
    int r;

    if (c->phase != WSK__PHASE_WAIT)
        return out_of_time(c, "accept");
    if (!op->is_upgrade)
        return misused(c, "accept", WSK_ERR_STATE, "the request is no WebSocket handshake");
    if (options != NULL && !wsk__options_take(&o, sizeof(o), options, options->size))
        return misused(c, "accept", WSK_ERR_INVAL, WSK__NO_SIZE);
    if (!wsk__headers_are_allowed(o.headers, o.n_headers, WSK_ROLE_SERVER)) {
        wsk__headers_complain(c->env->cfg->hooks, "accept", o.headers, o.n_headers,
                              WSK_ROLE_SERVER);
        return WSK_ERR_INVAL;
    }
    WSK_TRY(choose_subprotocol(c, op, o.subprotocol));
    r = wsk__ext_set_accept(c, &op->head);
    if (r < 0) {
        wsk__refuse(c, 500,
                    r == WSK_ERR_NOMEM ? wsk__rule_text(WSK__RULE_NOMEM)
                                       : "an extension failed to negotiate");
        return r == WSK_ERR_NOMEM ? r : WSK_ERR_FAILED;
    }
    wsk__text t = {.hooks = c->env->cfg->hooks};
    r = wsk__handshake_accept(op->ws_key.ptr, accept);
    if (r >= 0) {
        wsk__handshake_write_response(&t, accept, c->env->cfg->server_header,
                                      c->subprotocol != 0 ? wsk_conn_subprotocol(c) : NULL,
                                      c->ext != NULL ? c->ext->text : NULL, o.headers, o.n_headers);
        r = t.failed ? WSK_ERR_NOMEM : wsk__output_add(c, t.ptr, t.len);
    }
    wsk__text_deinit(&t);
    if (r < 0) {
        wsk__refuse(c, 500,
                    r == WSK_ERR_NOMEM ? wsk__rule_text(WSK__RULE_NOMEM)
                                       : "the handshake could not be answered");
        return r;
    }
    c->status = 101;
    opened(c);
    return WSK_OK;
}

int wsk_conn_respond(wsk_conn *c, const wsk_response *response)
{
    wsk__opening *op = c->w->opening;
    wsk_response o = WSK_RESPONSE_INIT;
    int r;

    if (c->phase != WSK__PHASE_WAIT)
        return out_of_time(c, "respond");
    if (response == NULL)
        return misused(c, "respond", WSK_ERR_INVAL, "the response is NULL");
    if (!wsk__options_take(&o, sizeof(o), response, response->size))
        return misused(c, "respond", WSK_ERR_INVAL, WSK__NO_SIZE);
    if (!wsk__response_is_allowed(&o)) {
        wsk__response_complain(c->env->cfg->hooks, "respond", &o);
        return WSK_ERR_INVAL;
    }
    wsk__text t = {.hooks = c->env->cfg->hooks};
    wsk__http_write_response(&t, &o, c->env->cfg->server_header, op->is_head_method);
    r = t.failed ? WSK_ERR_NOMEM : wsk__output_add(c, t.ptr, t.len);
    wsk__text_deinit(&t);
    if (r < 0) {
        wsk__fail_silently(c, wsk__rule_text(WSK__RULE_NOMEM));
        return r;
    }
    c->status = (uint16_t)o.status;
    wsk__set_text(c, "answered with plain HTTP");
    wsk__ignore_input(c);
    wsk__end_output(c);
    return WSK_OK;
}

/* ---------------------------------------------------------------------------------- client -- */

int wsk_conn_request(wsk_conn *c, const wsk_request_options *options)
{
    wsk_request_options o = WSK_REQUEST_OPTIONS_INIT;
    wsk_ext_writer w;
    wsk__opening *op;
    int r;

    if (wsk__is_server(c) || c->w->opening != NULL || c->phase != WSK__PHASE_HEAD ||
        c->state != WSK_STATE_CONNECTING)
        return WSK_ERR_STATE;
    if (options == NULL)
        return misused(c, "request", WSK_ERR_INVAL, "the options are NULL");
    if (!wsk__options_take(&o, sizeof(o), options, options->size))
        return misused(c, "request", WSK_ERR_INVAL, WSK__NO_SIZE);
    if (o.target == NULL)
        o.target = "/";
    if (!wsk__request_is_allowed(&o)) {
        wsk__request_complain(c->env->cfg->hooks, "request", &o);
        return WSK_ERR_INVAL;
    }
    op = begin(c);
    if (op == NULL)
        return WSK_ERR_NOMEM;
    memset(&w, 0, sizeof(w));
    r = wsk__handshake_key(c->env->cfg->hooks, op->key);
    if (r >= 0)
        r = wsk__ext_set_offer(c, &w);
    if (r >= 0) {
        wsk__text t = {.hooks = c->env->cfg->hooks};
        wsk__handshake_write_request(&t, &o, op->key, c->env->cfg->server_header,
                                     (const char *const *)c->env->cfg->subprotocols,
                                     w.len > 0 ? w.text : NULL);
        r = t.failed ? WSK_ERR_NOMEM : wsk__output_add(c, t.ptr, t.len);
        wsk__text_deinit(&t);
    }
    if (r < 0)
        wsk__opening_free(c); /* nothing was begun: the program may try again */
    else
        wsk__begin_data(c); /* to connect was no part of open_timeout */
    return r;
}

/*
 * RFC 9110 15.2: interim answers (100, 103, ...) may come before the one that counts, and a client
 * passes over those that it did not expect. Not for ever: a server could keep it busy so. HTTP/1.0
 * has none.
 */
static bool skip_interim(wsk__opening *op)
{
    wsk__head *h = &op->head;

    if (h->status / 100 != 1 || h->status == 101 || h->minor == 0 || op->interim == MAX_INTERIM)
        return false;
    op->interim++;
    op->len = 0;
    op->complete = false;
    *h = (wsk__head){.kind = WSK__HEAD_RESPONSE, .fields = op->fields, .max_fields = h->max_fields};
    return true;
}

static void take_response(wsk_conn *c, wsk__opening *op)
{
    const char *why = NULL, *chosen = NULL;

    c->status = (uint16_t)op->head.status;
    if (!wsk__handshake_judge_response(
            &op->head, op->key, (const char *const *)c->env->cfg->subprotocols, &chosen, &why)) {
        if (c->status != 101)
            wsk__body_begin(c, why);
        else
            wsk__fail_silently(c, why != NULL ? why : wsk__rule_text(WSK__RULE_NOMEM));
    } else if (set_subprotocol(c, chosen) < 0) {
        wsk__fail_silently(c, wsk__rule_text(WSK__RULE_NOMEM));
    } else if (!wsk__ext_set_confirm(c, &op->head, &why)) {
        wsk__fail_silently(c, why);
    } else {
        opened(c);
    }
}

/* ------------------------------------------------------------------------------------ both -- */

/* Takes one head, as far as it is here. True when *ret was set; *ret_again: there may be more. */
static bool take_head(wsk_conn *c, wsk_event *ret, bool *ret_again)
{
    wsk__opening *op = c->w->opening;
    wsk__refusal refusal = {0, NULL};
    size_t n, before;
    uint8_t *p;
    long head, took;

    p = wsk__input(c, &n);
    if (n == 0)
        return false;
    if (op == NULL && !wsk__is_server(c)) {
        wsk__fail_silently(c, "the server spoke before it was asked");
        return false;
    }
    if (op == NULL)
        op = begin(c);
    took = op == NULL ? WSK_ERR_NOMEM : gather(c, op, p, n);
    if (took < 0) {
        wsk__fail_silently(c, wsk__rule_text(WSK__RULE_NOMEM));
        return false;
    }
    before = op->len - (size_t)took;
    head = wsk__head_parse(&op->head, op->buf, op->len, before, c->env->cfg->o.max_head, &refusal);
    if (head <= 0) {
        wsk__input_used(c, (size_t)took);
        if (head == 0)
            *ret_again = true; /* what is lent, behind what was kept */
        else if (wsk__is_server(c))
            wsk__refuse(c, refusal.status, refusal.text);
        else
            wsk__fail_silently(c, refusal.text);
        return false;
    }
    /* What stands behind the head stays where it is: it is frames, or never read. */
    wsk__input_used(c, (size_t)head - before);
    op->len = (size_t)head;
    op->complete = true;
    if (wsk__is_server(c))
        return take_request(c, op, ret);
    *ret_again = skip_interim(op);
    if (!*ret_again)
        take_response(c, op);
    return false;
}

bool wsk__opening_next(wsk_conn *c, wsk_event *ret)
{
    bool again, set;

    do {
        again = false;
        set = take_head(c, ret, &again);
    } while (again);
    return set;
}

/* ---------------------------------------------------------------------------------- readers -- */

static const wsk__head *head_of(const wsk_conn *c)
{
    return c->w->opening != NULL && c->w->opening->complete ? &c->w->opening->head : NULL;
}

wsk_str wsk_conn_method(const wsk_conn *c)
{
    const wsk__head *h = head_of(c);

    return h != NULL ? h->method : wsk__str("");
}

wsk_str wsk_conn_target(const wsk_conn *c)
{
    const wsk__head *h = head_of(c);

    return h != NULL ? h->target : wsk__str("");
}

wsk_str wsk_conn_path(const wsk_conn *c)
{
    const wsk__head *h = head_of(c);

    return h != NULL ? h->path : wsk__str("");
}

wsk_str wsk_conn_query(const wsk_conn *c)
{
    const wsk__head *h = head_of(c);

    return h != NULL ? h->query : wsk__str("");
}

wsk_str wsk_conn_header(const wsk_conn *c, const char *name, size_t index)
{
    const wsk__head *h = head_of(c);
    const wsk__field *f = h != NULL ? wsk__head_find(h, name, index) : NULL;

    return f != NULL ? f->value : wsk__strn(NULL, 0);
}

bool wsk_conn_header_at(const wsk_conn *c, size_t n, wsk_str *ret_name, wsk_str *ret_value)
{
    const wsk__head *h = head_of(c);

    if (h == NULL || n >= h->n_fields)
        return false;
    *ret_name = h->fields[n].name;
    *ret_value = h->fields[n].value;
    return true;
}

wsk_str wsk_conn_head(const wsk_conn *c)
{
    const wsk__head *h = head_of(c);

    return h != NULL ? h->whole : wsk__str("");
}
