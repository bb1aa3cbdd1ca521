/* SPDX-License-Identifier: MIT */
/* The opening handshake of a mutant, as server and as client. Knows nothing of frames. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <openssl/evp.h>

#include "mutant_internal.h"

#define GUID "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

static const char *field(const char *head, const char *name, size_t *ret_len)
{
    const char *line = head;

    while ((line = strstr(line, "\r\n")) != NULL) {
        line += 2;
        if (strncasecmp(line, name, strlen(name)) == 0 && line[strlen(name)] == ':') {
            const char *value = line + strlen(name) + 1;

            value += strspn(value, " ");
            *ret_len = strcspn(value, "\r");
            return value;
        }
    }
    return NULL;
}

static void begin_deflate(mutant *m)
{
    m->deflate = true;
    if (inflateInit2(&m->zin, -(int)m->peer_bits) != Z_OK ||
        deflateInit2(&m->zout, 1, Z_DEFLATED,
                     -(int)(m->fault == MUTANT_deflate_window ? 15 : m->own_bits), 8, 0) != Z_OK)
        mutant_die();
}

/* What this side wants of the other; `side` is "client" or "server". */
static size_t put_wishes(const mutant *m, const char *side, char *out, size_t room)
{
    size_t n = 0;

    if (m->fault == MUTANT_legal_context)
        n += (size_t)snprintf(out + n, room - n, "; %s_no_context_takeover", side);
    if (m->fault == MUTANT_legal_window)
        n += (size_t)snprintf(out + n, room - n, "; %s_max_window_bits=9", side);
    if (m->fault == MUTANT_deflate_unknown)
        n += (size_t)snprintf(out + n, room - n, "; x-turbo");
    if (m->fault == MUTANT_deflate_bits)
        n += (size_t)snprintf(out + n, room - n, "; %s_max_window_bits=16", side);
    return n;
}

static unsigned bits_of(const char *parameters, const char *name, unsigned otherwise)
{
    const char *at = strstr(parameters, name);

    return at != NULL ? (unsigned)strtoul(at + strlen(name), NULL, 10) : otherwise;
}

/* As server: takes the first offer as it is. */
static void negotiate(mutant *m, const char *offers, size_t len, char *out, size_t room)
{
    char first[256];
    size_t n = 0;

    while (n < len && offers[n] != ',' && n < sizeof(first) - 1)
        n++;
    memcpy(first, offers, n);
    first[n] = '\0';
    if (strstr(first, "permessage-deflate") == NULL || m->fault == MUTANT_deflate_none)
        return;
    m->own_fresh = strstr(first, "server_no_context_takeover") != NULL;
    m->own_bits = bits_of(first, "server_max_window_bits=", 0);
    m->peer_fresh = m->fault == MUTANT_legal_context;
    m->peer_bits = m->fault == MUTANT_legal_window ? 9 : 15;
    n = (size_t)snprintf(out, room, "Sec-WebSocket-Extensions: permessage-deflate");
    if (m->own_fresh)
        n += (size_t)snprintf(out + n, room - n, "; server_no_context_takeover");
    if (m->own_bits > 0)
        n += (size_t)snprintf(out + n, room - n, "; server_max_window_bits=%u", m->own_bits);
    else
        m->own_bits = 15;
    n += put_wishes(m, "client", out + n, room - n);
    if (m->fault == MUTANT_deflate_double)
        n += (size_t)snprintf(out + n, room - n, ", permessage-deflate");
    snprintf(out + n, room - n, "\r\n");
    begin_deflate(m);
}

static void answer(mutant *m, const char *head)
{
    unsigned char digest[EVP_MAX_MD_SIZE], accept[64];
    char text[128], extensions[512] = "", out[2048];
    const char *key, *offers;
    unsigned n_digest;
    size_t n;

    m->open = true;
    if (m->fault == MUTANT_hello_drop) {
        m->over = m->closing = true;
        return;
    }
    key = field(head, "Sec-WebSocket-Key", &n);
    if (m->fault == MUTANT_hello_silent || key == NULL || n != 24) {
        m->closing = true;
        return;
    }
    snprintf(text, sizeof(text), "%.24s" GUID, key);
    EVP_Digest(text, strlen(text), digest, &n_digest, EVP_sha1(), NULL);
    if (m->fault == MUTANT_hello_accept)
        digest[3] ^= 1;
    EVP_EncodeBlock(accept, digest, (int)n_digest);
    offers = field(head, "Sec-WebSocket-Extensions", &n);
    if (offers != NULL)
        negotiate(m, offers, n, extensions, sizeof(extensions));
    if (m->fault == MUTANT_hello_extension)
        snprintf(extensions, sizeof(extensions), "Sec-WebSocket-Extensions: x-webkit-foo\r\n");
    snprintf(out, sizeof(out),
             "HTTP/1.1 %s\r\n%s%sServer: mutant\r\nSec-WebSocket-Accept: %s\r\n%s%s\r\n",
             m->fault == MUTANT_hello_status ? "200 OK" : "101 Switching Protocols",
             m->fault == MUTANT_hello_upgrade ? "" : "Upgrade: websocket\r\n",
             m->fault == MUTANT_hello_connection ? "" : "Connection: Upgrade\r\n", (char *)accept,
             extensions,
             m->fault == MUTANT_hello_protocol ? "Sec-WebSocket-Protocol: soap\r\n" : "");
    mutant_add(&m->out, out, strlen(out));
}

