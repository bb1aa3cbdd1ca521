/* SPDX-License-Identifier: MIT */
/*
 * The run as a picture: latency over time, throughput over time, latency by percentile. An SVG, or
 * a page around one; nothing is loaded from elsewhere, colours follow the reader's choice of light
 * or dark, and all of it can be read at the width of a phone.
 */
#include "bench_plot.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "escape.h"

enum {
    WIDTH = 400,
    LEFT = 50,
    RIGHT = 392,
    PANEL = 196, /* of one chart with all around it */
    ABOVE = 38,  /* title and legend */
    TALL = 130,
    N_SERIES = 5,
    N_PANELS = 3,
    HEADER = 92, /* of the SVG that stands alone */
};

static const char style[] =
    ":root{color-scheme:light dark;--bg:#f6f7f7;--text:#16201f;--soft:#566665;--line:#d8dfde;"
    "--s0:#0b6e6e;--s1:#3a6fd8;--s2:#9a7400;--s3:#c4541c;--s4:#b02a6b}"
    "@media(prefers-color-scheme:dark){:root{--bg:#101515;--text:#e4ecea;--soft:#9aaba8;"
    "--line:#2d3a39;--s0:#4cc2b8;--s1:#86aef5;--s2:#e0c25a;--s3:#f0925e;--s4:#f07ab0}}"
    "svg{font:11px system-ui,'DejaVu Sans',sans-serif;fill:var(--text)}"
    ".b{fill:var(--bg)}.t{font-weight:600;font-size:13px}.h{font-weight:600;font-size:16px}"
    ".a{fill:var(--soft)}.g{stroke:var(--line);fill:none}"
    ".l{fill:none;stroke-width:1.6;stroke-linejoin:round}.f{fill:var(--s0);opacity:.18}"
    ".c0{stroke:var(--s0)}.c1{stroke:var(--s1)}.c2{stroke:var(--s2);stroke-dasharray:7 2}"
    ".c3{stroke:var(--s3);stroke-dasharray:3 2}.c4{stroke:var(--s4);stroke-dasharray:1 2}";

static const char page_style[] =
    "body{margin:0;background:var(--bg);color:var(--text);font:16px/1.45 system-ui,'DejaVu "
    "Sans',sans-serif}main{max-width:46rem;margin:0 auto;padding:1rem}"
    "h1{font-size:1.3rem;margin:0 0 .2rem;overflow-wrap:anywhere}p{margin:0 0 1rem;"
    "color:var(--soft)}dl{display:grid;grid-template-columns:repeat(auto-fit,minmax(8.5rem,1fr));"
    "gap:.6rem;margin:0 0 1rem}dt{color:var(--soft);font-size:.85rem}"
    "dd{margin:0;font-size:1.15rem;font-weight:600;font-variant-numeric:tabular-nums}"
    "svg{display:block;width:100%;height:auto}";

static const char *const series[N_SERIES] = {"p50", "p90", "p99", "p99.9", "max"};

typedef struct plot {
    FILE *f;
    const bench *b;
    const bench_histogram *h; /* of the last chart */
    double top;               /* of the panel that is drawn */
    double low, high;         /* of its vertical axis; logarithms where it is logarithmic */
    double seconds;
} plot;

static void put_text(plot *p, const char *s)
{
    for (; *s != 0; s++) {
        const char *entity = escape_entity(*s);
        if (entity != NULL)
            fputs(entity, p->f);
        else
            fputc(*s, p->f);
    }
}

/* ns as people say it. */
static const char *time_text(char *buf, size_t room, double ns)
{
    const char *unit = ns > 0 && ns < 999.5e3 ? "us" : ns > 0 && ns < 999.5e6 ? "ms" : "s";
    double v = ns / (unit[0] == 'u' ? 1e3 : unit[0] == 'm' ? 1e6 : 1e9);
    int n = snprintf(buf, room, "%.*f", v < 9.995 ? 2 : v < 99.95 ? 1 : 0, v);

    /* "50 ms" rather than "50.0 ms". */
    while (n > 0 && strchr(buf, '.') != NULL && (buf[n - 1] == '0' || buf[n - 1] == '.')) {
        bool dot = buf[n - 1] == '.';
        buf[--n] = 0;
        if (dot)
            break;
    }
    snprintf(buf + n, room - (size_t)n, " %s", unit);
    return buf;
}

