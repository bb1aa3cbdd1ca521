/* SPDX-License-Identifier: MIT */
/*
 * What servers answer to the judge's client: the whole connection of a case, down to the result
 * and its reports. Input: category, case (two octets), two octets of options, then what the server
 * does, see `act`. Each conversation is held twice, the second time with every answer in small
 * pieces: where no time passes in between both must come to the same verdict.
 */
#include "judge_oracle.h"

#include "conformance/peer.h"
#include "conformance/peer_internal.h"
#include "http/handshake.h"

/* Octets of one answer, of all that the server knows of what it was sent, and of what it takes. */
#define MOST_ANSWER ((size_t)1 << 16)
#define MOST_HEARD  ((size_t)1 << 16)
#define MOST_TAKEN  ((size_t)1 << 17)
#define MOST_ACTS   64
/* Small reads until they become larger, and entries of the wire log: more say nothing new. */
#define SMALL_READS 64
#define MOST_LOG    1000
#define KEY         "dGhlIHNhbXBsZSBub25jZQ=="
#define CATEGORIES  64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct buffer {
    size_t len;
    uint8_t at[MOST_ANSWER];
} buffer;

/* One conversation. */
typedef struct talk {
    judge_peer *p;
    int64_t now;
    size_t cut; /* octets of a read at most */
    unsigned n_reads;
    size_t taken;
    bool deaf;              /* the server takes nothing */
    bool joined;            /* what it answers comes with what it answers next */
    size_t n_heard, echoed; /* what it was sent, and how much of it came back */
    uint8_t heard[MOST_HEARD];
    buffer waiting; /* for the judge to read it */
    buffer answer;  /* that is being made */
} talk;

static struct {
    judge_table *table;
    const judge_case **cases; /* that servers can be tested by, in their order */
    size_t first[CATEGORIES + 1], n_categories;
    char accept[WSK__ACCEPT_LEN + 1];
} suite;

/* --------------------------------------------------------------------------------- suite -- */

/* Megabytes say nothing that shorter messages do not. */
static bool is_short(const judge_case *c)
{
    for (size_t i = 0; i < WSK__COUNT(c->ending); i++)
        for (size_t k = 0; k < c->ending[i].n; k++)
            if (c->ending[i].event[k].blob.total > (1u << 20))
                return false;
    if (c->weight != 1)
        return true;
    for (const judge_step *s = c->steps; s->op != JUDGE_STEP_END; s++)
        if (s->blob.total > MOST_HEARD / 2)
            return false;
    return c->echo.len <= MOST_HEARD / 2;
}

static void suite_make(void)
{
    size_t n = 0;
    long last = 0;

    suite.table = judge_table_new();
    expect(suite.table != NULL && wsk__handshake_accept(KEY, suite.accept) == WSK_OK);
    suite.cases = calloc(judge_table_count(suite.table), sizeof(const judge_case *));
    expect(suite.cases != NULL);
    for (size_t i = 0; i < judge_table_count(suite.table); i++) {
        const judge_case *c = judge_table_at(suite.table, i);
        const long category = strtol(c->id, NULL, 10);

        if (!is_short(c) || !judge_case_has_role(c, JUDGE_ROLE_CLIENT))
            continue;
        if (category != last) {
            expect(suite.n_categories < CATEGORIES);
            suite.first[suite.n_categories++] = n;
        }
        last = category;
        suite.cases[n++] = c;
    }
    suite.first[suite.n_categories] = n;
}

static const judge_case *suite_case(unsigned category, unsigned k)
{
    const size_t *first = &suite.first[category % suite.n_categories];

    return suite.cases[first[0] + k % (first[1] - first[0])];
}

/* ------------------------------------------------------------------------------- answers -- */

static void put(buffer *b, const void *data, size_t n)
{
    n = n < sizeof(b->at) - b->len ? n : sizeof(b->at) - b->len;
    if (n > 0)
        memcpy(b->at + b->len, data, n);
    b->len += n;
}

static void put_text(buffer *b, const char *text)
{
    put(b, text, strlen(text));
}

