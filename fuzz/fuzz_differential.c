/* SPDX-License-Identifier: MIT */
/*
 * An open connection against a second reader of the same octets, which is slow, takes one octet at
 * a time, and knows nothing of ours: it is written from RFC 6455 and RFC 7692 alone. Both must
 * report the same messages, pings, pongs and close, and the same failure at the same place.
 *
 * Input: an octet of options (bit 0: client, 1: permessage-deflate, 2: pieces instead of messages),
 * one that says how the octets are cut, then what the peer sends.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#include <websock/conn.h>
#include <zlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MAX_MESSAGE   300
#define MAX_INFLATED  65536
#define MAX_FRAGMENTS 8
#define MAX_SEEN      512

#define CHECK(cond)                                                                                \
    do {                                                                                           \
        if (!(cond))                                                                               \
            abort();                                                                               \
    } while (0)

enum { SEEN_MESSAGE, SEEN_PING, SEEN_PONG, SEEN_CLOSE, SEEN_FAIL };

typedef struct seen {
    int kind;
    unsigned what; /* opcode or code */
    uint8_t *data;
    size_t len;
} seen;

typedef struct log {
    seen at[MAX_SEEN];
    size_t n;
} log;

static void note(log *l, int kind, unsigned what, const void *data, size_t len)
{
    seen *s = &l->at[l->n];

    if (l->n == MAX_SEEN)
        return;
    l->n++;
    *s = (seen){kind, what, malloc(len + 1), len};
    CHECK(s->data != NULL);
    if (len > 0)
        memcpy(s->data, data, len);
}

static void log_free(log *l)
{
    for (size_t i = 0; i < l->n; i++)
        free(l->at[i].data);
}

/* ---------------------------------------------------------------------------- slow reader -- */

typedef struct reader {
    log *out;
    bool server, deflate;
    bool over;    /* failed or closed: nothing more is read */
    bool unknown; /* what follows depends on more than the two RFCs say */
    size_t head_n;
    uint8_t head[14];
    uint64_t left;
    unsigned phase;     /* of the mask */
    unsigned opcode;    /* of the frame */
    unsigned message;   /* opcode; 0: none */
    bool compressed;    /* the message is */
    unsigned frames;    /* of the message */
    uint64_t announced; /* payload of the message so far, and what its last header says */
    uint8_t control[125];
    size_t control_n;
    uint8_t *text; /* of the message */
    size_t text_n;
    bool broken; /* compressed: it cannot be good any more */
    z_stream z;
} reader;

static void fail(reader *r, unsigned code)
{
    note(r->out, SEEN_FAIL, code, NULL, 0);
    r->over = true;
}

/* 1: good; 0: good so far; -1: no continuation mends it. By code points, from the beginning. */
static int utf8(const uint8_t *p, size_t n)
{
    size_t i = 0;

    while (i < n) {
        size_t size = p[i] < 0x80 ? 1 : p[i] < 0xC2 ? 0 : p[i] < 0xE0 ? 2 : p[i] < 0xF0 ? 3 : 4;
        if (size == 0 || p[i] > 0xF4)
            return -1;
        for (size_t k = 1; k < size; k++) {
            uint8_t low = 0x80, high = 0xBF;
            if (k == 1) {
                low = p[i] == 0xE0 ? 0xA0 : p[i] == 0xF0 ? 0x90 : 0x80;
                high = p[i] == 0xED ? 0x9F : p[i] == 0xF4 ? 0x8F : 0xBF;
            }
            if (i + k == n)
                return 0;
            if (p[i + k] < low || p[i + k] > high)
                return -1;
        }
        i += size;
    }
    return 1;
}

static void add_text(reader *r, uint8_t octet)
{
    if (r->text_n <= MAX_INFLATED)
        r->text[r->text_n++] = octet;
    else
        r->broken = true;
}

static void inflate_octets(reader *r, const uint8_t *p, size_t n)
{
    uint8_t room[512];

    r->z.next_in = (uint8_t *)(uintptr_t)p;
    r->z.avail_in = (uInt)n;
    while (!r->broken) {
        r->z.next_out = room;
        r->z.avail_out = sizeof(room);
        int e = inflate(&r->z, Z_SYNC_FLUSH);
        for (size_t i = 0; i < sizeof(room) - r->z.avail_out; i++)
            add_text(r, room[i]);
        if (e == Z_STREAM_END)
            r->unknown = true; /* RFC 7692 7.2.3.5: allowed; how it goes on is said nowhere */
        if (e != Z_OK && e != Z_BUF_ERROR && e != Z_STREAM_END)
            r->broken = true;
        if (e != Z_OK || (r->z.avail_in == 0 && r->z.avail_out > 0))
            break;
    }
}

