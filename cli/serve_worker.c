/* SPDX-License-Identifier: MIT */
/* See serve_worker.h. */
#include "serve_worker.h"

#include <assert.h>
#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "http/url.h"

enum {
    DRAIN_LOOK_MS = 10,
    TIDY_MS = 1000,
    SECOND_MS = 1000,
    LONGEST_URL = 4096,
    MISSED_LOG_MS = 1000,
};

/* ---------------------------------------------------------------------------- per peer -- */

/* What is remembered of an open connection. There is none, and idle connections cost nothing here,
 * while neither its end is to be logged nor a message waits to be sent back. */
typedef struct waiting {
    wsk_opcode op;
    size_t len;
    uint8_t data[];
} waiting;

typedef struct client {
    uint64_t opened;
    waiting *kept; /* NULL: none */
} client;

static serve_worker *worker_of(const wsk_peer *p)
{
    return wsk_server_data(wsk_peer_server(p));
}

/* The client of a peer, made if there is none; NULL: out of memory. */
static client *client_of(wsk_peer *p)
{
    client *c = wsk_peer_data(p);

    if (c != NULL)
        return c;
    c = malloc(sizeof(*c));
    if (c == NULL)
        return NULL;
    c->opened = wsk_loop_now(worker_of(p)->loop);
    c->kept = NULL;
    wsk_peer_set_data(p, c);
    return c;
}

/* --------------------------------------------------------------------------------- log -- */

static serve_field text_field(const char *key, const char *text)
{
    return (serve_field){.key = key, .type = SERVE_FIELD_TEXT, .text = {text, strlen(text)}};
}

static serve_field str_field(const char *key, wsk_str text)
{
    return (serve_field){.key = key, .type = SERVE_FIELD_TEXT, .text = text};
}

static serve_field number_field(const char *key, uint64_t number)
{
    return (serve_field){.key = key, .type = SERVE_FIELD_NUMBER, .number = number};
}

static serve_field typed_field(const char *key, serve_field_type type, uint64_t number)
{
    return (serve_field){.key = key, .type = type, .number = number};
}

/* What was asked, as far as there is a request to read. At most three. */
static size_t put_request(serve_field *fields, const wsk_conn *c, bool with_host)
{
    static const char *const names[] = {"Host", "Origin"}, *const keys[] = {"host", "origin"};
    size_t n = 0;

    if (wsk_conn_target(c).len > 0)
        fields[n++] = str_field("target", wsk_conn_target(c));
    for (size_t i = with_host ? 0 : 1; i < 2; i++) {
        wsk_str value = wsk_conn_header(c, names[i], 0);

        if (value.ptr != NULL)
            fields[n++] = str_field(keys[i], value);
    }
    return n;
}

static void log_request(wsk_peer *p, int status)
{
    const wsk_conn *c = wsk_peer_conn(p);
    char address[128];

    wsk_peer_address(p, address, sizeof(address));
    serve_field fields[] = {
        text_field("peer", address),
        str_field("method", wsk_conn_method(c)),
        str_field("target", wsk_conn_target(c)),
        number_field("status", (uint64_t)status),
    };
    serve_log_event(&worker_of(p)->serve->log, WSK_LOG_INFO, "http", fields,
                    sizeof(fields) / sizeof(fields[0]));
}

static void log_open(wsk_peer *p)
{
    const wsk_conn *c = wsk_peer_conn(p);
    char address[128], extensions[256];
    serve_field fields[6];
    size_t n = 0;

    wsk_peer_address(p, address, sizeof(address));
    fields[n++] = text_field("peer", address);
    n += put_request(fields + n, c, false);
    if (wsk_conn_subprotocol(c)[0] != 0)
        fields[n++] = text_field("subprotocol", wsk_conn_subprotocol(c));
    if (wsk_conn_extensions(c, extensions, sizeof(extensions)) > 0)
        fields[n++] = text_field("extensions", extensions);
    if (wsk_peer_is_tls(p))
        fields[n++] = typed_field("tls", SERVE_FIELD_YES, 1);
    serve_log_event(&worker_of(p)->serve->log, WSK_LOG_INFO, "open", fields, n);
}

