/* SPDX-License-Identifier: MIT */
/* The page of a case: every fact of its result, from the verdict down to the octets. */
#include <stdio.h>
#include <string.h>

#include "conformance/report_frame.h"
#include "conformance/report_html.h"
#include "conformance/report_parts.h"

/* A peer may answer with any amount; the JSON has all of it. */
enum { MAX_HTTP = 32768, MAX_EVENTS = 200 };

static void put_title(judge_buf *b, const judge_result *r, const judge_case *c)
{
    char started[JUDGE_TIME_SIZE];
    judge_time(started, r->started_ms);
    judge_buf_printf(b, "<div class=\"title\"><h1>%s", r->id);
    if (c && c->title) {
        judge_buf_str(b, " \xc2\xb7 ");
        judge_put_html(b, c->title);
    }
    judge_buf_printf(b, "</h1><span class=\"v %s\">%s</span>", judge_verdict_class(r->behavior),
                     judge_verdict_label(r->behavior));
    if (r->behavior_close != JUDGE_OK && r->behavior_close != JUDGE_INFORMATIONAL)
        judge_buf_printf(b, "<span class=\"v %s\">Close: %s</span>",
                         judge_verdict_class(r->behavior_close),
                         judge_verdict_label(r->behavior_close));
    judge_buf_str(b, "</div><p class=\"facts\"><b>");
    judge_put_html(b, r->agent);
    judge_buf_str(b, "</b> \xc2\xb7 ");
    judge_put_duration(b, r->duration_us);
    judge_buf_printf(b, " \xc2\xb7 <time datetime=\"%s\">%s</time></p>", started, started);
    if (r->scaled)
        judge_buf_str(b, "<p class=\"note\">A quick run: this case sent fewer messages than the "
                         "suite asks for.</p>");
}

static void put_link(judge_buf *b, const char *slug, const char *id, const char *rel)
{
    char name[16];
    if (!id)
        return;
    judge_id_slug(name, id);
    bool back = strcmp(rel, "prev") == 0;
    judge_buf_printf(b, "<a rel=\"%s\" href=\"%s_case_%s.html\">%s%s%s</a>", rel, slug, name,
                     back ? "\xe2\x86\x90 " : "", id, back ? "" : " \xe2\x86\x92");
}

static void put_why(judge_buf *b, const judge_result *r)
{
    if (!r->why)
        return;
    judge_buf_str(b, "<section class=\"why\"><h2>Why</h2><p>");
    judge_put_html(b, r->why);
    judge_buf_str(b, "</p>");
    if (r->why_log >= 0 && (size_t)r->why_log < r->n_log) {
        judge_buf line = {0};
        judge_put_log_line(&line, &r->log[r->why_log]);
        b->failed = b->failed || line.failed;
        judge_buf_str(b, "<pre>");
        judge_put_html(b, line.at ? line.at : "");
        judge_buf_printf(b, "</pre><p><a href=\"#log%d\">In the wire log, line %03d</a></p>",
                         r->why_log, r->why_log);
        judge_buf_deinit(&line);
    }
    judge_buf_str(b, "</section>\n");
}

/* "RFC 6455 8.1" becomes a link to the section. */
static void put_reference(judge_buf *b, const char *reference)
{
    unsigned rfc;
    char section[16];
    if (!reference || !reference[0])
        return;
    judge_buf_str(b, "<p class=\"soft\">");
    bool is_section = sscanf(reference, "RFC %u %15[0-9.]", &rfc, section) == 2;
    if (is_section)
        judge_buf_printf(b, "<a href=\"https://www.rfc-editor.org/rfc/rfc%u#section-%s\">", rfc,
                         section);
    /* It may come from a result that was read back from a file. */
    judge_put_html(b, reference);
    judge_buf_str(b, is_section ? "</a></p>" : "</p>");
}

static void put_events(judge_buf *b, const judge_events *e)
{
    static const char *const names[] = {"message", "ping", "pong", "timeout"};
    if (e->n == 0)
        judge_buf_str(b, "<p class=\"soft\">nothing</p>");
    else
        judge_buf_str(b, "<ul class=\"events\">");
    for (size_t i = 0; i < e->n && i < MAX_EVENTS; i++) {
        const judge_event *v = &e->at[i];
        judge_buf text = {0};
        judge_put_as_text(&text, &v->octets);
        b->failed = b->failed || text.failed;
        judge_buf_printf(b, "<li><b>%s%s</b> ",
                         v->kind == JUDGE_EVENT_MESSAGE ? v->binary ? "binary " : "text " : "",
                         names[v->kind]);
        if (text.len)
            judge_put_html_n(b, text.at, text.len);
        else
            judge_buf_str(b, "<span class=\"soft\">empty</span>");
        judge_buf_str(b, "</li>");
        judge_buf_deinit(&text);
    }
    if (e->n > MAX_EVENTS)
        judge_buf_printf(b, "<li>and %zu more</li>", e->n - MAX_EVENTS);
    if (e->n)
        judge_buf_str(b, "</ul>");
}

