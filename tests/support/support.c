/* SPDX-License-Identifier: MIT */
/* See support.h. Knows nothing of what is tested. */
#include "support.h"

#include <websock/loop.h>

#include <ctype.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

const size_t cut_sizes[5] = {SIZE_MAX, 1, 2, 3, 7};

static size_t guard_span(size_t n)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);

    return (n + page - 1) / page * page;
}

/* Memcheck sees where a block of the heap ends, to the octet, and is slow with mappings. The end is
 * as aligned as pages let kernels of 64 octets see it. */
#define WATCHED_ALIGN 64

static bool watched(void)
{
    static int set = -1;

    if (set < 0)
        set = getenv("WSK_TEST_VALGRIND") != NULL;
    return set != 0;
}

static size_t watched_span(size_t n)
{
    return (n / WATCHED_ALIGN + 1) * WATCHED_ALIGN;
}

uint8_t *guard_copy(const void *data, size_t n)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), span = guard_span(n);
    uint8_t *base;

    if (watched()) {
        span = watched_span(n);
        if ((base = aligned_alloc(WATCHED_ALIGN, span)) == NULL)
            abort();
    } else {
        base = mmap(NULL, span + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (base == MAP_FAILED || mprotect(base + span, page, PROT_NONE) != 0)
            abort();
    }
    if (n > 0)
        memcpy(base + span - n, data, n);
    return base + span - n;
}

void guard_free(uint8_t *p, size_t n)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), span = guard_span(n);

    if (watched())
        free(p + n - watched_span(n));
    else
        munmap(p + n - span, span + page);
}

/* Each block carries its size in front, so that `octets` can be kept. */
#define BLOCK_HEAD 16

static void *alloc_hook(void *ud, void *p, size_t n)
{
    test_alloc *a = ud;
    uint8_t *block = p ? (uint8_t *)p - BLOCK_HEAD : NULL;
    size_t old = 0;

    if (block != NULL)
        memcpy(&old, block, sizeof(old));
    if (n == 0) {
        if (block != NULL) {
            a->live--;
            a->octets -= old;
            memset(block, 0xDD, old + BLOCK_HEAD);
            free(block);
        }
        return NULL;
    }
    a->calls++;
    if (a->fail_at > 0 && (a->calls == a->fail_at || (a->for_ever && a->calls > a->fail_at))) {
        a->failed = true;
        return NULL;
    }
    uint8_t *fresh = malloc(n + BLOCK_HEAD);
    if (fresh == NULL)
        abort();
    memcpy(fresh, &n, sizeof(n));
    memset(fresh + BLOCK_HEAD, 0xA5, n);
    if (block != NULL) {
        memcpy(fresh + BLOCK_HEAD, block + BLOCK_HEAD, old < n ? old : n);
        memset(block, 0xDD, old + BLOCK_HEAD);
        free(block);
        a->octets -= old;
    } else {
        a->live++;
    }
    a->octets += n;
    if (a->octets > a->peak)
        a->peak = a->octets;
    return fresh + BLOCK_HEAD;
}

static int random_hook(void *ud, void *buf, size_t n)
{
    test_alloc *a = ud;
    uint8_t *p = buf;

    for (size_t i = 0; i < n; i++) {
        a->seed = a->seed * 6364136223846793005u + 1442695040888963407u;
        p[i] = (uint8_t)(a->seed >> 56);
    }
    return 0;
}

void test_alloc_init(test_alloc *a)
{
    memset(a, 0, sizeof(*a));
    a->hooks.size = sizeof(a->hooks);
    a->hooks.ud = a;
    a->hooks.realloc = alloc_hook;
    a->hooks.random = random_hook;
    a->seed = 1;
}

void with_failing_alloc(void (*body)(void *ud, const wsk_hooks *hooks), void *ud)
{
    test_alloc a;

    test_alloc_init(&a);
    body(ud, &a.hooks);
    assert_int_equal(a.live, 0);
    long calls = a.calls;
    for (int for_ever = 0; for_ever < 2; for_ever++) {
        for (long i = 1; i <= calls; i += (long)test_stride(7)) {
            test_alloc_init(&a);
            a.fail_at = i;
            a.for_ever = for_ever != 0;
            body(ud, &a.hooks);
            assert_int_equal(a.live, 0);
        }
    }
}

size_t test_stride(size_t quick)
{
    static int set = -1;

    if (set < 0)
        set = getenv("WSK_TEST_QUICK") != NULL;
    return set ? quick : 1;
}

unsigned test_patience(void)
{
    return watched() ? 12 : 1;
}

static int hex_digit(int c)
{
    return c <= '9' ? c - '0' : tolower(c) - 'a' + 10;
}

uint8_t *unhex(const char *hex, size_t *ret_len)
{
    uint8_t *out = malloc(strlen(hex) / 2 + 1);
    size_t n = 0;

    for (const char *p = hex; *p != 0;) {
        if (isspace((unsigned char)*p) || *p == '|') {
            p++;
            continue;
        }
        if (!isxdigit((unsigned char)p[0]) || !isxdigit((unsigned char)p[1]))
            abort();
        out[n++] = (uint8_t)(hex_digit(p[0]) << 4 | hex_digit(p[1]));
        p += 2;
    }
    *ret_len = n;
    return out;
}

bool test_has_uring(void)
{
    wsk_loop_options o = WSK_LOOP_OPTIONS_INIT;
    wsk_loop *loop;

    o.io = WSK_IO_URING;
    if (wsk_loop_new(&loop, &o) < 0)
        return false;
    wsk_loop_free(loop);
    return true;
}

void test_need_files(unsigned n)
{
    struct rlimit files;

    assert_int_equal(getrlimit(RLIMIT_NOFILE, &files), 0);
    if (files.rlim_cur >= n)
        return;
    files.rlim_cur = n;
    if (setrlimit(RLIMIT_NOFILE, &files) < 0)
        fail_msg("the limit of open files is too low for %u", n);
}

bool test_has_ipv6(void)
{
    const struct sockaddr_in6 a = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    const int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const bool has = fd >= 0 && bind(fd, (const struct sockaddr *)&a, sizeof(a)) == 0;

    if (fd >= 0)
        close(fd);
    return has;
}

int test_bound_socket(uint16_t *ret_port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(a);
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
    *ret_port = ntohs(a.sin_port);
    return fd;
}

/* cmocka's own way of skipping, skip(), prints what TAP takes for a failure. */
__attribute__((constructor)) static void leave_out(void)
{
    if (!test_has_uring())
        cmocka_set_skip_filter("*(io_uring)");
}