static void log_close(wsk_peer *p, const client *who, unsigned code, const char *text)
{
    serve_worker *w = worker_of(p);
    const wsk_conn *c = wsk_peer_conn(p);
    wsk_conn_stats stats = {0};
    char address[128];

    wsk_peer_address(p, address, sizeof(address));
    wsk_conn_get_stats(c, &stats);
    serve_field fields[] = {
        text_field("peer", address),
        typed_field("seconds", SERVE_FIELD_SECONDS, wsk_loop_now(w->loop) - who->opened),
        number_field("messages_in", stats.messages_in),
        number_field("messages_out", stats.messages_out),
        number_field("octets_in", stats.octets_in),
        number_field("octets_out", stats.octets_out),
        number_field("code", code),
        typed_field("clean", SERVE_FIELD_YES, wsk_conn_was_clean(c)),
        text_field("reason", text),
        str_field("peer_reason", wsk_conn_close_reason(c)),
    };
    size_t n = sizeof(fields) / sizeof(fields[0]);

    if (wsk_conn_close_reason(c).len == 0)
        n--;
    serve_log_event(&w->serve->log, WSK_LOG_INFO, "close", fields, n);
}

/* ---------------------------------------------------------------------------- handlers -- */

static bool logs_clients(const wsk_peer *p)
{
    return worker_of(p)->serve->log.level >= WSK_LOG_INFO;
}

/* The second is over. Those that had no line of their own have one together. */
static void tell_refused(void *ud)
{
    serve_worker *w = ud;
    uint32_t most = w->serve->settings->log_refused;

    if (w->refused > most) {
        const serve_field more = number_field("more", w->refused - most);
        serve_log_event(&w->serve->log, WSK_LOG_INFO, "refuse", &more, 1);
    }
    w->refused = 0;
}

/* Whether this one is to have a line. A flood of those that anybody can begin costs little
 * otherwise, and would fill the disk. */
static bool logs_refused(serve_worker *w)
{
    uint32_t most = w->serve->settings->log_refused;

    if (most == 0)
        return true;
    if (w->refused == 0)
        wsk_timer_set(w->refuse_timer, SECOND_MS);
    if (w->refused < UINT32_MAX)
        w->refused++;
    return w->refused <= most;
}

static void on_request(wsk_peer *p, bool is_upgrade)
{
    if (is_upgrade) {
        if (wsk_peer_accept(p, NULL) < 0)
            wsk_peer_drop(p);
        return;
    }
    /* Logged first: the request is readable only until it is answered. */
    const serve_page *page = worker_of(p)->pages[wsk_peer_listener(p)];
    int status = serve_page_status(page, p);
    /* What anybody can ask for that is not there fills the log no faster than what is refused. */
    if (status < 400 || logs_refused(worker_of(p)))
        log_request(p, status);
    if (serve_page_respond(page, p, status) < 0)
        wsk_peer_drop(p);
}

static void on_refused(wsk_peer *p, unsigned status, const char *text)
{
    char address[128];
    serve_field fields[6];
    size_t n = 0;

    if (!logs_refused(worker_of(p)))
        return;
    wsk_peer_address(p, address, sizeof(address));
    fields[n++] = text_field("peer", address);
    fields[n++] = number_field("status", status);
    fields[n++] = text_field("reason", text);
    n += put_request(fields + n, wsk_peer_conn(p), true);
    serve_log_event(&worker_of(p)->serve->log, WSK_LOG_INFO, "refuse", fields, n);
}

/* What many connections took would stay with the process behind their end: glibc gives back only
 * what lies at the end of its heap. */
static void tidy(void *ud)
{
    serve_worker *w = ud;
    wsk_server_stats stats;

    wsk_server_get_stats(w->server, &stats);
    w->most = stats.open;
    w->tidying = false;
#ifdef __GLIBC__
    malloc_trim(0);
#endif
}

static void note_number(serve_worker *w)
{
    wsk_server_stats stats;

    wsk_server_get_stats(w->server, &stats);
    if (stats.open > w->most)
        w->most = stats.open;
    if (stats.open <= w->most / 2 && !w->tidying) {
        w->tidying = true;
        wsk_timer_set(w->tidy_timer, TIDY_MS);
    }
}

static void on_open(wsk_peer *p)
{
    note_number(worker_of(p));
    if (logs_clients(p) && client_of(p) != NULL)
        log_open(p);
}

