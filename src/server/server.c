/* SPDX-License-Identifier: MIT */
/*
 * Listening, the set of peers, broadcasting, draining. What happens on one connection is
 * server_peer.c's.
 */
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "net/tls_set.h"
#include "server/server_internal.h"
#include "util/option_struct.h"
#include "util/strs.h"

/* A burst of octets holds at least a request and a message of the usual size. */
#define LEAST_BURST ((uint64_t)65536)

static void accepted(void *ud, int fd)
{
    (void)wsk__peer_begin(ud, fd);
}

#define invalid(hooks, ...) (wsk__log(hooks, WSK_LOG_ERROR, "server: " __VA_ARGS__), WSK_ERR_INVAL)

/* A burst is of no use without its rate. */
static int check_burst(const wsk_hooks *hooks, const char *of, uint64_t burst, uint64_t rate)
{
    if (burst == 0 || rate != 0)
        return WSK_OK;
    return invalid(hooks, "%s_burst is %" PRIu64 ", and of no use without max_%s_rate", of, burst,
                   of);
}

static int check_rates(const wsk_hooks *hooks, const wsk_server_options *o)
{
    if (o->max_octet_rate > WSK__RATE_MAX)
        return invalid(hooks, "max_octet_rate must be at most 2^50, not %" PRIu64,
                       o->max_octet_rate);
    if (o->octet_burst > WSK__RATE_MAX)
        return invalid(hooks, "octet_burst must be at most 2^50, not %" PRIu64, o->octet_burst);
    WSK_TRY(check_burst(hooks, "message", o->message_burst, o->max_message_rate));
    WSK_TRY(check_burst(hooks, "octet", o->octet_burst, o->max_octet_rate));
    return check_burst(hooks, "handshake", o->handshake_burst, o->max_handshake_rate);
}

static int set_rates(wsk_server *s)
{
    wsk_server_options *o = &s->o;

    WSK_TRY(check_rates(s->hooks, o));
    s->messages.rate = o->max_message_rate;
    s->messages.burst = o->message_burst != 0 ? o->message_burst : o->max_message_rate;
    s->octets.rate = o->max_octet_rate;
    s->octets.burst = o->octet_burst != 0               ? o->octet_burst
                      : o->max_octet_rate < LEAST_BURST ? LEAST_BURST
                                                        : o->max_octet_rate;
    s->rated = s->messages.rate != 0 || s->octets.rate != 0;
    wsk__bucket_init(&s->tls_refusals, &wsk__tls_refusal_rate, wsk_loop_now(s->loop));
    if (o->max_handshake_rate == 0)
        return WSK_OK;
    return wsk__rate_table_new(&s->handshakes, s->hooks,
                               (wsk__rate){o->max_handshake_rate, o->handshake_burst != 0
                                                                      ? o->handshake_burst
                                                                      : o->max_handshake_rate});
}

static int set_hosts(wsk_server *s)
{
    const char *const *list = s->o.hosts;
    size_t n = 0;

    if (list == NULL)
        return WSK_OK;
    while (list[n] != NULL)
        n++;
    s->hosts = wsk__alloc0(s->hooks, (n + 1) * sizeof(*s->hosts));
    for (size_t i = 0; s->hosts != NULL && i < n; i++) {
        wsk_str port;
        if (!wsk__is_host(wsk__str(list[i]), NULL, &port) || port.ptr != NULL)
            return invalid(s->hooks, "hosts: '%s' is no name or address without a port", list[i]);
        s->hosts[i] = wsk__strndup(s->hooks, list[i], strlen(list[i]));
        if (s->hosts[i] == NULL)
            return WSK_ERR_NOMEM;
    }
    s->o.hosts = NULL; /* only our copies are to be used from here on */
    return s->hosts != NULL ? WSK_OK : WSK_ERR_NOMEM;
}

