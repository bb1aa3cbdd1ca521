/* SPDX-License-Identifier: MIT */
/* Counting connections by address: against plain counters, and the keys of sockets. */
#include "support.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server/address_table.h"

#define ADDRESSES 300

static void make_address(uint8_t ret[16], unsigned i)
{
    memset(ret, 0, 16);
    ret[10] = ret[11] = 0xFF;
    ret[14] = (uint8_t)(i >> 8);
    ret[15] = (uint8_t)i;
}

static void test_counts(void **state)
{
    static unsigned count[ADDRESSES];
    wsk__address_table *t;
    uint8_t address[16];
    test_alloc a;
    uint32_t x = 1;

    (void)state;
    /* Other seeds: other collisions. */
    for (uint64_t seed = 1; seed <= 20; seed++) {
        test_alloc_init(&a);
        a.seed = seed;
        memset(count, 0, sizeof(count));
        assert_int_equal(wsk__address_table_new(&t, &a.hooks), WSK_OK);
        for (unsigned step = 0; step < 20000; step++) {
            x = x * 1664525 + 1013904223;
            unsigned i = (x >> 8) % ADDRESSES;
            /* It grows, and empties again. */
            bool add = (x >> 24) % 4 < (step / 2000 % 2 == 0 ? 3u : 1u);
            make_address(address, i);
            if (add) {
                assert_int_equal(wsk__address_table_add(t, address), ++count[i]);
            } else {
                wsk__address_table_remove(t, address);
                count[i] -= count[i] > 0;
            }
        }
        for (unsigned i = 0; i < ADDRESSES; i++) {
            make_address(address, i);
            assert_int_equal(wsk__address_table_add(t, address), count[i] + 1);
        }
        wsk__address_table_free(t);
        assert_int_equal(a.live, 0);
    }
    wsk__address_table_free(NULL);
}

/* Whichever octets of addresses differ, the lowest bits of the hash, which tables use, differ as
 * chance has it: nobody's network falls on few places. */
static void test_hash_spreads(void **state)
{
    enum { N = 4096, PLACES = 1024 };
    uint64_t seed = 1, key[2] = {UINT64_C(0x0706050403020100), UINT64_C(0x0f0e0d0c0b0a0908)};
    const uint8_t counting[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};

    (void)state;
    /* As SipHash's authors have it: 3f2acc7f57c29bdb. */
    assert_int_equal(wsk__address_hash(key, counting), 0x57c29bdb);
    for (int round = 0; round < 16; round++) {
        for (int k = 0; k < 2; k++)
            key[k] = seed = seed * 6364136223846793005u + 1442695040888963407u;
        /* Where the lowest two octets of what counts stand: networks of IPv4, and of IPv6. */
        for (int at = 0; at < 15; at++) {
            static uint8_t hits[PLACES];
            unsigned used = 0;

            if (at >= 7 && at < 12)
                continue; /* always the same, or both halves of a mapped address */
            memset(hits, 0, sizeof(hits));
            for (unsigned i = 0; i < N; i++) {
                uint8_t address[16] = {0};

                address[10] = address[11] = at >= 12 ? 0xFF : 0;
                address[at] = (uint8_t)(i >> 8);
                address[at + 1] = (uint8_t)i;
                uint8_t *hit = &hits[wsk__address_hash(key, address) % PLACES];
                used += *hit == 0;
                *hit = 1;
            }
            /* By chance 98 in 100 of the places. */
            assert_in_range(used, PLACES * 9 / 10, PLACES);
        }
    }
}

/* Without memory to grow, addresses that are there are still counted. */
static void test_no_memory(void **state)
{
    wsk__address_table *t = NULL;
    uint8_t address[16];
    test_alloc a;
    unsigned n = 0;

    (void)state;
    for (long fail = 1; fail <= 2; fail++) {
        test_alloc_init(&a);
        a.fail_at = fail;
        assert_int_equal(wsk__address_table_new(&t, &a.hooks), WSK_ERR_NOMEM);
        assert_int_equal(a.live, 0);
    }
    test_alloc_init(&a);
    assert_int_equal(wsk__address_table_new(&t, &a.hooks), WSK_OK);
    a.fail_at = 1;
    a.for_ever = true;
    for (int r = 1; r > 0 && n < 1000; n++) {
        make_address(address, n);
        r = wsk__address_table_add(t, address);
        assert_true(r == 1 || r == WSK_ERR_NOMEM);
    }
    assert_in_range(n, 2, 999);
    a.fail_at = 0;
    for (unsigned i = 0; i + 1 < n; i++) {
        make_address(address, i);
        assert_int_equal(wsk__address_table_add(t, address), 2);
    }
    wsk__address_table_free(t);
    assert_int_equal(a.live, 0);
}

static void key_of(int family, const char *text, bool wanted, uint8_t key[16])
{
    struct sockaddr_in in = {.sin_family = AF_INET};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
    struct sockaddr *a = family == AF_INET ? (struct sockaddr *)&in : (struct sockaddr *)&in6;
    socklen_t n = family == AF_INET ? sizeof(in) : sizeof(in6);
    /* A connected datagram socket has a peer without anyone there. */
    int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return; /* a machine without this family */
    in.sin_port = in6.sin6_port = htons(9);
    assert_int_equal(
        inet_pton(family, text, family == AF_INET ? (void *)&in.sin_addr : (void *)&in6.sin6_addr),
        1);
    if (connect(fd, a, n) < 0) {
        close(fd);
        return;
    }
    assert_true(wsk__address_of(fd, key) == wanted);
    close(fd);
}

static void test_keys(void **state)
{
    uint8_t v4[16], mapped[16], v6[16];
    int pair[2];

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    assert_false(wsk__address_of(pair[0], v4));
    close(pair[0]);
    close(pair[1]);
    assert_false(wsk__address_of(-1, v4));
    key_of(AF_INET, "127.0.0.1", true, v4);
    assert_int_equal(v4[10], 0xFF);
    assert_int_equal(v4[12], 127);
    assert_int_equal(v4[15], 1);
    /* One key for an address, whichever kind of socket it came to. */
    key_of(AF_INET6, "::ffff:127.0.0.1", true, mapped);
    assert_memory_equal(v4, mapped, 16);
    key_of(AF_INET6, "::1", true, v6);
    for (int i = 0; i < 16; i++)
        assert_int_equal(v6[i], 0); /* the first 64 bits */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_counts),
        cmocka_unit_test(test_hash_spreads),
        cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_keys),
    };

    return cmocka_run_group_tests_name("address_table", tests, NULL, NULL);
}
