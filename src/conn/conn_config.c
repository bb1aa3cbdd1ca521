/* SPDX-License-Identifier: MIT */
/*
 * Options to a config: defaults filled in, ranges checked, strings copied. All limits and
 * deadlines of conn.h get their default here and nowhere else.
 */
#include <inttypes.h>
#include <string.h>

#include "conn/conn_internal.h"
#include "util/option_struct.h"
#include "util/strs.h"

/* A frame of the short way: two octets, and 125. */
#define QUICK_MAX      ((size_t)WSK__CONTROL_MAX + 2)
#define MAX_EXTENSIONS 8
#define KNOWN_FLAGS                                                                                \
    (WSK_CONN_STREAM | WSK_CONN_NO_AUTO_PONG | WSK_CONN_KEEP_REQUEST | WSK_CONN_SKIP_UTF8)

#define invalid(hooks, ...) (wsk__log(hooks, WSK_LOG_ERROR, "config: " __VA_ARGS__), WSK_ERR_INVAL)

static char **copy_list(const wsk_hooks *hooks, const char *const *list)
{
    size_t n = 0;
    char **copy;

    while (list[n] != NULL)
        n++;
    copy = wsk__alloc0(hooks, (n + 1) * sizeof(*copy));
    for (size_t i = 0; copy != NULL && i < n; i++) {
        copy[i] = wsk__strndup(hooks, list[i], strlen(list[i]));
        if (copy[i] == NULL) {
            for (size_t j = 0; j < i; j++)
                wsk__free(hooks, copy[j]);
            wsk__free(hooks, copy);
            return NULL;
        }
    }
    return copy;
}

static void free_list(const wsk_hooks *hooks, char **list)
{
    for (size_t i = 0; list != NULL && list[i] != NULL; i++)
        wsk__free(hooks, list[i]);
    wsk__free(hooks, list);
}

#define DEFAULT(field, value) (o->field = o->field != 0 ? o->field : (value))

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

static size_t lesser(size_t a, size_t b)
{
    return a < b ? a : b;
}

static void fill_defaults(wsk_config_options *o)
{
    DEFAULT(max_message, 16u << 20);
    DEFAULT(max_frame, o->max_message);
    DEFAULT(max_fragments, 131072);
    DEFAULT(max_head, 8192);
    DEFAULT(max_fields, 100);
    DEFAULT(max_pongs, 16);
    /* Whichever of these is set, those that are not go by it. */
    DEFAULT(max_queued, larger((size_t)16 << 20, larger(o->high_water, o->low_water)));
    DEFAULT(high_water, lesser(o->max_queued, larger(o->low_water, (size_t)1 << 20)));
    DEFAULT(low_water, o->high_water / 4 + 1); /* never 0: nothing is below that */
    DEFAULT(max_ignored, 1u << 20);
    DEFAULT(open_timeout, 10000);
    DEFAULT(idle_timeout, WSK_NEVER);
    DEFAULT(ping_interval, 30000);
    DEFAULT(ping_timeout, 20000);
    DEFAULT(message_timeout, WSK_NEVER);
    DEFAULT(write_timeout, 30000);
    DEFAULT(close_timeout, 5000);
    DEFAULT(linger_timeout, 2000);
    DEFAULT(queue_timeout, 600000);
}

static int check_subprotocols(const wsk_config_options *o)
{
    const char *const *names = o->subprotocols;

    for (size_t i = 0; names != NULL && names[i] != NULL; i++) {
        if (!wsk__is_token(wsk__str(names[i])))
            return invalid(o->hooks, "subprotocols: '%s' is not a token (RFC 9110 5.6.2)",
                           names[i]);
        /* RFC 6455 4.1, item 10: servers may refuse such a request. */
        for (size_t k = 0; o->role == WSK_ROLE_CLIENT && k < i; k++) {
            if (strcmp(names[i], names[k]) == 0)
                return invalid(o->hooks, "subprotocols: '%s' is there twice (RFC 6455 4.1)",
                               names[i]);
        }
    }
    return WSK_OK;
}

