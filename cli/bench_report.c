/* SPDX-License-Identifier: MIT */
/* The figures of a run, for people and as JSON. docs/websock-bench.1 describes the keys. */
#include <jansson.h>
#include <stdio.h>

#include "bench.h"
#include "command.h"

static const char *const modes[] = {"echo", "broadcast", "handshake", "idle"};

static const struct {
    const char *key;
    double share;
} percentiles[] = {{"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p999", 0.999}};

enum { N_PERCENTILES = sizeof(percentiles) / sizeof(percentiles[0]) };

double bench_report_seconds(const bench *b)
{
    uint64_t end = b->end.time;

    /* An open loop is over with the last message that was due in time; but not sooner. */
    if (b->set->rate != 0 && b->end.time > b->due_end)
        end = b->last_due_answer > b->due_end ? b->last_due_answer : b->due_end;
    return end > b->begin.time ? (double)(end - b->begin.time) / 1e9 : 0;
}

uint64_t bench_report_messages(const bench *b)
{
    uint64_t wrong = b->end.counts.wrong - b->begin.counts.wrong;
    uint64_t all = b->end.counts.messages - b->begin.counts.messages;

    return all > wrong ? all - wrong : 0;
}

uint32_t bench_report_complete(const bench *b)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < b->n_slots; i++)
        n += b->conns[b->slots[i]].done == b->broadcast_sent;
    return n;
}

static double per(double a, double n)
{
    return n > 0 ? a / n : 0;
}

/* --------------------------------------------------------------------------------- json -- */

static json_t *json_latency(const bench_histogram *h)
{
    if (h == NULL) /* it never came to a run, or was not measured */
        return json_null();
    json_t *o = json_object();

    for (int i = 0; i < N_PERCENTILES; i++)
        json_object_set_new(o, percentiles[i].key,
                            json_real((double)bench_histogram_at(h, percentiles[i].share) / 1e3));
    json_object_set_new(o, "max", json_real(h->n > 0 ? (double)h->max / 1e3 : 0));
    json_object_set_new(o, "min", json_real(h->n > 0 ? (double)h->min / 1e3 : 0));
    json_object_set_new(o, "mean", json_real(bench_histogram_mean(h) / 1e3));
    return o;
}

static json_t *json_pss(const bench_process *p)
{
    return p->pss_kib > 0 ? json_integer((json_int_t)p->pss_kib) : json_null();
}

static json_t *json_server(const bench *b)
{
    const bench_process *before = &b->server_before, *load = &b->end.server;
    double user, system, n = (double)bench_report_messages(b);

    if (!load->known)
        return json_null();
    bench_process_used(&b->begin.server, load, &user, &system);
    double grown = ((double)load->rss_kib - (double)before->rss_kib) * 1024;
    double grown_pss = ((double)load->pss_kib - (double)before->pss_kib) * 1024;
    bool has_pss = before->pss_kib > 0 && load->pss_kib > 0;
    return json_pack(
        "{s:i, s:f, s:f, s:f, s:f, s:f, s:I, s:I, s:I, s:o, s:o, s:o, s:f, s:o}", "pid",
        (int)b->set->pid, "user_s", user, "system_s", system, "cpu_us_per_message",
        per((user + system) * 1e6, n), "user_us_per_message", per(user * 1e6, n),
        "system_us_per_message", per(system * 1e6, n), "rss_kib_before",
        (json_int_t)before->rss_kib, "rss_kib_load", (json_int_t)load->rss_kib, "rss_kib_after",
        (json_int_t)b->server_after.rss_kib, "pss_kib_before", json_pss(before), "pss_kib_load",
        json_pss(load), "pss_kib_after", json_pss(&b->server_after), "rss_octets_per_connection",
        per(grown, b->n_held), "pss_octets_per_connection",
        has_pss ? json_real(per(grown_pss, b->n_held)) : json_null());
}

static json_t *json_broadcast(const bench *b)
{
    if (b->set->mode != BENCH_BROADCAST)
        return json_null();
    return json_pack("{s:I, s:i, s:o}", "messages", (json_int_t)b->broadcast_sent,
                     "connections_with_all", (int)bench_report_complete(b), "last_copy_us",
                     json_latency(b->set->rate == 0 ? b->last_copy : NULL));
}

