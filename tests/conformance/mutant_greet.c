/* SPDX-License-Identifier: MIT */
/* See mutant_greet.h. */
#include "mutant_greet.h"

#include "mutant_greet_traps.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define KEY         "AQIDBAUGBwgJCgsMDQ4PEA=="
#define MOST_HEAD   20000
#define MOST_FIELDS 100
#define LATE_US     1500000
#define HTTP09      9 /* in the place of a status */

typedef struct field {
    const char *name, *value;
    size_t n_name, n_value;
} field;

typedef struct greeter {
    greet_fault fault;
    bool client, open, over, ended;
    bool skipped; /* an empty line before the request */
    bool persists, lf;
    queue out;
    octets in;
    int64_t ready; /* the output waits until then */
    size_t skip;   /* octets of a body that is passed over */
    size_t seen;   /* octets in which no end of a head is */
    field fields[MOST_FIELDS + 20];
    size_t n_fields;
    char accept[64];
} greeter;

#define HAS(g, name) ((g)->fault == GREET_##name)

__attribute__((format(printf, 2, 3))) static void say(greeter *g, const char *fmt, ...)
{
    char text[2048];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    mutant_add(&g->out.o, text, strlen(text));
}

static void drop_input(greeter *g, size_t n)
{
    mutant_cut(&g->in, n);
    g->seen = 0;
}

static void send_frame(greeter *g, uint8_t first, const uint8_t *data, size_t n)
{
    static const uint8_t key[4];
    uint8_t head[14];

    mutant_add(&g->out.o, head, mutant_frame_head(head, first, n, g->client ? key : NULL));
    mutant_add(&g->out.o, data, n);
}

/* -------------------------------------------------------------------------------- heads -- */

static bool is_token(const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const char c = s[i];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL)))
            return false;
    }
    return n > 0;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static bool is(const char *s, size_t n, const char *word, bool with_case)
{
    return n == strlen(word) &&
           (with_case ? memcmp(s, word, n) == 0 : strncasecmp(s, word, n) == 0);
}

static bool both(const greeter *g, greet_fault server, greet_fault client)
{
    return g->fault == (g->client ? client : server);
}

static bool read_value(const greeter *g, field *f, const char *s, size_t n)
{
    if (both(g, GREET_s_one_blank, GREET_c_one_blank) &&
        (n < 2 || s[0] != ' ' || is_blank(s[1]) || is_blank(s[n - 1])))
        return false;
    for (; n > 0 && is_blank(*s); n--)
        s++;
    while (n > 0 && is_blank(s[n - 1]))
        n--;
    if (n == 0 && HAS(g, s_no_empty_values))
        return false;
    for (size_t i = 0; i < n; i++) {
        const unsigned char c = (unsigned char)s[i];

        if ((c < 0x20 && c != '\t') || c == 0x7f)
            return false;
        if (c > 0x7f && both(g, GREET_s_no_obs_text, GREET_c_no_obs_text))
            return false;
    }
    f->value = s;
    f->n_value = n;
    return true;
}

static bool read_name(const greeter *g, field *f, const char *s, size_t n)
{
    while (HAS(g, s_trims_names) && n > 0 && is_blank(s[n - 1]))
        n--;
    f->name = s;
    f->n_name = n;
    if (both(g, GREET_s_letters_names, GREET_c_letters_names)) {
        for (size_t i = 0; i < n; i++) {
            if (strchr("!#$%&'*+.^_`|~09", s[i]) != NULL)
                return false;
        }
    }
    return is_token(s, n) || both(g, GREET_s_any_name, GREET_c_any_name);
}