/* The queue is full, and so above its high mark: nothing more is read from the client until it has
 * drained. Nor is what was read already looked at: compressed, it may be hundreds of messages as
 * large as this one, which has to wait by itself. */
static void echo_later(wsk_peer *p, wsk_opcode op, const uint8_t *data, size_t len)
{
    client *c = client_of(p);
    waiting *m = c != NULL ? malloc(sizeof(*m) + len) : NULL;

    if (m == NULL) {
        wsk_peer_close(p, WSK_CLOSE_INTERNAL_ERROR, "out of memory");
        return;
    }
    m->op = op;
    m->len = len;
    if (len > 0)
        memcpy(m->data, data, len);
    c->kept = m;
    wsk_peer_pause(p, true);
}

static void on_message_echo(wsk_peer *p, wsk_opcode op, uint8_t *data, size_t len)
{
    /* Whom we have told to go sends as long as he likes, and pauses do not hold then: nothing of it
     * could be sent back, so nothing is kept. */
    if (wsk_conn_state(wsk_peer_conn(p)) != WSK_STATE_OPEN)
        return;
    int r = wsk_peer_send(p, op, data, len, WSK_SEND_SKIP_UTF8);
    if (r == WSK_ERR_FULL)
        echo_later(p, op, data, len);
    else if (r == WSK_ERR_NOMEM)
        wsk_peer_close(p, WSK_CLOSE_INTERNAL_ERROR, "out of memory");
}

static void on_writable(wsk_peer *p)
{
    client *c = wsk_peer_data(p);

    if (c != NULL && c->kept != NULL) {
        int r = wsk_peer_send(p, c->kept->op, c->kept->data, c->kept->len, WSK_SEND_SKIP_UTF8);
        if (r == WSK_ERR_FULL)
            return;
        if (r == WSK_ERR_NOMEM)
            wsk_peer_close(p, WSK_CLOSE_INTERNAL_ERROR, "out of memory");
        free(c->kept);
        c->kept = NULL;
    }
    wsk_peer_pause(p, false);
}

static void on_close(wsk_peer *p, unsigned code, const char *text)
{
    client *c = wsk_peer_data(p);
    serve_worker *w = worker_of(p);

    note_number(w);
    /* By the clock that the deadlines of connections go by: those that are as long as the drain end
     * who is left at its end, and that is too late whoever sees it first. */
    if (atomic_load(&w->looked) &&
        wsk_loop_now(w->loop) - w->drain_began >= w->serve->settings->drain)
        w->late = true;
    if (c == NULL)
        return;
    if (logs_clients(p))
        log_close(p, c, code, text);
    free(c->kept);
    free(c);
}

/* --------------------------------------------------------------------------- broadcast -- */

static void deliver_here(serve_worker *w, wsk_prepared *message)
{
    for (wsk_peer *p = NULL; (p = wsk_server_next_peer(w->server, p)) != NULL;) {
        if (wsk_peer_send_prepared(p, message) == WSK_ERR_FULL)
            w->skipped++;
    }
}

static void deliver(void *ud, wsk_prepared *message)
{
    serve_worker *w = ud;

    /* The loop runs what is left over when it is freed: by then the server is gone. */
    if (w->server != NULL)
        deliver_here(w, message);
}

/* Many in a row are one line a second. */
static void note_missed(serve_worker *w, const serve_worker *behind)
{
    uint64_t now = wsk_loop_now(w->loop);

    if (w->missed++ > 0 && now - w->missed_told < MISSED_LOG_MS)
        return;
    w->missed_told = now;
    serve_log_line(&w->serve->log, WSK_LOG_WARN,
                   "worker %zu does not keep up: messages from clients of worker %zu, %llu so far, "
                   "were not sent to clients of others",
                   behind->index, w->index, (unsigned long long)w->missed);
}

static void on_message_broadcast(wsk_peer *p, wsk_opcode op, uint8_t *data, size_t len)
{
    serve_worker *w = worker_of(p);
    wsk_prepared *message;

    int r = wsk_prepared_new(&message, wsk_server_config(w->server), op, data, len);
    if (r < 0) {
        serve_log_line(&w->serve->log, WSK_LOG_ERROR, "broadcast: %s", wsk_strerror(r));
        return;
    }
    for (size_t i = 0; i < w->serve->n_workers; i++) {
        serve_worker *to = &w->serve->workers[i];
        if (to != w && !serve_inbox_post(&to->inbox, message, len))
            note_missed(w, to);
    }
    deliver_here(w, message);
    wsk_prepared_unref(message);
}

