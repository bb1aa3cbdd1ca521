/* SPDX-License-Identifier: MIT */
/* Addresses that a program gives for names, so that nobody is asked for them: "HOST:PORT:ADDR" as
 * curl has it. */
#ifndef WSK_NET_RESOLVE_LIST_H
#define WSK_NET_RESOLVE_LIST_H

#include "net/resolver.h"

typedef struct wsk__resolve_entry {
    char *host; /* "*": any */
    uint16_t port;
    wsk__addresses list;
} wsk__resolve_entry;

typedef struct wsk__resolve_list {
    wsk__resolve_entry *at;
    size_t n;
} wsk__resolve_list;

/* texts is NULL-terminated, or NULL. WSK_ERR_INVAL, and *why (static); WSK_ERR_NOMEM. ret is empty
 * then. */
int wsk__resolve_list_init(wsk__resolve_list *ret, const wsk_hooks *hooks, const char *const *texts,
                           const char **why);
/* Also for a struct of zeros. */
void wsk__resolve_list_deinit(wsk__resolve_list *l, const wsk_hooks *hooks);
/* The addresses for host and port, of that family alone if it is not 0, without regard to case; the
 * last entry that fits counts. False if there is none; *ret may be left without addresses. */
bool wsk__resolve_list_find(const wsk__resolve_list *l, const char *host, uint16_t port, int family,
                            wsk__addresses *ret);

#endif
