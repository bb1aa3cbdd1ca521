/* SPDX-License-Identifier: MIT */
/*
 * The extensions of one connection: which were agreed (RFC 6455 section 9.1), and the chain that a
 * message's payload runs through. On the way out in the order of the set, on the way in
 * backwards. Knows no particular extension, but for the pool that the built-in one borrows from.
 */
#include <string.h>

#include "conn/conn_internal.h"
#include "util/strs.h"

#define MAX_EXTENSIONS 8

struct agreed {
    size_t n;
    uint8_t rsv;
    wsk__ext_use use[MAX_EXTENSIONS];
};

static void release(const struct agreed *a)
{
    for (size_t i = 0; i < a->n; i++) {
        if (a->use[i].ext->release != NULL)
            a->use[i].ext->release(a->use[i].state);
    }
}

/* ---------------------------------------------------------------------------------- models -- */

/*
 * A server's answers are spelled in one way, and there are only so many: two parameters are there
 * or not, a window is one of 8 or not there, the other one of 7. Each has its model, so that nobody
 * can use models up for those who come later. Servers may spell an answer as they like: of theirs a
 * client keeps a few.
 */
#define SERVER_MODELS (2 * 2 * 9 * 8)
#define CLIENT_MODELS 16

static void free_set(const wsk_hooks *hooks, wsk__ext_set *set)
{
    if (set == NULL)
        return;
    for (size_t i = 0; i < set->n; i++) {
        const wsk__ext_use *u = &set->use[i];
        if (u->ext->release != NULL)
            u->ext->release(u->state);
    }
    if (set->model == NULL)
        wsk__free(hooks, set->text);
    wsk__free(hooks, set);
}

void wsk__ext_models_free(wsk__conn_env *env)
{
    while (env->models != NULL) {
        wsk__ext_set *model = env->models;

        env->models = model->next;
        free_set(env->hooks, model->spare);
        free_set(env->hooks, model);
    }
}

/* Has c->ext, which is new and only permessage-deflate, stand for those with the same words. */
static void find_model(wsk_conn *c)
{
    wsk__conn_env *env = c->env;
    wsk__ext_set *set = c->ext, **at = &env->models, *model;

    while (*at != NULL && strcmp((*at)->text, set->text) != 0)
        at = &(*at)->next;
    model = *at;
    if (model != NULL) {
        c->ext = model;
        free_set(env->hooks, set);
        /* In front stands what many ask for, however much else was asked for once. */
        *at = model->next;
        model->next = env->models;
        env->models = model;
    } else if (env->n_models < (wsk__is_server(c) ? SERVER_MODELS : CLIENT_MODELS)) {
        env->n_models++;
        set->is_model = true;
        set->next = env->models;
        env->models = set;
    }
}

int wsk__ext_set_own(wsk_conn *c)
{
    wsk__ext_set *model = c->ext, *set = model->spare;

    if (!model->is_model)
        return WSK_OK;
    model->spare = NULL;
    /* Whoever had it before may have left it with a message decoded; the one that is under way
     * here, if any, is not. */
    if (set != NULL)
        set->decoding = set->encoding = set->use[0].decoding = set->use[0].encoding = false;
    if (set == NULL) {
        set = wsk__alloc0(c->env->hooks, sizeof(*set) + sizeof(set->use[0]));
        if (set == NULL)
            return WSK_ERR_NOMEM;
        set->use[0].ext = model->use[0].ext;
        set->use[0].state = wsk__pmd_copy(model->use[0].state);
        if (set->use[0].state == NULL) {
            wsk__free(c->env->hooks, set);
            return WSK_ERR_NOMEM;
        }
        set->rsv = model->rsv;
        set->n = 1;
        set->has_pmd = true;
        set->text = model->text;
        set->model = model;
    }
    c->ext = set;
    return WSK_OK;
}