static void end_control(reader *r)
{
    const uint8_t *p = r->control;
    size_t n = r->control_n;

    if (r->opcode == WSK_OP_PING || r->opcode == WSK_OP_PONG) {
        note(r->out, r->opcode == WSK_OP_PING ? SEEN_PING : SEEN_PONG, 0, p, n);
        return;
    }
    unsigned code = n >= 2 ? (unsigned)p[0] << 8 | p[1] : 1005;
    bool known = (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) ||
                 (code >= 3000 && code <= 4999);
    if (n == 1 || (n >= 2 && !known)) {
        fail(r, 1002);
    } else if (n > 2 && utf8(p + 2, n - 2) != 1) {
        fail(r, 1007);
    } else {
        note(r->out, SEEN_CLOSE, code, n > 2 ? p + 2 : p, n > 2 ? n - 2 : 0);
        r->over = true;
    }
}

static void end_frame(reader *r, bool fin)
{
    static const uint8_t tail[] = {0, 0, 0xFF, 0xFF};

    r->head_n = 0;
    if (r->opcode >= 8) {
        end_control(r);
        return;
    }
    if (!fin)
        return;
    if (r->compressed) {
        if ((r->z.data_type & (128 | 31)) == 128)
            r->unknown = true; /* it ends behind a whole block: nothing to complete */
        inflate_octets(r, tail, sizeof(tail));
        /* The four octets are those of an empty block that was cut off. Where they are taken for
         * something else, the message ended in the midst of a block: zlib.h, data_type. */
        if (r->announced == 0)
            r->unknown = true; /* less than what section 7.2.3.6 makes of an empty message */
        else if (!(r->z.data_type & 128))
            r->broken = true;
        else if (r->z.data_type & 31)
            r->unknown = true;
    }
    if (r->unknown)
        return;
    if (r->broken || (r->message == WSK_OP_TEXT && utf8(r->text, r->text_n) != 1))
        fail(r, r->compressed ? 0 : 1007);
    else
        note(r->out, SEEN_MESSAGE, r->message, r->text, r->text_n);
    r->message = 0;
}

static void payload(reader *r, uint8_t octet)
{
    size_t head = r->head_n;

    if (r->server)
        octet ^= r->head[head - 4 + (r->phase++ & 3)];
    r->left--;
    if (r->opcode >= 8) {
        r->control[r->control_n++] = octet;
    } else if (r->compressed) {
        inflate_octets(r, &octet, 1);
        if (r->message == WSK_OP_TEXT && utf8(r->text, r->text_n) < 0)
            r->broken = true;
        /* Whoever inflates may see it now or later: for certain by the end of the message. */
        if (r->broken && !(r->head[0] & 0x80))
            r->unknown = true;
    } else {
        add_text(r, octet);
        if (r->message == WSK_OP_TEXT && utf8(r->text, r->text_n) < 0) {
            fail(r, 1007);
            return;
        }
    }
    if (r->left == 0)
        end_frame(r, r->head[0] >> 7);
}