/* Lines behind the first one. False: a line is wrong. */
static bool read_fields(greeter *g, char *at, const char *end)
{
    const bool folds = both(g, GREET_s_folds, GREET_c_folds);
    const bool bare_cr = both(g, GREET_s_bare_cr, GREET_c_bare_cr);
    const size_t most = both(g, GREET_s_few_fields, GREET_c_few_fields) ? 8
                        : both(g, GREET_s_reads_all, GREET_c_reads_all) ? SIZE_MAX
                                                                        : MOST_FIELDS;
    size_t count = 0;

    g->n_fields = 0;
    while (at < end) {
        char *lf = memchr(at, '\n', (size_t)(end - at));
        char *cr = memchr(at, '\r', (size_t)(end - at));
        field *f = &g->fields[g->n_fields];
        const char *colon;
        size_t n;

        if (cr == NULL || (lf != cr + 1 && !bare_cr) || (lf != NULL && lf < cr))
            return false;
        n = (size_t)(cr - at);
        if (n > 0 && is_blank(*at)) {
            field *last = g->n_fields > 0 ? f - 1 : NULL;

            if (!folds || last == NULL)
                return false;
            /* Joined in place: what was between is made blank. */
            for (char *p = (char *)(uintptr_t)last->value + last->n_value; p < at; p++)
                *p = ' ';
            if (!read_value(g, last, last->value, (size_t)(cr - last->value)))
                return false;
        } else if (n > 0) {
            colon = memchr(at, ':', n);
            if (++count > most)
                return false;
            if (HAS(g, s_no_spaced_names) && colon != NULL && colon > at && is_blank(colon[-1])) {
                at = lf + 1;
                continue;
            }
            if (colon == NULL && !both(g, GREET_s_any_name, GREET_c_any_name))
                return false;
            if (colon != NULL && g->n_fields < MOST_FIELDS + 19 &&
                (!read_name(g, f, at, (size_t)(colon - at)) ||
                 !read_value(g, f, colon + 1, n - (size_t)(colon + 1 - at))))
                return false;
            g->n_fields += colon != NULL && g->n_fields < MOST_FIELDS + 19;
        }
        at = lf == cr + 1 ? lf + 1 : cr + 1;
    }
    return true;
}

static size_t count_of(const greeter *g, const char *name, const field **ret)
{
    const bool with_case = both(g, GREET_s_case_names, GREET_c_case_names);
    size_t n = 0;

    *ret = NULL;
    for (size_t i = 0; i < g->n_fields; i++) {
        const field *f = &g->fields[i];

        if (is(f->name, f->n_name, name, with_case) && n++ == 0)
            *ret = f;
    }
    return HAS(g, s_first_field) && n > 1 ? 1 : n;
}

/* The next element of a list, without white space around it. */
static bool next_part(const char **at, const char *end, const char **ret, size_t *ret_len)
{
    const char *s = *at, *from = s;
    bool quoted = false;

    if (s == NULL)
        return false;
    for (; s < end && (quoted || *s != ','); s++)
        quoted = quoted != (*s == '"');
    *at = s < end ? s + 1 : NULL;
    while (from < s && is_blank(*from))
        from++;
    while (s > from && is_blank(s[-1]))
        s--;
    *ret = from;
    *ret_len = (size_t)(s - from);
    return true;
}

/* True if a field of that name has the token. */
static bool has_token(const greeter *g, const char *name, const char *token, bool with_case)
{
    const field *first;

    count_of(g, name, &first);
    for (size_t i = 0; i < g->n_fields; i++) {
        const field *f = &g->fields[i];
        const char *at = f->value, *part;
        size_t n;

        if (!is(f->name, f->n_name, name, false) || (HAS(g, s_first_field) && f != first))
            continue;
        while (next_part(&at, f->value + f->n_value, &part, &n)) {
            if (is(part, n, token, with_case))
                return true;
        }
    }
    return false;
}

static bool has_part(const greeter *g, const char *name, const char *word)
{
    const field *f;
    char value[256];

    if (count_of(g, name, &f) == 0)
        return false;
    snprintf(value, sizeof(value), "%.*s", (int)(f->n_value < 255 ? f->n_value : 255), f->value);
    return strcasestr(value, word) != NULL;
}

