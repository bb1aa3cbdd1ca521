/* SPDX-License-Identifier: MIT */
/* The wheel alone, with a clock of the test's own: against a plain scan of all deadlines. */
#include "support.h"

#include <stdlib.h>
#include <string.h>

#include "net/timer_wheel.h"
#include "util/attr.h"

typedef struct item {
    wsk__stream stream; /* first */
    uint64_t due;       /* as it should be; UINT64_MAX: none */
    unsigned fired;
    bool again;
} item;

static uint64_t now;
static wsk__wheel *wheel;

static void on_expired(wsk__stream *s)
{
    item *it = (item *)(void *)s;

    assert_true(it->due <= now);
    it->fired++;
    it->due = UINT64_MAX;
    if (it->again) {
        it->again = false;
        it->due = now + 10;
        wsk__wheel_set(wheel, s, it->due);
    }
}

static void item_init(item *it)
{
    memset(it, 0, sizeof(*it));
    it->stream.deadline = UINT32_MAX;
    it->due = UINT64_MAX;
}

static void set(item *it, uint64_t when)
{
    it->due = when;
    wsk__wheel_set(wheel, &it->stream, when);
}

/* The wheel says when it wants to be called; what is due must never be more than a slot late. */
static void check_next(const item *items, size_t n)
{
    uint64_t first = UINT64_MAX;

    for (size_t i = 0; i < n; i++)
        first = items[i].due < first ? items[i].due : first;
    if (first != UINT64_MAX)
        assert_true(wsk__wheel_next(wheel) <= (first > now ? first : now) + 64);
}

static void test_random(void **state)
{
    enum { N = 200 };
    const uint64_t spans[] = {1, 64, 65, 1000, 65000, 66000, 200000};
    wsk__wheel w;
    item items[N];
    uint64_t seed = 1;

    (void)state;
    wheel = &w;
    now = 123456789;
    wsk__wheel_init(&w, now);
    for (size_t i = 0; i < N; i++)
        item_init(&items[i]);
    for (unsigned step = 0; step < 20000; step++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        item *it = &items[(seed >> 20) % N];
        uint64_t span = spans[(seed >> 33) % WSK__COUNT(spans)];

        switch (seed >> 60) {
        case 0:
            set(it, UINT64_MAX);
            break;
        case 1:
            wsk__wheel_remove(&w, &it->stream);
            it->stream.deadline = UINT32_MAX;
            it->due = UINT64_MAX;
            break;
        case 2:
            it->again = true;
            break;
        case 3:
        case 4:
        case 5:
            now += (seed >> 40) % span;
            wsk__wheel_fire(&w, now, on_expired);
            for (size_t i = 0; i < N; i++) {
                if (items[i].due != UINT64_MAX)
                    assert_true(items[i].due + 64 > now);
            }
            break;
        default:
            set(it, now + (seed >> 36) % span);
            break;
        }
        check_next(items, N);
    }
    for (size_t i = 0; i < N; i++)
        wsk__wheel_remove(&w, &items[i].stream);
    assert_int_equal(w.n, 0);
    assert_true(wsk__wheel_next(&w) == UINT64_MAX);
}

static void test_order_of_magnitude(void **state)
{
    wsk__wheel w;
    item it;

    (void)state;
    wheel = &w;
    now = 1000;
    wsk__wheel_init(&w, now);
    item_init(&it);
    assert_true(wsk__wheel_next(&w) == UINT64_MAX);
    /* An hour, with a turn whenever the wheel asks for it: a look once a lap, no more. */
    set(&it, now + 3600000);
    unsigned looks = 0;
    while (it.fired == 0) {
        now = wsk__wheel_next(&w);
        assert_true(now <= 1000 + 3600000 + 64);
        wsk__wheel_fire(&w, now, on_expired);
        looks++;
    }
    assert_true(looks <= 3600000 / 65000 + 2);
    /* Moving to later costs nothing: the link stays where it is. */
    set(&it, now + 100);
    wsk__stream **link = it.stream.timer_prev;
    set(&it, now + 5000);
    assert_ptr_equal(it.stream.timer_prev, link);
    set(&it, now + 99);
    now += 99 + 64;
    wsk__wheel_fire(&w, now, on_expired);
    assert_int_equal(it.fired, 2);
    /* A long sleep of the machine fires everything once. */
    set(&it, now + 70000);
    now += 100000000;
    wsk__wheel_fire(&w, now, on_expired);
    assert_int_equal(it.fired, 3);
    wsk__wheel_fire(&w, now, on_expired);
    assert_int_equal(it.fired, 3);
}

static item *victim, *removes;

static void on_expired_removing(wsk__stream *s)
{
    item *it = (item *)(void *)s;

    if (it != removes) {
        on_expired(s);
        return;
    }
    it->fired++;
    wsk__wheel_remove(wheel, &victim->stream);
    wsk__wheel_set(wheel, s, now); /* due at once: but not in this round */
}

/* `expired` may remove others of the same slot, and set itself. */
static void test_changes_while_firing(void **state)
{
    wsk__wheel w;
    item it[3];

    (void)state;
    wheel = &w;
    now = 6400;
    wsk__wheel_init(&w, now);
    for (int i = 0; i < 3; i++) {
        item_init(&it[i]);
        set(&it[i], now + 1);
    }
    /* Slots are stacks: the last one is first, and removes the one behind it. */
    removes = &it[2];
    victim = &it[1];
    now += 64;
    wsk__wheel_fire(&w, now, on_expired_removing);
    assert_int_equal(it[2].fired, 1);
    assert_int_equal(it[1].fired, 0);
    assert_int_equal(it[0].fired, 1);
    assert_int_equal(w.n, 1);
    now += 64;
    wsk__wheel_fire(&w, now, on_expired_removing);
    assert_int_equal(it[2].fired, 2);
    wsk__wheel_remove(&w, &it[2].stream);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random),
        cmocka_unit_test(test_order_of_magnitude),
        cmocka_unit_test(test_changes_while_firing),
    };

    return cmocka_run_group_tests_name("timer_wheel", tests, NULL, NULL);
}