static void put_frame(buffer *b, uint8_t first, const uint8_t *data, size_t n, bool masked)
{
    static const uint8_t key[4] = {0x11, 0x22, 0x44, 0x88};
    const uint8_t bit = masked ? 0x80 : 0;
    const uint8_t head[4] = {first, (uint8_t)(bit | (n < 126 ? n : 126)), (uint8_t)(n >> 8),
                             (uint8_t)n};
    size_t from;

    put(b, head, n < 126 ? 2 : 4);
    if (masked)
        put(b, key, 4);
    from = b->len;
    put(b, data, n);
    for (size_t i = from; masked && i < b->len; i++)
        b->at[i] ^= key[(i - from) & 3];
}

/* {accept} stands for what is right. */
static void put_template(buffer *b, const uint8_t *data, size_t n)
{
    static const char hole[] = "{accept}";

    while (n > 0) {
        const uint8_t *open = memmem(data, n, hole, sizeof(hole) - 1);
        const size_t before = open != NULL ? (size_t)(open - data) : n;

        put(b, data, before);
        if (open == NULL)
            return;
        put_text(b, suite.accept);
        data = open + sizeof(hole) - 1;
        n -= before + sizeof(hole) - 1;
    }
}

/* An answer as it should be, but for what is agreed on, perhaps. */
static void put_answer(buffer *b, uint8_t how, uint8_t bits)
{
    char text[64];

    put_text(b, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: "
                "Upgrade\r\nSec-WebSocket-Accept: ");
    put_text(b, suite.accept);
    if (how & 1)
        put_text(b, "\r\nSec-WebSocket-Extensions: permessage-deflate");
    if (how & 2)
        put_text(b, "; server_no_context_takeover");
    if (how & 4)
        put_text(b, "; client_no_context_takeover");
    if (how & 8) {
        snprintf(text, sizeof text, "; client_max_window_bits=%d", bits >> 4);
        put_text(b, text);
    }
    if (how & 16) {
        snprintf(text, sizeof text, "; server_max_window_bits=%d", bits & 15);
        put_text(b, text);
    }
    if (how & 32)
        put_text(b, "\r\nSec-WebSocket-Protocol: chat");
    if (how & 64)
        put_text(b, "\r\nServer: fuzz");
    put_text(b, "\r\n\r\n");
}

/* A message of its own, compressed without any history. */
static void put_compressed(buffer *b, uint8_t first, const uint8_t *data, size_t n)
{
    uint8_t out[512];
    z_stream z = {
        .next_in = data, .avail_in = (unsigned)n, .next_out = out, .avail_out = sizeof out};

    expect(deflateInit2(&z, 9, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY) == Z_OK);
    expect(deflate(&z, Z_SYNC_FLUSH) == Z_OK && z.avail_in == 0);
    deflateEnd(&z);
    put_frame(b, first | RSV1_BIT, out, sizeof out - z.avail_out - 4, false);
}

/* The next frames that the judge has sent, as an echo would send them back: what is compressed
 * stays as it is. */
static void put_echo(talk *t, unsigned most)
{
    if (t->echoed == 0) {
        const uint8_t *end = memmem(t->heard, t->n_heard, "\r\n\r\n", 4);

        t->echoed = end != NULL ? (size_t)(end - t->heard) + 4 : 0;
    }
    while (t->echoed > 0 && most-- > 0) {
        uint8_t *f = t->heard + t->echoed, first;
        const size_t left = t->n_heard - t->echoed;
        size_t n_head = 6, n = left >= 2 ? f[1] & 127 : 0;

        if (n == 126) {
            n = left >= 4 ? (size_t)f[2] << 8 | f[3] : 0;
            n_head = 8;
        }
        if (left < n_head || n == 127 || left - n_head < n)
            return;
        first = (f[0] & 15) == WSK_OP_PING ? (f[0] & 0xf0) | WSK_OP_PONG : f[0];
        for (size_t i = 0; i < n && f[1] & 0x80; i++)
            f[n_head + i] ^= f[n_head - 4 + (i & 3)];
        put_frame(&t->answer, first, f + n_head, n, false);
        t->echoed += n_head + n;
    }
}

/* ---------------------------------------------------------------------------- conversation -- */