/* RFC 6455 9.1, and RFC 7692 7.1 for the one that is known. *ret_deflate: it is agreed to. */
static bool read_extension(const greeter *g, const char *s, size_t n, bool *ret_deflate)
{
    static const char *const known[] = {"client_no_context_takeover", "server_no_context_takeover",
                                        "client_max_window_bits", "server_max_window_bits"};
    const char *end = s + n, *from = s;
    bool seen[4] = {false}, first = true, deflate = false;

    while (from != NULL) {
        const char *stop = from, *value = NULL;
        size_t n_name, n_value = 0;
        bool quoted = false;
        unsigned which = 0;

        for (; stop < end && (quoted || *stop != ';'); stop++)
            quoted = quoted != (*stop == '"' && (stop == s || stop[-1] != '\\'));
        if (quoted)
            return false;
        while (from < stop && is_blank(*from))
            from++;
        n_name = (size_t)(stop - from);
        while (n_name > 0 && is_blank(from[n_name - 1]))
            n_name--;
        value = memchr(from, '=', n_name);
        if (value != NULL) {
            n_value = n_name - (size_t)(value + 1 - from);
            n_name = (size_t)(value++ - from);
            if (n_value >= 2 && value[0] == '"') {
                value++;
                n_value -= 2;
            }
            if (n_value == 0 || (!is_token(value, n_value) && memchr(value, '\\', n_value) == NULL))
                return false;
        }
        if (!is_token(from, n_name) || (first && value != NULL))
            return false;
        if (first) {
            deflate = is(from, n_name, "permessage-deflate", false);
        } else if (deflate && !HAS(g, s_any_extension) && !HAS(g, c_any_parameters)) {
            const unsigned bits = value ? (unsigned)strtoul(value, NULL, 10) : 0;

            while (which < 4 && !is(from, n_name, known[which], false))
                which++;
            if (which == 4 || seen[which] || (which < 2) != (value == NULL))
                deflate = which == 2 && !seen[2] && !g->client;
            else if (which >= 2 && (bits < 8 || bits > 15 || value[0] == '0'))
                deflate = false;
            if (which < 4)
                seen[which] = true;
        }
        first = false;
        from = stop < end ? stop + 1 : NULL;
    }
    *ret_deflate = deflate;
    return true;
}

/* ------------------------------------------------------------------------------- server -- */

static void refuse(greeter *g, unsigned status)
{
    if (HAS(g, s_quotes)) {
        say(g,
            "HTTP/1.1 %u No\r\nSec-WebSocket-Version: 13\r\nConnection: close\r\n\r\n"
            "It should have been:\r\nHTTP/1.1 101 Switching Protocols\r\n\r\n",
            status);
        g->over = g->ended = true;
        return;
    }
    if (status == HTTP09) {
        say(g, "<p>A document.\r\n\r\n<p>And no more.\r\n");
        g->over = g->ended = true;
        return;
    }
    say(g, "HTTP/1.1 %u No\r\n%sContent-Length: 0\r\n%s\r\n", status,
        HAS(g, s_mute_wsversion) ? "" : "Sec-WebSocket-Version: 13\r\n",
        g->persists ? "" : "Connection: close\r\n");
    g->over = !HAS(g, s_stays) && !HAS(g, s_goes_on) && !g->persists;
    g->ended = !HAS(g, s_goes_on) && !g->persists;
    g->persists = false;
}

/* 0: it is right. */
static unsigned check_line(const greeter *g, const char *line, size_t n)
{
    const char *end = line + n, *space = memchr(line, ' ', n);
    const char *last = space ? memrchr(space, ' ', (size_t)(end - space)) : NULL;
    const char *target = space ? space + 1 : NULL;
    const unsigned wrong = HAS(g, s_moves) ? 301 : 400;

    if (space == NULL || last == space)
        return space != NULL && HAS(g, s_http09) ? HTTP09 : 400;
    if (!is(line, (size_t)(space - line), "GET", true) && !HAS(g, s_any_method))
        return 405;
    if (!HAS(g, s_any_version)) {
        if (end - last != 9 || memcmp(last, " HTTP/1.", 8) != 0 || last[8] < '1' || last[8] > '9')
            return 505;
        if (last[8] == '2' && HAS(g, s_no_12))
            return 505;
    }
    if (HAS(g, s_any_target))
        return 0;
    if (strncmp(target, "http://", 7) == 0) {
        if (HAS(g, s_no_absolute))
            return 400;
    } else if (*target != '/') {
        return wrong;
    }
    for (const char *c = target; c < last; c++) {
        if ((unsigned char)*c <= 0x20 || (unsigned char)*c >= 0x7f || *c == '#')
            return wrong;
        if (*c == '?' && HAS(g, s_no_query))
            return 2;
    }
    return 0;
}

