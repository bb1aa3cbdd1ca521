/* SPDX-License-Identifier: MIT */
/*
 * The head parser. It goes over each octet once, in the order of arrival, as a machine whose
 * state is in head->scan, and refuses where the grammar of RFC 9112 ends: so a peer learns at
 * once, nothing is held for one that is wrong already, and a head that comes in single octets
 * costs no more than one that comes whole. When the empty line is there, a second pass sets the
 * strings, since the buffer may have moved in between.
 */
#include "http/head.h"

#include <string.h>

#include "http/chars.h"
#include "util/attr.h"
#include "util/strs.h"

/* RFC 9112 3: a method longer than any that is known is 501. The longest registered one,
 * UPDATEREDIRECTREF, has 17. */
#define MAX_METHOD 32

enum state {
    AT_BEGIN = 0, /* a head of all zeros begins here */
    EMPTY_LINE,   /* CR before a request was seen */
    METHOD,
    TARGET,
    VERSION,
    STATUS,
    REASON,
    START_LF, /* CR of the start line was seen */
    LINE,     /* a field line, or the empty one, begins */
    NAME,
    VALUE,
    FIELD_LF,
    LAST_LF,
    DONE,
};

static bool refuse(wsk__refusal *ret, unsigned status, const char *text)
{
    ret->status = status;
    ret->text = text;
    return false;
}

/* An octet that ends a part where it may not; c says how. */
static bool refuse_octet(wsk__refusal *ret, char c, const char *text)
{
    if (c == '\n')
        text = "a line ends in LF without CR";
    else if (c == '\r')
        text = "a line ends too early, or has a bare CR";
    else if (c == 0)
        text = "the head contains NUL";
    return refuse(ret, 400, text);
}

static void enter(wsk__head_scan *s, enum state state)
{
    s->state = state;
    s->mark = s->pos;
}

/* "HTTP/1.1" with the digit, which is pos - mark octets into it. */
static bool scan_version(wsk__head *head, char c, wsk__refusal *ret)
{
    wsk__head_scan *s = &head->scan;
    size_t i = s->pos - s->mark;

    s->pos++;
    if (i < 5)
        return c == "HTTP/"[i] || refuse_octet(ret, c, "this is not HTTP");
    switch (i) {
    case 5:
        if (c == '1')
            return true;
        if (wsk__char_is(c, WSK__CHAR_DIGIT))
            return refuse(ret, 505, "only version 1 of HTTP is spoken here");
        break;
    case 6:
        if (c == '.')
            return true;
        break;
    case 7:
        if (wsk__char_is(c, WSK__CHAR_DIGIT))
            return true;
        break;
    default:
        if (head->kind == WSK__HEAD_REQUEST && c == '\r') {
            s->state = START_LF;
            return true;
        }
        if (head->kind == WSK__HEAD_RESPONSE && c == ' ') {
            enter(s, STATUS);
            return true;
        }
        break;
    }
    return refuse_octet(ret, c, "the HTTP version is malformed");
}

static bool scan_status(wsk__head_scan *s, char c, wsk__refusal *ret)
{
    size_t i = s->pos - s->mark;

    s->pos++;
    if (i < 3) {
        if (wsk__char_is(c, WSK__CHAR_DIGIT) && (i > 0 || c != '0'))
            return true;
    } else if (c == ' ') {
        enter(s, REASON);
        return true;
    } else if (c == '\r') {
        /* RFC 9112 4 wants the space even if no reason follows, but it can be read in one way
         * only, and there are servers that leave it out. */
        s->state = START_LF;
        return true;
    }
    return refuse_octet(ret, c, "the status code is malformed");
}

/* One step within the start line; pos < n. */
static bool scan_start(wsk__head *head, const char *buf, size_t n, wsk__refusal *ret)
{
    wsk__head_scan *s = &head->scan;
    char c = buf[s->pos];

    switch (s->state) {
    case AT_BEGIN:
        if (c == '\r' && s->pos == 0 && head->kind == WSK__HEAD_REQUEST) {
            s->pos++;
            s->state = EMPTY_LINE;
            return true;
        }
        s->begin = s->pos;
        enter(s, head->kind == WSK__HEAD_REQUEST ? METHOD : VERSION);
        return true;
    case EMPTY_LINE:
        if (c != '\n')
            return refuse(ret, 400, "a bare CR");
        s->pos++;
        s->state = AT_BEGIN;
        return true;
    case METHOD:
        s->pos += wsk__char_span(buf + s->pos, n - s->pos, WSK__CHAR_TOKEN);
        if (s->pos - s->mark > MAX_METHOD)
            return refuse(ret, 501, "the method is unknown");
        if (s->pos == n)
            return true;
        if (buf[s->pos] != ' ' || s->pos == s->mark)
            return refuse_octet(ret, buf[s->pos], "the request does not begin with a method");
        s->pos++;
        enter(s, TARGET);
        return true;
    case TARGET:
        s->pos += wsk__char_span(buf + s->pos, n - s->pos, WSK__CHAR_TARGET);
        if (s->pos == n)
            return true;
        c = buf[s->pos];
        if (c == '#')
            return refuse(ret, 400, "the request target has a fragment");
        if (c != ' ' || s->pos == s->mark)
            return refuse_octet(ret, c, "the request target has a character that may not be there");
        /* One space stands before it. */
        wsk_str unused, method = wsk__strn(buf + s->begin, s->mark - 1 - s->begin);
        const char *why = wsk__target_split(method, wsk__strn(buf + s->mark, s->pos - s->mark),
                                            &unused, &unused, &unused);
        if (why != NULL)
            return refuse(ret, 400, why);
        s->pos++;
        enter(s, VERSION);
        return true;
    case VERSION:
        return scan_version(head, c, ret);
    case STATUS:
        return scan_status(s, c, ret);
    case REASON:
        s->pos += wsk__char_span(buf + s->pos, n - s->pos, WSK__CHAR_VALUE);
        if (s->pos == n)
            return true;
        if (buf[s->pos] != '\r')
            return refuse_octet(ret, buf[s->pos], "the reason has a control character");
        s->pos++;
        s->state = START_LF;
        return true;
    default: /* START_LF */
        if (c != '\n')
            return refuse(ret, 400, "a bare CR");
        s->pos++;
        s->state = LINE;
        return true;
    }
}