static bool same_octets(const judge_octets *a, const judge_octets *b)
{
    return a->len == b->len && a->kept == b->kept && memcmp(a->head, b->head, a->kept) == 0;
}

static bool same_events(const judge_events *a, const judge_events *b)
{
    if (a->n != b->n)
        return false;
    for (size_t i = 0; i < a->n; i++)
        if (a->at[i].kind != b->at[i].kind || a->at[i].binary != b->at[i].binary ||
            !same_octets(&a->at[i].octets, &b->at[i].octets))
            return false;
    return true;
}

static void put_outcome(judge_buf *b, const judge_result *r)
{
    judge_buf_str(b, "<section><h2>Outcome</h2><p>");
    judge_put_html(b, r->result ? r->result : "");
    judge_buf_str(b, "</p><div class=\"two\"><div><h3>Expected</h3>");
    if (r->n_expected == 0)
        judge_buf_str(b, "<p class=\"soft\">The case judges what comes back by itself.</p>");
    for (size_t i = 0; i < r->n_expected; i++) {
        bool match = same_events(&r->expected[i].events, &r->received);
        judge_buf_printf(b, "<div class=\"alt%s\"><span class=\"v %s\">%s</span>%s",
                         match ? " match" : "", judge_verdict_class(r->expected[i].behavior),
                         judge_verdict_label(r->expected[i].behavior),
                         match ? " <span class=\"soft\">this is what happened</span>" : "");
        put_events(b, &r->expected[i].events);
        judge_buf_str(b, "</div>");
    }
    judge_buf_str(b, "</div><div><h3>Observed</h3>");
    put_events(b, &r->received);
    judge_buf_str(b, "</div></div></section>\n");
}

static void put_closing(judge_buf *b, const judge_result *r)
{
    judge_buf_printf(b, "<section><h2>Closing</h2><p><span class=\"v %s\">%s</span> ",
                     judge_verdict_class(r->behavior_close),
                     judge_verdict_label(r->behavior_close));
    judge_put_html(b, r->result_close ? r->result_close : "");
    judge_buf_printf(b, "</p><p class=\"soft\">Expected: closed by the %s, %s",
                     r->expected_close.closed_by_me ? "judge" : "peer",
                     r->expected_close.n_codes == 0 ? "any code" : "code");
    for (size_t i = 0; i < r->expected_close.n_codes; i++)
        judge_buf_printf(b, "%s %d", i ? " or" : "", r->expected_close.codes[i]);
    judge_buf_printf(b, "%s.</p></section>\n",
                     r->expected_close.require_clean ? ", with the whole closing handshake" : "");
}

static void put_http(judge_buf *b, const char *title, const char *text)
{
    judge_buf_printf(b, "<section><h2>%s</h2>", title);
    if (!text || strcmp(text, "?") == 0) {
        judge_buf_str(b, "<p class=\"soft\">None was sent.</p></section>\n");
        return;
    }
    size_t len = strlen(text), shown = len < MAX_HTTP ? len : MAX_HTTP;
    while (shown > 0 && (text[shown - 1] == '\r' || text[shown - 1] == '\n'))
        shown--;
    judge_buf_str(b, "<pre class=\"http\">");
    bool first = true;
    for (size_t i = 0; i < shown;) {
        const char *end = memchr(text + i, '\n', shown - i);
        size_t line = end ? (size_t)(end - text) - i : shown - i;
        const char *colon = first ? NULL : memchr(text + i, ':', line);
        size_t name = colon ? (size_t)(colon - text) - i : 0;
        if (name) {
            judge_buf_str(b, "<b>");
            judge_put_html_n(b, text + i, name);
            judge_buf_str(b, "</b>");
        }
        judge_put_html_n(b, text + i + name, line - name);
        judge_buf_str(b, "\n");
        first = false;
        i += line + 1;
    }
    judge_buf_str(b, "</pre>");
    if (len > MAX_HTTP)
        judge_buf_printf(b, "<p class=\"soft\">and %zu octets more</p>", len - MAX_HTTP);
    judge_buf_str(b, "</section>\n");
}

static void put_key(judge_buf *b, const char *key, const char *value, const char *meaning)
{
    judge_buf_printf(b, "<tr><td>%s</td><td>", key);
    if (value)
        judge_put_html(b, value);
    else
        judge_buf_str(b, "<span class=\"soft\">none</span>");
    judge_buf_printf(b, "</td><td>%s</td></tr>\n", meaning);
}

static void put_bool(judge_buf *b, const char *key, bool value, const char *meaning)
{
    put_key(b, key, value ? "yes" : "no", meaning);
}