static unsigned check_host(const greeter *g)
{
    const field *f;
    const size_t n = count_of(g, "Host", &f);

    if (n == 0)
        return HAS(g, s_no_host) ? 0 : 400;
    if (n > 1 && !HAS(g, s_hosts))
        return 400;
    for (size_t i = 0; i < f->n_value && !HAS(g, s_any_host); i++) {
        if (strchr(" ,/@", f->value[i]) != NULL)
            return 400;
    }
    return f->n_value > 0 || HAS(g, s_any_host) ? 0 : 400;
}

static unsigned check_body(greeter *g)
{
    const field *length, *coding;
    const size_t n = count_of(g, "Content-Length", &length);
    const size_t codings = count_of(g, "Transfer-Encoding", &coding);

    if (HAS(g, s_any_length) && n + codings > 0) {
        /* What it takes for the body is passed over. */
        g->skip = codings > 0 ? 14 + 3 + 7 : (size_t)strtoul(length->value, NULL, 10) % 100;
        return 0;
    }
    if (HAS(g, s_body_frames))
        return 0;
    g->persists = HAS(g, s_persists) && codings == 0 &&
                  (n == 0 || (n == 1 && length->n_value < 5 &&
                              strspn(length->value, "0123456789") == length->n_value));
    if (g->persists && n == 1)
        g->skip = (size_t)strtoul(length->value, NULL, 10);
    if (n + codings == 0)
        return 0;
    return codings > 0 || n > 1 || !is(length->value, length->n_value, "0", true) ||
                   HAS(g, s_no_length_0)
               ? 400
               : 0;
}

static unsigned check_upgrade(const greeter *g)
{
    const bool with_case = HAS(g, s_case_upgrade);

    if (!HAS(g, s_no_upgrade) && !has_token(g, "Upgrade", "websocket", with_case) &&
        !(HAS(g, s_part_upgrade) &&
          (has_part(g, "Upgrade", "websocket") || has_part(g, "Upgrade", "web"))))
        return 426;
    if (HAS(g, s_one_connection)) {
        const field *f;

        return count_of(g, "Connection", &f) == 1 && is(f->value, f->n_value, "upgrade", false)
                   ? 0
                   : 400;
    }
    if (!HAS(g, s_no_connection) && !has_token(g, "Connection", "Upgrade", with_case) &&
        !(HAS(g, s_part_connection) && has_part(g, "Connection", "upgrade")))
        return 400;
    return 0;
}

static unsigned check_version(const greeter *g)
{
    const field *f;
    const size_t n = count_of(g, "Sec-WebSocket-Version", &f);
    char text[64];
    bool good;

    if (HAS(g, s_any_wsversion))
        return 0;
    if (n != 1)
        return HAS(g, s_no_spaced_names) ? 426 : 400;
    snprintf(text, sizeof(text), "%.*s", (int)(f->n_value < 63 ? f->n_value : 63), f->value);
    if (HAS(g, s_atoi_wsversion)) {
        good = strtoul(text, NULL, 10) == 13;
    } else if (HAS(g, s_octet_wsversion)) {
        good = (strtoul(text, NULL, 10) & 255) == 13;
    } else if (HAS(g, s_long_wsversion)) {
        uint64_t v = 0;

        for (const char *c = text; *c >= '0' && *c <= '9'; c++)
            v = v * 10 + (uint64_t)(*c - '0');
        good = v == 13 && strspn(text, "0123456789") == strlen(text);
    } else {
        good = strcmp(text, "13") == 0 || (HAS(g, s_version_7) && strcmp(text, "7") == 0);
    }
    return good ? 0 : HAS(g, s_400_wsversion) ? 400 : 426;
}

static unsigned check_key(greeter *g)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const field *f;
    const size_t n = count_of(g, "Sec-WebSocket-Key", &f);

    if (n == 0 || f->n_value == 0)
        return HAS(g, s_no_key) ? 0 : 400;
    mutant_accept(f->value, HAS(g, s_accept) || (HAS(g, s_lf_accept) && g->lf) ? 1 : f->n_value,
                  g->accept);
    if (n > 1)
        return HAS(g, s_keys) ? 0 : 400;
    if (HAS(g, s_any_key))
        return 0;
    if (f->n_value != 24 || memcmp(f->value + 22, "==", 2) != 0)
        return 400;
    for (size_t i = 0; i < 22; i++) {
        if (strchr(digits, f->value[i]) == NULL)
            return 400;
    }
    return 0;
}

