/* SPDX-License-Identifier: MIT */
/* The index page: agents side by side, what failed, categories, charts, and every case. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conformance/report_html.h"
#include "conformance/report_parts.h"

/* Autobahn's cases are listed whole, run or not, unless others alone were run; of the others those
 * categories of which there is a result. */
static bool is_shown(const judge_store *s, int category)
{
    bool any = false;
    for (size_t k = 0; k < s->n; k++)
        for (size_t i = 0; i < s->at[k].n; i++) {
            long of = strtol(s->at[k].at[i].id, NULL, 10);
            if (category < 14 ? of < 14 : of == category)
                return true;
            any = true;
        }
    return category < 14 && !any;
}

/* What was not there for any of those that were tested is not missing. */
static bool is_for(const judge_store *s, const judge_case *c)
{
    return (!s->servers && !s->clients) ||
           (s->servers && judge_case_has_role(c, JUDGE_ROLE_CLIENT)) ||
           (s->clients && judge_case_has_role(c, JUDGE_ROLE_SERVER));
}

/* The verdict of a case as a whole, for counts and filters: a close that failed fails it. */
static judge_behavior verdict(const judge_entry *e)
{
    return judge_entry_failed(e, false) ? JUDGE_FAILED : e->behavior;
}

static bool is_unclean(const judge_entry *e)
{
    return e->behavior_close != JUDGE_OK && e->behavior_close != JUDGE_INFORMATIONAL;
}

static void put_bar(judge_buf *b, const judge_counts *c, const char *cls)
{
    const struct {
        const char *cls;
        size_t n;
    } parts[] = {{"pass", c->ok},
                 {"info", c->informational},
                 {"nonstrict", c->non_strict},
                 {"unimpl", c->unimplemented},
                 {"fail", c->failed}};
    judge_buf_printf(b,
                     "<svg class=\"bar%s\" viewBox=\"0 0 1000 10\" preserveAspectRatio=\"none\" "
                     "role=\"img\" aria-label=\"%zu of %zu passed\">",
                     cls, c->ok + c->informational, c->total);
    double x = 0;
    for (size_t i = 0; c->total && i < sizeof parts / sizeof parts[0]; i++) {
        double width = 1000.0 * (double)parts[i].n / (double)c->total;
        if (parts[i].n)
            judge_buf_printf(b, "<rect class=\"%s\" x=\"%.2f\" width=\"%.2f\" height=\"10\"/>",
                             parts[i].cls, x, width);
        x += width;
    }
    judge_buf_str(b, "</svg>");
}

static void put_count(judge_buf *b, const char *cls, const char *label, const char *filter,
                      size_t n)
{
    if (n)
        judge_buf_printf(b, "<li><a class=\"v %s\" href=\"#v=%s\">%zu %s</a></li>", cls, filter, n,
                         label);
}

static void put_agent(judge_buf *b, const judge_agent *a, size_t number, bool several)
{
    judge_counts c = {0};
    uint64_t us = 0;
    for (size_t i = 0; i < a->n; i++) {
        judge_counts_add(&c, &a->at[i]);
        us += a->at[i].duration_us;
    }
    judge_buf_str(b, "<section><h2>");
    if (several && number < 6)
        judge_buf_printf(b, "<span class=\"swatch b%zu\"></span>", number);
    judge_put_html(b, a->name);
    judge_buf_printf(b, "</h2><p class=\"score\"><b>%zu</b> of %zu cases %s</p>",
                     c.total - c.failed, c.total, c.failed ? "did not fail" : "run, none failed");
    put_bar(b, &c, "");
    judge_buf_str(b, "<ul class=\"counts\">");
    put_count(b, "pass", "passed", "pass", c.ok);
    put_count(b, "nonstrict", "non-strict", "nonstrict", c.non_strict);
    put_count(b, "info", "informational", "info", c.informational);
    put_count(b, "unimpl", "unimplemented", "unimpl", c.unimplemented);
    put_count(b, "fail", "failed", "fail", c.failed);
    put_count(b, "nonstrict", "not clean", "unclean", c.not_clean);
    judge_buf_str(b, "</ul><p class=\"soft\">");
    judge_put_duration(b, us);
    judge_buf_str(b, " in connections, all added up</p></section>\n");
}

/* A list that fills screens is folded up at first. */
static bool many_failures(const judge_store *s)
{
    size_t n = 0;
    for (size_t k = 0; k < s->n; k++)
        for (size_t i = 0; i < s->at[k].n; i++)
            n += judge_entry_failed(&s->at[k].at[i], false);
    return n > 25;
}

