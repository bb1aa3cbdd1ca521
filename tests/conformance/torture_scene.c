/* SPDX-License-Identifier: MIT */
/* See torture_scene.h. */
#include "torture_scene.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <websock/client.h>
#include <websock/server.h>

#include "torture_far.h"
#include "torture_wire.h"

#define URL      (s.params->tls == TORTURE_PLAIN ? "ws://" HOST "/" : "wss://" HOST "/")
#define HOST     TORTURE_HOST
#define MESSAGES 2 /* of the judge's echo loops */
/* Of virtual time, for the end of a connection once the judge has nothing more to say to it. */
#define END_US ((uint64_t)300 * 1000000)
#define ALL_US ((uint64_t)3600 * 1000000)
/* Turns in which nothing moves and no time passes. */
#define IDLE_TURNS 1000
#define STALL      3.0

/* What the endpoint said of a connection. */
typedef struct told {
    void *who; /* while it lives */
    bool opened;
    unsigned ends;
    unsigned code, status;
    wsk_fail kind;
    char text[160];
} told;

static struct {
    const torture_params *params;
    const judge_case *test;
    wsk_loop *loop;
    wsk_tls *tls;
    wsk_server *server;
    wsk_client *client, *other_client;
    told subject, other;
    int refused;     /* calls that told the program of it */
    wsk_state state; /* of the subject when the fault came */
    bool dead;       /* it had broken before that */
    bool sent_close; /* by the program, for want of memory */
    /* the other end of the resting connection */
    torture_far far;
    /* the judge */
    judge_peer *peer;
    judge_result result;
    bool judged, deaf, lingering, gone;
    uint64_t until;
    torture_wire wire;
    torture_tally tally;
    int file; /* of the subject; -1: not yet */
    torture_end end;
    bool up; /* octets can flow */
    bool unclear;
    uint64_t octets;
} s;

static uint64_t now_ms(void)
{
    return tk.now_us / 1000;
}

/* What the other ends are, and what the endpoint is. */
static wsk_role role_of_ends(void)
{
    return s.params->role == JUDGE_ROLE_CLIENT ? WSK_ROLE_CLIENT : WSK_ROLE_SERVER;
}

static wsk_role role_of_endpoint(void)
{
    return s.params->role == JUDGE_ROLE_CLIENT ? WSK_ROLE_SERVER : WSK_ROLE_CLIENT;
}

static int turn(void)
{
    const bool was = tk_enter(true);
    const int r = wsk_loop_turn(s.loop, 0);

    (void)tk_enter(was);
    return r;
}

static int connect_client(wsk_client *c)
{
    const bool was = tk_enter(true);
    const int r = wsk_client_connect(c, URL);

    (void)tk_enter(was);
    return r;
}

/* ----------------------------------------------------------------------------- the program -- */

static void alive(const told *t, const char *what)
{
    if (t->ends > 0)
        tk_wrong("%s came behind the end", what);
}

static void tell_end(told *t, unsigned code, unsigned status, wsk_fail kind, const char *text)
{
    alive(t, "an end");
    t->ends++;
    t->who = NULL;
    t->code = code;
    t->status = status;
    t->kind = kind;
    snprintf(t->text, sizeof(t->text), "%s", text);
}

static void over(told *t, unsigned code, unsigned status, wsk_fail kind, const char *text)
{
    const torture_misdeeds *m = s.params->misdeeds;
    unsigned times = 1;

    if (t == &s.subject && m != NULL && m->end != NULL)
        times = m->end(&code, &kind, &text);
    for (unsigned i = 0; i < times; i++)
        tell_end(t, code, status, kind, text);
}

static void answered(int r)
{
    if (r == WSK_ERR_NOMEM || (r == WSK_ERR_SYS && tk.fired > 0))
        s.refused++;
    else if (r < 0 && r != WSK_ERR_STATE && r != WSK_ERR_FAILED && tk.fired == 0)
        tk_wrong("an echo was refused: %s", wsk_strerror(r));
}

static told *told_of(const void *who)
{
    return who == s.other.who ? &s.other : &s.subject;
}

static void count_echo(const told *t, int r)
{
    if (t != &s.subject)
        return;
    s.tally.heard++;
    s.tally.echoed += r >= 0;
}