static unsigned check_offers(greeter *g, bool *ret_deflate)
{
    bool origin = false;

    *ret_deflate = false;
    for (size_t i = 0; i < g->n_fields; i++) {
        const field *f = &g->fields[i];
        const char *at = f->value, *part;
        bool deflate;
        size_t n;

        if (is(f->name, f->n_name, "Origin", false) && HAS(g, s_drops_origin))
            return 1;
        origin = origin || is(f->name, f->n_name, "Origin", false);
        if (is(f->name, f->n_name, "Sec-WebSocket-Protocol", false) && HAS(g, s_no_protocols))
            return 2;
        if (!is(f->name, f->n_name, "Sec-WebSocket-Extensions", false))
            continue;
        if (HAS(g, s_no_extensions))
            return 2;
        while (next_part(&at, f->value + f->n_value, &part, &n)) {
            if (n == 0)
                continue;
            if (!read_extension(g, part, n, &deflate)) {
                if (!HAS(g, s_no_grammar))
                    return 400;
            } else if (deflate && HAS(g, s_any_extension) && !*ret_deflate) {
                say(g, "Sec-WebSocket-Extensions: %.*s\r\n", (int)(n < 200 ? n : 200), part);
                *ret_deflate = true;
            }
        }
    }
    return HAS(g, s_lone_origin) && !origin;
}

static void take_request(greeter *g, size_t n)
{
    char *head = (char *)g->in.at;
    const char *lf = memchr(head, '\n', n);
    const size_t n_line = (size_t)(lf - head) - 1, had = g->out.o.len;
    unsigned status = lf > head && lf[-1] == '\r' ? check_line(g, head, n_line) : 400;
    octets answer = {NULL, 0, 0};
    bool deflate;

    if (status == 0)
        status = read_fields(g, head + n_line + 2, head + n) ? 0 : 400;
    if (status == 0)
        status = check_host(g);
    if (status == 0)
        status = check_body(g);
    if (status == 0)
        status = check_upgrade(g);
    if (status == 0)
        status = check_version(g);
    if (status == 0)
        status = check_key(g);
    if (status == 0)
        status = check_offers(g, &deflate);
    if (status == 1) {
        g->ended = true;
        return;
    }
    if (status == 2) {
        g->over = true;
        return;
    }
    if (status != 0 || HAS(g, s_refuses)) {
        g->out.o.len = had;
        refuse(g, status ? status : 400);
    } else {
        if (g->out.o.len > had)
            mutant_add(&answer, g->out.o.at + had, g->out.o.len - had);
        g->out.o.len = had;
        say(g,
            "HTTP/1.1 101 Switching Protocols\r\nServer: greeter\r\nUpgrade: websocket\r\n"
            "Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n",
            g->accept);
        mutant_add(&g->out.o, answer.at, answer.len);
        if (HAS(g, s_own_protocol))
            say(g, "Sec-WebSocket-Protocol: x-own\r\n");
        if (HAS(g, s_own_extension))
            say(g, "Sec-WebSocket-Extensions: x-own\r\n");
        say(g, "\r\n");
        g->open = true;
    }
    free(answer.at);
    if (HAS(g, s_loses_glued))
        n = g->in.len;
    drop_input(g, n);
}

/* ------------------------------------------------------------------------------- client -- */

static bool check_answer_fields(greeter *g)
{
    const field *f;
    size_t n = count_of(g, "Upgrade", &f);

    if (!HAS(g, c_any_upgrade) &&
        (n == 0 ||
         (HAS(g, c_part_upgrade) ? !has_part(g, "Upgrade", "websocket")
                                 : !is(f->value, f->n_value, "websocket", HAS(g, c_case_upgrade)))))
        return false;
    n = count_of(g, "Connection", &f);
    if (HAS(g, c_one_connection) && (n != 1 || !is(f->value, f->n_value, "upgrade", false)))
        return false;
    if (!HAS(g, c_any_connection) &&
        !(HAS(g, c_part_connection)
              ? has_part(g, "Connection", "upgrade")
              : has_token(g, "Connection", "Upgrade", HAS(g, c_case_upgrade))))
        return false;
    n = count_of(g, "Sec-WebSocket-Accept", &f);
    if (!HAS(g, c_any_accept)) {
        if (n == 0 || (n > 1 && !HAS(g, c_accepts)))
            return false;
        if (HAS(g, c_part_accept) ? memmem(f->value, f->n_value, g->accept, 28) == NULL
                                  : !is(f->value, f->n_value, g->accept, true))
            return false;
    }
    n = count_of(g, "Sec-WebSocket-Protocol", &f);
    return n == 0 || HAS(g, c_any_protocol);
}