/* What the head as far as it is there says; true if it is whole. */
static bool judge_head(reader *r)
{
    const uint8_t *h = r->head;
    unsigned fin = h[0] >> 7, rsv = h[0] >> 4 & 7, op = h[0] & 15;
    size_t width = 0;

    if (r->head_n == 1) {
        bool rsv1 = r->deflate && rsv == 4 && (op == 1 || op == 2);
        if ((rsv != 0 && !rsv1) || (op > 2 && op < 8) || op > 10 || (op >= 8 && !fin) ||
            (op == 0 && r->message == 0) || ((op == 1 || op == 2) && r->message != 0))
            fail(r, 1002);
        return false;
    }
    uint64_t len = h[1] & 127;
    if (r->head_n == 2 && ((h[1] >> 7 != 0) != r->server || (op >= 8 && len > 125))) {
        fail(r, 1002);
        return false;
    }
    if (len > 125) {
        width = len == 126 ? 2 : 8;
        uint64_t least = 0, most = 0;
        for (size_t i = 0; i < width; i++) {
            bool there = 2 + i < r->head_n;
            least = least << 8 | (there ? h[2 + i] : 0);
            most = most << 8 | (there ? h[2 + i] : 255);
        }
        if (width == 8 && r->head_n > 2 && h[2] & 0x80) {
            fail(r, 1002);
            return false;
        }
        if (r->head_n > 2 && most < (width == 2 ? 126 : 65536)) {
            fail(r, 1002);
            return false;
        }
        len = least;
    }
    uint64_t before = op == 0 ? r->announced : 0;
    if (op < 8 && !r->deflate && len > MAX_MESSAGE - before) {
        fail(r, 1009);
        return false;
    }
    if (op < 8 && r->deflate && len > MAX_INFLATED / 2) {
        r->unknown = true; /* a limit of what is encoded, which is ours to choose */
        return false;
    }
    if (r->head_n < 2 + width + (r->server ? 4 : 0))
        return false;
    r->left = len;
    return true;
}

static void begin(reader *r)
{
    r->opcode = r->head[0] & 15;
    r->phase = 0;
    r->control_n = 0;
    if (r->opcode < 8) {
        if (r->opcode != 0) {
            r->message = r->opcode;
            r->compressed = (r->head[0] & 0x40) != 0;
            r->frames = 0;
            r->announced = 0;
            r->text_n = 0;
        }
        r->announced += r->left;
        if (++r->frames > MAX_FRAGMENTS) {
            fail(r, 1008);
            return;
        }
    }
    if (r->left == 0)
        end_frame(r, r->head[0] >> 7);
}

static void read_slowly(reader *r, const uint8_t *p, size_t n)
{
    size_t need_payload = 0;

    for (size_t i = 0; i < n && !r->over && !r->unknown; i++) {
        if (need_payload) {
            payload(r, p[i]);
        } else {
            r->head[r->head_n++] = p[i];
            if (judge_head(r))
                begin(r);
        }
        need_payload = r->left > 0 && !r->over;
    }
}

/* -------------------------------------------------------------------------------- our own -- */

static void take_events(wsk_conn *c, log *l, uint8_t **pieces, size_t *n_pieces)
{
    wsk_event ev;

    while (wsk_conn_next(c, &ev) == WSK_OK && ev.type != WSK_EV_NONE) {
        switch (ev.type) {
        case WSK_EV_REQUEST:
            CHECK(wsk_conn_accept(c, NULL) == WSK_OK);
            break;
        case WSK_EV_MESSAGE:
            note(l, SEEN_MESSAGE, ev.opcode, ev.data, ev.len);
            break;
        case WSK_EV_DATA:
            if (ev.first)
                *n_pieces = 0;
            *pieces = realloc(*pieces, *n_pieces + ev.len + 1);
            CHECK(*pieces != NULL);
            if (ev.len > 0)
                memcpy(*pieces + *n_pieces, ev.data, ev.len);
            *n_pieces += ev.len;
            if (ev.last)
                note(l, SEEN_MESSAGE, ev.opcode, *pieces, *n_pieces);
            break;
        case WSK_EV_PING:
        case WSK_EV_PONG:
            note(l, ev.type == WSK_EV_PING ? SEEN_PING : SEEN_PONG, 0, ev.data, ev.len);
            break;
        case WSK_EV_CLOSE:
            note(l, SEEN_CLOSE, ev.code, ev.data, ev.len);
            break;
        case WSK_EV_FAIL:
            note(l, SEEN_FAIL, ev.code, NULL, 0);
            break;
        default:
            break;
        }
    }
}

static void feed(wsk_conn *c, const uint8_t *p, size_t n, log *l, uint8_t **pieces,
                 size_t *n_pieces)
{
    struct iovec iov;
    uint8_t *own = malloc(n > 0 ? n : 1);

    CHECK(own != NULL);
    memcpy(own, p, n);
    CHECK(wsk_conn_feed(c, own, n, 1) == WSK_OK);
    take_events(c, l, pieces, n_pieces);
    CHECK(wsk_conn_unlend(c) == WSK_OK);
    free(own);
    while (wsk_conn_output(c, &iov, 1) > 0)
        wsk_conn_sent(c, iov.iov_len, 1);
}

