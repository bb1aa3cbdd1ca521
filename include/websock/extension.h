/* SPDX-License-Identifier: MIT */
/*
 * Extensions of a program's own (RFC 6455 section 9).
 *
 * An extension is a table of functions. It takes part in the opening handshake (offers on the
 * client, acceptance on the server), may claim reserved bits of data frames, and transforms the
 * payload of data messages: encode on the way out, decode on the way in. Control frames are
 * never transformed. permessage-deflate is built in and written against this same interface;
 * see also examples/extension.c.
 *
 * The transforms look like zlib's: they take octets from io->in, put octets to io->out, and may
 * be called again with more input or more room. So a message is never needed in one piece and
 * no limit can be passed by a transform that swells its input.
 */
#ifndef WEBSOCK_EXTENSION_H
#define WEBSOCK_EXTENSION_H

#include <websock/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Reserved bits as they stand in the first octet of a frame. */
#define WSK_RSV1 0x40u
#define WSK_RSV2 0x20u
#define WSK_RSV3 0x10u

/* One parameter of an offer or an answer. value.ptr is NULL when there was no "=value". Quotes
 * are already removed. Valid during the call that it is handed to. */
typedef struct wsk_ext_param {
    wsk_str name;
    wsk_str value;
} wsk_ext_param;

/* Collects the parameters of an offer or an answer that goes out. Only valid in the call. */
typedef struct wsk_ext_writer wsk_ext_writer;

/* Begins a further offer of the same extension (clients, in `offer` only; RFC 6455 9.1). The
 * first one is begun already. */
WSK_API int wsk_ext_writer_next_offer(wsk_ext_writer *w);
/* Adds "; name" or "; name=value" (value NULL: no value; both NUL-terminated, copied). Both must
 * be tokens, as RFC 6455 9.1 demands even of quoted values: else WSK_ERR_INVAL. WSK_ERR_LIMIT when
 * all offers or answers together get longer than 1,023 octets. */
WSK_API int wsk_ext_writer_param(wsk_ext_writer *w, const char *name, const char *value);

/* What a transform reads and writes; both pointers are moved forward by the transform. */
typedef struct wsk_ext_io {
    const uint8_t *in; /* next octet of input */
    size_t in_len;     /* how many are left there */
    uint8_t *out;      /* where the next octet of output goes */
    size_t out_len;    /* how much room is left there */
} wsk_ext_io;

/* What a transform returns besides negative errors. */
enum {
    WSK_EXT_DONE = 0, /* all input taken; with `fin`: and all output given */
    WSK_EXT_MORE = 1, /* the room ran out: call again with more. There is room for at least 64
                         octets in each call, unless max_message is that near: who takes and gives
                         nothing then has the message refused with 1009 */
};

typedef struct wsk_extension {
    size_t size;      /* = sizeof(wsk_extension) */
    const char *name; /* the extension's token */
    unsigned rsv;     /* the reserved bits that it uses: WSK_RSV1 | ...; two extensions of one
                         connection must not share a bit */
    void *ud;         /* handed to offer, accept, confirm */

    /*
     * Client: writes the parameters of what to offer. NULL: the name alone. Return 0 to offer,
     * 1 to offer nothing on this connection, negative to make no request: wsk_conn_request() is
     * then WSK_ERR_FAILED (or WSK_ERR_NOMEM, _LIMIT, if it is that).
     */
    int (*offer)(void *ud, wsk_ext_writer *w);
    /*
     * Server: one offer came in. Return 0 to accept it (the answer's parameters go to w, the
     * connection's state to *ret_state), 1 to decline it (the client's next offer of the same
     * name is tried), negative to fail the handshake with status 500.
     */
    int (*accept)(void *ud, const wsk_ext_param *params, size_t n, wsk_ext_writer *w,
                  void **ret_state);
    /*
     * Client: the server has accepted. Return 0 and set *ret_state, or negative if the answer
     * does not fit any offer: the connection then fails (RFC 6455 section 9.1). WSK_ERR_NOMEM is
     * told as want of memory, not as the server's fault.
     */
    int (*confirm)(void *ud, const wsk_ext_param *params, size_t n, void **ret_state);

    /*
     * A message begins to go out: decide whether to transform it. Returns the reserved bits to
     * set in its first frame (a subset of `rsv`), or 0 to let it pass untouched, or
     * WSK_EXT_APPLY to transform it without setting a bit. `len` is the message's length, or
     * UINT64_MAX for one that is sent in pieces, or was transformed by an extension before this
     * one. send_flags are those of wsk_conn_send(). Negative fails the connection with 1011.
     */
    int (*encode_begin)(void *state, wsk_opcode op, uint64_t len, unsigned send_flags);
    /* Transforms. `fin`: io->in holds the end of the message. What this makes longer than the
     * receiver's max_message, an 8th of it and 1 KiB is refused there (1009). Negative fails the
     * connection with 1011. Each call of encode_begin that asked for it is followed by encodes up
     * to fin, unless the connection fails before. */
    int (*encode)(void *state, wsk_ext_io *io, bool fin);

    /*
     * A message begins to come in; rsv are the reserved bits of its first frame that belong to
     * this extension. Returns 1 to decode it, 0 to let it pass (if it had a bit set, some other
     * extension has to decode it), negative to fail the connection with 1002.
     */
    int (*decode_begin)(void *state, wsk_opcode op, unsigned rsv);
    /* Transforms back. Negative: the input is not valid; the connection fails with 1007 if it
     * is WSK_ERR_INVAL, with 1009 if WSK_ERR_LIMIT, with 1011 otherwise. */
    int (*decode)(void *state, wsk_ext_io *io, bool fin);

    /* Gives back memory that can be had again later (the connection is idle). May be NULL. */
    void (*trim)(void *state);
    /* Ends the state. Called once for each successful accept or confirm. May be NULL. */
    void (*release)(void *state);
} wsk_extension;

#define WSK_EXT_APPLY 0x1

#ifdef __cplusplus
}
#endif

#endif