void wsk__ext_set_rest(wsk_conn *c)
{
    wsk__ext_set *set = c->ext;

    if (set == NULL || set->model == NULL || !wsk__pmd_is_empty(set->use[0].state))
        return;
    c->ext = set->model;
    if (c->ext->spare == NULL)
        c->ext->spare = set;
    else
        free_set(c->env->hooks, set);
}

/* -------------------------------------------------------------------------------- agreeing -- */

/* Makes c->ext of what was agreed. */
static int establish(wsk_conn *c, struct agreed *a, const char *text, size_t len)
{
    const wsk_hooks *hooks = c->env->cfg->hooks;
    wsk__ext_set *set;

    if (a->n == 0)
        return WSK_OK;
    set = wsk__alloc0(hooks, sizeof(*set) + a->n * sizeof(set->use[0]));
    if (set != NULL)
        set->text = wsk__strndup(hooks, text, len);
    if (set == NULL || set->text == NULL) {
        wsk__free(hooks, set);
        release(a);
        return WSK_ERR_NOMEM;
    }
    set->n = (uint8_t)a->n;
    set->rsv = a->rsv;
    memcpy(set->use, a->use, a->n * sizeof(set->use[0]));
    for (size_t i = 0; i < a->n; i++) {
        if (set->use[i].ext != &c->env->cfg->pmd.extension)
            continue;
        set->has_pmd = true;
        if (c->env->coders != NULL)
            wsk__pmd_use_pool(set->use[i].state, c->env->coders);
    }
    c->ext = set;
    if (set->n == 1 && set->has_pmd && !c->env->alone)
        find_model(c);
    return WSK_OK;
}

/* Tries all offers of one extension, in the client's order. 1: agreed, 0: none fits. */
static int accept_one(const wsk__head *head, const wsk_extension *ext, wsk_ext_writer *w,
                      struct agreed *a)
{
    wsk__list_pos pos = {0, 0};
    const char *why;
    wsk__ext_item item;
    void *state = NULL;
    int r;

    if (ext->accept == NULL || (ext->rsv & a->rsv) != 0)
        return 0;
    while (wsk__ext_next(head, &pos, &item, &why) > 0) {
        if (!wsk__str_eq(item.name, wsk__str(ext->name)))
            continue;
        wsk__ext_writer_begin(w, ext->name);
        r = ext->accept(ext->ud, item.params, item.n_params, w, &state);
        if (r == 0 && !w->overflow) {
            a->use[a->n].ext = ext;
            a->use[a->n].state = state;
            a->use[a->n].decoding = a->use[a->n].encoding = false;
            a->n++;
            a->rsv |= (uint8_t)ext->rsv;
            return 1;
        }
        wsk__ext_writer_cancel(w);
        if (r <= 0) {
            if (r == 0 && ext->release != NULL)
                ext->release(state);
            return r < 0 ? r : WSK_ERR_LIMIT;
        }
    }
    return 0;
}

int wsk__ext_set_accept(wsk_conn *c, const wsk__head *head)
{
    struct agreed a = {0};
    wsk_ext_writer w;
    int r;

    if (wsk__head_find(head, "Sec-WebSocket-Extensions", 0) == NULL)
        return WSK_OK;
    /* Its grammar was judged with the request. */
    memset(&w, 0, sizeof(w));
    for (size_t i = 0; i < c->env->cfg->n_extensions; i++) {
        r = accept_one(head, c->env->cfg->extensions[i], &w, &a);
        if (r < 0) {
            release(&a);
            return r;
        }
    }
    return establish(c, &a, w.text, w.len);
}

int wsk__ext_set_offer(wsk_conn *c, wsk_ext_writer *w)
{
    c->w->opening->offered = 0;
    for (size_t i = 0; i < c->env->cfg->n_extensions; i++) {
        const wsk_extension *ext = c->env->cfg->extensions[i];
        int r;

        wsk__ext_writer_begin(w, ext->name);
        r = ext->offer != NULL ? ext->offer(ext->ud, w) : 0;
        if (r < 0) /* whatever its numbers mean elsewhere */
            return r == WSK_ERR_NOMEM || r == WSK_ERR_LIMIT ? r : WSK_ERR_FAILED;
        if (r > 0)
            wsk__ext_writer_cancel(w);
        else
            c->w->opening->offered |= (uint8_t)(1u << i);
    }
    return w->overflow ? WSK_ERR_LIMIT : WSK_OK;
}

