/* SPDX-License-Identifier: MIT */
/* Says in a line what an entry of the wire log is. */
#include "conformance/report_frame.h"

const char *judge_opcode_name(unsigned opcode)
{
    static const char *const names[16] = {
        "continuation", "text",         "binary",       "reserved 0x3",
        "reserved 0x4", "reserved 0x5", "reserved 0x6", "reserved 0x7",
        "close",        "ping",         "pong",         "reserved 0xb",
        "reserved 0xc", "reserved 0xd", "reserved 0xe", "reserved 0xf"};
    return names[opcode & 15];
}

/* Whether these octets may be shown as they are: control characters from a peer could take
 * a terminal over. */
static bool is_plain(const judge_octets *o)
{
    for (size_t i = 0; i < o->kept;) {
        uint32_t code;
        size_t n = judge_utf8_next(o->head + i, o->kept - i, &code);
        if (n == 0 || code < 0x20 || (code >= 0x7f && code < 0xa0) ||
            (code >= 0x200b && code <= 0x200f) || (code >= 0x2028 && code <= 0x202e) ||
            (code >= 0x2060 && code <= 0x206f))
            return false;
        i += n;
    }
    return true;
}

static void put_payload(judge_buf *b, const judge_octets *o)
{
    if (o->kept == 0)
        return;
    judge_buf_str(b, ": ");
    if (is_plain(o)) {
        judge_put_as_text(b, o);
    } else {
        judge_buf_str(b, "0x");
        judge_put_as_hex(b, o);
    }
}

static void put_close(judge_buf *b, const judge_octets *o)
{
    if (o->kept < 2) {
        put_payload(b, o);
        return;
    }
    unsigned code = (unsigned)o->head[0] << 8 | o->head[1];
    judge_buf_printf(b, " %u %s", code, wsk_close_code_text(code));
    judge_octets reason = {.kept = (uint8_t)(o->kept - 2), .len = o->len - 2};
    for (size_t i = 0; i < reason.kept; i++)
        reason.head[i] = o->head[i + 2];
    put_payload(b, &reason);
}

static void put_frame(judge_buf *b, const judge_log *l)
{
    unsigned long long len = l->repeat >= 0 ? (unsigned long long)l->repeat : l->octets.len;
    judge_buf_printf(b, "%s %s%s", l->kind == JUDGE_LOG_RF ? "<-" : "->",
                     judge_opcode_name(l->opcode), l->fin ? " FIN" : "");
    for (unsigned i = 0; i < 3; i++)
        if (l->rsv & 4u >> i)
            judge_buf_printf(b, " RSV%u", i + 1);
    judge_buf_printf(b, " %llu octet%s", len, len == 1 ? "" : "s");
    if (l->opcode == 8)
        put_close(b, &l->octets);
    else
        put_payload(b, &l->octets);
}

void judge_put_log_line(judge_buf *b, const judge_log *l)
{
    const char *tag = l->tag[0] ? l->tag : NULL;
    switch (l->kind) {
    case JUDGE_LOG_RO:
    case JUDGE_LOG_TO:
        judge_buf_printf(b, "%s %llu octet%s: ", l->kind == JUDGE_LOG_RO ? "<-" : "->",
                         (unsigned long long)l->octets.len, l->octets.len == 1 ? "" : "s");
        judge_put_as_hex(b, &l->octets);
        break;
    case JUDGE_LOG_RF:
    case JUDGE_LOG_TF:
        put_frame(b, l);
        break;
    case JUDGE_LOG_CT:
        judge_buf_printf(b, "wait %g s", l->seconds);
        break;
    case JUDGE_LOG_CTE:
        judge_buf_str(b, "the wait is over");
        break;
    case JUDGE_LOG_KL:
        judge_buf_printf(b, "fail the connection after %g s", l->seconds);
        break;
    case JUDGE_LOG_KLE:
        judge_buf_str(b, "time is up: the connection is failed");
        break;
    case JUDGE_LOG_TI:
        judge_buf_printf(b, "close the connection after %g s", l->seconds);
        break;
    case JUDGE_LOG_TIE:
        judge_buf_str(b, "time is up: the connection is closed");
        break;
    case JUDGE_LOG_WLM:
        judge_buf_str(b, l->flag ? "the log goes on" : "the log is paused");
        break;
    }
    if (tag)
        judge_buf_printf(b, " (%s)", tag);
}