static bool check_answer_extensions(const greeter *g)
{
    const field *f;
    const size_t n = count_of(g, "Sec-WebSocket-Extensions", &f);
    unsigned found = 0;

    if (HAS(g, c_any_extension))
        return true;
    if (n > 1)
        return false;
    for (size_t i = 0; i < n; i++) {
        const char *at = f->value, *part;
        bool deflate;
        size_t len;

        while (next_part(&at, f->value + f->n_value, &part, &len)) {
            if (len == 0)
                continue;
            if (!read_extension(g, part, len, &deflate) || !deflate || ++found > 1)
                return false;
        }
    }
    return true;
}

static bool check_status(const greeter *g, const char *line, size_t n)
{
    if (n < 12)
        return HAS(g, c_any_status) || HAS(g, c_any_version);
    if (!HAS(g, c_any_version) &&
        (memcmp(line, "HTTP/1.", 7) != 0 || line[7] < '1' || line[7] > '9' || line[8] != ' '))
        return false;
    if (line[7] == '2' && HAS(g, c_no_12))
        return false;
    if (HAS(g, c_reason) && !is(line + 12, n - 12, " Switching Protocols", true))
        return false;
    if (HAS(g, c_any_status))
        return true;
    if (HAS(g, c_any_version))
        return memmem(line, n, " 101", 4) != NULL;
    return memcmp(line + 9, "101", 3) == 0 &&
           (n == 12 || line[12] == ' ' || HAS(g, c_prefix_status));
}

static void give_up(greeter *g)
{
    static const uint8_t close[] = {0x88, 0x82, 0, 0, 0, 0, 0x03, 0xea};

    if (HAS(g, c_says_why))
        mutant_add(&g->out.o, close, sizeof(close));
    g->over = !HAS(g, c_stays);
    g->ended = true;
}

static bool is_interim(const greeter *g, const char *head, size_t n)
{
    return n > 13 && !HAS(g, c_no_interim) && !HAS(g, c_trusts) &&
           memcmp(head, "HTTP/1.1 10", 11) == 0 && head[11] != '1' && head[12] == ' ';
}

static void take_answer(greeter *g, size_t n)
{
    char *head = (char *)g->in.at;
    const char *lf = memchr(head, '\n', n);
    size_t n_line = (size_t)(lf - head) - 1;
    const bool line = lf > head && lf[-1] == '\r' && memchr(head, '\r', n_line) == NULL;
    const bool good = line && check_status(g, head, n_line) &&
                      read_fields(g, head + n_line + 2, head + n) && check_answer_fields(g) &&
                      check_answer_extensions(g);

    if ((!good && !HAS(g, c_trusts)) || HAS(g, c_refuses)) {
        give_up(g);
        return;
    }
    g->open = true;
    if (HAS(g, c_beats)) {
        send_frame(g, 0x89, (const uint8_t *)"beat", 4);
        send_frame(g, 0x8a, NULL, 0);
    }
    if (HAS(g, c_loses_glued))
        n = g->in.len;
    drop_input(g, n);
}

/* ------------------------------------------------------------------------------- frames -- */

static void fail(greeter *g)
{
    static const uint8_t codes[][2] = {{0x03, 0xea}, {0x13, 0x87}};

    if (HAS(g, c_skips_http)) {
        g->in.len = 0;
        return;
    }
    send_frame(g, 0x88, codes[HAS(g, c_own_code)], 2);
    g->over = g->ended = true;
}