static void take_output(talk *t)
{
    const uint8_t *out;
    size_t n;

    while (!t->deaf && t->taken < MOST_TAKEN && (n = judge_peer_output(t->p, &out)) > 0) {
        const size_t room = sizeof(t->heard) - t->n_heard;

        n = n < MOST_ANSWER ? n : MOST_ANSWER;
        memcpy(t->heard + t->n_heard, out, n < room ? n : room);
        t->n_heard += n < room ? n : room;
        t->taken += n;
        judge_peer_wrote(t->p, n);
        judge_peer_turn(t->p);
    }
    (void)judge_peer_wants_fin(t->p);
}

/* The judge reads as much as it wants to. */
static void let_read(talk *t)
{
    size_t at = 0, n;

    while (!judge_peer_is_done(t->p) && at < t->waiting.len &&
           (n = judge_peer_appetite(t->p)) > 0) {
        /* Memory of its own, so that a read beyond it is seen. */
        uint8_t *piece;

        n = n < t->waiting.len - at ? n : t->waiting.len - at;
        n = n < t->cut ? n : t->cut;
        if (++t->n_reads % SMALL_READS == 0 && t->cut < MOST_ANSWER)
            t->cut *= 2;
        piece = malloc(n);
        expect(piece != NULL);
        memcpy(piece, t->waiting.at + at, n);
        judge_peer_feed(t->p, t->now, piece, n);
        free(piece);
        at += n;
    }
    t->waiting.len -= at;
    memmove(t->waiting.at, t->waiting.at + at, t->waiting.len);
}

static void pass_time(talk *t, int64_t until)
{
    for (unsigned i = 0; i < 100 && judge_peer_deadline(t->p) <= until; i++) {
        const int64_t at = judge_peer_deadline(t->p);

        t->now = at > t->now ? at : t->now;
        judge_peer_tick(t->p, t->now);
        take_output(t);
        let_read(t);
    }
    t->now = until > t->now ? until : t->now;
    judge_peer_clock(t->p, t->now);
}

/*
 * One act of the server; false: it is gone. Each is a letter and what it needs: 'a', how, bits: a
 * good answer; 't', length, text with {accept}; 'f', first octet, length, payload: a frame, 'm': a
 * masked one, 'z': a compressed one; 'e', n: so many frames of the judge's come back (0: all); 'w',
 * n: time passes; 'd': it takes no more of what is sent, or again; 'j': what follows comes in one
 * piece, or no more; 'x': it goes.
 */
static bool act(talk *t, const uint8_t **at, size_t *left)
{
    const uint8_t *p = *at;
    size_t args = 0, n = 0, used;

    switch (p[0]) {
    case 'a':
        args = 2;
        break;
    case 'f':
    case 'm':
    case 'z':
        args = 2;
        n = *left > 2 ? p[2] : 0;
        break;
    case 't':
        args = 1;
        n = *left > 1 ? p[1] : 0;
        break;
    case 'e':
    case 'w':
        args = 1;
        break;
    default:
        break;
    }
    if (*left < 1 + args)
        return false;
    n = n < *left - 1 - args ? n : *left - 1 - args;
    used = 1 + args + n;
    t->answer.len = 0;
    switch (p[0]) {
    case 'a':
        put_answer(&t->answer, p[1], p[2]);
        break;
    case 't':
        put_template(&t->answer, p + 2, n);
        break;
    case 'f':
    case 'm':
        put_frame(&t->answer, p[1], p + 3, n, p[0] == 'm');
        break;
    case 'z':
        put_compressed(&t->answer, p[1], p + 3, n);
        break;
    case 'e':
        put_echo(t, p[1] ? p[1] : 4096);
        break;
    case 'w':
        pass_time(t, t->now + (p[1] < 128 ? p[1] * 10000 : (p[1] - 127) * 250000));
        break;
    case 'd':
        t->deaf = !t->deaf;
        break;
    case 'j':
        t->joined = !t->joined;
        break;
    case 'x':
        return false;
    default:
        break;
    }
    *at += used;
    *left -= used;
    put(&t->waiting, t->answer.at, t->answer.len);
    if (!t->joined)
        let_read(t);
    take_output(t);
    return true;
}

/* --------------------------------------------------------------------------------- result -- */

