/* SPDX-License-Identifier: MIT */
/*
 * What a server must know of a request before it may say 101: RFC 6455 4.2.1 on top of the parts
 * of RFC 9110 and 9112 that keep two readers of the same octets from seeing different requests.
 */
#include "http/handshake.h"

#include <string.h>

#include "http/chars.h"
#include "http/extension_field.h"
#include "util/attr.h"
#include "util/strs.h"

static int refuse(wsk__refusal *ret, unsigned status, const char *text)
{
    ret->status = status;
    ret->text = text;
    return -1;
}

/* The fields that are judged, gathered in one pass. */
enum {
    HOST,
    UPGRADE,
    CONNECTION,
    KEY,
    VERSION,
    PROTOCOL,
    ORIGIN,
    CONTENT_LENGTH,
    TRANSFER_ENCODING,
    N_KNOWN,
};

typedef struct known_fields {
    size_t n[N_KNOWN];
    wsk_str first[N_KNOWN];
} known_fields;

static void gather(const wsk__head *head, known_fields *ret)
{
    static const wsk_str names[N_KNOWN] = {
#define NAME(index, text) [index] = {text, sizeof(text) - 1}
        NAME(HOST, "Host"),
        NAME(UPGRADE, "Upgrade"),
        NAME(CONNECTION, "Connection"),
        NAME(KEY, "Sec-WebSocket-Key"),
        NAME(VERSION, "Sec-WebSocket-Version"),
        NAME(PROTOCOL, "Sec-WebSocket-Protocol"),
        NAME(ORIGIN, "Origin"),
        NAME(CONTENT_LENGTH, "Content-Length"),
        NAME(TRANSFER_ENCODING, "Transfer-Encoding"),
#undef NAME
    };

    memset(ret, 0, sizeof(*ret));
    for (size_t i = 0; i < head->n_fields; i++) {
        for (size_t k = 0; k < N_KNOWN; k++) {
            if (!wsk__str_ieq(head->fields[i].name, names[k]))
                continue;
            if (ret->n[k]++ == 0)
                ret->first[k] = head->fields[i].value;
            break;
        }
    }
}

/* -------------------------------------------------------------------------------- HTTP -- */

static int judge_host(const wsk__head *head, const known_fields *f, wsk__refusal *ret)
{
    wsk_str host, port, uri_host, uri_port;

    /* RFC 9112 3.2 */
    if (f->n[HOST] > 1)
        return refuse(ret, 400, "more than one Host field");
    if (f->n[HOST] == 0)
        return head->minor == 0 ? 0 : refuse(ret, 400, "the Host field is missing");
    if (!wsk__is_host(f->first[HOST], &host, &port))
        return refuse(ret, 400, "the Host field is malformed");
    if (head->authority.len == 0)
        return 0;
    /* The URI would win over the field (RFC 9112 3.2.2), but a proxy in front of us may have
     * chosen by the field, and the Origin policy compares with it. */
    bool tls = head->target.len > 4 &&
               (wsk__lower(head->target.ptr[2]) == 's' || wsk__lower(head->target.ptr[4]) == 's');
    if (!wsk__is_host(head->authority, &uri_host, &uri_port) || !wsk__str_ieq(host, uri_host) ||
        wsk__port_number(port, tls) != wsk__port_number(uri_port, tls))
        return refuse(ret, 400, "the Host field differs from the host in the request target");
    return 0;
}

/* What says where a request ends must say it once and in one way (RFC 9112 6.3): a proxy that
 * believed another one would take our frames for a body, or a body for a second request. */