/* False: a misdeed keeps it from being echoed. */
static bool is_to_be_echoed(const told *t)
{
    const torture_misdeeds *m = s.params->misdeeds;

    if (t != &s.subject || m == NULL || m->message == NULL)
        return true;
    switch (m->message(s.loop, tk_fd(s.file), tk_fd(s.far.file))) {
    case TORTURE_TAKEN_AND_LOST:
        count_echo(t, WSK_OK);
        return false;
    case TORTURE_FORGOTTEN:
        count_echo(t, WSK_ERR_NOMEM);
        return false;
    default:
        return true;
    }
}

static void on_open(wsk_peer *p)
{
    told *t = s.other.opened ? &s.subject : &s.other;

    alive(t, "on_open");
    if (t->opened)
        tk_wrong("on_open came twice");
    t->opened = true;
    t->who = p;
}

static void on_message(wsk_peer *p, wsk_opcode op, uint8_t *data, size_t len)
{
    alive(told_of(p), "on_message");
    if (!is_to_be_echoed(told_of(p)))
        return;
    int r = wsk_peer_send(p, op, data, len, WSK_SEND_SKIP_UTF8);
    count_echo(told_of(p), r);
    answered(r);
    if (r == WSK_ERR_NOMEM || r == WSK_ERR_SYS)
        answered(wsk_peer_close(p, WSK_CLOSE_INTERNAL_ERROR, wsk_strerror(r)));
}

static void on_control(wsk_peer *p, const uint8_t *data, size_t len)
{
    (void)data;
    (void)len;
    alive(told_of(p), "a control frame");
}

static void on_close(wsk_peer *p, unsigned code, const char *text)
{
    over(told_of(p), code, 0, WSK_FAIL_NONE, text);
}

static void on_refused(wsk_peer *p, unsigned status, const char *text)
{
    over(told_of(p), 0, status, WSK_FAIL_NONE, text);
}

static void c_on_open(wsk_client *c)
{
    told *t = told_of(c);

    alive(t, "on_open");
    if (t->opened)
        tk_wrong("on_open came twice");
    t->opened = true;
}

static void c_on_message(wsk_client *c, wsk_opcode op, uint8_t *data, size_t len)
{
    alive(told_of(c), "on_message");
    if (!is_to_be_echoed(told_of(c)))
        return;
    int r = wsk_client_send(c, op, data, len, WSK_SEND_SKIP_UTF8);
    count_echo(told_of(c), r);
    answered(r);
    if (r == WSK_ERR_NOMEM || r == WSK_ERR_SYS)
        answered(wsk_client_close(c, WSK_CLOSE_INTERNAL_ERROR, wsk_strerror(r)));
}

static void c_on_control(wsk_client *c, const uint8_t *data, size_t len)
{
    (void)data;
    (void)len;
    alive(told_of(c), "a control frame");
}

static void c_on_close(wsk_client *c, unsigned code, const char *reason, const char *text)
{
    (void)reason;
    if (!told_of(c)->opened)
        tk_wrong("on_close without on_open");
    over(told_of(c), code, 0, WSK_FAIL_NONE, text);
}

static void c_on_fail(wsk_client *c, wsk_fail kind, unsigned status, const char *text)
{
    if (told_of(c)->opened)
        tk_wrong("on_fail behind on_open");
    over(told_of(c), 0, status, kind, text);
}

/* ------------------------------------------------------------------------------ the kernel -- */

static void on_sent(const tk_file *f, const void *data, size_t n)
{
    if (s.file >= 0 && f == &tk.file[s.file])
        torture_wire_take(&s.wire, data, n);
}

/* Just before a call fails. */
static void on_fault(void)
{
    const wsk_conn *c = NULL;

    if (s.server != NULL && s.subject.who != NULL)
        c = wsk_peer_conn(s.subject.who);
    else if (s.client != NULL)
        c = wsk_client_conn(s.client);
    s.state = c != NULL            ? wsk_conn_state(c)
              : s.subject.ends > 0 ? WSK_STATE_CLOSED
                                   : WSK_STATE_CONNECTING;
    s.dead = s.file >= 0 && tk.file[s.file].dead;
}

/* ------------------------------------------------------------------------------- the judge -- */

