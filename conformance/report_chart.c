/* SPDX-License-Identifier: MIT */
/*
 * Charts of an index page as inline SVG: the time of a round trip for each case of 9.*, 12.* and
 * 13.*, on a logarithmic scale, and the compression ratio of both directions.
 */
#include "conformance/report_parts.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    WIDTH = 400,
    HEIGHT = 168,
    LEFT = 48,
    TOP = 8,
    BOTTOM = 22,
    PLOT_WIDTH = WIDTH - LEFT - 6,
    PLOT_HEIGHT = HEIGHT - TOP - BOTTOM,
    MAX_AGENTS = 6, /* more bars beside each other cannot be told apart; the table has them all */
    MAX_CASES = 32,
};

/* The cases of one group, "12.3". */
typedef struct group {
    const char *name;
    const judge_case *cases[MAX_CASES];
    size_t n;
} group;

static double round_trip(const judge_entry *e)
{
    return (double)e->duration_us / (double)e->messages;
}

static size_t agents_shown(const judge_store *s)
{
    return s->n < MAX_AGENTS ? s->n : MAX_AGENTS;
}

static void put_bar(judge_buf *b, const judge_agent *a, size_t agent, const judge_case *c, double x,
                    double y, double width, const char *cls, const char *what)
{
    char id[16];
    judge_id_slug(id, c->id);
    judge_buf_printf(b,
                     "<a href=\"%s_case_%s.html\"><rect class=\"c%zu%s\" x=\"%.1f\" y=\"%.1f\" "
                     "width=\"%.1f\" height=\"%.1f\" rx=\"1\"><title>%s, ",
                     a->slug, id, agent, cls, x, y, width, TOP + PLOT_HEIGHT - y, c->id);
    judge_put_html(b, c->title ? c->title : "");
    judge_buf_str(b, "\n");
    judge_put_html(b, a->name);
    judge_buf_printf(b, ": %s</title></rect></a>", what);
}

static void put_line(judge_buf *b, double y, const char *label)
{
    judge_buf_printf(b,
                     "<path class=\"grid\" d=\"M%d %.1fH%d\"/><text x=\"%d\" y=\"%.1f\" "
                     "text-anchor=\"end\">%s</text>",
                     LEFT, y, WIDTH - 6, LEFT - 5, y + 3.5, label);
}

static void begin(judge_buf *b, const group *g, const char *what)
{
    judge_buf_printf(b, "<figure><figcaption>%s ", g->name);
    const char *title = judge_category_title(g->name);
    judge_put_html(b, title ? title : "");
    judge_buf_printf(b, "</figcaption><svg viewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"%s\">",
                     WIDTH, HEIGHT, what);
}

/* The numbers below the axis: the last part of each id. */
static void end(judge_buf *b, const group *g)
{
    double slot = (double)PLOT_WIDTH / (double)g->n;
    for (size_t i = 0; i < g->n; i++) {
        const char *dot = strrchr(g->cases[i]->id, '.');
        judge_buf_printf(b, "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%s</text>",
                         LEFT + slot * ((double)i + 0.5), HEIGHT - 7, dot);
    }
    judge_buf_str(b, "</svg></figure>\n");
}

static void put_times(judge_buf *b, const judge_store *s, const group *g)
{
    double low = INFINITY, high = 0;
    size_t agents = agents_shown(s);
    for (size_t k = 0; k < agents; k++) {
        for (size_t i = 0; i < g->n; i++) {
            const judge_entry *e = judge_agent_find(&s->at[k], g->cases[i]->id);
            if (!e || e->behavior == JUDGE_UNIMPLEMENTED)
                continue;
            double us = fmax(round_trip(e), 1);
            low = fmin(low, us);
            high = fmax(high, us);
        }
    }
    if (high == 0)
        return;
    int first = (int)floor(log10(low)), last = (int)ceil(log10(high));
    if (last == first)
        last++;
    begin(b, g, "round-trip times");
    for (int d = first; d <= last; d++) {
        static const char *const labels[] = {"1 \xc2\xb5s", "10 \xc2\xb5s", "100 \xc2\xb5s", "1 ms",
                                             "10 ms",       "100 ms",       "1 s",           "10 s",
                                             "100 s",       "1000 s"};
        double y = TOP + PLOT_HEIGHT * (1 - (double)(d - first) / (last - first));
        put_line(b, y, d < 10 ? labels[d] : "");
    }
    double slot = (double)PLOT_WIDTH / (double)g->n, bar = slot * 0.8 / (double)agents;
    for (size_t k = 0; k < agents; k++) {
        for (size_t i = 0; i < g->n; i++) {
            const judge_entry *e = judge_agent_find(&s->at[k], g->cases[i]->id);
            if (!e || e->behavior == JUDGE_UNIMPLEMENTED)
                continue;
            double us = fmax(round_trip(e), 1);
            double share = (log10(us) - first) / (last - first);
            judge_buf what = {0};
            judge_put_duration(&what, (uint64_t)(us + 0.5));
            if (e->messages > 1)
                judge_buf_printf(&what, " per round trip, %llu of them",
                                 (unsigned long long)e->messages);
            put_bar(b, &s->at[k], k, g->cases[i],
                    LEFT + slot * (double)i + slot * 0.1 + bar * (double)k,
                    TOP + PLOT_HEIGHT * (1 - fmax(share, 0.01)), bar, "", what.at ? what.at : "");
            judge_buf_deinit(&what);
        }
    }
    end(b, g);
}