static void put_code(judge_buf *b, const char *key, int code, const char *meaning)
{
    char text[64];
    if (code >= 0)
        snprintf(text, sizeof text, "%d %s", code, wsk_close_code_text((unsigned)code));
    put_key(b, key, code >= 0 ? text : NULL, meaning);
}

static void put_keys(judge_buf *b, const judge_result *r)
{
    judge_buf_str(b, "<section><h2>How the connection ended</h2><div class=\"scroll\">"
                     "<table class=\"keys\"><thead><tr><th>Key</th><th>Value</th>"
                     "<th>Meaning</th></tr></thead><tbody>\n");
    put_bool(b, "isServer", r->is_server,
             "The judge is the server here and tests a client; otherwise it is the client.");
    put_bool(b, "closedByMe", r->closed_by_me, "The judge sent its close frame first.");
    put_bool(b, "failedByMe", r->failed_by_me,
             "The judge gave the connection up because of an error or because time ran out, by a "
             "close frame or by dropping TCP.");
    put_bool(b, "droppedByMe", r->dropped_by_me, "The judge dropped the TCP connection.");
    put_bool(b, "wasClean", r->was_clean,
             "Both close frames were exchanged, and then the server dropped TCP, as is its duty "
             "(RFC 6455 7.1.1).");
    put_key(b, "wasNotCleanReason", r->not_clean_reason, "If it was not clean: what was missing.");
    put_bool(b, "wasServerConnectionDropTimeout", r->drop_timeout,
             "The server did not drop TCP in time after the closing handshake.");
    put_bool(b, "wasOpenHandshakeTimeout", r->open_timeout,
             "The peer did not complete the opening handshake in time.");
    put_bool(b, "wasCloseHandshakeTimeout", r->close_timeout,
             "The peer did not answer the judge's close frame in time.");
    put_code(b, "localCloseCode", r->local_code,
             "The code in the close frame that the judge sent.");
    put_key(b, "localCloseReason", r->local_reason, "The reason beside it.");
    put_code(b, "remoteCloseCode", r->remote_code,
             "The code in the close frame that the peer sent.");
    put_key(b, "remoteCloseReason", r->remote_reason, "The reason beside it.");
    judge_buf_str(b, "</tbody></table></div></section>\n");
}

static void put_traffic_row(judge_buf *b, const char *what, uint64_t in, uint64_t out)
{
    judge_buf_printf(b, "<tr><td>%s</td><td class=\"num\">", what);
    judge_put_number(b, in);
    judge_buf_str(b, "</td><td class=\"num\">");
    judge_put_number(b, out);
    judge_buf_str(b, "</td></tr>");
}

static void put_share(judge_buf *b, double part, uint64_t whole)
{
    if (whole)
        judge_buf_printf(b, "<td class=\"num\">%.4f</td>", part / (double)whole);
    else
        judge_buf_str(b, "<td class=\"num\">\xe2\x80\x93</td>");
}

static void put_traffic(judge_buf *b, const judge_result *r)
{
    const judge_traffic *t = &r->traffic;
    if (!t->present)
        return;
    judge_buf_str(b, "<section><h2>Traffic</h2><div class=\"scroll\"><table><thead><tr><th></th>"
                     "<th class=\"num\">Received</th><th class=\"num\">Sent</th></tr></thead>"
                     "<tbody>");
    put_traffic_row(b, "Messages", t->in_messages, t->out_messages);
    put_traffic_row(b, "Frames", t->in_frames, t->out_frames);
    put_traffic_row(b, "Octets of messages", t->in_app, t->out_app);
    put_traffic_row(b, "Octets of payload in frames", t->in_ws, t->out_ws);
    put_traffic_row(b, "Octets on the wire", t->in_wire, t->out_wire);
    put_traffic_row(b, "Octets of the opening handshake", t->in_preopen, t->out_preopen);
    judge_buf_str(b, "<tr><td>Compression ratio</td>");
    put_share(b, (double)t->in_ws, t->in_app);
    put_share(b, (double)t->out_ws, t->out_app);
    judge_buf_str(b, "</tr><tr><td>Overhead of framing</td>");
    put_share(b, (double)t->in_wire - (double)t->in_ws, t->in_ws);
    put_share(b, (double)t->out_wire - (double)t->out_ws, t->out_ws);
    judge_buf_str(b, "</tr></tbody></table></div></section>\n");
}