/* ------------------------------------------------------------------------------- drain -- */

static void tell(serve_worker *w)
{
    uint64_t one = 1;
    ssize_t n;

    do
        n = write(w->serve->event_fd, &one, sizeof(one));
    while (n < 0 && errno == EINTR);
}

static void look_whether_drained(void *ud)
{
    serve_worker *w = ud;
    wsk_server_stats stats;

    wsk_server_get_stats(w->server, &stats);
    if (stats.connections > 0) {
        wsk_timer_set(w->drain_timer, DRAIN_LOOK_MS);
    } else {
        atomic_store(&w->drained, true);
        tell(w);
    }
    if (!atomic_exchange(&w->looked, true))
        tell(w);
}

static void drain(void *ud)
{
    serve_worker *w = ud;

    if (w->server == NULL)
        return;
    w->drain_began = wsk_loop_now(w->loop);
    wsk_server_drain(w->server, WSK_CLOSE_GOING_AWAY, "the server is going away");
    look_whether_drained(w);
}

bool serve_worker_drain(serve_worker *w)
{
    return wsk_loop_post(w->loop, drain, w) == WSK_OK;
}

/* ------------------------------------------------------------------------------- start -- */

static bool is_unix(const char *url)
{
    return strncmp(url, "ws+unix:", 8) == 0 || strncmp(url, "wss+unix:", 9) == 0;
}

static bool is_tls(const char *url)
{
    return strncmp(url, "wss", 3) == 0;
}

/* Whether a file is in the way of a Unix socket, which a bind tells as an address in use. */
static bool is_taken_by_file(const char *text)
{
    const char *why;
    wsk__url url = {0};
    struct stat st;
    bool taken = wsk__url_parse(NULL, text, &url, &why) == WSK_OK && url.is_unix &&
                 lstat(url.unix_path, &st) == 0 && !S_ISSOCK(st.st_mode);

    wsk__url_deinit(NULL, &url);
    return taken;
}

/* Why listening on a URL failed, for one line. */
static void describe(serve_worker *w, const char *url, int r)
{
    const char *held = w->serve->log.held;
    const int error = errno;
    const bool in_use = r == WSK_ERR_SYS && error == EADDRINUSE;

    if (r == WSK_ERR_URL && held[0] != 0) {
        snprintf(w->error, sizeof(w->error), "%s", held);
        w->wrong_url = true;
        return;
    }
    snprintf(w->error, sizeof(w->error), "cannot listen on %s: %s", url,
             in_use && is_taken_by_file(url)              ? "there is a file that is no socket"
             : in_use                                     ? "the address is in use"
             : r == WSK_ERR_SYS && error == EACCES        ? "permission denied"
             : r == WSK_ERR_SYS && error == EADDRNOTAVAIL ? "this machine has no such address"
             : r == WSK_ERR_SYS                           ? strerror(error)
                                                          : wsk_strerror(r));
}

static void strings_free(char **at)
{
    for (size_t i = 0; at != NULL && at[i] != NULL; i++)
        free(at[i]);
    free(at);
}

/* The URLs of all listeners, or NULL if there is no memory. */
static char **listener_urls(const wsk_server *server)
{
    char url[LONGEST_URL];
    size_t n = 0;

    while (wsk_server_url(server, n, url, sizeof(url)) > 0)
        n++;
    char **at = calloc(n + 1, sizeof(*at));
    for (size_t i = 0; at != NULL && i < n; i++) {
        wsk_server_url(server, i, url, sizeof(url));
        at[i] = strdup(url);
        if (at[i] == NULL) {
            strings_free(at);
            return NULL;
        }
    }
    return at;
}

static bool listen_on(serve_worker *w, wsk_server *server, const char *url)
{
    errno = 0;
    int r = wsk_server_listen(server, url, is_tls(url) ? w->serve->tls : NULL);
    if (r < 0)
        describe(w, url, r);
    return r == WSK_OK;
}

/*
 * Sockets with SO_REUSEPORT would quietly share a port with another program of the same user, and
 * each would get a port of its own for port 0. So the first worker listens once without, sees who
 * is in the way, and learns the ports. Its loop is epoll: there, closing is done when it returns.
 */
