/* SPDX-License-Identifier: MIT */
/* See judge_scene.h. */
#include "judge_scene.h"

static judge_table *table;
static judge_streams *streams;
static size_t pace = SIZE_MAX;

int scene_setup(void **state)
{
    (void)state;
    table = judge_table_new();
    streams = judge_streams_new();
    return table != NULL && streams != NULL ? 0 : -1;
}

int scene_teardown(void **state)
{
    (void)state;
    judge_streams_free(streams);
    judge_table_free(table);
    return 0;
}

void scene_limit(uint64_t limit)
{
    judge_table_free(table);
    table = judge_table_new_limited(limit);
    assert_non_null(table);
}

void scene_pace(size_t most)
{
    pace = most;
}

const judge_case *scene_case(const char *id)
{
    return judge_table_find(table, id);
}

void take(scene *s)
{
    const uint8_t *data;
    size_t n, left = pace;

    judge_peer_clock(s->p, s->now);
    while (left > 0 && (n = judge_peer_output(s->p, &data)) > 0) {
        n = n < left ? n : left;
        left -= n;
        judge_peer_wrote(s->p, n);
        s->taken += n;
        if (judge_peer_paused(s->p))
            judge_peer_turn(s->p);
    }
}

void feed(scene *s, const void *data, size_t n)
{
    judge_peer_feed(s->p, s->now, data, n);
    take(s);
}

void say(scene *s, const char *text)
{
    feed(s, text, strlen(text));
}

void frame(scene *s, uint8_t first, const char *payload, size_t n)
{
    uint8_t head[10] = {first, (uint8_t)n};

    if (n < 126) {
        feed(s, head, 2);
    } else if (n > UINT16_MAX) {
        head[1] = 127;
        for (size_t i = 0; i < 8; i++)
            head[2 + i] = (uint8_t)((uint64_t)n >> 8 * (7 - i));
        feed(s, head, 10);
    } else {
        head[1] = 126;
        head[2] = (uint8_t)(n >> 8);
        head[3] = (uint8_t)n;
        feed(s, head, 4);
    }
    feed(s, payload, n);
}

static judge_crowd_tally crowd;

void scene_crowd(double slowest, double slowdown)
{
    crowd = (judge_crowd_tally){0};
    if (slowest > 0)
        crowd = (judge_crowd_tally){
            .total = 100, .good = 100, .slowest = slowest, .slowdown = slowdown};
}

static void begin_with(scene *s, const judge_case *test, judge_role role, bool compat, double pings)
{
    *s = (scene){.now = SECOND};
    judge_options_init(&s->options);
    s->options.auto_ping_interval = pings;
    const judge_peer_setup set = {
        .test = test,
        .role = role,
        .options = &s->options,
        .host = "example.com",
        .resource = "/x",
        .agent = "test",
        .key = KEY,
        .streams = streams,
        .compat = compat,
        .crowd = crowd,
    };

    assert_non_null(set.test);
    s->p = judge_peer_new(&set, s->now);
    assert_non_null(s->p);
    judge_peer_begin(s->p, s->now);
    take(s);
}

void begin_as(scene *s, const char *id, judge_role role, bool compat, double pings)
{
    begin_with(s, judge_table_find(table, id), role, compat, pings);
}

void begin_shorter(scene *s, const char *id, uint64_t total)
{
    static judge_case made;

    made = *judge_table_find(table, id);
    for (size_t i = 0; i < sizeof(made.ending) / sizeof(made.ending[0]); i++) {
        if (made.ending[i].n > 0)
            made.ending[i].event[0].blob.total = total;
    }
    begin_with(s, &made, JUDGE_ROLE_CLIENT, false, 0);
}

void begin(scene *s, const char *id, judge_role role)
{
    begin_as(s, id, role, false, 0);
}

void open_with(scene *s, const char *id, const char *answer)
{
    begin(s, id, JUDGE_ROLE_CLIENT);
    say(s, answer);
}

void pass(scene *s, int64_t us)
{
    s->now += us;
    judge_peer_tick(s->p, s->now);
    take(s);
}

judge_behavior end(scene *s)
{
    judge_behavior b;

    if (!judge_peer_is_done(s->p))
        judge_peer_lost(s->p, s->now);
    judge_peer_result(s->p, s->now, &s->r);
    b = s->r.behavior;
    assert_true(b == JUDGE_FAILED || s->r.behavior_close != JUDGE_FAILED);
    if (b == JUDGE_FAILED || s->r.behavior_close == JUDGE_FAILED)
        print_message("# %s\n", s->r.why ? s->r.why : "");
    judge_result_deinit(&s->r);
    judge_peer_free(s->p);
    return b;
}

judge_behavior closes(scene *s)
{
    CLOSES(s, "\x03\xe8");
    return end(s);
}

judge_behavior closes_late(scene *s)
{
    pass(s, 11 * SECOND);
    assert_false(judge_peer_is_done(s->p));
    return closes(s);
}