static void put_failures(judge_buf *b, const judge_store *s)
{
    size_t n = 0;
    for (size_t k = 0; k < s->n; k++) {
        for (size_t i = 0; i < s->at[k].n; i++) {
            const judge_entry *e = &s->at[k].at[i];
            if (!judge_entry_failed(e, false))
                continue;
            char id[16];
            judge_id_slug(id, e->id);
            if (n++ == 0)
                judge_buf_printf(b,
                                 "<section id=\"failures\"><details%s><summary><h2>What failed"
                                 "</h2></summary><ul class=\"failures\">\n",
                                 many_failures(s) ? "" : " open");
            judge_buf_printf(b, "<li><a class=\"v fail\" href=\"%s_case_%s.html\">%s</a> ",
                             s->at[k].slug, id, e->id);
            if (s->n > 1) {
                judge_buf_str(b, "<span class=\"soft\">");
                judge_put_html(b, s->at[k].name);
                judge_buf_str(b, ":</span> ");
            }
            judge_put_html(b, e->why ? e->why : judge_behavior_name(e->behavior_close));
            if (e->frame) {
                judge_buf_str(b, "<span class=\"mono\">");
                judge_put_html(b, e->frame);
                judge_buf_str(b, "</span>");
            }
            judge_buf_str(b, "</li>\n");
        }
    }
    if (n)
        judge_buf_str(b, "</ul></details></section>\n");
}

static void put_categories(judge_buf *b, const judge_store *s)
{
    judge_buf_str(b, "<section><h2>By category</h2><div class=\"scroll\"><table><thead><tr>"
                     "<th>Category</th>");
    for (size_t k = 0; k < s->n; k++) {
        judge_buf_str(b, "<th>");
        judge_put_html(b, s->at[k].name);
        judge_buf_str(b, "</th>");
    }
    judge_buf_str(b, "</tr></thead><tbody>\n");
    for (int category = 1; category < 100; category++) {
        char name[16];
        snprintf(name, sizeof name, "%d", category);
        const char *title = judge_category_title(name);
        if (!title || !is_shown(s, category))
            continue;
        judge_buf_printf(b, "<tr><td><a href=\"#c=%s\">%s</a> ", name, name);
        judge_put_html(b, title);
        judge_buf_str(b, "</td>");
        for (size_t k = 0; k < s->n; k++) {
            judge_counts c = {0};
            for (size_t i = 0; i < s->at[k].n; i++)
                if (strtol(s->at[k].at[i].id, NULL, 10) == category)
                    judge_counts_add(&c, &s->at[k].at[i]);
            judge_buf_str(b, "<td>");
            if (c.total == 0) {
                judge_buf_str(b, "<span class=\"soft\">not run</span></td>");
                continue;
            }
            judge_buf_printf(b, "<div class=\"share\"><span>%zu of %zu",
                             c.total - c.failed - c.unimplemented, c.total);
            if (c.non_strict)
                judge_buf_printf(b, ", %zu non-strict", c.non_strict);
            judge_buf_str(b, "</span>");
            put_bar(b, &c, " small");
            judge_buf_str(b, "</div></td>");
        }
        judge_buf_str(b, "</tr>\n");
    }
    judge_buf_str(b, "</tbody></table></div></section>\n");
}

static void put_filter(judge_buf *b, const judge_store *s)
{
    static const struct {
        const char *v, *label;
    } chips[] = {{"", "All"},
                 {"fail", "Fail"},
                 {"nonstrict", "Non-Strict"},
                 {"unclean", "Unclean"},
                 {"info", "Info"},
                 {"unimpl", "Unimplemented"},
                 {"missing", "Missing"}};
    judge_buf_str(
        b,
        "<div class=\"filter\" id=\"filter\">"
        "<input id=\"q\" type=\"search\" placeholder=\"Find: 6.4, close code, ping \xe2\x80\xa6\" "
        "aria-label=\"Find cases\"><select id=\"c\" aria-label=\"Category\">"
        "<option value=\"\">All categories</option>");
    for (int category = 1; category < 100; category++) {
        char name[16];
        snprintf(name, sizeof name, "%d", category);
        const char *title = judge_category_title(name);
        if (!title || !is_shown(s, category))
            continue;
        judge_buf_printf(b, "<option value=\"%s\">%s ", name, name);
        judge_put_html(b, title);
        judge_buf_str(b, "</option>");
    }
    judge_buf_str(b, "</select><div class=\"chips\">");
    for (size_t i = 0; i < sizeof chips / sizeof chips[0]; i++)
        judge_buf_printf(b, "<button type=\"button\" data-v=\"%s\">%s</button>", chips[i].v,
                         chips[i].label);
    judge_buf_str(b, "</div><button type=\"button\" id=\"details\">Descriptions</button>"
                     "<span id=\"shown\" aria-live=\"polite\"></span></div>\n");
}