static int check(const wsk_config_options *o)
{
    if (o->role != WSK_ROLE_SERVER && o->role != WSK_ROLE_CLIENT)
        return invalid(o->hooks, "role must be server or client, not %d", (int)o->role);
    /* A flag of a newer header would else be passed over, and with it what it was to keep. */
    if (o->flags & ~KNOWN_FLAGS)
        return invalid(o->hooks, "flags has 0x%x, which this library does not know",
                       o->flags & ~KNOWN_FLAGS);
    if (o->max_head < 64 || o->max_head > (1u << 24))
        return invalid(o->hooks, "max_head must be 64 to 16,777,216, not %" PRIu32, o->max_head);
    if (o->max_fields > 10000)
        return invalid(o->hooks, "max_fields must be at most 10,000, not %" PRIu32, o->max_fields);
    if (o->max_pongs > 60000)
        return invalid(o->hooks, "max_pongs must be at most 60,000, not %" PRIu32, o->max_pongs);
    if (o->low_water > o->high_water)
        return invalid(o->hooks, "low_water must not be above high_water, as %zu is above %zu",
                       o->low_water, o->high_water);
    if (o->high_water > o->max_queued)
        return invalid(o->hooks, "high_water must not be above max_queued, as %zu is above %zu",
                       o->high_water, o->max_queued);
    WSK_TRY(check_subprotocols(o));
    if (o->server_header != NULL && !wsk__is_field_value(wsk__str(o->server_header)))
        return invalid(o->hooks, "server_header has a character that may not stand there: '%s'",
                       o->server_header);
    if (o->origin_policy < WSK_ORIGIN_SAME_HOST || o->origin_policy > WSK_ORIGIN_ANY)
        return invalid(o->hooks, "unknown origin_policy %d", (int)o->origin_policy);
    if (o->origin_policy == WSK_ORIGIN_LIST && o->origins == NULL)
        return invalid(o->hooks, "WSK_ORIGIN_LIST needs origins");
    /* A list that is quietly passed over would let in, or keep out, others than it says. */
    if (o->origin_policy != WSK_ORIGIN_LIST && o->origins != NULL)
        return invalid(o->hooks, "origins need origin_policy WSK_ORIGIN_LIST, not %d",
                       (int)o->origin_policy);
    /* What no browser sends would quietly let nobody in. */
    for (size_t i = 0; o->origins != NULL && o->origins[i] != NULL; i++) {
        if (!wsk__is_origin(wsk__str(o->origins[i])))
            return invalid(o->hooks, "an origin is SCHEME://HOST[:PORT] or null, not '%s'",
                           o->origins[i]);
    }
    return WSK_OK;
}

/* The program's extensions, then permessage-deflate. */
static int set_extensions(wsk_config *cfg)
{
    const wsk_extension *const *list = cfg->o.extensions;
    size_t n = 0;

    while (list != NULL && list[n] != NULL)
        n++;
    if (n + 1 > MAX_EXTENSIONS)
        return invalid(cfg->hooks, "at most 7 extensions, not %zu", n);
    cfg->extensions = wsk__alloc0(cfg->hooks, (n + 1) * sizeof(*cfg->extensions));
    if (cfg->extensions == NULL)
        return WSK_ERR_NOMEM;
    for (size_t i = 0; i < n; i++) {
        if (list[i]->size < sizeof(wsk_extension))
            return invalid(cfg->hooks, "extensions[%zu].size is %zu, less than the struct has", i,
                           list[i]->size);
        if (list[i]->name == NULL || !wsk__is_token(wsk__str(list[i]->name)))
            return invalid(cfg->hooks, "the name of extensions[%zu] is not a token: '%s'", i,
                           list[i]->name != NULL ? list[i]->name : "");
        if (list[i]->rsv & ~(WSK_RSV1 | WSK_RSV2 | WSK_RSV3))
            return invalid(cfg->hooks, "extensions[%zu] claims 0x%x, which are not reserved bits",
                           i, list[i]->rsv);
        cfg->extensions[cfg->n_extensions++] = list[i];
    }
    cfg->o.extensions = NULL;
    if (!cfg->o.deflate.enabled)
        return WSK_OK;
    if (cfg->o.deflate.size == 0)
        cfg->o.deflate.size = sizeof(cfg->o.deflate);
    WSK_TRY(wsk__pmd_config_init(&cfg->pmd, &cfg->o.deflate, cfg->hooks));
    cfg->extensions[cfg->n_extensions++] = &cfg->pmd.extension;
    cfg->has_deflate = true;
    return WSK_OK;
}

static int set_strings(wsk_config *cfg)
{
    wsk_config_options *o = &cfg->o;

    if (o->subprotocols != NULL) {
        cfg->subprotocols = copy_list(cfg->hooks, o->subprotocols);
        if (cfg->subprotocols == NULL)
            return WSK_ERR_NOMEM;
    }
    if (o->origins != NULL) {
        cfg->origins = copy_list(cfg->hooks, o->origins);
        if (cfg->origins == NULL)
            return WSK_ERR_NOMEM;
    }
    if (o->server_header != NULL) {
        cfg->server_header = wsk__strndup(cfg->hooks, o->server_header, strlen(o->server_header));
        if (cfg->server_header == NULL)
            return WSK_ERR_NOMEM;
    }
    /* Only our copies are to be used from here on. */
    o->subprotocols = o->origins = NULL;
    o->server_header = NULL;
    return WSK_OK;
}

