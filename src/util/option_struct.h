/* SPDX-License-Identifier: MIT */
/* Option structs of programs that may have been built against another version of the headers. */
#ifndef WSK_UTIL_OPTION_STRUCT_H
#define WSK_UTIL_OPTION_STRUCT_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include <websock/base.h>

/* What is said of one of which that is so, below. */
#define WSK__NO_SIZE "size is 0 or less than a size: begin with the WSK_..._INIT macro"

/* What `options`, of `size` octets, does not have is as it was in *ret, of n; what *ret does not
 * have is not read. False, and nothing is taken: not even the size is there. */
static inline bool wsk__options_take(void *ret, size_t n, const void *options, size_t size)
{
    if (size < sizeof(size))
        return false;
    memcpy(ret, options, size < n ? size : n);
    return true;
}

/* The hooks of an object: none, or all that this library knows of. */
static inline bool wsk__hooks_fit(const wsk_hooks *hooks)
{
    return hooks == NULL || hooks->size >= sizeof(*hooks);
}

#define WSK__BAD_HOOKS "the size of hooks is not that of wsk_hooks: begin with WSK_HOOKS_INIT"

#endif