static char **probe(serve_worker *w)
{
    wsk_loop_options loop_options = WSK_LOOP_OPTIONS_INIT;
    wsk_loop *loop = NULL;
    wsk_server_options options = WSK_SERVER_OPTIONS_INIT;
    wsk_server *server = NULL;
    char **urls = NULL;
    bool ok = true;

    options.conn.size = sizeof(options.conn);
    options.conn.hooks = &w->serve->log.hooks;
    loop_options.io = WSK_IO_EPOLL;
    int r = wsk_loop_new(&loop, &loop_options);
    if (r == WSK_OK)
        r = wsk_server_new(&server, loop, &options, &(wsk_handlers)WSK_HANDLERS_INIT, NULL);
    for (size_t i = 0; r == WSK_OK && ok && i < w->serve->n_urls; i++)
        ok = is_unix(w->serve->urls[i]) || listen_on(w, server, w->serve->urls[i]);
    if (r == WSK_OK && ok && (urls = listener_urls(server)) == NULL)
        r = WSK_ERR_NOMEM;
    wsk_server_free(server);
    wsk_loop_free(loop);
    if (r < 0)
        snprintf(w->error, sizeof(w->error), "%s", wsk_strerror(r));
    return urls;
}

static bool listen_all(serve_worker *w)
{
    serve *s = w->serve;
    bool ok = true;

    if (s->n_workers == 1) {
        for (size_t i = 0; ok && i < s->n_urls; i++)
            ok = listen_on(w, w->server, s->urls[i]);
    } else {
        char **probed = w->index == 0 ? probe(w) : NULL;
        if (w->index == 0 && probed == NULL)
            return false;
        char **tcp = w->index == 0 ? probed : s->workers[0].real_urls;
        for (size_t i = 0; ok && tcp[i] != NULL; i++)
            ok = is_unix(tcp[i]) || listen_on(w, w->server, tcp[i]);
        /* Unix sockets cannot be shared that way: the first worker has them alone. */
        for (size_t i = 0; ok && w->index == 0 && i < s->n_urls; i++)
            ok = !is_unix(s->urls[i]) || listen_on(w, w->server, s->urls[i]);
        strings_free(probed);
    }
    if (!ok)
        return false;
    w->real_urls = listener_urls(w->server);
    size_t n = 0;
    while (w->real_urls != NULL && w->real_urls[n] != NULL)
        n++;
    w->pages = calloc(n + 1, sizeof(*w->pages));
    for (size_t i = 0; w->pages != NULL && i < n; i++) {
        w->pages[i] = serve_page_new(s->settings, w->real_urls[i]);
        if (w->pages[i] == NULL)
            ok = false;
    }
    if (w->real_urls == NULL || w->pages == NULL || !ok) {
        snprintf(w->error, sizeof(w->error), "%s", wsk_strerror(WSK_ERR_NOMEM));
        return false;
    }
    return true;
}

/* Of --max-connections. Only the first worker listens at Unix sockets. 0: the preset. */
static uint32_t share_of_connections(const serve_worker *w)
{
    const serve *s = w->serve;
    const uint32_t all = s->settings->server.max_connections, n = (uint32_t)s->n_workers;
    bool shared = false;

    for (size_t i = 0; i < s->n_urls; i++)
        shared = shared || !is_unix(s->urls[i]);
    if (all == 0 || !shared)
        return all;
    const uint32_t share = all / n + (w->index < all % n ? 1 : 0);
    return share > 0 ? share : 1;
}

