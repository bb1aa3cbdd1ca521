/* SPDX-License-Identifier: MIT */
/* See bench_reader.h. */
#include "bench_reader.h"

#include <stdlib.h>
#include <zlib.h>

#include "util/attr.h"

struct bench_inflater {
    z_stream z;
    bool takeover;
    bool lost; /* it could not go on, and cannot for what follows */
};

void bench_reader_init(bench_reader *r, const bench_plan *plan, bool verify)
{
    memset(r, 0, sizeof(*r));
    r->verify = verify;
    /* What is not to be compared has to be parsed, so that it can be counted. */
    r->plain = (verify && !plan->deflate) || plan->raw;
}

bool bench_reader_inflates(bench_reader *r, bool takeover)
{
    r->inflater = calloc(1, sizeof(*r->inflater));
    if (r->inflater == NULL)
        return false;
    r->inflater->takeover = takeover;
    if (inflateInit2(&r->inflater->z, -15) == Z_OK)
        return true;
    free(r->inflater);
    r->inflater = NULL;
    return false;
}

void bench_reader_deinit(bench_reader *r)
{
    if (r->inflater != NULL)
        (void)inflateEnd(&r->inflater->z);
    free(r->inflater);
    r->inflater = NULL;
}

/* ---------------------------------------------------------------------------- contents -- */

static void wrong(bench_reader *r, bench_input *in, uint64_t at, const char *problem)
{
    if (r->wrong)
        return;
    r->wrong = true;
    in->wrong_at = at;
    in->problem = problem;
}

/* The next n octets of a message's content. */
static void compare(bench_reader *r, const bench_plan *plan, const uint8_t *p, size_t n,
                    bench_input *in)
{
    const uint8_t *expected = plan->content + plan->size * r->expected;
    size_t have = plan->size > r->at ? plan->size - (size_t)r->at : 0;
    size_t take = n < have ? n : have;

    if (r->wrong || !r->verify) {
        r->at += n;
        return;
    }
    if (take > 0 && memcmp(p, expected + r->at, take) != 0) {
        size_t i = 0;
        while (p[i] == expected[r->at + i])
            i++;
        wrong(r, in, r->at + i, "differs from what was sent");
    } else if (n > have) {
        wrong(r, in, plan->size, "is longer than what was sent");
    }
    r->at += n;
}

static void inflate_more(bench_reader *r, const bench_plan *plan, const uint8_t *p, size_t n,
                         bench_input *in)
{
    z_stream *z = &r->inflater->z;
    uint8_t out[16384];
    int e;

    z->next_in = (Bytef *)(uintptr_t)p;
    z->avail_in = (uInt)n;
    do {
        z->next_out = out;
        z->avail_out = sizeof(out);
        e = inflate(z, Z_SYNC_FLUSH);
        compare(r, plan, out, sizeof(out) - z->avail_out, in);
        /* A final block ends the stream in the midst of a message (RFC 7692 7.2.3.4). */
        if (e == Z_STREAM_END && (z->avail_in > 0 || inflateReset(z) != Z_OK))
            e = Z_DATA_ERROR;
        /* Far too much cannot become right any more. */
    } while (e == Z_OK && z->avail_out == 0 && r->at <= plan->size + sizeof(out));
    if ((e != Z_OK && e != Z_BUF_ERROR && e != Z_STREAM_END) || z->avail_in > 0) {
        wrong(r, in, r->at, "cannot be decompressed");
        r->inflater->lost = true;
    }
}

static void content(bench_reader *r, const bench_plan *plan, const uint8_t *p, size_t n,
                    bench_input *in)
{
    if (!r->compressed)
        compare(r, plan, p, n, in);
    else if (r->inflater != NULL && r->inflater->lost)
        wrong(r, in, 0, "cannot be decompressed");
    else if (r->inflater != NULL)
        inflate_more(r, plan, p, n, in);
}

static void end_of_message(bench_reader *r, const bench_plan *plan, bench_input *in)
{
    static const uint8_t tail[4] = {0, 0, 0xff, 0xff}; /* RFC 7692 7.2.2 */

    if (r->compressed && r->inflater != NULL) {
        content(r, plan, tail, sizeof(tail), in);
        if (!r->inflater->takeover) {
            (void)inflateReset(&r->inflater->z);
            r->inflater->lost = false;
        }
    }
    /* Of compressed messages that are not looked into, the length is not known. */
    if (r->at < plan->size && (!r->compressed || r->inflater != NULL))
        wrong(r, in, r->at, "is shorter than what was sent");
    else if (r->at > plan->size)
        wrong(r, in, plan->size, "is longer than what was sent");
    in->done++;
    in->wrong += r->wrong;
    r->in_message = false;
    r->expected = r->expected + 1 < plan->n_messages ? r->expected + 1 : 0;
    /* As it should be from its first octet: the next may be, too. */
    if (r->whole && r->verify && !plan->deflate) {
        r->plain = true;
        r->pos = 0;
    }
}