static void put_stats(judge_buf *b, const char *title, const judge_stats *s, bool octets)
{
    uint64_t most = 1, total = 0, sum = 0;
    for (size_t i = 0; i < s->n; i++) {
        most = s->at[i].count > most ? s->at[i].count : most;
        total += s->at[i].count;
        sum += s->at[i].count * s->at[i].key;
    }
    judge_buf_printf(b,
                     "<section><h2>%s</h2><div class=\"scroll\"><table><thead><tr>"
                     "<th%s>%s</th><th class=\"num\">Count</th>%s<th></th></tr></thead><tbody>",
                     title, octets ? " class=\"num\"" : "", octets ? "Chop size" : "Opcode",
                     octets ? "<th class=\"num\">Octets</th>" : "");
    for (size_t i = 0; i < s->n; i++) {
        if (octets) {
            judge_buf_str(b, "<tr><td class=\"num\">");
            judge_put_number(b, s->at[i].key);
        } else {
            judge_buf_printf(b, "<tr><td>%llu <span class=\"soft\">%s</span>",
                             (unsigned long long)s->at[i].key,
                             judge_opcode_name((unsigned)s->at[i].key));
        }
        judge_buf_str(b, "</td><td class=\"num\">");
        judge_put_number(b, s->at[i].count);
        if (octets) {
            judge_buf_str(b, "</td><td class=\"num\">");
            judge_put_number(b, s->at[i].key * s->at[i].count);
        }
        judge_buf_printf(b,
                         "</td><td><svg class=\"stat\" viewBox=\"0 0 100 4\" "
                         "preserveAspectRatio=\"none\" aria-hidden=\"true\">"
                         "<rect width=\"%.2f\" height=\"4\"/></svg></td></tr>\n",
                         100.0 * (double)s->at[i].count / (double)most);
    }
    judge_buf_str(b, octets ? "</tbody><tfoot><tr><td class=\"num\">Total</td><td class=\"num\">"
                            : "</tbody><tfoot><tr><td>Total</td><td class=\"num\">");
    judge_put_number(b, total);
    if (octets) {
        judge_buf_str(b, "</td><td class=\"num\">");
        judge_put_number(b, sum);
    }
    judge_buf_str(b, "</td><td></td></tr></tfoot></table></div></section>\n");
}

void judge_html_case(judge_buf *b, const judge_result *r, const char *slug, const judge_case *c,
                     const char *prev, const char *next)
{
    judge_buf title = {0};
    char id[16];
    judge_id_slug(id, r->id);
    judge_buf_printf(&title, "%s %s: %s", r->id, judge_verdict_label(r->behavior), r->agent);
    b->failed = b->failed || title.failed;
    judge_page_begin(b, JUDGE_PAGE_CASE, title.at ? title.at : "");
    judge_buf_deinit(&title);

    judge_buf_printf(b,
                     "<header><nav class=\"nav\"><a href=\"index.html#case_%s\">All cases</a>"
                     "<span class=\"right\">",
                     id);
    put_link(b, slug, prev, "prev");
    put_link(b, slug, next, "next");
    judge_buf_str(b, "</span></nav>");
    put_title(b, r, c);
    judge_buf_str(b, "</header>\n<main>\n");
    put_why(b, r);
    judge_buf_str(b, "<div class=\"two\"><section><h2>Description</h2>");
    judge_buf_str(b, c && c->description ? c->description : r->description ? r->description : "");
    put_reference(b, c ? c->reference : r->reference);
    judge_buf_str(b, "</section><section><h2>Expectation</h2>");
    judge_buf_str(b, c && c->expectation ? c->expectation : r->expectation ? r->expectation : "");
    judge_buf_str(b, "</section></div>\n");
    put_outcome(b, r);
    put_closing(b, r);
    if (r->vitality) {
        judge_buf_str(b, "<section><h2>Vitality</h2><p>");
        judge_put_html(b, r->vitality);
        judge_buf_str(b, "</p></section>\n");
    }
    judge_buf_str(b, "<div class=\"two\">");
    put_http(b, "Opening handshake: request", r->http_request);
    put_http(b, "Opening handshake: response", r->http_response);
    judge_buf_str(b, "</div>\n");
    put_keys(b, r);
    put_traffic(b, r);
    judge_buf_str(b, "<div class=\"two\">");
    put_stats(b, "Octets received, by size of reads", &r->rx_octets, true);
    put_stats(b, "Octets sent, by size of writes", &r->tx_octets, true);
    put_stats(b, "Frames received, by opcode", &r->rx_frames, false);
    put_stats(b, "Frames sent, by opcode", &r->tx_frames, false);
    judge_buf_str(b, "</div>\n<section><h2>Wire log</h2><p class=\"soft\">\xe2\x86\x92 sent by the "
                     "judge, \xe2\x86\x90 received from the peer. Touch a dotted word to see the "
                     "bits.</p><ol class=\"log\">\n");
    judge_put_wirelog(b, r);
    judge_buf_printf(
        b, "</ol></section>\n<p><a href=\"%s_case_%s.json\">This case as JSON</a></p></main>\n",
        slug, id);
    judge_page_end(b, JUDGE_PAGE_CASE);
}
