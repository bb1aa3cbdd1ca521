/* SPDX-License-Identifier: MIT */
/* Sec-WebSocket-Key and Sec-WebSocket-Accept (RFC 6455 4.1 item 7 and 4.2.2 item 5.4). */
#include "http/handshake.h"

#include <stdatomic.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/evp.h>

#include "util/mem.h"

/*
 * To fetch SHA-1 by name takes OpenSSL longer than to compute it, and takes a lock that all
 * threads share; so the first handshake keeps it. It never changes afterwards and is never freed,
 * as the digests that OpenSSL itself holds.
 */
static const EVP_MD *sha1(void)
{
    static _Atomic(EVP_MD *) kept;
    EVP_MD *md = atomic_load_explicit(&kept, memory_order_acquire), *none = NULL;

    if (md != NULL)
        return md;
    md = EVP_MD_fetch(NULL, "SHA1", NULL);
    if (md != NULL && !atomic_compare_exchange_strong(&kept, &none, md)) {
        EVP_MD_free(md);
        md = none; /* another thread was first */
    }
    return md;
}

int wsk__handshake_accept(const char key[WSK__KEY_LEN], char ret[WSK__ACCEPT_LEN + 1])
{
    static const char guid[36 + 1] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    unsigned char digest[EVP_MAX_MD_SIZE];
    char text[WSK__KEY_LEN + 36];
    const EVP_MD *md = sha1();
    unsigned n = 0;

    memcpy(text, key, WSK__KEY_LEN);
    memcpy(text + WSK__KEY_LEN, guid, 36);
    if (md == NULL || EVP_Digest(text, sizeof(text), digest, &n, md, NULL) != 1 || n != 20) {
        ERR_clear_error();
        /* What there is can fail for want of memory alone. */
        return md != NULL ? WSK_ERR_NOMEM : WSK_ERR_SYS;
    }
    EVP_EncodeBlock((unsigned char *)ret, digest, 20); /* adds NUL */
    return WSK_OK;
}

int wsk__handshake_key(const wsk_hooks *hooks, char ret[WSK__KEY_LEN + 1])
{
    unsigned char nonce[16];

    WSK_TRY(wsk__random(hooks, nonce, sizeof(nonce)));
    EVP_EncodeBlock((unsigned char *)ret, nonce, sizeof(nonce));
    return WSK_OK;
}