static const char *count_text(char *buf, size_t room, double v)
{
    if (v < 1e4)
        snprintf(buf, room, v < 10 && v != floor(v) ? "%.1f" : "%.0f", v);
    else if (v < 1e6)
        snprintf(buf, room, v < 1e5 && fmod(v, 1e3) > 0 ? "%.1fk" : "%.0fk", v / 1e3);
    else
        snprintf(buf, room, v < 1e8 && fmod(v, 1e6) > 0 ? "%.2fM" : "%.0fM", v / 1e6);
    return buf;
}

/* -------------------------------------------------------------------------------- axes -- */

static double place_x(const plot *p, double at)
{
    return LEFT + (RIGHT - LEFT) * (p->seconds > 0 ? at / p->seconds : 0);
}

static double place_y(const plot *p, double v)
{
    double share = p->high > p->low ? (v - p->low) / (p->high - p->low) : 0;

    share = share < 0 ? 0 : share > 1 ? 1 : share;
    return p->top + ABOVE + TALL * (1 - share);
}

static void title(plot *p, const char *text)
{
    fprintf(p->f, "<text class=\"t\" x=\"8\" y=\"%.0f\">%s</text>\n", p->top + 13, text);
}

static void line_at(plot *p, double v, const char *label)
{
    double y = place_y(p, v);

    fprintf(p->f,
            "<path class=\"g\" d=\"M%d %.1fH%d\"/><text class=\"a\" x=\"%d\" y=\"%.1f\" "
            "text-anchor=\"end\">%s</text>\n",
            LEFT, y, RIGHT, LEFT - 5, y + 4, label);
}

/* Lines at powers of ten, and where they are few at 2 and 5 times these. */
static void log_axis(plot *p, double least, double most)
{
    static const double steps[] = {1, 2, 5};
    char label[32];

    p->low = log10(least > 100 ? least : 100) - 0.05;
    p->high = log10(most > 1000 ? most : 1000) + 0.05;
    bool wide = p->high - p->low > 2.5;
    for (int e = 2; e < 14; e++) {
        for (int i = 0; i < (wide ? 1 : 3); i++) {
            double v = log10(steps[i]) + e;
            if (v >= p->low && v <= p->high)
                line_at(p, v, time_text(label, sizeof(label), pow(10, v) + 0.001));
        }
    }
}

/* 1, 2 or 5 times a power of ten that goes into `most` two to five times. */
static double step_for(double most, double pieces)
{
    double e = pow(10, floor(log10(most / pieces)));
    double f = most / pieces / e;

    return e * (f > 5 ? 10 : f > 2 ? 5 : f > 1 ? 2 : 1);
}

static void time_axis(plot *p)
{
    double step = p->seconds > 0 ? step_for(p->seconds, 6) : 1;
    char label[32];

    for (int i = 0; i * step <= p->seconds * 1.0001; i++) {
        double x = place_x(p, i * step);
        fprintf(p->f, "<text class=\"a\" x=\"%.1f\" y=\"%.0f\" text-anchor=\"%s\">%s</text>\n", x,
                p->top + ABOVE + TALL + 14, x > RIGHT - 12 ? "end" : "middle",
                time_text(label, sizeof(label), i * step * 1e9));
    }
}

/* ------------------------------------------------------------------------------- panels -- */

static uint64_t value_of(const bench_sample *s, int which)
{
    const uint64_t values[N_SERIES] = {s->p50, s->p90, s->p99, s->p999, s->max};

    return values[which];
}

static void latency_over_time(plot *p)
{
    const bench *b = p->b;
    double least = INFINITY, most = 0;

    title(p, b->set->mode == BENCH_HANDSHAKE ? "Time to open" : "Latency");
    for (int i = 0; i < N_SERIES; i++) {
        int x = 8 + i * 62;
        double y = p->top + 28;
        fprintf(p->f,
                "<path class=\"l c%d\" d=\"M%d %.0fh18\"/><text class=\"a\" x=\"%d\" y=\"%.0f\">%s"
                "</text>\n",
                i, x, y - 4, x + 22, y, series[i]);
    }
    for (uint32_t i = 0; i < b->n_samples; i++) {
        const bench_sample *s = &b->samples[i];
        if (s->max == 0)
            continue;
        least = (double)s->p50 < least ? (double)s->p50 : least;
        most = (double)s->max > most ? (double)s->max : most;
    }
    log_axis(p, most > 0 ? least : 1e3, most);
    time_axis(p);
    for (int k = N_SERIES - 1; k >= 0; k--) {
        bool begun = false;
        fprintf(p->f, "<path class=\"l c%d\" d=\"", k);
        for (uint32_t i = 0; i < b->n_samples; i++) {
            const bench_sample *s = &b->samples[i];
            if (s->max == 0) { /* nothing came: a gap */
                begun = false;
                continue;
            }
            double x = place_x(p, s->at - s->seconds / 2);
            double y = place_y(p, log10((double)value_of(s, k)));
            fprintf(p->f, begun ? "L%.1f %.1f" : "M%.1f %.1fh.1", x, y);
            begun = true;
        }
        fputs("\"/>\n", p->f);
    }
}