/* Opens a server and a client with each other; the one under test is returned. */
static wsk_conn *opened(wsk_config *cfg[2], bool client)
{
    wsk_request_options ro = WSK_REQUEST_OPTIONS_INIT;
    wsk_conn *c[2];
    log none = {.n = MAX_SEEN};
    uint8_t *pieces = NULL, head[2048];
    size_t n_pieces = 0;

    ro.host = "a";
    for (int i = 0; i < 2; i++)
        CHECK(wsk_conn_new(&c[i], cfg[i], 1) == WSK_OK);
    CHECK(wsk_conn_request(c[1], &ro) == WSK_OK);
    for (int from = 1; from >= 0; from--) {
        struct iovec iov[8];
        size_t n = 0, k = wsk_conn_output(c[from], iov, 8);
        for (size_t i = 0; i < k; i++) {
            CHECK(n + iov[i].iov_len <= sizeof(head));
            memcpy(head + n, iov[i].iov_base, iov[i].iov_len);
            n += iov[i].iov_len;
        }
        wsk_conn_sent(c[from], n, 1);
        CHECK(wsk_conn_feed(c[!from], head, n, 1) == WSK_OK);
        take_events(c[!from], &none, &pieces, &n_pieces);
        CHECK(wsk_conn_unlend(c[!from]) == WSK_OK);
    }
    CHECK(wsk_conn_state(c[client]) == WSK_STATE_OPEN);
    wsk_conn_free(c[!client]);
    free(pieces);
    return c[client];
}

/* ------------------------------------------------------------------------------- the two -- */

static void compare(const log *ours, const log *slow, bool unknown, bool compressed)
{
    size_t n = slow->n;

    for (size_t i = 0; i < n; i++) {
        const seen *b = &slow->at[i];
        CHECK(i < ours->n);
        const seen *a = &ours->at[i];
        CHECK(a->kind == b->kind);
        /* A compressed message may be bad in several ways at once. */
        if (b->kind == SEEN_FAIL && b->what == 0)
            CHECK(a->what == 1002 || a->what == 1007 || a->what == 1009);
        else
            CHECK(a->what == b->what);
        CHECK(a->len == b->len && (a->len == 0 || memcmp(a->data, b->data, a->len) == 0));
    }
    /* Within a compressed message ours may see that it is bad before its end. */
    if (!unknown && ours->n > n)
        CHECK(compressed && ours->n == n + 1 && ours->at[n].kind == SEEN_FAIL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static log ours, slow;
    wsk_config_options o = WSK_CONFIG_OPTIONS_INIT;
    wsk_config *cfg[2];
    uint8_t *pieces = NULL;
    size_t n_pieces = 0;

    if (size < 2 || size > 8192)
        return 0;
    bool client = data[0] & 1, deflate = data[0] & 2;
    uint32_t cuts = data[1];
    o.deflate.enabled = deflate;
    o.max_message = deflate ? MAX_INFLATED : MAX_MESSAGE;
    o.max_fragments = MAX_FRAGMENTS;
    o.flags = data[0] & 4 ? WSK_CONN_STREAM : 0;
    for (int i = 0; i < 2; i++) {
        o.role = i == 0 ? WSK_ROLE_SERVER : WSK_ROLE_CLIENT;
        CHECK(wsk_config_new(&cfg[i], &o) == WSK_OK);
    }
    data += 2;
    size -= 2;

    ours.n = slow.n = 0;
    reader r = {.out = &slow, .server = !client, .deflate = deflate};
    r.text = malloc(MAX_INFLATED + 1);
    CHECK(r.text != NULL && inflateInit2(&r.z, -15) == Z_OK);
    read_slowly(&r, data, size);

    wsk_conn *c = opened(cfg, client);
    for (size_t i = 0, n; i < size; i += n) {
        cuts = cuts * 1664525 + 1013904223;
        n = cuts >> 31 ? size - i : 1 + (cuts >> 24) % 11;
        if (n > size - i)
            n = size - i;
        feed(c, data + i, n, &ours, &pieces, &n_pieces);
    }
    compare(&ours, &slow, r.unknown, r.compressed);

    wsk_conn_free(c);
    for (int i = 0; i < 2; i++)
        wsk_config_unref(cfg[i]);
    inflateEnd(&r.z);
    free(r.text);
    free(pieces);
    log_free(&ours);
    log_free(&slow);
    return 0;
}