static int make(wsk_server **ret, wsk_loop *loop, const wsk_server_options *o,
                const wsk_handlers *handlers, void *ud)
{
    const wsk_hooks *hooks = o->conn.hooks;
    wsk_server *s = wsk__alloc0(hooks, sizeof(*s));
    int r;

    if (s == NULL)
        return WSK_ERR_NOMEM;
    s->loop = loop;
    s->hooks = hooks;
    s->o = *o;
    s->ud = ud;
    wsk__loop_join(loop, WSK__LOOP_SERVER);
    wsk__run_init(s);
    if (handlers != NULL)
        memcpy(&s->h, handlers, handlers->size < sizeof(s->h) ? handlers->size : sizeof(s->h));
    for (int i = 0; i < 2; i++) {
        s->adopted[i].server = s;
        s->adopted[i].any_path = true;
        s->adopted[i].number = (uint16_t)i;
    }
    r = wsk_config_new(&s->cfg, &s->o.conn);
    if (r >= 0)
        r = wsk__conn_env_init(&s->env, s->cfg);
    s->env.toll_max = WSK__TOLL_MAX;
    if (r >= 0 && o->max_connections_per_address != 0)
        r = wsk__address_table_new(&s->addresses, hooks);
    if (r >= 0)
        r = set_rates(s);
    if (r >= 0)
        r = set_hosts(s);
    if (r < 0) {
        wsk_server_free(s);
        return r;
    }
    wsk__config_check_handlers(s->cfg, "server", s->h.on_message != NULL, s->h.on_data != NULL);
    *ret = s;
    return WSK_OK;
}

int wsk_server_new(wsk_server **ret, wsk_loop *loop, const wsk_server_options *options,
                   const wsk_handlers *handlers, void *ud)
{
    wsk_server_options o = WSK_SERVER_OPTIONS_INIT;

    if (loop == NULL)
        return WSK_ERR_INVAL;
    /* Before there are hooks of its own, the loop's hear of it. */
    const wsk_hooks *told = wsk__loop_hooks(loop);
    if (options != NULL && !wsk__options_take(&o, sizeof(o), options, options->size))
        return invalid(told, "options: " WSK__NO_SIZE);
    if (handlers != NULL && handlers->size < sizeof(handlers->size))
        return invalid(told, "handlers: " WSK__NO_SIZE);
    WSK_TRY(wsk__config_options_begin(&o.conn, told, "server"));
    o.conn.role = WSK_ROLE_SERVER;
    if (o.max_connections == 0)
        o.max_connections = 10000000;
    if (o.backlog == 0)
        o.backlog = 4096;
    int r = make(ret, loop, &o, handlers, ud);
    if (r == WSK_ERR_INVAL && o.conn.hooks == NULL && wsk__log_on(told, WSK_LOG_ERROR)) {
        const wsk_hooks hooks = wsk__hooks_to_tell(told);

        o.conn.hooks = &hooks;
        (void)make(ret, loop, &o, handlers, ud); /* fails as it did, and is heard */
    }
    return r;
}

/* Who hears of what a call asks for that cannot be. */
static const wsk_hooks *told(const wsk_server *s)
{
    return s->hooks != NULL ? s->hooks : wsk__loop_hooks(s->loop);
}

static void free_site(const wsk_hooks *hooks, wsk__site *site)
{
    wsk__listener_free(site->listener);
    wsk_tls_unref(site->tls);
    wsk__url_deinit(hooks, &site->url);
    wsk__free(hooks, site);
}

void wsk__server_destroy(wsk_server *s)
{
    wsk__run_deinit(s);
    while (s->sites != NULL) {
        wsk__site *site = s->sites;
        s->sites = site->next;
        free_site(s->hooks, site);
    }
    for (int i = 0; i < 2; i++)
        wsk_tls_unref(s->adopted[i].tls);
    wsk__conn_env_deinit(&s->env);
    wsk__address_table_free(s->addresses);
    wsk__rate_table_free(s->handshakes);
    for (size_t i = 0; s->hosts != NULL && s->hosts[i] != NULL; i++)
        wsk__free(s->hooks, s->hosts[i]);
    wsk__free(s->hooks, s->hosts);
    wsk_config_unref(s->cfg);
    wsk__loop_part(s->loop, WSK__LOOP_SERVER);
    wsk__free(s->hooks, s);
}

