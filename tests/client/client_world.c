/* SPDX-License-Identifier: MIT */
/* See client_world.h. */
#include "client_world.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "http/handshake.h"

wsk_io world_epoll = WSK_IO_EPOLL, world_uring = WSK_IO_URING;

/* ----------------------------------------------------------------------------------- loop -- */

int count_fds(void)
{
    DIR *d = opendir("/proc/self/fd");
    int n = 0;

    while (readdir(d) != NULL)
        n++;
    closedir(d);
    return n;
}

uint64_t clock_ms(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static void log_line(void *ud, wsk_log_level level, const char *line)
{
    world *w = (world *)ud;
    size_t n = strlen(w->log);

    if (level <= WSK_LOG_WARN)
        snprintf(w->log + n, sizeof(w->log) - n, "%s\n", line);
}

/* Nobody is asked for names that nobody has (RFC 2606). */
static int hermetic_getaddrinfo(const char *host, const char *port, const struct addrinfo *hints,
                                struct addrinfo **ret)
{
    size_t n = strlen(host);

    if (n > 8 && strcmp(host + n - 8, ".invalid") == 0)
        return EAI_NONAME;
    return getaddrinfo(host, port, hints, ret);
}

/* Of closed_port(). */
static int kept_port = -1;

static void give_back_port(void)
{
    if (kept_port >= 0)
        close(kept_port);
    kept_port = -1;
}

void world_begin(world *w, void **state)
{
    static const char *const names[] = {"ws_proxy",   "WS_PROXY",   "wss_proxy",   "WSS_PROXY",
                                        "http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY",
                                        "all_proxy",  "ALL_PROXY",  "no_proxy",    "NO_PROXY"};
    wsk_loop_options o = WSK_LOOP_OPTIONS_INIT;

    for (size_t i = 0; i < WSK__COUNT(names); i++)
        unsetenv(names[i]);
    memset(w, 0, sizeof(*w));
    give_back_port();
    test_alloc_init(&w->alloc);
    /* The first member: ud points to both. */
    w->alloc.hooks.log = log_line;
    w->alloc.hooks.log_level = WSK_LOG_DEBUG;
    w->sys = wsk__sys_default;
    w->sys.getaddrinfo = hermetic_getaddrinfo;
    w->fds = count_fds();
    o.hooks = &w->alloc.hooks;
    o.io = *(const wsk_io *)*state;
    assert_int_equal(wsk__loop_new_on(&w->loop, &o, &w->sys), WSK_OK);
}

void world_end(world *w)
{
    give_back_port();
    while (w->scripts != NULL)
        script_end(w->scripts);
    wsk_loop_free(w->loop);
    assert_int_equal(w->alloc.live, 0);
    /* A closed ring lets go of what it had a moment later. */
    for (int i = 0; i < 500 && count_fds() != w->fds; i++)
        usleep(2000);
    assert_int_equal(count_fds(), w->fds);
}

/* -------------------------------------------------------------------------------- scripts -- */

void script_begin(script *s, world *w, void (*play)(script_conn *c))
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(a);

    memset(s, 0, sizeof(*s));
    s->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(s->fd, (struct sockaddr *)&a, sizeof(a)), 0);
    assert_int_equal(listen(s->fd, 64), 0);
    assert_int_equal(getsockname(s->fd, (struct sockaddr *)&a, &len), 0);
    s->port = ntohs(a.sin_port);
    s->play = play;
    s->world = w;
    s->next = w->scripts;
    w->scripts = s;
}

static void end_conn(script_conn *c)
{
    if (c->fd >= 0)
        close(c->fd);
    c->fd = -1;
}

void script_end(script *s)
{
    for (size_t i = 0; i < s->n; i++) {
        end_conn(s->conns[i]);
        free(s->conns[i]);
    }
    s->n = 0;
    if (s->fd >= 0)
        close(s->fd);
    s->fd = -1;
    for (script **p = &s->world->scripts; *p != NULL; p = &(*p)->next) {
        if (*p == s) {
            *p = s->next;
            break;
        }
    }
}