static void judge_begin(void)
{
    static judge_options options;
    judge_peer_setup setup = {
        .test = s.test,
        .role = s.params->role,
        .agent = "torture",
        .options = &options,
        .host = HOST,
        .resource = "/",
        .streams = s.params->streams,
        .messages = MESSAGES,
        .most_log = 64,
        .stall_seconds = STALL,
    };

    judge_options_init(&options);
    options.checks_origin = false;
    s.peer = judge_peer_new(&setup, (int64_t)tk.now_us);
    if (s.peer == NULL)
        abort();
}

/* With TLS it is only read that is seen. */
static long judge_reads(uint8_t *buf, size_t n)
{
    const long got = torture_end_read(&s.end, buf, n);

    if (got > 0 && s.end.ssl != NULL)
        torture_wire_take(&s.wire, buf, (size_t)got);
    return got;
}

static void judge_end(void)
{
    const judge_drop drop = judge_peer_drop(s.peer);

    judge_peer_result(s.peer, (int64_t)tk.now_us, &s.result);
    judge_peer_free(s.peer);
    s.peer = NULL;
    s.judged = true;
    s.until = tk.now_us + 1000000;
    if (s.file < 0 || drop == JUDGE_DROP_NONE) {
        s.gone = true;
    } else if (drop == JUDGE_DROP_RESET) {
        tk_reset(s.file);
        s.gone = true;
    } else {
        torture_end_fin(&s.end);
        s.lingering = true;
    }
}

static bool judge_writes(void)
{
    const uint8_t *data;
    bool moved = false;
    size_t n;

    judge_peer_clock(s.peer, (int64_t)tk.now_us);
    if (judge_peer_paused(s.peer)) {
        judge_peer_turn(s.peer);
        moved = true;
    }
    while (!judge_peer_paused(s.peer) && (n = judge_peer_output(s.peer, &data)) > 0) {
        long sent = s.deaf ? (long)n : torture_end_write(&s.end, data, n);

        if (sent < 0) {
            s.deaf = true;
            judge_peer_cannot_write(s.peer);
            continue;
        }
        if (sent == 0)
            break;
        judge_peer_wrote(s.peer, (size_t)sent);
        s.octets += (size_t)sent;
        moved = true;
    }
    if (judge_peer_wants_fin(s.peer))
        torture_end_fin(&s.end);
    return moved;
}

/* True if octets can flow. */
static bool judge_shakes(void)
{
    const int r = s.up || s.peer == NULL ? 0 : torture_end_shake(&s.end);

    if (r < 0) {
        judge_peer_unreachable(s.peer, (int64_t)tk.now_us, "TLS handshake failed");
        torture_end_fin(&s.end);
        judge_end();
    } else if (r > 0) {
        s.up = true;
        judge_peer_begin(s.peer, (int64_t)tk.now_us);
    }
    return s.up;
}

static void judge_takes(int file)
{
    s.file = file;
    if (file >= 0)
        torture_end_begin(&s.end, file, role_of_ends(), s.params->tls, &s.far.end);
}

static bool judge_pump(void)
{
    static uint8_t buf[65536];
    bool moved = false;
    long n = 0;

    if (s.file < 0 && s.params->role == JUDGE_ROLE_SERVER && s.subject.ends == 0) {
        judge_takes(tk_answer());
        moved = s.file >= 0;
    }
    if (s.file < 0 || !judge_shakes())
        return moved;
    if (s.lingering) {
        while ((n = judge_reads(buf, sizeof(buf))) > 0)
            moved = true;
        if (n < 0 || tk.now_us >= s.until) {
            if (n == 0)
                tk_reset(s.file);
            s.lingering = false;
            s.gone = true;
        }
    }
    if (s.peer == NULL)
        return moved;
    size_t most = judge_peer_appetite(s.peer);
    if (most > 0)
        n = judge_reads(buf, most < sizeof(buf) ? most : sizeof(buf));
    if (n > 0) {
        s.octets += (size_t)n;
        moved = true;
        judge_peer_feed(s.peer, (int64_t)tk.now_us, buf, (size_t)n);
    } else if (n < 0) {
        judge_peer_lost(s.peer, (int64_t)tk.now_us);
    }
    moved = judge_writes() || moved;
    if (judge_peer_is_done(s.peer))
        judge_end();
    return moved;
}

/* --------------------------------------------------------------------------------- turning -- */