static int judge_framing(const wsk__head *head, const known_fields *f, wsk__refusal *ret)
{
    wsk_str length = f->first[CONTENT_LENGTH];

    if (f->n[CONTENT_LENGTH] > 1)
        return refuse(ret, 400, "more than one Content-Length field");
    if (f->n[CONTENT_LENGTH] == 1 &&
        (length.len == 0 || wsk__char_span(length.ptr, length.len, WSK__CHAR_DIGIT) != length.len))
        return refuse(ret, 400, "the Content-Length field is malformed");
    if (f->n[TRANSFER_ENCODING] > 0 && f->n[CONTENT_LENGTH] > 0)
        return refuse(ret, 400, "both Content-Length and Transfer-Encoding");
    if (f->n[TRANSFER_ENCODING] > 0 && head->minor == 0)
        return refuse(ret, 400, "Transfer-Encoding with HTTP/1.0");
    return 0;
}

static bool is_zero(wsk_str digits)
{
    for (size_t i = 0; i < digits.len; i++)
        if (digits.ptr[i] != '0')
            return false;
    return true;
}

static int judge_body(const wsk__head *head, const known_fields *f, bool wants, wsk__refusal *ret)
{
    static const char *const codings[] = {"chunked", "gzip", "x-gzip", "deflate", "compress"};
    wsk__list_pos pos = {0};
    wsk_str coding;

    if (f->n[TRANSFER_ENCODING] > 0) {
        while (!wants && wsk__head_next_element(head, "Transfer-Encoding", &pos, &coding)) {
            bool known = false;

            for (size_t i = 0; i < WSK__COUNT(codings); i++)
                known = known || wsk__str_ieq(coding, wsk__str(codings[i]));
            if (!known) /* RFC 9112 6.1 */
                return refuse(ret, 501, "the transfer coding is unknown");
        }
        return refuse(ret, 400, "this request may not have a body");
    }
    if (f->n[CONTENT_LENGTH] > 0 && !is_zero(f->first[CONTENT_LENGTH]))
        return refuse(ret, 400, "this request may not have a body");
    return 0;
}

/* --------------------------------------------------------------------------- WebSocket -- */

/* RFC 6455 4.2.1 item 6. A list or a second field is neither this version nor another. */
static int judge_version(const known_fields *f, wsk__refusal *ret)
{
    wsk_str s = f->first[VERSION];
    unsigned n = 0;

    if (f->n[VERSION] == 0)
        return refuse(ret, 400, "the Sec-WebSocket-Version field is missing");
    if (f->n[VERSION] > 1)
        return refuse(ret, 400, "more than one Sec-WebSocket-Version field");
    /* 4.3: 0 to 255, without leading zeros; so four digits are too many already. */
    for (size_t i = 0; i < s.len && i < 4; i++)
        n = wsk__char_is(s.ptr[i], WSK__CHAR_DIGIT) ? n * 10 + (unsigned)(s.ptr[i] - '0') : 256;
    if (s.len == 0 || n > 255 || (s.len > 1 && s.ptr[0] == '0'))
        return refuse(ret, 400, "the Sec-WebSocket-Version field is malformed");
    if (n != 13) /* 4.4 */
        return refuse(ret, 426, "only version 13 of the WebSocket protocol is spoken here");
    return 0;
}

/* RFC 6455 4.2.1 item 5: 16 octets in base64, whose last digit has four bits that must be 0. */
static int judge_key(const known_fields *f, wsk__refusal *ret)
{
    wsk_str s = f->first[KEY];

    if (f->n[KEY] == 0)
        return refuse(ret, 400, "the Sec-WebSocket-Key field is missing");
    if (f->n[KEY] > 1)
        return refuse(ret, 400, "more than one Sec-WebSocket-Key field");
    if (s.len != WSK__KEY_LEN || wsk__char_span(s.ptr, 22, WSK__CHAR_BASE64) != 22 ||
        memchr("AQgw", s.ptr[21], 4) == NULL || s.ptr[22] != '=' || s.ptr[23] != '=')
        return refuse(ret, 400, "the Sec-WebSocket-Key field is not base64 of 16 octets");
    return 0;
}

