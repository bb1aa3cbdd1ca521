/* SPDX-License-Identifier: MIT */
/*
 * The wire log of a case page. Each line carries what its script needs to draw the frame's header,
 * and the same as a title for readers without scripts.
 */
#include <stdio.h>
#include <string.h>

#include "conformance/report_frame.h"
#include "conformance/report_parts.h"

/* A case of ten thousands of frames would make a page that no browser likes; the JSON has all. */
enum { FIRST = 2000, LAST = 200 };

static void put_offset(judge_buf *b, uint32_t us)
{
    if (us < 1000000)
        judge_buf_printf(b, "%.3f ms", us / 1e3);
    else
        judge_buf_printf(b, "%.4f s", us / 1e6);
}

static void put_payload(judge_buf *b, const judge_log *l)
{
    if (l->octets.kept == 0)
        return;
    judge_buf text = {0};
    if (l->opcode == WSK_OP_CLOSE && l->octets.kept >= 2) {
        unsigned code = (unsigned)l->octets.head[0] << 8 | l->octets.head[1];
        judge_octets reason = {.kept = (uint8_t)(l->octets.kept - 2), .len = l->octets.len - 2};
        memcpy(reason.head, l->octets.head + 2, reason.kept);
        judge_buf_printf(&text, "%u %s", code, wsk_close_code_text(code));
        if (reason.kept) {
            judge_buf_str(&text, ": ");
            judge_put_as_text(&text, &reason);
        }
    } else {
        judge_put_as_text(&text, &l->octets);
    }
    b->failed = b->failed || text.failed;
    judge_buf_str(b, "<span class=\"p\">");
    judge_put_html_n(b, text.at ? text.at : "", text.len);
    judge_buf_str(b, "</span>");
    judge_buf_deinit(&text);
}

static void put_frame(judge_buf *b, const judge_log *l, bool deflate)
{
    unsigned long long len = l->repeat >= 0 ? (unsigned long long)l->repeat : l->octets.len;
    bool packed = deflate && (l->rsv & 4) && l->kind == JUDGE_LOG_RF;
    char mask[9] = "";
    if (l->masked)
        snprintf(mask, sizeof mask, "%02x%02x%02x%02x", l->mask[0], l->mask[1], l->mask[2],
                 l->mask[3]);
    judge_buf_printf(b,
                     "<button type=\"button\" class=\"f\" data-fin=\"%d\" data-rsv=\"%u\" "
                     "data-op=\"%u\" data-len=\"%llu\" data-mask=\"%s\"%s title=\"FIN=%d RSV1=%d "
                     "RSV2=%d RSV3=%d opcode=0x%x MASK=%d length=%llu%s%s\">%s</button>",
                     l->fin, l->rsv & 7u, l->opcode & 15u, len, mask,
                     packed ? " data-packed=\"1\"" : "", l->fin, l->rsv >> 2 & 1, l->rsv >> 1 & 1,
                     l->rsv & 1, l->opcode & 15u, l->masked, len, mask[0] ? " key=" : "", mask,
                     judge_opcode_name(l->opcode));
    judge_buf_printf(b, " <span class=\"flag\">%s</span>", l->fin ? "FIN" : "more to follow");
    for (unsigned i = 0; i < 3; i++)
        if (l->rsv & 4u >> i)
            judge_buf_printf(b, " <span class=\"flag\">RSV%u</span>", i + 1);
    judge_buf_str(b, " \xc2\xb7 ");
    judge_put_number(b, len);
    judge_buf_printf(b, " octet%s", len == 1 ? "" : "s");
    if (mask[0])
        judge_buf_printf(b, " \xc2\xb7 mask %s", mask);
    if (l->repeat >= 0)
        judge_buf_printf(b, " \xc2\xb7 these %llu repeated", (unsigned long long)l->octets.len);
    if (l->chop >= 0)
        judge_buf_printf(b, " \xc2\xb7 in writes of %lld", (long long)l->chop);
    if (l->sync)
        judge_buf_str(b, " \xc2\xb7 in a write of its own");
    put_payload(b, l);
}

