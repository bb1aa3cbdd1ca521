/* SPDX-License-Identifier: MIT */
/*
 * The fuzzing server's connections: takes them, reads the head of a request, and hands the rest to
 * a judge_peer (a case, or an answer of the API), to the page, or to a refusal.
 */
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include <websock/version.h>

#include "conformance/fuzz_state.h"
#include "conformance/peer_head.h"

static int64_t now_us(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

/* -------------------------------------------------------------------------- connections -- */

static void listen_watch(judge_fuzz *f, bool on)
{
    if (f->full != on || (on && f->ended))
        return;
    for (size_t i = 0; i < f->n_listeners; i++) {
        struct epoll_event e = {.events = EPOLLIN, .data.ptr = &f->listeners[i]};
        epoll_ctl(f->epoll, on ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, f->listeners[i].fd, &e);
    }
    f->full = !on;
}

static void watch(judge_fuzz *f, conn *c)
{
    bool deaf = c->state == CONN_QUEUED ||
                (c->state == CONN_PEER && judge_peer_appetite(c->peer) == 0);
    uint32_t events = judge_link_events(&c->link) & (deaf ? ~(uint32_t)EPOLLIN : UINT32_MAX);
    struct epoll_event e = {.events = events, .data.ptr = c};
    if (c->state == CONN_GONE || (c->watched && c->events == events))
        return;
    epoll_ctl(f->epoll, !c->watched ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, c->link.fd, &e);
    c->events = events;
    c->watched = true;
}

/* Nobody is let in any more. */
static void end(judge_fuzz *f, const conn *last)
{
    f->ended = true;
    f->ends_by = last->query.act == FUZZ_REPORTS ? now_us() + ENDING_US : 0;
    listen_watch(f, false);
}

static void drop(judge_fuzz *f, conn *c)
{
    if (c->state == CONN_GONE)
        return;
    if (c->is_last)
        end(f, c);
    if (c->watched)
        epoll_ctl(f->epoll, EPOLL_CTL_DEL, c->link.fd, NULL);
    judge_link_close(&c->link);
    judge_peer_free(c->peer);
    c->peer = NULL;
    fuzz_web_done(&c->file);
    f->n_heavy -= c->heavy;
    c->heavy = false;
    f->n_open--;
    c->state = CONN_GONE;
}

/* Closing with octets unread would reset the connection, and the client might never see what was
 * sent last. */
static void linger(judge_fuzz *f, conn *c, int64_t now)
{
    judge_link_finish(&c->link);
    c->state = CONN_LINGER;
    c->until = now + LINGER_US;
    watch(f, c);
}

static void pump(judge_fuzz *f, conn *c, int64_t now);

/* ------------------------------------------------------------------------------ answers -- */

/* Writes what is left of an answer that no peer gives. Of a long file a few pieces at a time: it
 * must not keep a case from its turn. */
static void reply_more(judge_fuzz *f, conn *c, int64_t now)
{
    for (int pieces = 0; c->sent < c->out.len || c->file.left > 0;) {
        if (c->sent == c->out.len) {
            if (++pieces > 4) {
                c->link.wants_write = true;
                watch(f, c);
                return;
            }
            c->sent = 0;
            if (!fuzz_web_more(&c->out, &c->file)) {
                drop(f, c);
                return;
            }
        }
        long n = judge_link_write(&c->link, c->out.at + c->sent, c->out.len - c->sent);
        if (n == JUDGE_LINK_AGAIN) {
            watch(f, c);
            return;
        }
        if (n < 0) {
            drop(f, c);
            return;
        }
        c->sent += (size_t)n;
        c->active = now;
        c->until = now + REPLY_US;
    }
    fuzz_web_done(&c->file);
    linger(f, c, now);
}

static void reply(judge_fuzz *f, conn *c, int64_t now)
{
    c->state = CONN_REPLY;
    c->until = now + REPLY_US;
    if (c->out.failed)
        drop(f, c);
    else
        reply_more(f, c, now);
}

static void refuse(judge_fuzz *f, conn *c, unsigned status, const char *why, int64_t now)
{
    fuzz_web_refuse(&c->out, status, why, false);
    reply(f, c, now);
}

/* Those who asked how a case ended, now that it has. */
static void tell_status(judge_fuzz *f, const char *agent, const char *id, int64_t now)
{
    const judge_entry *e = fuzz_result(f, agent, id);
    for (size_t i = 0; e && i < f->n_conns; i++) {
        conn *c = f->conns[i];
        if (c->state != CONN_PEER || !c->waits || strcmp(c->query.agent, agent) != 0 ||
            strcmp(c->query.test->id, id) != 0)
            continue;
        fuzz_answer_status(c, e);
        judge_peer_do(c->peer, now, &c->steps[0]);
        judge_peer_do(c->peer, now, &c->steps[1]);
        pump(f, c, now);
    }
}

static bool skip_case(void *ud, const judge_case *c, const char *agent)
{
    const judge_fuzz *f = ud;
    if (!f->p.spec || !judge_spec_excludes(f->p.spec, agent, c->id))
        return false;
    fuzz_say(f, "Skipping test case %s for agent %s by test configuration!", c->id, agent);
    return true;
}

static bool knows_agent(const judge_fuzz *f, const char *agent)
{
    const judge_store *s = judge_report_store(f->p.report);
    for (size_t i = 0; i < s->n; i++)
        if (strcmp(s->at[i].name, agent) == 0)
            return true;
    return s->n < MAX_AGENTS;
}

/* Octets that the judge holds for a case may be many, and asking for it costs a client nothing. */
static bool is_heavy(const judge_case *c)
{
    uint64_t octets = 0;
    for (const judge_step *s = c->steps; s->op != JUDGE_STEP_END; s++)
        octets += s->op == JUDGE_STEP_SPILL ? 0 : s->blob.total;
    return c->weight > 0 || octets > UINT64_C(1) << 20;
}

static void begin_peer(judge_fuzz *f, conn *c, int64_t now)
{
    bool is_case = c->query.act == FUZZ_RUN;
    if (!is_case)
        fuzz_answer_prepare(f, c);
    c->heavy = is_case && is_heavy(c->query.test);
    f->n_heavy += c->heavy;
    const judge_peer_setup setup = {
        .test = is_case ? c->query.test : &c->made,
        .role = JUDGE_ROLE_SERVER,
        .options = &f->p.options,
        .user_agent = f->p.server ? f->p.server : "websock/" WSK_VERSION_STRING,
        .agent = c->query.agent,
        .streams = f->streams,
        .protocols = f->p.protocols,
        .n_protocols = f->p.compat ? 0 : f->p.n_protocols,
        .messages = f->p.messages,
        .most_log = f->n_open > CROWDED ? SHORTEST_LOG
                    : f->n_open > MANY  ? SHORT_LOG
                                        : 0,
        .sparing = f->n_open > MANY && is_case,
        .stall_seconds = f->p.options.stall_seconds >= 0 ? f->p.options.stall_seconds
                         : f->p.compat                   ? 0
                                                         : 30,
        .compat = f->p.compat,
        .skip = is_case ? skip_case : NULL,
        .skip_ud = f,
    };
    c->peer = judge_peer_new(&setup, now);
    if (!c->peer) {
        drop(f, c);
        return;
    }
    c->state = CONN_PEER;
    if (is_case && setup.test->receive_buffer > 0)
        judge_link_narrow(&c->link, setup.test->receive_buffer);
    if (is_case)
        fuzz_say(f, "Running test case ID %s for agent %s from peer %s", c->query.test->id,
                 c->query.agent, c->from);
    fuzz_care_begin(f, c, now);
    judge_peer_begin(c->peer, now);
    judge_peer_feed(c->peer, now, (const uint8_t *)c->in.at, c->in.len);
    judge_buf_deinit(&c->in);
    c->in = (judge_buf){0};
    if (judge_peer_is_open(c->peer))
        fuzz_answer_begin(f, c);
    pump(f, c, now);
}

static bool origin_is_allowed(const judge_fuzz *f, const char *head, size_t len)
{
    const judge_strings *allowed = f->p.spec ? &f->p.spec->allowed_origins : NULL;
    const peer_field origin = peer_find_field(head, len, "Origin");
    char text[512];
    bool ok = !allowed || allowed->n == 0 || origin.count == 0;
    if (ok || origin.len >= sizeof text)
        return ok;
    memcpy(text, origin.value, origin.len);
    text[origin.len] = 0;
    for (size_t i = 0; i < allowed->n && !ok; i++)
        ok = judge_pattern_matches_whole(allowed->at[i], text);
    return ok;
}

/* Whom the options keep out. Returns the status of the refusal, or 0. */
static unsigned unwelcome(const judge_fuzz *f, const conn *c, const judge_request *r, char why[200])
{
    const unsigned port = judge_request_port(r), ours = f->places[c->place].port;
    size_t peers = 1;
    for (size_t i = 0; i < f->n_conns && f->p.options.max_connections > 0; i++)
        peers += f->conns[i]->state == CONN_PEER || f->conns[i]->state == CONN_QUEUED;
    if (f->p.options.max_connections > 0 && peers > f->p.options.max_connections) {
        snprintf(why, 200, "maximum number of connections reached");
        return 503;
    }
    if (!origin_is_allowed(f, c->in.at, c->in.len)) {
        snprintf(why, 200, "WebSocket connection denied: origin not allowed");
        return 400;
    }
    if (!f->p.check_host_port || port == ours ||
        (port == 0 && ours == (f->places[c->place].tls ? 443 : 80)))
        return 0;
    snprintf(why, 200, "port %u in HTTP Host header does not match server listening port %u", port,
             ours);
    return 400;
}

/* A case begins, or waits for its turn. */
static void begin_case(judge_fuzz *f, conn *c, int64_t now)
{
    if (f->n_heavy < MAX_HEAVY || !is_heavy(c->query.test)) {
        begin_peer(f, c, now);
        return;
    }
    c->state = CONN_QUEUED;
    c->until = now + TURN_US;
    watch(f, c);
}

static void deliver(judge_fuzz *f, const judge_case *test, const char *agent, judge_result *r,
                    int64_t now)
{
    r->index = fuzz_case_number(f->p.table, f->p.selected, test);
    judge_report_add(f->p.report, r);
    f->done++;
    if (f->p.hooks.on_done)
        f->p.hooks.on_done(f->p.hooks.ud, test, r);
    judge_result_deinit(r);
    tell_status(f, agent, test->id, now);
}

/* Those that are back, or (agent NULL) have not come back in time. */
static void deliver_held(judge_fuzz *f, const char *agent, int64_t now)
{
    fuzz_held h;
    while (f->n_held > 0 && fuzz_care_take(f, agent, now, &h)) {
        deliver(f, h.test, h.agent, &h.result, now);
        free(h.agent);
    }
}

/* A client that goes through its cases one after the other may be back before the end of its last
 * connection was looked at: should it fall over the next case, this one is not to blame. */
static void note_back(judge_fuzz *f, const char *agent)
{
    for (size_t i = 0; i < f->n_conns; i++) {
        conn *c = f->conns[i];
        struct pollfd p = {.fd = c->link.fd, .events = POLLRDHUP};
        if (c->state == CONN_PEER && strcmp(c->query.agent, agent) == 0 && poll(&p, 1, 0) == 1 &&
            (p.revents & (POLLRDHUP | POLLHUP)))
            fuzz_care_over(f, c);
    }
}

/* The head of a request is there. */
static void on_head(judge_fuzz *f, conn *c, size_t len, int64_t now)
{
    judge_request r;
    char why[200] = "";
    const fuzz_place *api = &f->places[0], *here = &f->places[c->place];
    const fuzz_site site = {f->p.outdir, here->web ? api->port : 0, api->tls};
    unsigned status;
    if (!judge_request_read(&r, c->in.at, len)) {
        refuse(f, c, r.status, r.why, now);
    } else if (!r.is_upgrade && !here->web && !f->p.options.web_status) {
        refuse(f, c, 426, "this is a WebSocket", now);
    } else if (!r.is_upgrade) {
        fuzz_web_answer(&c->out, &c->file, &site, &r);
        reply(f, c, now);
    } else if ((status = unwelcome(f, c, &r, why)) != 0) {
        refuse(f, c, status, why, now);
    } else if (!fuzz_query_read(&c->query, &r, f->p.table, f->p.selected, why)) {
        /* Clients count cases up until a handshake fails. */
        refuse(f, c, 500, why, now);
    } else if (c->query.act == FUZZ_RUN && !knows_agent(f, c->query.agent)) {
        refuse(f, c, 500, "there are too many agents", now);
    } else {
        deliver_held(f, c->query.agent, now);
        if (f->p.pid != 0)
            note_back(f, c->query.agent);
        if (c->query.act == FUZZ_RUN)
            begin_case(f, c, now);
        else
            begin_peer(f, c, now);
    }
}

static void on_octets(judge_fuzz *f, conn *c, size_t n, int64_t now)
{
    size_t had = c->in.len < 3 ? 0 : c->in.len - 3;
    judge_buf_put(&c->in, f->buf, n);
    if (c->in.failed) {
        drop(f, c);
        return;
    }
    const char *end = memmem(c->in.at + had, c->in.len - had, "\r\n\r\n", 4);
    if (end && (size_t)(end - c->in.at) <= MAX_HEAD)
        on_head(f, c, (size_t)(end - c->in.at) + 4, now);
    else if (c->in.len > MAX_HEAD)
        refuse(f, c, 431, "the head of the request is too long", now);
    else if (memmem(c->in.at + had, c->in.len - had, "\n\n", 2))
        refuse(f, c, 400, "lines of HTTP end with CR LF", now);
}

/* -------------------------------------------------------------------------------- peers -- */

static void finish_peer(judge_fuzz *f, conn *c, int64_t now)
{
    judge_drop how = judge_peer_drop(c->peer);
    /* Autobahn knows nothing of a client whose handshake it refused. */
    judge_result r;
    bool counts = c->query.act == FUZZ_RUN && !judge_peer_was_skipped(c->peer) &&
                  (judge_peer_is_open(c->peer) || !f->p.compat);
    if (counts) {
        judge_peer_result(c->peer, now, &r);
        counts = !fuzz_care_hold(f, c, &r, now);
    }
    judge_peer_free(c->peer);
    c->peer = NULL;
    f->n_heavy -= c->heavy;
    c->heavy = false;
    if (how == JUDGE_DROP_RESET)
        judge_link_reset(&c->link);
    if (how == JUDGE_DROP_GRACEFUL && c->link.fd >= 0)
        linger(f, c, now);
    else
        drop(f, c);
    if (counts)
        deliver(f, c->query.test, c->query.agent, &r, now);
}

/* Octets that the next command may queue. */
static size_t room_for_commands(const judge_fuzz *f)
{
    size_t queued = 0;
    for (size_t i = 0; i < f->n_conns; i++)
        if (f->conns[i]->state == CONN_PEER && f->conns[i]->query.act == FUZZ_COMMANDS)
            queued += judge_peer_queued(f->conns[i]->peer);
    return queued < MOST_QUEUED_ALL ? MOST_QUEUED_ALL - queued : 0;
}

static void run_commands(const judge_fuzz *f, conn *c, int64_t now)
{
    const uint8_t *data;
    size_t kept, room;
    uint64_t len;
    bool binary;
    char why[100] = "";
    while (judge_peer_take_message(c->peer, &binary, &data, &kept, &len)) {
        if (!judge_peer_can_send(c->peer))
            continue;
        room = room_for_commands(f);
        if (!binary && kept == len &&
            fuzz_command(c->peer, now, (const char *)data, kept,
                         room < MOST_QUEUED ? room : MOST_QUEUED, why))
            continue;
        if (binary || kept != len)
            snprintf(why, sizeof why, "a command is a short text");
        const judge_step bye = {
            .op = JUDGE_STEP_CLOSE,
            .code = WSK_CLOSE_POLICY_VIOLATION,
            .blob = {why, strlen(why), strlen(why)},
        };
        judge_peer_do(c->peer, now, &bye);
    }
}

static void pump(judge_fuzz *f, conn *c, int64_t now)
{
    const uint8_t *data;
    size_t n;
    if (c->query.act == FUZZ_COMMANDS)
        run_commands(f, c, now);
    judge_peer_clock(c->peer, now);
    while ((n = judge_peer_output(c->peer, &data)) > 0) {
        long sent = c->deaf ? (long)n : judge_link_write(&c->link, data, n);
        if (sent == JUDGE_LINK_AGAIN)
            break;
        if (sent < 0) {
            /* The client may have closed, but its last words may still be there to be read. */
            c->deaf = true;
            judge_peer_cannot_write(c->peer);
            continue;
        }
        c->active = now;
        judge_peer_wrote(c->peer, (size_t)sent);
        if ((size_t)sent < n && c->link.ssl == NULL)
            break;
    }
    if (judge_peer_is_done(c->peer))
        finish_peer(f, c, now);
    else {
        if (judge_peer_wants_fin(c->peer))
            judge_link_finish(&c->link);
        watch(f, c);
    }
}

/* ----------------------------------------------------------------------------- listeners -- */

static void name_client(conn *c, const struct sockaddr_storage *at, socklen_t len)
{
    char host[64] = "?", port[8] = "?";
    getnameinfo((const struct sockaddr *)at, len, host, sizeof host, port, sizeof port,
                NI_NUMERICHOST | NI_NUMERICSERV);
    bool four = at->ss_family == AF_INET || strncmp(host, "::ffff:", 7) == 0;
    snprintf(c->from, sizeof c->from, "tcp%d:%s:%s", four ? 4 : 6,
             four && at->ss_family == AF_INET6 ? host + 7 : host, port);
}

static bool keep(judge_fuzz *f, conn *c)
{
    if (f->n_conns == f->room) {
        size_t room = f->room ? f->room * 2 : 16;
        conn **grown = realloc((void *)f->conns, room * sizeof(conn *));
        if (!grown)
            return false;
        f->conns = grown;
        f->room = room;
    }
    f->conns[f->n_conns++] = c;
    f->n_open++;
    return true;
}

/* Whoever holds connections open without running cases must not keep others out for ever: of these
 * the one that has been silent longest goes. Cases have time limits of their own. */
static bool make_room(judge_fuzz *f)
{
    conn *oldest = NULL;
    for (size_t i = 0; i < f->n_conns; i++) {
        conn *c = f->conns[i];
        bool can_go = c->state == CONN_TLS || c->state == CONN_HEAD || c->state == CONN_REPLY ||
                      c->state == CONN_LINGER ||
                      (c->state == CONN_PEER && c->query.act != FUZZ_RUN && !c->is_last);
        if (can_go && (!oldest || c->active < oldest->active))
            oldest = c;
    }
    if (oldest)
        drop(f, oldest);
    return oldest;
}

static void on_link(judge_fuzz *f, conn *c, int64_t now);

static void accept_one(judge_fuzz *f, const listener *l, int64_t now)
{
    struct sockaddr_storage at = {0};
    socklen_t len = sizeof at;
    if (f->n_open >= f->most && !make_room(f)) {
        f->full_since = now;
        listen_watch(f, false);
        return;
    }
    int fd = accept4(l->fd, (struct sockaddr *)&at, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
        if (errno == EMFILE && make_room(f))
            return; /* it is asked again at once */
        if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
            f->full_since = now;
            listen_watch(f, false);
        }
        return;
    }
    conn *c = calloc(1, sizeof *c);
    if (!c ||
        judge_link_accept(&c->link, fd, f->p.options.tcp_no_delay,
                          f->places[l->place].tls ? f->tls : NULL) ||
        !keep(f, c)) {
        if (c)
            judge_link_close(&c->link);
        else
            close(fd);
        free(c);
        return;
    }
    name_client(c, &at, len);
    c->place = l->place;
    c->active = now;
    c->state = CONN_TLS;
    double limit = f->p.options.open_handshake_timeout;
    c->until = now + (limit > 0 ? (int64_t)(limit * 1e6) : HEAD_US);
    on_link(f, c, now);
}