static bool set_up(serve_worker *w)
{
    serve *s = w->serve;
    wsk_server_options server_options = s->settings->server;
    wsk_loop_options loop_options = s->settings->loop;
    wsk_handlers handlers = WSK_HANDLERS_INIT;

    handlers.on_request = on_request;
    handlers.on_open = on_open;
    handlers.on_message = s->settings->broadcast ? on_message_broadcast : on_message_echo;
    handlers.on_writable = on_writable;
    handlers.on_close = on_close;
    if (s->log.level >= WSK_LOG_INFO)
        handlers.on_refused = on_refused;
    /* One word about the fallback from io_uring is enough. */
    loop_options.hooks = w->index == 0 ? &s->log.hooks : NULL;
    int r = wsk_loop_new(&w->loop, &loop_options);
    if (r < 0) {
        if (r == WSK_ERR_NOTSUP)
            snprintf(w->error, sizeof(w->error), "--io %s: %s",
                     loop_options.io == WSK_IO_URING ? "uring" : "epoll", wsk_strerror(r));
        else
            snprintf(w->error, sizeof(w->error), "no event loop: %s",
                     r == WSK_ERR_SYS ? strerror(errno) : wsk_strerror(r));
        return false;
    }
    server_options.max_connections = share_of_connections(w);
    serve_inbox_init(&w->inbox, w->loop, deliver, w);
    r = wsk_server_new(&w->server, w->loop, &server_options, &handlers, w);
    if (r == WSK_OK)
        r = wsk_timer_new(&w->drain_timer, w->loop, look_whether_drained, w);
    if (r == WSK_OK)
        r = wsk_timer_new(&w->tidy_timer, w->loop, tidy, w);
    if (r == WSK_OK)
        r = wsk_timer_new(&w->refuse_timer, w->loop, tell_refused, w);
    if (r < 0) {
        snprintf(w->error, sizeof(w->error), "%s", wsk_strerror(r));
        return false;
    }
    return listen_all(w);
}

static void tear_down(serve_worker *w)
{
    if (w->server != NULL)
        wsk_server_get_stats(w->server, &w->end);
    wsk_timer_free(w->drain_timer);
    wsk_server_free(w->server);
    w->server = NULL;
    if (w->refused > 0)
        tell_refused(w);
    wsk_timer_free(w->tidy_timer); /* set when a connection ends, as is the next one */
    wsk_timer_free(w->refuse_timer);
    wsk_loop_free(w->loop);
    for (size_t i = 0; w->pages != NULL && w->pages[i] != NULL; i++)
        serve_page_free(w->pages[i]);
    free(w->pages);
    strings_free(w->real_urls);
}

static void take(sem_t *sem)
{
    while (sem_wait(sem) < 0)
        assert(errno == EINTR);
}

static void *run(void *ud)
{
    serve_worker *w = ud;

    if (!set_up(w)) {
        tear_down(w);
        sem_post(&w->started);
        return NULL;
    }
    sem_post(&w->started);
    take(&w->may_run);
    int r = w->abandoned ? WSK_OK : wsk_loop_run(w->loop);
    if (r < 0) {
        serve_log_line(&w->serve->log, WSK_LOG_ERROR, "worker %zu: the event loop failed: %s",
                       w->index, r == WSK_ERR_SYS ? strerror(errno) : wsk_strerror(r));
        atomic_store(&w->broken, true);
        tell(w);
    }
    sem_post(&w->left);
    take(&w->may_free);
    tear_down(w);
    return NULL;
}

bool serve_worker_start(serve_worker *w, serve *s, size_t index)
{
    memset(w, 0, sizeof(*w));
    w->serve = s;
    w->index = index;
    sem_init(&w->started, 0, 0);
    sem_init(&w->may_run, 0, 0);
    sem_init(&w->left, 0, 0);
    sem_init(&w->may_free, 0, 0);
    int error = pthread_create(&w->thread, NULL, run, w);
    if (error != 0) {
        snprintf(w->error, sizeof(w->error), "no thread for worker %zu: %s", index,
                 strerror(error));
        return false;
    }
    take(&w->started);
    if (w->error[0] != 0) {
        pthread_join(w->thread, NULL);
        return false;
    }
    return true;
}

void serve_workers_go(serve_worker *workers, size_t n)
{
    for (size_t i = 0; i < n; i++)
        sem_post(&workers[i].may_run);
}

void serve_workers_end(serve_worker *workers, size_t n, bool running)
{
    for (size_t i = 0; i < n && !running; i++)
        workers[i].abandoned = true;
    if (!running)
        serve_workers_go(workers, n);
    /* Nobody may free a loop while another worker can still post to it: first all loops end. */
    for (size_t i = 0; i < n && running; i++)
        wsk_loop_stop(workers[i].loop);
    for (size_t i = 0; i < n; i++)
        take(&workers[i].left);
    for (size_t i = 0; i < n; i++)
        sem_post(&workers[i].may_free);
    for (size_t i = 0; i < n; i++)
        pthread_join(workers[i].thread, NULL);
}
