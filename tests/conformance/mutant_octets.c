/* SPDX-License-Identifier: MIT */
/* See mutant_octets.h. */
#include "mutant_octets.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

void mutant_die(void)
{
    fputs("mutant: out of memory\n", stderr);
    abort();
}

void mutant_add(octets *o, const void *data, size_t n)
{
    if (n == 0)
        return;
    if (o->room - o->len < n) {
        o->room = (o->len + n) * 2;
        o->at = realloc(o->at, o->room);
        if (o->at == NULL)
            mutant_die();
    }
    memcpy(o->at + o->len, data, n);
    o->len += n;
}

void mutant_add_text(octets *o, const char *text)
{
    mutant_add(o, text, strlen(text));
}

void mutant_end_text(octets *o)
{
    mutant_add(o, "", 1);
    o->len--;
}

void mutant_cut(octets *o, size_t n)
{
    o->len -= n;
    if (o->len > 0)
        memmove(o->at, o->at + n, o->len);
}

size_t queue_len(const queue *q)
{
    return q->o.len - q->head;
}

const uint8_t *queue_at(const queue *q, size_t *ret_len)
{
    *ret_len = queue_len(q);
    return *ret_len > 0 ? q->o.at + q->head : NULL;
}

void queue_taken(queue *q, size_t n)
{
    q->head += n;
    if (q->head == q->o.len)
        q->head = q->o.len = 0;
}

size_t mutant_frame_head(uint8_t head[14], uint8_t first, uint64_t len, const uint8_t *key)
{
    const uint8_t bit = key != NULL ? 0x80 : 0;
    const unsigned form = len < 126 ? 0 : len < 65536 ? 2 : 8;
    size_t n = 2;

    head[0] = first;
    head[1] = bit | (uint8_t)(form == 0 ? len : form == 2 ? 126 : 127);
    for (unsigned i = 0; i < form; i++)
        head[n++] = (uint8_t)(len >> 8 * (form - 1 - i));
    if (key != NULL) {
        memcpy(head + n, key, 4);
        n += 4;
    }
    return n;
}

size_t mutant_frame_read(const uint8_t *at, size_t have, uint64_t *ret_len)
{
    uint64_t len;
    size_t n = 2;

    if (have < 2)
        return 0;
    len = at[1] & 0x7f;
    if (len >= 126) {
        n += len == 126 ? 2 : 8;
        if (have < n)
            return 0;
        len = 0;
        for (size_t i = 2; i < n; i++)
            len = len << 8 | at[i];
    }
    *ret_len = len;
    return n;
}

void mutant_accept(const char *key, size_t n, char ret[64])
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    octets text = {NULL, 0, 0};
    unsigned len = 0;

    mutant_add(&text, key, n);
    mutant_add_text(&text, MUTANT_GUID);
    EVP_Digest(text.at, text.len, digest, &len, EVP_sha1(), NULL);
    EVP_EncodeBlock((unsigned char *)ret, digest, (int)len);
    free(text.at);
}