bool wsk__ext_set_confirm(wsk_conn *c, const wsk__head *head, const char **why)
{
    wsk__list_pos pos = {0, 0};
    struct agreed a = {0};
    unsigned left = c->w->opening->offered;
    wsk__ext_item item;
    int r;

    while ((r = wsk__ext_next(head, &pos, &item, why)) > 0) {
        const wsk_extension *ext = NULL;
        size_t i;
        void *state = NULL;

        for (i = 0; i < c->env->cfg->n_extensions; i++) {
            if ((left & 1u << i) &&
                wsk__str_eq(item.name, wsk__str(c->env->cfg->extensions[i]->name))) {
                ext = c->env->cfg->extensions[i];
                break;
            }
        }
        if (ext == NULL || ext->confirm == NULL) {
            *why = "the server chose an extension that was not offered, or one twice";
            goto failed;
        }
        if (ext->rsv & a.rsv) {
            *why = "the server chose two extensions that use the same reserved bit";
            goto failed;
        }
        r = ext->confirm(ext->ud, item.params, item.n_params, &state);
        if (r < 0) {
            /* For want of memory nobody has broken a rule: the client may try again. */
            *why =
                r == WSK_ERR_NOMEM
                    ? wsk__rule_text(WSK__RULE_NOMEM)
                    : "the server answered an extension with parameters that do not fit the offer";
            goto failed;
        }
        left &= ~(1u << i);
        a.use[a.n].ext = ext;
        a.use[a.n].state = state;
        a.n++;
        a.rsv |= (uint8_t)ext->rsv;
    }
    if (r < 0)
        goto failed;
    if (a.n > 0) {
        wsk__text text = {.hooks = c->env->cfg->hooks};
        const wsk__field *f;

        for (size_t i_field = 0;
             (f = wsk__head_find(head, "Sec-WebSocket-Extensions", i_field)) != NULL; i_field++) {
            if (i_field > 0)
                wsk__text_add(&text, ", ");
            wsk__text_addn(&text, f->value.ptr, f->value.len);
        }
        if (text.failed)
            release(&a);
        r = text.failed ? WSK_ERR_NOMEM : establish(c, &a, text.ptr, text.len);
        wsk__text_deinit(&text);
        if (r < 0) {
            *why = wsk__rule_text(WSK__RULE_NOMEM);
            return false;
        }
    }
    return true;
failed:
    release(&a);
    return false;
}

void wsk__ext_set_free(wsk_conn *c)
{
    if (c->ext != NULL && !c->ext->is_model)
        free_set(c->env->hooks, c->ext);
    c->ext = NULL;
}

/* ----------------------------------------------------------------------------------- chain -- */

int wsk__ext_set_encode_begin(wsk__ext_set *set, wsk_opcode op, uint64_t len, unsigned flags)
{
    unsigned bits = 0;

    set->encoding = false;
    for (size_t i = 0; i < set->n; i++) {
        wsk__ext_use *u = &set->use[i];
        int r = u->ext->encode_begin != NULL ? u->ext->encode_begin(u->state, op, len, flags) : 0;

        if (r < 0)
            return r;
        u->encoding = r != 0;
        set->encoding |= u->encoding;
        bits |= (unsigned)r & u->ext->rsv;
        if (u->encoding && u->ext->encode == NULL)
            return WSK_ERR_INVAL;
        if (u->encoding)
            len = UINT64_MAX; /* what the next one gets may be longer or shorter */
    }
    return (int)bits;
}