static void end_peers(wsk_server *s)
{
    wsk__loop_enter(s->loop);
    for (wsk_peer *p = s->peers; p != NULL; p = p->next)
        wsk__peer_end(p, "the server was ended");
    wsk__loop_leave(s->loop);
}

void wsk_server_free(wsk_server *s)
{
    if (s == NULL || s->freed)
        return;
    s->freed = true;
    wsk_server_stop_listening(s);
    /* Streams are freed by the loop, at the end of a turn. */
    s->going = wsk__loop_is_busy(s->loop);
    end_peers(s);
    while (s->peers != NULL && !s->going) {
        if (wsk_loop_turn(s->loop, 0) < 0)
            s->going = true;
        else
            end_peers(s); /* a posted call, or a handler, may have had us adopt others */
    }
    if (s->peers == NULL)
        wsk__server_destroy(s);
}

void *wsk_server_data(const wsk_server *s)
{
    return s->ud;
}

wsk_config *wsk_server_config(const wsk_server *s)
{
    return s->cfg;
}

static bool is_servers(const wsk_server *s, const wsk_tls *tls)
{
    bool ok = tls == NULL || tls->role == WSK_ROLE_SERVER;

    if (!ok)
        (void)invalid(told(s), "tls was made for a client");
    return ok;
}

/* Whether this can be listened at, and is to be. */
static int check_site(const wsk_server *s, const char *text, const wsk__url *url,
                      const wsk_tls *tls)
{
    const char *why = NULL;

    if (url->userinfo != NULL) {
        /* Without the URL: a password is not for the log. */
        wsk__log(told(s), WSK_LOG_ERROR, "a user is for requests, not for what listens");
        return WSK_ERR_URL;
    }
    if (strchr(url->target, '?') != NULL)
        why = "a query is for requests, not for what listens";
    else if (strchr(url->target, '*') != NULL && strcmp(url->target, "/*") != 0)
        why = "an asterisk stands for every path, behind the first slash, or nowhere";
    if (why != NULL) {
        wsk__log(told(s), WSK_LOG_ERROR, "'%s': %s", text, why);
        return WSK_ERR_URL;
    }
    if (url->tls && tls == NULL)
        return invalid(told(s), "'%s': tls is NULL, and wss needs one", text);
    if (!url->tls && tls != NULL)
        return invalid(told(s), "'%s': tls is given, and is for wss alone", text);
    return is_servers(s, tls) ? WSK_OK : WSK_ERR_INVAL;
}

int wsk_server_listen(wsk_server *s, const char *url, wsk_tls *tls)
{
    wsk__listen_options lo = {.backlog = s->o.backlog, .reuse_port = s->o.reuse_port};
    const char *why = NULL;
    wsk__site *site, **last;
    int r;

    if (url == NULL)
        return WSK_ERR_INVAL;
    if (s->freed)
        return WSK_ERR_STATE;
    site = wsk__alloc0(s->hooks, sizeof(*site));
    if (site == NULL)
        return WSK_ERR_NOMEM;
    r = wsk__url_parse(s->hooks, url, &site->url, &why);
    if (r < 0) {
        if (why != NULL)
            wsk__log(told(s), WSK_LOG_ERROR, "'%s': %s", url, why);
        wsk__free(s->hooks, site);
        return r;
    }
    site->server = s;
    site->number = WSK__COUNT(s->adopted);
    for (wsk__site *other = s->sites; other != NULL; other = other->next)
        site->number = (uint16_t)(other->number + 1);
    if (site->number == 0) {
        free_site(s->hooks, site);
        return WSK_ERR_LIMIT;
    }
    r = check_site(s, url, &site->url, tls);
    if (r < 0) {
        free_site(s->hooks, site);
        return r;
    }
    site->tls = tls != NULL ? wsk_tls_ref(tls) : NULL;
    site->any_path = strcmp(site->url.target, "/*") == 0;
    if (site->url.is_unix)
        lo.unix_path = site->url.unix_path;
    else
        lo.host = site->url.host;
    lo.port = site->url.port;
    r = wsk__listener_new(&site->listener, s->loop, &lo, accepted, site);
    if (r < 0) {
        free_site(s->hooks, site);
        return r;
    }
    site->port = wsk__listener_port(site->listener);
    site->loopback = wsk__listener_is_loopback(site->listener);
    for (last = &s->sites; *last != NULL; last = &(*last)->next)
        ;
    *last = site;
    return WSK_OK;
}

