/* SPDX-License-Identifier: MIT */
/* See bench_plan.h. */
#include "bench_plan.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "bench_payload.h"
#include "command.h"
#include "wire/frame.h"
#include "wire/mask.h"

enum {
    SEND_AT_ONCE = 256 * 1024, /* octets of frames that lie ready behind each other */
    /* The messages of a compressed chain are longer together than what a window of 32 KiB can
     * know, so that going round is no advantage. */
    CHAIN_LEAST = 96 * 1024,
    CHAIN_MESSAGES = 64, /* at least; less of large ones */
    CHAIN_MOST = 16 * 1024 * 1024,
    SMALLEST_CONTENT = 48, /* below it a chain has more messages than is of use */
};

/* ----------------------------------------------------------------------------- content -- */

static bool make_content(bench_plan *plan, const bench_plan_options *o)
{
    uint32_t n = 1;

    if (o->file != NULL) {
        if (!bench_payload_file(o->file, o->size, o->text, &plan->content, &plan->size))
            return false;
        plan->n_messages = 1;
        return true;
    }
    plan->size = (size_t)o->size;
    if (o->deflate) {
        size_t size = plan->size < SMALLEST_CONTENT ? SMALLEST_CONTENT : plan->size;
        n = (uint32_t)(CHAIN_LEAST / size + 1);
        if (n < CHAIN_MESSAGES)
            n = CHAIN_MESSAGES;
        if (n > CHAIN_MOST / size)
            n = CHAIN_MOST / size > 2 ? (uint32_t)(CHAIN_MOST / size) : 2;
    }
    plan->content = malloc(plan->size * n + 1);
    if (plan->content == NULL)
        return false;
    for (uint32_t i = 0; i < n; i++) {
        if (o->json)
            bench_payload_json(plan->content + plan->size * i, plan->size, i + 1);
        else
            bench_payload_random(plan->content + plan->size * i, plan->size, i + 1);
    }
    plan->n_messages = n;
    return true;
}

/* ------------------------------------------------------------------------------ chains -- */

/* Another key for each frame; none of its octets is 0, which would leave the payload as it is. */
static uint32_t next_key(uint64_t *seed)
{
    uint8_t octets[4];
    uint32_t key, r = bench_payload_next(seed);

    for (int i = 0; i < 4; i++) {
        octets[i] = (uint8_t)(r >> 8 * i);
        octets[i] = octets[i] == 0 ? 0x5a : octets[i];
    }
    memcpy(&key, octets, sizeof(key));
    return key;
}

static size_t put_frame(uint8_t *to, uint8_t first, const uint8_t *payload, size_t n, uint32_t key)
{
    size_t head = wsk__frame_head_len(n, true);

    wsk__frame_write(to, first, n, true, key);
    wsk__mask_copy(to + head, payload, n, key, 0);
    return head + n;
}

static bool chain_plain(bench_plan *plan, const bench_plan_options *o)
{
    bench_chain *chain = &plan->chains[0];
    size_t len = wsk__frame_head_len(plan->size, true) + plan->size, at = 0;
    uint32_t n = o->pipeline;
    uint64_t seed = 1;

    if (n > SEND_AT_ONCE / len)
        n = SEND_AT_ONCE / len > 1 ? (uint32_t)(SEND_AT_ONCE / len) : 1;
    chain->frames = malloc(len * n);
    chain->ends = malloc(n * sizeof(*chain->ends));
    if (chain->frames == NULL || chain->ends == NULL)
        return false;
    uint32_t key = next_key(&seed);
    for (uint32_t i = 0; i < n; i++) {
        at += put_frame(chain->frames + at, (uint8_t)(WSK__FIN | plan->opcode), plan->content,
                        plan->size, key);
        /* Octets that come back as they went can be compared only if all frames are alike. */
        if (!plan->raw)
            key = next_key(&seed);
        chain->ends[i] = at;
    }
    chain->n = n;
    return true;
}