static void ask(mutant *m, const char *host, const char *resource)
{
    const mutant_fault f = m->fault;
    const char *key = f == MUTANT_hello_key ? "dGhlIHNhbXBsZSBub25j" : "dGhlIHNhbXBsZSBub25jZQ==";
    char extensions[512], out[4096];
    size_t n = 0;

    if (f == MUTANT_legal_offers)
        n += (size_t)snprintf(extensions, sizeof(extensions),
                              "x-webkit-foo; bar=\"a, b\", permessage-deflate; "
                              "server_max_window_bits=10; client_max_window_bits, ");
    n += (size_t)snprintf(extensions + n, sizeof(extensions) - n, "permessage-deflate%s",
                          f == MUTANT_deflate_no_window ? "" : "; client_max_window_bits");
    n += put_wishes(m, "server", extensions + n, sizeof(extensions) - n);
    if (f == MUTANT_deflate_double)
        snprintf(extensions + n, sizeof(extensions) - n, "; client_max_window_bits");
    n = (size_t)snprintf(out, sizeof(out), "%s %s HTTP/1.1\r\n",
                         f == MUTANT_hello_method ? "POST" : "GET", resource);
    if (f != MUTANT_hello_host)
        n += (size_t)snprintf(out + n, sizeof(out) - n, "Host: %s\r\n", host);
    if (f != MUTANT_hello_upgrade)
        n += (size_t)snprintf(out + n, sizeof(out) - n, "Upgrade: websocket\r\n");
    if (f != MUTANT_hello_connection)
        n += (size_t)snprintf(out + n, sizeof(out) - n, "Connection: keep-alive, Upgrade\r\n");
    if (f != MUTANT_deflate_none)
        n += (size_t)snprintf(out + n, sizeof(out) - n, "Sec-WebSocket-Extensions: %s\r\n",
                              extensions);
    if (f == MUTANT_hello_protocols)
        n += (size_t)snprintf(out + n, sizeof(out) - n, "Sec-WebSocket-Protocol: soap, soap\r\n");
    if (f == MUTANT_hello_twice)
        n += (size_t)snprintf(out + n, sizeof(out) - n, "Sec-WebSocket-Key: %s\r\n", key);
    n += (size_t)snprintf(out + n, sizeof(out) - n, "Sec-WebSocket-Key: %s\r\n", key);
    n += (size_t)snprintf(out + n, sizeof(out) - n, "Sec-WebSocket-Version: %s\r\n%s",
                          f == MUTANT_hello_version ? "8" : "13",
                          f == MUTANT_hello_silent ? "" : "\r\n");
    mutant_add(&m->out, out, n);
}

mutant *mutant_client_new(mutant_fault fault, const char *host, const char *resource)
{
    mutant *m = mutant_new(fault);

    m->client = true;
    ask(m, host, resource);
    return m;
}

/* The server's answer, which is taken for what it should be: this is no judge of servers. */
static void answered(mutant *m, const char *head)
{
    char parameters[256];
    const char *agreed;
    size_t n;

    m->open = true;
    if (m->fault == MUTANT_hello_drop || strstr(head, " 101 ") == NULL) {
        m->over = m->closing = true;
        return;
    }
    agreed = field(head, "Sec-WebSocket-Extensions", &n);
    if (agreed == NULL)
        return;
    snprintf(parameters, sizeof(parameters), "%.*s", (int)n, agreed);
    m->own_fresh = strstr(parameters, "client_no_context_takeover") != NULL;
    m->peer_fresh = strstr(parameters, "server_no_context_takeover") != NULL;
    m->own_bits = bits_of(parameters, "client_max_window_bits=", 15);
    m->peer_bits = bits_of(parameters, "server_max_window_bits=", 15);
    begin_deflate(m);
}

void mutant_hello(mutant *m, const char *head)
{
    if (m->client)
        answered(m, head);
    else
        answer(m, head);
}
