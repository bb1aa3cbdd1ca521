/* SPDX-License-Identifier: MIT */
/*
 * A client made with libwebsockets that compares echoes; lws_client.py runs it.
 *
 *   lws_echo PORT CA-FILE|- deflate|plain
 *
 * Exit code 0: everything came back as it was sent, and the connection was closed. Knows nothing
 * of our library.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libwebsockets.h>

#define LARGEST ((size_t)1 << 20)

typedef struct message {
    bool binary;
    size_t size;
    size_t fragment; /* 0: in one frame */
} message;

static const message messages[] = {
    {false, 0, 0},       {true, 0, 0},         {false, 1, 0},         {true, 1, 0},
    {true, 125, 0},      {true, 126, 0},       {true, 127, 0},        {false, 300, 0},
    {true, 65535, 0},    {true, 65536, 0},     {true, 70000, 0},      {false, 70000, 0},
    {false, 100, 1},     {false, 1000, 7},     {true, 5000, 1000},    {false, 200000, 65536},
    {true, 200000, 200}, {false, LARGEST, 0},  {true, LARGEST, 0},    {false, 3000, 0},
    {false, 3000, 0},    {true, 300000, 4096}, {false, LARGEST, 4096}};

#define N_MESSAGES (sizeof(messages) / sizeof(messages[0]))

typedef struct client {
    struct lws *wsi;
    uint8_t *frame, *out, *in; /* out: LWS_PRE octets in front */
    size_t size, sent;         /* of the present message */
    size_t got;                /* octets of its echo */
    size_t n;                  /* of the present message; N_MESSAGES: the ping, then the end */
    bool deflate, sending, pinged;
    bool closed, failed;
    size_t echoes;
} client;

static void fail(client *c, const char *why)
{
    fprintf(stderr, "lws_echo: message %zu of %zu: %s\n", c->n, N_MESSAGES, why);
    c->failed = true;
}

/* The number of the next message to be sent, behind n. The compressor of libwebsockets 4.1 ends the
 * program at an empty one. */
static size_t next(const client *c, size_t n)
{
    do
        n++;
    while (n < N_MESSAGES && c->deflate && messages[n].size == 0);
    return n;
}

/* Text ends with a whole character: what is left of the room is filled with dots. */
static void make(client *c)
{
    static const char word[] = "κόσμε 漢字 😀 ";
    const message *m = &messages[c->n];
    uint8_t *p = c->out + LWS_PRE;
    uint32_t x = 12345 + (uint32_t)c->n;

    c->size = m->size;
    c->sent = c->got = 0;
    c->sending = true;
    if (!m->binary) {
        size_t at = 0, k = sizeof(word) - 1;

        for (; at + k <= m->size; at += k)
            memcpy(p + at, word, k);
        memset(p + at, '.', m->size - at);
        return;
    }
    for (size_t i = 0; i < m->size; i++) {
        x = x * 1664525u + 1013904223u;
        p[i] = (uint8_t)(x >> 24);
    }
}

/* The next message, or its next fragment. libwebsockets may change what it sends: it is made anew
 * to be compared. */
static int write_some(client *c)
{
    const message *m = &messages[c->n];
    size_t n = c->size - c->sent;
    int how = m->binary ? LWS_WRITE_BINARY : LWS_WRITE_TEXT;

    if (c->sent > 0)
        how = LWS_WRITE_CONTINUATION;
    if (m->fragment > 0 && n > m->fragment) {
        n = m->fragment;
        how |= LWS_WRITE_NO_FIN;
    }
    /* It writes in front of what it is given, too, and compresses the rest of it later. */
    if (n > 0)
        memcpy(c->frame + LWS_PRE, c->out + LWS_PRE + c->sent, n);
    int r = lws_write(c->wsi, c->frame + LWS_PRE, n, (enum lws_write_protocol)how);
    if (r < (int)n) {
        fail(c, "cannot be written");
        return -1;
    }
    c->sent += n;
    if (how & LWS_WRITE_NO_FIN)
        lws_callback_on_writable(c->wsi);
    else
        c->sending = false;
    return 0;
}

static int writable(client *c)
{
    if (c->n < N_MESSAGES)
        return c->sending ? write_some(c) : 0;
    if (!c->pinged) {
        uint8_t ping[LWS_PRE + 4];

        memcpy(ping + LWS_PRE, "ping", 4);
        c->pinged = true;
        return lws_write(c->wsi, ping + LWS_PRE, 4, LWS_WRITE_PING) < 4 ? -1 : 0;
    }
    return 0;
}

