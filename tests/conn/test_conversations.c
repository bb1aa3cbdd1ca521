/* SPDX-License-Identifier: MIT */
/*
 * Recorded conversations (tests/conn/conversations), replayed against a connection that echoes. A
 * file is a script: what the peer sends, and what must be seen, in this order:
 *
 *   role server | client            config, once, at the top
 *   set NAME NUMBER                 a field of wsk_config_options (see `settings`)
 *   request HOST TARGET             client: start the handshake
 *   peer TEXT                       octets from the peer, with \r \n \xHH \\ escapes
 *   hex 81 85 ...                   the same in hex
 *   repeat N hex ...                the same, N times
 *   eof                             the peer sends no more
 *   wait MS                         time passes
 *   do send TEXT | close CODE REASON | ping TEXT | pause | resume
 *   want LINE                       the next line of the trace (see trace_event) must be this one;
 *                                   a trailing * lets the rest be anything;
 *                                   a trailing * lets the rest be anything
 *   out HEX                         then this must stand in the output (nothing more, nothing less)
 *   outtext TEXT                    the same as text; a trailing * lets the rest be anything
 *   skipout                         forget the output so far
 *
 * Every script is run with its input whole and cut to 1, 2, 3 and 7 octets: what is seen must be
 * the same. Then with every allocation failing in turn: nothing may leak, nothing may crash.
 */
#include "support.h"

#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#include <websock/conn.h>

#define TRACE_MAX (1u << 16)

struct play {
    wsk_config_options o;
    wsk_config *cfg;
    wsk_conn *c;
    test_alloc *alloc;
    size_t cut;
    uint64_t now;
    char trace[TRACE_MAX];
    size_t trace_len, trace_seen;
    uint8_t *out;
    size_t out_len;
    uint8_t *input; /* gathered since the last step that is no input */
    size_t input_len;
    bool eof, tolerant; /* tolerant: an allocation was failed, expectations do not hold */
    const char *file;
    int line;
};

static const char *const event_names[] = {"NONE", "REQUEST", "OPEN", "MESSAGE",  "DATA", "PING",
                                          "PONG", "CLOSE",   "FAIL", "WRITABLE", "END"};

static void broken(const struct play *p, const char *what, const char *want, const char *got)
{
    if (p->tolerant)
        return;
    fail_msg("%s:%d (cut %zd): %s\n  wanted: %s\n  got:    %s", p->file, p->line, (ssize_t)p->cut,
             what, want, got);
}

static void escape(char *to, size_t cap, const uint8_t *p, size_t n)
{
    size_t k = 0;

    for (size_t i = 0; i < n && k + 8 < cap; i++) {
        if (i == 40 && n > 60) {
            k += (size_t)snprintf(to + k, cap - k, "... (%zu)", n);
            break;
        }
        if (p[i] >= 0x20 && p[i] < 0x7F && p[i] != '\\')
            to[k++] = (char)p[i];
        else
            k += (size_t)snprintf(to + k, cap - k, "\\x%02x", p[i]);
    }
    to[k] = 0;
}

static void trace_event(struct play *p, const wsk_event *ev)
{
    char data[400];
    char *at = p->trace + p->trace_len;
    size_t room = TRACE_MAX - p->trace_len;

    escape(data, sizeof(data), ev->data, ev->len);
    const char *name = event_names[ev->type];
    const char *kind = ev->opcode == WSK_OP_TEXT ? "text" : "binary";
    int n = 0;
    switch (ev->type) {
    case WSK_EV_REQUEST:
        n = snprintf(at, room, "%s%s\n", name, ev->is_upgrade ? " upgrade" : "");
        break;
    case WSK_EV_MESSAGE:
        n = snprintf(at, room, "%s %s %s\n", name, kind, data);
        break;
    case WSK_EV_PING:
    case WSK_EV_PONG:
        n = snprintf(at, room, "%s %s\n", name, data);
        break;
    case WSK_EV_CLOSE:
        n = snprintf(at, room, "%s %u %s\n", name, ev->code, data);
        break;
    case WSK_EV_FAIL:
        n = snprintf(at, room, "%s %u %u %s\n", name, ev->code, ev->status, ev->text);
        break;
    case WSK_EV_END:
        n = snprintf(at, room, "%s %u %s\n", name, ev->code, ev->text);
        break;
    default:
        n = snprintf(at, room, "%s\n", name);
    }
    /* "NAME " with nothing behind it: without the blank. */
    if (n > 1 && at[n - 2] == ' ') {
        at[n - 2] = '\n';
        at[n - 1] = 0;
        n--;
    }
    p->trace_len += (size_t)n;
}

