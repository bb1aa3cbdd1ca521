/* SPDX-License-Identifier: MIT */
/*
 * HTTP CONNECT (RFC 9110 9.3.6). Reads no more of an answer than it has to: its status. The rest
 * is only delimited, and strictly so, because where the head ends the other server's octets begin.
 */
#include "net/proxy.h"

#include <stdio.h>
#include <string.h>

#include <openssl/evp.h>

#include "util/mem.h"
#include "util/strs.h"

enum {
    START,      /* in "HTTP/1.1 200" */
    REASON,     /* behind it */
    LINE_END,   /* CR was there, LF must follow */
    LINE_BEGIN, /* of a field or the empty line */
    NAME,
    VALUE,
    HEAD_END, /* CR of the empty line was there */
};

/* ------------------------------------------------------------------------------- request -- */

/* RFC 7617. *ret: "Proxy-Authorization: Basic ..." with its line end, or "". */
static int authorization(const wsk__proxy_talk *t, char **ret)
{
    static const char name[] = "Proxy-Authorization: Basic ";
    const wsk__proxy *p = t->proxy;
    const char *password = p->password != NULL ? p->password : "";
    char *pair, *field;

    if (p->user == NULL) {
        *ret = wsk__strndup(t->hooks, "", 0);
        return *ret != NULL ? WSK_OK : WSK_ERR_NOMEM;
    }
    size_t user_len = strlen(p->user), n = user_len + 1 + strlen(password);
    if (n > 1024)
        return WSK_ERR_INVAL;
    pair = wsk__alloc(t->hooks, n + 1);
    field = wsk__alloc(t->hooks, sizeof(name) + (n + 2) / 3 * 4 + 3);
    if (pair == NULL || field == NULL) {
        wsk__free(t->hooks, pair);
        wsk__free(t->hooks, field);
        return WSK_ERR_NOMEM;
    }
    snprintf(pair, n + 1, "%s:%s", p->user, password);
    memcpy(field, name, sizeof(name) - 1);
    int len = EVP_EncodeBlock((unsigned char *)field + sizeof(name) - 1,
                              (const unsigned char *)pair, (int)n);
    memcpy(field + sizeof(name) - 1 + len, "\r\n", 3);
    wsk__free(t->hooks, pair);
    *ret = field;
    return WSK_OK;
}

int wsk__proxy_http_begin(wsk__proxy_talk *t, const char *host, uint16_t port)
{
    const bool v6 = strchr(host, ':') != NULL;
    char bare[256], authority[300], *field;

    if (!wsk__host_without_zone(host, bare, sizeof(bare)))
        return WSK_ERR_INVAL;
    int n = snprintf(authority, sizeof(authority), "%s%s%s:%u", v6 ? "[" : "", bare, v6 ? "]" : "",
                     (unsigned)port);
    if (n < 0 || (size_t)n >= sizeof(authority))
        return WSK_ERR_INVAL;
    WSK_TRY(authorization(t, &field));
    size_t cap = 2 * (size_t)n + strlen(field) + 64;
    t->out = wsk__alloc(t->hooks, cap);
    if (t->out != NULL)
        t->out_len = (size_t)snprintf((char *)t->out, cap,
                                      "CONNECT %s HTTP/1.1\r\nHost: %s\r\n%s\r\n", authority,
                                      authority, field);
    wsk__free(t->hooks, field);
    return t->out != NULL ? WSK_OK : WSK_ERR_NOMEM;
}

/* -------------------------------------------------------------------------------- answer -- */

static wsk__talk_result fail(wsk__proxy_talk *t, const char *text)
{
    t->text = text;
    return WSK__TALK_FAILED;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool start_is_right(const wsk__proxy_talk *t)
{
    const char *s = t->start;

    return memcmp(s, "HTTP/1.", 7) == 0 && is_digit(s[7]) && s[8] == ' ' && s[9] >= '1' &&
           s[9] <= '5' && is_digit(s[10]) && is_digit(s[11]);
}

static wsk__talk_result judge(wsk__proxy_talk *t)
{
    unsigned status = t->status;

    if (status >= 200 && status <= 299)
        return WSK__TALK_DONE;
    if (status < 200 && status != 101) {
        /* RFC 9110 15.2: an interim answer; the one that counts follows. */
        t->state = START;
        t->status = 0;
        t->got = 0;
        return WSK__TALK_MORE;
    }
    if (status == 407)
        return fail(t, t->proxy->user != NULL
                           ? "the proxy does not accept user and password (status 407)"
                           : "the proxy asks for user and password (status 407)");
    snprintf(t->words, sizeof(t->words), "the proxy refuses to connect (status %u)", status);
    return fail(t, t->words);
}

/* RFC 9110 5.6.2 */
static bool is_name_char(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit((char)c) ||
           (c != 0 && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

/* One octet. MORE until the last one of the head. */
static wsk__talk_result take(wsk__proxy_talk *t, uint8_t c)
{
    bool is_text = (c >= 0x20 && c != 0x7F) || c == '\t';

    switch (t->state) {
    case START:
        t->start[t->got++] = (char)c;
        if (t->got < sizeof(t->start))
            break;
        if (!start_is_right(t))
            return fail(t, "the proxy's answer is not HTTP");
        t->status = (unsigned)(t->start[9] - '0') * 100 + (unsigned)(t->start[10] - '0') * 10 +
                    (unsigned)(t->start[11] - '0');
        t->got = 0;
        t->state = REASON;
        break;
    case REASON:
        if (c == '\r')
            t->state = LINE_END;
        else if (!is_text || (t->got == 0 && c != ' '))
            return fail(t, "the status line of the proxy's answer is malformed");
        t->got = 1;
        break;
    case LINE_END:
        if (c != '\n')
            return fail(t, "the proxy's answer has a CR without LF");
        t->state = LINE_BEGIN;
        break;
    case LINE_BEGIN:
        t->named = false;
        if (c == '\r') {
            t->state = HEAD_END;
            break;
        }
        t->state = NAME;
        WSK__FALLTHROUGH;
    case NAME:
        if (c == ':' && t->named)
            t->state = VALUE;
        else if (!is_name_char(c))
            return fail(t, "a header field of the proxy's answer is malformed");
        t->named = true;
        break;
    case VALUE:
        if (c == '\r')
            t->state = LINE_END;
        else if (!is_text)
            return fail(t, "a header field of the proxy's answer has a control character");
        break;
    case HEAD_END:
        if (c != '\n')
            return fail(t, "the proxy's answer has a CR without LF");
        return judge(t);
    }
    return WSK__TALK_MORE;
}

wsk__talk_result wsk__proxy_http_feed(wsk__proxy_talk *t, const uint8_t *data, size_t n,
                                      size_t *ret_used)
{
    wsk__talk_result r = WSK__TALK_MORE;
    size_t i = 0;

    while (i < n && r == WSK__TALK_MORE) {
        if (t->octets == WSK__PROXY_HEAD_MAX)
            r = fail(t, "the head of the proxy's answer is too long");
        else
            r = take(t, data[i]);
        t->octets++;
        i++;
        /* Interim answers begin anew. */
        if (r == WSK__TALK_MORE && t->state == START && t->got > 0 &&
            memcmp(t->start, "HTTP/1.", t->got < 7 ? t->got : 7) != 0)
            r = fail(t, "the proxy's answer is not HTTP");
    }
    *ret_used = i;
    return r;
}