/* The clock goes to what is due next. False: nothing ever is. */
static bool let_time_pass(void)
{
    uint64_t next = UINT64_MAX;
    int ms = wsk_loop_timeout(s.loop);

    if (ms >= 0)
        next = (now_ms() + (uint64_t)ms) * 1000;
    if (s.peer != NULL && s.up) {
        int64_t at = judge_peer_deadline(s.peer);
        if (at != INT64_MAX && (uint64_t)at < next)
            next = (uint64_t)at;
    }
    if (s.lingering && s.until < next)
        next = s.until;
    if (next == UINT64_MAX)
        return false;
    if (next > tk.now_us)
        tk.now_us = next;
    if (s.peer != NULL && s.up && judge_peer_deadline(s.peer) <= (int64_t)tk.now_us)
        judge_peer_tick(s.peer, (int64_t)tk.now_us);
    return true;
}

static void turn_until(bool (*done)(void), const char *what)
{
    uint64_t end = 0;
    unsigned idle = 0;

    while (tk.wrong[0] == 0) {
        const uint64_t before = tk.moved;

        if (turn() < 0)
            tk_wrong("the loop failed: %s", strerror(errno));
        bool moved = judge_pump();
        moved = torture_far_pump(&s.far, now_ms()) || moved;
        if (done())
            return;
        if (end == 0 && s.peer == NULL)
            end = tk.now_us + END_US;
        if ((end != 0 && tk.now_us > end) || tk.now_us > ALL_US)
            tk_wrong("%s: it does not end", what);
        if (moved || tk.moved != before) {
            idle = 0;
        } else if (tk_is_ready() || wsk_loop_timeout(s.loop) == 0) {
            if (++idle > IDLE_TURNS)
                tk_wrong("%s: it turns without end", what);
        } else {
            idle = 0;
            if (!let_time_pass())
                tk_wrong("%s: nothing will ever happen", what);
        }
    }
}

static bool far_is_open(void)
{
    return s.far.open && s.other.opened;
}

static bool subject_is_over(void)
{
    const bool closed = s.file < 0 || (!tk.file[s.file].open && !tk.file[s.file].waiting);

    if (s.params->role == JUDGE_ROLE_SERVER && s.file < 0)
        return s.subject.ends > 0;
    return (s.judged || s.file < 0) && closed && !s.lingering;
}

static bool far_is_over(void)
{
    return s.far.ended && s.other.ends > 0 && !tk.file[s.far.file].open;
}

/* ----------------------------------------------------------------------------- the endpoint -- */

bool torture_is_limited(const judge_case *c)
{
    return strncmp(c->id, "18.", 3) == 0 && strncmp(c->id, "18.7.", 5) != 0;
}

static void set_conn(wsk_config_options *o)
{
    o->hooks = &tk.hooks;
    o->deflate.enabled = true;
    o->max_queued = (size_t)1 << 27;
    if (torture_is_limited(s.test))
        o->max_message = TORTURE_LIMIT;
    if (strncmp(s.test->id, "22.", 3) == 0) {
        o->open_timeout = o->message_timeout = o->write_timeout = 1000;
        o->close_timeout = o->linger_timeout = 500;
    }
}

static int make_server(void)
{
    wsk_server_options o = WSK_SERVER_OPTIONS_INIT;
    wsk_handlers h = WSK_HANDLERS_INIT;

    set_conn(&o.conn);
    h.on_open = on_open;
    h.on_message = on_message;
    h.on_ping = h.on_pong = on_control;
    h.on_close = on_close;
    h.on_refused = on_refused;
    int r = wsk_server_new(&s.server, s.loop, &o, &h, NULL);
    return r < 0 ? r : wsk_server_listen(s.server, URL, s.tls);
}

static int make_clients(void)
{
    wsk_client_options o = WSK_CLIENT_OPTIONS_INIT;
    wsk_client_handlers h = WSK_CLIENT_HANDLERS_INIT;

    set_conn(&o.conn);
    o.proxy = "";
    o.tls = s.tls;
    h.on_open = c_on_open;
    h.on_message = c_on_message;
    h.on_ping = h.on_pong = c_on_control;
    h.on_close = c_on_close;
    h.on_fail = c_on_fail;
    int r = wsk_client_new(&s.other_client, s.loop, &o, &h, NULL);
    if (r == WSK_OK)
        r = wsk_client_new(&s.client, s.loop, &o, &h, NULL);
    s.other.who = s.other_client;
    return r;
}