static void drain(struct play *p)
{
    struct iovec iov[4];
    size_t k;

    while ((k = wsk_conn_output(p->c, iov, 4)) > 0) {
        size_t n = 0;
        for (size_t i = 0; i < k; i++) {
            p->out = realloc(p->out, p->out_len + iov[i].iov_len + 1);
            memcpy(p->out + p->out_len, iov[i].iov_base, iov[i].iov_len);
            p->out_len += iov[i].iov_len;
            n += iov[i].iov_len;
        }
        wsk_conn_sent(p->c, n, p->now);
    }
}

/* The program under the connection: an echo server. */
static void events(struct play *p)
{
    wsk_event ev;

    while (wsk_conn_next(p->c, &ev) == WSK_OK && ev.type != WSK_EV_NONE) {
        if (ev.type == WSK_EV_DATA)
            fail_msg("%s: pieces without WSK_CONN_STREAM", p->file);
        trace_event(p, &ev);
        if (ev.type == WSK_EV_REQUEST && ev.is_upgrade) {
            (void)!wsk_conn_accept(p->c, NULL);
        } else if (ev.type == WSK_EV_REQUEST) {
            wsk_response r = WSK_RESPONSE_INIT;
            r.status = 200;
            r.body = "plain\n";
            r.body_len = 6;
            (void)!wsk_conn_respond(p->c, &r);
        } else if (ev.type == WSK_EV_MESSAGE) {
            (void)wsk_conn_send(p->c, ev.opcode, ev.data, ev.len, 0);
        }
    }
    drain(p);
}

/* Gives the gathered input to the connection, in pieces, each from memory that ends at a guard. */
static void feed(struct play *p)
{
    size_t at = 0;

    while (at < p->input_len) {
        size_t n = p->input_len - at < p->cut ? p->input_len - at : p->cut;
        uint8_t *piece = guard_copy(p->input + at, n);
        int r = wsk_conn_feed(p->c, piece, n, p->now);
        if (r == WSK_OK)
            events(p);
        (void)wsk_conn_unlend(p->c);
        guard_free(piece, n);
        events(p);
        at += n;
    }
    p->input_len = 0;
    if (p->eof) {
        p->eof = false;
        (void)wsk_conn_feed(p->c, NULL, 0, p->now);
        events(p);
    }
    /* A drained queue may lift a limit; a WRITABLE event may be due. */
    events(p);
}

static void add_input(struct play *p, const uint8_t *data, size_t n, long times)
{
    for (long i = 0; i < times; i++) {
        p->input = realloc(p->input, p->input_len + n + 1);
        memcpy(p->input + p->input_len, data, n);
        p->input_len += n;
    }
}

/* "\r\n\x41" to octets, in place; returns the length. */
static size_t unescape(char *s)
{
    char *to = s;
    size_t n = 0;

    for (; *s != 0; n++) {
        if (*s != '\\') {
            *to++ = *s++;
        } else if (s[1] == 'x') {
            char digits[3] = {s[2], s[3], 0};
            *to++ = (char)strtol(digits, NULL, 16);
            s += 4;
        } else {
            *to++ = s[1] == 'r' ? '\r' : s[1] == 'n' ? '\n' : s[1] == '0' ? '\0' : s[1];
            s += 2;
        }
    }
    *to = 0;
    return n;
}

static const struct {
    const char *name;
    size_t offset;
    size_t width;
} settings[] = {
#define SETTING(f)                                                                                 \
    {                                                                                              \
#f, offsetof(wsk_config_options, f), sizeof(((wsk_config_options *)0)->f)                  \
    }
    SETTING(max_message),
    SETTING(max_frame),
    SETTING(max_fragments),
    SETTING(max_head),
    SETTING(max_fields),
    SETTING(max_pongs),
    SETTING(max_queued),
    SETTING(high_water),
    SETTING(low_water),
    SETTING(max_ignored),
    SETTING(open_timeout),
    SETTING(idle_timeout),
    SETTING(ping_interval),
    SETTING(ping_timeout),
    SETTING(message_timeout),
    SETTING(write_timeout),
    SETTING(close_timeout),
    SETTING(linger_timeout),
    SETTING(fragment_size),
    SETTING(deflate.enabled),
    SETTING(deflate.threshold),
    SETTING(origin_policy),
    SETTING(flags),
    SETTING(deflate.server_max_window_bits),
    SETTING(deflate.server_no_context_takeover),
};

static void set_option(struct play *p, const char *name, unsigned long long value)
{
    for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
        if (strcmp(settings[i].name, name) == 0) {
            memcpy((char *)&p->o + settings[i].offset, &value, settings[i].width);
            return;
        }
    }
    fail_msg("%s:%d: unknown setting %s", p->file, p->line, name);
}

