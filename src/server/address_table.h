/* SPDX-License-Identifier: MIT */
/*
 * How many connections each address holds. IPv4 addresses count one by one, IPv6 by their first
 * 64 bits: one subscriber has all of those. The hash is keyed, so that nobody can choose
 * addresses that collide.
 */
#ifndef WSK_SERVER_ADDRESS_TABLE_H
#define WSK_SERVER_ADDRESS_TABLE_H

#include <websock/base.h>

typedef struct wsk__address_table wsk__address_table;

int wsk__address_table_new(wsk__address_table **ret, const wsk_hooks *hooks);
void wsk__address_table_free(wsk__address_table *t);
/* Counts one more; returns the new count, or negative. */
int wsk__address_table_add(wsk__address_table *t, const uint8_t address[16]);
void wsk__address_table_remove(wsk__address_table *t, const uint8_t address[16]);
/* Of an address, by a secret key of two numbers. */
uint32_t wsk__address_hash(const uint64_t key[2], const uint8_t address[16]);
/* The key of the other end of fd; false for sockets without one (Unix). */
bool wsk__address_of(int fd, uint8_t ret[16]);

#endif