static bool good(judge_behavior b)
{
    return b == JUDGE_OK || b == JUDGE_INFORMATIONAL;
}

/* A result is whole, and says nothing that its own parts do not bear out. */
static void check_result(const judge_peer *p, const judge_result *r)
{
    const judge_case *c = p->test;

    expect(!r->is_server && r->id == c->id && r->agent != NULL && r->index == c->index);
    expect(r->result != NULL && r->result_close != NULL);
    expect(r->http_request != NULL && r->http_response != NULL);
    expect(r->behavior <= JUDGE_UNIMPLEMENTED && r->behavior_close <= JUDGE_FAILED_BY_CLIENT);
    /* What failed has its line for people, what did not has none. */
    expect((r->why != NULL) == !(good(r->behavior) && good(r->behavior_close)));
    expect(r->n_log <= MOST_LOG && r->why_log >= -1 && r->why_log < (int)r->n_log);
    expect(r->received.n <= MAX_EVENTS);
    expect(r->remote_code >= -1 && r->remote_code <= 65535 && r->local_code >= -1);
    expect(r->remote_code < 0 || p->got_close);
    expect(!r->was_clean || (p->open_done && p->got_close));
    for (size_t i = 1; i < r->rx_octets.n; i++)
        expect(r->rx_octets.at[i - 1].key < r->rx_octets.at[i].key);
    /* Nobody passes who never opened the connection, or broke the protocol on it. */
    if (c->rule != JUDGE_RULE_HELLO && !p->open_done)
        expect(r->behavior == JUDGE_FAILED || r->behavior == JUDGE_INFORMATIONAL);
    if (p->violated && !p->setup.compat && r->behavior != JUDGE_INFORMATIONAL)
        expect(r->behavior == JUDGE_FAILED || r->behavior == JUDGE_UNIMPLEMENTED);
    if (c->close.wrong_endpoint_fatal && r->closed_by_me != c->close.closed_by_me)
        expect(r->behavior == JUDGE_FAILED || r->behavior == JUDGE_UNIMPLEMENTED);
    if (c->rule == JUDGE_RULE_CLOSE_CODE && r->behavior_close == JUDGE_WRONG_CODE)
        expect(r->behavior == JUDGE_FAILED);
    if (c->rule == JUDGE_RULE_DEFLATE && r->behavior == JUDGE_OK)
        expect(p->deflate && r->traffic.present && r->traffic.in_app == r->traffic.out_app);
}