/* The close as a short word behind the verdict. */
static void put_close(judge_buf *b, const judge_entry *e)
{
    bool bad = e->behavior_close == JUDGE_FAILED || e->behavior_close == JUDGE_WRONG_CODE;
    judge_buf_printf(b, "<span class=\"x%s\" title=\"closing: %s\">", bad ? " bad" : "",
                     judge_behavior_name(e->behavior_close));
    if (e->behavior_close == JUDGE_WRONG_CODE)
        judge_buf_printf(b, "code %d", e->remote_code);
    else if (is_unclean(e))
        judge_buf_str(b, e->behavior_close == JUDGE_FAILED ? "close: fail" : "unclean");
    else if (e->remote_code >= 0)
        judge_buf_printf(b, "%d", e->remote_code);
    else
        judge_buf_str(b, "None");
    judge_buf_str(b, "</span>");
}

static void put_result(judge_buf *b, const judge_agent *a, const judge_case *c)
{
    const judge_entry *e = judge_agent_find(a, c->id);
    char id[16];
    if (!e) {
        judge_buf_str(b, "<td><span class=\"v missing\">Missing</span></td>");
        return;
    }
    judge_id_slug(id, c->id);
    judge_buf_printf(b, "<td><a class=\"v %s\" href=\"%s_case_%s.html\"",
                     judge_verdict_class(e->behavior), a->slug, id);
    if (e->why) {
        judge_buf_str(b, " title=\"");
        judge_put_html(b, e->why);
        judge_buf_str(b, "\"");
    }
    judge_buf_printf(b, ">%s</a>", judge_verdict_label(e->behavior));
    if (e->behavior != JUDGE_UNIMPLEMENTED) {
        put_close(b, e);
        if (e->report_time) {
            judge_buf_str(b, "<span class=\"x\">");
            judge_put_duration(b, e->duration_us);
            if (e->report_ratio && e->in_ratio >= 0)
                judge_buf_printf(b, " [%.3f/%.3f]", e->in_ratio, e->out_ratio);
            judge_buf_str(b, "</span>");
        }
    }
    judge_buf_str(b, "</td>");
}

static void put_heading(judge_buf *b, const judge_store *s, const char *cls, const char *id)
{
    const char *title = judge_category_title(id);
    if (!title)
        return;
    judge_buf_printf(b,
                     "<tr class=\"%s\" id=\"cat_%s\"><td class=\"id\">%s</td><td colspan=\"%zu\">",
                     cls, id, id, s->n + 1);
    judge_put_html(b, title);
    judge_buf_str(b, "</td></tr>\n");
}

/* The words that the chips of the filter look for. */
static void put_filter_words(judge_buf *b, const judge_store *s, const judge_case *c)
{
    bool unclean = false;
    for (size_t k = 0; k < s->n; k++) {
        const judge_entry *e = judge_agent_find(&s->at[k], c->id);
        judge_buf_printf(b, "%s%s", k ? " " : "", e ? judge_verdict_class(verdict(e)) : "missing");
        unclean = unclean || (e && is_unclean(e));
    }
    if (s->n == 0)
        judge_buf_str(b, "missing");
    if (unclean)
        judge_buf_str(b, " unclean");
}

static void put_cases(judge_buf *b, const judge_store *s, const judge_table *t)
{
    judge_buf_str(b, "<section id=\"cases\"><div class=\"scroll\"><table><thead><tr><th></th>"
                     "<th>Case</th>");
    for (size_t k = 0; k < s->n; k++) {
        judge_buf_str(b, "<th class=\"agent\">");
        judge_put_html(b, s->at[k].name);
        judge_buf_str(b, "</th>");
    }
    judge_buf_str(b, "</tr></thead><tbody>\n");
    char category[16] = "", group[16] = "";
    long last_number = 0;
    bool shown = false;
    for (size_t i = 0; i < judge_table_count(t); i++) {
        const judge_case *c = judge_table_at(t, i);
        const char *first = strchr(c->id, '.'), *last = strrchr(c->id, '.');
        int first_len = (int)(first - c->id), last_len = (int)(last - c->id);
        long number = strtol(c->id, NULL, 10);
        if (number != last_number) {
            shown = is_shown(s, (int)number);
            last_number = number;
        }
        if (!shown || !is_for(s, c))
            continue;
        if (strncmp(category, c->id, (size_t)first_len + 1) != 0) {
            snprintf(category, sizeof category, "%.*s.", first_len, c->id);
            char id[16];
            snprintf(id, sizeof id, "%.*s", first_len, c->id);
            put_heading(b, s, "cat", id);
        }
        if (last != first &&
            (strlen(group) != (size_t)last_len || memcmp(group, c->id, (size_t)last_len) != 0)) {
            snprintf(group, sizeof group, "%.*s", last_len, c->id);
            put_heading(b, s, "sub", group);
        }
        char slug[16];
        judge_id_slug(slug, c->id);
        judge_buf_printf(b, "<tr class=\"case\" id=\"case_%s\" data-id=\"%s\" data-v=\"", slug,
                         c->id);
        put_filter_words(b, s, c);
        judge_buf_printf(b, "\"><td class=\"id\"><a href=\"#case_%s\">%s</a></td><td>", slug,
                         c->id);
        judge_put_html(b, c->title ? c->title : "");
        judge_buf_printf(b, "<span class=\"d\">%s <b>Expected:</b> %s</span></td>", c->description,
                         c->expectation);
        for (size_t k = 0; k < s->n; k++)
            put_result(b, &s->at[k], c);
        judge_buf_str(b, "</tr>\n");
    }
    judge_buf_str(b, "</tbody></table></div></section>\n");
}