/* --------------------------------------------------------------------------------- loop -- */

static void take_read(judge_fuzz *f, conn *c, long n, int64_t now)
{
    c->active = now;
    switch (c->state) {
    case CONN_HEAD:
        if (n < 0)
            drop(f, c);
        else
            on_octets(f, c, (size_t)n, now);
        break;
    case CONN_PEER:
        if (n < 0)
            judge_peer_lost(c->peer, now);
        else
            judge_peer_feed(c->peer, now, f->buf, (size_t)n);
        pump(f, c, now);
        break;
    case CONN_REPLY: /* it can ask for one thing only */
    case CONN_LINGER:
        if (n < 0)
            drop(f, c);
        break;
    case CONN_TLS:
    case CONN_QUEUED:
    case CONN_GONE:
        break;
    }
}

static void on_link(judge_fuzz *f, conn *c, int64_t now)
{
    if (c->state == CONN_TLS) {
        switch (judge_link_ready(&c->link)) {
        case JUDGE_LINK_OK:
            c->state = CONN_HEAD;
            break;
        case JUDGE_LINK_AGAIN:
            watch(f, c);
            return;
        case JUDGE_LINK_LOST:
            drop(f, c);
            return;
        }
    }
    do {
        size_t most = c->state == CONN_PEER ? judge_peer_appetite(c->peer) : SIZE_MAX;
        long n = judge_link_read(&c->link, f->buf,
                                 most > 0 && most < sizeof f->buf ? most : sizeof f->buf);
        if (n == JUDGE_LINK_AGAIN)
            break;
        take_read(f, c, n, now);
    } while (c->state != CONN_GONE && c->link.ssl && SSL_pending(c->link.ssl) > 0 &&
             c->state != CONN_QUEUED &&
             (c->state != CONN_PEER || judge_peer_appetite(c->peer) > 0));
    if (c->state != CONN_GONE)
        watch(f, c);
}

