/* SPDX-License-Identifier: MIT */
/* The client's side of the opening handshake (RFC 6455 4.1): what it asks, what it believes. */
#include "http/handshake.h"

#include "http/header_writer.h"
#include "util/mem.h"
#include "util/strs.h"

/* NULL, or what is wrong, and *ret_value where; of its header fields "". */
static const char *fault(const wsk_request_options *options, const char **ret_value)
{
    *ret_value = options->host != NULL ? options->host : "";
    if (options->host == NULL || !wsk__is_host(wsk__str(options->host), NULL, NULL))
        return "host is to be a host, perhaps with a port";
    *ret_value = options->target;
    if (options->target != NULL && !wsk__is_target(wsk__str(options->target)))
        return "target is to be a path, perhaps with a query";
    *ret_value = options->origin;
    if (options->origin != NULL && !wsk__header_value_is_text(options->origin))
        return "origin is empty, or has a character that may not stand there";
    if (!wsk__headers_are_allowed(options->headers, options->n_headers, WSK_ROLE_CLIENT))
        return "";
    return NULL;
}

bool wsk__request_is_allowed(const wsk_request_options *options)
{
    const char *value;

    return fault(options, &value) == NULL;
}

void wsk__request_complain(const wsk_hooks *hooks, const char *who,
                           const wsk_request_options *options)
{
    const char *value, *why = fault(options, &value);

    if (why != NULL && *why != 0)
        wsk__log(hooks, WSK_LOG_ERROR, "%s: %s, not '%s'", who, why, value);
    else
        wsk__headers_complain(hooks, who, options->headers, options->n_headers, WSK_ROLE_CLIENT);
}

void wsk__handshake_write_request(wsk__text *t, const wsk_request_options *options,
                                  const char key[WSK__KEY_LEN + 1], const char *user_agent,
                                  const char *const *subprotocols, const char *extensions)
{
    const wsk_header *h = options->headers;
    size_t n = options->n_headers;

    if (!wsk__request_is_allowed(options)) {
        t->failed = true;
        return;
    }
    wsk__text_add(t, "GET ");
    wsk__text_add(t, options->target != NULL ? options->target : "/");
    wsk__text_add(t, " HTTP/1.1\r\n");
    /* RFC 9112 3.2: Host comes first. */
    wsk__write_field(t, "Host", options->host);
    wsk__text_add(t, "Upgrade: websocket\r\nConnection: Upgrade\r\n");
    wsk__write_field(t, "Sec-WebSocket-Key", key);
    wsk__text_add(t, "Sec-WebSocket-Version: 13\r\n");
    if (subprotocols != NULL && subprotocols[0] != NULL) {
        wsk__text_add(t, "Sec-WebSocket-Protocol: ");
        for (size_t i = 0; subprotocols[i] != NULL; i++) {
            if (!wsk__is_token(wsk__str(subprotocols[i])))
                t->failed = true;
            wsk__text_add(t, i > 0 ? ", " : "");
            wsk__text_add(t, subprotocols[i]);
        }
        wsk__text_add(t, "\r\n");
    }
    if (extensions != NULL && extensions[0] != 0)
        wsk__write_field(t, "Sec-WebSocket-Extensions", extensions);
    if (options->origin != NULL && !wsk__has_header(h, n, "Origin"))
        wsk__write_field(t, "Origin", options->origin);
    if (user_agent != NULL && !wsk__has_header(h, n, "User-Agent"))
        wsk__write_field(t, "User-Agent", user_agent);
    wsk__write_headers(t, h, n, WSK_ROLE_CLIENT);
    wsk__text_add(t, "\r\n");
}

/* The only field of that name, or NULL and *why. */
static const wsk__field *the_field(const wsk__head *head, const char *name, const char *missing,
                                   const char *twice, const char **why)
{
    const wsk__field *field = wsk__head_find(head, name, 0);

    if (field == NULL)
        *why = missing;
    else if (wsk__head_find(head, name, 1) != NULL)
        *why = twice;
    else
        return field;
    return NULL;
}

/* Without the number: who tells of it knows that. */
static const char *status_text(unsigned status)
{
    switch (status) {
    case 401:
        return "the server asks for credentials";
    case 403:
        return "the server refuses the request";
    case 404:
        return "the server does not know the path";
    case 407:
        return "a proxy asks for credentials";
    case 426:
        return "the server wants another version of the protocol";
    case 503:
        return "the server is not available";
    default:
        break;
    }
    switch (status / 100) {
    case 1:
        return "the server answers with an interim status other than 101";
    case 2:
        return "the server takes this for a plain request";
    case 3:
        return "the server redirects to another place";
    case 4:
        return "the server refuses the request";
    case 5:
        return "the server failed";
    default:
        return "the status of the response is unknown";
    }
}

/* Item 5: nothing chosen that was not offered. No field at all is fine. */
static bool judge_subprotocol(const wsk__head *head, const char *const *offered, const char **ret,
                              const char **why)
{
    const wsk__field *field = wsk__head_find(head, "Sec-WebSocket-Protocol", 0);

    *ret = NULL;
    if (field == NULL)
        return true;
    if (wsk__head_find(head, "Sec-WebSocket-Protocol", 1) != NULL) {
        *why = "the response has more than one Sec-WebSocket-Protocol field";
        return false;
    }
    for (; offered != NULL && *offered != NULL; offered++) {
        if (wsk__str_eq(field->value, wsk__str(*offered))) {
            *ret = *offered;
            return true;
        }
    }
    *why = "the server chose a subprotocol that was not offered";
    return false;
}

bool wsk__handshake_judge_response(const wsk__head *head, const char key[WSK__KEY_LEN + 1],
                                   const char *const *offered, const char **ret_subprotocol,
                                   const char **why)
{
    const char *chosen, *text = NULL;
    char accept[WSK__ACCEPT_LEN + 1];
    const wsk__field *field;
    int r;

    /* RFC 6455 4.1, the list behind "the client MUST validate the server's response". */
    if (head->status != 101) {
        *why = status_text(head->status);
        return false;
    }
    if (head->minor == 0) { /* RFC 9110 15.2: a server must not send 1xx with HTTP/1.0 */
        *why = "status 101 came with HTTP/1.0";
        return false;
    }
    field = the_field(head, "Upgrade", "the response has no Upgrade field",
                      "the response has more than one Upgrade field", &text);
    if (field != NULL && !wsk__str_ieq(field->value, wsk__str("websocket")))
        text = "the Upgrade field of the response is not \"websocket\"";
    if (text == NULL && !wsk__head_has_token(head, "Connection", "upgrade"))
        text = "the Connection field of the response does not say Upgrade";
    if (text == NULL) {
        field = the_field(head, "Sec-WebSocket-Accept",
                          "the response has no Sec-WebSocket-Accept field",
                          "the response has more than one Sec-WebSocket-Accept field", &text);
        r = field != NULL ? wsk__handshake_accept(key, accept) : WSK_OK;
        if (r == WSK_ERR_NOMEM) {
            *why = NULL;
            return false;
        }
        if (r < 0)
            text = "SHA-1 is not available";
        else if (field != NULL && !wsk__str_eq(field->value, wsk__str(accept)))
            text = "the Sec-WebSocket-Accept field does not fit the key";
    }
    if (text == NULL && judge_subprotocol(head, offered, &chosen, &text)) {
        *ret_subprotocol = chosen;
        return true;
    }
    *why = text;
    return false;
}