static bool same_text(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

/* As with Autobahn, zlib alone sees then that a match reaches beyond a smaller window, and it does
 * so only where that is not in the octets of one call. */
static bool depends_on_zlib(const judge_peer_setup *setup, const judge_result *a,
                            const judge_result *b)
{
    static const char said[] = "distance too far back";
    bool by_a = a->result != NULL && strstr(a->result, said) != NULL;
    bool by_b = b->result != NULL && strstr(b->result, said) != NULL;

    /* Where both say so, one may have said it later, behind other faults. */
    return setup->compat && (by_a || by_b);
}

static void compare(const judge_result *a, const judge_result *b)
{
    expect(a->behavior == b->behavior && a->behavior_close == b->behavior_close);
    expect(a->remote_code == b->remote_code && a->local_code == b->local_code);
    expect(same_text(a->remote_reason, b->remote_reason));
    expect(same_text(a->result, b->result) && same_text(a->result_close, b->result_close));
    expect(same_text(a->why, b->why) && same_text(a->http_response, b->http_response));
    expect(a->was_clean == b->was_clean && a->closed_by_me == b->closed_by_me);
    expect(a->failed_by_me == b->failed_by_me && a->dropped_by_me == b->dropped_by_me);
    expect(a->received.n == b->received.n);
    for (size_t i = 0; i < a->received.n; i++) {
        const judge_event *x = &a->received.at[i], *y = &b->received.at[i];

        expect(x->kind == y->kind && x->binary == y->binary && x->octets.len == y->octets.len);
        expect(memcmp(x->octets.head, y->octets.head, x->octets.kept) == 0);
    }
}

/* True if what is read in several turns may end otherwise than what is read at once: the judge
 * does something in between, as a step of the case says. */
static bool depends_on_turns(const judge_step *s)
{
    for (; s != NULL && s->op != JUDGE_STEP_END; s++)
        if (s->op == JUDGE_STEP_READ || s->op == JUDGE_STEP_AWAIT ||
            s->op == JUDGE_STEP_AWAIT_OCTETS || s->op == JUDGE_STEP_AWAIT_CLOSE)
            return true;
    return false;
}

static void hold(const judge_peer_setup *setup, const uint8_t *data, size_t size, size_t cut,
                 judge_result *ret)
{
    static talk t;

    t.now = 1000000;
    t.cut = cut;
    t.taken = t.n_heard = t.echoed = t.waiting.len = 0;
    t.n_reads = 0;
    t.deaf = t.joined = false;
    t.p = judge_peer_new(setup, t.now);
    expect(t.p != NULL);
    /* The same input, the same masks. */
    t.p->random = 1;
    judge_peer_begin(t.p, t.now);
    take_output(&t);
    for (unsigned i = 0; i < MOST_ACTS && size > 0 && !judge_peer_is_done(t.p); i++)
        if (!act(&t, &data, &size))
            judge_peer_lost(t.p, t.now);
    t.deaf = false;
    let_read(&t);
    take_output(&t);
    /* Every case has an end, however long its server says nothing. */
    pass_time(&t, t.now + (int64_t)600 * 1000000);
    expect(judge_peer_is_done(t.p) || judge_peer_deadline(t.p) == INT64_MAX ||
           setup->options->auto_ping_interval > 0);
    judge_peer_lost(t.p, t.now);
    judge_peer_result(t.p, t.now, ret);
    check_result(t.p, ret);
    expect(t.p->n_timers <= MAX_TIMERS);
    judge_peer_free(t.p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const protocols[] = {"chat", "superchat"};
    judge_options options;
    judge_peer_setup setup = {
        .role = JUDGE_ROLE_CLIENT,
        .options = &options,
        .host = "localhost:1",
        .resource = "/",
        .user_agent = "fuzz",
        .protocols = protocols,
        .key = KEY,
        .messages = 3,
        .stall_seconds = 3,
        .most_log = MOST_LOG,
    };
    judge_result whole, cut;

    if (size < 5 || size > 4096)
        return 0;
    if (suite.table == NULL)
        suite_make();
    setup.test = suite_case(data[0], (data[1] & 0x3fu) << 8 | data[2]);
    judge_options_init(&options);
    setup.compat = (data[3] & 1) != 0;
    setup.n_protocols = data[3] & 2 ? 2 : 0;
    setup.agent = data[3] & 4 ? "agent" : NULL;
    setup.origin = data[3] & 8 ? "http://localhost" : NULL;
    options.fail_by_drop = (data[3] & 16) != 0;
    options.echo_close_code_reason = (data[3] & 32) != 0;
    options.accept_masked_server_frames = (data[3] & 64) != 0;
    options.checks_origin = (data[3] & 128) != 0;
    options.max_message_payload_size = data[4] & 32 ? 20 : 0;
    options.max_frame_payload_size = data[4] & 64 ? 20 : 0;
    options.auto_ping_interval = data[4] & 128 ? 1 : 0;
    options.auto_ping_timeout = data[4] & 128 ? 2 : 0;
    /* What the first conversation has inflated is not inflated again in the second. */
    setup.streams = judge_streams_new();
    expect(setup.streams != NULL);
    hold(&setup, data + 5, size - 5, MOST_ANSWER, &whole);
    hold(&setup, data + 5, size - 5, 1 + (data[4] & 31), &cut);
    if (!depends_on_turns(setup.test->steps) && !depends_on_turns(setup.test->hello.steps) &&
        !depends_on_zlib(&setup, &whole, &cut))
        compare(&whole, &cut);
    if (data[1] & 0x40) {
        oracle_page(&whole);
        oracle_streams(&whole, suite.table, setup.compat);
    }
    if ((data[1] & 0xc0) == 0xc0)
        oracle_json(&whole);
    judge_result_deinit(&whole);
    judge_result_deinit(&cut);
    judge_streams_free(setup.streams);
    return 0;
}