static const char *const subprotocols[] = {"chat.v2", "chat.v1", NULL};

static bool start(struct play *p)
{
    if (p->c != NULL)
        return true;
    p->o.hooks = &p->alloc->hooks;
    p->o.subprotocols = subprotocols;
    if (p->cfg == NULL && wsk_config_new(&p->cfg, &p->o) < 0)
        return false;
    return wsk_conn_new(&p->c, p->cfg, p->now) == WSK_OK;
}

static void want(struct play *p, const char *line)
{
    char got[512] = "(nothing)";

    if (p->trace_seen < p->trace_len) {
        size_t n = strcspn(p->trace + p->trace_seen, "\n");
        snprintf(got, sizeof(got), "%.*s", (int)n, p->trace + p->trace_seen);
        p->trace_seen += n + 1;
    }
    size_t n = strlen(line);
    bool prefix = n > 0 && line[n - 1] == '*';
    if (prefix ? strncmp(got, line, n - 1) != 0 : strcmp(got, line) != 0)
        broken(p, "event", line, got);
}

static void want_out(struct play *p, const uint8_t *data, size_t n, bool prefix)
{
    char wanted[2048], got[2048];

    if ((p->out_len != n && !prefix) || p->out_len < n || memcmp(p->out, data, n) != 0) {
        escape(wanted, sizeof(wanted), data, n);
        escape(got, sizeof(got), p->out, p->out_len);
        broken(p, "output", wanted, got);
    }
    p->out_len = 0;
}

static void act(struct play *p, char *what)
{
    char *arg = what + strcspn(what, " ");

    if (*arg != 0)
        *arg++ = 0;
    if (strcmp(what, "send") == 0) {
        size_t n = unescape(arg);
        (void)wsk_conn_send(p->c, WSK_OP_TEXT, arg, n, 0);
    } else if (strcmp(what, "ping") == 0) {
        (void)wsk_conn_ping(p->c, arg, strlen(arg));
    } else if (strcmp(what, "close") == 0) {
        char *reason;
        unsigned code = (unsigned)strtoul(arg, &reason, 10);
        (void)wsk_conn_close(p->c, code, *reason == ' ' ? reason + 1 : NULL);
    } else if (strcmp(what, "pause") == 0) {
        wsk_conn_pause(p->c, true);
    } else if (strcmp(what, "resume") == 0) {
        wsk_conn_pause(p->c, false);
    } else {
        fail_msg("%s:%d: do %s?", p->file, p->line, what);
    }
    events(p);
}

static void wait_ms(struct play *p, uint64_t ms)
{
    uint64_t until = p->now + ms, next;

    /* In steps, as a loop would: each deadline is met when it is due. */
    wsk_conn_tick(p->c, p->now, &next);
    while (p->now < until) {
        p->now = next > p->now && next < until ? next : until;
        wsk_conn_tick(p->c, p->now, &next);
        events(p);
    }
}

static void step(struct play *p, char *line)
{
    char *arg = line + strcspn(line, " ");
    size_t n;

    if (*arg != 0)
        *arg++ = 0;
    if (strcmp(line, "role") == 0) {
        p->o.role = strcmp(arg, "server") == 0 ? WSK_ROLE_SERVER : WSK_ROLE_CLIENT;
        return;
    }
    if (strcmp(line, "set") == 0) {
        char *value = arg + strcspn(arg, " ");
        *value++ = 0;
        set_option(p, arg, strtoull(value, NULL, 10));
        return;
    }
    if (!start(p))
        return;
    if (strcmp(line, "peer") == 0) {
        n = unescape(arg);
        add_input(p, (uint8_t *)arg, n, 1);
    } else if (strcmp(line, "hex") == 0 || strcmp(line, "repeat") == 0) {
        long times = 1;
        if (*line == 'r') {
            times = strtol(arg, &arg, 10);
            arg += strlen(" hex ");
        }
        uint8_t *data = unhex(arg, &n);
        add_input(p, data, n, times);
        free(data);
    } else if (strcmp(line, "eof") == 0) {
        p->eof = true;
        feed(p);
    } else {
        feed(p);
        if (strcmp(line, "request") == 0) {
            char *target = arg + strcspn(arg, " ");
            *target++ = 0;
            wsk_request_options ro = WSK_REQUEST_OPTIONS_INIT;
            ro.host = arg;
            ro.target = target;
            if (wsk_conn_request(p->c, &ro) < 0)
                broken(p, "request", "ok", "an error");
            events(p);
        } else if (strcmp(line, "wait") == 0) {
            wait_ms(p, strtoull(arg, NULL, 10));
        } else if (strcmp(line, "do") == 0) {
            act(p, arg);
        } else if (strcmp(line, "want") == 0) {
            want(p, arg);
        } else if (strcmp(line, "out") == 0) {
            uint8_t *data = unhex(arg, &n);
            want_out(p, data, n, false);
            free(data);
        } else if (strcmp(line, "outtext") == 0) {
            n = unescape(arg);
            bool prefix = n > 0 && arg[n - 1] == '*';
            want_out(p, (uint8_t *)arg, prefix ? n - 1 : n, prefix);
        } else if (strcmp(line, "skipout") == 0) {
            p->out_len = 0;
        } else {
            fail_msg("%s:%d: %s?", p->file, p->line, line);
        }
    }
}