static void on_writable(judge_fuzz *f, conn *c, int64_t now)
{
    if (c->state == CONN_PEER)
        pump(f, c, now);
    else if (c->state == CONN_REPLY)
        reply_more(f, c, now);
}

/* Timers, and the next write of those that write in turns. */
static void each_turn(judge_fuzz *f, int64_t now)
{
    for (size_t i = 0; i < f->n_conns; i++) {
        conn *c = f->conns[i];
        if (c->state == CONN_PEER) {
            bool paused = judge_peer_paused(c->peer), due = judge_peer_deadline(c->peer) <= now;
            if (due)
                judge_peer_tick(c->peer, now);
            if (paused)
                judge_peer_turn(c->peer);
            if (due || paused)
                pump(f, c, now);
            if (due && c->state == CONN_PEER && c->link.ssl && SSL_pending(c->link.ssl) > 0 &&
                judge_peer_appetite(c->peer) > 0)
                on_link(f, c, now);
        } else if (c->state == CONN_QUEUED && f->n_heavy < MAX_HEAVY) {
            begin_peer(f, c, now);
            if (c->state == CONN_PEER && c->link.ssl && SSL_pending(c->link.ssl) > 0)
                on_link(f, c, now);
        } else if (c->state == CONN_QUEUED && now >= c->until) {
            refuse(f, c, 503, "there are too many cases of this size", now);
        } else if (c->state == CONN_HEAD && now >= c->until && c->in.len > 0) {
            refuse(f, c, 408, "the request did not come to its end", now);
        } else if (c->state != CONN_GONE && now >= c->until) {
            drop(f, c);
        }
    }
    size_t n = 0;
    for (size_t i = 0; i < f->n_conns; i++) {
        conn *c = f->conns[i];
        if (c->state != CONN_GONE) {
            f->conns[n++] = c;
            continue;
        }
        judge_buf_deinit(&c->in);
        judge_buf_deinit(&c->out);
        free(c);
    }
    /* Or there were no descriptors, and others may have freed some. */
    if (n < f->n_conns || (f->full && now >= f->full_since + RETRY_US))
        listen_watch(f, true);
    f->n_conns = n;
}