static void put_ratios(judge_buf *b, const judge_store *s, const group *g)
{
    double high = 0;
    size_t agents = agents_shown(s);
    for (size_t k = 0; k < agents; k++) {
        for (size_t i = 0; i < g->n; i++) {
            const judge_entry *e = judge_agent_find(&s->at[k], g->cases[i]->id);
            if (e)
                high = fmax(high, fmax(e->in_ratio, e->out_ratio));
        }
    }
    if (high <= 0)
        return;
    high = high > 1 ? ceil(high * 2) / 2 : 1;
    begin(b, g, "compression ratios");
    for (int i = 0; i <= 4; i++) {
        char label[16];
        snprintf(label, sizeof label, "%.2f", high * i / 4);
        put_line(b, TOP + PLOT_HEIGHT * (1 - i / 4.0), label);
    }
    double slot = (double)PLOT_WIDTH / (double)g->n, bar = slot * 0.8 / (2.0 * (double)agents);
    for (size_t k = 0; k < agents; k++) {
        for (size_t i = 0; i < g->n; i++) {
            const judge_entry *e = judge_agent_find(&s->at[k], g->cases[i]->id);
            for (int out = 0; e && out < 2; out++) {
                double ratio = out ? e->out_ratio : e->in_ratio;
                char what[64];
                if (ratio < 0)
                    continue;
                snprintf(what, sizeof what, "%s the judge %.3f", out ? "from" : "to", ratio);
                put_bar(b, &s->at[k], k, g->cases[i],
                        LEFT + slot * (double)i + slot * 0.1 + bar * (double)(2 * k + (size_t)out),
                        TOP + PLOT_HEIGHT * (1 - ratio / high), bar, out ? " pale" : "", what);
            }
        }
    }
    end(b, g);
}

/* The next group with charts, from *at on. */
static bool next_group(const judge_table *t, size_t *at, char name[16], group *ret)
{
    ret->n = 0;
    for (; *at < judge_table_count(t); ++*at) {
        const judge_case *c = judge_table_at(t, *at);
        const char *dot = strrchr(c->id, '.');
        if (!c->report_time || !dot)
            continue;
        size_t len = (size_t)(dot - c->id);
        if (ret->n == 0)
            snprintf(name, 16, "%.*s", (int)len, c->id);
        else if (strlen(name) != len || memcmp(name, c->id, len) != 0 || ret->n == MAX_CASES)
            break;
        ret->cases[ret->n++] = c;
    }
    ret->name = name;
    return ret->n > 0;
}

static void put_all(judge_buf *b, const judge_store *s, const judge_table *t, const char *title,
                    const char *text, void (*put)(judge_buf *, const judge_store *, const group *))
{
    judge_buf charts = {0};
    char name[16];
    group g;
    for (size_t at = 0; next_group(t, &at, name, &g);)
        put(&charts, s, &g);
    if (charts.failed)
        b->failed = true;
    if (charts.len > 0) {
        judge_buf_printf(b,
                         "<section><details><summary><h2>%s</h2></summary>"
                         "<p class=\"soft\">%s",
                         title, text);
        for (size_t k = 0; s->n > 1 && k < agents_shown(s); k++) {
            judge_buf_printf(b, " <span class=\"swatch b%zu\"></span>", k);
            judge_put_html(b, s->at[k].name);
        }
        judge_buf_str(b, "</p><div class=\"charts\">\n");
        judge_buf_put(b, charts.at, charts.len);
        judge_buf_str(b, "</div></details></section>\n");
    }
    judge_buf_deinit(&charts);
}

void judge_put_charts(judge_buf *b, const judge_store *s, const judge_table *t)
{
    put_all(b, s, t, "Round-trip time",
            "The time of a case divided by its messages, on a logarithmic scale; the closing is "
            "part of it. The numbers below are those of the cases.",
            put_times);
    put_all(b, s, t, "Compression ratio",
            "Compressed size divided by plain size: dark what the judge received, pale what it "
            "sent. Lower is smaller.",
            put_ratios);
}
