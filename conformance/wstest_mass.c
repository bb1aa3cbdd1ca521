/* SPDX-License-Identifier: MIT */
/*
 * The mode massconnect: opens many connections to a server, a batch at a time, and tells how long
 * it took. It ends when they are all open, and drops them then.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include "conformance/report_json.h"
#include "conformance/wstest_modes.h"

typedef struct crowd crowd;

typedef struct member {
    wstest_link link;
    crowd *of;
    uint64_t retry_at; /* ms; 0: not waiting */
    bool begun, open;
} member;

struct crowd {
    const judge_spec *spec;
    wstest_place place;
    member *members;
    size_t n, begun, open;
    uint64_t failed, lost; /* connections that did not come about, that ended again */
    int epoll;
};

static uint64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void on_event(wstest_link *l, const wsk_event *ev)
{
    member *m = l->ud;
    if (ev->type == WSK_EV_OPEN) {
        m->open = true;
        m->of->open++;
    }
}

static void watch(member *m, int how)
{
    uint32_t events = judge_link_events(&m->link.link);
    if (m->link.conn && (wsk_conn_wants(m->link.conn) & WSK_WANT_WRITE))
        events |= EPOLLOUT;
    struct epoll_event e = {.events = events, .data.ptr = m};
    epoll_ctl(m->of->epoll, how, m->link.link.fd, &e);
}

/* The connection is over, or never was: once more, later. */
static void retry(member *m)
{
    crowd *c = m->of;
    if (m->open) {
        c->lost++;
        c->open--;
    } else {
        c->failed++;
    }
    m->open = false;
    putchar('!');
    fflush(stdout);
    judge_wstest_link_deinit(&m->link);
    m->retry_at = now_ms() + c->spec->retry_delay_ms + 1;
}

static void begin(member *m, size_t index)
{
    m->retry_at = 0;
    m->link.on_event = on_event;
    m->link.ud = m;
    if (!judge_wstest_link_begin(&m->link, &m->of->place, index, NULL)) {
        retry(m);
        return;
    }
    watch(m, EPOLL_CTL_ADD);
}

static void step(member *m)
{
    judge_wstest_link_step(&m->link);
    if (m->link.over)
        retry(m);
    else
        watch(m, EPOLL_CTL_MOD);
}

/* One more batch, and those whose time to try again has come. */
static void begin_some(crowd *c, uint64_t now, uint64_t *next_batch)
{
    if (c->begun < c->n && now >= *next_batch) {
        for (uint32_t i = 0; i < c->spec->batch_size && c->begun < c->n; i++, c->begun++) {
            c->members[c->begun].begun = true;
            begin(&c->members[c->begun], c->begun);
        }
        putchar('.');
        fflush(stdout);
        *next_batch = now + c->spec->batch_delay_ms;
    }
    for (size_t i = 0; i < c->begun; i++)
        if (c->members[i].retry_at && now >= c->members[i].retry_at)
            begin(&c->members[i], i);
}

static void gather(crowd *c)
{
    uint64_t next_batch = 0;
    while (c->open < c->n && !judge_wstest_stopped) {
        struct epoll_event events[256];
        begin_some(c, now_ms(), &next_batch);
        int n = epoll_wait(c->epoll, events, 256, c->open < c->n ? 5 : 0);
        for (int i = 0; i < n; i++)
            step(events[i].data.ptr);
    }
}

static void print_result(const crowd *c, const judge_spec_server *s, double seconds)
{
    judge_buf line = {0};
    json_t *v = json_pack("{s:I, s:I, s:I, s:f, s:o, s:o}", "connected", (json_int_t)c->open,
                          "failed", (json_int_t)c->failed, "lost", (json_int_t)c->lost, "seconds",
                          seconds, "name", judge_json_text(s->agent), "uri",
                          judge_json_text(s->url));
    printf("connected %zu clients to %s at %s in %.3f seconds (retries %llu = failed %llu + lost "
           "%llu)\n",
           c->open, s->agent ? s->agent : "server", s->url, seconds,
           (unsigned long long)(c->failed + c->lost), (unsigned long long)c->failed,
           (unsigned long long)c->lost);
    if (v) {
        judge_json_dump_line(&line, v);
        printf("%s\n", line.at ? line.at : "");
    }
    json_decref(v);
    judge_buf_deinit(&line);
}

static bool mass(const judge_spec *spec, const judge_spec_server *server)
{
    const char *why = "";
    crowd c = {.spec = spec, .n = spec->connections, .epoll = epoll_create1(EPOLL_CLOEXEC)};
    c.members = calloc(c.n ? c.n : 1, sizeof *c.members);
    if (!c.members || c.epoll < 0 || !judge_wstest_place(&c.place, server->url, false, &why)) {
        printf("%s: %s\n", server->url, why[0] ? why : strerror(errno));
        free(c.members);
        if (c.epoll >= 0)
            close(c.epoll);
        return false;
    }
    for (size_t i = 0; i < c.n; i++)
        c.members[i].of = &c;
    uint64_t begin_ms = now_ms();
    gather(&c);
    printf("\n");
    print_result(&c, server, (double)(now_ms() - begin_ms) / 1e3);
    bool all = c.open == c.n;
    for (size_t i = 0; i < c.n; i++)
        if (c.members[i].begun && !c.members[i].retry_at)
            judge_wstest_link_deinit(&c.members[i].link);
    judge_wstest_place_deinit(&c.place);
    free(c.members);
    close(c.epoll);
    return all;
}

int judge_wstest_massconnect(const wstest_options *o)
{
    judge_spec spec;
    if (!judge_wstest_spec(o, JUDGE_SPEC_MASSCONNECT, &spec))
        return 1;
    judge_descriptors();
    judge_wstest_catch_signals(NULL, NULL);
    bool all = true;
    for (size_t i = 0; i < spec.n_servers && !judge_wstest_stopped; i++)
        all = mass(&spec, &spec.servers[i]) && all;
    judge_spec_deinit(&spec);
    return all || o->exit_rule == WSTEST_EXIT_NEVER ? 0 : 1;
}
