/* SPDX-License-Identifier: MIT */
/* SOCKS 5 (RFC 1928) with no authentication or user and password (RFC 1929). Each message says how
 * long it is, so none is read too far. */
#include "net/proxy.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "util/mem.h"
#include "util/strs.h"

enum { METHOD, AUTHENTICATION, REPLY };

#define VERSION         5
#define NO_AUTH         0
#define USER_PASSWORD   2
#define NO_METHOD       0xFF
#define COMMAND         1 /* CONNECT */
#define IPV4            1
#define NAME            3
#define IPV6            4
#define REPLY_HEAD      5 /* VER REP RSV ATYP and the first octet of the address */
#define NAME_MAX_OCTETS 255

/* ------------------------------------------------------------------------------- request -- */

/* An address as the protocol has it; false if host is a name. */
static bool as_address(const char *with_zone, const wsk__address *address, uint8_t *ret_type,
                       uint8_t ret[16], size_t *ret_n)
{
    char host[NAME_MAX_OCTETS + 1];

    if (address != NULL) {
        bool v4 = address->any.sa_family == AF_INET;

        *ret_type = v4 ? IPV4 : IPV6;
        *ret_n = v4 ? 4 : 16;
        memcpy(ret, v4 ? (const void *)&address->v4.sin_addr : (const void *)&address->v6.sin6_addr,
               *ret_n);
        return true;
    }
    if (!wsk__host_without_zone(with_zone, host, sizeof(host)))
        return false;
    if (inet_pton(AF_INET, host, ret) == 1) {
        *ret_type = IPV4;
        *ret_n = 4;
        return true;
    }
    if (inet_pton(AF_INET6, host, ret) == 1) {
        *ret_type = IPV6;
        *ret_n = 16;
        return true;
    }
    return false;
}

/* RFC 1928 4 */
static int make_request(wsk__proxy_talk *t, const char *host, uint16_t port,
                        const wsk__address *address)
{
    uint8_t raw[16], type = NAME;
    const void *from = host;
    size_t n = strlen(host), len = 0;
    bool is_address = as_address(host, address, &type, raw, &n);

    if (is_address)
        from = raw;
    else if (n == 0 || n > NAME_MAX_OCTETS)
        return WSK_ERR_INVAL;
    uint8_t *p = wsk__alloc(t->hooks, n + 7);
    if (p == NULL)
        return WSK_ERR_NOMEM;
    p[len++] = VERSION;
    p[len++] = COMMAND;
    p[len++] = 0;
    p[len++] = type;
    if (!is_address)
        p[len++] = (uint8_t)n;
    memcpy(p + len, from, n);
    len += n;
    p[len++] = (uint8_t)(port >> 8);
    p[len++] = (uint8_t)port;
    t->request = p;
    t->request_len = len;
    return WSK_OK;
}

int wsk__proxy_socks_begin(wsk__proxy_talk *t, const char *host, uint16_t port,
                           const wsk__address *address)
{
    const wsk__proxy *p = t->proxy;

    if (p->user != NULL) {
        size_t user = strlen(p->user), password = p->password != NULL ? strlen(p->password) : 0;
        /* RFC 1929 2 */
        if (user == 0 || user > NAME_MAX_OCTETS || password > NAME_MAX_OCTETS)
            return WSK_ERR_INVAL;
    }
    WSK_TRY(make_request(t, host, port, address));
    t->out = wsk__alloc(t->hooks, 4);
    if (t->out == NULL)
        return WSK_ERR_NOMEM;
    t->out[t->out_len++] = VERSION;
    t->out[t->out_len++] = p->user != NULL ? 2 : 1;
    t->out[t->out_len++] = NO_AUTH;
    if (p->user != NULL)
        t->out[t->out_len++] = USER_PASSWORD;
    t->state = METHOD;
    t->need = 2;
    return WSK_OK;
}

/* ------------------------------------------------------------------------------- answers -- */

static wsk__talk_result fail(wsk__proxy_talk *t, const char *text)
{
    t->text = text;
    return WSK__TALK_FAILED;
}

static void say(wsk__proxy_talk *t, uint8_t *p, size_t n, unsigned state, size_t need)
{
    wsk__free(t->hooks, t->out);
    t->out = p;
    t->out_off = 0;
    t->out_len = n;
    t->state = (uint8_t)state;
    t->need = need;
    t->got = 0;
}

