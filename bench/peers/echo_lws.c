/* SPDX-License-Identifier: MIT */
/*
 * A server with libwebsockets: echo_lws PORT [MODE [CERT KEY]]. Messages larger than its receive
 * buffer go back in the pieces that it hands out; BENCH_SIZE in the environment names the size of
 * the messages to come. Built by hand:
 *     cc -O2 echo_lws.c -o echo_lws -lwebsockets
 */
#include <libwebsockets.h>
#include <stdlib.h>
#include <string.h>

/* What was received; with a broadcast it stands in the queues of many. */
struct piece {
    size_t len;
    unsigned refs;
    int binary, first, fin;
    unsigned char data[];
};

struct entry {
    struct entry *next;
    struct piece *piece;
};

struct session {
    struct session *prev, *next;
    struct lws *wsi;
    struct entry *head, **tail;
    int written; /* the head is, but its compressor may not be through with it */
};

static struct session everyone = {.prev = &everyone, .next = &everyone};
static int broadcast, compress;

static void append(struct session *s, struct piece *m)
{
    struct entry *e = malloc(sizeof(*e));

    if (e == NULL)
        abort();
    e->next = NULL;
    e->piece = m;
    m->refs++;
    *s->tail = e;
    s->tail = &e->next;
    lws_callback_on_writable(s->wsi);
}

static void drop_first(struct session *s)
{
    struct entry *e = s->head;

    s->head = e->next;
    if (s->head == NULL)
        s->tail = &s->head;
    if (--e->piece->refs == 0)
        free(e->piece);
    free(e);
}

static void receive(struct session *s, const void *in, size_t len)
{
    struct piece *m = malloc(sizeof(*m) + LWS_PRE + len + 1);

    if (m == NULL)
        abort();
    m->len = len;
    m->refs = 0;
    m->binary = lws_frame_is_binary(s->wsi);
    m->first = lws_is_first_fragment(s->wsi);
    m->fin = lws_is_final_fragment(s->wsi);
    memcpy(m->data + LWS_PRE, in, len);
    if (!broadcast) {
        append(s, m);
        return;
    }
    for (struct session *o = everyone.next; o != &everyone; o = o->next)
        append(o, m);
}

static int give_back(struct session *s)
{
    if (s->written) {
        s->written = 0;
        drop_first(s);
    }
    if (s->head == NULL)
        return 0;
    struct piece *m = s->head->piece;
    int flags = lws_write_ws_flags(m->binary ? LWS_WRITE_BINARY : LWS_WRITE_TEXT, m->first, m->fin);
    if (lws_write(s->wsi, m->data + LWS_PRE, m->len, (enum lws_write_protocol)flags) < (int)m->len)
        return -1;
    /* What does not fit into the compressor's buffer of 1 KiB is read from where it stands when the
     * socket is writable again, and the callback comes only behind that. */
    if (compress)
        s->written = 1;
    else
        drop_first(s);
    if (s->head != NULL)
        lws_callback_on_writable(s->wsi);
    return 0;
}

static int callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                    size_t len)
{
    struct session *s = user;

    switch (reason) {
    case LWS_CALLBACK_ESTABLISHED:
        s->wsi = wsi;
        s->head = NULL;
        s->tail = &s->head;
        s->written = 0;
        s->next = &everyone;
        s->prev = everyone.prev;
        s->prev->next = s;
        everyone.prev = s;
        break;
    case LWS_CALLBACK_RECEIVE:
        receive(s, in, len);
        break;
    case LWS_CALLBACK_SERVER_WRITEABLE:
        return give_back(s);
    case LWS_CALLBACK_CLOSED:
        /* Comes for handshakes that never were established, too; the session is zeros then. */
        if (s->prev == NULL)
            break;
        s->prev->next = s->next;
        s->next->prev = s->prev;
        while (s->head != NULL)
            drop_first(s);
        break;
    default:
        /* Requests that are no handshake get their 404. */
        return lws_callback_http_dummy(wsi, reason, user, in, len);
    }
    return 0;
}

static struct lws_protocols protocols[] = {
    {"http", callback, sizeof(struct session), 65536, 0, NULL, 0}, {NULL, NULL, 0, 0, 0, NULL, 0}};
static const struct lws_extension extensions[] = {
    {"permessage-deflate", lws_extension_callback_pm_deflate,
     "permessage-deflate; client_no_context_takeover; client_max_window_bits"},
    {NULL, NULL, NULL}};

int main(int argc, char **argv)
{
    const char *mode = argc > 2 ? argv[2] : "deflate", *size = getenv("BENCH_SIZE");
    struct lws_context_creation_info info;

    if (argc < 2)
        return 2;
    if (size != NULL) {
        long n = strtol(size, NULL, 10);
        protocols[0].rx_buffer_size = n < 4096 ? 4096 : (size_t)n + 16;
    }
    broadcast = strcmp(mode, "broadcast") == 0;
    memset(&info, 0, sizeof(info));
    info.port = (int)strtol(argv[1], NULL, 10);
    info.iface = "127.0.0.1";
    info.protocols = protocols;
    compress = strcmp(mode, "deflate") == 0 || strcmp(mode, "dense") == 0;
    if (compress)
        info.extensions = extensions;
    info.pt_serv_buf_size = 32768;
    info.options = LWS_SERVER_OPTION_VALIDATE_UTF8;
    if (strcmp(mode, "tls") == 0 && argc > 4) {
        info.options |= LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT;
        info.ssl_cert_filepath = argv[3];
        info.ssl_private_key_filepath = argv[4];
    }
    lws_set_log_level(0, NULL);
    struct lws_context *context = lws_create_context(&info);
    while (context != NULL && lws_service(context, 1000) >= 0)
        ;
    return 1;
}