static void play(const char *file, const char *script, size_t cut, test_alloc *alloc, bool tolerant)
{
    struct play *p = calloc(1, sizeof(*p));
    char *copy = strdup(script), *save = NULL;

    p->o = (wsk_config_options)WSK_CONFIG_OPTIONS_INIT;
    p->alloc = alloc;
    p->cut = cut;
    p->now = 1000;
    p->file = file;
    p->tolerant = tolerant;
    (void)save;
    for (char *line = copy, *next; line != NULL; line = next) {
        next = strchr(line, '\n');
        if (next != NULL)
            *next++ = 0;
        p->line++;
        if (*line == 0 || *line == '#')
            continue;
        step(p, line);
    }
    if (p->c != NULL) {
        feed(p);
        if (p->trace_seen < p->trace_len)
            broken(p, "events left over", "none", p->trace + p->trace_seen);
        if (p->out_len > 0) {
            char got[512];
            escape(got, sizeof(got), p->out, p->out_len);
            broken(p, "output left over", "none", got);
        }
    }
    wsk_conn_free(p->c);
    wsk_config_unref(p->cfg);
    free(p->input);
    free(p->out);
    free(copy);
    free(p);
}

static char *read_file(const char *path)
{
    FILE *f = fopen(path, "rb");
    char *text = calloc(1, 1 << 20);

    assert_non_null(f);
    size_t n = fread(text, 1, (1 << 20) - 1, f);
    text[n] = 0;
    fclose(f);
    return text;
}

struct script {
    char *name;
    char *text;
};

static void test_cuts(void **state)
{
    const struct script *s = *state;

    for (size_t i = 0; i < 5; i++) {
        test_alloc a;
        test_alloc_init(&a);
        play(s->name, s->text, cut_sizes[i], &a, false);
        assert_int_equal(a.live, 0);
    }
}

static void test_failing_alloc(void **state)
{
    const struct script *s = *state;
    test_alloc a;

    test_alloc_init(&a);
    play(s->name, s->text, 50, &a, true);
    long calls = a.calls;
    for (long i = 1; i <= calls && i <= 300; i += (long)test_stride(3)) {
        test_alloc_init(&a);
        a.fail_at = i;
        play(s->name, s->text, 50, &a, true);
        assert_int_equal(a.live, 0);
        assert_true(a.failed);
    }
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct CMUnitTest *)a)->name, ((const struct CMUnitTest *)b)->name);
}

int main(int argc, char **argv)
{
    static struct CMUnitTest tests[400];
    const char *dir = argc > 1 ? argv[1] : "tests/conn/conversations";
    DIR *d = opendir(dir);
    size_t n = 0;

    if (d == NULL) {
        fprintf(stderr, "%s: no such directory\n", dir);
        return 1;
    }
    for (struct dirent *e; (e = readdir(d)) != NULL && n + 2 <= 400;) {
        char path[512], name[300];
        if (e->d_name[0] == '.' || strstr(e->d_name, ".txt") == NULL)
            continue;
        snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
        struct script *s = malloc(sizeof(*s));
        s->name = strdup(e->d_name);
        s->text = read_file(path);
        snprintf(name, sizeof(name), "%s: all cuts", e->d_name);
        tests[n++] = (struct CMUnitTest){strdup(name), test_cuts, NULL, NULL, s};
        snprintf(name, sizeof(name), "%s: failing allocations", e->d_name);
        tests[n++] = (struct CMUnitTest){strdup(name), test_failing_alloc, NULL, NULL, s};
    }
    closedir(d);
    if (n == 0) {
        fprintf(stderr, "%s: no conversations\n", dir);
        return 1;
    }
    qsort(tests, n, sizeof(tests[0]), by_name);
    return _cmocka_run_group_tests("conversations", tests, n, NULL, NULL);
}
