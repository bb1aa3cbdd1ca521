/* SPDX-License-Identifier: MIT */
/*
 * A client with libwebsockets that goes through all cases of "websock test --serve":
 * client_lws URL AGENT. Messages go back in the pieces that it hands out. Built by hand:
 *     cc -O2 client_lws.c -o client_lws -lwebsockets
 */
#include <libwebsockets.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What was received, until it is sent. */
struct piece {
    struct piece *next;
    size_t len;
    int binary, first, fin;
    unsigned char data[];
};

/* The one connection that there is. */
static struct {
    struct piece *head, **tail;
    int written; /* the head is, but its compressor may not be through with it */
    int echo, ended;
    char last[64]; /* the beginning of the last message, where none are echoed */
} visit;

static void drop_first(void)
{
    struct piece *m = visit.head;

    visit.head = m->next;
    if (visit.head == NULL)
        visit.tail = &visit.head;
    free(m);
}

static void receive(struct lws *wsi, const void *in, size_t len)
{
    if (!visit.echo) {
        size_t n = len < sizeof(visit.last) ? len : sizeof(visit.last) - 1;
        if (n > 0)
            memcpy(visit.last, in, n);
        visit.last[n] = '\0';
        return;
    }
    struct piece *m = malloc(sizeof(*m) + LWS_PRE + len + 1);
    if (m == NULL)
        abort();
    m->next = NULL;
    m->len = len;
    m->binary = lws_frame_is_binary(wsi);
    m->first = lws_is_first_fragment(wsi);
    m->fin = lws_is_final_fragment(wsi);
    if (len > 0)
        memcpy(m->data + LWS_PRE, in, len);
    *visit.tail = m;
    visit.tail = &m->next;
    lws_callback_on_writable(wsi);
}

static int give_back(struct lws *wsi)
{
    if (visit.written) {
        visit.written = 0;
        drop_first();
    }
    if (visit.head == NULL)
        return 0;
    struct piece *m = visit.head;
    int flags = lws_write_ws_flags(m->binary ? LWS_WRITE_BINARY : LWS_WRITE_TEXT, m->first, m->fin);
    if (lws_write(wsi, m->data + LWS_PRE, m->len, (enum lws_write_protocol)flags) < (int)m->len)
        return -1;
    /* It may be read from where it stands until the next callback. */
    visit.written = 1;
    lws_callback_on_writable(wsi);
    return 0;
}

static int callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                    size_t len)
{
    switch (reason) {
    case LWS_CALLBACK_CLIENT_RECEIVE:
        receive(wsi, in, len);
        break;
    case LWS_CALLBACK_CLIENT_WRITEABLE:
        return give_back(wsi);
    case LWS_CALLBACK_CLIENT_CONNECTION_ERROR:
    case LWS_CALLBACK_CLIENT_CLOSED:
        visit.ended = 1;
        break;
    default:
        return lws_callback_http_dummy(wsi, reason, user, in, len);
    }
    return 0;
}

static const struct lws_protocols protocols[] = {{"echo", callback, 0, 65536, 0, NULL, 0},
                                                 {NULL, NULL, 0, 0, 0, NULL, 0}};
static const struct lws_extension extensions[] = {
    {"permessage-deflate", lws_extension_callback_pm_deflate,
     "permessage-deflate; client_no_context_takeover; client_max_window_bits"},
    {NULL, NULL, NULL}};

/* Until the connection has ended, for whatever reason. */
static int go(struct lws_context *context, const char *host, int port, const char *path, int echo)
{
    struct lws_client_connect_info where;

    memset(&visit, 0, sizeof(visit));
    visit.tail = &visit.head;
    visit.echo = echo;
    memset(&where, 0, sizeof(where));
    where.context = context;
    where.address = host;
    where.host = host;
    where.port = port;
    where.path = path;
    where.local_protocol_name = "echo";
    /* Where it is sent to, nobody has a case for it. */
    where.ssl_connection = LCCSCF_HTTP_NO_FOLLOW_REDIRECT;
    if (lws_client_connect_via_info(&where) == NULL)
        visit.ended = 1;
    while (!visit.ended && lws_service(context, 0) >= 0)
        ;
    while (visit.head != NULL)
        drop_first();
    return visit.ended ? 0 : -1;
}

int main(int argc, char **argv)
{
    struct lws_context_creation_info info;
    char host[256], path[512];
    int port, failed = 0;

    if (argc != 3 || sscanf(argv[1], "ws://%255[^:/]:%d", host, &port) != 2)
        return 2;
    memset(&info, 0, sizeof(info));
    info.port = CONTEXT_PORT_NO_LISTEN;
    info.protocols = protocols;
    info.extensions = extensions;
    info.pt_serv_buf_size = 32768;
    info.options = LWS_SERVER_OPTION_VALIDATE_UTF8;
    lws_set_log_level(0, NULL);
    struct lws_context *context = lws_create_context(&info);
    if (context == NULL || go(context, host, port, "/getCaseCount", 0) != 0)
        return 1;
    long count = strtol(visit.last, NULL, 10);
    for (long n = 1; n <= count && !failed; n++) {
        snprintf(path, sizeof(path), "/runCase?case=%ld&agent=%s", n, argv[2]);
        failed = go(context, host, port, path, 1);
    }
    snprintf(path, sizeof(path), "/updateReports?agent=%s", argv[2]);
    failed = failed || go(context, host, port, path, 0);
    lws_context_destroy(context);
    return failed || count == 0;
}