static int received(client *c, const uint8_t *data, size_t n)
{
    if (c->n >= N_MESSAGES || c->got + n > c->size) {
        fail(c, "more comes back than was sent");
        return -1;
    }
    if (n > 0)
        memcpy(c->in + c->got, data, n);
    c->got += n;
    if (!lws_is_final_fragment(c->wsi) || lws_remaining_packet_payload(c->wsi) > 0)
        return 0;
    if (c->got != c->size || memcmp(c->in, c->out + LWS_PRE, c->size) != 0 ||
        !lws_frame_is_binary(c->wsi) != !messages[c->n].binary) {
        fail(c, "came back changed");
        return -1;
    }
    c->n = next(c, c->n);
    c->echoes++;
    if (c->n < N_MESSAGES)
        make(c);
    lws_callback_on_writable(c->wsi);
    return 0;
}

static int callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                    size_t len)
{
    client *c = lws_context_user(lws_get_context(wsi));
    unsigned char done[] = {'d', 'o', 'n', 'e'};

    (void)user;
    switch (reason) {
    case LWS_CALLBACK_CLIENT_ESTABLISHED:
        c->wsi = wsi;
        c->n = next(c, (size_t)-1);
        make(c);
        lws_callback_on_writable(wsi);
        return 0;
    case LWS_CALLBACK_CLIENT_CONNECTION_ERROR:
        fail(c, in != NULL ? in : "not connected");
        c->closed = true;
        return 0;
    case LWS_CALLBACK_CLIENT_WRITEABLE:
        return writable(c);
    case LWS_CALLBACK_CLIENT_RECEIVE:
        return received(c, in, len);
    case LWS_CALLBACK_CLIENT_RECEIVE_PONG:
        if (len != 4 || memcmp(in, "ping", 4) != 0)
            fail(c, "the pong is not that of the ping");
        lws_close_reason(wsi, LWS_CLOSE_STATUS_NORMAL, done, sizeof(done));
        return -1;
    case LWS_CALLBACK_CLIENT_CLOSED:
        c->closed = true;
        if (c->n < N_MESSAGES || !c->pinged)
            fail(c, "closed too early");
        return 0;
    default:
        return 0;
    }
}

int main(int argc, char **argv)
{
    static const struct lws_protocols protocols[] = {
        {.name = "echo", .callback = callback, .rx_buffer_size = 65536}, {.name = NULL}};
    static const struct lws_extension extensions[] = {
        {"permessage-deflate", lws_extension_callback_pm_deflate,
         "permessage-deflate; client_max_window_bits"},
        {NULL, NULL, NULL}};
    struct lws_context_creation_info info = {0};
    struct lws_client_connect_info where = {0};
    client c = {0};

    if (argc != 4)
        return 2;
    bool tls = strcmp(argv[2], "-") != 0, deflate = strcmp(argv[3], "deflate") == 0;

    c.deflate = deflate;
    lws_set_log_level(LLL_ERR | LLL_WARN, NULL);
    info.port = CONTEXT_PORT_NO_LISTEN;
    info.protocols = protocols;
    info.extensions = deflate ? extensions : NULL;
    info.gid = info.uid = (unsigned)-1;
    info.user = &c;
    if (tls) {
        info.options = LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT;
        info.client_ssl_ca_filepath = argv[2];
    }
    c.out = malloc(LWS_PRE + LARGEST);
    c.in = malloc(LARGEST);
    c.frame = malloc(LWS_PRE + LARGEST);
    struct lws_context *context = lws_create_context(&info);
    if (context == NULL || c.out == NULL || c.in == NULL || c.frame == NULL)
        return 1;
    where.context = context;
    where.address = "127.0.0.1";
    where.host = "localhost";
    where.port = (int)strtol(argv[1], NULL, 10);
    where.path = "/ws";
    where.ssl_connection = tls ? LCCSCF_USE_SSL : 0;
    where.local_protocol_name = "echo";
    if (lws_client_connect_via_info(&where) == NULL)
        return 1;
    while (!c.closed && lws_service(context, 0) >= 0)
        ;
    lws_context_destroy(context);
    free(c.out);
    free(c.in);
    free(c.frame);
    if (!c.failed)
        printf("%zu messages\n", c.echoes);
    return c.failed;
}
