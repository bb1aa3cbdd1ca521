/* SPDX-License-Identifier: MIT */
/*
 * What the messages of "websock bench" say: random octets, records as JSON, or a file. The same at
 * every run, so that runs can be compared. Knows nothing of frames.
 */
#ifndef CLI_BENCH_PAYLOAD_H
#define CLI_BENCH_PAYLOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Exactly n octets of JSON records, ASCII; another text for each seed. */
void bench_payload_json(uint8_t *buf, size_t n, uint32_t seed);
void bench_payload_random(uint8_t *buf, size_t n, uint32_t seed);

/*
 * The content of a file, repeated or cut to `size` octets; size UINT64_MAX: as long as it is. Text
 * must be UTF-8, and stays it: where a character is cut, spaces fill up. False after a message.
 * *ret is to be freed.
 */
bool bench_payload_file(const char *path, uint64_t size, bool text, uint8_t **ret, size_t *ret_len);

/* A generator of 32-bit numbers with a fixed beginning; *seed is not 0. */
uint32_t bench_payload_next(uint64_t *seed);

#endif
