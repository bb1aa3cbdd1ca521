/* SPDX-License-Identifier: MIT */
/* See address_table.h: open addressing with linear probing, removal by shifting back. */
#include "server/address_table.h"

#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "util/mem.h"

struct entry {
    uint8_t address[16];
    uint32_t count; /* 0: free */
};

struct wsk__address_table {
    const wsk_hooks *hooks;
    struct entry *at;
    size_t cap, used; /* cap is a power of two */
    uint64_t key[2];
};

int wsk__address_table_new(wsk__address_table **ret, const wsk_hooks *hooks)
{
    wsk__address_table *t = wsk__alloc0(hooks, sizeof(*t));

    if (t == NULL)
        return WSK_ERR_NOMEM;
    t->hooks = hooks;
    t->cap = 64;
    t->at = wsk__alloc0(hooks, t->cap * sizeof(*t->at));
    if (t->at == NULL || wsk__random(hooks, t->key, sizeof(t->key)) < 0) {
        wsk__address_table_free(t);
        return WSK_ERR_NOMEM;
    }
    *ret = t;
    return WSK_OK;
}

void wsk__address_table_free(wsk__address_table *t)
{
    if (t == NULL)
        return;
    wsk__free(t->hooks, t->at);
    wsk__free(t->hooks, t);
}

static uint64_t rotate(uint64_t x, unsigned n)
{
    return x << n | x >> (64 - n);
}

static void sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[1] = rotate(v[1], 13) ^ v[0];
    v[0] = rotate(v[0], 32);
    v[2] += v[3];
    v[3] = rotate(v[3], 16) ^ v[2];
    v[0] += v[3];
    v[3] = rotate(v[3], 21) ^ v[0];
    v[2] += v[1];
    v[1] = rotate(v[1], 17) ^ v[2];
    v[2] = rotate(v[2], 32);
}

/* SipHash-2-4 of 16 octets: whichever of them differ, each bit of what comes out does by chance. A
 * few multiplications did worse: all of a network's addresses fell on the same few places. */
uint32_t wsk__address_hash(const uint64_t key[2], const uint8_t address[16])
{
    uint64_t v[4] = {key[0] ^ UINT64_C(0x736f6d6570736575), key[1] ^ UINT64_C(0x646f72616e646f6d),
                     key[0] ^ UINT64_C(0x6c7967656e657261), key[1] ^ UINT64_C(0x7465646279746573)};
    uint64_t m[3] = {0, 0, UINT64_C(16) << 56}; /* the last one has the length */

    for (int i = 0; i < 16; i++)
        m[i / 8] |= (uint64_t)address[i] << i % 8 * 8;
    for (int i = 0; i < 3; i++) {
        v[3] ^= m[i];
        sip_round(v);
        sip_round(v);
        v[0] ^= m[i];
    }
    v[2] ^= 0xFF;
    for (int i = 0; i < 4; i++)
        sip_round(v);
    return (uint32_t)(v[0] ^ v[1] ^ v[2] ^ v[3]);
}

static size_t slot(const wsk__address_table *t, const uint8_t address[16])
{
    return wsk__address_hash(t->key, address) & (t->cap - 1);
}

static struct entry *find(const wsk__address_table *t, const uint8_t address[16])
{
    size_t i = slot(t, address);

    while (t->at[i].count != 0 && memcmp(t->at[i].address, address, 16) != 0)
        i = (i + 1) & (t->cap - 1);
    return &t->at[i];
}

static int grow(wsk__address_table *t)
{
    struct entry *old = t->at;
    size_t n = t->cap;
    struct entry *fresh = wsk__alloc0(t->hooks, 2 * n * sizeof(*fresh));

    if (fresh == NULL)
        return WSK_ERR_NOMEM;
    t->at = fresh;
    t->cap = 2 * n;
    for (size_t i = 0; i < n; i++) {
        if (old[i].count != 0)
            *find(t, old[i].address) = old[i];
    }
    wsk__free(t->hooks, old);
    return WSK_OK;
}

int wsk__address_table_add(wsk__address_table *t, const uint8_t address[16])
{
    struct entry *e = find(t, address);

    if (e->count == 0) {
        if (2 * (t->used + 1) > t->cap) {
            WSK_TRY(grow(t));
            e = find(t, address);
        }
        memcpy(e->address, address, 16);
        t->used++;
    }
    return (int)++e->count;
}

void wsk__address_table_remove(wsk__address_table *t, const uint8_t address[16])
{
    struct entry *e = find(t, address);

    if (e->count == 0 || --e->count > 0)
        return;
    t->used--;
    /* Entries behind the gap that belong before it move up, or they would not be found. */
    size_t gap = (size_t)(e - t->at), i = gap;
    for (;;) {
        i = (i + 1) & (t->cap - 1);
        if (t->at[i].count == 0)
            return;
        size_t home = slot(t, t->at[i].address);
        if (((i - home) & (t->cap - 1)) >= ((i - gap) & (t->cap - 1))) {
            t->at[gap] = t->at[i];
            t->at[i].count = 0;
            gap = i;
        }
    }
}

bool wsk__address_of(int fd, uint8_t ret[16])
{
    struct sockaddr_storage ss;
    socklen_t n = sizeof(ss);

    memset(ret, 0, 16);
    if (getpeername(fd, (struct sockaddr *)&ss, &n) != 0)
        return false;
    if (ss.ss_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)&ss;
        ret[10] = ret[11] = 0xFF;
        memcpy(ret + 12, &in->sin_addr, 4);
        return true;
    }
    if (ss.ss_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)&ss;
        memcpy(ret, &in6->sin6_addr, IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr) ? 16 : 8);
        return true;
    }
    return false;
}