size_t wsk_server_url(const wsk_server *s, size_t i, char *buf, size_t n)
{
    const wsk__site *site = s->sites;

    while (site != NULL && i-- > 0)
        site = site->next;
    if (site == NULL)
        return 0;
    char *text = wsk__url_text(s->hooks, &site->url, site->port);
    size_t len = text != NULL ? strlen(text) : 0;
    if (n > 0) {
        size_t k = len < n - 1 ? len : n - 1;
        if (k > 0)
            memcpy(buf, text, k);
        buf[k] = 0;
    }
    wsk__free(s->hooks, text);
    return len;
}

int wsk_server_adopt(wsk_server *s, int fd, wsk_tls *tls)
{
    wsk__site *site = &s->adopted[tls != NULL];
    int r;

    if (fd < 0)
        return invalid(told(s), "%d is no descriptor to adopt", fd);
    if (site->tls != tls) {
        /* One set of certificates for all that are adopted. */
        if (site->tls != NULL || !is_servers(s, tls)) {
            close(fd);
            return WSK_ERR_INVAL;
        }
        site->tls = wsk_tls_ref(tls);
    }
    r = wsk__peer_begin(site, fd);
    if (s->going)
        end_peers(s);
    return r;
}

void wsk_server_stop_listening(wsk_server *s)
{
    for (wsk__site *site = s->sites; site != NULL; site = site->next) {
        wsk__listener_free(site->listener);
        site->listener = NULL;
    }
}

void wsk_server_drain(wsk_server *s, unsigned code, const char *reason)
{
    if (!wsk__close_is_valid(code, reason)) {
        (void)invalid(told(s), "drain: no close frame may have code %u and this reason: it is %u",
                      code, (unsigned)WSK_CLOSE_GOING_AWAY);
        code = WSK_CLOSE_GOING_AWAY;
        reason = NULL;
    }
    wsk_server_stop_listening(s);
    s->draining = true;
    wsk__loop_enter(s->loop);
    for (wsk_peer *p = s->peers; p != NULL; p = p->next) {
        if (p->link.conn.ended)
            continue;
        if (wsk__peer_shakes(p)) {
            s->stats.refused++; /* as those who can be told 503 */
            wsk__peer_end(p, "the server is shutting down");
        } else {
            (void)wsk_peer_close(p, code, reason);
        }
    }
    wsk__loop_leave(s->loop);
}

void wsk_server_get_stats(const wsk_server *s, wsk_server_stats *ret)
{
    *ret = s->stats;
}

wsk_peer *wsk_server_next_peer(const wsk_server *s, const wsk_peer *p)
{
    wsk_peer *next = p == NULL ? s->peers : p->next;

    while (next != NULL && (!next->link.conn.opened || next->link.conn.state != WSK_STATE_OPEN))
        next = next->next;
    return next;
}

long wsk_server_broadcast_prepared(wsk_server *s, wsk_prepared *m, const wsk_peer *except)
{
    long n = 0;

    for (wsk_peer *p = wsk_server_next_peer(s, NULL); p != NULL; p = wsk_server_next_peer(s, p)) {
        if (p != except && wsk_peer_send_prepared(p, m) >= 0)
            n++;
    }
    return n;
}

long wsk_server_broadcast(wsk_server *s, wsk_opcode op, const void *data, size_t len,
                          const wsk_peer *except)
{
    wsk_prepared *m;
    long n;

    WSK_TRY(wsk_prepared_new(&m, s->cfg, op, data, len));
    n = wsk_server_broadcast_prepared(s, m, except);
    wsk_prepared_unref(m);
    return n;
}