/* One message as RFC 7692 7.2.1 has it: without the 4 octets of an empty stored block at its end.
 * Returns its length. */
static size_t deflate_message(z_stream *z, const uint8_t *p, size_t n, uint8_t *to, size_t room)
{
    z->next_in = (Bytef *)(uintptr_t)p;
    z->avail_in = (uInt)n;
    z->next_out = to;
    z->avail_out = (uInt)room;
    (void)deflate(z, Z_SYNC_FLUSH);
    size_t len = room - z->avail_out;
    if (len <= 4) { /* RFC 7692 7.2.3.6: an empty message is one octet of 0 */
        to[0] = 0;
        return 1;
    }
    return len - 4;
}

static bool chain_deflate(bench_plan *plan, bench_chain *chain, bool takeover)
{
    z_stream z = {0};
    size_t room, at = 0;
    uint64_t seed = 1;
    bool made = false;

    if (deflateInit2(&z, 6, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY) != Z_OK)
        return false;
    room = deflateBound(&z, (uLong)plan->size) + 64;
    uint8_t *one = malloc(room);
    chain->frames = malloc((room + WSK__FRAME_HEAD_MAX) * plan->n_messages);
    chain->ends = malloc(plan->n_messages * sizeof(*chain->ends));
    if (one == NULL || chain->frames == NULL || chain->ends == NULL)
        goto out;
    for (uint32_t i = 0; i < plan->n_messages; i++) {
        if (!takeover)
            (void)deflateReset(&z);
        size_t n = deflate_message(&z, plan->content + plan->size * i, plan->size, one, room);
        at += put_frame(chain->frames + at, (uint8_t)(WSK__FIN | 0x40u | plan->opcode), one, n,
                        next_key(&seed));
        chain->ends[i] = at;
    }
    chain->n = plan->n_messages;
    /* What was reserved for what does not compress need not stay. */
    uint8_t *smaller = realloc(chain->frames, at);
    if (smaller != NULL)
        chain->frames = smaller;
    made = true;
out:
    free(one);
    (void)deflateEnd(&z);
    return made;
}

/* -------------------------------------------------------------------------------- echo -- */

static bool make_echo(bench_plan *plan, const bench_plan_options *o)
{
    size_t head = wsk__frame_head_len(plan->size, plan->raw), len = head + plan->size;
    size_t copies = (o->read_max + len - 1) / len + 1;

    plan->echo = malloc(len * copies);
    if (plan->echo == NULL)
        return false;
    wsk__frame_write(plan->echo, (uint8_t)(WSK__FIN | plan->opcode), plan->size, false, 0);
    if (plan->raw)
        memcpy(plan->echo, plan->chains[0].frames, len);
    else if (plan->size > 0)
        memcpy(plan->echo + head, plan->content, plan->size);
    for (size_t i = 1; i < copies; i++)
        memcpy(plan->echo + len * i, plan->echo, len);
    plan->echo_len = len;
    plan->echo_head_len = (uint8_t)head;
    plan->echo_room = len * (copies - 1);
    return true;
}

bool bench_plan_init(bench_plan *plan, const bench_plan_options *o)
{
    memset(plan, 0, sizeof(*plan));
    plan->opcode = o->text ? 1 : 2;
    plan->deflate = o->deflate;
    plan->raw = o->raw;
    bool made = make_content(plan, o);
    if (!made && o->file != NULL)
        return false; /* it said why */
    if (made)
        made = o->deflate ? chain_deflate(plan, &plan->chains[0], true) &&
                                chain_deflate(plan, &plan->chains[1], false)
                          : chain_plain(plan, o) && make_echo(plan, o);
    if (!made)
        cli_error("bench", "out of memory");
    return made;
}

void bench_plan_deinit(bench_plan *plan)
{
    for (int i = 0; i < 2; i++) {
        free(plan->chains[i].frames);
        free(plan->chains[i].ends);
    }
    free(plan->content);
    free(plan->echo);
    memset(plan, 0, sizeof(*plan));
}
