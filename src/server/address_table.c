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

/* Multiplies with secret odd numbers and keeps the high bits. */
uint32_t wsk__address_hash(const uint64_t key[2], const uint8_t address[16])
{
    uint64_t a, b;

    memcpy(&a, address, 8);
    memcpy(&b, address + 8, 8);
    uint64_t h = (a ^ key[1]) * (key[0] | 1);
    h ^= h >> 32;
    h = (h ^ b) * (key[1] | 1);
    return (uint32_t)(h >> 32);
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
    if (2 * (t->used + 1) > t->cap)
        WSK_TRY(grow(t));
    struct entry *e = find(t, address);
    if (e->count == 0) {
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