static int wait_time(judge_fuzz *f, int64_t now)
{
    int64_t next = now + (f->full ? RETRY_US : 1000000), look = fuzz_care_turn(f, now);
    next = look < next ? look : next;
    for (size_t i = 0; i < f->n_conns; i++) {
        const conn *c = f->conns[i];
        int64_t at = c->until;
        if (c->state == CONN_PEER) {
            if (judge_peer_paused(c->peer))
                return 0;
            at = judge_peer_deadline(c->peer);
        } else if (c->state == CONN_QUEUED && f->n_heavy < MAX_HEAVY) {
            return 0;
        }
        if (at < next)
            next = at;
    }
    return next <= now ? 0 : (int)((next - now + 999) / 1000);
}

static bool is_over(const judge_fuzz *f)
{
    bool runs = false;
    for (size_t i = 0; f->ended && i < f->n_conns && !runs; i++)
        runs = f->conns[i]->query.act == FUZZ_RUN &&
               (f->conns[i]->state == CONN_PEER || f->conns[i]->state == CONN_QUEUED);
    return f->stopped || (f->ended && (!runs || now_us() >= f->ends_by));
}

bool judge_fuzz_run(judge_fuzz *f)
{
    struct epoll_event events[MAX_EVENTS];
    while (!is_over(f)) {
        int n = epoll_wait(f->epoll, events, MAX_EVENTS, wait_time(f, now_us()));
        if (n < 0 && errno != EINTR)
            return false;
        int64_t now = now_us();
        for (int i = 0; i < n; i++) {
            conn *c = events[i].data.ptr;
            if (c->listener)
                accept_one(f, c->listener, now);
            else if (c->state == CONN_GONE)
                continue;
            else if (c->state == CONN_QUEUED && events[i].events & (EPOLLHUP | EPOLLERR))
                drop(f, c);
            else if (c->state == CONN_TLS || events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR))
                on_link(f, c, now);
            if (!c->listener && c->state != CONN_GONE && events[i].events & EPOLLOUT)
                on_writable(f, c, now);
        }
        /* As of when it was looked: what came since is read before anyone is late. */
        each_turn(f, now);
        deliver_held(f, NULL, now_us());
    }
    for (fuzz_held h; fuzz_care_last(f, &h); free(h.agent))
        deliver(f, h.test, h.agent, &h.result, now_us());
    return true;
}