int wsk__ext_set_decode_begin(wsk__ext_set *set, wsk_opcode op, unsigned rsv)
{
    set->decoding = false;
    for (size_t i = 0; i < set->n; i++) {
        wsk__ext_use *u = &set->use[i];
        int r = 0;

        if (u->ext->decode_begin != NULL)
            r = u->ext->decode_begin(u->state, op, rsv & u->ext->rsv);
        if (r < 0 || (r > 0 && u->ext->decode == NULL))
            return WSK_ERR_INVAL;
        u->decoding = r > 0;
        set->decoding |= u->decoding;
    }
    return WSK_OK;
}

/* One transform over n octets, to a sink. */
static int run_one(const wsk__ext_use *u, bool decode, const uint8_t *in, size_t n, bool fin,
                   const wsk__ext_sink *sink)
{
    wsk_ext_io io = {in, n, NULL, 0};
    int r;

    do {
        uint8_t *out;
        size_t room, before = io.in_len;

        WSK_TRY(sink->room(sink->ud, &out, &room));
        io.out = out;
        io.out_len = room;
        r = decode ? u->ext->decode(u->state, &io, fin) : u->ext->encode(u->state, &io, fin);
        if (r < 0)
            return r;
        sink->put(sink->ud, room - io.out_len);
        /* A transform that neither takes nor gives would be asked for ever. Where so little room is
         * left, it has more to say than the message may have. */
        if (r == WSK_EXT_MORE && io.out_len == room && io.in_len == before)
            return room < WSK__EXT_ROOM ? WSK_ERR_LIMIT : WSK_ERR_STATE;
    } while (r == WSK_EXT_MORE);
    return io.in_len == 0 ? WSK_OK : WSK_ERR_STATE;
}

/* Between two transforms. */
struct between {
    wsk_conn *c;
    wsk__assembly *a;
    size_t limit;
};

static int between_room(void *ud, uint8_t **ret, size_t *ret_n)
{
    struct between *b = ud;

    WSK_TRY(wsk__assembly_grow(b->c, &b->a, wsk__ext_room(b->a, b->limit), b->limit));
    *ret = b->a->data + b->a->len;
    *ret_n = b->a->cap - b->a->len;
    return WSK_OK;
}

static void between_put(void *ud, size_t n)
{
    struct between *b = ud;

    b->a->len += n;
}

static int run_chain(wsk_conn *c, bool decode, const uint8_t *in, size_t n, bool fin,
                     const wsk__ext_sink *sink)
{
    const wsk__ext_use *chain[MAX_EXTENSIONS];
    uint64_t max = c->env->cfg->o.max_message;
    /* What goes out is the program's, whatever a peer may send. */
    struct between b = {c, NULL,
                        !decode || max > SIZE_MAX / 8 ? SIZE_MAX / 4 : (size_t)max * 2 + 1024};
    const wsk__ext_sink mid = {&b, between_room, between_put};
    wsk__assembly *last = NULL;
    size_t count = 0;
    int r = WSK_OK;

    for (size_t i = 0; i < c->ext->n; i++) {
        const wsk__ext_use *u = &c->ext->use[decode ? c->ext->n - 1 - i : i];
        if (decode ? u->decoding : u->encoding)
            chain[count++] = u;
    }
    for (size_t i = 0; i < count && r >= 0; i++) {
        if (i + 1 == count) {
            r = run_one(chain[i], decode, in, n, fin, sink);
            break;
        }
        b.a = wsk__assembly_take(c, n, n);
        r = b.a != NULL ? run_one(chain[i], decode, in, n, fin, &mid) : WSK_ERR_NOMEM;
        wsk__assembly_give(c, last);
        last = b.a;
        if (last != NULL) {
            in = last->data;
            n = last->len;
        }
    }
    wsk__assembly_give(c, last);
    return r;
}

int wsk__ext_set_encode(wsk_conn *c, const uint8_t *in, size_t n, bool fin,
                        const wsk__ext_sink *sink)
{
    return run_chain(c, false, in, n, fin, sink);
}

int wsk__ext_set_decode(wsk_conn *c, const uint8_t *in, size_t n, bool fin,
                        const wsk__ext_sink *sink)
{
    return run_chain(c, true, in, n, fin, sink);
}
