/* SPDX-License-Identifier: MIT */
/* See torture_wire.h. */
#include "torture_wire.h"

#include <websock/base.h>
#include <websock/conn.h>

static void count_frame(torture_wire *w)
{
    const unsigned opcode = w->header[0] & 0xF;

    w->closes += opcode == WSK_OP_CLOSE;
    w->pongs += opcode == WSK_OP_PONG;
    w->messages += opcode < 8 && (w->header[0] & 0x80) != 0;
}

/* RFC 6455 5.2. 0: more of it is needed. */
static unsigned size_of_header(const torture_wire *w)
{
    const unsigned n = w->have < 2 ? 0 : w->header[1] & 0x7Fu;

    if (w->have < 2)
        return 0;
    return 2 + (n == 126 ? 2u : n == 127 ? 8u : 0u) + ((w->header[1] & 0x80) != 0 ? 4u : 0u);
}

static void begin_payload(torture_wire *w)
{
    const unsigned n = w->header[1] & 0x7Fu, wide = n == 126 ? 2 : n == 127 ? 8 : 0;

    w->left = wide == 0 ? n : 0;
    for (unsigned i = 0; i < wide; i++)
        w->left = w->left << 8 | w->header[2 + i];
    count_frame(w);
    w->have = 0;
}

static void count_head(torture_wire *w, uint8_t octet)
{
    static const char status[] = "HTTP/1.1 101";

    /* A refusal's body is not made of frames. */
    if (w->line < sizeof(status) - 1 && w->is_server && octet != (uint8_t)status[w->line]) {
        w->part = TORTURE_BODY;
        return;
    }
    w->line++;
    w->head = octet == (uint8_t) "\r\n\r\n"[w->head] ? w->head + 1 : octet == '\r';
    if (w->head == 4)
        w->part = TORTURE_FRAMES;
}

void torture_wire_take(torture_wire *w, const void *data, size_t n)
{
    const uint8_t *p = data, *end = p + n;

    while (p < end && w->part != TORTURE_BODY) {
        if (w->part == TORTURE_HEAD) {
            count_head(w, *p++);
        } else if (w->left > 0) {
            const uint64_t k = w->left < (uint64_t)(end - p) ? w->left : (uint64_t)(end - p);
            p += k;
            w->left -= k;
        } else {
            w->header[w->have++] = *p++;
            if (w->have == size_of_header(w))
                begin_payload(w);
        }
    }
}
