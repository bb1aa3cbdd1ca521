/* SPDX-License-Identifier: MIT */
/* See torture_openssl.h. */
/* RAND_set_rand_method() is the only way to have the numbers of all of OpenSSL. */
#define OPENSSL_SUPPRESS_DEPRECATED

#include "torture_openssl.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/rand.h>

#include "torture_kernel.h"

/* In front of each block. They are in a list, the last one first. */
typedef struct block {
    size_t n;
    struct block *next, **prev;
    const char *file;
    int line;
    bool inside;
} block;

#define HEAD ((sizeof(block) + 15) / 16 * 16)

static block *blocks;
static long count; /* of all of them */
static uint64_t seeds[2];

static void *make(size_t n, bool inside, const char *file, int line)
{
    block *b = malloc(n + HEAD);

    if (b == NULL)
        abort();
    *b = (block){
        .n = n, .next = blocks, .prev = &blocks, .file = file, .line = line, .inside = inside};
    if (blocks != NULL)
        blocks->prev = &b->next;
    blocks = b;
    count++;
    return (uint8_t *)b + HEAD;
}

static void *crypto_malloc(size_t n, const char *file, int line)
{
    if (tk.inside && tk_fails(TK_CRYPTO))
        return NULL;
    return make(n, tk.inside, file, line);
}

static void crypto_free(void *p, const char *file, int line)
{
    block *b = p != NULL ? (block *)(void *)((uint8_t *)p - HEAD) : NULL;

    (void)file;
    (void)line;
    if (b == NULL)
        return;
    *b->prev = b->next;
    if (b->next != NULL)
        b->next->prev = b->prev;
    count--;
    free(b);
}

/* Always moved, so that an old address is seen by the sanitizer. */
static void *crypto_realloc(void *p, size_t n, const char *file, int line)
{
    const block *old = p != NULL ? (const block *)(void *)((uint8_t *)p - HEAD) : NULL;

    if (old == NULL)
        return crypto_malloc(n, file, line);
    if (n == 0) {
        crypto_free(p, file, line);
        return NULL;
    }
    if (tk.inside && tk_fails(TK_CRYPTO))
        return NULL;
    uint8_t *fresh = make(n, old->inside, file, line);
    memcpy(fresh, p, old->n < n ? old->n : n);
    crypto_free(p, file, line);
    return fresh;
}

/* ------------------------------------------------------------------------- random numbers -- */

static int fill(unsigned char *buf, int n)
{
    uint64_t *seed = &seeds[tk.inside];

    if (tk.inside && tk_fails(TK_NONCE))
        return 0;
    for (int i = 0; i < n; i++) {
        *seed = *seed * 6364136223846793005u + 1442695040888963407u;
        buf[i] = (unsigned char)(*seed >> 56);
    }
    return 1;
}

static int status(void)
{
    return 1;
}

void tk_openssl_init(void)
{
    static const RAND_METHOD method = {.bytes = fill, .pseudorand = fill, .status = status};

    if (!CRYPTO_set_mem_functions(crypto_malloc, crypto_realloc, crypto_free) ||
        !RAND_set_rand_method(&method))
        abort();
}

void tk_openssl_begin(void)
{
    seeds[0] = 2;
    seeds[1] = 1;
    tk.crypto_blocks = count;
}

void tk_openssl_end(void)
{
    const bool was = tk_enter(false);

    /* Words of errors stay in the thread's queue behind their errors. */
    OPENSSL_thread_stop();
    ERR_clear_error();
    (void)tk_enter(was);
    tk.crypto_kept = tk.wrong[0] == 0 && count > tk.crypto_blocks;
    if (count <= tk.crypto_blocks)
        return;
    const block *last = blocks;
    while (last->next != NULL && !last->inside)
        last = last->next;
    tk_wrong("%ld blocks of OpenSSL were not given back, the last of %zu octets (%s:%d)",
             count - tk.crypto_blocks, last->n, last->file, last->line);
}