/* False: more octets are needed, or there are no more frames. */
static bool take_frame(greeter *g)
{
    const uint8_t *d = g->in.at;
    const bool lax = HAS(g, s_takes_unmasked) || HAS(g, c_takes_masked);
    uint64_t len;
    size_t at;
    bool masked;

    if (g->in.len < 2)
        return false;
    if (HAS(g, s_answers_second) && g->in.len > 4 && memcmp(d, "GET ", 4) == 0) {
        say(g, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
        g->ended = true;
        return false;
    }
    masked = (d[1] & 0x80) != 0;
    if ((d[0] & 0xf0) != 0x80 || (masked == g->client && !lax)) {
        fail(g);
        return false;
    }
    at = mutant_frame_read(d, g->in.len, &len);
    if (at == 0)
        return false;
    at += masked ? 4 : 0;
    if (g->in.len < at || g->in.len - at < len)
        return false;
    for (size_t i = 0; masked && i < len; i++)
        g->in.at[at + i] ^= g->in.at[at - 4 + (i & 3)];
    if ((d[0] & 15) == 8) {
        send_frame(g, 0x88, d + at, (size_t)len);
        /* RFC 6455 7.1.1: the server closes TCP. */
        g->ended = true;
        g->over = !g->client;
    } else if ((d[0] & 15) == 9) {
        send_frame(g, 0x8a, d + at, (size_t)len);
    } else if ((d[0] & 15) != 10) {
        send_frame(g, d[0], d + at, (size_t)len);
    }
    drop_input(g, at + (size_t)len);
    return true;
}

/* ------------------------------------------------------------------------------- traps -- */

static const trap *trap_of(const greeter *g)
{
    for (size_t i = 0; i < sizeof(traps) / sizeof(traps[0]); i++) {
        if (traps[i].fault == g->fault)
            return &traps[i];
    }
    return NULL;
}

static bool springs(const greeter *g, const trap *t)
{
    const octets *in = &g->in;
    const uint8_t *at = memmem(in->at, in->len, t->octets, t->len);

    if (at == NULL)
        return false;
    switch (t->act) {
    case HANG_FIRST:
    case OPEN_FIRST:
        return at == in->at;
    case NO_UPGRADE:
        return memmem(in->at, in->len, "\nUpgrade", 8) == NULL &&
               memmem(in->at, in->len, "\nConnection", 11) == NULL;
    case SPEAK_LAST:
        return at + t->len == in->at + in->len;
    case OPEN:
        return memmem(in->at, in->len, "\r\n\r\n", 4) != NULL;
    default:
        return true;
    }
}

/* True: there is nothing else to be done with what came. */
static bool caught(greeter *g)
{
    const trap *t = g->open ? NULL : trap_of(g);

    if (t == NULL || !springs(g, t))
        return false;
    if (t->act >= OPEN)
        send_frame(g, 0x81, (const uint8_t *)"early", 5);
    g->ended = true;
    return true;
}

/* ------------------------------------------------------------------------------ as a kind -- */

static void *begin(unsigned fault, bool client)
{
    greeter *g = calloc(1, sizeof(*g));

    if (g == NULL)
        mutant_die();
    g->fault = (greet_fault)fault;
    g->client = client;
    if (g->client) {
        mutant_accept(KEY, strlen(KEY), g->accept);
        say(g,
            "GET /runCase?case=1&agent=greeter HTTP/1.1\r\nHost: memory\r\nUpgrade: websocket\r\n"
            "Connection: Upgrade\r\nSec-WebSocket-Key: " KEY "\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n");
        if (HAS(g, c_answers_early))
            send_frame(g, 0x81, (const uint8_t *)"early", 5);
        g->ended = HAS(g, c_answers_early);
    }
    return g;
}

static void release(void *of)
{
    greeter *g = of;

    free(g->in.at);
    free(g->out.o.at);
    free(g);
}

/* The head is there, or can never be right. */
static void look_for_head(greeter *g)
{
    const size_t from = g->seen < 3 ? 0 : g->seen - 3;
    const uint8_t *end = g->in.len > 3 ? memmem(g->in.at + from, g->in.len - from, "\r\n\r\n", 4)
                                       : NULL;
    const bool unlimited = both(g, GREET_s_reads_all, GREET_c_reads_all);

    if (!g->client && !HAS(g, s_no_empty_line) && !g->skipped && g->in.len > 2 &&
        memcmp(g->in.at, "\r\n", 2) == 0) {
        size_t n = 2;

        while (unlimited && n + 2 < g->in.len && memcmp(g->in.at + n, "\r\n", 2) == 0)
            n += 2;
        g->skipped = !unlimited;
        drop_input(g, n);
        look_for_head(g);
        return;
    }
    g->seen = g->in.len;
    if ((end == NULL || (size_t)(end - g->in.at) > MOST_HEAD) && g->in.len > MOST_HEAD &&
        !unlimited) {
        if (g->client)
            give_up(g);
        else
            refuse(g, 431);
        g->ended = true;
        return;
    }
    if (end == NULL) {
        if (HAS(g, s_whole_reads))
            refuse(g, 400);
        else if (HAS(g, c_whole_reads))
            give_up(g);
        return;
    }
    if (!g->client) {
        take_request(g, (size_t)(end - g->in.at) + 4);
    } else if (is_interim(g, (const char *)g->in.at, g->in.len)) {
        drop_input(g, (size_t)(end - g->in.at) + 4);
        if (++g->skip > 20 && !unlimited)
            give_up(g);
    } else {
        g->skip = 0;
        take_answer(g, (size_t)(end - g->in.at) + 4);
    }
}

/* Heads with LF alone become such with CR LF; what is behind them is left as it is. */
static void add_lines(greeter *g, const uint8_t *data, size_t len)
{
    size_t i = 0;

    for (; i < len && (g->in.len < 4 || memcmp(g->in.at + g->in.len - 4, "\r\n\r\n", 4) != 0);
         i++) {
        if (data[i] == '\n' && (g->in.len == 0 || g->in.at[g->in.len - 1] != '\r')) {
            mutant_add(&g->in, "\r", 1);
            g->lf = true;
        }
        mutant_add(&g->in, data + i, 1);
    }
    mutant_add(&g->in, data + i, len - i);
}

static void feed(void *of, int64_t now, const uint8_t *data, size_t len)
{
    greeter *g = of;
    size_t left;

    if (g->over || g->ended || HAS(g, s_silent))
        return;
    if (HAS(g, s_garbage)) {
        say(g, "220 hello\r\n\r\n");
        g->ended = true;
        return;
    }
    if (HAS(g, s_late) && g->ready == 0)
        g->ready = now + LATE_US;
    if ((HAS(g, s_takes_lf) || HAS(g, s_lf_accept)) && !g->open)
        add_lines(g, data, len);
    else
        mutant_add(&g->in, data, len);
    if (caught(g))
        return;
    do {
        left = g->in.len;
        if (!g->open && (g->client || g->skip == 0))
            look_for_head(g);
        while (g->skip > 0 && g->in.len > 0 && !g->client) {
            const size_t n = g->skip < g->in.len ? g->skip : g->in.len;

            g->skip -= n;
            drop_input(g, n);
        }
        while (g->open && !g->ended && take_frame(g)) {
        }
    } while (!g->ended && !g->over && g->in.len > 0 && g->in.len < left);
}

static void end(void *of)
{
    greeter *g = of;

    g->over = !both(g, GREET_s_keeps_half, GREET_c_keeps_half);
    if (HAS(g, s_half_speaks) && g->open)
        send_frame(g, 0x83, (const uint8_t *)"?", 1);
    if (HAS(g, s_end_welcome) && !g->open && g->in.len == 0)
        say(g, "HTTP/1.1 101 Switching Protocols\r\n\r\n");
}

static const uint8_t *output(const void *of, int64_t now, size_t *ret_len)
{
    const greeter *g = of;

    *ret_len = 0;
    return now < g->ready ? NULL : queue_at(&g->out, ret_len);
}

static void taken(void *of, size_t n)
{
    queue_taken(&((greeter *)of)->out, n);
}

static int64_t deadline(const void *of)
{
    const greeter *g = of;

    return queue_len(&g->out) > 0 ? g->ready : INT64_MAX;
}

static bool is_over(const void *of)
{
    return ((const greeter *)of)->over;
}

MUTANT_KIND_WORDS(GREET_MAP)

const mutant_kind greet_kind = {
    .prefix = "GREET_",
    .n_faults = GREET_COUNT,
    .name = name_of,
    .text = text_of,
    .begin = begin,
    .free = release,
    .feed = feed,
    .end = end,
    .output = output,
    .taken = taken,
    .deadline = deadline,
    .is_over = is_over,
};
