/* SPDX-License-Identifier: MIT */
/* The buffer for cipher text: its growth, and what is lent. Knows no TLS. */
#include "net/tls_out.h"

#include <string.h>

#include "net/tls_set.h"
#include "util/mem.h"

void wsk__tls_out_clear(wsk__tls_out *out, const wsk_tls *tls)
{
    if (out->owned)
        wsk__free(tls->hooks, out->ptr);
    memset(out, 0, sizeof(*out));
}

bool wsk__tls_out_reserve(wsk__tls_out *out, const wsk_hooks *hooks, size_t n)
{
    size_t used = out->len - out->off;

    if (used == 0)
        out->off = out->len = 0;
    if (n <= out->cap - out->len)
        return true;
    if (n <= out->cap - used) {
        memmove(out->ptr, out->ptr + out->off, used);
    } else {
        if (n > SIZE_MAX / 4 || used > SIZE_MAX / 4)
            return false;
        size_t cap = out->owned && out->cap > (used + n) / 2 ? 2 * out->cap : used + n;
        uint8_t *p = wsk__alloc(hooks, cap);
        if (p == NULL)
            return false;
        if (used > 0)
            memcpy(p, out->ptr + out->off, used);
        if (out->owned)
            wsk__free(hooks, out->ptr);
        out->ptr = p;
        out->cap = cap;
        out->owned = true;
    }
    out->off = 0;
    out->len = used;
    return true;
}