static void throughput_over_time(plot *p)
{
    static const char *const what[] = {"Messages per second", "Deliveries per second",
                                       "Handshakes per second", "Messages per second"};
    const bench *b = p->b;
    double most = 0;
    char label[32];

    title(p, what[b->set->mode]);
    for (uint32_t i = 0; i < b->n_samples; i++) {
        const bench_sample *s = &b->samples[i];
        double v = s->seconds > 0 ? (double)s->messages / s->seconds : 0;
        most = v > most ? v : most;
    }
    p->low = 0;
    p->high = most > 0 ? most * 1.05 : 1;
    double step = step_for(p->high, 4);
    for (int i = 0; i * step <= p->high; i++)
        line_at(p, i * step, count_text(label, sizeof(label), i * step));
    time_axis(p);
    for (int fill = 1; fill >= 0; fill--) {
        double x = LEFT;
        fprintf(p->f, "<path class=\"%s\" d=\"", fill ? "f" : "l c0");
        for (uint32_t i = 0; i < b->n_samples; i++) {
            const bench_sample *s = &b->samples[i];
            double y = place_y(p, s->seconds > 0 ? (double)s->messages / s->seconds : 0);
            x = place_x(p, s->at);
            fprintf(p->f, "%s%.1f %.1fH%.1f", i > 0 ? "L" : "M", place_x(p, s->at - s->seconds), y,
                    x);
        }
        if (fill && b->n_samples > 0)
            fprintf(p->f, "V%dH%dZ", (int)(p->top + ABOVE + TALL), LEFT);
        fputs("\"/>\n", p->f);
    }
}

/* Each further ninth takes the same room. */
static void by_percentile(plot *p)
{
    static const char *const labels[] = {"0 %", "90 %", "99 %", "99.9", "99.99", "99.999"};
    const bench_histogram *h = p->h;
    double decades = h->n > 10 ? ceil(log10((double)h->n)) : 1;

    decades = decades > 5 ? 5 : decades;
    title(p, h == p->b->latency && p->b->set->mode != BENCH_HANDSHAKE
                 ? "Latency by percentile"
                 : "Time to open by percentile");
    log_axis(p, h->n > 0 ? (double)h->min : 1e3, (double)h->max);
    for (int i = 0; i <= decades; i++)
        fprintf(p->f, "<text class=\"a\" x=\"%.1f\" y=\"%.0f\" text-anchor=\"%s\">%s</text>\n",
                LEFT + (RIGHT - LEFT) * i / decades, p->top + ABOVE + TALL + 14,
                i == decades ? "end" : "middle", labels[i]);
    if (h->n == 0)
        return;
    fputs("<path class=\"l c0\" d=\"", p->f);
    for (int i = 0; i <= 200; i++) {
        double nines = decades * i / 200;
        double v = (double)bench_histogram_at(h, 1 - pow(10, -nines));
        fprintf(p->f, "%s%.1f %.1f", i > 0 ? "L" : "M", LEFT + (RIGHT - LEFT) * nines / decades,
                place_y(p, log10(v > 1 ? v : 1)));
    }
    fputs("\"/>\n", p->f);
}

static void panels(plot *p, double from)
{
    void (*const all[N_PANELS])(plot *) = {latency_over_time, throughput_over_time, by_percentile};

    for (int i = 0; i < N_PANELS; i++) {
        p->top = from + i * PANEL;
        all[i](p);
    }
}

/* ------------------------------------------------------------------------------- around -- */

static void headline(plot *p)
{
    static const char *const modes[] = {"Echo", "Broadcast", "Handshakes", "Idle"};

    fprintf(p->f, "%s: ", modes[p->b->set->mode]);
    put_text(p, p->b->set->url);
}

static void describe(plot *p)
{
    const bench *b = p->b;
    const bench_settings *s = b->set;

    fprintf(p->f, "%" PRIu32 " connection%s", b->n_held, b->n_held == 1 ? "" : "s");
    if (s->mode == BENCH_ECHO || s->mode == BENCH_BROADCAST) {
        fprintf(p->f, ", %zu octets %s%s", b->plan.size, b->plan.opcode == 1 ? "of text" : "binary",
                s->deflate ? ", compressed" : "");
        if (s->rate > 0)
            fprintf(p->f, ", %" PRIu32 " per second", s->rate);
        else if (s->pipeline > 1)
            fprintf(p->f, ", %" PRIu32 " at a time", s->pipeline);
    }
    fprintf(p->f, ", %.3g s", bench_report_seconds(b));
    if (b->errors.n > 0)
        fprintf(p->f, ", %" PRIu64 " errors", b->errors.n);
}