void script_say(script_conn *c, const void *data, size_t n)
{
    assert_true(c->out_len + n <= sizeof(c->out));
    memcpy(c->out + c->out_len, data, n);
    c->out_len += n;
}

void script_text(script_conn *c, const char *text)
{
    script_say(c, text, strlen(text));
}

bool script_has_head(const script_conn *c)
{
    return strstr(c->in + c->taken, "\r\n\r\n") != NULL;
}

const char *script_field(const script_conn *c, const char *name)
{
    static char values[4][1024];
    static unsigned next;
    char *value = values[next++ % 4];
    const char *line = c->in + c->taken, *end = strstr(line, "\r\n\r\n");
    size_t n = strlen(name);

    for (; line != NULL && line < end; line = strstr(line, "\r\n") + 2) {
        if (strncasecmp(line, name, n) == 0 && line[n] == ':') {
            snprintf(value, 1024, "%.*s", (int)strcspn(line + n + 2, "\r"), line + n + 2);
            return value;
        }
    }
    return NULL;
}

void script_play_answer(script_conn *c, const char *answer)
{
    static const char mark[] = "{accept}", end[] = "{end}";
    const char *key = script_field(c, "Sec-WebSocket-Key");
    const char *at = strstr(answer, mark), *last = strstr(answer, end);
    char accept[WSK__ACCEPT_LEN + 1];

    if (last != NULL)
        c->end = true;
    else
        last = answer + strlen(answer);
    if (at != NULL) {
        assert_non_null(key);
        assert_int_equal(wsk__handshake_accept(key, accept), 0);
        script_say(c, answer, (size_t)(at - answer));
        script_text(c, accept);
        answer = at + sizeof(mark) - 1;
    }
    script_say(c, answer, (size_t)(last - answer));
}

void script_answer(script_conn *c)
{
    const script *s = c->owner;
    const char *answer = c->number < SCRIPT_CONNS ? s->answers[c->number] : NULL;

    if (answer == NULL)
        answer = s->answer;
    if (c->phase != 0 || answer == NULL)
        return;
    if (*answer != '!' && !script_has_head(c))
        return;
    c->phase = 1;
    script_play_answer(c, *answer == '!' ? answer + 1 : answer);
}