/* What is refused for want of room must have been beyond high_water, or no one would say when there
 * is room again. */
static void put_marks_apart(wsk_config_options *o)
{
    if (o->high_water == o->max_queued)
        o->high_water--;
    if (o->low_water > o->high_water && o->low_water > 1)
        o->low_water--;
}

int wsk__config_options_begin(wsk_config_options *o, const wsk_hooks *told, const char *who)
{
    const char *why = NULL;

    if (o->size == 0)
        o->size = sizeof(*o);
    if (o->size < sizeof(o->size))
        why = "conn: " WSK__NO_SIZE;
    else if (!wsk__hooks_fit(o->hooks))
        why = "conn.hooks: " WSK__BAD_HOOKS;
    if (why == NULL)
        return WSK_OK;
    wsk__log(told, WSK_LOG_ERROR, "%s: %s", who, why);
    return WSK_ERR_INVAL;
}

void wsk__config_check_handlers(const wsk_config *cfg, const char *who, bool on_message,
                                bool on_data)
{
    const bool streams = cfg->o.flags & WSK_CONN_STREAM;

    if (on_message != on_data && on_message == streams)
        wsk__log(cfg->hooks, WSK_LOG_WARN, "%s: %s is never called %s WSK_CONN_STREAM", who,
                 streams ? "on_message" : "on_data", streams ? "with" : "without");
}

int wsk_config_new(wsk_config **ret, const wsk_config_options *options)
{
    wsk_config *cfg;
    int r;

    if (options == NULL || options->size < sizeof(options->size))
        return WSK_ERR_INVAL;
    const wsk_hooks *hooks = options->size >=
                                     offsetof(wsk_config_options, hooks) + sizeof(options->hooks)
                                 ? options->hooks
                                 : NULL;
    if (!wsk__hooks_fit(hooks))
        return WSK_ERR_INVAL; /* there is nobody to tell */
    cfg = wsk__alloc0(hooks, sizeof(*cfg));
    if (cfg == NULL)
        return WSK_ERR_NOMEM;
    /* An older program's struct is shorter: what it does not have is 0. */
    memcpy(&cfg->o, options, options->size < sizeof(cfg->o) ? options->size : sizeof(cfg->o));
    cfg->o.hooks = cfg->hooks = hooks; /* a size may end within it */
    atomic_init(&cfg->refs, 1);
    fill_defaults(&cfg->o);
    r = check(&cfg->o);
    if (r >= 0)
        r = set_strings(cfg);
    if (r >= 0)
        r = set_extensions(cfg);
    if (r < 0) {
        wsk_config_unref(cfg);
        return r;
    }
    put_marks_apart(&cfg->o);
    cfg->masked_in = cfg->o.role == WSK_ROLE_SERVER;
    cfg->small_in_one_go = !(cfg->o.flags & (WSK_CONN_STREAM | WSK_CONN_SKIP_UTF8)) &&
                           cfg->o.max_message >= WSK__CONTROL_MAX &&
                           cfg->o.max_frame >= WSK__CONTROL_MAX &&
                           !wsk__log_on(hooks, WSK_LOG_TRACE);
    if (cfg->masked_in && !wsk__log_on(hooks, WSK_LOG_TRACE) && cfg->o.high_water > QUICK_MAX &&
        (cfg->o.fragment_size == 0 || cfg->o.fragment_size >= WSK__CONTROL_MAX))
        cfg->quick_queue = cfg->o.high_water - QUICK_MAX;
    *ret = cfg;
    return WSK_OK;
}

wsk_config *wsk_config_ref(wsk_config *cfg)
{
    atomic_fetch_add_explicit(&cfg->refs, 1, memory_order_relaxed);
    return cfg;
}

void wsk_config_unref(wsk_config *cfg)
{
    if (cfg == NULL || atomic_fetch_sub_explicit(&cfg->refs, 1, memory_order_acq_rel) != 1)
        return;
    free_list(cfg->hooks, cfg->subprotocols);
    free_list(cfg->hooks, cfg->origins);
    wsk__free(cfg->hooks, cfg->server_header);
    wsk__free(cfg->hooks, cfg->extensions);
    wsk__free(cfg->hooks, cfg);
}