/* ------------------------------------------------------------------------------ frames -- */

static void end_of_control(bench_reader *r, bench_input *in)
{
    if (r->frame.opcode == 0x9) {
        in->pinged = true;
        in->pong_n = r->control_n;
        memcpy(in->pong, r->control, r->control_n);
    } else if (r->frame.opcode == 0x8) {
        in->closed = true;
        in->code = 1005;
        if (r->control_n >= 2) {
            in->code = (uint16_t)(r->control[0] << 8 | r->control[1]);
            in->reason_n = (uint8_t)(r->control_n - 2);
            memcpy(in->reason, r->control + 2, in->reason_n);
        }
    }
}

static void end_of_frame(bench_reader *r, const bench_plan *plan, bench_input *in)
{
    r->in_payload = false;
    r->head_n = 0;
    if (r->frame.opcode >= 0x8)
        end_of_control(r, in);
    else if (r->frame.fin)
        end_of_message(r, plan, in);
}

static void begin_message(bench_reader *r, const bench_plan *plan, bench_input *in)
{
    r->at = 0;
    r->wrong = false;
    r->in_message = true;
    r->compressed = r->frame.rsv != 0;
    r->whole = !plan->deflate && r->head_n == plan->echo_head_len &&
               memcmp(r->head, plan->echo, r->head_n) == 0;
    if (r->frame.opcode != plan->opcode)
        wrong(r, in, 0, r->frame.opcode == 1 ? "came as text" : "came as binary");
}

/* Octets of a header, one at a time: it may be cut anywhere. Returns how many it took. */
static size_t parse_head(bench_reader *r, const bench_plan *plan, const uint8_t *p, size_t n,
                         bench_input *in)
{
    const wsk__frame_context ctx = {
        .in_message = r->in_message,
        .rsv = plan->deflate ? 0x40 : 0,
        .max_len = UINT64_MAX >> 1,
        .budget = UINT64_MAX >> 1,
    };
    size_t used = 0, need = 0;
    wsk__rule rule = WSK__RULE_NONE;

    while (used < n) {
        r->head[r->head_n++] = p[used++];
        int k = wsk__frame_parse(r->head, r->head_n, &ctx, &r->frame, &need, &rule);
        if (k < 0) {
            in->broken = wsk__rule_text(rule);
            return used;
        }
        if (k == 0)
            continue;
        r->in_payload = true;
        r->left = r->frame.len;
        if (r->frame.opcode >= 0x8)
            r->control_n = 0;
        else if (r->frame.opcode != 0)
            begin_message(r, plan, in);
        if (r->left == 0)
            end_of_frame(r, plan, in);
        return used;
    }
    return used;
}

static size_t parse_payload(bench_reader *r, const bench_plan *plan, const uint8_t *p, size_t n,
                            bench_input *in)
{
    size_t take = n < r->left ? n : (size_t)r->left;

    if (r->frame.opcode >= 0x8) {
        memcpy(r->control + r->control_n, p, take);
        r->control_n = (uint8_t)(r->control_n + take);
    } else {
        content(r, plan, p, take, in);
    }
    r->left -= take;
    if (r->left == 0)
        end_of_frame(r, plan, in);
    return take;
}

void bench_reader_skip(bench_reader *r, const bench_plan *plan, size_t n, bench_input *in)
{
    r->left -= n;
    if (!r->compressed)
        r->at += n;
    if (r->left == 0)
        end_of_frame(r, plan, in);
}

/* From comparing to parsing, in the midst of the echo that came so far. */
static void go_parsing(bench_reader *r, const bench_plan *plan)
{
    bench_input none;
    size_t pos = r->pos;

    r->plain = false;
    r->head_n = 0;
    r->in_payload = r->in_message = false;
    /* What was compared is an echo from its first octet: the parser finds nothing but that. */
    for (size_t at = 0; at < pos;) {
        at += r->in_payload ? parse_payload(r, plan, plan->echo + at, pos - at, &none)
                            : parse_head(r, plan, plan->echo + at, pos - at, &none);
    }
}

void bench_reader_parse(bench_reader *r, const bench_plan *plan, const uint8_t *p, size_t n,
                        bench_input *in)
{
    while (n > 0 && !in->closed && in->broken == NULL) {
        size_t used;

        if (r->plain) {
            uint32_t done;
            used = n < plan->echo_room ? n : plan->echo_room;
            if (bench_reader_compare(r, plan, p, used, &done)) {
                in->done += done;
                p += used;
                n -= used;
                continue;
            }
            if (plan->raw) {
                in->broken = "octets do not come back as they were sent";
                return;
            }
            go_parsing(r, plan);
        }
        used = r->in_payload ? parse_payload(r, plan, p, n, in) : parse_head(r, plan, p, n, in);
        p += used;
        n -= used;
    }
}