static void figure(plot *p, const char *name, const char *value)
{
    fprintf(p->f, "<div><dt>%s</dt><dd>%s</dd></div>\n", name, value);
}

static void page(plot *p)
{
    const bench *b = p->b;
    static const double shares[] = {0.5, 0.9, 0.99, 0.999};
    double seconds = bench_report_seconds(b);
    char v[64];

    fputs("<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
          "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n<title>",
          p->f);
    headline(p);
    fprintf(p->f, "</title>\n<style>%s%s</style></head><body><main>\n<h1>", style, page_style);
    headline(p);
    fputs("</h1>\n<p>", p->f);
    describe(p);
    fputs("</p>\n<dl>\n", p->f);
    figure(p, "per second",
           count_text(v, sizeof(v), seconds > 0 ? (double)bench_report_messages(b) / seconds : 0));
    for (int i = 0; i < N_SERIES - 1 && p->h->n > 0; i++)
        figure(p, series[i], time_text(v, sizeof(v), (double)bench_histogram_at(p->h, shares[i])));
    if (p->h->n > 0)
        figure(p, series[N_SERIES - 1], time_text(v, sizeof(v), (double)p->h->max));
    if (b->end.server.known && bench_report_messages(b) > 0) {
        double user, system;
        bench_process_used(&b->begin.server, &b->end.server, &user, &system);
        figure(p, "server's CPU per message",
               time_text(v, sizeof(v), (user + system) * 1e9 / (double)bench_report_messages(b)));
    }
    fprintf(p->f,
            "</dl>\n<svg viewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"Latency and throughput\">"
            "\n",
            WIDTH, PANEL * N_PANELS);
    panels(p, 0);
    fputs("</svg>\n</main></body></html>\n", p->f);
}

static void picture(plot *p)
{
    const bench *b = p->b;
    double seconds = bench_report_seconds(b);
    char v[64], w[64];

    fprintf(p->f,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" role=\"img\">\n<style>"
            "%s</style>\n<rect class=\"b\" width=\"100%%\" height=\"100%%\"/>\n<text class=\"h\" "
            "x=\"8\" y=\"24\"",
            WIDTH, HEADER + PANEL * N_PANELS, style);
    if (strlen(b->set->url) > 30)
        fputs(" textLength=\"384\" lengthAdjust=\"spacingAndGlyphs\"", p->f);
    fputs(">", p->f);
    headline(p);
    fputs("</text>\n<text class=\"a\" x=\"8\" y=\"44\">", p->f);
    describe(p);
    fprintf(p->f, "</text>\n<text x=\"8\" y=\"64\">%s per second",
            count_text(v, sizeof(v), seconds > 0 ? (double)bench_report_messages(b) / seconds : 0));
    if (p->h->n > 0)
        fprintf(p->f, "; p50 %s, p99 %s",
                time_text(v, sizeof(v), (double)bench_histogram_at(p->h, 0.5)),
                time_text(w, sizeof(w), (double)bench_histogram_at(p->h, 0.99)));
    if (p->h->n > 0)
        fprintf(p->f, ", max %s", time_text(v, sizeof(v), (double)p->h->max));
    fputs("</text>\n", p->f);
    panels(p, HEADER - 8);
    fputs("</svg>\n", p->f);
}

bool bench_plot_is_name(const char *path)
{
    size_t n = strlen(path);

    return (n > 4 && strcmp(path + n - 4, ".svg") == 0) ||
           (n > 5 && strcmp(path + n - 5, ".html") == 0);
}

bool bench_plot_write(const bench *b, const char *path)
{
    plot p = {.b = b, .h = b->latency->n > 0 ? b->latency : b->opening_time};
    size_t n = strlen(path);

    p.f = fopen(path, "w");
    if (p.f == NULL) {
        cli_error("bench", "%s: %s", path, strerror(errno));
        return false;
    }
    p.seconds = b->n_samples > 0 ? b->samples[b->n_samples - 1].at : 0;
    if (n > 5 && strcmp(path + n - 5, ".html") == 0)
        page(&p);
    else
        picture(&p);
    bool good = ferror(p.f) == 0;
    good = fclose(p.f) == 0 && good;
    if (!good)
        cli_error("bench", "%s: %s", path, strerror(errno));
    return good;
}
