/* SPDX-License-Identifier: MIT */
/*
 * An extension of a program's own: "x-rot", which rotates every letter of a text message by a
 * number of places that the client chooses ("x-rot; by=13"). It claims RSV2, so that messages with
 * and without it can be told apart. Client and server are joined in memory here; the table would be
 * the same for wsk_server_new().
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#include <websock/conn.h>

struct rot {
    int by;
};

static int offer(void *ud, wsk_ext_writer *w)
{
    (void)ud;
    return wsk_ext_writer_param(w, "by", "13");
}

/* The one parameter that must be there: by, from 1 to 25. */
static struct rot *state_of(const wsk_ext_param *params, size_t n)
{
    char digits[3] = "";
    struct rot *r;

    if (n != 1 || params[0].name.len != 2 || memcmp(params[0].name.ptr, "by", 2) != 0 ||
        params[0].value.len < 1 || params[0].value.len > 2)
        return NULL;
    memcpy(digits, params[0].value.ptr, params[0].value.len);
    int by = (int)strtol(digits, NULL, 10);
    if (by < 1 || by > 25 || (r = malloc(sizeof(*r))) == NULL)
        return NULL;
    r->by = by;
    return r;
}

static int accept_offer(void *ud, const wsk_ext_param *params, size_t n, wsk_ext_writer *w,
                        void **ret_state)
{
    struct rot *r = state_of(params, n);
    char by[12];

    (void)ud;
    if (r == NULL)
        return 1; /* not for us: the connection goes on without it */
    *ret_state = r;
    snprintf(by, sizeof(by), "%d", r->by);
    return wsk_ext_writer_param(w, "by", by);
}

static int confirm(void *ud, const wsk_ext_param *params, size_t n, void **ret_state)
{
    (void)ud;
    *ret_state = state_of(params, n);
    return *ret_state != NULL ? 0 : WSK_ERR_INVAL;
}

static int encode_begin(void *state, wsk_opcode op, uint64_t len, unsigned flags)
{
    (void)state;
    (void)len;
    (void)flags;
    return op == WSK_OP_TEXT ? WSK_RSV2 : 0;
}

static int decode_begin(void *state, wsk_opcode op, unsigned rsv)
{
    (void)state;
    (void)op;
    return rsv == WSK_RSV2;
}

static int rotate(int by, wsk_ext_io *io)
{
    for (; io->in_len > 0 && io->out_len > 0; io->in_len--, io->out_len--) {
        uint8_t c = *io->in++;
        uint8_t a = c >= 'a' && c <= 'z' ? 'a' : c >= 'A' && c <= 'Z' ? 'A' : 0;
        *io->out++ = a ? (uint8_t)(a + (c - a + by) % 26) : c;
    }
    return io->in_len > 0 ? WSK_EXT_MORE : WSK_EXT_DONE;
}

static int encode(void *state, wsk_ext_io *io, bool fin)
{
    (void)fin;
    return rotate(((struct rot *)state)->by, io);
}

static int decode(void *state, wsk_ext_io *io, bool fin)
{
    (void)fin;
    return rotate(26 - ((struct rot *)state)->by, io);
}

static const wsk_extension x_rot = {
    .size = sizeof(wsk_extension),
    .name = "x-rot",
    .rsv = WSK_RSV2,
    .offer = offer,
    .accept = accept_offer,
    .confirm = confirm,
    .encode_begin = encode_begin,
    .encode = encode,
    .decode_begin = decode_begin,
    .decode = decode,
    .release = free,
};

/* Carries what one side has to say to the other, and shows the frames of messages. */
static void carry(wsk_conn *from, wsk_conn *to)
{
    struct iovec iov;
    wsk_event ev;

    while (wsk_conn_output(from, &iov, 1) > 0) {
        if (wsk_conn_state(from) == WSK_STATE_OPEN && iov.iov_len < 100)
            printf("on the wire: %.*s\n", (int)iov.iov_len - 2, (char *)iov.iov_base + 2);
        wsk_conn_feed(to, iov.iov_base, iov.iov_len, 0);
        while (wsk_conn_next(to, &ev) == WSK_OK && ev.type != WSK_EV_NONE) {
            if (ev.type == WSK_EV_REQUEST && wsk_conn_accept(to, NULL) < 0)
                wsk_conn_lost(to, "out of memory");
            else if (ev.type == WSK_EV_MESSAGE)
                printf("received:    %.*s\n", (int)ev.len, (char *)ev.data);
        }
        wsk_conn_unlend(to);
        wsk_conn_sent(from, iov.iov_len, 0);
    }
}

int main(void)
{
    const wsk_extension *extensions[] = {&x_rot, NULL};
    wsk_config_options options = WSK_CONFIG_OPTIONS_INIT;
    wsk_request_options request = WSK_REQUEST_OPTIONS_INIT;
    wsk_config *config[2];
    wsk_conn *server, *client;
    char agreed[64];

    options.extensions = extensions;
    options.role = WSK_ROLE_SERVER;
    if (wsk_config_new(&config[0], &options) < 0)
        return 1;
    options.role = WSK_ROLE_CLIENT;
    if (wsk_config_new(&config[1], &options) < 0 || wsk_conn_new(&server, config[0], 0) < 0 ||
        wsk_conn_new(&client, config[1], 0) < 0)
        return 1;
    request.host = "example.org";
    if (wsk_conn_request(client, &request) < 0)
        return 1;
    carry(client, server);
    carry(server, client);
    wsk_conn_extensions(client, agreed, sizeof(agreed));
    printf("agreed:      %s\n", agreed);
    wsk_conn_send(server, WSK_OP_TEXT, "Hello, World", 12, 0);
    carry(server, client);
    wsk_conn_free(client);
    wsk_conn_free(server);
    wsk_config_unref(config[0]);
    wsk_config_unref(config[1]);
    return 0;
}