static int make_endpoint(void)
{
    wsk_loop_options o = WSK_LOOP_OPTIONS_INIT;

    o.hooks = &tk.hooks;
    o.io = s.params->io;
    o.recv_buffer = 16384;
    int r = wsk__loop_new_on(&s.loop, &o, &tk.sys);
    if (r == WSK_OK && s.params->tls != TORTURE_PLAIN)
        r = torture_tls_new(&s.tls, role_of_endpoint(), s.params->tls, &tk.hooks);
    if (r == WSK_OK)
        r = s.params->role == JUDGE_ROLE_CLIENT ? make_server() : make_clients();
    if (r == WSK_OK && s.params->set_up)
        r = wsk_loop_turn(s.loop, 0);
    if (s.params->misdeeds != NULL && s.params->misdeeds->set_up != NULL)
        r = s.params->misdeeds->set_up(r);
    return r;
}

static int set_up(void)
{
    const bool was = tk_enter(true);
    const int r = make_endpoint();

    (void)tk_enter(was);
    return r;
}

/* The other connection opens, and rests. */
static void open_other(void)
{
    int file = -1;

    if (s.params->role == JUDGE_ROLE_CLIENT) {
        file = tk_knock();
    } else {
        if (connect_client(s.other_client) < 0)
            abort();
        while (tk.wrong[0] == 0 && (file = tk_answer()) < 0)
            (void)turn();
    }
    torture_far_begin(&s.far, file, role_of_ends(), s.params->tls, now_ms());
    turn_until(far_is_open, "the other connection opens");
}

static void run_case(void)
{
    static uint8_t buf[4096];

    s.file = -1;
    judge_begin();
    tk.on_fault = on_fault;
    if (s.params->tls == TORTURE_PLAIN)
        tk.on_sent = on_sent;
    s.wire.is_server = s.server != NULL;
    tk_arm(s.params->fault);
    if (s.params->role == JUDGE_ROLE_CLIENT) {
        judge_takes(tk_knock());
    } else {
        int r = connect_client(s.client);
        if (r == WSK_ERR_NOMEM) {
            s.refused++;
            s.subject.ends++;
        } else if (r < 0) {
            tk_wrong("connect: %s", wsk_strerror(r));
        }
    }
    turn_until(subject_is_over, "the case");
    /* What is left over comes in the turns behind it. */
    for (int i = 0; i < 3; i++)
        (void)turn();
    tk_disarm();
    /* What nobody read any more was sent all the same. */
    while (s.up && s.end.ssl != NULL && judge_reads(buf, sizeof(buf)) > 0)
        ;
    s.tally.messages = s.wire.messages;
    s.tally.pongs = s.wire.pongs;
    s.tally.closes = s.wire.closes;
}

static void close_other(void)
{
    wsk_server_stats stats = {0};

    if (!torture_far_asks(&s.far))
        tk_wrong("the other connection was ended: %s %s", wsk_conn_end_text(s.far.conn),
                 s.other.text);
    turn_until(far_is_over, "the other connection ends");
    if (!s.far.echoed || !s.far.clean || s.other.code != 1000)
        tk_wrong("the other connection: %s, code %u (%s)", s.far.echoed ? "echoed" : "not echoed",
                 s.other.code, s.other.text);
    if (s.server != NULL)
        wsk_server_get_stats(s.server, &stats);
    if (stats.connections != 0 || stats.open != 0)
        tk_wrong("the server still counts %u connections", (unsigned)stats.connections);
}

static void tear_down(void)
{
    const bool was = tk_enter(true);

    wsk_server_free(s.server);
    wsk_client_free(s.client);
    wsk_client_free(s.other_client);
    wsk_loop_free(s.loop);
    wsk_tls_unref(s.tls);
    (void)tk_enter(was);
    torture_end_free(&s.end);
    torture_far_free(&s.far);
    judge_peer_free(s.peer);
}

/* ------------------------------------------------------------------------------ the errors -- */

/* What a broken connection is called. */
static const char *words_for(int err)
{
    switch (err) {
    case ECONNRESET:
        return "connection reset by peer";
    case EPIPE:
        return "connection closed by peer";
    case ETIMEDOUT:
        return "connection timed out";
    case ENOSPC:
        return "connection broken";
    default:
        return "out of memory";
    }
}