/* One step within the field lines; pos < n. */
static bool scan_fields(wsk__head *head, const char *buf, size_t n, wsk__refusal *ret)
{
    wsk__head_scan *s = &head->scan;
    char c = buf[s->pos];

    switch (s->state) {
    case LINE:
        if (c == '\r') {
            s->pos++;
            s->state = LAST_LF;
            return true;
        }
        /* RFC 9112 5.2: a folded line hides a field from those who do not unfold it. */
        if (c == ' ' || c == '\t')
            return refuse(ret, 400, "a line begins with white space");
        if (s->n_fields == head->max_fields)
            return refuse(ret, 431, "too many header fields");
        s->n_fields++;
        enter(s, NAME);
        return true;
    case NAME:
        s->pos += wsk__char_span(buf + s->pos, n - s->pos, WSK__CHAR_TOKEN);
        if (s->pos == n)
            return true;
        c = buf[s->pos];
        if (c == ' ' || c == '\t') /* RFC 9112 5.1 */
            return refuse(ret, 400, "white space stands before the colon of a header field");
        if (c != ':')
            return refuse_octet(ret, c, "the name of a header field is malformed");
        if (s->pos == s->mark)
            return refuse(ret, 400, "a header field has no name");
        s->pos++;
        s->state = VALUE;
        return true;
    case VALUE:
        s->pos += wsk__char_span(buf + s->pos, n - s->pos, WSK__CHAR_VALUE);
        if (s->pos == n)
            return true;
        c = buf[s->pos];
        if (c != '\r')
            return refuse_octet(ret, c, "the value of a header field has a control character");
        s->pos++;
        s->state = FIELD_LF;
        return true;
    default: /* FIELD_LF, LAST_LF */
        if (c != '\n')
            return refuse(ret, 400, "a bare CR");
        s->pos++;
        s->state = s->state == FIELD_LF ? LINE : DONE;
        return true;
    }
}

/* Takes the octets to c, which are there, and passes over c. */
static wsk_str take_to(const char **p, char c)
{
    const char *begin = *p;

    while (**p != c)
        (*p)++;
    return wsk__strn(begin, (size_t)((*p)++ - begin));
}

/* Sets the strings of a head that is known to be in order. */
static void set_strings(wsk__head *head, const char *buf)
{
    const wsk__head_scan *s = &head->scan;
    const char *p = buf + s->begin;

    if (head->kind == WSK__HEAD_REQUEST) {
        head->method = take_to(&p, ' ');
        head->target = take_to(&p, ' ');
        wsk__target_split(head->method, head->target, &head->path, &head->query, &head->authority);
    }
    /* RFC 9110 2.5: a higher minor version is treated as the highest that we know. */
    head->minor = p[7] == '0' ? 0 : 1;
    if (head->kind == WSK__HEAD_RESPONSE) {
        p += 9;
        head->status = (unsigned)((p[0] - '0') * 100 + (p[1] - '0') * 10 + (p[2] - '0'));
        p += 3;
        head->reason = wsk__str_trim(take_to(&p, '\r'));
    } else {
        take_to(&p, '\r');
    }
    for (size_t i = 0; i < s->n_fields; i++) {
        p++; /* LF */
        head->fields[i].name = take_to(&p, ':');
        head->fields[i].value = wsk__str_trim(take_to(&p, '\r'));
    }
    head->n_fields = s->n_fields;
    head->whole = wsk__strn(buf + s->begin, s->pos - s->begin);
}

long wsk__head_parse(wsk__head *head, const char *buf, size_t len, size_t seen, size_t max_len,
                     wsk__refusal *ret)
{
    wsk__head_scan *s = &head->scan;
    size_t n = len < max_len ? len : max_len;
    bool ok = true;

    /* What was judged is what was seen; otherwise this head was not the one. */
    if (seen == 0 || s->pos != seen)
        memset(s, 0, sizeof(*s));
    while (ok && s->pos < n && s->state != DONE)
        ok = s->state < LINE ? scan_start(head, buf, n, ret) : scan_fields(head, buf, n, ret);
    if (ok && s->state != DONE) {
        if (n < max_len)
            return 0;
        /* The empty line would be behind the limit, whatever comes. */
        if (head->kind == WSK__HEAD_REQUEST && s->state <= TARGET)
            ok = refuse(ret, 414, "the request line is too long");
        else
            ok = refuse(ret, 431, "the head is too long");
    }
    if (!ok) {
        if (head->kind == WSK__HEAD_RESPONSE)
            ret->status = 0;
        return -1;
    }
    set_strings(head, buf);
    return (long)s->pos;
}