static void put_octets(judge_buf *b, const judge_log *l)
{
    judge_buf_str(b, "<button type=\"button\" class=\"f\" data-o=\"");
    judge_octets all = l->octets;
    all.len = all.kept; /* no mark behind the digits */
    if (all.kept <= 60)
        judge_put_as_hex(b, &all);
    else
        for (size_t i = 0; i < all.kept; i++)
            judge_buf_printf(b, "%02x", all.head[i]);
    judge_buf_str(b, "\" title=\"Decode\">");
    judge_put_number(b, l->octets.len);
    judge_buf_printf(b, " octet%s</button>", l->octets.len == 1 ? "" : "s");
    if (l->sync)
        judge_buf_str(b, " \xc2\xb7 in a write of its own");
    judge_buf_str(b, "<span class=\"p\">");
    judge_put_as_hex(b, &l->octets);
    judge_buf_str(b, "</span>");
}

static void put_entry(judge_buf *b, const judge_result *r, size_t i, bool times, bool deflate)
{
    static const struct {
        const char *cls, *kind;
    } kinds[] = {{"rx", "\xe2\x86\x90 octets"},
                 {"tx", "\xe2\x86\x92 octets"},
                 {"rx", "\xe2\x86\x90 frame"},
                 {"tx", "\xe2\x86\x92 frame"},
                 {"ev", "wait"},
                 {"ev", "wait"},
                 {"ev", "timer"},
                 {"ev", "timer"},
                 {"ev", "timer"},
                 {"ev", "timer"},
                 {"ev", "log"}};
    const judge_log *l = &r->log[i];
    judge_buf_printf(b,
                     "<li id=\"log%zu\" class=\"%s%s\"><a class=\"n\" href=\"#log%zu\">%03zu</a>"
                     "<span class=\"t\">",
                     i, kinds[l->kind].cls, r->why_log == (int)i && r->why ? " culprit" : "", i, i);
    if (times)
        put_offset(b, l->at_us);
    judge_buf_printf(b, "</span><span class=\"k\">%s</span><span class=\"c\">",
                     kinds[l->kind].kind);
    if (l->kind == JUDGE_LOG_RO || l->kind == JUDGE_LOG_TO) {
        put_octets(b, l);
    } else if (l->kind == JUDGE_LOG_RF || l->kind == JUDGE_LOG_TF) {
        put_frame(b, l, deflate);
    } else {
        judge_buf line = {0};
        judge_put_log_line(&line, l);
        b->failed = b->failed || line.failed;
        judge_put_html(b, line.at ? line.at : "");
        judge_buf_deinit(&line);
    }
    judge_buf_str(b, "</span></li>\n");
}

void judge_put_wirelog(judge_buf *b, const judge_result *r)
{
    bool times = false;
    bool deflate = r->http_response && strcasestr(r->http_response, "permessage-deflate");
    for (size_t i = 0; i < r->n_log; i++)
        times = times || r->log[i].at_us > 0;
    for (size_t i = 0; i < r->n_log; i++) {
        if (r->n_log > FIRST + LAST && i == FIRST) {
            size_t left_out = r->n_log - FIRST - LAST;
            judge_buf_printf(
                b,
                "<li class=\"ev\"><span></span><span></span><span class=\"k\">log</span>"
                "<span class=\"c\">%zu entries are left out here; the JSON file has "
                "them</span></li>\n",
                left_out);
            i += left_out;
        }
        put_entry(b, r, i, times, deflate);
    }
    judge_buf_printf(
        b,
        "<li class=\"ev\"><span class=\"n\">%03zu</span><span class=\"t\"></span>"
        "<span class=\"k\">TCP</span><span class=\"c\">dropped by the %s</span></li>\n",
        r->n_log, r->dropped_by_me ? "judge" : "peer");
}