static void play_conn(script_conn *c)
{
    bool more = false;

    for (;;) {
        ssize_t n = recv(c->fd, c->in + c->in_len, sizeof(c->in) - 1 - c->in_len, MSG_DONTWAIT);

        if (n <= 0) {
            if (n == 0 || errno != EAGAIN)
                more = c->eof = true;
            break;
        }
        c->in_len += (size_t)n;
        c->in[c->in_len] = 0;
        more = true;
        if (c->in_len == sizeof(c->in) - 1)
            break;
    }
    if (more)
        c->owner->play(c);
    size_t n = c->out_len - c->out_off;
    if (c->owner->cut != 0 && n > c->owner->cut)
        n = c->owner->cut;
    if (n > 0) {
        ssize_t k = send(c->fd, c->out + c->out_off, n, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (k > 0)
            c->out_off += (size_t)k;
        else if (errno != EAGAIN)
            end_conn(c);
    }
    if ((c->end || c->eof) && c->out_off == c->out_len)
        end_conn(c);
}

static void play(script *s)
{
    int fd;

    while (s->fd >= 0 && (fd = accept4(s->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        script_conn *c = calloc(1, sizeof(*c));

        /* Long tests make many: the oldest ones go, those that have ended first. */
        if (s->n == SCRIPT_CONNS) {
            size_t i = 0;

            while (i < SCRIPT_CONNS && s->conns[i]->fd >= 0)
                i++;
            i %= SCRIPT_CONNS;
            end_conn(s->conns[i]);
            free(s->conns[i]);
            memmove(s->conns + i, s->conns + i + 1, (--s->n - i) * sizeof(s->conns[0]));
        }
        c->owner = s;
        c->fd = fd;
        c->number = s->made++;
        s->conns[s->n++] = c;
        s->play(c);
    }
    for (size_t i = 0; i < s->n; i++) {
        if (s->conns[i]->fd >= 0)
            play_conn(s->conns[i]);
    }
}

void world_turn(world *w, int ms)
{
    assert_true(wsk_loop_turn(w->loop, w->scripts != NULL && ms > 1 ? 1 : ms) >= 0);
    for (script *s = w->scripts; s != NULL; s = s->next)
        play(s);
}

void world_turn_for(world *w, unsigned ms)
{
    uint64_t end = clock_ms() + ms;

    /* However much of the time somebody else had the processor. */
    do
        world_turn(w, 1);
    while (clock_ms() < end);
    world_turn(w, 0);
}

const char *format(const char *fmt, ...)
{
    static char texts[4][1024];
    static unsigned next;
    char *text = texts[next++ % 4];
    va_list args;

    va_start(args, fmt);
    vsnprintf(text, sizeof(texts[0]), fmt, args);
    va_end(args);
    return text;
}

const char *script_url(const script *s, const char *tail)
{
    return format("ws://127.0.0.1:%u%s", s->port, tail);
}

uint16_t closed_port(void)
{
    uint16_t port;

    give_back_port();
    kept_port = test_bound_socket(&port);
    return port;
}

/* ----------------------------------------------------------------------------------- heard -- */

static heard *enter(wsk_client *c, heard_event event)
{
    heard *h = wsk_client_data(c);

    assert_ptr_equal(h->c, c);
    assert_false(h->gone);
    assert_int_equal(h->depth, 0);
    h->depth++;
    h->n[event]++;
    return h;
}

static void leave(heard *h, heard_event event)
{
    if (h->then != NULL)
        h->then(h, event);
    h->depth--;
}

static void note_data(heard *h, const uint8_t *data, size_t len)
{
    free(h->data);
    h->data = malloc(len + 1);
    if (len > 0)
        memcpy(h->data, data, len);
    h->data[len] = 0;
    h->len = len;
}

static void on_open(wsk_client *c)
{
    heard *h = enter(c, ON_OPEN);

    assert_int_equal(wsk_client_stage(c), WSK_STAGE_OPEN);
    assert_int_equal(wsk_client_status(c), 101);
    leave(h, ON_OPEN);
}

static void on_message(wsk_client *c, wsk_opcode op, uint8_t *data, size_t len)
{
    heard *h = enter(c, ON_MESSAGE);

    h->op = op;
    note_data(h, data, len);
    leave(h, ON_MESSAGE);
}

static void on_data(wsk_client *c, wsk_opcode op, uint8_t *data, size_t len, bool first, bool last)
{
    heard *h = enter(c, ON_DATA);

    (void)op;
    (void)data;
    h->len = first ? len : h->len + len;
    if (last)
        h->n[ON_MESSAGE]++;
    leave(h, ON_DATA);
}

static void on_ping(wsk_client *c, const uint8_t *data, size_t len)
{
    heard *h = enter(c, ON_PING);

    note_data(h, data, len);
    leave(h, ON_PING);
}

static void on_pong(wsk_client *c, const uint8_t *data, size_t len)
{
    heard *h = enter(c, ON_PONG);

    note_data(h, data, len);
    leave(h, ON_PONG);
}

static void on_writable(wsk_client *c)
{
    leave(enter(c, ON_WRITABLE), ON_WRITABLE);
}

static void on_close(wsk_client *c, unsigned code, const char *reason, const char *text)
{
    heard *h = enter(c, ON_CLOSE);

    h->code = code;
    h->stage = wsk_client_stage(c);
    snprintf(h->reason, sizeof(h->reason), "%s", reason);
    snprintf(h->close_text, sizeof(h->close_text), "%s", text);
    assert_non_null(wsk_client_conn(c));
    leave(h, ON_CLOSE);
}

static void on_fail(wsk_client *c, wsk_fail kind, unsigned status, const char *text)
{
    heard *h = enter(c, ON_FAIL);
    wsk_str body = wsk_client_body(c);

    h->kind = kind;
    h->status = status;
    h->stage = wsk_client_stage(c);
    assert_int_equal(wsk_client_status(c), status);
    assert_int_equal(wsk_client_failure(c), kind);
    assert_string_equal(wsk_client_text(c), text);
    snprintf(h->text, sizeof(h->text), "%s", text);
    snprintf(h->body, sizeof(h->body), "%.*s", (int)body.len, body.len > 0 ? body.ptr : "");
    h->header[0] = 0;
    if (wsk_client_conn(c) != NULL) {
        wsk_str v = wsk_conn_header(wsk_client_conn(c), "X-Test", 0);
        snprintf(h->header, sizeof(h->header), "%.*s", (int)v.len, v.len > 0 ? v.ptr : "");
    }
    leave(h, ON_FAIL);
    assert_string_equal(h->text, text);
}

static void on_retry(wsk_client *c, unsigned attempt, uint32_t delay_ms)
{
    heard *h = enter(c, ON_RETRY);
    unsigned i = h->n[ON_RETRY] - 1;

    assert_int_equal(wsk_client_stage(c), WSK_STAGE_WAITING);
    if (i < WSK__COUNT(h->delays)) {
        h->delays[i] = delay_ms;
        h->attempts[i] = attempt;
    }
    leave(h, ON_RETRY);
}

static int on_redirect(wsk_client *c, unsigned status, const char *url)
{
    heard *h = enter(c, ON_REDIRECT);

    h->status = status;
    snprintf(h->url, sizeof(h->url), "%s", url);
    assert_string_equal(wsk_client_url(c), url);
    leave(h, ON_REDIRECT);
    return h->refuse_redirect;
}

static void on_wire(wsk_client *c, bool sent, const uint8_t *data, size_t len)
{
    heard *h = wsk_client_data(c);
    char *to = sent ? h->out : h->in;
    size_t *n = sent ? &h->out_len : &h->in_len;

    assert_false(h->gone);
    for (size_t i = 0; i < len && *n < sizeof(h->in) - 1; i++)
        to[(*n)++] = (char)data[i];
}

const wsk_client_handlers heard_handlers = {
    .size = sizeof(wsk_client_handlers),
    .on_open = on_open,
    .on_message = on_message,
    .on_data = on_data,
    .on_ping = on_ping,
    .on_pong = on_pong,
    .on_writable = on_writable,
    .on_close = on_close,
    .on_fail = on_fail,
    .on_retry = on_retry,
    .on_redirect = on_redirect,
    .on_wire = on_wire,
};

void heard_begin(heard *h, world *w, const wsk_client_options *options)
{
    wsk_client_options o = WSK_CLIENT_OPTIONS_INIT;

    if (options != NULL)
        o = *options;
    o.conn.size = sizeof(o.conn);
    o.conn.hooks = &w->alloc.hooks;
    memset(h, 0, sizeof(*h));
    assert_int_equal(wsk_client_new(&h->c, w->loop, &o, &heard_handlers, h), WSK_OK);
    assert_int_equal(wsk_client_stage(h->c), WSK_STAGE_IDLE);
}

void heard_free(heard *h)
{
    if (!h->gone)
        wsk_client_free(h->c);
    h->gone = true;
    free(h->data);
    h->data = NULL;
}

void heard_connect(heard *h, world *w, const wsk_client_options *options, const char *url)
{
    heard_begin(h, w, options);
    assert_int_equal(wsk_client_connect(h->c, url), WSK_OK);
}

void heard_until_open(heard *h, world *w)
{
    world_until(w, h->n[ON_OPEN] > 0 || h->n[ON_FAIL] > 0);
    if (h->n[ON_FAIL] > 0)
        fail_msg("failed: %s", h->text);
}

void heard_until_idle(heard *h, world *w)
{
    world_until(w, wsk_client_stage(h->c) == WSK_STAGE_IDLE);
}

void heard_fails(world *w, const wsk_client_options *options, const char *url, wsk_fail kind,
                 const char *text)
{
    heard h;

    heard_connect(&h, w, options, url);
    heard_until_idle(&h, w);
    assert_int_equal(h.n[ON_FAIL], 1);
    assert_int_equal(h.n[ON_OPEN], 0);
    if (strstr(h.text, text) == NULL || h.kind != kind)
        fail_msg("wanted %d '%s', got %d '%s'", (int)kind, text, (int)h.kind, h.text);
    heard_free(&h);
    world_turn(w, 0);
}
