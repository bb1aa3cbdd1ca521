/* SPDX-License-Identifier: MIT */
/*
 * What a run sends and what has to come back, made before it begins: masked frames one behind the
 * other, ready for send(2), and the frames that an echo consists of. Knows no sockets.
 */
#ifndef CLI_BENCH_PLAN_H
#define CLI_BENCH_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A chain of messages that is sent round and round. */
typedef struct bench_chain {
    uint8_t *frames;
    size_t *ends; /* of the frame of that index within frames; [-1] is 0 */
    uint32_t n;
} bench_chain;

enum {
    BENCH_CHAIN_TAKEOVER = 0, /* of deflate: each message refers to those before it */
    BENCH_CHAIN_ALONE = 1,    /* each on its own; without deflate the only chain is the first */
};

typedef struct bench_plan {
    bench_chain chains[2];
    /* Different messages: the frame of index i carries message i % n_messages. */
    uint8_t *content;
    size_t size; /* of each */
    uint32_t n_messages;
    uint8_t opcode;
    bool deflate;
    bool raw; /* the other end echoes octets, and knows no frames */
    /* Without deflate, an echo in one frame, again and again, so that whatever is received at
     * once can be compared at once. */
    uint8_t *echo;
    size_t echo_len;  /* of one */
    size_t echo_room; /* at most so many octets can be compared from any place within the first */
    uint8_t echo_head_len;
} bench_plan;

typedef struct bench_plan_options {
    uint64_t size; /* UINT64_MAX: as the file */
    const char *file;
    uint32_t pipeline; /* frames that may be sent at once */
    size_t read_max;   /* octets that are received at once at most */
    bool text;
    bool json;
    bool deflate;
    bool raw;
} bench_plan_options;

/* False after a message. */
bool bench_plan_init(bench_plan *plan, const bench_plan_options *options);
void bench_plan_deinit(bench_plan *plan);

static inline size_t bench_chain_begin(const bench_chain *chain, uint32_t i)
{
    return i == 0 ? 0 : chain->ends[i - 1];
}

#endif