static bool says_memory(const char *text)
{
    return strstr(text, "memory") != NULL;
}

/* Faults of a call that is made again: nothing is to be seen of them. */
static bool is_harmless(const tk_fault *f)
{
    switch (f->call) {
    case TK_ACCEPT:
    case TK_SETSOCKOPT:
    case TK_GETSOCKNAME:
    case TK_CLOSE:
    case TK_WOKEN:
    case TK_RING_FD:
    case TK_SUBMIT:
    case TK_ENTER:
        return true;
    case TK_GETPEERNAME:
        return s.server != NULL || f->err == ENOTCONN;
    case TK_CONNECT:
        return f->err == EINTR;
    default:
        return f->err == TK_SHORT || f->err == EINTR || f->err == EAGAIN;
    }
}

/* The connection broke, and the program must hear of it in these words: not if it had an end
 * already, nor if what came before the break was a close frame. */
static void check_broken(const char *words)
{
    const told *t = &s.subject;
    const bool lost = t->opened ? t->code == WSK_CLOSE_ABNORMAL
                                : t->kind == WSK_FAIL_NONE || t->kind == WSK_FAIL_LOST ||
                                      t->kind == WSK_FAIL_INTERNAL;
    /* A completion tells of octets, and of errors, that the loop is yet to see. */
    const bool early = s.params->io == WSK_IO_URING && tk.fault.call == TK_RECV;

    if (s.dead || s.state == WSK_STATE_CLOSING || t->status != 0)
        return;
    if (lost && (strcmp(t->text, words) == 0 || (early && strcmp(t->text, words_for(EPIPE)) == 0)))
        return;
    if ((tk.fault.call != TK_RECV || early) && t->code == (unsigned)s.result.local_code)
        return;
    if (early && strcmp(t->text, s.params->usual->text) == 0)
        return;
    tk_wrong("told as code %u, failure %d (%s), not as lost (%s)", t->code, (int)t->kind, t->text,
             words);
}

/* Nothing but the end is missing: the program had each message, the peer each echo and each pong.
 */
static bool is_all_else_the_same(void)
{
    const torture_tally *now = &s.tally, *then = &s.params->usual->tally;

    return now->heard == then->heard && now->echoed == then->echoed &&
           now->messages == then->messages && now->pongs == then->pongs;
}

/* A connection that was to be failed or refused for another reason could not even be told so: then
 * that reason counts, and no end was sent. */
static bool is_first_cause(void)
{
    const told *t = &s.subject;

    return (t->opened ? t->code == WSK_CLOSE_ABNORMAL : t->status == 0) &&
           strcmp(t->text, s.params->usual->text) == 0 && is_all_else_the_same();
}

/* OpenSSL does not always say that it was memory that was missing. */
static bool is_blamed_on_tls(const told *t)
{
    static const char *const words[] = {
        "TLS handshake failed: ", "TLS connection failed: ", "certificate verify failed: "};

    if (tk.fault.call != TK_CRYPTO && tk.fault.call != TK_NONCE)
        return false;
    if (t->opened ? t->code != WSK_CLOSE_ABNORMAL : s.client != NULL && t->kind != WSK_FAIL_TLS)
        return false;
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strncmp(t->text, words[i], strlen(words[i])) == 0)
            return true;
    }
    return false;
}

static void check_memory(void)
{
    const told *t = &s.subject;
    const bool silent = s.refused == 0;

    if (is_first_cause())
        return;
    /* Behind a close frame it counts as any other break of the connection: what the peer said is
     * the end, also where it did not get all that was on its way. */
    if (s.params->tls != TORTURE_PLAIN && t->opened && t->code == (unsigned)s.result.local_code &&
        strcmp(t->text, s.params->usual->text) == 0)
        return;
    s.unclear = silent && is_blamed_on_tls(t);
    if (s.unclear)
        return;
    if (silent && !says_memory(t->text) && !says_memory(tk.log))
        tk_wrong("no word of memory: code %u, status %u, \"%s\"; the judge: %s", t->code, t->status,
                 t->text, s.result.why);
    /* A program that is told by a call closes with 1011, and hears what the peer says to that. */
    if (t->opened && t->ends > 0 && s.state == WSK_STATE_OPEN && t->code != 1011 &&
        t->code != 1006 && (silent || s.result.remote_code != 1011))
        tk_wrong("for want of memory told as code %u (%s)", t->code, t->text);
    if (s.client != NULL && !t->opened && silent && t->kind != WSK_FAIL_INTERNAL)
        tk_wrong("for want of memory told as failure %d (%s)", (int)t->kind, t->text);
}