static wsk__talk_result send_request(wsk__proxy_talk *t)
{
    say(t, t->request, t->request_len, REPLY, REPLY_HEAD);
    t->request = NULL;
    return WSK__TALK_MORE;
}

static wsk__talk_result take_method(wsk__proxy_talk *t)
{
    const wsk__proxy *p = t->proxy;

    if (t->in[0] != VERSION)
        return fail(t, "the proxy does not speak SOCKS 5");
    if (t->in[1] == NO_AUTH)
        return send_request(t);
    if (t->in[1] == NO_METHOD)
        return fail(t, p->user != NULL
                           ? "the SOCKS proxy wants another authentication than user and password"
                           : "the SOCKS proxy asks for authentication");
    if (t->in[1] != USER_PASSWORD || p->user == NULL)
        return fail(t, "the SOCKS proxy chose an authentication that was not offered");
    size_t user = strlen(p->user), password = p->password != NULL ? strlen(p->password) : 0;
    uint8_t *out = wsk__alloc(t->hooks, 3 + user + password);
    if (out == NULL)
        return fail(t, "out of memory");
    out[0] = 1; /* of the negotiation */
    out[1] = (uint8_t)user;
    memcpy(out + 2, p->user, user);
    out[2 + user] = (uint8_t)password;
    if (password > 0)
        memcpy(out + 3 + user, p->password, password);
    say(t, out, 3 + user + password, AUTHENTICATION, 2);
    return WSK__TALK_MORE;
}

static wsk__talk_result take_authentication(wsk__proxy_talk *t)
{
    if (t->in[0] != 1)
        return fail(t, "the SOCKS proxy's answer to the password is malformed");
    if (t->in[1] != 0)
        return fail(t, "the SOCKS proxy does not accept user and password");
    return send_request(t);
}

static wsk__talk_result refuse(wsk__proxy_talk *t)
{
    static const char *const texts[] = {
        "failed",
        "does not allow this connection",
        "cannot reach the network",
        "cannot reach the host, or does not know it",
        "was refused by the host",
        "gave up: TTL expired",
        "does not connect at all",
        "does not know this kind of address",
    };
    unsigned reply = t->in[1];

    t->status = reply;
    t->elsewhere = reply >= 3 && reply != 7;
    if (reply > WSK__COUNT(texts))
        snprintf(t->words, sizeof(t->words), "the SOCKS proxy refuses with the unknown code %u",
                 reply);
    else
        snprintf(t->words, sizeof(t->words), "the SOCKS proxy %s (code %u)", texts[reply - 1],
                 reply);
    return fail(t, t->words);
}

/* RFC 1928 6. The address in it is of no use to us, but has to be read. */
static wsk__talk_result take_reply(wsk__proxy_talk *t)
{
    if (t->in[0] != VERSION)
        return fail(t, "the SOCKS proxy's reply is malformed");
    if (t->in[1] != 0)
        return refuse(t);
    if (t->got > REPLY_HEAD)
        return WSK__TALK_DONE;
    if (t->in[2] != 0)
        return fail(t, "the SOCKS proxy's reply is malformed");
    switch (t->in[3]) {
    case IPV4:
        t->need = 4 + 4 + 2;
        break;
    case IPV6:
        t->need = 4 + 16 + 2;
        break;
    case NAME:
        t->need = REPLY_HEAD + t->in[4] + 2u;
        break;
    default:
        return fail(t, "the SOCKS proxy's reply has an unknown kind of address");
    }
    return WSK__TALK_MORE;
}

wsk__talk_result wsk__proxy_socks_feed(wsk__proxy_talk *t, const uint8_t *data, size_t n,
                                       size_t *ret_used)
{
    wsk__talk_result r = WSK__TALK_MORE;
    size_t i = 0;

    while (i < n && r == WSK__TALK_MORE) {
        /* Whoever answers before he was asked is no proxy. */
        if (t->out_off < t->out_len) {
            r = fail(t, "the SOCKS proxy speaks out of turn");
            break;
        }
        t->in[t->got++] = data[i++];
        if (t->got < t->need)
            continue;
        if (t->state == METHOD)
            r = take_method(t);
        else if (t->state == AUTHENTICATION)
            r = take_authentication(t);
        else
            r = take_reply(t);
    }
    *ret_used = i;
    return r;
}
