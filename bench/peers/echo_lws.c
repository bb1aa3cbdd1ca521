/* SPDX-License-Identifier: MIT */
/*
 * An echo server with libwebsockets: echo_lws PORT. Fragments go back as they came. Built by hand:
 *     cc -O2 echo_lws.c -o echo_lws -lwebsockets
 */
#include <libwebsockets.h>
#include <stdlib.h>
#include <string.h>

struct piece {
    struct piece *next;
    size_t len;
    int binary, first, fin;
    unsigned char data[];
};

struct session {
    struct piece *head, **tail;
};

static void receive(struct lws *wsi, struct session *s, const void *in, size_t len)
{
    struct piece *m = malloc(sizeof(*m) + LWS_PRE + len + 1);

    if (m == NULL)
        abort();
    m->next = NULL;
    m->len = len;
    m->binary = lws_frame_is_binary(wsi);
    m->first = lws_is_first_fragment(wsi);
    m->fin = lws_is_final_fragment(wsi);
    memcpy(m->data + LWS_PRE, in, len);
    *s->tail = m;
    s->tail = &m->next;
    lws_callback_on_writable(wsi);
}

static int give_back(struct lws *wsi, struct session *s)
{
    struct piece *m = s->head;

    if (m == NULL)
        return 0;
    int flags = lws_write_ws_flags(m->binary ? LWS_WRITE_BINARY : LWS_WRITE_TEXT, m->first, m->fin);
    if (lws_write(wsi, m->data + LWS_PRE, m->len, (enum lws_write_protocol)flags) < (int)m->len)
        return -1;
    s->head = m->next;
    if (s->head == NULL)
        s->tail = &s->head;
    else
        lws_callback_on_writable(wsi);
    free(m);
    return 0;
}

static int callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                    size_t len)
{
    struct session *s = user;

    switch (reason) {
    case LWS_CALLBACK_ESTABLISHED:
        s->head = NULL;
        s->tail = &s->head;
        break;
    case LWS_CALLBACK_RECEIVE:
        receive(wsi, s, in, len);
        break;
    case LWS_CALLBACK_SERVER_WRITEABLE:
        return give_back(wsi, s);
    case LWS_CALLBACK_CLOSED:
        while (s->head != NULL) {
            struct piece *m = s->head;
            s->head = m->next;
            free(m);
        }
        break;
    default:
        break;
    }
    return 0;
}

static const struct lws_protocols protocols[] = {
    {"http", callback, sizeof(struct session), 65536, 0, NULL, 0}, {NULL, NULL, 0, 0, 0, NULL, 0}};
static const struct lws_extension extensions[] = {
    {"permessage-deflate", lws_extension_callback_pm_deflate,
     "permessage-deflate; client_no_context_takeover; client_max_window_bits"},
    {NULL, NULL, NULL}};

int main(int argc, char **argv)
{
    struct lws_context_creation_info info;

    if (argc < 2)
        return 2;
    memset(&info, 0, sizeof(info));
    info.port = (int)strtol(argv[1], NULL, 10);
    info.iface = "127.0.0.1";
    info.protocols = protocols;
    info.extensions = extensions;
    info.pt_serv_buf_size = 32768;
    info.options = LWS_SERVER_OPTION_VALIDATE_UTF8;
    lws_set_log_level(0, NULL);
    struct lws_context *context = lws_create_context(&info);
    while (context != NULL && lws_service(context, 1000) >= 0)
        ;
    return 1;
}