static json_t *json_settings(const bench *b)
{
    const bench_settings *s = b->set;

    return json_pack("{s:i, s:i, s:I, s:f, s:f, s:i, s:b, s:b, s:b, s:b, s:s}", "connections",
                     (int)s->connections, "pipeline", (int)s->pipeline, "size",
                     (json_int_t)b->plan.size, "duration_s", s->duration / 1e3, "warmup_s",
                     s->warmup / 1e3, "rate", (int)s->rate, "text", b->plan.opcode == 1, "deflate",
                     s->deflate, "tls", b->target.url.tls, "spin", s->spin, "io",
                     b->rode_ring ? "uring" : "epoll");
}

static json_t *json_errors(const bench_errors *e)
{
    json_t *list = json_array();

    for (uint32_t i = 0; i < e->n_reasons; i++)
        json_array_append_new(
            list, json_pack("{s:o, s:I}", "reason",
                            json_stringn_nocheck(e->reasons[i].text, strlen(e->reasons[i].text)),
                            "times", (json_int_t)e->reasons[i].n));
    return list;
}

static json_t *json_samples(const bench *b)
{
    json_t *list = json_array();

    for (uint32_t i = 0; i < b->n_samples; i++) {
        const bench_sample *s = &b->samples[i];
        json_array_append_new(
            list,
            json_pack("{s:f, s:f, s:f, s:f, s:f, s:f, s:f}", "at_s", s->at, "messages_per_second",
                      per((double)s->messages, s->seconds), "p50_us", (double)s->p50 / 1e3,
                      "p90_us", (double)s->p90 / 1e3, "p99_us", (double)s->p99 / 1e3, "p999_us",
                      (double)s->p999 / 1e3, "max_us", (double)s->max / 1e3));
    }
    return list;
}

static json_t *json_opening(const bench *b)
{
    double seconds = (double)(b->open_ended - b->open_began) / 1e9;
    double n = b->opening_time != NULL ? (double)b->opening_time->n : 0;

    if (b->set->mode == BENCH_HANDSHAKE) /* there it has no end, and the latency is that of all */
        return json_pack("{s:I, s:n, s:n, s:n}", "connections", (json_int_t)b->opened, "seconds",
                         "connections_per_second", "latency_us");
    return json_pack("{s:I, s:f, s:f, s:o}", "connections", (json_int_t)b->opened, "seconds",
                     seconds, "connections_per_second", per(n, seconds), "latency_us",
                     json_latency(b->opening_time));
}

bool bench_report_json(const bench *b)
{
    double seconds = bench_report_seconds(b), n = (double)bench_report_messages(b);
    json_t *o = json_pack(
        "{s:s, s:s, s:s, s:o, s:I, s:f, s:f, s:f, s:o, s:I, s:o, s:I, s:I, s:I, s:I, s:I, s:I, "
        "s:o, s:o, s:o, s:i, s:o, s:b, s:o}",
        "version", WSK_VERSION_STRING, "url", b->set->url, "mode", modes[b->set->mode], "settings",
        json_settings(b), "messages", (json_int_t)bench_report_messages(b), "seconds", seconds,
        "messages_per_second", per(n, seconds), "octets_per_second",
        per(b->set->mode == BENCH_HANDSHAKE ? 0 : n * (double)b->plan.size, seconds), "latency_us",
        json_latency(b->latency), "errors", (json_int_t)b->errors.n, "error_reasons",
        json_errors(&b->errors), "wrong", (json_int_t)b->counts.wrong, "unanswered",
        (json_int_t)b->unanswered, "unsolicited", (json_int_t)b->unsolicited, "connections",
        (json_int_t)b->n_held, "wire_octets_sent",
        (json_int_t)(b->end.counts.sent - b->begin.counts.sent), "wire_octets_received",
        (json_int_t)(b->end.counts.received - b->begin.counts.received), "server", json_server(b),
        "client",
        json_pack("{s:f, s:f, s:f}", "user_s", b->end.user - b->begin.user, "system_s",
                  b->end.system - b->begin.system, "cpu_us_per_message",
                  per((b->end.user - b->begin.user + b->end.system - b->begin.system) * 1e6, n)),
        "opening", json_opening(b), "closed_in_order", (int)b->n_answered, "broadcast",
        json_broadcast(b), "interrupted", b->interrupted, "samples", json_samples(b));
    bool good = o != NULL && json_dumpf(o, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(9)) == 0;

    json_decref(o);
    return good && putchar('\n') != EOF && fflush(stdout) == 0;
}

/* --------------------------------------------------------------------------------- text -- */