/* RFC 6455 4.1 item 10: tokens, all of them unique. */
static int judge_subprotocols(const wsk__head *head, wsk__refusal *ret)
{
    wsk_str seen[WSK__MAX_SUBPROTOCOLS], element;
    wsk__list_pos pos = {0};
    size_t n = 0;

    while (wsk__head_next_element(head, "Sec-WebSocket-Protocol", &pos, &element)) {
        if (!wsk__is_token(element))
            return refuse(ret, 400, "the Sec-WebSocket-Protocol field is malformed");
        if (n == WSK__MAX_SUBPROTOCOLS)
            return refuse(ret, 400, "too many subprotocols are offered");
        for (size_t i = 0; i < n; i++)
            if (wsk__str_eq(seen[i], element))
                return refuse(ret, 400, "a subprotocol is offered twice");
        seen[n++] = element;
    }
    if (n == 0 && wsk__head_find(head, "Sec-WebSocket-Protocol", 0) != NULL)
        return refuse(ret, 400, "the Sec-WebSocket-Protocol field is empty");
    return 0;
}

/* RFC 6455 9.1: what does not parse fails the handshake, whoever would have read it. */
static int judge_extensions(const wsk__head *head, wsk__refusal *ret)
{
    wsk__list_pos pos = {0};
    wsk__ext_item item;
    const char *why;
    int r;

    while ((r = wsk__ext_next(head, &pos, &item, &why)) == 1)
        ;
    return r < 0 ? refuse(ret, 400, why) : 0;
}

int wsk__handshake_judge_request(const wsk__head *head, wsk_str *ret_key, wsk__refusal *ret)
{
    bool is_get = wsk__str_eq(head->method, wsk__str("GET"));
    bool wants;
    known_fields f;

    gather(head, &f);
    WSK_TRY(judge_framing(head, &f, ret));
    if (!is_get && !wsk__str_eq(head->method, wsk__str("HEAD")))
        return refuse(ret, 405, "only GET is served here");
    WSK_TRY(judge_host(head, &f, ret));
    if (f.n[ORIGIN] > 1) /* RFC 6454 7.3 */
        return refuse(ret, 400, "more than one Origin field");
    wants = f.n[UPGRADE] > 0 && wsk__head_has_token(head, "Upgrade", "websocket");
    WSK_TRY(judge_body(head, &f, wants, ret));
    if (!wants) {
        /* What is left of a handshake when something on the way takes hop-by-hop fields off. */
        if (f.n[KEY] > 0 || f.n[VERSION] > 0)
            return refuse(ret, 426,
                          "the Upgrade field does not ask for websocket; a proxy on the "
                          "way may have removed it");
        return 0;
    }
    if (!is_get) /* RFC 6455 4.2.1 item 1 */
        return refuse(ret, 405, "a WebSocket handshake is a GET");
    if (head->minor == 0) /* RFC 9110 7.8 */
        return refuse(ret, 400, "a WebSocket handshake needs HTTP/1.1");
    if (!wsk__head_has_token(head, "Connection", "upgrade"))
        return refuse(ret, 400, "the Connection field does not say Upgrade");
    WSK_TRY(judge_version(&f, ret));
    WSK_TRY(judge_key(&f, ret));
    if (f.n[PROTOCOL] > 0)
        WSK_TRY(judge_subprotocols(head, ret));
    WSK_TRY(judge_extensions(head, ret));
    *ret_key = f.first[KEY];
    return 1;
}

/* ------------------------------------------------------------------------- subprotocol -- */

bool wsk__subprotocol_offered(const wsk__head *head, const char *name)
{
    wsk_str wanted = wsk__str(name), element;
    wsk__list_pos pos = {0};

    while (wsk__head_next_element(head, "Sec-WebSocket-Protocol", &pos, &element))
        if (wsk__str_eq(element, wanted))
            return true;
    return false;
}

const char *wsk__subprotocol_select(const wsk__head *head, const char *const *supported)
{
    for (; supported != NULL && *supported != NULL; supported++)
        if (wsk__subprotocol_offered(head, *supported))
            return *supported;
    return NULL;
}