/* What is missing here is no fault of the host. */
static bool is_want(int err)
{
    return err == EMFILE || err == ENFILE || err == ENOMEM || err == ENOBUFS;
}

/* Before there is a connection, of a client. */
static void check_connecting(void)
{
    const told *t = &s.subject;
    const tk_fault *f = &tk.fault;
    wsk_fail wanted = WSK_FAIL_INTERNAL;

    const bool connects = f->call == TK_SOCKET || f->call == TK_CONNECT ||
                          f->call == TK_GETSOCKOPT || f->call == TK_GETPEERNAME;

    if (connects)
        wanted = is_want(f->err) ? WSK_FAIL_INTERNAL : WSK_FAIL_CONNECT;
    else if (f->call == TK_LOOKUP)
        wanted = WSK_FAIL_RESOLVE;
    if (t->opened || t->kind != wanted)
        tk_wrong("told as failure %d (%s), not as %d", (int)t->kind, t->text, (int)wanted);
    if (connects && wsk_client_errno(s.client) != f->err)
        tk_wrong("errno %d, not %d", wsk_client_errno(s.client), f->err);
}

/* The error that the program heard of is that of the fault. */
static void check_error(bool good)
{
    const told *t = &s.subject;

    /* What was taken from the program before the close frame went out before it. */
    if (s.tally.closes > 0 && s.tally.messages != s.tally.echoed)
        tk_wrong("%u echoes were taken, %u sent before the close frame (%s)", s.tally.echoed,
                 s.tally.messages, t->text);
    /* Who never became a peer has no end, but a line in the log. */
    if (t->ends != 1 && !(t->ends == 0 && tk.fired > 0 &&
                          (says_memory(tk.log) || strstr(tk.log, "cannot be watched") != NULL)))
        tk_wrong("%u ends were told", t->ends);
    if (tk.fired == 0 || is_harmless(&tk.fault)) {
        /* Accepting rests for a second when descriptors or memory have run out. */
        if (!good &&
            !(tk.fired > 0 && tk.fault.call == TK_ACCEPT && s.result.behavior == JUDGE_NON_STRICT))
            tk_wrong("the judge: %s (code %u, status %u, \"%s\")", s.result.why, t->code, t->status,
                     t->text);
        return;
    }
    if (s.state == WSK_STATE_CLOSED)
        return;
    switch (tk.fault.call) {
    case TK_ALLOC:
    case TK_CRYPTO:
    case TK_MALLOC:
        if (!good) /* else it could do without */
            check_memory();
        break;
    case TK_RECV:
    case TK_SEND:
        check_broken(words_for(tk.fault.err));
        break;
    case TK_CTL:
        if (t->opened)
            check_broken(words_for(tk.fault.err));
        else if (t->ends > 0 && t->kind != WSK_FAIL_CONNECT && t->kind != WSK_FAIL_INTERNAL &&
                 !says_memory(t->text))
            tk_wrong("told as failure %d (%s)", (int)t->kind, t->text);
        break;
    case TK_RANDOM:
    case TK_NONCE:
        if (is_first_cause() || good || is_blamed_on_tls(t))
            break;
        if (tk.fault.call == TK_NONCE && says_memory(t->text))
            break;
        if (t->opened ? t->code != 1006 && t->code != 1011 : t->kind != WSK_FAIL_INTERNAL)
            tk_wrong("told as code %u, failure %d (%s)", t->code, (int)t->kind, t->text);
        break;
    case TK_SHUTDOWN:
        /* All was said by then, and is only not to be answered any more. */
        if (!good || strcmp(t->text, s.params->usual->text) != 0)
            check_broken(words_for(tk.fault.err));
        break;
    case TK_GETSOCKOPT:
    case TK_GETPEERNAME:
        if (!good) /* else it was not about connecting, or about meeting itself */
            check_connecting();
        break;
    default:
        check_connecting();
        break;
    }
}