/* "213,456" */
static const char *grouped(char *buf, size_t room, double v)
{
    char digits[40];
    size_t at = 0;
    int n = snprintf(digits, sizeof(digits), v < 1000 && v != (double)(long)v ? "%.1f" : "%.0f", v);
    const char *dot = strchr(digits, '.');
    int whole = dot != NULL ? (int)(dot - digits) : n;

    for (int i = 0; i < n && at + 2 < room; i++) {
        if (i > 0 && i < whole && (whole - i) % 3 == 0)
            buf[at++] = ',';
        buf[at++] = digits[i];
    }
    buf[at] = 0;
    return buf;
}

static void print_latency(const char *name, const bench_histogram *h)
{
    char v[64];

    if (h->n == 0)
        return;
    printf("%-14s", name);
    for (int i = 0; i < N_PERCENTILES; i++)
        printf(" %s %s", i < 3 ? percentiles[i].key : "p99.9",
               grouped(v, sizeof(v), (double)bench_histogram_at(h, percentiles[i].share) / 1e3));
    printf(" max %s us\n", grouped(v, sizeof(v), (double)h->max / 1e3));
}

static void print_server(const bench *b)
{
    const bench_process *load = &b->end.server;
    double user, system, n = (double)bench_report_messages(b);

    if (!load->known)
        return;
    bench_process_used(&b->begin.server, load, &user, &system);
    printf("server         %.3f s user, %.3f s system", user, system);
    if (n > 0)
        printf("; per million messages %.3f s user, %.3f s system", user * 1e6 / n,
               system * 1e6 / n);
    printf("\nmemory         %llu KiB before, %llu KiB under load, %llu KiB after",
           (unsigned long long)b->server_before.rss_kib, (unsigned long long)load->rss_kib,
           (unsigned long long)b->server_after.rss_kib);
    if (b->n_held > 0 && load->rss_kib >= b->server_before.rss_kib)
        printf("; %.0f octets per connection",
               (double)(load->rss_kib - b->server_before.rss_kib) * 1024 / b->n_held);
    putchar('\n');
}

static void print_broadcast(const bench *b)
{
    char v[64], w[64];

    print_latency("last copy", b->last_copy);
    printf("complete       %s connections got each of %s messages\n",
           grouped(v, sizeof(v), bench_report_complete(b)),
           grouped(w, sizeof(w), (double)b->broadcast_sent));
}

bool bench_report_text(const bench *b)
{
    static const char *const what[] = {"messages", "deliveries", "handshakes", "messages"};
    double seconds = bench_report_seconds(b), n = (double)bench_report_messages(b);
    double opening = (double)(b->open_ended - b->open_began) / 1e9;
    char v[64], w[64];

    if (b->set->mode != BENCH_HANDSHAKE) {
        printf("connections    %s opened in %.3f s", grouped(v, sizeof(v), (double)b->opened),
               opening);
        if (b->opened < b->n_conns)
            printf("; %s failed", grouped(v, sizeof(v), (double)(b->n_conns - b->opened)));
        putchar('\n');
        if (b->opened > 1)
            print_latency("opening", b->opening_time);
    } else if (b->n_held < b->n_conns) {
        printf("connections    %s at a time at the most\n", grouped(v, sizeof(v), b->n_held));
    }
    if (b->set->mode != BENCH_IDLE) {
        printf("%-14s %s in %.3f s: %s per second", what[b->set->mode], grouped(v, sizeof(v), n),
               seconds, grouped(w, sizeof(w), per(n, seconds)));
        if (b->set->mode != BENCH_HANDSHAKE)
            printf(", %s octets per second",
                   grouped(v, sizeof(v), per(n * (double)b->plan.size, seconds)));
        putchar('\n');
        print_latency("latency", b->latency);
        if (b->set->mode == BENCH_BROADCAST)
            print_broadcast(b);
        printf("on the wire    %s octets sent",
               grouped(v, sizeof(v), (double)(b->end.counts.sent - b->begin.counts.sent)));
        printf(", %s received\n",
               grouped(v, sizeof(v), (double)(b->end.counts.received - b->begin.counts.received)));
    }
    print_server(b);
    printf("generator      %.3f s user, %.3f s system\n", b->end.user - b->begin.user,
           b->end.system - b->begin.system);
    if (b->unsolicited > 0)
        printf("unsolicited    %llu messages that answer none of ours\n",
               (unsigned long long)b->unsolicited);
    if (b->errors.n > 0)
        printf("errors         %llu\n", (unsigned long long)b->errors.n);
    return fflush(stdout) == 0;
}