static void put_legend(judge_buf *b)
{
    judge_buf_str(
        b,
        "<section><details><summary><h2>What the words mean</h2></summary><table><tbody>"
        "<tr><td><span class=\"v pass\">Pass</span></td><td>The peer did what the RFC asks "
        "for.</td></tr>"
        "<tr><td><span class=\"v nonstrict\">Non-Strict</span></td><td>It kept to the RFC, but "
        "less strictly or later than it should: bad text was refused at the end of the message "
        "and not at once, for example.</td></tr>"
        "<tr><td><span class=\"v info\">Info</span></td><td>The RFC leaves this open; what the "
        "peer did is only noted.</td></tr>"
        "<tr><td><span class=\"v unimpl\">Unimplemented</span></td><td>It does not have what the "
        "case needs (permessage-deflate, RFC 7692).</td></tr>"
        "<tr><td><span class=\"v fail\">Fail</span></td><td>It broke a rule, or the connection "
        "ended in a way that no rule allows.</td></tr>"
        "<tr><td><span class=\"v missing\">Missing</span></td><td>The case was not run.</td></tr>"
        "<tr><td>1000, None</td><td>The code in the close frame that the peer sent, or that there "
        "was none.</td></tr>"
        "<tr><td>unclean</td><td>The connection was dropped without the closing handshake, or by "
        "the wrong side.</td></tr>"
        "<tr><td>[0.292/1.000]</td><td>Compression ratio of what was received and what was "
        "sent.</td></tr></tbody></table></details></section>\n");
}

void judge_html_index(judge_buf *b, const judge_store *s, const judge_table *t, int64_t now_ms)
{
    char now[JUDGE_TIME_SIZE];
    size_t n_cases = 0;
    bool scaled = false;
    judge_time(now, now_ms);
    bool shown[100];
    for (int category = 0; category < 100; category++)
        shown[category] = is_shown(s, category);
    for (size_t i = 0; i < judge_table_count(t); i++)
        n_cases += shown[strtol(judge_table_at(t, i)->id, NULL, 10) % 100] &&
                   is_for(s, judge_table_at(t, i));
    for (size_t k = 0; k < s->n; k++)
        for (size_t i = 0; i < s->at[k].n; i++)
            scaled = scaled || s->at[k].at[i].scaled;
    judge_page_begin(b, JUDGE_PAGE_INDEX, "WebSocket conformance report");
    judge_buf_printf(b,
                     "<header><h1>WebSocket conformance report</h1><p class=\"facts\">%zu cases of "
                     "RFC 6455 and RFC 7692, %s <time datetime=\"%s\">%.10s %.8s UTC</time></p>",
                     n_cases, "summary of", now, now, now + 11);
    if (scaled)
        judge_buf_str(b, "<p class=\"note\">A quick run: cases that send many messages sent fewer "
                         "of them than the suite asks for.</p>");
    judge_buf_str(b, "</header>\n<main><div class=\"agents\">");
    for (size_t k = 0; k < s->n; k++)
        put_agent(b, &s->at[k], k, s->n > 1);
    judge_buf_str(b, "</div>\n");
    put_failures(b, s);
    put_categories(b, s);
    judge_put_charts(b, s, t);
    put_filter(b, s);
    put_cases(b, s, t);
    put_legend(b);
    judge_buf_str(b, "</main>\n");
    judge_page_end(b, JUDGE_PAGE_INDEX);
}