static bool is_good(judge_behavior b)
{
    return b == JUDGE_OK || b == JUDGE_INFORMATIONAL;
}

static void check_set_up(int r)
{
    const tk_call call = tk.fault.call;
    const int wanted = call == TK_ALLOC                                           ? WSK_ERR_NOMEM
                       : call == TK_MMAP || call == TK_RING || call == TK_BUFFERS ? WSK_ERR_NOTSUP
                                                                                  : WSK_ERR_SYS;

    /* Of this much is for what may be done without, and not all else is called by its name. */
    if (call == TK_CRYPTO || call == TK_NONCE) {
        if (r != WSK_OK && r != WSK_ERR_NOMEM && r != WSK_ERR_TLS)
            tk_wrong("the set-up failed with \"%s\" (%s)", wsk_strerror(r), tk.log);
        s.unclear = r == WSK_ERR_TLS;
        return;
    }
    if (r == WSK_OK && tk.fired > 0 && (call == TK_GETSOCKNAME || !is_harmless(&tk.fault)))
        tk_wrong("a fault in the set-up was swallowed");
    if (r < 0 && (r != wanted || (r != WSK_ERR_NOMEM && errno != tk.fault.err)))
        tk_wrong("the set-up failed with \"%s\" (errno %d)", wsk_strerror(r), errno);
}

bool torture_fits(const judge_case *c)
{
    return c->crowd.count == 0;
}

static void play(const judge_case *c, const torture_params *params, torture_result *ret)
{
    int r;

    memset(&s, 0, sizeof(s));
    memset(ret, 0, sizeof(*ret));
    s.params = params;
    s.test = c;
    s.file = s.far.file = -1;
    tk_begin();
    if (params->set_up)
        tk_arm(params->fault);
    r = set_up();
    if (params->set_up) {
        check_set_up(r);
    } else if (r < 0) {
        tk_wrong("cannot be set up: %s", wsk_strerror(r));
    }
    if (r == WSK_OK && !params->set_up) {
        open_other();
        run_case();
        ret->good = s.judged && is_good(s.result.behavior) && is_good(s.result.behavior_close);
        ret->allocs = tk.allocs;
        ret->crypto = tk.crypto;
        ret->calls = tk.calls;
        ret->fired = tk.fired;
        ret->octets = s.octets;
        ret->unclear = s.unclear;
        if (!ret->good && s.result.why != NULL)
            snprintf(ret->why, sizeof(ret->why), "%s", s.result.why);
        snprintf(ret->usual.text, sizeof(ret->usual.text), "%s", s.subject.text);
        ret->usual.tally = s.tally;
        if (tk.fired == 0 && s.up && !torture_end_is(&s.end, params->tls))
            tk_wrong("the handshake was another");
        if (tk.wrong[0] == 0)
            check_error(ret->good);
        if (tk.wrong[0] == 0)
            close_other();
    }
    tear_down();
    /* Closing all of it may fail, too. */
    if (params->set_up) {
        ret->good = r == WSK_OK;
        ret->unclear = s.unclear;
        ret->allocs = tk.allocs;
        ret->crypto = tk.crypto;
        ret->calls = tk.calls;
        ret->fired = tk.fired;
    }
    judge_result_deinit(&s.result);
    tk_end();
    snprintf(ret->wrong, sizeof(ret->wrong), "%s", tk.wrong);
}

/* OpenSSL keeps what it has looked up once. What it keeps anew each time is lost. */
void torture_play(const judge_case *c, const torture_params *params, torture_result *ret)
{
    unsigned rounds = params->fault != NULL && params->fault->call == TK_CRYPTO ? 4 : 1;

    do
        play(c, params, ret);
    while (tk.crypto_kept && --rounds > 0);
}

void torture_warm_up(const judge_case *c, judge_streams *streams)
{
    torture_result r;

    for (int i = 0; i < 2 * TORTURE_TLS_KINDS; i++) {
        const torture_params params = {.role = i % 2 == 0 ? JUDGE_ROLE_CLIENT : JUDGE_ROLE_SERVER,
                                       .io = WSK_IO_EPOLL,
                                       .tls = (torture_tls)(i / 2),
                                       .streams = streams};

        torture_play(c, &params, &r);
    }
}
