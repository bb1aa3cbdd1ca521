/* SPDX-License-Identifier: MIT */
/* The server's answers: 101, and everything that is not 101. */
#include "http/handshake.h"

#include <string.h>

#include "http/header_writer.h"
#include "util/attr.h"
#include "util/mem.h"
#include "util/strs.h"

/* RFC 9110 15 and the IANA registry. */
const char *wsk__status_text(unsigned status)
{
    static const struct {
        unsigned status;
        const char *text;
    } table[] = {
        {100, "Continue"},
        {101, "Switching Protocols"},
        {102, "Processing"},
        {103, "Early Hints"},
        {200, "OK"},
        {201, "Created"},
        {202, "Accepted"},
        {203, "Non-Authoritative Information"},
        {204, "No Content"},
        {205, "Reset Content"},
        {206, "Partial Content"},
        {300, "Multiple Choices"},
        {301, "Moved Permanently"},
        {302, "Found"},
        {303, "See Other"},
        {304, "Not Modified"},
        {305, "Use Proxy"},
        {307, "Temporary Redirect"},
        {308, "Permanent Redirect"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {402, "Payment Required"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {406, "Not Acceptable"},
        {407, "Proxy Authentication Required"},
        {408, "Request Timeout"},
        {409, "Conflict"},
        {410, "Gone"},
        {411, "Length Required"},
        {412, "Precondition Failed"},
        {413, "Content Too Large"},
        {414, "URI Too Long"},
        {415, "Unsupported Media Type"},
        {416, "Range Not Satisfiable"},
        {417, "Expectation Failed"},
        {421, "Misdirected Request"},
        {422, "Unprocessable Content"},
        {423, "Locked"},
        {424, "Failed Dependency"},
        {425, "Too Early"},
        {426, "Upgrade Required"},
        {428, "Precondition Required"},
        {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"},
        {451, "Unavailable For Legal Reasons"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {502, "Bad Gateway"},
        {503, "Service Unavailable"},
        {504, "Gateway Timeout"},
        {505, "HTTP Version Not Supported"},
        {507, "Insufficient Storage"},
        {511, "Network Authentication Required"},
    };

    for (size_t i = 0; i < WSK__COUNT(table); i++)
        if (table[i].status == status)
            return table[i].text;
    return "";
}

void wsk__handshake_write_response(wsk__text *t, const char accept[WSK__ACCEPT_LEN + 1],
                                   const char *server, const char *subprotocol,
                                   const char *extensions, const wsk_header *headers,
                                   size_t n_headers)
{
    wsk__text_add(t, "HTTP/1.1 101 Switching Protocols\r\n"
                     "Upgrade: websocket\r\n"
                     "Connection: Upgrade\r\n");
    wsk__write_field(t, "Sec-WebSocket-Accept", accept);
    if (subprotocol != NULL && subprotocol[0] != 0)
        wsk__write_field(t, "Sec-WebSocket-Protocol", subprotocol);
    if (extensions != NULL && extensions[0] != 0)
        wsk__write_field(t, "Sec-WebSocket-Extensions", extensions);
    if (server != NULL && !wsk__has_header(headers, n_headers, "Server"))
        wsk__write_field(t, "Server", server);
    wsk__write_headers(t, headers, n_headers, WSK_ROLE_SERVER);
    wsk__text_add(t, "\r\n");
}

/* NULL, or what is wrong with it; of its header fields "". */
static const char *fault(const wsk_response *response)
{
    unsigned status = response->status;

    if (status < 200 || status > 599)
        return "status is to be 200 to 599";
    if (response->body == NULL && response->body_len > 0)
        return "body_len is set, but body is NULL";
    if (response->content_type != NULL && !wsk__header_value_is_text(response->content_type))
        return "content_type is empty, or has a character that may not stand there";
    if (!wsk__headers_are_allowed(response->headers, response->n_headers, WSK_ROLE_SERVER))
        return "";
    /* RFC 9110 15.4: a redirect that leads nowhere */
    if ((status == 301 || status == 302 || status == 303 || status == 307 || status == 308) &&
        !wsk__has_header(response->headers, response->n_headers, "Location"))
        return "a redirect needs a field Location among headers";
    return NULL;
}

bool wsk__response_is_allowed(const wsk_response *response)
{
    return fault(response) == NULL;
}

void wsk__response_complain(const wsk_hooks *hooks, const char *who, const wsk_response *response)
{
    const char *why = fault(response);

    if (why != NULL && *why != 0)
        wsk__log(hooks, WSK_LOG_ERROR, "%s: status %u: %s", who, response->status, why);
    else
        wsk__headers_complain(hooks, who, response->headers, response->n_headers, WSK_ROLE_SERVER);
}

void wsk__http_write_response(wsk__text *t, const wsk_response *response, const char *server,
                              bool is_head)
{
    const wsk_header *h = response->headers;
    size_t n = response->n_headers, body_len = response->body_len;
    const char *reason = wsk__status_text(response->status), *type = response->content_type;
    /* RFC 9110 6.4.1 */
    bool has_body = response->status != 204 && response->status != 205 && response->status != 304;

    if (!wsk__response_is_allowed(response)) {
        t->failed = true;
        return;
    }
    wsk__text_addf(t, "HTTP/1.1 %u %s\r\n", response->status, reason);
    if (server != NULL && !wsk__has_header(h, n, "Server"))
        wsk__write_field(t, "Server", server);
    if (response->status == 426) {
        /* RFC 9110 15.5.22 and 7.8; RFC 6455 4.4 */
        wsk__text_add(t, "Upgrade: websocket\r\n"
                         "Connection: Upgrade, close\r\n"
                         "Sec-WebSocket-Version: 13\r\n");
    } else {
        wsk__text_add(t, "Connection: close\r\n");
    }
    if (response->status == 405 && !wsk__has_header(h, n, "Allow"))
        wsk__text_add(t, "Allow: GET\r\n"); /* RFC 9110 15.5.6 */
    if (response->status == 429 && !wsk__has_header(h, n, "Retry-After"))
        wsk__text_add(t, "Retry-After: 1\r\n"); /* RFC 6585 4; rates are by the second */
    wsk__write_headers(t, h, n, WSK_ROLE_SERVER);
    if (has_body) {
        if (!wsk__has_header(h, n, "Content-Type"))
            wsk__write_field(t, "Content-Type", type != NULL ? type : "text/plain; charset=utf-8");
        if (response->body == NULL)
            body_len = strlen(reason) + 1;
        wsk__text_addf(t, "Content-Length: %zu\r\n", body_len);
    }
    wsk__text_add(t, "\r\n");
    if (!has_body || is_head)
        return;
    if (response->body != NULL) {
        wsk__text_addn(t, response->body, body_len);
    } else {
        wsk__text_add(t, reason);
        wsk__text_add(t, "\n");
    }
}

void wsk__http_write_refusal(wsk__text *t, const wsk__refusal *refusal, const char *server,
                             bool is_head)
{
    wsk__text body = {.hooks = t->hooks};
    wsk_response response = WSK_RESPONSE_INIT;

    wsk__text_add(&body, refusal->text);
    wsk__text_add(&body, "\n");
    response.status = refusal->status;
    response.body = body.ptr;
    response.body_len = body.len;
    if (body.failed)
        t->failed = true;
    else
        wsk__http_write_response(t, &response, server, is_head);
    wsk__text_deinit(&body);
}
